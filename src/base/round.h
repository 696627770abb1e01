/*
 * A walk over ids, in slices, that can be asked for again at any time: it then goes on until it has
 * come round to where it was, so that every request has seen every id, and none waits for another.
 * Ids that are added meanwhile are passed too, at most once.  The ids begin at 0.
 */
#ifndef BASE_ROUND_H
#define BASE_ROUND_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed does not run. */
struct round {
	uint32_t at; /* next id; kept from walk to walk */
	uint32_t stop; /* the walk is over when it comes here again */
	bool running;
	bool wrapped; /* it has been at the end, and goes on from the beginning */
};

static inline void round_start(struct round *round)
{
	round->stop = round->at;
	round->wrapped = false;
	round->running = true;
}

/* The next id, below `limit`; false: the walk does not run, or has just come to its end. */
static inline bool round_next(struct round *round, uint32_t limit, uint32_t *id)
{
	if (!round->running)
		return false;
	if (round->at >= limit && !round->wrapped) {
		round->wrapped = true;
		round->at = 0;
	}
	if (round->wrapped && (round->at >= limit || round->at >= round->stop)) {
		round->running = false;
		return false;
	}
	*id = round->at++;
	return true;
}

#endif
