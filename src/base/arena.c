/*
 * A list of blocks, newest first; an allocation is taken from the newest block or a new one is
 * made for it.  A reset frees all blocks but the oldest, which is enough for nearly every message,
 * so a busy session never calls malloc here.  What is left at the end of a block when a large
 * request does not fit is lost until the reset; scratch memory lives too short for it to matter.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

#define BLOCK_SIZE 8192

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) uint8_t bytes[];
};

static struct arena_block *add_block(struct arena *arena, size_t size)
{
	size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	struct arena_block *block;

	if (room > SIZE_MAX - sizeof(*block))
		abort();
	block = memory_allocate(sizeof(*block) + room);
	block->next = arena->blocks;
	block->size = room;
	block->used = 0;
	arena->blocks = block;
	return block;
}

void *arena_allocate(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	void *memory;

	if (!block || block->size - block->used < size)
		block = add_block(arena, size);
	memory = block->bytes + block->used;
	block->used += size;
	/* The next allocation starts aligned, or finds the block full. */
	block->used = (block->used + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (block->used > block->size)
		block->used = block->size;
	return memory;
}

void arena_reset(struct arena *arena)
{
	struct arena_block *block = arena->blocks;

	while (block && block->next) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	if (block)
		block->used = 0;
	arena->blocks = block;
}

void arena_free(struct arena *arena)
{
	arena_reset(arena);
	free(arena->blocks);
	arena->blocks = NULL;
}
