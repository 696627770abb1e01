/*
 * A slot holds the id in its low 26 bits and six bits of the hash above them: of the slots that a
 * probe passes without a match, one in 64 costs a look at a prefix.  Linear probing at a load of
 * at most three quarters; removal shifts back what follows, so there are no tombstones and the
 * table may shrink.
 *
 * To resize a large table at once would take tens of milliseconds, for it has to look at every
 * prefix, at random in memory.  So the old slots stay, and each addition or removal moves some of
 * them.  Until all are moved, what is not found in the new slots is looked for in the old ones too.
 * Slots that were moved are left in the old ones, so that probes still pass over them; what is
 * removed leaves an id of 0 there.
 */
#include "rib/prefix_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

#define CAPACITY_MIN 1024
/* Old slots that an addition or removal moves, and how far it looks ahead. */
#define MOVED_AT_ONCE 32
#define PREFETCH_DISTANCE 16
/* An old slot whose prefix was removed: not empty, and no id. */
#define REMOVED (1u << PREFIX_ID_BITS)

static uint64_t prefix_hash(const struct prefix_table *table, const struct ip_prefix *prefix)
{
	uint64_t high, low;

	memcpy(&high, prefix->bytes, sizeof(high));
	memcpy(&low, prefix->bytes + 8, sizeof(low));
	return hash_u64(hash_u64(high ^ table->seed) + low * 0x9e3779b97f4a7c15u + prefix->length);
}

static uint32_t hash_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 32) & ~PREFIX_ID_MAX;
}

void prefix_table_init(struct prefix_table *table, size_t item_size, uint64_t seed)
{
	memset(table, 0, sizeof(*table));
	slab_init(&table->slab, item_size);
	table->seed = seed;
	table->capacity = CAPACITY_MIN;
	table->slots = memory_allocate_zero(table->capacity, sizeof(*table->slots));
}

void prefix_table_release(struct prefix_table *table)
{
	slab_release(&table->slab);
	free(table->slots);
	free(table->old_slots);
}

/* The slot of the prefix, or the empty one where it would go. */
static uint32_t find_slot(
    const struct prefix_table *table, const struct ip_prefix *prefix, uint64_t hash)
{
	uint32_t mask = table->capacity - 1;
	uint32_t at = (uint32_t)hash & mask;

	for (; table->slots[at]; at = (at + 1) & mask) {
		uint32_t slot = table->slots[at];

		if ((slot & ~PREFIX_ID_MAX) == hash_tag(hash) &&
		    !memcmp(
			prefix_table_item(table, slot & PREFIX_ID_MAX), prefix, sizeof(*prefix)))
			break;
	}
	return at;
}

void prefix_table_prefetch(const struct prefix_table *table, const struct ip_prefix *prefix)
{
	uint32_t mask = table->capacity - 1;

	__builtin_prefetch(&table->slots[(uint32_t)prefix_hash(table, prefix) & mask]);
}

/* The old slot of the prefix, or NULL. */
static uint32_t *find_old_slot(
    const struct prefix_table *table, const struct ip_prefix *prefix, uint64_t hash)
{
	uint32_t mask = table->old_capacity - 1;

	if (!table->old_slots)
		return NULL;
	for (uint32_t at = (uint32_t)hash & mask; table->old_slots[at]; at = (at + 1) & mask) {
		uint32_t id = table->old_slots[at] & PREFIX_ID_MAX;

		if (id && (table->old_slots[at] & ~PREFIX_ID_MAX) == hash_tag(hash) &&
		    ip_prefix_equal(prefix_table_item(table, id), prefix))
			return &table->old_slots[at];
	}
	return NULL;
}

uint32_t prefix_table_find(const struct prefix_table *table, const struct ip_prefix *prefix)
{
	uint64_t hash = prefix_hash(table, prefix);
	uint32_t slot = table->slots[find_slot(table, prefix, hash)];
	const uint32_t *old = slot ? NULL : find_old_slot(table, prefix, hash);

	return (old ? *old : slot) & PREFIX_ID_MAX;
}

static void place(struct prefix_table *table, uint32_t id)
{
	uint64_t hash = prefix_hash(table, prefix_table_item(table, id));
	uint32_t mask = table->capacity - 1;
	uint32_t at = (uint32_t)hash & mask;

	while (table->slots[at])
		at = (at + 1) & mask;
	table->slots[at] = hash_tag(hash) | id;
}

/* Moves up to `count` of the old slots, if there are any. */
static void move_slots(struct prefix_table *table, uint32_t count)
{
	const uint32_t *old = table->old_slots;
	uint32_t left = table->old_capacity - table->old_at;
	uint32_t end = table->old_at + (count < left ? count : left);

	if (!old)
		return;
	for (uint32_t i = table->old_at; i < end; i++) {
		uint32_t ahead = i + PREFETCH_DISTANCE;

		if (ahead < table->old_capacity && old[ahead] & PREFIX_ID_MAX)
			__builtin_prefetch(prefix_table_item(table, old[ahead] & PREFIX_ID_MAX));
		if (old[i] & PREFIX_ID_MAX)
			place(table, old[i] & PREFIX_ID_MAX);
	}
	table->old_at = end;
	if (end == table->old_capacity) {
		free(table->old_slots);
		table->old_slots = NULL;
	}
}

/* Begins to resize; the last resize is long over, but for a table that swings violently. */
static void resize(struct prefix_table *table, uint32_t capacity)
{
	move_slots(table, UINT32_MAX);
	table->old_slots = table->slots;
	table->old_capacity = table->capacity;
	table->old_at = 0;
	table->slots = memory_allocate_zero(capacity, sizeof(*table->slots));
	table->capacity = capacity;
}

uint32_t prefix_table_add(struct prefix_table *table, const struct ip_prefix *prefix)
{
	uint64_t hash = prefix_hash(table, prefix);
	const uint32_t *old;
	uint32_t at, id;

	move_slots(table, MOVED_AT_ONCE);
	at = find_slot(table, prefix, hash);
	old = table->slots[at] ? NULL : find_old_slot(table, prefix, hash);
	id = (old ? *old : table->slots[at]) & PREFIX_ID_MAX;
	if (id)
		return id;
	if (table->slab.used >= PREFIX_ID_MAX - SLAB_CHUNK_ITEMS)
		return 0;
	if (table->slab.used + 1 > table->capacity / 4 * 3) {
		resize(table, table->capacity * 2);
		at = find_slot(table, prefix, hash);
	}
	id = slab_allocate(&table->slab);
	memcpy(prefix_table_item(table, id), prefix, sizeof(*prefix));
	table->slots[at] = hash_tag(hash) | id;
	table->lengths[prefix->length]++;
	return id;
}

/* Closes the gap at slot `hole`. */
static void shift_back(struct prefix_table *table, uint32_t hole)
{
	uint32_t mask = table->capacity - 1;

	for (uint32_t at = (hole + 1) & mask; table->slots[at]; at = (at + 1) & mask) {
		const struct ip_prefix *other =
		    prefix_table_item(table, table->slots[at] & PREFIX_ID_MAX);
		uint32_t home = (uint32_t)prefix_hash(table, other) & mask;

		/* It may move back unless its home lies cyclically in (hole, at]. */
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			table->slots[hole] = table->slots[at];
			hole = at;
		}
	}
	table->slots[hole] = 0;
}

void prefix_table_remove(struct prefix_table *table, uint32_t id)
{
	const struct ip_prefix *prefix = prefix_table_item(table, id);
	uint64_t hash = prefix_hash(table, prefix);
	uint32_t at = find_slot(table, prefix, hash);
	uint32_t *old = find_old_slot(table, prefix, hash);

	table->lengths[prefix->length]--;
	if (table->slots[at])
		shift_back(table, at);
	if (old)
		*old = REMOVED;
	slab_free(&table->slab, id);
	if (table->capacity > CAPACITY_MIN && table->slab.used < table->capacity / 8)
		resize(table, table->capacity / 2);
	else
		move_slots(table, MOVED_AT_ONCE);
}

uint32_t prefix_table_longest_match(
    const struct prefix_table *table, const struct ip_address *address, prefix_table_accept *accept)
{
	for (int length = (int)ip_family_bits(address->family); length >= 0; length--) {
		struct ip_prefix prefix;
		uint32_t id;

		if (!table->lengths[length])
			continue;
		prefix = ip_prefix_from_address(address, (unsigned)length);
		id = prefix_table_find(table, &prefix);
		if (id && accept(prefix_table_item(table, id)))
			return id;
	}
	return 0;
}
