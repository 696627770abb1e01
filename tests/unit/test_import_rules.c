/* What is refused whatever the filters say, and what a route is given on its way in. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/text.h"
#include "routes.h"
#include "speaker/import_rules.h"

#define OWN 64512
#define OTHER_OWN 64999 /* localASN */
#define REMOTE 65001

static const uint32_t short_path[] = {REMOTE, 65002, 0};

struct fixture {
	struct arena arena;
	struct import_rules rules;
	struct bgp_attributes attributes;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	fixture.rules = (struct import_rules){
	    .external = true,
	    .router_asn = OWN,
	    .local_asn = OWN,
	    .remote_asn = REMOTE,
	    .router_id = 0x0a000001,
	    .cluster_id = 0x0a00000a,
	};
	fixture.attributes = attributes_of(&fixture.arena, "192.0.2.1", short_path);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	arena_free(&fixture->arena);
	return 0;
}

static enum import_refusal judge(const struct fixture *fixture)
{
	return import_rules_judge(&fixture->rules, &fixture->attributes);
}

static void apply(struct fixture *fixture)
{
	import_rules_apply(&fixture->rules, &fixture->arena, &fixture->attributes);
}

static bool has(const struct fixture *fixture, unsigned type)
{
	return bgp_attributes_has(&fixture->attributes, type);
}

static void set_path(struct fixture *fixture, const uint32_t *path)
{
	fixture->attributes = attributes_of(&fixture->arena, "192.0.2.1", path);
}

static void set_otc(struct fixture *fixture, uint32_t asn)
{
	fixture->attributes.otc = asn;
	bgp_attributes_mark(&fixture->attributes, BGP_ATTRIBUTE_OTC);
}

static void assert_path(const struct fixture *fixture, const char *wanted)
{
	struct text text = {.string = NULL};

	bgp_as_path_print(fixture->attributes.as_path, &text);
	assert_string_equal(text.string, wanted);
	text_free(&text);
}

static void plain_route_is_taken_as_it_is(void **state)
{
	struct fixture *fixture = *state;
	const struct bgp_attributes before = fixture->attributes;

	assert_int_equal(judge(fixture), IMPORT_NOT_REFUSED);
	apply(fixture);
	assert_memory_equal(&fixture->attributes, &before, sizeof(before));
}

static void test_rfc4271_9_1_2_as_loop_is_refused(void **state)
{
	static const uint32_t looped[] = {REMOTE, OWN, 65002, 0};
	static const uint32_t twice[] = {REMOTE, OWN, OWN, 65002, 0};
	struct fixture *fixture = *state;

	set_path(fixture, looped);
	assert_int_equal(judge(fixture), IMPORT_AS_LOOP);
	fixture->rules.allow_own_asn = 1;
	assert_int_equal(judge(fixture), IMPORT_NOT_REFUSED);
	set_path(fixture, twice);
	assert_int_equal(judge(fixture), IMPORT_AS_LOOP);
}

/* RFC 7705: a path that has been through us may show either number. */
static void both_of_our_as_numbers_are_a_loop(void **state)
{
	static const uint32_t by_local[] = {REMOTE, OTHER_OWN, 0};
	static const uint32_t by_router[] = {REMOTE, OWN, 0};
	static const uint32_t by_both[] = {REMOTE, OTHER_OWN, OWN, 0};
	struct fixture *fixture = *state;

	fixture->rules.local_asn = OTHER_OWN;
	set_path(fixture, by_local);
	assert_int_equal(judge(fixture), IMPORT_AS_LOOP);
	set_path(fixture, by_router);
	assert_int_equal(judge(fixture), IMPORT_AS_LOOP);
	fixture->rules.allow_own_asn = 1;
	assert_int_equal(judge(fixture), IMPORT_NOT_REFUSED);
	set_path(fixture, by_both);
	assert_int_equal(judge(fixture), IMPORT_AS_LOOP);
}

static void test_rfc4456_8_own_originator_id_is_refused(void **state)
{
	struct fixture *fixture = *state;

	fixture->rules.external = false;
	wire_store_u32(fixture->attributes.originator_id, 0x0a000001);
	assert_int_equal(judge(fixture), IMPORT_NOT_REFUSED); /* not marked as present */
	bgp_attributes_mark(&fixture->attributes, BGP_ATTRIBUTE_ORIGINATOR_ID);
	assert_int_equal(judge(fixture), IMPORT_REFLECTED_BACK);
	fixture->rules.external = true; /* it means nothing from there */
	assert_int_equal(judge(fixture), IMPORT_NOT_REFUSED);
	fixture->rules.external = false;
	wire_store_u32(fixture->attributes.originator_id, 0x0a00000a); /* the cluster's */
	assert_int_equal(judge(fixture), IMPORT_NOT_REFUSED);
}

static void test_rfc4456_8_own_cluster_id_is_refused(void **state)
{
	static const uint8_t own[] = {1, 2, 3, 4, 10, 0, 0, 10};
	static const uint8_t others[] = {1, 2, 3, 4, 10, 0, 0, 1}; /* our router ID is no cluster */
	struct fixture *fixture = *state;

	fixture->rules.external = false;
	fixture->attributes.cluster_list = (struct wire_span){own, sizeof(own)};
	bgp_attributes_mark(&fixture->attributes, BGP_ATTRIBUTE_CLUSTER_LIST);
	assert_int_equal(judge(fixture), IMPORT_REFLECTED_BACK);
	fixture->attributes.cluster_list = (struct wire_span){others, sizeof(others)};
	assert_int_equal(judge(fixture), IMPORT_NOT_REFUSED);
}

struct leak_case {
	enum bgp_role role; /* ours */
	uint32_t otc; /* 0: none */
	bool leak;
	bool added;
};

/* On receipt: 1 is a leak from a customer or RS client, 2 from a peer, 3 adds the attribute. */
static void test_rfc9234_5_route_leaks_are_refused(void **state)
{
	static const struct leak_case cases[] = {
	    {BGP_ROLE_NONE, 0, false, false},
	    {BGP_ROLE_NONE, 65009, false, false},
	    {BGP_ROLE_PROVIDER, 0, false, false},
	    {BGP_ROLE_PROVIDER, 65009, true, false},
	    {BGP_ROLE_PROVIDER, REMOTE, true, false},
	    {BGP_ROLE_ROUTE_SERVER, 0, false, false},
	    {BGP_ROLE_ROUTE_SERVER, 65009, true, false},
	    {BGP_ROLE_PEER, 0, false, true},
	    {BGP_ROLE_PEER, REMOTE, false, false},
	    {BGP_ROLE_PEER, 65009, true, false},
	    {BGP_ROLE_CUSTOMER, 0, false, true},
	    {BGP_ROLE_CUSTOMER, 65009, false, false},
	    {BGP_ROLE_ROUTE_SERVER_CLIENT, 0, false, true},
	    {BGP_ROLE_ROUTE_SERVER_CLIENT, 65009, false, false},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum import_refusal wanted = cases[i].leak ? IMPORT_ROUTE_LEAK : IMPORT_NOT_REFUSED;

		set_path(fixture, short_path);
		if (cases[i].otc)
			set_otc(fixture, cases[i].otc);
		fixture->rules.role = (uint8_t)cases[i].role;
		if (judge(fixture) != wanted)
			fail_msg("case %zu: refusal %d", i, judge(fixture));
		apply(fixture);
		if (has(fixture, BGP_ATTRIBUTE_OTC) != (cases[i].otc || cases[i].added))
			fail_msg("case %zu: OTC %d", i, has(fixture, BGP_ATTRIBUTE_OTC));
		if (has(fixture, BGP_ATTRIBUTE_OTC))
			assert_int_equal(
			    fixture->attributes.otc, cases[i].added ? REMOTE : cases[i].otc);
	}
}

static void internal_peers_have_no_role(void **state)
{
	struct fixture *fixture = *state;

	fixture->rules.external = false;
	fixture->rules.role = BGP_ROLE_CUSTOMER;
	apply(fixture);
	assert_false(has(fixture, BGP_ATTRIBUTE_OTC));
	fixture->rules.role = BGP_ROLE_PROVIDER;
	set_otc(fixture, 65009);
	assert_int_equal(judge(fixture), IMPORT_NOT_REFUSED);
}

static void path_may_be_as_long_as_configured(void **state)
{
	struct fixture *fixture = *state;

	fixture->rules.max_as_path_length = 2;
	assert_int_equal(judge(fixture), IMPORT_NOT_REFUSED);
	fixture->rules.max_as_path_length = 1;
	assert_int_equal(judge(fixture), IMPORT_PATH_TOO_LONG);
	fixture->rules.external = false;
	assert_int_equal(judge(fixture), IMPORT_PATH_TOO_LONG);
}

static void set_counts_as_one_as_of_a_path(void **state)
{
	static const uint8_t path[] = {
	    BGP_SEGMENT_SEQUENCE, 1, 0, 0, 0xfd, 0xe9, BGP_SEGMENT_SET, 2, 0, 0, 0, 1, 0, 0, 0, 2};
	struct fixture *fixture = *state;

	fixture->attributes.as_path = (struct wire_span){path, sizeof(path)};
	fixture->rules.max_as_path_length = 2;
	assert_int_equal(judge(fixture), IMPORT_NOT_REFUSED);
	fixture->rules.max_as_path_length = 1;
	assert_int_equal(judge(fixture), IMPORT_PATH_TOO_LONG);
}

static void test_rfc8326_4_graceful_shutdown_is_least_preferred(void **state)
{
	struct fixture *fixture = *state;

	add_community(&fixture->arena, &fixture->attributes, 0xfde80001);
	apply(fixture);
	assert_false(has(fixture, BGP_ATTRIBUTE_LOCAL_PREF));
	add_community(&fixture->arena, &fixture->attributes, BGP_COMMUNITY_GRACEFUL_SHUTDOWN);
	apply(fixture);
	assert_true(has(fixture, BGP_ATTRIBUTE_LOCAL_PREF));
	assert_int_equal(fixture->attributes.local_pref, 0);
	/* Inside of our AS whoever heard it first has lowered it. */
	set_local_pref(&fixture->attributes, 200);
	fixture->rules.external = false;
	apply(fixture);
	assert_int_equal(fixture->attributes.local_pref, 200);
}

static void test_rfc7705_3_local_as_is_put_into_received_paths(void **state)
{
	struct fixture *fixture = *state;

	fixture->rules.prepend_local_asn = true;
	apply(fixture); /* it is our own: nothing to tell */
	assert_path(fixture, "65001 65002");
	fixture->rules.local_asn = OTHER_OWN;
	fixture->rules.max_as_path_length = 2;
	assert_int_equal(judge(fixture), IMPORT_NOT_REFUSED);
	apply(fixture);
	assert_path(fixture, "64999 65001 65002");
	set_path(fixture, short_path);
	fixture->rules.prepend_local_asn = false;
	apply(fixture);
	assert_path(fixture, "65001 65002");
}

static void warning_comes_at_the_threshold(void **state)
{
	(void)state;
	assert_false(import_rules_near_limit(74, 100, 75));
	assert_true(import_rules_near_limit(75, 100, 75));
	assert_true(import_rules_near_limit(100, 100, 100));
	assert_false(import_rules_near_limit(99, 100, 100));
	assert_false(import_rules_near_limit(99, 100, 0));
	assert_false(import_rules_near_limit(99, 0, 75));
	assert_false(import_rules_near_limit(1, 3, 50));
	assert_true(import_rules_near_limit(2, 3, 50));
	assert_true(import_rules_near_limit(4000000000, 4000000000, 100));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(plain_route_is_taken_as_it_is),
	    TEST(test_rfc4271_9_1_2_as_loop_is_refused),
	    TEST(both_of_our_as_numbers_are_a_loop),
	    TEST(test_rfc4456_8_own_originator_id_is_refused),
	    TEST(test_rfc4456_8_own_cluster_id_is_refused),
	    TEST(test_rfc9234_5_route_leaks_are_refused),
	    TEST(internal_peers_have_no_role),
	    TEST(path_may_be_as_long_as_configured),
	    TEST(set_counts_as_one_as_of_a_path),
	    TEST(test_rfc8326_4_graceful_shutdown_is_least_preferred),
	    TEST(test_rfc7705_3_local_as_is_put_into_received_paths),
	    TEST(warning_comes_at_the_threshold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
