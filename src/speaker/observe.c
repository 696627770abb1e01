/*
 * What happens, told to those who watch, and the time from a cluster event to its UPDATE.
 *
 * An event is a value on the stack; nothing is built unless somebody watches.  Changes of best
 * paths are told only to observers that ask for them: with a full table they are many.
 */
#include <time.h>

#include "speaker/private.h"

/* Between two looks at whether queues that were full are empty. */
#define LATENCY_LOOK_MS 10

const double speaker_latency_bounds[SPEAKER_LATENCY_BUCKETS - 1] = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0};

static const char *const event_names[SPEAKER_EVENTS] = {
    [SPEAKER_PEER_UP] = "peerUp",
    [SPEAKER_PEER_DOWN] = "peerDown",
    [SPEAKER_ROUTE_CHANGED] = "routeChanged",
    [SPEAKER_ANNOUNCED] = "announced",
    [SPEAKER_WITHDRAWN] = "withdrawn",
    [SPEAKER_FIB_ERROR] = "fibError",
    [SPEAKER_CONFIG_LOADED] = "configLoaded",
    [SPEAKER_CONFIG_REFUSED] = "configRefused",
    [SPEAKER_CLUSTER_TROUBLE] = "clusterTrouble",
    [SPEAKER_LEAVE] = "leave",
};

const char *speaker_event_name(enum speaker_event_kind kind)
{
	return kind < SPEAKER_EVENTS ? event_names[kind] : "unknown";
}

/* Whoever is told may remove itself, or the next one. */
void speaker_tell(struct speaker *speaker, enum speaker_event_kind kind, const char *subject,
    const struct ip_prefix *prefix, const char *text)
{
	const struct speaker_event event = {kind, subject, prefix, text};
	struct speaker_observer *observer = speaker->observers;

	for (; observer; observer = speaker->next_observer) {
		speaker->next_observer = observer->next;
		if (kind != SPEAKER_ROUTE_CHANGED || observer->routes)
			observer->event(observer->arg, &event);
	}
}

/* The new best path in a line, for those who watch routes. */
static void tell_route(struct speaker *speaker, enum ip_family family, uint32_t id)
{
	const struct rib_prefix *prefix = rib_prefix_at(speaker->rib, family, id);
	const struct rib_path *best = prefix ? rib_best_path(prefix) : NULL;
	char address[IP_TEXT_MAX];
	struct error text;

	if (!best) {
		speaker_tell(speaker, SPEAKER_ROUTE_CHANGED, NULL,
		    rib_held_prefix(speaker->rib, family, id), "no usable path");
		return;
	}
	if (best->peer == RIB_PEER_LOCAL) {
		speaker_tell(
		    speaker, SPEAKER_ROUTE_CHANGED, NULL, &prefix->prefix, "originated here");
		return;
	}
	error_set(
	    &text, "via %s", ip_address_print(&best->attributes->next_hop->key.address, address));
	speaker_tell(speaker, SPEAKER_ROUTE_CHANGED,
	    speaker_peer_name(speaker_peer_of_path(speaker, best)), &prefix->prefix, text.text);
}

static void routes_changed(void *arg, const struct rib_change *change)
{
	for (size_t i = 0; i < change->count; i++)
		tell_route(arg, change->family, change->ids[i]);
}

/* The RIB is listened to only while somebody wants its routes. */
static void listen_to_routes(struct speaker *speaker)
{
	bool wanted = false;

	for (const struct speaker_observer *observer = speaker->observers; observer;
	     observer = observer->next)
		wanted |= observer->routes;
	if (wanted == (speaker->route_listener.changed != NULL))
		return;
	if (wanted) {
		speaker->route_listener =
		    (struct rib_listener){.changed = routes_changed, .arg = speaker};
		rib_add_listener(speaker->rib, &speaker->route_listener);
	} else {
		rib_remove_listener(speaker->rib, &speaker->route_listener);
		speaker->route_listener.changed = NULL;
	}
}

void speaker_add_observer(struct speaker *speaker, struct speaker_observer *observer)
{
	observer->next = speaker->observers;
	speaker->observers = observer;
	listen_to_routes(speaker);
}

void speaker_remove_observer(struct speaker *speaker, struct speaker_observer *observer)
{
	if (speaker->next_observer == observer)
		speaker->next_observer = observer->next;
	for (struct speaker_observer **at = &speaker->observers; *at; at = &(*at)->next) {
		if (*at == observer) {
			*at = observer->next;
			break;
		}
	}
	listen_to_routes(speaker);
}

uint64_t speaker_microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void speaker_latency_note(struct speaker *speaker)
{
	if (speaker->pending_at || !speaker->event_at || !speaker->member_count)
		return;
	speaker->pending_at = speaker->event_at;
	speaker->latency_turns = 0;
	loop_timer_stop(&speaker->latency_timer);
	loop_task_schedule(speaker->loop, &speaker->latency_task);
}

bool speaker_is_sending(const struct speaker *speaker)
{
	for (size_t i = 0; i < speaker->peer_count; i++)
		if (speaker->peers[i]->member && bgp_session_queued(speaker->peers[i]->session))
			return true;
	return false;
}

/*
 * An announcement that nobody is sent, for a filter perhaps, must not be taken for one that waits:
 * UPDATEs are made within a turn or two unless the queues are full, which may last.
 */
static void forget_unsent(void *arg)
{
	struct speaker *speaker = arg;

	if (!speaker->pending_at)
		return;
	if (++speaker->latency_turns < 3)
		loop_task_schedule(speaker->loop, &speaker->latency_task);
	else if (speaker_is_sending(speaker))
		loop_timer_start(&speaker->latency_timer, LATENCY_LOOK_MS);
	else
		speaker->pending_at = 0;
}

void speaker_latency_queued(struct speaker *speaker)
{
	if (!speaker->queued_at)
		speaker->queued_at = speaker->pending_at;
	speaker->pending_at = 0;
}

/* A peer's UPDATEs are in the kernel's hands. */
void speaker_latency_record(struct speaker *speaker)
{
	double seconds;
	size_t bucket = 0;

	if (!speaker->queued_at)
		return;
	seconds = (double)(speaker_microseconds() - speaker->queued_at) / 1e6;
	speaker->queued_at = 0;
	while (bucket < SPEAKER_LATENCY_BUCKETS - 1 && seconds > speaker_latency_bounds[bucket])
		bucket++;
	speaker->latency.buckets[bucket]++;
	speaker->latency.count++;
	speaker->latency.sum += seconds;
}

void speaker_latency_forget(struct speaker *speaker)
{
	speaker->pending_at = 0;
	speaker->queued_at = 0;
}

void speaker_latency_start(struct speaker *speaker)
{
	loop_task_init(&speaker->latency_task, forget_unsent, speaker);
	loop_timer_init(speaker->loop, &speaker->latency_timer, forget_unsent, speaker);
}

void speaker_latency_stop(struct speaker *speaker)
{
	loop_task_cancel(speaker->loop, &speaker->latency_task);
	loop_timer_free(&speaker->latency_timer);
}

const struct speaker_latency *speaker_latency(const struct speaker *speaker)
{
	return &speaker->latency;
}
