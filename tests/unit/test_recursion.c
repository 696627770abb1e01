/*
 * Next hops that routes of BGP lead to: a real RIB, a kernel view that is told what the kernel
 * would tell, and the tracker between them.  Nothing may depend on the order of events, so each
 * table is also built in every order.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fib/next_hop.h"
#include "kernel_messages.h"

enum { OWN_PROTOCOL = 186, OWN_METRIC = 20, PEERS = 4, MANY_PATHS = 40 };

struct fixture {
	struct loop *loop;
	struct rib *rib;
	struct kernel_view *view;
	struct next_hop_tracker tracker;
	struct rib_peer *peers[PEERS];
	bool installs;
	unsigned wakes;
	unsigned incomplete;
};

static bool in_slices; /* the turns of the loop have no time */

/* What the view and the tracker are told by, as in fib.c */

static void on_changed(void *arg)
{
	next_hop_tracker_start(&((struct fixture *)arg)->tracker);
}

static void on_prefix_changed(void *arg, const struct ip_prefix *prefix)
{
	next_hop_tracker_concern(&((struct fixture *)arg)->tracker, prefix);
}

static void on_replaced(void *arg, const struct kernel_route *by)
{
	(void)arg;
	(void)by;
}

static void on_incomplete(void *arg)
{
	((struct fixture *)arg)->incomplete++;
}

static const struct kernel_view_ops view_ops = {
    .changed = on_changed,
    .prefix_changed = on_prefix_changed,
    .links_changed = view_ignore,
    .address = view_ignore_address,
    .interface_lost = view_ignore_interface,
    .own_route = view_ignore_route,
    .foreign_route = view_ignore_route,
    .replaced = on_replaced,
    .incomplete = on_incomplete,
};

static bool would_install(
    void *arg, const struct ip_prefix *prefix, const struct rib_path *best, uint32_t *metric)
{
	(void)prefix;
	*metric = best->attributes->kernel_metric ? best->attributes->kernel_metric : OWN_METRIC;
	return ((struct fixture *)arg)->installs && best->peer != RIB_PEER_LOCAL;
}

static void on_wake(void *arg)
{
	((struct fixture *)arg)->wakes++;
}

/*
 * eth0 has 192.0.2.0/24, eth1 198.51.100.0/24; the routes of others are these, and one to
 * 10.255.0.0/16.
 */
static void tell_everything(struct fixture *fixture)
{
	struct kernel_view *view = fixture->view;

	message_link(view, RTM_NEWLINK, 2, "eth0", UP);
	message_link(view, RTM_NEWLINK, 3, "eth1", UP);
	message_address(view, RTM_NEWADDR, 2, "192.0.2.7", 24);
	message_address(view, RTM_NEWADDR, 3, "198.51.100.7", 24);
	message_rule(view, RTM_NEWRULE, (struct told_rule){0, .table = RT_TABLE_LOCAL});
	message_rule(view, RTM_NEWRULE, (struct told_rule){32766, .table = RT_TABLE_MAIN});
	message_rule(view, RTM_NEWRULE, (struct told_rule){32767, .table = RT_TABLE_DEFAULT});
	message_route(view, RTM_NEWROUTE, 0, told("192.0.2.0/24", NULL, 2, 0));
	message_route(view, RTM_NEWROUTE, 0, told("198.51.100.0/24", NULL, 3, 0));
	message_route(view, RTM_NEWROUTE, 0, told("10.255.0.0/16", "198.51.100.1", 3, 5));
}

static void start(struct fixture *fixture, uint32_t own_table)
{
	const struct rib_options options = {.hash_seed = 7, .multipath = 16};
	const struct installed_routes installed = {would_install, fixture};
	unsigned i;

	fixture->loop = loop_new();
	if (in_slices)
		loop_set_share(fixture->loop, 0);
	fixture->installs = true;
	fixture->rib = rib_new(NULL, &options);
	fixture->view = kernel_view_new(NULL, 7, OWN_PROTOCOL, own_table, &view_ops, fixture);
	next_hop_tracker_init(
	    &fixture->tracker, fixture->rib, fixture->view, &installed, on_wake, fixture);
	for (i = 0; i < PEERS; i++) {
		fixture->peers[i] = rib_peer_new(fixture->rib);
		fixture->peers[i]->source = POLICY_SOURCE_IBGP;
		fixture->peers[i]->identifier = i + 1;
		fixture->peers[i]->address = ip_address_from_ipv4(0xc0000201 + i);
	}
	kernel_view_begin_dump(fixture->view);
	tell_everything(fixture);
	kernel_view_end_dump(fixture->view);
}

static void stop(struct fixture *fixture)
{
	next_hop_tracker_release(&fixture->tracker);
	rib_free(fixture->rib);
	kernel_view_free(fixture->view);
	loop_free(fixture->loop);
}

static int set_up(void **state)
{
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));

	start(fixture, RT_TABLE_MAIN);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	stop(*state);
	free(*state);
	return 0;
}

/* Until nothing changes any more; the limit is what an oscillation would run into. */
static void settle(struct fixture *fixture)
{
	unsigned rounds = 0;
	bool moved = true;

	while (moved) {
		assert_true(++rounds < 20);
		rib_flush(fixture->rib);
		while (!next_hop_tracker_resolve(&fixture->tracker, fixture->loop, &moved))
			continue;
		rib_flush(fixture->rib);
	}
}

struct announced {
	unsigned peer;
	const char *prefix;
	const char *next_hop;
	uint32_t preference; /* 0: the default */
	uint32_t kernel_metric; /* 0: OWN_METRIC */
	uint32_t path_id;
};

static void announce_route(struct fixture *fixture, struct announced what)
{
	const struct attribute_set_extra extra = {.kernel_metric = what.kernel_metric};
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct bgp_attributes attributes;
	struct ip_prefix prefix;
	struct attribute_set *set;

	bgp_attributes_init(&attributes);
	assert_true(ip_address_parse(what.next_hop, &attributes.next_hop.address));
	if (what.preference) {
		attributes.local_pref = what.preference;
		bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_LOCAL_PREF);
	}
	assert_true(ip_prefix_parse(what.prefix, &prefix, NULL));
	set = attribute_set_intern(store, &attributes, &extra);
	rib_update(fixture->rib, fixture->peers[what.peer], &prefix, what.path_id, set, 0);
	attribute_set_release(store, set);
}

static void announce(
    struct fixture *fixture, unsigned peer, const char *prefix, const char *next_hop)
{
	announce_route(
	    fixture, (struct announced){.peer = peer, .prefix = prefix, .next_hop = next_hop});
}

static void withdraw(struct fixture *fixture, unsigned peer, const char *text)
{
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(text, &prefix, NULL));
	assert_true(rib_withdraw(fixture->rib, fixture->peers[peer], &prefix, 0));
}

static const struct kernel_resolution *find(struct fixture *fixture, const char *text)
{
	const struct next_hop *next_hop = NULL;
	struct ip_address address;

	assert_true(ip_address_parse(text, &address));
	while ((next_hop = next_hop_tracker_next(&fixture->tracker, next_hop))) {
		if (ip_address_equal(&next_hop->rib->key.address, &address))
			break;
	}
	assert_non_null(next_hop);
	assert_int_equal(next_hop->rib->reachable, next_hop->resolution.reachable);
	return &next_hop->resolution;
}

/* `via` NULL: not recursive. */
static void assert_resolves(
    struct fixture *fixture, const char *next_hop, const char *gateway, const char *via)
{
	const struct kernel_resolution *resolution = find(fixture, next_hop);
	char text[IP_TEXT_MAX];

	if (!resolution->reachable)
		fail_msg("%s: %s", next_hop, resolution->reason);
	assert_string_equal(ip_address_print(&resolution->hop.gateway, text), gateway);
	assert_int_equal(resolution->depth != 0, via != NULL);
	if (via)
		assert_string_equal(ip_prefix_print(&resolution->via, text), via);
}

static void assert_unreachable(struct fixture *fixture, const char *next_hop, const char *reason)
{
	const struct kernel_resolution *resolution = find(fixture, next_hop);

	assert_false(resolution->reachable);
	assert_string_equal(resolution->reason, reason);
}

/* Recursion */

static void test_default_route_of_bgp_leads_to_next_hops(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "no route to it");
	announce(fixture, 1, "0.0.0.0/0", "192.0.2.1");
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "192.0.2.1", "0.0.0.0/0");
	assert_int_equal(find(fixture, "203.0.113.9")->route_length, 24);
	assert_int_equal(find(fixture, "203.0.113.9")->hop.interface, 2);
	withdraw(fixture, 1, "0.0.0.0/0");
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "no route to it");
}

static void test_cost_is_the_metric_at_the_end_of_the_way(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 1, "203.0.113.0/24", "10.255.0.9");
	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "198.51.100.1", "203.0.113.0/24");
	assert_int_equal(find(fixture, "203.0.113.9")->cost, 5);
	assert_int_equal(find(fixture, "203.0.113.9")->depth, 1);
}

static void test_of_equal_paths_the_nearer_one_is_followed(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "203.0.113.0/24", "10.255.0.9");
	announce(fixture, 1, "203.0.113.0/24", "192.0.2.1");
	announce(fixture, 2, "10.1.0.0/16", "203.0.113.9");
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "192.0.2.1", "203.0.113.0/24");
	withdraw(fixture, 1, "203.0.113.0/24");
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "198.51.100.1", "203.0.113.0/24");
}

static void announce_chain(struct fixture *fixture)
{
	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 1, "203.0.113.0/24", "203.0.114.9");
	announce(fixture, 2, "203.0.114.0/24", "203.0.115.9");
	announce(fixture, 3, "203.0.115.0/24", "10.255.0.9");
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "198.51.100.1", "203.0.113.0/24");
	assert_int_equal(find(fixture, "203.0.113.9")->depth, 3);
}

static void test_chain_of_three_breaks_by_withdrawal(void **state)
{
	struct fixture *fixture = *state;

	announce_chain(fixture);
	withdraw(fixture, 3, "203.0.115.0/24");
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "no route to it");
	announce(fixture, 3, "203.0.115.0/24", "192.0.2.1");
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "192.0.2.1", "203.0.113.0/24");
}

static void test_chain_of_three_breaks_with_the_link(void **state)
{
	struct fixture *fixture = *state;

	announce_chain(fixture);
	message_link(fixture->view, RTM_NEWLINK, 3, "eth1", IFF_UP);
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "no route to it");
	assert_unreachable(fixture, "10.255.0.9", "its interface is down");
	message_link(fixture->view, RTM_NEWLINK, 3, "eth1", UP);
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "198.51.100.1", "203.0.113.0/24");
}

static void test_chain_of_three_follows_the_routes_of_others(void **state)
{
	struct fixture *fixture = *state;

	announce_chain(fixture);
	message_route(
	    fixture->view, RTM_NEWROUTE, NLM_F_REPLACE, told("10.255.0.0/16", "192.0.2.2", 2, 5));
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "192.0.2.2", "203.0.113.0/24");
	message_route(fixture->view, RTM_DELROUTE, 0, told("10.255.0.0/16", "192.0.2.2", 2, 5));
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "no route to it");
}

static void test_route_that_covers_its_own_next_hop_resolves_nothing(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "203.0.113.0/24", "203.0.113.9");
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "only routes that lead over it lead to it");
	message_route(fixture->view, RTM_NEWROUTE, 0, told("203.0.112.0/23", "192.0.2.1", 2, 5));
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "192.0.2.1", NULL);
	message_route(fixture->view, RTM_DELROUTE, 0, told("203.0.112.0/23", "192.0.2.1", 2, 5));
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "only routes that lead over it lead to it");
}

static void test_mutual_recursion_resolves_nothing(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "203.0.113.0/24", "203.0.114.9");
	announce(fixture, 1, "203.0.114.0/24", "203.0.113.9");
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "only routes that lead over it lead to it");
	assert_unreachable(fixture, "203.0.114.9", "only routes that lead over it lead to it");
	announce(fixture, 2, "0.0.0.0/0", "192.0.2.1");
	settle(fixture);
	assert_int_equal(find(fixture, "203.0.113.9")->hop.interface, 2);
	assert_int_equal(find(fixture, "203.0.114.9")->hop.interface, 2);
}

/*
 * The better default route is over a next hop that only the other one leads to: if it counted as
 * the best one, its own next hop would be gone, and the other one the best again.
 */
static void test_better_default_route_over_the_other_one_is_stable(void **state)
{
	struct fixture *fixture = *state;

	announce_route(
	    fixture, (struct announced){0, "0.0.0.0/0", "203.0.113.9", .preference = 200});
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "only routes that lead over it lead to it");
	announce(fixture, 1, "0.0.0.0/0", "192.0.2.1");
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "192.0.2.1", "0.0.0.0/0");
	/* A path that is not the best one of its prefix changes. */
	announce(fixture, 1, "0.0.0.0/0", "198.51.100.1");
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "198.51.100.1", "0.0.0.0/0");
	withdraw(fixture, 1, "0.0.0.0/0");
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "only routes that lead over it lead to it");
	assert_true(fixture->tracker.listener.every_path);
	withdraw(fixture, 0, "0.0.0.0/0");
	settle(fixture);
	assert_false(fixture->tracker.listener.every_path);
}

/* Its own routes of the prefix must not hide where the prefix leads. */
static void test_many_paths_over_their_own_prefix_do_not_hide_the_good_one(void **state)
{
	struct fixture *fixture = *state;
	char next_hop[32];
	unsigned i;

	for (i = 1; i <= MANY_PATHS; i++) {
		snprintf(next_hop, sizeof(next_hop), "203.0.113.%u", i);
		announce_route(fixture, (struct announced){.prefix = "0.0.0.0/0",
					    .next_hop = next_hop,
					    .preference = 300,
					    .path_id = i});
	}
	announce(fixture, 1, "0.0.0.0/0", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "203.0.113.99");
	settle(fixture);
	for (i = 1; i <= MANY_PATHS; i++) {
		snprintf(next_hop, sizeof(next_hop), "203.0.113.%u", i);
		assert_resolves(fixture, next_hop, "192.0.2.1", "0.0.0.0/0");
	}
	assert_resolves(fixture, "203.0.113.99", "192.0.2.1", "0.0.0.0/0");
}

static void test_too_long_a_chain_is_given_up(void **state)
{
	struct fixture *fixture = *state;
	char prefix[32], next_hop[32];
	unsigned i;

	for (i = 0; i <= RECURSION_DEPTH_MAX; i++) {
		snprintf(prefix, sizeof(prefix), "203.0.%u.0/24", i);
		snprintf(next_hop, sizeof(next_hop), "203.0.%u.1", i + 1);
		announce(fixture, 0, prefix, next_hop);
	}
	announce(fixture, 0, "10.1.0.0/16", "203.0.0.1");
	announce(fixture, 1, "10.2.0.0/16", "203.0.1.1");
	message_route(fixture->view, RTM_NEWROUTE, 0, told("203.0.9.0/24", "192.0.2.1", 2, 5));
	settle(fixture);
	assert_resolves(fixture, "203.0.1.1", "192.0.2.1", "203.0.1.0/24");
	assert_int_equal(find(fixture, "203.0.1.1")->depth, RECURSION_DEPTH_MAX);
	assert_unreachable(
	    fixture, "203.0.0.1", "too many routes of our own lead to it one after the other");
}

/* Each of a web of prefixes leads to each other one: more ways than could ever be followed. */
static void test_a_web_of_routes_takes_a_bounded_number_of_lookups(void **state)
{
	struct fixture *fixture = *state;
	struct kernel_resolution resolution;
	const struct next_hop *next_hop = NULL;
	const struct installed_routes installed = {would_install, fixture};
	char prefix[32], hop[32];
	unsigned i, peer;

	for (i = 0; i < 12; i++) {
		for (peer = 0; peer < PEERS; peer++) {
			snprintf(prefix, sizeof(prefix), "203.0.%u.0/24", i);
			snprintf(hop, sizeof(hop), "203.0.%u.%u", (i + 1 + peer * 3) % 12, peer);
			announce(fixture, peer, prefix, hop);
		}
	}
	settle(fixture);
	while ((next_hop = next_hop_tracker_next(&fixture->tracker, next_hop)))
		assert_true(recursion_resolve(fixture->rib, fixture->view, &installed,
				next_hop->rib, &resolution) <= 1000);
}

/* The table of our own is looked into twice on each level of the chain, and followed once. */
static void test_each_next_hop_of_a_chain_is_looked_up_once(void **state)
{
	struct fixture *fixture = *state;
	const struct installed_routes installed = {would_install, fixture};
	struct kernel_resolution resolution;
	const struct next_hop *next_hop = NULL;
	unsigned lookups = 0;

	message_rule(fixture->view, RTM_NEWRULE,
	    (struct told_rule){
		100, .table = RT_TABLE_MAIN, .suppresses = true, .suppressed_length = 24});
	announce_chain(fixture);
	while ((next_hop = next_hop_tracker_next(&fixture->tracker, next_hop)))
		lookups += recursion_resolve(
		    fixture->rib, fixture->view, &installed, next_hop->rib, &resolution);
	assert_int_equal(lookups, 4 + 3 + 2 + 1);
}

/* Which routes count */

static void test_routes_of_others_come_first_by_length_and_metric(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 1, "203.0.113.0/24", "198.51.100.1");
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "198.51.100.1", "203.0.113.0/24");
	message_route(fixture->view, RTM_NEWROUTE, 0, told("203.0.113.0/24", "192.0.2.2", 2, 30));
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "198.51.100.1", "203.0.113.0/24");
	message_route(fixture->view, RTM_NEWROUTE, 0, told("203.0.113.0/24", "192.0.2.3", 2, 20));
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "192.0.2.3", NULL);
	announce_route(
	    fixture, (struct announced){1, "203.0.113.0/24", "198.51.100.1", .kernel_metric = 10});
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "198.51.100.1", "203.0.113.0/24");
	message_route(fixture->view, RTM_NEWROUTE, 0, told("203.0.113.0/28", "192.0.2.4", 2, 99));
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "192.0.2.4", NULL);
}

static void test_blackhole_of_others_is_in_the_way_of_a_shorter_route(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 1, "0.0.0.0/0", "198.51.100.1");
	message_route(fixture->view, RTM_NEWROUTE, 0,
	    (struct told_route){"203.0.113.0/24", .type = RTN_BLACKHOLE});
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "a blackhole route is in the way");
}

static void announce_own(struct fixture *fixture, const char *text)
{
	const struct attribute_set_extra extra = {0};
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct bgp_attributes attributes;
	struct attribute_set *set;
	struct ip_prefix prefix;

	bgp_attributes_init(&attributes);
	assert_true(ip_prefix_parse(text, &prefix, NULL));
	set = attribute_set_intern(store, &attributes, &extra);
	rib_update(fixture->rib, rib_peer_at(fixture->rib, RIB_PEER_LOCAL), &prefix, 0, set, 0);
	attribute_set_release(store, set);
}

/* The kernel has no route for what this node announces itself. */
static void test_what_this_node_announces_leads_nowhere(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 1, "203.0.113.0/24", "198.51.100.1");
	announce(fixture, 1, "203.0.112.0/23", "192.0.2.1");
	announce_own(fixture, "203.0.113.0/24");
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "192.0.2.1", "203.0.112.0/23");
}

static void test_what_is_not_installed_resolves_nothing(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 1, "203.0.113.0/24", "198.51.100.1");
	fixture->installs = false;
	next_hop_tracker_start(&fixture->tracker);
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "our own route to it is not installed");
}

/* It would be looked for behind itself, so it is not installed. */
static void test_route_that_would_lead_to_its_own_gateway_does_not_count(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "192.0.2.0/25", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "192.0.2.2");
	settle(fixture);
	assert_resolves(fixture, "192.0.2.2", "192.0.2.2", NULL);
}

static void test_table_that_no_rule_leads_to_resolves_nothing(void **state)
{
	struct fixture *fixture = *state;

	stop(fixture);
	start(fixture, 100);
	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 1, "203.0.113.0/24", "198.51.100.1");
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "no rule leads to the table of our own routes");
	message_rule(fixture->view, RTM_NEWRULE, (struct told_rule){1000, .table = 100});
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "198.51.100.1", "203.0.113.0/24");
	/* A short one there is longer than none, and comes before the longer one of a later rule. */
	message_route(fixture->view, RTM_NEWROUTE, 0, told("203.0.113.0/28", "192.0.2.4", 2, 0));
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "198.51.100.1", "203.0.113.0/24");
	message_rule(fixture->view, RTM_NEWRULE,
	    (struct told_rule){900, .table = 100, .suppresses = true, .suppressed_length = 24});
	message_rule(fixture->view, RTM_DELRULE, (struct told_rule){1000, .table = 100});
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "192.0.2.4", NULL);
}

/* The default route of BGP does not count for the first rule, and does for the last one. */
static void test_suppressed_default_route_counts_for_a_later_rule(void **state)
{
	struct fixture *fixture = *state;

	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 1, "0.0.0.0/0", "198.51.100.1");
	message_rule(fixture->view, RTM_NEWRULE,
	    (struct told_rule){100, .table = RT_TABLE_MAIN, .suppresses = true});
	settle(fixture);
	assert_resolves(fixture, "203.0.113.9", "198.51.100.1", "0.0.0.0/0");
	message_rule(
	    fixture->view, RTM_NEWRULE, (struct told_rule){101, .action = FR_ACT_UNREACHABLE});
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "an unreachable rule is in the way");
	message_rule(
	    fixture->view, RTM_DELRULE, (struct told_rule){101, .action = FR_ACT_UNREACHABLE});
	message_rule(fixture->view, RTM_DELRULE, (struct told_rule){32766, .table = RT_TABLE_MAIN});
	settle(fixture);
	assert_unreachable(fixture, "203.0.113.9", "a rule suppresses the route to it");
}

/* Order */

enum { ORDERED = 5 };

static const struct announced ordered[ORDERED] = {
    {0, "0.0.0.0/0", "203.0.113.9", .preference = 200},
    {1, "0.0.0.0/0", "203.0.114.9", .preference = 150},
    {2, "0.0.0.0/0", "192.0.2.1", .preference = 0},
    {3, "203.0.114.0/24", "203.0.113.9", .preference = 0},
    {3, "203.0.113.0/24", "203.0.114.9", .preference = 0},
};

/* The outcome as text: reachable, gateway and prefix of each next hop. */
static void describe(struct fixture *fixture, char *text, size_t size)
{
	static const char *const next_hops[] = {"203.0.113.9", "203.0.114.9", "192.0.2.1"};
	size_t i;

	*text = 0;
	for (i = 0; i < 3; i++) {
		const struct kernel_resolution *resolution = find(fixture, next_hops[i]);
		char gateway[IP_TEXT_MAX], via[IP_TEXT_MAX];
		const size_t length = strlen(text);

		snprintf(text + length, size - length, "%d %s %s %u; ", resolution->reachable,
		    ip_address_print(&resolution->hop.gateway, gateway),
		    ip_prefix_print(&resolution->via, via), resolution->depth);
	}
}

static void announce_in_order(const unsigned order[ORDERED], bool settles, char *text, size_t size)
{
	struct fixture fixture = {0};
	unsigned i;

	start(&fixture, RT_TABLE_MAIN);
	for (i = 0; i < ORDERED; i++) {
		announce_route(&fixture, ordered[order[i]]);
		if (settles)
			settle(&fixture);
	}
	settle(&fixture);
	describe(&fixture, text, size);
	stop(&fixture);
}

/* Calls itself for each that may come next. */
static void try_orders(unsigned order[ORDERED], unsigned count, const char *expected)
{
	char text[512];
	unsigned next, i;

	if (count == ORDERED) {
		announce_in_order(order, true, text, sizeof(text));
		assert_string_equal(text, expected);
		announce_in_order(order, false, text, sizeof(text));
		assert_string_equal(text, expected);
	}
	for (next = 0; next < ORDERED && count < ORDERED; next++) {
		for (i = 0; i < count && order[i] != next;)
			i++;
		order[count] = next;
		if (i == count)
			try_orders(order, count + 1, expected);
	}
}

static void test_outcome_does_not_depend_on_the_order(void **state)
{
	unsigned order[ORDERED] = {0, 1, 2, 3, 4};
	char expected[512];

	(void)state;
	announce_in_order(order, false, expected, sizeof(expected));
	try_orders(order, 0, expected);
}

/* Changes */

/* A hundred thousand of them: nothing is to be resolved. */
static void test_routes_of_others_elsewhere_concern_no_next_hop(void **state)
{
	struct fixture *fixture = *state;
	char prefix[32];
	unsigned i;

	announce(fixture, 0, "10.1.0.0/16", "203.0.113.9");
	announce(fixture, 1, "203.0.113.0/24", "198.51.100.1");
	settle(fixture);
	fixture->wakes = 0;
	for (i = 0; i < 1000; i++) {
		snprintf(prefix, sizeof(prefix), "172.%u.%u.0/24", 16 + i / 256, i % 256);
		message_route(fixture->view, RTM_NEWROUTE, 0, told(prefix, "192.0.2.1", 2, 0));
	}
	assert_int_equal(fixture->wakes, 0);
	message_route(fixture->view, RTM_NEWROUTE, 0, told("203.0.0.0/16", "192.0.2.1", 2, 0));
	assert_int_equal(fixture->wakes, 1);
}

enum { MANY = 500 };

/* More than what is concerned one by one, and than what is resolved in a slice. */
static void test_many_next_hops_follow_one_route(void **state)
{
	struct fixture *fixture = *state;
	char prefix[32], next_hop[32];
	unsigned i;

	for (i = 0; i < MANY; i++) {
		snprintf(prefix, sizeof(prefix), "10.1.%u.%u/32", i / 256, i % 256);
		snprintf(next_hop, sizeof(next_hop), "203.0.%u.%u", i / 256, i % 256);
		announce(fixture, 0, prefix, next_hop);
	}
	announce(fixture, 1, "203.0.0.0/16", "198.51.100.1");
	settle(fixture);
	assert_resolves(fixture, "203.0.1.99", "198.51.100.1", "203.0.0.0/16");
	announce(fixture, 1, "203.0.0.0/16", "192.0.2.1");
	settle(fixture);
	for (i = 0; i < MANY; i++) {
		snprintf(next_hop, sizeof(next_hop), "203.0.%u.%u", i / 256, i % 256);
		assert_resolves(fixture, next_hop, "192.0.2.1", "203.0.0.0/16");
	}
	message_route(fixture->view, RTM_NEWROUTE, 0, told("203.0.0.0/24", "192.0.2.2", 2, 0));
	settle(fixture);
	assert_resolves(fixture, "203.0.0.99", "192.0.2.2", NULL);
	assert_resolves(fixture, "203.0.1.99", "192.0.2.1", "203.0.0.0/16");
}

#define recursion_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    recursion_test(test_default_route_of_bgp_leads_to_next_hops),
	    recursion_test(test_cost_is_the_metric_at_the_end_of_the_way),
	    recursion_test(test_of_equal_paths_the_nearer_one_is_followed),
	    recursion_test(test_chain_of_three_breaks_by_withdrawal),
	    recursion_test(test_chain_of_three_breaks_with_the_link),
	    recursion_test(test_chain_of_three_follows_the_routes_of_others),
	    recursion_test(test_route_that_covers_its_own_next_hop_resolves_nothing),
	    recursion_test(test_mutual_recursion_resolves_nothing),
	    recursion_test(test_better_default_route_over_the_other_one_is_stable),
	    recursion_test(test_many_paths_over_their_own_prefix_do_not_hide_the_good_one),
	    recursion_test(test_too_long_a_chain_is_given_up),
	    recursion_test(test_a_web_of_routes_takes_a_bounded_number_of_lookups),
	    recursion_test(test_each_next_hop_of_a_chain_is_looked_up_once),
	    recursion_test(test_routes_of_others_come_first_by_length_and_metric),
	    recursion_test(test_blackhole_of_others_is_in_the_way_of_a_shorter_route),
	    recursion_test(test_what_this_node_announces_leads_nowhere),
	    recursion_test(test_what_is_not_installed_resolves_nothing),
	    recursion_test(test_route_that_would_lead_to_its_own_gateway_does_not_count),
	    recursion_test(test_table_that_no_rule_leads_to_resolves_nothing),
	    recursion_test(test_suppressed_default_route_counts_for_a_later_rule),
	    cmocka_unit_test(test_outcome_does_not_depend_on_the_order),
	    recursion_test(test_routes_of_others_elsewhere_concern_no_next_hop),
	    recursion_test(test_many_next_hops_follow_one_route),
	};
	int failed = cmocka_run_group_tests_name("turns with time", tests, NULL, NULL);

	in_slices = true;
	return failed + cmocka_run_group_tests_name("turns without time", tests, NULL, NULL);
}
