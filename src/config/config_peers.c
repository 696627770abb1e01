/*
 * The section `peers`: the neighbours.  Which settings go together is checked by
 * config_peer_checks.c.  The mesh takes some of the keys (config_mesh.c).
 */
#include <stdlib.h>
#include <string.h>

#include "config/sections.h"
#include "config/values.h"

#define BFD_UNSUPPORTED "not supported yet: remove it, or set enabled: false"
#define PEER(member) offsetof(struct config_peer, member)

/* Paths of a prefix: more than any design has, and few enough to be sent at once. */
#define ADD_PATH_SEND_MAX 64
/* Longer than any path there is, by far: a limit beyond it would be none. */
#define AS_PATH_LENGTH_MAX 4000

static const char *const family_words[] = {"ipv4", "ipv6", NULL};
static const char *const next_hop_words[] = {"default", "self", "unchanged", NULL};
static const char *const local_asn_mode_words[] = {
    [CONFIG_LOCAL_ASN_PREPEND] = "prepend",
    [CONFIG_LOCAL_ASN_NO_PREPEND] = "no-prepend",
    [CONFIG_LOCAL_ASN_REPLACE] = "replace",
    NULL,
};

static bool read_role(const struct schema *schema, const struct schema_key *key, const char *text,
    void *to, struct error *error)
{
	(void)schema;
	(void)key;
	if (bgp_role_parse(text, to))
		return true;
	return error_set(
	    error, "must be provider, rs, rs-client, customer or peer, not \"%s\"", text);
}

static const struct schema_type peer_role = {.read = read_role};

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
    {.name = "send",
	.type = &value_u8,
	.offset = PEER(add_path_send),
	.maximum = ADD_PATH_SEND_MAX,
	.fallback = "0"},
    {.name = "receive",
	.type = &value_boolean,
	.offset = PEER(add_path_receive),
	.fallback = "false"},
    {.name = NULL},
};

const struct schema_key config_peer_keys[] = {
    {.name = "name", .type = &value_name, .offset = PEER(name), .required = true},
    {.name = "address", .type = &value_address, .offset = PEER(address)},
    {.name = "interface", .type = &value_interface, .offset = PEER(interface)},
    {.name = "range", .type = &value_prefix, .offset = PEER(range), .present = PEER(has_range)},
    {.name = "rangeLimit",
	.type = &value_u32,
	.offset = PEER(range_limit),
	.minimum = 1,
	.maximum = 10000,
	.fallback = "100"},
    {.name = "port", .type = &value_u16, .offset = PEER(port), .minimum = 1, .fallback = "179"},
    {.name = "asn", .type = &remote_as, .required = true},
    {.name = "localASN", .type = &value_asn, .offset = PEER(local_asn)},
    {.name = "localASNMode",
	.type = &value_word,
	.words = local_asn_mode_words,
	.offset = PEER(local_asn_mode),
	.fallback = "prepend"},
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
    {.name = "delayOpenTime",
	.type = &value_duration,
	.offset = PEER(delay_open_time_ms),
	.maximum = 240000, /* the time that an OPEN may take, RFC 4271 8.2.2 */
	.fallback = "0s"},
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
    {.name = "connectedCheck",
	.type = &value_boolean,
	.offset = PEER(connected_check),
	.fallback = "true"},
    {.name = "passwordFile", .type = &value_path, .offset = PEER(password_file)},
    {.name = "passwordSecret", .node = config_read_secret_key, .offset = PEER(password_secret)},
    {.name = "bfd", .node = read_bfd},
    {.name = "gracefulRestart", .node = config_read_restart_override, .offset = PEER(restart)},
    {.name = "role", .type = &peer_role, .offset = PEER(role)},
    {.name = "strictRole",
	.type = &value_boolean,
	.offset = PEER(strict_role),
	.fallback = "false"},
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
    {.name = "enforceFirstAS",
	.type = &value_boolean,
	.offset = PEER(enforce_first_as),
	.fallback = "true"},
    {.name = "allowOwnASN",
	.type = &value_u8,
	.offset = PEER(allow_own_asn),
	.maximum = 10,
	.fallback = "0"},
    {.name = "maxASPathLength",
	.type = &value_u32,
	.offset = PEER(max_as_path_length),
	.maximum = AS_PATH_LENGTH_MAX,
	.fallback = "0"},
    {.name = "maxPrefixes", .type = &value_u32, .offset = PEER(max_prefixes), .fallback = "0"},
    {.name = "maxPrefixesWarning",
	.type = &value_u8,
	.offset = PEER(max_prefixes_warning),
	.maximum = 100,
	.fallback = "75"},
    {.name = "aigp", .type = &value_boolean, .offset = PEER(aigp), .present = PEER(has_aigp)},
    {.name = "stripAttributes",
	.node = config_read_attribute_types,
	.offset = PEER(strip_attributes)},
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

void config_fill_families(struct config_peer *peer)
{
	if (!peer->families[IPV4] && !peer->families[IPV6])
		peer->families[IPV4] = peer->families[IPV6] = true;
}

const char *config_local_asn_mode_name(enum config_local_asn_mode mode)
{
	return local_asn_mode_words[mode];
}

void config_read_peer(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	const struct config_loader *loader = schema->context;
	struct config_peer *peer = to;
	size_t before = schema_error_count(schema);

	(void)key;
	peer->restart = loader->config->router.restart;
	schema_read_mapping(schema, node, config_peer_keys, peer);
	config_check_place(schema, node);
	config_fill_families(peer);
	if (peer->name && (!strcmp(peer->name, CONFIG_MESH) || !strcmp(peer->name, "all")))
		schema_fail_value(schema, node, "name", "\"%s\" is reserved", peer->name);
	else if (peer->name && strchr(peer->name, '/'))
		schema_fail_value(schema, node, "name",
		    "must be without a slash: what is behind it is the address of a peer of a range");
	if (schema_error_count(schema) == before)
		config_check_peer_alone(schema, node, peer);
	peer->passive = peer->passive || peer->has_range;
}

void config_release_peer(struct config_peer *peer)
{
	free(peer->name);
	free(peer->interface);
	k8s_selector_free(&peer->node_selector);
	free(peer->password_file);
	config_release_secret_key(&peer->password_secret);
	free(peer->import);
	free(peer->export);
}
