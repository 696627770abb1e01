/*
 * The paths that were sent are chained per prefix, in a slab: a prefix has a handful, at most the
 * key's limit, and costs four bytes where it has none.
 */
#include "rib/stream_paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static struct sent_path *sent_at(const struct stream_paths *paths, uint32_t at)
{
	return at ? slab_item(&paths->sent, at) : NULL;
}

struct sent_path *stream_paths_first(const struct stream_paths *paths, uint32_t id)
{
	return id < paths->first_capacity ? sent_at(paths, paths->first[id]) : NULL;
}

struct sent_path *stream_paths_next(const struct stream_paths *paths, const struct sent_path *sent)
{
	return sent_at(paths, sent->next);
}

struct sent_path *stream_paths_find(const struct stream_paths *paths, uint32_t id, uint16_t send_id)
{
	struct sent_path *sent = stream_paths_first(paths, id);

	while (sent && sent->send_id != send_id)
		sent = stream_paths_next(paths, sent);
	return sent;
}

uint32_t stream_paths_advertised_to(const struct stream_paths *paths, uint16_t peer)
{
	return paths->count - (peer < paths->count_from_capacity ? paths->count_from[peer] : 0);
}

static void count_sent(struct stream_paths *paths, uint16_t peer, uint32_t step)
{
	size_t old = paths->count_from_capacity;

	if (peer >= old) {
		paths->count_from = memory_grow(paths->count_from, &paths->count_from_capacity,
		    peer + 1u, sizeof(*paths->count_from));
		memset(paths->count_from + old, 0,
		    (paths->count_from_capacity - old) * sizeof(*paths->count_from));
	}
	paths->count_from[peer] += step;
	paths->count += step;
}

static struct sent_path *add_sent(struct stream_paths *paths, uint32_t id, uint16_t send_id)
{
	size_t old = paths->first_capacity;
	struct sent_path *sent;
	uint32_t at;

	if (id >= old) {
		paths->first = memory_grow(
		    paths->first, &paths->first_capacity, id + 1u, sizeof(*paths->first));
		memset(
		    paths->first + old, 0, (paths->first_capacity - old) * sizeof(*paths->first));
	}
	if (!paths->sent.item_size)
		slab_init(&paths->sent, sizeof(*sent));
	at = slab_allocate(&paths->sent);
	sent = slab_item(&paths->sent, at);
	sent->send_id = send_id;
	sent->next = paths->first[id];
	paths->first[id] = at;
	return sent;
}

/* Notes what is sent; a path that is new has nothing noted yet. */
static void set_sent(struct stream_paths *paths, struct rib *rib, struct sent_path *sent,
    const struct rib_path *path, uint32_t cost)
{
	struct attribute_set *new = attribute_set_hold(path->attributes), *old = sent->attributes;

	if (old)
		count_sent(paths, sent->peer, (uint32_t)-1);
	sent->attributes = new;
	sent->cost = cost;
	sent->peer = path->peer;
	sent->identifier = rib_peer_at(rib, path->peer)->identifier;
	sent->due = false;
	count_sent(paths, sent->peer, 1);
	if (old)
		attribute_set_release(rib_attribute_store(rib), old);
}

/* Takes the path out of the chain in which `*link` leads to it. */
static void remove_sent(struct stream_paths *paths, struct rib *rib, uint32_t *link)
{
	const struct sent_path *sent = sent_at(paths, *link);
	uint32_t at = *link;

	count_sent(paths, sent->peer, (uint32_t)-1);
	attribute_set_release(rib_attribute_store(rib), sent->attributes);
	*link = sent->next;
	slab_free(&paths->sent, at);
}

static enum stream_membership membership_of(const struct stream_context *context, uint16_t peer)
{
	return context->membership(context->membership_arg, peer);
}

static void plan_withdrawal(
    const struct stream_context *context, uint32_t id, const struct sent_path *sent)
{
	enum stream_membership source_is = membership_of(context, sent->peer);
	uint16_t source = source_is == STREAM_NOT_MEMBER ? 0 : sent->peer;

	if (source_is != STREAM_ONLY_MEMBER)
		update_batch_add(context->batch,
		    (struct update_item){.prefix_id = id, .path_id = sent->send_id}, NULL,
		    (struct update_audience){.except = source});
}

static void withdraw_unselected(
    struct stream_paths *paths, const struct stream_context *context, uint32_t id)
{
	uint32_t *link = id < paths->first_capacity ? &paths->first[id] : NULL;

	while (link && *link) {
		struct sent_path *sent = sent_at(paths, *link);

		if (path_selection_find(context->selection, sent->send_id)) {
			link = &sent->next;
		} else {
			plan_withdrawal(context, id, sent);
			remove_sent(paths, context->rib, link);
		}
	}
}

bool stream_paths_is_as_sent(
    const struct rib *rib, const struct sent_path *sent, const struct rib_path *path)
{
	return !sent->due && attribute_set_is_sent_as(sent->attributes, path->attributes) &&
	       sent->peer == path->peer &&
	       sent->identifier == rib_peer_at(rib, path->peer)->identifier;
}

static void plan_announcement(struct stream_paths *paths, const struct stream_context *context,
    uint32_t id, const struct export_route *route)
{
	const struct rib_path *path = route->path;
	struct sent_path *sent = stream_paths_find(paths, id, path->send_id);
	uint32_t cost = export_added_cost(context->rib, context->key, context->family, route);
	const struct update_item item = {.prefix_id = id, .path_id = path->send_id};
	enum stream_membership source_is;
	uint16_t source;

	if (sent && stream_paths_is_as_sent(context->rib, sent, path) && sent->cost == cost)
		return;
	source_is = membership_of(context, path->peer);
	source = source_is == STREAM_NOT_MEMBER ? 0 : path->peer;
	/* Another peer's path had it: this one was sent that, and is not sent its own. */
	if (sent && source && sent->peer != source)
		update_batch_add(
		    context->batch, item, NULL, (struct update_audience){.only = source});
	if (source_is != STREAM_ONLY_MEMBER)
		update_batch_add(
		    context->batch, item, route, (struct update_audience){.except = source});
	if (!sent)
		sent = add_sent(paths, id, path->send_id);
	set_sent(paths, context->rib, sent, path, cost);
}

void stream_paths_plan(
    struct stream_paths *paths, const struct stream_context *context, uint32_t id)
{
	struct path_selection *selection = context->selection;

	path_selection_fill(selection, context->rib, context->key, context->family,
	    rib_prefix_at(context->rib, context->family, id), context->cache);
	withdraw_unselected(paths, context, id);
	for (size_t i = 0; i < selection->count; i++)
		plan_announcement(paths, context, id, &selection->routes[i]);
}

void stream_paths_repeat(struct stream_paths *paths, uint32_t id)
{
	for (struct sent_path *sent = stream_paths_first(paths, id); sent;
	     sent = stream_paths_next(paths, sent))
		sent->due = true;
}

static void copy_sent(struct stream_paths *to, const struct sent_path *sent, uint32_t id)
{
	struct sent_path *copy = add_sent(to, id, sent->send_id);

	*copy = (struct sent_path){
	    .next = copy->next,
	    .identifier = sent->identifier,
	    .attributes = attribute_set_hold(sent->attributes),
	    .cost = sent->cost,
	    .peer = sent->peer,
	    .send_id = sent->send_id,
	    .due = sent->due,
	};
	count_sent(to, sent->peer, 1);
}

void stream_paths_copy(
    struct stream_paths *to, const struct stream_paths *from, uint32_t from_id, uint32_t to_id)
{
	for (uint32_t id = from_id; id < to_id; id++)
		for (const struct sent_path *sent = stream_paths_first(from, id); sent;
		     sent = stream_paths_next(from, sent))
			copy_sent(to, sent, id);
}

bool stream_paths_release_some(struct stream_paths *paths, struct rib *rib, uint32_t count)
{
	for (; count && paths->first_capacity; count--) {
		uint32_t *link = &paths->first[--paths->first_capacity];

		while (*link)
			remove_sent(paths, rib, link);
	}
	if (paths->first_capacity)
		return true;
	slab_release(&paths->sent);
	free(paths->first);
	free(paths->count_from);
	memset(paths, 0, sizeof(*paths));
	return false;
}
