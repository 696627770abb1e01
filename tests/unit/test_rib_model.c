/*
 * The RIB against a naive model.  Peers announce and withdraw at random, next hops flap, sessions
 * come, go, lag, ask for a refresh and change their policy, and everything is told, swept and
 * encoded at random moments.  The model is an array of what each peer has announced last.  Now and
 * then all comes to rest; then a new table is filled from the array, in another order, and what
 * each session has been sent, as it read it from the bytes, must be what the new table exports.
 *
 * On the way each session is strict: nothing may be withdrawn that it does not have.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "receiver.h"
#include "rib/update_group.h"
#include "routes.h"

enum {
	SEEDS = 8,
	STEPS = 32000, /* per seed */
	STEPS_TO_REST = 200,
	PEERS = 7, /* the first is this node */
	PREFIXES = 48, /* per family */
	KINDS = 24, /* of attribute sets */
	NEXT_HOPS = 6,
	ADVERTISEMENTS = 3, /* of this node for one prefix */
	POLICIES = 3
};

static const char *const next_hop_texts[NEXT_HOPS] = {
    "192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8:1::1", "2001:db8:1::2", "fe80::3"};

/* What one path is made of; kind 0: no path. */
struct model_path {
	uint8_t kind;
	uint8_t next_hop;
	bool filtered;
	uint8_t audience;
};

struct model_session {
	struct model *model;
	struct update_group_member *member;
	struct export_key key;
	unsigned peer;
	size_t queued;
	unsigned ends[IP_FAMILIES]; /* End-of-RIBs since it joined */
	uint64_t routes[IP_FAMILIES][PREFIXES]; /* hash of the attributes; 0: none */
};

struct model {
	uint64_t random;
	struct rib *rib;
	struct rib_peer *peers[PEERS];
	struct update_groups *groups;
	struct model_session sessions[PEERS];
	struct model_path paths[PEERS][IP_FAMILIES][PREFIXES][ADVERTISEMENTS];
	bool reachable[NEXT_HOPS];
	uint32_t cost[NEXT_HOPS];
	struct rib_next_hop *tracked[NEXT_HOPS];
	struct policy_prefix_match entries[POLICIES];
	struct policy_rule rules[POLICIES];
	struct policy_filter filters[POLICIES];
	const struct policy_filter *chains[POLICIES][1];
	/* What is configured: an export policy, and which peer lists the peers are in. */
	unsigned policy;
	uint64_t audiences;
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

static unsigned number_of(const struct ip_prefix *prefix)
{
	return prefix->bytes[1];
}

/* Attributes that differ in what decisions, reflection and communities look at. */
static struct bgp_attributes make_attributes(
    struct arena *arena, const struct model_path *path, bool local)
{
	const uint32_t ases[] = {65001 + path->kind % 3, 65010, 65020, 0};
	const uint32_t length = path->kind % 5 == 0 ? 1 : 0;
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
	attributes.origin = path->kind % 6 == 0 ? BGP_ORIGIN_INCOMPLETE : BGP_ORIGIN_IGP;
	return attributes;
}

static uint64_t hash_attributes(
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

/* A session as a receiver. */

static void take_announced(void *arg, const struct ip_prefix *prefix, uint32_t path_id,
    const struct bgp_attributes *attributes, const struct bgp_next_hop *next_hop)
{
	struct model_session *session = arg;

	(void)path_id;
	session->routes[prefix->family][number_of(prefix)] = hash_attributes(attributes, next_hop);
}

static void take_withdrawn(void *arg, const struct ip_prefix *prefix, uint32_t path_id)
{
	struct model_session *session = arg;
	uint64_t *route = &session->routes[prefix->family][number_of(prefix)];
	char text[IP_TEXT_MAX];

	(void)path_id;
	if (!*route)
		fail_msg("peer %u was withdrawn %s, which it does not have", session->peer,
		    ip_prefix_print(prefix, text));
	*route = 0;
}

static void take_end_of_rib(void *arg, enum ip_family family)
{
	struct model_session *session = arg;

	session->ends[family]++;
	assert_int_equal(session->ends[family], 1);
}

static void take_buffer(void *arg, struct shared_buffer *buffer)
{
	struct model_session *session = arg;
	const struct receiver receiver = {session, &session->key.codec, take_announced,
	    take_withdrawn, take_end_of_rib, NULL, NULL};

	receive_buffer(&receiver, buffer);
}

static size_t say_queued(void *arg)
{
	return ((struct model_session *)arg)->queued;
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
	peer->identifier = 100 - number / 2;
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

static void fill_key(struct model *model, struct export_key *key, unsigned peer)
{
	const struct rib_peer *of = model->peers[peer];

	memset(key, 0, sizeof(*key));
	key->codec.families[IPV4] = key->codec.families[IPV6] = true;
	key->codec.as4 = true;
	key->codec.extended_next_hop = peer == 3;
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
	unsigned id = peer ? 0 : pick(model, ADVERTISEMENTS);
	enum ip_family family = pick(model, IP_FAMILIES);
	const struct ip_prefix prefix = prefix_at(family, number);
	struct model_path *path = &model->paths[peer][family][number][id];

	if (pick(model, 3) == 0) {
		assert_int_equal(
		    rib_withdraw(model->rib, model->peers[peer], &prefix, id) && path->kind,
		    path->kind > 0);
		*path = (struct model_path){0};
		return;
	}
	*path = (struct model_path){
	    .kind = (uint8_t)(1 + pick(model, KINDS)),
	    .next_hop = (uint8_t)pick(model, NEXT_HOPS),
	    .filtered = peer && pick(model, 8) == 0,
	    .audience = (uint8_t)(peer ? 0 : pick(model, 4)),
	};
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
	fill_key(model, &session->key, session->peer);
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
		update_group_refresh(session->member, pick(model, IP_FAMILIES), false);
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
	for (unsigned i = 1; i < PEERS; i++) {
		struct model_session *session = &model->sessions[i];

		if (!session->member || pick(model, 4) == 0)
			continue;
		fill_key(model, &session->key, i);
		update_group_move(session->member, &session->key);
	}
}

static void step_peer_down(struct model *model)
{
	unsigned peer = 1 + pick(model, PEERS - 1);
	enum ip_family family = pick(model, IP_FAMILIES);

	rib_withdraw_peer(model->rib, model->peers[peer], family);
	memset(model->paths[peer][family], 0, sizeof(model->paths[peer][family]));
}

static bool is_refused(void *arg, const struct ip_prefix *prefix, const struct rib_path *path)
{
	(void)path;
	return (number_of(prefix) + *(const uint32_t *)arg) % 4 == 0;
}

static void step_refilter(struct model *model)
{
	unsigned peer = 1 + pick(model, PEERS - 1);
	enum ip_family family = pick(model, IP_FAMILIES);
	uint32_t salt = pick(model, 4);

	rib_refilter_peer(model->rib, model->peers[peer], family, is_refused, &salt);
	for (unsigned i = 0; i < PREFIXES; i++) {
		const struct ip_prefix prefix = prefix_at(family, i);

		if (model->paths[peer][family][i][0].kind)
			model->paths[peer][family][i][0].filtered =
			    is_refused(&salt, &prefix, NULL);
	}
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
	else if (choice < 930)
		rib_tell_listeners(model->rib);
	else if (choice < 940)
		rib_flush(model->rib);
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
	rib_flush(model->rib);
	update_groups_run(model->groups);
}

/* Puts all paths of the model into a table; the order differs from time to time. */
static uint32_t fill_naive(struct naive *naive, struct rib_peer *peers[PEERS])
{
	struct model *model = naive->model;
	const uint32_t total = PEERS * IP_FAMILIES * PREFIXES * ADVERTISEMENTS;
	const uint32_t start = pick(model, total);
	uint32_t count = 0;

	for (uint32_t i = 0; i < total; i++) {
		uint32_t at = (start + i * 7919u) % total;
		unsigned id = at % ADVERTISEMENTS;
		unsigned number = at / ADVERTISEMENTS % PREFIXES;
		enum ip_family family = at / ADVERTISEMENTS / PREFIXES % IP_FAMILIES;
		unsigned peer = at / ADVERTISEMENTS / PREFIXES / IP_FAMILIES;
		const struct ip_prefix prefix = prefix_at(family, number);

		if (!model->paths[peer][family][number][id].kind)
			continue;
		put_path(naive->rib, peers[peer], &model->arena, &prefix, id,
		    &model->paths[peer][family][number][id]);
		count++;
	}
	return count;
}

/* What the naive table exports to the session for the prefix; 0: nothing. */
static uint64_t expected_route(
    const struct naive *naive, const struct model_session *session, const struct ip_prefix *prefix)
{
	const struct rib_prefix *entry = rib_find(naive->rib, prefix, NULL);
	struct export_cache cache = {.set = NULL};
	struct bgp_attributes attributes;
	struct arena arena = {NULL};
	struct export_route route;
	uint64_t hash;

	if (!entry ||
	    !export_select(naive->rib, &session->key, prefix->family, entry, &cache, &route) ||
	    route.path->peer == session->peer)
		return 0;
	export_attributes(naive->rib, &session->key, prefix->family, &route, &arena, &attributes);
	hash = hash_attributes(&attributes, &attributes.next_hop);
	arena_free(&arena);
	return hash;
}

static void check_session(const struct naive *naive, const struct model_session *session)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		uint32_t count = 0;

		for (unsigned i = 0; i < PREFIXES; i++) {
			const struct ip_prefix prefix = prefix_at(family, i);
			uint64_t wanted = expected_route(naive, session, &prefix);
			char text[IP_TEXT_MAX];

			if (session->routes[family][i] != wanted)
				fail_msg("peer %u, %s: %s", session->peer,
				    ip_prefix_print(&prefix, text),
				    !wanted			 ? "should not have it"
				    : session->routes[family][i] ? "has other attributes"
								 : "lacks it");
			count += wanted != 0;
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

static void check(struct model *model)
{
	const struct rib_next_hop_ops ops = {track_naively, NULL};
	struct naive naive = {model, rib_new(NULL, &(struct rib_options){77, 2})};
	struct rib_peer *peers[PEERS];
	uint32_t count;

	rib_set_next_hop_tracker(naive.rib, &ops, &naive);
	for (unsigned i = 0; i < PEERS; i++) {
		peers[i] = i ? rib_peer_new(naive.rib) : rib_peer_at(naive.rib, RIB_PEER_LOCAL);
		fill_peer(peers[i], i);
	}
	count = fill_naive(&naive, peers);
	assert_int_equal(count, rib_path_count(naive.rib, IPV4) + rib_path_count(naive.rib, IPV6));
	check_table(&naive, peers);
	for (unsigned i = 1; i < PEERS; i++)
		if (model->sessions[i].member)
			check_session(&naive, &model->sessions[i]);
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
	fill_policies(model);
	for (unsigned i = 0; i < PEERS; i++) {
		model->peers[i] =
		    i ? rib_peer_new(model->rib) : rib_peer_at(model->rib, RIB_PEER_LOCAL);
		fill_peer(model->peers[i], i);
		model->sessions[i] = (struct model_session){.model = model, .peer = i};
	}
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
