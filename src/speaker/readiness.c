/*
 * When this node is ready, and what is missing until then: the configuration is loaded, the kernel
 * and the cluster are known, and what this node announces has been sent to every peer once.  Then it
 * stays so: a session that flaps, or an API server that is gone, is no reason to take a node's
 * daemon for unready, for nothing of what it announces goes by that.
 *
 * A peer has been sent everything when End-of-RIB has left.  One that is held down for good is not
 * waited for, nor one of a range, which may never call again.  One that does not come up is waited
 * for as long as a restart may take (RFC 4724 4.1); one of the mesh only for a moment, or a single
 * node that is down would hold up the update of all others.
 */
#include "base/text.h"
#include "bgp/fsm.h"
#include "speaker/private.h"

#define LOOK_MS 500
#define MESH_PATIENCE_MS 10000

static bool is_synced(const struct speaker *speaker)
{
	return speaker->fib_ready && k8s_cluster_is_synced(speaker->cluster);
}

/* What End-of-RIB leaves behind is all that this node announces only when all has been judged. */
static bool knows_all(const struct speaker *speaker)
{
	return is_synced(speaker) && !k8s_announcer_is_busy(speaker->announcer);
}

static bool has_been_sent_all(const struct speaker_peer *peer)
{
	return peer->member && update_group_sent_end_of_rib(peer->member) &&
	       !bgp_session_queued(peer->session);
}

static uint64_t patience_ms(const struct speaker_peer *peer)
{
	return peer->mesh ? MESH_PATIENCE_MS
			  : peer->speaker->config->router.restart.time_s * UINT64_C(1000);
}

static bool is_awaited(const struct speaker_peer *peer)
{
	const struct speaker *speaker = peer->speaker;
	const uint64_t waited = loop_now(speaker->loop) - speaker->readiness.known_at;

	return !peer->sent_all && !peer->dynamic && !(peer->holds & HOLDS_FOR_GOOD) &&
	       waited < patience_ms(peer);
}

static void look(void *arg)
{
	struct speaker *speaker = arg;
	struct readiness *readiness = &speaker->readiness;

	loop_timer_start(&readiness->timer, LOOK_MS);
	if (!knows_all(speaker))
		return;
	if (!readiness->known_at)
		readiness->known_at = loop_now(speaker->loop);
	readiness->awaited = 0;
	for (size_t i = 0; i < speaker->peer_count; i++) {
		struct speaker_peer *peer = speaker->peers[i];

		peer->sent_all = peer->sent_all || has_been_sent_all(peer);
		readiness->awaited += is_awaited(peer);
	}
	if (readiness->awaited)
		return;
	readiness->announced = true;
	loop_timer_stop(&readiness->timer);
}

static const struct speaker_peer *first_awaited(const struct speaker *speaker)
{
	for (size_t i = 0; i < speaker->peer_count; i++) {
		if (is_awaited(speaker->peers[i]))
			return speaker->peers[i];
	}
	return NULL;
}

static void describe_cluster(const struct speaker *speaker, struct error *missing)
{
	const char *why = "";

	if (speaker->api_source)
		why = k8s_api_source_status(speaker->api_source).last_error;
	error_set(missing, "the cluster is not known yet%s%s", why[0] ? ": " : "", why);
}

static void describe_announcements(const struct speaker *speaker, struct error *missing)
{
	const struct speaker_peer *peer = first_awaited(speaker);

	if (!peer) {
		error_set(missing, "the announcements have not been sent yet");
		return;
	}
	error_set(missing, "the announcements have not been sent yet: waiting for %s (%s)%s",
	    peer->name, bgp_state_name(bgp_session_state(peer->session)),
	    speaker->readiness.awaited > 1 ? " and others" : "");
}

size_t speaker_missing(const struct speaker *speaker, struct error missing[SPEAKER_MISSING_MAX])
{
	size_t count = 0;

	if (speaker->stopping || speaker->leave.state == SPEAKER_STOPPING)
		error_set(&missing[count++], "kbgpd is stopping");
	if (!speaker->fib_ready)
		error_set(&missing[count++], "the kernel's addresses and routes are not known yet");
	if (!k8s_cluster_is_synced(speaker->cluster))
		describe_cluster(speaker, &missing[count++]);
	if (!count && !speaker->readiness.announced)
		describe_announcements(speaker, &missing[count++]);
	return count;
}

bool speaker_is_ready(const struct speaker *speaker)
{
	struct error missing[SPEAKER_MISSING_MAX];

	return speaker_missing(speaker, missing) == 0;
}

bool speaker_is_started(const struct speaker *speaker)
{
	return is_synced(speaker) && !speaker->stopping && speaker->leave.state != SPEAKER_STOPPING;
}

void speaker_readiness_start(struct speaker *speaker)
{
	loop_timer_init(speaker->loop, &speaker->readiness.timer, look, speaker);
	loop_timer_start(&speaker->readiness.timer, 0);
}

void speaker_readiness_stop(struct speaker *speaker)
{
	loop_timer_free(&speaker->readiness.timer);
}
