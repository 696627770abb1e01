/*
 * The FIB and a kernel that refuses, forgets or loses: whatever happens to one route is shown of
 * that route, with the kernel's own text, and tried again, and all others are installed as if
 * nothing had been.  The kernel is the real one, in a network namespace of the test's own, with
 * faults in between.  All is done twice, the second time with turns that have no time.
 */
#include "fib_rig.h"

#include <linux/capability.h>

#include "clock.h"
#include "netlink_faults.h"

enum { ROUTES = 200, FAULTY = 77 };

static const char faulty[] = "10.0.77.0/24";

static int set_up_faults(void **state)
{
	forget_faults();
	return set_up(state);
}

#define fault_test(function) cmocka_unit_test_setup_teardown(function, set_up_faults, tear_down)

static void announce_many(struct fixture *fixture, const char *next_hop)
{
	for (unsigned i = 0; i < ROUTES; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "10.0.%u.0/24", i);
		announce(fixture, 0, prefix, next_hop);
	}
}

/* Runs the loop until so many routes are installed, as the FIB believes, and none has failed. */
static void expect_installed(struct fixture *fixture, uint32_t count)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;
	const struct fib_counters *counters = fib_counters(fixture->fib);

	while ((counters->routes[IPV4] != count || counters->failed) &&
	       loop_now(fixture->loop) < deadline)
		loop_run_once(fixture->loop, 5);
	assert_int_equal(counters->routes[IPV4], count);
	assert_int_equal(counters->failed, 0);
}

static const struct {
	int error;
	const char *text;
	const char *shown;
} refusals[] = {
    {EBUSY, NULL, "Device or resource busy"},
    {ENETUNREACH, "Nexthop has invalid gateway",
	"Nexthop has invalid gateway (Network is unreachable)"},
    {EINVAL, "Invalid source address", "Invalid source address (Invalid argument)"},
    {EINVAL, NULL, "Invalid argument"},
    {ENOMEM, NULL, "Cannot allocate memory"},
    {ENOBUFS, NULL, "No buffer space available"},
    {ENOSPC, "Too many routes", "Too many routes (No space left on device)"},
    {EPERM, NULL, "Operation not permitted"},
};

#define REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

static void test_refused_route_is_shown_and_the_rest_is_installed(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < REFUSALS; i++) {
		struct netlink_fault *fault = refuse_requests(
		    RTM_NEWROUTE, faulty, refusals[i].error, refusals[i].text, ANY_TIMES);

		announce_many(fixture, "192.0.2.1");
		expect_failure(fixture, faulty, refusals[i].shown);
		expect_count(fixture, "d0", ROUTES - 1);
		assert_int_equal(fib_counters(fixture->fib)->failed, 1);
		fault->times = 0;
		clock_ahead_ms += 1000;
		expect_count(fixture, "d0", ROUTES);
		expect_installed(fixture, ROUTES);
		assert_int_equal(find(fixture, faulty).state, FIB_INSTALLED);
		rib_withdraw_peer(fixture->rib, fixture->peers[0], IPV4);
		expect_count(fixture, "d0", 0);
		netlink_faults.count = 0;
	}
}

static void test_route_that_cannot_be_changed_stays_as_it_is(void **state)
{
	struct fixture *fixture = *state;
	struct netlink_fault *fault;

	announce_many(fixture, "192.0.2.1");
	expect_count(fixture, "d0", ROUTES);
	fault = refuse_requests(RTM_NEWROUTE, faulty, EBUSY, "Not now", ANY_TIMES);
	announce_many(fixture, "198.51.100.1");
	expect_count(fixture, "d1", ROUTES - 1);
	expect(fixture, "route show 10.0.77.0/24", "via 192.0.2.1 dev d0 proto bgp");
	expect_failure(fixture, faulty, "Not now (Device or resource busy)");
	fault->times = 0;
	expect_count(fixture, "d1", ROUTES);
	expect_count(fixture, "d0", 0);
}

static void test_removal_that_is_refused_is_shown_and_tried_again(void **state)
{
	struct fixture *fixture = *state;
	struct netlink_fault *fault;

	announce_many(fixture, "192.0.2.1");
	expect_count(fixture, "d0", ROUTES);
	fault = refuse_requests(RTM_DELROUTE, faulty, EBUSY, "Not now", ANY_TIMES);
	rib_withdraw_peer(fixture->rib, fixture->peers[0], IPV4);
	expect_count(fixture, "d0", 1);
	expect_failure(fixture, faulty, "Not now (Device or resource busy)");
	fault->times = 0;
	expect_count(fixture, "d0", 0);
	expect_installed(fixture, 0);
	assert_int_equal(find(fixture, faulty).count, 0);
}

static void test_leftover_that_cannot_be_removed_is_shown_and_tried_again(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;
	struct netlink_fault *fault;
	struct found found;

	announce(fixture, 0, faulty, "192.0.2.1");
	expect(fixture, "route show 10.0.77.0/24", "proto bgp metric 20");
	/* In another table no dump tells of it any more. */
	settings.table = 100;
	fault = refuse_requests(RTM_DELROUTE, faulty, EBUSY, "Not now", ANY_TIMES);
	fault->table = RT_TABLE_MAIN;
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show table 100", "10.0.77.0/24");
	for (unsigned i = 0; i < 1000 && !netlink_faults.refusals_ever; i++)
		turn(fixture, 1);
	withdraw(fixture, 0, faulty);
	expect(fixture, "route show table 100", NULL);
	turn(fixture, 10);
	found = find(fixture, faulty);
	assert_int_equal(found.state, FIB_STALE);
	assert_string_equal(found.error, "Not now (Device or resource busy)");
	expect(fixture, "route show 10.0.77.0/24", "proto bgp metric 20");
	fault->times = 0;
	expect(fixture, "route show 10.0.77.0/24", NULL);
	turn(fixture, 10);
	assert_int_equal(find(fixture, faulty).count, 0);
}

static void test_lost_answers_cost_nothing_but_another_try(void **state)
{
	struct fixture *fixture = *state;

	netlink_faults.answers_to_lose = 3;
	announce_many(fixture, "192.0.2.1");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
	expect_count(fixture, "d0", ROUTES);
	expect_installed(fixture, ROUTES);
	netlink_faults.answers_to_lose = 3;
	announce_many(fixture, "198.51.100.1");
	expect_count(fixture, "d1", ROUTES);
	expect_installed(fixture, ROUTES);
	netlink_faults.answers_to_lose = 3;
	rib_withdraw_peer(fixture->rib, fixture->peers[0], IPV4);
	rib_withdraw_peer(fixture->rib, fixture->peers[0], IPV6);
	expect_count(fixture, "d1", 0);
	expect(fixture, "-6 route show proto bgp", NULL);
	expect_installed(fixture, 0);
}

static void test_answers_that_never_come_do_not_stop_the_rest(void **state)
{
	struct fixture *fixture = *state;

	netlink_faults.answers_to_lose = 1;
	netlink_faults.answers_swallowed = true;
	announce_many(fixture, "192.0.2.1");
	for (unsigned i = 0; i < 10000 && netlink_faults.answers_to_lose; i++)
		loop_run_once(fixture->loop, 5);
	assert_int_equal(netlink_faults.answers_to_lose, 0);
	turn(fixture, 20);
	assert_true(fib_counters(fixture->fib)->routes[IPV4] < ROUTES);
	clock_ahead_ms += 2000;
	expect_count(fixture, "d0", ROUTES);
	expect_installed(fixture, ROUTES);
}

static void test_batches_that_may_not_be_sent(void **state)
{
	struct fixture *fixture = *state;

	netlink_faults.send_error = EPERM;
	announce_many(fixture, "192.0.2.1");
	expect_failure(fixture, faulty, "Operation not permitted");
	netlink_faults.send_error = 0;
	expect_count(fixture, "d0", ROUTES);
	expect_installed(fixture, ROUTES);
	netlink_faults.send_error = ENOBUFS;
	announce_many(fixture, "198.51.100.1");
	turn(fixture, 20);
	assert_int_equal(fib_counters(fixture->fib)->failed, 0);
	expect_count(fixture, "d1", 0);
	netlink_faults.send_error = 0;
	expect_count(fixture, "d1", ROUTES);
}

/* CAP_NET_ADMIN of this process, on or off. */
static void let_administrate(bool let)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	const uint32_t bit = 1u << CAP_NET_ADMIN;

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[0].effective = let ? data[0].effective | bit : data[0].effective & ~bit;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

static void test_without_the_right_to_change_routes_each_says_so(void **state)
{
	struct fixture *fixture = *state;
	struct ip_address neighbour, address;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1");
	let_administrate(false);
	announce_many(fixture, "198.51.100.1");
	announce(fixture, 0, "10.1.0.0/16", "198.51.100.1");
	expect_failure(fixture, faulty, "Operation not permitted");
	expect_failure(fixture, "10.1.0.0/16", "Operation not permitted");
	/* The view of the kernel is as good as ever, which is what sessions need. */
	assert_true(ip_address_parse("192.0.2.1", &neighbour));
	assert_true(fib_local_address(fixture->fib, &neighbour, 0, IPV4, &address));
	assert_int_equal(rib_path_count(fixture->rib, IPV4), ROUTES + 1);
	expect_count(fixture, "d0", 1);
	let_administrate(true);
	expect_count(fixture, "d1", ROUTES + 1);
	expect_count(fixture, "d0", 0);
}

static void test_notifications_that_were_lost_are_made_good_by_a_dump(void **state)
{
	struct fixture *fixture = *state;

	announce_many(fixture, "192.0.2.1");
	expect_count(fixture, "d0", ROUTES);
	netlink_faults.events_lost = true;
	run("ip route del 10.0.77.0/24 && ip route replace 10.0.78.0/24 via 198.51.100.9 "
	    "proto bgp metric 20 && ip route replace 10.0.79.0/24 via 192.0.2.9 proto static "
	    "metric 20 && ip address add 203.0.113.7/32 dev lo");
	expect(fixture, "route show 10.0.77.0/24", "via 192.0.2.1 dev d0 proto bgp");
	expect(fixture, "route show 10.0.78.0/24", "via 192.0.2.1 dev d0 proto bgp");
	expect_failure(fixture, "10.0.79.0/24", "a route of protocol static is already there");
	expect(fixture, "route show 10.0.79.0/24", "via 192.0.2.9 dev d0 proto static");
	announce(fixture, 0, "203.0.113.7/32", "192.0.2.1");
	turn(fixture, 20);
	assert_false(find(fixture, "203.0.113.7/32").found);
	run("ip address del 203.0.113.7/32 dev lo");
}

static void test_interrupted_dumps_are_repeated(void **state)
{
	struct fixture *fixture = *state;

	stop(fixture);
	start_rib(fixture);
	netlink_faults.dumps_to_interrupt = 3;
	start_fib(fixture, &default_settings);
	assert_int_equal(netlink_faults.dumps_to_interrupt, 0);
	announce_many(fixture, "192.0.2.1");
	expect_count(fixture, "d0", ROUTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fault_test(test_refused_route_is_shown_and_the_rest_is_installed),
	    fault_test(test_route_that_cannot_be_changed_stays_as_it_is),
	    fault_test(test_removal_that_is_refused_is_shown_and_tried_again),
	    fault_test(test_leftover_that_cannot_be_removed_is_shown_and_tried_again),
	    fault_test(test_lost_answers_cost_nothing_but_another_try),
	    fault_test(test_answers_that_never_come_do_not_stop_the_rest),
	    fault_test(test_batches_that_may_not_be_sent),
	    fault_test(test_without_the_right_to_change_routes_each_says_so),
	    fault_test(test_notifications_that_were_lost_are_made_good_by_a_dump),
	    fault_test(test_interrupted_dumps_are_repeated),
	};

	return run_in_every_form(tests, sizeof(tests) / sizeof(tests[0]));
}
