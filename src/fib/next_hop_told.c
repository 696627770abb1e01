/*
 * What the kernel tells of next-hop objects, held against what we believe: one of ours that
 * somebody removed or changed is put right, one that has got another protocol number is somebody
 * else's from then on, and one of ours that nobody here made is left of a previous run.
 *
 * What is told while a request for the object is out may be older or newer than the request; the
 * answer counts.  That one of ours is gone may be older than the last request even if that has been
 * answered: answers come on another socket.  In both cases a check is due, which finds the rest.
 */
#include "fib/next_hop_object.h"

#include <linux/rtnetlink.h>

static bool is_ours_to_number(uint32_t id)
{
	return id - NEXT_HOP_OBJECT_BASE < NEXT_HOP_OBJECTS_MAX;
}

static void mark_used(struct next_hop_objects *objects, uint32_t id, bool ours)
{
	struct next_hop_object *object = next_hop_object_at(objects, id);

	if (!object)
		return;
	object->used = objects->round;
	if (!ours)
		object->used_by_others = objects->round;
}

/* An object that nobody here knows; `dumped`: it has been there since before the dump. */
static struct next_hop_object *find_unknown(
    struct next_hop_objects *objects, const struct kernel_next_hop *told, bool dumped)
{
	const bool ours = told->protocol == objects->protocol;
	struct next_hop_object *object = next_hop_object_new(
	    objects, told->id, ours ? NEXT_HOP_UNOWNED : NEXT_HOP_FOREIGN, told->protocol);

	if (ours)
		next_hop_object_mark_unused(
		    objects, object, dumped ? objects->round - 1 : objects->round);
	return object;
}

/* What had the id of one of ours is somebody else's until it is told, and may be our own. */
static void note_unowned(struct next_hop_objects *objects, struct next_hop_object *object,
    const struct kernel_next_hop *told)
{
	if (object->kind == NEXT_HOP_UNOWNED && object->protocol != told->protocol) {
		object->kind = NEXT_HOP_FOREIGN;
	} else if (object->kind == NEXT_HOP_FOREIGN && told->protocol == objects->protocol) {
		object->kind = NEXT_HOP_UNOWNED;
		next_hop_object_mark_unused(objects, object, objects->round);
	}
	object->protocol = told->protocol;
	object->present = true;
	next_hop_object_set_members(object, told->members, told->member_count);
}

/* A hop that is shared, or of a group that is one. */
static void note_hop(struct next_hop_objects *objects, struct next_hop_object *object,
    const struct kernel_next_hop *told)
{
	struct kernel_hop hop = told->hop;

	hop.weight = object->hop.weight;
	object->present = true;
	if (object->wrong || (!told->member_count && kernel_hop_equal(&hop, &object->hop)))
		return;
	objects->repaired++;
	object->wrong = true;
	if (object->alone)
		next_hop_object_mark_dirty(objects, object);
	else
		next_hop_object_ensure(objects, object);
}

static bool same_members(const struct next_hop_object *group, const struct kernel_next_hop *told)
{
	size_t i;
	size_t j;

	if (group->member_count != told->member_count)
		return false;
	for (i = 0; i < told->member_count; i++) {
		for (j = 0; j < group->member_count; j++) {
			if (group->members[j].id == told->members[i].id &&
			    group->members[j].weight == told->members[i].weight)
				break;
		}
		if (j == group->member_count)
			return false;
	}
	return true;
}

static void note_group(struct next_hop_objects *objects, struct next_hop_object *group,
    const struct kernel_next_hop *told)
{
	if (group->present && same_members(group, told))
		return;
	if (group->present && !group->refused)
		objects->repaired++;
	group->present = true;
	next_hop_object_set_members(group, told->members, told->member_count);
	next_hop_object_mark_dirty(objects, group);
}

static void note(struct next_hop_objects *objects, const struct kernel_next_hop *told, bool dumped)
{
	struct next_hop_object *object = next_hop_object_at(objects, told->id);

	if (!object)
		object = find_unknown(objects, told, dumped);
	object->told = objects->check;
	if (object->request) {
		objects->doubted |= !dumped;
		return;
	}
	if (object->kind == NEXT_HOP_FOREIGN || object->kind == NEXT_HOP_UNOWNED)
		note_unowned(objects, object, told);
	else if (told->protocol != object->protocol)
		next_hop_object_move(objects, object);
	else if (object->kind == NEXT_HOP_SINGLE || object->alone)
		note_hop(objects, object, told);
	else
		note_group(objects, object, told);
}

void next_hop_objects_message(struct next_hop_objects *objects, const struct nlmsghdr *message)
{
	struct kernel_group_member members[KERNEL_HOPS_MAX];
	struct next_hop_object *object;
	struct kernel_next_hop told;
	size_t i;

	if (!next_hop_message_parse(message, &told, members))
		return;
	if (message->nlmsg_type == RTM_DELNEXTHOP) {
		object = next_hop_object_at(objects, told.id);
		if (!object)
			return;
		objects->doubted |= object->kind != NEXT_HOP_FOREIGN;
		objects->repaired += object->owner || object->users;
		next_hop_object_lose(objects, object);
	} else if (is_ours_to_number(told.id)) {
		note(objects, &told, message->nlmsg_flags & NLM_F_MULTI);
	} else {
		for (i = 0; i < told.member_count; i++)
			mark_used(objects, told.members[i].id, false);
	}
}

void next_hop_objects_begin_check(struct next_hop_objects *objects)
{
	objects->check++;
}

/* It may be that the kernel would take it by now. */
static void try_again(struct next_hop_objects *objects, struct next_hop_object *object)
{
	if (!object->refused || object->request)
		return;
	object->refused = false;
	/* The dump has found it changed; its groups need not notice. */
	if (object->kind == NEXT_HOP_SINGLE && object->wrong)
		next_hop_object_ensure(objects, object);
	if (object->kind != NEXT_HOP_GROUP)
		return;
	object->retried = true;
	next_hop_object_mark_dirty(objects, object);
}

void next_hop_objects_end_check(struct next_hop_objects *objects)
{
	size_t i;

	for (i = 0; i < objects->capacity; i++) {
		struct next_hop_object *object = objects->by_number[i];

		if (!object)
			continue;
		try_again(objects, object);
		if (object->told == objects->check || object->request || !object->present)
			continue;
		objects->repaired += object->owner || object->users;
		next_hop_object_lose(objects, object);
	}
}

void next_hop_objects_begin_round(struct next_hop_objects *objects)
{
	objects->round++;
}

void next_hop_objects_used(struct next_hop_objects *objects, uint32_t id, bool ours)
{
	mark_used(objects, id, ours);
}

/* Removing */

/* Nobody here wants it; a removal that is out says itself what comes of it. */
static bool is_unused(const struct next_hop_object *object)
{
	return (object->kind == NEXT_HOP_UNOWNED ||
		   (object->kind == NEXT_HOP_SINGLE && !object->users)) &&
	       object->request != NEXT_HOP_REQUEST_REMOVE;
}

static bool may_be_removed(
    const struct next_hop_objects *objects, const struct next_hop_object *object)
{
	return is_unused(object) && !object->request && object->unused_since != objects->round &&
	       object->used != objects->round;
}

/* Removes what may be, of the groups or of the hops; frees what is not even there. */
static void remove_unused(struct next_hop_objects *objects, bool groups)
{
	size_t i;

	for (i = 0; i < objects->capacity; i++) {
		struct next_hop_object *object = objects->by_number[i];

		if (!object || groups != (object->member_count != 0) || !is_unused(object))
			continue;
		if (!object->present && !object->request)
			next_hop_object_free(objects, object);
		else if (may_be_removed(objects, object))
			next_hop_object_remove(objects, object);
		else
			objects->unused = true;
	}
}

/* The hops of groups that are not on their way out. */
static void mark_members_used(struct next_hop_objects *objects)
{
	size_t i;
	size_t j;

	for (i = 0; i < objects->capacity; i++) {
		const struct next_hop_object *group = objects->by_number[i];

		if (!group || group->request == NEXT_HOP_REQUEST_REMOVE)
			continue;
		for (j = 0; j < group->member_count; j++)
			mark_used(objects, group->members[j].id,
			    group->kind != NEXT_HOP_FOREIGN &&
				group->used_by_others != objects->round);
	}
}

void next_hop_objects_collect(struct next_hop_objects *objects)
{
	objects->unused = false;
	remove_unused(objects, true);
	mark_members_used(objects);
	remove_unused(objects, false);
}

static void withdraw(struct next_hop_objects *objects, bool groups)
{
	size_t i;

	for (i = 0; i < objects->capacity; i++) {
		struct next_hop_object *object = objects->by_number[i];

		if (object && object->kind != NEXT_HOP_FOREIGN && object->present &&
		    !object->request && groups == (object->member_count != 0) &&
		    object->used_by_others != objects->round)
			next_hop_object_remove(objects, object);
	}
}

void next_hop_objects_withdraw(struct next_hop_objects *objects)
{
	withdraw(objects, true);
	mark_members_used(objects);
	withdraw(objects, false);
}
