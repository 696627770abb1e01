/*
 * The cluster as this node sees it: the last known Nodes, Services, EndpointSlices and Secrets, by
 * name.
 * A source (manifests or the API server) puts and removes objects; the observer is told of
 * each real change, and of the moment when a first complete view is there.  No BGP, no rules.
 */
#ifndef K8S_CLUSTER_H
#define K8S_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "k8s/object.h"

struct k8s_cluster;

/* What an observer is told; any of them may be NULL. */
struct k8s_cluster_ops {
	/* `object` is new or changed; `old` (NULL if new) is still valid during the call. */
	void (*changed)(void *arg, const struct k8s_object *object, const struct k8s_object *old);
	/* `object` is being removed. */
	void (*removed)(void *arg, const struct k8s_object *object);
	/* The source has given a complete view (again). */
	void (*synced)(void *arg);
};

struct k8s_cluster *k8s_cluster_new(
    uint64_t hash_seed, const struct k8s_cluster_ops *ops, void *arg);
void k8s_cluster_free(struct k8s_cluster *cluster);

/* Takes ownership of the object; an equal one of that name changes nothing. */
void k8s_cluster_put(struct k8s_cluster *cluster, struct k8s_object *object);
void k8s_cluster_remove(
    struct k8s_cluster *cluster, enum k8s_kind kind, const char *namespace, const char *name);
/*
 * For a source that gives complete views: between begin and end every object that is there is
 * put; what was not put is removed at the end, and `synced` is called.
 */
void k8s_cluster_begin_view(struct k8s_cluster *cluster);
void k8s_cluster_end_view(struct k8s_cluster *cluster);
/*
 * The same for one kind, for a source that lists them one after the other: `synced` is called when
 * all kinds but Secrets have been ended.  What was not put is removed by and by: at most `limit`
 * objects each time it is called; true when nothing is left to remove, and then the view is
 * complete.
 */
void k8s_cluster_begin_list(struct k8s_cluster *cluster, enum k8s_kind kind);
bool k8s_cluster_end_list(struct k8s_cluster *cluster, enum k8s_kind kind, size_t limit);
/* As if the object that is there had been put again; nothing if there is none. */
void k8s_cluster_keep(
    struct k8s_cluster *cluster, enum k8s_kind kind, const char *namespace, const char *name);
/* Another source takes over: not synced before it has given a view.  The objects stay until then. */
void k8s_cluster_forget_view(struct k8s_cluster *cluster);
bool k8s_cluster_is_synced(const struct k8s_cluster *cluster);

const struct k8s_object *k8s_cluster_find(
    const struct k8s_cluster *cluster, enum k8s_kind kind, const char *namespace, const char *name);
/* Walks the objects of a kind in no order: start with `*cursor` 0; NULL at the end. */
const struct k8s_object *k8s_cluster_next(
    const struct k8s_cluster *cluster, enum k8s_kind kind, size_t *cursor);
/* The EndpointSlices of a Service; start with `*cursor` 0; NULL at the end. */
const struct k8s_object *k8s_cluster_next_slice(
    const struct k8s_cluster *cluster, const char *namespace, const char *service, size_t *cursor);
size_t k8s_cluster_count(const struct k8s_cluster *cluster, enum k8s_kind kind);
/* Events seen: puts and removes that changed something, by kind. */
uint64_t k8s_cluster_events(const struct k8s_cluster *cluster, enum k8s_kind kind);
/* Bytes that the objects and the tables of them take. */
size_t k8s_cluster_memory(const struct k8s_cluster *cluster);

#endif
