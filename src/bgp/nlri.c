/*
 * Prefixes on the wire: one octet with the length in bits, then as many octets as hold them.
 *
 *	+---------------------------+
 *	|   Length (1 octet)        |
 *	+---------------------------+
 *	|   Prefix (variable)       |
 *	+---------------------------+
 *
 * An UPDATE is checked as a whole before any of its prefixes is acted upon, because a field that
 * cannot be parsed to its end cannot be withdrawn either (RFC 7606 3 j).  So there are two walks:
 * bgp_nlri_is_valid() touches only the length octets, bgp_nlri_next() yields values.
 */
#include "bgp/nlri.h"

#include <string.h>

#include "bgp/types.h"

enum ip_family bgp_family_from_wire(uint16_t afi, uint8_t safi)
{
	if (safi != BGP_SAFI_UNICAST)
		return IP_FAMILIES;
	if (afi == BGP_AFI_IPV4)
		return IPV4;
	return afi == BGP_AFI_IPV6 ? IPV6 : IP_FAMILIES;
}

uint16_t bgp_family_afi(enum ip_family family)
{
	return family == IPV4 ? BGP_AFI_IPV4 : BGP_AFI_IPV6;
}

/* A prefix of an IPv4 table is copied octet by octet: a call of memcpy costs more. */
static void copy_octets(uint8_t *to, const uint8_t *from, size_t octets)
{
	if (octets > 4) {
		memcpy(to, from, octets);
		return;
	}
	for (size_t i = 0; i < octets; i++)
		to[i] = from[i];
}

bool bgp_nlri_next(struct wire_reader *reader, enum ip_family family, struct ip_prefix *prefix)
{
	const unsigned bits = family == IPV4 ? 32 : 128;
	const uint8_t *octets;
	unsigned length, count;

	if (reader->failed || !wire_left(reader))
		return false;
	length = wire_get_u8(reader);
	if (length > bits) {
		reader->failed = true;
		return false;
	}
	count = (length + 7) / 8;
	octets = wire_get_bytes(reader, count);
	if (!octets)
		return false;
	*prefix = (struct ip_prefix){.length = (uint8_t)length, .family = (uint8_t)family};
	copy_octets(prefix->bytes, octets, count);
	if (length % 8) /* RFC 4271 4.3: the trailing bits are irrelevant */
		prefix->bytes[count - 1] &= (uint8_t)(0xff << (8 - length % 8));
	return true;
}

bool bgp_nlri_next_path(struct wire_reader *reader, enum ip_family family, bool add_path,
    struct ip_prefix *prefix, uint32_t *path_id)
{
	*path_id = 0;
	if (add_path && wire_left(reader)) {
		*path_id = wire_get_u32(reader);
		if (!wire_left(reader))
			reader->failed = true; /* an identifier of nothing */
	}
	return bgp_nlri_next(reader, family, prefix);
}

bool bgp_nlri_is_valid(struct wire_span span, enum ip_family family, bool add_path)
{
	const unsigned bits = family == IPV4 ? 32 : 128;
	struct wire_reader reader = wire_reader_from_span(span);

	while (wire_left(&reader)) {
		unsigned length;

		if (add_path)
			wire_get_u32(&reader);
		length = wire_get_u8(&reader);
		if (reader.failed || length > bits || !wire_get_bytes(&reader, (length + 7) / 8))
			return false; /* RFC 7606 5.3 */
	}
	return true;
}

void bgp_nlri_put(struct wire_writer *writer, const struct ip_prefix *prefix)
{
	uint8_t *at = wire_reserve(writer, bgp_nlri_size(prefix));

	if (!at)
		return;
	at[0] = prefix->length;
	memcpy(at + 1, prefix->bytes, (prefix->length + 7u) / 8);
}
