/*
 * Hold and keepalive timers begin anew with every message, so they are kept as a length and the
 * time from which it counts: a message only notes when it came or went, and nothing has to be
 * looked at until the one timer of the event loop fires.  Of several that have expired the one that
 * ends the connection comes before the one that would say something on it.
 */
#include "bgp/timers.h"

static uint64_t end_of(uint64_t from, uint32_t length_ms)
{
	return length_ms ? from + length_ms : UINT64_MAX;
}

static uint64_t or_never(uint64_t at)
{
	return at ? at : UINT64_MAX;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t bgp_timers_next(const struct bgp_timers *timers)
{
	uint64_t opening =
	    smaller(or_never(timers->connect_retry_at), or_never(timers->delay_open_at));
	uint64_t open = smaller(end_of(timers->heard_at, timers->hold_ms),
	    end_of(timers->spoke_at, timers->keepalive_ms));

	return smaller(opening, open);
}

enum bgp_event bgp_timers_expire(struct bgp_timers *timers, uint64_t now)
{
	if (now >= or_never(timers->connect_retry_at)) {
		timers->connect_retry_at = 0;
		return BGP_EVENT_CONNECT_RETRY_EXPIRES;
	}
	if (now >= or_never(timers->delay_open_at)) {
		timers->delay_open_at = 0;
		return BGP_EVENT_DELAY_OPEN_EXPIRES;
	}
	if (now >= end_of(timers->heard_at, timers->hold_ms)) {
		timers->hold_ms = 0;
		return BGP_EVENT_HOLD_EXPIRES;
	}
	if (now >= end_of(timers->spoke_at, timers->keepalive_ms)) {
		timers->keepalive_ms = 0;
		return BGP_EVENT_KEEPALIVE_EXPIRES;
	}
	return (enum bgp_event)0;
}
