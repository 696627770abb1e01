/*
 * The rules of export, in their order: the path (the best one; of this node's own routes the one
 * that is meant for this audience), who may hear routes of whom, communities and roles that forbid
 * it, the filters, and then the attributes.  What is not the operator's to decide is done where no
 * filter can undo it.
 *
 * A node is no transit router: unless a filter accepts it, a learned route is only passed on when a
 * route reflector reflects it.  No filter can make an iBGP route go to an iBGP peer without
 * reflection, since that would loop (RFC 4271 9.2.1).
 */
#include "rib/export.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/as_path.h"

enum { AIGP_TLV_HEADER = 3, AIGP_TLV_TYPE = 1 }; /* RFC 7311 3 */

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
 * The best path; if that is one of this node, the first of those that are meant for these peers.
 * Who originates them sees to it that there is one at most.  Which of them is the best one says
 * nothing here, so that a path for others never changes what these are sent.
 */
static const struct rib_path *select_path(const struct rib *rib, const struct export_key *key,
    enum ip_family family, const struct rib_prefix *prefix)
{
	const struct rib_path *best = rib_best_path(prefix);
	const struct rib_path *selected = NULL;

	if (!best || best->peer != RIB_PEER_LOCAL)
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

/* RFC 9234 5, on sending, 2: what a customer may have is nothing for our provider or peer. */
static bool is_route_leak(const struct bgp_attributes *attributes, uint8_t role)
{
	return bgp_attributes_has(attributes, BGP_ATTRIBUTE_OTC) &&
	       (role == BGP_ROLE_CUSTOMER || role == BGP_ROLE_ROUTE_SERVER_CLIENT ||
		   role == BGP_ROLE_PEER);
}

/* RFC 4456 6: from a client to everybody, from a non-client to clients. */
static bool may_reflect(const struct export_key *key, const struct rib_peer *from)
{
	return from->reflector_client || key->reflector_client;
}

/* An IPv4 next hop for IPv4, an IPv6 one for IPv6, and for IPv4 too if RFC 8950 was agreed. */
static bool can_send_next_hop(
    const struct export_key *key, enum ip_family family, const struct ip_address *next_hop)
{
	if (ip_address_is_unspecified(next_hop))
		return false;
	return next_hop->family == family || (family == IPV4 && key->codec.extended_next_hop);
}

static bool is_neighbour(const struct rib *rib, const struct ip_address *address)
{
	for (uint32_t i = RIB_PEER_LOCAL + 1; i < rib_peer_limit(rib); i++) {
		const struct rib_peer *peer = rib_peer_at(rib, (uint16_t)i);

		if (peer && ip_address_equal(&peer->address, address))
			return true;
	}
	return false;
}

/*
 * RFC 4271 5.1.3: the next hop is another router on the segment that we share with an external
 * neighbour, so packets need not pass through us.  It must not be that neighbour itself, and all
 * neighbours of a kind are sent the same: so it is where the route comes from, which is not sent
 * it, or nobody that we speak with.
 */
static bool is_third_party(const struct rib *rib, const struct export_key *key,
    enum ip_family family, const struct rib_path *path)
{
	const struct ip_address *address = &path->attributes->next_hop->key.address;
	const struct ip_prefix *segment = &key->shared[address->family];

	if (!key->codec.external || !segment->length || !can_send_next_hop(key, family, address) ||
	    !ip_prefix_contains(segment, address))
		return false;
	return ip_address_equal(address, &rib_peer_at(rib, path->peer)->address) ||
	       !is_neighbour(rib, address);
}

/*
 * RFC 4271 5.1.3: ourselves for own routes and to external peers, else as it came.  A link-local
 * address is good on one link only, which is this neighbour's if the next hop is a third party that
 * we share it with (RFC 2545 3); else it need not be.
 */
static struct bgp_next_hop choose_next_hop(const struct export_key *key, enum ip_family family,
    const struct export_route *route, bool third_party)
{
	const struct bgp_next_hop *came = &route->path->attributes->next_hop->key;
	struct bgp_next_hop sent = {.address = came->address};
	bool self =
	    ip_address_is_unspecified(&came->address) || key->next_hop == EXPORT_NEXT_HOP_SELF ||
	    (key->codec.external && key->next_hop != EXPORT_NEXT_HOP_UNCHANGED && !third_party) ||
	    (came->address.family == IPV6 && ip_address_is_link_local(&came->address));

	if (third_party)
		sent = *came;
	if (route->rule && route->rule->set.has_next_hop) {
		sent = (struct bgp_next_hop){.address = route->rule->set.next_hop};
		self = ip_address_is_unspecified(&sent.address);
	}
	return self ? key->self[family] : sent;
}

static void fill_cache(struct export_cache *cache, const struct rib *rib,
    const struct export_key *key, enum ip_family family, const struct rib_path *path)
{
	if (cache->set == path->attributes && cache->peer == path->peer && cache->family == family)
		return;
	cache->set = path->attributes;
	cache->peer = path->peer;
	cache->family = (uint8_t)family;
	attribute_set_view(path->attributes, &cache->attributes);
	cache->forbidden = communities_forbid(&cache->attributes, key->codec.external) ||
			   is_route_leak(&cache->attributes, key->role);
	cache->third_party = is_third_party(rib, key, family, path);
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
	fill_cache(cache, rib, key, family, path);
	/* Communities that this node sets itself say what others shall do. */
	if (from->source != POLICY_SOURCE_LOCAL && cache->forbidden)
		return false;
	route->path = path;
	if (!is_accepted(key, prefix, from, cache, route))
		return false;
	next_hop = choose_next_hop(key, family, route, cache->third_party);
	return can_send_next_hop(key, family, &next_hop.address) &&
	       !ip_address_equal(&next_hop.address, &key->neighbour);
}

bool export_select(const struct rib *rib, const struct export_key *key, enum ip_family family,
    const struct rib_prefix *prefix, struct export_cache *cache, struct export_route *route)
{
	const struct rib_path *path = select_path(rib, key, family, prefix);

	return path && export_path(rib, key, family, prefix, path, cache, route);
}

/* What must not leave the AS, or means nothing outside of it. */
static void strip_for_external(
    const struct rib_peer *from, struct arena *arena, struct bgp_attributes *attributes)
{
	static const enum bgp_community_kind extended[] = {
	    BGP_COMMUNITY_EXTENDED, BGP_COMMUNITY_EXTENDED_IPV6};

	bgp_attributes_unmark(attributes, BGP_ATTRIBUTE_LOCAL_PREF); /* RFC 4271 5.1.5 */
	bgp_attributes_unmark(attributes, BGP_ATTRIBUTE_ORIGINATOR_ID); /* RFC 4456 8 */
	bgp_attributes_unmark(attributes, BGP_ATTRIBUTE_CLUSTER_LIST);
	if (from->source == POLICY_SOURCE_LOCAL)
		return; /* what this node says itself is for others */
	bgp_attributes_unmark(attributes, BGP_ATTRIBUTE_MED); /* RFC 4271 5.1.4 */
	for (unsigned i = 0; i < sizeof(extended) / sizeof(extended[0]); i++) {
		struct wire_span span = attributes->communities[extended[i]];

		if (span.length) /* RFC 4360 6, RFC 5701 2 */
			bgp_attributes_set_communities(attributes, extended[i],
			    bgp_communities_without_non_transitive(arena, span, extended[i]));
	}
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

/* RFC 9234 5, on sending, 1: to a customer, a route server's client or a peer. */
static void add_otc(const struct export_key *key, struct bgp_attributes *attributes)
{
	bool due = key->role == BGP_ROLE_PROVIDER || key->role == BGP_ROLE_ROUTE_SERVER ||
		   key->role == BGP_ROLE_PEER;

	if (!due || bgp_attributes_has(attributes, BGP_ATTRIBUTE_OTC))
		return;
	attributes->otc = key->local_asn;
	bgp_attributes_mark(attributes, BGP_ATTRIBUTE_OTC);
}

/* The value of the first AIGP TLV (RFC 7311 3: type 1, length 11, 8 octets), or NULL. */
static uint8_t *find_aigp(uint8_t *bytes, size_t length)
{
	struct wire_reader reader = wire_reader_init(bytes, length);

	while (wire_left(&reader)) {
		size_t offset = length - wire_left(&reader) + AIGP_TLV_HEADER;
		uint8_t type = wire_get_u8(&reader);
		uint16_t size = wire_get_u16(&reader);

		if (size < AIGP_TLV_HEADER || !wire_get_bytes(&reader, size - AIGP_TLV_HEADER))
			return NULL;
		if (type == AIGP_TLV_TYPE)
			return size == AIGP_TLV_HEADER + 8 ? bytes + offset : NULL;
	}
	return NULL;
}

/* RFC 7311 3.4.3: a way that costs nothing counts as 1, or a loop of such would not be seen. */
static uint32_t cost_of_way(const struct rib_next_hop *next_hop)
{
	return next_hop->cost ? next_hop->cost : 1;
}

/*
 * RFC 7311 3.4.3: who changes the next hop adds what the way to the old one costs, up to the largest
 * number.  TLVs of other types are passed on as they are.
 */
static void raise_aigp(
    const struct rib_next_hop *old, struct arena *arena, struct bgp_attributes *attributes)
{
	size_t length = attributes->aigp.length;
	uint8_t *bytes = arena_allocate(arena, length);
	uint64_t metric, cost = cost_of_way(old);
	uint8_t *value;

	memcpy(bytes, attributes->aigp.bytes, length);
	attributes->aigp = (struct wire_span){bytes, length};
	value = find_aigp(bytes, length);
	if (!value)
		return;
	metric = (uint64_t)wire_load_u32(value) << 32 | wire_load_u32(value + 4);
	metric = metric > UINT64_MAX - cost ? UINT64_MAX : metric + cost;
	wire_store_u32(value, (uint32_t)(metric >> 32));
	wire_store_u32(value + 4, (uint32_t)metric);
}

/* RFC 7311 3.3 and 3.4 */
static void update_aigp(const struct export_key *key, const struct rib_path *path,
    struct arena *arena, struct bgp_attributes *attributes)
{
	const struct rib_next_hop *old = path->attributes->next_hop;

	if (!bgp_attributes_has(attributes, BGP_ATTRIBUTE_AIGP))
		return;
	if (!key->aigp)
		bgp_attributes_unmark(attributes, BGP_ATTRIBUTE_AIGP);
	else if (!ip_address_equal(&old->key.address, &attributes->next_hop.address))
		raise_aigp(old, arena, attributes);
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

/* What a neighbour inside of our AS is sent before the filters have their say. */
static void prepare_internal(const struct export_key *key, const struct rib_peer *from,
    struct arena *arena, struct bgp_attributes *attributes)
{
	if (from->source == POLICY_SOURCE_LOCAL)
		attributes->as_path = (struct wire_span){NULL, 0};
	if (!bgp_attributes_has(attributes, BGP_ATTRIBUTE_LOCAL_PREF)) {
		attributes->local_pref = BGP_LOCAL_PREF_DEFAULT;
		bgp_attributes_mark(attributes, BGP_ATTRIBUTE_LOCAL_PREF);
	}
	if (from->source == POLICY_SOURCE_IBGP)
		add_reflection(key, from, arena, attributes);
}

/*
 * RFC 8326 4.2: what is about to go is marked, so that external neighbours that honour the mark
 * prefer others.  Inside our AS the preference that they would set counts at once (4.1).  It is only
 * sent: our own choice stays what it is, or the route would go before its time.
 */
static void mark_graceful_shutdown(
    const struct export_key *key, struct arena *arena, struct bgp_attributes *attributes)
{
	struct bgp_community community = {.kind = BGP_COMMUNITY_STANDARD};
	struct wire_span communities = attributes->communities[BGP_COMMUNITY_STANDARD];

	wire_store_u32(community.bytes, BGP_COMMUNITY_GRACEFUL_SHUTDOWN);
	bgp_attributes_set_communities(attributes, BGP_COMMUNITY_STANDARD,
	    bgp_communities_add(arena, communities, &community));
	if (key->codec.external)
		return;
	attributes->local_pref = 0;
	bgp_attributes_mark(attributes, BGP_ATTRIBUTE_LOCAL_PREF);
}

uint32_t export_added_cost(const struct rib *rib, const struct export_key *key,
    enum ip_family family, const struct export_route *route)
{
	const struct rib_next_hop *old = route->path->attributes->next_hop;
	struct bgp_next_hop new;

	if (!key->aigp || !route->path->attributes->has_aigp)
		return 0;
	new = choose_next_hop(key, family, route, is_third_party(rib, key, family, route->path));
	return ip_address_equal(&old->key.address, &new.address) ? 0 : cost_of_way(old);
}

void export_attributes(const struct rib *rib, const struct export_key *key, enum ip_family family,
    const struct export_route *route, struct arena *arena, struct bgp_attributes *attributes)
{
	const struct rib_peer *from = rib_peer_at(rib, route->path->peer);
	bool third_party = is_third_party(rib, key, family, route->path);
	struct wire_span as_path;

	attribute_set_view(route->path->attributes, attributes);
	if (key->codec.external)
		strip_for_external(from, arena, attributes);
	else
		prepare_internal(key, from, arena, attributes);
	as_path = attributes->as_path;
	if (route->rule)
		policy_rule_apply(route->rule, key->local_asn, arena, attributes);
	attributes->next_hop = choose_next_hop(key, family, route, third_party);
	update_aigp(key, route->path, arena, attributes);
	if (key->codec.external) {
		/* A filter that sets it means our own AS only. */
		bgp_attributes_unmark(attributes, BGP_ATTRIBUTE_LOCAL_PREF);
		prepend_own_as(key, arena, attributes);
		add_otc(key, attributes);
	} else {
		/* What a rule prepends is for other ASes: inside ours it would look like a loop. */
		attributes->as_path = as_path;
	}
	if (route->path->attributes->graceful_shutdown)
		mark_graceful_shutdown(key, arena, attributes);
}

enum {
	/* Header, two lengths, MP_REACH_NLRI with two addresses, and one prefix take less. */
	BESIDE_ATTRIBUTES = 100,
	/* Export adds less, beside a rule's communities: 255 times our own AS, and single values. */
	ADDED_MAX = 2048
};

static size_t attributes_max(const struct export_key *key)
{
	return (key->codec.extended_message ? BGP_EXTENDED_MESSAGE_MAX : BGP_MESSAGE_MAX) -
	       BESIDE_ATTRIBUTES;
}

/* It fits for sure, even with the AS path in two attributes (RFC 6793 4.2.2). */
static bool is_small(const struct export_key *key, const struct export_route *route)
{
	size_t communities = route->rule ? route->rule->set.add_count : 0;

	return 2u * route->path->attributes->wire_length + communities * BGP_COMMUNITY_SIZE_MAX +
		   ADDED_MAX <=
	       attributes_max(key);
}

static bool try_to_fit(const struct rib *rib, const struct export_key *key, enum ip_family family,
    const struct export_route *route)
{
	const size_t room = attributes_max(key);
	uint8_t *bytes = memory_allocate(room);
	struct wire_writer writer = wire_writer_init(bytes, room);
	struct bgp_attributes attributes;
	struct arena arena = {NULL};

	export_attributes(rib, key, family, route, &arena, &attributes);
	bgp_attributes_encode(&writer, &attributes, &key->codec, false, &arena);
	arena_free(&arena);
	free(bytes);
	return !writer.failed;
}

bool export_fits_message(const struct rib *rib, const struct export_key *key, enum ip_family family,
    const struct export_route *route, struct export_cache *cache)
{
	const struct export_route *last = &cache->large;

	if (is_small(key, route))
		return true;
	if (!last->path || last->path->attributes != route->path->attributes ||
	    last->path->peer != route->path->peer || last->rule != route->rule) {
		cache->large = *route;
		cache->large_fits = try_to_fit(rib, key, family, route);
	}
	return cache->large_fits;
}
