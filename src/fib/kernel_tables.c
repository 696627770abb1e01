/*
 * A table that a new rule leads to is kept from then on, but what it had before is told by a dump
 * only.  Until that is over it is kept and not known: the rule does not count yet, rather than lead
 * into a table that is half there.
 */
#include "fib/kernel_tables.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "base/memory.h"

void kernel_tables_release(struct kernel_tables *tables)
{
	free(tables->items);
}

/* NULL: it is not kept, or it is the main one, which always is. */
static const struct kernel_table *find(const struct kernel_tables *tables, uint32_t table)
{
	size_t i;

	if (table == tables->own.table)
		return &tables->own;
	for (i = 0; i < tables->count; i++) {
		if (tables->items[i].table == table)
			return &tables->items[i];
	}
	return NULL;
}

bool kernel_tables_keep(const struct kernel_tables *tables, uint32_t table)
{
	return table == RT_TABLE_MAIN || find(tables, table);
}

bool kernel_tables_know(const struct kernel_tables *tables, uint32_t table, uint32_t generation)
{
	const struct kernel_table *item = find(tables, table);

	return table == RT_TABLE_MAIN || (item && item->since < generation);
}

bool kernel_tables_add(struct kernel_tables *tables, uint32_t table, uint32_t since)
{
	if (kernel_tables_keep(tables, table))
		return false;
	tables->items = memory_grow(
	    tables->items, &tables->capacity, tables->count + 1, sizeof(*tables->items));
	tables->items[tables->count++] = (struct kernel_table){table, since};
	return true;
}

void kernel_tables_move(struct kernel_tables *tables, uint32_t own, uint32_t since)
{
	const struct kernel_table *known = find(tables, own);
	const struct kernel_table now = {own, known ? known->since : since};
	const struct kernel_table left = tables->own;

	tables->own = now;
	kernel_tables_add(tables, left.table, left.since);
}

void kernel_tables_drop_unused(struct kernel_tables *tables, const struct kernel_rules *rules)
{
	size_t kept = 0;
	size_t i;

	for (i = 0; i < tables->count; i++) {
		if (kernel_rules_lead_to(rules, tables->items[i].table))
			tables->items[kept++] = tables->items[i];
	}
	tables->count = kept;
}
