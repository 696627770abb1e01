/*
 * Each rule by name, as a table: what differs from a Service that is announced on a healthy node,
 * and the verdict.  Then the counting of endpoints, by family, node and condition.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "k8s/announce.h"

#define EXCLUDE "node.kubernetes.io/exclude-from-external-load-balancers"

struct node_case {
	const char *name;
	enum k8s_advertisement_type type;
	bool no_node;
	bool selects_rack; /* the advertisement wants rack=r1 */
	const char *rack; /* the node's */
	enum k8s_condition ready;
	enum k8s_condition network_unavailable;
	const char *exclude; /* value of the label; NULL: none */
	bool unschedulable;
	enum k8s_reason reason;
};

static const struct node_case node_cases[] = {
    {"healthy node", K8S_ADVERTISE_SERVICE, false, false, NULL, K8S_TRUE, K8S_FALSE, NULL, false,
	K8S_ANNOUNCED},
    {"NetworkUnavailable never set", K8S_ADVERTISE_SERVICE, false, false, NULL, K8S_TRUE,
	K8S_UNKNOWN, NULL, false, K8S_ANNOUNCED},
    {"cordoned node still serves", K8S_ADVERTISE_SERVICE, false, false, NULL, K8S_TRUE, K8S_FALSE,
	NULL, true, K8S_ANNOUNCED},
    {"node selected", K8S_ADVERTISE_SERVICE, false, true, "r1", K8S_TRUE, K8S_FALSE, NULL, false,
	K8S_ANNOUNCED},
    {"node not selected", K8S_ADVERTISE_SERVICE, false, true, "r2", K8S_TRUE, K8S_FALSE, NULL,
	false, K8S_NODE_NOT_SELECTED},
    {"not selected comes before not ready", K8S_ADVERTISE_SERVICE, false, true, "r2", K8S_FALSE,
	K8S_TRUE, "", false, K8S_NODE_NOT_SELECTED},
    {"no node", K8S_ADVERTISE_SERVICE, true, false, NULL, K8S_TRUE, K8S_FALSE, NULL, false,
	K8S_NODE_NOT_FOUND},
    {"not ready", K8S_ADVERTISE_SERVICE, false, false, NULL, K8S_FALSE, K8S_FALSE, NULL, false,
	K8S_NODE_NOT_READY},
    {"ready unknown", K8S_ADVERTISE_SERVICE, false, false, NULL, K8S_UNKNOWN, K8S_FALSE, NULL,
	false, K8S_NODE_NOT_READY},
    {"network unavailable", K8S_ADVERTISE_SERVICE, false, false, NULL, K8S_TRUE, K8S_TRUE, NULL,
	false, K8S_NODE_NETWORK_UNAVAILABLE},
    {"excluded", K8S_ADVERTISE_SERVICE, false, false, NULL, K8S_TRUE, K8S_FALSE, "true", false,
	K8S_NODE_EXCLUDED},
    {"excluded by presence", K8S_ADVERTISE_SERVICE, false, false, NULL, K8S_TRUE, K8S_FALSE, "",
	false, K8S_NODE_EXCLUDED},
    {"excluded even with false", K8S_ADVERTISE_SERVICE, false, false, NULL, K8S_TRUE, K8S_FALSE,
	"false", false, K8S_NODE_EXCLUDED},
    {"pod CIDR of a sick node", K8S_ADVERTISE_POD_CIDR, false, false, NULL, K8S_FALSE, K8S_TRUE, "",
	false, K8S_ANNOUNCED},
    {"pod CIDR of a node not selected", K8S_ADVERTISE_POD_CIDR, false, true, "r2", K8S_TRUE,
	K8S_FALSE, NULL, false, K8S_NODE_NOT_SELECTED},
    {"pod CIDR of no node", K8S_ADVERTISE_POD_CIDR, true, false, NULL, K8S_TRUE, K8S_FALSE, NULL,
	false, K8S_NODE_NOT_FOUND},
    {"fixed prefix of a sick node", K8S_ADVERTISE_PREFIX, false, false, NULL, K8S_FALSE, K8S_TRUE,
	"", false, K8S_ANNOUNCED},
    {"fixed prefix without a node", K8S_ADVERTISE_PREFIX, true, false, NULL, K8S_TRUE, K8S_FALSE,
	NULL, false, K8S_ANNOUNCED},
    {"fixed prefix for some nodes, no node", K8S_ADVERTISE_PREFIX, true, true, NULL, K8S_TRUE,
	K8S_FALSE, NULL, false, K8S_NODE_NOT_FOUND},
    {"fixed prefix, node not selected", K8S_ADVERTISE_PREFIX, false, true, NULL, K8S_TRUE,
	K8S_FALSE, NULL, false, K8S_NODE_NOT_SELECTED},
};

/* The defaults of node.withdrawServices. */
static const struct k8s_node_rules usual = {{[K8S_NODE_NOT_READY] = true,
    [K8S_NODE_NETWORK_UNAVAILABLE] = true,
    [K8S_NODE_EXCLUDED] = true,
    [K8S_NODE_TO_BE_DELETED] = true}};

static void node_rules(void **state)
{
	static const char *const racks[] = {"r1"};

	(void)state;
	for (size_t i = 0; i < sizeof(node_cases) / sizeof(node_cases[0]); i++) {
		const struct node_case *test = &node_cases[i];
		struct k8s_advertisement advertisement = {.type = test->type};
		struct k8s_object node = {.kind = K8S_NODE};
		enum k8s_reason reason;

		if (test->selects_rack)
			k8s_selector_add(
			    &advertisement.node_selector, "rack", K8S_OPERATOR_IN, racks, 1);
		if (test->rack)
			k8s_labels_set(&node.node.labels, "rack", test->rack);
		if (test->exclude)
			k8s_labels_set(&node.node.labels, EXCLUDE, test->exclude);
		node.node.ready = test->ready;
		node.node.network_unavailable = test->network_unavailable;
		node.node.unschedulable = test->unschedulable;
		reason = k8s_judge_node(&advertisement, &usual, test->no_node ? NULL : &node);
		if (reason != test->reason)
			fail_msg("%s: %s", test->name, k8s_reason_name(reason));
		k8s_selector_free(&advertisement.node_selector);
		k8s_labels_free(&node.node.labels);
	}
}

/* A node to which everything happens at once. */
static void each_state_counts_only_if_its_rule_says_so(void **state)
{
	struct k8s_node node = {.ready = K8S_FALSE,
	    .network_unavailable = K8S_TRUE,
	    .unschedulable = true,
	    .to_be_deleted = true,
	    .no_execute = true};
	const struct k8s_node healthy = {.ready = K8S_TRUE};
	struct k8s_node_rules rules = {{false}};

	(void)state;
	k8s_labels_set(&node.labels, EXCLUDE, "");
	assert_int_equal(k8s_judge_node_state(&rules, &node), K8S_ANNOUNCED);
	assert_int_equal(k8s_judge_node_state(&rules, NULL), K8S_NODE_NOT_FOUND);
	/* From the last to the first: the first one that counts is the verdict. */
	for (unsigned reason = K8S_NODE_NO_EXECUTE; reason > K8S_STOPPING; reason--) {
		rules.withdraws[reason] = true;
		assert_int_equal(k8s_judge_node_state(&rules, &node), reason);
		assert_int_equal(k8s_judge_node_state(&rules, &healthy), K8S_ANNOUNCED);
	}
	rules.withdraws[K8S_STOPPING] = true;
	assert_int_equal(k8s_judge_node_state(&rules, &healthy), K8S_STOPPING);
	k8s_labels_free(&node.labels);
}

static void a_node_is_drained_that_works_and_is_about_to_go(void **state)
{
	(void)state;
	for (unsigned i = 0; i < K8S_REASONS; i++)
		assert_int_equal(k8s_reason_is_drain((enum k8s_reason)i),
		    i == K8S_NODE_UNSCHEDULABLE || i == K8S_NODE_TO_BE_DELETED ||
			i == K8S_NODE_NO_EXECUTE);
}

struct address_case {
	const char *name;
	enum k8s_address_kind kind;
	const char *address;
	const char *cidr; /* of the advertisement; NULL: no limit */
	bool selects_public; /* the advertisement wants expose=public */
	const char *expose; /* the Service's label */
	const char *rule_class;
	const char *service_class;
	bool proxy;
	enum k8s_traffic_policy external_policy;
	enum k8s_traffic_policy internal_policy;
	const char *endpoints; /* "4" and "6": any; "a" and "b": on this node too */
	enum k8s_reason reason; /* serviceDeleted: so it is */
};

#define LB K8S_ADDRESS_LOAD_BALANCER_IP
#define EX K8S_ADDRESS_EXTERNAL_IP
#define CL K8S_ADDRESS_CLUSTER_IP
#define ANY K8S_POLICY_CLUSTER
#define LOCAL K8S_POLICY_LOCAL

static const struct address_case address_cases[] = {
    {"announced", LB, "192.0.2.1", NULL, false, NULL, NULL, NULL, false, ANY, ANY, "4",
	K8S_ANNOUNCED},
    {"Service selected", LB, "192.0.2.1", NULL, true, "public", NULL, NULL, false, ANY, ANY, "4",
	K8S_ANNOUNCED},
    {"Service not selected", LB, "192.0.2.1", NULL, true, "no", NULL, NULL, false, ANY, ANY, "4",
	K8S_SERVICE_NOT_SELECTED},
    {"Service without the label", LB, "192.0.2.1", NULL, true, NULL, NULL, NULL, false, ANY, ANY,
	"4", K8S_SERVICE_NOT_SELECTED},
    {"class of the rule", LB, "192.0.2.1", NULL, false, NULL, "a/b", "a/b", false, ANY, ANY, "4",
	K8S_ANNOUNCED},
    {"another class", LB, "192.0.2.1", NULL, false, NULL, "a/b", "a/c", false, ANY, ANY, "4",
	K8S_CLASS_NOT_SELECTED},
    {"Service has a class, rule has none", LB, "192.0.2.1", NULL, false, NULL, "", "a/b", false,
	ANY, ANY, "4", K8S_CLASS_NOT_SELECTED},
    {"rule has a class, Service has none", LB, "192.0.2.1", NULL, false, NULL, "a/b", NULL, false,
	ANY, ANY, "4", K8S_CLASS_NOT_SELECTED},
    {"class does not rule external IPs", EX, "192.0.2.1", NULL, false, NULL, NULL, "a/b", false,
	ANY, ANY, "4", K8S_ANNOUNCED},
    {"class does not rule cluster IPs", CL, "192.0.2.1", NULL, false, NULL, "a/b", NULL, false, ANY,
	ANY, "4", K8S_ANNOUNCED},
    {"loopback", LB, "127.0.0.53", "127.0.0.0/8", false, NULL, NULL, NULL, false, ANY, ANY, "4",
	K8S_MARTIAN},
    {"unspecified", EX, "0.0.0.0", NULL, false, NULL, NULL, NULL, false, ANY, ANY, "4",
	K8S_MARTIAN},
    {"IPv6 link-local", LB, "fe80::1", NULL, false, NULL, NULL, NULL, false, ANY, ANY, "6",
	K8S_MARTIAN},
    {"multicast", CL, "ff0e::1", NULL, false, NULL, NULL, NULL, false, ANY, ANY, "6", K8S_MARTIAN},
    {"inside cidrs", LB, "192.0.2.1", "192.0.2.0/24", false, NULL, NULL, NULL, false, ANY, ANY, "4",
	K8S_ANNOUNCED},
    {"outside cidrs", EX, "192.0.3.1", "192.0.2.0/24", false, NULL, NULL, NULL, false, ANY, ANY,
	"4", K8S_NOT_IN_CIDRS},
    {"other family than cidrs", LB, "2001:db8::1", "192.0.2.0/24", false, NULL, NULL, NULL, false,
	ANY, ANY, "6", K8S_NOT_IN_CIDRS},
    {"ipMode Proxy", LB, "192.0.2.1", NULL, false, NULL, NULL, NULL, true, ANY, ANY, "4",
	K8S_IP_MODE_PROXY},
    {"policy Cluster, no endpoint", LB, "192.0.2.1", NULL, false, NULL, NULL, NULL, false, ANY, ANY,
	"", K8S_NO_ENDPOINT},
    {"policy Cluster, endpoints of the other family", LB, "192.0.2.1", NULL, false, NULL, NULL,
	NULL, false, ANY, ANY, "6b", K8S_NO_ENDPOINT},
    {"policy Local, endpoint elsewhere", LB, "192.0.2.1", NULL, false, NULL, NULL, NULL, false,
	LOCAL, ANY, "4", K8S_NO_LOCAL_ENDPOINT},
    {"policy Local, endpoint here", LB, "192.0.2.1", NULL, false, NULL, NULL, NULL, false, LOCAL,
	ANY, "4a", K8S_ANNOUNCED},
    {"policy Local, endpoint here of the other family", LB, "2001:db8::1", NULL, false, NULL, NULL,
	NULL, false, LOCAL, ANY, "4a6", K8S_NO_LOCAL_ENDPOINT},
    {"policy Local, IPv6 endpoint here", LB, "2001:db8::1", NULL, false, NULL, NULL, NULL, false,
	LOCAL, ANY, "6b", K8S_ANNOUNCED},
    {"external IP follows the external policy", EX, "192.0.2.1", NULL, false, NULL, NULL, NULL,
	false, LOCAL, ANY, "4", K8S_NO_LOCAL_ENDPOINT},
    {"cluster IP does not follow the external policy", CL, "10.96.0.1", NULL, false, NULL, NULL,
	NULL, false, LOCAL, ANY, "4", K8S_ANNOUNCED},
    {"cluster IP follows the internal policy", CL, "10.96.0.1", NULL, false, NULL, NULL, NULL,
	false, ANY, LOCAL, "4", K8S_NO_LOCAL_ENDPOINT},
    {"selector comes before class", LB, "192.0.2.1", NULL, true, "no", "x", NULL, true, ANY, ANY,
	"", K8S_SERVICE_NOT_SELECTED},
    {"class comes before cidrs", LB, "192.0.3.1", "192.0.2.0/24", false, NULL, "x", NULL, true, ANY,
	ANY, "", K8S_CLASS_NOT_SELECTED},
    {"martian comes before cidrs", LB, "224.0.0.5", "192.0.2.0/24", false, NULL, NULL, NULL, true,
	ANY, ANY, "", K8S_MARTIAN},
    {"cidrs come before ipMode", LB, "192.0.3.1", "192.0.2.0/24", false, NULL, NULL, NULL, true,
	ANY, ANY, "", K8S_NOT_IN_CIDRS},
    {"being deleted", LB, "192.0.2.1", NULL, false, NULL, NULL, NULL, false, ANY, ANY, "4a",
	K8S_SERVICE_DELETED},
    {"external IP of what is being deleted", EX, "192.0.2.1", NULL, false, NULL, NULL, NULL, false,
	ANY, ANY, "4a", K8S_SERVICE_DELETED},
    {"cluster IP of what is being deleted", CL, "10.96.0.1", NULL, false, NULL, NULL, NULL, false,
	ANY, ANY, "4a", K8S_SERVICE_DELETED},
    {"deletion comes before the selector", LB, "192.0.2.1", NULL, true, "no", "x", NULL, true, ANY,
	ANY, "", K8S_SERVICE_DELETED},
    {"ipMode comes before endpoints", LB, "192.0.2.1", NULL, false, NULL, NULL, NULL, true, ANY,
	ANY, "", K8S_IP_MODE_PROXY},
};

static enum k8s_reason judge(const struct address_case *test)
{
	static const char *const exposed[] = {"public"};
	struct k8s_advertisement advertisement = {.type = K8S_ADVERTISE_SERVICE};
	struct k8s_service service = {.external_policy = test->external_policy,
	    .internal_policy = test->internal_policy,
	    .deleting = test->reason == K8S_SERVICE_DELETED};
	struct k8s_endpoint_count endpoints = {
	    .usable = {strchr(test->endpoints, '4') != NULL, strchr(test->endpoints, '6') != NULL},
	    .usable_local = {
		strchr(test->endpoints, 'a') != NULL, strchr(test->endpoints, 'b') != NULL}};
	struct ip_address address;
	struct ip_prefix cidr;
	enum k8s_reason reason;

	assert_true(ip_address_parse(test->address, &address));
	if (test->cidr) {
		assert_true(ip_prefix_parse(test->cidr, &cidr, NULL));
		advertisement.cidrs = &cidr;
		advertisement.cidr_count = 1;
	}
	if (test->selects_public)
		k8s_selector_add(
		    &advertisement.service_selector, "expose", K8S_OPERATOR_IN, exposed, 1);
	if (test->expose)
		k8s_labels_set(&service.labels, "expose", test->expose);
	advertisement.load_balancer_class =
	    test->rule_class ? memory_copy_string(test->rule_class) : NULL;
	service.load_balancer_class =
	    test->service_class ? memory_copy_string(test->service_class) : NULL;
	reason = k8s_judge_address(
	    &advertisement, &service, test->kind, &address, test->proxy, &endpoints);
	free(advertisement.load_balancer_class);
	free(service.load_balancer_class);
	k8s_selector_free(&advertisement.service_selector);
	k8s_labels_free(&service.labels);
	return reason;
}

static void address_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(address_cases) / sizeof(address_cases[0]); i++) {
		const enum k8s_reason reason = judge(&address_cases[i]);

		if (reason != address_cases[i].reason)
			fail_msg("%s: %s", address_cases[i].name, k8s_reason_name(reason));
	}
}

/* Endpoints as letters: r ready, n not ready, t serving and terminating, d terminating only. */
struct endpoint_case {
	const char *name;
	const char *here;
	const char *elsewhere;
	bool publish_not_ready;
	bool usable;
	bool usable_local;
};

static const struct endpoint_case endpoint_cases[] = {
    {"none", "", "", false, false, false},
    {"ready elsewhere", "", "r", false, true, false},
    {"ready here", "r", "", false, true, true},
    {"not ready anywhere", "n", "n", false, false, false},
    {"not ready here, ready elsewhere", "n", "r", false, true, false},
    {"terminating and serving elsewhere, none ready", "", "t", false, true, false},
    {"terminating and serving here, none ready", "t", "n", false, true, true},
    {"terminating here, ready elsewhere: Local still serves", "t", "r", false, true, true},
    {"terminating and not serving", "d", "d", false, false, false},
    {"not ready, published", "n", "", true, true, true},
    {"not ready elsewhere, published", "", "d", true, true, false},
    {"published, but there is none", "", "", true, false, false},
};

static void add_endpoints(struct k8s_endpoint_slice *slice, const char *letters, const char *node)
{
	for (; *letters; letters++) {
		struct k8s_endpoint *endpoint = &slice->endpoints[slice->endpoint_count++];

		endpoint->node_name = memory_copy_string(node);
		endpoint->ready = *letters == 'r';
		endpoint->serving = *letters == 'r' || *letters == 't';
		endpoint->terminating = *letters == 't' || *letters == 'd';
		endpoint->address_count = 1;
	}
}

static struct k8s_object *new_slice(const char *name, enum ip_family family, bool fqdn)
{
	struct k8s_object *object = memory_allocate_zero(1, sizeof(*object));

	object->kind = K8S_ENDPOINT_SLICE;
	object->namespace = memory_copy_string("default");
	object->name = memory_copy_string(name);
	object->endpoint_slice.service = memory_copy_string("web");
	object->endpoint_slice.family = family;
	object->endpoint_slice.fqdn = fqdn;
	object->endpoint_slice.endpoints = memory_allocate_zero(10, sizeof(struct k8s_endpoint));
	return object;
}

static char web[] = "web";
static char namespace[] = "default";

static void endpoint_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(endpoint_cases) / sizeof(endpoint_cases[0]); i++) {
		const struct endpoint_case *test = &endpoint_cases[i];
		struct k8s_cluster *cluster = k8s_cluster_new(1, NULL, NULL);
		struct k8s_object service = {
		    .kind = K8S_SERVICE, .namespace = namespace, .name = web};
		struct k8s_object *first = new_slice("one", IPV6, false);
		struct k8s_object *second = new_slice("two", IPV6, false);
		struct k8s_object *fqdn = new_slice("three", IPV6, true);
		struct k8s_endpoint_count count;

		service.service.publish_not_ready = test->publish_not_ready;
		add_endpoints(&first->endpoint_slice, test->here, "me");
		add_endpoints(&second->endpoint_slice, test->elsewhere, "other");
		add_endpoints(&fqdn->endpoint_slice, "r", "me");
		k8s_cluster_put(cluster, first);
		k8s_cluster_put(cluster, second);
		k8s_cluster_put(cluster, fqdn);
		count = k8s_count_endpoints(cluster, &service, "me");
		if (count.usable[IPV6] != test->usable ||
		    count.usable_local[IPV6] != test->usable_local || count.usable[IPV4] ||
		    count.usable_local[IPV4])
			fail_msg(
			    "%s: %d %d", test->name, count.usable[IPV6], count.usable_local[IPV6]);
		k8s_cluster_free(cluster);
	}
}

static void endpoint_without_address_or_node_is_not_local(void **state)
{
	struct k8s_cluster *cluster = k8s_cluster_new(1, NULL, NULL);
	struct k8s_object service = {.kind = K8S_SERVICE, .namespace = namespace, .name = web};
	struct k8s_object *slice = new_slice("one", IPV4, false);
	struct k8s_endpoint_count count;

	(void)state;
	add_endpoints(&slice->endpoint_slice, "rr", "me");
	slice->endpoint_slice.endpoints[0].address_count = 0;
	free(slice->endpoint_slice.endpoints[1].node_name);
	slice->endpoint_slice.endpoints[1].node_name = NULL;
	k8s_cluster_put(cluster, slice);
	count = k8s_count_endpoints(cluster, &service, "me");
	assert_true(count.usable[IPV4]);
	assert_false(count.usable_local[IPV4]);
	k8s_cluster_free(cluster);
}

static void policy_local_announces_the_host_route(void **state)
{
	static const struct {
		enum k8s_address_kind kind;
		enum k8s_traffic_policy external;
		enum k8s_traffic_policy internal;
		const char *address;
		const char *prefix;
	} cases[] = {
	    {LB, ANY, LOCAL, "192.0.2.17", "192.0.2.0/24"},
	    {LB, LOCAL, ANY, "192.0.2.17", "192.0.2.17/32"},
	    {EX, LOCAL, ANY, "2001:db8::17", "2001:db8::17/128"},
	    {EX, ANY, ANY, "2001:db8::17", "2001:db8::/64"},
	    {CL, LOCAL, ANY, "10.96.0.1", "10.96.0.0/24"},
	    {CL, ANY, LOCAL, "10.96.0.1", "10.96.0.1/32"},
	};
	const struct k8s_advertisement advertisement = {
	    .type = K8S_ADVERTISE_SERVICE, .aggregation_length = {24, 64}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct k8s_service service = {
		    .external_policy = cases[i].external, .internal_policy = cases[i].internal};
		struct ip_address address;
		struct ip_prefix prefix;
		char text[IP_TEXT_MAX];

		assert_true(ip_address_parse(cases[i].address, &address));
		prefix = k8s_announced_prefix(&advertisement, &service, cases[i].kind, &address);
		assert_string_equal(ip_prefix_print(&prefix, text), cases[i].prefix);
	}
}

/* It would draw traffic for addresses that the operator has left out. */
static void aggregate_stays_inside_the_cidr(void **state)
{
	static const char *const cidrs[] = {
	    "192.0.2.128/25", "192.0.2.0/27", "192.0.2.0/28", "198.51.0.0/16", "2001:db8:1::/72"};
	static const char *const rows[][2] = {
	    {"192.0.2.130", "192.0.2.128/25"},
	    {"192.0.2.1", "192.0.2.0/27"}, /* of two cidrs the shorter one */
	    {"198.51.100.1", "198.51.100.0/24"},
	    {"2001:db8:1::1", "2001:db8:1::/72"},
	};
	struct ip_prefix parsed[sizeof(cidrs) / sizeof(cidrs[0])];
	const struct k8s_advertisement advertisement = {.type = K8S_ADVERTISE_SERVICE,
	    .aggregation_length = {24, 64},
	    .cidrs = parsed,
	    .cidr_count = sizeof(cidrs) / sizeof(cidrs[0])};
	const struct k8s_service service = {.external_policy = ANY};

	(void)state;
	for (size_t i = 0; i < sizeof(cidrs) / sizeof(cidrs[0]); i++)
		assert_true(ip_prefix_parse(cidrs[i], &parsed[i], NULL));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip_address address;
		struct ip_prefix prefix;
		char text[IP_TEXT_MAX];

		assert_true(ip_address_parse(rows[i][0], &address));
		prefix = k8s_announced_prefix(&advertisement, &service, LB, &address);
		assert_string_equal(ip_prefix_print(&prefix, text), rows[i][1]);
	}
}

static void every_reason_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	for (unsigned i = 0; i < K8S_REASONS; i++) {
		assert_true(strlen(k8s_reason_name((enum k8s_reason)i)) > 5);
		assert_true(strlen(k8s_reason_text((enum k8s_reason)i)) > 10);
	}
	assert_string_equal(k8s_reason_name(K8S_NO_LOCAL_ENDPOINT), "noLocalEndpoints");
	assert_string_equal(k8s_reason_name(K8S_NODE_NOT_READY), "nodeNotReady");
	assert_string_equal(k8s_address_kind_name(LB), "LoadBalancerIP");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(node_rules),
	    cmocka_unit_test(each_state_counts_only_if_its_rule_says_so),
	    cmocka_unit_test(a_node_is_drained_that_works_and_is_about_to_go),
	    cmocka_unit_test(address_rules),
	    cmocka_unit_test(endpoint_rules),
	    cmocka_unit_test(endpoint_without_address_or_node_is_not_local),
	    cmocka_unit_test(policy_local_announces_the_host_route),
	    cmocka_unit_test(aggregate_stays_inside_the_cidr),
	    cmocka_unit_test(every_reason_has_a_name_and_a_sentence),
	};

	return cmocka_run_group_tests_name("announce_rules", tests, NULL, NULL);
}
