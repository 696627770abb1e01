/*
 * From the text of a manifest to objects: libyaml's events are built into one JSON value per
 * document, and the documents, or the items of a List, are decoded one by one.
 *
 * The building is a loop with a stack of its own, so depth is a limit and not the C stack.  Values
 * are counted; aliases are refused, because a few lines of them can stand for more values than
 * there is memory, and kubectl never prints one.  Scalars follow the YAML 1.2 core schema: only a
 * plain, untagged scalar can be null, a boolean or a number.
 *
 * Text that begins with a brace is tried as JSON first.  That is faster, and it is exact where YAML
 * 1.1 is not quite a superset of JSON (surrogate pairs, long keys); what it costs is that an
 * object's line is not known, but its name is.
 */
#include "k8s/manifests.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"

#define DEPTH_MAX 100
#define VALUES_MAX 4000000

/* A mapping or a sequence that is being filled. */
struct frame {
	json_t *container;
	char *key; /* of a mapping: the key whose value comes next */
};

struct builder {
	yaml_parser_t parser;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	size_t values;
	json_t *root;
	size_t root_line;
	size_t *item_lines; /* of the items of a List */
	size_t item_count;
	size_t item_capacity;
	struct error error;
	size_t error_line;
};

/* Where objects and problems go. */
struct receiver {
	k8s_manifest_object_callback *object;
	k8s_manifest_problem_callback *problem;
	void *arg;
};

static bool refuse(struct builder *builder, const yaml_mark_t *mark, const char *what)
{
	builder->error_line = mark->line + 1;
	return error_set(&builder->error, "%s", what);
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

static json_t *resolve_scalar(struct builder *builder, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	const size_t length = event->data.scalar.length;
	const char *tag = (const char *)event->data.scalar.tag;
	json_t *value = NULL;

	if (tag && strcmp(tag, "!") && strcmp(tag, YAML_STR_TAG)) {
		refuse(builder, &event->start_mark, "tags are not supported");
		return NULL;
	}
	if (!tag && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strlen(text) == length)
		value = resolve_plain(text);
	if (!value)
		value = json_stringn(text, length);
	if (!value)
		refuse(builder, &event->start_mark, "the text is no UTF-8");
	return value;
}

static void note_line(struct builder *builder, const yaml_mark_t *mark)
{
	const size_t line = mark->line + 1;

	if (builder->depth == 0)
		builder->root_line = line;
	if (builder->depth != 2 || !builder->frames[0].key ||
	    strcmp(builder->frames[0].key, "items"))
		return;
	builder->item_lines = memory_grow(builder->item_lines, &builder->item_capacity,
	    builder->item_count + 1, sizeof(*builder->item_lines));
	builder->item_lines[builder->item_count++] = line;
}

/* Puts a finished or an opened value where it belongs; takes over the reference. */
static bool attach(struct builder *builder, json_t *value, const yaml_mark_t *mark)
{
	struct frame *frame = builder->depth ? &builder->frames[builder->depth - 1] : NULL;

	note_line(builder, mark);
	if (++builder->values > VALUES_MAX) {
		json_decref(value);
		return refuse(builder, mark, "more than 4 million values");
	}
	if (!frame) {
		builder->root = value;
		return true;
	}
	if (json_is_array(frame->container))
		return json_array_append_new(frame->container, value) == 0 ||
		       refuse(builder, mark, "the list cannot be kept");
	return json_object_set_new(frame->container, frame->key, value) == 0 ||
	       refuse(builder, mark, "the key is no UTF-8");
}

/* After a value: the next scalar in a mapping is a key again. */
static void end_value(struct builder *builder)
{
	struct frame *frame = builder->depth ? &builder->frames[builder->depth - 1] : NULL;

	if (!frame)
		return;
	free(frame->key);
	frame->key = NULL;
}

static bool expects_key(const struct builder *builder)
{
	const struct frame *frame = builder->depth ? &builder->frames[builder->depth - 1] : NULL;

	return frame && json_is_object(frame->container) && !frame->key;
}

static bool take_key(struct builder *builder, const yaml_event_t *event)
{
	struct frame *frame = &builder->frames[builder->depth - 1];
	const char *text = (const char *)event->data.scalar.value;

	if (strlen(text) != event->data.scalar.length)
		return refuse(builder, &event->start_mark, "the key has a NUL byte");
	if (json_object_get(frame->container, text))
		return refuse(builder, &event->start_mark, "the key is there twice");
	frame->key = memory_copy_string(text);
	return true;
}

static bool take_scalar(struct builder *builder, const yaml_event_t *event)
{
	json_t *value;

	if (expects_key(builder))
		return take_key(builder, event);
	value = resolve_scalar(builder, event);
	if (!value || !attach(builder, value, &event->start_mark))
		return false;
	end_value(builder);
	return true;
}

static bool open_container(struct builder *builder, json_t *container, const yaml_event_t *event)
{
	if (expects_key(builder) || builder->depth == DEPTH_MAX) {
		json_decref(container);
		return refuse(builder, &event->start_mark,
		    builder->depth == DEPTH_MAX ? "nested deeper than 100 levels"
						: "a key must be a plain text");
	}
	if (!attach(builder, container, &event->start_mark))
		return false;
	builder->frames[builder->depth++] = (struct frame){container, NULL};
	return true;
}

static bool take_event(struct builder *builder, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return take_scalar(builder, event);
	case YAML_MAPPING_START_EVENT:
		return open_container(builder, json_object(), event);
	case YAML_SEQUENCE_START_EVENT:
		return open_container(builder, json_array(), event);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		builder->depth--;
		end_value(builder);
		return true;
	case YAML_ALIAS_EVENT:
		return refuse(builder, &event->start_mark, "aliases are not supported");
	default:
		return true;
	}
}

static void reset_document(struct builder *builder)
{
	while (builder->depth)
		free(builder->frames[--builder->depth].key);
	json_decref(builder->root);
	builder->root = NULL;
	builder->item_count = 0;
}

static bool next_event(struct builder *builder, yaml_event_t *event)
{
	const yaml_parser_t *parser = &builder->parser;

	if (yaml_parser_parse(&builder->parser, event))
		return true;
	builder->error_line = parser->problem_mark.line + 1;
	if (parser->error == YAML_READER_ERROR)
		builder->error_line = 0;
	return error_set(
	    &builder->error, "%s", parser->problem ? parser->problem : "this is no YAML");
}

/* Builds the next document; `*end` says that there is none any more. */
static bool build_document(struct builder *builder, bool *end)
{
	yaml_event_type_t type;

	reset_document(builder);
	do {
		yaml_event_t event;
		bool taken;

		if (!next_event(builder, &event))
			return false;
		type = event.type;
		taken = take_event(builder, &event);
		yaml_event_delete(&event);
		if (!taken)
			return false;
	} while (type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT);
	*end = type == YAML_STREAM_END_EVENT;
	return true;
}

static void report(const struct receiver *receiver, size_t line, const char *what)
{
	const struct k8s_manifest_problem problem = {.what = what, .line = line};

	receiver->problem(receiver->arg, &problem);
}

static void report_object(const struct receiver *receiver, const json_t *value, enum k8s_kind kind,
    size_t line, const char *what)
{
	struct k8s_manifest_problem problem = {.what = what, .line = line, .kind = kind};

	if (!k8s_object_identity(value, kind, &problem.namespace, &problem.name))
		problem.namespace = problem.name = NULL;
	receiver->problem(receiver->arg, &problem);
}

static void decode_object(const struct receiver *receiver, const json_t *value, size_t line)
{
	struct k8s_object *object;
	struct error error;
	enum k8s_kind kind;

	if (!json_is_object(value)) {
		report(receiver, line, "this is no Kubernetes object");
		return;
	}
	if (!json_is_string(json_object_get(value, "kind"))) {
		report(receiver, line, "the object has no kind");
		return;
	}
	if (!k8s_object_kind(value, &kind))
		return;
	object = k8s_object_decode(value, kind, &error);
	if (object)
		receiver->object(receiver->arg, object);
	else
		report_object(receiver, value, kind, line, error.text);
}

/* "v1 List" of kubectl, or a typed one of the API ("ServiceList"), whose items name no kind. */
static bool is_list(const json_t *value, const char **item_kind, size_t *item_kind_length)
{
	const char *kind = json_string_value(json_object_get(value, "kind"));
	const size_t length = kind ? strlen(kind) : 0;

	if (length < 4 || strcmp(kind + length - 4, "List"))
		return false;
	*item_kind = kind;
	*item_kind_length = length - 4;
	return true;
}

static void decode_list(const struct receiver *receiver, json_t *list, const char *item_kind,
    size_t item_kind_length, const size_t *lines, size_t line_count)
{
	json_t *items = json_object_get(list, "items");
	size_t i;
	json_t *value;

	json_array_foreach(items, i, value)
	{
		if (item_kind_length && json_is_object(value) && !json_object_get(value, "kind")) {
			json_object_set_new(
			    value, "kind", json_stringn(item_kind, item_kind_length));
			json_object_set(value, "apiVersion", json_object_get(list, "apiVersion"));
		}
		decode_object(receiver, value, i < line_count ? lines[i] : 0);
	}
}

static void decode_document(const struct receiver *receiver, json_t *root, size_t line,
    const size_t *item_lines, size_t item_count)
{
	const char *item_kind;
	size_t length;

	if (!root || json_is_null(root))
		return;
	if (is_list(root, &item_kind, &length))
		decode_list(receiver, root, item_kind, length, item_lines, item_count);
	else
		decode_object(receiver, root, line);
}

static void decode_yaml(const struct receiver *receiver, const char *text, size_t length)
{
	struct builder *builder = memory_allocate_zero(1, sizeof(*builder));
	bool end = false;
	bool ok;

	if (!yaml_parser_initialize(&builder->parser))
		abort();
	yaml_parser_set_input_string(&builder->parser, (const unsigned char *)text, length);
	while ((ok = build_document(builder, &end)) && !end)
		decode_document(receiver, builder->root, builder->root_line, builder->item_lines,
		    builder->item_count);
	if (!ok) {
		const struct k8s_manifest_problem problem = {
		    .what = builder->error.text, .line = builder->error_line, .whole_file = true};

		receiver->problem(receiver->arg, &problem);
	}
	reset_document(builder);
	yaml_parser_delete(&builder->parser);
	free(builder->item_lines);
	free(builder);
}

/* Each value of a JSON text but the first has one of these before it. */
static bool has_too_many_values(const char *text, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += text[i] == ',' || text[i] == ':' || text[i] == '[';
	return count > VALUES_MAX;
}

/* NULL if the text is not JSON. */
static json_t *parse_json(const char *text, size_t length)
{
	size_t start = 0;

	while (start < length && strchr(" \t\r\n", text[start]) && text[start])
		start++;
	if (start == length || text[start] != '{' || has_too_many_values(text, length))
		return NULL;
	return json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
}

void k8s_manifest_decode(const char *text, size_t length, k8s_manifest_object_callback *object,
    k8s_manifest_problem_callback *problem, void *arg)
{
	const struct receiver receiver = {object, problem, arg};
	json_t *json;

	if (!length)
		return;
	json = parse_json(text, length);
	if (!json) {
		decode_yaml(&receiver, text, length);
		return;
	}
	decode_document(&receiver, json, 1, NULL, 0);
	json_decref(json);
}
