/*
 * Scratch memory for one message or one request: allocations are never freed singly, the whole
 * arena is reset at once and keeps its first block.  Used by the codec for attribute values that
 * have to be rewritten, and by the policy for modified ones.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zeroed is empty. */
struct arena {
	struct arena_block *blocks; /* newest first */
};

/* Aligned for any type, not zeroed; valid until the reset. */
void *arena_allocate(struct arena *arena, size_t size) __attribute__((returns_nonnull));
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

#endif
