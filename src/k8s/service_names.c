#include "k8s/service_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char *copy_name(struct arena *arena, const char *name)
{
	const size_t size = strlen(name) + 1;

	return memcpy(arena_allocate(arena, size), name, size);
}

void service_names_fill(struct service_names *names, const struct k8s_cluster *cluster)
{
	const struct k8s_object *service;
	size_t cursor = 0;

	service_names_free(names);
	names->items = memory_allocate_zero(
	    k8s_cluster_count(cluster, K8S_SERVICE) + 1, sizeof(*names->items));
	while ((service = k8s_cluster_next(cluster, K8S_SERVICE, &cursor)))
		names->items[names->count++] =
		    (struct service_name){copy_name(&names->arena, service->namespace),
			copy_name(&names->arena, service->name)};
}

static int compare_names(const void *left, const void *right)
{
	const struct service_name *a = left;
	const struct service_name *b = right;
	const int order = strcmp(a->namespace, b->namespace);

	return order ? order : strcmp(a->name, b->name);
}

void service_names_sort(struct service_names *names)
{
	qsort(names->items, names->count, sizeof(*names->items), compare_names);
}

void service_names_free(struct service_names *names)
{
	arena_free(&names->arena);
	free(names->items);
	*names = (struct service_names){0};
}
