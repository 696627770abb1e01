/*
 * A session against a neighbour that is a plain socket and breaks the rules: the exact NOTIFICATION
 * for each, collisions in every order, timers, and who is let in when.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "machine_rig.h"

static void a_header_error_is_told_in_every_state(void **state)
{
	static const enum bgp_state states[] = {
	    BGP_STATE_OPEN_SENT, BGP_STATE_OPEN_CONFIRM, BGP_STATE_ESTABLISHED};
	static const uint8_t type = 77, length[2] = {0, 20};
	uint8_t bytes[20];

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		struct rig *rig = rig_new();

		rig_reach(rig, states[i / 3]);
		memset(bytes, 0xff, 16);
		wire_store_u16(bytes + 16, i % 3 == 2 ? 20 : 19);
		bytes[18] = i % 3 == 1 ? type : BGP_MESSAGE_KEEPALIVE;
		if (i % 3 == 0)
			bytes[15] = 0xfe;
		raw_send(&rig->raw, bytes, 19);
		if (i % 3 == 0)
			expect_notification(&rig->raw, 1, 1, NULL, 0);
		else if (i % 3 == 1)
			expect_notification(&rig->raw, 1, 3, &type, 1);
		else
			expect_notification(&rig->raw, 1, 2, length, 2);
		assert_true(raw_ends(&rig->raw, PATIENCE_MS));
		assert_true(is_idle(&rig->side));
		assert_int_equal(rig->side.down, states[i / 3] == BGP_STATE_ESTABLISHED);
		rig_free(rig);
	}
}

static void rfc4271_6_1_a_message_of_a_wrong_length_is_told_with_it(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t length;
	} cases[] = {
	    {BGP_MESSAGE_OPEN, 4097}, /* RFC 8654 3: also when others may be longer */
	    {BGP_MESSAGE_OPEN, 28},
	    {BGP_MESSAGE_KEEPALIVE, 20},
	    {BGP_MESSAGE_KEEPALIVE, 65535},
	    {BGP_MESSAGE_UPDATE, 22},
	    {BGP_MESSAGE_UPDATE, 18},
	    {BGP_MESSAGE_UPDATE, 0},
	    {BGP_MESSAGE_NOTIFICATION, 20},
	    {BGP_MESSAGE_NOTIFICATION, 4097},
	};
	static const enum bgp_state states[] = {
	    BGP_STATE_OPEN_SENT, BGP_STATE_OPEN_CONFIRM, BGP_STATE_ESTABLISHED};

	(void)state;
	for (unsigned i = 0; i < 3 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new();
		uint8_t header[BGP_HEADER_LENGTH];

		rig_reach(rig, states[i % 3]);
		memset(header, 0xff, 16);
		wire_store_u16(header + 16, cases[i / 3].length);
		header[18] = cases[i / 3].type;
		/* The header alone is enough: nothing waits for what it promises. */
		raw_send(&rig->raw, header, sizeof(header));
		expect_notification(&rig->raw, 1, 2, header + 16, 2);
		rig_free(rig);
	}
}

/* A code that nobody assigned is an end like any other. */
static void rfc4271_6_4_an_unknown_notification_is_not_answered(void **state)
{
	static const uint8_t body[5] = {99, 77, 1, 2, 3};
	struct rig *rig = rig_new();

	(void)state;
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	raw_send_message(&rig->raw, BGP_MESSAGE_NOTIFICATION, body, sizeof(body));
	assert_true(raw_ends(&rig->raw, PATIENCE_MS));
	assert_int_equal(rig->side.down, 1);
	assert_non_null(strstr(rig->side.reason.error.text, "99"));
	rig_free(rig);
}

static void rfc6608_4_an_unexpected_message_is_told_with_its_type(void **state)
{
	static const struct {
		enum bgp_state state;
		uint8_t type, subcode;
	} cases[] = {
	    {BGP_STATE_OPEN_SENT, BGP_MESSAGE_KEEPALIVE, 1},
	    {BGP_STATE_OPEN_SENT, BGP_MESSAGE_UPDATE, 1},
	    {BGP_STATE_OPEN_SENT, BGP_MESSAGE_ROUTE_REFRESH, 1},
	    {BGP_STATE_OPEN_CONFIRM, BGP_MESSAGE_OPEN, 2},
	    {BGP_STATE_OPEN_CONFIRM, BGP_MESSAGE_UPDATE, 2},
	    {BGP_STATE_OPEN_CONFIRM, BGP_MESSAGE_ROUTE_REFRESH, 2},
	    {BGP_STATE_ESTABLISHED, BGP_MESSAGE_OPEN, 3},
	};
	static const uint8_t zeros[4], refresh[4] = {0, 1, 0, 1};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new();

		rig_reach(rig, cases[i].state);
		if (cases[i].type == BGP_MESSAGE_OPEN)
			raw_send_open(&rig->raw, 65002, 9, 90);
		else if (cases[i].type == BGP_MESSAGE_KEEPALIVE)
			raw_send_keepalive(&rig->raw);
		else
			raw_send_message(&rig->raw, cases[i].type,
			    cases[i].type == BGP_MESSAGE_UPDATE ? zeros : refresh, 4);
		expect_notification(&rig->raw, 5, cases[i].subcode, &cases[i].type, 1);
		assert_true(raw_ends(&rig->raw, PATIENCE_MS));
		rig_free(rig);
	}
}

static void a_bad_open_is_refused_with_its_reason(void **state)
{
	static const uint8_t version[2] = {0, 4}, families[6] = {1, 4, 0, 2, 0, 1};
	static const struct {
		uint8_t open[10];
		bool only_ipv6;
		uint8_t subcode;
		const uint8_t *data;
		size_t length;
	} cases[] = {
	    {{4, 0xfd, 0xeb, 0, 90, 10, 0, 0, 9, 0}, false, 2, NULL, 0},
	    {{3, 0xfd, 0xea, 0, 90, 10, 0, 0, 9, 0}, false, 1, version, 2},
	    {{4, 0xfd, 0xea, 0, 90, 0, 0, 0, 0, 0}, false, 3, NULL, 0},
	    {{4, 0xfd, 0xea, 0, 1, 10, 0, 0, 9, 0}, false, 6, NULL, 0},
	    {{4, 0xfd, 0xea, 0, 90, 10, 0, 0, 9, 0}, true, 7, families, 6},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new();

		rig->side.settings.families[IPV4] = !cases[i].only_ipv6;
		rig_reach(rig, BGP_STATE_OPEN_SENT);
		raw_send_message(&rig->raw, BGP_MESSAGE_OPEN, cases[i].open, 10);
		expect_notification(&rig->raw, 2, cases[i].subcode, cases[i].data, cases[i].length);
		assert_true(raw_ends(&rig->raw, PATIENCE_MS));
		rig_free(rig);
	}
}

static void a_notification_is_never_answered(void **state)
{
	static const enum bgp_state states[] = {
	    BGP_STATE_OPEN_SENT, BGP_STATE_OPEN_CONFIRM, BGP_STATE_ESTABLISHED};
	static const uint8_t cease[2] = {6, 4}, version[4] = {2, 1, 0, 4};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct rig *rig = rig_new();

		rig_reach(rig, states[i / 2]);
		if (i % 2)
			raw_send_message(&rig->raw, BGP_MESSAGE_NOTIFICATION, version, 4);
		else
			raw_send_message(&rig->raw, BGP_MESSAGE_NOTIFICATION, cease, 2);
		assert_true(raw_ends(&rig->raw, PATIENCE_MS));
		assert_true(bgp_session_last_reason(rig->side.session)->received);
		rig_free(rig);
	}
}

/* Nobody else says why a session does not come up. */
static void an_attempt_that_fails_is_told_once(void **state)
{
	static const uint8_t cease[2] = {6, 5}, collision[2] = {6, 7};
	static const struct {
		const uint8_t *notification; /* NULL: an OPEN of the wrong AS */
		bool closes;
		unsigned troubles;
		const char *trouble;
	} cases[] = {
	    {NULL, false, 1, "sent OPEN Message Error/Bad Peer AS; the neighbour is in AS 65003"},
	    {cease, false, 1, "received Cease/Connection Rejected"},
	    {collision, false, 0, ""}, /* one connection too many is no failure */
	    {NULL, true, 1, "the neighbour closed the connection"},
	};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const enum bgp_state states[] = {BGP_STATE_OPEN_SENT, BGP_STATE_OPEN_CONFIRM};
		struct rig *rig = rig_new();
		unsigned kind = i / 2;

		rig_reach(rig, states[i % 2]);
		if (cases[kind].closes)
			shutdown(rig->raw.fd, SHUT_WR);
		else if (cases[kind].notification)
			raw_send_message(
			    &rig->raw, BGP_MESSAGE_NOTIFICATION, cases[kind].notification, 2);
		else
			raw_send_open(&rig->raw, 65003, 9, 90);
		raw_next(&rig->raw, PATIENCE_MS);
		assert_true(raw_ends(&rig->raw, PATIENCE_MS));
		assert_int_equal(rig->side.troubles, cases[kind].troubles);
		if (cases[kind].notification || cases[kind].closes || i % 2 == 0)
			assert_string_equal(rig->side.trouble, cases[kind].trouble);
		assert_int_equal(rig->side.down, 0);
		rig_free(rig);
	}
}

static void what_we_end_ourselves_is_no_trouble(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	rig_reach(rig, BGP_STATE_OPEN_CONFIRM);
	bgp_session_stop(rig->side.session, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, NULL);
	assert_int_equal(rig->side.troubles, 0);
	rig_free(rig);
}

/* RFC 7313 5 */
static void a_refresh_of_a_wrong_length_is_refused_by_capability(void **state)
{
	static const uint8_t body[5] = {0, 1, 1, 1, 0}, length[2] = {0, 24};
	uint8_t whole[24];

	(void)state;
	memset(whole, 0xff, 16);
	memcpy(whole + 16, "\0\x18\5", 3);
	memcpy(whole + 19, body, sizeof(body));
	for (unsigned capable = 0; capable < 2; capable++) {
		const uint8_t open[] = {4, 0xfd, 0xea, 0, 90, 10, 0, 0, 9, 4, 2, 2,
		    capable ? 70 : 2 /* route refresh */, 0};
		struct rig *rig = rig_new();

		rig_reach(rig, BGP_STATE_OPEN_SENT);
		raw_send_message(&rig->raw, BGP_MESSAGE_OPEN, open, sizeof(open));
		assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
		raw_send_keepalive(&rig->raw);
		raw_send_message(&rig->raw, BGP_MESSAGE_ROUTE_REFRESH, body, sizeof(body));
		if (capable)
			expect_notification(&rig->raw, 7, 1, whole, sizeof(whole));
		else
			expect_notification(&rig->raw, 1, 2, length, sizeof(length));
		rig_free(rig);
	}
}

static void an_error_is_followed_by_a_rest(void **state)
{
	struct rig *rig = rig_new();
	struct raw second;

	(void)state;
	rig_reach(rig, BGP_STATE_OPEN_CONFIRM);
	raw_send_open(&rig->raw, 65002, 9, 90);
	expect_notification(&rig->raw, 5, 2, &(uint8_t){BGP_MESSAGE_OPEN}, 1);
	assert_true(raw_connect(&second, rig->side.loop, rig->port));
	assert_true(raw_ends(&second, PATIENCE_MS));
	close(second.fd);
	close(rig->raw.fd);
	assert_true(wait_until(rig->side.loop, is_active, &rig->side, PATIENCE_MS));
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	rig_free(rig);
}

/* Once: who goes on like that has to wait, and so has one whose session we ended for an error. */
static void a_neighbour_that_has_restarted_is_let_in_at_once(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	close(rig->raw.fd);
	assert_true(wait_until(rig->side.loop, is_idle, &rig->side, PATIENCE_MS));
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	close(rig->raw.fd);
	assert_true(wait_until(rig->side.loop, is_idle, &rig->side, PATIENCE_MS));
	assert_true(raw_connect(&rig->raw, rig->side.loop, rig->port));
	assert_true(raw_ends(&rig->raw, PATIENCE_MS));
	rig_free(rig);

	rig = rig_new();
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	raw_send_open(&rig->raw, 65002, 9, 90);
	expect_notification(&rig->raw, 5, 3, &(uint8_t){BGP_MESSAGE_OPEN}, 1);
	close(rig->raw.fd);
	assert_true(wait_until(rig->side.loop, is_idle, &rig->side, PATIENCE_MS));
	assert_true(raw_connect(&rig->raw, rig->side.loop, rig->port));
	assert_true(raw_ends(&rig->raw, PATIENCE_MS));
	rig_free(rig);
}

static void the_hold_timer_ends_a_silent_neighbour(void **state)
{
	struct rig *rig = rig_new();
	uint64_t began;
	unsigned keepalives = 0, type;

	(void)state;
	rig->side.settings.hold_time_ms = 3000;
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	began = loop_now(rig->side.loop);
	while ((type = raw_next(&rig->raw, PATIENCE_MS)) == BGP_MESSAGE_KEEPALIVE)
		keepalives++;
	assert_int_equal(type, BGP_MESSAGE_NOTIFICATION);
	assert_int_equal(rig->raw.bytes[19], BGP_ERROR_HOLD_TIMER);
	assert_in_range(loop_now(rig->side.loop) - began, 2900, 4500);
	assert_in_range(keepalives, 1, 5);
	assert_int_equal(rig->side.down, 1);
	assert_int_equal(rig->side.reason.code, BGP_ERROR_HOLD_TIMER);
	rig_free(rig);
}

static void a_second_connection_in_established_is_refused(void **state)
{
	struct rig *rig = rig_new();
	struct raw second;

	(void)state;
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	assert_true(raw_connect(&second, rig->side.loop, rig->port));
	expect_notification(&second, 6, 7, NULL, 0);
	assert_true(raw_ends(&second, PATIENCE_MS));
	close(second.fd);
	assert_true(is_established(&rig->side));
	assert_int_equal(rig->side.down, 0);
	rig_free(rig);
}

static void a_neighbour_that_calls_again_gave_its_first_call_up(void **state)
{
	struct rig *rig = rig_new();
	struct raw first;

	(void)state;
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	first = rig->raw;
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	expect_notification(&first, 6, 7, NULL, 0);
	close(first.fd);
	rig_free(rig);
}

/* Both ends have called, both connections are in OpenSent: ours is `ours`, theirs the rig's. */
static int rig_collide(struct rig *rig, struct raw *ours)
{
	uint16_t port;
	int listener = raw_listen(&port);

	rig->side.settings.passive = false;
	rig->side.settings.transport.port = port;
	side_start(&rig->side);
	raw_init(ours, rig->side.loop, raw_accept(rig->side.loop, listener, PATIENCE_MS));
	assert_int_equal(raw_next(ours, PATIENCE_MS), BGP_MESSAGE_OPEN);
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	return listener;
}

static void a_collision_is_resolved_by_the_identifiers(void **state)
{
	/* The session is 10.0.0.5 in AS 65001. */
	static const struct {
		uint8_t remote_id;
		bool ours_first, ours_wins;
	} cases[] = {
	    {9, true, false},
	    {9, false, false},
	    {2, true, true},
	    {2, false, true},
	    {5, true, false}, /* RFC 6286 2.3: equal, so the larger AS wins */
	    {5, false, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new();
		struct raw *ours = calloc(1, sizeof(*ours));
		struct raw *winner = cases[i].ours_wins ? ours : &rig->raw;
		struct raw *loser = cases[i].ours_wins ? &rig->raw : ours;
		struct raw *first = cases[i].ours_first ? ours : &rig->raw;
		struct raw *second = cases[i].ours_first ? &rig->raw : ours;
		int listener = rig_collide(rig, ours);

		raw_send_open(first, 65002, cases[i].remote_id, 90);
		assert_int_equal(raw_next(first, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
		raw_send_open(second, 65002, cases[i].remote_id, 90);
		expect_notification(loser, 6, 7, NULL, 0);
		assert_true(raw_ends(loser, PATIENCE_MS));
		if (winner == second)
			assert_int_equal(raw_next(winner, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
		raw_send_keepalive(winner);
		assert_true(wait_until(rig->side.loop, is_established, &rig->side, PATIENCE_MS));
		assert_int_equal(rig->side.established, 1);
		close(listener);
		close(ours->fd);
		free(ours);
		rig_free(rig);
	}
}

static void the_end_of_one_connection_is_no_trouble_for_the_other(void **state)
{
	struct rig *rig = rig_new();
	struct raw ours;
	int listener = rig_collide(rig, &ours);

	(void)state;
	raw_send_open(&rig->raw, 65002, 9, 90);
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
	close(ours.fd);
	wait_until(rig->side.loop, never, NULL, 50);
	assert_int_equal(rig->side.troubles, 0);
	raw_send_keepalive(&rig->raw);
	assert_true(wait_until(rig->side.loop, is_established, &rig->side, PATIENCE_MS));
	close(listener);
	rig_free(rig);
}

static void who_is_established_ends_the_other(void **state)
{
	struct rig *rig = rig_new();
	struct raw ours;
	int listener = rig_collide(rig, &ours);

	(void)state;
	raw_send_open(&rig->raw, 65002, 9, 90);
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
	raw_send_keepalive(&rig->raw);
	assert_true(wait_until(rig->side.loop, is_established, &rig->side, PATIENCE_MS));
	expect_notification(&ours, 6, 7, NULL, 0);
	assert_true(raw_ends(&ours, PATIENCE_MS));
	assert_true(is_established(&rig->side));
	close(ours.fd);
	close(listener);
	rig_free(rig);
}

static void a_refused_attempt_waits_in_active_and_tries_again(void **state)
{
	struct rig *rig = rig_new();
	struct raw *raw = &rig->raw;
	uint16_t port;
	int listener = raw_listen(&port);

	(void)state;
	close(listener);
	rig->side.settings.passive = false;
	rig->side.settings.transport.port = port;
	rig->side.settings.connect_retry_time_ms = 200;
	side_start(&rig->side);
	wait_until(rig->side.loop, never, NULL, 500);
	assert_true(wait_until(rig->side.loop, is_active, &rig->side, PATIENCE_MS));
	assert_in_range(bgp_session_counters(rig->side.session)->connection_attempts, 2, 5);
	assert_non_null(strstr(rig->side.trouble, "Connection refused"));
	/* Meanwhile the neighbour can call. */
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	assert_false(raw->closed);
	rig_free(rig);
}

static void a_stopped_session_refuses_without_a_word(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	rig->side.session =
	    bgp_session_new(rig->side.loop, &rig->side.settings, &side_ops, &rig->side);
	assert_true(raw_connect(&rig->raw, rig->side.loop, rig->port));
	assert_true(raw_ends(&rig->raw, PATIENCE_MS));
	rig_free(rig);
}

static void updates_are_judged_by_rfc7606(void **state)
{
	struct rig *rig = rig_new();
	uint8_t bytes[64];
	size_t length = write_update(bytes, 7, 65002);

	(void)state;
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	/* ORIGIN 9, and AS numbers of 4 octets where 2 were agreed on: treated as withdraw. */
	bytes[26] = 9;
	raw_send(&rig->raw, bytes, length);
	assert_true(wait_until(rig->side.loop, has_updates, &rig->side, PATIENCE_MS));
	assert_int_equal(bgp_session_counters(rig->side.session)->treated_as_withdraw, 1);
	assert_int_equal(rig->side.troubles, 1);
	assert_non_null(strstr(rig->side.trouble, "treated as withdraw"));
	/* A length that runs over the end: the session ends. */
	bytes[22] = 200;
	raw_send(&rig->raw, bytes, length);
	expect_notification(&rig->raw, 3, 1, NULL, 0);
	assert_int_equal(rig->side.updates, 1);
	assert_int_equal(rig->side.down, 1);
	rig_free(rig);
}

static void a_stop_reaches_a_neighbour_that_has_not_read_for_long(void **state)
{
	struct rig *rig = rig_new();
	struct shared_buffer *buffer = update_buffer(2000, 65001);
	struct raw *raw = &rig->raw;
	size_t at = 0;

	(void)state;
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	for (unsigned i = 0; i < 200; i++)
		send_now(rig->side.session, buffer);
	wait_until(rig->side.loop, never, NULL, 100);
	assert_true(bgp_session_queued(rig->side.session) > 1000000);
	bgp_session_stop(rig->side.session, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, "bye");
	/* At most the message that is under way is left. */
	assert_in_range(buffer->references, 1, 2);
	/* Many UPDATEs of 46 octets at once: who is slower is not waited for. */
	do {
		raw->length = 0;
	} while (raw_receive(raw, 46000, PATIENCE_MS));
	assert_true(raw->closed);
	while (at < raw->length && raw->bytes[at + 18] == BGP_MESSAGE_UPDATE)
		at += wire_load_u16(raw->bytes + at + 16);
	assert_int_equal(raw->length - at, 25);
	assert_int_equal(raw->bytes[at + 18], BGP_MESSAGE_NOTIFICATION);
	assert_memory_equal(raw->bytes + at + 19, "\6\2\3bye", 6);
	shared_buffer_release(buffer);
	rig_free(rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_header_error_is_told_in_every_state),
	    cmocka_unit_test(rfc4271_6_1_a_message_of_a_wrong_length_is_told_with_it),
	    cmocka_unit_test(rfc4271_6_4_an_unknown_notification_is_not_answered),
	    cmocka_unit_test(rfc6608_4_an_unexpected_message_is_told_with_its_type),
	    cmocka_unit_test(a_bad_open_is_refused_with_its_reason),
	    cmocka_unit_test(a_notification_is_never_answered),
	    cmocka_unit_test(an_attempt_that_fails_is_told_once),
	    cmocka_unit_test(what_we_end_ourselves_is_no_trouble),
	    cmocka_unit_test(a_refresh_of_a_wrong_length_is_refused_by_capability),
	    cmocka_unit_test(an_error_is_followed_by_a_rest),
	    cmocka_unit_test(a_neighbour_that_has_restarted_is_let_in_at_once),
	    cmocka_unit_test(the_hold_timer_ends_a_silent_neighbour),
	    cmocka_unit_test(a_second_connection_in_established_is_refused),
	    cmocka_unit_test(a_neighbour_that_calls_again_gave_its_first_call_up),
	    cmocka_unit_test(a_collision_is_resolved_by_the_identifiers),
	    cmocka_unit_test(the_end_of_one_connection_is_no_trouble_for_the_other),
	    cmocka_unit_test(who_is_established_ends_the_other),
	    cmocka_unit_test(a_refused_attempt_waits_in_active_and_tries_again),
	    cmocka_unit_test(a_stopped_session_refuses_without_a_word),
	    cmocka_unit_test(updates_are_judged_by_rfc7606),
	    cmocka_unit_test(a_stop_reaches_a_neighbour_that_has_not_read_for_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
