/*
 * What kinds of routes the FIB makes: with the weights of link bandwidths, with a preferred source
 * address, and to nowhere for what this node announces.  On the ground of fib_rig.h.
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
	settings.sources[IPV4] = ip_address_from_ipv4(0xc0000207); /* 192.0.2.7 */
	fib_change(fixture->fib, &settings);
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16",
	    "via 192.0.2.1 dev d0 proto bgp src 192.0.2.7 metric 20 ");
	announce_own(fixture, "10.1.0.0/16"); /* better: originated here */
	expect(fixture, "route show 10.1.0.0/16", "blackhole 10.1.0.0/16 proto bgp " AGGREGATE);
	expect(fixture, "route show 10.1.0.0/16 metric 20", NULL);
	withdraw_own(fixture, "10.1.0.0/16");
	expect(fixture, "route show 10.1.0.0/16", "via 192.0.2.1 dev d0 proto bgp src 192.0.2.7");
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
	start(fixture, &settings);
	expect(fixture, "route show 10.244.1.0/24", "blackhole");
	expect(fixture, "route show 10.244.2.0/24", "blackhole");
	announce_own(fixture, "10.244.1.0/24");
	fib_converged(fixture->fib);
	expect(fixture, "route show 10.244.2.0/24", NULL);
	expect(fixture, "route show 10.244.1.0/24", "blackhole");
	stop_and_withdraw(fixture, settings);
	start(fixture, &default_settings);
	expect(fixture, "route show proto bgp", NULL);
}

/* Source addresses */

static void set_sources(struct fixture *fixture, const char *ipv4, const char *ipv6)
{
	struct fib_settings settings = default_settings;

	settings.aggregates = FIB_AGGREGATES_BLACKHOLE;
	if (ipv4)
		assert_true(ip_address_parse(ipv4, &settings.sources[IPV4]));
	if (ipv6)
		assert_true(ip_address_parse(ipv6, &settings.sources[IPV6]));
	fib_change(fixture->fib, &settings);
}

/* Some routes of both families, also an IPv4 one over an IPv6 gateway. */
static void announce_some(struct fixture *fixture)
{
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 0, "10.2.0.0/16", "fe80::99%d1");
	announce(fixture, 0, "2001:db8:100::/48", "2001:db8::1");
	announce(fixture, 0, "2001:db8:200::/48", "2001:db8::1");
	announce(fixture, 1, "2001:db8:200::/48", "2001:db8:1::1");
	announce_own(fixture, "10.244.1.0/24");
}

static void expect_sources(struct fixture *fixture, const char *ipv4, const char *ipv6)
{
	char expected[128];

	snprintf(expected, sizeof(expected), "via 192.0.2.1 dev d0 proto bgp %smetric 20", ipv4);
	expect(fixture, "route show 10.1.0.0/16", expected);
	snprintf(expected, sizeof(expected), "dev d1 proto bgp %smetric 20", ipv4);
	expect(fixture, "route show 10.2.0.0/16", expected);
	snprintf(expected, sizeof(expected), "dev d0 proto bgp %smetric 20", ipv6);
	expect(fixture, "-6 route show 2001:db8:100::/48", expected);
	snprintf(expected, sizeof(expected), "2001:db8:200::/48 proto bgp %smetric 20", ipv6);
	expect(fixture, "-6 route show 2001:db8:200::/48", expected);
	expect(fixture, "route show 10.244.1.0/24", "blackhole 10.244.1.0/24 proto bgp metric");
}

static void test_source_address_is_of_the_routes_family(void **state)
{
	struct fixture *fixture = *state;

	announce_some(fixture);
	set_sources(fixture, NULL, NULL);
	expect_sources(fixture, "", "");
	set_sources(fixture, "198.51.100.7", NULL);
	expect_sources(fixture, "src 198.51.100.7 ", "");
	set_sources(fixture, NULL, "2001:db8:1::7");
	expect_sources(fixture, "", "src 2001:db8:1::7 ");
	set_sources(fixture, "192.0.2.7", "2001:db8::7");
	expect_sources(fixture, "src 192.0.2.7 ", "src 2001:db8::7 ");
	audit(fixture);
	assert_int_equal(fixture->failed, 0);
	assert_int_equal(fib_counters(fixture->fib)->repaired, 0);
	run("ip route replace 10.1.0.0/16 via 192.0.2.1 proto bgp metric 20");
	run("ip -6 route replace 2001:db8:100::/48 via 2001:db8::1 proto bgp metric 20");
	expect_sources(fixture, "src 192.0.2.7 ", "src 2001:db8::7 ");
	assert_int_equal(fib_counters(fixture->fib)->repaired, 2);
}

static void test_source_address_is_used_while_it_is_on_this_node(void **state)
{
	struct fixture *fixture = *state;

	announce_some(fixture);
	set_sources(fixture, "203.0.113.7", "2001:db8:7::7");
	expect_sources(fixture, "", "");
	/* IPv6 addresses are tentative for a while, and the kernel takes none of these. */
	run("(cd /proc/sys/net/ipv6 && echo 200 >neigh/d1/retrans_time_ms && "
	    "echo 0 >conf/d1/router_solicitation_delay) 2>/dev/null; true");
	run("ip address add 203.0.113.7/32 dev d1 && ip address add 2001:db8:7::7/128 dev d1");
	expect_sources(fixture, "src 203.0.113.7 ", "src 2001:db8:7::7 ");
	run("ip address del 203.0.113.7/32 dev d1 && ip address del 2001:db8:7::7/128 dev d1");
	expect_sources(fixture, "", "");
	run("ip address add 203.0.113.7/32 dev lo && ip address add 2001:db8:7::7/128 dev lo");
	expect_sources(fixture, "src 203.0.113.7 ", "src 2001:db8:7::7 ");
	assert_int_equal(fixture->failed, 0);
	run("ip address del 203.0.113.7/32 dev lo && ip address del 2001:db8:7::7/128 dev lo");
}

/* The kernel has removed the routes, or their source, and says nothing of it. */
static void test_source_address_that_goes_and_comes_at_once_loses_nothing(void **state)
{
	struct fixture *fixture = *state;

	run("ip address add 203.0.113.7/32 dev d1 && "
	    "ip address add 2001:db8:7::7/128 dev d1 nodad");
	announce_some(fixture);
	set_sources(fixture, "203.0.113.7", "2001:db8:7::7");
	expect_sources(fixture, "src 203.0.113.7 ", "src 2001:db8:7::7 ");
	run("ip address del 203.0.113.7/32 dev d1 && ip address del 2001:db8:7::7/128 dev d1 && "
	    "ip address add 203.0.113.7/32 dev d1 && "
	    "ip address add 2001:db8:7::7/128 dev d1 nodad");
	expect_sources(fixture, "src 203.0.113.7 ", "src 2001:db8:7::7 ");
	assert_int_equal(fixture->failed, 0);
}

static void test_source_address_on_two_links_may_leave_one(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;
	uint64_t requests;
	unsigned told;

	run("ip address add 203.0.113.7/32 dev d0 && ip address add 203.0.113.7/32 dev d1");
	announce_some(fixture);
	set_sources(fixture, "203.0.113.7", NULL);
	expect_sources(fixture, "src 203.0.113.7 ", "");
	requests = fib_counters(fixture->fib)->requests;
	told = fixture->links_changed;
	run("ip address del 203.0.113.7/32 dev d0");
	while (fixture->links_changed == told && loop_now(fixture->loop) < deadline)
		turn(fixture, 10);
	assert_int_not_equal(fixture->links_changed, told);
	expect_sources(fixture, "src 203.0.113.7 ", "");
	assert_int_equal(fib_counters(fixture->fib)->requests, requests);
}

static void test_backup_routes_have_the_source_address_too(void **state)
{
	struct fixture *fixture = *state;
	struct fib_settings settings = default_settings;

	settings.backup = true;
	settings.aggregates = FIB_AGGREGATES_BLACKHOLE;
	assert_true(ip_address_parse("203.0.113.7", &settings.sources[IPV4]));
	fib_change(fixture->fib, &settings);
	announce(fixture, 0, "10.1.0.0/16", "192.0.2.1");
	announce(fixture, 1, "10.1.0.0/16", "203.0.113.1");
	run("ip address add 203.0.113.7/32 dev lo && ip route add 203.0.113.0/24 via 198.51.100.1 "
	    "metric 7");
	announce_own(fixture, "10.244.1.0/24");
	announce(fixture, 0, "10.244.1.0/24", "192.0.2.1");
	expect(fixture, "route show 10.1.0.0/16 metric 20",
	    "via 192.0.2.1 dev d0 proto bgp src 203.0.113.7");
	expect(fixture, "route show 10.1.0.0/16 metric 21",
	    "via 198.51.100.1 dev d1 proto bgp src 203.0.113.7");
	run("ip address del 203.0.113.7/32 dev lo");
	expect(fixture, "route show 10.1.0.0/16",
	    "via 192.0.2.1 dev d0 proto bgp metric 20 "
	    "10.1.0.0/16 via 198.51.100.1 dev d1 proto bgp metric 21 ");
	/* What leads nowhere has no backup. */
	expect(fixture, "route show 10.244.1.0/24", "blackhole 10.244.1.0/24 proto bgp");
	assert_int_equal(find(fixture, "10.244.1.0/24").count, 3);
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
	    fib_test(test_source_address_is_of_the_routes_family),
	    fib_test(test_source_address_is_used_while_it_is_on_this_node),
	    fib_test(test_source_address_that_goes_and_comes_at_once_loses_nothing),
	    fib_test(test_source_address_on_two_links_may_leave_one),
	    fib_test(test_backup_routes_have_the_source_address_too),
	};

	return run_in_every_form(tests, sizeof(tests) / sizeof(tests[0]));
}
