/*
 * The hash reads 16 bytes a step and folds them with one 64x64 to 128 bit multiplication.  Both
 * factors are masked with numbers that depend on the seed: with a known mask a neighbour could
 * choose bytes that make a factor zero, and so any number of inputs with the same hash.  It is no
 * cryptographic hash, and it differs between machines of different byte order.
 *
 * The table is open addressing with linear probing over (hash, item) pairs.  The hash is kept, so
 * a probe compares items only when all 64 bits agree, and growing never looks at an item.
 * Invariant: between an item's home slot and its own there is no empty slot; a removal shifts what
 * follows back, so there are no tombstones and a table that churns stays as fast as a new one.
 *
 * Home slots are in the order of the hashes, as a share of the capacity and not a remainder.  So
 * any capacity will do, and a resize reads and writes memory from its beginning to its end.  The
 * table grows by half when three quarters are full and halves when a quarter is: it is half full
 * then.
 */
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define CAPACITY_MIN 8

/* Odd numbers with as many ones as zeros, from the fractions of sqrt(2), sqrt(3), sqrt(5). */
#define SALT_A 0x6a09e667f3bcc909u
#define SALT_B 0xbb67ae8584caa73bu
#define SALT_C 0x3c6ef372fe94f82bu

__extension__ typedef unsigned __int128 uint128;

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	const uint128 product = (uint128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load_u64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint64_t load_u32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed)
{
	const uint8_t *at = bytes;
	const uint64_t mask = fold(seed ^ SALT_A, SALT_B);
	uint64_t state = seed ^ SALT_C ^ length;
	uint64_t first = 0;
	uint64_t last = 0;
	size_t left = length;

	for (; left > 16; left -= 16, at += 16)
		state = fold(load_u64(at) ^ mask, load_u64(at + 8) ^ state);
	/* The two loads of the tail may overlap; the length is in the state. */
	if (left >= 8) {
		first = load_u64(at);
		last = load_u64(at + left - 8);
	} else if (left >= 4) {
		first = load_u32(at);
		last = load_u32(at + left - 4);
	} else if (left) {
		first = (uint64_t)at[0] << 16 | (uint64_t)at[left / 2] << 8 | at[left - 1];
	}
	state = fold(first ^ mask, last ^ state);
	return fold(state ^ SALT_A, mask ^ SALT_C);
}

uint64_t hash_string(const char *string, uint64_t seed)
{
	return hash_bytes(string, strlen(string), seed);
}

static size_t home_slot(const struct hash_table *table, uint64_t hash)
{
	return (size_t)((uint128)hash * table->capacity >> 64);
}

static size_t next_slot(const struct hash_table *table, size_t slot)
{
	return slot + 1 == table->capacity ? 0 : slot + 1;
}

/* How many slots it is from one to the other, going round. */
static size_t distance(const struct hash_table *table, size_t from, size_t to)
{
	return to >= from ? to - from : to + table->capacity - from;
}

/* Puts the pair into the first empty slot from its home; there is one. */
static void put(struct hash_table *table, uint64_t hash, void *item)
{
	size_t i = home_slot(table, hash);

	while (table->slots[i].item)
		i = next_slot(table, i);
	table->slots[i] = (struct hash_slot){hash, item};
}

static void resize(struct hash_table *table, size_t capacity)
{
	struct hash_slot *const old = table->slots;
	const size_t old_capacity = table->capacity;

	table->slots = memory_allocate_zero(capacity, sizeof(*table->slots));
	table->capacity = capacity;
	for (size_t i = 0; i < old_capacity; i++) {
		if (old[i].item)
			put(table, old[i].hash, old[i].item);
	}
	free(old);
}

void *hash_table_find(
    const struct hash_table *table, uint64_t hash, hash_equal *equal, const void *key)
{
	if (!table->count)
		return NULL;
	for (size_t i = home_slot(table, hash); table->slots[i].item; i = next_slot(table, i)) {
		const struct hash_slot *slot = &table->slots[i];

		if (slot->hash == hash && equal(slot->item, key))
			return slot->item;
	}
	return NULL;
}

void hash_table_insert(struct hash_table *table, uint64_t hash, void *item)
{
	if (table->count >= table->capacity / 4 * 3)
		resize(
		    table, table->capacity ? table->capacity + table->capacity / 2 : CAPACITY_MIN);
	put(table, hash, item);
	table->count++;
}

/* Closes the gap at slot `gap`: moves back each follower whose home is at or before the gap. */
static void shift_back(struct hash_table *table, size_t gap)
{
	for (size_t i = next_slot(table, gap); table->slots[i].item; i = next_slot(table, i)) {
		const size_t home = home_slot(table, table->slots[i].hash);

		if (distance(table, home, i) >= distance(table, gap, i)) {
			table->slots[gap] = table->slots[i];
			gap = i;
		}
	}
	table->slots[gap] = (struct hash_slot){0, NULL};
}

void hash_table_remove(struct hash_table *table, uint64_t hash, const void *item)
{
	size_t i;

	if (!table->count)
		abort();
	i = home_slot(table, hash);
	while (table->slots[i].item != item) {
		if (!table->slots[i].item)
			abort();
		i = next_slot(table, i);
	}
	shift_back(table, i);
	table->count--;
	if (table->capacity > CAPACITY_MIN && table->count <= table->capacity / 4)
		resize(
		    table, table->capacity / 2 > CAPACITY_MIN ? table->capacity / 2 : CAPACITY_MIN);
}

void *hash_table_next(const struct hash_table *table, size_t *cursor)
{
	while (*cursor < table->capacity) {
		void *item = table->slots[(*cursor)++].item;

		if (item)
			return item;
	}
	return NULL;
}

void hash_table_free(struct hash_table *table)
{
	free(table->slots);
	*table = (struct hash_table){NULL, 0, 0};
}
