/*
 * What the FIB has to do with next-hop objects beyond its routes: it finds out whether the kernel
 * has them, tells the objects what happens, and looks from time to time whether they still are what
 * we believe.
 *
 * The kernel is silent when it removes objects with their link.  What it does then is known, and
 * done here too as soon as the link's message is there; a check, a dump of the objects alone,
 * follows and finds what came out differently.  One more follows whenever there is doubt: after
 * the refusal of an object or of a route over one, which may be for what somebody else did at the
 * same time, and is tried again then; and after objects that somebody else has removed, which may
 * be told when they are there again.  As long as there is doubt again after each check they come
 * more and more seldom, so that routes rest in the form that the kernel takes.
 *
 * Objects are removed at the end of a dump of everything.  While there are some to be removed,
 * dumps come more often than audits do, but take no more than a hundredth of the time; only what
 * they cost counts, not how long this process waits for others to run.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <time.h>

#include "fib/fib_state.h"

#define CHECK_MS 200
#define CHECK_DOUBLINGS 6
#define ROUND_MS 2000
#define ROUND_SHARE 100
#define ROUND_DOUBLINGS 8

/* IFF_LOWER_UP, which <net/if.h> does not have. */
#define LOWER_UP (1u << 16)
/* No object has this tag. */
#define PROBE_TAG ((uint64_t)NEXT_HOP_OBJECTS_MAX << 2 | NEXT_HOP_OBJECT_TAG)

/* What the objects ask for */

static void send_request(void *arg, struct nlmsghdr *message, uint64_t tag)
{
	struct fib *fib = arg;

	fib->counters.requests++;
	fib_netlink_request(fib->netlink, message, tag);
}

static void resend_routes(void *arg, void *owner)
{
	((struct hop_set *)owner)->changed = true;
	fib_walk_start(arg, FIB_WALK_SETS);
}

static void objects_changed(void *arg)
{
	struct fib *fib = arg;

	loop_task_schedule(fib->loop, &fib->resolve_task);
}

static const struct next_hop_objects_ops object_ops = {
    .send = send_request,
    .resend = resend_routes,
    .changed = objects_changed,
};

/* Checks */

static void start_check(void *arg)
{
	struct fib *fib = arg;

	if (!fib->objects_supported)
		return;
	if (!fib->ready || fib->dumps_left || fib->checking) {
		loop_timer_start(&fib->check_timer, CHECK_MS);
		return;
	}
	fib->checking = true;
	next_hop_objects_begin_check(&fib->objects);
	fib_netlink_dump(fib->netlink, RTM_GETNEXTHOP, AF_UNSPEC);
}

static void plan_check(struct fib *fib, uint64_t delay_ms)
{
	if (fib->objects_supported && !loop_timer_is_running(&fib->check_timer))
		loop_timer_start(&fib->check_timer, delay_ms);
}

/* Things are other ones now: what was refused need not be any more. */
static void plan_check_anew(struct fib *fib)
{
	if (fib->checks_in_vain)
		loop_timer_stop(&fib->check_timer);
	fib->checks_in_vain = 0;
	plan_check(fib, CHECK_MS);
}

/* Later than the last time if there has been no peace for as long as that took since. */
static void plan_check_of_doubt(struct fib *fib)
{
	const uint64_t delay = (uint64_t)CHECK_MS << fib->checks_in_vain;
	const bool soon = loop_now(fib->loop) - fib->doubted_at < 2 * delay;

	if (!fib->objects.doubted)
		return;
	fib->objects.doubted = false;
	if (!fib->objects_supported || loop_timer_is_running(&fib->check_timer))
		return;
	if (!soon)
		fib->checks_in_vain = 0;
	else if (fib->checks_in_vain < CHECK_DOUBLINGS)
		fib->checks_in_vain++;
	fib->doubted_at = loop_now(fib->loop);
	plan_check(fib, (uint64_t)CHECK_MS << fib->checks_in_vain);
}

bool fib_objects_dumped(struct fib *fib, bool complete)
{
	const uint64_t repaired = fib->objects.repaired;
	const bool alone = fib->checking;

	fib->checking = false;
	fib->objects_told = complete;
	if (!complete) {
		plan_check(fib, CHECK_MS);
		return alone;
	}
	next_hop_objects_end_check(&fib->objects);
	fib->counters.repaired += fib->objects.repaired - repaired;
	fib->objects_known = true;
	fib_objects_apply(fib);
	fib_objects_plan(fib);
	return alone;
}

/* Whether they are used */

void fib_objects_apply(struct fib *fib)
{
	const bool use =
	    fib->settings.next_hop_objects && fib->objects_supported && fib->objects_known;

	if (use == (fib->sets.objects != NULL))
		return;
	hop_sets_use_objects(&fib->sets, use ? &fib->objects : NULL);
	fib_walk_start(fib, FIB_WALK_SETS);
}

void fib_objects_answered(struct fib *fib, uint64_t tag, int error)
{
	if (tag != PROBE_TAG) {
		next_hop_objects_answered(&fib->objects, tag, error);
		return;
	}
	/* If the answer is lost it is for the dumps to fail. */
	fib->objects_supported = !error || error == ENOENT || error == ENOBUFS;
	/* A dump of none may have been complete before. */
	fib_objects_apply(fib);
}

/* What happens */

/* The kernel removes objects over a link that is down or without carrier. */
static void link_message(struct fib *fib, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = nlmsg_data(message);

	if (nlmsg_datalen(message) < (int)sizeof(*header) || header->ifi_family != AF_UNSPEC)
		return;
	if (message->nlmsg_type == RTM_DELLINK || !(header->ifi_flags & IFF_UP) ||
	    !(header->ifi_flags & (IFF_RUNNING | LOWER_UP)))
		next_hop_objects_lose_interface(&fib->objects, (uint32_t)header->ifi_index);
	if (!(message->nlmsg_flags & NLM_F_MULTI) && fib->objects.count)
		plan_check_anew(fib);
}

void fib_objects_message(struct fib *fib, const struct nlmsghdr *message)
{
	const uint64_t repaired = fib->objects.repaired;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_message(fib, message);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		next_hop_objects_message(&fib->objects, message);
		fib_objects_plan(fib);
		break;
	default:
		break;
	}
	fib->counters.repaired += fib->objects.repaired - repaired;
}

void fib_objects_used(void *arg, uint32_t object, bool ours)
{
	struct fib *fib = arg;

	next_hop_objects_used(&fib->objects, object, ours);
}

/* Rounds */

static uint64_t cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void plan_round(struct fib *fib)
{
	const unsigned doublings =
	    fib->rounds_in_vain < ROUND_DOUBLINGS ? fib->rounds_in_vain : ROUND_DOUBLINGS;
	const uint64_t share = fib->dump_cpu_ms * ROUND_SHARE;
	const uint64_t delay = (share > ROUND_MS ? share : ROUND_MS) << doublings;

	if (!fib->objects.unused || fib->round_planned || !fib->ready || fib->dumps_left ||
	    delay >= FIB_AUDIT_MS)
		return;
	fib->round_planned = true;
	fib_dump_within(fib, delay);
}

void fib_objects_begin_round(struct fib *fib)
{
	fib->objects_told = false;
	fib->round_planned = false;
	fib->dump_started_cpu_ms = cpu_ms();
	next_hop_objects_begin_round(&fib->objects);
	next_hop_objects_begin_check(&fib->objects);
}

void fib_objects_end_round(struct fib *fib)
{
	fib->dump_cpu_ms = cpu_ms() - fib->dump_started_cpu_ms;
	if (!fib->objects_told)
		return;
	next_hop_objects_collect(&fib->objects);
	fib->rounds_in_vain = fib->objects.unused ? fib->rounds_in_vain + 1 : 0;
	plan_round(fib);
}

void fib_objects_plan(struct fib *fib)
{
	plan_check_of_doubt(fib);
	/* What was given up just now need not wait as long as what others still use. */
	if (fib->rounds_in_vain && fib->given_up != fib->objects.given_up) {
		fib->rounds_in_vain = 0;
		fib->round_planned = false;
	}
	fib->given_up = fib->objects.given_up;
	plan_round(fib);
}

/* Life */

void fib_objects_init(struct fib *fib)
{
	struct next_hop_message message;

	next_hop_objects_init(
	    &fib->objects, fib->hash_seed, fib->settings.protocol, &object_ops, fib);
	loop_timer_init(fib->loop, &fib->check_timer, start_check, fib);
	/* Until the kernel says no. */
	fib->objects_supported = true;
	fib_netlink_request(
	    fib->netlink, next_hop_message_get(&message, NEXT_HOP_OBJECT_BASE), PROBE_TAG);
}

void fib_objects_withdraw(struct fib *fib)
{
	hop_sets_use_objects(&fib->sets, NULL);
	next_hop_objects_withdraw(&fib->objects);
}

void fib_objects_release(struct fib *fib)
{
	loop_timer_free(&fib->check_timer);
	next_hop_objects_release(&fib->objects);
}
