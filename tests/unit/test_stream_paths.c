/* Sessions with add-path (RFC 7911): what they are sent of a prefix with several paths. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sessions.h"

static int set_up_add_path(void **state)
{
	struct fixture *fixture;
	int result = set_up(state);

	fixture = *state;
	fixture->key.codec.add_path_send[IPV4] = true;
	fixture->key.path_limit = 3;
	return result;
}

/* A path of a member that is one of several from it; the lower MED wins. */
static void advertise_path(struct fixture *fixture, const struct session *from, const char *prefix,
    uint32_t path_id, uint32_t med)
{
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);

	set_med(&attributes, med);
	announce(fixture->rib, from->peer, prefix, path_id, &attributes, 0);
}

static void withdraw_path(
    struct fixture *fixture, const struct session *from, const char *prefix, uint32_t path_id)
{
	const struct ip_prefix at = prefix_of(prefix);

	assert_true(rib_withdraw(fixture->rib, from->peer, &at, path_id));
}

static uint32_t advertised(const struct fixture *fixture, unsigned number)
{
	return update_group_advertised(fixture->sessions[number].member, IPV4);
}

static void test_rfc7911_3_each_path_has_its_identifier(void **state)
{
	struct fixture *fixture = *state;
	const struct session *from = &fixture->sessions[5];

	advertise_path(fixture, from, A, 70, 1);
	advertise_path(fixture, from, A, 71, 2);
	advertise(fixture, NULL, "2001:db8::/32", 1); /* a family without */
	join(fixture, 0);
	run(fixture);
	assert_said(
	    fixture, 0, "+10.1.0.0/16 #1 m1; +10.1.0.0/16 #2 m2; end4; +2001:db8::/32 m1; end6;");
	assert_int_equal(advertised(fixture, 0), 2);
	assert_int_equal(update_group_advertised(fixture->sessions[0].member, IPV6), 1);
	run(fixture);
	assert_said(fixture, 0, "");
}

static void no_more_paths_than_the_limit(void **state)
{
	struct fixture *fixture = *state;
	const struct session *from = &fixture->sessions[5];

	fixture->key.path_limit = 2;
	join(fixture, 0);
	for (uint32_t i = 1; i <= 4; i++)
		advertise_path(fixture, from, A, i, 10 - i);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #4 m6; +10.1.0.0/16 #3 m7; end4; end6;");
	/* One of them goes: the third takes its place. */
	withdraw_path(fixture, from, A, 4);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16 #4; +10.1.0.0/16 #2 m8;");
	/* One that is not sent goes. */
	withdraw_path(fixture, from, A, 1);
	run(fixture);
	assert_said(fixture, 0, "");
}

/* The others stay as they are, and nobody hears of them. */
static void best_of_three_goes_with_one_withdrawal(void **state)
{
	struct fixture *fixture = *state;
	const struct session *from = &fixture->sessions[5];

	join(fixture, 0);
	for (uint32_t i = 1; i <= 3; i++)
		advertise_path(fixture, from, A, i, i);
	run_and_forget(fixture);
	withdraw_path(fixture, from, A, 1);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16 #1;");
	advertise_path(fixture, from, A, 9, 0); /* the best one now, in the free place */
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m0;");
}

static void only_the_path_that_changed_is_sent(void **state)
{
	struct fixture *fixture = *state;
	const struct session *from = &fixture->sessions[5];

	join(fixture, 0);
	for (uint32_t i = 1; i <= 3; i++)
		advertise_path(fixture, from, A, i, i);
	run_and_forget(fixture);
	advertise_path(fixture, from, A, 2, 9); /* never the best one */
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #2 m9;");
	/* There and back within a turn. */
	advertise_path(fixture, from, A, 2, 8);
	advertise_path(fixture, from, A, 2, 9);
	withdraw_path(fixture, from, A, 3);
	advertise_path(fixture, from, A, 3, 3);
	run(fixture);
	assert_said(fixture, 0, "");
}

static void prefix_that_goes_takes_all_its_paths(void **state)
{
	struct fixture *fixture = *state;
	struct session *from = &fixture->sessions[5];

	join(fixture, 0);
	for (uint32_t i = 1; i <= 3; i++)
		advertise_path(fixture, from, A, i, i);
	run_and_forget(fixture);
	rib_withdraw_peer(fixture->rib, from->peer, IPV4);
	run(fixture);
	assert_int_equal(fixture->sessions[0].withdrawn, 3);
	assert_int_equal(fixture->sessions[0].messages, 3 + 2 + 1);
	assert_int_equal(advertised(fixture, 0), 0);
	rib_flush(fixture->rib);
	assert_int_equal(rib_limit(fixture->rib, IPV4), 1);
	assert_int_equal(rib_attribute_store(fixture->rib)->sets.count, 0);
}

static void path_is_not_sent_back_to_its_source(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < 3; i++)
		join(fixture, i);
	run_and_forget(fixture);
	advertise_path(fixture, &fixture->sessions[0], A, 0, 1);
	advertise_path(fixture, &fixture->sessions[1], A, 0, 2);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #2 m2;");
	assert_said(fixture, 1, "+10.1.0.0/16 #1 m1;");
	assert_said(fixture, 2, "+10.1.0.0/16 #1 m1; +10.1.0.0/16 #2 m2;");
	assert_int_equal(advertised(fixture, 0), 1);
	assert_int_equal(advertised(fixture, 2), 2);
	withdraw(fixture, &fixture->sessions[0], A);
	run(fixture);
	assert_said(fixture, 0, "");
	assert_said(fixture, 1, "-10.1.0.0/16 #1;");
	assert_said(fixture, 2, "-10.1.0.0/16 #1;");
}

/* In one turn a path goes and another one gets its identifier. */
static void identifier_may_change_its_source(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < 3; i++)
		join(fixture, i);
	advertise_path(fixture, &fixture->sessions[0], A, 0, 1);
	run_and_forget(fixture);
	withdraw(fixture, &fixture->sessions[0], A);
	advertise_path(fixture, &fixture->sessions[1], A, 0, 2);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m2;");
	assert_said(fixture, 1, "-10.1.0.0/16 #1;");
	assert_said(fixture, 2, "+10.1.0.0/16 #1 m2;");
	/* To this node and back to a member. */
	withdraw(fixture, &fixture->sessions[1], A);
	advertise(fixture, NULL, A, 3);
	run(fixture);
	for (unsigned i = 0; i < 3; i++)
		assert_said(fixture, i, "+10.1.0.0/16 #1 m3;");
	withdraw(fixture, NULL, A);
	advertise_path(fixture, &fixture->sessions[2], A, 0, 4);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m4;");
	assert_said(fixture, 2, "-10.1.0.0/16 #1;");
}

/* The same attributes from another member: a reflected route names its router. */
static void same_attributes_of_another_source_are_sent(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < 4; i++)
		join(fixture, i);
	advertise_path(fixture, &fixture->sessions[1], A, 0, 1);
	run_and_forget(fixture);
	withdraw(fixture, &fixture->sessions[1], A);
	advertise_path(fixture, &fixture->sessions[2], A, 0, 1);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m1;");
	/* To another session of the same router: who has it is another one. */
	fixture->sessions[3].peer->identifier = fixture->sessions[2].peer->identifier;
	withdraw(fixture, &fixture->sessions[2], A);
	advertise_path(fixture, &fixture->sessions[3], A, 0, 1);
	run_and_forget(fixture);
	assert_int_equal(advertised(fixture, 2), 1);
	assert_int_equal(advertised(fixture, 3), 0);
}

static void limit_of_one_follows_the_best_path(void **state)
{
	struct fixture *fixture = *state;
	const struct session *from = &fixture->sessions[5];

	fixture->key.path_limit = 1;
	join(fixture, 0);
	advertise_path(fixture, from, A, 1, 5);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m5; end4; end6;");
	advertise_path(fixture, from, A, 2, 3);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16 #1; +10.1.0.0/16 #2 m3;");
	/* An equal twin of the best one takes over: to others that is no news. */
	advertise_path(fixture, from, A, 3, 3);
	run(fixture);
	assert_said(fixture, 0, "");
	withdraw_path(fixture, from, A, 2);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16 #2; +10.1.0.0/16 #3 m3;");
}

static void others_are_sent_the_best_path_only(void **state)
{
	struct fixture *fixture = *state;
	const struct session *from = &fixture->sessions[5];
	const struct bgp_codec plain = {.families = {true, true}, .as4 = true};
	struct export_key several = fixture->key;

	join(fixture, 0);
	fixture->key.codec = plain;
	fixture->sessions[0].codec = &several.codec;
	join(fixture, 1);
	advertise_path(fixture, from, A, 1, 1);
	advertise_path(fixture, from, A, 2, 2);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m1; +10.1.0.0/16 #2 m2; end4; end6;");
	assert_said(fixture, 1, "+10.1.0.0/16 m1; end4; end6;");
	advertise_path(fixture, from, A, 2, 3);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #2 m3;");
	assert_said(fixture, 1, "");
	/* Once nobody has add-path, nobody listens to every path. */
	leave(&fixture->sessions[0]);
	advertise_path(fixture, from, A, 2, 4);
	run(fixture);
	assert_said(fixture, 1, "");
}

static void late_member_merges(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	advertise_path(fixture, &fixture->sessions[0], A, 0, 1);
	advertise_path(fixture, &fixture->sessions[1], A, 0, 2);
	run_and_forget(fixture);
	join(fixture, 1);
	join(fixture, 2);
	run(fixture);
	assert_said(fixture, 0, "");
	assert_said(fixture, 1, "+10.1.0.0/16 #1 m1; end4; end6;");
	assert_said(fixture, 2, "+10.1.0.0/16 #1 m1; +10.1.0.0/16 #2 m2; end4; end6;");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(advertised(fixture, i), 1 + i / 2);
	rib_withdraw_peer(fixture->rib, fixture->sessions[1].peer, IPV4);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16 #2;");
	assert_said(fixture, 1, "");
	assert_said(fixture, 2, "-10.1.0.0/16 #2;");
}

static void slow_member_is_sent_what_differs_in_the_end(void **state)
{
	struct fixture *fixture = *state;
	const struct session *from = &fixture->sessions[5];
	struct session *slow = &fixture->sessions[1];

	join(fixture, 0);
	join(fixture, 1);
	for (uint32_t i = 1; i <= 3; i++)
		advertise_path(fixture, from, A, i, i);
	run_and_forget(fixture);
	slow->queued = 16 << 20;
	for (uint32_t med = 4; med < 9; med++) {
		advertise_path(fixture, from, A, 2, med);
		run_and_forget(fixture);
	}
	withdraw_path(fixture, from, A, 1);
	run_and_forget(fixture);
	assert_int_equal(update_groups_stream_count(fixture->groups), 2);
	slow->queued = 0;
	run(fixture);
	assert_said(fixture, 0, "");
	assert_said(fixture, 1, "-10.1.0.0/16 #1; +10.1.0.0/16 #2 m8;");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
}

static void refresh_sends_every_path_again_to_one_member(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	join(fixture, 1);
	advertise_path(fixture, &fixture->sessions[1], A, 0, 1);
	advertise_path(fixture, &fixture->sessions[2], A, 0, 2);
	run_and_forget(fixture);
	for (unsigned i = 0; i < 2; i++)
		update_group_refresh(fixture->sessions[i].member, IPV4, false);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m1; +10.1.0.0/16 #2 m2;");
	assert_said(fixture, 1, "+10.1.0.0/16 #2 m2;");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	run(fixture);
	assert_said(fixture, 0, "");
}

static void moved_member_is_sent_the_paths_that_differ(void **state)
{
	struct fixture *fixture = *state;
	struct export_key key = fixture->key;
	struct chain chain;

	join(fixture, 0);
	for (uint32_t i = 1; i <= 3; i++)
		advertise_path(fixture, &fixture->sessions[5], A, i, i);
	run_and_forget(fixture);
	/* Fewer of them. */
	key.path_limit = 2;
	update_group_move(fixture->sessions[0].member, &key);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16 #3;");
	assert_int_equal(advertised(fixture, 0), 2);
	/* One of the two had this MED already. */
	set_filter(&key, &chain, A, 2);
	update_group_move(fixture->sessions[0].member, &key);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m2;");
	/* More of them, and the old MEDs. */
	update_group_move(fixture->sessions[0].member, &fixture->key);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m1; +10.1.0.0/16 #3 m3;");
	run(fixture);
	assert_said(fixture, 0, "");
	assert_int_equal(update_groups_count(fixture->groups), 1);
}

/* What was sent under the old key is not there while the member moves, but is again then. */
static void path_that_comes_back_after_a_move_is_of_the_new_key(void **state)
{
	struct fixture *fixture = *state;
	const struct session *from = &fixture->sessions[5];
	struct export_key key = fixture->key;
	struct chain chain;

	join(fixture, 0);
	advertise_path(fixture, from, A, 1, 1);
	run_and_forget(fixture);
	set_filter(&key, &chain, A, 7);
	advertise_path(fixture, from, A, 1, 7); /* the same under both keys */
	update_group_move(fixture->sessions[0].member, &key);
	advertise_path(fixture, from, A, 1, 1);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m7;");
	withdraw_path(fixture, from, A, 1);
	update_group_move(fixture->sessions[0].member, &fixture->key);
	advertise_path(fixture, from, A, 1, 1);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m1;");
}

static void advertise_by(struct fixture *fixture, uint32_t path_id, const char *next_hop)
{
	struct bgp_attributes attributes = attributes_of(&fixture->arena, next_hop, path);

	announce(fixture->rib, fixture->sessions[5].peer, A, path_id, &attributes, 0);
}

/* A next hop has changed, the sweep has not come by, and who joins now is sent another choice. */
static void streams_do_not_merge_while_next_hops_change(void **state)
{
	struct fixture *fixture = *state;
	const struct ip_prefix at = prefix_of(A);
	const struct rib_path *second;

	fixture->key.path_limit = 2;
	join(fixture, 0);
	advertise_by(fixture, 1, "192.0.2.1");
	advertise_by(fixture, 2, "192.0.2.2");
	advertise_by(fixture, 3, "192.0.2.3");
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1; +10.1.0.0/16 #2; end4; end6;");
	second = &rib_find(fixture->rib, &at, NULL)->first;
	while (second->path_id != 2)
		second = rib_path_next(fixture->rib, IPV4, second);
	rib_next_hop_resolve(fixture->rib, second->attributes->next_hop, true, 9);
	join(fixture, 1);
	update_groups_run(fixture->groups);
	assert_said(fixture, 1, "+10.1.0.0/16 #1; +10.1.0.0/16 #3; end4; end6;");
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16 #2; +10.1.0.0/16 #3;");
	assert_said(fixture, 1, "");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	/* One that cannot be reached any more is still sent until the sweep comes by. */
	rib_next_hop_resolve(fixture->rib, second->attributes->next_hop, false, 9);
	join(fixture, 2);
	update_groups_run(fixture->groups);
	assert_said(fixture, 2, "+10.1.0.0/16 #1; +10.1.0.0/16 #3; end4; end6;");
}

/* Attributes that fill a message leave no room for a prefix: only that path is withdrawn. */
static void path_that_does_not_fit_is_withdrawn(void **state)
{
	struct fixture *fixture = *state;
	const struct session *from = &fixture->sessions[5];
	static const uint8_t value[4090];
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);

	join(fixture, 0);
	for (uint32_t i = 1; i <= 2; i++)
		advertise_path(fixture, from, A, i, i);
	run_and_forget(fixture);
	attributes.unknown[attributes.unknown_count++] =
	    (struct bgp_unknown_attribute){0xe0, 200, {value, sizeof(value)}};
	announce(fixture->rib, from->peer, A, 1, &attributes, 0);
	announce(fixture->rib, from->peer, A, 3, &attributes, 0); /* was never sent */
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16 #1;");
	assert_int_equal(advertised(fixture, 0), 1);
	advertise_path(fixture, from, A, 1, 4);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 #1 m4;");
}

/* More paths than one run of the group encodes, and than one message holds. */
static void many_paths_are_packed(void **state)
{
	enum { PREFIXES = 9000 };
	struct fixture *fixture = *state;
	struct session *session = &fixture->sessions[0];
	const struct attribute_set_extra none = {0};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct attribute_set *set = attribute_set_intern(store, &attributes, &none);

	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct ip_address address = ip_address_from_ipv4(0x14000000 + (i << 8));
		struct ip_prefix prefix = ip_prefix_from_address(&address, 24);

		for (uint32_t path_id = 0; path_id < 3; path_id++)
			rib_update(
			    fixture->rib, fixture->sessions[5].peer, &prefix, path_id, set, 0);
	}
	attribute_set_release(store, set);
	join(fixture, 0);
	run(fixture);
	assert_int_equal(session->announced, 3 * PREFIXES);
	/* Eight octets each: some 500 in 4096. */
	assert_in_range(session->messages, 3 * PREFIXES / 512, 60);
	assert_int_equal(advertised(fixture, 0), 3 * PREFIXES);
}

static void every_path_that_was_sent_is_shown(void **state)
{
	struct fixture *fixture = *state;
	const struct ip_prefix at = prefix_of(A);
	struct update_group_route shown;
	uint32_t id, cursor = 0;

	fixture->key.path_limit = 2;
	join(fixture, 0);
	join(fixture, 1);
	advertise_path(fixture, &fixture->sessions[1], A, 7, 2);
	advertise_path(fixture, &fixture->sessions[5], A, 8, 1);
	advertise_path(fixture, &fixture->sessions[5], A, 9, 3); /* over the limit */
	run_and_forget(fixture);
	rib_find(fixture->rib, &at, &id);
	assert_true(update_group_show(
	    fixture->sessions[0].member, IPV4, id, &cursor, &fixture->arena, &shown));
	assert_int_equal(shown.path_id, 2);
	assert_int_equal(shown.attributes.med, 1);
	assert_int_equal(shown.path->path_id, 8);
	assert_true(update_group_show(
	    fixture->sessions[0].member, IPV4, id, &cursor, &fixture->arena, &shown));
	assert_int_equal(shown.path_id, 1);
	assert_false(update_group_show(
	    fixture->sessions[0].member, IPV4, id, &cursor, &fixture->arena, &shown));
	/* The other one's own is left out. */
	cursor = 0;
	assert_true(update_group_show(
	    fixture->sessions[1].member, IPV4, id, &cursor, &fixture->arena, &shown));
	assert_int_equal(shown.path_id, 2);
	assert_false(update_group_show(
	    fixture->sessions[1].member, IPV4, id, &cursor, &fixture->arena, &shown));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up_add_path, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_rfc7911_3_each_path_has_its_identifier),
	    TEST(no_more_paths_than_the_limit),
	    TEST(best_of_three_goes_with_one_withdrawal),
	    TEST(only_the_path_that_changed_is_sent),
	    TEST(prefix_that_goes_takes_all_its_paths),
	    TEST(path_is_not_sent_back_to_its_source),
	    TEST(identifier_may_change_its_source),
	    TEST(same_attributes_of_another_source_are_sent),
	    TEST(limit_of_one_follows_the_best_path),
	    TEST(others_are_sent_the_best_path_only),
	    TEST(late_member_merges),
	    TEST(slow_member_is_sent_what_differs_in_the_end),
	    TEST(refresh_sends_every_path_again_to_one_member),
	    TEST(moved_member_is_sent_the_paths_that_differ),
	    TEST(path_that_comes_back_after_a_move_is_of_the_new_key),
	    TEST(streams_do_not_merge_while_next_hops_change),
	    TEST(path_that_does_not_fit_is_withdrawn),
	    TEST(many_paths_are_packed),
	    TEST(every_path_that_was_sent_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
