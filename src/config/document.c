/*
 * libyaml's document, with what it leaves to its users.  A document is a flat array of nodes that
 * refer to each other by number; an alias is a second reference to the same node, so the "tree"
 * can share branches or even contain itself.  Nothing here follows references to any depth:
 * duplicate keys are looked for by a walk over the array, not over the tree.  Whoever does follow
 * them (the schema) counts its steps.
 *
 * libyaml's time grows with the square of the nesting and of the number of anchors.  A first pass
 * over the events, which builds nothing, refuses what has too much of either.
 *
 * Two keys of one mapping are the same if their texts are.  YAML forbids it, libyaml lets it
 * pass, and the last or the first one would silently win.  To find them the keys of a mapping are
 * sorted, so a mapping of many keys costs no more than the sort.
 *
 * Errors are kept with their place and printed in the order of the file: the tables of keys are
 * read in their own order, which means nothing to the reader.
 */
#include "config/document.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define DEPTH_MAX 64
#define ANCHORS_MAX 1000

void config_yaml_fail(struct config_yaml_errors *errors, yaml_mark_t mark, const char *format, ...)
{
	struct text text = {NULL, 0, 0};
	va_list arguments;

	if (errors->count >= CONFIG_YAML_ERRORS_MAX) {
		errors->dropped++;
		return;
	}
	va_start(arguments, format);
	text_append_list(&text, format, arguments);
	va_end(arguments);
	errors->items = memory_grow(
	    errors->items, &errors->capacity, errors->count + 1, sizeof(*errors->items));
	errors->items[errors->count] = (struct config_yaml_error){
	    .line = mark.line + 1,
	    .column = mark.column + 1,
	    .order = errors->count,
	    .text = text.string,
	};
	errors->count++;
}

static int compare_errors(const void *left, const void *right)
{
	const struct config_yaml_error *a = left;
	const struct config_yaml_error *b = right;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void config_yaml_print_errors(
    struct config_yaml_errors *errors, const char *file, struct text *text)
{
	if (errors->count)
		qsort(errors->items, errors->count, sizeof(*errors->items), compare_errors);
	for (size_t i = 0; i < errors->count; i++) {
		const struct config_yaml_error *error = &errors->items[i];

		text_append(text, "%s:%zu:%zu: ", file, error->line, error->column);
		text_append_visible(text, error->text);
		text_append(text, "\n");
	}
	if (errors->dropped)
		text_append(text, "%s: %zu more errors are not shown\n", file, errors->dropped);
}

void config_yaml_free_errors(struct config_yaml_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		free(errors->items[i].text);
	free(errors->items);
	*errors = (struct config_yaml_errors){NULL, 0, 0, 0};
}

static void fail_in_parser(const yaml_parser_t *parser, struct config_yaml_errors *errors)
{
	const char *problem = parser->problem ? parser->problem : "cannot be read";
	yaml_mark_t mark = parser->problem_mark;

	if (parser->error == YAML_READER_ERROR)
		mark = parser->mark;
	if (parser->context)
		config_yaml_fail(errors, mark, "no valid YAML: %s %s", parser->context, problem);
	else
		config_yaml_fail(errors, mark, "no valid YAML: %s", problem);
}

/* Counts the depth and the anchors up to the event; false if there is too much of one. */
static bool check_event(
    const yaml_event_t *event, size_t *depth, size_t *anchors, struct config_yaml_errors *errors)
{
	const yaml_char_t *anchor = NULL;

	switch (event->type) {
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		++*depth;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		++*depth;
		break;
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		break;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		--*depth;
		break;
	default:
		break;
	}
	*anchors += anchor != NULL;
	if (*depth > DEPTH_MAX)
		config_yaml_fail(
		    errors, event->start_mark, "nested more than %d levels deep", DEPTH_MAX);
	else if (*anchors > ANCHORS_MAX)
		config_yaml_fail(errors, event->start_mark, "more than %d anchors", ANCHORS_MAX);
	return *depth <= DEPTH_MAX && *anchors <= ANCHORS_MAX;
}

static bool check_events(yaml_parser_t *parser, struct config_yaml_errors *errors)
{
	size_t depth = 0;
	size_t anchors = 0;
	bool good = true;
	bool end = false;

	while (good && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(parser, &event)) {
			fail_in_parser(parser, errors);
			return false;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		good = check_event(&event, &depth, &anchors, errors);
		yaml_event_delete(&event);
	}
	return good;
}

/* True if the stream ends here; a second document would be read by nobody. */
static bool check_end(yaml_parser_t *parser, struct config_yaml_errors *errors)
{
	yaml_document_t rest;
	const yaml_node_t *root;

	if (!yaml_parser_load(parser, &rest)) {
		fail_in_parser(parser, errors);
		return false;
	}
	root = yaml_document_get_root_node(&rest);
	if (root)
		config_yaml_fail(
		    errors, root->start_mark, "a second document; the file must have only one");
	yaml_document_delete(&rest);
	return !root;
}

static int compare_keys(const void *left, const void *right)
{
	const yaml_node_t *a = *(const yaml_node_t *const *)left;
	const yaml_node_t *b = *(const yaml_node_t *const *)right;
	int order = strcmp(config_yaml_text(a), config_yaml_text(b));

	if (order)
		return order;
	return a->start_mark.index < b->start_mark.index
		   ? -1
		   : a->start_mark.index > b->start_mark.index;
}

static void check_keys(
    yaml_document_t *document, const yaml_node_t *mapping, struct config_yaml_errors *errors)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	const yaml_node_pair_t *top = mapping->data.mapping.pairs.top;
	const yaml_node_t **keys = memory_allocate_zero((size_t)(top - pair) + 1, sizeof(*keys));
	size_t count = 0;

	for (; pair < top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(document, pair->key);

		if (config_yaml_text(key))
			keys[count++] = key;
		else
			config_yaml_fail(errors, key->start_mark, "a key must be a word, not %s",
			    config_yaml_kind(key));
	}
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < count; i++)
		if (!strcmp(config_yaml_text(keys[i - 1]), config_yaml_text(keys[i])))
			config_yaml_fail(errors, keys[i]->start_mark,
			    "key \"%s\" is here twice; the first is in line %zu",
			    config_yaml_text(keys[i]), keys[i - 1]->start_mark.line + 1);
	free(keys);
}

static void start_parser(yaml_parser_t *parser, const char *string, size_t length)
{
	if (!yaml_parser_initialize(parser))
		abort();
	yaml_parser_set_input_string(parser, (const unsigned char *)string, length);
}

static void check_document(yaml_document_t *document, struct config_yaml_errors *errors)
{
	for (const yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++)
		if (node->type == YAML_MAPPING_NODE)
			check_keys(document, node, errors);
}

bool config_yaml_load(
    yaml_document_t *document, const char *string, size_t length, struct config_yaml_errors *errors)
{
	size_t before = errors->count;
	yaml_parser_t parser;
	bool loaded = false;

	start_parser(&parser, string, length);
	if (check_events(&parser, errors)) {
		yaml_parser_delete(&parser);
		start_parser(&parser, string, length);
		loaded = yaml_parser_load(&parser, document);
		if (!loaded)
			fail_in_parser(&parser, errors);
		else if (!yaml_document_get_root_node(document) || check_end(&parser, errors))
			check_document(document, errors);
	}
	yaml_parser_delete(&parser);
	if (errors->count == before)
		return true;
	if (loaded)
		yaml_document_delete(document);
	return false;
}

const char *config_yaml_text(const yaml_node_t *node)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)node->data.scalar.value;
	return strlen(text) == node->data.scalar.length ? text : NULL;
}

bool config_yaml_is_null(const yaml_node_t *node)
{
	const char *text = config_yaml_text(node);

	return text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

const char *config_yaml_kind(const yaml_node_t *node)
{
	if (node->type == YAML_MAPPING_NODE)
		return "a mapping";
	if (node->type == YAML_SEQUENCE_NODE)
		return "a list";
	if (!config_yaml_text(node))
		return "text with a NUL byte";
	return config_yaml_is_null(node) ? "nothing" : "text";
}

/* A key has no NUL byte, so that nothing but the very text is equal. */
static bool is_text(const yaml_node_t *node, const char *text, size_t length)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.length == length &&
	       !memcmp(node->data.scalar.value, text, length);
}

yaml_node_t *config_yaml_find(yaml_document_t *document, const yaml_node_t *mapping,
    const char *key, const yaml_node_t **key_node)
{
	size_t length = strlen(key);

	if (!mapping || mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	     pair < mapping->data.mapping.pairs.top; pair++) {
		const yaml_node_t *node = yaml_document_get_node(document, pair->key);

		if (is_text(node, key, length)) {
			if (key_node)
				*key_node = node;
			return yaml_document_get_node(document, pair->value);
		}
	}
	return NULL;
}

size_t config_yaml_count(const yaml_node_t *list)
{
	if (!list || list->type != YAML_SEQUENCE_NODE)
		return 0;
	return (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
}

yaml_node_t *config_yaml_item(yaml_document_t *document, const yaml_node_t *list, size_t index)
{
	return yaml_document_get_node(document, list->data.sequence.items.start[index]);
}
