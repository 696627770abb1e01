/*
 * Nothing here fails: what is missing shows as "-", as the daemon may be of another version.
 */
#include "kbgpctl/format.h"

#include <stdarg.h>
#include <string.h>

enum { LABEL_WIDTH = 18 };

const char *format_string(const json_t *object, const char *key)
{
	const char *string = json_string_value(json_object_get(object, key));

	return string ? string : "-";
}

long long format_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool format_is_null(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return !value || json_is_null(value);
}

/* A fraction of a second, or a metric that is too large for an integer. */
static void append_real(struct text *text, double number)
{
	text_append(text, number < 1e9 ? "%.12g" : "%.0f", number);
}

static void append_scalar(struct text *text, const json_t *value)
{
	if (json_is_string(value))
		text_append(text, "%s", json_string_value(value));
	else if (json_is_integer(value))
		text_append(text, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		append_real(text, json_real_value(value));
	else if (json_is_boolean(value))
		text_append(text, "%s", json_is_true(value) ? "yes" : "no");
	else
		text_append(text, "-");
}

void format_append(struct text *text, const json_t *value, const char *separator)
{
	const size_t count = json_array_size(value);

	if (!json_is_array(value) || !count) {
		append_scalar(text, value);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		text_append(text, "%s", i ? separator : "");
		append_scalar(text, json_array_get(value, i));
	}
}

void format_append_as_path(struct text *text, const json_t *path)
{
	for (size_t i = 0; i < json_array_size(path); i++) {
		const json_t *item = json_array_get(path, i);

		text_append(text, "%s%s", i ? " " : "", json_is_array(item) ? "{" : "");
		format_append(text, item, " ");
		text_append(text, "%s", json_is_array(item) ? "}" : "");
	}
}

void format_append_peer_address(struct text *text, const json_t *peer)
{
	if (format_is_null(peer, "interface"))
		text_append(text, "%s", format_string(peer, "address"));
	else if (format_is_null(peer, "address"))
		text_append(text, "%s", format_string(peer, "interface"));
	else
		text_append(text, "%s%%%s", format_string(peer, "address"),
		    format_string(peer, "interface"));
}

void format_append_duration(struct text *text, long long seconds)
{
	const long long minutes = seconds / 60;
	const long long hours = minutes / 60;

	if (!minutes)
		text_append(text, "%llds", seconds);
	else if (!hours)
		text_append(text, "%lldm%02llds", minutes, seconds % 60);
	else if (hours < 24)
		text_append(text, "%lldh%02lldm", hours, minutes % 60);
	else
		text_append(text, "%lldd%02lldh", hours / 24, hours % 24);
}

void format_append_bytes(struct text *text, long long bytes)
{
	static const char *const units[] = {"kB", "MB", "GB"};
	double number = (double)bytes / 1000.0;
	size_t unit = 0;

	for (; number >= 1000.0 && unit < 2; unit++)
		number /= 1000.0;
	text_append(text, "%.1f %s", number, units[unit]);
}

void format_print_text(FILE *file, const char *text)
{
	do {
		const size_t length = strcspn(text, "\n");
		struct text line = {0};
		struct text visible = {0};

		text_append_bytes(&line, text, length);
		text_append_visible(&visible, line.string);
		fprintf(file, "%s\n", visible.string);
		text_free(&line);
		text_free(&visible);
		text += length + (text[length] == '\n');
	} while (*text);
}

void format_print_line(FILE *file, const char *label, const char *format, ...)
{
	struct text visible = {0};
	va_list arguments;

	va_start(arguments, format);
	text_append_visible_list(&visible, format, arguments);
	va_end(arguments);
	fprintf(file, "%-*s%s\n", LABEL_WIDTH, label, visible.string);
	text_free(&visible);
}
