/*
 * The kernel's interfaces, by index.  Called by kernel_view.c.
 */
#ifndef FIB_KERNEL_LINKS_H
#define FIB_KERNEL_LINKS_H

#include <linux/netlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"

struct kernel_link {
	uint32_t index;
	char name[IFNAMSIZ];
	bool enabled; /* administratively up */
	bool up; /* enabled, with carrier */
	uint32_t group; /* which rules may exclude */
	uint32_t generation; /* of the dump in which it was last told */
};

struct kernel_links {
	struct hash_table table; /* struct kernel_link by index */
	uint64_t seed;
};

void kernel_links_init(struct kernel_links *links, uint64_t seed);
void kernel_links_release(struct kernel_links *links);
/* Reads RTM_NEWLINK or RTM_DELLINK; false for what is about no link, or malformed. */
bool kernel_link_parse(const struct nlmsghdr *message, struct kernel_link *link);
/* Adds or changes the link; returns what it was before, all zero if it is new. */
struct kernel_link kernel_links_put(struct kernel_links *links, const struct kernel_link *link);
/* False if there was none. */
bool kernel_links_remove(struct kernel_links *links, uint32_t index);
/* The link, or NULL. */
const struct kernel_link *kernel_links_find(const struct kernel_links *links, uint32_t index);
const struct kernel_link *kernel_links_find_name(
    const struct kernel_links *links, const char *name);
/* A link of another generation, or NULL. */
const struct kernel_link *kernel_links_find_old(
    const struct kernel_links *links, uint32_t generation);

#endif
