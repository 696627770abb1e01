/*
 * A mirror of the kernel's links, addresses, rules, routes and neighbours.  Of the routes only
 * those of others are kept, in tables that matter: our own are handed on by a callback.  Each item
 * carries the generation in which it was last told; the end of a dump drops what is older, so a
 * dump both fills the view and repairs it.
 *
 * The kernel is silent about some losses: IPv4 routes over a link that is set down, or whose last
 * address goes, vanish without a notification.  The view drops such routes itself and says which
 * interface it was, so that our own routes can be looked after.  They do not count from then on;
 * they are taken out in slices.
 */
#include "fib/kernel_view.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fib/kernel_addresses.h"
#include "fib/kernel_neighbours.h"
#include "fib/kernel_routes.h"
#include "fib/kernel_tables.h"

/* Prefixes between two looks at the clock. */
#define SWEEP_STEP 256

struct kernel_view {
	struct loop *loop;
	const struct kernel_view_ops *ops;
	void *arg;
	uint64_t seed;
	uint8_t own_protocol;
	uint8_t left_protocol; /* as good as our own; 0: none */
	uint32_t generation;
	uint32_t known_generation; /* of the last dump that is over; 0: none */
	bool hears_routes; /* a route was told since the last dump began */
	struct loop_task sweep_task;
	struct kernel_links links;
	struct kernel_addresses addresses;
	struct kernel_rules rules;
	struct kernel_tables tables;
	struct kernel_routes routes;
	struct kernel_neighbours neighbours;
};

static void tell_foreign_route(
    const struct kernel_view *view, const struct kernel_route *route, bool gone)
{
	if (route->table == view->tables.own.table)
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
	view->seed = hash_seed;
	view->own_protocol = own_protocol;
	view->tables.own.table = own_table;
	loop_task_init(&view->sweep_task, run_sweep, view);
	kernel_links_init(&view->links, hash_seed);
	kernel_addresses_init(&view->addresses, hash_seed);
	kernel_rules_init(&view->rules, hash_seed);
	kernel_routes_init(&view->routes, &view->links, hash_seed);
	return view;
}

void kernel_view_move(
    struct kernel_view *view, uint8_t own_protocol, uint8_t left_protocol, uint32_t own_table)
{
	view->own_protocol = own_protocol;
	view->left_protocol = left_protocol;
	kernel_tables_move(&view->tables, own_table, view->generation);
	view->ops->changed(view->arg);
}

void kernel_view_free(struct kernel_view *view)
{
	if (!view)
		return;
	if (view->loop)
		loop_task_cancel(view->loop, &view->sweep_task);
	kernel_routes_release(&view->routes);
	kernel_tables_release(&view->tables);
	kernel_rules_release(&view->rules);
	kernel_addresses_release(&view->addresses);
	kernel_links_release(&view->links);
	kernel_neighbours_release(&view->neighbours);
	free(view);
}

/* Links */

static void links_changed(const struct kernel_view *view)
{
	view->ops->changed(view->arg);
	view->ops->links_changed(view->arg);
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
	else if (now.enabled && !before.enabled)
		kernel_routes_enable_interface(&view->routes, now.index);
	if (before.up != now.up || before.enabled != now.enabled || before.group != now.group ||
	    strcmp(before.name, now.name))
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

/* Rules */

/*
 * Routes of the table may have passed by.  In a dump the rules come before the routes, so that
 * those of this dump are all heard if none has been told yet.
 */
static void keep_table(struct kernel_view *view, uint32_t table)
{
	const uint32_t since = view->generation - (view->hears_routes ? 0 : 1);

	if (kernel_tables_add(&view->tables, table, since) && view->hears_routes)
		view->ops->incomplete(view->arg);
}

static void rule_message(struct kernel_view *view, const struct nlmsghdr *message)
{
	const bool gone = message->nlmsg_type == RTM_DELRULE;
	struct kernel_rule rule;

	if (!kernel_rule_parse(message, view->seed, &rule))
		return;
	rule.generation = view->generation;
	if (!(gone ? kernel_rules_remove(&view->rules, &rule)
		   : kernel_rules_put(&view->rules, &rule)))
		return;
	/* What is in the local table is known from the addresses. */
	if (!gone && rule.table != RT_TABLE_LOCAL && kernel_rules_lead_to(&view->rules, rule.table))
		keep_table(view, rule.table);
	view->ops->changed(view->arg);
}

/* Routes */

static void foreign_route_changed(
    struct kernel_view *view, const struct kernel_route *route, bool gone)
{
	view->ops->prefix_changed(view->arg, &route->prefix);
	tell_foreign_route(view, route, gone);
}

static bool is_ours(const struct kernel_view *view, const struct kernel_route *route)
{
	return route->protocol == view->own_protocol ||
	       (view->left_protocol && route->protocol == view->left_protocol);
}

static void route_message(struct kernel_view *view, const struct nlmsghdr *message)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	const bool gone = message->nlmsg_type == RTM_DELROUTE;
	struct kernel_route route;

	view->hears_routes = true;
	if (!route_message_parse(message, &route, hops))
		return;
	if (route.object && !gone && view->ops->object_used)
		view->ops->object_used(view->arg, route.object,
		    is_ours(view, &route) && route.table == view->tables.own.table);
	/* A route for one type of service shares a place with nothing of ours. */
	if (route.tos || !kernel_tables_keep(&view->tables, route.table))
		return;
	if (!gone && message->nlmsg_flags & NLM_F_REPLACE) {
		if (kernel_routes_remove_replaced(&view->routes, &route))
			view->ops->prefix_changed(view->arg, &route.prefix);
		else if (route.table == view->tables.own.table && !is_ours(view, &route))
			view->ops->replaced(view->arg, &route);
	}
	if (is_ours(view, &route)) {
		if (route.table == view->tables.own.table)
			view->ops->own_route(view->arg, &route, gone);
		return;
	}
	if (gone ? kernel_routes_remove(&view->routes, &route)
		 : kernel_routes_put(&view->routes, &route, view->generation))
		foreign_route_changed(view, &route, gone);
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
    {RTM_NEWRULE, rule_message},
    {RTM_DELRULE, rule_message},
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
	view->hears_routes = false;
}

void kernel_view_end_dump(struct kernel_view *view)
{
	const struct kernel_link *link;
	const struct kernel_address *old;

	view->known_generation = view->generation;
	view->hears_routes = true;
	while ((old = kernel_addresses_find_old(&view->addresses, view->generation))) {
		const struct ip_address address = old->address;

		forget_address(view, &address, old->interface);
	}
	while ((link = kernel_links_find_old(&view->links, view->generation)))
		forget_link(view, link->index);
	kernel_rules_sweep(&view->rules, view->generation);
	kernel_tables_drop_unused(&view->tables, &view->rules);
	kernel_routes_forget_older(&view->routes, view->generation);
	start_sweep(view);
	kernel_neighbours_sweep(&view->neighbours, view->generation);
	view->ops->changed(view->arg);
}

/* Asking */

bool kernel_view_is_complete(const struct kernel_view *view)
{
	return view->known_generation;
}

uint32_t kernel_view_own_table(const struct kernel_view *view)
{
	return view->tables.own.table;
}

bool kernel_view_uses_own_table(const struct kernel_view *view)
{
	return kernel_rules_lead_to(&view->rules, view->tables.own.table);
}

const struct kernel_rule *kernel_view_next_rule(
    const struct kernel_view *view, const struct ip_address *address, size_t *cursor)
{
	const struct kernel_rule *rule;

	do {
		rule = kernel_rules_next(&view->rules, address, cursor);
	} while (rule && rule->action == FR_ACT_TO_TBL &&
		 !kernel_tables_know(&view->tables, rule->table, view->known_generation));
	return rule;
}

const struct kernel_route *kernel_view_match(
    const struct kernel_view *view, const struct ip_address *address, uint32_t table)
{
	return kernel_routes_match(&view->routes, address, table);
}

const struct kernel_route *kernel_view_foreign_route(
    const struct kernel_view *view, const struct ip_prefix *prefix, uint32_t metric)
{
	return kernel_routes_find(&view->routes, prefix, view->tables.own.table, metric);
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
