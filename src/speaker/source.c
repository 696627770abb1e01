/*
 * Where the cluster is read from, as configured: a folder of manifests, the API server, or nowhere.
 * What the source tells of is handed on to whom it concerns; what troubles it is logged.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "speaker/private.h"

static bool same_addresses(const struct k8s_node *a, const struct k8s_node *b)
{
	if (a->internal_ip_count != b->internal_ip_count)
		return false;
	for (size_t i = 0; i < a->internal_ip_count; i++)
		if (!ip_address_equal(&a->internal_ips[i], &b->internal_ips[i]))
			return false;
	return true;
}

/* Selectors, identity and own pod CIDRs; whether the node is ready is no matter of configuration. */
static bool is_configured_alike(const struct k8s_node *a, const struct k8s_node *b)
{
	return k8s_labels_equal(&a->labels, &b->labels) &&
	       k8s_labels_equal(&a->annotations, &b->annotations) && same_addresses(a, b) &&
	       speaker_same_pod_cidrs(a, b);
}

/* `old` is NULL: it is there for the first time, or gone.  Passwords are of Secrets. */
static bool needs_apply(
    const struct speaker *speaker, const struct k8s_object *object, const struct k8s_object *old)
{
	if (object->kind != K8S_NODE)
		return object->kind == K8S_SECRET;
	return strcmp(object->name, speaker->config->node_name) == 0 &&
	       !(old && is_configured_alike(&object->node, &old->node));
}

static void node_changed(struct speaker *speaker, const char *name, const struct k8s_node *new,
    const struct k8s_node *old)
{
	speaker_pod_cidrs_changed(speaker, new, old);
	speaker_mesh_node_changed(speaker, name, new, old);
	speaker_leave_follow(speaker);
}

static void cluster_changed(
    void *arg, const struct k8s_object *object, const struct k8s_object *old)
{
	struct speaker *speaker = arg;

	if (object->kind == K8S_NODE)
		node_changed(speaker, object->name, &object->node, old ? &old->node : NULL);
	if (needs_apply(speaker, object, old))
		loop_task_schedule(speaker->loop, &speaker->apply_task);
	speaker_origin_object_changed(speaker, object, old);
}

static void cluster_removed(void *arg, const struct k8s_object *object)
{
	struct speaker *speaker = arg;

	if (object->kind == K8S_NODE)
		node_changed(speaker, object->name, NULL, &object->node);
	if (needs_apply(speaker, object, NULL))
		loop_task_schedule(speaker->loop, &speaker->apply_task);
	speaker_origin_object_removed(speaker, object);
}

static void cluster_synced(void *arg)
{
	struct speaker *speaker = arg;

	loop_task_schedule(speaker->loop, &speaker->apply_task);
}

static void manifests_trouble(void *arg, const char *file, const char *what)
{
	struct speaker *speaker = arg;

	if (!what) {
		log_write(speaker->log, LOG_LEVEL_INFO, file, "understood again");
		return;
	}
	log_write(speaker->log, LOG_LEVEL_WARNING, NULL, "%s", what); /* begins with the file */
	speaker_tell(speaker, SPEAKER_CLUSTER_TROUBLE, file, NULL, what);
}

static void api_trouble(void *arg, const char *subject, const char *what)
{
	struct speaker *speaker = arg;
	const bool server = strcmp(subject, K8S_API_SERVER) == 0;

	if (!what) {
		log_write(speaker->log, LOG_LEVEL_INFO, subject, "%s",
		    server ? "connected again" : "good again, or gone");
		return;
	}
	/* What is wrong with an object begins with its name. */
	log_write(speaker->log, LOG_LEVEL_WARNING,
	    strncmp(what, subject, strlen(subject)) == 0 ? NULL : subject, "%s", what);
	speaker_tell(speaker, SPEAKER_CLUSTER_TROUBLE, subject, NULL, what);
}

/*
 * The mesh is made of all Nodes, and a peer inside of the AS that has no filter is believed about
 * the pod CIDRs of all of them; only then more than this node has to be known.
 */
static bool needs_all_nodes(const struct speaker *speaker)
{
	const struct config *config = speaker->config;

	if (config->mesh.enabled)
		return true;
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];

		if (!peer->has_import &&
		    (peer->remote_as == BGP_REMOTE_AS_INTERNAL ||
			(peer->remote_as == BGP_REMOTE_AS_NUMBER &&
			    (peer->asn == speaker->asn || peer->asn == peer->local_asn))))
			return true;
	}
	return false;
}

/* What the source is made from, in one text, so that another one is told by comparison. */
static char *describe_source(const struct speaker *speaker)
{
	const struct config *config = speaker->config;
	struct text text = {NULL, 0, 0};

	switch (config->source) {
	case CONFIG_SOURCE_NONE:
		text_append(&text, "none");
		break;
	case CONFIG_SOURCE_MANIFESTS:
		text_append(&text, "manifests %s", config->manifests);
		break;
	case CONFIG_SOURCE_KUBERNETES:
		text_append(&text, "kubernetes %s nodes, namespace %s, kubeconfig %s",
		    needs_all_nodes(speaker) ? "all" : "own", config->namespace,
		    config->kubeconfig);
		for (size_t i = 0; i < config->api_server_count; i++)
			text_append(&text, " %s", config->api_servers[i]);
		break;
	}
	return text.string;
}

static void start_api_source(struct speaker *speaker)
{
	const struct config *config = speaker->config;
	const struct k8s_api_settings settings = {
	    .access = {.kubeconfig = config->kubeconfig,
		.service_host = speaker->options.service_host,
		.service_port = speaker->options.service_port,
		.servers = (const char *const *)config->api_servers,
		.server_count = config->api_server_count},
	    .node_name = needs_all_nodes(speaker) ? NULL : config->node_name,
	    .namespace = config->namespace,
	    .random_seed = hash_string(config->node_name, speaker->options.hash_seed),
	};

	speaker->api_source =
	    k8s_api_source_new(speaker->loop, speaker->cluster, &settings, api_trouble, speaker);
}

/* Manifests that name no namespace are in the one called default. */
const char *speaker_namespace(const struct speaker *speaker)
{
	const char *namespace;

	if (speaker->api_source) {
		namespace = k8s_api_source_namespace(speaker->api_source);
		return namespace ? namespace : speaker->last_namespace;
	}
	return speaker->config->namespace[0] ? speaker->config->namespace : "default";
}

/* The cluster keeps the Secrets until the next source has its own view, which may take long. */
static void remember_namespace(struct speaker *speaker)
{
	const char *namespace =
	    speaker->api_source ? k8s_api_source_namespace(speaker->api_source) : NULL;

	if (!namespace)
		return;
	free(speaker->last_namespace);
	speaker->last_namespace = memory_copy_string(namespace);
}

void speaker_stop_source(struct speaker *speaker)
{
	remember_namespace(speaker);
	speaker_cluster_events_stop(speaker);
	speaker_status_report_stop(speaker);
	k8s_manifests_free(speaker->manifests);
	k8s_api_source_free(speaker->api_source);
	free(speaker->source);
	speaker->manifests = NULL;
	speaker->api_source = NULL;
	speaker->source = NULL;
}

/* Another source is another view of the cluster: what is not in it goes, once it is complete. */
bool speaker_apply_source(struct speaker *speaker)
{
	const struct config *config = speaker->config;
	char *source = describe_source(speaker);

	if (speaker->source && strcmp(source, speaker->source) == 0) {
		free(source);
		return false;
	}
	k8s_cluster_forget_view(speaker->cluster);
	speaker_stop_source(speaker);
	speaker->source = source;
	switch (config->source) {
	case CONFIG_SOURCE_NONE:
		k8s_cluster_begin_view(speaker->cluster);
		k8s_cluster_end_view(speaker->cluster);
		break;
	case CONFIG_SOURCE_MANIFESTS:
		speaker->manifests = k8s_manifests_new(
		    speaker->loop, config->manifests, speaker->cluster, manifests_trouble, speaker);
		break;
	case CONFIG_SOURCE_KUBERNETES:
		start_api_source(speaker);
		break;
	}
	return true;
}

void speaker_cluster_start(struct speaker *speaker)
{
	static const struct k8s_cluster_ops ops = {
	    cluster_changed, cluster_removed, cluster_synced};

	speaker->cluster = k8s_cluster_new(speaker->options.hash_seed, &ops, speaker);
}
