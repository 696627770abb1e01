/*
 * The decision process over the paths of one prefix: the numbers that it compares are taken from
 * the attribute sets, the verdict is written back into the paths, and the best one is moved to the
 * front.  A prefix with one path, as nearly all have, takes no decision.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "rib/decision.h"
#include "rib/table_private.h"

/* More than this many paths of one prefix are put into allocated memory. */
#define CANDIDATES_IN_PLACE 32

/* The order of paths does not matter: the sum of what is in the set. */
uint64_t rib_multipath_signature(const struct rib_family *family, struct rib_prefix *prefix)
{
	uint64_t signature = 0;

	for (const struct rib_path *path = rib_prefix_first_path(prefix); path;
	     path = rib_family_next_path(family, path))
		if (path->flags & RIB_PATH_MULTIPATH)
			signature += hash_u64(path->attributes->hash);
	return signature;
}

static bool path_usable(const struct rib_path *path)
{
	return !(path->flags & RIB_PATH_FILTERED) && path->attributes->next_hop->reachable;
}

static void fill_candidate(
    const struct rib *rib, const struct rib_path *path, struct decision_candidate *candidate)
{
	const struct attribute_set *set = path->attributes;
	const struct rib_peer *peer = rib->peers[path->peer];

	*candidate = (struct decision_candidate){
	    .local_pref = set->local_pref,
	    .med = set->med,
	    .neighbour_asn = set->neighbour_asn,
	    .next_hop_cost = set->next_hop->cost,
	    .identifier = set->has_originator_id ? set->originator_id : peer->identifier,
	    .path_id = path->path_id,
	    .as_path_length = set->as_path_length,
	    .cluster_length = set->cluster_length,
	    .peer = path->peer,
	    .origin = set->origin,
	    .usable = path_usable(path),
	    .local = peer->source == POLICY_SOURCE_LOCAL,
	    .external = peer->source == POLICY_SOURCE_EBGP,
	    .address = &peer->address,
	};
}

static void take_verdict(struct rib_path *path, bool usable, bool multipath, uint8_t lost_at)
{
	path->flags &= (uint8_t) ~(RIB_PATH_USABLE | RIB_PATH_MULTIPATH);
	if (usable)
		path->flags |= RIB_PATH_USABLE;
	if (multipath)
		path->flags |= RIB_PATH_MULTIPATH;
	path->lost_at = lost_at;
}

/* Exchanges two paths of a prefix but not their places in the chain. */
static void swap_paths(struct rib_path *a, struct rib_path *b)
{
	struct rib_path old = *a;
	uint32_t a_next = a->next, b_next = b->next;

	*a = *b;
	*b = old;
	a->next = a_next;
	b->next = b_next;
}

static struct decision_candidate *allocate_candidates(
    struct decision_candidate in_place[CANDIDATES_IN_PLACE], size_t count)
{
	return count <= CANDIDATES_IN_PLACE ? in_place
					    : memory_allocate_zero(count, sizeof(*in_place));
}

static void decide_among(
    struct rib *rib, struct rib_family *family, struct rib_prefix *prefix, size_t count)
{
	struct decision_candidate in_place[CANDIDATES_IN_PLACE];
	struct decision_candidate *candidates = allocate_candidates(in_place, count);
	struct rib_path *best_path = NULL, *path;
	size_t best, i = 0;

	for (path = &prefix->first; path; path = rib_family_next_path(family, path))
		fill_candidate(rib, path, &candidates[i++]);
	best = decision_run(candidates, count, rib->multipath);
	i = 0;
	for (path = &prefix->first; path; path = rib_family_next_path(family, path), i++) {
		take_verdict(
		    path, candidates[i].usable, candidates[i].multipath, candidates[i].lost_at);
		if (i == best)
			best_path = path;
	}
	if (best_path && best_path != &prefix->first)
		swap_paths(best_path, &prefix->first);
	if (candidates != in_place)
		free(candidates);
}

void rib_decide(struct rib *rib, struct rib_family *family, struct rib_prefix *prefix)
{
	size_t count = 0;

	if (prefix->first.attributes && !prefix->first.next) {
		bool usable = path_usable(&prefix->first);

		take_verdict(
		    &prefix->first, usable, usable, usable ? DECISION_BEST : DECISION_UNUSABLE);
		return;
	}
	for (struct rib_path *path = rib_prefix_first_path(prefix); path;
	     path = rib_family_next_path(family, path))
		count++;
	if (count)
		decide_among(rib, family, prefix, count);
}

void rib_rank_paths(
    const struct rib *rib, const struct rib_path **paths, size_t count, size_t wanted)
{
	struct decision_candidate in_place[CANDIDATES_IN_PLACE];
	struct decision_candidate *candidates = allocate_candidates(in_place, count);

	for (size_t i = 0; i < count; i++) {
		fill_candidate(rib, paths[i], &candidates[i]);
		candidates[i].usable =
		    true; /* until a sweep comes by with what its next hop does */
	}
	for (size_t i = 0; i < wanted && i + 1 < count; i++) {
		size_t best = i + decision_run(candidates + i, count - i, 1);
		const struct rib_path *path = paths[best];

		paths[best] = paths[i];
		candidates[best] = candidates[i];
		paths[i] = path;
	}
	if (candidates != in_place)
		free(candidates);
}

size_t rib_best_of(
    const struct rib *rib, const struct rib_path *const *paths, const uint32_t *costs, size_t count)
{
	struct decision_candidate in_place[CANDIDATES_IN_PLACE];
	struct decision_candidate *candidates = allocate_candidates(in_place, count);
	size_t best;

	for (size_t i = 0; i < count; i++) {
		fill_candidate(rib, paths[i], &candidates[i]);
		candidates[i].usable = true;
		candidates[i].next_hop_cost = costs[i];
	}
	best = decision_run(candidates, count, 1);
	if (candidates != in_place)
		free(candidates);
	return best;
}
