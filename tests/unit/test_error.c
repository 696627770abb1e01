/*
 * Errors as values: what is written, what goes in front, and where a long text is cut.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/error.h"

static void set_writes_the_text_and_returns_false(void **state)
{
	struct error error;

	(void)state;
	assert_false(error_set(&error, "port %d is taken", 179));
	assert_string_equal(error.text, "port 179 is taken");
	assert_false(error_set(&error, "other"));
	assert_string_equal(error.text, "other");
}

static void context_goes_in_front(void **state)
{
	struct error error;

	(void)state;
	error_set(&error, "no such file");
	assert_false(error_prepend(&error, "%s:%d", "kbgpd.yaml", 3));
	assert_false(error_prepend(&error, "reload"));
	assert_string_equal(error.text, "reload: kbgpd.yaml:3: no such file");
}

static void nobody_needs_to_listen(void **state)
{
	(void)state;
	assert_false(error_set(NULL, "lost"));
	assert_false(error_prepend(NULL, "lost"));
}

static void long_texts_are_cut(void **state)
{
	char text[ERROR_TEXT_MAX * 2];
	struct error error;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&error, "%s", text);
	assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
	error_prepend(&error, "front");
	assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
	assert_memory_equal(error.text, "front: xxx", 10);
	error_prepend(&error, "%s", text);
	assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(set_writes_the_text_and_returns_false),
	    cmocka_unit_test(context_goes_in_front),
	    cmocka_unit_test(nobody_needs_to_listen),
	    cmocka_unit_test(long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
