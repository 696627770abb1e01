/*
 * Which request comes next, by the rules of "Kubernetes API Concepts": first lists, pages, watches,
 * and each refusal; versions compared; waits between failures.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "k8s/backoff.h"
#include "k8s/list_watch.h"

#define FROM_CACHE "/api/v1/services?timeoutSeconds=60&limit=500&resourceVersion=0"
#define NOT_OLDER_THAN(version) "/api/v1/services?timeoutSeconds=60&resourceVersion=" version
#define LATEST "/api/v1/services?timeoutSeconds=60&limit=500"
#define LATEST_WHOLE "/api/v1/services?timeoutSeconds=60"
#define PAGE(token) "/api/v1/services?timeoutSeconds=60&limit=500&continue=" token
#define WATCH(version) \
	"/api/v1/services?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=" version

static int set_up(void **state)
{
	struct k8s_list_watch *next = calloc(1, sizeof(*next));

	*next = k8s_list_watch_new(K8S_SERVICE, NULL);
	*state = next;
	return 0;
}

static int tear_down(void **state)
{
	k8s_list_watch_release(*state);
	free(*state);
	return 0;
}

static void assert_next(const struct k8s_list_watch *next, const char *expected)
{
	struct text target = {0};

	k8s_list_watch_append_target(next, 300, &target);
	assert_string_equal(target.string, expected);
	text_free(&target);
}

static void list(struct k8s_list_watch *next, const char *version, const char *page)
{
	struct error error = {{0}};
	bool complete;
	json_t *envelope = json_pack("{s:s, s:[], s:{s:s, s:s}}", "kind", "ServiceList", "items",
	    "metadata", "resourceVersion", version, "continue", page);

	if (!k8s_list_watch_listed(next, envelope, &complete, &error))
		fail_msg("%s", error.text);
	assert_int_equal(complete, !page[0]);
	json_decref(envelope);
}

/* True if the next request may be made at once. */
static bool refuse(struct k8s_list_watch *next, unsigned code, const char *body)
{
	json_t *value = body ? json_loads(body, 0, NULL) : NULL;
	const struct k8s_status status = k8s_status_decode(code, value);

	json_decref(value);
	return k8s_list_watch_refused(next, &status);
}

static const char too_large[] =
    "{\"code\": 504, \"reason\": \"Timeout\", \"details\": {\"causes\": "
    "[{\"reason\": \"ResourceVersionTooLarge\"}]}}";

static void test_a_list_and_its_watch(void **state)
{
	struct k8s_list_watch *next = *state;

	assert_next(next, FROM_CACHE);
	assert_true(k8s_list_watch_begins(next));
	list(next, "100", "");
	assert_next(next, WATCH("100"));
	k8s_list_watch_saw(next, "107");
	k8s_list_watch_saw(next, NULL);
	k8s_list_watch_saw(next, "");
	/* A watch never goes back. */
	k8s_list_watch_saw(next, "103");
	assert_next(next, WATCH("107"));
	/* Versions that are no numbers are taken as they come. */
	k8s_list_watch_saw(next, "a/b c");
	assert_next(next, WATCH("a%2Fb%20c"));
}

static void test_pages(void **state)
{
	struct k8s_list_watch *next = *state;

	list(next, "100", "to/ken=");
	assert_next(next, PAGE("to%2Fken%3D"));
	assert_false(k8s_list_watch_begins(next));
	list(next, "100", "second");
	assert_next(next, PAGE("second"));
	/* The watch begins where the first page was. */
	list(next, "105", "");
	assert_next(next, WATCH("100"));
}

static void test_only_the_own_node(void **state)
{
	struct k8s_list_watch next = k8s_list_watch_new(K8S_NODE, "node-a");

	(void)state;
	assert_next(&next, "/api/v1/nodes?timeoutSeconds=60&limit=500&resourceVersion=0"
			   "&fieldSelector=metadata.name%3Dnode-a");
	k8s_list_watch_release(&next);
}

static void test_one_secret_of_a_namespace(void **state)
{
	struct k8s_list_watch next = k8s_list_watch_new(K8S_SECRET, "bgp");

	(void)state;
	k8s_list_watch_set_namespace(&next, "kbgpd-system");
	assert_next(&next,
	    "/api/v1/namespaces/kbgpd-system/secrets?timeoutSeconds=60&limit=500&resourceVersion=0"
	    "&fieldSelector=metadata.name%3Dbgp");
	k8s_list_watch_release(&next);
}

static void test_discovery(void **state)
{
	struct k8s_list_watch next = k8s_list_watch_new(K8S_ENDPOINT_SLICE, NULL);
	json_t *both =
	    json_loads("{\"versions\":[{\"version\":\"v1beta1\"},{\"version\":\"v1\"}]}", 0, NULL);
	json_t *beta = json_loads("{\"versions\":[{\"version\":\"v1beta1\"}]}", 0, NULL);
	json_t *none = json_loads("{\"versions\":[{\"version\":\"v2\"}]}", 0, NULL);
	struct error error;

	(void)state;
	assert_next(&next, "/apis/discovery.k8s.io");
	assert_false(k8s_list_watch_discovered(&next, none, &error));
	assert_non_null(strstr(error.text, "neither"));
	assert_false(k8s_list_watch_discovered(&next, NULL, &error));
	assert_true(k8s_list_watch_discovered(&next, beta, &error));
	assert_next(&next, "/apis/discovery.k8s.io/v1beta1/endpointslices?timeoutSeconds=60"
			   "&limit=500&resourceVersion=0"
			   "&labelSelector=%21service.kubernetes.io%2Fheadless");
	/* It has been taken away: what is there now is asked again. */
	assert_false(refuse(&next, 404, NULL));
	assert_next(&next, "/apis/discovery.k8s.io");
	assert_true(k8s_list_watch_discovered(&next, both, &error));
	assert_string_equal(next.version, "v1");
	k8s_list_watch_release(&next);
	json_decref(both);
	json_decref(beta);
	json_decref(none);
}

static void test_what_is_no_list_is_not_taken(void **state)
{
	static const char *const bodies[] = {
	    "{}",
	    "{\"kind\":\"Status\",\"items\":[],\"metadata\":{\"resourceVersion\":\"1\"}}",
	    "{\"kind\":\"NodeList\",\"items\":[],\"metadata\":{\"resourceVersion\":\"1\"}}",
	    "{\"kind\":\"ServiceList\",\"metadata\":{\"resourceVersion\":\"1\"}}",
	    "{\"kind\":\"ServiceList\",\"items\":[],\"metadata\":{}}",
	    "{\"kind\":\"ServiceList\",\"items\":[],\"metadata\":{\"resourceVersion\":\"\"}}",
	    "{\"kind\":\"ServiceList\",\"items\":{},\"metadata\":{\"resourceVersion\":\"1\"}}",
	};
	struct k8s_list_watch *next = *state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		json_t *body = json_loads(bodies[i], 0, NULL);
		struct error error = {{0}};
		bool complete;

		assert_false(k8s_list_watch_listed(next, body, &complete, &error));
		assert_true(error.text[0]);
		assert_next(next, FROM_CACHE);
		json_decref(body);
	}
}

static void test_a_compacted_watch_lists_what_is_not_older(void **state)
{
	struct k8s_list_watch *next = *state;

	list(next, "100", "");
	k8s_list_watch_saw(next, "120");
	assert_true(refuse(next, 410, NULL));
	assert_next(next, NOT_OLDER_THAN("120"));
	/* The cache does not have it either. */
	assert_true(refuse(next, 410, NULL));
	assert_next(next, LATEST);
	/* That cannot be: it is not asked again at once. */
	assert_false(refuse(next, 410, NULL));
	list(next, "90", "");
	/* What is known now is of the past: etcd was restored. */
	assert_next(next, WATCH("90"));
}

static void test_a_server_that_lags_behind_is_waited_for(void **state)
{
	struct k8s_list_watch *next = *state;

	list(next, "100", "");
	assert_false(refuse(next, 504, too_large));
	assert_next(next, LATEST);
	list(next, "100", "");
	assert_true(refuse(next, 500, "{\"reason\": \"Expired\"}"));
	assert_next(next, NOT_OLDER_THAN("100"));
	assert_true(refuse(next, 504, too_large));
	assert_next(next, LATEST);
}

static void test_pages_that_expire(void **state)
{
	struct k8s_list_watch *next = *state;

	list(next, "100", "first");
	assert_true(refuse(next, 410, "{\"metadata\": {\"continue\": \"other\"}}"));
	assert_next(next, LATEST);
	assert_true(k8s_list_watch_begins(next));
	list(next, "200", "second");
	assert_next(next, PAGE("second"));
	assert_true(refuse(next, 410, NULL));
	assert_next(next, LATEST_WHOLE);
	list(next, "300", "");
	assert_next(next, WATCH("300"));
	/* The next list may be paged again. */
	refuse(next, 400, NULL);
	assert_next(next, LATEST);
}

static void test_what_may_pass_is_asked_again(void **state)
{
	static const unsigned codes[] = {401, 403, 429, 500, 502, 503, 504};
	struct k8s_list_watch *next = *state;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_false(refuse(next, codes[i], NULL));
		assert_next(next, FROM_CACHE);
	}
	list(next, "100", "page");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_false(refuse(next, codes[i], NULL));
		assert_next(next, PAGE("page"));
	}
	list(next, "100", "");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_false(refuse(next, codes[i], NULL));
		assert_next(next, WATCH("100"));
	}
}

static void test_a_status(void **state)
{
	json_t *body = json_loads("{\"code\": 429, \"message\": \"slow down\", \"details\": "
				  "{\"retryAfterSeconds\": 3}}",
	    0, NULL);
	struct k8s_status status = k8s_status_decode(500, body);

	(void)state;
	assert_int_equal(status.code, 429);
	assert_int_equal(status.retry_after, 3);
	assert_string_equal(status.message, "slow down");
	json_decref(body);
	status = k8s_status_decode(502, NULL);
	assert_int_equal(status.code, 502);
	assert_string_equal(status.message, "");
}

static void test_versions_are_compared(void **state)
{
	(void)state;
	assert_true(k8s_version_is_old("9", "10"));
	assert_true(k8s_version_is_old("10", "10"));
	assert_false(k8s_version_is_old("11", "10"));
	/* Opaque ones never are. */
	assert_false(k8s_version_is_old("a", "b"));
	assert_false(k8s_version_is_old("09", "10"));
	assert_false(k8s_version_is_old("", "10"));
	assert_false(k8s_version_is_old(NULL, "10"));
	assert_false(k8s_version_is_old("10", NULL));
	assert_false(k8s_version_is_old("1", "99999999999999999999"));
}

static void test_waits_double_up_to_a_limit(void **state)
{
	struct k8s_backoff backoff = k8s_backoff_new(100, 1000, 7);
	static const uint64_t most[] = {100, 200, 400, 800, 1000, 1000};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_in_range(k8s_backoff_fail(&backoff, 0), most[i] / 2, most[i]);
	for (int i = 0; i < 100; i++)
		assert_in_range(k8s_backoff_fail(&backoff, 0), 500, 1000);
	k8s_backoff_succeed(&backoff);
	assert_in_range(k8s_backoff_fail(&backoff, 0), 50, 100);
	/* The server's word is a lower bound, with the jitter on top, and has a limit. */
	assert_in_range(k8s_backoff_fail(&backoff, 5000), 5100, 5200);
	assert_in_range(k8s_backoff_fail(&backoff, UINT64_MAX), K8S_RETRY_AFTER_MAX_MS,
	    K8S_RETRY_AFTER_MAX_MS + 1000);
}

static void test_what_has_worked_for_long_is_no_failure(void **state)
{
	struct k8s_backoff backoff = k8s_backoff_new(100, 1000, 7);

	(void)state;
	for (int i = 0; i < 3; i++)
		k8s_backoff_fail(&backoff, 0);
	/* The next wait is up to 800 ms. */
	k8s_backoff_last(&backoff, 800);
	assert_in_range(k8s_backoff_fail(&backoff, 0), 400, 800);
	k8s_backoff_last(&backoff, 1001);
	assert_in_range(k8s_backoff_fail(&backoff, 0), 50, 100);
}

static void test_two_nodes_do_not_wait_alike(void **state)
{
	struct k8s_backoff a = k8s_backoff_new(100000, 100000, 1);
	struct k8s_backoff b = k8s_backoff_new(100000, 100000, 2);

	(void)state;
	assert_int_not_equal(k8s_backoff_fail(&a, 0), k8s_backoff_fail(&b, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_list_and_its_watch, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
	    cmocka_unit_test(test_only_the_own_node),
	    cmocka_unit_test(test_one_secret_of_a_namespace),
	    cmocka_unit_test(test_discovery),
	    cmocka_unit_test_setup_teardown(test_what_is_no_list_is_not_taken, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_a_compacted_watch_lists_what_is_not_older, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_a_server_that_lags_behind_is_waited_for, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_pages_that_expire, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_may_pass_is_asked_again, set_up, tear_down),
	    cmocka_unit_test(test_a_status),
	    cmocka_unit_test(test_versions_are_compared),
	    cmocka_unit_test(test_waits_double_up_to_a_limit),
	    cmocka_unit_test(test_what_has_worked_for_long_is_no_failure),
	    cmocka_unit_test(test_two_nodes_do_not_wait_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
