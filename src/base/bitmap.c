/*
 * A set of numbers as an array of 64-bit words.  The array grows to the largest number that was
 * ever set, and shrinks when it is told how large numbers can be by now: they are dense ids, and a
 * million of them are 125 kB.  Words past the end count as zero everywhere, so two sets of
 * different capacity can be equal.
 */
#include "base/bitmap.h"

#include <stdlib.h>

#include "base/memory.h"

bool bitmap_set(struct bitmap *bitmap, uint32_t bit)
{
	const size_t word = bit / 64;
	const uint64_t mask = UINT64_C(1) << (bit % 64);

	if (word >= bitmap->capacity)
		bitmap->words = memory_grow_zero(
		    bitmap->words, &bitmap->capacity, word + 1, sizeof(*bitmap->words));
	if (bitmap->words[word] & mask)
		return false;
	bitmap->words[word] |= mask;
	return true;
}

bool bitmap_clear(struct bitmap *bitmap, uint32_t bit)
{
	if (!bitmap_test(bitmap, bit))
		return false;
	bitmap->words[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
	return true;
}

uint32_t bitmap_next(const struct bitmap *bitmap, uint32_t from)
{
	size_t word = from / 64;
	uint64_t bits;

	if (word >= bitmap->capacity)
		return UINT32_MAX;
	bits = bitmap->words[word] & (UINT64_MAX << (from % 64));
	while (!bits) {
		if (++word == bitmap->capacity)
			return UINT32_MAX;
		bits = bitmap->words[word];
	}
	return (uint32_t)(word * 64 + (size_t)__builtin_ctzll(bits));
}

void bitmap_shrink(struct bitmap *bitmap, uint32_t limit)
{
	bitmap->words = memory_shrink(
	    bitmap->words, &bitmap->capacity, (size_t)limit / 64 + 1, sizeof(*bitmap->words));
}

void bitmap_free(struct bitmap *bitmap)
{
	free(bitmap->words);
	*bitmap = (struct bitmap){NULL, 0};
}
