/*
 * The table as a whole: its peers, its next hops, its turn.
 *
 * The files of the table stand on each other: lookup.c reads, best_path.c decides about one prefix,
 * changes.c notes what has changed and tells, paths.c adds and removes a path, sweep.c does what
 * touches every prefix, and this one makes, frees and drives them.
 */
#include "rib/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "rib/table_private.h"

static void track_next_hop(void *arg, struct rib_next_hop *next_hop)
{
	struct rib *rib = arg;

	if (rib->tracker.track)
		rib->tracker.track(rib->tracker_arg, next_hop);
	else
		next_hop->reachable = true;
}

static void untrack_next_hop(void *arg, struct rib_next_hop *next_hop)
{
	struct rib *rib = arg;

	rib_forget_dirty_next_hop(rib, next_hop);
	if (rib->tracker.untrack)
		rib->tracker.untrack(rib->tracker_arg, next_hop);
}

void rib_set_next_hop_tracker(struct rib *rib, const struct rib_next_hop_ops *ops, void *arg)
{
	rib->tracker = ops ? *ops : (struct rib_next_hop_ops){NULL, NULL};
	rib->tracker_arg = arg;
}

static void run_task(void *arg)
{
	struct rib *rib = arg;

	loop_name_work(rib->loop, "changes of the table");
	/* What a step changes is told before the clock is looked at: that takes longer. */
	do {
		rib_sweep_step(rib);
		rib_tell_listeners(rib);
	} while (rib_is_sweeping(rib) && !loop_should_yield(rib->loop));
	if (rib_is_sweeping(rib))
		rib_schedule(rib);
	else
		rib_free_closed_peers(rib);
}

void rib_flush(struct rib *rib)
{
	rib_sweep_all(rib);
	rib_tell_listeners(rib);
	rib_free_closed_peers(rib);
}

struct rib *rib_new(struct loop *loop, const struct rib_options *options)
{
	struct rib *rib = memory_allocate_zero(1, sizeof(*rib));
	struct rib_peer *local;

	rib->loop = loop;
	loop_task_init(&rib->task, run_task, rib);
	rib->multipath = options->multipath;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		prefix_table_init(
		    &rib->families[family].prefixes, sizeof(struct rib_prefix), options->hash_seed);
		slab_init(&rib->families[family].paths, sizeof(struct rib_path));
	}
	attribute_store_init(&rib->store, options->hash_seed);
	rib->store.ops = (struct rib_next_hop_ops){track_next_hop, untrack_next_hop};
	rib->store.ops_arg = rib;
	local = rib_peer_new(rib);
	local->source = POLICY_SOURCE_LOCAL;
	return rib;
}

static void release_family(struct rib *rib, enum ip_family which)
{
	struct rib_family *family = &rib->families[which];

	for (uint32_t id = 1; id < rib_limit(rib, which); id++) {
		const struct rib_prefix *prefix = rib_prefix_at(rib, which, id);

		for (const struct rib_path *path = prefix ? &prefix->first : NULL; path;
		     path = rib_family_next_path(family, path))
			attribute_set_release(&rib->store, path->attributes);
	}
	rib_release_changes(rib, family);
	prefix_table_release(&family->prefixes);
	slab_release(&family->paths);
}

void rib_free(struct rib *rib)
{
	if (rib->loop)
		loop_task_cancel(rib->loop, &rib->task);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		release_family(rib, family);
	for (uint32_t i = 0; i < rib->peer_limit; i++)
		free(rib->peers[i]);
	attribute_store_release(&rib->store);
	free(rib->peers);
	free(rib->dirty_next_hops);
	free(rib->batch);
	free(rib);
}

struct rib_peer *rib_peer_new(struct rib *rib)
{
	struct rib_peer *peer;
	uint32_t index = 0;

	while (index < rib->peer_limit && rib->peers[index])
		index++;
	if (index >= RIB_PEERS_MAX)
		return NULL;
	if (index == rib->peer_limit) {
		rib->peers = memory_grow(
		    rib->peers, &rib->peer_capacity, index + 1, sizeof(struct rib_peer *));
		rib->peer_limit++;
	}
	peer = memory_allocate_zero(1, sizeof(*peer));
	peer->index = (uint16_t)index;
	peer->in_use = true;
	rib->peers[index] = peer;
	return peer;
}

static bool has_stale_paths(const struct rib_peer *peer)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		if (peer->stale_paths[family])
			return true;
	return false;
}

/*
 * The index is not free before the listeners have been told of what is withdrawn: until then it
 * says whose path was the best one.
 */
void rib_peer_free(struct rib *rib, struct rib_peer *peer)
{
	peer->in_use = false;
	peer->closing = true;
	peer->owner = NULL;
	rib->closing_peers++;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		rib_withdraw_peer(rib, peer, family);
	rib_schedule(rib);
}

/* One like it, under which nothing was sent yet; NULL if there is no room. */
static struct rib_peer *succeed_peer(struct rib *rib, struct rib_peer *peer)
{
	struct rib_peer *successor = rib_peer_new(rib);

	if (!successor)
		return NULL;
	successor->reflector_client = peer->reflector_client;
	successor->address = peer->address;
	successor->owner = peer->owner;
	successor->refused_paths = peer->refused_paths;
	rib_peer_free(rib, peer);
	return successor;
}

/*
 * A path that is sent again as it was is no news, which it has to be if it goes out as that of
 * another router (ORIGINATOR_ID).  So it is the path of another peer, while the old one's wait to
 * be swept.
 */
struct rib_peer *rib_peer_identify(
    struct rib *rib, struct rib_peer *peer, enum policy_source source, uint32_t identifier)
{
	bool another = peer->source != source || peer->identifier != identifier;

	if (another && has_stale_paths(peer)) {
		struct rib_peer *successor = succeed_peer(rib, peer);

		if (successor)
			peer = successor;
		else
			rib_flush(rib); /* every peer that there can be is there */
	}
	peer->source = source;
	peer->identifier = identifier;
	return peer;
}
