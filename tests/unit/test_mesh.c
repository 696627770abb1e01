/*
 * The mesh of a real speaker, whose cluster the test fills: the neighbours are at addresses of
 * loopback where nobody listens, and nothing is installed.
 */
#include "base/memory.h"
#include "clock.h"
#include "own_network.h"
#include "rib/group_state.h"
#include "speaker/private.h"
#include "speaker_rig.h"

#define NODES 1000
#define OWN "n0"
#define TURNS_MAX (10 * NODES)

static void write_configuration(const struct speaker_rig *rig, const char *mesh, const char *rest)
{
	struct text text = {NULL, 0, 0};

	text_append(&text,
	    "node: {name: " OWN "}\n"
	    "router: {asn: 64512, routerID: 10.0.0.1, listen: {port: 17917, addresses: "
	    "[127.1.255.254]}}\n"
	    "fib: {install: false}\n"
	    "metrics: {listen: \"\"}\n"
	    "cluster: {source: manifests, manifests: %s}\n"
	    "mesh: {enabled: true, port: 1, connectRetryTime: 60000s, routeReflector: "
	    "{nodeSelector: {matchLabels: {rr: \"yes\"}}, clusterID: 10.9.9.9}%s}\n%s",
	    rig->manifests, mesh, rest);
	speaker_rig_configure(rig, text.string);
	text_free(&text);
}

static void run(struct speaker_rig *rig)
{
	for (unsigned i = 0; i < TURNS_MAX && (!speaker_mesh_is_settled(rig->speaker) || i < 10);
	     i++)
		loop_run_once(rig->loop, 0);
	assert_null(rig->speaker->mesh.changed);
}

static void reload(struct speaker_rig *rig, const char *mesh, const char *rest)
{
	write_configuration(rig, mesh, rest);
	speaker_rig_reload(rig);
	run(rig);
}

static int set_up(void **state)
{
	struct speaker_rig *rig = speaker_rig_new();

	write_configuration(rig, "", "");
	speaker_rig_start(rig);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	speaker_rig_free(*state);
	return 0;
}

static struct ip_address nth_address(unsigned n)
{
	return ip_address_from_ipv4(0x7f010001 + n);
}

static struct ip_prefix nth_pods(unsigned n)
{
	struct ip_address address = ip_address_from_ipv4(0x0af40000 + (n << 8));

	return ip_prefix_from_address(&address, 24);
}

/* Node "n<number>", to be changed and put into the cluster. */
static struct k8s_object *new_node(unsigned number)
{
	struct k8s_object *object = memory_allocate_zero(1, sizeof *object);
	char name[32];

	snprintf(name, sizeof name, "n%u", number);
	object->kind = K8S_NODE;
	object->namespace = memory_copy_string("");
	object->name = memory_copy_string(name);
	object->node.ready = K8S_TRUE;
	object->node.internal_ips = memory_allocate_zero(1, sizeof(struct ip_address));
	object->node.internal_ips[0] = nth_address(number);
	object->node.internal_ip_count = 1;
	object->node.pod_cidrs = memory_allocate_zero(1, sizeof(struct ip_prefix));
	object->node.pod_cidrs[0] = nth_pods(number);
	object->node.pod_cidr_count = 1;
	return object;
}

static void put(struct speaker_rig *rig, struct k8s_object *object)
{
	k8s_cluster_put(rig->speaker->cluster, object);
}

static void put_nodes(struct speaker_rig *rig, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		put(rig, new_node(i));
}

/* Of node "n<number>"; NULL: it has none. */
static struct speaker_peer *find_peer(const struct speaker_rig *rig, unsigned number)
{
	char name[32];

	snprintf(name, sizeof name, "mesh/n%u", number);
	return speaker_index_find_name(rig->speaker, name);
}

static size_t count_active(const struct speaker_rig *rig)
{
	size_t count = 0;

	for (size_t i = 0; i < rig->speaker->peer_count; i++)
		count += !rig->speaker->peers[i]->config->passive;
	return count;
}

static bool was_told(struct speaker_rig *rig, const char *text)
{
	bool told = strstr(rig->lines.string, text) != NULL;

	text_clear(&rig->lines);
	text_append(&rig->lines, "%s", "");
	return told;
}

/* With no time for a second one in a turn. */
static void thousands_of_nodes_are_settled_some_in_each_turn(void **state)
{
	struct speaker_rig *rig = *state;
	size_t count = 0;

	put_nodes(rig, NODES);
	loop_set_share(rig->loop, 0);
	assert_int_equal(rig->speaker->peer_count, 0);
	for (unsigned i = 0; i < TURNS_MAX && count < NODES - 1; i++) {
		loop_run_once(rig->loop, 0);
		assert_in_range(rig->speaker->peer_count, count, count + 1);
		count = rig->speaker->peer_count;
	}
	assert_int_equal(rig->speaker->peer_count, NODES - 1);
}

/* About half of them, and by and by. */
static void not_all_are_called_at_once(void **state)
{
	struct speaker_rig *rig = *state;
	size_t active, before = 0, steps = 0;

	put_nodes(rig, NODES);
	for (unsigned i = 0; i < TURNS_MAX && !rig->speaker->fib_ready; i++)
		loop_run_once(rig->loop, 10);
	run(rig);
	active = count_active(rig);
	assert_in_range(active, NODES * 4 / 10, NODES * 6 / 10);
	assert_true(speaker_rig_count_attempts(rig) < active / 2);
	for (unsigned i = 0; i < TURNS_MAX && speaker_rig_count_attempts(rig) < active; i++) {
		size_t now;

		clock_ahead_ms += 10;
		loop_run_once(rig->loop, 0);
		now = speaker_rig_count_attempts(rig);
		steps += now > before;
		before = now;
	}
	assert_int_equal(speaker_rig_count_attempts(rig), active);
	assert_true(steps > 50);
	/* In no order, else all nodes would call the same ones first. */
	assert_false(find_peer(rig, 1)->holds);
}

static void a_change_concerns_one_peer(void **state)
{
	static const struct config_peer *entries[NODES];
	struct speaker_rig *rig = *state;
	struct k8s_object *object;

	put_nodes(rig, NODES);
	run(rig);
	for (unsigned i = 1; i < NODES; i++)
		entries[i] = find_peer(rig, i)->config;
	object = new_node(7);
	k8s_labels_set(&object->node.annotations, MESH_ASN_ANNOTATION, "65007");
	put(rig, object);
	assert_non_null(rig->speaker->mesh.changed);
	assert_null(rig->speaker->mesh.changed->next_changed);
	run(rig);
	for (unsigned i = 1; i < NODES; i++)
		if (i != 7)
			assert_ptr_equal(find_peer(rig, i)->config, entries[i]);
	assert_int_equal(find_peer(rig, 7)->config->asn, 65007);
	/* What has no say in the mesh is no work at all, of other nodes and of this one. */
	object = new_node(8);
	object->node.ready = K8S_FALSE;
	k8s_labels_set(&object->node.labels, "zone", "b");
	put(rig, object);
	object = new_node(0);
	object->node.ready = K8S_FALSE;
	put(rig, object);
	assert_null(rig->speaker->mesh.changed);
	assert_false(rig->speaker->apply_task.scheduled);
	object = new_node(0);
	k8s_labels_set(&object->node.labels, "zone", "b");
	put(rig, object);
	assert_true(rig->speaker->apply_task.scheduled);
	run(rig);
}

static void half_a_cluster_is_none(void **state)
{
	struct speaker_rig *rig = *state;
	struct k8s_cluster *cluster = rig->speaker->cluster;
	struct k8s_object *object = new_node(4);

	run(rig);
	k8s_cluster_forget_view(cluster);
	k8s_cluster_begin_view(cluster);
	put_nodes(rig, 4);
	for (unsigned i = 0; i < 10; i++)
		loop_run_once(rig->loop, 0);
	assert_int_equal(rig->speaker->peer_count, 0);
	assert_false(speaker_mesh_is_settled(rig->speaker));
	k8s_labels_set(&object->node.labels, "rr", "yes");
	put(rig, object);
	k8s_cluster_end_view(cluster);
	run(rig);
	assert_int_equal(rig->speaker->peer_count, 1);
	assert_non_null(find_peer(rig, 4));
	assert_true(speaker_mesh_is_settled(rig->speaker));
}

static void one_address_is_one_peer(void **state)
{
	struct speaker_rig *rig = *state;
	struct k8s_object *object;

	put_nodes(rig, 4);
	run(rig);
	object = new_node(2);
	object->node.internal_ips[0] = nth_address(3);
	put(rig, object);
	run(rig);
	assert_null(find_peer(rig, 2));
	assert_true(was_told(rig, "n2: left out of the mesh: peer mesh/n3 has the same address"));
	/* Once; and no longer than it is true. */
	object = new_node(2);
	object->node.internal_ips[0] = nth_address(3);
	object->node.ready = K8S_FALSE;
	put(rig, object);
	run(rig);
	assert_false(was_told(rig, "n2"));
	k8s_cluster_remove(rig->speaker->cluster, K8S_NODE, "", "n3");
	run(rig);
	assert_non_null(find_peer(rig, 2));
	assert_null(find_peer(rig, 3));
}

static void nodes_may_exchange_their_addresses(void **state)
{
	struct speaker_rig *rig = *state;
	struct k8s_object *objects[2] = {new_node(2), new_node(3)};

	put_nodes(rig, 4);
	run(rig);
	objects[0]->node.internal_ips[0] = nth_address(3);
	objects[1]->node.internal_ips[0] = nth_address(2);
	put(rig, objects[0]);
	put(rig, objects[1]);
	run(rig);
	for (unsigned i = 2; i < 4; i++) {
		const struct ip_address wanted = nth_address(5 - i);

		assert_non_null(find_peer(rig, i));
		assert_true(ip_address_equal(&find_peer(rig, i)->address, &wanted));
	}
}

static void who_goes_is_not_counted_among_those_looked_at(void **state)
{
	struct speaker_rig *rig = *state;
	struct speaker *speaker = rig->speaker;
	struct speaker_peer *first, *last;

	put_nodes(rig, 4);
	run(rig);
	assert_int_equal(speaker->peer_count, 3);
	first = speaker->peers[0];
	last = speaker->peers[2];
	speaker->start_at = 2;
	speaker_peers_remove(last);
	assert_int_equal(speaker->start_at, 2);
	speaker_peers_remove(first);
	assert_int_equal(speaker->start_at, 1);
	speaker->peers[speaker->peer_count++] = first;
	speaker->peers[speaker->peer_count++] = last;
}

static void what_is_wrong_is_left_out(void **state)
{
	static const char *const mistakes[][2] = {{MESH_ADDRESS_ANNOTATION, "nowhere"},
	    {MESH_ADDRESS_ANNOTATION, "127.1.0.1"}, {MESH_ADDRESS_ANNOTATION, "2001:db8::1"},
	    {MESH_ASN_ANNOTATION, "0"}};
	static const char *const reasons[] = {"must be an address",
	    "it has the address of this node", "it has no InternalIP of a family that this node",
	    "must not be 0"};
	struct speaker_rig *rig = *state;
	const char *name, *why;
	size_t cursor = 0;

	put_nodes(rig, 4);
	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		struct k8s_object *object = new_node(2);

		k8s_labels_set(&object->node.annotations, mistakes[i][0], mistakes[i][1]);
		put(rig, object);
		run(rig);
		assert_null(find_peer(rig, 2));
		assert_non_null(find_peer(rig, 3));
		assert_true(was_told(rig, reasons[i]));
	}
	why = speaker_mesh_left_out(rig->speaker, &cursor, &name);
	assert_string_equal(name, "n2");
	assert_non_null(strstr(why, "must not be 0"));
	put(rig, new_node(2));
	run(rig);
	assert_non_null(find_peer(rig, 2));
	cursor = 0;
	assert_null(speaker_mesh_left_out(rig->speaker, &cursor, &name));
}

static void a_node_that_comes_back_at_once_is_the_same(void **state)
{
	struct speaker_rig *rig = *state;
	struct speaker_peer *peer;

	put_nodes(rig, 3);
	run(rig);
	peer = find_peer(rig, 1);
	k8s_cluster_remove(rig->speaker->cluster, K8S_NODE, "", "n1");
	put(rig, new_node(1));
	run(rig);
	assert_ptr_equal(find_peer(rig, 1), peer);
	k8s_cluster_remove(rig->speaker->cluster, K8S_NODE, "", "n1");
	run(rig);
	assert_null(find_peer(rig, 1));
	/* This node's own: nobody is known to be a neighbour. */
	k8s_cluster_remove(rig->speaker->cluster, K8S_NODE, "", OWN);
	run(rig);
	assert_int_equal(rig->speaker->peer_count, 0);
}

static bool accepts(
    const struct speaker_rig *rig, unsigned from, const char *prefix_text, unsigned next_hop_of)
{
	struct ip_address next_hop = nth_address(next_hop_of);
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(prefix_text, &prefix, NULL));
	return speaker_mesh_accepts(find_peer(rig, from), &prefix, &next_hop);
}

/* Sessions with others than nodes need not end when the Node is made again. */
static void a_node_without_its_object_is_who_it_was(void **state)
{
	struct speaker_rig *rig = *state;
	struct k8s_object *object = new_node(0);

	k8s_labels_set(&object->node.annotations, MESH_ASN_ANNOTATION, "65001");
	put(rig, object);
	run(rig);
	assert_int_equal(rig->speaker->asn, 65001);
	k8s_cluster_remove(rig->speaker->cluster, K8S_NODE, "", OWN);
	run(rig);
	assert_null(speaker_node(rig->speaker));
	assert_int_equal(rig->speaker->asn, 65001);
	put(rig, new_node(0));
	run(rig);
	assert_int_equal(rig->speaker->asn, 64512);
}

/* The session stays, but what has come by it is judged by the pod CIDRs that it has now. */
static void a_node_that_comes_back_with_other_pods_is_judged_again(void **state)
{
	struct speaker_rig *rig = *state;
	struct attribute_store *store = rib_attribute_store(rig->speaker->rib);
	const struct attribute_set_extra extra = {0};
	const struct ip_prefix pods = nth_pods(1);
	struct k8s_object *object = new_node(1);
	struct bgp_attributes attributes;
	const struct speaker_peer *peer;
	struct attribute_set *set;

	put_nodes(rig, 3);
	run(rig);
	peer = find_peer(rig, 1);
	bgp_attributes_init(&attributes);
	attributes.next_hop.address = nth_address(1);
	set = attribute_set_intern(store, &attributes, &extra);
	assert_true(rib_update(rig->speaker->rib, peer->rib_peer, &pods, 0, set, 0));
	assert_int_equal(peer->rib_peer->accepted_paths[IPV4], 1);
	attribute_set_release(store, set);
	object->node.pod_cidrs[0] = nth_pods(9);
	k8s_cluster_remove(rig->speaker->cluster, K8S_NODE, "", "n1");
	put(rig, object);
	run(rig);
	assert_ptr_equal(find_peer(rig, 1), peer);
	assert_false(accepts(rig, 1, "10.244.1.0/24", 1));
	assert_int_equal(peer->rib_peer->accepted_paths[IPV4], 0);
}

static void a_reload_reaches_every_peer(void **state)
{
	struct speaker_rig *rig = *state;
	const struct speaker_peer *peer;

	put_nodes(rig, 10);
	run(rig);
	peer = find_peer(rig, 1);
	assert_int_equal(peer->settings.hold_time_ms, 90000);
	reload(rig, ", holdTime: 30s, nextHop: self, maxPrefixes: 7", "");
	for (unsigned i = 1; i < 10; i++) {
		assert_int_equal(find_peer(rig, i)->settings.hold_time_ms, 30000);
		assert_int_equal(find_peer(rig, i)->config->max_prefixes, 7);
	}
	assert_ptr_equal(find_peer(rig, 1), peer);
	reload(rig, ", shutdown: true", "peers: [{name: p, address: 127.1.0.3, asn: 1}]\n");
	assert_null(find_peer(rig, 2));
	assert_true(was_told(rig, "n2: left out of the mesh: peer p has the same address"));
	assert_true(peer->holds & HOLD_CONFIGURED);
	reload(rig, "", "");
	assert_non_null(find_peer(rig, 2));
	assert_false(peer->holds & HOLD_CONFIGURED);
	reload(rig, ", nodeSelector: {matchLabels: {no: body}}", "");
	assert_int_equal(rig->speaker->peer_count, 0);
}

static void each_is_believed_about_its_own(void **state)
{
	struct speaker_rig *rig = *state;
	struct k8s_object *object;

	put_nodes(rig, 5);
	run(rig);
	assert_true(accepts(rig, 1, "10.244.1.0/24", 1));
	assert_true(accepts(rig, 1, "10.244.1.64/26", 3)); /* its own traffic goes elsewhere */
	assert_false(accepts(rig, 1, "10.244.2.0/24", 1));
	assert_false(accepts(rig, 1, "10.244.2.0/24", 2));
	assert_false(accepts(rig, 1, "10.244.0.0/16", 1));
	/* A reflector, also about Nodes that this one has no session with. */
	object = new_node(1);
	k8s_labels_set(&object->node.labels, "rr", "yes");
	put(rig, object);
	run(rig);
	assert_null(find_peer(rig, 2));
	assert_true(accepts(rig, 1, "10.244.2.0/24", 2));
	assert_false(accepts(rig, 1, "10.244.2.0/24", 1));
	assert_false(accepts(rig, 1, "10.244.2.0/24", 3));
	assert_false(accepts(rig, 1, "10.244.9.0/24", 9));
	/* Where it is, and what it has, may change. */
	object = new_node(2);
	object->node.internal_ips[0] = nth_address(9);
	object->node.pod_cidrs[0] = nth_pods(9);
	put(rig, object);
	assert_false(accepts(rig, 1, "10.244.2.0/24", 2));
	assert_true(accepts(rig, 1, "10.244.9.0/24", 9));
	k8s_cluster_remove(rig->speaker->cluster, K8S_NODE, "", "n2");
	assert_false(accepts(rig, 1, "10.244.9.0/24", 9));
	run(rig);
	assert_false(accepts(rig, 1, "10.244.9.0/24", 9));
	/* It reflects no longer, but is believed a little longer. */
	put(rig, new_node(1));
	run(rig);
	assert_true(accepts(rig, 1, "10.244.3.0/24", 3));
	clock_ahead_ms += MESH_MOVE_MS;
	run(rig);
	assert_false(accepts(rig, 1, "10.244.3.0/24", 3));
}

static void send_nothing(void *arg, struct shared_buffer *buffer)
{
	(void)arg;
	(void)buffer;
}

static size_t queue_nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* As far as the mesh can see the session of the node is up, and has told all that it has. */
static void establish(struct speaker_rig *rig, unsigned number)
{
	static const struct update_group_member_ops ops = {
	    .send = send_nothing, .push = NULL, .queued = queue_nothing};
	struct speaker_peer *peer = find_peer(rig, number);
	struct export_key key;

	memset(&key, 0, sizeof key);
	key.codec.families[IPV4] = true;
	peer->member = update_group_join(rig->speaker->groups, &key, peer->rib_peer, &ops, peer);
	rig->speaker->member_count++;
}

static void put_reflector(struct speaker_rig *rig, unsigned number)
{
	struct k8s_object *object = new_node(number);

	k8s_labels_set(&object->node.labels, "rr", "yes");
	put(rig, object);
	run(rig);
}

static void pass(struct speaker_rig *rig, uint64_t milliseconds)
{
	for (; milliseconds >= 1000; milliseconds -= 1000) {
		clock_ahead_ms += 1000;
		run(rig);
	}
}

static size_t count_leaving(const struct speaker_rig *rig)
{
	struct speaker_mesh_status status;

	assert_true(speaker_mesh_status(rig->speaker, &status));
	return status.leaving;
}

static void old_sessions_go_when_new_ones_have_told_all(void **state)
{
	struct speaker_rig *rig = *state;

	put_nodes(rig, 4);
	run(rig);
	establish(rig, 1);
	establish(rig, 3);
	/* Of those that are not wanted any more one is not up: it goes at once. */
	put_reflector(rig, 3);
	assert_non_null(find_peer(rig, 1));
	assert_null(find_peer(rig, 2));
	assert_int_equal(count_leaving(rig), 1);
	pass(rig, 9000);
	assert_non_null(find_peer(rig, 1));
	/* Another one begins to reflect, and is waited for. */
	put_reflector(rig, 2);
	assert_non_null(find_peer(rig, 2));
	pass(rig, 30000);
	assert_int_equal(count_leaving(rig), 1);
	establish(rig, 2);
	pass(rig, 9000);
	assert_int_equal(count_leaving(rig), 1);
	pass(rig, 4000);
	assert_null(find_peer(rig, 1));
	assert_int_equal(count_leaving(rig), 0);
	/* Nobody is waited for, but others may be. */
	put(rig, new_node(2));
	run(rig);
	pass(rig, 9000);
	assert_int_equal(count_leaving(rig), 1);
	pass(rig, 3000);
	assert_null(find_peer(rig, 2));
}

static void old_sessions_go_after_a_minute_at_the_latest(void **state)
{
	struct speaker_rig *rig = *state;

	put_nodes(rig, 3);
	run(rig);
	establish(rig, 1);
	put_reflector(rig, 3);
	assert_non_null(find_peer(rig, 3)); /* and it never comes up */
	pass(rig, MESH_MOVE_MS - 2000);
	assert_non_null(find_peer(rig, 1));
	pass(rig, 4000);
	assert_null(find_peer(rig, 1));
}

static void who_is_wanted_again_has_never_left(void **state)
{
	struct speaker_rig *rig = *state;
	struct k8s_object *object = new_node(4);
	const struct speaker_peer *peer;

	put_nodes(rig, 4);
	run(rig);
	establish(rig, 1);
	peer = find_peer(rig, 1);
	put_reflector(rig, 3);
	assert_int_equal(count_leaving(rig), 1);
	/* What all have in common changes for one that leaves, too. */
	reload(rig, ", holdTime: 30s", "");
	assert_int_equal(peer->settings.hold_time_ms, 30000);
	assert_int_equal(count_leaving(rig), 1);
	put(rig, new_node(3));
	run(rig);
	assert_int_equal(count_leaving(rig), 0);
	pass(rig, MESH_MOVE_MS);
	assert_ptr_equal(find_peer(rig, 1), peer);
	assert_non_null(find_peer(rig, 2));
	/* The address of one that leaves may be another's already. */
	put_reflector(rig, 3);
	assert_int_equal(count_leaving(rig), 1);
	k8s_labels_set(&object->node.labels, "rr", "yes");
	object->node.internal_ips[0] = nth_address(1);
	put(rig, object);
	run(rig);
	assert_null(find_peer(rig, 1));
	assert_non_null(find_peer(rig, 4));
}

/* This node reflects: for those that are to be no clients, a minute longer. */
static void clients_stay_for_a_minute(void **state)
{
	struct speaker_rig *rig = *state;

	put_nodes(rig, 3);
	run(rig);
	put_reflector(rig, 0);
	establish(rig, 1);
	assert_true(find_peer(rig, 1)->config->route_reflector_client);
	assert_true(find_peer(rig, 2)->config->route_reflector_client);
	put(rig, new_node(0));
	run(rig);
	assert_true(find_peer(rig, 1)->config->route_reflector_client);
	assert_false(find_peer(rig, 2)->config->route_reflector_client); /* nobody is there */
	pass(rig, MESH_MOVE_MS - 2000);
	assert_true(find_peer(rig, 1)->config->route_reflector_client);
	pass(rig, 4000);
	assert_false(find_peer(rig, 1)->config->route_reflector_client);
}

/* They know by themselves when they have another one. */
static void clients_are_not_left(void **state)
{
	struct speaker_rig *rig = *state;

	put_nodes(rig, 3);
	run(rig);
	put_reflector(rig, 0);
	establish(rig, 1);
	establish(rig, 2);
	put_reflector(rig, 2);
	put(rig, new_node(0));
	run(rig);
	assert_int_equal(count_leaving(rig), 1);
	pass(rig, MESH_MOVE_MS - 2000);
	assert_non_null(find_peer(rig, 1));
	pass(rig, 4000);
	assert_null(find_peer(rig, 1));
	assert_non_null(find_peer(rig, 2));
}

/* RFC 4456 8: what has been through its own cluster is refused by who is in it, not by others. */
static void only_reflectors_are_in_the_cluster(void **state)
{
	enum { CLUSTER = 0x0a090909, ROUTER = 0x0a000001 };
	struct speaker_rig *rig = *state;
	const struct speaker_peer *peer;

	put_nodes(rig, 3);
	run(rig);
	peer = find_peer(rig, 1);
	assert_int_equal(speaker_peer_cluster_id(peer), ROUTER);
	assert_int_equal(speaker_peer_import_cluster_id(peer), ROUTER);
	put_reflector(rig, 0);
	assert_int_equal(speaker_peer_cluster_id(peer), CLUSTER);
	assert_int_equal(speaker_peer_import_cluster_id(peer), ROUTER);
	pass(rig, MESH_MOVE_MS);
	assert_int_equal(speaker_peer_import_cluster_id(peer), CLUSTER);
	put(rig, new_node(0));
	run(rig);
	assert_int_equal(speaker_peer_cluster_id(peer), CLUSTER);
	assert_int_equal(speaker_peer_import_cluster_id(peer), ROUTER);
	pass(rig, MESH_MOVE_MS + 2000);
	assert_int_equal(speaker_peer_cluster_id(peer), ROUTER);
}

/* At a time of its own, not with whatever is applied next: all neighbours are asked then. */
static void what_came_before_the_cluster_was_known_is_judged_again(void **state)
{
	enum { CLUSTER = 0x0a090909, ROUTER = 0x0a000001 };
	struct speaker_rig *rig = *state;

	put_nodes(rig, 3);
	run(rig);
	put_reflector(rig, 0);
	establish(rig, 1);
	pass(rig, MESH_MOVE_MS - 2000);
	assert_int_equal(find_peer(rig, 1)->judged_cluster_id, ROUTER);
	pass(rig, 4000);
	assert_int_equal(find_peer(rig, 1)->judged_cluster_id, CLUSTER);
	assert_false(loop_timer_is_running(&rig->speaker->mesh.move_timer));
	/* Who ceases to reflect before that has nothing to wait for. */
	put(rig, new_node(0));
	put_reflector(rig, 0);
	pass(rig, MESH_MOVE_MS / 2);
	put(rig, new_node(0));
	run(rig);
	pass(rig, MESH_MOVE_MS + 2000);
	assert_int_equal(find_peer(rig, 1)->judged_cluster_id, ROUTER);
	assert_false(loop_timer_is_running(&rig->speaker->mesh.move_timer));
}

/* What has come to this node from clients that are no Nodes must not be refused by reflectors. */
static void who_has_left_the_cluster_sends_nothing_of_it(void **state)
{
	enum { CLUSTER = 0x0a090909, ROUTER = 0x0a000001 };
	struct speaker_rig *rig = *state;

	put_nodes(rig, 3);
	run(rig);
	put_reflector(rig, 0);
	put_reflector(rig, 2);
	establish(rig, 2);
	put(rig, new_node(0));
	run(rig);
	assert_int_equal(find_peer(rig, 2)->member->stream->group->key.cluster_id, CLUSTER);
	pass(rig, MESH_MOVE_MS + 2000);
	assert_int_equal(find_peer(rig, 2)->member->stream->group->key.cluster_id, ROUTER);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(thousands_of_nodes_are_settled_some_in_each_turn),
	    TEST(not_all_are_called_at_once),
	    TEST(a_change_concerns_one_peer),
	    TEST(half_a_cluster_is_none),
	    TEST(one_address_is_one_peer),
	    TEST(nodes_may_exchange_their_addresses),
	    TEST(who_goes_is_not_counted_among_those_looked_at),
	    TEST(what_is_wrong_is_left_out),
	    TEST(a_node_that_comes_back_at_once_is_the_same),
	    TEST(a_node_without_its_object_is_who_it_was),
	    TEST(a_node_that_comes_back_with_other_pods_is_judged_again),
	    TEST(a_reload_reaches_every_peer),
	    TEST(each_is_believed_about_its_own),
	    TEST(old_sessions_go_when_new_ones_have_told_all),
	    TEST(old_sessions_go_after_a_minute_at_the_latest),
	    TEST(who_is_wanted_again_has_never_left),
	    TEST(clients_stay_for_a_minute),
	    TEST(clients_are_not_left),
	    TEST(only_reflectors_are_in_the_cluster),
	    TEST(what_came_before_the_cluster_was_known_is_judged_again),
	    TEST(who_has_left_the_cluster_sends_nothing_of_it),
	};

	if (!own_network())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
