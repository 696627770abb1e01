/*
 * A batch of routes on their way out, put into buckets of equal attributes and then encoded: the
 * packing half of the update groups.  It knows routes and bytes, no members; a run of messages for
 * one audience is handed to a callback.  Private to the RIB.
 */
#ifndef RIB_UPDATE_BATCH_H
#define RIB_UPDATE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/shared_buffer.h"
#include "rib/export.h"
#include "rib/table.h"

/* Who of a stream gets a message, by index of rib_peer; index 0 is this node, never a member. */
struct update_audience {
	uint16_t except; /* everybody but this one; 0: everybody */
	uint16_t only; /* this one alone; 0: see `except` */
};

struct update_bucket {
	struct export_route route; /* path NULL: withdrawals */
	struct update_audience audience;
	uint32_t first; /* index of an item */
	uint32_t last;
	uint32_t slot; /* of the index */
};

struct update_item {
	uint32_t prefix_id;
	uint16_t path_id; /* the Path Identifier that it goes out with; 0 without add-path */
	uint32_t next; /* index of the next item of the bucket; 0: none */
};

/* Zeroed is empty; keeps its memory between batches. */
struct update_batch {
	struct update_item *items; /* from index 1 */
	size_t item_count;
	size_t item_capacity;
	struct update_bucket *buckets;
	size_t bucket_count;
	size_t bucket_capacity;
	size_t attribute_bytes; /* of all buckets: what goes out takes at least as much */
	size_t
	    audience_changes; /* from one new bucket to the next: there are as many runs at most */
	uint32_t *index; /* of buckets by hash; 0: empty, else bucket + 1 */
	size_t index_capacity; /* a power of two */
	struct arena arena;
	uint8_t *scratch; /* one attributes field */
};

/*
 * Adds an item to the bucket of its route and audience; `route` NULL: a withdrawal.  The route fits
 * into a message: see export_fits_message().  `path_id` is not 0 where the codec says that prefixes
 * of the family have a Path Identifier.
 */
void update_batch_add(struct update_batch *batch, struct update_item item,
    const struct export_route *route, struct update_audience audience);

/* Receives whole messages for one audience; owns the reference. */
typedef void update_batch_emit(
    void *arg, struct shared_buffer *buffer, struct update_audience audience);

/* Encodes all of it, withdrawals first, and empties the batch. */
void update_batch_encode(struct update_batch *batch, const struct rib *rib,
    const struct export_key *key, enum ip_family family, update_batch_emit *emit, void *arg);
void update_batch_free(struct update_batch *batch);

#endif
