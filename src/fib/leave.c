/*
 * Routes of ours that are to go: leftovers, all routes when their place (table, protocol) is left,
 * and all routes when the daemon stops and shall take them along.
 *
 * A route that has another place than the configured one becomes a leftover of its old place, and
 * goes when everything has been installed in the new one, so that traffic has a route all the time.
 * A leftover whose removal the kernel refuses is shown with the kernel's text and tried again.
 */
#include "fib/fib_state.h"

#include "base/memory.h"

/* Leftovers or entries between two looks at the clock. */
#define LEFT_AT_ONCE 32

/* False if the place of the leftover is an entry's, or if its removal would take others along. */
static bool may_be_removed(struct fib *fib, const struct leftover *leftover)
{
	const uint32_t id = rib_find_held(fib->rib, &leftover->prefix);

	if (leftover->table != fib->settings.table || leftover->protocol != fib->settings.protocol)
		return true;
	if (fib_is_joined(fib, &leftover->prefix, leftover->metric))
		return false;
	return !id || !fib_table_at_metric(fib, leftover->prefix.family, id, leftover->metric);
}

static void send_removal(struct fib *fib, struct leftover *leftover)
{
	const struct kernel_route route = {
	    .prefix = leftover->prefix,
	    .table = leftover->table,
	    .metric = leftover->metric,
	    .protocol = leftover->protocol,
	};
	struct route_message message;

	if (!may_be_removed(fib, leftover)) {
		leftover_remove(&fib->leftovers, leftover);
		return;
	}
	fib->counters.requests++;
	fib_netlink_request(
	    fib->netlink, route_message_remove(&message, &route), (uint64_t)(uintptr_t)leftover);
}

void fib_remove_leftovers(struct fib *fib)
{
	struct leftover *leftover;
	unsigned count = 0;

	/* What a walk has not come to yet may be what takes the place of a leftover. */
	if (fib_walk_is_running(fib))
		return;
	while (fib_has_room(fib) && (leftover = leftover_take_queued(&fib->leftovers))) {
		send_removal(fib, leftover);
		if (++count % LEFT_AT_ONCE == 0 && loop_should_yield(fib->loop)) {
			loop_task_schedule(fib->loop, &fib->install_task);
			return;
		}
	}
}

void fib_leftover_answered(struct fib *fib, struct leftover *leftover, int error, const char *text)
{
	if (!error || fib_is_not_there(error)) {
		if (leftover->error)
			fib->retry_ms = 0;
		next_hop_objects_give_up(&fib->objects);
		leftover_remove(&fib->leftovers, leftover);
		return;
	}
	fib->counters.errors++;
	leftover_refuse(&fib->leftovers, leftover, fib_note_error(fib, error, text));
	fib_retry_later(fib);
}

static bool is_in_place(const struct fib *fib, const struct leftover *leftover)
{
	return leftover->table == fib->settings.table &&
	       (leftover->protocol == fib->settings.protocol ||
		   leftover->protocol == fib->left_protocol);
}

void fib_forget_gone_leftovers(struct fib *fib)
{
	struct leftover *leftover;
	unsigned count = 0;

	while (fib->forgetting) {
		leftover = leftovers_first(&fib->leftovers, LEFTOVERS_KEPT);
		if (!leftover || leftover->generation == fib->generation)
			fib->forgetting = false;
		else if (is_in_place(fib, leftover))
			leftover_remove(&fib->leftovers, leftover);
		else
			leftover_confirm(&fib->leftovers, leftover, fib->generation);
		if (++count % LEFT_AT_ONCE == 0 && loop_should_yield(fib->loop)) {
			loop_task_schedule(fib->loop, &fib->install_task);
			return;
		}
	}
}

bool fib_leave_some(struct fib *fib)
{
	unsigned count = 0;

	for (; fib->leaving_table < FIB_TABLES; fib->leaving_table++, fib->leaving_id = 0) {
		struct fib_table *table = &fib->tables[fib->leaving_table];

		for (; fib->leaving_id < table->capacity; fib->leaving_id++) {
			if (++count % LEFT_AT_ONCE == 0 && loop_should_yield(fib->loop))
				return false;
			if (table->entries[fib->leaving_id].flags & FIB_ENTRY_PRESENT)
				fib_leave_metric(fib, table, fib->leaving_id);
		}
	}
	return true;
}

/* Has requests done until there is room for one more; false if that takes too long. */
static bool make_room(struct fib *fib, uint64_t deadline)
{
	const uint64_t now = loop_now(fib->loop);

	if (!fib_has_room(fib) && now < deadline)
		fib_netlink_flush(fib->netlink, deadline - now);
	return fib_has_room(fib);
}

static bool withdraw_table(struct fib *fib, struct fib_table *table, uint64_t deadline)
{
	uint32_t id;

	for (id = 0; id < table->capacity; id++) {
		if (!(table->entries[id].flags & FIB_ENTRY_PRESENT))
			continue;
		if (!make_room(fib, deadline))
			return false;
		fib_take_out(fib, table, id);
	}
	return true;
}

void fib_withdraw_all(struct fib *fib, uint64_t limit_ms)
{
	const uint64_t deadline = loop_now(fib->loop) + limit_ms;
	struct leftover *leftover;
	struct fib_table *table;

	/* What is out is answered first: it says what there is. */
	fib_netlink_flush(fib->netlink, limit_ms);
	for (table = fib->tables; table < fib->tables + FIB_TABLES; table++) {
		if (!withdraw_table(fib, table, deadline))
			return;
	}
	leftovers_queue_all(&fib->leftovers);
	while (make_room(fib, deadline) && (leftover = leftover_take_queued(&fib->leftovers)))
		send_removal(fib, leftover);
	if (loop_now(fib->loop) < deadline)
		fib_netlink_flush(fib->netlink, deadline - loop_now(fib->loop));
}
