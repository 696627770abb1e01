/*
 * Route messages against byte vectors as the kernel takes and sends them (little-endian hosts;
 * numbers are in host order there), and against malformed ones.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "fib/route_message.h"

static size_t from_hex(const char *hex, uint8_t *bytes)
{
	size_t length = 0;

	for (; *hex; hex++) {
		char octet[3] = {hex[0], 0, 0};

		if (*hex == ' ')
			continue;
		octet[1] = *++hex;
		bytes[length++] = (uint8_t)strtoul(octet, NULL, 16);
	}
	return length;
}

static struct kernel_hop hop(const char *gateway, uint32_t interface)
{
	struct kernel_hop result = {.interface = interface, .weight = 1};

	result.has_gateway = gateway && ip_address_parse(gateway, &result.gateway);
	return result;
}

static struct kernel_route route(const char *prefix, uint32_t table, uint32_t metric)
{
	struct kernel_route result = {
	    .table = table, .metric = metric, .protocol = 186, .type = RTN_UNICAST};

	assert_true(ip_prefix_parse(prefix, &result.prefix, NULL));
	return result;
}

static void assert_bytes(const struct nlmsghdr *message, const char *hex)
{
	uint8_t expected[ROUTE_MESSAGE_MAX];
	const size_t length = from_hex(hex, expected);

	assert_int_equal(message->nlmsg_len, length);
	assert_memory_equal(message, expected, length);
}

/* Parses what was built and compares it with what it was built from. */
static void assert_parses_back(const struct nlmsghdr *message, const struct kernel_route *expected)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	struct kernel_route parsed;

	assert_true(route_message_parse(message, &parsed, hops));
	assert_true(ip_prefix_equal(&parsed.prefix, &expected->prefix));
	assert_int_equal(parsed.table, expected->table);
	assert_int_equal(parsed.metric, expected->metric);
	assert_int_equal(parsed.protocol, expected->protocol);
	assert_int_equal(parsed.type, expected->type);
	assert_true(ip_address_equal(&parsed.source, &expected->source));
	assert_true(
	    kernel_hops_equal(parsed.hops, parsed.hop_count, expected->hops, expected->hop_count));
}

static void test_adds_ipv4_route_with_one_gateway(void **state)
{
	const struct kernel_hop hops[] = {hop("192.0.2.1", 3)};
	struct kernel_route wanted = route("10.1.0.0/16", RT_TABLE_MAIN, 20);
	struct route_message message;
	struct nlmsghdr *header;

	(void)state;
	wanted.hop_count = 1;
	wanted.hops = hops;
	header = route_message_add(&message, &wanted, NLM_F_CREATE | NLM_F_EXCL);
	assert_bytes(header, "3c000000 1800 0106 00000000 00000000"
			     "02 10 00 00 fe ba 00 01 00000000"
			     "0800 0100 0a010000"
			     "0800 0600 14000000"
			     "0800 0500 c0000201"
			     "0800 0400 03000000");
	assert_parses_back(header, &wanted);
}

static void test_adds_route_with_preferred_source(void **state)
{
	const struct kernel_hop hops[] = {hop("192.0.2.1", 3)};
	struct kernel_route wanted = route("10.1.0.0/16", RT_TABLE_MAIN, 20);
	struct route_message message;
	struct nlmsghdr *header;

	(void)state;
	wanted.hop_count = 1;
	wanted.hops = hops;
	assert_true(ip_address_parse("192.0.2.7", &wanted.source));
	header = route_message_add(&message, &wanted, NLM_F_REPLACE);
	assert_bytes(header, "44000000 1800 0101 00000000 00000000"
			     "02 10 00 00 fe ba 00 01 00000000"
			     "0800 0100 0a010000"
			     "0800 0600 14000000"
			     "0800 0500 c0000201"
			     "0800 0400 03000000"
			     "0800 0700 c0000207");
	assert_parses_back(header, &wanted);
	/* An IPv4 route may lead over an IPv6 gateway, with a source of its own family. */
	wanted.hops = (const struct kernel_hop[]){hop("fe80::1", 5)};
	assert_parses_back(route_message_add(&message, &wanted, NLM_F_REPLACE), &wanted);
}

static void test_adds_ipv6_route_with_preferred_source(void **state)
{
	const struct kernel_hop hops[] = {hop("2001:db8::1", 2)};
	struct kernel_route wanted = route("2001:db8:1::/48", RT_TABLE_MAIN, 20);
	struct route_message message;

	(void)state;
	wanted.hop_count = 1;
	wanted.hops = hops;
	assert_true(ip_address_parse("2001:db8::7", &wanted.source));
	assert_parses_back(route_message_add(&message, &wanted, NLM_F_REPLACE), &wanted);
}

static void test_adds_routes_that_lead_nowhere(void **state)
{
	struct kernel_route wanted = route("10.1.0.0/16", RT_TABLE_MAIN, UINT32_MAX);
	struct route_message message;
	struct nlmsghdr *header;

	(void)state;
	wanted.type = RTN_BLACKHOLE;
	header = route_message_add(&message, &wanted, NLM_F_CREATE | NLM_F_EXCL);
	assert_bytes(header, "2c000000 1800 0106 00000000 00000000"
			     "02 10 00 00 fe ba 00 06 00000000"
			     "0800 0100 0a010000"
			     "0800 0600 ffffffff");
	assert_parses_back(header, &wanted);
	wanted = route("2001:db8:1::/48", RT_TABLE_MAIN, UINT32_MAX);
	wanted.type = RTN_UNREACHABLE;
	assert_parses_back(route_message_add(&message, &wanted, NLM_F_CREATE), &wanted);
}

static void test_adds_ipv4_route_via_ipv6_gateway(void **state)
{
	const struct kernel_hop hops[] = {hop("fe80::1", 5)};
	struct kernel_route wanted = route("0.0.0.0/0", 1000, 0);
	struct route_message message;
	struct nlmsghdr *header;

	(void)state;
	wanted.hop_count = 1;
	wanted.hops = hops;
	header = route_message_add(&message, &wanted, NLM_F_REPLACE);
	/* RTA_VIA is 22 octets long and padded to 24. */
	assert_bytes(header, "44000000 1800 0101 00000000 00000000"
			     "02 00 00 00 00 ba 00 01 00000000"
			     "0800 0f00 e8030000"
			     "1600 1200 0a00 fe800000000000000000000000000001 0000"
			     "0800 0400 05000000");
	assert_parses_back(header, &wanted);
}

static void test_adds_ipv6_multipath_route(void **state)
{
	const struct kernel_hop hops[] = {hop("2001:db8::1", 2), hop("2001:db8::2", 4)};
	struct kernel_route wanted = route("2001:db8:1::/48", RT_TABLE_MAIN, 20);
	struct route_message message;
	struct nlmsghdr *header;

	(void)state;
	wanted.hop_count = 2;
	wanted.hops = hops;
	header = route_message_add(&message, &wanted, NLM_F_CREATE | NLM_F_EXCL);
	assert_bytes(header, "74000000 1800 0106 00000000 00000000"
			     "0a 30 00 00 fe ba 00 01 00000000"
			     "1400 0100 20010db8000100000000000000000000"
			     "0800 0600 14000000"
			     "3c00 0900"
			     "1c00 00 00 02000000 1400 0500 20010db8000000000000000000000001"
			     "1c00 00 00 04000000 1400 0500 20010db8000000000000000000000002");
	assert_parses_back(header, &wanted);
}

static void test_route_over_an_object_names_it_in_place_of_hops(void **state)
{
	const struct kernel_hop hops[] = {hop("192.0.2.1", 3)};
	struct kernel_route wanted = route("10.1.0.0/16", RT_TABLE_MAIN, 20);
	struct kernel_hop parsed_hops[KERNEL_HOPS_MAX];
	struct kernel_route parsed;
	struct route_message message;
	struct nlmsghdr *header;

	(void)state;
	wanted.hop_count = 1;
	wanted.hops = hops;
	wanted.object = 0x6b620004;
	header = route_message_add(&message, &wanted, NLM_F_CREATE | NLM_F_EXCL);
	assert_bytes(header, "34000000 1800 0106 00000000 00000000"
			     "02 10 00 00 fe ba 00 01 00000000"
			     "0800 0100 0a010000"
			     "0800 0600 14000000"
			     "0800 1e00 0400626b");
	/* With net.ipv4.nexthop_compat_mode off the kernel tells of it in the same way. */
	assert_true(route_message_parse(header, &parsed, parsed_hops));
	assert_int_equal(parsed.object, 0x6b620004);
	assert_int_equal(parsed.hop_count, 0);
}

static void test_removal_names_protocol_and_matches_any_type_and_scope(void **state)
{
	struct kernel_route wanted = route("10.1.2.3/32", RT_TABLE_MAIN, 20);
	struct route_message message;

	(void)state;
	assert_bytes(route_message_remove(&message, &wanted), "2c000000 1900 0100 00000000 00000000"
							      "02 20 00 00 fe ba ff 00 00000000"
							      "0800 0100 0a010203"
							      "0800 0600 14000000");
}

static void test_longest_multipath_route_fits(void **state)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	struct kernel_route wanted = route("10.0.0.0/8", 70000, 20);
	struct route_message message;
	size_t i;

	(void)state;
	for (i = 0; i < KERNEL_HOPS_MAX; i++) {
		hops[i] = hop("fe80::1", (uint32_t)i + 1);
		hops[i].on_link = i % 2;
		hops[i].weight = (uint16_t)(1 + i);
	}
	wanted.hop_count = KERNEL_HOPS_MAX;
	wanted.hops = hops;
	assert_parses_back(route_message_add(&message, &wanted, NLM_F_CREATE), &wanted);
}

static void test_ipv6_route_without_metric_has_the_default_one(void **state)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	struct kernel_route wanted = route("2001:db8::/32", RT_TABLE_MAIN, 0);
	struct kernel_route parsed;
	struct route_message message;

	(void)state;
	assert_true(
	    route_message_parse(route_message_add(&message, &wanted, NLM_F_CREATE), &parsed, hops));
	assert_int_equal(parsed.metric, 1024);
}

static void test_parses_connected_route(void **state)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	struct kernel_route parsed;
	struct route_message message;

	(void)state;
	/* As sent for an address on a link, with RTA_PREFSRC. */
	from_hex("3c000000 1800 0000 00000000 00000000"
		 "02 18 00 00 fe 02 fd 01 00000000"
		 "0800 0f00 fe000000 0800 0100 c0000200 0800 0700 c0000207 0800 0400 02000000",
	    message.bytes);
	assert_true(route_message_parse((struct nlmsghdr *)message.bytes, &parsed, hops));
	assert_int_equal(parsed.scope, RT_SCOPE_LINK);
	assert_int_equal(parsed.protocol, RTPROT_KERNEL);
	assert_int_equal(parsed.source.bytes[3], 7);
	assert_int_equal(parsed.hop_count, 1);
	assert_false(parsed.hops[0].has_gateway);
	assert_int_equal(parsed.hops[0].interface, 2);
}

static void test_malformed_messages_are_refused(void **state)
{
	static const struct {
		const char *what;
		const char *hex;
	} messages[] = {
	    {"shorter than its header", "14000000 1800 0000 00000000 00000000 02180000"},
	    {"IPv4 prefix of 33 bits",
		"1c000000 1800 0000 00000000 00000000 02 21 00 00 fe ba 00 01 00000000"},
	    {"multicast routing family",
		"1c000000 1800 0000 00000000 00000000 80 18 00 00 fe ba 00 01 00000000"},
	    {"cached route",
		"1c000000 1800 0000 00000000 00000000 0a 18 00 00 fe ba 00 01 00020000"},
	    {"destination of 3 octets", "24000000 1800 0000 00000000 00000000"
					"02 18 00 00 fe ba 00 01 00000000 0700 0100 0a010100"},
	    {"gateway of 2 octets", "2c000000 1800 0000 00000000 00000000"
				    "02 00 00 00 fe ba 00 01 00000000"
				    "0600 0500 0a010000 0800 0400 02000000"},
	    {"preferred source of 16 octets in an IPv4 route",
		"30000000 1800 0000 00000000 00000000"
		"02 00 00 00 fe ba 00 01 00000000 1400 0700 20010db8000000000000000000000007"},
	    {"preferred source of 3 octets", "24000000 1800 0000 00000000 00000000"
					     "02 00 00 00 fe ba 00 01 00000000 0700 0700 0a010100"},
	    {"table of 2 octets", "24000000 1800 0000 00000000 00000000"
				  "02 00 00 00 fe ba 00 01 00000000 0600 0f00 fe000000"},
	    {"hop longer than the multipath attribute",
		"28000000 1800 0000 00000000 00000000"
		"02 00 00 00 fe ba 00 01 00000000 0c00 0900 2000 00 00 02000000"},
	    {"hop shorter than its header",
		"28000000 1800 0000 00000000 00000000"
		"02 00 00 00 fe ba 00 01 00000000 0c00 0900 0400 00 00 02000000"},
	    {"RTA_VIA without an address",
		"2c000000 1800 0000 00000000 00000000"
		"02 00 00 00 fe ba 00 01 00000000 0600 1200 0a000000 0800 0400 02000000"},
	};
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	struct kernel_route parsed;
	struct route_message message;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		memset(&message, 0, sizeof(message));
		from_hex(messages[i].hex, message.bytes);
		if (route_message_parse((struct nlmsghdr *)message.bytes, &parsed, hops))
			fail_msg("accepted: %s", messages[i].what);
	}
}

static void test_hops_are_compared_as_sets(void **state)
{
	const struct kernel_hop a[] = {hop("192.0.2.1", 1), hop("192.0.2.2", 1)};
	const struct kernel_hop b[] = {hop("192.0.2.2", 1), hop("192.0.2.1", 1)};
	const struct kernel_hop c[] = {hop("192.0.2.2", 1), hop("192.0.2.1", 2)};

	(void)state;
	assert_true(kernel_hops_equal(a, 2, b, 2));
	assert_false(kernel_hops_equal(a, 2, c, 2));
	assert_false(kernel_hops_equal(a, 2, b, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_adds_ipv4_route_with_one_gateway),
	    cmocka_unit_test(test_adds_route_with_preferred_source),
	    cmocka_unit_test(test_adds_ipv6_route_with_preferred_source),
	    cmocka_unit_test(test_adds_routes_that_lead_nowhere),
	    cmocka_unit_test(test_adds_ipv4_route_via_ipv6_gateway),
	    cmocka_unit_test(test_adds_ipv6_multipath_route),
	    cmocka_unit_test(test_route_over_an_object_names_it_in_place_of_hops),
	    cmocka_unit_test(test_removal_names_protocol_and_matches_any_type_and_scope),
	    cmocka_unit_test(test_longest_multipath_route_fits),
	    cmocka_unit_test(test_ipv6_route_without_metric_has_the_default_one),
	    cmocka_unit_test(test_parses_connected_route),
	    cmocka_unit_test(test_malformed_messages_are_refused),
	    cmocka_unit_test(test_hops_are_compared_as_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
