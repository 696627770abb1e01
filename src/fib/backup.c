/*
 * What the kernel should have for a prefix in the second place: a route over the best path that
 * leads to none of the hops of the primary one, at the next worse metric.  When the kernel drops the
 * primary routes of a link that is lost, their backups forward in the same moment, however many
 * there are and before anybody has been told.
 *
 * Which path that is depends on the primary route that the kernel has, and not on the one that it
 * will have: each answer about a primary route has its backup looked at again.  While the kernel
 * has no primary route, the backup that is there may be what forwards: it stays as long as its path
 * does, until a primary one has been accepted.  A prefix whose primary route was never accepted
 * gets no backup.
 *
 * Paths over other next hops that resolve to the same gateway are left out too, and looked at again
 * when next hops move.
 */
#include "fib/fib_state.h"

#include <linux/rtnetlink.h>

#include "base/memory.h"

static bool leads_over(const struct hop_set *set, const struct kernel_hop *hop)
{
	size_t i;

	for (i = 0; i < set->hop_count; i++) {
		if (set->hops[i].interface == hop->interface &&
		    ip_address_equal(&set->hops[i].gateway, &hop->gateway))
			return true;
	}
	return false;
}

static bool is_member(const struct hop_set *set, const struct next_hop *next_hop)
{
	size_t i;

	for (i = 0; i < set->member_count; i++) {
		if (set->members[i].next_hop == next_hop)
			return true;
	}
	return false;
}

/*
 * The next hop of a path that can be used; else NULL.  The RIB may not have come by yet after the
 * next hop was lost.
 */
static struct next_hop *usable_next_hop(const struct rib_path *path)
{
	struct next_hop *next_hop = path->attributes->next_hop->tracker_data;

	return path->flags & RIB_PATH_USABLE && path->peer != RIB_PEER_LOCAL && next_hop &&
		       next_hop->resolution.reachable
		   ? next_hop
		   : NULL;
}

/* Collects the paths that lead elsewhere than the set; returns how many. */
static size_t collect_paths(struct fib *fib, const struct rib_prefix *prefix,
    const struct hop_set *set, struct fib_desired *desired)
{
	const enum ip_family family = prefix->prefix.family;
	const struct rib_path *path = rib_best_path(prefix);
	size_t count = 0;

	for (; path; path = rib_path_next(fib->rib, family, path)) {
		const struct next_hop *next_hop = usable_next_hop(path);

		if (!next_hop || is_member(set, next_hop))
			continue;
		if (leads_over(set, &next_hop->resolution.hop) ||
		    recursion_leads_to_itself(&prefix->prefix, &next_hop->resolution)) {
			desired->refused = true;
			continue;
		}
		fib->paths = memory_grow(
		    fib->paths, &fib->path_capacity, count + 1, sizeof(struct rib_path *));
		fib->paths[count++] = path;
	}
	return count;
}

/* The best path that leads elsewhere than the primary route. */
static struct fib_desired desire_elsewhere(
    struct fib *fib, const struct rib_prefix *prefix, const struct fib_entry *primary)
{
	struct fib_desired desired = {.desire = FIB_DESIRE_NOTHING};
	struct hop_set_member member = {0};
	size_t count;

	if (primary->metric == UINT32_MAX)
		return desired;
	count = collect_paths(fib, prefix, primary->set, &desired);
	if (!count)
		return desired;
	rib_rank_paths(fib->rib, fib->paths, count, 1);
	member.next_hop = usable_next_hop(fib->paths[0]);
	desired.desire = FIB_DESIRE_ROUTE;
	desired.set = hop_set_intern(&fib->sets, &(const struct hop_set_key){.type = RTN_UNICAST,
						     .source = fib->sources[prefix->prefix.family],
						     .members = &member,
						     .count = 1});
	desired.metric = primary->metric + 1;
	return desired;
}

/* Without a primary route in the kernel: what is there, as long as a path leads there. */
static struct fib_desired desire_the_same(
    struct fib *fib, const struct rib_prefix *prefix, const struct fib_entry *entry)
{
	const enum ip_family family = prefix->prefix.family;
	const struct rib_path *path = rib_best_path(prefix);

	if (!entry || !(entry->flags & FIB_ENTRY_PRESENT) || !entry->set)
		return (struct fib_desired){.desire = FIB_DESIRE_NOTHING};
	while (path && !(usable_next_hop(path) && is_member(entry->set, usable_next_hop(path))))
		path = rib_path_next(fib->rib, family, path);
	if (!path)
		return (struct fib_desired){.desire = FIB_DESIRE_NOTHING};
	return (struct fib_desired){
	    .desire = FIB_DESIRE_ROUTE,
	    .set = hop_set_hold(entry->set),
	    .metric = entry->metric,
	};
}

/* Paths of others are to be in the kernel, as soon as it accepts them. */
static bool is_to_have_primary(struct fib *fib, const struct rib_prefix *prefix,
    const struct fib_table *primaries, uint32_t id)
{
	const struct rib_path *best = prefix ? rib_best_path(prefix) : NULL;
	struct fib_desired desired;

	if (!best || best->peer == RIB_PEER_LOCAL)
		return false;
	desired = fib_desire(fib, primaries, id);
	hop_set_release(&fib->sets, desired.set);
	return desired.desire != FIB_DESIRE_NOTHING;
}

struct fib_desired fib_desire_backup(struct fib *fib, const struct fib_table *table, uint32_t id)
{
	const struct rib_prefix *prefix = rib_prefix_at(fib->rib, table->family, id);
	const struct fib_table *primaries = fib_table_of(fib, table->family, FIB_PRIMARY);
	const struct fib_entry *primary = fib_find_entry(primaries, id);

	if (!fib_table_is_wanted(fib, table) || !primary ||
	    !is_to_have_primary(fib, prefix, primaries, id))
		return (struct fib_desired){.desire = FIB_DESIRE_NOTHING};
	if (primary->flags & FIB_ENTRY_PRESENT && primary->set)
		return desire_elsewhere(fib, prefix, primary);
	return desire_the_same(fib, prefix, fib_find_entry(table, id));
}
