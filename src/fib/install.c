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
 * never without a route in between.
 */
#include "fib/fib_state.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Requests that wait in the socket's queue at most; entries between two looks at the clock. */
#define REQUESTS_AHEAD 512
#define ENTRIES_AT_ONCE 32
#define RETRY_FIRST_MS 250
#define RETRY_LAST_MS 60000

enum request_kind { REQUEST_ADD, REQUEST_REPLACE, REQUEST_REMOVE };

/* A tag is the pointer of a leftover, or has the lowest bit set. */
static uint64_t make_tag(enum ip_family family, uint32_t id, enum request_kind kind)
{
	return (uint64_t)id << 4 | (uint64_t)kind << 2 | (uint64_t)family << 1 | 1;
}

/* Entries */

struct fib_entry *fib_entry(struct fib *fib, enum ip_family family, uint32_t id)
{
	struct fib_family *table = &fib->families[family];
	const size_t before = table->capacity;

	if (id >= before) {
		table->entries = memory_grow(
		    table->entries, &table->capacity, (size_t)id + 1, sizeof(*table->entries));
		memset(table->entries + before, 0,
		    (table->capacity - before) * sizeof(*table->entries));
	}
	return &table->entries[id];
}

void fib_set_present(struct fib *fib, enum ip_family family, struct fib_entry *entry, bool now)
{
	const bool before = entry->flags & FIB_ENTRY_PRESENT;

	if (now)
		entry->generation = fib->generation;
	if (now == before)
		return;
	if (now) {
		fib_entry_set_flags(entry, FIB_ENTRY_PRESENT);
		fib->counters.routes[family]++;
	} else {
		fib_entry_clear_flags(entry, FIB_ENTRY_PRESENT);
		fib->counters.routes[family]--;
	}
}

static void set_entry_set(struct fib *fib, struct fib_entry *entry, struct hop_set *set)
{
	hop_set_release(&fib->sets, entry->set);
	entry->set = set;
}

/* Gives the prefix id back if nothing is left to be known of it. */
static void settle(struct fib *fib, enum ip_family family, uint32_t id)
{
	struct fib_entry *entry = fib_entry(fib, family, id);

	if (entry->flags != FIB_ENTRY_HELD || entry->error)
		return;
	set_entry_set(fib, entry, NULL);
	*entry = (struct fib_entry){0};
	rib_release_prefix(fib->rib, family, id);
}

/* The queue */

/* Nothing shall be installed, and nothing is: a reflector's full table costs no memory here. */
static bool is_of_no_interest(const struct fib *fib, enum ip_family family, uint32_t id)
{
	const struct fib_family *table = &fib->families[family];

	return !fib->settings.install &&
	       (id >= table->capacity || (!table->entries[id].flags && !table->entries[id].set));
}

void fib_queue(struct fib *fib, enum ip_family family, uint32_t id)
{
	struct fib_family *table = &fib->families[family];
	struct fib_entry *entry;

	if (is_of_no_interest(fib, family, id))
		return;
	entry = fib_entry(fib, family, id);
	if (entry->flags & FIB_ENTRY_WAITING)
		return;
	if (!(entry->flags & FIB_ENTRY_HELD))
		rib_hold_prefix(fib->rib, family, id);
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

static uint32_t take_queued(struct fib_family *table)
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

static void fail(struct fib *fib, enum ip_family family, uint32_t id, const char *text)
{
	struct fib_entry *entry = fib_entry(fib, family, id);
	const uint16_t error = intern_error(fib, text);
	const uint16_t before = entry->error;

	if (!before)
		fib->counters.failed++;
	entry->error = error;
	if (before != error && fib->ops->failed)
		fib->ops->failed(fib->arg, rib_held_prefix(fib->rib, family, id), text);
}

/* Failed, to be tried again after a while. */
static void fail_for_now(struct fib *fib, enum ip_family family, uint32_t id, const char *text)
{
	fib_entry_clear_flags(fib_entry(fib, family, id), FIB_ENTRY_CONFLICT);
	fail(fib, family, id, text);
	if (loop_timer_is_running(&fib->retry_timer))
		return;
	if (!fib->retry_ms)
		fib->retry_ms = RETRY_FIRST_MS;
	loop_timer_start(&fib->retry_timer, fib->retry_ms);
	fib->retry_ms = fib->retry_ms * 2 < RETRY_LAST_MS ? fib->retry_ms * 2 : RETRY_LAST_MS;
}

/* Failed until the route of somebody else goes. */
static void fail_for_conflict(
    struct fib *fib, enum ip_family family, uint32_t id, const struct kernel_route *foreign)
{
	char protocol[32];
	char text[96];

	rtnl_route_proto2str(foreign->protocol, protocol, sizeof(protocol));
	snprintf(text, sizeof(text), "a route of protocol %s is already there", protocol);
	fib_entry_set_flags(fib_entry(fib, family, id), FIB_ENTRY_CONFLICT);
	fail(fib, family, id, text);
}

/* Requests */

static void send_request(struct fib *fib, enum ip_family family, uint32_t id,
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

	fib_entry_set_flags(fib_entry(fib, family, id), FIB_ENTRY_IN_FLIGHT);
	fib->counters.requests++;
	fib_netlink_request(fib->netlink, header, make_tag(family, id, kind));
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

static void send_removal(struct fib *fib, enum ip_family family, uint32_t id)
{
	const struct kernel_route route = make_route(
	    fib, rib_held_prefix(fib->rib, family, id), fib_entry(fib, family, id)->metric);

	send_request(fib, family, id, REQUEST_REMOVE, &route);
}

/*
 * Removing an IPv6 route takes along what somebody else has joined to it: then it stays, until that
 * route is gone.
 */
static bool is_joined(const struct fib *fib, const struct ip_prefix *prefix, uint32_t metric)
{
	return prefix->family == IPV6 && kernel_view_foreign_route(fib->view, prefix, metric);
}

/* False if the place of the leftover is an entry's, or if its removal would take others along. */
static bool may_be_removed(struct fib *fib, const struct leftover *leftover)
{
	const enum ip_family family = leftover->prefix.family;
	const struct fib_entry *entry;
	uint32_t id;

	if (leftover->table != fib->settings.table || leftover->protocol != fib->settings.protocol)
		return true;
	if (is_joined(fib, &leftover->prefix, leftover->metric))
		return false;
	if (!rib_find(fib->rib, &leftover->prefix, &id))
		return true;
	entry = fib_entry(fib, family, id);
	return !(entry->flags & (FIB_ENTRY_PRESENT | FIB_ENTRY_IN_FLIGHT)) ||
	       entry->metric != leftover->metric;
}

static void send_leftover_removal(struct fib *fib, struct leftover *leftover)
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

/* Looking at an entry */

static void take_out(struct fib *fib, enum ip_family family, uint32_t id)
{
	struct fib_entry *entry = fib_entry(fib, family, id);
	const struct ip_prefix *prefix = rib_held_prefix(fib->rib, family, id);

	fib_entry_clear_flags(entry, FIB_ENTRY_RESEND);
	if (!(entry->flags & FIB_ENTRY_PRESENT)) {
		clear_error(fib, entry);
	} else if (is_joined(fib, prefix, entry->metric)) {
		fail_for_conflict(
		    fib, family, id, kernel_view_foreign_route(fib->view, prefix, entry->metric));
	} else {
		fib_entry_clear_flags(entry, FIB_ENTRY_CONFLICT);
		send_removal(fib, family, id);
	}
}

/* A route at another metric than the desired one goes once the new one is there. */
static void leave_metric(struct fib *fib, enum ip_family family, uint32_t id)
{
	struct fib_entry *entry = fib_entry(fib, family, id);

	leftover_queue(
	    &fib->leftovers, leftover_add(&fib->leftovers, rib_held_prefix(fib->rib, family, id),
				 fib->settings.table, entry->metric, fib->settings.protocol));
	fib_set_present(fib, family, entry, false);
}

/* A route of an earlier run in this very place becomes this entry's; it is then replaced. */
static void adopt_leftover(struct fib *fib, enum ip_family family, uint32_t id, uint32_t metric)
{
	struct leftover *leftover =
	    leftover_find(&fib->leftovers, rib_held_prefix(fib->rib, family, id),
		fib->settings.table, metric, fib->settings.protocol);
	struct fib_entry *entry = fib_entry(fib, family, id);

	if (!leftover || leftover->in_flight)
		return;
	leftover_remove(&fib->leftovers, leftover);
	fib_set_present(fib, family, entry, true);
	entry->metric = metric;
	fib_entry_set_flags(entry, FIB_ENTRY_RESEND);
}

static void put_in(
    struct fib *fib, enum ip_family family, uint32_t id, const struct fib_desired *desired)
{
	struct fib_entry *entry = fib_entry(fib, family, id);
	struct kernel_route route =
	    make_route(fib, rib_held_prefix(fib->rib, family, id), desired->metric);
	const struct kernel_route *foreign =
	    kernel_view_foreign_route(fib->view, &route.prefix, desired->metric);
	bool present;

	if (entry->flags & FIB_ENTRY_PRESENT && entry->metric != desired->metric)
		leave_metric(fib, family, id);
	if (!(entry->flags & FIB_ENTRY_PRESENT))
		adopt_leftover(fib, family, id, desired->metric);
	present = entry->flags & FIB_ENTRY_PRESENT;
	if (foreign) {
		fail_for_conflict(fib, family, id, foreign);
		if (present && family == IPV4)
			send_removal(fib, family, id);
		return;
	}
	if (present && entry->set == desired->set && !entry->error &&
	    !(entry->flags & FIB_ENTRY_RESEND))
		return;
	set_entry_set(fib, entry, hop_set_hold(desired->set));
	entry->metric = desired->metric;
	fib_entry_clear_flags(entry, FIB_ENTRY_RESEND);
	hop_set_write(desired->set, &route);
	send_request(fib, family, id, present ? REQUEST_REPLACE : REQUEST_ADD, &route);
}

static void look_at(struct fib *fib, enum ip_family family, uint32_t id)
{
	struct fib_entry *entry = fib_entry(fib, family, id);
	struct fib_desired desired;

	if (entry->flags & FIB_ENTRY_IN_FLIGHT) {
		fib_entry_set_flags(entry, FIB_ENTRY_AGAIN);
		return;
	}
	desired = fib_desire(fib, family, id);
	fib_entry_clear_flags(entry, FIB_ENTRY_REFUSED);
	if (desired.refused)
		fib_entry_set_flags(entry, FIB_ENTRY_REFUSED);
	if (desired.desire == FIB_DESIRE_NOTHING)
		take_out(fib, family, id);
	else if (desired.desire == FIB_DESIRE_ROUTE)
		put_in(fib, family, id, &desired);
	hop_set_release(&fib->sets, desired.set);
	settle(fib, family, id);
}

static bool has_room(const struct fib *fib)
{
	return fib_netlink_pending(fib->netlink) < REQUESTS_AHEAD;
}

/* Looks at what is queued; false if there is no room or no time for the rest. */
static bool look_at_queued(struct fib *fib, enum ip_family family)
{
	struct fib_family *table = &fib->families[family];
	unsigned count = 0;

	while (table->queue_head < table->queue_tail) {
		if (!has_room(fib))
			return false;
		if (++count % ENTRIES_AT_ONCE == 0 && loop_should_yield(fib->loop)) {
			loop_task_schedule(fib->loop, &fib->install_task);
			return false;
		}
		look_at(fib, family, take_queued(table));
	}
	return true;
}

void fib_install_some(struct fib *fib)
{
	/* With requests out the answers bring us back here. */
	if (!fib->ready || fib_netlink_pending(fib->netlink))
		return;
	/* A storm of notifications is read first, turn by turn. */
	if (!fib_netlink_read(fib->netlink) && !fib->dumps_left) {
		loop_task_schedule(fib->loop, &fib->install_task);
		return;
	}
	if (!look_at_queued(fib, IPV4) || !look_at_queued(fib, IPV6))
		return;
	while (fib->leftovers.first && has_room(fib))
		send_leftover_removal(fib, leftover_take_queued(&fib->leftovers));
}

/* Answers */

static bool is_not_there(int error)
{
	return error == ESRCH || error == ENOENT;
}

static void refuse(struct fib *fib, enum ip_family family, uint32_t id, int error, const char *text)
{
	char reason[ERROR_TEXT_MAX];

	fib->counters.errors++;
	if (text)
		snprintf(reason, sizeof(reason), "%s (%s)", text, strerror(error));
	else
		snprintf(reason, sizeof(reason), "%s", strerror(error));
	fail_for_now(fib, family, id, reason);
}

/* Something has the place of a route that we wanted to add. */
static void place_is_taken(struct fib *fib, enum ip_family family, uint32_t id)
{
	const struct kernel_route *foreign = kernel_view_foreign_route(
	    fib->view, rib_held_prefix(fib->rib, family, id), fib_entry(fib, family, id)->metric);

	fib->counters.errors++;
	if (foreign) {
		fail_for_conflict(fib, family, id, foreign);
		return;
	}
	/* It may be a route that we have not been told of: it will have been by the next try. */
	fail_for_now(fib, family, id, "another route is already there");
	if (!fib->dumps_left)
		loop_timer_start(&fib->dump_timer, RETRY_FIRST_MS);
}

static void removal_answered(
    struct fib *fib, enum ip_family family, uint32_t id, int error, const char *text)
{
	struct fib_entry *entry = fib_entry(fib, family, id);

	if (error && !is_not_there(error)) {
		refuse(fib, family, id, error, text);
		return;
	}
	fib_set_present(fib, family, entry, false);
	if (!(entry->flags & FIB_ENTRY_CONFLICT))
		clear_error(fib, entry);
}

static void addition_answered(struct fib *fib, enum ip_family family, uint32_t id,
    enum request_kind kind, int error, const char *text)
{
	struct fib_entry *entry = fib_entry(fib, family, id);

	if (!error) {
		fib_set_present(fib, family, entry, true);
		clear_error(fib, entry);
	} else if (kind == REQUEST_REPLACE && is_not_there(error)) {
		fib_set_present(fib, family, entry, false);
		fib_entry_set_flags(entry, FIB_ENTRY_AGAIN);
	} else if (kind == REQUEST_ADD && error == EEXIST) {
		place_is_taken(fib, family, id);
	} else if (error == ENOBUFS && kind == REQUEST_ADD) {
		/* The answer may be what is lost: replacing finds out. */
		fib_set_present(fib, family, entry, true);
		fib_entry_set_flags(entry, FIB_ENTRY_RESEND);
		refuse(fib, family, id, error, text);
	} else {
		fib_entry_set_flags(entry, FIB_ENTRY_RESEND);
		refuse(fib, family, id, error, text);
	}
}

static void leftover_answered(struct fib *fib, struct leftover *leftover, int error)
{
	leftover->in_flight = false;
	if (error && !is_not_there(error))
		fib->counters.errors++; /* the next audit tells of it again */
	leftover_remove(&fib->leftovers, leftover);
}

void fib_answered(void *arg, uint64_t tag, int error, const char *text)
{
	struct fib *fib = arg;
	const enum ip_family family = tag >> 1 & 1;
	const enum request_kind kind = tag >> 2 & 3;
	const uint32_t id = (uint32_t)(tag >> 4);
	struct fib_entry *entry;

	if (!(tag & 1)) {
		leftover_answered(fib, (struct leftover *)(uintptr_t)tag, error);
		return;
	}
	entry = fib_entry(fib, family, id);
	fib_entry_clear_flags(entry, FIB_ENTRY_IN_FLIGHT);
	if (kind == REQUEST_REMOVE)
		removal_answered(fib, family, id, error, text);
	else
		addition_answered(fib, family, id, kind, error, text);
	if (entry->flags & FIB_ENTRY_AGAIN) {
		fib_entry_clear_flags(entry, FIB_ENTRY_AGAIN);
		fib_queue(fib, family, id);
	}
	settle(fib, family, id);
}

/* Leaving */

void fib_leave_place(struct fib *fib)
{
	enum ip_family family;
	uint32_t id;

	for (family = 0; family < IP_FAMILIES; family++) {
		for (id = 0; id < fib->families[family].capacity; id++) {
			if (fib->families[family].entries[id].flags & FIB_ENTRY_PRESENT)
				leave_metric(fib, family, id);
		}
	}
}

void fib_withdraw_all(struct fib *fib)
{
	struct leftover *leftover;
	size_t cursor = 0;

	fib_leave_place(fib);
	while ((leftover = leftover_next(&fib->leftovers, &cursor)))
		leftover_queue(&fib->leftovers, leftover);
	while ((leftover = leftover_take_queued(&fib->leftovers)))
		send_leftover_removal(fib, leftover);
}

void fib_release_entries(struct fib *fib)
{
	enum ip_family family;
	uint32_t id;
	size_t i;

	for (family = 0; family < IP_FAMILIES; family++) {
		struct fib_family *table = &fib->families[family];

		for (id = 0; id < table->capacity; id++) {
			hop_set_release(&fib->sets, table->entries[id].set);
			if (table->entries[id].flags & FIB_ENTRY_HELD)
				rib_release_prefix(fib->rib, family, id);
		}
		free(table->entries);
		free(table->queue);
	}
	for (i = 0; i < fib->error_count; i++)
		free(fib->errors[i]);
	hop_sets_free(&fib->sets);
}
