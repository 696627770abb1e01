/*
 * Hash-consing of attribute sets and of next hops.
 *
 * Interning writes the canonical form into a scratch buffer, hashes it, and finds or makes the one
 * set with these bytes, this next hop and these extras.  The next hop is interned first, so that
 * it is compared as a pointer.  The hash is one of content, never of addresses in memory: it tells
 * sets apart even when one has taken the place of another.
 *
 * A set that is found costs no allocation; a new one is a single block of a pool, for sets come and
 * go by the hundred thousand and what they leave is to be given back, in whatever order.  The
 * numbers that the decision process compares are taken out once, so that deciding touches the first
 * cache line of a set only.
 */
#include "rib/attribute_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/as_path.h"

#define CANONICAL_MAX UINT16_MAX

struct set_key {
	struct wire_span wire;
	const struct rib_next_hop *next_hop;
	const struct attribute_set_extra *extra;
};

struct next_hop_key {
	const struct bgp_next_hop *address;
	uint32_t scope;
};

static bool set_equal(const void *item, const void *key)
{
	const struct attribute_set *set = item;
	const struct set_key *wanted = key;

	return set->wire_length == wanted->wire.length && set->next_hop == wanted->next_hop &&
	       set->audience == wanted->extra->audience &&
	       set->kernel_metric == wanted->extra->kernel_metric &&
	       set->graceful_shutdown == wanted->extra->graceful_shutdown &&
	       !memcmp(set->wire, wanted->wire.bytes, set->wire_length);
}

static bool next_hop_equal(const void *item, const void *key)
{
	const struct rib_next_hop *next_hop = item;
	const struct next_hop_key *wanted = key;

	return next_hop->scope == wanted->scope &&
	       ip_address_equal(&next_hop->key.address, &wanted->address->address) &&
	       ip_address_equal(&next_hop->key.link_local, &wanted->address->link_local);
}

static uint64_t next_hop_hash(const struct next_hop_key *key, uint64_t seed)
{
	uint64_t hash = hash_bytes(&key->address->address, sizeof(key->address->address), seed);

	return hash_bytes(
	    &key->address->link_local, sizeof(key->address->link_local), hash + key->scope);
}

void attribute_store_init(struct attribute_store *store, uint64_t seed)
{
	memset(store, 0, sizeof(*store));
	store->seed = seed;
	store->scratch = memory_allocate(CANONICAL_MAX);
}

void attribute_store_release(struct attribute_store *store)
{
	/* A reference was lost: nobody else would notice, for a pool has no single leaks. */
	if (pool_memory(&store->pool))
		abort();
	hash_table_free(&store->sets);
	hash_table_free(&store->next_hops);
	arena_free(&store->arena);
	free(store->scratch);
	memset(store, 0, sizeof(*store));
}

size_t attribute_store_memory(const struct attribute_store *store)
{
	return pool_memory(&store->pool) + hash_table_memory(&store->sets) +
	       hash_table_memory(&store->next_hops) +
	       store->next_hops.count * sizeof(struct rib_next_hop);
}

static struct rib_next_hop *intern_next_hop(
    struct attribute_store *store, const struct bgp_next_hop *address, uint32_t scope)
{
	const struct next_hop_key key = {address, scope};
	uint64_t hash = next_hop_hash(&key, store->seed);
	struct rib_next_hop *next_hop =
	    hash_table_find(&store->next_hops, hash, next_hop_equal, &key);

	if (next_hop)
		return next_hop;
	next_hop = memory_allocate_zero(1, sizeof(*next_hop));
	next_hop->key = *address;
	next_hop->scope = scope;
	next_hop->hash = hash;
	hash_table_insert(&store->next_hops, hash, next_hop);
	if (ip_address_is_unspecified(&address->address))
		next_hop->reachable = true;
	else if (store->ops.track)
		store->ops.track(store->ops_arg, next_hop);
	return next_hop;
}

static void release_next_hop(struct attribute_store *store, struct rib_next_hop *next_hop)
{
	if (--next_hop->references)
		return;
	if (store->ops.untrack && !ip_address_is_unspecified(&next_hop->key.address))
		store->ops.untrack(store->ops_arg, next_hop);
	hash_table_remove(&store->next_hops, next_hop->hash, next_hop);
	free(next_hop);
}

static float find_link_bandwidth(const struct bgp_attributes *attributes)
{
	return bgp_attributes_has(attributes, BGP_ATTRIBUTE_EXTENDED_COMMUNITIES)
		   ? bgp_communities_link_bandwidth(attributes->communities[BGP_COMMUNITY_EXTENDED])
		   : 0;
}

static struct attribute_set *make_set(struct attribute_store *store,
    const struct bgp_attributes *attributes, const struct set_key *key,
    struct rib_next_hop *next_hop, uint64_t hash)
{
	struct attribute_set *set = pool_allocate(&store->pool, sizeof(*set) + key->wire.length);

	memset(set, 0, sizeof(*set));
	set->hash = hash;
	set->next_hop = next_hop;
	set->audience = key->extra->audience;
	set->kernel_metric = key->extra->kernel_metric;
	set->graceful_shutdown = key->extra->graceful_shutdown;
	set->references = 1;
	set->local_pref = bgp_attributes_has(attributes, BGP_ATTRIBUTE_LOCAL_PREF)
			      ? attributes->local_pref
			      : BGP_LOCAL_PREF_DEFAULT;
	/* RFC 4271 9.1.2.2 c: an absent MED is the lowest possible one. */
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_MED))
		set->med = attributes->med;
	set->neighbour_asn = bgp_as_path_first(attributes->as_path);
	set->as_path_length = (uint16_t)bgp_as_path_length(attributes->as_path);
	set->cluster_length = bgp_attributes_has(attributes, BGP_ATTRIBUTE_CLUSTER_LIST)
				  ? (uint16_t)(attributes->cluster_list.length / 4)
				  : 0;
	set->has_originator_id = bgp_attributes_has(attributes, BGP_ATTRIBUTE_ORIGINATOR_ID);
	if (set->has_originator_id)
		set->originator_id = wire_load_u32(attributes->originator_id);
	set->has_aigp = bgp_attributes_has(attributes, BGP_ATTRIBUTE_AIGP);
	set->has_link_bandwidth = find_link_bandwidth(attributes) > 0;
	set->origin = attributes->origin;
	set->wire_length = (uint16_t)key->wire.length;
	memcpy(set->wire, key->wire.bytes, key->wire.length);
	return set;
}

struct attribute_set *attribute_set_intern(struct attribute_store *store,
    const struct bgp_attributes *attributes, const struct attribute_set_extra *extra)
{
	struct wire_writer writer = wire_writer_init(store->scratch, CANONICAL_MAX);
	struct attribute_set *set;
	struct set_key key;
	struct rib_next_hop *next_hop;
	uint64_t hash;

	arena_reset(&store->arena);
	bgp_attributes_encode_canonical(&writer, attributes, &store->arena);
	if (writer.failed)
		return NULL;
	next_hop = intern_next_hop(store, &attributes->next_hop, extra->scope);
	key = (struct set_key){wire_writer_span(&writer), next_hop, extra};
	hash = hash_bytes(key.wire.bytes, key.wire.length,
	    store->seed ^ next_hop->hash ^ hash_u64(extra->audience) ^ extra->kernel_metric ^
		(uint64_t)extra->graceful_shutdown << 32);
	set = hash_table_find(&store->sets, hash, set_equal, &key);
	if (set)
		return attribute_set_hold(set);
	set = make_set(store, attributes, &key, next_hop, hash);
	next_hop->references++;
	hash_table_insert(&store->sets, hash, set);
	store->bytes += sizeof(*set) + set->wire_length;
	return set;
}

void attribute_set_release(struct attribute_store *store, struct attribute_set *set)
{
	struct rib_next_hop *next_hop = set->next_hop;

	if (--set->references)
		return;
	hash_table_remove(&store->sets, set->hash, set);
	store->bytes -= sizeof(*set) + set->wire_length;
	pool_free(&store->pool, set, sizeof(*set) + set->wire_length);
	release_next_hop(store, next_hop);
}

bool attribute_set_is_sent_as(const struct attribute_set *a, const struct attribute_set *b)
{
	const struct attribute_set_extra extra = {.audience = a->audience,
	    .kernel_metric = b->kernel_metric,
	    .graceful_shutdown = b->graceful_shutdown};
	const struct set_key key = {{b->wire, b->wire_length}, b->next_hop, &extra};

	return a == b || set_equal(a, &key);
}

void attribute_set_view(const struct attribute_set *set, struct bgp_attributes *attributes)
{
	bgp_attributes_decode_canonical(
	    (struct wire_span){set->wire, set->wire_length}, attributes);
	attributes->next_hop = set->next_hop->key;
}

float attribute_set_link_bandwidth(const struct attribute_set *set)
{
	struct bgp_attributes attributes;

	if (!set->has_link_bandwidth)
		return 0;
	attribute_set_view(set, &attributes);
	return find_link_bandwidth(&attributes);
}
