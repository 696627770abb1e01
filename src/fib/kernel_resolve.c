/*
 * The order of a lookup is the kernel's: addresses of this node first, as its rule for the local
 * table comes first; then each rule that is for such a packet.  A rule may end the lookup, or lead
 * to a table: the longest match there is taken, unless the rule suppresses it for its length or its
 * interface; without one the next rule is looked at.
 *
 * In the table that our own routes are in they compete with those of others: by length, and then by
 * metric.  What a route of our own leads to is for the caller to say.
 *
 * What is on a link costs nothing: the metric of a connected route says nothing of a distance, and
 * is 0 for IPv4 and 256 for IPv6, so that paths over both would never be equal.
 */
#include "fib/kernel_resolve.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

struct lookup {
	const struct kernel_view *view;
	const struct ip_address *next_hop;
	const struct kernel_own_routes *own;
	bool has_asked; /* for a route of our own; it is asked for once */
	bool has_own;
	struct kernel_resolution own_resolution;
	bool suppressed; /* a match was */
};

/* Why a route that is no unicast route, or a rule that leads to no table, does not help. */
struct dead_end {
	uint8_t type;
	const char *reason;
};

static const struct dead_end routes[] = {
    {RTN_BLACKHOLE, "a blackhole route is in the way"},
    {RTN_UNREACHABLE, "an unreachable route is in the way"},
    {RTN_PROHIBIT, "a prohibit route is in the way"},
    {RTN_LOCAL, "it is an address of this node"},
    {RTN_BROADCAST, "it is a broadcast address"},
    {RTN_ANYCAST, "it is an anycast address of this node"},
    {0, "the route to it is no unicast route"},
};

static const struct dead_end rules[] = {
    {FR_ACT_BLACKHOLE, "a blackhole rule is in the way"},
    {FR_ACT_UNREACHABLE, "an unreachable rule is in the way"},
    {FR_ACT_PROHIBIT, "a prohibit rule is in the way"},
    {0, "a rule is in the way"},
};

static const char *find_reason(const struct dead_end *dead_end, uint8_t type)
{
	while (dead_end->type && dead_end->type != type)
		dead_end++;
	return dead_end->reason;
}

static const struct kernel_link *find_link_that_is_up(
    const struct kernel_view *view, uint32_t interface)
{
	const struct kernel_link *link = kernel_view_link(view, interface);

	return link && link->up ? link : NULL;
}

static void resolve_link_local(const struct kernel_view *view, const struct ip_address *next_hop,
    uint32_t scope, struct kernel_resolution *resolution)
{
	if (!scope) {
		resolution->reason = "a link-local address needs an interface";
		return;
	}
	resolution->reason =
	    kernel_view_link(view, scope) ? "its interface is down" : "no such interface";
	if (!find_link_that_is_up(view, scope))
		return;
	*resolution = (struct kernel_resolution){
	    .reachable = true,
	    .on_link = true,
	    .route_length = 64,
	    .hop = {*next_hop, .has_gateway = true, .weight = 1, .interface = scope},
	};
}

static void resolve_over_hop(const struct ip_address *next_hop, const struct kernel_route *route,
    const struct kernel_hop *hop, struct kernel_resolution *resolution)
{
	*resolution = (struct kernel_resolution){
	    .reachable = true,
	    .on_link = !hop->has_gateway,
	    .route_length = route->prefix.length,
	    .cost = hop->has_gateway ? route->metric : 0,
	    .hop = *hop,
	};
	resolution->hop.weight = 1;
	if (!hop->has_gateway)
		resolution->hop.gateway = *next_hop;
	resolution->hop.has_gateway = true;
}

static void resolve_over_route(const struct lookup *lookup, const struct kernel_route *route,
    struct kernel_resolution *resolution)
{
	size_t i;

	if (route->type != RTN_UNICAST) {
		resolution->reason = find_reason(routes, route->type);
		return;
	}
	for (i = 0; i < route->hop_count; i++) {
		if (find_link_that_is_up(lookup->view, route->hops[i].interface)) {
			resolve_over_hop(lookup->next_hop, route, &route->hops[i], resolution);
			return;
		}
	}
	resolution->reason =
	    route->hop_count ? "its interface is down" : "the route to it has no hop";
}

static bool is_suppressed(const struct lookup *lookup, const struct kernel_rule *rule,
    unsigned length, uint32_t interface)
{
	const struct kernel_link *link = kernel_view_link(lookup->view, interface);

	return (int32_t)length <= rule->suppressed_length ||
	       (link && (int64_t)link->group == rule->suppressed_group);
}

static bool ask_for_own(struct lookup *lookup, const struct kernel_route *foreign)
{
	if (!lookup->has_asked)
		lookup->has_own = lookup->own->resolve(
		    lookup->own->arg, lookup->next_hop, foreign, &lookup->own_resolution);
	lookup->has_asked = true;
	return lookup->has_own;
}

/* False if the table says nothing: the next rule is to be looked at. */
static bool look_into_table(
    struct lookup *lookup, const struct kernel_rule *rule, struct kernel_resolution *resolution)
{
	const struct kernel_route *route =
	    kernel_view_match(lookup->view, lookup->next_hop, rule->table);

	if (lookup->own && rule->table == kernel_view_own_table(lookup->view) &&
	    ask_for_own(lookup, route)) {
		*resolution = lookup->own_resolution;
		lookup->suppressed =
		    is_suppressed(lookup, rule, resolution->via.length, resolution->hop.interface);
		return !lookup->suppressed;
	}
	if (!route || route->type == RTN_THROW)
		return false;
	if (route->type == RTN_UNICAST && is_suppressed(lookup, rule, route->prefix.length,
					      route->hop_count ? route->hops[0].interface : 0)) {
		lookup->suppressed = true;
		return false;
	}
	resolve_over_route(lookup, route, resolution);
	return true;
}

static void look_up(struct lookup *lookup, struct kernel_resolution *resolution)
{
	const struct kernel_rule *rule;
	size_t cursor = 0;

	while ((rule = kernel_view_next_rule(lookup->view, lookup->next_hop, &cursor))) {
		*resolution = (struct kernel_resolution){0};
		if (rule->action != FR_ACT_TO_TBL) {
			resolution->reason = find_reason(rules, rule->action);
			return;
		}
		if (look_into_table(lookup, rule, resolution))
			return;
	}
	*resolution = (struct kernel_resolution){.no_route = true,
	    .reason = lookup->suppressed ? "a rule suppresses the route to it" : "no route to it"};
}

void kernel_resolve(const struct kernel_view *view, const struct ip_address *next_hop,
    uint32_t scope, const struct kernel_own_routes *own, struct kernel_resolution *resolution)
{
	struct lookup lookup = {.view = view, .next_hop = next_hop, .own = own};

	*resolution = (struct kernel_resolution){0};
	if (!kernel_view_is_complete(view)) {
		resolution->reason = "the kernel's routes have not been read yet";
		return;
	}
	if (kernel_view_is_local_address(view, next_hop, scope)) {
		resolution->local = true;
		resolution->reason = find_reason(routes, RTN_LOCAL);
		return;
	}
	if (next_hop->family == IPV6 && ip_address_is_link_local(next_hop))
		resolve_link_local(view, next_hop, scope, resolution);
	else
		look_up(&lookup, resolution);
}
