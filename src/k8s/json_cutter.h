/*
 * Cuts a stream of JSON into the values that are to be decoded one by one, as its bytes arrive: the
 * members of the list `items` at the root, or whole documents one after the other, as a watch has
 * them.  What nobody decodes is left out on the way, so what is kept at a time is one value of the
 * size of its useful part.  Pure, and total: any bytes give values or an error.
 *
 * It checks how values are nested and separated; what they are is up to the one who decodes them.
 */
#ifndef K8S_JSON_CUTTER_H
#define K8S_JSON_CUTTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define JSON_CUTTER_DEPTH_MAX 64
#define JSON_CUTTER_PATH_MAX 160

enum json_cut {
	JSON_ITEM, /* a member of `items` */
	JSON_DOCUMENT, /* a whole document; without what was in `items`, if that is cut */
	JSON_TOO_LARGE /* an item or a document of which only the beginning is there */
};

/* Returns false if it has had enough: the cutter stops. */
typedef bool json_cutter_value(void *arg, enum json_cut what, const char *text, size_t length);

struct json_cutter_settings {
	bool cut_items;
	/* Members that are left out, as "status.images" or "endpoints[].zone"; NULL at the end. */
	const char *const *unused;
	const char *inside; /* what the paths of `unused` begin behind, as "object."; or NULL */
	size_t limit; /* bytes of an item or a document */
	json_cutter_value *value;
	void *arg;
};

struct json_cutter;

/* The settings are copied, what they point to is not. */
struct json_cutter *json_cutter_new(const struct json_cutter_settings *settings);
void json_cutter_free(struct json_cutter *cutter);
/* False if this is no JSON, with the problem, or the receiver had enough, with NULL. */
bool json_cutter_read(
    struct json_cutter *cutter, const char *bytes, size_t length, const char **problem);
/* True if the bytes so far end with a document, or there were none. */
bool json_cutter_is_between(const struct json_cutter *cutter);

#endif
