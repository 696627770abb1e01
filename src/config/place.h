/*
 * Where the neighbour of an entry of `peers` is: at its address, behind its interface or in its
 * range.  As a key of a hash table, for what must not do with two entries at one place: the checks
 * of a configuration here, and the speaker, which knows which entries this node has.
 */
#ifndef CONFIG_PLACE_H
#define CONFIG_PLACE_H

#include "base/hash.h"
#include "config/config.h"

/* The key that says where it is: "address", "interface" or "range"; NULL: none does. */
const char *config_place_key(const struct config_peer *peer);
uint64_t config_place_hash(const struct config_peer *peer);
/* Of two struct config_peer: true if they are at the same place; never without a place. */
hash_equal config_place_equal;

#endif
