/*
 * A command sets something going and has a goal that every session must reach.  Whenever a session
 * has read or written it is judged anew, alone, so an event costs the same with two sessions and
 * with a thousand; the command is done in the moment in which none is left that has not reached it.
 *
 * Marks.  After a restart, churn or a stall, what the receivers hold may look right although the
 * daemon has not sent everything yet: they hold what was announced before.  So the sender ends with
 * a mark, its last prefix of each family once more in a form that it did not have just now.  A
 * daemon takes a session's messages in order; when the mark has come out at a receiver, everything
 * before it has been taken.  Done is when every receiver holds all, nothing in the form of churn,
 * and the mark: whether the routes were withdrawn in between, partly or not at all is the daemon's
 * affair.  Where several senders announce the same prefixes the mark need not be the best path, and
 * is not waited for: such a restart is done when the receivers hold all and the sender has written
 * everything.
 */
#include "load_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/memory.h"
#include "load_clock.h"
#include "load_fail.h"

/* When a command began. */
struct start {
	double clock;
	double cpu;
};

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Whoever is judged for the routes that it has: */

static bool is_judged(const struct load *load, const struct load_session *session)
{
	return load_options_is_receiver(&load->options, session->number) && !session->stalled;
}

static bool shows_mark(const struct load *load, const struct load_receiver *receiver)
{
	const struct load_sender *marked = load->marked;

	if (!marked || !marked->count || (load->options.senders > 1 && !load->options.split))
		return true;
	if (marked == &load->senders[receiver->number] && load->options.reflect)
		return true;
	for (enum ip_family family = IPV4; family < IP_FAMILIES; family++)
		if (load->options.families[family] &&
		    !load_receiver_has_variant(
			receiver, load_sender_last(marked, family), marked->mark_variant))
			return false;
	return true;
}

/* Goals: */

static bool is_established(const struct load *load, const struct load_session *session)
{
	(void)load;
	return session->state == BGP_STATE_ESTABLISHED && !load_session_output(session).length;
}

static bool is_settled(const struct load *load, const struct load_session *session)
{
	const struct load_receiver *receiver = &load->receivers[session->number];

	if (!is_established(load, session) || !is_judged(load, session))
		return is_established(load, session);
	if (!load->announced)
		return load_receiver_holds(receiver, 0);
	return load_receiver_holds(receiver, load_receiver_due(receiver)) &&
	       !receiver->flapped_count && shows_mark(load, receiver);
}

static bool holds_due(const struct load *load, const struct load_session *session)
{
	if (!is_established(load, session) || !is_judged(load, session))
		return is_established(load, session);
	return load_receiver_holds(&load->receivers[session->number], load->due);
}

static bool is_never(const struct load *load, const struct load_session *session)
{
	(void)load;
	(void)session;
	return false;
}

static void judge(struct load *load, const struct load_session *session)
{
	bool reached = load->goal(load, session);

	load->unreached_count += (uint32_t)load->reached[session->number] - (uint32_t)reached;
	load->reached[session->number] = reached;
}

/* What the sessions tell: */

static void send_routes(struct load *load, struct load_session *session, enum ip_family family)
{
	const struct load_sender *sender = &load->senders[session->number];

	load_session_send(session,
	    (struct wire_span){sender->announce[family].bytes, sender->announce[family].length});
}

static void send_mark(struct load_session *session, const struct load_sender *sender)
{
	load_session_send(session, (struct wire_span){sender->mark.bytes, sender->mark.length});
}

static void handle_refresh(void *arg, struct load_session *session, enum ip_family family)
{
	struct load *load = arg;

	if (!load->announced || !load_options_is_sender(&load->options, session->number))
		return;
	send_routes(load, session, family);
	send_mark(session, &load->senders[session->number]);
}

static void handle_established(void *arg, struct load_session *session)
{
	for (enum ip_family family = IPV4; family < IP_FAMILIES; family++) {
		struct load *load = arg;

		if (load->options.families[family])
			handle_refresh(load, session, family);
	}
}

static void handle_update(void *arg, struct load_session *session, struct wire_span body)
{
	struct load *load = arg;

	if (load_options_is_receiver(&load->options, session->number))
		load_receiver_take(&load->receivers[session->number], body);
}

static void send_round(struct load *load, struct load_session *session)
{
	load_session_send(
	    session, (struct wire_span){load->churn.round.bytes, load->churn.round.length});
	load->churn.flaps += load->churn.round_flaps;
}

static void handle_drained(void *arg, struct load_session *session)
{
	struct load *load = arg;

	if (!load->churn.running || session->number != 0)
		return;
	if (load_clock() < load->churn.until) {
		send_round(load, session);
		return;
	}
	load->churn.running = false;
	send_mark(session, &load->senders[0]);
}

static void handle_moved(void *arg, struct load_session *session)
{
	judge(arg, session);
}

static const struct load_handler handler = {
    .established = handle_established,
    .update = handle_update,
    .refresh = handle_refresh,
    .drained = handle_drained,
    .moved = handle_moved,
};

/* Running a command: */

/* Counts on: what has come since the last answer is part of it. */
static struct start continue_with(struct load *load)
{
	load->marked = NULL;
	load->churn.flaps = 0;
	return (struct start){.clock = load_clock(), .cpu = cpu_seconds()};
}

static struct start begin(struct load *load)
{
	load->counters = (struct load_counters){0};
	return continue_with(load);
}

/* The longest of all sessions since it was asked for last. */
static double take_silence(struct load *load)
{
	double silence = 0;

	for (uint32_t number = 0; number < load->network.count; number++) {
		struct load_session *session = &load->network.sessions[number];

		if (session->silence > silence)
			silence = session->silence;
		session->silence = 0;
	}
	return silence;
}

static struct load_result finish(struct load *load, const struct start *start)
{
	struct load_result result = {.began = start->clock,
	    .seconds = load_clock() - start->clock,
	    .silence = take_silence(load),
	    .cpu_seconds = cpu_seconds() - start->cpu,
	    .flaps = load->churn.flaps,
	    .counters = load->counters};

	load->counters = (struct load_counters){0};
	return result;
}

/* Says of the first that has not reached the goal how far it is, and ends the program. */
static _Noreturn void give_up(const struct load *load)
{
	char missing[IP_TEXT_MAX], problem[256];
	const struct load_receiver *receiver;
	struct ip_prefix prefix;
	uint32_t number = 0, id;

	while (load->reached[number])
		number++;
	receiver = &load->receivers[number];
	if (!is_established(load, &load->network.sessions[number]))
		load_session_fail(&load->network.sessions[number],
		    "not Established, or the daemon does not read; the patience is over");
	id = load_receiver_find(receiver, !load->announced);
	snprintf(problem, sizeof problem,
	    "holds %u IPv4 and %u IPv6 prefixes, not %u of each family; the patience is over",
	    receiver->held_count[IPV4], receiver->held_count[IPV6],
	    load->goal == holds_due ? load->due
	    : load->announced	    ? load_receiver_due(receiver)
				    : 0);
	if (id != BENCH_NO_ID && load->goal == is_settled) {
		prefix = bench_table_prefix(&load->table, id);
		ip_prefix_print(&prefix, missing);
		snprintf(problem + strlen(problem), sizeof problem - strlen(problem), ": %s %s",
		    load->announced ? "without" : "with", missing);
	}
	load_session_fail(&load->network.sessions[number], problem);
}

/* Until every session has reached the goal. */
static struct load_result run_until(
    struct load *load, load_goal *goal, const struct start *start, double seconds)
{
	double deadline = start->clock + seconds + load->options.patience;

	load->goal = goal;
	for (uint32_t number = 0; number < load->network.count; number++)
		judge(load, &load->network.sessions[number]);
	while (load->unreached_count) {
		load_network_turn(&load->network, deadline);
		if (load->unreached_count && load_clock() > deadline)
			give_up(load);
	}
	return finish(load, start);
}

struct load_result load_run_establish(struct load *load)
{
	struct start start = begin(load);

	for (uint32_t number = 0; number < load->network.count; number++)
		load_network_connect(&load->network, &load->network.sessions[number]);
	return run_until(load, is_established, &start, 0);
}

static struct load_result send_table(struct load *load, bool announced)
{
	struct start start = begin(load);

	load->announced = announced;
	for (uint32_t number = 0; number < load->options.senders; number++)
		for (enum ip_family family = IPV4; family < IP_FAMILIES; family++) {
			const struct load_sender *sender = &load->senders[number];
			const struct bench_bytes *bytes =
			    announced ? &sender->announce[family] : &sender->withdraw[family];

			load_network_send(&load->network, &load->network.sessions[number],
			    (struct wire_span){bytes->bytes, bytes->length});
		}
	return run_until(load, is_settled, &start, 0);
}

struct load_result load_run_announce(struct load *load)
{
	return send_table(load, true);
}

struct load_result load_run_withdraw(struct load *load)
{
	return send_table(load, false);
}

struct load_result load_run_churn(struct load *load, uint32_t count, double seconds)
{
	struct load_churn *churn = &load->churn;
	struct load_session *session = &load->network.sessions[0];
	struct start start;

	churn->round.length = 0;
	load_sender_make_round(&load->senders[0], count, &churn->round);
	/* Away and back, twice. */
	churn->round_flaps =
	    4ull * count *
	    ((unsigned)load->options.families[IPV4] + (unsigned)load->options.families[IPV6]);
	load_sender_make_mark(&load->senders[0]);
	start = begin(load);
	load->announced = true;
	load->marked = &load->senders[0];
	churn->until = start.clock + seconds;
	churn->running = true;
	send_round(load, session);
	load_network_send(&load->network, session, (struct wire_span){NULL, 0});
	return run_until(load, is_settled, &start, seconds);
}

struct load_result load_run_await(struct load *load, uint32_t count)
{
	/* Somebody else has begun it, and the first of it may have come: it is not to be forgotten. */
	struct start start = continue_with(load);

	load->due = count;
	return run_until(load, holds_due, &start, 0);
}

struct load_result load_run_restart(struct load *load, uint32_t number)
{
	struct load_session *session = &load->network.sessions[number];
	bool sends = load->announced && load_options_is_sender(&load->options, number);
	struct start start;

	if (sends)
		load_sender_make_mark(&load->senders[number]);
	start = begin(load);
	if (sends)
		load->marked = &load->senders[number];
	load_network_close(&load->network, session);
	if (load_options_is_receiver(&load->options, number))
		load_receiver_forget(&load->receivers[number]);
	session->stalled = false;
	load_network_connect(&load->network, session);
	return run_until(load, is_settled, &start, 0);
}

struct load_result load_run_stall(struct load *load, uint32_t number)
{
	struct start start = begin(load);

	load_network_stall(&load->network, &load->network.sessions[number], true);
	return finish(load, &start);
}

struct load_result load_run_resume(struct load *load, uint32_t number)
{
	struct start start;

	load_sender_make_mark(&load->senders[0]);
	start = begin(load);
	if (load->announced) {
		load->marked = &load->senders[0];
		send_mark(&load->network.sessions[0], load->marked);
		load_network_send(
		    &load->network, &load->network.sessions[0], (struct wire_span){NULL, 0});
	}
	load_network_stall(&load->network, &load->network.sessions[number], false);
	return run_until(load, is_settled, &start, 0);
}

struct load_result load_run_idle(struct load *load, double seconds)
{
	struct start start = begin(load);

	load->goal = is_never;
	while (load_clock() < start.clock + seconds)
		load_network_turn(&load->network, start.clock + seconds);
	return finish(load, &start);
}

void load_run_init(struct load *load, const struct load_options *options)
{
	*load = (struct load){.options = *options, .goal = is_never};
	bench_table_init(
	    &load->table, options->families, options->prefixes, options->sets, options->seed);
	load_network_init(&load->network, &load->options, &handler, load);
	load->senders = memory_allocate_zero(options->senders, sizeof *load->senders);
	load->receivers = memory_allocate_zero(load->network.count, sizeof *load->receivers);
	load->reached = memory_allocate_zero(load->network.count, sizeof *load->reached);
	load->unreached_count = load->network.count;
	for (uint32_t number = 0; number < options->senders; number++)
		load_sender_init(&load->senders[number], &load->options, &load->table, number);
	for (uint32_t number = 0; number < load->network.count; number++)
		if (load_options_is_receiver(options, number))
			load_receiver_init(&load->receivers[number], &load->options, &load->table,
			    &load->counters, number);
}

void load_run_free(struct load *load)
{
	for (uint32_t number = 0; number < load->options.senders; number++)
		load_sender_free(&load->senders[number]);
	for (uint32_t number = 0; number < load->network.count; number++)
		load_receiver_free(&load->receivers[number]);
	load_network_free(&load->network);
	bench_table_free(&load->table);
	free(load->churn.round.bytes);
	free(load->senders);
	free(load->receivers);
	free(load->reached);
}
