/*
 * One receiver of the load generator: which prefixes the daemon has announced to it and not
 * withdrawn, with what.  Every prefix is checked, the attributes of a sample of them in full; what
 * is wrong ends the program.  It knows no socket.  Called by load_run.c.
 */
#ifndef LOAD_RECEIVER_H
#define LOAD_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/wire.h"
#include "bench_table.h"
#include "load_options.h"

/* What all receivers together have been sent since a command began. */
struct load_counters {
	uint64_t messages; /* UPDATE */
	uint64_t bytes; /* of these, with their headers */
	uint64_t prefixes; /* announced and withdrawn */
	uint64_t repeats; /* announced again with the same attributes while held */
	uint64_t needless; /* withdrawn while not held */
	uint64_t sampled; /* whose attributes were compared in full */
};

struct load_receiver {
	const struct load_options *options;
	const struct bench_table *table;
	struct load_counters *counters;
	uint32_t number; /* of the session */
	uint32_t own_first; /* of each family: what it announces itself, and need not be sent */
	uint32_t own_count;
	uint32_t *held; /* by id; 0: not held */
	uint32_t held_count[IP_FAMILIES];
	uint32_t flapped_count; /* of them in the form BENCH_FLAPPED */
};

/* The three must outlive it. */
void load_receiver_init(struct load_receiver *receiver, const struct load_options *options,
    const struct bench_table *table, struct load_counters *counters, uint32_t number);
void load_receiver_free(struct load_receiver *receiver);
/* Its session has ended: it holds nothing. */
void load_receiver_forget(struct load_receiver *receiver);

/* Takes an UPDATE, given without its header. */
void load_receiver_take(struct load_receiver *receiver, struct wire_span body);

/* Exactly so many of each family. */
bool load_receiver_holds(const struct load_receiver *receiver, uint32_t count);
/* How many there are to hold of each family. */
uint32_t load_receiver_due(const struct load_receiver *receiver);
/* True if it holds the prefix, and in this form. */
bool load_receiver_has_variant(
    const struct load_receiver *receiver, uint32_t id, enum bench_variant variant);
/* The first prefix that it should hold and does not, or (`held`) the first that it holds. */
uint32_t load_receiver_find(const struct load_receiver *receiver, bool held);

#endif
