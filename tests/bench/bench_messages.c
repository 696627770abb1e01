/*
 * One UPDATE holds prefixes of one attribute set, as many as fit, in the order of the table.  The
 * encoder is the project's own; the receivers decode and compare without it (load_update.c,
 * load_check.c), so that a fault that it shares with the daemon is still seen.
 */
#include "bench_messages.h"

#include "base/arena.h"
#include "base/memory.h"
#include "bgp/as_path.h"
#include "bgp/message.h"

static const struct bgp_codec codec = {.families = {true, true}, .as4 = true};

/* Makes room for one more message and gives a writer onto it. */
static struct wire_writer message_writer(struct bench_bytes *bytes)
{
	bytes->bytes =
	    memory_grow(bytes->bytes, &bytes->capacity, bytes->length + BGP_MESSAGE_MAX, 1);
	return wire_writer_init(bytes->bytes + bytes->length, BGP_MESSAGE_MAX);
}

static void add_communities(
    struct arena *arena, const struct bench_set *set, struct bgp_attributes *attributes)
{
	struct wire_writer writer = wire_writer_init(
	    arena_allocate(arena, sizeof set->communities), sizeof set->communities);

	for (unsigned i = 0; i < set->community_count; i++)
		wire_put_u32(&writer, set->communities[i]);
	bgp_attributes_set_communities(
	    attributes, BGP_COMMUNITY_STANDARD, wire_writer_span(&writer));
}

static void encode_set(const struct bench_set *set, const struct bench_sender *sender,
    struct arena *arena, struct wire_writer *writer)
{
	struct bgp_attributes attributes;

	bgp_attributes_init(&attributes);
	attributes.origin = set->origin;
	for (unsigned i = set->path_length; i--;)
		attributes.as_path = bgp_as_path_prepend(arena, attributes.as_path,
		    i == 0 && sender->external ? sender->asn : set->path[i], 1);
	if (sender->extra_hops)
		attributes.as_path =
		    bgp_as_path_prepend(arena, attributes.as_path, sender->asn, sender->extra_hops);
	attributes.med = set->med;
	bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_MED);
	if (!sender->external) {
		attributes.local_pref = set->local_pref;
		bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_LOCAL_PREF);
	}
	add_communities(arena, set, &attributes);
	bgp_attributes_encode(writer, &attributes, &codec, false, arena);
}

/* As many of the prefixes from `first` to `end` as one message takes; returns the first left. */
static uint32_t put_message(const struct bench_table *table, const struct bench_sender *sender,
    struct wire_span attributes, uint32_t first, uint32_t end, struct bench_bytes *bytes)
{
	struct wire_writer writer = message_writer(bytes);
	struct ip_prefix prefix = bench_table_prefix(table, first);
	const struct bgp_next_hop next_hop = {.address = sender->next_hop[prefix.family]};
	struct bgp_update_builder builder;

	bgp_update_begin_reach(&builder, &writer, &codec, prefix.family, attributes, &next_hop);
	while (first < end && bgp_update_put(&builder, &prefix))
		if (++first < end)
			prefix = bench_table_prefix(table, first);
	bgp_update_finish(&builder);
	bytes->length += wire_written(&writer);
	return first;
}

void bench_messages_announce(const struct bench_table *table, const struct bench_sender *sender,
    uint32_t first, uint32_t count, enum bench_variant variant, struct bench_bytes *bytes)
{
	uint32_t base = first < table->prefix_count ? 0 : table->prefix_count;
	uint32_t end = first + count;
	struct arena arena = {NULL};
	uint8_t field[1024];

	while (first < end) {
		uint32_t set = bench_share_of(table->prefix_count, table->set_count, first - base);
		uint32_t next =
		    base + bench_share_first(table->prefix_count, table->set_count, set + 1);
		struct bench_set drawn = bench_table_set(table, set, variant);
		struct wire_writer writer = wire_writer_init(field, sizeof field);

		encode_set(&drawn, sender, &arena, &writer);
		if (next > end)
			next = end;
		while (first < next)
			first = put_message(
			    table, sender, wire_writer_span(&writer), first, next, bytes);
		arena_reset(&arena);
	}
	arena_free(&arena);
}

void bench_messages_withdraw(
    const struct bench_table *table, uint32_t first, uint32_t count, struct bench_bytes *bytes)
{
	uint32_t end = first + count;

	while (first < end) {
		struct wire_writer writer = message_writer(bytes);
		struct ip_prefix prefix = bench_table_prefix(table, first);
		struct bgp_update_builder builder;

		bgp_update_begin_unreach(&builder, &writer, &codec, prefix.family);
		while (first < end && bgp_update_put(&builder, &prefix))
			if (++first < end)
				prefix = bench_table_prefix(table, first);
		bgp_update_finish(&builder);
		bytes->length += wire_written(&writer);
	}
}

void bench_messages_end_of_rib(enum ip_family family, struct bench_bytes *bytes)
{
	struct wire_writer writer = message_writer(bytes);

	bgp_end_of_rib_encode(&writer, family);
	bytes->length += wire_written(&writer);
}
