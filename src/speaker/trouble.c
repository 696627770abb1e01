/*
 * What goes wrong with a peer: told in the log, and kept as its last error.  A neighbour can cause
 * trouble with any message, and a stranger with every call, so beyond a number of times a second it
 * is told at debug only.
 */
#include <string.h>

#include "speaker/private.h"

/*
 * Troubles that are logged in a second, of one peer, and of all strangers of ranges together: a
 * neighbour can cause one with any message.
 */
#define TROUBLES_MAX 10
#define TROUBLES_MS 1000

static bool is_allowed(struct trouble_limit *limit, uint64_t now)
{
	if (now - limit->since >= TROUBLES_MS) {
		limit->since = now;
		limit->count = 0;
	}
	return ++limit->count <= TROUBLES_MAX;
}

enum log_level speaker_peer_trouble_level(struct speaker_peer *peer)
{
	struct speaker *speaker = peer->speaker;
	struct trouble_limit *limit =
	    speaker_peer_is_stranger(peer) ? &speaker->stranger_troubles : &peer->troubles;

	return is_allowed(limit, loop_now(speaker->loop)) ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

/* The same trouble again, a connection refused every few seconds, is told once. */
void speaker_peer_trouble(struct speaker_peer *peer, const char *what)
{
	bool again = strcmp(peer->last_error.text, what) == 0;

	log_write(peer->speaker->log, again ? LOG_LEVEL_DEBUG : speaker_peer_trouble_level(peer),
	    peer->name, "%s", what);
	error_set(&peer->last_error, "%s", what);
}
