/*
 * The kernel's forwarding table as the RIB wants it: listens to the RIB, resolves its next hops
 * against the kernel's links, addresses and routes, and keeps our routes (known by their protocol
 * number, in one table, at one metric) equal to the best paths and their equal-cost sets.  Foreign
 * routes are never touched.  It asks the kernel in packed requests and never waits for it.
 * Called by the speaker and, for showing, by the control room.
 */
#ifndef FIB_FIB_H
#define FIB_FIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/loop.h"
#include "rib/table.h"

#define FIB_HOPS_MAX 64

/*
 * What is installed for the prefixes that this node announces, if they hold more than one address:
 * a route that is worse than all others of the prefix, for packets to addresses that nobody has.
 */
enum fib_aggregates { FIB_AGGREGATES_NONE, FIB_AGGREGATES_BLACKHOLE, FIB_AGGREGATES_UNREACHABLE };

/* A comparable value. */
struct fib_settings {
	bool install;
	uint32_t table;
	uint32_t metric;
	uint8_t protocol;
	uint32_t multipath; /* at most FIB_HOPS_MAX */
	bool backup; /* also the best path that leads elsewhere, at the metric + 1 */
	bool withdraw_on_stop;
	enum fib_aggregates aggregates;
	/* The preferred source of our routes while the address is this node's; zeroed: none. */
	struct ip_address sources[IP_FAMILIES];
	bool next_hop_objects; /* if the kernel has them */
};

struct fib_ops {
	/* The kernel refused a route; `prefix` is shown by kbgpctl fib until it is accepted. */
	void (*failed)(void *arg, const struct ip_prefix *prefix, const char *what);
	/* The first complete view of the kernel is there. */
	void (*ready)(void *arg);
	/* Links or addresses changed: look again at what depends on the own addresses. */
	void (*links_changed)(void *arg);
	/*
	 * Links, addresses, neighbours or routes of others changed: look again at how to get to
	 * where.  After links_changed, and once at the end of a turn.
	 */
	void (*view_changed)(void *arg);
};

struct fib;

/* Opens netlink; NULL and the error if the kernel refuses. */
struct fib *fib_new(struct loop *loop, struct rib *rib, const struct fib_settings *settings,
    uint64_t hash_seed, const struct fib_ops *ops, void *arg, struct error *error);
/*
 * Stops listening; with withdraw_on_stop all routes are taken out before it returns, or as many as
 * the kernel lets go in 20 seconds.
 */
void fib_free(struct fib *fib);
/*
 * New settings: routes move from the old table, protocol and metric to the new ones, in turns to
 * come, and none is missing in between.
 */
void fib_change(struct fib *fib, const struct fib_settings *settings);
/* Prefixes that are never installed: this node's own pod CIDRs; copied. */
void fib_set_own_prefixes(struct fib *fib, const struct ip_prefix *prefixes, size_t count);
/*
 * The first tables are complete (every peer has sent End-of-RIB, or time is over): routes of a
 * previous run that are not wanted any more are removed.  Not before this is called.
 */
void fib_converged(struct fib *fib);

/*
 * Our address on the way to a neighbour, for next hop self; false: none of that family.  `scope` is
 * the interface of a link-local address, as several may have the same one, or 0.
 */
bool fib_local_address(const struct fib *fib, const struct ip_address *on_interface_of,
    uint32_t scope, enum ip_family family, struct ip_address *address);
/* A link-local address counts on the interface `scope` only: another link may have the same. */
bool fib_is_own_address(const struct fib *fib, const struct ip_address *address, uint32_t scope);
/* The link-local address of the interface that has the address; false: none (RFC 2545 3). */
bool fib_link_local_address(const struct fib *fib, const struct ip_address *on_interface_of,
    uint32_t scope, struct ip_address *link_local);
/*
 * The subnet of the family on the interface that has `local`: the one that `neighbour` is in if it
 * is of that family, else the first one.  False: none.
 */
bool fib_shared_segment(const struct fib *fib, const struct ip_address *local, uint32_t scope,
    const struct ip_address *neighbour, enum ip_family family, struct ip_prefix *segment);

/*
 * True if the address is on a link of this node, or its own: no router is in between.  Else `why`
 * has a few words: what there is in place of that.
 */
bool fib_is_connected(const struct fib *fib, const struct ip_address *address, struct error *why);

/* The index of the interface of this name, 0 if there is none; `up`: it can be sent from. */
uint32_t fib_interface(const struct fib *fib, const char *name, bool *up);
/* The link-local address of the interface of this index; false: it has none that can be used. */
bool fib_interface_link_local(
    const struct fib *fib, uint32_t interface, struct ip_address *link_local);
/*
 * Whether the kernel's neighbour table is followed, as fib_neighbour() needs; it is not at first,
 * since on a node with many pods it changes all the time.
 */
void fib_hear_neighbours(struct fib *fib, bool hear);
/*
 * The IPv6 link-local address of the only router that the kernel knows on the interface, or of the
 * only neighbour if none is known to be a router.  False: there is none, or there are several.
 */
bool fib_neighbour(const struct fib *fib, uint32_t interface, struct ip_address *address);

/* For kbgpctl fib. */
enum fib_state { FIB_QUEUED, FIB_INSTALLED, FIB_FAILED, FIB_STALE };
const char *fib_state_name(enum fib_state state);

struct fib_route_hop {
	struct ip_address address; /* unspecified: on link */
	char interface[16];
	uint32_t weight;
};

struct fib_route {
	struct ip_prefix prefix;
	uint32_t table;
	uint32_t metric;
	bool backup;
	uint32_t object; /* id of the next-hop object that it points to, or 0 */
	enum fib_state state;
	const char *error; /* the kernel's text, or NULL */
	const char *type; /* "unicast", "blackhole" or "unreachable"; NULL: not known */
	struct ip_address source; /* zeroed: none */
	size_t hop_count;
	const struct fib_route_hop *hops;
};
typedef void fib_route_callback(void *arg, const struct fib_route *route);
/* How far a walk has come; zeroed at first. */
struct fib_cursor {
	size_t table;
	uint32_t id;
	size_t leftover;
};
/*
 * Goes on with the walk, for at most so many steps, of which not each meets a route; false at its
 * end.  It sees what is there as it comes by.
 */
bool fib_walk(const struct fib *fib, struct fib_cursor *cursor, size_t steps,
    fib_route_callback *callback, void *arg);

/* For kbgpctl nexthops. */
struct fib_next_hop {
	struct ip_address address;
	bool reachable;
	bool on_link;
	struct ip_address gateway; /* unspecified if on link */
	char interface[16];
	uint32_t cost;
	unsigned depth; /* how many routes of our own lead to it, one after the other; 0: none */
	struct ip_prefix via; /* of these the first one, that the next hop is in */
	uint32_t users; /* attribute sets that use it */
	uint32_t object; /* id of the next-hop object of routes over it alone, or 0 */
	const char *reason; /* why it is not reachable, or NULL */
};
typedef void fib_next_hop_callback(void *arg, const struct fib_next_hop *next_hop);
void fib_walk_next_hops(const struct fib *fib, fib_next_hop_callback *callback, void *arg);

struct fib_counters {
	uint32_t routes[IP_FAMILIES]; /* installed, without backups */
	uint32_t backups[IP_FAMILIES]; /* installed */
	uint32_t failed; /* refused by the kernel now */
	uint64_t errors; /* refusals ever */
	uint64_t requests;
	uint64_t repaired; /* routes and objects of ours that somebody else removed or changed */
};
const struct fib_counters *fib_counters(const struct fib *fib);
/* Next-hop objects of ours in the kernel. */
size_t fib_next_hop_objects(const struct fib *fib);
/* Bytes of what is noted per prefix and per route of a previous run. */
size_t fib_memory(const struct fib *fib);

#endif
