/*
 * One hash table per kind, keyed by (namespace, name), and one table of slice groups, keyed by
 * (namespace, service), so that judging a Service touches its own EndpointSlices and no others.
 *
 * Invariants: an entry is in its kind's table; if its object is an EndpointSlice of a Service, it
 * is also in the group of that Service, at the place `group_index`; a group is never empty.  An
 * observer is called when the tables are consistent again, and must not change the cluster.
 *
 * A complete view of a kind is a generation number: put() stamps the entry, the end of the view
 * removes what has an older stamp.  New objects are so in place before old ones go, which keeps an
 * address announced that moves from one Service to another.  The entries of a kind are in a list,
 * in the order in which they were put last: those with older stamps are its beginning, so that
 * they are removed some at a time without looking at the others.
 */
#include "k8s/cluster.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

struct slice_group;

/* The ring of the entries of a kind, closed by a head that is no entry. */
struct ring {
	struct ring *next;
	struct ring *previous;
};

struct entry {
	struct ring ring; /* first, so that a ring that is no head is an entry */
	struct k8s_object *object;
	uint64_t hash;
	uint64_t view;
	size_t memory; /* of it and its object, when that was put */
	struct slice_group *group; /* of an EndpointSlice; NULL: of no Service */
	size_t group_index;
};

struct slice_group {
	char *namespace;
	char *service;
	uint64_t hash;
	struct entry **entries;
	size_t count;
	size_t capacity;
};

struct k8s_cluster {
	struct hash_table entries[K8S_KINDS];
	struct hash_table groups;
	uint64_t events[K8S_KINDS];
	struct ring rings[K8S_KINDS]; /* heads; put longest ago first */
	uint64_t views[K8S_KINDS];
	bool listed[K8S_KINDS]; /* a view of the kind is complete */
	size_t memory; /* of the entries */
	uint64_t hash_seed;
	bool synced;
	const struct k8s_cluster_ops *ops;
	void *arg;
};

struct key {
	const char *namespace;
	const char *name;
};

static uint64_t hash_key(const struct k8s_cluster *cluster, const struct key *key)
{
	return hash_string(key->name, hash_string(key->namespace, cluster->hash_seed));
}

static bool entry_has_key(const void *item, const void *key)
{
	const struct entry *entry = item;
	const struct key *wanted = key;

	return !strcmp(entry->object->name, wanted->name) &&
	       !strcmp(entry->object->namespace, wanted->namespace);
}

static bool group_has_key(const void *item, const void *key)
{
	const struct slice_group *group = item;
	const struct key *wanted = key;

	return !strcmp(group->service, wanted->name) &&
	       !strcmp(group->namespace, wanted->namespace);
}

static struct entry *find_entry(
    const struct k8s_cluster *cluster, enum k8s_kind kind, const struct key *key)
{
	return hash_table_find(&cluster->entries[kind], hash_key(cluster, key), entry_has_key, key);
}

static struct slice_group *find_group(const struct k8s_cluster *cluster, const struct key *key)
{
	return hash_table_find(&cluster->groups, hash_key(cluster, key), group_has_key, key);
}

static void free_group(struct slice_group *group)
{
	free(group->entries);
	free(group->namespace);
	free(group->service);
	free(group);
}

static void join_group(struct k8s_cluster *cluster, struct entry *entry)
{
	const struct k8s_object *object = entry->object;
	struct slice_group *group;
	struct key key;

	if (object->kind != K8S_ENDPOINT_SLICE || !object->endpoint_slice.service)
		return;
	key = (struct key){object->namespace, object->endpoint_slice.service};
	group = find_group(cluster, &key);
	if (!group) {
		group = memory_allocate_zero(1, sizeof(*group));
		group->namespace = memory_copy_string(key.namespace);
		group->service = memory_copy_string(key.name);
		group->hash = hash_key(cluster, &key);
		hash_table_insert(&cluster->groups, group->hash, group);
	}
	group->entries = memory_grow(
	    group->entries, &group->capacity, group->count + 1, sizeof(*group->entries));
	entry->group = group;
	entry->group_index = group->count;
	group->entries[group->count++] = entry;
}

static void leave_group(struct k8s_cluster *cluster, struct entry *entry)
{
	struct slice_group *group = entry->group;

	if (!group)
		return;
	entry->group = NULL;
	group->entries[entry->group_index] = group->entries[--group->count];
	group->entries[entry->group_index]->group_index = entry->group_index;
	if (group->count)
		return;
	hash_table_remove(&cluster->groups, group->hash, group);
	free_group(group);
}

struct k8s_cluster *k8s_cluster_new(
    uint64_t hash_seed, const struct k8s_cluster_ops *ops, void *arg)
{
	struct k8s_cluster *cluster = memory_allocate_zero(1, sizeof(*cluster));

	for (unsigned kind = 0; kind < K8S_KINDS; kind++)
		cluster->rings[kind] = (struct ring){&cluster->rings[kind], &cluster->rings[kind]};
	cluster->hash_seed = hash_seed;
	cluster->ops = ops;
	cluster->arg = arg;
	return cluster;
}

void k8s_cluster_free(struct k8s_cluster *cluster)
{
	struct slice_group *group;
	struct entry *entry;
	size_t cursor;

	if (!cluster)
		return;
	for (cursor = 0; (group = hash_table_next(&cluster->groups, &cursor));)
		free_group(group);
	hash_table_free(&cluster->groups);
	for (unsigned kind = 0; kind < K8S_KINDS; kind++) {
		for (cursor = 0; (entry = hash_table_next(&cluster->entries[kind], &cursor));) {
			k8s_object_free(entry->object);
			free(entry);
		}
		hash_table_free(&cluster->entries[kind]);
	}
	free(cluster);
}

static void leave_ring(struct entry *entry)
{
	if (!entry->ring.next)
		return;
	entry->ring.next->previous = entry->ring.previous;
	entry->ring.previous->next = entry->ring.next;
}

/* It is of the view that is being made. */
static void stamp(struct k8s_cluster *cluster, struct entry *entry, enum k8s_kind kind)
{
	struct ring *head = &cluster->rings[kind];

	leave_ring(entry);
	entry->ring = (struct ring){head, head->previous};
	head->previous->next = &entry->ring;
	head->previous = &entry->ring;
	entry->view = cluster->views[kind];
}

static void tell_changed(
    struct k8s_cluster *cluster, const struct k8s_object *object, const struct k8s_object *old)
{
	cluster->events[object->kind]++;
	if (cluster->ops && cluster->ops->changed)
		cluster->ops->changed(cluster->arg, object, old);
}

/*
 * The new resource version is taken over: a watch goes on from it.  So is the UID: the object may
 * have been made again since.
 */
static void keep_object(struct k8s_object *kept, struct k8s_object *same)
{
	char *version = kept->resource_version;

	kept->resource_version = same->resource_version;
	same->resource_version = version;
	kept->uid = same->uid;
	k8s_object_free(same);
}

void k8s_cluster_put(struct k8s_cluster *cluster, struct k8s_object *object)
{
	const struct key key = {object->namespace, object->name};
	struct entry *entry = find_entry(cluster, object->kind, &key);
	struct k8s_object *old = entry ? entry->object : NULL;

	if (old && k8s_object_equal(old, object)) {
		stamp(cluster, entry, old->kind);
		keep_object(old, object);
		return;
	}
	if (!entry) {
		entry = memory_allocate_zero(1, sizeof(*entry));
		entry->hash = hash_key(cluster, &key);
		hash_table_insert(&cluster->entries[object->kind], entry->hash, entry);
	}
	leave_group(cluster, entry);
	entry->object = object;
	cluster->memory -= entry->memory;
	entry->memory = sizeof(*entry) + k8s_object_memory(object);
	cluster->memory += entry->memory;
	stamp(cluster, entry, object->kind);
	join_group(cluster, entry);
	tell_changed(cluster, object, old);
	k8s_object_free(old);
}

static void remove_entry(struct k8s_cluster *cluster, struct entry *entry)
{
	struct k8s_object *object = entry->object;

	leave_group(cluster, entry);
	leave_ring(entry);
	cluster->memory -= entry->memory;
	hash_table_remove(&cluster->entries[object->kind], entry->hash, entry);
	free(entry);
	cluster->events[object->kind]++;
	if (cluster->ops && cluster->ops->removed)
		cluster->ops->removed(cluster->arg, object);
	k8s_object_free(object);
}

void k8s_cluster_remove(
    struct k8s_cluster *cluster, enum k8s_kind kind, const char *namespace, const char *name)
{
	const struct key key = {namespace, name};
	struct entry *entry = find_entry(cluster, kind, &key);

	if (entry)
		remove_entry(cluster, entry);
}

void k8s_cluster_keep(
    struct k8s_cluster *cluster, enum k8s_kind kind, const char *namespace, const char *name)
{
	const struct key key = {namespace, name};
	struct entry *entry = find_entry(cluster, kind, &key);

	if (entry)
		stamp(cluster, entry, kind);
}

void k8s_cluster_begin_list(struct k8s_cluster *cluster, enum k8s_kind kind)
{
	cluster->views[kind]++;
}

/* The first of the ring if it is of an older view; NULL: there is none of these. */
static struct entry *first_unseen(const struct k8s_cluster *cluster, enum k8s_kind kind)
{
	struct ring *first = cluster->rings[kind].next;
	struct entry *entry = (struct entry *)first;

	if (first == &cluster->rings[kind] || entry->view == cluster->views[kind])
		return NULL;
	return entry;
}

static void tell_synced(struct k8s_cluster *cluster)
{
	for (unsigned kind = 0; kind < K8S_LISTED_KINDS; kind++) {
		if (!cluster->listed[kind])
			return;
	}
	cluster->synced = true;
	if (cluster->ops && cluster->ops->synced)
		cluster->ops->synced(cluster->arg);
}

bool k8s_cluster_end_list(struct k8s_cluster *cluster, enum k8s_kind kind, size_t limit)
{
	struct entry *entry;

	while ((entry = first_unseen(cluster, kind))) {
		if (!limit--)
			return false;
		remove_entry(cluster, entry);
	}
	cluster->listed[kind] = true;
	if (kind < K8S_LISTED_KINDS)
		tell_synced(cluster);
	return true;
}

void k8s_cluster_begin_view(struct k8s_cluster *cluster)
{
	for (unsigned kind = 0; kind < K8S_KINDS; kind++) {
		k8s_cluster_begin_list(cluster, (enum k8s_kind)kind);
		cluster->listed[kind] = false;
	}
}

void k8s_cluster_end_view(struct k8s_cluster *cluster)
{
	/* Before the last of the others makes the view complete. */
	k8s_cluster_end_list(cluster, K8S_SECRET, SIZE_MAX);
	for (unsigned kind = 0; kind < K8S_LISTED_KINDS; kind++)
		k8s_cluster_end_list(cluster, (enum k8s_kind)kind, SIZE_MAX);
}

void k8s_cluster_forget_view(struct k8s_cluster *cluster)
{
	memset(cluster->listed, 0, sizeof(cluster->listed));
	cluster->synced = false;
}

bool k8s_cluster_is_synced(const struct k8s_cluster *cluster)
{
	return cluster->synced;
}

const struct k8s_object *k8s_cluster_find(
    const struct k8s_cluster *cluster, enum k8s_kind kind, const char *namespace, const char *name)
{
	const struct key key = {namespace, name};
	const struct entry *entry = find_entry(cluster, kind, &key);

	return entry ? entry->object : NULL;
}

const struct k8s_object *k8s_cluster_next(
    const struct k8s_cluster *cluster, enum k8s_kind kind, size_t *cursor)
{
	const struct entry *entry = hash_table_next(&cluster->entries[kind], cursor);

	return entry ? entry->object : NULL;
}

const struct k8s_object *k8s_cluster_next_slice(
    const struct k8s_cluster *cluster, const char *namespace, const char *service, size_t *cursor)
{
	const struct key key = {namespace, service};
	const struct slice_group *group = find_group(cluster, &key);

	if (!group || *cursor >= group->count)
		return NULL;
	return group->entries[(*cursor)++]->object;
}

size_t k8s_cluster_count(const struct k8s_cluster *cluster, enum k8s_kind kind)
{
	return cluster->entries[kind].count;
}

uint64_t k8s_cluster_events(const struct k8s_cluster *cluster, enum k8s_kind kind)
{
	return cluster->events[kind];
}

size_t k8s_cluster_memory(const struct k8s_cluster *cluster)
{
	size_t memory = cluster->memory + hash_table_memory(&cluster->groups) +
			cluster->groups.count * sizeof(struct slice_group);

	for (unsigned kind = 0; kind < K8S_KINDS; kind++)
		memory += hash_table_memory(&cluster->entries[kind]);
	return memory;
}
