/* The prefix table against a naive array: ids, removal, longest match, growing and shrinking. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "rib/prefix_table.h"

struct item {
	struct ip_prefix prefix;
	bool accepted;
	bool in_use;
};

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

/* Few different ones, so that they are met again; and many that cover each other. */
static struct ip_prefix random_prefix(uint64_t *seed, enum ip_family family)
{
	struct ip_address address = {.family = (uint8_t)family};

	for (unsigned i = 0; i < ip_family_bits(family) / 8; i++)
		address.bytes[i] =
		    next_random(seed) % 5 ? 0 : (uint8_t)(1 << next_random(seed) % 8);
	return ip_prefix_from_address(&address, next_random(seed) % (ip_family_bits(family) + 1));
}

static bool is_accepted(const void *item)
{
	return ((const struct item *)item)->accepted;
}

/* The model: an array of prefixes with their ids. */
enum { MODEL_MAX = 6000 };
struct model {
	struct ip_prefix prefixes[MODEL_MAX];
	uint32_t ids[MODEL_MAX];
	size_t count;
};

static size_t model_find(const struct model *model, const struct ip_prefix *prefix)
{
	size_t i = 0;

	while (i < model->count && !ip_prefix_equal(&model->prefixes[i], prefix))
		i++;
	return i;
}

static uint32_t model_longest_match(
    const struct model *model, const struct prefix_table *table, const struct ip_address *address)
{
	uint32_t best = 0;
	int best_length = -1;

	for (size_t i = 0; i < model->count; i++) {
		const struct item *item = prefix_table_item(table, model->ids[i]);

		if (item->accepted && model->prefixes[i].length > best_length &&
		    ip_prefix_contains(&model->prefixes[i], address)) {
			best = model->ids[i];
			best_length = model->prefixes[i].length;
		}
	}
	return best;
}

static void add_one(struct model *model, struct prefix_table *table, const struct ip_prefix *prefix)
{
	size_t at = model_find(model, prefix);
	uint32_t id = prefix_table_add(table, prefix);

	assert_true(id != 0);
	if (at < model->count) {
		assert_int_equal(id, model->ids[at]);
		return;
	}
	for (size_t i = 0; i < model->count; i++)
		assert_int_not_equal(model->ids[i], id);
	assert_false(((struct item *)prefix_table_item(table, id))->accepted);
	((struct item *)prefix_table_item(table, id))->accepted = prefix->length % 3 > 0;
	model->prefixes[model->count] = *prefix;
	model->ids[model->count++] = id;
}

static void remove_one(
    struct model *model, struct prefix_table *table, const struct ip_prefix *prefix)
{
	size_t at = model_find(model, prefix);

	assert_int_equal(prefix_table_find(table, prefix), at < model->count ? model->ids[at] : 0);
	if (at == model->count)
		return;
	prefix_table_remove(table, &model->ids[at], 1);
	model->count--;
	model->prefixes[at] = model->prefixes[model->count];
	model->ids[at] = model->ids[model->count];
	assert_int_equal(prefix_table_find(table, prefix), 0);
}

/* One that is there, half of the time. */
static struct ip_prefix pick(
    const struct model *model, uint64_t *seed, const struct ip_prefix *other)
{
	return model->count && next_random(seed) % 2
		   ? model->prefixes[next_random(seed) % model->count]
		   : *other;
}

/* Completes a resize that is going on; then each prefix has one slot, and no other has an id. */
static void assert_slots_are_exact(struct prefix_table *table)
{
	const struct ip_prefix host = {{0xff}, 8, IPV4};
	uint32_t ids = 0, filled = 0;

	while (table->old.at) {
		uint32_t id = prefix_table_add(table, &host);

		prefix_table_remove(table, &id, 1);
	}
	for (uint32_t i = 0; i < table->slots.capacity; i++) {
		ids += (table->slots.at[i] & PREFIX_ID_MAX) != 0;
		filled += table->slots.at[i] != 0;
	}
	assert_int_equal(ids, table->slab.used);
	assert_int_equal(filled, table->filled);
}

static void behaves_as_an_array(enum ip_family family, uint64_t seed)
{
	struct model *model = calloc(1, sizeof(*model));
	struct prefix_table table;

	prefix_table_init(&table, sizeof(struct item), seed);
	for (unsigned step = 0; step < 12000; step++) {
		struct ip_prefix prefix = random_prefix(&seed, family);
		struct ip_address address = ip_prefix_address(&prefix);

		/* It grows, then it shrinks. */
		if (next_random(&seed) % 8 < (step < 8000 ? 7u : 1u) && model->count < MODEL_MAX) {
			add_one(model, &table, &prefix);
		} else {
			prefix = pick(model, &seed, &prefix);
			remove_one(model, &table, &prefix);
		}
		if (step % 16 == 0)
			assert_int_equal(prefix_table_longest_match(&table, &address, is_accepted),
			    model_longest_match(model, &table, &address));
	}
	for (size_t i = 0; i < model->count; i++)
		assert_int_equal(prefix_table_find(&table, &model->prefixes[i]), model->ids[i]);
	assert_int_equal(table.slab.used, model->count);
	assert_slots_are_exact(&table);
	prefix_table_release(&table);
	free(model);
}

static void ipv4_behaves_as_an_array(void **state)
{
	(void)state;
	behaves_as_an_array(IPV4, 1);
	behaves_as_an_array(IPV4, 2);
}

static void ipv6_behaves_as_an_array(void **state)
{
	(void)state;
	behaves_as_an_array(IPV6, 3);
	behaves_as_an_array(IPV6, 4);
}

static struct ip_prefix numbered(uint32_t number)
{
	struct ip_address address = ip_address_from_ipv4(number << 8);

	return ip_prefix_from_address(&address, 24);
}

static void grows_and_shrinks_with_its_content(void **state)
{
	enum { PREFIXES = 50000 };
	struct prefix_table table;
	uint32_t *ids = calloc(PREFIXES, sizeof(*ids));
	uint32_t empty, full;

	(void)state;
	prefix_table_init(&table, sizeof(struct item), 7);
	empty = table.slots.capacity;
	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct ip_prefix prefix = numbered(i);

		ids[i] = prefix_table_add(&table, &prefix);
	}
	full = table.slots.capacity;
	assert_true(full >= PREFIXES);
	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct ip_prefix prefix = numbered(i);

		assert_int_equal(prefix_table_find(&table, &prefix), ids[i]);
	}
	for (uint32_t i = 0; i < PREFIXES; i++) {
		uint32_t victim = i * 7919u % PREFIXES;

		prefix_table_remove(&table, &ids[victim], 1);
		ids[victim] = 0;
		if (i % 5000 == 0)
			for (uint32_t j = 0; j < PREFIXES; j++) {
				struct ip_prefix prefix = numbered(j);

				assert_int_equal(prefix_table_find(&table, &prefix), ids[j]);
			}
	}
	assert_int_equal(table.slab.used, 0);
	assert_slots_are_exact(&table);
	assert_int_equal(table.slots.capacity, empty);
	prefix_table_release(&table);
	free(ids);
}

/* What a resize has moved when an operation begins; to be compared with what it is after it. */
struct progress {
	uint32_t *slots;
	uint32_t left; /* to be moved */
};

static struct progress note_progress(const struct prefix_table *table)
{
	return (struct progress){table->slots.at, table->old.capacity - table->old.first};
}

/* One operation moves 32 slots at most, and no resize begins before the last one is nearly over. */
static void assert_operation_was_short(
    const struct prefix_table *table, const struct progress *before)
{
	if (table->slots.at == before->slots)
		assert_true(before->left <= table->old.capacity - table->old.first + 32);
	else
		assert_true(before->left <= 32);
	assert_true(table->filled <= table->slots.capacity / 4 * 3);
}

/* Adds or removes prefixes until `target` of 0 .. limit - 1 are in the table. */
static void swing(
    struct prefix_table *table, uint32_t *ids, uint32_t limit, uint32_t target, uint64_t *seed)
{
	while (table->slab.used != target) {
		uint32_t number = next_random(seed) % limit;
		struct ip_prefix prefix = numbered(number);
		struct progress before = note_progress(table);

		if (!ids[number] && table->slab.used < target) {
			ids[number] = prefix_table_add(table, &prefix);
		} else if (ids[number] && table->slab.used > target) {
			prefix_table_remove(table, &ids[number], 1);
			ids[number] = 0;
		}
		assert_operation_was_short(table, &before);
	}
}

static void every_operation_is_short_however_the_table_swings(void **state)
{
	enum { PREFIXES = 20000, SWINGS = 60 };
	struct prefix_table table;
	uint32_t *ids = calloc(PREFIXES, sizeof(*ids));
	uint64_t seed = 11;

	(void)state;
	prefix_table_init(&table, sizeof(struct item), 7);
	for (unsigned i = 0; i < SWINGS; i++)
		swing(&table, ids, PREFIXES, next_random(&seed) % (PREFIXES * 3 / 4), &seed);
	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct ip_prefix prefix = numbered(i);

		assert_int_equal(prefix_table_find(&table, &prefix), ids[i]);
	}
	assert_slots_are_exact(&table);
	prefix_table_release(&table);
	free(ids);
}

/* As many come as go, always others: tombstones are used again, or cleared away. */
static void table_of_constant_size_does_not_grow(void **state)
{
	enum { PREFIXES = 2500, ROUNDS = 100000 };
	struct prefix_table table;
	uint32_t ids[PREFIXES], full;

	(void)state;
	prefix_table_init(&table, sizeof(struct item), 7);
	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct ip_prefix prefix = numbered(i);

		ids[i] = prefix_table_add(&table, &prefix);
	}
	full = table.slots.capacity;
	for (uint32_t i = PREFIXES; i < ROUNDS; i++) {
		struct ip_prefix prefix = numbered(i), old = numbered(i - PREFIXES);

		assert_int_equal(prefix_table_find(&table, &old), ids[i % PREFIXES]);
		prefix_table_remove(&table, &ids[i % PREFIXES], 1);
		assert_int_equal(prefix_table_find(&table, &old), 0);
		ids[i % PREFIXES] = prefix_table_add(&table, &prefix);
	}
	assert_slots_are_exact(&table);
	assert_int_equal(table.slots.capacity, full);
	prefix_table_release(&table);
}

/*
 * The default route is what a free item looks like, so it would be found by any slot that is left
 * behind.
 */
static void moved_prefix_that_goes_is_not_found_where_it_was(void **state)
{
	const struct ip_prefix everything = {{0}, 0, IPV4}, host = {{0xff}, 8, IPV4};
	struct prefix_table table;
	uint32_t id, number = 0, at = 0;

	(void)state;
	prefix_table_init(&table, sizeof(struct item), 7);
	id = prefix_table_add(&table, &everything);
	while (!table.old.at) {
		struct ip_prefix prefix = numbered(number++);

		prefix_table_add(&table, &prefix);
	}
	while ((table.old.at[at] & PREFIX_ID_MAX) != id)
		at++;
	while (table.old.first <= at)
		prefix_table_add(&table, &host);
	assert_non_null(table.old.at);
	assert_int_equal(prefix_table_find(&table, &everything), id);
	prefix_table_remove(&table, &id, 1);
	assert_int_equal(prefix_table_find(&table, &everything), 0);
	prefix_table_release(&table);
}

/*
 * Fetching ahead may mistake a prefix for another with the same few bits of the hash, but not for one
 * that is gone: its memory may be too.
 */
static void assert_guesses_are_good(
    const struct prefix_table *table, const struct ip_prefix *ahead, size_t count)
{
	unsigned good = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t hash;
		uint32_t id;

		prefix_table_prefetch(table, &ahead[i], 1, &hash);
		id = prefix_table_prefetch_item(table, hash);
		good += id == prefix_table_find(table, &ahead[i]);
		assert_true(!id || ((struct item *)prefix_table_item(table, id))->in_use);
	}
	assert_true(good > count * 3 / 4);
}

static void several_are_fetched_ahead_and_removed_at_once(void **state)
{
	enum { PREFIXES = 770, SOME = 8 }; /* it has just begun to resize */
	struct prefix_table table;
	struct ip_prefix ahead[SOME];
	uint32_t ids[SOME];

	(void)state;
	prefix_table_init(&table, sizeof(struct item), 7);
	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct ip_prefix prefix = numbered(i);
		uint32_t id = prefix_table_add(&table, &prefix);

		((struct item *)prefix_table_item(&table, id))->in_use = true;
		if (i < SOME) {
			ahead[i] = prefix;
			ids[i] = id;
		}
	}
	assert_non_null(table.old.at);
	assert_guesses_are_good(&table, ahead, SOME);
	while (table.old.first < table.old.capacity / 2)
		prefix_table_add(&table, &ahead[0]);
	assert_guesses_are_good(&table, ahead, SOME);
	prefix_table_remove(&table, ids, 0);
	prefix_table_remove(&table, ids, SOME);
	assert_non_null(table.old.at);
	assert_guesses_are_good(&table, ahead, SOME);
	for (size_t i = 0; i < SOME; i++)
		assert_int_equal(prefix_table_find(&table, &ahead[i]), 0);
	assert_int_equal(table.slab.used, PREFIXES - SOME);
	prefix_table_release(&table);
}

static void longest_match_passes_over_what_is_not_accepted(void **state)
{
	struct prefix_table table;
	struct ip_address address = ip_address_from_ipv4(0x0a010203);
	uint32_t ids[33];

	(void)state;
	prefix_table_init(&table, sizeof(struct item), 7);
	for (unsigned length = 0; length <= 32; length++) {
		struct ip_prefix prefix = ip_prefix_from_address(&address, length);

		ids[length] = prefix_table_add(&table, &prefix);
	}
	assert_int_equal(prefix_table_longest_match(&table, &address, is_accepted), 0);
	for (unsigned length = 0; length <= 32; length++) {
		((struct item *)prefix_table_item(&table, ids[length]))->accepted = true;
		assert_int_equal(
		    prefix_table_longest_match(&table, &address, is_accepted), ids[length]);
	}
	prefix_table_release(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ipv4_behaves_as_an_array),
	    cmocka_unit_test(ipv6_behaves_as_an_array),
	    cmocka_unit_test(grows_and_shrinks_with_its_content),
	    cmocka_unit_test(every_operation_is_short_however_the_table_swings),
	    cmocka_unit_test(table_of_constant_size_does_not_grow),
	    cmocka_unit_test(moved_prefix_that_goes_is_not_found_where_it_was),
	    cmocka_unit_test(several_are_fetched_ahead_and_removed_at_once),
	    cmocka_unit_test(longest_match_passes_over_what_is_not_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
