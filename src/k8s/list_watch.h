/*
 * Which request comes next to keep up with one kind of object, as "Kubernetes API Concepts" asks
 * for: pages of a list, a watch from its resource version, and what a refusal means for either.  A
 * value; does no I/O, waits for nothing, and knows no object.
 */
#ifndef K8S_LIST_WATCH_H
#define K8S_LIST_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "k8s/object.h"

/* What is asked for next. */
enum k8s_list_watch_step {
	K8S_DISCOVER, /* which version of its API group the server has */
	K8S_LIST,
	K8S_WATCH
};

struct k8s_list_watch {
	enum k8s_kind kind;
	enum k8s_list_watch_step step;
	char *name; /* of the only object that is wanted; NULL: all of the kind */
	char *namespace; /* the only one; NULL: all */
	const char *version; /* of the API group; NULL: not known yet */
	char *resource_version; /* as far as is known; NULL: nothing is */
	char *next_page; /* the list's `continue`; NULL: its first page is next */
	char *list_version; /* resource version of the list that is being read; NULL: none is */
	bool latest; /* the list must not come from a cache */
	bool whole; /* without pages: they have expired before they were read */
};

/* `name` may be NULL: all objects of the kind. */
struct k8s_list_watch k8s_list_watch_new(enum k8s_kind kind, const char *name);
/* Before the first request: only objects of this namespace are wanted. */
void k8s_list_watch_set_namespace(struct k8s_list_watch *list_watch, const char *namespace);
void k8s_list_watch_release(struct k8s_list_watch *list_watch);
/* Appends path and query of the next request; a watch is to end after so many seconds. */
void k8s_list_watch_append_target(
    const struct k8s_list_watch *list_watch, uint32_t watch_seconds, struct text *target);
/* True if the list that is asked for begins with the next request. */
bool k8s_list_watch_begins(const struct k8s_list_watch *list_watch);

/* The answer to K8S_DISCOVER, an APIGroup; false and the error if the server cannot serve us. */
bool k8s_list_watch_discovered(
    struct k8s_list_watch *list_watch, const json_t *group, struct error *error);
/*
 * What surrounds the items of a page; `*complete` says whether it was the last one.  False and the
 * error if it is no list of this kind: then nothing may be taken from it.
 */
bool k8s_list_watch_listed(
    struct k8s_list_watch *list_watch, const json_t *envelope, bool *complete, struct error *error);
/* The resource version of an event, a bookmark included. */
void k8s_list_watch_saw(struct k8s_list_watch *list_watch, const char *resource_version);

/* A Status, as the body of a response or in an ERROR event; zeroed if there was none. */
struct k8s_status {
	unsigned code; /* of the Status, or of the response */
	bool expired; /* reason Expired or Gone */
	bool too_large; /* the resource version is from the future of this server */
	char message[200];
	uint32_t retry_after; /* seconds; 0: nothing is said */
};
struct k8s_status k8s_status_decode(unsigned code, const json_t *body);
/*
 * The request was refused: changes what is next where asking the same again would not help.  True
 * if the next one can be made at once.
 */
bool k8s_list_watch_refused(struct k8s_list_watch *list_watch, const struct k8s_status *status);

/*
 * True if a resource version is surely not newer than another.  They are opaque by contract, but
 * where both are decimal numbers the API server itself compares them so.
 */
bool k8s_version_is_old(const char *version, const char *known);

#endif
