/*
 * Next hop tracking: each next hop of the RIB is resolved against the kernel view, and the RIB is
 * told when the outcome changes.  Called by the rest of the FIB room.
 */
#ifndef FIB_NEXT_HOP_H
#define FIB_NEXT_HOP_H

#include "fib/kernel_resolve.h"
#include "rib/table.h"

/* Lives as long as the RIB tracks it or a hop set holds it. */
struct next_hop {
	struct rib_next_hop *rib; /* NULL: the RIB has given it up */
	struct kernel_resolution resolution;
	uint32_t references;
	struct next_hop *next;
	struct next_hop *previous;
};

struct next_hop_tracker {
	struct rib *rib;
	const struct kernel_view *view;
	struct next_hop *first; /* those that the RIB tracks */
	struct next_hop *at; /* the next one to resolve anew; NULL: all are */
	bool again; /* and then all once more: something has changed since */
	bool moved; /* a resolution is another one than before */
};

/* Registers with the RIB.  The tracker keeps its address until it is released. */
void next_hop_tracker_init(
    struct next_hop_tracker *tracker, struct rib *rib, const struct kernel_view *view);
/* Every hop set must have been released. */
void next_hop_tracker_release(struct next_hop_tracker *tracker);
/* The view has changed: all are to be resolved anew. */
void next_hop_tracker_start(struct next_hop_tracker *tracker);
/*
 * Does so and tells the RIB; false if the turn of the loop has no time for the rest.  Then, in
 * the end, `*moved` says if any resolution is another one than before.
 */
bool next_hop_tracker_resolve(struct next_hop_tracker *tracker, struct loop *loop, bool *moved);

static inline struct next_hop *next_hop_hold(struct next_hop *next_hop)
{
	next_hop->references++;
	return next_hop;
}
void next_hop_release(struct next_hop *next_hop);

#endif
