/*
 * An array, searched from one end to the other: a link with a routing neighbour has a handful of
 * hosts on it, and the kernel tells of each when its state changes, some times a minute.
 */
#include "fib/kernel_neighbours.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* States in which the kernel has an address of the link layer, old or new. */
#define USABLE_STATES \
	(NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

void kernel_neighbours_release(struct kernel_neighbours *neighbours)
{
	free(neighbours->items);
	*neighbours = (struct kernel_neighbours){0};
}

static struct kernel_neighbour *find_item(const struct kernel_neighbours *neighbours,
    const struct ip_address *address, uint32_t interface)
{
	for (size_t i = 0; i < neighbours->count; i++) {
		struct kernel_neighbour *item = &neighbours->items[i];

		if (item->interface == interface && ip_address_equal(&item->address, address))
			return item;
	}
	return NULL;
}

static void remove_item(struct kernel_neighbours *neighbours, struct kernel_neighbour *item)
{
	*item = neighbours->items[--neighbours->count];
}

/* Takes what is of interest out of the message; `*usable` says whether it can be talked to. */
static bool parse(const struct nlmsghdr *message, struct kernel_neighbour *neighbour, bool *usable)
{
	const struct ndmsg *header = nlmsg_data(message);
	struct nlattr *attributes[NDA_MAX + 1];
	const struct nlattr *address;

	if (nlmsg_parse((struct nlmsghdr *)message, sizeof(*header), attributes, NDA_MAX, NULL) <
		0 ||
	    header->ndm_family != AF_INET6 || header->ndm_ifindex <= 0 ||
	    header->ndm_flags & NTF_PROXY)
		return false;
	address = attributes[NDA_DST];
	if (!address || nla_len(address) != 16)
		return false;
	*neighbour = (struct kernel_neighbour){
	    .address = ip_address_from_bytes(IPV6, nla_data(address)),
	    .interface = (uint32_t)header->ndm_ifindex,
	    .is_router = header->ndm_flags & NTF_ROUTER,
	};
	*usable = message->nlmsg_type == RTM_NEWNEIGH && header->ndm_state & USABLE_STATES;
	return ip_address_is_link_local(&neighbour->address);
}

bool kernel_neighbours_message(
    struct kernel_neighbours *neighbours, const struct nlmsghdr *message, uint32_t generation)
{
	struct kernel_neighbour told, *item;
	bool usable, changed;

	if (!parse(message, &told, &usable))
		return false;
	item = find_item(neighbours, &told.address, told.interface);
	if (!usable) {
		if (item)
			remove_item(neighbours, item);
		return item != NULL;
	}
	told.generation = generation;
	if (item) {
		changed = item->is_router != told.is_router;
		*item = told;
		return changed;
	}
	if (neighbours->count == KERNEL_NEIGHBOURS_MAX)
		return false;
	neighbours->items = memory_grow(
	    neighbours->items, &neighbours->capacity, neighbours->count + 1, sizeof(told));
	neighbours->items[neighbours->count++] = told;
	return true;
}

bool kernel_neighbours_sweep(struct kernel_neighbours *neighbours, uint32_t generation)
{
	const size_t before = neighbours->count;
	size_t i = 0;

	while (i < neighbours->count) {
		if (neighbours->items[i].generation == generation)
			i++;
		else
			remove_item(neighbours, &neighbours->items[i]);
	}
	return neighbours->count != before;
}

bool kernel_neighbours_find(
    const struct kernel_neighbours *neighbours, uint32_t interface, struct ip_address *address)
{
	const struct kernel_neighbour *router = NULL, *any = NULL;
	size_t routers = 0, all = 0;

	for (size_t i = 0; i < neighbours->count; i++) {
		const struct kernel_neighbour *item = &neighbours->items[i];

		if (item->interface != interface)
			continue;
		any = item;
		all++;
		if (item->is_router) {
			router = item;
			routers++;
		}
	}
	if (routers == 1)
		any = router;
	else if (routers > 1 || all != 1)
		return false;
	*address = any->address;
	return true;
}
