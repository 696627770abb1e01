/*
 * Leftovers: found by their place, removed once, kept while their removal is out.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "fib/leftover.h"

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix result;

	assert_true(ip_prefix_parse(text, &result, NULL));
	return result;
}

static void test_place_is_prefix_table_metric_and_protocol(void **state)
{
	struct leftovers leftovers = {.seed = 7};
	const struct ip_prefix a = prefix("10.0.0.0/8");
	const struct ip_prefix b = prefix("10.0.0.0/9");
	struct leftover *leftover = leftover_add(&leftovers, &a, 254, 20, 186);

	(void)state;
	assert_ptr_equal(leftover_add(&leftovers, &a, 254, 20, 186), leftover);
	assert_ptr_equal(leftover_find(&leftovers, &a, 254, 20, 186), leftover);
	assert_null(leftover_find(&leftovers, &b, 254, 20, 186));
	assert_null(leftover_find(&leftovers, &a, 100, 20, 186));
	assert_null(leftover_find(&leftovers, &a, 254, 21, 186));
	assert_null(leftover_find(&leftovers, &a, 254, 20, 187));
	leftovers_free(&leftovers);
}

static void test_each_queued_one_is_taken_once(void **state)
{
	struct leftovers leftovers = {.seed = 7};
	const struct ip_prefix a = prefix("10.0.0.0/8");
	const struct ip_prefix b = prefix("11.0.0.0/8");
	struct leftover *first = leftover_add(&leftovers, &a, 254, 20, 186);
	struct leftover *second = leftover_add(&leftovers, &b, 254, 20, 186);
	struct leftover *taken;

	(void)state;
	assert_null(leftover_take_queued(&leftovers));
	leftover_queue(&leftovers, first);
	leftover_queue(&leftovers, first);
	leftover_queue(&leftovers, second);
	leftover_remove(&leftovers, second);
	taken = leftover_take_queued(&leftovers);
	assert_ptr_equal(taken, first);
	assert_true(taken->in_flight);
	leftover_queue(&leftovers, first);
	assert_null(leftover_take_queued(&leftovers));
	assert_ptr_equal(leftover_find(&leftovers, &a, 254, 20, 186), first);
	leftover_remove(&leftovers, first);
	assert_null(leftover_find(&leftovers, &a, 254, 20, 186));
	leftovers_free(&leftovers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_place_is_prefix_table_metric_and_protocol),
	    cmocka_unit_test(test_each_queued_one_is_taken_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
