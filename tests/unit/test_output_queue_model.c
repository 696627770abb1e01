/*
 * The output queue against the plain bytes that it is to send, over random operations: whole
 * messages in shared buffers go in, what the kernel takes goes out in pieces of any length, and now
 * and then the queue is cut.  See model_random.h for a longer run.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <sys/uio.h>

#include "base/memory.h"
#include "base/wire.h"
#include "bgp/output_queue.h"
#include "bgp/types.h"
#include "model_random.h"

enum {
	SEEDS = 2,
	STEPS = 500000,
	PHASE = 2000, /* steps in which the queue grows or runs empty */
	MESSAGE_MAX = 60,
	BUFFERS = 32, /* that stand in the queue again and again, as in those of many neighbours */
	BYTES_MAX = 1 << 20,
	PIECES_MAX = 16
};

struct model {
	struct bgp_output_queue queue;
	uint64_t random;
	struct shared_buffer *buffers[BUFFERS];
	uint8_t *bytes; /* that are to come */
	bool *starts; /* a message starts with this byte */
	size_t first, last;
};

static uint32_t below(struct model *model, uint32_t limit)
{
	return random_below(&model->random, limit);
}

static struct shared_buffer *make_buffer(struct model *model)
{
	unsigned count = below(model, 6);
	struct shared_buffer *buffer = shared_buffer_new(6 * MESSAGE_MAX);

	for (buffer->messages = 0; buffer->messages < count; buffer->messages++) {
		uint8_t *message = buffer->bytes + buffer->length;
		uint16_t length =
		    (uint16_t)(BGP_HEADER_LENGTH + below(model, MESSAGE_MAX - BGP_HEADER_LENGTH));

		for (uint16_t i = 0; i < length; i++)
			message[i] = (uint8_t)below(model, 256);
		message[16] = (uint8_t)(length >> 8);
		message[17] = (uint8_t)length;
		buffer->length += length;
	}
	return buffer;
}

static void put(struct model *model)
{
	unsigned which = below(model, BUFFERS);
	const struct shared_buffer *buffer;

	if (below(model, 4) == 0) { /* its bytes stay as long as they are queued */
		shared_buffer_release(model->buffers[which]);
		model->buffers[which] = make_buffer(model);
	}
	buffer = model->buffers[which];
	if (model->last + buffer->length > BYTES_MAX)
		return;
	memcpy(model->bytes + model->last, buffer->bytes, buffer->length);
	for (size_t at = 0; at < buffer->length; at++)
		model->starts[model->last + at] = false;
	for (size_t at = 0; at < buffer->length; at += wire_load_u16(buffer->bytes + at + 16))
		model->starts[model->last + at] = true;
	model->last += buffer->length;
	bgp_output_queue_put(&model->queue, model->buffers[which]);
}

/* Reads what comes next, and sends some of it. */
static void consume(struct model *model)
{
	struct iovec pieces[PIECES_MAX];
	unsigned limit = 1 + below(model, PIECES_MAX);
	unsigned count = bgp_output_queue_gather(&model->queue, pieces, limit);
	size_t length = 0;

	assert_true(count <= limit);
	for (unsigned i = 0; i < count; i++) {
		assert_true(pieces[i].iov_len > 0);
		assert_true(model->first + length + pieces[i].iov_len <= model->last);
		assert_memory_equal(
		    pieces[i].iov_base, model->bytes + model->first + length, pieces[i].iov_len);
		length += pieces[i].iov_len;
	}
	assert_int_equal(length > 0, model->last > model->first);
	if (count < limit)
		assert_int_equal(length, model->last - model->first);
	if (length && below(model, 3))
		length = below(model, (uint32_t)length + 1);
	bgp_output_queue_consume(&model->queue, length);
	model->first += length;
	if (model->first == model->last)
		model->first = model->last = 0;
}

/* The rest of the message that has begun to leave stays. */
static void cut(struct model *model)
{
	size_t end = model->first;

	bgp_output_queue_cut(&model->queue);
	while (end < model->last && !model->starts[end])
		end++;
	model->last = end;
	if (model->first == model->last)
		model->first = model->last = 0;
}

static void run(uint64_t seed, unsigned steps)
{
	struct model *model = memory_allocate_zero(1, sizeof(*model));

	model->random = seed;
	model->bytes = memory_allocate(BYTES_MAX);
	model->starts = memory_allocate(BYTES_MAX * sizeof(bool));
	for (unsigned i = 0; i < BUFFERS; i++)
		model->buffers[i] = make_buffer(model);
	for (unsigned step = 0; step < steps; step++) {
		if (below(model, 1000) == 0)
			cut(model);
		else if (below(model, 8) < (step / PHASE % 2 ? 2 : 6))
			put(model);
		else
			consume(model);
		assert_int_equal(model->queue.bytes, model->last - model->first);
	}
	bgp_output_queue_free(&model->queue);
	assert_int_equal(model->queue.bytes, 0);
	for (unsigned i = 0; i < BUFFERS; i++) {
		assert_int_equal(model->buffers[i]->references, 1);
		shared_buffer_release(model->buffers[i]);
	}
	free(model->bytes);
	free(model->starts);
	free(model);
}

static void queue_sends_every_byte_once(void **state)
{
	(void)state;
	for (unsigned seed = model_first_seed(); seed < model_last_seed(SEEDS); seed++) {
		print_message("seed %u\n", seed);
		run(seed, model_steps(STEPS));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(queue_sends_every_byte_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
