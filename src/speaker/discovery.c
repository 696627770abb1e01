/*
 * Router discovery for the peers behind interfaces: on these interfaces this node says that it is
 * there, asks who else is until there is a session, and remembers the router that answered.  With
 * two routers on a link the first one is kept for as long as it is heard.
 *
 * Without the socket (it takes CAP_NET_RAW) neighbours are still found by the kernel's neighbour
 * table, and by their calls.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "bgp/discovery.h"
#include "speaker/private.h"

/* Routers advertise themselves more often than that; one that has not may be gone. */
#define ROUTER_FRESH_MS 35000

static void remember_router(
    struct speaker_peer *peer, uint32_t interface, const struct ip_address *address)
{
	uint64_t now = loop_now(peer->speaker->loop);
	bool same = peer->router_interface == interface && ip_address_equal(&peer->router, address);

	if (!same && peer->router_interface == interface &&
	    now - peer->router_heard_at < ROUTER_FRESH_MS)
		return;
	peer->router_heard_at = now;
	if (same)
		return;
	peer->router = *address;
	peer->router_interface = interface;
	speaker_look_around(peer->speaker);
}

/* Of the peer, while it is up; 0: it is not, or the peer has none.  Up again begins anew. */
static uint32_t interface_of(const struct speaker_peer *peer)
{
	const char *name = peer->config->interface;
	bool up = false;
	uint32_t interface = name ? fib_interface(peer->speaker->fib, name, &up) : 0;

	return up ? interface : 0;
}

static void router_heard(void *arg, uint32_t interface, const struct ip_address *address)
{
	struct speaker *speaker = arg;

	if (fib_is_own_address(speaker->fib, address, interface))
		return;
	for (size_t i = 0; i < speaker->peer_count; i++)
		if (interface_of(speaker->peers[i]) == interface)
			remember_router(speaker->peers[i], interface, address);
}

static void tell_missing(struct speaker *speaker)
{
	if (!speaker->discovery_error[0])
		return;
	log_write(speaker->log, LOG_LEVEL_INFO, NULL,
	    "%s; neighbours of interfaces are found by the kernel's neighbour table and by their "
	    "calls only",
	    speaker->discovery_error);
	speaker->discovery_error[0] = '\0';
}

void speaker_discovery_follow(struct speaker *speaker)
{
	uint32_t *interfaces = memory_allocate_zero(speaker->peer_count + 1, sizeof *interfaces);
	size_t count = 0, peers = 0;

	for (size_t i = 0; i < speaker->peer_count; i++) {
		uint32_t interface = interface_of(speaker->peers[i]);

		peers += speaker->peers[i]->config->interface != NULL;
		if (interface)
			interfaces[count++] = interface;
	}
	fib_hear_neighbours(speaker->fib, peers);
	if (peers)
		tell_missing(speaker);
	if (speaker->discovery)
		bgp_discovery_set_interfaces(speaker->discovery, interfaces, count);
	for (size_t i = 0; speaker->discovery && count && i < speaker->peer_count; i++)
		bgp_discovery_solicit(speaker->discovery, interface_of(speaker->peers[i]),
		    !speaker->peers[i]->member);
	free(interfaces);
}

void speaker_discovery_start(struct speaker *speaker)
{
	struct error error;

	speaker->discovery = bgp_discovery_new(speaker->loop, router_heard, speaker, &error);
	if (!speaker->discovery)
		speaker->discovery_error = memory_copy_string(error.text);
	else
		speaker->discovery_error = memory_copy_string("");
}

void speaker_discovery_stop(struct speaker *speaker)
{
	bgp_discovery_free(speaker->discovery);
	free(speaker->discovery_error);
}
