/*
 * Scratch memory: aligned, apart from each other, and gone together.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void allocations_are_aligned_and_apart(void **state)
{
	static const size_t sizes[] = {1, 3, 16, 17, 0, 100, 8191, 8192, 8193, 1, 70000, 5};
	struct arena arena = {0};
	uint8_t *memory[COUNT(sizes)];

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		memory[i] = arena_allocate(&arena, sizes[i]);
		assert_non_null(memory[i]);
		assert_int_equal((uintptr_t)memory[i] % _Alignof(max_align_t), 0);
		memset(memory[i], (int)i, sizes[i]);
	}
	for (size_t i = 0; i < COUNT(sizes); i++) {
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(memory[i][j], i);
	}
	arena_free(&arena);
	assert_null(arena.blocks);
}

static void reset_uses_the_first_block_again(void **state)
{
	struct arena arena = {0};
	void *first = arena_allocate(&arena, 10);

	(void)state;
	for (int i = 0; i < 100; i++)
		arena_allocate(&arena, 1000);
	arena_reset(&arena);
	assert_ptr_equal(arena_allocate(&arena, 10), first);
	arena_free(&arena);
}

static void empty_arena_can_be_reset_and_freed(void **state)
{
	struct arena arena = {0};

	(void)state;
	arena_reset(&arena);
	arena_free(&arena);
	memset(arena_allocate(&arena, 20), 1, 20);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(allocations_are_aligned_and_apart),
	    cmocka_unit_test(reset_uses_the_first_block_again),
	    cmocka_unit_test(empty_arena_can_be_reset_and_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
