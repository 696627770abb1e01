/*
 * The growing string, and the two ways to make foreign text harmless.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void appends_follow_each_other(void **state)
{
	struct text text = {0};

	(void)state;
	text_append(&text, "%s", "");
	assert_string_equal(text.string, "");
	text_append(&text, "%s %d", "peer", 1);
	text_append_bytes(&text, ", and more", 5);
	text_append_bytes(&text, NULL, 0);
	assert_string_equal(text.string, "peer 1, and");
	assert_int_equal(text.length, 11);
	text_free(&text);
	assert_null(text.string);
}

static void long_texts_are_whole(void **state)
{
	struct text text = {0};

	(void)state;
	for (int i = 0; i < 5000; i++)
		text_append(&text, "%04d%*s", i, i % 50, "");
	assert_int_equal(text.length, strlen(text.string));
	assert_int_equal(text.length, 5000 * 4 + 100 * (49 * 50 / 2));
	assert_memory_equal(text.string, "00000001 0002  0003   ", 22);
	text_free(&text);
}

/* Formatting that exactly fills the room, or is one short of it, needs the NUL as well. */
static void every_length_fits(void **state)
{
	(void)state;
	for (int length = 0; length < 200; length++) {
		struct text text = {0};

		text_append(&text, "%*s", length, "");
		assert_int_equal(text.length, length);
		assert_int_equal(strlen(text.string), length);
		text_append(&text, "x");
		assert_int_equal(text.string[length], 'x');
		text_free(&text);
	}
}

static void clear_keeps_the_memory(void **state)
{
	struct text text = {0};
	const char *before;

	(void)state;
	text_clear(&text);
	text_append(&text, "something");
	before = text.string;
	text_clear(&text);
	assert_string_equal(text.string, "");
	assert_int_equal(text.length, 0);
	text_append(&text, "else");
	assert_ptr_equal(text.string, before);
	assert_string_equal(text.string, "else");
	text_free(&text);
}

static void foreign_text_is_escaped(void **state)
{
	static const struct {
		const char *string;
		const char *visible;
		const char *json;
	} cases[] = {
	    {"", "", "\"\""},
	    {"plain text", "plain text", "\"plain text\""},
	    {"say \"hi\" \\o/", "say \"hi\" \\o/", "\"say \\\"hi\\\" \\\\o/\""},
	    {"a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd", "\"a\\nb\\tc\\u000dd\""},
	    {"\x1b[31m\x7f", "\\x1b[31m\\x7f", "\"\\u001b[31m\\u007f\""},
	    /* Two, three and four bytes of UTF-8. */
	    {"z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80",
		"z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80",
		"\"z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80\""},
	    /* U+0085, a C1 control character. */
	    {"\xc2\x85", "\\xc2\\x85", "\"\\u0085\""},
	    /* A lone continuation byte, a start without its rest, a byte that never occurs. */
	    {"\x80", "\\x80", "\"\xef\xbf\xbd\""},
	    {"\xe2\x82", "\\xe2\\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	    {"\xc3(", "\\xc3(", "\"\xef\xbf\xbd(\""},
	    {"\xff", "\\xff", "\"\xef\xbf\xbd\""},
	    /* Overlong, surrogate, above U+10FFFF. */
	    {"\xc0\x80", "\\xc0\\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80",
		"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text text = {0};

		text_append_visible(&text, cases[i].string);
		assert_string_equal(text.string, cases[i].visible);
		text_clear(&text);
		text_append_json_string(&text, cases[i].string);
		assert_string_equal(text.string, cases[i].json);
		text_free(&text);
	}
}

static void append_formatted(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_append_visible_list(text, format, arguments);
	va_end(arguments);
}

static void what_a_format_makes_is_made_visible(void **state)
{
	struct text text = {0};

	(void)state;
	text_append(&text, "a ");
	append_formatted(&text, "%s=%d", "b\n", 7);
	assert_string_equal(text.string, "a b\\x0a=7");
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(appends_follow_each_other),
	    cmocka_unit_test(long_texts_are_whole),
	    cmocka_unit_test(every_length_fits),
	    cmocka_unit_test(clear_keeps_the_memory),
	    cmocka_unit_test(foreign_text_is_escaped),
	    cmocka_unit_test(what_a_format_makes_is_made_visible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
