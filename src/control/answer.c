/*
 * The answer as a value.  Nothing here touches a socket, so commands can be run by a test.
 */
#include "control/answer.h"

#include <stdarg.h>

#include "control/json_value.h"

void answer_with_value(struct answer *answer, const char *view, json_t *value)
{
	answer->view = view;
	answer->value = value;
}

void answer_with_message(struct answer *answer, const char *format, ...)
{
	struct text message = {0};
	json_t *value = json_object();
	va_list arguments;

	va_start(arguments, format);
	text_append_list(&message, format, arguments);
	va_end(arguments);
	json_set_text(value, "message", message.string);
	text_free(&message);
	answer_with_value(answer, "message", value);
}

void answer_with_stream(
    struct answer *answer, const char *view, const struct answer_stream *stream, void *state)
{
	answer->view = view;
	answer->stream = stream;
	answer->state = state;
}

void answer_with_error(struct answer *answer, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_append_list(&answer->error, format, arguments);
	va_end(arguments);
}

void answer_with_usage_error(struct answer *answer, const char *format, ...)
{
	va_list arguments;

	answer->usage = true;
	va_start(arguments, format);
	text_append_list(&answer->error, format, arguments);
	va_end(arguments);
}

void answer_print_head(const struct answer *answer, struct text *text)
{
	json_t *head;

	if (answer->stream && answer->stream->is_array) {
		text_append(text, "{\"ok\":true,\"view\":\"%s\",\"result\":[", answer->view);
		return;
	}
	head = json_object();
	json_set_bool(head, "ok", !answer->error.length);
	if (answer->error.length) {
		json_set_text(head, "error", answer->error.string);
		json_set_bool(head, "usage", answer->usage);
	} else {
		json_set_text(head, "view", answer->view);
		if (answer->stream)
			json_set_bool(head, "stream", true);
		else
			json_set(head, "result", json_incref(answer->value));
	}
	json_append_line(text, head);
}

void answer_print_end(const struct answer *answer, struct text *text)
{
	text_append(text, "%s", answer->stream->is_array ? "]}\n" : "{\"end\":true}\n");
}

void answer_release(struct answer *answer)
{
	if (answer->stream)
		answer->stream->free(answer->state);
	json_decref(answer->value);
	text_free(&answer->error);
	*answer = (struct answer){0};
}
