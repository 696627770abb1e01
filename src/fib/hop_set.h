/*
 * Hop sets: the next hops of a route, each combination stored once and shared by all prefixes that
 * use it.  This is the one place that knows how a set is written into the kernel's routes.  Called
 * by install.c and fib.c.
 */
#ifndef FIB_HOP_SET_H
#define FIB_HOP_SET_H

#include "base/hash.h"
#include "fib/next_hop.h"

struct hop_set {
	uint64_t hash;
	uint32_t references;
	uint8_t member_count;
	uint8_t hop_count;
	bool changed; /* routes that use it must be sent again */
	struct kernel_hop *hops; /* resolved, each once, in a fixed order */
	struct next_hop *members[];
};

/* Zeroed but for the seed is empty. */
struct hop_sets {
	struct hash_table table;
	uint64_t seed;
};

/*
 * The one set of these next hops, which are distinct, reachable, at least one and at most
 * KERNEL_HOPS_MAX; sorts `members`.  The caller owns a reference.
 */
struct hop_set *hop_set_intern(struct hop_sets *sets, struct next_hop **members, size_t count);
static inline struct hop_set *hop_set_hold(struct hop_set *set)
{
	set->references++;
	return set;
}
/* NULL is allowed. */
void hop_set_release(struct hop_sets *sets, struct hop_set *set);
/* Takes over the resolutions of the next hops and marks the sets that changed. */
void hop_sets_refresh(struct hop_sets *sets);
/* Marks the sets with a hop over the interface. */
void hop_sets_mark_interface(struct hop_sets *sets, uint32_t interface);
void hop_sets_clear_changed(struct hop_sets *sets);
/* Every set must have been released. */
void hop_sets_free(struct hop_sets *sets);
/* Puts the hops into a route. */
void hop_set_write(const struct hop_set *set, struct kernel_route *route);

#endif
