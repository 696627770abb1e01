/*
 * The sockets that neighbours connect to.  A change of the configuration closes and opens those
 * that it is about; an address that the kernel refuses, because it is not on this node yet or
 * another daemon has the port, is tried again whenever addresses or links change, and every second:
 * that a port is free is no event.
 *
 * Passwords are a matter of the listening socket as well: the kernel checks the SYN.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "speaker/private.h"

#define RETRY_MS 1000

/* Without IPv6 in the kernel there is nothing to listen on, and nothing wrong. */
static bool is_optional(const struct speaker_listener *listener)
{
	return listener->address.family == IPV6 && ip_address_is_unspecified(&listener->address) &&
	       !bgp_transport_has_family(IPV6);
}

static void open_listener(struct speaker *speaker, struct speaker_listener *listener)
{
	char text[IP_TEXT_MAX];
	struct error error;

	listener->listener = bgp_listener_new(speaker->loop, &listener->address, listener->scope,
	    speaker->listen_port, speaker->called, speaker, &error);
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

bool speaker_listeners_open(struct speaker *speaker)
{
	bool opened = false;
	bool refused = false;

	for (size_t i = 0; i < speaker->listener_count; i++) {
		struct speaker_listener *listener = &speaker->listeners[i];

		if (listener->listener)
			continue;
		open_listener(speaker, listener);
		opened |= listener->listener != NULL;
		refused |= !listener->listener && !is_optional(listener);
	}
	if (refused)
		loop_timer_start(&speaker->listen_timer, RETRY_MS);
	else
		loop_timer_stop(&speaker->listen_timer);
	return opened;
}

void speaker_listeners_stop(struct speaker *speaker)
{
	speaker_listeners_close(speaker);
	loop_timer_free(&speaker->listen_timer);
}

void speaker_listeners_close(struct speaker *speaker)
{
	loop_timer_stop(&speaker->listen_timer);
	for (size_t i = 0; i < speaker->listener_count; i++)
		bgp_listener_free(speaker->listeners[i].listener);
	free(speaker->listeners);
	speaker->listeners = NULL;
	speaker->listener_count = 0;
}

/* Where to listen */

static bool same_place(const struct speaker_listener *a, const struct speaker_listener *b)
{
	return a->scope == b->scope && ip_address_equal(&a->address, &b->address);
}

/* Where the neighbour behind an interface calls; false: nowhere yet. */
static bool find_link_local(
    const struct speaker *speaker, const struct config_peer *entry, struct speaker_listener *wanted)
{
	bool up;

	if (!entry->interface || !speaker_selects_node(speaker, &entry->node_selector))
		return false;
	*wanted =
	    (struct speaker_listener){.scope = fib_interface(speaker->fib, entry->interface, &up)};
	return up && fib_interface_link_local(speaker->fib, wanted->scope, &wanted->address);
}

/*
 * The addresses that are configured, else all there are.  Nobody can configure those of interfaces
 * with a neighbour behind them: they are what this node tells him by router discovery.
 */
static size_t find_wanted(const struct speaker *speaker, struct speaker_listener **wanted)
{
	const struct config *config = speaker->config;
	const struct config_router *router = &config->router;
	size_t count = 0;

	*wanted = memory_allocate_zero(
	    router->listen_address_count + config->peer_count + IP_FAMILIES, sizeof **wanted);
	if (!router->listen_port)
		return 0;
	for (enum ip_family family = 0; family < IP_FAMILIES && !router->listen_address_count;
	     family++)
		(*wanted)[count++].address.family = (uint8_t)family;
	for (size_t i = 0; i < router->listen_address_count; i++)
		(*wanted)[count++].address = router->listen_addresses[i];
	for (size_t i = 0; i < config->peer_count && router->listen_address_count; i++)
		count += find_link_local(speaker, &config->peers[i], &(*wanted)[count]);
	return count;
}

/* Moves the listener of the same place, if there was one, to the wanted one. */
static void take_listener(
    struct speaker_listener *wanted, struct speaker_listener *had, size_t had_count)
{
	for (size_t i = 0; i < had_count; i++) {
		if (!same_place(wanted, &had[i]))
			continue;
		*wanted = had[i];
		had[i].listener = NULL;
		return;
	}
}

/* What is wanted no more is closed before anything is opened. */
static void replace_listeners(struct speaker *speaker)
{
	struct speaker_listener *had = speaker->listeners;
	size_t had_count = speaker->listener_count;

	speaker->listener_count = find_wanted(speaker, &speaker->listeners);
	for (size_t i = 0; i < speaker->listener_count; i++)
		take_listener(&speaker->listeners[i], had, had_count);
	for (size_t i = 0; i < had_count; i++)
		bgp_listener_free(had[i].listener);
	free(had);
}

bool speaker_listeners_apply(struct speaker *speaker)
{
	uint16_t port = speaker->config->router.listen_port;

	if (port != speaker->listen_port)
		speaker_listeners_close(speaker);
	speaker->listen_port = port;
	replace_listeners(speaker);
	return speaker_listeners_open(speaker);
}

bool speaker_listeners_are_right(const struct speaker *speaker)
{
	struct speaker_listener *wanted;
	size_t count = find_wanted(speaker, &wanted);
	bool right = count == speaker->listener_count;

	for (size_t i = 0; i < count && right; i++)
		right = same_place(&wanted[i], &speaker->listeners[i]) &&
			(speaker->listeners[i].listener || is_optional(&speaker->listeners[i]));
	free(wanted);
	return right;
}

bool speaker_listeners_set_password(const struct speaker *speaker, const struct ip_prefix *prefix,
    const char *password, struct error *error)
{
	bool good = true;

	for (size_t i = 0; i < speaker->listener_count; i++) {
		struct speaker_listener *listener = &speaker->listeners[i];

		/* Of thousands of peers without one, none has one to be removed. */
		if (!listener->listener || (!password[0] && !listener->has_passwords))
			continue;
		listener->has_passwords = true;
		good &= bgp_listener_set_password(listener->listener, prefix, password, error);
	}
	/* A kernel that knows no keys has none to remove. */
	return good || !password[0];
}

const struct speaker_listen_counters *speaker_listen_counters(const struct speaker *speaker)
{
	return &speaker->listen_counters;
}
