/*
 * What the kernel should have for a prefix: a pure function of the RIB, the settings and how next
 * hops resolve now.  Never installed are martians, and of the neighbours' routes what lies in this
 * node's own pod CIDRs, and host routes to its own addresses.
 *
 * This node's own routes lead nowhere, if that is configured: of an aggregate some addresses may
 * not be in use, and packets to these would follow the default route to the router that has sent
 * them here.  Their metric is the worst one, so whatever else the kernel has wins: the connected
 * network of the pods, or a route to each of them.
 *
 * A hop is refused if the route would lead to that hop's gateway itself, more specifically than the
 * route that resolves it: the neighbour's address would then be looked for behind the neighbour,
 * and the BGP session with it.  For a next hop that other routes of ours lead to, gateway and route
 * are those at the end of the way.  What is on the way may be led over this route: packets there go
 * to the same gateway, and resolving passes over what leads back to itself (recursion.c).
 */
#include "fib/fib_state.h"

#include <linux/rtnetlink.h>

#include "fib/hop_weights.h"

_Static_assert(FIB_HOPS_MAX <= KERNEL_HOPS_MAX, "a route holds every hop of a set");

/* The kernel's own default, which it puts in place of 0. */
#define IPV6_METRIC_DEFAULT 1024
#define AGGREGATE_METRIC UINT32_MAX

static const uint8_t aggregate_types[] = {
    [FIB_AGGREGATES_NONE] = RTN_UNSPEC,
    [FIB_AGGREGATES_BLACKHOLE] = RTN_BLACKHOLE,
    [FIB_AGGREGATES_UNREACHABLE] = RTN_UNREACHABLE,
};

/* The usable next hops of an equal-cost set, each once. */
struct candidates {
	size_t count;
	bool weighted; /* every path has told its link bandwidth */
	struct hop_set_member members[FIB_HOPS_MAX];
	double bandwidths[FIB_HOPS_MAX]; /* of all paths with this next hop */
};

static bool is_own_prefix(const struct fib *fib, const struct ip_prefix *prefix)
{
	size_t i;

	for (i = 0; i < fib->own_prefix_count; i++) {
		if (ip_prefix_covers(&fib->own_prefixes[i], prefix))
			return true;
	}
	return false;
}

static bool may_be_installed(const struct fib *fib, const struct ip_prefix *prefix)
{
	const struct ip_address address = ip_prefix_address(prefix);

	if (!fib->settings.install || ip_prefix_is_martian(prefix) || is_own_prefix(fib, prefix))
		return false;
	return prefix->length < ip_family_bits(prefix->family) ||
	       !kernel_view_is_local_address(fib->view, &address, 0);
}

static uint32_t metric_of(const struct fib *fib, enum ip_family family, const struct rib_path *best)
{
	const uint32_t metric = best->attributes->kernel_metric ? best->attributes->kernel_metric
								: fib->settings.metric;

	return family == IPV6 && !metric ? IPV6_METRIC_DEFAULT : metric;
}

bool fib_would_install(
    void *arg, const struct ip_prefix *prefix, const struct rib_path *best, uint32_t *metric)
{
	const struct fib *fib = arg;

	*metric = metric_of(fib, prefix->family, best);
	return best->peer != RIB_PEER_LOCAL && best->attributes->next_hop->tracker_data &&
	       may_be_installed(fib, prefix);
}

static void add_candidate(
    struct candidates *candidates, struct next_hop *next_hop, const struct rib_path *path)
{
	const double bandwidth = (double)attribute_set_link_bandwidth(path->attributes);
	size_t i = 0;

	while (i < candidates->count && candidates->members[i].next_hop != next_hop)
		i++;
	if (i == candidates->count) {
		candidates->count++;
		candidates->members[i] = (struct hop_set_member){.next_hop = next_hop};
		candidates->bandwidths[i] = 0;
	}
	candidates->bandwidths[i] += bandwidth;
	candidates->weighted &= bandwidth > 0;
}

/* Collects the next hops of the equal-cost set. */
static void collect_candidates(const struct fib *fib, const struct rib_prefix *prefix,
    struct candidates *candidates, struct fib_desired *desired)
{
	const enum ip_family family = prefix->prefix.family;
	const struct rib_path *path = rib_best_path(prefix);
	size_t limit = fib->settings.multipath ? fib->settings.multipath : 1;
	bool best = true;

	candidates->count = 0;
	candidates->weighted = true;
	limit = limit < FIB_HOPS_MAX ? limit : FIB_HOPS_MAX;
	for (; path && candidates->count < limit;
	     path = rib_path_next(fib->rib, family, path), best = false) {
		struct next_hop *next_hop = path->attributes->next_hop->tracker_data;

		if (!best && !(path->flags & RIB_PATH_MULTIPATH))
			continue;
		if (!next_hop || !next_hop->resolution.reachable) {
			/* If it is back before the RIB comes by, nothing changes there. */
			desired->desire = FIB_DESIRE_LATER;
			desired->refused = true;
		} else if (recursion_leads_to_itself(&prefix->prefix, &next_hop->resolution)) {
			desired->refused = true;
		} else {
			add_candidate(candidates, next_hop, path);
		}
	}
}

static void set_weights(struct candidates *candidates)
{
	uint16_t weights[FIB_HOPS_MAX];
	size_t i;

	if (!candidates->weighted || candidates->count < 2)
		return;
	hop_weights(candidates->bandwidths, candidates->count, weights);
	for (i = 0; i < candidates->count; i++)
		candidates->members[i].weight = weights[i];
}

/* Where packets go to addresses of our own prefix that nobody has. */
static void desire_aggregate(
    struct fib *fib, const struct ip_prefix *prefix, struct fib_desired *desired)
{
	const struct hop_set_key key = {.type = aggregate_types[fib->settings.aggregates]};

	if (!fib->settings.install || key.type == RTN_UNSPEC || ip_prefix_is_martian(prefix) ||
	    prefix->length == ip_family_bits(prefix->family))
		return;
	desired->desire = FIB_DESIRE_ROUTE;
	desired->set = hop_set_intern(&fib->sets, &key);
	desired->metric = AGGREGATE_METRIC;
}

static void desire_route(
    struct fib *fib, const struct rib_prefix *prefix, struct fib_desired *desired)
{
	const enum ip_family family = prefix->prefix.family;
	struct candidates candidates;

	if (!fib_would_install(fib, &prefix->prefix, rib_best_path(prefix), &desired->metric))
		return;
	collect_candidates(fib, prefix, &candidates, desired);
	if (!candidates.count)
		return;
	set_weights(&candidates);
	desired->desire = FIB_DESIRE_ROUTE;
	desired->set = hop_set_intern(&fib->sets, &(const struct hop_set_key){.type = RTN_UNICAST,
						      .source = fib->sources[family],
						      .members = candidates.members,
						      .count = candidates.count});
}

struct fib_desired fib_desire(struct fib *fib, const struct fib_table *table, uint32_t id)
{
	const enum ip_family family = table->family;
	const struct rib_prefix *prefix = rib_prefix_at(fib->rib, family, id);
	const struct rib_path *best = prefix ? rib_best_path(prefix) : NULL;
	struct fib_desired desired = {.desire = FIB_DESIRE_NOTHING};

	if (best && best->peer == RIB_PEER_LOCAL)
		desire_aggregate(fib, &prefix->prefix, &desired);
	else if (best)
		desire_route(fib, prefix, &desired);
	return desired;
}

bool fib_find_sources(struct fib *fib)
{
	static const struct ip_address none;
	bool changed = false;
	enum ip_family family;

	for (family = 0; family < IP_FAMILIES; family++) {
		const struct ip_address *wanted = &fib->settings.sources[family];
		const struct ip_address *now =
		    kernel_view_is_usable_address(fib->view, wanted) ? wanted : &none;

		changed |= !ip_address_equal(now, &fib->sources[family]);
		fib->sources[family] = *now;
	}
	return changed;
}
