/*
 * Whether a peer may run.  It may unless something holds it: the configuration, an operator, its
 * own excess of prefixes, a password that cannot be had, that it cannot be reached.  Each is a bit
 * of its own, since one may end while another goes on: a peer never starts without its password
 * because an operator has cleared it.  Nor does any start, in the first moments of the daemon,
 * before this node's addresses are known: they are what is announced as next hop, and refused as
 * one.
 *
 * What an operator shuts down stays down until an operator enables it; what an operator enables
 * stays so until the configuration gets another `shutdown: true` for it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "speaker/private.h"

static void go_on(struct speaker_peer *peer)
{
	if (!peer->holds && peer->session && !peer->speaker->stopping)
		bgp_session_start(peer->session);
}

void speaker_peer_hold(struct speaker_peer *peer, enum speaker_hold hold,
    enum bgp_cease_subcode subcode, const char *text)
{
	bool ran = !peer->holds;

	peer->holds |= hold;
	if (ran && peer->session)
		bgp_session_stop(peer->session, subcode, text);
}

void speaker_peer_hold_for(struct speaker_peer *peer, enum speaker_hold hold, const char *why)
{
	if (!(peer->holds & hold) || !peer->hold_text || strcmp(peer->hold_text, why) != 0) {
		free(peer->hold_text);
		peer->hold_text = memory_copy_string(why);
		speaker_peer_trouble(peer, why);
	}
	speaker_peer_hold(peer, hold, BGP_CEASE_CONFIGURATION_CHANGE, NULL);
}

void speaker_peer_release(struct speaker_peer *peer, unsigned holds)
{
	if (!(peer->holds & holds))
		return;
	peer->holds &= ~holds;
	go_on(peer);
}

const char *speaker_peer_hold_reason(const struct speaker_peer *peer)
{
	static const struct {
		enum speaker_hold hold;
		const char *reason; /* NULL: it is in the peer */
	} reasons[] = {
	    {HOLD_CONFIGURED, "shut down by the configuration"},
	    {HOLD_COMMANDED, "shut down by kbgpctl"},
	    {HOLD_MAX_PREFIXES, "sent more than maxPrefixes"},
	    {HOLD_PASSWORD, "its password cannot be had"},
	    {HOLD_NEIGHBOUR, NULL},
	    {HOLD_NOT_CONNECTED, NULL},
	    {HOLD_KERNEL, "the kernel's addresses and routes are not known yet"},
	};

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (peer->holds & reasons[i].hold)
			return reasons[i].reason ? reasons[i].reason : peer->hold_text;
	return NULL;
}

static bool soft_in(struct speaker_peer *peer, struct error *error)
{
	if (!peer->member)
		return error_set(error, "peer %s is not Established", peer->name);
	if (!speaker_refresh_request(peer))
		return error_set(
		    error, "peer %s has no route refresh capability; use --hard", peer->name);
	return true;
}

static bool soft_out(struct speaker_peer *peer, struct error *error)
{
	if (!peer->member)
		return error_set(error, "peer %s is not Established", peer->name);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		speaker_refresh_send(peer, family);
	return true;
}

static bool hard(struct speaker_peer *peer, const char *text, struct error *error)
{
	bool was_held = peer->holds;

	speaker_peer_release(peer, HOLD_MAX_PREFIXES);
	if (peer->holds)
		return error_set(
		    error, "peer %s is down: %s", peer->name, speaker_peer_hold_reason(peer));
	if (!was_held)
		bgp_session_reset(peer->session, BGP_CEASE_ADMINISTRATIVE_RESET, text);
	return true;
}

bool speaker_peer_clear(
    struct speaker_peer *peer, enum speaker_clear how, const char *text, struct error *error)
{
	switch (how) {
	case SPEAKER_CLEAR_SOFT_IN:
		return soft_in(peer, error);
	case SPEAKER_CLEAR_SOFT_OUT:
		return soft_out(peer, error);
	case SPEAKER_CLEAR_HARD:
		break;
	}
	return hard(peer, text, error);
}

void speaker_peer_shutdown(struct speaker_peer *peer, const char *text)
{
	speaker_peer_hold(peer, HOLD_COMMANDED, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, text);
}

void speaker_peer_enable(struct speaker_peer *peer)
{
	speaker_peer_release(peer, HOLD_CONFIGURED | HOLD_COMMANDED | HOLD_MAX_PREFIXES);
}
