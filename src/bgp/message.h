/*
 * The five BGP messages as values (RFC 4271 4, RFC 2918): framing, decoding with the exact error,
 * encoding.  Pure functions over bytes: no socket, no clock, no session state but the negotiated
 * codec.  Called by the session (all), the update groups (UPDATE out) and the load generator.
 */
#ifndef BGP_MESSAGE_H
#define BGP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/wire.h"
#include "bgp/attributes.h"
#include "bgp/capability.h"
#include "bgp/nlri.h"
#include "bgp/notification.h"
#include "bgp/types.h"

struct bgp_header {
	uint16_t length; /* of the whole message */
	uint8_t type; /* enum bgp_message_type */
};

/*
 * Checks the 19 octets at `bytes` (RFC 4271 6.1: marker, length for the type, type).  Returns false
 * with the notification to send.  `extended` allows 65535 octets, except OPEN and KEEPALIVE.
 */
bool bgp_header_decode(const uint8_t bytes[static BGP_HEADER_LENGTH], bool extended,
    struct bgp_header *header, struct bgp_notification *notification);

struct bgp_open {
	uint8_t version;
	uint32_t asn; /* the 4-octet one if the capability is there */
	uint16_t hold_time; /* seconds */
	uint8_t identifier[4];
	struct bgp_capabilities capabilities;
};

/*
 * `body` is the message without its header.  Checks what needs no configuration: version, hold
 * time 1 and 2, identifier zero, AS 0, optional parameters (RFC 4271 6.2, RFC 9072, RFC 7607).
 */
bool bgp_open_decode(
    struct wire_span body, struct bgp_open *open, struct bgp_notification *notification);
void bgp_open_encode(struct wire_writer *writer, const struct bgp_open *open);

/*
 * An UPDATE as decoded: spans into the message and the attributes of what is announced.  With
 * treatment WITHDRAW every NLRI of the message counts as withdrawn (RFC 7606 2).
 */
struct bgp_update {
	enum bgp_treatment treatment;
	uint8_t error_type; /* attribute of the error, 0: none or not one's */
	bool end_of_rib; /* RFC 4724 2 */
	enum ip_family end_of_rib_family;
	struct wire_span withdrawn; /* IPv4, from the message's own field */
	struct wire_span announced; /* IPv4, likewise */
	struct bgp_reach mp_reach;
	struct bgp_reach mp_unreach;
	struct bgp_attributes attributes; /* next hop: that of `announced` */
	struct bgp_next_hop mp_next_hop; /* next hop of `mp_reach` */
	struct wire_span raw_attributes; /* as received */
	/* To send on RESET_SESSION, else the reason.  Large, so last; untouched if there is none. */
	struct bgp_notification notification;
};

/* Never fails: the verdict is in the value.  The arena holds what had to be rewritten. */
void bgp_update_decode(struct wire_span body, const struct bgp_codec *codec,
    const struct bgp_update_rules *rules, struct arena *arena, struct bgp_update *update);

/*
 * Encoding of UPDATEs: begin, put prefixes until there is no room, finish; again for the rest.
 * IPv4 with an IPv4 next hop uses the message's own fields, all else MP_REACH/MP_UNREACH.  One
 * builder writes any number of messages one after the other into the caller's buffer.
 *
 *   bgp_update_begin_reach(&builder, writer, codec, family, attributes, next_hop)
 *   while (bgp_update_put(&builder, &prefix)) ...
 *   bgp_update_finish(&builder)
 *
 * If the very first put after a begin fails, the attributes leave no room for a prefix: the route
 * cannot be sent to this neighbour.  A message without a prefix is taken back by finish.
 */
struct bgp_update_builder {
	struct wire_writer *writer;
	uint8_t *start; /* of the message */
	uint8_t *first; /* where the first prefix goes */
	uint8_t *limit; /* prefixes must end at or before */
	uint8_t *mp_length; /* extended length of the MP attribute, or NULL */
	uint8_t *attributes_length; /* Total Path Attribute Length, or NULL: written by finish */
	uint8_t *withdrawn_length; /* Withdrawn Routes Length, or NULL: it is 0 */
	struct wire_span attributes; /* what finish puts behind MP_REACH_NLRI */
};

/*
 * Begins a message that announces.  `attributes` is the encoded Path Attributes field without
 * next hop and MP attributes (bgp_attributes_encode with with_next_hop false); the builder puts
 * NEXT_HOP (in its place by type) or MP_REACH_NLRI (first, RFC 7606 5.1).  `next_hop.address`
 * decides the form.  The attributes must stay where they are until finish.  Returns false if the
 * writer lacks room for a message of the codec's size.
 */
bool bgp_update_begin_reach(struct bgp_update_builder *builder, struct wire_writer *writer,
    const struct bgp_codec *codec, enum ip_family family, struct wire_span attributes,
    const struct bgp_next_hop *next_hop);
/* Begins a message that withdraws. */
bool bgp_update_begin_unreach(struct bgp_update_builder *builder, struct wire_writer *writer,
    const struct bgp_codec *codec, enum ip_family family);
/*
 * False, and nothing written, if the message is full.  Inline and with a copy of fixed size where
 * there is room for it: this is the innermost loop of all sending.
 */
static inline bool bgp_update_put(
    struct bgp_update_builder *builder, const struct ip_prefix *prefix)
{
	uint8_t *at = builder->writer->at;
	size_t room = (size_t)(builder->limit - at);
	size_t octets = (prefix->length + 7u) / 8;

	if (room >= BGP_NLRI_MAX) {
		memcpy(at + 1, prefix->bytes, sizeof(prefix->bytes));
	} else {
		if (room < 1 + octets)
			return false;
		memcpy(at + 1, prefix->bytes, octets);
	}
	at[0] = prefix->length;
	builder->writer->at = at + 1 + octets;
	return true;
}
/* The same where the family is sent with add-path: a Path Identifier in front (RFC 7911 3). */
static inline bool bgp_update_put_path(
    struct bgp_update_builder *builder, uint32_t path_id, const struct ip_prefix *prefix)
{
	uint8_t *at = builder->writer->at;

	if ((size_t)(builder->limit - at) < 4 + 1 + (prefix->length + 7u) / 8)
		return false;
	wire_store_u32(at, path_id);
	builder->writer->at = at + 4;
	return bgp_update_put(builder, prefix);
}
/* Fills in the lengths. */
void bgp_update_finish(struct bgp_update_builder *builder);
/* RFC 4724 2: the empty UPDATE of the family. */
void bgp_end_of_rib_encode(struct wire_writer *writer, enum ip_family family);

void bgp_keepalive_encode(struct wire_writer *writer);
/* False if the body is too short for both numbers, which the header check does not let happen. */
bool bgp_notification_decode(struct wire_span body, struct bgp_notification *notification);
void bgp_notification_encode(
    struct wire_writer *writer, const struct bgp_notification *notification);

/* RFC 2918, RFC 7313 */
struct bgp_route_refresh {
	uint16_t afi;
	uint8_t subtype; /* enum bgp_refresh, or what nobody assigned */
	uint8_t safi;
};
bool bgp_route_refresh_decode(struct wire_span body, struct bgp_route_refresh *refresh,
    struct bgp_notification *notification);
void bgp_route_refresh_encode(
    struct wire_writer *writer, enum ip_family family, enum bgp_refresh subtype);

#endif
