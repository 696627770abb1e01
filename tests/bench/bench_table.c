/*
 * Every draw comes from one xorshift generator with a fixed seed, so each run and each daemon gets
 * the same table.  A set has a path of 2 to 6 AS numbers and up to 5 communities; prefixes take
 * sets in runs, as real neighbours pack them.
 */
#include "bench_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "bgp/as_path.h"
#include "bgp/message.h"

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Prefix lengths in percent, roughly as in the IPv4 and IPv6 tables of the Internet. */
static unsigned draw_length(uint64_t *state, enum ip_family family)
{
	static const struct {
		uint8_t percent;
		uint8_t length[IP_FAMILIES];
	} shares[] = {{60, {24, 48}}, {11, {22, 44}}, {10, {23, 40}}, {5, {21, 32}}, {5, {20, 36}},
	    {3, {19, 46}}, {3, {18, 33}}, {3, {16, 29}}};
	unsigned point = (unsigned)(draw(state) % 100);

	for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
		if (point < shares[i].percent)
			return shares[i].length[family];
		point -= shares[i].percent;
	}
	return shares[0].length[family];
}

void bench_table_init(
    struct bench_table *table, enum ip_family family, uint32_t prefixes, uint32_t sets)
{
	uint64_t state = 0x9e3779b97f4a7c15u;

	*table =
	    (struct bench_table){.family = family, .prefix_count = prefixes, .set_count = sets};
	prefix_table_init(&table->prefixes, sizeof(struct ip_prefix), 1);
	while (table->prefixes.slab.used < prefixes) {
		struct ip_address address = {.family = (uint8_t)family};
		struct ip_prefix prefix;

		for (size_t i = 0; i < 8; i++)
			address.bytes[i] = family == IPV4 && i > 3 ? 0 : (uint8_t)draw(&state);
		if (family == IPV4)
			address.bytes[0] = (uint8_t)(1 + address.bytes[0] % 220);
		else
			address.bytes[0] = 0x20 | (address.bytes[0] & 0x0f);
		prefix = ip_prefix_from_address(&address, draw_length(&state, family));
		if (!ip_prefix_is_martian(&prefix) && (family == IPV6 || prefix.bytes[0] != 10))
			prefix_table_add(&table->prefixes, &prefix);
	}
}

void bench_table_free(struct bench_table *table)
{
	prefix_table_release(&table->prefixes);
}

/* Makes room for one more message and gives a writer onto it. */
static struct wire_writer message_writer(struct bench_bytes *bytes)
{
	bytes->bytes =
	    memory_grow(bytes->bytes, &bytes->capacity, bytes->length + BGP_MESSAGE_MAX, 1);
	return wire_writer_init(bytes->bytes + bytes->length, BGP_MESSAGE_MAX);
}

static const struct bgp_codec bench_codec = {
    .families = {true, true}, .as4 = true, .external = true};

/* The attributes of set number `set`, encoded; returns the length. */
static size_t encode_set(uint32_t set, uint32_t asn, uint8_t *field, size_t size)
{
	uint64_t state = 0xda942042e4dd58b5u + set * 0x2545f4914f6cdd1du;
	struct wire_writer writer = wire_writer_init(field, size);
	struct arena arena = {NULL};
	struct bgp_attributes attributes;
	struct bgp_community community = {.kind = BGP_COMMUNITY_STANDARD};
	unsigned hops = 1 + (unsigned)(draw(&state) % 5), communities;

	bgp_attributes_init(&attributes);
	attributes.origin = (uint8_t)(draw(&state) % 8 ? BGP_ORIGIN_IGP : BGP_ORIGIN_INCOMPLETE);
	while (hops--)
		attributes.as_path = bgp_as_path_prepend(
		    &arena, attributes.as_path, (uint32_t)(1000 + draw(&state) % 60000), 1);
	attributes.as_path = bgp_as_path_prepend(&arena, attributes.as_path, asn, 1);
	for (communities = (unsigned)(draw(&state) % 6); communities; communities--) {
		wire_store_u32(community.bytes, (uint32_t)(draw(&state) & 0x7fffffff));
		attributes.communities[BGP_COMMUNITY_STANDARD] = bgp_communities_add(
		    &arena, attributes.communities[BGP_COMMUNITY_STANDARD], &community);
		bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_COMMUNITIES);
	}
	bgp_attributes_encode(&writer, &attributes, &bench_codec, false, &arena);
	arena_free(&arena);
	return wire_written(&writer);
}

void bench_table_announce(const struct bench_table *table, uint32_t first, uint32_t count,
    uint32_t asn, const struct ip_address *next_hop, struct bench_bytes *bytes)
{
	const struct bgp_next_hop hop = {.address = *next_hop};
	uint32_t id = first, end = first + count;
	uint8_t field[1024];

	while (id < end) {
		/* Prefix number n has set number n * sets / prefixes. */
		uint32_t set =
		    (uint32_t)((uint64_t)(id - 1) * table->set_count / table->prefix_count);
		size_t length = encode_set(set, asn, field, sizeof field);

		while (id < end &&
		       (uint64_t)(id - 1) * table->set_count / table->prefix_count == set) {
			struct wire_writer writer = message_writer(bytes);
			struct bgp_update_builder builder;

			bgp_update_begin_reach(&builder, &writer, &bench_codec, table->family,
			    (struct wire_span){field, length}, &hop);
			while (id < end &&
			       (uint64_t)(id - 1) * table->set_count / table->prefix_count == set &&
			       bgp_update_put(&builder, prefix_table_item(&table->prefixes, id)))
				id++;
			bgp_update_finish(&builder);
			bytes->length += wire_written(&writer);
		}
	}
	struct wire_writer writer = message_writer(bytes);

	bgp_end_of_rib_encode(&writer, table->family);
	bytes->length += wire_written(&writer);
}

void bench_table_withdraw(
    const struct bench_table *table, uint32_t first, uint32_t count, struct bench_bytes *bytes)
{
	for (uint32_t id = first; id < first + count;) {
		struct wire_writer writer = message_writer(bytes);
		struct bgp_update_builder builder;

		bgp_update_begin_unreach(&builder, &writer, &bench_codec, table->family);
		while (id < first + count &&
		       bgp_update_put(&builder, prefix_table_item(&table->prefixes, id)))
			id++;
		bgp_update_finish(&builder);
		bytes->length += wire_written(&writer);
	}
}
