/*
 * Which streams are due: a list in the order in which they get their turns, so that a thousand
 * streams with nothing to send cost nothing, and one that has much to send is followed by all
 * others before it goes on.  A stream whose members take no more is not in it until one of them
 * does.
 *
 * One that has become idle has a turn too if its group has others, for it may be equal to one of
 * them now: what was pending may have been taken back, or the other one has caught up.
 */
#include "rib/group_state.h"

bool update_stream_is_idle(const struct update_stream *stream)
{
	return !stream->copied_from && stream_is_idle(&stream->state);
}

static bool is_alone(const struct update_stream *stream)
{
	return !stream->group->streams->next;
}

void update_stream_schedule(struct update_stream *stream)
{
	struct update_groups *groups = stream->group->groups;

	if (update_stream_is_idle(stream) && is_alone(stream))
		return;
	if (groups->loop)
		loop_task_schedule(groups->loop, &groups->task);
	if (stream->is_due)
		return;
	stream->is_due = true;
	stream->next_due = NULL;
	stream->previous_due = groups->last_due;
	if (groups->last_due)
		groups->last_due->next_due = stream;
	else
		groups->first_due = stream;
	groups->last_due = stream;
}

void update_group_schedule(const struct update_group *group)
{
	for (struct update_stream *stream = group->streams; stream; stream = stream->next)
		update_stream_schedule(stream);
}

void update_groups_schedule_all(struct update_groups *groups)
{
	for (struct update_group *group = groups->groups; group; group = group->next)
		update_group_schedule(group);
}

void update_stream_unschedule(struct update_stream *stream)
{
	struct update_groups *groups = stream->group->groups;

	if (!stream->is_due)
		return;
	stream->is_due = false;
	if (stream->next_due)
		stream->next_due->previous_due = stream->previous_due;
	else
		groups->last_due = stream->previous_due;
	if (stream->previous_due)
		stream->previous_due->next_due = stream->next_due;
	else
		groups->first_due = stream->next_due;
}

struct update_stream *update_groups_take_due(struct update_groups *groups)
{
	struct update_stream *stream = groups->first_due;

	if (stream)
		update_stream_unschedule(stream);
	return stream;
}
