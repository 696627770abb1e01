/*
 * The next hops that routes of the RIB use, each once, with what the kernel knows of them:
 * reachable or not, and at which cost.  An attribute set points to its next hop.  The RIB tells the
 * tracker (the FIB room, by a callback) of next hops that appear and go; the tracker answers with
 * rib_next_hop_resolve(), now or later.  Until then the next hop is unreachable and its paths are
 * not candidates (RFC 4271 9.1.2).
 */
#ifndef RIB_NEXTHOP_H
#define RIB_NEXTHOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "bgp/attributes.h"

struct rib_next_hop {
	struct bgp_next_hop key; /* both unspecified: this router itself, always reachable */
	uint64_t hash; /* of key and scope */
	uint32_t scope; /* interface index for a link-local one, or 0 */
	uint32_t references; /* attribute sets */
	uint32_t cost; /* metric of the route that resolves it, for RFC 4271 9.1.2.2 e */
	bool reachable;
	bool dirty; /* changed, its prefixes not yet decided anew */
	void *tracker_data; /* the tracker's own */
};

struct rib_next_hop_ops {
	/* A next hop is in use for the first time; may call rib_next_hop_resolve() at once. */
	void (*track)(void *arg, struct rib_next_hop *next_hop);
	/* Its last user is gone; the pointer is void after the call. */
	void (*untrack)(void *arg, struct rib_next_hop *next_hop);
};

#endif
