/*
 * Export is asked first, so that in the common case, no more paths than the limit, nothing needs to
 * be ranked.  Routes have no total order (see decision.c), so the ranking is the decision process
 * run again among those that are left, once for each place; only the best path of the table, which
 * keeps its place in front if it is sent at all, is known already.
 */
#include "rib/path_selection.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void add_route(struct path_selection *selection, const struct export_route *route)
{
	selection->routes = memory_grow(selection->routes, &selection->capacity,
	    selection->count + 1, sizeof(*selection->routes));
	selection->routes[selection->count++] = *route;
}

static void add_accepted(struct path_selection *selection, const struct rib *rib,
    const struct export_key *key, enum ip_family family, const struct rib_prefix *prefix,
    struct export_cache *cache)
{
	struct export_route route;

	for (const struct rib_path *path = rib_best_path(prefix); path;
	     path = rib_path_next(rib, family, path))
		if (path->flags & RIB_PATH_USABLE && export_is_meant_for(key, path) &&
		    export_path(rib, key, family, prefix, path, cache, &route))
			add_route(selection, &route);
}

/* Moves the route of the path to this place. */
static void place_route(struct path_selection *selection, size_t place, const struct rib_path *path)
{
	size_t at = place;
	struct export_route route;

	while (selection->routes[at].path != path)
		at++;
	route = selection->routes[at];
	selection->routes[at] = selection->routes[place];
	selection->routes[place] = route;
}

/* Cuts off all but the best; the first `known` are in their place. */
static void keep_best(
    struct path_selection *selection, const struct rib *rib, size_t known, size_t limit)
{
	size_t left = selection->count - known;

	selection->paths = memory_grow(
	    selection->paths, &selection->path_capacity, left, sizeof(*selection->paths));
	for (size_t i = 0; i < left; i++)
		selection->paths[i] = selection->routes[known + i].path;
	rib_rank_paths(rib, selection->paths, left, limit - known);
	for (size_t i = known; i < limit; i++)
		place_route(selection, i, selection->paths[i - known]);
	selection->count = limit;
}

static void drop_unsendable(struct path_selection *selection, const struct rib *rib,
    const struct export_key *key, enum ip_family family, struct export_cache *cache)
{
	size_t kept = 0;

	for (size_t i = 0; i < selection->count; i++)
		if (export_fits_message(rib, key, family, &selection->routes[i], cache))
			selection->routes[kept++] = selection->routes[i];
	selection->count = kept;
}

void path_selection_fill(struct path_selection *selection, const struct rib *rib,
    const struct export_key *key, enum ip_family family, const struct rib_prefix *prefix,
    struct export_cache *cache)
{
	size_t limit = key->path_limit;
	struct export_route route;

	selection->count = 0;
	if (!prefix)
		return;
	if (limit > 1)
		add_accepted(selection, rib, key, family, prefix, cache);
	else if (export_select(rib, key, family, prefix, cache, &route))
		add_route(selection, &route);
	if (limit && selection->count > limit)
		keep_best(selection, rib, selection->routes[0].path == &prefix->first, limit);
	drop_unsendable(selection, rib, key, family, cache);
}

const struct export_route *path_selection_find(
    const struct path_selection *selection, uint16_t send_id)
{
	for (size_t i = 0; i < selection->count; i++)
		if (selection->routes[i].path->send_id == send_id)
			return &selection->routes[i];
	return NULL;
}

void path_selection_free(struct path_selection *selection)
{
	free(selection->routes);
	free(selection->paths);
	memset(selection, 0, sizeof(*selection));
}
