/*
 * What the kernel has, as far as next hops and peers need it: links, addresses, the routes of the
 * main and the configured table, and neighbours, kept current by notifications.  Resolves a next
 * hop to an interface and a gateway by longest match, over routes of others only.  Called by
 * next_hop.c and fib.c.
 */
#ifndef FIB_KERNEL_VIEW_H
#define FIB_KERNEL_VIEW_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/loop.h"
#include "fib/kernel_links.h"
#include "fib/route_message.h"

struct kernel_view;

struct kernel_view_ops {
	/* Links, addresses, neighbours or foreign routes changed: resolve next hops anew. */
	void (*changed)(void *arg);
	/* Links or addresses changed. */
	void (*links_changed)(void *arg);
	/* An address of this node appeared or went. */
	void (*address)(void *arg, const struct ip_address *address);
	/* The kernel may have dropped routes over the interface without a word. */
	void (*interface_lost)(void *arg, uint32_t interface);
	/* A route with our protocol number appeared or went (`gone`), by whomever. */
	void (*own_route)(void *arg, const struct kernel_route *route, bool gone);
	/* A route of somebody else in our table appeared or went. */
	void (*foreign_route)(void *arg, const struct kernel_route *route, bool gone);
	/* A route of somebody else took the place (prefix, table, metric) of whatever was there. */
	void (*replaced)(void *arg, const struct kernel_route *by);
};

/* How a next hop is reached. */
struct kernel_resolution {
	bool reachable;
	bool on_link; /* no gateway in between */
	bool local; /* an address of this node itself */
	uint8_t route_length; /* of the prefix of the resolving route */
	uint32_t cost; /* metric of the resolving route */
	struct kernel_hop hop; /* gateway: the next hop itself if on link */
	const char *reason; /* a static text when it is not reachable */
};

/* The loop runs what takes long; NULL (tests): it is done at once. */
struct kernel_view *kernel_view_new(struct loop *loop, uint64_t hash_seed, uint8_t own_protocol,
    uint32_t own_table, const struct kernel_view_ops *ops, void *arg);
void kernel_view_free(struct kernel_view *view);
/*
 * A notification or a line of a dump; anything else than links, addresses, routes and neighbours is
 * ignored.
 */
void kernel_view_message(struct kernel_view *view, const struct nlmsghdr *message);
/*
 * Between begin and end everything that exists is told; what was not is forgotten at the end.
 * Nothing resolves until the first end.
 */
void kernel_view_begin_dump(struct kernel_view *view);
void kernel_view_end_dump(struct kernel_view *view);
/* `scope` is the interface of a link-local address, or 0. */
void kernel_view_resolve(const struct kernel_view *view, const struct ip_address *next_hop,
    uint32_t scope, struct kernel_resolution *resolution);
/* Somebody else's route at this very place of our table, or NULL. */
const struct kernel_route *kernel_view_foreign_route(
    const struct kernel_view *view, const struct ip_prefix *prefix, uint32_t metric);
/*
 * An address of this node.  A link-local one is that on the interface `scope` only; 0: on any.
 */
bool kernel_view_is_local_address(
    const struct kernel_view *view, const struct ip_address *address, uint32_t scope);
/* The same of an address on any interface that packets may be sent from by now. */
bool kernel_view_is_usable_address(
    const struct kernel_view *view, const struct ip_address *address);
/* The first address of the family on the interface, global before link-local; false: none. */
bool kernel_view_interface_address(const struct kernel_view *view, uint32_t interface,
    enum ip_family family, struct ip_address *address);
/* A link-local address of the interface that is in use; false: none. */
bool kernel_view_link_local_address(
    const struct kernel_view *view, uint32_t interface, struct ip_address *address);
/*
 * The subnet of an address of the interface: the one that `inside` is in, if it is of the family,
 * else that of the first global address.  Not one that holds a single address.  False: none.
 */
bool kernel_view_segment(const struct kernel_view *view, uint32_t interface, enum ip_family family,
    const struct ip_address *inside, struct ip_prefix *segment);
/* The interface that has this address; 0: none. */
uint32_t kernel_view_interface_of(const struct kernel_view *view, const struct ip_address *address);
const struct kernel_link *kernel_view_link(const struct kernel_view *view, uint32_t index);
const struct kernel_link *kernel_view_link_by_name(
    const struct kernel_view *view, const char *name);
/* As kernel_neighbours_find(); nobody, unless neighbours are among the messages. */
bool kernel_view_neighbour(
    const struct kernel_view *view, uint32_t interface, struct ip_address *address);

#endif
