/*
 * There is an object for each resolved hop (gateway, interface, on-link flag) of a group, which
 * never changes: another hop is another object.  There is a group for each hop set.  So a set that
 * moves is one request, its routes keep their id for as long as they keep their set, and a hop comes
 * into a group or leaves it without the routes noticing.  A set of one next hop will never need a
 * group: it has a hop of its own, which is replaced when the next hop moves.  (The kernel has groups
 * of one, but shows their IPv6 routes as multipath ones, and looks them up more slowly.)
 *
 * The other way would be an object for each next hop of BGP, replaced when it resolves to another
 * gateway, with groups that do not change at all.  With next hops that resolve through others,
 * hundreds of them share two gateways: then groups have the same gateway many times over, and the
 * hops of a group are not those of the plain route that stands in for it.  A replacement costs the
 * kernel the same in both ways.
 *
 * When a link is lost the kernel removes the hops over it, from their groups too, without a word;
 * a group without hops goes with all its routes.  The same is done here, so that nothing is sent
 * that the kernel has done itself: with net.ipv4.nexthop_compat_mode, which is the default, a
 * replaced group has it notify every route that uses it, about a microsecond each.
 *
 * At most one request is out per object; what changes meanwhile is put right after its answer.
 * Requests are worked through in order, so routes may name an id as soon as it is asked for.  If
 * the kernel refuses a hop or a group, the owner's routes name their hops instead, until the next
 * check; then it is tried again.
 *
 * Deleting an object deletes its routes.  So nothing is deleted because we believe that nobody uses
 * it: after a dump of all objects and routes, those go that have had no owner since before it
 * began, and that no route was told to use, nor any group that stays.
 */
#include "fib/next_hop_object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The table */

struct next_hop_object *next_hop_object_at(const struct next_hop_objects *objects, uint32_t id)
{
	const uint32_t number = id - NEXT_HOP_OBJECT_BASE;

	return number < objects->capacity ? objects->by_number[number] : NULL;
}

/* Puts the object where its id says. */
static void place(struct next_hop_objects *objects, struct next_hop_object *object)
{
	const uint32_t number = object->id - NEXT_HOP_OBJECT_BASE;
	const size_t before = objects->capacity;

	if (number >= before) {
		objects->by_number = memory_grow(objects->by_number, &objects->capacity,
		    (size_t)number + 1, sizeof(struct next_hop_object *));
		memset(objects->by_number + before, 0,
		    (objects->capacity - before) * sizeof(struct next_hop_object *));
	}
	objects->by_number[number] = object;
}

struct next_hop_object *next_hop_object_new(
    struct next_hop_objects *objects, uint32_t id, enum next_hop_object_kind kind, uint8_t protocol)
{
	struct next_hop_object *object = memory_allocate_zero(1, sizeof(*object));

	object->id = id;
	object->kind = (uint8_t)kind;
	object->protocol = protocol;
	place(objects, object);
	objects->count++;
	return object;
}

/* An id that nobody has, or 0. */
static uint32_t find_free_id(struct next_hop_objects *objects)
{
	uint32_t id;

	if (objects->count >= NEXT_HOP_OBJECTS_MAX)
		return 0;
	do {
		id = NEXT_HOP_OBJECT_BASE + objects->next_number++ % NEXT_HOP_OBJECTS_MAX;
	} while (next_hop_object_at(objects, id));
	return id;
}

struct single_key {
	struct ip_address gateway;
	uint32_t interface;
	bool has_gateway;
	bool on_link;
};

static uint64_t hash_single(const struct next_hop_objects *objects, const struct kernel_hop *hop)
{
	struct single_key key;

	memset(&key, 0, sizeof(key));
	if (hop->has_gateway)
		key.gateway = hop->gateway;
	key.interface = hop->interface;
	key.has_gateway = hop->has_gateway;
	key.on_link = hop->on_link;
	return hash_bytes(&key, sizeof(key), objects->seed);
}

static bool single_equal(const void *item, const void *key)
{
	const struct next_hop_object *object = item;
	struct kernel_hop hop = *(const struct kernel_hop *)key;

	hop.weight = object->hop.weight;
	return object->hop.gateway.family == hop.gateway.family &&
	       kernel_hop_equal(&object->hop, &hop);
}

/* The object of the hop, for one more user; NULL: all ids are taken. */
static struct next_hop_object *hold_single(
    struct next_hop_objects *objects, const struct kernel_hop *hop)
{
	const uint64_t hash = hash_single(objects, hop);
	struct next_hop_object *single =
	    hash_table_find(&objects->singles, hash, single_equal, hop);
	const uint32_t id = single ? 0 : find_free_id(objects);

	if (!single && !id)
		return NULL;
	if (!single) {
		single = next_hop_object_new(objects, id, NEXT_HOP_SINGLE, objects->protocol);
		single->hop = *hop;
		single->hop.weight = 1;
		hash_table_insert(&objects->singles, hash, single);
	}
	single->users++;
	return single;
}

void next_hop_object_mark_unused(
    struct next_hop_objects *objects, struct next_hop_object *object, uint32_t since)
{
	object->unused_since = since;
	objects->unused = true;
	objects->given_up++;
}

static void release_single(struct next_hop_objects *objects, struct next_hop_object *single)
{
	if (--single->users)
		return;
	next_hop_object_mark_unused(objects, single, objects->round);
}

void next_hop_object_free(struct next_hop_objects *objects, struct next_hop_object *object)
{
	if (object->kind == NEXT_HOP_SINGLE)
		hash_table_remove(&objects->singles, hash_single(objects, &object->hop), object);
	objects->by_number[object->id - NEXT_HOP_OBJECT_BASE] = NULL;
	objects->count--;
	free(object->wanted);
	free(object->members);
	free(object);
}

/* Requests */

static uint64_t make_tag(const struct next_hop_object *object)
{
	return (uint64_t)(object->id - NEXT_HOP_OBJECT_BASE) << 2 | NEXT_HOP_OBJECT_TAG;
}

static void send_object(struct next_hop_objects *objects, struct next_hop_object *object)
{
	const struct kernel_next_hop next_hop = {
	    .id = object->id,
	    .protocol = object->protocol,
	    .hop = object->hop,
	    .member_count = object->member_count,
	    .members = object->members,
	};
	const uint16_t flags = object->present ? NLM_F_REPLACE : NLM_F_CREATE | NLM_F_EXCL;
	struct next_hop_message message;

	object->request = object->present ? NEXT_HOP_REQUEST_REPLACE : NEXT_HOP_REQUEST_ADD;
	object->present = true;
	object->wrong = false;
	objects->ops->send(
	    objects->arg, next_hop_message_add(&message, &next_hop, flags), make_tag(object));
}

void next_hop_object_remove(struct next_hop_objects *objects, struct next_hop_object *object)
{
	struct next_hop_message message;

	if (object->kind == NEXT_HOP_SINGLE)
		hash_table_remove(&objects->singles, hash_single(objects, &object->hop), object);
	object->kind = NEXT_HOP_UNOWNED;
	object->request = NEXT_HOP_REQUEST_REMOVE;
	objects->ops->send(
	    objects->arg, next_hop_message_remove(&message, object->id), make_tag(object));
}

bool next_hop_object_ensure(struct next_hop_objects *objects, struct next_hop_object *single)
{
	if (single->refused)
		return false;
	if (!single->request && (!single->present || single->wrong))
		send_object(objects, single);
	return true;
}

/* Groups */

void next_hop_object_mark_dirty(struct next_hop_objects *objects, struct next_hop_object *group)
{
	group->dirty = true;
	objects->dirty = true;
	objects->ops->changed(objects->arg);
}

void next_hop_object_set_members(
    struct next_hop_object *group, const struct kernel_group_member *members, size_t count)
{
	free(group->members);
	group->members = count ? memory_copy(members, count * sizeof(*members)) : NULL;
	group->member_count = count;
}

static bool has_what_is_wanted(const struct next_hop_object *group)
{
	size_t i;
	size_t j;

	if (group->member_count != group->wanted_count)
		return false;
	for (i = 0; i < group->wanted_count; i++) {
		const struct next_hop_wanted *wanted = &group->wanted[i];

		for (j = 0; j < group->member_count; j++) {
			if (group->members[j].id == wanted->single->id &&
			    group->members[j].weight == wanted->weight)
				break;
		}
		if (j == group->member_count)
			return false;
	}
	return true;
}

static void set_members_as_wanted(struct next_hop_object *group)
{
	struct kernel_group_member members[KERNEL_HOPS_MAX];
	size_t i;

	for (i = 0; i < group->wanted_count; i++) {
		members[i].id = group->wanted[i].single->id;
		members[i].weight = group->wanted[i].weight;
	}
	next_hop_object_set_members(group, members, group->wanted_count);
}

/* Its routes name their hops from now on; if it is not there they do already after another try. */
static void refuse_group(struct next_hop_objects *objects, struct next_hop_object *group)
{
	const bool known = group->retried && !group->present;

	group->refused = true;
	group->retried = false;
	objects->doubted = true;
	if (group->owner && !known)
		objects->ops->resend(objects->arg, group->owner);
}

/* The kernel has it as it was asked for; if that was refused before, its routes name their hops. */
static void accept_group(struct next_hop_objects *objects, struct next_hop_object *group)
{
	if (group->retried && group->owner)
		objects->ops->resend(objects->arg, group->owner);
	group->retried = false;
}

static void sync_group(struct next_hop_objects *objects, struct next_hop_object *group)
{
	bool refused = false;
	size_t i;

	if (group->request || group->refused)
		return;
	group->dirty = false;
	for (i = 0; i < group->wanted_count; i++)
		refused |= !next_hop_object_ensure(objects, group->wanted[i].single);
	if (refused) {
		refuse_group(objects, group);
	} else if (group->alone) {
		next_hop_object_ensure(objects, group);
	} else if (!group->present || !has_what_is_wanted(group)) {
		set_members_as_wanted(group);
		send_object(objects, group);
	}
	/* It may be there although no answer has said so. */
	if (!group->request && !group->refused)
		accept_group(objects, group);
}

static void release_wanted(struct next_hop_objects *objects, struct next_hop_object *group)
{
	size_t i;

	for (i = 0; i < group->wanted_count; i++)
		release_single(objects, group->wanted[i].single);
	free(group->wanted);
	group->wanted = NULL;
	group->wanted_count = 0;
}

static void want_hop(struct next_hop_object *group, const struct kernel_hop *hop)
{
	group->hop = *hop;
	group->hop.weight = 1;
	group->wrong = true;
}

/* False if there are not enough ids; then nothing has changed. */
static bool want_hops(struct next_hop_objects *objects, struct next_hop_object *group,
    const struct kernel_hop *hops, size_t count)
{
	struct next_hop_wanted *wanted = memory_allocate_zero(count, sizeof(*wanted));
	size_t i;

	for (i = 0; i < count; i++) {
		wanted[i].single = hold_single(objects, &hops[i]);
		wanted[i].weight = hops[i].weight;
		if (!wanted[i].single)
			break;
	}
	if (i < count) {
		while (i--)
			release_single(objects, wanted[i].single);
		free(wanted);
		return false;
	}
	release_wanted(objects, group);
	group->wanted = wanted;
	group->wanted_count = count;
	return true;
}

struct next_hop_object *next_hop_group_new(struct next_hop_objects *objects, void *owner,
    bool alone, const struct kernel_hop *hops, size_t count)
{
	const uint32_t id = find_free_id(objects);
	struct next_hop_object *group;

	if (!id)
		return NULL;
	group = next_hop_object_new(objects, id, NEXT_HOP_GROUP, objects->protocol);
	group->owner = owner;
	group->alone = alone;
	if (alone)
		want_hop(group, &hops[0]);
	if (alone || want_hops(objects, group, hops, count))
		return group;
	next_hop_object_free(objects, group);
	return NULL;
}

void next_hop_group_change(struct next_hop_objects *objects, struct next_hop_object *group,
    const struct kernel_hop *hops, size_t count)
{
	if (group->alone) {
		want_hop(group, &hops[0]);
	} else if (!want_hops(objects, group, hops, count)) {
		refuse_group(objects, group);
		return;
	}
	/* What was refused may have been another hop. */
	group->retried |= group->refused;
	group->refused = false;
	next_hop_object_mark_dirty(objects, group);
}

static void disown(struct next_hop_objects *objects, struct next_hop_object *group)
{
	release_wanted(objects, group);
	group->owner = NULL;
	group->kind = NEXT_HOP_UNOWNED;
	next_hop_object_mark_unused(objects, group, objects->round);
}

void next_hop_group_release(struct next_hop_objects *objects, struct next_hop_object *group)
{
	disown(objects, group);
	if (!group->present && !group->request)
		next_hop_object_free(objects, group);
}

void next_hop_group_remove(struct next_hop_objects *objects, struct next_hop_object *group)
{
	disown(objects, group);
	/* With a request out it goes when nothing uses it: its routes are sent again one by one. */
	if (group->request)
		return;
	if (group->present)
		next_hop_object_remove(objects, group);
	else
		next_hop_object_free(objects, group);
}

uint32_t next_hop_group_use(struct next_hop_objects *objects, struct next_hop_object *group)
{
	if (!group->present)
		sync_group(objects, group);
	return next_hop_group_id(group);
}

void next_hop_objects_sync(struct next_hop_objects *objects)
{
	size_t i;

	if (!objects->dirty)
		return;
	objects->dirty = false;
	for (i = 0; i < objects->capacity; i++) {
		struct next_hop_object *group = objects->by_number[i];

		/* One that is not there is made when a route needs it. */
		if (!group || group->kind != NEXT_HOP_GROUP || !group->dirty ||
		    (!group->present && !group->retried))
			continue;
		sync_group(objects, group);
		/* With a request out it waits for the answer. */
		objects->dirty |= group->dirty && !group->refused;
	}
}

/* What is made from now on has a new number: the hops that groups share, too. */
void next_hop_objects_change_protocol(struct next_hop_objects *objects, uint8_t protocol)
{
	size_t i;

	objects->protocol = protocol;
	for (i = 0; i < objects->capacity; i++) {
		struct next_hop_object *single = objects->by_number[i];

		if (!single || single->kind != NEXT_HOP_SINGLE || single->users)
			continue;
		hash_table_remove(&objects->singles, hash_single(objects, &single->hop), single);
		single->kind = NEXT_HOP_UNOWNED;
		if (!single->present && !single->request)
			next_hop_object_free(objects, single);
	}
}

size_t next_hop_objects_count(const struct next_hop_objects *objects)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < objects->capacity; i++)
		count += objects->by_number[i] && objects->by_number[i]->present &&
			 objects->by_number[i]->kind != NEXT_HOP_FOREIGN;
	return count;
}

/* Losses */

static bool is_present(const struct next_hop_objects *objects, uint32_t id)
{
	const struct next_hop_object *object = next_hop_object_at(objects, id);

	return object && object->present;
}

static void lose_group(struct next_hop_objects *objects, struct next_hop_object *group)
{
	group->present = false;
	next_hop_object_set_members(group, NULL, 0);
	if (!group->owner)
		return;
	objects->ops->resend(objects->arg, group->owner);
	next_hop_object_mark_dirty(objects, group);
}

/* As the kernel does it: hops that are gone leave their groups. */
static void leave_groups(struct next_hop_objects *objects)
{
	size_t i;

	for (i = 0; i < objects->capacity; i++) {
		struct next_hop_object *group = objects->by_number[i];
		size_t count = 0;
		size_t j;

		if (!group || !group->member_count)
			continue;
		for (j = 0; j < group->member_count; j++) {
			if (is_present(objects, group->members[j].id))
				group->members[count++] = group->members[j];
		}
		if (count == group->member_count)
			continue;
		group->member_count = count;
		if (!count)
			lose_group(objects, group);
		else if (group->kind == NEXT_HOP_GROUP)
			next_hop_object_mark_dirty(objects, group);
	}
}

void next_hop_object_lose(struct next_hop_objects *objects, struct next_hop_object *object)
{
	if (object->request) {
		object->lost = true;
	} else if (object->kind == NEXT_HOP_GROUP) {
		lose_group(objects, object);
	} else if (object->kind == NEXT_HOP_SINGLE) {
		object->present = false;
		leave_groups(objects);
	} else {
		next_hop_object_free(objects, object);
	}
}

void next_hop_objects_lose_interface(struct next_hop_objects *objects, uint32_t interface)
{
	bool any = false;
	size_t i;

	for (i = 0; i < objects->capacity; i++) {
		struct next_hop_object *object = objects->by_number[i];

		if (!object || object->hop.interface != interface || !object->present)
			continue;
		any |= object->kind == NEXT_HOP_SINGLE;
		if (object->request)
			object->lost = true;
		else if (object->kind == NEXT_HOP_GROUP)
			lose_group(objects, object);
		else
			object->present = false;
	}
	if (any)
		leave_groups(objects);
}

/* Every group that wants the hop has it under another id now. */
static void mark_users_dirty(struct next_hop_objects *objects, const struct next_hop_object *single)
{
	size_t i;
	size_t j;

	for (i = 0; i < objects->capacity; i++) {
		struct next_hop_object *group = objects->by_number[i];

		for (j = 0; group && j < group->wanted_count; j++) {
			if (group->wanted[j].single == single)
				next_hop_object_mark_dirty(objects, group);
		}
	}
}

static void refuse(struct next_hop_objects *objects, struct next_hop_object *object)
{
	if (object->kind == NEXT_HOP_GROUP)
		refuse_group(objects, object);
	else
		object->refused = true;
}

void next_hop_object_move(struct next_hop_objects *objects, struct next_hop_object *object)
{
	const uint32_t id = find_free_id(objects);
	struct next_hop_object *other;

	object->present = false;
	if (!id) {
		refuse(objects, object);
		return;
	}
	other = next_hop_object_new(objects, object->id, NEXT_HOP_FOREIGN, 0);
	other->present = true;
	other->told = objects->check;
	object->id = id;
	place(objects, object);
	if (object->kind == NEXT_HOP_GROUP)
		lose_group(objects, object);
	else
		mark_users_dirty(objects, object);
}

/* Answers */

static void removal_answered(
    struct next_hop_objects *objects, struct next_hop_object *object, int error)
{
	if (!error || error == ENOENT)
		next_hop_object_free(objects, object);
	else
		objects->unused = true; /* tried again after the next round */
}

static void accept(struct next_hop_objects *objects, struct next_hop_object *object)
{
	object->told = objects->check;
	accept_group(objects, object);
}

void next_hop_objects_answered(struct next_hop_objects *objects, uint64_t tag, int error)
{
	struct next_hop_object *object =
	    next_hop_object_at(objects, NEXT_HOP_OBJECT_BASE + (uint32_t)(tag >> 2));
	const enum next_hop_request request = object->request;
	const bool lost = object->lost;

	object->request = NEXT_HOP_REQUEST_NONE;
	object->lost = false;
	if (request == NEXT_HOP_REQUEST_REMOVE) {
		removal_answered(objects, object, error);
		return;
	}
	objects->doubted |= error != 0;
	if (error && request == NEXT_HOP_REQUEST_ADD)
		object->present = false;
	if (object->kind == NEXT_HOP_UNOWNED && !object->present)
		next_hop_object_free(objects, object);
	else if (lost || (request == NEXT_HOP_REQUEST_REPLACE && error == ENOENT))
		next_hop_object_lose(objects, object);
	else if (!error)
		accept(objects, object);
	else if (error == EEXIST && request == NEXT_HOP_REQUEST_ADD)
		next_hop_object_move(objects, object);
	else
		refuse(objects, object);
	if (objects->dirty)
		objects->ops->changed(objects->arg);
}

/* Life */

void next_hop_objects_init(struct next_hop_objects *objects, uint64_t hash_seed, uint8_t protocol,
    const struct next_hop_objects_ops *ops, void *arg)
{
	*objects = (struct next_hop_objects){
	    .ops = ops, .arg = arg, .seed = hash_seed, .protocol = protocol};
}

void next_hop_objects_release(struct next_hop_objects *objects)
{
	size_t i;

	for (i = 0; i < objects->capacity; i++) {
		if (objects->by_number[i])
			next_hop_object_free(objects, objects->by_number[i]);
	}
	free(objects->by_number);
	hash_table_free(&objects->singles);
}
