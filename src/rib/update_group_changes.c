/*
 * Which streams have something to send after a change of the table.  A group that sends the best
 * path of a prefix hears of best paths, one with add-path of every path.
 *
 * Bytes depend on the paths, and in one case on more: AIGP grows by what the way to the next hop
 * costs (RFC 7311 3.4), which may change while all paths stay.  Where paths are noted one by one,
 * in add-path streams, that is noted with them; the others are told of such a prefix here.
 */
#include "rib/group_state.h"

bool update_group_has_add_path(const struct update_group *group)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		if (group->key.codec.add_path_send[family])
			return true;
	return false;
}

/* Prefixes that are fetched from memory ahead. */
#define AHEAD 8

static bool listens(const struct update_group *group, enum ip_family family, bool add_path)
{
	return group->key.codec.families[family] &&
	       group->key.codec.add_path_send[family] == add_path;
}

/*
 * True if what the stream sends of the prefix may have changed.  It may always have if it went out
 * under another key before: in this turn, or so long as the scan has not come by.
 */
static bool is_concerned(
    const struct update_stream *stream, enum ip_family family, uint32_t id, uint64_t audiences)
{
	return stream->group->key.audiences & audiences ||
	       !rib_has_told(stream->group->groups->rib, stream->moved_before) ||
	       stream_scan_find(&stream->state.families[family].scan, id);
}

static void mark_prefix(
    struct update_groups *groups, enum ip_family family, uint32_t id, bool add_path)
{
	const struct rib_prefix *prefix = rib_prefix_at(groups->rib, family, id);
	const uint64_t audiences = rib_changed_audiences(groups->rib, family, id);
	bool exists = prefix && rib_best_path(prefix);
	/* With add-path it is known of each path what was sent. */
	bool everybody = !exists || add_path || audiences == UINT64_MAX;
	bool pending = false;

	for (struct update_group *group = groups->groups; group; group = group->next)
		if (listens(group, family, add_path))
			for (struct update_stream *stream = group->streams; stream;
			     stream = stream->next)
				if (everybody || is_concerned(stream, family, id, audiences))
					pending |= stream_mark(&stream->state, family, id, exists);
	if (pending && !exists)
		update_groups_hold_prefix(groups, family, id);
}

static void mark_changed(
    struct update_groups *groups, const struct rib_change *change, bool add_path)
{
	for (size_t i = 0; i < change->count; i++) {
		if (i + AHEAD < change->count)
			rib_prefetch_prefix(groups->rib, change->family, change->ids[i + AHEAD]);
		mark_prefix(groups, change->family, change->ids[i], add_path);
	}
	for (struct update_group *group = groups->groups; group; group = group->next)
		if (listens(group, change->family, add_path))
			update_group_schedule(group);
	update_groups_look_for_unheld(groups);
}

static void prefixes_changed(void *arg, const struct rib_change *change)
{
	mark_changed(arg, change, false);
}

static void paths_changed(void *arg, const struct rib_change *change)
{
	mark_changed(arg, change, true);
}

/* True if what these neighbours are sent of the prefix says what the way to its next hop costs. */
static bool sends_cost(const struct update_group *group, enum ip_family family, uint32_t id)
{
	const struct rib *rib = group->groups->rib;
	const struct rib_prefix *prefix = rib_prefix_at(rib, family, id);
	struct export_cache cache = {.set = NULL};
	struct export_route route;

	return prefix && export_select(rib, &group->key, family, prefix, &cache, &route) &&
	       export_added_cost(rib, &group->key, family, &route);
}

/* A prefix with a best path. */
static void mark(const struct update_group *group, enum ip_family family, uint32_t id)
{
	for (struct update_stream *stream = group->streams; stream; stream = stream->next)
		stream_mark(&stream->state, family, id, true);
}

/*
 * One that all have left stays while others copy from its stream; it is asked nothing any more, as
 * the filters of its key go with the configuration that they are of.
 */
static bool has_members(const struct update_group *group)
{
	const struct update_stream *stream = group->streams;

	while (stream && !stream->members)
		stream = stream->next;
	return stream;
}

static void costs_changed(void *arg, const struct rib_change *change)
{
	struct update_groups *groups = arg;

	for (struct update_group *group = groups->groups; group; group = group->next) {
		if (!group->key.aigp || !group->key.codec.families[change->family] ||
		    group->key.codec.add_path_send[change->family] || !has_members(group))
			continue;
		for (size_t i = 0; i < change->count; i++)
			if (sends_cost(group, change->family, change->ids[i]))
				mark(group, change->family, change->ids[i]);
		update_group_schedule(group);
	}
}

void update_groups_listen(struct update_groups *groups)
{
	groups->listener = (struct rib_listener){
	    .changed = prefixes_changed, .shrunk = update_groups_shrink, .arg = groups};
	groups->path_listener =
	    (struct rib_listener){.changed = paths_changed, .arg = groups, .every_path = true};
	groups->cost_listener =
	    (struct rib_listener){.changed = costs_changed, .arg = groups, .aigp_costs = true};
	rib_add_listener(groups->rib, &groups->listener);
}

void update_group_watch(const struct update_group *group)
{
	struct update_groups *groups = group->groups;

	if (update_group_has_add_path(group) && !groups->add_path_groups++)
		rib_add_listener(groups->rib, &groups->path_listener);
	if (group->key.aigp && !groups->aigp_groups++)
		rib_add_listener(groups->rib, &groups->cost_listener);
}

void update_group_unwatch(const struct update_group *group)
{
	struct update_groups *groups = group->groups;

	if (update_group_has_add_path(group) && !--groups->add_path_groups)
		rib_remove_listener(groups->rib, &groups->path_listener);
	if (group->key.aigp && !--groups->aigp_groups)
		rib_remove_listener(groups->rib, &groups->cost_listener);
}
