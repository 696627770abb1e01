/*
 * Names: collecting them before anything else is read, finding two of the same, and references to
 * them.  A filter is referred to by its position in the list, which is where its value will be.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "config/sections.h"
#include "config/values.h"

static bool has_name(const void *item, const void *key)
{
	const char *const *name = item;

	return strcmp(*name, key) == 0;
}

/* The position of the first item of this name, or their count. */
static size_t find_name(const struct config_names *names, const char *name)
{
	const char **item = hash_table_find(&names->first, hash_string(name, 0), has_name, name);

	return item ? (size_t)(item - names->items) : names->count;
}

static void add_name(struct config_names *names, size_t index, const char *name)
{
	names->items[index] = name;
	if (name && find_name(names, name) == names->count)
		hash_table_insert(&names->first, hash_string(name, 0), &names->items[index]);
}

void config_collect_names(
    yaml_document_t *document, const yaml_node_t *list, struct config_names *names)
{
	*names = (struct config_names){.count = config_yaml_count(list)};
	names->items = memory_allocate_zero(names->count + 1, sizeof(*names->items));
	for (size_t i = 0; i < names->count; i++) {
		const yaml_node_t *item = config_yaml_item(document, list, i);
		const yaml_node_t *name = config_yaml_find(document, item, "name", NULL);

		add_name(names, i, name ? config_yaml_text(name) : NULL);
	}
}

void config_release_names(struct config_names *names)
{
	hash_table_free(&names->first);
	free(names->items);
}

void config_check_names(struct schema *schema, const yaml_node_t *list, const char *section,
    const struct config_names *names)
{
	size_t top = schema_enter_key(schema, section);

	for (size_t i = 0; i < names->count && !schema->exhausted; i++) {
		size_t first = names->items[i] ? find_name(names, names->items[i]) : i;
		size_t length;

		if (first == i)
			continue;
		length = schema_enter_item(schema, i);
		schema_fail_value(schema, config_yaml_item(schema->document, list, i), "name",
		    "\"%s\" is already the name of %s[%zu]", names->items[i], section, first);
		schema_leave(schema, length);
	}
	schema_leave(schema, top);
}

/* Finds the name; else an error that offers the nearest one. */
static bool find_reference(const struct config_names *names, const char *kind, const char *name,
    size_t *index, struct error *error)
{
	const char **known;
	const char *nearest;
	size_t count = 0;

	*index = find_name(names, name);
	if (*index < names->count)
		return true;
	known = memory_allocate_zero(names->count + 1, sizeof(*known));
	for (size_t i = 0; i < names->count; i++)
		if (names->items[i])
			known[count++] = names->items[i];
	nearest = schema_nearest(name, known, count);
	free(known);
	if (nearest)
		return error_set(
		    error, "there is no %s \"%s\"; did you mean \"%s\"?", kind, name, nearest);
	return error_set(error, "there is no %s \"%s\"", kind, name);
}

static bool read_filter_name(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	const struct config_loader *loader = schema->context;

	(void)key;
	return find_reference(&loader->filters, "filter", text, to, error);
}

static bool read_peer_name(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	const struct config_loader *loader = schema->context;
	size_t index;

	(void)key;
	if (strcmp(text, CONFIG_MESH) &&
	    !find_reference(&loader->peers, "peer", text, &index, error))
		return false;
	*(char **)to = memory_copy_string(text);
	return true;
}

const struct schema_type config_filter_name = {.read = read_filter_name};
const struct schema_type config_peer_name = {.read = read_peer_name};
