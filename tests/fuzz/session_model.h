/*
 * What RFC 4271 8.2.2 makes of a connection that the neighbour opened, as one table that shares
 * nothing with bgp/fsm.c: in which state, after which event, comes which state, and what is said.
 * For fuzz_session.c, which holds a running session against it.
 */
#ifndef FUZZ_SESSION_MODEL_H
#define FUZZ_SESSION_MODEL_H

#include <stdint.h>

#include "bgp/notification.h"
#include "bgp/types.h"

enum model_state {
	MODEL_DOWN, /* no connection: Idle, or Active */
	MODEL_DELAYED, /* connected, the DelayOpenTimer runs: Active */
	MODEL_OPEN_SENT,
	MODEL_OPEN_CONFIRM,
	MODEL_ESTABLISHED,
	MODEL_STATES
};

enum model_event {
	MODEL_GOOD_OPEN,
	MODEL_BAD_OPEN,
	MODEL_KEEPALIVE,
	MODEL_UPDATE,
	MODEL_BAD_UPDATE,
	MODEL_REFRESH,
	MODEL_BAD_REFRESH,
	MODEL_NOTIFICATION,
	MODEL_BAD_HEADER,
	MODEL_CLOSED, /* by the neighbour */
	MODEL_HOLD_EXPIRES,
	MODEL_DELAY_EXPIRES,
	MODEL_STOP, /* by the user */
	MODEL_REPLACED, /* by another connection of the neighbour */
	MODEL_EVENTS
};

/* What is said, and with which NOTIFICATION. */
enum model_reply {
	MODEL_SILENCE,
	MODEL_SAYS_OPEN,
	MODEL_SAYS_KEEPALIVE,
	MODEL_SAYS_BOTH,
	MODEL_SAYS_WHY, /* the error's own code and subcode */
	MODEL_SAYS_FSM, /* code 5, the subcode of the state (RFC 6608) */
	MODEL_SAYS_HOLD, /* code 4 */
	MODEL_SAYS_COLLISION /* code 6, subcode 7 */
};

struct model_step {
	uint8_t next; /* enum model_state */
	uint8_t reply; /* enum model_reply */
};

/* A missing entry is { MODEL_DOWN, MODEL_SILENCE }: released without a word. */
static const struct model_step model_steps[MODEL_STATES][MODEL_EVENTS] =
    {
	[MODEL_DELAYED] =
	    {
		[MODEL_GOOD_OPEN] = {MODEL_OPEN_CONFIRM, MODEL_SAYS_BOTH},
		[MODEL_DELAY_EXPIRES] = {MODEL_OPEN_SENT, MODEL_SAYS_OPEN},
	    },
	[MODEL_OPEN_SENT] =
	    {
		[MODEL_GOOD_OPEN] = {MODEL_OPEN_CONFIRM, MODEL_SAYS_KEEPALIVE},
		[MODEL_BAD_OPEN] = {MODEL_DOWN, MODEL_SAYS_WHY},
		[MODEL_KEEPALIVE] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_UPDATE] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_BAD_UPDATE] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_REFRESH] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_BAD_REFRESH] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_BAD_HEADER] = {MODEL_DOWN, MODEL_SAYS_WHY},
		[MODEL_HOLD_EXPIRES] = {MODEL_DOWN, MODEL_SAYS_HOLD},
		[MODEL_STOP] = {MODEL_DOWN, MODEL_SAYS_WHY},
		[MODEL_REPLACED] = {MODEL_DOWN, MODEL_SAYS_COLLISION},
	    },
	[MODEL_OPEN_CONFIRM] =
	    {
		[MODEL_GOOD_OPEN] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_BAD_OPEN] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_KEEPALIVE] = {MODEL_ESTABLISHED, MODEL_SILENCE},
		[MODEL_UPDATE] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_BAD_UPDATE] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_REFRESH] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_BAD_REFRESH] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_BAD_HEADER] = {MODEL_DOWN, MODEL_SAYS_WHY},
		[MODEL_HOLD_EXPIRES] = {MODEL_DOWN, MODEL_SAYS_HOLD},
		[MODEL_STOP] = {MODEL_DOWN, MODEL_SAYS_WHY},
	    },
	[MODEL_ESTABLISHED] =
	    {
		[MODEL_GOOD_OPEN] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_BAD_OPEN] = {MODEL_DOWN, MODEL_SAYS_FSM},
		[MODEL_KEEPALIVE] = {MODEL_ESTABLISHED, MODEL_SILENCE},
		[MODEL_UPDATE] = {MODEL_ESTABLISHED, MODEL_SILENCE},
		[MODEL_BAD_UPDATE] = {MODEL_DOWN, MODEL_SAYS_WHY},
		[MODEL_REFRESH] = {MODEL_ESTABLISHED, MODEL_SILENCE},
		[MODEL_BAD_REFRESH] = {MODEL_DOWN, MODEL_SAYS_WHY},
		[MODEL_BAD_HEADER] = {MODEL_DOWN, MODEL_SAYS_WHY},
		[MODEL_HOLD_EXPIRES] = {MODEL_DOWN, MODEL_SAYS_HOLD},
		[MODEL_STOP] = {MODEL_DOWN, MODEL_SAYS_WHY},
	    },
};

#endif
