/*
 * How the load generator ends when the daemon did something wrong, or the user did: one line on
 * standard error, and exit status 1.  A measurement that went wrong has no result, so nothing is
 * carried on or cleaned up.
 */
#ifndef LOAD_FAIL_H
#define LOAD_FAIL_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((format(printf, 1, 2))) static inline _Noreturn void load_fail(
    const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

#endif
