/*
 * Which paths of a prefix one kind of neighbour is sent, where that may be several (RFC 7911):
 * those that export accepts, the best ones if there are more than the key's limit.  Of these, one
 * that fits into no message is not sent, and none in its place.  Pure: nothing is stored but scratch
 * memory.  Private to the RIB.
 */
#ifndef RIB_PATH_SELECTION_H
#define RIB_PATH_SELECTION_H

#include <stddef.h>
#include <stdint.h>

#include "rib/export.h"
#include "rib/table.h"

/* Zeroed is empty; keeps its memory from one prefix to the next. */
struct path_selection {
	struct export_route *routes; /* `count` of them, the best path of the table first */
	size_t count;
	size_t capacity;
	const struct rib_path **paths; /* scratch */
	size_t path_capacity;
};

/*
 * Selects anew.  With a limit of one it is what a neighbour without add-path is sent.  `prefix` may
 * be NULL: none.
 */
void path_selection_fill(struct path_selection *selection, const struct rib *rib,
    const struct export_key *key, enum ip_family family, const struct rib_prefix *prefix,
    struct export_cache *cache);
/* The route that is sent under this identifier, or NULL. */
const struct export_route *path_selection_find(
    const struct path_selection *selection, uint16_t send_id);
void path_selection_free(struct path_selection *selection);

#endif
