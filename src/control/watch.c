/*
 * kbgpctl watch: the speaker's events as a stream that never ends.  Events are queued as they are,
 * for there may be thousands in a turn, and become lines of JSON some at a time, when the client
 * has taken those before.  If it is too slow, events are dropped and counted, and the count is told
 * in their place, so a watcher can cost neither memory nor time.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "control/commands.h"
#include "control/json_value.h"

/* Bytes of events that wait for the client. */
#define QUEUE_MAX (1024 * 1024)
#define EVENTS_PER_STEP 32

/* In the queue, with the subject and the text behind it; a length of 0 says that there is none. */
struct queued_event {
	struct timespec at;
	enum speaker_event_kind kind;
	bool has_prefix;
	struct ip_prefix prefix;
	size_t subject_size; /* with the 0 at the end */
	size_t text_size;
};

struct event_watch {
	struct speaker *speaker;
	struct speaker_observer observer;
	struct text queue;
	size_t taken; /* bytes of it */
	uint64_t lost; /* events dropped since the last line */
	loop_callback *wake;
	void *wake_arg;
};

/* Wall clock, "2026-11-20T21:29:16.123Z". */
static json_t *time_value(const struct timespec *at)
{
	struct tm parts;
	char seconds[32];
	struct text text = {0};
	json_t *value;

	gmtime_r(&at->tv_sec, &parts);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
	text_append(&text, "%s.%03ldZ", seconds, at->tv_nsec / 1000000);
	value = json_value_text(text.string);
	text_free(&text);
	return value;
}

static json_t *event_value(const char *name, const struct timespec *at)
{
	json_t *value = json_object();

	json_set(value, "time", time_value(at));
	json_set_text(value, "event", name);
	return value;
}

static size_t size_of(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static void queue_event(void *arg, const struct speaker_event *event)
{
	struct event_watch *watch = arg;
	struct queued_event queued;

	if (watch->queue.length > QUEUE_MAX) {
		watch->lost++;
		return;
	}
	queued = (struct queued_event){.kind = event->kind,
	    .has_prefix = event->prefix != NULL,
	    .subject_size = size_of(event->subject),
	    .text_size = size_of(event->text)};
	clock_gettime(CLOCK_REALTIME, &queued.at);
	if (event->prefix)
		queued.prefix = *event->prefix;
	text_append_bytes(&watch->queue, (const char *)&queued, sizeof(queued));
	text_append_bytes(&watch->queue, event->subject, queued.subject_size);
	text_append_bytes(&watch->queue, event->text, queued.text_size);
	watch->wake(watch->wake_arg);
}

static void take_event(struct event_watch *watch, struct text *lines)
{
	const char *at = watch->queue.string + watch->taken;
	struct queued_event event;
	json_t *value;

	memcpy(&event, at, sizeof(event));
	at += sizeof(event);
	value = event_value(speaker_event_name(event.kind), &event.at);
	json_set_text(value, "subject", event.subject_size ? at : NULL);
	json_set(
	    value, "prefix", event.has_prefix ? json_value_prefix(&event.prefix) : json_null());
	at += event.subject_size;
	json_set_text(value, "text", event.text_size ? at : NULL);
	json_append_line(lines, value);
	watch->taken = (size_t)(at + event.text_size - watch->queue.string);
}

static void tell_lost(struct event_watch *watch, struct text *lines)
{
	struct timespec now;
	json_t *value;

	if (!watch->lost)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	value = event_value("eventsLost", &now);
	json_set_number(value, "count", watch->lost);
	json_append_line(lines, value);
	watch->lost = 0;
}

static enum answer_step next_events(void *state, struct text *lines)
{
	struct event_watch *watch = state;

	for (int i = 0; i < EVENTS_PER_STEP && watch->taken < watch->queue.length; i++)
		take_event(watch, lines);
	if (watch->taken < watch->queue.length)
		return ANSWER_MORE;
	text_clear(&watch->queue);
	watch->taken = 0;
	tell_lost(watch, lines);
	return ANSWER_WAIT;
}

static void free_watch(void *state)
{
	struct event_watch *watch = state;

	speaker_remove_observer(watch->speaker, &watch->observer);
	text_free(&watch->queue);
	free(watch);
}

static const struct answer_stream event_stream = {.next = next_events, .free = free_watch};

void watch_events(struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	struct event_watch *watch = memory_allocate_zero(1, sizeof(*watch));

	watch->speaker = speaker;
	watch->wake = answer->wake;
	watch->wake_arg = answer->wake_arg;
	watch->observer = (struct speaker_observer){.event = queue_event,
	    .arg = watch,
	    .routes = arguments_option(arguments, "--routes") != NULL};
	speaker_add_observer(speaker, &watch->observer);
	answer_with_stream(answer, "watch", &event_stream, watch);
}
