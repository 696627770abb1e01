/*
 * A clock that the test moves: it takes the place of clock_gettime() in the whole process, so that
 * minutes pass in no time.  The CPU time that was used stays what it was.  Include it in one file of
 * a test.
 */
#ifndef TESTS_UNIT_CLOCK_H
#define TESTS_UNIT_CLOCK_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ahead_ms;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	long failed = syscall(SYS_clock_gettime, clock, now);

	if (clock == CLOCK_THREAD_CPUTIME_ID || clock == CLOCK_PROCESS_CPUTIME_ID)
		return (int)failed;
	now->tv_sec += (time_t)(clock_ahead_ms / 1000);
	now->tv_nsec += (long)(clock_ahead_ms % 1000) * 1000000;
	if (now->tv_nsec >= 1000000000) {
		now->tv_nsec -= 1000000000;
		now->tv_sec++;
	}
	return (int)failed;
}

#endif
