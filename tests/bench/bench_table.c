/*
 * Every draw comes from an xorshift generator, one for the prefixes and one for each set and form,
 * so that a set is drawn again whenever somebody wants to know it instead of being stored.
 *
 * Lengths in percent, roughly as route collectors saw the two tables in 2024:
 *
 *	IPv4	/24 60, /22 11, /23 10, /21 5, /20 5, /19 3, /18 2, /16 2, /17 1, /15 1
 *	IPv6	/48 47, /32 12, /44 10, /40 10, /36 5, /46 5, /29 4, /47 3, /33 2, /34 2
 *
 * A path has 2 to 6 AS numbers, all numbers of hops as often as the others; 0 to 5 communities.
 * The last AS of the path names the set and its form: a receiver then knows without a comparison
 * whether a prefix came with attributes of its own set, and with which ones.  These origins begin
 * at 131072, above all that is reserved.
 */
#include "bench_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "bgp/types.h"

#define FIRST_ORIGIN 131072u

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static unsigned draw_length(uint64_t *state, enum ip_family family)
{
	static const struct {
		uint8_t percent;
		uint8_t length;
	} shares[IP_FAMILIES][10] = {
	    {{60, 24}, {11, 22}, {10, 23}, {5, 21}, {5, 20}, {3, 19}, {2, 18}, {2, 16}, {1, 17},
		{1, 15}},
	    {{47, 48}, {12, 32}, {10, 44}, {10, 40}, {5, 36}, {5, 46}, {4, 29}, {3, 47}, {2, 33},
		{2, 34}},
	};
	unsigned point = (unsigned)(draw(state) % 100);
	size_t i = 0;

	while (point >= shares[family][i].percent)
		point -= shares[family][i++].percent;
	return shares[family][i].length;
}

static struct ip_prefix draw_prefix(uint64_t *state, enum ip_family family)
{
	struct ip_address address = {.family = (uint8_t)family};

	for (size_t i = 0; i < (family == IPV4 ? 4 : 8); i++)
		address.bytes[i] = (uint8_t)(draw(state) >> 32);
	if (family == IPV4)
		address.bytes[0] = (uint8_t)(1 + address.bytes[0] % 220);
	else
		address.bytes[0] = 0x20 | (address.bytes[0] & 0x0f);
	return ip_prefix_from_address(&address, draw_length(state, family));
}

static uint64_t key_of(const struct ip_prefix *prefix)
{
	uint8_t wire[1 + sizeof prefix->bytes];
	struct wire_reader reader = wire_reader_init(wire, sizeof wire);

	wire[0] = prefix->length;
	memcpy(wire + 1, prefix->bytes, sizeof prefix->bytes);
	return bench_key_next(&reader, prefix->family);
}

/* Network 10 is where benchmarks have their wires. */
static bool is_usable(const struct ip_prefix *prefix)
{
	return !ip_prefix_is_martian(prefix) && (prefix->family == IPV6 || prefix->bytes[0] != 10);
}

/* False if it is there already. */
static bool add(struct bench_table *table, uint64_t key)
{
	size_t mask = ((size_t)1 << (64 - table->slot_shift)) - 1;
	size_t at = bench_table_slot(table, key);

	while (table->slots[at].id != BENCH_NO_ID) {
		if (table->slots[at].key == key)
			return false;
		at = (at + 1) & mask;
	}
	table->slots[at] = (struct bench_slot){.key = key, .id = table->id_count};
	table->keys[table->id_count++] = key;
	return true;
}

static void draw_family(struct bench_table *table, enum ip_family family)
{
	uint64_t state = hash_u64(table->seed + family + 1);

	for (uint32_t left = table->prefix_count; left;) {
		struct ip_prefix prefix = draw_prefix(&state, family);

		if (is_usable(&prefix) && add(table, key_of(&prefix)))
			left--;
	}
}

void bench_table_init(struct bench_table *table, const bool families[static IP_FAMILIES],
    uint32_t prefixes, uint32_t sets, uint64_t seed)
{
	size_t ids = (size_t)prefixes * ((size_t)families[IPV4] + (size_t)families[IPV6]);

	*table = (struct bench_table){.families = {families[IPV4], families[IPV6]},
	    .prefix_count = prefixes,
	    .set_count = sets,
	    .seed = seed,
	    .slot_shift = 63};
	while ((size_t)1 << (64 - table->slot_shift) < 2 * ids)
		table->slot_shift--;
	table->keys = memory_allocate(ids * sizeof *table->keys);
	table->slots =
	    memory_allocate(((size_t)1 << (64 - table->slot_shift)) * sizeof *table->slots);
	for (size_t i = 0; i < (size_t)1 << (64 - table->slot_shift); i++)
		table->slots[i].id = BENCH_NO_ID;
	for (enum ip_family family = IPV4; family < IP_FAMILIES; family++)
		if (families[family])
			draw_family(table, family);
}

void bench_table_free(struct bench_table *table)
{
	free(table->keys);
	free(table->slots);
}

struct ip_prefix bench_table_prefix(const struct bench_table *table, uint32_t id)
{
	uint64_t key = table->keys[id];
	struct ip_prefix prefix = {
	    .length = (uint8_t)(key & 0x7f), .family = key & 0x80 ? IPV4 : IPV6};

	for (size_t i = 0; i < 7; i++)
		prefix.bytes[i] = (uint8_t)(key >> (56 - 8 * i));
	return prefix;
}

/* One between 1,000 and 60,999: no private one, and not the one that stands for others. */
static uint32_t draw_asn(uint64_t *state)
{
	uint32_t asn = (uint32_t)(1000 + draw(state) % 60000);

	return asn == BGP_AS_TRANS ? asn + 1 : asn;
}

struct bench_set bench_table_set(
    const struct bench_table *table, uint32_t set, enum bench_variant variant)
{
	uint32_t number = set * BENCH_VARIANTS + (uint32_t)variant;
	uint64_t state = hash_u64(table->seed ^ 0xda942042e4dd58b5u ^ ((uint64_t)number + 1) << 24);
	struct bench_set drawn = {0};

	drawn.path_length = (uint8_t)(2 + draw(&state) % (BENCH_PATH_MAX - 1));
	for (unsigned i = 0; i + 1 < drawn.path_length; i++)
		drawn.path[i] = draw_asn(&state);
	drawn.path[drawn.path_length - 1] = FIRST_ORIGIN + number;
	drawn.origin = (uint8_t)(draw(&state) % 8 ? BGP_ORIGIN_IGP : BGP_ORIGIN_INCOMPLETE);
	drawn.med = (uint32_t)(draw(&state) % 1000);
	drawn.local_pref = (uint32_t)(100 + draw(&state) % 4 * 10);
	drawn.community_count = (uint8_t)(draw(&state) % (BENCH_COMMUNITIES_MAX + 1));
	for (unsigned i = 0; i < drawn.community_count; i++)
		/* In order, all different, and never a well-known one. */
		drawn.communities[i] = (i + 1) << 28 | (uint32_t)(draw(&state) & 0x0fffffff);
	return drawn;
}

bool bench_table_identify(const struct bench_table *table, uint32_t origin_asn, uint32_t *set,
    enum bench_variant *variant)
{
	uint32_t number = origin_asn - FIRST_ORIGIN;

	*set = number / BENCH_VARIANTS;
	*variant = number % BENCH_VARIANTS;
	return origin_asn >= FIRST_ORIGIN && *set < table->set_count;
}
