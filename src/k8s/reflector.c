/*
 * A request is one of the steps of list_watch.c.  While its body arrives, json_cutter.c cuts it into
 * objects or events, and intake.c puts each at once: nothing of a list is kept but its objects.
 * When it is over, list_watch.c says what is next, and the timer makes it so, now or after a while;
 * sooner if meanwhile there are other credentials than those that have failed.
 *
 * An answer that is broken off has done no harm: what was put is true, and what was not put is
 * looked for by the next list.  Only the end of a whole list removes, some at a time in a task.
 */
#include "k8s/reflector.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "k8s/api_resources.h"
#include "k8s/backoff.h"
#include "k8s/connection.h"
#include "k8s/intake.h"
#include "k8s/json_cutter.h"
#include "k8s/list_watch.h"

/* etcd takes no more than 1.5 MB for an object; as JSON, and without what is left out, it has. */
#define OBJECT_MAX (4u << 20)
/* Any other answer: a Status, an APIGroup. */
#define ANSWER_MAX 65536
/* Without a byte of a list for so long the connection is given up. */
#define LIST_SILENCE_MS 30000
/* A page of a list, however fast it is written. */
#define LIST_TOTAL_MS 600000
/* A server that does not end a watch when it should have is not there any more. */
#define WATCH_GRACE_MS 15000
/* A watch that ends earlier without an event is as good as refused. */
#define SHORT_WATCH_MS 1000
/* While a failed request waits to be made again, the credentials are looked at so often. */
#define LOOK_MS 1000
/* Objects that go between two looks at the clock. */
#define REMOVALS 32

#define UNUSED_METADATA                                                                \
	"metadata.managedFields", "metadata.ownerReferences", "metadata.generateName", \
	    "metadata.generation", "metadata.creationTimestamp",                       \
	    "metadata.annotations.kubectl.kubernetes.io/last-applied-configuration"

/* What object_decode.c does not read, as far as it is worth leaving out before it is decoded. */
static const char *const unused_of_node[] = {UNUSED_METADATA, "status.images", "status.nodeInfo",
    "status.capacity", "status.allocatable", "status.volumesInUse", "status.volumesAttached", NULL};
static const char *const unused_of_service[] = {
    UNUSED_METADATA, "spec.ports", "spec.selector", NULL};
static const char *const unused_of_slice[] = {UNUSED_METADATA, "metadata.uid",
    "metadata.annotations", "ports", "endpoints[].targetRef", "endpoints[].zone",
    "endpoints[].hints", NULL};
static const char *const unused_of_secret[] = {
    UNUSED_METADATA, "metadata.uid", "metadata.annotations", "metadata.labels", NULL};
static const char *const *const unused[K8S_KINDS] = {
    [K8S_NODE] = unused_of_node,
    [K8S_SERVICE] = unused_of_service,
    [K8S_ENDPOINT_SLICE] = unused_of_slice,
    [K8S_SECRET] = unused_of_secret,
};

struct k8s_reflector {
	struct loop *loop;
	struct k8s_reflector_settings settings;
	enum k8s_kind kind;
	struct k8s_list_watch next;
	struct k8s_connection *connection;
	struct k8s_backoff backoff;
	struct k8s_intake intake;
	struct loop_timer timer; /* to the next request */
	struct loop_task removal; /* of what a list has not named */
	struct k8s_reflector_counters counters;
	uint64_t retry_at; /* loop_now() of the next request, after a failure */
	size_t attempt; /* counts servers that could not be reached */
	size_t last_attempt; /* of the last request */
	bool just_listed; /* and no watch has worked since */
	bool had_access; /* the last request had credentials, and so could be made */
	/* Of the request that is under way. */
	struct http_head head; /* status 0: it has not come */
	struct json_cutter *cutter;
	json_t *answer; /* what surrounds a list's items, or all of another answer */
	bool has_status; /* an ERROR event has ended the watch */
	struct k8s_status status;
	bool saw_event;
	uint64_t watch_began; /* loop_now() */
	struct error error; /* why the body was given up; empty: it was not */
};

/* False if the watch is over with that. */
static bool take_event(struct k8s_reflector *reflector, const json_t *event)
{
	const char *type = json_string_value(json_object_get(event, "type"));
	const json_t *object = json_object_get(event, "object");

	if (type && !strcmp(type, "ERROR")) {
		reflector->status = k8s_status_decode(500, object);
		reflector->has_status = true;
		return false;
	}
	if (!type || !json_is_object(object))
		return error_set(&reflector->error, "an event of the watch has no type or object");
	reflector->counters.events++;
	reflector->saw_event = true;
	/* From the first bookmark on there is one a minute, whatever happens. */
	if (!strcmp(type, "BOOKMARK"))
		k8s_connection_limit_silence(
		    reflector->connection, reflector->settings.watch_silence_ms);
	k8s_backoff_succeed(&reflector->backoff);
	k8s_intake_event(&reflector->intake, type, object);
	k8s_list_watch_saw(&reflector->next, k8s_intake_version(object));
	return true;
}

/* The body of a response */

static bool is_good(const struct k8s_reflector *reflector, enum k8s_list_watch_step step)
{
	return reflector->head.status == 200 && reflector->next.step == step;
}

static bool take_json(struct k8s_reflector *reflector, enum json_cut what, const json_t *value)
{
	if (what == JSON_ITEM)
		k8s_intake_object(&reflector->intake, value);
	else if (is_good(reflector, K8S_WATCH))
		return take_event(reflector, value);
	else if (!reflector->answer)
		reflector->answer = json_incref((json_t *)value);
	return true;
}

/* One object that cannot be read is skipped alone, if it can be known which one it is. */
static bool skip_value(
    struct k8s_reflector *reflector, const char *text, size_t length, const char *why)
{
	const bool is_object = is_good(reflector, K8S_LIST) || is_good(reflector, K8S_WATCH);

	if (is_object && k8s_intake_unreadable(&reflector->intake, text, length, why))
		return true;
	return error_set(
	    &reflector->error, "the answer has something that cannot be read: %s", why);
}

static bool take_value(void *arg, enum json_cut what, const char *text, size_t length)
{
	struct k8s_reflector *reflector = arg;
	json_error_t problem;
	json_t *value;
	bool goes_on;

	if (what == JSON_TOO_LARGE)
		return skip_value(reflector, text, length, "it is too large");
	value = json_loadb(text, length, JSON_ALLOW_NUL, &problem);
	if (!value) /* the text of the problem cites what is near to it */
		return skip_value(reflector, text, length,
		    reflector->kind == K8S_SECRET ? "it is no JSON" : problem.text);
	goes_on = take_json(reflector, what, value);
	if (reflector->kind == K8S_SECRET)
		k8s_secret_wipe_json(value);
	json_decref(value);
	return goes_on;
}

static void begin_body(struct k8s_reflector *reflector)
{
	const bool watch = is_good(reflector, K8S_WATCH);
	const bool list = is_good(reflector, K8S_LIST);
	const struct json_cutter_settings settings = {
	    .cut_items = list,
	    .unused = watch || list ? unused[reflector->kind] : NULL,
	    .inside = watch ? "object." : NULL,
	    .limit = watch || list ? OBJECT_MAX : ANSWER_MAX,
	    .value = take_value,
	    .arg = reflector,
	};

	reflector->cutter = json_cutter_new(&settings);
	if (list && k8s_list_watch_begins(&reflector->next))
		k8s_intake_begin_list(&reflector->intake);
	if (!watch)
		return;
	reflector->watch_began = loop_now(reflector->loop);
	reflector->settings.ops->works(reflector->settings.arg);
}

static void on_head(void *arg, const struct http_head *head)
{
	struct k8s_reflector *reflector = arg;

	reflector->head = *head;
	begin_body(reflector);
}

static bool on_body(void *arg, const char *bytes, size_t length)
{
	struct k8s_reflector *reflector = arg;
	const char *problem;

	reflector->counters.bytes += length;
	if (json_cutter_read(reflector->cutter, bytes, length, &problem))
		return true;
	if (problem && !reflector->error.text[0])
		error_set(&reflector->error, "the answer is no JSON: %s", problem);
	/* A proxy's page says what is wrong by its status alone. */
	return false;
}

/* What is next */

static void schedule(struct k8s_reflector *reflector, uint64_t wait_ms)
{
	reflector->retry_at = loop_now(reflector->loop) + wait_ms;
	loop_timer_start(&reflector->timer, wait_ms);
}

/* Until the next look at the credentials, which may have been what was wrong. */
static void wait_for_retry(struct k8s_reflector *reflector)
{
	const uint64_t now = loop_now(reflector->loop);
	const uint64_t left = reflector->retry_at > now ? reflector->retry_at - now : 0;

	loop_timer_start(&reflector->timer, left < LOOK_MS ? left : LOOK_MS);
}

static void fail(struct k8s_reflector *reflector, const char *why, uint64_t retry_after_ms)
{
	reflector->counters.failures++;
	schedule(reflector, k8s_backoff_fail(&reflector->backoff, retry_after_ms));
	/* A server that says when it wants to be asked again has nothing against us. */
	if (!retry_after_ms)
		wait_for_retry(reflector);
	reflector->settings.ops->failed(reflector->settings.arg, why);
}

/* They may have rotated since: true if there are others now than the last request had. */
static bool has_new_credentials(const struct k8s_reflector *reflector)
{
	const struct k8s_access *used = k8s_connection_access(reflector->connection);
	struct k8s_access *access =
	    k8s_access_load(reflector->settings.access, reflector->last_attempt, NULL);
	const bool is_new =
	    access && (!reflector->had_access || !used || !k8s_access_equal(access, used));

	k8s_access_free(access);
	return is_new;
}

static const char *what_to_do(unsigned code)
{
	switch (code) {
	case 401:
		return "; the token or client certificate is not accepted: check the service account "
		       "or the kubeconfig";
	case 403:
		return "; give this user the right to list and watch it";
	default:
		return "";
	}
}

/* Once only per token: the failures in a row are counted from the first refusal on. */
static bool may_retry_at_once(struct k8s_reflector *reflector, const struct k8s_status *status)
{
	if (status->code == 401)
		return has_new_credentials(reflector);
	/* A watch that is refused after its list, over and over, must not make the lists a storm. */
	if (reflector->next.step == K8S_WATCH && reflector->just_listed) {
		k8s_list_watch_refused(&reflector->next, status);
		return false;
	}
	return k8s_list_watch_refused(&reflector->next, status);
}

static void refused(struct k8s_reflector *reflector, const struct k8s_status *status)
{
	static const char *const steps[] = {
	    [K8S_DISCOVER] = "discovering",
	    [K8S_LIST] = "listing",
	    [K8S_WATCH] = "watching",
	};
	const char *step = steps[reflector->next.step];
	uint64_t retry_after = status->retry_after;
	struct error error;

	if (reflector->head.has_retry_after && reflector->head.retry_after > retry_after)
		retry_after = reflector->head.retry_after;
	error_set(&error, "%s: %s %ss: %u %s%s", k8s_connection_server(reflector->connection), step,
	    k8s_kind_name(reflector->kind), status->code, status->message,
	    what_to_do(status->code));
	if (status->code >= 500 && !status->too_large)
		reflector->attempt++;
	if (may_retry_at_once(reflector, status)) {
		/* So that it is at once the first time, and not for ever. */
		reflector->counters.failures++;
		reflector->backoff.failures++;
		schedule(reflector, 0);
	} else {
		fail(reflector, error.text, retry_after * 1000);
	}
}

static void watch_ended(struct k8s_reflector *reflector)
{
	const uint64_t took = loop_now(reflector->loop) - reflector->watch_began;

	if (took < SHORT_WATCH_MS && !reflector->saw_event) {
		fail(reflector, "the API server ends watches at once", 0);
		return;
	}
	k8s_backoff_succeed(&reflector->backoff);
	schedule(reflector, 0);
}

static void remove_unlisted(void *arg)
{
	struct k8s_reflector *reflector = arg;

	loop_name_work(reflector->loop, "the API server's list");
	while (!k8s_intake_end_list(&reflector->intake, REMOVALS)) {
		if (loop_should_yield(reflector->loop)) {
			loop_task_schedule(reflector->loop, &reflector->removal);
			return;
		}
	}
	reflector->counters.lists++;
	reflector->just_listed = true;
	schedule(reflector, 0);
}

static void page_ended(struct k8s_reflector *reflector)
{
	struct error error;
	bool complete;

	if (!k8s_list_watch_listed(&reflector->next, reflector->answer, &complete, &error))
		fail(reflector, error.text, 0);
	else if (complete)
		loop_task_schedule(reflector->loop, &reflector->removal);
	else
		schedule(reflector, 0);
}

static void discovered(struct k8s_reflector *reflector)
{
	struct error error;

	if (k8s_list_watch_discovered(&reflector->next, reflector->answer, &error))
		schedule(reflector, 0);
	else
		fail(reflector, error.text, 0);
}

/* The response is complete as far as HTTP goes. */
static void succeeded(struct k8s_reflector *reflector)
{
	if (!json_cutter_is_between(reflector->cutter)) {
		fail(reflector, "the answer ends in the middle", 0);
		return;
	}
	switch (reflector->next.step) {
	case K8S_DISCOVER:
		discovered(reflector);
		break;
	case K8S_LIST:
		page_ended(reflector);
		break;
	case K8S_WATCH:
		watch_ended(reflector);
		break;
	}
}

/* Whatever has ended it. */
static void note_watch(struct k8s_reflector *reflector)
{
	const uint64_t took = loop_now(reflector->loop) - reflector->watch_began;

	/* An outage of long ago must not make the next one longer. */
	k8s_backoff_last(&reflector->backoff, took);
	if (reflector->saw_event || took >= SHORT_WATCH_MS)
		reflector->just_listed = false;
}

static void end_answer(struct k8s_reflector *reflector, const char *failure)
{
	if (is_good(reflector, K8S_WATCH))
		note_watch(reflector);
	if (reflector->has_status) {
		refused(reflector, &reflector->status);
	} else if (reflector->head.status && reflector->head.status != 200) {
		const struct k8s_status status =
		    k8s_status_decode(reflector->head.status, reflector->answer);

		refused(reflector, &status);
	} else if (reflector->error.text[0]) {
		fail(reflector, reflector->error.text, 0);
	} else if (failure) {
		if (!reflector->head.status)
			reflector->attempt++;
		fail(reflector, failure, 0);
	} else {
		succeeded(reflector);
	}
}

static void clear_answer(struct k8s_reflector *reflector)
{
	json_cutter_free(reflector->cutter);
	json_decref(reflector->answer);
	reflector->cutter = NULL;
	reflector->answer = NULL;
	reflector->has_status = false;
	reflector->saw_event = false;
	reflector->head = (struct http_head){0};
	reflector->error.text[0] = '\0';
}

static void on_done(void *arg, const char *failure)
{
	struct k8s_reflector *reflector = arg;

	end_answer(reflector, failure);
	clear_answer(reflector);
}

/* A Secret's namespace may be known only with the access. */
static void set_namespace(struct k8s_reflector *reflector, const char *namespace)
{
	if (!k8s_resource_of(reflector->kind)->own_namespace || !namespace)
		return;
	k8s_list_watch_set_namespace(&reflector->next, namespace);
	reflector->intake.only_namespace = reflector->next.namespace;
	reflector->intake.only_name = reflector->next.name;
}

static void send_request(struct k8s_reflector *reflector)
{
	const bool watch = reflector->next.step == K8S_WATCH;
	const uint32_t shortest = reflector->settings.watch_seconds;
	const uint32_t seconds =
	    (uint32_t)k8s_backoff_random(&reflector->backoff, shortest, 2 * (uint64_t)shortest);
	struct text target = {NULL, 0, 0};
	struct k8s_request request = {.silence_ms = watch ? 0 : LIST_SILENCE_MS,
	    .total_ms = watch ? seconds * 1000 + WATCH_GRACE_MS : LIST_TOTAL_MS};
	struct k8s_access *access;
	struct error error;

	reflector->last_attempt = reflector->attempt;
	access = k8s_access_load(reflector->settings.access, reflector->attempt, &error);
	reflector->had_access = access != NULL;
	if (!access) {
		fail(reflector, error.text, 0);
		return;
	}
	if (!reflector->next.namespace)
		set_namespace(reflector, access->namespace);
	k8s_list_watch_append_target(&reflector->next, seconds, &target);
	request.target = target.string;
	reflector->counters.requests++;
	reflector->counters.watches += watch;
	k8s_connection_request(reflector->connection, access, &request);
	text_free(&target);
}

static void on_time(void *arg)
{
	struct k8s_reflector *reflector = arg;

	loop_name_work(reflector->loop, "the API server");
	if (loop_now(reflector->loop) < reflector->retry_at && !has_new_credentials(reflector))
		wait_for_retry(reflector);
	else
		send_request(reflector);
}

struct k8s_reflector *k8s_reflector_new(const struct k8s_reflector_settings *settings)
{
	static const struct k8s_connection_ops ops = {on_head, on_body, on_done};
	struct k8s_reflector *reflector = memory_allocate_zero(1, sizeof(*reflector));

	reflector->loop = settings->loop;
	reflector->settings = *settings;
	reflector->settings.name = NULL; /* the next request has copies */
	reflector->settings.namespace = NULL;
	reflector->kind = settings->kind;
	reflector->intake = (struct k8s_intake){.cluster = settings->cluster,
	    .kind = settings->kind,
	    .problem = settings->ops->problem,
	    .arg = settings->arg};
	reflector->next = k8s_list_watch_new(settings->kind, settings->name);
	set_namespace(reflector, settings->namespace);
	reflector->connection = k8s_connection_new(settings->loop, &ops, reflector);
	reflector->backoff = k8s_backoff_new(
	    settings->backoff_first_ms, settings->backoff_limit_ms, settings->random_seed);
	loop_timer_init(settings->loop, &reflector->timer, on_time, reflector);
	loop_task_init(&reflector->removal, remove_unlisted, reflector);
	schedule(reflector, 0);
	return reflector;
}

void k8s_reflector_free(struct k8s_reflector *reflector)
{
	if (!reflector)
		return;
	clear_answer(reflector);
	k8s_connection_free(reflector->connection);
	loop_timer_free(&reflector->timer);
	loop_task_cancel(reflector->loop, &reflector->removal);
	k8s_list_watch_release(&reflector->next);
	k8s_intake_release(&reflector->intake);
	free(reflector);
}

struct k8s_reflector_counters k8s_reflector_counters(const struct k8s_reflector *reflector)
{
	struct k8s_reflector_counters counters = reflector->counters;

	counters.old_events = reflector->intake.old_events;
	return counters;
}

const struct k8s_problems *k8s_reflector_problems(const struct k8s_reflector *reflector)
{
	return &reflector->intake.problems;
}

const char *k8s_reflector_version(const struct k8s_reflector *reflector)
{
	return reflector->next.version;
}

const char *k8s_reflector_namespace(const struct k8s_reflector *reflector)
{
	return reflector->next.namespace;
}

const char *k8s_reflector_server(const struct k8s_reflector *reflector)
{
	return k8s_connection_server(reflector->connection);
}
