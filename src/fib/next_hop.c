/*
 * The tracked next hops are a list: a change of links, addresses or routes resolves all of them
 * anew, once at the end of the turn.  There are few of them, about one per neighbour, and a
 * resolution is some hash probes, which is less than it would cost to know which ones a change
 * concerns.  Where there are many, the turns to come go on with it; what changes meanwhile has all
 * resolved once more after that, so that none waits for changes to end.
 *
 * An IPv6 next hop may have a global and a link-local address (RFC 2545 3).  The link-local one is
 * taken while its interface is up, as it names the neighbour on the link itself.
 *
 * Our own routes resolve nothing: a route that needed another one of ours could lose it at any time
 * and would keep packets in a loop until then.
 */
#include "fib/next_hop.h"

#include <stdlib.h>

#include "base/memory.h"

/* Between two looks at the clock. */
#define RESOLVED_AT_ONCE 64

static void resolve(const struct next_hop_tracker *tracker, const struct rib_next_hop *next_hop,
    struct kernel_resolution *resolution)
{
	const struct bgp_next_hop *key = &next_hop->key;

	if (!ip_address_is_unspecified(&key->link_local) && next_hop->scope) {
		kernel_view_resolve(tracker->view, &key->link_local, next_hop->scope, resolution);
		if (resolution->reachable || ip_address_is_unspecified(&key->address))
			return;
	}
	kernel_view_resolve(tracker->view, &key->address, next_hop->scope, resolution);
}

/* A next hop that the kernel cannot reach may be one that only routes of BGP lead to. */
static const char *explain(
    const struct next_hop_tracker *tracker, const struct rib_next_hop *next_hop, const char *reason)
{
	const struct rib_prefix *prefix =
	    rib_longest_match(tracker->rib, &next_hop->key.address, NULL);
	const struct rib_path *best = prefix ? rib_best_path(prefix) : NULL;

	return best && best->peer != RIB_PEER_LOCAL ? "only reachable through a route of our own"
						    : reason;
}

static bool same_resolution(const struct kernel_resolution *a, const struct kernel_resolution *b)
{
	return a->reachable == b->reachable && a->on_link == b->on_link && a->local == b->local &&
	       a->cost == b->cost && a->route_length == b->route_length &&
	       (!a->reachable || kernel_hop_equal(&a->hop, &b->hop));
}

/* Resolves it and tells the RIB; true if the outcome is another one. */
static bool update(struct next_hop_tracker *tracker, struct rib_next_hop *rib_next_hop)
{
	struct next_hop *next_hop = rib_next_hop->tracker_data;
	struct kernel_resolution now;
	bool changed;

	resolve(tracker, rib_next_hop, &now);
	if (!now.reachable && !now.local)
		now.reason = explain(tracker, rib_next_hop, now.reason);
	changed = !same_resolution(&now, &next_hop->resolution);
	next_hop->resolution = now;
	if (changed)
		rib_next_hop_resolve(tracker->rib, rib_next_hop, now.reachable, now.cost);
	return changed;
}

static void track(void *arg, struct rib_next_hop *rib_next_hop)
{
	struct next_hop_tracker *tracker = arg;
	struct next_hop *next_hop = memory_allocate_zero(1, sizeof(*next_hop));

	next_hop->rib = rib_next_hop;
	next_hop->references = 1;
	next_hop->next = tracker->first;
	if (next_hop->next)
		next_hop->next->previous = next_hop;
	tracker->first = next_hop;
	rib_next_hop->tracker_data = next_hop;
	update(tracker, rib_next_hop);
}

static void untrack(void *arg, struct rib_next_hop *rib_next_hop)
{
	struct next_hop_tracker *tracker = arg;
	struct next_hop *next_hop = rib_next_hop->tracker_data;

	if (!next_hop)
		return;
	if (tracker->at == next_hop)
		tracker->at = next_hop->next;
	if (next_hop->previous)
		next_hop->previous->next = next_hop->next;
	else
		tracker->first = next_hop->next;
	if (next_hop->next)
		next_hop->next->previous = next_hop->previous;
	rib_next_hop->tracker_data = NULL;
	next_hop->rib = NULL;
	next_hop_release(next_hop);
}

static const struct rib_next_hop_ops tracker_ops = {track, untrack};

void next_hop_tracker_init(
    struct next_hop_tracker *tracker, struct rib *rib, const struct kernel_view *view)
{
	*tracker = (struct next_hop_tracker){.rib = rib, .view = view};
	rib_set_next_hop_tracker(rib, &tracker_ops, tracker);
}

void next_hop_tracker_release(struct next_hop_tracker *tracker)
{
	static const struct rib_next_hop_ops none;

	while (tracker->first)
		untrack(tracker, tracker->first->rib);
	rib_set_next_hop_tracker(tracker->rib, &none, NULL);
}

void next_hop_tracker_start(struct next_hop_tracker *tracker)
{
	if (tracker->at && tracker->at != tracker->first)
		tracker->again = true;
	else
		tracker->at = tracker->first;
}

/* The next one to resolve, or NULL. */
static struct next_hop *take_next(struct next_hop_tracker *tracker)
{
	struct next_hop *next_hop;

	if (!tracker->at && tracker->again) {
		tracker->again = false;
		tracker->at = tracker->first;
	}
	next_hop = tracker->at;
	if (next_hop)
		tracker->at = next_hop->next;
	return next_hop;
}

bool next_hop_tracker_resolve(struct next_hop_tracker *tracker, struct loop *loop, bool *moved)
{
	struct next_hop *next_hop;
	unsigned count = 0;

	while ((next_hop = take_next(tracker))) {
		tracker->moved |= update(tracker, next_hop->rib);
		if (++count % RESOLVED_AT_ONCE == 0 && loop_should_yield(loop))
			return false;
	}
	*moved = tracker->moved;
	tracker->moved = false;
	return true;
}

void next_hop_release(struct next_hop *next_hop)
{
	if (!--next_hop->references)
		free(next_hop);
}
