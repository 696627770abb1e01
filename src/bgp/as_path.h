/*
 * AS paths in wire form with 4-octet AS numbers (RFC 4271 4.3, RFC 6793): the questions that the
 * decision process, loop detection and the policy ask of them, and the conversions with old
 * speakers.  A path is a span of bytes that attribute decoding has validated, and so without
 * confederation segments (RFC 5065 5); nothing is copied unless it changes.
 */
#ifndef BGP_AS_PATH_H
#define BGP_AS_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"
#include "base/wire.h"

/* What an AS path has in it, found in one walk. */
enum bgp_as_path_trait {
	BGP_AS_PATH_MALFORMED = 1 << 0, /* not a run of well-formed segments (RFC 7606 7.2) */
	BGP_AS_PATH_ZERO = 1 << 1, /* AS 0 (RFC 7607) */
	BGP_AS_PATH_CONFEDERATION = 1 << 2, /* a confederation segment (RFC 5065) */
	BGP_AS_PATH_WIDE = 1 << 3 /* an AS number that needs 4 octets (RFC 6793) */
};
/* The traits, or'ed, of any bytes with `asn_size` (2 or 4) octets per AS; stops at malformed. */
unsigned bgp_as_path_inspect(struct wire_span path, unsigned asn_size);
/*
 * True if `path` is a run of well-formed segments of `asn_size` (2 or 4) octets per AS: known
 * types, no empty segment, nothing left over (RFC 7606 7.2).
 */
bool bgp_as_path_is_valid(struct wire_span path, unsigned asn_size);
/* Length for the decision process: a set counts 1 (RFC 4271 9.1.2.2). */
unsigned bgp_as_path_length(struct wire_span path);
/* The neighbouring AS: the first of a leading sequence, else 0 (RFC 4271 9.1.2.2 c). */
uint32_t bgp_as_path_first(struct wire_span path);
/* The AS that originated the route: the last of a trailing sequence; 0 if empty or a set. */
uint32_t bgp_as_path_origin(struct wire_span path);
/* How many times `asn` occurs in it, in any segment. */
unsigned bgp_as_path_count(struct wire_span path, uint32_t asn);
/* The path with `asn` put in front `times` times, in the arena (RFC 4271 5.1.2). */
struct wire_span bgp_as_path_prepend(
    struct arena *arena, struct wire_span path, uint32_t asn, unsigned times);
/* The same path with 4 octets per AS, from one with 2, in the arena. */
struct wire_span bgp_as_path_widen(struct arena *arena, struct wire_span path);
/*
 * The same path with 2 octets per AS; what does not fit is AS_TRANS, and `*lossy` is set.
 */
struct wire_span bgp_as_path_narrow(struct arena *arena, struct wire_span path, bool *lossy);
/* An AS4_PATH without its confederation segments; itself if it has none (RFC 6793 6). */
struct wire_span bgp_as_path_without_confederation(struct arena *arena, struct wire_span path);
/* RFC 6793 4.2.3: `path` (widened from an old speaker's) completed with its AS4_PATH. */
struct wire_span bgp_as_path_merge(
    struct arena *arena, struct wire_span path, struct wire_span as4_path);
/* "64512 64513 {1 2}" */
void bgp_as_path_print(struct wire_span path, struct text *text);

/* Walks the AS numbers one by one; false at the end. */
struct bgp_as_path_walk {
	struct wire_reader reader;
	unsigned left; /* AS numbers left in the segment */
	uint8_t type; /* enum bgp_segment_type of the current one */
};
struct bgp_as_path_walk bgp_as_path_walk_start(struct wire_span path);
bool bgp_as_path_walk_next(struct bgp_as_path_walk *walk, uint32_t *asn);

#endif
