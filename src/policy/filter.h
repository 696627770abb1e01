/*
 * Filters: ordered rules that match a route and decide on it, perhaps with changed attributes.
 * Compiled once from the configuration into an immutable value, evaluated per route without
 * allocation but for changed attributes in an arena.  Pure: it knows no table and no peer object,
 * only the facts in `struct policy_route`.  Called by the speaker (import), the update groups
 * (export) and the FIB (kernel metric, through the import verdict).
 */
#ifndef POLICY_FILTER_H
#define POLICY_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "bgp/attributes.h"
#include "bgp/community.h"

/* Where a route comes from, as `match: {source: ...}` names it. */
enum policy_source { POLICY_SOURCE_LOCAL, POLICY_SOURCE_EBGP, POLICY_SOURCE_IBGP, POLICY_SOURCES };

/* One entry of `prefixes`: matches `prefix` itself and what it covers, of length ge..le. */
struct policy_prefix_match {
	struct ip_prefix prefix;
	uint8_t ge; /* default: the prefix's own length */
	uint8_t le; /* default: the family's bits if ge is given, else the prefix's own length */
};

/* True if the route's prefix is one that the entry means. */
bool policy_prefix_matches(const struct policy_prefix_match *entry, const struct ip_prefix *prefix);

/* All given conditions must hold; of a list, any one. */
struct policy_match {
	struct policy_prefix_match *prefixes;
	size_t prefix_count;
	bool prefixes_sorted; /* by policy_filter_compile(): long lists are searched, not walked */
	struct bgp_community *communities;
	size_t community_count;
	uint32_t *as_path_contains;
	size_t as_path_contains_count;
	bool has_as_path_length;
	uint32_t as_path_length_ge;
	uint32_t as_path_length_le;
	uint32_t *origin_asns;
	size_t origin_asn_count;
	struct ip_prefix *next_hops; /* the next hop lies in any of them */
	size_t next_hop_count;
	char **peers; /* names of peers: the one the route came from (import) or goes to (export) */
	size_t peer_count;
	bool has_source;
	enum policy_source source;
	bool has_family;
	enum ip_family family;
};

struct policy_set {
	struct bgp_community *add;
	size_t add_count;
	struct bgp_community *remove;
	size_t remove_count;
	bool has_local_pref;
	uint32_t local_pref;
	bool has_med;
	uint32_t med;
	bool replace_communities; /* `set`: all old ones go first */
	uint8_t as_path_prepend; /* times the local AS */
	bool has_next_hop;
	struct ip_address next_hop; /* unspecified: self */
	bool has_metric;
	uint32_t metric; /* of the kernel route */
};

enum policy_action { POLICY_REJECT, POLICY_ACCEPT };

struct policy_rule {
	struct policy_match match;
	struct policy_set set;
	enum policy_action action;
};

/* One named filter; owns everything in it, the rules perhaps together with others. */
struct policy_filter {
	char *name;
	struct policy_rule *rules;
	size_t rule_count;
	size_t *owners; /* how many filters have these rules; NULL: not compiled, this one alone */
};

/* The facts about one route that rules look at. */
struct policy_route {
	const struct ip_prefix *prefix;
	const struct bgp_attributes *attributes;
	enum policy_source source;
	const char *peer; /* name of the neighbour it comes from or goes to */
};

/* Puts a filter that is filled in into the form that is evaluated fast; to be called once. */
void policy_filter_compile(struct policy_filter *filter);

/* The rule that decides about the route in a chain of filters, or NULL if none matches. */
const struct policy_rule *policy_find_rule(
    const struct policy_filter *const *chain, size_t count, const struct policy_route *route);
/* True if applying the rule's `set` changes any attribute (the kernel metric is none). */
bool policy_rule_changes_attributes(const struct policy_rule *rule);
/*
 * Applies the rule's `set` to `attributes`; changed spans are put into the arena.  `local_asn` is
 * what as_path_prepend prepends.
 */
void policy_rule_apply(const struct policy_rule *rule, uint32_t local_asn, struct arena *arena,
    struct bgp_attributes *attributes);

/* True if both decide alike; the name does not count. */
bool policy_filter_equal(const struct policy_filter *a, const struct policy_filter *b);
/* Frees what the filter owns and nobody shares, not the struct. */
void policy_filter_release(struct policy_filter *filter);
/*
 * A second filter with the same rules, without a name, for who needs them longer than the first one
 * lives; to be given back with policy_filter_unshare().  The rules of a filter that was not compiled
 * are only borrowed.
 */
struct policy_filter policy_filter_share(const struct policy_filter *filter);
void policy_filter_unshare(struct policy_filter *share);

#endif
