/*
 * The FIB between a real RIB and the real kernel: what comes into the kernel's tables, what goes,
 * and that routes of others stay as they are.  All is done twice: the second time the turns of the
 * loop have no time, so that whatever can be cut into slices is.
 */
#include "fib_rig.h"

/* Installing */

static void test_installs_with_protocol_and_metric_and_removes(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
	expect(fixture, "route show 10.1.0.0/16",
	    "10.1.0.0/16 via 192.0.2.1 dev d0 proto bgp metric 20 ");
	expect(fixture, "-6 route show 2001:db8:100::/48",
	    "2001:db8:100::/48 via 2001:db8::1 dev d0 proto bgp metric 20 ");
	assert_int_equal(find(fixture, "10.1.0.0/16").state, FIB_INSTALLED);
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], 1);
	withdraw(fixture, 0, "10.1.0.0/16");
	withdraw(fixture, 0, "2001:db8:100::/48");
	expect(fixture, "route show proto bgp", NULL);
	expect(fixture, "-6 route show proto bgp", NULL);
	assert_int_equal(find(fixture, "10.1.0.0/16").count, 0);
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], 0);
}

static void test_installs_over_the_gateway_of_a_foreign_route(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add 203.0.113.0/24 via 198.51.100.1");
	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.1 dev d1 proto bgp");
}

static void test_metric_of_a_filter_wins_and_may_change(void **state)
{
	struct fixture *fixture = *state;

	announce_with_metric(fixture, 0, "10.1.0.0/16", "192.0.2.1", 50);
	expect(fixture, "route show 10.1.0.0/16", "proto bgp metric 50 ");
	announce_with_metric(fixture, 0, "10.1.0.0/16", "192.0.2.1", 60);
	expect(fixture, "route show 10.1.0.0/16 metric 50", NULL);
	expect(fixture, "route show 10.1.0.0/16", "proto bgp metric 60 ");
}

static void test_multipath_follows_the_equal_cost_set(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "198.51.100.1");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
	announce(fixture, 1, "2001:db8:100::/48", "2001:db8:1::1");
	expect(fixture, "route show 10.1.0.0/16",
	    "nexthop via 192.0.2.1 dev d0 weight 1 nexthop via 198.51.100.1 dev d1 weight 1 ");
	expect(fixture, "-6 route show 2001:db8:100::/48",
	    "nexthop via 2001:db8::1 dev d0 weight 1 nexthop via 2001:db8:1::1 dev d1 weight 1 ");
	announce(fixture, 2, "2001:db8:100::/48", "2001:db8:1::2");
	expect(fixture, "-6 route show 2001:db8:100::/48",
	    "nexthop via 2001:db8:1::1 dev d1 weight 1 nexthop via 2001:db8:1::2 dev d1 weight 1 ");
	withdraw(fixture, 0, "10.1.0.0/16");
	withdraw(fixture, 0, "2001:db8:100::/48");
	withdraw(fixture, 2, "2001:db8:100::/48");
	expect(fixture, "route show 10.1.0.0/16", "10.1.0.0/16 via 198.51.100.1 dev d1 proto bgp");
	expect(fixture, "-6 route show 2001:db8:100::/48",
	    "2001:db8:100::/48 via 2001:db8:1::1 dev d1 proto bgp");
	assert_int_equal(fixture->failed, 0);
}

static void test_ipv4_route_via_ipv6_next_hop(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "fe80::99%d1");
	expect(fixture, "route show 10.1.0.0/16",
	    "10.1.0.0/16 via inet6 fe80::99 dev d1 proto bgp metric 20 ");
	announce(fixture, 1, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via inet6 fe80::99 dev d1");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 192.0.2.1 dev d0");
}

/* Both are on a link, whatever the metric of the connected routes. */
static void test_next_hops_of_both_families_are_equally_near(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "2001:db8::1");
	announce(fixture, 1, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via inet6 2001:db8::1 dev d0");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 192.0.2.1 dev d0");
}

static void test_default_routes_of_both_families(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "0.0.0.0/0", "192.0.2.1");
	announce(fixture, 0, "::/0", "2001:db8::1");
	expect(fixture, "route show default", "default via 192.0.2.1 dev d0 proto bgp metric 20");
	expect(fixture, "-6 route show default", "default via 2001:db8::1 dev d0 proto bgp");
	withdraw(fixture, 0, "0.0.0.0/0");
	withdraw(fixture, 0, "::/0");
	expect(fixture, "route show default", NULL);
	expect(fixture, "-6 route show default", NULL);
}

static void test_never_installed(void **state)
{
	static const char *const prefixes[] = {
	    "127.0.0.0/8", /* martian */
	    "10.244.1.0/24", /* own pod CIDR */
	    "10.244.1.128/25", /* inside of it */
	    "192.0.2.7/32", /* own address */
	    "192.0.2.0/24", /* its next hop's own network */
	    "192.0.2.1/32", /* its next hop */
	};
	struct fixture *fixture = *state;
	struct ip_prefix own;
	size_t i;

	assert_true(ip_prefix_parse("10.244.1.0/24", &own, NULL));
	fib_set_own_prefixes(fixture->fib, &own, 1);
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		announce(fixture, 0, prefixes[i], "192.0.2.1");
	announce(fixture, 0, "10.9.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.9.0.0/16", "proto bgp");
	assert_int_equal(find(fixture, "10.9.0.0/16").count, 1);
	fib_set_own_prefixes(fixture->fib, NULL, 0);
	expect(fixture, "route show 10.244.1.0/24", "proto bgp");
	fib_set_own_prefixes(fixture->fib, &own, 1);
	expect(fixture, "route show 10.244.1.0/24", NULL);
}

static void test_host_route_goes_when_the_address_becomes_our_own(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "203.0.113.1/32", "192.0.2.1");
	expect(fixture, "route show 203.0.113.1", "proto bgp");
	run("ip address add 203.0.113.1/32 dev lo");
	expect(fixture, "route show 203.0.113.1 proto bgp", NULL);
	run("ip address del 203.0.113.1/32 dev lo");
	expect(fixture, "route show 203.0.113.1", "proto bgp");
}

static void test_without_install_next_hops_are_tracked_only(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	settings.install = false;
	fib_change(fixture->fib, &settings);
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	turn(fixture, 50);
	expect(fixture, "route show proto bgp", NULL);
	assert_int_equal(rib_path_count(fixture->rib, IPV4), 1);
	fib_change(fixture->fib, &default_settings);
	expect(fixture, "route show 10.1.0.0/16", "proto bgp");
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show 10.1.0.0/16", NULL);
}

/* Routes of others */

static void test_foreign_route_is_untouched_and_conflict_is_shown(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add 10.1.0.0/16 via 192.0.2.9 proto static metric 20 && "
	    "ip route add 2001:db8:100::/48 via 2001:db8::9 proto static metric 20");
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
	expect_failure(fixture, "10.1.0.0/16", "a route of protocol static is already there");
	expect_failure(fixture, "2001:db8:100::/48", "a route of protocol static is already there");
	assert_int_equal(fixture->failed, 2);
	assert_int_equal(fib_counters(fixture->fib)->failed, 2);
	expect(fixture, "route show proto bgp", NULL);
	expect(fixture, "-6 route show proto bgp", NULL);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.9 dev d0 proto static metric 20");
	expect(fixture, "-6 route show 2001:db8:100::/48", "via 2001:db8::9 dev d0 proto static");
	run("ip route del 10.1.0.0/16 && ip route del 2001:db8:100::/48");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	expect(fixture, "-6 route show 2001:db8:100::/48", "via 2001:db8::1 dev d0 proto bgp");
	assert_int_equal(fib_counters(fixture->fib)->failed, 0);
}

static void test_foreign_route_at_another_metric_is_no_conflict(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add 10.1.0.0/16 via 192.0.2.9 proto static metric 10");
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16 proto bgp", "via 192.0.2.1 dev d0 metric 20");
	withdraw(fixture, 0, "10.1.0.0/16");
	expect(fixture, "route show 10.1.0.0/16 proto bgp", NULL);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.9 dev d0 proto static metric 10");
}

static void test_foreign_route_that_replaced_ours_stays(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "proto bgp");
	run("ip route replace 10.1.0.0/16 via 192.0.2.9 proto static metric 20");
	expect_failure(fixture, "10.1.0.0/16", "a route of protocol static is already there");
	withdraw(fixture, 0, "10.1.0.0/16");
	turn(fixture, 50);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.9 dev d0 proto static metric 20");
}

static void test_foreign_hop_joined_to_our_ipv6_route_is_not_taken_along(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
	expect(fixture, "-6 route show 2001:db8:100::/48", "proto bgp");
	run("ip -6 route append 2001:db8:100::/48 via 2001:db8::9 proto static metric 20");
	expect_failure(fixture, "2001:db8:100::/48", "a route of protocol static is already there");
	withdraw(fixture, 0, "2001:db8:100::/48");
	turn(fixture, 50);
	expect(fixture, "-6 route show 2001:db8:100::/48", "via 2001:db8::9 dev d0");
}

/* Repair */

static void test_deleted_route_is_put_back(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
	announce(fixture, 1, "2001:db8:100::/48", "2001:db8:1::1");
	expect(fixture, "route show 10.1.0.0/16", "proto bgp");
	expect(fixture, "-6 route show 2001:db8:100::/48", "nexthop via 2001:db8:1::1 dev d1");
	run("ip route del 10.1.0.0/16");
	run("ip -6 route del 2001:db8:100::/48 via 2001:db8:1::1 dev d1 proto bgp");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	expect(fixture, "-6 route show 2001:db8:100::/48", "nexthop via 2001:db8:1::1 dev d1");
	run("ip -6 route del 2001:db8:100::/48");
	expect(fixture, "-6 route show 2001:db8:100::/48", "nexthop via 2001:db8:1::1 dev d1");
	assert_true(fib_counters(fixture->fib)->repaired >= 3);
}

static void test_changed_route_is_put_right(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1");
	run("ip route replace 10.1.0.0/16 via 198.51.100.9 proto bgp metric 20");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
}

static void test_route_lost_with_its_link_comes_back(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "198.51.100.1");
	announce(fixture, 1, "10.2.0.0/16", "198.51.100.1");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	run("ip link set d1 down");
	expect(fixture, "route show 10.1.0.0/16", "10.1.0.0/16 via 192.0.2.1 dev d0 proto bgp");
	expect(fixture, "route show 10.2.0.0/16", NULL);
	run("ip link set d1 up");
	expect(fixture, "route show 10.2.0.0/16", "via 198.51.100.1 dev d1 proto bgp");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	/* Down and up before anybody has looked: the kernel has dropped the route silently. */
	run("ip link set d1 down && ip link set d1 up");
	expect(fixture, "route show 10.2.0.0/16", "via 198.51.100.1 dev d1 proto bgp");
	run("ip link set p1 down");
	expect(fixture, "route show 10.2.0.0/16", NULL);
	assert_true(fixture->links_changed > 0);
}

static void test_next_hop_that_moves_takes_its_routes_along(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add 203.0.113.0/24 via 198.51.100.1 metric 5");
	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 0, "10.2.0.0/16", "203.0.113.9");
	expect(fixture, "route show 10.2.0.0/16", "via 198.51.100.1 dev d1 proto bgp");
	run("ip route replace 203.0.113.0/24 via 192.0.2.1 metric 5");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	expect(fixture, "route show 10.2.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	run("ip route del 203.0.113.0/24");
	expect(fixture, "route show proto bgp", NULL);
}

enum { MANY_ROUTES = 600, MANY_NEXT_HOPS = 200 };

/* More than one slice of each; what changes in the middle of it is heeded for all of them. */
static void test_many_routes_follow_many_next_hops(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add 203.0.113.0/24 via 198.51.100.1 metric 5");
	for (unsigned i = 0; i < MANY_ROUTES; i++) {
		char prefix[32], next_hop[32];

		snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", i / 256, i % 256);
		snprintf(next_hop, sizeof(next_hop), "203.0.113.%u", 1 + i % MANY_NEXT_HOPS);
		announce(fixture, 0, prefix, next_hop);
	}
	expect_count(fixture, "d1", MANY_ROUTES);
	run("ip route replace 203.0.113.0/24 via 192.0.2.1 metric 5");
	expect_count(fixture, "d0", MANY_ROUTES);
	run("ip route replace 203.0.113.0/24 via 198.51.100.1 metric 5");
	for (unsigned i = 0; i < 3; i++)
		loop_run_once(fixture->loop, 0);
	run("ip route replace 203.0.113.0/24 via 192.0.2.2 metric 5");
	expect(fixture, "route show 10.0.0.0/24", "via 192.0.2.2 ");
	expect_count(fixture, "d0", MANY_ROUTES);
	expect_count(fixture, "d1", 0);
	/* iproute2 fails to flush routes that have both an object and hops. */
	run("ip route show proto bgp | sed 's/^/route del /; s/ nhid.*\\| via.*/ proto bgp/' | "
	    "ip -batch -");
	expect_count(fixture, "d0", MANY_ROUTES);
	run("ip route del 203.0.113.0/24");
	expect_count(fixture, "d0", 0);
}

struct reached {
	struct ip_address address;
	bool reachable;
	struct ip_address gateway;
};

static void on_reached(void *arg, const struct fib_next_hop *next_hop)
{
	struct reached *reached = arg;

	if (!ip_address_equal(&next_hop->address, &reached->address))
		return;
	reached->reachable = next_hop->reachable;
	reached->gateway = next_hop->gateway;
}

/* Runs the loop, and not a turn more, until the next hop is reached over the gateway (NULL: not). */
static void expect_way(struct fixture *fixture, const char *next_hop, const char *gateway)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;
	struct ip_address expected = {0};
	struct reached reached = {0};

	assert_true(ip_address_parse(next_hop, &reached.address));
	if (gateway)
		assert_true(ip_address_parse(gateway, &expected));
	do {
		loop_run_once(fixture->loop, 0);
		fib_walk_next_hops(fixture->fib, on_reached, &reached);
	} while ((reached.reachable != (gateway != NULL) ||
		     (gateway && !ip_address_equal(&reached.gateway, &expected))) &&
		 loop_now(fixture->loop) < deadline);
	assert_int_equal(reached.reachable, gateway != NULL);
}

/* Of a large table the RIB has come by some prefixes only when the next hop is back. */
static void test_next_hop_that_is_away_for_a_moment_loses_no_route(void **state)
{
	enum { ROUTES = 6000, INSTALLED = 4000, TURNS = 12 };
	struct fixture *fixture = *state;

	run("ip route add 203.0.113.0/24 via 192.0.2.1 metric 5");
	for (unsigned i = 0; i < ROUTES; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", i / 256, i % 256);
		announce(fixture, 0, prefix, "203.0.113.1");
	}
	while (fib_counters(fixture->fib)->routes[IPV4] < INSTALLED)
		loop_run_once(fixture->loop, 5);
	run("ip route del 203.0.113.0/24");
	expect_way(fixture, "203.0.113.1", NULL);
	for (unsigned i = 0; i < TURNS; i++)
		loop_run_once(fixture->loop, 0);
	run("ip route add 203.0.113.0/24 via 192.0.2.1 metric 5");
	expect_count(fixture, "d0", ROUTES);
	run("ip route del 203.0.113.0/24");
}

/*
 * With its last address of IPv4 an interface loses its routes without a word, whatever their next
 * hops are: also if that is in the middle of a walk for something else.
 */
static void test_interface_that_loses_routes_during_a_walk(void **state)
{
	enum { ROUTES = 600, TURNS = 16 };
	static const char *const gateways[] = {"192.0.2.1", "192.0.2.2"};
	struct fixture *fixture = *state;

	run("ip route add 203.0.113.0/24 via 192.0.2.2 metric 5");
	announce(fixture, 0, "10.200.0.0/16", "203.0.113.1");
	for (unsigned i = 0; i < ROUTES; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", i / 256, i % 256);
		announce(fixture, 1, prefix, "2001:db8:1::1");
	}
	expect_count(fixture, "d1", ROUTES);
	for (unsigned turns = 0; turns < TURNS; turns++) {
		char command[128];

		snprintf(command, sizeof(command),
		    "ip route replace 203.0.113.0/24 via %s metric 5", gateways[turns % 2]);
		run(command);
		expect_way(fixture, "203.0.113.1", gateways[turns % 2]);
		for (unsigned i = 0; i < turns; i++)
			loop_run_once(fixture->loop, 0);
		run("ip address del 198.51.100.7/24 dev d1");
		expect_count(fixture, "d1", ROUTES);
		run("ip address add 198.51.100.7/24 dev d1");
		turn(fixture, 20);
	}
	run("ip route del 203.0.113.0/24");
}

/* Previous runs, and changes of place */

static void test_stale_routes_stay_until_converged_and_are_adopted_or_swept(void **state)
{
	struct fixture *fixture = *state;

	stop(fixture);
	run("ip route add 10.1.0.0/16 via 192.0.2.9 proto bgp metric 20 && "
	    "ip route add 10.2.0.0/16 via 192.0.2.9 proto bgp metric 20 && "
	    "ip route add 10.3.0.0/16 via 192.0.2.9 proto static metric 20 && "
	    "ip -6 route add 2001:db8:100::/48 via 2001:db8::9 proto bgp metric 20");
	start(fixture, &default_settings);
	turn(fixture, 50);
	assert_int_equal(find(fixture, "10.2.0.0/16").state, FIB_STALE);
	expect(fixture, "route show 10.2.0.0/16", "via 192.0.2.9 dev d0 proto bgp");
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "10.1.0.0/16 via 192.0.2.1 dev d0 proto bgp");
	fib_converged(fixture->fib);
	expect(fixture, "route show 10.2.0.0/16", NULL);
	expect(fixture, "-6 route show 2001:db8:100::/48", NULL);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	expect(fixture, "route show 10.3.0.0/16", "via 192.0.2.9 dev d0 proto static");
}

static void test_routes_stay_on_stop_or_are_withdrawn(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "proto bgp");
	stop(fixture);
	start_rib(fixture);
	settings.withdraw_on_stop = true;
	start_fib(fixture, &settings);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 0, "10.2.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.2.0.0/16", "proto bgp");
	stop(fixture);
	start(fixture, &default_settings);
	expect(fixture, "route show proto bgp", NULL);
}

static void test_routes_move_to_another_table_and_metric(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "proto bgp metric 20");
	settings.metric = 30;
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show 10.1.0.0/16 metric 20", NULL);
	expect(fixture, "route show 10.1.0.0/16", "proto bgp metric 30");
	settings.table = 100;
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show table 100 10.1.0.0/16", "proto bgp metric 30");
	expect(fixture, "route show 10.1.0.0/16", NULL);
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], 1);
}

/* Failures */

static void test_refused_route_is_shown_with_the_kernels_text_and_tried_again(void **state)
{
	struct fixture *fixture = *state;

	run("ip -6 route add 2001:db8:5::/64 dev lo metric 5");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8:5::1");
	expect_failure(fixture, "2001:db8:100::/48", NULL);
	assert_string_equal(fixture->text, find(fixture, "2001:db8:100::/48").error);
	turn(fixture, 400);
	assert_true(fib_counters(fixture->fib)->errors >= 2);
	assert_int_equal(fixture->failed, 1);
	run("ip -6 route del 2001:db8:5::/64 && ip -6 route add 2001:db8:5::/64 dev d1 metric 5");
	expect(fixture, "-6 route show 2001:db8:100::/48", "via 2001:db8:5::1 dev d1 proto bgp");
	assert_int_equal(fib_counters(fixture->fib)->failed, 0);
}

static void test_gateway_that_is_on_link_by_decree_keeps_the_flag(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add 203.0.113.0/24 via 198.18.0.1 onlink dev d0");
	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	expect(
	    fixture, "route show 10.1.0.0/16", "via 198.18.0.1 dev d0 proto bgp metric 20 onlink");
}

static void test_own_addresses_and_links_are_known(void **state)
{
	struct fixture *fixture = *state;
	struct ip_address neighbour;
	struct ip_address address;
	char text[IP_TEXT_MAX];

	assert_true(ip_address_parse("192.0.2.1", &neighbour));
	assert_false(fib_is_own_address(fixture->fib, &neighbour, 0));
	assert_true(fib_local_address(fixture->fib, &neighbour, 0, IPV4, &address));
	assert_string_equal(ip_address_print(&address, text), "192.0.2.7");
	assert_true(fib_is_own_address(fixture->fib, &address, 0));
	assert_true(fib_local_address(fixture->fib, &neighbour, 0, IPV6, &address));
	assert_string_equal(ip_address_print(&address, text), "2001:db8::7");
	/* A link-local address says nothing without its interface. */
	assert_true(ip_address_parse("fe80::77", &neighbour));
	assert_false(fib_local_address(fixture->fib, &neighbour, 0, IPV4, &address));
	assert_true(
	    fib_local_address(fixture->fib, &neighbour, if_nametoindex("d0"), IPV4, &address));
	assert_string_equal(ip_address_print(&address, text), "192.0.2.7");
	assert_true(ip_address_parse("203.0.113.1", &neighbour));
	assert_false(fib_local_address(fixture->fib, &neighbour, 0, IPV4, &address));
}

/* Copies the next hop with the address that is asked for. */
static void on_next_hop(void *arg, const struct fib_next_hop *next_hop)
{
	struct fib_next_hop *wanted = arg;

	if (ip_address_equal(&wanted->address, &next_hop->address))
		*wanted = *next_hop;
}

static struct fib_next_hop find_next_hop(struct fixture *fixture, const char *text)
{
	struct fib_next_hop next_hop = {0};

	assert_true(ip_address_parse(text, &next_hop.address));
	fib_walk_next_hops(fixture->fib, on_next_hop, &next_hop);
	return next_hop;
}

static void test_next_hop_is_shown_with_its_way_or_the_reason(void **state)
{
	struct fixture *fixture = *state;
	struct fib_next_hop next_hop;
	char text[IP_TEXT_MAX];

	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	turn(fixture, 50);
	next_hop = find_next_hop(fixture, "203.0.113.9");
	assert_false(next_hop.reachable);
	assert_string_equal(next_hop.reason, "no route to it");
	assert_int_equal(next_hop.users, 1);
	announce(fixture, 0, "203.0.113.0/24", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	next_hop = find_next_hop(fixture, "192.0.2.1");
	assert_true(next_hop.reachable);
	assert_true(next_hop.on_link);
	assert_int_equal(next_hop.depth, 0);
	assert_string_equal(next_hop.interface, "d0");
	next_hop = find_next_hop(fixture, "203.0.113.9");
	assert_true(next_hop.reachable);
	assert_false(next_hop.on_link);
	assert_int_equal(next_hop.depth, 1);
	assert_string_equal(ip_prefix_print(&next_hop.via, text), "203.0.113.0/24");
	assert_string_equal(ip_address_print(&next_hop.gateway, text), "192.0.2.1");
}

/* Next hops behind routes of BGP */

static void test_default_route_of_bgp_leads_to_next_hops(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8:9::9");
	announce(fixture, 1, "0.0.0.0/0", "192.0.2.1");
	announce(fixture, 1, "::/0", "2001:db8::1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	expect(fixture, "-6 route show 2001:db8:100::/48", "via 2001:db8::1 dev d0 proto bgp");
	announce(fixture, 1, "0.0.0.0/0", "198.51.100.1");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.1 dev d1 proto bgp");
	run("ip link set d1 down");
	expect(fixture, "route show 10.1.0.0/16", NULL);
	run("ip link set d1 up");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.1 dev d1 proto bgp");
	withdraw(fixture, 1, "0.0.0.0/0");
	expect(fixture, "route show proto bgp", NULL);
}

/* The better path is over the other one: neither goes, and nothing takes turns. */
static void test_default_route_over_itself_is_stable(void **state)
{
	struct fixture *fixture = *state;
	uint64_t requests;

	fixture->peers[0]->source = POLICY_SOURCE_EBGP;
	fixture->peers[1]->source = POLICY_SOURCE_IBGP;
	announce(fixture, 1, "0.0.0.0/0", "192.0.2.1");
	announce(fixture, 0, "0.0.0.0/0", "203.0.113.9");
	expect(fixture, "route show default", "default via 192.0.2.1 dev d0 proto bgp");
	turn(fixture, 100);
	assert_true(find_next_hop(fixture, "203.0.113.9").reachable);
	requests = fib_counters(fixture->fib)->requests;
	turn(fixture, 100);
	assert_int_equal(fib_counters(fixture->fib)->requests, requests);
	announce(fixture, 1, "0.0.0.0/0", "198.51.100.1");
	expect(fixture, "route show default", "default via 198.51.100.1 dev d1 proto bgp");
	withdraw(fixture, 1, "0.0.0.0/0");
	expect(fixture, "route show default", NULL);
}

static void test_next_hops_follow_policy_rules(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add 203.0.113.0/24 via 192.0.2.1 && "
	    "ip route add 203.0.113.0/24 via 198.51.100.1 table 77");
	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	run("ip rule add pref 1000 to 203.0.113.0/24 lookup 77");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.1 dev d1 proto bgp");
	run("ip route replace 203.0.113.0/24 via 198.51.100.2 table 77");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.2 dev d1 proto bgp");
	run("ip rule add pref 900 to 203.0.113.9 unreachable");
	expect(fixture, "route show 10.1.0.0/16", NULL);
	assert_string_equal(
	    find_next_hop(fixture, "203.0.113.9").reason, "an unreachable rule is in the way");
	run("ip rule del pref 900");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.2 dev d1 proto bgp");
	run("ip rule del pref 1000 && ip route flush table 77");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
}

/* As WireGuard does it: what has no mark goes to a table of its own, but for longer routes. */
static void test_next_hops_heed_suppressed_lengths_and_inverted_rules(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add default via 192.0.2.1 && ip route add 198.18.0.0/16 via 192.0.2.2 && "
	    "ip route add default via 198.51.100.1 table 77 && "
	    "ip rule add pref 1001 not fwmark 77 lookup 77 && "
	    "ip rule add pref 1000 lookup main suppress_prefixlength 0");
	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 0, "10.2.0.0/16", "198.18.0.9");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.1 dev d1 proto bgp");
	expect(fixture, "route show 10.2.0.0/16", "via 192.0.2.2 dev d0 proto bgp");
	run("ip rule del pref 1000; ip rule del pref 1001; ip route flush table 77");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
}

static bool is_connected(struct fixture *fixture, const char *text, struct error *why)
{
	struct ip_address address;

	assert_true(ip_address_parse(text, &address));
	return fib_is_connected(fixture->fib, &address, why);
}

static void test_connected_is_what_no_router_is_in_between_of(void **state)
{
	struct fixture *fixture = *state;
	struct error why;

	assert_true(is_connected(fixture, "192.0.2.1", &why));
	assert_true(is_connected(fixture, "192.0.2.7", &why));
	assert_true(is_connected(fixture, "2001:db8::9", &why));
	/* All of 127.0.0.0/8 is this node, though only one address of it is configured. */
	assert_true(is_connected(fixture, "127.0.0.2", &why));
	assert_false(is_connected(fixture, "203.0.113.1", &why));
	assert_string_equal(why.text, "no route to it");
	run("ip route add 203.0.113.0/24 via 192.0.2.1");
	turn(fixture, 50);
	assert_false(is_connected(fixture, "203.0.113.1", &why));
	assert_string_equal(why.text, "it is behind the gateway 192.0.2.1");
	run("ip route replace 203.0.113.0/24 dev d0");
	turn(fixture, 50);
	assert_true(is_connected(fixture, "203.0.113.1", &why));
	assert_true(fixture->view_changed > 1);
}

static void test_neighbours_are_heard_of_if_asked_for(void **state)
{
	struct fixture *fixture = *state;
	struct ip_address address;
	char text[IP_TEXT_MAX];
	bool up;
	const uint32_t d0 = fib_interface(fixture->fib, "d0", &up);

	assert_int_equal(d0, if_nametoindex("d0"));
	assert_true(up);
	assert_int_equal(fib_interface(fixture->fib, "d9", &up), 0);
	assert_false(up);
	run("ip neighbour add fe80::a lladdr 02:00:00:00:00:0a dev d0 router");
	turn(fixture, 50);
	assert_false(fib_neighbour(fixture->fib, d0, &address));
	fib_hear_neighbours(fixture->fib, true);
	turn(fixture, 50);
	assert_true(fib_neighbour(fixture->fib, d0, &address));
	assert_string_equal(ip_address_print(&address, text), "fe80::a");
	run("ip neighbour del fe80::a dev d0");
	turn(fixture, 50);
	assert_false(fib_neighbour(fixture->fib, d0, &address));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fib_test(test_installs_with_protocol_and_metric_and_removes),
	    fib_test(test_installs_over_the_gateway_of_a_foreign_route),
	    fib_test(test_metric_of_a_filter_wins_and_may_change),
	    fib_test(test_multipath_follows_the_equal_cost_set),
	    fib_test(test_ipv4_route_via_ipv6_next_hop),
	    fib_test(test_next_hops_of_both_families_are_equally_near),
	    fib_test(test_default_routes_of_both_families),
	    fib_test(test_never_installed),
	    fib_test(test_host_route_goes_when_the_address_becomes_our_own),
	    fib_test(test_without_install_next_hops_are_tracked_only),
	    fib_test(test_foreign_route_is_untouched_and_conflict_is_shown),
	    fib_test(test_foreign_route_at_another_metric_is_no_conflict),
	    fib_test(test_foreign_route_that_replaced_ours_stays),
	    fib_test(test_foreign_hop_joined_to_our_ipv6_route_is_not_taken_along),
	    fib_test(test_deleted_route_is_put_back),
	    fib_test(test_changed_route_is_put_right),
	    fib_test(test_route_lost_with_its_link_comes_back),
	    fib_test(test_next_hop_that_moves_takes_its_routes_along),
	    fib_test(test_many_routes_follow_many_next_hops),
	    fib_test(test_next_hop_that_is_away_for_a_moment_loses_no_route),
	    fib_test(test_interface_that_loses_routes_during_a_walk),
	    fib_test(test_stale_routes_stay_until_converged_and_are_adopted_or_swept),
	    fib_test(test_routes_stay_on_stop_or_are_withdrawn),
	    fib_test(test_routes_move_to_another_table_and_metric),
	    fib_test(test_refused_route_is_shown_with_the_kernels_text_and_tried_again),
	    fib_test(test_gateway_that_is_on_link_by_decree_keeps_the_flag),
	    fib_test(test_own_addresses_and_links_are_known),
	    fib_test(test_next_hop_is_shown_with_its_way_or_the_reason),
	    fib_test(test_default_route_of_bgp_leads_to_next_hops),
	    fib_test(test_default_route_over_itself_is_stable),
	    fib_test(test_next_hops_follow_policy_rules),
	    fib_test(test_next_hops_heed_suppressed_lengths_and_inverted_rules),
	    fib_test(test_connected_is_what_no_router_is_in_between_of),
	    fib_test(test_neighbours_are_heard_of_if_asked_for),
	};

	return run_in_every_form(tests, sizeof(tests) / sizeof(tests[0]));
}
