/*
 * A hash table by address, as the question of every next hop is whether it is one of ours.  The
 * others, about what an interface has, look at all: a node has a few addresses for each link.
 */
#include "fib/kernel_addresses.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>

#include "base/memory.h"

void kernel_addresses_init(struct kernel_addresses *addresses, uint64_t seed)
{
	*addresses = (struct kernel_addresses){.seed = seed};
}

void kernel_addresses_release(struct kernel_addresses *addresses)
{
	size_t cursor = 0;
	void *item;

	while ((item = hash_table_next(&addresses->table, &cursor)))
		free(item);
	hash_table_free(&addresses->table);
}

bool kernel_address_parse(const struct nlmsghdr *message, struct kernel_address *address)
{
	const struct ifaddrmsg *header = nlmsg_data(message);
	struct nlattr *attributes[IFA_MAX + 1];
	const struct nlattr *value;
	enum ip_family family;

	if (nlmsg_parse((struct nlmsghdr *)message, sizeof(*header), attributes, IFA_MAX, NULL) <
		0 ||
	    (header->ifa_family != AF_INET && header->ifa_family != AF_INET6))
		return false;
	family = header->ifa_family == AF_INET ? IPV4 : IPV6;
	/* On a point-to-point link IFA_ADDRESS is the other end. */
	value = attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
	if (!value || nla_len(value) != (int)(ip_family_bits(family) / 8))
		return false;
	*address = (struct kernel_address){
	    .address = ip_address_from_bytes(family, nla_data(value)),
	    .interface = header->ifa_index,
	    .flags = header->ifa_flags,
	    .length = header->ifa_prefixlen,
	};
	if (attributes[IFA_FLAGS] && nla_len(attributes[IFA_FLAGS]) == (int)sizeof(uint32_t))
		address->flags = nla_get_u32(attributes[IFA_FLAGS]);
	return true;
}

static uint64_t address_hash(
    const struct kernel_addresses *addresses, const struct ip_address *address)
{
	return hash_bytes(address, sizeof(*address), addresses->seed);
}

static bool address_equal(const void *item, const void *key)
{
	const struct kernel_address *address = item;

	return ip_address_equal(&address->address, key);
}

static bool address_and_interface_equal(const void *item, const void *key)
{
	const struct kernel_address *address = item;
	const struct kernel_address *wanted = key;

	return address->interface == wanted->interface &&
	       ip_address_equal(&address->address, &wanted->address);
}

static struct kernel_address *find(
    const struct kernel_addresses *addresses, const struct ip_address *address, uint32_t interface)
{
	const struct kernel_address wanted = {.address = *address, .interface = interface};

	return hash_table_find(&addresses->table, address_hash(addresses, address),
	    address_and_interface_equal, &wanted);
}

enum kernel_address_change kernel_addresses_put(
    struct kernel_addresses *addresses, const struct kernel_address *told)
{
	struct kernel_address *item = find(addresses, &told->address, told->interface);
	enum kernel_address_change change = KERNEL_ADDRESS_SAME;

	if (!item) {
		item = memory_copy(told, sizeof(*told));
		item->order = addresses->next_order++;
		hash_table_insert(&addresses->table, address_hash(addresses, &told->address), item);
		return KERNEL_ADDRESS_NEW;
	}
	if (item->flags != told->flags || item->length != told->length)
		change = KERNEL_ADDRESS_CHANGED;
	item->flags = told->flags;
	item->length = told->length;
	item->generation = told->generation;
	return change;
}

bool kernel_addresses_remove(
    struct kernel_addresses *addresses, const struct ip_address *address, uint32_t interface)
{
	struct kernel_address *item = find(addresses, address, interface);

	if (!item)
		return false;
	hash_table_remove(&addresses->table, address_hash(addresses, address), item);
	free(item);
	return true;
}

const struct kernel_address *kernel_addresses_find_old(
    const struct kernel_addresses *addresses, uint32_t generation)
{
	const struct kernel_address *item;
	size_t cursor = 0;

	while ((item = hash_table_next(&addresses->table, &cursor))) {
		if (item->generation != generation)
			break;
	}
	return item;
}

uint32_t kernel_addresses_interface(
    const struct kernel_addresses *addresses, const struct ip_address *address)
{
	const struct kernel_address *item = hash_table_find(
	    &addresses->table, address_hash(addresses, address), address_equal, address);

	return item ? item->interface : 0;
}

bool kernel_addresses_has(
    const struct kernel_addresses *addresses, const struct ip_address *address, uint32_t interface)
{
	return find(addresses, address, interface) != NULL;
}

bool kernel_address_is_usable(const struct kernel_address *address)
{
	return !(address->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED));
}

static bool usable_address_equal(const void *item, const void *key)
{
	return address_equal(item, key) && kernel_address_is_usable(item);
}

bool kernel_addresses_has_usable(
    const struct kernel_addresses *addresses, const struct ip_address *address)
{
	return hash_table_find(
	    &addresses->table, address_hash(addresses, address), usable_address_equal, address);
}

/* Lower is better. */
static unsigned rank(const struct kernel_address *address)
{
	unsigned rank = 0;

	if (!kernel_address_is_usable(address))
		rank += 8;
	if (ip_address_is_link_local(&address->address) ||
	    ip_address_is_loopback(&address->address))
		rank += 4;
	if (address->flags & IFA_F_DEPRECATED)
		rank += 2;
	if (address->flags & IFA_F_SECONDARY)
		rank += 1;
	return rank;
}

static bool is_better(const struct kernel_address *item, const struct kernel_address *best)
{
	return !best || rank(item) < rank(best) ||
	       (rank(item) == rank(best) && item->order < best->order);
}

const struct kernel_address *kernel_addresses_best(
    const struct kernel_addresses *addresses, kernel_address_fits *fits, const void *arg)
{
	const struct kernel_address *best = NULL;
	const struct kernel_address *item;
	size_t cursor = 0;

	while ((item = hash_table_next(&addresses->table, &cursor))) {
		if (fits(arg, item) && is_better(item, best))
			best = item;
	}
	return best;
}
