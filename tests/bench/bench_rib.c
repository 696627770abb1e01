/*
 * The RIB alone, in one process and without sockets: a full table is decoded, put into the table,
 * encoded for the members of an update group, sent again, and withdrawn.  Prints what each stage
 * costs per prefix, first with prefixes of IPv4 alone, then with half of them of each family.
 *
 *	bench_rib [PREFIXES [SETS [MEMBERS]]]		1000000 200000 1
 *
 * The input is taken in pieces of the size that a socket gives at once, and after each piece the
 * listeners are told and the groups run, as at the end of a turn of the event loop.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench_messages.h"
#include "bgp/message.h"
#include "bgp/nlri.h"
#include "rib/update_group.h"

#define PIECE 65536
#define SOURCE_ASN 65001
#define SEED 1

struct sink {
	size_t bytes;
	size_t messages;
};

struct bench {
	uint32_t prefixes;
	uint32_t sets;
	uint32_t members;
	struct bgp_codec codec;
	struct bench_bytes announcement; /* the messages of the source */
	struct bench_bytes withdrawal;
	struct arena arena;
	struct rib *rib;
	struct rib_peer *source;
	struct update_groups *groups;
	struct sink *sinks;
};

/* What the stages of one pass over an input took, in seconds. */
struct stages {
	double table;
	double telling;
	double encoding;
	double all; /* with decoding */
	double longest; /* piece */
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t resident(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	malloc_trim(0); /* what was freed is not what the table takes */
	if (file && fscanf(file, "%*s %lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void report(const struct bench *bench, const char *what, double seconds)
{
	printf("%-28s %8.3f s %8.0f ns/prefix\n", what, seconds, seconds / bench->prefixes * 1e9);
}

static void report_memory(const struct bench *bench, const char *what, size_t before)
{
	size_t after = resident();

	printf("%-28s %8.1f bytes/prefix\n", what,
	    after > before ? (double)(after - before) / bench->prefixes : 0);
}

/* The messages of a table of the family, behind what is there. */
static void make_input(struct bench *bench, enum ip_family family, uint32_t prefixes, uint32_t sets)
{
	static const struct bench_sender sender = {
	    .asn = SOURCE_ASN,
	    .external = true,
	    .next_hop =
		{
		    [IPV4] = {.family = IPV4, .bytes = {192, 0, 2, 1}},
		    [IPV6] = {.family = IPV6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 1}},
		},
	};
	const bool families[IP_FAMILIES] = {[IPV4] = family == IPV4, [IPV6] = family == IPV6};
	struct bench_table table;

	bench_table_init(&table, families, prefixes, sets, SEED);
	bench_messages_announce(&table, &sender, 0, prefixes, BENCH_USUAL, &bench->announcement);
	bench_messages_withdraw(&table, 0, prefixes, &bench->withdrawal);
	bench_table_free(&table);
}

/* The next message of the input; false at the end. */
static bool decode_next(struct bench *bench, struct wire_reader *reader, struct bgp_update *update)
{
	const uint8_t *header = wire_get_bytes(reader, BGP_HEADER_LENGTH);
	struct bgp_notification notification;
	struct bgp_header decoded;

	if (!header || !bgp_header_decode(header, false, &decoded, &notification))
		return false;
	arena_reset(&bench->arena);
	bgp_update_decode(wire_get_span(reader, decoded.length - BGP_HEADER_LENGTH), &bench->codec,
	    NULL, &bench->arena, update);
	return !reader->failed;
}

static void measure_decoding(struct bench *bench, const struct bench_bytes *input, const char *what)
{
	struct wire_reader reader = wire_reader_init(input->bytes, input->length);
	struct bgp_update update;
	double start = now();

	while (wire_left(&reader) && decode_next(bench, &reader, &update))
		continue;
	report(bench, what, now() - start);
}

static bool next_batch(const struct bench *bench, struct wire_reader *nlri, enum ip_family family,
    struct rib_batch *batch)
{
	batch->family = family;
	batch->count = 0;
	while (batch->count < RIB_BATCH_MAX &&
	       bgp_nlri_next(nlri, family, &batch->prefixes[batch->count]))
		batch->count++;
	rib_prefetch(bench->rib, batch);
	return batch->count > 0;
}

static void take_withdrawn(struct bench *bench, struct wire_span span, enum ip_family family)
{
	struct wire_reader nlri = wire_reader_from_span(span);
	struct rib_batch batch;

	while (next_batch(bench, &nlri, family, &batch)) {
		rib_prefetch_paths(bench->rib, &batch);
		for (size_t i = 0; i < batch.count; i++)
			rib_withdraw(bench->rib, bench->source, &batch.prefixes[i], 0);
	}
}

/* `next_hop` goes into the set: that of MP_REACH_NLRI stands beside the attributes. */
static void take_announced(struct bench *bench, struct bgp_update *update, struct wire_span span,
    enum ip_family family, const struct bgp_next_hop *next_hop)
{
	const struct attribute_set_extra none = {0};
	struct attribute_store *store = rib_attribute_store(bench->rib);
	struct wire_reader nlri = wire_reader_from_span(span);
	struct attribute_set *set;
	struct rib_batch batch;

	if (!next_batch(bench, &nlri, family, &batch))
		return;
	update->attributes.next_hop = *next_hop;
	set = attribute_set_intern(store, &update->attributes, &none);
	do {
		rib_prefetch_paths(bench->rib, &batch);
		for (size_t i = 0; i < batch.count; i++)
			rib_update(bench->rib, bench->source, &batch.prefixes[i], 0, set, 0);
	} while (next_batch(bench, &nlri, family, &batch));
	attribute_set_release(store, set);
}

/* Decodes a piece of the input into the table; returns what the table's part took. */
static double take_piece(struct bench *bench, struct wire_reader *reader)
{
	size_t left = wire_left(reader);
	struct bgp_update update;
	double table = 0;

	while (wire_left(reader) && left - wire_left(reader) < PIECE &&
	       decode_next(bench, reader, &update)) {
		double start = now();

		take_withdrawn(bench, update.withdrawn, IPV4);
		take_withdrawn(bench, update.mp_unreach.nlri, IPV6);
		take_announced(bench, &update, update.announced, IPV4, &update.attributes.next_hop);
		take_announced(bench, &update, update.mp_reach.nlri, IPV6, &update.mp_next_hop);
		table += now() - start;
	}
	return table;
}

static struct stages pass(struct bench *bench, const struct bench_bytes *input)
{
	struct wire_reader reader = wire_reader_init(input->bytes, input->length);
	struct stages stages = {0};
	double start = now();

	while (wire_left(&reader)) {
		double begin = now(), told, end;

		stages.table += take_piece(bench, &reader);
		told = now();
		rib_tell_listeners(bench->rib);
		stages.telling += now() - told;
		end = now();
		update_groups_run(bench->groups);
		stages.encoding += now() - end;
		if (now() - begin > stages.longest)
			stages.longest = now() - begin;
	}
	rib_tell_listeners(bench->rib); /* the last ids are given up */
	stages.all = now() - start;
	return stages;
}

static void measure(struct bench *bench, const struct bench_bytes *input, const char *what)
{
	struct stages stages = pass(bench, input);

	printf("%s\n", what);
	report(bench, "  intern and update", stages.table);
	report(bench, "  tell listeners", stages.telling);
	report(bench, "  select and encode", stages.encoding);
	report(bench, "  all, with decoding", stages.all);
	printf("  longest turn                 %8.3f ms\n", stages.longest * 1e3);
}

static void take_buffer(void *arg, struct shared_buffer *buffer)
{
	struct sink *sink = arg;

	sink->bytes += buffer->length;
	sink->messages += buffer->messages;
}

static size_t nothing_queued(void *arg)
{
	(void)arg;
	return 0;
}

static const struct policy_rule accept_all = {.action = POLICY_ACCEPT};
static const struct policy_filter accept_filter = {
    .rules = (struct policy_rule *)&accept_all, .rule_count = 1};
static const struct policy_filter *const chain[] = {&accept_filter};

static struct update_group_member *join(struct bench *bench, uint32_t number)
{
	static const struct update_group_member_ops ops = {
	    .send = take_buffer, .queued = nothing_queued};
	struct rib_peer *peer = rib_peer_new(bench->rib);
	struct export_key key;

	memset(&key, 0, sizeof(key));
	key.codec = bench->codec;
	key.local_asn = key.router_asn = 64512;
	key.self[IPV4].address = ip_address_from_ipv4(0xc6336401);
	key.self[IPV6].address = (struct ip_address){.family = IPV6, .bytes = {0x20, 1, [15] = 2}};
	key.filters = chain;
	key.filter_count = 1;
	peer->source = POLICY_SOURCE_EBGP;
	return update_group_join(bench->groups, &key, peer, &ops, &bench->sinks[number]);
}

static void print_output(struct bench *bench, const char *what)
{
	printf("%-28s %8.1f MB in %zu messages\n", what, (double)bench->sinks[0].bytes / 1e6,
	    bench->sinks[0].messages);
	memset(bench->sinks, 0, bench->members * sizeof(*bench->sinks));
}

/* The initial dump to one more member, and the loss of the source. */
static void measure_rest(struct bench *bench, struct update_group_member *extra[1])
{
	double start = now(), swept;

	extra[0] = join(bench, 0);
	report(bench, "join: mark all", now() - start);
	update_groups_run(bench->groups);
	report(bench, "join: dump and merge", now() - start);
	print_output(bench, "  sent to it");
	start = now();
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		rib_withdraw_peer(bench->rib, bench->source, family);
	rib_flush(bench->rib);
	swept = now();
	report(bench, "peer down: sweep and tell", swept - start);
	update_groups_run(bench->groups);
	report(bench, "peer down: encode", now() - swept);
}

static void measure_all(struct bench *bench)
{
	struct update_group_member **members =
	    memory_allocate_zero(bench->members + 1, sizeof(*members));
	size_t before = resident();

	bench->rib = rib_new(NULL, &(struct rib_options){0x5eed, 1});
	bench->groups = update_groups_new(bench->rib, NULL);
	bench->source = rib_peer_new(bench->rib);
	bench->source->source = POLICY_SOURCE_EBGP;
	for (uint32_t i = 0; i < bench->members; i++)
		members[i] = join(bench, i);
	measure_decoding(bench, &bench->announcement, "decode announcements");
	measure(bench, &bench->announcement, "announced:");
	print_output(bench, "  sent to each member");
	report_memory(bench, "  resident", before);
	measure(bench, &bench->announcement, "the same again:");
	measure_decoding(bench, &bench->withdrawal, "decode withdrawals");
	measure(bench, &bench->withdrawal, "withdrawn:");
	print_output(bench, "  sent to each member");
	report_memory(bench, "  resident", before);
	measure(bench, &bench->announcement, "announced once more:");
	print_output(bench, "  sent to each member");
	measure_rest(bench, &members[bench->members]);
	for (uint32_t i = 0; i <= bench->members; i++)
		update_group_leave(members[i]);
	update_groups_free(bench->groups);
	rib_free(bench->rib);
	free(members);
}

/* A run over a table of its own; `share` of the prefixes and sets in each of the families. */
static void run(struct bench *bench, const char *title, enum ip_family last, uint32_t share)
{
	bench->announcement.length = bench->withdrawal.length = 0;
	for (enum ip_family family = 0; family <= last; family++)
		make_input(bench, family, bench->prefixes / share, bench->sets / share);
	printf("%s: %" PRIu32 " prefixes, %" PRIu32 " attribute sets, %.1f MB of input, %" PRIu32
	       " members\n",
	    title, bench->prefixes, bench->sets,
	    (double)(bench->announcement.length + bench->withdrawal.length) / 1e6, bench->members);
	measure_all(bench);
}

static uint32_t argument(int argc, char **argv, int which, uint32_t otherwise)
{
	unsigned long value = argc > which ? strtoul(argv[which], NULL, 10) : otherwise;

	return value && value <= 1u << 22 ? (uint32_t)value : otherwise;
}

int main(int argc, char **argv)
{
	struct bench bench = {
	    .prefixes = argument(argc, argv, 1, 1000000),
	    .sets = argument(argc, argv, 2, 200000),
	    .members = argument(argc, argv, 3, 1),
	    .codec = {.families = {true, true}, .as4 = true, .external = true},
	};
	struct rusage usage;

	bench.sinks = memory_allocate_zero(bench.members, sizeof(*bench.sinks));
	run(&bench, "IPv4", IPV4, 1);
	run(&bench, "\nboth families", IPV6, IP_FAMILIES);
	getrusage(RUSAGE_SELF, &usage);
	printf("%-28s %8.1f MB, input included\n", "peak resident", (double)usage.ru_maxrss / 1e3);
	free(bench.sinks);
	free(bench.announcement.bytes);
	free(bench.withdrawal.bytes);
	arena_free(&bench.arena);
	return 0;
}
