/*
 * A failure as a value: one line of text that says what, where, and what to do.  The function
 * that fails writes it, each caller on the way up may put its own context in front, and the one
 * place that takes the decision logs or shows it.  A failing function returns false (or NULL, or
 * -1) exactly when it wrote the error.  Used by every room.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

#define ERROR_TEXT_MAX 512

struct error {
	char text[ERROR_TEXT_MAX];
};

/* Writes the text (cut at ERROR_TEXT_MAX) and returns false; `error` may be NULL. */
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of the text that is there and returns false. */
bool error_prepend(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
