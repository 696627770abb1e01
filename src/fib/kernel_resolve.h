/*
 * How a next hop is reached: it is looked up as the kernel would look up the destination of a
 * packet of this node, by the policy rules in their order and longest match in the tables that they
 * lead to.  Pure: reads the kernel view.  Called by recursion.c and fib.c.
 */
#ifndef FIB_KERNEL_RESOLVE_H
#define FIB_KERNEL_RESOLVE_H

#include "fib/kernel_view.h"

struct kernel_resolution {
	bool reachable;
	bool on_link; /* no gateway in between */
	bool local; /* an address of this node itself */
	bool passed_over; /* a route of our own was, as it leads back to the next hop */
	bool no_route; /* nothing was found: no route, no rule, no address */
	bool given_up; /* not followed to the end: whether it is reachable is not known */
	uint8_t depth; /* how many routes of our own are in between; 0: it is not recursive */
	uint8_t route_length; /* of the prefix of the resolving route of somebody else */
	uint32_t cost; /* metric of that route; 0 if it says that the destination is on the link */
	struct ip_prefix via; /* recursive: the route of our own that it is looked up in first */
	struct kernel_hop hop; /* gateway: the next hop itself if on link */
	const char *reason; /* a static text when it is not reachable */
};

/* Routes of our own, which are looked at in the table that they are in. */
struct kernel_own_routes {
	/*
	 * Resolves the address over the most specific route of our own that comes before `foreign`,
	 * the best one of others (NULL: there is none).  False: there is none.
	 */
	bool (*resolve)(void *arg, const struct ip_address *address,
	    const struct kernel_route *foreign, struct kernel_resolution *resolution);
	void *arg;
};

/* `scope` is the interface of a link-local address, or 0; `own` NULL: only routes of others. */
void kernel_resolve(const struct kernel_view *view, const struct ip_address *next_hop,
    uint32_t scope, const struct kernel_own_routes *own, struct kernel_resolution *resolution);
/* Over routes of others only. */
static inline void kernel_view_resolve(const struct kernel_view *view,
    const struct ip_address *next_hop, uint32_t scope, struct kernel_resolution *resolution)
{
	kernel_resolve(view, next_hop, scope, NULL, resolution);
}

#endif
