/*
 * What the kernel of a daemon under test makes of its routes, seen from its network namespace.
 *
 *	fib_probe --family 4|6 --prefixes N [--seed N] [--sample N]
 *
 * The table is that of the load generator.  Commands come on standard input, one a line, and are
 * answered by a line of JSON each; all times are on CLOCK_MONOTONIC.
 *
 *	await N			the kernel has N routes more than when this program started, or,
 *				if it had more than N, at most N; says when
 *	watch INTERFACE		one line at once: how many of a sample of prefixes (1,000) go over
 *				this interface.  The next one when the interface has lost its
 *				carrier and packets to all of the sample find their way again: how
 *				long after the notification, the longest gap, how many were hit,
 *				and how long one look at all of the sample took at most
 *
 * What goes wrong is one line on standard error and exit status 1.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_table.h"
#include "load_clock.h"
#include "load_fail.h"
#include "probe_count.h"
#include "probe_watch.h"

#define LINE_MAX_LENGTH 64
#define PAUSE_MIN 0.002 /* seconds between two looks at the kernel's routes */
#define PAUSE_MAX 0.05

struct probe {
	enum ip_family family;
	uint32_t sample;
	struct bench_table table;
	uint32_t before; /* routes that are not the daemon's */
};

static uint32_t count_routes(const struct probe *probe)
{
	const uint32_t count = probe_count_routes(probe->family);

	return count > probe->before ? count - probe->before : 0;
}

static void pause_for(double seconds)
{
	const struct timespec time = {.tv_nsec = (long)(seconds * 1e9)};

	nanosleep(&time, NULL);
}

/* Half of what the rest will take at the rate so far, so the last looks follow closely. */
static double next_pause(uint32_t done, uint32_t left, double seconds)
{
	const double pause = done ? seconds / done * left / 2 : PAUSE_MAX;

	return pause < PAUSE_MIN ? PAUSE_MIN : pause < PAUSE_MAX ? pause : PAUSE_MAX;
}

static uint32_t distance(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

static void await(const struct probe *probe, uint32_t wanted)
{
	const uint32_t first = count_routes(probe);
	const bool grows = first < wanted;
	double began = load_clock();
	uint32_t count = first;

	while (grows ? count < wanted : count > wanted) {
		if (count == first)
			began = load_clock();
		pause_for(next_pause(
		    distance(count, first), distance(wanted, count), load_clock() - began));
		count = count_routes(probe);
	}
	printf("{\"at\": %.6f, \"routes\": %u}\n", load_clock(), count);
}

static void watch(const struct probe *probe, const char *interface)
{
	struct probe_watch watch;

	if (probe->family != IPV4)
		load_fail("watch: for IPv4 only");
	probe_watch_init(&watch, &probe->table, probe->sample, interface);
	printf("{\"sample\": %u, \"over\": %u}\n", watch.count, probe_watch_begin(&watch));
	fflush(stdout);
	probe_watch_run(&watch);
	printf("{\"last\": %.6f, \"gap\": %.6f, \"hit\": %u, \"round\": %.6f}\n",
	    watch.last > watch.notified_at ? watch.last - watch.notified_at : 0, watch.gap,
	    probe_watch_hits(&watch), watch.round);
	probe_watch_free(&watch);
}

static void serve(const struct probe *probe)
{
	char line[LINE_MAX_LENGTH];
	char word[LINE_MAX_LENGTH];
	unsigned number;

	while (fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "await %u", &number) == 1)
			await(probe, number);
		else if (sscanf(line, "watch %s", word) == 1)
			watch(probe, word);
		else
			load_fail("no such command: %s", line);
		fflush(stdout);
	}
}

static _Noreturn void print_usage(void)
{
	fputs("usage: fib_probe --family 4|6 --prefixes N [--seed N] [--sample N]\n", stderr);
	exit(2);
}

static uint32_t read_number(const char *text)
{
	char *end;
	const unsigned long number = strtoul(text, &end, 10);

	if (*end || end == text || number > UINT32_MAX)
		print_usage();
	return (uint32_t)number;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
	    {"family", required_argument, NULL, 'f'},
	    {"prefixes", required_argument, NULL, 'p'},
	    {"seed", required_argument, NULL, 's'},
	    {"sample", required_argument, NULL, 'S'},
	    {0},
	};
	uint32_t family = 0, prefixes = 0, seed = 1;
	struct probe probe = {.sample = 1000};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == '?')
			print_usage();
		*(option == 'f'	    ? &family
		    : option == 'p' ? &prefixes
		    : option == 's' ? &seed
				    : &probe.sample) = read_number(optarg);
	}
	if (optind != argc || (family != 4 && family != 6) || !prefixes || !probe.sample)
		print_usage();
	probe.family = family == 4 ? IPV4 : IPV6;
	/* The prefixes do not depend on the number of attribute sets. */
	bench_table_init(
	    &probe.table, (bool[IP_FAMILIES]){family == 4, family == 6}, prefixes, 1, seed);
	probe.before = probe_count_routes(probe.family);
	serve(&probe);
	bench_table_free(&probe.table);
	return 0;
}
