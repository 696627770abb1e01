/*
 * The small sections: node, cluster, fib, metrics and log.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/types.h"
#include "config/sections.h"
#include "config/values.h"
#include "k8s/access.h"

#define CONFIG(member) offsetof(struct config, member)

/* Routing tables of the kernel (rtnetlink(7)). */
enum { TABLE_DEFAULT = 253, TABLE_MAIN = 254, TABLE_LOCAL = 255 };
/* Protocol numbers of routes: up to 4 they belong to the kernel and the administrator. */
enum { PROTOCOL_STATIC = 4, PROTOCOL_BGP = 186 };

#define MULTIPATH_MAX 64

#define WITHDRAWS(reason) CONFIG(node_rules.withdraws[reason])

static const struct schema_key withdraw_services_keys[] = {
    {.name = "notReady",
	.type = &value_boolean,
	.offset = WITHDRAWS(K8S_NODE_NOT_READY),
	.fallback = "true"},
    {.name = "networkUnavailable",
	.type = &value_boolean,
	.offset = WITHDRAWS(K8S_NODE_NETWORK_UNAVAILABLE),
	.fallback = "true"},
    {.name = "excluded",
	.type = &value_boolean,
	.offset = WITHDRAWS(K8S_NODE_EXCLUDED),
	.fallback = "true"},
    {.name = "unschedulable",
	.type = &value_boolean,
	.offset = WITHDRAWS(K8S_NODE_UNSCHEDULABLE),
	.fallback = "false"},
    {.name = "toBeDeleted",
	.type = &value_boolean,
	.offset = WITHDRAWS(K8S_NODE_TO_BE_DELETED),
	.fallback = "true"},
    {.name = "noExecute",
	.type = &value_boolean,
	.offset = WITHDRAWS(K8S_NODE_NO_EXECUTE),
	.fallback = "false"},
    {.name = NULL},
};

const struct schema_key config_node_keys[] = {
    {.name = "name", .type = &value_name, .offset = CONFIG(node_name)},
    {.name = "withdrawServices", .keys = withdraw_services_keys},
    {.name = NULL},
};

static const char *const source_words[] = {
    [CONFIG_SOURCE_NONE] = "none",
    [CONFIG_SOURCE_MANIFESTS] = "manifests",
    [CONFIG_SOURCE_KUBERNETES] = "kubernetes",
    NULL,
};

static const char *const status_words[] = {
    [CONFIG_STATUS_NONE] = "none",
    [CONFIG_STATUS_CONFIG_MAP] = "configMap",
    NULL,
};

static bool read_api_server(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	struct k8s_server server;
	struct error reason;

	(void)schema;
	(void)key;
	if (!k8s_server_parse(text, &server, &reason))
		return error_set(error, "%s", reason.text);
	free(server.host);
	free(server.path);
	*(char **)to = memory_copy_string(text);
	return true;
}

static const struct schema_type api_server = {.read = read_api_server};

const struct schema_key config_cluster_keys[] = {
    {.name = "source",
	.type = &value_word,
	.words = source_words,
	.offset = CONFIG(source),
	.fallback = "none"},
    {.name = "namespace", .type = &config_namespace, .offset = CONFIG(namespace), .fallback = ""},
    {.name = "kubeconfig", .type = &value_text, .offset = CONFIG(kubeconfig), .fallback = ""},
    {.name = "servers",
	.type = &api_server,
	.offset = CONFIG(api_servers),
	.count = CONFIG(api_server_count),
	.item_size = sizeof(char *)},
    {.name = "events",
	.type = &value_boolean,
	.offset = CONFIG(cluster_events),
	.fallback = "true"},
    {.name = "status",
	.type = &value_word,
	.words = status_words,
	.offset = CONFIG(cluster_status),
	.fallback = "none"},
    {.name = "manifests",
	.type = &value_path,
	.offset = CONFIG(manifests),
	.fallback = "/etc/kbgpd/manifests"},
    {.name = NULL},
};

static bool read_table(const struct schema *schema, const struct schema_key *key, const char *text,
    void *to, struct error *error)
{
	uint64_t number;

	(void)schema;
	(void)key;
	if (!strcmp(text, "main"))
		number = TABLE_MAIN;
	else if (!strcmp(text, "default"))
		number = TABLE_DEFAULT;
	else if (!strcmp(text, "local"))
		number = TABLE_LOCAL;
	else if (!value_parse_number(text, UINT32_MAX, &number) || !number)
		return error_set(error,
		    "must be main, default or the number of a routing table, not \"%s\"", text);
	if (number == TABLE_LOCAL)
		return error_set(error, "must not be local: that table is the kernel's own");
	*(uint32_t *)to = (uint32_t)number;
	return true;
}

static const struct schema_type fib_table = {.read = read_table};

static bool read_protocol(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	uint64_t number = PROTOCOL_BGP;

	(void)schema;
	(void)key;
	if (strcmp(text, "bgp") && !value_parse_number(text, UINT8_MAX, &number))
		return error_set(
		    error, "must be bgp or a protocol number from 5 to 255, not \"%s\"", text);
	if (number <= PROTOCOL_STATIC)
		return error_set(error,
		    "must be more than 4: routes of protocol %s are the kernel's or the "
		    "administrator's",
		    text);
	*(uint8_t *)to = (uint8_t)number;
	return true;
}

static const struct schema_type fib_protocol = {.read = read_protocol};

static const char *const stop_words[] = {"keep", "withdraw", NULL};
static const char *const object_words[] = {"off", "auto", NULL};

/* Of two words: is it the second one? */
static bool read_choice(const struct schema *schema, const struct schema_key *key, const char *text,
    void *to, struct error *error)
{
	unsigned index;

	if (!value_word.read(schema, key, text, &index, error))
		return false;
	*(bool *)to = index == 1;
	return true;
}

static const struct schema_type choice = {.read = read_choice};

static const char *const aggregates_words[] = {
    [CONFIG_AGGREGATES_NONE] = "none",
    [CONFIG_AGGREGATES_BLACKHOLE] = "blackhole",
    [CONFIG_AGGREGATES_UNREACHABLE] = "unreachable",
    NULL,
};

static bool may_be_source(const struct ip_address *address)
{
	return !ip_address_is_unspecified(address) && !ip_address_is_multicast(address) &&
	       !ip_address_is_loopback(address) && !ip_address_is_link_local(address);
}

static void read_source_address(struct schema *schema, const yaml_node_t *node, void *to)
{
	const char *text = schema_step(schema, node) ? schema_expect_text(schema, node) : NULL;
	struct ip_address *sources = to;
	struct ip_address address;

	if (!text)
		return;
	if (!ip_address_parse(text, &address) || !may_be_source(&address))
		schema_fail(schema, node,
		    "must be a unicast address that is not link-local, not \"%s\"", text);
	else if (!ip_address_is_unspecified(&sources[address.family]))
		schema_fail(schema, node, "there may be only one of each family");
	else
		sources[address.family] = address;
}

/* Into an array by family. */
static void read_source_addresses(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	(void)key;
	if (!schema_expect_list(schema, node))
		return;
	for (size_t i = 0; i < config_yaml_count(node) && !schema->exhausted; i++) {
		size_t length = schema_enter_item(schema, i);

		read_source_address(schema, config_yaml_item(schema->document, node, i), to);
		schema_leave(schema, length);
	}
}

const struct schema_key config_fib_keys[] = {
    {.name = "install", .type = &value_boolean, .offset = CONFIG(fib.install), .fallback = "true"},
    {.name = "table", .type = &fib_table, .offset = CONFIG(fib.table), .fallback = "main"},
    {.name = "protocol", .type = &fib_protocol, .offset = CONFIG(fib.protocol), .fallback = "bgp"},
    {.name = "metric",
	.type = &value_u32,
	.offset = CONFIG(fib.metric),
	.minimum = 1,
	.fallback = "20"},
    {.name = "multipath",
	.type = &value_u32,
	.offset = CONFIG(fib.multipath),
	.minimum = 1,
	.maximum = MULTIPATH_MAX,
	.fallback = "16"},
    {.name = "backup", .type = &value_boolean, .offset = CONFIG(fib.backup), .fallback = "false"},
    {.name = "nextHopObjects",
	.type = &choice,
	.words = object_words,
	.offset = CONFIG(fib.next_hop_objects),
	.fallback = "auto"},
    {.name = "onStop",
	.type = &choice,
	.words = stop_words,
	.offset = CONFIG(fib.withdraw_on_stop),
	.fallback = "keep"},
    {.name = "aggregates",
	.type = &value_word,
	.words = aggregates_words,
	.offset = CONFIG(fib.aggregates),
	.fallback = "none"},
    {.name = "sourceAddresses", .node = read_source_addresses, .offset = CONFIG(fib.sources)},
    {.name = NULL},
};

static bool read_listen(const struct schema *schema, const struct schema_key *key, const char *text,
    void *to, struct error *error)
{
	struct config *config = to;

	(void)schema;
	(void)key;
	if (!*text || value_parse_listen(text, &config->metrics_address, &config->metrics_port))
		return true;
	return error_set(error,
	    "must be \":PORT\", \"ADDRESS:PORT\", \"[IPV6]:PORT\" or empty, not \"%s\"", text);
}

static const struct schema_type metrics_listen = {.read = read_listen};

const struct schema_key config_metrics_keys[] = {
    {.name = "listen", .type = &metrics_listen, .fallback = ":7473"},
    {.name = NULL},
};

static const char *const level_words[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
    NULL,
};
static const char *const format_words[] = {
    [LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json", NULL};

const struct schema_key config_log_keys[] = {
    {.name = "level",
	.type = &value_word,
	.words = level_words,
	.offset = CONFIG(log_level),
	.fallback = "info"},
    {.name = "format",
	.type = &value_word,
	.words = format_words,
	.offset = CONFIG(log_format),
	.fallback = "text"},
    {.name = NULL},
};
