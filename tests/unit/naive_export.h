/*
 * Which routes a neighbour is to be sent for a prefix, found in a way that is too slow to be wrong:
 * what RFC 7911 leaves open is asked of a table that holds only the paths in question, again and
 * again.  For the model of the RIB.
 */
#ifndef TESTS_NAIVE_EXPORT_H
#define TESTS_NAIVE_EXPORT_H

#include "rib/export.h"

enum { NAIVE_ROUTES_MAX = 4096 };

struct naive_routes {
	struct export_route routes[NAIVE_ROUTES_MAX];
	size_t count;
};

static inline void naive_export_all(const struct rib *rib, const struct export_key *key,
    const struct rib_prefix *entry, struct naive_routes *found)
{
	const enum ip_family family = entry->prefix.family;

	for (const struct rib_path *path = &entry->first; path;
	     path = rib_path_next(rib, family, path)) {
		uint64_t audience = path->attributes->audience;
		struct export_cache cache = {.set = NULL};

		if (path->flags & RIB_PATH_USABLE && (!audience || audience & key->audiences) &&
		    export_path(
			rib, key, family, entry, path, &cache, &found->routes[found->count]))
			found->count++;
	}
}

/* Puts the route of the path, which is at `place` or behind it, there. */
static inline void naive_place(
    struct naive_routes *found, size_t place, const struct rib_path *path)
{
	const struct export_route route = found->routes[place];
	size_t at = place;

	while (found->routes[at].path->peer != path->peer ||
	       found->routes[at].path->path_id != path->path_id)
		at++;
	found->routes[place] = found->routes[at];
	found->routes[at] = route;
}

/* Leaves the best ones: of what is not placed yet, the best path of the other table is next. */
static inline void naive_keep_best(
    struct rib *ranking, const struct rib_prefix *entry, size_t limit, struct naive_routes *found)
{
	const struct ip_prefix *prefix = &entry->prefix;
	size_t placed = found->routes[0].path == rib_best_path(entry);

	for (size_t i = placed; i < found->count; i++) {
		const struct rib_path *path = found->routes[i].path;

		rib_update(ranking, rib_peer_at(ranking, path->peer), prefix, path->path_id,
		    path->attributes, 0);
	}
	for (; placed < found->count; placed++) {
		const struct rib_path *best = rib_best_path(rib_find(ranking, prefix, NULL));

		naive_place(found, placed, best);
		rib_withdraw(ranking, rib_peer_at(ranking, best->peer), prefix, best->path_id);
	}
	found->count = limit;
}

/* `ranking` is a table without paths and with the same peers; it is left so. */
static inline void naive_export(const struct rib *rib, struct rib *ranking,
    const struct export_key *key, const struct ip_prefix *prefix, struct naive_routes *found)
{
	const struct rib_prefix *entry = rib_find(rib, prefix, NULL);
	struct export_cache cache = {.set = NULL};

	found->count = 0;
	if (!entry)
		return;
	if (!key->codec.add_path_send[prefix->family] || key->path_limit == 1) {
		found->count =
		    export_select(rib, key, prefix->family, entry, &cache, &found->routes[0]);
		return;
	}
	naive_export_all(rib, key, entry, found);
	if (found->count > key->path_limit)
		naive_keep_best(ranking, entry, key->path_limit, found);
}

#endif
