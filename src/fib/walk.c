/*
 * Whatever may concern all routes (a next hop that moved, new settings, a dump) is a walk over the
 * entries in slices: it only queues ids, install.c looks at them.  There is one walk per table for
 * all reasons, and one that is asked for while it runs has it come round again.
 *
 * A hop set stays marked as changed until the walk has been round all tables.
 */
#include "fib/fib_state.h"

/* Ids that are passed between two looks at the clock. */
#define WALK_STEP 256

void fib_walk_start(struct fib *fib, unsigned why)
{
	struct fib_table *table;

	for (table = fib->tables; table < fib->tables + FIB_TABLES; table++) {
		table->walk_for |= why;
		round_start(&table->walk);
	}
	loop_task_schedule(fib->loop, &fib->install_task);
}

void fib_walk_forget_missing(struct fib *fib)
{
	struct fib_table *table;

	for (table = fib->tables; table < fib->tables + FIB_TABLES; table++)
		table->walk_for &= ~(unsigned)FIB_WALK_MISSING;
}

static bool is_missing(const struct fib *fib, const struct fib_entry *entry)
{
	return entry->flags & FIB_ENTRY_PRESENT && !(entry->flags & FIB_ENTRY_IN_FLIGHT) &&
	       entry->generation != fib->generation;
}

/* True if the entry is to be looked at for one of the reasons. */
static bool look_over(struct fib *fib, const struct fib_table *table, struct fib_entry *entry)
{
	const unsigned reasons = table->walk_for;
	bool queue =
	    reasons & FIB_WALK_FAILED && entry->error && !(entry->flags & FIB_ENTRY_CONFLICT);

	if (reasons & FIB_WALK_SETS && entry->set && entry->set->changed) {
		fib_entry_set_flags(entry, FIB_ENTRY_RESEND);
		queue = true;
	} else if (reasons & FIB_WALK_SETS &&
		   (entry->flags & FIB_ENTRY_REFUSED || (entry->set && entry->set->moved))) {
		queue = true;
	}
	if (reasons & FIB_WALK_MISSING && is_missing(fib, entry)) {
		fib->counters.repaired++;
		fib_set_present(fib, table, entry, false);
		queue = true;
	}
	return queue;
}

/* The route leads elsewhere now: it and its backup must not lead to one place. */
static bool has_moved(const struct fib_table *table, uint32_t id)
{
	const struct fib_entry *entry = fib_find_entry(table, id);

	return entry && entry->set && (entry->set->changed || entry->set->moved);
}

static void pass(struct fib *fib, struct fib_table *table, uint32_t id)
{
	struct fib_entry *entry = fib_find_entry(table, id);
	bool queue = table->walk_for & FIB_WALK_PREFIXES &&
		     id < rib_limit(fib->rib, table->family) &&
		     rib_prefix_at(fib->rib, table->family, id);

	if (entry && look_over(fib, table, entry))
		queue = true;
	if (table->rank == FIB_BACKUP && table->walk_for & FIB_WALK_SETS &&
	    has_moved(fib_table_of(fib, table->family, FIB_PRIMARY), id))
		queue = true;
	if (queue)
		fib_queue(fib, table, id);
}

static uint32_t limit_of(const struct fib *fib, const struct fib_table *table)
{
	const uint32_t entries = (uint32_t)table->capacity;
	const uint32_t prefixes =
	    fib_table_is_wanted(fib, table) ? rib_limit(fib->rib, table->family) : 0;

	return entries > prefixes ? entries : prefixes;
}

static void pass_some(struct fib *fib, struct fib_table *table)
{
	const uint32_t limit = limit_of(fib, table);
	unsigned left = WALK_STEP;
	uint32_t id;

	while (left-- && round_next(&table->walk, limit, &id))
		pass(fib, table, id);
	if (!table->walk.running)
		table->walk_for = 0;
}

static unsigned reasons_left(const struct fib *fib)
{
	unsigned reasons = 0;
	size_t i;

	for (i = 0; i < FIB_TABLES; i++)
		reasons |= fib->tables[i].walk_for;
	return reasons;
}

bool fib_walk_is_running(const struct fib *fib)
{
	return reasons_left(fib) != 0;
}

void fib_walk_some(struct fib *fib)
{
	const unsigned reasons = reasons_left(fib);
	struct fib_table *table;

	if (!reasons)
		return;
	do {
		for (table = fib->tables; table < fib->tables + FIB_TABLES; table++)
			pass_some(fib, table);
	} while (reasons_left(fib) && !loop_should_yield(fib->loop));
	/* What an interface has just taken along is marked for the walk after next hops. */
	if (reasons & FIB_WALK_SETS && !(reasons_left(fib) & FIB_WALK_SETS) && !fib->interface_lost)
		hop_sets_clear_changed(&fib->sets);
	if (reasons_left(fib))
		loop_task_schedule(fib->loop, &fib->install_task);
}
