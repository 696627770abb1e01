/*
 * Hop sets: where a route leads to, each combination stored once and shared by all prefixes that
 * use it: next hops with their weights and the preferred source address, or nowhere.  This is the
 * one place that knows how a set is written into the kernel's routes: as the id of its group of
 * next-hop objects, or as hops.  Called by the rest of the FIB room.
 */
#ifndef FIB_HOP_SET_H
#define FIB_HOP_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/hash.h"
#include "fib/next_hop.h"
#include "fib/next_hop_object.h"

struct hop_set_member {
	struct next_hop *next_hop;
	/* 1 .. HOP_WEIGHT_MAX, of members that resolve to one hop the sum counts; 0 in all: none. */
	uint32_t weight;
};

/* What makes a set the one that it is. */
struct hop_set_key {
	uint8_t type; /* RTN_UNICAST, or without members RTN_BLACKHOLE or RTN_UNREACHABLE */
	struct ip_address source; /* RTA_PREFSRC; zeroed: none */
	struct hop_set_member *members; /* distinct and reachable, at most KERNEL_HOPS_MAX */
	size_t count;
};

struct hop_set {
	uint64_t hash;
	uint32_t references;
	uint8_t member_count;
	uint8_t hop_count;
	bool changed; /* routes that use it must be sent again */
	bool moved; /* prefixes that use it must be looked at: they may want another set */
	uint8_t type;
	struct ip_address source;
	struct next_hop_object *group; /* that its routes point to, or NULL */
	struct kernel_hop *hops; /* resolved, each once, in a fixed order */
	struct hop_set_member members[];
};

/* Zeroed but for the seed is empty. */
struct hop_sets {
	struct hash_table table;
	uint64_t seed;
	struct next_hop_objects *objects; /* NULL: all routes name their hops */
};

/* The one set of this key, whose members it sorts.  The caller owns a reference. */
struct hop_set *hop_set_intern(struct hop_sets *sets, const struct hop_set_key *key);
static inline struct hop_set *hop_set_hold(struct hop_set *set)
{
	set->references++;
	return set;
}
/* NULL is allowed. */
void hop_set_release(struct hop_sets *sets, struct hop_set *set);
/*
 * Takes over the resolutions of the next hops: the group of a set that changed has other hops; if
 * it has none, the set is marked.
 */
void hop_sets_refresh(struct hop_sets *sets);
/*
 * Takes the routes over sets of which no next hop is reachable out of the kernel, with one request
 * for each such set, and marks them; not those that name their hops.
 */
void hop_sets_remove_unreachable(struct hop_sets *sets);
/* Marks the sets with a hop over the interface whose routes name their hops. */
void hop_sets_mark_interface(struct hop_sets *sets, uint32_t interface);
/* Marks the sets with this source address. */
void hop_sets_mark_source(struct hop_sets *sets, const struct ip_address *source);
/* Takes all marks away. */
void hop_sets_clear_changed(struct hop_sets *sets);
/* Every set must have been released. */
void hop_sets_free(struct hop_sets *sets);
/*
 * From now on routes point to groups of these objects, or (NULL) name their hops: all sets are
 * marked, and have given up the groups that they had.
 */
void hop_sets_use_objects(struct hop_sets *sets, struct next_hop_objects *objects);
/* Has a route that is about to be sent lead to where the set does, by its id or its hops. */
void hop_set_write(const struct hop_sets *sets, struct hop_set *set, struct kernel_route *route);
/* The id that routes over this next hop alone, with this source, have; 0: none. */
uint32_t hop_sets_find_object(
    const struct hop_sets *sets, struct next_hop *next_hop, const struct ip_address *source);
/* True if a route of the kernel is as hop_set_write() makes it. */
bool hop_set_matches(const struct hop_set *set, const struct kernel_route *route);

#endif
