/*
 * Routes again: ours when the neighbour asks, its own when it says that it begins and ends to send
 * them anew (RFC 7313).  What it had sent stays in use meanwhile and is swept with the end.  A
 * neighbour that never comes to the end would have us keep its old routes for ever, so after ten
 * minutes the end is taken as said (RFC 7313 4).
 */
#include "speaker/private.h"

#define REFRESH_LIMIT_MS (10 * 60 * 1000)

/* The timer runs to the earliest of the deadlines. */
static void start_timer(struct speaker_peer *peer)
{
	uint64_t now = loop_now(peer->speaker->loop), first = 0;

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		uint64_t deadline = peer->refresh_deadlines[family];

		if (deadline && (!first || deadline < first))
			first = deadline;
	}
	if (first)
		loop_timer_start(&peer->refresh_timer, first > now ? first - now : 0);
	else
		loop_timer_stop(&peer->refresh_timer);
}

static void end_refresh(struct speaker_peer *peer, enum ip_family family)
{
	peer->refresh_deadlines[family] = 0;
	rib_end_refresh(peer->speaker->rib, peer->rib_peer, family);
}

static void end_overdue(void *arg)
{
	struct speaker_peer *peer = arg;
	uint64_t now = loop_now(peer->speaker->loop);

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		if (!peer->refresh_deadlines[family] || peer->refresh_deadlines[family] > now)
			continue;
		log_write(peer->speaker->log, LOG_LEVEL_WARNING, peer->name,
		    "began to send its %s routes again and did not end in ten minutes: what it "
		    "has not sent since is removed",
		    ip_family_name(family));
		end_refresh(peer, family);
	}
	start_timer(peer);
}

void speaker_refresh(struct speaker_peer *peer, enum ip_family family, enum bgp_refresh kind)
{
	switch (kind) {
	case BGP_REFRESH_REQUEST:
		speaker_refresh_send(peer, family);
		break;
	case BGP_REFRESH_BEGIN:
		peer->refresh_deadlines[family] = loop_now(peer->speaker->loop) + REFRESH_LIMIT_MS;
		rib_begin_refresh(peer->speaker->rib, peer->rib_peer, family);
		start_timer(peer);
		break;
	case BGP_REFRESH_END:
		end_refresh(peer, family);
		start_timer(peer);
		break;
	}
}

void speaker_refresh_send(struct speaker_peer *peer, enum ip_family family)
{
	if (peer->member)
		update_group_refresh(
		    peer->member, family, bgp_session_codec(peer->session)->enhanced_route_refresh);
}

bool speaker_refresh_request(struct speaker_peer *peer)
{
	bool asked = true;

	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		if (bgp_session_codec(peer->session)->families[family])
			asked &= bgp_session_request_refresh(peer->session, family);
	return asked;
}

void speaker_refresh_start(struct speaker_peer *peer)
{
	loop_timer_init(peer->speaker->loop, &peer->refresh_timer, end_overdue, peer);
}

void speaker_refresh_forget(struct speaker_peer *peer)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		peer->refresh_deadlines[family] = 0;
	loop_timer_stop(&peer->refresh_timer);
}
