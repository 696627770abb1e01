/*
 * What one sender of the load generator has to send, encoded before any clock runs: its share of
 * the table, the withdrawal of it, and what a command needs besides.  It knows no socket.
 * Called by load_run.c.
 */
#ifndef LOAD_SENDER_H
#define LOAD_SENDER_H

#include <stdint.h>

#include "bench_messages.h"
#include "bench_table.h"
#include "load_options.h"

struct load_sender {
	const struct load_options *options;
	const struct bench_table *table;
	struct bench_sender identity;
	uint32_t first; /* of each family: the number of its first prefix, and how many it has */
	uint32_t count;
	struct bench_bytes announce[IP_FAMILIES]; /* with End-of-RIB */
	struct bench_bytes withdraw[IP_FAMILIES];
	enum bench_variant mark_variant; /* BENCH_USUAL: not marked yet */
	struct bench_bytes mark; /* the announcement of its last prefixes in this form */
};

/* Both must outlive it. */
void load_sender_init(struct load_sender *sender, const struct load_options *options,
    const struct bench_table *table, uint32_t number);
void load_sender_free(struct load_sender *sender);
/* Makes the next mark: the last prefix of each family, in a form that it had not just now. */
void load_sender_make_mark(struct load_sender *sender);
/* The id of the family's last prefix; there is one. */
uint32_t load_sender_last(const struct load_sender *sender, enum ip_family family);
/* One round of churn over the first `count` prefixes of each family: away, flapped, away, usual. */
void load_sender_make_round(
    const struct load_sender *sender, uint32_t count, struct bench_bytes *round);

#endif
