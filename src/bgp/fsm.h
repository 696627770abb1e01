/*
 * The finite state machine of RFC 4271 section 8 as a pure function: (state, event) gives the next
 * state and what is to be done.  It holds no timer, socket or message; one connection of a session
 * runs one instance.  machine.c carries out the actions, in the order of their bits.
 */
#ifndef BGP_FSM_H
#define BGP_FSM_H

#include <stdbool.h>
#include <stdint.h>

#include "bgp/types.h"

/* RFC 4271 8.1, with the RFC's numbers. */
enum bgp_event {
	BGP_EVENT_MANUAL_START = 1,
	BGP_EVENT_MANUAL_STOP = 2,
	BGP_EVENT_AUTOMATIC_START = 3,
	BGP_EVENT_MANUAL_START_PASSIVE = 4,
	BGP_EVENT_AUTOMATIC_START_PASSIVE = 5,
	BGP_EVENT_AUTOMATIC_START_DAMPED = 6,
	BGP_EVENT_AUTOMATIC_START_DAMPED_PASSIVE = 7,
	BGP_EVENT_AUTOMATIC_STOP = 8,
	BGP_EVENT_CONNECT_RETRY_EXPIRES = 9,
	BGP_EVENT_HOLD_EXPIRES = 10,
	BGP_EVENT_KEEPALIVE_EXPIRES = 11,
	BGP_EVENT_DELAY_OPEN_EXPIRES = 12,
	BGP_EVENT_IDLE_HOLD_EXPIRES = 13,
	BGP_EVENT_TCP_VALID = 14,
	BGP_EVENT_TCP_INVALID = 15,
	BGP_EVENT_TCP_REQUEST_ACKED = 16,
	BGP_EVENT_TCP_CONFIRMED = 17,
	BGP_EVENT_TCP_FAILS = 18,
	BGP_EVENT_OPEN = 19,
	BGP_EVENT_OPEN_WITH_DELAY_RUNNING = 20,
	BGP_EVENT_HEADER_ERROR = 21,
	BGP_EVENT_OPEN_ERROR = 22,
	BGP_EVENT_COLLISION_DUMP = 23,
	BGP_EVENT_NOTIFICATION_VERSION_ERROR = 24,
	BGP_EVENT_NOTIFICATION = 25,
	BGP_EVENT_KEEPALIVE = 26,
	BGP_EVENT_UPDATE = 27,
	BGP_EVENT_UPDATE_ERROR = 28,
	BGP_EVENTS
};

/* What the caller does, lowest bit first. */
enum bgp_action {
	BGP_ACTION_SEND_OPEN = 1 << 0,
	BGP_ACTION_SEND_KEEPALIVE = 1 << 1,
	BGP_ACTION_SEND_NOTIFICATION = 1
				       << 2, /* the result's code and subcode, or the error's own */
	BGP_ACTION_DROP_CONNECTION = 1 << 3,
	BGP_ACTION_RELEASE_ROUTES = 1 << 4,
	BGP_ACTION_CONNECT = 1 << 5, /* open a TCP connection */
	BGP_ACTION_START_CONNECT_RETRY = 1 << 6,
	BGP_ACTION_STOP_CONNECT_RETRY = 1 << 7,
	BGP_ACTION_START_HOLD_LARGE = 1 << 8, /* 4 minutes, until the OPEN has come (8.2.2) */
	BGP_ACTION_START_HOLD = 1 << 9, /* the negotiated time; also restarts it */
	BGP_ACTION_START_KEEPALIVE = 1 << 10,
	BGP_ACTION_STOP_TIMERS = 1 << 11, /* hold and keepalive */
	BGP_ACTION_START_DELAY_OPEN = 1 << 12,
	BGP_ACTION_STOP_DELAY_OPEN = 1 << 13,
	BGP_ACTION_COUNT_RETRY = 1 << 14, /* ConnectRetryCounter += 1 */
	BGP_ACTION_CLEAR_RETRY = 1 << 15, /* ConnectRetryCounter = 0 */
	BGP_ACTION_PROCESS_UPDATE = 1 << 16,
	BGP_ACTION_ESTABLISHED = 1 << 17, /* tell the user of the session */
	BGP_ACTION_START_IDLE_HOLD = 1 << 18 /* DampPeerOscillations: start again later (8.1.1) */
};

/* The optional session attributes of 8.1.1, and the one timer, that change what happens. */
struct bgp_fsm_options {
	bool delay_open; /* DelayOpen: wait for the peer's OPEN first */
	bool passive; /* PassiveTcpEstablishment */
	bool damp; /* DampPeerOscillations */
	bool delay_open_running; /* the DelayOpenTimer is running now */
};

struct bgp_fsm_result {
	enum bgp_state state;
	uint32_t actions; /* of enum bgp_action, or'ed */
	uint8_t code; /* NOTIFICATION to send, if the event brings none itself */
	uint8_t subcode;
};

struct bgp_fsm_result bgp_fsm_step(
    enum bgp_state state, enum bgp_event event, const struct bgp_fsm_options *options);

/* "Idle" .. "Established". */
const char *bgp_state_name(enum bgp_state state);
/* "TcpConnectionFails", as in the RFC. */
const char *bgp_event_name(enum bgp_event event);

#endif
