/*
 * When the first tables are complete.  Until then the routes that a previous run has left in the
 * kernel stay, so that traffic flows while sessions come up (RFC 4724 4.1 asks for the same delay).
 *
 * A peer is complete when it has sent End-of-RIB for every family, or is held down by something
 * that time will not end.  Who announced graceful restart owes End-of-RIB (RFC 4724 4).  Of the
 * others some send it and some do not: one that has been up and sent no UPDATE for some seconds is
 * complete too.  When our own restart time is over nobody is waited for any more: neighbours that
 * have kept routes for us give them up then as well.
 * Which peers there are is known when the cluster is.
 */
#include "speaker/private.h"

#define LOOK_MS 1000
#define QUIET_MS 5000

static uint64_t updates_received(const struct speaker_peer *peer)
{
	return bgp_session_counters(peer->session)->messages[BGP_RECEIVED][BGP_MESSAGE_UPDATE];
}

static void note_updates(struct speaker_peer *peer)
{
	uint64_t updates = updates_received(peer);

	if (updates == peer->updates)
		return;
	peer->updates = updates;
	peer->updates_at = loop_now(peer->speaker->loop);
}

/* True if the peer, which need not say that it has finished, seems to have. */
static bool is_quiet(struct speaker_peer *peer)
{
	note_updates(peer);
	return loop_now(peer->speaker->loop) - peer->updates_at >= QUIET_MS;
}

bool speaker_owes_end_of_rib(const struct speaker_peer *peer, enum ip_family family)
{
	const struct bgp_open *remote = bgp_session_remote_open(peer->session);

	return remote->capabilities.graceful_restart.announced && !peer->end_of_rib[family];
}

bool speaker_peer_is_complete(struct speaker_peer *peer)
{
	const struct bgp_codec *codec;
	bool said_so = true, owes = false;

	if (peer->holds & HOLDS_FOR_GOOD)
		return true;
	/* Nobody knows whether one who called once will call again. */
	if (peer->dynamic && bgp_session_state(peer->session) < BGP_STATE_OPEN_SENT)
		return true;
	if (!peer->member)
		return false;
	codec = bgp_session_codec(peer->session);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		if (!codec->families[family])
			continue;
		said_so &= peer->end_of_rib[family];
		owes |= speaker_owes_end_of_rib(peer, family);
	}
	return said_so || (!owes && is_quiet(peer));
}

/* As long as the one that was waited for last is not complete, no other need be asked. */
static bool all_are_complete(struct speaker *speaker)
{
	size_t count = speaker->peer_count;

	for (size_t i = 0; i < count; i++) {
		size_t at = (speaker->incomplete_at + i) % count;

		if (speaker_peer_is_complete(speaker->peers[at]))
			continue;
		speaker->incomplete_at = at;
		return false;
	}
	return k8s_cluster_is_synced(speaker->cluster) && speaker_mesh_is_settled(speaker);
}

/* As the configuration has it now: it may be another one than at the start. */
static bool restart_time_is_over(const struct speaker *speaker)
{
	uint64_t since = loop_now(speaker->loop) - speaker->started_at;

	return since >= speaker->config->router.restart.time_s * 1000ull;
}

void speaker_check_convergence(struct speaker *speaker)
{
	bool patient = !restart_time_is_over(speaker);

	if (speaker->converged || speaker->stopping || (patient && !all_are_complete(speaker)))
		return;
	speaker->converged = true;
	loop_timer_stop(&speaker->convergence_timer);
	fib_converged(speaker->fib);
}

static void look(void *arg)
{
	struct speaker *speaker = arg;

	for (size_t i = 0; i < speaker->peer_count; i++)
		if (speaker->peers[i]->member)
			note_updates(speaker->peers[i]);
	speaker_check_convergence(speaker);
	if (!speaker->converged)
		loop_timer_start(&speaker->convergence_timer, LOOK_MS);
}

void speaker_convergence_begin(struct speaker_peer *peer)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		peer->end_of_rib[family] = false;
	peer->updates = updates_received(peer);
	peer->updates_at = loop_now(peer->speaker->loop);
}

void speaker_convergence_start(struct speaker *speaker)
{
	loop_timer_init(speaker->loop, &speaker->convergence_timer, look, speaker);
	loop_timer_start(&speaker->convergence_timer, LOOK_MS);
}

void speaker_convergence_stop(struct speaker *speaker)
{
	loop_timer_free(&speaker->convergence_timer);
}
