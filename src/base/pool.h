/*
 * Blocks of any size that live long and are freed in any order: what malloc() does, but memory is
 * given back for sure.  Blocks of equal size share a chunk, and a chunk whose last block is freed
 * goes back to the system, so what is mapped follows what is in use.  There is no header per block.
 * Used for attribute sets.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_CHUNK_BYTES ((size_t)64 * 1024)
/* Sizes are rounded up to a multiple of the step; larger blocks than the largest are malloc's. */
#define POOL_STEP 8
#define POOL_BLOCK_MAX 512

struct pool_chunk;

/* Zeroed is empty. */
struct pool {
	struct pool_chunk *open[POOL_BLOCK_MAX / POOL_STEP]; /* by size: those with a free block */
	struct pool_chunk *spare; /* one without blocks, kept while others are in use; or NULL */
	size_t chunks; /* mapped, the spare one included */
	size_t large; /* bytes in blocks that are malloc's */
};

/* A block of `size` bytes, which is not 0: aligned for eight bytes, not zeroed. */
void *pool_allocate(struct pool *pool, size_t size) __attribute__((returns_nonnull));
/* `size` is what the block was allocated with. */
void pool_free(struct pool *pool, void *block, size_t size);
/* Bytes that the pool has from the system now. */
static inline size_t pool_memory(const struct pool *pool)
{
	return pool->chunks * POOL_CHUNK_BYTES + pool->large;
}

#endif
