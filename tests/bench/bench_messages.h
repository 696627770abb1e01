/*
 * What a sender of the load generator sends, encoded once before the clock runs: whole UPDATE
 * messages in one block of bytes.  Called by the load generator.
 */
#ifndef BENCH_MESSAGES_H
#define BENCH_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "bench_table.h"

/* Whole messages; zeroed is empty, the bytes are to be freed. */
struct bench_bytes {
	uint8_t *bytes;
	size_t length;
	size_t capacity;
};

struct bench_sender {
	uint32_t asn;
	bool external; /* its AS begins the paths; else LOCAL_PREF is sent */
	uint32_t extra_hops; /* its AS is so often more at the front */
	struct ip_address next_hop[IP_FAMILIES];
};

/* Each appends to `bytes`.  `first` is an id; all `count` prefixes are of one family. */
void bench_messages_announce(const struct bench_table *table, const struct bench_sender *sender,
    uint32_t first, uint32_t count, enum bench_variant variant, struct bench_bytes *bytes);
void bench_messages_withdraw(
    const struct bench_table *table, uint32_t first, uint32_t count, struct bench_bytes *bytes);
void bench_messages_end_of_rib(enum ip_family family, struct bench_bytes *bytes);

#endif
