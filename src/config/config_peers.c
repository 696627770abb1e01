/*
 * The sections `peers` and `mesh`: the neighbours.  The mesh takes the keys of a peer that make
 * sense for every node of the cluster; as it is not supported yet it can only be off, but what
 * stands there is checked like a peer.
 *
 * Which of a peer's settings go together is checked here, at the peer; what concerns two of them,
 * or the router, when all are read.  Two peers at one address are one too many: a connection
 * that comes in could belong to either.  They may share it only where their selectors differ, so
 * that no node need have both; whether one does is known only when its labels are.
 */
#include <stdlib.h>
#include <string.h>

#include "config/sections.h"
#include "config/values.h"

#define BFD_UNSUPPORTED "not supported yet: remove it, or set enabled: false"
#define PEER(member) offsetof(struct config_peer, member)

static const char *const family_words[] = {"ipv4", "ipv6", NULL};
static const char *const next_hop_words[] = {"default", "self", "unchanged", NULL};

static bool read_remote_as(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	struct config_peer *peer = to;

	(void)schema;
	(void)key;
	if (!strcmp(text, "internal"))
		peer->remote_as = BGP_REMOTE_AS_INTERNAL;
	else if (!strcmp(text, "external"))
		peer->remote_as = BGP_REMOTE_AS_EXTERNAL;
	else if (*text < '0' || *text > '9')
		return error_set(
		    error, "must be an AS number, internal or external, not \"%s\"", text);
	else
		return value_parse_asn(text, &peer->asn, error);
	return true;
}

static const struct schema_type remote_as = {.read = read_remote_as};

/* What a disabled BFD section may say. */
struct bfd {
	bool enabled;
	bool has_enabled;
	uint32_t receive_interval_ms;
	uint32_t transmit_interval_ms;
	uint8_t detect_multiplier;
};

static const struct schema_key bfd_keys[] = {
    {.name = "enabled",
	.type = &value_boolean,
	.offset = offsetof(struct bfd, enabled),
	.present = offsetof(struct bfd, has_enabled)},
    {.name = "receiveInterval",
	.type = &value_duration,
	.offset = offsetof(struct bfd, receive_interval_ms),
	.minimum = 1,
	.maximum = 60000},
    {.name = "transmitInterval",
	.type = &value_duration,
	.offset = offsetof(struct bfd, transmit_interval_ms),
	.minimum = 1,
	.maximum = 60000},
    {.name = "detectMultiplier",
	.type = &value_u8,
	.offset = offsetof(struct bfd, detect_multiplier),
	.minimum = 1},
    {.name = NULL},
};

static void read_bfd(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	yaml_mark_t mark = schema->key_mark;
	struct bfd bfd = {.enabled = false};

	(void)key;
	(void)to;
	schema_read_mapping(schema, node, bfd_keys, &bfd);
	if (bfd.enabled || !bfd.has_enabled)
		schema_fail_at(schema, mark, BFD_UNSUPPORTED);
}

static const struct schema_key add_path_keys[] = {
    {.name = "send", .unsupported = "not supported yet: only 0 is", .harmless = "0"},
    {.name = "receive", .unsupported = "not supported yet: only false is", .harmless = "false"},
    {.name = NULL},
};

static const struct schema_key peer_keys[] = {
    {.name = "name", .type = &value_name, .offset = PEER(name), .required = true},
    {.name = "address", .type = &value_address, .offset = PEER(address)},
    {.name = "interface", .unsupported = "not supported yet: give the peer's address"},
    {.name = "range", .unsupported = "not supported yet: give the peer's address"},
    {.name = "port", .type = &value_u16, .offset = PEER(port), .minimum = 1, .fallback = "179"},
    {.name = "asn", .type = &remote_as, .required = true},
    {.name = "localASN", .type = &value_asn, .offset = PEER(local_asn)},
    {.name = "localAddress", .type = &value_address, .offset = PEER(local_address)},
    {.name = "nodeSelector", .node = value_read_selector, .offset = PEER(node_selector)},
    {.name = "families", .node = value_read_flags, .words = family_words, .offset = PEER(families)},
    {.name = "passive", .type = &value_boolean, .offset = PEER(passive), .fallback = "false"},
    {.name = "holdTime",
	.type = &value_duration,
	.offset = PEER(hold_time_ms),
	.maximum = 65535000,
	.fallback = "90s"},
    {.name = "keepaliveTime",
	.type = &value_duration,
	.offset = PEER(keepalive_time_ms),
	.minimum = 1000,
	.maximum = 65535000},
    {.name = "connectRetryTime",
	.type = &value_duration,
	.offset = PEER(connect_retry_time_ms),
	.minimum = 100,
	.maximum = 65535000,
	.fallback = "5s"},
    {.name = "ebgpMultihop",
	.type = &value_u8,
	.offset = PEER(ebgp_multihop),
	.minimum = 1,
	.fallback = "1"},
    {.name = "ttlSecurity",
	.type = &value_u8,
	.offset = PEER(ttl_security),
	.maximum = 254,
	.fallback = "0"},
    {.name = "passwordFile", .type = &value_path, .offset = PEER(password_file)},
    {.name = "passwordSecret", .unsupported = "not supported yet: use passwordFile"},
    {.name = "bfd", .node = read_bfd},
    {.name = "gracefulRestart", .node = config_read_graceful_restart},
    {.name = "routeReflectorClient",
	.type = &value_boolean,
	.offset = PEER(route_reflector_client),
	.fallback = "false"},
    {.name = "nextHop",
	.type = &value_word,
	.words = next_hop_words,
	.offset = PEER(next_hop),
	.fallback = "default"},
    {.name = "addPath", .keys = add_path_keys},
    {.name = "allowOwnASN",
	.type = &value_u8,
	.offset = PEER(allow_own_asn),
	.maximum = 10,
	.fallback = "0"},
    {.name = "maxPrefixes", .type = &value_u32, .offset = PEER(max_prefixes), .fallback = "0"},
    {.name = "import",
	.type = &config_filter_name,
	.offset = PEER(import),
	.count = PEER(import_count),
	.item_size = sizeof(size_t),
	.present = PEER(has_import)},
    {.name = "export",
	.type = &config_filter_name,
	.offset = PEER(export),
	.count = PEER(export_count),
	.item_size = sizeof(size_t)},
    {.name = "shutdown", .type = &value_boolean, .offset = PEER(shutdown), .fallback = "false"},
    {.name = NULL},
};

/* The keys of a peer that the mesh has too. */
static const char *const mesh_peer_keys[] = {"port", "nodeSelector", "families", "passive",
    "holdTime", "keepaliveTime", "connectRetryTime", "ttlSecurity", "passwordFile",
    "passwordSecret", "bfd", "gracefulRestart", "routeReflectorClient", "nextHop", "addPath",
    "maxPrefixes", "import", "export", "shutdown"};

#define MESH_PEER_KEYS (sizeof(mesh_peer_keys) / sizeof(*mesh_peer_keys))

/* RFC 4271 4.2: a hold time is 0 or at least 3 s; the OPEN carries whole seconds. */
static void check_timers(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer)
{
	uint32_t hold = peer->hold_time_ms;

	if ((hold && hold < 3000) || hold % 1000)
		schema_fail_value(
		    schema, node, "holdTime", "must be 0s, or 3s or more in whole seconds");
	else if (hold && peer->keepalive_time_ms >= hold)
		schema_fail_value(schema, node, "keepaliveTime", "must be less than holdTime");
	else if (!hold && peer->keepalive_time_ms)
		schema_fail_value(schema, node, "keepaliveTime",
		    "is of no use: with holdTime 0s no keepalives are sent");
}

static void check_has_address(struct schema *schema, const yaml_node_t *node)
{
	if (node->type == YAML_MAPPING_NODE && !schema_has(schema, node, "address") &&
	    !schema_has(schema, node, "interface") && !schema_has(schema, node, "range"))
		schema_fail_key(schema, node, "address", "is required, but missing");
}

static void check_address(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer)
{
	const struct ip_address *address = &peer->address;

	if (!schema_has(schema, node, "address"))
		return;
	if (ip_address_is_unspecified(address) || ip_address_is_multicast(address))
		schema_fail_value(schema, node, "address", "must be the address of one neighbour");
	else if (address->family == IPV6 && ip_address_is_link_local(address))
		schema_fail_value(schema, node, "address",
		    "is a link-local address, which needs an interface: not supported yet");
}

static void check_local_address(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer)
{
	if (!schema_has(schema, node, "localAddress"))
		return;
	if (ip_address_is_unspecified(&peer->local_address) ||
	    ip_address_is_multicast(&peer->local_address))
		schema_fail_value(schema, node, "localAddress", "must be an address of this node");
	else if (peer->local_address.family != peer->address.family)
		schema_fail_value(schema, node, "localAddress",
		    "must be of the same family as the peer's address");
	else if (ip_address_equal(&peer->local_address, &peer->address))
		schema_fail_value(
		    schema, node, "localAddress", "must not be the peer's own address");
}

static void fill_families(struct config_peer *peer)
{
	if (!peer->families[IPV4] && !peer->families[IPV6])
		peer->families[IPV4] = peer->families[IPV6] = true;
}

void config_read_peer(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	struct config_peer *peer = to;
	size_t before = schema_error_count(schema);

	(void)key;
	schema_read_mapping(schema, node, peer_keys, peer);
	check_has_address(schema, node);
	fill_families(peer);
	if (peer->name && (!strcmp(peer->name, CONFIG_MESH) || !strcmp(peer->name, "all")))
		schema_fail_value(schema, node, "name", "\"%s\" is reserved", peer->name);
	if (schema_error_count(schema) != before)
		return;
	check_address(schema, node, peer);
	check_local_address(schema, node, peer);
	check_timers(schema, node, peer);
	if (peer->ttl_security && peer->ebgp_multihop > 1)
		schema_fail_value(schema, node, "ttlSecurity", "excludes ebgpMultihop (RFC 5082)");
}

void config_read_mesh(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	struct schema_key keys[MESH_PEER_KEYS + 2] = {
	    {.name = "enabled",
		.unsupported = "not supported yet: only false is",
		.harmless = "false"},
	};
	struct config_peer peer = {.name = NULL};
	size_t before = schema_error_count(schema);

	(void)key;
	(void)to;
	for (size_t i = 0; i < MESH_PEER_KEYS; i++) {
		const struct schema_key *row = peer_keys;

		while (strcmp(row->name, mesh_peer_keys[i]))
			row++;
		keys[1 + i] = *row;
	}
	schema_read_mapping(schema, node, keys, &peer);
	if (schema_error_count(schema) == before)
		check_timers(schema, node, &peer);
	config_release_peer(&peer);
}

/* True if a node could have both peers: their selectors are the same, or one selects all. */
static bool surely_overlap(const struct config_peer *a, const struct config_peer *b)
{
	return !a->node_selector.count || !b->node_selector.count ||
	       k8s_selector_equal(&a->node_selector, &b->node_selector);
}

/* True if the peer can only be in another AS, whatever node this is. */
static bool is_external(const struct config *config, const struct config_peer *peer)
{
	if (peer->remote_as != BGP_REMOTE_AS_NUMBER)
		return peer->remote_as == BGP_REMOTE_AS_EXTERNAL;
	if (peer->asn == config->router.asn || peer->asn == peer->local_asn)
		return false;
	for (size_t i = 0; i < config->router.override_count; i++)
		if (peer->asn == config->router.overrides[i].asn)
			return false;
	return true;
}

/* Addresses that could not be read are unspecified. */
static void check_same_address(
    struct schema *schema, const struct config *config, size_t index, const yaml_node_t *node)
{
	const struct config_peer *peer = &config->peers[index];

	if (ip_address_is_unspecified(&peer->address))
		return;
	for (size_t i = 0; i < index; i++)
		if (ip_address_equal(&config->peers[i].address, &peer->address) &&
		    surely_overlap(&config->peers[i], peer)) {
			schema_fail_value(schema, node, "address",
			    "is already the address of peers[%zu], which may be on the same node",
			    i);
			return;
		}
}

static void check_peer(
    struct schema *schema, const struct config *config, size_t index, const yaml_node_t *node)
{
	const struct config_peer *peer = &config->peers[index];

	check_same_address(schema, config, index, node);
	if (peer->passive && !config->router.listen_port)
		schema_fail_value(schema, node, "passive",
		    "cannot be true: with router.listen.port 0 nothing listens");
	if (peer->route_reflector_client && config->router.asn && is_external(config, peer))
		schema_fail_value(schema, node, "routeReflectorClient",
		    "cannot be true for a peer in another AS (RFC 4456)");
}

void config_check_peers(struct schema *schema, const yaml_node_t *peers)
{
	const struct config_loader *loader = schema->context;
	const struct config *config = loader->config;
	size_t top = schema_enter_key(schema, "peers");

	for (size_t i = 0; i < config->peer_count; i++) {
		size_t length = schema_enter_item(schema, i);

		check_peer(schema, config, i, config_yaml_item(schema->document, peers, i));
		schema_leave(schema, length);
	}
	schema_leave(schema, top);
}

void config_release_peer(struct config_peer *peer)
{
	free(peer->name);
	k8s_selector_free(&peer->node_selector);
	free(peer->password_file);
	free(peer->import);
	free(peer->export);
}
