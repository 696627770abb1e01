/*
 * Policy rules, told as the kernel tells them, and how an address is then looked up.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fib/kernel_resolve.h"
#include "kernel_messages.h"

struct fixture {
	struct kernel_view *view;
	unsigned changed;
	unsigned incomplete;
};

static void on_changed(void *arg)
{
	((struct fixture *)arg)->changed++;
}

static void on_incomplete(void *arg)
{
	((struct fixture *)arg)->incomplete++;
}

static void on_prefix_changed(void *arg, const struct ip_prefix *prefix)
{
	(void)arg;
	(void)prefix;
}

static const struct kernel_view_ops ops = {
    .changed = on_changed,
    .prefix_changed = on_prefix_changed,
    .links_changed = view_ignore,
    .address = view_ignore_address,
    .interface_lost = view_ignore_interface,
    .own_route = view_ignore_route,
    .foreign_route = view_ignore_route,
    .incomplete = on_incomplete,
};

static void tell_routes(struct kernel_view *view)
{
	message_route(view, RTM_NEWROUTE, 0, told("192.0.2.0/24", NULL, 2, 0));
	message_route(view, RTM_NEWROUTE, 0, told("0.0.0.0/0", "192.0.2.1", 2, 0));
	message_route(
	    view, RTM_NEWROUTE, 0, (struct told_route){"10.0.0.0/8", "192.0.2.9", 2, .table = 100});
	message_route(view, RTM_NEWROUTE, 0,
	    (struct told_route){"10.9.0.0/16", .type = RTN_THROW, .table = 100});
}

static void tell_all(struct kernel_view *view)
{
	message_link(view, RTM_NEWLINK, 2, "eth0", UP);
	message_rule(view, RTM_NEWRULE, (struct told_rule){0, .table = RT_TABLE_LOCAL});
	message_rule(view, RTM_NEWRULE, (struct told_rule){32766, .table = RT_TABLE_MAIN});
	message_rule(view, RTM_NEWRULE, (struct told_rule){32767, .table = RT_TABLE_DEFAULT});
}

static void dump(struct fixture *fixture, const struct told_rule *rule)
{
	kernel_view_begin_dump(fixture->view);
	tell_all(fixture->view);
	if (rule)
		message_rule(fixture->view, RTM_NEWRULE, *rule);
	tell_routes(fixture->view);
	kernel_view_end_dump(fixture->view);
}

static int set_up(void **state)
{
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));

	fixture->view = kernel_view_new(NULL, 7, 186, RT_TABLE_MAIN, &ops, fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	kernel_view_free(fixture->view);
	free(fixture);
	return 0;
}

/* The gateway to the address, or why there is none. */
static void assert_found(struct fixture *fixture, const char *address_text, const char *expected)
{
	struct kernel_resolution resolution;
	struct ip_address address;
	char text[IP_TEXT_MAX];

	assert_true(ip_address_parse(address_text, &address));
	kernel_view_resolve(fixture->view, &address, 0, &resolution);
	assert_string_equal(resolution.reachable ? ip_address_print(&resolution.hop.gateway, text)
						 : resolution.reason,
	    expected);
}

static void test_rule_of_higher_priority_leads_to_another_table(void **state)
{
	struct fixture *fixture = *state;

	dump(fixture, NULL);
	assert_found(fixture, "10.1.0.1", "192.0.2.1");
	dump(fixture, &(struct told_rule){1000, .table = 100});
	assert_int_equal(fixture->incomplete, 0);
	assert_found(fixture, "10.1.0.1", "192.0.2.9");
	assert_found(fixture, "172.16.0.1", "192.0.2.1");
	/* A throw route leads to the next rule. */
	assert_found(fixture, "10.9.0.1", "192.0.2.1");
	dump(fixture, NULL);
	assert_found(fixture, "10.1.0.1", "192.0.2.1");
}

/* Where it leads is known only after another dump. */
static void test_new_rule_counts_when_its_table_is_known(void **state)
{
	struct fixture *fixture = *state;

	dump(fixture, NULL);
	message_rule(fixture->view, RTM_NEWRULE, (struct told_rule){1000, .table = 100});
	assert_int_equal(fixture->incomplete, 1);
	message_route(fixture->view, RTM_NEWROUTE, 0,
	    (struct told_route){"10.1.0.0/16", "192.0.2.8", 2, .table = 100});
	assert_found(fixture, "10.1.0.1", "192.0.2.1");
	kernel_view_begin_dump(fixture->view);
	tell_all(fixture->view);
	message_rule(fixture->view, RTM_NEWRULE, (struct told_rule){1000, .table = 100});
	tell_routes(fixture->view);
	message_route(fixture->view, RTM_NEWROUTE, 0,
	    (struct told_route){"10.1.0.0/16", "192.0.2.8", 2, .table = 100});
	assert_found(fixture, "10.1.0.1", "192.0.2.1");
	kernel_view_end_dump(fixture->view);
	assert_found(fixture, "10.1.0.1", "192.0.2.8");
	assert_found(fixture, "10.2.0.1", "192.0.2.9");
	assert_int_equal(fixture->incomplete, 1);
	message_rule(fixture->view, RTM_DELRULE, (struct told_rule){1000, .table = 100});
	assert_found(fixture, "10.1.0.1", "192.0.2.1");
}

static void test_rule_that_comes_while_routes_are_dumped_wants_another_dump(void **state)
{
	struct fixture *fixture = *state;

	kernel_view_begin_dump(fixture->view);
	tell_all(fixture->view);
	tell_routes(fixture->view);
	message_rule(fixture->view, RTM_NEWRULE, (struct told_rule){1000, .table = 100});
	kernel_view_end_dump(fixture->view);
	assert_int_equal(fixture->incomplete, 1);
	assert_found(fixture, "10.1.0.1", "192.0.2.1");
	dump(fixture, &(struct told_rule){1000, .table = 100});
	assert_found(fixture, "10.1.0.1", "192.0.2.9");
}

struct rule_vector {
	struct told_rule rule;
	const char *ten; /* what is found for 10.1.0.1 */
	const char *other; /* .. and for 172.16.0.1 */
};

static const struct rule_vector vectors[] = {
    {{1000, .table = 100, .mark = 7}, "192.0.2.1", "192.0.2.1"},
    {{1000, .table = 100, .mark = 7, .inverted = true}, "192.0.2.9", "192.0.2.1"},
    {{1000, .table = 100, .inverted = true}, "192.0.2.1", "192.0.2.1"},
    {{1000, .table = 100, .has_source = true}, "192.0.2.1", "192.0.2.1"},
    {{1000, .table = 100, .has_source = true, .inverted = true}, "192.0.2.9", "192.0.2.1"},
    {{1000, .table = 100, .input = "eth0"}, "192.0.2.1", "192.0.2.1"},
    {{1000, .table = 100, .input = "lo"}, "192.0.2.9", "192.0.2.1"},
    {{1000, .table = 100, .other = FRA_UID_RANGE}, "192.0.2.1", "192.0.2.1"},
    {{1000, .table = 100, .other = FRA_L3MDEV}, "192.0.2.1", "192.0.2.1"},
    {{1000, .table = 100, .other = FRA_SPORT_RANGE}, "192.0.2.1", "192.0.2.1"},
    {{1000, .table = 100, .other = FRA_OIFNAME}, "192.0.2.1", "192.0.2.1"},
    {{1000, .table = 100, .other = FRA_DPORT_RANGE + 1}, "192.0.2.1", "192.0.2.1"},
    {{1000, .table = 100, .other = FRA_PROTOCOL}, "192.0.2.9", "192.0.2.1"},
    {{1000, .table = 100, .to = "10.1.0.0/24"}, "192.0.2.9", "192.0.2.1"},
    {{1000, .table = 100, .to = "10.2.0.0/24"}, "192.0.2.1", "192.0.2.1"},
    {{1000, .table = 100, .to = "10.2.0.0/24", .inverted = true}, "192.0.2.9", "192.0.2.1"},
    {{1000, .table = 100, .to = "2001:db8::/32"}, "192.0.2.1", "192.0.2.1"},
    {{1000, .action = FR_ACT_UNREACHABLE, .to = "10.0.0.0/8"}, "an unreachable rule is in the way",
	"192.0.2.1"},
    {{1000, .action = FR_ACT_BLACKHOLE, .to = "10.0.0.0/8"}, "a blackhole rule is in the way",
	"192.0.2.1"},
    {{1000, .action = FR_ACT_PROHIBIT}, "a prohibit rule is in the way",
	"a prohibit rule is in the way"},
    {{40000, .action = FR_ACT_PROHIBIT}, "192.0.2.1", "192.0.2.1"},
    {{1000, .action = FR_ACT_NOP}, "192.0.2.1", "192.0.2.1"},
    /* Over the rule of the main table, to what is behind. */
    {{1000, .action = FR_ACT_GOTO, .target = 32767}, "no route to it", "no route to it"},
    {{1000, .action = FR_ACT_GOTO, .target = 32767, .to = "10.0.0.0/8"}, "no route to it",
	"192.0.2.1"},
    {{1000, .action = FR_ACT_GOTO, .target = 2000}, "192.0.2.1", "192.0.2.1"},
    {{1000, .table = 100, .suppresses = true, .suppressed_length = 7}, "192.0.2.9", "192.0.2.1"},
    {{1000, .table = 100, .suppresses = true, .suppressed_length = 8}, "192.0.2.1", "192.0.2.1"},
};

static void test_rules_select_as_for_a_packet_of_this_node(void **state)
{
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		dump(fixture, &vectors[i].rule);
		assert_found(fixture, "10.1.0.1", vectors[i].ten);
		assert_found(fixture, "172.16.0.1", vectors[i].other);
	}
}

static void test_rule_may_exclude_a_group_of_interfaces(void **state)
{
	struct fixture *fixture = *state;

	dump(fixture, &(struct told_rule){1000, .table = 100, .other = FRA_SUPPRESS_IFGROUP});
	assert_found(fixture, "10.1.0.1", "192.0.2.9");
	message_link_group(fixture->view, 2, "eth0", 1);
	assert_found(fixture, "10.1.0.1", "192.0.2.1");
}

static void test_rules_of_one_priority_stand_as_they_came(void **state)
{
	struct fixture *fixture = *state;

	dump(fixture, &(struct told_rule){32766, .table = 100});
	assert_found(fixture, "10.1.0.1", "192.0.2.1");
	message_rule(fixture->view, RTM_DELRULE, (struct told_rule){32766, .table = RT_TABLE_MAIN});
	assert_found(fixture, "10.1.0.1", "192.0.2.9");
	assert_found(fixture, "172.16.0.1", "no route to it");
	message_rule(fixture->view, RTM_NEWRULE, (struct told_rule){32766, .table = RT_TABLE_MAIN});
	assert_found(fixture, "10.1.0.1", "192.0.2.9");
	assert_found(fixture, "172.16.0.1", "192.0.2.1");
}

static void test_repeated_rule_changes_nothing(void **state)
{
	struct fixture *fixture = *state;

	dump(fixture, NULL);
	fixture->changed = 0;
	message_rule(fixture->view, RTM_NEWRULE, (struct told_rule){32766, .table = RT_TABLE_MAIN});
	message_rule(fixture->view, RTM_DELRULE, (struct told_rule){5, .table = RT_TABLE_MAIN});
	assert_int_equal(fixture->changed, 0);
}

/* Tables for packets of others, which may be long, are not kept, nor asked for. */
static void test_tables_for_others_are_not_kept(void **state)
{
	struct fixture *fixture = *state;

	dump(fixture, NULL);
	message_rule(fixture->view, RTM_NEWRULE, (struct told_rule){1000, .table = 100, .mark = 1});
	message_rule(
	    fixture->view, RTM_NEWRULE, (struct told_rule){1001, .table = 101, .input = "eth0"});
	message_rule(fixture->view, RTM_NEWRULE, (struct told_rule){5, .table = RT_TABLE_LOCAL});
	assert_int_equal(fixture->incomplete, 0);
}

/* The rule that leads to our new table counts again when all of that is known. */
static void test_our_table_may_become_another_one(void **state)
{
	struct fixture *fixture = *state;
	const struct told_rule rule = {1000, .table = 100};
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse("10.0.0.0/8", &prefix, NULL));
	dump(fixture, &rule);
	kernel_view_move(fixture->view, 186, 0, 101);
	assert_null(kernel_view_foreign_route(fixture->view, &prefix, 0));
	assert_found(fixture, "172.16.0.1", "192.0.2.1");
	kernel_view_move(fixture->view, 186, 0, 100);
	assert_non_null(kernel_view_foreign_route(fixture->view, &prefix, 0));
	assert_found(fixture, "10.1.0.1", "192.0.2.9");
	kernel_view_move(fixture->view, 186, 0, RT_TABLE_MAIN);
	assert_found(fixture, "10.1.0.1", "192.0.2.9");
	message_rule(fixture->view, RTM_NEWRULE, (struct told_rule){900, .table = 101});
	kernel_view_move(fixture->view, 186, 0, 102);
	message_rule(fixture->view, RTM_NEWRULE, (struct told_rule){800, .table = 102});
	message_route(fixture->view, RTM_NEWROUTE, 0,
	    (struct told_route){"10.0.0.0/8", "192.0.2.3", 2, .table = 102});
	assert_found(fixture, "10.1.0.1", "192.0.2.9");
}

/* A kernel without policy rules looks into the main table. */
static void test_without_any_rule_the_main_table_counts(void **state)
{
	struct fixture *fixture = *state;

	kernel_view_begin_dump(fixture->view);
	message_link(fixture->view, RTM_NEWLINK, 2, "eth0", UP);
	tell_routes(fixture->view);
	kernel_view_end_dump(fixture->view);
	assert_found(fixture, "10.1.0.1", "192.0.2.1");
}

#define rules_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    rules_test(test_rule_of_higher_priority_leads_to_another_table),
	    rules_test(test_new_rule_counts_when_its_table_is_known),
	    rules_test(test_rule_that_comes_while_routes_are_dumped_wants_another_dump),
	    rules_test(test_rules_select_as_for_a_packet_of_this_node),
	    rules_test(test_rule_may_exclude_a_group_of_interfaces),
	    rules_test(test_rules_of_one_priority_stand_as_they_came),
	    rules_test(test_repeated_rule_changes_nothing),
	    rules_test(test_tables_for_others_are_not_kept),
	    rules_test(test_our_table_may_become_another_one),
	    rules_test(test_without_any_rule_the_main_table_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
