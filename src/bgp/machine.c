/*
 * The state machine at work.  fsm.c says what follows from an event; here is one small function per
 * action, in a table by the action's bit.  Everything that happens is an event, also a message
 * (receive.c): the code that finds it calls bgp_machine_step() and nothing else changes the state,
 * but for bgp_machine_retire().
 *
 * One timer of the event loop serves all timers of a machine (timers.c).  It is set for what may
 * expire first and left alone while later messages put that off; when it fires, what has really
 * expired becomes an event, and it is set again.  So an UPDATE costs no timer, and none is late.
 *
 * A failed attempt to connect leads to Idle by the RFC's text (8.2.2, Connect, event 18).  Idle
 * refuses the neighbour's own attempt, so the machine is started again at once, passively: it waits
 * in Active, can take a connection, and tries again when the ConnectRetryTimer expires.
 */
#include "bgp/machine.h"

#include <string.h>

#include "bgp/negotiation.h"
#include "bgp/reason.h"
#include "bgp/receive.h"

#define HOLD_LARGE_MS (4 * 60 * 1000) /* RFC 4271 8.2.2 */
#define SEND_HOLD_MS (8 * 60 * 1000) /* RFC 9687 */
#define KEEPALIVE_MIN_MS 1000 /* RFC 4271 4.4 */
#define CONNECT_RETRY_DEFAULT_MS 5000

/* One event on its way through the actions. */
struct step {
	struct bgp_fsm_result result;
	const struct bgp_notification *own;
	struct shared_buffer *last; /* the NOTIFICATION, between the actions SEND and DROP */
};

static uint64_t now(const struct bgp_machine *machine)
{
	return loop_now(machine->shared->loop);
}

uint32_t bgp_machine_jitter(struct bgp_machine_shared *shared, uint32_t time_ms)
{
	uint64_t quarter = time_ms / 4 + 1;

	/* xorshift64: good enough to keep a thousand neighbours from marching in step. */
	shared->random ^= shared->random << 13;
	shared->random ^= shared->random >> 7;
	shared->random ^= shared->random << 17;
	return time_ms - (uint32_t)(shared->random % quarter);
}

/* Timers */

/* Sets the timer of the loop, unless it fires before anyway. */
static void set_timer(struct bgp_machine *machine)
{
	uint64_t next = bgp_timers_next(&machine->timers), at;

	if (next == UINT64_MAX ||
	    (loop_timer_is_running(&machine->timer) && machine->timer.deadline <= next))
		return;
	at = now(machine);
	loop_timer_start(&machine->timer, next > at ? next - at : 0);
}

static uint32_t connect_retry_time(struct bgp_machine_shared *shared)
{
	uint32_t time_ms = shared->settings.connect_retry_time_ms;

	return bgp_machine_jitter(shared, time_ms ? time_ms : CONNECT_RETRY_DEFAULT_MS);
}

static void retry_connecting(struct bgp_machine *machine, uint64_t at)
{
	struct bgp_machine_shared *shared = machine->shared;

	if (!shared->ops->may_connect(shared->arg)) {
		machine->timers.connect_retry_at = at + connect_retry_time(shared);
		return;
	}
	if (machine->state == BGP_STATE_CONNECT) {
		bgp_reason_set_text(machine, "cannot connect", "no answer");
		shared->ops->trouble(shared->arg, shared->reason.error.text);
	}
	bgp_machine_step(machine, BGP_EVENT_CONNECT_RETRY_EXPIRES, NULL);
}

/* RFC 9687: a neighbour that takes nothing any more, though it may still send. */
static void check_send_hold(struct bgp_machine *machine, uint64_t at)
{
	uint64_t limit = machine->hold_time_ms * 2ull;
	struct bgp_notification notification;

	if (machine->state != BGP_STATE_ESTABLISHED || !machine->hold_time_ms)
		return;
	if (limit < SEND_HOLD_MS)
		limit = SEND_HOLD_MS;
	if (at < bgp_connection_progress(machine->connection) + limit)
		return;
	bgp_notification_set(&notification, BGP_ERROR_SEND_HOLD_TIMER, 0, NULL, 0);
	bgp_machine_step(machine, BGP_EVENT_HOLD_EXPIRES, &notification);
}

static void on_timer(void *arg)
{
	struct bgp_machine *machine = arg;
	struct bgp_machine_shared *shared = machine->shared;
	uint64_t at = now(machine);
	enum bgp_event event;

	loop_name_work(shared->loop, "timers of a neighbour");
	shared->ops->enter(shared->arg);
	check_send_hold(machine, at);
	while ((event = bgp_timers_expire(&machine->timers, at))) {
		if (event == BGP_EVENT_CONNECT_RETRY_EXPIRES)
			retry_connecting(machine, at);
		else
			bgp_machine_step(machine, event, NULL);
	}
	shared->ops->leave(shared->arg);
	set_timer(machine);
}

/* Messages out */

static void count_sent(struct bgp_machine *machine, unsigned type, uint32_t messages, size_t bytes)
{
	struct bgp_session_counters *counters = &machine->shared->counters;

	counters->messages[BGP_SENT][0] += messages;
	counters->messages[BGP_SENT][type] += messages;
	counters->bytes[BGP_SENT] += bytes;
}

/* A buffer of the one message that was written, counted; the caller's reference. */
static struct shared_buffer *new_message(
    struct bgp_machine *machine, const struct wire_writer *writer, enum bgp_message_type type)
{
	size_t length = wire_written(writer);
	struct shared_buffer *buffer = shared_buffer_new(length);

	memcpy(buffer->bytes, writer->start, length);
	buffer->length = length;
	buffer->messages = 1;
	count_sent(machine, type, 1, length);
	return buffer;
}

static void send_message(
    struct bgp_machine *machine, const struct wire_writer *writer, enum bgp_message_type type)
{
	struct shared_buffer *buffer = new_message(machine, writer, type);

	bgp_connection_send(machine->connection, buffer);
	shared_buffer_release(buffer);
}

void bgp_machine_send(struct bgp_machine *machine, struct shared_buffer *buffer)
{
	if (!buffer->length)
		return;
	bgp_connection_queue(machine->connection, buffer);
	count_sent(machine, buffer->bytes[BGP_HEADER_LENGTH - 1], buffer->messages, buffer->length);
	machine->timers.spoke_at = now(machine);
}

void bgp_machine_send_refresh(struct bgp_machine *machine, enum ip_family family)
{
	uint8_t bytes[BGP_HEADER_LENGTH + 4];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));

	bgp_route_refresh_encode(&writer, family, BGP_REFRESH_REQUEST);
	send_message(machine, &writer, BGP_MESSAGE_ROUTE_REFRESH);
}

/* The connection's callbacks */

static void on_message(void *arg, const struct bgp_header *header, struct wire_span body)
{
	struct bgp_machine *machine = arg;
	struct bgp_machine_shared *shared = machine->shared;
	struct bgp_receipt receipt;

	shared->counters.messages[BGP_RECEIVED][0]++;
	shared->counters.messages[BGP_RECEIVED][header->type]++;
	shared->counters.bytes[BGP_RECEIVED] += header->length;
	shared->ops->enter(shared->arg);
	bgp_receive(machine, header, body, &receipt);
	machine->message_type = header->type;
	machine->update = receipt.update;
	if (receipt.event)
		bgp_machine_step(machine, receipt.event, receipt.notification);
	machine->message_type = 0;
	machine->update = NULL;
	arena_reset(&shared->arena);
	shared->ops->leave(shared->arg);
}

/* RFC 4271 6.1: also for a NOTIFICATION of a wrong length, which is not one yet. */
static void on_bad_header(void *arg, const struct bgp_notification *notification)
{
	struct bgp_machine *machine = arg;
	struct bgp_machine_shared *shared = machine->shared;

	shared->ops->enter(shared->arg);
	bgp_machine_step(machine, BGP_EVENT_HEADER_ERROR, notification);
	shared->ops->leave(shared->arg);
}

static void make_open(struct bgp_machine *machine)
{
	struct bgp_machine_shared *shared = machine->shared;

	machine->local_open = bgp_negotiation_open(&shared->settings);
	machine->is_reduced = bgp_refusal_apply(&shared->refusal, &machine->local_open);
}

/* Kept, for they are asked for with every change of a link, of all sessions. */
static void note_ends(struct bgp_machine *machine)
{
	machine->has_ends = bgp_transport_addresses(bgp_connection_fd(machine->connection),
	    &machine->local, &machine->local_port, &machine->remote, &machine->remote_port, NULL);
}

static void on_connected(void *arg)
{
	struct bgp_machine *machine = arg;
	struct bgp_machine_shared *shared = machine->shared;

	shared->ops->enter(shared->arg);
	note_ends(machine);
	make_open(machine);
	bgp_machine_step(machine, BGP_EVENT_TCP_REQUEST_ACKED, NULL);
	shared->ops->leave(shared->arg);
}

/* An attempt came to nothing: wait in Active, where the neighbour may try. */
static void fail_attempt(struct bgp_machine *machine)
{
	struct bgp_machine_shared *shared = machine->shared;

	shared->ops->trouble(shared->arg, shared->reason.error.text);
	bgp_machine_step(machine, BGP_EVENT_TCP_FAILS, NULL);
	if (machine->state == BGP_STATE_IDLE)
		bgp_machine_step(machine, BGP_EVENT_AUTOMATIC_START_PASSIVE, NULL);
}

static void on_failed(void *arg, int code)
{
	struct bgp_machine *machine = arg;
	struct bgp_machine_shared *shared = machine->shared;

	shared->ops->enter(shared->arg);
	if (machine->state == BGP_STATE_CONNECT && !machine->timers.delay_open_at) {
		bgp_reason_set_text(machine, "cannot connect", strerror(code));
		fail_attempt(machine);
	} else {
		if (code)
			bgp_reason_set_text(machine, "connection lost", strerror(code));
		else
			bgp_reason_set_text(machine, "the neighbour closed the connection", NULL);
		bgp_machine_step(machine, BGP_EVENT_TCP_FAILS, NULL);
	}
	shared->ops->leave(shared->arg);
}

static void on_drained(void *arg)
{
	struct bgp_machine *machine = arg;
	struct bgp_machine_shared *shared = machine->shared;

	shared->ops->enter(shared->arg);
	shared->ops->drained(shared->arg, machine);
	shared->ops->leave(shared->arg);
}

static void on_idle(void *arg)
{
	struct bgp_machine *machine = arg;

	arena_free(&machine->shared->arena);
}

static const struct bgp_connection_ops connection_ops = {
    .connected = on_connected,
    .message = on_message,
    .bad_header = on_bad_header,
    .failed = on_failed,
    .drained = on_drained,
    .idle = on_idle,
};

/* Actions, in the order of their bits */

static void send_open(struct bgp_machine *machine, struct step *step)
{
	uint8_t bytes[BGP_MESSAGE_MAX];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));

	(void)step;
	bgp_open_encode(&writer, &machine->local_open);
	send_message(machine, &writer, BGP_MESSAGE_OPEN);
}

static void send_keepalive(struct bgp_machine *machine, struct step *step)
{
	uint8_t bytes[BGP_HEADER_LENGTH];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));

	(void)step;
	/* What waits in the queue says as well that we live; nothing piles up behind it. */
	if (machine->state == BGP_STATE_ESTABLISHED && bgp_connection_queued(machine->connection))
		return;
	bgp_keepalive_encode(&writer);
	send_message(machine, &writer, BGP_MESSAGE_KEEPALIVE);
}

static void send_notification(struct bgp_machine *machine, struct step *step)
{
	uint8_t bytes[BGP_HEADER_LENGTH + 2 + BGP_NOTIFICATION_DATA_MAX];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));
	struct bgp_notification notification;

	if (step->own)
		notification = *step->own;
	else /* RFC 6608 4: the data is the type of the message that was not expected */
		bgp_notification_set(&notification, step->result.code, step->result.subcode,
		    &machine->message_type, machine->message_type ? 1 : 0);
	if (step->result.actions & BGP_ACTION_RELEASE_ROUTES &&
	    bgp_negotiation_is_hard(&machine->codec, &notification))
		bgp_notification_wrap_hard_reset(&notification);
	bgp_reason_set(machine, true, &notification);
	bgp_reason_explain_open(machine, &notification);
	bgp_notification_encode(&writer, &notification);
	step->last = new_message(machine, &writer, BGP_MESSAGE_NOTIFICATION);
}

static void drop_connection(struct bgp_machine *machine, struct step *step)
{
	struct bgp_connection *connection = machine->connection;

	machine->connection = NULL;
	if (connection && step->last)
		bgp_connection_finish(connection, step->last, &machine->shared->closing);
	else
		bgp_connection_close(connection);
}

static void release_routes(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	machine->shared->ops->released(machine->shared->arg, machine);
}

static void start_connection(struct bgp_machine *machine, struct step *step)
{
	struct bgp_machine_shared *shared = machine->shared;
	struct error error;
	int fd = bgp_transport_connect(&shared->settings.transport, &error);

	(void)step;
	shared->counters.connection_attempts++;
	if (fd < 0) {
		bgp_reason_set_text(machine, error.text, NULL);
		machine->connect_failed = true;
		return;
	}
	machine->connection = bgp_connection_new(shared->loop, fd, false, &connection_ops, machine);
	machine->has_ends = false;
}

static void start_connect_retry(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	if (machine->is_incoming || machine->shared->settings.passive)
		return;
	machine->timers.connect_retry_at = now(machine) + connect_retry_time(machine->shared);
}

static void stop_connect_retry(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	machine->timers.connect_retry_at = 0;
}

static void start_hold_large(struct bgp_machine *machine, struct step *step)
{
	uint32_t time_ms = machine->shared->settings.open_time_ms;

	(void)step;
	machine->timers.hold_ms = machine->is_incoming && time_ms ? time_ms : HOLD_LARGE_MS;
	machine->timers.heard_at = now(machine);
}

static void start_hold(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	machine->timers.hold_ms = machine->hold_time_ms;
	machine->timers.heard_at = bgp_connection_heard(machine->connection);
}

static void start_keepalive(struct bgp_machine *machine, struct step *step)
{
	uint32_t time_ms = bgp_machine_jitter(machine->shared, machine->keepalive_time_ms);

	(void)step;
	if (machine->keepalive_time_ms && time_ms < KEEPALIVE_MIN_MS)
		time_ms = KEEPALIVE_MIN_MS;
	machine->timers.keepalive_ms = time_ms;
	machine->timers.spoke_at = now(machine);
}

static void stop_timers(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	machine->timers.hold_ms = 0;
	machine->timers.keepalive_ms = 0;
	machine->hold_time_ms = 0;
	machine->keepalive_time_ms = 0;
}

static void start_delay_open(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	machine->timers.delay_open_at = now(machine) + machine->shared->settings.delay_open_time_ms;
}

static void stop_delay_open(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	machine->timers.delay_open_at = 0;
}

static void count_retry(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	machine->retry_counter++;
}

static void clear_retry(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	machine->retry_counter = 0;
}

static void process_update(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	if (machine->update)
		machine->shared->ops->update(machine->shared->arg, machine->update);
}

static void become_established(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	machine->shared->ops->established(machine->shared->arg, machine);
}

static void start_idle_hold(struct bgp_machine *machine, struct step *step)
{
	(void)step;
	machine->shared->ops->damped(machine->shared->arg);
}

typedef void action_function(struct bgp_machine *machine, struct step *step);

static action_function *const actions[] = {
    send_open,
    send_keepalive,
    send_notification,
    drop_connection,
    release_routes,
    start_connection,
    start_connect_retry,
    stop_connect_retry,
    start_hold_large,
    start_hold,
    start_keepalive,
    stop_timers,
    start_delay_open,
    stop_delay_open,
    count_retry,
    clear_retry,
    process_update,
    become_established,
    start_idle_hold,
};

_Static_assert(1u << (sizeof(actions) / sizeof(actions[0]) - 1) == BGP_ACTION_START_IDLE_HOLD,
    "a function for each action");

/*
 * A connection that ended before it was Established is told with its reason, for nobody else tells
 * why a session does not come up.  What we end ourselves is none of that, nor a collision, which
 * has no reason, nor the end of one connection while the other goes on.
 */
static void tell_failure(struct bgp_machine *machine, enum bgp_state from, enum bgp_event event)
{
	bool talked = from == BGP_STATE_OPEN_SENT || from == BGP_STATE_OPEN_CONFIRM;
	bool wanted = event == BGP_EVENT_MANUAL_STOP || event == BGP_EVENT_AUTOMATIC_STOP;
	struct bgp_machine_shared *shared = machine->shared;

	if (talked && machine->state < BGP_STATE_OPEN_SENT && machine->has_reason && !wanted &&
	    shared->ops->may_connect(shared->arg))
		shared->ops->trouble(shared->arg, shared->reason.error.text);
	machine->has_reason = false;
}

/* An OPEN that left out what was refused is one try: after it comes the whole one again. */
static void forget_refusal(struct bgp_machine *machine, enum bgp_state from, enum bgp_event event)
{
	if (machine->is_reduced && from >= BGP_STATE_OPEN_SENT &&
	    machine->state < BGP_STATE_OPEN_SENT && event != BGP_EVENT_COLLISION_DUMP)
		machine->shared->refusal.is_set = false;
}

void bgp_machine_step(
    struct bgp_machine *machine, enum bgp_event event, const struct bgp_notification *own)
{
	const struct bgp_session_settings *settings = &machine->shared->settings;
	struct bgp_fsm_options options = {.delay_open = settings->delay_open_time_ms,
	    .passive = settings->passive,
	    .damp = true,
	    .delay_open_running = machine->timers.delay_open_at};
	struct step step = {.result = bgp_fsm_step(machine->state, event, &options), .own = own};
	enum bgp_state from = machine->state;

	machine->state = step.result.state;
	for (uint32_t left = step.result.actions; left; left &= left - 1)
		actions[__builtin_ctz(left)](machine, &step);
	shared_buffer_release(step.last);
	tell_failure(machine, from, event);
	forget_refusal(machine, from, event);
	/* A connection that the neighbour opened has no machine left without it. */
	if (machine->is_incoming && !machine->connection)
		bgp_machine_retire(machine);
	if (machine->connect_failed) {
		machine->connect_failed = false;
		fail_attempt(machine);
	}
	set_timer(machine);
}

void bgp_machine_accept(struct bgp_machine *machine, int fd)
{
	struct bgp_machine_shared *shared = machine->shared;

	machine->state = BGP_STATE_ACTIVE;
	make_open(machine);
	machine->connection = bgp_connection_new(shared->loop, fd, true, &connection_ops, machine);
	note_ends(machine);
	bgp_machine_step(machine, BGP_EVENT_TCP_CONFIRMED, NULL);
}

void bgp_machine_retire(struct bgp_machine *machine)
{
	bgp_connection_close(machine->connection);
	machine->connection = NULL;
	machine->state = BGP_STATE_IDLE;
	stop_timers(machine, NULL);
	machine->timers.connect_retry_at = 0;
	machine->timers.delay_open_at = 0;
	loop_timer_stop(&machine->timer);
}

/* One that waits while the other talks is not started anew: from now on it tries, or does not. */
static void apply_passive(struct bgp_machine *machine)
{
	if (machine->shared->settings.passive)
		stop_connect_retry(machine, NULL);
	else if (!machine->timers.connect_retry_at)
		start_connect_retry(machine, NULL);
	set_timer(machine);
}

void bgp_machine_apply_timers(struct bgp_machine *machine)
{
	if (machine->state == BGP_STATE_ACTIVE)
		apply_passive(machine);
	if (machine->state < BGP_STATE_OPEN_CONFIRM)
		return;
	machine->keepalive_time_ms =
	    bgp_negotiation_keepalive_time(&machine->shared->settings, machine->hold_time_ms);
	start_keepalive(machine, NULL);
	set_timer(machine);
}

void bgp_machine_init(
    struct bgp_machine *machine, struct bgp_machine_shared *shared, bool is_incoming)
{
	*machine = (struct bgp_machine){.shared = shared, .is_incoming = is_incoming};
	loop_timer_init(shared->loop, &machine->timer, on_timer, machine);
}

void bgp_machine_free(struct bgp_machine *machine)
{
	bgp_connection_close(machine->connection);
	machine->connection = NULL;
	loop_timer_free(&machine->timer);
}
