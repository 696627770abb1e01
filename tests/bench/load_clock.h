/* The load generator's clock: seconds since some moment in the past. */
#ifndef LOAD_CLOCK_H
#define LOAD_CLOCK_H

#include <time.h>

static inline double load_clock(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#endif
