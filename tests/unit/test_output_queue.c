/* The ring of buffers: order, growth, partial sending, and the cut between messages. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/uio.h>

#include "base/wire.h"
#include "bgp/output_queue.h"

/* `count` messages of 19 + `body` octets. */
static struct shared_buffer *messages(unsigned count, size_t body)
{
	size_t length = 19 + body;
	struct shared_buffer *buffer = shared_buffer_new(count * length);

	memset(buffer->bytes, 0xff, count * length);
	for (unsigned i = 0; i < count; i++)
		wire_store_u16(buffer->bytes + i * length + 16, (uint16_t)length);
	buffer->length = count * length;
	return buffer;
}

static void buffers_are_held_until_they_are_sent(void **state)
{
	struct shared_buffer *buffer = messages(1, 0);
	struct bgp_output_queue queue = {0};
	struct iovec pieces[64];

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		bgp_output_queue_put(&queue, buffer);
	assert_int_equal(buffer->references, 101);
	assert_int_equal(queue.bytes, 1900);
	assert_int_equal(bgp_output_queue_gather(&queue, pieces, 64), 64);
	bgp_output_queue_consume(&queue, 19 * 50 + 4);
	assert_int_equal(buffer->references, 51);
	assert_int_equal(bgp_output_queue_gather(&queue, pieces, 64), 50);
	assert_int_equal(pieces[0].iov_len, 15);
	assert_ptr_equal(pieces[0].iov_base, buffer->bytes + 4);
	assert_int_equal(pieces[1].iov_len, 19);
	bgp_output_queue_consume(&queue, queue.bytes);
	assert_int_equal(buffer->references, 1);
	assert_int_equal(bgp_output_queue_gather(&queue, pieces, 64), 0);
	assert_null(queue.entries); /* a large ring is not kept */
	shared_buffer_release(buffer);
	bgp_output_queue_free(&queue);
}

static void memory_of_a_shared_buffer_is_counted_once(void **state)
{
	struct shared_buffer *buffer = messages(10, 100);
	const size_t bytes = sizeof(*buffer) + buffer->capacity;
	struct bgp_output_queue queues[4] = {{0}};
	size_t rings = 0, all = 0;

	(void)state;
	assert_int_equal(bgp_output_queue_memory(&queues[0]), 0);
	for (unsigned i = 0; i < 4; i++)
		bgp_output_queue_put(&queues[i], buffer);
	shared_buffer_release(buffer);
	for (unsigned i = 0; i < 4; i++) {
		rings += queues[i].capacity * sizeof(*queues[i].entries);
		all += bgp_output_queue_memory(&queues[i]);
	}
	/* Less what the divisions lose. */
	assert_in_range(all, rings + bytes - 4, rings + bytes);
	for (unsigned i = 0; i < 4; i++)
		bgp_output_queue_free(&queues[i]);
}

static void the_ring_keeps_its_order_when_it_grows_and_wraps(void **state)
{
	struct shared_buffer *buffers[10];
	struct bgp_output_queue queue = {0};
	struct iovec piece;
	unsigned put = 0, taken = 0;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		buffers[i] = messages(1, i);
	for (unsigned round = 1; round < 30; round++) {
		for (unsigned i = 0; i < round; i++)
			bgp_output_queue_put(&queue, buffers[put++ % 10]);
		for (unsigned i = 0; i + 1 < round || (queue.count && round == 29); i++) {
			assert_int_equal(bgp_output_queue_gather(&queue, &piece, 1), 1);
			assert_int_equal(piece.iov_len, 19 + taken++ % 10);
			bgp_output_queue_consume(&queue, piece.iov_len);
		}
	}
	assert_int_equal(taken, put);
	bgp_output_queue_free(&queue);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(buffers[i]->references, 1);
		shared_buffer_release(buffers[i]);
	}
}

static void a_cut_ends_with_the_message_under_way(void **state)
{
	/* Five messages of 30 octets in the first buffer. */
	static const struct {
		size_t sent, left;
	} cases[] = {{0, 0}, {1, 29}, {29, 1}, {30, 0}, {31, 29}, {120, 0}, {149, 1}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shared_buffer *buffer = messages(5, 11);
		struct bgp_output_queue queue = {0};

		bgp_output_queue_put(&queue, buffer);
		bgp_output_queue_put(&queue, buffer);
		bgp_output_queue_consume(&queue, cases[i].sent);
		bgp_output_queue_cut(&queue);
		assert_int_equal(queue.bytes, cases[i].left);
		assert_int_equal(buffer->references, cases[i].left ? 2 : 1);
		bgp_output_queue_put(&queue, buffer);
		assert_int_equal(queue.bytes, cases[i].left + 150);
		bgp_output_queue_consume(&queue, queue.bytes);
		assert_int_equal(queue.count, 0);
		bgp_output_queue_free(&queue);
		assert_int_equal(buffer->references, 1);
		shared_buffer_release(buffer);
	}
}

static void empty_buffers_are_no_entries(void **state)
{
	struct shared_buffer *buffer = shared_buffer_new(10);
	struct bgp_output_queue queue = {0};

	(void)state;
	bgp_output_queue_put(&queue, buffer);
	assert_int_equal(queue.count, 0);
	bgp_output_queue_cut(&queue);
	bgp_output_queue_free(&queue);
	shared_buffer_release(buffer);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(buffers_are_held_until_they_are_sent),
	    cmocka_unit_test(memory_of_a_shared_buffer_is_counted_once),
	    cmocka_unit_test(the_ring_keeps_its_order_when_it_grows_and_wraps),
	    cmocka_unit_test(a_cut_ends_with_the_message_under_way),
	    cmocka_unit_test(empty_buffers_are_no_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
