/*
 * The cluster read from a folder of manifests, exactly as kubectl prints them: *.yaml, *.yml and
 * *.json, several documents or Lists in a file.  Watched with inotify: a change is read when the
 * folder has been quiet for a moment.  A file or an object that cannot be understood is skipped
 * and reported by name, the last good objects of that file stay; all else goes on.
 */
#ifndef K8S_MANIFESTS_H
#define K8S_MANIFESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "k8s/cluster.h"

struct k8s_manifests;

/*
 * Called once per new problem, `what` being "FILE:LINE: message" (without the line where none is
 * known), and with NULL when the last one of that file is gone.  `file` has no folder in front; it
 * is the folder itself if that cannot be read.
 */
typedef void k8s_manifests_trouble(void *arg, const char *file, const char *what);

/*
 * Reads the folder once, before it returns, and watches it from then on.  A folder that cannot be
 * read is trouble, not an error: it is looked for again, and what was known before stays.  The
 * cluster is synced once the folder has been read.
 */
struct k8s_manifests *k8s_manifests_new(struct loop *loop, const char *folder,
    struct k8s_cluster *cluster, k8s_manifests_trouble *trouble, void *arg);
void k8s_manifests_free(struct k8s_manifests *manifests);
/* Problems that stand now, a text each, in file order; the pointers last until the next change. */
size_t k8s_manifests_problems(const struct k8s_manifests *manifests, const char *const **texts);

/* What is wrong with a file, or with one object in it. */
struct k8s_manifest_problem {
	const char *what;
	size_t line; /* 0: not known */
	bool whole_file; /* the file cannot be read further */
	const char *name; /* of the object that is skipped; NULL: not known */
	const char *namespace; /* NULL if the name is */
	enum k8s_kind kind;
};

/* Called for each object of a document. */
typedef void k8s_manifest_object_callback(void *arg, struct k8s_object *object);
typedef void k8s_manifest_problem_callback(void *arg, const struct k8s_manifest_problem *problem);
/*
 * Decodes the text of one file (YAML, of which JSON is a part).  Pure; the fuzzed entry.  Objects
 * of other kinds are passed over.  The receiver owns each object.
 */
void k8s_manifest_decode(const char *text, size_t length, k8s_manifest_object_callback *object,
    k8s_manifest_problem_callback *problem, void *arg);

#endif
