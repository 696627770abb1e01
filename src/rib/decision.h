/*
 * The decision process of RFC 4271 9.1.2 as a pure function over an array of candidates: which is
 * best, which are as good (multipath), and at which step each of the others lost.  MED is compared
 * only within one neighbouring AS, so candidates have no total order and are eliminated step by
 * step, as the RFC says, whatever order they came in.
 */
#ifndef RIB_DECISION_H
#define RIB_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/* In the order in which they are applied. */
enum decision_step {
	DECISION_BEST, /* did not lose */
	DECISION_UNUSABLE, /* filtered, or the next hop is not reachable */
	DECISION_LOCAL_PREF, /* 9.1.1 */
	DECISION_LOCAL_ORIGIN, /* this node's own routes before learned ones */
	DECISION_AS_PATH_LENGTH, /* 9.1.2.2 a */
	DECISION_ORIGIN, /* b */
	DECISION_MED, /* c */
	DECISION_EBGP, /* d */
	DECISION_NEXT_HOP_COST, /* e */
	DECISION_MULTIPATH, /* as good up to here: in the ECMP set, but not the best one */
	DECISION_IDENTIFIER, /* f, with ORIGINATOR_ID in its place (RFC 4456 9) */
	DECISION_CLUSTER_LENGTH, /* RFC 4456 9 */
	DECISION_ADDRESS, /* g */
	DECISION_PATH_ID, /* several from one peer: the lowest */
	DECISION_STEPS
};

struct decision_candidate {
	uint32_t local_pref;
	uint32_t med;
	uint32_t neighbour_asn;
	uint32_t next_hop_cost;
	uint32_t identifier; /* ORIGINATOR_ID if there is one, else the peer's */
	uint32_t path_id;
	uint16_t as_path_length;
	uint16_t cluster_length;
	uint16_t peer; /* its index: for neighbours of the same link-local address on two links */
	uint8_t origin;
	bool usable;
	bool local;
	bool external;
	const struct ip_address *address; /* the peer's */
	uint8_t lost_at; /* out: enum decision_step */
	bool multipath; /* out: in the equal-cost set, the best one included */
	uint32_t lowest_med; /* scratch, as the following: of its neighbouring AS */
	uint32_t first_group; /* of this slot; index + 1, 0: none */
	uint32_t next_group;
};

/*
 * Fills in lost_at and multipath; returns the index of the best one, or SIZE_MAX if none is
 * usable.  At most `multipath` candidates are marked, the best ones by the last tie-breaks.
 */
size_t decision_run(struct decision_candidate *candidates, size_t count, uint32_t multipath);

/* "AS path length" .., for `reason` of kbgpctl routes. */
const char *decision_step_name(enum decision_step step);

#endif
