/*
 * The state machine of RFC 4271 8.2.2, one function per state, one case per paragraph of the RFC,
 * so that it can be checked against the text by eye.  A function is given the event and the
 * options and returns the next state and a set of actions; nothing else is read or written.
 *
 * "Releases all BGP resources" is in the RFC's paragraphs what DROP_CONNECTION does together with
 * STOP_TIMERS; RELEASE_ROUTES is what only a session that was Established has to do.
 *
 * Where the RFC leaves room or contradicts itself:
 * - Damping (6, 7, 13): a damped start begins the IdleHoldTimer, and its expiry really starts.
 * - A NOTIFICATION (24, 25) is never answered with one, also in OpenSent, where 8.2.2 counts
 *   event 25 among those that cause an FSM error: 6.4 knows no answer to it.
 * - A header error (21) in Established is told as such (6.1), not as an FSM error.
 * - An OPEN (19) on a connection that already had one is an FSM error (RFC 6608); that the OPEN
 *   of another connection makes this one the loser of a collision is event 23.
 */
#include "bgp/fsm.h"

#include <stddef.h>

#include "bgp/notification.h"

enum {
	/* The connection and all that belongs to it goes. */
	CLOSE = BGP_ACTION_DROP_CONNECTION | BGP_ACTION_STOP_CONNECT_RETRY |
		BGP_ACTION_STOP_TIMERS | BGP_ACTION_STOP_DELAY_OPEN,
	/* The usual end of an error: ConnectRetryCounter += 1, and peer oscillation damping. */
	COUNT = BGP_ACTION_COUNT_RETRY | BGP_ACTION_START_IDLE_HOLD,
	/* The OPEN has come: negotiated timers run. */
	CONFIRM = BGP_ACTION_SEND_KEEPALIVE | BGP_ACTION_STOP_CONNECT_RETRY |
		  BGP_ACTION_STOP_DELAY_OPEN | BGP_ACTION_START_HOLD | BGP_ACTION_START_KEEPALIVE,
	/* The OPEN leaves, and the neighbour's has four minutes to come. */
	OPEN = BGP_ACTION_SEND_OPEN | BGP_ACTION_STOP_CONNECT_RETRY | BGP_ACTION_STOP_DELAY_OPEN |
	       BGP_ACTION_START_HOLD_LARGE
};

typedef struct bgp_fsm_result state_function(
    enum bgp_event event, const struct bgp_fsm_options *options);

static struct bgp_fsm_result go(enum bgp_state state, uint32_t actions)
{
	return (struct bgp_fsm_result){.state = state, .actions = actions};
}

/* To Idle with the NOTIFICATION that the event brings itself. */
static struct bgp_fsm_result fail(uint32_t actions)
{
	return go(BGP_STATE_IDLE, BGP_ACTION_SEND_NOTIFICATION | CLOSE | actions);
}

static struct bgp_fsm_result fail_with(uint8_t code, uint8_t subcode, uint32_t actions)
{
	struct bgp_fsm_result result = fail(actions);

	result.code = code;
	result.subcode = subcode;
	return result;
}

/* The one state in which an event is of no consequence. */
static struct bgp_fsm_result stay(enum bgp_state state)
{
	return go(state, 0);
}

static struct bgp_fsm_result start(bool passive)
{
	if (passive)
		return go(
		    BGP_STATE_ACTIVE, BGP_ACTION_CLEAR_RETRY | BGP_ACTION_START_CONNECT_RETRY);
	return go(BGP_STATE_CONNECT,
	    BGP_ACTION_CLEAR_RETRY | BGP_ACTION_START_CONNECT_RETRY | BGP_ACTION_CONNECT);
}

static struct bgp_fsm_result step_idle(enum bgp_event event, const struct bgp_fsm_options *options)
{
	switch (event) {
	case BGP_EVENT_MANUAL_START:
	case BGP_EVENT_AUTOMATIC_START:
		return start(false);
	case BGP_EVENT_MANUAL_START_PASSIVE:
	case BGP_EVENT_AUTOMATIC_START_PASSIVE:
		return start(true);
	case BGP_EVENT_AUTOMATIC_START_DAMPED:
	case BGP_EVENT_AUTOMATIC_START_DAMPED_PASSIVE:
		return go(BGP_STATE_IDLE, BGP_ACTION_START_IDLE_HOLD);
	case BGP_EVENT_IDLE_HOLD_EXPIRES:
		return options->damp ? start(options->passive) : stay(BGP_STATE_IDLE);
	/* "Refuses all incoming BGP connections for this peer". */
	case BGP_EVENT_TCP_VALID:
	case BGP_EVENT_TCP_REQUEST_ACKED:
	case BGP_EVENT_TCP_CONFIRMED:
		return go(BGP_STATE_IDLE, BGP_ACTION_DROP_CONNECTION);
	default:
		return stay(BGP_STATE_IDLE);
	}
}

/* Events 16 and 17 in Connect and in Active. */
static struct bgp_fsm_result connection_is_up(
    enum bgp_state state, const struct bgp_fsm_options *options)
{
	if (options->delay_open)
		return go(state, BGP_ACTION_STOP_CONNECT_RETRY | BGP_ACTION_START_DELAY_OPEN);
	return go(BGP_STATE_OPEN_SENT, OPEN);
}

/* Event 24 in Connect and in Active. */
static struct bgp_fsm_result version_refused(const struct bgp_fsm_options *options)
{
	return go(BGP_STATE_IDLE, options->delay_open_running ? CLOSE : CLOSE | COUNT);
}

static struct bgp_fsm_result step_connect(
    enum bgp_event event, const struct bgp_fsm_options *options)
{
	switch (event) {
	case BGP_EVENT_MANUAL_START:
	case BGP_EVENT_AUTOMATIC_START:
	case BGP_EVENT_MANUAL_START_PASSIVE:
	case BGP_EVENT_AUTOMATIC_START_PASSIVE:
	case BGP_EVENT_AUTOMATIC_START_DAMPED:
	case BGP_EVENT_AUTOMATIC_START_DAMPED_PASSIVE:
	case BGP_EVENT_TCP_VALID:
	case BGP_EVENT_TCP_INVALID:
		return stay(BGP_STATE_CONNECT);
	case BGP_EVENT_MANUAL_STOP:
		return go(BGP_STATE_IDLE, CLOSE | BGP_ACTION_CLEAR_RETRY);
	case BGP_EVENT_CONNECT_RETRY_EXPIRES:
		return go(BGP_STATE_CONNECT, BGP_ACTION_DROP_CONNECTION |
						 BGP_ACTION_START_CONNECT_RETRY |
						 BGP_ACTION_STOP_DELAY_OPEN | BGP_ACTION_CONNECT);
	case BGP_EVENT_DELAY_OPEN_EXPIRES:
		return go(BGP_STATE_OPEN_SENT, OPEN);
	case BGP_EVENT_TCP_REQUEST_ACKED:
	case BGP_EVENT_TCP_CONFIRMED:
		return connection_is_up(BGP_STATE_CONNECT, options);
	case BGP_EVENT_TCP_FAILS:
		if (!options->delay_open_running)
			return go(BGP_STATE_IDLE, CLOSE);
		return go(BGP_STATE_ACTIVE, BGP_ACTION_DROP_CONNECTION |
						BGP_ACTION_START_CONNECT_RETRY |
						BGP_ACTION_STOP_DELAY_OPEN);
	case BGP_EVENT_OPEN_WITH_DELAY_RUNNING:
		return go(BGP_STATE_OPEN_CONFIRM, BGP_ACTION_SEND_OPEN | CONFIRM);
	case BGP_EVENT_NOTIFICATION_VERSION_ERROR:
		return version_refused(options);
	/* 21 and 22 too: SendNOTIFICATIONwithoutOPEN is not supported. */
	default:
		return go(BGP_STATE_IDLE, CLOSE | COUNT);
	}
}

static struct bgp_fsm_result step_active(
    enum bgp_event event, const struct bgp_fsm_options *options)
{
	switch (event) {
	case BGP_EVENT_MANUAL_START:
	case BGP_EVENT_AUTOMATIC_START:
	case BGP_EVENT_MANUAL_START_PASSIVE:
	case BGP_EVENT_AUTOMATIC_START_PASSIVE:
	case BGP_EVENT_AUTOMATIC_START_DAMPED:
	case BGP_EVENT_AUTOMATIC_START_DAMPED_PASSIVE:
	case BGP_EVENT_TCP_VALID:
	case BGP_EVENT_TCP_INVALID:
		return stay(BGP_STATE_ACTIVE);
	case BGP_EVENT_MANUAL_STOP:
		return go(BGP_STATE_IDLE, CLOSE | BGP_ACTION_CLEAR_RETRY);
	case BGP_EVENT_CONNECT_RETRY_EXPIRES:
		return go(BGP_STATE_CONNECT, BGP_ACTION_START_CONNECT_RETRY | BGP_ACTION_CONNECT);
	case BGP_EVENT_DELAY_OPEN_EXPIRES:
		return go(BGP_STATE_OPEN_SENT, OPEN);
	case BGP_EVENT_TCP_REQUEST_ACKED:
	case BGP_EVENT_TCP_CONFIRMED:
		return connection_is_up(BGP_STATE_ACTIVE, options);
	case BGP_EVENT_TCP_FAILS:
		/* The RFC restarts the ConnectRetryTimer here, which Idle then ignores. */
		return go(BGP_STATE_IDLE, CLOSE | COUNT);
	case BGP_EVENT_OPEN_WITH_DELAY_RUNNING:
		return go(BGP_STATE_OPEN_CONFIRM, BGP_ACTION_SEND_OPEN | CONFIRM);
	case BGP_EVENT_NOTIFICATION_VERSION_ERROR:
		return version_refused(options);
	default:
		return go(BGP_STATE_IDLE, CLOSE | COUNT);
	}
}

static struct bgp_fsm_result step_open_sent(
    enum bgp_event event, const struct bgp_fsm_options *options)
{
	(void)options;
	switch (event) {
	case BGP_EVENT_MANUAL_START:
	case BGP_EVENT_AUTOMATIC_START:
	case BGP_EVENT_MANUAL_START_PASSIVE:
	case BGP_EVENT_AUTOMATIC_START_PASSIVE:
	case BGP_EVENT_AUTOMATIC_START_DAMPED:
	case BGP_EVENT_AUTOMATIC_START_DAMPED_PASSIVE:
	/* A second connection has a state machine of its own until the collision is resolved. */
	case BGP_EVENT_TCP_VALID:
	case BGP_EVENT_TCP_INVALID:
	case BGP_EVENT_TCP_REQUEST_ACKED:
	case BGP_EVENT_TCP_CONFIRMED:
		return stay(BGP_STATE_OPEN_SENT);
	case BGP_EVENT_MANUAL_STOP:
		return fail_with(BGP_ERROR_CEASE, 0, BGP_ACTION_CLEAR_RETRY);
	case BGP_EVENT_AUTOMATIC_STOP:
		return fail_with(BGP_ERROR_CEASE, 0, COUNT);
	case BGP_EVENT_HOLD_EXPIRES:
		return fail_with(BGP_ERROR_HOLD_TIMER, 0, COUNT);
	case BGP_EVENT_TCP_FAILS:
		return go(BGP_STATE_ACTIVE, BGP_ACTION_DROP_CONNECTION |
						BGP_ACTION_START_CONNECT_RETRY |
						BGP_ACTION_STOP_TIMERS);
	case BGP_EVENT_OPEN:
		return go(BGP_STATE_OPEN_CONFIRM, CONFIRM);
	case BGP_EVENT_HEADER_ERROR:
	case BGP_EVENT_OPEN_ERROR:
		return fail(COUNT);
	case BGP_EVENT_COLLISION_DUMP:
		return fail_with(BGP_ERROR_CEASE, BGP_CEASE_COLLISION, COUNT);
	case BGP_EVENT_NOTIFICATION_VERSION_ERROR:
		return go(BGP_STATE_IDLE, CLOSE);
	case BGP_EVENT_NOTIFICATION:
		return go(BGP_STATE_IDLE, CLOSE | COUNT);
	default:
		return fail_with(BGP_ERROR_FSM, BGP_FSM_IN_OPEN_SENT, COUNT);
	}
}

static struct bgp_fsm_result step_open_confirm(
    enum bgp_event event, const struct bgp_fsm_options *options)
{
	(void)options;
	switch (event) {
	case BGP_EVENT_MANUAL_START:
	case BGP_EVENT_AUTOMATIC_START:
	case BGP_EVENT_MANUAL_START_PASSIVE:
	case BGP_EVENT_AUTOMATIC_START_PASSIVE:
	case BGP_EVENT_AUTOMATIC_START_DAMPED:
	case BGP_EVENT_AUTOMATIC_START_DAMPED_PASSIVE:
	case BGP_EVENT_TCP_VALID:
	case BGP_EVENT_TCP_INVALID:
	case BGP_EVENT_TCP_REQUEST_ACKED:
	case BGP_EVENT_TCP_CONFIRMED:
		return stay(BGP_STATE_OPEN_CONFIRM);
	case BGP_EVENT_MANUAL_STOP:
		return fail_with(BGP_ERROR_CEASE, 0, BGP_ACTION_CLEAR_RETRY);
	case BGP_EVENT_AUTOMATIC_STOP:
		return fail_with(BGP_ERROR_CEASE, 0, COUNT);
	case BGP_EVENT_HOLD_EXPIRES:
		return fail_with(BGP_ERROR_HOLD_TIMER, 0, COUNT);
	case BGP_EVENT_KEEPALIVE_EXPIRES:
		return go(
		    BGP_STATE_OPEN_CONFIRM, BGP_ACTION_SEND_KEEPALIVE | BGP_ACTION_START_KEEPALIVE);
	case BGP_EVENT_TCP_FAILS:
	case BGP_EVENT_NOTIFICATION:
		return go(BGP_STATE_IDLE, CLOSE | COUNT);
	case BGP_EVENT_NOTIFICATION_VERSION_ERROR:
		return go(BGP_STATE_IDLE, CLOSE);
	case BGP_EVENT_HEADER_ERROR:
	case BGP_EVENT_OPEN_ERROR:
		return fail(COUNT);
	case BGP_EVENT_COLLISION_DUMP:
		return fail_with(BGP_ERROR_CEASE, BGP_CEASE_COLLISION, COUNT);
	case BGP_EVENT_KEEPALIVE:
		return go(BGP_STATE_ESTABLISHED, BGP_ACTION_START_HOLD | BGP_ACTION_ESTABLISHED);
	default:
		return fail_with(BGP_ERROR_FSM, BGP_FSM_IN_OPEN_CONFIRM, COUNT);
	}
}

static struct bgp_fsm_result step_established(
    enum bgp_event event, const struct bgp_fsm_options *options)
{
	(void)options;
	switch (event) {
	case BGP_EVENT_MANUAL_START:
	case BGP_EVENT_AUTOMATIC_START:
	case BGP_EVENT_MANUAL_START_PASSIVE:
	case BGP_EVENT_AUTOMATIC_START_PASSIVE:
	case BGP_EVENT_AUTOMATIC_START_DAMPED:
	case BGP_EVENT_AUTOMATIC_START_DAMPED_PASSIVE:
	case BGP_EVENT_TCP_VALID:
	case BGP_EVENT_TCP_INVALID:
	case BGP_EVENT_TCP_REQUEST_ACKED:
	case BGP_EVENT_TCP_CONFIRMED:
		return stay(BGP_STATE_ESTABLISHED);
	case BGP_EVENT_MANUAL_STOP:
		return fail_with(
		    BGP_ERROR_CEASE, 0, BGP_ACTION_RELEASE_ROUTES | BGP_ACTION_CLEAR_RETRY);
	case BGP_EVENT_AUTOMATIC_STOP:
		return fail_with(BGP_ERROR_CEASE, 0, BGP_ACTION_RELEASE_ROUTES | COUNT);
	case BGP_EVENT_HOLD_EXPIRES:
		return fail_with(BGP_ERROR_HOLD_TIMER, 0, BGP_ACTION_RELEASE_ROUTES | COUNT);
	case BGP_EVENT_KEEPALIVE_EXPIRES:
		return go(
		    BGP_STATE_ESTABLISHED, BGP_ACTION_SEND_KEEPALIVE | BGP_ACTION_START_KEEPALIVE);
	/* No damping in these three: the neighbour or the network ended it. */
	case BGP_EVENT_TCP_FAILS:
	case BGP_EVENT_NOTIFICATION_VERSION_ERROR:
	case BGP_EVENT_NOTIFICATION:
		return go(
		    BGP_STATE_IDLE, CLOSE | BGP_ACTION_RELEASE_ROUTES | BGP_ACTION_COUNT_RETRY);
	case BGP_EVENT_HEADER_ERROR:
	case BGP_EVENT_UPDATE_ERROR:
		return fail(BGP_ACTION_RELEASE_ROUTES | COUNT);
	case BGP_EVENT_COLLISION_DUMP:
		return fail_with(
		    BGP_ERROR_CEASE, BGP_CEASE_COLLISION, BGP_ACTION_RELEASE_ROUTES | COUNT);
	case BGP_EVENT_KEEPALIVE:
		return go(BGP_STATE_ESTABLISHED, BGP_ACTION_START_HOLD);
	case BGP_EVENT_UPDATE:
		return go(BGP_STATE_ESTABLISHED, BGP_ACTION_START_HOLD | BGP_ACTION_PROCESS_UPDATE);
	default:
		return fail_with(
		    BGP_ERROR_FSM, BGP_FSM_IN_ESTABLISHED, BGP_ACTION_RELEASE_ROUTES | COUNT);
	}
}

struct bgp_fsm_result bgp_fsm_step(
    enum bgp_state state, enum bgp_event event, const struct bgp_fsm_options *options)
{
	static state_function *const states[BGP_STATES] = {
	    [BGP_STATE_IDLE] = step_idle,
	    [BGP_STATE_CONNECT] = step_connect,
	    [BGP_STATE_ACTIVE] = step_active,
	    [BGP_STATE_OPEN_SENT] = step_open_sent,
	    [BGP_STATE_OPEN_CONFIRM] = step_open_confirm,
	    [BGP_STATE_ESTABLISHED] = step_established,
	};
	struct bgp_fsm_result result = states[state](event, options);

	if (!options->damp)
		result.actions &= ~(uint32_t)BGP_ACTION_START_IDLE_HOLD;
	return result;
}

const char *bgp_state_name(enum bgp_state state)
{
	static const char *const names[BGP_STATES] = {
	    "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"};

	return names[state];
}

const char *bgp_event_name(enum bgp_event event)
{
	static const char *const names[BGP_EVENTS] = {
	    [BGP_EVENT_MANUAL_START] = "ManualStart",
	    [BGP_EVENT_MANUAL_STOP] = "ManualStop",
	    [BGP_EVENT_AUTOMATIC_START] = "AutomaticStart",
	    [BGP_EVENT_MANUAL_START_PASSIVE] = "ManualStart_with_PassiveTcpEstablishment",
	    [BGP_EVENT_AUTOMATIC_START_PASSIVE] = "AutomaticStart_with_PassiveTcpEstablishment",
	    [BGP_EVENT_AUTOMATIC_START_DAMPED] = "AutomaticStart_with_DampPeerOscillations",
	    [BGP_EVENT_AUTOMATIC_START_DAMPED_PASSIVE] =
		"AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment",
	    [BGP_EVENT_AUTOMATIC_STOP] = "AutomaticStop",
	    [BGP_EVENT_CONNECT_RETRY_EXPIRES] = "ConnectRetryTimer_Expires",
	    [BGP_EVENT_HOLD_EXPIRES] = "HoldTimer_Expires",
	    [BGP_EVENT_KEEPALIVE_EXPIRES] = "KeepaliveTimer_Expires",
	    [BGP_EVENT_DELAY_OPEN_EXPIRES] = "DelayOpenTimer_Expires",
	    [BGP_EVENT_IDLE_HOLD_EXPIRES] = "IdleHoldTimer_Expires",
	    [BGP_EVENT_TCP_VALID] = "TcpConnection_Valid",
	    [BGP_EVENT_TCP_INVALID] = "Tcp_CR_Invalid",
	    [BGP_EVENT_TCP_REQUEST_ACKED] = "Tcp_CR_Acked",
	    [BGP_EVENT_TCP_CONFIRMED] = "TcpConnectionConfirmed",
	    [BGP_EVENT_TCP_FAILS] = "TcpConnectionFails",
	    [BGP_EVENT_OPEN] = "BGPOpen",
	    [BGP_EVENT_OPEN_WITH_DELAY_RUNNING] = "BGPOpen with DelayOpenTimer running",
	    [BGP_EVENT_HEADER_ERROR] = "BGPHeaderErr",
	    [BGP_EVENT_OPEN_ERROR] = "BGPOpenMsgErr",
	    [BGP_EVENT_COLLISION_DUMP] = "OpenCollisionDump",
	    [BGP_EVENT_NOTIFICATION_VERSION_ERROR] = "NotifMsgVerErr",
	    [BGP_EVENT_NOTIFICATION] = "NotifMsg",
	    [BGP_EVENT_KEEPALIVE] = "KeepAliveMsg",
	    [BGP_EVENT_UPDATE] = "UpdateMsg",
	    [BGP_EVENT_UPDATE_ERROR] = "UpdateMsgErr",
	};

	return event > 0 && event < BGP_EVENTS ? names[event] : "unknown event";
}
