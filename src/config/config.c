/*
 * From a file to a checked configuration.  The order is: YAML to a tree (document.c), the names that
 * others refer to, the tables of the sections in the order below (aliases before their users),
 * then the checks that need more than one section.  Errors of all steps but the first are
 * collected together; a tree that is no YAML, or that has a key twice, is not read any further.
 *
 * The result is a value: it holds no reference to the tree, to the file or to the environment.
 */
#include "config/config.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "config/sections.h"

/* A ConfigMap holds at most 1 MiB. */
#define FILE_SIZE_MAX (4u << 20)

#define CONFIG(member) offsetof(struct config, member)

static const struct schema_key top_keys[] = {
    {.name = "node", .keys = config_node_keys},
    {.name = "router", .keys = config_router_keys, .offset = CONFIG(router)},
    {.name = "cluster", .keys = config_cluster_keys},
    {.name = "communities", .node = config_read_aliases},
    {.name = "filters",
	.node = config_read_filter,
	.offset = CONFIG(filters),
	.count = CONFIG(filter_count),
	.item_size = sizeof(struct policy_filter)},
    {.name = "mesh", .node = config_read_mesh, .offset = CONFIG(mesh)},
    {.name = "peers",
	.node = config_read_peer,
	.offset = CONFIG(peers),
	.count = CONFIG(peer_count),
	.item_size = sizeof(struct config_peer)},
    {.name = "advertisements",
	.node = config_read_advertisement,
	.offset = CONFIG(advertisements),
	.count = CONFIG(advertisement_count),
	.item_size = sizeof(struct config_advertisement)},
    {.name = "fib", .keys = config_fib_keys},
    {.name = "metrics", .keys = config_metrics_keys},
    {.name = "log", .keys = config_log_keys},
    {.name = NULL},
};

static void fill_node_name(struct schema *schema, const yaml_node_t *root)
{
	const struct config_loader *loader = schema->context;
	const struct config_environment *environment = loader->environment;
	const char *name = environment->node_name;

	if (loader->config->node_name || schema_error_count(schema))
		return;
	if (!name || !*name)
		name = environment->host_name;
	if (name && *name)
		loader->config->node_name = memory_copy_string(name);
	else
		schema_fail_key(schema, root, "node.name",
		    "is required: neither $NODE_NAME nor the host has a name");
}

static void check_all(struct schema *schema, const yaml_node_t *root)
{
	const struct config_loader *loader = schema->context;
	yaml_document_t *document = schema->document;
	const yaml_node_t *peers = config_yaml_find(document, root, "peers", NULL);
	const yaml_node_t *filters = config_yaml_find(document, root, "filters", NULL);
	const yaml_node_t *advertisements =
	    config_yaml_find(document, root, "advertisements", NULL);
	struct config_names names;

	if (schema->exhausted)
		return;
	fill_node_name(schema, root);
	config_check_names(schema, peers, "peers", &loader->peers);
	config_check_names(schema, filters, "filters", &loader->filters);
	config_collect_names(document, advertisements, &names);
	config_check_names(schema, advertisements, "advertisements", &names);
	config_release_names(&names);
	config_check_peers(schema, peers);
	config_check_mesh(schema, config_yaml_find(document, root, "mesh", NULL));
	config_check_advertisements(schema, advertisements);
}

static void read_tree(yaml_document_t *document, yaml_node_t *root, struct config *config,
    const struct config_environment *environment, struct config_yaml_errors *errors)
{
	struct config_loader loader = {.config = config, .environment = environment};
	struct schema schema;

	schema_init(&schema, document, errors, &loader);
	config_collect_names(
	    document, config_yaml_find(document, root, "peers", NULL), &loader.peers);
	config_collect_names(
	    document, config_yaml_find(document, root, "filters", NULL), &loader.filters);
	schema_read_mapping(&schema, root, top_keys, config);
	check_all(&schema, root);
	schema_release(&schema);
	config_release_names(&loader.peers);
	config_release_names(&loader.filters);
	free(loader.aliases);
}

struct config *config_parse(const char *string, size_t length, const char *file,
    const struct config_environment *environment, struct text *errors)
{
	struct config_yaml_errors found = {NULL, 0, 0, 0};
	struct config *config = NULL;
	yaml_document_t document;

	if (config_yaml_load(&document, string, length, &found)) {
		yaml_node_t *root = yaml_document_get_root_node(&document);

		config = memory_allocate_zero(1, sizeof(*config));
		read_tree(&document, root, config, environment, &found);
		yaml_document_delete(&document);
	}
	if (found.count) {
		config_yaml_print_errors(&found, file, errors);
		config_free(config);
		config = NULL;
	}
	config_yaml_free_errors(&found);
	return config;
}

struct config *config_load(
    const char *file, const struct config_environment *environment, struct text *errors)
{
	/* Before it is read: what changes meanwhile makes it another one. */
	const struct file_identity identity = file_identify(file);
	size_t length;
	char *string = file_read(file, FILE_SIZE_MAX, &length);
	struct config *config;

	if (!string) {
		text_append(errors, "%s: cannot be read: %s\n", file, strerror(errno));
		return NULL;
	}
	config = config_parse(string, length, file, environment, errors);
	free(string);
	if (config)
		config->identity = identity;
	/* The tree was several times as large as what was made of it: it goes back to the kernel. */
	malloc_trim(0);
	return config;
}

static void free_router(struct config_router *router)
{
	free(router->listen_addresses);
	for (size_t i = 0; i < router->override_count; i++)
		k8s_selector_free(&router->overrides[i].node_selector);
	free(router->overrides);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	free(config->node_name);
	free_router(&config->router);
	free(config->manifests);
	free(config->namespace);
	free(config->kubeconfig);
	for (size_t i = 0; i < config->api_server_count; i++)
		free(config->api_servers[i]);
	free(config->api_servers);
	for (size_t i = 0; i < config->peer_count; i++)
		config_release_peer(&config->peers[i]);
	free(config->peers);
	config_release_mesh(&config->mesh);
	for (size_t i = 0; i < config->advertisement_count; i++)
		config_release_advertisement(&config->advertisements[i]);
	free(config->advertisements);
	for (size_t i = 0; i < config->filter_count; i++)
		policy_filter_release(&config->filters[i]);
	free(config->filters);
	free(config->metrics_address);
	free(config);
}
