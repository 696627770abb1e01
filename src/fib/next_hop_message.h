/*
 * The kernel's next-hop objects as rtnetlink messages: built for requests, parsed from dumps and
 * notifications.  An object is either one hop, or a group of objects that are hops.  Pure: no
 * socket, no state.  Called by next_hop_object.c.
 */
#ifndef FIB_NEXT_HOP_MESSAGE_H
#define FIB_NEXT_HOP_MESSAGE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fib/route_message.h"

/* One hop of a group. */
struct kernel_group_member {
	uint32_t id; /* of the object that is the hop */
	uint16_t weight; /* 1 .. 256 */
};

struct kernel_next_hop {
	uint32_t id;
	uint8_t protocol;
	struct kernel_hop hop; /* not of a group; its weight says nothing */
	size_t member_count; /* of a group, at most KERNEL_HOPS_MAX; 0: it is a hop */
	const struct kernel_group_member *members; /* the caller's */
};

/* Holds any message with KERNEL_HOPS_MAX members. */
#define NEXT_HOP_MESSAGE_MAX 1024

/* A buffer for one message, aligned as netlink needs it. */
struct next_hop_message {
	_Alignas(struct nlmsghdr) uint8_t bytes[NEXT_HOP_MESSAGE_MAX];
};

/*
 * RTM_NEWNEXTHOP (`flags` of NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE).  A hop without a gateway is
 * of the family of its (unspecified) gateway address.
 */
struct nlmsghdr *next_hop_message_add(
    struct next_hop_message *message, const struct kernel_next_hop *next_hop, uint16_t flags);
/* RTM_DELNEXTHOP.  The kernel removes with it every route that has no other hop. */
struct nlmsghdr *next_hop_message_remove(struct next_hop_message *message, uint32_t id);
/* RTM_GETNEXTHOP: a kernel that knows no such objects answers with EOPNOTSUPP. */
struct nlmsghdr *next_hop_message_get(struct next_hop_message *message, uint32_t id);
/*
 * Reads RTM_NEWNEXTHOP or RTM_DELNEXTHOP; the members go to `members`, those beyond the limit are
 * left out.  False for a malformed one.
 */
bool next_hop_message_parse(const struct nlmsghdr *message, struct kernel_next_hop *next_hop,
    struct kernel_group_member members[static KERNEL_HOPS_MAX]);

#endif
