/*
 * What the files of the FIB itself share: fib.c (life and events), desired.c and backup.c (what a
 * prefix should have), walk.c (whose entries are looked at again), install.c (making it so),
 * leave.c (what is to go), reconcile.c (what the kernel has) and fib_show.c.  Nobody else includes
 * it.
 */
#ifndef FIB_FIB_STATE_H
#define FIB_FIB_STATE_H

#include <errno.h>

#include "base/round.h"
#include "fib/fib.h"
#include "fib/hop_set.h"
#include "fib/kernel_view.h"
#include "fib/leftover.h"
#include "fib/netlink.h"
#include "fib/next_hop.h"
#include "fib/next_hop_object.h"

enum fib_entry_flags {
	FIB_ENTRY_HELD = 1 << 0, /* its prefix id is held: anything of the entry is in use */
	FIB_ENTRY_PRESENT = 1 << 1, /* our route is in the kernel, as far as we know */
	FIB_ENTRY_WAITING = 1 << 2, /* in the queue */
	FIB_ENTRY_IN_FLIGHT = 1 << 3, /* a request is out */
	FIB_ENTRY_AGAIN = 1 << 4, /* changed while the request was out */
	FIB_ENTRY_RESEND = 1 << 5, /* what the kernel has may be another thing: send anyway */
	FIB_ENTRY_REFUSED = 1 << 6, /* a hop was left out: look again when next hops move */
	FIB_ENTRY_CONFLICT = 1 << 7, /* failed as a route of somebody else is in its place */
};

/* One per prefix id, all zero if the kernel has and shall have nothing. */
struct fib_entry {
	struct hop_set *set; /* sent last */
	uint32_t metric; /* sent last, or of the route that is present */
	uint16_t error; /* 1 + index of the text; 0: not failed */
	uint8_t flags; /* enum fib_entry_flags, or'ed */
	uint8_t generation; /* of the dump since which it is known to be present */
};

static inline void fib_entry_set_flags(struct fib_entry *entry, unsigned flags)
{
	entry->flags |= (uint8_t)flags;
}

static inline void fib_entry_clear_flags(struct fib_entry *entry, unsigned flags)
{
	entry->flags &= (uint8_t)~flags;
}

/* Why all entries are walked over; or'ed. */
enum fib_walk {
	FIB_WALK_PREFIXES = 1 << 0, /* every prefix of the RIB may have to be something else */
	FIB_WALK_SETS = 1 << 1, /* hop sets have changed, or next hops moved */
	FIB_WALK_FAILED = 1 << 2, /* what the kernel has refused is tried again */
	FIB_WALK_MISSING = 1 << 3, /* a dump is over: what it has not told of is missing */
};

/*
 * Of two routes of a prefix the kernel takes the one with the lower metric: the backup forwards
 * only where there is no primary one.
 */
enum fib_rank { FIB_PRIMARY, FIB_BACKUP };
#define FIB_RANKS 2

/* Of each prefix of the family at most one route: what is known of it, and whether it is to be. */
struct fib_table {
	enum ip_family family;
	enum fib_rank rank;
	struct fib_entry *entries; /* by prefix id */
	size_t capacity;
	uint32_t *queue; /* ids whose entries are to be looked at */
	size_t queue_head;
	size_t queue_tail;
	size_t queue_capacity;
	struct round walk; /* over the ids of prefixes and entries */
	unsigned walk_for; /* enum fib_walk, or'ed */
};

#define FIB_TABLES ((size_t)FIB_RANKS * IP_FAMILIES)
#define FIB_ERROR_TEXTS_MAX 256
#define FIB_AUDIT_MS (5 * 60 * 1000)
/* Requests that wait in the socket's queue at most. */
#define FIB_REQUESTS_AHEAD 512

/* When routes move to another table or protocol nothing is installed until they have arrived. */
enum fib_move {
	FIB_STAYS,
	FIB_LEAVES, /* what is out is answered, then all routes become leftovers */
	FIB_ARRIVES, /* the kernel's routes are read again with the new place in view */
};

struct fib {
	struct loop *loop;
	struct rib *rib;
	struct fib_settings settings;
	const struct fib_ops *ops;
	void *arg;
	uint64_t hash_seed;

	struct fib_netlink *netlink;
	struct kernel_view *view;
	struct next_hop_tracker tracker;
	struct hop_sets sets;
	struct next_hop_objects objects;
	struct rib_listener listener;
	struct fib_table tables[FIB_TABLES]; /* see fib_table_of(); better ranks first */
	const struct rib_path **paths; /* scratch of backup.c */
	size_t path_capacity;
	struct leftovers leftovers;
	struct ip_prefix *own_prefixes;
	size_t own_prefix_count;
	struct ip_address sources[IP_FAMILIES]; /* those of the settings that can be used now */
	char *errors[FIB_ERROR_TEXTS_MAX]; /* each text once */
	size_t error_count;

	struct loop_task resolve_task; /* next hops */
	struct loop_task install_task;
	struct loop_timer retry_timer;
	uint64_t retry_ms;
	struct loop_timer dump_timer; /* the audit, or a dump that failed */
	unsigned dumps_left;
	unsigned dump_failures; /* in a row */
	bool dump_failed;
	bool dump_again;
	struct loop_timer sweep_timer;
	uint64_t sweep_deadline;
	uint64_t rib_changed_at; /* loop_now() */
	uint8_t generation; /* of the dump */
	struct loop_timer check_timer; /* of next-hop objects */
	bool checking; /* a dump of objects alone is out */
	bool objects_supported; /* by the kernel */
	bool objects_known; /* a dump of them has been complete */
	bool objects_told; /* the one of this round is */
	unsigned checks_in_vain; /* in a row: there was doubt again soon after */
	uint64_t doubted_at; /* loop_now(), when the last check for doubt was planned */
	bool round_planned; /* the next dump is for the sake of unused objects */
	unsigned rounds_in_vain; /* in a row: unused objects were still in use */
	uint32_t given_up; /* objects, as counted when the last round was planned */
	uint64_t dump_started_cpu_ms; /* of the time that this process runs */
	uint64_t dump_cpu_ms; /* the last complete one */
	bool ready; /* the kernel view is complete */
	bool told_ready; /* .. and was for the first time */
	bool links_changed;
	bool view_changed;
	bool interface_lost;
	bool hears_neighbours;
	bool converged;
	bool swept; /* leftovers are removed from now on */
	bool forgetting; /* leftovers that the last dump has not told of */
	enum fib_move move;
	struct fib_settings next_settings; /* whose place the routes move to */
	size_t leaving_table; /* how far they have left the old one */
	uint32_t leaving_id;
	uint8_t left_protocol; /* of leftovers that are still there in our table; 0: none */
	struct fib_counters counters;
};

static inline struct fib_table *fib_table_of(
    struct fib *fib, enum ip_family family, enum fib_rank rank)
{
	return &fib->tables[(size_t)rank * IP_FAMILIES + family];
}

/* NULL: the table has not come to this id yet, which is as if the entry were all zero. */
static inline struct fib_entry *fib_find_entry(const struct fib_table *table, uint32_t id)
{
	return id < table->capacity ? &table->entries[id] : NULL;
}

/* False: nothing shall be installed from it, and the RIB's prefixes are none of its business. */
static inline bool fib_table_is_wanted(const struct fib *fib, const struct fib_table *table)
{
	return fib->settings.install && (table->rank == FIB_PRIMARY || fib->settings.backup);
}

static inline bool fib_has_room(const struct fib *fib)
{
	return fib_netlink_pending(fib->netlink) < FIB_REQUESTS_AHEAD;
}

/* Has everything dumped after so long, unless that happens sooner anyway. */
static inline void fib_dump_within(struct fib *fib, uint64_t delay_ms)
{
	if (!loop_timer_is_running(&fib->dump_timer) ||
	    fib->dump_timer.deadline > loop_now(fib->loop) + delay_ms)
		loop_timer_start(&fib->dump_timer, delay_ms);
}

/* An answer that says that what was to be removed or replaced does not exist. */
static inline bool fib_is_not_there(int error)
{
	return error == ESRCH || error == ENOENT;
}

/* desired.c */
enum fib_desire {
	FIB_DESIRE_NOTHING,
	FIB_DESIRE_ROUTE,
	FIB_DESIRE_LATER, /* leave it as it is: the RIB is about to decide anew */
};
struct fib_desired {
	enum fib_desire desire;
	struct hop_set *set; /* for a route; the caller owns the reference */
	uint32_t metric;
	bool refused; /* a hop was left out: it lies behind the route itself, or is not reachable */
};
struct fib_desired fib_desire(struct fib *fib, const struct fib_table *table, uint32_t id);
/* Finds out which source addresses can be used now; true if others than before. */
bool fib_find_sources(struct fib *fib);
/* For struct installed_routes. */
bool fib_would_install(
    void *fib, const struct ip_prefix *prefix, const struct rib_path *best, uint32_t *metric);

/* backup.c */
struct fib_desired fib_desire_backup(struct fib *fib, const struct fib_table *table, uint32_t id);

/* walk.c */
/*
 * Begins a walk over all entries, for reasons of enum fib_walk, or has the one that runs go round
 * again.
 */
void fib_walk_start(struct fib *fib, unsigned why);
/* Not every entry has been passed. */
bool fib_walk_is_running(const struct fib *fib);
/* Goes on with the walk for as long as the turn has time. */
void fib_walk_some(struct fib *fib);
/* A dump begins: what the last one has not told of will be found by this one. */
void fib_walk_forget_missing(struct fib *fib);

/* install.c */
/* Makes room for it. */
struct fib_entry *fib_entry(struct fib_table *table, uint32_t id);
/* The table whose route of the prefix is, or may be, in the kernel at this metric; NULL: none. */
struct fib_table *fib_table_at_metric(
    struct fib *fib, enum ip_family family, uint32_t id, uint32_t metric);
/* Notes whether our route is in the kernel. */
void fib_set_present(
    struct fib *fib, const struct fib_table *table, struct fib_entry *entry, bool present);
/* Has the prefix looked at, in one table or in all of its family. */
void fib_queue(struct fib *fib, struct fib_table *table, uint32_t id);
void fib_queue_all(struct fib *fib, enum ip_family family, uint32_t id);
/* Looks at some of the queue and sends requests; true if nothing was left to be looked at. */
bool fib_install_some(struct fib *fib);
/* The answer to a request of an entry. */
void fib_answered(struct fib *fib, uint64_t tag, int error, const char *text);
/*
 * Removing an IPv6 route takes along what somebody else has joined to it: then it stays, until that
 * route is gone.
 */
bool fib_is_joined(const struct fib *fib, const struct ip_prefix *prefix, uint32_t metric);
/* Asks for the removal of the entry's route, if it is there and may be removed. */
void fib_take_out(struct fib *fib, struct fib_table *table, uint32_t id);
/* Makes the entry's route a leftover, which goes once there is another one. */
void fib_leave_metric(struct fib *fib, struct fib_table *table, uint32_t id);
/* 1 + the index of the text for an error, with the kernel's own text or NULL. */
uint16_t fib_note_error(struct fib *fib, int error, const char *text);
/* What was refused is tried again after a while. */
void fib_retry_later(struct fib *fib);
/* Forgets all entries. */
void fib_release_entries(struct fib *fib);

/* fib_objects.c */
void fib_objects_init(struct fib *fib);
void fib_objects_release(struct fib *fib);
/* The settings have changed, or what is known of the kernel: whether objects are used. */
void fib_objects_apply(struct fib *fib);
/* The answer to a request whose tag is that of an object. */
void fib_objects_answered(struct fib *fib, uint64_t tag, int error);
/* Every message of the kernel. */
void fib_objects_message(struct fib *fib, const struct nlmsghdr *message);
/* What the kernel view tells of routes over objects. */
void fib_objects_used(void *fib, uint32_t object, bool ours);
/* A dump of objects is over; true: it was asked for alone. */
bool fib_objects_dumped(struct fib *fib, bool complete);
/* A dump of everything begins, or is complete. */
void fib_objects_begin_round(struct fib *fib);
void fib_objects_end_round(struct fib *fib);
/* Has a check made if one is due, and a dump come sooner if there are objects that nobody uses. */
void fib_objects_plan(struct fib *fib);
/* All routes have been withdrawn. */
void fib_objects_withdraw(struct fib *fib);

/* reconcile.c */
/* What the kernel view tells of routes. */
void fib_own_route(void *fib, const struct kernel_route *route, bool gone);
void fib_foreign_route(void *fib, const struct kernel_route *route, bool gone);
void fib_route_replaced(void *fib, const struct kernel_route *by);

/* leave.c */
/* Asks for the removal of some of the leftovers that are to go. */
void fib_remove_leftovers(struct fib *fib);
void fib_leftover_answered(struct fib *fib, struct leftover *leftover, int error, const char *text);
/* A dump is over: goes on to forget the leftovers that it has not told of. */
void fib_forget_gone_leftovers(struct fib *fib);
/*
 * Goes on to make every route of ours a leftover, as its place is no longer the configured one;
 * true: all are.
 */
bool fib_leave_some(struct fib *fib);
/* Removes all routes of ours before it returns, but gives up after so long. */
void fib_withdraw_all(struct fib *fib, uint64_t limit_ms);

#endif
