/*
 * Items of one size in large chunks, addressed by a dense 32-bit id; 0 is no item.  An id stays
 * where it is for the item's life.  Free ids are used again lowest chunk first, so a table that
 * shrinks becomes dense again, and a chunk without items goes back to the system.  Used for
 * prefixes and paths.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_CHUNK_BITS 12
#define SLAB_CHUNK_ITEMS (1u << SLAB_CHUNK_BITS)

struct slab_chunk;

struct slab {
	uint8_t **items; /* per chunk its items, or NULL; ids index into it */
	struct slab_chunk *chunks; /* per chunk: how many are used, free list */
	size_t capacity; /* of the two arrays */
	size_t item_size;
	uint32_t chunk_count; /* the last one exists, others may not */
	uint32_t first_free_chunk; /* no chunk below has a free item */
	uint32_t empty_chunk; /* one that exists without items, kept; or UINT32_MAX */
	uint32_t mapped; /* chunks that exist */
	uint32_t used; /* items allocated now */
};

/* Items are at least four bytes; addresses are aligned for 64 bytes if the size is a multiple. */
void slab_init(struct slab *slab, size_t item_size);
/* Frees everything; ids and pointers are void. */
void slab_release(struct slab *slab);
/* A zeroed item; its id, never 0. */
uint32_t slab_allocate(struct slab *slab);
void slab_free(struct slab *slab, uint32_t id);
/* Bytes of the chunks that exist. */
static inline size_t slab_memory(const struct slab *slab)
{
	return (size_t)slab->mapped * SLAB_CHUNK_ITEMS * slab->item_size;
}
/* One past the largest id that may be in use; 1 if there is none. */
uint32_t slab_limit(const struct slab *slab);
/*
 * True if the chunk that holds this id, which is below the limit, exists; a walk over ids skips
 * chunks that do not.  A free item is all zero but for its first four bytes, so such a walk tells
 * it from one in use by a later field.
 */
static inline bool slab_has_chunk(const struct slab *slab, uint32_t id)
{
	return slab->items[id >> SLAB_CHUNK_BITS] != NULL;
}

/* The item with this id; it must be allocated (or be a free one of a chunk that exists). */
static inline void *slab_item(const struct slab *slab, uint32_t id)
{
	return slab->items[id >> SLAB_CHUNK_BITS] +
	       (size_t)(id & (SLAB_CHUNK_ITEMS - 1)) * slab->item_size;
}

#endif
