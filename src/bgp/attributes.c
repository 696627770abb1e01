/*
 * The Path Attributes field of an UPDATE: the rules that hold for all attributes.  What is special
 * to one of them stands in its row of attribute_table.c.
 *
 *	+---------------+---------------+------------------+-----------------+
 *	| Flags (1)     | Type Code (1) | Length (1 or 2)  | Value           |
 *	+---------------+---------------+------------------+-----------------+
 *
 * Decoding is one pass.  Each attribute is cut out by its declared length, whatever is wrong in
 * it, and so the next one is always found; then: seen before? known? from a peer that may send
 * it? flags? length? value?  The first of the strongest errors is the verdict (RFC 7606 3 h).  Some
 * rules need the whole field and come after the pass: missing attributes, AS4_PATH, what to do
 * if no reachable prefix was there.  The common case allocates nothing and copies no value of
 * variable length.
 *
 * The canonical form is what the RIB interns, so two sets that mean the same must be the same
 * bytes: ascending types, shortest length field, 4-octet AS numbers, sorted communities.  Reading
 * it back is on the path of every policy and every export; it trusts the bytes.
 */
#include "bgp/attributes.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bgp/as_path.h"
#include "bgp/attribute_table.h"

enum {
	OPTIONAL_TRANSITIVE = BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE,
	MEANINGFUL_FLAGS = OPTIONAL_TRANSITIVE | BGP_FLAG_PARTIAL
};

static const uint64_t next_hop_bit = (uint64_t)1 << BGP_ATTRIBUTE_NEXT_HOP;

/* Everything but the array of unknown attributes, of which `unknown_count` says all. */
static void clear(struct bgp_attributes *attributes)
{
	memset(attributes, 0, offsetof(struct bgp_attributes, unknown));
}

void bgp_attributes_copy(struct bgp_attributes *to, const struct bgp_attributes *from)
{
	memcpy(to, from,
	    offsetof(struct bgp_attributes, unknown) +
		from->unknown_count * sizeof(from->unknown[0]));
}

void bgp_attributes_init(struct bgp_attributes *attributes)
{
	clear(attributes);
	attributes->origin = BGP_ORIGIN_IGP;
	bgp_attributes_mark(attributes, BGP_ATTRIBUTE_ORIGIN);
	bgp_attributes_mark(attributes, BGP_ATTRIBUTE_AS_PATH);
}

/* RFC 7606 3 h: the strongest error decides, of equal ones the first. */
static void report(struct bgp_attribute_decoder *decoder, uint8_t treatment, uint8_t subcode,
    uint8_t type, struct wire_span data)
{
	struct bgp_attributes_result *result = decoder->result;

	if (treatment <= result->treatment)
		return;
	result->treatment = treatment;
	result->error_type = type;
	bgp_notification_set(
	    &result->notification, BGP_ERROR_UPDATE, subcode, data.bytes, data.length);
}

static void report_raw(struct bgp_attribute_decoder *decoder, uint8_t treatment, uint8_t subcode,
    const struct bgp_raw_attribute *raw)
{
	/* RFC 4271 6.3: the data is the erroneous attribute. */
	report(decoder, treatment, subcode, raw->type, raw->whole);
}

static bool has_come(const struct bgp_attribute_decoder *decoder, unsigned type)
{
	return decoder->seen[type / 64] >> (type % 64) & 1;
}

/* Without these a message cannot be understood, whatever the session wants. */
static bool is_needed(unsigned type)
{
	return type == BGP_ATTRIBUTE_ORIGIN || type == BGP_ATTRIBUTE_AS_PATH ||
	       type == BGP_ATTRIBUTE_NEXT_HOP || type == BGP_ATTRIBUTE_MP_REACH_NLRI ||
	       type == BGP_ATTRIBUTE_MP_UNREACH_NLRI;
}

/* True if the session wants it to be passed over. */
static inline bool is_ignored(const struct bgp_attribute_decoder *decoder, unsigned type)
{
	return decoder->rules->ignored[type / 64] >> (type % 64) & 1 && !is_needed(type);
}

/*
 * Keeps the list ascending; attributes mostly come in order, so this rarely moves anything.  There
 * is room: no type comes here twice.
 */
static void insert_unknown(
    struct bgp_attributes *attributes, const struct bgp_unknown_attribute *unknown)
{
	unsigned at = attributes->unknown_count++;

	for (; at && attributes->unknown[at - 1].type > unknown->type; at--)
		attributes->unknown[at] = attributes->unknown[at - 1];
	attributes->unknown[at] = *unknown;
}

static void decode_unknown(
    struct bgp_attribute_decoder *decoder, const struct bgp_raw_attribute *raw)
{
	struct bgp_attributes *attributes = decoder->attributes;
	struct bgp_unknown_attribute unknown = {
	    /* RFC 4271 5: it goes on with the Partial bit set. */
	    .flags = OPTIONAL_TRANSITIVE | BGP_FLAG_PARTIAL,
	    .type = raw->type,
	    .value = raw->value,
	};

	if (!(raw->flags & BGP_FLAG_OPTIONAL)) { /* RFC 4271 6.3 */
		report_raw(
		    decoder, BGP_TREATMENT_RESET_SESSION, BGP_UPDATE_UNRECOGNIZED_WELL_KNOWN, raw);
		return;
	}
	if (!(raw->flags & BGP_FLAG_TRANSITIVE))
		return; /* RFC 4271 5: quietly ignored */
	insert_unknown(attributes, &unknown);
}

/* True if this peer may send it at all. */
static bool source_is_allowed(const struct bgp_attribute_row *row, const struct bgp_codec *codec)
{
	return row->source == BGP_FROM_ANYONE ||
	       (row->source == BGP_FROM_INTERNAL && !codec->external) ||
	       (row->source == BGP_FROM_OLD_SPEAKER && !codec->as4);
}

static bool length_is_valid(const struct bgp_attribute_row *row, size_t length)
{
	return length >= row->shortest && length <= row->longest &&
	       (!row->multiple || length % row->multiple == 0);
}

static void decode_known(struct bgp_attribute_decoder *decoder, const struct bgp_attribute_row *row,
    const struct bgp_raw_attribute *raw)
{
	uint8_t treatment = row->treatment;
	uint8_t subcode = 0;

	if (!source_is_allowed(row, decoder->codec)) {
		report_raw(
		    decoder, BGP_TREATMENT_DISCARD_ATTRIBUTE, BGP_UPDATE_MALFORMED_ATTRIBUTES, raw);
		return;
	}
	if ((raw->flags ^ row->flags) & (BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE)) {
		report_raw(decoder,
		    row->flags_treatment ? row->flags_treatment : BGP_TREATMENT_WITHDRAW,
		    BGP_UPDATE_ATTRIBUTE_FLAGS, raw);
		if (!row->carries_nlri)
			return;
	}
	if (!length_is_valid(row, raw->value.length))
		subcode = BGP_UPDATE_ATTRIBUTE_LENGTH;
	else if (row->check)
		subcode = row->check(decoder, raw->value, &treatment);
	if (subcode) {
		report_raw(decoder, treatment, subcode, raw);
		return;
	}
	row->load(decoder, raw->value);
	if (!row->kept)
		return;
	bgp_attributes_mark(decoder->attributes, raw->type);
	if (row->flags == OPTIONAL_TRANSITIVE && raw->flags & BGP_FLAG_PARTIAL)
		decoder->attributes->partial |= (uint64_t)1 << raw->type;
}

static bool is_mp(uint8_t type)
{
	return type == BGP_ATTRIBUTE_MP_REACH_NLRI || type == BGP_ATTRIBUTE_MP_UNREACH_NLRI;
}

static void decode_one(struct bgp_attribute_decoder *decoder, const struct bgp_raw_attribute *raw)
{
	const struct bgp_attribute_row *row = bgp_attribute_find(raw->type);

	if (is_ignored(decoder, raw->type))
		return;
	if (has_come(decoder, raw->type)) {
		/* RFC 7606 3 g: the first one counts, but of the MP ones there must be one only. */
		if (is_mp(raw->type))
			report(decoder, BGP_TREATMENT_RESET_SESSION,
			    BGP_UPDATE_MALFORMED_ATTRIBUTES, raw->type, (struct wire_span){0});
		else
			report_raw(decoder, BGP_TREATMENT_DISCARD_ATTRIBUTE,
			    BGP_UPDATE_MALFORMED_ATTRIBUTES, raw);
		return;
	}
	decoder->seen[raw->type / 64] |= (uint64_t)1 << (raw->type % 64);
	if (!row)
		decode_unknown(decoder, raw);
	else if (raw->type == BGP_ATTRIBUTE_NEXT_HOP && !decoder->has_nlri)
		decoder->next_hop = *raw;
	else
		decode_known(decoder, row, raw);
}

/* Cuts the next attribute out; false if it runs over the end. */
static bool next_attribute(struct wire_reader *reader, struct bgp_raw_attribute *raw)
{
	const uint8_t *start = reader->at;
	size_t length;

	raw->flags = wire_get_u8(reader);
	raw->type = wire_get_u8(reader);
	length = raw->flags & BGP_FLAG_EXTENDED_LENGTH ? wire_get_u16(reader) : wire_get_u8(reader);
	raw->value = wire_get_span(reader, length);
	raw->whole = (struct wire_span){start, (size_t)(reader->at - start)};
	return !reader->failed;
}

/*
 * RFC 7606 4: an attribute that runs over the end, or too few octets for one.  If it is one that
 * carries NLRI, these cannot be found to be withdrawn (RFC 7606 3 j).
 */
static void report_overrun(
    struct bgp_attribute_decoder *decoder, const struct bgp_raw_attribute *raw)
{
	decoder->broken = true;
	if (is_mp(raw->type))
		report_raw(
		    decoder, BGP_TREATMENT_RESET_SESSION, BGP_UPDATE_OPTIONAL_ATTRIBUTE, raw);
	else
		report_raw(decoder, BGP_TREATMENT_WITHDRAW, BGP_UPDATE_MALFORMED_ATTRIBUTES, raw);
}

/* RFC 6793 4.2.3: what an old speaker passed on of the 4-octet AS numbers. */
static void merge_as4(struct bgp_attribute_decoder *decoder)
{
	struct bgp_attributes *attributes = decoder->attributes;

	if (decoder->has_as4_aggregator &&
	    bgp_attributes_has(attributes, BGP_ATTRIBUTE_AGGREGATOR)) {
		if (attributes->aggregator_asn != BGP_AS_TRANS)
			return; /* an old speaker aggregated since: AS4_PATH is stale too */
		attributes->aggregator_asn = decoder->as4_aggregator_asn;
		memcpy(attributes->aggregator_address, decoder->as4_aggregator_address, 4);
	}
	if (decoder->as4_path.length && bgp_attributes_has(attributes, BGP_ATTRIBUTE_AS_PATH))
		attributes->as_path =
		    bgp_as_path_merge(decoder->arena, attributes->as_path, decoder->as4_path);
}

/* RFC 7606 3 d; RFC 4271 6.3: the data is the type code. */
static void require(struct bgp_attribute_decoder *decoder, uint8_t type)
{
	if (has_come(decoder, type))
		return; /* there, or there and reported */
	report(decoder, BGP_TREATMENT_WITHDRAW, BGP_UPDATE_MISSING_WELL_KNOWN, type,
	    (struct wire_span){&type, 1});
}

static void check_mandatory(struct bgp_attribute_decoder *decoder)
{
	if (!decoder->has_nlri && !decoder->result->mp_reach.present)
		return;
	require(decoder, BGP_ATTRIBUTE_ORIGIN);
	require(decoder, BGP_ATTRIBUTE_AS_PATH);
	if (decoder->has_nlri) /* RFC 4760 3: MP_REACH_NLRI brings its own */
		require(decoder, BGP_ATTRIBUTE_NEXT_HOP);
	if (!decoder->codec->external && !is_ignored(decoder, BGP_ATTRIBUTE_LOCAL_PREF))
		require(decoder, BGP_ATTRIBUTE_LOCAL_PREF); /* RFC 4271 5.1.5 */
}

/* RFC 4271 6.3: what an external neighbour announces has come through its AS. */
static void check_first_as(struct bgp_attribute_decoder *decoder)
{
	const struct bgp_attributes *attributes = decoder->attributes;
	bool announces = decoder->has_nlri || decoder->result->mp_reach.nlri.length;
	uint32_t wanted = decoder->rules->first_asn;

	if (wanted && announces && bgp_attributes_has(attributes, BGP_ATTRIBUTE_AS_PATH) &&
	    bgp_as_path_first(attributes->as_path) != wanted)
		report(decoder, BGP_TREATMENT_WITHDRAW, BGP_UPDATE_MALFORMED_AS_PATH,
		    BGP_ATTRIBUTE_AS_PATH, attributes->as_path);
}

/*
 * RFC 7606 5.2: attributes without any reachable prefix say nothing that could be withdrawn in
 * their place, so the prefixes may be what got lost.
 */
static void check_missing_nlri(struct bgp_attribute_decoder *decoder)
{
	const uint64_t unreach = (uint64_t)1 << BGP_ATTRIBUTE_MP_UNREACH_NLRI;
	struct bgp_attributes_result *result = decoder->result;
	const struct bgp_reach *reach = &result->mp_reach;
	bool others, reachable;

	if (result->treatment != BGP_TREATMENT_WITHDRAW)
		return;
	others = decoder->broken || (decoder->seen[0] & ~unreach) || decoder->seen[1] ||
		 decoder->seen[2] || decoder->seen[3];
	/* One that is not present was of a family that is not ours, with prefixes of its own. */
	reachable = decoder->has_nlri || (has_come(decoder, BGP_ATTRIBUTE_MP_REACH_NLRI) &&
					     (!reach->present || reach->nlri.length));
	if (!others || reachable)
		return;
	result->treatment = BGP_TREATMENT_RESET_SESSION;
	/* RFC 4271 6.3 has data for the other subcodes only; here it was for the log. */
	if (result->notification.subcode == BGP_UPDATE_MALFORMED_ATTRIBUTES ||
	    result->notification.subcode == BGP_UPDATE_MALFORMED_AS_PATH)
		result->notification.data_length = 0;
}

/* The rules that need to have seen all. */
static void complete(struct bgp_attribute_decoder *decoder)
{
	struct bgp_attributes_result *result = decoder->result;

	/* RFC 4760 3: NEXT_HOP is ignored if all NLRI is that of MP_REACH_NLRI. */
	if (decoder->next_hop.type && !has_come(decoder, BGP_ATTRIBUTE_MP_REACH_NLRI))
		decode_known(
		    decoder, &bgp_attribute_table[BGP_ATTRIBUTE_NEXT_HOP], &decoder->next_hop);
	if (result->mp_reach.nlri.length && !bgp_next_hop_is_usable(&result->mp_next_hop))
		report(decoder, BGP_TREATMENT_WITHDRAW, BGP_UPDATE_OPTIONAL_ATTRIBUTE,
		    BGP_ATTRIBUTE_MP_REACH_NLRI, (struct wire_span){0});
	if (!decoder->codec->as4)
		merge_as4(decoder);
	check_mandatory(decoder);
	check_first_as(decoder);
	check_missing_nlri(decoder);
}

static void clear_result(struct bgp_attributes_result *result)
{
	result->treatment = BGP_TREATMENT_ACCEPT;
	result->error_type = 0;
	bgp_notification_set(&result->notification, 0, 0, NULL, 0);
	result->mp_reach = (struct bgp_reach){0};
	result->mp_unreach = (struct bgp_reach){0};
	result->mp_next_hop = (struct bgp_next_hop){0};
}

void bgp_attributes_decode(struct wire_span span, const struct bgp_codec *codec,
    const struct bgp_update_rules *rules, bool has_nlri, struct arena *arena,
    struct bgp_attributes *attributes, struct bgp_attributes_result *result)
{
	static const struct bgp_update_rules no_rules;
	struct bgp_attribute_decoder decoder = {
	    .codec = codec,
	    .rules = rules ? rules : &no_rules,
	    .arena = arena,
	    .attributes = attributes,
	    .result = result,
	    .has_nlri = has_nlri,
	};
	struct wire_reader reader = wire_reader_from_span(span);
	struct bgp_raw_attribute raw;

	clear(attributes);
	clear_result(result);
	while (wire_left(&reader)) {
		if (!next_attribute(&reader, &raw)) {
			/* RFC 4271 6.3: the data is the attribute, here as far as it is there. */
			raw.whole.length = (size_t)(reader.end - raw.whole.bytes);
			report_overrun(&decoder, &raw);
			break;
		}
		decode_one(&decoder, &raw);
	}
	complete(&decoder);
}

static void put_attribute(
    struct wire_writer *writer, uint8_t flags, uint8_t type, struct wire_span value)
{
	bool extended = value.length > UINT8_MAX;

	if (value.length > UINT16_MAX) {
		writer->failed = true;
		return;
	}
	wire_put_u8(writer, extended ? flags | BGP_FLAG_EXTENDED_LENGTH : flags);
	wire_put_u8(writer, type);
	if (extended)
		wire_put_u16(writer, (uint16_t)value.length);
	else
		wire_put_u8(writer, (uint8_t)value.length);
	wire_put_span(writer, value);
}

static void put_known(
    struct wire_writer *writer, const struct bgp_attribute_encoder *encoder, unsigned type)
{
	const struct bgp_attribute_row *row = &bgp_attribute_table[type];
	uint8_t scratch[BGP_ATTRIBUTE_SCRATCH];
	uint8_t flags = row->flags;
	struct wire_span value;

	if (!row->value)
		return;
	value = row->value(encoder, scratch);
	if (value.length < row->shortest)
		return; /* a set that the policy has emptied */
	if (encoder->attributes->partial >> type & 1)
		flags |= BGP_FLAG_PARTIAL;
	put_attribute(writer, flags, (uint8_t)type, value);
}

/* The known ones of `types` and the unknown ones, ascending (RFC 4271 5 asks senders to). */
static void put_all(
    struct wire_writer *writer, const struct bgp_attribute_encoder *encoder, uint64_t types)
{
	const struct bgp_unknown_attribute *unknown = encoder->attributes->unknown;
	const struct bgp_unknown_attribute *end = unknown + encoder->attributes->unknown_count;

	for (; types; types &= types - 1) {
		unsigned type = (unsigned)__builtin_ctzll(types);

		for (; unknown < end && unknown->type < type; unknown++)
			put_attribute(writer, unknown->flags, unknown->type, unknown->value);
		put_known(writer, encoder, type);
	}
	for (; unknown < end; unknown++)
		put_attribute(writer, unknown->flags, unknown->type, unknown->value);
}

/* RFC 6793 4.2.2: the attributes that an old speaker carries for us. */
static uint64_t as4_types(const struct bgp_attributes *attributes)
{
	uint64_t types = 0;

	if (bgp_as_path_inspect(attributes->as_path, 4) & BGP_AS_PATH_WIDE)
		types |= (uint64_t)1 << BGP_ATTRIBUTE_AS4_PATH;
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_AGGREGATOR) &&
	    attributes->aggregator_asn > UINT16_MAX)
		types |= (uint64_t)1 << BGP_ATTRIBUTE_AS4_AGGREGATOR;
	return types;
}

void bgp_attributes_encode(struct wire_writer *writer, const struct bgp_attributes *attributes,
    const struct bgp_codec *codec, bool with_next_hop, struct arena *arena)
{
	struct bgp_attribute_encoder encoder = {attributes, codec, arena, false};
	uint64_t types = attributes->present & ~next_hop_bit;

	if (with_next_hop)
		types |= next_hop_bit;
	if (!codec->as4)
		types |= as4_types(attributes);
	put_all(writer, &encoder, types);
}

void bgp_attributes_encode_canonical(
    struct wire_writer *writer, const struct bgp_attributes *attributes, struct arena *arena)
{
	static const struct bgp_codec codec = {.as4 = true};
	struct bgp_attribute_encoder encoder = {attributes, &codec, arena, true};

	put_all(writer, &encoder, attributes->present & ~next_hop_bit);
}

void bgp_attributes_decode_canonical(struct wire_span span, struct bgp_attributes *attributes)
{
	static const struct bgp_codec codec = {.as4 = true};
	struct bgp_attribute_decoder decoder = {.codec = &codec, .attributes = attributes};
	struct wire_reader reader = wire_reader_from_span(span);
	struct bgp_raw_attribute raw;

	clear(attributes);
	while (wire_left(&reader) && next_attribute(&reader, &raw)) {
		const struct bgp_attribute_row *row = bgp_attribute_find(raw.type);

		if (!row) {
			insert_unknown(
			    attributes, &(struct bgp_unknown_attribute){
					    raw.flags & MEANINGFUL_FLAGS, raw.type, raw.value});
			continue;
		}
		row->load(&decoder, raw.value);
		bgp_attributes_mark(attributes, raw.type);
		if (raw.flags & BGP_FLAG_PARTIAL)
			attributes->partial |= (uint64_t)1 << raw.type;
	}
}

void bgp_attributes_set_communities(
    struct bgp_attributes *attributes, enum bgp_community_kind kind, struct wire_span span)
{
	static const uint8_t types[BGP_COMMUNITY_KINDS] = {
	    [BGP_COMMUNITY_STANDARD] = BGP_ATTRIBUTE_COMMUNITIES,
	    [BGP_COMMUNITY_EXTENDED] = BGP_ATTRIBUTE_EXTENDED_COMMUNITIES,
	    [BGP_COMMUNITY_LARGE] = BGP_ATTRIBUTE_LARGE_COMMUNITIES,
	    [BGP_COMMUNITY_EXTENDED_IPV6] = BGP_ATTRIBUTE_IPV6_EXTENDED_COMMUNITIES,
	};

	attributes->communities[kind] = span;
	if (span.length)
		bgp_attributes_mark(attributes, types[kind]);
	else
		bgp_attributes_unmark(attributes, types[kind]);
}

const char *bgp_attribute_name(unsigned type, char text[static 16])
{
	const struct bgp_attribute_row *row = bgp_attribute_find(type);

	if (row)
		return row->name;
	snprintf(text, 16, "attribute %u", type & 0xff);
	return text;
}

const char *bgp_origin_name(enum bgp_origin origin)
{
	static const char *const names[] = {"IGP", "EGP", "incomplete"};

	return origin <= BGP_ORIGIN_INCOMPLETE ? names[origin] : "unknown";
}
