/*
 * What the files of the table share, from the bottom up: lookup.c (reading), best_path.c (the
 * decision process over the paths of a prefix), table_memory.c (what it takes), changes.c (what
 * has changed and who is told), paths.c (adding and removing a path), sweep.c (work that touches
 * every prefix) and rib.c (the whole).  None calls one above it.  Not for others, the RIB's own
 * export included.
 */
#ifndef RIB_TABLE_PRIVATE_H
#define RIB_TABLE_PRIVATE_H

#include "base/round.h"
#include "rib/prefix_table.h"
#include "rib/table.h"

/* What listeners were told last of a prefix that has changed since. */
struct dirty_prefix {
	uint32_t id;
	uint16_t peer; /* of the best path */
	struct attribute_set *best; /* holds a reference; NULL: there was none */
	uint64_t multipath; /* signature of the equal-cost set */
};

/* For whom paths of this node have changed. */
struct local_change {
	uint32_t id;
	uint64_t audiences; /* bits as in struct attribute_set */
};

struct rib_family {
	struct prefix_table prefixes;
	struct slab paths; /* but the first of each prefix */
	struct dirty_prefix *dirty;
	size_t dirty_count;
	size_t dirty_capacity;
	struct local_change *local_changes; /* ascending, each id once, while listeners are told */
	size_t local_change_count;
	size_t local_change_capacity;
	uint32_t unused[PREFIX_TABLE_REMOVED_MAX]; /* ids to be given up, together */
	size_t unused_count;
	uint32_t prefix_count; /* with paths */
	uint32_t path_count;
	uint32_t told_limit; /* of ids, the largest since listeners were told that it fell */
	struct round sweep;
	bool sweep_refilters; /* paths of the peers that say so */
	bool sweep_decides; /* every prefix with several paths */
};

struct rib {
	struct loop *loop;
	struct loop_task task;
	struct rib_family families[IP_FAMILIES];
	struct attribute_store store;
	struct rib_listener *listeners;
	bool telling; /* a listener is being called */
	uint64_t tellings; /* how often listeners were told, whether there was anything or not */
	struct rib_peer **peers;
	size_t peer_capacity;
	uint32_t peer_limit; /* indices below are in use or NULL */
	uint32_t closing_peers;
	bool tell_anew; /* so are some peers */
	struct rib_next_hop **dirty_next_hops;
	size_t dirty_next_hop_count;
	size_t dirty_next_hop_capacity;
	struct rib_next_hop_ops tracker;
	void *tracker_arg;
	rib_refilter *filtered; /* NULL: nothing was ever filtered */
	void *filtered_arg;
	uint32_t multipath;
	uint32_t *batch; /* ids for one call of a listener */
	size_t batch_capacity;
};

static inline struct rib_prefix *rib_family_prefix(const struct rib_family *family, uint32_t id)
{
	return prefix_table_item(&family->prefixes, id);
}

/* The prefix with this id, or NULL if there is none. */
static inline struct rib_prefix *rib_family_prefix_at(const struct rib_family *family, uint32_t id)
{
	const struct slab *slab = &family->prefixes.slab;
	struct rib_prefix *prefix;

	if (!id || id >> SLAB_CHUNK_BITS >= slab->chunk_count || !slab_has_chunk(slab, id))
		return NULL;
	prefix = rib_family_prefix(family, id);
	return prefix->first.attributes ? prefix : NULL;
}

static inline struct rib_path *rib_family_next_path(
    const struct rib_family *family, const struct rib_path *path)
{
	return path->next ? slab_item(&family->paths, path->next) : NULL;
}

static inline struct rib_path *rib_prefix_first_path(struct rib_prefix *prefix)
{
	return prefix->first.attributes ? &prefix->first : NULL;
}

/*
 * True if the path is of an epoch before those that the peer's paths are kept of.  Epochs are
 * compared by their age, that is backward from the current one, so it does not matter when the
 * number comes round: that no path is older than 65535 epochs is seen to in sweep.c.
 */
static inline bool rib_path_is_doomed(
    const struct rib_path *path, const struct rib_peer *peer, enum ip_family family)
{
	uint16_t age = (uint16_t)(peer->epoch[family] - path->epoch);

	return age > (uint16_t)(peer->epoch[family] - peer->kept_epoch[family]);
}

static inline bool rib_peer_is_refreshing(const struct rib_peer *peer, enum ip_family family)
{
	return peer->epoch[family] != peer->kept_epoch[family];
}

/* best_path.c */
/* Runs the decision process: flags and places of the paths.  The prefix may have none. */
void rib_decide(struct rib *rib, struct rib_family *family, struct rib_prefix *prefix);
/* A number that another equal-cost set would not have. */
uint64_t rib_multipath_signature(const struct rib_family *family, struct rib_prefix *prefix);

/* table_memory.c */
/* Listeners are to be told that there are far fewer ids than there were. */
bool rib_family_has_shrunk(const struct rib_family *family);
void rib_tell_limits(struct rib *rib);

/* changes.c */
/*
 * To be called before the prefix changes; `audiences`: of the peers for whom a path of this node
 * does, 0: none does.
 */
void rib_mark_dirty(struct rib *rib, struct rib_family *family, uint32_t id, uint64_t audiences);
/* Runs the task of the table at the end of this turn. */
void rib_schedule(struct rib *rib);
/* Forgets all changes. */
void rib_release_changes(struct rib *rib, struct rib_family *family);

/* paths.c */
/* Adds `step` (1 or -1) to every counter in which the path counts. */
void rib_count_path(
    struct rib *rib, enum ip_family which, const struct rib_path *path, uint32_t step);
/* Removes the paths of the prefix that wait for the sweep. */
void rib_remove_doomed_paths(struct rib *rib, enum ip_family which, uint32_t id);

/* sweep.c */
/* The next step of a running sweep: some hundred ids of each family. */
void rib_sweep_step(struct rib *rib);
/* Finishes a running sweep. */
void rib_sweep_all(struct rib *rib);
/* Frees the peers that are closing and have no path left. */
void rib_free_closed_peers(struct rib *rib);
/* A next hop is about to be freed. */
void rib_forget_dirty_next_hop(struct rib *rib, const struct rib_next_hop *next_hop);

#endif
