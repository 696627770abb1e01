/*
 * A table of identities (kind, namespace, name), each with the chain of claims that files have on
 * it, in file name order.  Invariants: the first claim's object is the one in the cluster, which
 * owns it; every later claim holds its own object.  The one exception is a claim that was first
 * and was overtaken by a new file: its object has gone into the cluster and was replaced there, so
 * its file is marked to be read again.
 *
 * The work is proportional to the files that changed, never to the folder.
 */
#include "k8s/manifest_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

struct identity {
	enum k8s_kind kind;
	char *namespace;
	char *name;
	uint64_t hash;
	struct manifest_claim *claims; /* by file name; never empty */
};

struct manifest_claim {
	struct identity *identity;
	struct manifest_source *source;
	struct k8s_object *object; /* NULL: the cluster has it */
	struct manifest_claim *next;
	bool renewed; /* by the reading that goes on */
};

struct manifest_index {
	struct k8s_cluster *cluster;
	struct hash_table identities;
	uint64_t hash_seed;
	size_t duplicates; /* claims that are not first */
};

struct key {
	enum k8s_kind kind;
	const char *namespace;
	const char *name;
};

static uint64_t hash_key(const struct manifest_index *index, const struct key *key)
{
	const uint64_t seed = hash_string(key->namespace, index->hash_seed ^ (uint64_t)key->kind);

	return hash_string(key->name, seed);
}

static bool identity_is_key(const void *item, const void *key)
{
	const struct identity *identity = item;
	const struct key *wanted = key;

	return identity->kind == wanted->kind && !strcmp(identity->name, wanted->name) &&
	       !strcmp(identity->namespace, wanted->namespace);
}

static struct identity *find_identity(const struct manifest_index *index, const struct key *key)
{
	return hash_table_find(&index->identities, hash_key(index, key), identity_is_key, key);
}

static struct identity *new_identity(struct manifest_index *index, const struct key *key)
{
	struct identity *identity = memory_allocate_zero(1, sizeof(*identity));

	identity->kind = key->kind;
	identity->namespace = memory_copy_string(key->namespace);
	identity->name = memory_copy_string(key->name);
	identity->hash = hash_key(index, key);
	hash_table_insert(&index->identities, identity->hash, identity);
	return identity;
}

static void free_identity(struct manifest_index *index, struct identity *identity)
{
	hash_table_remove(&index->identities, identity->hash, identity);
	free(identity->namespace);
	free(identity->name);
	free(identity);
}

static struct manifest_claim *find_claim(
    const struct identity *identity, const struct manifest_source *source)
{
	struct manifest_claim *claim = identity ? identity->claims : NULL;

	while (claim && claim->source != source)
		claim = claim->next;
	return claim;
}

static struct manifest_claim *new_claim(
    struct manifest_index *index, struct identity *identity, struct manifest_source *source)
{
	struct manifest_claim *claim = memory_allocate_zero(1, sizeof(*claim));
	struct manifest_claim **at = &identity->claims;

	if (identity->claims)
		index->duplicates++;
	while (*at && strcmp((*at)->source->name, source->name) < 0)
		at = &(*at)->next;
	claim->identity = identity;
	claim->source = source;
	claim->next = *at;
	*at = claim;
	source->claims = memory_grow(
	    source->claims, &source->capacity, source->count + 1, sizeof(struct manifest_claim *));
	source->claims[source->count++] = claim;
	return claim;
}

struct manifest_index *manifest_index_new(struct k8s_cluster *cluster, uint64_t hash_seed)
{
	struct manifest_index *index = memory_allocate_zero(1, sizeof(*index));

	index->cluster = cluster;
	index->hash_seed = hash_seed;
	return index;
}

void manifest_index_free(struct manifest_index *index)
{
	if (!index)
		return;
	hash_table_free(&index->identities);
	free(index);
}

void manifest_index_begin(struct manifest_source *source)
{
	source->needs_reading = false;
	for (size_t i = 0; i < source->count; i++)
		source->claims[i]->renewed = false;
}

bool manifest_index_put(
    struct manifest_index *index, struct manifest_source *source, struct k8s_object *object)
{
	const struct key key = {object->kind, object->namespace, object->name};
	struct identity *identity = find_identity(index, &key);
	struct manifest_claim *claim = find_claim(identity, source);

	if (claim && claim->renewed) {
		k8s_object_free(object);
		return false;
	}
	if (!identity)
		identity = new_identity(index, &key);
	if (!claim)
		claim = new_claim(index, identity, source);
	claim->renewed = true;
	if (claim != identity->claims) {
		k8s_object_free(claim->object);
		claim->object = object;
		return true;
	}
	/* A claim that this one has overtaken: its object is about to be replaced. */
	if (claim->next && !claim->next->object)
		claim->next->source->needs_reading = true;
	k8s_cluster_put(index->cluster, object);
	return true;
}

void manifest_index_keep(struct manifest_index *index, struct manifest_source *source,
    enum k8s_kind kind, const char *namespace, const char *name)
{
	const struct key key = {kind, namespace, name};
	struct manifest_claim *claim = find_claim(find_identity(index, &key), source);

	if (claim)
		claim->renewed = true;
}

void manifest_index_keep_all(struct manifest_source *source)
{
	for (size_t i = 0; i < source->count; i++)
		source->claims[i]->renewed = true;
}

/* Takes the claim out of its chain; returns true if it was the first. */
static bool unlink_claim(struct manifest_index *index, struct manifest_claim *claim)
{
	struct manifest_claim **at = &claim->identity->claims;
	bool first;

	while (*at != claim)
		at = &(*at)->next;
	first = at == &claim->identity->claims;
	*at = claim->next;
	if (claim->identity->claims)
		index->duplicates--;
	return first;
}

/* The claim has gone; the next one steps in, or the object goes. */
static void hand_over(struct manifest_index *index, struct identity *identity, bool was_first)
{
	struct manifest_claim *next = identity->claims;

	if (!next) {
		k8s_cluster_remove(
		    index->cluster, identity->kind, identity->namespace, identity->name);
		free_identity(index, identity);
		return;
	}
	if (!was_first)
		return;
	if (next->object)
		k8s_cluster_put(index->cluster, next->object);
	else
		next->source->needs_reading = true;
	next->object = NULL;
}

void manifest_index_finish(struct manifest_index *index, struct manifest_source *source)
{
	size_t kept = 0;

	for (size_t i = 0; i < source->count; i++) {
		struct manifest_claim *claim = source->claims[i];

		if (claim->renewed) {
			source->claims[kept++] = claim;
			continue;
		}
		hand_over(index, claim->identity, unlink_claim(index, claim));
		k8s_object_free(claim->object);
		free(claim);
	}
	source->count = kept;
	if (kept)
		return;
	free(source->claims);
	source->claims = NULL;
	source->capacity = 0;
}

void manifest_index_forget(struct manifest_index *index, struct manifest_source *source)
{
	for (size_t i = 0; i < source->count; i++) {
		struct manifest_claim *claim = source->claims[i];

		unlink_claim(index, claim);
		if (!claim->identity->claims)
			free_identity(index, claim->identity);
		k8s_object_free(claim->object);
		free(claim);
	}
	free(source->claims);
	*source = (struct manifest_source){.name = source->name};
}

bool manifest_index_next_duplicate(const struct manifest_index *index,
    const struct manifest_source *source, size_t *cursor, struct manifest_duplicate *duplicate)
{
	if (!index->duplicates)
		return false;
	while (*cursor < source->count) {
		const struct manifest_claim *claim = source->claims[(*cursor)++];
		const struct identity *identity = claim->identity;

		if (claim == identity->claims)
			continue;
		*duplicate = (struct manifest_duplicate){identity->kind, identity->namespace,
		    identity->name, identity->claims->source->name};
		return true;
	}
	return false;
}
