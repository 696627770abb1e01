/*
 * The tracked next hops are in lists.  A change of links, addresses or rules resolves all of them
 * anew, once at the end of the turn: there are few of them, about one per neighbour, and a
 * resolution is some hash probes.  Where there are many, the turns to come go on with it; what
 * changes meanwhile has all resolved once more after that, so that none waits for changes to end.
 *
 * A change of a route, of which there may be a hundred thousand, concerns the next hops inside of
 * its prefix, found in a tree; nearly always there is none.  Those that are looked up in routes of
 * our own depend on the next hops of these too: they are resolved anew whenever a change concerns
 * any next hop at all, as that is less than it would cost to know which.
 *
 * Of the RIB's routes it is told when the best path of a prefix changes.  Where paths were passed
 * over (recursion.c), and for a next hop that nothing leads to, others than the best one matter:
 * then, and only then, it is told of any path.
 */
#include "fib/next_hop.h"

#include <stdlib.h>

#include "base/memory.h"

/* Lookups between two looks at the clock. */
#define LOOKUPS_AT_ONCE 64
/* A change that concerns more of them has all resolved. */
#define CONCERNED_AT_ONCE 64

/* Lists */

static void put_into_list(
    struct next_hop_tracker *tracker, struct next_hop *next_hop, enum next_hop_kind kind)
{
	struct next_hop_list *list = &tracker->lists[kind];

	next_hop->kind = kind;
	next_hop->previous = NULL;
	next_hop->next = list->first;
	if (next_hop->next)
		next_hop->next->previous = next_hop;
	list->first = next_hop;
}

static void take_from_list(struct next_hop_tracker *tracker, struct next_hop *next_hop)
{
	struct next_hop_list *list = &tracker->lists[next_hop->kind];

	if (list->at == next_hop)
		list->at = next_hop->next;
	if (next_hop->previous)
		next_hop->previous->next = next_hop->next;
	else
		list->first = next_hop->next;
	if (next_hop->next)
		next_hop->next->previous = next_hop->previous;
}

static void start_list(struct next_hop_list *list)
{
	if (list->at && list->at != list->first)
		list->again = true;
	else
		list->at = list->first;
}

/* The next one of the list to resolve, or NULL. */
static struct next_hop *take_next_of(struct next_hop_list *list)
{
	struct next_hop *next_hop;

	if (!list->at && list->again) {
		list->again = false;
		list->at = list->first;
	}
	next_hop = list->at;
	if (next_hop)
		list->at = next_hop->next;
	return next_hop;
}

static struct next_hop *take_next(struct next_hop_tracker *tracker)
{
	struct next_hop *next_hop = tracker->lists[NEXT_HOP_CONCERNED].first;

	if (!next_hop)
		next_hop = take_next_of(&tracker->lists[NEXT_HOP_DIRECT]);
	if (!next_hop)
		next_hop = take_next_of(&tracker->lists[NEXT_HOP_RECURSIVE]);
	return next_hop;
}

/* Resolving */

/* More of the reason, where there is a route of our own that does not help. */
static const char *explain(const struct next_hop_tracker *tracker,
    const struct rib_next_hop *next_hop, const struct kernel_resolution *resolution)
{
	const struct rib_prefix *prefix =
	    rib_longest_match(tracker->rib, &next_hop->key.address, NULL);
	const struct rib_path *best = prefix ? rib_best_path(prefix) : NULL;
	uint32_t metric;

	if (!resolution->no_route || resolution->passed_over || !best ||
	    best->peer == RIB_PEER_LOCAL)
		return resolution->reason;
	if (!kernel_view_uses_own_table(tracker->view))
		return "no rule leads to the table of our own routes";
	if (!tracker->installed.has(tracker->installed.arg, &prefix->prefix, best, &metric))
		return "our own route to it is not installed";
	return resolution->reason;
}

static bool same_resolution(const struct kernel_resolution *a, const struct kernel_resolution *b)
{
	return a->reachable == b->reachable && a->on_link == b->on_link && a->local == b->local &&
	       a->cost == b->cost && a->route_length == b->route_length &&
	       (!a->reachable || kernel_hop_equal(&a->hop, &b->hop));
}

/* Whether a path that is not the best one of its prefix may say more of the next hop. */
static bool depends_on_every_path(const struct kernel_resolution *resolution)
{
	return resolution->passed_over || resolution->no_route;
}

/* `now` NULL: it is not tracked any more. */
static void count_dependence(struct next_hop_tracker *tracker,
    const struct kernel_resolution *before, const struct kernel_resolution *now)
{
	tracker->on_every_path += now && depends_on_every_path(now);
	tracker->on_every_path -= depends_on_every_path(before);
	tracker->listener.every_path = tracker->on_every_path != 0;
}

/* Resolves it and tells the RIB; returns the number of lookups. */
static unsigned update(struct next_hop_tracker *tracker, struct next_hop *next_hop)
{
	struct kernel_resolution now;
	const unsigned lookups = recursion_resolve(
	    tracker->rib, tracker->view, &tracker->installed, next_hop->rib, &now);
	const enum next_hop_kind kind = lookups > 1 ? NEXT_HOP_RECURSIVE : NEXT_HOP_DIRECT;
	bool changed;

	if (!now.reachable)
		now.reason = explain(tracker, next_hop->rib, &now);
	if (kind != next_hop->kind) {
		take_from_list(tracker, next_hop);
		put_into_list(tracker, next_hop, kind);
	}
	count_dependence(tracker, &next_hop->resolution, &now);
	changed = !same_resolution(&now, &next_hop->resolution);
	next_hop->resolution = now;
	tracker->moved |= changed;
	if (changed)
		rib_next_hop_resolve(tracker->rib, next_hop->rib, now.reachable, now.cost);
	return lookups;
}

/* What the RIB and the kernel tell */

static void track(void *arg, struct rib_next_hop *rib_next_hop)
{
	struct next_hop_tracker *tracker = arg;
	struct next_hop *next_hop = memory_allocate_zero(1, sizeof(*next_hop));
	const bool moved = tracker->moved;

	next_hop->rib = rib_next_hop;
	next_hop->references = 1;
	next_hop->leaf.address = rib_next_hop->key.address;
	put_into_list(tracker, next_hop, NEXT_HOP_DIRECT);
	address_tree_add(&tracker->addresses, &next_hop->leaf);
	rib_next_hop->tracker_data = next_hop;
	update(tracker, next_hop);
	tracker->moved = moved; /* no hop set has it yet */
}

static void untrack(void *arg, struct rib_next_hop *rib_next_hop)
{
	struct next_hop_tracker *tracker = arg;
	struct next_hop *next_hop = rib_next_hop->tracker_data;

	if (!next_hop)
		return;
	count_dependence(tracker, &next_hop->resolution, NULL);
	take_from_list(tracker, next_hop);
	address_tree_remove(&tracker->addresses, &next_hop->leaf);
	rib_next_hop->tracker_data = NULL;
	next_hop->rib = NULL;
	next_hop_release(next_hop);
}

void next_hop_tracker_start(struct next_hop_tracker *tracker)
{
	start_list(&tracker->lists[NEXT_HOP_DIRECT]);
	start_list(&tracker->lists[NEXT_HOP_RECURSIVE]);
}

static struct next_hop *next_hop_of(struct address_leaf *leaf)
{
	return (struct next_hop *)((char *)leaf - offsetof(struct next_hop, leaf));
}

static void concern_one(void *arg, struct address_leaf *leaf)
{
	struct next_hop_tracker *tracker = arg;
	struct next_hop *next_hop = next_hop_of(leaf);

	if (next_hop->kind != NEXT_HOP_DIRECT)
		return;
	take_from_list(tracker, next_hop);
	put_into_list(tracker, next_hop, NEXT_HOP_CONCERNED);
}

void next_hop_tracker_concern(struct next_hop_tracker *tracker, const struct ip_prefix *prefix)
{
	const unsigned count =
	    address_tree_walk(&tracker->addresses, prefix, CONCERNED_AT_ONCE, concern_one, tracker);

	if (count > CONCERNED_AT_ONCE)
		next_hop_tracker_start(tracker);
	else if (count)
		start_list(&tracker->lists[NEXT_HOP_RECURSIVE]);
	if (count)
		tracker->wake(tracker->arg);
}

static void rib_changed(void *arg, const struct rib_change *change)
{
	struct next_hop_tracker *tracker = arg;
	size_t i;

	for (i = 0; i < change->count; i++)
		next_hop_tracker_concern(
		    tracker, rib_held_prefix(tracker->rib, change->family, change->ids[i]));
}

/* Life */

static const struct rib_next_hop_ops tracker_ops = {track, untrack};

void next_hop_tracker_init(struct next_hop_tracker *tracker, struct rib *rib,
    const struct kernel_view *view, const struct installed_routes *installed,
    void (*wake)(void *arg), void *arg)
{
	*tracker = (struct next_hop_tracker){
	    .rib = rib,
	    .listener = {.changed = rib_changed, .arg = tracker},
	    .view = view,
	    .installed = *installed,
	    .wake = wake,
	    .arg = arg,
	};
	rib_add_listener(rib, &tracker->listener);
	rib_set_next_hop_tracker(rib, &tracker_ops, tracker);
}

void next_hop_tracker_release(struct next_hop_tracker *tracker)
{
	static const struct rib_next_hop_ops none;
	enum next_hop_kind kind;

	for (kind = 0; kind < NEXT_HOP_KINDS; kind++) {
		while (tracker->lists[kind].first)
			untrack(tracker, tracker->lists[kind].first->rib);
	}
	rib_set_next_hop_tracker(tracker->rib, &none, NULL);
	rib_remove_listener(tracker->rib, &tracker->listener);
}

bool next_hop_tracker_resolve(struct next_hop_tracker *tracker, struct loop *loop, bool *moved)
{
	struct next_hop *next_hop;
	unsigned lookups = 0;

	while ((next_hop = take_next(tracker))) {
		lookups += update(tracker, next_hop);
		if (lookups < LOOKUPS_AT_ONCE)
			continue;
		lookups = 0;
		if (loop_should_yield(loop))
			return false;
	}
	*moved = tracker->moved;
	tracker->moved = false;
	return true;
}

const struct next_hop *next_hop_tracker_next(
    const struct next_hop_tracker *tracker, const struct next_hop *after)
{
	unsigned kind = after ? after->kind + 1 : 0;

	if (after && after->next)
		return after->next;
	while (kind < NEXT_HOP_KINDS && !tracker->lists[kind].first)
		kind++;
	return kind < NEXT_HOP_KINDS ? tracker->lists[kind].first : NULL;
}

void next_hop_release(struct next_hop *next_hop)
{
	if (!--next_hop->references)
		free(next_hop);
}
