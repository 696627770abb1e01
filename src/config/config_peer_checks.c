/*
 * What of a peer's settings goes together: among themselves, with the router's, and with those of
 * the other peers.  What stands here concerns more than one key; the bounds of each are in its row
 * (config_peers.c).
 *
 * Two peers at one address are one too many: a connection that comes in could belong to either.
 * The same goes for two behind one interface, or of one range.  They may share it only where their
 * selectors differ, so that no node need have both; whether one does is known only when its labels
 * are.  An address that lies in a range is no conflict: it is the more specific of the two.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/place.h"
#include "config/sections.h"

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

/* --- where the neighbour is --- */

void config_check_place(struct schema *schema, const yaml_node_t *node)
{
	static const char *const places[] = {"address", "interface", "range"};
	const char *first = NULL;

	if (node->type != YAML_MAPPING_NODE)
		return;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (!schema_has(schema, node, places[i]))
			continue;
		if (first)
			schema_fail_key(schema, node, places[i], "excludes %s", first);
		else
			first = places[i];
	}
	if (!first)
		schema_fail_key(schema, node, "address",
		    "is required, unless there is an interface or a range");
	if (schema_has(schema, node, "rangeLimit") && !schema_has(schema, node, "range"))
		schema_fail_key(schema, node, "rangeLimit", "is of no use without a range");
}

static void fail_link_local(struct schema *schema, const yaml_node_t *node, const char *name)
{
	schema_fail_value(schema, node, name,
	    "is link-local, which means nothing without its link: use interface in its place");
}

static void check_address(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer)
{
	const struct ip_address *address = &peer->address;

	if (ip_address_is_unspecified(address) || ip_address_is_multicast(address))
		schema_fail_value(schema, node, "address", "must be the address of one neighbour");
	else if (address->family == IPV6 && ip_address_is_link_local(address))
		fail_link_local(schema, node, "address");
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

static void check_interface(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer)
{
	if (schema_has(schema, node, "localAddress"))
		schema_fail_key(schema, node, "localAddress",
		    "is of no use with interface: the link-local address of it is taken");
	if (peer->ebgp_multihop > 1)
		schema_fail_value(schema, node, "ebgpMultihop",
		    "must be 1 with interface: the neighbour is on that link");
	if (peer->ttl_security > 1)
		schema_fail_value(schema, node, "ttlSecurity",
		    "must be 0 or 1 with interface: the neighbour is on that link");
}

/* Nobody of a range is connected to. */
static void check_range(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer)
{
	static const char *const useless[] = {"port", "localAddress", "connectRetryTime"};
	const struct ip_address first = ip_prefix_address(&peer->range);

	if (ip_address_is_multicast(&first))
		schema_fail_value(schema, node, "range", "must hold the addresses of neighbours");
	else if (first.family == IPV6 && ip_address_is_link_local(&first))
		fail_link_local(schema, node, "range");
	if (schema_has(schema, node, "passive") && !peer->passive)
		schema_fail_value(
		    schema, node, "passive", "cannot be false with range: who is there must call");
	for (size_t i = 0; i < sizeof(useless) / sizeof(*useless); i++)
		if (schema_has(schema, node, useless[i]))
			schema_fail_key(schema, node, useless[i],
			    "is of no use with range: nobody there is connected to");
	if (peer->delay_open_time_ms)
		schema_fail_value(schema, node, "delayOpenTime",
		    "is of no use with range: a stranger is not waited for");
}

/* --- the session --- */

static void check_needed(
    struct schema *schema, const yaml_node_t *node, const char *name, const char *needed)
{
	if (schema_has(schema, node, name) && !schema_has(schema, node, needed))
		schema_fail_key(schema, node, name, "is of no use without %s", needed);
}

/* The second of two would never be asked: what the first leaves open, so does it. */
static void check_filters(struct schema *schema, const yaml_node_t *node, const char *name,
    const size_t *filters, size_t count)
{
	const struct config_loader *loader = schema->context;

	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (filters[i] == filters[j]) {
				schema_fail_value(schema, node, name, "\"%s\" is here twice",
				    loader->filters.items[filters[i]]);
				return;
			}
}

void config_check_exchange(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer)
{
	check_timers(schema, node, peer);
	config_check_password(schema, node, peer);
	check_needed(schema, node, "maxPrefixesWarning", "maxPrefixes");
	check_filters(schema, node, "import", peer->import, peer->import_count);
	check_filters(schema, node, "export", peer->export, peer->export_count);
}

void config_check_peer_alone(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer)
{
	if (peer->interface) {
		check_interface(schema, node, peer);
	} else if (peer->has_range) {
		check_range(schema, node, peer);
	} else {
		check_address(schema, node, peer);
		check_local_address(schema, node, peer);
	}
	config_check_exchange(schema, node, peer);
	if (peer->ttl_security && peer->ebgp_multihop > 1)
		schema_fail_value(schema, node, "ttlSecurity", "excludes ebgpMultihop (RFC 5082)");
	check_needed(schema, node, "localASNMode", "localASN");
	if (peer->strict_role && !peer->role)
		schema_fail_value(
		    schema, node, "strictRole", "cannot be true without a role (RFC 9234)");
}

/* --- with the router and the other peers --- */

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

/* True if the peer can only be in our AS, whatever node this is. */
static bool is_internal(const struct config *config, const struct config_peer *peer)
{
	if (peer->remote_as != BGP_REMOTE_AS_NUMBER)
		return peer->remote_as == BGP_REMOTE_AS_INTERNAL;
	if (peer->local_asn)
		return peer->asn == peer->local_asn;
	if (peer->asn != config->router.asn)
		return false;
	for (size_t i = 0; i < config->router.override_count; i++)
		if (config->router.overrides[i].has_asn &&
		    config->router.overrides[i].asn != peer->asn)
			return false;
	return true;
}

/* The entries that were checked already, by their place. */
struct places {
	struct hash_table first; /* the first one of each place */
	size_t *next; /* by position: of the next one at the same place; 0: there is none */
};

/* Takes the entry in; returns the position of an earlier one that excludes it, or its own. */
static size_t take_place(struct places *places, const struct config *config, size_t index)
{
	const struct config_peer *peer = &config->peers[index];
	uint64_t hash = config_place_hash(peer);
	const struct config_peer *first =
	    hash_table_find(&places->first, hash, config_place_equal, peer);
	size_t rival = index, at;

	if (!first) {
		hash_table_insert(&places->first, hash, (void *)peer);
		return index;
	}
	for (at = (size_t)(first - config->peers);; at = places->next[at]) {
		if (rival == index && surely_overlap(&config->peers[at], peer))
			rival = at;
		if (!places->next[at])
			break;
	}
	places->next[at] = index;
	return rival;
}

static void check_same_place(struct schema *schema, const struct config *config, size_t index,
    const yaml_node_t *node, struct places *places)
{
	const char *key = config_place_key(&config->peers[index]);
	size_t rival = key ? take_place(places, config, index) : index;

	if (rival != index)
		schema_fail_value(schema, node, key,
		    "is already the %s of peers[%zu], which may be on the same node", key, rival);
}

static void check_peer(
    struct schema *schema, const struct config *config, size_t index, const yaml_node_t *node)
{
	const struct config_peer *peer = &config->peers[index];

	if (peer->has_range && !config->router.listen_port)
		schema_fail_key(schema, node, "range",
		    "cannot be used: with router.listen.port 0 nothing listens");
	else if (peer->passive && !config->router.listen_port)
		schema_fail_value(schema, node, "passive",
		    "cannot be true: with router.listen.port 0 nothing listens");
	if (!config->router.asn)
		return;
	if (peer->route_reflector_client && is_external(config, peer))
		schema_fail_value(schema, node, "routeReflectorClient",
		    "cannot be true for a peer in another AS (RFC 4456)");
	if (peer->role && is_internal(config, peer))
		schema_fail_value(
		    schema, node, "role", "is only for peers in another AS (RFC 9234)");
}

void config_check_peers(struct schema *schema, const yaml_node_t *peers)
{
	const struct config_loader *loader = schema->context;
	const struct config *config = loader->config;
	size_t top = schema_enter_key(schema, "peers");
	struct places places = {
	    .next = memory_allocate_zero(config->peer_count, sizeof(*places.next))};

	for (size_t i = 0; i < config->peer_count; i++) {
		const yaml_node_t *node = config_yaml_item(schema->document, peers, i);
		size_t length = schema_enter_item(schema, i);

		check_same_place(schema, config, i, node, &places);
		check_peer(schema, config, i, node);
		schema_leave(schema, length);
	}
	hash_table_free(&places.first);
	free(places.next);
	schema_leave(schema, top);
}
