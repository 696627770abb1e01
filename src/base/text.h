/*
 * A growing string, for the texts that have no fixed bound: log lines, control answers, metrics.
 * Always NUL-terminated once something was appended.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
/*
 * Bytes of the UTF-8 sequence that begins at `bytes` of `left`, at least one, and its code point; 0
 * if it is none (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF).
 */
size_t text_decode_utf8(const char *bytes, size_t left, uint32_t *code);
/* C0, DEL and C1: a terminal may act on them. */
static inline bool text_is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}
/* Empties it and keeps the memory. */
void text_clear(struct text *text);
void text_free(struct text *text);

#endif
