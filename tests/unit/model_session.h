/*
 * A session of the model of the RIB: it reads what it is sent from the bytes, keeps it, and is
 * strict.  Nothing may be withdrawn that it does not have, no path is sent again as it is, and
 * between the marks of a refresh everything is.
 */
#ifndef TESTS_MODEL_SESSION_H
#define TESTS_MODEL_SESSION_H

#include "receiver.h"
#include "rib/update_group.h"

enum {
	PREFIXES = 48, /* per family */
	IDENTIFIERS = 256 /* more than paths of all peers, those included that are to be swept */
};

/* What a session holds under one Path Identifier; without add-path, under 0. */
struct held_route {
	uint64_t attributes; /* hash; 0: no route */
	uint64_t origin; /* hash of the set and the peer that it came from */
	bool stale; /* since the last mark that began a refresh */
};

struct model_session {
	const struct rib *rib; /* of the sender */
	struct update_group_member *member;
	struct export_key key;
	unsigned peer; /* its number in the model */
	struct rib_peer *const *peers; /* those of the sender, by number */
	size_t queued;
	unsigned ends[IP_FAMILIES]; /* End-of-RIBs since it joined */
	unsigned add_path; /* bit f: agreed upon for family f */
	bool lenient[IP_FAMILIES]; /* the same may come again until all rests */
	bool marked[IP_FAMILIES]; /* between the marks of a refresh */
	bool asked[IP_FAMILIES]; /* for a refresh with marks that has not begun */
	struct held_route routes[IP_FAMILIES][PREFIXES][IDENTIFIERS];
};

static inline unsigned number_of(const struct ip_prefix *prefix)
{
	return prefix->bytes[1];
}

static inline uint64_t hash_attributes(
    const struct bgp_attributes *attributes, const struct bgp_next_hop *next_hop)
{
	uint8_t bytes[4096];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));
	struct arena arena = {NULL};

	bgp_attributes_encode_canonical(&writer, attributes, &arena);
	wire_put_bytes(&writer, &next_hop->address, sizeof(next_hop->address));
	assert_false(writer.failed);
	arena_free(&arena);
	return hash_bytes(bytes, wire_written(&writer), 5) | 1;
}

static inline struct held_route *held_route(
    struct model_session *session, const struct ip_prefix *prefix, uint32_t path_id)
{
	assert_true(path_id < IDENTIFIERS);
	assert_int_equal(path_id > 0, session->add_path >> prefix->family & 1);
	return &session->routes[prefix->family][number_of(prefix)][path_id];
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

static inline void take_announced(void *arg, const struct ip_prefix *prefix, uint32_t path_id,
    const struct bgp_attributes *attributes, const struct bgp_next_hop *next_hop)
{
	struct model_session *session = arg;
	struct held_route *held = held_route(session, prefix, path_id);
	const struct held_route old = *held;

	*held = (struct held_route){.attributes = hash_attributes(attributes, next_hop)};
	if (path_id) {
		const struct rib_path *path = find_sent_under(session->rib, prefix, path_id);

		assert_non_null(path);
		assert_int_not_equal(path->peer, session->peers[session->peer]->index);
		held->origin = path->attributes->hash + path->peer;
	}
	if (path_id && old.attributes == held->attributes && old.origin == held->origin &&
	    !session->lenient[prefix->family] && !session->marked[prefix->family])
		fail_msg("peer %u was sent the same again", session->peer);
}

static inline void take_withdrawn(void *arg, const struct ip_prefix *prefix, uint32_t path_id)
{
	struct model_session *session = arg;
	struct held_route *held = held_route(session, prefix, path_id);
	char text[IP_TEXT_MAX];

	if (!held->attributes)
		fail_msg("peer %u was withdrawn %s, which it does not have", session->peer,
		    ip_prefix_print(prefix, text));
	held->attributes = 0;
}

/* RFC 7313 4 at the far end: what was not sent again would be lost. */
static inline void take_mark(void *arg, enum ip_family family, enum bgp_refresh kind)
{
	struct model_session *session = arg;
	struct held_route *held = &session->routes[family][0][0];

	assert_int_equal(session->ends[family], 1);
	assert_int_equal(session->marked[family], kind == BGP_REFRESH_END);
	session->marked[family] = kind == BGP_REFRESH_BEGIN;
	if (kind == BGP_REFRESH_BEGIN)
		session->asked[family] = false;
	for (unsigned i = 0; i < PREFIXES * IDENTIFIERS; i++) {
		if (kind == BGP_REFRESH_END && held[i].attributes)
			assert_false(held[i].stale);
		held[i].stale = true;
	}
}

static inline void take_end_of_rib(void *arg, enum ip_family family)
{
	struct model_session *session = arg;

	session->ends[family]++;
	assert_int_equal(session->ends[family], 1);
}

static inline void take_buffer(void *arg, struct shared_buffer *buffer)
{
	struct model_session *session = arg;
	const struct receiver receiver = {session, &session->key.codec, take_announced,
	    take_withdrawn, take_end_of_rib, take_mark, NULL};

	receive_buffer(&receiver, buffer);
}

static inline size_t say_queued(void *arg)
{
	return ((struct model_session *)arg)->queued;
}

#endif
