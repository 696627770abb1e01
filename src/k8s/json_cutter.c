/*
 * A push-down automaton over bytes: what may come next, and a stack of the containers that are open.
 * Runs inside of strings are found and copied at once; everything else goes byte by byte.
 *
 * Each byte goes to one of two texts: the item that is being gathered, or the document around it.
 * A member that nobody uses goes to neither.  To leave no comma too much or too few behind, the
 * comma before a member is written only once it is known that the member is kept.
 *
 * The path of a member is kept in one buffer, of which each open container knows how much is its
 * own.  Below a path that is too long to be in the table nothing is noted any more.
 */
#include "k8s/json_cutter.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define NOT_TRACKED SIZE_MAX
#define NOT_SKIPPING SIZE_MAX
/* What a text may keep of the memory of a large value. */
#define KEPT_MAX 65536

enum expectation {
	EXPECT_DOCUMENT,
	EXPECT_VALUE,
	EXPECT_VALUE_OR_END, /* "[" was the last */
	EXPECT_KEY, /* "," */
	EXPECT_KEY_OR_END, /* "{" */
	EXPECT_COLON,
	EXPECT_COMMA_OR_END,
	IN_KEY,
	IN_STRING,
	IN_SCALAR, /* a number, true, false or null */
	EXPECT_NOTHING /* it was no JSON, or the receiver had enough */
};

/* A container that is open. */
struct level {
	bool array;
	bool items; /* its members are cut out */
	bool comma; /* an object's member has to be separated from one that was kept */
	bool skipped; /* the member that is read is left out */
	size_t path; /* length of the path of what is in it; NOT_TRACKED */
};

/* Where bytes go. */
struct output {
	struct text text;
	bool full;
};

struct json_cutter {
	struct json_cutter_settings settings;
	size_t inside_length;
	enum expectation expect;
	bool escaped; /* the next byte of the string is not its end */
	struct level levels[JSON_CUTTER_DEPTH_MAX]; /* from 1: the root is at 1 */
	size_t depth;
	size_t skip_depth; /* depth at which the value is that is left out */
	bool in_item;
	struct output document;
	struct output item;
	size_t key_mark; /* length of the text before the member that begins */
	size_t path_length; /* NOT_TRACKED: too long */
	char path[JSON_CUTTER_PATH_MAX];
	const char *problem;
};

struct json_cutter *json_cutter_new(const struct json_cutter_settings *settings)
{
	struct json_cutter *cutter = memory_allocate_zero(1, sizeof(*cutter));

	cutter->settings = *settings;
	cutter->inside_length = settings->inside ? strlen(settings->inside) : 0;
	cutter->skip_depth = NOT_SKIPPING;
	return cutter;
}

/* It may have been a Secret. */
static void free_text(struct text *text)
{
	if (text->string)
		explicit_bzero(text->string, text->capacity);
	text_free(text);
}

void json_cutter_free(struct json_cutter *cutter)
{
	if (!cutter)
		return;
	free_text(&cutter->document.text);
	free_text(&cutter->item.text);
	free(cutter);
}

static bool refuse(struct json_cutter *cutter, const char *problem)
{
	cutter->expect = EXPECT_NOTHING;
	cutter->problem = problem;
	return false;
}

static struct output *output_of(struct json_cutter *cutter)
{
	return cutter->in_item ? &cutter->item : &cutter->document;
}

static void write_bytes(struct json_cutter *cutter, const char *bytes, size_t length)
{
	struct output *output = output_of(cutter);

	if (cutter->skip_depth != NOT_SKIPPING || output->full)
		return;
	if (length > cutter->settings.limit - output->text.length)
		output->full = true;
	else
		text_append_bytes(&output->text, bytes, length);
}

static bool deliver(struct json_cutter *cutter, struct output *output, enum json_cut what)
{
	const struct json_cutter_settings *settings = &cutter->settings;
	const bool go_on = settings->value(settings->arg, output->full ? JSON_TOO_LARGE : what,
	    output->text.string ? output->text.string : "", output->text.length);

	output->full = false;
	if (output->text.capacity > KEPT_MAX)
		free_text(&output->text);
	else
		text_clear(&output->text);
	return go_on || refuse(cutter, NULL);
}

/* Paths */

static void extend_path(struct json_cutter *cutter, const char *bytes, size_t length)
{
	if (cutter->path_length == NOT_TRACKED)
		return;
	if (length > sizeof(cutter->path) - cutter->path_length) {
		cutter->path_length = NOT_TRACKED;
		return;
	}
	memcpy(cutter->path + cutter->path_length, bytes, length);
	cutter->path_length += length;
}

static bool path_is(const struct json_cutter *cutter, const char *path)
{
	return strlen(path) == cutter->path_length &&
	       !memcmp(cutter->path, path, cutter->path_length);
}

static bool is_unused(const struct json_cutter *cutter)
{
	const char *const *unused = cutter->settings.unused;
	const size_t inside = cutter->inside_length;

	if (!unused || cutter->path_length == NOT_TRACKED || cutter->path_length <= inside ||
	    cutter->in_item != cutter->settings.cut_items)
		return false;
	if (inside && memcmp(cutter->path, cutter->settings.inside, inside))
		return false;
	for (; *unused; unused++) {
		if (strlen(*unused) == cutter->path_length - inside &&
		    !memcmp(cutter->path + inside, *unused, cutter->path_length - inside))
			return true;
	}
	return false;
}

/* Values and what holds them */

static void begin_value(struct json_cutter *cutter)
{
	const struct level *level = &cutter->levels[cutter->depth];

	if (!cutter->depth) {
		cutter->path_length = 0;
	} else if (level->items) {
		cutter->in_item = true;
		cutter->path_length = 0;
	} else if (level->array) {
		cutter->path_length = level->path;
	}
}

static bool end_value(struct json_cutter *cutter)
{
	cutter->expect = cutter->depth ? EXPECT_COMMA_OR_END : EXPECT_DOCUMENT;
	if (cutter->skip_depth == cutter->depth)
		cutter->skip_depth = NOT_SKIPPING;
	if (!cutter->depth)
		return deliver(cutter, &cutter->document, JSON_DOCUMENT);
	if (!cutter->levels[cutter->depth].items)
		return true;
	cutter->in_item = false;
	return deliver(cutter, &cutter->item, JSON_ITEM);
}

static bool open_container(struct json_cutter *cutter, bool array)
{
	const bool is_items =
	    array && cutter->settings.cut_items && cutter->depth == 1 && path_is(cutter, "items");
	struct level *level;

	if (cutter->depth + 1 == JSON_CUTTER_DEPTH_MAX)
		return refuse(cutter, "it is nested too deeply");
	if (cutter->path_length)
		extend_path(cutter, array ? "[]" : ".", array ? 2 : 1);
	level = &cutter->levels[++cutter->depth];
	*level = (struct level){.array = array, .items = is_items, .path = cutter->path_length};
	write_bytes(cutter, array ? "[" : "{", 1);
	cutter->expect = array ? EXPECT_VALUE_OR_END : EXPECT_KEY_OR_END;
	return true;
}

static bool close_container(struct json_cutter *cutter, char bracket)
{
	if (cutter->levels[cutter->depth].array != (bracket == ']'))
		return refuse(cutter, "a bracket does not match");
	write_bytes(cutter, &bracket, 1);
	cutter->depth--;
	return end_value(cutter);
}

static void begin_key(struct json_cutter *cutter)
{
	struct level *level = &cutter->levels[cutter->depth];

	cutter->expect = IN_KEY;
	cutter->key_mark = output_of(cutter)->text.length;
	cutter->path_length = level->path;
	if (level->comma)
		write_bytes(cutter, ",", 1);
	write_bytes(cutter, "\"", 1);
}

static void end_key(struct json_cutter *cutter)
{
	struct level *level = &cutter->levels[cutter->depth];
	struct text *text = &output_of(cutter)->text;

	cutter->expect = EXPECT_COLON;
	write_bytes(cutter, "\"", 1);
	if (cutter->skip_depth == NOT_SKIPPING && is_unused(cutter)) {
		text->length = cutter->key_mark;
		cutter->skip_depth = cutter->depth;
		level->skipped = true;
		return;
	}
	level->comma = false;
}

static void take_comma(struct json_cutter *cutter)
{
	struct level *level = &cutter->levels[cutter->depth];

	cutter->expect = level->array ? EXPECT_VALUE : EXPECT_KEY;
	if (level->array && !level->items)
		write_bytes(cutter, ",", 1);
	if (!level->array && !level->skipped)
		level->comma = true;
	level->skipped = false;
}

/* Bytes */

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static bool is_scalar(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || byte == '-' ||
	       byte == '+' || byte == '.' || byte == 'E';
}

static bool take_value(struct json_cutter *cutter, char byte)
{
	if (byte == ']' && cutter->expect == EXPECT_VALUE_OR_END)
		return close_container(cutter, byte);
	begin_value(cutter);
	if (byte == '{' || byte == '[')
		return open_container(cutter, byte == '[');
	if (byte == '"')
		cutter->expect = IN_STRING;
	else if (is_scalar(byte))
		cutter->expect = IN_SCALAR;
	else
		return refuse(cutter, "a value is missing");
	write_bytes(cutter, &byte, 1);
	return true;
}

static bool take_key_or_end(struct json_cutter *cutter, char byte)
{
	if (byte == '}' && cutter->expect == EXPECT_KEY_OR_END)
		return close_container(cutter, byte);
	if (byte != '"')
		return refuse(cutter, "a key is missing");
	begin_key(cutter);
	return true;
}

static bool take_comma_or_end(struct json_cutter *cutter, char byte)
{
	if (byte == '}' || byte == ']')
		return close_container(cutter, byte);
	if (byte != ',')
		return refuse(cutter, "a comma is missing");
	take_comma(cutter);
	return true;
}

static bool take_colon(struct json_cutter *cutter, char byte)
{
	if (byte != ':')
		return refuse(cutter, "a colon is missing");
	write_bytes(cutter, ":", 1);
	cutter->expect = EXPECT_VALUE;
	return true;
}

static bool take_byte(struct json_cutter *cutter, char byte)
{
	if (is_space(byte))
		return true;
	switch (cutter->expect) {
	case EXPECT_DOCUMENT:
		if (byte != '{')
			return refuse(cutter, "it does not begin with a brace");
		return take_value(cutter, byte);
	case EXPECT_VALUE:
	case EXPECT_VALUE_OR_END:
		return take_value(cutter, byte);
	case EXPECT_KEY:
	case EXPECT_KEY_OR_END:
		return take_key_or_end(cutter, byte);
	case EXPECT_COLON:
		return take_colon(cutter, byte);
	case EXPECT_COMMA_OR_END:
		return take_comma_or_end(cutter, byte);
	default:
		return false;
	}
}

/* Takes what is of the string that is read; returns how many bytes. */
static size_t take_string(struct json_cutter *cutter, const char *bytes, size_t length, bool *good)
{
	const bool is_key = cutter->expect == IN_KEY;
	size_t end = 0;

	if (cutter->escaped) {
		cutter->escaped = false;
		end = 1;
	}
	while (end < length && bytes[end] != '"' && bytes[end] != '\\')
		end++;
	write_bytes(cutter, bytes, end);
	if (is_key)
		extend_path(cutter, bytes, end);
	if (end == length)
		return end;
	if (bytes[end] == '\\') {
		cutter->escaped = true;
		write_bytes(cutter, "\\", 1);
		if (is_key)
			extend_path(cutter, "\\", 1);
	} else if (is_key) {
		end_key(cutter);
	} else {
		write_bytes(cutter, "\"", 1);
		*good = end_value(cutter);
	}
	return end + 1;
}

/* A scalar ends before the first byte that is not of it. */
static size_t take_scalar(struct json_cutter *cutter, const char *bytes, size_t length, bool *good)
{
	size_t end = 0;

	while (end < length && is_scalar(bytes[end]))
		end++;
	write_bytes(cutter, bytes, end);
	if (end < length)
		*good = end_value(cutter);
	return end;
}

bool json_cutter_read(
    struct json_cutter *cutter, const char *bytes, size_t length, const char **problem)
{
	bool good = cutter->expect != EXPECT_NOTHING;

	for (size_t at = 0; good && at < length;) {
		if (cutter->expect == IN_KEY || cutter->expect == IN_STRING)
			at += take_string(cutter, bytes + at, length - at, &good);
		else if (cutter->expect == IN_SCALAR)
			at += take_scalar(cutter, bytes + at, length - at, &good);
		else
			good = take_byte(cutter, bytes[at++]);
	}
	*problem = cutter->problem;
	return good;
}

bool json_cutter_is_between(const struct json_cutter *cutter)
{
	return cutter->expect == EXPECT_DOCUMENT;
}
