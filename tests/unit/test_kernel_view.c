/*
 * The kernel view fed with messages made here: resolution, and what it forgets when links,
 * addresses and routes go.  No kernel is asked.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fib/kernel_resolve.h"
#include "kernel_messages.h"

#define OWN_PROTOCOL 186

struct fixture {
	struct kernel_view *view;
	unsigned changed;
	unsigned incomplete;
	unsigned links_changed;
	unsigned addresses;
	unsigned own;
	unsigned own_gone;
	unsigned foreign;
	unsigned foreign_gone;
	unsigned replaced;
	uint32_t lost;
};

static void on_changed(void *arg)
{
	((struct fixture *)arg)->changed++;
}

static void on_prefix_changed(void *arg, const struct ip_prefix *prefix)
{
	(void)prefix;
	((struct fixture *)arg)->changed++;
}

static void on_incomplete(void *arg)
{
	((struct fixture *)arg)->incomplete++;
}

static void on_links_changed(void *arg)
{
	((struct fixture *)arg)->links_changed++;
}

static void on_address(void *arg, const struct ip_address *address)
{
	(void)address;
	((struct fixture *)arg)->addresses++;
}

static void on_interface_lost(void *arg, uint32_t interface)
{
	((struct fixture *)arg)->lost = interface;
}

static void on_own_route(void *arg, const struct kernel_route *route, bool gone)
{
	struct fixture *fixture = arg;

	assert_int_equal(route->protocol, OWN_PROTOCOL);
	fixture->own += !gone;
	fixture->own_gone += gone;
}

static void on_foreign_route(void *arg, const struct kernel_route *route, bool gone)
{
	struct fixture *fixture = arg;

	assert_int_not_equal(route->protocol, OWN_PROTOCOL);
	fixture->foreign += !gone;
	fixture->foreign_gone += gone;
}

static void on_replaced(void *arg, const struct kernel_route *by)
{
	(void)by;
	((struct fixture *)arg)->replaced++;
}

static const struct kernel_view_ops ops = {
    .changed = on_changed,
    .prefix_changed = on_prefix_changed,
    .incomplete = on_incomplete,
    .links_changed = on_links_changed,
    .address = on_address,
    .interface_lost = on_interface_lost,
    .own_route = on_own_route,
    .foreign_route = on_foreign_route,
    .replaced = on_replaced,
};

/* Messages */

static void tell(struct fixture *fixture, struct nl_msg *message)
{
	kernel_view_message(fixture->view, nlmsg_hdr(message));
	nlmsg_free(message);
}

static void tell_link(
    struct fixture *fixture, int type, uint32_t index, const char *name, unsigned flags)
{
	message_link(fixture->view, type, index, name, flags);
}

static void tell_subnet(
    struct fixture *fixture, int type, uint32_t index, const char *text, uint8_t length)
{
	message_address(fixture->view, type, index, text, length);
}

static void tell_address(struct fixture *fixture, int type, uint32_t index, const char *text)
{
	message_address(fixture->view, type, index, text, 0);
}

static void tell_route(struct fixture *fixture, int type, uint16_t flags, struct told_route what)
{
	message_route(fixture->view, type, flags, what);
}

static struct kernel_resolution resolve(struct fixture *fixture, const char *text, uint32_t scope)
{
	struct kernel_resolution resolution;
	struct ip_address address;

	assert_true(ip_address_parse(text, &address));
	kernel_view_resolve(fixture->view, &address, scope, &resolution);
	assert_true(resolution.reachable || resolution.reason);
	return resolution;
}

static void assert_hop(
    const struct kernel_resolution *resolution, const char *gateway, uint32_t interface)
{
	struct ip_address address;

	assert_true(ip_address_parse(gateway, &address));
	assert_true(resolution->reachable);
	assert_true(resolution->hop.has_gateway);
	assert_true(ip_address_equal(&resolution->hop.gateway, &address));
	assert_int_equal(resolution->hop.interface, interface);
}

/* Two links; eth0 has both families and a default route, eth1 is the way to 10.0.0.0/8. */
static void tell_everything(struct fixture *fixture)
{
	tell_link(fixture, RTM_NEWLINK, 2, "eth0", UP);
	tell_link(fixture, RTM_NEWLINK, 3, "eth1", UP);
	tell_address(fixture, RTM_NEWADDR, 2, "fe80::2");
	tell_address(fixture, RTM_NEWADDR, 2, "192.0.2.7");
	tell_address(fixture, RTM_NEWADDR, 2, "2001:db8::7");
	tell_address(fixture, RTM_NEWADDR, 3, "198.51.100.7");
	tell_route(fixture, RTM_NEWROUTE, 0, told("192.0.2.0/24", NULL, 2, 0));
	tell_route(fixture, RTM_NEWROUTE, 0, told("198.51.100.0/24", NULL, 3, 0));
	tell_route(fixture, RTM_NEWROUTE, 0, told("0.0.0.0/0", "192.0.2.1", 2, 100));
	tell_route(fixture, RTM_NEWROUTE, 0, told("10.0.0.0/8", "198.51.100.1", 3, 5));
	tell_route(fixture, RTM_NEWROUTE, 0,
	    (struct told_route){"2001:db8::/64", NULL, 2, 256, .protocol = RTPROT_KERNEL});
}

static int set_up(void **state)
{
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));

	fixture->view = kernel_view_new(NULL, 7, OWN_PROTOCOL, RT_TABLE_MAIN, &ops, fixture);
	kernel_view_begin_dump(fixture->view);
	tell_everything(fixture);
	kernel_view_end_dump(fixture->view);
	fixture->changed = 0;
	fixture->links_changed = 0;
	fixture->foreign = 0;
	fixture->foreign_gone = 0;
	fixture->lost = 0;
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

/* Resolution */

static void test_nothing_resolves_before_the_first_dump_is_complete(void **state)
{
	struct fixture fixture = {0};

	(void)state;
	fixture.view = kernel_view_new(NULL, 7, OWN_PROTOCOL, RT_TABLE_MAIN, &ops, &fixture);
	kernel_view_begin_dump(fixture.view);
	tell_everything(&fixture);
	assert_false(resolve(&fixture, "192.0.2.1", 0).reachable);
	kernel_view_end_dump(fixture.view);
	assert_true(resolve(&fixture, "192.0.2.1", 0).reachable);
	kernel_view_free(fixture.view);
}

static void test_resolves_on_link_over_gateway_and_by_longest_match(void **state)
{
	struct kernel_resolution on_link = resolve(*state, "192.0.2.1", 0);
	struct kernel_resolution longest = resolve(*state, "10.1.2.3", 0);
	struct kernel_resolution by_default = resolve(*state, "203.0.113.1", 0);
	struct kernel_resolution ipv6 = resolve(*state, "2001:db8::1", 0);

	assert_hop(&on_link, "192.0.2.1", 2);
	assert_true(on_link.on_link);
	assert_int_equal(on_link.route_length, 24);
	assert_hop(&longest, "198.51.100.1", 3);
	assert_false(longest.on_link);
	assert_int_equal(longest.cost, 5);
	assert_hop(&by_default, "192.0.2.1", 2);
	assert_int_equal(by_default.cost, 100);
	assert_hop(&ipv6, "2001:db8::1", 2);
	assert_int_equal(ipv6.cost, 0);
}

static void test_lowest_metric_wins_within_a_prefix(void **state)
{
	struct kernel_resolution resolution;

	tell_route(*state, RTM_NEWROUTE, 0, told("10.0.0.0/8", "192.0.2.9", 2, 1));
	resolution = resolve(*state, "10.1.2.3", 0);
	assert_hop(&resolution, "192.0.2.9", 2);
	tell_route(*state, RTM_DELROUTE, 0, told("10.0.0.0/8", "192.0.2.9", 2, 1));
	resolution = resolve(*state, "10.1.2.3", 0);
	assert_hop(&resolution, "198.51.100.1", 3);
}

static void test_own_address_is_no_next_hop(void **state)
{
	const struct kernel_resolution resolution = resolve(*state, "192.0.2.7", 0);

	assert_false(resolution.reachable);
	assert_true(resolution.local);
}

static void test_link_local_next_hop_needs_its_interface_up(void **state)
{
	struct kernel_resolution resolution = resolve(*state, "fe80::1", 3);

	assert_hop(&resolution, "fe80::1", 3);
	assert_false(resolve(*state, "fe80::1", 0).reachable);
	assert_false(resolve(*state, "fe80::1", 99).reachable);
	tell_link(*state, RTM_NEWLINK, 3, "eth1", IFF_UP);
	assert_false(resolve(*state, "fe80::1", 3).reachable);
}

/* fe80::2 is ours on interface 2 and may be another's on any other link. */
static void test_own_link_local_address_counts_on_its_link(void **state)
{
	struct kernel_resolution resolution = resolve(*state, "fe80::2", 3);

	assert_false(resolution.local);
	assert_hop(&resolution, "fe80::2", 3);
	assert_true(resolve(*state, "fe80::2", 2).local);
	assert_true(resolve(*state, "fe80::2", 0).local);
}

static void test_blackhole_and_missing_routes_give_a_reason(void **state)
{
	tell_route(*state, RTM_NEWROUTE, 0,
	    (struct told_route){"10.9.0.0/16", NULL, 0, 0, .type = RTN_BLACKHOLE});
	assert_string_equal(
	    resolve(*state, "10.9.1.1", 0).reason, "a blackhole route is in the way");
	assert_string_equal(resolve(*state, "2001:db8:9::1", 0).reason, "no route to it");
}

static void test_routes_of_our_own_and_of_other_tables_resolve_nothing(void **state)
{
	struct fixture *fixture = *state;

	tell_route(fixture, RTM_NEWROUTE, 0,
	    (struct told_route){"2001:db8:1::/48", "2001:db8::1", 2, 20, .protocol = OWN_PROTOCOL});
	tell_route(fixture, RTM_NEWROUTE, 0,
	    (struct told_route){"2001:db8:2::/48", "2001:db8::1", 2, 20, .table = 100});
	assert_false(resolve(fixture, "2001:db8:1::1", 0).reachable);
	assert_false(resolve(fixture, "2001:db8:2::1", 0).reachable);
	assert_int_equal(fixture->own, 1);
	assert_int_equal(fixture->foreign, 0);
}

/* What goes */

static void test_link_down_ends_its_routes_without_a_word_of_the_kernel(void **state)
{
	struct fixture *fixture = *state;

	tell_link(fixture, RTM_NEWLINK, 3, "eth1", 0);
	assert_int_equal(fixture->lost, 3);
	assert_int_equal(fixture->foreign_gone, 2);
	assert_true(fixture->changed > 0);
	/* The default route is next. */
	assert_int_equal(resolve(fixture, "10.1.2.3", 0).hop.interface, 2);
	tell_link(fixture, RTM_NEWLINK, 3, "eth1", UP);
	assert_int_equal(resolve(fixture, "10.1.2.3", 0).hop.interface, 2);
}

enum { MANY_ROUTES = 1000, MORE_THAN_A_SLICE = 300 };

/* What is to be taken out is, in slices that end at once. */
static void view_without_time(struct fixture *fixture, struct loop *loop)
{
	loop_set_share(loop, 0);
	fixture->view = kernel_view_new(loop, 7, OWN_PROTOCOL, RT_TABLE_MAIN, &ops, fixture);
	kernel_view_begin_dump(fixture->view);
	tell_everything(fixture);
	kernel_view_end_dump(fixture->view);
}

/* They do not count from the moment on; to take them out is left to turns with time. */
static void test_many_routes_that_go_with_a_link_go_in_slices(void **state)
{
	struct fixture fixture = {0};
	struct loop *loop = loop_new();
	char prefix[32];
	unsigned i;

	(void)state;
	view_without_time(&fixture, loop);
	for (i = 0; i < MANY_ROUTES; i++) {
		snprintf(prefix, sizeof(prefix), "172.%u.%u.0/24", 16 + i / 256, i % 256);
		tell_route(&fixture, RTM_NEWROUTE, 0, told(prefix, "198.51.100.1", 3, 0));
	}
	tell_link(&fixture, RTM_NEWLINK, 3, "eth1", 0);
	assert_int_equal(fixture.foreign_gone, 0);
	assert_int_equal(resolve(&fixture, "172.16.1.1", 0).hop.interface, 2);
	tell_link(&fixture, RTM_NEWLINK, 3, "eth1", UP);
	assert_int_equal(resolve(&fixture, "172.16.1.1", 0).hop.interface, 2);
	tell_route(&fixture, RTM_NEWROUTE, 0, told("172.16.2.0/24", "198.51.100.1", 3, 0));
	loop_run_once(loop, 0);
	assert_in_range(fixture.foreign_gone, 1, MORE_THAN_A_SLICE);
	for (i = 0; i < MANY_ROUTES; i++)
		loop_run_once(loop, 0);
	/* But the one that was told again, and with the two of before. */
	assert_int_equal(fixture.foreign_gone, MANY_ROUTES - 1 + 2);
	assert_int_equal(resolve(&fixture, "172.16.1.1", 0).hop.interface, 2);
	assert_int_equal(resolve(&fixture, "172.16.2.1", 0).hop.interface, 3);
	kernel_view_free(fixture.view);
	loop_free(loop);
}

static void test_route_over_two_links_goes_with_the_second_one(void **state)
{
	struct fixture *fixture = *state;
	struct told_route over_both = told("172.16.0.0/16", "198.18.0.1", 2, 0);

	over_both.second_interface = 3;
	tell_route(fixture, RTM_NEWROUTE, 0, over_both);
	tell_route(fixture, RTM_NEWROUTE, 0, told("172.16.0.0/12", "203.0.113.1", 4, 0));
	tell_link(fixture, RTM_NEWLINK, 4, "eth2", UP);
	tell_link(fixture, RTM_NEWLINK, 2, "eth0", 0);
	assert_int_equal(resolve(fixture, "172.16.0.1", 0).hop.interface, 3);
	tell_link(fixture, RTM_NEWLINK, 2, "eth0", UP);
	tell_link(fixture, RTM_NEWLINK, 3, "eth1", 0);
	assert_int_equal(resolve(fixture, "172.16.0.1", 0).hop.interface, 2);
	/* Told again by an audit, with the hop that is dead. */
	tell_route(fixture, RTM_NEWROUTE, 0, over_both);
	tell_link(fixture, RTM_NEWLINK, 2, "eth0", 0);
	assert_int_equal(resolve(fixture, "172.16.0.1", 0).hop.interface, 4);
}

/* However soon the first of them is back, and however late the routes are taken out. */
static void test_route_over_two_links_is_gone_although_one_is_back(void **state)
{
	struct told_route over_both = told("172.16.0.0/16", "198.18.0.1", 2, 0);
	struct fixture fixture = {0};
	struct loop *loop = loop_new();

	(void)state;
	view_without_time(&fixture, loop);
	over_both.second_interface = 3;
	tell_route(&fixture, RTM_NEWROUTE, 0, over_both);
	loop_run_once(loop, 0);
	tell_link(&fixture, RTM_NEWLINK, 2, "eth0", 0);
	loop_run_once(loop, 0);
	tell_link(&fixture, RTM_NEWLINK, 3, "eth1", 0);
	tell_link(&fixture, RTM_NEWLINK, 2, "eth0", UP);
	for (unsigned i = 0; i < 10; i++)
		loop_run_once(loop, 0);
	assert_null(kernel_view_foreign_route(fixture.view,
	    &(struct ip_prefix){.family = IPV4, .length = 16, .bytes = {172, 16}}, 0));
	kernel_view_free(fixture.view);
	loop_free(loop);
}

static void test_lost_carrier_makes_routes_unusable_but_keeps_them(void **state)
{
	struct fixture *fixture = *state;

	tell_link(fixture, RTM_NEWLINK, 3, "eth1", IFF_UP);
	assert_int_equal(fixture->lost, 0);
	assert_string_equal(resolve(fixture, "10.1.2.3", 0).reason, "its interface is down");
	tell_link(fixture, RTM_NEWLINK, 3, "eth1", UP);
	assert_true(resolve(fixture, "10.1.2.3", 0).reachable);
}

static void test_removed_link_is_forgotten(void **state)
{
	struct fixture *fixture = *state;

	tell_link(fixture, RTM_DELLINK, 3, "eth1", 0);
	assert_null(kernel_view_link(fixture->view, 3));
	assert_int_equal(fixture->lost, 3);
}

static void test_last_ipv4_address_takes_the_routes_of_its_interface(void **state)
{
	struct fixture *fixture = *state;

	tell_address(fixture, RTM_NEWADDR, 3, "198.51.100.8");
	tell_address(fixture, RTM_DELADDR, 3, "198.51.100.7");
	assert_int_equal(fixture->lost, 0);
	assert_int_equal(resolve(fixture, "10.1.2.3", 0).hop.interface, 3);
	tell_address(fixture, RTM_DELADDR, 3, "198.51.100.8");
	assert_int_equal(fixture->lost, 3);
	assert_int_equal(resolve(fixture, "10.1.2.3", 0).hop.interface, 2);
}

static void test_dump_forgets_what_it_does_not_tell(void **state)
{
	struct fixture *fixture = *state;

	kernel_view_begin_dump(fixture->view);
	tell_link(fixture, RTM_NEWLINK, 2, "eth0", UP);
	tell_address(fixture, RTM_NEWADDR, 2, "192.0.2.7");
	tell_route(fixture, RTM_NEWROUTE, 0, told("192.0.2.0/24", NULL, 2, 0));
	assert_true(resolve(fixture, "10.1.2.3", 0).reachable);
	kernel_view_end_dump(fixture->view);
	assert_false(resolve(fixture, "10.1.2.3", 0).reachable);
	assert_true(resolve(fixture, "192.0.2.1", 0).reachable);
	assert_null(kernel_view_link(fixture->view, 3));
	assert_int_equal(fixture->foreign_gone, 4);
}

static void test_replacing_route_takes_the_place_of_the_foreign_one(void **state)
{
	struct fixture *fixture = *state;
	struct kernel_resolution resolution;

	tell_route(fixture, RTM_NEWROUTE, NLM_F_REPLACE, told("10.0.0.0/8", "192.0.2.3", 2, 5));
	resolution = resolve(fixture, "10.1.2.3", 0);
	assert_hop(&resolution, "192.0.2.3", 2);
	assert_int_equal(fixture->replaced, 0);
	tell_route(fixture, RTM_DELROUTE, 0, told("10.0.0.0/8", "192.0.2.3", 2, 5));
	resolution = resolve(fixture, "10.1.2.3", 0);
	assert_hop(&resolution, "192.0.2.1", 2);
}

static void test_replacing_route_where_no_foreign_one_was_is_told(void **state)
{
	struct fixture *fixture = *state;

	tell_route(fixture, RTM_NEWROUTE, NLM_F_REPLACE, told("10.7.0.0/16", "192.0.2.3", 2, 20));
	assert_int_equal(fixture->replaced, 1);
}

/* Asking */

static void test_foreign_route_is_found_by_its_place(void **state)
{
	struct fixture *fixture = *state;
	struct ip_prefix prefix;

	ip_prefix_parse("10.0.0.0/8", &prefix, NULL);
	assert_non_null(kernel_view_foreign_route(fixture->view, &prefix, 5));
	assert_null(kernel_view_foreign_route(fixture->view, &prefix, 20));
}

static void test_interface_address_prefers_global_ones(void **state)
{
	struct fixture *fixture = *state;
	struct ip_address address;
	char text[IP_TEXT_MAX];

	assert_true(kernel_view_interface_address(fixture->view, 2, IPV6, &address));
	assert_string_equal(ip_address_print(&address, text), "2001:db8::7");
	tell_address(fixture, RTM_DELADDR, 2, "2001:db8::7");
	assert_true(kernel_view_interface_address(fixture->view, 2, IPV6, &address));
	assert_string_equal(ip_address_print(&address, text), "fe80::2");
	assert_false(kernel_view_interface_address(fixture->view, 3, IPV6, &address));
}

static void test_link_local_address_is_of_the_interface(void **state)
{
	struct fixture *fixture = *state;
	struct ip_address address;
	char text[IP_TEXT_MAX];

	assert_true(kernel_view_link_local_address(fixture->view, 2, &address));
	assert_string_equal(ip_address_print(&address, text), "fe80::2");
	tell_address(fixture, RTM_DELADDR, 2, "fe80::2");
	assert_false(kernel_view_link_local_address(fixture->view, 2, &address));
}

static bool is_usable(const struct fixture *fixture, const char *text)
{
	struct ip_address address;

	assert_true(ip_address_parse(text, &address));
	return kernel_view_is_usable_address(fixture->view, &address);
}

static void test_address_is_usable_once_nobody_else_has_it(void **state)
{
	struct fixture *fixture = *state;

	assert_true(is_usable(fixture, "192.0.2.7"));
	assert_false(is_usable(fixture, "192.0.2.8"));
	message_address_with(fixture->view, RTM_NEWADDR, 2, "2001:db8:5::7", 64, IFA_F_TENTATIVE);
	assert_false(is_usable(fixture, "2001:db8:5::7"));
	message_address_with(fixture->view, RTM_NEWADDR, 2, "2001:db8:5::7", 64, 0);
	assert_true(is_usable(fixture, "2001:db8:5::7"));
}

static bool has_segment(
    const struct fixture *fixture, enum ip_family family, const char *inside, const char *wanted)
{
	char text[IP_TEXT_MAX];
	struct ip_address address;
	struct ip_prefix segment;

	assert_true(ip_address_parse(inside, &address));
	if (!kernel_view_segment(fixture->view, 9, family, &address, &segment))
		return false;
	assert_string_equal(ip_prefix_print(&segment, text), wanted);
	return true;
}

static void test_segment_is_the_one_that_the_neighbour_is_in(void **state)
{
	struct fixture *fixture = *state;

	tell_link(fixture, RTM_NEWLINK, 9, "eth9", IFF_UP | IFF_RUNNING);
	tell_subnet(fixture, RTM_NEWADDR, 9, "10.9.0.1", 32);
	tell_subnet(fixture, RTM_NEWADDR, 9, "10.9.1.1", 24);
	tell_subnet(fixture, RTM_NEWADDR, 9, "10.9.2.1", 24);
	tell_subnet(fixture, RTM_NEWADDR, 9, "fe80::9", 64);
	tell_subnet(fixture, RTM_NEWADDR, 8, "10.9.3.1", 24);
	assert_true(has_segment(fixture, IPV4, "10.9.2.77", "10.9.2.0/24"));
	assert_false(has_segment(fixture, IPV4, "10.9.3.77", ""));
	assert_true(has_segment(fixture, IPV4, "fe80::77", "10.9.1.0/24"));
	assert_false(has_segment(fixture, IPV6, "fe80::77", ""));
	tell_subnet(fixture, RTM_NEWADDR, 9, "2001:db8:9::1", 48);
	assert_true(has_segment(fixture, IPV6, "10.9.2.77", "2001:db8:9::/48"));
	/* The same address in another subnet. */
	tell_subnet(fixture, RTM_NEWADDR, 9, "2001:db8:9::1", 64);
	assert_true(has_segment(fixture, IPV6, "10.9.2.77", "2001:db8:9::/64"));
}

static void test_repeated_messages_change_nothing(void **state)
{
	struct fixture *fixture = *state;

	tell_everything(fixture);
	assert_int_equal(fixture->changed, 0);
	assert_int_equal(fixture->links_changed, 0);
}

static void test_bridge_port_messages_leave_links_alone(void **state)
{
	struct fixture *fixture = *state;
	const struct ifinfomsg header = {.ifi_family = AF_BRIDGE, .ifi_index = 3};
	struct nl_msg *message = nlmsg_alloc_simple(RTM_DELLINK, 0);

	nlmsg_append(message, (void *)&header, sizeof(header), NLMSG_ALIGNTO);
	tell(fixture, message);
	assert_non_null(kernel_view_link(fixture->view, 3));
}

static void test_short_messages_are_ignored(void **state)
{
	static const int types[] = {RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_DELLINK,
	    RTM_DELADDR, RTM_DELROUTE, RTM_NEWRULE};
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct nl_msg *message = nlmsg_alloc_simple(types[i], 0);

		nlmsg_append(message, (void *)"\2\0\0", 3, 0);
		tell(fixture, message);
	}
	assert_int_equal(fixture->changed, 0);
}

/* Neighbours */

struct told_neighbour {
	const char *address;
	uint32_t interface;
	uint16_t state;
	uint8_t flags;
};

static void tell_neighbour(struct fixture *fixture, int type, struct told_neighbour what)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, 0);
	struct ip_address address;
	struct ndmsg header = {
	    .ndm_ifindex = (int)what.interface, .ndm_state = what.state, .ndm_flags = what.flags};

	assert_true(ip_address_parse(what.address, &address));
	header.ndm_family = address.family == IPV4 ? AF_INET : AF_INET6;
	nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
	nla_put(message, NDA_DST, (int)ip_family_bits(address.family) / 8, address.bytes);
	tell(fixture, message);
}

static void know(
    struct fixture *fixture, const char *address, uint32_t interface, uint16_t state, uint8_t flags)
{
	tell_neighbour(
	    fixture, RTM_NEWNEIGH, (struct told_neighbour){address, interface, state, flags});
}

/* The text is NULL if there must be nobody. */
static void assert_neighbour(const struct fixture *fixture, uint32_t interface, const char *text)
{
	struct ip_address address, wanted;
	const bool found = kernel_view_neighbour(fixture->view, interface, &address);

	assert_int_equal(found, text != NULL);
	if (text) {
		assert_true(ip_address_parse(text, &wanted));
		assert_true(ip_address_equal(&address, &wanted));
	}
}

static void test_the_only_neighbour_of_a_link_is_found(void **state)
{
	struct fixture *fixture = *state;

	assert_neighbour(fixture, 2, NULL);
	know(fixture, "fe80::a", 2, NUD_STALE, 0);
	know(fixture, "fe80::b", 3, NUD_REACHABLE, 0);
	assert_neighbour(fixture, 2, "fe80::a");
	know(fixture, "fe80::c", 2, NUD_DELAY, 0);
	assert_neighbour(fixture, 2, NULL);
	know(fixture, "fe80::c", 2, NUD_PROBE, NTF_ROUTER);
	assert_neighbour(fixture, 2, "fe80::c");
	know(fixture, "fe80::a", 2, NUD_STALE, NTF_ROUTER);
	assert_neighbour(fixture, 2, NULL);
	assert_neighbour(fixture, 3, "fe80::b");
}

static void test_who_does_not_answer_is_no_neighbour(void **state)
{
	struct fixture *fixture = *state;

	know(fixture, "fe80::a", 2, NUD_INCOMPLETE, 0);
	assert_neighbour(fixture, 2, NULL);
	know(fixture, "fe80::a", 2, NUD_REACHABLE, NTF_ROUTER);
	know(fixture, "fe80::b", 2, NUD_REACHABLE, 0);
	assert_neighbour(fixture, 2, "fe80::a");
	know(fixture, "fe80::a", 2, NUD_FAILED, NTF_ROUTER);
	assert_neighbour(fixture, 2, "fe80::b");
	tell_neighbour(fixture, RTM_DELNEIGH, (struct told_neighbour){"fe80::b", 2, NUD_STALE, 0});
	assert_neighbour(fixture, 2, NULL);
}

static void test_only_link_local_neighbours_count(void **state)
{
	struct fixture *fixture = *state;
	const unsigned changed = fixture->changed;

	know(fixture, "192.0.2.1", 2, NUD_REACHABLE, 0);
	know(fixture, "2001:db8::1", 2, NUD_REACHABLE, NTF_ROUTER);
	know(fixture, "ff02::2", 2, NUD_NOARP, 0);
	know(fixture, "fe80::a", 2, NUD_REACHABLE, NTF_PROXY);
	assert_neighbour(fixture, 2, NULL);
	assert_int_equal(fixture->changed, changed);
}

static void test_neighbours_of_an_older_dump_are_forgotten(void **state)
{
	struct fixture *fixture = *state;

	know(fixture, "fe80::a", 2, NUD_REACHABLE, 0);
	know(fixture, "fe80::b", 2, NUD_REACHABLE, 0);
	kernel_view_begin_dump(fixture->view);
	tell_everything(fixture);
	know(fixture, "fe80::b", 2, NUD_STALE, 0);
	kernel_view_end_dump(fixture->view);
	assert_neighbour(fixture, 2, "fe80::b");
}

static void test_neighbours_are_limited(void **state)
{
	struct fixture *fixture = *state;
	char text[32];
	unsigned i;

	for (i = 1; i <= 1100; i++) {
		snprintf(text, sizeof(text), "fe80::%x", i);
		know(fixture, text, 3, NUD_STALE, 0);
	}
	know(fixture, "fe80::a", 2, NUD_STALE, 0);
	assert_neighbour(fixture, 2, NULL);
	tell_neighbour(fixture, RTM_DELNEIGH, (struct told_neighbour){"fe80::1", 3, NUD_STALE, 0});
	know(fixture, "fe80::a", 2, NUD_STALE, 0);
	assert_neighbour(fixture, 2, "fe80::a");
}

static void test_links_are_found_by_name(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(kernel_view_link_by_name(fixture->view, "eth1")->index, 3);
	assert_null(kernel_view_link_by_name(fixture->view, "eth2"));
	tell_link(fixture, RTM_NEWLINK, 3, "eth2", UP);
	assert_int_equal(kernel_view_link_by_name(fixture->view, "eth2")->index, 3);
	assert_null(kernel_view_link_by_name(fixture->view, "eth1"));
}

#define view_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_resolves_before_the_first_dump_is_complete),
	    view_test(test_resolves_on_link_over_gateway_and_by_longest_match),
	    view_test(test_lowest_metric_wins_within_a_prefix),
	    view_test(test_own_address_is_no_next_hop),
	    view_test(test_link_local_next_hop_needs_its_interface_up),
	    view_test(test_own_link_local_address_counts_on_its_link),
	    view_test(test_blackhole_and_missing_routes_give_a_reason),
	    view_test(test_routes_of_our_own_and_of_other_tables_resolve_nothing),
	    view_test(test_link_down_ends_its_routes_without_a_word_of_the_kernel),
	    cmocka_unit_test(test_many_routes_that_go_with_a_link_go_in_slices),
	    view_test(test_route_over_two_links_goes_with_the_second_one),
	    view_test(test_route_over_two_links_is_gone_although_one_is_back),
	    view_test(test_lost_carrier_makes_routes_unusable_but_keeps_them),
	    view_test(test_removed_link_is_forgotten),
	    view_test(test_last_ipv4_address_takes_the_routes_of_its_interface),
	    view_test(test_dump_forgets_what_it_does_not_tell),
	    view_test(test_replacing_route_takes_the_place_of_the_foreign_one),
	    view_test(test_replacing_route_where_no_foreign_one_was_is_told),
	    view_test(test_foreign_route_is_found_by_its_place),
	    view_test(test_interface_address_prefers_global_ones),
	    view_test(test_link_local_address_is_of_the_interface),
	    view_test(test_address_is_usable_once_nobody_else_has_it),
	    view_test(test_segment_is_the_one_that_the_neighbour_is_in),
	    view_test(test_the_only_neighbour_of_a_link_is_found),
	    view_test(test_who_does_not_answer_is_no_neighbour),
	    view_test(test_only_link_local_neighbours_count),
	    view_test(test_neighbours_of_an_older_dump_are_forgotten),
	    view_test(test_neighbours_are_limited),
	    view_test(test_links_are_found_by_name),
	    view_test(test_repeated_messages_change_nothing),
	    view_test(test_bridge_port_messages_leave_links_alone),
	    view_test(test_short_messages_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
