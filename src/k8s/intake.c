/*
 * Events that are older than the object that is known are dropped: after another API server has
 * taken over a watch, it may tell once more what the one before it has told.
 *
 * An object that cannot be understood keeps its last good version, as a manifest does: it is there,
 * and what it was is nearer to the truth than nothing.
 */
#include "k8s/intake.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "k8s/list_watch.h"

static void name_object(struct text *subject, enum k8s_kind kind, const json_t *value)
{
	const char *namespace;
	const char *name;

	if (!k8s_object_identity(value, kind, &namespace, &name)) {
		text_append(subject, "%s without a name", k8s_kind_name(kind));
		return;
	}
	text_append(
	    subject, "%s %s%s%s", k8s_kind_name(kind), namespace, namespace[0] ? "/" : "", name);
}

static void note_problem(struct k8s_intake *intake, const char *subject, const char *what)
{
	if (k8s_problems_put(&intake->problems, subject, what))
		intake->problem(intake->arg, subject, what);
}

static void forget_problem(struct k8s_intake *intake, const json_t *value)
{
	struct text subject = {NULL, 0, 0};

	if (!intake->problems.count)
		return;
	name_object(&subject, intake->kind, value);
	if (k8s_problems_remove(&intake->problems, subject.string))
		intake->problem(intake->arg, subject.string, NULL);
	text_free(&subject);
}

/*
 * Of one object alone the end of the list says whether it is there; what a server sends besides
 * could never be removed again.
 */
static bool is_wanted(struct k8s_intake *intake, const json_t *value)
{
	const char *namespace;
	const char *name;

	if (!intake->only_name)
		return true;
	if (!k8s_object_identity(value, intake->kind, &namespace, &name) ||
	    strcmp(namespace, intake->only_namespace) || strcmp(name, intake->only_name))
		return false;
	intake->saw_only = true;
	return true;
}

/* It cannot be understood: what was known of it before stays. */
static void skip_object(struct k8s_intake *intake, const json_t *value, const char *what)
{
	struct text subject = {NULL, 0, 0};
	const char *namespace;
	const char *name;

	if (k8s_object_identity(value, intake->kind, &namespace, &name))
		k8s_cluster_keep(intake->cluster, intake->kind, namespace, name);
	name_object(&subject, intake->kind, value);
	note_problem(intake, subject.string, what);
	text_free(&subject);
}

void k8s_intake_object(struct k8s_intake *intake, const json_t *value)
{
	struct error error = {{0}};
	struct k8s_object *object;

	if (!is_wanted(intake, value))
		return;
	object = k8s_object_decode(value, intake->kind, &error);
	if (!object) {
		skip_object(intake, value, error.text);
		return;
	}
	forget_problem(intake, value);
	k8s_cluster_put(intake->cluster, object);
}

/* Events */

const char *k8s_intake_version(const json_t *object)
{
	const json_t *metadata = json_object_get(object, "metadata");

	return json_string_value(json_object_get(metadata, "resourceVersion"));
}

static const struct k8s_object *find_known(const struct k8s_intake *intake, const json_t *object)
{
	const char *namespace;
	const char *name;

	if (!k8s_object_identity(object, intake->kind, &namespace, &name))
		return NULL;
	return k8s_cluster_find(intake->cluster, intake->kind, namespace, name);
}

static void take_change(struct k8s_intake *intake, const json_t *object)
{
	const struct k8s_object *known = find_known(intake, object);

	if (known && k8s_version_is_old(k8s_intake_version(object), known->resource_version))
		intake->old_events++;
	else
		k8s_intake_object(intake, object);
}

/* Servers differ in whether it has the version of the deletion, or the last one before it. */
static void take_deletion(struct k8s_intake *intake, const json_t *object)
{
	const struct k8s_object *known = find_known(intake, object);
	const char *version = k8s_intake_version(object);

	forget_problem(intake, object);
	if (!known)
		return;
	if (k8s_version_is_old(version, known->resource_version) &&
	    strcmp(version, known->resource_version))
		intake->old_events++;
	else
		k8s_cluster_remove(intake->cluster, intake->kind, known->namespace, known->name);
}

static const struct {
	const char *type;
	void (*take)(struct k8s_intake *, const json_t *);
} event_types[] = {
    {"ADDED", take_change},
    {"MODIFIED", take_change},
    {"DELETED", take_deletion},
};

void k8s_intake_event(struct k8s_intake *intake, const char *type, const json_t *object)
{
	for (size_t i = 0; i < sizeof(event_types) / sizeof(event_types[0]); i++) {
		if (!strcmp(type, event_types[i].type))
			event_types[i].take(intake, object);
	}
}

/* What cannot be read */

/* Of a text that is no JSON as a whole: its metadata, which is near the beginning. */
static json_t *read_metadata(const char *text, size_t length)
{
	static const char key[] = "\"metadata\":";
	const char *found = memmem(text, length, key, strlen(key));
	json_t *metadata = NULL;

	if (found) {
		found += strlen(key);
		metadata = json_loadb(found, length - (size_t)(found - text),
		    JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
	}
	return metadata;
}

bool k8s_intake_unreadable(
    struct k8s_intake *intake, const char *text, size_t length, const char *why)
{
	struct text what = {NULL, 0, 0};
	json_t *value = json_pack("{s:o*}", "metadata", read_metadata(text, length));
	const char *namespace;
	const char *name;
	const bool has_name = k8s_object_identity(value, intake->kind, &namespace, &name);

	if (has_name && is_wanted(intake, value)) {
		name_object(&what, intake->kind, value);
		text_append(&what, ": %s", why);
		skip_object(intake, value, what.string);
		text_free(&what);
	}
	json_decref(value);
	return has_name;
}

/* Lists */

void k8s_intake_begin_list(struct k8s_intake *intake)
{
	if (!intake->only_name)
		k8s_cluster_begin_list(intake->cluster, intake->kind);
	intake->saw_only = false;
	k8s_problems_begin_view(&intake->problems);
}

bool k8s_intake_end_list(struct k8s_intake *intake, size_t limit)
{
	if (!intake->only_name && !k8s_cluster_end_list(intake->cluster, intake->kind, limit))
		return false;
	if (intake->only_name && !intake->saw_only)
		k8s_cluster_remove(
		    intake->cluster, intake->kind, intake->only_namespace, intake->only_name);
	k8s_problems_end_view(&intake->problems);
	return true;
}

void k8s_intake_release(struct k8s_intake *intake)
{
	k8s_problems_free(&intake->problems);
}
