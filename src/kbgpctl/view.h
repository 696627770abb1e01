/*
 * How each answer of the daemon looks for people: a view by the name that the answer carries, in
 * one table.  An answer is one value, or rows one by one.  Called by kbgpctl's main.
 */
#ifndef KBGPCTL_VIEW_H
#define KBGPCTL_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "kbgpctl/text_table.h"

struct view_output {
	FILE *file;
	struct text_table table; /* for views with rows */
	json_t *rows; /* held back by views that need all of them at once */
};

struct view {
	const char *name;
	bool live; /* rows are events: each is shown as it comes, also as JSON */
	/* Any of them may be NULL. */
	void (*begin)(struct view_output *output);
	void (*row)(struct view_output *output, const json_t *row);
	void (*end)(struct view_output *output);
	void (*value)(struct view_output *output, const json_t *value);
};

/* NULL if the name is not known: a daemon of another version. */
const struct view *view_find(const char *name);

#endif
