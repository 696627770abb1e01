/*
 * What messages bring, and what our own say: the OPEN and its second try without what was refused,
 * roles, refresh marks, the rules for UPDATEs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "machine_rig.h"

/* The capabilities of the OPEN that was received last, decoded. */
static struct bgp_capabilities announced(const struct raw *raw)
{
	struct wire_span body = {raw->bytes + BGP_HEADER_LENGTH, raw->length - BGP_HEADER_LENGTH};
	struct bgp_notification notification;
	struct bgp_open open;

	assert_true(bgp_open_decode(body, &open, &notification));
	return open.capabilities;
}

/* A session whose rests are over before they have begun. */
static void rig_call_again(struct rig *rig)
{
	close(rig->raw.fd);
	assert_true(wait_until(rig->side.loop, is_active, &rig->side, PATIENCE_MS));
	rig_reach(rig, BGP_STATE_OPEN_SENT);
}

static void refuse(struct rig *rig, uint8_t subcode, const void *data, size_t length)
{
	uint8_t body[64] = {BGP_ERROR_OPEN, subcode};

	memcpy(body + 2, data, length);
	raw_send_message(&rig->raw, BGP_MESSAGE_NOTIFICATION, body, 2 + length);
	assert_true(raw_ends(&rig->raw, PATIENCE_MS));
}

static void rfc5492_3_an_unsupported_parameter_is_left_out_of_the_next_open(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	assert_true(announced(&rig->raw).as4);
	refuse(rig, BGP_OPEN_UNSUPPORTED_PARAMETER, "", 0);
	assert_int_equal(rig->side.troubles, 1);
	assert_non_null(strstr(rig->side.trouble, "the next OPEN is without multiprotocol ipv4"));
	rig_call_again(rig);
	assert_int_equal(rig->raw.length, 29); /* no Optional Parameter at all */
	raw_send_open(&rig->raw, 65002, 9, 90);
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
	raw_send_keepalive(&rig->raw);
	assert_true(wait_until(rig->side.loop, is_established, &rig->side, PATIENCE_MS));
	assert_false(bgp_session_codec(rig->side.session)->as4);
	assert_true(bgp_session_codec(rig->side.session)->families[IPV4]);
	assert_false(bgp_session_codec(rig->side.session)->families[IPV6]);
	assert_false(bgp_session_local_open(rig->side.session)->capabilities.as4);
	/* When that session is over it is tried with all again. */
	close(rig->raw.fd);
	assert_true(wait_until(rig->side.loop, is_down, &rig->side, PATIENCE_MS));
	rig->raw.fd = dup(0);
	rig_call_again(rig);
	assert_true(announced(&rig->raw).as4);
	rig_free(rig);
}

static void rfc5492_3_listed_capabilities_are_left_out_once(void **state)
{
	struct rig *rig = rig_new();
	struct bgp_capabilities capabilities;

	(void)state;
	rig_reach(rig, BGP_STATE_OPEN_CONFIRM); /* their own OPEN may have come before */
	refuse(rig, BGP_OPEN_UNSUPPORTED_CAPABILITY, "\106\0\6\0", 4);
	assert_non_null(
	    strstr(rig->side.trouble, "without extended message, enhanced route refresh"));
	rig_call_again(rig);
	capabilities = announced(&rig->raw);
	assert_false(capabilities.enhanced_route_refresh);
	assert_false(capabilities.extended_message);
	assert_true(capabilities.route_refresh);
	assert_true(capabilities.as4);
	/* Refused again: the whole one has its turn. */
	refuse(rig, BGP_OPEN_UNSUPPORTED_CAPABILITY, "\2\0", 2);
	assert_null(strstr(rig->side.trouble, "without"));
	rig_call_again(rig);
	capabilities = announced(&rig->raw);
	assert_true(capabilities.enhanced_route_refresh);
	assert_true(capabilities.route_refresh);
	rig_free(rig);
}

static void a_change_of_settings_forgets_what_was_refused(void **state)
{
	struct rig *rig = rig_new();
	struct bgp_session_settings settings;

	(void)state;
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	refuse(rig, BGP_OPEN_UNSUPPORTED_CAPABILITY, "\106\0", 2);
	settings = rig->side.settings;
	strcpy(settings.host_name, "node-a");
	bgp_session_change(rig->side.session, &settings);
	rig_call_again(rig);
	assert_true(announced(&rig->raw).enhanced_route_refresh);
	assert_string_equal(announced(&rig->raw).host_name, "node-a");
	rig_free(rig);
}

/* OPEN of AS 65002 with the capabilities in one parameter. */
static void send_open_with(struct rig *rig, const void *capabilities, uint8_t length)
{
	uint8_t body[64] = {4, 0xfd, 0xea, 0, 90, 10, 0, 0, 9, (uint8_t)(length + 2), 2, length};

	memcpy(body + 12, capabilities, length);
	raw_send_message(&rig->raw, BGP_MESSAGE_OPEN, body, 12u + length);
}

static void establish_with(struct rig *rig, const void *capabilities, uint8_t length)
{
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	send_open_with(rig, capabilities, length);
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
	raw_send_keepalive(&rig->raw);
	assert_true(wait_until(rig->side.loop, is_established, &rig->side, PATIENCE_MS));
}

static void rfc9234_5_a_role_that_does_not_fit_is_told(void **state)
{
	static const struct {
		const char *capabilities;
		uint8_t length;
		bool strict, accepted;
	} cases[] = {
	    {"\11\1\3", 3, false, true}, /* customer to our provider */
	    {"\11\1\0", 3, false, false}, /* provider */
	    {"\11\1\7", 3, false, false}, /* nobody's */
	    {"\11\1\3\11\1\3", 6, false, true},
	    {"\11\1\3\11\1\0", 6, false, false},
	    {"\2\0", 2, false, true},
	    {"\2\0", 2, true, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new();

		rig->side.settings.role = BGP_ROLE_PROVIDER;
		rig->side.settings.strict_role = cases[i].strict;
		rig_reach(rig, BGP_STATE_OPEN_SENT);
		assert_int_equal(announced(&rig->raw).role, BGP_ROLE_PROVIDER);
		send_open_with(rig, cases[i].capabilities, cases[i].length);
		if (cases[i].accepted)
			assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
		else
			expect_notification(&rig->raw, 2, 11, NULL, 0);
		rig_free(rig);
	}
}

/* One UPDATE of 65535 octets at most: as many copies of a withdrawn prefix as fit. */
static size_t write_long_update(uint8_t *bytes, size_t length)
{
	memset(bytes, 0xff, 16);
	wire_store_u16(bytes + 16, (uint16_t)length);
	bytes[18] = BGP_MESSAGE_UPDATE;
	wire_store_u16(bytes + 19, (uint16_t)(length - 23));
	for (size_t at = 21; at < length - 2; at += 2)
		memcpy(bytes + at, "\10\12", 2); /* 10.0.0.0/8 */
	wire_store_u16(bytes + length - 2, 0);
	return length;
}

static void rfc8654_3_only_open_and_keepalive_stay_short(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t length;
		bool extended, accepted;
	} cases[] = {
	    {BGP_MESSAGE_UPDATE, 65535, true, true},
	    {BGP_MESSAGE_UPDATE, 4097, true, true},
	    {BGP_MESSAGE_UPDATE, 4097, false, false}, /* they have not announced it */
	    {BGP_MESSAGE_OPEN, 4097, true, false},
	    {BGP_MESSAGE_KEEPALIVE, 4097, true, false},
	};
	static uint8_t bytes[BGP_EXTENDED_MESSAGE_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new();

		if (cases[i].extended)
			establish_with(rig, "\6\0", 2);
		else
			rig_reach(rig, BGP_STATE_ESTABLISHED);
		write_long_update(bytes, cases[i].length);
		bytes[18] = cases[i].type;
		raw_send(&rig->raw, bytes, cases[i].accepted ? cases[i].length : 19);
		if (cases[i].accepted)
			assert_true(
			    wait_until(rig->side.loop, has_updates, &rig->side, PATIENCE_MS));
		else
			expect_notification(&rig->raw, 1, 2, bytes + 16, 2);
		assert_int_equal(rig->side.troubles, 0);
		rig_free(rig);
	}
}

static bool was_refreshed(void *arg)
{
	return ((struct side *)arg)->refreshes > 0;
}

static void rfc7313_3_2_marks_are_told_if_they_were_agreed_upon(void **state)
{
	static const struct {
		uint8_t body[4];
		bool enhanced, told;
		enum bgp_refresh kind;
	} cases[] = {
	    {{0, 1, 0, 1}, true, true, BGP_REFRESH_REQUEST},
	    {{0, 1, 1, 1}, true, true, BGP_REFRESH_BEGIN},
	    {{0, 1, 2, 1}, true, true, BGP_REFRESH_END},
	    {{0, 1, 0, 1}, false, true, BGP_REFRESH_REQUEST},
	    {{0, 1, 1, 1}, false, false, 0},
	    {{0, 1, 2, 1}, false, false, 0},
	    {{0, 2, 1, 1}, true, false, 0}, /* a family that was not agreed upon */
	    {{0, 1, 1, 2}, true, false, 0},
	    {{0, 1, 3, 1}, true, false, 0}, /* 5: unknown subtypes are ignored */
	    {{0, 1, 255, 1}, true, false, 0},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new();
		uint8_t update[64];

		establish_with(
		    rig, cases[i].enhanced ? "\2\0\106\0" : "\2\0", cases[i].enhanced ? 4 : 2);
		raw_send_message(&rig->raw, BGP_MESSAGE_ROUTE_REFRESH, cases[i].body, 4);
		raw_send(&rig->raw, update, write_update(update, 1, 65002));
		assert_true(wait_until(rig->side.loop, has_updates, &rig->side, PATIENCE_MS));
		assert_int_equal(was_refreshed(&rig->side), cases[i].told);
		if (cases[i].told) {
			assert_int_equal(rig->side.refreshed, IPV4);
			assert_int_equal(rig->side.refresh_kind, cases[i].kind);
		}
		assert_true(is_established(&rig->side));
		rig_free(rig);
	}
}

static void what_is_sent_is_counted_by_its_type(void **state)
{
	struct rig *rig = rig_new();
	struct shared_buffer *buffer = shared_buffer_new(64);
	struct wire_writer writer = wire_writer_init(buffer->bytes, buffer->capacity);
	const struct bgp_session_counters *counters;

	(void)state;
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	counters = bgp_session_counters(rig->side.session);
	send_now(rig->side.session, buffer); /* empty: nothing */
	bgp_route_refresh_encode(&writer, IPV4, BGP_REFRESH_BEGIN);
	buffer->length = wire_written(&writer);
	buffer->messages = 1;
	send_now(rig->side.session, buffer);
	shared_buffer_release(buffer);
	assert_int_equal(counters->messages[BGP_SENT][BGP_MESSAGE_ROUTE_REFRESH], 1);
	assert_int_equal(counters->messages[BGP_SENT][BGP_MESSAGE_UPDATE], 0);
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_ROUTE_REFRESH);
	rig_free(rig);
}

/* RFC 4271 6.3: whether AS_PATH has to begin with the neighbour's AS. */
static void rules_for_updates_change_without_a_reset(void **state)
{
	struct rig *rig = rig_new();
	struct bgp_session_settings settings;
	const struct bgp_session_counters *counters;
	uint8_t update[64];
	size_t length = write_update(update, 1, 65009);

	(void)state;
	establish_with(rig, "\101\4\0\0\375\352", 6); /* 4-octet AS 65002 */
	counters = bgp_session_counters(rig->side.session);
	raw_send(&rig->raw, update, length);
	assert_true(wait_until(rig->side.loop, has_updates, &rig->side, PATIENCE_MS));
	assert_int_equal(counters->treated_as_withdraw, 0);
	settings = rig->side.settings;
	settings.enforce_first_as = true;
	settings.aigp = true;
	settings.ignored_attributes[0] = 1u << BGP_ATTRIBUTE_COMMUNITIES;
	settings.open_time_ms = 1000;
	bgp_session_change(rig->side.session, &settings);
	assert_true(is_established(&rig->side));
	rig->side.updates = 0;
	raw_send(&rig->raw, update, length);
	assert_true(wait_until(rig->side.loop, has_updates, &rig->side, PATIENCE_MS));
	assert_int_equal(counters->treated_as_withdraw, 1);
	rig->side.updates = 0;
	raw_send(&rig->raw, update, write_update(update, 1, 65002));
	assert_true(wait_until(rig->side.loop, has_updates, &rig->side, PATIENCE_MS));
	assert_int_equal(counters->treated_as_withdraw, 1);
	assert_int_equal(rig->side.down, 0);
	rig_free(rig);
}

static void what_the_open_says_changes_with_a_reset(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct rig *rig = rig_new();
		struct bgp_session_settings settings;

		rig_reach(rig, BGP_STATE_ESTABLISHED);
		settings = rig->side.settings;
		settings.role = i == 0 ? BGP_ROLE_PEER : 0;
		settings.strict_role = i == 1;
		settings.add_path[IPV4] = i == 2 ? BGP_ADD_PATH_RECEIVE : 0;
		settings.restart.enabled = i == 3;
		settings.restart.time_s = i == 4 ? 60 : 0;
		settings.host_name[0] = i == 5 ? 'a' : 0;
		settings.transport.scope = i == 6;
		settings.transport.remote.bytes[3] = i == 7 ? 2 : 1;
		bgp_session_change(rig->side.session, &settings);
		assert_int_equal(rig->side.down, 1);
		expect_notification(&rig->raw, 6, 6, NULL, 0);
		rig_free(rig);
	}
}

/* We do not announce N, so the test agrees upon it for both. */
static void rfc8538_3_1_a_shutdown_is_a_hard_reset_where_routes_would_be_kept(void **state)
{
	for (unsigned agreed = 0; agreed < 2; agreed++) {
		struct rig *rig = rig_new();
		struct bgp_codec *codec;

		(void)state;
		rig_reach(rig, BGP_STATE_ESTABLISHED);
		codec = (struct bgp_codec *)bgp_session_codec(rig->side.session);
		codec->notification_restart = agreed;
		bgp_session_stop(rig->side.session, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, "bye");
		if (agreed)
			expect_notification(&rig->raw, 6, 9, "\6\2\3bye", 6);
		else
			expect_notification(&rig->raw, 6, 2, "\3bye", 4);
		assert_non_null(
		    strstr(rig->side.reason.error.text, "Cease/Administrative Shutdown: bye"));
		rig_free(rig);
	}
}

static void rfc8538_3_1_a_hard_reset_is_shown_with_what_is_inside(void **state)
{
	static const uint8_t body[] = {6, 9, 6, 4, 5, 'a', 'g', 'a', 'i', 'n'};
	struct rig *rig = rig_new();

	(void)state;
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	raw_send_message(&rig->raw, BGP_MESSAGE_NOTIFICATION, body, sizeof(body));
	assert_true(raw_ends(&rig->raw, PATIENCE_MS));
	assert_true(rig->side.reason.received);
	assert_string_equal(rig->side.reason.error.text,
	    "received Cease/Hard Reset: Cease/Administrative Reset: again");
	rig_free(rig);
}

static void theirs_open_may_take_so_long(void **state)
{
	struct rig *rig = rig_new();
	uint64_t began;

	(void)state;
	rig->side.settings.open_time_ms = 200;
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	began = loop_now(rig->side.loop);
	expect_notification(&rig->raw, 4, 0, NULL, 0);
	assert_in_range(loop_now(rig->side.loop) - began, 100, 900);
	rig_free(rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rfc5492_3_an_unsupported_parameter_is_left_out_of_the_next_open),
	    cmocka_unit_test(rfc5492_3_listed_capabilities_are_left_out_once),
	    cmocka_unit_test(a_change_of_settings_forgets_what_was_refused),
	    cmocka_unit_test(rfc9234_5_a_role_that_does_not_fit_is_told),
	    cmocka_unit_test(rfc8654_3_only_open_and_keepalive_stay_short),
	    cmocka_unit_test(rfc7313_3_2_marks_are_told_if_they_were_agreed_upon),
	    cmocka_unit_test(what_is_sent_is_counted_by_its_type),
	    cmocka_unit_test(rules_for_updates_change_without_a_reset),
	    cmocka_unit_test(what_the_open_says_changes_with_a_reset),
	    cmocka_unit_test(rfc8538_3_1_a_shutdown_is_a_hard_reset_where_routes_would_be_kept),
	    cmocka_unit_test(rfc8538_3_1_a_hard_reset_is_shown_with_what_is_inside),
	    cmocka_unit_test(theirs_open_may_take_so_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
