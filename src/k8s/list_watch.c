/*
 * The first list may come from the API server's cache (resourceVersion=0): a thousand nodes that
 * start together then cost etcd nothing.  Later ones may too, as long as they are not older than
 * what is known (resourceVersion=N); so no node goes back in time by asking another API server.
 * Only where that is not possible the list is read from etcd (no resourceVersion), page by page.
 *
 * Whatever a list says is in force only when its last page is there: pages of one list are one
 * moment of the cluster, and half of them say nothing about what is gone.
 */
#include "k8s/list_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "k8s/api_resources.h"

#define PAGE_LIMIT 500

/*
 * In the query of list and watch; NULL: nothing.  EndpointSlices of headless Services are of no
 * use: such a Service has no address that could be announced.  kube-proxy leaves them out in the
 * same way.
 */
static const char *const selectors[K8S_KINDS] = {
    [K8S_ENDPOINT_SLICE] = "&labelSelector=%21service.kubernetes.io%2Fheadless",
};

/* Best first. */
static const char *const group_versions[] = {"v1", "v1beta1"};

struct k8s_list_watch k8s_list_watch_new(enum k8s_kind kind, const char *name)
{
	const char *version = k8s_resource_of(kind)->version;

	return (struct k8s_list_watch){
	    .kind = kind,
	    .step = version ? K8S_LIST : K8S_DISCOVER,
	    .version = version,
	    .name = name ? memory_copy_string(name) : NULL,
	};
}

void k8s_list_watch_release(struct k8s_list_watch *list_watch)
{
	free(list_watch->namespace);
	free(list_watch->name);
	free(list_watch->resource_version);
	free(list_watch->next_page);
	free(list_watch->list_version);
}

static void set_string(char **string, const char *value)
{
	char *copy = value ? memory_copy_string(value) : NULL;

	free(*string);
	*string = copy;
}

void k8s_list_watch_set_namespace(struct k8s_list_watch *list_watch, const char *namespace)
{
	set_string(&list_watch->namespace, namespace);
}

static void append_list_query(const struct k8s_list_watch *list_watch, struct text *target)
{
	const char *known = list_watch->resource_version;

	if (list_watch->next_page) {
		text_append(target, "&limit=%d&continue=", PAGE_LIMIT);
		k8s_append_escaped(target, list_watch->next_page);
		return;
	}
	/* From its cache the server gives no pages; with a limit it would not use the cache. */
	if (!list_watch->whole && (list_watch->latest || !known))
		text_append(target, "&limit=%d", PAGE_LIMIT);
	if (!list_watch->latest) {
		text_append(target, "&resourceVersion=");
		k8s_append_escaped(target, known ? known : "0");
	}
}

void k8s_list_watch_append_target(
    const struct k8s_list_watch *list_watch, uint32_t watch_seconds, struct text *target)
{
	const struct k8s_resource *resource = k8s_resource_of(list_watch->kind);

	if (list_watch->step == K8S_DISCOVER) {
		k8s_resource_append_group(resource, target);
		return;
	}
	k8s_resource_append_path(resource, list_watch->version, list_watch->namespace, target);
	text_append(target, "?");
	if (list_watch->step == K8S_WATCH) {
		text_append(
		    target, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%u", watch_seconds);
		text_append(target, "&resourceVersion=");
		k8s_append_escaped(target, list_watch->resource_version);
	} else {
		text_append(target, "timeoutSeconds=60");
		append_list_query(list_watch, target);
	}
	if (selectors[list_watch->kind])
		text_append(target, "%s", selectors[list_watch->kind]);
	if (list_watch->name) {
		text_append(target, "&fieldSelector=metadata.name%%3D");
		k8s_append_escaped(target, list_watch->name);
	}
}

bool k8s_list_watch_begins(const struct k8s_list_watch *list_watch)
{
	return list_watch->step == K8S_LIST && !list_watch->next_page;
}

static bool group_has(const json_t *group, const char *version)
{
	const json_t *versions = json_object_get(group, "versions");
	size_t i;
	json_t *entry;

	json_array_foreach(versions, i, entry)
	{
		const char *found = json_string_value(json_object_get(entry, "version"));

		if (found && !strcmp(found, version))
			return true;
	}
	return false;
}

bool k8s_list_watch_discovered(
    struct k8s_list_watch *list_watch, const json_t *group, struct error *error)
{
	for (size_t i = 0; i < sizeof(group_versions) / sizeof(group_versions[0]); i++) {
		if (group_has(group, group_versions[i])) {
			list_watch->version = group_versions[i];
			list_watch->step = K8S_LIST;
			return true;
		}
	}
	return error_set(error,
	    "the API server has neither discovery.k8s.io/v1 nor v1beta1: Kubernetes 1.17 or later "
	    "is needed");
}

/* "ServiceList" for kind Service. */
static bool is_list_of(const json_t *envelope, enum k8s_kind kind)
{
	const char *found = json_string_value(json_object_get(envelope, "kind"));
	const char *name = k8s_kind_name(kind);
	const size_t length = strlen(name);

	return found && !strncmp(found, name, length) && !strcmp(found + length, "List");
}

/* The next page, or the watch after the last one. */
static void end_page(struct k8s_list_watch *list_watch, const char *version, const char *next)
{
	if (!list_watch->list_version)
		set_string(&list_watch->list_version, version);
	set_string(&list_watch->next_page, next);
	if (next)
		return;
	set_string(&list_watch->resource_version, list_watch->list_version);
	set_string(&list_watch->list_version, NULL);
	list_watch->latest = false;
	list_watch->whole = false;
	list_watch->step = K8S_WATCH;
}

bool k8s_list_watch_listed(
    struct k8s_list_watch *list_watch, const json_t *envelope, bool *complete, struct error *error)
{
	const json_t *metadata = json_object_get(envelope, "metadata");
	const json_t *items = json_object_get(envelope, "items");
	const char *version = json_string_value(json_object_get(metadata, "resourceVersion"));
	const char *next = json_string_value(json_object_get(metadata, "continue"));

	if (!is_list_of(envelope, list_watch->kind) ||
	    !(json_is_array(items) || json_is_null(items)))
		return error_set(error, "the answer is no list of %ss: is this an API server?",
		    k8s_kind_name(list_watch->kind));
	if (!version || !version[0])
		return error_set(error, "the list of %ss has no metadata.resourceVersion",
		    k8s_kind_name(list_watch->kind));
	end_page(list_watch, version, next && next[0] ? next : NULL);
	*complete = list_watch->step == K8S_WATCH;
	return true;
}

static bool is_decimal(const char *version)
{
	const size_t length = strlen(version);

	return length && length < 20 && version[0] != '0' &&
	       strspn(version, "0123456789") == length;
}

bool k8s_version_is_old(const char *version, const char *known)
{
	if (!version || !known || !is_decimal(version) || !is_decimal(known))
		return false;
	return strtoull(version, NULL, 10) <= strtoull(known, NULL, 10);
}

void k8s_list_watch_saw(struct k8s_list_watch *list_watch, const char *resource_version)
{
	if (resource_version && resource_version[0] &&
	    !k8s_version_is_old(resource_version, list_watch->resource_version))
		set_string(&list_watch->resource_version, resource_version);
}

static bool has_cause(const json_t *details, const char *wanted)
{
	size_t i;
	json_t *cause;

	json_array_foreach(json_object_get(details, "causes"), i, cause)
	{
		const char *reason = json_string_value(json_object_get(cause, "reason"));

		if (reason && !strcmp(reason, wanted))
			return true;
	}
	return false;
}

struct k8s_status k8s_status_decode(unsigned code, const json_t *body)
{
	struct k8s_status status = {.code = code};
	const json_t *details = json_object_get(body, "details");
	const json_t *own_code = json_object_get(body, "code");
	const json_int_t retry = json_integer_value(json_object_get(details, "retryAfterSeconds"));
	const char *reason = json_string_value(json_object_get(body, "reason"));
	const char *message = json_string_value(json_object_get(body, "message"));

	if (json_is_integer(own_code) && json_integer_value(own_code) > 0 &&
	    json_integer_value(own_code) < 1000)
		status.code = (unsigned)json_integer_value(own_code);
	status.expired = status.code == 410 ||
			 (reason && (!strcmp(reason, "Expired") || !strcmp(reason, "Gone")));
	/* Servers before 1.19 say it in the message only. */
	status.too_large = has_cause(details, "ResourceVersionTooLarge") ||
			   (message && strstr(message, "Too large resource version"));
	if (retry > 0)
		status.retry_after = retry < UINT32_MAX ? (uint32_t)retry : UINT32_MAX;
	if (message)
		strncpy(status.message, message, sizeof(status.message) - 1);
	return status;
}

/* From the beginning, and from etcd. */
static void list_latest(struct k8s_list_watch *list_watch)
{
	list_watch->step = K8S_LIST;
	list_watch->latest = true;
	set_string(&list_watch->next_page, NULL);
	set_string(&list_watch->list_version, NULL);
}

static bool list_refused(struct k8s_list_watch *list_watch, const struct k8s_status *status)
{
	const bool was_page = list_watch->next_page != NULL;
	const bool was_latest = list_watch->latest;

	if (status->expired && was_page) {
		/* If that happens twice, reading the pages takes longer than etcd keeps them. */
		list_watch->whole = was_latest;
		list_latest(list_watch);
		return true;
	}
	if ((status->expired || status->too_large) && !was_latest) {
		list_latest(list_watch);
		return true;
	}
	/* A continue that is not known any more, or never was. */
	if (status->code == 400 && was_page)
		list_latest(list_watch);
	if (status->code == 404 && !k8s_resource_of(list_watch->kind)->version) {
		list_latest(list_watch);
		list_watch->step = K8S_DISCOVER;
	}
	return false;
}

bool k8s_list_watch_refused(struct k8s_list_watch *list_watch, const struct k8s_status *status)
{
	switch (list_watch->step) {
	case K8S_DISCOVER:
		return false;
	case K8S_LIST:
		return list_refused(list_watch, status);
	case K8S_WATCH:
		if (status->expired) {
			/* Not older than what is known: the cache will do. */
			list_watch->step = K8S_LIST;
			return true;
		}
		if (status->too_large || status->code == 400 || status->code == 404 ||
		    status->code == 422)
			list_latest(list_watch);
		return false;
	}
	return false;
}
