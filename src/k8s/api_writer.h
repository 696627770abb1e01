/*
 * Writes to the API server what this daemon has to say there: events and a status.  One object at a
 * time, by server-side apply, which makes it or changes it and may be repeated.  Nothing waits for
 * it: what is to be written stands in a queue of a fixed length, and when the server is gone for
 * long, the oldest falls out.
 */
#ifndef K8S_API_WRITER_H
#define K8S_API_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "k8s/access.h"
#include "k8s/api_resources.h"

#define K8S_WRITER_QUEUE_MAX 128

struct k8s_api_writer;

struct k8s_writer_settings {
	struct loop *loop;
	const struct k8s_access_settings *access; /* the owner's, as long as the writer lives */
	uint64_t random_seed;
	uint32_t backoff_first_ms;
	uint32_t backoff_limit_ms;
	/*
	 * The server will not have objects of a resource ("events"), and why; NULL: it will again.
	 * That it cannot be reached is not told.
	 */
	void (*trouble)(void *arg, const char *resource, const char *what);
	void *arg;
};

/* An object as it is to be there. */
struct k8s_write {
	enum k8s_resource_index resource;
	const char *namespace; /* NULL: the one that the access is of */
	const char *name;
	const char *body; /* JSON with apiVersion, kind and metadata.name */
};

struct k8s_writer_counters {
	uint64_t requests[K8S_RESOURCES];
	uint64_t failures; /* requests that were refused or broken off */
	/* Objects that fell out of the queue, or that the server would not have. */
	uint64_t dropped[K8S_RESOURCES];
};

/* Makes no connection before there is something to write; the namespace may be NULL. */
struct k8s_api_writer *k8s_api_writer_new(
    const struct k8s_writer_settings *settings, const char *namespace);
void k8s_api_writer_free(struct k8s_api_writer *writer);
/* Copies all; what waits for the same object is replaced. */
void k8s_api_writer_put(struct k8s_api_writer *writer, const struct k8s_write *write);
/* Nothing waits and nothing is under way. */
bool k8s_api_writer_is_idle(const struct k8s_api_writer *writer);
struct k8s_writer_counters k8s_api_writer_counters(const struct k8s_api_writer *writer);

#endif
