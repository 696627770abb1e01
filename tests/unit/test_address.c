/*
 * Addresses and prefixes: text both ways, comparison, classification, containment, and the
 * conversion with the socket API.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct ip_address address_of(const char *text)
{
	struct ip_address address;

	if (!ip_address_parse(text, &address))
		fail_msg("%s is no address", text);
	return address;
}

static struct ip_prefix prefix_of(const char *text)
{
	struct ip_prefix prefix;

	if (!ip_prefix_parse(text, &prefix, NULL))
		fail_msg("%s is no prefix", text);
	return prefix;
}

static void family_has_name_and_bits(void **state)
{
	(void)state;
	assert_string_equal(ip_family_name(IPV4), "ipv4");
	assert_string_equal(ip_family_name(IPV6), "ipv6");
	assert_int_equal(ip_family_bits(IPV4), 32);
	assert_int_equal(ip_family_bits(IPV6), 128);
}

static void address_text_is_canonical(void **state)
{
	static const struct {
		const char *text;
		const char *canonical;
		enum ip_family family;
	} cases[] = {
	    {"10.0.0.1", "10.0.0.1", IPV4},
	    {"0.0.0.0", "0.0.0.0", IPV4},
	    {"255.255.255.255", "255.255.255.255", IPV4},
	    {"2001:DB8:0:0:0:0:0:1", "2001:db8::1", IPV6},
	    {"::", "::", IPV6},
	    {"::ffff:10.0.0.1", "::ffff:10.0.0.1", IPV6},
	    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		IPV6},
	};
	char text[IP_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct ip_address address = address_of(cases[i].text);

		assert_int_equal(address.family, cases[i].family);
		assert_string_equal(ip_address_print(&address, text), cases[i].canonical);
	}
}

static void address_refuses_what_is_not_numeric(void **state)
{
	static const char *const cases[] = {"", " ", "10.0.0", "10.0.0.256", "10.0.0.1 ",
	    " 10.0.0.1", "10.0.0.01", "0x0a.0.0.1", "10.0.0.1/32", "localhost", "fe80::1%eth0",
	    "1::2::3", "12345::", ":", "::10.0.0.1.2"};
	struct ip_address address;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (ip_address_parse(cases[i], &address))
			fail_msg("accepted \"%s\"", cases[i]);
	}
}

static void ipv4_address_has_zeros_behind_it(void **state)
{
	static const uint8_t bytes[] = {192, 0, 2, 1, 0xff, 0xff};
	const struct ip_address parsed = address_of("192.0.2.1");
	const struct ip_address copied = ip_address_from_bytes(IPV4, bytes);
	const struct ip_address number = ip_address_from_ipv4(0xc0000201);

	(void)state;
	assert_memory_equal(&parsed, &copied, sizeof(parsed));
	assert_memory_equal(&parsed, &number, sizeof(parsed));
}

static void addresses_order_by_family_then_number(void **state)
{
	static const char *const sorted[] = {
	    "0.0.0.0", "9.255.255.255", "10.0.0.0", "200.0.0.0", "::", "::1", "a::", "fe80::1"};

	(void)state;
	for (size_t i = 0; i < COUNT(sorted); i++) {
		for (size_t j = 0; j < COUNT(sorted); j++) {
			const struct ip_address a = address_of(sorted[i]);
			const struct ip_address b = address_of(sorted[j]);
			const int order = ip_address_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(ip_address_equal(&a, &b), i == j);
		}
	}
}

static void address_class_is_known(void **state)
{
	enum { NONE = 0, UNSPECIFIED = 1, LOOPBACK = 2, MULTICAST = 4, LINK_LOCAL = 8 };
	static const struct {
		const char *text;
		int class;
	} cases[] = {
	    {"0.0.0.0", UNSPECIFIED},
	    {"::", UNSPECIFIED},
	    {"0.0.0.1", NONE},
	    {"127.0.0.1", LOOPBACK},
	    {"127.255.255.255", LOOPBACK},
	    {"128.0.0.1", NONE},
	    {"::1", LOOPBACK},
	    {"::2", NONE},
	    {"223.255.255.255", NONE},
	    {"224.0.0.5", MULTICAST},
	    {"239.255.255.255", MULTICAST},
	    {"240.0.0.0", NONE},
	    {"ff02::1", MULTICAST},
	    {"169.254.1.1", LINK_LOCAL},
	    {"169.253.255.255", NONE},
	    {"fe80::1", LINK_LOCAL},
	    {"febf::1", LINK_LOCAL},
	    {"fec0::1", NONE},
	    {"10.0.0.1", NONE},
	    {"2001:db8::1", NONE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct ip_address address = address_of(cases[i].text);
		const int class = (ip_address_is_unspecified(&address) ? UNSPECIFIED : 0) |
				  (ip_address_is_loopback(&address) ? LOOPBACK : 0) |
				  (ip_address_is_multicast(&address) ? MULTICAST : 0) |
				  (ip_address_is_link_local(&address) ? LINK_LOCAL : 0);

		if (class != cases[i].class)
			fail_msg("%s: class %d", cases[i].text, class);
	}
}

static void sockaddr_round_trip_keeps_port_and_scope(void **state)
{
	const struct ip_address v4 = address_of("10.1.2.3");
	const struct ip_address v6 = address_of("fe80::5");
	struct sockaddr_storage storage;
	struct ip_address back;
	uint16_t port = 0;
	uint32_t scope = 99;

	(void)state;
	assert_int_equal(ip_address_to_sockaddr(&v4, 179, 0, &storage), sizeof(struct sockaddr_in));
	assert_true(
	    ip_address_from_sockaddr((const struct sockaddr *)&storage, &back, &port, &scope));
	assert_true(ip_address_equal(&v4, &back));
	assert_int_equal(port, 179);
	assert_int_equal(scope, 0);

	assert_int_equal(
	    ip_address_to_sockaddr(&v6, 1790, 7, &storage), sizeof(struct sockaddr_in6));
	assert_true(
	    ip_address_from_sockaddr((const struct sockaddr *)&storage, &back, &port, &scope));
	assert_true(ip_address_equal(&v6, &back));
	assert_int_equal(port, 1790);
	assert_int_equal(scope, 7);
	assert_true(ip_address_from_sockaddr((const struct sockaddr *)&storage, &back, NULL, NULL));
}

static void mapped_sockaddr_becomes_ipv4(void **state)
{
	const struct ip_address mapped = address_of("::ffff:10.1.2.3");
	const struct ip_address expected = address_of("10.1.2.3");
	struct sockaddr_storage storage;
	struct ip_address back;
	uint16_t port;

	(void)state;
	ip_address_to_sockaddr(&mapped, 179, 0, &storage);
	assert_true(
	    ip_address_from_sockaddr((const struct sockaddr *)&storage, &back, &port, NULL));
	assert_memory_equal(&back, &expected, sizeof(back));
	assert_int_equal(port, 179);
}

static void other_socket_families_are_refused(void **state)
{
	const struct sockaddr local = {.sa_family = AF_UNIX};
	struct ip_address address;

	(void)state;
	assert_false(ip_address_from_sockaddr(&local, &address, NULL, NULL));
}

static void prefix_text_is_canonical(void **state)
{
	static const struct {
		const char *text;
		const char *canonical;
		bool had_host_bits;
	} cases[] = {
	    {"10.0.0.0/8", "10.0.0.0/8", false},
	    {"10.1.2.3/8", "10.0.0.0/8", true},
	    {"10.1.2.3/31", "10.1.2.2/31", true},
	    {"10.1.2.3", "10.1.2.3/32", false},
	    {"0.0.0.0/0", "0.0.0.0/0", false},
	    {"255.255.255.255/0", "0.0.0.0/0", true},
	    {"2001:db8::/32", "2001:db8::/32", false},
	    {"2001:db8::1/127", "2001:db8::/127", true},
	    {"2001:db8::1", "2001:db8::1/128", false},
	    {"::/0", "::/0", false},
	};
	char text[IP_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip_prefix prefix;
		bool had_host_bits = !cases[i].had_host_bits;

		assert_true(ip_prefix_parse(cases[i].text, &prefix, &had_host_bits));
		assert_string_equal(ip_prefix_print(&prefix, text), cases[i].canonical);
		assert_int_equal(had_host_bits, cases[i].had_host_bits);
	}
}

static void prefix_refuses_bad_text(void **state)
{
	static const char *const cases[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33",
	    "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/8 ", "10.0.0.0/08",
	    "10.0.0.0/8/8", "10/8", "::/129", "::/4294967296", "fe80::1%eth0/64",
	    "1111111111111111111111111111111111111111111111111111111111111111111/8"};
	struct ip_prefix prefix;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (ip_prefix_parse(cases[i], &prefix, NULL))
			fail_msg("accepted \"%s\"", cases[i]);
	}
}

static void longest_prefix_text_fits(void **state)
{
	struct ip_prefix prefix = {.length = 128, .family = IPV6};
	char text[IP_TEXT_MAX];

	(void)state;
	memset(prefix.bytes, 0xff, sizeof(prefix.bytes));
	assert_string_equal(
	    ip_prefix_print(&prefix, text), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
}

static void prefix_from_address_clears_host_bits(void **state)
{
	const struct ip_address address = address_of("2001:db8:ffff:ffff::1");
	const struct ip_prefix expected = prefix_of("2001:db8:e000::/35");
	const struct ip_prefix prefix = ip_prefix_from_address(&address, 35);
	const struct ip_address first = ip_prefix_address(&prefix);
	char text[IP_TEXT_MAX];

	(void)state;
	assert_true(ip_prefix_equal(&prefix, &expected));
	assert_string_equal(ip_address_print(&first, text), "2001:db8:e000::");
}

static void prefixes_order_by_family_address_length(void **state)
{
	static const char *const sorted[] = {"0.0.0.0/0", "0.0.0.0/8", "10.0.0.0/8", "10.0.0.0/24",
	    "10.0.1.0/24", "192.0.2.0/24", "::/0", "::/128", "2001:db8::/32"};

	(void)state;
	for (size_t i = 0; i < COUNT(sorted); i++) {
		for (size_t j = 0; j < COUNT(sorted); j++) {
			const struct ip_prefix a = prefix_of(sorted[i]);
			const struct ip_prefix b = prefix_of(sorted[j]);
			const int order = ip_prefix_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(ip_prefix_equal(&a, &b), i == j);
		}
	}
}

static void prefix_contains_its_addresses_only(void **state)
{
	static const struct {
		const char *prefix;
		const char *address;
		bool inside;
	} cases[] = {
	    {"10.0.0.0/8", "10.255.255.255", true},
	    {"10.0.0.0/8", "11.0.0.0", false},
	    {"10.0.0.0/31", "10.0.0.1", true},
	    {"10.0.0.0/31", "10.0.0.2", false},
	    {"10.0.0.1/32", "10.0.0.1", true},
	    {"10.0.0.1/32", "10.0.0.0", false},
	    {"0.0.0.0/0", "255.255.255.255", true},
	    {"0.0.0.0/0", "::1", false},
	    {"::/0", "10.0.0.1", false},
	    {"2001:db8::/33", "2001:db8:7fff::1", true},
	    {"2001:db8::/33", "2001:db8:8000::1", false},
	    {"2001:db8::1/128", "2001:db8::1", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct ip_prefix prefix = prefix_of(cases[i].prefix);
		const struct ip_address address = address_of(cases[i].address);

		if (ip_prefix_contains(&prefix, &address) != cases[i].inside)
			fail_msg("%s in %s", cases[i].address, cases[i].prefix);
	}
}

static void prefix_covers_equal_and_longer_ones(void **state)
{
	static const struct {
		const char *outer;
		const char *inner;
		bool covered;
	} cases[] = {
	    {"10.0.0.0/8", "10.0.0.0/8", true},
	    {"10.0.0.0/8", "10.1.0.0/16", true},
	    {"10.1.0.0/16", "10.0.0.0/8", false},
	    {"10.0.0.0/8", "11.0.0.0/16", false},
	    {"0.0.0.0/0", "10.0.0.0/8", true},
	    {"0.0.0.0/0", "::/0", false},
	    {"2001:db8::/32", "2001:db8:1::/48", true},
	    {"2001:db8::/32", "2001:db9::/32", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct ip_prefix outer = prefix_of(cases[i].outer);
		const struct ip_prefix inner = prefix_of(cases[i].inner);

		if (ip_prefix_covers(&outer, &inner) != cases[i].covered)
			fail_msg("%s over %s", cases[i].outer, cases[i].inner);
	}
}

static void martians_are_told_from_routes(void **state)
{
	static const struct {
		const char *prefix;
		bool martian;
	} cases[] = {
	    {"0.0.0.0/0", false},
	    {"::/0", false},
	    {"0.0.0.0/8", true},
	    {"0.1.2.0/24", true},
	    {"0.0.0.0/7", false},
	    {"127.0.0.0/8", true},
	    {"127.0.0.1", true},
	    {"126.0.0.0/7", false},
	    {"169.254.0.0/16", true},
	    {"169.254.169.254", true},
	    {"224.0.0.0/4", true},
	    {"239.1.0.0/16", true},
	    {"240.0.0.0/4", true},
	    {"255.255.255.255", true},
	    {"10.0.0.0/8", false},
	    {"192.168.0.0/16", false},
	    {"192.0.2.0/24", false},
	    {"100.64.0.0/10", false},
	    {"::/128", true},
	    {"::1/128", true},
	    {"::/127", false},
	    {"fe80::/10", true},
	    {"fe80::1", true},
	    {"ff00::/8", true},
	    {"ff02::1", true},
	    {"::ffff:10.0.0.0/104", true},
	    {"fc00::/7", false},
	    {"2001:db8::/32", false},
	    {"64:ff9b::/96", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct ip_prefix prefix = prefix_of(cases[i].prefix);

		if (ip_prefix_is_martian(&prefix) != cases[i].martian)
			fail_msg("%s", cases[i].prefix);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(family_has_name_and_bits),
	    cmocka_unit_test(address_text_is_canonical),
	    cmocka_unit_test(address_refuses_what_is_not_numeric),
	    cmocka_unit_test(ipv4_address_has_zeros_behind_it),
	    cmocka_unit_test(addresses_order_by_family_then_number),
	    cmocka_unit_test(address_class_is_known),
	    cmocka_unit_test(sockaddr_round_trip_keeps_port_and_scope),
	    cmocka_unit_test(mapped_sockaddr_becomes_ipv4),
	    cmocka_unit_test(other_socket_families_are_refused),
	    cmocka_unit_test(prefix_text_is_canonical),
	    cmocka_unit_test(prefix_refuses_bad_text),
	    cmocka_unit_test(longest_prefix_text_fits),
	    cmocka_unit_test(prefix_from_address_clears_host_bits),
	    cmocka_unit_test(prefixes_order_by_family_address_length),
	    cmocka_unit_test(prefix_contains_its_addresses_only),
	    cmocka_unit_test(prefix_covers_equal_and_longer_ones),
	    cmocka_unit_test(martians_are_told_from_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
