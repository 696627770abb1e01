/*
 * The rules of export, in their order: the path (the best one; of this node's own routes the first
 * that is meant for this audience), communities that forbid it, who may hear routes of whom, the
 * filters, and then the attributes.
 *
 * A node is no transit router: unless a filter accepts it, a learned route is only passed on when a
 * route reflector reflects it.  No filter can make an iBGP route go to an iBGP peer without
 * reflection, since that would loop (RFC 4271 9.2.1).
 */
#include "rib/export.h"

#include <string.h>

#include "bgp/as_path.h"

bool export_key_equal(const struct export_key *a, const struct export_key *b)
{
	if (memcmp(&a->codec, &b->codec, sizeof(a->codec)) != 0 ||
	    memcmp(a->self, b->self, sizeof(a->self)) != 0 ||
	    a->reflector_client != b->reflector_client || a->path_limit != b->path_limit ||
	    a->next_hop != b->next_hop || a->local_asn != b->local_asn ||
	    a->router_asn != b->router_asn || a->cluster_id != b->cluster_id ||
	    a->audiences != b->audiences || a->filter_count != b->filter_count ||
	    !a->peer_name != !b->peer_name)
		return false;
	if (a->peer_name && strcmp(a->peer_name, b->peer_name) != 0)
		return false;
	for (size_t i = 0; i < a->filter_count; i++)
		if (a->filters[i] != b->filters[i])
			return false;
	return true;
}

bool export_is_meant_for(const struct export_key *key, const struct rib_path *path)
{
	uint64_t audience = path->attributes->audience;

	return path->peer != RIB_PEER_LOCAL || !audience || audience & key->audiences;
}

/* True if it is a path of this node that these peers may be sent. */
static bool is_for_audience(const struct rib_path *path, const struct export_key *key)
{
	return path->peer == RIB_PEER_LOCAL && path->flags & RIB_PATH_USABLE &&
	       export_is_meant_for(key, path);
}

/*
 * The best path; if that is one of this node and not for these peers, the first advertisement that
 * is.  The order of the paths in the table says nothing: it depends on history.
 */
static const struct rib_path *select_path(const struct rib *rib, const struct export_key *key,
    enum ip_family family, const struct rib_prefix *prefix)
{
	const struct rib_path *best = rib_best_path(prefix);
	const struct rib_path *selected = NULL;

	if (!best || best->peer != RIB_PEER_LOCAL || is_for_audience(best, key))
		return best;
	for (const struct rib_path *path = best; path; path = rib_path_next(rib, family, path))
		if (is_for_audience(path, key) && (!selected || path->path_id < selected->path_id))
			selected = path;
	return selected;
}

/* RFC 1997: routes that their sender did not want to travel this far. */
static bool communities_forbid(const struct bgp_attributes *attributes, bool external)
{
	struct wire_span communities = attributes->communities[BGP_COMMUNITY_STANDARD];

	if (!bgp_attributes_has(attributes, BGP_ATTRIBUTE_COMMUNITIES))
		return false;
	if (bgp_communities_contain_standard(communities, BGP_COMMUNITY_NO_ADVERTISE))
		return true;
	return external &&
	       (bgp_communities_contain_standard(communities, BGP_COMMUNITY_NO_EXPORT) ||
		   bgp_communities_contain_standard(
		       communities, BGP_COMMUNITY_NO_EXPORT_SUBCONFED));
}

/* RFC 4456 6: from a client to everybody, from a non-client to clients. */
static bool may_reflect(const struct export_key *key, const struct rib_peer *from)
{
	return from->reflector_client || key->reflector_client;
}

/*
 * RFC 4271 5.1.3: ourselves for own routes and to external peers, else as it came.  A link-local
 * address is good on one link only, which need not be this neighbour's (RFC 2545 3).
 */
static struct bgp_next_hop choose_next_hop(
    const struct export_key *key, enum ip_family family, const struct export_route *route)
{
	const struct bgp_next_hop *came = &route->path->attributes->next_hop->key;
	struct ip_address address = came->address;
	bool self = ip_address_is_unspecified(&address) || key->next_hop == EXPORT_NEXT_HOP_SELF ||
		    (key->codec.external && key->next_hop != EXPORT_NEXT_HOP_UNCHANGED) ||
		    (address.family == IPV6 && ip_address_is_link_local(&address));

	if (route->rule && route->rule->set.has_next_hop) {
		address = route->rule->set.next_hop;
		self = ip_address_is_unspecified(&address);
	}
	return self ? key->self[family] : (struct bgp_next_hop){.address = address};
}

/* An IPv4 next hop for IPv4, an IPv6 one for IPv6, and for IPv4 too if RFC 8950 was agreed. */
static bool can_send_next_hop(
    const struct export_key *key, enum ip_family family, const struct bgp_next_hop *next_hop)
{
	if (ip_address_is_unspecified(&next_hop->address))
		return false;
	return next_hop->address.family == family ||
	       (family == IPV4 && key->codec.extended_next_hop);
}

static void fill_cache(
    struct export_cache *cache, const struct export_key *key, const struct attribute_set *set)
{
	if (cache->set == set)
		return;
	cache->set = set;
	attribute_set_view(set, &cache->attributes);
	cache->forbidden = communities_forbid(&cache->attributes, key->codec.external);
}

/* What the filters say, or what holds without them. */
static bool is_accepted(const struct export_key *key, const struct rib_prefix *prefix,
    const struct rib_peer *from, const struct export_cache *cache, struct export_route *route)
{
	const struct policy_route facts = {
	    &prefix->prefix, &cache->attributes, from->source, key->peer_name};

	route->rule =
	    key->filter_count ? policy_find_rule(key->filters, key->filter_count, &facts) : NULL;
	if (route->rule)
		return route->rule->action == POLICY_ACCEPT;
	return from->source == POLICY_SOURCE_LOCAL ||
	       (from->source == POLICY_SOURCE_IBGP && !key->codec.external);
}

bool export_path(const struct rib *rib, const struct export_key *key, enum ip_family family,
    const struct rib_prefix *prefix, const struct rib_path *path, struct export_cache *cache,
    struct export_route *route)
{
	const struct rib_peer *from = rib_peer_at(rib, path->peer);
	struct bgp_next_hop next_hop;

	if (from->source == POLICY_SOURCE_IBGP && !key->codec.external && !may_reflect(key, from))
		return false;
	fill_cache(cache, key, path->attributes);
	/* Communities that this node sets itself say what others shall do. */
	if (from->source != POLICY_SOURCE_LOCAL && cache->forbidden)
		return false;
	route->path = path;
	if (!is_accepted(key, prefix, from, cache, route))
		return false;
	next_hop = choose_next_hop(key, family, route);
	return can_send_next_hop(key, family, &next_hop);
}

bool export_select(const struct rib *rib, const struct export_key *key, enum ip_family family,
    const struct rib_prefix *prefix, struct export_cache *cache, struct export_route *route)
{
	const struct rib_path *path = select_path(rib, key, family, prefix);

	return path && export_path(rib, key, family, prefix, path, cache, route);
}

/* What must not leave the AS, or means nothing outside of it. */
static void strip_for_external(struct bgp_attributes *attributes, bool local)
{
	bgp_attributes_unmark(attributes, BGP_ATTRIBUTE_LOCAL_PREF); /* RFC 4271 5.1.5 */
	bgp_attributes_unmark(attributes, BGP_ATTRIBUTE_ORIGINATOR_ID); /* RFC 4456 8 */
	bgp_attributes_unmark(attributes, BGP_ATTRIBUTE_CLUSTER_LIST);
	if (!local)
		bgp_attributes_unmark(attributes, BGP_ATTRIBUTE_MED); /* RFC 4271 5.1.4 */
}

static void prepend_own_as(
    const struct export_key *key, struct arena *arena, struct bgp_attributes *attributes)
{
	if (key->router_asn != key->local_asn)
		attributes->as_path =
		    bgp_as_path_prepend(arena, attributes->as_path, key->router_asn, 1);
	attributes->as_path = bgp_as_path_prepend(arena, attributes->as_path, key->local_asn, 1);
	bgp_attributes_mark(attributes, BGP_ATTRIBUTE_AS_PATH);
}

/* RFC 4456 8: ORIGINATOR_ID once, CLUSTER_LIST by every reflector. */
static void add_reflection(const struct export_key *key, const struct rib_peer *from,
    struct arena *arena, struct bgp_attributes *attributes)
{
	size_t old = bgp_attributes_has(attributes, BGP_ATTRIBUTE_CLUSTER_LIST)
			 ? attributes->cluster_list.length
			 : 0;
	uint8_t *list = arena_allocate(arena, old + 4);

	if (!bgp_attributes_has(attributes, BGP_ATTRIBUTE_ORIGINATOR_ID)) {
		wire_store_u32(attributes->originator_id, from->identifier);
		bgp_attributes_mark(attributes, BGP_ATTRIBUTE_ORIGINATOR_ID);
	}
	wire_store_u32(list, key->cluster_id);
	if (old)
		memcpy(list + 4, attributes->cluster_list.bytes, old);
	attributes->cluster_list = (struct wire_span){list, old + 4};
	bgp_attributes_mark(attributes, BGP_ATTRIBUTE_CLUSTER_LIST);
}

void export_attributes(const struct rib *rib, const struct export_key *key, enum ip_family family,
    const struct export_route *route, struct arena *arena, struct bgp_attributes *attributes)
{
	const struct rib_peer *from = rib_peer_at(rib, route->path->peer);
	bool local = from->source == POLICY_SOURCE_LOCAL;
	struct wire_span as_path;

	attribute_set_view(route->path->attributes, attributes);
	/* What a rule prepends is for other ASes: inside ours it would look like a loop. */
	if (key->codec.external) {
		strip_for_external(attributes, local);
	} else {
		if (local)
			attributes->as_path = (struct wire_span){NULL, 0};
		if (!bgp_attributes_has(attributes, BGP_ATTRIBUTE_LOCAL_PREF)) {
			attributes->local_pref = BGP_LOCAL_PREF_DEFAULT;
			bgp_attributes_mark(attributes, BGP_ATTRIBUTE_LOCAL_PREF);
		}
		if (from->source == POLICY_SOURCE_IBGP)
			add_reflection(key, from, arena, attributes);
	}
	as_path = attributes->as_path;
	if (route->rule)
		policy_rule_apply(route->rule, key->local_asn, arena, attributes);
	attributes->next_hop = choose_next_hop(key, family, route);
	if (key->codec.external) {
		/* A filter that sets it means our own AS only. */
		bgp_attributes_unmark(attributes, BGP_ATTRIBUTE_LOCAL_PREF);
		prepend_own_as(key, arena, attributes);
	} else {
		attributes->as_path = as_path;
	}
}
