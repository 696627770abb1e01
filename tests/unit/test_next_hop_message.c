/*
 * Messages of next-hop objects against byte vectors as the kernel takes and sends them
 * (little-endian hosts; numbers are in host order there), and against malformed ones.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "fib/next_hop_message.h"

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

static void assert_bytes(const struct nlmsghdr *message, const char *hex)
{
	uint8_t expected[NEXT_HOP_MESSAGE_MAX];
	const size_t length = from_hex(hex, expected);

	assert_int_equal(message->nlmsg_len, length);
	assert_memory_equal(message, expected, length);
}

static struct kernel_next_hop single(uint32_t id, const char *gateway, uint32_t interface)
{
	struct kernel_next_hop next_hop = {
	    .id = id, .protocol = 186, .hop = {.interface = interface, .weight = 1}};

	next_hop.hop.has_gateway = gateway && ip_address_parse(gateway, &next_hop.hop.gateway);
	return next_hop;
}

/* Parses what was built and compares it with what it was built from. */
static void assert_parses_back(
    const struct nlmsghdr *message, const struct kernel_next_hop *expected)
{
	struct kernel_group_member members[KERNEL_HOPS_MAX];
	struct kernel_next_hop parsed;
	size_t i;

	assert_true(next_hop_message_parse(message, &parsed, members));
	assert_int_equal(parsed.id, expected->id);
	assert_int_equal(parsed.protocol, expected->protocol);
	assert_int_equal(parsed.member_count, expected->member_count);
	for (i = 0; i < parsed.member_count; i++) {
		assert_int_equal(parsed.members[i].id, expected->members[i].id);
		assert_int_equal(parsed.members[i].weight, expected->members[i].weight);
	}
	assert_true(i || kernel_hop_equal(&parsed.hop, &expected->hop));
}

static void test_adds_ipv4_hop(void **state)
{
	const struct kernel_next_hop wanted = single(0x6b620001, "192.0.2.1", 3);
	struct next_hop_message message;
	struct nlmsghdr *header =
	    next_hop_message_add(&message, &wanted, NLM_F_CREATE | NLM_F_EXCL);

	(void)state;
	assert_bytes(header, "30000000 6800 0106 00000000 00000000"
			     "02 00 ba 00 00000000"
			     "0800 0100 0100626b"
			     "0800 0600 c0000201"
			     "0800 0500 03000000");
	assert_parses_back(header, &wanted);
}

static void test_adds_ipv6_hop_that_is_on_link_by_decree(void **state)
{
	struct kernel_next_hop wanted = single(0x6b620002, "fe80::1", 5);
	struct next_hop_message message;
	struct nlmsghdr *header;

	(void)state;
	wanted.hop.on_link = true;
	header = next_hop_message_add(&message, &wanted, NLM_F_REPLACE);
	assert_bytes(header, "3c000000 6800 0101 00000000 00000000"
			     "0a 00 ba 00 04000000"
			     "0800 0100 0200626b"
			     "1400 0600 fe800000000000000000000000000001"
			     "0800 0500 05000000");
	assert_parses_back(header, &wanted);
}

static void test_adds_hop_without_gateway(void **state)
{
	struct kernel_next_hop wanted = single(0x6b620003, NULL, 7);
	struct next_hop_message message;
	struct nlmsghdr *header;

	(void)state;
	wanted.hop.gateway.family = IPV6;
	header = next_hop_message_add(&message, &wanted, NLM_F_CREATE);
	assert_bytes(header, "28000000 6800 0104 00000000 00000000"
			     "0a 00 ba 00 00000000"
			     "0800 0100 0300626b"
			     "0800 0500 07000000");
	assert_parses_back(header, &wanted);
}

static void test_adds_group_with_weights(void **state)
{
	const struct kernel_group_member members[] = {{0x6b620001, 1}, {0x6b620002, 256}};
	const struct kernel_next_hop wanted = {
	    .id = 0x6b620004, .protocol = 186, .member_count = 2, .members = members};
	struct next_hop_message message;
	struct nlmsghdr *header =
	    next_hop_message_add(&message, &wanted, NLM_F_CREATE | NLM_F_EXCL);

	(void)state;
	assert_bytes(header, "34000000 6800 0106 00000000 00000000"
			     "00 00 ba 00 00000000"
			     "0800 0100 0400626b"
			     "1400 0200 0100626b 00 00 0000 0200626b ff 00 0000");
	assert_parses_back(header, &wanted);
}

static void test_largest_group_fits(void **state)
{
	struct kernel_group_member members[KERNEL_HOPS_MAX];
	struct kernel_next_hop wanted = {
	    .id = 9, .protocol = 186, .member_count = KERNEL_HOPS_MAX, .members = members};
	struct next_hop_message message;
	uint32_t i;

	(void)state;
	for (i = 0; i < KERNEL_HOPS_MAX; i++)
		members[i] = (struct kernel_group_member){100 + i, (uint16_t)(1 + i)};
	assert_parses_back(next_hop_message_add(&message, &wanted, NLM_F_CREATE), &wanted);
}

static void test_removes_and_asks_by_id(void **state)
{
	struct next_hop_message message;

	(void)state;
	assert_bytes(next_hop_message_remove(&message, 0x6b620004),
	    "20000000 6900 0100 00000000 00000000 00 00 00 00 00000000 0800 0100 0400626b");
	assert_bytes(next_hop_message_get(&message, 0x6b620000),
	    "20000000 6a00 0100 00000000 00000000 00 00 00 00 00000000 0800 0100 0000626b");
}

/* As the kernel tells of it: with its scope, and with the type of a group. */
static void test_parses_what_the_kernel_tells(void **state)
{
	struct kernel_group_member members[KERNEL_HOPS_MAX];
	struct next_hop_message message;
	struct kernel_next_hop parsed;

	(void)state;
	from_hex("30000000 6800 0000 00000000 00000000 02 fd 04 00 11000000"
		 "0800 0100 65000000 0800 0500 02000000 0800 0600 0a010002",
	    message.bytes);
	assert_true(next_hop_message_parse((struct nlmsghdr *)message.bytes, &parsed, members));
	assert_int_equal(parsed.id, 101);
	assert_int_equal(parsed.protocol, 4);
	assert_int_equal(parsed.hop.interface, 2);
	assert_false(parsed.hop.on_link);
	from_hex("34000000 6800 0000 00000000 00000000 00 00 ba 00 00000000"
		 "0800 0100 c8000000 0600 0300 0000 0000 0c00 0200 65000000 02 01 0000",
	    message.bytes);
	assert_true(next_hop_message_parse((struct nlmsghdr *)message.bytes, &parsed, members));
	assert_int_equal(parsed.member_count, 1);
	assert_int_equal(parsed.members[0].weight, 259);
	/* A blackhole. */
	from_hex("24000000 6800 0000 00000000 00000000 02 00 04 00 00000000"
		 "0800 0100 66000000 0400 0400",
	    message.bytes);
	assert_true(next_hop_message_parse((struct nlmsghdr *)message.bytes, &parsed, members));
	assert_int_equal(parsed.hop.interface, 0);
	assert_false(parsed.hop.has_gateway);
}

static void test_malformed_messages_are_refused(void **state)
{
	static const char *const malformed[] = {
	    /* no id */
	    "18000000 6800 0000 00000000 00000000 02 00 ba 00 00000000",
	    /* an id of two octets */
	    "20000000 6800 0000 00000000 00000000 02 00 ba 00 00000000 0600 0100 0100 0000",
	    /* a gateway of the other family's length */
	    "28000000 6800 0000 00000000 00000000 0a 00 ba 00 00000000"
	    "0800 0100 01000000 0800 0600 c0000201",
	    /* a gateway of no family */
	    "28000000 6800 0000 00000000 00000000 00 00 ba 00 00000000"
	    "0800 0100 01000000 0800 0600 c0000201",
	    /* a group of nobody, and one of one and a half */
	    "24000000 6800 0000 00000000 00000000 00 00 ba 00 00000000"
	    "0800 0100 01000000 0400 0200",
	    "30000000 6800 0000 00000000 00000000 00 00 ba 00 00000000"
	    "0800 0100 01000000 1000 0200 01000000 00 00 0000 02000000",
	    /* shorter than its header */
	    "14000000 6800 0000 00000000 00000000 02 00 ba 00",
	};
	struct kernel_group_member members[KERNEL_HOPS_MAX];
	struct next_hop_message message;
	struct kernel_next_hop parsed;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		from_hex(malformed[i], message.bytes);
		if (next_hop_message_parse((struct nlmsghdr *)message.bytes, &parsed, members))
			fail_msg("accepted: %s", malformed[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_adds_ipv4_hop),
	    cmocka_unit_test(test_adds_ipv6_hop_that_is_on_link_by_decree),
	    cmocka_unit_test(test_adds_hop_without_gateway),
	    cmocka_unit_test(test_adds_group_with_weights),
	    cmocka_unit_test(test_largest_group_fits),
	    cmocka_unit_test(test_removes_and_asks_by_id),
	    cmocka_unit_test(test_parses_what_the_kernel_tells),
	    cmocka_unit_test(test_malformed_messages_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
