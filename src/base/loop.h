/*
 * The event loop: readiness of descriptors, timers, signals, and work deferred to the end of the
 * turn, over libevent.  A turn is: wait, run what became ready, run the deferred tasks.  What
 * happens many times in a turn (a prefix that changes) is acted on once, in a deferred task.  The
 * loop also measures itself: the longest turn and a histogram, without the wait.
 *
 * Turns are kept short, so that no neighbour's keepalive and no question of an operator waits: what
 * is ready has a share of the time of a turn, then the tasks have one.  What has not had its turn
 * when the share is over comes first in the next one.  Whoever has much to do asks now and then
 * whether it is over (loop_should_yield()), and goes on in a task of its own.
 *
 * Time is monotonic, in milliseconds; code that must be testable takes it as a number instead.
 * Watches, timers and tasks are embedded in their owner, who removes them before it is freed.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;
struct loop;

typedef void loop_callback(void *arg);

enum loop_readiness { LOOP_READ = 1, LOOP_WRITE = 2 };

/* A watched descriptor; zeroed is not watching. */
struct loop_watch {
	struct loop *loop;
	struct event *read_event;
	struct event *write_event;
	unsigned wanted; /* enum loop_readiness, or'ed */
	loop_callback *on_read;
	loop_callback *on_write;
	void *arg;
};

/* A one-shot timer; zeroed is not running. */
struct loop_timer {
	struct loop *loop;
	struct event *event;
	loop_callback *callback;
	void *arg;
	uint64_t deadline; /* loop_now() at which it fires; 0: not running */
};

/* A task that runs at the end of the turn in which it was scheduled; zeroed is not scheduled. */
struct loop_task {
	loop_callback *callback;
	void *arg;
	struct loop_task *next;
	struct loop_task *previous;
	uint64_t last_turn; /* in which it ran */
	bool scheduled;
};

/* One turn, and what took most of it; all zero: none yet. */
struct loop_turn {
	uint64_t duration_us;
	uint64_t cpu_us; /* of these this process ran; the rest others had */
	const char *work; /* the callback or task that ran longest, see loop_name_work() */
	uint64_t work_us;
	uint64_t at; /* loop_now() of its end */
};

struct loop_statistics {
	uint64_t turns; /* in which a callback or task ran */
	struct loop_turn longest; /* by the clock: what others had to wait */
	struct loop_turn
	    busiest; /* by the time of the processor: what this process is to blame for */
	uint64_t buckets[8]; /* turns of at most 100 us, 300 us, 1, 3, 10, 30, 100 ms, and longer */
};

struct loop *loop_new(void);
void loop_free(struct loop *loop);
/*
 * Runs turns until loop_stop(), which lets the turn end; returns false if the loop cannot wait at
 * all or nothing is left that could ever happen.
 */
bool loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Runs one turn; waits at most `wait_ms` (-1: until something happens).  For tests. */
void loop_run_once(struct loop *loop, int wait_ms);
/* Monotonic milliseconds; the same number during one callback is not promised. */
uint64_t loop_now(const struct loop *loop);
/*
 * True if what runs now has had its share of the turn: who has more to do schedules a task and
 * returns.  Costs a look at the clock.  NULL (tests, benches): never.
 */
bool loop_should_yield(const struct loop *loop);
/*
 * For tasks: true if some of what was ready found no time in this turn and comes in the next one,
 * so that soon there will be more to act on at once.  NULL: never.
 */
bool loop_has_more_ready(const struct loop *loop);
/* What callbacks and tasks have of a turn, each; 0: whoever asks has to yield at once (tests). */
void loop_set_share(struct loop *loop, uint64_t microseconds);
/*
 * Says what the callback or task that runs now does, for the statistics; the text is not copied.
 * Without it they know the kind only, "a timer" and so on.  NULL: does nothing.
 */
void loop_name_work(struct loop *loop, const char *name);
/*
 * The libevent base, for libevent's own HTTP.  What libevent calls back for that has these two
 * around it, and so is measured, and has its share, as the callbacks of this loop.
 */
struct event_base *loop_event_base(struct loop *loop);
void loop_begin_work(struct loop *loop, const char *name);
void loop_end_work(struct loop *loop);
const struct loop_statistics *loop_statistics(const struct loop *loop);

/*
 * Begins to watch, for reading if `on_read` is given; loop_watch_set() changes that.  A callback
 * may be NULL if its readiness is never asked for.
 */
void loop_watch_start(struct loop *loop, struct loop_watch *watch, int fd, loop_callback *on_read,
    loop_callback *on_write, void *arg);
/*
 * Which readiness (of enum loop_readiness, or'ed) is wanted from now on; 0: none.  Does nothing on
 * a watch that was stopped.
 */
void loop_watch_set(struct loop_watch *watch, unsigned readiness);
/*
 * Calls on_read in a turn to come although nothing may have arrived: for who has read more than it
 * had time for.
 */
void loop_watch_repeat(struct loop_watch *watch);
/* Before the descriptor is closed; harmless on a zeroed or stopped one, allowed in a callback. */
void loop_watch_stop(struct loop_watch *watch);

/* Binds the timer to its callback; call once before the others. */
void loop_timer_init(
    struct loop *loop, struct loop_timer *timer, loop_callback *callback, void *arg);
/* (Re)starts it to fire once after `delay_ms`; the callback may start it again. */
void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_is_running(const struct loop_timer *timer);
/* Stops and releases it; harmless on a zeroed one, allowed in its callback. */
void loop_timer_free(struct loop_timer *timer);

void loop_task_init(struct loop_task *task, loop_callback *callback, void *arg);
/*
 * Schedules it for the end of this turn, also from within another task; nothing happens if it is
 * scheduled already.  A task that has run in this turn, or finds no time left in it, gets the next
 * one, which then does not wait: this is how long work is cut into short turns.
 */
void loop_task_schedule(struct loop *loop, struct loop_task *task);
/* Harmless on one that is not scheduled. */
void loop_task_cancel(struct loop *loop, struct loop_task *task);

/* Calls back for a signal until the loop is freed. */
void loop_signal(struct loop *loop, int signal, loop_callback *callback, void *arg);

#endif
