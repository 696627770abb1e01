/*
 * One function per attribute that has more than a number, and one that sets them all.  The keys
 * that INTERFACE fixes are always there; the rare attributes only where a route has them, so that
 * a million lines stay short.
 */
#include "control/attributes_json.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/wire.h"
#include "bgp/as_path.h"
#include "bgp/community.h"
#include "control/json_value.h"

/* A sequence stands in the array itself, each set is an array in it. */
static json_t *as_path_value(struct wire_span path)
{
	struct bgp_as_path_walk walk = bgp_as_path_walk_start(path);
	json_t *list = json_array();
	json_t *set = NULL;
	bool in_segment = false;
	uint32_t asn;

	while (bgp_as_path_walk_next(&walk, &asn)) {
		const bool is_set =
		    walk.type == BGP_SEGMENT_SET || walk.type == BGP_SEGMENT_CONFED_SET;

		if (!in_segment && is_set) {
			set = json_array();
			json_array_append_new(list, set);
		}
		json_array_append_new(is_set ? set : list, json_value_number(asn));
		in_segment = walk.left > 0;
	}
	return list;
}

static void append_communities(
    json_t *list, const struct bgp_attributes *attributes, enum bgp_community_kind kind)
{
	static const char large[] = "large:";
	struct wire_reader reader = wire_reader_from_span(attributes->communities[kind]);
	const unsigned size = bgp_community_size(kind);
	struct text text = {0};

	while (wire_left(&reader) >= size) {
		const char *shown;

		text_clear(&text);
		bgp_community_print(kind, wire_get_bytes(&reader, size), &text);
		shown = text.string;
		/* The key says so already. */
		if (!strncmp(shown, large, sizeof(large) - 1))
			shown += sizeof(large) - 1;
		json_array_append_new(list, json_value_text(shown));
	}
	text_free(&text);
}

static json_t *communities_value(
    const struct bgp_attributes *attributes, enum bgp_community_kind kind)
{
	json_t *list = json_array();

	append_communities(list, attributes, kind);
	return list;
}

/* Those of RFC 4360 and those of RFC 5701, which are the same thing with IPv6 addresses. */
static json_t *extended_communities_value(const struct bgp_attributes *attributes)
{
	json_t *list = json_array();

	append_communities(list, attributes, BGP_COMMUNITY_EXTENDED);
	append_communities(list, attributes, BGP_COMMUNITY_EXTENDED_IPV6);
	return list;
}

static json_t *cluster_list_value(struct wire_span clusters)
{
	struct wire_reader reader = wire_reader_from_span(clusters);
	json_t *list = json_array();

	while (wire_left(&reader) >= 4)
		json_array_append_new(list, json_value_quad_number(wire_get_u32(&reader)));
	return list;
}

static json_t *aggregator_value(const struct bgp_attributes *attributes)
{
	json_t *aggregator = json_object();

	json_set_number(aggregator, "asn", attributes->aggregator_asn);
	json_set(aggregator, "address", json_value_quad(attributes->aggregator_address));
	return aggregator;
}

/* The metric in the first AIGP TLV, RFC 7311 3: type 1, length 11, 8 octets; null if none. */
static json_t *aigp_value(struct wire_span tlvs)
{
	enum { TLV_HEADER = 3, TLV_AIGP = 1 };
	struct wire_reader reader = wire_reader_from_span(tlvs);

	while (wire_left(&reader) >= TLV_HEADER) {
		const uint8_t type = wire_get_u8(&reader);
		const uint16_t length = wire_get_u16(&reader);
		struct wire_reader value;

		if (length < TLV_HEADER)
			break;
		value = wire_get_reader(&reader, length - TLV_HEADER);
		if (type == TLV_AIGP && wire_left(&value) == sizeof(uint64_t)) {
			const uint64_t high = wire_get_u32(&value);

			return json_value_number(high << 32 | wire_get_u32(&value));
		}
	}
	return json_null();
}

static json_t *unknown_value(const struct bgp_unknown_attribute *unknown)
{
	json_t *value = json_object();
	struct text hex = {0};

	text_append(&hex, "0x");
	for (size_t i = 0; i < unknown->value.length; i++)
		text_append(&hex, "%02x", unknown->value.bytes[i]);
	json_set_number(value, "type", unknown->type);
	json_set_number(value, "flags", unknown->flags);
	json_set_text(value, "value", hex.string);
	text_free(&hex);
	return value;
}

static void set_rare_attributes(json_t *object, const struct bgp_attributes *attributes)
{
	json_t *list;

	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_ATOMIC_AGGREGATE))
		json_set_bool(object, "atomicAggregate", true);
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_AGGREGATOR))
		json_set(object, "aggregator", aggregator_value(attributes));
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_ORIGINATOR_ID))
		json_set(object, "originatorID", json_value_quad(attributes->originator_id));
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_CLUSTER_LIST))
		json_set(object, "clusterList", cluster_list_value(attributes->cluster_list));
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_AIGP))
		json_set(object, "aigp", aigp_value(attributes->aigp));
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_OTC))
		json_set_number(object, "otc", attributes->otc);
	if (!attributes->unknown_count)
		return;
	list = json_array();
	for (size_t i = 0; i < attributes->unknown_count; i++)
		json_array_append_new(list, unknown_value(&attributes->unknown[i]));
	json_set(object, "unknownAttributes", list);
}

/* The number, or null if the attribute is absent. */
static json_t *number_value(
    const struct bgp_attributes *attributes, enum bgp_attribute_type type, uint32_t number)
{
	return bgp_attributes_has(attributes, type) ? json_value_number(number) : json_null();
}

void attributes_json_set(json_t *object, const struct bgp_attributes *attributes)
{
	const struct bgp_next_hop *next_hop = &attributes->next_hop;

	json_set(object, "nextHop", json_value_address(&next_hop->address));
	if (!ip_address_is_unspecified(&next_hop->link_local))
		json_set(object, "nextHopLinkLocal", json_value_address(&next_hop->link_local));
	json_set(object, "asPath", as_path_value(attributes->as_path));
	json_set_text(object, "origin", bgp_origin_name(attributes->origin));
	json_set(object, "localPref",
	    number_value(attributes, BGP_ATTRIBUTE_LOCAL_PREF, attributes->local_pref));
	json_set(object, "med", number_value(attributes, BGP_ATTRIBUTE_MED, attributes->med));
	json_set(object, "communities", communities_value(attributes, BGP_COMMUNITY_STANDARD));
	json_set(object, "largeCommunities", communities_value(attributes, BGP_COMMUNITY_LARGE));
	json_set(object, "extendedCommunities", extended_communities_value(attributes));
	set_rare_attributes(object, attributes);
}
