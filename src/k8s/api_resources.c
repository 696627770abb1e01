/*
 * The table and the paths made of it.
 */
#include "k8s/api_resources.h"

#include <string.h>

const struct k8s_resource k8s_resources[K8S_RESOURCES] = {
    [K8S_NODES] = {"", "v1", "nodes", K8S_VERB_LIST | K8S_VERB_WATCH, false,
	"pod CIDRs, labels and conditions; of all nodes for the mesh"},
    [K8S_SERVICES] = {"", "v1", "services", K8S_VERB_LIST | K8S_VERB_WATCH, false,
	"the addresses to announce"},
    [K8S_ENDPOINT_SLICES] = {"discovery.k8s.io", NULL, "endpointslices",
	K8S_VERB_LIST | K8S_VERB_WATCH, false, "which node has an endpoint"},
    [K8S_SECRETS] = {"", "v1", "secrets", K8S_VERB_LIST | K8S_VERB_WATCH, true,
	"passwordSecret: those that are named, one by one"},
    [K8S_EVENTS] = {"", "v1", "events", K8S_VERB_CREATE | K8S_VERB_PATCH, false,
	"cluster.events: what happens to Services and to this node"},
    [K8S_CONFIG_MAPS] = {"", "v1", "configmaps", K8S_VERB_CREATE | K8S_VERB_PATCH, true,
	"cluster.status: the state of this node"},
};

static const struct {
	enum k8s_verb verb;
	const char *name;
} verbs[] = {
    {K8S_VERB_LIST, "list"},
    {K8S_VERB_WATCH, "watch"},
    {K8S_VERB_CREATE, "create"},
    {K8S_VERB_PATCH, "patch"},
};

const char *k8s_verb_name(enum k8s_verb verb)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (verbs[i].verb == verb)
			return verbs[i].name;
	}
	return "unknown";
}

const struct k8s_resource *k8s_resource_of(enum k8s_kind kind)
{
	static const enum k8s_resource_index of_kind[K8S_KINDS] = {
	    [K8S_NODE] = K8S_NODES,
	    [K8S_SERVICE] = K8S_SERVICES,
	    [K8S_ENDPOINT_SLICE] = K8S_ENDPOINT_SLICES,
	    [K8S_SECRET] = K8S_SECRETS,
	};

	return &k8s_resources[of_kind[kind]];
}

void k8s_append_escaped(struct text *text, const char *value)
{
	static const char unreserved[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (; *value; value++) {
		if (strchr(unreserved, *value))
			text_append_bytes(text, value, 1);
		else
			text_append(text, "%%%02X", (unsigned char)*value);
	}
}

void k8s_resource_append_group(const struct k8s_resource *resource, struct text *path)
{
	if (resource->group[0])
		text_append(path, "/apis/%s", resource->group);
	else
		text_append(path, "/api");
}

void k8s_resource_append_path(const struct k8s_resource *resource, const char *version,
    const char *namespace, struct text *path)
{
	k8s_resource_append_group(resource, path);
	text_append(path, "/%s/", version);
	if (namespace) {
		text_append(path, "namespaces/");
		k8s_append_escaped(path, namespace);
		text_append(path, "/");
	}
	text_append(path, "%s", resource->name);
}
