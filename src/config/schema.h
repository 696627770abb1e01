/*
 * Reading a YAML tree into C structs by tables of keys.  One table per mapping, one row per key:
 * its name, type, where the value goes, bounds, default, whether it must be there, or why it is
 * not supported yet.  What is wrong is collected with its place and its path
 * ("peers[0].port"), and reading goes on.  Called by the sections (config_*.c); the types of
 * scalars are in values.h.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "config/document.h"

struct schema;
struct schema_key;

/*
 * Reads a scalar's text into `to`, which is zero before.  False with an error that goes on after
 * the path: "must be ...".
 */
typedef bool schema_scalar(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error);
/* Reads any node into `to`; reports by schema_fail(). */
typedef void schema_node(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to);

/* A type of scalar. */
struct schema_type {
	schema_scalar *read;
	bool plain; /* never quoted: numbers, true and false */
	uint64_t limit; /* largest number, where the row gives no maximum */
};

/*
 * One row.  Exactly one of `type`, `keys`, `node` is set, or none for a key that is only refused.
 * A table ends with a row without a name.
 */
struct schema_key {
	const char *name;
	const struct schema_type *type; /* a scalar; with `count`: a list of them */
	const struct schema_key *keys; /* a mapping; `offset` is where its struct begins */
	schema_node *node; /* anything; with `count`: of each item of a list */
	size_t offset; /* of the member; of a list, of the pointer to its items */
	size_t count; /* lists: offset of the number of items; 0: no list, so never first */
	size_t item_size; /* lists */
	size_t most; /* lists: items; 0: any number */
	bool one_is_list; /* lists: an item alone counts as a list of one */
	size_t present; /* offset of a bool to set if the key is there; 0: none */
	uint64_t minimum;
	uint64_t maximum; /* 0: the type's limit */
	const char *const *words; /* of an enumeration, NULL at the end */
	const char *fallback; /* default of a scalar, as one would write it; NULL: zero */
	bool required;
	const char *unsupported; /* why it is refused: "not supported yet: ..." */
	const char *harmless; /* the one value of an unsupported scalar that is no request */
};

struct schema {
	yaml_document_t *document;
	struct config_yaml_errors *errors;
	void *context; /* of the sections' functions */
	struct text path; /* of the node being read */
	yaml_mark_t
	    mark; /* of the innermost mapping being read: what is missing is reported there */
	yaml_mark_t key_mark; /* of the key whose value is being read */
	size_t steps_left; /* bounds the work on trees that share branches by aliases */
	bool exhausted;
};

void schema_init(struct schema *schema, yaml_document_t *document,
    struct config_yaml_errors *errors, void *context);
void schema_release(struct schema *schema);

/*
 * Reads a mapping by a table, in the table's order, into the struct at `base`.  A NULL node reads
 * like one without keys: defaults are filled in, required keys are missed.
 */
void schema_read_mapping(
    struct schema *schema, yaml_node_t *node, const struct schema_key *keys, void *base);

/* Adds an error at the node, with the path of what is being read in front. */
void schema_fail(struct schema *schema, const yaml_node_t *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, at a mark. */
void schema_fail_at(struct schema *schema, yaml_mark_t mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * The same for the key `name` of the mapping that is being read: at the key, or at its value; at
 * the mapping if it has no such key.
 */
void schema_fail_key(struct schema *schema, const yaml_node_t *mapping, const char *name,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
void schema_fail_value(struct schema *schema, const yaml_node_t *mapping, const char *name,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* True if the mapping has the key. */
bool schema_has(struct schema *schema, const yaml_node_t *mapping, const char *name);

/* True if the node is a list or nothing; else an error. */
bool schema_expect_list(struct schema *schema, const yaml_node_t *node);
bool schema_expect_mapping(struct schema *schema, const yaml_node_t *node);
/* The text of a scalar, or NULL and an error. */
const char *schema_expect_text(struct schema *schema, const yaml_node_t *node);

/*
 * Goes down to "name" or "[index]" and comes back: the returned length is what schema_leave()
 * takes.
 */
size_t schema_enter_key(struct schema *schema, const char *name);
size_t schema_enter_item(struct schema *schema, size_t index);
void schema_leave(struct schema *schema, size_t length);
/* Errors so far: whether something read without any is worth checking further. */
size_t schema_error_count(const struct schema *schema);
/* Counts one step of work; false (and one error) when the tree is too large for what it is. */
bool schema_step(struct schema *schema, const yaml_node_t *node);

/* The word of the list that is nearest to the text, or NULL if none is near. */
const char *schema_nearest(const char *text, const char *const *words, size_t count);

#endif
