/*
 * A reflector per kind, each with a connection of its own: a watch occupies one of HTTP/1.1.  They
 * are independent, but what is said of the server is said once: it is well when all of them are,
 * and in trouble when the first of them is.
 */
#include "k8s/api_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "k8s/reflector.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_LIMIT_MS 30000
#define WATCH_SECONDS 300
/* The same trouble in other words is not told again earlier. */
#define TELL_AGAIN_MS 60000

/* A reflector and what is known of it. */
struct follower {
	struct k8s_api_source *source;
	struct k8s_reflector *reflector;
	bool works;
};

struct k8s_api_source {
	struct loop *loop;
	struct k8s_api_settings settings;
	char *kubeconfig;
	char *service_account;
	char *service_host;
	char *service_port;
	char **servers;
	struct follower followers[K8S_KINDS];
	k8s_api_trouble *trouble;
	void *arg;
	uint64_t stale_since; /* 0: all work */
	bool told; /* that there is trouble */
	uint64_t told_at;
	struct error last_error;
};

static void works(void *arg)
{
	struct follower *follower = arg;
	struct k8s_api_source *source = follower->source;

	follower->works = true;
	for (unsigned kind = 0; kind < K8S_KINDS; kind++) {
		if (!source->followers[kind].works)
			return;
	}
	source->stale_since = 0;
	if (source->told && source->trouble)
		source->trouble(source->arg, K8S_API_SERVER, NULL);
	source->told = false;
}

static void failed(void *arg, const char *why)
{
	struct follower *follower = arg;
	struct k8s_api_source *source = follower->source;
	const uint64_t now = loop_now(source->loop);
	const bool is_news = strcmp(source->last_error.text, why) != 0;

	follower->works = false;
	if (!source->stale_since)
		source->stale_since = now;
	error_set(&source->last_error, "%s", why);
	if (source->told && (!is_news || now - source->told_at < TELL_AGAIN_MS))
		return;
	source->told = true;
	source->told_at = now;
	if (source->trouble)
		source->trouble(source->arg, K8S_API_SERVER, source->last_error.text);
}

static void object_problem(void *arg, const char *subject, const char *what)
{
	const struct follower *follower = arg;

	if (follower->source->trouble)
		follower->source->trouble(follower->source->arg, subject, what);
}

static char *copy(const char *string)
{
	return string ? memory_copy_string(string) : NULL;
}

static void copy_settings(struct k8s_api_source *source, const struct k8s_api_settings *settings)
{
	struct k8s_access_settings *access = &source->settings.access;

	source->settings = *settings;
	source->kubeconfig = copy(access->kubeconfig);
	source->service_account = copy(access->service_account);
	source->service_host = copy(access->service_host);
	source->service_port = copy(access->service_port);
	source->servers = memory_allocate_zero(access->server_count + 1, sizeof(char *));
	for (size_t i = 0; i < access->server_count; i++)
		source->servers[i] = memory_copy_string(access->servers[i]);
	access->kubeconfig = source->kubeconfig;
	access->service_account = source->service_account;
	access->service_host = source->service_host;
	access->service_port = source->service_port;
	access->servers = (const char *const *)source->servers;
	source->settings.node_name = NULL;
}

static uint32_t or_usual(uint32_t value, uint32_t usual)
{
	return value ? value : usual;
}

static void start_follower(struct k8s_api_source *source, struct k8s_cluster *cluster,
    enum k8s_kind kind, const char *node_name)
{
	static const struct k8s_reflector_ops ops = {works, failed, object_problem};
	struct follower *follower = &source->followers[kind];
	const struct k8s_api_settings *settings = &source->settings;
	const struct k8s_reflector_settings reflector = {
	    .loop = source->loop,
	    .cluster = cluster,
	    .kind = kind,
	    .node_name = node_name,
	    .access = &settings->access,
	    .random_seed = hash_u64(settings->random_seed + kind + 1),
	    .backoff_first_ms = or_usual(settings->backoff_first_ms, BACKOFF_FIRST_MS),
	    .backoff_limit_ms = or_usual(settings->backoff_limit_ms, BACKOFF_LIMIT_MS),
	    .watch_seconds = or_usual(settings->watch_seconds, WATCH_SECONDS),
	    .ops = &ops,
	    .arg = follower,
	};

	follower->source = source;
	follower->reflector = k8s_reflector_new(&reflector);
}

struct k8s_api_source *k8s_api_source_new(struct loop *loop, struct k8s_cluster *cluster,
    const struct k8s_api_settings *settings, k8s_api_trouble *trouble, void *arg)
{
	struct k8s_api_source *source = memory_allocate_zero(1, sizeof(*source));

	source->loop = loop;
	source->trouble = trouble;
	source->arg = arg;
	source->stale_since = loop_now(loop);
	copy_settings(source, settings);
	for (unsigned kind = 0; kind < K8S_KINDS; kind++)
		start_follower(source, cluster, (enum k8s_kind)kind,
		    kind == K8S_NODE ? settings->node_name : NULL);
	return source;
}

void k8s_api_source_free(struct k8s_api_source *source)
{
	if (!source)
		return;
	for (unsigned kind = 0; kind < K8S_KINDS; kind++)
		k8s_reflector_free(source->followers[kind].reflector);
	for (size_t i = 0; i < source->settings.access.server_count; i++)
		free(source->servers[i]);
	free(source->servers);
	free(source->kubeconfig);
	free(source->service_account);
	free(source->service_host);
	free(source->service_port);
	free(source);
}

struct k8s_api_status k8s_api_source_status(const struct k8s_api_source *source)
{
	const struct k8s_reflector *slices = source->followers[K8S_ENDPOINT_SLICE].reflector;
	struct k8s_api_status status = {
	    .connected = !source->stale_since,
	    .stale_since = source->stale_since,
	    .server = k8s_reflector_server(slices),
	    .last_error = source->last_error.text,
	    .discovery_version = k8s_reflector_version(slices),
	};

	for (unsigned kind = 0; kind < K8S_KINDS; kind++) {
		const struct k8s_reflector_counters counters =
		    k8s_reflector_counters(source->followers[kind].reflector);

		status.requests += counters.requests;
		status.failures += counters.failures;
		status.lists += counters.lists;
		status.events += counters.events;
		status.old_events += counters.old_events;
		status.bytes += counters.bytes;
	}
	return status;
}

static const struct k8s_problems *problems_of(const struct k8s_api_source *source, unsigned kind)
{
	return k8s_reflector_problems(source->followers[kind].reflector);
}

size_t k8s_api_source_problem_count(const struct k8s_api_source *source)
{
	size_t count = 0;

	for (unsigned kind = 0; kind < K8S_KINDS; kind++)
		count += problems_of(source, kind)->count;
	return count;
}

const char *k8s_api_source_problem(const struct k8s_api_source *source, size_t index)
{
	for (unsigned kind = 0; kind < K8S_KINDS; kind++) {
		const struct k8s_problem *problem = problems_of(source, kind)->first;

		for (; problem; problem = problem->next) {
			if (!index--)
				return problem->what;
		}
	}
	return NULL;
}
