/*
 * The values of the daemon as JSON: small functions that never fail, so the commands need no error
 * path.  A text that is not UTF-8 is made visible first; a key whose value is NULL becomes null.
 * Called by the commands.
 */
#ifndef CONTROL_JSON_VALUE_H
#define CONTROL_JSON_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/text.h"

/* NULL gives null. */
json_t *json_value_text(const char *string);
/* From 2^63 on, which only attributes from afar have, it is rounded. */
json_t *json_value_number(uint64_t number);

/* Whole where it is. */
json_t *json_value_seconds(uint64_t milliseconds);
/* The unspecified address gives null where it means that there is none. */
json_t *json_value_address(const struct ip_address *address);
json_t *json_value_prefix(const struct ip_prefix *prefix);
/* Dotted quad of four octets in network order (a router ID). */
json_t *json_value_quad(const uint8_t bytes[static 4]);
json_t *json_value_quad_number(uint32_t host_order);
/* "2026-11-20T21:29:16Z" of seconds since 1970, or null for 0. */
json_t *json_value_time(uint64_t seconds);
/* The array of what stands between ", " in the string. */
json_t *json_value_list(const char *string);

void json_set_text(json_t *object, const char *key, const char *string);
void json_set_number(json_t *object, const char *key, uint64_t number);
void json_set_bool(json_t *object, const char *key, bool value);
/* Takes over the value. */
void json_set(json_t *object, const char *key, json_t *value);
/* Appends the value, which has no newline in it, and gives its reference back. */
void json_append(struct text *text, json_t *value);
/* The same with a newline behind it. */
void json_append_line(struct text *text, json_t *value);

#endif
