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

/*
 * Our own next hop per family: the address of the session itself, else one of the other family on
 * the same interface; for IPv4 over IPv6 without any IPv4 address the IPv6 one (RFC 8950).
 */
static void fill_next_hops(
    const struct speaker_peer *peer, const struct bgp_codec *codec, struct bgp_next_hop *self)
{
	const struct fib *fib = peer->speaker->fib;
	struct ip_address local, remote;
	uint16_t local_port, remote_port;

	if (!bgp_session_addresses(peer->session, &local, &local_port, &remote, &remote_port))
		return;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		if (local.family == family)
			self[family].address = local;
		else if (!fib_local_address(fib, &local, family, &self[family].address) &&
			 family == IPV4 && codec->extended_next_hop)
			self[family].address = local;
	}
}

uint32_t speaker_cluster_id(const struct speaker *speaker)
{
	const struct config_router *router = &speaker->config->router;

	return router->has_cluster_id ? wire_load_u32(router->cluster_id)
				      : speaker_router_id(speaker);
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

void speaker_neighbour_key(const struct speaker_peer *peer, struct export_key *key)
{
	const struct speaker *speaker = peer->speaker;
	const struct config_peer *config = peer->config;

	memset(key, 0, sizeof *key);
	key->codec = *bgp_session_codec(peer->session);
	key->reflector_client = config->route_reflector_client;
	key->next_hop = next_hop_rule(config);
	key->router_asn = speaker->asn;
	key->local_asn = config->local_asn ? config->local_asn : speaker->asn;
	key->cluster_id = speaker_cluster_id(speaker);
	key->audiences = speaker_audiences_of(speaker, peer->name);
	key->filters = peer->export.filters;
	key->filter_count = peer->export.count;
	if (chain_matches_peers(&peer->export))
		key->peer_name = peer->name;
	fill_next_hops(peer, &key->codec, key->self);
}
