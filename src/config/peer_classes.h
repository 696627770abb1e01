/*
 * Peers that are in the same ones of some lists are of one class: whatever goes by these lists goes
 * to all of a class or to none.  Peers in no list are class 0.  The lists are `peers` of the
 * advertisements; called by the configuration, which limits the classes, and by the speaker.
 */
#ifndef CONFIG_PEER_CLASSES_H
#define CONFIG_PEER_CLASSES_H

#include <stddef.h>

#include "base/hash.h"

/* A bit of 64 each, class 0 too. */
#define PEER_CLASSES_MAX 64

struct peer_class_member {
	char *name;
	uint64_t hash;
	unsigned class;
	size_t list; /* that it was seen in last, from 1 */
};

/* Zeroed: no list was added, all peers are of class 0. */
struct peer_classes {
	struct hash_table by_name;
	struct peer_class_member **members; /* in the order in which they were named first */
	size_t count;
	size_t capacity;
	unsigned class_count; /* class 0 too; some of them may be empty until they are numbered */
	size_t list_count;
};

/* Adds a list of names; duplicates in it count once, NULL is no name. */
void peer_classes_add(struct peer_classes *classes, char *const *names, size_t count);
/* After the last list: numbers the classes from 1, in the order in which they were named first. */
void peer_classes_number(struct peer_classes *classes);
/* NULL: the peer is in no list. */
const struct peer_class_member *peer_classes_find(
    const struct peer_classes *classes, const char *name);
void peer_classes_free(struct peer_classes *classes);

#endif
