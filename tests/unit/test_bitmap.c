/*
 * The growing set of numbers, on both sides of word and capacity boundaries.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/bitmap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint32_t numbers[] = {0, 1, 63, 64, 65, 127, 128, 1000, 65535, 65536};

static void empty_set_has_nothing(void **state)
{
	struct bitmap bitmap = {0};

	(void)state;
	assert_false(bitmap_test(&bitmap, 0));
	assert_false(bitmap_test(&bitmap, UINT32_MAX));
	assert_false(bitmap_clear(&bitmap, 7));
	assert_int_equal(bitmap_next(&bitmap, 0), UINT32_MAX);
	assert_null(bitmap.words);
	bitmap_free(&bitmap);
}

static void set_and_clear_tell_what_was_before(void **state)
{
	struct bitmap bitmap = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		assert_true(bitmap_set(&bitmap, numbers[i]));
		assert_false(bitmap_set(&bitmap, numbers[i]));
	}
	for (size_t i = 0; i < COUNT(numbers); i++) {
		assert_true(bitmap_test(&bitmap, numbers[i]));
		assert_true(bitmap_clear(&bitmap, numbers[i]));
		assert_false(bitmap_clear(&bitmap, numbers[i]));
		assert_false(bitmap_test(&bitmap, numbers[i]));
	}
	bitmap_free(&bitmap);
}

static void neighbours_are_not_touched(void **state)
{
	struct bitmap bitmap = {0};

	(void)state;
	bitmap_set(&bitmap, 64);
	assert_false(bitmap_test(&bitmap, 63));
	assert_false(bitmap_test(&bitmap, 65));
	assert_false(bitmap_test(&bitmap, 0));
	assert_false(bitmap_test(&bitmap, 128));
	bitmap_free(&bitmap);
}

static void next_walks_in_order(void **state)
{
	struct bitmap bitmap = {0};
	uint32_t at = 0;

	(void)state;
	for (size_t i = COUNT(numbers); i > 0; i--)
		bitmap_set(&bitmap, numbers[i - 1]);
	for (size_t i = 0; i < COUNT(numbers); i++) {
		at = bitmap_next(&bitmap, at);
		assert_int_equal(at, numbers[i]);
		at++;
	}
	assert_int_equal(bitmap_next(&bitmap, at), UINT32_MAX);
	assert_int_equal(bitmap_next(&bitmap, UINT32_MAX), UINT32_MAX);
	bitmap_free(&bitmap);
}

static void shrinking_keeps_what_is_below_the_limit(void **state)
{
	struct bitmap bitmap = {0};

	(void)state;
	bitmap_set(&bitmap, 1000000);
	bitmap_set(&bitmap, 127);
	bitmap_shrink(&bitmap, 1000001);
	assert_true(bitmap_memory(&bitmap) > 1000000 / 8);
	bitmap_clear(&bitmap, 1000000);
	bitmap_shrink(&bitmap, 128);
	assert_true(bitmap_memory(&bitmap) < 1000);
	assert_int_equal(bitmap_next(&bitmap, 0), 127);
	assert_int_equal(bitmap_next(&bitmap, 128), UINT32_MAX);
	/* It grows again, and what comes back is clear. */
	assert_true(bitmap_set(&bitmap, 999999));
	assert_false(bitmap_test(&bitmap, 1000000));
	assert_int_equal(bitmap_next(&bitmap, 128), 999999);
	bitmap_free(&bitmap);
	assert_int_equal(bitmap_memory(&bitmap), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(empty_set_has_nothing),
	    cmocka_unit_test(set_and_clear_tell_what_was_before),
	    cmocka_unit_test(neighbours_are_not_touched),
	    cmocka_unit_test(next_walks_in_order),
	    cmocka_unit_test(shrinking_keeps_what_is_below_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
