/*
 * A growing string, for the texts that have no fixed bound: log lines, control answers, metrics.
 * Always NUL-terminated once something was appended.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdarg.h>

/* Zeroed is empty. */
struct text {
	char *string; /* NULL while empty */
	size_t length;
	size_t capacity;
};

void text_append(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_append_list(struct text *text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
void text_append_bytes(struct text *text, const char *bytes, size_t length);
/* Appends the string with control characters and bytes that are no UTF-8 written as \x1b. */
void text_append_visible(struct text *text, const char *string);
/* The same of what the format makes. */
void text_append_visible_list(struct text *text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
/* Appends the string as a quoted JSON string; each byte that is no UTF-8 becomes U+FFFD. */
void text_append_json_string(struct text *text, const char *string);
/* Empties it and keeps the memory. */
void text_clear(struct text *text);
void text_free(struct text *text);

#endif
