/*
 * Leftovers: found by their place, removed once, kept while their removal is out, and in which order
 * they stand.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/memory.h"
#include "fib/leftover.h"

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix result;

	assert_true(ip_prefix_parse(text, &result, NULL));
	return result;
}

struct fixture {
	struct leftovers leftovers;
	struct ip_prefix prefixes[4];
	struct leftover *items[4]; /* one for each of the prefixes */
};

static int set_up(void **state)
{
	static const char *const texts[] = {
	    "10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8", "2001:db8::/32"};
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));

	leftovers_init(&fixture->leftovers, 7);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		fixture->prefixes[i] = prefix(texts[i]);
		fixture->items[i] =
		    leftover_add(&fixture->leftovers, &fixture->prefixes[i], 254, 20, 186);
	}
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	leftovers_free(&fixture->leftovers);
	free(fixture);
	return 0;
}

static void test_place_is_prefix_table_metric_and_protocol(void **state)
{
	struct fixture *fixture = *state;
	struct leftovers *leftovers = &fixture->leftovers;
	const struct ip_prefix *a = &fixture->prefixes[0];
	const struct ip_prefix longer = prefix("10.0.0.0/9");

	assert_ptr_equal(leftover_add(leftovers, a, 254, 20, 186), fixture->items[0]);
	assert_ptr_equal(leftover_find(leftovers, a, 254, 20, 186), fixture->items[0]);
	assert_null(leftover_find(leftovers, &longer, 254, 20, 186));
	assert_null(leftover_find(leftovers, a, 100, 20, 186));
	assert_null(leftover_find(leftovers, a, 254, 21, 186));
	assert_null(leftover_find(leftovers, a, 254, 20, 187));
}

static void test_each_queued_one_is_taken_once(void **state)
{
	struct fixture *fixture = *state;
	struct leftovers *leftovers = &fixture->leftovers;
	struct leftover *first = fixture->items[0];

	assert_null(leftover_take_queued(leftovers));
	leftover_queue(leftovers, first);
	leftover_queue(leftovers, first);
	leftover_queue(leftovers, fixture->items[1]);
	leftover_remove(leftovers, fixture->items[1]);
	assert_ptr_equal(leftover_take_queued(leftovers), first);
	assert_true(first->in_flight);
	leftover_queue(leftovers, first);
	leftover_confirm(leftovers, first, 3);
	assert_null(leftover_take_queued(leftovers));
	assert_ptr_equal(leftover_find(leftovers, &fixture->prefixes[0], 254, 20, 186), first);
	leftover_remove(leftovers, first);
	assert_null(leftover_find(leftovers, &fixture->prefixes[0], 254, 20, 186));
}

static void test_the_one_told_of_the_longest_ago_is_the_first(void **state)
{
	struct fixture *fixture = *state;
	struct leftovers *leftovers = &fixture->leftovers;

	leftover_confirm(leftovers, fixture->items[0], 1);
	leftover_confirm(leftovers, fixture->items[2], 1);
	assert_ptr_equal(leftovers_first(leftovers, LEFTOVERS_KEPT), fixture->items[1]);
	leftover_remove(leftovers, fixture->items[1]);
	assert_ptr_equal(leftovers_first(leftovers, LEFTOVERS_KEPT), fixture->items[3]);
	leftover_queue(leftovers, fixture->items[3]);
	assert_ptr_equal(leftovers_first(leftovers, LEFTOVERS_KEPT), fixture->items[0]);
	/* That it is there does not save one that is to go. */
	leftover_confirm(leftovers, fixture->items[3], 1);
	assert_ptr_equal(leftover_take_queued(leftovers), fixture->items[3]);
}

static void test_all_that_are_kept_are_queued_behind_those_that_are(void **state)
{
	static const size_t order[] = {2, 0, 1, 3};
	struct fixture *fixture = *state;
	struct leftovers *leftovers = &fixture->leftovers;

	leftover_queue(leftovers, fixture->items[2]);
	leftovers_queue_all(leftovers);
	leftovers_queue_all(leftovers);
	assert_null(leftovers_first(leftovers, LEFTOVERS_KEPT));
	for (size_t i = 0; i < 4; i++)
		assert_ptr_equal(leftover_take_queued(leftovers), fixture->items[order[i]]);
	assert_null(leftover_take_queued(leftovers));
}

static void test_refused_one_waits_until_it_is_tried_again(void **state)
{
	struct fixture *fixture = *state;
	struct leftovers *leftovers = &fixture->leftovers;

	leftover_queue(leftovers, fixture->items[0]);
	leftover_refuse(leftovers, leftover_take_queued(leftovers), 5);
	assert_int_equal(fixture->items[0]->error, 5);
	assert_null(leftover_take_queued(leftovers));
	leftovers_retry(leftovers);
	assert_ptr_equal(leftover_take_queued(leftovers), fixture->items[0]);
}

#define leftover_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    leftover_test(test_place_is_prefix_table_metric_and_protocol),
	    leftover_test(test_each_queued_one_is_taken_once),
	    leftover_test(test_the_one_told_of_the_longest_ago_is_the_first),
	    leftover_test(test_all_that_are_kept_are_queued_behind_those_that_are),
	    leftover_test(test_refused_one_waits_until_it_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
