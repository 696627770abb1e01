/*
 * Next-hop objects of the FIB in the real kernel: that routes follow their object with one request,
 * what happens when objects are lost, changed or taken, and that what nobody uses goes.  That
 * everything else is the same with objects and without is for test_fib.c.
 */
#include "fib_rig.h"

/* Lets the clock go ahead until there are objects of that kind in the kernel, or none. */
static void expect_objects(struct fixture *fixture, const char *text, bool any)
{
	char objects[4096];

	for (unsigned step = 0; step < STEPS; step++) {
		pass_time(fixture, STEP_MS);
		show("nexthop show", objects, sizeof(objects));
		if (any == (strstr(objects, text) != NULL))
			return;
	}
	fail_msg("wanted %s\"%s\" among the objects: %s", any ? "" : "no ", text, objects);
}

static uint64_t requests(struct fixture *fixture)
{
	return fib_counters(fixture->fib)->requests;
}

/* Runs the loop until there have been so many. */
static void expect_requests(struct fixture *fixture, uint64_t count)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;

	while (requests(fixture) < count && loop_now(fixture->loop) < deadline)
		turn(fixture, 1);
	assert_true(requests(fixture) >= count);
}

/* The id that the FIB shows for the prefix. */
static void on_object(void *arg, const struct fib_route *route)
{
	struct fib_route *wanted = arg;

	if (ip_prefix_equal(&route->prefix, &wanted->prefix))
		*wanted = *route;
}

static uint32_t object_of(struct fixture *fixture, const char *prefix)
{
	struct fib_cursor cursor = {0};
	struct fib_route route = {0};

	assert_true(ip_prefix_parse(prefix, &route.prefix, NULL));
	while (fib_walk(fixture->fib, &cursor, 100, on_object, &route))
		;
	return route.object;
}

/* Runs the command, in which $ID is the number. */
static void run_with_id(const char *command, uint32_t id)
{
	char text[256];

	snprintf(text, sizeof(text), "ID=%u; %s", id, command);
	run(text);
}

enum { MANY = 1000 };

static void announce_many(struct fixture *fixture, unsigned peer, const char *next_hop)
{
	for (unsigned i = 0; i < MANY; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", i / 256, i % 256);
		announce(fixture, peer, prefix, next_hop);
	}
}

/* Following */

static void test_many_prefixes_move_with_one_request(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before;

	run("ip route add 203.0.113.0/24 via 198.51.100.1");
	announce_many(fixture, 0, "203.0.113.9");
	expect_count(fixture, "d1", MANY);
	before = requests(fixture);
	run("ip route replace 203.0.113.0/24 via 192.0.2.1");
	expect_count(fixture, "d0", MANY);
	assert_int_equal(requests(fixture) - before, 1);
	assert_int_equal(fib_next_hop_objects(fixture->fib), 1);
}

static void test_many_prefixes_leave_a_hop_with_one_request(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before;

	run("ip route add 203.0.113.0/24 via 198.51.100.1");
	announce_many(fixture, 0, "203.0.113.9");
	announce_many(fixture, 1, "192.0.2.1");
	/* In whatever order they get their second hop. */
	expect_success(fixture,
	    "test $(ip route show proto bgp | grep -c 'nexthop via 198.51.100.1 dev d1') = 1000");
	before = requests(fixture);
	run("ip route replace 203.0.113.0/24 via 198.51.100.2");
	expect(fixture, "route show 10.0.7.0/24", "nexthop via 198.51.100.2 dev d1");
	/* The new hop, and the group. */
	assert_int_equal(requests(fixture) - before, 2);
}

/* The routes follow their object without being sent again, but what is refused is another thing. */
static void test_route_that_would_lead_to_its_own_gateway_goes(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add 203.0.113.0/24 via 198.51.100.1");
	announce(fixture, 0, "192.0.2.0/25", "203.0.113.9");
	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	expect(fixture, "route show 192.0.2.0/25", "via 198.51.100.1 dev d1 proto bgp");
	run("ip route replace 203.0.113.0/24 via 192.0.2.1 dev d0 onlink");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	expect(fixture, "route show 192.0.2.0/25", NULL);
}

static void test_lost_link_costs_no_request_for_the_others(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "198.51.100.1");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	before = requests(fixture);
	run("ip link set p1 down");
	expect(fixture, "route show 10.1.0.0/16", "10.1.0.0/16 via 192.0.2.1 dev d0");
	/* The RIB has another set for it now: its hop, and the route; the group needed nothing. */
	assert_true(requests(fixture) - before <= 2);
	run("ip link set p1 up");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	assert_int_equal(fixture->failed, 0);
}

static void test_sets_share_their_hops_in_both_families(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "fe80::99%d1");
	announce(fixture, 1, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 0, "2001:db8:100::/48", "fe80::99%d1");
	announce(fixture, 1, "2001:db8:100::/48", "fe80::98%d0");
	announce(fixture, 0, "10.2.0.0/16", "fe80::99%d1");
	announce(fixture, 0, "2001:db8:200::/48", "fe80::99%d1");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via inet6 fe80::99 dev d1");
	expect(fixture, "-6 route show 2001:db8:100::/48", "nexthop via fe80::99 dev d1");
	expect(fixture, "route show 10.2.0.0/16", "10.2.0.0/16 via inet6 fe80::99 dev d1");
	expect(fixture, "-6 route show 2001:db8:200::/48", "via fe80::99 dev d1");
	/* Two groups with three hops, and the one hop that routes of both families have alone. */
	assert_int_equal(fib_next_hop_objects(fixture->fib), 6);
	assert_int_equal(
	    object_of(fixture, "10.2.0.0/16"), object_of(fixture, "2001:db8:200::/48"));
}

/* A prefix that only waits for a hop that was left out uses no object. */
static void test_left_out_hop_keeps_no_object(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "192.0.2.1/32", "192.0.2.1");
	announce(fixture, 1, "192.0.2.1/32", "198.51.100.1");
	expect(fixture, "route show 192.0.2.1/32", "via 198.51.100.1 dev d1");
	withdraw(fixture, 1, "192.0.2.1/32");
	expect(fixture, "route show 192.0.2.1/32", NULL);
	expect_objects(fixture, "proto bgp", false);
}

/* Losing */

static void test_objects_that_somebody_deletes_come_back_with_their_routes(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "198.51.100.1");
	announce(fixture, 1, "10.2.0.0/16", "198.51.100.1");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	expect(fixture, "-6 route show 2001:db8:100::/48", "proto bgp");
	run_with_id("ip nexthop del id $ID", object_of(fixture, "10.2.0.0/16"));
	expect(fixture, "route show 10.2.0.0/16", "via 198.51.100.1 dev d1 proto bgp");
	run("ip nexthop flush >/dev/null 2>&1; true");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	expect(fixture, "route show 10.2.0.0/16", "via 198.51.100.1 dev d1 proto bgp");
	expect(fixture, "-6 route show 2001:db8:100::/48", "via 2001:db8::1 dev d0 proto bgp");
	assert_true(fib_counters(fixture->fib)->repaired >= 2);
}

static void test_object_that_somebody_changes_is_put_right(void **state)
{
	struct fixture *fixture = *state;
	uint32_t before;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0");
	before = object_of(fixture, "10.1.0.0/16");
	run_with_id("ip nexthop replace id $ID via 192.0.2.66 dev d0 proto bgp", before);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0");
	assert_int_equal(object_of(fixture, "10.1.0.0/16"), before);
	/* With another protocol number it is somebody else's. */
	run_with_id("ip nexthop replace id $ID via 192.0.2.66 dev d0 proto static", before);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0");
	assert_int_not_equal(object_of(fixture, "10.1.0.0/16"), before);
	expect_objects(fixture, "via 192.0.2.66 dev d0 scope link proto static", true);
	withdraw(fixture, 0, "10.1.0.0/16");
	expect_objects(fixture, "proto bgp", false);
	expect_objects(fixture, "via 192.0.2.66 dev d0 scope link proto static", true);
	run("ip nexthop flush >/dev/null 2>&1; true");
}

static void test_link_that_flaps_unseen_gets_its_hops_back(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "198.51.100.1");
	announce(fixture, 1, "2001:db8:100::/48", "2001:db8:1::1");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	run("ip link set p1 down && ip link set p1 up");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	run("ip link set d1 down && ip link set d1 up && ip address add 2001:db8:1::7/64 dev d1 "
	    "nodad");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	expect(fixture, "-6 route show 2001:db8:100::/48", "via 2001:db8:1::1 dev d1");
}

/* Ids */

static void test_ids_of_others_are_left_alone(void **state)
{
	struct fixture *fixture = *state;

	stop(fixture);
	run_with_id("ip nexthop add id $ID via 192.0.2.66 dev d0 proto static", 0x6b620000);
	start(fixture, &default_settings);
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0");
	assert_int_equal(object_of(fixture, "10.1.0.0/16"), 0x6b620001);
	expect_objects(fixture, "id 1801584640 via 192.0.2.66 dev d0", true);
	run("ip nexthop flush >/dev/null 2>&1; true");
}

/* Removing */

static void test_object_goes_after_its_last_route(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "198.51.100.1");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	withdraw(fixture, 1, "10.1.0.0/16");
	expect(fixture, "route show 10.1.0.0/16", "10.1.0.0/16 via 192.0.2.1 dev d0");
	withdraw(fixture, 0, "10.1.0.0/16");
	expect(fixture, "route show proto bgp", NULL);
	expect_objects(fixture, "id", false);
	assert_int_equal(fib_next_hop_objects(fixture->fib), 0);
}

/* The route that somebody has put in the place of ours does not use it. */
static void test_object_goes_while_its_only_route_is_in_conflict(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	run("ip route replace 10.1.0.0/16 via 192.0.2.2 proto static metric 20");
	expect_failure(fixture, "10.1.0.0/16", "a route of protocol static is already there");
	expect_objects(fixture, "proto bgp", false);
	run("ip route del 10.1.0.0/16 proto static");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	assert_int_not_equal(object_of(fixture, "10.1.0.0/16"), 0);
}

static void test_object_with_a_route_of_somebody_else_stays(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0");
	run_with_id("ip route add 10.9.0.0/16 nhid $ID proto static table 100",
	    object_of(fixture, "10.1.0.0/16"));
	withdraw(fixture, 0, "10.1.0.0/16");
	expect(fixture, "route show 10.1.0.0/16", NULL);
	pass_time(fixture, 3000);
	expect(fixture, "route show table 100", "10.9.0.0/16 via 192.0.2.1 dev d0");
	stop_and_withdraw(fixture, settings);
	start(fixture, &default_settings);
	expect(fixture, "route show table 100", "10.9.0.0/16 via 192.0.2.1 dev d0");
	run("ip route del 10.9.0.0/16 table 100");
	expect_objects(fixture, "id", false);
}

static void test_objects_of_a_previous_run_stay_with_their_routes(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 0, "10.2.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.2.0.0/16", "198.51.100.1");
	expect(fixture, "route show 10.2.0.0/16", "nexthop via 198.51.100.1 dev d1");
	stop(fixture);
	start(fixture, &default_settings);
	pass_time(fixture, 3000);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0");
	expect(fixture, "route show 10.2.0.0/16", "nexthop via 198.51.100.1 dev d1");
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	fib_converged(fixture->fib);
	expect(fixture, "route show 10.2.0.0/16", NULL);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0");
	expect_objects(fixture, "via 192.0.2.1 dev d0 scope link proto bgp", true);
	expect_objects(fixture, "group", false);
}

static void test_withdrawal_on_stop_takes_the_objects_along(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	settings.withdraw_on_stop = true;
	fib_change(fixture->fib, &settings);
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "198.51.100.1");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	stop(fixture);
	run("test -z \"$(ip route show proto bgp)\" && test -z \"$(ip nexthop show)\"");
	start(fixture, &default_settings);
}

/* Forms */

static void test_routes_change_their_form_without_a_gap(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;
	uint64_t before;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "198.51.100.1");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
	announce(fixture, 1, "2001:db8:100::/48", "2001:db8:1::1");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	expect(fixture, "-6 route show 2001:db8:100::/48", "nexthop via 2001:db8:1::1 dev d1");
	assert_int_not_equal(object_of(fixture, "10.1.0.0/16"), 0);
	before = requests(fixture);
	settings.next_hop_objects = false;
	fib_change(fixture->fib, &settings);
	expect_requests(fixture, before + 2);
	turn(fixture, 200);
	/* A replacement for each, and nothing else: there is no gap. */
	assert_int_equal(requests(fixture) - before, 2);
	expect_objects(fixture, "id", false);
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	expect(fixture, "-6 route show 2001:db8:100::/48", "nexthop via 2001:db8:1::1 dev d1");
	assert_int_equal(object_of(fixture, "10.1.0.0/16"), 0);
	before = requests(fixture);
	fib_change(fixture->fib, &default_settings);
	expect_requests(fixture, before + 8);
	turn(fixture, 200);
	/* Four hops and two groups come before the replacements. */
	assert_int_equal(requests(fixture) - before, 8);
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	expect(fixture, "-6 route show 2001:db8:100::/48", "nexthop via 2001:db8:1::1 dev d1");
	assert_int_not_equal(object_of(fixture, "10.1.0.0/16"), 0);
	assert_int_equal(fixture->failed, 0);
}

static void test_leftovers_of_either_form_are_adopted(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings plain = default_settings;

	plain.next_hop_objects = false;
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0");
	stop(fixture);
	start(fixture, &plain);
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	fib_converged(fixture->fib);
	expect_objects(fixture, "id", false);
	expect(fixture, "route show 10.1.0.0/16", "10.1.0.0/16 via 192.0.2.1 dev d0");
	stop(fixture);
	start(fixture, &default_settings);
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect_objects(fixture, "via 192.0.2.1 dev d0 scope link proto bgp", true);
	expect(fixture, "route show 10.1.0.0/16", "10.1.0.0/16 via 192.0.2.1 dev d0");
	assert_int_not_equal(object_of(fixture, "10.1.0.0/16"), 0);
}

static void test_protocol_changes_with_its_objects(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect_objects(fixture, "via 192.0.2.1 dev d0 scope link proto bgp", true);
	settings.protocol = 77;
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show 10.1.0.0/16 proto 77", "via 192.0.2.1 dev d0");
	expect_objects(fixture, "via 192.0.2.1 dev d0 scope link proto 77", true);
	fib_converged(fixture->fib);
	expect_objects(fixture, "proto bgp", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fib_test(test_many_prefixes_move_with_one_request),
	    fib_test(test_many_prefixes_leave_a_hop_with_one_request),
	    fib_test(test_route_that_would_lead_to_its_own_gateway_goes),
	    fib_test(test_lost_link_costs_no_request_for_the_others),
	    fib_test(test_sets_share_their_hops_in_both_families),
	    fib_test(test_left_out_hop_keeps_no_object),
	    fib_test(test_objects_that_somebody_deletes_come_back_with_their_routes),
	    fib_test(test_object_that_somebody_changes_is_put_right),
	    fib_test(test_link_that_flaps_unseen_gets_its_hops_back),
	    fib_test(test_ids_of_others_are_left_alone),
	    fib_test(test_object_goes_after_its_last_route),
	    fib_test(test_object_goes_while_its_only_route_is_in_conflict),
	    fib_test(test_object_with_a_route_of_somebody_else_stays),
	    fib_test(test_objects_of_a_previous_run_stay_with_their_routes),
	    fib_test(test_withdrawal_on_stop_takes_the_objects_along),
	    fib_test(test_routes_change_their_form_without_a_gap),
	    fib_test(test_leftovers_of_either_form_are_adopted),
	    fib_test(test_protocol_changes_with_its_objects),
	};

	return run_with_objects(tests, sizeof(tests) / sizeof(tests[0]));
}
