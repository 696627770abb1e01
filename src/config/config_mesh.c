/*
 * The section `mesh`: sessions with every other node.  It takes the keys of a peer that make sense
 * for every node of the cluster; what differs from node to node, its address, its AS, who of two
 * opens the connection and who reflects, is found out by the speaker.
 */
#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "config/sections.h"
#include "config/values.h"

#define MESH(member) offsetof(struct config_mesh, member)

/* The keys of a peer are read by their own offsets. */
static_assert(MESH(peer) == 0, "the peer comes first");

/* Nodes of different AS may be any number of routers apart. */
#define HOPS_MAX 255

static const char *const peer_keys[] = {"port", "nodeSelector", "families", "holdTime",
    "keepaliveTime", "connectRetryTime", "delayOpenTime", "ttlSecurity", "passwordFile",
    "passwordSecret", "bfd", "gracefulRestart", "nextHop", "addPath", "maxASPathLength",
    "maxPrefixes", "maxPrefixesWarning", "aigp", "stripAttributes", "import", "export", "shutdown"};

static const struct schema_key reflector_keys[] = {
    {.name = "nodeSelector",
	.node = value_read_selector,
	.offset = MESH(route_reflectors),
	.present = MESH(has_route_reflectors),
	.required = true},
    {.name = "clusterID",
	.type = &value_router_id,
	.offset = MESH(cluster_id),
	.present = MESH(has_cluster_id)},
    {.name = NULL},
};

static void read_reflectors(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	(void)key;
	schema_read_mapping(schema, node, reflector_keys, to);
}

static const struct schema_key own_keys[] = {
    {.name = "enabled", .type = &value_boolean, .offset = MESH(enabled), .fallback = "false"},
    {.name = "routeReflector", .node = read_reflectors},
};

enum {
	PEER_KEYS = sizeof(peer_keys) / sizeof(*peer_keys),
	OWN_KEYS = sizeof(own_keys) / sizeof(*own_keys)
};

static const struct schema_key *find_peer_key(const char *name)
{
	const struct schema_key *row = config_peer_keys;

	while (strcmp(row->name, name))
		row++;
	return row;
}

/* What a peer has by keys that the mesh has not. */
static void fill_rest(struct config_peer *peer)
{
	peer->name = memory_copy_string(CONFIG_MESH);
	peer->remote_as = BGP_REMOTE_AS_NUMBER;
	peer->ebgp_multihop = peer->ttl_security ? 1 : HOPS_MAX;
	peer->enforce_first_as = true;
	config_fill_families(peer);
}

void config_read_mesh(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	const struct config_loader *loader = schema->context;
	struct schema_key keys[OWN_KEYS + PEER_KEYS + 1] = {{.name = NULL}};
	struct config_mesh *mesh = to;
	size_t before = schema_error_count(schema);

	(void)key;
	memcpy(keys, own_keys, sizeof(own_keys));
	for (size_t i = 0; i < PEER_KEYS; i++)
		keys[OWN_KEYS + i] = *find_peer_key(peer_keys[i]);
	mesh->peer.restart = loader->config->router.restart;
	schema_read_mapping(schema, node, keys, mesh);
	fill_rest(&mesh->peer);
	if (schema_error_count(schema) == before)
		config_check_exchange(schema, node, &mesh->peer);
}

void config_check_mesh(struct schema *schema, const yaml_node_t *node)
{
	const struct config_loader *loader = schema->context;
	const struct config *config = loader->config;
	size_t length = schema_enter_key(schema, CONFIG_MESH);

	if (config->mesh.enabled && config->source == CONFIG_SOURCE_NONE)
		schema_fail_value(schema, node, "enabled",
		    "cannot be true: with cluster.source none no other node is known");
	if (config->mesh.enabled && !config->router.listen_port)
		schema_fail_value(schema, node, "enabled",
		    "cannot be true: with router.listen.port 0 nothing listens");
	schema_leave(schema, length);
}

void config_release_mesh(struct config_mesh *mesh)
{
	config_release_peer(&mesh->peer);
	k8s_selector_free(&mesh->route_reflectors);
}
