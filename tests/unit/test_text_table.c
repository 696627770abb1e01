/* Aligned tables of kbgpctl. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kbgpctl/text_table.h"

static const char *const titles[] = {"NAME", ">COUNT", "TEXT", NULL};

struct capture {
	FILE *file;
	char *text;
	size_t size;
	struct text_table table;
};

static int begin(void **state)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	capture->file = open_memstream(&capture->text, &capture->size);
	text_table_begin(&capture->table, capture->file, titles);
	*state = capture;
	return 0;
}

static int end(void **state)
{
	struct capture *capture = *state;

	fclose(capture->file);
	free(capture->text);
	free(capture);
	return 0;
}

static void add_row(struct capture *capture, const char *name, int count, const char *text)
{
	text_table_add(&capture->table, "%s", name);
	text_table_add(&capture->table, "%d", count);
	text_table_add(&capture->table, "%s", text);
}

static const char *finish(struct capture *capture)
{
	text_table_end(&capture->table, "None.");
	fflush(capture->file);
	return capture->text;
}

static void test_columns_are_as_wide_as_their_widest_cell(void **state)
{
	add_row(*state, "a", 1, "x");
	add_row(*state, "longer", 1234567, "y");
	assert_string_equal(finish(*state), "NAME      COUNT  TEXT\n"
					    "a             1  x\n"
					    "longer  1234567  y\n");
}

static void test_no_line_ends_in_spaces(void **state)
{
	add_row(*state, "a", 1, "");
	add_row(*state, "b", 2, "text");
	assert_string_equal(finish(*state), "NAME  COUNT  TEXT\n"
					    "a         1\n"
					    "b         2  text\n");
}

static void test_empty_cells_keep_the_others_in_place(void **state)
{
	add_row(*state, "", 7, "x");
	assert_string_equal(finish(*state), "NAME  COUNT  TEXT\n"
					    "          7  x\n");
}

static void test_a_character_of_several_bytes_is_one_column(void **state)
{
	add_row(*state, "Z\xc3\xbcrich", 1, "x");
	add_row(*state, "Berlin", 2, "y");
	assert_string_equal(finish(*state), "NAME    COUNT  TEXT\n"
					    "Z\xc3\xbcrich      1  x\n"
					    "Berlin      2  y\n");
}

static void test_control_characters_are_made_visible(void **state)
{
	add_row(*state, "a\x1b[2J", 1, "x\ny");
	assert_string_equal(finish(*state), "NAME      COUNT  TEXT\n"
					    "a\\x1b[2J      1  x\\x0ay\n");
}

static void test_a_table_without_rows_says_so(void **state)
{
	assert_string_equal(finish(*state), "None.\n");
}

static void test_many_rows_are_printed_before_the_end(void **state)
{
	struct capture *capture = *state;

	for (int i = 0; i < 1000; i++)
		add_row(capture, "name", i, "x");
	fflush(capture->file);
	assert_int_equal(strncmp(capture->text, "NAME  COUNT  TEXT\nname      0  x\n", 33), 0);
	assert_non_null(strstr(capture->text, "name    999  x\n"));
	/* Later rows use the widths of the first, and move their own row only. */
	add_row(capture, "a longer name", 1, "x");
	add_row(capture, "b", 2, "y");
	assert_non_null(strstr(finish(capture), "\na longer name      1  x\nb         2  y\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_columns_are_as_wide_as_their_widest_cell, begin, end),
	    cmocka_unit_test_setup_teardown(test_no_line_ends_in_spaces, begin, end),
	    cmocka_unit_test_setup_teardown(test_empty_cells_keep_the_others_in_place, begin, end),
	    cmocka_unit_test_setup_teardown(
		test_a_character_of_several_bytes_is_one_column, begin, end),
	    cmocka_unit_test_setup_teardown(test_control_characters_are_made_visible, begin, end),
	    cmocka_unit_test_setup_teardown(test_a_table_without_rows_says_so, begin, end),
	    cmocka_unit_test_setup_teardown(test_many_rows_are_printed_before_the_end, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
