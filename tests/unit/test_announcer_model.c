/*
 * Random objects and rules: when nothing is left to do, what was told is what judging everything
 * from scratch gives.
 */
#include "announcer_fixture.h"

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static unsigned pick(uint32_t *random, unsigned count)
{
	return next_random(random) % count;
}

static const char *pick_word(uint32_t *random, const char *const *words, unsigned count)
{
	return words[pick(random, count)];
}

static void put_random_service(struct fixture *fixture, uint32_t *random)
{
	static const char *const types[] = {
	    "LoadBalancer", "LoadBalancer", "ClusterIP", "NodePort", "ExternalName"};
	static const char *const policies[] = {"Local", "Cluster"};
	static const char *const classes[] = {"\"\"", "\"\"", "a/b"};
	static const char *const exposes[] = {"public", "private"};
	static const char *const cluster_ips[] = {"None", "10.96.0.1", "10.96.1.1"};
	static const char *const modes[] = {"VIP", "Proxy", "VIP", "VIP"};

	put(fixture,
	    "{apiVersion: v1, kind: Service, metadata: {name: s%u, labels: {expose: %s}}, spec: "
	    "{type: %s, externalTrafficPolicy: %s, internalTrafficPolicy: %s, loadBalancerClass: %s,"
	    " clusterIP: %s, externalIPs: [198.51.100.%u], publishNotReadyAddresses: %s}, status:"
	    " {loadBalancer: {ingress: [{ip: 192.0.2.%u, ipMode: %s}, {ip: \"2001:db8::%u\"}]}}}",
	    pick(random, 6), pick_word(random, exposes, 2), pick_word(random, types, 5),
	    pick_word(random, policies, 2), pick_word(random, policies, 2),
	    pick_word(random, classes, 3), pick_word(random, cluster_ips, 3), pick(random, 4),
	    pick(random, 8) ? "false" : "true", pick(random, 4), pick_word(random, modes, 4),
	    pick(random, 3));
}

static void put_random_slice(struct fixture *fixture, uint32_t *random)
{
	static const char *const types[] = {"IPv4", "IPv4", "IPv6", "FQDN"};
	static const char *const bools[] = {"true", "false", "null"};
	static const char *const nodes[] = {"me", "other", "null"};

	put(fixture,
	    "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: %s, metadata:"
	    " {name: e%u, labels: {kubernetes.io/service-name: s%u}}, endpoints: [{addresses: [a],"
	    " nodeName: %s, conditions: {ready: %s, serving: %s, terminating: %s}}, {addresses:"
	    " [b], nodeName: %s, conditions: {ready: %s}}]}",
	    pick_word(random, types, 4), pick(random, 10), pick(random, 6),
	    pick_word(random, nodes, 3), pick_word(random, bools, 3), pick_word(random, bools, 3),
	    pick_word(random, bools, 3), pick_word(random, nodes, 3), pick_word(random, bools, 3));
}

static void put_random_node(struct fixture *fixture, uint32_t *random)
{
	static const char *const names[] = {"me", "other"};
	static const char *const conditions[] = {"\"True\"", "\"True\"", "\"False\"", "Unknown"};
	static const char *const labels[] = {"rack: r1", "rack: r1", "rack: r2",
	    "node.kubernetes.io/exclude-from-external-load-balancers: \"\""};

	put(fixture,
	    "{apiVersion: v1, kind: Node, metadata: {name: %s, labels: {%s}}, spec: {podCIDRs:"
	    " [10.1.%u.0/24, \"fd00:%u::/64\"]}, status: {conditions: [{type: Ready, status: %s},"
	    " {type: NetworkUnavailable, status: %s}]}}",
	    pick_word(random, names, 2), pick_word(random, labels, 4), pick(random, 3),
	    pick(random, 3), pick_word(random, conditions, 4),
	    pick(random, 6) ? "\"False\"" : "\"True\"");
}

static void random_event(struct fixture *fixture, uint32_t *random)
{
	char name[16];

	switch (pick(random, 10)) {
	case 0:
	case 1:
	case 2:
		put_random_service(fixture, random);
		return;
	case 3:
	case 4:
	case 5:
	case 6:
		put_random_slice(fixture, random);
		return;
	case 7:
		put_random_node(fixture, random);
		return;
	case 8:
		snprintf(name, sizeof(name), "e%u", pick(random, 10));
		k8s_cluster_remove(fixture->cluster, K8S_ENDPOINT_SLICE, "default", name);
		return;
	default:
		if (!pick(random, 6)) {
			k8s_cluster_remove(fixture->cluster, K8S_NODE, "", "me");
			return;
		}
		snprintf(name, sizeof(name), "s%u", pick(random, 6));
		k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", name);
	}
}

static void expect_pair(struct pairs *pairs, size_t i, const struct ip_prefix *prefix)
{
	if (find_pair(pairs, i, prefix) == SIZE_MAX)
		add_pair(pairs, i, prefix);
}

static void expect_service(struct pairs *pairs, size_t i, const struct k8s_advertisement *rule,
    const struct k8s_object *object, const struct k8s_endpoint_count *endpoints)
{
	const struct k8s_service *service = &object->service;

	for (unsigned kind = 0; kind < K8S_ADDRESS_KINDS; kind++) {
		const bool balancer = kind == K8S_ADDRESS_LOAD_BALANCER_IP;
		const size_t count = balancer			       ? service->ingress_count
				     : kind == K8S_ADDRESS_EXTERNAL_IP ? service->external_ip_count
								       : service->cluster_ip_count;

		if (!rule->addresses[kind] || service->headless ||
		    service->type == K8S_EXTERNAL_NAME ||
		    (balancer && service->type != K8S_LOAD_BALANCER))
			continue;
		for (size_t n = 0; n < count; n++) {
			const struct ip_address *address = balancer ? &service->ingress[n].address
							   : kind == K8S_ADDRESS_EXTERNAL_IP
							       ? &service->external_ips[n]
							       : &service->cluster_ips[n];
			const struct ip_prefix prefix = k8s_announced_prefix(
			    rule, service, (enum k8s_address_kind)kind, address);

			if (k8s_judge_address(rule, service, (enum k8s_address_kind)kind, address,
				balancer && service->ingress[n].proxy, endpoints) == K8S_ANNOUNCED)
				expect_pair(pairs, i, &prefix);
		}
	}
}

static void expect_rule(
    struct fixture *fixture, struct pairs *pairs, size_t i, const struct k8s_advertisement *rule)
{
	const struct k8s_object *node = k8s_cluster_find(fixture->cluster, K8S_NODE, "", "me");
	const struct k8s_object *object;
	size_t cursor = 0;

	if (k8s_judge_node(rule, &node_rules, node) != K8S_ANNOUNCED)
		return;
	for (size_t n = 0; rule->type == K8S_ADVERTISE_PREFIX && n < rule->prefix_count; n++)
		expect_pair(pairs, i, &rule->prefixes[n]);
	if (rule->type == K8S_ADVERTISE_POD_CIDR && node) {
		for (size_t n = 0; n < node->node.pod_cidr_count; n++)
			expect_pair(pairs, i, &node->node.pod_cidrs[n]);
	}
	if (rule->type != K8S_ADVERTISE_SERVICE)
		return;
	while ((object = k8s_cluster_next(fixture->cluster, K8S_SERVICE, &cursor))) {
		const struct k8s_endpoint_count endpoints =
		    k8s_count_endpoints(fixture->cluster, object, "me");

		expect_service(pairs, i, rule, object, &endpoints);
	}
}

static void assert_model(
    struct fixture *fixture, const struct k8s_rule *rules, size_t count, unsigned step)
{
	static struct pairs expected;

	expected.count = 0;
	for (size_t i = 0; i < count; i++)
		expect_rule(fixture, &expected, rules[i].id, rules[i].what);
	if (fixture->broken)
		fail_msg("step %u: told twice or withdrawn without being announced", step);
	if (expected.count != fixture->announced.count)
		fail_msg("step %u: %zu announced, %zu expected", step, fixture->announced.count,
		    expected.count);
	for (size_t i = 0; i < expected.count; i++) {
		if (find_pair(&fixture->announced, expected.items[i].advertisement,
			&expected.items[i].prefix) == SIZE_MAX)
			fail_msg("step %u: a pair is missing", step);
	}
}

#define MODEL_RULES 5

/* Takes a random choice of the rules, in random order; their numbers stay the same. */
static size_t reconfigure(struct fixture *fixture, uint32_t *random,
    const struct k8s_advertisement *pool, struct k8s_rule *rules)
{
	const unsigned start = pick(random, MODEL_RULES);
	size_t count = 0;

	for (unsigned n = 0; n < MODEL_RULES; n++) {
		const uint32_t id = (start + n) % MODEL_RULES;

		if (pick(random, 4))
			rules[count++] = (struct k8s_rule){&pool[id], id};
	}
	configure(fixture, rules, count);
	return count;
}

/* Half of the time what concerns all Services stays undone, or half done. */
static void go_on(struct fixture *fixture, uint32_t *random)
{
	fixture->is_lazy = pick(random, 2);
	for (unsigned left = pick(random, 8); left; left--)
		k8s_announcer_continue(fixture->announcer);
	if (!fixture->is_lazy)
		k8s_announcer_finish(fixture->announcer);
}

static void incremental_is_the_same_as_from_scratch(void **state)
{
	static const char *const values[] = {"public", "r1"};
	struct k8s_advertisement pool[MODEL_RULES] = {pods, balancers, aggregates, prefixes,
	    {.type = K8S_ADVERTISE_SERVICE,
		.addresses = {true, true, true},
		.aggregation_length = {30, 127}}};
	struct k8s_rule rules[MODEL_RULES];
	struct fixture *fixture = *state;
	struct ip_prefix cidr;
	uint32_t random = 20240501;
	size_t most = 0;
	size_t count = 0;

	assert_true(ip_prefix_parse("198.51.100.0/24", &fixed, NULL));
	assert_true(ip_prefix_parse("192.0.2.0/30", &cidr, NULL));
	k8s_selector_add(&pool[1].service_selector, "expose", K8S_OPERATOR_IN, values, 1);
	k8s_selector_add(&pool[2].node_selector, "rack", K8S_OPERATOR_IN, values + 1, 1);
	pool[2].load_balancer_class = memory_copy_string("a/b");
	pool[2].cidrs = &cidr;
	pool[2].cidr_count = 1;
	for (unsigned step = 0; step < 20000; step++) {
		if (step % 100 == 0)
			count = reconfigure(fixture, &random, pool, rules);
		else
			random_event(fixture, &random);
		go_on(fixture, &random);
		if (!k8s_announcer_is_busy(fixture->announcer))
			assert_model(fixture, rules, count, step);
		most = fixture->announced.count > most ? fixture->announced.count : most;
		text_clear(&fixture->events);
	}
	assert_true(most > 8);
	configure(fixture, NULL, 0);
	free(pool[2].load_balancer_class);
	k8s_selector_free(&pool[1].service_selector);
	k8s_selector_free(&pool[2].node_selector);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		incremental_is_the_same_as_from_scratch, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("announcer model", tests, NULL, NULL);
}
