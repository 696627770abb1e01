/*
 * All messages but UPDATE, which has a file of its own.  Every message begins with
 *
 *	+------------------------------------------------+
 *	| Marker (16 octets, all ones)                   |
 *	+------------------------+-----------------------+
 *	| Length (2)             | Type (1)              |
 *	+------------------------+-----------------------+
 *
 * The header is checked before the body has come, so that a wrong length ends a session at once
 * and never makes it wait.  Lengths stand in a table by type.
 */
#include "bgp/message.h"

#include <string.h>

enum {
	MARKER_LENGTH = 16,
	PARAMETER_CAPABILITIES = 2, /* RFC 5492 */
	PARAMETER_EXTENDED = 255, /* RFC 9072 */
	OPEN_PARAMETERS_MAX = 1024
};

/* RFC 4271 6.1, RFC 2918 3: whole lengths by type; `longest` 0: as long as messages may be. */
static const struct message_length {
	uint16_t shortest;
	uint16_t longest;
} lengths[BGP_MESSAGE_TYPES] = {
    [BGP_MESSAGE_OPEN] = {29, BGP_MESSAGE_MAX}, /* RFC 8654 3: never extended */
    [BGP_MESSAGE_UPDATE] = {23, 0},
    [BGP_MESSAGE_NOTIFICATION] = {21, 0},
    [BGP_MESSAGE_KEEPALIVE] = {19, 19},
    /* RFC 7313 5 has an error of its own for a wrong length, see bgp_route_refresh_decode(). */
    [BGP_MESSAGE_ROUTE_REFRESH] = {BGP_HEADER_LENGTH, 0},
};

bool bgp_header_decode(const uint8_t bytes[static BGP_HEADER_LENGTH], bool extended,
    struct bgp_header *header, struct bgp_notification *notification)
{
	const uint8_t *length = bytes + MARKER_LENGTH;
	const uint8_t *type = length + 2;
	unsigned longest = extended ? BGP_EXTENDED_MESSAGE_MAX : BGP_MESSAGE_MAX;
	bool known;

	header->length = wire_load_u16(length);
	header->type = *type;
	for (unsigned i = 0; i < MARKER_LENGTH; i++)
		if (bytes[i] != 0xff)
			return bgp_notification_set(
			    notification, BGP_ERROR_HEADER, BGP_HEADER_NOT_SYNCHRONIZED, NULL, 0);
	known = header->type && header->type < BGP_MESSAGE_TYPES;
	if (known && lengths[header->type].longest)
		longest = lengths[header->type].longest;
	/* RFC 4271 6.1: the data is the erroneous Length field. */
	if (header->length < BGP_HEADER_LENGTH || header->length > longest ||
	    (known && header->length < lengths[header->type].shortest))
		return bgp_notification_set(
		    notification, BGP_ERROR_HEADER, BGP_HEADER_BAD_LENGTH, length, 2);
	if (!known) /* the data is the erroneous Type field */
		return bgp_notification_set(
		    notification, BGP_ERROR_HEADER, BGP_HEADER_BAD_TYPE, type, 1);
	return true;
}

/* Writes the header of a message that begins here; returns where its length goes, or NULL. */
static uint8_t *put_header(struct wire_writer *writer, enum bgp_message_type type)
{
	uint8_t *at = wire_reserve(writer, BGP_HEADER_LENGTH);

	if (!at)
		return NULL;
	memset(at, 0xff, MARKER_LENGTH);
	at[MARKER_LENGTH + 2] = (uint8_t)type;
	return at + MARKER_LENGTH;
}

/* Fills in the length of the message whose Length field is at `length`. */
static void put_length(struct wire_writer *writer, uint8_t *length)
{
	if (length && !writer->failed)
		wire_store_u16(length, (uint16_t)(writer->at - length + MARKER_LENGTH));
}

/*
 * Optional Parameters (RFC 4271 4.2): type (1), length (1, or 2 in the extended form), value.  Only
 * capabilities are known.
 */
static bool decode_parameters(struct wire_reader *reader, bool extended,
    struct bgp_capabilities *capabilities, struct bgp_notification *notification)
{
	while (wire_left(reader)) {
		uint8_t type = wire_get_u8(reader);
		size_t length = extended ? wire_get_u16(reader) : wire_get_u8(reader);
		struct wire_reader value = wire_get_reader(reader, length);

		if (reader->failed) /* RFC 4271 6.2: malformed, so Unspecific */
			return bgp_notification_set(notification, BGP_ERROR_OPEN, 0, NULL, 0);
		if (type != PARAMETER_CAPABILITIES)
			return bgp_notification_set(
			    notification, BGP_ERROR_OPEN, BGP_OPEN_UNSUPPORTED_PARAMETER, NULL, 0);
		if (!bgp_capabilities_decode(&value, capabilities, notification))
			return false;
	}
	return true;
}

/*
 * RFC 9072 2: parameters of more than 255 octets begin with a parameter of type 255, and their true
 * length follows it.  The length in front is ignored then, unless it is 0.
 */
static bool decode_all_parameters(struct wire_reader *reader, struct bgp_capabilities *capabilities,
    struct bgp_notification *notification)
{
	size_t length = wire_get_u8(reader);
	struct wire_reader extended = *reader;

	if (length && wire_get_u8(&extended) == PARAMETER_EXTENDED) {
		length = wire_get_u16(&extended);
		if (extended.failed || wire_left(&extended) != length)
			return bgp_notification_set(notification, BGP_ERROR_OPEN, 0, NULL, 0);
		return decode_parameters(&extended, true, capabilities, notification);
	}
	if (reader->failed || wire_left(reader) != length)
		return bgp_notification_set(notification, BGP_ERROR_OPEN, 0, NULL, 0);
	return decode_parameters(reader, false, capabilities, notification);
}

/*
 *	+-------------+-----------+---------------+--------------------+-----------------+
 *	| Version (1) | My AS (2) | Hold Time (2) | BGP Identifier (4) | Opt Parm Len (1)|
 *	+-------------+-----------+---------------+--------------------+-----------------+
 *	| Optional Parameters                                                            |
 *	+--------------------------------------------------------------------------------+
 */
bool bgp_open_decode(
    struct wire_span body, struct bgp_open *open, struct bgp_notification *notification)
{
	static const uint8_t our_version[] = {0, BGP_VERSION};
	struct wire_reader reader = wire_reader_from_span(body);
	const uint8_t *identifier;

	memset(open, 0, sizeof(*open));
	open->version = wire_get_u8(&reader);
	open->asn = wire_get_u16(&reader);
	open->hold_time = wire_get_u16(&reader);
	identifier = wire_get_bytes(&reader, sizeof(open->identifier));
	if (!identifier) /* the header check does not let this happen */
		return bgp_notification_set(notification, BGP_ERROR_OPEN, 0, NULL, 0);
	memcpy(open->identifier, identifier, sizeof(open->identifier));
	if (open->version != BGP_VERSION) /* RFC 4271 6.2: the data is the version we speak */
		return bgp_notification_set(notification, BGP_ERROR_OPEN, BGP_OPEN_BAD_VERSION,
		    our_version, sizeof(our_version));
	if (!decode_all_parameters(&reader, &open->capabilities, notification))
		return false;
	if (open->asn && open->capabilities.as4)
		open->asn = open->capabilities.asn; /* RFC 6793 4.1 */
	if (!open->asn) /* RFC 7607 2 */
		return bgp_notification_set(
		    notification, BGP_ERROR_OPEN, BGP_OPEN_BAD_PEER_AS, NULL, 0);
	if (open->hold_time == 1 || open->hold_time == 2)
		return bgp_notification_set(
		    notification, BGP_ERROR_OPEN, BGP_OPEN_BAD_HOLD_TIME, NULL, 0);
	if (!wire_load_u32(open->identifier)) /* RFC 6286 2.2 */
		return bgp_notification_set(
		    notification, BGP_ERROR_OPEN, BGP_OPEN_BAD_IDENTIFIER, NULL, 0);
	return true;
}

static void put_parameters(struct wire_writer *writer, struct wire_span capabilities)
{
	if (!capabilities.length) {
		wire_put_u8(writer, 0);
	} else if (capabilities.length + 2 <= UINT8_MAX) {
		wire_put_u8(writer, (uint8_t)(capabilities.length + 2));
		wire_put_u8(writer, PARAMETER_CAPABILITIES);
		wire_put_u8(writer, (uint8_t)capabilities.length);
	} else { /* RFC 9072 2 */
		wire_put_u8(writer, UINT8_MAX);
		wire_put_u8(writer, PARAMETER_EXTENDED);
		wire_put_u16(writer, (uint16_t)(capabilities.length + 3));
		wire_put_u8(writer, PARAMETER_CAPABILITIES);
		wire_put_u16(writer, (uint16_t)capabilities.length);
	}
	wire_put_span(writer, capabilities);
}

void bgp_open_encode(struct wire_writer *writer, const struct bgp_open *open)
{
	uint8_t buffer[OPEN_PARAMETERS_MAX];
	struct wire_writer capabilities = wire_writer_init(buffer, sizeof(buffer));
	uint8_t *length = put_header(writer, BGP_MESSAGE_OPEN);

	bgp_capabilities_encode(&capabilities, &open->capabilities);
	wire_put_u8(writer, open->version);
	/* RFC 6793 4.2.1 */
	wire_put_u16(writer, open->asn > UINT16_MAX ? BGP_AS_TRANS : (uint16_t)open->asn);
	wire_put_u16(writer, open->hold_time);
	wire_put_bytes(writer, open->identifier, sizeof(open->identifier));
	put_parameters(writer, wire_writer_span(&capabilities));
	put_length(writer, length);
}

void bgp_keepalive_encode(struct wire_writer *writer)
{
	put_length(writer, put_header(writer, BGP_MESSAGE_KEEPALIVE));
}

/* RFC 4271 4.5: error code (1), error subcode (1), data. */
bool bgp_notification_decode(struct wire_span body, struct bgp_notification *notification)
{
	struct wire_reader reader = wire_reader_from_span(body);
	uint8_t code = wire_get_u8(&reader);
	uint8_t subcode = wire_get_u8(&reader);

	bgp_notification_set(notification, code, subcode, reader.at, wire_left(&reader));
	return !reader.failed;
}

void bgp_notification_encode(
    struct wire_writer *writer, const struct bgp_notification *notification)
{
	uint8_t *length = put_header(writer, BGP_MESSAGE_NOTIFICATION);

	wire_put_u8(writer, notification->code);
	wire_put_u8(writer, notification->subcode);
	wire_put_bytes(writer, notification->data, notification->data_length);
	put_length(writer, length);
}

/* RFC 7313 5: the data is the whole message, so its header is made again. */
static bool refuse_route_refresh(struct wire_span body, struct bgp_notification *notification)
{
	uint8_t buffer[BGP_NOTIFICATION_DATA_MAX];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));
	size_t whole = BGP_HEADER_LENGTH + body.length;
	uint8_t *length = put_header(&writer, BGP_MESSAGE_ROUTE_REFRESH);
	size_t shown = body.length < wire_room(&writer) ? body.length : wire_room(&writer);

	wire_store_u16(length, (uint16_t)whole);
	wire_put_bytes(&writer, body.bytes, shown);
	return bgp_notification_set(notification, BGP_ERROR_ROUTE_REFRESH,
	    BGP_ROUTE_REFRESH_BAD_LENGTH, buffer, wire_written(&writer));
}

/* RFC 2918 3, RFC 7313 3.2: AFI (2), subtype (1), SAFI (1). */
bool bgp_route_refresh_decode(
    struct wire_span body, struct bgp_route_refresh *refresh, struct bgp_notification *notification)
{
	struct wire_reader reader = wire_reader_from_span(body);
	uint8_t length[2];

	refresh->afi = wire_get_u16(&reader);
	refresh->subtype = wire_get_u8(&reader);
	refresh->safi = wire_get_u8(&reader);
	if (!reader.failed && !wire_left(&reader))
		return true;
	if (body.length > 2 && refresh->subtype > BGP_REFRESH_END)
		return true; /* RFC 7313 5: ignored, whatever else is in it */
	if (body.length > 2 && refresh->subtype != BGP_REFRESH_REQUEST)
		return refuse_route_refresh(body, notification);
	wire_store_u16(length, (uint16_t)(BGP_HEADER_LENGTH + body.length));
	return bgp_notification_set(
	    notification, BGP_ERROR_HEADER, BGP_HEADER_BAD_LENGTH, length, sizeof(length));
}

void bgp_route_refresh_encode(
    struct wire_writer *writer, enum ip_family family, enum bgp_refresh subtype)
{
	uint8_t *length = put_header(writer, BGP_MESSAGE_ROUTE_REFRESH);

	wire_put_u16(writer, bgp_family_afi(family));
	wire_put_u8(writer, (uint8_t)subtype);
	wire_put_u8(writer, BGP_SAFI_UNICAST);
	put_length(writer, length);
}
