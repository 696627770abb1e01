/*
 * The pool: blocks of any size that do not disturb each other, and chunks that go back to the
 * system in whatever order blocks are freed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/pool.h"

/* A little more than the blocks of 64 bytes that one chunk takes. */
enum { CHUNKFUL = POOL_CHUNK_BYTES / 64 };

struct held {
	uint8_t *block;
	size_t size;
	uint8_t content;
};

static struct held hold(struct pool *pool, size_t size, uint8_t content)
{
	struct held held = {pool_allocate(pool, size), size, content};

	assert_int_equal((uintptr_t)held.block % 8, 0);
	memset(held.block, content, size);
	return held;
}

static void let_go(struct pool *pool, const struct held *held)
{
	for (size_t i = 0; i < held->size; i++)
		if (held->block[i] != held->content)
			fail_msg("a block of %zu bytes was disturbed", held->size);
	pool_free(pool, held->block, held->size);
}

static void pool_without_blocks_has_no_memory(void **state)
{
	struct pool pool = {0};

	(void)state;
	for (size_t size = 1; size <= POOL_BLOCK_MAX + 100; size++) {
		struct held held = hold(&pool, size, (uint8_t)size);

		assert_true(pool_memory(&pool) >= size);
		let_go(&pool, &held);
		assert_int_equal(pool_memory(&pool), 0);
	}
}

static void blocks_of_one_size_share_chunks(void **state)
{
	struct held blocks[CHUNKFUL];
	struct pool pool = {0};

	(void)state;
	for (size_t i = 0; i < CHUNKFUL; i++)
		blocks[i] = hold(&pool, 57 + i % 8, (uint8_t)i);
	/* The header of the chunk takes the room of a few. */
	assert_int_equal(pool.chunks, 2);
	for (size_t i = 0; i < CHUNKFUL; i++)
		let_go(&pool, &blocks[i]);
	assert_int_equal(pool_memory(&pool), 0);
}

static void large_blocks_cost_what_they_hold(void **state)
{
	struct pool pool = {0};
	struct held large = hold(&pool, 60000, 1);

	(void)state;
	assert_int_equal(pool_memory(&pool), 60000);
	let_go(&pool, &large);
	assert_int_equal(pool_memory(&pool), 0);
}

static void empty_chunk_serves_another_size(void **state)
{
	struct pool pool = {0};
	struct held other = hold(&pool, 8, 1), first = hold(&pool, 100, 2), second;

	(void)state;
	let_go(&pool, &first);
	assert_int_equal(pool.chunks, 2);
	second = hold(&pool, 200, 3);
	assert_int_equal(pool.chunks, 2);
	let_go(&pool, &second);
	let_go(&pool, &other);
	assert_int_equal(pool_memory(&pool), 0);
}

static void one_empty_chunk_at_most_is_kept(void **state)
{
	enum { CHUNKS = 5 };
	static struct held blocks[CHUNKS * CHUNKFUL];
	struct pool pool = {0};

	(void)state;
	for (size_t i = 0; i < CHUNKS * CHUNKFUL; i++)
		blocks[i] = hold(&pool, 64, 1);
	assert_int_equal(pool.chunks, CHUNKS + 1);
	for (size_t i = CHUNKS * CHUNKFUL - 1; i > 0; i--)
		let_go(&pool, &blocks[i]);
	assert_int_equal(pool.chunks, 2);
	let_go(&pool, &blocks[0]);
	assert_int_equal(pool_memory(&pool), 0);
}

static void free_blocks_are_used_before_another_chunk(void **state)
{
	enum { BLOCKS = 3 * CHUNKFUL };
	static struct held blocks[BLOCKS];
	struct pool pool = {0};
	size_t chunks;

	(void)state;
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = hold(&pool, 64, 1);
	chunks = pool.chunks;
	for (unsigned round = 0; round < 4; round++) {
		for (size_t i = round; i < BLOCKS; i += 3)
			let_go(&pool, &blocks[i]);
		for (size_t i = round; i < BLOCKS; i += 3)
			blocks[i] = hold(&pool, 64, 2);
		assert_int_equal(pool.chunks, chunks);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		let_go(&pool, &blocks[i]);
	assert_int_equal(pool_memory(&pool), 0);
}

static uint32_t draw(uint64_t *random)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*random >> 33);
}

struct churn {
	struct pool pool;
	struct held *blocks;
	size_t count;
	uint64_t random;
};

static void free_any(struct churn *churn)
{
	const size_t victim = draw(&churn->random) % churn->count;

	let_go(&churn->pool, &churn->blocks[victim]);
	churn->blocks[victim] = churn->blocks[--churn->count];
}

/* Sizes go round in seven rounds; every other one frees all, the others two thirds. */
static size_t churn_for_rounds(struct churn *churn, unsigned rounds, size_t blocks)
{
	size_t most = 0;

	for (unsigned round = 0; round < rounds; round++) {
		const size_t low = 40 + round % 7 * 20;

		while (churn->count < blocks) {
			churn->blocks[churn->count++] =
			    hold(&churn->pool, low + draw(&churn->random) % 120, (uint8_t)round);
			if (draw(&churn->random) % 4 == 0)
				free_any(churn);
		}
		if (pool_memory(&churn->pool) > most)
			most = pool_memory(&churn->pool);
		while (churn->count > (round % 2 ? 0 : blocks / 3))
			free_any(churn);
		if (!churn->count)
			assert_int_equal(pool_memory(&churn->pool), 0);
	}
	return most;
}

static void churn_gives_all_back_and_grows_nothing(void **state)
{
	enum { BLOCKS = 6000, ROUNDS = 14 };
	struct churn churn = {.blocks = calloc(BLOCKS, sizeof(struct held)), .random = 5};
	size_t most = churn_for_rounds(&churn, ROUNDS, BLOCKS);

	(void)state;
	/* A chunk more or less is chance. */
	for (unsigned i = 0; i < 3; i++)
		assert_true(churn_for_rounds(&churn, ROUNDS, BLOCKS) <= most + most / 10);
	free(churn.blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pool_without_blocks_has_no_memory),
	    cmocka_unit_test(blocks_of_one_size_share_chunks),
	    cmocka_unit_test(large_blocks_cost_what_they_hold),
	    cmocka_unit_test(empty_chunk_serves_another_size),
	    cmocka_unit_test(one_empty_chunk_at_most_is_kept),
	    cmocka_unit_test(free_blocks_are_used_before_another_chunk),
	    cmocka_unit_test(churn_gives_all_back_and_grows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
