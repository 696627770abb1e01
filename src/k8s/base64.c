/*
 * OpenSSL decodes; what it lets pass is looked at before: padding that is not at the end, and a
 * last group that is cut short.
 */
#include "k8s/base64.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Without the ends of lines. */
static char *join_lines(const char *text, size_t *length)
{
	char *joined = memory_allocate(strlen(text) + 1);

	*length = 0;
	for (; *text; text++) {
		if (*text != '\r' && *text != '\n')
			joined[(*length)++] = *text;
	}
	joined[*length] = '\0';
	return joined;
}

char *k8s_base64_decode(const char *text, size_t *length)
{
	size_t size;
	char *joined = join_lines(text, &size);
	const size_t letters = strspn(joined, alphabet);
	const size_t padding = strspn(joined + letters, "=");
	char *bytes = NULL;

	*length = 0;
	if (letters + padding == size && padding <= 2 && size % 4 == 0 && size < INT_MAX) {
		bytes = memory_allocate(size / 4 * 3 + 1);
		EVP_DecodeBlock((unsigned char *)bytes, (unsigned char *)joined, (int)size);
		*length = size / 4 * 3 - padding;
		bytes[*length] = '\0';
	}
	explicit_bzero(joined, size);
	free(joined);
	return bytes;
}
