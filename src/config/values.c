/*
 * The types of values.  Each function reads one text completely or refuses it: no trailing
 * characters, no leading zeros (YAML 1.1 would read them as octal), no second spelling of the same
 * thing, no host bits in a prefix.  An error says what the value must be and quotes what it is,
 * so it can be mended without the manual.
 */
#include "config/values.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/memory.h"
#include "bgp/types.h"

struct duration_unit {
	const char *name;
	uint64_t milliseconds;
};

/* "ms" stands before "m", which it begins with. */
static const struct duration_unit duration_units[] = {
    {"ms", 1},
    {"h", 3600000},
    {"m", 60000},
    {"s", 1000},
};

#define DURATION_UNITS (sizeof(duration_units) / sizeof(*duration_units))

/* Reads digits at `*text` and moves past them. */
static bool take_number(const char **text, uint64_t maximum, uint64_t *number)
{
	const char *at = *text;
	uint64_t value = 0;

	if (*at < '0' || *at > '9' || (*at == '0' && at[1] >= '0' && at[1] <= '9'))
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		unsigned digit = (unsigned)(*at - '0');

		if (value > (maximum - digit) / 10 || maximum < digit)
			return false;
		value = value * 10 + digit;
	}
	*text = at;
	*number = value;
	return true;
}

bool value_parse_number(const char *text, uint64_t maximum, uint64_t *number)
{
	return take_number(&text, maximum, number) && !*text;
}

bool value_parse_duration(const char *text, uint32_t *milliseconds)
{
	uint64_t above = UINT64_MAX;
	uint64_t sum = 0;

	if (!strcmp(text, "0")) {
		*milliseconds = 0;
		return true;
	}
	do {
		uint64_t number;
		size_t unit = 0;

		if (!take_number(&text, UINT32_MAX, &number))
			return false;
		while (unit < DURATION_UNITS &&
		       strncmp(text, duration_units[unit].name, strlen(duration_units[unit].name)))
			unit++;
		/* Each unit once, the larger ones first: 1m30s, but not 30s1m. */
		if (unit == DURATION_UNITS || duration_units[unit].milliseconds >= above)
			return false;
		above = duration_units[unit].milliseconds;
		text += strlen(duration_units[unit].name);
		sum += number * duration_units[unit].milliseconds;
		if (sum > UINT32_MAX)
			return false;
	} while (*text);
	*milliseconds = (uint32_t)sum;
	return true;
}

const char *value_print_duration(uint64_t milliseconds, char text[static 32])
{
	unsigned long long value = milliseconds;

	if (value % 1000)
		snprintf(text, 32, "%llums", value);
	else if (value && value % 3600000 == 0)
		snprintf(text, 32, "%lluh", value / 3600000);
	else
		snprintf(text, 32, "%llus", value / 1000);
	return text;
}

bool value_parse_asn(const char *text, uint32_t *asn, struct error *error)
{
	uint64_t number;

	if (!value_parse_number(text, UINT32_MAX, &number))
		return error_set(
		    error, "must be an AS number from 1 to 4294967295, not \"%s\"", text);
	if (!number)
		return error_set(error, "must not be 0, which is no AS (RFC 7607)");
	if (number == BGP_AS_TRANS)
		return error_set(error, "must not be 23456, which is AS_TRANS (RFC 6793)");
	*asn = (uint32_t)number;
	return true;
}

bool value_parse_listen(const char *text, char **host, uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	struct ip_address address;
	char *part;
	uint64_t number;
	bool bracketed;
	bool valid;

	if (!colon || !value_parse_number(colon + 1, 65535, &number) || !number)
		return false;
	*port = (uint16_t)number;
	if (colon == text) {
		*host = memory_copy_string("");
		return true;
	}
	bracketed = *text == '[' && colon[-1] == ']' && colon - text > 2;
	if (bracketed)
		part = memory_copy(text + 1, (size_t)(colon - text));
	else
		part = memory_copy(text, (size_t)(colon - text) + 1);
	part[bracketed ? colon - text - 2 : colon - text] = '\0';
	valid = ip_address_parse(part, &address) && bracketed == (address.family == IPV6);
	if (valid)
		*host = part;
	else
		free(part);
	return valid;
}

static bool read_boolean(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	bool value = !strcmp(text, "true");

	(void)schema;
	(void)key;
	if (!value && strcmp(text, "false"))
		return error_set(error, "must be true or false, not \"%s\"", text);
	memcpy(to, &value, sizeof(value));
	return true;
}

static bool read_number(
    const struct schema_key *key, const char *text, uint64_t *number, struct error *error)
{
	uint64_t maximum = key->maximum ? key->maximum : key->type->limit;

	if (value_parse_number(text, maximum, number) && *number >= key->minimum)
		return true;
	return error_set(error, "must be a number from %llu to %llu, not \"%s\"",
	    (unsigned long long)key->minimum, (unsigned long long)maximum, text);
}

/* The limit of its type says how wide the member is. */
static bool read_integer(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	uint64_t number;

	(void)schema;
	if (!read_number(key, text, &number, error))
		return false;
	if (key->type->limit == UINT8_MAX)
		*(uint8_t *)to = (uint8_t)number;
	else if (key->type->limit == UINT16_MAX)
		*(uint16_t *)to = (uint16_t)number;
	else
		*(uint32_t *)to = (uint32_t)number;
	return true;
}

static bool read_duration(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	uint64_t maximum = key->maximum ? key->maximum : key->type->limit;
	uint32_t milliseconds;
	char low[32];
	char high[32];

	(void)schema;
	if (!value_parse_duration(text, &milliseconds))
		return error_set(
		    error, "must be a duration such as 9s, 300ms or 2m, not \"%s\"", text);
	if (milliseconds < key->minimum || milliseconds > maximum)
		return error_set(error, "must be from %s to %s, not %s",
		    value_print_duration(key->minimum, low), value_print_duration(maximum, high),
		    text);
	*(uint32_t *)to = milliseconds;
	return true;
}

static size_t count_words(const char *const *words)
{
	size_t count = 0;

	while (words[count])
		count++;
	return count;
}

/* The index of the text among the words; else an error that lists them. */
static bool find_word(
    const char *const *words, const char *text, size_t *index, struct error *error)
{
	char list[128] = "";
	size_t count = count_words(words);
	size_t used = 0;

	for (*index = 0; *index < count; ++*index)
		if (!strcmp(words[*index], text))
			return true;
	for (size_t i = 0; i < count && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
		    !i		     ? ""
		    : i == count - 1 ? " or "
				     : ", ",
		    words[i]);
	return error_set(error, "must be %s, not \"%s\"", list, text);
}

static bool read_word(const struct schema *schema, const struct schema_key *key, const char *text,
    void *to, struct error *error)
{
	size_t index;
	unsigned value;

	(void)schema;
	if (!find_word(key->words, text, &index, error))
		return false;
	value = (unsigned)index;
	memcpy(to, &value, sizeof(value));
	return true;
}

static bool read_text(const struct schema *schema, const struct schema_key *key, const char *text,
    void *to, struct error *error)
{
	(void)schema;
	(void)key;
	(void)error;
	*(char **)to = memory_copy_string(text);
	return true;
}

static bool read_path(const struct schema *schema, const struct schema_key *key, const char *text,
    void *to, struct error *error)
{
	if (!*text)
		return error_set(error, "must not be empty");
	return read_text(schema, key, text, to, error);
}

static bool read_name(const struct schema *schema, const struct schema_key *key, const char *text,
    void *to, struct error *error)
{
	size_t length = strlen(text);

	if (!length || length > VALUE_NAME_MAX)
		return error_set(error, "must be a name of 1 to %d characters", VALUE_NAME_MAX);
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return error_set(
			    error, "must be a name without spaces and special characters");
	return read_text(schema, key, text, to, error);
}

/* What the kernel accepts as the name of a network device. */
static bool read_interface(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	size_t length = strlen(text);

	if (!length || length >= IF_NAMESIZE)
		return error_set(error, "must be the name of an interface, of 1 to %d characters",
		    IF_NAMESIZE - 1);
	if (!strcmp(text, ".") || !strcmp(text, ".."))
		return error_set(error, "must be the name of an interface, not \"%s\"", text);
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '/' || text[i] == ':')
			return error_set(error,
			    "must be the name of an interface, without '/', ':', spaces and "
			    "special characters");
	return read_text(schema, key, text, to, error);
}

static bool read_asn(const struct schema *schema, const struct schema_key *key, const char *text,
    void *to, struct error *error)
{
	(void)schema;
	(void)key;
	return value_parse_asn(text, to, error);
}

static bool read_router_id(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	struct ip_address address;

	(void)schema;
	(void)key;
	/* RFC 6286 2.1: any 4 octets but zero. */
	if (!ip_address_parse(text, &address) || address.family != IPV4 ||
	    ip_address_is_unspecified(&address))
		return error_set(
		    error, "must be an IPv4 address other than 0.0.0.0, not \"%s\"", text);
	memcpy(to, address.bytes, 4);
	return true;
}

static bool read_address(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	(void)schema;
	(void)key;
	if (!ip_address_parse(text, to))
		return error_set(error, "must be an IPv4 or IPv6 address, not \"%s\"", text);
	return true;
}

static bool read_network(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	struct ip_prefix *prefix = to;
	char proper[IP_TEXT_MAX];
	bool host_bits;

	(void)schema;
	(void)key;
	if (!ip_prefix_parse(text, prefix, &host_bits))
		return error_set(error,
		    "must be a prefix such as 192.0.2.0/24 or 2001:db8::/32, not \"%s\"", text);
	if (host_bits)
		return error_set(error, "%s has bits set beyond its length; did you mean %s?", text,
		    ip_prefix_print(prefix, proper));
	return true;
}

static bool read_prefix(const struct schema *schema, const struct schema_key *key, const char *text,
    void *to, struct error *error)
{
	struct ip_address address;

	if (ip_address_parse(text, &address))
		return error_set(error, "must be a prefix; for this one address write %s/%u", text,
		    ip_family_bits(address.family));
	return read_network(schema, key, text, to, error);
}

const struct schema_type value_boolean = {.read = read_boolean, .plain = true};
const struct schema_type value_u8 = {.read = read_integer, .plain = true, .limit = UINT8_MAX};
const struct schema_type value_u16 = {.read = read_integer, .plain = true, .limit = UINT16_MAX};
const struct schema_type value_u32 = {.read = read_integer, .plain = true, .limit = UINT32_MAX};
const struct schema_type value_duration = {.read = read_duration, .limit = UINT32_MAX};
const struct schema_type value_word = {.read = read_word};
const struct schema_type value_text = {.read = read_text};
const struct schema_type value_path = {.read = read_path};
const struct schema_type value_name = {.read = read_name};
const struct schema_type value_interface = {.read = read_interface};
const struct schema_type value_asn = {.read = read_asn, .plain = true};
const struct schema_type value_router_id = {.read = read_router_id};
const struct schema_type value_address = {.read = read_address};
const struct schema_type value_prefix = {.read = read_prefix};
const struct schema_type value_network = {.read = read_network};

void value_read_flags(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	size_t count = config_yaml_count(node);
	bool *flags = to;

	if (!schema_expect_list(schema, node))
		return;
	if (!count)
		schema_fail(schema, node, "must not be empty");
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *item = config_yaml_item(schema->document, node, i);
		size_t length = schema_enter_item(schema, i);
		const char *text =
		    schema_step(schema, item) ? schema_expect_text(schema, item) : NULL;
		struct error error;
		size_t index;

		if (text && !find_word(key->words, text, &index, &error))
			schema_fail(schema, item, "%s", error.text);
		else if (text && flags[index])
			schema_fail(schema, item, "\"%s\" is here twice", text);
		else if (text)
			flags[index] = true;
		schema_leave(schema, length);
	}
}

static void read_match_labels(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	struct k8s_selector *selector = to;

	(void)key;
	if (!schema_expect_mapping(schema, node) || node->type != YAML_MAPPING_NODE)
		return;
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(schema->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(schema->document, pair->value);
		const char *label = config_yaml_text(name);
		size_t length = schema_enter_key(schema, label);
		const char *text =
		    schema_step(schema, value) ? schema_expect_text(schema, value) : NULL;

		if (text)
			k8s_selector_add(selector, label, K8S_OPERATOR_IN, &text, 1);
		schema_leave(schema, length);
	}
}

/* One entry of matchExpressions, as written. */
struct expression {
	char *key;
	enum k8s_operator relation;
	char **values;
	size_t value_count;
};

static const char *const operator_words[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};

static const struct schema_key expression_keys[] = {
    {.name = "key",
	.type = &value_path,
	.offset = offsetof(struct expression, key),
	.required = true},
    {.name = "operator",
	.type = &value_word,
	.words = operator_words,
	.offset = offsetof(struct expression, relation),
	.required = true},
    {.name = "values",
	.type = &value_text,
	.offset = offsetof(struct expression, values),
	.count = offsetof(struct expression, value_count),
	.item_size = sizeof(char *)},
    {.name = NULL},
};

static void add_expression(struct schema *schema, const yaml_node_t *node,
    const struct expression *expression, struct k8s_selector *selector)
{
	bool sets =
	    expression->relation == K8S_OPERATOR_IN || expression->relation == K8S_OPERATOR_NOT_IN;

	if (sets != (expression->value_count > 0)) {
		schema_fail_key(schema, node, "values",
		    sets ? "must not be empty with operator %s" : "must be empty with operator %s",
		    k8s_operator_name(expression->relation));
		return;
	}
	k8s_selector_add(selector, expression->key, expression->relation,
	    (const char *const *)expression->values, expression->value_count);
}

static void read_expression(struct schema *schema, yaml_node_t *node, struct k8s_selector *selector)
{
	struct expression expression = {.key = NULL};
	size_t before = schema_error_count(schema);

	schema_read_mapping(schema, node, expression_keys, &expression);
	if (expression.key && schema_error_count(schema) == before)
		add_expression(schema, node, &expression, selector);
	free(expression.key);
	for (size_t i = 0; i < expression.value_count; i++)
		free(expression.values[i]);
	free(expression.values);
}

static void read_match_expressions(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	(void)key;
	if (!schema_expect_list(schema, node))
		return;
	for (size_t i = 0; i < config_yaml_count(node); i++) {
		yaml_node_t *item = config_yaml_item(schema->document, node, i);
		size_t length = schema_enter_item(schema, i);

		if (schema_step(schema, item))
			read_expression(schema, item, to);
		schema_leave(schema, length);
	}
}

static const struct schema_key selector_keys[] = {
    {.name = "matchLabels", .node = read_match_labels},
    {.name = "matchExpressions", .node = read_match_expressions},
    {.name = NULL},
};

void value_read_selector(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	(void)key;
	schema_read_mapping(schema, node, selector_keys, to);
}
