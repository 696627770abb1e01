/*
 * Errors as one line of text.  A fixed buffer in the caller's frame holds it, so that reporting a
 * failure allocates nothing and owns nothing; the price is that a very long text is cut.  Context
 * goes in front: the outermost caller, which knows the file or the peer, comes first.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *error, const char *format, ...)
{
	va_list arguments;

	if (!error)
		return false;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	return false;
}

bool error_prepend(struct error *error, const char *format, ...)
{
	char inner[ERROR_TEXT_MAX];
	va_list arguments;
	size_t length;

	if (!error)
		return false;
	memcpy(inner, error->text, sizeof(inner));
	inner[sizeof(inner) - 1] = '\0';
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	length = strlen(error->text);
	snprintf(error->text + length, sizeof(error->text) - length, ": %s", inner);
	return false;
}
