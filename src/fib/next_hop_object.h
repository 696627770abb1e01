/*
 * Next-hop objects: what routes point to in place of hops of their own, so that one request moves
 * all routes of a set, and the kernel itself moves them when a link is lost.  An object of ours is
 * either a hop, shared by all groups that have it, or the group of a hop set; the group of a set
 * that can have one hop only is that hop itself, of its own.  Ids are from a range
 * of our own; an object there with another protocol number than ours is somebody else's.
 *
 * It knows what the kernel has as far as answers, notifications and dumps say, keeps that equal to
 * what the hop sets want, and removes what no route can use any more.  It sends through a callback.
 * Called by hop_set.c and fib.c.
 */
#ifndef FIB_NEXT_HOP_OBJECT_H
#define FIB_NEXT_HOP_OBJECT_H

#include "base/hash.h"
#include "fib/next_hop_message.h"

#define NEXT_HOP_OBJECT_BASE 0x6b620000u
#define NEXT_HOP_OBJECTS_MAX 65536u

/* Tags of its requests have these two lowest bits. */
#define NEXT_HOP_OBJECT_TAG 2u
#define NEXT_HOP_OBJECT_TAG_MASK 3u

struct next_hop_objects_ops {
	/* Queues a request behind those that were sent before; its answer is to be handed in. */
	void (*send)(void *arg, struct nlmsghdr *message, uint64_t tag);
	/*
	 * Routes of this owner must be sent again: they went with their group, or are to take
	 * another id or form (see next_hop_group_use()).
	 */
	void (*resend)(void *arg, void *owner);
	/* Something is to be put right: call next_hop_objects_sync(), once next hops are resolved. */
	void (*changed)(void *arg);
};

enum next_hop_object_kind {
	NEXT_HOP_FOREIGN, /* of somebody else: its id is passed over */
	NEXT_HOP_UNOWNED, /* ours, but of a previous run or given up: goes when nothing uses it */
	NEXT_HOP_SINGLE,
	NEXT_HOP_GROUP,
};

enum next_hop_request {
	NEXT_HOP_REQUEST_NONE,
	NEXT_HOP_REQUEST_ADD,
	NEXT_HOP_REQUEST_REPLACE,
	NEXT_HOP_REQUEST_REMOVE
};

struct next_hop_object;

/* What a group shall have. */
struct next_hop_wanted {
	struct next_hop_object *single;
	uint16_t weight;
};

struct next_hop_object {
	uint32_t id;
	uint8_t kind; /* enum next_hop_object_kind */
	uint8_t protocol;
	uint8_t request; /* enum next_hop_request: the one that is out */
	bool present; /* the kernel has it once all that was sent is done */
	bool refused; /* by the kernel, until the next check */
	bool alone; /* a group that is a hop itself */
	bool wrong; /* a hop that the kernel has otherwise */
	bool dirty; /* a group that may differ from what is wanted */
	bool lost; /* told to be gone while the request was out */
	bool retried; /* a group that was refused: tell the owner if it is not this time */
	uint32_t told; /* the last check that told of it */
	uint32_t used; /* the last round in which a route or group was told to use it */
	uint32_t used_by_others; /* .. one that is none of our routes */
	uint32_t unused_since; /* the round in which its last user went */
	struct kernel_hop hop; /* of a hop: what it shall be */
	uint32_t users; /* of a hop: the groups that want it */
	void *owner; /* of a group */
	struct next_hop_wanted *wanted; /* of a group */
	size_t wanted_count;
	struct kernel_group_member *members; /* of a group: what the kernel has */
	size_t member_count;
};

struct next_hop_objects {
	const struct next_hop_objects_ops *ops;
	void *arg;
	uint64_t seed;
	uint8_t protocol; /* of what is made from now on */
	struct next_hop_object **by_number; /* the id without the base */
	size_t capacity;
	size_t count; /* of those in it */
	uint32_t next_number; /* to be tried first */
	struct hash_table singles; /* by their hop */
	uint32_t check; /* dumps of objects, counted */
	uint32_t round; /* dumps of objects and routes, counted */
	bool dirty; /* some group is */
	bool unused; /* there may be something to remove after the next round */
	bool doubted; /* the kernel may have another thing than we believe: a check is due */
	uint32_t given_up; /* what has used objects, or may have, and does so no more, counted */
	uint64_t repaired; /* objects that somebody else removed or changed */
};

void next_hop_objects_init(struct next_hop_objects *objects, uint64_t hash_seed, uint8_t protocol,
    const struct next_hop_objects_ops *ops, void *arg);
/* Forgets everything; nothing is removed from the kernel. */
void next_hop_objects_release(struct next_hop_objects *objects);

/* Objects have another protocol number from now on.  Every group must have been released. */
void next_hop_objects_change_protocol(struct next_hop_objects *objects, uint8_t protocol);

/*
 * A group with these hops, at least one and at most KERNEL_HOPS_MAX; the kernel is told at its
 * first use.  `alone`: it will never have more than one.  NULL: all ids are taken.  The owner
 * releases it.
 */
struct next_hop_object *next_hop_group_new(struct next_hop_objects *objects, void *owner,
    bool alone, const struct kernel_hop *hops, size_t count);
/* New hops; the kernel is told by next_hop_objects_sync(). */
void next_hop_group_change(struct next_hop_objects *objects, struct next_hop_object *group,
    const struct kernel_hop *hops, size_t count);
/* The owner has no route any more; the kernel may still have some, so the object stays a while. */
void next_hop_group_release(struct next_hop_objects *objects, struct next_hop_object *group);
/* The same, and the routes that the kernel has are to go at once: one request takes them all. */
void next_hop_group_remove(struct next_hop_objects *objects, struct next_hop_object *group);
/*
 * The id for routes that are sent from now on, after the request that makes the object if there is
 * none; 0: the kernel has refused it, and routes have to name their hops.
 */
uint32_t next_hop_group_use(struct next_hop_objects *objects, struct next_hop_object *group);
/* The id that routes have now; 0: none. */
static inline uint32_t next_hop_group_id(const struct next_hop_object *group)
{
	return group && group->present && !group->refused ? group->id : 0;
}

/* A route that may have been over an object, of whatever run, leads elsewhere or is gone. */
static inline void next_hop_objects_give_up(struct next_hop_objects *objects)
{
	objects->given_up++;
}
/* Sends what is needed for groups to have what is wanted. */
void next_hop_objects_sync(struct next_hop_objects *objects);
/* The kernel's answer to a request with this tag: 0 or an errno. */
void next_hop_objects_answered(struct next_hop_objects *objects, uint64_t tag, int error);
/* The kernel has removed all objects over the interface, silently. */
void next_hop_objects_lose_interface(struct next_hop_objects *objects, uint32_t interface);

/* Objects of ours in the kernel. */
size_t next_hop_objects_count(const struct next_hop_objects *objects);

/* next_hop_told.c */
/* RTM_NEWNEXTHOP or RTM_DELNEXTHOP from a dump or a notification. */
void next_hop_objects_message(struct next_hop_objects *objects, const struct nlmsghdr *message);
/* A dump of objects begins, or is complete: what it has not told of is gone. */
void next_hop_objects_begin_check(struct next_hop_objects *objects);
void next_hop_objects_end_check(struct next_hop_objects *objects);
/* A round begins: within it there is a check, and every route with an object is told. */
void next_hop_objects_begin_round(struct next_hop_objects *objects);
/* A route over the object was told; `ours`: one that we know as ours. */
void next_hop_objects_used(struct next_hop_objects *objects, uint32_t id, bool ours);
/* The round is complete: removes what was unused since before it began. */
void next_hop_objects_collect(struct next_hop_objects *objects);
/* For the end, when our routes have been withdrawn: removes all that no one else uses. */
void next_hop_objects_withdraw(struct next_hop_objects *objects);

/* Between the two files. */
struct next_hop_object *next_hop_object_at(const struct next_hop_objects *objects, uint32_t id);
/* An object for this id, of which there is none. */
struct next_hop_object *next_hop_object_new(struct next_hop_objects *objects, uint32_t id,
    enum next_hop_object_kind kind, uint8_t protocol);
void next_hop_object_free(struct next_hop_objects *objects, struct next_hop_object *object);
/* The kernel has it no more. */
void next_hop_object_lose(struct next_hop_objects *objects, struct next_hop_object *object);
/* Somebody else has its id: it takes another one. */
void next_hop_object_move(struct next_hop_objects *objects, struct next_hop_object *object);
/* Has the hop in the kernel as it shall be; false if that has been refused. */
bool next_hop_object_ensure(struct next_hop_objects *objects, struct next_hop_object *single);
void next_hop_object_remove(struct next_hop_objects *objects, struct next_hop_object *object);
/* Nobody here uses it since this round. */
void next_hop_object_mark_unused(
    struct next_hop_objects *objects, struct next_hop_object *object, uint32_t since);
void next_hop_object_mark_dirty(struct next_hop_objects *objects, struct next_hop_object *group);
/* Takes over what the kernel has in the group. */
void next_hop_object_set_members(
    struct next_hop_object *group, const struct kernel_group_member *members, size_t count);

#endif
