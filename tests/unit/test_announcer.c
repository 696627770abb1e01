/* The incremental engine: what is told, when, and what is not. */
#include "announcer_fixture.h"

static void pod_cidr_comes_and_goes_with_the_own_node(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &pods);
	put_node(fixture, "other", "True");
	assert_events(fixture, "");
	put_node(fixture, "me", "False");
	assert_events(fixture, "+0:10.1.0.0/24 ");
	put_node(fixture, "me", "True");
	assert_events(fixture, "");
	k8s_cluster_remove(fixture->cluster, K8S_NODE, "", "me");
	assert_events(fixture, "-0:10.1.0.0/24 ");
}

static void note_reason(void *arg, const struct k8s_verdict *verdict)
{
	struct text *reasons = arg;

	text_append(reasons, "%s ", k8s_reason_name(verdict->reason));
}

static void martian_pod_cidr_is_not_announced(void **state)
{
	struct fixture *fixture = *state;
	struct text reasons = {NULL, 0, 0};

	configure_one(fixture, &pods);
	put(fixture, "{apiVersion: v1, kind: Node, metadata: {name: me}, spec: {podCIDRs:"
		     " [224.0.0.0/24, 10.1.0.0/24, \"fe80::/64\"]}}");
	assert_events(fixture, "+0:10.1.0.0/24 ");
	k8s_announcer_walk(fixture->announcer, note_reason, &reasons);
	assert_string_equal(reasons.string, "martian announced martian ");
	text_free(&reasons);
}

static void fixed_prefix_needs_no_node(void **state)
{
	struct fixture *fixture = *state;

	assert_true(ip_prefix_parse("198.51.100.0/24", &fixed, NULL));
	configure_one(fixture, &prefixes);
	assert_events(fixture, "+0:198.51.100.0/24 ");
	put_node(fixture, "me", "True");
	k8s_cluster_remove(fixture->cluster, K8S_NODE, "", "me");
	assert_events(fixture, "");
}

static void service_follows_endpoints_and_node(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_node(fixture, "me", "True");
	put_service(fixture, "web", "Local", "192.0.2.1");
	put_slice(fixture, "web-1", "web", "other", true);
	assert_events(fixture, "");
	put_slice(fixture, "web-2", "web", "me", true);
	assert_events(fixture, "+0:192.0.2.1/32 ");
	assert_int_equal(k8s_announcer_service_count(fixture->announcer), 1);
	put_slice(fixture, "web-2", "web", "me", false);
	assert_events(fixture, "-0:192.0.2.1/32 ");
	assert_int_equal(k8s_announcer_service_count(fixture->announcer), 0);
	put_service(fixture, "web", "Cluster", "192.0.2.1");
	assert_events(fixture, "+0:192.0.2.1/32 ");
	put_node(fixture, "me", "Unknown");
	assert_events(fixture, "-0:192.0.2.1/32 ");
	put_node(fixture, "me", "True");
	put_node(fixture, "other", "False");
	assert_events(fixture, "+0:192.0.2.1/32 ");
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "web");
	assert_events(fixture, "-0:192.0.2.1/32 ");
}

static void other_node_rules_judge_anew(void **state)
{
	struct fixture *fixture = *state;
	struct k8s_node_rules rules = node_rules;
	struct text reasons = {NULL, 0, 0};

	configure_one(fixture, &balancers);
	put(fixture,
	    "{apiVersion: v1, kind: Node, metadata: {name: me}, spec: {unschedulable: true},"
	    " status: {conditions: [{type: Ready, status: \"True\"}]}}");
	put_service(fixture, "web", "Cluster", "192.0.2.1");
	put_slice(fixture, "web-1", "web", "me", true);
	assert_events(fixture, "+0:192.0.2.1/32 ");
	rules.withdraws[K8S_NODE_UNSCHEDULABLE] = true;
	k8s_announcer_set_node_rules(fixture->announcer, &rules);
	assert_true(k8s_announcer_is_busy(fixture->announcer));
	k8s_announcer_finish(fixture->announcer);
	assert_events(fixture, "-0:192.0.2.1/32 ");
	k8s_announcer_walk(fixture->announcer, note_reason, &reasons);
	assert_string_equal(reasons.string, "nodeUnschedulable ");
	k8s_announcer_set_node_rules(fixture->announcer, &rules);
	assert_false(k8s_announcer_is_busy(fixture->announcer));
	k8s_announcer_set_node_rules(fixture->announcer, &node_rules);
	k8s_announcer_finish(fixture->announcer);
	assert_events(fixture, "+0:192.0.2.1/32 ");
	text_free(&reasons);
}

static void changed_address_is_announced_before_the_old_one_goes(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_node(fixture, "me", "True");
	put_service(fixture, "web", "Cluster", "192.0.2.1");
	put_slice(fixture, "web-1", "web", "me", true);
	assert_events(fixture, "+0:192.0.2.1/32 ");
	put_service(fixture, "web", "Cluster", "192.0.2.9");
	assert_events(fixture, "+0:192.0.2.9/32 -0:192.0.2.1/32 ");
	put_service(fixture, "web", "Cluster", "192.0.2.3");
	assert_events(fixture, "+0:192.0.2.3/32 -0:192.0.2.9/32 ");
}

/* Of the Services a and b, on this node. */
static void put_two_endpoints(struct fixture *fixture)
{
	put_node(fixture, "me", "True");
	put_slice(fixture, "a-1", "a", "me", true);
	put_slice(fixture, "b-1", "b", "me", true);
}

static void shared_address_goes_with_the_last_service(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_two_endpoints(fixture);
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	put_service(fixture, "b", "Cluster", "192.0.2.1");
	assert_events(fixture, "+0:192.0.2.1/32 ");
	assert_int_equal(k8s_announcer_service_count(fixture->announcer), 2);
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "a");
	assert_events(fixture, "");
	put_slice(fixture, "b-1", "b", "me", false);
	assert_events(fixture, "-0:192.0.2.1/32 ");
}

static void slice_that_changes_its_service_touches_both(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_node(fixture, "me", "True");
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	put_service(fixture, "b", "Cluster", "192.0.2.2");
	put_slice(fixture, "s", "a", "me", true);
	assert_events(fixture, "+0:192.0.2.1/32 ");
	put_slice(fixture, "s", "b", "me", true);
	assert_events(fixture, "+0:192.0.2.2/32 -0:192.0.2.1/32 ");
	/* With one address for both it never goes away. */
	put_service(fixture, "a", "Cluster", "192.0.2.2");
	put_slice(fixture, "s", "a", "me", true);
	assert_events(fixture, "");
}

static void aggregate_is_split_for_policy_local(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &aggregates);
	put_two_endpoints(fixture);
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	put_service(fixture, "b", "Cluster", "192.0.2.2");
	assert_events(fixture, "+0:192.0.2.0/24 ");
	put_service(fixture, "b", "Local", "192.0.2.2");
	assert_events(fixture, "+0:192.0.2.2/32 ");
	put_service(fixture, "a", "Local", "192.0.2.1");
	assert_events(fixture, "+0:192.0.2.1/32 -0:192.0.2.0/24 ");
}

static void each_service_is_told_what_is_announced_for_it_and_why_not(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_node(fixture, "me", "True");
	put_service(fixture, "a", "Local", "192.0.2.1");
	assert_services(fixture, "");
	put_slice(fixture, "a-1", "a", "me", true);
	assert_services(fixture, "default/a 192.0.2.1/32. ");
	put_slice(fixture, "b-1", "b", "other", true);
	/* The prefix is announced already, but not for this Service. */
	put_service(fixture, "b", "Cluster", "192.0.2.1");
	assert_services(fixture, "default/b 192.0.2.1/32. ");
	put_service(fixture, "b", "Cluster", "192.0.2.2");
	assert_services(fixture, "default/b 192.0.2.2/32. ");
	put_slice(fixture, "b-2", "b", "me", true);
	assert_services(fixture, "");
	put_slice(fixture, "a-1", "a", "me", false);
	assert_services(fixture, "default/a noLocalEndpoints. ");
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "a");
	assert_services(fixture, "");
	put_node(fixture, "me", "False");
	assert_services(fixture, "default/b nodeNotReady. ");
	put_node(fixture, "me", "True");
	text_clear(&fixture->services);
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "b");
	assert_services(fixture, "default/b serviceGone. ");
}

static void service_without_an_address_is_told_of(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_node(fixture, "me", "True");
	put_slice(fixture, "a-1", "a", "me", true);
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	text_clear(&fixture->services);
	put(fixture, "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type:"
		     " LoadBalancer}}");
	assert_services(fixture, "default/a noAddress. ");
}

static void only_the_right_kinds_of_service_have_addresses(void **state)
{
	const struct k8s_advertisement all = {.type = K8S_ADVERTISE_SERVICE,
	    .addresses = {true, true, true},
	    .aggregation_length = {32, 128}};
	struct fixture *fixture = *state;

	configure_one(fixture, &all);
	put_node(fixture, "me", "True");
	put_slice(fixture, "s-1", "s", "me", true);
	put(fixture, "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: NodePort,"
		     " clusterIP: 10.96.0.1, externalIPs: [192.0.2.7]}, status: {loadBalancer:"
		     " {ingress: [{ip: 192.0.2.8}]}}}");
	assert_events(fixture, "+0:10.96.0.1/32 +0:192.0.2.7/32 ");
	put(fixture,
	    "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: ExternalName,"
	    " externalIPs: [192.0.2.7]}}");
	assert_events(fixture, "-0:192.0.2.7/32 -0:10.96.0.1/32 ");
	put(fixture, "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {clusterIP: None,"
		     " externalIPs: [192.0.2.7]}}");
	assert_events(fixture, "");
}

static void reconfiguration_tells_only_the_difference(void **state)
{
	struct fixture *fixture = *state;

	put_node(fixture, "me", "True");
	put_slice(fixture, "a-1", "a", "me", true);
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	configure(fixture, (struct k8s_rule[]){{&pods, 1}, {&balancers, 2}}, 2);
	assert_events(fixture, "+1:10.1.0.0/24 +2:192.0.2.1/32 ");
	/* The rules change their places; one of another name does the same as the old one. */
	configure(fixture, (struct k8s_rule[]){{&aggregates, 3}, {&balancers, 4}, {&pods, 1}}, 3);
	assert_events(fixture, "+3:192.0.2.0/24 +4:192.0.2.1/32 -2:192.0.2.1/32 ");
	configure(fixture, NULL, 0);
	assert_int_equal(fixture->announced.count, 0);
	assert_false(fixture->broken);
}

static void all_that_ask_for_a_prefix_are_told_together(void **state)
{
	static const struct k8s_advertisement hosts = {.type = K8S_ADVERTISE_SERVICE,
	    .addresses = {[K8S_ADDRESS_EXTERNAL_IP] = true},
	    .aggregation_length = {32, 128}};
	struct fixture *fixture = *state;

	put_node(fixture, "me", "True");
	put_slice(fixture, "a-1", "a", "me", true);
	configure(fixture, (struct k8s_rule[]){{&hosts, 7}, {&balancers, 3}}, 2);
	put(fixture, "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type:"
		     " LoadBalancer, externalIPs: [192.0.2.1]}, status: {loadBalancer: {ingress:"
		     " [{ip: 192.0.2.1}]}}}");
	assert_events(fixture, "+3:192.0.2.1/32 +7:192.0.2.1/32 ");
	assert_services(fixture, "default/a 192.0.2.1/32. ");
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	assert_events(fixture, "-7:192.0.2.1/32 ");
	/* What is announced for the Service is the same. */
	assert_services(fixture, "");
}

/* What concerns all Services is done one by one; events between are acted on at once. */
static void services_are_judged_one_at_a_time(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_two_endpoints(fixture);
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	put_service(fixture, "b", "Cluster", "192.0.2.2");
	text_clear(&fixture->events);
	fixture->is_lazy = true;
	put_node(fixture, "me", "False");
	assert_true(k8s_announcer_is_busy(fixture->announcer));
	assert_int_equal(fixture->announced.count, 2);
	/* Not to be announced any more, by what is known of the node now. */
	put_service(fixture, "b", "Cluster", "192.0.2.3");
	assert_int_equal(fixture->announced.count, 2);
	put_node(fixture, "me", "True");
	assert_true(k8s_announcer_continue(fixture->announcer));
	assert_true(k8s_announcer_continue(fixture->announcer));
	assert_false(k8s_announcer_is_busy(fixture->announcer) && fixture->broken);
	k8s_announcer_finish(fixture->announcer);
	assert_false(k8s_announcer_is_busy(fixture->announcer));
	assert_events(fixture, "+0:192.0.2.3/32 -0:192.0.2.2/32 ");
}

/* An address that goes from one Service to another is never gone, whichever is judged first. */
static void address_that_moves_between_services_stays(void **state)
{
	const struct k8s_advertisement *const selecting[] = {&balancers, &aggregates};
	struct fixture *fixture = *state;

	put_two_endpoints(fixture);
	put_service(fixture, "a", "Cluster", "192.0.2.0");
	put_service(fixture, "b", "Local", "192.0.2.0");
	for (unsigned i = 0; i < 4; i++) {
		configure(fixture, &(struct k8s_rule){selecting[i % 2], i % 2}, 1);
		fixture->is_lazy = true;
		text_clear(&fixture->events);
	}
	while (k8s_announcer_continue(fixture->announcer))
		assert_true(fixture->announced.count > 0);
	assert_int_equal(fixture->announced.count, 2);
	assert_false(fixture->broken);
}

static void print_verdict(void *arg, const struct k8s_verdict *verdict)
{
	char address[IP_TEXT_MAX];
	char prefix[IP_TEXT_MAX];

	text_append(arg, "%zu %s/%s %s %s %s\n", verdict->advertisement, verdict->namespace,
	    verdict->name, ip_prefix_print(&verdict->address, address),
	    ip_prefix_print(&verdict->prefix, prefix), k8s_reason_name(verdict->reason));
}

static void walk_is_in_order_and_says_why(void **state)
{
	struct fixture *fixture = *state;
	struct text text = {NULL, 0, 0};

	assert_true(ip_prefix_parse("198.51.100.0/24", &fixed, NULL));
	configure(fixture, (struct k8s_rule[]){{&aggregates, 5}, {&pods, 1}, {&prefixes, 3}}, 3);
	put_node(fixture, "me", "True");
	put_service(fixture, "b", "Cluster", "192.0.2.2");
	put_service(fixture, "c", "Local", "192.0.2.3");
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	put_slice(fixture, "a-1", "a", "x", true);
	put_slice(fixture, "c-1", "c", "x", true);
	k8s_announcer_walk(fixture->announcer, print_verdict, &text);
	assert_string_equal(text.string, "0 default/a 192.0.2.1/32 192.0.2.0/24 announced\n"
					 "0 default/b 192.0.2.2/32 192.0.2.0/24 noEndpoints\n"
					 "0 default/c 192.0.2.3/32 192.0.2.3/32 noLocalEndpoints\n"
					 "1 /me 10.1.0.0/24 10.1.0.0/24 announced\n"
					 "2 / 198.51.100.0/24 198.51.100.0/24 announced\n");
	text_clear(&text);
	put_node(fixture, "me", "False");
	k8s_announcer_walk(fixture->announcer, print_verdict, &text);
	assert_int_equal(
	    strncmp(text.string, "0 default/a 192.0.2.1/32 192.0.2.0/24 nodeNotReady\n", 51), 0);
	text_free(&text);
}

/* Between two steps a Service goes, one comes, and the node is another. */
static void walk_goes_on_while_things_change(void **state)
{
	struct fixture *fixture = *state;
	struct k8s_verdict_walk *walk;
	struct text text = {NULL, 0, 0};
	bool more = true;

	configure_one(fixture, &pods);
	walk = k8s_verdict_walk_new(fixture->announcer);
	assert_true(k8s_verdict_walk_step(walk, print_verdict, &text));
	k8s_verdict_walk_free(walk);
	text_clear(&text);
	put_node(fixture, "me", "True");
	for (char name[] = "a"; name[0] <= 'd'; name[0]++)
		put_service(fixture, name, "Cluster", "192.0.2.1");
	configure_one(fixture, &balancers);
	walk = k8s_verdict_walk_new(fixture->announcer);
	while (!text.length && more)
		more = k8s_verdict_walk_step(walk, print_verdict, &text);
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "b");
	put_service(fixture, "e", "Cluster", "192.0.2.5");
	put_service(fixture, "d", "Cluster", "192.0.2.9");
	while (more)
		more = k8s_verdict_walk_step(walk, print_verdict, &text);
	assert_non_null(strstr(text.string, "default/a "));
	assert_null(strstr(text.string, "default/b "));
	assert_non_null(strstr(text.string, "default/c "));
	assert_non_null(strstr(text.string, "default/d 192.0.2.9/32"));
	assert_null(strstr(text.string, "default/e "));
	k8s_verdict_walk_free(walk);
	/* It may be left in the middle, also without any rule. */
	k8s_verdict_walk_free(k8s_verdict_walk_new(fixture->announcer));
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		pod_cidr_comes_and_goes_with_the_own_node, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(martian_pod_cidr_is_not_announced, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(fixed_prefix_needs_no_node, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(service_follows_endpoints_and_node, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(other_node_rules_judge_anew, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		changed_address_is_announced_before_the_old_one_goes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		shared_address_goes_with_the_last_service, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		slice_that_changes_its_service_touches_both, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(aggregate_is_split_for_policy_local, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		each_service_is_told_what_is_announced_for_it_and_why_not, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		service_without_an_address_is_told_of, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		only_the_right_kinds_of_service_have_addresses, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		reconfiguration_tells_only_the_difference, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		all_that_ask_for_a_prefix_are_told_together, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(services_are_judged_one_at_a_time, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		address_that_moves_between_services_stays, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(walk_is_in_order_and_says_why, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(walk_goes_on_while_things_change, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("announcer", tests, NULL, NULL);
}
