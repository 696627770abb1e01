/*
 * A mirror of the kernel's links, addresses, routes and neighbours.  Links and addresses are all
 * kept; of the routes only those of others in the main table and ours: our own may not resolve next
 * hops, and are handed on by a callback.  Each item carries the generation in which it was last
 * told; the end of a dump drops what is older, so a dump both fills the view and repairs it.
 *
 * The kernel is silent about some losses: IPv4 routes over a link that is set down, or whose last
 * address goes, vanish without a notification.  The view drops such routes itself and says which
 * interface it was, so that our own routes can be looked after.
 */
#include "fib/kernel_view.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "fib/kernel_neighbours.h"
#include "fib/kernel_routes.h"

struct view_link {
	struct kernel_link link;
	uint32_t generation;
};

/* The same address may be on several interfaces (link-local ones are). */
struct view_address {
	struct ip_address address;
	uint32_t interface;
	uint32_t flags; /* IFA_F_.. */
	uint8_t length; /* of the subnet's prefix */
	uint64_t order; /* in which the addresses were first told */
	uint32_t generation;
};

struct kernel_view {
	const struct kernel_view_ops *ops;
	void *arg;
	uint64_t seed;
	uint8_t own_protocol;
	uint32_t own_table;
	uint32_t generation;
	uint64_t next_order;
	bool complete; /* the first dump is over */
	struct hash_table links; /* struct view_link by index */
	struct hash_table addresses; /* struct view_address by address */
	struct kernel_routes routes;
	struct kernel_neighbours neighbours;
};

struct kernel_view *kernel_view_new(uint64_t hash_seed, uint8_t own_protocol, uint32_t own_table,
    const struct kernel_view_ops *ops, void *arg)
{
	struct kernel_view *view = memory_allocate_zero(1, sizeof(*view));

	view->ops = ops;
	view->arg = arg;
	view->seed = hash_seed;
	view->own_protocol = own_protocol;
	view->own_table = own_table;
	kernel_routes_init(&view->routes, hash_seed);
	return view;
}

void kernel_view_free(struct kernel_view *view)
{
	size_t cursor = 0;
	void *item;

	if (!view)
		return;
	while ((item = hash_table_next(&view->links, &cursor)))
		free(item);
	cursor = 0;
	while ((item = hash_table_next(&view->addresses, &cursor)))
		free(item);
	hash_table_free(&view->links);
	hash_table_free(&view->addresses);
	kernel_routes_release(&view->routes);
	kernel_neighbours_release(&view->neighbours);
	free(view);
}

static void links_changed(const struct kernel_view *view)
{
	view->ops->changed(view->arg);
	view->ops->links_changed(view->arg);
}

/* Links */

static bool link_equal(const void *item, const void *key)
{
	const struct view_link *link = item;

	return link->link.index == *(const uint32_t *)key;
}

static struct view_link *find_link(const struct kernel_view *view, uint32_t index)
{
	return hash_table_find(&view->links, hash_u64(index ^ view->seed), link_equal, &index);
}

static bool is_enabled(const struct kernel_view *view, uint32_t index)
{
	const struct view_link *link = find_link(view, index);

	return link && link->link.enabled;
}

static bool is_up(const struct kernel_view *view, uint32_t index)
{
	const struct view_link *link = find_link(view, index);

	return link && link->link.up;
}

static void tell_foreign_route(
    const struct kernel_view *view, const struct kernel_route *route, bool gone)
{
	if (route->table == view->own_table)
		view->ops->foreign_route(view->arg, route, gone);
}

static bool goes_with_links(void *arg, const struct kernel_route *route, uint32_t generation)
{
	const struct kernel_view *view = arg;
	size_t i;

	(void)generation;
	for (i = 0; i < route->hop_count; i++) {
		if (is_enabled(view, route->hops[i].interface))
			return false;
	}
	if (route->hop_count)
		tell_foreign_route(view, route, true);
	return route->hop_count != 0;
}

static void lose_interface(struct kernel_view *view, uint32_t interface)
{
	kernel_routes_sweep(&view->routes, goes_with_links, view);
	view->ops->interface_lost(view->arg, interface);
}

static void forget_link(struct kernel_view *view, struct view_link *link)
{
	const uint32_t index = link->link.index;

	hash_table_remove(&view->links, hash_u64(index ^ view->seed), link);
	free(link);
	lose_interface(view, index);
	links_changed(view);
}

static struct view_link *make_link(struct kernel_view *view, uint32_t index)
{
	struct view_link *link = find_link(view, index);

	if (link)
		return link;
	link = memory_allocate_zero(1, sizeof(*link));
	link->link.index = index;
	hash_table_insert(&view->links, hash_u64(index ^ view->seed), link);
	return link;
}

static void link_message(struct kernel_view *view, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = nlmsg_data(message);
	struct nlattr *attributes[IFLA_MAX + 1];
	struct view_link *link;
	struct kernel_link now = {0};
	struct kernel_link before;

	/* Bridges send messages of their own family about ports; the links stay as they are. */
	if (nlmsg_parse((struct nlmsghdr *)message, sizeof(*header), attributes, IFLA_MAX, NULL) <
		0 ||
	    header->ifi_family != AF_UNSPEC || header->ifi_index <= 0)
		return;
	now.index = (uint32_t)header->ifi_index;
	if (message->nlmsg_type == RTM_DELLINK) {
		link = find_link(view, now.index);
		if (link)
			forget_link(view, link);
		return;
	}
	if (attributes[IFLA_IFNAME])
		nla_strlcpy(now.name, attributes[IFLA_IFNAME], sizeof(now.name));
	now.enabled = header->ifi_flags & IFF_UP;
	now.up = now.enabled && header->ifi_flags & IFF_RUNNING;
	link = make_link(view, now.index);
	link->generation = view->generation;
	before = link->link;
	link->link = now;
	if (before.enabled && !now.enabled)
		lose_interface(view, now.index);
	if (before.up != now.up || before.enabled != now.enabled || strcmp(before.name, now.name))
		links_changed(view);
}

/* Addresses */

static uint64_t address_hash(const struct kernel_view *view, const struct ip_address *address)
{
	return hash_bytes(address, sizeof(*address), view->seed);
}

static bool address_equal(const void *item, const void *key)
{
	const struct view_address *address = item;

	return ip_address_equal(&address->address, key);
}

static bool address_and_interface_equal(const void *item, const void *key)
{
	const struct view_address *address = item;
	const struct view_address *wanted = key;

	return address->interface == wanted->interface &&
	       ip_address_equal(&address->address, &wanted->address);
}

struct interface_sweep {
	const struct kernel_view *view;
	uint32_t interface;
};

static bool goes_with_addresses(void *arg, const struct kernel_route *route, uint32_t generation)
{
	const struct interface_sweep *sweep = arg;
	size_t i;

	(void)generation;
	if (route->prefix.family != IPV4 || !route->hop_count)
		return false;
	for (i = 0; i < route->hop_count; i++) {
		if (route->hops[i].interface != sweep->interface)
			return false;
	}
	tell_foreign_route(sweep->view, route, true);
	return true;
}

static void forget_address(struct kernel_view *view, struct view_address *item)
{
	const struct view_address copy = *item;
	struct interface_sweep sweep = {view, copy.interface};
	struct ip_address other;

	hash_table_remove(&view->addresses, address_hash(view, &item->address), item);
	free(item);
	view->ops->address(view->arg, &copy.address);
	/* IPv4 ends on an interface with its last address there. */
	if (copy.address.family == IPV4 &&
	    !kernel_view_interface_address(view, copy.interface, IPV4, &other)) {
		kernel_routes_sweep(&view->routes, goes_with_addresses, &sweep);
		view->ops->interface_lost(view->arg, copy.interface);
	}
	links_changed(view);
}

static bool parse_address(const struct nlmsghdr *message, struct view_address *address)
{
	const struct ifaddrmsg *header = nlmsg_data(message);
	struct nlattr *attributes[IFA_MAX + 1];
	const struct nlattr *value;
	enum ip_family family;

	if (nlmsg_parse((struct nlmsghdr *)message, sizeof(*header), attributes, IFA_MAX, NULL) <
		0 ||
	    (header->ifa_family != AF_INET && header->ifa_family != AF_INET6))
		return false;
	family = header->ifa_family == AF_INET ? IPV4 : IPV6;
	/* On a point-to-point link IFA_ADDRESS is the other end. */
	value = attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
	if (!value || nla_len(value) != (int)(ip_family_bits(family) / 8))
		return false;
	*address = (struct view_address){
	    .address = ip_address_from_bytes(family, nla_data(value)),
	    .interface = header->ifa_index,
	    .flags = header->ifa_flags,
	    .length = header->ifa_prefixlen,
	};
	if (attributes[IFA_FLAGS] && nla_len(attributes[IFA_FLAGS]) == (int)sizeof(uint32_t))
		address->flags = nla_get_u32(attributes[IFA_FLAGS]);
	return true;
}

static void address_message(struct kernel_view *view, const struct nlmsghdr *message)
{
	struct view_address told;
	struct view_address *item;
	uint64_t hash;

	if (!parse_address(message, &told))
		return;
	hash = address_hash(view, &told.address);
	item = hash_table_find(&view->addresses, hash, address_and_interface_equal, &told);
	if (message->nlmsg_type == RTM_DELADDR) {
		if (item)
			forget_address(view, item);
		return;
	}
	if (item) {
		item->generation = view->generation;
		if (item->flags == told.flags && item->length == told.length)
			return;
		item->flags = told.flags;
		item->length = told.length;
	} else {
		told.generation = view->generation;
		told.order = view->next_order++;
		hash_table_insert(&view->addresses, hash, memory_copy(&told, sizeof(told)));
		view->ops->address(view->arg, &told.address);
	}
	links_changed(view);
}

/* Routes */

static void route_message(struct kernel_view *view, const struct nlmsghdr *message)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	const bool gone = message->nlmsg_type == RTM_DELROUTE;
	struct kernel_route route;

	/* A route for one type of service shares a place with nothing of ours. */
	if (!route_message_parse(message, &route, hops) || route.tos ||
	    (route.table != RT_TABLE_MAIN && route.table != view->own_table))
		return;
	if (!gone && message->nlmsg_flags & NLM_F_REPLACE) {
		if (kernel_routes_remove_replaced(&view->routes, &route))
			view->ops->changed(view->arg);
		else if (route.table == view->own_table && route.protocol != view->own_protocol)
			view->ops->replaced(view->arg, &route);
	}
	if (route.protocol == view->own_protocol) {
		if (route.table == view->own_table)
			view->ops->own_route(view->arg, &route, gone);
		return;
	}
	if (gone ? kernel_routes_remove(&view->routes, &route)
		 : kernel_routes_put(&view->routes, &route, view->generation)) {
		view->ops->changed(view->arg);
		tell_foreign_route(view, &route, gone);
	}
}

/* Neighbours */

static void neighbour_message(struct kernel_view *view, const struct nlmsghdr *message)
{
	if (kernel_neighbours_message(&view->neighbours, message, view->generation))
		view->ops->changed(view->arg);
}

static const struct {
	uint16_t type;
	void (*handle)(struct kernel_view *view, const struct nlmsghdr *message);
} handlers[] = {
    {RTM_NEWLINK, link_message},
    {RTM_DELLINK, link_message},
    {RTM_NEWADDR, address_message},
    {RTM_DELADDR, address_message},
    {RTM_NEWROUTE, route_message},
    {RTM_DELROUTE, route_message},
    {RTM_NEWNEIGH, neighbour_message},
    {RTM_DELNEIGH, neighbour_message},
};

void kernel_view_message(struct kernel_view *view, const struct nlmsghdr *message)
{
	size_t i;

	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type == message->nlmsg_type) {
			handlers[i].handle(view, message);
			return;
		}
	}
}

/* Dumps */

void kernel_view_begin_dump(struct kernel_view *view)
{
	view->generation++;
}

static bool goes_if_old(void *arg, const struct kernel_route *route, uint32_t generation)
{
	const struct kernel_view *view = arg;

	if (generation == view->generation)
		return false;
	tell_foreign_route(view, route, true);
	return true;
}

/* The first link or address of an older generation, or NULL. */
static struct view_link *find_old_link(const struct kernel_view *view)
{
	size_t cursor = 0;
	struct view_link *link;

	while ((link = hash_table_next(&view->links, &cursor))) {
		if (link->generation != view->generation)
			break;
	}
	return link;
}

static struct view_address *find_old_address(const struct kernel_view *view)
{
	size_t cursor = 0;
	struct view_address *address;

	while ((address = hash_table_next(&view->addresses, &cursor))) {
		if (address->generation != view->generation)
			break;
	}
	return address;
}

void kernel_view_end_dump(struct kernel_view *view)
{
	struct view_link *link;
	struct view_address *address;

	view->complete = true;
	while ((address = find_old_address(view)))
		forget_address(view, address);
	while ((link = find_old_link(view)))
		forget_link(view, link);
	kernel_routes_sweep(&view->routes, goes_if_old, view);
	kernel_neighbours_sweep(&view->neighbours, view->generation);
	view->ops->changed(view->arg);
}

/* Asking */

/* Why a route that is no unicast route does not help. */
static const struct {
	uint8_t type;
	const char *reason;
} dead_ends[] = {
    {RTN_BLACKHOLE, "a blackhole route is in the way"},
    {RTN_UNREACHABLE, "an unreachable route is in the way"},
    {RTN_PROHIBIT, "a prohibit route is in the way"},
    {RTN_LOCAL, "it is an address of this node"},
    {RTN_BROADCAST, "it is a broadcast address"},
    {RTN_ANYCAST, "it is an anycast address of this node"},
};

static const char *dead_end_reason(uint8_t type)
{
	size_t i;

	for (i = 0; i < sizeof(dead_ends) / sizeof(dead_ends[0]); i++) {
		if (dead_ends[i].type == type)
			return dead_ends[i].reason;
	}
	return "the route to it is no unicast route";
}

static void resolve_link_local(const struct kernel_view *view, const struct ip_address *next_hop,
    uint32_t scope, struct kernel_resolution *resolution)
{
	if (!scope) {
		resolution->reason = "a link-local address needs an interface";
		return;
	}
	resolution->reason = find_link(view, scope) ? "its interface is down" : "no such interface";
	if (!is_up(view, scope))
		return;
	*resolution = (struct kernel_resolution){
	    .reachable = true,
	    .on_link = true,
	    .route_length = 64,
	    .hop = {*next_hop, .has_gateway = true, .weight = 1, .interface = scope},
	};
}

static void resolve_over_route(const struct kernel_view *view, const struct ip_address *next_hop,
    const struct kernel_route *route, struct kernel_resolution *resolution)
{
	size_t i;

	for (i = 0; i < route->hop_count; i++) {
		const struct kernel_hop *hop = &route->hops[i];

		if (!is_up(view, hop->interface))
			continue;
		*resolution = (struct kernel_resolution){
		    .reachable = true,
		    .on_link = !hop->has_gateway,
		    .route_length = route->prefix.length,
		    .cost = route->metric,
		    .hop = *hop,
		};
		resolution->hop.weight = 1;
		if (!hop->has_gateway)
			resolution->hop.gateway = *next_hop;
		resolution->hop.has_gateway = true;
		return;
	}
	resolution->reason =
	    route->hop_count ? "its interface is down" : "the route to it has no hop";
}

void kernel_view_resolve(const struct kernel_view *view, const struct ip_address *next_hop,
    uint32_t scope, struct kernel_resolution *resolution)
{
	const struct kernel_route *route;

	*resolution = (struct kernel_resolution){0};
	if (!view->complete) {
		resolution->reason = "the kernel's routes have not been read yet";
		return;
	}
	if (kernel_view_is_local_address(view, next_hop, scope)) {
		resolution->local = true;
		resolution->reason = dead_end_reason(RTN_LOCAL);
		return;
	}
	if (next_hop->family == IPV6 && ip_address_is_link_local(next_hop)) {
		resolve_link_local(view, next_hop, scope, resolution);
		return;
	}
	route = kernel_routes_match(&view->routes, next_hop);
	if (!route)
		resolution->reason = "no route to it";
	else if (route->type != RTN_UNICAST)
		resolution->reason = dead_end_reason(route->type);
	else
		resolve_over_route(view, next_hop, route, resolution);
}

const struct kernel_route *kernel_view_foreign_route(
    const struct kernel_view *view, const struct ip_prefix *prefix, uint32_t metric)
{
	return kernel_routes_find(&view->routes, prefix, view->own_table, metric);
}

bool kernel_view_is_local_address(
    const struct kernel_view *view, const struct ip_address *address, uint32_t scope)
{
	const struct view_address wanted = {.address = *address, .interface = scope};

	if (!scope || !ip_address_is_link_local(address))
		return kernel_view_interface_of(view, address) != 0;
	return hash_table_find(
	    &view->addresses, address_hash(view, address), address_and_interface_equal, &wanted);
}

/* IPv6 addresses cannot be used before it is known that nobody else on the link has them. */
static bool is_usable(const struct view_address *address)
{
	return !(address->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED));
}

static bool usable_address_equal(const void *item, const void *key)
{
	return address_equal(item, key) && is_usable(item);
}

bool kernel_view_is_usable_address(const struct kernel_view *view, const struct ip_address *address)
{
	return hash_table_find(
	    &view->addresses, address_hash(view, address), usable_address_equal, address);
}

/* Lower is better: usable, global, and told early. */
static unsigned address_rank(const struct view_address *address)
{
	unsigned rank = 0;

	if (!is_usable(address))
		rank += 8;
	if (ip_address_is_link_local(&address->address) ||
	    ip_address_is_loopback(&address->address))
		rank += 4;
	if (address->flags & IFA_F_DEPRECATED)
		rank += 2;
	if (address->flags & IFA_F_SECONDARY)
		rank += 1;
	return rank;
}

static bool is_better(const struct view_address *item, const struct view_address *best)
{
	return !best || address_rank(item) < address_rank(best) ||
	       (address_rank(item) == address_rank(best) && item->order < best->order);
}

bool kernel_view_interface_address(const struct kernel_view *view, uint32_t interface,
    enum ip_family family, struct ip_address *address)
{
	const struct view_address *best = NULL;
	const struct view_address *item;
	size_t cursor = 0;

	while ((item = hash_table_next(&view->addresses, &cursor))) {
		if (item->interface == interface && item->address.family == family &&
		    is_better(item, best))
			best = item;
	}
	if (best)
		*address = best->address;
	return best != NULL;
}

bool kernel_view_link_local_address(
    const struct kernel_view *view, uint32_t interface, struct ip_address *address)
{
	const struct view_address *best = NULL;
	const struct view_address *item;
	size_t cursor = 0;

	while ((item = hash_table_next(&view->addresses, &cursor))) {
		if (item->interface == interface && item->address.family == IPV6 &&
		    ip_address_is_link_local(&item->address) && is_usable(item) &&
		    is_better(item, best))
			best = item;
	}
	if (best)
		*address = best->address;
	return best != NULL;
}

static bool is_on_segment(const struct view_address *item, const struct ip_address *inside)
{
	struct ip_prefix segment;

	if (!item->length || item->length >= ip_family_bits(item->address.family) ||
	    ip_address_is_link_local(&item->address) || ip_address_is_loopback(&item->address))
		return false;
	segment = ip_prefix_from_address(&item->address, item->length);
	return inside->family != item->address.family || ip_prefix_contains(&segment, inside);
}

bool kernel_view_segment(const struct kernel_view *view, uint32_t interface, enum ip_family family,
    const struct ip_address *inside, struct ip_prefix *segment)
{
	const struct view_address *best = NULL;
	const struct view_address *item;
	size_t cursor = 0;

	while ((item = hash_table_next(&view->addresses, &cursor))) {
		if (item->interface == interface && item->address.family == family &&
		    is_on_segment(item, inside) && is_better(item, best))
			best = item;
	}
	if (best)
		*segment = ip_prefix_from_address(&best->address, best->length);
	return best != NULL;
}

uint32_t kernel_view_interface_of(const struct kernel_view *view, const struct ip_address *address)
{
	const struct view_address *item =
	    hash_table_find(&view->addresses, address_hash(view, address), address_equal, address);

	return item ? item->interface : 0;
}

const struct kernel_link *kernel_view_link(const struct kernel_view *view, uint32_t index)
{
	const struct view_link *link = find_link(view, index);

	return link ? &link->link : NULL;
}

const struct kernel_link *kernel_view_link_by_name(const struct kernel_view *view, const char *name)
{
	const struct view_link *link;
	size_t cursor = 0;

	while ((link = hash_table_next(&view->links, &cursor))) {
		if (strcmp(link->link.name, name) == 0)
			return &link->link;
	}
	return NULL;
}

bool kernel_view_neighbour(
    const struct kernel_view *view, uint32_t interface, struct ip_address *address)
{
	return kernel_neighbours_find(&view->neighbours, interface, address);
}
