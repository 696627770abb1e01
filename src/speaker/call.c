/*
 * A connection that somebody has opened: whose is it?  The peer's with this address, a peer's of the
 * range that it is in, or the peer's behind the interface that it came by.  Everybody else's is
 * closed before a byte of it is read.
 */
#include <unistd.h>

#include "speaker/private.h"

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
	peer = speaker_index_find_address(speaker, remote);
	return peer && !peer->dynamic ? peer : speaker_range_admit(speaker, peer, remote);
}

/* Who calls need not wait for its turn to be called. */
static void start_now(struct speaker_peer *peer)
{
	struct speaker *speaker = peer->speaker;

	if (!(peer->holds & HOLD_KERNEL) || peer->mesh || !speaker->fib_ready)
		return;
	if (speaker->check_reach)
		speaker->check_reach(peer);
	speaker_peer_release(peer, HOLD_KERNEL);
}

/* A connection from an address that nobody configured is closed before anything is read. */
void speaker_take_call(void *arg, int fd, const struct ip_address *remote,
    const struct ip_address *local, uint32_t scope)
{
	struct speaker *speaker = arg;
	struct speaker_peer *peer = find_called(speaker, remote, scope);
	char text[IP_TEXT_MAX];

	(void)local;
	if (peer)
		start_now(peer);
	if (peer && peer->session) {
		bgp_session_accept(peer->session, fd);
		return;
	}
	close(fd);
	log_write(speaker->log, LOG_LEVEL_DEBUG, ip_address_print(remote, text),
	    "connection refused: no peer has this address, or a limit is reached");
}
