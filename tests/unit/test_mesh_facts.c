/*
 * What a Node is to the mesh, and the rules that both ends of a session must agree upon.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "speaker/mesh_facts.h"

static const char yaml[] = "node: {name: a}\n"
			   "router:\n"
			   "  asn: 64512\n"
			   "  nodeOverrides:\n"
			   "  - {nodeSelector: {matchLabels: {rack: none}}, asn: 64599}\n"
			   "  - {nodeSelector: {matchLabels: {rack: b}}, asn: 64602}\n"
			   "  - {nodeSelector: {matchLabels: {rack: b}}, asn: 64603}\n"
			   "  - {nodeSelector: {matchLabels: {rack: c}}, routerID: 10.0.0.1}\n"
			   "cluster: {source: manifests}\n"
			   "mesh:\n"
			   "  enabled: true\n"
			   "  nodeSelector: {matchLabels: {bgp: mesh}}\n"
			   "  routeReflector: {nodeSelector: {matchLabels: {rr: \"yes\"}}}\n";

/* A Node object of these fields, read as the API server's are. */
struct subject {
	struct config *config;
	struct k8s_object *object;
	struct mesh_facts facts;
	struct error why;
	bool good;
};

static struct subject read_subject(const char *metadata, const char *rest)
{
	static const struct config_environment environment = {.host_name = "host"};
	struct subject subject = {.config = NULL};
	struct text errors = {NULL, 0, 0};
	char text[1024];
	json_t *value;

	subject.config = config_parse(yaml, strlen(yaml), "k.yaml", &environment, &errors);
	if (!subject.config)
		fail_msg("%s", errors.string);
	snprintf(text, sizeof text, "{\"metadata\":{\"name\":\"n\"%s}%s}", metadata, rest);
	value = json_loads(text, 0, NULL);
	assert_non_null(value);
	subject.object = k8s_object_decode(value, K8S_NODE, &subject.why);
	json_decref(value);
	if (!subject.object)
		fail_msg("%s", subject.why.text);
	subject.good =
	    mesh_facts_of(subject.config, &subject.object->node, &subject.facts, &subject.why);
	return subject;
}

static void free_subject(struct subject *subject)
{
	config_free(subject->config);
	k8s_object_free(subject->object);
}

#define ADDRESSES                                              \
	",\"status\":{\"addresses\":["                         \
	"{\"type\":\"ExternalIP\",\"address\":\"192.0.2.1\"}," \
	"{\"type\":\"InternalIP\",\"address\":\"10.0.0.1\"},"  \
	"{\"type\":\"InternalIP\",\"address\":\"10.0.0.2\"},"  \
	"{\"type\":\"InternalIP\",\"address\":\"2001:db8::1\"}]}"

static void assert_facts(const char *metadata, const char *rest, const char *expected)
{
	struct subject subject = read_subject(metadata, rest);
	const struct mesh_facts *facts = &subject.facts;
	char v4[IP_TEXT_MAX], v6[IP_TEXT_MAX], text[400];

	snprintf(text, sizeof text, "%u %s %s%s%s", facts->asn,
	    ip_address_print(&facts->addresses[IPV4], v4),
	    ip_address_print(&facts->addresses[IPV6], v6), facts->takes_part ? " part" : "",
	    facts->reflects ? " reflects" : "");
	assert_string_equal(subject.good ? text : subject.why.text, expected);
	free_subject(&subject);
}

static void facts_are_of_the_node(void **state)
{
	(void)state;
	assert_facts("", "", "64512 0.0.0.0 0.0.0.0");
	assert_facts("", ADDRESSES, "64512 10.0.0.1 2001:db8::1");
	assert_facts(",\"labels\":{\"bgp\":\"mesh\",\"rack\":\"b\"}", ADDRESSES,
	    "64602 10.0.0.1 2001:db8::1 part");
	assert_facts(",\"labels\":{\"bgp\":\"mesh\",\"rack\":\"c\",\"rr\":\"yes\"}", ADDRESSES,
	    "64512 10.0.0.1 2001:db8::1 part reflects");
	/* Who takes no part reflects nothing. */
	assert_facts(",\"labels\":{\"rr\":\"yes\"}", ADDRESSES, "64512 10.0.0.1 2001:db8::1");
}

static void annotations_come_first(void **state)
{
	(void)state;
	assert_facts(",\"labels\":{\"rack\":\"b\"},\"annotations\":{\"kbgpd.io/asn\":\"7\"}",
	    ADDRESSES, "7 10.0.0.1 2001:db8::1");
	assert_facts(",\"annotations\":{\"kbgpd.io/address\":\"2001:db8::9\"}", ADDRESSES,
	    "64512 0.0.0.0 2001:db8::9");
	assert_facts(",\"annotations\":{\"kbgpd.io/address\":\"2001:db8::9,10.0.0.9\"}", ADDRESSES,
	    "64512 10.0.0.9 2001:db8::9");
}

static void mistakes_are_told(void **state)
{
	static const char *const wrong[] = {"", "x", "10.0.0.1,10.0.0.2", "10.0.0.1 ", "fe80::1",
	    "0.0.0.0", "224.0.0.1", "10.0.0.1/24"};
	char metadata[200], expected[300];

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(metadata, sizeof metadata,
		    ",\"annotations\":{\"kbgpd.io/address\":\"%s\"}", wrong[i]);
		snprintf(expected, sizeof expected,
		    "annotation kbgpd.io/address: must be an address, or one of each family with "
		    "a comma between them, not \"%s\"",
		    wrong[i]);
		assert_facts(metadata, ADDRESSES, expected);
	}
	assert_facts(",\"annotations\":{\"kbgpd.io/asn\":\"0\"}", ADDRESSES,
	    "annotation kbgpd.io/asn: must not be 0, which is no AS (RFC 7607)");
}

static void reflectors_stand_between_nodes_of_their_as(void **state)
{
	static const struct mesh_facts none = {.asn = 1};
	static const struct mesh_facts node = {.asn = 1, .takes_part = true};
	static const struct mesh_facts reflector = {.asn = 1, .takes_part = true, .reflects = true};
	static const struct mesh_facts other = {.asn = 2, .takes_part = true};

	(void)state;
	assert_true(mesh_are_neighbours(&node, &node, 0));
	assert_false(mesh_are_neighbours(&node, &none, 0));
	assert_false(mesh_are_neighbours(&none, &node, 0));
	assert_false(mesh_are_neighbours(&node, &node, 1));
	assert_true(mesh_are_neighbours(&node, &reflector, 1));
	assert_true(mesh_are_neighbours(&reflector, &node, 1));
	assert_true(mesh_are_neighbours(&reflector, &reflector, 2));
	assert_true(mesh_are_neighbours(&node, &other, 1));
	assert_true(mesh_are_neighbours(&reflector, &other, 1));
}

static void sessions_are_over_ipv4_if_they_can_be(void **state)
{
	struct mesh_facts both, v4, v6;
	enum ip_family family;

	(void)state;
	memset(&both, 0, sizeof both);
	v4 = v6 = both;
	assert_true(ip_address_parse("10.0.0.1", &both.addresses[IPV4]));
	assert_true(ip_address_parse("2001:db8::1", &both.addresses[IPV6]));
	v4.addresses[IPV4] = both.addresses[IPV4];
	v6.addresses[IPV6] = both.addresses[IPV6];
	assert_true(mesh_common_family(&both, &both, &family));
	assert_int_equal(family, IPV4);
	assert_true(mesh_common_family(&both, &v6, &family));
	assert_int_equal(family, IPV6);
	assert_false(mesh_common_family(&v4, &v6, &family));
}

enum { NODES = 500 };

/* Exactly one of two, and nobody all or none of his. */
static void each_opens_about_half(const char *before, const char *behind)
{
	for (unsigned i = 0; i < NODES; i++) {
		char own[64], other[64];
		unsigned opens = 0;

		snprintf(own, sizeof own, "%s%u%s", before, i, behind);
		for (unsigned j = 0; j < NODES; j++) {
			if (i == j)
				continue;
			snprintf(other, sizeof other, "%s%u%s", before, j, behind);
			assert_true(mesh_opens(own, other) != mesh_opens(other, own));
			opens += mesh_opens(own, other);
		}
		assert_in_range(opens, NODES * 3 / 10, NODES * 7 / 10);
	}
}

static void one_of_two_opens(void **state)
{
	(void)state;
	each_opens_about_half("node-", "");
	each_opens_about_half("ip-10-0-0-", ".eu-central-1.compute.internal");
	each_opens_about_half("", "");
}

/* Another version of the daemon at the other end must agree. */
static void who_opens_is_for_ever(void **state)
{
	(void)state;
	assert_true(mesh_opens("a", "b"));
	assert_false(mesh_opens("node-1", "node-2"));
	assert_false(mesh_opens("node-1", "node-3"));
	assert_true(mesh_opens("node-2", "node-3"));
}

static void pods_are_inside_of_a_cidr(void **state)
{
	struct ip_prefix cidrs[2], prefix;
	const struct k8s_node node = {.pod_cidrs = cidrs, .pod_cidr_count = 2};
	static const struct {
		const char *prefix;
		bool expected;
	} rows[] = {{"10.244.1.0/24", true}, {"10.244.1.128/26", true}, {"10.244.0.0/16", false},
	    {"10.244.2.0/24", false}, {"fd00:1::/64", true}, {"::/0", false}};

	(void)state;
	assert_true(ip_prefix_parse("10.244.1.0/24", &cidrs[0], NULL));
	assert_true(ip_prefix_parse("fd00:1::/48", &cidrs[1], NULL));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(ip_prefix_parse(rows[i].prefix, &prefix, NULL));
		assert_int_equal(mesh_has_pods(&node, &prefix), rows[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(facts_are_of_the_node),
	    cmocka_unit_test(annotations_come_first),
	    cmocka_unit_test(mistakes_are_told),
	    cmocka_unit_test(reflectors_stand_between_nodes_of_their_as),
	    cmocka_unit_test(sessions_are_over_ipv4_if_they_can_be),
	    cmocka_unit_test(one_of_two_opens),
	    cmocka_unit_test(who_opens_is_for_ever),
	    cmocka_unit_test(pods_are_inside_of_a_cidr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
