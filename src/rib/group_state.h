/*
 * What the files of the update groups share, from the bottom up: update_group_due.c (which streams
 * have something to send), update_group_holds.c (which ids stay for them), update_group_changes.c
 * (what of the table is news for whom), update_group_streams.c (groups, streams and who is in
 * them), update_group_run.c, which encodes and sends, and update_group.c, what the speaker calls.
 * update_group_show.c only looks, update_group_memory.c says what they take and gives back.  None
 * calls one above it.
 */
#ifndef RIB_GROUP_STATE_H
#define RIB_GROUP_STATE_H

#include "rib/path_selection.h"
#include "rib/update_batch.h"
#include "rib/update_group.h"
#include "rib/update_stream.h"

struct update_stream {
	struct update_group *group;
	struct stream_state state;
	struct update_group_member *members;
	size_t member_count;
	struct update_stream *next;
	struct update_stream *next_due;
	struct update_stream *previous_due;
	bool is_due; /* in the list of those that are to be run */
	bool fresh; /* nothing encoded yet: others may still join */
	/*
	 * With add-path: from whom it is still to copy what was sent, and how far it has.  Neither
	 * plans anything meanwhile.  NULL: it has all.
	 */
	struct update_stream *copied_from;
	uint32_t copied_to[IP_FAMILIES];
	size_t copies; /* streams that copy from this one */
	/* The stream from which a member moved here, while nothing has happened since. */
	const struct update_stream *moved_from;
	uint64_t moved_at; /* the generation */
	uint64_t moved_before; /* the telling of the table before which its key was another; 0 */
};

struct update_group {
	struct update_groups *groups;
	struct export_key key;
	const struct policy_filter **filters; /* the key's array, our own copy */
	char *peer_name;
	struct update_stream *streams;
	struct update_group *next;
};

struct update_group_member {
	struct update_stream *stream;
	uint16_t peer; /* index of its rib_peer */
	bool left; /* in the middle of a run */
	struct update_group_member_ops ops;
	void *arg;
	struct update_group_member *next; /* in the stream */
	struct update_group_member *next_left; /* of those that are to be freed */
};

/* What was sent by streams that are gone, to be released. */
struct stream_remains {
	struct stream_paths paths;
	struct stream_remains *next;
};

/* Prefixes without paths whose ids are held for streams that have yet to send that they are gone. */
struct held_prefixes {
	struct bitmap ids;
	uint32_t count;
	size_t
	    at; /* the next word to look at for some that no stream waits for any more; goes round */
	size_t left; /* words to look at */
	bool looked_for; /* streams have taken some since the last round began */
};

struct update_groups {
	struct rib *rib;
	struct loop *loop;
	struct loop_task task;
	uint64_t gathers_since; /* loop_now() at which a run was first put off; 0: none was */
	struct rib_listener listener;
	struct rib_listener path_listener; /* for groups with add-path, while there are any */
	size_t add_path_groups;
	struct rib_listener cost_listener; /* for groups with AIGP, while there are any */
	size_t aigp_groups;
	struct update_group *groups;
	struct update_stream *first_due; /* in the order in which they get their turn */
	struct update_stream *last_due;
	struct held_prefixes held[IP_FAMILIES];
	struct stream_remains *remains;
	struct update_group_member **members; /* by index of rib_peer */
	size_t member_capacity;
	struct update_batch batch;
	struct path_selection selection;
	uint64_t generation; /* counts what makes two streams that were equal differ */
	bool running;
	bool merge_put_off; /* until a sweep of the table is over */
	struct update_group_member *left; /* during the run */
};

/* update_group_due.c */
/* True if it has nothing to do. */
bool update_stream_is_idle(const struct update_stream *stream);
/* Runs the stream in a turn of the loop, if it has something to do or another one to merge with. */
void update_stream_schedule(struct update_stream *stream);
/* The same for all streams of the group, and of all groups. */
void update_group_schedule(const struct update_group *group);
void update_groups_schedule_all(struct update_groups *groups);
void update_stream_unschedule(struct update_stream *stream);
/* The stream whose turn it is, which is taken out of the list; NULL: none is due. */
struct update_stream *update_groups_take_due(struct update_groups *groups);

/* update_group_memory.c */
/* There are no ids of the family from `limit` on: arrays by id may shrink. */
void update_groups_shrink(void *arg, enum ip_family family, uint32_t limit);

/* update_group_changes.c */
void update_groups_listen(struct update_groups *groups);
/* A new group listens too, and no longer does when it goes. */
void update_group_watch(const struct update_group *group);
void update_group_unwatch(const struct update_group *group);
/* In any family. */
bool update_group_has_add_path(const struct update_group *group);

/* update_group_holds.c */
/* The prefix has no best path, and some stream has yet to send that. */
void update_groups_hold_prefix(struct update_groups *groups, enum ip_family family, uint32_t id);
/* A stream has taken prefixes, or has gone: ids may be held that nobody waits for. */
void update_groups_look_for_unheld(struct update_groups *groups);
/* Releases some of them; true if there may be more. */
bool update_groups_release_unheld(struct update_groups *groups);
/* All of them, when no stream is left. */
void update_groups_release_held(struct update_groups *groups);

/* update_group_streams.c */
/* The group of the key, made if there is none. */
struct update_group *update_groups_find(struct update_groups *groups, const struct export_key *key);
struct update_stream *update_stream_add(struct update_group *group);
/* Another one in the group that stands where this one stands, without members. */
struct update_stream *update_stream_copy(struct update_stream *stream, struct update_group *group);
/* Goes to another group with all its members; its own one is freed if nothing is left of it. */
void update_stream_relocate(struct update_stream *stream, struct update_group *group);
/* Some of what it has to copy; does nothing as long as the other one has to. */
void update_stream_go_on_copying(struct update_stream *stream);
/* What was sent of the family, path by path. */
const struct stream_paths *update_stream_sent_paths(
    const struct update_stream *stream, enum ip_family family);
/*
 * Frees the stream, which has no members, and its group with the last stream; not before others
 * have copied from it what they have to.
 */
void update_stream_free(struct update_stream *stream);
void update_group_member_push(const struct update_group_member *member);
/* A member is in one stream; one that is new is in none. */
void update_stream_put_member(struct update_stream *stream, struct update_group_member *member);
void update_stream_take_member(struct update_group_member *member);
/*
 * An idle stream and another one of its group that is idle too become one; with add-path not before
 * a sweep is over, which is noted.
 */
void update_stream_merge(struct update_stream *stream);

/* Releases some of what streams that were freed have left; true if there is more. */
bool update_groups_release_remains(struct update_groups *groups);

/* update_group_run.c */
/* Tells the RIB's listeners, then encodes as long as the loop gives time; false: there is more. */
bool update_groups_encode(struct update_groups *groups);

#endif
