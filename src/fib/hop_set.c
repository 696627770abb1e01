/*
 * Sets are interned by the identity of their next hops and not by what these resolve to: when a
 * next hop moves to another gateway, the set stays the same one with other hops, and every prefix
 * that points to it follows.  A kernel next-hop object per set fits here: it would be made when the
 * set is, and replaced where the set is marked as changed.
 *
 * A set whose next hops are all unreachable keeps its last hops: the RIB decides then, and takes
 * the routes away or gives them another set.
 */
#include "fib/hop_set.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct set_key {
	struct next_hop *const *members;
	size_t count;
};

static bool set_equal(const void *item, const void *key)
{
	const struct hop_set *set = item;
	const struct set_key *wanted = key;

	return set->member_count == wanted->count &&
	       !memcmp(set->members, wanted->members, wanted->count * sizeof(set->members[0]));
}

static void sort_members(struct next_hop **members, size_t count)
{
	size_t i;

	for (i = 1; i < count; i++) {
		struct next_hop *member = members[i];
		size_t j = i;

		for (; j > 0 && (uintptr_t)members[j - 1] > (uintptr_t)member; j--)
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

/* Puts the hop in its place, unless it is there; returns the new count. */
static size_t add_hop(struct kernel_hop *hops, size_t count, const struct kernel_hop *hop)
{
	size_t at = 0;

	while (at < count && compare_hops(&hops[at], hop) < 0)
		at++;
	if (at < count && !compare_hops(&hops[at], hop))
		return count;
	memmove(&hops[at + 1], &hops[at], (count - at) * sizeof(*hops));
	hops[at] = *hop;
	return count + 1;
}

static size_t resolve_hops(
    const struct hop_set *set, struct kernel_hop hops[static KERNEL_HOPS_MAX])
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < set->member_count; i++) {
		if (set->members[i]->resolution.reachable)
			count = add_hop(hops, count, &set->members[i]->resolution.hop);
	}
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

struct hop_set *hop_set_intern(struct hop_sets *sets, struct next_hop **members, size_t count)
{
	const struct set_key key = {members, count};
	struct hop_set *set;
	uint64_t hash;
	size_t i;

	sort_members(members, count);
	hash = hash_bytes(members, count * sizeof(struct next_hop *), sets->seed);
	set = hash_table_find(&sets->table, hash, set_equal, &key);
	if (set)
		return hop_set_hold(set);
	set = memory_allocate_zero(1, sizeof(*set) + count * sizeof(struct next_hop *));
	set->hash = hash;
	set->references = 1;
	set->member_count = (uint8_t)count;
	for (i = 0; i < count; i++)
		set->members[i] = next_hop_hold(members[i]);
	set->hops = memory_allocate_zero(count, sizeof(*set->hops));
	refresh_set(set);
	hash_table_insert(&sets->table, hash, set);
	return set;
}

void hop_set_release(struct hop_sets *sets, struct hop_set *set)
{
	size_t i;

	if (!set || --set->references)
		return;
	hash_table_remove(&sets->table, set->hash, set);
	for (i = 0; i < set->member_count; i++)
		next_hop_release(set->members[i]);
	free(set->hops);
	free(set);
}

void hop_sets_refresh(struct hop_sets *sets)
{
	struct hop_set *set;
	size_t cursor = 0;

	while ((set = hash_table_next(&sets->table, &cursor))) {
		if (refresh_set(set))
			set->changed = true;
	}
}

void hop_sets_mark_interface(struct hop_sets *sets, uint32_t interface)
{
	struct hop_set *set;
	size_t cursor = 0;
	size_t i;

	while ((set = hash_table_next(&sets->table, &cursor))) {
		for (i = 0; i < set->hop_count; i++)
			set->changed |= set->hops[i].interface == interface;
	}
}

void hop_sets_clear_changed(struct hop_sets *sets)
{
	struct hop_set *set;
	size_t cursor = 0;

	while ((set = hash_table_next(&sets->table, &cursor)))
		set->changed = false;
}

void hop_sets_free(struct hop_sets *sets)
{
	hash_table_free(&sets->table);
}

void hop_set_write(const struct hop_set *set, struct kernel_route *route)
{
	route->type = RTN_UNICAST;
	route->scope = RT_SCOPE_UNIVERSE;
	route->hop_count = set->hop_count;
	route->hops = set->hops;
}
