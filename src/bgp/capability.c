/*
 * Capabilities (RFC 5492).  One table has a row for each capability that we know: its code, its
 * name, the field of struct bgp_capabilities that is not zero if it was announced, and how its
 * value is read, written and printed.  A new one is a field, a row, and three small functions if
 * its value is not empty.
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
#include <string.h>

#include "bgp/nlri.h"
#include "bgp/types.h"

enum capability_code {
	CAPABILITY_MULTIPROTOCOL = 1,
	CAPABILITY_ROUTE_REFRESH = 2,
	CAPABILITY_EXTENDED_NEXT_HOP = 5,
	CAPABILITY_EXTENDED_MESSAGE = 6,
	CAPABILITY_ROLE = 9,
	CAPABILITY_GRACEFUL_RESTART = 64,
	CAPABILITY_AS4 = 65,
	CAPABILITY_ADD_PATH = 69,
	CAPABILITY_ENHANCED_ROUTE_REFRESH = 70,
	CAPABILITY_LONG_LIVED_RESTART = 71,
	CAPABILITY_FQDN = 73
};

/* RFC 4724 3, RFC 8538 2: the first 16 bits of graceful restart. */
enum { RESTART_STATE = 0x8000, RESTART_NOTIFICATION = 0x4000, RESTART_TIME = 0x0fff };

/* RFC 4724 3, RFC 9494 3.1: F of the flags of a family. */
enum { FORWARDING_STATE = 0x80 };

enum { LONG_LIVED_TIME_MAX = 0xffffff };

struct capability_row {
	uint8_t code;
	const char *name;
	/* Offset and octets of the field; it is a bool if there is no value. */
	size_t field;
	size_t size;
	/* Reads the value into the field; changes nothing if its length is wrong.  NULL: no value. */
	void (*decode)(struct wire_reader *value, struct bgp_capabilities *capabilities);
	/* Writes the value.  NULL: no value. */
	void (*encode)(struct wire_writer *writer, const struct bgp_capabilities *capabilities);
	/* Appends to the name what the value says, with a blank in front.  NULL: nothing. */
	void (*print)(const struct bgp_capabilities *capabilities, struct text *text);
};

static void put_family(struct wire_writer *writer, enum ip_family family)
{
	wire_put_u16(writer, bgp_family_afi(family));
	wire_put_u8(writer, BGP_SAFI_UNICAST);
}

/* AFI (2), SAFI (1); IP_FAMILIES for a family that we do not speak. */
static enum ip_family get_family(struct wire_reader *value)
{
	uint16_t afi = wire_get_u16(value);

	return bgp_family_from_wire(afi, wire_get_u8(value));
}

/* RFC 4760 8: AFI (2), reserved (1), SAFI (1); one capability for each family. */
static void decode_multiprotocol(struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	enum ip_family family;
	uint16_t afi;

	if (wire_left(value) != 4)
		return;
	afi = wire_get_u16(value);
	wire_get_u8(value);
	family = bgp_family_from_wire(afi, wire_get_u8(value));
	capabilities->any_family = true;
	if (family != IP_FAMILIES)
		capabilities->families[family] = true;
}

static void encode_multiprotocol(struct wire_writer *writer, enum ip_family family)
{
	wire_put_u8(writer, CAPABILITY_MULTIPROTOCOL);
	wire_put_u8(writer, 4);
	wire_put_u16(writer, bgp_family_afi(family));
	wire_put_u8(writer, 0);
	wire_put_u8(writer, BGP_SAFI_UNICAST);
}

/* RFC 8950 4: a list of AFI (2), SAFI (2), next hop AFI (2). */
static void decode_extended_next_hop(
    struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	if (wire_left(value) % 6)
		return;
	while (wire_left(value)) {
		uint16_t afi = wire_get_u16(value);
		uint16_t safi = wire_get_u16(value);
		uint16_t next_hop_afi = wire_get_u16(value);

		if (afi == BGP_AFI_IPV4 && safi == BGP_SAFI_UNICAST && next_hop_afi == BGP_AFI_IPV6)
			capabilities->extended_next_hop = true;
	}
}

static void encode_extended_next_hop(
    struct wire_writer *writer, const struct bgp_capabilities *capabilities)
{
	(void)capabilities;
	wire_put_u16(writer, BGP_AFI_IPV4);
	wire_put_u16(writer, BGP_SAFI_UNICAST);
	wire_put_u16(writer, BGP_AFI_IPV6);
}

/* RFC 9234 4.1: the role (1), one less than ours. */
static const char *const role_names[BGP_ROLES + 1] = {
    [BGP_ROLE_NONE] = "none",
    [BGP_ROLE_PROVIDER] = "provider",
    [BGP_ROLE_ROUTE_SERVER] = "rs",
    [BGP_ROLE_ROUTE_SERVER_CLIENT] = "rs-client",
    [BGP_ROLE_CUSTOMER] = "customer",
    [BGP_ROLE_PEER] = "peer",
    [BGP_ROLES] = "unassigned",
};

const char *bgp_role_name(enum bgp_role role)
{
	return role_names[role < BGP_ROLES ? role : BGP_ROLES];
}

bool bgp_role_parse(const char *name, enum bgp_role *role)
{
	for (unsigned i = BGP_ROLE_NONE + 1; i < BGP_ROLES; i++) {
		if (strcmp(name, role_names[i]))
			continue;
		*role = (enum bgp_role)i;
		return true;
	}
	return false;
}

static void decode_role(struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	unsigned role;

	if (wire_left(value) != 1)
		return;
	role = wire_get_u8(value) + 1u;
	if (role > BGP_ROLES)
		role = BGP_ROLES;
	if (!capabilities->role)
		capabilities->role = (uint8_t)role;
	else if (capabilities->role != role)
		capabilities->roles_conflict = true; /* RFC 9234 4.2 */
}

static void encode_role(struct wire_writer *writer, const struct bgp_capabilities *capabilities)
{
	wire_put_u8(writer, (uint8_t)(capabilities->role - 1));
}

static void print_role(const struct bgp_capabilities *capabilities, struct text *text)
{
	text_append(text, " %s%s", bgp_role_name(capabilities->role),
	    capabilities->roles_conflict ? " and another" : "");
}

/*
 * RFC 4724 3: flags and time (2), then per family AFI (2), SAFI (1), flags (1).  Of several the
 * last one counts.
 */
static void decode_graceful_restart(
    struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	struct bgp_graceful_restart *restart = &capabilities->graceful_restart;
	uint16_t head;

	if (wire_left(value) % 4 != 2)
		return;
	memset(restart, 0, sizeof(*restart));
	head = wire_get_u16(value);
	restart->announced = true;
	restart->restarting = head & RESTART_STATE;
	restart->notification = head & RESTART_NOTIFICATION;
	restart->time_s = head & RESTART_TIME;
	while (wire_left(value)) {
		enum ip_family family = get_family(value);
		uint8_t flags = wire_get_u8(value);

		if (family == IP_FAMILIES)
			continue;
		restart->families[family] = true;
		restart->forwarding[family] = flags & FORWARDING_STATE;
	}
}

static void encode_graceful_restart(
    struct wire_writer *writer, const struct bgp_capabilities *capabilities)
{
	const struct bgp_graceful_restart *restart = &capabilities->graceful_restart;
	unsigned head = restart->time_s < RESTART_TIME ? restart->time_s : RESTART_TIME;

	if (restart->restarting)
		head |= RESTART_STATE;
	if (restart->notification)
		head |= RESTART_NOTIFICATION;
	wire_put_u16(writer, (uint16_t)head);
	for (unsigned family = 0; family < IP_FAMILIES; family++) {
		if (!restart->families[family])
			continue;
		put_family(writer, family);
		wire_put_u8(writer, restart->forwarding[family] ? FORWARDING_STATE : 0);
	}
}

static void print_graceful_restart(const struct bgp_capabilities *capabilities, struct text *text)
{
	const struct bgp_graceful_restart *restart = &capabilities->graceful_restart;

	text_append(text, " %u s%s%s", restart->time_s, restart->restarting ? " restarting" : "",
	    restart->notification ? " notification" : "");
	for (unsigned family = 0; family < IP_FAMILIES; family++)
		if (restart->families[family])
			text_append(text, " %s%s", ip_family_name(family),
			    restart->forwarding[family] ? " forwarding" : "");
}

/* RFC 6793 3: the AS number (4). */
static void decode_as4(struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	if (wire_left(value) != 4)
		return;
	capabilities->as4 = true;
	capabilities->asn = wire_get_u32(value);
}

static void encode_as4(struct wire_writer *writer, const struct bgp_capabilities *capabilities)
{
	wire_put_u32(writer, capabilities->asn);
}

/*
 * RFC 7911 4: a list of AFI (2), SAFI (1), Send/Receive (1).  What makes no sense for one family
 * is ignored for that family: the neighbour may take the others for agreed upon.
 */
static void decode_add_path(struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	if (wire_left(value) % 4)
		return;
	while (wire_left(value)) {
		enum ip_family family = get_family(value);
		uint8_t directions = wire_get_u8(value);

		if (family != IP_FAMILIES && directions &&
		    directions <= (BGP_ADD_PATH_RECEIVE | BGP_ADD_PATH_SEND))
			capabilities->add_path[family] = directions;
	}
}

static void encode_add_path(struct wire_writer *writer, const struct bgp_capabilities *capabilities)
{
	for (unsigned family = 0; family < IP_FAMILIES; family++) {
		if (!capabilities->add_path[family])
			continue;
		put_family(writer, family);
		wire_put_u8(writer, capabilities->add_path[family]);
	}
}

static void print_add_path(const struct bgp_capabilities *capabilities, struct text *text)
{
	for (unsigned family = 0; family < IP_FAMILIES; family++) {
		uint8_t directions = capabilities->add_path[family];

		if (directions)
			text_append(text, " %s%s%s", ip_family_name(family),
			    directions & BGP_ADD_PATH_SEND ? " send" : "",
			    directions & BGP_ADD_PATH_RECEIVE ? " receive" : "");
	}
}

/* RFC 9494 3.1: a list of AFI (2), SAFI (1), flags (1), time (3).  The last one counts. */
static void decode_long_lived_restart(
    struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	struct bgp_long_lived_restart *restart = &capabilities->long_lived_restart;

	if (wire_left(value) % 7)
		return;
	memset(restart, 0, sizeof(*restart));
	restart->announced = true;
	while (wire_left(value)) {
		enum ip_family family = get_family(value);
		uint32_t flags_and_time = wire_get_u32(value);

		if (family == IP_FAMILIES)
			continue;
		restart->families[family] = true;
		restart->forwarding[family] = flags_and_time >> 24 & FORWARDING_STATE;
		restart->time_s[family] = flags_and_time & LONG_LIVED_TIME_MAX;
	}
}

static void encode_long_lived_restart(
    struct wire_writer *writer, const struct bgp_capabilities *capabilities)
{
	const struct bgp_long_lived_restart *restart = &capabilities->long_lived_restart;

	for (unsigned family = 0; family < IP_FAMILIES; family++) {
		uint32_t time = restart->time_s[family], flags = 0;

		if (!restart->families[family])
			continue;
		if (time > LONG_LIVED_TIME_MAX)
			time = LONG_LIVED_TIME_MAX;
		if (restart->forwarding[family])
			flags = FORWARDING_STATE;
		put_family(writer, family);
		wire_put_u32(writer, flags << 24 | time);
	}
}

static void print_long_lived_restart(const struct bgp_capabilities *capabilities, struct text *text)
{
	const struct bgp_long_lived_restart *restart = &capabilities->long_lived_restart;

	for (unsigned family = 0; family < IP_FAMILIES; family++)
		if (restart->families[family])
			text_append(text, " %s %u s%s", ip_family_name(family),
			    restart->time_s[family],
			    restart->forwarding[family] ? " forwarding" : "");
}

/* True if nothing in it can steer a terminal or break a list of words. */
static bool is_plain_name(struct wire_span name)
{
	const char *at = (const char *)name.bytes;
	size_t left = name.length;

	while (left) {
		uint32_t code;
		size_t length = text_decode_utf8(at, left, &code);

		if (!length || text_is_control(code) || code == ' ' || code == ',')
			return false;
		at += length;
		left -= length;
	}
	return true;
}

/* One length (1) and name; a name that is too long or not plain counts as none. */
static void get_name(struct wire_reader *value, char name[static BGP_HOST_NAME_MAX + 1])
{
	struct wire_span span = wire_get_span(value, wire_get_u8(value));

	memset(name, 0, BGP_HOST_NAME_MAX + 1);
	if (span.length && span.length <= BGP_HOST_NAME_MAX && is_plain_name(span))
		memcpy(name, span.bytes, span.length);
}

/* draft-walton-bgp-hostname-capability: a host name and a domain name. */
static void decode_fqdn(struct wire_reader *value, struct bgp_capabilities *capabilities)
{
	char host[BGP_HOST_NAME_MAX + 1], domain[BGP_HOST_NAME_MAX + 1];

	get_name(value, host);
	get_name(value, domain);
	if (value->failed || wire_left(value) || !host[0])
		return;
	memcpy(capabilities->host_name, host, sizeof(host));
	memcpy(capabilities->domain_name, domain, sizeof(domain));
}

static void put_name(struct wire_writer *writer, const char *name)
{
	size_t length = strlen(name);

	wire_put_u8(writer, (uint8_t)length);
	wire_put_bytes(writer, name, length);
}

static void encode_fqdn(struct wire_writer *writer, const struct bgp_capabilities *capabilities)
{
	put_name(writer, capabilities->host_name);
	put_name(writer, capabilities->domain_name);
}

static void print_fqdn(const struct bgp_capabilities *capabilities, struct text *text)
{
	text_append(text, " %s", capabilities->host_name);
	if (capabilities->domain_name[0])
		text_append(text, " domain %s", capabilities->domain_name);
}

#define FIELD(field) \
	offsetof(struct bgp_capabilities, field), sizeof(((struct bgp_capabilities *)0)->field)

/* In the order in which they are sent.  Multiprotocol has a capability of its own per family. */
static const struct capability_row table[] = {
    {CAPABILITY_MULTIPROTOCOL, "multiprotocol", FIELD(any_family), decode_multiprotocol, NULL,
	NULL},
    {CAPABILITY_ROUTE_REFRESH, "route refresh", FIELD(route_refresh), NULL, NULL, NULL},
    {CAPABILITY_EXTENDED_NEXT_HOP, "extended next hop", FIELD(extended_next_hop),
	decode_extended_next_hop, encode_extended_next_hop, NULL},
    {CAPABILITY_EXTENDED_MESSAGE, "extended message", FIELD(extended_message), NULL, NULL, NULL},
    {CAPABILITY_ROLE, "role", FIELD(role), decode_role, encode_role, print_role},
    {CAPABILITY_GRACEFUL_RESTART, "graceful restart", FIELD(graceful_restart.announced),
	decode_graceful_restart, encode_graceful_restart, print_graceful_restart},
    {CAPABILITY_AS4, "4-octet AS", FIELD(as4), decode_as4, encode_as4, NULL},
    {CAPABILITY_ADD_PATH, "add-path", FIELD(add_path), decode_add_path, encode_add_path,
	print_add_path},
    {CAPABILITY_ENHANCED_ROUTE_REFRESH, "enhanced route refresh", FIELD(enhanced_route_refresh),
	NULL, NULL, NULL},
    {CAPABILITY_LONG_LIVED_RESTART, "long-lived graceful restart",
	FIELD(long_lived_restart.announced), decode_long_lived_restart, encode_long_lived_restart,
	print_long_lived_restart},
    {CAPABILITY_FQDN, "host name", FIELD(host_name), decode_fqdn, encode_fqdn, print_fqdn},
};

enum { ROW_COUNT = sizeof(table) / sizeof(table[0]) };

static bool is_announced(
    const struct capability_row *row, const struct bgp_capabilities *capabilities)
{
	const uint8_t *field = (const uint8_t *)capabilities + row->field;

	for (size_t i = 0; i < row->size; i++)
		if (field[i])
			return true;
	return false;
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
			*((uint8_t *)capabilities + table[i].field) = true;
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

static void encode_one(struct wire_writer *writer, const struct capability_row *row,
    const struct bgp_capabilities *capabilities)
{
	uint8_t *length;

	wire_put_u8(writer, row->code);
	length = wire_reserve(writer, 1);
	if (row->encode)
		row->encode(writer, capabilities);
	if (!writer->failed)
		*length = (uint8_t)(writer->at - length - 1);
}

void bgp_capabilities_encode(
    struct wire_writer *writer, const struct bgp_capabilities *capabilities)
{
	for (unsigned family = 0; family < IP_FAMILIES; family++)
		if (capabilities->families[family])
			encode_multiprotocol(writer, family);
	for (unsigned i = 0; i < ROW_COUNT; i++)
		if (table[i].code != CAPABILITY_MULTIPROTOCOL &&
		    is_announced(&table[i], capabilities))
			encode_one(writer, &table[i], capabilities);
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
		if (table[i].code == CAPABILITY_MULTIPROTOCOL ||
		    !is_announced(&table[i], capabilities))
			continue;
		text_append(text, "%s%s", separator, table[i].name);
		if (table[i].print)
			table[i].print(capabilities, text);
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
	    .enhanced_route_refresh =
		local->enhanced_route_refresh && remote->enhanced_route_refresh,
	    .notification_restart =
		local->graceful_restart.notification && remote->graceful_restart.notification,
	    .external = external,
	};

	for (unsigned family = 0; family < IP_FAMILIES; family++) {
		bool spoken = speaks(local, family) && speaks(remote, family);
		unsigned ours = local->add_path[family], theirs = remote->add_path[family];

		codec.families[family] = spoken;
		codec.add_path_send[family] =
		    spoken && ours & BGP_ADD_PATH_SEND && theirs & BGP_ADD_PATH_RECEIVE;
		codec.add_path_receive[family] =
		    spoken && ours & BGP_ADD_PATH_RECEIVE && theirs & BGP_ADD_PATH_SEND;
	}
	return codec;
}
