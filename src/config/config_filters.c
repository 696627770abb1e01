/*
 * The sections `communities` (aliases) and `filters`.  Aliases are resolved while the file is
 * read: nothing after this room knows them.  A filter is read straight into the value that the
 * policy room evaluates, and compiled.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/sections.h"
#include "config/values.h"

#define MATCH(member) offsetof(struct policy_match, member)
#define SET(member) offsetof(struct policy_set, member)

static const char *const source_words[] = {
    [POLICY_SOURCE_LOCAL] = "local",
    [POLICY_SOURCE_EBGP] = "ebgp",
    [POLICY_SOURCE_IBGP] = "ibgp",
    NULL,
};
static const char *const family_words[] = {[IPV4] = "ipv4", [IPV6] = "ipv6", NULL};
static const char *const action_words[] = {
    [POLICY_REJECT] = "reject", [POLICY_ACCEPT] = "accept", NULL};

void config_read_aliases(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	struct config_loader *loader = schema->context;
	const yaml_node_pair_t *pair;
	const yaml_node_pair_t *top;

	(void)key;
	(void)to;
	if (!schema_expect_mapping(schema, node) || node->type != YAML_MAPPING_NODE)
		return;
	pair = node->data.mapping.pairs.start;
	top = node->data.mapping.pairs.top;
	loader->aliases = memory_allocate_zero((size_t)(top - pair) + 1, sizeof(*loader->aliases));
	for (; pair < top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(schema->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(schema->document, pair->value);
		struct config_alias *alias = &loader->aliases[loader->alias_count];
		size_t length = schema_enter_key(schema, config_yaml_text(name));
		const char *text =
		    schema_step(schema, value) ? schema_expect_text(schema, value) : NULL;
		struct bgp_community own;

		alias->name = config_yaml_text(name);
		if (bgp_community_parse(alias->name, &own))
			schema_fail_at(schema, name->start_mark,
			    "is a community itself and cannot be an alias");
		if (text && !bgp_community_parse(text, &alias->community))
			schema_fail(schema, value,
			    "must be a community such as 64512:80 or large:64512:1:2, not \"%s\"",
			    text);
		/* A bad alias is kept, so that its uses are no further errors. */
		loader->alias_count++;
		schema_leave(schema, length);
	}
}

static bool read_community(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	const struct config_loader *loader = schema->context;

	(void)key;
	if (bgp_community_parse(text, to))
		return true;
	for (size_t i = 0; i < loader->alias_count; i++)
		if (!strcmp(loader->aliases[i].name, text)) {
			memcpy(to, &loader->aliases[i].community, sizeof(struct bgp_community));
			return true;
		}
	return error_set(error, "\"%s\" is neither a community nor an alias in communities", text);
}

const struct schema_type config_community = {.read = read_community};

/* One entry of match.prefixes, as written. */
struct prefix_entry {
	struct ip_prefix prefix;
	bool has_ge;
	bool has_le;
	uint8_t ge;
	uint8_t le;
};

static const struct schema_key prefix_keys[] = {
    {.name = "prefix",
	.type = &value_prefix,
	.offset = offsetof(struct prefix_entry, prefix),
	.required = true},
    {.name = "ge",
	.type = &value_u8,
	.offset = offsetof(struct prefix_entry, ge),
	.present = offsetof(struct prefix_entry, has_ge),
	.maximum = 128},
    {.name = "le",
	.type = &value_u8,
	.offset = offsetof(struct prefix_entry, le),
	.present = offsetof(struct prefix_entry, has_le),
	.maximum = 128},
    {.name = NULL},
};

static const struct schema_key prefix_row = {.name = "prefix", .type = &value_prefix};

static void read_prefix_entry(struct schema *schema, yaml_node_t *node, struct prefix_entry *entry)
{
	const char *text = config_yaml_text(node);
	struct error error;

	if (!text || config_yaml_is_null(node))
		schema_read_mapping(schema, node, prefix_keys, entry);
	else if (!prefix_row.type->read(schema, &prefix_row, text, &entry->prefix, &error))
		schema_fail(schema, node, "%s", error.text);
}

static void read_prefix_match(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	struct policy_prefix_match *match = to;
	struct prefix_entry entry = {.ge = 0};
	size_t before = schema_error_count(schema);
	unsigned bits;

	(void)key;
	read_prefix_entry(schema, node, &entry);
	if (schema_error_count(schema) != before)
		return;
	bits = ip_family_bits(entry.prefix.family);
	match->prefix = entry.prefix;
	match->ge = entry.has_ge ? entry.ge : entry.prefix.length;
	match->le = entry.has_le ? entry.le : entry.has_ge ? (uint8_t)bits : entry.prefix.length;
	if (match->ge < entry.prefix.length)
		schema_fail_value(schema, node, "ge",
		    "must not be less than the prefix's own length, %u", entry.prefix.length);
	else if (match->ge > bits)
		schema_fail_value(schema, node, "ge", "must not be more than %u", bits);
	else if (match->le > bits)
		schema_fail_value(schema, node, "le", "must not be more than %u", bits);
	else if (match->le < match->ge)
		schema_fail_value(schema, node, "le", "must not be less than %s, %u",
		    entry.has_ge ? "ge" : "the prefix's own length", match->ge);
}

static const struct schema_key length_keys[] = {
    {.name = "ge", .type = &value_u32, .offset = MATCH(as_path_length_ge), .fallback = "0"},
    {.name = "le",
	.type = &value_u32,
	.offset = MATCH(as_path_length_le),
	.fallback = "4294967295"},
    {.name = NULL},
};

static void read_path_length(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	struct policy_match *match = to;
	size_t before = schema_error_count(schema);

	(void)key;
	match->has_as_path_length = true;
	schema_read_mapping(schema, node, length_keys, match);
	if (schema_error_count(schema) == before &&
	    match->as_path_length_le < match->as_path_length_ge)
		schema_fail_value(schema, node, "le", "must not be less than ge");
}

static const struct schema_key match_keys[] = {
    {.name = "prefixes",
	.node = read_prefix_match,
	.offset = MATCH(prefixes),
	.count = MATCH(prefix_count),
	.item_size = sizeof(struct policy_prefix_match),
	.one_is_list = true},
    {.name = "communities",
	.type = &config_community,
	.offset = MATCH(communities),
	.count = MATCH(community_count),
	.item_size = sizeof(struct bgp_community),
	.one_is_list = true},
    {.name = "asPathContains",
	.type = &value_asn,
	.offset = MATCH(as_path_contains),
	.count = MATCH(as_path_contains_count),
	.item_size = sizeof(uint32_t),
	.one_is_list = true},
    {.name = "asPathLength", .node = read_path_length},
    {.name = "originASN",
	.type = &value_asn,
	.offset = MATCH(origin_asns),
	.count = MATCH(origin_asn_count),
	.item_size = sizeof(uint32_t),
	.one_is_list = true},
    {.name = "nextHop",
	.type = &value_network,
	.offset = MATCH(next_hops),
	.count = MATCH(next_hop_count),
	.item_size = sizeof(struct ip_prefix),
	.one_is_list = true},
    {.name = "peers",
	.type = &config_peer_name,
	.offset = MATCH(peers),
	.count = MATCH(peer_count),
	.item_size = sizeof(char *),
	.one_is_list = true},
    {.name = "source",
	.type = &value_word,
	.words = source_words,
	.offset = MATCH(source),
	.present = MATCH(has_source)},
    {.name = "family",
	.type = &value_word,
	.words = family_words,
	.offset = MATCH(family),
	.present = MATCH(has_family)},
    {.name = NULL},
};

/* An empty list of alternatives holds for nothing; somebody who writes one means something else. */
static void check_match(struct schema *schema, const yaml_node_t *node)
{
	for (const struct schema_key *key = match_keys; key->name; key++) {
		const yaml_node_t *value =
		    config_yaml_find(schema->document, node, key->name, NULL);

		if (key->count && value && !config_yaml_count(value) &&
		    (value->type == YAML_SEQUENCE_NODE || config_yaml_is_null(value)))
			schema_fail_value(schema, node, key->name,
			    "must not be empty: leave it out to match everything");
	}
}

static void read_match(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	(void)key;
	schema_read_mapping(schema, node, match_keys, to);
	check_match(schema, node);
}

static bool read_next_hop(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	struct ip_address *address = to;

	(void)schema;
	(void)key;
	if (!strcmp(text, "self"))
		return true;
	if (!ip_address_parse(text, address) || ip_address_is_unspecified(address) ||
	    ip_address_is_multicast(address))
		return error_set(error, "must be an address or self, not \"%s\"", text);
	return true;
}

static const struct schema_type set_next_hop = {.read = read_next_hop};

/* `set` and `add` fill the same list, so only one of them may stand there. */
static const struct schema_key set_communities_keys[] = {
    {.name = "add",
	.type = &config_community,
	.offset = SET(add),
	.count = SET(add_count),
	.item_size = sizeof(struct bgp_community),
	.most = CONFIG_COMMUNITIES_MAX,
	.one_is_list = true},
    {.name = "remove",
	.type = &config_community,
	.offset = SET(remove),
	.count = SET(remove_count),
	.item_size = sizeof(struct bgp_community),
	.one_is_list = true},
    {.name = NULL},
};

static const struct schema_key replace_communities_keys[] = {
    {.name = "set",
	.type = &config_community,
	.offset = SET(add),
	.count = SET(add_count),
	.item_size = sizeof(struct bgp_community),
	.most = CONFIG_COMMUNITIES_MAX,
	.one_is_list = true,
	.present = SET(replace_communities)},
    {.name = NULL},
};

static void read_set_communities(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	bool replaces = schema_has(schema, node, "set");

	(void)key;
	if (replaces && (schema_has(schema, node, "add") || schema_has(schema, node, "remove"))) {
		schema_fail_key(schema, node, "set", "excludes add and remove");
		return;
	}
	schema_read_mapping(
	    schema, node, replaces ? replace_communities_keys : set_communities_keys, to);
}

static const struct schema_key set_keys[] = {
    {.name = "localPref",
	.type = &value_u32,
	.offset = SET(local_pref),
	.present = SET(has_local_pref)},
    {.name = "med", .type = &value_u32, .offset = SET(med), .present = SET(has_med)},
    {.name = "communities", .node = read_set_communities},
    {.name = "asPathPrepend",
	.type = &value_u8,
	.offset = SET(as_path_prepend),
	.maximum = 32,
	.fallback = "0"},
    {.name = "nextHop",
	.type = &set_next_hop,
	.offset = SET(next_hop),
	.present = SET(has_next_hop)},
    {.name = "metric",
	.type = &value_u32,
	.offset = SET(metric),
	.present = SET(has_metric),
	.minimum = 1},
    {.name = NULL},
};

static const struct schema_key rule_keys[] = {
    {.name = "match", .node = read_match, .offset = offsetof(struct policy_rule, match)},
    {.name = "set", .keys = set_keys, .offset = offsetof(struct policy_rule, set)},
    {.name = "action",
	.type = &value_word,
	.words = action_words,
	.offset = offsetof(struct policy_rule, action),
	.required = true},
    {.name = NULL},
};

static void read_rule(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	const struct policy_rule *rule = to;
	size_t before = schema_error_count(schema);

	(void)key;
	schema_read_mapping(schema, node, rule_keys, to);
	if (schema_error_count(schema) == before && rule->action == POLICY_REJECT &&
	    (policy_rule_changes_attributes(rule) || rule->set.has_metric))
		schema_fail_key(schema, node, "set", "is of no use with action: reject");
}

static const struct schema_key filter_keys[] = {
    {.name = "name",
	.type = &value_name,
	.offset = offsetof(struct policy_filter, name),
	.required = true},
    {.name = "rules",
	.node = read_rule,
	.offset = offsetof(struct policy_filter, rules),
	.count = offsetof(struct policy_filter, rule_count),
	.item_size = sizeof(struct policy_rule),
	.required = true},
    {.name = NULL},
};

void config_read_filter(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	size_t before = schema_error_count(schema);

	(void)key;
	schema_read_mapping(schema, node, filter_keys, to);
	if (schema_error_count(schema) == before)
		policy_filter_compile(to);
}
