/*
 * The hash: seeded, sensitive to every bit and to the length, spread over the low bits that the
 * table uses.  The table: against a plain array as the model, with clustered hashes, so that the
 * backward shift over the wrap is exercised.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

static void hash_depends_on_the_seed(void **state)
{
	(void)state;
	assert_true(hash_string("tor-a", 1) == hash_string("tor-a", 1));
	assert_true(hash_string("tor-a", 1) != hash_string("tor-a", 2));
	assert_true(hash_string("tor-a", 1) == hash_bytes("tor-a", 5, 1));
	assert_true(hash_string("", 1) != hash_string("", 2));
}

static void hash_reads_exactly_the_bytes(void **state)
{
	(void)state;
	for (size_t length = 0; length <= 70; length++) {
		uint8_t padded[72];
		uint8_t *exact;

		memset(padded, 0x55, sizeof(padded));
		exact = memory_copy(padded + 1, length);
		/* Alignment and what follows make no difference. */
		assert_true(hash_bytes(exact, length, 9) == hash_bytes(padded + 1, length, 9));
		free(exact);
	}
}

static void hash_changes_with_every_bit_and_with_the_length(void **state)
{
	uint8_t bytes[40] = {0};

	(void)state;
	for (size_t length = 1; length <= sizeof(bytes); length++) {
		const uint64_t zeros = hash_bytes(bytes, length, 3);

		assert_true(zeros != hash_bytes(bytes, length - 1, 3));
		for (size_t bit = 0; bit < length * 8; bit++) {
			uint64_t flipped;

			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			flipped = hash_bytes(bytes, length, 3);
			bytes[bit / 8] = 0;
			/* 64 fair coins give less than 10 heads once in 10^9 times. */
			assert_in_range(__builtin_popcountll(zeros ^ flipped), 10, 54);
		}
	}
}

static void hash_has_no_bytes_that_cancel_the_seed(void **state)
{
	/* The constants of the hash as input: with an unmasked factor they would give zero. */
	static const uint64_t salts[] = {
	    0x6a09e667f3bcc909u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint64_t a[4] = {salts[i], 1, 2, 3};
		uint64_t b[4] = {salts[i], 4, 2, 3};

		assert_true(hash_bytes(a, sizeof(a), 77) != hash_bytes(b, sizeof(b), 77));
		assert_true(hash_bytes(a, 16, 77) != hash_bytes(b, 16, 77));
	}
}

/* Keys that differ in few bits, as prefixes do, fill the buckets of a table evenly. */
static void hash_spreads_similar_keys(void **state)
{
	enum { KEYS = 1 << 16, BUCKETS = 1 << 10 };
	static uint32_t by_bytes[BUCKETS];
	static uint32_t by_number[BUCKETS];

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++) {
		uint8_t key[18] = {10, (uint8_t)(i >> 8), (uint8_t)i, [16] = 24};

		by_bytes[hash_bytes(key, sizeof(key), 5) % BUCKETS]++;
		by_number[hash_u64(i) % BUCKETS]++;
	}
	/* 64 expected with a deviation of 8. */
	for (size_t i = 0; i < BUCKETS; i++) {
		assert_in_range(by_bytes[i], 24, 112);
		assert_in_range(by_number[i], 24, 112);
	}
}

struct item {
	uint32_t key;
	bool in_table;
};

static bool item_has_key(const void *item, const void *key)
{
	return ((const struct item *)item)->key == *(const uint32_t *)key;
}

/* Few different hashes, most of them near the end of the slots: long runs that wrap around. */
static uint64_t clustered_hash(uint32_t key)
{
	return key % 3 ? UINT64_MAX - key % 5 : key % 7;
}

static void check_against_model(const struct hash_table *table, struct item *items, size_t count)
{
	size_t expected = 0;

	for (size_t i = 0; i < count; i++) {
		const void *found = hash_table_find(
		    table, clustered_hash(items[i].key), item_has_key, &items[i].key);

		assert_ptr_equal(found, items[i].in_table ? &items[i] : NULL);
		expected += items[i].in_table;
	}
	assert_int_equal(table->count, expected);
}

static void table_agrees_with_a_model_under_churn(void **state)
{
	enum { ITEMS = 100, STEPS = 3000 };
	struct hash_table table = {0};
	struct item items[ITEMS];
	uint64_t random = 1;

	(void)state;
	for (uint32_t i = 0; i < ITEMS; i++)
		items[i] = (struct item){i, false};
	for (int step = 0; step < STEPS; step++) {
		struct item *item;

		random = random * 6364136223846793005u + 1442695040888963407u;
		item = &items[(random >> 33) % ITEMS];
		if (item->in_table)
			hash_table_remove(&table, clustered_hash(item->key), item);
		else
			hash_table_insert(&table, clustered_hash(item->key), item);
		item->in_table = !item->in_table;
		if (step % 10 == 0)
			check_against_model(&table, items, ITEMS);
	}
	hash_table_free(&table);
}

static void equal_hashes_are_told_apart_by_content(void **state)
{
	struct hash_table table = {0};
	struct item a = {1, true};
	struct item b = {2, true};
	const uint32_t missing = 3;

	(void)state;
	hash_table_insert(&table, 42, &a);
	hash_table_insert(&table, 42, &b);
	assert_ptr_equal(hash_table_find(&table, 42, item_has_key, &a.key), &a);
	assert_ptr_equal(hash_table_find(&table, 42, item_has_key, &b.key), &b);
	assert_null(hash_table_find(&table, 42, item_has_key, &missing));
	/* The very item is removed, whatever shares its hash. */
	hash_table_remove(&table, 42, &b);
	assert_ptr_equal(hash_table_find(&table, 42, item_has_key, &a.key), &a);
	assert_null(hash_table_find(&table, 42, item_has_key, &b.key));
	hash_table_free(&table);
}

static void empty_table_finds_and_yields_nothing(void **state)
{
	struct hash_table table = {0};
	const uint32_t key = 0;
	size_t cursor = 0;

	(void)state;
	assert_null(hash_table_find(&table, 0, item_has_key, &key));
	assert_null(hash_table_next(&table, &cursor));
	hash_table_free(&table);
}

static void walk_meets_every_item_once(void **state)
{
	enum { ITEMS = 1000 };
	static struct item items[ITEMS];
	struct hash_table table = {0};
	struct item *item;
	size_t cursor = 0;
	size_t met = 0;

	(void)state;
	for (uint32_t i = 0; i < ITEMS; i++) {
		items[i] = (struct item){i, false};
		hash_table_insert(&table, hash_u64(i), &items[i]);
	}
	while ((item = hash_table_next(&table, &cursor))) {
		assert_false(item->in_table);
		item->in_table = true;
		met++;
	}
	assert_int_equal(met, ITEMS);
	hash_table_free(&table);
}

/* A large table costs at most two slots per item on its way up, and four on its way down. */
static void capacity_follows_the_count(void **state)
{
	enum { ITEMS = 10000 };
	static struct item items[ITEMS];
	struct hash_table table = {0};

	(void)state;
	for (uint32_t i = 0; i < ITEMS; i++) {
		items[i].key = i;
		hash_table_insert(&table, hash_u64(i), &items[i]);
		assert_true(table.capacity <= table.count * 2 + 8);
	}
	for (uint32_t i = ITEMS - 1; i >= 10; i--) {
		hash_table_remove(&table, hash_u64(i), &items[i]);
		assert_true(table.capacity <= table.count * 4 + 8);
	}
	assert_int_equal(hash_table_memory(&table), table.capacity * sizeof(struct hash_slot));
	for (uint32_t i = 0; i < 10; i++)
		assert_ptr_equal(hash_table_find(&table, hash_u64(i), item_has_key, &i), &items[i]);
	hash_table_free(&table);
	assert_int_equal(hash_table_memory(&table), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hash_depends_on_the_seed),
	    cmocka_unit_test(hash_reads_exactly_the_bytes),
	    cmocka_unit_test(hash_changes_with_every_bit_and_with_the_length),
	    cmocka_unit_test(hash_has_no_bytes_that_cancel_the_seed),
	    cmocka_unit_test(hash_spreads_similar_keys),
	    cmocka_unit_test(table_agrees_with_a_model_under_churn),
	    cmocka_unit_test(equal_hashes_are_told_apart_by_content),
	    cmocka_unit_test(empty_table_finds_and_yields_nothing),
	    cmocka_unit_test(walk_meets_every_item_once),
	    cmocka_unit_test(capacity_follows_the_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
