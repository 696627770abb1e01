/*
 * What kinds of routes the FIB makes: with the weights of link bandwidths.  On the ground of
 * fib_rig.h.
 */
#include "fib_rig.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fib_test(test_weights_follow_the_link_bandwidth),
	    fib_test(test_without_all_bandwidths_hops_are_equal),
	    fib_test(test_bandwidths_of_one_hop_add_up),
	    fib_test(test_changed_weights_are_put_right),
	};
	int failed;

	if (!enter_own_network())
		return SKIPPED;
	failed = cmocka_run_group_tests_name("turns with time", tests, NULL, NULL);
	in_slices = true;
	return failed + cmocka_run_group_tests_name("turns without time", tests, NULL, NULL);
}
