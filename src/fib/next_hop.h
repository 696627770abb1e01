/*
 * Next hop tracking: each next hop of the RIB is resolved against the kernel view and the RIB's own
 * routes, and the RIB is told when the outcome changes.  Called by the rest of the FIB room.
 */
#ifndef FIB_NEXT_HOP_H
#define FIB_NEXT_HOP_H

#include "fib/address_tree.h"
#include "fib/recursion.h"
#include "rib/table.h"

enum next_hop_kind {
	NEXT_HOP_CONCERNED, /* by a change: to be resolved anew */
	NEXT_HOP_DIRECT, /* only its own address was looked up */
	NEXT_HOP_RECURSIVE, /* those of others too: what concerns them concerns it */
	NEXT_HOP_KINDS
};

/* Lives as long as the RIB tracks it or a hop set holds it. */
struct next_hop {
	struct rib_next_hop *rib; /* NULL: the RIB has given it up */
	struct kernel_resolution resolution;
	uint32_t references;
	enum next_hop_kind kind; /* says in which list it is */
	struct address_leaf leaf;
	struct next_hop *next;
	struct next_hop *previous;
};

struct next_hop_list {
	struct next_hop *first;
	struct next_hop *at; /* the next one to resolve anew; NULL: all are */
	bool again; /* and then all once more: something has changed since */
};

struct next_hop_tracker {
	struct rib *rib;
	struct rib_listener listener;
	const struct kernel_view *view;
	struct installed_routes installed;
	void (*wake)(void *arg); /* something is to be resolved anew */
	void *arg;
	struct next_hop_list lists[NEXT_HOP_KINDS]; /* those that the RIB tracks */
	struct address_tree addresses;
	uint32_t on_every_path; /* next hops that depend on other paths than the best ones, too */
	bool moved; /* a resolution is another one than before */
};

/*
 * Registers with the RIB.  The tracker keeps its address until it is released.  `arg` is of `wake`;
 * next_hop_tracker_resolve() is to be called some time after that.
 */
void next_hop_tracker_init(struct next_hop_tracker *tracker, struct rib *rib,
    const struct kernel_view *view, const struct installed_routes *installed,
    void (*wake)(void *arg), void *arg);
/* Every hop set must have been released. */
void next_hop_tracker_release(struct next_hop_tracker *tracker);
/* All are to be resolved anew. */
void next_hop_tracker_start(struct next_hop_tracker *tracker);
/* A route of the prefix has changed, here or in the kernel: those that it concerns are. */
void next_hop_tracker_concern(struct next_hop_tracker *tracker, const struct ip_prefix *prefix);
/*
 * Does so and tells the RIB; false if the turn of the loop has no time for the rest.  Then, in
 * the end, `*moved` says if any resolution is another one than before.
 */
bool next_hop_tracker_resolve(struct next_hop_tracker *tracker, struct loop *loop, bool *moved);
/* The one after this one, in no order, or NULL; `after` NULL: the first one. */
const struct next_hop *next_hop_tracker_next(
    const struct next_hop_tracker *tracker, const struct next_hop *after);

static inline struct next_hop *next_hop_hold(struct next_hop *next_hop)
{
	next_hop->references++;
	return next_hop;
}
void next_hop_release(struct next_hop *next_hop);

#endif
