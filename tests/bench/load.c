/*
 * The load generator: senders and receivers of one daemon under test, in one process over real TCP,
 * each from an address and an AS of its own.
 *
 *	load --target A [--target6 A] --asn N --local A [--local6 A] --family 4|6|both
 *	     --senders N --receivers N --prefixes N --sets N [--split] [--reflect] [--internal]
 *	     [--ranked] [--stride N] [--seed N] [--hold-time SECONDS] [--patience SECONDS]
 *
 * Sessions have numbers from 0, the senders first.  Session n comes from --local + n (with
 * --family 6 from --local6 + n; with both it carries both families over IPv4) and has AS 65001 + n;
 * its router ID is its IPv4 address.  With --internal the senders are iBGP, with --reflect all
 * sessions are: clients of a reflector that send and receive.  With --split each sender announces a
 * share of the table, else all announce all of it; --prefixes counts per family.  With --ranked the
 * paths of sender n are n hops longer.  With --stride every session has a wire of its own: session
 * n goes from --local + n * stride to --target + n * stride.
 *
 * Commands come on standard input, one a line, and are answered by a line of JSON each:
 *
 *	establish		all sessions are Established; says what is in the table
 *	announce, withdraw	the senders do; each receiver holds all, or nothing
 *	churn N SECONDS		sender 0 flaps its first N prefixes of each family
 *	await COUNT		each receiver holds so many of each family; counts what has come
				since the last answer
 *	restart N		session N closes and comes again, and everybody holds all
 *	stall N, resume N	receiver N stops reading, and reads again until it holds all
 *	idle SECONDS		nothing but keepalives
 *	quit			as the end of the input does
 *
 * An answer says when its command began, on the clock of CLOCK_MONOTONIC, and the longest time for
 * which an Established session has heard nothing since the last answer, in seconds.
 *
 * What is wrong with what the daemon sends, or takes longer than --patience (600 seconds beyond
 * those that the command names), is one line on standard error and exit status 1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load_fail.h"
#include "load_run.h"

#define ARGUMENTS_MAX 2
#define LINE_MAX_LENGTH 256

struct command {
	const char *name;
	int arguments;
	struct load_result (*run)(struct load *load, const double *arguments);
};

static uint32_t count_of(double argument, uint32_t max)
{
	if (argument < 0 || argument > max || argument != (uint32_t)argument)
		load_fail("%g: not a number from 0 to %u", argument, max);
	return (uint32_t)argument;
}

static uint32_t session_of(const struct load *load, double argument)
{
	return count_of(argument, load->network.count - 1);
}

static uint32_t receiver_of(const struct load *load, double argument)
{
	uint32_t number = session_of(load, argument);

	if (!load_options_is_receiver(&load->options, number))
		load_fail("session %u is no receiver", number);
	return number;
}

static struct load_result establish(struct load *load, const double *arguments)
{
	(void)arguments;
	return load_run_establish(load);
}

static struct load_result announce(struct load *load, const double *arguments)
{
	(void)arguments;
	return load_run_announce(load);
}

static struct load_result withdraw(struct load *load, const double *arguments)
{
	(void)arguments;
	return load_run_withdraw(load);
}

static struct load_result churn(struct load *load, const double *arguments)
{
	return load_run_churn(load, count_of(arguments[0], load->senders[0].count), arguments[1]);
}

static struct load_result await(struct load *load, const double *arguments)
{
	return load_run_await(load, count_of(arguments[0], load->options.prefixes));
}

static struct load_result restart(struct load *load, const double *arguments)
{
	return load_run_restart(load, session_of(load, arguments[0]));
}

static struct load_result stall(struct load *load, const double *arguments)
{
	return load_run_stall(load, receiver_of(load, arguments[0]));
}

static struct load_result resume(struct load *load, const double *arguments)
{
	return load_run_resume(load, receiver_of(load, arguments[0]));
}

static struct load_result idle(struct load *load, const double *arguments)
{
	return load_run_idle(load, arguments[0]);
}

static const struct command commands[] = {
    {"establish", 0, establish},
    {"announce", 0, announce},
    {"withdraw", 0, withdraw},
    {"churn", 2, churn},
    {"await", 1, await},
    {"restart", 1, restart},
    {"stall", 1, stall},
    {"resume", 1, resume},
    {"idle", 1, idle},
};

/* How many prefixes of each length the table has, of IPv4 where it has both families. */
static void print_lengths(const struct bench_table *table)
{
	uint32_t counts[129] = {0};
	const char *comma = "";

	for (uint32_t id = 0; id < table->prefix_count; id++)
		counts[bench_table_prefix(table, id).length]++;
	fputs(", \"lengths\": {", stdout);
	for (unsigned length = 0; length < 129; length++) {
		if (!counts[length])
			continue;
		printf("%s\"%u\": %u", comma, length, counts[length]);
		comma = ", ";
	}
	putchar('}');
}

static void print_result(
    const struct load *load, const struct command *command, const struct load_result *result)
{
	const struct load_counters *counters = &result->counters;

	printf("{\"began\": %.6f, \"seconds\": %.6f, \"generator_cpu\": %.3f, \"silence\": %.3f"
	       ", \"messages\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"prefixes\": %" PRIu64
	       ", \"repeats\": %" PRIu64 ", \"needless\": %" PRIu64 ", \"sampled\": %" PRIu64,
	    result->began, result->seconds, result->cpu_seconds, result->silence,
	    counters->messages, counters->bytes, counters->prefixes, counters->repeats,
	    counters->needless, counters->sampled);
	if (command->run == churn)
		printf(", \"flaps\": %" PRIu64, result->flaps);
	if (command->run == establish)
		print_lengths(&load->table);
	puts("}");
	fflush(stdout);
}

/* Splits the line at blanks; returns the command with its arguments. */
static const struct command *parse_command(char *line, double arguments[static ARGUMENTS_MAX])
{
	char *rest, *word = strtok_r(line, " \t", &rest), *end;
	int count = 0;

	for (size_t i = 0; word && i < sizeof commands / sizeof commands[0]; i++) {
		if (strcmp(word, commands[i].name) != 0)
			continue;
		while ((word = strtok_r(NULL, " \t", &rest)) && count < commands[i].arguments) {
			arguments[count++] = strtod(word, &end);
			if (*end)
				load_fail("%s: not a number", word);
		}
		if (word || count != commands[i].arguments)
			load_fail("%s takes %d numbers", commands[i].name, commands[i].arguments);
		return &commands[i];
	}
	load_fail("no such command: %s", word ? word : "");
}

/* The next line without its end; false at the end of the input.  Sessions are kept meanwhile. */
static bool read_line(struct load *load, char line[static LINE_MAX_LENGTH])
{
	size_t length = 0;

	while (length + 1 < LINE_MAX_LENGTH) {
		load_network_wait_for(&load->network, STDIN_FILENO);
		if (read(STDIN_FILENO, line + length, 1) != 1)
			return false;
		if (line[length] == '\n') {
			line[length] = '\0';
			return true;
		}
		length++;
	}
	load_fail("a line that is too long");
}

int main(int argc, char **argv)
{
	struct load_options options = load_options_parse(argc, argv);
	double arguments[ARGUMENTS_MAX] = {0};
	char line[LINE_MAX_LENGTH];
	struct load load;

	load_run_init(&load, &options);
	while (read_line(&load, line) && strcmp(line, "quit") != 0) {
		const struct command *command = parse_command(line, arguments);
		struct load_result result = command->run(&load, arguments);

		print_result(&load, command, &result);
	}
	load_run_free(&load);
	return 0;
}
