/*
 * What a peer is sent depends on the key built here and on the table, on nothing else: two peers
 * with equal keys share an update group.
 */
#include <string.h>

#include "speaker/private.h"

/* Filters that match `peers` give different answers for different names. */
static bool chain_matches_peers(const struct filter_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		for (size_t r = 0; r < chain->filters[i]->rule_count; r++)
			if (chain->filters[i]->rules[r].match.peer_count)
				return true;
	return false;
}

/* The two ends of a session. */
struct ends {
	struct ip_address local;
	struct ip_address remote;
	uint32_t scope; /* the interface of link-local addresses */
	bool on_link; /* nothing is between them but a link */
};

/* An external neighbour that is a hop away, or an internal one on a subnet of ours. */
static bool is_on_link(const struct speaker_peer *peer, bool external, const struct ends *ends)
{
	const struct config_peer *config = peer->config;
	struct ip_prefix segment;

	if (ip_address_is_link_local(&ends->remote))
		return true;
	if (!external)
		return fib_shared_segment(peer->speaker->fib, &ends->local, ends->scope,
		    &ends->remote, ends->remote.family, &segment);
	return config->ttl_security ? config->ttl_security == 1 : config->ebgp_multihop == 1;
}

/*
 * RFC 2545 3: a global address, and beside it the link-local one of the link that we share.  A link
 * without global addresses has the other alone, which is of use on that link only.
 */
static void fill_ipv6_next_hop(
    const struct fib *fib, const struct ends *ends, struct bgp_next_hop *self)
{
	const struct ip_address *local = &ends->local;
	bool over_ipv6 = local->family == IPV6;

	if (over_ipv6 && !ip_address_is_link_local(local))
		self->address = *local;
	else if (!fib_local_address(fib, local, ends->scope, IPV6, &self->address) && over_ipv6)
		self->address = *local;
	if (!ip_address_is_link_local(&self->address)) {
		if (over_ipv6 && ends->on_link)
			fib_link_local_address(fib, local, ends->scope, &self->link_local);
	} else if (!ends->on_link) {
		memset(&self->address, 0, sizeof self->address);
	}
}

/*
 * Our own next hop per family: the address of the session itself, else one of the other family on
 * the same interface; for IPv4 over IPv6 without any IPv4 address the IPv6 one (RFC 8950).
 */
static void fill_next_hops(const struct fib *fib, const struct bgp_codec *codec,
    const struct ends *ends, struct bgp_next_hop *self)
{
	fill_ipv6_next_hop(fib, ends, &self[IPV6]);
	if (ends->local.family == IPV4)
		self[IPV4].address = ends->local;
	else if (!fib_local_address(fib, &ends->local, ends->scope, IPV4, &self[IPV4].address) &&
		 codec->extended_next_hop)
		self[IPV4] = self[IPV6];
}

/* RFC 4271 5.1.3: where the routers are whose addresses an external neighbour may be told. */
static void fill_segments(const struct fib *fib, const struct ends *ends, struct ip_prefix *shared)
{
	struct ip_prefix own;

	if (!ends->on_link)
		return;
	if (!ip_address_is_link_local(&ends->remote) &&
	    !fib_shared_segment(
		fib, &ends->local, ends->scope, &ends->remote, ends->remote.family, &own))
		return;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		fib_shared_segment(
		    fib, &ends->local, ends->scope, &ends->remote, family, &shared[family]);
}

static bool chain_sets_next_hop(const struct filter_chain *chain, const struct ip_address *address)
{
	for (size_t i = 0; i < chain->count; i++)
		for (size_t r = 0; r < chain->filters[i]->rule_count; r++) {
			const struct policy_set *set = &chain->filters[i]->rules[r].set;

			if (set->has_next_hop && ip_address_equal(&set->next_hop, address))
				return true;
		}
	return false;
}

/* Next hops come from others, or from a filter that may name this very neighbour. */
static bool may_be_next_hop(
    const struct speaker_peer *peer, const struct export_key *key, const struct ip_address *address)
{
	return (key->codec.external && key->next_hop == EXPORT_NEXT_HOP_UNCHANGED) ||
	       chain_sets_next_hop(&peer->export, address);
}

/* What depends on where the neighbour is. */
static void fill_link(const struct speaker_peer *peer, struct export_key *key)
{
	const struct fib *fib = peer->speaker->fib;
	bool external = key->codec.external;
	uint16_t local_port, remote_port;
	struct ends ends;

	if (!bgp_session_addresses(
		peer->session, &ends.local, &local_port, &ends.remote, &remote_port))
		return;
	ends.scope = peer->settings.transport.scope;
	ends.on_link = is_on_link(peer, external, &ends);
	fill_next_hops(fib, &key->codec, &ends, key->self);
	if (peer->mesh)
		speaker_mesh_next_hops(peer->speaker, key->self);
	if (external && key->next_hop == EXPORT_NEXT_HOP_DEFAULT)
		fill_segments(fib, &ends, key->shared);
	if (may_be_next_hop(peer, key, &ends.remote))
		key->neighbour = ends.remote;
}

/* Of the mesh, what is configured is meant for those that reflect. */
static uint32_t cluster_id(const struct speaker_peer *peer, bool reflects)
{
	const struct config *config = peer->speaker->config;

	if (peer->mesh && !reflects)
		return speaker_router_id(peer->speaker);
	if (peer->mesh && config->mesh.has_cluster_id)
		return wire_load_u32(config->mesh.cluster_id);
	return config->router.has_cluster_id ? wire_load_u32(config->router.cluster_id)
					     : speaker_router_id(peer->speaker);
}

uint32_t speaker_peer_cluster_id(const struct speaker_peer *peer)
{
	return cluster_id(peer, speaker_mesh_sends_cluster(peer->speaker));
}

uint32_t speaker_peer_import_cluster_id(const struct speaker_peer *peer)
{
	return cluster_id(peer, speaker_mesh_knows_cluster(peer->speaker));
}

static enum export_next_hop next_hop_rule(const struct config_peer *config)
{
	static const enum export_next_hop rules[] = {
	    [CONFIG_NEXT_HOP_DEFAULT] = EXPORT_NEXT_HOP_DEFAULT,
	    [CONFIG_NEXT_HOP_SELF] = EXPORT_NEXT_HOP_SELF,
	    [CONFIG_NEXT_HOP_UNCHANGED] = EXPORT_NEXT_HOP_UNCHANGED,
	};

	return rules[config->next_hop];
}

/* What was agreed upon, but for what changes nothing of the UPDATEs that they are sent. */
static void fill_codec(const struct speaker_peer *peer, struct bgp_codec *codec)
{
	*codec = *bgp_session_codec(peer->session);
	codec->route_refresh = false;
	codec->enhanced_route_refresh = false;
	codec->notification_restart = false;
	memset(codec->add_path_receive, 0, sizeof codec->add_path_receive);
	codec->extended_next_hop &= codec->families[IPV4];
}

/* What we are to an external neighbour, as far as it says what to send (RFC 9234 5). */
static uint8_t role_of(const struct config_peer *config)
{
	switch (config->role) {
	case BGP_ROLE_ROUTE_SERVER:
		return BGP_ROLE_PROVIDER;
	case BGP_ROLE_ROUTE_SERVER_CLIENT:
		return BGP_ROLE_CUSTOMER;
	default:
		return (uint8_t)config->role;
	}
}

static uint8_t path_limit(const struct config_peer *config, const struct bgp_codec *codec)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		if (codec->add_path_send[family] && config->add_path_send)
			return config->add_path_send;
	return 1;
}

/* RFC 7705 3: their number for us, and our own behind it unless it is to be hidden. */
static void fill_as_numbers(
    const struct speaker *speaker, const struct config_peer *config, struct export_key *key)
{
	key->local_asn = config->local_asn ? config->local_asn : speaker->asn;
	key->router_asn =
	    config->local_asn_mode == CONFIG_LOCAL_ASN_REPLACE ? key->local_asn : speaker->asn;
}

void speaker_neighbour_key(const struct speaker_peer *peer, struct export_key *key)
{
	const struct speaker *speaker = peer->speaker;
	const struct config_peer *config = peer->config;

	memset(key, 0, sizeof *key);
	fill_codec(peer, &key->codec);
	key->reflector_client = config->route_reflector_client && !key->codec.external;
	key->aigp = peer->settings.aigp;
	key->role = key->codec.external ? role_of(config) : BGP_ROLE_NONE;
	key->path_limit = path_limit(config, &key->codec);
	key->next_hop = next_hop_rule(config);
	fill_as_numbers(speaker, config, key);
	key->cluster_id = speaker_peer_cluster_id(peer);
	key->audiences = speaker_audiences_of(speaker, config->name);
	key->filters = peer->export.filters;
	key->filter_count = peer->export.count;
	if (chain_matches_peers(&peer->export))
		key->peer_name = config->name;
	fill_link(peer, key);
}
