/*
 * The state machine against RFC 4271 8.2.2: every state and every event, with the next state, all
 * actions and the NOTIFICATION.  The tables were written from the text of the RFC; the few places
 * where it leaves a choice are marked.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "bgp/fsm.h"

enum {
	SEND_OPEN = BGP_ACTION_SEND_OPEN,
	KEEPALIVE = BGP_ACTION_SEND_KEEPALIVE,
	NOTIFY = BGP_ACTION_SEND_NOTIFICATION,
	DROP = BGP_ACTION_DROP_CONNECTION,
	ROUTES = BGP_ACTION_RELEASE_ROUTES,
	CALL = BGP_ACTION_CONNECT,
	RETRY = BGP_ACTION_START_CONNECT_RETRY,
	NO_RETRY = BGP_ACTION_STOP_CONNECT_RETRY,
	LARGE = BGP_ACTION_START_HOLD_LARGE,
	HOLD = BGP_ACTION_START_HOLD,
	ALIVE = BGP_ACTION_START_KEEPALIVE,
	NO_TIMERS = BGP_ACTION_STOP_TIMERS,
	DELAY = BGP_ACTION_START_DELAY_OPEN,
	NO_DELAY = BGP_ACTION_STOP_DELAY_OPEN,
	COUNT = BGP_ACTION_COUNT_RETRY,
	CLEAR = BGP_ACTION_CLEAR_RETRY,
	UPDATE = BGP_ACTION_PROCESS_UPDATE,
	UP = BGP_ACTION_ESTABLISHED,
	REST = BGP_ACTION_START_IDLE_HOLD,

	/* "Stops the ConnectRetryTimer, releases all BGP resources, drops the TCP connection". */
	END = DROP | NO_RETRY | NO_TIMERS | NO_DELAY,
	/* "Increments the ConnectRetryCounter by 1, performs peer oscillation damping". */
	ERROR = END | COUNT | REST,
	/* The same with a NOTIFICATION before. */
	TELL = NOTIFY | ERROR,
	/* "Completes initialization, sends an OPEN, sets the HoldTimer to a large value". */
	HELLO = SEND_OPEN | NO_RETRY | NO_DELAY | LARGE,
	/* What a good OPEN leads to. */
	AGREE = KEEPALIVE | NO_RETRY | NO_DELAY | HOLD | ALIVE
};

enum {
	IDLE = BGP_STATE_IDLE,
	CONNECT = BGP_STATE_CONNECT,
	ACTIVE = BGP_STATE_ACTIVE,
	SENT = BGP_STATE_OPEN_SENT,
	CONFIRM = BGP_STATE_OPEN_CONFIRM,
	ESTABLISHED = BGP_STATE_ESTABLISHED
};

struct row {
	uint8_t event;
	uint8_t next;
	uint32_t actions;
	uint8_t code;
	uint8_t subcode;
};

/* With damping, without DelayOpen, not passive. */
static const struct row rows[BGP_STATES][BGP_EVENTS - 1] =
    {
	[IDLE] =
	    {
		{1, CONNECT, CLEAR | RETRY | CALL, 0, 0},
		{2, IDLE, 0, 0, 0},
		{3, CONNECT, CLEAR | RETRY | CALL, 0, 0},
		{4, ACTIVE, CLEAR | RETRY, 0, 0},
		{5, ACTIVE, CLEAR | RETRY, 0, 0},
		{6, IDLE, REST, 0, 0}, /* the method of damping is the implementation's */
		{7, IDLE, REST, 0, 0},
		{8, IDLE, 0, 0, 0},
		{9, IDLE, 0, 0, 0},
		{10, IDLE, 0, 0, 0},
		{11, IDLE, 0, 0, 0},
		{12, IDLE, 0, 0, 0},
		{13, CONNECT, CLEAR | RETRY | CALL, 0, 0},
		{14, IDLE, DROP, 0, 0}, /* "refuses all incoming BGP connections" */
		{15, IDLE, 0, 0, 0},
		{16, IDLE, DROP, 0, 0},
		{17, IDLE, DROP, 0, 0},
		{18, IDLE, 0, 0, 0},
		{19, IDLE, 0, 0, 0},
		{20, IDLE, 0, 0, 0},
		{21, IDLE, 0, 0, 0},
		{22, IDLE, 0, 0, 0},
		{23, IDLE, 0, 0, 0},
		{24, IDLE, 0, 0, 0},
		{25, IDLE, 0, 0, 0},
		{26, IDLE, 0, 0, 0},
		{27, IDLE, 0, 0, 0},
		{28, IDLE, 0, 0, 0},
	    },
	[CONNECT] =
	    {
		{1, CONNECT, 0, 0, 0},
		{2, IDLE, END | CLEAR, 0, 0},
		{3, CONNECT, 0, 0, 0},
		{4, CONNECT, 0, 0, 0},
		{5, CONNECT, 0, 0, 0},
		{6, CONNECT, 0, 0, 0},
		{7, CONNECT, 0, 0, 0},
		{8, IDLE, ERROR, 0, 0},
		{9, CONNECT, DROP | RETRY | NO_DELAY | CALL, 0, 0},
		{10, IDLE, ERROR, 0, 0},
		{11, IDLE, ERROR, 0, 0},
		{12, SENT, HELLO, 0, 0},
		{13, IDLE, ERROR, 0, 0},
		{14, CONNECT, 0, 0, 0},
		{15, CONNECT, 0, 0, 0},
		{16, SENT, HELLO, 0, 0},
		{17, SENT, HELLO, 0, 0},
		{18, IDLE, END, 0, 0},
		{19, IDLE, ERROR, 0, 0},
		{20, CONFIRM, SEND_OPEN | AGREE, 0, 0},
		{21, IDLE, ERROR, 0, 0},
		{22, IDLE, ERROR, 0, 0},
		{23, IDLE, ERROR, 0, 0},
		{24, IDLE, ERROR, 0, 0},
		{25, IDLE, ERROR, 0, 0},
		{26, IDLE, ERROR, 0, 0},
		{27, IDLE, ERROR, 0, 0},
		{28, IDLE, ERROR, 0, 0},
	    },
	[ACTIVE] =
	    {
		{1, ACTIVE, 0, 0, 0},
		{2, IDLE, END | CLEAR, 0, 0},
		{3, ACTIVE, 0, 0, 0},
		{4, ACTIVE, 0, 0, 0},
		{5, ACTIVE, 0, 0, 0},
		{6, ACTIVE, 0, 0, 0},
		{7, ACTIVE, 0, 0, 0},
		{8, IDLE, ERROR, 0, 0},
		{9, CONNECT, RETRY | CALL, 0, 0},
		{10, IDLE, ERROR, 0, 0},
		{11, IDLE, ERROR, 0, 0},
		{12, SENT, HELLO, 0, 0},
		{13, IDLE, ERROR, 0, 0},
		{14, ACTIVE, 0, 0, 0},
		{15, ACTIVE, 0, 0, 0},
		{16, SENT, HELLO, 0, 0},
		{17, SENT, HELLO, 0, 0},
		{18, IDLE, ERROR, 0, 0},
		{19, IDLE, ERROR, 0, 0},
		{20, CONFIRM, SEND_OPEN | AGREE, 0, 0},
		{21, IDLE, ERROR, 0, 0},
		{22, IDLE, ERROR, 0, 0},
		{23, IDLE, ERROR, 0, 0},
		{24, IDLE, ERROR, 0, 0},
		{25, IDLE, ERROR, 0, 0},
		{26, IDLE, ERROR, 0, 0},
		{27, IDLE, ERROR, 0, 0},
		{28, IDLE, ERROR, 0, 0},
	    },
	[SENT] =
	    {
		{1, SENT, 0, 0, 0},
		{2, IDLE, NOTIFY | END | CLEAR, 6, 0},
		{3, SENT, 0, 0, 0},
		{4, SENT, 0, 0, 0},
		{5, SENT, 0, 0, 0},
		{6, SENT, 0, 0, 0},
		{7, SENT, 0, 0, 0},
		{8, IDLE, TELL, 6, 0},
		{9, IDLE, TELL, 5, 1},
		{10, IDLE, TELL, 4, 0},
		{11, IDLE, TELL, 5, 1},
		{12, IDLE, TELL, 5, 1},
		{13, IDLE, TELL, 5, 1},
		{14, SENT, 0, 0, 0},
		{15, SENT, 0, 0, 0},
		{16, SENT, 0, 0, 0},
		{17, SENT, 0, 0, 0},
		{18, ACTIVE, DROP | RETRY | NO_TIMERS, 0, 0},
		{19, CONFIRM, AGREE, 0, 0},
		{20, IDLE, TELL, 5, 1},
		{21, IDLE, TELL, 0, 0},
		{22, IDLE, TELL, 0, 0},
		{23, IDLE, TELL, 6, 7},
		{24, IDLE, END, 0, 0},
		{25, IDLE, ERROR, 0, 0}, /* 6.4: no answer to a NOTIFICATION */
		{26, IDLE, TELL, 5, 1},
		{27, IDLE, TELL, 5, 1},
		{28, IDLE, TELL, 5, 1},
	    },
	[CONFIRM] =
	    {
		{1, CONFIRM, 0, 0, 0},
		{2, IDLE, NOTIFY | END | CLEAR, 6, 0},
		{3, CONFIRM, 0, 0, 0},
		{4, CONFIRM, 0, 0, 0},
		{5, CONFIRM, 0, 0, 0},
		{6, CONFIRM, 0, 0, 0},
		{7, CONFIRM, 0, 0, 0},
		{8, IDLE, TELL, 6, 0},
		{9, IDLE, TELL, 5, 2},
		{10, IDLE, TELL, 4, 0},
		{11, CONFIRM, KEEPALIVE | ALIVE, 0, 0},
		{12, IDLE, TELL, 5, 2},
		{13, IDLE, TELL, 5, 2},
		{14, CONFIRM, 0, 0, 0},
		{15, CONFIRM, 0, 0, 0},
		{16, CONFIRM, 0, 0, 0},
		{17, CONFIRM, 0, 0, 0},
		{18, IDLE, ERROR, 0, 0},
		{19, IDLE, TELL, 5, 2}, /* a second OPEN on the same connection: RFC 6608 */
		{20, IDLE, TELL, 5, 2},
		{21, IDLE, TELL, 0, 0},
		{22, IDLE, TELL, 0, 0},
		{23, IDLE, TELL, 6, 7},
		{24, IDLE, END, 0, 0},
		{25, IDLE, ERROR, 0, 0},
		{26, ESTABLISHED, HOLD | UP, 0, 0},
		{27, IDLE, TELL, 5, 2},
		{28, IDLE, TELL, 5, 2},
	    },
	[ESTABLISHED] =
	    {
		{1, ESTABLISHED, 0, 0, 0},
		{2, IDLE, NOTIFY | END | ROUTES | CLEAR, 6, 0},
		{3, ESTABLISHED, 0, 0, 0},
		{4, ESTABLISHED, 0, 0, 0},
		{5, ESTABLISHED, 0, 0, 0},
		{6, ESTABLISHED, 0, 0, 0},
		{7, ESTABLISHED, 0, 0, 0},
		{8, IDLE, TELL | ROUTES, 6, 0},
		{9, IDLE, TELL | ROUTES, 5, 3},
		{10, IDLE, TELL | ROUTES, 4, 0},
		{11, ESTABLISHED, KEEPALIVE | ALIVE, 0, 0},
		{12, IDLE, TELL | ROUTES, 5, 3},
		{13, IDLE, TELL | ROUTES, 5, 3},
		{14, ESTABLISHED, 0, 0, 0},
		{15, ESTABLISHED, 0, 0, 0},
		{16, ESTABLISHED, 0, 0, 0},
		{17, ESTABLISHED, 0, 0, 0},
		{18, IDLE, END | ROUTES | COUNT, 0, 0},
		{19, IDLE, TELL | ROUTES, 5, 3},
		{20, IDLE, TELL | ROUTES, 5, 3},
		{21, IDLE, TELL | ROUTES, 0, 0}, /* 6.1: a header error is told as one */
		{22, IDLE, TELL | ROUTES, 5, 3},
		{23, IDLE, TELL | ROUTES, 6, 7},
		{24, IDLE, END | ROUTES | COUNT, 0, 0},
		{25, IDLE, END | ROUTES | COUNT, 0, 0},
		{26, ESTABLISHED, HOLD, 0, 0},
		{27, ESTABLISHED, HOLD | UPDATE, 0, 0},
		{28, IDLE, TELL | ROUTES, 0, 0},
	    },
};

static void check(
    enum bgp_state state, const struct row *row, const struct bgp_fsm_options *options)
{
	struct bgp_fsm_result result = bgp_fsm_step(state, (enum bgp_event)row->event, options);

	if (result.state == row->next && result.actions == row->actions &&
	    result.code == row->code && result.subcode == row->subcode)
		return;
	fail_msg("%s, event %u %s: got %s, actions %x, notification %u/%u; want %s, %x, %u/%u",
	    bgp_state_name(state), row->event, bgp_event_name((enum bgp_event)row->event),
	    bgp_state_name(result.state), result.actions, result.code, result.subcode,
	    bgp_state_name((enum bgp_state)row->next), row->actions, row->code, row->subcode);
}

static void every_state_and_event_follows_rfc4271_8_2_2(void **state)
{
	static const struct bgp_fsm_options options = {.damp = true};

	(void)state;
	for (unsigned s = 0; s < BGP_STATES; s++) {
		for (unsigned i = 0; i < BGP_EVENTS - 1; i++) {
			assert_int_equal(rows[s][i].event, i + 1);
			check((enum bgp_state)s, &rows[s][i], &options);
		}
	}
}

static void without_damping_no_idle_hold_is_started(void **state)
{
	static const struct bgp_fsm_options options = {0};
	static const struct row ignored = {13, IDLE, 0, 0, 0};

	(void)state;
	for (unsigned s = 0; s < BGP_STATES; s++) {
		for (unsigned i = 0; i < BGP_EVENTS - 1; i++) {
			struct row row = rows[s][i];

			row.actions &= ~(uint32_t)REST;
			check((enum bgp_state)s, s == IDLE && row.event == 13 ? &ignored : &row,
			    &options);
		}
	}
}

static void a_passive_session_waits_after_the_idle_hold(void **state)
{
	static const struct bgp_fsm_options options = {.damp = true, .passive = true};
	static const struct row row = {13, ACTIVE, CLEAR | RETRY, 0, 0};

	(void)state;
	check(BGP_STATE_IDLE, &row, &options);
}

static void delay_open_waits_before_the_open(void **state)
{
	static const struct bgp_fsm_options options = {.damp = true, .delay_open = true};
	static const struct row connect[] = {{16, CONNECT, NO_RETRY | DELAY, 0, 0},
	    {17, CONNECT, NO_RETRY | DELAY, 0, 0}, {18, IDLE, END, 0, 0}};
	static const struct row active[] = {{16, ACTIVE, NO_RETRY | DELAY, 0, 0},
	    {17, ACTIVE, NO_RETRY | DELAY, 0, 0}, {18, IDLE, ERROR, 0, 0}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		check(BGP_STATE_CONNECT, &connect[i], &options);
		check(BGP_STATE_ACTIVE, &active[i], &options);
	}
}

static void a_running_delay_open_timer_changes_18_and_24(void **state)
{
	static const struct bgp_fsm_options options = {
	    .damp = true, .delay_open = true, .delay_open_running = true};
	static const struct row fails = {18, ACTIVE, DROP | RETRY | NO_DELAY, 0, 0};
	static const struct row version = {24, IDLE, END, 0, 0};

	(void)state;
	check(BGP_STATE_CONNECT, &fails, &options);
	check(BGP_STATE_CONNECT, &version, &options);
	check(BGP_STATE_ACTIVE, &version, &options);
}

static void names_are_those_of_the_rfc(void **state)
{
	(void)state;
	assert_string_equal(bgp_state_name(BGP_STATE_IDLE), "Idle");
	assert_string_equal(bgp_state_name(BGP_STATE_OPEN_CONFIRM), "OpenConfirm");
	assert_string_equal(bgp_state_name(BGP_STATE_ESTABLISHED), "Established");
	assert_string_equal(bgp_event_name(BGP_EVENT_TCP_FAILS), "TcpConnectionFails");
	for (unsigned event = 1; event < BGP_EVENTS; event++)
		assert_string_not_equal(bgp_event_name((enum bgp_event)event), "unknown event");
	assert_string_equal(bgp_event_name(BGP_EVENTS), "unknown event");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_state_and_event_follows_rfc4271_8_2_2),
	    cmocka_unit_test(without_damping_no_idle_hold_is_started),
	    cmocka_unit_test(a_passive_session_waits_after_the_idle_hold),
	    cmocka_unit_test(delay_open_waits_before_the_open),
	    cmocka_unit_test(a_running_delay_open_timer_changes_18_and_24),
	    cmocka_unit_test(names_are_those_of_the_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
