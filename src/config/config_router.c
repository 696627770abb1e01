/*
 * The section `router`: who this speaker is and where it listens.
 */
#include "config/sections.h"
#include "config/values.h"

/* 0.0.0.0 and :: are all addresses of a family. */
static bool read_listen_address(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	const struct ip_address *address = to;

	if (!value_address.read(schema, key, text, to, error))
		return false;
	if (ip_address_is_multicast(address))
		return error_set(error, "must be an address of this node, not %s", text);
	if (address->family == IPV6 && ip_address_is_link_local(address))
		return error_set(
		    error, "%s is link-local, which means nothing without its link", text);
	return true;
}

static const struct schema_type listen_address = {.read = read_listen_address};

static const struct schema_key listen_keys[] = {
    {.name = "port",
	.type = &value_u16,
	.offset = offsetof(struct config_router, listen_port),
	.fallback = "179"},
    {.name = "addresses",
	.type = &listen_address,
	.offset = offsetof(struct config_router, listen_addresses),
	.count = offsetof(struct config_router, listen_address_count),
	.item_size = sizeof(struct ip_address)},
    {.name = NULL},
};

#define LEAVE_DELAY_MAX_MS (10u * 60 * 1000)

static const struct schema_key leave_keys[] = {
    {.name = "gracefulShutdown",
	.type = &value_boolean,
	.offset = offsetof(struct config_leave, graceful_shutdown),
	.fallback = "false"},
    {.name = "delay",
	.type = &value_duration,
	.offset = offsetof(struct config_leave, delay_ms),
	.maximum = LEAVE_DELAY_MAX_MS,
	.fallback = "0s"},
    {.name = NULL},
};

static void read_leave(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	const size_t errors = schema_error_count(schema);
	const struct config_leave *leave = to;

	(void)key;
	schema_read_mapping(schema, node, leave_keys, to);
	if (schema_error_count(schema) == errors && leave->graceful_shutdown && !leave->delay_ms)
		schema_fail_value(schema, node, "gracefulShutdown",
		    "needs a delay: without one the neighbours have no time to take another way");
}

static const struct schema_key override_keys[] = {
    {.name = "nodeSelector",
	.node = value_read_selector,
	.offset = offsetof(struct config_override, node_selector)},
    {.name = "asn",
	.type = &value_asn,
	.offset = offsetof(struct config_override, asn),
	.present = offsetof(struct config_override, has_asn)},
    {.name = "routerID",
	.type = &value_router_id,
	.offset = offsetof(struct config_override, router_id),
	.present = offsetof(struct config_override, has_router_id)},
    {.name = NULL},
};

static void read_override(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	(void)key;
	schema_read_mapping(schema, node, override_keys, to);
}

const struct schema_key config_router_keys[] = {
    {.name = "asn",
	.type = &value_asn,
	.offset = offsetof(struct config_router, asn),
	.required = true},
    {.name = "routerID",
	.type = &value_router_id,
	.offset = offsetof(struct config_router, router_id),
	.present = offsetof(struct config_router, has_router_id)},
    {.name = "clusterID",
	.type = &value_router_id,
	.offset = offsetof(struct config_router, cluster_id),
	.present = offsetof(struct config_router, has_cluster_id)},
    {.name = "listen", .keys = listen_keys},
    {.name = "gracefulRestart",
	.keys = config_restart_keys,
	.offset = offsetof(struct config_router, restart)},
    {.name = "leave", .node = read_leave, .offset = offsetof(struct config_router, leave)},
    {.name = "nodeOverrides",
	.node = read_override,
	.offset = offsetof(struct config_router, overrides),
	.count = offsetof(struct config_router, override_count),
	.item_size = sizeof(struct config_override)},
    {.name = NULL},
};
