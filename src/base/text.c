/*
 * A string that grows.  Formatting is tried in the room that is there and repeated only when it
 * does not fit.  The two escaping appends share one UTF-8 decoder: text from a neighbour or a file
 * (a shutdown message, a name) must neither break JSON nor steer a terminal.
 */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* For a string that ends with a NUL: that is no continuation, so nothing behind it is read. */
enum { UTF8_LENGTH_MAX = 4 };

/* Makes room for `more` bytes and the NUL. */
static void make_room(struct text *text, size_t more)
{
	text->string = memory_grow(text->string, &text->capacity, text->length + more + 1, 1);
}

void text_append(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_append_list(text, format, arguments);
	va_end(arguments);
}

void text_append_list(struct text *text, const char *format, va_list arguments)
{
	va_list again;
	int length;

	make_room(text, 0);
	va_copy(again, arguments);
	length = vsnprintf(
	    text->string + text->length, text->capacity - text->length, format, arguments);
	if (length < 0) {
		/* Nothing of it can be shown; what was there stays. */
		text->string[text->length] = '\0';
		length = 0;
	} else if ((size_t)length >= text->capacity - text->length) {
		make_room(text, (size_t)length);
		vsnprintf(
		    text->string + text->length, text->capacity - text->length, format, again);
	}
	va_end(again);
	text->length += (size_t)length;
}

void text_append_bytes(struct text *text, const char *bytes, size_t length)
{
	make_room(text, length);
	if (length)
		memcpy(text->string + text->length, bytes, length);
	text->length += length;
	text->string[text->length] = '\0';
}

/* Bytes of the UTF-8 sequence that this byte begins; 0 if it begins none. */
static size_t utf8_length(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if ((first & 0xe0) == 0xc0)
		return 2;
	if ((first & 0xf0) == 0xe0)
		return 3;
	return (first & 0xf8) == 0xf0 ? 4 : 0;
}

size_t text_decode_utf8(const char *string, size_t left, uint32_t *code)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *bytes = (const uint8_t *)string;
	const size_t length = utf8_length(bytes[0]);

	*code = bytes[0];
	if (length < 2)
		return length;
	if (length > left)
		return 0;
	*code &= 0x7fu >> length;
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (bytes[i] & 0x3f);
	}
	if (*code < smallest[length] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return length;
}

void text_append_visible(struct text *text, const char *string)
{
	make_room(text, 0);
	text->string[text->length] = '\0';
	while (*string) {
		uint32_t code;
		size_t length = text_decode_utf8(string, UTF8_LENGTH_MAX, &code);

		if (length && !text_is_control(code)) {
			text_append_bytes(text, string, length);
			string += length;
			continue;
		}
		for (length = length ? length : 1; length; length--)
			text_append(text, "\\x%02x", (unsigned)(uint8_t)*string++);
	}
}

void text_append_visible_list(struct text *text, const char *format, va_list arguments)
{
	struct text plain = {0};

	text_append_list(&plain, format, arguments);
	text_append_visible(text, plain.string);
	text_free(&plain);
}

static void append_json_character(struct text *text, uint32_t code, const char *at, size_t length)
{
	if (code == '"' || code == '\\') {
		text_append_bytes(text, "\\", 1);
		text_append_bytes(text, at, length);
	} else if (code == '\n') {
		text_append_bytes(text, "\\n", 2);
	} else if (code == '\t') {
		text_append_bytes(text, "\\t", 2);
	} else if (text_is_control(code)) {
		text_append(text, "\\u%04x", (unsigned)code);
	} else {
		text_append_bytes(text, at, length);
	}
}

void text_append_json_string(struct text *text, const char *string)
{
	text_append_bytes(text, "\"", 1);
	while (*string) {
		uint32_t code;
		const size_t length = text_decode_utf8(string, UTF8_LENGTH_MAX, &code);

		if (length)
			append_json_character(text, code, string, length);
		else
			text_append_bytes(text, "\xef\xbf\xbd", 3);
		string += length ? length : 1;
	}
	text_append_bytes(text, "\"", 1);
}

void text_clear(struct text *text)
{
	text->length = 0;
	if (text->string)
		text->string[0] = '\0';
}

void text_free(struct text *text)
{
	free(text->string);
	*text = (struct text){NULL, 0, 0};
}
