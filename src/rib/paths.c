/*
 * The paths of a prefix.
 *
 * A prefix holds its first path in place; further ones are chained by 32-bit ids from a slab of
 * their own.  After each change the best path is moved to the front.  A prefix without paths has a
 * first path with no attributes.  With one path a prefix is 48 bytes and no further allocation,
 * and a change of it touches the prefix, a slot of the hash table and its attribute set.
 */
#include <assert.h>
#include <string.h>

#include "rib/table_private.h"

static_assert(sizeof(struct rib_path) == 24, "a path has grown");
static_assert(sizeof(struct rib_prefix) == 48, "a prefix has grown");

void rib_count_path(
    struct rib *rib, enum ip_family which, const struct rib_path *path, uint32_t step)
{
	struct rib_peer *peer = rib->peers[path->peer];
	uint32_t accepted = path->flags & RIB_PATH_FILTERED ? 0 : step;

	rib->families[which].path_count += step;
	if (rib_path_is_doomed(path, peer, which)) {
		peer->stale_paths[which] += step;
		return;
	}
	peer->paths[which] += step;
	peer->accepted_paths[which] += accepted;
	if (rib_peer_is_refreshing(peer, which) && path->epoch == peer->epoch[which]) {
		peer->renewed_paths[which] += step;
		peer->renewed_accepted_paths[which] += accepted;
	}
}

/* The place of a new path of the prefix; the first one is in the prefix itself. */
static struct rib_path *add_path(struct rib_family *family, struct rib_prefix *prefix)
{
	struct rib_path *path;
	uint32_t id;

	if (!prefix->first.attributes) {
		family->prefix_count++;
		return &prefix->first;
	}
	id = slab_allocate(&family->paths);
	path = slab_item(&family->paths, id);
	path->next = prefix->first.next;
	prefix->first.next = id;
	return path;
}

/* Takes the path out of the chain; `previous` is the one before it, NULL for the first. */
static void unlink_path(
    struct rib_family *family, struct rib_prefix *prefix, struct rib_path *previous)
{
	uint32_t freed;

	if (previous) {
		freed = previous->next;
		previous->next = rib_family_next_path(family, previous)->next;
	} else if (prefix->first.next) {
		freed = prefix->first.next;
		prefix->first = *rib_family_next_path(family, &prefix->first);
	} else {
		memset(&prefix->first, 0, sizeof(prefix->first));
		family->prefix_count--;
		return;
	}
	slab_free(&family->paths, freed);
}

static struct rib_path *find_path(const struct rib_family *family, struct rib_prefix *prefix,
    uint16_t peer, uint32_t path_id, struct rib_path **previous)
{
	*previous = NULL;
	for (struct rib_path *path = rib_prefix_first_path(prefix); path;
	     path = rib_family_next_path(family, path)) {
		if (path->peer == peer && path->path_id == path_id)
			return path;
		*previous = path;
	}
	return NULL;
}

/* The peer has sent again what it had sent: the path is of the current epoch now. */
static void renew_path(struct rib *rib, enum ip_family which, struct rib_path *path, uint16_t epoch)
{
	if (path->epoch == epoch)
		return;
	rib_count_path(rib, which, path, (uint32_t)-1);
	path->epoch = epoch;
	rib_count_path(rib, which, path, 1);
}

void rib_update(struct rib *rib, struct rib_peer *peer, const struct ip_prefix *prefix,
    uint32_t path_id, struct attribute_set *attributes, uint8_t flags)
{
	const uint8_t given = RIB_PATH_FILTERED | RIB_PATH_MODIFIED;
	const enum ip_family which = prefix->family;
	struct rib_family *family = &rib->families[which];
	uint32_t id = prefix_table_add(&family->prefixes, prefix);
	struct rib_path *path, *previous;
	struct rib_prefix *entry;

	if (!id)
		return;
	entry = rib_family_prefix(family, id);
	path = find_path(family, entry, peer->index, path_id, &previous);
	if (path && path->attributes == attributes && (path->flags & given) == (flags & given)) {
		renew_path(rib, which, path, peer->epoch[which]);
		return;
	}
	rib_mark_dirty(rib, family, id, peer->source == POLICY_SOURCE_LOCAL);
	attribute_set_hold(attributes);
	if (path) {
		rib_count_path(rib, which, path, (uint32_t)-1);
		attribute_set_release(&rib->store, path->attributes);
	} else {
		path = add_path(family, entry);
	}
	path->attributes = attributes;
	path->path_id = path_id;
	path->peer = peer->index;
	path->flags = flags & given;
	path->epoch = peer->epoch[which];
	rib_count_path(rib, which, path, 1);
	rib_decide(rib, family, entry);
}

void rib_remove_path(struct rib *rib, enum ip_family which, uint32_t id, struct rib_path *path,
    struct rib_path *previous)
{
	struct rib_family *family = &rib->families[which];
	struct rib_prefix *prefix = rib_family_prefix(family, id);
	struct attribute_set *attributes = path->attributes;

	rib_mark_dirty(rib, family, id, path->peer == RIB_PEER_LOCAL);
	rib_count_path(rib, which, path, (uint32_t)-1);
	unlink_path(family, prefix, previous);
	attribute_set_release(&rib->store, attributes);
	rib_decide(rib, family, prefix);
}

bool rib_withdraw(
    struct rib *rib, struct rib_peer *peer, const struct ip_prefix *prefix, uint32_t path_id)
{
	struct rib_family *family = &rib->families[prefix->family];
	uint32_t id = prefix_table_find(&family->prefixes, prefix);
	struct rib_path *path, *previous;

	if (!id)
		return false;
	path = find_path(family, rib_family_prefix(family, id), peer->index, path_id, &previous);
	if (!path)
		return false;
	rib_remove_path(rib, prefix->family, id, path, previous);
	return true;
}
