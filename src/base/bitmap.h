/*
 * A growing set of small numbers, one bit each.  Reading past the end gives 0.  Used by the
 * update groups for what has been advertised, by prefix id.
 */
#ifndef BASE_BITMAP_H
#define BASE_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed is empty. */
struct bitmap {
	uint64_t *words;
	size_t capacity; /* words */
};

static inline bool bitmap_test(const struct bitmap *bitmap, uint32_t bit)
{
	return bit / 64 < bitmap->capacity && (bitmap->words[bit / 64] >> (bit % 64) & 1);
}

/* Returns true if the bit was not set before. */
bool bitmap_set(struct bitmap *bitmap, uint32_t bit);
/* Returns true if the bit was set before. */
bool bitmap_clear(struct bitmap *bitmap, uint32_t bit);
/* The first set bit at or after `from`, or UINT32_MAX. */
uint32_t bitmap_next(const struct bitmap *bitmap, uint32_t from);
/* No bit at or past `limit` is set: gives back what only such bits would need. */
void bitmap_shrink(struct bitmap *bitmap, uint32_t limit);
/* Bytes of the words. */
static inline size_t bitmap_memory(const struct bitmap *bitmap)
{
	return bitmap->capacity * sizeof(*bitmap->words);
}
void bitmap_free(struct bitmap *bitmap);

#endif
