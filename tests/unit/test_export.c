/* Who is sent what, with which attributes: the rules of eBGP, iBGP and reflection. */
#include "export_rig.h"

/* Without filters: who hears routes of whom. */
static void node_is_no_transit_router(void **state)
{
	struct fixture *fixture = *state;

	assert_true(pass_on(fixture, fixture->local, NULL));
	fixture->key.codec.external = true;
	assert_true(pass_on(fixture, fixture->local, NULL));
	rib_withdraw(fixture->rib, fixture->local, &(struct ip_prefix){{10, 1}, 16, IPV4}, 0);
	assert_false(pass_on(fixture, fixture->ebgp, "192.0.2.1"));
	fixture->key.codec.external = false;
	assert_false(export_prefix(fixture, PREFIX));
}

static void filter_lets_learned_routes_pass(void **state)
{
	struct fixture *fixture = *state;

	set_filter(fixture, &accept_all);
	assert_true(pass_on(fixture, fixture->ebgp, "192.0.2.1"));
	fixture->key.codec.external = true;
	assert_true(export_prefix(fixture, PREFIX));
}

static void filter_rejects_own_routes(void **state)
{
	struct fixture *fixture = *state;

	set_filter(fixture, &(struct policy_rule){.action = POLICY_REJECT});
	assert_false(pass_on(fixture, fixture->local, NULL));
}

/* RFC 4271 9.2.1: no filter makes an iBGP route go to an iBGP peer. */
static void ibgp_route_stays_from_ibgp_peers(void **state)
{
	struct fixture *fixture = *state;

	set_filter(fixture, &accept_all);
	assert_false(pass_on(fixture, fixture->ibgp, "192.0.2.1"));
	fixture->key.codec.external = true;
	assert_true(export_prefix(fixture, PREFIX));
}

/* RFC 4456 6. */
static void reflector_reflects_by_clients(void **state)
{
	struct fixture *fixture = *state;

	assert_false(pass_on(fixture, fixture->ibgp, "192.0.2.1"));
	fixture->key.reflector_client = true;
	assert_true(export_prefix(fixture, PREFIX));
	fixture->key.reflector_client = false;
	rib_withdraw(fixture->rib, fixture->ibgp, &(struct ip_prefix){{10, 1}, 16, IPV4}, 0);
	assert_true(pass_on(fixture, fixture->client, "192.0.2.1"));
	fixture->key.reflector_client = true;
	assert_true(export_prefix(fixture, PREFIX));
}

/* RFC 4456 8. */
static void reflection_marks_the_route(void **state)
{
	struct fixture *fixture = *state;
	const uint8_t one[] = {10, 10, 10, 10}, two[] = {10, 10, 10, 10, 1, 2, 3, 4};
	const uint8_t other[] = {1, 2, 3, 4}, originator[] = {0, 0, 0, 3};
	struct bgp_attributes again;

	assert_true(pass_on(fixture, fixture->client, "192.0.2.1"));
	assert_memory_equal(fixture->sent.originator_id, originator, 4);
	assert_true(wire_span_equal(fixture->sent.cluster_list, (struct wire_span){one, 4}));
	assert_next_hop(fixture, "192.0.2.1");
	assert_path(fixture, "65001 65002");
	assert_int_equal(fixture->sent.local_pref, 200);

	again = attributes_of(&fixture->arena, "192.0.2.1", path);
	memcpy(again.originator_id, other, 4);
	bgp_attributes_mark(&again, BGP_ATTRIBUTE_ORIGINATOR_ID);
	again.cluster_list = (struct wire_span){other, 4};
	bgp_attributes_mark(&again, BGP_ATTRIBUTE_CLUSTER_LIST);
	announce(fixture->rib, fixture->client, PREFIX, 0, &again, 0);
	assert_true(export_prefix(fixture, PREFIX));
	assert_memory_equal(fixture->sent.originator_id, other, 4);
	assert_true(wire_span_equal(fixture->sent.cluster_list, (struct wire_span){two, 8}));

	/* Outside of the AS they mean nothing. */
	fixture->key.codec.external = true;
	set_filter(fixture, &accept_all);
	assert_true(export_prefix(fixture, PREFIX));
	assert_false(has(fixture, BGP_ATTRIBUTE_ORIGINATOR_ID));
	assert_false(has(fixture, BGP_ATTRIBUTE_CLUSTER_LIST));
}

static void external_peer_gets_our_as_and_no_local_pref(void **state)
{
	struct fixture *fixture = *state;

	fixture->key.codec.external = true;
	set_filter(fixture, &accept_all);
	assert_true(pass_on(fixture, fixture->ebgp, "192.0.2.1"));
	assert_path(fixture, "64512 65001 65002");
	assert_false(has(fixture, BGP_ATTRIBUTE_LOCAL_PREF));
	assert_false(has(fixture, BGP_ATTRIBUTE_MED)); /* of another AS: RFC 4271 5.1.4 */
	assert_next_hop(fixture, "198.51.100.1");
}

static void external_peer_gets_the_med_of_own_routes(void **state)
{
	struct fixture *fixture = *state;

	fixture->key.codec.external = true;
	assert_true(pass_on(fixture, fixture->local, NULL));
	assert_path(fixture, "64512");
	assert_true(has(fixture, BGP_ATTRIBUTE_MED));
	assert_int_equal(fixture->sent.med, 50);
	assert_false(has(fixture, BGP_ATTRIBUTE_LOCAL_PREF));
	assert_next_hop(fixture, "198.51.100.1");
}

static void local_asn_stands_before_our_own(void **state)
{
	struct fixture *fixture = *state;

	fixture->key.codec.external = true;
	fixture->key.local_asn = 64999;
	assert_true(pass_on(fixture, fixture->local, NULL));
	assert_path(fixture, "64999 64512");
}

static void internal_peer_gets_local_pref_and_an_untouched_path(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes bare = attributes_of(&fixture->arena, "192.0.2.1", path);

	set_filter(fixture, &accept_all);
	announce(fixture->rib, fixture->ebgp, PREFIX, 0, &bare, 0);
	assert_true(export_prefix(fixture, PREFIX));
	assert_path(fixture, "65001 65002");
	assert_true(has(fixture, BGP_ATTRIBUTE_LOCAL_PREF));
	assert_int_equal(fixture->sent.local_pref, BGP_LOCAL_PREF_DEFAULT);
	assert_next_hop(fixture, "192.0.2.1");
	assert_false(has(fixture, BGP_ATTRIBUTE_CLUSTER_LIST));
	assert_true(pass_on(fixture, fixture->ebgp, "192.0.2.1"));
	assert_int_equal(fixture->sent.local_pref, 200);
	assert_int_equal(fixture->sent.med, 50);
}

static void next_hop_as_configured(void **state)
{
	struct fixture *fixture = *state;

	set_filter(fixture, &accept_all);
	fixture->key.next_hop = EXPORT_NEXT_HOP_SELF;
	assert_true(pass_on(fixture, fixture->ebgp, "192.0.2.1"));
	assert_next_hop(fixture, "198.51.100.1");
	fixture->key.next_hop = EXPORT_NEXT_HOP_UNCHANGED;
	fixture->key.codec.external = true;
	assert_true(export_prefix(fixture, PREFIX));
	assert_next_hop(fixture, "192.0.2.1");
}

static void rule_changes_what_goes_out(void **state)
{
	struct fixture *fixture = *state;
	struct policy_rule rule = {
	    .action = POLICY_ACCEPT,
	    .set = {.has_local_pref = true,
		.local_pref = 7,
		.has_med = true,
		.med = 8,
		.as_path_prepend = 2,
		.has_next_hop = true,
		.next_hop = address_of("203.0.113.9")},
	};

	set_filter(fixture, &rule);
	assert_true(pass_on(fixture, fixture->ebgp, "192.0.2.1"));
	assert_int_equal(fixture->sent.local_pref, 7);
	assert_int_equal(fixture->sent.med, 8);
	assert_path(fixture, "65001 65002"); /* inside it would look like a loop */
	assert_next_hop(fixture, "203.0.113.9");
	fixture->key.codec.external = true;
	assert_true(export_prefix(fixture, PREFIX));
	assert_false(has(fixture, BGP_ATTRIBUTE_LOCAL_PREF));
	assert_int_equal(fixture->sent.med, 8);
	assert_path(fixture, "64512 64512 64512 65001 65002");
	rule.set.next_hop = (struct ip_address){{0}, IPV4};
	set_filter(fixture, &rule);
	fixture->key.next_hop = EXPORT_NEXT_HOP_UNCHANGED;
	assert_true(export_prefix(fixture, PREFIX));
	assert_next_hop(fixture, "198.51.100.1");
}

struct community_case {
	uint32_t value;
	bool external;
	bool passes;
};

/* RFC 1997. */
static void communities_keep_learned_routes_in(void **state)
{
	struct fixture *fixture = *state;
	const struct community_case cases[] = {
	    {BGP_COMMUNITY_NO_ADVERTISE, true, false},
	    {BGP_COMMUNITY_NO_ADVERTISE, false, false},
	    {BGP_COMMUNITY_NO_EXPORT, true, false},
	    {BGP_COMMUNITY_NO_EXPORT, false, true},
	    {BGP_COMMUNITY_NO_EXPORT_SUBCONFED, true, false},
	    {BGP_COMMUNITY_NO_EXPORT_SUBCONFED, false, true},
	    {0xfde80001, true, true},
	};

	set_filter(fixture, &accept_all);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bgp_attributes attributes =
		    attributes_of(&fixture->arena, "192.0.2.1", path);

		add_community(&fixture->arena, &attributes, 0xfde80063);
		add_community(&fixture->arena, &attributes, cases[i].value);
		fixture->key.codec.external = cases[i].external;
		announce(fixture->rib, fixture->ebgp, PREFIX, 0, &attributes, 0);
		if (export_prefix(fixture, PREFIX) != cases[i].passes)
			fail_msg("community %#x, external %d", cases[i].value, cases[i].external);
	}
}

/* What this node sets itself is for others. */
static void own_routes_go_out_with_no_export(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);

	fixture->key.codec.external = true;
	add_community(&fixture->arena, &attributes, BGP_COMMUNITY_NO_EXPORT);
	announce(fixture->rib, fixture->local, PREFIX, 0, &attributes, 0);
	assert_true(export_prefix(fixture, PREFIX));
	assert_true(has(fixture, BGP_ATTRIBUTE_COMMUNITIES));
}

/* An advertisement: its index, MED and peer lists. */
static void advertise(struct fixture *fixture, uint32_t index, uint32_t med, uint64_t audience)
{
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);
	const struct attribute_set_extra extra = {.audience = audience};
	const struct ip_prefix at = prefix_of(PREFIX);
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct attribute_set *set;

	set_med(&attributes, med);
	set = attribute_set_intern(store, &attributes, &extra);
	rib_update(fixture->rib, fixture->local, &at, index, set, 0);
	attribute_set_release(store, set);
}

static void advertisement_goes_to_its_audience(void **state)
{
	struct fixture *fixture = *state;

	advertise(fixture, 1, 1, 1);
	advertise(fixture, 2, 2, 2);
	assert_false(export_prefix(fixture, PREFIX)); /* a peer in no list */
	fixture->key.audiences = 1;
	assert_true(export_prefix(fixture, PREFIX));
	assert_int_equal(fixture->sent.med, 1);
	fixture->key.audiences = 2;
	assert_true(export_prefix(fixture, PREFIX));
	assert_int_equal(fixture->sent.med, 2);
	fixture->key.audiences = 3;
	assert_true(export_prefix(fixture, PREFIX));
	assert_int_equal(fixture->sent.med, 1);
	advertise(fixture, 3, 3, 0);
	fixture->key.audiences = 4;
	assert_true(export_prefix(fixture, PREFIX));
	assert_int_equal(fixture->sent.med, 3);
}

static bool has_graceful_shutdown(const struct fixture *fixture)
{
	return has(fixture, BGP_ATTRIBUTE_COMMUNITIES) &&
	       bgp_communities_contain_standard(fixture->sent.communities[BGP_COMMUNITY_STANDARD],
		   BGP_COMMUNITY_GRACEFUL_SHUTDOWN);
}

/* RFC 8326 4.2: no filter can undo the mark, and it is sent once only. */
static void test_rfc8326_4_2_filters_cannot_undo_the_mark(void **state)
{
	struct fixture *fixture = *state;
	struct policy_rule rule = accept_all;
	struct bgp_attributes better = attributes_of(&fixture->arena, "192.0.2.1", path);
	const struct attribute_set_extra extra = {.graceful_shutdown = true};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);
	const struct ip_prefix at = prefix_of(PREFIX);
	struct attribute_set *set;

	rule.set.replace_communities = true;
	rule.set.has_local_pref = true;
	rule.set.local_pref = 300;
	set_filter(fixture, &rule);
	set = attribute_set_intern(rib_attribute_store(fixture->rib), &attributes, &extra);
	rib_update(fixture->rib, fixture->local, &at, 1, set, 0);
	attribute_set_release(rib_attribute_store(fixture->rib), set);
	assert_true(export_prefix(fixture, PREFIX));
	assert_true(has_graceful_shutdown(fixture));
	assert_int_equal(fixture->sent.local_pref, 0);
	fixture->key.codec.external = true;
	assert_true(export_prefix(fixture, PREFIX));
	assert_true(has_graceful_shutdown(fixture));
	assert_false(has(fixture, BGP_ATTRIBUTE_LOCAL_PREF));
	/* It is the best path here as before, so it is not taken back ahead of its time. */
	announce(fixture->rib, fixture->ebgp, PREFIX, 0, &better, 0);
	assert_true(export_prefix(fixture, PREFIX));
	assert_true(has_graceful_shutdown(fixture));
	advertise(fixture, 1, 0, 0);
	assert_true(export_prefix(fixture, PREFIX));
	assert_false(has_graceful_shutdown(fixture));
}

/* Which one is sent depends on what there is, not on what was. */
static void choice_of_advertisement_has_no_history(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes better = attributes_of(&fixture->arena, "192.0.2.1", path);

	for (uint32_t i = 1; i <= 4; i++)
		advertise(fixture, i, i, i == 1 ? 1 : 2);
	fixture->key.audiences = 2;
	assert_true(export_prefix(fixture, PREFIX));
	assert_int_equal(fixture->sent.med, 2);
	set_local_pref(&better, 200);
	announce(fixture->rib, fixture->ebgp, PREFIX, 0, &better, 0);
	rib_withdraw(fixture->rib, fixture->ebgp, &(struct ip_prefix){{10, 1}, 16, IPV4}, 0);
	assert_true(export_prefix(fixture, PREFIX));
	assert_int_equal(fixture->sent.med, 2);
}

struct next_hop_case {
	const char *prefix;
	const char *next_hop; /* as learned; NULL: own route */
	bool extended; /* RFC 8950 agreed */
	const char *self[IP_FAMILIES];
	const char *sent; /* NULL: cannot be sent */
};

/* To an iBGP peer, where next hops stay as they came. */
static void next_hop_must_be_of_a_family_that_can_be_sent(void **state)
{
	struct fixture *fixture = *state;
	const struct next_hop_case cases[] = {
	    {"10.0.0.0/8", "192.0.2.1", false, {"0.0.0.0", "::"}, "192.0.2.1"},
	    {"10.0.0.0/8", "2001:db8::1", false, {"198.51.100.1", "::"}, NULL},
	    {"10.0.0.0/8", "2001:db8::1", true, {"0.0.0.0", "::"}, "2001:db8::1"},
	    {"10.0.0.0/8", NULL, false, {"198.51.100.1", "::"}, "198.51.100.1"},
	    {"10.0.0.0/8", NULL, false, {"0.0.0.0", "2001:db8::9"}, NULL},
	    {"10.0.0.0/8", NULL, true, {"2001:db8::9", "2001:db8::9"}, "2001:db8::9"},
	    {"10.0.0.0/8", NULL, false, {"2001:db8::9", "2001:db8::9"}, NULL},
	    {"2001:db8::/32", "2001:db8::1", false, {"0.0.0.0", "::"}, "2001:db8::1"},
	    {"2001:db8::/32", NULL, true, {"198.51.100.1", "::"}, NULL},
	    {"2001:db8::/32", "192.0.2.1", true, {"198.51.100.1", "2001:db8::9"}, NULL},
	    /* A link-local address is good on one link only. */
	    {"2001:db8::/32", "fe80::1", false, {"0.0.0.0", "2001:db8::9"}, "2001:db8::9"},
	    {"2001:db8::/32", "fe80::1", false, {"0.0.0.0", "::"}, NULL},
	};

	set_filter(fixture, &accept_all);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct next_hop_case *at = &cases[i];
		const struct ip_prefix prefix = prefix_of(at->prefix);
		struct rib_peer *from = at->next_hop ? fixture->ebgp : fixture->local;
		struct bgp_attributes attributes =
		    attributes_of(&fixture->arena, at->next_hop, at->next_hop ? path : NULL);

		fixture->key.codec.extended_next_hop = at->extended;
		for (unsigned family = 0; family < IP_FAMILIES; family++)
			fixture->key.self[family].address = address_of(at->self[family]);
		announce(fixture->rib, from, at->prefix, 0, &attributes, 0);
		if (export_prefix(fixture, at->prefix) != !!at->sent)
			fail_msg("case %zu: wrongly %s", i, at->sent ? "kept back" : "sent");
		if (at->sent)
			assert_next_hop(fixture, at->sent);
		rib_withdraw(fixture->rib, from, &prefix, 0);
	}
}

static void learned_link_local_is_not_passed_on(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "2001:db8::1", path);

	set_filter(fixture, &accept_all);
	attributes.next_hop.link_local = address_of("fe80::1");
	announce(fixture->rib, fixture->ebgp, "2001:db8::/32", 0, &attributes, 0);
	assert_true(export_prefix(fixture, "2001:db8::/32"));
	assert_next_hop(fixture, "2001:db8::1");
	assert_true(ip_address_is_unspecified(&fixture->sent.next_hop.link_local));
	fixture->key.codec.external = true;
	fixture->key.self[IPV6].link_local = address_of("fe80::99");
	assert_true(export_prefix(fixture, "2001:db8::/32"));
	assert_next_hop(fixture, "2001:db8:ff::1");
	assert_false(ip_address_is_unspecified(&fixture->sent.next_hop.link_local));
}

/* The cache holds what is true of a set, not of a prefix. */
static void cache_does_not_leak_into_other_prefixes(void **state)
{
	struct fixture *fixture = *state;
	const struct ip_prefix one = prefix_of("10.1.0.0/16"), two = prefix_of("10.2.0.0/16");
	struct policy_prefix_match entry = {one, 16, 16};
	const struct policy_rule rule = {
	    .match = {.prefixes = &entry, .prefix_count = 1}, .action = POLICY_ACCEPT};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);
	struct export_cache cache = {.set = NULL};
	struct export_route route;

	set_filter(fixture, &rule);
	announce(fixture->rib, fixture->ebgp, "10.1.0.0/16", 0, &attributes, 0);
	announce(fixture->rib, fixture->ebgp, "10.2.0.0/16", 0, &attributes, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(export_select(fixture->rib, &fixture->key, IPV4,
		    rib_find(fixture->rib, &one, NULL), &cache, &route));
		assert_false(export_select(fixture->rib, &fixture->key, IPV4,
		    rib_find(fixture->rib, &two, NULL), &cache, &route));
	}
}

static void keys_are_equal_by_value(void **state)
{
	struct fixture *fixture = *state;
	struct export_key other = fixture->key;
	char one[] = "tor", two[] = "tor";

	fixture->key.peer_name = one;
	assert_false(export_key_equal(&fixture->key, &other));
	other.peer_name = two;
	assert_true(export_key_equal(&fixture->key, &other));
	two[0] = 'x';
	assert_false(export_key_equal(&fixture->key, &other));
	other.peer_name = one;
	other.self[IPV6].link_local = address_of("fe80::1");
	assert_false(export_key_equal(&fixture->key, &other));
	other = fixture->key;
	set_filter(fixture, &accept_all);
	assert_false(export_key_equal(&fixture->key, &other));
	other = fixture->key;
	other.role = BGP_ROLE_PEER;
	assert_false(export_key_equal(&fixture->key, &other));
	other = fixture->key;
	other.aigp = true;
	assert_false(export_key_equal(&fixture->key, &other));
	other = fixture->key;
	other.neighbour = address_of("10.0.0.9");
	assert_false(export_key_equal(&fixture->key, &other));
	other = fixture->key;
	other.path_limit = 2;
	assert_false(export_key_equal(&fixture->key, &other));
	other = fixture->key;
	other.shared[IPV4] = prefix_of("10.0.0.0/24");
	assert_false(export_key_equal(&fixture->key, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(node_is_no_transit_router),
	    TEST(filter_lets_learned_routes_pass),
	    TEST(filter_rejects_own_routes),
	    TEST(ibgp_route_stays_from_ibgp_peers),
	    TEST(reflector_reflects_by_clients),
	    TEST(reflection_marks_the_route),
	    TEST(external_peer_gets_our_as_and_no_local_pref),
	    TEST(external_peer_gets_the_med_of_own_routes),
	    TEST(local_asn_stands_before_our_own),
	    TEST(internal_peer_gets_local_pref_and_an_untouched_path),
	    TEST(next_hop_as_configured),
	    TEST(rule_changes_what_goes_out),
	    TEST(communities_keep_learned_routes_in),
	    TEST(own_routes_go_out_with_no_export),
	    TEST(advertisement_goes_to_its_audience),
	    TEST(test_rfc8326_4_2_filters_cannot_undo_the_mark),
	    TEST(choice_of_advertisement_has_no_history),
	    TEST(next_hop_must_be_of_a_family_that_can_be_sent),
	    TEST(learned_link_local_is_not_passed_on),
	    TEST(cache_does_not_leak_into_other_prefixes),
	    TEST(keys_are_equal_by_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
