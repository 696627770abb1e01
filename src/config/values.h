/*
 * The types of values in kbgpd.yaml(5), as the tables of the sections name them: each reads the
 * text of a scalar (or a node) and says what it must be.  The text forms that are worth a test of
 * their own are functions.
 */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/schema.h"
#include "k8s/selector.h"

#define VALUE_NAME_MAX 63

extern const struct schema_type value_boolean; /* bool */
extern const struct schema_type value_u8; /* uint8_t within the row's bounds */
extern const struct schema_type value_u16;
extern const struct schema_type value_u32;
extern const struct schema_type value_duration; /* uint32_t, milliseconds; bounds too */
extern const struct schema_type value_word; /* enum: the index in the row's `words` */
extern const struct schema_type value_text; /* char *, owned; perhaps empty */
extern const struct schema_type value_path; /* char *, owned; not empty */
extern const struct schema_type value_name; /* char *, owned; visible characters */
extern const struct schema_type value_interface; /* char *, owned; a name the kernel may give */
extern const struct schema_type value_asn; /* uint32_t */
extern const struct schema_type value_router_id; /* uint8_t[4] */
extern const struct schema_type value_address; /* struct ip_address */
extern const struct schema_type value_prefix; /* struct ip_prefix, with its length */
extern const struct schema_type value_network; /* the same, or an address: a host prefix */

/* A list of words into an array of bools, one per word of the row; not empty, none twice. */
schema_node value_read_flags;
/* A label selector into a struct k8s_selector. */
schema_node value_read_selector;

/* "90s", "300ms", "1m30s", "0"; in milliseconds, less than 2^32. */
bool value_parse_duration(const char *text, uint32_t *milliseconds);
/* Writes the shortest form of the same. */
const char *value_print_duration(uint64_t milliseconds, char text[static 32]);
/* A decimal number without sign or leading zeros. */
bool value_parse_number(const char *text, uint64_t maximum, uint64_t *number);
/* An AS number that a speaker may have: neither 0 (RFC 7607) nor AS_TRANS (RFC 6793). */
bool value_parse_asn(const char *text, uint32_t *asn, struct error *error);
/* ":7473", "127.0.0.1:7473", "[::1]:7473"; the host part is "" or a new string. */
bool value_parse_listen(const char *text, char **host, uint16_t *port);

#endif
