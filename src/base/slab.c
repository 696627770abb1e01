/*
 * Chunks of SLAB_CHUNK_ITEMS items, each mapped from the kernel on its own: a chunk starts on a
 * page, so items of 64 bytes are whole cache lines; its pages cost nothing until they are touched;
 * and unmapping it gives the memory back for sure, which free() does not promise.
 *
 * In a chunk, the items below `fresh` have been in use at some time; those of them that are free
 * are linked through their first four bytes (index + 1, 0 ends the list).  Everything else of a
 * free item is zero: clearing is done when an item is freed and is still in the cache.
 *
 * One empty chunk is kept while there are items in others, so that a table whose size swings around
 * a multiple of the chunk does not map and unmap all the time.  Item 0 of chunk 0 is never handed
 * out, so that id 0 is no item.
 */
#include "base/slab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"

/* One less than ids have room for, so that the limit is a 32-bit number too. */
#define CHUNKS_MAX ((1u << (32 - SLAB_CHUNK_BITS)) - 1)
#define NO_CHUNK UINT32_MAX

struct slab_chunk {
	uint32_t used;
	uint32_t fresh; /* items from here on were not used since the chunk was last empty */
	uint32_t free; /* index + 1 of the first free item below fresh, or 0 */
};

static size_t chunk_bytes(const struct slab *slab)
{
	return slab->item_size * SLAB_CHUNK_ITEMS;
}

/* Index of the first item of a chunk that may be handed out. */
static uint32_t first_index(uint32_t chunk)
{
	return chunk ? 0 : 1;
}

static void map_chunk(struct slab *slab, uint32_t chunk)
{
	slab->items[chunk] = memory_map(chunk_bytes(slab));
	slab->mapped++;
	slab->chunks[chunk] = (struct slab_chunk){0, first_index(chunk), 0};
}

static void unmap_chunk(struct slab *slab, uint32_t chunk)
{
	munmap(slab->items[chunk], chunk_bytes(slab));
	slab->items[chunk] = NULL;
	slab->mapped--;
}

static void add_chunk(struct slab *slab)
{
	size_t capacity = slab->capacity;

	if (slab->chunk_count == CHUNKS_MAX) {
		fprintf(stderr, "out of memory: more than %u items of one kind\n", UINT32_MAX);
		abort();
	}
	/* Both arrays grow alike: growth does not depend on the size of an item. */
	slab->chunks = memory_grow(
	    slab->chunks, &capacity, slab->chunk_count + (size_t)1, sizeof(*slab->chunks));
	slab->items = memory_grow(
	    slab->items, &slab->capacity, slab->chunk_count + (size_t)1, sizeof(*slab->items));
	slab->items[slab->chunk_count++] = NULL;
}

static bool chunk_is_full(const struct slab *slab, uint32_t chunk)
{
	return slab->items[chunk] && !slab->chunks[chunk].free &&
	       slab->chunks[chunk].fresh == SLAB_CHUNK_ITEMS;
}

void slab_init(struct slab *slab, size_t item_size)
{
	if (item_size < sizeof(uint32_t))
		abort();
	*slab = (struct slab){.item_size = item_size, .empty_chunk = NO_CHUNK};
}

void slab_release(struct slab *slab)
{
	for (uint32_t chunk = 0; chunk < slab->chunk_count; chunk++) {
		if (slab->items[chunk])
			unmap_chunk(slab, chunk);
	}
	free(slab->items);
	free(slab->chunks);
	*slab = (struct slab){.item_size = slab->item_size, .empty_chunk = NO_CHUNK};
}

uint32_t slab_allocate(struct slab *slab)
{
	uint32_t chunk = slab->first_free_chunk;
	struct slab_chunk *state;
	uint32_t index;
	uint32_t id;

	while (chunk < slab->chunk_count && chunk_is_full(slab, chunk))
		chunk++;
	if (chunk == slab->chunk_count)
		add_chunk(slab);
	if (!slab->items[chunk])
		map_chunk(slab, chunk);
	slab->first_free_chunk = chunk;
	if (slab->empty_chunk == chunk)
		slab->empty_chunk = NO_CHUNK;

	state = &slab->chunks[chunk];
	index = state->free ? state->free - 1 : state->fresh++;
	id = chunk << SLAB_CHUNK_BITS | index;
	if (state->free)
		memcpy(&state->free, slab_item(slab, id), sizeof(state->free));
	memset(slab_item(slab, id), 0, sizeof(state->free));
	state->used++;
	slab->used++;
	return id;
}

/* Keeps the lower one of two empty chunks and gives the other one back; the last ones both. */
static void retire_chunk(struct slab *slab, uint32_t chunk)
{
	uint32_t other = slab->empty_chunk;

	slab->chunks[chunk] = (struct slab_chunk){0, first_index(chunk), 0};
	slab->empty_chunk = slab->used ? (chunk < other ? chunk : other) : NO_CHUNK;
	if (chunk != slab->empty_chunk)
		unmap_chunk(slab, chunk);
	if (other != slab->empty_chunk && other != NO_CHUNK)
		unmap_chunk(slab, other);
	while (slab->chunk_count && !slab->items[slab->chunk_count - 1])
		slab->chunk_count--;
}

void slab_free(struct slab *slab, uint32_t id)
{
	const uint32_t chunk = id >> SLAB_CHUNK_BITS;
	struct slab_chunk *state = &slab->chunks[chunk];
	uint8_t *item = slab_item(slab, id);

	if (!id || !state->used)
		abort();
	memset(item, 0, slab->item_size);
	memcpy(item, &state->free, sizeof(state->free));
	state->free = (id & (SLAB_CHUNK_ITEMS - 1)) + 1;
	state->used--;
	slab->used--;
	if (chunk < slab->first_free_chunk)
		slab->first_free_chunk = chunk;
	if (!state->used)
		retire_chunk(slab, chunk);
}

uint32_t slab_limit(const struct slab *slab)
{
	uint32_t count = slab->chunk_count;

	while (count && (!slab->items[count - 1] || !slab->chunks[count - 1].used))
		count--;
	if (!count)
		return 1;
	return ((count - 1) << SLAB_CHUNK_BITS) + slab->chunks[count - 1].fresh;
}
