/*
 * The first of the queue is on its way, or waits for its next attempt.  What an answer means is a
 * matter of its status alone: it was written; it may be later (429, 5xx, a conflict, no answer); or
 * it never will be, and then the next one has its turn.  What is forbidden may be allowed in a
 * moment, as an API server that has just started knows no roles yet; but then it is not tried for a
 * long while: a thousand nodes without the right would ask for nothing else.
 *
 * The connection is closed when there has been nothing to write for a while, for most of the time
 * there is not.
 */
#include "k8s/api_writer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/backoff.h"
#include "k8s/connection.h"
#include "k8s/list_watch.h"

#define FIELD_MANAGER "kbgpd"
#define ANSWER_SILENCE_MS 30000
#define ANSWER_TOTAL_MS 60000
/* Bytes of an answer of which the message is read. */
#define ANSWER_MAX 16384
/* Of an object that the server answers with "not now". */
#define ATTEMPTS_MAX 6
/* Of one that it forbids: half a minute or more, in which a server that starts learns the roles. */
#define FORBIDDEN_ATTEMPTS_MAX 8
/* A resource that is forbidden is not tried for so long. */
#define REFUSED_MS 600000
#define IDLE_MS 30000

struct waiting {
	struct waiting *next;
	enum k8s_resource_index resource;
	char *namespace; /* NULL: the access's */
	char *name;
	char *body;
	unsigned attempts; /* that were answered */
};

struct k8s_api_writer {
	struct k8s_writer_settings settings;
	char *namespace;
	struct k8s_connection *connection;
	struct k8s_backoff backoff;
	struct loop_timer timer; /* to the next attempt, or to the end of the connection */
	struct waiting *first;
	struct waiting **end;
	size_t count;
	bool busy; /* the first one is under way */
	uint64_t refused_until[K8S_RESOURCES]; /* loop_now(); 0: it was not refused last */
	struct error refusals[K8S_RESOURCES]; /* that were told; empty: none */
	struct k8s_writer_counters counters;
	size_t server; /* counts servers that could not be reached */
	/* Of the answer to the request that is under way. */
	struct http_head head;
	struct text answer;
};

/* The queue */

static void free_waiting(struct waiting *waiting)
{
	free(waiting->namespace);
	free(waiting->name);
	free(waiting->body);
	free(waiting);
}

/* Takes out what `link` points to. */
static void take_out(struct k8s_api_writer *writer, struct waiting **link)
{
	struct waiting *waiting = *link;

	*link = waiting->next;
	if (writer->end == &waiting->next)
		writer->end = link;
	writer->count--;
	free_waiting(waiting);
}

static void drop(struct k8s_api_writer *writer, struct waiting **link)
{
	writer->counters.dropped[(*link)->resource]++;
	take_out(writer, link);
}

static bool same_namespace(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* What has not been sent yet for the same object. */
static struct waiting *find_waiting(
    const struct k8s_api_writer *writer, const struct k8s_write *write)
{
	struct waiting *waiting = writer->busy ? writer->first->next : writer->first;

	for (; waiting; waiting = waiting->next) {
		if (waiting->resource == write->resource && !strcmp(waiting->name, write->name) &&
		    same_namespace(waiting->namespace, write->namespace))
			return waiting;
	}
	return NULL;
}

static void make_room(struct k8s_api_writer *writer)
{
	struct waiting **oldest = &writer->first;

	if (writer->busy && *oldest)
		oldest = &(*oldest)->next;
	if (writer->count >= K8S_WRITER_QUEUE_MAX && *oldest)
		drop(writer, oldest);
}

static void add_waiting(struct k8s_api_writer *writer, const struct k8s_write *write)
{
	struct waiting *waiting = memory_allocate_zero(1, sizeof(*waiting));

	waiting->resource = write->resource;
	waiting->namespace = write->namespace ? memory_copy_string(write->namespace) : NULL;
	waiting->name = memory_copy_string(write->name);
	waiting->body = memory_copy_string(write->body);
	*writer->end = waiting;
	writer->end = &waiting->next;
	writer->count++;
}

/* Answers */

static void schedule(struct k8s_api_writer *writer, uint64_t wait_ms)
{
	loop_timer_start(&writer->timer, writer->first ? wait_ms : IDLE_MS);
}

static void try_later(struct k8s_api_writer *writer, uint64_t retry_after_ms)
{
	schedule(writer, k8s_backoff_fail(&writer->backoff, retry_after_ms));
}

static void tell(struct k8s_api_writer *writer, const char *what)
{
	const enum k8s_resource_index resource = writer->first->resource;
	struct error *told = &writer->refusals[resource];

	if (!strcmp(told->text, what ? what : ""))
		return;
	error_set(told, "%s", what ? what : "");
	writer->settings.trouble(writer->settings.arg, k8s_resources[resource].name, what);
}

static void written(struct k8s_api_writer *writer)
{
	k8s_backoff_succeed(&writer->backoff);
	writer->refused_until[writer->first->resource] = 0;
	tell(writer, NULL);
	take_out(writer, &writer->first);
	schedule(writer, 0);
}

/* It never will be written. */
static void give_up(struct k8s_api_writer *writer, const struct k8s_status *status)
{
	struct error why;

	error_set(&why, "%s: %u %s", status->code == 403 ? "forbidden" : "refused", status->code,
	    status->message);
	tell(writer, why.text);
	if (status->code == 403)
		writer->refused_until[writer->first->resource] =
		    loop_now(writer->settings.loop) + REFUSED_MS;
	drop(writer, &writer->first);
	schedule(writer, 0);
}

static bool may_pass(const struct k8s_api_writer *writer, const struct k8s_status *status)
{
	if (status->code == 403)
		return !writer->refused_until[writer->first->resource];
	return status->code == 401 || status->code == 409 || status->code == 429 ||
	       status->code >= 500;
}

static void answered(struct k8s_api_writer *writer, const struct k8s_status *status)
{
	const unsigned attempts_max = status->code == 403 ? FORBIDDEN_ATTEMPTS_MAX : ATTEMPTS_MAX;
	uint64_t retry_after = status->retry_after;

	if (status->code >= 200 && status->code < 300) {
		written(writer);
		return;
	}
	writer->counters.failures++;
	if (writer->head.has_retry_after && writer->head.retry_after > retry_after)
		retry_after = writer->head.retry_after;
	if (may_pass(writer, status) && ++writer->first->attempts < attempts_max)
		try_later(writer, retry_after * 1000);
	else
		give_up(writer, status);
}

static void on_head(void *arg, const struct http_head *head)
{
	struct k8s_api_writer *writer = arg;

	writer->head = *head;
}

static bool on_body(void *arg, const char *bytes, size_t length)
{
	struct k8s_api_writer *writer = arg;

	if (writer->answer.length < ANSWER_MAX)
		text_append_bytes(&writer->answer, bytes, length);
	return true;
}

static void on_done(void *arg, const char *failure)
{
	struct k8s_api_writer *writer = arg;
	struct k8s_status status;
	json_t *answer = NULL;

	writer->busy = false;
	if (!writer->head.status || (failure && writer->head.status < 300)) {
		writer->counters.failures++;
		writer->server++;
		try_later(writer, 0);
		return;
	}
	/* Of what was written, it is the whole object: nobody needs it. */
	if (writer->head.status >= 300)
		answer = json_loadb(writer->answer.string ? writer->answer.string : "",
		    writer->answer.length, JSON_ALLOW_NUL, NULL);
	status = k8s_status_decode(writer->head.status, answer);
	status.code = writer->head.status;
	json_decref(answer);
	answered(writer, &status);
}

/* Requests */

static void append_target(
    struct k8s_api_writer *writer, const struct k8s_access *access, struct text *target)
{
	const struct waiting *waiting = writer->first;
	const struct k8s_resource *resource = &k8s_resources[waiting->resource];
	const char *namespace = waiting->namespace ? waiting->namespace : writer->namespace;

	k8s_resource_append_path(
	    resource, resource->version, namespace ? namespace : access->namespace, target);
	text_append(target, "/");
	k8s_append_escaped(target, waiting->name);
	text_append(target, "?fieldManager=" FIELD_MANAGER "&force=true");
}

static bool is_refused(const struct k8s_api_writer *writer)
{
	return writer->refused_until[writer->first->resource] > loop_now(writer->settings.loop);
}

static void send_first(struct k8s_api_writer *writer, struct k8s_access *access)
{
	struct text target = {NULL, 0, 0};
	struct k8s_request request = {.method = "PATCH",
	    .body = writer->first->body,
	    .content_type = "application/apply-patch+yaml",
	    .silence_ms = ANSWER_SILENCE_MS,
	    .total_ms = ANSWER_TOTAL_MS};

	append_target(writer, access, &target);
	request.target = target.string;
	text_clear(&writer->answer);
	writer->head = (struct http_head){0};
	writer->busy = true;
	writer->counters.requests[writer->first->resource]++;
	k8s_connection_request(writer->connection, access, &request);
	text_free(&target);
}

static void on_time(void *arg)
{
	struct k8s_api_writer *writer = arg;
	struct k8s_access *access;

	loop_name_work(writer->settings.loop, "events for the API server");
	while (writer->first && is_refused(writer))
		drop(writer, &writer->first);
	if (!writer->first) {
		k8s_connection_close(writer->connection);
		return;
	}
	access = k8s_access_load(writer->settings.access, writer->server, NULL);
	if (access)
		send_first(writer, access);
	else
		try_later(writer, 0);
}

struct k8s_api_writer *k8s_api_writer_new(
    const struct k8s_writer_settings *settings, const char *namespace)
{
	static const struct k8s_connection_ops ops = {on_head, on_body, on_done};
	struct k8s_api_writer *writer = memory_allocate_zero(1, sizeof(*writer));

	writer->settings = *settings;
	writer->namespace = namespace ? memory_copy_string(namespace) : NULL;
	writer->end = &writer->first;
	writer->connection = k8s_connection_new(settings->loop, &ops, writer);
	writer->backoff = k8s_backoff_new(
	    settings->backoff_first_ms, settings->backoff_limit_ms, settings->random_seed);
	loop_timer_init(settings->loop, &writer->timer, on_time, writer);
	return writer;
}

void k8s_api_writer_free(struct k8s_api_writer *writer)
{
	if (!writer)
		return;
	while (writer->first)
		take_out(writer, &writer->first);
	k8s_connection_free(writer->connection);
	loop_timer_free(&writer->timer);
	text_free(&writer->answer);
	free(writer->namespace);
	free(writer);
}

void k8s_api_writer_put(struct k8s_api_writer *writer, const struct k8s_write *write)
{
	struct waiting *waiting = find_waiting(writer, write);
	const bool idle = !writer->first;

	if (waiting) {
		free(waiting->body);
		waiting->body = memory_copy_string(write->body);
		return;
	}
	make_room(writer);
	add_waiting(writer, write);
	if (idle)
		schedule(writer, 0);
}

bool k8s_api_writer_is_idle(const struct k8s_api_writer *writer)
{
	return !writer->first;
}

struct k8s_writer_counters k8s_api_writer_counters(const struct k8s_api_writer *writer)
{
	return writer->counters;
}
