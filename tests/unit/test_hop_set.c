/*
 * Interning of hop sets, and what happens to them when next hops move.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/memory.h"
#include "fib/hop_set.h"

static struct next_hop *make_next_hop(const char *gateway, uint32_t interface)
{
	struct next_hop *next_hop = memory_allocate_zero(1, sizeof(*next_hop));
	struct kernel_hop *hop = &next_hop->resolution.hop;

	next_hop->references = 1;
	next_hop->resolution.reachable = true;
	hop->has_gateway = ip_address_parse(gateway, &hop->gateway);
	hop->interface = interface;
	hop->weight = 1;
	return next_hop;
}

struct fixture {
	struct hop_sets sets;
	struct next_hop *a;
	struct next_hop *b;
};

static int set_up(void **state)
{
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));

	fixture->sets.seed = 7;
	fixture->a = make_next_hop("192.0.2.1", 2);
	fixture->b = make_next_hop("192.0.2.2", 3);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(fixture->sets.table.count, 0);
	assert_int_equal(fixture->a->references, 1);
	next_hop_release(fixture->a);
	next_hop_release(fixture->b);
	hop_sets_free(&fixture->sets);
	free(fixture);
	return 0;
}

static struct hop_set *intern(struct fixture *fixture, struct next_hop *x, struct next_hop *y)
{
	struct next_hop *members[] = {x, y};

	return hop_set_intern(&fixture->sets, members, y ? 2 : 1);
}

static void test_same_next_hops_in_any_order_are_one_set(void **state)
{
	struct fixture *fixture = *state;
	struct hop_set *first = intern(fixture, fixture->a, fixture->b);
	struct hop_set *second = intern(fixture, fixture->b, fixture->a);
	struct hop_set *other = intern(fixture, fixture->a, NULL);

	assert_ptr_equal(first, second);
	assert_ptr_not_equal(first, other);
	assert_int_equal(first->references, 2);
	assert_int_equal(first->hop_count, 2);
	assert_int_equal(first->hops[0].interface, 2);
	hop_set_release(&fixture->sets, first);
	hop_set_release(&fixture->sets, second);
	hop_set_release(&fixture->sets, other);
}

static void test_next_hops_with_one_gateway_are_one_hop(void **state)
{
	struct fixture *fixture = *state;
	struct hop_set *set;

	fixture->b->resolution.hop = fixture->a->resolution.hop;
	set = intern(fixture, fixture->a, fixture->b);
	assert_int_equal(set->member_count, 2);
	assert_int_equal(set->hop_count, 1);
	hop_set_release(&fixture->sets, set);
}

static void test_moved_next_hop_marks_the_sets_that_have_it(void **state)
{
	struct fixture *fixture = *state;
	struct hop_set *both = intern(fixture, fixture->a, fixture->b);
	struct hop_set *only_a = intern(fixture, fixture->a, NULL);

	hop_sets_refresh(&fixture->sets);
	assert_false(both->changed);
	fixture->b->resolution.hop.interface = 9;
	hop_sets_refresh(&fixture->sets);
	assert_true(both->changed);
	assert_false(only_a->changed);
	assert_int_equal(both->hops[1].interface, 9);
	hop_sets_clear_changed(&fixture->sets);
	assert_false(both->changed);
	hop_set_release(&fixture->sets, both);
	hop_set_release(&fixture->sets, only_a);
}

static void test_unreachable_next_hop_leaves_the_set_unless_it_is_the_last(void **state)
{
	struct fixture *fixture = *state;
	struct hop_set *set = intern(fixture, fixture->a, fixture->b);

	fixture->a->resolution.reachable = false;
	hop_sets_refresh(&fixture->sets);
	assert_int_equal(set->hop_count, 1);
	assert_int_equal(set->hops[0].interface, 3);
	hop_sets_clear_changed(&fixture->sets);
	fixture->b->resolution.reachable = false;
	hop_sets_refresh(&fixture->sets);
	assert_false(set->changed);
	assert_int_equal(set->hop_count, 1);
	hop_set_release(&fixture->sets, set);
}

static void test_lost_interface_marks_the_sets_over_it(void **state)
{
	struct fixture *fixture = *state;
	struct hop_set *a = intern(fixture, fixture->a, NULL);
	struct hop_set *b = intern(fixture, fixture->b, NULL);

	hop_sets_mark_interface(&fixture->sets, 3);
	assert_false(a->changed);
	assert_true(b->changed);
	hop_set_release(&fixture->sets, a);
	hop_set_release(&fixture->sets, b);
}

#define set_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    set_test(test_same_next_hops_in_any_order_are_one_set),
	    set_test(test_next_hops_with_one_gateway_are_one_hop),
	    set_test(test_moved_next_hop_marks_the_sets_that_have_it),
	    set_test(test_unreachable_next_hop_leaves_the_set_unless_it_is_the_last),
	    set_test(test_lost_interface_marks_the_sets_over_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
