/*
 * The section `advertisements`: what this node originates.  The three types share a table; which
 * keys belong to which type is a table of its own, as a key that the type ignores would be a
 * silent error.
 *
 * Which peers an advertisement goes to is a bit of one word for each kind of peers that the lists
 * tell apart, so there may be no more kinds than bits.
 */
#include <stdlib.h>
#include <string.h>

#include "config/peer_classes.h"
#include "config/sections.h"
#include "config/values.h"

#define ADVERTISEMENT(member) offsetof(struct config_advertisement, member)

static const char *const type_words[] = {
    [K8S_ADVERTISE_POD_CIDR] = "PodCIDR",
    [K8S_ADVERTISE_SERVICE] = "Service",
    [K8S_ADVERTISE_PREFIX] = "Prefix",
    NULL,
};

static const char *const address_words[] = {
    [K8S_ADDRESS_LOAD_BALANCER_IP] = "LoadBalancerIP",
    [K8S_ADDRESS_EXTERNAL_IP] = "ExternalIP",
    [K8S_ADDRESS_CLUSTER_IP] = "ClusterIP",
    NULL,
};

/* Keys of one type only. */
static const struct {
	const char *name;
	enum k8s_advertisement_type type;
} typed_keys[] = {
    {"addresses", K8S_ADVERTISE_SERVICE},
    {"cidrs", K8S_ADVERTISE_SERVICE},
    {"serviceSelector", K8S_ADVERTISE_SERVICE},
    {"loadBalancerClass", K8S_ADVERTISE_SERVICE},
    {"aggregationLength", K8S_ADVERTISE_SERVICE},
    {"aggregationLengthV6", K8S_ADVERTISE_SERVICE},
    {"prefixes", K8S_ADVERTISE_PREFIX},
};

static const struct schema_key advertisement_keys[] = {
    {.name = "name", .type = &value_name, .offset = ADVERTISEMENT(name), .required = true},
    {.name = "type",
	.type = &value_word,
	.words = type_words,
	.offset = ADVERTISEMENT(what.type),
	.required = true},
    {.name = "addresses",
	.node = value_read_flags,
	.words = address_words,
	.offset = ADVERTISEMENT(what.addresses)},
    {.name = "cidrs",
	.type = &value_prefix,
	.offset = ADVERTISEMENT(what.cidrs),
	.count = ADVERTISEMENT(what.cidr_count),
	.item_size = sizeof(struct ip_prefix)},
    {.name = "serviceSelector",
	.node = value_read_selector,
	.offset = ADVERTISEMENT(what.service_selector)},
    {.name = "loadBalancerClass",
	.type = &value_text,
	.offset = ADVERTISEMENT(what.load_balancer_class),
	.fallback = ""},
    {.name = "aggregationLength",
	.type = &value_u8,
	.offset = ADVERTISEMENT(what.aggregation_length[IPV4]),
	.minimum = 1,
	.maximum = 32,
	.fallback = "32"},
    {.name = "aggregationLengthV6",
	.type = &value_u8,
	.offset = ADVERTISEMENT(what.aggregation_length[IPV6]),
	.minimum = 1,
	.maximum = 128,
	.fallback = "128"},
    {.name = "prefixes",
	.type = &value_prefix,
	.offset = ADVERTISEMENT(what.prefixes),
	.count = ADVERTISEMENT(what.prefix_count),
	.item_size = sizeof(struct ip_prefix)},
    {.name = "nodeSelector",
	.node = value_read_selector,
	.offset = ADVERTISEMENT(what.node_selector)},
    {.name = "peers",
	.type = &config_peer_name,
	.offset = ADVERTISEMENT(peers),
	.count = ADVERTISEMENT(peer_count),
	.item_size = sizeof(char *)},
    {.name = "localPref",
	.type = &value_u32,
	.offset = ADVERTISEMENT(local_pref),
	.present = ADVERTISEMENT(has_local_pref)},
    {.name = "med",
	.type = &value_u32,
	.offset = ADVERTISEMENT(med),
	.present = ADVERTISEMENT(has_med)},
    {.name = "communities",
	.type = &config_community,
	.offset = ADVERTISEMENT(communities),
	.count = ADVERTISEMENT(community_count),
	.item_size = sizeof(struct bgp_community),
	.most = CONFIG_COMMUNITIES_MAX},
    {.name = "asPathPrepend",
	.type = &value_u8,
	.offset = ADVERTISEMENT(as_path_prepend),
	.maximum = 32,
	.fallback = "0"},
    {.name = NULL},
};

static void check_type(
    struct schema *schema, const yaml_node_t *node, const struct k8s_advertisement *what)
{
	for (size_t i = 0; i < sizeof(typed_keys) / sizeof(*typed_keys); i++)
		if (typed_keys[i].type != what->type &&
		    schema_has(schema, node, typed_keys[i].name))
			schema_fail_key(schema, node, typed_keys[i].name, "is for type %s, not %s",
			    type_words[typed_keys[i].type], type_words[what->type]);
	if (what->type == K8S_ADVERTISE_PREFIX && !what->prefix_count)
		schema_fail_value(schema, node, "prefixes", "type Prefix needs at least one");
}

static void check_prefixes(
    struct schema *schema, const yaml_node_t *node, const struct k8s_advertisement *what)
{
	for (size_t i = 0; i < what->prefix_count; i++) {
		char text[IP_TEXT_MAX];

		if (ip_prefix_is_martian(&what->prefixes[i]))
			schema_fail_value(schema, node, "prefixes",
			    "%s is never to be announced: it is no unicast prefix",
			    ip_prefix_print(&what->prefixes[i], text));
	}
}

void config_read_advertisement(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	struct config_advertisement *advertisement = to;
	struct k8s_advertisement *what = &advertisement->what;
	size_t before = schema_error_count(schema);

	(void)key;
	schema_read_mapping(schema, node, advertisement_keys, advertisement);
	if (schema_error_count(schema) != before)
		return;
	if (what->type == K8S_ADVERTISE_SERVICE && !schema_has(schema, node, "addresses"))
		what->addresses[K8S_ADDRESS_LOAD_BALANCER_IP] = true;
	check_type(schema, node, what);
	check_prefixes(schema, node, what);
	/* Anyone who may create a Service can claim any external IP. */
	if (what->addresses[K8S_ADDRESS_EXTERNAL_IP] && !what->cidr_count)
		schema_fail_value(
		    schema, node, "cidrs", "is required with addresses: [ExternalIP]");
}

void config_check_advertisements(struct schema *schema, const yaml_node_t *advertisements)
{
	const struct config_loader *loader = schema->context;
	const struct config *config = loader->config;
	struct peer_classes classes = {.count = 0};

	for (size_t i = 0; i < config->advertisement_count; i++) {
		const struct config_advertisement *advertisement = &config->advertisements[i];
		size_t top;
		size_t length;

		if (!advertisement->peer_count)
			continue;
		peer_classes_add(&classes, advertisement->peers, advertisement->peer_count);
		peer_classes_number(&classes);
		if (classes.class_count <= PEER_CLASSES_MAX)
			continue;
		top = schema_enter_key(schema, "advertisements");
		length = schema_enter_item(schema, i);
		schema_fail_value(schema, config_yaml_item(schema->document, advertisements, i),
		    "peers",
		    "the lists so far tell peers apart in more than %d ways: peers that are in the"
		    " same lists count as one",
		    PEER_CLASSES_MAX - 1);
		schema_leave(schema, length);
		schema_leave(schema, top);
		break;
	}
	peer_classes_free(&classes);
}

void config_release_advertisement(struct config_advertisement *advertisement)
{
	free(advertisement->name);
	free(advertisement->what.cidrs);
	k8s_selector_free(&advertisement->what.service_selector);
	k8s_selector_free(&advertisement->what.node_selector);
	free(advertisement->what.load_balancer_class);
	free(advertisement->what.prefixes);
	for (size_t i = 0; i < advertisement->peer_count; i++)
		free(advertisement->peers[i]);
	free(advertisement->peers);
	free(advertisement->communities);
}
