/*
 * The bounds-checked reader and writer: network order, the sticky error, and that nothing is read
 * or written past an end.  Buffers are on the heap in their exact size, so that a sanitizer build
 * sees any access outside.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/memory.h"
#include "base/wire.h"

static void reader_takes_numbers_in_network_order(void **state)
{
	static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x84, 0x05, 0x06, 0x07};
	uint8_t *heap = memory_copy(bytes, sizeof(bytes));
	struct wire_reader reader = wire_reader_init(heap, sizeof(bytes));

	(void)state;
	assert_int_equal(wire_get_u8(&reader), 0x01);
	assert_int_equal(wire_get_u16(&reader), 0x0203);
	assert_int_equal(wire_left(&reader), 4);
	assert_int_equal(wire_get_u32(&reader), 0x84050607);
	assert_int_equal(wire_left(&reader), 0);
	assert_false(reader.failed);
	free(heap);
}

static void reader_fails_at_the_end_and_stays_failed(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3};
	uint8_t *heap = memory_copy(bytes, sizeof(bytes));
	struct wire_reader reader = wire_reader_init(heap, sizeof(bytes));

	(void)state;
	assert_int_equal(wire_get_u32(&reader), 0);
	assert_true(reader.failed);
	assert_int_equal(wire_get_u8(&reader), 0);
	assert_int_equal(wire_get_u16(&reader), 0);
	assert_null(wire_get_bytes(&reader, 1));
	assert_null(wire_get_bytes(&reader, 0));
	assert_int_equal(wire_get_span(&reader, 1).length, 0);
	free(heap);
}

static void reader_refuses_a_length_near_the_maximum(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3};
	struct wire_reader reader = wire_reader_init(bytes, sizeof(bytes));

	(void)state;
	assert_null(wire_get_bytes(&reader, SIZE_MAX));
	assert_true(reader.failed);
}

static void empty_reader_yields_nothing(void **state)
{
	struct wire_reader reader = wire_reader_init(NULL, 0);

	(void)state;
	assert_int_equal(wire_left(&reader), 0);
	assert_int_equal(wire_get_span(&reader, 0).length, 0);
	assert_false(reader.failed);
	assert_int_equal(wire_get_u8(&reader), 0);
	assert_true(reader.failed);
}

static void inner_reader_ends_at_its_length(void **state)
{
	static const uint8_t bytes[] = {2, 0xaa, 0xbb, 0xcc};
	struct wire_reader outer = wire_reader_init(bytes, sizeof(bytes));
	struct wire_reader inner = wire_get_reader(&outer, wire_get_u8(&outer));

	(void)state;
	assert_int_equal(wire_left(&outer), 1);
	assert_int_equal(wire_get_u16(&inner), 0xaabb);
	assert_int_equal(wire_get_u8(&inner), 0);
	assert_true(inner.failed);
	/* What goes wrong inside does not touch the outer one. */
	assert_false(outer.failed);
	assert_int_equal(wire_get_u8(&outer), 0xcc);
}

static void inner_reader_of_a_failed_one_is_failed(void **state)
{
	static const uint8_t bytes[] = {1, 2};
	struct wire_reader outer = wire_reader_init(bytes, sizeof(bytes));
	struct wire_reader inner = wire_get_reader(&outer, 3);

	(void)state;
	assert_true(outer.failed);
	assert_true(inner.failed);
	assert_int_equal(wire_left(&inner), 0);
}

static void spans_compare_by_content(void **state)
{
	static const uint8_t a[] = {1, 2, 3};
	static const uint8_t b[] = {1, 2, 4};
	const struct wire_span span_a = {a, 3};

	(void)state;
	assert_true(wire_span_equal(span_a, (struct wire_span){a, 3}));
	assert_true(wire_span_equal((struct wire_span){a, 2}, (struct wire_span){b, 2}));
	assert_false(wire_span_equal(span_a, (struct wire_span){b, 3}));
	assert_false(wire_span_equal(span_a, (struct wire_span){a, 2}));
	assert_true(wire_span_equal((struct wire_span){NULL, 0}, (struct wire_span){a, 0}));
}

static void writer_puts_numbers_in_network_order(void **state)
{
	static const uint8_t expected[] = {0x01, 0x02, 0x03, 0x84, 0x05, 0x06, 0x07, 'x', 'y'};
	uint8_t *heap = memory_allocate(sizeof(expected));
	struct wire_writer writer = wire_writer_init(heap, sizeof(expected));

	(void)state;
	wire_put_u8(&writer, 0x01);
	wire_put_u16(&writer, 0x0203);
	wire_put_u32(&writer, 0x84050607);
	assert_int_equal(wire_room(&writer), 2);
	wire_put_span(&writer, (struct wire_span){(const uint8_t *)"xy", 2});
	assert_false(writer.failed);
	assert_int_equal(wire_written(&writer), sizeof(expected));
	assert_memory_equal(heap, expected, sizeof(expected));
	assert_ptr_equal(wire_writer_span(&writer).bytes, heap);
	assert_int_equal(wire_writer_span(&writer).length, sizeof(expected));
	free(heap);
}

static void writer_without_room_writes_nothing_more(void **state)
{
	uint8_t *heap = memory_allocate_zero(3, 1);
	struct wire_writer writer = wire_writer_init(heap, 3);

	(void)state;
	wire_put_u16(&writer, 0x0102);
	wire_put_u32(&writer, 0x03040506);
	assert_true(writer.failed);
	/* There would be room for one byte, but the error is sticky. */
	wire_put_u8(&writer, 7);
	wire_put_bytes(&writer, "", 0);
	assert_null(wire_reserve(&writer, 1));
	assert_int_equal(wire_written(&writer), 2);
	assert_int_equal(heap[2], 0);
	free(heap);
}

static void reserved_bytes_are_filled_in_later(void **state)
{
	uint8_t bytes[6];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));
	uint8_t *length = wire_reserve(&writer, 2);

	(void)state;
	assert_non_null(length);
	wire_put_u32(&writer, 0);
	wire_store_u16(length, (uint16_t)(wire_written(&writer) - 2));
	assert_int_equal(wire_load_u16(bytes), 4);
	wire_store_u32(bytes + 2, 0xfffefdfc);
	assert_int_equal(wire_load_u32(bytes + 2), 0xfffefdfc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reader_takes_numbers_in_network_order),
	    cmocka_unit_test(reader_fails_at_the_end_and_stays_failed),
	    cmocka_unit_test(reader_refuses_a_length_near_the_maximum),
	    cmocka_unit_test(empty_reader_yields_nothing),
	    cmocka_unit_test(inner_reader_ends_at_its_length),
	    cmocka_unit_test(inner_reader_of_a_failed_one_is_failed),
	    cmocka_unit_test(spans_compare_by_content),
	    cmocka_unit_test(writer_puts_numbers_in_network_order),
	    cmocka_unit_test(writer_without_room_writes_nothing_more),
	    cmocka_unit_test(reserved_bytes_are_filled_in_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
