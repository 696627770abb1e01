/*
 * A node that is drained and a daemon that ends, in a real speaker: its cluster is a folder of
 * manifests, and what it announces is read from its table.
 */
#include "clock.h"
#include "speaker/private.h"
#include "speaker_rig.h"

#define TURNS 20

#define GRACEFUL "leave: {gracefulShutdown: true, delay: 30s}"
#define DELAYED "leave: {delay: 30s}"

#define TAINTED(key, effect) "taints: [{key: " key ", effect: " effect "}]"
#define CORDONED "unschedulable: true"

struct world {
	struct speaker_rig rig;
	char cluster_file[128];
	struct speaker_observer observer;
	struct text events; /* "leave" alone, a line each */
	struct text told; /* announcements and withdrawals */
	const char *more; /* of the configuration: more advertisements, and what comes behind */
	unsigned ended;
};

static void take_event(void *arg, const struct speaker_event *event)
{
	struct world *world = arg;
	char prefix[IP_TEXT_MAX];

	if (event->kind == SPEAKER_LEAVE)
		text_append(&world->events, "%s: %s\n", event->subject, event->text);
	if (event->kind == SPEAKER_ANNOUNCED)
		text_append(&world->told, "+%s ", ip_prefix_print(event->prefix, prefix));
	if (event->kind == SPEAKER_WITHDRAWN)
		text_append(&world->told, "-%s ", ip_prefix_print(event->prefix, prefix));
}

static void write_configuration(const struct world *world, const char *router, const char *node)
{
	struct text text = {0};

	text_append(&text,
	    "router: {asn: 64512, routerID: 10.0.0.1, listen: {port: 0}, %s}\n"
	    "node: {name: node-a, withdrawServices: {%s}}\n"
	    "cluster: {source: manifests, manifests: %s}\n"
	    "fib: {install: false}\nmetrics: {listen: \"\"}\n"
	    "advertisements:\n- {name: pods, type: PodCIDR}\n- {name: web, type: Service}\n"
	    "- {name: fixed, type: Prefix, prefixes: [198.51.100.0/24]}\n%s",
	    router, node, world->rig.manifests, world->more);
	speaker_rig_configure(&world->rig, text.string);
	text_free(&text);
}

/* The node, with this in its spec, and a Service. */
static void write_cluster(const struct world *world, const char *spec, const char *ready)
{
	struct text text = {0};

	text_append(&text,
	    "apiVersion: v1\nkind: Node\nmetadata: {name: node-a}\n"
	    "spec: {podCIDR: 10.244.1.0/24%s%s}\n"
	    "status: {conditions: [{type: Ready, status: \"%s\"}]}\n"
	    "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: d}\n"
	    "spec: {type: LoadBalancer}\nstatus: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}\n"
	    "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n"
	    "metadata: {name: web-1, namespace: d, labels: {kubernetes.io/service-name: web}}\n"
	    "endpoints: [{addresses: [10.244.1.9], nodeName: node-a}]\n",
	    *spec ? ", " : "", spec, ready);
	speaker_rig_write_file(world->cluster_file, text.string);
	text_free(&text);
}

static void run(const struct world *world)
{
	for (int i = 0; i < TURNS; i++)
		loop_run_once(world->rig.loop, 1);
}

/* Until a change of the manifests has arrived: the time that is waited for more of it passes. */
static void change_cluster(const struct world *world, const char *spec, const char *ready)
{
	write_cluster(world, spec, ready);
	run(world);
	clock_ahead_ms += 1000;
	run(world);
}

static void pass_time(const struct world *world, uint64_t milliseconds)
{
	clock_ahead_ms += milliseconds;
	run(world);
}

/* "" if the prefix is not announced, "marked" or "plain". */
static const char *find_announced(const struct world *world, const char *text)
{
	const struct rib_prefix *found;
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(text, &prefix, NULL));
	found = rib_find(world->rig.speaker->rib, &prefix, NULL);
	if (!found)
		return "";
	return rib_best_path(found)->attributes->graceful_shutdown ? "marked" : "plain";
}

static void assert_announced(const struct world *world, const char *service, const char *others)
{
	assert_string_equal(find_announced(world, "192.0.2.1/32"), service);
	assert_string_equal(find_announced(world, "10.244.1.0/24"), others);
	assert_string_equal(find_announced(world, "198.51.100.0/24"), others);
}

static void assert_state(
    const struct world *world, enum speaker_leave_state state, enum k8s_reason reason)
{
	const struct speaker_leave *leave = speaker_leave_status(world->rig.speaker);

	assert_string_equal(
	    speaker_leave_state_name(leave->state), speaker_leave_state_name(state));
	if (state != SPEAKER_STAYS)
		assert_int_equal(leave->reason, reason);
}

static void note_reason(void *arg, const struct k8s_verdict *verdict)
{
	if (*verdict->namespace)
		*(enum k8s_reason *)arg = verdict->reason;
}

static enum k8s_reason service_reason(const struct world *world)
{
	enum k8s_reason reason = K8S_REASONS;

	k8s_announcer_walk(world->rig.speaker->announcer, note_reason, &reason);
	return reason;
}

static void start_speaker(
    struct world *world, const char *router, const char *node, const char *spec)
{
	write_configuration(world, router, node);
	write_cluster(world, spec, "True");
	speaker_rig_start(&world->rig);
	world->observer = (struct speaker_observer){.event = take_event, .arg = world};
	speaker_add_observer(world->rig.speaker, &world->observer);
	run(world);
	pass_time(world, 1000);
	text_clear(&world->told);
}

static void reload(struct world *world, const char *router, const char *node)
{
	write_configuration(world, router, node);
	speaker_rig_reload(&world->rig);
	run(world);
}

static void count_end(void *arg)
{
	((struct world *)arg)->ended++;
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof *world);

	speaker_rig_open(&world->rig, loop_new());
	snprintf(
	    world->cluster_file, sizeof world->cluster_file, "%s/a.yaml", world->rig.manifests);
	world->more = "";
	text_append(&world->events, "%s", "");
	text_append(&world->told, "%s", "");
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	unlink(world->cluster_file);
	speaker_rig_close(&world->rig);
	loop_free(world->rig.loop);
	text_free(&world->events);
	text_free(&world->told);
	free(world);
	return 0;
}

static void a_drained_node_is_marked_before_its_services_go(void **state)
{
	struct world *world = *state;

	start_speaker(world, GRACEFUL, "", "");
	assert_announced(world, "plain", "plain");
	change_cluster(world, TAINTED("ToBeDeletedByClusterAutoscaler", "NoSchedule"), "True");
	assert_state(world, SPEAKER_DRAINING, K8S_NODE_TO_BE_DELETED);
	assert_announced(world, "marked", "plain");
	assert_string_equal(world->told.string, "");
	pass_time(world, 30000);
	assert_state(world, SPEAKER_DRAINED, K8S_NODE_TO_BE_DELETED);
	assert_announced(world, "", "plain");
	assert_int_equal(service_reason(world), K8S_NODE_TO_BE_DELETED);
	/* Taken back, and not even for a moment with the mark. */
	change_cluster(world, "", "True");
	assert_state(world, SPEAKER_STAYS, K8S_ANNOUNCED);
	assert_announced(world, "plain", "plain");
	assert_string_equal(world->told.string, "-192.0.2.1/32 +192.0.2.1/32 ");
	assert_string_equal(world->events.string,
	    "node-a: draining: this node is being deleted, or the cluster autoscaler is about to "
	    "delete it; withdraws its Services in 30s, announces GRACEFUL_SHUTDOWN\n"
	    "node-a: drained: this node is being deleted, or the cluster autoscaler is about to "
	    "delete it; withdraws its Services\n"
	    "node-a: drained no longer: announces its Services as before\n");
}

static void a_node_that_comes_back_in_time_never_withdraws(void **state)
{
	struct world *world = *state;

	start_speaker(world, GRACEFUL, "unschedulable: true, noExecute: true", "");
	change_cluster(world, CORDONED, "True");
	assert_state(world, SPEAKER_DRAINING, K8S_NODE_UNSCHEDULABLE);
	assert_announced(world, "marked", "plain");
	/* Another reason to go is no reason to wait again. */
	pass_time(world, 20000);
	change_cluster(world, TAINTED("k", "NoExecute"), "True");
	assert_state(world, SPEAKER_DRAINING, K8S_NODE_NO_EXECUTE);
	change_cluster(world, "", "True");
	assert_state(world, SPEAKER_STAYS, K8S_ANNOUNCED);
	assert_announced(world, "plain", "plain");
	pass_time(world, 60000);
	assert_state(world, SPEAKER_STAYS, K8S_ANNOUNCED);
	assert_announced(world, "plain", "plain");
	assert_string_equal(world->told.string, "");
}

static void a_node_that_fails_does_not_wait(void **state)
{
	struct world *world = *state;

	start_speaker(world, GRACEFUL, "unschedulable: true", "");
	change_cluster(world, CORDONED, "True");
	assert_announced(world, "marked", "plain");
	change_cluster(world, CORDONED, "False");
	assert_state(world, SPEAKER_STAYS, K8S_ANNOUNCED);
	assert_announced(world, "", "plain");
	assert_int_equal(service_reason(world), K8S_NODE_NOT_READY);
	/* Ready again, but still to go: there is nobody to move. */
	change_cluster(world, CORDONED, "True");
	assert_state(world, SPEAKER_DRAINED, K8S_NODE_UNSCHEDULABLE);
	assert_announced(world, "", "plain");
	change_cluster(world, "", "True");
	assert_announced(world, "plain", "plain");
}

static void without_the_mark_services_go_at_once(void **state)
{
	struct world *world = *state;

	start_speaker(world, DELAYED, "unschedulable: true", "");
	change_cluster(world, CORDONED, "True");
	assert_state(world, SPEAKER_DRAINED, K8S_NODE_UNSCHEDULABLE);
	assert_announced(world, "", "plain");
}

static void a_node_first_seen_while_drained_announces_none(void **state)
{
	struct world *world = *state;

	start_speaker(world, GRACEFUL, "unschedulable: true", CORDONED);
	assert_state(world, SPEAKER_DRAINED, K8S_NODE_UNSCHEDULABLE);
	assert_announced(world, "", "plain");
}

static void each_rule_is_taken_over_by_a_reload(void **state)
{
	static const struct {
		const char *rule, *spec, *ready;
		enum k8s_reason reason;
	} rows[] = {
	    {"notReady: true", "", "False", K8S_NODE_NOT_READY},
	    {"unschedulable: true", CORDONED, "True", K8S_NODE_UNSCHEDULABLE},
	    {"toBeDeleted: true", TAINTED("ToBeDeletedByClusterAutoscaler", "NoSchedule"), "True",
		K8S_NODE_TO_BE_DELETED},
	    {"noExecute: true", TAINTED("k", "NoExecute"), "True", K8S_NODE_NO_EXECUTE},
	};
	static const char none[] = "notReady: false, toBeDeleted: false";
	struct world *world = *state;

	start_speaker(world, "", none, "");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		change_cluster(world, rows[i].spec, rows[i].ready);
		assert_announced(world, "plain", "plain");
		reload(world, "", rows[i].rule);
		assert_announced(world, "", "plain");
		assert_int_equal(service_reason(world), rows[i].reason);
		reload(world, "", none);
		assert_announced(world, "plain", "plain");
		change_cluster(world, "", "True");
	}
}

static void a_reload_may_begin_and_end_a_drain(void **state)
{
	struct world *world = *state;

	start_speaker(world, GRACEFUL, "", CORDONED);
	assert_announced(world, "plain", "plain");
	reload(world, GRACEFUL, "unschedulable: true");
	assert_state(world, SPEAKER_DRAINING, K8S_NODE_UNSCHEDULABLE);
	assert_announced(world, "marked", "plain");
	reload(world, GRACEFUL, "");
	assert_state(world, SPEAKER_STAYS, K8S_ANNOUNCED);
	assert_announced(world, "plain", "plain");
	assert_string_equal(world->told.string, "");
}

/*
 * What an advertisement that was removed said of peers is forgotten at some time: not when a mark
 * comes, for then nobody tells the sessions that their peers are of other kinds.
 */
static void a_mark_changes_no_audience(void **state)
{
	static const char more[] = "- {name: old, type: Service, peers: [p1]}\n"
				   "- {name: new, type: Service, peers: [p2]}\n"
				   "peers: [{name: p1, address: 127.1.0.1, asn: 1, shutdown: true},"
				   " {name: p2, address: 127.1.0.2, asn: 2, shutdown: true}]\n";
	struct world *world = *state;
	uint64_t first, second;

	world->more = more;
	start_speaker(world, GRACEFUL, "unschedulable: true", "");
	world->more = strchr(more, '\n') + 1;
	reload(world, GRACEFUL, "unschedulable: true");
	first = speaker_audiences_of(world->rig.speaker, "p1");
	second = speaker_audiences_of(world->rig.speaker, "p2");
	change_cluster(world, CORDONED, "True");
	assert_announced(world, "marked", "plain");
	assert_int_equal(speaker_audiences_of(world->rig.speaker, "p1"), first);
	assert_int_equal(speaker_audiences_of(world->rig.speaker, "p2"), second);
}

/* As if somebody were Established: the rest is shown with real sessions by the labs. */
static void stop_with_a_session(struct world *world)
{
	world->rig.speaker->member_count = 1;
	speaker_stop(world->rig.speaker, count_end, world);
	world->rig.speaker->member_count = 0;
	run(world);
}

static void everything_is_marked_before_the_end(void **state)
{
	struct world *world = *state;
	struct text errors = {0};

	start_speaker(world, GRACEFUL, "", "");
	stop_with_a_session(world);
	assert_state(world, SPEAKER_STOPPING, K8S_STOPPING);
	assert_announced(world, "marked", "marked");
	assert_false(speaker_is_ready(world->rig.speaker));
	assert_false(speaker_reload(world->rig.speaker, &errors));
	text_free(&errors);
	/* What comes now is announced as well, and a drain has begun already. */
	change_cluster(world, TAINTED("ToBeDeletedByClusterAutoscaler", "NoSchedule"), "True");
	assert_announced(world, "marked", "marked");
	change_cluster(world, "", "True");
	assert_state(world, SPEAKER_STOPPING, K8S_STOPPING);
	assert_announced(world, "marked", "marked");
	pass_time(world, 27000);
	assert_false(world->rig.speaker->stopping);
	pass_time(world, 2000);
	assert_true(world->rig.speaker->stopping);
	assert_announced(world, "", "marked");
	assert_int_equal(service_reason(world), K8S_STOPPING);
	pass_time(world, 1000);
	assert_int_equal(world->ended, 1);
}

static void without_the_mark_services_go_before_the_delay(void **state)
{
	struct world *world = *state;

	start_speaker(world, DELAYED, "", "");
	stop_with_a_session(world);
	assert_announced(world, "", "plain");
	assert_int_equal(service_reason(world), K8S_STOPPING);
	pass_time(world, 29000);
	assert_false(world->rig.speaker->stopping);
	pass_time(world, 1000);
	pass_time(world, 1000);
	assert_int_equal(world->ended, 1);
}

static void a_second_stop_does_not_wait(void **state)
{
	struct world *world = *state;

	start_speaker(world, GRACEFUL, "", "");
	stop_with_a_session(world);
	speaker_stop(world->rig.speaker, count_end, world);
	assert_true(world->rig.speaker->stopping);
	assert_announced(world, "", "marked");
	speaker_stop(world->rig.speaker, count_end, world);
	pass_time(world, 60000);
	assert_int_equal(world->ended, 1);
}

static void nothing_is_withdrawn_without_a_delay_or_a_session(void **state)
{
	struct world *world = *state;

	start_speaker(world, GRACEFUL, "", "");
	speaker_stop(world->rig.speaker, count_end, world);
	assert_true(world->rig.speaker->stopping);
	assert_announced(world, "plain", "plain");
	pass_time(world, 1000);
	assert_int_equal(world->ended, 1);
}

static void a_stop_in_the_middle_of_a_drain_begins_anew(void **state)
{
	struct world *world = *state;

	start_speaker(world, GRACEFUL, "unschedulable: true", "");
	change_cluster(world, CORDONED, "True");
	pass_time(world, 20000);
	stop_with_a_session(world);
	assert_announced(world, "marked", "marked");
	pass_time(world, 29000);
	assert_announced(world, "marked", "marked");
	assert_false(world->rig.speaker->stopping);
	pass_time(world, 1000);
	assert_true(world->rig.speaker->stopping);
}

static void a_drained_node_that_stops_does_not_come_back(void **state)
{
	struct world *world = *state;

	start_speaker(world, GRACEFUL, "unschedulable: true", CORDONED);
	stop_with_a_session(world);
	assert_announced(world, "", "marked");
}

/* What kept them back at first may end before the daemon does. */
static void a_node_that_failed_while_drained_does_not_come_back_either(void **state)
{
	struct world *world = *state;

	start_speaker(world, GRACEFUL, "unschedulable: true", "");
	change_cluster(world, CORDONED, "False");
	assert_state(world, SPEAKER_STAYS, K8S_ANNOUNCED);
	stop_with_a_session(world);
	change_cluster(world, CORDONED, "True");
	assert_state(world, SPEAKER_STOPPING, K8S_STOPPING);
	assert_announced(world, "", "marked");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_drained_node_is_marked_before_its_services_go),
	    TEST(a_node_that_comes_back_in_time_never_withdraws),
	    TEST(a_node_that_fails_does_not_wait),
	    TEST(without_the_mark_services_go_at_once),
	    TEST(a_node_first_seen_while_drained_announces_none),
	    TEST(each_rule_is_taken_over_by_a_reload),
	    TEST(a_reload_may_begin_and_end_a_drain),
	    TEST(a_mark_changes_no_audience),
	    TEST(everything_is_marked_before_the_end),
	    TEST(without_the_mark_services_go_before_the_delay),
	    TEST(a_second_stop_does_not_wait),
	    TEST(nothing_is_withdrawn_without_a_delay_or_a_session),
	    TEST(a_stop_in_the_middle_of_a_drain_begins_anew),
	    TEST(a_drained_node_that_stops_does_not_come_back),
	    TEST(a_node_that_failed_while_drained_does_not_come_back_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
