/*
 * Groups, their streams, and who is in which.
 *
 * A stream with nothing pending has advertised what the table exports, so two such streams of a
 * group are one.  Of the two, the one that has spared more prefixes stays, and takes over fewer.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "rib/group_state.h"

struct update_group *update_groups_find(struct update_groups *groups, const struct export_key *key)
{
	struct update_group *group;

	for (group = groups->groups; group; group = group->next)
		if (export_key_equal(&group->key, key))
			return group;
	group = memory_allocate_zero(1, sizeof(*group));
	group->groups = groups;
	group->key = *key;
	if (key->filter_count) {
		group->filters =
		    memory_copy(key->filters, key->filter_count * sizeof(*key->filters));
		group->key.filters = group->filters;
	}
	if (key->peer_name)
		group->key.peer_name = group->peer_name = memory_copy_string(key->peer_name);
	group->next = groups->groups;
	groups->groups = group;
	update_group_watch(group);
	return group;
}

static void free_group(struct update_group *group)
{
	struct update_groups *groups = group->groups;
	struct update_group **at = &groups->groups;

	while (*at != group)
		at = &(*at)->next;
	*at = group->next;
	update_group_unwatch(group);
	free(group->filters);
	free(group->peer_name);
	free(group);
}

static void put_into_group(struct update_stream *stream, struct update_group *group)
{
	stream->group = group;
	stream->next = group->streams;
	group->streams = stream;
}

/* The group is freed with its last stream. */
static void take_from_group(struct update_stream *stream)
{
	struct update_group *group = stream->group;
	struct update_stream **at = &group->streams;

	while (*at != stream)
		at = &(*at)->next;
	*at = stream->next;
	if (!group->streams)
		free_group(group);
}

struct update_stream *update_stream_add(struct update_group *group)
{
	struct update_stream *stream = memory_allocate_zero(1, sizeof(*stream));

	put_into_group(stream, group);
	return stream;
}

struct update_stream *update_stream_copy(
    const struct update_stream *stream, struct update_group *group)
{
	struct update_stream *copy = update_stream_add(group);

	copy->fresh = stream->fresh;
	stream_copy(&copy->state, &stream->state);
	return copy;
}

void update_stream_relocate(struct update_stream *stream, struct update_group *group)
{
	take_from_group(stream);
	put_into_group(stream, group);
}

void update_stream_free(struct update_stream *stream)
{
	struct update_groups *groups = stream->group->groups;

	update_stream_unschedule(stream);
	take_from_group(stream);
	stream_release(&stream->state, groups->rib);
	free(stream);
	update_groups_look_for_unheld(groups);
}

void update_stream_put_member(struct update_stream *stream, struct update_group_member *member)
{
	member->stream = stream;
	member->next = stream->members;
	stream->members = member;
	stream->member_count++;
}

void update_stream_take_member(struct update_group_member *member)
{
	struct update_group_member **at = &member->stream->members;

	while (*at != member)
		at = &(*at)->next;
	*at = member->next;
	member->stream->member_count--;
}

static struct update_stream *find_idle(const struct update_stream *except)
{
	struct update_stream *stream = except->group->streams;

	while (stream && (stream == except || !stream_is_idle(&stream->state)))
		stream = stream->next;
	return stream;
}

/*
 * Several paths are ranked by what next hops cost now, the best path is by what they cost when the
 * sweep came by: until it has come by everywhere, two streams may have ranked the same paths
 * differently.
 */
void update_stream_merge(struct update_stream *stream)
{
	struct rib *rib = stream->group->groups->rib;
	struct update_stream *into;

	if (update_group_has_add_path(stream->group) && rib_is_sweeping(rib))
		return;
	into = find_idle(stream);
	if (!into)
		return;
	if (stream_spared_count(&stream->state) > stream_spared_count(&into->state)) {
		struct update_stream *other = into;

		into = stream;
		stream = other;
	}
	while (stream->members) {
		struct update_group_member *member = stream->members;

		update_stream_take_member(member);
		update_stream_put_member(into, member);
	}
	stream_merge(&into->state, &stream->state, rib);
	update_stream_free(stream);
}
