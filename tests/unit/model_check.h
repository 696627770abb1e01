/*
 * The comparison of the model with what is there.  A new table is filled from the array, in another
 * order; its paths must be those of the table under test, and what it exports must be what each
 * session has been sent.  What counts something is compared with what there is to count.
 */
#ifndef TESTS_MODEL_CHECK_H
#define TESTS_MODEL_CHECK_H

#include "model.h"

enum { MEMO_SIZE = 4096 };

/* The bytes of a route under one key are found out once. */
struct memo {
	const struct attribute_set *set;
	const struct policy_rule *rule;
	unsigned key;
	uint16_t peer;
	uint8_t family;
	uint64_t hash;
};

struct naive {
	struct model *model;
	struct rib *rib;
	struct rib *ranking; /* another one, for naive_export() */
	struct memo memos[MEMO_SIZE];
};

/* What is to be sent of a prefix to all sessions with one key. */
struct expected_route {
	const struct rib_path *path; /* of the naive table */
	uint32_t path_id;
	uint64_t hash;
};

struct expected {
	struct expected_route routes[NAIVE_ROUTES_MAX];
	size_t count;
};

static inline void track_naively(void *arg, struct rib_next_hop *next_hop)
{
	struct naive *naive = arg;
	unsigned number = next_hop_number(next_hop);

	rib_next_hop_resolve(
	    naive->rib, next_hop, naive->model->reachable[number], naive->model->cost[number]);
}

/* Puts all paths of the model into a table; the order differs from time to time. */
static inline void fill_naive(struct naive *naive)
{
	struct model *model = naive->model;
	const uint32_t prefixes = model->profile->prefixes, path_ids = model->profile->path_ids;
	const uint32_t total = model->profile->peers * IP_FAMILIES * prefixes * path_ids;
	const uint32_t start = pick(model, total);

	for (uint64_t i = 0; i < total; i++) {
		uint32_t at = (uint32_t)((start + i * 7919) % total);
		unsigned id = at % path_ids, number = at / path_ids % prefixes;
		enum ip_family family = at / path_ids / prefixes % IP_FAMILIES;
		unsigned peer = at / path_ids / prefixes / IP_FAMILIES;
		const struct ip_prefix prefix = prefix_at(family, number);
		const struct model_path *path = model_path(model, peer, family, number, id);

		if (path->kind)
			assert_true(put_path(naive->rib, rib_peer_at(naive->rib, (uint16_t)peer),
			    &model->arena, &prefix, id, path));
	}
}

static inline void begin_naive(struct naive *naive, struct model *model)
{
	const struct rib_options options = {77, model->multipath};
	const struct rib_next_hop_ops ops = {track_naively, NULL};

	memset(naive, 0, sizeof(*naive));
	naive->model = model;
	naive->rib = rib_new(NULL, &options);
	naive->ranking = rib_new(NULL, &options);
	rib_set_next_hop_tracker(naive->rib, &ops, naive);
	for (unsigned i = 0; i < model->profile->peers; i++) {
		struct rib *ribs[] = {naive->rib, naive->ranking};

		for (unsigned j = 0; j < 2; j++) {
			struct rib_peer *peer =
			    i ? rib_peer_new(ribs[j]) : rib_peer_at(ribs[j], RIB_PEER_LOCAL);

			fill_peer(peer, i, model->peers[i].identifier);
		}
	}
	fill_naive(naive);
}

/* The table. */

/* The path of the table under test that the naive one stands for. */
static inline const struct rib_path *find_twin(
    const struct model *model, const struct ip_prefix *prefix, const struct rib_path *naive_path)
{
	const struct rib_prefix *entry = rib_find(model->rib, prefix, NULL);
	const struct rib_path *path = entry ? &entry->first : NULL;

	while (path && (peer_number(model, path->peer) != naive_path->peer ||
			   path->path_id != naive_path->path_id))
		path = rib_path_next(model->rib, prefix->family, path);
	return path;
}

static inline void check_paths(const struct naive *naive, const struct ip_prefix *prefix)
{
	const struct model *model = naive->model;
	const struct rib_prefix *expected = rib_find(naive->rib, prefix, NULL);
	const struct rib_prefix *found = rib_find(model->rib, prefix, NULL);

	assert_int_equal(!expected, !found);
	if (!expected)
		return;
	assert_int_equal(found->dirty, 0);
	assert_int_equal(!rib_best_path(expected), !rib_best_path(found));
	if (rib_best_path(expected))
		assert_ptr_equal(
		    find_twin(model, prefix, rib_best_path(expected)), rib_best_path(found));
	for (const struct rib_path *path = &expected->first; path;
	     path = rib_path_next(naive->rib, prefix->family, path)) {
		const struct rib_path *twin = find_twin(model, prefix, path);

		assert_non_null(twin);
		assert_int_equal(twin->flags, path->flags);
		assert_int_equal(twin->lost_at, path->lost_at);
		assert_true(hash_set(twin->attributes) == hash_set(path->attributes));
	}
}

static inline void check_longest_match(const struct naive *naive, const struct ip_prefix *prefix)
{
	const struct ip_address address = ip_prefix_address(prefix);
	const struct rib_prefix *found = rib_longest_match(naive->model->rib, &address, NULL);
	const struct rib_prefix *expected = rib_longest_match(naive->rib, &address, NULL);

	assert_int_equal(!found, !expected);
	if (found)
		assert_true(ip_prefix_equal(&found->prefix, &expected->prefix));
}

static inline void check_family(const struct naive *naive, enum ip_family family)
{
	const struct model *model = naive->model;

	assert_int_equal(
	    rib_prefix_count(model->rib, family), rib_prefix_count(naive->rib, family));
	assert_int_equal(rib_path_count(model->rib, family), rib_path_count(naive->rib, family));
	for (unsigned i = 0; i < model->profile->prefixes; i++) {
		const struct ip_prefix prefix = prefix_at(family, i);

		check_paths(naive, &prefix);
		check_longest_match(naive, &prefix);
	}
	for (unsigned i = 0; i < model->profile->peers; i++) {
		const struct rib_peer *peer = model->peers[i].peer;
		const struct rib_peer *expected = rib_peer_at(naive->rib, (uint16_t)i);

		assert_int_equal(peer->paths[family], expected->paths[family]);
		assert_int_equal(peer->accepted_paths[family], expected->accepted_paths[family]);
		assert_int_equal(peer->stale_paths[family], 0);
		assert_int_equal(peer->refused_paths, model->peers[i].refused);
	}
}

/* Sessions. */

static inline uint64_t expected_hash(struct naive *naive, const struct model_session *session,
    unsigned key, enum ip_family family, const struct export_route *route)
{
	const struct attribute_set *set = route->path->attributes;
	const uint64_t mix = hash_u64(
	    (uint64_t)(uintptr_t)set ^ (uint64_t)route->path->peer << 48 ^ (uint64_t)key << 56);
	struct memo *memo = &naive->memos[mix % MEMO_SIZE];
	struct bgp_attributes attributes;
	struct arena arena = {NULL};

	if (memo->set == set && memo->rule == route->rule && memo->key == key &&
	    memo->peer == route->path->peer && memo->family == family)
		return memo->hash;
	export_attributes(naive->rib, &session->key, family, route, &arena, &attributes);
	*memo = (struct memo){.set = set,
	    .rule = route->rule,
	    .key = key,
	    .peer = route->path->peer,
	    .family = (uint8_t)family,
	    .hash = hash_attributes(&attributes, &attributes.next_hop)};
	arena_free(&arena);
	return memo->hash;
}

/* Paths with more attributes than a message holds are not sent, and no other ones in their place. */
static inline bool fits_a_message(
    const struct model_session *session, const struct export_route *route)
{
	return session->key.codec.extended_message ||
	       route->path->attributes->wire_length < HUGE_COMMUNITIES * sizeof(uint32_t);
}

static inline void expect(struct naive *naive, const struct model_session *session, unsigned key,
    const struct ip_prefix *prefix, struct expected *expected)
{
	const bool add_path = session->add_path >> prefix->family & 1;
	static struct naive_routes found;

	naive_export(naive->rib, naive->ranking, &session->key, prefix, &found);
	expected->count = 0;
	for (size_t i = 0; i < found.count; i++) {
		const struct rib_path *path = found.routes[i].path;

		if (!fits_a_message(session, &found.routes[i]))
			continue;
		expected->routes[expected->count++] = (struct expected_route){.path = path,
		    .path_id = add_path ? find_twin(naive->model, prefix, path)->send_id : 0,
		    .hash = expected_hash(naive, session, key, prefix->family, &found.routes[i])};
	}
}

/* The group says of the prefix what the session holds. */
static inline void check_shown(const struct model_session *session, const struct ip_prefix *prefix)
{
	const struct held_route *held = held_routes(session, prefix);
	struct update_group_route shown;
	struct arena arena = {NULL};
	uint32_t id, cursor = 0;
	unsigned count = 0, seen = 0;

	for (unsigned i = 0; i < session->identifiers; i++)
		count += held[i].attributes != 0;
	rib_find(session->rib, prefix, &id);
	while (update_group_show(session->member, prefix->family, id, &cursor, &arena, &shown)) {
		assert_true(hash_attributes(&shown.attributes, &shown.attributes.next_hop) ==
			    held[shown.path_id].attributes);
		seen++;
	}
	assert_int_equal(seen, count);
	arena_free(&arena);
}

/* Returns how many routes of the prefix the session should have, and has. */
static inline unsigned check_held(const struct model_session *session, unsigned number,
    const struct ip_prefix *prefix, const struct expected *expected)
{
	const struct held_route *held = held_routes(session, prefix);
	char text[IP_TEXT_MAX];
	unsigned count = 0;

	for (size_t i = 0; i < expected->count; i++) {
		const struct expected_route *route = &expected->routes[i];

		if (route->path->peer == number)
			continue;
		if (held[route->path_id].attributes != route->hash)
			fail_msg("neighbour %u, %s #%u: %s", number, ip_prefix_print(prefix, text),
			    route->path_id,
			    held[route->path_id].attributes ? "has other attributes" : "lacks it");
		count++;
	}
	return count;
}

/* All sessions with the key of this one, which is the first of them; returns how many. */
static inline void check_key(struct naive *naive, unsigned first)
{
	struct model *model = naive->model;
	const struct model_session *session = &model->sessions[first];
	static struct expected expected;
	bool equal[PEERS_MAX] = {false};

	for (unsigned i = first; i < model->profile->peers; i++)
		equal[i] = model->sessions[i].member &&
			   export_key_equal(&session->key, &model->sessions[i].key);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		const bool agreed = session->families >> family & 1;
		uint32_t counts[PEERS_MAX] = {0};

		for (unsigned number = 0; agreed && number < model->profile->prefixes; number++) {
			const struct ip_prefix prefix = prefix_at(family, number);
			const bool shown = pick(model, 16) == 0;

			expect(naive, session, first, &prefix, &expected);
			for (unsigned i = first; i < model->profile->peers; i++) {
				if (!equal[i])
					continue;
				counts[i] += check_held(&model->sessions[i], i, &prefix, &expected);
				if (shown)
					check_shown(&model->sessions[i], &prefix);
			}
		}
		for (unsigned i = first; i < model->profile->peers; i++) {
			if (!equal[i])
				continue;
			/* It has nothing else. */
			assert_int_equal(model->sessions[i].held[family], counts[i]);
			assert_int_equal(model->sessions[i].ends[family], agreed);
		}
	}
}

static inline void check_sessions(struct naive *naive)
{
	const struct model *model = naive->model;
	size_t keys = 0;

	for (unsigned i = 1; i < model->profile->peers; i++) {
		bool is_first = model->sessions[i].member;

		for (unsigned j = 1; is_first && j < i; j++)
			is_first =
			    !model->sessions[j].member ||
			    !export_key_equal(&model->sessions[i].key, &model->sessions[j].key);
		if (is_first)
			check_key(naive, i);
		keys += is_first;
	}
	/* All that have caught up are one. */
	assert_int_equal(update_groups_count(model->groups), keys);
	assert_int_equal(update_groups_stream_count(model->groups), keys);
}

/* At rest: all of it. */
static inline void check_everything(struct model *model)
{
	struct naive *naive = memory_allocate_zero(1, sizeof(*naive));

	begin_naive(naive, model);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		check_family(naive, family);
	check_sessions(naive);
	for (unsigned i = 0; i < LISTENERS; i++)
		check_listener(&model->listeners[i]);
	rib_free(naive->ranking);
	rib_free(naive->rib);
	free(naive);
}

/* At any time: what counts is right, whatever is on its way. */
static inline void check_counters(const struct model *model)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		uint32_t paths = 0;

		for (uint32_t i = 0; i < rib_peer_limit(model->rib); i++) {
			const struct rib_peer *peer = rib_peer_at(model->rib, (uint16_t)i);

			if (peer)
				paths += peer->paths[family] + peer->stale_paths[family];
		}
		assert_int_equal(rib_path_count(model->rib, family), paths);
		for (unsigned i = 0; i < model->profile->peers; i++) {
			const struct model_session *session = &model->sessions[i];

			assert_int_equal(
			    model->peers[i].peer->paths[family], model->peers[i].count[family]);
			if (session->member)
				assert_int_equal(update_group_advertised(session->member, family),
				    session->held[family]);
		}
	}
}

#endif
