/*
 * Router discovery: the two messages as values, and the socket between two ends of a cable in a
 * network namespace of the test's own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/discovery.h"
#include "clock.h"
#include "hex.h"

#define SKIPPED 77
#define DEADLINE_MS 60000

/* Messages */

static struct ip_address address(const char *text)
{
	struct ip_address address;

	assert_true(ip_address_parse(text, &address));
	return address;
}

static bool decode(const char *hex, const char *source, unsigned hop_limit)
{
	struct wire_span message = hex_bytes(hex);
	struct ip_address from = address(source);
	enum bgp_discovery_kind kind;
	bool good = bgp_discovery_decode(message, &from, hop_limit, &kind);

	if (good)
		assert_int_equal(kind, message.bytes[0]);
	hex_free(message);
	return good;
}

static void test_rfc4861_4_1_solicitation(void **state)
{
	uint8_t bytes[BGP_DISCOVERY_LENGTH_MAX];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));

	(void)state;
	bgp_discovery_encode(&writer, BGP_DISCOVERY_SOLICITATION);
	hex_assert("solicitation", wire_writer_span(&writer), "85 00 0000 00000000");
}

/* Router lifetime 0: nobody's default router. */
static void test_rfc4861_4_2_advertisement(void **state)
{
	uint8_t bytes[BGP_DISCOVERY_LENGTH_MAX];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));

	(void)state;
	bgp_discovery_encode(&writer, BGP_DISCOVERY_ADVERTISEMENT);
	hex_assert(
	    "advertisement", wire_writer_span(&writer), "86 00 0000 00 00 0000 00000000 00000000");
}

#define SOLICIT "85 00 abcd 00000000"
#define ADVERTISE "86 00 abcd 40 00 0000 00000000 00000000"
#define LINK_LAYER "01 01 020000000001"
#define PREFIX_OPTION "03 04 40c0 00000000 00000000 00000000 20010db8 00000000 00000000 00000000"

static void test_rfc4861_6_1_1_valid_solicitations(void **state)
{
	(void)state;
	assert_true(decode(SOLICIT, "fe80::1", 255));
	assert_true(decode(SOLICIT LINK_LAYER, "fe80::1", 255));
	assert_true(decode(SOLICIT, "::", 255));
	assert_false(decode(SOLICIT LINK_LAYER, "::", 255));
	assert_false(decode(SOLICIT, "fe80::1", 254));
	assert_false(decode("85 01 abcd 00000000", "fe80::1", 255));
	assert_false(decode("85 00 abcd 000000", "fe80::1", 255));
}

static void test_rfc4861_6_1_2_valid_advertisements(void **state)
{
	(void)state;
	assert_true(decode(ADVERTISE, "fe80::1", 255));
	assert_true(decode(ADVERTISE LINK_LAYER PREFIX_OPTION, "fe80::1", 255));
	/* A lifetime, flags and options that nobody assigned are not our concern. */
	assert_true(
	    decode("86 00 abcd 40 c0 0708 00000000 00000000 ff01 000000000000", "fe80::1", 255));
	assert_false(decode(ADVERTISE, "2001:db8::1", 255));
	assert_false(decode(ADVERTISE, "::", 255));
	assert_false(decode(ADVERTISE, "fe80::1", 64));
	assert_false(decode("86 01 abcd 40 00 0000 00000000 00000000", "fe80::1", 255));
	assert_false(decode(ADVERTISE "01 00 020000000001", "fe80::1", 255));
	assert_false(decode(ADVERTISE "01 02 020000000001", "fe80::1", 255));
	assert_false(decode(ADVERTISE "01", "fe80::1", 255));
}

static void every_cut_is_refused_or_whole(void **state)
{
	struct wire_span message = hex_bytes(ADVERTISE LINK_LAYER PREFIX_OPTION);
	struct ip_address from = address("fe80::1");
	enum bgp_discovery_kind kind;

	(void)state;
	for (size_t length = 0; length <= message.length; length++) {
		uint8_t *copy = length ? memory_copy(message.bytes, length) : NULL;
		bool whole = length == 16 || length == 24 || length == message.length;

		assert_int_equal(
		    bgp_discovery_decode((struct wire_span){copy, length}, &from, 255, &kind),
		    whole);
		free(copy);
	}
	hex_free(message);
}

static void other_kinds_are_refused(void **state)
{
	(void)state;
	assert_false(
	    decode("87 00 abcd 00000000 fe800000000000000000000000000001", "fe80::1", 255));
	assert_false(decode("80 00 abcd 00000000", "fe80::1", 255));
}

/* Sockets */

struct end {
	struct bgp_discovery *discovery;
	uint32_t interface;
	unsigned heard;
	struct ip_address last;
};

struct cable {
	struct loop *loop;
	struct end ends[2];
};

static void heard(void *arg, uint32_t interface, const struct ip_address *address)
{
	struct cable *cable = arg;

	for (unsigned i = 0; i < 2; i++) {
		if (cable->ends[i].interface == interface) {
			cable->ends[i].heard++;
			cable->ends[i].last = *address;
		}
	}
}

static void run(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

static int lay_cable(void **state)
{
	struct cable *cable = memory_allocate_zero(1, sizeof(*cable));
	struct error error;

	run("ip link add left type veth peer name right");
	run("ip link set left addrgenmode none && ip link set right addrgenmode none");
	run("ip link set left up && ip link set right up");
	run("ip address add fe80::a/64 dev left nodad && ip address add fe80::b/64 dev right nodad");
	cable->loop = loop_new();
	cable->ends[0].interface = if_nametoindex("left");
	cable->ends[1].interface = if_nametoindex("right");
	for (unsigned i = 0; i < 2; i++) {
		cable->ends[i].discovery = bgp_discovery_new(cable->loop, heard, cable, &error);
		assert_non_null(cable->ends[i].discovery);
	}
	*state = cable;
	return 0;
}

static int cut_cable(void **state)
{
	struct cable *cable = *state;

	for (unsigned i = 0; i < 2; i++)
		bgp_discovery_free(cable->ends[i].discovery);
	loop_free(cable->loop);
	free(cable);
	run("ip link del left");
	return 0;
}

static void be_there(struct cable *cable, unsigned end)
{
	bgp_discovery_set_interfaces(cable->ends[end].discovery, &cable->ends[end].interface, 1);
}

static void turn(struct cable *cable, unsigned milliseconds)
{
	uint64_t until = loop_now(cable->loop) + milliseconds;

	while (loop_now(cable->loop) < until)
		loop_run_once(cable->loop, 10);
}

static bool wait_heard(struct cable *cable, unsigned end, unsigned count)
{
	uint64_t until = loop_now(cable->loop) + DEADLINE_MS;

	while (cable->ends[end].heard < count && loop_now(cable->loop) < until)
		loop_run_once(cable->loop, 10);
	return cable->ends[end].heard >= count;
}

static void an_advertisement_is_heard_at_the_other_end(void **state)
{
	struct cable *cable = *state;
	struct ip_address expected = address("fe80::b");

	be_there(cable, 0);
	be_there(cable, 1);
	assert_true(wait_heard(cable, 0, 1));
	assert_true(ip_address_equal(&cable->ends[0].last, &expected));
	assert_true(wait_heard(cable, 1, 1));
}

/* Who comes late has missed the first one, and asks. */
static void a_solicitation_is_answered_but_not_at_will(void **state)
{
	struct cable *cable = *state;
	uint64_t began;

	be_there(cable, 1);
	turn(cable, 100);
	be_there(cable, 0);
	bgp_discovery_solicit(cable->ends[0].discovery, cable->ends[0].interface, true);
	began = loop_now(cable->loop);
	assert_true(wait_heard(cable, 0, 1));
	assert_in_range(loop_now(cable->loop) - began, 2000, 5000);
	bgp_discovery_solicit(cable->ends[0].discovery, cable->ends[0].interface, false);
}

static void an_interface_that_is_not_ours_is_left_alone(void **state)
{
	struct cable *cable = *state;

	be_there(cable, 0);
	turn(cable, 200);
	assert_int_equal(cable->ends[1].heard, 0);
	bgp_discovery_set_interfaces(cable->ends[0].discovery, NULL, 0);
	be_there(cable, 1);
	turn(cable, 200);
	assert_int_equal(cable->ends[0].heard, 0);
}

#define cable_test(function) cmocka_unit_test_setup_teardown(function, lay_cable, cut_cable)

int main(void)
{
	const struct CMUnitTest messages[] = {
	    cmocka_unit_test(test_rfc4861_4_1_solicitation),
	    cmocka_unit_test(test_rfc4861_4_2_advertisement),
	    cmocka_unit_test(test_rfc4861_6_1_1_valid_solicitations),
	    cmocka_unit_test(test_rfc4861_6_1_2_valid_advertisements),
	    cmocka_unit_test(every_cut_is_refused_or_whole),
	    cmocka_unit_test(other_kinds_are_refused),
	};
	const struct CMUnitTest sockets[] = {
	    cable_test(an_advertisement_is_heard_at_the_other_end),
	    cable_test(a_solicitation_is_answered_but_not_at_will),
	    cable_test(an_interface_that_is_not_ours_is_left_alone),
	};
	int failed = cmocka_run_group_tests(messages, NULL, NULL);

	if (failed)
		return failed;
	if (unshare(CLONE_NEWNET) < 0) {
		printf("skipped: no network namespace of its own: %s\n", strerror(errno));
		return SKIPPED;
	}
	return cmocka_run_group_tests(sockets, NULL, NULL);
}
