/*
 * Counted bytes: one release per reference, the last one frees (a sanitizer build sees a leak or a
 * use after it).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/shared_buffer.h"

static void new_buffer_is_empty_and_held_once(void **state)
{
	struct shared_buffer *buffer = shared_buffer_new(100);

	(void)state;
	assert_int_equal(buffer->references, 1);
	assert_int_equal(buffer->length, 0);
	assert_int_equal(buffer->messages, 0);
	assert_int_equal(buffer->capacity, 100);
	memset(buffer->bytes, 1, 100);
	shared_buffer_release(buffer);
}

static void buffer_lives_until_the_last_release(void **state)
{
	struct shared_buffer *buffer = shared_buffer_new(4);

	(void)state;
	memcpy(buffer->bytes, "abcd", 4);
	assert_ptr_equal(shared_buffer_hold(buffer), buffer);
	assert_ptr_equal(shared_buffer_hold(buffer), buffer);
	assert_int_equal(buffer->references, 3);
	shared_buffer_release(buffer);
	shared_buffer_release(buffer);
	assert_int_equal(buffer->references, 1);
	assert_memory_equal(buffer->bytes, "abcd", 4);
	shared_buffer_release(buffer);
	shared_buffer_release(NULL);
}

static void trim_keeps_the_bytes_in_use(void **state)
{
	struct shared_buffer *buffer = shared_buffer_new(65536);

	(void)state;
	memcpy(buffer->bytes, "abcd", 4);
	buffer->length = 4;
	buffer->messages = 2;
	buffer = shared_buffer_trim(buffer);
	assert_int_equal(buffer->capacity, 4);
	assert_int_equal(buffer->length, 4);
	assert_int_equal(buffer->messages, 2);
	assert_memory_equal(buffer->bytes, "abcd", 4);
	assert_ptr_equal(shared_buffer_trim(buffer), buffer);
	shared_buffer_release(buffer);
}

static void trim_of_a_nearly_full_buffer_keeps_all(void **state)
{
	struct shared_buffer *buffer = shared_buffer_new(65536);

	(void)state;
	for (size_t i = 0; i < 60000; i++)
		buffer->bytes[i] = (uint8_t)(i * 7);
	buffer->length = 60000;
	buffer = shared_buffer_trim(buffer);
	assert_int_equal(buffer->capacity, 60000);
	assert_int_equal(buffer->references, 1);
	for (size_t i = 0; i < 60000; i++)
		assert_int_equal(buffer->bytes[i], (uint8_t)(i * 7));
	shared_buffer_release(buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(new_buffer_is_empty_and_held_once),
	    cmocka_unit_test(buffer_lives_until_the_last_release),
	    cmocka_unit_test(trim_keeps_the_bytes_in_use),
	    cmocka_unit_test(trim_of_a_nearly_full_buffer_keeps_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
