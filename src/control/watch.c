/*
 * kbgpctl watch: the speaker's events as a stream that never ends.  Events are queued as lines
 * until the client has taken those before; if it is too slow, events are dropped and counted, and
 * the count is told in their place, so a watcher can cost neither memory nor time.
 */
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "control/commands.h"
#include "control/json_value.h"

/* Bytes of lines that wait for the client. */
#define QUEUE_MAX (1024 * 1024)

struct event_watch {
	struct speaker *speaker;
	struct speaker_observer observer;
	struct text queue;
	uint64_t lost; /* events dropped since the last line */
	loop_callback *wake;
	void *wake_arg;
};

/* Wall clock, "2026-11-20T21:29:16.123Z". */
static json_t *now_value(void)
{
	struct timespec now;
	struct tm parts;
	char seconds[32];
	struct text text = {0};
	json_t *value;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
	text_append(&text, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
	value = json_value_text(text.string);
	text_free(&text);
	return value;
}

static json_t *event_value(const char *name)
{
	json_t *value = json_object();

	json_set(value, "time", now_value());
	json_set_text(value, "event", name);
	return value;
}

static void queue_event(void *arg, const struct speaker_event *event)
{
	struct event_watch *watch = arg;
	json_t *value;

	if (watch->queue.length > QUEUE_MAX) {
		watch->lost++;
		return;
	}
	value = event_value(speaker_event_name(event->kind));
	json_set_text(value, "subject", event->subject);
	json_set(value, "prefix", event->prefix ? json_value_prefix(event->prefix) : json_null());
	json_set_text(value, "text", event->text);
	json_append_line(&watch->queue, value);
	watch->wake(watch->wake_arg);
}

static enum answer_step next_events(void *state, struct text *lines)
{
	struct event_watch *watch = state;
	json_t *value;

	if (watch->queue.length)
		text_append_bytes(lines, watch->queue.string, watch->queue.length);
	text_clear(&watch->queue);
	if (watch->lost) {
		value = event_value("eventsLost");
		json_set_number(value, "count", watch->lost);
		json_append_line(lines, value);
		watch->lost = 0;
	}
	return ANSWER_WAIT;
}

static void free_watch(void *state)
{
	struct event_watch *watch = state;

	speaker_remove_observer(watch->speaker, &watch->observer);
	text_free(&watch->queue);
	free(watch);
}

static const struct answer_stream event_stream = {next_events, free_watch};

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
