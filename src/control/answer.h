/*
 * What a command answers: an error, one JSON value, or a stream of them that is made piece by piece
 * as the client takes it.  The commands fill it in, control.c puts it on the socket; so commands
 * know no socket, and control.c knows no command.
 *
 * On the socket an answer is lines of JSON.  The first is one of
 *
 *	{"ok":false,"error":TEXT,"usage":BOOL}      nothing follows
 *	{"ok":true,"view":NAME,"result":VALUE}      nothing follows
 *	{"ok":true,"view":NAME,"stream":true}       an item per line follows, then {"end":true}
 *
 * A VALUE that is a long array is made piece by piece too; on the socket it looks like any other.
 *
 * NAME says to kbgpctl how the value is shown as a table.
 */
#ifndef CONTROL_ANSWER_H
#define CONTROL_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/loop.h"
#include "base/text.h"

enum answer_step {
	ANSWER_MORE, /* call again when there is time and room */
	ANSWER_WAIT, /* call again after a wake */
	ANSWER_END
};

struct answer_stream {
	/*
	 * A small step of the work, well under a millisecond: appends no item or some, each on its
	 * line.
	 */
	enum answer_step (*next)(void *state, struct text *lines);
	void (*free)(void *state);
	/* The items are the value, an array: each but the first has a comma before it. */
	bool is_array;
};

/* Zeroed but for the wake, before the command runs. */
struct answer {
	struct text error; /* empty: the command went well */
	bool usage; /* the error is one of usage */
	const char *view;
	json_t *value;
	const struct answer_stream *stream; /* NULL: the value is all */
	void *state;
	loop_callback *wake; /* for a stream that waits: there is something now */
	void *wake_arg;
};

/* Takes over the value. */
void answer_with_value(struct answer *answer, const char *view, json_t *value);
/* Something was done; the text says what. */
void answer_with_message(struct answer *answer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Takes over the state. */
void answer_with_stream(
    struct answer *answer, const char *view, const struct answer_stream *stream, void *state);
void answer_with_error(struct answer *answer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void answer_with_usage_error(struct answer *answer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends the first line, of an array its beginning. */
void answer_print_head(const struct answer *answer, struct text *text);
/* Appends what follows the last item of a stream. */
void answer_print_end(const struct answer *answer, struct text *text);
/* Frees value, error and stream. */
void answer_release(struct answer *answer);

#endif
