/*
 * The slab: ids from 1, addresses that stay, lowest chunk first, chunks that go back to the system
 * with one kept while there are items, and a limit that follows.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/slab.h"

struct item {
	uint32_t link;
	uint32_t value;
	uint8_t rest[56];
};

/* Allocates items 1 .. count of an empty slab; each holds its id. */
static void fill(struct slab *slab, uint32_t count)
{
	for (uint32_t i = 1; i <= count; i++) {
		const uint32_t id = slab_allocate(slab);
		struct item *item = slab_item(slab, id);

		assert_int_equal(id, i);
		item->link = UINT32_MAX;
		item->value = id;
	}
}

static void ids_are_dense_and_begin_at_one(void **state)
{
	struct slab slab;

	(void)state;
	slab_init(&slab, sizeof(struct item));
	assert_int_equal(slab_limit(&slab), 1);
	fill(&slab, 10);
	assert_int_equal(slab_limit(&slab), 11);
	assert_int_equal(slab.used, 10);
	slab_release(&slab);
	assert_int_equal(slab_limit(&slab), 1);
	assert_int_equal(slab.used, 0);
	fill(&slab, 1);
	slab_release(&slab);
}

static void items_keep_their_place_and_content(void **state)
{
	enum { ITEMS = SLAB_CHUNK_ITEMS * 3 };
	struct item *first;
	struct slab slab;

	(void)state;
	slab_init(&slab, sizeof(struct item));
	fill(&slab, 1);
	first = slab_item(&slab, 1);
	for (uint32_t id = 2; id <= ITEMS; id++)
		((struct item *)slab_item(&slab, slab_allocate(&slab)))->value = id;
	assert_ptr_equal(slab_item(&slab, 1), first);
	for (uint32_t id = 1; id <= ITEMS; id++) {
		assert_int_equal(((struct item *)slab_item(&slab, id))->value, id);
		assert_int_equal((uintptr_t)slab_item(&slab, id) % 64, 0);
	}
	slab_release(&slab);
}

static void used_again_items_are_zeroed(void **state)
{
	static const struct item zero;
	struct slab slab;

	(void)state;
	slab_init(&slab, sizeof(struct item));
	fill(&slab, 3);
	memset(slab_item(&slab, 2), 0xff, sizeof(struct item));
	memset(slab_item(&slab, 1), 0xff, sizeof(struct item));
	slab_free(&slab, 2);
	slab_free(&slab, 1);
	assert_int_equal(slab_allocate(&slab), 1);
	assert_int_equal(slab_allocate(&slab), 2);
	assert_memory_equal(slab_item(&slab, 1), &zero, sizeof(zero));
	assert_memory_equal(slab_item(&slab, 2), &zero, sizeof(zero));
	slab_release(&slab);
}

static void free_item_is_zero_behind_its_link(void **state)
{
	static const struct item zero;
	struct slab slab;

	(void)state;
	slab_init(&slab, sizeof(struct item));
	fill(&slab, 3);
	memset(slab_item(&slab, 2), 0xff, sizeof(struct item));
	slab_free(&slab, 2);
	assert_memory_equal(
	    (uint8_t *)slab_item(&slab, 2) + 4, (const uint8_t *)&zero + 4, sizeof(zero) - 4);
	slab_release(&slab);
}

static void lowest_chunk_is_used_first(void **state)
{
	const uint32_t low = 5;
	const uint32_t middle = SLAB_CHUNK_ITEMS + 5;
	const uint32_t high = 2 * SLAB_CHUNK_ITEMS + 5;
	struct slab slab;

	(void)state;
	slab_init(&slab, sizeof(struct item));
	fill(&slab, 3 * SLAB_CHUNK_ITEMS - 1);
	slab_free(&slab, high);
	slab_free(&slab, low);
	slab_free(&slab, middle);
	assert_int_equal(slab_allocate(&slab), low);
	assert_int_equal(slab_allocate(&slab), middle);
	assert_int_equal(slab_allocate(&slab), high);
	assert_int_equal(slab_allocate(&slab), 3 * SLAB_CHUNK_ITEMS);
	slab_release(&slab);
}

static void free_chunk(struct slab *slab, uint32_t chunk)
{
	for (uint32_t i = chunk ? 0 : 1; i < SLAB_CHUNK_ITEMS; i++)
		slab_free(slab, (chunk << SLAB_CHUNK_BITS) + i);
}

static void empty_chunks_are_given_back_but_one(void **state)
{
	struct slab slab;

	(void)state;
	slab_init(&slab, sizeof(struct item));
	fill(&slab, 5 * SLAB_CHUNK_ITEMS - 1);
	assert_int_equal(slab_limit(&slab), 5 * SLAB_CHUNK_ITEMS);
	free_chunk(&slab, 2);
	assert_true(slab_has_chunk(&slab, 2 << SLAB_CHUNK_BITS));
	free_chunk(&slab, 1);
	/* The lower one stays. */
	assert_true(slab_has_chunk(&slab, 1 << SLAB_CHUNK_BITS));
	assert_false(slab_has_chunk(&slab, 2 << SLAB_CHUNK_BITS));
	assert_int_equal(slab_limit(&slab), 5 * SLAB_CHUNK_ITEMS);
	free_chunk(&slab, 4);
	assert_int_equal(slab_limit(&slab), 4 * SLAB_CHUNK_ITEMS);
	free_chunk(&slab, 3);
	assert_int_equal(slab_limit(&slab), SLAB_CHUNK_ITEMS);
	assert_int_equal(slab.used, SLAB_CHUNK_ITEMS - 1);
	assert_int_equal(slab_memory(&slab), 2 * SLAB_CHUNK_ITEMS * sizeof(struct item));
	free_chunk(&slab, 0);
	assert_int_equal(slab_limit(&slab), 1);
	assert_int_equal(slab.used, 0);
	assert_int_equal(slab_memory(&slab), 0);
	/* A slab that was emptied is as good as new. */
	fill(&slab, SLAB_CHUNK_ITEMS + 1);
	slab_release(&slab);
}

static void hole_is_filled_again(void **state)
{
	struct slab slab;

	(void)state;
	slab_init(&slab, sizeof(struct item));
	fill(&slab, 4 * SLAB_CHUNK_ITEMS - 1);
	free_chunk(&slab, 1);
	free_chunk(&slab, 2);
	for (uint32_t i = SLAB_CHUNK_ITEMS; i < 3 * SLAB_CHUNK_ITEMS; i++)
		assert_int_equal(slab_allocate(&slab), i);
	assert_int_equal(slab_allocate(&slab), 4 * SLAB_CHUNK_ITEMS);
	slab_release(&slab);
}

static void swinging_around_a_chunk_keeps_it(void **state)
{
	struct slab slab;
	void *place;
	uint32_t id;

	(void)state;
	slab_init(&slab, sizeof(struct item));
	fill(&slab, SLAB_CHUNK_ITEMS - 1);
	id = slab_allocate(&slab);
	place = slab_item(&slab, id);
	for (int i = 0; i < 100; i++) {
		slab_free(&slab, id);
		assert_int_equal(slab_limit(&slab), SLAB_CHUNK_ITEMS);
		assert_true(slab_has_chunk(&slab, SLAB_CHUNK_ITEMS));
		assert_int_equal(slab_allocate(&slab), id);
		assert_ptr_equal(slab_item(&slab, id), place);
	}
	slab_release(&slab);
}

/* Random churn against a list of what is in use: no id twice, no content disturbed. */
static void churn_never_gives_an_item_twice(void **state)
{
	enum { SPACE = 5 * SLAB_CHUNK_ITEMS, STEPS = 200000 };
	uint32_t *ids = calloc(SPACE, sizeof(*ids));
	uint64_t random = 7;
	uint32_t count = 0;
	struct slab slab;

	(void)state;
	slab_init(&slab, 8);
	for (int step = 0; step < STEPS; step++) {
		const bool growing = step / (STEPS / 8) % 2 == 0;
		uint32_t number;

		random = random * 6364136223846793005u + 1442695040888963407u;
		number = (uint32_t)(random >> 33);
		if (count < SPACE && (!count || number % 8 < (growing ? 7 : 1))) {
			const uint32_t id = slab_allocate(&slab);
			uint32_t *item = slab_item(&slab, id);

			assert_true(id > 0 && id < slab_limit(&slab));
			assert_int_equal(item[0] | item[1], 0);
			item[0] = item[1] = id;
			ids[count++] = id;
		} else {
			const uint32_t victim = number / 8 % count;
			const uint32_t *item = slab_item(&slab, ids[victim]);

			assert_int_equal(item[0], ids[victim]);
			assert_int_equal(item[1], ids[victim]);
			slab_free(&slab, ids[victim]);
			ids[victim] = ids[--count];
		}
		assert_int_equal(slab.used, count);
	}
	while (count)
		slab_free(&slab, ids[--count]);
	assert_int_equal(slab_memory(&slab), 0);
	slab_release(&slab);
	free(ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ids_are_dense_and_begin_at_one),
	    cmocka_unit_test(items_keep_their_place_and_content),
	    cmocka_unit_test(used_again_items_are_zeroed),
	    cmocka_unit_test(free_item_is_zero_behind_its_link),
	    cmocka_unit_test(lowest_chunk_is_used_first),
	    cmocka_unit_test(empty_chunks_are_given_back_but_one),
	    cmocka_unit_test(hole_is_filled_again),
	    cmocka_unit_test(swinging_around_a_chunk_keeps_it),
	    cmocka_unit_test(churn_never_gives_an_item_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
