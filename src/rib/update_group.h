/*
 * Update groups: peers that are sent the same bytes, and what they have been sent.
 *
 * A group encodes a changed prefix once, packed with others of the same attributes, into a shared
 * buffer that the session of every member takes a reference of.  The members of a group are in
 * streams.  A stream is a position in the history: a bitmap of the prefixes that its members have
 * been advertised, and a bitmap of those that changed since and are not yet encoded.  Members of
 * one stream have been sent exactly the same, but that none is sent its own routes back.  Where
 * several paths of a prefix may be sent (RFC 7911), a stream notes each of them: stream_paths.h.
 *
 * A member whose queue stays full while others wait for more leaves for a stream of its own, where
 * a change costs a bit and not bytes, until it has caught up.  A stream with nothing pending has
 * advertised what the table exports, so two such streams are the same and become one.  A new
 * member starts in a stream that has advertised nothing and has everything pending, and members
 * that start together share it.  So the initial dump, the slow peer and the refresh are one
 * mechanism, memory is bounded by the table and never by the churn, and no peer waits for another.
 *
 * Called by the speaker.
 */
#ifndef RIB_UPDATE_GROUP_H
#define RIB_UPDATE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/loop.h"
#include "base/shared_buffer.h"
#include "rib/export.h"
#include "rib/table.h"

struct update_groups;
struct update_group_member;

struct update_group_member_ops {
	/*
	 * Queue the messages; hold a reference as long as needed.  If that fails, this member or any
	 * other may leave at once, but nothing else may be called, nor the table changed.
	 */
	void (*send)(void *arg, struct shared_buffer *buffer);
	/* For now nothing more is sent: what is queued shall leave.  NULL: need not be told. */
	void (*push)(void *arg);
	/* Bytes queued and not yet taken by the socket. */
	size_t (*queued)(void *arg);
};

/* With a NULL loop (tests, benches) the caller calls update_groups_run(). */
struct update_groups *update_groups_new(struct rib *rib, struct loop *loop);
/* Every member must have left. */
void update_groups_free(struct update_groups *groups);
/* Tells the RIB's listeners, then encodes until nothing is pending or nobody takes more. */
void update_groups_run(struct update_groups *groups);

/*
 * A peer that came up: it is sent the whole table and then End-of-RIB, family by family.  `source`
 * is its rib_peer, before whose end it must leave: a route is not sent back to where it came from.
 * The key's filters are borrowed until the member leaves or moves.
 */
struct update_group_member *update_group_join(struct update_groups *groups,
    const struct export_key *key, const struct rib_peer *source,
    const struct update_group_member_ops *ops, void *arg);
void update_group_leave(struct update_group_member *member);
/* The member's queue has room again. */
void update_group_resume(struct update_group_member *member);
/*
 * Everything of the family is sent again (RFC 2918), between two marks if `marked` (RFC 7313 4):
 * not before End-of-RIB, and asked for again and again it is answered once more after what is
 * under way.
 */
void update_group_refresh(struct update_group_member *member, enum ip_family family, bool marked);
/* The key changed (a reload): what differs from what was sent is sent, nothing else. */
void update_group_move(struct update_group_member *member, const struct export_key *key);
/* The same filter at another place (a reload that did not change it): nobody moves. */
void update_groups_replace_filter(
    struct update_groups *groups, const struct policy_filter *old, const struct policy_filter *new);

/* True if the member's session has been given the whole table and End-of-RIB, of every family. */
bool update_group_sent_end_of_rib(const struct update_group_member *member);
/* How many paths of the family the member has been advertised; without add-path, prefixes. */
uint32_t update_group_advertised(const struct update_group_member *member, enum ip_family family);

struct update_group_route {
	const struct rib_path *path; /* in the table */
	uint32_t path_id; /* the Path Identifier that it was sent with; 0: without add-path */
	struct bgp_attributes attributes; /* as on the wire */
};

/*
 * What the member has been sent for the prefix, path by path: `*cursor` is 0 for the first one;
 * false if there is no more.  Valid until the arena is reset and while the table does not change.
 */
bool update_group_show(const struct update_group_member *member, enum ip_family family,
    uint32_t prefix_id, uint32_t *cursor, struct arena *arena, struct update_group_route *shown);

/* For tests and metrics.  Bytes of what streams note, and of what is being encoded. */
size_t update_groups_memory(const struct update_groups *groups);
size_t update_groups_count(const struct update_groups *groups);
size_t update_groups_stream_count(const struct update_groups *groups);

#endif
