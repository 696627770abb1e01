/*
 * What the kernel should have for a prefix: a pure function of the RIB, the settings and how next
 * hops resolve now.  Never installed are this node's own routes, martians, what lies in its own pod
 * CIDRs, and host routes to its own addresses.
 *
 * A hop is refused if the route would lead to that hop's gateway itself, more specifically than the
 * route that resolves it: the neighbour's address would then be looked for behind the neighbour,
 * and the BGP session with it.
 */
#include "fib/fib_state.h"

_Static_assert(FIB_HOPS_MAX <= KERNEL_HOPS_MAX, "a route holds every hop of a set");

/* The kernel's own default, which it puts in place of 0. */
#define IPV6_METRIC_DEFAULT 1024

static bool is_own_prefix(const struct fib *fib, const struct ip_prefix *prefix)
{
	size_t i;

	for (i = 0; i < fib->own_prefix_count; i++) {
		if (ip_prefix_covers(&fib->own_prefixes[i], prefix))
			return true;
	}
	return false;
}

bool fib_may_be_installed(const struct fib *fib, const struct ip_prefix *prefix)
{
	const struct ip_address address = ip_prefix_address(prefix);

	if (!fib->settings.install || ip_prefix_is_martian(prefix) || is_own_prefix(fib, prefix))
		return false;
	return prefix->length < ip_family_bits(prefix->family) ||
	       !kernel_view_is_local_address(fib->view, &address, 0);
}

bool fib_leads_to_itself(const struct ip_prefix *prefix, const struct kernel_resolution *resolution)
{
	return prefix->length >= resolution->route_length &&
	       resolution->hop.gateway.family == prefix->family &&
	       ip_prefix_contains(prefix, &resolution->hop.gateway);
}

static bool holds_member(struct next_hop *const *members, size_t count, const struct next_hop *what)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (members[i] == what)
			return true;
	}
	return false;
}

/* The next hops of the equal-cost set that can be used, each once; returns how many. */
static size_t collect_hops(const struct fib *fib, const struct rib_prefix *prefix,
    struct next_hop *members[static FIB_HOPS_MAX], struct fib_desired *desired)
{
	const enum ip_family family = prefix->prefix.family;
	const struct rib_path *path = rib_best_path(prefix);
	size_t limit = fib->settings.multipath ? fib->settings.multipath : 1;
	bool best = true;
	size_t count = 0;

	limit = limit < FIB_HOPS_MAX ? limit : FIB_HOPS_MAX;
	for (; path && count < limit; path = rib_path_next(fib->rib, family, path), best = false) {
		struct next_hop *next_hop = path->attributes->next_hop->tracker_data;

		if (!best && !(path->flags & RIB_PATH_MULTIPATH))
			continue;
		if (!next_hop || !next_hop->resolution.reachable) {
			desired->desire = FIB_DESIRE_LATER;
			continue;
		}
		if (fib_leads_to_itself(&prefix->prefix, &next_hop->resolution))
			desired->refused = true;
		else if (!holds_member(members, count, next_hop))
			members[count++] = next_hop;
	}
	return count;
}

struct fib_desired fib_desire(struct fib *fib, const struct fib_table *table, uint32_t id)
{
	const enum ip_family family = table->family;
	const struct rib_prefix *prefix = rib_prefix_at(fib->rib, family, id);
	const struct rib_path *best = prefix ? rib_best_path(prefix) : NULL;
	struct fib_desired desired = {.desire = FIB_DESIRE_NOTHING};
	struct next_hop *members[FIB_HOPS_MAX];
	size_t count;

	if (!best || best->peer == RIB_PEER_LOCAL || !best->attributes->next_hop->tracker_data ||
	    !fib_may_be_installed(fib, &prefix->prefix))
		return desired;
	count = collect_hops(fib, prefix, members, &desired);
	if (!count)
		return desired;
	desired.desire = FIB_DESIRE_ROUTE;
	desired.set = hop_set_intern(&fib->sets, members, count);
	desired.metric = best->attributes->kernel_metric ? best->attributes->kernel_metric
							 : fib->settings.metric;
	if (family == IPV6 && !desired.metric)
		desired.metric = IPV6_METRIC_DEFAULT;
	return desired;
}
