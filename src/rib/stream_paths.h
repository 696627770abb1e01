/*
 * What the members of a stream have been sent of each prefix where paths have identifiers (RFC
 * 7911): the counterpart of the bits of update_stream.h for such a family.
 *
 * A path is sent under the identifier that it has in the table (send_id), so a stream with nothing
 * pending has again sent exactly what the table exports, and equal streams are equal here too.
 * Per identifier it is noted what was sent under it: the attribute set, which a reference is held
 * of so that pointers can be compared, and the peer that the path came from.  For one key these
 * decide about the bytes; so a path that stays as it is is never sent again, a path in the place
 * of another one is one announcement, and what is gone is one withdrawal.
 *
 * No member is sent its own path back.  Whom a path was not sent to need not be noted beside it:
 * it is the member that it came from, if that is one.
 *
 * It encodes nothing and knows no member.  Private to the RIB.
 */
#ifndef RIB_STREAM_PATHS_H
#define RIB_STREAM_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slab.h"
#include "rib/path_selection.h"
#include "rib/table.h"
#include "rib/update_batch.h"

/* One path that was sent. */
struct sent_path {
	uint32_t next; /* of the same prefix; 0: none */
	uint32_t identifier; /* router ID of the peer: it is in the bytes of a reflected route */
	struct attribute_set *attributes; /* a reference */
	uint32_t cost; /* export_added_cost() */
	uint16_t peer; /* index of the rib_peer that it came from */
	uint16_t send_id;
	bool due; /* to be sent again, changed or not */
};

/* Zeroed has sent nothing. */
struct stream_paths {
	uint32_t *first; /* by prefix id: a sent_path; 0: none */
	size_t first_capacity;
	struct slab sent;
	uint32_t count;
	uint32_t *count_from; /* by rib_peer: how many of them came from it */
	size_t count_from_capacity;
};

enum stream_membership { STREAM_NOT_MEMBER, STREAM_MEMBER, STREAM_ONLY_MEMBER };
typedef enum stream_membership stream_membership_of(void *arg, uint16_t peer);

/* For whom and into what a stream plans; the caches are good while the table does not change. */
struct stream_context {
	struct rib *rib;
	const struct export_key *key;
	enum ip_family family;
	stream_membership_of *membership;
	void *membership_arg;
	struct export_cache *cache;
	struct path_selection *selection;
	struct update_batch *batch;
};

/* Puts into the batch what differs from what was sent of the prefix, and notes it as sent. */
void stream_paths_plan(
    struct stream_paths *paths, const struct stream_context *context, uint32_t id);
/* The first path that was sent of the prefix, and the next one; NULL: none. */
struct sent_path *stream_paths_first(const struct stream_paths *paths, uint32_t id);
struct sent_path *stream_paths_next(const struct stream_paths *paths, const struct sent_path *sent);
/* The path that was sent under the identifier, or NULL. */
struct sent_path *stream_paths_find(
    const struct stream_paths *paths, uint32_t id, uint16_t send_id);
/* True if the path, which has its identifier, need not be sent again. */
bool stream_paths_is_as_sent(
    const struct rib *rib, const struct sent_path *sent, const struct rib_path *path);
/* How many paths this peer has been sent, if it is a member. */
uint32_t stream_paths_advertised_to(const struct stream_paths *paths, uint16_t peer);
/* What was sent of the prefix is due again. */
void stream_paths_repeat(struct stream_paths *paths, uint32_t id);
/* Copies what was sent of the prefixes in [`from_id`, `to_id`). */
void stream_paths_copy(
    struct stream_paths *to, const struct stream_paths *from, uint32_t from_id, uint32_t to_id);
/*
 * Forgets what was sent of `count` prefixes, the last ones; false: of all, and the memory is free.
 * Until then it is good for nothing else.
 */
bool stream_paths_release_some(struct stream_paths *paths, struct rib *rib, uint32_t count);

#endif
