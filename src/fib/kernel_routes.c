/*
 * A hash table of prefixes, each with the list of its routes, lowest metric first.  The kernel has
 * several routes of one prefix: of other tables, metrics, types of service, and for IPv4 even equal
 * in all but the hops.  A route is told from another by all of these, as the kernel does; an IPv6
 * route with several hops is one route whose hops come and go.
 *
 * A longest match hashes once for each prefix length in use, some twenty, and needs no tree; it is
 * done for next hops only, never per route of BGP.
 *
 * Many routes may go at once: with their interface, or as a dump has not told of them.  They are
 * not found from that moment on, since each look at a route asks whether it is gone: its interface
 * was lost later than it was told, or its generation is too old.  A sweep takes them out in slices.
 */
#include "fib/kernel_routes.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct stored_route {
	struct kernel_route route; /* its hops are below */
	struct stored_route *next;
	uint64_t told_at; /* first, by the clock of losses */
	uint32_t generation;
	struct kernel_hop hops[];
};

struct prefix_node {
	struct ip_prefix prefix;
	uint32_t id;
	struct stored_route *first; /* NULL: not in use */
};

/* When the interface was last lost, for all routes and for those of IPv4, and enabled; 0: never. */
struct interface_loss {
	uint32_t interface;
	uint64_t at;
	uint64_t ipv4_at;
	uint64_t enabled_at;
};

void kernel_routes_init(
    struct kernel_routes *routes, const struct kernel_links *links, uint64_t seed)
{
	*routes = (struct kernel_routes){.links = links, .seed = seed, .clock = 1};
	slab_init(&routes->nodes, sizeof(struct prefix_node));
}

/* Losses */

static bool loss_equal(const void *item, const void *key)
{
	const struct interface_loss *loss = item;

	return loss->interface == *(const uint32_t *)key;
}

static struct interface_loss *find_loss(const struct kernel_routes *routes, uint32_t interface)
{
	return hash_table_find(
	    &routes->losses, hash_u64(interface ^ routes->seed), loss_equal, &interface);
}

static bool is_lost(
    const struct kernel_routes *routes, const struct stored_route *stored, uint32_t interface)
{
	const struct interface_loss *loss = find_loss(routes, interface);

	return loss && (loss->at > stored->told_at || (stored->route.prefix.family == IPV4 &&
							  loss->ipv4_at > stored->told_at));
}

/* Whether an interface that was lost was there again by the time `at`. */
static bool was_enabled(const struct kernel_routes *routes, uint32_t interface, uint64_t at)
{
	const struct kernel_link *link = kernel_links_find(routes->links, interface);

	return link && link->enabled && find_loss(routes, interface)->enabled_at <= at;
}

/* A route over several interfaces stays until all of them are lost at the same time. */
static bool has_lost_its_hops(const struct kernel_routes *routes, const struct stored_route *stored)
{
	const size_t count = stored->route.hop_count;
	uint64_t last = 0; /* when the last one was lost */
	bool single = true;
	bool enabled = false;
	size_t i;

	for (i = 0; i < count; i++) {
		const uint32_t interface = stored->hops[i].interface;
		uint64_t at;

		if (!is_lost(routes, stored, interface))
			return false;
		at = find_loss(routes, interface)->at;
		last = at > last ? at : last;
		single &= interface == stored->hops[0].interface;
	}
	for (i = 0; i < count; i++)
		enabled |= was_enabled(routes, stored->hops[i].interface, last);
	return single || !enabled;
}

static bool is_gone(const struct kernel_routes *routes, const struct stored_route *stored)
{
	if (stored->generation < routes->oldest)
		return true;
	return routes->losses.count && stored->route.hop_count && has_lost_its_hops(routes, stored);
}

/* Prefixes */

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
	uint32_t id;

	if (node)
		return node;
	id = slab_allocate(&routes->nodes);
	node = slab_item(&routes->nodes, id);
	node->prefix = *prefix;
	node->id = id;
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
	slab_free(&routes->nodes, node->id);
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
	if (stored && !is_gone(routes, stored) &&
	    kernel_hops_equal(
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
	stored->told_at = routes->clock;
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
	while (*link && (!same_place(&(*link)->route, by) || is_gone(routes, *link)))
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
			     stored->route.tos || is_gone(routes, stored)))
		stored = stored->next;
	return stored ? &stored->route : NULL;
}

static const struct kernel_route *first_of_table(
    const struct kernel_routes *routes, const struct prefix_node *node, uint32_t table)
{
	const struct stored_route *stored = node->first;

	while (stored && (stored->route.table != table || is_gone(routes, stored)))
		stored = stored->next;
	return stored ? &stored->route : NULL;
}

const struct kernel_route *kernel_routes_match(
    const struct kernel_routes *routes, const struct ip_address *address, uint32_t table)
{
	const struct kernel_route *route = NULL;
	unsigned length = ip_family_bits(address->family) + 1;

	while (!route && length-- > 0) {
		const struct prefix_node *node;
		struct ip_prefix prefix;

		if (!routes->lengths[address->family][length])
			continue;
		prefix = ip_prefix_from_address(address, length);
		node = find_node(routes, &prefix);
		if (node)
			route = first_of_table(routes, node, table);
	}
	return route;
}

/* What goes at once */

void kernel_routes_lose_interface(struct kernel_routes *routes, uint32_t interface, bool ipv4_only)
{
	struct interface_loss *loss = find_loss(routes, interface);

	if (!loss) {
		loss = memory_allocate_zero(1, sizeof(*loss));
		loss->interface = interface;
		hash_table_insert(&routes->losses, hash_u64(interface ^ routes->seed), loss);
	}
	routes->clock++;
	if (ipv4_only)
		loss->ipv4_at = routes->clock;
	else
		loss->at = routes->clock;
	round_start(&routes->sweep);
}

void kernel_routes_enable_interface(struct kernel_routes *routes, uint32_t interface)
{
	struct interface_loss *loss = find_loss(routes, interface);

	if (loss)
		loss->enabled_at = ++routes->clock;
}

void kernel_routes_forget_older(struct kernel_routes *routes, uint32_t generation)
{
	routes->oldest = generation;
	round_start(&routes->sweep);
}

/* Takes out the routes of the node that are gone. */
static void sweep_node(
    struct kernel_routes *routes, struct prefix_node *node, kernel_routes_gone *gone, void *arg)
{
	struct stored_route **link = &node->first;

	while (*link) {
		struct stored_route *stored = *link;

		if (!is_gone(routes, stored)) {
			link = &stored->next;
			continue;
		}
		*link = stored->next;
		gone(arg, &stored->route);
		free(stored);
	}
	drop_node_if_empty(routes, node);
}

/*
 * No route was told before a loss that the sweep has come by for.  That of an interface that is
 * still down is kept for routes over several ones.
 */
static void forget_losses(struct kernel_routes *routes)
{
	struct hash_table kept = {0};
	struct interface_loss *loss;
	size_t cursor = 0;

	while ((loss = hash_table_next(&routes->losses, &cursor))) {
		const struct kernel_link *link = kernel_links_find(routes->links, loss->interface);

		if (link && !link->enabled)
			hash_table_insert(&kept, hash_u64(loss->interface ^ routes->seed), loss);
		else
			free(loss);
	}
	hash_table_free(&routes->losses);
	routes->losses = kept;
}

static struct prefix_node *node_at(const struct kernel_routes *routes, uint32_t id)
{
	struct prefix_node *node;

	if (!id || !slab_has_chunk(&routes->nodes, id))
		return NULL;
	node = slab_item(&routes->nodes, id);
	return node->first ? node : NULL;
}

bool kernel_routes_sweep(
    struct kernel_routes *routes, uint32_t steps, kernel_routes_gone *gone, void *arg)
{
	const uint32_t limit = slab_limit(&routes->nodes);
	uint32_t id;

	if (!routes->sweep.running)
		return false;
	while (steps-- && round_next(&routes->sweep, limit, &id)) {
		struct prefix_node *node = node_at(routes, id);

		if (node)
			sweep_node(routes, node, gone, arg);
	}
	if (!routes->sweep.running)
		forget_losses(routes);
	return routes->sweep.running;
}

static void release_routes(struct prefix_node *node)
{
	while (node->first) {
		struct stored_route *stored = node->first;

		node->first = stored->next;
		free(stored);
	}
}

void kernel_routes_release(struct kernel_routes *routes)
{
	size_t cursor = 0;
	void *item;

	while ((item = hash_table_next(&routes->prefixes, &cursor)))
		release_routes(item);
	hash_table_free(&routes->prefixes);
	cursor = 0;
	while ((item = hash_table_next(&routes->losses, &cursor)))
		free(item);
	hash_table_free(&routes->losses);
	slab_release(&routes->nodes);
}
