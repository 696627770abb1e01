/*
 * A list of path attributes by name or by number, as sets of bits.  A name is the one that is
 * logged and shown; an attribute without a name here has only its number.
 */
#include <string.h>

#include "bgp/attributes.h"
#include "bgp/types.h"
#include "config/sections.h"
#include "config/values.h"

#define ATTRIBUTE_TYPE_MAX 255

/* The type of the name, or 0. */
static unsigned find_type(const char *text)
{
	char number[16];

	for (unsigned type = 1; type <= ATTRIBUTE_TYPE_MAX; type++) {
		const char *name = bgp_attribute_name(type, number);

		/* What has no name is "attribute N". */
		if (name != number && !strcmp(name, text))
			return type;
	}
	return 0;
}

static bool is_needed(unsigned type)
{
	return type == BGP_ATTRIBUTE_ORIGIN || type == BGP_ATTRIBUTE_AS_PATH ||
	       type == BGP_ATTRIBUTE_NEXT_HOP;
}

/* The type that the text means; 0 and the error if there is none, or it cannot be stripped. */
static unsigned read_type(const char *text, struct error *error)
{
	uint64_t type = find_type(text);
	char name[16];

	if (!type && (!value_parse_number(text, ATTRIBUTE_TYPE_MAX, &type) || !type))
		error_set(error,
		    "must be an attribute's name such as MULTI_EXIT_DISC, or its number from 1 to "
		    "%d, not \"%s\"",
		    ATTRIBUTE_TYPE_MAX, text);
	else if (is_needed((unsigned)type))
		error_set(error, "%s cannot be stripped: no route is without it",
		    bgp_attribute_name((unsigned)type, name));
	else if (type == BGP_ATTRIBUTE_MP_REACH_NLRI || type == BGP_ATTRIBUTE_MP_UNREACH_NLRI)
		error_set(error, "%s cannot be stripped: it carries the routes themselves",
		    bgp_attribute_name((unsigned)type, name));
	else if (type == BGP_ATTRIBUTE_OTC)
		error_set(error, "%s cannot be stripped: it keeps routes from leaking (RFC 9234)",
		    bgp_attribute_name((unsigned)type, name));
	else
		return (unsigned)type;
	return 0;
}

static void read_item(struct schema *schema, const yaml_node_t *node, uint64_t bits[static 4])
{
	const char *text = schema_step(schema, node) ? schema_expect_text(schema, node) : NULL;
	struct error error;
	char name[16];
	unsigned type;
	uint64_t bit;

	if (!text)
		return;
	type = read_type(text, &error);
	bit = (uint64_t)1 << type % 64;
	if (!type)
		schema_fail(schema, node, "%s", error.text);
	else if (bits[type / 64] & bit)
		schema_fail(schema, node, "%s is here twice", bgp_attribute_name(type, name));
	else
		bits[type / 64] |= bit;
}

void config_read_attribute_types(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	(void)key;
	if (!schema_expect_list(schema, node))
		return;
	for (size_t i = 0; i < config_yaml_count(node) && !schema->exhausted; i++) {
		size_t length = schema_enter_item(schema, i);

		read_item(schema, config_yaml_item(schema->document, node, i), to);
		schema_leave(schema, length);
	}
}
