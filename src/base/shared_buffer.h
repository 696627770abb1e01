/*
 * Bytes written once and sent to many: whole BGP messages, counted by reference.  An update
 * group makes one and hands it to each of its peers; each peer's session keeps a reference until
 * its socket has taken it.
 */
#ifndef BASE_SHARED_BUFFER_H
#define BASE_SHARED_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct shared_buffer {
	uint32_t references;
	uint32_t messages; /* whole messages in it, for the counters */
	size_t length; /* bytes in use */
	size_t capacity;
	uint8_t bytes[];
};

/* One reference, length 0. */
struct shared_buffer *shared_buffer_new(size_t capacity);
struct shared_buffer *shared_buffer_hold(struct shared_buffer *buffer);
/* Gives one reference back; the last one frees it.  NULL is allowed. */
void shared_buffer_release(struct shared_buffer *buffer);
/* Gives the unused capacity back to the allocator; only while there is one reference. */
struct shared_buffer *shared_buffer_trim(struct shared_buffer *buffer);

#endif
