/*
 * The neighbours that the kernel knows by their IPv6 link-local address, as its neighbour table
 * says: who is on a link without being configured.  Of all the others nothing is kept.  Part of
 * the kernel view, which calls it.
 */
#ifndef FIB_KERNEL_NEIGHBOURS_H
#define FIB_KERNEL_NEIGHBOURS_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/* Hosts can make the kernel's table grow; more than these are not looked at. */
#define KERNEL_NEIGHBOURS_MAX 1024

struct kernel_neighbour {
	struct ip_address address;
	uint32_t interface;
	bool is_router; /* it said so (RFC 4861 4.4) */
	uint32_t generation; /* of the dump that it was last told in */
};

struct kernel_neighbours {
	struct kernel_neighbour *items;
	size_t count;
	size_t capacity;
};

void kernel_neighbours_release(struct kernel_neighbours *neighbours);
/* RTM_NEWNEIGH or RTM_DELNEIGH; true if anything is another way than before. */
bool kernel_neighbours_message(
    struct kernel_neighbours *neighbours, const struct nlmsghdr *message, uint32_t generation);
/* Forgets those that were told before this generation only; true if there were any. */
bool kernel_neighbours_sweep(struct kernel_neighbours *neighbours, uint32_t generation);
/*
 * The neighbour on the interface: if there are routers, the only router, else the only one at all.
 * False: nobody, or several.
 */
bool kernel_neighbours_find(
    const struct kernel_neighbours *neighbours, uint32_t interface, struct ip_address *address);

#endif
