/*
 * A YAML text as JSON values, one per document, so that what is decoded from JSON can be written in
 * YAML as well: manifests and kubeconfigs.  Plain YAML only: no aliases, no tags, bounded depth and
 * size.  Pure.
 */
#ifndef K8S_YAML_JSON_H
#define K8S_YAML_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Values in one text. */
#define YAML_JSON_VALUES_MAX 4000000

struct yaml_json;

struct yaml_json_document {
	bool end; /* there is none any more */
	json_t *root; /* NULL: the document is empty; valid until the next one is asked for */
	size_t line; /* of the root, from 1 */
	const size_t *item_lines; /* of the members of the list `items` at the root */
	size_t item_count;
};

/* The text is borrowed. */
struct yaml_json *yaml_json_new(const char *text, size_t length);
/* False and the error, with its line (0: not known), after which no other document is read. */
bool yaml_json_next(struct yaml_json *reader, struct yaml_json_document *document,
    struct error *error, size_t *line);
void yaml_json_free(struct yaml_json *reader);

#endif
