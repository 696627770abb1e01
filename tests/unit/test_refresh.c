/*
 * A neighbour that sends its routes again, and how long it may take for that.  Time is not waited
 * for: the deadline is moved, and the timer's callback called.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "speaker/private.h"

#define MINUTES_MS (60 * 1000)

struct rig {
	struct speaker speaker;
	struct speaker_peer peer;
	struct log log;
	char name[8];
};

static int setup(void **state)
{
	static const struct rib_options options = {.hash_seed = 1, .multipath = 1};
	struct rig *rig = memory_allocate_zero(1, sizeof *rig);

	strcpy(rig->name, "tor");
	rig->speaker.loop = loop_new();
	rig->speaker.log = &rig->log;
	rig->speaker.rib = rib_new(rig->speaker.loop, &options);
	rig->peer.speaker = &rig->speaker;
	rig->peer.name = rig->name;
	rig->peer.rib_peer = rib_peer_new(rig->speaker.rib);
	speaker_refresh_start(&rig->peer);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	loop_timer_free(&rig->peer.refresh_timer);
	rib_free(rig->speaker.rib);
	loop_free(rig->speaker.loop);
	free(rig);
	return 0;
}

/* In milliseconds from now; 0: none. */
static uint64_t time_left(const struct rig *rig, enum ip_family family)
{
	uint64_t deadline = rig->peer.refresh_deadlines[family];

	return deadline ? deadline - loop_now(rig->speaker.loop) : 0;
}

static void let_expire(struct rig *rig, enum ip_family family)
{
	rig->peer.refresh_deadlines[family] = loop_now(rig->speaker.loop);
	rig->peer.refresh_timer.callback(rig->peer.refresh_timer.arg);
}

static void the_end_is_the_end(void **state)
{
	struct rig *rig = *state;

	assert_false(loop_timer_is_running(&rig->peer.refresh_timer));
	speaker_refresh(&rig->peer, IPV4, BGP_REFRESH_BEGIN);
	assert_in_range(time_left(rig, IPV4), 9 * MINUTES_MS, 10 * MINUTES_MS);
	assert_true(loop_timer_is_running(&rig->peer.refresh_timer));
	speaker_refresh(&rig->peer, IPV4, BGP_REFRESH_END);
	assert_int_equal(time_left(rig, IPV4), 0);
	assert_false(loop_timer_is_running(&rig->peer.refresh_timer));
	speaker_refresh(&rig->peer, IPV4, BGP_REFRESH_END);
}

/* Ten minutes for each family. */
static void test_rfc7313_4_a_refresh_without_an_end_is_ended(void **state)
{
	struct rig *rig = *state;

	speaker_refresh(&rig->peer, IPV4, BGP_REFRESH_BEGIN);
	speaker_refresh(&rig->peer, IPV6, BGP_REFRESH_BEGIN);
	let_expire(rig, IPV4);
	assert_int_equal(time_left(rig, IPV4), 0);
	assert_in_range(time_left(rig, IPV6), 9 * MINUTES_MS, 10 * MINUTES_MS);
	assert_true(loop_timer_is_running(&rig->peer.refresh_timer));
	let_expire(rig, IPV6);
	assert_int_equal(time_left(rig, IPV6), 0);
	assert_false(loop_timer_is_running(&rig->peer.refresh_timer));
}

static void the_end_of_the_session_ends_it(void **state)
{
	struct rig *rig = *state;

	speaker_refresh(&rig->peer, IPV6, BGP_REFRESH_BEGIN);
	speaker_refresh_forget(&rig->peer);
	assert_int_equal(time_left(rig, IPV6), 0);
	assert_false(loop_timer_is_running(&rig->peer.refresh_timer));
}

static void a_request_without_a_session_does_nothing(void **state)
{
	struct rig *rig = *state;

	speaker_refresh(&rig->peer, IPV4, BGP_REFRESH_REQUEST);
	assert_int_equal(time_left(rig, IPV4), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_end_is_the_end),
	    TEST(test_rfc7313_4_a_refresh_without_an_end_is_ended),
	    TEST(the_end_of_the_session_ends_it),
	    TEST(a_request_without_a_session_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
