/*
 * What a stream has to send again when its key changes: the prefixes that go out otherwise under
 * the new key than under the old one.  Both exports are carried out and their bytes compared, so a
 * filter that was rewritten but decides the same costs the neighbours nothing.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "rib/update_stream.h"

static bool same_route(const struct export_route *a, const struct export_route *b)
{
	if (!a->path || !b->path)
		return a->path == b->path;
	return a->path->attributes == b->path->attributes && a->path->peer == b->path->peer &&
	       a->rule == b->rule;
}

/* One side of a comparison of two keys. */
struct key_side {
	const struct export_key *key;
	struct export_cache cache;
	struct export_route route; /* of this prefix; path NULL: not sent */
	struct export_route last; /* of the one before */
	uint8_t *buffer;
};

/* What is sent, as bytes that can be compared; none if nothing is. */
static struct wire_span export_bytes(
    const struct key_side *side, const struct rib *rib, enum ip_family family)
{
	struct wire_writer writer = wire_writer_init(side->buffer, UINT16_MAX);
	struct bgp_attributes attributes;
	struct arena arena = {NULL};

	if (!side->route.path)
		return (struct wire_span){NULL, 0};
	export_attributes(rib, side->key, family, &side->route, &arena, &attributes);
	bgp_attributes_encode(&writer, &attributes, &side->key->codec, false, &arena);
	wire_put_bytes(&writer, &attributes.next_hop, sizeof(attributes.next_hop));
	arena_free(&arena);
	return wire_writer_span(&writer);
}

static void select_side(struct key_side *side, const struct rib *rib, enum ip_family family,
    const struct rib_prefix *prefix)
{
	side->last = side->route;
	if (!export_select(rib, side->key, family, prefix, &side->cache, &side->route))
		side->route = (struct export_route){NULL, NULL};
}

/* Routes of equal attributes come in runs: the verdict on the last one often holds. */
static void mark_family(
    struct stream_state *state, struct rib *rib, struct key_side sides[2], enum ip_family family)
{
	bool differs = false;

	for (uint32_t id = 1; id < rib_limit(rib, family); id++) {
		const struct rib_prefix *prefix = rib_prefix_at(rib, family, id);

		if (!prefix)
			continue;
		for (unsigned i = 0; i < 2; i++)
			select_side(&sides[i], rib, family, prefix);
		if (!same_route(&sides[0].route, &sides[0].last) ||
		    !same_route(&sides[1].route, &sides[1].last))
			differs = !wire_span_equal(export_bytes(&sides[0], rib, family),
			    export_bytes(&sides[1], rib, family));
		if (differs)
			stream_mark(state, rib, family, id);
	}
}

void stream_mark_differences(struct stream_state *state, struct rib *rib,
    const struct export_key *old, const struct export_key *new)
{
	uint8_t *buffers = memory_allocate(2 * UINT16_MAX);

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		struct key_side sides[2] = {
		    {.key = old, .buffer = buffers},
		    {.key = new, .buffer = buffers + UINT16_MAX},
		};

		if (new->codec.families[family])
			mark_family(state, rib, sides, family);
	}
	free(buffers);
}
