/*
 * A hash table of prefixes, each with the list of its routes, lowest metric first.  The kernel has
 * several routes of one prefix: of other tables, metrics, types of service, and for IPv4 even equal
 * in all but the hops.  A route is told from another by all of these, as the kernel does; an IPv6
 * route with several hops is one route whose hops come and go.
 *
 * A longest match hashes once for each prefix length in use, some twenty, and needs no tree; it is
 * done for next hops only, never per route of BGP.
 */
#include "fib/kernel_routes.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct stored_route {
	struct kernel_route route; /* its hops are below */
	struct stored_route *next;
	uint32_t generation;
	struct kernel_hop hops[];
};

struct prefix_node {
	struct ip_prefix prefix;
	struct stored_route *first;
};

void kernel_routes_init(struct kernel_routes *routes, uint64_t seed)
{
	*routes = (struct kernel_routes){.seed = seed};
}

static uint64_t prefix_hash(const struct kernel_routes *routes, const struct ip_prefix *prefix)
{
	return hash_bytes(prefix, sizeof(*prefix), routes->seed);
}

static bool node_equal(const void *item, const void *key)
{
	const struct prefix_node *node = item;

	return ip_prefix_equal(&node->prefix, key);
}

static struct prefix_node *find_node(
    const struct kernel_routes *routes, const struct ip_prefix *prefix)
{
	return hash_table_find(&routes->prefixes, prefix_hash(routes, prefix), node_equal, prefix);
}

static struct prefix_node *make_node(struct kernel_routes *routes, const struct ip_prefix *prefix)
{
	struct prefix_node *node = find_node(routes, prefix);

	if (node)
		return node;
	node = memory_allocate_zero(1, sizeof(*node));
	node->prefix = *prefix;
	hash_table_insert(&routes->prefixes, prefix_hash(routes, prefix), node);
	routes->lengths[prefix->family][prefix->length]++;
	return node;
}

static void drop_node_if_empty(struct kernel_routes *routes, struct prefix_node *node)
{
	if (node->first)
		return;
	hash_table_remove(&routes->prefixes, prefix_hash(routes, &node->prefix), node);
	routes->lengths[node->prefix.family][node->prefix.length]--;
	free(node);
}

static bool same_place(const struct kernel_route *a, const struct kernel_route *b)
{
	return a->table == b->table && a->metric == b->metric && a->tos == b->tos;
}

static bool same_route(const struct kernel_route *a, const struct kernel_route *b)
{
	return same_place(a, b) && a->protocol == b->protocol && a->type == b->type &&
	       (a->prefix.family == IPV6 ||
		   kernel_hops_equal(a->hops, a->hop_count, b->hops, b->hop_count));
}

static struct stored_route *copy_route(const struct kernel_route *route)
{
	const size_t hops_size = route->hop_count * sizeof(struct kernel_hop);
	struct stored_route *stored = memory_allocate(sizeof(*stored) + hops_size);

	stored->route = *route;
	stored->route.hops = stored->hops;
	stored->next = NULL;
	if (hops_size)
		memcpy(stored->hops, route->hops, hops_size);
	return stored;
}

bool kernel_routes_put(
    struct kernel_routes *routes, const struct kernel_route *route, uint32_t generation)
{
	struct prefix_node *node = make_node(routes, &route->prefix);
	struct stored_route **link = &node->first;
	struct stored_route *stored;

	while (*link && !same_route(&(*link)->route, route))
		link = &(*link)->next;
	stored = *link;
	if (stored && kernel_hops_equal(
			  stored->hops, stored->route.hop_count, route->hops, route->hop_count)) {
		stored->generation = generation;
		return false;
	}
	if (stored) {
		*link = stored->next;
		free(stored);
	}
	stored = copy_route(route);
	stored->generation = generation;
	for (link = &node->first; *link && (*link)->route.metric <= route->metric;)
		link = &(*link)->next;
	stored->next = *link;
	*link = stored;
	return true;
}

/* Weights are not told of a hop that goes alone. */
static bool same_next_hop(const struct kernel_hop *a, const struct kernel_hop *b)
{
	return a->interface == b->interface && a->has_gateway == b->has_gateway &&
	       (!a->has_gateway || ip_address_equal(&a->gateway, &b->gateway));
}

/* Takes the hops of `gone` (none: all) out of the stored route; false if some are left. */
static bool remove_hops(struct stored_route *stored, const struct kernel_route *gone)
{
	size_t kept = 0;
	size_t i;

	for (i = 0; i < stored->route.hop_count; i++) {
		size_t j = 0;

		while (j < gone->hop_count && !same_next_hop(&stored->hops[i], &gone->hops[j]))
			j++;
		if (gone->hop_count && j == gone->hop_count)
			stored->hops[kept++] = stored->hops[i];
	}
	stored->route.hop_count = (uint8_t)kept;
	return kept == 0;
}

bool kernel_routes_remove(struct kernel_routes *routes, const struct kernel_route *route)
{
	struct prefix_node *node = find_node(routes, &route->prefix);
	struct stored_route **link = node ? &node->first : NULL;
	struct stored_route *stored;

	if (!node)
		return false;
	while (*link && !same_route(&(*link)->route, route))
		link = &(*link)->next;
	stored = *link;
	if (!stored)
		return false;
	if (!remove_hops(stored, route))
		return true;
	*link = stored->next;
	free(stored);
	drop_node_if_empty(routes, node);
	return true;
}

bool kernel_routes_remove_replaced(struct kernel_routes *routes, const struct kernel_route *by)
{
	struct prefix_node *node = find_node(routes, &by->prefix);
	struct stored_route **link = node ? &node->first : NULL;
	struct stored_route *stored;

	if (!node)
		return false;
	while (*link && !same_place(&(*link)->route, by))
		link = &(*link)->next;
	stored = *link;
	if (!stored)
		return false;
	*link = stored->next;
	free(stored);
	drop_node_if_empty(routes, node);
	return true;
}

const struct kernel_route *kernel_routes_find(const struct kernel_routes *routes,
    const struct ip_prefix *prefix, uint32_t table, uint32_t metric)
{
	const struct prefix_node *node = find_node(routes, prefix);
	const struct stored_route *stored = node ? node->first : NULL;

	while (stored && (stored->route.table != table || stored->route.metric != metric ||
			     stored->route.tos))
		stored = stored->next;
	return stored ? &stored->route : NULL;
}

const struct kernel_route *kernel_routes_match(
    const struct kernel_routes *routes, const struct ip_address *address)
{
	unsigned length = ip_family_bits(address->family) + 1;

	while (length-- > 0) {
		const struct prefix_node *node;
		struct ip_prefix prefix;

		if (!routes->lengths[address->family][length])
			continue;
		prefix = ip_prefix_from_address(address, length);
		node = find_node(routes, &prefix);
		if (node)
			return &node->first->route;
	}
	return NULL;
}

/* Removes the routes of the node that go. */
static void sweep_node(struct prefix_node *node, kernel_routes_goes *goes, void *arg)
{
	struct stored_route **link = &node->first;

	while (*link) {
		struct stored_route *stored = *link;

		if (goes(arg, &stored->route, stored->generation)) {
			*link = stored->next;
			free(stored);
		} else {
			link = &stored->next;
		}
	}
}

void kernel_routes_sweep(struct kernel_routes *routes, kernel_routes_goes *goes, void *arg)
{
	struct prefix_node **empty = NULL;
	size_t capacity = 0;
	size_t count = 0;
	size_t cursor = 0;
	struct prefix_node *node;

	while ((node = hash_table_next(&routes->prefixes, &cursor))) {
		sweep_node(node, goes, arg);
		if (node->first)
			continue;
		empty = memory_grow(empty, &capacity, count + 1, sizeof(struct prefix_node *));
		empty[count++] = node;
	}
	/* The table must not change while it is walked. */
	while (count)
		drop_node_if_empty(routes, empty[--count]);
	free(empty);
}

static bool goes_always(void *arg, const struct kernel_route *route, uint32_t generation)
{
	(void)arg;
	(void)route;
	(void)generation;
	return true;
}

void kernel_routes_release(struct kernel_routes *routes)
{
	kernel_routes_sweep(routes, goes_always, NULL);
	hash_table_free(&routes->prefixes);
}
