/*
 * The routing table: per family a hash table of prefixes, each with its paths, best first.  A path
 * is an attribute set from a peer.  A change runs the decision process for that prefix at once and
 * marks it; at the end of the turn of the event loop every listener (update groups, FIB) is handed
 * the prefixes whose outcome may have changed, each once.
 *
 * The table is the only writer of prefixes and paths; listeners read.  Prefix ids are dense, stay
 * for the life of the prefix, and are used by listeners to index their own arrays and bitmaps.  An
 * id is given up once every listener has been told that the prefix has no paths, and no listener
 * holds it (rib_hold_prefix) because something about it is still to be sent.
 *
 * Work that touches every prefix (a peer went down, a next hop changed) is one sweep over the slab,
 * cut into slices of a turn each.  A path says in which epoch of its peer it was learned: one of an
 * earlier epoch is stale.  A stale path stays in use while the peer sends everything again, and is
 * removed as the sweep comes by once the peer has not sent it again or is gone.
 */
#ifndef RIB_TABLE_H
#define RIB_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/loop.h"
#include "base/slab.h"
#include "policy/filter.h"
#include "rib/attribute_set.h"

/* One source of paths: this node itself, or a BGP neighbour.  Owned by the table. */
struct rib_peer {
	uint16_t index; /* in the table; RIB_PEER_LOCAL is this node */
	bool in_use;
	enum policy_source source; /* local, ebgp or ibgp */
	/* RFC 4456: its routes go to everybody.  Set by rib_peer_set_reflector_client(). */
	bool reflector_client;
	bool tell_anew; /* it was changed in this turn: listeners are to look at its paths */
	uint32_t identifier; /* its router ID, host order: RFC 4271 9.1.2.2 f */
	struct ip_address address; /* RFC 4271 9.1.2.2 g */
	bool closing; /* freed when the sweep has taken its last path */
	uint16_t epoch[IP_FAMILIES]; /* of its paths; an earlier one's are stale */
	/* Stale paths of this epoch and later ones stay while the peer sends all again. */
	uint16_t kept_epoch[IP_FAMILIES];
	uint16_t oldest_epoch[IP_FAMILIES]; /* no path is older */
	void *owner; /* the speaker's peer, for those above; NULL: this node */
	uint32_t paths[IP_FAMILIES]; /* that are not to be removed, filtered ones included */
	uint32_t accepted_paths[IP_FAMILIES]; /* those of them that import policy let through */
	uint32_t renewed_paths[IP_FAMILIES]; /* during a refresh: those that are not stale */
	uint32_t renewed_accepted_paths[IP_FAMILIES];
	uint32_t stale_paths[IP_FAMILIES]; /* to be removed by the sweep, still in the table */
	bool refilter[IP_FAMILIES]; /* the sweep judges its paths again */
	uint64_t refused_paths; /* for which rib_update() found no room */
};

#define RIB_PEER_LOCAL 0
#define RIB_PEERS_MAX 65535

/* Paths with different Path Identifiers that one peer may have for one prefix (RFC 7911). */
#define RIB_PATHS_PER_PEER_MAX 256

enum rib_path_flags {
	RIB_PATH_FILTERED = 1 << 0, /* import policy rejected it: kept only to be shown */
	RIB_PATH_MULTIPATH = 1 << 1, /* in the equal-cost set of the best one (which has it too) */
	RIB_PATH_USABLE = 1 << 2, /* a candidate: not filtered, next hop reachable */
	RIB_PATH_MODIFIED = 1 << 3, /* import policy changed its attributes */
	RIB_PATH_REASON = 7 << 4 /* why it was rejected: a number of the importer's own */
};

#define RIB_PATH_REASON_SHIFT 4

/* 24 bytes.  The best path is the first of its prefix. */
struct rib_path {
	struct attribute_set *attributes; /* NULL: no path (the first one of an empty prefix) */
	uint32_t path_id; /* RFC 7911, or the index of the advertisement */
	uint32_t next; /* id of the next path; 0: none */
	uint16_t peer; /* index of its rib_peer */
	uint8_t flags; /* of enum rib_path_flags, or'ed */
	uint8_t lost_at; /* enum decision_step at which it lost to the best one */
	uint16_t epoch; /* of the peer, when it was learned */
	/*
	 * The Path Identifier under which we send it (RFC 7911 3): not 0, unique among the paths of
	 * the prefix, and the same for the life of the path.
	 */
	uint16_t send_id;
};

enum rib_dirty {
	RIB_DIRTY = 1 << 0,
	RIB_DIRTY_LOCAL = 1 << 1, /* a path of this node changed */
	RIB_DIRTY_COST = 1 << 2, /* the next hop of a best path with AIGP */
	RIB_DIRTY_UNUSED = 1 << 3 /* in the list of those whose ids may be given up */
};

/* 48 bytes, with the first path in place. */
struct rib_prefix {
	struct ip_prefix prefix;
	uint8_t dirty; /* enum rib_dirty: in the list of changed prefixes */
	uint32_t holds; /* see rib_hold_prefix() */
	struct rib_path first;
};

/* A batch of changed prefixes of one family. */
struct rib_change {
	enum ip_family family;
	const uint32_t *ids;
	size_t count;
};

struct rib_listener {
	/*
	 * Prefixes with another best path than when this listener was told last (for a prefix with
	 * local paths: with any change), or, with `multipath`, another equal-cost set too.  May hold
	 * and release prefixes and resolve next hops, but must not change paths.
	 */
	void (*changed)(void *arg, const struct rib_change *change);
	void *arg;
	/*
	 * Optional: ids of the family from `limit` on are not in use, where there were four times as
	 * many.  Arrays by id may shrink.  May not touch the table.
	 */
	void (*shrunk)(void *arg, enum ip_family family, uint32_t limit);
	bool multipath;
	bool every_path; /* told of any change of any path, also of one that is not the best */
	/* Told only of prefixes whose best path has AIGP and a next hop that changed. */
	bool aigp_costs;
	struct rib_listener *next;
};

/* About as many prefixes as a core has misses under way. */
#define RIB_BATCH_MAX 32

/* Some prefixes of one family, as they stand in a message. */
struct rib_batch {
	enum ip_family family;
	size_t count;
	struct ip_prefix prefixes[RIB_BATCH_MAX];
	uint32_t path_ids[RIB_BATCH_MAX];
	uint64_t hashes[RIB_BATCH_MAX]; /* of the table's own */
};

struct rib_options {
	uint64_t hash_seed;
	uint32_t multipath; /* equal-cost paths to mark, at most; 1: the best one only */
};

struct rib;

/* The loop runs the deferred task; NULL (tests, benches): the caller calls rib_flush(). */
struct rib *rib_new(struct loop *loop, const struct rib_options *options);
/* Every listener must have been removed. */
void rib_free(struct rib *rib);
/* Listeners are told in the order in which they were added; the struct is the caller's. */
void rib_add_listener(struct rib *rib, struct rib_listener *listener);
void rib_remove_listener(struct rib *rib, struct rib_listener *listener);
/*
 * Before the first path; `ops` NULL: no tracker (any more).  Without one, next hops are reachable
 * from the moment they appear.
 */
void rib_set_next_hop_tracker(struct rib *rib, const struct rib_next_hop_ops *ops, void *arg);
/* Changes how many equal-cost paths are marked, and decides everything anew, in slices. */
void rib_set_multipath(struct rib *rib, uint32_t multipath);
struct attribute_store *rib_attribute_store(struct rib *rib);

/* NULL if RIB_PEERS_MAX are in use.  The caller fills in what follows `in_use`. */
struct rib_peer *rib_peer_new(struct rib *rib);
/*
 * Who sends under this peer from now on, before its first path.  Bytes and decisions depend on it:
 * if paths of another one wait for the sweep, these stay under the old peer, which is freed, and
 * what is returned is a new one like it.  Nobody else may hold the old one then.
 */
struct rib_peer *rib_peer_identify(
    struct rib *rib, struct rib_peer *peer, enum policy_source source, uint32_t identifier);
/* To whom its routes go changes with that, also of those that are there, in one walk of a turn. */
void rib_peer_set_reflector_client(struct rib *rib, struct rib_peer *peer, bool client);
/* Withdraws what it still has; the struct is gone at the end of the turn that completes this. */
void rib_peer_free(struct rib *rib, struct rib_peer *peer);
struct rib_peer *rib_peer_at(const struct rib *rib, uint16_t index);
/* One past the largest index in use. */
uint32_t rib_peer_limit(const struct rib *rib);

/*
 * Sets the path (peer, path_id) of the prefix: added, or replaced (implicit withdraw).  `flags` may
 * hold RIB_PATH_FILTERED and RIB_PATH_MODIFIED.  Takes a reference of its own on the set.  False if
 * there is no room for it: the peer has RIB_PATHS_PER_PEER_MAX other paths of the prefix.
 */
bool rib_update(struct rib *rib, struct rib_peer *peer, const struct ip_prefix *prefix,
    uint32_t path_id, struct attribute_set *attributes, uint8_t flags);
/*
 * Optional, for callers that know several prefixes ahead: what updates and withdrawals of them will
 * look at is fetched from memory for all at the same time, not one after the other.  First where
 * they stand in the table; then, as soon as something else has been done, their paths.
 */
void rib_prefetch(const struct rib *rib, struct rib_batch *batch);
void rib_prefetch_paths(const struct rib *rib, const struct rib_batch *batch);
/* Removes it; false if there was none. */
bool rib_withdraw(
    struct rib *rib, struct rib_peer *peer, const struct ip_prefix *prefix, uint32_t path_id);
/* Removes every path that the peer has now in the family, in slices. */
void rib_withdraw_peer(struct rib *rib, struct rib_peer *peer, enum ip_family family);
/*
 * The peer begins to send everything of the family again (RFC 7313 4): what it has sent before
 * stays in use and is counted, but is stale; with the end, what it has not sent again is removed,
 * in slices.  A begin within a begin begins anew; an end without a begin is ignored.
 */
void rib_begin_refresh(struct rib *rib, struct rib_peer *peer, enum ip_family family);
void rib_end_refresh(struct rib *rib, struct rib_peer *peer, enum ip_family family);
/*
 * What import policy makes of a path now: true if it rejects it.  Asked in slices, so it is set
 * once, and stays valid: what it says may change between two slices.
 */
typedef bool rib_refilter(void *arg, const struct rib_peer *peer, const struct ip_prefix *prefix,
    const struct rib_path *path);
void rib_set_refilter(struct rib *rib, rib_refilter *filtered, void *arg);
/*
 * Decides about RIB_PATH_FILTERED again for each unmodified path of the peer, in slices; asked for
 * again meanwhile, it begins anew.
 */
void rib_refilter_peer(struct rib *rib, struct rib_peer *peer, enum ip_family family);

/* What the tracker knows of a next hop; prefixes that use it are decided anew. */
void rib_next_hop_resolve(
    struct rib *rib, struct rib_next_hop *next_hop, bool reachable, uint32_t cost);
/* Changes of next hops or of whole peers are on their way to the prefixes that they concern. */
bool rib_is_sweeping(const struct rib *rib);
/* Hands all pending changes to the listeners now. */
void rib_tell_listeners(struct rib *rib);
/*
 * In a change: for which audiences a prefix has changed, where that is known.  All bits, unless it
 * had and has paths of this node only, or these are the best ones.
 */
uint64_t rib_changed_audiences(const struct rib *rib, enum ip_family family, uint32_t id);
/* The next time that listeners are told, at the end of this turn at the latest, and if it is over. */
uint64_t rib_next_telling(struct rib *rib);
bool rib_has_told(const struct rib *rib, uint64_t telling);
/* Finishes the sweep and tells the listeners. */
void rib_flush(struct rib *rib);

/*
 * For listeners that still have something to send about a prefix: its id stays (with no paths,
 * perhaps) until it is released as often as it was held.
 */
void rib_hold_prefix(struct rib *rib, enum ip_family family, uint32_t id);
void rib_release_prefix(struct rib *rib, enum ip_family family, uint32_t id);
/* The prefix of an id that is held or in a change, with paths or without. */
const struct ip_prefix *rib_held_prefix(const struct rib *rib, enum ip_family family, uint32_t id);
/* The id of a prefix that has paths or is held; 0: none. */
uint32_t rib_find_held(const struct rib *rib, const struct ip_prefix *prefix);

/* What the table takes from the system, in bytes, empty and spare room included. */
struct rib_memory {
	size_t prefixes; /* and the first path of each */
	size_t paths; /* further ones */
	size_t attributes; /* sets and next hops */
	size_t changes; /* of a turn */
};

struct rib_memory rib_memory(const struct rib *rib);

/* Reading.  A prefix without paths is not found; `id` (may be NULL) is 0 then. */
const struct rib_prefix *rib_find(
    const struct rib *rib, const struct ip_prefix *prefix, uint32_t *id);
/* The most specific prefix with a usable path that holds the address; NULL: none.  As above. */
const struct rib_prefix *rib_longest_match(
    const struct rib *rib, const struct ip_address *address, uint32_t *id);
/* The most specific prefix with paths, usable or not, of at most so many bits that holds it. */
const struct rib_prefix *rib_covering_prefix(
    const struct rib *rib, const struct ip_address *address, unsigned longest);
/* The prefix with this id (of a change, held, or below rib_limit()); NULL if there is none. */
const struct rib_prefix *rib_prefix_at(const struct rib *rib, enum ip_family family, uint32_t id);
/* Optional, for callers that know several ids ahead, all held or of prefixes with paths. */
void rib_prefetch_prefix(const struct rib *rib, enum ip_family family, uint32_t id);
/* One past the largest id in use. */
uint32_t rib_limit(const struct rib *rib, enum ip_family family);
/* The path after this one of the same prefix, or NULL. */
const struct rib_path *rib_path_next(
    const struct rib *rib, enum ip_family family, const struct rib_path *path);
/* The best path, or NULL if no path is usable. */
const struct rib_path *rib_best_path(const struct rib_prefix *prefix);
/*
 * Moves the best `wanted` of these usable paths of one prefix to the front, the best one first: the
 * decision process, run once for each place among those that are left.
 */
void rib_rank_paths(
    const struct rib *rib, const struct rib_path **paths, size_t count, size_t wanted);
/*
 * Which of these paths of one prefix would be the best one, if they were all that can be used and
 * their next hops had these costs; `count` is not 0.
 */
size_t rib_best_of(const struct rib *rib, const struct rib_path *const *paths,
    const uint32_t *costs, size_t count);
uint32_t rib_prefix_count(const struct rib *rib, enum ip_family family);
uint32_t rib_path_count(const struct rib *rib, enum ip_family family);

#endif
