/*
 * Which advertisements ask for which prefix, counted: a prefix that several Services share, an
 * address or an aggregate, has an advertisement until the last of them gives it up.  What changes
 * is told when the owner says so, and only if it is another outcome than was told last: what comes
 * and goes within one event is news to nobody.  Private to the announcer.
 */
#ifndef K8S_ANNOUNCE_BOOK_H
#define K8S_ANNOUNCE_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/hash.h"

struct announce_entry;

/* The advertisements that ask for the prefix, ascending; `count` 0: none any more. */
typedef void announce_book_changed(
    void *arg, const struct ip_prefix *prefix, const uint32_t *advertisements, size_t count);

struct announce_book {
	struct hash_table entries;
	uint64_t seed;
	announce_book_changed *changed;
	void *arg;
	struct announce_entry **touched; /* since the last telling */
	size_t touched_count;
	size_t touched_capacity;
	struct announce_entry **leaving; /* that nobody asks for, and that is not told yet */
	size_t leaving_count;
	size_t leaving_capacity;
	uint32_t *ids; /* scratch */
	size_t id_capacity;
};

void announce_book_init(
    struct announce_book *book, uint64_t seed, announce_book_changed *changed, void *arg);
/* Tells nobody. */
void announce_book_release(struct announce_book *book);
void announce_book_ask(
    struct announce_book *book, const struct ip_prefix *prefix, uint32_t advertisement);
/* Gives back what was asked for. */
void announce_book_give_up(
    struct announce_book *book, const struct ip_prefix *prefix, uint32_t advertisement);
/*
 * Tells what has changed.  What nobody asks for any more is told later, by
 * announce_book_tell_leaving(): until then somebody else may ask for it.
 */
void announce_book_tell(struct announce_book *book);
/* Tells of one of them; false if there is none. */
bool announce_book_tell_leaving(struct announce_book *book);

#endif
