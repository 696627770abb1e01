/*
 * Reference-counted bytes.  Header and bytes are one allocation.  The count is a plain number: one
 * thread runs the whole speaker.  While there is one reference, its holder writes; from the second
 * on the bytes are fixed.
 */
#include "base/shared_buffer.h"

#include <stdlib.h>

#include "base/memory.h"

struct shared_buffer *shared_buffer_new(size_t capacity)
{
	struct shared_buffer *buffer = memory_allocate(sizeof(*buffer) + capacity);

	buffer->references = 1;
	buffer->messages = 0;
	buffer->length = 0;
	buffer->capacity = capacity;
	return buffer;
}

struct shared_buffer *shared_buffer_hold(struct shared_buffer *buffer)
{
	buffer->references++;
	return buffer;
}

void shared_buffer_release(struct shared_buffer *buffer)
{
	if (buffer && !--buffer->references)
		free(buffer);
}

struct shared_buffer *shared_buffer_trim(struct shared_buffer *buffer)
{
	struct shared_buffer *trimmed;

	if (buffer->references != 1)
		abort();
	if (buffer->length == buffer->capacity)
		return buffer;
	/* To shrink in place would leave a large buffer's pages, of which a short one needs little. */
	if (buffer->length < buffer->capacity / 2) {
		trimmed = memory_copy(buffer, sizeof(*buffer) + buffer->length);
		free(buffer);
	} else {
		trimmed = memory_resize(buffer, sizeof(*buffer) + buffer->length);
	}
	trimmed->capacity = trimmed->length;
	return trimmed;
}
