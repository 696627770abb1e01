/*
 * Path attributes, one row each.  To add one: its type in types.h, a field in struct
 * bgp_attributes, a row here, and the row's functions: `load` copies the value into the field,
 * `value` is the inverse, `check` is there only if flags and length do not say it all.  Nothing
 * else of the codec has to know.
 *
 * The treatment column is RFC 7606 section 7 in the order of its subsections; what it leaves to
 * the RFC of the attribute stands at the row.  A value of fixed size is copied; one of variable
 * size stays where it is, and only AS paths of old speakers are rewritten, into the arena.
 */
#include "bgp/attribute_table.h"

#include <string.h>

#include "bgp/as_path.h"
#include "bgp/attribute_mp.h"

static struct wire_span scratch_u32(uint8_t *scratch, uint32_t value)
{
	wire_store_u32(scratch, value);
	return (struct wire_span){scratch, 4};
}

/* --- ORIGIN (RFC 4271 5.1.1): one octet --- */

static uint8_t check_origin(
    const struct bgp_attribute_decoder *decoder, struct wire_span value, uint8_t *treatment)
{
	(void)decoder;
	(void)treatment;
	return value.bytes[0] > BGP_ORIGIN_INCOMPLETE ? BGP_UPDATE_BAD_ORIGIN : 0;
}

static void load_origin(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->origin = value.bytes[0];
}

static struct wire_span value_origin(const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	scratch[0] = encoder->attributes->origin;
	return (struct wire_span){scratch, 1};
}

/* --- AS_PATH (RFC 4271 5.1.2, RFC 6793): segments, see as_path.c --- */

static uint8_t check_as_path(
    const struct bgp_attribute_decoder *decoder, struct wire_span value, uint8_t *treatment)
{
	/* RFC 7606 7.2, RFC 7607 2; RFC 5065 5: we are no member of a confederation. */
	const unsigned bad = BGP_AS_PATH_MALFORMED | BGP_AS_PATH_ZERO | BGP_AS_PATH_CONFEDERATION;

	(void)treatment;
	if (bgp_as_path_inspect(value, decoder->codec->as4 ? 4 : 2) & bad)
		return BGP_UPDATE_MALFORMED_AS_PATH;
	return 0;
}

static void load_as_path(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->as_path =
	    decoder->codec->as4 ? value : bgp_as_path_widen(decoder->arena, value);
}

static struct wire_span value_as_path(const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	bool lossy;

	(void)scratch;
	if (encoder->codec->as4)
		return encoder->attributes->as_path;
	return bgp_as_path_narrow(encoder->arena, encoder->attributes->as_path, &lossy);
}

/* --- NEXT_HOP (RFC 4271 5.1.3): an IPv4 address --- */

bool bgp_next_hop_is_usable(const struct bgp_next_hop *next_hop)
{
	const struct ip_address *address = &next_hop->address;

	if (address->family == IPV4) {
		uint8_t first = address->bytes[0];

		return first != 0 && first != 127 && first < 224; /* RFC 1122 3.2.1.3 */
	}
	return !ip_address_is_unspecified(address) && !ip_address_is_loopback(address) &&
	       !ip_address_is_multicast(address);
}

static uint8_t check_next_hop(
    const struct bgp_attribute_decoder *decoder, struct wire_span value, uint8_t *treatment)
{
	struct bgp_next_hop next_hop = {.address = ip_address_from_bytes(IPV4, value.bytes)};

	(void)decoder;
	(void)treatment;
	return bgp_next_hop_is_usable(&next_hop) ? 0 : BGP_UPDATE_BAD_NEXT_HOP; /* RFC 7606 7.3 */
}

static void load_next_hop(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->next_hop.address = ip_address_from_bytes(IPV4, value.bytes);
}

static struct wire_span value_next_hop(
    const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	(void)scratch;
	return (struct wire_span){encoder->attributes->next_hop.address.bytes, 4};
}

/* --- MULTI_EXIT_DISC and LOCAL_PREF (RFC 4271 5.1.4, 5.1.5): 4 octets --- */

static void load_med(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->med = wire_load_u32(value.bytes);
}

static struct wire_span value_med(const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	return scratch_u32(scratch, encoder->attributes->med);
}

static void load_local_pref(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->local_pref = wire_load_u32(value.bytes);
}

static struct wire_span value_local_pref(
    const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	return scratch_u32(scratch, encoder->attributes->local_pref);
}

/* --- ATOMIC_AGGREGATE (RFC 4271 5.1.6): empty; being there is all it says --- */

static void load_nothing(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	(void)decoder;
	(void)value;
}

static struct wire_span value_nothing(const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	(void)encoder;
	return (struct wire_span){scratch, 0};
}

/* --- AGGREGATOR (RFC 4271 5.1.7, RFC 6793): AS (2 or 4), IPv4 address --- */

static uint8_t check_aggregator(
    const struct bgp_attribute_decoder *decoder, struct wire_span value, uint8_t *treatment)
{
	bool as4 = decoder->codec->as4;
	uint32_t asn;

	(void)treatment;
	if (value.length != (as4 ? 8 : 6))
		return BGP_UPDATE_ATTRIBUTE_LENGTH;
	asn = as4 ? wire_load_u32(value.bytes) : wire_load_u16(value.bytes);
	return asn ? 0 : BGP_UPDATE_OPTIONAL_ATTRIBUTE; /* RFC 7607 2 */
}

static void load_aggregator(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	struct wire_reader reader = wire_reader_from_span(value);
	struct bgp_attributes *attributes = decoder->attributes;

	attributes->aggregator_asn =
	    decoder->codec->as4 ? wire_get_u32(&reader) : wire_get_u16(&reader);
	memcpy(attributes->aggregator_address, wire_get_bytes(&reader, 4), 4);
}

static struct wire_span value_aggregator(
    const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	const struct bgp_attributes *attributes = encoder->attributes;
	struct wire_writer writer = wire_writer_init(scratch, BGP_ATTRIBUTE_SCRATCH);

	if (encoder->codec->as4)
		wire_put_u32(&writer, attributes->aggregator_asn);
	else if (attributes->aggregator_asn > UINT16_MAX)
		wire_put_u16(&writer, BGP_AS_TRANS); /* RFC 6793 4.2.2 */
	else
		wire_put_u16(&writer, (uint16_t)attributes->aggregator_asn);
	wire_put_bytes(&writer, attributes->aggregator_address, 4);
	return wire_writer_span(&writer);
}

/* --- Communities (RFC 1997, 4360, 8092, 5701): items of 4, 8, 12 and 20 octets --- */

static struct wire_span value_of_kind(
    const struct bgp_attribute_encoder *encoder, enum bgp_community_kind kind)
{
	struct wire_span span = encoder->attributes->communities[kind];

	return encoder->canonical ? bgp_communities_sort(encoder->arena, span, kind) : span;
}

static void load_communities(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->communities[BGP_COMMUNITY_STANDARD] = value;
}

static struct wire_span value_communities(
    const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	(void)scratch;
	return value_of_kind(encoder, BGP_COMMUNITY_STANDARD);
}

static void load_extended(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->communities[BGP_COMMUNITY_EXTENDED] = value;
}

static struct wire_span value_extended(
    const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	(void)scratch;
	return value_of_kind(encoder, BGP_COMMUNITY_EXTENDED);
}

static void load_large(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->communities[BGP_COMMUNITY_LARGE] = value;
}

static struct wire_span value_large(const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	(void)scratch;
	return value_of_kind(encoder, BGP_COMMUNITY_LARGE);
}

static void load_extended_ipv6(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->communities[BGP_COMMUNITY_EXTENDED_IPV6] = value;
}

static struct wire_span value_extended_ipv6(
    const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	(void)scratch;
	return value_of_kind(encoder, BGP_COMMUNITY_EXTENDED_IPV6);
}

/* --- ORIGINATOR_ID and CLUSTER_LIST (RFC 4456 8): one identifier, and a list of them --- */

static void load_originator_id(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	memcpy(decoder->attributes->originator_id, value.bytes, 4);
}

static struct wire_span value_originator_id(
    const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	(void)scratch;
	return (struct wire_span){encoder->attributes->originator_id, 4};
}

static void load_cluster_list(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->cluster_list = value;
}

static struct wire_span value_cluster_list(
    const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	(void)scratch;
	return encoder->attributes->cluster_list;
}

/* --- AS4_PATH and AS4_AGGREGATOR (RFC 6793 3): as the two above, always with 4 octets --- */

static uint8_t check_as4_path(
    const struct bgp_attribute_decoder *decoder, struct wire_span value, uint8_t *treatment)
{
	(void)decoder;
	(void)treatment;
	/* RFC 6793 6, RFC 7607 2 */
	if (bgp_as_path_inspect(value, 4) & (BGP_AS_PATH_MALFORMED | BGP_AS_PATH_ZERO))
		return BGP_UPDATE_OPTIONAL_ATTRIBUTE;
	return 0;
}

static void load_as4_path(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	/* RFC 6793 6: confederation segments must not be there and are discarded. */
	decoder->as4_path = bgp_as_path_without_confederation(decoder->arena, value);
}

static struct wire_span value_as4_path(
    const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	(void)scratch;
	return encoder->attributes->as_path;
}

static uint8_t check_as4_aggregator(
    const struct bgp_attribute_decoder *decoder, struct wire_span value, uint8_t *treatment)
{
	(void)decoder;
	(void)treatment;
	return wire_load_u32(value.bytes) ? 0 : BGP_UPDATE_OPTIONAL_ATTRIBUTE; /* RFC 7607 2 */
}

static void load_as4_aggregator(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->has_as4_aggregator = true;
	decoder->as4_aggregator_asn = wire_load_u32(value.bytes);
	memcpy(decoder->as4_aggregator_address, value.bytes + 4, 4);
}

static struct wire_span value_as4_aggregator(
    const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	wire_store_u32(scratch, encoder->attributes->aggregator_asn);
	memcpy(scratch + 4, encoder->attributes->aggregator_address, 4);
	return (struct wire_span){scratch, 8};
}

/*
 * --- AIGP (RFC 7311 3) ---
 *
 *	a list of: Type (1), Length with this header (2), Value
 */

enum { AIGP_HEADER = 3, AIGP_METRIC = 1, AIGP_METRIC_LENGTH = 11 };

/* A metric has 8 octets, and the first one is not the largest number there is (RFC 7311 3.2). */
static bool aigp_metric_is_valid(struct wire_span value, bool first)
{
	static const uint8_t unreachable[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (value.length != AIGP_METRIC_LENGTH - AIGP_HEADER)
		return false;
	return !first || memcmp(value.bytes, unreachable, sizeof(unreachable));
}

static uint8_t check_aigp(
    const struct bgp_attribute_decoder *decoder, struct wire_span value, uint8_t *treatment)
{
	struct wire_reader reader = wire_reader_from_span(value);
	bool first = true;

	(void)decoder;
	(void)treatment;
	while (wire_left(&reader)) {
		uint8_t type = wire_get_u8(&reader);
		uint16_t length = wire_get_u16(&reader);
		struct wire_span inner;

		if (length < AIGP_HEADER)
			return BGP_UPDATE_OPTIONAL_ATTRIBUTE;
		inner = wire_get_span(&reader, length - (size_t)AIGP_HEADER);
		if (reader.failed)
			return BGP_UPDATE_OPTIONAL_ATTRIBUTE;
		if (type != AIGP_METRIC)
			continue; /* RFC 7311 3: carried all the same */
		if (!aigp_metric_is_valid(inner, first))
			return BGP_UPDATE_OPTIONAL_ATTRIBUTE;
		first = false;
	}
	return 0;
}

static void load_aigp(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->aigp = value;
}

static struct wire_span value_aigp(const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	(void)scratch;
	return encoder->attributes->aigp;
}

/* --- OTC (RFC 9234 5): Only to Customer, an AS number --- */

static void load_otc(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	decoder->attributes->otc = wire_load_u32(value.bytes);
}

static struct wire_span value_otc(const struct bgp_attribute_encoder *encoder, uint8_t *scratch)
{
	return scratch_u32(scratch, encoder->attributes->otc);
}

enum {
	WELL_KNOWN = BGP_FLAG_TRANSITIVE,
	OPTIONAL = BGP_FLAG_OPTIONAL,
	OPTIONAL_TRANSITIVE = BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE,
	WITHDRAW = BGP_TREATMENT_WITHDRAW,
	DISCARD = BGP_TREATMENT_DISCARD_ATTRIBUTE,
	RESET = BGP_TREATMENT_RESET_SESSION,
	ANY_LENGTH = UINT16_MAX
};

const struct bgp_attribute_row bgp_attribute_table[BGP_ATTRIBUTE_TABLE_SIZE] = {
    /* RFC 4271; treatment RFC 7606 7.1 to 7.7 */
    [BGP_ATTRIBUTE_ORIGIN] =
	{
	    .name = "ORIGIN",
	    .flags = WELL_KNOWN,
	    .treatment = WITHDRAW,
	    .kept = true,
	    .shortest = 1,
	    .longest = 1,
	    .check = check_origin,
	    .load = load_origin,
	    .value = value_origin,
	},
    [BGP_ATTRIBUTE_AS_PATH] =
	{
	    .name = "AS_PATH",
	    .flags = WELL_KNOWN,
	    .treatment = WITHDRAW,
	    .kept = true,
	    .longest = ANY_LENGTH,
	    .check = check_as_path,
	    .load = load_as_path,
	    .value = value_as_path,
	},
    [BGP_ATTRIBUTE_NEXT_HOP] =
	{
	    .name = "NEXT_HOP",
	    .flags = WELL_KNOWN,
	    .treatment = WITHDRAW,
	    .kept = true,
	    .shortest = 4,
	    .longest = 4,
	    .check = check_next_hop,
	    .load = load_next_hop,
	    .value = value_next_hop,
	},
    [BGP_ATTRIBUTE_MED] =
	{
	    .name = "MULTI_EXIT_DISC",
	    .flags = OPTIONAL,
	    .treatment = WITHDRAW,
	    .kept = true,
	    .shortest = 4,
	    .longest = 4,
	    .load = load_med,
	    .value = value_med,
	},
    [BGP_ATTRIBUTE_LOCAL_PREF] =
	{
	    .name = "LOCAL_PREF",
	    .flags = WELL_KNOWN,
	    .treatment = WITHDRAW,
	    .source = BGP_FROM_INTERNAL,
	    .kept = true,
	    .shortest = 4,
	    .longest = 4,
	    .load = load_local_pref,
	    .value = value_local_pref,
	},
    [BGP_ATTRIBUTE_ATOMIC_AGGREGATE] =
	{
	    .name = "ATOMIC_AGGREGATE",
	    .flags = WELL_KNOWN,
	    .treatment = DISCARD,
	    .kept = true,
	    .longest = 0,
	    .load = load_nothing,
	    .value = value_nothing,
	},
    [BGP_ATTRIBUTE_AGGREGATOR] =
	{
	    .name = "AGGREGATOR",
	    .flags = OPTIONAL_TRANSITIVE,
	    .treatment = DISCARD,
	    .kept = true,
	    .shortest = 6,
	    .longest = 8,
	    .multiple = 2,
	    .check = check_aggregator,
	    .load = load_aggregator,
	    .value = value_aggregator,
	},
    /* RFC 1997; RFC 7606 7.8 */
    [BGP_ATTRIBUTE_COMMUNITIES] =
	{
	    .name = "COMMUNITIES",
	    .flags = OPTIONAL_TRANSITIVE,
	    .treatment = WITHDRAW,
	    .kept = true,
	    .shortest = 4,
	    .longest = ANY_LENGTH,
	    .multiple = 4,
	    .load = load_communities,
	    .value = value_communities,
	},
    /* RFC 4456; RFC 7606 7.9, 7.10 */
    [BGP_ATTRIBUTE_ORIGINATOR_ID] =
	{
	    .name = "ORIGINATOR_ID",
	    .flags = OPTIONAL,
	    .treatment = WITHDRAW,
	    .source = BGP_FROM_INTERNAL,
	    .kept = true,
	    .shortest = 4,
	    .longest = 4,
	    .load = load_originator_id,
	    .value = value_originator_id,
	},
    [BGP_ATTRIBUTE_CLUSTER_LIST] =
	{
	    .name = "CLUSTER_LIST",
	    .flags = OPTIONAL,
	    .treatment = WITHDRAW,
	    .source = BGP_FROM_INTERNAL,
	    .kept = true,
	    .shortest = 4,
	    .longest = ANY_LENGTH,
	    .multiple = 4,
	    .load = load_cluster_list,
	    .value = value_cluster_list,
	},
    /* RFC 4760; RFC 7606 7.11, 7.12.  Their length error is an Optional Attribute Error too. */
    [BGP_ATTRIBUTE_MP_REACH_NLRI] =
	{
	    .name = "MP_REACH_NLRI",
	    .flags = OPTIONAL,
	    .treatment = RESET,
	    .carries_nlri = true,
	    .longest = ANY_LENGTH,
	    .check = bgp_attribute_check_mp_reach,
	    .load = bgp_attribute_load_mp_reach,
	},
    [BGP_ATTRIBUTE_MP_UNREACH_NLRI] =
	{
	    .name = "MP_UNREACH_NLRI",
	    .flags = OPTIONAL,
	    .treatment = RESET,
	    .carries_nlri = true,
	    .longest = ANY_LENGTH,
	    .check = bgp_attribute_check_mp_unreach,
	    .load = bgp_attribute_load_mp_unreach,
	},
    /* RFC 4360; RFC 7606 7.14 */
    [BGP_ATTRIBUTE_EXTENDED_COMMUNITIES] =
	{
	    .name = "EXTENDED_COMMUNITIES",
	    .flags = OPTIONAL_TRANSITIVE,
	    .treatment = WITHDRAW,
	    .kept = true,
	    .shortest = 8,
	    .longest = ANY_LENGTH,
	    .multiple = 8,
	    .load = load_extended,
	    .value = value_extended,
	},
    /* RFC 6793 6 */
    [BGP_ATTRIBUTE_AS4_PATH] =
	{
	    .name = "AS4_PATH",
	    .flags = OPTIONAL_TRANSITIVE,
	    .treatment = DISCARD,
	    .source = BGP_FROM_OLD_SPEAKER,
	    .shortest = 6,
	    .longest = ANY_LENGTH,
	    .multiple = 2,
	    .check = check_as4_path,
	    .load = load_as4_path,
	    .value = value_as4_path,
	},
    [BGP_ATTRIBUTE_AS4_AGGREGATOR] =
	{
	    .name = "AS4_AGGREGATOR",
	    .flags = OPTIONAL_TRANSITIVE,
	    .treatment = DISCARD,
	    .source = BGP_FROM_OLD_SPEAKER,
	    .shortest = 8,
	    .longest = 8,
	    .check = check_as4_aggregator,
	    .load = load_as4_aggregator,
	    .value = value_as4_aggregator,
	},
    /* RFC 5701; RFC 7606 7.15 */
    [BGP_ATTRIBUTE_IPV6_EXTENDED_COMMUNITIES] =
	{
	    .name = "IPV6_EXTENDED_COMMUNITIES",
	    .flags = OPTIONAL_TRANSITIVE,
	    .treatment = WITHDRAW,
	    .kept = true,
	    .shortest = 20,
	    .longest = ANY_LENGTH,
	    .multiple = 20,
	    .load = load_extended_ipv6,
	    .value = value_extended_ipv6,
	},
    /* RFC 7311 3.2: malformed, it is ignored like an unknown one; so it is if it is transitive. */
    [BGP_ATTRIBUTE_AIGP] =
	{
	    .name = "AIGP",
	    .flags = OPTIONAL,
	    .treatment = DISCARD,
	    .flags_treatment = DISCARD,
	    .kept = true,
	    .shortest = AIGP_HEADER,
	    .longest = ANY_LENGTH,
	    .check = check_aigp,
	    .load = load_aigp,
	    .value = value_aigp,
	},
    /* RFC 8092 6 */
    [BGP_ATTRIBUTE_LARGE_COMMUNITIES] =
	{
	    .name = "LARGE_COMMUNITIES",
	    .flags = OPTIONAL_TRANSITIVE,
	    .treatment = WITHDRAW,
	    .kept = true,
	    .shortest = 12,
	    .longest = ANY_LENGTH,
	    .multiple = 12,
	    .load = load_large,
	    .value = value_large,
	},
    /* RFC 9234 5 */
    [BGP_ATTRIBUTE_OTC] =
	{
	    .name = "OTC",
	    .flags = OPTIONAL_TRANSITIVE,
	    .treatment = WITHDRAW,
	    .kept = true,
	    .shortest = 4,
	    .longest = 4,
	    .load = load_otc,
	    .value = value_otc,
	},
};
