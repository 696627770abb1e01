/*
 * The RIB against a naive model.  Peers announce and withdraw at random, several paths of a prefix
 * and all of them again in a refresh; next hops flap; sessions, with add-path and without, come,
 * go, lag, ask for a refresh and change their policy; and everything is told, swept and encoded at
 * random moments.  The model is an array of what each peer has announced last.  Now and then all
 * comes to rest; then a new table is filled from the array, in another order, and what each
 * session has been sent, as it read it from the bytes, must be what the new table exports.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "model_session.h"
#include "naive_export.h"
#include "routes.h"

enum {
	SEEDS = 8,
	STEPS = 32000, /* per seed */
	STEPS_TO_REST = 200,
	PEERS = 7, /* the first is this node */
	KINDS = 24, /* of attribute sets */
	NEXT_HOPS = 6,
	PATHS = 3, /* of one peer for one prefix */
	POLICIES = 3
};

static const char *const next_hop_texts[NEXT_HOPS] = {
    "192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8:1::1", "2001:db8:1::2", "fe80::3"};

/* What one path is made of; kind 0: no path. */
struct model_path {
	uint8_t kind;
	uint8_t next_hop;
	bool filtered;
	bool stale; /* not sent again since its peer began a refresh */
	uint8_t audience;
};

struct model {
	uint64_t random;
	struct rib *rib;
	struct rib_peer *peers[PEERS];
	struct update_groups *groups;
	struct model_session sessions[PEERS];
	struct model_path paths[PEERS][IP_FAMILIES][PREFIXES][PATHS];
	bool refreshing[PEERS][IP_FAMILIES];
	/* Import policy was changed, and the table may not have been swept since. */
	bool refiltering[PEERS][IP_FAMILIES];
	uint32_t salt[PEERS][IP_FAMILIES];
	uint32_t identifiers[PEERS];
	bool reachable[NEXT_HOPS];
	uint32_t cost[NEXT_HOPS];
	struct rib_next_hop *tracked[NEXT_HOPS];
	struct policy_prefix_match entries[POLICIES];
	struct policy_rule rules[POLICIES];
	struct policy_filter filters[POLICIES];
	const struct policy_filter *chains[POLICIES][1];
	/* What is configured: export policy, which peer lists the peers are in, how many paths. */
	unsigned policy;
	uint64_t audiences;
	uint8_t path_limit;
	struct arena arena;
};

static uint32_t pick(struct model *model, uint32_t limit)
{
	model->random = model->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((model->random >> 33) % limit);
}

static struct ip_prefix prefix_at(enum ip_family family, unsigned number)
{
	struct ip_prefix prefix = {.family = (uint8_t)family};

	/* Of different lengths, one of them the default route. */
	prefix.length = (uint8_t)(number ? 16 + number % 17 : 0);
	if (number) {
		prefix.bytes[0] = family == IPV4 ? 10 : 0x20;
		prefix.bytes[1] = (uint8_t)number;
	}
	return prefix;
}

/* Attributes that differ in what decisions, reflection, communities and AIGP look at. */
static struct bgp_attributes make_attributes(
    struct arena *arena, const struct model_path *path, bool local)
{
	const uint32_t ases[] = {65001 + path->kind % 3, 65010, 65020, 0};
	const uint32_t length = path->kind % 5 == 0 ? 1 : 0;
	static const uint8_t aigp[] = {1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 9};
	struct bgp_attributes attributes = attributes_of(
	    arena, local ? NULL : next_hop_texts[path->next_hop], local ? NULL : &ases[length]);

	if (path->kind % 2)
		set_med(&attributes, path->kind % 4);
	if (path->kind % 7 == 0)
		set_local_pref(&attributes, 90 + path->kind);
	if (path->kind % 11 == 0)
		add_community(arena, &attributes, BGP_COMMUNITY_NO_EXPORT);
	if (path->kind % 13 == 0)
		add_community(arena, &attributes, BGP_COMMUNITY_NO_ADVERTISE);
	if (path->kind % 5 == 0 && !local) {
		attributes.aigp = (struct wire_span){aigp, sizeof(aigp)};
		bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_AIGP);
	}
	attributes.origin = path->kind % 6 == 0 ? BGP_ORIGIN_INCOMPLETE : BGP_ORIGIN_IGP;
	return attributes;
}

/* Next hops, for the table under test and for the naive one. */

static unsigned next_hop_number(const struct rib_next_hop *next_hop)
{
	for (unsigned i = 0; i < NEXT_HOPS; i++) {
		const struct ip_address address = address_of(next_hop_texts[i]);

		if (ip_address_equal(&address, &next_hop->key.address))
			return i;
	}
	fail_msg("an unknown next hop is tracked");
	return 0;
}

static void track(void *arg, struct rib_next_hop *next_hop)
{
	struct model *model = arg;
	unsigned number = next_hop_number(next_hop);

	assert_null(model->tracked[number]);
	model->tracked[number] = next_hop;
	if (pick(model, 2)) /* else at the next rest */
		rib_next_hop_resolve(
		    model->rib, next_hop, model->reachable[number], model->cost[number]);
}

static void untrack(void *arg, struct rib_next_hop *next_hop)
{
	struct model *model = arg;
	unsigned number = next_hop_number(next_hop);

	assert_ptr_equal(model->tracked[number], next_hop);
	model->tracked[number] = NULL;
}

struct naive {
	struct model *model;
	struct rib *rib;
	struct rib *ranking; /* another one, for naive_export() */
};

static void track_naively(void *arg, struct rib_next_hop *next_hop)
{
	struct naive *naive = arg;
	unsigned number = next_hop_number(next_hop);

	rib_next_hop_resolve(
	    naive->rib, next_hop, naive->model->reachable[number], naive->model->cost[number]);
}

/* Peers, policies and keys. */

static void fill_peer(struct rib_peer *peer, unsigned number)
{
	peer->source = !number	    ? POLICY_SOURCE_LOCAL
		       : number % 2 ? POLICY_SOURCE_EBGP
				    : POLICY_SOURCE_IBGP;
	peer->reflector_client = number == 4 || number == 6;
	peer->address = ip_address_from_ipv4(0x0a000000 + number);
}

static void fill_policies(struct model *model)
{
	for (unsigned i = 1; i < POLICIES; i++) {
		model->entries[i] = (struct policy_prefix_match){
		    .prefix = {{0}, 0, IPV4}, .ge = 0, .le = (uint8_t)(10 + 10 * i)};
		model->rules[i] = (struct policy_rule){
		    .match = {.prefixes = &model->entries[i], .prefix_count = 1},
		    .action = POLICY_ACCEPT,
		    .set = {.has_med = i == 2, .med = 77},
		};
		model->filters[i] =
		    (struct policy_filter){.rules = &model->rules[i], .rule_count = 1};
		model->chains[i][0] = &model->filters[i];
	}
}

static void fill_key(const struct model *model, struct model_session *session)
{
	const struct rib_peer *of = model->peers[session->peer];
	struct export_key *key = &session->key;

	memset(key, 0, sizeof(*key));
	key->codec.families[IPV4] = key->codec.families[IPV6] = true;
	key->codec.as4 = true;
	key->codec.extended_next_hop = session->peer == 3;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		key->codec.add_path_send[family] = session->add_path >> family & 1;
	key->path_limit = model->path_limit;
	key->aigp = session->peer != 1;
	if (session->peer == 4)
		key->next_hop = EXPORT_NEXT_HOP_SELF;
	key->codec.external = of->source == POLICY_SOURCE_EBGP;
	key->reflector_client = of->reflector_client;
	key->local_asn = key->router_asn = 64512;
	key->cluster_id = 9;
	key->audiences = model->audiences;
	key->self[IPV4].address = address_of("198.51.100.1");
	key->self[IPV6].address = address_of("2001:db8:ff::1");
	if (model->policy) {
		key->filters = model->chains[model->policy];
		key->filter_count = 1;
	}
}

/* Steps. */

/* What import policy says of a prefix since the last change. */
static bool refuses(
    const struct model *model, unsigned peer, enum ip_family family, unsigned number)
{
	return (number + model->salt[peer][family]) % 4 == 0;
}

static void put_path(struct rib *rib, struct rib_peer *peer, struct arena *arena,
    const struct ip_prefix *prefix, uint32_t path_id, const struct model_path *path)
{
	const struct attribute_set_extra extra = {.audience = path->audience};
	struct bgp_attributes attributes =
	    make_attributes(arena, path, peer->source == POLICY_SOURCE_LOCAL);
	struct attribute_store *store = rib_attribute_store(rib);
	struct attribute_set *set = attribute_set_intern(store, &attributes, &extra);

	rib_update(rib, peer, prefix, path_id, set, path->filtered ? RIB_PATH_FILTERED : 0);
	attribute_set_release(store, set);
	arena_reset(arena);
}

static void step_path(struct model *model)
{
	unsigned peer = pick(model, PEERS), number = pick(model, PREFIXES);
	unsigned id = pick(model, PATHS);
	enum ip_family family = pick(model, IP_FAMILIES);
	const struct ip_prefix prefix = prefix_at(family, number);
	struct model_path *path = &model->paths[peer][family][number][id];
	unsigned what = pick(model, 4);

	if (what == 0) {
		assert_int_equal(
		    rib_withdraw(model->rib, model->peers[peer], &prefix, id) && path->kind,
		    path->kind > 0);
		*path = (struct model_path){0};
		return;
	}
	if (what == 1 && path->kind) /* again as it is */
		path->stale = false;
	else
		*path = (struct model_path){
		    .kind = (uint8_t)(1 + pick(model, KINDS)),
		    .next_hop = (uint8_t)pick(model, NEXT_HOPS),
		    .filtered = peer && pick(model, 8) == 0,
		    .audience = (uint8_t)(peer ? 0 : pick(model, 4)),
		};
	if (model->refiltering[peer][family])
		path->filtered = refuses(model, peer, family, number);
	put_path(model->rib, model->peers[peer], &model->arena, &prefix, id, path);
}

static void step_next_hop(struct model *model)
{
	unsigned number = pick(model, NEXT_HOPS);

	model->reachable[number] = pick(model, 3) > 0;
	model->cost[number] = pick(model, 3);
	if (model->tracked[number])
		rib_next_hop_resolve(model->rib, model->tracked[number], model->reachable[number],
		    model->cost[number]);
}

static void leave(struct model_session *session)
{
	update_group_leave(session->member);
	session->member = NULL;
}

static void step_session(struct model *model)
{
	static const struct update_group_member_ops ops = {take_buffer, say_queued};
	struct model_session *session = &model->sessions[1 + pick(model, PEERS - 1)];

	if (session->member) {
		leave(session);
		return;
	}
	session->queued = 0;
	memset(session->ends, 0, sizeof(session->ends));
	memset(session->routes, 0, sizeof(session->routes));
	memset(session->lenient, 0, sizeof(session->lenient));
	memset(session->marked, 0, sizeof(session->marked));
	memset(session->asked, 0, sizeof(session->asked));
	session->add_path = pick(model, 1u << IP_FAMILIES);
	fill_key(model, session);
	session->member = update_group_join(
	    model->groups, &session->key, model->peers[session->peer], &ops, session);
}

/* Something that happens to a session that is up. */
static void step_member(struct model *model)
{
	static const size_t queues[] = {0, 1 << 20, 16 << 20};
	struct model_session *session = &model->sessions[1 + pick(model, PEERS - 1)];

	if (!session->member)
		return;
	if (pick(model, 4) == 0) {
		enum ip_family family = pick(model, IP_FAMILIES);
		bool marked = pick(model, 2);

		session->asked[family] |= marked;
		session->lenient[family] |= !marked;
		update_group_refresh(session->member, family, marked);
		return;
	}
	session->queued = queues[pick(model, 3)];
	if (!session->queued)
		update_group_resume(session->member);
}

/* A new configuration; now and then a peer stays with the old one. */
static void step_reload(struct model *model)
{
	model->policy = pick(model, POLICIES);
	model->audiences = 1 + pick(model, 3);
	model->path_limit = (uint8_t)(1 + pick(model, 4));
	for (unsigned i = 1; i < PEERS; i++) {
		struct model_session *session = &model->sessions[i];

		if (!session->member || pick(model, 4) == 0)
			continue;
		fill_key(model, session);
		session->lenient[IPV4] = session->lenient[IPV6] = true;
		update_group_move(session->member, &session->key);
	}
}

static void lose_peer(struct model *model, unsigned peer, enum ip_family family)
{
	rib_withdraw_peer(model->rib, model->peers[peer], family);
	memset(model->paths[peer][family], 0, sizeof(model->paths[peer][family]));
	model->refreshing[peer][family] = false;
}

/* A peer has nothing any more in one family, or comes back as another router. */
static void step_peer_down(struct model *model)
{
	unsigned peer = 1 + pick(model, PEERS - 1);

	if (pick(model, 2)) {
		lose_peer(model, peer, pick(model, IP_FAMILIES));
		return;
	}
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		lose_peer(model, peer, family);
	if (model->sessions[peer].member)
		leave(&model->sessions[peer]);
	model->identifiers[peer] = 95 + pick(model, 6);
	model->peers[peer] = rib_peer_identify(
	    model->rib, model->peers[peer], model->peers[peer]->source, model->identifiers[peer]);
}

/* A peer begins to send everything again, or says that it has. */
static void step_refresh(struct model *model)
{
	unsigned peer = 1 + pick(model, PEERS - 1);
	enum ip_family family = pick(model, IP_FAMILIES);
	bool begin = pick(model, 2);

	if (begin)
		rib_begin_refresh(model->rib, model->peers[peer], family);
	else
		rib_end_refresh(model->rib, model->peers[peer], family);
	for (unsigned i = 0; i < PREFIXES * PATHS; i++) {
		struct model_path *path = &model->paths[peer][family][i / PATHS][i % PATHS];

		if (begin)
			path->stale = path->kind > 0;
		else if (model->refreshing[peer][family] && path->stale)
			*path = (struct model_path){0};
	}
	model->refreshing[peer][family] = begin;
}

static bool is_refused(void *arg, const struct rib_peer *peer, const struct ip_prefix *prefix,
    const struct rib_path *path)
{
	const struct model_session *session = peer->owner;

	(void)path;
	return refuses(arg, session->peer, prefix->family, number_of(prefix));
}

static void step_refilter(struct model *model)
{
	unsigned peer = 1 + pick(model, PEERS - 1);
	enum ip_family family = pick(model, IP_FAMILIES);

	model->salt[peer][family] = pick(model, 4);
	model->refiltering[peer][family] = true;
	rib_refilter_peer(model->rib, model->peers[peer], family);
	for (unsigned i = 0; i < PREFIXES * PATHS; i++) {
		struct model_path *path = &model->paths[peer][family][i / PATHS][i % PATHS];

		if (path->kind)
			path->filtered = refuses(model, peer, family, i / PATHS);
	}
}

static void flush(struct model *model)
{
	rib_flush(model->rib);
	memset(model->refiltering, 0, sizeof(model->refiltering));
}

static void step(struct model *model)
{
	unsigned choice = pick(model, 1000);

	if (choice < 800)
		step_path(model);
	else if (choice < 830)
		step_next_hop(model);
	else if (choice < 845)
		step_session(model);
	else if (choice < 875)
		step_member(model);
	else if (choice < 885)
		step_reload(model);
	else if (choice < 890)
		step_peer_down(model);
	else if (choice < 895)
		step_refilter(model);
	else if (choice < 900)
		step_refresh(model);
	else if (choice < 930)
		rib_tell_listeners(model->rib);
	else if (choice < 940)
		flush(model);
	else
		update_groups_run(model->groups);
}

/* Rest: everything is told, swept, resolved and sent. */
static void come_to_rest(struct model *model)
{
	for (unsigned i = 0; i < NEXT_HOPS; i++)
		if (model->tracked[i])
			rib_next_hop_resolve(
			    model->rib, model->tracked[i], model->reachable[i], model->cost[i]);
	for (unsigned i = 1; i < PEERS; i++)
		model->sessions[i].queued = 0;
	flush(model);
	update_groups_run(model->groups);
	for (unsigned i = 1; i < PEERS; i++) {
		struct model_session *session = &model->sessions[i];

		for (enum ip_family family = 0; session->member && family < IP_FAMILIES; family++) {
			session->lenient[family] = false;
			assert_false(session->asked[family]);
			assert_false(session->marked[family]);
		}
	}
}

/* Puts all paths of the model into a table; the order differs from time to time. */
static uint32_t fill_naive(struct naive *naive, struct rib_peer *peers[PEERS])
{
	struct model *model = naive->model;
	const uint32_t total = PEERS * IP_FAMILIES * PREFIXES * PATHS;
	const uint32_t start = pick(model, total);
	uint32_t count = 0;

	for (uint32_t i = 0; i < total; i++) {
		uint32_t at = (start + i * 7919u) % total;
		unsigned id = at % PATHS;
		unsigned number = at / PATHS % PREFIXES;
		enum ip_family family = at / PATHS / PREFIXES % IP_FAMILIES;
		unsigned peer = at / PATHS / PREFIXES / IP_FAMILIES;
		const struct ip_prefix prefix = prefix_at(family, number);

		if (!model->paths[peer][family][number][id].kind)
			continue;
		put_path(naive->rib, peers[peer], &model->arena, &prefix, id,
		    &model->paths[peer][family][number][id]);
		count++;
	}
	return count;
}

/* Which identifier the table under test has for a path of the naive one; 0 without add-path. */
static uint32_t identifier_of(const struct model_session *session, const struct ip_prefix *prefix,
    const struct rib_path *naive_path)
{
	const struct rib *rib = session->rib;
	const struct rib_path *path = &rib_find(rib, prefix, NULL)->first;

	if (!(session->add_path >> prefix->family & 1))
		return 0;
	while (path->peer != session->peers[naive_path->peer]->index ||
	       path->path_id != naive_path->path_id)
		path = rib_path_next(rib, prefix->family, path);
	return path->send_id;
}

static uint64_t expected_hash(const struct naive *naive, const struct model_session *session,
    enum ip_family family, const struct export_route *route)
{
	struct bgp_attributes attributes;
	struct arena arena = {NULL};
	uint64_t hash;

	export_attributes(naive->rib, &session->key, family, route, &arena, &attributes);
	hash = hash_attributes(&attributes, &attributes.next_hop);
	arena_free(&arena);
	return hash;
}

/* How many routes the session has of the prefix, and the group says so. */
static unsigned count_held(const struct model_session *session, const struct ip_prefix *prefix)
{
	const struct held_route *held = session->routes[prefix->family][number_of(prefix)];
	struct update_group_route shown;
	struct arena arena = {NULL};
	uint32_t id, cursor = 0;
	unsigned count = 0, seen = 0;

	for (unsigned i = 0; i < IDENTIFIERS; i++)
		count += held[i].attributes != 0;
	rib_find(session->rib, prefix, &id);
	while (update_group_show(session->member, prefix->family, id, &cursor, &arena, &shown)) {
		assert_int_equal(hash_attributes(&shown.attributes, &shown.attributes.next_hop),
		    held[shown.path_id].attributes);
		seen++;
	}
	assert_int_equal(seen, count);
	arena_free(&arena);
	return count;
}

/* Returns how many routes of the prefix it should have, and has. */
static unsigned check_prefix(
    const struct naive *naive, const struct model_session *session, const struct ip_prefix *prefix)
{
	const struct held_route *held = session->routes[prefix->family][number_of(prefix)];
	struct naive_routes expected;
	char text[IP_TEXT_MAX];
	unsigned count = 0;

	naive_export(naive->rib, naive->ranking, &session->key, prefix, &expected);
	for (size_t i = 0; i < expected.count; i++) {
		const struct export_route *route = &expected.routes[i];
		uint32_t path_id;

		if (route->path->peer == session->peer)
			continue;
		path_id = identifier_of(session, prefix, route->path);
		if (held[path_id].attributes !=
		    expected_hash(naive, session, prefix->family, route))
			fail_msg("peer %u, %s #%u: %s", session->peer,
			    ip_prefix_print(prefix, text), path_id,
			    held[path_id].attributes ? "has other attributes" : "lacks it");
		count++;
	}
	if (count_held(session, prefix) != count)
		fail_msg("peer %u, %s: has what it should not have", session->peer,
		    ip_prefix_print(prefix, text));
	return count;
}

static void check_session(const struct naive *naive, const struct model_session *session)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		uint32_t count = 0;

		for (unsigned i = 0; i < PREFIXES; i++) {
			const struct ip_prefix prefix = prefix_at(family, i);

			count += check_prefix(naive, session, &prefix);
		}
		assert_int_equal(update_group_advertised(session->member, family), count);
		assert_int_equal(session->ends[family], 1);
	}
}

static void check_table(const struct naive *naive, struct rib_peer *peers[PEERS])
{
	struct model *model = naive->model;

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		assert_int_equal(
		    rib_prefix_count(model->rib, family), rib_prefix_count(naive->rib, family));
		assert_int_equal(
		    rib_path_count(model->rib, family), rib_path_count(naive->rib, family));
		for (unsigned i = 0; i < PEERS; i++) {
			assert_int_equal(model->peers[i]->paths[family], peers[i]->paths[family]);
			assert_int_equal(model->peers[i]->accepted_paths[family],
			    peers[i]->accepted_paths[family]);
			assert_int_equal(model->peers[i]->stale_paths[family], 0);
		}
	}
}

static void fill_peers(struct rib *rib, const struct model *model, struct rib_peer *peers[PEERS])
{
	for (unsigned i = 0; i < PEERS; i++) {
		peers[i] = i ? rib_peer_new(rib) : rib_peer_at(rib, RIB_PEER_LOCAL);
		fill_peer(peers[i], i);
		peers[i]->identifier = model->identifiers[i];
	}
}

static void check(struct model *model)
{
	const struct rib_options options = {77, 2};
	const struct rib_next_hop_ops ops = {track_naively, NULL};
	struct naive naive = {model, rib_new(NULL, &options), rib_new(NULL, &options)};
	struct rib_peer *peers[PEERS];
	uint32_t count;

	rib_set_next_hop_tracker(naive.rib, &ops, &naive);
	fill_peers(naive.ranking, model, peers);
	fill_peers(naive.rib, model, peers);
	count = fill_naive(&naive, peers);
	assert_int_equal(count, rib_path_count(naive.rib, IPV4) + rib_path_count(naive.rib, IPV6));
	check_table(&naive, peers);
	for (unsigned i = 1; i < PEERS; i++)
		if (model->sessions[i].member)
			check_session(&naive, &model->sessions[i]);
	rib_free(naive.ranking);
	rib_free(naive.rib);
}

/* Everybody goes: nothing may be left. */
static void clean_up(struct model *model)
{
	for (unsigned i = 1; i < PEERS; i++) {
		if (model->sessions[i].member)
			leave(&model->sessions[i]);
		rib_peer_free(model->rib, model->peers[i]);
	}
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		rib_withdraw_peer(model->rib, model->peers[0], family);
	rib_flush(model->rib);
	assert_int_equal(update_groups_count(model->groups), 0);
	assert_int_equal(rib_attribute_store(model->rib)->sets.count, 0);
	assert_int_equal(rib_attribute_store(model->rib)->next_hops.count, 0);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		assert_int_equal(rib_limit(model->rib, family), 1);
	assert_null(rib_peer_at(model->rib, 1));
	update_groups_free(model->groups);
	rib_free(model->rib);
	arena_free(&model->arena);
}

static void run_model(uint64_t seed)
{
	const struct rib_next_hop_ops ops = {track, untrack};
	struct model *model = calloc(1, sizeof(*model));

	model->random = seed;
	model->rib = rib_new(NULL, &(struct rib_options){seed, 2});
	rib_set_next_hop_tracker(model->rib, &ops, model);
	model->groups = update_groups_new(model->rib, NULL);
	model->path_limit = 2;
	fill_policies(model);
	for (unsigned i = 0; i < PEERS; i++)
		model->identifiers[i] = 100 - i / 2;
	fill_peers(model->rib, model, model->peers);
	for (unsigned i = 0; i < PEERS; i++) {
		model->sessions[i] =
		    (struct model_session){.rib = model->rib, .peer = i, .peers = model->peers};
		model->peers[i]->owner = &model->sessions[i];
	}
	rib_set_refilter(model->rib, is_refused, model);
	for (unsigned i = 1; i <= STEPS; i++) {
		step(model);
		if (i % STEPS_TO_REST == 0) {
			come_to_rest(model);
			check(model);
		}
	}
	clean_up(model);
	free(model);
}

static void sessions_hold_what_a_naive_table_exports(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run_model(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sessions_hold_what_a_naive_table_exports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
