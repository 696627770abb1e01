/*
 * The four kinds of communities (RFC 1997, 8092, 4360, 5701) as values and as text.  An attribute
 * holds many of one kind as a span of fixed-size items; the set operations work on such spans.
 * Called by the policy and the configuration (parse), the export, the codec and the control room
 * (print).
 */
#ifndef BGP_COMMUNITY_H
#define BGP_COMMUNITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"
#include "base/wire.h"

enum bgp_community_kind {
	BGP_COMMUNITY_STANDARD,
	BGP_COMMUNITY_EXTENDED,
	BGP_COMMUNITY_LARGE,
	BGP_COMMUNITY_EXTENDED_IPV6,
	BGP_COMMUNITY_KINDS
};

#define BGP_COMMUNITY_SIZE_MAX 20

/* One community: `bytes` in wire form, as many as its kind has. */
struct bgp_community {
	uint8_t kind; /* enum bgp_community_kind */
	uint8_t bytes[BGP_COMMUNITY_SIZE_MAX];
};

/* Bytes of one on the wire: 4, 8, 12 or 20. */
unsigned bgp_community_size(enum bgp_community_kind kind);
/*
 * "64512:100", "large:64512:1:2", "rt:64512:1", "soo:...", "ext:0x0002fc0000000001",
 * "bandwidth:64512:1.25e9", "transitive-bandwidth:...", "rt:[2001:db8::1]:1", "soo:[...]:1",
 * "ext6:0x" and 40 digits, or a name such as no-export.
 * Returns false for anything else.
 */
bool bgp_community_parse(const char *text, struct bgp_community *community);
/* Appends the text form of the item at `bytes`; well-known ones by their name. */
void bgp_community_print(enum bgp_community_kind kind, const uint8_t *bytes, struct text *text);
/* True if the span of items of this community's kind holds it. */
bool bgp_communities_contain(struct wire_span span, const struct bgp_community *community);
/* The same for a standard one, such as BGP_COMMUNITY_NO_EXPORT. */
bool bgp_communities_contain_standard(struct wire_span span, uint32_t value);
/*
 * The link bandwidth of a path with these extended communities, in octets per second: of several
 * the lowest, transitive or not (RFC 10005).  0: none that says anything.
 */
float bgp_communities_link_bandwidth(struct wire_span span);
/*
 * The span with the community added (once, kept sorted) or without it; in the arena, or the span
 * as it was if nothing changes.
 */
struct wire_span bgp_communities_add(
    struct arena *arena, struct wire_span span, const struct bgp_community *community);
struct wire_span bgp_communities_remove(
    struct arena *arena, struct wire_span span, const struct bgp_community *community);
/*
 * The span without what must not go into another AS (RFC 4360 6, RFC 5701 2), in the arena; the
 * span as it was if nothing changes.  Only the two extended kinds have such communities.
 */
struct wire_span bgp_communities_without_non_transitive(
    struct arena *arena, struct wire_span span, enum bgp_community_kind kind);
/* The items sorted and without duplicates, in the arena; the span itself if it already is. */
struct wire_span bgp_communities_sort(
    struct arena *arena, struct wire_span span, enum bgp_community_kind kind);

#endif
