/*
 * A chunk begins at a multiple of its size, so that its header is found from the address of a
 * block.  Behind the header are blocks of one size; the free ones that have been in use are linked
 * through their first bytes.  A chunk with a free block is in the list of its size; one that was
 * full goes to the front when a block of it is freed, and new blocks come from the front: the
 * chunks behind it only lose blocks, until they are empty.
 *
 * An empty chunk serves any size.  One is kept, so that what swings around a full chunk does not
 * map and unmap all the time; a pool without blocks keeps nothing.
 *
 * The address sanitizer knows nothing of blocks, so it is told which are free.
 */
#include "base/pool.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/memory.h"

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

/* A free block. */
struct pool_link {
	struct pool_link *next;
};

_Static_assert(sizeof(struct pool_link) <= POOL_STEP, "a link fits into the smallest block");

struct pool_chunk {
	struct pool_chunk *next; /* of the list of its size, while it is in there */
	struct pool_chunk *previous;
	struct pool_link *free;
	uint32_t block_size;
	uint32_t used;
	uint32_t fresh; /* offset of the first block that was never in use */
	alignas(64) uint8_t blocks[];
};

/* The kernel puts one mapping beside the other, so mostly the place is a right one at once. */
static struct pool_chunk *map_chunk(void)
{
	uint8_t *memory = memory_map(POOL_CHUNK_BYTES);
	size_t before;

	if ((uintptr_t)memory % POOL_CHUNK_BYTES == 0)
		return (struct pool_chunk *)(void *)memory;
	munmap(memory, POOL_CHUNK_BYTES);
	memory = memory_map(2 * POOL_CHUNK_BYTES);
	before = -(uintptr_t)memory % POOL_CHUNK_BYTES;
	if (before)
		munmap(memory, before);
	munmap(memory + before + POOL_CHUNK_BYTES, POOL_CHUNK_BYTES - before);
	return (struct pool_chunk *)(void *)(memory + before);
}

static void unmap_chunk(struct pool *pool, struct pool_chunk *chunk)
{
	/* Another mapping may get the address. */
	ASAN_UNPOISON_MEMORY_REGION(chunk, POOL_CHUNK_BYTES);
	munmap(chunk, POOL_CHUNK_BYTES);
	pool->chunks--;
}

static struct pool_chunk **list_of_size(struct pool *pool, uint32_t block_size)
{
	return &pool->open[block_size / POOL_STEP - 1];
}

static void put_in_front(struct pool *pool, struct pool_chunk *chunk)
{
	struct pool_chunk **list = list_of_size(pool, chunk->block_size);

	chunk->previous = NULL;
	chunk->next = *list;
	if (*list)
		(*list)->previous = chunk;
	*list = chunk;
}

static void take_out(struct pool *pool, struct pool_chunk *chunk)
{
	if (chunk->previous)
		chunk->previous->next = chunk->next;
	else
		*list_of_size(pool, chunk->block_size) = chunk->next;
	if (chunk->next)
		chunk->next->previous = chunk->previous;
}

static bool is_full(const struct pool_chunk *chunk)
{
	return !chunk->free && chunk->fresh + chunk->block_size > POOL_CHUNK_BYTES;
}

static struct pool_chunk *add_chunk(struct pool *pool, uint32_t block_size)
{
	struct pool_chunk *chunk = pool->spare;

	pool->spare = NULL;
	if (!chunk) {
		chunk = map_chunk();
		pool->chunks++;
	}
	*chunk = (struct pool_chunk){
	    .block_size = block_size, .fresh = offsetof(struct pool_chunk, blocks)};
	ASAN_POISON_MEMORY_REGION(chunk->blocks, POOL_CHUNK_BYTES - chunk->fresh);
	put_in_front(pool, chunk);
	return chunk;
}

static uint32_t round_size(size_t size)
{
	return (uint32_t)((size + POOL_STEP - 1) / POOL_STEP * POOL_STEP);
}

void *pool_allocate(struct pool *pool, size_t size)
{
	const uint32_t block_size = round_size(size);
	struct pool_chunk *chunk;
	void *block;

	if (size > POOL_BLOCK_MAX) {
		pool->large += size;
		return memory_allocate(size);
	}
	chunk = *list_of_size(pool, block_size);
	if (!chunk)
		chunk = add_chunk(pool, block_size);
	block = chunk->free ? (void *)chunk->free : (uint8_t *)chunk + chunk->fresh;
	ASAN_UNPOISON_MEMORY_REGION(block, block_size);
	if (chunk->free)
		chunk->free = chunk->free->next;
	else
		chunk->fresh += block_size;
	chunk->used++;
	if (is_full(chunk))
		take_out(pool, chunk);
	return block;
}

static void retire_chunk(struct pool *pool, struct pool_chunk *chunk)
{
	take_out(pool, chunk);
	if (pool->spare)
		unmap_chunk(pool, chunk);
	else
		pool->spare = chunk;
	if (pool->chunks > 1)
		return;
	unmap_chunk(pool, pool->spare);
	pool->spare = NULL;
}

void pool_free(struct pool *pool, void *block, size_t size)
{
	struct pool_chunk *chunk;
	struct pool_link *link = block;
	bool was_full;

	if (size > POOL_BLOCK_MAX) {
		pool->large -= size;
		free(block);
		return;
	}
	chunk = (struct pool_chunk *)((uintptr_t)block & ~(POOL_CHUNK_BYTES - 1));
	if (chunk->block_size != round_size(size))
		abort();
	was_full = is_full(chunk);
	link->next = chunk->free;
	chunk->free = link;
	ASAN_POISON_MEMORY_REGION(block, chunk->block_size);
	if (was_full)
		put_in_front(pool, chunk);
	if (!--chunk->used)
		retire_chunk(pool, chunk);
}
