/*
 * The words that follow a command's name, checked against its synopsis, the very text that the
 * usage message shows: "NAME|ADDRESS|all [--soft-in|--soft-out|--hard] [--message TEXT]".  In it
 * stand at most one positional argument, first, in capitals (in brackets if it may be left out),
 * and groups of options in brackets, of which at most one each may be given; an option with a word
 * behind it takes a value.  Pure; called by commands.c and read by the commands.
 */
#ifndef CONTROL_ARGUMENTS_H
#define CONTROL_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define ARGUMENTS_OPTIONS_MAX 8

/* Borrows the words and the synopsis. */
struct arguments {
	const char *positional; /* NULL: not given */
	size_t option_count;
	struct arguments_option {
		const char *name; /* in the synopsis, "--" included, up to name_length */
		size_t name_length;
		const char *value; /* "" for an option without one */
		const char *group; /* its bracket in the synopsis */
	} options[ARGUMENTS_OPTIONS_MAX];
};

/* Both `--option VALUE` and `--option=VALUE`; false and the error if the words do not fit. */
bool arguments_parse(const char *synopsis, const char *const *words, size_t count,
    struct arguments *arguments, struct error *error);
/* The value of the option ("--peer"), "" if it takes none, or NULL if it was not given. */
const char *arguments_option(const struct arguments *arguments, const char *name);

#endif
