/*
 * Ids that stay for the streams.
 *
 * A prefix that has lost its best path may be given up by the table before it is withdrawn: its id
 * is held, once, for all streams.  Nobody counts them: what no stream waits for any more is found
 * by a walk over the bitmaps, 64 ids at a time, after streams have taken some.  So a prefix that
 * has a path costs no hold, and to copy or to free a stream with a million pending none either.
 */
#include "rib/group_state.h"

/* Words of the bitmap between two looks at the clock. */
#define WORDS_AT_ONCE 8

void update_groups_hold_prefix(struct update_groups *groups, enum ip_family family, uint32_t id)
{
	struct held_prefixes *held = &groups->held[family];

	if (bitmap_set(&held->ids, id)) {
		rib_hold_prefix(groups->rib, family, id);
		held->count++;
	}
}

void update_groups_look_for_unheld(struct update_groups *groups)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		if (!groups->held[family].count)
			continue;
		groups->held[family].looked_for = true;
		if (groups->loop)
			loop_task_schedule(groups->loop, &groups->task);
	}
}

/* Those of 64 ids for which no stream waits. */
static uint64_t find_unheld(
    const struct update_groups *groups, enum ip_family family, size_t word, uint64_t held)
{
	for (const struct update_group *group = groups->groups; group && held; group = group->next)
		for (const struct update_stream *stream = group->streams; stream && held;
		     stream = stream->next)
			held = stream_without_pending(&stream->state.families[family], word, held);
	return held;
}

static void release_unheld(struct update_groups *groups, enum ip_family family, size_t word)
{
	struct held_prefixes *held = &groups->held[family];
	uint64_t unheld = find_unheld(groups, family, word, held->ids.words[word]);
	uint32_t ids[64];
	size_t count = 0;

	held->ids.words[word] &= ~unheld;
	for (; unheld; unheld &= unheld - 1) {
		ids[count] = (uint32_t)(word * 64 + (size_t)__builtin_ctzll(unheld));
		rib_prefetch_prefix(groups->rib, family, ids[count++]);
	}
	for (size_t i = 0; i < count; i++)
		rib_release_prefix(groups->rib, family, ids[i]);
	held->count -= (uint32_t)count;
}

/* Returns false when the round is over and nothing was taken since it began. */
static bool release_some(struct update_groups *groups, enum ip_family family)
{
	struct held_prefixes *held = &groups->held[family];

	if (!held->left && held->looked_for) {
		held->looked_for = false;
		held->left = held->ids.capacity;
	}
	for (size_t i = 0; i < WORDS_AT_ONCE && held->left; i++) {
		held->at = held->at + 1 < held->ids.capacity ? held->at + 1 : 0;
		held->left--;
		if (held->ids.words[held->at])
			release_unheld(groups, family, held->at);
	}
	if (!held->count && held->ids.capacity) {
		bitmap_free(&held->ids);
		held->left = 0;
		held->looked_for = false;
	}
	return held->left || held->looked_for;
}

bool update_groups_release_unheld(struct update_groups *groups)
{
	bool more = false;

	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		more |= release_some(groups, family);
	return more;
}

void update_groups_release_held(struct update_groups *groups)
{
	update_groups_look_for_unheld(groups);
	while (update_groups_release_unheld(groups))
		;
}
