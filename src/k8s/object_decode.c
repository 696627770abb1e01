/*
 * From a JSON value to an object, with only the fields in use.
 *
 * A field is reached through a `struct place`: the JSON value together with the way that led
 * there, a list on the stack.  The way costs nothing while all is well and gives the exact path
 * when a value is wrong ("spec.externalIPs[0]").  The error is sticky: the first one stays, what
 * follows reads as absent, and the decoder checks once at the end.
 *
 * null counts as absent everywhere, as in the API.  What the API server guarantees is not taken
 * for granted: manifests are written by hand too.
 */
#include "k8s/object.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "k8s/base64.h"

#define NAME_MAX_LENGTH 253 /* a DNS subdomain, RFC 1123 */
#define LABELS_MAX 4096
#define PATH_TEXT_MAX 200
#define SERVICE_NAME_LABEL "kubernetes.io/service-name"
#define TO_BE_DELETED_TAINT "ToBeDeletedByClusterAutoscaler"
#define HOSTNAME_TOPOLOGY "kubernetes.io/hostname"
/* What others note of a Node changes all the time; what is meant for this daemon begins so. */
#define NODE_ANNOTATION_PREFIX "kbgpd.io/"
/* A copy of the whole object, written by kubectl apply; nobody needs it here. */
#define LAST_APPLIED_ANNOTATION "kubectl.kubernetes.io/last-applied-configuration"

struct decoder {
	struct error *error;
	bool failed;
};

/* A value that is NULL is absent, or was of the wrong type and the decoder has failed. */
struct place {
	const struct place *up;
	const char *key; /* NULL: an array's item, by index */
	size_t index;
	const json_t *value;
};

static void print_path(const struct place *place, char *text, size_t size)
{
	size_t length;

	if (!place->up) {
		text[0] = '\0';
		return;
	}
	print_path(place->up, text, size);
	length = strlen(text);
	if (place->key)
		snprintf(text + length, size - length, "%s%s", length ? "." : "", place->key);
	else
		snprintf(text + length, size - length, "[%zu]", place->index);
}

__attribute__((format(printf, 3, 4))) static void fail(
    struct decoder *decoder, const struct place *place, const char *format, ...)
{
	char path[PATH_TEXT_MAX];
	char what[PATH_TEXT_MAX];
	va_list arguments;

	if (decoder->failed)
		return;
	decoder->failed = true;
	print_path(place, path, sizeof(path));
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	error_set(decoder->error, "%s: %s", path, what);
}

static const char *type_name(json_type type)
{
	switch (type) {
	case JSON_OBJECT:
		return "a mapping";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	case JSON_NULL:
		break;
	}
	return "nothing";
}

/* Clears the value of a place that is null, or that is of another type: then it is an error. */
static void expect(struct decoder *decoder, struct place *place, json_type type)
{
	json_type found;

	if (!place->value)
		return;
	found = json_typeof(place->value);
	/* One of the two booleans stands for both. */
	if (found == type || (type == JSON_TRUE && found == JSON_FALSE))
		return;
	if (found != JSON_NULL)
		fail(decoder, place, "expected %s, not %s", type_name(type), type_name(found));
	place->value = NULL;
}

static struct place member(
    struct decoder *decoder, const struct place *up, const char *key, json_type type)
{
	struct place place = {up, key, 0, up->value ? json_object_get(up->value, key) : NULL};

	expect(decoder, &place, type);
	return place;
}

static struct place item(
    struct decoder *decoder, const struct place *up, size_t index, json_type type)
{
	struct place place = {up, NULL, index, json_array_get(up->value, index)};

	expect(decoder, &place, type);
	return place;
}

static size_t item_count(const struct place *place)
{
	return place->value ? json_array_size(place->value) : 0;
}

/* The string, or NULL; it has no NUL inside. */
static const char *string_of(struct decoder *decoder, const struct place *place)
{
	const char *string = place->value ? json_string_value(place->value) : NULL;

	if (string && strlen(string) != json_string_length(place->value)) {
		fail(decoder, place, "the string has a NUL byte");
		return NULL;
	}
	return string;
}

static const char *get_string(struct decoder *decoder, const struct place *up, const char *key)
{
	const struct place place = member(decoder, up, key, JSON_STRING);

	return string_of(decoder, &place);
}

static bool get_bool(
    struct decoder *decoder, const struct place *up, const char *key, bool otherwise)
{
	const struct place place = member(decoder, up, key, JSON_TRUE);

	return place.value ? json_is_true(place.value) : otherwise;
}

static char *copy_or_null(const char *string)
{
	return string ? memory_copy_string(string) : NULL;
}

static bool get_address(
    struct decoder *decoder, const struct place *place, struct ip_address *address)
{
	const char *string = string_of(decoder, place);

	if (!string)
		return false;
	if (!ip_address_parse(string, address)) {
		fail(decoder, place, "\"%.100s\" is no IP address", string);
		return false;
	}
	return true;
}

/* A word of a fixed set, by its place in `words`; absent or "" gives `otherwise`. */
static unsigned get_word(struct decoder *decoder, const struct place *up, const char *key,
    const char *const *words, size_t count, unsigned otherwise)
{
	const struct place place = member(decoder, up, key, JSON_STRING);
	const char *string = string_of(decoder, &place);

	if (!string || !string[0])
		return otherwise;
	for (unsigned i = 0; i < count; i++) {
		if (!strcmp(string, words[i]))
			return i;
	}
	fail(decoder, &place, "\"%.100s\" is not known", string);
	return otherwise;
}

/* Those whose names begin with the prefix. */
static void decode_labels(struct decoder *decoder, const struct place *up, const char *key,
    const char *prefix, struct k8s_labels *labels)
{
	const struct place place = member(decoder, up, key, JSON_OBJECT);
	const char *name;
	json_t *value;

	if (!place.value)
		return;
	if (json_object_size(place.value) > LABELS_MAX) {
		fail(decoder, &place, "more than %d entries", LABELS_MAX);
		return;
	}
	json_object_foreach((json_t *)place.value, name, value)
	{
		const char *string;

		if (strncmp(name, prefix, strlen(prefix)) || !strcmp(name, LAST_APPLIED_ANNOTATION))
			continue;
		string = get_string(decoder, &place, name);
		k8s_labels_set(labels, name, string ? string : "");
	}
}

/* A list of addresses; "" and "None" (a headless Service's) are passed over. */
static void decode_addresses(
    struct decoder *decoder, const struct place *list, struct ip_address **addresses, size_t *count)
{
	const size_t size = item_count(list);

	if (!size)
		return;
	*addresses = memory_allocate_zero(size, sizeof(**addresses));
	for (size_t i = 0; i < size && !decoder->failed; i++) {
		const struct place place = item(decoder, list, i, JSON_STRING);
		const char *string = string_of(decoder, &place);

		if (!string || !string[0] || !strcmp(string, "None"))
			continue;
		if (get_address(decoder, &place, &(*addresses)[*count]))
			(*count)++;
	}
}

static void add_pod_cidr(struct decoder *decoder, const struct place *place, struct k8s_node *node)
{
	const char *string = string_of(decoder, place);
	struct ip_prefix *prefix = &node->pod_cidrs[node->pod_cidr_count];

	if (!string || !string[0])
		return;
	if (!strchr(string, '/') || !ip_prefix_parse(string, prefix, NULL))
		fail(decoder, place, "\"%.100s\" is no CIDR", string);
	else
		node->pod_cidr_count++;
}

static void decode_pod_cidrs(
    struct decoder *decoder, const struct place *spec, struct k8s_node *node)
{
	const struct place list = member(decoder, spec, "podCIDRs", JSON_ARRAY);
	const struct place single = member(decoder, spec, "podCIDR", JSON_STRING);
	const size_t size = item_count(&list);

	node->pod_cidrs = memory_allocate_zero(size + 1, sizeof(*node->pod_cidrs));
	for (size_t i = 0; i < size && !decoder->failed; i++) {
		const struct place place = item(decoder, &list, i, JSON_STRING);

		add_pod_cidr(decoder, &place, node);
	}
	if (!size)
		add_pod_cidr(decoder, &single, node);
}

static void decode_node_addresses(
    struct decoder *decoder, const struct place *status, struct k8s_node *node)
{
	const struct place list = member(decoder, status, "addresses", JSON_ARRAY);
	const size_t size = item_count(&list);

	if (!size)
		return;
	node->internal_ips = memory_allocate_zero(size, sizeof(*node->internal_ips));
	for (size_t i = 0; i < size && !decoder->failed; i++) {
		const struct place place = item(decoder, &list, i, JSON_OBJECT);
		const char *type = get_string(decoder, &place, "type");
		const struct place text = member(decoder, &place, "address", JSON_STRING);

		if (type && !strcmp(type, "InternalIP") &&
		    get_address(decoder, &text, &node->internal_ips[node->internal_ip_count]))
			node->internal_ip_count++;
	}
}

static void decode_conditions(
    struct decoder *decoder, const struct place *status, struct k8s_node *node)
{
	static const char *const words[] = {"Unknown", "False", "True"};
	const struct place list = member(decoder, status, "conditions", JSON_ARRAY);

	for (size_t i = 0; i < item_count(&list) && !decoder->failed; i++) {
		const struct place place = item(decoder, &list, i, JSON_OBJECT);
		const char *type = get_string(decoder, &place, "type");
		const bool is_ready = type && !strcmp(type, "Ready");

		if (is_ready || (type && !strcmp(type, "NetworkUnavailable"))) {
			enum k8s_condition *condition =
			    is_ready ? &node->ready : &node->network_unavailable;

			*condition = get_word(decoder, &place, "status", words, 3, K8S_UNKNOWN);
		}
	}
}

/* The node controller's own, which say no more than the condition Ready. */
static bool is_taint_of_not_ready(const char *key)
{
	return !strcmp(key, "node.kubernetes.io/not-ready") ||
	       !strcmp(key, "node.kubernetes.io/unreachable");
}

/* What the taints say is kept, and not the taints. */
static void decode_taints(struct decoder *decoder, const struct place *spec, struct k8s_node *node)
{
	const struct place list = member(decoder, spec, "taints", JSON_ARRAY);

	for (size_t i = 0; i < item_count(&list) && !decoder->failed; i++) {
		const struct place place = item(decoder, &list, i, JSON_OBJECT);
		const char *key = get_string(decoder, &place, "key");
		const char *effect = get_string(decoder, &place, "effect");

		if (key && !strcmp(key, TO_BE_DELETED_TAINT))
			node->to_be_deleted = true;
		if (effect && !strcmp(effect, "NoExecute") && !(key && is_taint_of_not_ready(key)))
			node->no_execute = true;
	}
}

static void decode_node(
    struct decoder *decoder, const struct place *root, struct k8s_object *object)
{
	struct k8s_node *node = &object->node;
	const struct place metadata = member(decoder, root, "metadata", JSON_OBJECT);
	const struct place spec = member(decoder, root, "spec", JSON_OBJECT);
	const struct place status = member(decoder, root, "status", JSON_OBJECT);

	decode_labels(decoder, &metadata, "labels", "", &node->labels);
	decode_labels(
	    decoder, &metadata, "annotations", NODE_ANNOTATION_PREFIX, &node->annotations);
	decode_pod_cidrs(decoder, &spec, node);
	node->unschedulable = get_bool(decoder, &spec, "unschedulable", false);
	node->to_be_deleted = get_string(decoder, &metadata, "deletionTimestamp") != NULL;
	decode_taints(decoder, &spec, node);
	decode_node_addresses(decoder, &status, node);
	decode_conditions(decoder, &status, node);
}

static void decode_ingress(
    struct decoder *decoder, const struct place *root, struct k8s_service *service)
{
	const struct place status = member(decoder, root, "status", JSON_OBJECT);
	const struct place balancer = member(decoder, &status, "loadBalancer", JSON_OBJECT);
	const struct place list = member(decoder, &balancer, "ingress", JSON_ARRAY);
	const size_t size = item_count(&list);

	if (!size)
		return;
	service->ingress = memory_allocate_zero(size, sizeof(*service->ingress));
	for (size_t i = 0; i < size && !decoder->failed; i++) {
		struct k8s_ingress *ingress = &service->ingress[service->ingress_count];
		const struct place place = item(decoder, &list, i, JSON_OBJECT);
		const struct place text = member(decoder, &place, "ip", JSON_STRING);
		const char *string = string_of(decoder, &text);
		const char *mode = get_string(decoder, &place, "ipMode");

		ingress->proxy = mode && !strcmp(mode, "Proxy");
		/* An entry with only a host name has no address to announce. */
		if (string && string[0] && get_address(decoder, &text, &ingress->address))
			service->ingress_count++;
	}
}

static void decode_cluster_ips(
    struct decoder *decoder, const struct place *spec, struct k8s_service *service)
{
	const struct place list = member(decoder, spec, "clusterIPs", JSON_ARRAY);
	const struct place single = member(decoder, spec, "clusterIP", JSON_STRING);
	const char *string = string_of(decoder, &single);

	/* The API keeps both fields in step; a manifest written by hand may have only one. */
	if (item_count(&list)) {
		const char *first = json_string_value(json_array_get(list.value, 0));

		service->headless = first && !strcmp(first, "None");
		decode_addresses(decoder, &list, &service->cluster_ips, &service->cluster_ip_count);
		return;
	}
	if (!string || !string[0])
		return;
	service->headless = !strcmp(string, "None");
	if (service->headless)
		return;
	service->cluster_ips = memory_allocate_zero(1, sizeof(*service->cluster_ips));
	if (get_address(decoder, &single, service->cluster_ips))
		service->cluster_ip_count = 1;
}

static void decode_service(
    struct decoder *decoder, const struct place *root, struct k8s_object *object)
{
	static const char *const types[] = {
	    [K8S_CLUSTER_IP] = "ClusterIP",
	    [K8S_NODE_PORT] = "NodePort",
	    [K8S_LOAD_BALANCER] = "LoadBalancer",
	    [K8S_EXTERNAL_NAME] = "ExternalName",
	};
	static const char *const policies[] = {
	    [K8S_POLICY_CLUSTER] = "Cluster",
	    [K8S_POLICY_LOCAL] = "Local",
	};
	struct k8s_service *service = &object->service;
	const struct place metadata = member(decoder, root, "metadata", JSON_OBJECT);
	const struct place spec = member(decoder, root, "spec", JSON_OBJECT);
	const struct place external_ips = member(decoder, &spec, "externalIPs", JSON_ARRAY);
	const char *class = get_string(decoder, &spec, "loadBalancerClass");

	decode_labels(decoder, &metadata, "labels", "", &service->labels);
	decode_labels(decoder, &metadata, "annotations", "", &service->annotations);
	service->type = get_word(decoder, &spec, "type", types, 4, K8S_CLUSTER_IP);
	service->external_policy =
	    get_word(decoder, &spec, "externalTrafficPolicy", policies, 2, K8S_POLICY_CLUSTER);
	service->internal_policy =
	    get_word(decoder, &spec, "internalTrafficPolicy", policies, 2, K8S_POLICY_CLUSTER);
	service->load_balancer_class = class && class[0] ? memory_copy_string(class) : NULL;
	service->publish_not_ready = get_bool(decoder, &spec, "publishNotReadyAddresses", false);
	service->deleting = get_string(decoder, &metadata, "deletionTimestamp") != NULL;
	decode_cluster_ips(decoder, &spec, service);
	decode_addresses(
	    decoder, &external_ips, &service->external_ips, &service->external_ip_count);
	decode_ingress(decoder, root, service);
}

/* v1 has nodeName; v1beta1 has topology, which v1 carries on as deprecatedTopology. */
static const char *get_node_name(struct decoder *decoder, const struct place *endpoint)
{
	const char *name = get_string(decoder, endpoint, "nodeName");
	const struct place topology = member(decoder, endpoint, "topology", JSON_OBJECT);
	const struct place deprecated =
	    member(decoder, endpoint, "deprecatedTopology", JSON_OBJECT);

	if (!name)
		name = get_string(decoder, &topology, HOSTNAME_TOPOLOGY);
	if (!name)
		name = get_string(decoder, &deprecated, HOSTNAME_TOPOLOGY);
	return name;
}

static void decode_endpoint(
    struct decoder *decoder, const struct place *place, struct k8s_endpoint *endpoint)
{
	const struct place conditions = member(decoder, place, "conditions", JSON_OBJECT);
	const struct place addresses = member(decoder, place, "addresses", JSON_ARRAY);

	endpoint->ready = get_bool(decoder, &conditions, "ready", true);
	endpoint->serving = get_bool(decoder, &conditions, "serving", endpoint->ready);
	endpoint->terminating = get_bool(decoder, &conditions, "terminating", false);
	endpoint->address_count = (uint32_t)item_count(&addresses);
	endpoint->node_name = copy_or_null(get_node_name(decoder, place));
}

static void decode_slice(
    struct decoder *decoder, const struct place *root, struct k8s_object *object)
{
	static const char *const types[] = {"IPv4", "IPv6", "FQDN"};
	struct k8s_endpoint_slice *slice = &object->endpoint_slice;
	const struct place metadata = member(decoder, root, "metadata", JSON_OBJECT);
	const struct place labels = member(decoder, &metadata, "labels", JSON_OBJECT);
	const struct place list = member(decoder, root, "endpoints", JSON_ARRAY);
	const char *service = get_string(decoder, &labels, SERVICE_NAME_LABEL);
	const unsigned type = get_word(decoder, root, "addressType", types, 3, 0);
	const size_t size = item_count(&list);

	slice->service = service && service[0] ? memory_copy_string(service) : NULL;
	slice->fqdn = type == 2;
	slice->family = type == 1 ? IPV6 : IPV4;
	if (!size)
		return;
	slice->endpoints = memory_allocate_zero(size, sizeof(*slice->endpoints));
	for (size_t i = 0; i < size && !decoder->failed; i++) {
		const struct place place = item(decoder, &list, i, JSON_OBJECT);

		decode_endpoint(decoder, &place, &slice->endpoints[slice->endpoint_count++]);
	}
}

/* Of `data`, in base64, or of `stringData`, which is written only; nothing is said of a value. */
static void decode_secret_value(struct decoder *decoder, const struct place *values,
    const char *key, bool is_base64, struct k8s_secret *secret)
{
	const struct place place = member(decoder, values, key, JSON_STRING);
	size_t length = place.value ? json_string_length(place.value) : 0;
	char *bytes;

	if (!is_base64)
		bytes = memory_copy(place.value ? json_string_value(place.value) : "", length + 1);
	else
		bytes =
		    k8s_base64_decode(place.value ? json_string_value(place.value) : "", &length);
	if (bytes)
		k8s_secret_put(secret, key, bytes, length);
	else
		fail(decoder, &place, "this is no base64");
}

static void decode_secret_values(struct decoder *decoder, const struct place *root,
    const char *name, bool is_base64, struct k8s_secret *secret)
{
	const struct place values = member(decoder, root, name, JSON_OBJECT);
	const char *key;
	json_t *value;

	if (!values.value)
		return;
	if (json_object_size(values.value) > K8S_SECRET_VALUES_MAX) {
		fail(decoder, &values, "more than %d entries", K8S_SECRET_VALUES_MAX);
		return;
	}
	json_object_foreach((json_t *)values.value, key, value)
	{
		decode_secret_value(decoder, &values, key, is_base64, secret);
	}
}

static void decode_secret(
    struct decoder *decoder, const struct place *root, struct k8s_object *object)
{
	decode_secret_values(decoder, root, "data", true, &object->secret);
	decode_secret_values(decoder, root, "stringData", false, &object->secret);
}

/* Names go into logs, keys and answers: nothing that could forge a line or a path. */
static bool is_name(const json_t *value)
{
	const char *string = json_string_value(value);
	const size_t length = json_string_length(value);

	for (size_t i = 0; i < length; i++) {
		if (string[i] <= ' ' || string[i] > '~' || string[i] == '/')
			return false;
	}
	return length > 0 && length <= NAME_MAX_LENGTH;
}

bool k8s_object_identity(
    const json_t *value, enum k8s_kind kind, const char **namespace, const char **name)
{
	const json_t *metadata = json_object_get(value, "metadata");
	const json_t *name_value = json_object_get(metadata, "name");
	const json_t *in = json_object_get(metadata, "namespace");

	*name = json_string_value(name_value);
	*namespace = "";
	if (kind == K8S_NODE)
		return is_name(name_value);
	if (!in || json_is_null(in) || (json_is_string(in) && !json_string_length(in))) {
		*namespace = "default";
		return is_name(name_value);
	}
	*namespace = json_string_value(in);
	return is_name(name_value) && is_name(in);
}

struct k8s_object *k8s_object_decode(const json_t *value, enum k8s_kind kind, struct error *error)
{
	static void (*const decode[K8S_KINDS])(
	    struct decoder *, const struct place *, struct k8s_object *) = {
	    [K8S_NODE] = decode_node,
	    [K8S_SERVICE] = decode_service,
	    [K8S_ENDPOINT_SLICE] = decode_slice,
	    [K8S_SECRET] = decode_secret,
	};
	struct decoder decoder = {error, false};
	const struct place root = {NULL, NULL, 0, value};
	const struct place metadata = member(&decoder, &root, "metadata", JSON_OBJECT);
	const char *namespace;
	const char *name;
	struct k8s_object *object;

	if (decoder.failed || !k8s_object_identity(value, kind, &namespace, &name)) {
		error_set(error, "%s: metadata.name or metadata.namespace is missing or no name",
		    k8s_kind_name(kind));
		return NULL;
	}
	object = memory_allocate_zero(1, sizeof(*object));
	object->kind = kind;
	object->namespace = memory_copy_string(namespace);
	object->name = memory_copy_string(name);
	object->resource_version = copy_or_null(get_string(&decoder, &metadata, "resourceVersion"));
	if (kind == K8S_NODE || kind == K8S_SERVICE) /* those that others are told about */
		object->uid = k8s_uid_parse(get_string(&decoder, &metadata, "uid"));
	decode[kind](&decoder, &root, object);
	if (!decoder.failed)
		return object;
	error_prepend(
	    error, "%s %s%s%s", k8s_kind_name(kind), namespace, namespace[0] ? "/" : "", name);
	k8s_object_free(object);
	return NULL;
}
