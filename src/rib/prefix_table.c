/*
 * A slot holds the id in its low 26 bits and six bits of the hash above them: of the slots that a
 * probe passes without a match, one in 64 costs a look at a prefix.  Linear probing at a load of
 * at most three quarters.  The random access to a slot is what an operation costs in a large table,
 * so none looks at the prefixes of others: removal leaves a tombstone (or an empty slot, where the
 * next one is empty, and then the tombstones before it go too), and adding uses it again.
 *
 * To resize a large table at once would take tens of milliseconds, for it has to look at every
 * prefix, at random in memory.  So the old slots stay, and each addition or removal moves some of
 * them.  Until all are moved, what is not found in the new slots is looked for in the old ones too.
 * A resize is also what clears tombstones away, so the capacity may stay as it is.
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
/* A tombstone: a slot whose prefix was removed; not empty, and no id. */
#define REMOVED (1u << PREFIX_ID_BITS)
#define NO_SLOT UINT32_MAX
/* Among so many slots from its home on a prefix is looked for to be fetched ahead. */
#define GUESSED_SLOTS 4

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

static struct prefix_slots allocate_slots(uint32_t capacity)
{
	return (struct prefix_slots){
	    .at = memory_allocate_zero(capacity, sizeof(uint32_t)), .capacity = capacity};
}

void prefix_table_init(struct prefix_table *table, size_t item_size, uint64_t seed)
{
	memset(table, 0, sizeof(*table));
	slab_init(&table->slab, item_size);
	table->seed = seed;
	table->slots = allocate_slots(CAPACITY_MIN);
}

void prefix_table_release(struct prefix_table *table)
{
	slab_release(&table->slab);
	free(table->slots.at);
	free(table->old.at);
}

/* The next slot from `at` on that has this tag and an id, or NO_SLOT if an empty one comes first. */
static inline uint32_t next_with_tag(const struct prefix_slots *slots, uint32_t at, uint32_t tag)
{
	for (uint32_t mask = slots->capacity - 1;; at = (at + 1) & mask) {
		uint32_t slot = slots->at[at];

		if (!slot)
			return NO_SLOT;
		if ((slot & ~PREFIX_ID_MAX) == tag && slot & PREFIX_ID_MAX && at >= slots->first)
			return at;
	}
}

static inline uint32_t first_with_tag(const struct prefix_slots *slots, uint64_t hash)
{
	if (!slots->capacity)
		return NO_SLOT;
	return next_with_tag(slots, (uint32_t)hash & (slots->capacity - 1), hash_tag(hash));
}

/* The id of the prefix if it is in these slots, or 0. */
static uint32_t find_in(const struct prefix_table *table, const struct prefix_slots *slots,
    const struct ip_prefix *prefix, uint64_t hash)
{
	uint32_t at = first_with_tag(slots, hash);

	while (at != NO_SLOT) {
		uint32_t id = slots->at[at] & PREFIX_ID_MAX;

		if (!memcmp(prefix_table_item(table, id), prefix, sizeof(*prefix)))
			return id;
		at = next_with_tag(slots, (at + 1) & (slots->capacity - 1), hash_tag(hash));
	}
	return 0;
}

static uint32_t find(
    const struct prefix_table *table, const struct ip_prefix *prefix, uint64_t hash)
{
	uint32_t id = find_in(table, &table->slots, prefix, hash);

	return id || !table->old.at ? id : find_in(table, &table->old, prefix, hash);
}

uint32_t prefix_table_find(const struct prefix_table *table, const struct ip_prefix *prefix)
{
	return find(table, prefix, prefix_hash(table, prefix));
}

static void fetch_slot(const struct prefix_slots *slots, uint64_t hash)
{
	if (slots->capacity)
		__builtin_prefetch(&slots->at[(uint32_t)hash & (slots->capacity - 1)]);
}

/* The hash of the prefix, whose slots are on the way into the cache now. */
static uint64_t fetch_slots(const struct prefix_table *table, const struct ip_prefix *prefix)
{
	uint64_t hash = prefix_hash(table, prefix);

	fetch_slot(&table->slots, hash);
	fetch_slot(&table->old, hash);
	return hash;
}

/*
 * The id in the first of a few slots that has the hash's tag, or 0; nearly always that of the hash.
 * It looks at all of them, because where a probe ends is what a CPU cannot predict.
 */
static uint32_t guess_id(const struct prefix_slots *slots, uint64_t hash)
{
	const uint32_t mask = slots->capacity - 1;
	uint32_t guess = 0;

	if (!slots->capacity)
		return 0;
	for (uint32_t i = GUESSED_SLOTS; i--;) {
		uint32_t at = ((uint32_t)hash + i) & mask;
		uint32_t slot = slots->at[at];
		bool match = (slot & ~PREFIX_ID_MAX) == hash_tag(hash) && at >= slots->first;

		guess = match && slot & PREFIX_ID_MAX ? slot & PREFIX_ID_MAX : guess;
	}
	return guess;
}

void prefix_table_prefetch(const struct prefix_table *table, const struct ip_prefix *prefixes,
    size_t count, uint64_t *hashes)
{
	for (size_t i = 0; i < count; i++)
		hashes[i] = fetch_slots(table, &prefixes[i]);
}

uint32_t prefix_table_prefetch_item(const struct prefix_table *table, uint64_t hash)
{
	uint32_t id = guess_id(&table->slots, hash);

	if (!id)
		id = guess_id(&table->old, hash);
	if (id)
		__builtin_prefetch(prefix_table_item(table, id));
	return id;
}

/* Puts an id that is not in the table into the first free slot. */
static void place(struct prefix_table *table, uint32_t id, uint64_t hash)
{
	struct prefix_slots *slots = &table->slots;
	uint32_t mask = slots->capacity - 1;
	uint32_t at = (uint32_t)hash & mask;

	while (slots->at[at] & PREFIX_ID_MAX)
		at = (at + 1) & mask;
	table->filled += !slots->at[at];
	slots->at[at] = hash_tag(hash) | id;
}

/* Moves up to `count` of the old slots, if there are any. */
static void move_slots(struct prefix_table *table, uint32_t count)
{
	struct prefix_slots *old = &table->old;
	uint32_t left = old->capacity - old->first;

	if (!old->at)
		return;
	for (uint32_t end = old->first + (count < left ? count : left); old->first < end;
	     old->first++) {
		uint32_t ahead = old->first + PREFETCH_DISTANCE;
		uint32_t id = old->at[old->first] & PREFIX_ID_MAX;

		if (ahead < old->capacity && old->at[ahead] & PREFIX_ID_MAX)
			__builtin_prefetch(
			    prefix_table_item(table, old->at[ahead] & PREFIX_ID_MAX));
		if (!id)
			continue;
		table->filled--; /* it was counted before */
		place(table, id, prefix_hash(table, prefix_table_item(table, id)));
	}
	if (old->first == old->capacity) {
		free(old->at);
		*old = (struct prefix_slots){0};
	}
}

/*
 * Begins to resize, so that between a quarter and five eighths of the slots are in use: there are more
 * operations to the next resize, at three quarters or an eighth, than this one takes to move all.
 */
static void resize(struct prefix_table *table)
{
	uint32_t used = table->slab.used;
	uint32_t capacity = table->slots.capacity;

	if (used >= capacity / 8 * 5)
		capacity *= 2;
	else if (used < capacity / 4 && capacity > CAPACITY_MIN)
		capacity /= 2;
	move_slots(table, UINT32_MAX);
	table->old = table->slots;
	table->slots = allocate_slots(capacity);
	table->filled = used;
}

uint32_t prefix_table_add(struct prefix_table *table, const struct ip_prefix *prefix)
{
	uint64_t hash = prefix_hash(table, prefix);
	uint32_t id;

	move_slots(table, MOVED_AT_ONCE);
	id = find(table, prefix, hash);
	if (id)
		return id;
	if (table->slab.used >= PREFIX_ID_MAX - SLAB_CHUNK_ITEMS)
		return 0;
	if (table->filled + 1 > table->slots.capacity / 4 * 3)
		resize(table);
	id = slab_allocate(&table->slab);
	memcpy(prefix_table_item(table, id), prefix, sizeof(*prefix));
	place(table, id, hash);
	table->lengths[prefix->length]++;
	return id;
}

/* The slot with this id, or NO_SLOT. */
static uint32_t find_slot_of(const struct prefix_slots *slots, uint32_t id, uint64_t hash)
{
	uint32_t at = first_with_tag(slots, hash);

	while (at != NO_SLOT && (slots->at[at] & PREFIX_ID_MAX) != id)
		at = next_with_tag(slots, (at + 1) & (slots->capacity - 1), hash_tag(hash));
	return at;
}

/* Empties the slot, and the tombstones before it, if no probe has to pass over it. */
static void empty_slot(struct prefix_table *table, uint32_t at)
{
	struct prefix_slots *slots = &table->slots;
	uint32_t mask = slots->capacity - 1;

	slots->at[at] = REMOVED;
	if (slots->at[(at + 1) & mask])
		return;
	for (; slots->at[at] == REMOVED; at = (at - 1) & mask) {
		slots->at[at] = 0;
		table->filled--;
	}
}

static void remove_one(struct prefix_table *table, uint32_t id, uint64_t hash)
{
	const struct ip_prefix *prefix = prefix_table_item(table, id);
	uint32_t at = find_slot_of(&table->slots, id, hash);

	if (at != NO_SLOT) {
		empty_slot(table, at);
	} else {
		table->old.at[find_slot_of(&table->old, id, hash)] = REMOVED;
		table->filled--;
	}
	table->lengths[prefix->length]--;
	slab_free(&table->slab, id);
	if (table->slots.capacity > CAPACITY_MIN && table->slab.used < table->slots.capacity / 8)
		resize(table);
	else
		move_slots(table, MOVED_AT_ONCE);
}

void prefix_table_remove(struct prefix_table *table, const uint32_t *ids, size_t count)
{
	uint64_t hashes[PREFIX_TABLE_REMOVED_MAX];

	for (size_t i = 0; i < count; i++)
		hashes[i] = fetch_slots(table, prefix_table_item(table, ids[i]));
	for (size_t i = 0; i < count; i++)
		remove_one(table, ids[i], hashes[i]);
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
