/*
 * What one connection has yet to send: references to shared buffers of whole messages, in order.
 * It does no I/O: it tells which bytes come next and is told how many the kernel took.  Used by
 * connection.c only.
 */
#ifndef BGP_OUTPUT_QUEUE_H
#define BGP_OUTPUT_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/shared_buffer.h"

struct iovec;

struct bgp_output_entry {
	struct shared_buffer *buffer;
	size_t length; /* bytes of it that are to be sent */
};

/* Zeroed is empty. */
struct bgp_output_queue {
	struct bgp_output_entry *entries; /* a ring; NULL while nothing was queued */
	uint32_t capacity; /* a power of two, or 0 */
	uint32_t first;
	uint32_t count;
	size_t sent; /* bytes of the first entry that are gone */
	size_t bytes; /* to be sent, of all entries */
};

/* Takes a reference of its own; an empty buffer is ignored. */
void bgp_output_queue_put(struct bgp_output_queue *queue, struct shared_buffer *buffer);
/* The next bytes to send as at most `limit` pieces; returns their number. */
unsigned bgp_output_queue_gather(
    const struct bgp_output_queue *queue, struct iovec *pieces, unsigned limit);
/* `length` bytes were sent; at most what gather gave. */
void bgp_output_queue_consume(struct bgp_output_queue *queue, size_t length);
/* Drops all but the rest of the message that has been sent in part. */
void bgp_output_queue_cut(struct bgp_output_queue *queue);
/*
 * Bytes of the ring and of the buffers in it.  A buffer that others hold too counts in part, so that
 * the sum over all queues is what there is.
 */
size_t bgp_output_queue_memory(const struct bgp_output_queue *queue);
void bgp_output_queue_free(struct bgp_output_queue *queue);

#endif
