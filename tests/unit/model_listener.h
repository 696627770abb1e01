/*
 * Somebody who listens to the table of the model: for each prefix it notes what it was told of, and
 * when all rests that must be what there is.  It holds some prefixes for a while, as who still has
 * something to send does, and so must find them again.
 */
#ifndef TESTS_MODEL_LISTENER_H
#define TESTS_MODEL_LISTENER_H

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "rib/table.h"

enum { MODEL_HOLDS = 16 };

struct model_hold {
	struct ip_prefix prefix;
	uint32_t id; /* 0: none */
};

struct model_listener {
	struct rib *rib;
	struct rib_listener listener;
	uint64_t *told[IP_FAMILIES]; /* by id: signature of what the listener looks at */
	size_t capacity[IP_FAMILIES];
	struct model_hold holds[MODEL_HOLDS];
	unsigned next_hold;
	uint64_t count; /* how often it was told */
};

static inline uint64_t sign_path(const struct rib_path *path)
{
	return hash_u64((uint64_t)(uintptr_t)path->attributes ^ hash_u64(path->peer + 1u));
}

/* What of a prefix is news for the listener if it becomes another one; 0: nothing is there. */
static inline uint64_t sign_prefix(
    const struct model_listener *listener, enum ip_family family, uint32_t id)
{
	const struct rib_prefix *prefix = rib_prefix_at(listener->rib, family, id);
	const struct rib_path *best = prefix ? rib_best_path(prefix) : NULL;
	uint64_t signature = best ? sign_path(best) : 0;

	for (const struct rib_path *path = prefix ? &prefix->first : NULL; path;
	     path = rib_path_next(listener->rib, family, path)) {
		if (listener->listener.multipath && path->flags & RIB_PATH_MULTIPATH)
			signature += hash_u64((uint64_t)(uintptr_t)path->attributes);
		if (listener->listener.every_path)
			signature += hash_u64(
			    sign_path(path) + path->path_id + (path->flags & RIB_PATH_USABLE));
	}
	return signature;
}

static inline uint64_t *signature_at(
    struct model_listener *listener, enum ip_family family, uint32_t id)
{
	size_t old = listener->capacity[family];

	if (id >= old) {
		listener->told[family] = memory_grow(listener->told[family],
		    &listener->capacity[family], id + 1u, sizeof(*listener->told[family]));
		memset(listener->told[family] + old, 0,
		    (listener->capacity[family] - old) * sizeof(*listener->told[family]));
	}
	return &listener->told[family][id];
}

/* Holds it in the place of the one that was held longest. */
static inline void hold_for_a_while(
    struct model_listener *listener, enum ip_family family, uint32_t id)
{
	struct model_hold *hold = &listener->holds[listener->next_hold++ % MODEL_HOLDS];

	if (hold->id) {
		const enum ip_family held = hold->prefix.family;

		assert_true(
		    ip_prefix_equal(rib_held_prefix(listener->rib, held, hold->id), &hold->prefix));
		rib_release_prefix(listener->rib, held, hold->id);
	}
	hold->id = id;
	if (!id)
		return;
	rib_hold_prefix(listener->rib, family, id);
	hold->prefix = *rib_held_prefix(listener->rib, family, id);
}

static inline void listener_told(void *arg, const struct rib_change *change)
{
	struct model_listener *listener = arg;

	assert_true(change->count > 0);
	for (size_t i = 0; i < change->count; i++) {
		const enum ip_family family = change->family;
		const uint32_t id = change->ids[i];

		*signature_at(listener, family, id) = sign_prefix(listener, family, id);
		if (listener->count++ % 64 == 0)
			hold_for_a_while(listener, family, id);
	}
}

/* It was told of everything that it looks at. */
static inline void check_listener(struct model_listener *listener)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		uint32_t limit = rib_limit(listener->rib, family);

		for (uint32_t id = 1; id < limit || id < listener->capacity[family]; id++)
			if (*signature_at(listener, family, id) !=
			    (id < limit ? sign_prefix(listener, family, id) : 0))
				fail_msg("listener of%s%s was not told of %u",
				    listener->listener.multipath ? " multipath" : "",
				    listener->listener.every_path ? " every path" : "", id);
	}
}

static inline void listener_begin(
    struct model_listener *listener, struct rib *rib, bool multipath, bool every_path)
{
	listener->rib = rib;
	listener->listener = (struct rib_listener){.changed = listener_told,
	    .arg = listener,
	    .multipath = multipath,
	    .every_path = every_path};
	rib_add_listener(rib, &listener->listener);
}

static inline void listener_release_all(struct model_listener *listener)
{
	for (unsigned i = 0; i < MODEL_HOLDS; i++)
		hold_for_a_while(listener, IPV4, 0);
}

static inline void listener_end(struct model_listener *listener)
{
	rib_remove_listener(listener->rib, &listener->listener);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		free(listener->told[family]);
}

#endif
