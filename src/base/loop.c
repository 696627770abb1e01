/*
 * A turn is one pass of libevent (wait, then every callback that is due) followed by the deferred
 * tasks.  The pass does not wait while a task is scheduled.
 *
 * Tasks are in two lists that run through the tasks themselves, closed by a head in the loop:
 * those for the end of this turn, and those that have run in this turn and want to run again.  As
 * a task runs at most once a turn, tasks that schedule each other end, and work that schedules
 * itself lets sockets and timers have their turn in between.  Both links are kept, so that a task
 * can be cancelled at any time, also by a task that runs before it.
 *
 * Every callback goes through a function here that notes when the work of the turn began, as the
 * wait inside libevent cannot be told from its work otherwise.  What a callback or task took is
 * counted from the end of the one before it, which costs one look at the clock for each and leaves
 * out nothing.  The time of the processor is looked at once a turn, and again if the turn is longer
 * than any before it.
 *
 * The time of a turn is shared out: once the callbacks have had their share, the pass is broken off
 * (libevent keeps what is still active for the next one, first come first served), and once the
 * tasks have had theirs, the rest of the list waits for the next turn.  Each turn runs at least one
 * of either, so everything goes on.
 *
 * After a callback returns, its watch or timer is not touched again: it may be gone.
 */
#include "base/loop.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"

/* A signal and its callback, in a list until the loop is freed. */
struct signal_watch {
	struct signal_watch *next;
	struct loop *loop;
	struct event *event;
	loop_callback *callback;
	void *arg;
};

struct loop {
	struct event_base *base;
	struct event *wait_limit; /* for loop_run_once() */
	struct signal_watch *signals;
	struct loop_task now; /* head of the tasks for the end of this turn */
	struct loop_task later; /* head of the tasks for the next turn */
	uint64_t turn;
	uint64_t turn_start; /* microseconds; 0: no work in this turn yet */
	uint64_t turn_start_cpu; /* microseconds of this thread */
	uint64_t share; /* microseconds */
	uint64_t share_end; /* of the callbacks or of the tasks of this turn */
	const char *work; /* what runs now */
	uint64_t work_start;
	const char *longest_work; /* of this turn */
	uint64_t longest_work_us;
	bool running_tasks;
	bool has_more_ready; /* after the callbacks of this turn */
	bool stopped;
	struct loop_statistics statistics;
};

/*
 * Two shares and what goes beyond them, one callback or task each, are to stay below 10 ms also on
 * a machine that is slower or busier than this one.
 */
#define SHARE_US 2000

static const uint64_t bucket_limits_us[] = {100, 300, 1000, 3000, 10000, 30000, 100000};

#define BUCKETS (sizeof(bucket_limits_us) / sizeof(bucket_limits_us[0]))

_Static_assert(sizeof(((struct loop_statistics *)0)->buckets) / sizeof(uint64_t) == BUCKETS + 1,
    "one bucket per limit and one for what is longer");

/* The kernel refuses to watch: like being out of memory, nothing good can follow. */
_Noreturn static void cannot_watch(const char *what)
{
	fprintf(stderr, "event loop: cannot watch a %s\n", what);
	abort();
}

static uint64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

static void begin_turn(struct loop *loop)
{
	if (loop->turn_start)
		return;
	loop->turn_start_cpu = clock_us(CLOCK_THREAD_CPUTIME_ID);
	loop->turn_start = now_us();
	loop->work_start = loop->turn_start;
	loop->share_end = loop->turn_start + loop->share;
}

void loop_name_work(struct loop *loop, const char *name)
{
	if (loop)
		loop->work = name;
}

/* What ran is over; true if the share is too. */
static bool end_work(struct loop *loop)
{
	const uint64_t now = now_us();
	const uint64_t took = now - loop->work_start;

	if (took >= loop->longest_work_us) {
		loop->longest_work_us = took;
		loop->longest_work = loop->work;
	}
	loop->work_start = now;
	return now >= loop->share_end;
}

void loop_begin_work(struct loop *loop, const char *name)
{
	begin_turn(loop);
	loop->work = name;
}

/* Callbacks that are still to come get the next turn once the share is over. */
void loop_end_work(struct loop *loop)
{
	if (end_work(loop))
		event_base_loopbreak(loop->base);
}

bool loop_should_yield(const struct loop *loop)
{
	return loop && now_us() >= loop->share_end;
}

bool loop_has_more_ready(const struct loop *loop)
{
	return loop && loop->has_more_ready;
}

void loop_set_share(struct loop *loop, uint64_t microseconds)
{
	loop->share = microseconds;
}

static struct event *new_event(
    struct loop *loop, int fd, short what, event_callback_fn callback, void *arg)
{
	struct event *event = event_new(loop->base, fd, what, callback, arg);

	if (!event)
		cannot_watch("descriptor, timer or signal");
	return event;
}

/* Task lists */

static void list_init(struct loop_task *head)
{
	head->next = head;
	head->previous = head;
}

static void list_append(struct loop_task *head, struct loop_task *task)
{
	task->previous = head->previous;
	task->next = head;
	head->previous->next = task;
	head->previous = task;
}

static void list_remove(struct loop_task *task)
{
	task->previous->next = task->next;
	task->next->previous = task->previous;
	task->next = NULL;
	task->previous = NULL;
}

void loop_task_init(struct loop_task *task, loop_callback *callback, void *arg)
{
	*task = (struct loop_task){.callback = callback, .arg = arg};
}

void loop_task_schedule(struct loop *loop, struct loop_task *task)
{
	const bool has_run = loop->running_tasks && task->last_turn == loop->turn;

	if (task->scheduled)
		return;
	task->scheduled = true;
	list_append(has_run ? &loop->later : &loop->now, task);
}

void loop_task_cancel(struct loop *loop, struct loop_task *task)
{
	(void)loop;
	if (!task->scheduled)
		return;
	task->scheduled = false;
	list_remove(task);
}

static void run_tasks(struct loop *loop)
{
	bool over = loop->now.next == &loop->now;

	if (!over) {
		begin_turn(loop);
		loop->work_start = now_us();
		loop->share_end = loop->work_start + loop->share;
	}
	loop->running_tasks = true;
	while (!over) {
		struct loop_task *task = loop->now.next;

		loop_task_cancel(loop, task);
		task->last_turn = loop->turn;
		loop->work = "a task";
		task->callback(task->arg);
		over = end_work(loop) || loop->now.next == &loop->now;
	}
	loop->running_tasks = false;
	/* Those that had no time are before those that had. */
	while (loop->later.next != &loop->later) {
		struct loop_task *task = loop->later.next;

		list_remove(task);
		list_append(&loop->now, task);
	}
}

/* The loop and its turns */

static void end_wait(evutil_socket_t fd, short what, void *arg)
{
	/* That the pass ends is all that is wanted. */
	(void)fd;
	(void)what;
	(void)arg;
}

struct loop *loop_new(void)
{
	struct loop *loop = memory_allocate_zero(1, sizeof(*loop));

	loop->share = SHARE_US;
	loop->base = event_base_new();
	if (!loop->base)
		cannot_watch("descriptor: no event base");
	list_init(&loop->now);
	list_init(&loop->later);
	loop->wait_limit = new_event(loop, -1, 0, end_wait, NULL);
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->signals) {
		struct signal_watch *next = loop->signals->next;

		event_free(loop->signals->event);
		free(loop->signals);
		loop->signals = next;
	}
	event_free(loop->wait_limit);
	/* libevent's resolver gives up its memory in callbacks that are still due. */
	if (event_base_get_num_events(loop->base, EVENT_BASE_COUNT_ACTIVE) > 0)
		event_base_loop(loop->base, EVLOOP_NONBLOCK);
	event_base_free(loop->base);
	free(loop);
}

/* A turn that is no longer than the busiest one cannot be busier. */
static void keep_turn(struct loop_statistics *statistics, const struct loop *loop, uint64_t now)
{
	struct loop_turn turn = {
	    .duration_us = now - loop->turn_start,
	    .work = loop->longest_work,
	    .work_us = loop->longest_work_us,
	    .at = now / 1000,
	};

	if (turn.duration_us <= statistics->longest.duration_us &&
	    turn.duration_us <= statistics->busiest.cpu_us)
		return;
	turn.cpu_us = clock_us(CLOCK_THREAD_CPUTIME_ID) - loop->turn_start_cpu;
	if (turn.duration_us > statistics->longest.duration_us)
		statistics->longest = turn;
	if (turn.cpu_us > statistics->busiest.cpu_us)
		statistics->busiest = turn;
}

static void measure_turn(struct loop *loop)
{
	struct loop_statistics *statistics = &loop->statistics;
	const uint64_t now = now_us();
	size_t bucket = 0;

	if (!loop->turn_start)
		return;
	while (bucket < BUCKETS && now - loop->turn_start > bucket_limits_us[bucket])
		bucket++;
	statistics->buckets[bucket]++;
	statistics->turns++;
	keep_turn(statistics, loop, now);
	loop->turn_start = 0;
	loop->longest_work = NULL;
	loop->longest_work_us = 0;
}

/* Returns false if there is nothing to wait for, or waiting failed. */
static bool run_turn(struct loop *loop, bool may_wait)
{
	const bool has_tasks = loop->now.next != &loop->now;
	/* EVLOOP_NONBLOCK alone would go on for as long as any descriptor is ready. */
	const int flags = EVLOOP_ONCE | (may_wait && !has_tasks ? 0 : EVLOOP_NONBLOCK);
	int result;

	loop->turn++;
	if (has_tasks)
		begin_turn(loop);
	result = event_base_loop(loop->base, flags);
	loop->has_more_ready = event_base_get_num_events(loop->base, EVENT_BASE_COUNT_ACTIVE) > 0;
	run_tasks(loop);
	measure_turn(loop);
	/* 1 says that no event is registered, which is no matter while tasks run. */
	return result == 0 || (result == 1 && has_tasks);
}

bool loop_run(struct loop *loop)
{
	bool can_run = true;

	while (can_run && !loop->stopped)
		can_run = run_turn(loop, true) || loop->stopped;
	loop->stopped = false;
	return can_run;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

void loop_run_once(struct loop *loop, int wait_ms)
{
	const struct timeval limit = {wait_ms / 1000, wait_ms % 1000 * 1000};

	if (wait_ms > 0)
		event_add(loop->wait_limit, &limit);
	run_turn(loop, wait_ms != 0);
	event_del(loop->wait_limit);
}

uint64_t loop_now(const struct loop *loop)
{
	(void)loop;
	return now_us() / 1000;
}

struct event_base *loop_event_base(struct loop *loop)
{
	return loop->base;
}

const struct loop_statistics *loop_statistics(const struct loop *loop)
{
	return &loop->statistics;
}

/* Descriptors */

static void descriptor_readable(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *watch = arg;
	struct loop *loop = watch->loop;

	(void)fd;
	(void)what;
	loop_begin_work(loop, "a descriptor to read");
	watch->on_read(watch->arg);
	loop_end_work(loop);
}

static void descriptor_writable(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *watch = arg;
	struct loop *loop = watch->loop;

	(void)fd;
	(void)what;
	loop_begin_work(loop, "a descriptor to write");
	watch->on_write(watch->arg);
	loop_end_work(loop);
}

void loop_watch_start(struct loop *loop, struct loop_watch *watch, int fd, loop_callback *on_read,
    loop_callback *on_write, void *arg)
{
	*watch =
	    (struct loop_watch){.loop = loop, .on_read = on_read, .on_write = on_write, .arg = arg};
	if (on_read)
		watch->read_event =
		    new_event(loop, fd, EV_READ | EV_PERSIST, descriptor_readable, watch);
	if (on_write)
		watch->write_event =
		    new_event(loop, fd, EV_WRITE | EV_PERSIST, descriptor_writable, watch);
	loop_watch_set(watch, on_read ? LOOP_READ : 0);
}

static void set_event(struct event *event, bool wanted)
{
	if (!event || (wanted ? event_add(event, NULL) : event_del(event)) < 0)
		cannot_watch("descriptor");
}

void loop_watch_set(struct loop_watch *watch, unsigned readiness)
{
	const unsigned changed = watch->wanted ^ readiness;

	if (!watch->loop)
		return;
	watch->wanted = readiness;
	if (changed & LOOP_READ)
		set_event(watch->read_event, readiness & LOOP_READ);
	if (changed & LOOP_WRITE)
		set_event(watch->write_event, readiness & LOOP_WRITE);
}

void loop_watch_repeat(struct loop_watch *watch)
{
	event_active(watch->read_event, EV_READ, 0);
}

void loop_watch_stop(struct loop_watch *watch)
{
	if (watch->read_event)
		event_free(watch->read_event);
	if (watch->write_event)
		event_free(watch->write_event);
	*watch = (struct loop_watch){0};
}

/* Timers */

static void wait_until_deadline(struct loop_timer *timer, uint64_t now)
{
	const uint64_t delay = timer->deadline > now ? timer->deadline - now : 0;
	const struct timeval wait = {(time_t)(delay / 1000), (suseconds_t)(delay % 1000 * 1000)};

	if (event_add(timer->event, &wait) < 0)
		cannot_watch("timer");
}

static void timer_expired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *timer = arg;
	struct loop *loop = timer->loop;
	const uint64_t now = loop_now(timer->loop);

	(void)fd;
	(void)what;
	loop_begin_work(loop, "a timer");
	/* Libevent counts from the time of its last look at a coarse clock, and so may be early. */
	if (now < timer->deadline) {
		wait_until_deadline(timer, now);
		return;
	}
	timer->deadline = 0;
	timer->callback(timer->arg);
	loop_end_work(loop);
}

void loop_timer_init(
    struct loop *loop, struct loop_timer *timer, loop_callback *callback, void *arg)
{
	*timer = (struct loop_timer){.loop = loop, .callback = callback, .arg = arg};
	timer->event = new_event(loop, -1, 0, timer_expired, timer);
}

void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms)
{
	const uint64_t now = loop_now(timer->loop);

	timer->deadline = now + delay_ms;
	wait_until_deadline(timer, now);
}

void loop_timer_stop(struct loop_timer *timer)
{
	if (!timer->deadline)
		return;
	timer->deadline = 0;
	event_del(timer->event);
}

bool loop_timer_is_running(const struct loop_timer *timer)
{
	return timer->deadline != 0;
}

void loop_timer_free(struct loop_timer *timer)
{
	if (timer->event)
		event_free(timer->event);
	*timer = (struct loop_timer){0};
}

/* Signals */

static void signal_arrived(evutil_socket_t number, short what, void *arg)
{
	struct signal_watch *watch = arg;

	(void)number;
	(void)what;
	loop_begin_work(watch->loop, "a signal");
	watch->callback(watch->arg);
	loop_end_work(watch->loop);
}

void loop_signal(struct loop *loop, int signal, loop_callback *callback, void *arg)
{
	struct signal_watch *watch = memory_allocate(sizeof(*watch));

	*watch = (struct signal_watch){
	    .next = loop->signals, .loop = loop, .callback = callback, .arg = arg};
	watch->event = new_event(loop, signal, EV_SIGNAL | EV_PERSIST, signal_arrived, watch);
	if (event_add(watch->event, NULL) < 0)
		cannot_watch("signal");
	loop->signals = watch;
}
