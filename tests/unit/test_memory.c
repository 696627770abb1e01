/*
 * The allocators: never NULL, zeroed where promised, and the end of the process when a size cannot
 * be had.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

static void nothing_is_still_a_pointer(void **state)
{
	void *memory[] = {memory_allocate(0), memory_allocate_zero(0, 8),
	    memory_allocate_zero(8, 0), memory_resize(NULL, 0), memory_copy(NULL, 0)};

	(void)state;
	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
		assert_non_null(memory[i]);
		free(memory[i]);
	}
}

static void zeroed_memory_is_zero(void **state)
{
	uint8_t *memory = memory_allocate_zero(100, 3);

	(void)state;
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(memory[i], 0);
	free(memory);
}

static void copies_are_equal_and_apart(void **state)
{
	const char original[] = "tor-a";
	char *string = memory_copy_string(original);
	char *bytes = memory_copy(original, 3);

	(void)state;
	assert_string_equal(string, "tor-a");
	assert_memory_equal(bytes, "tor", 3);
	string[0] = 'x';
	assert_string_equal(original, "tor-a");
	free(string);
	free(bytes);
}

static void grow_keeps_content_and_is_geometric(void **state)
{
	uint64_t *items = NULL;
	size_t capacity = 0;
	size_t moves = 0;

	(void)state;
	for (size_t count = 0; count < 100000; count++) {
		const size_t before = capacity;

		items = memory_grow(items, &capacity, count + 1, sizeof(*items));
		assert_true(capacity > count);
		moves += capacity != before;
		items[count] = count;
	}
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(items[i], i);
	assert_true(moves < 40);
	assert_true(capacity < 200000);
	free(items);
}

static void grow_reaches_a_far_need_at_once(void **state)
{
	size_t capacity = 0;
	uint32_t *items = memory_grow(NULL, &capacity, 5000, sizeof(*items));

	(void)state;
	assert_true(capacity >= 5000);
	memset(items, 0, capacity * sizeof(*items));
	free(items);
}

static void grow_leaves_what_is_large_enough(void **state)
{
	size_t capacity = 0;
	char *items = memory_grow(NULL, &capacity, 1, 1);
	const size_t before = capacity;

	(void)state;
	assert_ptr_equal(memory_grow(items, &capacity, before, 1), items);
	assert_int_equal(capacity, before);
	free(items);
}

static void growth_is_zero_where_promised(void **state)
{
	size_t capacity = 0;
	uint16_t *items = memory_grow_zero(NULL, &capacity, 3, sizeof(*items));

	(void)state;
	items[2] = 7;
	items = memory_grow_zero(items, &capacity, 5000, sizeof(*items));
	for (size_t i = 0; i < capacity; i++)
		assert_int_equal(items[i], i == 2 ? 7 : 0);
	free(items);
}

static void shrinking_keeps_the_beginning(void **state)
{
	size_t capacity = 0;
	uint32_t *items = memory_grow(NULL, &capacity, 10000, sizeof(*items));
	const size_t before = capacity;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++)
		items[i] = i;
	/* More than a quarter is in use. */
	items = memory_shrink(items, &capacity, before / 4 + 1, sizeof(*items));
	assert_int_equal(capacity, before);
	items = memory_shrink(items, &capacity, 2000, sizeof(*items));
	assert_int_equal(capacity, 2000);
	for (uint32_t i = 0; i < 2000; i++)
		assert_int_equal(items[i], i);
	assert_null(memory_shrink(items, &capacity, 0, sizeof(*items)));
	assert_int_equal(capacity, 0);
}

static void small_arrays_are_left_alone(void **state)
{
	size_t capacity = 0;
	char *items = memory_grow(NULL, &capacity, 4000, 1);

	(void)state;
	assert_ptr_equal(memory_shrink(items, &capacity, 0, 1), items);
	assert_int_equal(capacity, 4000);
	free(items);
}

static void mapped_pages_are_zero(void **state)
{
	uint8_t *pages = memory_map(100000);

	(void)state;
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(pages[i], 0);
	munmap(pages, 100000);
}

/* Sizes that no machine has; volatile, so that no compiler warns of them. */
static const volatile size_t too_much = SIZE_MAX / 2 + 1;

static void ask_for_too_much(void)
{
	free(memory_allocate(too_much));
}

static void ask_for_a_product_that_overflows(void)
{
	free(memory_allocate_zero(too_much, 2));
}

static void resize_to_too_much(void)
{
	free(memory_resize(NULL, too_much));
}

static void map_too_much(void)
{
	munmap(memory_map(too_much), 1);
}

static void grow_to_a_product_that_overflows(void)
{
	size_t capacity = 0;

	free(memory_grow(NULL, &capacity, too_much, 8));
}

static bool returns(void (*function)(void))
{
	int status;
	const pid_t child = fork();

	if (child == 0) {
		close(STDERR_FILENO);
		function();
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void out_of_memory_ends_the_process(void **state)
{
	(void)state;
	assert_false(returns(ask_for_too_much));
	assert_false(returns(ask_for_a_product_that_overflows));
	assert_false(returns(resize_to_too_much));
	assert_false(returns(map_too_much));
	assert_false(returns(grow_to_a_product_that_overflows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_still_a_pointer),
	    cmocka_unit_test(zeroed_memory_is_zero),
	    cmocka_unit_test(copies_are_equal_and_apart),
	    cmocka_unit_test(grow_keeps_content_and_is_geometric),
	    cmocka_unit_test(grow_reaches_a_far_need_at_once),
	    cmocka_unit_test(grow_leaves_what_is_large_enough),
	    cmocka_unit_test(growth_is_zero_where_promised),
	    cmocka_unit_test(shrinking_keeps_the_beginning),
	    cmocka_unit_test(small_arrays_are_left_alone),
	    cmocka_unit_test(mapped_pages_are_zero),
	    cmocka_unit_test(out_of_memory_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
