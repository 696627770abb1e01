/*
 * Routes as rtnetlink messages: built for requests, parsed from dumps and notifications.  Pure: no
 * socket, no state.  Called by kernel_view.c and the rest of the FIB room.
 */
#ifndef FIB_ROUTE_MESSAGE_H
#define FIB_ROUTE_MESSAGE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

#define KERNEL_HOPS_MAX 64

/* One hop of a route. */
struct kernel_hop {
	struct ip_address gateway; /* of either family, whatever the route's */
	bool has_gateway; /* false: the destination is on the link itself */
	bool on_link; /* RTNH_F_ONLINK: the kernel does not check the gateway */
	uint16_t weight; /* 1 .. 256; compared and built only in multipath routes */
	uint32_t interface; /* index */
};

struct kernel_route {
	struct ip_prefix prefix;
	uint32_t table;
	uint32_t metric;
	uint32_t object; /* id of the next-hop object that it goes over; 0: over the hops */
	uint8_t protocol;
	uint8_t tos;
	uint8_t type; /* RTN_UNICAST, RTN_LOCAL, RTN_BLACKHOLE .. */
	uint8_t scope; /* RT_SCOPE_LINK: connected */
	uint8_t hop_count;
	struct ip_address source; /* preferred, of the prefix's family; zeroed: none */
	const struct kernel_hop *hops; /* the caller's */
};

/* Holds any message with KERNEL_HOPS_MAX hops. */
#define ROUTE_MESSAGE_MAX 4096

/* A buffer for one message, aligned as netlink needs it. */
struct route_message {
	_Alignas(struct nlmsghdr) uint8_t bytes[ROUTE_MESSAGE_MAX];
};

/*
 * RTM_NEWROUTE (`flags` of NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE) over its object or with its
 * hops, which are at most KERNEL_HOPS_MAX.  Sequence number and NLM_F_ACK are left to the socket.
 */
struct nlmsghdr *route_message_add(
    struct route_message *message, const struct kernel_route *route, uint16_t flags);
/* RTM_DELROUTE: prefix, table, metric and protocol are named, so nothing else can be hit. */
struct nlmsghdr *route_message_remove(
    struct route_message *message, const struct kernel_route *route);
/*
 * Reads RTM_NEWROUTE or RTM_DELROUTE; the hops go to `hops`.  False for anything that is no
 * unicast-family route of the FIB (other families, cached routes) or is malformed.
 */
bool route_message_parse(const struct nlmsghdr *message, struct kernel_route *route,
    struct kernel_hop hops[static KERNEL_HOPS_MAX]);

bool kernel_hop_equal(const struct kernel_hop *a, const struct kernel_hop *b);
/* The same hops in any order. */
bool kernel_hops_equal(
    const struct kernel_hop *a, size_t a_count, const struct kernel_hop *b, size_t b_count);

#endif
