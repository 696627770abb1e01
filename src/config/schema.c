/*
 * The reader of the tables.  A row is all there is to know of a key; this file is the only one
 * that knows how a row is read, so that every key has the same errors: unknown, missing, of the
 * wrong kind, out of bounds, not supported yet.  A section adds code only where a rule concerns
 * more than one key.
 *
 * Rows are read in the order of the table, whatever the order of the file, so a row may rely on
 * the ones above it.  A default is text and is read as if it stood in the file: it cannot be of
 * another type or out of bounds, and the manual can quote it.
 *
 * A key that is there but says nothing (`peers:` and then only comments) is an empty list or
 * mapping.  For a scalar it is an error: `passwordFile:` that a template left empty must not mean
 * "no password".
 *
 * With aliases a small file can describe a huge tree: a list of a thousand aliases of a list of a
 * thousand aliases.  Each node that is read costs a step, and a file is given a small multiple of
 * the nodes that it really has.  The depth is bounded by the tables.
 */
#include "config/schema.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define STEPS_PER_NODE 16
#define STEPS_EXTRA 1000
#define KEYS_MAX 64 /* rows of the longest table */
#define NEAREST_MAX 32 /* longest text for which a nearest word is looked for */

void schema_init(struct schema *schema, yaml_document_t *document,
    struct config_yaml_errors *errors, void *context)
{
	size_t nodes = (size_t)(document->nodes.top - document->nodes.start);

	*schema = (struct schema){
	    .document = document,
	    .errors = errors,
	    .context = context,
	    .steps_left = nodes * STEPS_PER_NODE + STEPS_EXTRA,
	};
}

void schema_release(struct schema *schema)
{
	text_free(&schema->path);
}

size_t schema_enter_key(struct schema *schema, const char *name)
{
	size_t length = schema->path.length;

	text_append(&schema->path, length ? ".%s" : "%s", name);
	return length;
}

size_t schema_enter_item(struct schema *schema, size_t index)
{
	size_t length = schema->path.length;

	text_append(&schema->path, "[%zu]", index);
	return length;
}

void schema_leave(struct schema *schema, size_t length)
{
	schema->path.length = length;
	schema->path.string[length] = '\0';
}

static void fail_at(struct schema *schema, yaml_mark_t mark, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static void fail_at(struct schema *schema, yaml_mark_t mark, const char *format, va_list arguments)
{
	struct text text = {NULL, 0, 0};

	if (schema->path.length)
		text_append(&text, "%s: ", schema->path.string);
	text_append_list(&text, format, arguments);
	config_yaml_fail(schema->errors, mark, "%s", text.string);
	text_free(&text);
}

void schema_fail_at(struct schema *schema, yaml_mark_t mark, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fail_at(schema, mark, format, arguments);
	va_end(arguments);
}

void schema_fail(struct schema *schema, const yaml_node_t *node, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fail_at(schema, node->start_mark, format, arguments);
	va_end(arguments);
}

void schema_fail_key(
    struct schema *schema, const yaml_node_t *mapping, const char *name, const char *format, ...)
{
	const yaml_node_t *key = NULL;
	yaml_mark_t mark = mapping ? mapping->start_mark : schema->mark;
	size_t length = schema_enter_key(schema, name);
	va_list arguments;

	if (config_yaml_find(schema->document, mapping, name, &key))
		mark = key->start_mark;
	va_start(arguments, format);
	fail_at(schema, mark, format, arguments);
	va_end(arguments);
	schema_leave(schema, length);
}

void schema_fail_value(
    struct schema *schema, const yaml_node_t *mapping, const char *name, const char *format, ...)
{
	const yaml_node_t *value = config_yaml_find(schema->document, mapping, name, NULL);
	yaml_mark_t mark = mapping ? mapping->start_mark : schema->mark;
	size_t length = schema_enter_key(schema, name);
	va_list arguments;

	if (value)
		mark = value->start_mark;
	va_start(arguments, format);
	fail_at(schema, mark, format, arguments);
	va_end(arguments);
	schema_leave(schema, length);
}

size_t schema_error_count(const struct schema *schema)
{
	return schema->errors->count + schema->errors->dropped;
}

bool schema_has(struct schema *schema, const yaml_node_t *mapping, const char *name)
{
	return config_yaml_find(schema->document, mapping, name, NULL);
}

bool schema_expect_list(struct schema *schema, const yaml_node_t *node)
{
	if (node->type == YAML_SEQUENCE_NODE || config_yaml_is_null(node))
		return true;
	schema_fail(schema, node, "must be a list, not %s", config_yaml_kind(node));
	return false;
}

bool schema_expect_mapping(struct schema *schema, const yaml_node_t *node)
{
	if (node->type == YAML_MAPPING_NODE || config_yaml_is_null(node))
		return true;
	schema_fail(schema, node, "must be a mapping, not %s", config_yaml_kind(node));
	return false;
}

const char *schema_expect_text(struct schema *schema, const yaml_node_t *node)
{
	const char *text = config_yaml_text(node);

	if (text && !config_yaml_is_null(node))
		return text;
	schema_fail(schema, node, "must have a value, not %s", config_yaml_kind(node));
	return NULL;
}

bool schema_step(struct schema *schema, const yaml_node_t *node)
{
	if (schema->steps_left) {
		schema->steps_left--;
		return true;
	}
	if (!schema->exhausted)
		schema_fail(schema, node, "too many repetitions by aliases");
	schema->exhausted = true;
	return false;
}

/* Levenshtein's distance without regard to case, of texts of at most NEAREST_MAX bytes. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NEAREST_MAX + 1];
	unsigned width = (unsigned)strlen(b);

	for (unsigned j = 0; j <= width; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= width; j++) {
			bool same =
			    tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
			unsigned best = diagonal + !same;

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[width];
}

const char *schema_nearest(const char *text, const char *const *words, size_t count)
{
	size_t length = strlen(text);
	unsigned best = (unsigned)(length / 3 + 1);
	const char *nearest = NULL;

	if (length > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		unsigned found;

		if (strlen(words[i]) > NEAREST_MAX)
			continue;
		found = distance(text, words[i]);
		if (found < best || (found == best && !nearest)) {
			best = found;
			nearest = words[i];
		}
	}
	return nearest;
}

static void check_unknown(
    struct schema *schema, const yaml_node_t *node, const struct schema_key *keys)
{
	const char *names[KEYS_MAX];
	size_t count = 0;

	for (; count < KEYS_MAX && keys[count].name; count++)
		names[count] = keys[count].name;
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(schema->document, pair->key);
		const char *text = config_yaml_text(key);
		const char *nearest;
		size_t i = 0;

		while (i < count && strcmp(names[i], text))
			i++;
		if (i < count)
			continue;
		nearest = schema_nearest(text, names, count);
		if (nearest)
			schema_fail_key(
			    schema, node, text, "unknown key; did you mean \"%s\"?", nearest);
		else
			schema_fail_key(schema, node, text, "unknown key");
	}
}

static bool read_scalar(
    struct schema *schema, const struct schema_key *key, const yaml_node_t *node, void *to)
{
	const char *text = schema_expect_text(schema, node);
	struct error error;

	if (!text)
		return false;
	if (key->type->plain && node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
		schema_fail(schema, node, "must not be in quotes");
		return false;
	}
	if (key->type->read(schema, key, text, to, &error))
		return true;
	schema_fail(schema, node, "%s", error.text);
	return false;
}

static void read_item(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	if (!schema_step(schema, node))
		return;
	if (key->type)
		read_scalar(schema, key, node, to);
	else
		key->node(schema, key, node, to);
}

/* True if the node is an item that stands there without a list. */
static bool is_one_item(const struct schema_key *key, const yaml_node_t *node)
{
	if (node->type == YAML_MAPPING_NODE)
		return key->node != NULL;
	return node->type == YAML_SCALAR_NODE && !config_yaml_is_null(node);
}

static void read_list(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, char *base)
{
	bool one = key->one_is_list && is_one_item(key, node);
	size_t count = one ? 1 : config_yaml_count(node);
	char *items;

	if (!one && !schema_expect_list(schema, node))
		return;
	if (key->most && count > key->most) {
		schema_fail(schema, node, "must have at most %zu items, not %zu", key->most, count);
		return;
	}
	if (count > schema->steps_left) {
		schema->steps_left = 0;
		schema_step(schema, node);
	}
	if (!count || schema->exhausted)
		return;
	items = memory_allocate_zero(count, key->item_size);
	memcpy(base + key->offset, &items, sizeof(items));
	memcpy(base + key->count, &count, sizeof(count));
	if (one) {
		read_item(schema, key, node, items);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		size_t length = schema_enter_item(schema, i);

		read_item(schema, key, config_yaml_item(schema->document, node, i),
		    items + i * key->item_size);
		schema_leave(schema, length);
	}
}

/* True if the row is one of those not supported yet and the node asks for it. */
static bool asks_unsupported(const struct schema_key *key, const yaml_node_t *node)
{
	const char *text = config_yaml_text(node);

	return key->unsupported && !(key->harmless && text && !strcmp(text, key->harmless));
}

static void read_value(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, char *base)
{
	if (key->present) {
		bool yes = true;

		memcpy(base + key->present, &yes, sizeof(yes));
	}
	if (key->count)
		read_list(schema, key, node, base);
	else if (key->type)
		read_scalar(schema, key, node, base + key->offset);
	else if (key->keys)
		schema_read_mapping(schema, node, key->keys, base + key->offset);
	else if (key->node)
		key->node(schema, key, node, base + key->offset);
}

static void read_absent(
    struct schema *schema, const struct schema_key *key, const yaml_node_t *mapping, char *base)
{
	struct error error;

	if (key->required)
		schema_fail_key(schema, mapping, key->name, "is required, but missing");
	else if (key->keys && !key->unsupported) {
		size_t length = schema_enter_key(schema, key->name);

		schema_read_mapping(schema, NULL, key->keys, base + key->offset);
		schema_leave(schema, length);
	} else if (key->fallback &&
		   !key->type->read(schema, key, key->fallback, base + key->offset, &error))
		abort();
}

static void read_row(
    struct schema *schema, const struct schema_key *key, const yaml_node_t *mapping, char *base)
{
	const yaml_node_t *name = NULL;
	yaml_node_t *node = config_yaml_find(schema->document, mapping, key->name, &name);
	size_t length;

	if (!node) {
		read_absent(schema, key, mapping, base);
		return;
	}
	if (asks_unsupported(key, node)) {
		schema_fail_key(schema, mapping, key->name, "%s", key->unsupported);
		return;
	}
	if (!schema_step(schema, node))
		return;
	schema->key_mark = name->start_mark;
	length = schema_enter_key(schema, key->name);
	read_value(schema, key, node, base);
	schema_leave(schema, length);
}

void schema_read_mapping(
    struct schema *schema, yaml_node_t *node, const struct schema_key *keys, void *base)
{
	yaml_mark_t mark = schema->mark;

	if (node && !schema_expect_mapping(schema, node))
		return;
	if (node)
		schema->mark = node->start_mark;
	for (const struct schema_key *key = keys; key->name; key++)
		read_row(schema, key, node, base);
	if (node && node->type == YAML_MAPPING_NODE)
		check_unknown(schema, node, keys);
	schema->mark = mark;
}
