/*
 * The prefixes of one family by content and by id: open addressing over a slab.  A slot is 32 bits,
 * an id with a few bits of the hash in front, so a probe that misses rarely touches the prefix
 * itself.  Longest match probes the lengths in use, longest first; no tree is kept for it.  Private
 * to the RIB.
 */
#ifndef RIB_PREFIX_TABLE_H
#define RIB_PREFIX_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/slab.h"

#define PREFIX_ID_BITS 26 /* 67 million prefixes */
#define PREFIX_ID_MAX ((1u << PREFIX_ID_BITS) - 1)
/* Ids that are removed together at most: about as many as a core has misses under way. */
#define PREFIX_TABLE_REMOVED_MAX 32

/* Open addressing with linear probing. */
struct prefix_slots {
	uint32_t *at; /* hash tag and id; 0: empty */
	uint32_t capacity; /* a power of two; 0: there are none */
	uint32_t first; /* what is below has moved elsewhere: probes pass over it */
};

struct prefix_table {
	struct slab slab; /* items begin with a struct ip_prefix */
	struct prefix_slots slots;
	struct prefix_slots old; /* of before the last resize, until all have moved */
	uint32_t filled; /* of `slots`: not empty, or to be filled by what has not moved yet */
	uint32_t lengths[129]; /* prefixes of each length */
	uint64_t seed;
};

void prefix_table_init(struct prefix_table *table, size_t item_size, uint64_t seed);
void prefix_table_release(struct prefix_table *table);
/*
 * For prefixes that will be looked at next: brings their slots into the cache, all at the same
 * time, and says what they hash to.
 */
void prefix_table_prefetch(const struct prefix_table *table, const struct ip_prefix *prefixes,
    size_t count, uint64_t *hashes);
/*
 * Some time later: brings the item into the cache that such a prefix most likely has, and returns
 * its id; 0: it seems not to be there.
 */
uint32_t prefix_table_prefetch_item(const struct prefix_table *table, uint64_t hash);
/* The id of the prefix, or 0. */
uint32_t prefix_table_find(const struct prefix_table *table, const struct ip_prefix *prefix);
/* The id of the prefix, made (item zeroed but for the prefix) if need be; 0: the table is full. */
uint32_t prefix_table_add(struct prefix_table *table, const struct ip_prefix *prefix);
/* Gives up the ids, at most PREFIX_TABLE_REMOVED_MAX different ones. */
void prefix_table_remove(struct prefix_table *table, const uint32_t *ids, size_t count);
/* Bytes that it has from the system. */
static inline size_t prefix_table_memory(const struct prefix_table *table)
{
	size_t slots = (size_t)table->slots.capacity + table->old.capacity;

	return slab_memory(&table->slab) + slots * sizeof(*table->slots.at);
}
/* True if the item counts for a longest match. */
typedef bool prefix_table_accept(const void *item);
uint32_t prefix_table_longest_match(const struct prefix_table *table,
    const struct ip_address *address, prefix_table_accept *accept);

static inline void *prefix_table_item(const struct prefix_table *table, uint32_t id)
{
	return slab_item(&table->slab, id);
}

#endif
