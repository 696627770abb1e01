/*
 * The load generator: senders and receivers of one daemon under test, in one process over real TCP,
 * each from an address and an AS of its own.  All sessions come up, then the senders announce the
 * table and the clock runs until the last receiver holds every prefix; then they withdraw it.  It
 * prints one line of JSON.
 *
 *   load --target 10.99.0.1 --asn 65000 --local 10.99.0.10 --senders 1 --receivers 1
 *        --prefixes 1000000 --sets 200000 [--split] [--ipv6] [--hold SECONDS]
 *
 * Session n has the address --local + n and AS 65001 + n.  With --split each sender announces its
 * own share of the table, else all announce all of it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "base/memory.h"
#include "bench_table.h"
#include "bgp/as_path.h"
#include "bgp/message.h"
#include "bgp/nlri.h"

#define INPUT_SIZE (512 * 1024)
#define PHASE_SECONDS 300

struct session {
	int fd;
	uint32_t asn;
	struct ip_address address;
	bool sender;
	bool established;
	uint8_t input[INPUT_SIZE];
	size_t input_length;
	const struct bench_bytes *output; /* being sent */
	struct bench_bytes control; /* OPEN and KEEPALIVE */
	size_t control_sent;
	size_t sent;
	struct bench_bytes announce;
	struct bench_bytes withdraw;
	struct bitmap held; /* ids of prefixes that the daemon has announced */
	uint32_t held_count;
	uint64_t messages;
	uint64_t bytes;
	uint64_t repeats; /* announced again while held */
	double done_at;
};

struct options {
	struct ip_address target;
	struct ip_address local;
	uint32_t asn;
	uint32_t senders;
	uint32_t receivers;
	uint32_t prefixes;
	uint32_t sets;
	bool split;
	enum ip_family family;
	unsigned hold;
};

struct load {
	struct options options;
	struct bench_table table;
	struct session **sessions;
	size_t count;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void queue_control(struct session *session, const uint8_t *bytes, size_t length)
{
	session->control.bytes = memory_grow(session->control.bytes, &session->control.capacity,
	    session->control.length + length, 1);
	memcpy(session->control.bytes + session->control.length, bytes, length);
	session->control.length += length;
}

static void connect_session(struct load *load, struct session *session)
{
	struct sockaddr_storage local, remote;
	size_t local_length = ip_address_to_sockaddr(&session->address, 0, 0, &local);
	size_t remote_length = ip_address_to_sockaddr(&load->options.target, BGP_PORT, 0, &remote);
	double deadline = now() + 30;
	int one = 1;

	for (;;) {
		session->fd = socket(local.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (session->fd < 0)
			die("socket");
		setsockopt(session->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		setsockopt(session->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (bind(session->fd, (struct sockaddr *)&local, (socklen_t)local_length) < 0)
			die("bind");
		if (connect(session->fd, (struct sockaddr *)&remote, (socklen_t)remote_length) == 0)
			break;
		if (now() > deadline)
			die("connect");
		close(session->fd);
		usleep(100000);
	}
	if (fcntl(session->fd, F_SETFL, O_NONBLOCK) < 0)
		die("fcntl");
}

static void send_open(struct session *session)
{
	uint8_t bytes[BGP_MESSAGE_MAX];
	struct wire_writer writer = wire_writer_init(bytes, sizeof bytes);
	struct bgp_open open = {.version = BGP_VERSION, .asn = session->asn, .hold_time = 240};

	wire_store_u32(open.identifier, session->asn);
	open.capabilities = (struct bgp_capabilities){
	    .families = {true, true}, .any_family = true, .as4 = true, .asn = session->asn};
	bgp_open_encode(&writer, &open);
	queue_control(session, bytes, wire_written(&writer));
}

static void send_keepalive(struct session *session)
{
	uint8_t bytes[BGP_HEADER_LENGTH];
	struct wire_writer writer = wire_writer_init(bytes, sizeof bytes);

	bgp_keepalive_encode(&writer);
	queue_control(session, bytes, wire_written(&writer));
}

static void take_nlri(struct load *load, struct session *session, struct wire_span nlri,
    enum ip_family family, bool announced)
{
	struct wire_reader reader = wire_reader_from_span(nlri);
	struct ip_prefix prefix;

	while (bgp_nlri_next(&reader, family, &prefix)) {
		uint32_t id = prefix_table_find(&load->table.prefixes, &prefix);

		if (!id) {
			fprintf(stderr, "load: a prefix that nobody announced\n");
			exit(1);
		}
		if (announced && !bitmap_set(&session->held, id))
			session->repeats++;
		else if (announced)
			session->held_count++;
		else if (bitmap_clear(&session->held, id))
			session->held_count--;
	}
}

static void take_update(struct load *load, struct session *session, struct wire_span body)
{
	static const struct bgp_codec codec = {
	    .families = {true, true}, .as4 = true, .external = true};
	static struct arena arena;
	struct bgp_update update;

	bgp_update_decode(body, &codec, NULL, &arena, &update);
	if (update.treatment != BGP_TREATMENT_ACCEPT ||
	    ((update.announced.length || update.mp_reach.present) &&
		bgp_as_path_first(update.attributes.as_path) != load->options.asn)) {
		fprintf(stderr, "load: a malformed UPDATE, or without the daemon's AS\n");
		exit(1);
	}
	take_nlri(load, session, update.withdrawn, IPV4, false);
	take_nlri(load, session, update.announced, IPV4, true);
	if (update.mp_unreach.present)
		take_nlri(load, session, update.mp_unreach.nlri, update.mp_unreach.family, false);
	if (update.mp_reach.present)
		take_nlri(load, session, update.mp_reach.nlri, update.mp_reach.family, true);
	arena_reset(&arena);
}

static void take_message(
    struct load *load, struct session *session, uint8_t type, struct wire_span body)
{
	struct bgp_notification notification;
	struct text text = {0};

	switch (type) {
	case BGP_MESSAGE_OPEN:
		send_keepalive(session);
		break;
	case BGP_MESSAGE_KEEPALIVE:
		if (session->established)
			send_keepalive(session);
		session->established = true;
		break;
	case BGP_MESSAGE_UPDATE:
		session->messages++;
		take_update(load, session, body);
		break;
	case BGP_MESSAGE_NOTIFICATION:
		bgp_notification_decode(body, &notification);
		bgp_notification_print(&notification, &text);
		fprintf(stderr, "load: NOTIFICATION: %s\n", text.string);
		exit(1);
	default:
		break;
	}
}

static void read_session(struct load *load, struct session *session)
{
	ssize_t got = read(session->fd, session->input + session->input_length,
	    INPUT_SIZE - session->input_length);
	size_t at = 0;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		die("the daemon closed a session");
	session->bytes += (uint64_t)got;
	session->input_length += (size_t)got;
	while (session->input_length - at >= BGP_HEADER_LENGTH) {
		size_t length = wire_load_u16(session->input + at + 16);

		if (session->input_length - at < length)
			break;
		take_message(load, session, session->input[at + 18],
		    (struct wire_span){
			session->input + at + BGP_HEADER_LENGTH, length - BGP_HEADER_LENGTH});
		at += length;
	}
	session->input_length -= at;
	memmove(session->input, session->input + at, session->input_length);
}

/* Control messages go between whole runs of the table, which are whole messages too. */
static void write_session(struct session *session)
{
	ssize_t put;

	if (session->control_sent < session->control.length &&
	    (!session->output || session->sent == 0 || session->sent == session->output->length)) {
		put = write(session->fd, session->control.bytes + session->control_sent,
		    session->control.length - session->control_sent);
		if (put > 0)
			session->control_sent += (size_t)put;
		return;
	}
	if (!session->output || session->sent >= session->output->length)
		return;
	put = write(session->fd, session->output->bytes + session->sent,
	    session->output->length - session->sent);
	if (put > 0)
		session->sent += (size_t)put;
}

static bool wants_write(const struct session *session)
{
	return session->control_sent < session->control.length ||
	       (session->output && session->sent < session->output->length);
}

/* Until `finished` says so of every session, or the time is over. */
static void run_until(struct load *load, bool (*finished)(const struct load *, struct session *))
{
	struct pollfd *polls = memory_allocate_zero(load->count, sizeof *polls);
	double deadline = now() + PHASE_SECONDS;
	size_t left = load->count;

	for (size_t i = 0; i < load->count; i++)
		load->sessions[i]->done_at = 0;
	while (left) {
		for (size_t i = 0; i < load->count; i++)
			polls[i] = (struct pollfd){.fd = load->sessions[i]->fd,
			    .events =
				(short)(POLLIN | (wants_write(load->sessions[i]) ? POLLOUT : 0))};
		if (poll(polls, load->count, 1000) < 0 && errno != EINTR)
			die("poll");
		left = 0;
		for (size_t i = 0; i < load->count; i++) {
			struct session *session = load->sessions[i];

			if (polls[i].revents & (POLLIN | POLLERR | POLLHUP))
				read_session(load, session);
			if (polls[i].revents & POLLOUT)
				write_session(session);
			if (session->done_at > 0)
				continue;
			if (finished(load, session) && !wants_write(session))
				session->done_at = now();
			else
				left++;
		}
		if (left && now() > deadline) {
			fprintf(stderr, "load: %zu sessions not finished in %d s\n", left,
			    PHASE_SECONDS);
			exit(1);
		}
	}
	free(polls);
}

static bool is_established(const struct load *load, struct session *session)
{
	(void)load;
	return session->established;
}

static bool holds_all(const struct load *load, struct session *session)
{
	return session->sender || session->held_count == load->options.prefixes;
}

static bool holds_none(const struct load *load, struct session *session)
{
	(void)load;
	return session->sender || session->held_count == 0;
}

static struct ip_address nth_address(const struct ip_address *base, uint32_t n)
{
	struct ip_address address = *base;
	size_t last = address.family == IPV4 ? 0 : 12;

	wire_store_u32(address.bytes + last, wire_load_u32(address.bytes + last) + n);
	return address;
}

static void make_session(struct load *load, uint32_t n)
{
	const struct options *options = &load->options;
	struct session *session = memory_allocate_zero(1, sizeof *session);
	uint32_t share = options->split ? options->prefixes / options->senders : options->prefixes;
	uint32_t first = options->split ? 1 + n * share : 1;

	session->sender = n < options->senders;
	session->asn = 65001 + n;
	session->address = nth_address(&options->local, n);
	if (session->sender) {
		if (options->split && n + 1 == options->senders)
			share = options->prefixes - n * share;
		bench_table_announce(&load->table, first, share, session->asn, &session->address,
		    &session->announce);
		bench_table_withdraw(&load->table, first, share, &session->withdraw);
	}
	load->sessions[n] = session;
}

static double last_done(const struct load *load)
{
	double last = 0;

	for (size_t i = 0; i < load->count; i++)
		if (!load->sessions[i]->sender && load->sessions[i]->done_at > last)
			last = load->sessions[i]->done_at;
	return last;
}

static double run_phase(struct load *load, bool announce)
{
	double start = now();

	for (size_t i = 0; i < load->count; i++) {
		struct session *session = load->sessions[i];

		session->output = announce ? &session->announce : &session->withdraw;
		session->sent = 0;
	}
	run_until(load, announce ? holds_all : holds_none);
	return last_done(load) - start;
}

static void run_load(struct load *load)
{
	double start = now(), established, announced, withdrawn;
	uint64_t messages = 0, bytes = 0, repeats = 0;

	for (size_t i = 0; i < load->count; i++) {
		connect_session(load, load->sessions[i]);
		send_open(load->sessions[i]);
	}
	run_until(load, is_established);
	established = now() - start;
	announced = run_phase(load, true);
	for (size_t i = 0; i < load->count; i++) {
		messages += load->sessions[i]->messages;
		bytes += load->sessions[i]->bytes;
		repeats += load->sessions[i]->repeats;
	}
	if (load->options.hold)
		sleep(load->options.hold);
	withdrawn = run_phase(load, false);
	printf("{\"established\": %.3f, \"announce\": %.3f, \"withdraw\": %.3f, "
	       "\"messages\": %lu, \"bytes\": %lu, \"repeats\": %lu}\n",
	    established, announced, withdrawn, (unsigned long)messages, (unsigned long)bytes,
	    (unsigned long)repeats);
}

static void parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {{"target", required_argument, NULL, 't'},
	    {"local", required_argument, NULL, 'l'}, {"asn", required_argument, NULL, 'a'},
	    {"senders", required_argument, NULL, 's'}, {"receivers", required_argument, NULL, 'r'},
	    {"prefixes", required_argument, NULL, 'p'}, {"sets", required_argument, NULL, 'n'},
	    {"split", no_argument, NULL, 'x'}, {"ipv6", no_argument, NULL, '6'},
	    {"hold", required_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool good = true;
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		unsigned long number = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (option) {
		case 't':
			good &= ip_address_parse(optarg, &options->target);
			break;
		case 'l':
			good &= ip_address_parse(optarg, &options->local);
			break;
		case 'a':
			options->asn = (uint32_t)number;
			break;
		case 's':
			options->senders = (uint32_t)number;
			break;
		case 'r':
			options->receivers = (uint32_t)number;
			break;
		case 'p':
			options->prefixes = (uint32_t)number;
			break;
		case 'n':
			options->sets = (uint32_t)number;
			break;
		case 'x':
			options->split = true;
			break;
		case '6':
			options->family = IPV6;
			break;
		case 'h':
			options->hold = (unsigned)number;
			break;
		default:
			good = false;
		}
	}
	if (!good || !options->senders || !options->receivers || !options->prefixes ||
	    !options->sets) {
		fprintf(stderr,
		    "usage: load --target A --local A --asn N --senders N --receivers N "
		    "--prefixes N --sets N [--split] [--ipv6] [--hold SECONDS]\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct load load = {.options = {.asn = 65000}};

	parse_options(argc, argv, &load.options);
	bench_table_init(
	    &load.table, load.options.family, load.options.prefixes, load.options.sets);
	load.count = load.options.senders + load.options.receivers;
	load.sessions = memory_allocate_zero(load.count, sizeof(struct session *));
	for (uint32_t n = 0; n < load.count; n++)
		make_session(&load, n);
	run_load(&load);
	for (size_t i = 0; i < load.count; i++) {
		struct session *session = load.sessions[i];

		close(session->fd);
		free(session->announce.bytes);
		free(session->withdraw.bytes);
		free(session->control.bytes);
		bitmap_free(&session->held);
		free(session);
	}
	free(load.sessions);
	bench_table_free(&load.table);
	return 0;
}
