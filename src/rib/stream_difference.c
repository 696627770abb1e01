/*
 * What a stream has to send again when its key changes: the prefixes that go out otherwise under
 * the new key than under the old one.  Both exports are carried out and their bytes compared, so a
 * filter that was rewritten but decides the same costs the neighbours nothing.
 *
 * With add-path the comparison is per path, with what the stream notes as sent: a path that differs
 * is made due, and the others of its prefix are not sent again.
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

struct comparison {
	enum ip_family family;
	struct key_side sides[2]; /* old, new */
	bool differs; /* the verdict on the last routes of both */
	struct path_selection selection; /* under the new key */
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

/* Routes of equal attributes come in runs: the verdict on the last one often holds. */
static bool routes_differ(struct comparison *comparison, const struct rib *rib)
{
	const enum ip_family family = comparison->family;
	struct key_side *sides = comparison->sides;

	if (!same_route(&sides[0].route, &sides[0].last) ||
	    !same_route(&sides[1].route, &sides[1].last))
		comparison->differs = !wire_span_equal(
		    export_bytes(&sides[0], rib, family), export_bytes(&sides[1], rib, family));
	for (unsigned i = 0; i < 2; i++)
		sides[i].last = sides[i].route;
	return comparison->differs;
}

static bool best_paths_differ(
    struct comparison *comparison, const struct rib *rib, const struct rib_prefix *prefix)
{
	for (unsigned i = 0; i < 2; i++) {
		struct key_side *side = &comparison->sides[i];

		if (!export_select(
			rib, side->key, comparison->family, prefix, &side->cache, &side->route))
			side->route = (struct export_route){NULL, NULL};
	}
	return routes_differ(comparison, rib);
}

/*
 * Whether a path that was sent goes out otherwise now.  One that is not as it was sent may come
 * back to that before it is sent, and would then be of the old key.
 */
static bool sent_path_differs(struct comparison *comparison, const struct rib *rib,
    const struct rib_prefix *prefix, const struct sent_path *sent)
{
	const struct export_route *route =
	    path_selection_find(&comparison->selection, sent->send_id);
	const enum ip_family family = comparison->family;
	struct key_side *old = &comparison->sides[0];

	if (!route || !stream_paths_is_as_sent(rib, sent, route->path))
		return true;
	comparison->sides[1].route = *route;
	if (!export_path(rib, old->key, family, prefix, route->path, &old->cache, &old->route))
		old->route = (struct export_route){NULL, NULL};
	return routes_differ(comparison, rib);
}

/* Makes due what differs; true if anything is to be sent. */
static bool sent_paths_differ(struct comparison *comparison, const struct stream_paths *paths,
    const struct rib *rib, const struct rib_prefix *prefix, uint32_t id)
{
	struct path_selection *selection = &comparison->selection;
	bool differ = false;

	path_selection_fill(selection, rib, comparison->sides[1].key, comparison->family, prefix,
	    &comparison->sides[1].cache);
	for (struct sent_path *sent = stream_paths_first(paths, id); sent;
	     sent = stream_paths_next(paths, sent)) {
		sent->due = sent_path_differs(comparison, rib, prefix, sent);
		differ |= sent->due;
	}
	for (size_t i = 0; i < selection->count; i++)
		differ |= !stream_paths_find(paths, id, selection->routes[i].path->send_id);
	return differ;
}

/* A prefix without paths is pending already, but what was sent of it is of the old key. */
static void mark_family(struct stream_state *state, struct rib *rib, struct comparison *comparison)
{
	const enum ip_family family = comparison->family;
	const struct stream_paths *paths = &state->families[family].paths;
	bool add_path = comparison->sides[1].key->codec.add_path_send[family];

	for (uint32_t id = 1; id < rib_limit(rib, family); id++) {
		const struct rib_prefix *prefix = rib_prefix_at(rib, family, id);

		if (add_path ? sent_paths_differ(comparison, paths, rib, prefix, id)
			     : prefix && best_paths_differ(comparison, rib, prefix))
			stream_mark(state, rib, family, id);
	}
}

void stream_mark_differences(struct stream_state *state, struct rib *rib,
    const struct export_key *old, const struct export_key *new)
{
	uint8_t *buffers = memory_allocate(2 * UINT16_MAX);

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		struct comparison comparison = {
		    .family = family,
		    .sides = {{.key = old, .buffer = buffers},
			{.key = new, .buffer = buffers + UINT16_MAX}},
		};

		if (new->codec.families[family])
			mark_family(state, rib, &comparison);
		path_selection_free(&comparison.selection);
	}
	free(buffers);
}
