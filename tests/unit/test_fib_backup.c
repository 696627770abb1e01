/*
 * Backup routes against the real kernel: which path they take, at which metric, and that prefixes
 * are never without a route while the primary one moves.  All is done twice, the second time in
 * slices.
 */
#include "fib_rig.h"

enum { FEW = 3, MANY = 1000 };

/* One hop in the primary route, so that the other equal paths are left for the backup. */
static struct fib_settings backup_settings(void)
{
	struct fib_settings settings = default_settings;

	settings.multipath = 1;
	settings.backup = true;
	return settings;
}

static int set_up_backup(void **state)
{
	const struct fib_settings settings = backup_settings();
	const int failed = set_up(state);

	if (!failed)
		fib_change(((struct fixture *)*state)->fib, &settings);
	return failed;
}

/* Of each family a prefix with a path over d0, which is the best one, and one over d1. */
static void announce_pair(struct fixture *fixture)
{
	announce(fixture, 1, "10.1.0.0/16", "198.51.100.1");
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "2001:db8:100::/48", "2001:db8:1::1");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
}

static void expect_pair(struct fixture *fixture)
{
	expect(fixture, "route show 10.1.0.0/16",
	    "10.1.0.0/16 via 192.0.2.1 dev d0 proto bgp metric 20 "
	    "10.1.0.0/16 via 198.51.100.1 dev d1 proto bgp metric 21 ");
	expect(fixture, "-6 route show 2001:db8:100::/48",
	    "2001:db8:100::/48 via 2001:db8::1 dev d0 proto bgp metric 20 pref medium "
	    "2001:db8:100::/48 via 2001:db8:1::1 dev d1 proto bgp metric 21 pref medium ");
}

/* Which path, at which metric */

static void test_backup_comes_and_goes_with_its_path(void **state)
{
	struct fixture *fixture = *state;

	announce_pair(fixture);
	expect_pair(fixture);
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], 1);
	assert_int_equal(fib_counters(fixture->fib)->backups[IPV4], 1);
	assert_int_equal(find(fixture, "10.1.0.0/16").state, FIB_INSTALLED);
	assert_true(find_route(fixture, "10.1.0.0/16", true).found);
	assert_int_equal(find_route(fixture, "10.1.0.0/16", true).state, FIB_INSTALLED);
	withdraw(fixture, 1, "10.1.0.0/16");
	expect(fixture, "route show 10.1.0.0/16 metric 21", NULL);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp metric 20");
	withdraw(fixture, 0, "2001:db8:100::/48");
	expect(fixture, "-6 route show 2001:db8:100::/48 metric 21", NULL);
	expect(fixture, "-6 route show 2001:db8:100::/48", "via 2001:db8:1::1 dev d1 proto bgp");
	withdraw(fixture, 0, "10.1.0.0/16");
	withdraw(fixture, 1, "2001:db8:100::/48");
	expect(fixture, "route show proto bgp", NULL);
	expect(fixture, "-6 route show proto bgp", NULL);
	assert_int_equal(fib_counters(fixture->fib)->backups[IPV4], 0);
	assert_int_equal(find(fixture, "10.1.0.0/16").count, 0);
}

static void test_backup_is_the_best_of_the_paths_that_are_left(void **state)
{
	struct fixture *fixture = *state;

	/* Further away: in no equal-cost set. */
	run("ip route add 203.0.113.0/24 via 198.51.100.9 metric 5");
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp metric 20");
	announce(fixture, 1, "10.1.0.0/16", "203.0.113.9");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.9 dev d1 proto bgp metric 21");
	announce(fixture, 2, "10.1.0.0/16", "198.51.100.1");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.1 dev d1 proto bgp metric 21");
	withdraw(fixture, 2, "10.1.0.0/16");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.9 dev d1 proto bgp metric 21");
	withdraw(fixture, 1, "10.1.0.0/16");
	expect(fixture, "route show 10.1.0.0/16 metric 21", NULL);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp metric 20");
}

static void test_backup_leads_to_no_hop_of_an_equal_cost_set(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = backup_settings();

	settings.multipath = 2;
	fib_change(fixture->fib, &settings);
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "192.0.2.2");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 192.0.2.2 dev d0 weight 1");
	turn(fixture, 50);
	assert_int_equal(fib_counters(fixture->fib)->backups[IPV4], 0);
	announce(fixture, 2, "10.1.0.0/16", "192.0.2.3");
	expect(fixture, "route show 10.1.0.0/16 metric 21", "10.1.0.0/16 via 192.0.2.");
	expect(fixture, "route show 10.1.0.0/16 metric 20", "nexthop via ");
}

/* The way to another next hop is a gateway that the primary route has already. */
static void test_backup_follows_next_hops_that_move(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add 203.0.113.0/24 via 192.0.2.1");
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 0, "10.2.0.0/16", "203.0.113.9");
	announce(fixture, 1, "10.2.0.0/16", "198.51.100.1");
	expect(fixture, "route show 10.2.0.0/16", "via 198.51.100.1 dev d1 proto bgp metric 21");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp metric 20");
	expect(fixture, "route show 10.1.0.0/16 metric 21", NULL);
	run("ip route replace 203.0.113.0/24 via 198.51.100.1");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.1 dev d1 proto bgp metric 21");
	expect(fixture, "route show 10.2.0.0/16 metric 20", "via 198.51.100.1 dev d1 proto bgp");
	expect(fixture, "route show 10.2.0.0/16 metric 21", NULL);
	run("ip route replace 203.0.113.0/24 via 198.51.100.2");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.2 dev d1 proto bgp metric 21");
	expect(fixture, "route show 10.2.0.0/16", "via 198.51.100.1 dev d1 proto bgp metric 21");
	run("ip route replace 203.0.113.0/24 via 192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16 metric 21", NULL);
	expect(fixture, "route show 10.2.0.0/16 metric 20", "via 192.0.2.1 dev d0 proto bgp");
}

static void test_no_backup_of_what_is_not_installed(void **state)
{
	struct fixture *fixture = *state;
	struct ip_prefix own;

	assert_true(ip_prefix_parse("10.1.0.0/16", &own, NULL));
	announce(fixture, 0, "192.0.2.0/24", "192.0.2.1");
	announce(fixture, 1, "192.0.2.0/24", "198.51.100.1");
	announce_pair(fixture);
	expect_pair(fixture);
	/* The path over d0 would be the way to its own gateway. */
	expect(fixture, "route show 192.0.2.0/24 proto bgp metric 20", "via 198.51.100.1 dev d1");
	expect(fixture, "route show 192.0.2.0/24 proto bgp metric 21", NULL);
	fib_set_own_prefixes(fixture->fib, &own, 1);
	expect(fixture, "route show 10.1.0.0/16", NULL);
	fib_set_own_prefixes(fixture->fib, NULL, 0);
	expect_pair(fixture);
}

static void test_metric_follows_that_of_the_primary_route(void **state)
{
	struct fixture *fixture = *state;

	announce_pair(fixture);
	announce_with_metric(fixture, 0, "10.1.0.0/16", "192.0.2.1", 50);
	expect(fixture, "route show 10.1.0.0/16",
	    "10.1.0.0/16 via 192.0.2.1 dev d0 proto bgp metric 50 "
	    "10.1.0.0/16 via 198.51.100.1 dev d1 proto bgp metric 51 ");
	/* Into the place of the backup, and out of it again. */
	announce_with_metric(fixture, 0, "10.1.0.0/16", "192.0.2.1", 51);
	expect(fixture, "route show 10.1.0.0/16",
	    "10.1.0.0/16 via 192.0.2.1 dev d0 proto bgp metric 51 "
	    "10.1.0.0/16 via 198.51.100.1 dev d1 proto bgp metric 52 ");
	announce_with_metric(fixture, 0, "10.1.0.0/16", "192.0.2.1", 50);
	expect(fixture, "route show 10.1.0.0/16 metric 52", NULL);
	expect(fixture, "route show 10.1.0.0/16",
	    "10.1.0.0/16 via 192.0.2.1 dev d0 proto bgp metric 50 "
	    "10.1.0.0/16 via 198.51.100.1 dev d1 proto bgp metric 51 ");
	/* There is no worse one. */
	announce_with_metric(fixture, 0, "10.1.0.0/16", "192.0.2.1", UINT32_MAX);
	expect(fixture, "route show 10.1.0.0/16 metric 51", NULL);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp metric 42949672");
	turn(fixture, 50);
	assert_int_equal(fib_counters(fixture->fib)->backups[IPV4], 0);
	assert_int_equal(fib_counters(fixture->fib)->failed, 0);
	assert_int_equal(fixture->failed, 0);
}

static void test_metric_of_the_settings_changes_for_both(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = backup_settings();

	announce_pair(fixture);
	expect_pair(fixture);
	settings.metric = 21;
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show 10.1.0.0/16",
	    "10.1.0.0/16 via 192.0.2.1 dev d0 proto bgp metric 21 "
	    "10.1.0.0/16 via 198.51.100.1 dev d1 proto bgp metric 22 ");
	expect(fixture, "route show 10.1.0.0/16 metric 20", NULL);
	settings.metric = 0;
	fib_change(fixture->fib, &settings);
	expect(fixture, "-6 route show 2001:db8:100::/48 metric 1024", "via 2001:db8::1 dev d0");
	expect(fixture, "-6 route show 2001:db8:100::/48 metric 1025", "via 2001:db8:1::1 dev d1");
	settings.table = 100;
	settings.metric = 20;
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show table 100 10.1.0.0/16 metric 21", "via 198.51.100.1 dev d1");
	expect(fixture, "route show proto bgp", NULL);
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], 1);
	assert_int_equal(fib_counters(fixture->fib)->backups[IPV4], 1);
	assert_int_equal(fixture->failed, 0);
}

/* What it is for */

static void announce_pairs_over(struct fixture *fixture, unsigned count, const char *next_hop)
{
	for (unsigned i = 0; i < count; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", i / 256, i % 256);
		announce(fixture, 0, prefix, next_hop);
		announce(fixture, 1, prefix, "198.51.100.1");
	}
}

/* How many of the prefixes the kernel forwards over the link now. */
static unsigned count_forwarded(unsigned count, const char *link)
{
	char command[256], text[32];
	FILE *output;

	snprintf(command, sizeof(command),
	    "seq 0 %u | awk '{print \"route get 10.\" int($1 / 256) \".\" $1 %% 256 \".1\"}' | "
	    "ip -force -batch - 2>/dev/null | grep -c 'dev %s '",
	    count - 1, link);
	output = popen(command, "r");
	assert_non_null(output);
	assert_non_null(fgets(text, sizeof(text), output));
	pclose(output);
	return (unsigned)strtoul(text, NULL, 10);
}

/*
 * Runs the loop until so many primary routes have so many backups; meanwhile no prefix may be without
 * a route, if they are few after any turn of the loop.
 */
static void expect_backups(struct fixture *fixture, uint32_t routes, uint32_t backups)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;
	const struct fib_counters *counters = fib_counters(fixture->fib);

	do {
		for (uint32_t i = 0; i < 1 + routes / 50; i++)
			loop_run_once(fixture->loop, 1);
		assert_int_equal(count_forwarded(routes, "d[01]"), routes);
	} while ((counters->backups[IPV4] != backups || counters->routes[IPV4] != routes) &&
		 loop_now(fixture->loop) < deadline);
	assert_int_equal(counters->backups[IPV4], backups);
	assert_int_equal(counters->routes[IPV4], routes);
}

/* The link of the primary routes goes and comes back. */
static void fail_over(struct fixture *fixture, unsigned count)
{
	uint64_t requests;

	announce_pairs_over(fixture, count, "192.0.2.1");
	expect_count(fixture, "d0", count);
	expect_backups(fixture, count, count);
	requests = fib_counters(fixture->fib)->requests;
	run("ip link set d0 down");
	assert_int_equal(count_forwarded(count, "d1"), count);
	assert_int_equal(fib_counters(fixture->fib)->requests, requests);
	expect_backups(fixture, count, 0);
	expect_count(fixture, "d1", count);
	run("ip link set d0 up");
	expect_backups(fixture, count, count);
	assert_int_equal(count_forwarded(count, "d0"), count);
}

static void test_kernel_fails_over_by_itself_when_a_link_goes(void **state)
{
	fail_over(*state, MANY);
}

/* Requests for the primary routes and for the backups are in one batch. */
static void test_failover_of_a_few_leaves_no_gap(void **state)
{
	fail_over(*state, FEW);
}

static void test_kernel_fails_over_by_itself_for_ipv6(void **state)
{
	struct fixture *fixture = *state;

	announce_pair(fixture);
	expect_pair(fixture);
	run("ip link set d0 down");
	expect(fixture, "-6 route show 2001:db8:100::/48",
	    "2001:db8:100::/48 via 2001:db8:1::1 dev d1 proto bgp metric 20 ");
	expect(fixture, "-6 route show 2001:db8:100::/48 metric 21", NULL);
	/* The link has lost its IPv6 addresses. */
	run("ip link set d0 up && ip address add 2001:db8::7/64 dev d0 nodad");
	expect_pair(fixture);
}

static void test_path_of_the_backup_takes_over_from_an_unreachable_next_hop(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add 203.0.113.0/24 via 192.0.2.1");
	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 1, "10.1.0.0/16", "198.51.100.1");
	announce(fixture, 2, "10.1.0.0/16", "198.51.100.2");
	expect(fixture, "route show 10.1.0.0/16 metric 21", "via 198.51.100.1 dev d1");
	run("ip route del 203.0.113.0/24");
	expect(fixture, "route show 10.1.0.0/16 metric 20", "via 198.51.100.1 dev d1");
	expect(fixture, "route show 10.1.0.0/16 metric 21", "via 198.51.100.2 dev d1");
}

/* The link of the next hop stays up, so that the kernel does nothing by itself. */
static void test_backups_forward_at_once_when_a_next_hop_becomes_unreachable(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;
	const struct fib_counters *counters = fib_counters(fixture->fib);
	uint64_t requests;

	run("ip route add 203.0.113.0/24 via 192.0.2.1");
	announce_pairs_over(fixture, MANY, "203.0.113.9");
	expect_count(fixture, "d0", MANY);
	expect_backups(fixture, MANY, MANY);
	requests = counters->requests;
	run("ip route del 203.0.113.0/24");
	while (count_forwarded(MANY, "d1") < MANY && loop_now(fixture->loop) < deadline)
		loop_run_once(fixture->loop, 5);
	assert_int_equal(count_forwarded(MANY, "d1"), MANY);
	if (default_settings.next_hop_objects)
		assert_true(counters->requests - requests < MANY);
	expect_backups(fixture, MANY, 0);
	expect_count(fixture, "d1", MANY);
	run("ip route add 203.0.113.0/24 via 192.0.2.1");
	expect_backups(fixture, MANY, MANY);
	expect_count(fixture, "d0", MANY);
}

/* No primary route has anything to do with it. */
static void test_backups_go_with_their_next_hop(void **state)
{
	struct fixture *fixture = *state;
	const struct fib_counters *counters = fib_counters(fixture->fib);
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;

	run("ip route add 198.18.0.0/24 via 198.51.100.1");
	for (unsigned i = 0; i < MANY; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", i / 256, i % 256);
		announce(fixture, 0, prefix, "192.0.2.1");
		announce(fixture, 1, prefix, "198.18.0.9");
	}
	expect_count(fixture, "d1", MANY);
	run("ip route del 198.18.0.0/24");
	expect_count(fixture, "d1", 0);
	while (counters->backups[IPV4] && loop_now(fixture->loop) < deadline)
		loop_run_once(fixture->loop, 5);
	assert_int_equal(counters->backups[IPV4], 0);
	assert_int_equal(counters->errors, 0);
	expect_count(fixture, "d0", MANY);
}

/* The kernel has the backup only; nothing may take it out before it has accepted another route. */
static void test_backup_stays_while_the_primary_route_is_refused(void **state)
{
	struct fixture *fixture = *state;

	run("ip -6 route add 2001:db8:5::/64 dev d0 && ip -6 route add 2001:db8:6::/64 dev d1");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8:5::1");
	announce(fixture, 1, "2001:db8:100::/48", "2001:db8:6::1");
	expect(fixture, "-6 route show 2001:db8:100::/48 metric 21", "via 2001:db8:6::1 dev d1");
	/* The kernel accepts no gateway that its own routes lead to by way of lo. */
	run("ip -6 route replace 2001:db8:5::/64 dev lo");
	expect_failure(fixture, "2001:db8:100::/48", NULL);
	/* Only now: before the next hop is looked at anew, the FIB would put it back. */
	run("ip -6 route del 2001:db8:100::/48 metric 20");
	turn(fixture, 50);
	expect_failure(fixture, "2001:db8:100::/48", NULL);
	expect(fixture, "-6 route show 2001:db8:100::/48 metric 20", NULL);
	expect(fixture, "-6 route show 2001:db8:100::/48 metric 21", "via 2001:db8:6::1 dev d1");
	withdraw(fixture, 1, "2001:db8:100::/48");
	expect(fixture, "-6 route show 2001:db8:100::/48", NULL);
	assert_int_equal(fib_counters(fixture->fib)->backups[IPV6], 0);
	run("ip -6 route del 2001:db8:5::/64");
}

/* Truth */

static void test_backup_in_the_place_of_a_foreign_route_is_a_conflict(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add 10.1.0.0/16 via 192.0.2.9 proto static metric 21");
	announce_pair(fixture);
	expect_route_failure(
	    fixture, "10.1.0.0/16", true, "a route of protocol static is already there");
	assert_int_equal(find(fixture, "10.1.0.0/16").state, FIB_INSTALLED);
	assert_int_equal(fib_counters(fixture->fib)->failed, 1);
	expect(fixture, "route show 10.1.0.0/16 metric 21", "via 192.0.2.9 dev d0 proto static");
	run("ip route del 10.1.0.0/16 metric 21");
	expect_pair(fixture);
	assert_int_equal(fib_counters(fixture->fib)->failed, 0);
}

static void test_backup_that_somebody_touches_is_put_right(void **state)
{
	struct fixture *fixture = *state;

	announce_pair(fixture);
	expect_pair(fixture);
	run("ip route del 10.1.0.0/16 metric 21 && ip -6 route del 2001:db8:100::/48 metric 21");
	expect_pair(fixture);
	run("ip route replace 10.1.0.0/16 via 192.0.2.9 proto bgp metric 21");
	expect_pair(fixture);
	run("ip route del 10.1.0.0/16 metric 20");
	expect_pair(fixture);
	assert_int_equal(fib_counters(fixture->fib)->repaired, 4);
}

static void test_backups_of_a_previous_run_are_adopted_or_swept(void **state)
{
	const struct fib_settings settings = backup_settings();
	struct fixture *fixture = *state;

	announce_pair(fixture);
	expect_pair(fixture);
	stop(fixture);
	run("ip route add 10.2.0.0/16 via 192.0.2.1 proto bgp metric 20 && "
	    "ip route add 10.2.0.0/16 via 198.51.100.1 proto bgp metric 21");
	start(fixture, &settings);
	turn(fixture, 50);
	expect(fixture, "route show 10.1.0.0/16 metric 21", "via 198.51.100.1 dev d1 proto bgp");
	announce(fixture, 0, "10.2.0.0/16", "192.0.2.1");
	announce_pair(fixture);
	turn(fixture, 50);
	expect_pair(fixture);
	assert_int_equal(find_route(fixture, "10.1.0.0/16", true).state, FIB_INSTALLED);
	fib_converged(fixture->fib);
	expect(fixture, "route show 10.2.0.0/16 metric 21", NULL);
	expect(fixture, "route show 10.2.0.0/16", "via 192.0.2.1 dev d0 proto bgp metric 20");
	expect_pair(fixture);
	assert_int_equal(fixture->failed, 0);
}

static void test_backups_are_withdrawn_on_stop(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = backup_settings();

	settings.withdraw_on_stop = true;
	fib_change(fixture->fib, &settings);
	announce_pair(fixture);
	expect_pair(fixture);
	stop(fixture);
	start(fixture, &default_settings);
	expect(fixture, "route show proto bgp", NULL);
	expect(fixture, "-6 route show proto bgp", NULL);
}

static void test_option_is_turned_on_and_off(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = backup_settings();

	settings.backup = false;
	fib_change(fixture->fib, &settings);
	announce_pair(fixture);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp metric 20");
	turn(fixture, 50);
	expect(fixture, "route show 10.1.0.0/16 metric 21", NULL);
	settings.backup = true;
	fib_change(fixture->fib, &settings);
	expect_pair(fixture);
	settings.backup = false;
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show 10.1.0.0/16 metric 21", NULL);
	expect(fixture, "-6 route show 2001:db8:100::/48 metric 21", NULL);
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp metric 20");
	settings.backup = true;
	fib_change(fixture->fib, &settings);
	expect_pair(fixture);
	settings.install = false;
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show proto bgp", NULL);
}

#define backup_test(function) cmocka_unit_test_setup_teardown(function, set_up_backup, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    backup_test(test_backup_comes_and_goes_with_its_path),
	    backup_test(test_backup_is_the_best_of_the_paths_that_are_left),
	    backup_test(test_backup_leads_to_no_hop_of_an_equal_cost_set),
	    backup_test(test_backup_follows_next_hops_that_move),
	    backup_test(test_no_backup_of_what_is_not_installed),
	    backup_test(test_metric_follows_that_of_the_primary_route),
	    backup_test(test_metric_of_the_settings_changes_for_both),
	    backup_test(test_kernel_fails_over_by_itself_when_a_link_goes),
	    backup_test(test_failover_of_a_few_leaves_no_gap),
	    backup_test(test_kernel_fails_over_by_itself_for_ipv6),
	    backup_test(test_path_of_the_backup_takes_over_from_an_unreachable_next_hop),
	    backup_test(test_backups_forward_at_once_when_a_next_hop_becomes_unreachable),
	    backup_test(test_backups_go_with_their_next_hop),
	    backup_test(test_backup_stays_while_the_primary_route_is_refused),
	    backup_test(test_backup_in_the_place_of_a_foreign_route_is_a_conflict),
	    backup_test(test_backup_that_somebody_touches_is_put_right),
	    backup_test(test_backups_of_a_previous_run_are_adopted_or_swept),
	    backup_test(test_backups_are_withdrawn_on_stop),
	    backup_test(test_option_is_turned_on_and_off),
	};

	return run_in_every_form(tests, sizeof(tests) / sizeof(tests[0]));
}
