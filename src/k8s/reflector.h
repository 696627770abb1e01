/*
 * Keeps the objects of one kind in the cluster as the API server has them: lists, watches, and does
 * both again when they end or fail.  What the cluster knows is taken away only when the server has
 * said that it is gone: by an event, or by a list that was read to its end.
 */
#ifndef K8S_REFLECTOR_H
#define K8S_REFLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "k8s/access.h"
#include "k8s/cluster.h"
#include "k8s/problems.h"

struct k8s_reflector;

/* What its owner is told, who must not free it in these. */
struct k8s_reflector_ops {
	/* The server does as it is asked, or does not (any more): why. */
	void (*works)(void *arg);
	void (*failed)(void *arg, const char *why);
	/* An object cannot be understood; `what` is NULL when it can be again, or is gone. */
	void (*problem)(void *arg, const char *subject, const char *what);
};

struct k8s_reflector_settings {
	struct loop *loop;
	struct k8s_cluster *cluster;
	enum k8s_kind kind;
	const char *name; /* of the only object that is wanted; NULL: all of the kind */
	const char *namespace; /* of a Secret; NULL: that which the access is of */
	const struct k8s_access_settings *access; /* the owner's, as long as the reflector lives */
	uint64_t random_seed;
	uint32_t backoff_first_ms;
	uint32_t backoff_limit_ms;
	uint32_t watch_seconds; /* a watch ends after that, or up to twice as long */
	uint32_t watch_silence_ms; /* a watch that has had a bookmark is given up after that */
	const struct k8s_reflector_ops *ops;
	void *arg;
};

struct k8s_reflector_counters {
	uint64_t requests;
	uint64_t watches; /* requests to watch */
	uint64_t failures; /* requests that were refused or broken off */
	uint64_t lists; /* that were complete */
	uint64_t events; /* of watches, bookmarks included */
	uint64_t old_events; /* of these, older than what was known */
	uint64_t bytes; /* of bodies */
};

/* Begins at once; the strings are copied but for the access. */
struct k8s_reflector *k8s_reflector_new(const struct k8s_reflector_settings *settings);
void k8s_reflector_free(struct k8s_reflector *reflector);
struct k8s_reflector_counters k8s_reflector_counters(const struct k8s_reflector *reflector);
const struct k8s_problems *k8s_reflector_problems(const struct k8s_reflector *reflector);
/* Of the API group, as "v1beta1"; NULL: not known yet. */
const char *k8s_reflector_version(const struct k8s_reflector *reflector);
/* Of a Secret; NULL: not known before the first request. */
const char *k8s_reflector_namespace(const struct k8s_reflector *reflector);
/* Where the last request went; "" before the first. */
const char *k8s_reflector_server(const struct k8s_reflector *reflector);

#endif
