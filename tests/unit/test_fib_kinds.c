/*
 * What kinds of routes the FIB makes: with the weights of link bandwidths, and to nowhere for what
 * this node announces.  On the ground of fib_rig.h.
 */
#include "fib_rig.h"

#define AGGREGATE "metric 4294967295"

/* Weights */

static void announce_with_bandwidth(struct fixture *fixture, unsigned peer, const char *prefix_text,
    const char *next_hop, const char *bandwidth)
{
	static const struct attribute_set_extra extra;
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct bgp_attributes attributes;
	struct bgp_community community;
	struct attribute_set *set;
	struct ip_prefix prefix;

	bgp_attributes_init(&attributes);
	assert_true(ip_address_parse(next_hop, &attributes.next_hop.address));
	assert_true(bgp_community_parse(bandwidth, &community));
	bgp_attributes_set_communities(&attributes, BGP_COMMUNITY_EXTENDED,
	    (struct wire_span){community.bytes, bgp_community_size(BGP_COMMUNITY_EXTENDED)});
	assert_true(ip_prefix_parse(prefix_text, &prefix, NULL));
	set = attribute_set_intern(store, &attributes, &extra);
	rib_update(fixture->rib, fixture->peers[peer], &prefix, 0, set, 0);
	attribute_set_release(store, set);
}

static void test_weights_follow_the_link_bandwidth(void **state)
{
	struct fixture *fixture = *state;

	announce_with_bandwidth(fixture, 0, "10.1.0.0/16", "192.0.2.1", "bandwidth:1:1.25e9");
	announce_with_bandwidth(fixture, 1, "10.1.0.0/16", "198.51.100.1", "bandwidth:2:5e9");
	announce_with_bandwidth(fixture, 0, "2001:db8:100::/48", "2001:db8::1", "bandwidth:1:5e9");
	announce_with_bandwidth(
	    fixture, 1, "2001:db8:100::/48", "2001:db8:1::1", "transitive-bandwidth:2:2e9");
	expect(fixture, "route show 10.1.0.0/16",
	    "nexthop via 192.0.2.1 dev d0 weight 1 nexthop via 198.51.100.1 dev d1 weight 4 ");
	expect(fixture, "-6 route show 2001:db8:100::/48",
	    "nexthop via 2001:db8::1 dev d0 weight 5 nexthop via 2001:db8:1::1 dev d1 weight 2 ");
	/* The paths are the same ones but for their bandwidth. */
	announce_with_bandwidth(fixture, 1, "10.1.0.0/16", "198.51.100.1", "bandwidth:2:2.5e9");
	expect(fixture, "route show 10.1.0.0/16",
	    "nexthop via 192.0.2.1 dev d0 weight 1 nexthop via 198.51.100.1 dev d1 weight 2 ");
	announce_with_bandwidth(fixture, 1, "10.1.0.0/16", "198.51.100.1", "bandwidth:2:1e30");
	expect(fixture, "route show 10.1.0.0/16",
	    "nexthop via 192.0.2.1 dev d0 weight 1 nexthop via 198.51.100.1 dev d1 weight 256 ");
	assert_int_equal(fixture->failed, 0);
	assert_int_equal(fib_counters(fixture->fib)->repaired, 0);
}

static void test_without_all_bandwidths_hops_are_equal(void **state)
{
	struct fixture *fixture = *state;

	announce_with_bandwidth(fixture, 0, "10.1.0.0/16", "192.0.2.1", "bandwidth:1:1e9");
	announce_with_bandwidth(fixture, 1, "10.1.0.0/16", "198.51.100.1", "bandwidth:1:3e9");
	expect(fixture, "route show 10.1.0.0/16", "dev d1 weight 3 ");
	announce_with_bandwidth(fixture, 1, "10.1.0.0/16", "198.51.100.1", "bandwidth:1:0");
	expect(fixture, "route show 10.1.0.0/16",
	    "dev d0 weight 1 nexthop via 198.51.100.1 dev d1 weight 1 ");
	announce_with_bandwidth(fixture, 1, "10.1.0.0/16", "198.51.100.1", "bandwidth:1:3e9");
	expect(fixture, "route show 10.1.0.0/16", "dev d1 weight 3 ");
	announce(fixture, 2, "10.1.0.0/16", "198.51.100.2");
	expect(fixture, "route show 10.1.0.0/16",
	    "nexthop via 192.0.2.1 dev d0 weight 1 nexthop via 198.51.100.1 dev d1 weight 1 "
	    "nexthop via 198.51.100.2 dev d1 weight 1 ");
}

static void test_bandwidths_of_one_hop_add_up(void **state)
{
	struct fixture *fixture = *state;

	announce_with_bandwidth(fixture, 0, "10.1.0.0/16", "192.0.2.1", "bandwidth:1:1e9");
	announce_with_bandwidth(fixture, 1, "10.1.0.0/16", "192.0.2.1", "bandwidth:1:2e9");
	announce_with_bandwidth(fixture, 2, "10.1.0.0/16", "198.51.100.1", "bandwidth:1:1e9");
	expect(fixture, "route show 10.1.0.0/16",
	    "nexthop via 192.0.2.1 dev d0 weight 3 nexthop via 198.51.100.1 dev d1 weight 1 ");
	/* Another next hop, behind the same gateway. */
	run("ip route add 203.0.113.0/24 via 192.0.2.1");
	announce_with_bandwidth(fixture, 1, "10.1.0.0/16", "203.0.113.9", "bandwidth:1:4e9");
	expect(fixture, "route show 10.1.0.0/16",
	    "nexthop via 192.0.2.1 dev d0 weight 5 nexthop via 198.51.100.1 dev d1 weight 1 ");
}

/* Has the FIB read everything from the kernel: the neighbours, which are the last, and routes. */
static void audit(struct fixture *fixture)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;
	const uint32_t d0 = if_nametoindex("d0");
	struct ip_address address;

	run("ip neighbour add fe80::a lladdr 02:00:00:00:00:0a dev d0 router");
	fib_hear_neighbours(fixture->fib, true);
	while (!fib_neighbour(fixture->fib, d0, &address) && loop_now(fixture->loop) < deadline)
		turn(fixture, 10);
	assert_true(fib_neighbour(fixture->fib, d0, &address));
	turn(fixture, 10);
}

static void test_changed_weights_are_put_right(void **state)
{
	struct fixture *fixture = *state;
	uint64_t requests;

	announce_with_bandwidth(fixture, 0, "10.1.0.0/16", "192.0.2.1", "bandwidth:1:1e9");
	announce_with_bandwidth(fixture, 1, "10.1.0.0/16", "198.51.100.1", "bandwidth:1:3e9");
	announce_with_bandwidth(fixture, 0, "2001:db8:100::/48", "2001:db8::1", "bandwidth:1:1e9");
	announce_with_bandwidth(
	    fixture, 1, "2001:db8:100::/48", "2001:db8:1::1", "bandwidth:1:3e9");
	expect(fixture, "route show 10.1.0.0/16", "dev d1 weight 3 ");
	expect(fixture, "-6 route show 2001:db8:100::/48", "dev d1 weight 3 ");
	requests = fib_counters(fixture->fib)->requests;
	audit(fixture);
	assert_int_equal(fib_counters(fixture->fib)->requests, requests);
	run("ip route replace 10.1.0.0/16 proto bgp metric 20 nexthop via 192.0.2.1 weight 1 "
	    "nexthop via 198.51.100.1 weight 2");
	run("ip -6 route replace 2001:db8:100::/48 proto bgp metric 20 "
	    "nexthop via 2001:db8::1 weight 1 nexthop via 2001:db8:1::1 weight 2");
	expect(fixture, "route show 10.1.0.0/16", "dev d1 weight 3 ");
	expect(fixture, "-6 route show 2001:db8:100::/48", "dev d1 weight 3 ");
	assert_in_range(fib_counters(fixture->fib)->repaired, 2, UINT32_MAX);
}

/* Aggregates */

static void announce_own(struct fixture *fixture, const char *text)
{
	static const struct attribute_set_extra extra;
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

static void withdraw_own(struct fixture *fixture, const char *text)
{
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(text, &prefix, NULL));
	assert_true(
	    rib_withdraw(fixture->rib, rib_peer_at(fixture->rib, RIB_PEER_LOCAL), &prefix, 0));
}

static void set_aggregates(struct fixture *fixture, enum fib_aggregates aggregates)
{
	struct fib_settings settings = default_settings;

	settings.aggregates = aggregates;
	fib_change(fixture->fib, &settings);
}

static void test_aggregates_are_what_is_announced(void **state)
{
	struct fixture *fixture = *state;

	announce_own(fixture, "10.244.1.0/24");
	announce_own(fixture, "10.96.0.10/32");
	announce_own(fixture, "2001:db8:244::/64");
	announce_own(fixture, "2001:db8:96::a/128");
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "proto bgp");
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], 1);
	set_aggregates(fixture, FIB_AGGREGATES_BLACKHOLE);
	expect(fixture, "route show 10.244.1.0/24", "blackhole 10.244.1.0/24 proto bgp " AGGREGATE);
	expect(fixture, "-6 route show 2001:db8:244::/64",
	    "blackhole 2001:db8:244::/64 dev lo proto bgp " AGGREGATE);
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], 2);
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV6], 1);
	assert_int_equal(find(fixture, "10.244.1.0/24").state, FIB_INSTALLED);
	set_aggregates(fixture, FIB_AGGREGATES_UNREACHABLE);
	expect(
	    fixture, "route show 10.244.1.0/24", "unreachable 10.244.1.0/24 proto bgp " AGGREGATE);
	expect(fixture, "-6 route show 2001:db8:244::/64", "unreachable 2001:db8:244::/64 dev lo");
	withdraw_own(fixture, "10.244.1.0/24");
	expect(fixture, "route show 10.244.1.0/24", NULL);
	set_aggregates(fixture, FIB_AGGREGATES_NONE);
	expect(fixture, "-6 route show 2001:db8:244::/64", NULL);
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], 1);
	assert_int_equal(fixture->failed, 0);
	assert_int_equal(fib_counters(fixture->fib)->repaired, 0);
}

static void test_aggregates_are_of_the_own_pod_cidrs_too(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;
	struct ip_prefix own;

	assert_true(ip_prefix_parse("10.244.1.0/24", &own, NULL));
	fib_set_own_prefixes(fixture->fib, &own, 1);
	announce_own(fixture, "10.244.1.0/24");
	announce_own(fixture, "169.254.0.0/16"); /* not a destination that is routed */
	set_aggregates(fixture, FIB_AGGREGATES_UNREACHABLE);
	expect(fixture, "route show 10.244.1.0/24", "unreachable");
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], 1);
	settings.aggregates = FIB_AGGREGATES_UNREACHABLE;
	settings.install = false;
	fib_change(fixture->fib, &settings);
	expect(fixture, "route show proto bgp", NULL);
}

static void test_better_path_of_a_neighbour_is_no_aggregate(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	settings.aggregates = FIB_AGGREGATES_BLACKHOLE;
	fib_change(fixture->fib, &settings);
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp metric 20 ");
	announce_own(fixture, "10.1.0.0/16"); /* better: originated here */
	expect(fixture, "route show 10.1.0.0/16", "blackhole 10.1.0.0/16 proto bgp " AGGREGATE);
	expect(fixture, "route show 10.1.0.0/16 metric 20", NULL);
	withdraw_own(fixture, "10.1.0.0/16");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp");
	expect(fixture, "route show type blackhole", NULL);
	assert_int_equal(fib_counters(fixture->fib)->routes[IPV4], 1);
}

static void test_aggregate_in_the_place_of_another_route_is_shown(void **state)
{
	struct fixture *fixture = *state;

	run("ip route add unreachable 10.244.1.0/24 proto static " AGGREGATE);
	run("ip -6 route add unreachable 2001:db8:244::/64 proto static " AGGREGATE);
	set_aggregates(fixture, FIB_AGGREGATES_BLACKHOLE);
	announce_own(fixture, "10.244.1.0/24");
	announce_own(fixture, "2001:db8:244::/64");
	expect_failure(fixture, "10.244.1.0/24", "a route of protocol static is already there");
	expect_failure(fixture, "2001:db8:244::/64", "a route of protocol static is already there");
	expect(fixture, "route show 10.244.1.0/24", "unreachable 10.244.1.0/24 proto static");
	run("ip route del unreachable 10.244.1.0/24 " AGGREGATE);
	run("ip -6 route del unreachable 2001:db8:244::/64 " AGGREGATE);
	expect(fixture, "route show 10.244.1.0/24", "blackhole 10.244.1.0/24 proto bgp");
	expect(fixture, "-6 route show 2001:db8:244::/64",
	    "blackhole 2001:db8:244::/64 dev lo proto bgp");
	assert_int_equal(fib_counters(fixture->fib)->failed, 0);
}

static void test_aggregate_is_put_back_and_put_right(void **state)
{
	struct fixture *fixture = *state;
	uint64_t requests;

	set_aggregates(fixture, FIB_AGGREGATES_BLACKHOLE);
	announce_own(fixture, "10.244.1.0/24");
	announce_own(fixture, "2001:db8:244::/64");
	expect(fixture, "route show 10.244.1.0/24", "blackhole");
	expect(fixture, "-6 route show 2001:db8:244::/64", "blackhole");
	requests = fib_counters(fixture->fib)->requests;
	audit(fixture);
	assert_int_equal(fib_counters(fixture->fib)->requests, requests);
	run("ip route del blackhole 10.244.1.0/24 proto bgp " AGGREGATE);
	run("ip -6 route del blackhole 2001:db8:244::/64 proto bgp " AGGREGATE);
	expect(fixture, "route show 10.244.1.0/24", "blackhole");
	expect(fixture, "-6 route show 2001:db8:244::/64", "blackhole");
	run("ip route replace unreachable 10.244.1.0/24 proto bgp " AGGREGATE);
	run("ip -6 route replace unreachable 2001:db8:244::/64 proto bgp " AGGREGATE);
	expect(fixture, "route show 10.244.1.0/24", "blackhole");
	expect(fixture, "-6 route show 2001:db8:244::/64", "blackhole");
	expect(fixture, "route show type unreachable", NULL);
	assert_int_equal(fib_counters(fixture->fib)->repaired, 4);
}

static void test_aggregates_stay_on_stop_and_are_adopted_or_swept(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	settings.aggregates = FIB_AGGREGATES_BLACKHOLE;
	fib_change(fixture->fib, &settings);
	announce_own(fixture, "10.244.1.0/24");
	announce_own(fixture, "10.244.2.0/24");
	expect(fixture, "route show 10.244.2.0/24", "blackhole");
	stop(fixture);
	start_rib(fixture);
	start_fib(fixture, &settings);
	expect(fixture, "route show 10.244.1.0/24", "blackhole");
	expect(fixture, "route show 10.244.2.0/24", "blackhole");
	announce_own(fixture, "10.244.1.0/24");
	fib_converged(fixture->fib);
	expect(fixture, "route show 10.244.2.0/24", NULL);
	expect(fixture, "route show 10.244.1.0/24", "blackhole");
	settings.withdraw_on_stop = true;
	fib_change(fixture->fib, &settings);
	stop(fixture);
	start_rib(fixture);
	start_fib(fixture, &default_settings);
	expect(fixture, "route show proto bgp", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fib_test(test_weights_follow_the_link_bandwidth),
	    fib_test(test_without_all_bandwidths_hops_are_equal),
	    fib_test(test_bandwidths_of_one_hop_add_up),
	    fib_test(test_changed_weights_are_put_right),
	    fib_test(test_aggregates_are_what_is_announced),
	    fib_test(test_aggregates_are_of_the_own_pod_cidrs_too),
	    fib_test(test_better_path_of_a_neighbour_is_no_aggregate),
	    fib_test(test_aggregate_in_the_place_of_another_route_is_shown),
	    fib_test(test_aggregate_is_put_back_and_put_right),
	    fib_test(test_aggregates_stay_on_stop_and_are_adopted_or_swept),
	};
	int failed;

	if (!enter_own_network())
		return SKIPPED;
	failed = cmocka_run_group_tests_name("turns with time", tests, NULL, NULL);
	in_slices = true;
	return failed + cmocka_run_group_tests_name("turns without time", tests, NULL, NULL);
}
