/*
 * What the kernel has, as far as next hops and peers need it: links, addresses, policy rules, the
 * routes of the tables that a next hop may be looked up in, and neighbours, kept current by
 * notifications.  How a next hop is reached over them is a matter of kernel_resolve.h.  Called by
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
#include "fib/kernel_rules.h"
#include "fib/route_message.h"

struct kernel_view;

struct kernel_view_ops {
	/* Links, addresses, rules or neighbours changed: resolve all next hops anew. */
	void (*changed)(void *arg);
	/* A foreign route of the prefix changed: resolve the next hops in it anew. */
	void (*prefix_changed)(void *arg, const struct ip_prefix *prefix);
	/* Links or addresses changed. */
	void (*links_changed)(void *arg);
	/* An address of this node appeared or went. */
	void (*address)(void *arg, const struct ip_address *address);
	/* A route of any table over a next-hop object was told; `ours` is one of own_route. */
	void (*object_used)(void *arg, uint32_t object, bool ours);
	/* The kernel may have dropped routes over the interface without a word. */
	void (*interface_lost)(void *arg, uint32_t interface);
	/* A route with our protocol number appeared or went (`gone`), by whomever. */
	void (*own_route)(void *arg, const struct kernel_route *route, bool gone);
	/* A route of somebody else in our table appeared or went. */
	void (*foreign_route)(void *arg, const struct kernel_route *route, bool gone);
	/* A route of somebody else took the place (prefix, table, metric) of whatever was there. */
	void (*replaced)(void *arg, const struct kernel_route *by);
	/* A rule leads to a table whose routes were not kept: they count after another dump. */
	void (*incomplete)(void *arg);
};

/* The loop runs what takes long; NULL (tests): it is done at once. */
struct kernel_view *kernel_view_new(struct loop *loop, uint64_t hash_seed, uint8_t own_protocol,
    uint32_t own_table, const struct kernel_view_ops *ops, void *arg);
/*
 * Ours are routes of another protocol or table from now on, and in this table also those of the
 * protocol that we have left, if it is not 0.  What is there is told by the next dump.
 */
void kernel_view_move(
    struct kernel_view *view, uint8_t own_protocol, uint8_t left_protocol, uint32_t own_table);
void kernel_view_free(struct kernel_view *view);
/*
 * A notification or a line of a dump; anything else than links, addresses, rules, routes and
 * neighbours is ignored.
 */
void kernel_view_message(struct kernel_view *view, const struct nlmsghdr *message);
/*
 * Between begin and end everything that exists is told, rules before routes; what was not is
 * forgotten at the end.
 */
void kernel_view_begin_dump(struct kernel_view *view);
void kernel_view_end_dump(struct kernel_view *view);
/* The first dump is over. */
bool kernel_view_is_complete(const struct kernel_view *view);
/* The table that our own routes are in. */
uint32_t kernel_view_own_table(const struct kernel_view *view);
/* False if no rule leads to it, so that the kernel does not use our routes for its own packets. */
bool kernel_view_uses_own_table(const struct kernel_view *view);

/* As kernel_rules_next(), but passes over tables that are not known (yet). */
const struct kernel_rule *kernel_view_next_rule(
    const struct kernel_view *view, const struct ip_address *address, size_t *cursor);
/* Somebody else's route to the address: the longest match in this table, or NULL. */
const struct kernel_route *kernel_view_match(
    const struct kernel_view *view, const struct ip_address *address, uint32_t table);
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
