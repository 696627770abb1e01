/*
 * The one table of path attributes: what each is called, what its flags and length must be, what
 * RFC 7606 does with a bad one, and the functions that check, take over and write its value.  For
 * attributes.c, which has the rules that hold for all attributes alike; not for other rooms.
 */
#ifndef BGP_ATTRIBUTE_TABLE_H
#define BGP_ATTRIBUTE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "bgp/attributes.h"

/* One attribute as it stands on the wire. */
struct bgp_raw_attribute {
	uint8_t flags;
	uint8_t type;
	struct wire_span value;
	struct wire_span whole; /* from the flags octet on */
};

/* The state of decoding one Path Attributes field. */
struct bgp_attribute_decoder {
	const struct bgp_codec *codec;
	const struct bgp_update_rules *rules;
	struct arena *arena;
	struct bgp_attributes *attributes;
	struct bgp_attributes_result *result; /* NULL when the canonical form is read */
	bool has_nlri; /* the UPDATE has IPv4 NLRI in its own field */
	bool broken; /* the field could not be cut into attributes */
	uint64_t seen[4]; /* bit t: attribute type t has come */
	struct bgp_raw_attribute next_hop; /* put off until it is clear whether it counts */
	/* RFC 6793, from old speakers only; merged at the end. */
	bool has_as4_aggregator;
	struct wire_span as4_path;
	uint32_t as4_aggregator_asn;
	uint8_t as4_aggregator_address[4];
};

/* What the writing of one attribute set needs. */
struct bgp_attribute_encoder {
	const struct bgp_attributes *attributes;
	const struct bgp_codec *codec;
	struct arena *arena;
	bool canonical; /* sort what has no order */
};

/* From whom an attribute is taken; else it is discarded. */
enum bgp_attribute_source {
	BGP_FROM_ANYONE,
	BGP_FROM_INTERNAL, /* an iBGP peer (RFC 7606 7.5, 7.9, 7.10) */
	BGP_FROM_OLD_SPEAKER /* a peer without 4-octet AS numbers (RFC 6793 4.1) */
};

/* Longest value that is not a span of the attribute set itself. */
#define BGP_ATTRIBUTE_SCRATCH 8

struct bgp_attribute_row {
	const char *name; /* NULL: we do not know this type */
	uint8_t flags; /* Optional and Transitive as they must be */
	uint8_t treatment; /* enum bgp_treatment of a bad length or value */
	uint8_t flags_treatment; /* that of bad flags; 0: treat as withdraw (RFC 7606 3 c) */
	uint8_t source; /* enum bgp_attribute_source */
	bool carries_nlri; /* read on after a flags error, so that its prefixes can be withdrawn */
	bool kept; /* becomes part of the attribute set */
	/* Length of the value: between the two, and a multiple of the third (0: any). */
	uint16_t shortest;
	uint16_t longest;
	uint8_t multiple;
	/*
	 * What else must hold: 0, or the subcode of UPDATE Message Error; may weaken `*treatment`.
	 * NULL: nothing.
	 */
	uint8_t (*check)(const struct bgp_attribute_decoder *decoder, struct wire_span value,
	    uint8_t *treatment);
	/* Takes a checked value over. */
	void (*load)(struct bgp_attribute_decoder *decoder, struct wire_span value);
	/* The value to write: a span, or bytes put into `scratch`. */
	struct wire_span (*value)(const struct bgp_attribute_encoder *encoder,
	    uint8_t scratch[static BGP_ATTRIBUTE_SCRATCH]);
};

/* Known types are below. */
#define BGP_ATTRIBUTE_TABLE_SIZE 64

extern const struct bgp_attribute_row bgp_attribute_table[BGP_ATTRIBUTE_TABLE_SIZE];

/* The row of a type, or NULL if we do not know it. */
static inline const struct bgp_attribute_row *bgp_attribute_find(unsigned type)
{
	if (type >= BGP_ATTRIBUTE_TABLE_SIZE || !bgp_attribute_table[type].name)
		return NULL;
	return &bgp_attribute_table[type];
}

/* False for what can never be forwarded to: zero, loopback, multicast, 240.0.0.0/4. */
bool bgp_next_hop_is_usable(const struct bgp_next_hop *next_hop);

#endif
