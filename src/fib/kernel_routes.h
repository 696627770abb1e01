/*
 * The routes of others that the kernel has, by prefix: what next hops resolve against and what our
 * own routes must not collide with.  Longest match probes the prefix lengths in use.  Called by
 * kernel_view.c.
 */
#ifndef FIB_KERNEL_ROUTES_H
#define FIB_KERNEL_ROUTES_H

#include "base/hash.h"
#include "fib/route_message.h"

struct kernel_routes {
	struct hash_table prefixes;
	uint64_t seed;
	uint32_t lengths[IP_FAMILIES][129]; /* prefixes of each length */
};

void kernel_routes_init(struct kernel_routes *routes, uint64_t seed);
void kernel_routes_release(struct kernel_routes *routes);
/* Adds or confirms the route; false if it was there already. */
bool kernel_routes_put(
    struct kernel_routes *routes, const struct kernel_route *route, uint32_t generation);
/*
 * Removes the route, or of an IPv6 route the hops named: the kernel tells of each that goes.
 * False if there was none.
 */
bool kernel_routes_remove(struct kernel_routes *routes, const struct kernel_route *route);
/* Removes the first route of the prefix with this table, metric and TOS: it has been replaced. */
bool kernel_routes_remove_replaced(struct kernel_routes *routes, const struct kernel_route *by);
/* The first route of the prefix in this table with this metric and TOS 0, or NULL. */
const struct kernel_route *kernel_routes_find(const struct kernel_routes *routes,
    const struct ip_prefix *prefix, uint32_t table, uint32_t metric);
/* The longest match without regard to tables, of these the lowest metric; NULL: none. */
const struct kernel_route *kernel_routes_match(
    const struct kernel_routes *routes, const struct ip_address *address);
/* Removes every route for which `goes` returns true. */
typedef bool kernel_routes_goes(void *arg, const struct kernel_route *route, uint32_t generation);
void kernel_routes_sweep(struct kernel_routes *routes, kernel_routes_goes *goes, void *arg);

#endif
