/*
 * The source of all three kinds: when it is synced, connected and stale, what it tells of trouble,
 * and that another source can take over from it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "api_rig.h"
#include "k8s/api_source.h"

struct world {
	struct api_rig *rig;
	struct k8s_cluster *cluster;
	struct k8s_api_source *source;
	struct text trouble;
	unsigned synced;
};

static void on_synced(void *arg)
{
	struct world *world = arg;

	world->synced++;
}

static void on_trouble(void *arg, const char *subject, const char *what)
{
	struct world *world = arg;

	text_append(&world->trouble, "[%s: %s]", subject, what ? what : "over");
}

static int start(void **state)
{
	static const struct k8s_cluster_ops ops = {NULL, NULL, on_synced};
	struct world *world = calloc(1, sizeof(*world));

	world->rig = rig_new();
	world->rig->in_any_order = true;
	world->cluster = k8s_cluster_new(1, &ops, world);
	text_append(&world->trouble, "%s", "");
	*state = world;
	return 0;
}

static int stop(void **state)
{
	struct world *world = *state;

	k8s_api_source_free(world->source);
	k8s_cluster_free(world->cluster);
	rig_free(world->rig);
	text_free(&world->trouble);
	free(world);
	return 0;
}

static void begin(
    struct world *world, const char *node_name, const struct rig_step *steps, size_t count)
{
	const struct k8s_api_settings settings = {.access = world->rig->access,
	    .node_name = node_name,
	    .random_seed = 1,
	    .backoff_first_ms = 1,
	    .backoff_limit_ms = 4};

	rig_play(world->rig, steps, count);
	world->source =
	    k8s_api_source_new(world->rig->loop, world->cluster, &settings, on_trouble, world);
}

static bool is_connected(const struct world *world)
{
	return k8s_api_source_status(world->source).connected;
}

#define LIST(kind, items) \
	"{\"kind\":\"" kind "List\",\"metadata\":{\"resourceVersion\":\"3\"},\"items\":[" items "]}"
#define NODES "GET /api/v1/nodes?"
#define SERVICES "GET /api/v1/services?"
#define SLICES "GET /apis/discovery.k8s.io/v1/endpointslices?"
#define GROUP                                                                                     \
	{                                                                                         \
		"GET /apis/discovery.k8s.io HTTP", NULL,                                          \
		    "{\"versions\":[{\"version\":\"v1\"},{\"version\":\"v1beta1\"}]}", RIG_WHOLE, \
		    0, NULL                                                                       \
	}
#define SERVICE "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"clusterIP\":\"10.0.0.1\"}}"
#define BAD_SERVICE "{\"metadata\":{\"name\":\"bad\"},\"spec\":{\"clusterIP\":\"x\"}}"
#define LISTS                                                                                      \
	{NODES "timeoutSeconds", NULL, LIST("Node", "{\"metadata\":{\"name\":\"node-a\"}}"),       \
	    RIG_WHOLE, 0, NULL},                                                                   \
	    {SERVICES "timeoutSeconds", NULL, LIST("Service", SERVICE "," BAD_SERVICE), RIG_WHOLE, \
		0, NULL},                                                                          \
	    GROUP,                                                                                 \
	{                                                                                          \
		SLICES "timeoutSeconds", NULL, LIST("EndpointSlice", ""), RIG_WHOLE, 0, NULL       \
	}
#define WATCHES                                                    \
	{NODES "watch=1", NULL, NULL, RIG_STREAM, 0, NULL},        \
	    {SERVICES "watch=1", NULL, NULL, RIG_STREAM, 0, NULL}, \
	{                                                          \
		SLICES "watch=1", NULL, NULL, RIG_STREAM, 0, NULL  \
	}

static const struct rig_step good[] = {LISTS, WATCHES, WATCHES};

static void test_synced_with_the_last_kind_and_connected_with_its_watch(void **state)
{
	struct world *world = *state;
	struct k8s_api_status status;

	begin(world, NULL, good, 7);
	assert_false(is_connected(world));
	rig_run_until(world->rig, is_connected(world));
	assert_true(k8s_cluster_is_synced(world->cluster));
	assert_int_equal(world->synced, 1);
	status = k8s_api_source_status(world->source);
	assert_int_equal(status.requests, 7);
	assert_int_equal(k8s_api_source_requests(world->source, K8S_SERVICES, K8S_VERB_LIST), 1);
	assert_int_equal(k8s_api_source_requests(world->source, K8S_SERVICES, K8S_VERB_WATCH), 1);
	assert_int_equal(k8s_api_source_requests(world->source, K8S_EVENTS, K8S_VERB_PATCH), 0);
	assert_int_equal(status.lists, 3);
	assert_int_equal(status.failures, 0);
	assert_int_equal(status.stale_since, 0);
	assert_true(status.bytes > 100);
	assert_string_equal(status.last_error, "");
	assert_string_equal(status.discovery_version, "v1");
	assert_non_null(strstr(status.server, "127.0.0.1:"));
	assert_int_equal(k8s_api_source_problem_count(world->source), 1);
	assert_non_null(
	    strstr(k8s_api_source_problem(world->source, 0), "default/bad: spec.clusterIP"));
	assert_null(k8s_api_source_problem(world->source, 1));
}

static void test_only_the_own_node_is_asked_for(void **state)
{
	static const struct rig_step steps[] = {
	    {NODES, "&fieldSelector=metadata.name%3Dnode-a ", LIST("Node", ""), RIG_WHOLE, 0, NULL},
	    {NODES "watch=1", "&fieldSelector=metadata.name%3Dnode-a ", NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	begin(world, "node-a", steps, 2);
	rig_run_until(world->rig, world->rig->step == 2);
}

static void test_a_server_that_goes_is_told_of_once(void **state)
{
	struct world *world = *state;
	struct k8s_api_status status;

	begin(world, NULL, good, 10);
	rig_run_until(world->rig, is_connected(world));
	text_clear(&world->trouble);
	text_append(&world->trouble, "%s", "");
	rig_stop_listening(world->rig);
	rig_run_until(world->rig, k8s_api_source_status(world->source).failures > 12);
	status = k8s_api_source_status(world->source);
	assert_false(status.connected);
	assert_true(status.stale_since > 0);
	assert_string_not_equal(status.last_error, "");
	/* Everything is as it was. */
	assert_true(k8s_cluster_is_synced(world->cluster));
	assert_int_equal(k8s_cluster_count(world->cluster, K8S_SERVICE), 1);
	assert_non_null(strstr(world->trouble.string, "[API server: "));
	assert_null(strstr(world->trouble.string + 1, "[API server: "));
	rig_listen(world->rig);
	rig_run_until(world->rig, is_connected(world));
	assert_non_null(strstr(world->trouble.string, "[API server: over]"));
	assert_int_equal(world->synced, 1);
}

static void test_credentials_that_are_missing_are_waited_for(void **state)
{
	struct world *world = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/token", world->rig->folder);
	unlink(path);
	begin(world, NULL, good, 7);
	rig_run_until(world->rig, k8s_api_source_status(world->source).failures > 3);
	assert_non_null(strstr(world->trouble.string, "token: cannot be read: No such file"));
	rig_write_file(world->rig, "token", "late");
	rig_run_until(world->rig, is_connected(world));
}

static void test_another_source_takes_over(void **state)
{
	static const struct rig_step steps[] = {
	    {NODES "timeoutSeconds", NULL, LIST("Node", ""), RIG_WHOLE, 0, NULL},
	    {SERVICES "timeoutSeconds", NULL, LIST("Service", ""), RIG_WHOLE, 0, NULL},
	    GROUP,
	    {SLICES "timeoutSeconds", NULL, LIST("EndpointSlice", ""), RIG_WHOLE, 0, NULL},
	    WATCHES,
	};
	struct world *world = *state;

	begin(world, NULL, good, 7);
	rig_run_until(world->rig, is_connected(world));
	k8s_api_source_free(world->source);
	k8s_cluster_forget_view(world->cluster);
	begin(world, NULL, steps, 7);
	assert_int_equal(k8s_cluster_count(world->cluster, K8S_SERVICE), 1);
	rig_run_until(world->rig, is_connected(world));
	assert_int_equal(world->synced, 2);
	assert_int_equal(k8s_cluster_count(world->cluster, K8S_SERVICE), 0);
}

/* Secrets */

#define SECRETS "GET /api/v1/namespaces/kbgpd-system/secrets?"
#define ONLY(name) "&fieldSelector=metadata.name%3D" name " "
#define SECRET(name, value)                                              \
	"{\"metadata\":{\"namespace\":\"kbgpd-system\",\"name\":\"" name \
	"\"},\"data\":{\"password\""                                     \
	":\"" value "\"}}"

static const char *password(const struct world *world, const char *name)
{
	const struct k8s_object *object =
	    k8s_cluster_find(world->cluster, K8S_SECRET, "kbgpd-system", name);
	const struct k8s_secret_value *value =
	    object ? k8s_secret_find(&object->secret, "password") : NULL;

	return value ? value->bytes : NULL;
}

static bool knows(const struct world *world, const char *name)
{
	const char *trouble;

	return k8s_api_source_knows_secret(world->source, name, &trouble);
}

static void test_secrets_are_followed_one_by_one(void **state)
{
	static const struct rig_step steps[] = {
	    LISTS,
	    WATCHES,
	    {SECRETS "timeoutSeconds", ONLY("a"), LIST("Secret", SECRET("a", "b25l")), RIG_WHOLE, 0,
		NULL},
	    {SECRETS "timeoutSeconds", ONLY("b"), LIST("Secret", SECRET("b", "dHdv")), RIG_WHOLE, 0,
		NULL},
	    {SECRETS "watch=1", ONLY("b"), NULL, RIG_STREAM, 0, NULL},
	    /* The Secret has gone meanwhile, and the other one is none of this list's. */
	    {SECRETS "watch=1", ONLY("a"), NULL, RIG_WHOLE, 410, NULL},
	    {SECRETS "timeoutSeconds", ONLY("a"), LIST("Secret", SECRET("b", "dHdv")), RIG_WHOLE, 0,
		NULL},
	    {SECRETS "watch=1", ONLY("a"), NULL, RIG_STREAM, 0, NULL},
	    {SECRETS "timeoutSeconds", ONLY("c"), LIST("Secret", ""), RIG_WHOLE, 0, NULL},
	    {SECRETS "watch=1", ONLY("c"), NULL, RIG_STREAM, 0, NULL},
	};
	const char *names[] = {"a", "b"};
	const char *others[] = {"c", "b"};
	struct world *world = *state;
	bool had_a = false; /* it may be gone again before the other one comes */

	begin(world, NULL, steps, 15);
	assert_null(k8s_api_source_namespace(world->source));
	k8s_api_source_follow_secrets(world->source, names, 2);
	assert_false(knows(world, "a"));
	rig_run_until(world->rig, (had_a |= password(world, "a") != NULL) && password(world, "b"));
	assert_string_equal(password(world, "b"), "two");
	assert_string_equal(k8s_api_source_namespace(world->source), "kbgpd-system");
	rig_run_until(world->rig, !password(world, "a") && knows(world, "a"));
	assert_string_equal(password(world, "b"), "two");
	rig_run_until(world->rig, is_connected(world) && knows(world, "b"));
	/* The view of the cluster is complete without them. */
	assert_int_equal(world->synced, 1);
	/* What comes in the place of another one takes nothing of the rest. */
	k8s_api_source_follow_secrets(world->source, others, 2);
	assert_string_equal(k8s_api_source_namespace(world->source), "kbgpd-system");
	assert_string_equal(password(world, "b"), "two");
	/* What is not named any more is not known any more. */
	rig_run_until(world->rig, knows(world, "c"));
	k8s_api_source_follow_secrets(world->source, others, 1);
	assert_null(password(world, "b"));
	assert_false(knows(world, "b"));
}

static void test_a_secret_that_is_forbidden_is_trouble_of_its_own(void **state)
{
	static const struct rig_step steps[] = {
	    LISTS,
	    WATCHES,
	    {SECRETS, ONLY("a"), "{\"kind\":\"Status\",\"message\":\"no\"}", RIG_WHOLE, 403, NULL},
	    {SECRETS, ONLY("a"), "{\"kind\":\"Status\",\"message\":\"no\"}", RIG_WHOLE, 403, NULL},
	    {SECRETS, ONLY("a"), LIST("Secret", SECRET("a", "b25l")), RIG_WHOLE, 0, NULL},
	    {SECRETS "watch=1", ONLY("a"), NULL, RIG_STREAM, 0, NULL},
	};
	const char *names[] = {"a"};
	struct world *world = *state;

	begin(world, NULL, steps, 7);
	rig_run_until(world->rig, is_connected(world));
	world->rig->step_count = 11;
	k8s_api_source_follow_secrets(world->source, names, 1);
	rig_run_until(world->rig, knows(world, "a"));
	assert_true(is_connected(world));
	assert_string_equal(password(world, "a"), "one");
	assert_non_null(strstr(world->trouble.string, "[Secret a: 127.0.0.1:"));
	assert_non_null(strstr(world->trouble.string, "listing Secrets: 403 no"));
	assert_non_null(strstr(world->trouble.string, "[Secret a: over]"));
	assert_null(strstr(world->trouble.string, "[API server"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_synced_with_the_last_kind_and_connected_with_its_watch, start, stop),
	    cmocka_unit_test_setup_teardown(test_only_the_own_node_is_asked_for, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_server_that_goes_is_told_of_once, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_credentials_that_are_missing_are_waited_for, start, stop),
	    cmocka_unit_test_setup_teardown(test_another_source_takes_over, start, stop),
	    cmocka_unit_test_setup_teardown(test_secrets_are_followed_one_by_one, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_secret_that_is_forbidden_is_trouble_of_its_own, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
