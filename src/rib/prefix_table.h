/*
 * The prefixes of one family by content and by id: open addressing over a slab.  A slot is 32 bits,
 * an id with a few bits of the hash in front, so a probe that misses rarely touches the prefix
 * itself.  Longest match probes the lengths in use, longest first; no tree is kept for it.  Private
 * to the RIB.
 */
#ifndef RIB_PREFIX_TABLE_H
#define RIB_PREFIX_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/slab.h"

#define PREFIX_ID_BITS 26 /* 67 million prefixes */
#define PREFIX_ID_MAX ((1u << PREFIX_ID_BITS) - 1)

struct prefix_table {
	struct slab slab; /* items begin with a struct ip_prefix */
	uint32_t *slots; /* hash tag and id; 0: empty */
	uint32_t *old_slots; /* of before the last resize, not yet all moved; or NULL */
	uint32_t old_capacity;
	uint32_t old_at; /* the next one to move */
	uint32_t capacity; /* a power of two */
	uint32_t lengths[129]; /* prefixes of each length */
	uint64_t seed;
};

void prefix_table_init(struct prefix_table *table, size_t item_size, uint64_t seed);
void prefix_table_release(struct prefix_table *table);
/* Brings into the cache what the next call for this prefix looks at first. */
void prefix_table_prefetch(const struct prefix_table *table, const struct ip_prefix *prefix);
/* The id of the prefix, or 0. */
uint32_t prefix_table_find(const struct prefix_table *table, const struct ip_prefix *prefix);
/* The id of the prefix, made (item zeroed but for the prefix) if need be; 0: the table is full. */
uint32_t prefix_table_add(struct prefix_table *table, const struct ip_prefix *prefix);
/* Gives up the id. */
void prefix_table_remove(struct prefix_table *table, uint32_t id);
/* True if the item counts for a longest match. */
typedef bool prefix_table_accept(const void *item);
uint32_t prefix_table_longest_match(const struct prefix_table *table,
    const struct ip_address *address, prefix_table_accept *accept);

static inline void *prefix_table_item(const struct prefix_table *table, uint32_t id)
{
	return slab_item(&table->slab, id);
}

#endif
