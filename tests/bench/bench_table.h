/*
 * The table that the load generator announces: prefixes of one or both families and the attribute
 * sets that they have, drawn from a fixed seed, with lengths as in the Internet's table.  Every run
 * and every daemon gets the same one.  It knows no session and no wire format but that of a prefix.
 * Called by bench_messages.c (to encode it) and by the receivers (to know what they were sent).
 *
 * A prefix is an id from 0: those of IPv4 come first, then as many of IPv6.  Prefix n of a family
 * has set n * sets / prefixes, so a set has a run of prefixes, as real neighbours pack them.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/wire.h"

#define BENCH_NO_ID UINT32_MAX
/* No prefix of any table has this key. */
#define BENCH_NO_KEY UINT64_MAX
#define BENCH_PATH_MAX 6
#define BENCH_COMMUNITIES_MAX 5

/* A set has as many forms, all different; the origin AS names the set and the form. */
enum bench_variant { BENCH_USUAL, BENCH_FLAPPED, BENCH_MARK_A, BENCH_MARK_B, BENCH_VARIANTS };

struct bench_set {
	uint8_t origin;
	uint8_t path_length; /* 2 to BENCH_PATH_MAX */
	uint8_t community_count;
	uint32_t
	    path[BENCH_PATH_MAX]; /* an external sender puts its own AS in place of the first */
	uint32_t communities[BENCH_COMMUNITIES_MAX]; /* ascending */
	uint32_t med;
	uint32_t local_pref;
};

struct bench_slot {
	uint64_t key;
	uint32_t id; /* BENCH_NO_ID: empty */
};

struct bench_table {
	bool families[IP_FAMILIES];
	uint32_t prefix_count; /* of each family */
	uint32_t set_count;
	uint32_t id_count;
	uint64_t seed;
	uint64_t *keys; /* by id */
	struct bench_slot *slots;
	unsigned slot_shift; /* 64 less the bits of a slot's number */
};

/* Draws the prefixes; `prefixes` of each family. */
void bench_table_init(struct bench_table *table, const bool families[static IP_FAMILIES],
    uint32_t prefixes, uint32_t sets, uint64_t seed);
void bench_table_free(struct bench_table *table);

/* The first id of a family. */
static inline uint32_t bench_table_first(const struct bench_table *table, enum ip_family family)
{
	return family == IPV6 && table->families[IPV4] ? table->prefix_count : 0;
}

struct ip_prefix bench_table_prefix(const struct bench_table *table, uint32_t id);
/* The set's attributes in one of its forms. */
struct bench_set bench_table_set(
    const struct bench_table *table, uint32_t set, enum bench_variant variant);
/* The set and the form that a path with this origin AS belongs to; false: none. */
bool bench_table_identify(const struct bench_table *table, uint32_t origin_asn, uint32_t *set,
    enum bench_variant *variant);

/*
 * `total` things in `parts` shares, as equal as can be: whose share number n is, and the first of a
 * share (that of share number `parts` is `total`).
 */
static inline uint32_t bench_share_of(uint32_t total, uint32_t parts, uint32_t n)
{
	return (uint32_t)((uint64_t)n * parts / total);
}

static inline uint32_t bench_share_first(uint32_t total, uint32_t parts, uint32_t share)
{
	return (uint32_t)(((uint64_t)share * total + parts - 1) / parts);
}

/*
 * The key of the next prefix as it stands in a message: its octets from the top, the length below.
 * No prefix of a table is longer than 48 bits, so there is room; what is longer, runs over the end
 * or has bits set behind its length has a key that is nobody's.
 */
static inline uint64_t bench_key_next(struct wire_reader *reader, enum ip_family family)
{
	uint8_t length = wire_get_u8(reader);
	size_t octets = (length + 7u) / 8;
	const uint8_t *bytes = wire_get_bytes(reader, octets);
	uint64_t key = 0;

	if (!bytes || octets > 7)
		return BENCH_NO_KEY;
	for (size_t i = 0; i < octets; i++)
		key = key << 8 | bytes[i];
	if (octets)
		key <<= 64 - 8 * octets;
	return key | (family == IPV4 ? 0x80u : 0) | length;
}

static inline size_t bench_table_slot(const struct bench_table *table, uint64_t key)
{
	return (size_t)(key * 0x9e3779b97f4a7c15u >> table->slot_shift);
}

/* Brings into the cache what bench_table_find() looks at first. */
static inline void bench_table_prefetch(const struct bench_table *table, uint64_t key)
{
	__builtin_prefetch(&table->slots[bench_table_slot(table, key)]);
}

/* The id of the prefix with this key, or BENCH_NO_ID. */
static inline uint32_t bench_table_find(const struct bench_table *table, uint64_t key)
{
	size_t mask = ((size_t)1 << (64 - table->slot_shift)) - 1;
	size_t at = bench_table_slot(table, key);

	while (table->slots[at].id != BENCH_NO_ID && table->slots[at].key != key)
		at = (at + 1) & mask;
	return table->slots[at].id;
}

#endif
