/*
 * Next hops that routes of our own lead to.  Such a route counts as the kernel would use it: where
 * it is or would be installed, and comes before the routes of others.  The next hop is then reached
 * as the next hop of that route is, and so on, until a route of somebody else says where to send.
 * Called by next_hop.c.
 */
#ifndef FIB_RECURSION_H
#define FIB_RECURSION_H

#include "fib/kernel_resolve.h"
#include "rib/table.h"

/* So many routes of our own lead from one to the next at most. */
#define RECURSION_DEPTH_MAX 8

/* What of the table is or would be installed; asked of the one who installs. */
struct installed_routes {
	/* The prefix may be installed, and `best`, if it is its best path, gives it this metric. */
	bool (*has)(void *arg, const struct ip_prefix *prefix, const struct rib_path *best,
	    uint32_t *metric);
	void *arg;
};

/*
 * Resolves the next hop; the outcome depends on the table, the view and the settings only, not on
 * what was found before or which paths are the best ones now.  Returns the number of lookups.
 */
unsigned recursion_resolve(const struct rib *rib, const struct kernel_view *view,
    const struct installed_routes *installed, const struct rib_next_hop *next_hop,
    struct kernel_resolution *resolution);
/*
 * True if a route for the prefix over this next hop would lead to its gateway itself, more
 * specifically than the route that says that the gateway is on the link.
 */
bool recursion_leads_to_itself(
    const struct ip_prefix *prefix, const struct kernel_resolution *resolution);

#endif
