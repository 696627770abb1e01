/*
 * The routes of others that the kernel has, by prefix: what next hops resolve against and what our
 * own routes must not collide with.  Longest match probes the prefix lengths in use.  Called by
 * kernel_view.c.
 */
#ifndef FIB_KERNEL_ROUTES_H
#define FIB_KERNEL_ROUTES_H

#include "base/hash.h"
#include "base/round.h"
#include "base/slab.h"
#include "fib/kernel_links.h"
#include "fib/route_message.h"

struct kernel_routes {
	const struct kernel_links *links;
	struct hash_table prefixes;
	uint64_t seed;
	uint32_t lengths[IP_FAMILIES][129]; /* prefixes of each length */
	struct slab nodes; /* the prefixes, by id, for the sweep */
	struct round sweep;
	struct hash_table losses; /* by interface */
	uint64_t clock; /* counts losses */
	uint32_t oldest; /* generation: what was last told before it is gone */
};

/* The links stay the caller's. */
void kernel_routes_init(
    struct kernel_routes *routes, const struct kernel_links *links, uint64_t seed);
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
/* The longest match in the table, of these the lowest metric; NULL: none. */
const struct kernel_route *kernel_routes_match(
    const struct kernel_routes *routes, const struct ip_address *address, uint32_t table);

/*
 * The kernel has dropped what leads over this interface only, or nowhere else any more, without a
 * word; with `ipv4_only`, what is of IPv4.  From now on it is not found.
 */
void kernel_routes_lose_interface(struct kernel_routes *routes, uint32_t interface, bool ipv4_only);
/* The interface, which may have been lost, is enabled from now on: that brings no route back. */
void kernel_routes_enable_interface(struct kernel_routes *routes, uint32_t interface);
/* What was not told in this generation or later is gone: it is not found any more. */
void kernel_routes_forget_older(struct kernel_routes *routes, uint32_t generation);
/*
 * Takes out what is gone, and says so: `steps` prefixes at most are looked at.  False: nothing is
 * left to do.
 */
typedef void kernel_routes_gone(void *arg, const struct kernel_route *route);
bool kernel_routes_sweep(
    struct kernel_routes *routes, uint32_t steps, kernel_routes_gone *gone, void *arg);

#endif
