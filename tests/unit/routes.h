/*
 * Routes for the tests of the RIB: prefixes and attributes from short texts, and a peer that reads
 * the UPDATEs it is sent.
 */
#ifndef TESTS_ROUTES_H
#define TESTS_ROUTES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/arena.h"
#include "bgp/as_path.h"
#include "bgp/attributes.h"
#include "rib/attribute_set.h"
#include "rib/table.h"

static inline struct ip_prefix prefix_of(const char *text)
{
	struct ip_prefix prefix;

	if (!ip_prefix_parse(text, &prefix, NULL))
		abort();
	return prefix;
}

static inline struct ip_address address_of(const char *text)
{
	struct ip_address address;

	if (!ip_address_parse(text, &address))
		abort();
	return address;
}

/* Origin IGP, the path of one sequence; `path` ends with 0, `next_hop` NULL: this node. */
static inline struct bgp_attributes attributes_of(
    struct arena *arena, const char *next_hop, const uint32_t *path)
{
	struct bgp_attributes attributes;
	size_t count = 0;

	bgp_attributes_init(&attributes);
	if (next_hop)
		attributes.next_hop.address = address_of(next_hop);
	while (path && path[count])
		count++;
	while (count)
		attributes.as_path =
		    bgp_as_path_prepend(arena, attributes.as_path, path[--count], 1);
	return attributes;
}

static inline void set_med(struct bgp_attributes *attributes, uint32_t med)
{
	attributes->med = med;
	bgp_attributes_mark(attributes, BGP_ATTRIBUTE_MED);
}

static inline void set_local_pref(struct bgp_attributes *attributes, uint32_t local_pref)
{
	attributes->local_pref = local_pref;
	bgp_attributes_mark(attributes, BGP_ATTRIBUTE_LOCAL_PREF);
}

static inline void add_community(
    struct arena *arena, struct bgp_attributes *attributes, uint32_t value)
{
	struct bgp_community community = {.kind = BGP_COMMUNITY_STANDARD};

	wire_store_u32(community.bytes, value);
	attributes->communities[BGP_COMMUNITY_STANDARD] =
	    bgp_communities_add(arena, attributes->communities[BGP_COMMUNITY_STANDARD], &community);
	bgp_attributes_mark(attributes, BGP_ATTRIBUTE_COMMUNITIES);
}

/* Announces to the table; keeps no reference. */
static inline void announce(struct rib *rib, struct rib_peer *peer, const char *prefix,
    uint32_t path_id, const struct bgp_attributes *attributes, uint8_t flags)
{
	const struct attribute_set_extra none = {0};
	const struct ip_prefix at = prefix_of(prefix);
	struct attribute_set *set =
	    attribute_set_intern(rib_attribute_store(rib), attributes, &none);

	rib_update(rib, peer, &at, path_id, set, flags);
	attribute_set_release(rib_attribute_store(rib), set);
}

static inline struct rib_peer *add_peer(
    struct rib *rib, enum policy_source source, uint32_t identifier)
{
	struct rib_peer *peer = rib_peer_new(rib);

	peer->source = source;
	peer->identifier = identifier;
	peer->address = ip_address_from_ipv4(0x0a000000 + identifier);
	return peer;
}

#endif
