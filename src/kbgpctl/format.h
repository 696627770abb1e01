/*
 * Pieces of text from the daemon's JSON, for tables and pages.  A key that is missing or null
 * shows as "-".  Called by the views.
 */
#ifndef KBGPCTL_FORMAT_H
#define KBGPCTL_FORMAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/text.h"

/* The string at the key, or "-". */
const char *format_string(const json_t *object, const char *key);
/* The number at the key, or 0. */
long long format_number(const json_t *object, const char *key);
bool format_is_null(const json_t *object, const char *key);
/* Appends any value: a number, a string, yes or no, the items of an array with `separator`. */
void format_append(struct text *text, const json_t *value, const char *separator);
/* "64512 64513 {1 2}" of an array with sets as arrays. */
void format_append_as_path(struct text *text, const json_t *path);
/* "10.0.0.1"; of an unnumbered peer "fe80::1%eth0", or "eth0" while its address is not known. */
void format_append_peer_address(struct text *text, const json_t *peer);
/* "59s", "1m02s", "1h02m", "3d04h". */
void format_append_duration(struct text *text, long long seconds);
/* "12.3 MB" and the like. */
void format_append_bytes(struct text *text, long long bytes);
/* The text with a newline behind it; its own newlines stay, other control characters do not. */
void format_print_text(FILE *file, const char *text);
/* A line "Label:          text"; an empty label continues the line before.  Made visible. */
void format_print_line(FILE *file, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
