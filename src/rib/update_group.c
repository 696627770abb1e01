/*
 * What the speaker calls: members that come, ask again, move to another group, and leave; see the
 * header for what groups and streams are.  None of it touches the table.  What it makes necessary
 * is noted as ids that are still to be looked at, and the runs look (update_group_run.c).
 *
 * A run first has the RIB tell of its changes, so that every difference between what the table
 * holds and what a stream was planned with is pending, or waits for the scan.  On this rests that
 * idle streams are equal, and that a change which is taken back before it is told is no change.
 */
#include "rib/update_group.h"

#include <stdlib.h>

#include "base/memory.h"
#include "rib/group_state.h"

/* How long changes may wait for those of other neighbours. */
#define GATHER_MS 20

/*
 * Several neighbours that send the same prefixes at the same time change a best path several times
 * within one round of reading.  What is sent waits for the end of the round, but not for long.
 */
static bool is_gathering(struct update_groups *groups)
{
	uint64_t now;

	if (!loop_has_more_ready(groups->loop)) {
		groups->gathers_since = 0;
		return false;
	}
	now = loop_now(groups->loop);
	if (!groups->gathers_since)
		groups->gathers_since = now;
	if (now - groups->gathers_since < GATHER_MS)
		return true;
	groups->gathers_since = 0;
	return false;
}

static void run_task(void *arg)
{
	struct update_groups *groups = arg;

	loop_name_work(groups->loop, "updates for neighbours");
	if (is_gathering(groups)) {
		loop_task_schedule(groups->loop, &groups->task);
		return;
	}
	if (!update_groups_encode(groups) || groups->merge_put_off)
		loop_task_schedule(groups->loop, &groups->task);
}

void update_groups_run(struct update_groups *groups)
{
	if (groups->running)
		return;
	update_groups_schedule_all(groups); /* members may take more without having said so */
	while (!update_groups_encode(groups))
		;
}

struct update_groups *update_groups_new(struct rib *rib, struct loop *loop)
{
	struct update_groups *groups = memory_allocate_zero(1, sizeof(*groups));

	groups->rib = rib;
	groups->loop = loop;
	loop_task_init(&groups->task, run_task, groups);
	update_groups_listen(groups);
	return groups;
}

void update_groups_free(struct update_groups *groups)
{
	update_groups_release_held(groups);
	while (update_groups_release_remains(groups))
		;
	if (groups->loop)
		loop_task_cancel(groups->loop, &groups->task);
	rib_remove_listener(groups->rib, &groups->listener);
	update_batch_free(&groups->batch);
	path_selection_free(&groups->selection);
	free(groups->members);
	free(groups);
}

static void set_member_of_peer(
    struct update_groups *groups, uint16_t peer, struct update_group_member *member)
{
	size_t old = groups->member_capacity;

	if (peer >= old) {
		groups->members = memory_grow(groups->members, &groups->member_capacity, peer + 1u,
		    sizeof(struct update_group_member *));
		for (size_t i = old; i < groups->member_capacity; i++)
			groups->members[i] = NULL;
	}
	groups->members[peer] = member;
}

/* A stream that has sent nothing yet and has everything to send. */
static struct update_stream *find_fresh_stream(struct update_group *group)
{
	struct update_stream *stream;

	for (stream = group->streams; stream; stream = stream->next)
		if (stream->fresh)
			return stream;
	stream = update_stream_add(group);
	stream->fresh = true;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		if (!group->key.codec.families[family])
			continue;
		stream_send_all(&stream->state, family);
		stream->state.families[family].end_of_rib_due = true;
	}
	update_stream_schedule(stream);
	return stream;
}

struct update_group_member *update_group_join(struct update_groups *groups,
    const struct export_key *key, const struct rib_peer *source,
    const struct update_group_member_ops *ops, void *arg)
{
	struct update_group_member *member = memory_allocate_zero(1, sizeof(*member));

	groups->generation++;
	member->peer = source->index;
	member->ops = *ops;
	member->arg = arg;
	set_member_of_peer(groups, source->index, member);
	update_stream_put_member(find_fresh_stream(update_groups_find(groups, key)), member);
	return member;
}

void update_group_leave(struct update_group_member *member)
{
	struct update_stream *stream = member->stream;
	struct update_groups *groups = stream->group->groups;

	groups->generation++;
	set_member_of_peer(groups, member->peer, NULL);
	update_stream_take_member(member);
	if (groups->running) {
		member->left = true;
		member->next_left = groups->left;
		groups->left = member;
		return;
	}
	free(member);
	if (!stream->members)
		update_stream_free(stream);
}

void update_group_resume(struct update_group_member *member)
{
	update_stream_schedule(member->stream);
}

/* The member in a stream of its own that stands where its old one stands. */
static struct update_stream *split_member(struct update_group_member *member)
{
	struct update_stream *old = member->stream;
	struct update_stream *stream;

	if (old->member_count == 1)
		return old;
	stream = update_stream_copy(old, old->group);
	update_stream_take_member(member);
	update_stream_put_member(stream, member);
	return stream;
}

void update_group_refresh(struct update_group_member *member, enum ip_family family, bool marked)
{
	struct update_stream *stream;

	if (!member->stream->group->key.codec.families[family])
		return;
	member->stream->group->groups->generation++;
	stream = split_member(member);
	if (marked) {
		stream->fresh = false; /* the marks are for this one alone */
		stream_begin_refresh(&stream->state, family);
	} else {
		stream_send_all(&stream->state, family);
	}
	update_stream_schedule(stream);
}

static struct update_stream *find_moved_stream(
    const struct update_group *group, const struct update_stream *old)
{
	struct update_stream *stream = group->streams;

	while (
	    stream && !(stream->moved_from == old && stream->moved_at == group->groups->generation))
		stream = stream->next;
	return stream;
}

/*
 * A stream of the group with the state of the old one: that one itself, if the member is alone in
 * it.  What is sent otherwise under the group's key is still to be found out.
 */
static struct update_stream *move_stream(struct update_group *group, struct update_stream *old)
{
	struct update_groups *groups = group->groups;
	struct export_key_copy *key = export_key_copy_new(&old->group->key);
	struct update_stream *stream = old;

	if (old->member_count > 1) {
		stream = update_stream_copy(old, group);
		stream->moved_from = old;
		stream->moved_at = groups->generation;
	} else {
		groups->generation++; /* it does not stand any more where others moved from it */
		update_stream_relocate(old, group);
	}
	stream->moved_before = rib_next_telling(groups->rib);
	stream_change_key(&stream->state, key, &group->key);
	export_key_copy_release(key);
	update_stream_schedule(stream);
	return stream;
}

/* After a reload all members of a stream move one after the other, and the table is compared once. */
void update_group_move(struct update_group_member *member, const struct export_key *key)
{
	struct update_stream *old = member->stream, *stream;
	struct update_groups *groups = old->group->groups;
	struct update_group *group;

	if (export_key_equal(&old->group->key, key))
		return;
	group = update_groups_find(groups, key);
	stream = find_moved_stream(group, old);
	if (!stream)
		stream = move_stream(group, old);
	if (stream == old)
		return;
	update_stream_take_member(member);
	update_stream_put_member(stream, member);
	if (!old->members) {
		groups->generation++; /* its address may be used again */
		update_stream_free(old);
	}
}

void update_groups_replace_filter(
    struct update_groups *groups, const struct policy_filter *old, const struct policy_filter *new)
{
	for (struct update_group *group = groups->groups; group; group = group->next)
		for (size_t i = 0; i < group->key.filter_count; i++)
			if (group->filters[i] == old)
				group->filters[i] = new;
}
