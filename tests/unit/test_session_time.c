/*
 * What a session does in the course of minutes: hold, send hold, keepalive and retry timers, and
 * how long it rests after errors.  The clock is the test's.
 */
#define _GNU_SOURCE 1 /* syscall */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "clock.h"
#include "machine_rig.h"

/* Time passes, and what is due happens. */
static void pass(struct rig *rig, uint64_t time_ms)
{
	clock_ahead_ms += time_ms;
	for (unsigned i = 0; i < 4; i++)
		loop_run_once(rig->side.loop, 0);
}

/* Passes steps of time until the condition holds; returns how long that was. */
static uint64_t pass_until(
    struct rig *rig, condition *holds, void *arg, uint64_t step_ms, uint64_t limit_ms)
{
	uint64_t began = loop_now(rig->side.loop);

	while (!holds(arg) && loop_now(rig->side.loop) - began < limit_ms)
		pass(rig, step_ms);
	return loop_now(rig->side.loop) - began;
}

/* Both OPENs say `hold` seconds; the neighbour has room for `window` bytes, 0: plenty. */
static void rig_establish_with(struct rig *rig, uint8_t hold, int window)
{
	rig->side.settings.hold_time_ms = hold * 1000u;
	if (!rig->side.session)
		side_start(&rig->side);
	assert_true(raw_connect_with(&rig->raw, rig->side.loop, rig->port, window));
	/* What it says must not wait for an acknowledgement, which takes true time. */
	setsockopt(rig->raw.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_OPEN);
	raw_send_open(&rig->raw, 65002, 9, hold);
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
	raw_send_keepalive(&rig->raw);
	assert_true(wait_until(rig->side.loop, is_established, &rig->side, PATIENCE_MS));
}

static void rig_establish(struct rig *rig, uint8_t hold)
{
	rig_establish_with(rig, hold, 0);
}

static uint64_t count_received(const struct rig *rig)
{
	return bgp_session_counters(rig->side.session)->bytes[BGP_RECEIVED];
}

/* The session has it all before the clock is moved: the kernel may take true time for it. */
static void say(struct rig *rig, const void *bytes, size_t length)
{
	const uint64_t wanted = count_received(rig) + length;

	raw_send(&rig->raw, bytes, length);
	for (unsigned i = 0; i < PATIENCE_MS && is_established(&rig->side); i++) {
		if (count_received(rig) >= wanted)
			break;
		loop_run_once(rig->side.loop, 1);
	}
}

static void say_keepalive(struct rig *rig)
{
	uint8_t bytes[BGP_HEADER_LENGTH];

	memset(bytes, 0xff, 16);
	wire_store_u16(bytes + 16, sizeof(bytes));
	bytes[18] = BGP_MESSAGE_KEEPALIVE;
	say(rig, bytes, sizeof(bytes));
}

/* The neighbour says that it lives for `time_ms`, or until the session is down. */
static uint64_t stay_alive(struct rig *rig, uint64_t time_ms)
{
	uint64_t began = loop_now(rig->side.loop);

	while (is_established(&rig->side) && loop_now(rig->side.loop) - began < time_ms) {
		say_keepalive(rig);
		pass(rig, 5000);
	}
	return loop_now(rig->side.loop) - began;
}

static void rfc4271_6_5_a_silent_neighbour_is_told_after_the_hold_time(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	rig_establish(rig, 90);
	assert_in_range(pass_until(rig, is_down, &rig->side, 500, 200000), 89000, 92000);
	while (raw_next(&rig->raw, PATIENCE_MS) == BGP_MESSAGE_KEEPALIVE)
		;
	assert_memory_equal(rig->raw.bytes + 18, "\3\4\0", 3);
	assert_int_equal(rig->raw.length, 21);
	rig_free(rig);
}

static void rfc4271_8_2_2_keepalive_and_update_put_the_hold_timer_off(void **state)
{
	struct rig *rig = rig_new();
	uint8_t update[64];

	(void)state;
	rig_establish(rig, 90);
	for (unsigned i = 0; i < 6; i++) {
		pass(rig, 80000);
		assert_true(is_established(&rig->side));
		if (i % 2 == 0)
			say_keepalive(rig);
		else
			say(rig, update, write_update(update, 1, 65002));
		pass(rig, 0);
	}
	assert_true(is_established(&rig->side));
	rig_free(rig);
}

static bool is_refreshed(void *arg)
{
	return ((struct side *)arg)->refreshes > 0;
}

static void rfc4271_4_2_route_refresh_does_not_put_the_hold_timer_off(void **state)
{
	static const uint8_t refresh[4] = {0, 1, 0, 1};
	struct rig *rig = rig_new();

	(void)state;
	rig_establish(rig, 90);
	pass(rig, 80000);
	raw_send_message(&rig->raw, BGP_MESSAGE_ROUTE_REFRESH, refresh, 4);
	assert_true(wait_until(rig->side.loop, is_refreshed, &rig->side, PATIENCE_MS));
	assert_int_equal(rig->side.refreshes, 1);
	assert_true(is_established(&rig->side));
	pass(rig, 11000);
	assert_false(is_established(&rig->side));
	rig_free(rig);
}

/* The first is sent while the session comes up; in place of a counter of its own. */
static bool has_sent_keepalive(void *arg)
{
	struct side *side = arg;

	return bgp_session_counters(side->session)->messages[BGP_SENT][BGP_MESSAGE_KEEPALIVE] >
	       side->updates + 1;
}

static void rfc4271_4_4_keepalives_are_sent_at_a_third_of_the_hold_time(void **state)
{
	static const uint8_t holds[] = {90, 30, 9, 3};

	(void)state;
	for (unsigned i = 0; i < sizeof(holds); i++) {
		const uint64_t third = holds[i] * 1000u / 3;
		/* RFC 4271 10: a quarter less at most, but never more than one in a second. */
		const uint64_t least = third * 3 / 4 > 1000 ? third * 3 / 4 : 1000;
		struct rig *rig = rig_new();
		uint64_t last;

		rig_establish(rig, holds[i]);
		last = loop_now(rig->side.loop);
		for (rig->side.updates = 0; rig->side.updates < 20; rig->side.updates++) {
			say_keepalive(rig);
			pass_until(rig, has_sent_keepalive, &rig->side, 20, 60000);
			/* The clock is moved in steps of 20 ms, and goes on by itself, too. */
			assert_in_range(loop_now(rig->side.loop) - last, least - 100, third + 100);
			last = loop_now(rig->side.loop);
		}
		rig->raw.length = 0;
		assert_true(raw_receive(&rig->raw, 20 * BGP_HEADER_LENGTH, PATIENCE_MS));
		rig_free(rig);
	}
}

static void rfc4271_4_4_a_hold_time_of_0_needs_no_keepalives(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	rig_establish(rig, 0);
	for (unsigned i = 0; i < 100; i++)
		pass(rig, 30000);
	assert_true(is_established(&rig->side));
	assert_false(raw_receive(&rig->raw, rig->raw.length + 1, 20));
	rig_free(rig);
}

static void rfc4271_8_2_2_an_open_may_take_four_minutes(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	pass(rig, 230000);
	assert_int_equal(bgp_session_state(rig->side.session), BGP_STATE_OPEN_SENT);
	pass(rig, 15000);
	expect_notification(&rig->raw, 4, 0, NULL, 0);
	rig_free(rig);
}

static bool is_all_taken(void *arg)
{
	return !bgp_session_queued(((struct side *)arg)->session);
}

static void rfc9687_3_a_neighbour_that_takes_nothing_is_left(void **state)
{
	static const struct {
		unsigned updates;
		uint8_t hold;
		uint64_t limit_ms;
		bool all_taken; /* by the kernel, so that nothing is queued */
	} cases[] = {
	    {800000, 90, 480000, false}, {200, 90, 480000, true},
	    {800000, 250, 500000, false}, /* twice the hold time, if that is longer */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shared_buffer *buffer = update_buffer(200, 65001);
		struct rig *rig = rig_new();

		rig_establish_with(rig, cases[i].hold, 2048);
		/* It reads at first, and that counts. */
		stay_alive(rig, 300000);
		while (raw_next(&rig->raw, 1) == BGP_MESSAGE_KEEPALIVE)
			;
		for (unsigned count = 0; count < cases[i].updates; count += 200)
			send_now(rig->side.session, buffer);
		shared_buffer_release(buffer);
		wait_until(rig->side.loop, is_all_taken, &rig->side,
		    cases[i].all_taken ? PATIENCE_MS : 50);
		assert_int_equal(is_all_taken(&rig->side), cases[i].all_taken);
		stay_alive(rig, cases[i].limit_ms - 20000);
		assert_true(is_established(&rig->side));
		/* Probes of the kernel may still move an octet or two in true time. */
		stay_alive(rig, cases[i].limit_ms + 120000);
		assert_int_equal(rig->side.down, 1);
		assert_int_equal(rig->side.reason.code, BGP_ERROR_SEND_HOLD_TIMER);
		assert_true(rig->side.reason.sent);
		rig_free(rig);
	}
}

static void a_neighbour_that_reads_slowly_is_no_dead_one(void **state)
{
	struct shared_buffer *buffer = update_buffer(2000, 65001);
	struct rig *rig = rig_new();

	(void)state;
	rig_establish(rig, 90);
	for (unsigned count = 0; count < 400; count++)
		send_now(rig->side.session, buffer);
	shared_buffer_release(buffer);
	for (unsigned i = 0; i < 6; i++) {
		stay_alive(rig, 300000);
		assert_true(is_established(&rig->side));
		for (unsigned count = 0; count < 32; count++) {
			rig->raw.length = 0;
			raw_receive(&rig->raw, sizeof(rig->raw.bytes), 20);
		}
	}
	assert_true(bgp_session_queued(rig->side.session) > 0);
	rig_free(rig);
}

static bool is_not_idle(void *arg)
{
	return !is_idle(arg);
}

/* A connection that fails by a message that nobody expects; returns how long the session rests. */
static uint64_t rest_after_error(struct rig *rig)
{
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	raw_send_keepalive(&rig->raw);
	expect_notification(&rig->raw, 5, 1, &(uint8_t){BGP_MESSAGE_KEEPALIVE}, 1);
	close(rig->raw.fd);
	assert_true(wait_until(rig->side.loop, is_idle, &rig->side, PATIENCE_MS));
	return pass_until(rig, is_not_idle, &rig->side, 20, 100000);
}

static void rfc4271_8_1_1_rests_double_and_begin_anew_after_a_stable_minute(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	for (uint64_t rest = 1000; rest < 200000; rest *= 2) {
		uint64_t whole = rest < 60000 ? rest : 60000;

		assert_in_range(rest_after_error(rig), whole * 3 / 4 - 100, whole + 200);
	}
	/* Up for less than a minute changes nothing. */
	rig_establish(rig, 90);
	stay_alive(rig, 50000);
	close(rig->raw.fd);
	assert_true(wait_until(rig->side.loop, is_idle, &rig->side, PATIENCE_MS));
	assert_in_range(pass_until(rig, is_not_idle, &rig->side, 20, 100000), 44900, 60200);
	rig_establish(rig, 90);
	stay_alive(rig, 65000);
	close(rig->raw.fd);
	assert_true(wait_until(rig->side.loop, is_idle, &rig->side, PATIENCE_MS));
	assert_in_range(pass_until(rig, is_not_idle, &rig->side, 20, 100000), 700, 1200);
	rig->raw.fd = -1;
	rig_free(rig);
}

static void a_neighbour_that_calls_cuts_a_long_rest_short(void **state)
{
	struct rig *rig = rig_new();
	struct raw early;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		rest_after_error(rig);
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	raw_send_keepalive(&rig->raw);
	expect_notification(&rig->raw, 5, 1, &(uint8_t){BGP_MESSAGE_KEEPALIVE}, 1);
	close(rig->raw.fd);
	pass(rig, 3000);
	/* RFC 4271 8.2.2: Idle refuses. */
	assert_true(raw_connect(&early, rig->side.loop, rig->port));
	assert_true(raw_ends(&early, PATIENCE_MS));
	close(early.fd);
	pass(rig, 2000);
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	rig_free(rig);
}

static bool has_tried(void *arg)
{
	struct side *side = arg;

	return bgp_session_counters(side->session)->connection_attempts > side->updates;
}

static void start_to_call_nobody(struct rig *rig)
{
	uint16_t port;

	close(raw_listen(&port)); /* nobody listens there any more */
	rig->side.settings.passive = false;
	rig->side.settings.transport.port = port;
	rig->side.settings.connect_retry_time_ms = 20000;
	side_start(&rig->side);
}

static void rfc4271_10_the_connect_retry_timer_has_jitter(void **state)
{
	struct rig *rig = rig_new();
	uint64_t shortest = UINT64_MAX, longest = 0;

	(void)state;
	start_to_call_nobody(rig);
	for (unsigned i = 0; i < 30; i++) {
		uint64_t time;

		assert_true(wait_until(rig->side.loop, is_active, &rig->side, PATIENCE_MS));
		/* In place of a counter of its own. */
		rig->side.updates =
		    (unsigned)bgp_session_counters(rig->side.session)->connection_attempts;
		time = pass_until(rig, has_tried, &rig->side, 50, 60000);
		assert_in_range(time, 14900, 20200);
		shortest = time < shortest ? time : shortest;
		longest = time > longest ? time : longest;
	}
	assert_true(longest - shortest > 1000);
	rig_free(rig);
}

/* It waits for the neighbour, whose connection ends without an OPEN when both have changed roles. */
static void a_session_that_is_no_longer_passive_connects(void **state)
{
	struct rig *rig = rig_new();
	uint16_t port;
	int listener = raw_listen(&port);

	(void)state;
	rig->side.settings.transport.port = port;
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	rig->side.settings.passive = false;
	bgp_session_change(rig->side.session, &rig->side.settings);
	assert_int_equal(bgp_session_state(rig->side.session), BGP_STATE_OPEN_SENT);
	close(rig->raw.fd);
	rig->raw.fd = -1;
	assert_true(wait_until(rig->side.loop, is_active, &rig->side, PATIENCE_MS));
	pass_until(rig, has_tried, &rig->side, 50, 60000);
	assert_true(has_tried(&rig->side));
	close(listener);
	rig_free(rig);
}

/* .. and the other way round it leaves that to the neighbour. */
static void a_session_that_has_become_passive_does_not_connect(void **state)
{
	struct rig *rig = rig_new();
	unsigned attempts;

	(void)state;
	start_to_call_nobody(rig);
	assert_true(wait_until(rig->side.loop, is_active, &rig->side, PATIENCE_MS));
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	attempts = (unsigned)bgp_session_counters(rig->side.session)->connection_attempts;
	rig->side.settings.passive = true;
	bgp_session_change(rig->side.session, &rig->side.settings);
	close(rig->raw.fd);
	rig->raw.fd = -1;
	assert_true(wait_until(rig->side.loop, is_active, &rig->side, PATIENCE_MS));
	pass(rig, 60000);
	assert_int_equal(bgp_session_counters(rig->side.session)->connection_attempts, attempts);
	rig_free(rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rfc4271_6_5_a_silent_neighbour_is_told_after_the_hold_time),
	    cmocka_unit_test(rfc4271_8_2_2_keepalive_and_update_put_the_hold_timer_off),
	    cmocka_unit_test(rfc4271_4_2_route_refresh_does_not_put_the_hold_timer_off),
	    cmocka_unit_test(rfc4271_4_4_keepalives_are_sent_at_a_third_of_the_hold_time),
	    cmocka_unit_test(rfc4271_4_4_a_hold_time_of_0_needs_no_keepalives),
	    cmocka_unit_test(rfc4271_8_2_2_an_open_may_take_four_minutes),
	    cmocka_unit_test(rfc9687_3_a_neighbour_that_takes_nothing_is_left),
	    cmocka_unit_test(a_neighbour_that_reads_slowly_is_no_dead_one),
	    cmocka_unit_test(rfc4271_8_1_1_rests_double_and_begin_anew_after_a_stable_minute),
	    cmocka_unit_test(a_neighbour_that_calls_cuts_a_long_rest_short),
	    cmocka_unit_test(rfc4271_10_the_connect_retry_timer_has_jitter),
	    cmocka_unit_test(a_session_that_is_no_longer_passive_connects),
	    cmocka_unit_test(a_session_that_has_become_passive_does_not_connect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
