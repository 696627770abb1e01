/*
 * What this daemon asks an API server for: every resource, in one table, with the verbs that are
 * used on it.  Who makes a request has its path from here, and a test compares the table with the
 * roles of etc/kubernetes: a verb that is used is granted, and no other.
 */
#ifndef K8S_API_RESOURCES_H
#define K8S_API_RESOURCES_H

#include <stdbool.h>

#include "base/text.h"
#include "k8s/object.h"

/* As RBAC names them; bits. */
enum k8s_verb {
	K8S_VERB_LIST = 1 << 0,
	K8S_VERB_WATCH = 1 << 1,
	K8S_VERB_CREATE = 1 << 2,
	K8S_VERB_PATCH = 1 << 3
};

enum k8s_resource_index {
	K8S_NODES,
	K8S_SERVICES,
	K8S_ENDPOINT_SLICES,
	K8S_SECRETS,
	K8S_EVENTS,
	K8S_CONFIG_MAPS,
	K8S_RESOURCES
};

struct k8s_resource {
	const char *group; /* "": the core */
	const char *version; /* NULL: to be discovered */
	const char *name;
	unsigned verbs; /* enum k8s_verb, or'ed */
	bool own_namespace; /* only in the one that the daemon has, so a Role will do */
	const char *purpose; /* for people */
};

extern const struct k8s_resource k8s_resources[K8S_RESOURCES];

/* "list", ... */
const char *k8s_verb_name(enum k8s_verb verb);
/* What objects of the kind are listed and watched as. */
const struct k8s_resource *k8s_resource_of(enum k8s_kind kind);
/* "/apis/GROUP", or "/api" of the core: what its versions are under. */
void k8s_resource_append_group(const struct k8s_resource *resource, struct text *path);
/* "/apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE"; a namespace of NULL is left out. */
void k8s_resource_append_path(const struct k8s_resource *resource, const char *version,
    const char *namespace, struct text *path);
/* As a part of a path or a query: all but the unreserved characters of RFC 3986 is escaped. */
void k8s_append_escaped(struct text *text, const char *value);

#endif
