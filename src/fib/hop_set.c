/*
 * Sets are interned by the identity of their next hops and not by what these resolve to: when a
 * next hop moves to another gateway, the set stays the same one with other hops, and every prefix
 * that points to it follows.  With next-hop objects that is one request, the replacement of the
 * set's group; without, the set is marked and its routes are sent again.
 *
 * The source address is of the set too, so that an entry's set says all that was sent of its route:
 * a route of another source has another set, and nothing else needs to be remembered per prefix.
 *
 * A set whose next hops are all unreachable keeps its last hops: the RIB decides then, and takes
 * the routes away or gives them another set.  Where prefixes have backup routes these are to forward
 * until then: the group of the set is removed, and its routes with it.
 */
#include "fib/hop_set.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fib/hop_weights.h"

static bool same_members(
    const struct hop_set_member *a, const struct hop_set_member *b, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (a[i].next_hop != b[i].next_hop || a[i].weight != b[i].weight)
			return false;
	}
	return true;
}

static bool set_equal(const void *item, const void *key)
{
	const struct hop_set *set = item;
	const struct hop_set_key *wanted = key;

	return set->type == wanted->type && set->member_count == wanted->count &&
	       ip_address_equal(&set->source, &wanted->source) &&
	       same_members(set->members, wanted->members, wanted->count);
}

static uint64_t key_hash(const struct hop_sets *sets, const struct hop_set_key *key)
{
	uint64_t hash = hash_bytes(&key->source, sizeof(key->source), sets->seed ^ key->type);
	size_t i;

	for (i = 0; i < key->count; i++) {
		hash = hash_u64(hash ^ (uintptr_t)key->members[i].next_hop);
		hash = hash_u64(hash ^ key->members[i].weight);
	}
	return hash;
}

static void sort_members(struct hop_set_member *members, size_t count)
{
	size_t i;

	for (i = 1; i < count; i++) {
		const struct hop_set_member member = members[i];
		size_t j = i;

		for (; j > 0 && (uintptr_t)members[j - 1].next_hop > (uintptr_t)member.next_hop;
		     j--)
			members[j] = members[j - 1];
		members[j] = member;
	}
}

static int compare_hops(const struct kernel_hop *a, const struct kernel_hop *b)
{
	const int order = ip_address_compare(&a->gateway, &b->gateway);

	if (order)
		return order;
	return (a->interface > b->interface) - (a->interface < b->interface);
}

/*
 * Puts the hop in its place, or adds its weight to the one that is there; returns the new count.
 */
static size_t add_hop(struct kernel_hop *hops, size_t count, const struct kernel_hop *hop)
{
	size_t at = 0;

	while (at < count && compare_hops(&hops[at], hop) < 0)
		at++;
	if (at < count && !compare_hops(&hops[at], hop)) {
		hops[at].weight = (uint16_t)(hops[at].weight + hop->weight);
		return count;
	}
	memmove(&hops[at + 1], &hops[at], (count - at) * sizeof(*hops));
	hops[at] = *hop;
	return count + 1;
}

/* The ratio of the weights as the kernel takes them. */
static void scale_weights(struct kernel_hop *hops, size_t count)
{
	double shares[KERNEL_HOPS_MAX];
	uint16_t weights[KERNEL_HOPS_MAX];
	size_t i;

	for (i = 0; i < count; i++)
		shares[i] = hops[i].weight ? hops[i].weight : 1;
	hop_weights(shares, count, weights);
	for (i = 0; i < count; i++)
		hops[i].weight = weights[i];
}

static size_t resolve_hops(
    const struct hop_set *set, struct kernel_hop hops[static KERNEL_HOPS_MAX])
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < set->member_count; i++) {
		const struct hop_set_member *member = &set->members[i];
		struct kernel_hop hop = member->next_hop->resolution.hop;

		hop.weight = (uint16_t)member->weight;
		if (member->next_hop->resolution.reachable)
			count = add_hop(hops, count, &hop);
	}
	if (count)
		scale_weights(hops, count);
	return count;
}

/* Stores the hops as they resolve now; false if nothing changed. */
static bool refresh_set(struct hop_set *set)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	const size_t count = resolve_hops(set, hops);

	if (!count || kernel_hops_equal(set->hops, set->hop_count, hops, count))
		return false;
	memcpy(set->hops, hops, count * sizeof(*hops));
	set->hop_count = (uint8_t)count;
	return true;
}

static struct hop_set *make_set(const struct hop_set_key *key, uint64_t hash)
{
	const size_t size = key->count * sizeof(key->members[0]);
	struct hop_set *set = memory_allocate_zero(1, sizeof(*set) + size);
	size_t i;

	set->hash = hash;
	set->references = 1;
	set->type = key->type;
	set->source = key->source;
	set->member_count = (uint8_t)key->count;
	for (i = 0; i < key->count; i++) {
		set->members[i] = key->members[i];
		next_hop_hold(key->members[i].next_hop);
	}
	set->hops = memory_allocate_zero(key->count, sizeof(*set->hops));
	refresh_set(set);
	return set;
}

struct hop_set *hop_set_intern(struct hop_sets *sets, const struct hop_set_key *key)
{
	struct hop_set *set;
	uint64_t hash;

	sort_members(key->members, key->count);
	hash = key_hash(sets, key);
	set = hash_table_find(&sets->table, hash, set_equal, key);
	if (set)
		return hop_set_hold(set);
	set = make_set(key, hash);
	hash_table_insert(&sets->table, hash, set);
	return set;
}

void hop_set_release(struct hop_sets *sets, struct hop_set *set)
{
	size_t i;

	if (!set || --set->references)
		return;
	hash_table_remove(&sets->table, set->hash, set);
	if (set->group)
		next_hop_group_release(sets->objects, set->group);
	for (i = 0; i < set->member_count; i++)
		next_hop_release(set->members[i].next_hop);
	free(set->hops);
	free(set);
}

void hop_sets_refresh(struct hop_sets *sets)
{
	struct hop_set *set;
	size_t cursor = 0;

	while ((set = hash_table_next(&sets->table, &cursor))) {
		if (!refresh_set(set))
			continue;
		if (set->group)
			next_hop_group_change(sets->objects, set->group, set->hops, set->hop_count);
		set->moved = true;
		set->changed |= !next_hop_group_id(set->group);
	}
}

static bool is_unreachable(const struct hop_set *set)
{
	size_t i = 0;

	while (i < set->member_count && !set->members[i].next_hop->resolution.reachable)
		i++;
	return i == set->member_count;
}

void hop_sets_remove_unreachable(struct hop_sets *sets)
{
	struct hop_set *set;
	size_t cursor = 0;

	while ((set = hash_table_next(&sets->table, &cursor))) {
		if (!next_hop_group_id(set->group) || !is_unreachable(set))
			continue;
		next_hop_group_remove(sets->objects, set->group);
		set->group = NULL;
		set->changed = true;
	}
}

void hop_sets_mark_interface(struct hop_sets *sets, uint32_t interface)
{
	struct hop_set *set;
	size_t cursor = 0;
	size_t i;

	while ((set = hash_table_next(&sets->table, &cursor))) {
		if (next_hop_group_id(set->group))
			continue;
		for (i = 0; i < set->hop_count; i++)
			set->changed |= set->hops[i].interface == interface;
	}
}

void hop_sets_mark_source(struct hop_sets *sets, const struct ip_address *source)
{
	struct hop_set *set;
	size_t cursor = 0;

	while ((set = hash_table_next(&sets->table, &cursor)))
		set->changed |= ip_address_equal(&set->source, source);
}

void hop_sets_clear_changed(struct hop_sets *sets)
{
	struct hop_set *set;
	size_t cursor = 0;

	while ((set = hash_table_next(&sets->table, &cursor)))
		set->changed = set->moved = false;
}

void hop_sets_free(struct hop_sets *sets)
{
	hash_table_free(&sets->table);
}

uint32_t hop_sets_find_object(
    const struct hop_sets *sets, struct next_hop *next_hop, const struct ip_address *source)
{
	struct hop_set_member member = {.next_hop = next_hop};
	const struct hop_set_key key = {RTN_UNICAST, *source, &member, 1};
	const struct hop_set *set =
	    hash_table_find(&sets->table, key_hash(sets, &key), set_equal, &key);

	return set ? next_hop_group_id(set->group) : 0;
}

void hop_sets_use_objects(struct hop_sets *sets, struct next_hop_objects *objects)
{
	struct hop_set *set;
	size_t cursor = 0;

	while ((set = hash_table_next(&sets->table, &cursor))) {
		if (set->group)
			next_hop_group_release(sets->objects, set->group);
		set->group = NULL;
		set->changed = true;
	}
	sets->objects = objects;
}

void hop_set_write(const struct hop_sets *sets, struct hop_set *set, struct kernel_route *route)
{
	if (sets->objects && !set->group && set->hop_count)
		set->group = next_hop_group_new(
		    sets->objects, set, set->member_count == 1, set->hops, set->hop_count);
	route->object = set->group ? next_hop_group_use(sets->objects, set->group) : 0;
	route->type = set->type;
	route->scope = RT_SCOPE_UNIVERSE;
	route->source = set->source;
	route->hop_count = set->hop_count;
	route->hops = set->hops;
}

bool hop_set_matches(const struct hop_set *set, const struct kernel_route *route)
{
	const uint32_t object = next_hop_group_id(set->group);

	if (route->type != set->type || !ip_address_equal(&route->source, &set->source))
		return false;
	if (object || route->object)
		return object == route->object;
	/* An IPv6 route to nowhere is shown with the loopback interface as its hop. */
	return !set->hop_count ||
	       kernel_hops_equal(route->hops, route->hop_count, set->hops, set->hop_count);
}
