/*
 * The running load generator: all sessions with what they send and hold, and one function for each
 * command.  Each returns when the command is done, with its measure in the value; what goes wrong
 * ends the program.  Called by load.c.
 */
#ifndef LOAD_RUN_H
#define LOAD_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench_messages.h"
#include "bench_table.h"
#include "load_network.h"
#include "load_options.h"
#include "load_receiver.h"
#include "load_sender.h"

struct load;

/* True if the session is as the command wants it. */
typedef bool load_goal(const struct load *load, const struct load_session *session);

struct load_churn {
	bool running;
	double until; /* on load_clock() */
	uint64_t round_flaps;
	uint64_t flaps;
	struct bench_bytes round;
};

struct load {
	struct load_options options;
	struct bench_table table;
	struct load_network network;
	struct load_sender *senders; /* by number of the session */
	struct load_receiver *receivers; /* by number of the session; those of senders are zeroed */
	struct load_counters counters;
	bool announced; /* the senders stand for their routes */
	struct load_churn churn;

	/* Of the command that runs: */
	load_goal *goal;
	bool *reached; /* by number of the session */
	uint32_t unreached_count;
	uint32_t due; /* what load_run_await() waits for */
	const struct load_sender *marked; /* whose mark the receivers must have; or NULL */
};

/* What a command has taken. */
struct load_result {
	double began; /* on load_clock() */
	double seconds;
	double silence; /* seconds, of the session that heard nothing for longest */
	double cpu_seconds; /* the generator's own, user and system */
	uint64_t flaps; /* of churn: prefix changes that were sent */
	struct load_counters counters;
};

void load_run_init(struct load *load, const struct load_options *options);
void load_run_free(struct load *load);

struct load_result load_run_establish(struct load *load);
struct load_result load_run_announce(struct load *load);
struct load_result load_run_withdraw(struct load *load);
/* The first `count` prefixes of sender 0; it must have as many. */
struct load_result load_run_churn(struct load *load, uint32_t count, double seconds);
struct load_result load_run_await(struct load *load, uint32_t count);
struct load_result load_run_restart(struct load *load, uint32_t number);
struct load_result load_run_stall(struct load *load, uint32_t number);
struct load_result load_run_resume(struct load *load, uint32_t number);
struct load_result load_run_idle(struct load *load, double seconds);

#endif
