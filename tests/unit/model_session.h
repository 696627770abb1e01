/*
 * A session of the model of the RIB: it reads what it is sent from the bytes, keeps it, and is
 * strict.  Nothing is sent or withdrawn without a cause, nothing is withdrawn that it does not
 * have, no path is sent again as it is, End-of-RIB comes once and ends what was there before, and
 * between the marks of a refresh everything is sent.
 */
#ifndef TESTS_MODEL_SESSION_H
#define TESTS_MODEL_SESSION_H

#include "base/memory.h"
#include "receiver.h"
#include "rib/update_group.h"

/* When what has changed last: the causes of all messages.  A number for each operation. */
struct model_news {
	uint32_t now;
	uint32_t everything; /* something that may concern every prefix */
	uint32_t *prefixes[IP_FAMILIES]; /* by number */
};

/* What a session holds under one Path Identifier; without add-path, under 0. */
struct held_route {
	uint64_t attributes; /* hash; 0: no route */
	uint64_t origin; /* hash of the set and the peer that it came from */
	uint32_t sent_at; /* of the news; 0: nothing was ever sent of it */
	bool stale; /* since the last mark that began a refresh */
};

struct model_session {
	const struct rib *rib; /* of the sender */
	const struct model_news *news;
	struct update_group_member *member;
	struct rib_peer *of; /* its rib_peer, while it is a member */
	struct export_key key;
	const struct policy_filter *chain[1]; /* of the key */
	size_t queued;
	unsigned fails_in; /* buffers; 0: it does not */
	bool pushed; /* nothing was sent since it was told that nothing more comes */
	void (*failed)(void *arg, struct model_session *session); /* in the middle of a send */
	void *failed_arg;
	unsigned families; /* bit f: family f is agreed upon */
	unsigned add_path; /* the same for add-path */
	unsigned ends[IP_FAMILIES]; /* End-of-RIBs since it joined */
	uint32_t ended_at[IP_FAMILIES]; /* of the news */
	bool lenient[IP_FAMILIES]; /* the same may come again until all rests */
	bool marked[IP_FAMILIES]; /* between the marks of a refresh */
	bool asked[IP_FAMILIES]; /* for a refresh with marks that has not begun */
	unsigned prefixes; /* per family */
	unsigned identifiers; /* Path Identifiers are below */
	struct held_route *routes[IP_FAMILIES];
	uint32_t held[IP_FAMILIES]; /* how many routes it has */
	const struct bgp_next_hop *hashed; /* of the message that is being read */
	uint64_t hash;
};

/* Prefixes by number: the default route, then some that cover the many others. */

enum { HUGE_COMMUNITIES = 1050 }; /* four kilobytes: no message that is not extended holds them */

enum { COVERING_PREFIXES = 64, PREFIXES_MAX = (256 - COVERING_PREFIXES) * 256 };

static inline struct ip_prefix prefix_at(enum ip_family family, unsigned number)
{
	struct ip_prefix prefix = {.family = (uint8_t)family};

	if (!number)
		return prefix;
	prefix.bytes[0] = family == IPV4 ? 10 : 0x20;
	if (number < COVERING_PREFIXES) {
		prefix.bytes[1] = (uint8_t)number;
		prefix.length = (uint8_t)(16 + number % 17);
	} else {
		prefix.bytes[1] = (uint8_t)(COVERING_PREFIXES + (number >> 8));
		prefix.bytes[2] = (uint8_t)number;
		prefix.length = (uint8_t)(24 + number % (family == IPV4 ? 9 : 105));
	}
	return prefix;
}

static inline unsigned number_of(const struct ip_prefix *prefix)
{
	if (prefix->bytes[1] < COVERING_PREFIXES)
		return prefix->bytes[1];
	return (unsigned)(prefix->bytes[1] - COVERING_PREFIXES) << 8 | prefix->bytes[2];
}

static inline uint64_t hash_attributes(
    const struct bgp_attributes *attributes, const struct bgp_next_hop *next_hop)
{
	uint8_t bytes[2 * BGP_MESSAGE_MAX];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));
	struct arena arena = {NULL};

	bgp_attributes_encode_canonical(&writer, attributes, &arena);
	wire_put_bytes(&writer, &next_hop->address, sizeof(next_hop->address));
	assert_false(writer.failed);
	arena_free(&arena);
	return hash_bytes(bytes, wire_written(&writer), 5) | 1;
}

/* The content of a set, whatever the store makes of it. */
static inline uint64_t hash_set(const struct attribute_set *set)
{
	struct bgp_attributes attributes;

	attribute_set_view(set, &attributes);
	return hash_attributes(&attributes, &attributes.next_hop) + 2 * set->audience;
}

static inline struct held_route *held_routes(
    const struct model_session *session, const struct ip_prefix *prefix)
{
	return &session->routes[prefix->family][number_of(prefix) * session->identifiers];
}

static inline struct held_route *held_route(
    struct model_session *session, const struct ip_prefix *prefix, uint32_t path_id)
{
	const struct ip_prefix known = prefix_at(prefix->family, number_of(prefix));

	assert_true(ip_prefix_equal(prefix, &known));
	assert_true(number_of(prefix) < session->prefixes);
	assert_true(path_id < session->identifiers);
	assert_int_equal(path_id > 0, session->add_path >> prefix->family & 1);
	return &held_routes(session, prefix)[path_id];
}

/* Nothing may come that nothing has happened for. */
static inline void assert_has_cause(const struct model_session *session,
    const struct ip_prefix *prefix, const struct held_route *held)
{
	const enum ip_family family = prefix->family;
	const struct model_news *news = session->news;
	uint32_t since = session->ended_at[family],
		 changed = news->prefixes[family][number_of(prefix)];
	char text[IP_TEXT_MAX];

	if (session->lenient[family] || session->marked[family])
		return;
	if (held->sent_at > since)
		since = held->sent_at;
	if (news->everything > changed)
		changed = news->everything;
	if (since && changed <= since)
		fail_msg("peer %u was sent of %s without a cause", session->of->index,
		    ip_prefix_print(prefix, text));
}

/* While a sweep is on its way, what has begun it is a cause still. */
static inline uint32_t sending_time(const struct model_session *session)
{
	return rib_is_sweeping(session->rib) ? session->news->everything - 1 : session->news->now;
}

static inline const struct rib_path *find_sent_under(
    const struct rib *rib, const struct ip_prefix *prefix, uint32_t send_id)
{
	const struct rib_prefix *entry = rib_find(rib, prefix, NULL);
	const struct rib_path *path = entry ? &entry->first : NULL;

	while (path && path->send_id != send_id)
		path = rib_path_next(rib, prefix->family, path);
	return path;
}

/* All prefixes of a message have the same attributes. */
static inline uint64_t hash_message(struct model_session *session,
    const struct bgp_attributes *attributes, const struct bgp_next_hop *next_hop)
{
	if (session->hashed != next_hop)
		session->hash = hash_attributes(attributes, next_hop);
	session->hashed = next_hop;
	return session->hash;
}

static inline void take_announced(void *arg, const struct ip_prefix *prefix, uint32_t path_id,
    const struct bgp_attributes *attributes, const struct bgp_next_hop *next_hop)
{
	struct model_session *session = arg;
	struct held_route *held = held_route(session, prefix, path_id);
	const struct held_route old = *held;

	assert_has_cause(session, prefix, held);
	*held = (struct held_route){.attributes = hash_message(session, attributes, next_hop),
	    .sent_at = sending_time(session)};
	session->held[prefix->family] += !old.attributes;
	if (path_id) {
		const struct rib_path *path = find_sent_under(session->rib, prefix, path_id);

		assert_non_null(path);
		assert_int_not_equal(path->peer, session->of->index);
		held->origin = hash_set(path->attributes) + 2 * path->peer;
	}
	if (path_id && old.attributes == held->attributes && old.origin == held->origin &&
	    !session->lenient[prefix->family] && !session->marked[prefix->family])
		fail_msg("peer %u was sent the same again", session->of->index);
}

static inline void take_withdrawn(void *arg, const struct ip_prefix *prefix, uint32_t path_id)
{
	struct model_session *session = arg;
	struct held_route *held = held_route(session, prefix, path_id);
	char text[IP_TEXT_MAX];

	if (!held->attributes)
		fail_msg("peer %u was withdrawn %s, which it does not have", session->of->index,
		    ip_prefix_print(prefix, text));
	assert_has_cause(session, prefix, held);
	*held = (struct held_route){.sent_at = sending_time(session)};
	session->held[prefix->family]--;
}

/* RFC 7313 4 at the far end: what was not sent again would be lost. */
static inline void take_mark(void *arg, enum ip_family family, enum bgp_refresh kind)
{
	struct model_session *session = arg;
	struct held_route *held = session->routes[family];

	assert_int_equal(session->ends[family], 1);
	assert_int_equal(session->marked[family], kind == BGP_REFRESH_END);
	session->marked[family] = kind == BGP_REFRESH_BEGIN;
	if (kind == BGP_REFRESH_BEGIN)
		session->asked[family] = false;
	for (size_t i = 0; i < (size_t)session->prefixes * session->identifiers; i++) {
		if (kind == BGP_REFRESH_END && held[i].attributes)
			assert_false(held[i].stale);
		held[i].stale = true;
	}
}

static inline void take_end_of_rib(void *arg, enum ip_family family)
{
	struct model_session *session = arg;

	assert_int_equal(session->ends[family]++, 0);
	session->ended_at[family] = sending_time(session);
}

static inline void end_message(void *arg)
{
	((struct model_session *)arg)->hashed = NULL;
}

static inline void take_buffer(void *arg, struct shared_buffer *buffer)
{
	struct model_session *session = arg;
	const struct receiver receiver = {session, &session->key.codec, take_announced,
	    take_withdrawn, take_end_of_rib, take_mark, end_message};

	assert_non_null(session->member);
	session->pushed = false;
	receive_buffer(&receiver, buffer);
	if (session->fails_in && !--session->fails_in)
		session->failed(session->failed_arg, session);
}

static inline void push(void *arg)
{
	struct model_session *session = arg;

	session->pushed = true;
}

static inline size_t say_queued(void *arg)
{
	const struct model_session *session = arg;

	assert_non_null(session->member);
	return session->queued;
}

/* Before it joins: it has nothing. */
static inline void session_begin(struct model_session *session)
{
	session->queued = 0;
	session->fails_in = 0;
	session->pushed = true;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		free(session->routes[family]);
		session->routes[family] =
		    memory_allocate_zero((size_t)session->prefixes * session->identifiers,
			sizeof(*session->routes[family]));
		session->held[family] = session->ends[family] = 0;
		session->ended_at[family] = 0;
		session->lenient[family] = session->marked[family] = session->asked[family] = false;
	}
}

#endif
