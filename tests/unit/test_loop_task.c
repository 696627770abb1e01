/*
 * Deferred tasks of the loop: their order, turns that do not wait, and cancelling from anywhere.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/memory.h"
#include "base/text.h"

static void count_up(void *arg)
{
	++*(int *)arg;
}

/* A task that notes its name, and may schedule or cancel another one. */
struct job {
	struct loop *loop;
	struct loop_task task;
	struct loop_task *schedules;
	struct loop_task *cancels;
	struct text *order;
	char name;
};

static void job_runs(void *arg)
{
	const struct job *job = arg;

	text_append(job->order, "%c", job->name);
	if (job->schedules)
		loop_task_schedule(job->loop, job->schedules);
	if (job->cancels)
		loop_task_cancel(job->loop, job->cancels);
}

static void job_init(struct job *job, struct loop *loop, struct text *order, char name)
{
	*job = (struct job){.loop = loop, .order = order, .name = name};
	loop_task_init(&job->task, job_runs, job);
}

/* A loop and three jobs, for the tests of tasks. */
struct jobs {
	struct loop *loop;
	struct text order;
	struct job a, b, c;
};

static int jobs_setup(void **state)
{
	struct jobs *jobs = memory_allocate_zero(1, sizeof(*jobs));

	jobs->loop = loop_new();
	/* How much a turn runs is not a matter of how busy the machine is. */
	loop_set_share(jobs->loop, 3600000000);
	text_append(&jobs->order, "%s", "");
	job_init(&jobs->a, jobs->loop, &jobs->order, 'a');
	job_init(&jobs->b, jobs->loop, &jobs->order, 'b');
	job_init(&jobs->c, jobs->loop, &jobs->order, 'c');
	*state = jobs;
	return 0;
}

static int jobs_teardown(void **state)
{
	struct jobs *jobs = *state;

	loop_free(jobs->loop);
	text_free(&jobs->order);
	free(jobs);
	return 0;
}

/* The tasks that run in the next turn, in their order. */
static const char *next_turn(struct jobs *jobs)
{
	text_clear(&jobs->order);
	loop_run_once(jobs->loop, 0);
	return jobs->order.string;
}

static void tasks_run_once_in_the_order_of_scheduling(void **state)
{
	struct jobs *jobs = *state;

	loop_task_schedule(jobs->loop, &jobs->b.task);
	loop_task_schedule(jobs->loop, &jobs->a.task);
	loop_task_schedule(jobs->loop, &jobs->c.task);
	loop_task_schedule(jobs->loop, &jobs->b.task);
	assert_string_equal(next_turn(jobs), "bac");
	assert_string_equal(next_turn(jobs), "");
	loop_task_schedule(jobs->loop, &jobs->a.task);
	assert_string_equal(next_turn(jobs), "a");
}

static void task_scheduled_by_a_task_runs_in_the_same_turn(void **state)
{
	struct jobs *jobs = *state;

	jobs->a.schedules = &jobs->b.task;
	jobs->b.schedules = &jobs->c.task;
	loop_task_schedule(jobs->loop, &jobs->a.task);
	assert_string_equal(next_turn(jobs), "abc");
}

static void task_that_schedules_itself_gets_the_next_turn(void **state)
{
	struct jobs *jobs = *state;
	struct loop_timer timer;
	int fired = 0;

	loop_timer_init(jobs->loop, &timer, count_up, &fired);
	jobs->a.schedules = &jobs->a.task;
	loop_task_schedule(jobs->loop, &jobs->a.task);
	loop_task_schedule(jobs->loop, &jobs->b.task);
	assert_string_equal(next_turn(jobs), "ab");
	/* That turn does not wait, although it may wait for the timer. */
	loop_timer_start(&timer, 3600000);
	text_clear(&jobs->order);
	loop_run_once(jobs->loop, -1);
	assert_string_equal(jobs->order.string, "a");
	assert_int_equal(fired, 0);
	loop_timer_free(&timer);
	jobs->a.schedules = NULL;
	assert_string_equal(next_turn(jobs), "a");
	assert_string_equal(next_turn(jobs), "");
}

static void tasks_that_schedule_each_other_end_the_turn(void **state)
{
	struct jobs *jobs = *state;

	jobs->a.schedules = &jobs->b.task;
	jobs->b.schedules = &jobs->a.task;
	loop_task_schedule(jobs->loop, &jobs->a.task);
	assert_string_equal(next_turn(jobs), "ab");
	/* Now a is first, schedules b, and b schedules a for the turn after. */
	assert_string_equal(next_turn(jobs), "ab");
}

static void cancelled_task_does_not_run(void **state)
{
	struct jobs *jobs = *state;

	loop_task_cancel(jobs->loop, &jobs->a.task);
	loop_task_schedule(jobs->loop, &jobs->a.task);
	loop_task_schedule(jobs->loop, &jobs->b.task);
	loop_task_cancel(jobs->loop, &jobs->a.task);
	assert_string_equal(next_turn(jobs), "b");
	loop_task_schedule(jobs->loop, &jobs->a.task);
	assert_string_equal(next_turn(jobs), "a");
}

static void task_can_cancel_another_one(void **state)
{
	struct jobs *jobs = *state;

	jobs->a.cancels = &jobs->b.task;
	loop_task_schedule(jobs->loop, &jobs->a.task);
	loop_task_schedule(jobs->loop, &jobs->b.task);
	loop_task_schedule(jobs->loop, &jobs->c.task);
	assert_string_equal(next_turn(jobs), "ac");
	/* Also one that waits for the next turn. */
	jobs->b.schedules = &jobs->b.task;
	jobs->a.schedules = NULL;
	loop_task_schedule(jobs->loop, &jobs->b.task);
	loop_task_schedule(jobs->loop, &jobs->a.task);
	assert_string_equal(next_turn(jobs), "ba");
	assert_string_equal(next_turn(jobs), "");
}

static void zeroed_task_can_be_cancelled(void **state)
{
	struct jobs *jobs = *state;
	struct loop_task task = {0};

	loop_task_cancel(jobs->loop, &task);
	assert_false(task.scheduled);
}

static void tasks_run_after_the_callbacks_of_the_turn(void **state)
{
	struct jobs *jobs = *state;
	struct loop_watch watch;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	/* The byte is never read, so that the callback comes in each turn. */
	loop_watch_start(jobs->loop, &watch, ends[0], job_runs, NULL, &jobs->a);
	jobs->a.schedules = &jobs->b.task;
	loop_task_schedule(jobs->loop, &jobs->c.task);
	assert_string_equal(next_turn(jobs), "acb");
	assert_string_equal(next_turn(jobs), "ab");
	loop_watch_stop(&watch);
	close(ends[0]);
	close(ends[1]);
}

static void busy_tasks_do_not_starve_descriptors_and_timers(void **state)
{
	static const struct timespec wait = {0, 20000000};
	struct jobs *jobs = *state;
	struct loop_watch watch;
	struct loop_timer timer;
	int readable = 0;
	int fired = 0;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	loop_watch_start(jobs->loop, &watch, ends[0], count_up, NULL, &readable);
	loop_timer_init(jobs->loop, &timer, count_up, &fired);
	jobs->a.schedules = &jobs->a.task;
	loop_task_schedule(jobs->loop, &jobs->a.task);
	loop_run_once(jobs->loop, -1);
	assert_int_equal(readable, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	loop_run_once(jobs->loop, -1);
	assert_int_equal(readable, 1);
	loop_timer_start(&timer, 2);
	nanosleep(&wait, NULL);
	loop_run_once(jobs->loop, -1);
	assert_int_equal(fired, 1);
	assert_string_equal(jobs->order.string, "aaa");
	loop_timer_free(&timer);
	loop_watch_stop(&watch);
	close(ends[0]);
	close(ends[1]);
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

static void stop_lets_the_turn_end(void **state)
{
	struct jobs *jobs = *state;
	struct loop_task stop;

	loop_task_init(&stop, stop_loop, jobs->loop);
	loop_task_schedule(jobs->loop, &stop);
	loop_task_schedule(jobs->loop, &jobs->a.task);
	assert_true(loop_run(jobs->loop));
	assert_string_equal(jobs->order.string, "a");
	/* It can be run again. */
	loop_task_schedule(jobs->loop, &stop);
	loop_task_schedule(jobs->loop, &jobs->b.task);
	assert_true(loop_run(jobs->loop));
	assert_string_equal(jobs->order.string, "ab");
}

static void loop_without_anything_to_wait_for_returns(void **state)
{
	struct jobs *jobs = *state;

	assert_false(loop_run(jobs->loop));
	loop_task_schedule(jobs->loop, &jobs->a.task);
	assert_false(loop_run(jobs->loop));
	assert_string_equal(jobs->order.string, "a");
	loop_run_once(jobs->loop, -1);
}

#define TEST_OF_JOBS(test) cmocka_unit_test_setup_teardown(test, jobs_setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST_OF_JOBS(tasks_run_once_in_the_order_of_scheduling),
	    TEST_OF_JOBS(task_scheduled_by_a_task_runs_in_the_same_turn),
	    TEST_OF_JOBS(task_that_schedules_itself_gets_the_next_turn),
	    TEST_OF_JOBS(tasks_that_schedule_each_other_end_the_turn),
	    TEST_OF_JOBS(cancelled_task_does_not_run),
	    TEST_OF_JOBS(task_can_cancel_another_one),
	    TEST_OF_JOBS(zeroed_task_can_be_cancelled),
	    TEST_OF_JOBS(tasks_run_after_the_callbacks_of_the_turn),
	    TEST_OF_JOBS(busy_tasks_do_not_starve_descriptors_and_timers),
	    TEST_OF_JOBS(stop_lets_the_turn_end),
	    TEST_OF_JOBS(loop_without_anything_to_wait_for_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
