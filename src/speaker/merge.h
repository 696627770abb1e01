/*
 * What several advertisements for one prefix make together: one route that is at least as good as
 * that of each of them, whatever their order.  Pure: settings in, attributes out.
 */
#ifndef SPEAKER_MERGE_H
#define SPEAKER_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "bgp/attributes.h"
#include "config/config.h"

/* Settings of which a route has one only, and in which advertisements may so be at odds. */
enum merge_key { MERGE_LOCAL_PREF, MERGE_MED, MERGE_AS_PATH_PREPEND, MERGE_KEYS };

/* "localPref", "med", "asPathPrepend". */
const char *merge_key_name(enum merge_key key);
/*
 * The attributes of these advertisements together: all communities, the highest localPref, the
 * lowest med, the shortest asPathPrepend.  One that says nothing of localPref asks for the default,
 * one that says nothing of med for the lowest (RFC 4271 9.1.2.2 c).  `asn` is what is prepended;
 * what is made is in the arena.
 */
void merge_attributes(struct arena *arena, uint32_t asn,
    const struct config_advertisement *const *parts, size_t count,
    struct bgp_attributes *attributes);
/* In which settings the two differ: bits by enum merge_key. */
unsigned merge_conflicts(
    const struct config_advertisement *a, const struct config_advertisement *b);

#endif
