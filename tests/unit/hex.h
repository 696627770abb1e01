/*
 * Bytes from text for the vectors of the codec tests: "0a ff" with blanks where they help, and
 * "x*16" to repeat an octet.  A fixed arena of static size would hide over-reads, so every vector
 * is a heap block of its exact length, which the address sanitizer guards.
 */
#ifndef TESTS_HEX_H
#define TESTS_HEX_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/wire.h"

static inline int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The bytes of `text` in a block of their own; free `bytes` when done. */
static inline struct wire_span hex_bytes(const char *text)
{
	uint8_t *buffer = NULL;
	size_t capacity = 0, length = 0;
	uint8_t *exact;

	while (*text) {
		long times = 1;
		int high = hex_digit(text[0]), low;

		if (*text == ' ') {
			text++;
			continue;
		}
		low = hex_digit(text[1]);
		if (high < 0 || low < 0) {
			fprintf(stderr, "bad vector at \"%s\"\n", text);
			abort();
		}
		text += 2;
		if (*text == '*')
			times = strtol(text + 1, (char **)&text, 10);
		buffer = memory_grow(buffer, &capacity, length + (size_t)times, 1);
		for (; times > 0; times--)
			buffer[length++] = (uint8_t)(high << 4 | low);
	}
	exact = memory_allocate(length ? length : 1);
	if (length)
		memcpy(exact, buffer, length);
	free(buffer);
	return (struct wire_span){exact, length};
}

static inline void hex_free(struct wire_span span)
{
	free((void *)span.bytes);
}

/* Fails with both sides as hex if the bytes are not those of `text`. */
static inline void hex_assert(const char *name, struct wire_span got, const char *text)
{
	struct wire_span want = hex_bytes(text);

	if (!wire_span_equal(got, want)) {
		fprintf(stderr, "%s: got ", name);
		for (size_t i = 0; i < got.length; i++)
			fprintf(stderr, "%02x", got.bytes[i]);
		fprintf(stderr, "\n   want ");
		for (size_t i = 0; i < want.length; i++)
			fprintf(stderr, "%02x", want.bytes[i]);
		fprintf(stderr, "\n");
		hex_free(want);
		fail_msg("%s: bytes differ", name);
	}
	hex_free(want);
}

#endif
