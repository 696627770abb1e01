/*
 * What holds for every route that a neighbour announces, whatever the filters say: which ones are
 * refused for the sake of the protocol, and what the others are given on their way in.  Pure
 * functions over the attributes and the two ends of the session.  Called by import.c.
 */
#ifndef SPEAKER_IMPORT_RULES_H
#define SPEAKER_IMPORT_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "bgp/attributes.h"

/* The two ends of a session, as far as the rules ask.  Identifiers are in host order. */
struct import_rules {
	bool external;
	uint8_t role; /* enum bgp_role: ours towards the neighbour, RFC 9234 */
	uint8_t allow_own_asn; /* how often our own AS may occur in a path */
	bool prepend_local_asn; /* RFC 7705: paths that come in get `local_asn` in front */
	uint32_t router_asn; /* our AS */
	uint32_t local_asn; /* what the neighbour takes for it */
	uint32_t remote_asn;
	uint32_t router_id;
	uint32_t cluster_id; /* RFC 4456 */
	uint32_t max_as_path_length; /* as the decision process counts; 0: any */
};

enum import_refusal {
	IMPORT_NOT_REFUSED,
	IMPORT_AS_LOOP, /* RFC 4271 9.1.2 */
	IMPORT_REFLECTED_BACK, /* RFC 4456 8 */
	IMPORT_ROUTE_LEAK, /* RFC 9234 5 */
	IMPORT_PATH_TOO_LONG, /* maxASPathLength */
	IMPORT_MARTIAN, /* a prefix that nobody can have */
	IMPORT_REFUSALS
};

/* What kbgpctl says of it; IMPORT_NOT_REFUSED stands for the filters. */
const char *import_refusal_name(enum import_refusal refusal);

/* The first rule that forbids the route; the attributes are as received. */
enum import_refusal import_rules_judge(
    const struct import_rules *rules, const struct bgp_attributes *attributes);
/*
 * What a route has before the filters see it: Only to Customer (RFC 9234 5), the lowest local
 * preference before a shutdown (RFC 8326 4), our other AS in the path (RFC 7705 3).  What is
 * rewritten is in the arena.
 */
void import_rules_apply(
    const struct import_rules *rules, struct arena *arena, struct bgp_attributes *attributes);
/* True if `count` prefixes are `per_cent` of `limit` or more; never if either of these is 0. */
bool import_rules_near_limit(uint32_t count, uint32_t limit, uint8_t per_cent);

#endif
