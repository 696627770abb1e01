/*
 * libyaml's events are built into one JSON value per document.  The building is a loop with a stack
 * of its own, so depth is a limit and not the C stack.  Values are counted; aliases are refused,
 * because a few lines of them can stand for more values than there is memory, and kubectl never
 * prints one.  Scalars follow the YAML 1.2 core schema: only a plain, untagged scalar can be null, a
 * boolean or a number.
 */
#include "k8s/yaml_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"

#define DEPTH_MAX 100

/* A mapping or a sequence that is being filled. */
struct frame {
	json_t *container;
	char *key; /* of a mapping: the key whose value comes next */
};

struct yaml_json {
	yaml_parser_t parser;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	size_t values;
	json_t *root;
	size_t root_line;
	size_t *item_lines; /* of the items of a List */
	size_t item_count;
	size_t item_capacity;
	struct error *error; /* of who asks for the next document */
	size_t *error_line;
};

static bool refuse(struct yaml_json *reader, const yaml_mark_t *mark, const char *what)
{
	*reader->error_line = mark->line + 1;
	return error_set(reader->error, "%s", what);
}

static bool equals_any(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(text, words[i]))
			return true;
	}
	return false;
}

/* NULL if the text is no number of the core schema. */
static json_t *resolve_number(const char *text)
{
	const char *digits = text + (text[0] == '-' || text[0] == '+');
	char *end;

	if (!digits[0])
		return NULL;
	errno = 0;
	if (digits == text && text[0] == '0' && (text[1] == 'x' || text[1] == 'o')) {
		const bool hex = text[1] == 'x';
		const char *set = hex ? "0123456789abcdefABCDEF" : "01234567";
		const long long number = strtoll(text + 2, &end, hex ? 16 : 8);

		if (!text[2] || text[2 + strspn(text + 2, set)] || errno)
			return NULL;
		return json_integer(number);
	}
	if (!digits[strspn(digits, "0123456789")]) {
		const long long number = strtoll(text, &end, 10);

		if (!errno)
			return json_integer(number);
	}
	if (!text[strspn(text, "0123456789+-.eE")]) {
		const double number = strtod(text, &end);

		if (!*end && isfinite(number))
			return json_real(number);
	}
	return NULL;
}

/* https://yaml.org/spec/1.2.2/ section 10.3.2 */
static json_t *resolve_plain(const char *text)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
	static const char *const trues[] = {"true", "True", "TRUE"};
	static const char *const falses[] = {"false", "False", "FALSE"};

	if (equals_any(text, nulls, 5))
		return json_null();
	if (equals_any(text, trues, 3))
		return json_true();
	if (equals_any(text, falses, 3))
		return json_false();
	return resolve_number(text);
}

static json_t *resolve_scalar(struct yaml_json *reader, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	const size_t length = event->data.scalar.length;
	const char *tag = (const char *)event->data.scalar.tag;
	json_t *value = NULL;

	if (tag && strcmp(tag, "!") && strcmp(tag, YAML_STR_TAG)) {
		refuse(reader, &event->start_mark, "tags are not supported");
		return NULL;
	}
	if (!tag && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strlen(text) == length)
		value = resolve_plain(text);
	if (!value)
		value = json_stringn(text, length);
	if (!value)
		refuse(reader, &event->start_mark, "the text is no UTF-8");
	return value;
}

static void note_line(struct yaml_json *reader, const yaml_mark_t *mark)
{
	const size_t line = mark->line + 1;

	if (reader->depth == 0)
		reader->root_line = line;
	if (reader->depth != 2 || !reader->frames[0].key || strcmp(reader->frames[0].key, "items"))
		return;
	reader->item_lines = memory_grow(reader->item_lines, &reader->item_capacity,
	    reader->item_count + 1, sizeof(*reader->item_lines));
	reader->item_lines[reader->item_count++] = line;
}

/* Puts a finished or an opened value where it belongs; takes over the reference. */
static bool attach(struct yaml_json *reader, json_t *value, const yaml_mark_t *mark)
{
	struct frame *frame = reader->depth ? &reader->frames[reader->depth - 1] : NULL;

	note_line(reader, mark);
	if (++reader->values > YAML_JSON_VALUES_MAX) {
		json_decref(value);
		return refuse(reader, mark, "more than 4 million values");
	}
	if (!frame) {
		reader->root = value;
		return true;
	}
	if (json_is_array(frame->container))
		return json_array_append_new(frame->container, value) == 0 ||
		       refuse(reader, mark, "the list cannot be kept");
	return json_object_set_new(frame->container, frame->key, value) == 0 ||
	       refuse(reader, mark, "the key is no UTF-8");
}

/* After a value: the next scalar in a mapping is a key again. */
static void end_value(struct yaml_json *reader)
{
	struct frame *frame = reader->depth ? &reader->frames[reader->depth - 1] : NULL;

	if (!frame)
		return;
	free(frame->key);
	frame->key = NULL;
}

static bool expects_key(const struct yaml_json *reader)
{
	const struct frame *frame = reader->depth ? &reader->frames[reader->depth - 1] : NULL;

	return frame && json_is_object(frame->container) && !frame->key;
}

static bool take_key(struct yaml_json *reader, const yaml_event_t *event)
{
	struct frame *frame = &reader->frames[reader->depth - 1];
	const char *text = (const char *)event->data.scalar.value;

	if (strlen(text) != event->data.scalar.length)
		return refuse(reader, &event->start_mark, "the key has a NUL byte");
	if (json_object_get(frame->container, text))
		return refuse(reader, &event->start_mark, "the key is there twice");
	frame->key = memory_copy_string(text);
	return true;
}

static bool take_scalar(struct yaml_json *reader, const yaml_event_t *event)
{
	json_t *value;

	if (expects_key(reader))
		return take_key(reader, event);
	value = resolve_scalar(reader, event);
	if (!value || !attach(reader, value, &event->start_mark))
		return false;
	end_value(reader);
	return true;
}

static bool open_container(struct yaml_json *reader, json_t *container, const yaml_event_t *event)
{
	if (expects_key(reader) || reader->depth == DEPTH_MAX) {
		json_decref(container);
		return refuse(reader, &event->start_mark,
		    reader->depth == DEPTH_MAX ? "nested deeper than 100 levels"
					       : "a key must be a plain text");
	}
	if (!attach(reader, container, &event->start_mark))
		return false;
	reader->frames[reader->depth++] = (struct frame){container, NULL};
	return true;
}

static bool take_event(struct yaml_json *reader, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return take_scalar(reader, event);
	case YAML_MAPPING_START_EVENT:
		return open_container(reader, json_object(), event);
	case YAML_SEQUENCE_START_EVENT:
		return open_container(reader, json_array(), event);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		reader->depth--;
		end_value(reader);
		return true;
	case YAML_ALIAS_EVENT:
		return refuse(reader, &event->start_mark, "aliases are not supported");
	default:
		return true;
	}
}

static void reset_document(struct yaml_json *reader)
{
	while (reader->depth)
		free(reader->frames[--reader->depth].key);
	json_decref(reader->root);
	reader->root = NULL;
	reader->item_count = 0;
}

static bool next_event(struct yaml_json *reader, yaml_event_t *event)
{
	const yaml_parser_t *parser = &reader->parser;

	if (yaml_parser_parse(&reader->parser, event))
		return true;
	*reader->error_line = parser->problem_mark.line + 1;
	if (parser->error == YAML_READER_ERROR)
		*reader->error_line = 0;
	return error_set(
	    reader->error, "%s", parser->problem ? parser->problem : "this is no YAML");
}

/* Builds the next document; `*end` says that there is none any more. */
static bool build_document(struct yaml_json *reader, bool *end)
{
	yaml_event_type_t type;

	reset_document(reader);
	do {
		yaml_event_t event;
		bool taken;

		if (!next_event(reader, &event))
			return false;
		type = event.type;
		taken = take_event(reader, &event);
		yaml_event_delete(&event);
		if (!taken)
			return false;
	} while (type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT);
	*end = type == YAML_STREAM_END_EVENT;
	return true;
}

struct yaml_json *yaml_json_new(const char *text, size_t length)
{
	struct yaml_json *reader = memory_allocate_zero(1, sizeof(*reader));

	if (!yaml_parser_initialize(&reader->parser))
		abort();
	yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, length);
	return reader;
}

bool yaml_json_next(struct yaml_json *reader, struct yaml_json_document *document,
    struct error *error, size_t *line)
{
	bool end = false;

	reader->error = error;
	reader->error_line = line;
	if (!build_document(reader, &end))
		return false;
	*document = (struct yaml_json_document){
	    .end = end,
	    .root = reader->root,
	    .line = reader->root_line,
	    .item_lines = reader->item_lines,
	    .item_count = reader->item_count,
	};
	return true;
}

void yaml_json_free(struct yaml_json *reader)
{
	reset_document(reader);
	yaml_parser_delete(&reader->parser);
	free(reader->item_lines);
	free(reader);
}
