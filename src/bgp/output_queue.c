/*
 * A ring of (buffer, length).  The same buffer may stand in the queues of a hundred neighbours;
 * each holds a reference and its own position, so nothing is ever copied.  Only the first entry can
 * be sent in part.
 *
 * A cut leaves the stream in whole messages, so that a NOTIFICATION put after it is understood: the
 * buffer that is under way is walked by the lengths in its own headers, which are ours, and its
 * entry ends where the message ends that has begun to leave.  The ring is given back when it runs
 * empty and has grown large, for most neighbours have nothing queued most of the time.
 */
#include "bgp/output_queue.h"

#include <stdlib.h>
#include <sys/uio.h>

#include "base/memory.h"
#include "base/wire.h"
#include "bgp/types.h"

#define FIRST_CAPACITY 8
#define IDLE_CAPACITY 16 /* a larger ring is not kept while it is empty */

static struct bgp_output_entry *entry_at(const struct bgp_output_queue *queue, uint32_t index)
{
	return &queue->entries[(queue->first + index) & (queue->capacity - 1)];
}

static void grow(struct bgp_output_queue *queue)
{
	uint32_t capacity = queue->capacity ? queue->capacity * 2 : FIRST_CAPACITY;
	struct bgp_output_entry *entries = memory_allocate_zero(capacity, sizeof(*entries));

	for (uint32_t i = 0; i < queue->count; i++)
		entries[i] = *entry_at(queue, i);
	free(queue->entries);
	queue->entries = entries;
	queue->capacity = capacity;
	queue->first = 0;
}

void bgp_output_queue_put(struct bgp_output_queue *queue, struct shared_buffer *buffer)
{
	if (!buffer->length)
		return;
	if (queue->count == queue->capacity)
		grow(queue);
	*entry_at(queue, queue->count) =
	    (struct bgp_output_entry){shared_buffer_hold(buffer), buffer->length};
	queue->count++;
	queue->bytes += buffer->length;
}

unsigned bgp_output_queue_gather(
    const struct bgp_output_queue *queue, struct iovec *pieces, unsigned limit)
{
	unsigned count = queue->count < limit ? queue->count : limit;

	for (unsigned i = 0; i < count; i++) {
		const struct bgp_output_entry *entry = entry_at(queue, i);
		size_t skip = i ? 0 : queue->sent;

		pieces[i] = (struct iovec){entry->buffer->bytes + skip, entry->length - skip};
	}
	return count;
}

static void release_if_idle(struct bgp_output_queue *queue)
{
	if (queue->count || queue->capacity <= IDLE_CAPACITY)
		return;
	free(queue->entries);
	*queue = (struct bgp_output_queue){0};
}

void bgp_output_queue_consume(struct bgp_output_queue *queue, size_t length)
{
	queue->bytes -= length;
	queue->sent += length;
	while (queue->count && queue->sent >= entry_at(queue, 0)->length) {
		queue->sent -= entry_at(queue, 0)->length;
		shared_buffer_release(entry_at(queue, 0)->buffer);
		queue->first = (queue->first + 1) & (queue->capacity - 1);
		queue->count--;
	}
	release_if_idle(queue);
}

/* Where the message ends that holds the byte before `sent`; the whole if that is no message. */
static size_t end_of_message(const struct shared_buffer *buffer, size_t sent)
{
	size_t end = 0;

	while (end < sent) {
		uint16_t length = 0;

		if (buffer->length - end >= BGP_HEADER_LENGTH)
			length = wire_load_u16(buffer->bytes + end + 16);
		if (length < BGP_HEADER_LENGTH || length > buffer->length - end)
			return buffer->length;
		end += length;
	}
	return end;
}

static void drop_last(struct bgp_output_queue *queue)
{
	shared_buffer_release(entry_at(queue, queue->count - 1)->buffer);
	queue->count--;
}

void bgp_output_queue_cut(struct bgp_output_queue *queue)
{
	struct bgp_output_entry *first;

	while (queue->count > 1)
		drop_last(queue);
	queue->bytes = 0;
	if (!queue->count)
		return;
	first = entry_at(queue, 0);
	first->length = end_of_message(first->buffer, queue->sent);
	if (first->length > queue->sent) {
		queue->bytes = first->length - queue->sent;
		return;
	}
	drop_last(queue);
	queue->sent = 0;
}

size_t bgp_output_queue_memory(const struct bgp_output_queue *queue)
{
	size_t memory = queue->capacity * sizeof(*queue->entries);

	for (uint32_t i = 0; i < queue->count; i++) {
		const struct shared_buffer *buffer = entry_at(queue, i)->buffer;

		memory += (sizeof(*buffer) + buffer->capacity) / buffer->references;
	}
	return memory;
}

void bgp_output_queue_free(struct bgp_output_queue *queue)
{
	while (queue->count)
		drop_last(queue);
	free(queue->entries);
	*queue = (struct bgp_output_queue){0};
}
