/*
 * Whether a prefix that a stream has sent goes out otherwise under another key (see
 * update_group.h).  Private to the RIB.
 */
#ifndef RIB_STREAM_DIFFERENCE_H
#define RIB_STREAM_DIFFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "rib/path_selection.h"
#include "rib/stream_paths.h"

struct comparison_side {
	const struct export_key *key;
	struct export_cache cache;
	struct export_route route; /* of this prefix; path NULL: not sent */
	struct export_route last; /* of the one before */
	uint8_t *buffer;
};

/* Zeroed has compared nothing.  For one new key and family, while the table does not change. */
struct stream_comparison {
	enum ip_family family;
	struct comparison_side sides[2]; /* old, new */
	bool differs; /* the verdict on the last routes of both */
	struct path_selection selection; /* under the new key */
	uint8_t *buffers; /* of both sides */
};

/*
 * True if what was sent of the prefix under the old key is not what the context's key sends.  With
 * add-path what differs is made due; what is not as it was sent is of the old key too.
 */
bool stream_prefix_differs(struct stream_comparison *comparison, const struct export_key *old,
    const struct stream_context *context, const struct stream_paths *paths, uint32_t id);
void stream_comparison_free(struct stream_comparison *comparison);

#endif
