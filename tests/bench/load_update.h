/*
 * An UPDATE as a receiver of the load generator takes it apart (RFC 4271 4.3, RFC 4760): spans into
 * the message, by attribute type.  Not the daemon's decoder, on purpose: what that one gets wrong
 * in both directions would not be noticed.  A pure function over bytes.
 */
#ifndef LOAD_UPDATE_H
#define LOAD_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/wire.h"

/* Types below this one are told apart; a receiver expects no other. */
#define LOAD_TYPES 16

struct load_update {
	struct wire_span withdrawn[IP_FAMILIES];
	struct wire_span announced[IP_FAMILIES];
	struct wire_span next_hop[IP_FAMILIES]; /* of the family's `announced` */
	uint32_t present; /* bit t: attribute type t; bit 0: one of LOAD_TYPES or above */
	uint8_t foreign_type; /* with bit 0: its type */
	uint8_t flags[LOAD_TYPES];
	struct wire_span values[LOAD_TYPES]; /* where the bit is set */
	uint32_t hash; /* of all attributes and next hops, without NLRI */
};

static inline bool load_update_has(const struct load_update *update, unsigned type)
{
	return update->present >> type & 1;
}

/* `body` is the message without its header.  NULL, or what is wrong with it. */
const char *load_update_parse(struct wire_span body, struct load_update *update);
/* The last AS of the path, 0 if there is none. */
uint32_t load_update_origin_asn(const struct load_update *update);

#endif
