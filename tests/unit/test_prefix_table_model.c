/*
 * The prefix table against an array of all prefixes that there may be, over random operations and
 * across all its resizes: it grows by neighbouring prefixes, by chance, and shrinks to nothing, and
 * is asked between any two moves.  See model_random.h for a longer run.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "model_random.h"
#include "rib/prefix_table.h"

enum {
	SEEDS = 2,
	STEPS = 1500000,
	PHASE = 100000, /* steps of growing or shrinking */
	NUMBERS = 40000 /* prefixes that there may be */
};

/* As in the table: behind the prefix what makes a free item differ from one in use. */
struct item {
	struct ip_prefix prefix;
	uint32_t number;
	uint32_t id;
	bool accepted;
};

struct model {
	struct prefix_table table;
	enum ip_family family;
	uint64_t random;
	uint32_t ids[NUMBERS]; /* 0: not there */
	uint32_t *numbers; /* by id, + 1; 0: a free id */
	size_t capacity;
	uint32_t count;
};

/*
 * Blocks of 16 that cover each other: one of length 20, one of 22 in it and so on, up to prefixes of
 * single addresses.
 */
static struct ip_prefix prefix_of_number(const struct model *model, uint32_t number)
{
	const unsigned lengths[] = {20, 21, 22, 22, 24, 24, 24, 24, 26, 27, 28, 28, 30, 31, 32, 32};
	struct ip_address address = {.family = (uint8_t)model->family};
	const uint32_t block = number / 16, at = number % 16;

	address.bytes[0] = (uint8_t)(1 + (block >> 12));
	address.bytes[1] = (uint8_t)(block >> 4);
	address.bytes[2] = (uint8_t)(block << 4 | at % 4 << 2);
	address.bytes[3] = (uint8_t)(at << 4 | at);
	if (model->family == IPV6 && at > 12)
		address.bytes[15] = (uint8_t)at;
	return ip_prefix_from_address(
	    &address, model->family == IPV6 && at > 12 ? 128 : lengths[at]);
}

static bool is_accepted(const void *item)
{
	return ((const struct item *)item)->accepted;
}

/* Two numbers may be one prefix: the first of them stands for it. */
static uint32_t pick_number(struct model *model)
{
	uint32_t number = random_below(&model->random, NUMBERS);
	const struct ip_prefix prefix = prefix_of_number(model, number);

	for (uint32_t other = number / 16 * 16; other < number; other++) {
		const struct ip_prefix same = prefix_of_number(model, other);

		if (ip_prefix_equal(&same, &prefix))
			return other;
	}
	return number;
}

static uint32_t *number_at(struct model *model, uint32_t id)
{
	size_t old = model->capacity;

	if (id >= old) {
		model->numbers =
		    memory_grow(model->numbers, &model->capacity, id + 1u, sizeof(*model->numbers));
		memset(model->numbers + old, 0, (model->capacity - old) * sizeof(*model->numbers));
	}
	return &model->numbers[id];
}

static void add(struct model *model, uint32_t number)
{
	const struct ip_prefix prefix = prefix_of_number(model, number);
	uint32_t id = prefix_table_add(&model->table, &prefix);
	struct item *item = prefix_table_item(&model->table, id);

	assert_int_not_equal(id, 0);
	assert_true(ip_prefix_equal(&item->prefix, &prefix));
	if (model->ids[number]) {
		assert_int_equal(id, model->ids[number]);
		assert_int_equal(item->number, number);
		return;
	}
	assert_int_equal(*number_at(model, id), 0);
	assert_int_equal(item->number, 0);
	assert_int_equal(item->id, 0);
	assert_false(item->accepted);
	*number_at(model, id) = number + 1;
	item->number = number;
	item->id = id;
	item->accepted = random_below(&model->random, 4) > 0;
	model->ids[number] = id;
	model->count++;
}

/* Removes together what is there of `count` numbers from this one on. */
static void remove_numbers(struct model *model, uint32_t number, uint32_t count)
{
	uint32_t ids[PREFIX_TABLE_REMOVED_MAX] = {0};
	size_t found = 0;

	for (uint32_t i = number; i < number + count && i < NUMBERS; i++) {
		const struct ip_prefix prefix = prefix_of_number(model, i);

		if (!model->ids[i])
			continue;
		assert_int_equal(prefix_table_find(&model->table, &prefix), model->ids[i]);
		ids[found++] = model->ids[i];
	}
	prefix_table_remove(&model->table, ids, found);
	for (uint32_t i = number; i < number + count && i < NUMBERS; i++) {
		const struct ip_prefix prefix = prefix_of_number(model, i);

		if (!model->ids[i])
			continue;
		assert_int_equal(prefix_table_find(&model->table, &prefix), 0);
		*number_at(model, model->ids[i]) = 0;
		model->ids[i] = 0;
		model->count--;
	}
}

/* Nobody but those of its block covers an address. */
static void match(struct model *model, uint32_t number)
{
	const struct ip_prefix prefix = prefix_of_number(model, number);
	const struct ip_address address = ip_prefix_address(&prefix);
	uint32_t best = 0;
	int length = -1;

	for (uint32_t other = number / 16 * 16; other < NUMBERS && other / 16 == number / 16;
	     other++) {
		const struct ip_prefix candidate = prefix_of_number(model, other);

		if (model->ids[other] && candidate.length > length &&
		    ip_prefix_contains(&candidate, &address) &&
		    is_accepted(prefix_table_item(&model->table, model->ids[other]))) {
			best = model->ids[other];
			length = candidate.length;
		}
	}
	assert_int_equal(prefix_table_longest_match(&model->table, &address, is_accepted), best);
}

static void find_all(struct model *model)
{
	for (uint32_t number = 0; number < NUMBERS; number++) {
		const struct ip_prefix prefix = prefix_of_number(model, number);
		const struct item *item;
		uint64_t hash;

		if (!model->ids[number])
			continue;
		prefix_table_prefetch(&model->table, &prefix, 1, &hash);
		assert_int_equal(prefix_table_find(&model->table, &prefix), model->ids[number]);
		item = prefix_table_item(&model->table, model->ids[number]);
		assert_int_equal(item->number, number);
		assert_int_equal(item->id, model->ids[number]);
	}
}

static void step(struct model *model, unsigned step_number)
{
	bool growing = step_number / PHASE % 2 == 0;
	uint32_t number = pick_number(model);
	uint32_t what = random_below(&model->random, 16);

	if (what == 0)
		match(model, number);
	else if ((what < 13) == growing)
		add(model, number);
	else
		remove_numbers(model, number,
		    1 + random_below(&model->random, what == 15 ? PREFIX_TABLE_REMOVED_MAX : 1));
}

static void run(enum ip_family family, uint64_t seed, unsigned steps)
{
	struct model *model = memory_allocate_zero(1, sizeof(*model));

	model->family = family;
	model->random = seed;
	prefix_table_init(&model->table, sizeof(struct item), seed);
	for (unsigned i = 0; i < steps; i++) {
		step(model, i);
		if (i % (PHASE / 4) == 0)
			find_all(model);
	}
	for (uint32_t number = 0; number < NUMBERS; number += PREFIX_TABLE_REMOVED_MAX) {
		remove_numbers(model, number, PREFIX_TABLE_REMOVED_MAX);
		if (number % 1000 < PREFIX_TABLE_REMOVED_MAX)
			find_all(model);
	}
	assert_int_equal(model->count, 0);
	assert_int_equal(slab_limit(&model->table.slab), 1);
	prefix_table_release(&model->table);
	free(model->numbers);
	free(model);
}

static void table_keeps_every_prefix(void **state)
{
	(void)state;
	for (unsigned seed = model_first_seed(); seed < model_last_seed(SEEDS); seed++) {
		print_message("seed %u\n", seed);
		run(seed % 2 ? IPV4 : IPV6, seed, model_steps(STEPS));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(table_keeps_every_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
