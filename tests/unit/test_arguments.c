/* Arguments of commands against their synopsis. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "control/arguments.h"

#define CLEAR "NAME|ADDRESS|all [--soft-in|--soft-out|--hard] [--message TEXT]"
#define ROUTES "[PREFIX] [--peer P|--received P|--advertised P] [--family FAMILY]"
#define WORDS_MAX 8

/* Divides at spaces; the copy lives in `buffer`. */
static size_t divide(const char *line, char buffer[256], const char *words[WORDS_MAX])
{
	size_t count = 0;

	strcpy(buffer, line);
	for (char *word = strtok(buffer, " "); word; word = strtok(NULL, " "))
		words[count++] = word;
	return count;
}

static bool parse(const char *synopsis, const char *line, char buffer[256],
    struct arguments *arguments, struct error *error)
{
	const char *words[WORDS_MAX];
	const size_t count = divide(line, buffer, words);

	return arguments_parse(synopsis, words, count, arguments, error);
}

static void test_good_words_give_their_values(void **state)
{
	static const struct {
		const char *synopsis;
		const char *line;
		const char *positional;
		const char *option;
		const char *value;
	} cases[] = {
	    {"", "", NULL, "--any", NULL},
	    {ROUTES, "", NULL, "--peer", NULL},
	    {ROUTES, "10.0.0.0/8", "10.0.0.0/8", "--peer", NULL},
	    {ROUTES, "--peer tor-a", NULL, "--peer", "tor-a"},
	    {ROUTES, "--peer=tor-a", NULL, "--peer", "tor-a"},
	    {ROUTES, "--peer=", NULL, "--peer", ""},
	    {ROUTES, "10.0.0.0/8 --received tor-a", "10.0.0.0/8", "--received", "tor-a"},
	    {ROUTES, "--advertised a=b --family ipv6", NULL, "--advertised", "a=b"},
	    {ROUTES, "--family ipv6 2001:db8::/32", "2001:db8::/32", "--family", "ipv6"},
	    {CLEAR, "tor-a", "tor-a", "--hard", NULL},
	    {CLEAR, "tor-a --soft-out", "tor-a", "--soft-out", ""},
	    {CLEAR, "--soft-in tor-a", "tor-a", "--soft-in", ""},
	    {CLEAR, "all --message --hard", "all", "--message", "--hard"},
	    {CLEAR, "all --hard --message later", "all", "--message", "later"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arguments arguments;
		struct error error = {0};
		char buffer[256];
		const char *value;

		if (!parse(cases[i].synopsis, cases[i].line, buffer, &arguments, &error))
			fail_msg("\"%s\": %s", cases[i].line, error.text);
		if (cases[i].positional)
			assert_string_equal(arguments.positional, cases[i].positional);
		else
			assert_null(arguments.positional);
		value = arguments_option(&arguments, cases[i].option);
		if (cases[i].value)
			assert_string_equal(value, cases[i].value);
		else
			assert_null(value);
	}
}

static void test_bad_words_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *synopsis;
		const char *line;
		const char *error;
	} cases[] = {
	    {"", "more", "unexpected argument more"},
	    {"", "--peer", "unknown option --peer"},
	    {"[--routes]", "word", "unexpected argument word"},
	    {"[--routes]", "--route", "unknown option --route"},
	    {"[--routes]", "--routes=1", "--routes takes no value"},
	    {"[--routes]", "--routes --routes", "--routes is given twice"},
	    {ROUTES, "a b", "unexpected argument b"},
	    {ROUTES, "--peer", "--peer needs a value"},
	    {ROUTES, "--pee r", "unknown option --pee"},
	    {ROUTES, "--peer a --received b", "--peer and --received exclude each other"},
	    {ROUTES, "-x", "unknown option -x"},
	    {ROUTES, "--", "unknown option --"},
	    {CLEAR, "", "NAME|ADDRESS|all is missing"},
	    {CLEAR, "--hard", "NAME|ADDRESS|all is missing"},
	    {CLEAR, "a --hard --soft-in", "--hard and --soft-in exclude each other"},
	    {CLEAR, "a --message", "--message needs a value"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arguments arguments;
		struct error error = {0};
		char buffer[256];

		assert_false(parse(cases[i].synopsis, cases[i].line, buffer, &arguments, &error));
		assert_string_equal(error.text, cases[i].error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good_words_give_their_values),
	    cmocka_unit_test(test_bad_words_are_refused_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
