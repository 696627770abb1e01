/*
 * Routes of ours that the kernel has and no prefix of the RIB accounts for: those of a previous
 * run, and those at a place (table, metric, protocol) that the configuration has left.  They stay
 * until they are adopted by a prefix or swept.  Called by install.c and fib.c.
 */
#ifndef FIB_LEFTOVER_H
#define FIB_LEFTOVER_H

#include "base/hash.h"
#include "fib/route_message.h"

struct leftover {
	struct ip_prefix prefix;
	uint32_t table;
	uint32_t metric;
	uint8_t protocol;
	uint8_t generation; /* of the dump that told of it last */
	bool queued; /* to be removed */
	bool in_flight; /* its removal has been asked for: not ours to free before the answer */
	struct leftover *next; /* in the list of those queued */
	struct leftover *previous;
};

/* Zeroed but for the seed is empty. */
struct leftovers {
	struct hash_table table;
	uint64_t seed;
	struct leftover *first; /* of those queued */
};

/* Adds it or finds the one that is there. */
struct leftover *leftover_add(struct leftovers *leftovers, const struct ip_prefix *prefix,
    uint32_t table, uint32_t metric, uint8_t protocol);
struct leftover *leftover_find(const struct leftovers *leftovers, const struct ip_prefix *prefix,
    uint32_t table, uint32_t metric, uint8_t protocol);
/* Marks it to be removed. */
void leftover_queue(struct leftovers *leftovers, struct leftover *leftover);
/* The next one to be removed, now in flight; NULL: none. */
struct leftover *leftover_take_queued(struct leftovers *leftovers);
/* The next one at or after `*cursor` (start at 0), or NULL; no other call between. */
struct leftover *leftover_next(const struct leftovers *leftovers, size_t *cursor);
/* Forgets it. */
void leftover_remove(struct leftovers *leftovers, struct leftover *leftover);
void leftovers_free(struct leftovers *leftovers);

#endif
