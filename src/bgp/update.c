/*
 * The UPDATE message both ways.
 *
 *	+-----------------------------------------------------+
 *	|   Withdrawn Routes Length (2)                       |
 *	|   Withdrawn Routes                                  |
 *	|   Total Path Attribute Length (2)                   |
 *	|   Path Attributes                                   |
 *	|   Network Layer Reachability Information            |
 *	+-----------------------------------------------------+
 *
 * Decoding gives a verdict and four spans of prefixes, all of them checked to their end, before
 * anybody acts on one (RFC 7606 3 j).
 *
 * Encoding is a builder, because the number of prefixes that fit is known only by putting them.
 * Prefixes of IPv4 come last in the message, so their attributes are written first; those of
 * MP_REACH_NLRI stand inside of the first attribute (RFC 7606 5.1), so the room for the other
 * attributes is set aside and finish() puts them behind.  A message holds one kind of prefixes
 * only (RFC 7606 5.1): withdrawn or announced, own field or MP attribute.
 */
#include "bgp/message.h"

#include <string.h>

#include "bgp/nlri.h"

enum {
	LENGTH_OFFSET = 16, /* of the message's Length field */
	BODY_MIN = 4, /* the two lengths of an empty UPDATE */
	NEXT_HOP_SIZE = 7, /* the NEXT_HOP attribute, with its header */
	MP_FLAGS = BGP_FLAG_OPTIONAL | BGP_FLAG_EXTENDED_LENGTH
};

/* RFC 4271 6.3: a message whose fields do not add up. */
static void refuse(struct bgp_update *update, uint8_t subcode)
{
	if (update->treatment == BGP_TREATMENT_RESET_SESSION)
		return;
	update->treatment = BGP_TREATMENT_RESET_SESSION;
	update->error_type = 0;
	bgp_notification_set(&update->notification, BGP_ERROR_UPDATE, subcode, NULL, 0);
}

/* Copies what a session needs; the data of the notification only if there is one. */
static void take_result(struct bgp_update *update, const struct bgp_attributes_result *result)
{
	const struct bgp_notification *notification = &result->notification;

	update->treatment = result->treatment;
	update->error_type = result->error_type;
	bgp_notification_set(&update->notification, notification->code, notification->subcode,
	    notification->data, notification->data_length);
	update->mp_reach = result->mp_reach;
	update->mp_unreach = result->mp_unreach;
	update->mp_next_hop = result->mp_next_hop;
}

/*
 * RFC 4724 2: an UPDATE without any prefix or attribute ends the RIB of IPv4, one with nothing but
 * an empty MP_UNREACH_NLRI that of its family.
 */
static void detect_end_of_rib(struct bgp_update *update, const struct bgp_codec *codec)
{
	/* An attribute of 3 octets with its header, extended or not, and none beside it. */
	const size_t lone_unreach = 7;

	if (update->treatment != BGP_TREATMENT_ACCEPT || update->withdrawn.length ||
	    update->announced.length)
		return;
	if (!update->raw_attributes.length) {
		update->end_of_rib = codec->families[IPV4];
		update->end_of_rib_family = IPV4;
	} else if (update->mp_unreach.present && !update->mp_unreach.nlri.length &&
		   update->raw_attributes.length <= lone_unreach) {
		update->end_of_rib = true;
		update->end_of_rib_family = update->mp_unreach.family;
	}
}

static void clear(struct bgp_update *update)
{
	update->treatment = BGP_TREATMENT_ACCEPT;
	update->error_type = 0;
	bgp_notification_set(&update->notification, 0, 0, NULL, 0);
	update->end_of_rib = false;
	update->end_of_rib_family = IPV4;
	update->withdrawn = (struct wire_span){0};
	update->announced = (struct wire_span){0};
	update->raw_attributes = (struct wire_span){0};
}

void bgp_update_decode(struct wire_span body, const struct bgp_codec *codec,
    const struct bgp_update_rules *rules, struct arena *arena, struct bgp_update *update)
{
	struct wire_reader reader = wire_reader_from_span(body);
	struct bgp_attributes_result result;

	clear(update);
	update->withdrawn = wire_get_span(&reader, wire_get_u16(&reader));
	update->raw_attributes = wire_get_span(&reader, wire_get_u16(&reader));
	update->announced = wire_get_span(&reader, wire_left(&reader));
	if (reader.failed) {
		/* Nothing of it can be trusted. */
		update->withdrawn = update->raw_attributes = update->announced =
		    (struct wire_span){0};
	}
	bgp_attributes_decode(update->raw_attributes, codec, rules, update->announced.length > 0,
	    arena, &update->attributes, &result);
	take_result(update, &result);
	if (reader.failed) {
		refuse(update, BGP_UPDATE_MALFORMED_ATTRIBUTES);
		return;
	}
	/* RFC 7606 5.3, 3 i: neither field can be used if it cannot be parsed. */
	if (!bgp_nlri_is_valid(update->withdrawn, IPV4, codec->add_path_receive[IPV4]) ||
	    !bgp_nlri_is_valid(update->announced, IPV4, codec->add_path_receive[IPV4]))
		refuse(update, BGP_UPDATE_BAD_NETWORK);
	detect_end_of_rib(update, codec);
	if (!codec->families[IPV4]) /* RFC 4760 8: not agreed upon */
		update->withdrawn = update->announced = (struct wire_span){0};
}

/* The message's header; the caller has made sure of the room. */
static bool begin(
    struct bgp_update_builder *builder, struct wire_writer *writer, const struct bgp_codec *codec)
{
	size_t longest = codec->extended_message ? BGP_EXTENDED_MESSAGE_MAX : BGP_MESSAGE_MAX;
	uint8_t *start = writer->at;

	if (writer->failed || wire_room(writer) < longest)
		return false;
	*builder = (struct bgp_update_builder){
	    .writer = writer, .start = start, .first = start, .limit = start + longest};
	memset(start, 0xff, LENGTH_OFFSET);
	start[LENGTH_OFFSET + 2] = BGP_MESSAGE_UPDATE;
	writer->at = start + BGP_HEADER_LENGTH;
	return true;
}

/* A length field that finish fills in. */
static uint8_t *reserve_length(struct bgp_update_builder *builder)
{
	return wire_reserve(builder->writer, 2);
}

/* Takes the message back and leaves no room for a prefix. */
static void give_up(struct bgp_update_builder *builder)
{
	builder->writer->at = builder->start;
	builder->first = builder->start;
	builder->limit = builder->start;
}

/*
 * Octets of the attributes that come before NEXT_HOP in ascending order: ORIGIN and AS_PATH.  The
 * bytes are those of our own encoder.
 */
static size_t before_next_hop(struct wire_span attributes)
{
	struct wire_reader reader = wire_reader_from_span(attributes);
	size_t before = 0;

	while (wire_left(&reader)) {
		uint8_t flags = wire_get_u8(&reader);
		uint8_t type = wire_get_u8(&reader);
		size_t length =
		    flags & BGP_FLAG_EXTENDED_LENGTH ? wire_get_u16(&reader) : wire_get_u8(&reader);

		if (type >= BGP_ATTRIBUTE_NEXT_HOP || !wire_get_bytes(&reader, length))
			break;
		before = attributes.length - wire_left(&reader);
	}
	return before;
}

/* The attributes with NEXT_HOP in its place; prefixes follow. */
static void put_attributes(struct bgp_update_builder *builder, struct wire_span attributes,
    const struct ip_address *next_hop)
{
	struct wire_writer *writer = builder->writer;
	size_t before = before_next_hop(attributes);

	wire_put_u16(writer, (uint16_t)(attributes.length + NEXT_HOP_SIZE));
	wire_put_bytes(writer, attributes.bytes, before);
	wire_put_u8(writer, BGP_FLAG_TRANSITIVE);
	wire_put_u8(writer, BGP_ATTRIBUTE_NEXT_HOP);
	wire_put_u8(writer, 4);
	wire_put_bytes(writer, next_hop->bytes, 4);
	if (attributes.length > before)
		wire_put_bytes(writer, attributes.bytes + before, attributes.length - before);
}

/* Flags, type, extended length, AFI and SAFI of an MP attribute (RFC 4760 3 and 4). */
static void put_mp_header(
    struct bgp_update_builder *builder, enum bgp_attribute_type type, enum ip_family family)
{
	struct wire_writer *writer = builder->writer;

	wire_put_u8(writer, MP_FLAGS);
	wire_put_u8(writer, (uint8_t)type);
	builder->mp_length = reserve_length(builder);
	wire_put_u16(writer, bgp_family_afi(family));
	wire_put_u8(writer, BGP_SAFI_UNICAST);
}

/* RFC 2545 3, RFC 8950 3: the next hop of MP_REACH_NLRI, behind its length. */
static void put_mp_next_hop(struct wire_writer *writer, const struct bgp_next_hop *next_hop)
{
	bool both = next_hop->link_local.family == IPV6 &&
		    !ip_address_is_unspecified(&next_hop->link_local);

	if (next_hop->address.family == IPV4) {
		wire_put_u8(writer, 4);
		wire_put_bytes(writer, next_hop->address.bytes, 4);
		return;
	}
	wire_put_u8(writer, both ? 32 : 16);
	wire_put_bytes(writer, next_hop->address.bytes, 16);
	if (both)
		wire_put_bytes(writer, next_hop->link_local.bytes, 16);
}

bool bgp_update_begin_reach(struct bgp_update_builder *builder, struct wire_writer *writer,
    const struct bgp_codec *codec, enum ip_family family, struct wire_span attributes,
    const struct bgp_next_hop *next_hop)
{
	/* Header, both lengths, and the larger of NEXT_HOP and an MP_REACH_NLRI header. */
	const size_t overhead = BGP_HEADER_LENGTH + BODY_MIN + 4 + 3 + 1 + 32 + 1;

	if (!begin(builder, writer, codec))
		return false;
	if (attributes.length + overhead > (size_t)(builder->limit - builder->start)) {
		give_up(builder);
		return true;
	}
	wire_put_u16(writer, 0);
	if (family == IPV4 && next_hop->address.family == IPV4) {
		put_attributes(builder, attributes, &next_hop->address);
	} else {
		builder->attributes = attributes;
		builder->limit -= attributes.length;
		builder->attributes_length = reserve_length(builder);
		put_mp_header(builder, BGP_ATTRIBUTE_MP_REACH_NLRI, family);
		put_mp_next_hop(writer, next_hop);
		wire_put_u8(writer, 0); /* reserved */
	}
	builder->first = writer->at;
	return true;
}

bool bgp_update_begin_unreach(struct bgp_update_builder *builder, struct wire_writer *writer,
    const struct bgp_codec *codec, enum ip_family family)
{
	if (!begin(builder, writer, codec))
		return false;
	if (family == IPV4) {
		builder->withdrawn_length = reserve_length(builder);
		builder->limit -= 2; /* Total Path Attribute Length, 0 */
	} else {
		wire_put_u16(writer, 0);
		builder->attributes_length = reserve_length(builder);
		put_mp_header(builder, BGP_ATTRIBUTE_MP_UNREACH_NLRI, family);
	}
	builder->first = writer->at;
	return true;
}

/* Stores at `length` how many octets follow it. */
static void fill_length(const struct bgp_update_builder *builder, uint8_t *length)
{
	wire_store_u16(length, (uint16_t)(builder->writer->at - length - 2));
}

void bgp_update_finish(struct bgp_update_builder *builder)
{
	struct wire_writer *writer = builder->writer;

	if (writer->at == builder->first) {
		give_up(builder);
		return;
	}
	if (builder->withdrawn_length) {
		fill_length(builder, builder->withdrawn_length);
		wire_put_u16(writer, 0);
	}
	if (builder->mp_length)
		fill_length(builder, builder->mp_length);
	if (builder->attributes_length) {
		wire_put_span(writer, builder->attributes);
		fill_length(builder, builder->attributes_length);
	}
	wire_store_u16(builder->start + LENGTH_OFFSET, (uint16_t)(writer->at - builder->start));
}

void bgp_end_of_rib_encode(struct wire_writer *writer, enum ip_family family)
{
	const size_t body = family == IPV4 ? BODY_MIN : BODY_MIN + 6;
	uint8_t *header = wire_reserve(writer, BGP_HEADER_LENGTH);

	if (!header)
		return;
	memset(header, 0xff, LENGTH_OFFSET);
	wire_store_u16(header + LENGTH_OFFSET, (uint16_t)(BGP_HEADER_LENGTH + body));
	header[LENGTH_OFFSET + 2] = BGP_MESSAGE_UPDATE;
	wire_put_u16(writer, 0);
	wire_put_u16(writer, (uint16_t)(body - BODY_MIN));
	if (family == IPV4)
		return;
	wire_put_u8(writer, BGP_FLAG_OPTIONAL);
	wire_put_u8(writer, BGP_ATTRIBUTE_MP_UNREACH_NLRI);
	wire_put_u8(writer, 3);
	wire_put_u16(writer, bgp_family_afi(family));
	wire_put_u8(writer, BGP_SAFI_UNICAST);
}
