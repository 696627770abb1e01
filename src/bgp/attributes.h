/*
 * The path attributes of one route, decoded and validated: the value that the codec, the policy
 * and the RIB share.  It is a view: numbers are copied, everything of variable length is a span
 * into memory of somebody else (the receive buffer, an interned attribute set, an arena), so it
 * is valid as long as that is.
 *
 * Decoding is total: any bytes give a view and one verdict of RFC 7606.  Encoding is the inverse,
 * for one session's codec, or in the canonical form that the RIB interns: ascending type codes,
 * 4-octet AS numbers, communities sorted, neither next hop nor MP attributes.
 */
#ifndef BGP_ATTRIBUTES_H
#define BGP_ATTRIBUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/wire.h"
#include "bgp/capability.h"
#include "bgp/community.h"
#include "bgp/notification.h"
#include "bgp/types.h"

/* What to do with a message, weakest first; the strongest of all its errors wins (RFC 7606 3). */
enum bgp_treatment {
	BGP_TREATMENT_ACCEPT,
	BGP_TREATMENT_DISCARD_ATTRIBUTE,
	BGP_TREATMENT_WITHDRAW,
	BGP_TREATMENT_RESET_SESSION
};

/* The Attribute Flags octet (RFC 4271 4.3). */
enum bgp_attribute_flag {
	BGP_FLAG_OPTIONAL = 0x80,
	BGP_FLAG_TRANSITIVE = 0x40,
	BGP_FLAG_PARTIAL = 0x20,
	BGP_FLAG_EXTENDED_LENGTH = 0x10
};

/*
 * Where packets go: one global address, and the link-local one of an IPv6 next hop (RFC 2545).  A
 * neighbour that sends only a link-local one has it in both.
 */
struct bgp_next_hop {
	struct ip_address address; /* unspecified: this router itself */
	struct ip_address link_local; /* unspecified: none */
};

/* One of each type: RFC 4271 5 wants all of them passed on. */
#define BGP_UNKNOWN_ATTRIBUTES_MAX 256

/* An optional transitive attribute that this speaker does not know (RFC 4271 5). */
struct bgp_unknown_attribute {
	uint8_t flags; /* with the Partial bit, once it has passed through here */
	uint8_t type;
	struct wire_span value;
};

struct bgp_attributes {
	uint64_t present; /* bit t: attribute type t (< 64) is there; see bgp_attributes_has() */
	uint64_t partial; /* bit t: it came with the Partial bit, which stays (RFC 4271 5) */
	uint8_t origin; /* enum bgp_origin */
	uint8_t unknown_count;
	uint32_t med;
	uint32_t local_pref;
	uint32_t aggregator_asn;
	uint8_t aggregator_address[4];
	uint8_t originator_id[4];
	struct bgp_next_hop next_hop;
	struct wire_span as_path; /* 4-octet form */
	struct wire_span communities[BGP_COMMUNITY_KINDS];
	struct wire_span cluster_list; /* 4-octet identifiers */
	struct wire_span aigp; /* TLVs, RFC 7311 */
	uint32_t otc; /* Only to Customer: an AS, RFC 9234 */
	struct bgp_unknown_attribute unknown[BGP_UNKNOWN_ATTRIBUTES_MAX]; /* ascending type */
};

static inline bool bgp_attributes_has(const struct bgp_attributes *attributes, unsigned type)
{
	return attributes->present >> type & 1;
}

static inline void bgp_attributes_mark(struct bgp_attributes *attributes, unsigned type)
{
	attributes->present |= (uint64_t)1 << type;
}

static inline void bgp_attributes_unmark(struct bgp_attributes *attributes, unsigned type)
{
	attributes->present &= ~((uint64_t)1 << type);
}

/* Takes the span as the communities of the kind; an empty one means that there are none. */
void bgp_attributes_set_communities(
    struct bgp_attributes *attributes, enum bgp_community_kind kind, struct wire_span span);

/* Copies what is there and no more: the room for unknown attributes is mostly unused. */
void bgp_attributes_copy(struct bgp_attributes *to, const struct bgp_attributes *from);

/* Origin IGP, empty AS path, next hop self: a route that begins here. */
void bgp_attributes_init(struct bgp_attributes *attributes);

/* The NLRI of one family, still encoded; see nlri.h. */
struct bgp_reach {
	bool present;
	enum ip_family family;
	struct wire_span nlri;
};

/* The outcome of decoding the Path Attributes field. */
struct bgp_attributes_result {
	enum bgp_treatment treatment;
	uint8_t error_type; /* attribute of the error that decided; 0: none */
	struct bgp_reach mp_reach; /* RFC 4760, with the next hop in the attributes */
	struct bgp_reach mp_unreach;
	/* The next hop of MP_REACH_NLRI; the NEXT_HOP attribute's is in the attributes themselves. */
	struct bgp_next_hop mp_next_hop;
	/* For RESET_SESSION; the reason for the others.  Large, so last; untouched if there is none. */
	struct bgp_notification notification;
};

/*
 * What a session wants of the UPDATEs that it receives beyond what was negotiated.  Zeroed, or
 * NULL: nothing.  ORIGIN, AS_PATH, NEXT_HOP and the MP attributes are never ignored.
 */
struct bgp_update_rules {
	uint64_t ignored[4]; /* bit t: attributes of type t count as if they were not there */
	uint32_t first_asn; /* with which the AS_PATH must begin (RFC 4271 6.3); 0: any */
};

/*
 * Decodes and checks the Path Attributes field `span`.  `has_nlri` says whether the UPDATE has
 * IPv4 NLRI in its own field (then the well-known attributes and NEXT_HOP are mandatory).  What
 * has to be rewritten is put into the arena.
 */
void bgp_attributes_decode(struct wire_span span, const struct bgp_codec *codec,
    const struct bgp_update_rules *rules, bool has_nlri, struct arena *arena,
    struct bgp_attributes *attributes, struct bgp_attributes_result *result);

/*
 * Writes the attributes for a session, in ascending type order without NEXT_HOP unless
 * `with_next_hop`, and without the MP ones.  A 2-octet codec gets AS4_PATH and AS4_AGGREGATOR
 * where RFC 6793 asks for them.  NEXT_HOP is the IPv4 address of `next_hop`.  The caller has
 * applied the rules of eBGP and iBGP (see the RIB's export); this only encodes what is present.
 */
void bgp_attributes_encode(struct wire_writer *writer, const struct bgp_attributes *attributes,
    const struct bgp_codec *codec, bool with_next_hop, struct arena *arena);

/* Writes the canonical form; communities are sorted by way of the arena. */
void bgp_attributes_encode_canonical(
    struct wire_writer *writer, const struct bgp_attributes *attributes, struct arena *arena);
/* Reads the canonical form back without checks: it must come from the function above. */
void bgp_attributes_decode_canonical(struct wire_span span, struct bgp_attributes *attributes);

/* The name of an attribute type for people ("AS_PATH"), or "attribute 99" in `text`. */
const char *bgp_attribute_name(unsigned type, char text[static 16]);
const char *bgp_origin_name(enum bgp_origin origin);

#endif
