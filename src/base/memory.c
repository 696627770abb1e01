/*
 * Allocation that ends the process when it fails.  A request for nothing gets one byte, so that a
 * result is never NULL.  Arrays grow by half of their size: appending is constant in the long
 * run, and a large table wastes at most a third of its memory.  What shrinks gives back when
 * three quarters are not in use, so an array whose size swings is not moved all the time.
 */
#include "base/memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Growth of an empty array; small ones are many. */
#define FIRST_CAPACITY 8
/* An array of less is not worth the work. */
#define WORTH_SHRINKING 4096
/*
 * What is not smaller is mapped: arrays of a large table, and buffers on their way out.  More than
 * a block of an arena, which comes and goes with each message.
 */
#define MAPPED_BYTES (12 * 1024)

_Noreturn static void out_of_memory(size_t size)
{
	fprintf(stderr, "out of memory: cannot allocate %zu bytes\n", size);
	abort();
}

void *memory_allocate(size_t size)
{
	void *memory = malloc(size ? size : 1);

	if (!memory)
		out_of_memory(size);
	return memory;
}

void *memory_allocate_zero(size_t count, size_t size)
{
	/* calloc checks the product. */
	void *memory = count && size ? calloc(count, size) : calloc(1, 1);

	if (!memory)
		out_of_memory(size && count > SIZE_MAX / size ? SIZE_MAX : count * size);
	return memory;
}

void *memory_resize(void *old, size_t size)
{
	void *memory = realloc(old, size ? size : 1);

	if (!memory)
		out_of_memory(size);
	return memory;
}

char *memory_copy_string(const char *string)
{
	return memory_copy(string, strlen(string) + 1);
}

void *memory_copy(const void *bytes, size_t size)
{
	void *copy = memory_allocate(size);

	if (size)
		memcpy(copy, bytes, size);
	return copy;
}

void *memory_map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		out_of_memory(size);
	return memory;
}

void *memory_grow(void *items, size_t *capacity, size_t need, size_t size)
{
	size_t wanted = *capacity + *capacity / 2 + FIRST_CAPACITY;

	if (items && need <= *capacity)
		return items;
	if (wanted < need)
		wanted = need;
	if (size && wanted > SIZE_MAX / size)
		out_of_memory(SIZE_MAX);
	items = memory_resize(items, wanted * size);
	*capacity = wanted;
	return items;
}

void *memory_grow_zero(void *items, size_t *capacity, size_t need, size_t size)
{
	const size_t before = *capacity;

	items = memory_grow(items, capacity, need, size);
	memset((char *)items + before * size, 0, (*capacity - before) * size);
	return items;
}

void *memory_shrink(void *items, size_t *capacity, size_t need, size_t size)
{
	if (need > *capacity / 4 || *capacity * size <= WORTH_SHRINKING)
		return items;
	*capacity = need;
	if (need)
		return memory_resize(items, need * size);
	free(items);
	return NULL;
}

void memory_set_up(void)
{
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
	mallopt(M_TRIM_THRESHOLD, MAPPED_BYTES * 4);
	mallopt(M_TOP_PAD, MAPPED_BYTES);
#endif
}
