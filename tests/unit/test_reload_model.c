/*
 * Two configurations by chance: a speaker that was started with one and reloads the other must come
 * to what a speaker is that starts with the other, whatever the keys are that differ.  A file that
 * is refused on the way, and a reload of the same file, change nothing.
 *
 * Who has called from a range is no matter of the configuration, and nobody calls here.
 */
#include "model_random.h"
#include "own_network.h"
#include "speaker/private.h"
#include "speaker_rig.h"

#define SEEDS 15
#define TURNS_MAX 2000
#define TURNS_AT_REST 20
#define TRIES 200
#define PEERS 5

struct world {
	struct speaker_rig rig;
	uint64_t random;
	struct text wanted; /* the state of who starts with the configuration */
	char nodes[128]; /* a file of the manifests */
};

static bool chance(struct world *world, uint32_t of)
{
	return random_below(&world->random, of) == 0;
}

static const char *choose(struct world *world, const char *const *words, size_t count)
{
	return words[random_below(&world->random, (uint32_t)count)];
}

#define CHOOSE(world, ...)                                \
	choose(world, (const char *const[]){__VA_ARGS__}, \
	    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Configurations */

static void put_head(struct world *world, struct text *text)
{
	text_append(text, "node: {name: node-a%s}\n",
	    CHOOSE(world, "", ", withdrawServices: {unschedulable: true}"));
	text_append(text, "router: {asn: %s%s%s, listen: {%s}, nodeOverrides: [%s]}\n",
	    CHOOSE(world, "64512", "64512", "64513"), CHOOSE(world, "", ", routerID: 10.9.9.9"),
	    CHOOSE(world, "", ", clusterID: 10.8.8.8"),
	    CHOOSE(world, "port: 1790, addresses: [127.7.8.7]",
		"port: 1790, addresses: [127.7.8.8, 127.7.8.7]",
		"port: 1791, addresses: [127.7.8.7]"),
	    CHOOSE(world, "", "{nodeSelector: {matchLabels: {rack: r1}}, asn: 64514}"));
	text_append(text, "fib: {install: false, multipath: %s, metric: %s}\n",
	    CHOOSE(world, "1", "16"), CHOOSE(world, "20", "30"));
	text_append(
	    text, "metrics: {listen: \"\"}\nlog: {level: %s}\n", CHOOSE(world, "info", "warning"));
	if (chance(world, 8))
		text_append(text, "cluster: {source: none}\n");
	else
		text_append(
		    text, "cluster: {source: manifests, manifests: %s}\n", world->rig.manifests);
	text_append(text, "communities: {alias: \"64512:%s\"}\n", CHOOSE(world, "1", "2"));
}

static void put_filter(struct world *world, struct text *text, unsigned number)
{
	text_append(text,
	    "- {name: f%u, rules: [{match: {%s}, action: %s, set: {%s}}, {action: %s}]}\n", number,
	    CHOOSE(world, "communities: [alias]", "peers: [p1]", "peers: [p2]", "source: local"),
	    CHOOSE(world, "accept", "reject"),
	    CHOOSE(world, "localPref: 7", "localPref: 8", "communities: {add: [alias]}"),
	    CHOOSE(world, "accept", "reject"));
}

/* Some of the names from "<letter>0", below the limit. */
static void put_names(struct world *world, struct text *text, const char *letter, unsigned limit)
{
	const char *separator = "";

	text_append(text, "[");
	for (unsigned i = 0; i < limit; i++) {
		if (!chance(world, 2))
			continue;
		text_append(text, "%s%s%u", separator, letter, i);
		separator = ", ";
	}
	text_append(text, "]");
}

static void put_password(struct world *world, struct text *text)
{
	if (chance(world, 2))
		text_append(text, ", passwordFile: %s/%s", world->rig.folder,
		    CHOOSE(world, "one", "two", "missing"));
}

static void put_policy(struct world *world, struct text *text)
{
	if (chance(world, 2)) {
		text_append(text, ", import: ");
		put_names(world, text, "f", 2);
	}
	if (chance(world, 2)) {
		text_append(text, ", export: ");
		put_names(world, text, "f", 2);
	}
	put_password(world, text);
	text_append(text, "%s%s%s%s%s", CHOOSE(world, "", "", ", shutdown: true"),
	    CHOOSE(world, "", ", holdTime: 30s", ", holdTime: 60s, keepaliveTime: 7s"),
	    CHOOSE(world, "", ", families: [ipv4]"),
	    CHOOSE(world, "", ", maxPrefixes: 10", ", maxPrefixes: 20"),
	    CHOOSE(world, "", ", addPath: {send: 2}", ", addPath: {send: 3, receive: true}"));
	text_append(text, "%s%s%s%s", CHOOSE(world, "", ", nextHop: self", ", aigp: true"),
	    CHOOSE(world, "", ", gracefulRestart: {enabled: false}"),
	    CHOOSE(world, "", ", stripAttributes: [MULTI_EXIT_DISC]"),
	    CHOOSE(world, "", ", maxASPathLength: 9"));
}

static void put_peer(struct world *world, struct text *text, unsigned name, unsigned place)
{
	text_append(text, "- {name: p%u, ", name);
	switch (random_below(&world->random, 8)) {
	case 0:
		text_append(text, "range: 127.0.%u.0/24", place + 1);
		break;
	case 1:
		text_append(text, "range: 127.0.1.%u/32", place);
		break;
	case 2:
		text_append(text, "interface: nowhere%u, port: 1, connectRetryTime: 60000s", place);
		break;
	default:
		text_append(text, "address: 127.0.1.%u, port: 1, connectRetryTime: 60000s%s%s",
		    place, CHOOSE(world, "", ", passive: true"),
		    CHOOSE(world, "", ", localAddress: 127.0.0.5"));
	}
	text_append(text, ", asn: %s",
	    CHOOSE(world, "internal", "internal, routeReflectorClient: true", "65000", "64513",
		"external, role: customer", "65000, localASN: 65009, ebgpMultihop: 3",
		"65000, localASN: 65009, localASNMode: replace, allowOwnASN: 2",
		"65000, ttlSecurity: 2, enforceFirstAS: false"));
	put_policy(world, text);
	text_append(
	    text, "%s}\n", CHOOSE(world, "", "", ", nodeSelector: {matchLabels: {rack: r1}}"));
}

static void put_peers(struct world *world, struct text *text)
{
	unsigned first = random_below(&world->random, PEERS);
	unsigned step = 1 + random_below(&world->random, PEERS - 1);
	unsigned shift = random_below(&world->random, PEERS);

	text_append(text, "peers:\n");
	for (unsigned i = 0; i < PEERS; i++)
		put_peer(world, text, (first + i * step) % PEERS, 1 + (i + shift) % PEERS);
}

static void put_advertisement(struct world *world, struct text *text, unsigned name)
{
	text_append(text, "- {name: a%u, ", name);
	switch (random_below(&world->random, 3)) {
	case 0:
		text_append(text, "type: PodCIDR");
		break;
	case 1:
		text_append(text, "type: Service, addresses: [ClusterIP]%s",
		    CHOOSE(world, "", ", aggregationLength: 24"));
		break;
	default:
		text_append(text, "type: Prefix, prefixes: [198.51.%u.0/24, 198.51.%u.0/24]",
		    random_below(&world->random, 2), 2 + random_below(&world->random, 2));
	}
	text_append(text, "%s%s%s%s", CHOOSE(world, "", ", localPref: 5", ", localPref: 6"),
	    CHOOSE(world, "", ", med: 9"), CHOOSE(world, "", ", communities: [alias]"),
	    CHOOSE(world, "", ", asPathPrepend: 2"));
	text_append(text, "%s", CHOOSE(world, "", ", nodeSelector: {matchLabels: {rack: r1}}"));
	if (chance(world, 2)) {
		text_append(text, ", peers: ");
		put_names(world, text, "p", PEERS);
	}
	text_append(text, "}\n");
}

static void put_mesh(struct world *world, struct text *text)
{
	if (chance(world, 2))
		return;
	text_append(text, "mesh: {enabled: true, port: 1, connectRetryTime: 60000s%s",
	    CHOOSE(world, "", ", nodeSelector: {matchLabels: {rack: r1}}",
		", routeReflector: {nodeSelector: {matchLabels: {rack: r1}}}"));
	put_policy(world, text);
	text_append(text, "}\n");
}

static void put_configuration(struct world *world, struct text *text)
{
	put_head(world, text);
	text_append(text, "filters:\n");
	for (unsigned i = 0, first = chance(world, 2); i < 2; i++)
		put_filter(world, text, i ^ first);
	put_peers(world, text);
	put_mesh(world, text);
	text_append(text, "advertisements:\n");
	for (unsigned i = 0, last = random_below(&world->random, 4); i <= last; i++)
		put_advertisement(world, text, (i + last) % 4);
}

/* One that is good; those that are not are of use too. */
static void make_configuration(struct world *world)
{
	for (unsigned i = 0; i < TRIES; i++) {
		struct text text = {NULL, 0, 0}, errors = {NULL, 0, 0};
		struct config *config;

		put_configuration(world, &text);
		speaker_rig_configure(&world->rig, text.string);
		config = config_load(world->rig.file, &world->rig.options.environment, &errors);
		if (!config && getenv("MODEL_SHOW"))
			fprintf(stderr, "%s", errors.string);
		text_free(&text);
		text_free(&errors);
		config_free(config);
		if (config)
			return;
	}
	fail_msg("no configuration of this grammar is good");
}

static void write_nodes(struct world *world)
{
	struct text text = {NULL, 0, 0};

	for (unsigned i = 0; i < 3; i++)
		text_append(&text,
		    "---\n{apiVersion: v1, kind: Node, metadata: {name: node-%c, labels: {rack: %s}},"
		    " spec: {podCIDR: 10.1.%u.0/24, podCIDRs: [10.1.%u.0/24], unschedulable: %s},"
		    " status: {addresses: [{type: InternalIP, address: 127.0.1.%u}],"
		    " conditions: [{type: Ready, status: \"True\"}]}}\n",
		    'a' + i, CHOOSE(world, "r0", "r1"), i, i, CHOOSE(world, "false", "true"),
		    i + 3);
	text_append(&text,
	    "---\n{apiVersion: v1, kind: Service, metadata: {name: web, namespace: default},"
	    " spec: {type: ClusterIP, clusterIP: 198.51.0.7, clusterIPs: [198.51.0.7],"
	    " ports: [{port: 80}]}}\n");
	text_append(&text,
	    "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-1,"
	    " namespace: default, labels: {kubernetes.io/service-name: web}}, addressType: IPv4,"
	    " endpoints: [{addresses: [10.1.0.9], nodeName: node-a, conditions: {ready: true}}]}\n");
	speaker_rig_write_file(world->nodes, text.string);
	text_free(&text);
}

/* The state of a speaker as text */

static void show_chain(
    const struct speaker *speaker, const struct filter_chain *chain, struct text *text)
{
	for (size_t i = 0; i < chain->count; i++)
		text_append(text, " f%zu", (size_t)(chain->filters[i] - speaker->config->filters));
	text_append(text, ";");
}

/* What there is of ours for peers of these audiences. */
static void show_prefix(const struct speaker *speaker, const char *peer,
    const struct rib_prefix *prefix, struct text *text)
{
	const uint64_t bit = speaker_audiences_of(speaker, peer);
	const struct rib_path *path = &prefix->first;
	char address[IP_TEXT_MAX];

	for (; path && path->attributes; path = rib_path_next(speaker->rib, IPV4, path)) {
		const struct attribute_set *set = path->attributes;

		if (set->audience && !(set->audience & bit))
			continue;
		text_append(text, "  %s %u %u %u %d %016llx\n",
		    ip_prefix_print(&prefix->prefix, address), set->local_pref, set->med,
		    set->as_path_length, set->graceful_shutdown,
		    (unsigned long long)hash_bytes(set->wire, set->wire_length, 0));
	}
}

static void show_own(const struct speaker *speaker, const char *peer, struct text *text)
{
	static const char *const all[] = {"198.51.0.0/24", "198.51.1.0/24", "198.51.2.0/24",
	    "198.51.3.0/24", "198.51.0.7/32", "10.1.0.0/24"};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		const struct rib_prefix *found;
		struct ip_prefix prefix;
		uint32_t id;

		assert_true(ip_prefix_parse(all[i], &prefix, NULL));
		found = rib_find(speaker->rib, &prefix, &id);
		if (found)
			show_prefix(speaker, peer, found, text);
	}
}

/* Those of the mesh begin by chance some time later, and a node goes on to reflect for a while. */
static void show_peer(const struct speaker *speaker, const char *name, struct text *text)
{
	const struct speaker_peer *peer = speaker_index_find_name(speaker, name);
	const struct bgp_session_settings *settings;
	char address[IP_TEXT_MAX];

	if (!peer)
		return;
	settings = bgp_session_settings(peer->session);
	text_append(text, "%s %s %x holds %x password %s settings %016llx %016llx\n", name,
	    ip_address_print(&peer->address, address), peer->scope,
	    peer->mesh ? peer->holds & ~(unsigned)HOLD_KERNEL : peer->holds,
	    settings->transport.password,
	    (unsigned long long)hash_bytes(settings, sizeof *settings, 0),
	    (unsigned long long)hash_bytes(&peer->settings, sizeof peer->settings, 0));
	text_append(text, "  as %u %u hold %u client %d max %u judged %u ", settings->local_asn,
	    settings->remote_asn, settings->hold_time_ms, peer->rib_peer->reflector_client,
	    peer->config->max_prefixes, peer->judged_asn);
	if (!peer->mesh)
		text_append(
		    text, "cluster %x %x ", speaker_peer_cluster_id(peer), peer->judged_cluster_id);
	show_chain(speaker, &peer->import, text);
	show_chain(speaker, &peer->export, text);
	text_append(text, " idle %d\n", bgp_session_state(peer->session) == BGP_STATE_IDLE);
	show_own(speaker, peer->config->name, text);
}

static void show_listeners(const struct speaker *speaker, struct text *text)
{
	char address[IP_TEXT_MAX];

	for (size_t i = 0; i < speaker->listener_count; i++)
		text_append(text, "listens on %s %u %d\n",
		    ip_address_print(&speaker->listeners[i].address, address), speaker->listen_port,
		    speaker->listeners[i].listener != NULL);
	for (size_t i = 0; i < speaker->range_count; i++)
		text_append(text, "range %s %s %d\n", speaker->ranges[i].name,
		    ip_prefix_print(&speaker->ranges[i].prefix, address), speaker->ranges[i].open);
}

static void show(const struct speaker *speaker, struct text *text)
{
	static const char *const mesh[] = {"mesh/node-a", "mesh/node-b", "mesh/node-c"};

	text_free(text);
	text_append(text, "AS %u router %x log %d source %s node %d leaves %d peers %zu\n",
	    speaker->asn, wire_load_u32(speaker->router_id), speaker->log->level, speaker->source,
	    speaker->node_reason, speaker->leave.state, speaker->peer_count);
	text_append(text, "advertisements %zu prefixes %zu\n", speaker->origin_count,
	    (size_t)speaker->own_prefixes.count);
	show_listeners(speaker, text);
	for (unsigned i = 0; i < PEERS; i++) {
		const char name[] = {'p', (char)('0' + i), '\0'};

		show_peer(speaker, name, text);
	}
	for (size_t i = 0; i < sizeof mesh / sizeof mesh[0]; i++)
		show_peer(speaker, mesh[i], text);
	show_own(speaker, "nobody", text);
}

/* The comparison */

static bool is_at_rest(const struct speaker *speaker)
{
	return speaker->fib_ready && !k8s_announcer_is_busy(speaker->announcer) &&
	       speaker_mesh_is_settled(speaker) && k8s_cluster_is_synced(speaker->cluster);
}

static void run_to_rest(struct world *world)
{
	for (unsigned i = 0; i < TURNS_MAX && !is_at_rest(world->rig.speaker); i++)
		loop_run_once(world->rig.loop, 1);
	for (unsigned i = 0; i < TURNS_AT_REST; i++)
		loop_run_once(world->rig.loop, 1);
	assert_true(is_at_rest(world->rig.speaker));
}

/* The one before has given its ports back. */
static void start_speaker(struct world *world)
{
	if (world->rig.speaker)
		speaker_free(world->rig.speaker);
	speaker_rig_start(&world->rig);
	run_to_rest(world);
}

static void expect_wanted(struct world *world, unsigned seed, const char *after)
{
	struct text have = {NULL, 0, 0};

	for (unsigned i = 0; i < TURNS_MAX; i++) {
		show(world->rig.speaker, &have);
		if (strcmp(have.string, world->wanted.string) == 0)
			break;
		loop_run_once(world->rig.loop, 1);
	}
	if (strcmp(have.string, world->wanted.string) != 0) {
		fprintf(stderr, "after %s there is\n%s\nin place of\n%s\n", after, have.string,
		    world->wanted.string);
		fail_msg("MODEL_SEED=%u, %s", seed, world->rig.file);
	}
	text_free(&have);
}

static void expect_no_change(struct world *world, unsigned seed)
{
	const size_t attempts = speaker_rig_count_attempts(&world->rig);
	struct text errors = {NULL, 0, 0};

	speaker_rig_reload(&world->rig);
	expect_wanted(world, seed, "a reload of the same");
	speaker_rig_configure(&world->rig, "router: {asn: 64599}\npeers: [{name: p0}]\n");
	assert_false(speaker_reload(world->rig.speaker, &errors));
	text_free(&errors);
	expect_wanted(world, seed, "a refused reload");
	assert_int_equal(speaker_rig_count_attempts(&world->rig), attempts);
}

static void run_seed(struct world *world, unsigned seed)
{
	uint64_t before;

	world->random = seed;
	random_below(&world->random, 2);
	before = world->random;
	make_configuration(world);
	write_nodes(world);
	make_configuration(world);
	write_nodes(world);
	start_speaker(world);
	show(world->rig.speaker, &world->wanted);
	/* The same two again, and the first one first. */
	world->random = before;
	make_configuration(world);
	write_nodes(world);
	start_speaker(world);
	make_configuration(world);
	write_nodes(world);
	speaker_rig_reload(&world->rig);
	expect_wanted(world, seed, "a reload");
	run_to_rest(world);
	expect_wanted(world, seed, "a reload and a rest");
	expect_no_change(world, seed);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof *world);
	char file[128];

	speaker_rig_open(&world->rig, loop_new());
	snprintf(world->nodes, sizeof world->nodes, "%s/nodes.yaml", world->rig.manifests);
	snprintf(file, sizeof file, "%s/one", world->rig.folder);
	speaker_rig_write_file(file, "one");
	snprintf(file, sizeof file, "%s/two", world->rig.folder);
	speaker_rig_write_file(file, "two");
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	char file[128];

	snprintf(file, sizeof file, "%s/one", world->rig.folder);
	unlink(file);
	snprintf(file, sizeof file, "%s/two", world->rig.folder);
	unlink(file);
	unlink(world->nodes);
	speaker_rig_close(&world->rig);
	loop_free(world->rig.loop);
	text_free(&world->wanted);
	free(world);
	return 0;
}

static void a_reload_leads_where_a_start_would(void **state)
{
	for (unsigned seed = model_first_seed(); seed < model_last_seed(SEEDS); seed++)
		run_seed(*state, seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_reload_leads_where_a_start_would, set_up, tear_down),
	};

	if (!own_network())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
