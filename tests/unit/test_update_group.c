/* Update groups: what the members are sent, message by message, and how it is packed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sessions.h"

static void new_member_gets_the_table_and_end_of_rib(void **state)
{
	struct fixture *fixture = *state;

	advertise(fixture, NULL, A, 1);
	advertise(fixture, NULL, "2001:db8::/32", 1);
	join(fixture, 0);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m1; end4; +2001:db8::/32 m1; end6;");
	run(fixture);
	assert_said(fixture, 0, "");
	assert_int_equal(update_group_advertised(fixture->sessions[0].member, IPV4), 1);
	assert_int_equal(update_group_advertised(fixture->sessions[0].member, IPV6), 1);
}

static void family_that_was_not_agreed_is_not_sent(void **state)
{
	struct fixture *fixture = *state;

	fixture->key.codec.families[IPV6] = false;
	join(fixture, 0);
	advertise(fixture, NULL, "2001:db8::/32", 1);
	advertise(fixture, NULL, A, 1);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m1; end4;");
	update_group_refresh(fixture->sessions[0].member, IPV6, false);
	run(fixture);
	assert_said(fixture, 0, "");
}

static void change_is_sent_once(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	run_and_forget(fixture);
	advertise(fixture, NULL, A, 1);
	advertise(fixture, NULL, A, 2);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m2;");
	withdraw(fixture, NULL, A);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16;");
}

static void nothing_is_sent_when_nothing_changed(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	advertise(fixture, &fixture->sessions[1], A, 1);
	run_and_forget(fixture);
	advertise(fixture, &fixture->sessions[1], A, 1);
	run(fixture);
	advertise(fixture, &fixture->sessions[1], A, 2);
	advertise(fixture, &fixture->sessions[1], A, 1);
	run(fixture);
	advertise(fixture, NULL, B, 1);
	withdraw(fixture, NULL, B);
	run(fixture);
	assert_said(fixture, 0, "");
}

static void withdrawals_come_first(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	advertise(fixture, NULL, A, 1);
	advertise(fixture, NULL, C, 1);
	run_and_forget(fixture);
	advertise(fixture, NULL, A, 2);
	withdraw(fixture, NULL, C);
	advertise(fixture, NULL, B, 1);
	run(fixture);
	assert_said(fixture, 0, "-10.3.0.0/16; +10.1.0.0/16 m2; +10.2.0.0/16 m1;");
}

/* 4096 octets hold some 1000 prefixes of 4 octets beside the attributes. */
static void prefixes_of_one_set_share_messages(void **state)
{
	struct fixture *fixture = *state;
	struct session *session = &fixture->sessions[0];

	advertise_many(fixture, 1000, 1);
	join(fixture, 0);
	run(fixture);
	assert_int_equal(session->announced, 1000);
	assert_int_equal(session->messages, 1 + 2); /* and End-of-RIB of both families */
	advertise_many(fixture, 3000, 3);
	session->messages = session->announced = 0;
	run(fixture);
	assert_int_equal(session->announced, 3000 - 334); /* i % 3 == 0 was there below 1000 */
	assert_int_equal(session->messages, 3);
}

static void more_prefixes_than_one_message_holds(void **state)
{
	struct fixture *fixture = *state;
	struct session *session = &fixture->sessions[0];

	advertise_many(fixture, 50000, 1);
	join(fixture, 0);
	run(fixture);
	assert_int_equal(session->announced, 50000);
	assert_in_range(session->messages, 50, 60);
	for (uint32_t i = 0; i < 50000; i++) {
		struct ip_address address = ip_address_from_ipv4(0x14000000 + (i << 8));
		struct ip_prefix prefix = ip_prefix_from_address(&address, 24);

		rib_withdraw(fixture->rib, fixture->local, &prefix, 0);
	}
	session->messages = 0;
	run(fixture);
	assert_int_equal(session->withdrawn, 50000);
	assert_in_range(session->messages, 50, 60);
	assert_int_equal(update_group_advertised(session->member, IPV4), 0);
	rib_flush(fixture->rib);
	assert_int_equal(rib_limit(fixture->rib, IPV4), 1); /* no id is held any more */
}

static void long_messages_if_agreed(void **state)
{
	struct fixture *fixture = *state;

	fixture->key.codec.extended_message = true;
	advertise_many(fixture, 8000, 1);
	join(fixture, 0);
	run(fixture);
	assert_int_equal(fixture->sessions[0].announced, 8000);
	assert_int_equal(fixture->sessions[0].messages, 1 + 2);
}

/* However long messages may be, short ones are handed over many at once. */
static void short_messages_share_a_buffer(void **state)
{
	struct fixture *fixture = *state;

	fixture->key.codec.extended_message = true;
	join(fixture, 0);
	run_and_forget(fixture);
	fixture->sessions[0].buffers = fixture->sessions[0].messages = 0;
	advertise_many(fixture, 1000, 1000);
	run(fixture);
	assert_int_equal(fixture->sessions[0].messages, 1000);
	assert_int_equal(fixture->sessions[0].buffers, 1);
}

/* Attributes that fill a message leave no room for a prefix. */
static void advertise_long(
    struct fixture *fixture, const struct session *from, const char *prefix, uint32_t med)
{
	static const uint8_t value[4090];
	struct bgp_attributes attributes =
	    attributes_of(&fixture->arena, from ? "192.0.2.1" : NULL, from ? path : NULL);

	set_med(&attributes, med);
	attributes.unknown[attributes.unknown_count++] =
	    (struct bgp_unknown_attribute){0xe0, 200, {value, sizeof(value)}};
	announce(fixture->rib, from ? from->peer : fixture->local, prefix, 0, &attributes, 0);
}

static void route_that_does_not_fit_is_withdrawn(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	advertise(fixture, NULL, A, 1);
	run_and_forget(fixture);
	advertise_long(fixture, NULL, A, 1);
	advertise_long(fixture, NULL, B, 1); /* was never sent */
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16;");
	assert_int_equal(update_group_advertised(fixture->sessions[0].member, IPV4), 0);
	advertise_long(fixture, NULL, A, 2);
	run(fixture);
	assert_said(fixture, 0, "");
	advertise(fixture, NULL, A, 1);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m1;");
}

/* Also if there is nobody else whom it could be sent to: others come. */
static void own_route_that_does_not_fit_is_not_advertised(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	advertise_long(fixture, &fixture->sessions[0], A, 1);
	run_and_forget(fixture);
	assert_int_equal(update_group_advertised(fixture->sessions[0].member, IPV4), 0);
	join(fixture, 1);
	run_and_forget(fixture);
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(update_group_advertised(fixture->sessions[i].member, IPV4), 0);
	withdraw(fixture, &fixture->sessions[0], A);
	run(fixture);
	for (unsigned i = 0; i < 2; i++)
		assert_said(fixture, i, "");
}

static void route_that_does_not_fit_is_not_withdrawn_from_who_was_spared(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < 3; i++)
		join(fixture, i);
	advertise(fixture, &fixture->sessions[0], A, 1);
	run_and_forget(fixture);
	withdraw(fixture, &fixture->sessions[0], A);
	advertise_long(fixture, &fixture->sessions[1], A, 1);
	run(fixture);
	assert_said(fixture, 0, "");
	for (unsigned i = 1; i < 3; i++)
		assert_said(fixture, i, "-10.1.0.0/16;");
}

/* Its own stream has nothing to send any more, and never gets a run for that. */
static void who_lags_is_back_once_the_change_is_taken_back(void **state)
{
	struct fixture *fixture = *state;

	join(fixture, 0);
	join(fixture, 1);
	run_and_forget(fixture);
	fixture->sessions[1].queued = 5u << 20;
	advertise_long(fixture, NULL, A, 1);
	run(fixture);
	assert_int_equal(update_groups_stream_count(fixture->groups), 2);
	withdraw(fixture, NULL, A);
	run(fixture);
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
}

static void test_rfc8654_4_long_route_goes_to_who_can_take_it(void **state)
{
	static const struct bgp_codec short_messages = {.families = {true, true}, .as4 = true};
	struct fixture *fixture = *state;

	fixture->sessions[0].codec = &short_messages;
	join(fixture, 0);
	fixture->key.codec.extended_message = true;
	join(fixture, 1);
	run_and_forget(fixture);
	advertise_long(fixture, NULL, A, 1);
	advertise(fixture, NULL, B, 2);
	run(fixture);
	assert_said(fixture, 0, "+10.2.0.0/16 m2;");
	assert_said(fixture, 1, "+10.1.0.0/16 m1; +10.2.0.0/16 m2;");
}

static void route_is_not_sent_back_to_its_source(void **state)
{
	struct fixture *fixture = *state;
	struct session *source = &fixture->sessions[0];

	for (unsigned i = 0; i < 3; i++)
		join(fixture, i);
	run_and_forget(fixture);
	advertise(fixture, source, A, 1);
	run(fixture);
	assert_said(fixture, 0, "");
	assert_said(fixture, 1, "+10.1.0.0/16 m1;");
	assert_said(fixture, 2, "+10.1.0.0/16 m1;");
	assert_int_equal(update_group_advertised(source->member, IPV4), 0);
	assert_int_equal(update_group_advertised(fixture->sessions[1].member, IPV4), 1);
	withdraw(fixture, source, A);
	run(fixture);
	assert_said(fixture, 0, ""); /* it never had it */
	assert_said(fixture, 1, "-10.1.0.0/16;");
}

/* The best path wanders: from this node to one member, to another one, and back. */
static void each_change_of_the_source_is_exact(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < 3; i++)
		join(fixture, i);
	advertise(fixture, NULL, A, 1);
	run_and_forget(fixture);
	withdraw(fixture, NULL, A);
	advertise(fixture, &fixture->sessions[0], A, 2);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16;");
	assert_said(fixture, 1, "+10.1.0.0/16 m2;");
	assert_said(fixture, 2, "+10.1.0.0/16 m2;");
	advertise(fixture, &fixture->sessions[1], A, 1);
	run(fixture);
	assert_said(fixture, 0, "+10.1.0.0/16 m1;");
	assert_said(fixture, 1, "-10.1.0.0/16;");
	assert_said(fixture, 2, "+10.1.0.0/16 m1;");
	withdraw(fixture, &fixture->sessions[1], A);
	run(fixture);
	assert_said(fixture, 0, "-10.1.0.0/16;");
	assert_said(fixture, 1, "+10.1.0.0/16 m2;");
	assert_said(fixture, 2, "+10.1.0.0/16 m2;");
	withdraw(fixture, &fixture->sessions[0], A);
	run(fixture);
	assert_said(fixture, 0, "");
	assert_said(fixture, 1, "-10.1.0.0/16;");
}

/* Its routes are there already when it becomes a client of this reflector, and ceases to be one. */
static void who_becomes_a_client_is_reflected_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct rib_peer *client = fixture->sessions[0].peer;

	fixture->key.reflector_client = false;
	join(fixture, 1);
	advertise(fixture, &fixture->sessions[0], A, 1);
	advertise(fixture, &fixture->sessions[2], B, 2);
	run_and_forget(fixture);
	assert_int_equal(update_group_advertised(fixture->sessions[1].member, IPV4), 0);
	rib_peer_set_reflector_client(fixture->rib, client, true);
	run(fixture);
	assert_said(fixture, 1, "+10.1.0.0/16 m1;");
	rib_peer_set_reflector_client(fixture->rib, client, true);
	run(fixture);
	assert_said(fixture, 1, "");
	rib_peer_set_reflector_client(fixture->rib, client, false);
	run(fixture);
	assert_said(fixture, 1, "-10.1.0.0/16;");
	/* Both in one turn, and the next change is an ordinary one. */
	rib_peer_set_reflector_client(fixture->rib, client, true);
	advertise(fixture, &fixture->sessions[0], A, 3);
	run(fixture);
	assert_said(fixture, 1, "+10.1.0.0/16 m3;");
}

/* How many paths are shown; the last one is in `shown`. */
static unsigned show(
    struct fixture *fixture, unsigned number, uint32_t id, struct update_group_route *shown)
{
	uint32_t cursor = 0;
	unsigned count = 0;

	while (update_group_show(
	    fixture->sessions[number].member, IPV4, id, &cursor, &fixture->arena, shown))
		count++;
	return count;
}

static void shows_what_a_member_was_sent(void **state)
{
	struct fixture *fixture = *state;
	const struct ip_prefix a = prefix_of(A), b = prefix_of(B);
	struct update_group_route shown;
	uint32_t a_id, b_id;

	join(fixture, 0);
	join(fixture, 1);
	advertise(fixture, &fixture->sessions[0], A, 1);
	advertise(fixture, NULL, B, 2);
	rib_find(fixture->rib, &a, &a_id);
	rib_find(fixture->rib, &b, &b_id);
	assert_int_equal(show(fixture, 1, a_id, &shown), 0); /* not yet */
	run(fixture);
	assert_int_equal(show(fixture, 1, a_id, &shown), 1);
	assert_int_equal(shown.attributes.med, 1);
	assert_int_equal(shown.path->peer, fixture->sessions[0].peer->index);
	assert_int_equal(shown.path_id, 0);
	assert_true(bgp_attributes_has(&shown.attributes, BGP_ATTRIBUTE_CLUSTER_LIST));
	assert_int_equal(show(fixture, 0, a_id, &shown), 0); /* its own */
	assert_int_equal(show(fixture, 0, b_id, &shown), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(new_member_gets_the_table_and_end_of_rib),
	    TEST(family_that_was_not_agreed_is_not_sent),
	    TEST(change_is_sent_once),
	    TEST(nothing_is_sent_when_nothing_changed),
	    TEST(withdrawals_come_first),
	    TEST(prefixes_of_one_set_share_messages),
	    TEST(more_prefixes_than_one_message_holds),
	    TEST(long_messages_if_agreed),
	    TEST(short_messages_share_a_buffer),
	    TEST(route_that_does_not_fit_is_withdrawn),
	    TEST(own_route_that_does_not_fit_is_not_advertised),
	    TEST(route_that_does_not_fit_is_not_withdrawn_from_who_was_spared),
	    TEST(who_lags_is_back_once_the_change_is_taken_back),
	    TEST(test_rfc8654_4_long_route_goes_to_who_can_take_it),
	    TEST(route_is_not_sent_back_to_its_source),
	    TEST(each_change_of_the_source_is_exact),
	    TEST(who_becomes_a_client_is_reflected_at_once),
	    TEST(shows_what_a_member_was_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
