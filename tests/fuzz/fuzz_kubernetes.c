/*
 * Any bytes as what an API server says, by the first byte: a response of HTTP, a list, a watch, or a
 * kubeconfig.  Checked on the way: it is the same in one piece and byte by byte; what jansson takes
 * for a document is cut out as an equal one; what is left out leaves JSON behind; whatever a list
 * or a status says, the next request is one line; and what was put into a cluster can be removed.
 */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "k8s/access.h"
#include "k8s/cluster.h"
#include "k8s/http_response.h"
#include "k8s/intake.h"
#include "k8s/json_cutter.h"
#include "k8s/list_watch.h"

static const char *const unused[] = {
    "metadata.managedFields", "ports", "endpoints[].targetRef", "spec.ports", "a", "b.c", NULL};

static void check(bool good)
{
	if (!good)
		abort();
}

/* HTTP */

static void append_part(
    struct text *text, enum http_part part, const struct http_response *response)
{
	if (part == HTTP_HEAD)
		text_append(text, "%u %d %d %u:", response->head.status, response->head.close,
		    response->head.has_retry_after, response->head.retry_after);
	else if (part == HTTP_BODY)
		text_append_bytes(text, response->piece, response->piece_length);
	else if (part == HTTP_BAD)
		text_append(text, "!%s", response->problem);
	else if (part == HTTP_END)
		text_append(text, ".");
}

static void read_response(const char *bytes, size_t length, size_t piece, struct text *text)
{
	struct http_response *response = calloc(1, sizeof(*response));
	enum http_part part = HTTP_MORE;
	size_t at = 0;

	while (at < length && part != HTTP_END && part != HTTP_BAD) {
		const size_t given = length - at < piece ? length - at : piece;
		size_t used;

		part = http_response_read(response, bytes + at, given, &used);
		check(used <= given && (part != HTTP_MORE || used == given));
		append_part(text, part, response);
		at += used;
	}
	if (part != HTTP_BAD && http_response_close(response))
		text_append(text, "~");
	free(response);
}

static void fuzz_response(const char *bytes, size_t length)
{
	struct text whole = {NULL, 0, 0};
	struct text pieces = {NULL, 0, 0};

	read_response(bytes, length, SIZE_MAX, &whole);
	read_response(bytes, length, 1, &pieces);
	check(whole.length == pieces.length);
	check(!whole.length || !memcmp(whole.string, pieces.string, whole.length));
	text_free(&whole);
	text_free(&pieces);
}

/* Lists and watches */

struct target {
	struct k8s_intake intake;
	struct k8s_list_watch next;
	struct text cut; /* all that was cut out */
	json_t *document; /* the last one */
	size_t documents;
};

static void check_next(struct target *target)
{
	struct text text = {NULL, 0, 0};

	k8s_list_watch_append_target(&target->next, 300, &text);
	for (size_t i = 0; i < text.length; i++)
		check(text.string[i] > ' ' && text.string[i] <= '~');
	text_free(&text);
}

static void take_problem(void *arg, const char *subject, const char *what)
{
	(void)arg;
	check(subject[0] && (!what || what[0]));
}

static void take_event(struct target *target, const json_t *event)
{
	const char *type = json_string_value(json_object_get(event, "type"));
	const json_t *object = json_object_get(event, "object");

	if (!type || !object)
		return;
	k8s_intake_event(&target->intake, type, object);
	k8s_list_watch_saw(&target->next, k8s_intake_version(object));
}

static void take_document(struct target *target, json_t *value)
{
	const struct k8s_status status = k8s_status_decode(410, value);
	struct error error = {{0}};
	bool complete;

	target->documents++;
	json_decref(target->document);
	target->document = json_incref(value);
	if (target->next.step == K8S_WATCH)
		k8s_list_watch_saw(
		    &target->next, json_string_value(json_object_get(value, "resourceVersion")));
	else
		check(k8s_list_watch_listed(&target->next, value, &complete, &error) ||
		      error.text[0]);
	check_next(target);
	k8s_list_watch_refused(&target->next, &status);
	check_next(target);
	take_event(target, value);
	check_next(target);
}

static bool take_value(void *arg, enum json_cut what, const char *text, size_t length)
{
	struct target *target = arg;
	json_t *value = json_loadb(text, length, JSON_DECODE_ANY, NULL);

	text_append(&target->cut, "%d", (int)what);
	text_append_bytes(&target->cut, text, length);
	if (value && what == JSON_ITEM)
		k8s_intake_object(&target->intake, value);
	if (value && what == JSON_DOCUMENT)
		take_document(target, value);
	if (what == JSON_TOO_LARGE)
		k8s_intake_unreadable(&target->intake, text, length, "it is too large");
	json_decref(value);
	return true;
}

static struct target new_target(enum k8s_kind kind)
{
	return (struct target){.next = k8s_list_watch_new(kind, NULL),
	    .intake = {
		.cluster = k8s_cluster_new(1, NULL, NULL), .kind = kind, .problem = take_problem}};
}

static void free_target(struct target *target)
{
	k8s_intake_begin_list(&target->intake);
	while (!k8s_intake_end_list(&target->intake, 1))
		;
	check(!k8s_cluster_count(target->intake.cluster, target->intake.kind));
	check(!target->intake.problems.count);
	k8s_intake_release(&target->intake);
	k8s_cluster_free(target->intake.cluster);
	k8s_list_watch_release(&target->next);
	text_free(&target->cut);
	json_decref(target->document);
}

static const char *cut(struct target *target, struct json_cutter_settings settings,
    const char *bytes, size_t length, size_t piece)
{
	const char *problem = NULL;
	struct json_cutter *cutter;
	bool good = true;

	settings.value = take_value;
	settings.arg = target;
	cutter = json_cutter_new(&settings);
	for (size_t at = 0; at < length && good; at += piece) {
		piece = length - at < piece ? length - at : piece;
		good = json_cutter_read(cutter, bytes + at, piece, &problem);
	}
	check(good || problem);
	json_cutter_free(cutter);
	return problem;
}

/* What jansson takes for a document is one for us; it takes a NUL byte for a space. */
static void compare_with_jansson(const char *bytes, size_t length)
{
	static const struct json_cutter_settings settings = {.limit = SIZE_MAX / 2};
	struct target target = new_target(K8S_SERVICE);
	const char *problem = cut(&target, settings, bytes, length, length);
	json_t *document = json_loadb(bytes, length, 0, NULL);

	if (json_is_object(document) && !memchr(bytes, 0, length) &&
	    (!problem || !strstr(problem, "deep")))
		check(!problem && target.documents == 1 && json_equal(document, target.document));
	json_decref(document);
	free_target(&target);
}

static void fuzz_stream(const char *bytes, size_t length,
    const struct json_cutter_settings *settings, enum k8s_kind kind)
{
	struct target whole = new_target(kind);
	struct target pieces = new_target(kind);
	const char *problem = cut(&whole, *settings, bytes, length, length);

	check(problem == cut(&pieces, *settings, bytes, length, 1));
	if (settings->limit > length) {
		check(whole.cut.length == pieces.cut.length);
		check(!whole.cut.length ||
		      !memcmp(whole.cut.string, pieces.cut.string, whole.cut.length));
	}
	free_target(&whole);
	free_target(&pieces);
	compare_with_jansson(bytes, length);
}

static void fuzz_kubeconfig(const char *bytes, size_t length)
{
	struct error error = {{0}};
	struct k8s_access *access = k8s_kubeconfig_decode(bytes, length, "/nonexistent", &error);

	check(access ? access->server.host && access->server.path : error.text[0] != '\0');
	k8s_access_free(access);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct json_cutter_settings list = {
	    .cut_items = true, .limit = 65536, .unused = unused};
	const struct json_cutter_settings watch = {
	    .limit = 200, .unused = unused, .inside = "object."};
	const char *bytes = (const char *)data + 1;

	if (!size--)
		return 0;
	switch (data[0]) {
	case 'h':
		fuzz_response(bytes, size);
		break;
	case 'k':
		fuzz_kubeconfig(bytes, size);
		break;
	case 'w':
		fuzz_stream(bytes, size, &watch, K8S_SERVICE);
		break;
	default:
		fuzz_stream(bytes, size, &list, (enum k8s_kind)(data[0] % K8S_KINDS));
		break;
	}
	return 0;
}
