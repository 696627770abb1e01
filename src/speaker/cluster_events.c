/*
 * What Kubernetes is told of: that this node announces a Service, or does not any more and why, that
 * a session is up or down, and that this node announces no Services at all.  With source kubernetes
 * only, and nothing waits for it; how often is up to the recorder.
 *
 * At the start nothing is told of Services: what is announced then was announced before.  Nor when
 * it is this node that changes: all Services change with it, and one event of the Node says so.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "speaker/private.h"

/* Prefixes of a Service that are named. */
#define PREFIXES_NAMED 6
/* What a message shows of what a neighbour has said. */
#define TEXT_MAX 400

static void note(struct speaker *speaker, const struct k8s_event *event)
{
	k8s_event_recorder_note(speaker->cluster_events.recorder, event);
}

static void note_of_node(
    struct speaker *speaker, bool warning, const char *reason, const char *message)
{
	const struct k8s_event event = {.kind = K8S_NODE,
	    .namespace = "",
	    .name = speaker->config->node_name,
	    .warning = warning,
	    .reason = reason,
	    .message = message};

	note(speaker, &event);
}

/* This node as a whole */

/*
 * From the start on, when all is known and all Services were judged once: with many of them that
 * takes several turns of the loop.
 */
static void look_whether_open(struct speaker *speaker)
{
	struct cluster_events *events = &speaker->cluster_events;

	events->open = speaker->fib_ready && k8s_cluster_is_synced(speaker->cluster) &&
		       (events->open || !k8s_announcer_is_busy(speaker->announcer));
}

/* Until all Services were judged by what the node is now, they are not told of one by one. */
static void look_at_node(struct speaker *speaker)
{
	struct cluster_events *events = &speaker->cluster_events;
	const enum k8s_reason before = events->node_state;
	const enum k8s_reason state = speaker->node_reason;
	struct error message;

	if (events->open && k8s_announcer_is_busy(speaker->announcer))
		return;
	events->node_state = state;
	/* Of what drains the node leave.c tells, step by step. */
	if (!events->open || state == before || k8s_reason_is_drain(state) ||
	    k8s_reason_is_drain(before))
		return;
	if (state == K8S_ANNOUNCED) {
		note_of_node(
		    speaker, false, "BGPServicesAnnounced", "this node announces Services again");
	} else {
		error_set(&message, "this node announces no Services: %s", k8s_reason_text(state));
		note_of_node(speaker, true, "BGPServicesWithdrawn", message.text);
	}
}

/* Services */

static bool is_of_node(enum k8s_reason reason)
{
	return reason >= K8S_NODE_NOT_SELECTED && reason <= K8S_NODE_NO_EXECUTE;
}

static void describe_prefixes(const struct k8s_service_change *change, struct text *message)
{
	char prefix[IP_TEXT_MAX];

	for (size_t i = 0; i < change->prefix_count && i < PREFIXES_NAMED; i++)
		text_append(
		    message, "%s%s", i ? ", " : " ", ip_prefix_print(&change->prefixes[i], prefix));
	if (change->prefix_count > PREFIXES_NAMED)
		text_append(message, " and %zu more", change->prefix_count - PREFIXES_NAMED);
}

void speaker_cluster_events_service(
    struct speaker *speaker, const struct k8s_service_change *change)
{
	const struct cluster_events *events = &speaker->cluster_events;
	const bool announced = change->prefix_count > 0;
	struct text message = {NULL, 0, 0};
	struct k8s_event event = {.kind = K8S_SERVICE,
	    .namespace = change->namespace,
	    .name = change->name,
	    .reason = announced ? "BGPAnnounced" : "BGPWithdrawn"};

	if (!events->recorder || !events->open || !change->service || is_of_node(change->reason) ||
	    speaker->node_reason != events->node_state)
		return;
	if (announced) {
		text_append(&message, "node %s announces", speaker->config->node_name);
		describe_prefixes(change, &message);
	} else {
		text_append(&message, "node %s announces it no more: %s",
		    speaker->config->node_name, k8s_reason_text(change->reason));
	}
	event.uid = change->service->uid;
	event.message = message.string;
	note(speaker, &event);
	text_free(&message);
}

/* Sessions */

static void note_session(struct speaker *speaker, const struct speaker_event *event, bool up)
{
	struct text message = {NULL, 0, 0};

	text_append(&message, "session with %s is %s", event->subject, up ? "up: " : "down: ");
	text_append_visible(&message, event->text ? event->text : "");
	if (message.length > TEXT_MAX) {
		message.string[TEXT_MAX] = '\0';
		for (size_t end = TEXT_MAX; end && message.string[end - 1] & 0x80; end--)
			message.string[end - 1] = '\0';
	}
	note_of_node(speaker, !up, up ? "BGPPeerUp" : "BGPPeerDown", message.string);
	text_free(&message);
}

/* A step of leaving; of the last one it is now or never. */
static void note_leave(struct speaker *speaker, const char *text)
{
	if (speaker->leave.state == SPEAKER_STOPPING)
		k8s_event_recorder_hurry(speaker->cluster_events.recorder);
	note_of_node(speaker, false, "BGPLeaving", text);
}

static void observe(void *arg, const struct speaker_event *event)
{
	struct speaker *speaker = arg;

	if (speaker->stopping)
		return;
	if (event->kind == SPEAKER_PEER_UP || event->kind == SPEAKER_PEER_DOWN)
		note_session(speaker, event, event->kind == SPEAKER_PEER_UP);
	else if (event->kind == SPEAKER_LEAVE && speaker->cluster_events.open)
		note_leave(speaker, event->text);
}

/* Begin and end */

static void start(struct speaker *speaker)
{
	struct cluster_events *events = &speaker->cluster_events;
	const char *node = speaker->config->node_name;
	const uint32_t spread_ms = speaker->options.event_spread_ms;

	events->recorder =
	    k8s_event_recorder_new(speaker->loop, k8s_api_source_writer(speaker->api_source), node,
		hash_string(node, speaker->options.hash_seed),
		spread_ms ? spread_ms : K8S_EVENT_SPREAD_MS);
	events->observer = (struct speaker_observer){.event = observe, .arg = speaker};
	speaker_add_observer(speaker, &events->observer);
}

void speaker_cluster_events_stop(struct speaker *speaker)
{
	struct cluster_events *events = &speaker->cluster_events;

	if (!events->recorder)
		return;
	speaker_remove_observer(speaker, &events->observer);
	k8s_event_recorder_free(events->recorder);
	events->recorder = NULL;
}

void speaker_cluster_events_judged(struct speaker *speaker)
{
	if (!speaker->cluster_events.recorder)
		return;
	look_at_node(speaker);
	look_whether_open(speaker);
}

void speaker_cluster_events_apply(struct speaker *speaker)
{
	struct cluster_events *events = &speaker->cluster_events;
	const bool wanted = speaker->api_source && speaker->config->cluster_events;

	if (!wanted)
		speaker_cluster_events_stop(speaker);
	else if (!events->recorder)
		start(speaker);
	if (!events->recorder)
		return;
	look_at_node(speaker);
	look_whether_open(speaker);
}

const struct k8s_event_recorder *speaker_event_recorder(const struct speaker *speaker)
{
	return speaker->cluster_events.recorder;
}
