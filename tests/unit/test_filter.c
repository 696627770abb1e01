/* Filters: each match and each set by name, chains, and searching long prefix lists. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/as_path.h"
#include "bgp/types.h"
#include "policy/filter.h"

/* AS_SEQUENCE 65001 65002 65003 */
static const uint8_t path_bytes[] = {2, 3, 0, 0, 0xfd, 0xe9, 0, 0, 0xfd, 0xea, 0, 0, 0xfd, 0xeb};
/* 64512:100 and 64512:200 */
static const uint8_t standard_bytes[] = {0xfc, 0, 0, 100, 0xfc, 0, 0, 200};
/* 64512:1:2 */
static const uint8_t large_bytes[] = {0, 0, 0xfc, 0, 0, 0, 0, 1, 0, 0, 0, 2};

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix result;

	assert_true(ip_prefix_parse(text, &result, NULL));
	return result;
}

static struct ip_address address(const char *text)
{
	struct ip_address result;

	assert_true(ip_address_parse(text, &result));
	return result;
}

static struct bgp_community community(const char *text)
{
	struct bgp_community result = {.kind = 0};

	assert_true(bgp_community_parse(text, &result));
	return result;
}

static struct bgp_attributes attributes(void)
{
	struct bgp_attributes result;

	memset(&result, 0, sizeof(result));
	result.as_path = (struct wire_span){path_bytes, sizeof(path_bytes)};
	result.communities[BGP_COMMUNITY_STANDARD] =
	    (struct wire_span){standard_bytes, sizeof(standard_bytes)};
	result.communities[BGP_COMMUNITY_LARGE] =
	    (struct wire_span){large_bytes, sizeof(large_bytes)};
	bgp_attributes_mark(&result, BGP_ATTRIBUTE_AS_PATH);
	bgp_attributes_mark(&result, BGP_ATTRIBUTE_COMMUNITIES);
	bgp_attributes_mark(&result, BGP_ATTRIBUTE_LARGE_COMMUNITIES);
	result.next_hop.address = address("10.0.0.1");
	return result;
}

/* Whether a filter of this one condition accepts 10.1.2.0/24 from the eBGP peer tor-a. */
static bool matches(const struct policy_match *match)
{
	struct policy_rule rule = {.match = *match, .action = POLICY_ACCEPT};
	struct policy_filter filter = {.rules = &rule, .rule_count = 1};
	const struct policy_filter *chain[] = {&filter};
	struct ip_prefix route_prefix = prefix("10.1.2.0/24");
	struct bgp_attributes route_attributes = attributes();
	struct policy_route route = {&route_prefix, &route_attributes, POLICY_SOURCE_EBGP, "tor-a"};

	return policy_find_rule(chain, 1, &route) == &rule;
}

static void no_condition_matches_everything(void **state)
{
	(void)state;
	assert_true(matches(&(struct policy_match){.prefix_count = 0}));
}

static void prefixes_match_within_ge_and_le(void **state)
{
	static const struct {
		const char *prefix;
		uint8_t ge;
		uint8_t le;
		bool expected;
	} rows[] = {
	    {"10.1.2.0/24", 24, 24, true},
	    {"10.1.2.0/24", 25, 32, false},
	    {"10.1.0.0/16", 16, 16, false},
	    {"10.1.0.0/16", 16, 24, true},
	    {"10.1.0.0/16", 24, 32, true},
	    {"10.1.0.0/16", 25, 32, false},
	    {"10.1.0.0/16", 16, 23, false},
	    {"10.2.0.0/16", 16, 32, false},
	    {"10.1.2.0/25", 24, 32, false},
	    {"0.0.0.0/0", 0, 0, false},
	    {"0.0.0.0/0", 0, 32, true},
	    {"::/0", 0, 128, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct policy_prefix_match entry = {prefix(rows[i].prefix), rows[i].ge, rows[i].le};
		struct policy_match match = {.prefixes = &entry, .prefix_count = 1};

		if (matches(&match) != rows[i].expected)
			fail_msg(
			    "row %zu: %s ge %u le %u", i, rows[i].prefix, rows[i].ge, rows[i].le);
	}
}

static void any_prefix_of_the_list_will_do(void **state)
{
	struct policy_prefix_match entries[] = {
	    {prefix("192.0.2.0/24"), 24, 24}, {prefix("10.1.2.0/24"), 24, 24}};
	struct policy_match match = {.prefixes = entries, .prefix_count = 2};

	(void)state;
	assert_true(matches(&match));
	match.prefix_count = 1;
	assert_false(matches(&match));
}

static void communities_match_any_of_each_kind(void **state)
{
	static const struct {
		const char *text;
		bool expected;
	} rows[] = {
	    {"64512:100", true},
	    {"64512:200", true},
	    {"64512:300", false},
	    {"large:64512:1:2", true},
	    {"large:64512:1:3", false},
	    {"rt:64512:100", false},
	};
	struct bgp_community two[] = {community("64512:300"), community("64512:200")};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct bgp_community one = community(rows[i].text);

		if (matches(&(struct policy_match){.communities = &one, .community_count = 1}) !=
		    rows[i].expected)
			fail_msg("%s", rows[i].text);
	}
	assert_true(matches(&(struct policy_match){.communities = two, .community_count = 2}));
}

static void as_path_contains_matches_any_as_of_the_path(void **state)
{
	uint32_t inside[] = {1, 65002};
	uint32_t outside[] = {1, 2};

	(void)state;
	assert_true(matches(
	    &(struct policy_match){.as_path_contains = inside, .as_path_contains_count = 2}));
	assert_false(matches(
	    &(struct policy_match){.as_path_contains = outside, .as_path_contains_count = 2}));
}

static void as_path_length_matches_within_bounds(void **state)
{
	static const struct {
		uint32_t ge;
		uint32_t le;
		bool expected;
	} rows[] = {{0, 3, true}, {3, 3, true}, {4, UINT32_MAX, false}, {0, 2, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct policy_match match = {.has_as_path_length = true,
		    .as_path_length_ge = rows[i].ge,
		    .as_path_length_le = rows[i].le};

		assert_int_equal(matches(&match), rows[i].expected);
	}
}

static void origin_asn_matches_the_last_as_only(void **state)
{
	uint32_t last[] = {65003};
	uint32_t first[] = {65001};

	(void)state;
	assert_true(matches(&(struct policy_match){.origin_asns = last, .origin_asn_count = 1}));
	assert_false(matches(&(struct policy_match){.origin_asns = first, .origin_asn_count = 1}));
}

static void next_hop_matches_by_prefix(void **state)
{
	struct ip_prefix inside = prefix("10.0.0.0/24");
	struct ip_prefix outside = prefix("10.0.1.0/24");

	(void)state;
	assert_true(matches(&(struct policy_match){.next_hops = &inside, .next_hop_count = 1}));
	assert_false(matches(&(struct policy_match){.next_hops = &outside, .next_hop_count = 1}));
}

static void next_hop_self_lies_in_no_prefix(void **state)
{
	struct ip_prefix all = prefix("0.0.0.0/0");
	struct policy_rule rule = {.match = {.next_hops = &all, .next_hop_count = 1}};
	struct policy_filter filter = {.rules = &rule, .rule_count = 1};
	const struct policy_filter *chain[] = {&filter};
	struct ip_prefix route_prefix = prefix("10.1.2.0/24");
	struct bgp_attributes route_attributes = attributes();
	struct policy_route route = {&route_prefix, &route_attributes, POLICY_SOURCE_LOCAL, NULL};

	(void)state;
	assert_ptr_equal(policy_find_rule(chain, 1, &route), &rule);
	memset(&route_attributes.next_hop, 0, sizeof(route_attributes.next_hop));
	assert_null(policy_find_rule(chain, 1, &route));
}

static void peers_match_by_name(void **state)
{
	char a[] = "tor-a";
	char b[] = "tor-b";
	char *both[] = {b, a};
	char *other[] = {b};

	(void)state;
	assert_true(matches(&(struct policy_match){.peers = both, .peer_count = 2}));
	assert_false(matches(&(struct policy_match){.peers = other, .peer_count = 1}));
}

static void source_and_family_match_exactly(void **state)
{
	(void)state;
	assert_true(
	    matches(&(struct policy_match){.has_source = true, .source = POLICY_SOURCE_EBGP}));
	assert_false(
	    matches(&(struct policy_match){.has_source = true, .source = POLICY_SOURCE_IBGP}));
	assert_false(
	    matches(&(struct policy_match){.has_source = true, .source = POLICY_SOURCE_LOCAL}));
	assert_true(matches(&(struct policy_match){.has_family = true, .family = IPV4}));
	assert_false(matches(&(struct policy_match){.has_family = true, .family = IPV6}));
}

static void all_conditions_must_hold(void **state)
{
	uint32_t last[] = {65003};
	struct policy_match match = {.has_family = true,
	    .family = IPV4,
	    .origin_asns = last,
	    .origin_asn_count = 1,
	    .has_as_path_length = true,
	    .as_path_length_le = 3};

	(void)state;
	assert_true(matches(&match));
	match.as_path_length_le = 2;
	assert_false(matches(&match));
}

static void the_first_matching_rule_of_the_chain_decides(void **state)
{
	struct policy_rule first[] = {
	    {.match = {.has_family = true, .family = IPV6}, .action = POLICY_ACCEPT}};
	struct policy_rule second[] = {
	    {.match = {.has_family = true, .family = IPV6}, .action = POLICY_ACCEPT},
	    {.match = {.has_family = true, .family = IPV4}, .action = POLICY_REJECT},
	    {.action = POLICY_ACCEPT}};
	struct policy_filter filters[] = {
	    {.rules = first, .rule_count = 1}, {.rules = second, .rule_count = 3}};
	const struct policy_filter *chain[] = {&filters[0], &filters[1]};
	struct ip_prefix route_prefix = prefix("10.1.2.0/24");
	struct bgp_attributes route_attributes = attributes();
	struct policy_route route = {&route_prefix, &route_attributes, POLICY_SOURCE_EBGP, "a"};

	(void)state;
	assert_ptr_equal(policy_find_rule(chain, 2, &route), &second[1]);
	assert_null(policy_find_rule(chain, 1, &route));
	assert_null(policy_find_rule(chain, 0, &route));
	route_prefix = prefix("2001:db8::/32");
	assert_ptr_equal(policy_find_rule(chain, 2, &route), &first[0]);
}

/* The next number of a fixed sequence. */
static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static struct ip_prefix random_prefix(uint32_t *seed)
{
	struct ip_address any = ip_address_from_ipv4(draw(seed) << 28 | (draw(seed) & 3) << 20);

	if (draw(seed) % 4 == 0)
		any.family = IPV6;
	return ip_prefix_from_address(&any, draw(seed) % 33);
}

static void a_long_list_is_searched_with_the_same_answers(void **state)
{
	enum { ENTRIES = 60, ROUTES = 3000 };
	struct policy_prefix_match *entries = memory_allocate_zero(ENTRIES, sizeof(*entries));
	struct policy_rule *rule = memory_allocate_zero(1, sizeof(*rule));
	struct policy_filter filter = {
	    .name = memory_copy_string("long"), .rules = rule, .rule_count = 1};
	const struct policy_filter *chain[] = {&filter};
	struct bgp_attributes route_attributes = attributes();
	uint32_t seed = 7;
	unsigned matched = 0;

	(void)state;
	for (size_t i = 0; i < ENTRIES; i++) {
		entries[i].prefix = random_prefix(&seed);
		entries[i].ge = entries[i].prefix.length;
		entries[i].le = (uint8_t)(entries[i].ge + draw(&seed) % 3);
	}
	rule->match.prefixes = entries;
	rule->match.prefix_count = ENTRIES;
	policy_filter_compile(&filter);
	assert_true(rule->match.prefixes_sorted);
	for (size_t i = 0; i < ROUTES; i++) {
		struct ip_prefix route_prefix = random_prefix(&seed);
		struct policy_route route = {
		    &route_prefix, &route_attributes, POLICY_SOURCE_EBGP, "a"};
		bool expected = false;

		for (size_t j = 0; j < ENTRIES; j++)
			expected |= policy_prefix_matches(&entries[j], &route_prefix);
		assert_int_equal(policy_find_rule(chain, 1, &route) != NULL, expected);
		matched += expected;
	}
	assert_in_range(matched, ROUTES / 20, ROUTES - ROUTES / 20);
	policy_filter_release(&filter);
}

static void set_numbers_replace_and_mark(void **state)
{
	struct policy_rule rule = {
	    .set = {.has_local_pref = true, .local_pref = 200, .has_med = true, .med = 7}};
	struct bgp_attributes changed = attributes();
	struct arena arena = {NULL};

	(void)state;
	policy_rule_apply(&rule, 64512, &arena, &changed);
	assert_int_equal(changed.local_pref, 200);
	assert_true(bgp_attributes_has(&changed, BGP_ATTRIBUTE_LOCAL_PREF));
	assert_int_equal(changed.med, 7);
	assert_true(bgp_attributes_has(&changed, BGP_ATTRIBUTE_MED));
	arena_free(&arena);
}

static void set_as_path_prepend_puts_the_local_as_in_front(void **state)
{
	struct policy_rule rule = {.set = {.as_path_prepend = 2}};
	struct bgp_attributes changed = attributes();
	struct arena arena = {NULL};

	(void)state;
	policy_rule_apply(&rule, 64512, &arena, &changed);
	assert_int_equal(bgp_as_path_length(changed.as_path), 5);
	assert_int_equal(bgp_as_path_first(changed.as_path), 64512);
	assert_int_equal(bgp_as_path_count(changed.as_path, 64512), 2);
	assert_int_equal(bgp_as_path_origin(changed.as_path), 65003);
	arena_free(&arena);
}

static void set_next_hop_drops_the_link_local_one(void **state)
{
	struct policy_rule rule = {
	    .set = {.has_next_hop = true, .next_hop = address("2001:db8::1")}};
	struct bgp_attributes changed = attributes();
	struct arena arena = {NULL};

	(void)state;
	changed.next_hop.link_local = address("fe80::1");
	policy_rule_apply(&rule, 64512, &arena, &changed);
	assert_true(ip_address_equal(&changed.next_hop.address, &rule.set.next_hop));
	assert_true(ip_address_is_unspecified(&changed.next_hop.link_local));
	arena_free(&arena);
}

/* The communities as text. */
static char *print(const struct bgp_attributes *of)
{
	struct text text = {NULL, 0, 0};

	text_append(&text, "%s", "");
	for (unsigned kind = 0; kind < BGP_COMMUNITY_KINDS; kind++) {
		struct wire_reader reader = wire_reader_from_span(of->communities[kind]);

		while (wire_left(&reader)) {
			text_append(&text, "%s", text.length ? " " : "");
			bgp_community_print(
			    kind, wire_get_bytes(&reader, bgp_community_size(kind)), &text);
		}
	}
	return text.string;
}

static void set_communities_replaces_removes_and_adds(void **state)
{
	struct bgp_community add[] = {community("64512:50"), community("large:64512:9:9")};
	struct bgp_community removed[] = {community("64512:100"), community("64512:200")};
	static const struct {
		bool replace;
		size_t add;
		size_t remove;
		const char *expected;
	} rows[] = {
	    {false, 0, 0, "64512:100 64512:200 large:64512:1:2"},
	    {false, 1, 0, "64512:50 64512:100 64512:200 large:64512:1:2"},
	    {false, 2, 1, "64512:50 64512:200 large:64512:1:2 large:64512:9:9"},
	    {false, 0, 2, "large:64512:1:2"},
	    {true, 0, 0, ""},
	    {true, 2, 0, "64512:50 large:64512:9:9"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct policy_rule rule = {.set = {.replace_communities = rows[i].replace,
					       .add = add,
					       .add_count = rows[i].add,
					       .remove = removed,
					       .remove_count = rows[i].remove}};
		struct bgp_attributes changed = attributes();
		struct arena arena = {NULL};
		char *text;

		policy_rule_apply(&rule, 64512, &arena, &changed);
		text = print(&changed);
		assert_string_equal(text, rows[i].expected);
		free(text);
		assert_int_equal(bgp_attributes_has(&changed, BGP_ATTRIBUTE_COMMUNITIES),
		    changed.communities[BGP_COMMUNITY_STANDARD].length > 0);
		assert_int_equal(bgp_attributes_has(&changed, BGP_ATTRIBUTE_LARGE_COMMUNITIES),
		    changed.communities[BGP_COMMUNITY_LARGE].length > 0);
		arena_free(&arena);
	}
}

/* Each is set on a route without any, and matched by its name or text alone. */
static void every_kind_of_community_is_set_and_matched(void **state)
{
	static const struct {
		const char *text;
		unsigned type;
	} rows[] = {
	    {"blackhole", BGP_ATTRIBUTE_COMMUNITIES}, /* RFC 7999 */
	    {"graceful-shutdown", BGP_ATTRIBUTE_COMMUNITIES},
	    {"rt:64512:100", BGP_ATTRIBUTE_EXTENDED_COMMUNITIES},
	    {"large:64512:1:2", BGP_ATTRIBUTE_LARGE_COMMUNITIES},
	    {"rt:[2001:db8::1]:7", BGP_ATTRIBUTE_IPV6_EXTENDED_COMMUNITIES},
	};
	enum { ROWS = sizeof(rows) / sizeof(*rows) };
	const struct ip_prefix prefix = {{10, 1}, 16, IPV4};

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct bgp_community set = community(rows[i].text);
		const struct policy_rule rule = {.set = {.add = &set, .add_count = 1}};
		struct bgp_attributes changed = {.present = 0};
		const struct policy_route route = {&prefix, &changed, POLICY_SOURCE_EBGP, NULL};
		struct arena arena = {NULL};

		policy_rule_apply(&rule, 64512, &arena, &changed);
		assert_true(changed.present == (uint64_t)1 << rows[i].type);
		for (size_t j = 0; j < ROWS; j++) {
			struct bgp_community wanted = community(rows[j].text);
			struct policy_rule match = {
			    .match = {.communities = &wanted, .community_count = 1}};
			const struct policy_filter filter = {.rules = &match, .rule_count = 1};
			const struct policy_filter *chain[] = {&filter};

			if (!!policy_find_rule(chain, 1, &route) != (i == j))
				fail_msg("%s, %s", rows[i].text, rows[j].text);
		}
		arena_free(&arena);
	}
}

static void only_the_kernel_metric_changes_no_attribute(void **state)
{
	struct bgp_community one = community("64512:50");
	struct policy_rule rules[] = {
	    {.set = {.has_local_pref = true}},
	    {.set = {.has_med = true}},
	    {.set = {.replace_communities = true}},
	    {.set = {.add = &one, .add_count = 1}},
	    {.set = {.remove = &one, .remove_count = 1}},
	    {.set = {.as_path_prepend = 1}},
	    {.set = {.has_next_hop = true}},
	};

	(void)state;
	assert_false(policy_rule_changes_attributes(
	    &(struct policy_rule){.set = {.has_metric = true, .metric = 5}}));
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		assert_true(policy_rule_changes_attributes(&rules[i]));
}

static void equality_sees_every_member_but_the_name(void **state)
{
	struct policy_prefix_match entry = {prefix("10.0.0.0/8"), 8, 8};
	struct bgp_community one = community("64512:50");
	struct ip_prefix hop = prefix("10.0.0.1/32");
	uint32_t asn = 1;
	char a[] = "a";
	char *name = a;
	struct policy_rule plain = {.action = POLICY_ACCEPT};
	struct policy_rule others[] = {
	    {.action = POLICY_REJECT},
	    {.action = POLICY_ACCEPT, .match = {.prefixes = &entry, .prefix_count = 1}},
	    {.action = POLICY_ACCEPT, .match = {.communities = &one, .community_count = 1}},
	    {.action = POLICY_ACCEPT,
		.match = {.as_path_contains = &asn, .as_path_contains_count = 1}},
	    {.action = POLICY_ACCEPT, .match = {.has_as_path_length = true}},
	    {.action = POLICY_ACCEPT, .match = {.origin_asns = &asn, .origin_asn_count = 1}},
	    {.action = POLICY_ACCEPT, .match = {.next_hops = &hop, .next_hop_count = 1}},
	    {.action = POLICY_ACCEPT, .match = {.peers = &name, .peer_count = 1}},
	    {.action = POLICY_ACCEPT, .match = {.has_source = true}},
	    {.action = POLICY_ACCEPT, .match = {.has_family = true}},
	    {.action = POLICY_ACCEPT, .set = {.has_local_pref = true}},
	    {.action = POLICY_ACCEPT, .set = {.has_med = true}},
	    {.action = POLICY_ACCEPT, .set = {.replace_communities = true}},
	    {.action = POLICY_ACCEPT, .set = {.add = &one, .add_count = 1}},
	    {.action = POLICY_ACCEPT, .set = {.remove = &one, .remove_count = 1}},
	    {.action = POLICY_ACCEPT, .set = {.as_path_prepend = 1}},
	    {.action = POLICY_ACCEPT, .set = {.has_next_hop = true}},
	    {.action = POLICY_ACCEPT, .set = {.has_metric = true}},
	};
	struct policy_filter x = {.name = a, .rules = &plain, .rule_count = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct policy_rule same = others[i];
		struct policy_filter y = {.name = NULL, .rules = &others[i], .rule_count = 1};
		struct policy_filter z = {.name = NULL, .rules = &same, .rule_count = 1};

		if (policy_filter_equal(&x, &y) || !policy_filter_equal(&y, &z))
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_condition_matches_everything),
	    cmocka_unit_test(prefixes_match_within_ge_and_le),
	    cmocka_unit_test(any_prefix_of_the_list_will_do),
	    cmocka_unit_test(communities_match_any_of_each_kind),
	    cmocka_unit_test(as_path_contains_matches_any_as_of_the_path),
	    cmocka_unit_test(as_path_length_matches_within_bounds),
	    cmocka_unit_test(origin_asn_matches_the_last_as_only),
	    cmocka_unit_test(next_hop_matches_by_prefix),
	    cmocka_unit_test(next_hop_self_lies_in_no_prefix),
	    cmocka_unit_test(peers_match_by_name),
	    cmocka_unit_test(source_and_family_match_exactly),
	    cmocka_unit_test(all_conditions_must_hold),
	    cmocka_unit_test(the_first_matching_rule_of_the_chain_decides),
	    cmocka_unit_test(a_long_list_is_searched_with_the_same_answers),
	    cmocka_unit_test(set_numbers_replace_and_mark),
	    cmocka_unit_test(set_as_path_prepend_puts_the_local_as_in_front),
	    cmocka_unit_test(set_next_hop_drops_the_link_local_one),
	    cmocka_unit_test(set_communities_replaces_removes_and_adds),
	    cmocka_unit_test(every_kind_of_community_is_set_and_matched),
	    cmocka_unit_test(only_the_kernel_metric_changes_no_attribute),
	    cmocka_unit_test(equality_sees_every_member_but_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
