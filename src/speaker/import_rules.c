/*
 * The roles of RFC 9234 are ours: as a provider we have a customer at the other end, who may not
 * send us what a provider or a peer of its own has sent it.
 */
#include "speaker/import_rules.h"

#include "bgp/as_path.h"

const char *import_refusal_name(enum import_refusal refusal)
{
	static const char *const names[IMPORT_REFUSALS] = {
	    [IMPORT_NOT_REFUSED] = "rejected by import policy",
	    [IMPORT_AS_LOOP] = "AS loop",
	    [IMPORT_REFLECTED_BACK] = "reflected back to us",
	    [IMPORT_ROUTE_LEAK] = "route leak",
	    [IMPORT_PATH_TOO_LONG] = "AS path longer than maxASPathLength",
	    [IMPORT_MARTIAN] = "martian prefix",
	};

	return names[refusal < IMPORT_REFUSALS ? refusal : IMPORT_NOT_REFUSED];
}

/* RFC 4271 9.1.2: a path that has been through our AS, by either of its numbers. */
static bool is_as_loop(const struct import_rules *rules, struct wire_span path)
{
	unsigned own = bgp_as_path_count(path, rules->local_asn);

	if (rules->router_asn != rules->local_asn)
		own += bgp_as_path_count(path, rules->router_asn);
	return own > rules->allow_own_asn;
}

/* RFC 4456 8: what has been reflected back to us. */
static bool is_reflected_back(
    const struct import_rules *rules, const struct bgp_attributes *attributes)
{
	struct wire_reader clusters = wire_reader_from_span(attributes->cluster_list);

	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_ORIGINATOR_ID) &&
	    wire_load_u32(attributes->originator_id) == rules->router_id)
		return true;
	if (!bgp_attributes_has(attributes, BGP_ATTRIBUTE_CLUSTER_LIST))
		return false;
	while (wire_left(&clusters) >= 4)
		if (wire_get_u32(&clusters) == rules->cluster_id)
			return true;
	return false;
}

/* RFC 9234 5, on receipt, 1 and 2. */
static bool is_route_leak(const struct import_rules *rules, const struct bgp_attributes *attributes)
{
	if (!bgp_attributes_has(attributes, BGP_ATTRIBUTE_OTC))
		return false;
	switch (rules->role) {
	case BGP_ROLE_PROVIDER:
	case BGP_ROLE_ROUTE_SERVER:
		return true;
	case BGP_ROLE_PEER:
		return attributes->otc != rules->remote_asn;
	default:
		return false;
	}
}

enum import_refusal import_rules_judge(
    const struct import_rules *rules, const struct bgp_attributes *attributes)
{
	if (is_as_loop(rules, attributes->as_path))
		return IMPORT_AS_LOOP;
	if (!rules->external && is_reflected_back(rules, attributes))
		return IMPORT_REFLECTED_BACK;
	if (rules->external && is_route_leak(rules, attributes))
		return IMPORT_ROUTE_LEAK;
	if (rules->max_as_path_length &&
	    bgp_as_path_length(attributes->as_path) > rules->max_as_path_length)
		return IMPORT_PATH_TOO_LONG;
	return IMPORT_NOT_REFUSED;
}

/* RFC 9234 5, on receipt, 3: from a provider, a route server or a peer. */
static bool is_only_to_customers(const struct import_rules *rules)
{
	return rules->role == BGP_ROLE_CUSTOMER || rules->role == BGP_ROLE_ROUTE_SERVER_CLIENT ||
	       rules->role == BGP_ROLE_PEER;
}

void import_rules_apply(
    const struct import_rules *rules, struct arena *arena, struct bgp_attributes *attributes)
{
	if (!rules->external)
		return;
	if (is_only_to_customers(rules) && !bgp_attributes_has(attributes, BGP_ATTRIBUTE_OTC)) {
		attributes->otc = rules->remote_asn;
		bgp_attributes_mark(attributes, BGP_ATTRIBUTE_OTC);
	}
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_COMMUNITIES) &&
	    bgp_communities_contain_standard(
		attributes->communities[BGP_COMMUNITY_STANDARD], BGP_COMMUNITY_GRACEFUL_SHUTDOWN)) {
		attributes->local_pref = 0;
		bgp_attributes_mark(attributes, BGP_ATTRIBUTE_LOCAL_PREF);
	}
	if (rules->prepend_local_asn && rules->local_asn != rules->router_asn)
		attributes->as_path =
		    bgp_as_path_prepend(arena, attributes->as_path, rules->local_asn, 1);
}

bool import_rules_near_limit(uint32_t count, uint32_t limit, uint8_t per_cent)
{
	return limit && per_cent && (uint64_t)count * 100 >= (uint64_t)limit * per_cent;
}
