/*
 * Objects as values: which kind a JSON object is, comparison and release.  Decoding is in
 * object_decode.c.
 *
 * Comparison decides whether an event is a change at all.  Real clusters write Nodes every few
 * seconds (heartbeats, images, annotations of other controllers); an update that touches nothing
 * of what is kept must end here and cost nothing further up.
 */
#include "k8s/object.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *api_version;
	const char *kind;
	enum k8s_kind value;
} kinds[] = {
    {"v1", "Node", K8S_NODE},
    {"v1", "Service", K8S_SERVICE},
    {"v1", "Secret", K8S_SECRET},
    {"discovery.k8s.io/v1", "EndpointSlice", K8S_ENDPOINT_SLICE},
    {"discovery.k8s.io/v1beta1", "EndpointSlice", K8S_ENDPOINT_SLICE},
};

static const char *const kind_names[K8S_KINDS] = {
    [K8S_NODE] = "Node",
    [K8S_SERVICE] = "Service",
    [K8S_ENDPOINT_SLICE] = "EndpointSlice",
    [K8S_SECRET] = "Secret",
};

const char *k8s_kind_name(enum k8s_kind kind)
{
	return kind < K8S_KINDS ? kind_names[kind] : "unknown";
}

bool k8s_object_kind(const json_t *value, enum k8s_kind *kind)
{
	const char *api_version = json_string_value(json_object_get(value, "apiVersion"));
	const char *name = json_string_value(json_object_get(value, "kind"));

	if (!api_version || !name)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(kinds[i].api_version, api_version) && !strcmp(kinds[i].kind, name)) {
			*kind = kinds[i].value;
			return true;
		}
	}
	return false;
}

static bool strings_equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool addresses_equal(
    const struct ip_address *a, size_t a_count, const struct ip_address *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++) {
		if (!ip_address_equal(&a[i], &b[i]))
			return false;
	}
	return true;
}

static bool node_equal(const struct k8s_node *a, const struct k8s_node *b)
{
	if (a->unschedulable != b->unschedulable || a->to_be_deleted != b->to_be_deleted ||
	    a->no_execute != b->no_execute || a->ready != b->ready ||
	    a->network_unavailable != b->network_unavailable ||
	    a->pod_cidr_count != b->pod_cidr_count)
		return false;
	for (size_t i = 0; i < a->pod_cidr_count; i++) {
		if (!ip_prefix_equal(&a->pod_cidrs[i], &b->pod_cidrs[i]))
			return false;
	}
	return addresses_equal(
		   a->internal_ips, a->internal_ip_count, b->internal_ips, b->internal_ip_count) &&
	       k8s_labels_equal(&a->labels, &b->labels) &&
	       k8s_labels_equal(&a->annotations, &b->annotations);
}

static bool ingress_equal(const struct k8s_service *a, const struct k8s_service *b)
{
	if (a->ingress_count != b->ingress_count)
		return false;
	for (size_t i = 0; i < a->ingress_count; i++) {
		if (a->ingress[i].proxy != b->ingress[i].proxy ||
		    !ip_address_equal(&a->ingress[i].address, &b->ingress[i].address))
			return false;
	}
	return true;
}

static bool service_equal(const struct k8s_service *a, const struct k8s_service *b)
{
	return a->type == b->type && a->headless == b->headless &&
	       a->external_policy == b->external_policy &&
	       a->internal_policy == b->internal_policy &&
	       a->publish_not_ready == b->publish_not_ready && a->deleting == b->deleting &&
	       strings_equal(a->load_balancer_class, b->load_balancer_class) &&
	       addresses_equal(
		   a->cluster_ips, a->cluster_ip_count, b->cluster_ips, b->cluster_ip_count) &&
	       addresses_equal(
		   a->external_ips, a->external_ip_count, b->external_ips, b->external_ip_count) &&
	       ingress_equal(a, b) && k8s_labels_equal(&a->labels, &b->labels) &&
	       k8s_labels_equal(&a->annotations, &b->annotations);
}

static bool endpoint_equal(const struct k8s_endpoint *a, const struct k8s_endpoint *b)
{
	return a->ready == b->ready && a->serving == b->serving &&
	       a->terminating == b->terminating && a->address_count == b->address_count &&
	       strings_equal(a->node_name, b->node_name);
}

static bool slice_equal(const struct k8s_endpoint_slice *a, const struct k8s_endpoint_slice *b)
{
	if (a->family != b->family || a->fqdn != b->fqdn ||
	    a->endpoint_count != b->endpoint_count || !strings_equal(a->service, b->service))
		return false;
	for (size_t i = 0; i < a->endpoint_count; i++) {
		if (!endpoint_equal(&a->endpoints[i], &b->endpoints[i]))
			return false;
	}
	return true;
}

bool k8s_object_equal(const struct k8s_object *a, const struct k8s_object *b)
{
	if (a->kind != b->kind || strcmp(a->namespace, b->namespace) || strcmp(a->name, b->name))
		return false;
	switch (a->kind) {
	case K8S_NODE:
		return node_equal(&a->node, &b->node);
	case K8S_SERVICE:
		return service_equal(&a->service, &b->service);
	case K8S_ENDPOINT_SLICE:
		return slice_equal(&a->endpoint_slice, &b->endpoint_slice);
	case K8S_SECRET:
		return k8s_secret_equal(&a->secret, &b->secret);
	case K8S_KINDS:
		break;
	}
	return false;
}

static void free_node(struct k8s_node *node)
{
	k8s_labels_free(&node->labels);
	k8s_labels_free(&node->annotations);
	free(node->pod_cidrs);
	free(node->internal_ips);
}

static void free_service(struct k8s_service *service)
{
	k8s_labels_free(&service->labels);
	k8s_labels_free(&service->annotations);
	free(service->load_balancer_class);
	free(service->cluster_ips);
	free(service->external_ips);
	free(service->ingress);
}

static void free_slice(struct k8s_endpoint_slice *slice)
{
	for (size_t i = 0; i < slice->endpoint_count; i++)
		free(slice->endpoints[i].node_name);
	free(slice->endpoints);
	free(slice->service);
}

void k8s_object_free(struct k8s_object *object)
{
	if (!object)
		return;
	switch (object->kind) {
	case K8S_NODE:
		free_node(&object->node);
		break;
	case K8S_SERVICE:
		free_service(&object->service);
		break;
	case K8S_ENDPOINT_SLICE:
		free_slice(&object->endpoint_slice);
		break;
	case K8S_SECRET:
		k8s_secret_free(&object->secret);
		break;
	case K8S_KINDS:
		break;
	}
	free(object->namespace);
	free(object->name);
	free(object->resource_version);
	free(object);
}
