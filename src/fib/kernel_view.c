/*
 * A mirror of the kernel's links, addresses, routes and neighbours.  Links and addresses are all
 * kept; of the routes only those of others in the main table and ours: our own may not resolve next
 * hops, and are handed on by a callback.  Each item carries the generation in which it was last
 * told; the end of a dump drops what is older, so a dump both fills the view and repairs it.
 *
 * The kernel is silent about some losses: IPv4 routes over a link that is set down, or whose last
 * address goes, vanish without a notification.  The view drops such routes itself and says which
 * interface it was, so that our own routes can be looked after.  They do not count from then on;
 * they are taken out in slices.
 */
#include "fib/kernel_view.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fib/kernel_addresses.h"
#include "fib/kernel_neighbours.h"
#include "fib/kernel_routes.h"

/* Prefixes between two looks at the clock. */
#define SWEEP_STEP 256

struct kernel_view {
	struct loop *loop;
	const struct kernel_view_ops *ops;
	void *arg;
	uint8_t own_protocol;
	uint32_t own_table;
	uint32_t generation;
	bool complete; /* the first dump is over */
	struct loop_task sweep_task;
	struct kernel_links links;
	struct kernel_addresses addresses;
	struct kernel_routes routes;
	struct kernel_neighbours neighbours;
};

static void tell_foreign_route(
    const struct kernel_view *view, const struct kernel_route *route, bool gone)
{
	if (route->table == view->own_table)
		view->ops->foreign_route(view->arg, route, gone);
}

/* What goes without a word */

static void route_gone(void *arg, const struct kernel_route *route)
{
	tell_foreign_route(arg, route, true);
}

static void run_sweep(void *arg)
{
	struct kernel_view *view = arg;

	loop_name_work(view->loop, "routes that are gone");
	while (kernel_routes_sweep(&view->routes, SWEEP_STEP, route_gone, view)) {
		if (loop_should_yield(view->loop)) {
			loop_task_schedule(view->loop, &view->sweep_task);
			return;
		}
	}
}

static void start_sweep(struct kernel_view *view)
{
	if (view->loop)
		loop_task_schedule(view->loop, &view->sweep_task);
	else
		run_sweep(view);
}

static void lose_interface(struct kernel_view *view, uint32_t interface, bool ipv4_only)
{
	kernel_routes_lose_interface(&view->routes, interface, ipv4_only);
	start_sweep(view);
	view->ops->interface_lost(view->arg, interface);
}

/* Life */

struct kernel_view *kernel_view_new(struct loop *loop, uint64_t hash_seed, uint8_t own_protocol,
    uint32_t own_table, const struct kernel_view_ops *ops, void *arg)
{
	struct kernel_view *view = memory_allocate_zero(1, sizeof(*view));

	view->loop = loop;
	view->ops = ops;
	view->arg = arg;
	view->own_protocol = own_protocol;
	view->own_table = own_table;
	loop_task_init(&view->sweep_task, run_sweep, view);
	kernel_links_init(&view->links, hash_seed);
	kernel_addresses_init(&view->addresses, hash_seed);
	kernel_routes_init(&view->routes, &view->links, hash_seed);
	return view;
}

void kernel_view_free(struct kernel_view *view)
{
	if (!view)
		return;
	if (view->loop)
		loop_task_cancel(view->loop, &view->sweep_task);
	kernel_routes_release(&view->routes);
	kernel_addresses_release(&view->addresses);
	kernel_links_release(&view->links);
	kernel_neighbours_release(&view->neighbours);
	free(view);
}

static void links_changed(const struct kernel_view *view)
{
	view->ops->changed(view->arg);
	view->ops->links_changed(view->arg);
}

/* Links */

static bool is_up(const struct kernel_view *view, uint32_t index)
{
	const struct kernel_link *link = kernel_links_find(&view->links, index);

	return link && link->up;
}

static void forget_link(struct kernel_view *view, uint32_t index)
{
	if (!kernel_links_remove(&view->links, index))
		return;
	lose_interface(view, index, false);
	links_changed(view);
}

static void link_message(struct kernel_view *view, const struct nlmsghdr *message)
{
	struct kernel_link before;
	struct kernel_link now;

	if (!kernel_link_parse(message, &now))
		return;
	if (message->nlmsg_type == RTM_DELLINK) {
		forget_link(view, now.index);
		return;
	}
	now.generation = view->generation;
	before = kernel_links_put(&view->links, &now);
	if (before.enabled && !now.enabled)
		lose_interface(view, now.index, false);
	if (before.up != now.up || before.enabled != now.enabled || strcmp(before.name, now.name))
		links_changed(view);
}

/* Addresses */

static void forget_address(
    struct kernel_view *view, const struct ip_address *address, uint32_t interface)
{
	struct ip_address other;

	if (!kernel_addresses_remove(&view->addresses, address, interface))
		return;
	view->ops->address(view->arg, address);
	/* IPv4 ends on an interface with its last address there. */
	if (address->family == IPV4 &&
	    !kernel_view_interface_address(view, interface, IPV4, &other))
		lose_interface(view, interface, true);
	links_changed(view);
}

static void address_message(struct kernel_view *view, const struct nlmsghdr *message)
{
	struct kernel_address told;
	enum kernel_address_change change;

	if (!kernel_address_parse(message, &told))
		return;
	if (message->nlmsg_type == RTM_DELADDR) {
		forget_address(view, &told.address, told.interface);
		return;
	}
	told.generation = view->generation;
	change = kernel_addresses_put(&view->addresses, &told);
	if (change == KERNEL_ADDRESS_NEW)
		view->ops->address(view->arg, &told.address);
	if (change != KERNEL_ADDRESS_SAME)
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

void kernel_view_end_dump(struct kernel_view *view)
{
	const struct kernel_link *link;
	const struct kernel_address *old;

	view->complete = true;
	while ((old = kernel_addresses_find_old(&view->addresses, view->generation))) {
		const struct ip_address address = old->address;

		forget_address(view, &address, old->interface);
	}
	while ((link = kernel_links_find_old(&view->links, view->generation)))
		forget_link(view, link->index);
	kernel_routes_forget_older(&view->routes, view->generation);
	start_sweep(view);
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
	resolution->reason =
	    kernel_links_find(&view->links, scope) ? "its interface is down" : "no such interface";
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
	route = kernel_routes_match(&view->routes, next_hop, view->own_table);
	if (!route)
		route = kernel_routes_match(&view->routes, next_hop, RT_TABLE_MAIN);
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
	if (!scope || !ip_address_is_link_local(address))
		return kernel_view_interface_of(view, address) != 0;
	return kernel_addresses_has(&view->addresses, address, scope);
}

bool kernel_view_is_usable_address(const struct kernel_view *view, const struct ip_address *address)
{
	return kernel_addresses_has_usable(&view->addresses, address);
}

/* What an address of an interface is wanted for. */
struct wanted_address {
	uint32_t interface;
	enum ip_family family;
	const struct ip_address *inside; /* of the segment, see kernel_view_segment() */
};

static bool is_of_interface(const void *arg, const struct kernel_address *item)
{
	const struct wanted_address *wanted = arg;

	return item->interface == wanted->interface && item->address.family == wanted->family;
}

static bool is_usable_link_local(const void *arg, const struct kernel_address *item)
{
	return is_of_interface(arg, item) && ip_address_is_link_local(&item->address) &&
	       kernel_address_is_usable(item);
}

static bool is_on_segment(const void *arg, const struct kernel_address *item)
{
	const struct wanted_address *wanted = arg;
	struct ip_prefix segment;

	if (!is_of_interface(arg, item) || !item->length ||
	    item->length >= ip_family_bits(item->address.family) ||
	    ip_address_is_link_local(&item->address) || ip_address_is_loopback(&item->address))
		return false;
	segment = ip_prefix_from_address(&item->address, item->length);
	return wanted->inside->family != item->address.family ||
	       ip_prefix_contains(&segment, wanted->inside);
}

bool kernel_view_interface_address(const struct kernel_view *view, uint32_t interface,
    enum ip_family family, struct ip_address *address)
{
	const struct wanted_address wanted = {interface, family, NULL};
	const struct kernel_address *best =
	    kernel_addresses_best(&view->addresses, is_of_interface, &wanted);

	if (best)
		*address = best->address;
	return best != NULL;
}

bool kernel_view_link_local_address(
    const struct kernel_view *view, uint32_t interface, struct ip_address *address)
{
	const struct wanted_address wanted = {interface, IPV6, NULL};
	const struct kernel_address *best =
	    kernel_addresses_best(&view->addresses, is_usable_link_local, &wanted);

	if (best)
		*address = best->address;
	return best != NULL;
}

bool kernel_view_segment(const struct kernel_view *view, uint32_t interface, enum ip_family family,
    const struct ip_address *inside, struct ip_prefix *segment)
{
	const struct wanted_address wanted = {interface, family, inside};
	const struct kernel_address *best =
	    kernel_addresses_best(&view->addresses, is_on_segment, &wanted);

	if (best)
		*segment = ip_prefix_from_address(&best->address, best->length);
	return best != NULL;
}

uint32_t kernel_view_interface_of(const struct kernel_view *view, const struct ip_address *address)
{
	return kernel_addresses_interface(&view->addresses, address);
}

const struct kernel_link *kernel_view_link(const struct kernel_view *view, uint32_t index)
{
	return kernel_links_find(&view->links, index);
}

const struct kernel_link *kernel_view_link_by_name(const struct kernel_view *view, const char *name)
{
	return kernel_links_find_name(&view->links, name);
}

bool kernel_view_neighbour(
    const struct kernel_view *view, uint32_t interface, struct ip_address *address)
{
	return kernel_neighbours_find(&view->neighbours, interface, address);
}
