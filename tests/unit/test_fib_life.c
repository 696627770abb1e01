/*
 * The life of the routes beyond that of the daemon and its configuration: what a previous run has
 * left, moves to another table or protocol, the end.  And that nothing of that holds up the loop:
 * turns without time end after a few dozen entries, however many there are.
 */
#include "fib_rig.h"

#include "clock.h"
#include "netlink_faults.h"

enum { ROUTES = 1500, SLICE = 32, BATCH = 512 };

struct ticker {
	struct loop_timer timer;
	unsigned ticks;
	unsigned requests; /* before the last tick */
	unsigned most; /* requests between two ticks */
};

static int set_up_life(void **state)
{
	forget_faults();
	return set_up(state);
}

#define life_test(function) cmocka_unit_test_setup_teardown(function, set_up_life, tear_down)

static void announce_many(struct fixture *fixture, unsigned count, const char *next_hop)
{
	for (unsigned i = 0; i < count; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", i / 256, i % 256);
		announce(fixture, 0, prefix, next_hop);
	}
}

/* The same prefixes, left by a previous run. */
static void leave_many_behind(struct fixture *fixture, unsigned count)
{
	announce_many(fixture, count, "192.0.2.1");
	expect_count(fixture, "d0", count);
	stop(fixture);
	start(fixture, &default_settings);
	forget_faults();
}

static void tick(void *arg)
{
	struct ticker *ticker = arg;
	const unsigned requests = netlink_faults.requests - ticker->requests;

	ticker->ticks++;
	ticker->most = requests > ticker->most ? requests : ticker->most;
	ticker->requests = netlink_faults.requests;
	loop_timer_start(&ticker->timer, 0);
}

/* A timer that is always due, as a neighbour's keepalive may be. */
static void start_ticker(struct fixture *fixture, struct ticker *ticker)
{
	*ticker = (struct ticker){.requests = netlink_faults.requests};
	loop_timer_init(fixture->loop, &ticker->timer, tick, ticker);
	loop_timer_start(&ticker->timer, 0);
}

/* Runs the loop until the FIB shows so many routes. */
static void expect_shown(struct fixture *fixture, unsigned count)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;

	while (find(fixture, "10.0.0.0/24").count != count && loop_now(fixture->loop) < deadline)
		turn(fixture, 1);
	assert_int_equal(find(fixture, "10.0.0.0/24").count, count);
}

/* Runs the loop until so many requests have been sent. */
static void run_until(struct fixture *fixture, unsigned requests)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;

	while (netlink_faults.requests < requests && loop_now(fixture->loop) < deadline)
		loop_run_once(fixture->loop, 5);
	assert_true(netlink_faults.requests >= requests);
}

/* Previous runs */

static void test_sweep_that_was_cut_short_is_done_by_the_next_run(void **state)
{
	struct fixture *fixture = *state;

	leave_many_behind(fixture, ROUTES);
	announce(fixture, 0, "10.0.7.0/24", "198.51.100.1");
	expect_count(fixture, "d1", 1);
	expect_count(fixture, "d0", ROUTES - 1);
	fib_converged(fixture->fib);
	run_until(fixture, 2);
	/* As if killed: what is out is done or not, nothing more is asked for. */
	stop(fixture);
	start(fixture, &default_settings);
	announce(fixture, 0, "10.0.8.0/24", "198.51.100.1");
	fib_converged(fixture->fib);
	expect_count(fixture, "d0", 0);
	expect(fixture, "route show proto bgp", "10.0.8.0/24 via 198.51.100.1 dev d1 metric 20");
	expect_count(fixture, "d1", 1);
}

static void test_leftovers_stay_for_as_long_as_nothing_has_converged(void **state)
{
	struct fixture *fixture = *state;

	leave_many_behind(fixture, 100);
	/* Two audits, and all the time in between. */
	for (unsigned minutes = 0; minutes < 11; minutes++) {
		clock_ahead_ms += 60000;
		turn(fixture, 20);
	}
	expect_count(fixture, "d0", 100);
	assert_int_equal(netlink_faults.requests, 0);
	assert_int_equal(find(fixture, "10.0.7.0/24").state, FIB_STALE);
}

static void test_leftovers_that_went_unseen_are_forgotten_after_a_dump(void **state)
{
	struct fixture *fixture = *state;

	leave_many_behind(fixture, 300);
	run("ip route del 10.0.7.0/24 proto bgp");
	expect_shown(fixture, 299);
	netlink_faults.events_lost = true;
	run("for i in $(seq 0 43); do ip route del 10.1.$i.0/24; done; ip route del 10.0.9.0/24");
	expect_shown(fixture, 300 - 44 - 2);
	assert_false(find(fixture, "10.1.5.0/24").found);
	fib_converged(fixture->fib);
	expect_count(fixture, "d0", 0);
	assert_int_equal(netlink_faults.requests, 300 - 44 - 2);
}

/* It is this run's own, and nothing that another has left, for as long as the kernel has it. */
static void test_withdrawn_routes_that_a_dump_tells_of_are_removed(void **state)
{
	struct fixture *fixture = *state;

	announce_many(fixture, 100, "192.0.2.1");
	expect_count(fixture, "d0", 100);
	/* No removal is sent before the answer is given up. */
	netlink_faults.answers_to_lose = 1;
	netlink_faults.answers_swallowed = true;
	announce(fixture, 0, "10.1.0.0/16", "198.51.100.1");
	expect_count(fixture, "d1", 1);
	for (unsigned i = 0; i < 100; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "10.0.%u.0/24", i);
		withdraw(fixture, 0, prefix);
	}
	netlink_faults.events_lost = true;
	run("ip route add 203.0.113.0/24 via 192.0.2.1");
	turn(fixture, 100);
	assert_true(find(fixture, "10.0.7.0/24").count <= 101);
	clock_ahead_ms += 2000;
	expect_count(fixture, "d0", 0);
	assert_int_equal(find(fixture, "10.0.7.0/24").count, 1);
}

/* Moves */

static void test_routes_change_their_protocol_in_place(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 0, "10.2.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.2.0.0/16", "198.51.100.1");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
	announce(fixture, 1, "2001:db8:100::/48", "2001:db8:1::1");
	expect(fixture, "route show 10.2.0.0/16", "nexthop via 198.51.100.1 dev d1");
	expect(fixture, "-6 route show 2001:db8:100::/48", "nexthop via 2001:db8:1::1 dev d1");
	settings.protocol = 187;
	fib_change(fixture->fib, &settings);
	announce(fixture, 0, "10.3.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto isis metric 20");
	expect(fixture, "route show 10.2.0.0/16", "proto isis metric 20 nexthop");
	expect(fixture, "route show 10.3.0.0/16", "proto isis");
	expect(fixture, "-6 route show 2001:db8:100::/48", "proto isis metric 20");
	expect(fixture, "route show proto bgp", NULL);
	expect(fixture, "-6 route show proto bgp", NULL);
	assert_int_equal(netlink_faults.first_removal, 0);
	assert_int_equal(fixture->failed, 0);
	withdraw(fixture, 0, "10.1.0.0/16");
	expect(fixture, "route show 10.1.0.0/16", NULL);
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], 2);
}

static void test_left_protocol_is_somebody_elses_once_nothing_of_ours_is_left(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	leave_many_behind(fixture, 100);
	announce_many(fixture, 50, "192.0.2.1");
	settings.protocol = 187;
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show 10.0.49.0/24", "proto isis");
	turn(fixture, 50);
	expect(fixture, "route show 10.0.50.0/24", "proto bgp");
	fib_converged(fixture->fib);
	expect(fixture, "route show proto bgp", NULL);
	expect(fixture, "route show 10.0.49.0/24", "proto isis");
	turn(fixture, 50);
	run("ip route add 10.0.50.0/24 via 192.0.2.9 proto bgp metric 20");
	turn(fixture, 50);
	expect(fixture, "route show 10.0.50.0/24", "via 192.0.2.9 dev d0 proto bgp");
	announce_many(fixture, 51, "192.0.2.1");
	expect_failure(fixture, "10.0.50.0/24", "a route of protocol 0xba is already there");
}

static void test_routes_are_in_the_new_table_before_they_leave_the_old_one(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	announce_many(fixture, ROUTES, "192.0.2.1");
	expect_count(fixture, "d0", ROUTES);
	settings.table = 100;
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show proto bgp", NULL);
	run("test $(ip route show table 100 proto bgp | wc -l) = 1500");
	assert_true(netlink_faults.last_addition < netlink_faults.first_removal);
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], ROUTES);
	assert_int_equal(fixture->failed, 0);
}

static void test_the_way_back_before_all_have_left(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	announce_many(fixture, ROUTES, "192.0.2.1");
	expect_count(fixture, "d0", ROUTES);
	settings.table = 100;
	fib_change(fixture->fib, &settings);
	for (unsigned i = 0; i < 3; i++)
		loop_run_once(fixture->loop, 0);
	fib_change(fixture->fib, &default_settings);
	announce(fixture, 0, "10.99.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.99.0.0/16", "proto bgp");
	turn(fixture, 100);
	expect_count(fixture, "d0", ROUTES + 1);
	expect(fixture, "route show table 100", NULL);
	assert_int_equal(fixture->failed, 0);
}

/* The view of links and addresses is needed by sessions all the time. */
static void test_questions_are_answered_while_routes_move(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;
	struct fib_settings settings = default_settings;
	struct ip_address neighbour, address;

	announce_many(fixture, ROUTES, "192.0.2.1");
	expect_count(fixture, "d0", ROUTES);
	assert_true(ip_address_parse("192.0.2.1", &neighbour));
	settings.table = 100;
	settings.protocol = 187;
	fib_change(fixture->fib, &settings);
	while (fib_counters(fixture->fib)->requests < 2 * ROUTES &&
	       loop_now(fixture->loop) < deadline) {
		assert_true(fib_local_address(fixture->fib, &neighbour, 0, IPV4, &address));
		assert_true(fib_is_connected(fixture->fib, &neighbour, NULL));
		loop_run_once(fixture->loop, 5);
	}
	expect(fixture, "route show table 100 10.0.7.0/24", "proto isis");
}

/* The end */

static void test_everything_is_withdrawn_before_the_end(void **state)
{
	struct fixture *fixture = *state;

	leave_many_behind(fixture, 300);
	announce_many(fixture, 200, "198.51.100.1");
	expect_count(fixture, "d1", 200);
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
	expect(fixture, "-6 route show proto bgp", "2001:db8:100::/48");
	run("ip route add 10.0.0.0/24 via 192.0.2.9 proto static metric 30");
	announce_many(fixture, 250, "198.51.100.1"); /* and some more on their way */
	stop_and_withdraw(fixture, default_settings);
	run("test $(ip route show proto bgp | wc -l) = 0");
	run("test $(ip -6 route show proto bgp | wc -l) = 0");
	run("test $(ip route show proto static | wc -l) = 1");
	run("ip route del 10.0.0.0/24 proto static");
	start(fixture, &default_settings);
}

static void time_passes(void)
{
	clock_ahead_ms += 1000;
}

static void test_end_comes_although_the_kernel_says_nothing(void **state)
{
	struct fixture *fixture = *state;

	announce_many(fixture, ROUTES, "192.0.2.1");
	expect_count(fixture, "d0", ROUTES);
	netlink_faults.answers_to_lose = UINT32_MAX;
	netlink_faults.answers_swallowed = true;
	netlink_faults.waits = time_passes;
	stop_and_withdraw(fixture, default_settings);
	assert_true(netlink_faults.answers_to_lose > UINT32_MAX - 100);
	forget_faults();
	start(fixture, &default_settings);
	fib_converged(fixture->fib);
	expect_count(fixture, "d0", 0);
}

/* Turns */

static void test_timers_are_on_time_while_many_routes_are_queued(void **state)
{
	struct fixture *fixture = *state;
	struct ticker ticker;

	announce_many(fixture, 20000, "192.0.2.1");
	start_ticker(fixture, &ticker);
	run_until(fixture, 20000);
	assert_true(ticker.most <= BATCH);
	assert_true(!in_slices || ticker.ticks >= 20000 / SLICE);
	loop_timer_free(&ticker.timer);
	expect_count(fixture, "d0", 20000);
}

static void test_timers_are_on_time_while_routes_move(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;
	struct ticker ticker;
	unsigned before;

	announce_many(fixture, ROUTES, "192.0.2.1");
	expect_count(fixture, "d0", ROUTES);
	before = netlink_faults.requests;
	settings.table = 100;
	start_ticker(fixture, &ticker);
	fib_change(fixture->fib, &settings);
	assert_int_equal(find(fixture, "10.0.7.0/24").state, FIB_INSTALLED);
	run_until(fixture, before + 1);
	/* Before the first request: every entry has left, every prefix has been queued. */
	assert_true(!in_slices || ticker.ticks >= ROUTES / SLICE);
	run_until(fixture, before + 2 * ROUTES);
	assert_true(ticker.most <= BATCH);
	loop_timer_free(&ticker.timer);
	expect(fixture, "route show proto bgp", NULL);
}

static void test_timers_are_on_time_while_leftovers_are_swept(void **state)
{
	struct fixture *fixture = *state;
	struct ticker ticker;

	leave_many_behind(fixture, ROUTES);
	fib_converged(fixture->fib);
	start_ticker(fixture, &ticker);
	clock_ahead_ms += 600;
	run_until(fixture, ROUTES);
	assert_true(ticker.most <= BATCH);
	assert_true(!in_slices || ticker.ticks >= ROUTES / SLICE);
	loop_timer_free(&ticker.timer);
	expect_count(fixture, "d0", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    life_test(test_sweep_that_was_cut_short_is_done_by_the_next_run),
	    life_test(test_leftovers_stay_for_as_long_as_nothing_has_converged),
	    life_test(test_leftovers_that_went_unseen_are_forgotten_after_a_dump),
	    life_test(test_withdrawn_routes_that_a_dump_tells_of_are_removed),
	    life_test(test_routes_change_their_protocol_in_place),
	    life_test(test_left_protocol_is_somebody_elses_once_nothing_of_ours_is_left),
	    life_test(test_routes_are_in_the_new_table_before_they_leave_the_old_one),
	    life_test(test_the_way_back_before_all_have_left),
	    life_test(test_questions_are_answered_while_routes_move),
	    life_test(test_everything_is_withdrawn_before_the_end),
	    life_test(test_end_comes_although_the_kernel_says_nothing),
	    life_test(test_timers_are_on_time_while_many_routes_are_queued),
	    life_test(test_timers_are_on_time_while_routes_move),
	    life_test(test_timers_are_on_time_while_leftovers_are_swept),
	};

	return run_in_every_form(tests, sizeof(tests) / sizeof(tests[0]));
}
