/*
 * The shares of a turn: with a share of 0 every callback and every task uses up its own, so each
 * turn runs one of either.  Also what the loop says of the turns that were long.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/text.h"
#include "clock.h"

#define DESCRIPTORS 5

struct world;

/* A socket pair, of which the near end is watched, a task, or a timer. */
struct item {
	struct world *world;
	char name;
	bool again; /* stays readable, or schedules itself again */
	int near;
	int far;
	struct loop_watch watch;
	struct loop_task task;
	struct loop_timer timer;
};

struct world {
	struct loop *loop;
	struct text order; /* names of what ran; a space after each turn */
	struct item items[DESCRIPTORS];
};

static void note(struct item *item)
{
	text_append(&item->world->order, "%c", item->name);
}

static void on_read(void *arg)
{
	struct item *item = arg;
	char byte;

	note(item);
	if (!item->again)
		assert_int_equal(read(item->near, &byte, 1), 1);
}

static void on_task(void *arg)
{
	struct item *item = arg;

	note(item);
	if (item->again)
		loop_task_schedule(item->world->loop, &item->task);
}

static void on_timer(void *arg)
{
	note(arg);
}

static int set_up(void **state)
{
	static struct world world;

	world = (struct world){.loop = loop_new()};
	text_append(&world.order, "%s", "");
	for (size_t i = 0; i < DESCRIPTORS; i++) {
		struct item *item = &world.items[i];
		int ends[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
		*item = (struct item){
		    .world = &world, .name = (char)('a' + i), .near = ends[0], .far = ends[1]};
		loop_watch_start(world.loop, &item->watch, item->near, on_read, NULL, item);
		loop_task_init(&item->task, on_task, item);
		loop_timer_init(world.loop, &item->timer, on_timer, item);
	}
	loop_set_share(world.loop, 0);
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < DESCRIPTORS; i++) {
		loop_watch_stop(&world->items[i].watch);
		loop_task_cancel(world->loop, &world->items[i].task);
		loop_timer_free(&world->items[i].timer);
		close(world->items[i].near);
		close(world->items[i].far);
	}
	loop_free(world->loop);
	text_free(&world->order);
	return 0;
}

static void make_readable(struct item *item)
{
	assert_int_equal(write(item->far, "x", 1), 1);
}

static void turns(struct world *world, int count)
{
	while (count--) {
		loop_run_once(world->loop, 0);
		text_append(&world->order, " ");
	}
}

static int count_of(const struct world *world, char name)
{
	int count = 0;

	for (size_t i = 0; i < world->order.length; i++)
		count += world->order.string[i] == name;
	return count;
}

static void each_turn_runs_one_callback_once_the_share_is_over(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < DESCRIPTORS; i++)
		make_readable(&world->items[i]);
	for (int turn = 1; turn <= DESCRIPTORS; turn++) {
		turns(world, 1);
		assert_int_equal(world->order.length, 2 * turn);
	}
	for (char name = 'a'; name < 'a' + DESCRIPTORS; name++)
		assert_int_equal(count_of(world, name), 1);
	turns(world, 1);
	assert_int_equal(world->order.length, 2 * DESCRIPTORS + 1);
}

static void share_lets_all_of_a_turn_run(void **state)
{
	struct world *world = *state;

	loop_set_share(world->loop, 3600000000);
	for (size_t i = 0; i < DESCRIPTORS; i++) {
		make_readable(&world->items[i]);
		loop_task_schedule(world->loop, &world->items[i].task);
	}
	turns(world, 1);
	assert_int_equal(world->order.length, 2 * DESCRIPTORS + 1);
}

/* One that is always ready comes as often as each of the others while these are ready. */
static void busy_descriptor_starves_nobody(void **state)
{
	struct world *world = *state;

	world->items[2].again = true;
	make_readable(&world->items[2]);
	for (int round = 1; round <= 3; round++) {
		for (size_t i = 0; i < DESCRIPTORS; i++)
			if (i != 2)
				make_readable(&world->items[i]);
		turns(world, DESCRIPTORS);
		for (char name = 'a'; name < 'a' + DESCRIPTORS; name++)
			assert_int_equal(count_of(world, name), round);
	}
}

static void what_is_ready_first_runs_first(void **state)
{
	struct world *world = *state;

	make_readable(&world->items[3]);
	make_readable(&world->items[4]);
	turns(world, 1); /* one of these two is still to come */
	make_readable(&world->items[0]);
	turns(world, 2);
	assert_int_equal(world->order.string[4], 'a');
	assert_int_equal(count_of(world, 'd') + count_of(world, 'e'), 2);
}

static void timer_and_signal_wait_for_no_busy_descriptor(void **state)
{
	struct world *world = *state;
	struct item *busy = &world->items[0];

	busy->again = true;
	make_readable(busy);
	loop_signal(world->loop, SIGUSR1, on_timer, &world->items[1]);
	loop_timer_start(&world->items[2].timer, 0);
	raise(SIGUSR1);
	for (int turn = 0; turn < 1000 && !(count_of(world, 'b') && count_of(world, 'c')); turn++)
		turns(world, 1);
	assert_int_equal(count_of(world, 'b'), 1);
	assert_int_equal(count_of(world, 'c'), 1);
}

static void each_turn_runs_one_task_once_the_share_is_over(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < 3; i++)
		loop_task_schedule(world->loop, &world->items[i].task);
	turns(world, 4);
	assert_string_equal(world->order.string, "a b c  ");
}

/* It goes behind those that had no time. */
static void task_that_schedules_itself_starves_nobody(void **state)
{
	struct world *world = *state;

	world->items[0].again = true;
	for (size_t i = 0; i < 3; i++)
		loop_task_schedule(world->loop, &world->items[i].task);
	turns(world, 5);
	assert_string_equal(world->order.string, "a b c a a ");
}

static void descriptors_and_tasks_have_a_share_each(void **state)
{
	struct world *world = *state;

	world->items[0].again = true;
	make_readable(&world->items[0]);
	world->items[1].again = true;
	loop_task_schedule(world->loop, &world->items[1].task);
	turns(world, 3);
	assert_string_equal(world->order.string, "ab ab ab ");
}

/* The one in the middle stops the loop. */
static void stop_loop(void *arg)
{
	struct item *item = arg;

	note(item);
	loop_stop(item->world->loop);
}

static void what_a_stop_leaves_over_is_not_lost(void **state)
{
	struct world *world = *state;
	struct loop_task stop;

	loop_task_init(&stop, stop_loop, &world->items[4]);
	for (size_t i = 0; i < 3; i++)
		loop_task_schedule(world->loop, &world->items[i].task);
	loop_task_schedule(world->loop, &stop);
	loop_task_schedule(world->loop, &world->items[3].task);
	assert_true(loop_run(world->loop));
	assert_string_equal(world->order.string, "abce");
	turns(world, 1);
	assert_string_equal(world->order.string, "abced ");
}

static void note_yield(void *arg)
{
	struct item *item = arg;

	text_append(&item->world->order, loop_should_yield(item->world->loop) ? "y" : "n");
}

static void yield_is_asked_for_when_the_share_is_over(void **state)
{
	struct world *world = *state;
	struct loop_task task;

	assert_false(loop_should_yield(NULL));
	loop_task_init(&task, note_yield, &world->items[0]);
	loop_task_schedule(world->loop, &task);
	turns(world, 1);
	loop_set_share(world->loop, 3600000000);
	loop_task_schedule(world->loop, &task);
	turns(world, 1);
	assert_string_equal(world->order.string, "y n ");
}

/* Measures */

/* Longer than a machine that stands still in another place could make it seem. */
static void sleep_for_3_s(void *arg)
{
	(void)arg;
	clock_ahead_ms += 3000;
}

static void sleep_with_name(void *arg)
{
	loop_name_work(arg, "sleeping");
	sleep_for_3_s(NULL);
}

static void longest_turn_says_what_ran_longest_in_it(void **state)
{
	struct world *world = *state;
	const struct loop_turn *longest = &loop_statistics(world->loop)->longest;
	struct loop_task task;

	loop_name_work(NULL, "nothing"); /* no loop, no matter */
	assert_null(longest->work);
	loop_task_init(&task, sleep_with_name, world->loop);
	loop_task_schedule(world->loop, &task);
	make_readable(&world->items[0]);
	turns(world, 1);
	assert_string_equal(longest->work, "sleeping");
	assert_true(longest->work_us >= 3000000);
	assert_true(longest->duration_us >= longest->work_us);
	assert_true(longest->cpu_us <= longest->duration_us);
	assert_true(longest->at <= loop_now(world->loop));
}

/* Sleeping is no work of the processor: a turn that is shorter may well be busier. */
static void busiest_turn_is_that_of_the_processor(void **state)
{
	struct world *world = *state;
	const struct loop_statistics *statistics = loop_statistics(world->loop);
	struct loop_task task;

	loop_task_init(&task, sleep_for_3_s, NULL);
	loop_task_schedule(world->loop, &task);
	turns(world, 1);
	assert_string_equal(statistics->longest.work, "a task");
	assert_true(statistics->busiest.cpu_us < 3000000);
	assert_true(statistics->busiest.cpu_us <= statistics->busiest.duration_us);
}

/* As libevent's HTTP calls back: with an event of its own. */
static void foreign_callback(evutil_socket_t fd, short what, void *arg)
{
	struct world *world = arg;
	char byte;

	(void)what;
	loop_begin_work(world->loop, "HTTP");
	assert_int_equal(read(fd, &byte, 1), 1);
	text_append(&world->order, "F");
	sleep_for_3_s(NULL);
	loop_end_work(world->loop);
}

static void callbacks_of_libevent_are_measured_and_share(void **state)
{
	struct world *world = *state;
	int ends[2];
	struct event *event;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	event = event_new(
	    loop_event_base(world->loop), ends[0], EV_READ | EV_PERSIST, foreign_callback, world);
	event_add(event, NULL);
	assert_int_equal(write(ends[1], "xx", 2), 2);
	make_readable(&world->items[0]);
	turns(world, 2);
	assert_int_equal(world->order.length, 4);
	assert_int_equal(count_of(world, 'F'), 1);
	assert_int_equal(count_of(world, 'a'), 1);
	assert_string_equal(loop_statistics(world->loop)->longest.work, "HTTP");
	event_free(event);
	close(ends[0]);
	close(ends[1]);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(each_turn_runs_one_callback_once_the_share_is_over),
	    TEST(share_lets_all_of_a_turn_run),
	    TEST(busy_descriptor_starves_nobody),
	    TEST(what_is_ready_first_runs_first),
	    TEST(timer_and_signal_wait_for_no_busy_descriptor),
	    TEST(each_turn_runs_one_task_once_the_share_is_over),
	    TEST(task_that_schedules_itself_starves_nobody),
	    TEST(descriptors_and_tasks_have_a_share_each),
	    TEST(what_a_stop_leaves_over_is_not_lost),
	    TEST(yield_is_asked_for_when_the_share_is_over),
	    TEST(longest_turn_says_what_ran_longest_in_it),
	    TEST(busiest_turn_is_that_of_the_processor),
	    TEST(callbacks_of_libevent_are_measured_and_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
