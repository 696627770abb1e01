/*
 * A YAML file as a tree of nodes that know where they stand, and the list of everything that is
 * wrong with it.  Wraps libyaml's document: what is read from it is that library's yaml_node_t.
 * Called by the schema (generic reading by tables of keys) and by config.c.
 */
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "base/text.h"

/* More errors than this are counted, not kept. */
#define CONFIG_YAML_ERRORS_MAX 1000

struct config_yaml_error {
	size_t line; /* from 1 */
	size_t column;
	size_t order; /* of being found: the second key of the sort */
	char *text;
};

/* Zeroed is empty. */
struct config_yaml_errors {
	struct config_yaml_error *items;
	size_t count;
	size_t capacity;
	size_t dropped;
};

/* Adds an error at the mark. */
void config_yaml_fail(struct config_yaml_errors *errors, yaml_mark_t mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends "FILE:LINE:COLUMN: message" lines in the order of the file. */
void config_yaml_print_errors(
    struct config_yaml_errors *errors, const char *file, struct text *text);
void config_yaml_free_errors(struct config_yaml_errors *errors);

/*
 * Reads the one document of the text.  False if it is no YAML, or if any mapping has a key twice
 * or one that is no word; then there is nothing to delete.  An empty text has no root node.
 */
bool config_yaml_load(yaml_document_t *document, const char *string, size_t length,
    struct config_yaml_errors *errors);

/* The text of a scalar; NULL for other nodes and for text with a NUL byte in it. */
const char *config_yaml_text(const yaml_node_t *node);
/* True for a scalar that says nothing: empty, ~ or null, unquoted. */
bool config_yaml_is_null(const yaml_node_t *node);
/* "a mapping", "a list", "nothing", or "text". */
const char *config_yaml_kind(const yaml_node_t *node);
/* The key and the value of the mapping at that key, or NULL; `key_node` may be NULL. */
yaml_node_t *config_yaml_find(yaml_document_t *document, const yaml_node_t *mapping,
    const char *key, const yaml_node_t **key_node);
/* Number of items of a list; 0 for any other node or NULL. */
size_t config_yaml_count(const yaml_node_t *list);
yaml_node_t *config_yaml_item(yaml_document_t *document, const yaml_node_t *list, size_t index);

#endif
