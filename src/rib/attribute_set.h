/*
 * Attribute sets, each stored once (hash-consing): equal sets are equal pointers.  A set is one
 * immutable block: the numbers that the decision process compares, then the attributes in
 * canonical wire form.  References are counted by hand: a path holds one.
 */
#ifndef RIB_ATTRIBUTE_SET_H
#define RIB_ATTRIBUTE_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/pool.h"
#include "bgp/attributes.h"
#include "rib/nexthop.h"

/* What a set carries beside what goes on the wire. */
struct attribute_set_extra {
	uint32_t scope; /* interface index of a link-local next hop */
	uint32_t kernel_metric; /* 0: the configured one */
	uint64_t audience; /* local routes: bits of the peer lists they go to; 0: everybody */
	bool graceful_shutdown; /* local routes: to be sent as RFC 8326 says of what will go */
};

struct attribute_set {
	uint64_t hash; /* of the content, next hop and extras included */
	struct rib_next_hop *next_hop;
	uint64_t audience;
	uint32_t references;
	uint32_t kernel_metric;
	uint32_t local_pref; /* BGP_LOCAL_PREF_DEFAULT if absent */
	uint32_t med; /* 0 if absent: RFC 4271 9.1.2.2 c */
	uint32_t neighbour_asn; /* first of the AS path, 0 if it is empty */
	uint32_t originator_id; /* host order; 0 if absent */
	uint16_t as_path_length; /* as the decision process counts */
	uint16_t cluster_length; /* identifiers in CLUSTER_LIST */
	uint16_t wire_length;
	uint8_t origin;
	bool has_originator_id : 1;
	bool has_aigp : 1;
	bool has_link_bandwidth : 1;
	bool graceful_shutdown : 1;
	uint8_t wire[]; /* canonical form */
};

struct attribute_store {
	struct hash_table sets;
	struct hash_table next_hops;
	struct pool pool; /* of the sets */
	uint64_t seed;
	uint64_t bytes; /* of all sets */
	struct rib_next_hop_ops ops;
	void *ops_arg;
	struct arena arena;
	uint8_t *scratch; /* one canonical form */
};

void attribute_store_init(struct attribute_store *store, uint64_t seed);
/* All sets must have been released. */
void attribute_store_release(struct attribute_store *store);

/* Bytes that sets and next hops have from the system. */
size_t attribute_store_memory(const struct attribute_store *store);

/*
 * The one set with this content; the caller owns one reference.  NULL if the canonical form is too
 * long to store (over 65535 octets), which no message can carry.
 */
struct attribute_set *attribute_set_intern(struct attribute_store *store,
    const struct bgp_attributes *attributes, const struct attribute_set_extra *extra);
static inline struct attribute_set *attribute_set_hold(struct attribute_set *set)
{
	set->references++;
	return set;
}
/* Gives back a reference; the last one frees the set. */
void attribute_set_release(struct attribute_store *store, struct attribute_set *set);
/* True if the two differ in nothing but their audience. */
bool attribute_set_is_sent_as(const struct attribute_set *a, const struct attribute_set *b);
/* The set as a view into it; valid as long as a reference is held. */
void attribute_set_view(const struct attribute_set *set, struct bgp_attributes *attributes);
/* As bgp_communities_link_bandwidth(): octets per second, or 0. */
float attribute_set_link_bandwidth(const struct attribute_set *set);

#endif
