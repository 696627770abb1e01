/*
 * The names of all Services at one moment, for a walk over them in which they may come, go and
 * change.  Private to the announcer.
 */
#ifndef K8S_SERVICE_NAMES_H
#define K8S_SERVICE_NAMES_H

#include <stddef.h>

#include "base/arena.h"
#include "k8s/cluster.h"

struct service_name {
	const char *namespace;
	const char *name;
};

/* Zeroed is empty. */
struct service_names {
	struct arena arena;
	struct service_name *items;
	size_t count;
};

/* Replaces what is in it. */
void service_names_fill(struct service_names *names, const struct k8s_cluster *cluster);
/* By namespace, then name. */
void service_names_sort(struct service_names *names);
void service_names_free(struct service_names *names);

#endif
