/*
 * The RIB alone, in one process and without sockets: a full table is decoded, put into the table,
 * and encoded for the members of an update group.  Prints what each stage costs per prefix.
 *
 *	bench_rib [PREFIXES [SETS [MEMBERS]]]		1000000 200000 1
 *
 * The input is taken in pieces of the size that a socket gives at once, and after each piece the
 * listeners are told and the groups run, as at the end of a turn of the event loop.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "bgp/as_path.h"
#include "bgp/message.h"
#include "bgp/nlri.h"
#include "rib/update_group.h"

#define PIECE 65536

struct input {
	uint8_t *bytes;
	size_t length;
	size_t capacity;
};

struct sink {
	size_t bytes;
	size_t messages;
};

struct bench {
	uint32_t prefixes;
	uint32_t sets;
	uint32_t members;
	struct bgp_codec codec;
	struct input input;
	struct arena arena;
	struct rib *rib;
	struct rib_peer *source;
	struct update_groups *groups;
	struct sink *sinks;
	uint64_t random;
};

static uint32_t next_random(struct bench *bench)
{
	bench->random = bench->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(bench->random >> 33);
}

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

/* Attributes as they are seen in the Internet: a path of four, a MED, three communities. */
static struct bgp_attributes random_attributes(struct bench *bench, uint32_t set)
{
	struct bgp_attributes attributes;

	bgp_attributes_init(&attributes);
	for (unsigned i = 0; i < 3; i++)
		attributes.as_path = bgp_as_path_prepend(
		    &bench->arena, attributes.as_path, 1 + next_random(bench) % 400000, 1);
	attributes.as_path = bgp_as_path_prepend(&bench->arena, attributes.as_path, 65001, 1);
	attributes.med = set;
	bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_MED);
	for (unsigned i = 0; i < 3; i++) {
		struct bgp_community community = {.kind = BGP_COMMUNITY_STANDARD};

		wire_store_u32(community.bytes, next_random(bench));
		attributes.communities[0] =
		    bgp_communities_add(&bench->arena, attributes.communities[0], &community);
	}
	bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_COMMUNITIES);
	return attributes;
}

/* One UPDATE of one attribute set with its share of the prefixes. */
static void make_message(struct bench *bench, uint32_t set, uint32_t from, uint32_t to)
{
	const struct bgp_next_hop next_hop = {.address = ip_address_from_ipv4(0xc0000201)};
	uint8_t field[BGP_MESSAGE_MAX];
	struct wire_writer attributes_writer = wire_writer_init(field, sizeof(field));
	struct bgp_attributes attributes = random_attributes(bench, set);
	struct bgp_update_builder builder;
	struct wire_writer writer;

	bgp_attributes_encode(&attributes_writer, &attributes, &bench->codec, false, &bench->arena);
	bench->input.bytes = memory_grow(
	    bench->input.bytes, &bench->input.capacity, bench->input.length + BGP_MESSAGE_MAX, 1);
	writer = wire_writer_init(bench->input.bytes + bench->input.length, BGP_MESSAGE_MAX);
	bgp_update_begin_reach(&builder, &writer, &bench->codec, IPV4,
	    wire_writer_span(&attributes_writer), &next_hop);
	for (uint32_t i = from; i < to; i++) {
		/* Scattered, so that neither hash nor memory gets them in order. */
		struct ip_address address = ip_address_from_ipv4(i * 2654435761u << 8);
		struct ip_prefix prefix = ip_prefix_from_address(&address, 24);

		if (bench->prefixes > 1u << 24 || !bgp_update_put(&builder, &prefix))
			break;
	}
	bgp_update_finish(&builder);
	bench->input.length += wire_written(&writer);
	arena_reset(&bench->arena);
}

static void make_input(struct bench *bench)
{
	for (uint32_t set = 0; set < bench->sets; set++)
		make_message(bench, set, (uint32_t)((uint64_t)bench->prefixes * set / bench->sets),
		    (uint32_t)((uint64_t)bench->prefixes * (set + 1) / bench->sets));
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

static void measure_decoding(struct bench *bench)
{
	struct wire_reader reader = wire_reader_init(bench->input.bytes, bench->input.length);
	struct bgp_update update;
	uint32_t prefixes = 0;
	double start = now();

	while (wire_left(&reader) && decode_next(bench, &reader, &update)) {
		struct wire_reader nlri = wire_reader_from_span(update.announced);
		struct ip_prefix prefix;

		while (bgp_nlri_next(&nlri, IPV4, &prefix))
			prefixes++;
	}
	report(bench, "decode", now() - start);
	bench->prefixes = prefixes;
}

/* Puts the prefixes of one message into the table, some at a time. */
static void take_prefixes(
    struct bench *bench, struct wire_span announced, struct attribute_set *set)
{
	struct wire_reader nlri = wire_reader_from_span(announced);
	struct ip_prefix prefixes[RIB_PREFETCH_MAX];
	size_t count;

	do {
		count = 0;
		while (count < RIB_PREFETCH_MAX && bgp_nlri_next(&nlri, IPV4, &prefixes[count]))
			count++;
		rib_prefetch(bench->rib, prefixes, count);
		for (size_t i = 0; i < count; i++)
			rib_update(bench->rib, bench->source, &prefixes[i], 0, set, 0);
	} while (count);
}

/* Decodes a piece of the input into the table; returns what the table's part took. */
static double take_piece(struct bench *bench, struct wire_reader *reader)
{
	const struct attribute_set_extra none = {0};
	struct attribute_store *store = rib_attribute_store(bench->rib);
	size_t left = wire_left(reader);
	struct bgp_update update;
	double table = 0;

	while (wire_left(reader) && left - wire_left(reader) < PIECE &&
	       decode_next(bench, reader, &update)) {
		double start = now();
		struct attribute_set *set = attribute_set_intern(store, &update.attributes, &none);

		take_prefixes(bench, update.announced, set);
		attribute_set_release(store, set);
		table += now() - start;
	}
	return table;
}

static void measure_table(struct bench *bench, const char *what)
{
	struct wire_reader reader = wire_reader_init(bench->input.bytes, bench->input.length);
	double start = now(), table = 0, telling = 0, encoding = 0, longest = 0;

	printf("%s\n", what);
	while (wire_left(&reader)) {
		double begin = now(), told, end;

		table += take_piece(bench, &reader);
		told = now();
		rib_tell_listeners(bench->rib);
		telling += now() - told;
		end = now();
		update_groups_run(bench->groups);
		encoding += now() - end;
		if (now() - begin > longest)
			longest = now() - begin;
	}
	report(bench, "  intern and update", table);
	report(bench, "  tell listeners", telling);
	report(bench, "  select and encode", encoding);
	report(bench, "  all, with decoding", now() - start);
	printf("  longest turn                 %8.3f ms\n", longest * 1e3);
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
	static const struct update_group_member_ops ops = {take_buffer, nothing_queued};
	struct rib_peer *peer = rib_peer_new(bench->rib);
	struct export_key key;

	memset(&key, 0, sizeof(key));
	key.codec = bench->codec;
	key.codec.external = true;
	key.local_asn = key.router_asn = 64512;
	key.self[IPV4].address = ip_address_from_ipv4(0xc6336401);
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
	rib_withdraw_peer(bench->rib, bench->source, IPV4);
	rib_flush(bench->rib);
	swept = now();
	report(bench, "peer down: sweep and tell", swept - start);
	update_groups_run(bench->groups);
	report(bench, "peer down: encode", now() - swept);
}

static uint32_t argument(int argc, char **argv, int which, uint32_t otherwise)
{
	unsigned long value = argc > which ? strtoul(argv[which], NULL, 10) : otherwise;

	return value && value <= 1u << 24 ? (uint32_t)value : otherwise;
}

int main(int argc, char **argv)
{
	struct bench bench = {.prefixes = argument(argc, argv, 1, 1000000),
	    .sets = argument(argc, argv, 2, 200000),
	    .members = argument(argc, argv, 3, 1),
	    .codec = {.families = {true, true}, .as4 = true},
	    .random = 1};
	struct update_group_member **members =
	    memory_allocate_zero(bench.members + 1, sizeof(*members));
	struct rusage usage;
	size_t before;

	make_input(&bench);
	measure_decoding(&bench);
	printf("%" PRIu32 " prefixes, %" PRIu32 " attribute sets, %.1f MB of input, %" PRIu32
	       " members\n",
	    bench.prefixes, bench.sets, (double)bench.input.length / 1e6, bench.members);
	before = resident();
	bench.rib = rib_new(NULL, &(struct rib_options){1, 1});
	bench.groups = update_groups_new(bench.rib, NULL);
	bench.source = rib_peer_new(bench.rib);
	bench.source->source = POLICY_SOURCE_EBGP;
	bench.sinks = memory_allocate_zero(bench.members, sizeof(*bench.sinks));
	for (uint32_t i = 0; i < bench.members; i++)
		members[i] = join(&bench, i);
	measure_table(&bench, "first time:");
	print_output(&bench, "  sent to each member");
	printf("%-28s %8.1f bytes/prefix\n", "resident, input not counted",
	    (double)(resident() - before) / bench.prefixes);
	measure_table(&bench, "the same again:");
	measure_rest(&bench, &members[bench.members]);
	getrusage(RUSAGE_SELF, &usage);
	printf("%-28s %8.1f MB, input of %.1f MB included\n", "peak resident",
	    (double)usage.ru_maxrss / 1e3, (double)bench.input.capacity / 1e6);
	for (uint32_t i = 0; i <= bench.members; i++)
		update_group_leave(members[i]);
	update_groups_free(bench.groups);
	rib_free(bench.rib);
	free(members);
	free(bench.sinks);
	free(bench.input.bytes);
	arena_free(&bench.arena);
	return 0;
}
