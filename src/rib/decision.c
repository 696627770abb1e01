/*
 * The decision process by elimination (RFC 4271 9.1.2.2): every candidate is alive, and at each
 * step those that are worse than the best of the living lose.  MED is compared only among routes
 * of one neighbouring AS, so "better" is not transitive and sorting would give an answer that
 * depends on the order of arrival.  Elimination does not, and it yields the reason for free.
 *
 * The cost is steps times candidates.  A prefix has as many candidates as there are peers that
 * announce it, a handful, but neighbours with add-path can make that thousands, so no step may
 * compare each with each.  With one candidate the table does not call here at all.
 *
 * What is equal up to the cost of the next hop is the multipath set.  The tie-breaks after that are
 * a total order, which also says who is left out when the set is larger than the limit.
 */
#include "rib/decision.h"

#include "base/hash.h"

/* A number of which the lowest wins. */
typedef uint32_t decision_measure(const struct decision_candidate *candidate);

static uint32_t measure_unusable(const struct decision_candidate *candidate)
{
	return !candidate->usable;
}

static uint32_t measure_local_pref(const struct decision_candidate *candidate)
{
	return UINT32_MAX - candidate->local_pref;
}

static uint32_t measure_learned(const struct decision_candidate *candidate)
{
	return !candidate->local;
}

static uint32_t measure_as_path_length(const struct decision_candidate *candidate)
{
	return candidate->as_path_length;
}

static uint32_t measure_origin(const struct decision_candidate *candidate)
{
	return candidate->origin;
}

static uint32_t measure_internal(const struct decision_candidate *candidate)
{
	return !candidate->external;
}

static uint32_t measure_next_hop_cost(const struct decision_candidate *candidate)
{
	return candidate->next_hop_cost;
}

static uint32_t measure_identifier(const struct decision_candidate *candidate)
{
	return candidate->identifier;
}

static uint32_t measure_cluster_length(const struct decision_candidate *candidate)
{
	return candidate->cluster_length;
}

static uint32_t measure_path_id(const struct decision_candidate *candidate)
{
	return candidate->path_id;
}

struct decision_rule {
	decision_measure *measure; /* NULL: compared in a way of its own */
	const char *name;
};

static const struct decision_rule decision_rules[DECISION_STEPS] = {
    [DECISION_BEST] = {NULL, "best"},
    [DECISION_UNUSABLE] = {measure_unusable, "not usable"},
    [DECISION_LOCAL_PREF] = {measure_local_pref, "local preference"},
    [DECISION_LOCAL_ORIGIN] = {measure_learned, "not originated here"},
    [DECISION_AS_PATH_LENGTH] = {measure_as_path_length, "AS path length"},
    [DECISION_ORIGIN] = {measure_origin, "origin"},
    [DECISION_MED] = {NULL, "MED"},
    [DECISION_EBGP] = {measure_internal, "eBGP before iBGP"},
    [DECISION_NEXT_HOP_COST] = {measure_next_hop_cost, "cost of the next hop"},
    [DECISION_MULTIPATH] = {NULL, "multipath"},
    [DECISION_IDENTIFIER] = {measure_identifier, "router ID"},
    [DECISION_CLUSTER_LENGTH] = {measure_cluster_length, "cluster list length"},
    [DECISION_ADDRESS] = {NULL, "peer address"},
    [DECISION_PATH_ID] = {measure_path_id, "path identifier"},
};

const char *decision_step_name(enum decision_step step)
{
	return step < DECISION_STEPS ? decision_rules[step].name : "unknown";
}

/* Eliminates who is worse than the best of the living; returns how many live on. */
static size_t eliminate_by_measure(
    struct decision_candidate *candidates, size_t count, enum decision_step step)
{
	decision_measure *measure = decision_rules[step].measure;
	uint32_t best = UINT32_MAX;
	size_t alive = 0;

	for (size_t i = 0; i < count; i++)
		if (candidates[i].lost_at == DECISION_BEST && measure(&candidates[i]) < best)
			best = measure(&candidates[i]);
	for (size_t i = 0; i < count; i++) {
		if (candidates[i].lost_at != DECISION_BEST)
			continue;
		if (measure(&candidates[i]) > best)
			candidates[i].lost_at = (uint8_t)step;
		else
			alive++;
	}
	return alive;
}

static bool all_have_one_med(const struct decision_candidate *candidates, size_t count)
{
	const struct decision_candidate *first = NULL;

	for (size_t i = 0; i < count; i++) {
		if (candidates[i].lost_at != DECISION_BEST)
			continue;
		if (first && candidates[i].med != first->med)
			return false;
		first = &candidates[i];
	}
	return true;
}

/*
 * The candidate that stands for all of its neighbouring AS: the first one that was asked for.  They
 * are found by a hash table that lies across the candidates.
 */
static struct decision_candidate *med_group(
    struct decision_candidate *candidates, size_t count, struct decision_candidate *candidate)
{
	uint64_t hash = hash_u64(candidate->neighbour_asn) & UINT32_MAX;
	uint32_t *at = &candidates[hash * count >> 32].first_group;

	for (; *at; at = &candidates[*at - 1].next_group)
		if (candidates[*at - 1].neighbour_asn == candidate->neighbour_asn)
			return &candidates[*at - 1];
	*at = (uint32_t)(candidate - candidates) + 1;
	candidate->lowest_med = candidate->med;
	return candidate;
}

/* RFC 4271 9.1.2.2 c: a route loses to any with a lower MED from the same neighbouring AS. */
static size_t eliminate_by_med(struct decision_candidate *candidates, size_t count)
{
	size_t alive = 0;

	if (all_have_one_med(candidates, count))
		return count;
	for (size_t i = 0; i < count; i++)
		candidates[i].first_group = candidates[i].next_group = 0;
	for (size_t i = 0; i < count; i++) {
		struct decision_candidate *group;

		if (candidates[i].lost_at != DECISION_BEST)
			continue;
		group = med_group(candidates, count, &candidates[i]);
		if (candidates[i].med < group->lowest_med)
			group->lowest_med = candidates[i].med;
	}
	for (size_t i = 0; i < count; i++) {
		if (candidates[i].lost_at != DECISION_BEST)
			continue;
		if (candidates[i].med > med_group(candidates, count, &candidates[i])->lowest_med)
			candidates[i].lost_at = DECISION_MED;
		else
			alive++;
	}
	return alive;
}

/* The tie-breaks of which none is equal for two candidates; `*step` is the one that decides. */
static int compare_ties(const struct decision_candidate *a, const struct decision_candidate *b,
    enum decision_step *step)
{
	static const enum decision_step before_address[] = {
	    DECISION_IDENTIFIER, DECISION_CLUSTER_LENGTH};
	int order;

	for (size_t i = 0; i < sizeof(before_address) / sizeof(before_address)[0]; i++) {
		decision_measure *measure = decision_rules[before_address[i]].measure;

		*step = before_address[i];
		if (measure(a) != measure(b))
			return measure(a) < measure(b) ? -1 : 1;
	}
	*step = DECISION_ADDRESS;
	order = a->address && b->address ? ip_address_compare(a->address, b->address) : 0;
	if (!order)
		order = (a->peer > b->peer) - (a->peer < b->peer);
	if (order)
		return order;
	*step = DECISION_PATH_ID;
	return a->path_id < b->path_id ? -1 : a->path_id > b->path_id;
}

/* The best by the tie-breaks of those that live and are not yet in the multipath set. */
static size_t best_of_ties(const struct decision_candidate *candidates, size_t count)
{
	enum decision_step step;
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < count; i++)
		if (candidates[i].lost_at == DECISION_BEST && !candidates[i].multipath &&
		    (best == SIZE_MAX ||
			compare_ties(&candidates[i], &candidates[best], &step) < 0))
			best = i;
	return best;
}

/* Picks the best of the equals, marks the multipath set, and says where the others lost. */
static size_t break_ties(struct decision_candidate *candidates, size_t count, uint32_t multipath)
{
	size_t best = best_of_ties(candidates, count);
	size_t chosen = best;

	for (uint32_t marked = 0; chosen != SIZE_MAX && marked < (multipath ? multipath : 1);
	     marked++) {
		candidates[chosen].multipath = true;
		chosen = best_of_ties(candidates, count);
	}
	for (size_t i = 0; i < count; i++) {
		enum decision_step step;

		if (i == best || candidates[i].lost_at != DECISION_BEST)
			continue;
		compare_ties(&candidates[best], &candidates[i], &step);
		candidates[i].lost_at =
		    candidates[i].multipath ? DECISION_MULTIPATH : (uint8_t)step;
	}
	return best;
}

size_t decision_run(struct decision_candidate *candidates, size_t count, uint32_t multipath)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		candidates[i].lost_at = DECISION_BEST;
		candidates[i].multipath = false;
		any |= candidates[i].usable;
	}
	if (!any) {
		for (size_t i = 0; i < count; i++)
			candidates[i].lost_at = DECISION_UNUSABLE;
		return SIZE_MAX;
	}
	for (enum decision_step step = DECISION_UNUSABLE; step < DECISION_MULTIPATH; step++) {
		size_t alive = step == DECISION_MED ? eliminate_by_med(candidates, count)
						    : eliminate_by_measure(candidates, count, step);

		if (alive == 1)
			break;
	}
	return break_ties(candidates, count, multipath);
}
