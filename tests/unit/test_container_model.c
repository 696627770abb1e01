/*
 * Slab, hash table and bitmap against plain arrays, over random operations: phases in which they
 * grow and phases in which they shrink to nothing, so that every chunk and every capacity comes and
 * goes.  See model_random.h for a longer run.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/slab.h"
#include "model_random.h"

enum {
	SEEDS = 2,
	STEPS = 1000000,
	PHASE = 50000, /* steps of growing or shrinking */
	ITEMS_MAX = 5 * SLAB_CHUNK_ITEMS,
	KEYS = 6000,
	BITS = 20000
};

/* In three of four phases of growth something is added; the other way round when shrinking. */
static bool grows(uint64_t *random, unsigned step)
{
	return (random_below(random, 4) > 0) == (step / PHASE % 2 == 0);
}

static void run_seeds(void (*run)(uint64_t random, unsigned steps))
{
	for (unsigned seed = model_first_seed(); seed < model_last_seed(SEEDS); seed++) {
		print_message("seed %u\n", seed);
		run(seed, model_steps(STEPS));
	}
}

/* Slab: what is written into an item is there until it is freed, and no two are one. */

struct item {
	uint32_t id;
	uint64_t content;
	uint32_t copy; /* of the id */
};

struct slab_model {
	struct slab slab;
	uint64_t random;
	uint32_t ids[ITEMS_MAX]; /* in use, in any order */
	uint32_t count;
	uint32_t in_chunk[ITEMS_MAX / SLAB_CHUNK_ITEMS + 2];
};

static void add_item(struct slab_model *model)
{
	static const struct item zero = {0};
	uint32_t id = slab_allocate(&model->slab), chunk = id >> SLAB_CHUNK_BITS;
	struct item *item = slab_item(&model->slab, id);

	assert_int_not_equal(id, 0);
	assert_memory_equal(item, &zero, sizeof(zero));
	assert_int_equal((uintptr_t)item % 8, 0);
	/* Lowest chunk first: those below are full, but for the item that is none. */
	for (uint32_t i = 0; i < chunk; i++)
		assert_int_equal(model->in_chunk[i], SLAB_CHUNK_ITEMS - !i);
	model->in_chunk[chunk]++;
	*item = (struct item){id, hash_u64(id), id};
	model->ids[model->count++] = id;
}

static void remove_item(struct slab_model *model)
{
	uint32_t at = random_below(&model->random, model->count), id = model->ids[at];
	const struct item *item = slab_item(&model->slab, id);

	assert_true(slab_has_chunk(&model->slab, id));
	assert_int_equal(item->id, id);
	assert_int_equal(item->copy, id);
	assert_true(item->content == hash_u64(id));
	model->in_chunk[id >> SLAB_CHUNK_BITS]--;
	slab_free(&model->slab, id);
	model->ids[at] = model->ids[--model->count];
}

/* A walk over all ids finds what is in use, and nothing else. */
static void walk_slab(const struct slab_model *model)
{
	const uint32_t limit = slab_limit(&model->slab);
	uint32_t count = 0, chunks = 0;

	for (uint32_t id = 1; id < limit; id++) {
		const struct item *item;

		if (!slab_has_chunk(&model->slab, id))
			continue;
		item = slab_item(&model->slab, id);
		count += item->copy != 0;
		assert_true(!item->copy || item->copy == id);
	}
	assert_int_equal(count, model->count);
	for (uint32_t i = 0; i < model->slab.chunk_count; i++) {
		bool used =
		    i < sizeof(model->in_chunk) / sizeof(*model->in_chunk) && model->in_chunk[i];

		if (used)
			assert_true(i << SLAB_CHUNK_BITS < limit);
		chunks += !used && slab_has_chunk(&model->slab, i << SLAB_CHUNK_BITS);
	}
	assert_true(chunks <= 1); /* empty ones are given back, but for one */
}

static void run_slab(uint64_t random, unsigned steps)
{
	struct slab_model *model = memory_allocate_zero(1, sizeof(*model));

	model->random = random;
	slab_init(&model->slab, sizeof(struct item));
	for (unsigned step = 0; step < steps; step++) {
		if (grows(&model->random, step) ? model->count < ITEMS_MAX : !model->count)
			add_item(model);
		else
			remove_item(model);
		assert_int_equal(model->slab.used, model->count);
		if (step % 10000 == 0)
			walk_slab(model);
	}
	while (model->count)
		remove_item(model);
	walk_slab(model);
	assert_int_equal(slab_limit(&model->slab), 1);
	slab_release(&model->slab);
	free(model);
}

static void slab_keeps_every_item(void **state)
{
	(void)state;
	run_seeds(run_slab);
}

/* Hash table: keys whose hashes are all different, clustered, or nearly all the same. */

struct table_model {
	struct hash_table table;
	uint64_t random;
	uint32_t keys[KEYS];
	bool present[KEYS];
	uint32_t count;
};

static uint64_t hash_key(uint32_t key)
{
	switch (key % 4) {
	case 0:
		return key % 64; /* chains that wrap */
	case 1:
		return UINT64_MAX - key % 16;
	default:
		return hash_u64(key);
	}
}

static bool key_equal(const void *item, const void *key)
{
	return *(const uint32_t *)item == *(const uint32_t *)key;
}

static void walk_table(const struct table_model *model)
{
	bool seen[KEYS] = {false};
	size_t cursor = 0, count = 0;
	const uint32_t *item;

	while ((item = hash_table_next(&model->table, &cursor))) {
		assert_true(model->present[*item] && !seen[*item]);
		seen[*item] = true;
		count++;
	}
	assert_int_equal(count, model->count);
	for (uint32_t key = 0; key < KEYS; key++)
		assert_ptr_equal(hash_table_find(&model->table, hash_key(key), key_equal, &key),
		    model->present[key] ? &model->keys[key] : NULL);
}

static void run_table(uint64_t random, unsigned steps)
{
	struct table_model *model = memory_allocate_zero(1, sizeof(*model));

	model->random = random;
	for (uint32_t i = 0; i < KEYS; i++)
		model->keys[i] = i;
	for (unsigned step = 0; step < steps; step++) {
		uint32_t key = random_below(&model->random, KEYS);
		void *found = hash_table_find(&model->table, hash_key(key), key_equal, &key);

		assert_ptr_equal(found, model->present[key] ? &model->keys[key] : NULL);
		if (model->present[key] == grows(&model->random, step))
			continue;
		if (found)
			hash_table_remove(&model->table, hash_key(key), found);
		else
			hash_table_insert(&model->table, hash_key(key), &model->keys[key]);
		model->present[key] = !found;
		model->count += found ? UINT32_MAX : 1;
		assert_int_equal(model->table.count, model->count);
		if (step % 10000 == 0)
			walk_table(model);
	}
	for (uint32_t key = 0; key < KEYS; key++)
		if (model->present[key])
			hash_table_remove(&model->table, hash_key(key), &model->keys[key]);
	memset(model->present, 0, sizeof(model->present));
	model->count = 0;
	walk_table(model);
	assert_true(model->table.capacity < 100); /* it has shrunk */
	hash_table_free(&model->table);
	free(model);
}

static void hash_table_keeps_every_key(void **state)
{
	(void)state;
	run_seeds(run_table);
}

/* Bitmap */

static uint32_t next_naively(const bool bits[BITS], uint32_t from)
{
	while (from < BITS && !bits[from])
		from++;
	return from < BITS ? from : UINT32_MAX;
}

static void run_bitmap(uint64_t random, unsigned steps)
{
	static bool bits[BITS];
	struct bitmap bitmap = {NULL, 0};
	uint32_t limit = BITS / 100;

	memset(bits, 0, sizeof(bits));
	for (unsigned step = 0; step < steps; step++) {
		/* Near to others, or anywhere: also past the end, which moves. */
		uint32_t bit = random_below(&random, limit);

		assert_int_equal(bitmap_test(&bitmap, bit), bits[bit]);
		if (grows(&random, step)) {
			assert_int_equal(bitmap_set(&bitmap, bit), !bits[bit]);
			bits[bit] = true;
		} else {
			assert_int_equal(bitmap_clear(&bitmap, bit), bits[bit]);
			bits[bit] = false;
		}
		assert_int_equal(bitmap_test(&bitmap, bit), bits[bit]);
		bit = random_below(&random, BITS);
		if (step % 16 == 0)
			assert_int_equal(bitmap_next(&bitmap, bit), next_naively(bits, bit));
		if (step % PHASE == PHASE - 1)
			limit = limit * 2 < BITS ? limit * 2 : BITS;
	}
	for (uint32_t bit = 0; bit < BITS; bit++)
		assert_int_equal(bitmap_next(&bitmap, bit), next_naively(bits, bit));
	bitmap_free(&bitmap);
	assert_int_equal(bitmap_next(&bitmap, 0), UINT32_MAX);
}

static void bitmap_keeps_every_bit(void **state)
{
	(void)state;
	run_seeds(run_bitmap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slab_keeps_every_item),
	    cmocka_unit_test(hash_table_keeps_every_key),
	    cmocka_unit_test(bitmap_keeps_every_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
