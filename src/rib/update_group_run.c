/*
 * Encoding: the streams that are due get their turns, one batch each, one after the other.
 *
 * A batch is small, so that planning and encoding it, and handing it to a thousand members, take
 * about a millisecond at most: it ends with so many prefixes, bytes of attributes, or buffers to
 * hand over, or when the loop's time is over.  What is pending is only what has to be; packing is
 * as good as if it were encoded at once, for routes of equal attributes come one after the other.
 *
 * A stream may encode while at least one member waits for bytes; members that lag far behind
 * meanwhile are moved to a stream of their own.  Their queues hold what was encoded before, so
 * order is kept: first the queue, then what has changed since.
 *
 * Queues are counted in bytes of shared buffers: twenty members that lag by the same megabyte
 * share that megabyte.
 *
 * A session that fails while it is sent to may leave in the middle of a run.  Members that leave
 * then, and streams that lose their last one, are taken out at once and freed after the run.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "bgp/message.h"
#include "rib/group_state.h"

/* What ends a batch: prefixes, ... */
#define BATCH_PREFIXES 8192
/* ... bytes of attributes, for routes may have thousands each, ... */
#define BATCH_ATTRIBUTES (256u * 1024)
/* ... and buffers handed to members, where each audience has buffers of its own. */
#define BATCH_HANDED 4096
/* Prefixes that are planned between two looks at the clock, at most. */
#define PLANNED_AT_ONCE 64
/* A stream encodes while some member has less than this queued. */
#define QUEUE_LOW (256u * 1024)
/* A member with more than this queued leaves a stream that goes on. */
#define QUEUE_HIGH (4u * 1024 * 1024)

static struct update_group_member *member_of_peer(const struct update_groups *groups, uint16_t peer)
{
	return peer < groups->member_capacity ? groups->members[peer] : NULL;
}

/* Who lags far behind goes to a stream that stands where this one stands, all of them to one. */
static void part_with_laggards(struct update_stream *stream)
{
	struct update_stream *apart = NULL;

	for (struct update_group_member *member = stream->members, *next; member; member = next) {
		next = member->next;
		if (member->ops.queued(member->arg) <= QUEUE_HIGH)
			continue;
		if (!apart)
			apart = update_stream_copy(stream, stream->group);
		update_stream_take_member(member);
		update_stream_put_member(apart, member);
	}
}

/* True if the stream has a member that waits for bytes. */
static bool is_awaited(const struct update_stream *stream)
{
	for (const struct update_group_member *member = stream->members; member;
	     member = member->next)
		if (member->ops.queued(member->arg) < QUEUE_LOW)
			return true;
	return false;
}

/* Hands a buffer to the members of the stream that are meant.  Any of them may leave meanwhile. */
static void send_to_audience(
    void *arg, struct shared_buffer *buffer, struct update_audience audience)
{
	struct update_stream *stream = arg;
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

static enum stream_membership membership_of(void *arg, uint16_t peer)
{
	const struct update_stream *stream = arg;
	const struct update_group_member *member = member_of_peer(stream->group->groups, peer);

	if (!member || member->stream != stream)
		return STREAM_NOT_MEMBER;
	return stream->members == member && !member->next ? STREAM_ONLY_MEMBER : STREAM_MEMBER;
}

static bool is_full(const struct update_stream *stream, const struct update_batch *batch)
{
	return batch->item_count >= BATCH_PREFIXES || batch->attribute_bytes >= BATCH_ATTRIBUTES ||
	       batch->audience_changes * stream->member_count >= BATCH_HANDED;
}

/* Each prefix may have an audience of its own, and so be a buffer for every member. */
static size_t planned_at_once(const struct update_stream *stream)
{
	const size_t fit = BATCH_HANDED / (stream->member_count + 1);

	if (fit < 1)
		return 1;
	return fit < PLANNED_AT_ONCE ? fit : PLANNED_AT_ONCE;
}

/* Plans until the batch is full, nothing is left, or the time is over. */
static void plan_batch(struct update_stream *stream, enum ip_family family)
{
	struct update_groups *groups = stream->group->groups;
	struct export_cache cache = {.set = NULL};
	const struct stream_context context = {groups->rib, &stream->group->key, family,
	    membership_of, stream, &cache, &groups->selection, &groups->batch};
	struct stream_comparison comparison = {.buffers = NULL};
	uint32_t ids[PLANNED_AT_ONCE];

	do {
		size_t count = stream_take(
		    &stream->state, &context, &comparison, ids, planned_at_once(stream));

		for (size_t i = 0; i < count; i++)
			stream_plan(&stream->state, &context, ids[i]);
	} while (stream_has_more(&stream->state.families[family]) &&
		 !is_full(stream, &groups->batch) && !loop_should_yield(groups->loop));
	stream_comparison_free(&comparison);
}

static void encode_batch(struct update_stream *stream, enum ip_family family)
{
	struct update_groups *groups = stream->group->groups;

	plan_batch(stream, family);
	update_batch_encode(
	    &groups->batch, groups->rib, &stream->group->key, family, send_to_audience, stream);
	update_groups_look_for_unheld(groups);
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

/* A batch, and what comes before the first and after the last one. */
static void run_family(struct update_stream *stream, enum ip_family family)
{
	const struct stream_family *state = &stream->state.families[family];

	if (state->begin_mark_due)
		send_mark(stream, family, BGP_REFRESH_BEGIN);
	if (stream_has_more(state))
		encode_batch(stream, family);
	if (stream_has_more(state))
		return;
	if (state->end_of_rib_due)
		send_end_of_rib(stream, family);
	if (state->end_mark_due)
		send_mark(stream, family, BGP_REFRESH_END);
	stream_begin_due_refresh(&stream->state, family);
}

/* The first family that has something to send gets one batch; false if there is no more for now. */
static bool send_some(struct update_stream *stream)
{
	enum ip_family family = 0;

	if (stream->copies || stream_is_idle(&stream->state) || !is_awaited(stream))
		return false;
	part_with_laggards(stream);
	if (stream->copies)
		return false;
	stream->fresh = false;
	while (stream_family_is_idle(&stream->state.families[family]))
		family++;
	run_family(stream, family);
	return !stream_is_idle(&stream->state);
}

/*
 * A stream that others copy from waits until they have: the last one of them puts it into the list
 * again.  What was pending may be no news any more, so one can be idle that has sent nothing.
 */
static void run_stream(struct update_stream *stream)
{
	if (stream->copied_from) {
		update_stream_go_on_copying(stream);
		update_stream_schedule(stream);
		return;
	}
	if (send_some(stream)) {
		update_stream_schedule(stream);
		return;
	}
	for (const struct update_group_member *member = stream->members; member;
	     member = member->next)
		update_group_member_push(member);
	if (!stream->copies && stream_is_idle(&stream->state))
		update_stream_merge(stream);
}

/* A stream that its last member has left, and that nobody copies from; or NULL. */
static struct update_stream *find_left(const struct update_groups *groups)
{
	for (struct update_group *group = groups->groups; group; group = group->next)
		for (struct update_stream *stream = group->streams; stream; stream = stream->next)
			if (!stream->members && !stream->copies)
				return stream;
	return NULL;
}

/* Frees what was taken out during a run. */
static void free_left(struct update_groups *groups)
{
	struct update_stream *stream;

	while (groups->left) {
		struct update_group_member *member = groups->left;

		groups->left = member->next_left;
		free(member);
	}
	while ((stream = find_left(groups)))
		update_stream_free(stream);
}

static void make_up_for_merges(struct update_groups *groups)
{
	if (!groups->merge_put_off || rib_is_sweeping(groups->rib))
		return;
	groups->merge_put_off = false;
	update_groups_schedule_all(groups);
}

bool update_groups_encode(struct update_groups *groups)
{
	struct update_stream *stream;
	bool more;

	rib_tell_listeners(groups->rib);
	make_up_for_merges(groups);
	groups->generation++;
	groups->running = true;
	do {
		stream = update_groups_take_due(groups);
		if (stream)
			run_stream(stream);
		more = update_groups_release_unheld(groups);
		more |= update_groups_release_remains(groups) || groups->first_due;
	} while (more && !loop_should_yield(groups->loop));
	groups->running = false;
	if (groups->left)
		free_left(groups);
	return !more;
}
