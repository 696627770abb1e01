/*
 * The table that the load generator announces: prefixes and attribute sets drawn from a fixed seed
 * with lengths as in the Internet's table, encoded once as UPDATE and withdrawal messages.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "rib/prefix_table.h"

struct bench_bytes {
	uint8_t *bytes;
	size_t length;
	size_t capacity;
};

struct bench_table {
	enum ip_family family;
	uint32_t prefix_count;
	uint32_t set_count;
	struct prefix_table prefixes; /* ids 1 .. prefix_count, in the order of their drawing */
};

/* Draws the prefixes. */
void bench_table_init(
    struct bench_table *table, enum ip_family family, uint32_t prefixes, uint32_t sets);
void bench_table_free(struct bench_table *table);
/*
 * The messages of one sender: prefixes `first` .. `first + count - 1` (ids), AS path beginning with
 * `asn`, next hop as given; then End-of-RIB.
 */
void bench_table_announce(const struct bench_table *table, uint32_t first, uint32_t count,
    uint32_t asn, const struct ip_address *next_hop, struct bench_bytes *bytes);
void bench_table_withdraw(
    const struct bench_table *table, uint32_t first, uint32_t count, struct bench_bytes *bytes);

#endif
