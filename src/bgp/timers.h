/*
 * The timers of one connection (RFC 4271 8.1, 10) as numbers: which runs until when, and which has
 * expired.  It reads no clock.  Used by machine.c only.
 */
#ifndef BGP_TIMERS_H
#define BGP_TIMERS_H

#include <stdint.h>

#include "bgp/fsm.h"

/* Zeroed, none runs.  Times are in milliseconds. */
struct bgp_timers {
	uint32_t hold_ms; /* counted from `heard_at`; 0: not running */
	uint32_t keepalive_ms; /* counted from `spoke_at`; 0: not running */
	uint64_t heard_at;
	uint64_t spoke_at;
	uint64_t connect_retry_at; /* 0: not running */
	uint64_t delay_open_at; /* 0: not running */
};

/* When the first may expire, or UINT64_MAX if none runs. */
uint64_t bgp_timers_next(const struct bgp_timers *timers);
/* Stops one timer that has expired at `now` and returns its event; 0 if none has. */
enum bgp_event bgp_timers_expire(struct bgp_timers *timers, uint64_t now);

#endif
