/*
 * A whole session, held against a model.  The input is a list of steps: bytes from the neighbour,
 * whole messages or pieces, calls, closes, the passing of time, what the user does.  The session is
 * the real one, on a pair of sockets; time is ours.
 *
 * After each step the state must be the one that session_model.h names, what was sent must be
 * well-formed and nothing else than it says, and the user must have been told of each Established
 * and its end once.  What is wrong in a message is judged by the codec, which fuzz_message is for;
 * what follows from it is judged here.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bgp/negotiation.h"
#include "bgp/session.h"
#include "session_model.h"
#include "update_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	LOCAL_ASN = 65001,
	REMOTE_ASN = 65002,
	REPLIES_MAX = 64,
	OPEN_LIMIT_MS = 4 * 60 * 1000, /* RFC 4271 8.2.2 */
	RESTS_MS = 4000, /* so long a connection may be refused after an error */
	TURNS = 6 /* of the loop, after which nothing happens any more */
};

/* The clock of everything but the fuzzer itself. */
static uint64_t clock_ms;

int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE)
		return (int)syscall(SYS_clock_gettime, clock, time);
	time->tv_sec = (time_t)(clock_ms / 1000);
	time->tv_nsec = (long)(clock_ms % 1000) * 1000000;
	return 0;
}

/* A pair of sockets has no TTL; elsewhere it is set with this very call. */
int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	(void)fd, (void)level, (void)option, (void)value, (void)length;
	return 0;
}

/* The neighbour's end of a connection that the session has opened; -1: none. */
static int called = -1;

/* A pair takes the place of the socket: the neighbour answers at once. */
int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int fds[2];

	(void)address, (void)length;
	require(called < 0);
	require(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
	require(dup2(fds[0], fd) == fd);
	close(fds[0]);
	called = fds[1];
	return 0;
}

/* One message that the neighbour was sent. */
struct reply {
	uint8_t type;
	uint8_t code; /* of a NOTIFICATION */
	uint8_t subcode;
};

struct world {
	struct wire_reader steps;
	struct loop *loop;
	struct bgp_session_settings settings;
	struct bgp_session *session;
	bool enabled;
	int fd; /* the neighbour's end; -1: none */

	enum model_state state;
	uint64_t failed_at; /* clock_ms, of the last connection that ended */
	uint64_t heard_at;
	uint64_t deadline; /* of the OPEN, or of the DelayOpenTimer */
	uint32_t hold_ms;
	struct bgp_open local, remote;
	struct bgp_codec codec;
	uint8_t input[2 * BGP_EXTENDED_MESSAGE_MAX]; /* the beginning of a message */
	size_t input_length;

	struct reply expected[REPLIES_MAX];
	unsigned expected_count;
	bool refused; /* an OPEN of ours was, so that a later one may say less (RFC 5492 3) */
	unsigned established, down; /* as the model counts */
	unsigned told_established, told_down; /* as the user was told */
};

/* The user of the session */

static void told_established(void *arg)
{
	((struct world *)arg)->told_established++;
}

static void told_down(void *arg, const struct bgp_session_reason *reason)
{
	require(reason->error.text[0]);
	((struct world *)arg)->told_down++;
}

static void told_update(void *arg, const struct bgp_update *update)
{
	const struct world *world = arg;

	require(update->treatment != BGP_TREATMENT_RESET_SESSION);
	check_decoded_update(update, bgp_session_codec(world->session));
}

static void told_refresh(void *arg, enum ip_family family, enum bgp_refresh kind)
{
	const struct world *world = arg;

	require(bgp_session_codec(world->session)->families[family]);
	require(kind == BGP_REFRESH_REQUEST ||
		bgp_session_codec(world->session)->enhanced_route_refresh);
}

static void told_drained(void *arg)
{
	(void)arg;
}

static void told_state(void *arg, enum bgp_state from, enum bgp_state to)
{
	(void)arg;
	require(from != to);
}

static void told_trouble(void *arg, const char *what)
{
	(void)arg;
	require(what[0]);
}

static const struct bgp_session_ops session_ops = {
    .established = told_established,
    .down = told_down,
    .update = told_update,
    .refresh = told_refresh,
    .drained = told_drained,
    .state_changed = told_state,
    .trouble = told_trouble,
};

/* The model */

static void expect(struct world *world, uint8_t type, uint8_t code, uint8_t subcode)
{
	require(world->expected_count < REPLIES_MAX);
	world->expected[world->expected_count++] = (struct reply){type, code, subcode};
}

static void expect_reply(
    struct world *world, enum model_reply reply, const struct bgp_notification *why)
{
	switch (reply) {
	case MODEL_SILENCE:
		break;
	case MODEL_SAYS_OPEN:
		expect(world, BGP_MESSAGE_OPEN, 0, 0);
		break;
	case MODEL_SAYS_BOTH:
		expect(world, BGP_MESSAGE_OPEN, 0, 0);
		expect(world, BGP_MESSAGE_KEEPALIVE, 0, 0);
		break;
	case MODEL_SAYS_KEEPALIVE:
		expect(world, BGP_MESSAGE_KEEPALIVE, 0, 0);
		break;
	case MODEL_SAYS_WHY:
		expect(world, BGP_MESSAGE_NOTIFICATION, why->code, why->subcode);
		break;
	case MODEL_SAYS_FSM:
		expect(world, BGP_MESSAGE_NOTIFICATION, BGP_ERROR_FSM,
		    (uint8_t)(world->state - MODEL_OPEN_SENT + BGP_FSM_IN_OPEN_SENT));
		break;
	case MODEL_SAYS_HOLD:
		expect(world, BGP_MESSAGE_NOTIFICATION, BGP_ERROR_HOLD_TIMER, 0);
		break;
	case MODEL_SAYS_COLLISION:
		expect(world, BGP_MESSAGE_NOTIFICATION, BGP_ERROR_CEASE, BGP_CEASE_COLLISION);
		break;
	}
}

static void step(struct world *world, enum model_event event, const struct bgp_notification *why)
{
	const struct model_step *row = &model_steps[world->state][event];
	enum model_state before = world->state;

	expect_reply(world, row->reply, why);
	world->state = row->next;
	if (before == MODEL_ESTABLISHED && world->state != before)
		world->down++;
	if (before == MODEL_DOWN || world->state == before)
		return;
	if (world->state == MODEL_DOWN) {
		world->failed_at = clock_ms;
		world->input_length = 0;
	} else if (world->state == MODEL_OPEN_SENT) {
		world->deadline = clock_ms + OPEN_LIMIT_MS;
	} else if (world->state == MODEL_ESTABLISHED) {
		world->established++;
	}
}

static void run(struct world *world)
{
	for (unsigned i = 0; i < TURNS; i++)
		loop_run_once(world->loop, 0);
}

/* The OPEN that was sent is what the neighbour decodes. */
static void see_open(struct world *world, struct wire_span body)
{
	struct bgp_notification why;

	memset(&world->local, 0, sizeof(world->local));
	require(bgp_open_decode(body, &world->local, &why));
	require(world->local.asn == world->settings.local_asn);
}

/* With DelayOpen ours may leave only in answer to theirs; false: it did not. */
static bool peek_open(struct world *world)
{
	uint8_t bytes[BGP_MESSAGE_MAX];
	struct bgp_notification why;
	struct bgp_header header;
	ssize_t length;

	run(world);
	world->local = bgp_negotiation_open(&world->settings);
	length = recv(world->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	if (length < BGP_HEADER_LENGTH)
		return false;
	require(bgp_header_decode(bytes, false, &header, &why) && header.length <= length);
	require(header.type == BGP_MESSAGE_OPEN);
	see_open(world, (struct wire_span){
			    bytes + BGP_HEADER_LENGTH, (size_t)header.length - BGP_HEADER_LENGTH});
	return true;
}

/* Everything that comes after both OPENs depends on both. */
static void receive_open(struct world *world, struct wire_span body)
{
	struct bgp_notification why;

	if (world->state > MODEL_OPEN_SENT) {
		step(world, MODEL_GOOD_OPEN, NULL);
		return;
	}
	/* What ours would have said is not known then. */
	if (world->state == MODEL_DELAYED && !peek_open(world) && world->refused) {
		step(world, MODEL_BAD_OPEN, NULL);
		return;
	}
	memset(&world->remote, 0, sizeof(world->remote));
	if (!bgp_open_decode(body, &world->remote, &why) ||
	    !bgp_negotiation_check(&world->settings, &world->local, &world->remote, &why)) {
		step(world, MODEL_BAD_OPEN, &why);
		return;
	}
	world->codec = bgp_codec_negotiate(&world->local.capabilities, &world->remote.capabilities,
	    world->local.asn != world->remote.asn);
	world->hold_ms = bgp_negotiation_hold_time(&world->local, &world->remote);
	world->heard_at = clock_ms;
	step(world, MODEL_GOOD_OPEN, NULL);
}

static void receive_update(struct world *world, struct wire_span body)
{
	struct bgp_update_rules rules = bgp_negotiation_rules(&world->settings, world->remote.asn);
	struct bgp_update update;
	struct arena arena = {NULL};
	bool bad = false;

	if (world->state == MODEL_ESTABLISHED) {
		bgp_update_decode(body, &world->codec, &rules, &arena, &update);
		bad = update.treatment == BGP_TREATMENT_RESET_SESSION;
	}
	step(world, bad ? MODEL_BAD_UPDATE : MODEL_UPDATE, &update.notification);
	arena_free(&arena);
}

/* RFC 7313 5: an error of its own only for a neighbour that announced the capability. */
static void receive_refresh(struct world *world, struct wire_span body)
{
	struct bgp_route_refresh refresh;
	struct bgp_notification why;
	bool good = bgp_route_refresh_decode(body, &refresh, &why);

	if (!good && !world->remote.capabilities.enhanced_route_refresh) {
		why.code = BGP_ERROR_HEADER;
		why.subcode = BGP_HEADER_BAD_LENGTH;
	}
	step(world, good ? MODEL_REFRESH : MODEL_BAD_REFRESH, &why);
}

static void receive_message(struct world *world, uint8_t type, struct wire_span body)
{
	switch (type) {
	case BGP_MESSAGE_OPEN:
		receive_open(world, body);
		break;
	case BGP_MESSAGE_UPDATE:
		receive_update(world, body);
		break;
	case BGP_MESSAGE_NOTIFICATION:
		world->refused |= body.bytes[0] == BGP_ERROR_OPEN;
		step(world, MODEL_NOTIFICATION, NULL);
		break;
	case BGP_MESSAGE_KEEPALIVE:
		step(world, MODEL_KEEPALIVE, NULL);
		break;
	default:
		receive_refresh(world, body);
		break;
	}
	/* RFC 4271 4.2 counts these two alone. */
	if (world->state == MODEL_ESTABLISHED &&
	    (type == BGP_MESSAGE_KEEPALIVE || type == BGP_MESSAGE_UPDATE))
		world->heard_at = clock_ms;
}

/* Cuts what has come into messages, as RFC 4271 6.1 does. */
static void receive_bytes(struct world *world)
{
	size_t at = 0;

	while (world->state != MODEL_DOWN && world->input_length - at >= BGP_HEADER_LENGTH) {
		bool extended = world->state >= MODEL_OPEN_CONFIRM && world->codec.extended_message;
		struct bgp_notification why;
		struct bgp_header header;

		if (!bgp_header_decode(world->input + at, extended, &header, &why)) {
			step(world, MODEL_BAD_HEADER, &why);
			return;
		}
		if (header.length > world->input_length - at)
			break;
		receive_message(world, header.type,
		    (struct wire_span){world->input + at + BGP_HEADER_LENGTH,
			(size_t)header.length - BGP_HEADER_LENGTH});
		at += header.length;
	}
	if (world->state == MODEL_DOWN)
		return;
	world->input_length -= at;
	memmove(world->input, world->input + at, world->input_length);
}

static void pass_time(struct world *world, uint64_t ms)
{
	clock_ms += ms;
	if (world->state == MODEL_DELAYED && clock_ms >= world->deadline)
		step(world, MODEL_DELAY_EXPIRES, NULL);
	else if (world->state == MODEL_OPEN_SENT && clock_ms >= world->deadline)
		step(world, MODEL_HOLD_EXPIRES, NULL);
	else if (world->state > MODEL_OPEN_SENT && world->hold_ms &&
		 clock_ms >= world->heard_at + world->hold_ms)
		step(world, MODEL_HOLD_EXPIRES, NULL);
}

/* What the neighbour sees */

/* Reads all there is; true if the session has closed. */
static bool read_all(int fd, uint8_t *bytes, size_t capacity, size_t *length)
{
	ssize_t count;

	*length = 0;
	while ((count = recv(fd, bytes + *length, capacity - *length, MSG_DONTWAIT)) > 0)
		*length += (size_t)count;
	require(*length < capacity);
	return !count || (errno != EAGAIN && errno != EINTR);
}

/* Each message is expected, but for keepalives, which time brings. */
static void check_replies(struct world *world, struct wire_span bytes)
{
	struct wire_reader reader = wire_reader_from_span(bytes);
	unsigned next = 0;

	while (wire_left(&reader)) {
		struct bgp_notification why;
		struct bgp_header header;
		struct wire_span body;
		const struct reply *want = &world->expected[next];

		require(wire_left(&reader) >= BGP_HEADER_LENGTH);
		require(bgp_header_decode(reader.at, false, &header, &why));
		wire_get_bytes(&reader, BGP_HEADER_LENGTH);
		body = wire_get_span(&reader, (size_t)header.length - BGP_HEADER_LENGTH);
		require(!reader.failed);
		if (header.type == BGP_MESSAGE_KEEPALIVE &&
		    (next == world->expected_count || want->type != header.type))
			continue;
		require(next++ < world->expected_count && want->type == header.type);
		if (header.type == BGP_MESSAGE_OPEN)
			see_open(world, body);
		if (header.type == BGP_MESSAGE_NOTIFICATION)
			require(body.bytes[0] == want->code && body.bytes[1] == want->subcode);
	}
	require(next == world->expected_count);
	world->expected_count = 0;
}

static void begin_connection(struct world *world, int fd)
{
	world->fd = fd;
	if (world->settings.delay_open_time_ms) {
		world->state = MODEL_DELAYED;
		world->deadline = clock_ms + world->settings.delay_open_time_ms;
		return;
	}
	world->state = MODEL_OPEN_SENT;
	world->deadline = clock_ms + OPEN_LIMIT_MS;
	expect(world, BGP_MESSAGE_OPEN, 0, 0);
}

static void drop(struct world *world)
{
	close(world->fd);
	world->fd = -1;
	run(world);
}

static bool is_named(const struct world *world, enum bgp_state state)
{
	switch (world->state) {
	case MODEL_DOWN:
		return state == BGP_STATE_IDLE || (world->enabled && state == BGP_STATE_ACTIVE);
	case MODEL_DELAYED:
		return state == (world->settings.passive ? BGP_STATE_ACTIVE : BGP_STATE_CONNECT);
	case MODEL_OPEN_SENT:
		return state == BGP_STATE_OPEN_SENT;
	case MODEL_OPEN_CONFIRM:
		return state == BGP_STATE_OPEN_CONFIRM;
	default:
		return state == BGP_STATE_ESTABLISHED;
	}
}

/* Everything on the connection, whose end must be that of the model's. */
static void check_connection(struct world *world)
{
	static uint8_t bytes[65536];
	size_t length;
	bool closed;

	if (world->fd < 0)
		return;
	closed = read_all(world->fd, bytes, sizeof(bytes), &length);
	check_replies(world, (struct wire_span){bytes, length});
	require(closed == (world->state == MODEL_DOWN));
	if (closed)
		drop(world);
}

static void check(struct world *world)
{
	run(world);
	if (called >= 0) {
		int fd = called;

		called = -1;
		require(world->state == MODEL_DOWN && world->enabled);
		check_connection(world);
		begin_connection(world, fd);
	}
	require(is_named(world, bgp_session_state(world->session)));
	require(world->told_established == world->established && world->told_down == world->down);
	check_connection(world);
}

/* Steps */

static void feed(struct world *world, struct wire_span bytes)
{
	size_t room = sizeof(world->input) - world->input_length;

	if (world->fd < 0 || !bytes.length || bytes.length > room)
		return;
	require(send(world->fd, bytes.bytes, bytes.length, MSG_NOSIGNAL) == (ssize_t)bytes.length);
	memcpy(world->input + world->input_length, bytes.bytes, bytes.length);
	world->input_length += bytes.length;
	receive_bytes(world);
}

/* At most as many as are left. */
static struct wire_span take(struct world *world, size_t length)
{
	size_t left = wire_left(&world->steps);

	return wire_get_span(&world->steps, length < left ? length : left);
}

/* A message with a right header, its type and length from the input. */
static void feed_message(struct world *world)
{
	static uint8_t bytes[BGP_HEADER_LENGTH + UINT8_MAX + UINT8_MAX];
	uint8_t type = wire_get_u8(&world->steps);
	struct wire_span body = take(world, wire_get_u8(&world->steps));

	memset(bytes, 0xff, 16);
	wire_store_u16(bytes + 16, (uint16_t)(BGP_HEADER_LENGTH + body.length));
	bytes[18] = type % 8;
	if (body.length)
		memcpy(bytes + BGP_HEADER_LENGTH, body.bytes, body.length);
	feed(world, (struct wire_span){bytes, BGP_HEADER_LENGTH + body.length});
}

static void feed_pieces(struct world *world)
{
	feed(world, take(world, wire_get_u8(&world->steps)));
}

static void feed_open(struct world *world)
{
	uint8_t bytes[BGP_MESSAGE_MAX];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));
	uint8_t choice = wire_get_u8(&world->steps), hold = wire_get_u8(&world->steps);
	struct bgp_open open = {.version = BGP_VERSION,
	    .asn = choice & 1 ? LOCAL_ASN : REMOTE_ASN,
	    .hold_time = hold,
	    .identifier = {10, 0, 0, 2}};

	open.capabilities.families[IPV4] = open.capabilities.any_family = !(choice & 2);
	open.capabilities.families[IPV6] = choice & 4;
	open.capabilities.as4 = choice & 8;
	open.capabilities.asn = open.asn;
	open.capabilities.route_refresh = true;
	open.capabilities.enhanced_route_refresh = choice & 16;
	open.capabilities.extended_message = choice & 32;
	open.capabilities.extended_next_hop = choice & 64;
	open.capabilities.add_path[IPV4] = choice & 128 ? BGP_ADD_PATH_SEND : 0;
	bgp_open_encode(&writer, &open);
	feed(world, wire_writer_span(&writer));
}

static void feed_keepalive(struct world *world)
{
	uint8_t bytes[BGP_HEADER_LENGTH];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));

	bgp_keepalive_encode(&writer);
	feed(world, wire_writer_span(&writer));
}

static void advance(struct world *world)
{
	uint8_t amount = wire_get_u8(&world->steps);

	pass_time(world, amount & 128 ? (amount & 127) * 2000u : amount * 50u);
}

static void neighbour_closes(struct world *world)
{
	if (world->fd < 0)
		return;
	step(world, MODEL_CLOSED, NULL);
	shutdown(world->fd, SHUT_WR);
}

/* A connection that is refused was closed without a word, or with a Cease. */
static void check_refused(int fd, bool with_cease)
{
	uint8_t bytes[64];
	size_t length;

	require(read_all(fd, bytes, sizeof(bytes), &length));
	require(length == (with_cease ? 21 : 0));
	if (with_cease)
		require(bytes[18] == BGP_MESSAGE_NOTIFICATION && bytes[19] == BGP_ERROR_CEASE &&
			bytes[20] == BGP_CEASE_COLLISION);
	close(fd);
}

static bool is_closed(int fd)
{
	uint8_t byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* A neighbour that calls again before its OPEN has given its first connection up. */
static void replace_connection(struct world *world, int ours, int theirs)
{
	static uint8_t bytes[BGP_MESSAGE_MAX];
	size_t length;

	step(world, MODEL_REPLACED, NULL);
	bgp_session_accept(world->session, ours);
	run(world);
	require(read_all(world->fd, bytes, sizeof(bytes), &length));
	check_replies(world, (struct wire_span){bytes, length});
	close(world->fd);
	begin_connection(world, theirs);
}

static void connect_again(struct world *world)
{
	enum model_state before = world->state;
	int fds[2];

	if (!world->settings.passive)
		return; /* two connections are the matter of test_machine.c */
	require(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
	if (before == MODEL_DELAYED || before == MODEL_OPEN_SENT) {
		replace_connection(world, fds[0], fds[1]);
		return;
	}
	bgp_session_accept(world->session, fds[0]);
	run(world);
	if (before > MODEL_OPEN_SENT) { /* RFC 4271 6.8 */
		check_refused(fds[1], true);
	} else if (is_closed(fds[1])) {
		require(!world->enabled || clock_ms < world->failed_at + RESTS_MS);
		check_refused(fds[1], false);
	} else {
		require(world->enabled);
		begin_connection(world, fds[1]);
	}
}

static void user_acts(struct world *world)
{
	uint8_t what = wire_get_u8(&world->steps) % 4;
	struct bgp_notification why;

	bgp_notification_set(&why, BGP_ERROR_CEASE,
	    what ? BGP_CEASE_ADMINISTRATIVE_RESET : BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, NULL, 0);
	if (what < 2 && world->state != MODEL_DOWN)
		step(world, MODEL_STOP, &why);
	if (what == 0) {
		bgp_session_stop(world->session, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, "text");
		world->enabled = false;
	} else if (what == 1) {
		bgp_session_reset(world->session, BGP_CEASE_ADMINISTRATIVE_RESET, NULL);
		world->failed_at = clock_ms;
	} else {
		bgp_session_start(world->session);
		world->enabled = true;
	}
}

typedef void step_function(struct world *world);

static void play(struct world *world)
{
	static step_function *const steps[] = {feed_message, feed_pieces, feed_open, feed_keepalive,
	    advance, neighbour_closes, connect_again, user_acts};

	for (unsigned i = 0; wire_left(&world->steps) && i < 100; i++) {
		steps[wire_get_u8(&world->steps) % 8](world);
		check(world);
	}
}

static void fill_settings(struct world *world)
{
	static const uint32_t hold_times[] = {0, 3000, 9000, 90000};
	struct bgp_session_settings *settings = &world->settings;
	uint16_t choice = wire_get_u16(&world->steps);

	settings->transport.remote.family = settings->transport.local.family = IPV4;
	settings->local_asn = LOCAL_ASN;
	settings->remote_asn = REMOTE_ASN;
	settings->remote_as = choice & 1 ? BGP_REMOTE_AS_INTERNAL : BGP_REMOTE_AS_NUMBER;
	memcpy(settings->identifier, (uint8_t[]){10, 0, 0, 1}, 4);
	settings->families[IPV4] = !(choice & 2);
	settings->families[IPV6] = (choice & 2) || (choice & 4);
	settings->passive = !(choice & 4096);
	settings->connect_retry_time_ms = 1000;
	settings->hold_time_ms = hold_times[choice >> 3 & 3];
	settings->delay_open_time_ms = choice & 32 ? 2000 : 0;
	settings->add_path[IPV4] = choice & 64 ? BGP_ADD_PATH_SEND | BGP_ADD_PATH_RECEIVE : 0;
	settings->enforce_first_as = choice & 128;
	settings->aigp = choice & 256;
	settings->ignored_attributes[0] = choice & 512 ? 1u << BGP_ATTRIBUTE_COMMUNITIES : 0;
	if (!(choice & 1) && choice & 1024) {
		settings->role = BGP_ROLE_CUSTOMER;
		settings->strict_role = choice & 2048;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *world = calloc(1, sizeof(*world));

	require(world);
	clock_ms = 1000000;
	world->steps = wire_reader_from_span((struct wire_span){data, size});
	world->fd = -1;
	fill_settings(world);
	world->loop = loop_new();
	world->session = bgp_session_new(world->loop, &world->settings, &session_ops, world);
	bgp_session_start(world->session);
	world->enabled = true;
	check(world);
	play(world);
	bgp_session_free(world->session);
	if (world->fd >= 0)
		close(world->fd);
	loop_free(world->loop);
	free(world);
	return 0;
}
