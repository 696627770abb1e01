/*
 * One peer: its session, its place in the RIB and in an update group, and what holds it down.
 *
 * A peer exists as long as the configuration names it for this node, or, if it came from a range,
 * until some time after its neighbour has gone.  Its rib_peer lives as long,
 * so that routes keep their index over flaps; its membership in an update group only as long as
 * the session is Established.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/fsm.h"
#include "speaker/private.h"

/* How often it is looked whether the last message of a peer that is gone has left. */
#define RETIRE_LOOK_MS 100
/* Of strangers, who come and go as often as they like; of configured peers there is no limit. */
#define RETIRED_STRANGERS_MAX 64

static void queue_updates(void *arg, struct shared_buffer *buffer)
{
	struct speaker_peer *peer = arg;

	bgp_session_send(peer->session, buffer);
	speaker_latency_queued(peer->speaker);
}

static void push_updates(void *arg)
{
	const struct speaker_peer *peer = arg;

	bgp_session_push(peer->session);
}

static size_t queued_bytes(void *arg)
{
	const struct speaker_peer *peer = arg;

	return bgp_session_queued(peer->session);
}

static void log_up(const struct speaker_peer *peer)
{
	const struct bgp_codec *codec = bgp_session_codec(peer->session);
	const char *separator = "";
	struct text families = {0};

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		if (codec->families[family]) {
			text_append(&families, "%s%s", separator, ip_family_name(family));
			separator = " ";
		}
	}
	log_write(peer->speaker->log, LOG_LEVEL_INFO, peer->name, "up: AS %u, hold time %u s, %s",
	    bgp_session_remote_open(peer->session)->asn, bgp_session_hold_time(peer->session),
	    families.string ? families.string : "no common family");
	speaker_tell(peer->speaker, SPEAKER_PEER_UP, peer->name, NULL, families.string);
	text_free(&families);
}

static void session_established(void *arg)
{
	static const struct update_group_member_ops ops = {
	    .send = queue_updates, .push = push_updates, .queued = queued_bytes};
	struct speaker_peer *peer = arg;
	const struct bgp_open *open = bgp_session_remote_open(peer->session);
	struct export_key key;

	peer->rib_peer = rib_peer_identify(peer->speaker->rib, peer->rib_peer,
	    bgp_session_codec(peer->session)->external ? POLICY_SOURCE_EBGP : POLICY_SOURCE_IBGP,
	    wire_load_u32(open->identifier));
	peer->last_error.text[0] = '\0';
	speaker_convergence_begin(peer);
	speaker_import_begin(peer);
	speaker_neighbour_key(peer, &key);
	peer->member = update_group_join(peer->speaker->groups, &key, peer->rib_peer, &ops, peer);
	peer->speaker->member_count++;
	if (peer->config->interface)
		speaker_look_around(peer->speaker);
	log_up(peer);
}

static void leave_group(struct speaker_peer *peer)
{
	if (!peer->member)
		return;
	update_group_leave(peer->member);
	peer->member = NULL;
	if (!--peer->speaker->member_count)
		speaker_latency_forget(peer->speaker);
}

/* What was let be while the session was up; of a neighbour at an address it concerns no other. */
static void check_reach_after(struct speaker_peer *peer)
{
	struct speaker *speaker = peer->speaker;

	if (peer->config->interface)
		speaker_look_around(speaker);
	else if (speaker->check_reach)
		speaker->check_reach(peer);
}

static void session_down(void *arg, const struct bgp_session_reason *reason)
{
	struct speaker_peer *peer = arg;
	struct speaker *speaker = peer->speaker;

	leave_group(peer);
	speaker_refresh_forget(peer);
	/* At the end of the daemon the routes stay, and with them what the kernel has of them. */
	for (enum ip_family family = 0; family < IP_FAMILIES && !speaker->stopping; family++)
		rib_withdraw_peer(speaker->rib, peer->rib_peer, family);
	if (!(peer->holds & HOLD_MAX_PREFIXES))
		peer->last_error = reason->error;
	log_write(speaker->log, LOG_LEVEL_WARNING, peer->name, "down: %s", reason->error.text);
	speaker_tell(speaker, SPEAKER_PEER_DOWN, peer->name, NULL, reason->error.text);
	check_reach_after(peer);
}

static void session_update(void *arg, const struct bgp_update *update)
{
	speaker_import_update(arg, update);
}

static void session_refresh(void *arg, enum ip_family family, enum bgp_refresh kind)
{
	const struct speaker_peer *peer = arg;

	/* RFC 7313 4: what it sends until then, it sends for the first time. */
	if (kind == BGP_REFRESH_BEGIN && speaker_owes_end_of_rib(peer, family))
		return;
	speaker_refresh(arg, family, kind);
}

static void session_drained(void *arg)
{
	struct speaker_peer *peer = arg;

	speaker_latency_record(peer->speaker);
	if (peer->member)
		update_group_resume(peer->member);
}

static void session_trouble(void *arg, const char *what)
{
	speaker_peer_trouble(arg, what);
}

/* A neighbour of a range that has no connection any more is forgotten after a while. */
static void follow_absence(struct speaker_peer *peer, enum bgp_state state)
{
	peer->was_up |= state == BGP_STATE_ESTABLISHED;
	if (state >= BGP_STATE_OPEN_SENT)
		loop_timer_stop(&peer->absence_timer);
	else
		loop_timer_start(&peer->absence_timer, SPEAKER_ABSENT_MS);
}

static void session_state_changed(void *arg, enum bgp_state from, enum bgp_state to)
{
	struct speaker_peer *peer = arg;
	const struct bgp_session_reason *reason = bgp_session_last_reason(peer->session);

	log_write(peer->speaker->log, LOG_LEVEL_DEBUG, peer->name, "%s -> %s", bgp_state_name(from),
	    bgp_state_name(to));
	if (peer->dynamic)
		follow_absence(peer, to);
	/* A session that was up is told of as down; one that came to nothing has its reason too. */
	if (to < from && (from == BGP_STATE_OPEN_SENT || from == BGP_STATE_OPEN_CONFIRM) &&
	    reason->error.text[0])
		speaker_peer_trouble(peer, reason->error.text);
}

static const struct bgp_session_ops session_ops = {
    .established = session_established,
    .down = session_down,
    .update = session_update,
    .refresh = session_refresh,
    .drained = session_drained,
    .state_changed = session_state_changed,
    .trouble = session_trouble,
};

/*
 * The password of another peer at the address, or "".  Link-local addresses are the same on many
 * links, and have one password on all of them.
 */
static const char *password_of_others(
    const struct speaker_peer *peer, const struct ip_address *address)
{
	const struct speaker *speaker = peer->speaker;

	for (size_t i = 0; i < speaker->peer_count && ip_address_is_link_local(address); i++) {
		const struct speaker_peer *other = speaker->peers[i];
		const struct bgp_transport_options *transport = &other->settings.transport;

		if (other != peer && transport->password[0] &&
		    ip_address_equal(&transport->remote, address))
			return transport->password;
	}
	return "";
}

/*
 * Connections from a range carry the password of the range: range.c.  A node of the mesh that we
 * call does not call us: what the kernel holds of keys is enough for twice as many nodes without it.
 */
static bool needs_no_key(const struct speaker_peer *peer)
{
	return peer->dynamic || (peer->mesh && !peer->config->passive);
}

static bool tell_listeners(const struct speaker_peer *peer, const struct ip_address *address,
    const char *password, struct error *error)
{
	struct ip_prefix host =
	    ip_prefix_from_address(address, ip_family_bits((enum ip_family)address->family));

	if (!password[0])
		password = password_of_others(peer, address);
	return needs_no_key(peer) || ip_address_is_unspecified(address) ||
	       speaker_listeners_set_password(peer->speaker, &host, password, error);
}

void speaker_peer_tell_listeners(const struct speaker_peer *peer)
{
	if (peer->session)
		tell_listeners(peer, &peer->settings.transport.remote,
		    peer->settings.transport.password, NULL);
}

static void forget_password(const struct speaker_peer *peer)
{
	if (peer->session)
		tell_listeners(peer, &peer->settings.transport.remote, "", NULL);
}

static void resolve_chain(
    const struct speaker *speaker, const size_t *indices, size_t count, struct filter_chain *chain)
{
	free(chain->filters);
	chain->filters = memory_allocate_zero(count + 1, sizeof *chain->filters);
	chain->count = count;
	for (size_t i = 0; i < count; i++)
		chain->filters[i] = &speaker->config->filters[indices[i]];
}

struct speaker_peer *speaker_peer_new(struct speaker *speaker, const char *name)
{
	struct speaker_peer *peer = memory_allocate_zero(1, sizeof *peer);

	peer->speaker = speaker;
	peer->name = memory_copy_string(name);
	peer->rib_peer = rib_peer_new(speaker->rib);
	if (!peer->rib_peer) {
		free(peer->name);
		free(peer);
		return NULL;
	}
	peer->rib_peer->owner = peer;
	speaker_index_add(peer);
	peer->holds = HOLD_KERNEL;
	speaker_refresh_start(peer);
	return peer;
}

void speaker_peers_add(struct speaker_peer *peer)
{
	struct speaker *speaker = peer->speaker;

	speaker->peers = memory_grow(speaker->peers, &speaker->peer_capacity,
	    speaker->peer_count + 1, sizeof(struct speaker_peer *));
	speaker->peers[speaker->peer_count++] = peer;
}

void speaker_peers_remove(const struct speaker_peer *peer)
{
	struct speaker *speaker = peer->speaker;
	size_t at = 0;

	while (speaker->peers[at] != peer)
		at++;
	memmove(&speaker->peers[at], &speaker->peers[at + 1],
	    (speaker->peer_count - at - 1) * sizeof(struct speaker_peer *));
	speaker->peer_count--;
	if (at < speaker->start_at)
		speaker->start_at--;
}

static void free_retired(struct speaker *speaker, bool closing_too)
{
	size_t kept = 0;

	for (size_t i = 0; i < speaker->retired_count; i++) {
		struct bgp_session *session = speaker->retired[i];

		if (!closing_too && bgp_session_is_closing(session))
			speaker->retired[kept++] = session;
		else
			bgp_session_free(session);
	}
	speaker->retired_count = kept;
}

static void look_at_retired(void *arg)
{
	struct speaker *speaker = arg;

	free_retired(speaker, false);
	if (speaker->retired_count)
		loop_timer_start(&speaker->retire_timer, RETIRE_LOOK_MS);
}

/*
 * The session of a peer that goes lives on until its last NOTIFICATION has arrived.  It is stopped,
 * so it calls nobody any more.
 */
static void retire_session(const struct speaker_peer *peer)
{
	struct speaker *speaker = peer->speaker;

	if (!bgp_session_is_closing(peer->session) ||
	    (speaker_peer_is_stranger(peer) && speaker->retired_count >= RETIRED_STRANGERS_MAX)) {
		bgp_session_free(peer->session);
		return;
	}
	speaker->retired = memory_grow(speaker->retired, &speaker->retired_capacity,
	    speaker->retired_count + 1, sizeof(struct bgp_session *));
	speaker->retired[speaker->retired_count++] = peer->session;
	loop_timer_start(&speaker->retire_timer, RETIRE_LOOK_MS);
}

void speaker_peer_free(struct speaker_peer *peer, enum bgp_cease_subcode subcode)
{
	if (peer->session) {
		forget_password(peer);
		bgp_session_stop(peer->session, subcode, NULL);
		retire_session(peer);
	}
	leave_group(peer);
	speaker_index_remove(peer);
	loop_timer_free(&peer->refresh_timer);
	loop_timer_free(&peer->absence_timer);
	rib_peer_free(peer->speaker->rib, peer->rib_peer);
	free(peer->import.filters);
	free(peer->export.filters);
	free(peer->hold_text);
	free(peer->name);
	free(peer);
}

/* The import policy has changed: what is in the table was judged by the old one. */
static void import_again(struct speaker_peer *peer)
{
	if (!peer->member || speaker_refresh_request(peer))
		return;
	log_write(peer->speaker->log, LOG_LEVEL_INFO, peer->name,
	    "import has changed, and the neighbour has no route refresh: the session starts anew");
	bgp_session_reset(peer->session, BGP_CEASE_CONFIGURATION_CHANGE, NULL);
}

/* Applies the settings to the session, which is made, not started, with the first ones. */
static void take_settings(struct speaker_peer *peer, const struct bgp_session_settings *settings)
{
	peer->settings = *settings;
	peer->rib_peer->address = settings->transport.remote;
	rib_peer_set_reflector_client(
	    peer->speaker->rib, peer->rib_peer, peer->config->route_reflector_client);
	if (!peer->session)
		peer->session = bgp_session_new(peer->speaker->loop, settings, &session_ops, peer);
	else if (memcmp(bgp_session_settings(peer->session), settings, sizeof *settings) != 0)
		bgp_session_change(peer->session, settings);
}

/* On hold the session is in Idle, and so refuses whatever connects unsigned. */
static void hold_without_password(struct speaker_peer *peer, const struct error *error)
{
	const bool awaited = speaker_password_is_awaited(peer->speaker, peer->config);

	if (strcmp(peer->last_error.text, error->text) != 0)
		log_write(peer->speaker->log, awaited ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
		    peer->name, "%s; the session stays down until that changes", error->text);
	speaker_peer_hold(peer, HOLD_PASSWORD, BGP_CEASE_CONFIGURATION_CHANGE, NULL);
	peer->last_error = *error;
	speaker_password_retry_later(peer->speaker);
}

static void configure_session(struct speaker_peer *peer)
{
	struct bgp_session_settings settings;
	struct error error;
	bool good;

	good = speaker_settings_fill(peer, &settings, &error);
	good &= tell_listeners(peer, &peer->address, settings.transport.password, &error);
	if (!good)
		hold_without_password(peer, &error);
	take_settings(peer, &settings);
	if (good)
		speaker_peer_release(peer, HOLD_PASSWORD);
}

void speaker_peer_move(struct speaker_peer *peer, const struct ip_address *address, uint32_t scope)
{
	forget_password(peer);
	speaker_index_set_address(peer, address, scope);
	configure_session(peer);
}

/* True if the peer is where it was: what is known of its neighbour stays true. */
static bool keeps_place(const struct speaker_peer *peer, const struct config_peer *config)
{
	const struct config_peer *before = peer->config;

	if (peer->dynamic || !config->interface)
		return peer->dynamic || ip_address_equal(&peer->address, &config->address);
	return before && before->interface && strcmp(before->interface, config->interface) == 0;
}

void speaker_peer_prepare(struct speaker_peer *peer, const struct config_peer *config)
{
	if (keeps_place(peer, config))
		return;
	/* Another peer may get the address that this one had. */
	forget_password(peer);
	speaker_index_set_address(peer, &config->address, 0);
	peer->router_interface = 0;
}

void speaker_peer_configure(
    struct speaker_peer *peer, const struct config_peer *config, const struct config *old)
{
	const struct config_peer *before = peer->config;
	struct export_key key;
	bool judge_again;

	peer->config = config;
	judge_again = before && !speaker_settings_judge_alike(peer, before, old);
	peer->judged_asn = peer->speaker->asn;
	peer->judged_cluster_id = speaker_peer_import_cluster_id(peer);
	resolve_chain(peer->speaker, config->import, config->import_count, &peer->import);
	resolve_chain(peer->speaker, config->export, config->export_count, &peer->export);
	if (config->shutdown && !(before && before->shutdown))
		speaker_peer_hold(peer, HOLD_CONFIGURED, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, NULL);
	configure_session(peer);
	if (peer->speaker->check_reach)
		peer->speaker->check_reach(peer);
	/* Not before it has its new settings, and its password. */
	if (!config->shutdown)
		speaker_peer_release(peer, HOLD_CONFIGURED);
	/* Who has called waits with a connection; the others are called by turns. */
	if (peer->dynamic && peer->speaker->fib_ready)
		speaker_peer_release(peer, HOLD_KERNEL);
	if (peer->member) {
		speaker_neighbour_key(peer, &key);
		update_group_move(peer->member, &key);
	}
	if (judge_again)
		import_again(peer);
	speaker_import_check_limits(peer);
}

/*
 * Starting a peer opens a connection.  Thousands are not opened in one turn; none is opened before
 * the kernel's addresses are known.
 */
static void start_some(void *arg)
{
	struct speaker *speaker = arg;

	while (speaker->start_at < speaker->peer_count) {
		struct speaker_peer *peer = speaker->peers[speaker->start_at++];

		if (!(peer->holds & HOLD_KERNEL) || peer->mesh) /* which has a time of its own */
			continue;
		speaker_peer_release(peer, HOLD_KERNEL);
		if (loop_should_yield(speaker->loop)) {
			loop_task_schedule(speaker->loop, &speaker->start_task);
			return;
		}
	}
}

void speaker_peers_release(struct speaker *speaker)
{
	speaker->start_at = 0;
	if (speaker->fib_ready)
		loop_task_schedule(speaker->loop, &speaker->start_task);
}

void speaker_peers_start(struct speaker *speaker)
{
	loop_task_init(&speaker->start_task, start_some, speaker);
	loop_timer_init(speaker->loop, &speaker->retire_timer, look_at_retired, speaker);
}

void speaker_peers_stop(struct speaker *speaker)
{
	loop_task_cancel(speaker->loop, &speaker->start_task);
	while (speaker->peer_count)
		speaker_peer_free(
		    speaker->peers[--speaker->peer_count], BGP_CEASE_ADMINISTRATIVE_SHUTDOWN);
	free_retired(speaker, true);
	free(speaker->retired);
	free(speaker->peers);
	speaker_index_free(speaker);
	loop_timer_free(&speaker->retire_timer);
}
