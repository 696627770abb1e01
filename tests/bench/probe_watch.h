/*
 * Watches what becomes of IPv4 prefixes when a link fails: where the kernel would send a packet to
 * each of a sample of them, round after round, and when it notified that the link has no carrier.
 * Called by fib_probe.c.
 */
#ifndef PROBE_WATCH_H
#define PROBE_WATCH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench_table.h"

struct probe_prefix {
	struct sockaddr_in address; /* one inside the prefix */
	bool hit; /* packets to it got lost at some time */
	double lost_since; /* on load_clock(); 0: they do not get lost */
};

struct probe_watch {
	struct probe_prefix *prefixes;
	uint32_t count;
	int lookup; /* the socket that asks where packets go */
	int links; /* the one that hears of links */
	struct in_addr local; /* on the link that fails */
	int interface; /* its index */
	double notified_at; /* of the failure; 0: not yet */
	double moved_at; /* when a prefix was last lost or found again */
	uint32_t lost; /* prefixes now */
	double last; /* when the last one was found again; 0: none was */
	double gap; /* seconds: the longest that one was lost */
	double round; /* seconds: the longest that a look at all of them took */
};

/*
 * A sample of so many prefixes, spread over the table (all if it has fewer), and the interface that
 * is going to fail, which has an IPv4 address of its own.
 */
void probe_watch_init(struct probe_watch *watch, const struct bench_table *table, uint32_t count,
    const char *interface);
void probe_watch_free(struct probe_watch *watch);
/* How many of the sample go over the interface now; ends the program if one has no route. */
uint32_t probe_watch_begin(struct probe_watch *watch);
/*
 * Looks on until the link has failed and nothing has moved for a second while packets to all of the
 * sample found their way.
 */
void probe_watch_run(struct probe_watch *watch);
/* How many of the sample were lost at some time. */
uint32_t probe_watch_hits(const struct probe_watch *watch);

#endif
