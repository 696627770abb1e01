/*
 * What a receiver does for each prefix is to cost little, as all of them share the machine with the
 * daemon: the prefixes of a message are read and their places in the table fetched some ahead, then
 * each is looked up and its word compared and replaced.  A word has a bit that says "held", the
 * form of the set, and a hash of all attributes, by which a needless announcement is known.
 *
 * The origin AS says to which set a message belongs, so that each of its prefixes is checked to be
 * of that set by a comparison of two numbers.  One prefix in 64 has all attributes compared.
 */
#include "load_receiver.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "load_check.h"
#include "load_fail.h"
#include "load_update.h"

#define HELD 0x80000000u
#define VARIANT_SHIFT 29
#define HASH_MASK 0x1fffffffu
/* Prefixes whose places are fetched ahead. */
#define BATCH 32

/* Where one UPDATE's prefixes of a family must be: the ids of its set. */
struct announcement {
	const struct load_update *update;
	enum ip_family family;
	enum bench_variant variant;
	uint32_t set;
	uint32_t first; /* id */
	uint32_t count;
	uint32_t word; /* for `held` */
};

void load_receiver_init(struct load_receiver *receiver, const struct load_options *options,
    const struct bench_table *table, struct load_counters *counters, uint32_t number)
{
	*receiver = (struct load_receiver){.options = options,
	    .table = table,
	    .counters = counters,
	    .number = number,
	    .held = memory_allocate_zero(table->id_count, sizeof(uint32_t))};
	if (load_options_is_sender(options, number)) {
		receiver->own_first =
		    bench_share_first(options->prefixes, options->senders, number);
		receiver->own_count =
		    bench_share_first(options->prefixes, options->senders, number + 1) -
		    receiver->own_first;
	}
}

void load_receiver_free(struct load_receiver *receiver)
{
	free(receiver->held);
}

void load_receiver_forget(struct load_receiver *receiver)
{
	memset(receiver->held, 0, receiver->table->id_count * sizeof *receiver->held);
	receiver->held_count[IPV4] = receiver->held_count[IPV6] = 0;
	receiver->flapped_count = 0;
}

static _Noreturn void fail(
    const struct load_receiver *receiver, const char *problem, const struct ip_prefix *prefix)
{
	char text[IP_TEXT_MAX] = "";

	if (prefix)
		ip_prefix_print(prefix, text);
	load_fail(
	    "session %u was sent %s%s%s", receiver->number, problem, prefix ? ": " : "", text);
}

static _Noreturn void fail_at_key(
    const struct load_receiver *receiver, const char *problem, uint64_t key, enum ip_family family)
{
	struct ip_address address = {.family = (uint8_t)family};
	struct ip_prefix prefix;

	if (key == BENCH_NO_KEY)
		fail(
		    receiver, "a prefix that is malformed or longer than all that were sent", NULL);
	for (size_t i = 0; i < 7; i++)
		address.bytes[i] = (uint8_t)(key >> (56 - 8 * i));
	prefix = ip_prefix_from_address(&address, (unsigned)(key & 0x7f));
	fail(receiver, problem, &prefix);
}

/* Of a prefix that is held. */
static enum bench_variant variant_of(uint32_t word)
{
	return word >> VARIANT_SHIFT & (BENCH_VARIANTS - 1);
}

static bool is_sampled(uint32_t id)
{
	return id * 2654435769u >> 26 == 0;
}

static bool is_own(const struct load_receiver *receiver, uint32_t number)
{
	return number - receiver->own_first < receiver->own_count;
}

/* The keys of the next prefixes, at most BATCH; their slots are on the way into the cache. */
static unsigned read_keys(const struct load_receiver *receiver, struct wire_reader *reader,
    enum ip_family family, uint64_t keys[static BATCH])
{
	unsigned count = 0;

	while (count < BATCH && wire_left(reader)) {
		keys[count] = bench_key_next(reader, family);
		bench_table_prefetch(receiver->table, keys[count++]);
	}
	return count;
}

static void check_sampled(
    struct load_receiver *receiver, const struct announcement *announcement, uint32_t id)
{
	struct bench_set set =
	    bench_table_set(receiver->table, announcement->set, announcement->variant);
	const char *problem =
	    load_check_attributes(receiver->options, announcement->update, announcement->family,
		id - bench_table_first(receiver->table, announcement->family), &set);

	receiver->counters->sampled++;
	if (problem) {
		struct ip_prefix prefix = bench_table_prefix(receiver->table, id);

		fail(receiver, problem, &prefix);
	}
}

static void hold(
    struct load_receiver *receiver, const struct announcement *announcement, uint32_t id)
{
	uint32_t before = receiver->held[id];

	/* Its own come back from a reflector that leaves it to the client to ignore them. */
	if (is_own(receiver, id - bench_table_first(receiver->table, announcement->family)))
		return;
	if (!before)
		receiver->held_count[announcement->family]++;
	else if (before == announcement->word)
		receiver->counters->repeats++;
	if (before && variant_of(before) == BENCH_FLAPPED)
		receiver->flapped_count--;
	if (announcement->variant == BENCH_FLAPPED)
		receiver->flapped_count++;
	receiver->held[id] = announcement->word;
	if (is_sampled(id))
		check_sampled(receiver, announcement, id);
}

static struct announcement identify(
    const struct load_receiver *receiver, const struct load_update *update, enum ip_family family)
{
	const struct bench_table *table = receiver->table;
	struct announcement found = {.update = update, .family = family};

	if (!bench_table_identify(
		table, load_update_origin_asn(update), &found.set, &found.variant))
		fail(receiver, "an AS_PATH whose origin is nobody's", NULL);
	found.first = bench_share_first(table->prefix_count, table->set_count, found.set);
	found.count =
	    bench_share_first(table->prefix_count, table->set_count, found.set + 1) - found.first;
	found.first += bench_table_first(table, family);
	found.word = HELD | (uint32_t)found.variant << VARIANT_SHIFT | (update->hash & HASH_MASK);
	return found;
}

static void take_announced(
    struct load_receiver *receiver, const struct load_update *update, enum ip_family family)
{
	struct wire_reader reader = wire_reader_from_span(update->announced[family]);
	struct announcement announcement = identify(receiver, update, family);
	uint64_t keys[BATCH];
	unsigned count;

	while ((count = read_keys(receiver, &reader, family, keys))) {
		for (unsigned i = 0; i < count; i++) {
			uint32_t id = bench_table_find(receiver->table, keys[i]);

			if (id == BENCH_NO_ID)
				fail_at_key(
				    receiver, "a prefix that nobody announced", keys[i], family);
			if (id - announcement.first >= announcement.count)
				fail_at_key(
				    receiver, "the path of another prefix", keys[i], family);
			hold(receiver, &announcement, id);
		}
		receiver->counters->prefixes += count;
	}
}

static void drop(struct load_receiver *receiver, enum ip_family family, uint32_t id)
{
	if (is_own(receiver, id - bench_table_first(receiver->table, family)))
		return;
	if (!receiver->held[id]) {
		receiver->counters->needless++;
		return;
	}
	if (variant_of(receiver->held[id]) == BENCH_FLAPPED)
		receiver->flapped_count--;
	receiver->held[id] = 0;
	receiver->held_count[family]--;
}

static void take_withdrawn(
    struct load_receiver *receiver, struct wire_span nlri, enum ip_family family)
{
	struct wire_reader reader = wire_reader_from_span(nlri);
	uint64_t keys[BATCH];
	unsigned count;

	while ((count = read_keys(receiver, &reader, family, keys))) {
		for (unsigned i = 0; i < count; i++) {
			uint32_t id = bench_table_find(receiver->table, keys[i]);

			if (id == BENCH_NO_ID)
				fail_at_key(receiver,
				    "the withdrawal of a prefix that nobody announced", keys[i],
				    family);
			drop(receiver, family, id);
		}
		receiver->counters->prefixes += count;
	}
}

void load_receiver_take(struct load_receiver *receiver, struct wire_span body)
{
	struct load_update update;
	const char *problem = load_update_parse(body, &update);

	if (problem)
		fail(receiver, problem, NULL);
	receiver->counters->messages++;
	receiver->counters->bytes += body.length + 19;
	for (enum ip_family family = IPV4; family < IP_FAMILIES; family++) {
		if (update.withdrawn[family].length)
			take_withdrawn(receiver, update.withdrawn[family], family);
		if (update.announced[family].length)
			take_announced(receiver, &update, family);
	}
}

bool load_receiver_holds(const struct load_receiver *receiver, uint32_t count)
{
	for (enum ip_family family = IPV4; family < IP_FAMILIES; family++)
		if (receiver->table->families[family] && receiver->held_count[family] != count)
			return false;
	return true;
}

uint32_t load_receiver_due(const struct load_receiver *receiver)
{
	return receiver->table->prefix_count - receiver->own_count;
}

bool load_receiver_has_variant(
    const struct load_receiver *receiver, uint32_t id, enum bench_variant variant)
{
	return receiver->held[id] && variant_of(receiver->held[id]) == variant;
}

uint32_t load_receiver_find(const struct load_receiver *receiver, bool held)
{
	for (uint32_t id = 0; id < receiver->table->id_count; id++)
		if ((receiver->held[id] != 0) == held &&
		    !is_own(receiver, id % receiver->table->prefix_count))
			return id;
	return BENCH_NO_ID;
}
