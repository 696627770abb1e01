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

#include "base/bitmap.h"
#include "rib/table_private.h"

/* Of enum rib_path_flags, what the peer's importer says. */
enum { GIVEN_FLAGS = RIB_PATH_FILTERED | RIB_PATH_MODIFIED | RIB_PATH_REASON };

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

/* The peers that routes of this node with this set are meant for. */
static uint64_t audience_of(const struct attribute_set *attributes)
{
	return attributes->audience ? attributes->audience : UINT64_MAX;
}

/* The peers that may be sent something else when a path of this node (NULL: none) becomes this. */
static uint64_t concerned_audiences(
    const struct rib_path *path, const struct attribute_set *attributes, uint8_t flags)
{
	const uint64_t before = path ? audience_of(path->attributes) : 0;
	const uint64_t after = audience_of(attributes);

	if (path && (path->flags & GIVEN_FLAGS) == (flags & GIVEN_FLAGS) &&
	    attribute_set_is_sent_as(path->attributes, attributes))
		return before ^ after;
	return before | after;
}

/* Takes the path (which follows `previous`, NULL: the first) out and decides. */
static void remove_path(struct rib *rib, enum ip_family which, uint32_t id, struct rib_path *path,
    struct rib_path *previous)
{
	struct rib_family *family = &rib->families[which];
	struct rib_prefix *prefix = rib_family_prefix(family, id);
	struct attribute_set *attributes = path->attributes;

	rib_mark_dirty(rib, family, id, path->peer == RIB_PEER_LOCAL ? audience_of(attributes) : 0);
	rib_count_path(rib, which, path, (uint32_t)-1);
	unlink_path(family, prefix, previous);
	attribute_set_release(&rib->store, attributes);
	rib_decide(rib, family, prefix);
}

void rib_remove_doomed_paths(struct rib *rib, enum ip_family which, uint32_t id)
{
	struct rib_family *family = &rib->families[which];
	struct rib_prefix *prefix = rib_family_prefix(family, id);
	struct rib_path *path = rib_prefix_first_path(prefix), *previous = NULL;

	while (path) {
		if (!rib_path_is_doomed(path, rib->peers[path->peer], which)) {
			previous = path;
			path = rib_family_next_path(family, path);
			continue;
		}
		remove_path(rib, which, id, path, previous);
		/* Another path may be in front now. */
		previous = NULL;
		path = rib_prefix_first_path(prefix);
	}
}

/* `*previous` is the path before the one that is found; NULL: it is the first. */
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

/* What a prefix has already when another path comes. */
struct path_census {
	uint32_t count;
	uint32_t of_peer; /* of the peer that it comes from */
	uint64_t send_ids; /* bit i: i + 1 is taken; up to 64 */
};

static struct path_census count_paths(
    const struct rib_family *family, struct rib_prefix *prefix, uint16_t peer)
{
	struct path_census census = {0};

	for (const struct rib_path *path = rib_prefix_first_path(prefix); path;
	     path = rib_family_next_path(family, path)) {
		census.count++;
		census.of_peer += path->peer == peer;
		if (path->send_id <= 64)
			census.send_ids |= UINT64_C(1) << (path->send_id - 1);
	}
	return census;
}

/* The lowest identifier that no path of the prefix has. */
static uint16_t free_send_id(
    const struct rib_family *family, struct rib_prefix *prefix, const struct path_census *census)
{
	struct bitmap taken = {NULL, 0};
	uint32_t send_id = 65;

	if (census->send_ids != UINT64_MAX)
		return (uint16_t)(__builtin_ctzll(~census->send_ids) + 1);
	for (struct rib_path *path = rib_prefix_first_path(prefix); path;
	     path = rib_family_next_path(family, path))
		bitmap_set(&taken, path->send_id);
	while (bitmap_test(&taken, send_id))
		send_id++;
	bitmap_free(&taken);
	return (uint16_t)send_id;
}

/*
 * The identifier of one more path of the prefix; 0: there is no room for it.  Paths that only wait
 * for the sweep take no room from what the peer sends in a new session.
 */
static uint16_t make_room(
    struct rib *rib, enum ip_family which, uint32_t id, const struct rib_peer *peer)
{
	struct rib_family *family = &rib->families[which];
	struct rib_prefix *prefix = rib_family_prefix(family, id);
	struct path_census census;

	if (!prefix->first.attributes)
		return 1;
	census = count_paths(family, prefix, peer->index);
	if (census.of_peer >= RIB_PATHS_PER_PEER_MAX) {
		rib_remove_doomed_paths(rib, which, id);
		census = count_paths(family, prefix, peer->index);
	}
	/* With as many paths as there are identifiers there is none to send this one under. */
	if (census.of_peer >= RIB_PATHS_PER_PEER_MAX || census.count >= UINT16_MAX)
		return 0;
	return free_send_id(family, prefix, &census);
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

bool rib_update(struct rib *rib, struct rib_peer *peer, const struct ip_prefix *prefix,
    uint32_t path_id, struct attribute_set *attributes, uint8_t flags)
{
	const enum ip_family which = prefix->family;
	struct rib_family *family = &rib->families[which];
	uint32_t id = prefix_table_add(&family->prefixes, prefix);
	struct rib_path *path, *previous;
	struct rib_prefix *entry;
	uint16_t send_id = 0;

	if (!id)
		return false;
	entry = rib_family_prefix(family, id);
	path = find_path(family, entry, peer->index, path_id, &previous);
	if (path && path->attributes == attributes &&
	    (path->flags & GIVEN_FLAGS) == (flags & GIVEN_FLAGS)) {
		renew_path(rib, which, path, peer->epoch[which]);
		return true;
	}
	if (!path)
		send_id = make_room(rib, which, id, peer);
	if (!path && !send_id) {
		peer->refused_paths++;
		return false;
	}
	rib_mark_dirty(rib, family, id,
	    peer->index == RIB_PEER_LOCAL ? concerned_audiences(path, attributes, flags) : 0);
	attribute_set_hold(attributes);
	if (path) {
		rib_count_path(rib, which, path, (uint32_t)-1);
		attribute_set_release(&rib->store, path->attributes);
	} else {
		path = add_path(family, entry);
		path->send_id = send_id;
	}
	path->attributes = attributes;
	path->path_id = path_id;
	path->peer = peer->index;
	path->flags = flags & GIVEN_FLAGS;
	path->epoch = peer->epoch[which];
	rib_count_path(rib, which, path, 1);
	rib_decide(rib, family, entry);
	return true;
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
	remove_path(rib, prefix->family, id, path, previous);
	return true;
}
