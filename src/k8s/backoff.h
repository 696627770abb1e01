/*
 * How long to wait before a failed request is made again: twice as long each time, up to a limit,
 * and somewhere between the half and the whole of it, so that a thousand nodes that lost the same
 * API server do not come back at once.  A value; reads no clock.
 */
#ifndef K8S_BACKOFF_H
#define K8S_BACKOFF_H

#include <stdint.h>

/* Longest wait that a server can ask for by Retry-After. */
#define K8S_RETRY_AFTER_MAX_MS 300000

struct k8s_backoff {
	uint32_t first_ms;
	uint32_t limit_ms;
	uint32_t failures; /* in a row */
	uint64_t random; /* state; not zero */
};

struct k8s_backoff k8s_backoff_new(uint32_t first_ms, uint32_t limit_ms, uint64_t seed);
/* One more failure: milliseconds to wait, not less than the server asks for (0: it does not). */
uint64_t k8s_backoff_fail(struct k8s_backoff *backoff, uint64_t retry_after_ms);
/* What was asked for has been got. */
void k8s_backoff_succeed(struct k8s_backoff *backoff);
/* The same if it was got for longer than the next wait can be. */
void k8s_backoff_last(struct k8s_backoff *backoff, uint64_t lasted_ms);
/* A number from `low` to `high`. */
uint64_t k8s_backoff_random(struct k8s_backoff *backoff, uint64_t low, uint64_t high);

#endif
