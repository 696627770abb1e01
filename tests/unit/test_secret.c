/*
 * Secrets: what base64 is and is not, which values are kept, and that no error shows one.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "k8s/base64.h"
#include "k8s/object.h"

static void test_base64(void **state)
{
	static const struct {
		const char *text;
		const char *bytes; /* NULL: it is none */
		size_t length;
	} vectors[] = {
	    /* RFC 4648 10 */
	    {"", "", 0},
	    {"Zg==", "f", 1},
	    {"Zm8=", "fo", 2},
	    {"Zm9v", "foo", 3},
	    {"Zm9vYmFy", "foobar", 6},
	    {"AAD/", "\0\0\377", 3},
	    /* Over two lines, as `base64` writes it. */
	    {"Zm9v\r\nYmFy\n", "foobar", 6},
	    {"Zg", NULL, 0},
	    {"Zg=", NULL, 0},
	    {"Zg=a", NULL, 0},
	    {"Z===", NULL, 0},
	    {"====", NULL, 0},
	    {"Zm=vYmFy", NULL, 0},
	    {"Zm9v YmF", NULL, 0},
	    {"Zm9-", NULL, 0},
	    {"secret!!", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t length = 99;
		char *bytes = k8s_base64_decode(vectors[i].text, &length);

		if (!vectors[i].bytes) {
			assert_null(bytes);
			continue;
		}
		assert_non_null(bytes);
		assert_int_equal(length, vectors[i].length);
		assert_memory_equal(bytes, vectors[i].bytes, length + 1);
		free(bytes);
	}
}

static struct k8s_object *decode(const char *text, struct error *error)
{
	json_t *value = json_loads(text, 0, NULL);
	struct k8s_object *object;
	enum k8s_kind kind;

	assert_true(k8s_object_kind(value, &kind));
	assert_int_equal(kind, K8S_SECRET);
	object = k8s_object_decode(value, kind, error);
	json_decref(value);
	return object;
}

#define SECRET(rest)                                                                    \
	"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"namespace\":\"n\"," \
	"\"name\":\"bgp\"}" rest "}"

static void assert_value(const struct k8s_object *object, const char *key, const char *expected)
{
	const struct k8s_secret_value *value = k8s_secret_find(&object->secret, key);

	assert_non_null(value);
	assert_string_equal(value->bytes, expected);
	assert_int_equal(value->length, strlen(expected));
}

static void test_values_by_key(void **state)
{
	struct error error;
	struct k8s_object *object =
	    decode(SECRET(",\"data\":{\"password\":\"czNjcmV0\",\"b\":\"\",\"c\":\"Zm9v\"},"
			  "\"stringData\":{\"c\":\"written\",\"d\":\"plain\"},\"type\":\"Opaque\""),
		&error);

	(void)state;
	assert_non_null(object);
	assert_value(object, "password", "s3cret");
	assert_value(object, "b", "");
	/* As the API server would have it: what is written last wins. */
	assert_value(object, "c", "written");
	assert_value(object, "d", "plain");
	assert_null(k8s_secret_find(&object->secret, "e"));
	k8s_object_free(object);
}

static void test_nothing_is_a_secret_without_values(void **state)
{
	struct error error;
	struct k8s_object *object = decode(SECRET(",\"data\":null"), &error);

	(void)state;
	assert_non_null(object);
	assert_int_equal(object->secret.count, 0);
	k8s_object_free(object);
}

static void test_a_long_value_is_not_kept(void **state)
{
	char text[1024] = SECRET(",\"stringData\":{\"a\":\"");
	const size_t length = strlen(text) - 1;
	const struct k8s_secret_value *value;
	struct k8s_object *object;
	struct error error;

	(void)state;
	memset(text + length, 'x', K8S_SECRET_VALUE_MAX + 1);
	strcpy(text + length + K8S_SECRET_VALUE_MAX + 1, "\",\"b\":\"short\"}}");
	object = decode(text, &error);
	assert_non_null(object);
	value = k8s_secret_find(&object->secret, "a");
	assert_null(value->bytes);
	assert_int_equal(value->length, K8S_SECRET_VALUE_MAX + 1);
	assert_value(object, "b", "short");
	k8s_object_free(object);
}

static void test_no_error_shows_a_value(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} wrong[] = {
	    {SECRET(",\"data\":{\"password\":\"s3cret!\"}"),
		"Secret n/bgp: data.password: this is no base64"},
	    {SECRET(",\"data\":{\"password\":5}"),
		"Secret n/bgp: data.password: expected a string, not a number"},
	    {SECRET(",\"data\":\"s3cret!\""),
		"Secret n/bgp: data: expected a mapping, not a string"},
	    {SECRET(",\"stringData\":{\"a\":[\"s3cret!\"]}"),
		"Secret n/bgp: stringData.a: expected a string, not a list"},
	};
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_null(decode(wrong[i].text, &error));
		assert_string_equal(error.text, wrong[i].error);
	}
}

static void test_another_value_is_a_change(void **state)
{
	static const char *const texts[] = {
	    SECRET(",\"data\":{\"a\":\"Zm9v\",\"b\":\"\"}"),
	    SECRET(",\"data\":{\"a\":\"Zm9w\",\"b\":\"\"}"),
	    SECRET(",\"data\":{\"a\":\"Zm8=\",\"b\":\"\"}"),
	    SECRET(",\"data\":{\"a\":\"Zm9v\"}"),
	    SECRET(",\"data\":{\"a\":\"Zm9v\",\"c\":\"\"}"),
	};
	struct k8s_object *objects[5];
	struct k8s_object *same;
	struct error error;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		objects[i] = decode(texts[i], &error);
	for (size_t i = 1; i < 5; i++) {
		assert_false(k8s_object_equal(objects[0], objects[i]));
		assert_false(k8s_object_equal(objects[i], objects[0]));
	}
	same = decode(SECRET(",\"stringData\":{\"b\":\"\",\"a\":\"foo\"}"), &error);
	assert_true(k8s_object_equal(objects[0], same));
	k8s_object_free(same);
	for (size_t i = 0; i < 5; i++)
		k8s_object_free(objects[i]);
}

static void test_json_is_wiped(void **state)
{
	json_t *object = json_loads(SECRET(",\"data\":{\"a\":\"Zm9v\"}"), 0, NULL);
	json_t *event = json_pack("{s:s,s:O}", "type", "ADDED", "object", object);
	const char *value =
	    json_string_value(json_object_get(json_object_get(object, "data"), "a"));

	(void)state;
	assert_string_equal(value, "Zm9v");
	k8s_secret_wipe_json(event);
	assert_string_equal(value, "");
	json_decref(event);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_base64),
	    cmocka_unit_test(test_values_by_key),
	    cmocka_unit_test(test_nothing_is_a_secret_without_values),
	    cmocka_unit_test(test_a_long_value_is_not_kept),
	    cmocka_unit_test(test_no_error_shows_a_value),
	    cmocka_unit_test(test_another_value_is_a_change),
	    cmocka_unit_test(test_json_is_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
