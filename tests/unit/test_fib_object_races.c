/*
 * Next-hop objects of the FIB in the real kernel while somebody else is at them at the same time:
 * between two of our requests, or so late that what is told of it is older than what has been asked
 * for since.  Whatever the order, in the end routes are over objects, and there are no others.
 */
#include "fib_rig.h"

#include "fib/next_hop_message.h"
#include "netlink_faults.h"

static int set_up_races(void **state)
{
	forget_faults();
	return set_up(state);
}

static int tear_down_races(void **state)
{
	forget_faults();
	return tear_down(state);
}

#define race_test(function) cmocka_unit_test_setup_teardown(function, set_up_races, tear_down_races)

#define NO_OBJECTS "test -z \"$(ip nexthop show proto 186)\""
#define FOUR_OBJECTS "test $(ip nexthop show proto 186 | wc -l) = 4"

/* Both routes are over objects, and nothing else is: a group with its two hops, and one alone. */
static void expect_all_right(struct fixture *fixture)
{
	expect_success(fixture, "ip route show 10.1.0.0/16 | grep -q nhid");
	expect_success(fixture, "ip route show 10.2.0.0/16 | grep -q nhid");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 192.0.2.1 dev d0");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	expect(fixture, "route show 10.2.0.0/16", "10.2.0.0/16 via 192.0.2.1 dev d0");
	expect_success_later(fixture, FOUR_OBJECTS);
	expect_success(fixture, "ip route show 10.1.0.0/16 | grep -q nhid");
	expect_success(fixture, "ip route show 10.2.0.0/16 | grep -q nhid");
}

static void announce_all(struct fixture *fixture)
{
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "198.51.100.1");
	announce(fixture, 0, "10.2.0.0/16", "192.0.2.1");
}

static void withdraw_all(struct fixture *fixture)
{
	rib_withdraw_peer(fixture->rib, fixture->peers[0], IPV4);
	rib_withdraw_peer(fixture->rib, fixture->peers[1], IPV4);
	expect_success_later(fixture, NO_OBJECTS);
}

/* What somebody does before a request of ours, and how often. */
static struct {
	const char *command;
	bool group; /* before one that makes or replaces a group, or else a hop */
	unsigned times;
	bool unheard; /* what is told of it comes late */
} meddling;

static void meddle(const struct nlmsghdr *message)
{
	struct kernel_group_member members[KERNEL_HOPS_MAX];
	struct kernel_next_hop next_hop;

	if (!meddling.times || message->nlmsg_type != RTM_NEWNEXTHOP ||
	    !next_hop_message_parse(message, &next_hop, members) ||
	    meddling.group != (next_hop.member_count != 0))
		return;
	meddling.times--;
	netlink_faults.events_held = meddling.unheard;
	run(meddling.command);
}

#define FLUSH "ip nexthop flush >/dev/null 2>&1; true"
#define DELETE_A_HOP \
	"ip nexthop del id $(ip -o nexthop show proto 186 | grep 'dev d1' | cut -d' ' -f2)"
enum { ALWAYS = 1000000, PEACE_MS = 30000 };

static void meddle_with(const char *command, bool group, unsigned times)
{
	meddling.command = command;
	meddling.group = group;
	meddling.times = times;
	meddling.unheard = false;
	netlink_faults.meddle = meddle;
}

static void test_hops_that_go_before_their_group_is_made(void **state)
{
	static const char *const commands[] = {FLUSH, DELETE_A_HOP};
	struct fixture *fixture = *state;

	for (unsigned times = 1; times <= 3; times++) {
		for (size_t i = 0; i < 2; i++) {
			meddle_with(commands[i], true, times);
			announce_all(fixture);
			expect_all_right(fixture);
			assert_int_equal(meddling.times, 0);
			clock_ahead_ms += PEACE_MS;
			withdraw_all(fixture);
		}
	}
}

static void test_hops_that_go_before_their_group_is_replaced(void **state)
{
	static const char *const commands[] = {FLUSH, DELETE_A_HOP};
	struct fixture *fixture = *state;

	announce_all(fixture);
	expect_all_right(fixture);
	for (unsigned times = 1; times <= 3; times++) {
		for (size_t i = 0; i < 2; i++) {
			meddle_with(commands[i], true, times);
			run(DELETE_A_HOP);
			expect_all_right(fixture);
			assert_int_equal(meddling.times, 0);
			clock_ahead_ms += PEACE_MS;
		}
	}
}

/* As long as somebody does it each time, routes name their hops. */
static void test_hops_that_never_stay(void **state)
{
	struct fixture *fixture = *state;

	meddle_with(FLUSH, true, ALWAYS);
	announce_all(fixture);
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 192.0.2.1 dev d0");
	expect(fixture, "route show 10.1.0.0/16", "nexthop via 198.51.100.1 dev d1");
	meddling.times = 0;
	expect_all_right(fixture);
}

/*
 * The route moves from d1 to d0; all objects go before the new one is made, and nothing is told of
 * that yet.
 */
static void lose_objects_unheard(struct fixture *fixture)
{
	run("ip route add 203.0.113.0/24 via 198.51.100.1");
	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	expect(fixture, "route show 10.1.0.0/16", "via 198.51.100.1 dev d1");
	meddle_with(FLUSH, false, 1);
	meddling.unheard = true;
	run("ip route replace 203.0.113.0/24 via 192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0");
}

/* The object is made again before its loss has been heard of. */
static void test_loss_that_is_told_when_the_object_is_there_again(void **state)
{
	struct fixture *fixture = *state;

	lose_objects_unheard(fixture);
	assert_true(netlink_faults.events_held);
	netlink_faults.events_held = false;
	turn(fixture, 100);
	expect_success_later(fixture, "test $(ip nexthop show proto 186 | wc -l) = 1");
	expect_success(fixture, "ip route show 10.1.0.0/16 | grep -q nhid");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0");
}

/* .. and given up. */
static void test_loss_that_is_told_when_the_object_is_not_wanted_any_more(void **state)
{
	struct fixture *fixture = *state;

	lose_objects_unheard(fixture);
	withdraw(fixture, 0, "10.1.0.0/16");
	expect(fixture, "route show 10.1.0.0/16", NULL);
	netlink_faults.events_held = false;
	expect_success_later(fixture, NO_OBJECTS);
}

static void test_answers_that_are_lost(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 1; i <= 3; i++) {
		netlink_faults.answers_to_lose = i;
		announce_all(fixture);
		expect_all_right(fixture);
		netlink_faults.answers_to_lose = i;
		withdraw_all(fixture);
	}
}

/* Whoever changes one that has just gone makes it anew. */
static void test_object_of_ours_that_somebody_makes_goes(void **state)
{
	struct fixture *fixture = *state;

	announce_all(fixture);
	expect_all_right(fixture);
	run("ip nexthop replace id $((0x6b620000 + 100)) via 192.0.2.66 dev d0 proto bgp");
	expect_success_later(fixture, FOUR_OBJECTS);
}

/* For two minutes, in which what a previous run has left is looked at more and more seldom. */
static void start_anew_and_wait(struct fixture *fixture)
{
	stop(fixture);
	start(fixture, &default_settings);
	for (unsigned i = 0; i < 6; i++) {
		clock_ahead_ms += 2000 << i;
		turn(fixture, 50);
	}
}

/* What a previous run has left may be in use for long, and is not looked at more seldom after. */
static void test_object_of_a_previous_run_that_was_in_use_for_long(void **state)
{
	struct fixture *fixture = *state;

	announce_all(fixture);
	expect_all_right(fixture);
	start_anew_and_wait(fixture);
	announce_all(fixture);
	expect_all_right(fixture);
	start_anew_and_wait(fixture);
	fib_converged(fixture->fib);
	expect(fixture, "route show proto bgp", NULL);
	expect_success_later(fixture, NO_OBJECTS);
}

/* However long an object is still in use, a dump that has failed is repeated soon. */
static void test_dump_that_failed_does_not_wait_for_objects(void **state)
{
	struct fixture *fixture = *state;

	announce_all(fixture);
	expect_all_right(fixture);
	run("ip route add 10.9.0.0/16 proto static table 100 nhid "
	    "$(ip route show 10.2.0.0/16 | sed 's/.*nhid \\([0-9]*\\).*/\\1/')");
	withdraw(fixture, 0, "10.2.0.0/16");
	expect(fixture, "route show 10.2.0.0/16", NULL);
	for (unsigned i = 0; i < 7; i++) {
		clock_ahead_ms += 2000 << i;
		turn(fixture, 50);
	}
	netlink_faults.dumps_to_interrupt = 4;
	netlink_faults.events_lost = true;
	run("ip route del 10.1.0.0/16");
	while (netlink_faults.dumps_to_interrupt)
		loop_run_once(fixture->loop, 5);
	turn(fixture, 20);
	announce(fixture, 0, "10.3.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.3.0.0/16", "via 192.0.2.1 dev d0");
	expect_success_later(fixture, "ip route show 10.1.0.0/16 | grep -q via");
	run("ip route del 10.9.0.0/16 table 100");
}

/* That the kernel has no objects is answered after the first dump of them. */
static void test_kernel_without_objects_is_not_asked_for_any(void **state)
{
	struct fixture *fixture = *state;

	stop(fixture);
	start_rib(fixture);
	netlink_faults.no_objects = true;
	start_fib(fixture, &default_settings);
	turn(fixture, 20);
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0");
	assert_int_equal(fib_counters(fixture->fib)->requests, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    race_test(test_hops_that_go_before_their_group_is_made),
	    race_test(test_hops_that_go_before_their_group_is_replaced),
	    race_test(test_hops_that_never_stay),
	    race_test(test_loss_that_is_told_when_the_object_is_there_again),
	    race_test(test_loss_that_is_told_when_the_object_is_not_wanted_any_more),
	    race_test(test_answers_that_are_lost),
	    race_test(test_object_of_ours_that_somebody_makes_goes),
	    race_test(test_object_of_a_previous_run_that_was_in_use_for_long),
	    race_test(test_dump_that_failed_does_not_wait_for_objects),
	    race_test(test_kernel_without_objects_is_not_asked_for_any),
	};

	return run_with_objects(tests, sizeof(tests) / sizeof(tests[0]));
}
