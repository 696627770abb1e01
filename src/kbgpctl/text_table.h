/*
 * Aligned columns of text for people.  The widths are those of the first rows, which are held back
 * until there are enough; a later cell that is wider moves its own row only.  So a table of a
 * million rows is printed as it comes.
 */
#ifndef KBGPCTL_TEXT_TABLE_H
#define KBGPCTL_TEXT_TABLE_H

#include <stddef.h>
#include <stdio.h>

#define TEXT_TABLE_COLUMNS_MAX 12

struct text_table {
	FILE *file;
	const char *const *titles; /* a '>' in front: the column is aligned to the right */
	size_t columns;
	size_t width[TEXT_TABLE_COLUMNS_MAX];
	char **cells; /* held back, row by row */
	size_t count;
	size_t capacity;
	size_t printed_rows;
};

/* Borrows the titles, NULL at the end. */
void text_table_begin(struct text_table *table, FILE *file, const char *const *titles);
/* The next cell of the row; a row is complete with its last cell.  Control characters are made
 * visible. */
void text_table_add(struct text_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints what is held back; `empty` if there was no row at all. */
void text_table_end(struct text_table *table, const char *empty);

#endif
