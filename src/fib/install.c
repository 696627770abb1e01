/*
 * Making the kernel's routes equal to what is desired.  There is an entry per prefix id, which
 * says what we believe to be in the kernel.  Whatever may change that puts the id into a queue;
 * looking at an entry compares what is desired now with what is there and sends at most one
 * request, so an id that changes ten times costs one.  While a request is out the entry waits; the
 * answer queues it again if anything happened meanwhile.
 *
 * How routes of others stay untouched: a route that is not there is added with NLM_F_EXCL, which
 * the kernel refuses if anything has its place (table, prefix, metric; IPv6 would otherwise join
 * the two into one multipath route).  A route is replaced, without NLM_F_CREATE, only if ours is
 * known to be there and no other is, after everything that was notified has been read.  A removal
 * names our protocol number.  So whenever belief and kernel differ, the kernel says so, and the
 * entry is looked at again.
 *
 * Order: installations go before removals of leftovers, so that what moves to another place is
 * never without a route in between.  Backups come when there is nothing left to be done for
 * primary routes: what is known of these is then what the kernel has said.
 */
#include "fib/fib_state.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Entries between two looks at the clock. */
#define ENTRIES_AT_ONCE 32
#define RETRY_FIRST_MS 250
#define RETRY_LAST_MS 60000

#define TAG_OBJECT 32u

enum request_kind { REQUEST_ADD, REQUEST_REPLACE, REQUEST_REMOVE };

/*
 * The lowest bit is set, in contrast to the tag of a leftover, and it is not that of a next-hop
 * object.  `object`: of a route over one.
 */
static uint64_t make_tag(
    const struct fib_table *table, uint32_t id, enum request_kind kind, bool object)
{
	return (uint64_t)id << 6 | (object ? TAG_OBJECT : 0) | (uint64_t)kind << 3 |
	       (uint64_t)table->rank << 2 | (uint64_t)table->family << 1 | 1;
}

static enum request_kind tag_kind(uint64_t tag)
{
	return tag >> 3 & 3;
}

static uint32_t tag_id(uint64_t tag)
{
	return (uint32_t)(tag >> 6);
}

/* Entries */

struct fib_entry *fib_entry(struct fib_table *table, uint32_t id)
{
	const size_t before = table->capacity;

	if (id >= before) {
		table->entries = memory_grow(
		    table->entries, &table->capacity, (size_t)id + 1, sizeof(*table->entries));
		memset(table->entries + before, 0,
		    (table->capacity - before) * sizeof(*table->entries));
	}
	return &table->entries[id];
}

void fib_set_present(
    struct fib *fib, const struct fib_table *table, struct fib_entry *entry, bool now)
{
	const bool before = entry->flags & FIB_ENTRY_PRESENT;
	uint32_t *count = table->rank == FIB_BACKUP ? &fib->counters.backups[table->family]
						    : &fib->counters.routes[table->family];

	if (now)
		entry->generation = fib->generation;
	if (now == before)
		return;
	if (now) {
		fib_entry_set_flags(entry, FIB_ENTRY_PRESENT);
		++*count;
	} else {
		fib_entry_clear_flags(entry, FIB_ENTRY_PRESENT);
		--*count;
	}
}

struct fib_table *fib_table_at_metric(
    struct fib *fib, enum ip_family family, uint32_t id, uint32_t metric)
{
	enum fib_rank rank;

	for (rank = 0; rank < FIB_RANKS; rank++) {
		struct fib_table *table = fib_table_of(fib, family, rank);
		const struct fib_entry *entry = fib_find_entry(table, id);

		if (entry && entry->flags & (FIB_ENTRY_PRESENT | FIB_ENTRY_IN_FLIGHT) &&
		    entry->metric == metric)
			return table;
	}
	return NULL;
}

static void set_entry_set(struct fib *fib, struct fib_entry *entry, struct hop_set *set)
{
	hop_set_release(&fib->sets, entry->set);
	entry->set = set;
}

/*
 * Gives back what nothing is left to be known of: the set, also while the prefix waits for a hop
 * that was left out or for somebody else's route to go, and then the prefix id.
 */
static void settle(struct fib *fib, struct fib_table *table, uint32_t id)
{
	struct fib_entry *entry = fib_entry(table, id);

	if (entry->flags & FIB_ENTRY_CONFLICT &&
	    !(entry->flags & (FIB_ENTRY_PRESENT | FIB_ENTRY_IN_FLIGHT)))
		set_entry_set(fib, entry, NULL);
	if (entry->flags & ~(FIB_ENTRY_HELD | FIB_ENTRY_REFUSED) || entry->error)
		return;
	set_entry_set(fib, entry, NULL);
	if (entry->flags != FIB_ENTRY_HELD)
		return;
	*entry = (struct fib_entry){0};
	rib_release_prefix(fib->rib, table->family, id);
}

/* The queue */

/* Nothing shall be installed, and nothing is: a reflector's full table costs no memory here. */
static bool is_of_no_interest(const struct fib *fib, const struct fib_table *table, uint32_t id)
{
	const struct fib_entry *entry = fib_find_entry(table, id);

	return !fib_table_is_wanted(fib, table) && (!entry || (!entry->flags && !entry->set));
}

void fib_queue(struct fib *fib, struct fib_table *table, uint32_t id)
{
	struct fib_entry *entry;

	if (is_of_no_interest(fib, table, id))
		return;
	entry = fib_entry(table, id);
	if (entry->flags & FIB_ENTRY_WAITING)
		return;
	if (!(entry->flags & FIB_ENTRY_HELD))
		rib_hold_prefix(fib->rib, table->family, id);
	fib_entry_set_flags(entry, FIB_ENTRY_HELD | FIB_ENTRY_WAITING);
	if (table->queue_head && table->queue_tail == table->queue_capacity) {
		table->queue_tail -= table->queue_head;
		memmove(table->queue, table->queue + table->queue_head,
		    table->queue_tail * sizeof(*table->queue));
		table->queue_head = 0;
	}
	table->queue = memory_grow(
	    table->queue, &table->queue_capacity, table->queue_tail + 1, sizeof(*table->queue));
	table->queue[table->queue_tail++] = id;
	loop_task_schedule(fib->loop, &fib->install_task);
}

void fib_queue_all(struct fib *fib, enum ip_family family, uint32_t id)
{
	enum fib_rank rank;

	for (rank = 0; rank < FIB_RANKS; rank++)
		fib_queue(fib, fib_table_of(fib, family, rank), id);
}

static uint32_t take_queued(struct fib_table *table)
{
	const uint32_t id = table->queue[table->queue_head++];

	fib_entry_clear_flags(&table->entries[id], FIB_ENTRY_WAITING);
	if (table->queue_head == table->queue_tail) {
		table->queue_head = 0;
		table->queue_tail = 0;
	}
	return id;
}

/* Failures */

/* 1 + the index of the text. */
static uint16_t intern_error(struct fib *fib, const char *text)
{
	size_t i;

	for (i = 0; i < fib->error_count; i++) {
		if (!strcmp(fib->errors[i], text))
			return (uint16_t)(i + 1);
	}
	/* The kernel has a few dozen texts; if they ever were more, the last one stands for all. */
	if (fib->error_count == FIB_ERROR_TEXTS_MAX)
		return FIB_ERROR_TEXTS_MAX;
	fib->errors[fib->error_count++] = memory_copy_string(text);
	return (uint16_t)fib->error_count;
}

static void clear_error(struct fib *fib, struct fib_entry *entry)
{
	if (!entry->error)
		return;
	if (!(entry->flags & FIB_ENTRY_CONFLICT))
		fib->retry_ms = RETRY_FIRST_MS;
	fib_entry_clear_flags(entry, FIB_ENTRY_CONFLICT);
	entry->error = 0;
	fib->counters.failed--;
}

static void fail(struct fib *fib, struct fib_table *table, uint32_t id, const char *text)
{
	struct fib_entry *entry = fib_entry(table, id);
	const uint16_t error = intern_error(fib, text);
	const uint16_t before = entry->error;

	if (!before)
		fib->counters.failed++;
	entry->error = error;
	if (before != error && fib->ops->failed)
		fib->ops->failed(fib->arg, rib_held_prefix(fib->rib, table->family, id), text);
}

void fib_retry_later(struct fib *fib)
{
	if (loop_timer_is_running(&fib->retry_timer))
		return;
	if (!fib->retry_ms)
		fib->retry_ms = RETRY_FIRST_MS;
	loop_timer_start(&fib->retry_timer, fib->retry_ms);
	fib->retry_ms = fib->retry_ms * 2 < RETRY_LAST_MS ? fib->retry_ms * 2 : RETRY_LAST_MS;
}

/* Failed, to be tried again after a while. */
static void fail_for_now(struct fib *fib, struct fib_table *table, uint32_t id, const char *text)
{
	fib_entry_clear_flags(fib_entry(table, id), FIB_ENTRY_CONFLICT);
	fail(fib, table, id, text);
	fib_retry_later(fib);
}

/* Failed until the route of somebody else goes. */
static void fail_for_conflict(
    struct fib *fib, struct fib_table *table, uint32_t id, const struct kernel_route *foreign)
{
	char protocol[32];
	char text[96];

	rtnl_route_proto2str(foreign->protocol, protocol, sizeof(protocol));
	snprintf(text, sizeof(text), "a route of protocol %s is already there", protocol);
	fib_entry_set_flags(fib_entry(table, id), FIB_ENTRY_CONFLICT);
	fail(fib, table, id, text);
}

/* Requests */

static void send_request(struct fib *fib, struct fib_table *table, uint32_t id,
    enum request_kind kind, const struct kernel_route *route)
{
	static const uint16_t flags[] = {
	    [REQUEST_ADD] = NLM_F_CREATE | NLM_F_EXCL,
	    [REQUEST_REPLACE] = NLM_F_REPLACE,
	};
	struct route_message message;
	struct nlmsghdr *header = kind == REQUEST_REMOVE
				      ? route_message_remove(&message, route)
				      : route_message_add(&message, route, flags[kind]);

	fib_entry_set_flags(fib_entry(table, id), FIB_ENTRY_IN_FLIGHT);
	fib->counters.requests++;
	fib_netlink_request(fib->netlink, header, make_tag(table, id, kind, route->object));
}

static struct kernel_route make_route(
    const struct fib *fib, const struct ip_prefix *prefix, uint32_t metric)
{
	return (struct kernel_route){
	    .prefix = *prefix,
	    .table = fib->settings.table,
	    .metric = metric,
	    .protocol = fib->settings.protocol,
	};
}

static void send_removal(struct fib *fib, struct fib_table *table, uint32_t id)
{
	const struct kernel_route route = make_route(
	    fib, rib_held_prefix(fib->rib, table->family, id), fib_entry(table, id)->metric);

	send_request(fib, table, id, REQUEST_REMOVE, &route);
}

bool fib_is_joined(const struct fib *fib, const struct ip_prefix *prefix, uint32_t metric)
{
	return prefix->family == IPV6 && kernel_view_foreign_route(fib->view, prefix, metric);
}

/* Looking at an entry */

void fib_take_out(struct fib *fib, struct fib_table *table, uint32_t id)
{
	struct fib_entry *entry = fib_entry(table, id);
	const struct ip_prefix *prefix = rib_held_prefix(fib->rib, table->family, id);

	fib_entry_clear_flags(entry, FIB_ENTRY_RESEND);
	if (!(entry->flags & FIB_ENTRY_PRESENT)) {
		clear_error(fib, entry);
	} else if (fib_is_joined(fib, prefix, entry->metric)) {
		fail_for_conflict(
		    fib, table, id, kernel_view_foreign_route(fib->view, prefix, entry->metric));
	} else {
		fib_entry_clear_flags(entry, FIB_ENTRY_CONFLICT);
		send_removal(fib, table, id);
	}
}

void fib_leave_metric(struct fib *fib, struct fib_table *table, uint32_t id)
{
	struct fib_entry *entry = fib_entry(table, id);

	leftover_queue(&fib->leftovers,
	    leftover_add(&fib->leftovers, rib_held_prefix(fib->rib, table->family, id),
		fib->settings.table, entry->metric, fib->settings.protocol));
	fib_set_present(fib, table, entry, false);
}

/* A route of ours is in this place: it becomes this entry's, and is then replaced. */
static void adopt(
    struct fib *fib, const struct fib_table *table, struct fib_entry *entry, uint32_t metric)
{
	fib_set_present(fib, table, entry, true);
	entry->metric = metric;
	fib_entry_set_flags(entry, FIB_ENTRY_RESEND);
}

/* That of an earlier run, or one of the protocol that we have left. */
static void adopt_leftover(struct fib *fib, struct fib_table *table, uint32_t id, uint32_t metric)
{
	const struct ip_prefix *prefix = rib_held_prefix(fib->rib, table->family, id);
	const uint32_t place = fib->settings.table;
	struct leftover *leftover =
	    leftover_find(&fib->leftovers, prefix, place, metric, fib->settings.protocol);

	if (!leftover && fib->left_protocol)
		leftover =
		    leftover_find(&fib->leftovers, prefix, place, metric, fib->left_protocol);
	if (!leftover || leftover->in_flight)
		return;
	leftover_remove(&fib->leftovers, leftover);
	next_hop_objects_give_up(&fib->objects);
	adopt(fib, table, fib_entry(table, id), metric);
}

/* That of the prefix in the other table, as metrics have changed. */
static void adopt_from_other_table(
    struct fib *fib, struct fib_table *table, uint32_t id, uint32_t metric)
{
	struct fib_table *other = fib_table_at_metric(fib, table->family, id, metric);

	if (!other)
		return;
	fib_set_present(fib, other, fib_entry(other, id), false);
	fib_queue(fib, other, id);
	adopt(fib, table, fib_entry(table, id), metric);
}

static void put_in(
    struct fib *fib, struct fib_table *table, uint32_t id, const struct fib_desired *desired)
{
	struct fib_entry *entry = fib_entry(table, id);
	struct kernel_route route =
	    make_route(fib, rib_held_prefix(fib->rib, table->family, id), desired->metric);
	const struct kernel_route *foreign =
	    kernel_view_foreign_route(fib->view, &route.prefix, desired->metric);
	bool present;

	if (entry->flags & FIB_ENTRY_PRESENT && entry->metric != desired->metric)
		fib_leave_metric(fib, table, id);
	if (!(entry->flags & FIB_ENTRY_PRESENT))
		adopt_from_other_table(fib, table, id, desired->metric);
	if (!(entry->flags & FIB_ENTRY_PRESENT))
		adopt_leftover(fib, table, id, desired->metric);
	present = entry->flags & FIB_ENTRY_PRESENT;
	if (foreign) {
		fail_for_conflict(fib, table, id, foreign);
		if (present && table->family == IPV4)
			send_removal(fib, table, id);
		return;
	}
	if (present && entry->set == desired->set && !entry->error &&
	    !(entry->flags & FIB_ENTRY_RESEND))
		return;
	set_entry_set(fib, entry, hop_set_hold(desired->set));
	entry->metric = desired->metric;
	fib_entry_clear_flags(entry, FIB_ENTRY_RESEND);
	hop_set_write(&fib->sets, desired->set, &route);
	send_request(fib, table, id, present ? REQUEST_REPLACE : REQUEST_ADD, &route);
}

static void look_at(struct fib *fib, struct fib_table *table, uint32_t id)
{
	struct fib_entry *entry = fib_entry(table, id);
	struct fib_desired desired;

	if (entry->flags & FIB_ENTRY_IN_FLIGHT) {
		fib_entry_set_flags(entry, FIB_ENTRY_AGAIN);
		return;
	}
	desired = table->rank == FIB_BACKUP ? fib_desire_backup(fib, table, id)
					    : fib_desire(fib, table, id);
	fib_entry_clear_flags(entry, FIB_ENTRY_REFUSED);
	if (desired.refused)
		fib_entry_set_flags(entry, FIB_ENTRY_REFUSED);
	if (desired.desire == FIB_DESIRE_NOTHING)
		fib_take_out(fib, table, id);
	else if (desired.desire == FIB_DESIRE_ROUTE)
		put_in(fib, table, id, &desired);
	hop_set_release(&fib->sets, desired.set);
	settle(fib, table, id);
}

/* Looks at what is queued; false if there is no room or no time for the rest. */
static bool look_at_queued(struct fib *fib, struct fib_table *table)
{
	unsigned count = 0;

	while (table->queue_head < table->queue_tail) {
		if (!fib_has_room(fib))
			return false;
		if (++count % ENTRIES_AT_ONCE == 0 && loop_should_yield(fib->loop)) {
			loop_task_schedule(fib->loop, &fib->install_task);
			return false;
		}
		look_at(fib, table, take_queued(table));
	}
	return true;
}

static bool look_at_rank(struct fib *fib, enum fib_rank rank)
{
	return look_at_queued(fib, fib_table_of(fib, IPV4, rank)) &&
	       look_at_queued(fib, fib_table_of(fib, IPV6, rank));
}

bool fib_install_some(struct fib *fib)
{
	/* With requests out the answers bring us back here; so do next hops that are resolved. */
	if (!fib->ready || fib_netlink_pending(fib->netlink) || fib->objects.dirty)
		return false;
	/* A storm of notifications is read first, turn by turn. */
	if (!fib_netlink_read(fib->netlink) && !fib->dumps_left) {
		loop_task_schedule(fib->loop, &fib->install_task);
		return false;
	}
	/* What was read may have been that a link is lost: next hops are resolved first. */
	if (fib->objects.dirty)
		return false;
	return look_at_rank(fib, FIB_PRIMARY) && !fib_netlink_pending(fib->netlink) &&
	       look_at_rank(fib, FIB_BACKUP);
}

/* Answers */

uint16_t fib_note_error(struct fib *fib, int error, const char *text)
{
	char reason[ERROR_TEXT_MAX];

	if (text)
		snprintf(reason, sizeof(reason), "%s (%s)", text, strerror(error));
	else
		snprintf(reason, sizeof(reason), "%s", strerror(error));
	return intern_error(fib, reason);
}

static void refuse(
    struct fib *fib, struct fib_table *table, uint32_t id, int error, const char *text)
{
	fib->counters.errors++;
	fail_for_now(fib, table, id, fib->errors[fib_note_error(fib, error, text) - 1]);
}

/* Something has the place of a route that we wanted to add. */
static void place_is_taken(struct fib *fib, struct fib_table *table, uint32_t id)
{
	const struct kernel_route *foreign = kernel_view_foreign_route(
	    fib->view, rib_held_prefix(fib->rib, table->family, id), fib_entry(table, id)->metric);

	fib->counters.errors++;
	if (foreign) {
		fail_for_conflict(fib, table, id, foreign);
		return;
	}
	/* It may be a route that we have not been told of: it will have been by the next try. */
	fail_for_now(fib, table, id, "another route is already there");
	if (!fib->dumps_left)
		fib_dump_within(fib, RETRY_FIRST_MS);
}

static void removal_answered(
    struct fib *fib, struct fib_table *table, uint32_t id, int error, const char *text)
{
	struct fib_entry *entry = fib_entry(table, id);

	if (error && !fib_is_not_there(error)) {
		refuse(fib, table, id, error, text);
		return;
	}
	fib_set_present(fib, table, entry, false);
	if (!(entry->flags & FIB_ENTRY_CONFLICT))
		clear_error(fib, entry);
}

/* The kernel has refused the object itself: the route is sent again with its hops. */
static bool is_without_object(const struct fib_entry *entry, uint64_t tag)
{
	return tag & TAG_OBJECT && entry->set && !next_hop_group_id(entry->set->group);
}

static void addition_answered(
    struct fib *fib, struct fib_table *table, uint64_t tag, int error, const char *text)
{
	const enum request_kind kind = tag_kind(tag);
	const uint32_t id = tag_id(tag);
	struct fib_entry *entry = fib_entry(table, id);

	if (!error) {
		fib_set_present(fib, table, entry, true);
		clear_error(fib, entry);
	} else if (kind == REQUEST_REPLACE && fib_is_not_there(error)) {
		fib_set_present(fib, table, entry, false);
		fib_entry_set_flags(entry, FIB_ENTRY_AGAIN);
	} else if (kind == REQUEST_ADD && error == EEXIST) {
		place_is_taken(fib, table, id);
	} else if (error != ENOBUFS && is_without_object(entry, tag)) {
		fib_entry_set_flags(entry, FIB_ENTRY_AGAIN | FIB_ENTRY_RESEND);
	} else if (error == ENOBUFS && kind == REQUEST_ADD) {
		/* The answer may be what is lost: replacing finds out. */
		fib_set_present(fib, table, entry, true);
		fib_entry_set_flags(entry, FIB_ENTRY_RESEND);
		refuse(fib, table, id, error, text);
	} else {
		fib_entry_set_flags(entry, FIB_ENTRY_RESEND);
		refuse(fib, table, id, error, text);
		/* It may have dropped the object. */
		if (tag & TAG_OBJECT)
			fib->objects.doubted = true;
	}
}

void fib_answered(struct fib *fib, uint64_t tag, int error, const char *text)
{
	struct fib_table *table = fib_table_of(fib, tag >> 1 & 1, tag >> 2 & 1);
	const uint32_t id = tag_id(tag);
	struct fib_entry *entry = fib_entry(table, id);

	fib_entry_clear_flags(entry, FIB_ENTRY_IN_FLIGHT);
	if (tag_kind(tag) == REQUEST_REMOVE)
		removal_answered(fib, table, id, error, text);
	else
		addition_answered(fib, table, tag, error, text);
	if (entry->flags & FIB_ENTRY_AGAIN) {
		fib_entry_clear_flags(entry, FIB_ENTRY_AGAIN);
		fib_queue(fib, table, id);
	}
	if (table->rank == FIB_PRIMARY)
		fib_queue(fib, fib_table_of(fib, table->family, FIB_BACKUP), id);
	settle(fib, table, id);
}

void fib_release_entries(struct fib *fib)
{
	struct fib_table *table;
	uint32_t id;
	size_t i;

	for (table = fib->tables; table < fib->tables + FIB_TABLES; table++) {
		for (id = 0; id < table->capacity; id++) {
			hop_set_release(&fib->sets, table->entries[id].set);
			if (table->entries[id].flags & FIB_ENTRY_HELD)
				rib_release_prefix(fib->rib, table->family, id);
		}
		free(table->entries);
		free(table->queue);
	}
	free(fib->paths);
	for (i = 0; i < fib->error_count; i++)
		free(fib->errors[i]);
	hop_sets_free(&fib->sets);
}
