/*
 * The cluster read from the API server: Nodes, Services and EndpointSlices are listed and watched,
 * and Secrets that are named, in place of a folder of manifests.  A server that cannot be reached
 * takes nothing away: what was known last stays, its age is known, and it is compared with what the
 * server says when it is back.
 */
#ifndef K8S_API_SOURCE_H
#define K8S_API_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "k8s/access.h"
#include "k8s/api_writer.h"
#include "k8s/cluster.h"

struct k8s_api_source;

/* What the trouble with the server itself is about, in place of an object. */
#define K8S_API_SERVER "API server"

/*
 * Called when something goes wrong, `subject` being K8S_API_SERVER, an object ("Service
 * default/web") or what cannot be written ("events"), and with `what` NULL when it is over.  What is
 * told about the server does not repeat itself with each attempt.
 */
typedef void k8s_api_trouble(void *arg, const char *subject, const char *what);

struct k8s_api_settings {
	struct k8s_access_settings access;
	const char *node_name; /* the only Node that is wanted; NULL: all Nodes */
	const char *namespace; /* of Secrets; NULL or "": that which the access is of */
	uint64_t random_seed;
	/* 0: the usual */
	uint32_t backoff_first_ms;
	uint32_t backoff_limit_ms;
	uint32_t watch_seconds;
};

struct k8s_api_status {
	bool connected; /* everything is being watched */
	uint64_t stale_since; /* loop_now() since which it is not; 0: it is */
	const char *server; /* where the last request went; "" before the first */
	const char *last_error; /* "" : there was none */
	const char *discovery_version; /* of discovery.k8s.io; NULL: not known yet */
	uint64_t requests;
	uint64_t failures;
	uint64_t lists;
	uint64_t events;
	uint64_t old_events;
	uint64_t bytes;
};

/* Begins at once; the settings are copied. */
struct k8s_api_source *k8s_api_source_new(struct loop *loop, struct k8s_cluster *cluster,
    const struct k8s_api_settings *settings, k8s_api_trouble *trouble, void *arg);
/* The cluster stays as it is. */
void k8s_api_source_free(struct k8s_api_source *source);
/*
 * Secrets of these names are followed from now on, and no others: what was known of those goes.
 * None is at the start.
 */
void k8s_api_source_follow_secrets(
    struct k8s_api_source *source, const char *const *names, size_t count);
/* NULL: nothing has said yet which one it is. */
const char *k8s_api_source_namespace(const struct k8s_api_source *source);
/*
 * True if the server has said whether there is a Secret of that name: the cluster has it, or there
 * is none.  `*trouble` is what keeps it from saying so (any more), or "".
 */
bool k8s_api_source_knows_secret(
    const struct k8s_api_source *source, const char *name, const char **trouble);
/* Requests made with that verb; those that list have also asked which versions there are. */
uint64_t k8s_api_source_requests(
    const struct k8s_api_source *source, enum k8s_resource_index resource, enum k8s_verb verb);
/* What writes to the same server. */
struct k8s_api_writer *k8s_api_source_writer(const struct k8s_api_source *source);
/* The texts last until the next turn of the loop. */
struct k8s_api_status k8s_api_source_status(const struct k8s_api_source *source);
/* Objects that cannot be understood, a text each; NULL: there is none of that index. */
const char *k8s_api_source_problem(const struct k8s_api_source *source, size_t index);
size_t k8s_api_source_problem_count(const struct k8s_api_source *source);

#endif
