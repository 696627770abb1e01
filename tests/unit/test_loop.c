/*
 * The loop: descriptors over socket pairs, timers, signals, its measure of itself, and what may be
 * stopped or freed from inside which callback.  Tasks have a test of their own.  Real time is used,
 * but mostly lower bounds of it are asserted.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/memory.h"

#define TURNS_MAX 1000

/* Runs turns until the number is reached; fails if it is not. */
static void run_until(struct loop *loop, const int *count, int wanted)
{
	for (int i = 0; i < TURNS_MAX && *count < wanted; i++)
		loop_run_once(loop, 10);
	assert_int_equal(*count, wanted);
}

static void sleep_ms(long ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* A socket pair; one end is watched. */
struct pair {
	struct loop *loop;
	struct loop_watch watch;
	struct pair *other; /* stopped by stop_both */
	int watched;
	int far;
	int reads;
	int writes;
};

static void read_byte(void *arg)
{
	struct pair *pair = arg;
	char byte;

	assert_int_equal(read(pair->watched, &byte, 1), 1);
	pair->reads++;
}

static void count_read(void *arg)
{
	((struct pair *)arg)->reads++;
}

static void count_write(void *arg)
{
	((struct pair *)arg)->writes++;
}

static void pair_open(
    struct pair *pair, struct loop *loop, loop_callback *on_read, loop_callback *on_write)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	*pair = (struct pair){.loop = loop, .watched = ends[0], .far = ends[1]};
	loop_watch_start(loop, &pair->watch, pair->watched, on_read, on_write, pair);
}

static void pair_send(const struct pair *pair)
{
	assert_int_equal(write(pair->far, "x", 1), 1);
}

static void pair_close(struct pair *pair)
{
	loop_watch_stop(&pair->watch);
	close(pair->watched);
	close(pair->far);
}

static void watch_begins_with_reading(void **state)
{
	struct loop *loop = loop_new();
	struct pair pair;

	(void)state;
	pair_open(&pair, loop, read_byte, count_write);
	loop_run_once(loop, 0);
	assert_int_equal(pair.reads, 0);
	pair_send(&pair);
	pair_send(&pair);
	loop_run_once(loop, 0);
	assert_int_equal(pair.reads, 1);
	loop_run_once(loop, 0);
	assert_int_equal(pair.reads, 2);
	assert_int_equal(pair.writes, 0);
	pair_close(&pair);
	loop_free(loop);
}

static void watch_reports_what_is_wanted_only(void **state)
{
	static const struct {
		unsigned wanted;
		int reads;
		int writes;
	} cases[] = {
	    {0, 0, 0},
	    {LOOP_READ, 1, 0},
	    {LOOP_WRITE, 0, 1},
	    {LOOP_READ | LOOP_WRITE, 1, 1},
	    {LOOP_READ, 1, 0},
	    {LOOP_READ, 1, 0},
	    {0, 0, 0},
	};
	struct loop *loop = loop_new();
	struct pair pair;

	(void)state;
	/* Both callbacks are of one turn, however busy the machine is. */
	loop_set_share(loop, 3600000000);
	pair_open(&pair, loop, count_read, count_write);
	pair_send(&pair);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pair.reads = pair.writes = 0;
		loop_watch_set(&pair.watch, cases[i].wanted);
		loop_run_once(loop, 0);
		assert_int_equal(pair.reads, cases[i].reads);
		assert_int_equal(pair.writes, cases[i].writes);
	}
	pair_close(&pair);
	loop_free(loop);
}

static void watch_for_writing_alone(void **state)
{
	struct loop *loop = loop_new();
	struct pair pair;

	(void)state;
	pair_open(&pair, loop, NULL, count_write);
	loop_run_once(loop, 0);
	assert_int_equal(pair.writes, 0);
	loop_watch_set(&pair.watch, LOOP_WRITE);
	loop_run_once(loop, 0);
	assert_int_equal(pair.writes, 1);
	pair_close(&pair);
	loop_free(loop);
}

/* Stops both watches, whichever of the two is called first. */
static void stop_both(void *arg)
{
	struct pair *pair = arg;
	struct pair *other = pair->other;

	pair->reads++;
	loop_watch_stop(&pair->watch);
	loop_watch_stop(&other->watch);
}

static void stopped_watch_is_silent_even_in_the_same_turn(void **state)
{
	struct loop *loop = loop_new();
	struct pair a;
	struct pair b;

	(void)state;
	pair_open(&a, loop, stop_both, NULL);
	pair_open(&b, loop, stop_both, NULL);
	a.other = &b;
	b.other = &a;
	pair_send(&a);
	pair_send(&b);
	for (int i = 0; i < 3; i++)
		loop_run_once(loop, 0);
	assert_int_equal(a.reads + b.reads, 1);
	pair_close(&a);
	pair_close(&b);
	loop_free(loop);
}

static void free_owner(void *arg)
{
	struct pair *pair = arg;
	int *freed = &pair->other->reads;

	pair_close(pair);
	free(pair);
	(*freed)++;
}

static void owner_may_be_freed_in_its_callback(void **state)
{
	struct loop *loop = loop_new();
	struct pair counter = {0};
	struct pair *pair = memory_allocate(sizeof(*pair));

	(void)state;
	pair_open(pair, loop, free_owner, free_owner);
	pair->other = &counter;
	/* Both are ready in the same turn; only one callback may come. */
	loop_watch_set(&pair->watch, LOOP_READ | LOOP_WRITE);
	pair_send(pair);
	loop_run_once(loop, 0);
	loop_run_once(loop, 0);
	assert_int_equal(counter.reads, 1);
	loop_free(loop);
}

static void zeroed_watch_can_be_set_and_stopped(void **state)
{
	struct loop_watch watch = {0};

	(void)state;
	loop_watch_stop(&watch);
	loop_watch_set(&watch, LOOP_READ);
	loop_watch_stop(&watch);
	assert_int_equal(watch.wanted, 0);
}

struct clock {
	struct loop *loop;
	struct loop_timer timer;
	uint64_t fired_at;
	int fired;
	int again; /* starts itself so often */
};

static void clock_fired(void *arg)
{
	struct clock *clock = arg;

	assert_false(loop_timer_is_running(&clock->timer));
	clock->fired++;
	clock->fired_at = loop_now(clock->loop);
	if (clock->again-- > 0)
		loop_timer_start(&clock->timer, 1);
}

static void clock_init(struct clock *clock, struct loop *loop)
{
	*clock = (struct clock){.loop = loop};
	loop_timer_init(loop, &clock->timer, clock_fired, clock);
}

static void timer_fires_once_and_not_early(void **state)
{
	struct loop *loop = loop_new();
	struct clock clock;

	(void)state;
	clock_init(&clock, loop);
	for (uint64_t delay = 0; delay < 25; delay += 3) {
		const uint64_t start = loop_now(loop);

		clock.fired = 0;
		loop_timer_start(&clock.timer, delay);
		assert_true(loop_timer_is_running(&clock.timer));
		run_until(loop, &clock.fired, 1);
		assert_true(clock.fired_at >= start + delay);
		assert_false(loop_timer_is_running(&clock.timer));
	}
	loop_run_once(loop, 20);
	assert_int_equal(clock.fired, 1);
	loop_timer_free(&clock.timer);
	loop_free(loop);
}

/* Starts the clock at the end of a long callback, when libevent's own idea of now is old. */
static void start_clock_late(void *arg)
{
	struct clock *clock = arg;

	sleep_ms(30);
	clock->fired_at = loop_now(clock->loop);
	loop_timer_start(&clock->timer, 20);
}

static void late_start_in_a_long_callback_counts_from_now(void **state)
{
	struct loop *loop = loop_new();
	struct loop_timer starter;
	struct clock clock;
	uint64_t start;

	(void)state;
	clock_init(&clock, loop);
	loop_timer_init(loop, &starter, start_clock_late, &clock);
	loop_timer_start(&starter, 1);
	while (!loop_timer_is_running(&clock.timer))
		loop_run_once(loop, 10);
	start = clock.fired_at;
	run_until(loop, &clock.fired, 1);
	assert_true(clock.fired_at >= start + 20);
	loop_timer_free(&starter);
	loop_timer_free(&clock.timer);
	loop_free(loop);
}

static void timer_can_start_itself_again(void **state)
{
	struct loop *loop = loop_new();
	struct clock clock;

	(void)state;
	clock_init(&clock, loop);
	clock.again = 3;
	loop_timer_start(&clock.timer, 1);
	run_until(loop, &clock.fired, 4);
	assert_false(loop_timer_is_running(&clock.timer));
	loop_timer_free(&clock.timer);
	loop_free(loop);
}

static void stopped_timer_does_not_fire(void **state)
{
	struct loop *loop = loop_new();
	struct clock clock;

	(void)state;
	clock_init(&clock, loop);
	loop_timer_start(&clock.timer, 1);
	loop_timer_stop(&clock.timer);
	assert_false(loop_timer_is_running(&clock.timer));
	loop_timer_stop(&clock.timer);
	loop_run_once(loop, 20);
	assert_int_equal(clock.fired, 0);
	loop_timer_free(&clock.timer);
	loop_free(loop);
}

static void restart_moves_the_deadline(void **state)
{
	struct loop *loop = loop_new();
	struct clock clock;
	uint64_t start;

	(void)state;
	clock_init(&clock, loop);
	loop_timer_start(&clock.timer, 1);
	start = loop_now(loop);
	loop_timer_start(&clock.timer, 30);
	run_until(loop, &clock.fired, 1);
	assert_true(clock.fired_at >= start + 30);
	/* And earlier again. */
	loop_timer_start(&clock.timer, 3600000);
	loop_timer_start(&clock.timer, 1);
	run_until(loop, &clock.fired, 2);
	loop_timer_free(&clock.timer);
	loop_free(loop);
}

static void free_clock(void *arg)
{
	struct clock *clock = arg;

	loop_stop(clock->loop);
	loop_timer_free(&clock->timer);
	free(clock);
}

static void timer_may_be_freed_in_its_callback(void **state)
{
	struct loop *loop = loop_new();
	struct clock *clock = memory_allocate_zero(1, sizeof(*clock));

	(void)state;
	clock->loop = loop;
	loop_timer_init(loop, &clock->timer, free_clock, clock);
	loop_timer_start(&clock->timer, 1);
	assert_true(loop_run(loop));
	loop_free(loop);
}

/* Two timers that stop each other: whichever fires first is the only one. */
struct rival {
	struct clock clock;
	struct rival *other;
};

static void rival_fires(void *arg)
{
	struct rival *rival = arg;

	rival->clock.fired++;
	loop_timer_stop(&rival->other->clock.timer);
}

static void expired_timer_can_be_stopped_in_the_same_turn(void **state)
{
	struct loop *loop = loop_new();
	struct rival a = {.clock.loop = loop};
	struct rival b = {.clock.loop = loop};

	(void)state;
	a.other = &b;
	b.other = &a;
	loop_timer_init(loop, &a.clock.timer, rival_fires, &a);
	loop_timer_init(loop, &b.clock.timer, rival_fires, &b);
	loop_timer_start(&a.clock.timer, 1);
	loop_timer_start(&b.clock.timer, 1);
	sleep_ms(20);
	loop_run_once(loop, 20);
	loop_run_once(loop, 20);
	assert_int_equal(a.clock.fired + b.clock.fired, 1);
	loop_timer_free(&a.clock.timer);
	loop_timer_free(&b.clock.timer);
	loop_free(loop);
}

static void zeroed_timer_can_be_freed(void **state)
{
	struct loop_timer timer = {0};

	(void)state;
	loop_timer_free(&timer);
	loop_timer_free(&timer);
	assert_false(loop_timer_is_running(&timer));
}

static void run_once_waits_at_most_its_limit(void **state)
{
	struct loop *loop = loop_new();
	struct clock clock;
	struct pair pair;
	uint64_t start = loop_now(loop);

	(void)state;
	clock_init(&clock, loop);
	pair_open(&pair, loop, read_byte, NULL);
	loop_run_once(loop, 30);
	/* Libevent's coarse clock may be some ticks off. */
	assert_true(loop_now(loop) >= start + 15);
	/* A limit that was not reached does not end a later wait. */
	pair_send(&pair);
	loop_run_once(loop, 20);
	assert_int_equal(pair.reads, 1);
	start = loop_now(loop);
	loop_timer_start(&clock.timer, 100);
	loop_run_once(loop, -1);
	assert_true(loop_now(loop) >= start + 70);
	loop_timer_free(&clock.timer);
	pair_close(&pair);
	loop_free(loop);
}

static void count_up(void *arg)
{
	++*(int *)arg;
}

static void signals_call_back_each_time(void **state)
{
	struct loop *loop = loop_new();
	int hangups = 0;
	int users = 0;

	(void)state;
	loop_signal(loop, SIGHUP, count_up, &hangups);
	loop_signal(loop, SIGUSR1, count_up, &users);
	for (int i = 1; i <= 3; i++) {
		raise(SIGHUP);
		run_until(loop, &hangups, i);
	}
	assert_int_equal(users, 0);
	raise(SIGUSR1);
	run_until(loop, &users, 1);
	assert_int_equal(hangups, 3);
	loop_free(loop);
}

static void work_for_5_ms(void *arg)
{
	(void)arg;
	sleep_ms(5);
}

static uint64_t sum_of_buckets(const struct loop_statistics *statistics)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(statistics->buckets) / sizeof(statistics->buckets[0]); i++)
		sum += statistics->buckets[i];
	return sum;
}

/* How long a turn was in a loop that waits for 200 ms and works little. */
static uint64_t duration_of_a_wait(void)
{
	struct loop *loop = loop_new();
	const struct loop_statistics *statistics = loop_statistics(loop);
	uint64_t duration_us;
	struct clock clock;

	clock_init(&clock, loop);
	loop_timer_start(&clock.timer, 200);
	while (!clock.fired)
		loop_run_once(loop, -1);
	assert_true(statistics->turns >= 1);
	duration_us = statistics->longest.duration_us;
	loop_timer_free(&clock.timer);
	loop_free(loop);
	return duration_us;
}

static void statistics_measure_work_and_not_the_wait(void **state)
{
	struct loop *loop = loop_new();
	const struct loop_statistics *statistics = loop_statistics(loop);
	uint64_t shortest_us = UINT64_MAX;
	struct loop_task task;

	(void)state;
	/* A machine may well stand still in the middle of one turn, but not in that of each. */
	for (int i = 0; i < 20 && shortest_us >= 150000; i++) {
		const uint64_t duration_us = duration_of_a_wait();

		shortest_us = duration_us < shortest_us ? duration_us : shortest_us;
	}
	assert_true(shortest_us < 150000);

	loop_task_init(&task, work_for_5_ms, NULL);
	loop_task_schedule(loop, &task);
	loop_run_once(loop, 0);
	assert_true(statistics->longest.duration_us >= 5000);
	assert_int_equal(sum_of_buckets(statistics), statistics->turns);
	/* 5 ms are in none of the buckets up to 3 ms. */
	assert_true(statistics->buckets[4] + statistics->buckets[5] + statistics->buckets[6] +
			statistics->buckets[7] >=
		    1);
	loop_free(loop);
}

static void turns_without_work_are_not_counted(void **state)
{
	struct loop *loop = loop_new();

	(void)state;
	for (int i = 0; i < 3; i++)
		loop_run_once(loop, 1);
	assert_int_equal(loop_statistics(loop)->turns, 0);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(watch_begins_with_reading),
	    cmocka_unit_test(watch_reports_what_is_wanted_only),
	    cmocka_unit_test(watch_for_writing_alone),
	    cmocka_unit_test(stopped_watch_is_silent_even_in_the_same_turn),
	    cmocka_unit_test(owner_may_be_freed_in_its_callback),
	    cmocka_unit_test(zeroed_watch_can_be_set_and_stopped),
	    cmocka_unit_test(timer_fires_once_and_not_early),
	    cmocka_unit_test(late_start_in_a_long_callback_counts_from_now),
	    cmocka_unit_test(timer_can_start_itself_again),
	    cmocka_unit_test(stopped_timer_does_not_fire),
	    cmocka_unit_test(restart_moves_the_deadline),
	    cmocka_unit_test(timer_may_be_freed_in_its_callback),
	    cmocka_unit_test(expired_timer_can_be_stopped_in_the_same_turn),
	    cmocka_unit_test(zeroed_timer_can_be_freed),
	    cmocka_unit_test(run_once_waits_at_most_its_limit),
	    cmocka_unit_test(signals_call_back_each_time),
	    cmocka_unit_test(statistics_measure_work_and_not_the_wait),
	    cmocka_unit_test(turns_without_work_are_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
