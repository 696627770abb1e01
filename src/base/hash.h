/*
 * A fast keyed hash, and a table of pointers hashed by their content.  The seed is drawn once at
 * start and given in, so a neighbour cannot aim for collisions and tests are repeatable.  The
 * table owns its slots, never the items.  The prefix table of the RIB is its own, specialised
 * structure; everything else that is looked up by a key uses this one.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed);
uint64_t hash_string(const char *string, uint64_t seed);

/* A good 64 bit mix of one number. */
static inline uint64_t hash_u64(uint64_t value)
{
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93u;
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93u;
	return value ^ value >> 32;
}

/* True if the stored item is the one that `key` names. */
typedef bool hash_equal(const void *item, const void *key);

struct hash_slot {
	uint64_t hash;
	void *item; /* NULL: empty */
};

/* Zeroed is an empty table.  Open addressing, linear probing, backward-shift deletion. */
struct hash_table {
	struct hash_slot *slots;
	size_t capacity;
	size_t count;
};

void *hash_table_find(
    const struct hash_table *table, uint64_t hash, hash_equal *equal, const void *key);
/* The caller has made sure that the item is not in the table. */
void hash_table_insert(struct hash_table *table, uint64_t hash, void *item);
/* Removes the very item; it must be in the table.  Shrinks when the table is mostly empty. */
void hash_table_remove(struct hash_table *table, uint64_t hash, const void *item);
/* The next item at or after `*cursor` (start at 0), or NULL; no insert or remove between. */
void *hash_table_next(const struct hash_table *table, size_t *cursor);
/* Bytes of the slots. */
static inline size_t hash_table_memory(const struct hash_table *table)
{
	return table->capacity * sizeof(*table->slots);
}
/* Frees the slots; the items are the caller's. */
void hash_table_free(struct hash_table *table);

#endif
