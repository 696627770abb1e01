/*
 * Whether and where a neighbour can be reached, as far as this node can tell; looked at again
 * whenever links, addresses, neighbours or routes change.
 *
 * An external neighbour at TTL 1 must be on a link of ours: packets of such a session die at the
 * first router, so that it could never come up, and nobody would know why.  A session that is
 * Established is left alone: an address that is changed under it need not end it, and if the
 * neighbour is really out of reach the hold timer does.
 *
 * A neighbour behind an interface is whoever is there: the router that said so last, else the only
 * one that the kernel knows, else the one that has called.  Once there is a session it stays with
 * that neighbour, and with that interface: one that was removed and made again is another one.  A
 * link that goes down ends the session: the neighbour sees the same, and when it calls again it
 * must not be refused for a session that only we believe in.
 */
#include <string.h>

#include "speaker/private.h"

/* Neighbours that are on a link of ours, or not */

static bool must_be_connected(const struct speaker_peer *peer)
{
	const struct config_peer *config = peer->config;
	unsigned hops = config->ttl_security ? config->ttl_security : config->ebgp_multihop;

	return config->connected_check && hops == 1 && !speaker_peer_is_internal(peer);
}

static bool is_established(const struct speaker_peer *peer)
{
	return peer->session && bgp_session_state(peer->session) == BGP_STATE_ESTABLISHED;
}

static void check_connected(struct speaker_peer *peer)
{
	struct error why, text;

	if (!must_be_connected(peer) ||
	    fib_is_connected(peer->speaker->fib, &peer->address, &why)) {
		speaker_peer_release(peer, HOLD_NOT_CONNECTED);
		return;
	}
	if (is_established(peer))
		return;
	error_set(&text, "not directly connected: %s; set ebgpMultihop or connectedCheck: false",
	    why.text);
	speaker_peer_hold_for(peer, HOLD_NOT_CONNECTED, text.text);
}

/* Neighbours behind an interface */

static bool is_talking(const struct speaker_peer *peer)
{
	return peer->session && bgp_session_state(peer->session) >= BGP_STATE_OPEN_SENT;
}

static bool is_at(
    const struct speaker_peer *peer, const struct ip_address *address, uint32_t interface)
{
	return peer->scope == interface && ip_address_equal(&peer->address, address);
}

/* Takes the neighbour at this address for the one of the peer. */
static void take_neighbour(
    struct speaker_peer *peer, const struct ip_address *address, uint32_t interface)
{
	char text[IP_TEXT_MAX];

	if (!is_at(peer, address, interface)) {
		log_write(peer->speaker->log, LOG_LEVEL_INFO, peer->name,
		    "the neighbour on %s is %s", peer->config->interface,
		    ip_address_print(address, text));
		speaker_peer_move(peer, address, interface);
	}
	speaker_peer_release(peer, HOLD_NEIGHBOUR);
}

/* The best guess at who is on the interface; the one so far if nobody else says anything. */
static bool find_neighbour(
    const struct speaker_peer *peer, uint32_t interface, struct ip_address *address)
{
	*address = peer->router;
	if (peer->router_interface == interface && !ip_address_is_unspecified(address))
		return true;
	if (fib_neighbour(peer->speaker->fib, interface, address))
		return true;
	*address = peer->address;
	return peer->scope == interface && !ip_address_is_unspecified(address);
}

/* Nobody is known there any more: who comes next may be another one. */
static void forget_neighbour(struct speaker_peer *peer)
{
	static const struct ip_address nobody;

	peer->router = nobody;
	peer->router_interface = 0;
	if (!ip_address_is_unspecified(&peer->address))
		speaker_peer_move(peer, &nobody, 0);
}

static void look_for_neighbour(struct speaker_peer *peer)
{
	const char *name = peer->config->interface;
	struct ip_address address;
	struct error text;
	bool up;
	uint32_t interface = fib_interface(peer->speaker->fib, name, &up);

	if (up && is_talking(peer) && peer->scope == interface) {
		speaker_peer_release(peer, HOLD_NEIGHBOUR);
		return;
	}
	if (up && find_neighbour(peer, interface, &address)) {
		take_neighbour(peer, &address, interface);
		return;
	}
	if (up)
		error_set(&text, "no neighbour seen on %s yet", name);
	else if (interface)
		error_set(&text, "interface %s is down", name);
	else
		error_set(&text, "interface %s does not exist", name);
	speaker_peer_hold_for(peer, HOLD_NEIGHBOUR, text.text);
	if (!up)
		forget_neighbour(peer);
}

static void check_reach(struct speaker_peer *peer)
{
	if (!peer->speaker->fib_ready || peer->speaker->stopping)
		return;
	if (peer->config->interface) {
		speaker_peer_release(peer, HOLD_NOT_CONNECTED);
		look_for_neighbour(peer);
	} else {
		speaker_peer_release(peer, HOLD_NEIGHBOUR);
		check_connected(peer);
	}
}

struct speaker_peer *speaker_neighbour_called(
    struct speaker *speaker, const struct ip_address *address, uint32_t interface)
{
	/* A call ends the wait for a neighbour, and for the turn to call it. */
	const unsigned waits = HOLD_NEIGHBOUR | (speaker->fib_ready ? HOLD_KERNEL : 0);

	for (size_t i = 0; i < speaker->peer_count; i++) {
		struct speaker_peer *peer = speaker->peers[i];
		bool up;

		if (!peer->config->interface ||
		    fib_interface(speaker->fib, peer->config->interface, &up) != interface)
			continue;
		if (is_at(peer, address, interface))
			return peer;
		if (is_talking(peer) || peer->holds & ~waits)
			return NULL;
		take_neighbour(peer, address, interface);
		/* The listener had no key for this address yet, so the connection is unsigned. */
		return peer->settings.transport.password[0] ? NULL : peer;
	}
	return NULL;
}

static void look_around(void *arg)
{
	struct speaker *speaker = arg;

	loop_name_work(speaker->loop, "ways to neighbours");
	for (size_t i = 0; i < speaker->peer_count; i++)
		check_reach(speaker->peers[i]);
	speaker_discovery_follow(speaker);
}

void speaker_reach_start(struct speaker *speaker)
{
	loop_task_init(&speaker->reach_task, look_around, speaker);
	speaker->check_reach = check_reach;
}

void speaker_reach_stop(struct speaker *speaker)
{
	loop_task_cancel(speaker->loop, &speaker->reach_task);
}
