/*
 * The server's Retry-After is a lower bound that all its clients have been given at the same time:
 * the jitter is added to it, or they would all be back in the same second.
 */
#include "k8s/backoff.h"

#include "base/hash.h"

/* Doubling more often is beyond every limit. */
#define DOUBLINGS_MAX 20

struct k8s_backoff k8s_backoff_new(uint32_t first_ms, uint32_t limit_ms, uint64_t seed)
{
	return (struct k8s_backoff){.first_ms = first_ms, .limit_ms = limit_ms, .random = seed};
}

uint64_t k8s_backoff_random(struct k8s_backoff *backoff, uint64_t low, uint64_t high)
{
	backoff->random += 0x9e3779b97f4a7c15u;
	return low + hash_u64(backoff->random) % (high - low + 1);
}

static uint64_t longest_wait(const struct k8s_backoff *backoff)
{
	const uint32_t doublings =
	    backoff->failures < DOUBLINGS_MAX ? backoff->failures : DOUBLINGS_MAX;
	const uint64_t wait = (uint64_t)backoff->first_ms << doublings;

	return wait < backoff->limit_ms ? wait : backoff->limit_ms;
}

uint64_t k8s_backoff_fail(struct k8s_backoff *backoff, uint64_t retry_after_ms)
{
	uint64_t wait = longest_wait(backoff);

	wait = k8s_backoff_random(backoff, wait / 2, wait);
	backoff->failures += backoff->failures < UINT32_MAX;
	if (retry_after_ms > K8S_RETRY_AFTER_MAX_MS)
		retry_after_ms = K8S_RETRY_AFTER_MAX_MS;
	return retry_after_ms + wait;
}

void k8s_backoff_succeed(struct k8s_backoff *backoff)
{
	backoff->failures = 0;
}

void k8s_backoff_last(struct k8s_backoff *backoff, uint64_t lasted_ms)
{
	if (lasted_ms > longest_wait(backoff))
		k8s_backoff_succeed(backoff);
}
