/*
 * Cells are kept as strings in one array; nothing is printed before HELD_ROWS rows or the end.
 */
#include "kbgpctl/text_table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum { HELD_ROWS = 1000, GAP = 2 };

static bool is_right(const struct text_table *table, size_t column)
{
	return table->titles[column][0] == '>';
}

static const char *title(const struct text_table *table, size_t column)
{
	return table->titles[column] + is_right(table, column);
}

void text_table_begin(struct text_table *table, FILE *file, const char *const *titles)
{
	*table = (struct text_table){.file = file, .titles = titles};
	for (; titles[table->columns]; table->columns++)
		table->width[table->columns] = strlen(title(table, table->columns));
}

/* The columns that people see: bytes that continue a UTF-8 sequence are none. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* Spaces are put out only in front of something, so that no line ends in them. */
static void print_cell(struct text_table *table, size_t column, const char *text, size_t *owed)
{
	const size_t width = text_width(text);
	const size_t missing = width < table->width[column] ? table->width[column] - width : 0;
	const size_t before = *owed + (is_right(table, column) ? missing : 0);

	if (*text)
		fprintf(table->file, "%*s%s", (int)before, "", text);
	*owed = *text ? GAP + (is_right(table, column) ? 0 : missing)
		      : *owed + table->width[column] + GAP;
}

static void print_held(struct text_table *table)
{
	size_t owed = 0;

	if (!table->columns)
		return;
	if (!table->printed_rows && table->count) {
		for (size_t column = 0; column < table->columns; column++)
			print_cell(table, column, title(table, column), &owed);
		fputc('\n', table->file);
	}
	for (size_t i = 0; i < table->count; i++) {
		const size_t column = i % table->columns;

		if (!column)
			owed = 0;
		print_cell(table, column, table->cells[i], &owed);
		if (column + 1 == table->columns) {
			fputc('\n', table->file);
			table->printed_rows++;
		}
		free(table->cells[i]);
	}
	table->count = 0;
}

static void add_cell(struct text_table *table, const char *text)
{
	const size_t column = table->count % table->columns;
	const size_t width = text_width(text);

	if (!table->printed_rows && width > table->width[column])
		table->width[column] = width;
	table->cells =
	    memory_grow(table->cells, &table->capacity, table->count + 1, sizeof(*table->cells));
	table->cells[table->count++] = memory_copy_string(text);
	if (table->count == table->columns * (table->printed_rows ? 1 : HELD_ROWS))
		print_held(table);
}

void text_table_add(struct text_table *table, const char *format, ...)
{
	struct text visible = {0};
	va_list arguments;

	va_start(arguments, format);
	text_append_visible_list(&visible, format, arguments);
	va_end(arguments);
	add_cell(table, visible.string);
	text_free(&visible);
}

void text_table_end(struct text_table *table, const char *empty)
{
	print_held(table);
	if (!table->printed_rows)
		fprintf(table->file, "%s\n", empty);
	free(table->cells);
	*table = (struct text_table){0};
}
