/*
 * The addresses of this node, with their interfaces and subnets.  Called by kernel_view.c.
 */
#ifndef FIB_KERNEL_ADDRESSES_H
#define FIB_KERNEL_ADDRESSES_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/hash.h"

/* The same address may be on several interfaces (link-local ones are). */
struct kernel_address {
	struct ip_address address;
	uint32_t interface;
	uint32_t flags; /* IFA_F_.. */
	uint8_t length; /* of the subnet's prefix */
	uint64_t order; /* in which the addresses were first told */
	uint32_t generation; /* of the dump in which it was last told */
};

struct kernel_addresses {
	struct hash_table table; /* struct kernel_address by address */
	uint64_t seed;
	uint64_t next_order;
};

enum kernel_address_change { KERNEL_ADDRESS_SAME, KERNEL_ADDRESS_CHANGED, KERNEL_ADDRESS_NEW };

void kernel_addresses_init(struct kernel_addresses *addresses, uint64_t seed);
void kernel_addresses_release(struct kernel_addresses *addresses);
/* Reads RTM_NEWADDR or RTM_DELADDR; false if it is of another family or malformed. */
bool kernel_address_parse(const struct nlmsghdr *message, struct kernel_address *address);
/* Adds, changes or confirms the address of the interface. */
enum kernel_address_change kernel_addresses_put(
    struct kernel_addresses *addresses, const struct kernel_address *told);
/* False if the interface had no such address. */
bool kernel_addresses_remove(
    struct kernel_addresses *addresses, const struct ip_address *address, uint32_t interface);
/* An address of another generation, or NULL. */
const struct kernel_address *kernel_addresses_find_old(
    const struct kernel_addresses *addresses, uint32_t generation);
/* The interface that has the address; 0: none. */
uint32_t kernel_addresses_interface(
    const struct kernel_addresses *addresses, const struct ip_address *address);
bool kernel_addresses_has(
    const struct kernel_addresses *addresses, const struct ip_address *address, uint32_t interface);
/* IPv6 addresses cannot be used before it is known that nobody else on the link has them. */
bool kernel_address_is_usable(const struct kernel_address *address);
/* True if an interface has the address and packets may be sent from it. */
bool kernel_addresses_has_usable(
    const struct kernel_addresses *addresses, const struct ip_address *address);
/*
 * The best address for which `fits` returns true: usable, global, and told early.  NULL: none.
 */
typedef bool kernel_address_fits(const void *arg, const struct kernel_address *address);
const struct kernel_address *kernel_addresses_best(
    const struct kernel_addresses *addresses, kernel_address_fits *fits, const void *arg);

#endif
