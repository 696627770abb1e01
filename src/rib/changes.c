/*
 * What has changed in this turn, and who is told.
 *
 * The first change of a prefix in a turn notes what its outcome was (with a reference on the old
 * best set, so that the pointer cannot be reused): at the end of the turn a prefix that came back
 * to where it was is dropped from the list, and nobody hears of it.  The price is 24 bytes per
 * changed prefix and turn.  Who looks at every path is told of all of them: what each path was is
 * not noted.
 *
 * An id lives as long as its prefix has paths, is in the list of changes, or is held by a listener.
 * Ids are given up some at a time, at the latest in the table's next turn: where each prefix stands
 * in the hash table is then fetched from memory for all of them at the same time.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "rib/table_private.h"

/* A list of changes that has grown longer is not kept. */
#define CHANGES_KEPT 1024

void rib_schedule(struct rib *rib)
{
	if (rib->loop)
		loop_task_schedule(rib->loop, &rib->task);
}

/* What concerns one prefix nearly always comes in a row; the rest is put together in the end. */
static void note_local_change(struct rib_family *family, uint32_t id, uint64_t audiences)
{
	const size_t count = family->local_change_count;

	if (count && family->local_changes[count - 1].id == id) {
		family->local_changes[count - 1].audiences |= audiences;
		return;
	}
	family->local_changes = memory_grow(family->local_changes, &family->local_change_capacity,
	    count + 1, sizeof(*family->local_changes));
	family->local_changes[family->local_change_count++] = (struct local_change){id, audiences};
}

void rib_mark_dirty(struct rib *rib, struct rib_family *family, uint32_t id, uint64_t audiences)
{
	struct rib_prefix *prefix = rib_family_prefix(family, id);
	const struct rib_path *best = rib_best_path(prefix);
	struct dirty_prefix *dirty;

	if (rib->telling)
		abort(); /* a listener changes the table: others would miss it */
	if (audiences) { /* news even if the best path stays */
		prefix->dirty |= RIB_DIRTY_LOCAL;
		note_local_change(family, id, audiences);
	}
	if (prefix->dirty & RIB_DIRTY)
		return;
	prefix->dirty |= RIB_DIRTY;
	family->dirty = memory_grow(family->dirty, &family->dirty_capacity, family->dirty_count + 1,
	    sizeof(*family->dirty));
	dirty = &family->dirty[family->dirty_count++];
	dirty->id = id;
	dirty->peer = best ? best->peer : 0;
	dirty->best = best ? attribute_set_hold(best->attributes) : NULL;
	dirty->multipath = rib_multipath_signature(family, prefix);
	rib_schedule(rib);
}

static bool is_unused(const struct rib_prefix *prefix)
{
	return !prefix->first.attributes && !prefix->holds && !(prefix->dirty & RIB_DIRTY);
}

/* Gives up the listed ids but those that have come into use again. */
static void give_up_unused(struct rib_family *family)
{
	size_t count = 0;

	for (size_t i = 0; i < family->unused_count; i++) {
		struct rib_prefix *prefix = rib_family_prefix(family, family->unused[i]);

		prefix->dirty &= (uint8_t)~RIB_DIRTY_UNUSED;
		if (is_unused(prefix))
			family->unused[count++] = family->unused[i];
	}
	prefix_table_remove(&family->prefixes, family->unused, count);
	family->unused_count = 0;
}

static void list_if_unused(struct rib *rib, struct rib_family *family, uint32_t id)
{
	struct rib_prefix *prefix = rib_family_prefix(family, id);

	if (!is_unused(prefix) || prefix->dirty & RIB_DIRTY_UNUSED)
		return;
	prefix->dirty |= RIB_DIRTY_UNUSED;
	family->unused[family->unused_count++] = id;
	if (family->unused_count == PREFIX_TABLE_REMOVED_MAX)
		give_up_unused(family);
	else if (family->unused_count == 1)
		rib_schedule(rib);
}

void rib_hold_prefix(struct rib *rib, enum ip_family family, uint32_t id)
{
	rib_family_prefix(&rib->families[family], id)->holds++;
}

void rib_release_prefix(struct rib *rib, enum ip_family family, uint32_t id)
{
	rib_family_prefix(&rib->families[family], id)->holds--;
	list_if_unused(rib, &rib->families[family], id);
	if (rib_family_has_shrunk(&rib->families[family]))
		rib_schedule(rib);
}

/* Whether a dirty prefix is news for this listener. */
static bool is_news(const struct rib_family *family, const struct dirty_prefix *dirty,
    const struct rib_listener *listener)
{
	struct rib_prefix *prefix = rib_family_prefix(family, dirty->id);
	const struct rib_path *best = rib_best_path(prefix);

	if (listener->aigp_costs)
		return prefix->dirty & RIB_DIRTY_COST;
	return listener->every_path || (best ? best->attributes : NULL) != dirty->best ||
	       (best && best->peer != dirty->peer) || prefix->dirty & RIB_DIRTY_LOCAL ||
	       (listener->multipath && rib_multipath_signature(family, prefix) != dirty->multipath);
}

static int compare_ids(const void *a, const void *b)
{
	const struct local_change *p = a, *q = b;

	return (p->id > q->id) - (p->id < q->id);
}

static struct local_change *find_local_change(const struct rib_family *family, uint32_t id)
{
	const struct local_change key = {.id = id};

	if (!family->local_change_count)
		return NULL;
	return bsearch(
	    &key, family->local_changes, family->local_change_count, sizeof(key), compare_ids);
}

static void sort_local_changes(struct rib_family *family)
{
	struct local_change *changes = family->local_changes;
	size_t kept = 0;

	if (!family->local_change_count)
		return;
	qsort(changes, family->local_change_count, sizeof(*changes), compare_ids);
	for (size_t i = 1; i < family->local_change_count; i++) {
		if (changes[i].id == changes[kept].id)
			changes[kept].audiences |= changes[i].audiences;
		else
			changes[++kept] = changes[i];
	}
	family->local_change_count = kept + 1;
}

/* Where a learned route was or is the best one, it concerns everybody. */
static void widen_local_changes(struct rib_family *family)
{
	for (size_t i = 0; family->local_change_count && i < family->dirty_count; i++) {
		const struct dirty_prefix *dirty = &family->dirty[i];
		struct rib_prefix *prefix = rib_family_prefix(family, dirty->id);
		const struct rib_path *best = rib_best_path(prefix);
		struct local_change *change;

		if (!(prefix->dirty & RIB_DIRTY_LOCAL) ||
		    ((!dirty->best || dirty->peer == RIB_PEER_LOCAL) &&
			(!best || best->peer == RIB_PEER_LOCAL)))
			continue;
		change = find_local_change(family, dirty->id);
		if (change)
			change->audiences = UINT64_MAX;
	}
}

uint64_t rib_changed_audiences(const struct rib *rib, enum ip_family family, uint32_t id)
{
	const struct rib_family *where = &rib->families[family];
	const struct local_change *change = NULL;

	if (rib_family_prefix(where, id)->dirty & RIB_DIRTY_LOCAL)
		change = find_local_change(where, id);
	return change ? change->audiences : UINT64_MAX;
}

uint64_t rib_next_telling(struct rib *rib)
{
	rib_schedule(rib);
	return rib->tellings + 1;
}

bool rib_has_told(const struct rib *rib, uint64_t telling)
{
	return rib->tellings >= telling;
}

static void tell_listener(struct rib *rib, enum ip_family which, struct rib_listener *listener)
{
	struct rib_family *family = &rib->families[which];
	struct rib_change change = {.family = which};

	rib->batch =
	    memory_grow(rib->batch, &rib->batch_capacity, family->dirty_count, sizeof(*rib->batch));
	for (size_t i = 0; i < family->dirty_count; i++)
		if (is_news(family, &family->dirty[i], listener))
			rib->batch[change.count++] = family->dirty[i].id;
	change.ids = rib->batch;
	if (change.count)
		listener->changed(listener->arg, &change);
}

static void shrink_changes(struct rib *rib, struct rib_family *family)
{
	if (family->dirty_capacity > CHANGES_KEPT) {
		free(family->dirty);
		family->dirty = NULL;
		family->dirty_capacity = 0;
	}
	if (family->local_change_capacity > CHANGES_KEPT) {
		free(family->local_changes);
		family->local_changes = NULL;
		family->local_change_capacity = 0;
	}
	if (rib->batch_capacity > CHANGES_KEPT) {
		free(rib->batch);
		rib->batch = NULL;
		rib->batch_capacity = 0;
	}
}

static void tell_of_family(struct rib *rib, enum ip_family which)
{
	struct rib_family *family = &rib->families[which];

	if (!family->dirty_count)
		return;
	sort_local_changes(family);
	widen_local_changes(family);
	rib->telling = true;
	for (struct rib_listener *listener = rib->listeners, *next; listener; listener = next) {
		next = listener->next;
		tell_listener(rib, which, listener);
	}
	rib->telling = false;
	for (size_t i = 0; i < family->dirty_count; i++) {
		struct dirty_prefix *dirty = &family->dirty[i];

		rib_family_prefix(family, dirty->id)->dirty &= RIB_DIRTY_UNUSED;
		if (dirty->best)
			attribute_set_release(&rib->store, dirty->best);
		list_if_unused(rib, family, dirty->id);
	}
	family->dirty_count = 0;
	family->local_change_count = 0;
	shrink_changes(rib, family);
}

static bool has_path_to_tell_anew(
    const struct rib *rib, const struct rib_family *family, const struct rib_prefix *prefix)
{
	for (const struct rib_path *path = &prefix->first; path;
	     path = rib_family_next_path(family, path))
		if (rib->peers[path->peer]->tell_anew)
			return true;
	return false;
}

/*
 * All in one turn: what a neighbour is sent depends on these peers, and two that have been sent
 * different things of a table that did not change would not be told apart.
 */
static void mark_paths_to_tell_anew(struct rib *rib)
{
	if (!rib->tell_anew)
		return;
	for (enum ip_family which = 0; which < IP_FAMILIES; which++) {
		struct rib_family *family = &rib->families[which];
		uint32_t limit = rib_limit(rib, which);

		for (uint32_t id = 1; id < limit; id++) {
			const struct rib_prefix *prefix = rib_family_prefix_at(family, id);

			if (prefix && has_path_to_tell_anew(rib, family, prefix))
				rib_mark_dirty(rib, family, id, UINT64_MAX);
		}
	}
	for (uint32_t i = 0; i < rib->peer_limit; i++)
		if (rib->peers[i])
			rib->peers[i]->tell_anew = false;
	rib->tell_anew = false;
}

void rib_peer_set_reflector_client(struct rib *rib, struct rib_peer *peer, bool client)
{
	if (peer->reflector_client == client)
		return;
	peer->reflector_client = client;
	peer->tell_anew = rib->tell_anew = true;
	rib_schedule(rib);
}

void rib_tell_listeners(struct rib *rib)
{
	if (rib->telling)
		return;
	mark_paths_to_tell_anew(rib);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		tell_of_family(rib, family);
		give_up_unused(&rib->families[family]);
	}
	rib->tellings++;
	rib_tell_limits(rib);
}

void rib_release_changes(struct rib *rib, struct rib_family *family)
{
	for (size_t i = 0; i < family->dirty_count; i++)
		if (family->dirty[i].best)
			attribute_set_release(&rib->store, family->dirty[i].best);
	family->dirty_count = 0;
	free(family->dirty);
	family->dirty = NULL;
	free(family->local_changes);
	family->local_changes = NULL;
	family->local_change_count = 0;
}

void rib_add_listener(struct rib *rib, struct rib_listener *listener)
{
	struct rib_listener **end = &rib->listeners;

	while (*end)
		end = &(*end)->next;
	listener->next = NULL;
	*end = listener;
}

void rib_remove_listener(struct rib *rib, struct rib_listener *listener)
{
	for (struct rib_listener **at = &rib->listeners; *at; at = &(*at)->next) {
		if (*at == listener) {
			*at = listener->next;
			return;
		}
	}
}
