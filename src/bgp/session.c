/*
 * A session is two machines: one for the connection that we open, one for the connection that the
 * neighbour opens.  Most of the time only one has a connection.  What concerns both stands here:
 * which of two survives a collision, when a neighbour's connection is taken, how long to rest after
 * an error, and what the user of the session is told.
 *
 * The machine for our own connection also stands for the session while there is none: it is in
 * Idle, Connect or Active.  The other one is in Idle until a connection is accepted, and goes back
 * to Idle with it.  The state of the session is the further one of the two, and at most one is
 * in Established: who gets there ends the other.
 *
 * Resting (DampPeerOscillations, RFC 4271 8.1.1): after an error the session stays in Idle for a
 * second, twice as long after each further error, up to a minute; a session that was up for a
 * minute begins at a second again.  A neighbour that calls during a long rest has damping of its
 * own, so after a few seconds it is let in.  One that ended a session which was well has restarted,
 * and is let in at once, the first time.
 *
 * Callbacks of the user may stop, reset, start or change the session.  `depth` counts the entries
 * of machines on the stack; within one, such a call is only noted, and carried out when the
 * outermost is left.  So no callback is ever called from within another, and no machine changes
 * under the feet of the code that runs it.
 */
#include "bgp/session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/memory.h"
#include "bgp/machine.h"
#include "bgp/negotiation.h"

#define REST_MIN_MS 1000
#define REST_MAX_MS 60000
#define REST_OPEN_MS 4000 /* after so long the neighbour's own connection is taken */
#define STABLE_MS 60000

enum { OUTGOING, INCOMING, MACHINES };

enum ending { CARRY_ON, STOP, RESET };

/* What a callback asked for. */
struct wishes {
	enum ending ending;
	bool start;
	uint8_t subcode;
	char *text; /* NULL: none */
	struct bgp_session_settings *settings; /* NULL: no change */
};

struct bgp_session {
	struct bgp_machine_shared shared;
	struct bgp_machine machines[MACHINES];
	const struct bgp_session_ops *ops;
	void *arg;
	bool enabled;
	bool wants_rest;
	bool restarts; /* the neighbour: it may call at any time of the next rest */
	unsigned depth;
	enum bgp_state reported;
	struct loop_timer rest;
	uint32_t rest_ms; /* the last one; 0: none since all was well */
	uint64_t rest_began;
	uint64_t since;
	struct wishes wishes;
};

static struct bgp_machine *live_machine(const struct bgp_session *session)
{
	for (unsigned i = 0; i < MACHINES; i++)
		if (session->machines[i].state == BGP_STATE_ESTABLISHED)
			return (struct bgp_machine *)&session->machines[i];
	return NULL;
}

/* The machine that is further on. */
static const struct bgp_machine *first_machine(const struct bgp_session *session)
{
	const struct bgp_machine *machines = session->machines;

	return &machines[machines[INCOMING].state > machines[OUTGOING].state ? INCOMING : OUTGOING];
}

static struct bgp_machine *other_machine(
    struct bgp_session *session, const struct bgp_machine *machine)
{
	return &session->machines[machine->is_incoming ? OUTGOING : INCOMING];
}

enum bgp_state bgp_session_state(const struct bgp_session *session)
{
	return first_machine(session)->state;
}

static void report_state(struct bgp_session *session)
{
	enum bgp_state from = session->reported, to = bgp_session_state(session);

	if (from == to)
		return;
	session->reported = to;
	session->ops->state_changed(session->arg, from, to);
}

/* Rest and start */

/* An OPEN is under way on one of the machines, or has been. */
static bool is_talking(const struct bgp_session *session)
{
	return first_machine(session)->state >= BGP_STATE_OPEN_SENT;
}

static void begin_rest(struct bgp_session *session)
{
	struct bgp_machine_shared *shared = &session->shared;
	uint32_t time_ms = session->rest_ms ? session->rest_ms * 2 : REST_MIN_MS;

	session->wants_rest = false;
	for (unsigned i = 0; i < MACHINES; i++)
		bgp_machine_retire(&session->machines[i]);
	session->rest_ms = time_ms < REST_MAX_MS ? time_ms : REST_MAX_MS;
	session->rest_began = loop_now(shared->loop);
	loop_timer_start(&session->rest, bgp_machine_jitter(shared, session->rest_ms));
}

/* What has to be true between events: an enabled session is under way or rests. */
static void settle(struct bgp_session *session)
{
	if (session->enabled && !is_talking(session) && !loop_timer_is_running(&session->rest) &&
	    (session->wants_rest || bgp_session_state(session) == BGP_STATE_IDLE))
		begin_rest(session);
	session->wants_rest = false;
	if (bgp_session_state(session) != BGP_STATE_ESTABLISHED)
		arena_free(&session->shared.arena);
	report_state(session);
}

static bool carry_out_wishes(struct bgp_session *session);

static void enter(struct bgp_session *session)
{
	session->depth++;
}

static void leave(struct bgp_session *session)
{
	/* What is carried out, and the report of a state, calls the user, who may have new wishes. */
	if (session->depth == 1) {
		do
			settle(session);
		while (carry_out_wishes(session));
	}
	session->depth--;
}

static void start_now(struct bgp_session *session)
{
	bool passive = session->shared.settings.passive;

	enter(session);
	session->enabled = true;
	if (bgp_session_state(session) == BGP_STATE_IDLE) {
		loop_timer_stop(&session->rest);
		bgp_machine_step(&session->machines[OUTGOING],
		    passive ? BGP_EVENT_MANUAL_START_PASSIVE : BGP_EVENT_MANUAL_START, NULL);
	}
	leave(session);
}

static void end_rest(void *arg)
{
	struct bgp_session *session = arg;

	enter(session);
	bgp_machine_step(&session->machines[OUTGOING], BGP_EVENT_IDLE_HOLD_EXPIRES, NULL);
	leave(session);
}

/* Ends both machines with a Cease; the rest, if any, is over. */
static void stop_machines(
    struct bgp_session *session, enum bgp_event event, uint8_t subcode, const char *text)
{
	struct bgp_notification notification;

	bgp_notification_set(&notification, BGP_ERROR_CEASE, subcode, NULL, 0);
	/* RFC 9003 2: only these two carry a text. */
	if (text && (subcode == BGP_CEASE_ADMINISTRATIVE_SHUTDOWN ||
			subcode == BGP_CEASE_ADMINISTRATIVE_RESET))
		bgp_notification_set_shutdown_text(&notification, text);
	for (unsigned i = 0; i < MACHINES; i++)
		bgp_machine_step(&session->machines[i], event, &notification);
	loop_timer_stop(&session->rest);
	session->rest_ms = 0;
	session->shared.refusal.is_set = false;
}

static void stop_now(struct bgp_session *session, uint8_t subcode, const char *text)
{
	enter(session);
	session->enabled = false;
	stop_machines(session, BGP_EVENT_MANUAL_STOP, subcode, text);
	leave(session);
}

/* A session that talked rests a moment before it starts again, one that did not starts at once. */
static void reset_now(struct bgp_session *session, uint8_t subcode, const char *text)
{
	bool talked = is_talking(session);

	enter(session);
	stop_machines(session, BGP_EVENT_AUTOMATIC_STOP, subcode, text);
	if (!talked)
		session->wants_rest = false;
	if (session->enabled && !talked)
		start_now(session);
	leave(session);
}

/* Change of settings */

/* True if the two differ at most in what needs no new OPEN and no new connection. */
static bool only_soft_differs(
    const struct bgp_session_settings *a, const struct bgp_session_settings *b)
{
	struct bgp_session_settings copy = *b;

	copy.passive = a->passive;
	copy.hold_time_ms = a->hold_time_ms;
	copy.keepalive_time_ms = a->keepalive_time_ms;
	copy.connect_retry_time_ms = a->connect_retry_time_ms;
	copy.delay_open_time_ms = a->delay_open_time_ms;
	copy.open_time_ms = a->open_time_ms;
	copy.enforce_first_as = a->enforce_first_as;
	copy.aigp = a->aigp;
	memcpy(copy.ignored_attributes, a->ignored_attributes, sizeof(copy.ignored_attributes));
	return !memcmp(a, &copy, sizeof(copy));
}

/* A key can change under a connection if both ends change it; adding or removing one resets. */
static bool change_password(
    struct bgp_session *session, const struct bgp_session_settings *settings)
{
	struct bgp_session_settings copy = *settings;
	const struct bgp_session_settings *old = &session->shared.settings;

	memcpy(copy.transport.password, old->transport.password, sizeof(copy.transport.password));
	if (!settings->transport.password[0] || !old->transport.password[0] ||
	    !only_soft_differs(old, &copy))
		return false;
	for (unsigned i = 0; i < MACHINES; i++) {
		const struct bgp_connection *connection = session->machines[i].connection;

		if (connection && !bgp_transport_set_password(
				      bgp_connection_fd(connection), &settings->transport, NULL))
			return false;
	}
	return true;
}

static void change_now(struct bgp_session *session, const struct bgp_session_settings *settings)
{
	struct bgp_session_settings *current = &session->shared.settings;
	bool soft = only_soft_differs(current, settings) || change_password(session, settings);
	bool restart = soft && !is_talking(session) && current->passive != settings->passive;

	if (!memcmp(current, settings, sizeof(*settings)))
		return;
	enter(session);
	*current = *settings;
	if (!soft || restart)
		reset_now(session, BGP_CEASE_CONFIGURATION_CHANGE, NULL);
	for (unsigned i = 0; i < MACHINES && soft; i++)
		bgp_machine_apply_timers(&session->machines[i]);
	leave(session);
}

/* Returns false if there was none. */
static bool carry_out_wishes(struct bgp_session *session)
{
	struct wishes wishes = session->wishes;

	if (!wishes.ending && !wishes.start && !wishes.settings)
		return false;
	session->wishes = (struct wishes){0};
	if (wishes.ending == STOP)
		stop_now(session, wishes.subcode, wishes.text);
	else if (wishes.ending == RESET)
		reset_now(session, wishes.subcode, wishes.text);
	if (wishes.settings)
		change_now(session, wishes.settings);
	if (wishes.start && !session->enabled)
		start_now(session);
	free(wishes.text);
	free(wishes.settings);
	return true;
}

/* A stop outweighs a reset that was asked for before, and takes back a start. */
static void wish_end(
    struct bgp_session *session, enum ending ending, uint8_t subcode, const char *text)
{
	struct wishes *wishes = &session->wishes;

	if (ending == RESET && wishes->ending == STOP && !wishes->start)
		return;
	free(wishes->text);
	wishes->text = text ? memory_copy_string(text) : NULL;
	wishes->subcode = subcode;
	wishes->ending = ending;
	if (ending == STOP)
		wishes->start = false;
}

/* What the machines ask and tell */

static void machine_enter(void *arg)
{
	enter(arg);
}

static void machine_leave(void *arg)
{
	leave(arg);
}

static bool machine_may_connect(void *arg)
{
	return !is_talking(arg);
}

/* RFC 4271 6.8: only a connection in OpenConfirm is compared with the one of the new OPEN. */
static bool machine_open_received(void *arg, struct bgp_machine *machine)
{
	struct bgp_machine *other = other_machine(arg, machine), *loser;

	if (other->state < BGP_STATE_OPEN_SENT) {
		/* Nothing was said on it yet, and nothing more needs to be. */
		if (machine->is_incoming)
			bgp_machine_retire(other);
		return true;
	}
	if (other->state != BGP_STATE_OPEN_CONFIRM)
		return true;
	loser = bgp_negotiation_keeps_ours(&machine->local_open, &machine->remote_open) ==
			machine->is_incoming
		    ? machine
		    : other;
	bgp_machine_step(loser, BGP_EVENT_COLLISION_DUMP, NULL);
	return loser != machine;
}

static void machine_damped(void *arg)
{
	struct bgp_session *session = arg;

	session->wants_rest = true;
}

static void machine_established(void *arg, struct bgp_machine *machine)
{
	struct bgp_session *session = arg;
	struct bgp_machine *other = other_machine(session, machine);

	if (other->state >= BGP_STATE_OPEN_SENT)
		bgp_machine_step(other, BGP_EVENT_COLLISION_DUMP, NULL);
	bgp_machine_retire(other);
	session->wants_rest = false;
	session->since = loop_now(session->shared.loop);
	report_state(session);
	session->ops->established(session->arg);
}

static void machine_released(void *arg, struct bgp_machine *machine)
{
	struct bgp_session *session = arg;
	uint64_t now = loop_now(session->shared.loop);

	(void)machine;
	session->shared.counters.flaps++;
	if (now - session->since >= STABLE_MS)
		session->rest_ms = 0;
	session->restarts = !session->rest_ms && !session->shared.reason.sent;
	session->since = now;
	report_state(session);
	session->ops->down(session->arg, &session->shared.reason);
}

static void machine_update(void *arg, const struct bgp_update *update)
{
	struct bgp_session *session = arg;

	session->ops->update(session->arg, update);
}

static void machine_refresh(void *arg, enum ip_family family, enum bgp_refresh kind)
{
	struct bgp_session *session = arg;

	session->ops->refresh(session->arg, family, kind);
}

static void machine_drained(void *arg, const struct bgp_machine *machine)
{
	struct bgp_session *session = arg;

	if (machine->state == BGP_STATE_ESTABLISHED)
		session->ops->drained(session->arg);
}

static void machine_trouble(void *arg, const char *what)
{
	struct bgp_session *session = arg;

	session->ops->trouble(session->arg, what);
}

static const struct bgp_machine_ops machine_ops = {
    .enter = machine_enter,
    .leave = machine_leave,
    .may_connect = machine_may_connect,
    .open_received = machine_open_received,
    .damped = machine_damped,
    .established = machine_established,
    .released = machine_released,
    .update = machine_update,
    .refresh = machine_refresh,
    .drained = machine_drained,
    .trouble = machine_trouble,
};

/* A connection that the neighbour opened */

/* Nothing is read from such a connection, so nothing of it is ever called. */
static const struct bgp_connection_ops no_ops;

/* RFC 4271 6.8: the newly created connection is closed, with a Cease. */
static void refuse_collision(struct bgp_session *session, int fd)
{
	struct bgp_machine_shared *shared = &session->shared;
	struct shared_buffer *buffer = shared_buffer_new(BGP_HEADER_LENGTH + 2);
	struct wire_writer writer = wire_writer_init(buffer->bytes, buffer->capacity);
	struct bgp_notification notification;

	bgp_notification_set(&notification, BGP_ERROR_CEASE, BGP_CEASE_COLLISION, NULL, 0);
	bgp_notification_encode(&writer, &notification);
	buffer->length = wire_written(&writer);
	bgp_connection_finish(
	    bgp_connection_new(shared->loop, fd, true, &no_ops, NULL), buffer, &shared->closing);
	shared_buffer_release(buffer);
}

/* Leaves a rest early for a neighbour that calls; false if it is too early for that. */
static bool interrupt_rest(struct bgp_session *session)
{
	uint64_t rested = loop_now(session->shared.loop) - session->rest_began;

	if (!loop_timer_is_running(&session->rest))
		return true;
	if (!session->restarts && rested < REST_OPEN_MS)
		return false;
	session->restarts = false;
	loop_timer_stop(&session->rest);
	bgp_machine_step(&session->machines[OUTGOING], BGP_EVENT_AUTOMATIC_START_PASSIVE, NULL);
	return true;
}

static void accept_now(struct bgp_session *session, int fd)
{
	struct bgp_machine *incoming = &session->machines[INCOMING];
	struct bgp_session_settings *settings = &session->shared.settings;
	struct error error;

	if (!session->enabled || !interrupt_rest(session)) {
		/* RFC 4271 8.2.2: Idle refuses all connections. */
		close(fd);
		return;
	}
	if (!bgp_transport_check_password(fd, &settings->transport, &error) ||
	    !bgp_transport_prepare(fd, &settings->transport, &error)) {
		session->ops->trouble(session->arg, error.text);
		close(fd);
		return;
	}
	if (live_machine(session) || incoming->state == BGP_STATE_OPEN_CONFIRM) {
		refuse_collision(session, fd);
		return;
	}
	/* A neighbour that calls again before it said anything has given the first one up. */
	if (incoming->state != BGP_STATE_IDLE) {
		bgp_machine_step(incoming, BGP_EVENT_COLLISION_DUMP, NULL);
		session->wants_rest = false;
	}
	bgp_machine_accept(incoming, fd);
}

void bgp_session_accept(struct bgp_session *session, int fd)
{
	enter(session);
	accept_now(session, fd);
	leave(session);
}

/* What the user asks for: at once, or when the callback that asks is over */

void bgp_session_start(struct bgp_session *session)
{
	if (session->depth)
		session->wishes.start = true;
	else if (!session->enabled)
		start_now(session);
}

void bgp_session_stop(struct bgp_session *session, enum bgp_cease_subcode subcode, const char *text)
{
	if (session->depth)
		wish_end(session, STOP, (uint8_t)subcode, text);
	else
		stop_now(session, (uint8_t)subcode, text);
}

void bgp_session_reset(
    struct bgp_session *session, enum bgp_cease_subcode subcode, const char *text)
{
	if (session->depth)
		wish_end(session, RESET, (uint8_t)subcode, text);
	else
		reset_now(session, (uint8_t)subcode, text);
}

void bgp_session_change(struct bgp_session *session, const struct bgp_session_settings *settings)
{
	if (!session->depth) {
		change_now(session, settings);
		return;
	}
	free(session->wishes.settings);
	session->wishes.settings = memory_copy(settings, sizeof(*settings));
}

void bgp_session_send(struct bgp_session *session, struct shared_buffer *buffer)
{
	struct bgp_machine *machine = live_machine(session);

	if (machine)
		bgp_machine_send(machine, buffer);
}

void bgp_session_push(struct bgp_session *session)
{
	const struct bgp_machine *machine = live_machine(session);

	if (machine && machine->connection)
		bgp_connection_push(machine->connection);
}

size_t bgp_session_queued(const struct bgp_session *session)
{
	const struct bgp_machine *machine = live_machine(session);

	return machine && machine->connection ? bgp_connection_queued(machine->connection) : 0;
}

size_t bgp_session_queue_memory(const struct bgp_session *session)
{
	const struct bgp_machine *machine = live_machine(session);

	return machine && machine->connection ? bgp_connection_queue_memory(machine->connection)
					      : 0;
}

bool bgp_session_request_refresh(struct bgp_session *session, enum ip_family family)
{
	struct bgp_machine *machine = live_machine(session);

	if (!machine || !machine->codec.route_refresh || !machine->codec.families[family])
		return false;
	bgp_machine_send_refresh(machine, family);
	return true;
}

/* Life, and what is known */

static uint64_t random_seed(void)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed) || !seed)
		seed = 0x9e3779b97f4a7c15;
	return seed;
}

struct bgp_session *bgp_session_new(struct loop *loop, const struct bgp_session_settings *settings,
    const struct bgp_session_ops *ops, void *arg)
{
	struct bgp_session *session = memory_allocate_zero(1, sizeof(*session));

	session->shared.loop = loop;
	session->shared.settings = *settings;
	session->shared.random = random_seed();
	session->shared.ops = &machine_ops;
	session->shared.arg = session;
	session->ops = ops;
	session->arg = arg;
	for (unsigned i = 0; i < MACHINES; i++)
		bgp_machine_init(&session->machines[i], &session->shared, i == INCOMING);
	loop_timer_init(loop, &session->rest, end_rest, session);
	return session;
}

void bgp_session_free(struct bgp_session *session)
{
	if (!session)
		return;
	for (unsigned i = 0; i < MACHINES; i++)
		bgp_machine_free(&session->machines[i]);
	bgp_closing_list_free(&session->shared.closing);
	arena_free(&session->shared.arena);
	free(session->shared.notification);
	loop_timer_free(&session->rest);
	free(session->wishes.text);
	free(session->wishes.settings);
	free(session);
}

bool bgp_session_is_closing(const struct bgp_session *session)
{
	return session->shared.closing.first;
}

const struct bgp_session_settings *bgp_session_settings(const struct bgp_session *session)
{
	return &session->shared.settings;
}

const struct bgp_codec *bgp_session_codec(const struct bgp_session *session)
{
	return &first_machine(session)->codec;
}

const struct bgp_open *bgp_session_local_open(const struct bgp_session *session)
{
	return &first_machine(session)->local_open;
}

const struct bgp_open *bgp_session_remote_open(const struct bgp_session *session)
{
	return &first_machine(session)->remote_open;
}

const struct bgp_session_counters *bgp_session_counters(const struct bgp_session *session)
{
	return &session->shared.counters;
}

const struct bgp_session_reason *bgp_session_last_reason(const struct bgp_session *session)
{
	return &session->shared.reason;
}

const struct bgp_session_reason *bgp_session_last_notification(const struct bgp_session *session)
{
	static const struct bgp_session_reason none;

	return session->shared.notification ? session->shared.notification : &none;
}

uint64_t bgp_session_since(const struct bgp_session *session)
{
	return session->since;
}

uint32_t bgp_session_hold_time(const struct bgp_session *session)
{
	return first_machine(session)->hold_time_ms / 1000;
}

uint32_t bgp_session_keepalive_time(const struct bgp_session *session)
{
	return first_machine(session)->keepalive_time_ms / 1000;
}

bool bgp_session_addresses(const struct bgp_session *session, struct ip_address *local,
    uint16_t *local_port, struct ip_address *remote, uint16_t *remote_port)
{
	const struct bgp_machine *machine = first_machine(session);

	if (!machine->connection || !machine->has_ends)
		return false;
	*local = machine->local;
	*local_port = machine->local_port;
	*remote = machine->remote;
	*remote_port = machine->remote_port;
	return true;
}
