/*
 * For the tests of one session against a neighbour that is a plain socket: the session brought to a
 * state, and what it answers octet by octet.  Include cmocka first.
 */
#ifndef TESTS_UNIT_MACHINE_RIG_H
#define TESTS_UNIT_MACHINE_RIG_H

#include "session_rig.h"

struct rig {
	struct side side; /* AS 65001, 10.0.0.5; the neighbour is AS 65002 */
	struct raw raw;
	uint16_t port; /* where the side listens */
};

static inline struct rig *rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	side_init(&rig->side, loop_new(), 65001, 5, 65002);
	rig->side.settings.passive = true;
	rig->port = side_listen(&rig->side);
	rig->raw.fd = -1;
	return rig;
}

static inline void rig_free(struct rig *rig)
{
	assert_false(rig->side.nested);
	side_free(&rig->side);
	loop_free(rig->side.loop);
	if (rig->raw.fd >= 0)
		close(rig->raw.fd);
	free(rig);
}

/* Starts the session and brings the neighbour's connection to `state`. */
static inline void rig_reach(struct rig *rig, enum bgp_state state)
{
	if (!rig->side.session)
		side_start(&rig->side);
	assert_true(raw_connect(&rig->raw, rig->side.loop, rig->port));
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_OPEN);
	if (state == BGP_STATE_OPEN_SENT)
		return;
	raw_send_open(&rig->raw, 65002, 9, 90);
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
	if (state == BGP_STATE_OPEN_CONFIRM)
		return;
	raw_send_keepalive(&rig->raw);
	assert_true(wait_until(rig->side.loop, is_established, &rig->side, PATIENCE_MS));
}

static inline bool is_active(void *arg)
{
	return bgp_session_state(((struct side *)arg)->session) == BGP_STATE_ACTIVE;
}

/* The next bytes are exactly this NOTIFICATION. */
static inline void expect_notification(
    struct raw *raw, uint8_t code, uint8_t subcode, const void *data, size_t length)
{
	uint8_t expected[64];

	memset(expected, 0xff, 16);
	wire_store_u16(expected + 16, (uint16_t)(21 + length));
	expected[18] = BGP_MESSAGE_NOTIFICATION;
	expected[19] = code;
	expected[20] = subcode;
	if (length)
		memcpy(expected + 21, data, length);
	assert_int_equal(raw_next(raw, PATIENCE_MS), BGP_MESSAGE_NOTIFICATION);
	assert_int_equal(raw->length, 21 + length);
	assert_memory_equal(raw->bytes, expected, 21 + length);
}

/* A listening socket of the neighbour for the session to call. */
static inline int raw_listen(uint16_t *port)
{
	struct sockaddr_storage storage;
	struct ip_address address = loopback(IPV4);
	socklen_t length = (socklen_t)ip_address_to_sockaddr(&address, 0, 0, &storage);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&storage, length), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&storage, &length), 0);
	assert_true(
	    ip_address_from_sockaddr((const struct sockaddr *)&storage, &address, port, NULL));
	return fd;
}

static inline int raw_accept(struct loop *loop, int listener, unsigned limit_ms)
{
	uint64_t deadline = loop_now(loop) + limit_ms;
	int fd = -1;

	while (fd < 0 && loop_now(loop) < deadline) {
		loop_run_once(loop, 5);
		fd = accept(listener, NULL, NULL);
	}
	return fd;
}

#endif
