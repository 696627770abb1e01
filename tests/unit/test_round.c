/* The walk over ids: whoever asks for one has every id seen, whatever others ask for meanwhile. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/round.h"

#define LIMIT 5

/* Passes `count` ids and counts them; false if the walk ends before. */
static bool pass(struct round *round, uint32_t limit, unsigned count, unsigned *seen)
{
	uint32_t id;

	while (count--) {
		if (!round_next(round, limit, &id))
			return false;
		assert_true(id < limit);
		seen[id]++;
	}
	return true;
}

static void assert_seen(const unsigned *seen, uint32_t limit, unsigned times)
{
	for (uint32_t id = 0; id < limit; id++)
		assert_int_equal(seen[id], times);
}

static void each_id_is_seen_once(void **state)
{
	struct round round = {0};
	unsigned seen[LIMIT] = {0};

	(void)state;
	assert_false(pass(&round, LIMIT, 1, seen));
	round_start(&round);
	assert_true(pass(&round, LIMIT, LIMIT, seen));
	assert_false(pass(&round, LIMIT, 1, seen));
	assert_false(round.running);
	assert_seen(seen, LIMIT, 1);
	round_start(&round);
	assert_false(pass(&round, LIMIT, 100, seen));
	assert_seen(seen, LIMIT, 2);
}

static void walk_that_is_asked_for_in_the_middle_comes_round(void **state)
{
	(void)state;
	for (unsigned middle = 0; middle <= LIMIT; middle++) {
		struct round round = {0};
		unsigned before[LIMIT] = {0}, after[LIMIT] = {0};

		round_start(&round);
		assert_true(pass(&round, LIMIT, middle, before));
		round_start(&round);
		assert_false(pass(&round, LIMIT, 100, after));
		assert_seen(after, LIMIT, 1);
	}
}

/* Ids come and go while it runs. */
static void those_that_stay_are_seen(void **state)
{
	struct round round = {0};
	unsigned seen[2 * LIMIT] = {0};

	(void)state;
	round_start(&round);
	assert_true(pass(&round, LIMIT, 3, seen));
	round_start(&round);
	assert_true(pass(&round, 2 * LIMIT, 4, seen));
	assert_false(pass(&round, 2, 100, seen));
	assert_seen(seen, 2, 2);
	assert_seen(seen + 2, LIMIT, 1);
	round_start(&round);
	assert_false(pass(&round, 0, 1, seen));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_id_is_seen_once),
	    cmocka_unit_test(walk_that_is_asked_for_in_the_middle_comes_round),
	    cmocka_unit_test(those_that_stay_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
