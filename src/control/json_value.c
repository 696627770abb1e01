/*
 * Thin wrappers over jansson, which refuses strings that are not UTF-8 and then poisons the whole
 * object; here such a string is escaped instead.  Keys keep the order in which they were set, so
 * the output is stable.  Out of memory ends the process, as everywhere in this tree.
 */
#include "control/json_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Jansson returns NULL only for lack of memory, as all that goes in was checked. */
static json_t *need(json_t *value)
{
	if (!value)
		abort();
	return value;
}

json_t *json_value_text(const char *string)
{
	struct text visible = {0};
	json_t *value;

	if (!string)
		return json_null();
	value = json_string(string);
	if (value)
		return value;
	text_append_visible(&visible, string);
	value = need(json_string(visible.string));
	text_free(&visible);
	return value;
}

json_t *json_value_number(uint64_t number)
{
	if (number > INT64_MAX)
		return need(json_real((double)number));
	return need(json_integer((json_int_t)number));
}

json_t *json_value_seconds(uint64_t milliseconds)
{
	if (milliseconds % 1000)
		return need(json_real((double)milliseconds / 1000.0));
	return json_value_number(milliseconds / 1000);
}

json_t *json_value_address(const struct ip_address *address)
{
	char text[IP_TEXT_MAX];

	if (ip_address_is_unspecified(address))
		return json_null();
	return need(json_string(ip_address_print(address, text)));
}

json_t *json_value_prefix(const struct ip_prefix *prefix)
{
	char text[IP_TEXT_MAX];

	return need(json_string(ip_prefix_print(prefix, text)));
}

json_t *json_value_quad(const uint8_t bytes[static 4])
{
	const struct ip_address address = ip_address_from_bytes(IPV4, bytes);
	char text[IP_TEXT_MAX];

	return need(json_string(ip_address_print(&address, text)));
}

json_t *json_value_quad_number(uint32_t host_order)
{
	const struct ip_address address = ip_address_from_ipv4(host_order);
	char text[IP_TEXT_MAX];

	return need(json_string(ip_address_print(&address, text)));
}

json_t *json_value_time(uint64_t seconds)
{
	const time_t when = (time_t)seconds;
	struct tm parts;
	char text[32];

	if (!seconds || !gmtime_r(&when, &parts))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	return need(json_string(text));
}

json_t *json_value_list(const char *string)
{
	json_t *list = need(json_array());

	while (*string) {
		const char *end = strstr(string, ", ");
		const size_t length = end ? (size_t)(end - string) : strlen(string);

		json_array_append_new(list, json_stringn(string, length));
		string += end ? length + 2 : length;
	}
	return list;
}

void json_set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		abort();
}

void json_set_text(json_t *object, const char *key, const char *string)
{
	json_set(object, key, json_value_text(string));
}

void json_set_number(json_t *object, const char *key, uint64_t number)
{
	json_set(object, key, json_value_number(number));
}

void json_set_bool(json_t *object, const char *key, bool value)
{
	json_set(object, key, json_boolean(value));
}

static int append_bytes(const char *bytes, size_t length, void *arg)
{
	text_append_bytes(arg, bytes, length);
	return 0;
}

void json_append(struct text *text, json_t *value)
{
	/* 15 digits: 0.3 stays what it is. */
	json_dump_callback(value, append_bytes, text, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(value);
}

void json_append_line(struct text *text, json_t *value)
{
	json_append(text, value);
	text_append_bytes(text, "\n", 1);
}
