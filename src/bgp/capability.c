/*
 * Capabilities (RFC 5492).  One table has a row for each capability that we know: its code, its
 * name, the flag in struct bgp_capabilities that it stands for, and how its value is read and
 * written.  A new one is a flag, a row, and two small functions if its value is not empty.
 *
 *	+------------------------------+
 *	| Capability Code (1 octet)    |
 *	+------------------------------+
 *	| Capability Length (1 octet)  |
 *	+------------------------------+
 *	| Capability Value (variable)  |
 *	+------------------------------+
 *
 * What a neighbour says twice counts once, what we do not know is passed over, and a known
 * capability whose length is wrong is as good as absent: none of it is worth a session.
 */
#include "bgp/capability.h"

#include <stddef.h>

#include "bgp/types.h"

enum capability_code {
	CAPABILITY_MULTIPROTOCOL = 1,
	CAPABILITY_ROUTE_REFRESH = 2,
	CAPABILITY_EXTENDED_NEXT_HOP = 5,
	CAPABILITY_EXTENDED_MESSAGE = 6,
	CAPABILITY_GRACEFUL_RESTART = 64,
	CAPABILITY_AS4 = 65,
	CAPABILITY_ENHANCED_ROUTE_REFRESH = 70
};

struct capability_row {
	uint8_t code;
	const char *name;
	size_t flag; /* offset of the bool */
	/* Reads the value and sets the flag; false if its length is wrong.  NULL: no value. */
	bool (*decode)(struct wire_reader *value, struct bgp_capabilities *capabilities);
	/* Writes the value.  NULL: no value. */
	void (*encode)(struct wire_writer *writer, const struct bgp_capabilities *capabilities);
	bool never_sent;
};

/* RFC 4760 8: AFI (2), reserved (1), SAFI (1). */
static bool decode_multiprotocol(struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	uint16_t afi = wire_get_u16(value);
	uint8_t safi;

	wire_get_u8(value);
	safi = wire_get_u8(value);
	if (value->failed || wire_left(value))
		return false;
	capabilities->any_family = true;
	if (safi != BGP_SAFI_UNICAST)
		return true;
	if (afi == BGP_AFI_IPV4)
		capabilities->families[IPV4] = true;
	else if (afi == BGP_AFI_IPV6)
		capabilities->families[IPV6] = true;
	return true;
}

/* RFC 8950 4: a list of AFI (2), SAFI (2), next hop AFI (2). */
static bool decode_extended_next_hop(
    struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	bool ours = false;

	if (!wire_left(value) || wire_left(value) % 6)
		return false;
	while (wire_left(value)) {
		uint16_t afi = wire_get_u16(value);
		uint16_t safi = wire_get_u16(value);
		uint16_t next_hop_afi = wire_get_u16(value);

		ours |=
		    afi == BGP_AFI_IPV4 && safi == BGP_SAFI_UNICAST && next_hop_afi == BGP_AFI_IPV6;
	}
	capabilities->extended_next_hop |= ours;
	return true;
}

static void encode_extended_next_hop(
    struct wire_writer *writer, const struct bgp_capabilities *capabilities)
{
	(void)capabilities;
	wire_put_u16(writer, BGP_AFI_IPV4);
	wire_put_u16(writer, BGP_SAFI_UNICAST);
	wire_put_u16(writer, BGP_AFI_IPV6);
}

/* RFC 4724 3: flags and time (2), then per family AFI (2), SAFI (1), flags (1). */
static bool decode_graceful_restart(
    struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	if (wire_left(value) < 2 || wire_left(value) % 4 != 2)
		return false;
	capabilities->graceful_restart.announced = true;
	return true;
}

/* RFC 6793 3: the AS number (4). */
static bool decode_as4(struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	if (wire_left(value) != 4)
		return false;
	capabilities->as4 = true;
	capabilities->asn = wire_get_u32(value);
	return true;
}

static void encode_as4(struct wire_writer *writer, const struct bgp_capabilities *capabilities)
{
	wire_put_u32(writer, capabilities->asn);
}

#define FLAG(field) offsetof(struct bgp_capabilities, field)

/* In the order in which they are sent.  Multiprotocol is written once per family, see below. */
static const struct capability_row table[] = {
    {CAPABILITY_MULTIPROTOCOL, "multiprotocol", FLAG(any_family), decode_multiprotocol, NULL, true},
    {CAPABILITY_ROUTE_REFRESH, "route refresh", FLAG(route_refresh), NULL, NULL, false},
    {CAPABILITY_EXTENDED_NEXT_HOP, "extended next hop", FLAG(extended_next_hop),
	decode_extended_next_hop, encode_extended_next_hop, false},
    {CAPABILITY_EXTENDED_MESSAGE, "extended message", FLAG(extended_message), NULL, NULL, false},
    {CAPABILITY_GRACEFUL_RESTART, "graceful restart", FLAG(graceful_restart.announced),
	decode_graceful_restart, NULL, true},
    {CAPABILITY_AS4, "4-octet AS", FLAG(as4), decode_as4, encode_as4, false},
    {CAPABILITY_ENHANCED_ROUTE_REFRESH, "enhanced route refresh", FLAG(enhanced_route_refresh),
	NULL, NULL, false},
};

enum { ROW_COUNT = sizeof(table) / sizeof(table[0]) };

static bool *flag_of(const struct capability_row *row, struct bgp_capabilities *capabilities)
{
	return (bool *)((char *)capabilities + row->flag);
}

static bool is_set(const struct capability_row *row, const struct bgp_capabilities *capabilities)
{
	return *(const bool *)((const char *)capabilities + row->flag);
}

static void decode_one(
    uint8_t code, struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	for (unsigned i = 0; i < ROW_COUNT; i++) {
		if (table[i].code != code)
			continue;
		if (table[i].decode)
			table[i].decode(value, capabilities);
		else if (!wire_left(value))
			*flag_of(&table[i], capabilities) = true;
		return;
	}
}

bool bgp_capabilities_decode(struct wire_reader *reader, struct bgp_capabilities *capabilities,
    struct bgp_notification *notification)
{
	while (wire_left(reader)) {
		uint8_t code = wire_get_u8(reader);
		uint8_t length = wire_get_u8(reader);
		struct wire_reader value = wire_get_reader(reader, length);

		if (reader->failed) /* RFC 4271 6.2: recognized, but malformed */
			return bgp_notification_set(notification, BGP_ERROR_OPEN, 0, NULL, 0);
		decode_one(code, &value, capabilities);
	}
	return true;
}

static void encode_family(struct wire_writer *writer, uint16_t afi)
{
	wire_put_u8(writer, CAPABILITY_MULTIPROTOCOL);
	wire_put_u8(writer, 4);
	wire_put_u16(writer, afi);
	wire_put_u8(writer, 0);
	wire_put_u8(writer, BGP_SAFI_UNICAST);
}

void bgp_capabilities_encode(
    struct wire_writer *writer, const struct bgp_capabilities *capabilities)
{
	if (capabilities->families[IPV4])
		encode_family(writer, BGP_AFI_IPV4);
	if (capabilities->families[IPV6])
		encode_family(writer, BGP_AFI_IPV6);
	for (unsigned i = 0; i < ROW_COUNT; i++) {
		const struct capability_row *row = &table[i];
		uint8_t *length;

		if (row->never_sent || !is_set(row, capabilities))
			continue;
		wire_put_u8(writer, row->code);
		length = wire_reserve(writer, 1);
		if (row->encode)
			row->encode(writer, capabilities);
		if (length && !writer->failed)
			*length = (uint8_t)(writer->at - length - 1);
	}
}

void bgp_capabilities_print(const struct bgp_capabilities *capabilities, struct text *text)
{
	const char *separator = "";

	for (unsigned family = 0; family < IP_FAMILIES; family++) {
		if (!capabilities->families[family])
			continue;
		text_append(text, "%smultiprotocol %s", separator, ip_family_name(family));
		separator = ", ";
	}
	for (unsigned i = 0; i < ROW_COUNT; i++) {
		if (table[i].code == CAPABILITY_MULTIPROTOCOL || !is_set(&table[i], capabilities))
			continue;
		text_append(text, "%s%s", separator, table[i].name);
		separator = ", ";
	}
}

/* RFC 4760 8: whoever announces no family at all speaks IPv4 unicast. */
static bool speaks(const struct bgp_capabilities *capabilities, enum ip_family family)
{
	bool any = capabilities->any_family || capabilities->families[IPV4] ||
		   capabilities->families[IPV6];

	return any ? capabilities->families[family] : family == IPV4;
}

struct bgp_codec bgp_codec_negotiate(
    const struct bgp_capabilities *local, const struct bgp_capabilities *remote, bool external)
{
	struct bgp_codec codec = {
	    .as4 = local->as4 && remote->as4,
	    .extended_message = local->extended_message && remote->extended_message,
	    .extended_next_hop = local->extended_next_hop && remote->extended_next_hop,
	    .route_refresh = local->route_refresh && remote->route_refresh,
	    .external = external,
	};

	for (unsigned family = 0; family < IP_FAMILIES; family++)
		codec.families[family] = speaks(local, family) && speaks(remote, family);
	return codec;
}
