/*
 *	+-------------------------------+
 *	| Withdrawn Routes Length (2)   |
 *	| Withdrawn Routes              |
 *	| Total Path Attribute Length 2 |
 *	| Path Attributes               |	flags (1), type (1), length (1 or 2), value
 *	| NLRI                          |
 *	+-------------------------------+
 *	MP_REACH_NLRI: AFI (2), SAFI (1), length (1), next hop, reserved (1), NLRI
 *	MP_UNREACH_NLRI: AFI (2), SAFI (1), NLRI
 */
#include "load_update.h"

#include "base/hash.h"
#include "bgp/types.h"

#define FLAG_EXTENDED_LENGTH 0x10

static enum ip_family get_family(struct wire_reader *reader)
{
	uint16_t afi = wire_get_u16(reader);
	uint8_t safi = wire_get_u8(reader);

	if (safi != BGP_SAFI_UNICAST)
		return IP_FAMILIES;
	return afi == BGP_AFI_IPV4 ? IPV4 : afi == BGP_AFI_IPV6 ? IPV6 : IP_FAMILIES;
}

static const char *take_reach(struct load_update *update, struct wire_reader reader)
{
	enum ip_family family = get_family(&reader);
	struct wire_span next_hop = wire_get_span(&reader, wire_get_u8(&reader));

	wire_get_u8(&reader);
	if (reader.failed || family == IP_FAMILIES)
		return "an MP_REACH_NLRI that is cut or of another family";
	update->next_hop[family] = next_hop;
	update->announced[family] = wire_get_span(&reader, wire_left(&reader));
	return NULL;
}

static const char *take_unreach(struct load_update *update, struct wire_reader reader)
{
	enum ip_family family = get_family(&reader);

	if (reader.failed || family == IP_FAMILIES)
		return "an MP_UNREACH_NLRI that is cut or of another family";
	update->withdrawn[family] = wire_get_span(&reader, wire_left(&reader));
	return NULL;
}

static const char *take_attribute(struct load_update *update, struct wire_reader *reader)
{
	uint8_t flags = wire_get_u8(reader);
	uint8_t type = wire_get_u8(reader);
	size_t length = flags & FLAG_EXTENDED_LENGTH ? wire_get_u16(reader) : wire_get_u8(reader);
	struct wire_span value = wire_get_span(reader, length);
	struct wire_span hashed = value;

	if (reader->failed)
		return "an attribute that runs over the end";
	if (type == 0 || type >= LOAD_TYPES) {
		update->present |= 1;
		update->foreign_type = type;
	} else {
		if (load_update_has(update, type))
			return "an attribute twice";
		update->present |= 1u << type;
		update->flags[type] = flags;
		update->values[type] = value;
	}
	if (type == BGP_ATTRIBUTE_MP_UNREACH_NLRI)
		return take_unreach(update, wire_reader_from_span(value));
	if (type == BGP_ATTRIBUTE_MP_REACH_NLRI) {
		const char *problem = take_reach(update, wire_reader_from_span(value));

		if (problem)
			return problem;
		hashed.length = 4 + (size_t)value.bytes[3];
	}
	update->hash =
	    (uint32_t)hash_bytes(hashed.bytes, hashed.length, (uint64_t)update->hash << 8 | type);
	return NULL;
}

const char *load_update_parse(struct wire_span body, struct load_update *update)
{
	struct wire_reader reader = wire_reader_from_span(body);
	struct wire_reader attributes;
	const char *problem;

	update->announced[IPV4] = update->announced[IPV6] = (struct wire_span){NULL, 0};
	update->withdrawn[IPV6] = (struct wire_span){NULL, 0};
	update->present = 0;
	update->hash = 0;
	update->withdrawn[IPV4] = wire_get_span(&reader, wire_get_u16(&reader));
	attributes = wire_get_reader(&reader, wire_get_u16(&reader));
	if (reader.failed)
		return "lengths that run over the end";
	while (wire_left(&attributes)) {
		problem = take_attribute(update, &attributes);
		if (problem)
			return problem;
	}
	if (wire_left(&reader)) {
		if (update->announced[IPV4].length)
			return "IPv4 prefixes in two fields";
		update->announced[IPV4] = wire_get_span(&reader, wire_left(&reader));
		update->next_hop[IPV4] = load_update_has(update, BGP_ATTRIBUTE_NEXT_HOP)
					     ? update->values[BGP_ATTRIBUTE_NEXT_HOP]
					     : (struct wire_span){NULL, 0};
	}
	return NULL;
}

uint32_t load_update_origin_asn(const struct load_update *update)
{
	struct wire_span path;

	if (!load_update_has(update, BGP_ATTRIBUTE_AS_PATH))
		return 0;
	path = update->values[BGP_ATTRIBUTE_AS_PATH];
	return path.length < 6 ? 0 : wire_load_u32(path.bytes + path.length - 4);
}
