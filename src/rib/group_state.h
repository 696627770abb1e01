/*
 * What the files of the update groups share: update_group.c, which makes, moves and runs them,
 * update_group_changes.c, which says what of the table is news for whom, update_group_memory.c, what
 * they take and give back, and update_group_show.c,
 * which only looks.
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
	struct update_stream *next;
	bool fresh; /* nothing encoded yet: others may still join */
	/* The stream from which a member moved here, while nothing has happened since. */
	const struct update_stream *moved_from;
	uint64_t moved_at; /* the generation */
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

struct update_groups {
	struct rib *rib;
	struct loop *loop;
	struct loop_task task;
	struct rib_listener listener;
	struct rib_listener path_listener; /* for groups with add-path, while there are any */
	size_t add_path_groups;
	struct rib_listener cost_listener; /* for groups with AIGP, while there are any */
	size_t aigp_groups;
	struct update_group *groups;
	struct update_group_member **members; /* by index of rib_peer */
	size_t member_capacity;
	struct update_batch batch;
	struct path_selection selection;
	uint64_t generation; /* counts what makes two streams that were equal differ */
	bool running;
	struct update_group_member *left; /* during the run */
};

/* Runs the groups at the end of this turn. */
static inline void update_groups_schedule(struct update_groups *groups)
{
	if (groups->loop)
		loop_task_schedule(groups->loop, &groups->task);
}

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

#endif
