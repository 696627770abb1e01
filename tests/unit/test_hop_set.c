/*
 * Interning of hop sets, and what happens to them when next hops move.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

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

static struct hop_set *intern_weighted(struct fixture *fixture, struct next_hop *x,
    uint32_t x_weight, struct next_hop *y, uint32_t y_weight)
{
	struct hop_set_member members[] = {{x, x_weight}, {y, y_weight}};
	const struct hop_set_key key = {
	    .type = RTN_UNICAST, .members = members, .count = y ? 2 : 1};

	return hop_set_intern(&fixture->sets, &key);
}

static struct hop_set *intern(struct fixture *fixture, struct next_hop *x, struct next_hop *y)
{
	return intern_weighted(fixture, x, 0, y, 0);
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

static void test_weights_are_of_the_set_and_of_its_hops(void **state)
{
	struct fixture *fixture = *state;
	struct hop_set *equal = intern(fixture, fixture->a, fixture->b);
	struct hop_set *first = intern_weighted(fixture, fixture->a, 4, fixture->b, 1);
	struct hop_set *second = intern_weighted(fixture, fixture->b, 1, fixture->a, 4);
	struct hop_set *other = intern_weighted(fixture, fixture->b, 4, fixture->a, 1);

	assert_ptr_equal(first, second);
	assert_ptr_not_equal(first, equal);
	assert_ptr_not_equal(first, other);
	assert_int_equal(first->hops[0].weight, 4);
	assert_int_equal(first->hops[1].weight, 1);
	assert_int_equal(equal->hops[0].weight, 1);
	assert_int_equal(equal->hops[1].weight, 1);
	hop_set_release(&fixture->sets, equal);
	hop_set_release(&fixture->sets, first);
	hop_set_release(&fixture->sets, second);
	hop_set_release(&fixture->sets, other);
}

static struct hop_set *intern_three(
    struct fixture *fixture, struct next_hop *third, const uint32_t weights[static 3])
{
	struct hop_set_member members[] = {
	    {fixture->a, weights[0]}, {fixture->b, weights[1]}, {third, weights[2]}};
	const struct hop_set_key key = {.type = RTN_UNICAST, .members = members, .count = 3};

	return hop_set_intern(&fixture->sets, &key);
}

static void test_weights_of_members_with_one_gateway_add_up(void **state)
{
	static const struct {
		uint32_t members[3];
		uint16_t hops[2];
	} cases[] = {
	    {{2, 3, 5}, {1, 1}}, {{1, 1, 1}, {2, 1}}, {{256, 256, 1}, {256, 1}},
	    {{0, 0, 0}, {1, 1}}, /* without weights every hop counts once */
	};
	struct fixture *fixture = *state;
	struct next_hop *third = make_next_hop("192.0.2.3", 4);
	size_t i;

	fixture->b->resolution.hop = fixture->a->resolution.hop;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hop_set *set = intern_three(fixture, third, cases[i].members);

		assert_int_equal(set->hop_count, 2);
		assert_int_equal(set->hops[0].weight, cases[i].hops[0]);
		assert_int_equal(set->hops[1].weight, cases[i].hops[1]);
		hop_set_release(&fixture->sets, set);
	}
	next_hop_release(third);
}

static void test_weights_are_those_of_the_reachable_members(void **state)
{
	static const uint32_t weights[] = {2, 4, 5};
	struct fixture *fixture = *state;
	struct next_hop *third = make_next_hop("192.0.2.3", 4);
	struct hop_set *set = intern_three(fixture, third, weights);

	third->resolution.reachable = false;
	hop_sets_refresh(&fixture->sets);
	assert_true(set->changed);
	assert_int_equal(set->hop_count, 2);
	assert_int_equal(set->hops[0].weight, 1);
	assert_int_equal(set->hops[1].weight, 2);
	fixture->b->resolution.reachable = false;
	hop_sets_refresh(&fixture->sets);
	assert_int_equal(set->hop_count, 1);
	assert_int_equal(set->hops[0].weight, 1); /* as the kernel tells of a hop that is alone */
	hop_set_release(&fixture->sets, set);
	next_hop_release(third);
}

static void test_source_is_of_the_set(void **state)
{
	struct fixture *fixture = *state;
	struct hop_set_member member = {.next_hop = fixture->a};
	struct hop_set_key key = {.type = RTN_UNICAST, .members = &member, .count = 1};
	struct hop_set *without = intern(fixture, fixture->a, NULL);
	struct hop_set *with;

	assert_true(ip_address_parse("192.0.2.7", &key.source));
	with = hop_set_intern(&fixture->sets, &key);
	assert_ptr_not_equal(with, without);
	hop_sets_mark_source(&fixture->sets, &key.source);
	assert_true(with->changed);
	assert_false(without->changed);
	hop_set_release(&fixture->sets, with);
	hop_set_release(&fixture->sets, without);
}

static void test_set_that_leads_nowhere_has_no_hops(void **state)
{
	struct fixture *fixture = *state;
	const struct hop_set_key key = {.type = RTN_BLACKHOLE};
	const struct hop_set_key other = {.type = RTN_UNREACHABLE};
	struct hop_set *blackhole = hop_set_intern(&fixture->sets, &key);
	struct hop_set *unreachable = hop_set_intern(&fixture->sets, &other);
	struct kernel_route route = {0};

	assert_ptr_not_equal(blackhole, unreachable);
	hop_set_write(&fixture->sets, blackhole, &route);
	assert_int_equal(route.type, RTN_BLACKHOLE);
	assert_int_equal(route.hop_count, 0);
	hop_sets_refresh(&fixture->sets);
	assert_false(blackhole->changed);
	hop_set_release(&fixture->sets, blackhole);
	hop_set_release(&fixture->sets, unreachable);
}

static void test_route_of_the_kernel_is_compared_with_the_set(void **state)
{
	struct fixture *fixture = *state;
	struct hop_set *set = intern_weighted(fixture, fixture->a, 4, fixture->b, 1);
	const struct hop_set_key nowhere_key = {.type = RTN_UNREACHABLE};
	struct hop_set *nowhere = hop_set_intern(&fixture->sets, &nowhere_key);
	struct kernel_hop hops[2];
	struct kernel_route route = {0};

	hop_set_write(&fixture->sets, set, &route);
	assert_true(hop_set_matches(set, &route));
	memcpy(hops, route.hops, sizeof(hops));
	route.hops = hops;
	hops[0].weight = 3;
	assert_false(hop_set_matches(set, &route));
	hops[0].weight = 4;
	assert_true(ip_address_parse("192.0.2.7", &route.source));
	assert_false(hop_set_matches(set, &route));
	route.source = (struct ip_address){0};
	route.type = RTN_UNREACHABLE;
	assert_false(hop_set_matches(set, &route));
	/* The kernel shows the loopback interface as the hop of an IPv6 route to nowhere. */
	route.hop_count = 1;
	assert_true(hop_set_matches(nowhere, &route));
	hop_set_release(&fixture->sets, set);
	hop_set_release(&fixture->sets, nowhere);
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
	    set_test(test_weights_are_of_the_set_and_of_its_hops),
	    set_test(test_weights_of_members_with_one_gateway_add_up),
	    set_test(test_weights_are_those_of_the_reachable_members),
	    set_test(test_source_is_of_the_set),
	    set_test(test_set_that_leads_nowhere_has_no_hops),
	    set_test(test_route_of_the_kernel_is_compared_with_the_set),
	    set_test(test_moved_next_hop_marks_the_sets_that_have_it),
	    set_test(test_unreachable_next_hop_leaves_the_set_unless_it_is_the_last),
	    set_test(test_lost_interface_marks_the_sets_over_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
