/*
 * Three facts per prefix and stream: advertised (a bit), pending (a bit), and whom it was not sent
 * to because the route came from there (two bytes, only once any member of the stream is a source).
 * With them the next message for a prefix is always exact: an announcement for those who get it, a
 * withdrawal only for those who had it.  With add-path the third fact, and whether an announcement
 * is needed at all, is known per path: see stream_paths.h.
 */
#include "rib/update_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

bool stream_mark(struct stream_state *state, enum ip_family which, uint32_t id, bool exists)
{
	struct stream_family *family = &state->families[which];
	bool counts = !stream_scan_find(&family->scan, id);

	if (!exists && !bitmap_test(&family->advertised, id)) {
		family->pending_count -= bitmap_clear(&family->pending, id) && counts;
		return false;
	}
	family->pending_count += bitmap_set(&family->pending, id) && counts;
	return true;
}

/* What was pending waits for the scan now. */
void stream_send_all(struct stream_state *state, enum ip_family which)
{
	struct stream_family *family = &state->families[which];

	stream_scan_everything(&family->scan);
	family->pending_count = 0;
}

void stream_change_key(
    struct stream_state *state, struct export_key_copy *old, const struct export_key *new)
{
	for (enum ip_family which = 0; which < IP_FAMILIES; which++) {
		struct stream_family *family = &state->families[which];

		if (!new->codec.families[which])
			continue;
		stream_scan_differences(&family->scan, old);
		family->pending_count = 0;
	}
}

/*
 * RFC 7313 4: no begin before End-of-RIB.  Of a refresh that has sent nothing yet, one is as good
 * as two; one that has is not begun anew but followed by another one, so that begin and end are
 * pairs and a neighbour that asks all the time gets an answer that ends.
 */
void stream_begin_refresh(struct stream_state *state, enum ip_family which)
{
	struct stream_family *family = &state->families[which];

	if (family->begin_mark_due)
		return;
	if (family->end_of_rib_due || family->end_mark_due) {
		family->refresh_due = true;
		return;
	}
	family->begin_mark_due = true;
	family->end_mark_due = true;
	stream_send_all(state, which);
}

void stream_begin_due_refresh(struct stream_state *state, enum ip_family which)
{
	bool due = state->families[which].refresh_due;

	state->families[which].refresh_due = false;
	if (due)
		stream_begin_refresh(state, which);
}

/* The next pending id that does not wait for the scan; there is one. */
static uint32_t next_pending(const struct stream_family *family)
{
	uint32_t id = bitmap_next(&family->pending, family->cursor);
	const struct scan_range *range;

	while (id == UINT32_MAX || (range = stream_scan_find(&family->scan, id)))
		id = bitmap_next(&family->pending, id == UINT32_MAX ? 0 : range->to);
	return id;
}

static size_t take_pending(
    struct stream_family *family, const struct stream_context *context, uint32_t *ids, size_t limit)
{
	size_t count;

	for (count = 0; count < limit && family->pending_count; count++) {
		ids[count] = next_pending(family);
		bitmap_clear(&family->pending, ids[count]);
		family->pending_count--;
		family->cursor = ids[count] + 1;
		rib_prefetch_prefix(context->rib, context->family, ids[count]);
	}
	return count;
}

static bool has_aigp(const struct rib_path *best)
{
	return best && best->attributes->has_aigp;
}

/* Whether the scan, which comes by for this range, has found something to send. */
static bool is_found(struct stream_family *family, const struct stream_context *context,
    struct stream_comparison *comparison, const struct scan_range *range, uint32_t id)
{
	const struct rib_prefix *prefix = rib_prefix_at(context->rib, context->family, id);
	const struct rib_path *best = prefix ? rib_best_path(prefix) : NULL;
	bool found = bitmap_clear(&family->pending, id);

	if (range->old) {
		found |= range->changed_again && has_aigp(best);
		return stream_prefix_differs(
			   comparison, &range->old->key, context, &family->paths, id) ||
		       found;
	}
	stream_paths_repeat(&family->paths, id);
	return found || best;
}

static size_t scan(struct stream_family *family, const struct stream_context *context,
    struct stream_comparison *comparison, uint32_t *ids, size_t limit)
{
	size_t count = 0;

	for (size_t looks = 0; looks < limit; looks++) {
		const struct scan_range *range;
		uint32_t id = stream_scan_next(
		    &family->scan, rib_limit(context->rib, context->family), &range);

		if (id == UINT32_MAX)
			break;
		if (is_found(family, context, comparison, range, id))
			ids[count++] = id;
	}
	return count;
}

/* While a scan runs, what changes where it has been gets half of the places: neither waits long. */
size_t stream_take(struct stream_state *state, const struct stream_context *context,
    struct stream_comparison *comparison, uint32_t *ids, size_t limit)
{
	struct stream_family *family = &state->families[context->family];
	size_t count;

	if (!family->scan.count)
		return take_pending(family, context, ids, limit);
	count = take_pending(family, context, ids, limit / 2);
	return count + scan(family, context, comparison, ids + count, limit - count);
}

static void count_spared(struct stream_family *family, uint16_t peer, uint32_t step)
{
	size_t old = family->spared_count_capacity;

	if (!peer)
		return;
	if (peer >= old) {
		family->spared_count = memory_grow(family->spared_count,
		    &family->spared_count_capacity, peer + 1u, sizeof(*family->spared_count));
		memset(family->spared_count + old, 0,
		    (family->spared_count_capacity - old) * sizeof(*family->spared_count));
	}
	family->spared_count[peer] += step;
}

static void set_spared(struct stream_family *family, uint32_t id, uint16_t peer)
{
	size_t old = family->spared_capacity;
	uint16_t before = stream_spared(family, id);

	if (before == peer)
		return;
	if (id >= old) {
		family->spared = memory_grow(
		    family->spared, &family->spared_capacity, id + 1, sizeof(*family->spared));
		memset(family->spared + old, 0,
		    (family->spared_capacity - old) * sizeof(*family->spared));
	}
	family->spared[id] = peer;
	count_spared(family, before, (uint32_t)-1);
	count_spared(family, peer, 1);
}

uint32_t stream_advertised_to(const struct stream_family *family, uint16_t peer)
{
	uint32_t spared = peer < family->spared_count_capacity ? family->spared_count[peer] : 0;

	return family->advertised_count - spared;
}

static void set_advertised(
    struct stream_state *state, enum ip_family which, uint32_t id, uint16_t spared)
{
	struct stream_family *family = &state->families[which];

	family->advertised_count += bitmap_set(&family->advertised, id);
	set_spared(family, id, spared);
}

static void set_withdrawn(struct stream_state *state, enum ip_family which, uint32_t id)
{
	struct stream_family *family = &state->families[which];

	family->advertised_count -= bitmap_clear(&family->advertised, id);
	set_spared(family, id, 0);
}

bool stream_family_is_idle(const struct stream_family *family)
{
	return !stream_has_more(family) && !family->end_of_rib_due && !family->end_mark_due;
}

bool stream_is_idle(const struct stream_state *state)
{
	for (enum ip_family which = 0; which < IP_FAMILIES; which++)
		if (!stream_family_is_idle(&state->families[which]))
			return false;
	return true;
}

static void *copy_array(const void *array, size_t size)
{
	return array ? memory_copy(array, size) : NULL;
}

static void copy_bitmap(struct bitmap *to, const struct bitmap *from)
{
	to->capacity = from->capacity;
	to->words = copy_array(from->words, from->capacity * sizeof(*from->words));
}

void stream_copy(struct stream_state *to, const struct stream_state *from)
{
	*to = *from;
	for (enum ip_family which = 0; which < IP_FAMILIES; which++) {
		struct stream_family *copy = &to->families[which];
		const struct stream_family *family = &from->families[which];

		copy_bitmap(&copy->advertised, &family->advertised);
		copy_bitmap(&copy->pending, &family->pending);
		copy->paths = (struct stream_paths){.first = NULL};
		copy->spared =
		    copy_array(family->spared, family->spared_capacity * sizeof(*family->spared));
		copy->spared_count = copy_array(family->spared_count,
		    family->spared_count_capacity * sizeof(*family->spared_count));
		stream_scan_copy(&copy->scan, &family->scan);
	}
}

size_t stream_spared_count(const struct stream_state *state)
{
	size_t count = 0;

	for (enum ip_family which = 0; which < IP_FAMILIES; which++)
		for (size_t i = 0; i < state->families[which].spared_count_capacity; i++)
			count += state->families[which].spared_count[i];
	return count;
}

void stream_merge(struct stream_state *into, const struct stream_state *from)
{
	for (enum ip_family which = 0; which < IP_FAMILIES; which++) {
		const struct stream_family *family = &from->families[which];

		for (uint32_t id = 0; id < family->spared_capacity; id++)
			if (family->spared[id])
				set_spared(&into->families[which], id, family->spared[id]);
	}
}

void stream_release(struct stream_state *state)
{
	for (enum ip_family which = 0; which < IP_FAMILIES; which++) {
		struct stream_family *family = &state->families[which];

		stream_scan_release(&family->scan);
		bitmap_free(&family->advertised);
		bitmap_free(&family->pending);
		free(family->spared);
		free(family->spared_count);
	}
}

/* The bit says whether anything of the prefix is advertised; the paths are counted on their own. */
static void note_paths(struct stream_family *family, uint32_t id)
{
	if (stream_paths_first(&family->paths, id))
		bitmap_set(&family->advertised, id);
	else
		bitmap_clear(&family->advertised, id);
}

/* False if nothing of the prefix is sent. */
static bool select_best_path(const struct stream_context *context, const struct rib_prefix *prefix,
    struct export_route *route)
{
	return export_select(
		   context->rib, context->key, context->family, prefix, context->cache, route) &&
	       export_fits_message(
		   context->rib, context->key, context->family, route, context->cache);
}

static void plan_best_path(
    struct stream_state *state, const struct stream_context *context, uint32_t id)
{
	const enum ip_family which = context->family;
	const struct stream_family *family = &state->families[which];
	const struct rib_prefix *prefix = rib_prefix_at(context->rib, which, id);
	bool advertised = bitmap_test(&family->advertised, id);
	const struct update_item item = {.prefix_id = id};
	uint16_t spared = stream_spared(family, id);
	enum stream_membership source_is;
	struct export_route route;
	uint16_t source;

	if (!prefix || !select_best_path(context, prefix, &route)) {
		if (advertised)
			update_batch_add(
			    context->batch, item, NULL, (struct update_audience){.except = spared});
		set_withdrawn(state, which, id);
		return;
	}
	source_is = context->membership(context->membership_arg, route.path->peer);
	source = source_is == STREAM_NOT_MEMBER ? 0 : route.path->peer;
	if (advertised && source && source != spared)
		update_batch_add(
		    context->batch, item, NULL, (struct update_audience){.only = source});
	if (source_is != STREAM_ONLY_MEMBER)
		update_batch_add(
		    context->batch, item, &route, (struct update_audience){.except = source});
	set_advertised(state, which, id, source);
}

void stream_plan(struct stream_state *state, const struct stream_context *context, uint32_t id)
{
	struct stream_family *family = &state->families[context->family];

	if (context->key->codec.add_path_send[context->family]) {
		stream_paths_plan(&family->paths, context, id);
		note_paths(family, id);
	} else {
		plan_best_path(state, context, id);
	}
}
