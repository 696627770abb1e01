/*
 * Evaluation of filters.  A chain of filters is a list of lists of rules, walked in order; the
 * first rule whose conditions all hold decides.  This runs once per route and filter chain, for a
 * full table a million times in a few seconds, so within a rule the conditions are tried by
 * price: what is a comparison of bytes first (family, source, AS path length once it is known),
 * then prefixes and names, then what has to walk an attribute.  Numbers that come from such a walk
 * and that several rules ask for are computed once per route and remembered.
 *
 * A list of prefixes is walked while it is short.  A long one is searched: it is sorted by family,
 * length and address, so the entries that can cover a route lie in one group per length, and each
 * group takes a binary search: at most 33 or 129 of them, whatever the length of the list.  The
 * order of prefixes in a rule means nothing, so sorting changes no answer.
 *
 * Nothing here allocates, but for changed attributes in the caller's arena.
 */
#include "policy/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/as_path.h"
#include "bgp/types.h"

/* Below this many entries a walk is faster than the searches. */
#define PREFIXES_WALKED_MAX 12

/* One evaluation: the route, and what was found out about its AS path. */
struct evaluation {
	const struct policy_route *route;
	bool has_path_length;
	uint32_t path_length;
	bool has_origin_asn;
	uint32_t origin_asn;
};

bool policy_prefix_matches(const struct policy_prefix_match *entry, const struct ip_prefix *prefix)
{
	return prefix->length >= entry->ge && prefix->length <= entry->le &&
	       ip_prefix_covers(&entry->prefix, prefix);
}

/* By family, length and address: entries of one length are one group. */
static int compare_groups(const struct ip_prefix *a, const struct ip_prefix *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int compare_entries(const void *left, const void *right)
{
	const struct policy_prefix_match *a = left;
	const struct policy_prefix_match *b = right;
	int order = compare_groups(&a->prefix, &b->prefix);

	if (order)
		return order;
	if (a->ge != b->ge)
		return a->ge < b->ge ? -1 : 1;
	return a->le < b->le ? -1 : a->le > b->le;
}

/* The first entry at or after `from` that is not below the prefix. */
static size_t lower_bound(
    const struct policy_match *match, size_t from, const struct ip_prefix *prefix)
{
	size_t to = match->prefix_count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (compare_groups(&match->prefixes[middle].prefix, prefix) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static bool search_prefixes(const struct policy_match *match, const struct ip_prefix *prefix)
{
	struct ip_address address = ip_prefix_address(prefix);
	struct ip_prefix wanted = {.family = prefix->family};
	size_t i = lower_bound(match, 0, &wanted);

	while (i < match->prefix_count) {
		unsigned length = match->prefixes[i].prefix.length;

		if (match->prefixes[i].prefix.family != prefix->family || length > prefix->length)
			return false;
		wanted = ip_prefix_from_address(&address, length);
		i = lower_bound(match, i, &wanted);
		for (; i < match->prefix_count &&
		       ip_prefix_equal(&match->prefixes[i].prefix, &wanted);
		     i++)
			if (policy_prefix_matches(&match->prefixes[i], prefix))
				return true;
		if (length == prefix->length)
			return false;
		wanted =
		    (struct ip_prefix){.family = prefix->family, .length = (uint8_t)(length + 1)};
		i = lower_bound(match, i, &wanted);
	}
	return false;
}

static bool match_prefixes(const struct policy_match *match, const struct ip_prefix *prefix)
{
	if (match->prefixes_sorted && match->prefix_count > PREFIXES_WALKED_MAX)
		return search_prefixes(match, prefix);
	for (size_t i = 0; i < match->prefix_count; i++)
		if (policy_prefix_matches(&match->prefixes[i], prefix))
			return true;
	return false;
}

static bool match_communities(
    const struct policy_match *match, const struct bgp_attributes *attributes)
{
	for (size_t i = 0; i < match->community_count; i++) {
		const struct bgp_community *community = &match->communities[i];

		if (bgp_communities_contain(attributes->communities[community->kind], community))
			return true;
	}
	return false;
}

static bool match_path_contains(const struct policy_match *match, struct wire_span path)
{
	for (size_t i = 0; i < match->as_path_contains_count; i++)
		if (bgp_as_path_count(path, match->as_path_contains[i]))
			return true;
	return false;
}

static bool match_path_length(const struct policy_match *match, struct evaluation *evaluation)
{
	if (!evaluation->has_path_length) {
		evaluation->path_length =
		    bgp_as_path_length(evaluation->route->attributes->as_path);
		evaluation->has_path_length = true;
	}
	return evaluation->path_length >= match->as_path_length_ge &&
	       evaluation->path_length <= match->as_path_length_le;
}

static bool match_origin_asn(const struct policy_match *match, struct evaluation *evaluation)
{
	if (!evaluation->has_origin_asn) {
		evaluation->origin_asn = bgp_as_path_origin(evaluation->route->attributes->as_path);
		evaluation->has_origin_asn = true;
	}
	for (size_t i = 0; i < match->origin_asn_count; i++)
		if (match->origin_asns[i] == evaluation->origin_asn)
			return true;
	return false;
}

/* A next hop that is this router itself lies in no prefix. */
static bool match_next_hop(const struct policy_match *match, const struct ip_address *next_hop)
{
	if (ip_address_is_unspecified(next_hop))
		return false;
	for (size_t i = 0; i < match->next_hop_count; i++)
		if (ip_prefix_contains(&match->next_hops[i], next_hop))
			return true;
	return false;
}

static bool match_peer(const struct policy_match *match, const char *peer)
{
	for (size_t i = 0; peer && i < match->peer_count; i++)
		if (!strcmp(match->peers[i], peer))
			return true;
	return false;
}

/* The conditions by price. */
static bool match_route(const struct policy_match *match, struct evaluation *evaluation)
{
	const struct policy_route *route = evaluation->route;

	if (match->has_family && match->family != route->prefix->family)
		return false;
	if (match->has_source && match->source != route->source)
		return false;
	if (match->prefix_count && !match_prefixes(match, route->prefix))
		return false;
	if (match->peer_count && !match_peer(match, route->peer))
		return false;
	if (match->next_hop_count && !match_next_hop(match, &route->attributes->next_hop.address))
		return false;
	if (match->has_as_path_length && !match_path_length(match, evaluation))
		return false;
	if (match->origin_asn_count && !match_origin_asn(match, evaluation))
		return false;
	if (match->as_path_contains_count &&
	    !match_path_contains(match, route->attributes->as_path))
		return false;
	return !match->community_count || match_communities(match, route->attributes);
}

const struct policy_rule *policy_find_rule(
    const struct policy_filter *const *chain, size_t count, const struct policy_route *route)
{
	struct evaluation evaluation = {.route = route};

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < chain[i]->rule_count; j++)
			if (match_route(&chain[i]->rules[j].match, &evaluation))
				return &chain[i]->rules[j];
	return NULL;
}

bool policy_rule_changes_attributes(const struct policy_rule *rule)
{
	const struct policy_set *set = &rule->set;

	return set->has_local_pref || set->has_med || set->replace_communities || set->add_count ||
	       set->remove_count || set->as_path_prepend || set->has_next_hop;
}

/* `set` first, then `remove`, then `add`: what a rule adds is there afterwards. */
static void apply_communities(
    const struct policy_set *set, struct arena *arena, struct bgp_attributes *attributes)
{
	if (set->replace_communities)
		for (unsigned kind = 0; kind < BGP_COMMUNITY_KINDS; kind++)
			bgp_attributes_set_communities(
			    attributes, kind, (struct wire_span){NULL, 0});
	for (size_t i = 0; i < set->remove_count; i++) {
		unsigned kind = set->remove[i].kind;

		bgp_attributes_set_communities(attributes, kind,
		    bgp_communities_remove(arena, attributes->communities[kind], &set->remove[i]));
	}
	for (size_t i = 0; i < set->add_count; i++) {
		unsigned kind = set->add[i].kind;

		bgp_attributes_set_communities(attributes, kind,
		    bgp_communities_add(arena, attributes->communities[kind], &set->add[i]));
	}
}

void policy_rule_apply(const struct policy_rule *rule, uint32_t local_asn, struct arena *arena,
    struct bgp_attributes *attributes)
{
	const struct policy_set *set = &rule->set;

	if (set->has_local_pref) {
		attributes->local_pref = set->local_pref;
		bgp_attributes_mark(attributes, BGP_ATTRIBUTE_LOCAL_PREF);
	}
	if (set->has_med) {
		attributes->med = set->med;
		bgp_attributes_mark(attributes, BGP_ATTRIBUTE_MED);
	}
	if (set->has_next_hop)
		attributes->next_hop = (struct bgp_next_hop){.address = set->next_hop};
	if (set->as_path_prepend) {
		attributes->as_path = bgp_as_path_prepend(
		    arena, attributes->as_path, local_asn, set->as_path_prepend);
		bgp_attributes_mark(attributes, BGP_ATTRIBUTE_AS_PATH);
	}
	apply_communities(set, arena, attributes);
}

void policy_filter_compile(struct policy_filter *filter)
{
	filter->owners = memory_allocate(sizeof(*filter->owners));
	*filter->owners = 1;
	for (size_t i = 0; i < filter->rule_count; i++) {
		struct policy_match *match = &filter->rules[i].match;

		if (match->prefix_count > 1)
			qsort(match->prefixes, match->prefix_count, sizeof(*match->prefixes),
			    compare_entries);
		match->prefixes_sorted = true;
	}
}

/* Of items without padding and with their unused bytes zero. */
static bool equal_items(
    const void *a, size_t a_count, const void *b, size_t b_count, size_t item_size)
{
	return a_count == b_count && (!a_count || !memcmp(a, b, a_count * item_size));
}

static bool equal_names(char *const *a, size_t a_count, char *const *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (strcmp(a[i], b[i]))
			return false;
	return true;
}

static bool equal_communities(
    const struct bgp_community *a, size_t a_count, const struct bgp_community *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (a[i].kind != b[i].kind ||
		    memcmp(a[i].bytes, b[i].bytes, bgp_community_size(a[i].kind)))
			return false;
	return true;
}

static bool equal_matches(const struct policy_match *a, const struct policy_match *b)
{
	return equal_items(a->prefixes, a->prefix_count, b->prefixes, b->prefix_count,
		   sizeof(*a->prefixes)) &&
	       equal_communities(
		   a->communities, a->community_count, b->communities, b->community_count) &&
	       equal_items(a->as_path_contains, a->as_path_contains_count, b->as_path_contains,
		   b->as_path_contains_count, sizeof(*a->as_path_contains)) &&
	       a->has_as_path_length == b->has_as_path_length &&
	       a->as_path_length_ge == b->as_path_length_ge &&
	       a->as_path_length_le == b->as_path_length_le &&
	       equal_items(a->origin_asns, a->origin_asn_count, b->origin_asns, b->origin_asn_count,
		   sizeof(*a->origin_asns)) &&
	       equal_items(a->next_hops, a->next_hop_count, b->next_hops, b->next_hop_count,
		   sizeof(*a->next_hops)) &&
	       equal_names(a->peers, a->peer_count, b->peers, b->peer_count) &&
	       a->has_source == b->has_source && a->source == b->source &&
	       a->has_family == b->has_family && a->family == b->family;
}

static bool equal_sets(const struct policy_set *a, const struct policy_set *b)
{
	return equal_communities(a->add, a->add_count, b->add, b->add_count) &&
	       equal_communities(a->remove, a->remove_count, b->remove, b->remove_count) &&
	       a->replace_communities == b->replace_communities &&
	       a->has_local_pref == b->has_local_pref && a->local_pref == b->local_pref &&
	       a->has_med == b->has_med && a->med == b->med &&
	       a->as_path_prepend == b->as_path_prepend && a->has_next_hop == b->has_next_hop &&
	       ip_address_equal(&a->next_hop, &b->next_hop) && a->has_metric == b->has_metric &&
	       a->metric == b->metric;
}

bool policy_filter_equal(const struct policy_filter *a, const struct policy_filter *b)
{
	if (a->rule_count != b->rule_count)
		return false;
	for (size_t i = 0; i < a->rule_count; i++)
		if (a->rules[i].action != b->rules[i].action ||
		    !equal_matches(&a->rules[i].match, &b->rules[i].match) ||
		    !equal_sets(&a->rules[i].set, &b->rules[i].set))
			return false;
	return true;
}

static void free_rules(struct policy_filter *filter)
{
	for (size_t i = 0; i < filter->rule_count; i++) {
		struct policy_rule *rule = &filter->rules[i];

		free(rule->match.prefixes);
		free(rule->match.communities);
		free(rule->match.as_path_contains);
		free(rule->match.origin_asns);
		free(rule->match.next_hops);
		for (size_t j = 0; j < rule->match.peer_count; j++)
			free(rule->match.peers[j]);
		free(rule->match.peers);
		free(rule->set.add);
		free(rule->set.remove);
	}
	free(filter->rules);
	free(filter->owners);
}

void policy_filter_release(struct policy_filter *filter)
{
	if (!filter->owners || !--*filter->owners)
		free_rules(filter);
	free(filter->name);
	*filter = (struct policy_filter){.name = NULL};
}

struct policy_filter policy_filter_share(const struct policy_filter *filter)
{
	if (filter->owners)
		++*filter->owners;
	return (struct policy_filter){
	    .rules = filter->rules, .rule_count = filter->rule_count, .owners = filter->owners};
}

void policy_filter_unshare(struct policy_filter *share)
{
	if (share->owners)
		policy_filter_release(share);
}
