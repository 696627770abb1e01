/*
 * What those above may look at: the configuration in force, the rooms below, the peers.  Nothing
 * here changes anything.
 */
#include "speaker/speaker.h"

#include <string.h>

#include "speaker/private.h"

const struct speaker_config_state *speaker_config_state(const struct speaker *speaker)
{
	return &speaker->config_state;
}

const struct config *speaker_config(const struct speaker *speaker)
{
	return speaker->config;
}

struct loop *speaker_loop(const struct speaker *speaker)
{
	return speaker->loop;
}

const struct update_groups *speaker_update_groups(const struct speaker *speaker)
{
	return speaker->groups;
}

const struct rib *speaker_rib(const struct speaker *speaker)
{
	return speaker->rib;
}

const struct fib *speaker_fib(const struct speaker *speaker)
{
	return speaker->fib;
}

const struct k8s_cluster *speaker_cluster(const struct speaker *speaker)
{
	return speaker->cluster;
}

const struct k8s_announcer *speaker_announcer(const struct speaker *speaker)
{
	return speaker->announcer;
}

const struct k8s_manifests *speaker_manifests(const struct speaker *speaker)
{
	return speaker->manifests;
}

const struct k8s_api_source *speaker_api_source(const struct speaker *speaker)
{
	return speaker->api_source;
}

uint32_t speaker_asn(const struct speaker *speaker)
{
	return speaker->asn;
}

uint32_t speaker_router_id(const struct speaker *speaker)
{
	return wire_load_u32(speaker->router_id);
}

uint64_t speaker_started_at(const struct speaker *speaker)
{
	return speaker->started_at;
}

const struct k8s_node *speaker_node(const struct speaker *speaker)
{
	const struct k8s_object *object =
	    k8s_cluster_find(speaker->cluster, K8S_NODE, "", speaker->config->node_name);

	return object ? &object->node : NULL;
}

bool speaker_selects_node(const struct speaker *speaker, const struct k8s_selector *selector)
{
	const struct k8s_node *node = speaker_node(speaker);
	static const struct k8s_labels no_labels;

	return k8s_selector_matches(selector, node ? &node->labels : &no_labels);
}

struct speaker_peer *speaker_peer_at(const struct speaker *speaker, size_t index)
{
	return index < speaker->peer_count ? speaker->peers[index] : NULL;
}

/* "eth0", or "fe80::1%eth0", as it is shown: one link-local address may be on many links. */
static bool is_behind(const struct speaker_peer *peer, const char *place)
{
	const char *interface = peer->config->interface;
	const char *percent = strchr(place, '%');
	char address[IP_TEXT_MAX];
	size_t length;

	if (!interface || strcmp(percent ? percent + 1 : place, interface) != 0)
		return false;
	ip_address_print(&peer->address, address);
	length = percent ? (size_t)(percent - place) : 0;
	return !percent || (strlen(address) == length && memcmp(place, address, length) == 0);
}

struct speaker_peer *speaker_peer_find(const struct speaker *speaker, const char *name)
{
	struct ip_address address;
	bool is_address = ip_address_parse(name, &address) && !ip_address_is_unspecified(&address);

	for (size_t i = 0; i < speaker->peer_count; i++) {
		struct speaker_peer *peer = speaker->peers[i];

		if (strcmp(peer->name, name) == 0 || is_behind(peer, name) ||
		    (is_address && ip_address_equal(&peer->address, &address)))
			return peer;
	}
	return NULL;
}

struct speaker_peer *speaker_peer_of_path(
    const struct speaker *speaker, const struct rib_path *path)
{
	const struct rib_peer *from = rib_peer_at(speaker->rib, path->peer);

	return from ? from->owner : NULL;
}

const char *speaker_peer_name(const struct speaker_peer *peer)
{
	return peer ? peer->name : "local";
}

const struct config_peer *speaker_peer_config(const struct speaker_peer *peer)
{
	return peer->config;
}

bool speaker_peer_is_dynamic(const struct speaker_peer *peer)
{
	return peer->dynamic;
}

const struct ip_address *speaker_peer_address(const struct speaker_peer *peer)
{
	return &peer->address;
}

const struct bgp_session *speaker_peer_session(const struct speaker_peer *peer)
{
	return peer->session;
}

const struct update_group_member *speaker_peer_member(const struct speaker_peer *peer)
{
	return peer->member;
}

const struct rib_peer *speaker_peer_rib_peer(const struct speaker_peer *peer)
{
	return peer->rib_peer;
}

uint32_t speaker_peer_remote_asn(const struct speaker_peer *peer)
{
	if (peer->config->remote_as == BGP_REMOTE_AS_NUMBER)
		return peer->config->asn;
	if (peer->member)
		return bgp_session_remote_open(peer->session)->asn;
	return peer->config->remote_as == BGP_REMOTE_AS_INTERNAL ? peer->settings.local_asn : 0;
}

const char *speaker_peer_last_error(const struct speaker_peer *peer)
{
	return peer->last_error.text;
}
