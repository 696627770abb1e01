/*
 * From the text of a manifest to objects: the documents of a YAML text, or the items of a List, are
 * decoded one by one.
 *
 * Text that begins with a brace is tried as JSON first.  That is faster, and it is exact where YAML
 * 1.1 is not quite a superset of JSON (surrogate pairs, long keys); what it costs is that an
 * object's line is not known, but its name is.
 */
#include "k8s/manifests.h"

#include <string.h>

#include "k8s/yaml_json.h"

/* Where objects and problems go. */
struct receiver {
	k8s_manifest_object_callback *object;
	k8s_manifest_problem_callback *problem;
	void *arg;
};

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
	struct yaml_json *reader = yaml_json_new(text, length);
	struct yaml_json_document document;
	struct error error;
	size_t line = 0;
	bool ok;

	while ((ok = yaml_json_next(reader, &document, &error, &line)) && !document.end)
		decode_document(receiver, document.root, document.line, document.item_lines,
		    document.item_count);
	if (!ok) {
		const struct k8s_manifest_problem problem = {
		    .what = error.text, .line = line, .whole_file = true};

		receiver->problem(receiver->arg, &problem);
	}
	yaml_json_free(reader);
}

/* Each value of a JSON text but the first has one of these before it. */
static bool has_too_many_values(const char *text, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += text[i] == ',' || text[i] == ':' || text[i] == '[';
	return count > YAML_JSON_VALUES_MAX;
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
