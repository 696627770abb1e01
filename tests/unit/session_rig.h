/*
 * For the tests of sessions: a loop with a deadline, a session with a listener and a record of all
 * that it told, and a neighbour that is a plain socket which says what the test wants.
 */
#ifndef TESTS_UNIT_SESSION_RIG_H
#define TESTS_UNIT_SESSION_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wire.h"
#include "bgp/session.h"
#include "clock.h"

/* The callbacks of a session. */
enum side_callback {
	SIDE_ESTABLISHED,
	SIDE_DOWN,
	SIDE_UPDATE,
	SIDE_REFRESH,
	SIDE_DRAINED,
	SIDE_STATE_CHANGED,
	SIDE_TROUBLE,
	SIDE_CALLBACKS
};

/* Sends it all, with nothing more to come. */
static inline void send_now(struct bgp_session *session, struct shared_buffer *buffer)
{
	bgp_session_send(session, buffer);
	bgp_session_push(session);
}

struct side {
	struct loop *loop;
	struct bgp_session *session;
	struct bgp_listener *listener;
	struct bgp_session_settings settings;
	unsigned established, down, updates, refreshes, drained, troubles;
	void (*act)(struct side *side); /* done once, within the callback `act_in`; NULL: nothing */
	enum side_callback act_in;
	unsigned inside; /* callbacks on the stack; never more than one */
	bool nested;
	size_t nlri_bytes;
	enum ip_family refreshed;
	enum bgp_refresh refresh_kind;
	struct bgp_session_reason reason;
	char trouble[512];
};

static inline void side_enter(struct side *side, enum side_callback callback)
{
	void (*act)(struct side * side) = side->act;

	side->nested |= side->inside++ > 0;
	if (!act || side->act_in != callback)
		return;
	side->act = NULL;
	act(side);
}

static inline void side_established(void *arg)
{
	struct side *side = arg;

	side_enter(side, SIDE_ESTABLISHED);
	side->established++;
	side->inside--;
}

static inline void side_down(void *arg, const struct bgp_session_reason *reason)
{
	struct side *side = arg;

	side_enter(side, SIDE_DOWN);
	side->down++;
	side->reason = *reason;
	side->inside--;
}

static inline void side_update(void *arg, const struct bgp_update *update)
{
	struct side *side = arg;

	side_enter(side, SIDE_UPDATE);
	side->updates++;
	side->nlri_bytes += update->announced.length;
	side->inside--;
}

static inline void side_refresh(void *arg, enum ip_family family, enum bgp_refresh kind)
{
	struct side *side = arg;

	side_enter(side, SIDE_REFRESH);
	side->refreshes++;
	side->refresh_kind = kind;
	side->refreshed = family;
	side->inside--;
}

static inline void side_drained(void *arg)
{
	struct side *side = arg;

	side_enter(side, SIDE_DRAINED);
	side->drained++;
	side->inside--;
}

static inline void side_state_changed(void *arg, enum bgp_state from, enum bgp_state to)
{
	side_enter(arg, SIDE_STATE_CHANGED);
	((struct side *)arg)->nested |= from == to;
	((struct side *)arg)->inside--;
}

static inline void side_trouble(void *arg, const char *what)
{
	struct side *side = arg;

	side_enter(side, SIDE_TROUBLE);
	side->troubles++;
	snprintf(side->trouble, sizeof(side->trouble), "%s", what);
	side->inside--;
}

static const struct bgp_session_ops side_ops = {
    .established = side_established,
    .down = side_down,
    .update = side_update,
    .refresh = side_refresh,
    .drained = side_drained,
    .state_changed = side_state_changed,
    .trouble = side_trouble,
};

static inline void side_accepted(void *arg, int fd, const struct ip_address *remote,
    const struct ip_address *local, uint32_t scope)
{
	struct side *side = arg;

	(void)remote;
	(void)local;
	(void)scope;
	bgp_session_accept(side->session, fd);
}

static inline struct ip_address loopback(enum ip_family family)
{
	struct ip_address address;

	ip_address_parse(family == IPV6 ? "::1" : "127.0.0.1", &address);
	return address;
}

static inline struct ip_address any_address(enum ip_family family)
{
	struct ip_address address;

	memset(&address, 0, sizeof(address));
	address.family = (uint8_t)family;
	return address;
}

/* Settings of AS `asn` with identifier 10.0.0.`id` towards AS `remote`; hold time 90 s. */
static inline void side_init(
    struct side *side, struct loop *loop, uint32_t asn, uint8_t id, uint32_t remote)
{
	struct bgp_session_settings *settings = &side->settings;
	struct ip_address address = loopback(IPV4);

	memset(side, 0, sizeof(*side));
	side->loop = loop;
	settings->transport.remote = address;
	settings->transport.local = any_address(IPV4);
	settings->local_asn = asn;
	settings->remote_asn = remote;
	memcpy(settings->identifier, (uint8_t[]){10, 0, 0, id}, 4);
	settings->families[IPV4] = settings->families[IPV6] = true;
	settings->hold_time_ms = 90000;
	settings->connect_retry_time_ms = 300;
}

/* Listens on a port of the kernel's choice; returns it. */
static inline uint16_t side_listen(struct side *side)
{
	struct ip_address address =
	    loopback((enum ip_family)side->settings.transport.remote.family);
	struct error error;

	side->listener = bgp_listener_new(side->loop, &address, 0, 0, side_accepted, side, &error);
	return side->listener ? bgp_listener_port(side->listener) : 0;
}

static inline void side_start(struct side *side)
{
	side->session = bgp_session_new(side->loop, &side->settings, &side_ops, side);
	bgp_session_start(side->session);
}

static inline void side_free(struct side *side)
{
	bgp_session_free(side->session);
	bgp_listener_free(side->listener);
}

typedef bool condition(void *arg);

/* For what is to happen, also on a machine that is slow or busy. */
#define PATIENCE_MS 30000

/* Runs the loop until the condition holds; false if it does not within `limit_ms`. */
static inline bool wait_until(struct loop *loop, condition *holds, void *arg, unsigned limit_ms)
{
	uint64_t deadline = loop_now(loop) + limit_ms;

	while (!holds(arg)) {
		if (loop_now(loop) >= deadline)
			return false;
		loop_run_once(loop, 10);
	}
	return true;
}

static inline bool never(void *arg)
{
	(void)arg;
	return false;
}

static inline bool is_established(void *arg)
{
	struct side *side = arg;

	return bgp_session_state(side->session) == BGP_STATE_ESTABLISHED;
}

static inline bool is_idle(void *arg)
{
	struct side *side = arg;

	return bgp_session_state(side->session) == BGP_STATE_IDLE;
}

static inline bool is_down(void *arg)
{
	return ((struct side *)arg)->down > 0;
}

static inline bool has_updates(void *arg)
{
	return ((struct side *)arg)->updates > 0;
}

/* One UPDATE: 10.`n`.0.0/16 with ORIGIN, AS_PATH of `asn` and NEXT_HOP 192.0.2.1. */
static inline size_t write_update(uint8_t *bytes, uint8_t n, uint32_t asn)
{
	const uint8_t update[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0, 46, 2, 0, 0, 0, 20, 0x40, 1, 1, 0, 0x40, 2, 6, 2, 1,
	    (uint8_t)(asn >> 24), (uint8_t)(asn >> 16), (uint8_t)(asn >> 8), (uint8_t)asn, 0x40, 3,
	    4, 192, 0, 2, 1, 16, 10, n};

	memcpy(bytes, update, sizeof(update));
	return sizeof(update);
}

static inline struct shared_buffer *update_buffer(unsigned count, uint32_t asn)
{
	struct shared_buffer *buffer = shared_buffer_new((size_t)count * 46);

	for (unsigned i = 0; i < count; i++)
		buffer->length += write_update(buffer->bytes + buffer->length, (uint8_t)i, asn);
	buffer->messages = count;
	return buffer;
}

/* The neighbour that is a plain socket. */
struct raw {
	struct loop *loop;
	int fd;
	size_t length; /* bytes received so far */
	bool closed; /* by the other side */
	uint8_t bytes[65536];
};

static inline void raw_init(struct raw *raw, struct loop *loop, int fd)
{
	raw->loop = loop;
	raw->fd = fd;
	raw->length = 0;
	raw->closed = false;
}

/* With room for `window` bytes that were not read yet; 0: the system's. */
static inline bool raw_connect_with(struct raw *raw, struct loop *loop, uint16_t port, int window)
{
	struct sockaddr_storage storage;
	struct ip_address address = loopback(IPV4);
	size_t length = ip_address_to_sockaddr(&address, port, 0, &storage);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	raw_init(raw, loop, fd);
	if (window && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)))
		return false;
	return fd >= 0 && !connect(fd, (struct sockaddr *)&storage, (socklen_t)length);
}

static inline bool raw_connect(struct raw *raw, struct loop *loop, uint16_t port)
{
	return raw_connect_with(raw, loop, port, 0);
}

static inline void raw_send(struct raw *raw, const void *bytes, size_t length)
{
	if (send(raw->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
		raw->closed = true;
}

/* Runs the loop until `length` bytes came in all or the other side closed. */
static inline bool raw_receive(struct raw *raw, size_t length, unsigned limit_ms)
{
	uint64_t deadline = loop_now(raw->loop) + limit_ms;

	while (raw->length < length && !raw->closed && loop_now(raw->loop) < deadline) {
		ssize_t got = recv(raw->fd, raw->bytes + raw->length,
		    length < sizeof(raw->bytes) ? length - raw->length
						: sizeof(raw->bytes) - raw->length,
		    MSG_DONTWAIT);

		if (got > 0)
			raw->length += (size_t)got;
		else if (!got || errno != EAGAIN)
			raw->closed = true;
		loop_run_once(raw->loop, got > 0 ? 0 : 5);
	}
	return raw->length >= length;
}

/* The next whole message stays at the start of `bytes`; returns its type, or 0. */
static inline unsigned raw_next(struct raw *raw, unsigned limit_ms)
{
	raw->length = 0;
	if (!raw_receive(raw, BGP_HEADER_LENGTH, limit_ms) ||
	    !raw_receive(raw, wire_load_u16(raw->bytes + 16), limit_ms))
		return 0;
	return raw->bytes[18];
}

/* True if the other side closes and says nothing more. */
static inline bool raw_ends(struct raw *raw, unsigned limit_ms)
{
	raw->length = 0;
	raw_receive(raw, 1, limit_ms);
	return raw->closed && !raw->length;
}

static inline void raw_send_message(struct raw *raw, uint8_t type, const void *body, size_t length)
{
	uint8_t bytes[4096];

	memset(bytes, 0xff, 16);
	wire_store_u16(bytes + 16, (uint16_t)(19 + length));
	bytes[18] = type;
	if (length)
		memcpy(bytes + 19, body, length);
	raw_send(raw, bytes, 19 + length);
}

/* AS `asn` (2 octets), identifier 10.0.0.`id`, no capabilities: IPv4 unicast only. */
static inline void raw_send_open(struct raw *raw, uint16_t asn, uint8_t id, uint8_t hold)
{
	const uint8_t body[] = {4, (uint8_t)(asn >> 8), (uint8_t)asn, 0, hold, 10, 0, 0, id, 0};

	raw_send_message(raw, BGP_MESSAGE_OPEN, body, sizeof(body));
}

static inline void raw_send_keepalive(struct raw *raw)
{
	raw_send_message(raw, BGP_MESSAGE_KEEPALIVE, NULL, 0);
}

#endif
