/*
 * From the JSON that an API server sends, an item of a list or an event of a watch, into the
 * cluster: what cannot be understood is skipped by name, what is old is dropped.  No I/O; used by
 * the reflector.
 */
#ifndef K8S_INTAKE_H
#define K8S_INTAKE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "k8s/cluster.h"
#include "k8s/problems.h"

/* The owner fills in the first six, the rest is zero. */
struct k8s_intake {
	struct k8s_cluster *cluster;
	enum k8s_kind kind;
	/* The only object that is wanted, one of several of its kind; NULL: all of the kind are. */
	const char *only_namespace;
	const char *only_name;
	/* An object cannot be understood; `what` is NULL when it can be again, or is gone. */
	void (*problem)(void *arg, const char *subject, const char *what);
	void *arg;
	struct k8s_problems problems;
	bool saw_only; /* since the list has begun */
	uint64_t old_events; /* that were dropped */
};

/* An object as it is now. */
void k8s_intake_object(struct k8s_intake *intake, const json_t *value);
/* "ADDED", "MODIFIED" or "DELETED"; any other type changes nothing, also BOOKMARK. */
void k8s_intake_event(struct k8s_intake *intake, const char *type, const json_t *object);
/*
 * The text of an object or event, or its beginning, that is no JSON as it is; false if not even its
 * name can be found: then nobody knows what is to be kept.
 */
bool k8s_intake_unreadable(
    struct k8s_intake *intake, const char *text, size_t length, const char *why);
/* metadata.resourceVersion; NULL: there is none. */
const char *k8s_intake_version(const json_t *object);
/* What is not put between the two is gone; see k8s_cluster_end_list(). */
void k8s_intake_begin_list(struct k8s_intake *intake);
bool k8s_intake_end_list(struct k8s_intake *intake, size_t limit);
void k8s_intake_release(struct k8s_intake *intake);

#endif
