/*
 * What a stream has to send again when its key changes: the prefixes that go out otherwise under
 * the new key than under the old one.  Both exports are carried out and their bytes compared, so a
 * filter that was rewritten but decides the same costs the neighbours nothing.
 *
 * With add-path the comparison is per path, with what the stream notes as sent: a path that differs
 * is made due, and the others of its prefix are not sent again.
 */
#include "rib/stream_difference.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool same_route(const struct export_route *a, const struct export_route *b)
{
	if (!a->path || !b->path)
		return a->path == b->path;
	return a->path->attributes == b->path->attributes && a->path->peer == b->path->peer &&
	       a->rule == b->rule;
}

/* What is sent, as bytes that can be compared; none if nothing is. */
static struct wire_span export_bytes(
    const struct comparison_side *side, const struct rib *rib, enum ip_family family)
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
static bool routes_differ(struct stream_comparison *comparison, const struct rib *rib)
{
	const enum ip_family family = comparison->family;
	struct comparison_side *sides = comparison->sides;

	if (!same_route(&sides[0].route, &sides[0].last) ||
	    !same_route(&sides[1].route, &sides[1].last))
		comparison->differs = !wire_span_equal(
		    export_bytes(&sides[0], rib, family), export_bytes(&sides[1], rib, family));
	for (unsigned i = 0; i < 2; i++)
		sides[i].last = sides[i].route;
	return comparison->differs;
}

static bool best_paths_differ(
    struct stream_comparison *comparison, const struct rib *rib, const struct rib_prefix *prefix)
{
	for (unsigned i = 0; i < 2; i++) {
		struct comparison_side *side = &comparison->sides[i];

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
static bool sent_path_differs(struct stream_comparison *comparison, const struct rib *rib,
    const struct rib_prefix *prefix, const struct sent_path *sent)
{
	const struct export_route *route =
	    path_selection_find(&comparison->selection, sent->send_id);
	const enum ip_family family = comparison->family;
	struct comparison_side *old = &comparison->sides[0];

	if (!route || !stream_paths_is_as_sent(rib, sent, route->path))
		return true;
	comparison->sides[1].route = *route;
	if (!export_path(rib, old->key, family, prefix, route->path, &old->cache, &old->route))
		old->route = (struct export_route){NULL, NULL};
	return routes_differ(comparison, rib);
}

/* Makes due what differs; true if anything is to be sent. */
static bool sent_paths_differ(struct stream_comparison *comparison,
    const struct stream_paths *paths, const struct rib *rib, const struct rib_prefix *prefix,
    uint32_t id)
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

/* Routes and caches are good for two keys and one state of the table. */
static void begin(struct stream_comparison *comparison, const struct export_key *old,
    const struct export_key *new, enum ip_family family)
{
	if (!comparison->buffers)
		comparison->buffers = memory_allocate(2 * UINT16_MAX);
	if (comparison->sides[0].key == old)
		return;
	memset(comparison->sides, 0, sizeof(comparison->sides));
	comparison->family = family;
	comparison->differs = false;
	comparison->sides[0].key = old;
	comparison->sides[0].buffer = comparison->buffers;
	comparison->sides[1].key = new;
	comparison->sides[1].buffer = comparison->buffers + UINT16_MAX;
}

bool stream_prefix_differs(struct stream_comparison *comparison, const struct export_key *old,
    const struct stream_context *context, const struct stream_paths *paths, uint32_t id)
{
	const enum ip_family family = context->family;
	const struct rib_prefix *prefix = rib_prefix_at(context->rib, family, id);

	begin(comparison, old, context->key, family);
	if (context->key->codec.add_path_send[family])
		return sent_paths_differ(comparison, paths, context->rib, prefix, id);
	return prefix && best_paths_differ(comparison, context->rib, prefix);
}

void stream_comparison_free(struct stream_comparison *comparison)
{
	path_selection_free(&comparison->selection);
	free(comparison->buffers);
}
