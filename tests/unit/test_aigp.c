/*
 * RFC 7311 3.4.3: a change of what the way to a next hop costs is sent on where AIGP says it, and
 * nowhere else.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/memory.h"
#include "sessions.h"

/* The first of the fixture's sessions; each is a group of its own. */
enum { SELF, UNCHANGED, WITHOUT, PATHS };

static int set_up_sessions(void **state)
{
	int result = set_up(state);
	struct fixture *fixture = *state;

	fixture->key.next_hop = EXPORT_NEXT_HOP_SELF;
	join(fixture, WITHOUT);
	fixture->key.aigp = true;
	join(fixture, SELF);
	fixture->key.next_hop = EXPORT_NEXT_HOP_UNCHANGED;
	join(fixture, UNCHANGED);
	fixture->key.next_hop = EXPORT_NEXT_HOP_SELF;
	return result;
}

/* The one with add-path joins last: what is sent is read by the key that was joined with. */
static void join_paths(struct fixture *fixture)
{
	static struct bgp_codec codec;

	fixture->key.codec.add_path_send[IPV4] = true;
	fixture->key.path_limit = 3;
	codec = fixture->key.codec;
	fixture->sessions[PATHS].codec = &codec;
	join(fixture, PATHS);
	fixture->key.codec.add_path_send[IPV4] = false;
}

static struct rib_next_hop *next_hop_of(struct fixture *fixture, const char *prefix)
{
	const struct ip_prefix at = prefix_of(prefix);

	return rib_find(fixture->rib, &at, NULL)->first.attributes->next_hop;
}

static void advertise_aigp(
    struct fixture *fixture, const char *prefix, const char *next_hop, uint8_t metric)
{
	const uint8_t tlv[] = {1, 0, 11, 0, 0, 0, 0, 0, 0, 0, metric};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, next_hop, path);

	attributes.aigp = (struct wire_span){tlv, sizeof(tlv)};
	bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_AIGP);
	announce(
	    fixture->rib, fixture->sessions[5].peer, prefix, (uint32_t)next_hop[8], &attributes, 0);
}

static void set_cost(struct fixture *fixture, const char *prefix, uint32_t cost)
{
	rib_next_hop_resolve(fixture->rib, next_hop_of(fixture, prefix), true, cost);
}

static void test_rfc7311_3_4_3_change_of_the_cost_is_sent(void **state)
{
	struct fixture *fixture = *state;

	advertise_aigp(fixture, A, "192.0.2.1", 100);
	set_cost(fixture, A, 5);
	run(fixture);
	assert_said(fixture, SELF, "+10.1.0.0/16 aigp105; end4; end6;");
	assert_said(fixture, UNCHANGED, "+10.1.0.0/16 aigp100; end4; end6;");
	assert_said(fixture, WITHOUT, "+10.1.0.0/16; end4; end6;");
	set_cost(fixture, A, 7);
	run(fixture);
	assert_said(fixture, SELF, "+10.1.0.0/16 aigp107;");
	assert_said(fixture, UNCHANGED, "");
	assert_said(fixture, WITHOUT, "");
}

static void cost_of_a_route_without_aigp_is_nobodys_business(void **state)
{
	struct fixture *fixture = *state;

	advertise(fixture, &fixture->sessions[5], A, 1);
	run_and_forget(fixture);
	set_cost(fixture, A, 7);
	run(fixture);
	assert_said(fixture, SELF, "");
}

static void cost_of_another_next_hop_is_not_sent(void **state)
{
	struct fixture *fixture = *state;

	advertise_aigp(fixture, A, "192.0.2.1", 100);
	advertise_aigp(fixture, B, "192.0.2.2", 50);
	run_and_forget(fixture);
	set_cost(fixture, B, 7);
	run(fixture);
	assert_said(fixture, SELF, "+10.2.0.0/16 aigp57;");
}

/* The key changes and comes back before anybody has looked what that means. */
static void cost_that_changed_under_a_key_without_aigp_is_sent(void **state)
{
	struct fixture *fixture = *state;
	struct export_key key = fixture->key;

	advertise_aigp(fixture, A, "192.0.2.1", 100);
	advertise(fixture, &fixture->sessions[5], B, 1);
	set_cost(fixture, A, 5);
	run_and_forget(fixture);
	key.aigp = false;
	update_group_move(fixture->sessions[SELF].member, &key);
	set_cost(fixture, A, 7);
	rib_flush(fixture->rib);
	update_group_move(fixture->sessions[SELF].member, &fixture->key);
	run(fixture);
	assert_said(fixture, SELF, "+10.1.0.0/16 aigp107;");
}

static void path_of_several_is_sent_with_its_new_cost_alone(void **state)
{
	struct fixture *fixture = *state;

	join_paths(fixture);
	advertise_aigp(fixture, A, "192.0.2.1", 100);
	advertise_aigp(fixture, A, "192.0.2.2", 50);
	advertise_aigp(fixture, B, "192.0.2.2", 30); /* to have its next hop */
	run_and_forget(fixture);
	set_cost(fixture, B, 7); /* of the path of A that is not the best one too */
	run(fixture);
	assert_said(fixture, PATHS, "+10.1.0.0/16 #2 aigp57; +10.2.0.0/16 #1 aigp37;");
	assert_said(fixture, SELF, "+10.2.0.0/16 aigp37;");
	set_cost(fixture, B, 7);
	run(fixture);
	assert_said(fixture, PATHS, "");
}

/* Until its paths are copied a stream that all have left stays, with a key of before the reload. */
static void cost_is_asked_of_no_filter_that_is_gone(void **state)
{
	static struct policy_rule rule = {.action = POLICY_ACCEPT};
	struct fixture *fixture = *state;
	struct policy_filter *old = memory_allocate_zero(1, sizeof(*old));
	struct policy_filter new = {.rules = &rule, .rule_count = 1};
	const struct policy_filter *before[] = {old}, *after[] = {&new};
	struct export_key key;

	*old = new;
	fixture->key.filters = before;
	fixture->key.filter_count = 1;
	join_paths(fixture);
	fixture->sessions[PATHS + 1].codec = fixture->sessions[PATHS].codec;
	fixture->key.codec.add_path_send[IPV4] = true;
	join(fixture, PATHS + 1);
	key = fixture->key;
	fixture->key.codec.add_path_send[IPV4] = false;
	advertise(fixture, &fixture->sessions[5], A, 1);
	advertise_aigp(fixture, "2001:db8:1::/48", "2001:db8::1", 100);
	run_and_forget(fixture);
	key.filters = after;
	update_group_move(fixture->sessions[PATHS].member, &key);
	update_group_move(fixture->sessions[PATHS + 1].member, &key);
	free(old);
	set_cost(fixture, "2001:db8:1::/48", 7);
	run(fixture);
	assert_said(fixture, PATHS, "+2001:db8:1::/48 aigp107;");
	assert_said(fixture, PATHS + 1, "+2001:db8:1::/48 aigp107;");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up_sessions, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_rfc7311_3_4_3_change_of_the_cost_is_sent),
	    TEST(cost_of_a_route_without_aigp_is_nobodys_business),
	    TEST(cost_of_another_next_hop_is_not_sent),
	    TEST(cost_that_changed_under_a_key_without_aigp_is_sent),
	    TEST(path_of_several_is_sent_with_its_new_cost_alone),
	    TEST(cost_is_asked_of_no_filter_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
