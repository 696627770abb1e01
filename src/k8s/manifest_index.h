/*
 * Which file of the folder gives which object.  An object that several files give is taken from
 * the first in name order; the others' are held back and step in when it goes.  Puts into and
 * removes from the cluster exactly what changes.  Used by manifests.c only.
 */
#ifndef K8S_MANIFEST_INDEX_H
#define K8S_MANIFEST_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "k8s/cluster.h"

struct manifest_claim;
struct manifest_index;

/* One file as the index sees it; zeroed but for the name, which is the owner's. */
struct manifest_source {
	const char *name;
	struct manifest_claim **claims;
	size_t count;
	size_t capacity;
	bool needs_reading; /* an object of this file is wanted, and it is not at hand */
};

struct manifest_index *manifest_index_new(struct k8s_cluster *cluster, uint64_t hash_seed);
/* The sources must have been dropped; the cluster stays as it is. */
void manifest_index_free(struct manifest_index *index);

/* Begins a new reading of the file: until it is finished, the old objects stay. */
void manifest_index_begin(struct manifest_source *source);
/* Takes ownership; returns false (and frees it) if this reading gave that object already. */
bool manifest_index_put(
    struct manifest_index *index, struct manifest_source *source, struct k8s_object *object);
/* The last good object of that name, if there is one, stays; the new one is unusable. */
void manifest_index_keep(struct manifest_index *index, struct manifest_source *source,
    enum k8s_kind kind, const char *namespace, const char *name);
/* All of the last reading stay. */
void manifest_index_keep_all(struct manifest_source *source);
/* Drops what this reading did not give. */
void manifest_index_finish(struct manifest_index *index, struct manifest_source *source);
/* Forgets the source without touching the cluster, at the end of all. */
void manifest_index_forget(struct manifest_index *index, struct manifest_source *source);

struct manifest_duplicate {
	enum k8s_kind kind;
	const char *namespace;
	const char *name;
	const char *winner; /* name of the file whose object is in force */
};

/* The objects of a file that another file wins; start with `*cursor` 0; false at the end. */
bool manifest_index_next_duplicate(const struct manifest_index *index,
    const struct manifest_source *source, size_t *cursor, struct manifest_duplicate *duplicate);

#endif
