/*
 * The capabilities of an OPEN (RFC 5492): what this end can do and what both ends agreed on.  One
 * table in capability.c names, decodes, encodes and prints each; unknown ones are ignored.
 */
#ifndef BGP_CAPABILITY_H
#define BGP_CAPABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/text.h"
#include "base/wire.h"
#include "bgp/notification.h"

/* What one end announced, or is to announce.  A comparable value: padding is zero. */
struct bgp_capabilities {
	bool families[IP_FAMILIES]; /* RFC 4760: IPv4 and IPv6 unicast */
	bool any_family; /* any multiprotocol capability at all was there */
	bool route_refresh; /* RFC 2918 */
	bool enhanced_route_refresh; /* RFC 7313 */
	bool extended_message; /* RFC 8654 */
	bool extended_next_hop; /* RFC 8950: IPv4 unicast over IPv6 next hops */
	bool as4; /* RFC 6793 */
	uint32_t asn; /* the 4-octet AS of that capability */
	bool graceful_restart; /* RFC 4724; shown, not acted upon yet */
};

/*
 * Decodes the value of one Capabilities Optional Parameter into `capabilities` (added to what is
 * there).  Returns false with `notification` set if a capability runs over the end (RFC 5492).
 * A known capability with a wrong length is ignored.
 */
bool bgp_capabilities_decode(struct wire_reader *reader, struct bgp_capabilities *capabilities,
    struct bgp_notification *notification);
/* Writes the capability TLVs, without the optional parameter around them. */
void bgp_capabilities_encode(
    struct wire_writer *writer, const struct bgp_capabilities *capabilities);
/* Appends the names, separated by ", ". */
void bgp_capabilities_print(const struct bgp_capabilities *capabilities, struct text *text);

/*
 * What a session speaks after both OPENs: how bytes are to be read and written.  Part of the key
 * of an update group, so a comparable value with no padding left unset.
 */
struct bgp_codec {
	bool families[IP_FAMILIES]; /* both ends announced it */
	bool as4; /* AS numbers have 4 octets on the wire */
	bool extended_message; /* messages up to 65535 octets may be sent and received */
	bool extended_next_hop; /* IPv4 NLRI may have an IPv6 next hop */
	bool route_refresh;
	bool external; /* the peer is in another AS */
};

/* RFC 4760 8: without any multiprotocol capability a peer speaks IPv4 unicast only. */
struct bgp_codec bgp_codec_negotiate(
    const struct bgp_capabilities *local, const struct bgp_capabilities *remote, bool external);

#endif
