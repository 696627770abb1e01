/*
 * Events are those of the core, which every version of Kubernetes has and kubectl reads.  One of a
 * Node is in the namespace "default", and refers to the Node by its name in place of its UID, as the
 * kubelet's do: `kubectl describe node` looks for that.
 */
#include "k8s/event_recorder.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/memory.h"

/* The name of an object is a DNS subdomain: 253 bytes, of which the dot and the hash are 17. */
#define NAME_LEFT 236
#define COMPONENT "kbgpd"

struct k8s_event_recorder {
	struct loop *loop;
	struct k8s_api_writer *writer;
	char *node_name;
	struct k8s_event_book book;
	struct loop_timer timer;
};

const char *k8s_event_namespace(const struct k8s_event_record *record)
{
	return record->event.namespace[0] ? record->event.namespace : "default";
}

/* The same for this node, object and reason, whatever process tells it. */
void k8s_event_append_name(
    const struct k8s_event_record *record, const char *node_name, struct text *name)
{
	const struct k8s_event *event = &record->event;
	const uint64_t object =
	    hash_string(event->name, hash_string(k8s_kind_name(event->kind), 0));
	const uint64_t hash = hash_string(node_name, hash_string(event->reason, object));
	int length = (int)strnlen(event->name, NAME_LEFT);

	/* Each label of it ends with a letter or a digit, also the one that was cut. */
	while (length > 0 && (event->name[length - 1] == '.' || event->name[length - 1] == '-'))
		length--;
	text_append(name, "%.*s.%016llx", length, event->name, (unsigned long long)hash);
}

static json_t *involved_object(const struct k8s_event *event)
{
	char uid[K8S_UID_TEXT_MAX];
	json_t *object = json_pack("{s:s,s:s,s:s}", "apiVersion", "v1", "kind",
	    k8s_kind_name(event->kind), "name", event->name);

	if (event->kind == K8S_NODE)
		json_object_set_new(object, "uid", json_string(event->name));
	else if (k8s_uid_is_known(&event->uid))
		json_object_set_new(object, "uid", json_string(k8s_uid_print(&event->uid, uid)));
	if (event->namespace[0])
		json_object_set_new(object, "namespace", json_string(event->namespace));
	return object;
}

static json_t *time_value(uint64_t seconds)
{
	const time_t time = (time_t)seconds;
	struct tm utc;
	char text[32];

	gmtime_r(&time, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_string(text);
}

char *k8s_event_encode(const struct k8s_event_record *record, const char *node_name)
{
	const struct k8s_event *event = &record->event;
	struct text name = {NULL, 0, 0};
	json_t *value;
	char *body;

	k8s_event_append_name(record, node_name, &name);
	value = json_pack("{s:s,s:s,s:{s:s,s:s},s:o,s:s,s:s,s:s,s:{s:s,s:s},s:s,s:s,s:o,s:o,s:i}",
	    "apiVersion", "v1", "kind", "Event", "metadata", "name", name.string, "namespace",
	    k8s_event_namespace(record), "involvedObject", involved_object(event), "reason",
	    event->reason, "message", event->message, "type", event->warning ? "Warning" : "Normal",
	    "source", "component", COMPONENT, "host", node_name, "reportingComponent", COMPONENT,
	    "reportingInstance", node_name, "firstTimestamp", time_value(record->first_at),
	    "lastTimestamp", time_value(record->last_at), "count",
	    record->count < INT32_MAX ? (int)record->count : INT32_MAX);
	body = json_dumps(value, JSON_COMPACT);
	json_decref(value);
	text_free(&name);
	return body;
}

static void write_event(struct k8s_event_recorder *recorder, const struct k8s_event_record *record)
{
	struct text name = {NULL, 0, 0};
	char *body = k8s_event_encode(record, recorder->node_name);
	struct k8s_write write = {
	    .resource = K8S_EVENTS, .namespace = k8s_event_namespace(record), .body = body};

	if (!body) /* a text that is no UTF-8 */
		return;
	k8s_event_append_name(record, recorder->node_name, &name);
	write.name = name.string;
	k8s_api_writer_put(recorder->writer, &write);
	text_free(&name);
	free(body);
}

static void on_time(void *arg)
{
	struct k8s_event_recorder *recorder = arg;
	const uint64_t now = loop_now(recorder->loop);
	const struct k8s_event_record *record;
	uint64_t wait;

	loop_name_work(recorder->loop, "events for the API server");
	while ((record = k8s_event_book_take(&recorder->book, now)))
		write_event(recorder, record);
	wait = k8s_event_book_wait(&recorder->book, now);
	if (wait != UINT64_MAX)
		loop_timer_start(&recorder->timer, wait ? wait : 1);
}

struct k8s_event_recorder *k8s_event_recorder_new(struct loop *loop, struct k8s_api_writer *writer,
    const char *node_name, uint64_t seed, uint32_t spread_ms)
{
	struct k8s_event_recorder *recorder = memory_allocate_zero(1, sizeof(*recorder));

	recorder->loop = loop;
	recorder->writer = writer;
	recorder->node_name = memory_copy_string(node_name);
	recorder->book.hash_seed = seed;
	recorder->book.random = hash_u64(seed);
	recorder->book.spread_ms = spread_ms;
	loop_timer_init(loop, &recorder->timer, on_time, recorder);
	return recorder;
}

void k8s_event_recorder_free(struct k8s_event_recorder *recorder)
{
	if (!recorder)
		return;
	loop_timer_free(&recorder->timer);
	k8s_event_book_release(&recorder->book);
	free(recorder->node_name);
	free(recorder);
}

void k8s_event_recorder_note(struct k8s_event_recorder *recorder, const struct k8s_event *event)
{
	const uint64_t now = loop_now(recorder->loop);

	k8s_event_book_note(&recorder->book, event, now, (uint64_t)time(NULL));
	loop_timer_start(&recorder->timer, k8s_event_book_wait(&recorder->book, now));
}

void k8s_event_recorder_hurry(struct k8s_event_recorder *recorder)
{
	recorder->book.hurries = true;
}

uint64_t k8s_event_recorder_told(const struct k8s_event_recorder *recorder)
{
	return recorder->book.told;
}

uint64_t k8s_event_recorder_dropped(const struct k8s_event_recorder *recorder)
{
	return recorder->book.dropped;
}
