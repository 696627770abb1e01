/*
 * What is learned of the kernel's routes from notifications and dumps, held against the entries: a
 * route of ours that somebody removed or changed is put right, a route of somebody else in the
 * place of ours is a conflict, and a route of ours that no entry accounts for is a leftover.
 *
 * While a request for an entry is out, what is told may be older or newer than what it does; the
 * entry is then looked at again after the answer.  A dump that is complete also says what is
 * missing, which walk.c and leave.c find: entries and leftovers that it has not told of, and that
 * have not been touched since it began.
 */
#include "fib/fib_state.h"

/* Where a route of ours that is, or may be, in the kernel is accounted for. */
struct place {
	struct fib_table *table;
	uint32_t id;
	struct fib_entry *entry;
};

/* Also of a prefix that has no paths any more, whose route has yet to be removed. */
static bool find_place(struct fib *fib, const struct kernel_route *route, struct place *place)
{
	const enum ip_family family = route->prefix.family;

	place->id = rib_find_held(fib->rib, &route->prefix);
	if (!place->id)
		return false;
	place->table = fib_table_at_metric(fib, family, place->id, route->metric);
	if (!place->table)
		return false;
	place->entry = fib_find_entry(place->table, place->id);
	return true;
}

/* Our route is gone, or of an IPv6 route some hops: the entry is looked at again. */
static void lose_route(struct fib *fib, const struct kernel_route *route, const struct place *place)
{
	struct fib_entry *entry = place->entry;

	if (entry->flags & FIB_ENTRY_IN_FLIGHT) {
		fib_entry_set_flags(entry, FIB_ENTRY_AGAIN | FIB_ENTRY_RESEND);
		return;
	}
	fib->counters.repaired++;
	if (place->table->family == IPV6 && !route->object && entry->set &&
	    route->hop_count < entry->set->hop_count)
		fib_entry_set_flags(entry, FIB_ENTRY_RESEND);
	else
		fib_set_present(fib, place->table, entry, false);
	fib_queue(fib, place->table, place->id);
}

/* A route of ours was told: is it as it should be? */
static void confirm_route(
    struct fib *fib, const struct kernel_route *route, const struct place *place)
{
	struct fib_entry *entry = place->entry;

	entry->generation = fib->generation;
	if (entry->flags & (FIB_ENTRY_IN_FLIGHT | FIB_ENTRY_RESEND) || !entry->set ||
	    (route->protocol == fib->settings.protocol && hop_set_matches(entry->set, route)))
		return;
	fib->counters.repaired++;
	fib_entry_set_flags(entry, FIB_ENTRY_RESEND);
	fib_queue(fib, place->table, place->id);
}

static void find_leftover(struct fib *fib, const struct kernel_route *route)
{
	struct leftover *leftover = leftover_add(
	    &fib->leftovers, &route->prefix, route->table, route->metric, route->protocol);
	uint32_t id;

	leftover_confirm(&fib->leftovers, leftover, fib->generation);
	if (rib_find(fib->rib, &route->prefix, &id))
		fib_queue_all(fib, route->prefix.family, id);
	if (fib->swept) {
		leftover_queue(&fib->leftovers, leftover);
		loop_task_schedule(fib->loop, &fib->install_task);
	}
}

void fib_own_route(void *arg, const struct kernel_route *route, bool gone)
{
	struct fib *fib = arg;
	struct place place;
	const bool found = find_place(fib, route, &place);
	struct leftover *leftover;

	if (found && gone) {
		lose_route(fib, route, &place);
	} else if (found) {
		confirm_route(fib, route, &place);
	} else if (!gone) {
		find_leftover(fib, route);
	} else {
		leftover = leftover_find(
		    &fib->leftovers, &route->prefix, route->table, route->metric, route->protocol);
		if (leftover && !leftover->in_flight)
			leftover_remove(&fib->leftovers, leftover);
	}
}

void fib_foreign_route(void *arg, const struct kernel_route *route, bool gone)
{
	struct fib *fib = arg;
	const uint32_t id = rib_find_held(fib->rib, &route->prefix);
	enum fib_rank rank;

	if (!id)
		return;
	for (rank = 0; rank < FIB_RANKS; rank++) {
		struct fib_table *table = fib_table_of(fib, route->prefix.family, rank);
		const struct fib_entry *entry = fib_find_entry(table, id);

		if (entry && entry->flags & (gone ? FIB_ENTRY_CONFLICT : FIB_ENTRY_PRESENT))
			fib_queue(fib, table, id);
	}
}

void fib_route_replaced(void *arg, const struct kernel_route *by)
{
	struct fib *fib = arg;
	struct place place;

	if (!find_place(fib, by, &place))
		return;
	if (place.entry->flags & FIB_ENTRY_IN_FLIGHT) {
		fib_entry_set_flags(place.entry, FIB_ENTRY_AGAIN | FIB_ENTRY_RESEND);
		return;
	}
	fib->counters.repaired++;
	fib_set_present(fib, place.table, place.entry, false);
	fib_queue(fib, place.table, place.id);
}
