/*
 * MP_REACH_NLRI (RFC 4760 3):
 *
 *	AFI (2), SAFI (1), Length of Next Hop (1), Next Hop, reserved (1), NLRI
 *
 * and MP_UNREACH_NLRI (RFC 4760 4):
 *
 *	AFI (2), SAFI (1), withdrawn routes
 *
 * What cannot be parsed to its end cannot be withdrawn either, so an error in one of them ends the
 * session.  One of a family that was not agreed upon is not for us, whatever is in it.
 */
#include "bgp/attribute_mp.h"

#include "bgp/nlri.h"

/* RFC 4760 3, RFC 2545 3, RFC 8950 3 */
static bool next_hop_length_is_valid(
    enum ip_family family, unsigned length, const struct bgp_codec *codec)
{
	if (family == IPV4 && length == 4)
		return true;
	if (family == IPV4 && !codec->extended_next_hop)
		return false;
	return length == 16 || length == 32;
}

/* The family if both ends announced it, else IP_FAMILIES. */
static enum ip_family read_family(struct wire_reader *reader, const struct bgp_codec *codec)
{
	uint16_t afi = wire_get_u16(reader);
	uint8_t safi = wire_get_u8(reader);
	enum ip_family family = bgp_family_from_wire(afi, safi);

	return family != IP_FAMILIES && codec->families[family] ? family : IP_FAMILIES;
}

uint8_t bgp_attribute_check_mp_reach(
    const struct bgp_attribute_decoder *decoder, struct wire_span value, uint8_t *treatment)
{
	struct wire_reader reader = wire_reader_from_span(value);
	enum ip_family family = read_family(&reader, decoder->codec);
	unsigned length = wire_get_u8(&reader);

	if (value.length < 5) /* RFC 7606 5.3 */
		return BGP_UPDATE_OPTIONAL_ATTRIBUTE;
	if (family == IP_FAMILIES) { /* RFC 4760 8: not agreed upon, so not for us */
		*treatment = BGP_TREATMENT_DISCARD_ATTRIBUTE;
		return BGP_UPDATE_OPTIONAL_ATTRIBUTE;
	}
	if (!next_hop_length_is_valid(family, length, decoder->codec))
		return BGP_UPDATE_OPTIONAL_ATTRIBUTE; /* RFC 7606 7.11 */
	wire_get_bytes(&reader, length + 1); /* RFC 4760 3: reserved octet, ignored on receipt */
	if (reader.failed)
		return BGP_UPDATE_OPTIONAL_ATTRIBUTE;
	if (!bgp_nlri_is_valid((struct wire_span){reader.at, wire_left(&reader)}, family,
		decoder->codec->add_path_receive[family]))
		return BGP_UPDATE_OPTIONAL_ATTRIBUTE; /* RFC 4760 7, RFC 7606 5.3 */
	return 0;
}

/*
 * RFC 2545 3: a global address, alone or with a link-local one behind it.  Some put another kind of
 * address there, which says nothing.
 */
static void load_mp_next_hop(struct bgp_next_hop *next_hop, struct wire_span span)
{
	struct ip_address second = {0};

	if (span.length == 4) {
		next_hop->address = ip_address_from_bytes(IPV4, span.bytes);
		return;
	}
	next_hop->address = ip_address_from_bytes(IPV6, span.bytes);
	if (span.length == 32)
		second = ip_address_from_bytes(IPV6, span.bytes + 16);
	if (ip_address_is_link_local(&second))
		next_hop->link_local = second;
	else if (ip_address_is_link_local(&next_hop->address))
		next_hop->link_local = next_hop->address;
	/* Some send no global address on links that have none. */
	if (ip_address_is_unspecified(&next_hop->address) &&
	    ip_address_is_link_local(&next_hop->link_local))
		next_hop->address = next_hop->link_local;
}

void bgp_attribute_load_mp_reach(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	struct wire_reader reader = wire_reader_from_span(value);
	struct bgp_reach *reach = &decoder->result->mp_reach;

	reach->present = true;
	reach->family = read_family(&reader, decoder->codec);
	load_mp_next_hop(
	    &decoder->result->mp_next_hop, wire_get_span(&reader, wire_get_u8(&reader)));
	wire_get_u8(&reader);
	reach->nlri = wire_get_span(&reader, wire_left(&reader));
}

uint8_t bgp_attribute_check_mp_unreach(
    const struct bgp_attribute_decoder *decoder, struct wire_span value, uint8_t *treatment)
{
	struct wire_reader reader = wire_reader_from_span(value);
	enum ip_family family = read_family(&reader, decoder->codec);

	if (value.length < 3) /* RFC 7606 5.3 */
		return BGP_UPDATE_OPTIONAL_ATTRIBUTE;
	if (family == IP_FAMILIES) {
		*treatment = BGP_TREATMENT_DISCARD_ATTRIBUTE;
		return BGP_UPDATE_OPTIONAL_ATTRIBUTE;
	}
	if (!bgp_nlri_is_valid((struct wire_span){reader.at, wire_left(&reader)}, family,
		decoder->codec->add_path_receive[family]))
		return BGP_UPDATE_OPTIONAL_ATTRIBUTE;
	return 0;
}

void bgp_attribute_load_mp_unreach(struct bgp_attribute_decoder *decoder, struct wire_span value)
{
	struct wire_reader reader = wire_reader_from_span(value);
	struct bgp_reach *reach = &decoder->result->mp_unreach;

	reach->present = true;
	reach->family = read_family(&reader, decoder->codec);
	reach->nlri = wire_get_span(&reader, wire_left(&reader));
}
