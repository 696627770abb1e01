/*
 * What this node originates.  The announcer says which advertisements ask for a prefix, and what
 * they make of it together (combination.c) becomes local paths, as many as there are kinds of peers
 * that are sent something else; nearly always one.
 *
 * An advertisement that is no longer configured stays until the announcer has judged all Services
 * without it.  Other settings, or other lists of peers, make the routes of each combination anew;
 * only prefixes of combinations that have become others are looked at, and the RIB takes what is
 * the same as no change.  They are looked at some in each turn; but at once if bits of audiences
 * change, as peers are about to get these, and shall find the routes that are meant for them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "speaker/merge.h"
#include "speaker/private.h"

/* A prefix of our own, in the list of its combination. */
struct own_prefix {
	struct ip_prefix prefix;
	uint64_t hash;
	uint64_t path_ids; /* of the paths in the RIB: bit i is path id i + 1 */
	struct combination *combination;
	struct own_prefix *next;
	struct own_prefix **link; /* what leads here */
	/* Its combination has other routes: in the list of those that the RIB is to be told of. */
	struct own_prefix *next_due;
	struct own_prefix **due_link; /* what leads here; NULL: it is not in the list */
};

static bool own_has_prefix(const void *item, const void *key)
{
	const struct own_prefix *own = item;

	return ip_prefix_equal(&own->prefix, key);
}

static uint64_t hash_prefix(const struct speaker *speaker, const struct ip_prefix *prefix)
{
	return hash_bytes(prefix, sizeof *prefix, speaker->options.hash_seed);
}

static struct own_prefix *find_own(const struct speaker *speaker, const struct ip_prefix *prefix)
{
	return hash_table_find(
	    &speaker->own_prefixes, hash_prefix(speaker, prefix), own_has_prefix, prefix);
}

static struct own_prefix *add_own(struct speaker *speaker, const struct ip_prefix *prefix)
{
	struct own_prefix *own = memory_allocate_zero(1, sizeof *own);

	own->prefix = *prefix;
	own->hash = hash_prefix(speaker, prefix);
	hash_table_insert(&speaker->own_prefixes, own->hash, own);
	return own;
}

static void leave_combination(struct speaker *speaker, struct own_prefix *own)
{
	struct combination *combination = own->combination;

	if (!combination)
		return;
	*own->link = own->next;
	if (own->next)
		own->next->link = own->link;
	own->combination = NULL;
	speaker_combination_drop(speaker, combination);
}

static void join_combination(struct own_prefix *own, struct combination *combination)
{
	own->combination = combination;
	own->next = combination->prefixes;
	own->link = &combination->prefixes;
	if (own->next)
		own->next->link = &own->next;
	combination->prefixes = own;
}

static void make_due(struct speaker *speaker, struct own_prefix *own)
{
	if (own->due_link)
		return;
	own->next_due = speaker->due_prefixes;
	own->due_link = &speaker->due_prefixes;
	if (own->next_due)
		own->next_due->due_link = &own->next_due;
	speaker->due_prefixes = own;
}

static void end_due(struct own_prefix *own)
{
	if (!own->due_link)
		return;
	*own->due_link = own->next_due;
	if (own->next_due)
		own->next_due->due_link = own->due_link;
	own->due_link = NULL;
}

/* Makes the paths in the RIB the routes of the combination. */
static void put_routes(struct speaker *speaker, struct own_prefix *own)
{
	struct rib_peer *local = rib_peer_at(speaker->rib, RIB_PEER_LOCAL);
	const struct combination *combination = own->combination;
	uint64_t had = own->path_ids;

	end_due(own);
	own->path_ids = 0;
	for (size_t i = 0; combination && i < combination->route_count; i++) {
		const struct origin_route *route = &combination->routes[i];

		rib_update(speaker->rib, local, &own->prefix, route->path_id, route->attributes, 0);
		own->path_ids |= (uint64_t)1 << (route->path_id - 1);
	}
	for (had &= ~own->path_ids; had; had &= had - 1)
		rib_withdraw(speaker->rib, local, &own->prefix, (uint32_t)__builtin_ctzll(had) + 1);
}

static bool has_member(const struct combination *combination, const struct origin *origin)
{
	for (size_t i = 0; combination && i < combination->count; i++)
		if (combination->members[i] == origin)
			return true;
	return false;
}

static void tell_members(struct speaker *speaker, const struct ip_prefix *prefix,
    enum speaker_event_kind kind, const struct combination *who, const struct combination *but_not)
{
	for (size_t i = 0; who && i < who->count; i++)
		if (!has_member(but_not, who->members[i]))
			speaker_tell(speaker, kind, who->members[i]->settings.name, prefix, NULL);
}

static struct origin *find_origin_by_id(const struct speaker *speaker, uint32_t id)
{
	for (size_t i = 0; i < speaker->origin_count; i++)
		if (speaker->origins[i]->id == id)
			return speaker->origins[i];
	return NULL;
}

static struct combination *take_combination(
    struct speaker *speaker, const uint32_t *ids, size_t count)
{
	struct origin **members = memory_allocate_zero(count, sizeof(struct origin *));
	struct combination *combination;

	for (size_t i = 0; i < count; i++)
		members[i] = find_origin_by_id(speaker, ids[i]);
	combination = speaker_combination_take(speaker, members, count);
	free(members);
	return combination;
}

static void prefix_changed(
    void *arg, const struct ip_prefix *prefix, const uint32_t *ids, size_t count)
{
	struct speaker *speaker = arg;
	struct combination *combination = count ? take_combination(speaker, ids, count) : NULL;
	struct own_prefix *own = find_own(speaker, prefix);

	if (!own)
		own = add_own(speaker, prefix);
	tell_members(speaker, prefix, SPEAKER_ANNOUNCED, combination, own->combination);
	tell_members(speaker, prefix, SPEAKER_WITHDRAWN, own->combination, combination);
	leave_combination(speaker, own);
	if (combination)
		join_combination(own, combination);
	put_routes(speaker, own);
	speaker_latency_note(speaker);
	if (combination)
		return;
	hash_table_remove(&speaker->own_prefixes, own->hash, own);
	free(own);
}

static void free_origin(struct origin *origin)
{
	free(origin->settings.name);
	for (size_t i = 0; i < origin->settings.peer_count; i++)
		free(origin->settings.peers[i]);
	free(origin->settings.peers);
	free(origin->settings.communities);
	free(origin);
}

static void service_changed(void *arg, const struct k8s_service_change *change)
{
	speaker_cluster_events_service(arg, change);
}

/* Drops what is no longer configured and has nothing announced any more; true if there was any. */
static bool drop_unused_origins(struct speaker *speaker)
{
	const size_t count = speaker->origin_count;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (speaker->origins[i]->configured || speaker->origins[i]->users)
			speaker->origins[kept++] = speaker->origins[i];
		else
			free_origin(speaker->origins[i]);
	}
	speaker->origin_count = kept;
	return kept < count;
}

static struct origin *find_origin(const struct speaker *speaker, const char *name)
{
	for (size_t i = 0; i < speaker->origin_count; i++)
		if (strcmp(speaker->origins[i]->settings.name, name) == 0)
			return speaker->origins[i];
	return NULL;
}

static struct origin *add_origin(struct speaker *speaker, const char *name)
{
	struct origin *origin = memory_allocate_zero(1, sizeof *origin);

	origin->id = ++speaker->next_origin_id;
	origin->settings.name = memory_copy_string(name);
	speaker->origins = memory_grow(speaker->origins, &speaker->origin_capacity,
	    speaker->origin_count + 1, sizeof(struct origin *));
	speaker->origins[speaker->origin_count++] = origin;
	return origin;
}

/* Takes over what makes a route, and for whom: the configuration may go before the origin does. */
static void copy_settings(struct origin *origin, const struct config_advertisement *from)
{
	struct config_advertisement *settings = &origin->settings;

	for (size_t i = 0; i < settings->peer_count; i++)
		free(settings->peers[i]);
	free(settings->peers);
	free(settings->communities);
	settings->what.type = from->what.type;
	settings->has_local_pref = from->has_local_pref;
	settings->local_pref = from->local_pref;
	settings->has_med = from->has_med;
	settings->med = from->med;
	settings->as_path_prepend = from->as_path_prepend;
	settings->community_count = from->community_count;
	settings->communities =
	    memory_allocate_zero(from->community_count + 1, sizeof *settings->communities);
	for (size_t i = 0; i < from->community_count; i++)
		settings->communities[i] = from->communities[i];
	settings->peer_count = from->peer_count;
	settings->peers = memory_allocate_zero(from->peer_count + 1, sizeof(char *));
	for (size_t i = 0; i < from->peer_count; i++)
		settings->peers[i] = memory_copy_string(from->peers[i]);
}

/* One for each advertisement of the configuration; an old one of its name goes on. */
static void make_origins(struct speaker *speaker, struct k8s_rule *rules)
{
	const struct config *config = speaker->config;

	for (size_t i = 0; i < speaker->origin_count; i++)
		speaker->origins[i]->configured = false;
	for (size_t i = 0; i < config->advertisement_count; i++) {
		const struct config_advertisement *what = &config->advertisements[i];
		struct origin *origin = find_origin(speaker, what->name);

		if (!origin)
			origin = add_origin(speaker, what->name);
		origin->configured = true;
		copy_settings(origin, what);
		rules[i] = (struct k8s_rule){&what->what, origin->id};
	}
}

/* True if any advertisement goes to other bits than before. */
static bool renew_audiences(struct speaker *speaker)
{
	const uint64_t all = speaker->audiences.all;
	bool changed;

	speaker_audiences_make(speaker);
	changed = speaker->audiences.all != all;
	for (size_t i = 0; i < speaker->origin_count; i++) {
		struct origin *origin = speaker->origins[i];
		const uint64_t before = origin->audience;

		origin->audience = speaker_audience_of_list(
		    speaker, origin->settings.peers, origin->settings.peer_count);
		changed |= origin->audience != before;
	}
	return changed;
}

/* Prefixes that are announced already are due if it is to be with something else. */
static void renew_routes(struct speaker *speaker)
{
	struct combination *combination;
	size_t cursor = 0;

	while ((combination = hash_table_next(&speaker->combinations, &cursor))) {
		if (!speaker_combination_renew(speaker, combination))
			continue;
		for (struct own_prefix *own = combination->prefixes; own; own = own->next)
			make_due(speaker, own);
	}
}

/* One of those that are due; false if none is. */
static bool put_due_routes(struct speaker *speaker)
{
	if (!speaker->due_prefixes)
		return false;
	put_routes(speaker, speaker->due_prefixes);
	return true;
}

void speaker_origin_configure(struct speaker *speaker)
{
	const size_t count = speaker->config->advertisement_count;
	struct k8s_rule *rules = memory_allocate_zero(count + 1, sizeof *rules);
	bool at_once;

	speaker->origin_asn = speaker->asn;
	make_origins(speaker, rules);
	at_once = renew_audiences(speaker);
	speaker_conflicts_forget(speaker);
	renew_routes(speaker);
	while (at_once && put_due_routes(speaker))
		;
	k8s_announcer_configure(speaker->announcer, rules, count);
	loop_task_schedule(speaker->loop, &speaker->announce_task);
	free(rules);
}

void speaker_origin_renew(struct speaker *speaker)
{
	renew_routes(speaker);
	loop_task_schedule(speaker->loop, &speaker->announce_task);
}

void speaker_origin_go_on(struct speaker *speaker)
{
	if (k8s_announcer_is_busy(speaker->announcer))
		loop_task_schedule(speaker->loop, &speaker->announce_task);
}

/* What concerns all Services. */
static void continue_announcing(void *arg)
{
	struct speaker *speaker = arg;
	bool more;

	loop_name_work(speaker->loop, "announce rules");
	speaker->event_at = speaker->announce_since;
	do
		more = put_due_routes(speaker) || k8s_announcer_continue(speaker->announcer);
	while (more && !loop_should_yield(speaker->loop));
	speaker->event_at = 0;
	if (more) {
		loop_task_schedule(speaker->loop, &speaker->announce_task);
		return;
	}
	speaker->announce_since = 0;
	if (drop_unused_origins(speaker) && speaker_audiences_relieve(speaker))
		loop_task_schedule(speaker->loop, &speaker->apply_task);
	speaker_cluster_events_judged(speaker);
}

void speaker_origin_start(struct speaker *speaker)
{
	static const struct k8s_announcer_ops ops = {
	    .prefix_changed = prefix_changed, .service_changed = service_changed};

	loop_task_init(&speaker->announce_task, continue_announcing, speaker);
	speaker->announcer = k8s_announcer_new(speaker->cluster, speaker->config->node_name,
	    speaker->options.hash_seed, &ops, speaker);
}

void speaker_origin_stop(struct speaker *speaker)
{
	struct own_prefix *own;

	loop_task_cancel(speaker->loop, &speaker->announce_task);
	k8s_announcer_free(speaker->announcer);
	speaker_combinations_free(speaker);
	for (size_t cursor = 0; (own = hash_table_next(&speaker->own_prefixes, &cursor));)
		free(own);
	hash_table_free(&speaker->own_prefixes);
	for (size_t i = 0; i < speaker->origin_count; i++)
		free_origin(speaker->origins[i]);
	free(speaker->origins);
	speaker_audiences_free(speaker);
}

/* An event may have left something to do for all Services. */
static void end_event(struct speaker *speaker)
{
	if (!speaker->announce_since && k8s_announcer_is_busy(speaker->announcer))
		speaker->announce_since = speaker->event_at;
	speaker_origin_go_on(speaker);
	speaker_cluster_events_judged(speaker);
	speaker->event_at = 0;
}

void speaker_origin_object_changed(
    struct speaker *speaker, const struct k8s_object *object, const struct k8s_object *old)
{
	speaker->event_at = speaker_microseconds();
	k8s_announcer_object_changed(speaker->announcer, object, old);
	end_event(speaker);
}

void speaker_origin_object_removed(struct speaker *speaker, const struct k8s_object *object)
{
	speaker->event_at = speaker_microseconds();
	k8s_announcer_object_removed(speaker->announcer, object);
	end_event(speaker);
}

static const struct combination *combination_of(
    const struct speaker *speaker, const struct ip_prefix *prefix)
{
	const struct own_prefix *own = find_own(speaker, prefix);

	return own ? own->combination : NULL;
}

const char *speaker_advertisement_of_path(const struct speaker *speaker,
    const struct ip_prefix *prefix, const struct rib_path *path, size_t index)
{
	const struct combination *combination = NULL;
	const uint64_t audience = path->attributes->audience;

	if (path->peer == RIB_PEER_LOCAL)
		combination = combination_of(speaker, prefix);
	for (size_t i = 0; combination && i < combination->count; i++) {
		const struct origin *member = combination->members[i];

		if ((!audience || member->audience & audience) && !index--)
			return member->settings.name;
	}
	return NULL;
}

const char *speaker_merged_advertisement(const struct speaker *speaker,
    const struct ip_prefix *prefix, const char *advertisement, size_t index, unsigned *conflicts)
{
	const struct combination *combination = combination_of(speaker, prefix);
	const struct origin *with = find_origin(speaker, advertisement);

	if (!with || !has_member(combination, with))
		return NULL;
	for (size_t i = 0; i < combination->count; i++) {
		const struct origin *member = combination->members[i];

		if (member == with || !(member->audience & with->audience) || index--)
			continue;
		*conflicts = merge_conflicts(&member->settings, &with->settings);
		return member->settings.name;
	}
	return NULL;
}
