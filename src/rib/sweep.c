/*
 * Work that touches every prefix.
 *
 * A sweep goes once round the slab of a family, from where the last one ended, for as long as the
 * turn has time.  One that is asked for while another runs begins where that one is: both are done
 * when it comes round again.  Ids that are added meanwhile are passed too, at most once.  It
 * removes stale paths that are not kept, asks import policy again about the paths of peers that are
 * marked for it, and decides anew about prefixes whose next hops have changed, or about all; a mark
 * stays until the sweep comes round, that of a next hop until both families have been swept.
 *
 * A peer that goes down, or begins to send everything again, moves to the next epoch, so that all
 * its paths are stale at once, without touching them.  Epochs have 16 bits, and the age of the
 * oldest path is bounded: see begin_epoch().
 */
#include <stdlib.h>

#include "base/memory.h"
#include "rib/table_private.h"

/* Ids of a family that a step passes. */
#define SWEEP_STEP 256

static void start_sweep(struct rib *rib, enum ip_family which)
{
	round_start(&rib->families[which].sweep);
	rib_schedule(rib);
}

/*
 * The age in epochs that a path may reach.  One that waits for the sweep ages while its peer goes
 * on; what the peer itself can make go on, a refresh, ends at half of what 16 bits can count.
 */
enum { AGE_MAX = UINT16_MAX, REFRESH_AGE_MAX = UINT16_MAX / 2 };

/* Makes all paths of the peer stale, unless some of them are too old for that already. */
static bool begin_epoch(struct rib_peer *peer, enum ip_family family, uint16_t age_max)
{
	if (!peer->stale_paths[family])
		peer->oldest_epoch[family] = peer->kept_epoch[family];
	if ((uint16_t)(peer->epoch[family] - peer->oldest_epoch[family]) >= age_max)
		return false;
	peer->epoch[family]++;
	peer->renewed_paths[family] = 0;
	peer->renewed_accepted_paths[family] = 0;
	return true;
}

void rib_withdraw_peer(struct rib *rib, struct rib_peer *peer, enum ip_family family)
{
	if (peer->paths[family]) {
		if (!begin_epoch(peer, family, AGE_MAX)) {
			rib_sweep_all(rib);
			begin_epoch(peer, family, AGE_MAX);
		}
		peer->stale_paths[family] += peer->paths[family];
		peer->paths[family] = 0;
		peer->accepted_paths[family] = 0;
		start_sweep(rib, family);
	}
	peer->kept_epoch[family] = peer->epoch[family];
}

void rib_begin_refresh(struct rib *rib, struct rib_peer *peer, enum ip_family family)
{
	(void)rib;
	begin_epoch(peer, family, REFRESH_AGE_MAX);
}

void rib_end_refresh(struct rib *rib, struct rib_peer *peer, enum ip_family family)
{
	if (!rib_peer_is_refreshing(peer, family))
		return;
	peer->kept_epoch[family] = peer->epoch[family];
	if (peer->paths[family] == peer->renewed_paths[family])
		return;
	peer->stale_paths[family] += peer->paths[family] - peer->renewed_paths[family];
	peer->paths[family] = peer->renewed_paths[family];
	peer->accepted_paths[family] = peer->renewed_accepted_paths[family];
	start_sweep(rib, family);
}

void rib_next_hop_resolve(
    struct rib *rib, struct rib_next_hop *next_hop, bool reachable, uint32_t cost)
{
	if (next_hop->reachable == reachable && next_hop->cost == cost)
		return;
	next_hop->reachable = reachable;
	next_hop->cost = cost;
	if (!next_hop->references)
		return;
	if (!next_hop->dirty) {
		next_hop->dirty = true;
		rib->dirty_next_hops =
		    memory_grow(rib->dirty_next_hops, &rib->dirty_next_hop_capacity,
			rib->dirty_next_hop_count + 1, sizeof(struct rib_next_hop *));
		rib->dirty_next_hops[rib->dirty_next_hop_count++] = next_hop;
	}
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		start_sweep(rib, family);
}

void rib_forget_dirty_next_hop(struct rib *rib, const struct rib_next_hop *next_hop)
{
	for (size_t i = 0; next_hop->dirty && i < rib->dirty_next_hop_count; i++) {
		if (rib->dirty_next_hops[i] == next_hop) {
			rib->dirty_next_hops[i] = rib->dirty_next_hops[--rib->dirty_next_hop_count];
			return;
		}
	}
}

/* RFC 7311 3.4: the cost of the way to the next hop is in what others are sent. */
static void note_cost(struct rib_prefix *prefix)
{
	const struct rib_path *best = rib_best_path(prefix);

	if (best && best->attributes->has_aigp && best->attributes->next_hop->dirty)
		prefix->dirty |= RIB_DIRTY_COST;
}

static bool uses_dirty_next_hop(const struct rib_family *family, struct rib_prefix *prefix)
{
	for (const struct rib_path *path = rib_prefix_first_path(prefix); path;
	     path = rib_family_next_path(family, path))
		if (path->attributes->next_hop->dirty)
			return true;
	return false;
}

/* Asks import policy about the paths of marked peers; true if it says another thing. */
static bool refilter_paths(struct rib *rib, enum ip_family which, uint32_t id)
{
	struct rib_family *family = &rib->families[which];
	struct rib_prefix *prefix = rib_family_prefix(family, id);
	bool changed = false;

	for (struct rib_path *path = rib_prefix_first_path(prefix); path;
	     path = rib_family_next_path(family, path)) {
		const struct rib_peer *peer = rib->peers[path->peer];
		bool was = path->flags & RIB_PATH_FILTERED;

		if (!peer->refilter[which] || path->flags & RIB_PATH_MODIFIED ||
		    rib->filtered(rib->filtered_arg, peer, &prefix->prefix, path) == was)
			continue;
		rib_mark_dirty(rib, family, id, 0);
		rib_count_path(rib, which, path, (uint32_t)-1);
		path->flags ^= RIB_PATH_FILTERED;
		rib_count_path(rib, which, path, 1);
		changed = true;
	}
	return changed;
}

static void sweep_prefix(struct rib *rib, enum ip_family which, uint32_t id)
{
	struct rib_family *family = &rib->families[which];
	struct rib_prefix *prefix = rib_family_prefix(family, id);
	bool decide;

	rib_remove_doomed_paths(rib, which, id);
	decide = family->sweep_refilters && refilter_paths(rib, which, id);
	if ((family->sweep_decides && prefix->first.next) ||
	    (rib->dirty_next_hop_count && uses_dirty_next_hop(family, prefix))) {
		rib_mark_dirty(rib, family, id, 0);
		decide = true;
	}
	if (!decide)
		return;
	rib_decide(rib, family, prefix);
	note_cost(prefix);
}

static void end_sweep(struct rib *rib, enum ip_family which)
{
	struct rib_family *family = &rib->families[which];

	for (uint32_t i = 0; family->sweep_refilters && i < rib->peer_limit; i++)
		if (rib->peers[i])
			rib->peers[i]->refilter[which] = false;
	family->sweep_refilters = false;
	family->sweep_decides = false;
}

static void sweep_some(struct rib *rib, enum ip_family which)
{
	struct rib_family *family = &rib->families[which];
	const uint32_t limit = rib_limit(rib, which);
	uint32_t id;

	if (!family->sweep.running)
		return;
	for (unsigned left = SWEEP_STEP; left && round_next(&family->sweep, limit, &id); left--)
		if (rib_family_prefix_at(family, id))
			sweep_prefix(rib, which, id);
	if (!family->sweep.running)
		end_sweep(rib, which);
}

bool rib_is_sweeping(const struct rib *rib)
{
	return rib->families[IPV4].sweep.running || rib->families[IPV6].sweep.running;
}

static void clean_next_hops(struct rib *rib)
{
	for (size_t i = 0; i < rib->dirty_next_hop_count; i++)
		rib->dirty_next_hops[i]->dirty = false;
	rib->dirty_next_hop_count = 0;
}

void rib_sweep_step(struct rib *rib)
{
	if (!rib_is_sweeping(rib))
		return;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		sweep_some(rib, family);
	if (!rib_is_sweeping(rib))
		clean_next_hops(rib);
}

void rib_sweep_all(struct rib *rib)
{
	while (rib_is_sweeping(rib))
		rib_sweep_step(rib);
}

static bool peer_has_paths(const struct rib_peer *peer)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		if (peer->paths[family] || peer->stale_paths[family])
			return true;
	return false;
}

void rib_free_closed_peers(struct rib *rib)
{
	for (uint32_t i = 0; rib->closing_peers && i < rib->peer_limit; i++) {
		struct rib_peer *peer = rib->peers[i];

		if (peer && peer->closing && !peer_has_paths(peer)) {
			rib->closing_peers--;
			rib->peers[i] = NULL;
			free(peer);
		}
	}
}

void rib_set_refilter(struct rib *rib, rib_refilter *filtered, void *arg)
{
	rib->filtered = filtered;
	rib->filtered_arg = arg;
}

void rib_refilter_peer(struct rib *rib, struct rib_peer *peer, enum ip_family which)
{
	if (!peer->paths[which])
		return;
	peer->refilter[which] = true;
	rib->families[which].sweep_refilters = true;
	start_sweep(rib, which);
}

void rib_set_multipath(struct rib *rib, uint32_t multipath)
{
	if (rib->multipath == multipath)
		return;
	rib->multipath = multipath;
	for (enum ip_family which = 0; which < IP_FAMILIES; which++) {
		rib->families[which].sweep_decides = true;
		start_sweep(rib, which);
	}
}
