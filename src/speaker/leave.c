/*
 * A node that goes away gives its traffic to others before it stops, as far as the operator wants
 * that (router.leave).  There are two ways to go: the node is drained, which its Node object says
 * and which costs it the Services, or this daemon is told to end, which costs it everything.  Both
 * have the same three steps: what goes is announced with GRACEFUL_SHUTDOWN (RFC 8326), so that
 * neighbours that know another way take that one while this one still is there; after the delay
 * the Services are withdrawn; then the sessions end, if the daemon does.  Without the mark the
 * Services are withdrawn first, and the delay is for the sessions and the kernel's routes: what is
 * already on its way still arrives.
 *
 * While a drained node has its Services marked, the rules that would withdraw them do not count.
 * The others do: a node that is not ready any more has nothing to wait for.  A node that is being
 * drained when it is first seen announces none, as nobody has to be moved.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "config/values.h"
#include "speaker/private.h"

/* For the withdrawals to leave before the sessions end, at most. */
#define WITHDRAW_MS 1000
#define LOOK_MS 10

static const char *const state_names[] = {
    [SPEAKER_STAYS] = "staying",
    [SPEAKER_DRAINING] = "draining",
    [SPEAKER_DRAINED] = "drained",
    [SPEAKER_STOPPING] = "stopping",
};

const char *speaker_leave_state_name(enum speaker_leave_state state)
{
	return state_names[state];
}

const struct speaker_leave *speaker_leave_status(const struct speaker *speaker)
{
	return &speaker->leave;
}

/* Once for the log and once for those who watch. */
__attribute__((format(printf, 2, 3))) static void tell(
    struct speaker *speaker, const char *format, ...)
{
	const char *node = speaker->config->node_name;
	char text[ERROR_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	log_write(speaker->log, LOG_LEVEL_INFO, node, "%s", text);
	speaker_tell(speaker, SPEAKER_LEAVE, node, NULL, text);
}

/* The rules that count now. */
static void judge_services(struct speaker *speaker)
{
	struct k8s_node_rules rules = speaker->config->node_rules;

	rules.withdraws[K8S_STOPPING] = speaker->services_stopped;
	for (unsigned reason = 0; reason < K8S_REASONS; reason++)
		if (speaker->drain_waits && k8s_reason_is_drain((enum k8s_reason)reason))
			rules.withdraws[reason] = false;
	k8s_announcer_set_node_rules(speaker->announcer, &rules);
	speaker_origin_go_on(speaker);
}

/* Makes the attributes of all origins again if that changes them. */
static void mark(struct speaker *speaker, bool services, bool others)
{
	bool *marks = speaker->graceful_shutdown;

	if (marks[K8S_ADVERTISE_SERVICE] == services && marks[K8S_ADVERTISE_PREFIX] == others)
		return;
	marks[K8S_ADVERTISE_SERVICE] = services;
	marks[K8S_ADVERTISE_PREFIX] = others;
	marks[K8S_ADVERTISE_POD_CIDR] = others;
	speaker_origin_renew(speaker);
}

static void enter(struct speaker *speaker, enum speaker_leave_state state, uint32_t delay_ms)
{
	const uint64_t now = loop_now(speaker->loop);

	speaker->leave.state = state;
	speaker->leave.reason = state == SPEAKER_STOPPING ? K8S_STOPPING : speaker->node_reason;
	speaker->leave.since = now;
	speaker->leave.until = delay_ms ? now + delay_ms : 0;
	loop_timer_stop(&speaker->leave_timer);
	if (delay_ms)
		loop_timer_start(&speaker->leave_timer, delay_ms);
}

static void begin_drain(struct speaker *speaker)
{
	const uint32_t delay = speaker->config->router.leave.delay_ms;
	char duration[32];

	enter(speaker, SPEAKER_DRAINING, delay);
	speaker->drain_waits = true;
	tell(speaker, "draining: %s; withdraws its Services in %s, announces GRACEFUL_SHUTDOWN",
	    k8s_reason_text(speaker->node_reason), value_print_duration(delay, duration));
	judge_services(speaker);
	mark(speaker, true, false);
}

/* The mark stays: nobody needs to hear again of what is being withdrawn. */
static void end_drain(struct speaker *speaker)
{
	enter(speaker, SPEAKER_DRAINED, 0);
	speaker->drain_waits = false;
	tell(speaker, "drained: %s; withdraws its Services", k8s_reason_text(speaker->node_reason));
	judge_services(speaker);
}

static void take_back(struct speaker *speaker)
{
	enter(speaker, SPEAKER_STAYS, 0);
	speaker->drain_waits = false;
	if (speaker->node_reason == K8S_ANNOUNCED)
		tell(speaker, "drained no longer: announces its Services as before");
	else
		tell(speaker, "drained no longer, but %s; withdraws its Services",
		    k8s_reason_text(speaker->node_reason));
	judge_services(speaker);
}

void speaker_leave_follow(struct speaker *speaker)
{
	const bool was_used = speaker->node_reason == K8S_ANNOUNCED;
	const bool gradually = speaker->config->router.leave.graceful_shutdown;
	bool drained;

	speaker->node_reason =
	    k8s_judge_node_state(&speaker->config->node_rules, speaker_node(speaker));
	if (speaker->leave.state == SPEAKER_STOPPING)
		return;
	drained = k8s_reason_is_drain(speaker->node_reason);
	if (speaker->node_reason == K8S_ANNOUNCED)
		mark(speaker, false, false);
	if (speaker->leave.state != SPEAKER_STAYS && drained)
		speaker->leave.reason = speaker->node_reason;
	else if (speaker->leave.state != SPEAKER_STAYS)
		take_back(speaker);
	else if (drained && was_used && gradually)
		begin_drain(speaker);
	else if (drained)
		end_drain(speaker);
}

void speaker_leave_configure(struct speaker *speaker)
{
	speaker_leave_follow(speaker);
	judge_services(speaker);
}

void speaker_leave_begin(struct speaker *speaker, loop_callback *left, void *arg)
{
	const struct config_leave *config = &speaker->config->router.leave;
	/* Without a session nobody has to be moved. */
	const uint32_t delay = speaker->member_count ? config->delay_ms : 0;
	char duration[32];

	speaker->left = left;
	speaker->left_arg = arg;
	/* Unless Services are withdrawn already: those of a drained node do not come back. */
	speaker->drain_waits =
	    speaker->leave.state == SPEAKER_DRAINING || speaker->node_reason == K8S_ANNOUNCED;
	enter(speaker, SPEAKER_STOPPING, delay);
	if (!delay) {
		left(arg);
		return;
	}
	tell(speaker, "stopping in %s: %s", value_print_duration(delay, duration),
	    config->graceful_shutdown ? "announces everything with GRACEFUL_SHUTDOWN"
				      : "withdraws its Services");
	speaker->services_stopped = !config->graceful_shutdown;
	judge_services(speaker);
	if (config->graceful_shutdown)
		mark(speaker, true, true);
}

/* The end of a session throws away what is queued. */
static void wait_for_withdrawals(struct speaker *speaker)
{
	if (speaker_is_sending(speaker) && loop_now(speaker->loop) < speaker->withdrawn_by)
		loop_timer_start(&speaker->leave_timer, LOOK_MS);
	else
		speaker->left(speaker->left_arg);
}

void speaker_leave_end(struct speaker *speaker)
{
	const bool withdraws = speaker->leave.until == 0;

	loop_timer_stop(&speaker->leave_timer);
	if (withdraws) {
		speaker->left(speaker->left_arg);
		return;
	}
	speaker->leave.until = 0;
	speaker->withdrawn_by = loop_now(speaker->loop) + WITHDRAW_MS;
	speaker->services_stopped = true;
	judge_services(speaker);
	k8s_announcer_finish(speaker->announcer);
	update_groups_run(speaker->groups);
	wait_for_withdrawals(speaker);
}

static void next_step(void *arg)
{
	struct speaker *speaker = arg;

	loop_name_work(speaker->loop, "leaving");
	if (speaker->leave.state != SPEAKER_STOPPING)
		end_drain(speaker);
	else if (speaker->leave.until)
		speaker_leave_end(speaker);
	else
		wait_for_withdrawals(speaker);
}

void speaker_leave_start(struct speaker *speaker)
{
	loop_timer_init(speaker->loop, &speaker->leave_timer, next_step, speaker);
	speaker->node_reason = K8S_NODE_NOT_FOUND;
}

void speaker_leave_stop(struct speaker *speaker)
{
	loop_timer_free(&speaker->leave_timer);
}
