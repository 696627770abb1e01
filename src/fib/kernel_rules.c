/*
 * An array per family in the order of the kernel: by priority, and of the same one those first that
 * were first.  A lookup goes over all of it, as the kernel does.
 *
 * Rules that select by a mark, a source, an interface (but `iif lo`, which is where packets of this
 * node come from), a user, ports and so on are for others: they are kept, as such a rule that is
 * inverted ("not fwmark 1") is for us.  Two rules are the same if the kernel tells the same of
 * them; a rule that is there twice does nothing more than once, and is kept once.
 *
 * A kernel without policy rules tells of none; it looks into the main table.
 */
#include "fib/kernel_rules.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

void kernel_rules_init(struct kernel_rules *rules, uint64_t seed)
{
	*rules = (struct kernel_rules){.seed = seed};
}

void kernel_rules_release(struct kernel_rules *rules)
{
	enum ip_family family;

	for (family = 0; family < IP_FAMILIES; family++)
		free(rules->items[family]);
}

/* Parsing */

static const struct nla_policy rule_policy[FRA_MAX + 1] = {
    [FRA_GOTO] = {.type = NLA_U32},
    [FRA_PRIORITY] = {.type = NLA_U32},
    [FRA_FWMARK] = {.type = NLA_U32},
    [FRA_SUPPRESS_IFGROUP] = {.type = NLA_U32},
    [FRA_SUPPRESS_PREFIXLEN] = {.type = NLA_U32},
    [FRA_TABLE] = {.type = NLA_U32},
    [FRA_FWMASK] = {.type = NLA_U32},
    [FRA_IIFNAME] = {.type = NLA_STRING},
};

/* What only packets with something that ours lack can match. */
static const uint8_t foreign_selectors[] = {FRA_SRC, FRA_OIFNAME, FRA_TUN_ID, FRA_L3MDEV,
    FRA_UID_RANGE, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE};

static uint32_t get_u32(const struct nlattr *attribute, uint32_t otherwise)
{
	return attribute ? nla_get_u32(attribute) : otherwise;
}

static bool selects_mark(struct nlattr *const *attributes)
{
	return get_u32(attributes[FRA_FWMARK], 0) & get_u32(attributes[FRA_FWMASK], UINT32_MAX);
}

static bool selects_interface(const struct nlattr *name)
{
	return name && (nla_len(name) < 2 || strncmp(nla_data(name), "lo", (size_t)nla_len(name)));
}

static bool is_for_others(const struct fib_rule_hdr *header, struct nlattr *const *attributes)
{
	size_t i;

	if (header->src_len || header->tos || selects_mark(attributes) ||
	    selects_interface(attributes[FRA_IIFNAME]))
		return true;
	for (i = 0; i < sizeof(foreign_selectors); i++) {
		if (attributes[foreign_selectors[i]])
			return true;
	}
	return false;
}

/* Selectors of later kernels than this was made for are taken as for others, too. */
static bool has_unknown_attributes(const struct nlmsghdr *message)
{
	const struct nlattr *attribute;
	int left;

	nlmsg_for_each_attr(
	    attribute, (struct nlmsghdr *)message, sizeof(struct fib_rule_hdr), left)
	{
		if (nla_type(attribute) > FRA_DPORT_RANGE)
			return true;
	}
	return false;
}

/* Does not depend on the order of attributes, nor on what changes while a rule is there. */
static uint64_t content_hash(
    const struct nlmsghdr *message, const struct fib_rule_hdr *header, uint64_t seed)
{
	struct fib_rule_hdr fixed = *header;
	const struct nlattr *attribute;
	uint64_t hash;
	int left;

	fixed.flags &= FIB_RULE_INVERT;
	hash = hash_bytes(&fixed, sizeof(fixed), seed);
	nlmsg_for_each_attr(attribute, (struct nlmsghdr *)message, sizeof(*header), left) hash +=
	    hash_bytes(attribute, attribute->nla_len, seed);
	return hash;
}

static bool parse_destination(const struct fib_rule_hdr *header, const struct nlattr *attribute,
    enum ip_family family, struct ip_prefix *to)
{
	struct ip_address address = {.family = (uint8_t)family};

	if (header->dst_len > ip_family_bits(family))
		return false;
	if (attribute && nla_len(attribute) != (int)(ip_family_bits(family) / 8))
		return false;
	if (attribute)
		address = ip_address_from_bytes(family, nla_data(attribute));
	*to = ip_prefix_from_address(&address, header->dst_len);
	return true;
}

bool kernel_rule_parse(const struct nlmsghdr *message, uint64_t seed, struct kernel_rule *rule)
{
	const struct fib_rule_hdr *header = nlmsg_data(message);
	struct nlattr *attributes[FRA_MAX + 1];
	enum ip_family family;

	if (nlmsg_parse((struct nlmsghdr *)message, sizeof(*header), attributes, FRA_MAX,
		rule_policy) < 0 ||
	    (header->family != AF_INET && header->family != AF_INET6))
		return false;
	family = header->family == AF_INET ? IPV4 : IPV6;
	*rule = (struct kernel_rule){
	    .family = (uint8_t)family,
	    .action = header->action,
	    .inverted = header->flags & FIB_RULE_INVERT,
	    .for_others = is_for_others(header, attributes) || has_unknown_attributes(message),
	    .priority = get_u32(attributes[FRA_PRIORITY], 0),
	    .table = get_u32(attributes[FRA_TABLE], header->table),
	    .target = get_u32(attributes[FRA_GOTO], 0),
	    .suppressed_length = (int32_t)get_u32(attributes[FRA_SUPPRESS_PREFIXLEN], UINT32_MAX),
	    .suppressed_group = attributes[FRA_SUPPRESS_IFGROUP]
				    ? (int32_t)nla_get_u32(attributes[FRA_SUPPRESS_IFGROUP])
				    : -1,
	    .content = content_hash(message, header, seed),
	};
	return parse_destination(header, attributes[FRA_DST], family, &rule->to);
}

/* The list */

static struct kernel_rule *find(const struct kernel_rules *rules, const struct kernel_rule *wanted)
{
	size_t i;

	for (i = 0; i < rules->count[wanted->family]; i++) {
		struct kernel_rule *rule = &rules->items[wanted->family][i];

		if (rule->content == wanted->content && rule->priority == wanted->priority)
			return rule;
	}
	return NULL;
}

bool kernel_rules_put(struct kernel_rules *rules, const struct kernel_rule *rule)
{
	const enum ip_family family = rule->family;
	struct kernel_rule *known = find(rules, rule);
	size_t at = rules->count[family];
	struct kernel_rule *items;

	rules->told[family] = true;
	if (known) {
		known->generation = rule->generation;
		return false;
	}
	items = memory_grow(rules->items[family], &rules->capacity[family], at + 1, sizeof(*items));
	rules->items[family] = items;
	while (at > 0 && items[at - 1].priority > rule->priority)
		at--;
	memmove(&items[at + 1], &items[at], (rules->count[family] - at) * sizeof(*items));
	items[at] = *rule;
	rules->count[family]++;
	return true;
}

static void remove_at(struct kernel_rules *rules, enum ip_family family, size_t at)
{
	struct kernel_rule *items = rules->items[family];

	rules->count[family]--;
	memmove(&items[at], &items[at + 1], (rules->count[family] - at) * sizeof(*items));
}

bool kernel_rules_remove(struct kernel_rules *rules, const struct kernel_rule *rule)
{
	const struct kernel_rule *known = find(rules, rule);

	if (!known)
		return false;
	remove_at(rules, rule->family, (size_t)(known - rules->items[rule->family]));
	return true;
}

bool kernel_rules_sweep(struct kernel_rules *rules, uint32_t generation)
{
	enum ip_family family;
	bool swept = false;

	for (family = 0; family < IP_FAMILIES; family++) {
		size_t at = rules->count[family];

		while (at-- > 0) {
			if (rules->items[family][at].generation == generation)
				continue;
			remove_at(rules, family, at);
			swept = true;
		}
	}
	return swept;
}

/* Asking */

static bool applies_to(const struct kernel_rule *rule, const struct ip_address *address)
{
	const bool selected = !rule->for_others && ip_prefix_contains(&rule->to, address);

	return selected != rule->inverted;
}

/* The first rule of this priority at or after the place; `from` itself if there is none. */
static size_t find_target(
    const struct kernel_rules *rules, enum ip_family family, size_t from, uint32_t priority)
{
	size_t at = from;

	while (at < rules->count[family] && rules->items[family][at].priority < priority)
		at++;
	if (at == rules->count[family] || rules->items[family][at].priority != priority)
		return from;
	return at;
}

const struct kernel_rule *kernel_rules_next(
    const struct kernel_rules *rules, const struct ip_address *address, size_t *cursor)
{
	static const struct kernel_rule main_table = {.action = FR_ACT_TO_TBL,
	    .table = RT_TABLE_MAIN,
	    .suppressed_length = -1,
	    .suppressed_group = -1};
	const enum ip_family family = address->family;

	if (!rules->told[family])
		return (*cursor)++ ? NULL : &main_table;
	while (*cursor < rules->count[family]) {
		const struct kernel_rule *rule = &rules->items[family][(*cursor)++];

		if (!applies_to(rule, address) || rule->action == FR_ACT_NOP)
			continue;
		if (rule->action != FR_ACT_GOTO)
			return rule;
		*cursor = find_target(rules, family, *cursor, rule->target);
	}
	return NULL;
}

static bool may_apply(const struct kernel_rule *rule)
{
	return rule->inverted ? rule->for_others || rule->to.length : !rule->for_others;
}

bool kernel_rules_lead_to(const struct kernel_rules *rules, uint32_t table)
{
	enum ip_family family;
	size_t i;

	for (family = 0; family < IP_FAMILIES; family++) {
		if (!rules->told[family] && table == RT_TABLE_MAIN)
			return true;
		for (i = 0; i < rules->count[family]; i++) {
			const struct kernel_rule *rule = &rules->items[family][i];

			if (rule->action == FR_ACT_TO_TBL && rule->table == table &&
			    may_apply(rule))
				return true;
		}
	}
	return false;
}
