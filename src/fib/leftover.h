/*
 * Routes of ours that the kernel has and no prefix of the RIB accounts for: those of a previous
 * run, and those at a place (table, metric, protocol) that the configuration has left.  They stay
 * until they are adopted by a prefix or removed.  Called by the rest of the FIB room.
 */
#ifndef FIB_LEFTOVER_H
#define FIB_LEFTOVER_H

#include "base/hash.h"
#include "fib/route_message.h"

/* In a list that its head closes. */
struct leftover_link {
	struct leftover_link *next;
	struct leftover_link *previous;
};

struct leftover {
	struct leftover_link link; /* in one of the lists, unless it is in flight */
	struct ip_prefix prefix;
	uint32_t table;
	uint32_t metric;
	uint16_t error; /* why its removal was refused: 1 + index of the text, or 0 */
	uint8_t protocol;
	uint8_t generation; /* of the dump that told of it last */
	bool unwanted; /* to be removed, now or when that is tried again */
	bool in_flight; /* its removal has been asked for: not ours to free before the answer */
};

enum leftover_list {
	LEFTOVERS_KEPT, /* for now; the one that was told of the longest ago is the first */
	LEFTOVERS_QUEUED, /* to be removed */
	LEFTOVERS_REFUSED, /* to be removed, which the kernel would not do */
	LEFTOVER_LISTS
};

struct leftovers {
	struct hash_table table;
	uint64_t seed;
	struct leftover_link lists[LEFTOVER_LISTS]; /* their heads */
};

void leftovers_init(struct leftovers *leftovers, uint64_t seed);
void leftovers_free(struct leftovers *leftovers);
/* Adds it, to be kept, or finds the one that is there. */
struct leftover *leftover_add(struct leftovers *leftovers, const struct ip_prefix *prefix,
    uint32_t table, uint32_t metric, uint8_t protocol);
struct leftover *leftover_find(const struct leftovers *leftovers, const struct ip_prefix *prefix,
    uint32_t table, uint32_t metric, uint8_t protocol);
/* A dump of this generation has told of it, or need not tell of it. */
void leftover_confirm(struct leftovers *leftovers, struct leftover *leftover, uint8_t generation);
/* Has it removed, or all that are kept. */
void leftover_queue(struct leftovers *leftovers, struct leftover *leftover);
void leftovers_queue_all(struct leftovers *leftovers);
/* The first one of the list, NULL: none. */
struct leftover *leftovers_first(const struct leftovers *leftovers, enum leftover_list list);
/* The next one to be removed, now in flight; NULL: none. */
struct leftover *leftover_take_queued(struct leftovers *leftovers);
/* Its removal was refused; leftovers_retry() queues all of these again. */
void leftover_refuse(struct leftovers *leftovers, struct leftover *leftover, uint16_t error);
void leftovers_retry(struct leftovers *leftovers);
/* The next one at or after `*cursor` (start at 0), or NULL; no other call between. */
struct leftover *leftover_next(const struct leftovers *leftovers, size_t *cursor);
/* Forgets it. */
void leftover_remove(struct leftovers *leftovers, struct leftover *leftover);

#endif
