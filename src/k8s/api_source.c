/*
 * A reflector per kind, each with a connection of its own: a watch occupies one of HTTP/1.1.  They
 * are independent, but what is said of the server is said once: it is well when all of them are,
 * and in trouble when the first of them is.
 *
 * Secrets are followed one by one, so that a role can be limited to their names.  One that cannot
 * be had is trouble of its own, and says nothing of the server.
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
/* Three bookmarks have not come. */
#define WATCH_SILENCE_MS 200000
/* The same trouble in other words is not told again earlier. */
#define TELL_AGAIN_MS 60000

/* A reflector and what is known of it. */
struct follower {
	struct k8s_api_source *source;
	struct k8s_reflector *reflector;
	bool works;
	/* Of a Secret only. */
	char *secret; /* its name */
	bool listed; /* what the cluster knows of it is what the server has said */
	bool keep;
	struct error trouble; /* that was told; empty: there is none */
};

struct k8s_api_source {
	struct loop *loop;
	struct k8s_api_settings settings;
	char *kubeconfig;
	char *service_account;
	char *service_host;
	char *service_port;
	char **servers;
	struct k8s_cluster *cluster;
	char *namespace;
	struct follower followers[K8S_LISTED_KINDS];
	struct follower **secrets;
	size_t secret_count;
	size_t secret_capacity;
	struct k8s_api_writer *writer;
	k8s_api_trouble *trouble;
	void *arg;
	uint64_t stale_since; /* 0: all work */
	bool told; /* that there is trouble */
	uint64_t told_at;
	struct error last_error;
};

static void tell_of_secret(const struct follower *follower, const char *what)
{
	const struct k8s_api_source *source = follower->source;
	struct error subject;

	error_set(&subject, "Secret %s", follower->secret);
	if (source->trouble)
		source->trouble(source->arg, subject.text, what);
}

static void secret_works(struct follower *follower)
{
	follower->works = true;
	follower->listed = true;
	if (follower->trouble.text[0])
		tell_of_secret(follower, NULL);
	follower->trouble.text[0] = '\0';
}

/* Of a server that cannot be reached the others tell. */
static void secret_failed(struct follower *follower, const char *why)
{
	const bool is_news = strcmp(follower->trouble.text, why) != 0;

	follower->works = false;
	if (!is_news || follower->source->stale_since)
		return;
	error_set(&follower->trouble, "%s", why);
	tell_of_secret(follower, follower->trouble.text);
}

static void works(void *arg)
{
	struct follower *follower = arg;
	struct k8s_api_source *source = follower->source;

	if (follower->secret) {
		secret_works(follower);
		return;
	}
	follower->works = true;
	for (unsigned kind = 0; kind < K8S_LISTED_KINDS; kind++) {
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

	if (follower->secret) {
		secret_failed(follower, why);
		return;
	}
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

static void writer_trouble(void *arg, const char *resource, const char *what)
{
	const struct k8s_api_source *source = arg;

	if (source->trouble)
		source->trouble(source->arg, resource, what);
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
	source->namespace =
	    settings->namespace && settings->namespace[0] ? copy(settings->namespace) : NULL;
	source->servers = memory_allocate_zero(access->server_count + 1, sizeof(char *));
	for (size_t i = 0; i < access->server_count; i++)
		source->servers[i] = memory_copy_string(access->servers[i]);
	access->kubeconfig = source->kubeconfig;
	access->service_account = source->service_account;
	access->service_host = source->service_host;
	access->service_port = source->service_port;
	access->servers = (const char *const *)source->servers;
	source->settings.node_name = NULL;
	source->settings.namespace = NULL;
}

static uint32_t or_usual(uint32_t value, uint32_t usual)
{
	return value ? value : usual;
}

static void start_follower(
    struct follower *follower, struct k8s_api_source *source, enum k8s_kind kind, const char *name)
{
	static const struct k8s_reflector_ops ops = {works, failed, object_problem};
	const struct k8s_api_settings *settings = &source->settings;
	const struct k8s_reflector_settings reflector = {
	    .loop = source->loop,
	    .cluster = source->cluster,
	    .kind = kind,
	    .name = name,
	    .namespace = source->namespace,
	    .access = &settings->access,
	    .random_seed = hash_string(name ? name : "", settings->random_seed + kind + 1),
	    .backoff_first_ms = or_usual(settings->backoff_first_ms, BACKOFF_FIRST_MS),
	    .backoff_limit_ms = or_usual(settings->backoff_limit_ms, BACKOFF_LIMIT_MS),
	    .watch_seconds = or_usual(settings->watch_seconds, WATCH_SECONDS),
	    .watch_silence_ms = WATCH_SILENCE_MS,
	    .ops = &ops,
	    .arg = follower,
	};

	follower->source = source;
	follower->reflector = k8s_reflector_new(&reflector);
}

static void start_writer(struct k8s_api_source *source)
{
	const struct k8s_api_settings *settings = &source->settings;
	const struct k8s_writer_settings writer = {
	    .loop = source->loop,
	    .access = &settings->access,
	    .random_seed = hash_u64(settings->random_seed),
	    .backoff_first_ms = or_usual(settings->backoff_first_ms, BACKOFF_FIRST_MS),
	    .backoff_limit_ms = or_usual(settings->backoff_limit_ms, BACKOFF_LIMIT_MS),
	    .trouble = writer_trouble,
	    .arg = source,
	};

	source->writer = k8s_api_writer_new(&writer, source->namespace);
}

struct k8s_api_source *k8s_api_source_new(struct loop *loop, struct k8s_cluster *cluster,
    const struct k8s_api_settings *settings, k8s_api_trouble *trouble, void *arg)
{
	struct k8s_api_source *source = memory_allocate_zero(1, sizeof(*source));

	source->loop = loop;
	source->cluster = cluster;
	source->trouble = trouble;
	source->arg = arg;
	source->stale_since = loop_now(loop);
	copy_settings(source, settings);
	for (unsigned kind = 0; kind < K8S_LISTED_KINDS; kind++)
		start_follower(&source->followers[kind], source, (enum k8s_kind)kind,
		    kind == K8S_NODE ? settings->node_name : NULL);
	start_writer(source);
	return source;
}

/* Each finds it out for itself, and one that is new does not know it yet. */
const char *k8s_api_source_namespace(const struct k8s_api_source *source)
{
	const char *known = source->namespace;

	for (size_t i = 0; i < source->secret_count && !known; i++)
		known = k8s_reflector_namespace(source->secrets[i]->reflector);
	return known;
}

static struct follower *find_secret(const struct k8s_api_source *source, const char *name)
{
	for (size_t i = 0; i < source->secret_count; i++) {
		if (!strcmp(source->secrets[i]->secret, name))
			return source->secrets[i];
	}
	return NULL;
}

static struct follower *follow_secret(struct k8s_api_source *source, const char *name)
{
	struct follower *follower = memory_allocate_zero(1, sizeof(*follower));

	source->secrets = memory_grow(source->secrets, &source->secret_capacity,
	    source->secret_count + 1, sizeof(struct follower *));
	source->secrets[source->secret_count++] = follower;
	follower->secret = memory_copy_string(name);
	start_follower(follower, source, K8S_SECRET, name);
	return follower;
}

static void free_secret_follower(struct follower *follower)
{
	k8s_reflector_free(follower->reflector);
	free(follower->secret);
	free(follower);
}

static bool is_followed(const struct k8s_api_source *source, const struct k8s_object *secret)
{
	return !strcmp(secret->namespace, k8s_api_source_namespace(source)) &&
	       find_secret(source, secret->name);
}

/* What is not used any more, or came from another source, is not kept in memory either. */
static void forget_others(struct k8s_api_source *source)
{
	const struct k8s_object *secret;
	size_t cursor = 0;

	if (source->secret_count && !k8s_api_source_namespace(source))
		return;
	while ((secret = k8s_cluster_next(source->cluster, K8S_SECRET, &cursor))) {
		if (source->secret_count && is_followed(source, secret))
			continue;
		k8s_cluster_remove(source->cluster, K8S_SECRET, secret->namespace, secret->name);
		cursor = 0;
	}
}

void k8s_api_source_follow_secrets(
    struct k8s_api_source *source, const char *const *names, size_t count)
{
	for (size_t i = 0; i < source->secret_count; i++)
		source->secrets[i]->keep = false;
	for (size_t i = 0; i < count; i++) {
		struct follower *follower = find_secret(source, names[i]);

		if (!follower)
			follower = follow_secret(source, names[i]);
		follower->keep = true;
	}
	for (size_t i = source->secret_count; i-- > 0;) {
		if (source->secrets[i]->keep)
			continue;
		free_secret_follower(source->secrets[i]);
		source->secrets[i] = source->secrets[--source->secret_count];
	}
	forget_others(source);
}

bool k8s_api_source_knows_secret(
    const struct k8s_api_source *source, const char *name, const char **trouble)
{
	const struct follower *follower = find_secret(source, name);

	*trouble = follower ? follower->trouble.text : "too many Secrets are named before it";
	return follower && follower->listed;
}

void k8s_api_source_free(struct k8s_api_source *source)
{
	if (!source)
		return;
	for (unsigned kind = 0; kind < K8S_LISTED_KINDS; kind++)
		k8s_reflector_free(source->followers[kind].reflector);
	for (size_t i = 0; i < source->secret_count; i++)
		free_secret_follower(source->secrets[i]);
	free(source->secrets);
	k8s_api_writer_free(source->writer);
	free(source->namespace);
	for (size_t i = 0; i < source->settings.access.server_count; i++)
		free(source->servers[i]);
	free(source->servers);
	free(source->kubeconfig);
	free(source->service_account);
	free(source->service_host);
	free(source->service_port);
	free(source);
}

struct k8s_api_writer *k8s_api_source_writer(const struct k8s_api_source *source)
{
	return source->writer;
}

static size_t follower_count(const struct k8s_api_source *source)
{
	return K8S_LISTED_KINDS + source->secret_count;
}

static const struct follower *follower_at(const struct k8s_api_source *source, size_t index)
{
	return index < K8S_LISTED_KINDS ? &source->followers[index]
					: source->secrets[index - K8S_LISTED_KINDS];
}

static void add_counters(struct k8s_api_status *status, struct k8s_reflector_counters counters)
{
	status->requests += counters.requests;
	status->failures += counters.failures;
	status->lists += counters.lists;
	status->events += counters.events;
	status->old_events += counters.old_events;
	status->bytes += counters.bytes;
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

	for (size_t i = 0; i < follower_count(source); i++)
		add_counters(&status, k8s_reflector_counters(follower_at(source, i)->reflector));
	return status;
}

static const struct k8s_problems *problems_of(const struct k8s_api_source *source, size_t index)
{
	return k8s_reflector_problems(follower_at(source, index)->reflector);
}

size_t k8s_api_source_problem_count(const struct k8s_api_source *source)
{
	size_t count = 0;

	for (size_t i = 0; i < follower_count(source); i++)
		count += problems_of(source, i)->count;
	return count;
}

const char *k8s_api_source_problem(const struct k8s_api_source *source, size_t index)
{
	for (size_t i = 0; i < follower_count(source); i++) {
		const struct k8s_problem *problem = problems_of(source, i)->first;

		for (; problem; problem = problem->next) {
			if (!index--)
				return problem->what;
		}
	}
	return NULL;
}

uint64_t k8s_api_source_requests(
    const struct k8s_api_source *source, enum k8s_resource_index resource, enum k8s_verb verb)
{
	uint64_t count = 0;

	if (verb == K8S_VERB_PATCH)
		return k8s_api_writer_counters(source->writer).requests[resource];
	for (size_t i = 0; i < follower_count(source); i++) {
		const enum k8s_kind kind = i < K8S_LISTED_KINDS ? (enum k8s_kind)i : K8S_SECRET;
		const struct k8s_reflector_counters counters =
		    k8s_reflector_counters(follower_at(source, i)->reflector);

		if (k8s_resource_of(kind) != &k8s_resources[resource])
			continue;
		if (verb == K8S_VERB_WATCH)
			count += counters.watches;
		else if (verb == K8S_VERB_LIST)
			count += counters.requests - counters.watches;
	}
	return count;
}
