/*
 * The state of a stream (see update_group.h): per family, which prefixes its members have been
 * advertised, which of them one member was spared because it is their source, which have changed
 * since, and which are still to be looked at.  Bitmaps over prefix ids; whoever marks a prefix that
 * has no path any more sees to it that its id stays until it is not pending any more.  Where paths
 * have identifiers, stream_paths.h keeps which of them were sent in place of whom a prefix was not
 * sent to.  It encodes nothing and knows no member.  Private to the RIB.
 */
#ifndef RIB_UPDATE_STREAM_H
#define RIB_UPDATE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bitmap.h"
#include "rib/stream_difference.h"
#include "rib/stream_paths.h"
#include "rib/stream_scan.h"
#include "rib/table.h"

struct stream_family {
	struct bitmap advertised;
	struct bitmap pending;
	struct stream_scan scan; /* what is pending in its ranges waits until it comes by */
	uint32_t advertised_count;
	uint32_t pending_count; /* outside of the ranges of the scan */
	uint32_t cursor; /* the next id to encode; goes round */
	uint16_t *spared; /* by prefix id: rib_peer that was spared; NULL: nobody ever was */
	size_t spared_capacity;
	uint32_t *spared_count; /* by rib_peer: how many prefixes it was spared */
	size_t spared_count_capacity;
	struct stream_paths paths; /* with add-path; else nothing was ever sent of it */
	bool end_of_rib_due;
	/* RFC 7313 4: of a refresh with marks, which only a stream of one member has. */
	bool begin_mark_due; /* before the next prefix */
	bool end_mark_due; /* once nothing is pending and the scan is over */
	bool refresh_due; /* another one, after what is under way */
};

/* Zeroed has advertised nothing and has nothing pending. */
struct stream_state {
	struct stream_family families[IP_FAMILIES];
};

/* The peer that was spared this prefix, or 0. */
static inline uint16_t stream_spared(const struct stream_family *family, uint32_t id)
{
	return id < family->spared_capacity ? family->spared[id] : 0;
}

/* How many prefixes of the family this peer has been advertised, if it is a member. */
uint32_t stream_advertised_to(const struct stream_family *family, uint16_t peer);
/*
 * Notes that the prefix changed.  `exists`: it has a best path.  One that has none and was not
 * advertised is no news: false, else the prefix is pending.
 */
bool stream_mark(struct stream_state *state, enum ip_family family, uint32_t id, bool exists);
/* Everything is to be sent, again if it was sent before. */
void stream_send_all(struct stream_state *state, enum ip_family family);
/*
 * Everything is to be sent again between two marks; after End-of-RIB, if that is still to be sent,
 * and after the end of an earlier refresh that is under way.
 */
void stream_begin_refresh(struct stream_state *state, enum ip_family family);
/* Nothing is pending, and the end was sent: begins the refresh that is due, if one is. */
void stream_begin_due_refresh(struct stream_state *state, enum ip_family family);
/* What is sent otherwise under the new key than under the old one is to be sent. */
void stream_change_key(
    struct stream_state *state, struct export_key_copy *old, const struct export_key *new);
/* Something is pending or still to be looked at. */
static inline bool stream_has_more(const struct stream_family *family)
{
	return family->pending_count || family->scan.count;
}

/*
 * Takes the next prefixes that are to be planned, at most `limit`, and looks at no more than about
 * as many; returns how many, which may be none while there are more.  The prefixes of `ids` are on
 * their way from memory.
 */
size_t stream_take(struct stream_state *state, const struct stream_context *context,
    struct stream_comparison *comparison, uint32_t *ids, size_t limit);
/* Puts into the batch what is to be sent for a taken prefix, and notes it. */
void stream_plan(struct stream_state *state, const struct stream_context *context, uint32_t id);
/* True if nothing of the family is pending and no end is due. */
bool stream_family_is_idle(const struct stream_family *family);
/* True if no family has anything to send: what it advertised is what there is. */
bool stream_is_idle(const struct stream_state *state);
/* Of 64 ids from `word` * 64 on: takes those out of `bits` that are pending. */
static inline uint64_t stream_without_pending(
    const struct stream_family *family, size_t word, uint64_t bits)
{
	return word < family->pending.capacity ? bits & ~family->pending.words[word] : bits;
}

/* All but what is noted of paths, with add-path: see stream_paths_copy(). */
void stream_copy(struct stream_state *to, const struct stream_state *from);
/* How many prefixes members were spared. */
size_t stream_spared_count(const struct stream_state *state);
/* Of two idle streams that become one, `from` gives whom it spared. */
void stream_merge(struct stream_state *into, const struct stream_state *from);
/* All but what is noted of paths. */
void stream_release(struct stream_state *state);

#endif
