/*
 * What an object takes from the system, as the allocator has it: for those who look whether a
 * cluster is too large for its nodes.
 */
#include <malloc.h>

#include "k8s/object.h"

/* With what the allocator puts in front of it. */
static size_t of_block(void *block)
{
	return block ? malloc_usable_size(block) + sizeof(size_t) : 0;
}

static size_t of_labels(const struct k8s_labels *labels)
{
	size_t memory = of_block(labels->items);

	for (size_t i = 0; i < labels->count; i++)
		memory += of_block(labels->items[i].key) + of_block(labels->items[i].value);
	return memory;
}

static size_t of_service(const struct k8s_service *service)
{
	return of_labels(&service->labels) + of_labels(&service->annotations) +
	       of_block(service->load_balancer_class) + of_block(service->cluster_ips) +
	       of_block(service->external_ips) + of_block(service->ingress);
}

static size_t of_slice(const struct k8s_endpoint_slice *slice)
{
	size_t memory = of_block(slice->endpoints) + of_block(slice->service);

	for (size_t i = 0; i < slice->endpoint_count; i++)
		memory += of_block(slice->endpoints[i].node_name);
	return memory;
}

static size_t of_secret(const struct k8s_secret *secret)
{
	size_t memory = of_block(secret->values);

	for (size_t i = 0; i < secret->count; i++)
		memory += of_block(secret->values[i].key) + of_block(secret->values[i].bytes);
	return memory;
}

static size_t of_content(const struct k8s_object *object)
{
	switch (object->kind) {
	case K8S_NODE:
		return of_labels(&object->node.labels) + of_labels(&object->node.annotations) +
		       of_block(object->node.pod_cidrs) + of_block(object->node.internal_ips);
	case K8S_SERVICE:
		return of_service(&object->service);
	case K8S_ENDPOINT_SLICE:
		return of_slice(&object->endpoint_slice);
	case K8S_SECRET:
		return of_secret(&object->secret);
	case K8S_KINDS:
		break;
	}
	return 0;
}

size_t k8s_object_memory(const struct k8s_object *object)
{
	return of_block((void *)object) + of_block(object->namespace) + of_block(object->name) +
	       of_block(object->resource_version) + of_content(object);
}
