/*
 * One connection over a socket pair: frames from any cut of the stream, output in whole messages
 * whatever the reader does, and an end that delivers the last message.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bgp/connection.h"
#include "clock.h"

struct rig {
	struct loop *loop;
	struct bgp_connection *connection;
	int other;
	unsigned messages, drained, idle, failed;
	int code;
	size_t body_bytes;
	uint32_t body_sum;
	struct bgp_notification bad;
	bool close_on_message;
};

static void on_connected(void *arg)
{
	(void)arg;
}

static void on_message(void *arg, const struct bgp_header *header, struct wire_span body)
{
	struct rig *rig = arg;

	assert_int_equal(header->length, body.length + BGP_HEADER_LENGTH);
	rig->messages++;
	rig->body_bytes += body.length;
	for (size_t i = 0; i < body.length; i++)
		rig->body_sum += body.bytes[i];
	if (!rig->close_on_message)
		return;
	bgp_connection_close(rig->connection);
	rig->connection = NULL;
}

static void on_bad_header(void *arg, const struct bgp_notification *notification)
{
	struct rig *rig = arg;

	rig->bad = *notification;
	bgp_connection_close(rig->connection);
	rig->connection = NULL;
}

static void on_failed(void *arg, int code)
{
	struct rig *rig = arg;

	rig->failed++;
	rig->code = code;
	bgp_connection_close(rig->connection);
	rig->connection = NULL;
}

static void on_drained(void *arg)
{
	((struct rig *)arg)->drained++;
}

static void on_idle(void *arg)
{
	((struct rig *)arg)->idle++;
}

static const struct bgp_connection_ops ops = {
    .connected = on_connected,
    .message = on_message,
    .bad_header = on_bad_header,
    .failed = on_failed,
    .drained = on_drained,
    .idle = on_idle,
};

static int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int fds[2];

	if (!rig || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
		return -1;
	rig->loop = loop_new();
	rig->connection = bgp_connection_new(rig->loop, fds[0], true, &ops, rig);
	rig->other = fds[1];
	*state = rig;
	return 0;
}

static int rig_teardown(void **state)
{
	struct rig *rig = *state;

	bgp_connection_close(rig->connection);
	if (rig->other >= 0)
		close(rig->other);
	loop_free(rig->loop);
	free(rig);
	return 0;
}

static void turns(struct rig *rig, unsigned count)
{
	while (count--)
		loop_run_once(rig->loop, 0);
}

/* A message of `type` with `length` body bytes, all `fill`. */
static size_t write_message(uint8_t *bytes, uint8_t type, size_t length, uint8_t fill)
{
	memset(bytes, 0xff, 16);
	wire_store_u16(bytes + 16, (uint16_t)(length + 19));
	bytes[18] = type;
	memset(bytes + 19, fill, length);
	return length + 19;
}

static void messages_are_found_byte_by_byte(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[400];
	size_t length = write_message(bytes, BGP_MESSAGE_UPDATE, 100, 1);

	length += write_message(bytes + length, BGP_MESSAGE_KEEPALIVE, 0, 0);
	length += write_message(bytes + length, BGP_MESSAGE_UPDATE, 50, 2);
	for (size_t i = 0; i < length; i++) {
		assert_int_equal(send(rig->other, bytes + i, 1, 0), 1);
		turns(rig, 1);
	}
	assert_int_equal(rig->messages, 3);
	assert_int_equal(rig->body_bytes, 150);
	assert_int_equal(rig->body_sum, 200);
}

static void many_messages_in_one_read_and_a_remainder(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[30 * 1000];
	size_t length = 0;

	loop_set_share(rig->loop, 3600000000);
	for (unsigned i = 0; i < 1000; i++)
		length += write_message(bytes + length, BGP_MESSAGE_UPDATE, 11, 1);
	assert_int_equal(send(rig->other, bytes, length - 7, 0), length - 7);
	turns(rig, 1);
	assert_int_equal(rig->messages, 999);
	assert_int_equal(rig->idle, 1);
	assert_int_equal(send(rig->other, bytes + length - 7, 7, 0), 7);
	turns(rig, 1);
	assert_int_equal(rig->messages, 1000);
	assert_int_equal(rig->body_sum, 11000);
}

static void the_largest_messages_need_the_extension(void **state)
{
	struct rig *rig = *state;
	static uint8_t bytes[BGP_EXTENDED_MESSAGE_MAX];
	size_t length = write_message(bytes, BGP_MESSAGE_UPDATE, sizeof(bytes) - 19, 0);

	bgp_connection_set_extended(rig->connection, true);
	assert_int_equal(send(rig->other, bytes, length, 0), length);
	turns(rig, 2);
	assert_int_equal(rig->messages, 1);
	bgp_connection_set_extended(rig->connection, false);
	assert_int_equal(send(rig->other, bytes, length, 0), length);
	turns(rig, 2);
	assert_int_equal(rig->messages, 1);
	assert_int_equal(rig->bad.code, BGP_ERROR_HEADER);
	assert_int_equal(rig->bad.subcode, BGP_HEADER_BAD_LENGTH);
}

static void a_close_in_a_callback_ends_the_reading(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[200];
	size_t length = write_message(bytes, BGP_MESSAGE_KEEPALIVE, 0, 0);

	length += write_message(bytes + length, BGP_MESSAGE_KEEPALIVE, 0, 0);
	rig->close_on_message = true;
	assert_int_equal(send(rig->other, bytes, length, 0), length);
	turns(rig, 2);
	assert_int_equal(rig->messages, 1);
	assert_int_equal(rig->failed, 0);
}

static void what_came_before_the_close_is_read_first(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[200];
	size_t length = write_message(bytes, BGP_MESSAGE_KEEPALIVE, 0, 0);
	struct shared_buffer *buffer = shared_buffer_new(19);

	assert_int_equal(send(rig->other, bytes, length, 0), length);
	close(rig->other);
	rig->other = -1;
	/* The write fails before the read is tried. */
	buffer->length = write_message(buffer->bytes, BGP_MESSAGE_KEEPALIVE, 0, 0);
	bgp_connection_send(rig->connection, buffer);
	shared_buffer_release(buffer);
	turns(rig, 2);
	assert_int_equal(rig->messages, 1);
	assert_int_equal(rig->failed, 1);
}

/* Who has more to come does not have every piece written by itself. */
static void what_is_queued_waits_for_a_push_or_for_more(void **state)
{
	struct rig *rig = *state;
	struct shared_buffer *buffer = shared_buffer_new(4096);
	uint8_t bytes[4096];

	buffer->length = write_message(buffer->bytes, BGP_MESSAGE_UPDATE, 4096 - 19, 0);
	bgp_connection_queue(rig->connection, buffer);
	turns(rig, 2);
	assert_int_equal(bgp_connection_queued(rig->connection), 4096);
	assert_int_equal(recv(rig->other, bytes, sizeof(bytes), MSG_DONTWAIT), -1);
	bgp_connection_push(rig->connection);
	turns(rig, 1);
	assert_int_equal(bgp_connection_queued(rig->connection), 0);
	assert_int_equal(recv(rig->other, bytes, sizeof(bytes), MSG_DONTWAIT), 4096);
	for (unsigned i = 0; i < 4; i++)
		bgp_connection_queue(rig->connection, buffer);
	turns(rig, 1);
	assert_int_equal(bgp_connection_queued(rig->connection), 0);
	shared_buffer_release(buffer);
}

/* Without time each turn hands up one message; what was read already is not forgotten. */
static void each_turn_takes_as_many_messages_as_it_has_time_for(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[300];
	size_t length = 0;

	loop_set_share(rig->loop, 0);
	for (uint8_t i = 1; i <= 5; i++)
		length += write_message(bytes + length, BGP_MESSAGE_UPDATE, 10, i);
	assert_int_equal(send(rig->other, bytes, length - 3, 0), length - 3);
	for (unsigned turn = 1; turn <= 4; turn++) {
		turns(rig, 1);
		assert_int_equal(rig->messages, turn);
		assert_int_equal(rig->body_sum, 10 * turn * (turn + 1) / 2);
	}
	turns(rig, 2);
	assert_int_equal(rig->messages, 4);
	assert_int_equal(send(rig->other, bytes + length - 3, 3, 0), 3);
	turns(rig, 2);
	assert_int_equal(rig->messages, 5);
	assert_int_equal(rig->body_sum, 150);
}

static void the_largest_messages_come_whole_without_time(void **state)
{
	struct rig *rig = *state;
	static uint8_t bytes[2 * BGP_EXTENDED_MESSAGE_MAX];
	size_t length = write_message(bytes, BGP_MESSAGE_UPDATE, BGP_EXTENDED_MESSAGE_MAX - 19, 1);
	size_t sent = 0;

	length +=
	    write_message(bytes + length, BGP_MESSAGE_UPDATE, BGP_EXTENDED_MESSAGE_MAX - 19, 1);
	bgp_connection_set_extended(rig->connection, true);
	loop_set_share(rig->loop, 0);
	for (unsigned turn = 0; turn < 100; turn++) {
		ssize_t taken = send(rig->other, bytes + sent, length - sent, 0);

		sent += taken > 0 ? (size_t)taken : 0;
		turns(rig, 1);
	}
	assert_int_equal(rig->messages, 2);
	assert_int_equal(rig->body_sum, 2 * (BGP_EXTENDED_MESSAGE_MAX - 19));
}

/* The neighbour's last words are heard, however many turns that takes. */
static void failure_is_told_after_all_that_was_read(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[200];
	size_t length = 0;
	struct shared_buffer *buffer = shared_buffer_new(19);

	for (unsigned i = 0; i < 3; i++)
		length += write_message(bytes + length, BGP_MESSAGE_KEEPALIVE, 0, 0);
	loop_set_share(rig->loop, 0);
	assert_int_equal(send(rig->other, bytes, length, 0), length);
	close(rig->other);
	rig->other = -1;
	buffer->length = write_message(buffer->bytes, BGP_MESSAGE_KEEPALIVE, 0, 0);
	bgp_connection_send(rig->connection, buffer);
	shared_buffer_release(buffer);
	for (unsigned turn = 0; turn < 20 && !rig->failed; turn++) {
		assert_true(rig->messages < 3 || turn >= 3);
		turns(rig, 1);
	}
	assert_int_equal(rig->messages, 3);
	assert_int_equal(rig->failed, 1);
}

static void a_close_forgets_what_was_read(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[200];
	size_t length = 0;

	for (unsigned i = 0; i < 3; i++)
		length += write_message(bytes + length, BGP_MESSAGE_KEEPALIVE, 0, 0);
	loop_set_share(rig->loop, 0);
	assert_int_equal(send(rig->other, bytes, length, 0), length);
	turns(rig, 1);
	bgp_connection_close(rig->connection);
	rig->connection = NULL;
	turns(rig, 3);
	assert_int_equal(rig->messages, 1);
	assert_int_equal(rig->failed, 0);
}

#define BIG_MESSAGES 4000
#define BIG_BYTES (BIG_MESSAGES * 1019)

static struct shared_buffer *big_buffer(void)
{
	struct shared_buffer *buffer = shared_buffer_new(BIG_BYTES);

	for (unsigned i = 0; i < BIG_MESSAGES; i++)
		buffer->length += write_message(
		    buffer->bytes + buffer->length, BGP_MESSAGE_UPDATE, 1000, (uint8_t)i);
	return buffer;
}

/* Reads all there is, with turns of the loop; returns the bytes; at most `limit` if not 0. */
static size_t read_all(struct rig *rig, uint8_t *to, size_t limit)
{
	size_t total = 0;

	for (unsigned quiet = 0; quiet < 5 && total < limit;) {
		ssize_t got = recv(rig->other, to + total, limit - total, 0);

		if (!got)
			break;
		quiet = got > 0 ? 0 : quiet + 1;
		total += got > 0 ? (size_t)got : 0;
		turns(rig, 1);
	}
	return total;
}

static void a_slow_reader_gets_everything_in_order(void **state)
{
	struct rig *rig = *state;
	struct shared_buffer *buffer = big_buffer();
	uint8_t *copy = malloc(BIG_BYTES + 1);

	bgp_connection_send(rig->connection, buffer);
	turns(rig, 20);
	assert_true(bgp_connection_queued(rig->connection) > BIG_BYTES / 2);
	assert_int_equal(rig->drained, 0);
	assert_int_equal(read_all(rig, copy, BIG_BYTES + 1), BIG_BYTES);
	assert_memory_equal(copy, buffer->bytes, BIG_BYTES);
	assert_int_equal(bgp_connection_queued(rig->connection), 0);
	assert_int_equal(rig->drained, 1);
	free(copy);
	shared_buffer_release(buffer);
}

static void everything_is_sent_in_order_without_time(void **state)
{
	struct rig *rig = *state;

	loop_set_share(rig->loop, 0);
	a_slow_reader_gets_everything_in_order(state);
}

static void small_messages_of_a_turn_leave_together(void **state)
{
	struct rig *rig = *state;
	struct shared_buffer *buffer = shared_buffer_new(19);
	uint8_t copy[19 * 200 + 1];

	buffer->length = write_message(buffer->bytes, BGP_MESSAGE_KEEPALIVE, 0, 0);
	for (unsigned i = 0; i < 200; i++)
		bgp_connection_send(rig->connection, buffer);
	assert_int_equal(recv(rig->other, copy, sizeof(copy), 0), -1);
	turns(rig, 1);
	assert_int_equal(read_all(rig, copy, sizeof(copy)), 19 * 200);
	assert_int_equal(rig->drained, 1);
	shared_buffer_release(buffer);
}

/* The last message follows the one that was under way, and then comes the end. */
static void a_finished_connection_ends_in_whole_messages(void **state)
{
	struct rig *rig = *state;
	struct bgp_closing_list closing = {0};
	struct shared_buffer *buffer = big_buffer(), *last = shared_buffer_new(21);
	uint8_t *copy = malloc(BIG_BYTES);
	size_t length, at = 0;

	bgp_connection_send(rig->connection, buffer);
	turns(rig, 5);
	last->length = write_message(last->bytes, BGP_MESSAGE_NOTIFICATION, 2, 6);
	bgp_connection_finish(rig->connection, last, &closing);
	rig->connection = NULL;
	assert_int_equal(closing.count, 1);
	length = read_all(rig, copy, BIG_BYTES);
	assert_true(length < BIG_BYTES);
	while (at + 21 < length && copy[at + 18] == BGP_MESSAGE_UPDATE)
		at += wire_load_u16(copy + at + 16);
	assert_int_equal(length - at, 21);
	assert_memory_equal(copy + at, last->bytes, 21);
	/* It waits for our close, and is gone with it. */
	assert_int_equal(recv(rig->other, copy, 1, 0), 0);
	turns(rig, 2);
	assert_int_equal(closing.count, 1);
	close(rig->other);
	rig->other = -1;
	turns(rig, 2);
	assert_int_equal(closing.count, 0);
	assert_int_equal(rig->failed, 0);
	free(copy);
	shared_buffer_release(buffer);
	shared_buffer_release(last);
}

static void closing_is_bounded_in_time(void **state)
{
	struct rig *rig = *state;
	struct bgp_closing_list closing = {0};
	struct shared_buffer *last = shared_buffer_new(21);
	uint64_t began = loop_now(rig->loop);

	last->length = write_message(last->bytes, BGP_MESSAGE_NOTIFICATION, 2, 6);
	bgp_connection_finish(rig->connection, last, &closing);
	rig->connection = NULL;
	while (closing.count && loop_now(rig->loop) < began + 3000)
		loop_run_once(rig->loop, 10);
	assert_int_equal(closing.count, 0);
	assert_in_range(loop_now(rig->loop) - began, 1900, 2900);
	shared_buffer_release(last);
}

static void closing_is_bounded_in_number(void **state)
{
	struct rig *rig = *state;
	struct bgp_closing_list closing = {0};
	struct shared_buffer *last = shared_buffer_new(21);
	int others[8];

	last->length = write_message(last->bytes, BGP_MESSAGE_NOTIFICATION, 2, 6);
	for (unsigned i = 0; i < 8; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		others[i] = fds[1];
		bgp_connection_finish(
		    bgp_connection_new(rig->loop, fds[0], true, &ops, rig), last, &closing);
	}
	assert_int_equal(closing.count, 4);
	bgp_closing_list_free(&closing);
	assert_int_equal(closing.count, 0);
	for (unsigned i = 0; i < 8; i++) {
		uint8_t bytes[32];

		assert_int_equal(recv(others[i], bytes, sizeof(bytes), 0), 21);
		assert_int_equal(recv(others[i], bytes, sizeof(bytes), 0), 0);
		close(others[i]);
	}
	shared_buffer_release(last);
}

#define test(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    test(messages_are_found_byte_by_byte),
	    test(many_messages_in_one_read_and_a_remainder),
	    test(the_largest_messages_need_the_extension),
	    test(a_close_in_a_callback_ends_the_reading),
	    test(what_came_before_the_close_is_read_first),
	    test(what_is_queued_waits_for_a_push_or_for_more),
	    test(each_turn_takes_as_many_messages_as_it_has_time_for),
	    test(the_largest_messages_come_whole_without_time),
	    test(failure_is_told_after_all_that_was_read),
	    test(a_close_forgets_what_was_read),
	    test(a_slow_reader_gets_everything_in_order),
	    test(everything_is_sent_in_order_without_time),
	    test(small_messages_of_a_turn_leave_together),
	    test(a_finished_connection_ends_in_whole_messages),
	    test(closing_is_bounded_in_time),
	    test(closing_is_bounded_in_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
