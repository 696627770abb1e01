/*
 * A next hop may depend on routes whose own next hops depend on it, and whichever of them came
 * first must not matter, nor may they take turns.  So nothing is taken from what the RIB holds for
 * usable or best at the moment: for each prefix in question the decision process is run again,
 * here, among the paths whose next hops can be reached without what is being resolved.  Passed over
 * are
 *
 * - paths whose next hop is the one that is being resolved, or one on the way to here;
 * - prefixes that are on the way to here: a path of a prefix whose next hop is reached over that
 *   prefix says nothing of where that prefix leads;
 *
 * as if they were not in the table.  So a next hop that a default route of BGP leads to, and that
 * announces a better default route itself, goes on to be reached over the other one: the default
 * route is then the better one, by the way of the other one.
 *
 * The number of lookups has a limit, as a neighbour may announce any web of routes.  Each path has
 * its share of what is left, so that many bad ones do not take away from a good one; one that would
 * be the best and was not followed to the end makes the next hop unreachable.
 */
#include "fib/recursion.h"

#include <stdlib.h>

#include "base/memory.h"

/* For one next hop.  A lookup takes about a microsecond. */
#define LOOKUPS_MAX 1000
/* More than this many paths of a prefix are put into allocated memory. */
#define PATHS_IN_PLACE 8

struct recursion {
	const struct rib *rib;
	const struct kernel_view *view;
	const struct installed_routes *installed;
	struct kernel_own_routes own;
	/* On the way to here: what is being resolved, each over the prefix of the same index. */
	const struct rib_next_hop *next_hops[RECURSION_DEPTH_MAX + 1];
	struct ip_prefix prefixes[RECURSION_DEPTH_MAX];
	unsigned depth;
	unsigned lookups_left; /* of the next hop that is being resolved */
	unsigned lookups;
	bool passed_over;
};

/* A path of the prefix, and where its next hop leads. */
struct candidate {
	const struct rib_path *path;
	struct kernel_resolution resolution;
};

static const char too_long[] = "too many routes of our own lead to it one after the other";

bool recursion_leads_to_itself(
    const struct ip_prefix *prefix, const struct kernel_resolution *resolution)
{
	return prefix->length >= resolution->route_length &&
	       resolution->hop.gateway.family == prefix->family &&
	       ip_prefix_contains(prefix, &resolution->hop.gateway);
}

/* The link-local address of an IPv6 next hop names the neighbour on the link (RFC 2545 3). */
static void resolve_addresses(struct recursion *recursion, const struct rib_next_hop *next_hop,
    struct kernel_resolution *resolution)
{
	const struct bgp_next_hop *key = &next_hop->key;

	if (!ip_address_is_unspecified(&key->link_local) && next_hop->scope) {
		kernel_resolve(
		    recursion->view, &key->link_local, next_hop->scope, NULL, resolution);
		if (resolution->reachable || ip_address_is_unspecified(&key->address))
			return;
	}
	kernel_resolve(
	    recursion->view, &key->address, next_hop->scope, &recursion->own, resolution);
}

static void resolve(struct recursion *recursion, const struct rib_next_hop *next_hop,
    unsigned lookups, struct kernel_resolution *resolution)
{
	const unsigned lookups_left = recursion->lookups_left;

	if (!lookups) {
		*resolution = (struct kernel_resolution){.given_up = true, .reason = too_long};
		return;
	}
	recursion->lookups++;
	recursion->lookups_left = lookups - 1;
	recursion->next_hops[recursion->depth] = next_hop;
	resolve_addresses(recursion, next_hop, resolution);
	recursion->lookups_left = lookups_left;
}

static bool is_on_the_way(const struct recursion *recursion, const struct rib_next_hop *next_hop)
{
	unsigned i;

	for (i = 0; i <= recursion->depth; i++) {
		if (recursion->next_hops[i] == next_hop)
			return true;
	}
	return false;
}

static bool leads_to_here(const struct recursion *recursion, const struct ip_prefix *prefix)
{
	unsigned i;

	for (i = 0; i < recursion->depth; i++) {
		if (ip_prefix_equal(&recursion->prefixes[i], prefix))
			return true;
	}
	return false;
}

/* The paths that are not passed over, yet without a resolution. */
static size_t collect_paths(struct recursion *recursion, const struct rib_prefix *prefix,
    struct candidate *candidates, size_t size)
{
	const struct rib_path *path = &prefix->first;
	size_t count = 0;

	for (; path; path = rib_path_next(recursion->rib, prefix->prefix.family, path)) {
		if (path->flags & RIB_PATH_FILTERED)
			continue;
		if (is_on_the_way(recursion, path->attributes->next_hop)) {
			recursion->passed_over = true;
			continue;
		}
		if (count < size)
			candidates[count].path = path;
		count++;
	}
	return count;
}

static void resolve_candidate(
    struct recursion *recursion, struct candidate *candidates, size_t which, unsigned lookups)
{
	struct candidate *candidate = &candidates[which];
	const struct rib_next_hop *next_hop = candidate->path->attributes->next_hop;
	size_t i;

	if (ip_address_is_unspecified(&next_hop->key.address) &&
	    ip_address_is_unspecified(&next_hop->key.link_local)) {
		candidate->resolution =
		    (struct kernel_resolution){.reachable = true, .local = true};
		return;
	}
	for (i = 0; i < which; i++) {
		if (candidates[i].path->attributes->next_hop == next_hop) {
			candidate->resolution = candidates[i].resolution;
			return;
		}
	}
	resolve(recursion, next_hop, lookups, &candidate->resolution);
}

/* Follows each of the paths, one level deeper. */
static void resolve_candidates(struct recursion *recursion, const struct ip_prefix *prefix,
    struct candidate *candidates, size_t count)
{
	const unsigned lookups =
	    recursion->depth < RECURSION_DEPTH_MAX ? recursion->lookups_left / (unsigned)count : 0;
	size_t i;

	if (lookups)
		recursion->prefixes[recursion->depth] = *prefix;
	recursion->depth += lookups != 0;
	for (i = 0; i < count; i++)
		resolve_candidate(recursion, candidates, i, lookups);
	recursion->depth -= lookups != 0;
}

static bool may_be_used(const struct candidate *candidate)
{
	return candidate->resolution.reachable || candidate->resolution.given_up;
}

static const struct candidate *choose_among(
    const struct recursion *recursion, const struct candidate *candidates, size_t count)
{
	const struct candidate **usable = memory_allocate(count * sizeof(struct candidate *));
	const struct rib_path **paths = memory_allocate(count * sizeof(struct rib_path *));
	uint32_t *costs = memory_allocate(count * sizeof(*costs));
	const struct candidate *best = NULL;
	size_t usable_count = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (!may_be_used(&candidates[i]))
			continue;
		usable[usable_count] = &candidates[i];
		paths[usable_count] = candidates[i].path;
		costs[usable_count++] = candidates[i].resolution.cost;
	}
	if (usable_count)
		best = usable[rib_best_of(recursion->rib, paths, costs, usable_count)];
	free(usable);
	free(paths);
	free(costs);
	return best;
}

/* The best one of those that can be used, or may be, for all that is known; NULL: none. */
static const struct candidate *choose(
    const struct recursion *recursion, const struct candidate *candidates, size_t count)
{
	if (count == 1)
		return may_be_used(candidates) ? candidates : NULL;
	return choose_among(recursion, candidates, count);
}

/* Whether the kernel would use our route for the prefix and not that of somebody else. */
static bool is_used(const struct recursion *recursion, const struct ip_prefix *prefix,
    const struct candidate *best, const struct kernel_route *foreign)
{
	uint32_t metric;

	if (!recursion->installed->has(recursion->installed->arg, prefix, best->path, &metric))
		return false;
	if (best->resolution.reachable && recursion_leads_to_itself(prefix, &best->resolution))
		return false;
	return !foreign || foreign->prefix.length < prefix->length || metric < foreign->metric;
}

/* Resolves over our route for the prefix; false if there is none that counts. */
static bool resolve_over_prefix(struct recursion *recursion, const struct rib_prefix *prefix,
    const struct kernel_route *foreign, struct kernel_resolution *resolution)
{
	struct candidate in_place[PATHS_IN_PLACE];
	struct candidate *candidates = in_place;
	const struct candidate *best;
	size_t count = collect_paths(recursion, prefix, in_place, PATHS_IN_PLACE);
	bool used;

	if (!count)
		return false;
	if (count > PATHS_IN_PLACE) {
		candidates = memory_allocate_zero(count, sizeof(*candidates));
		collect_paths(recursion, prefix, candidates, count);
	}
	resolve_candidates(recursion, &prefix->prefix, candidates, count);
	best = choose(recursion, candidates, count);
	used = best && is_used(recursion, &prefix->prefix, best, foreign);
	if (used) {
		*resolution = best->resolution;
		resolution->on_link = false;
		resolution->via = prefix->prefix;
		resolution->depth++;
	}
	if (candidates != in_place)
		free(candidates);
	return used;
}

static bool resolve_over_own(void *arg, const struct ip_address *address,
    const struct kernel_route *foreign, struct kernel_resolution *resolution)
{
	struct recursion *recursion = arg;
	const unsigned shortest = foreign ? foreign->prefix.length : 0;
	unsigned longest = ip_family_bits(address->family);

	for (;;) {
		const struct rib_prefix *prefix =
		    rib_covering_prefix(recursion->rib, address, longest);
		const unsigned length = prefix ? prefix->prefix.length : 0;

		if (!prefix || length < shortest)
			return false;
		if (leads_to_here(recursion, &prefix->prefix))
			recursion->passed_over = true;
		else if (resolve_over_prefix(recursion, prefix, foreign, resolution))
			return true;
		if (!length)
			return false;
		longest = length - 1;
	}
}

unsigned recursion_resolve(const struct rib *rib, const struct kernel_view *view,
    const struct installed_routes *installed, const struct rib_next_hop *next_hop,
    struct kernel_resolution *resolution)
{
	struct recursion recursion = {
	    .rib = rib,
	    .view = view,
	    .installed = installed,
	    .own = {resolve_over_own, &recursion},
	};

	resolve(&recursion, next_hop, LOOKUPS_MAX, resolution);
	resolution->passed_over = recursion.passed_over;
	if (recursion.passed_over && resolution->no_route)
		resolution->reason = "only routes that lead over it lead to it";
	return recursion.lookups;
}
