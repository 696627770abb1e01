/*
 * A clock that the test moves: it takes the place of clock_gettime() in the whole process, so that
 * minutes pass in no time.  A machine that stands still for seconds does not move it by them: what
 * lies between two looks at it counts for CLOCK_STEP_NS at most, so that nothing is over before the
 * test could see it.  Who waits for something therefore waits in steps that are no longer.  The CPU
 * time that was used stays what it was.  Include it in one source file of a test.
 */
#ifndef TESTS_UNIT_CLOCK_H
#define TESTS_UNIT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CLOCK_STEP_NS 20000000

static uint64_t clock_ahead_ms;

static int64_t clock_true_ns(clockid_t clock)
{
	struct timespec now = {0, 0};

	syscall(SYS_clock_gettime, clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	const bool is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
	static int64_t last, lost, to_wall;
	int64_t time;

	if (!is_wall && clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE)
		return (int)syscall(SYS_clock_gettime, clock, now);
	time = clock_true_ns(CLOCK_MONOTONIC);
	if (!last)
		to_wall = clock_true_ns(CLOCK_REALTIME) - time;
	else if (time - last > CLOCK_STEP_NS)
		lost += time - last - CLOCK_STEP_NS;
	last = time;
	time += (int64_t)clock_ahead_ms * 1000000 - lost;
	if (is_wall)
		time += to_wall;
	now->tv_sec = (time_t)(time / 1000000000);
	now->tv_nsec = (long)(time % 1000000000);
	return 0;
}

#endif
