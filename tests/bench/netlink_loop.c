/*
 * The limit of what a daemon can do: the routes of the load generator's table go into the kernel
 * from a bare loop.  All messages are written before any clock runs; then there is nothing but one
 * sendmsg() for each batch, of which only the last request is acknowledged, and the wait for that.
 *
 *	netlink_loop --gateway A --interface NAME --prefixes N [--seed N] [--batch N] [--print]
 *
 * The family is that of the gateway.  Commands come on standard input, one a line, `add` and
 * `remove`, and are answered by a line of JSON: when it began, on CLOCK_MONOTONIC, how many seconds
 * it took, and the longest of its batches: some routes have the kernel rebuild its trie.  With
 * --print the routes are written to standard output instead, as `ip -batch` reads them.  What the
 * kernel refuses is one line on standard error and exit status 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench_messages.h"
#include "bench_table.h"
#include "fib/route_message.h"
#include "load_clock.h"
#include "load_fail.h"

#define BATCH_DEFAULT 512
#define BATCH_MAX 1000 /* fits into the send buffer */
#define SOCKET_BUFFER (1 << 20) /* a batch, or a refusal of each of its requests */
#define RECEIVE_BYTES 32768
#define LINE_MAX_LENGTH 64

struct options {
	struct ip_address gateway;
	const char *interface;
	uint32_t prefixes;
	uint32_t seed;
	uint32_t batch; /* requests */
	bool print;
};

/* A command: its requests, one after the other, as the kernel reads them. */
struct requests {
	struct bench_bytes bytes;
	uint32_t count;
};

static struct kernel_route make_route(
    const struct options *options, const struct ip_prefix *prefix, const struct kernel_hop *hop)
{
	return (struct kernel_route){
	    .prefix = *prefix,
	    .table = RT_TABLE_MAIN,
	    .protocol = RTPROT_BGP,
	    .type = RTN_UNICAST,
	    .hop_count = 1,
	    .hops = hop,
	    .metric = options->gateway.family == IPV6 ? 1024 : 0,
	};
}

static void append(struct requests *requests, const struct nlmsghdr *header)
{
	struct bench_bytes *bytes = &requests->bytes;
	const size_t length = NLMSG_ALIGN(header->nlmsg_len);

	bytes->bytes = memory_grow(bytes->bytes, &bytes->capacity, bytes->length + length, 1);
	memcpy(bytes->bytes + bytes->length, header, length);
	bytes->length += length;
	requests->count++;
}

static void write_requests(const struct options *options, const struct bench_table *table,
    struct requests *add, struct requests *remove)
{
	const struct kernel_hop hop = {.gateway = options->gateway,
	    .has_gateway = true,
	    .weight = 1,
	    .interface = if_nametoindex(options->interface)};

	if (!hop.interface)
		load_fail("%s: no such interface", options->interface);
	for (uint32_t id = 0; id < options->prefixes; id++) {
		const struct ip_prefix prefix = bench_table_prefix(table, id);
		const struct kernel_route route = make_route(options, &prefix, &hop);
		struct route_message message;

		append(add, route_message_add(&message, &route, NLM_F_CREATE | NLM_F_EXCL));
		append(remove, route_message_remove(&message, &route));
	}
}

/* The length of the batch at the front; its last request is marked to be acknowledged. */
static size_t mark_batch(uint8_t *bytes, size_t left, uint32_t batch)
{
	struct nlmsghdr *message = NULL;
	size_t length = 0;

	for (uint32_t i = 0; i < batch && length < left; i++) {
		message = (struct nlmsghdr *)(bytes + length);
		length += NLMSG_ALIGN(message->nlmsg_len);
	}
	if (message)
		message->nlmsg_flags |= NLM_F_ACK;
	return length;
}

/* One answer comes unless a request is refused, and then that one's comes first. */
static void read_answer(int fd)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[RECEIVE_BYTES];
	const struct nlmsghdr *message = (struct nlmsghdr *)buffer;
	const struct nlmsgerr *error = (struct nlmsgerr *)(buffer + NLMSG_HDRLEN);
	const ssize_t length = recv(fd, buffer, sizeof buffer, 0);

	if (length < (ssize_t)(NLMSG_HDRLEN + sizeof *error) || message->nlmsg_type != NLMSG_ERROR)
		load_fail("no answer of the kernel: %s", strerror(errno));
	if (error->error)
		load_fail("the kernel refused a route: %s", strerror(-error->error));
}

/* Returns how many seconds the longest batch took. */
static double send_all(int fd, const struct requests *requests, uint32_t batch)
{
	double longest = 0;
	size_t at = 0;

	while (at < requests->bytes.length) {
		uint8_t *bytes = requests->bytes.bytes + at;
		const size_t length = mark_batch(bytes, requests->bytes.length - at, batch);
		const double start = load_clock();

		if (send(fd, bytes, length, 0) != (ssize_t)length)
			load_fail("send: %s", strerror(errno));
		read_answer(fd);
		if (load_clock() - start > longest)
			longest = load_clock() - start;
		at += length;
	}
	return longest;
}

static void run(int fd, const struct requests *requests, uint32_t batch)
{
	const double began = load_clock();

	const double longest = send_all(fd, requests, batch);

	printf("{\"began\": %.6f, \"seconds\": %.6f, \"longest\": %.6f}\n", began,
	    load_clock() - began, longest);
	fflush(stdout);
}

static int open_socket(void)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	const int size = SOCKET_BUFFER;
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&kernel, sizeof kernel) < 0)
		load_fail("netlink: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	return fd;
}

static void print_routes(const struct options *options, const struct bench_table *table)
{
	char prefix_text[IP_TEXT_MAX];
	char gateway_text[IP_TEXT_MAX];

	ip_address_print(&options->gateway, gateway_text);
	for (uint32_t id = 0; id < options->prefixes; id++) {
		const struct ip_prefix prefix = bench_table_prefix(table, id);

		ip_prefix_print(&prefix, prefix_text);
		printf(
		    "%s via %s dev %s proto bgp\n", prefix_text, gateway_text, options->interface);
	}
}

static _Noreturn void print_usage(void)
{
	fputs("usage: netlink_loop --gateway A --interface NAME --prefixes N [--seed N]\n"
	      "                    [--batch N] [--print]\n",
	    stderr);
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

static struct options parse_options(int argc, char **argv)
{
	static const struct option names[] = {
	    {"gateway", required_argument, NULL, 'g'},
	    {"interface", required_argument, NULL, 'i'},
	    {"prefixes", required_argument, NULL, 'p'},
	    {"seed", required_argument, NULL, 's'},
	    {"batch", required_argument, NULL, 'b'},
	    {"print", no_argument, NULL, 'P'},
	    {0},
	};
	struct options options = {.seed = 1, .batch = BATCH_DEFAULT};
	bool has_gateway = false;
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'g')
			has_gateway = ip_address_parse(optarg, &options.gateway);
		else if (option == 'i')
			options.interface = optarg;
		else if (option == 'p')
			options.prefixes = read_number(optarg);
		else if (option == 's')
			options.seed = read_number(optarg);
		else if (option == 'b')
			options.batch = read_number(optarg);
		else if (option == 'P')
			options.print = true;
		else
			print_usage();
	}
	if (optind != argc || !has_gateway || !options.interface || !options.prefixes ||
	    !options.batch || options.batch > BATCH_MAX)
		print_usage();
	return options;
}

static void serve(const struct options *options, const struct bench_table *table)
{
	struct requests add = {0}, remove = {0};
	char line[LINE_MAX_LENGTH];
	const int fd = open_socket();

	write_requests(options, table, &add, &remove);
	while (fgets(line, sizeof line, stdin)) {
		if (strcmp(line, "add\n") != 0 && strcmp(line, "remove\n") != 0)
			load_fail("no such command: %s", line);
		run(fd, line[0] == 'a' ? &add : &remove, options->batch);
	}
	close(fd);
	free(add.bytes.bytes);
	free(remove.bytes.bytes);
}

int main(int argc, char **argv)
{
	const struct options options = parse_options(argc, argv);
	const bool families[IP_FAMILIES] = {
	    [IPV4] = options.gateway.family == IPV4, [IPV6] = options.gateway.family == IPV6};
	struct bench_table table;

	/* The prefixes do not depend on the number of attribute sets. */
	bench_table_init(&table, families, options.prefixes, 1, options.seed);
	if (options.print)
		print_routes(&options, &table);
	else
		serve(&options, &table);
	bench_table_free(&table);
	return 0;
}
