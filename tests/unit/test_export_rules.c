/* What later RFCs ask of what is sent on: communities, third parties, Only to Customer, AIGP. */
#include "export_rig.h"

/* One community of the kind, transitive or not, of this number. */
static void add_extended(struct fixture *fixture, struct bgp_attributes *attributes,
    enum bgp_community_kind kind, uint8_t type, uint8_t number)
{
	const struct bgp_community community = {(uint8_t)kind, {type, 2, number}};

	bgp_attributes_set_communities(attributes, kind,
	    bgp_communities_add(&fixture->arena, attributes->communities[kind], &community));
}

static void assert_community(
    const struct fixture *fixture, enum bgp_community_kind kind, uint8_t type, uint8_t number)
{
	const uint8_t wanted[BGP_COMMUNITY_SIZE_MAX] = {type, 2, number};

	assert_int_equal(fixture->sent.communities[kind].length, bgp_community_size(kind));
	assert_memory_equal(
	    fixture->sent.communities[kind].bytes, wanted, bgp_community_size(kind));
}

/* What a filter or this node itself sets goes out; that is the operator's word. */
static void test_rfc4360_6_non_transitive_communities_stay_inside(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);
	struct bgp_community set = {BGP_COMMUNITY_EXTENDED, {0x40, 2, 7}};
	const struct policy_rule rule = {
	    .action = POLICY_ACCEPT, .set = {.add = &set, .add_count = 1}};

	add_extended(fixture, &attributes, BGP_COMMUNITY_EXTENDED, 0x40, 1);
	announce(fixture->rib, fixture->ebgp, PREFIX, 0, &attributes, 0);
	set_filter(fixture, &accept_all);
	assert_true(export_prefix(fixture, PREFIX));
	assert_community(fixture, BGP_COMMUNITY_EXTENDED, 0x40, 1);
	fixture->key.codec.external = true;
	assert_true(export_prefix(fixture, PREFIX));
	assert_false(has(fixture, BGP_ATTRIBUTE_EXTENDED_COMMUNITIES));
	add_extended(fixture, &attributes, BGP_COMMUNITY_EXTENDED, 0x00, 2);
	announce(fixture->rib, fixture->ebgp, PREFIX, 0, &attributes, 0);
	assert_true(export_prefix(fixture, PREFIX));
	assert_community(fixture, BGP_COMMUNITY_EXTENDED, 0x00, 2);
	announce(fixture->rib, fixture->ebgp, PREFIX, 0, &attributes, 0);
	set_filter(fixture, &rule);
	assert_true(export_prefix(fixture, PREFIX));
	assert_int_equal(fixture->sent.communities[BGP_COMMUNITY_EXTENDED].length, 16);
}

static void test_rfc5701_2_non_transitive_communities_stay_inside(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);

	add_extended(fixture, &attributes, BGP_COMMUNITY_EXTENDED_IPV6, 0x40, 1);
	add_extended(fixture, &attributes, BGP_COMMUNITY_EXTENDED_IPV6, 0x00, 2);
	announce(fixture->rib, fixture->ebgp, PREFIX, 0, &attributes, 0);
	set_filter(fixture, &accept_all);
	assert_true(export_prefix(fixture, PREFIX));
	assert_int_equal(fixture->sent.communities[BGP_COMMUNITY_EXTENDED_IPV6].length, 40);
	fixture->key.codec.external = true;
	assert_true(export_prefix(fixture, PREFIX));
	assert_community(fixture, BGP_COMMUNITY_EXTENDED_IPV6, 0x00, 2);
}

static void own_routes_keep_non_transitive_communities(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);

	add_extended(fixture, &attributes, BGP_COMMUNITY_EXTENDED, 0x40, 1);
	announce(fixture->rib, fixture->local, PREFIX, 0, &attributes, 0);
	fixture->key.codec.external = true;
	assert_true(export_prefix(fixture, PREFIX));
	assert_community(fixture, BGP_COMMUNITY_EXTENDED, 0x40, 1);
}

struct third_party_case {
	const char *prefix;
	const char *next_hop; /* as learned from the first eBGP peer, 10.0.0.1 */
	bool external;
	enum export_next_hop rule;
	const char *sent;
};

/* The segment is 10.0.0.0/24, with all peers on it, and 2001:db8:1::/64. */
static void test_rfc4271_5_1_3_third_party_next_hop(void **state)
{
	static const struct third_party_case cases[] = {
	    /* The source of the route, or a router that we do not speak with. */
	    {PREFIX, "10.0.0.1", true, EXPORT_NEXT_HOP_DEFAULT, "10.0.0.1"},
	    {PREFIX, "10.0.0.77", true, EXPORT_NEXT_HOP_DEFAULT, "10.0.0.77"},
	    /* A neighbour must not be sent its own address, and this may be the one. */
	    {PREFIX, "10.0.0.2", true, EXPORT_NEXT_HOP_DEFAULT, "198.51.100.1"},
	    /* Not on the segment. */
	    {PREFIX, "10.0.1.1", true, EXPORT_NEXT_HOP_DEFAULT, "198.51.100.1"},
	    {PREFIX, "10.0.0.77", true, EXPORT_NEXT_HOP_SELF, "198.51.100.1"},
	    {PREFIX, "10.0.0.2", true, EXPORT_NEXT_HOP_UNCHANGED, "10.0.0.2"},
	    {PREFIX, "10.0.0.2", false, EXPORT_NEXT_HOP_DEFAULT, "10.0.0.2"},
	    {"2001:db8::/32", "2001:db8:1::7", true, EXPORT_NEXT_HOP_DEFAULT, "2001:db8:1::7"},
	    {"2001:db8::/32", "2001:db8:2::7", true, EXPORT_NEXT_HOP_DEFAULT, "2001:db8:ff::1"},
	    {"2001:db8::/32", "fe80::7", true, EXPORT_NEXT_HOP_DEFAULT, "2001:db8:ff::1"},
	    /* IPv4 over IPv6 was not agreed upon: ourselves, rather than nothing. */
	    {PREFIX, "2001:db8:1::7", true, EXPORT_NEXT_HOP_DEFAULT, "198.51.100.1"},
	};
	struct fixture *fixture = *state;

	set_filter(fixture, &accept_all);
	fixture->key.shared[IPV4] = prefix_of("10.0.0.0/24");
	fixture->key.shared[IPV6] = prefix_of("2001:db8:1::/64");
	fixture->key.self[IPV6].link_local = address_of("fe80::99");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct third_party_case *at = &cases[i];
		const struct ip_prefix prefix = prefix_of(at->prefix);
		struct bgp_attributes attributes =
		    attributes_of(&fixture->arena, at->next_hop, path);
		bool self = strcmp(at->sent, "2001:db8:ff::1") == 0;

		fixture->key.codec.external = at->external;
		fixture->key.next_hop = at->rule;
		announce(fixture->rib, fixture->ebgp, at->prefix, 0, &attributes, 0);
		if (!export_prefix(fixture, at->prefix))
			fail_msg("case %zu is not sent", i);
		assert_next_hop(fixture, at->sent);
		/* RFC 2545 3: the link-local address is ours, so it goes with our own only. */
		assert_int_equal(
		    ip_address_is_unspecified(&fixture->sent.next_hop.link_local), !self);
		rib_withdraw(fixture->rib, fixture->ebgp, &prefix, 0);
	}
}

/* The next hop of an internal router on the segment is one too. */
static void test_rfc4271_5_1_3_third_party_of_an_internal_route(void **state)
{
	struct fixture *fixture = *state;

	set_filter(fixture, &accept_all);
	fixture->key.codec.external = true;
	fixture->key.shared[IPV4] = prefix_of("10.0.0.0/24");
	assert_true(pass_on(fixture, fixture->ibgp, "10.0.0.2"));
	assert_next_hop(fixture, "10.0.0.2");
	assert_true(pass_on(fixture, fixture->local, NULL));
	assert_next_hop(fixture, "198.51.100.1");
}

static void test_rfc2545_3_link_local_address_of_a_third_party(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "2001:db8:1::7", path);

	set_filter(fixture, &accept_all);
	attributes.next_hop.link_local = address_of("fe80::7");
	announce(fixture->rib, fixture->ebgp, "2001:db8::/32", 0, &attributes, 0);
	fixture->key.codec.external = true;
	fixture->key.shared[IPV6] = prefix_of("2001:db8:1::/64");
	assert_true(export_prefix(fixture, "2001:db8::/32"));
	assert_true(
	    ip_address_equal(&fixture->sent.next_hop.link_local, &attributes.next_hop.link_local));
	/* Where the segment is another one, so may be the link. */
	fixture->key.next_hop = EXPORT_NEXT_HOP_UNCHANGED;
	fixture->key.shared[IPV6] = prefix_of("2001:db8:2::/64");
	assert_true(export_prefix(fixture, "2001:db8::/32"));
	assert_next_hop(fixture, "2001:db8:1::7");
	assert_true(ip_address_is_unspecified(&fixture->sent.next_hop.link_local));
}

/* Neither as it came nor by a filter is a neighbour told its own address. */
static void test_rfc4271_5_1_3_neighbour_is_not_its_own_next_hop(void **state)
{
	const struct policy_rule sets = {.action = POLICY_ACCEPT,
	    .set = {.has_next_hop = true, .next_hop = address_of("10.0.0.9")}};
	struct fixture *fixture = *state;

	set_filter(fixture, &accept_all);
	fixture->key.codec.external = true;
	fixture->key.next_hop = EXPORT_NEXT_HOP_UNCHANGED;
	fixture->key.neighbour = address_of("10.0.0.9");
	assert_true(pass_on(fixture, fixture->ebgp, "10.0.0.8"));
	assert_false(pass_on(fixture, fixture->ebgp, "10.0.0.9"));
	assert_true(pass_on(fixture, fixture->local, NULL));
	set_filter(fixture, &sets);
	assert_false(pass_on(fixture, fixture->local, NULL));
	fixture->key.neighbour = address_of("10.0.0.10");
	assert_true(pass_on(fixture, fixture->local, NULL));
	assert_next_hop(fixture, "10.0.0.9");
}

struct otc_case {
	enum bgp_role role; /* ours towards them */
	bool sent; /* a route that has Only to Customer */
	bool added; /* to one that has not */
};

static const struct otc_case otc_cases[] = {
    {BGP_ROLE_NONE, true, false},
    {BGP_ROLE_PROVIDER, true, true},
    {BGP_ROLE_ROUTE_SERVER, true, true},
    {BGP_ROLE_ROUTE_SERVER_CLIENT, false, false},
    {BGP_ROLE_CUSTOMER, false, false},
    {BGP_ROLE_PEER, false, true},
};

enum { OTC_CASES = sizeof(otc_cases) / sizeof(otc_cases[0]) };

/* On sending, 1: to customers, clients of a route server and peers. */
static void test_rfc9234_5_otc_is_added(void **state)
{
	struct fixture *fixture = *state;

	fixture->key.codec.external = true;
	fixture->key.local_asn = 64999;
	set_filter(fixture, &accept_all);
	for (size_t i = 0; i < OTC_CASES; i++) {
		fixture->key.role = (uint8_t)otc_cases[i].role;
		for (unsigned own = 0; own < 2; own++) {
			assert_true(pass_on(fixture, own ? fixture->local : fixture->ebgp,
			    own ? NULL : "192.0.2.1"));
			assert_int_equal(has(fixture, BGP_ATTRIBUTE_OTC), otc_cases[i].added);
			if (otc_cases[i].added)
				assert_int_equal(fixture->sent.otc, 64999);
		}
		rib_withdraw(
		    fixture->rib, fixture->local, &(struct ip_prefix){{10, 1}, 16, IPV4}, 0);
	}
}

/* On sending, 2: not to providers, route servers and peers. */
static void test_rfc9234_5_otc_is_not_sent_up(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);

	attributes.otc = 65001;
	bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_OTC);
	announce(fixture->rib, fixture->ebgp, PREFIX, 0, &attributes, 0);
	set_filter(fixture, &accept_all);
	for (size_t i = 0; i < OTC_CASES; i++) {
		fixture->key.codec.external = true;
		fixture->key.role = (uint8_t)otc_cases[i].role;
		if (export_prefix(fixture, PREFIX) != otc_cases[i].sent)
			fail_msg("role %u", otc_cases[i].role);
		if (otc_cases[i].sent)
			assert_int_equal(fixture->sent.otc, 65001);
	}
	/* Inside of our AS it is passed on. */
	fixture->key.codec.external = false;
	fixture->key.role = BGP_ROLE_NONE;
	assert_true(export_prefix(fixture, PREFIX));
	assert_true(has(fixture, BGP_ATTRIBUTE_OTC));
	assert_int_equal(fixture->sent.otc, 65001);
}

/* AIGP behind a TLV of a type that nobody knows, which stays as it is. */
static struct wire_span aigp_of(struct fixture *fixture, uint64_t metric)
{
	static const uint8_t head[] = {9, 0, 4, 0xaa, 1, 0, 11};
	struct wire_writer writer = wire_writer_init(arena_allocate(&fixture->arena, 15), 15);

	wire_put_bytes(&writer, head, sizeof(head));
	wire_put_u32(&writer, (uint32_t)(metric >> 32));
	wire_put_u32(&writer, (uint32_t)metric);
	return wire_writer_span(&writer);
}

static void learn_aigp(struct fixture *fixture, uint64_t metric, uint32_t cost)
{
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);
	const struct ip_prefix at = prefix_of(PREFIX);

	attributes.aigp = aigp_of(fixture, metric);
	bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_AIGP);
	announce(fixture->rib, fixture->ebgp, PREFIX, 0, &attributes, 0);
	rib_next_hop_resolve(fixture->rib,
	    rib_best_path(rib_find(fixture->rib, &at, NULL))->attributes->next_hop, true, cost);
	rib_flush(fixture->rib);
	assert_true(export_prefix(fixture, PREFIX));
}

static void assert_aigp(struct fixture *fixture, uint64_t metric)
{
	assert_true(has(fixture, BGP_ATTRIBUTE_AIGP));
	assert_true(wire_span_equal(fixture->sent.aigp, aigp_of(fixture, metric)));
}

static void test_rfc7311_3_3_aigp_goes_where_it_is_enabled(void **state)
{
	struct fixture *fixture = *state;

	set_filter(fixture, &accept_all);
	learn_aigp(fixture, 100, 5);
	assert_false(has(fixture, BGP_ATTRIBUTE_AIGP));
	fixture->key.aigp = true;
	assert_true(export_prefix(fixture, PREFIX));
	assert_true(has(fixture, BGP_ATTRIBUTE_AIGP));
}

static void test_rfc7311_3_4_aigp_changes_with_the_next_hop(void **state)
{
	struct fixture *fixture = *state;

	set_filter(fixture, &accept_all);
	fixture->key.aigp = true;
	learn_aigp(fixture, 100, 5);
	assert_next_hop(fixture, "192.0.2.1");
	assert_aigp(fixture, 100);
	fixture->key.next_hop = EXPORT_NEXT_HOP_SELF;
	assert_true(export_prefix(fixture, PREFIX));
	assert_aigp(fixture, 105);
	learn_aigp(fixture, 0xffffffff, 0); /* a connected one is not free, or a loop would be */
	assert_aigp(fixture, 0x100000000);
	learn_aigp(fixture, UINT64_MAX - 7, 6);
	assert_aigp(fixture, UINT64_MAX - 1);
}

static void test_rfc7311_3_4_3_aigp_is_capped_at_its_maximum(void **state)
{
	struct fixture *fixture = *state;

	set_filter(fixture, &accept_all);
	fixture->key.aigp = true;
	fixture->key.next_hop = EXPORT_NEXT_HOP_SELF;
	learn_aigp(fixture, UINT64_MAX - 7, 7);
	assert_aigp(fixture, UINT64_MAX);
	learn_aigp(fixture, UINT64_MAX - 7, UINT32_MAX);
	assert_aigp(fixture, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_rfc4360_6_non_transitive_communities_stay_inside),
	    TEST(test_rfc5701_2_non_transitive_communities_stay_inside),
	    TEST(own_routes_keep_non_transitive_communities),
	    TEST(test_rfc4271_5_1_3_third_party_next_hop),
	    TEST(test_rfc4271_5_1_3_third_party_of_an_internal_route),
	    TEST(test_rfc2545_3_link_local_address_of_a_third_party),
	    TEST(test_rfc4271_5_1_3_neighbour_is_not_its_own_next_hop),
	    TEST(test_rfc9234_5_otc_is_added),
	    TEST(test_rfc9234_5_otc_is_not_sent_up),
	    TEST(test_rfc7311_3_3_aigp_goes_where_it_is_enabled),
	    TEST(test_rfc7311_3_4_aigp_changes_with_the_next_hop),
	    TEST(test_rfc7311_3_4_3_aigp_is_capped_at_its_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
