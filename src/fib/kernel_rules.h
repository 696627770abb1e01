/*
 * The kernel's policy rules (ip rule): which tables a packet's destination is looked up in, one
 * after the other.  The packet in question is one of this node itself, without a mark, a source or
 * a user: what BGP's next hops are for.  Called by kernel_view.c and kernel_resolve.c.
 */
#ifndef FIB_KERNEL_RULES_H
#define FIB_KERNEL_RULES_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

struct kernel_rule {
	uint8_t family; /* enum ip_family */
	uint8_t action; /* FR_ACT_TO_TBL, FR_ACT_GOTO, FR_ACT_UNREACHABLE .. */
	bool inverted; /* "not": it is for all packets but those selected */
	bool for_others; /* it selects by what such a packet does not have */
	uint32_t priority;
	uint32_t table;
	uint32_t target; /* of FR_ACT_GOTO: a priority */
	struct ip_prefix to; /* length 0: any destination */
	/* A route of at most so many bits does not count: the next rule is looked at; -1: none. */
	int32_t suppressed_length;
	int64_t suppressed_group; /* of interfaces: the same; -1: none */
	uint64_t content; /* a hash of all that the kernel has told of it */
	uint32_t generation; /* of the dump in which it was last told */
};

/* Zeroed but for the seed is empty. */
struct kernel_rules {
	struct kernel_rule *items[IP_FAMILIES]; /* in the order of the kernel */
	size_t count[IP_FAMILIES];
	size_t capacity[IP_FAMILIES];
	bool told[IP_FAMILIES]; /* of any rule, ever: else the kernel has no rules */
	uint64_t seed;
};

void kernel_rules_init(struct kernel_rules *rules, uint64_t seed);
void kernel_rules_release(struct kernel_rules *rules);
/* Reads RTM_NEWRULE or RTM_DELRULE; false if it is of another family or malformed. */
bool kernel_rule_parse(const struct nlmsghdr *message, uint64_t seed, struct kernel_rule *rule);
/* Adds or confirms the rule; false if it was there already. */
bool kernel_rules_put(struct kernel_rules *rules, const struct kernel_rule *rule);
/* False if there was none. */
bool kernel_rules_remove(struct kernel_rules *rules, const struct kernel_rule *rule);
/* Removes those of other generations; false if there were none. */
bool kernel_rules_sweep(struct kernel_rules *rules, uint32_t generation);
/*
 * The next rule with a verdict or a table for packets to the address, or NULL; `*cursor` is 0 at
 * first.  Goes where a goto leads.
 */
const struct kernel_rule *kernel_rules_next(
    const struct kernel_rules *rules, const struct ip_address *address, size_t *cursor);
/* True if a rule leads some of these packets to the table. */
bool kernel_rules_lead_to(const struct kernel_rules *rules, uint32_t table);

#endif
