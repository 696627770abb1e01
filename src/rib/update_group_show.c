/*
 * What a member of an update group has been sent, for those who want to see it.  The table says
 * with which attributes: nothing of them is stored but that they were sent.
 */
#include "rib/group_state.h"

uint32_t update_group_advertised(const struct update_group_member *member, enum ip_family family)
{
	const struct update_stream *stream = member->stream;

	/* One of the two is nothing. */
	return stream_advertised_to(&stream->state.families[family], member->peer) +
	       stream_paths_advertised_to(update_stream_sent_paths(stream, family), member->peer);
}

bool update_group_sent_end_of_rib(const struct update_group_member *member)
{
	const struct update_stream *stream = member->stream;

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		if (stream->state.families[family].end_of_rib_due)
			return false;
	}
	return true;
}

/* The n-th path of the prefix, or NULL. */
static const struct rib_path *path_at(
    const struct rib *rib, enum ip_family family, const struct rib_prefix *prefix, uint32_t n)
{
	const struct rib_path *path = &prefix->first;

	while (path && n--)
		path = rib_path_next(rib, family, path);
	return path;
}

/* The next path that was sent with an identifier; the cursor is a place among the paths. */
static bool next_sent_path(const struct update_group_member *member, enum ip_family family,
    uint32_t prefix_id, uint32_t *cursor, struct export_route *route)
{
	const struct update_group *group = member->stream->group;
	const struct rib *rib = group->groups->rib;
	const struct stream_paths *paths = update_stream_sent_paths(member->stream, family);
	const struct rib_prefix *prefix = rib_prefix_at(rib, family, prefix_id);
	struct export_cache cache = {.set = NULL};

	for (const struct rib_path *path = path_at(rib, family, prefix, *cursor); path;
	     path = rib_path_next(rib, family, path)) {
		++*cursor;
		if (path->peer != member->peer &&
		    stream_paths_find(paths, prefix_id, path->send_id) &&
		    export_path(rib, &group->key, family, prefix, path, &cache, route))
			return true;
	}
	return false;
}

/* The one path of a prefix without identifiers. */
static bool only_sent_path(const struct update_group_member *member, enum ip_family family,
    uint32_t prefix_id, uint32_t *cursor, struct export_route *route)
{
	const struct update_group *group = member->stream->group;
	const struct rib *rib = group->groups->rib;
	struct export_cache cache = {.set = NULL};

	return !(*cursor)++ &&
	       stream_spared(&member->stream->state.families[family], prefix_id) != member->peer &&
	       export_select(
		   rib, &group->key, family, rib_prefix_at(rib, family, prefix_id), &cache, route);
}

bool update_group_show(const struct update_group_member *member, enum ip_family family,
    uint32_t prefix_id, uint32_t *cursor, struct arena *arena, struct update_group_route *shown)
{
	const struct update_group *group = member->stream->group;
	const struct rib *rib = group->groups->rib;
	const bool add_path = group->key.codec.add_path_send[family];
	struct export_route route;

	if (!rib_prefix_at(rib, family, prefix_id) ||
	    !bitmap_test(&member->stream->state.families[family].advertised, prefix_id))
		return false;
	if (add_path ? !next_sent_path(member, family, prefix_id, cursor, &route)
		     : !only_sent_path(member, family, prefix_id, cursor, &route))
		return false;
	export_attributes(rib, &group->key, family, &route, arena, &shown->attributes);
	shown->path = route.path;
	shown->path_id = add_path ? route.path->send_id : 0;
	return true;
}

size_t update_groups_count(const struct update_groups *groups)
{
	size_t count = 0;

	for (const struct update_group *group = groups->groups; group; group = group->next)
		count++;
	return count;
}

size_t update_groups_stream_count(const struct update_groups *groups)
{
	size_t count = 0;

	for (const struct update_group *group = groups->groups; group; group = group->next)
		for (const struct update_stream *stream = group->streams; stream;
		     stream = stream->next)
			count++;
	return count;
}
