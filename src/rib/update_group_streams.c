/*
 * Groups, their streams, and who is in which.
 *
 * A stream with nothing pending has advertised what the table exports, so two such streams of a
 * group are one.  Of the two, the one that has spared more prefixes stays, and takes over fewer.
 *
 * What a stream has been sent path by path (add-path) is copied and released in slices.  Until all
 * is copied neither stream plans anything, so that both still stand at the same place; what changes
 * meanwhile is pending as ever.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "rib/group_state.h"

/* Prefixes whose paths are copied or released between two looks at the clock. */
#define COPIED_AT_ONCE 128

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

const struct stream_paths *update_stream_sent_paths(
    const struct update_stream *stream, enum ip_family family)
{
	while (stream->copied_from)
		stream = stream->copied_from;
	return &stream->state.families[family].paths;
}

static bool has_sent_paths(const struct update_stream *stream)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		if (update_stream_sent_paths(stream, family)->count)
			return true;
	return false;
}

struct update_stream *update_stream_copy(struct update_stream *stream, struct update_group *group)
{
	struct update_stream *copy = update_stream_add(group);

	copy->fresh = stream->fresh;
	copy->moved_before = stream->moved_before;
	stream_copy(&copy->state, &stream->state);
	if (has_sent_paths(stream)) {
		copy->copied_from = stream;
		stream->copies++;
		update_stream_schedule(copy);
	}
	return copy;
}

/* The other one goes on, or goes, if it only waited for this. */
static void end_copying(struct update_stream *stream)
{
	struct update_stream *from = stream->copied_from;

	stream->copied_from = NULL;
	if (!from || --from->copies)
		return;
	if (from->members)
		update_stream_schedule(from);
	else
		update_stream_free(from);
}

void update_stream_go_on_copying(struct update_stream *stream)
{
	const struct update_stream *from = stream->copied_from;

	if (from->copied_from)
		return;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		const struct stream_paths *paths = &from->state.families[family].paths;
		uint32_t at = stream->copied_to[family];

		if (at >= paths->first_capacity)
			continue;
		stream->copied_to[family] = at + COPIED_AT_ONCE;
		stream_paths_copy(
		    &stream->state.families[family].paths, paths, at, at + COPIED_AT_ONCE);
		return;
	}
	end_copying(stream);
}

void update_stream_relocate(struct update_stream *stream, struct update_group *group)
{
	take_from_group(stream);
	put_into_group(stream, group);
}

bool update_groups_release_remains(struct update_groups *groups)
{
	struct stream_remains *remains = groups->remains;

	if (remains && !stream_paths_release_some(&remains->paths, groups->rib, COPIED_AT_ONCE)) {
		groups->remains = remains->next;
		free(remains);
	}
	return groups->remains;
}

static void leave_paths(struct update_groups *groups, const struct stream_paths *paths)
{
	struct stream_remains *remains = memory_allocate(sizeof(*remains));

	*remains = (struct stream_remains){*paths, groups->remains};
	groups->remains = remains;
	if (groups->loop)
		loop_task_schedule(groups->loop, &groups->task);
	else
		while (update_groups_release_remains(groups))
			;
}

void update_stream_free(struct update_stream *stream)
{
	struct update_groups *groups = stream->group->groups;

	if (stream->copies)
		return;
	end_copying(stream);
	update_stream_unschedule(stream);
	take_from_group(stream);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		if (stream->state.families[family].paths.first_capacity)
			leave_paths(groups, &stream->state.families[family].paths);
	stream_release(&stream->state);
	free(stream);
	update_groups_look_for_unheld(groups);
}

void update_group_member_push(const struct update_group_member *member)
{
	if (member->ops.push)
		member->ops.push(member->arg);
}

void update_stream_put_member(struct update_stream *stream, struct update_group_member *member)
{
	member->stream = stream;
	member->next = stream->members;
	stream->members = member;
	stream->member_count++;
	update_group_member_push(member); /* the stream may have nothing to send */
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

	while (stream && (stream == except || stream->copies || !update_stream_is_idle(stream)))
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
	struct update_groups *groups = stream->group->groups;
	struct update_stream *into = find_idle(stream);

	if (!into)
		return;
	if (update_group_has_add_path(stream->group) && rib_is_sweeping(groups->rib)) {
		groups->merge_put_off = true;
		return;
	}
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
	stream_merge(&into->state, &stream->state);
	update_stream_free(stream);
}
