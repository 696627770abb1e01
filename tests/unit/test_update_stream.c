/* Streams of update groups: members that come late, lag, ask again, move, and leave. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sessions.h"

static void equal_members_share_one_stream(void **state)
{
	struct fixture *fixture = *state;

	advertise(fixture, NULL, A, 1);
	for (unsigned i = 0; i < 3; i++)
		join(fixture, i);
	assert_int_equal(update_groups_count(fixture->groups), 1);
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	run(fixture);
	for (unsigned i = 0; i < 3; i++)
		assert_said(fixture, i, "+10.1.0.0/16 m1; end4; end6;");
	fixture->key.audiences = 1;
	join(fixture, 3);
	assert_int_equal(update_groups_count(fixture->groups), 2);
}

static void late_member_merges_once_it_has_all(void **state)
{
	struct fixture *fixture = *state;

	advertise(fixture, NULL, A, 1);
	join(fixture, 0);
	run_and_forget(fixture);
	join(fixture, 1);
	assert_int_equal(update_groups_stream_count(fixture->groups), 2);
	run(fixture);
	assert_said(fixture, 0, "");
	assert_said(fixture, 1, "+10.1.0.0/16 m1; end4; end6;");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	withdraw(fixture, NULL, A);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16;");
	assert_said(fixture, 1, "-10.1.0.0/16;");
}

/* A source alone in its stream: nobody to send to, but what follows is right. */
static void only_member_is_the_source(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	advertise(fixture, NULL, A, 1);
	run_and_forget(fixture);
	withdraw(fixture, NULL, A);
	advertise(fixture, &fixture->sessions[0], A, 2);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16;");
	join(fixture, 1);
	run(fixture);
	assert_said(fixture, 1, "+10.1.0.0/16 m2; end4; end6;");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	withdraw(fixture, &fixture->sessions[0], A);
	run(fixture);
	assert_said(fixture, 0, "");
	assert_said(fixture, 1, "-10.1.0.0/16;");
}

/* Its session goes down and up while its routes stay. */
static void source_that_comes_back_is_still_spared(void **state)
{
	struct fixture *fixture = *state;
	struct session *source = &fixture->sessions[0];

	join(fixture, 0);
	join(fixture, 1);
	advertise(fixture, source, A, 1);
	run_and_forget(fixture);
	leave(source);
	run(fixture);
	join(fixture, 0);
	run(fixture);
	assert_said(fixture, 0, "end4; end6;");
	assert_said(fixture, 1, "");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	advertise(fixture, source, A, 2);
	run(fixture);
	assert_said(fixture, 0, "");
	assert_said(fixture, 1, "+10.1.0.0/16 m2;");
}

/* Its routes are as they were, but the ORIGINATOR_ID of what is reflected is another one. */
static void source_that_comes_back_as_another_router_is_news(void **state)
{
	struct fixture *fixture = *state;
	struct rib_peer *source = fixture->sessions[0].peer;

	join(fixture, 1);
	advertise(fixture, &fixture->sessions[0], A, 1);
	run_and_forget(fixture);
	rib_withdraw_peer(fixture->rib, source, IPV4);
	source = rib_peer_identify(fixture->rib, source, POLICY_SOURCE_IBGP, 99);
	fixture->sessions[0].peer = source;
	advertise(fixture, &fixture->sessions[0], A, 1);
	run(fixture);
	assert_said(fixture, 1, "+10.1.0.0/16 m1;");
	rib_withdraw_peer(fixture->rib, source, IPV4);
	assert_ptr_equal(rib_peer_identify(fixture->rib, source, POLICY_SOURCE_IBGP, 99), source);
	advertise(fixture, &fixture->sessions[0], A, 1);
	run(fixture);
	assert_said(fixture, 1, "");
}

static void slow_member_gets_a_stream_of_its_own_and_catches_up(void **state)
{
	struct fixture *fixture = *state;
	struct session *slow = &fixture->sessions[1];

	join(fixture, 0);
	join(fixture, 1);
	advertise(fixture, NULL, A, 1);
	run_and_forget(fixture);
	slow->queued = 16 << 20;
	advertise(fixture, NULL, A, 2);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m2;");
	assert_said(fixture, 1, "");
	assert_int_equal(update_groups_stream_count(fixture->groups), 2);
	/* What it misses is a bit per prefix, whatever happens meanwhile. */
	for (uint32_t med = 3; med < 9; med++) {
		advertise(fixture, NULL, A, med);
		advertise(fixture, NULL, B, med);
		run_and_forget(fixture);
	}
	withdraw(fixture, NULL, B);
	run_and_forget(fixture);
	slow->queued = 0;
	update_group_resume(slow->member);
	run(fixture);
	assert_said(fixture, 0, "");
	assert_said(fixture, 1, "+10.1.0.0/16 m8;");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
}

/* 8 MB for somebody who takes nothing: what is queued for him is bounded in bytes, too. */
static void long_routes_do_not_fill_the_memory(void **state)
{
	enum { ROUTES = 2000 };
	struct fixture *fixture = *state;
	struct session *session = &fixture->sessions[0];
	const struct attribute_set_extra none = {0};
	static const uint8_t value[3900];
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);
	struct attribute_store *store = rib_attribute_store(fixture->rib);

	attributes.unknown[attributes.unknown_count++] =
	    (struct bgp_unknown_attribute){0xe0, 200, {value, sizeof(value)}};
	for (uint32_t i = 0; i < ROUTES; i++) {
		struct ip_address address = ip_address_from_ipv4(0x14000000 + (i << 8));
		struct ip_prefix prefix = ip_prefix_from_address(&address, 24);
		struct attribute_set *set;

		set_med(&attributes, i);
		set = attribute_set_intern(store, &attributes, &none);
		rib_update(fixture->rib, fixture->local, &prefix, 0, set, 0);
		attribute_set_release(store, set);
	}
	join(fixture, 0);
	session->stuck = true;
	run(fixture);
	assert_in_range(session->queued, 256 * 1024, 2 * 1024 * 1024);
	for (unsigned i = 0; i < 32 && session->announced < ROUTES; i++) {
		session->queued = 0;
		update_group_resume(session->member);
		run(fixture);
	}
	assert_int_equal(session->announced, ROUTES);
}

/* One that takes all and asks for all again and again is not the only one that is sent to. */
static void one_that_asks_all_the_time_delays_nobody(void **state)
{
	enum { ROUTES = 4000, TURNS = 400 };
	struct fixture *fixture = *state;
	struct loop *loop = loop_new();

	loop_set_share(loop, 0);
	update_groups_free(fixture->groups);
	fixture->groups = update_groups_new(fixture->rib, loop);
	advertise_many(fixture, ROUTES, 1);
	join(fixture, 0);
	fixture->key.local_asn = 64513; /* another group, before the first one */
	join(fixture, 1);
	join(fixture, 2);
	for (unsigned i = 0; i < TURNS; i++) {
		update_group_refresh(fixture->sessions[2].member, IPV4, false);
		loop_run_once(loop, 0);
	}
	assert_int_equal(fixture->sessions[0].announced, ROUTES);
	assert_int_equal(fixture->sessions[1].announced, ROUTES);
	for (unsigned i = 0; i < 3; i++)
		leave(&fixture->sessions[i]);
	update_groups_free(fixture->groups);
	fixture->groups = update_groups_new(fixture->rib, NULL);
	loop_free(loop);
}

static void nobody_waits_nothing_is_encoded(void **state)
{
	struct fixture *fixture = *state;
	struct session *session = &fixture->sessions[0];

	join(fixture, 0);
	run_and_forget(fixture);
	session->queued = 1 << 20; /* not far behind, but it does not need more now */
	advertise(fixture, NULL, A, 1);
	run(fixture);
	assert_said(fixture, 0, "");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	session->queued = 0;
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m1;");
}

static void refresh_sends_everything_again_to_one_member(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	join(fixture, 1);
	advertise(fixture, NULL, A, 1);
	advertise(fixture, NULL, "2001:db8::/32", 1);
	run_and_forget(fixture);
	update_group_refresh(fixture->sessions[0].member, IPV4, false);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m1;");
	assert_said(fixture, 1, "");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
}

static void refresh_with_marks(struct fixture *fixture, unsigned number, enum ip_family family)
{
	update_group_refresh(fixture->sessions[number].member, family, true);
}

static void test_rfc7313_4_refresh_is_between_two_marks(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	join(fixture, 1);
	advertise(fixture, NULL, A, 1);
	advertise(fixture, NULL, B, 1);
	advertise(fixture, NULL, "2001:db8::/32", 1);
	run_and_forget(fixture);
	refresh_with_marks(fixture, 0, IPV4);
	withdraw(fixture, NULL, B);
	run(fixture);
	assert_said(fixture, 0, "[4; -10.2.0.0/16; +10.1.0.0/16 m1; ]4;");
	assert_said(fixture, 1, "-10.2.0.0/16;");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	/* It is one of many again. */
	advertise(fixture, NULL, A, 2);
	run(fixture);
	for (unsigned i = 0; i < 2; i++)
		assert_said(fixture, i, "+10.1.0.0/16 m2;");
}

static void refresh_of_nothing_has_marks_too(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	run_and_forget(fixture);
	refresh_with_marks(fixture, 0, IPV6);
	refresh_with_marks(fixture, 0, IPV4);
	run(fixture);
	assert_said(fixture, 0, "[4; ]4; [6; ]6;");
	run(fixture);
	assert_said(fixture, 0, "");
}

static void test_rfc7313_4_no_mark_before_end_of_rib(void **state)
{
	struct fixture *fixture = *state;

	advertise(fixture, NULL, A, 1);
	join(fixture, 0);
	join(fixture, 1);
	refresh_with_marks(fixture, 0, IPV4);
	join(fixture, 2);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m1; end4; [4; +10.1.0.0/16 m1; ]4; end6;");
	for (unsigned i = 1; i < 3; i++)
		assert_said(fixture, i, "+10.1.0.0/16 m1; end4; end6;");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
}

/* Nobody may join the one whose refresh waits, also when it is alone. */
static void marks_are_for_the_one_that_asked(void **state)
{
	struct fixture *fixture = *state;

	advertise(fixture, NULL, A, 1);
	join(fixture, 0);
	refresh_with_marks(fixture, 0, IPV4);
	join(fixture, 1);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m1; end4; [4; +10.1.0.0/16 m1; ]4; end6;");
	assert_said(fixture, 1, "+10.1.0.0/16 m1; end4; end6;");
}

/* Turns without time for more than one slice, so that the next request comes in the middle. */
static void marks_stay_paired_when_asked_again(void **state)
{
	enum { ROUTES = 2000, TURNS = 200 };
	struct fixture *fixture = *state;
	struct session *session = &fixture->sessions[0];
	struct loop *loop = loop_new();
	struct update_groups *groups = update_groups_new(fixture->rib, loop);

	loop_set_share(loop, 0);
	advertise_many(fixture, ROUTES, 1);
	session->member =
	    update_group_join(groups, &fixture->key, session->peer, &session_ops, session);
	for (unsigned i = 0; i < TURNS; i++)
		loop_run_once(loop, 0);
	text_clear(&session->said);
	session->announced = 0;
	for (unsigned i = 0; i < 3; i++) /* nothing sent yet: one answer */
		refresh_with_marks(fixture, 0, IPV4);
	loop_run_once(loop, 0);
	assert_in_range(session->announced, 1, ROUTES - 1);
	assert_int_equal(strncmp(session->said.string, "[4; +", 5), 0);
	for (unsigned i = 0; i < 3; i++) /* under way: one more */
		refresh_with_marks(fixture, 0, IPV4);
	for (unsigned i = 0; i < TURNS; i++)
		loop_run_once(loop, 0);
	assert_int_equal(session->announced, 2 * ROUTES);
	assert_non_null(strstr(session->said.string, "]4; [4; +"));
	assert_string_equal(session->said.string + session->said.length - 6, "; ]4; ");
	assert_null(strstr(strstr(session->said.string, "]4") + 8, "["));
	leave(session);
	update_groups_free(groups);
	loop_free(loop);
}

static void refresh_goes_with_a_member_that_moves(void **state)
{
	struct fixture *fixture = *state;
	struct export_key key = fixture->key;

	join(fixture, 0);
	join(fixture, 1);
	advertise(fixture, NULL, A, 1);
	run_and_forget(fixture);
	refresh_with_marks(fixture, 0, IPV4);
	key.audiences = 1;
	for (unsigned i = 0; i < 2; i++)
		update_group_move(fixture->sessions[i].member, &key);
	run(fixture);
	assert_said(fixture, 0, "[4; +10.1.0.0/16 m1; ]4;");
	assert_said(fixture, 1, "");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
}

static void moved_member_is_sent_the_differences(void **state)
{
	struct fixture *fixture = *state;
	struct export_key key = fixture->key;
	struct chain one, two;

	join(fixture, 0);
	join(fixture, 1);
	advertise(fixture, NULL, A, 1);
	advertise(fixture, NULL, B, 1);
	advertise(fixture, &fixture->sessions[0], C, 1);
	run_and_forget(fixture);
	set_filter(&key, &one, B, 8);
	update_group_move(fixture->sessions[0].member, &key);
	assert_int_equal(update_groups_count(fixture->groups), 2);
	run(fixture);
	assert_said(fixture, 0, "+10.2.0.0/16 m8;");
	assert_said(fixture, 1, "");
	/* Another filter that does the same: nothing. */
	set_filter(&key, &two, B, 8);
	update_group_move(fixture->sessions[0].member, &key);
	run(fixture);
	assert_said(fixture, 0, "");
	update_group_move(fixture->sessions[1].member, &key);
	run(fixture);
	assert_said(fixture, 1, "+10.2.0.0/16 m8;");
	assert_int_equal(update_groups_count(fixture->groups), 1);
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	withdraw(fixture, &fixture->sessions[0], C);
	run(fixture);
	assert_said(fixture, 0, "");
	assert_said(fixture, 1, "-10.3.0.0/16;");
}

static void members_that_move_together_stay_together(void **state)
{
	struct fixture *fixture = *state;
	struct export_key key = fixture->key;
	struct chain chain;

	for (unsigned i = 0; i < 5; i++)
		join(fixture, i);
	advertise(fixture, NULL, A, 1);
	advertise(fixture, NULL, B, 1);
	advertise(fixture, &fixture->sessions[1], C, 1);
	run_and_forget(fixture);
	set_filter(&key, &chain, B, 8);
	update_group_move(fixture->sessions[0].member, &key);
	update_group_move(fixture->sessions[1].member, &key);
	assert_int_equal(update_groups_stream_count(fixture->groups), 2);
	/* This one is due more than the others. */
	update_group_refresh(fixture->sessions[2].member, IPV4, false);
	update_group_move(fixture->sessions[2].member, &key);
	update_group_move(fixture->sessions[3].member, &key);
	run(fixture);
	assert_said(fixture, 0, "+10.2.0.0/16 m8;");
	assert_said(fixture, 1, "+10.2.0.0/16 m8;");
	assert_said(fixture, 2, "+10.1.0.0/16 m1; +10.2.0.0/16 m8; +10.3.0.0/16 m1;");
	assert_said(fixture, 3, "+10.2.0.0/16 m8;");
	/* The last one comes later: what the others have been sent since, it has not. */
	update_group_move(fixture->sessions[4].member, &key);
	run(fixture);
	assert_said(fixture, 4, "+10.2.0.0/16 m8;");
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
}

/* A reload that did not change the filter: it lives elsewhere, nobody moves, nothing is compared. */
static void filter_at_another_place_moves_nobody(void **state)
{
	struct fixture *fixture = *state;
	struct chain old, new;

	set_filter(&fixture->key, &old, B, 8);
	join(fixture, 0);
	advertise(fixture, NULL, B, 1);
	run_and_forget(fixture);
	set_filter(&fixture->key, &new, B, 8);
	update_groups_replace_filter(fixture->groups, &old.filter, &new.filter);
	old.rule.set.med = 9; /* as if it were freed */
	update_group_move(fixture->sessions[0].member, &fixture->key);
	join(fixture, 1);
	assert_int_equal(update_groups_count(fixture->groups), 1);
	run(fixture);
	assert_said(fixture, 0, "");
	assert_said(fixture, 1, "+10.2.0.0/16 m8; end4; end6;");
}

static void move_to_another_audience_withdraws(void **state)
{
	struct fixture *fixture = *state;
	const struct attribute_set_extra extra = {.audience = 1};
	const struct ip_prefix at = prefix_of(A);
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct attribute_set *set = attribute_set_intern(store, &attributes, &extra);
	struct export_key key = fixture->key;

	rib_update(fixture->rib, fixture->local, &at, 0, set, 0);
	attribute_set_release(store, set);
	advertise(fixture, NULL, B, 1);
	fixture->key.audiences = 1;
	join(fixture, 0);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16; +10.2.0.0/16 m1; end4; end6;");
	update_group_move(fixture->sessions[0].member, &key);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16;");
	assert_int_equal(update_group_advertised(fixture->sessions[0].member, IPV4), 1);
}

/* A path of this node for these audiences, with a MED. */
static void originate(
    struct fixture *fixture, const char *prefix, uint32_t path_id, uint64_t audience, uint32_t med)
{
	const struct attribute_set_extra extra = {.audience = audience};
	const struct ip_prefix at = prefix_of(prefix);
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct attribute_set *set;

	set_med(&attributes, med);
	set = attribute_set_intern(store, &attributes, &extra);
	rib_update(fixture->rib, fixture->local, &at, path_id, set, 0);
	attribute_set_release(store, set);
}

/* What the first three were sent, at the end of the turn. */
static void assert_told(
    struct fixture *fixture, const char *first, const char *second, const char *third)
{
	run(fixture);
	assert_said(fixture, 0, first);
	assert_said(fixture, 1, second);
	assert_said(fixture, 2, third);
}

static void change_for_others_is_not_sent(void **state)
{
	struct fixture *fixture = *state;
	const struct ip_prefix at = prefix_of(A);

	originate(fixture, A, 1, 1, 1);
	originate(fixture, A, 2, 6, 2);
	for (unsigned i = 0; i < 3; i++) {
		fixture->key.audiences = (uint64_t)1 << i;
		join(fixture, i);
		run_and_forget(fixture);
	}
	originate(fixture, A, 2, 6, 3);
	assert_told(fixture, "", "+10.1.0.0/16 m3;", "+10.1.0.0/16 m3;");
	/* One audience goes over to a path of its own, the others keep what they have. */
	originate(fixture, A, 2, 2, 3);
	originate(fixture, A, 3, 4, 4);
	assert_told(fixture, "", "", "+10.1.0.0/16 m4;");
	/* It comes back, and what it shares is what it has already. */
	originate(fixture, A, 3, 4, 3);
	run(fixture);
	assert_said(fixture, 2, "+10.1.0.0/16 m3;");
	rib_withdraw(fixture->rib, fixture->local, &at, 3);
	originate(fixture, A, 2, 6, 3);
	assert_told(fixture, "", "", "+10.1.0.0/16 m3;");
	rib_withdraw(fixture->rib, fixture->local, &at, 2);
	assert_told(fixture, "", "-10.1.0.0/16;", "-10.1.0.0/16;");
	rib_withdraw(fixture->rib, fixture->local, &at, 1);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16;");
	assert_said(fixture, 1, "");
}

/* A learned route in the place of the best own one, and back: news for everybody. */
static void learned_route_instead_of_an_own_one_concerns_all(void **state)
{
	struct fixture *fixture = *state;
	const struct ip_prefix at = prefix_of(A);

	fixture->key.audiences = 1;
	join(fixture, 0);
	fixture->key.audiences = 2;
	join(fixture, 1);
	run_and_forget(fixture);
	advertise(fixture, &fixture->sessions[2], A, 9);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m9;");
	assert_said(fixture, 1, "+10.1.0.0/16 m9;");
	originate(fixture, A, 1, 1, 1);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m1;");
	assert_said(fixture, 1, "-10.1.0.0/16;");
	rib_withdraw(fixture->rib, fixture->local, &at, 1);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m9;");
	assert_said(fixture, 1, "+10.1.0.0/16 m9;");
}

/* Who changes its audience in the turn of a change is still told what it was sent before. */
static void move_in_the_turn_of_a_change_is_exact(void **state)
{
	struct fixture *fixture = *state;
	struct export_key key = fixture->key;

	key.audiences = 4;
	fixture->key.audiences = 1;
	join(fixture, 0);
	originate(fixture, A, 1, 1, 1);
	originate(fixture, B, 1, 1, 1);
	run_and_forget(fixture);
	originate(fixture, A, 1, 2, 1);
	originate(fixture, B, 1, 5, 1);
	update_group_move(fixture->sessions[0].member, &key);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16; +10.2.0.0/16 m1;");
}

/* A run between a change and the turn's end must not take two streams for equal that are not. */
static void run_before_the_rib_has_told(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	advertise(fixture, NULL, A, 1);
	advertise(fixture, NULL, B, 1);
	run_and_forget(fixture);
	join(fixture, 1);
	withdraw(fixture, NULL, A);
	update_groups_run(fixture->groups); /* no rib_flush() */
	assert_said(fixture, 0, "-10.1.0.0/16;");
	assert_said(fixture, 1, "+10.2.0.0/16 m1; end4; end6;");
}

/* What is taken back before it is told is no change, for a new member too. */
static void join_before_the_rib_has_told(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	advertise(fixture, NULL, A, 1);
	advertise(fixture, &fixture->sessions[2], B, 1);
	run_and_forget(fixture);
	withdraw(fixture, NULL, A);
	withdraw(fixture, &fixture->sessions[2], B);
	join(fixture, 1);
	advertise(fixture, NULL, A, 1);
	advertise(fixture, &fixture->sessions[2], B, 1);
	run(fixture);
	assert_said(fixture, 1, "+10.1.0.0/16 m1; +10.2.0.0/16 m1; end4; end6;");
}

static void members_may_leave_while_they_are_sent_to(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned who = 0; who < 3; who++) {
		for (unsigned leaver = 0; leaver < 3; leaver++) {
			for (unsigned i = 0; i < 3; i++) {
				leave(&fixture->sessions[i]);
				fixture->sessions[i].leave[0] = NULL;
				join(fixture, i);
			}
			advertise(fixture, &fixture->sessions[leaver], A, 1);
			run_and_forget(fixture);
			fixture->sessions[who].leave[0] = &fixture->sessions[leaver];
			advertise(fixture, &fixture->sessions[3], A, 0);
			advertise(fixture, &fixture->sessions[3], B, who * 3 + leaver);
			run(fixture);
			assert_null(fixture->sessions[leaver].member);
			fixture->sessions[who].leave[0] = NULL;
			withdraw(fixture, &fixture->sessions[leaver], A);
		}
	}
}

static void several_members_may_leave_at_once(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned who = 0; who < 3; who++) {
		struct session *gone = &fixture->sessions[(who + 2) % 3];

		for (unsigned i = 0; i < 3; i++)
			join(fixture, i);
		run_and_forget(fixture);
		fixture->sessions[who].leave[0] = &fixture->sessions[who];
		fixture->sessions[who].leave[1] = gone;
		advertise(fixture, NULL, A, who);
		run(fixture);
		assert_null(gone->member);
		assert_int_equal(update_groups_stream_count(fixture->groups), 1);
		for (unsigned i = 0; i < 3; i++) {
			leave(&fixture->sessions[i]);
			fixture->sessions[i].leave[0] = fixture->sessions[i].leave[1] = NULL;
		}
	}
}

static void last_member_may_leave_while_it_is_sent_to(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	fixture->sessions[0].leave[0] = &fixture->sessions[0];
	advertise_many(fixture, 40000, 5000);
	run(fixture);
	assert_int_equal(update_groups_count(fixture->groups), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(equal_members_share_one_stream),
	    TEST(late_member_merges_once_it_has_all),
	    TEST(only_member_is_the_source),
	    TEST(source_that_comes_back_is_still_spared),
	    TEST(source_that_comes_back_as_another_router_is_news),
	    TEST(slow_member_gets_a_stream_of_its_own_and_catches_up),
	    TEST(long_routes_do_not_fill_the_memory),
	    TEST(one_that_asks_all_the_time_delays_nobody),
	    TEST(nobody_waits_nothing_is_encoded),
	    TEST(refresh_sends_everything_again_to_one_member),
	    TEST(test_rfc7313_4_refresh_is_between_two_marks),
	    TEST(refresh_of_nothing_has_marks_too),
	    TEST(test_rfc7313_4_no_mark_before_end_of_rib),
	    TEST(marks_are_for_the_one_that_asked),
	    TEST(marks_stay_paired_when_asked_again),
	    TEST(refresh_goes_with_a_member_that_moves),
	    TEST(moved_member_is_sent_the_differences),
	    TEST(members_that_move_together_stay_together),
	    TEST(filter_at_another_place_moves_nobody),
	    TEST(move_to_another_audience_withdraws),
	    TEST(change_for_others_is_not_sent),
	    TEST(learned_route_instead_of_an_own_one_concerns_all),
	    TEST(move_in_the_turn_of_a_change_is_exact),
	    TEST(run_before_the_rib_has_told),
	    TEST(join_before_the_rib_has_told),
	    TEST(members_may_leave_while_they_are_sent_to),
	    TEST(several_members_may_leave_at_once),
	    TEST(last_member_may_leave_while_it_is_sent_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
