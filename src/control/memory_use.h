/*
 * What the tables of this process take from the system, by their own account.  Called by
 * show_status.c and metrics.c.
 */
#ifndef CONTROL_MEMORY_USE_H
#define CONTROL_MEMORY_USE_H

#include <stdint.h>

#include "speaker/speaker.h"

/* In bytes, room that is empty or spare included. */
struct memory_use {
	uint64_t prefixes; /* and the first path of each */
	uint64_t paths; /* further ones */
	uint64_t attributes; /* sets and next hops */
	uint64_t changes; /* of a turn, for those who are told of them */
	uint64_t streams; /* what neighbours have been and are to be sent */
	uint64_t fib;
	uint64_t cluster; /* objects of Kubernetes */
	uint64_t queues; /* bytes on their way to neighbours, those that go to many counted once */
};

struct memory_use memory_use_of(const struct speaker *speaker);

#endif
