/*
 * The routing tables whose routes are kept: the main one, ours, and those that rules lead to.
 * Called by kernel_view.c.
 */
#ifndef FIB_KERNEL_TABLES_H
#define FIB_KERNEL_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fib/kernel_rules.h"

struct kernel_table {
	uint32_t table;
	uint32_t since; /* generation of the last dump that may not have told of all of it */
};

struct kernel_tables {
	struct kernel_table own; /* ours */
	struct kernel_table *items; /* others than the main one and ours */
	size_t count;
	size_t capacity;
};

void kernel_tables_release(struct kernel_tables *tables);
/* The routes of the table are kept. */
bool kernel_tables_keep(const struct kernel_tables *tables, uint32_t table);
/* .. and all of them are known, as of the last dump that is over. */
bool kernel_tables_know(const struct kernel_tables *tables, uint32_t table, uint32_t generation);
/* Keeps it from now on, if it is not kept; false if it was. */
bool kernel_tables_add(struct kernel_tables *tables, uint32_t table, uint32_t since);
/* Ours is this one from now on. */
void kernel_tables_move(struct kernel_tables *tables, uint32_t own, uint32_t since);
/* Drops those that no rule leads to any more. */
void kernel_tables_drop_unused(struct kernel_tables *tables, const struct kernel_rules *rules);

#endif
