/*
 * From the configuration of a peer to the settings of its session, and to what of a change of them
 * makes the routes that are in the table wrong: what has been judged by the old rules has to be
 * sent again.
 */
#include <string.h>

#include "config/difference.h"
#include "speaker/private.h"

/* Who calls from a range or a link has so long for its OPEN; a neighbour that is known, minutes. */
#define STRANGER_OPEN_MS 10000

bool speaker_peer_is_internal(const struct speaker_peer *peer)
{
	const struct config_peer *config = peer->config;
	uint32_t local_asn = config->local_asn ? config->local_asn : peer->speaker->asn;

	return config->remote_as == BGP_REMOTE_AS_INTERNAL ||
	       (config->remote_as == BGP_REMOTE_AS_NUMBER && config->asn == local_asn);
}

static void fill_transport(const struct speaker_peer *peer, struct bgp_transport_options *transport)
{
	const struct config_peer *config = peer->config;

	transport->local = config->local_address;
	transport->remote = peer->address;
	transport->scope = peer->scope;
	transport->port = config->port;
	transport->ttl_security = config->ttl_security;
	/* iBGP neighbours may be anywhere; eBGP ones as far as configured. */
	if (!config->ttl_security && !speaker_peer_is_internal(peer))
		transport->ttl = config->ebgp_multihop;
}

static void fill_times(const struct speaker_peer *peer, struct bgp_session_settings *settings)
{
	const struct config_peer *config = peer->config;

	settings->hold_time_ms = config->hold_time_ms;
	settings->keepalive_time_ms = config->keepalive_time_ms;
	settings->connect_retry_time_ms = config->connect_retry_time_ms;
	settings->delay_open_time_ms = config->delay_open_time_ms;
	if (!peer->dynamic && !config->interface)
		return;
	/*
	 * What a stranger costs is bounded by how long it may say nothing; on a link, it keeps the
	 * neighbour out for that long.
	 */
	settings->open_time_ms = STRANGER_OPEN_MS;
	if (peer->dynamic)
		settings->delay_open_time_ms = 0;
}

static void fill_capabilities(
    const struct speaker_peer *peer, struct bgp_session_settings *settings)
{
	const struct config_peer *config = peer->config;

	memcpy(settings->families, config->families, sizeof settings->families);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		if (!config->families[family])
			continue;
		if (config->add_path_send)
			settings->add_path[family] |= BGP_ADD_PATH_SEND;
		if (config->add_path_receive)
			settings->add_path[family] |= BGP_ADD_PATH_RECEIVE;
	}
	settings->role = (uint8_t)config->role;
	settings->strict_role = config->strict_role;
	settings->restart = config->restart;
	/* Cut to what fits: it is there to be read by people. */
	strncpy(
	    settings->host_name, peer->speaker->config->node_name, sizeof settings->host_name - 1);
}

static bool exchanges_aigp(const struct speaker_peer *peer, const struct config_peer *config)
{
	return config->has_aigp ? config->aigp : speaker_peer_is_internal(peer);
}

bool speaker_settings_fill(
    const struct speaker_peer *peer, struct bgp_session_settings *settings, struct error *error)
{
	const struct config_peer *config = peer->config;

	memset(settings, 0, sizeof *settings);
	settings->local_asn = config->local_asn ? config->local_asn : peer->speaker->asn;
	settings->remote_asn = config->asn;
	settings->remote_as = config->remote_as;
	memcpy(settings->identifier, peer->speaker->router_id, sizeof settings->identifier);
	settings->passive = config->passive || peer->dynamic;
	settings->enforce_first_as = config->enforce_first_as;
	settings->aigp = exchanges_aigp(peer, config);
	memcpy(settings->ignored_attributes, config->strip_attributes,
	    sizeof settings->ignored_attributes);
	fill_times(peer, settings);
	fill_capabilities(peer, settings);
	fill_transport(peer, &settings->transport);
	return speaker_password_find(peer->speaker, config, settings->transport.password, error);
}

/* Clusters are a matter of what is sent inside of the AS (RFC 4456 8). */
static bool knows_same_cluster(const struct speaker_peer *peer)
{
	return !speaker_peer_is_internal(peer) ||
	       peer->judged_cluster_id == speaker_peer_import_cluster_id(peer);
}

bool speaker_settings_judge_alike(
    const struct speaker_peer *peer, const struct config_peer *before, const struct config *old)
{
	const struct config_peer *now = peer->config;

	return peer->judged_asn == peer->speaker->asn && knows_same_cluster(peer) &&
	       before->has_import == now->has_import &&
	       before->allow_own_asn == now->allow_own_asn &&
	       before->max_as_path_length == now->max_as_path_length && before->role == now->role &&
	       before->local_asn_mode == now->local_asn_mode &&
	       before->enforce_first_as == now->enforce_first_as &&
	       exchanges_aigp(peer, before) == exchanges_aigp(peer, now) &&
	       memcmp(before->strip_attributes, now->strip_attributes,
		   sizeof now->strip_attributes) == 0 &&
	       config_chains_equal(old, before->import, before->import_count, peer->speaker->config,
		   now->import, now->import_count);
}
