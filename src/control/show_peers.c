/*
 * kbgpctl peers: an array with an object per peer.  The list holds the keys that fit a line of a
 * table; for one peer that is named, the same object with everything that is known added, one
 * function per subject.  The list is made some peers at a time; one that is added or removed
 * meanwhile may move others past the cursor, which are then missing or there twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/attributes.h"
#include "bgp/fsm.h"
#include "control/commands.h"
#include "control/json_value.h"
#include "control/session_json.h"

static bool is_established(const struct speaker_peer *peer)
{
	return bgp_session_state(speaker_peer_session(peer)) == BGP_STATE_ESTABLISHED;
}

/* What was negotiated, or NULL outside of Established. */
static const struct bgp_codec *peer_codec(const struct speaker_peer *peer)
{
	return is_established(peer) ? bgp_session_codec(speaker_peer_session(peer)) : NULL;
}

static json_t *family_value(const struct speaker_peer *peer, enum ip_family family)
{
	const struct bgp_codec *codec = peer_codec(peer);
	const struct rib_peer *source = speaker_peer_rib_peer(peer);
	const struct update_group_member *member = speaker_peer_member(peer);
	json_t *value = json_object();

	json_set_bool(value, "configured", speaker_peer_config(peer)->families[family]);
	json_set_bool(value, "negotiated", codec && codec->families[family]);
	json_set_bool(value, "addPathSend", codec && codec->add_path_send[family]);
	json_set_bool(value, "addPathReceive", codec && codec->add_path_receive[family]);
	json_set_number(value, "received", source ? source->paths[family] : 0);
	json_set_number(value, "accepted", source ? source->accepted_paths[family] : 0);
	json_set_number(value, "advertised", member ? update_group_advertised(member, family) : 0);
	return value;
}

/* Seconds since the last change into or out of Established; false: never. */
static bool seconds_since_change(
    const struct speaker *speaker, const struct speaker_peer *peer, uint64_t *seconds)
{
	const uint64_t since = bgp_session_since(speaker_peer_session(peer));

	*seconds = since ? (loop_now(speaker_loop(speaker)) - since) / 1000 : 0;
	return since != 0;
}

static void set_place(json_t *value, const struct speaker_peer *peer)
{
	const struct config_peer *config = speaker_peer_config(peer);

	json_set(value, "address", json_value_address(speaker_peer_address(peer)));
	json_set_text(value, "interface", config->interface);
	json_set_text(value, "range", speaker_peer_is_dynamic(peer) ? config->name : NULL);
}

static json_t *summary_value(const struct speaker *speaker, const struct speaker_peer *peer)
{
	const struct bgp_session *session = speaker_peer_session(peer);
	json_t *value = json_object();
	json_t *families = json_object();
	uint64_t seconds;
	const bool changed = seconds_since_change(speaker, peer, &seconds);

	json_set_text(value, "name", speaker_peer_name(peer));
	set_place(value, peer);
	json_set_number(value, "remoteASN", speaker_peer_remote_asn(peer));
	json_set_text(value, "state", bgp_state_name(bgp_session_state(session)));
	json_set_text(value, "holdReason", speaker_peer_hold_reason(peer));
	json_set_number(value, "uptimeSeconds", is_established(peer) ? seconds : 0);
	json_set(value, "changedSeconds", changed ? json_value_number(seconds) : json_null());
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		json_set(families, ip_family_name(family), family_value(peer, family));
	json_set(value, "families", families);
	json_set_text(value, "lastError", speaker_peer_last_error(peer));
	return value;
}

/* One peer in full */

static void set_connection(json_t *value, const struct speaker_peer *peer)
{
	const struct config_peer *config = speaker_peer_config(peer);
	const struct bgp_session *session = speaker_peer_session(peer);
	const struct bgp_session_settings *settings = bgp_session_settings(session);
	struct ip_address local;
	struct ip_address remote;
	uint16_t local_port;
	uint16_t remote_port;

	json_set_number(value, "localASN", settings->local_asn);
	json_set(value, "localRouterID", json_value_quad(settings->identifier));
	json_set_bool(value, "passive", config->passive);
	json_set_number(value, "ebgpMultihop", config->ebgp_multihop);
	json_set_number(value, "ttlSecurity", config->ttl_security);
	json_set_bool(value, "password", config->password_file || config->password_secret.name);
	json_set_bool(value, "connectedCheck", config->connected_check);
	if (!bgp_session_addresses(session, &local, &local_port, &remote, &remote_port)) {
		json_set(value, "connection", json_null());
		return;
	}
	json_set(value, "connection", json_object());
	value = json_object_get(value, "connection");
	json_set(value, "localAddress", json_value_address(&local));
	json_set_number(value, "localPort", local_port);
	json_set(value, "remoteAddress", json_value_address(&remote));
	json_set_number(value, "remotePort", remote_port);
}

/* By name, or by number where there is none, as in the configuration. */
static json_t *attribute_list(const uint64_t types[static 4])
{
	json_t *list = json_array();

	for (unsigned type = 0; type < 256; type++) {
		char number[16];
		const char *name = bgp_attribute_name(type, number);

		if (!(types[type / 64] >> type % 64 & 1))
			continue;
		if (name == number)
			snprintf(number, sizeof(number), "%u", type);
		json_array_append_new(list, json_value_text(name));
	}
	return list;
}

/* Of the routes that are exchanged, beyond the filters. */
static void set_rules(json_t *value, const struct speaker_peer *peer)
{
	const struct config_peer *config = speaker_peer_config(peer);
	json_t *add_path = json_object();

	json_set_text(value, "localASNMode",
	    config->local_asn ? config_local_asn_mode_name(config->local_asn_mode) : NULL);
	json_set_text(value, "role", config->role ? bgp_role_name(config->role) : NULL);
	json_set_bool(value, "strictRole", config->strict_role);
	json_set_bool(value, "routeReflectorClient", config->route_reflector_client);
	json_set(value, "clusterID", json_value_quad_number(speaker_peer_cluster_id(peer)));
	json_set_number(add_path, "send", config->add_path_send);
	json_set_bool(add_path, "receive", config->add_path_receive);
	json_set(value, "addPath", add_path);
	json_set_bool(value, "enforceFirstAS", config->enforce_first_as);
	json_set_number(value, "allowOwnASN", config->allow_own_asn);
	json_set_number(value, "maxASPathLength", config->max_as_path_length);
	json_set_number(value, "maxPrefixes", config->max_prefixes);
	json_set_number(value, "maxPrefixesWarning", config->max_prefixes_warning);
	json_set_bool(value, "aigp", bgp_session_settings(speaker_peer_session(peer))->aigp);
	json_set(value, "stripAttributes", attribute_list(config->strip_attributes));
}

static json_t *filter_names(const struct config *config, const size_t *indices, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		if (indices[i] < config->filter_count)
			json_array_append_new(
			    list, json_value_text(config->filters[indices[i]].name));
	return list;
}

static void set_policy(
    json_t *value, const struct speaker *speaker, const struct speaker_peer *peer)
{
	const struct config *config = speaker_config(speaker);
	const struct config_peer *peer_config = speaker_peer_config(peer);

	json_set(value, "import",
	    peer_config->has_import
		? filter_names(config, peer_config->import, peer_config->import_count)
		: json_null());
	json_set(
	    value, "export", filter_names(config, peer_config->export, peer_config->export_count));
}

static void set_timers(json_t *value, const struct speaker_peer *peer)
{
	const struct bgp_session *session = speaker_peer_session(peer);
	const struct bgp_session_settings *settings = bgp_session_settings(session);
	json_t *timers = json_object();

	json_set_number(timers, "holdTime", bgp_session_hold_time(session));
	json_set_number(timers, "keepaliveTime", bgp_session_keepalive_time(session));
	json_set(timers, "configuredHoldTime", json_value_seconds(settings->hold_time_ms));
	json_set(timers, "configuredKeepaliveTime",
	    settings->keepalive_time_ms ? json_value_seconds(settings->keepalive_time_ms)
					: json_null());
	json_set(timers, "connectRetryTime", json_value_seconds(settings->connect_retry_time_ms));
	json_set(timers, "delayOpenTime", json_value_seconds(settings->delay_open_time_ms));
	json_set(value, "timers", timers);
}

/* Both OPENs are known once both were exchanged. */
static void set_session(json_t *value, const struct speaker_peer *peer)
{
	const struct bgp_session *session = speaker_peer_session(peer);
	const struct bgp_codec *codec = peer_codec(peer);

	session_json_set(value, codec ? bgp_session_local_open(session) : NULL,
	    codec ? bgp_session_remote_open(session) : NULL, codec);
}

static json_t *messages_value(
    const struct bgp_session_counters *counters, enum bgp_direction direction)
{
	static const char *const names[BGP_MESSAGE_TYPES] = {
	    [0] = "total",
	    [BGP_MESSAGE_OPEN] = "open",
	    [BGP_MESSAGE_UPDATE] = "update",
	    [BGP_MESSAGE_NOTIFICATION] = "notification",
	    [BGP_MESSAGE_KEEPALIVE] = "keepalive",
	    [BGP_MESSAGE_ROUTE_REFRESH] = "routeRefresh",
	};
	json_t *value = json_object();

	for (unsigned type = 0; type < BGP_MESSAGE_TYPES; type++)
		json_set_number(value, names[type], counters->messages[direction][type]);
	json_set_number(value, "bytes", counters->bytes[direction]);
	return value;
}

static void set_counters(json_t *value, const struct speaker_peer *peer)
{
	const struct bgp_session *session = speaker_peer_session(peer);
	const struct bgp_session_counters *counters = bgp_session_counters(session);
	const struct rib_peer *source = speaker_peer_rib_peer(peer);
	json_t *messages = json_object();

	json_set(messages, "sent", messages_value(counters, BGP_SENT));
	json_set(messages, "received", messages_value(counters, BGP_RECEIVED));
	json_set(value, "messages", messages);
	json_set_number(value, "queuedBytes", bgp_session_queued(session));
	json_set_number(value, "flaps", counters->flaps);
	json_set_number(value, "connectionAttempts", counters->connection_attempts);
	json_set_number(value, "treatedAsWithdraw", counters->treated_as_withdraw);
	json_set_number(value, "attributesDiscarded", counters->attributes_discarded);
	json_set_number(value, "refusedPaths", source ? source->refused_paths : 0);
}

/* Of the reason of a NOTIFICATION: its text, behind "sent " or "received ". */
static void json_set_notification(
    json_t *value, const char *text_key, const struct bgp_session_reason *reason)
{
	json_set_text(value, text_key, strchr(reason->error.text, ' ') + 1);
	json_set_text(value, "direction", reason->received ? "received" : "sent");
	json_set_number(value, "code", reason->code);
	json_set_number(value, "subcode", reason->subcode);
}

static void set_last_failure(json_t *value, const struct bgp_session_reason *reason)
{
	json_t *last;

	if (!reason->error.text[0]) {
		json_set(value, "lastFailure", json_null());
		return;
	}
	last = json_object();
	json_set_text(last, "reason", reason->error.text);
	if (reason->sent || reason->received)
		json_set_notification(last, "notification", reason);
	json_set(value, "lastFailure", last);
}

static void set_last_notification(
    json_t *value, const struct bgp_session_reason *reason, uint64_t now)
{
	json_t *last;

	if (!reason->sent && !reason->received) {
		json_set(value, "lastNotification", json_null());
		return;
	}
	last = json_object();
	json_set_notification(last, "text", reason);
	json_set_number(last, "secondsAgo", (now - reason->at) / 1000);
	json_set(value, "lastNotification", last);
}

/* What went wrong last, and which NOTIFICATION was the last one: an attempt may have failed since. */
static void set_failures(
    json_t *value, const struct speaker *speaker, const struct speaker_peer *peer)
{
	const struct bgp_session *session = speaker_peer_session(peer);

	set_last_failure(value, bgp_session_last_reason(session));
	set_last_notification(
	    value, bgp_session_last_notification(session), loop_now(speaker_loop(speaker)));
}

static json_t *full_value(const struct speaker *speaker, const struct speaker_peer *peer)
{
	json_t *value = summary_value(speaker, peer);

	set_connection(value, peer);
	set_rules(value, peer);
	set_session(value, peer);
	set_timers(value, peer);
	set_counters(value, peer);
	set_policy(value, speaker, peer);
	set_failures(value, speaker, peer);
	json_set(value, "bfd", json_null());
	return value;
}

/* The list */

enum { PEERS_PER_STEP = 16 };

struct peer_walk {
	const struct speaker *speaker;
	size_t next;
};

static enum answer_step next_peers(void *state, struct text *items)
{
	struct peer_walk *walk = state;

	for (int i = 0; i < PEERS_PER_STEP; i++) {
		const struct speaker_peer *peer = speaker_peer_at(walk->speaker, walk->next);

		if (!peer)
			return ANSWER_END;
		if (walk->next++)
			text_append_bytes(items, ",", 1);
		json_append(items, summary_value(walk->speaker, peer));
	}
	return ANSWER_MORE;
}

static const struct answer_stream peer_stream = {
    .next = next_peers, .free = free, .is_array = true};

static void show_peer(struct speaker *speaker, const char *name, struct answer *answer)
{
	const struct speaker_peer *peer = speaker_peer_find(speaker, name);
	json_t *list;

	if (!peer) {
		answer_with_error(answer, "no peer has the name or address %s", name);
		return;
	}
	list = json_array();
	json_array_append_new(list, full_value(speaker, peer));
	answer_with_value(answer, "peer", list);
}

void show_peers(struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	struct peer_walk *walk;

	if (arguments->positional) {
		show_peer(speaker, arguments->positional, answer);
		return;
	}
	walk = memory_allocate_zero(1, sizeof(*walk));
	walk->speaker = speaker;
	answer_with_stream(answer, "peers", &peer_stream, walk);
}
