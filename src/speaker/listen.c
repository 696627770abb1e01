/*
 * The sockets that neighbours connect to.  A change of the configuration closes and opens those
 * that it is about; an address that the kernel refuses, because it is not on this node yet, is
 * tried again whenever addresses or links change, and whenever the configuration is applied.
 *
 * Passwords are a matter of the listening socket as well: the kernel checks the SYN.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "speaker/private.h"

static struct speaker_peer *find_by_address(
    const struct speaker *speaker, const struct ip_address *address)
{
	for (size_t i = 0; i < speaker->peer_count; i++)
		if (ip_address_equal(&speaker->peers[i]->address, address))
			return speaker->peers[i];
	return NULL;
}

/* The peer that the connection is for; NULL: nobody's, counted. */
static struct speaker_peer *find_called(
    struct speaker *speaker, const struct ip_address *remote, uint32_t scope)
{
	struct speaker_peer *peer;

	if (remote->family == IPV6 && ip_address_is_link_local(remote)) {
		peer = speaker_neighbour_called(speaker, remote, scope);
		speaker->listen_counters.refused_unknown += !peer;
		return peer;
	}
	peer = find_by_address(speaker, remote);
	return peer && !peer->dynamic ? peer : speaker_range_admit(speaker, peer, remote);
}

/* A connection from an address that nobody configured is closed before anything is read. */
static void connection_accepted(void *arg, int fd, const struct ip_address *remote,
    const struct ip_address *local, uint32_t scope)
{
	struct speaker *speaker = arg;
	struct speaker_peer *peer = find_called(speaker, remote, scope);
	char text[IP_TEXT_MAX];

	(void)local;
	if (peer && peer->session) {
		bgp_session_accept(peer->session, fd);
		return;
	}
	close(fd);
	log_write(speaker->log, LOG_LEVEL_DEBUG, ip_address_print(remote, text),
	    "connection refused: no peer has this address, or a limit is reached");
}

/* Without IPv6 in the kernel there is nothing to listen on, and nothing wrong. */
static bool is_optional(const struct speaker_listener *listener)
{
	return listener->address.family == IPV6 && ip_address_is_unspecified(&listener->address);
}

static void open_listener(struct speaker *speaker, struct speaker_listener *listener)
{
	char text[IP_TEXT_MAX];
	struct error error;

	listener->listener = bgp_listener_new(speaker->loop, &listener->address,
	    speaker->listen_port, connection_accepted, speaker, &error);
	if (listener->listener) {
		if (listener->told)
			log_write(speaker->log, LOG_LEVEL_INFO,
			    ip_address_print(&listener->address, text), "listening on port %u",
			    speaker->listen_port);
		listener->told = false;
		return;
	}
	if (!listener->told)
		log_write(speaker->log, is_optional(listener) ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
		    ip_address_print(&listener->address, text),
		    "%s; until that changes, peers cannot connect to this address", error.text);
	listener->told = true;
}

void speaker_listeners_close(struct speaker *speaker)
{
	for (size_t i = 0; i < speaker->listener_count; i++)
		bgp_listener_free(speaker->listeners[i].listener);
	free(speaker->listeners);
	speaker->listeners = NULL;
	speaker->listener_count = 0;
}

/* Takes the listener of this address out of those that there were. */
static struct speaker_listener take_listener(
    struct speaker_listener *had, size_t count, const struct ip_address *address)
{
	struct speaker_listener listener = {.address = *address};

	for (size_t i = 0; i < count; i++) {
		if (!ip_address_equal(&had[i].address, address))
			continue;
		listener = had[i];
		had[i].listener = NULL;
	}
	return listener;
}

/* Makes the list of what is wanted; what is wanted no more is closed before anything is opened. */
static void replace_listeners(
    struct speaker *speaker, const struct ip_address *addresses, size_t count)
{
	struct speaker_listener *had = speaker->listeners;
	size_t had_count = speaker->listener_count;

	speaker->listeners = memory_allocate_zero(count + 1, sizeof *speaker->listeners);
	speaker->listener_count = count;
	for (size_t i = 0; i < count; i++)
		speaker->listeners[i] = take_listener(had, had_count, &addresses[i]);
	for (size_t i = 0; i < had_count; i++)
		bgp_listener_free(had[i].listener);
	free(had);
}

void speaker_listeners_apply(struct speaker *speaker)
{
	static const struct ip_address any[IP_FAMILIES] = {{.family = IPV4}, {.family = IPV6}};
	const struct config_router *router = &speaker->config->router;
	bool everywhere = !router->listen_address_count;

	if (router->listen_port != speaker->listen_port)
		speaker_listeners_close(speaker);
	speaker->listen_port = router->listen_port;
	if (!router->listen_port)
		return;
	replace_listeners(speaker, everywhere ? any : router->listen_addresses,
	    everywhere ? IP_FAMILIES : router->listen_address_count);
	for (size_t i = 0; i < speaker->listener_count; i++)
		if (!speaker->listeners[i].listener)
			open_listener(speaker, &speaker->listeners[i]);
}

bool speaker_listeners_are_open(const struct speaker *speaker)
{
	for (size_t i = 0; i < speaker->listener_count; i++)
		if (!speaker->listeners[i].listener && !is_optional(&speaker->listeners[i]))
			return false;
	return true;
}

bool speaker_listeners_set_password(const struct speaker *speaker, const struct ip_prefix *prefix,
    const char *password, struct error *error)
{
	bool good = true;

	for (size_t i = 0; i < speaker->listener_count; i++)
		if (speaker->listeners[i].listener)
			good &= bgp_listener_set_password(
			    speaker->listeners[i].listener, prefix, password, error);
	/* A kernel that knows no keys has none to remove. */
	return good || !password[0];
}

const struct speaker_listen_counters *speaker_listen_counters(const struct speaker *speaker)
{
	return &speaker->listen_counters;
}
