/*
 * Network Layer Reachability Information: address families by their numbers, and prefixes as they
 * stand in UPDATE messages (RFC 4271 4.3, RFC 4760 5).  Called by all of the codec, and by whoever
 * walks the prefixes of an UPDATE.
 */
#ifndef BGP_NLRI_H
#define BGP_NLRI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/wire.h"

/* The family of (AFI, SAFI), or IP_FAMILIES if we do not speak it. */
enum ip_family bgp_family_from_wire(uint16_t afi, uint8_t safi);
uint16_t bgp_family_afi(enum ip_family family);

/* Longest encoding of one prefix, without a Path Identifier. */
#define BGP_NLRI_MAX 17

/*
 * The next prefix; false at the end or, with `reader->failed`, at an error (RFC 7606 5.3): a
 * length over the family's bits or a prefix that runs over the end.  Host bits are cleared.
 */
bool bgp_nlri_next(struct wire_reader *reader, enum ip_family family, struct ip_prefix *prefix);
/* The same where each prefix has a Path Identifier in front (RFC 7911 3) if `add_path`; else 0. */
bool bgp_nlri_next_path(struct wire_reader *reader, enum ip_family family, bool add_path,
    struct ip_prefix *prefix, uint32_t *path_id);
/* True if the whole span is well-formed. */
bool bgp_nlri_is_valid(struct wire_span span, enum ip_family family, bool add_path);
/* Bytes that the prefix takes. */
static inline size_t bgp_nlri_size(const struct ip_prefix *prefix)
{
	return 1 + (prefix->length + 7u) / 8;
}
void bgp_nlri_put(struct wire_writer *writer, const struct ip_prefix *prefix);

#endif
