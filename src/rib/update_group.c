/*
 * Groups, streams and their members; see the header for what they are.
 *
 * One run encodes a bounded number of prefixes, going round the streams, and asks for another turn
 * if more can go out.  A stream may encode while at least one member waits for bytes; a member
 * that lags far behind meanwhile is moved to a stream of its own.  Its queue holds what was
 * encoded before, so order is kept: first the queue, then what has changed since.
 *
 * Queues are counted in bytes of shared buffers: twenty members that lag by the same megabyte
 * share that megabyte.
 *
 * Whatever reads the table for a stream (a run, a join, a move) first has the RIB tell of its
 * changes, so that every difference between what the table holds and what a stream was planned with
 * is pending.  On this rests that idle streams are equal, and that a change which is taken back
 * before it is told is no change.
 *
 * A session that fails while it is sent to may leave in the middle of a run.  Members that leave
 * then, and streams that lose their last one, are taken out at once and freed after the run.
 */
#include "rib/update_group.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/message.h"
#include "rib/group_state.h"

/* Prefixes encoded per turn of the loop: a few milliseconds. */
#define RUN_BUDGET 16384
/* A run ends early with so many bytes of attributes: routes may have thousands each. */
#define RUN_ATTRIBUTES (1024u * 1024)
/* A stream encodes while some member has less than this queued. */
#define QUEUE_LOW (256u * 1024)
/* A member with more than this queued leaves a stream that goes on. */
#define QUEUE_HIGH (4u * 1024 * 1024)

static struct update_group_member *member_of_peer(const struct update_groups *groups, uint16_t peer)
{
	return peer < groups->member_capacity ? groups->members[peer] : NULL;
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

static struct update_group *find_group(struct update_groups *groups, const struct export_key *key)
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

static struct update_stream *add_stream(struct update_group *group)
{
	struct update_stream *stream = memory_allocate_zero(1, sizeof(*stream));

	stream->group = group;
	stream->next = group->streams;
	group->streams = stream;
	return stream;
}

/* Frees the stream, which has no members, and its group with the last stream. */
static void free_stream(struct update_stream *stream)
{
	struct update_group *group = stream->group;
	struct update_stream **at = &group->streams;

	while (*at != stream)
		at = &(*at)->next;
	*at = stream->next;
	stream_release(&stream->state, group->groups->rib);
	free(stream);
	if (!group->streams)
		free_group(group);
}

static void link_member(struct update_stream *stream, struct update_group_member *member)
{
	member->stream = stream;
	member->next = stream->members;
	stream->members = member;
}

static void unlink_member(struct update_group_member *member)
{
	struct update_group_member **at = &member->stream->members;

	while (*at != member)
		at = &(*at)->next;
	*at = member->next;
}

/* The member in a stream of its own that stands where its old one stands. */
static void split_member(struct update_group_member *member)
{
	struct update_stream *old = member->stream;
	struct update_stream *stream;

	if (old->members == member && !member->next)
		return;
	stream = add_stream(old->group);
	stream->fresh = old->fresh;
	stream_copy(&stream->state, &old->state, old->group->groups->rib);
	unlink_member(member);
	link_member(stream, member);
}

/* Splits off who lags far behind; true if the stream has a member that waits for bytes. */
static bool prepare_stream(struct update_stream *stream)
{
	bool waiting = false;

	for (struct update_group_member *member = stream->members; member && !waiting;
	     member = member->next)
		waiting = member->ops.queued(member->arg) < QUEUE_LOW;
	if (!waiting)
		return false;
	for (struct update_group_member *member = stream->members, *next; member; member = next) {
		next = member->next;
		if (member->ops.queued(member->arg) > QUEUE_HIGH)
			split_member(member);
	}
	return true;
}

/* Hands a buffer to the members of the stream that are meant.  Any of them may leave meanwhile. */
static void send_to_audience(
    struct update_stream *stream, struct shared_buffer *buffer, struct update_audience audience)
{
	struct update_group_member *member = stream->members;

	if (audience.only) {
		member = member_of_peer(stream->group->groups, audience.only);
		if (member && member->stream == stream)
			member->ops.send(member->arg, buffer);
	} else {
		for (; member; member = member->next)
			if (member->peer != audience.except && !member->left)
				member->ops.send(member->arg, buffer);
	}
	shared_buffer_release(buffer);
}

/* What the callbacks of an encoding get. */
struct encoding {
	struct update_stream *stream;
	enum ip_family family;
};

static enum stream_membership membership_of(void *arg, uint16_t peer)
{
	const struct update_stream *stream = arg;
	const struct update_group_member *member = member_of_peer(stream->group->groups, peer);

	if (!member || member->stream != stream)
		return STREAM_NOT_MEMBER;
	return stream->members == member && !member->next ? STREAM_ONLY_MEMBER : STREAM_MEMBER;
}

static void emit_buffer(void *arg, struct shared_buffer *buffer, struct update_audience audience)
{
	const struct encoding *encoding = arg;

	send_to_audience(encoding->stream, buffer, audience);
}

static void forget_unsendable(void *arg, uint32_t id, uint16_t path_id)
{
	const struct encoding *encoding = arg;

	stream_forget(&encoding->stream->state, encoding->stream->group->groups->rib,
	    encoding->family, id, path_id);
}

/*
 * Encodes up to `budget` pending prefixes of the family, or paths of them; returns how many, and the
 * whole budget if it stopped for the bytes.
 */
static size_t encode_family(struct update_stream *stream, enum ip_family family, size_t budget)
{
	struct update_groups *groups = stream->group->groups;
	struct encoding encoding = {stream, family};
	struct export_cache cache = {.set = NULL};
	const struct stream_context context = {groups->rib, &stream->group->key, family,
	    membership_of, stream, &cache, &groups->selection, &groups->batch};
	size_t pending = stream->state.families[family].pending_count;
	size_t limit = pending < budget ? pending : budget;
	uint32_t *taken = memory_allocate(limit * sizeof(*taken));
	size_t count, paths;
	bool full = false;

	for (count = 0; count < limit && groups->batch.item_count < budget && !full; count++) {
		taken[count] = stream_take(&stream->state, family);
		stream_plan(&stream->state, &context, taken[count]);
		full = groups->batch.attribute_bytes >= RUN_ATTRIBUTES;
	}
	paths = groups->batch.item_count;
	update_batch_encode(&groups->batch, groups->rib, &stream->group->key, family, emit_buffer,
	    forget_unsendable, &encoding);
	for (size_t i = 0; i < count; i++)
		rib_release_prefix(groups->rib, family, taken[i]);
	free(taken);
	if (full || paths > budget)
		return budget;
	return paths > count ? paths : count;
}

/* A message of its own for all members. */
static void send_message(
    struct update_stream *stream, struct shared_buffer *buffer, const struct wire_writer *writer)
{
	buffer->length = wire_written(writer);
	buffer->messages = 1;
	send_to_audience(stream, buffer, (struct update_audience){0});
}

static void send_end_of_rib(struct update_stream *stream, enum ip_family family)
{
	struct shared_buffer *buffer = shared_buffer_new(64);
	struct wire_writer writer = wire_writer_init(buffer->bytes, buffer->capacity);

	stream->state.families[family].end_of_rib_due = false;
	bgp_end_of_rib_encode(&writer, family);
	send_message(stream, buffer, &writer);
}

static void send_mark(struct update_stream *stream, enum ip_family family, enum bgp_refresh kind)
{
	struct stream_family *state = &stream->state.families[family];
	struct shared_buffer *buffer = shared_buffer_new(64);
	struct wire_writer writer = wire_writer_init(buffer->bytes, buffer->capacity);

	if (kind == BGP_REFRESH_BEGIN)
		state->begin_mark_due = false;
	else
		state->end_mark_due = false;
	bgp_route_refresh_encode(&writer, family, kind);
	send_message(stream, buffer, &writer);
}

/* Sends what ends what was pending; true if it begins anew, for a refresh that was asked for. */
static bool end_family(struct update_stream *stream, enum ip_family family)
{
	const struct stream_family *state = &stream->state.families[family];

	if (state->end_of_rib_due)
		send_end_of_rib(stream, family);
	if (state->end_mark_due)
		send_mark(stream, family, BGP_REFRESH_END);
	return stream_begin_due_refresh(&stream->state, stream->group->groups->rib, family);
}

/* Returns how many prefixes it encoded. */
static size_t run_family(struct update_stream *stream, enum ip_family family, size_t budget)
{
	const struct stream_family *state = &stream->state.families[family];
	size_t count = 0;

	do {
		if (state->begin_mark_due)
			send_mark(stream, family, BGP_REFRESH_BEGIN);
		if (count < budget && state->pending_count)
			count += encode_family(stream, family, budget - count);
	} while (!state->pending_count && end_family(stream, family));
	return count;
}

/* Returns how many prefixes it encoded; 0: it has nothing to send, or nobody takes it. */
static size_t run_stream(struct update_stream *stream, size_t budget)
{
	size_t count = 0;

	if (stream_is_idle(&stream->state) || !prepare_stream(stream))
		return 0;
	stream->fresh = false;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		if (stream->group->key.codec.families[family])
			count += run_family(stream, family, budget - count);
	return count;
}

/*
 * Streams of the group that have caught up become one.  Several paths are ranked by what next hops
 * cost now, the best path is by what they cost when the sweep came by: until it has come by
 * everywhere, two streams may have ranked the same paths differently.
 */
static void merge_streams(struct update_group *group)
{
	struct update_stream *idle = NULL;

	if (update_group_has_add_path(group) && rib_is_sweeping(group->groups->rib))
		return;
	for (struct update_stream *stream = group->streams, *next; stream; stream = next) {
		next = stream->next;
		if (!stream_is_idle(&stream->state))
			continue;
		if (!idle) {
			idle = stream;
			continue;
		}
		while (stream->members) {
			struct update_group_member *member = stream->members;

			unlink_member(member);
			link_member(idle, member);
		}
		stream_merge(&idle->state, &stream->state, group->groups->rib);
		free_stream(stream);
	}
}

/* Who has used up the budget comes last in the next round: nobody waits for one that asks for all. */
static void put_last(struct update_stream *stream)
{
	struct update_group *group = stream->group;
	struct update_group **group_at = &group->groups->groups;
	struct update_stream **at = &group->streams;

	while (*at != stream)
		at = &(*at)->next;
	*at = stream->next;
	while (*at)
		at = &(*at)->next;
	*at = stream;
	stream->next = NULL;
	while (*group_at != group)
		group_at = &(*group_at)->next;
	*group_at = group->next;
	while (*group_at)
		group_at = &(*group_at)->next;
	*group_at = group;
	group->next = NULL;
}

/* Returns what is left of the budget. */
static size_t run_streams(struct update_group *group, size_t budget)
{
	for (struct update_stream *stream = group->streams; stream; stream = stream->next) {
		budget -= run_stream(stream, budget);
		if (!budget) {
			put_last(stream);
			break;
		}
	}
	if (group->streams && group->streams->next)
		merge_streams(group);
	return budget;
}

/* One round over all streams; returns what is left of the budget. */
static size_t run_round(struct update_groups *groups, size_t budget)
{
	for (struct update_group *group = groups->groups, *next; group && budget; group = next) {
		next = group->next;
		budget = run_streams(group, budget);
	}
	return budget;
}

/* Frees what was taken out during a run. */
static void free_left(struct update_groups *groups)
{
	while (groups->left) {
		struct update_group_member *member = groups->left;

		groups->left = member->next_left;
		free(member);
	}
	for (struct update_group *group = groups->groups, *after; group; group = after) {
		after = group->next;
		for (struct update_stream *stream = group->streams, *next; stream; stream = next) {
			next = stream->next;
			if (!stream->members)
				free_stream(stream);
		}
	}
}

/* Rounds until one does not use up its budget, at most `limit`; false if there may be more. */
static bool run(struct update_groups *groups, size_t limit)
{
	size_t left = 0;

	if (groups->running)
		return true;
	rib_tell_listeners(groups->rib);
	groups->generation++;
	groups->running = true;
	for (size_t i = 0; i < limit && !left; i++)
		left = run_round(groups, RUN_BUDGET);
	groups->running = false;
	if (groups->left)
		free_left(groups);
	return left > 0;
}

static void run_task(void *arg)
{
	struct update_groups *groups = arg;

	if (!run(groups, 1))
		update_groups_schedule(groups);
}

void update_groups_run(struct update_groups *groups)
{
	run(groups, SIZE_MAX);
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
	if (groups->loop)
		loop_task_cancel(groups->loop, &groups->task);
	rib_remove_listener(groups->rib, &groups->listener);
	update_batch_free(&groups->batch);
	path_selection_free(&groups->selection);
	free(groups->members);
	free(groups);
}

/* A stream that has sent nothing yet, with everything pending. */
static struct update_stream *find_fresh_stream(struct update_group *group)
{
	struct update_stream *stream;

	for (stream = group->streams; stream; stream = stream->next)
		if (stream->fresh)
			return stream;
	rib_tell_listeners(group->groups->rib);
	stream = add_stream(group);
	stream->fresh = true;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		if (!group->key.codec.families[family])
			continue;
		stream_mark_all(&stream->state, group->groups->rib, family);
		stream->state.families[family].end_of_rib_due = true;
	}
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
	link_member(find_fresh_stream(find_group(groups, key)), member);
	update_groups_schedule(groups);
	return member;
}

void update_group_leave(struct update_group_member *member)
{
	struct update_stream *stream = member->stream;
	struct update_groups *groups = stream->group->groups;

	groups->generation++;
	set_member_of_peer(groups, member->peer, NULL);
	unlink_member(member);
	if (groups->running) {
		member->left = true;
		member->next_left = groups->left;
		groups->left = member;
		return;
	}
	free(member);
	if (!stream->members)
		free_stream(stream);
}

void update_group_resume(struct update_group_member *member)
{
	if (!stream_is_idle(&member->stream->state))
		update_groups_schedule(member->stream->group->groups);
}

void update_group_refresh(struct update_group_member *member, enum ip_family family, bool marked)
{
	struct update_groups *groups = member->stream->group->groups;

	if (!member->stream->group->key.codec.families[family])
		return;
	groups->generation++;
	split_member(member);
	if (marked) {
		member->stream->fresh = false; /* the marks are for this one alone */
		stream_begin_refresh(&member->stream->state, groups->rib, family);
	} else {
		stream_mark_all(&member->stream->state, groups->rib, family);
	}
	update_groups_schedule(groups);
}

/*
 * A stream of the group with the state of the old one and what the keys differ in pending.  After a
 * reload all members of a stream move one after the other, and the table is compared once.
 */
static struct update_stream *make_moved_stream(
    struct update_group *group, const struct update_stream *old)
{
	struct update_groups *groups = group->groups;
	struct update_stream *stream;

	for (stream = group->streams; stream; stream = stream->next)
		if (stream->moved_from == old && stream->moved_at == groups->generation)
			return stream;
	rib_tell_listeners(groups->rib);
	stream = add_stream(group);
	stream->fresh = old->fresh;
	stream->moved_from = old;
	stream->moved_at = groups->generation;
	stream_copy(&stream->state, &old->state, groups->rib);
	stream_mark_differences(&stream->state, groups->rib, &old->group->key, &group->key);
	return stream;
}

void update_group_move(struct update_group_member *member, const struct export_key *key)
{
	struct update_stream *old = member->stream;
	struct update_groups *groups = old->group->groups;
	struct update_group *group = find_group(groups, key);
	struct update_stream *stream;

	if (group == old->group)
		return;
	stream = make_moved_stream(group, old);
	unlink_member(member);
	link_member(stream, member);
	if (!old->members) {
		groups->generation++; /* its address may be used again */
		free_stream(old);
	}
	update_groups_schedule(groups);
}

void update_groups_replace_filter(
    struct update_groups *groups, const struct policy_filter *old, const struct policy_filter *new)
{
	for (struct update_group *group = groups->groups; group; group = group->next)
		for (size_t i = 0; i < group->key.filter_count; i++)
			if (group->filters[i] == old)
				group->filters[i] = new;
}
