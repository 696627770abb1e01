/*
 * Streams of JSON cut into values: items, documents, what is left out, limits, and what is no JSON.
 * Each case is read in one piece and byte by byte, with the same outcome.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "k8s/json_cutter.h"

struct result {
	struct text text;
	unsigned stop_after; /* values; 0: never */
	unsigned values;
};

static bool take(void *arg, enum json_cut what, const char *text, size_t length)
{
	static const char marks[] = {
	    [JSON_ITEM] = 'i', [JSON_DOCUMENT] = 'd', [JSON_TOO_LARGE] = '!'};
	struct result *result = arg;

	text_append(&result->text, "%c", marks[what]);
	text_append_bytes(&result->text, text, length);
	text_append(&result->text, ";");
	return ++result->values != result->stop_after;
}

static void read_in_pieces(
    const struct json_cutter_settings *settings, const char *input, size_t piece, bool *between)
{
	struct json_cutter *cutter = json_cutter_new(settings);
	struct result *result = settings->arg;
	const size_t length = strlen(input);
	const char *problem = NULL;
	bool good = true;

	for (size_t at = 0; at < length && good; at += piece)
		good = json_cutter_read(
		    cutter, input + at, length - at < piece ? length - at : piece, &problem);
	if (!good)
		text_append(&result->text, "<%s>", problem ? problem : "stopped");
	*between = json_cutter_is_between(cutter);
	json_cutter_free(cutter);
}

static void assert_cut(const struct json_cutter_settings *settings, const char *input,
    const char *expected, bool ends_between)
{
	for (size_t piece = 1; piece < 40; piece += 13) {
		struct result result = {0};
		struct json_cutter_settings own = *settings;
		bool between;

		own.value = take;
		own.arg = &result;
		text_append(&result.text, "%s", "");
		read_in_pieces(&own, input, piece, &between);
		if (strcmp(result.text.string, expected))
			fail_msg(
			    "%s\ngives    %s\ninstead of %s", input, result.text.string, expected);
		assert_int_equal(between, ends_between);
		text_free(&result.text);
	}
}

static const char *const unused[] = {"m.big", "list[].x", "n", NULL};
static const struct json_cutter_settings documents = {.limit = 1000};
static const struct json_cutter_settings items = {.cut_items = true, .limit = 1000};
static const struct json_cutter_settings lean = {
    .cut_items = true, .limit = 1000, .unused = unused};
static const struct json_cutter_settings lean_events = {
    .limit = 1000, .unused = unused, .inside = "object."};

static void test_documents_one_after_the_other(void **state)
{
	(void)state;
	assert_cut(&documents, "{\"a\":1}\n{ \"b\" : [ 1, 2.5e-3, true, null ] } {}",
	    "d{\"a\":1};d{\"b\":[1,2.5e-3,true,null]};d{};", true);
	assert_cut(&documents, "", "", true);
	assert_cut(&documents, "{\"a\":\"}\\\"]\\\\\"}", "d{\"a\":\"}\\\"]\\\\\"};", true);
	assert_cut(&documents, "{\"a\":[[],[{}]]", "", false);
	assert_cut(&documents, "{\"items\":[1,2]}", "d{\"items\":[1,2]};", true);
}

static void test_items_are_cut_out_of_a_list(void **state)
{
	(void)state;
	assert_cut(&items, "{\"kind\":\"L\",\"items\":[{\"a\":1},{\"b\":{\"items\":[3]}}],\"z\":0}",
	    "i{\"a\":1};i{\"b\":{\"items\":[3]}};d{\"kind\":\"L\",\"items\":[],\"z\":0};", true);
	assert_cut(&items, "{\"items\":[]}", "d{\"items\":[]};", true);
	assert_cut(&items, "{\"items\":null}", "d{\"items\":null};", true);
	assert_cut(&items, "{\"items\":[1,\"x\",[2]]}", "i1;i\"x\";i[2];d{\"items\":[]};", true);
	/* Not at the root, or no list: it is left as it is. */
	assert_cut(&items, "{\"a\":{\"items\":[1]}}", "d{\"a\":{\"items\":[1]}};", true);
	assert_cut(&items, "{\"items\":{\"b\":1}}", "d{\"items\":{\"b\":1}};", true);
}

static void test_what_is_unused_is_left_out(void **state)
{
	(void)state;
	assert_cut(&lean,
	    "{\"items\":[{\"m\":{\"a\":1,\"big\":{\"x\":[1,{}]},\"b\":2},\"list\":[{\"x\":1,\"y\":2},"
	    "{\"y\":3,\"x\":\"}\"}],\"n\":1}]}",
	    "i{\"m\":{\"a\":1,\"b\":2},\"list\":[{\"y\":2},{\"y\":3}]};d{\"items\":[]};", true);
	/* First, last, alone, and beside each other. */
	assert_cut(&lean,
	    "{\"items\":[{\"n\":1,\"a\":2},{\"a\":2,\"n\":1},{\"n\":1},{\"m\":{\"big\":0}}]}",
	    "i{\"a\":2};i{\"a\":2};i{};i{\"m\":{}};d{\"items\":[]};", true);
	assert_cut(
	    &lean, "{\"items\":[{\"n\":1,\"n\":2,\"a\":3}]}", "i{\"a\":3};d{\"items\":[]};", true);
	/* Only by the whole path, and only within an item. */
	assert_cut(&lean, "{\"n\":1,\"items\":[{\"big\":1,\"a\":{\"n\":1},\"m\":[{\"big\":2}]}]}",
	    "i{\"big\":1,\"a\":{\"n\":1},\"m\":[{\"big\":2}]};d{\"n\":1,\"items\":[]};", true);
	assert_cut(&lean_events, "{\"n\":1,\"object\":{\"n\":1,\"a\":2},\"m\":{\"big\":1}}",
	    "d{\"n\":1,\"object\":{\"a\":2},\"m\":{\"big\":1}};", true);
}

static void test_a_path_that_is_too_long_is_kept(void **state)
{
	char input[600];
	char expected[600];
	char key[300];

	(void)state;
	memset(key, 'k', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	snprintf(input, sizeof(input), "{\"items\":[{\"%s\":{\"n\":1},\"n\":2,\"a\":3}]}", key);
	snprintf(expected, sizeof(expected), "i{\"%s\":{\"n\":1},\"a\":3};d{\"items\":[]};", key);
	assert_cut(&lean, input, expected, true);
}

static void test_a_value_that_is_too_large_is_cut_short(void **state)
{
	static const struct json_cutter_settings small = {.cut_items = true, .limit = 12};

	(void)state;
	/* What does not fit is left out in whole pieces, so only the beginning is sure. */
	struct result result = {0};
	struct json_cutter_settings own = small;
	bool between;

	own.value = take;
	own.arg = &result;
	read_in_pieces(&own, "{\"items\":[{\"a\":\"0123456789\"},{\"b\":1}]}", 1, &between);
	assert_string_equal(result.text.string, "!{\"a\":\"012345;i{\"b\":1};d{\"items\":[]};");
	assert_true(between);
	text_free(&result.text);
}

static void test_what_is_no_json(void **state)
{
	static const struct {
		const char *input;
		const char *expected;
	} cases[] = {
	    {"[]", "<it does not begin with a brace>"},
	    {"<html>", "<it does not begin with a brace>"},
	    {"{]", "<a key is missing>"},
	    {"{\"a\":]}", "<a value is missing>"},
	    {"{\"a\":[}", "<a value is missing>"},
	    {"{\"a\":[1}", "<a bracket does not match>"},
	    {"{\"a\":{\"b\":1]", "<a bracket does not match>"},
	    {"{\"a\" 1}", "<a colon is missing>"},
	    {"{\"a\":1 2}", "<a comma is missing>"},
	    {"{\"a\":1,}", "<a key is missing>"},
	    {"{\"a\":[1,]}", "<a value is missing>"},
	    {"{,}", "<a key is missing>"},
	    {"{} x", "d{};<it does not begin with a brace>"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_cut(&documents, cases[i].input, cases[i].expected, false);
}

static void test_depth_is_limited(void **state)
{
	char input[300] = "{\"a\":";

	(void)state;
	memset(input + 5, '[', JSON_CUTTER_DEPTH_MAX);
	assert_cut(&documents, input, "<it is nested too deeply>", false);
}

static void test_the_receiver_may_stop(void **state)
{
	struct result result = {.stop_after = 1};
	struct json_cutter_settings settings = documents;
	bool between;

	(void)state;
	settings.value = take;
	settings.arg = &result;
	read_in_pieces(&settings, "{\"a\":1}{\"b\":1}", 100, &between);
	assert_string_equal(result.text.string, "d{\"a\":1};<stopped>");
	text_free(&result.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_documents_one_after_the_other),
	    cmocka_unit_test(test_items_are_cut_out_of_a_list),
	    cmocka_unit_test(test_what_is_unused_is_left_out),
	    cmocka_unit_test(test_a_path_that_is_too_long_is_kept),
	    cmocka_unit_test(test_a_value_that_is_too_large_is_cut_short),
	    cmocka_unit_test(test_what_is_no_json),
	    cmocka_unit_test(test_depth_is_limited),
	    cmocka_unit_test(test_the_receiver_may_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
