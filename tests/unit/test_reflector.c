/*
 * One kind of object kept up with a scripted API server: lists, pages, watches, refusals, servers
 * that go away, and that nothing is withdrawn that the server has not said is gone.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "api_rig.h"
#include "k8s/reflector.h"

struct world {
	struct api_rig *rig;
	struct k8s_cluster *cluster;
	struct k8s_reflector *reflector;
	struct text events; /* "+a ~a -a " */
	struct text trouble; /* "works ", the failures, the problems */
	uint32_t backoff_ms; /* 0: very short */
};

static void on_changed(void *arg, const struct k8s_object *object, const struct k8s_object *old)
{
	struct world *world = arg;

	text_append(&world->events, "%s%s ", old ? "~" : "+", object->name);
}

static void on_removed(void *arg, const struct k8s_object *object)
{
	struct world *world = arg;

	text_append(&world->events, "-%s ", object->name);
}

static void on_works(void *arg)
{
	struct world *world = arg;

	text_append(&world->trouble, "works ");
}

static void on_failed(void *arg, const char *why)
{
	struct world *world = arg;

	text_append(&world->trouble, "failed: %s\n", why);
}

static void on_problem(void *arg, const char *subject, const char *what)
{
	struct world *world = arg;

	text_append(&world->trouble, "[%s: %s]", subject, what ? what : "over");
}

static int start(void **state)
{
	static const struct k8s_cluster_ops ops = {on_changed, on_removed, NULL};
	struct world *world = calloc(1, sizeof(*world));

	world->rig = rig_new();
	world->cluster = k8s_cluster_new(1, &ops, world);
	text_append(&world->events, "%s", "");
	text_append(&world->trouble, "%s", "");
	*state = world;
	return 0;
}

static int stop(void **state)
{
	struct world *world = *state;

	k8s_reflector_free(world->reflector);
	k8s_cluster_free(world->cluster);
	rig_free(world->rig);
	text_free(&world->events);
	text_free(&world->trouble);
	free(world);
	return 0;
}

static void follow(
    struct world *world, enum k8s_kind kind, const struct rig_step *steps, size_t count)
{
	static const struct k8s_reflector_ops ops = {on_works, on_failed, on_problem};
	const struct k8s_reflector_settings settings = {
	    .loop = world->rig->loop,
	    .cluster = world->cluster,
	    .kind = kind,
	    .access = &world->rig->access,
	    .random_seed = 1,
	    .backoff_first_ms = world->backoff_ms ? world->backoff_ms : 1,
	    .backoff_limit_ms = world->backoff_ms ? world->backoff_ms : 4,
	    .watch_seconds = 300,
	    .watch_silence_ms = 50,
	    .ops = &ops,
	    .arg = world,
	};

	rig_play(world->rig, steps, count);
	world->reflector = k8s_reflector_new(&settings);
}

#define COUNT(steps) (sizeof(steps) / sizeof((steps)[0]))

/* Runs until the events are these, and forgets them. */
static void await(struct world *world, const char *expected)
{
	for (int i = 0; i < 5000 && strcmp(world->events.string, expected); i++)
		loop_run_once(world->rig->loop, 1);
	if (world->rig->unexpected.length)
		fail_msg("%s", world->rig->unexpected.string);
	if (strcmp(world->events.string, expected))
		fail_msg("\"%s\" instead of \"%s\"; %s", world->events.string, expected,
		    world->trouble.string);
	text_clear(&world->events);
	text_append(&world->events, "%s", "");
}

#define LIST "GET /api/v1/services?timeoutSeconds=60"
#define WATCH "GET /api/v1/services?watch=1&allowWatchBookmarks=true&timeoutSeconds="

#define META(name, version)                                           \
	"\"metadata\":{\"name\":\"" name                              \
	"\",\"namespace\":\"default\",\"resourceVersion\":\"" version \
	"\",\"managedFields\":[{\"x\":{}}]}"
#define SERVICE(name, version, ip) \
	"{" META(name, version) ",\"spec\":{\"clusterIP\":\"" ip "\",\"ports\":[{\"port\":80}]}}"
#define SERVICES(version, items)                                                                       \
	"{\"kind\":\"ServiceList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"" version \
	"\"},\"items\":[" items "]}"
#define PAGE(version, next, items)                                                                     \
	"{\"kind\":\"ServiceList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"" version \
	"\",\"continue\":\"" next "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define BOOKMARK(version) \
	EVENT("BOOKMARK", \
	    "{\"kind\":\"Service\",\"metadata\":{\"resourceVersion\":\"" version "\"}}")
#define GONE EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}")

#define A1 SERVICE("a", "1", "10.0.0.1")
#define A5 SERVICE("a", "5", "10.0.0.5")
#define B2 SERVICE("b", "2", "10.0.0.2")
#define C6 SERVICE("c", "6", "10.0.0.6")

static void test_a_list_then_events(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST "&limit=500&resourceVersion=0 ", NULL, SERVICES("3", A1 "," B2), RIG_BYTE_BY_BYTE,
		0, NULL},
	    {WATCH, "&resourceVersion=3 ", EVENT("MODIFIED", A5), RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+a +b ~a ");
	assert_string_equal(world->trouble.string, "works ");
	/* In one piece, and in pieces. */
	rig_send(world->rig, EVENT("ADDED", C6) EVENT("DELETED", B2));
	await(world, "+c -b ");
	rig_send(world->rig, "{\"type\":\"DELETED\",\"obj");
	rig_send(world->rig, "ect\":" C6 "}");
	await(world, "-c ");
	assert_int_equal(k8s_cluster_count(world->cluster, K8S_SERVICE), 1);
}

static void test_pages_are_one_list(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, PAGE("3", "two", A1), RIG_WHOLE, 0, NULL},
	    {LIST "&limit=500&continue=two", NULL, PAGE("3", "three", B2), RIG_WHOLE, 0, NULL},
	    {LIST "&limit=500&continue=three", NULL, SERVICES("3", C6), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=3 ", NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+a +b +c ");
	rig_run_until(world->rig, world->rig->stream);
	/* One connection for all of it. */
	assert_int_equal(world->rig->connection_count, 1);
}

static void test_a_watch_that_ends_goes_on_from_its_last_event(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, SERVICES("3", A1), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=3 ", EVENT("MODIFIED", A5) BOOKMARK("9"), RIG_STREAM, 0,
		NULL},
	    {WATCH, "&resourceVersion=9 ", EVENT("ADDED", SERVICE("c", "10", "10.0.0.6")),
		RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+a ~a ");
	rig_end(world->rig);
	await(world, "+c ");
	assert_int_equal(k8s_reflector_counters(world->reflector).lists, 1);
}

static void test_a_broken_connection_takes_nothing_away(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, SERVICES("3", A1 "," B2), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=3 ", EVENT("MODIFIED", A5), RIG_STREAM, 0, NULL},
	    {WATCH, "&resourceVersion=5 ", EVENT("ADDED", C6), RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+a +b ~a ");
	rig_stop_listening(world->rig);
	rig_run_until(world->rig, strstr(world->trouble.string, "Connection refused") != NULL);
	assert_string_equal(world->events.string, "");
	assert_int_equal(k8s_cluster_count(world->cluster, K8S_SERVICE), 2);
	rig_listen(world->rig);
	await(world, "+c ");
	assert_non_null(strstr(strstr(world->trouble.string, "refused"), "works "));
}

static void test_a_list_that_breaks_off_removes_nothing(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, SERVICES("3", A1 "," B2), RIG_WHOLE, 0, NULL},
	    {WATCH, NULL, GONE, RIG_STREAM, 0, NULL},
	    /* All of these are cut off, refused or no list. */
	    {LIST "&resourceVersion=3 ", NULL, SERVICES("7", C6), RIG_CUT, 0, NULL},
	    {LIST "&resourceVersion=3 ", NULL, "{}", RIG_WHOLE, 0, NULL},
	    {LIST "&resourceVersion=3 ", NULL, "<html>moved</html>", RIG_WHOLE, 0, NULL},
	    {LIST "&resourceVersion=3 ", NULL, "", RIG_WHOLE, 0, NULL},
	    {LIST "&resourceVersion=3 ", NULL, "{\"items\":[]}", RIG_WHOLE, 503, NULL},
	    {LIST "&resourceVersion=3 ", NULL, SERVICES("", ""), RIG_WHOLE, 0, NULL},
	    {LIST "&resourceVersion=3 ", NULL, "{\"items\":[1", RIG_WHOLE, 0, NULL},
	    {LIST "&resourceVersion=3 ", NULL, "{\"items\":[{\"a\":tru}]}", RIG_WHOLE, 0, NULL},
	    {LIST "&resourceVersion=3 ", NULL, SERVICES("7", A1), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=7 ", NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	rig_run_until(world->rig, world->rig->step == COUNT(steps) - 1);
	await(world, "+a +b -b ");
	rig_run_until(world->rig, world->rig->step == COUNT(steps));
	assert_int_equal(k8s_reflector_counters(world->reflector).failures, 9);
}

static void test_a_compacted_history_is_listed_again(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, SERVICES("3", A1 "," B2), RIG_WHOLE, 0, NULL},
	    /* In an event, in the answer, and in a list. */
	    {WATCH, NULL, BOOKMARK("4") GONE, RIG_STREAM, 0, NULL},
	    {LIST "&resourceVersion=4 ", NULL, SERVICES("5", A5 "," B2), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=5 ", "{\"code\":410}", RIG_WHOLE, 410, NULL},
	    {LIST "&resourceVersion=5 ", NULL, "{\"code\":410}", RIG_WHOLE, 410, NULL},
	    {LIST "&limit=500 ", NULL, SERVICES("8", A5 "," C6), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=8 ", NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+a +b ~a +c -b ");
}

static void test_after_an_outage_a_lost_history_is_no_failure(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, SERVICES("3", A1), RIG_WHOLE, 0, NULL},
	    {WATCH, NULL, BOOKMARK("4"), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=4 ", "{\"code\":503}", RIG_WHOLE, 503, NULL},
	    {WATCH, "&resourceVersion=4 ", GONE, RIG_STREAM, 0, NULL},
	    {LIST "&resourceVersion=4 ", NULL, SERVICES("5", A5), RIG_WHOLE, 0, NULL},
	    /* Right after a list it is one. */
	    {WATCH, "&resourceVersion=5 ", GONE, RIG_STREAM, 0, NULL},
	    {LIST "&resourceVersion=5 ", NULL, SERVICES("6", A5 "," C6), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=6 ", NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, 5);
	await(world, "+a ~a ");
	assert_non_null(strstr(world->trouble.string, "503"));
	assert_null(strstr(world->trouble.string, "410"));
	rig_play(world->rig, steps + 5, 3);
	await(world, "+c ");
	assert_non_null(strstr(world->trouble.string, "watching Services: 410"));
}

static void test_a_watch_without_the_next_bookmark_is_given_up(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, SERVICES("3", A1), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=3 ", BOOKMARK("4"), RIG_STREAM, 0, NULL},
	    {WATCH, "&resourceVersion=4 ", EVENT("MODIFIED", A5), RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+a ~a ");
	/* Who has sent no bookmark may be silent as long as the watch lasts. */
	for (int turn = 0; turn < 100; turn++)
		loop_run_once(world->rig->loop, 1);
	assert_int_equal(k8s_reflector_counters(world->reflector).failures, 1);
	assert_int_equal(k8s_reflector_counters(world->reflector).watches, 2);
}

static void test_a_continue_that_has_expired(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, PAGE("3", "two", A1), RIG_WHOLE, 0, NULL},
	    {LIST "&limit=500&continue=two", NULL, "{\"code\":410,\"reason\":\"Expired\"}",
		RIG_WHOLE, 410, NULL},
	    {LIST "&limit=500 ", NULL, SERVICES("4", B2), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=4 ", NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+a +b -a ");
}

static void test_duplicate_and_reordered_events(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, SERVICES("5", A5 "," B2), RIG_WHOLE, 0, NULL},
	    {WATCH, NULL,
		EVENT("ADDED", A5) EVENT("ADDED", A1) EVENT("DELETED", A1)
		    EVENT("DELETED", SERVICE("unknown", "7", "10.0.0.7")) EVENT("MODIFIED", C6)
			EVENT("MODIFIED", C6) EVENT("SOMETHING", A1),
		RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+a +b +c ");
	rig_run_until(world->rig, k8s_reflector_counters(world->reflector).events == 7);
	assert_string_equal(world->events.string, "");
	assert_int_equal(k8s_reflector_counters(world->reflector).old_events, 4);
	/* The version of the deletion itself is newer, or the same in old servers. */
	rig_send(world->rig, EVENT("DELETED", A5));
	await(world, "-a ");
}

static void test_an_object_that_cannot_be_understood_is_skipped_by_name(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, SERVICES("3", SERVICE("a", "1", "nonsense") "," B2), RIG_WHOLE, 0, NULL},
	    {WATCH, NULL, EVENT("MODIFIED", A5) EVENT("MODIFIED", SERVICE("b", "6", "x")),
		RIG_STREAM, 0, NULL},
	    {LIST, NULL, SERVICES("7", A5 "," SERVICE("b", "6", "x")), RIG_WHOLE, 0, NULL},
	    {WATCH, NULL, EVENT("DELETED", SERVICE("b", "8", "x")), RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+b +a ");
	assert_non_null(strstr(world->trouble.string,
	    "[Service default/a: Service default/a: spec.clusterIP: \"nonsense\" is no IP address]"));
	rig_run_until(world->rig, k8s_reflector_problems(world->reflector)->count == 1 &&
				      strstr(world->trouble.string, "default/a: over"));
	/* What was known of b stays, also over another list. */
	rig_send(world->rig, GONE);
	await(world, "-b ");
	assert_int_equal(world->rig->step, COUNT(steps));
	assert_int_equal(k8s_reflector_problems(world->reflector)->count, 0);
	/* It was told once, and that it is over. */
	assert_non_null(strstr(world->trouble.string, "[Service default/b: over]"));
	assert_null(strstr(strstr(world->trouble.string, "[Service default/b") + 1,
	    "[Service default/b: Service"));
}

/* A list with such a thing must not fail for ever. */
static void test_an_object_that_cannot_be_read_is_skipped_by_name(void **state)
{
#define ODD(name, version, value)                                                   \
	"{\"metadata\":{\"name\":\"" name "\",\"annotations\":{\"x\":\"\\u0000\"}," \
	"\"resourceVersion\":\"" version "\"},\"spec\":{\"x\":" value "}}"
	static const struct rig_step steps[] = {
	    {LIST, NULL, SERVICES("3", ODD("a", "1", "0") "," ODD("b", "2", "1e999") "," B2),
		RIG_WHOLE, 0, NULL},
	    {WATCH, NULL, EVENT("MODIFIED", ODD("c", "4", "tru")) EVENT("ADDED", C6), RIG_STREAM, 0,
		NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+b +c ");
	assert_non_null(strstr(world->trouble.string,
	    "[Service default/a: Service default/a: metadata.annotations.x: the string has a NUL"));
	assert_non_null(strstr(world->trouble.string, "[Service default/b: Service default/b: "));
	assert_non_null(strstr(world->trouble.string, "[Service default/c: Service default/c: "));
	assert_null(strstr(world->trouble.string, "failed"));
}

static void test_an_object_that_is_too_large_is_skipped_by_name(void **state)
{
	struct text list = {NULL, 0, 0};
	struct rig_step steps[2] = {
	    {LIST, NULL, NULL, RIG_WHOLE, 0, NULL},
	    {WATCH, "resourceVersion=3 ", NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	text_append(&list, "{\"kind\":\"ServiceList\",\"metadata\":{\"resourceVersion\":\"3\"},"
			   "\"items\":[{" META("big", "1") ",\"x\":\"");
	for (int i = 0; i < 5 * 1024; i++)
		text_append(&list, "%1024s", "x");
	text_append(&list, "\"}," B2 "]}");
	steps[0].body = list.string;
	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+b ");
	assert_non_null(strstr(
	    world->trouble.string, "[Service default/big: Service default/big: it is too large]"));
	text_free(&list);
}

static void test_a_revoked_token_is_read_again_at_once(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, "Bearer first-token", "{\"code\":401}", RIG_WHOLE, 401, NULL},
	    {LIST, "Bearer second-token", SERVICES("3", A1), RIG_WHOLE, 0, NULL},
	    {WATCH, "Bearer second-token", NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	/* The first request is on its way when the token rotates. */
	rig_run_until(world->rig, world->rig->step == 1);
	rig_write_file(world->rig, "token", "second-token");
	await(world, "+a ");
	/* Nobody needed to know. */
	assert_null(strstr(world->trouble.string, "failed"));
}

static void test_new_credentials_end_a_wait(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, "Bearer first-token", "{\"code\":401}", RIG_WHOLE, 401, NULL},
	    {LIST, "Bearer second-token", SERVICES("3", A1), RIG_WHOLE, 0, NULL},
	    {WATCH, "Bearer second-token", NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	world->backoff_ms = 3600000;
	follow(world, K8S_SERVICE, steps, COUNT(steps));
	rig_run_until(world->rig, strstr(world->trouble.string, "401"));
	rig_write_file(world->rig, "token", "second-token");
	await(world, "+a ");
}

static void test_refusals_are_waited_out(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, "{\"code\":401,\"message\":\"Unauthorized\"}", RIG_WHOLE, 401, NULL},
	    {LIST, NULL, "{\"code\":403,\"message\":\"services is forbidden\"}", RIG_WHOLE, 403,
		NULL},
	    {LIST, NULL, "slow down", RIG_WHOLE, 429, "Retry-After: 0\r\n"},
	    {LIST, NULL, NULL, RIG_HANG_UP, 0, NULL},
	    {LIST, NULL, SERVICES("3", A1), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=3 ", NULL, RIG_WHOLE, 500, NULL},
	    {WATCH, "&resourceVersion=3 ", "", RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=3 ", EVENT("ADDED", B2), RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+a +b ");
	assert_non_null(
	    strstr(world->trouble.string, "listing Services: 401 Unauthorized; the token"));
	assert_non_null(strstr(world->trouble.string, "403 services is forbidden; give this user"));
	assert_non_null(strstr(world->trouble.string, "listing Services: 429 "));
	assert_non_null(strstr(world->trouble.string, "watching Services: 500 "));
	assert_int_equal(k8s_reflector_counters(world->reflector).failures, 6);
	assert_non_null(strstr(world->trouble.string, "ends watches at once"));
}

static void test_slices_of_either_version(void **state)
{
#define SLICE                                                                                     \
	"{" META("s", "1") ",\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":"             \
			   "[\"10.1.0.1\"],\"topology\":{\"kubernetes.io/hostname\":\"node-a\"}," \
			   "\"targetRef\":{\"kind\":\"Pod\"}}]}"
	static const struct rig_step steps[] = {
	    {"GET /apis/discovery.k8s.io HTTP/1.1", NULL,
		"{\"kind\":\"APIGroup\",\"versions\":[{\"version\":\"v1beta1\"}]}", RIG_WHOLE, 0,
		NULL},
	    {"GET /apis/discovery.k8s.io/v1beta1/endpointslices?", NULL,
		"{\"kind\":\"EndpointSliceList\",\"metadata\":{\"resourceVersion\":\"3\"},"
		"\"items\":[" SLICE "]}",
		RIG_WHOLE, 0, NULL},
	    {"GET /apis/discovery.k8s.io/v1beta1/endpointslices?watch=1", NULL, NULL, RIG_STREAM, 0,
		NULL},
	};
	struct world *world = *state;
	const struct k8s_object *slice;

	follow(world, K8S_ENDPOINT_SLICE, steps, COUNT(steps));
	await(world, "+s ");
	slice = k8s_cluster_find(world->cluster, K8S_ENDPOINT_SLICE, "default", "s");
	assert_string_equal(slice->endpoint_slice.endpoints[0].node_name, "node-a");
	assert_string_equal(k8s_reflector_version(world->reflector), "v1beta1");
}

static void test_the_next_server_is_tried(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, "Host: localhost", NULL, RIG_WHOLE, 503, NULL},
	    {LIST, "Host: localhost", SERVICES("3", A1), RIG_WHOLE, 0, NULL},
	    {WATCH, NULL, NULL, RIG_STREAM, 0, NULL},
	};
	char url[64];
	/* One that nobody is at, and one that is not well the first time. */
	const char *servers[] = {"https://127.0.0.1:1", url};
	struct world *world = *state;

	snprintf(url, sizeof(url), "https://localhost:%u", world->rig->port);
	world->rig->access.servers = servers;
	world->rig->access.server_count = 2;
	follow(world, K8S_SERVICE, steps, COUNT(steps));
	await(world, "+a ");
	/* It had its turn again after the other one had refused. */
	assert_non_null(strstr(
	    strstr(world->trouble.string, "failed: 127.0.0.1:1: ") + 1, "failed: 127.0.0.1:1: "));
	rig_run_until(world->rig, world->rig->stream);
}

/* Many that are not listed any more go in many turns, before the watch begins. */
static void test_what_is_gone_goes_in_slices(void **state)
{
	struct text list = {NULL, 0, 0};
	struct rig_step steps[] = {
	    {LIST, NULL, NULL, RIG_WHOLE, 0, NULL},
	    {WATCH, NULL, GONE, RIG_STREAM, 0, NULL},
	    {LIST, NULL, SERVICES("5", A1), RIG_WHOLE, 0, NULL},
	    {WATCH, "&resourceVersion=5 ", NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	text_append(&list, "{\"kind\":\"ServiceList\",\"metadata\":{\"resourceVersion\":\"3\"},"
			   "\"items\":[" A1);
	for (int i = 0; i < 1000; i++)
		text_append(&list, ",{\"metadata\":{\"name\":\"s%d\",\"namespace\":\"n\"}}", i);
	text_append(&list, "]}");
	steps[0].body = list.string;
	loop_set_share(world->rig->loop, 0);
	follow(world, K8S_SERVICE, steps, COUNT(steps));
	rig_run_until(world->rig, k8s_cluster_count(world->cluster, K8S_SERVICE) == 1001);
	rig_run_until(world->rig, world->rig->step == COUNT(steps));
	assert_int_equal(k8s_cluster_count(world->cluster, K8S_SERVICE), 1);
	text_free(&list);
}

/* Freed at any point, also with a list half read. */
static void test_it_can_be_freed_at_any_time(void **state)
{
	static const struct rig_step steps[] = {
	    {LIST, NULL, SERVICES("3", A1 "," B2), RIG_BYTE_BY_BYTE, 0, NULL},
	    {WATCH, NULL, EVENT("ADDED", C6) GONE, RIG_STREAM, 0, NULL},
	    {LIST, NULL, SERVICES("3", A1), RIG_WHOLE, 0, NULL},
	};
	struct world *world = *state;

	for (int turns = 0; turns < 40; turns++) {
		follow(world, K8S_SERVICE, steps, COUNT(steps));
		for (int i = 0; i < turns; i++)
			loop_run_once(world->rig->loop, 1);
		k8s_reflector_free(world->reflector);
		world->reflector = NULL;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_list_then_events, start, stop),
	    cmocka_unit_test_setup_teardown(test_pages_are_one_list, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_watch_that_ends_goes_on_from_its_last_event, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_broken_connection_takes_nothing_away, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_list_that_breaks_off_removes_nothing, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_compacted_history_is_listed_again, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_after_an_outage_a_lost_history_is_no_failure, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_watch_without_the_next_bookmark_is_given_up, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_continue_that_has_expired, start, stop),
	    cmocka_unit_test_setup_teardown(test_duplicate_and_reordered_events, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_an_object_that_cannot_be_understood_is_skipped_by_name, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_an_object_that_cannot_be_read_is_skipped_by_name, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_an_object_that_is_too_large_is_skipped_by_name, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_revoked_token_is_read_again_at_once, start, stop),
	    cmocka_unit_test_setup_teardown(test_new_credentials_end_a_wait, start, stop),
	    cmocka_unit_test_setup_teardown(test_refusals_are_waited_out, start, stop),
	    cmocka_unit_test_setup_teardown(test_slices_of_either_version, start, stop),
	    cmocka_unit_test_setup_teardown(test_the_next_server_is_tried, start, stop),
	    cmocka_unit_test_setup_teardown(test_what_is_gone_goes_in_slices, start, stop),
	    cmocka_unit_test_setup_teardown(test_it_can_be_freed_at_any_time, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
