/* What two OPENs come to: RFC 4271 4.2, 6.2 and 6.8, RFC 5492, RFC 6286, RFC 9234. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "bgp/negotiation.h"

static struct bgp_session_settings settings_of(
    uint32_t asn, enum bgp_remote_as kind, uint32_t remote)
{
	struct bgp_session_settings settings;

	memset(&settings, 0, sizeof(settings));
	settings.local_asn = asn;
	settings.remote_as = kind;
	settings.remote_asn = remote;
	settings.families[IPV4] = settings.families[IPV6] = true;
	settings.hold_time_ms = 90000;
	memcpy(settings.identifier, "\xa\0\0\5", 4);
	return settings;
}

static struct bgp_open open_of(uint32_t asn, uint8_t id)
{
	struct bgp_session_settings settings = settings_of(asn, BGP_REMOTE_AS_EXTERNAL, 0);

	settings.identifier[3] = id;
	return bgp_negotiation_open(&settings);
}

/* In answer to our whole OPEN. */
static bool check(const struct bgp_session_settings *settings, const struct bgp_open *remote,
    struct bgp_notification *notification)
{
	struct bgp_open local = bgp_negotiation_open(settings);

	return bgp_negotiation_check(settings, &local, remote, notification);
}

static void our_open_says_what_is_set(void **state)
{
	struct bgp_session_settings settings = settings_of(4200000001u, BGP_REMOTE_AS_NUMBER, 1);
	struct bgp_open open;

	(void)state;
	settings.families[IPV4] = false;
	open = bgp_negotiation_open(&settings);
	assert_int_equal(open.version, 4);
	assert_int_equal(open.asn, 4200000001u);
	assert_int_equal(open.hold_time, 90);
	assert_memory_equal(open.identifier, "\xa\0\0\5", 4);
	assert_false(open.capabilities.families[IPV4]);
	assert_true(open.capabilities.families[IPV6]);
	assert_true(open.capabilities.as4);
	assert_int_equal(open.capabilities.asn, 4200000001u);
	assert_true(open.capabilities.route_refresh);
	assert_false(open.capabilities.extended_next_hop);
}

static void our_open_announces_what_is_set(void **state)
{
	struct bgp_session_settings settings = settings_of(65001, BGP_REMOTE_AS_NUMBER, 65002);
	struct bgp_capabilities open;

	(void)state;
	settings.role = BGP_ROLE_CUSTOMER;
	settings.families[IPV6] = false;
	settings.add_path[IPV4] = BGP_ADD_PATH_SEND;
	settings.add_path[IPV6] = BGP_ADD_PATH_RECEIVE;
	strcpy(settings.host_name, "node-a");
	open = bgp_negotiation_open(&settings).capabilities;
	assert_true(open.extended_message);
	assert_true(open.enhanced_route_refresh);
	assert_int_equal(open.role, BGP_ROLE_CUSTOMER);
	assert_int_equal(open.add_path[IPV4], BGP_ADD_PATH_SEND);
	assert_int_equal(open.add_path[IPV6], 0); /* the family is off */
	assert_string_equal(open.host_name, "node-a");
	assert_false(open.graceful_restart.announced);
	assert_false(open.long_lived_restart.announced);
}

static void rfc9234_4_a_role_is_announced_to_external_neighbours_only(void **state)
{
	static const struct {
		enum bgp_remote_as kind;
		uint32_t remote;
		bool announced;
	} cases[] = {{BGP_REMOTE_AS_NUMBER, 65002, true}, {BGP_REMOTE_AS_NUMBER, 65001, false},
	    {BGP_REMOTE_AS_EXTERNAL, 0, true}, {BGP_REMOTE_AS_INTERNAL, 0, false}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bgp_session_settings settings =
		    settings_of(65001, cases[i].kind, cases[i].remote);

		settings.role = BGP_ROLE_PEER;
		assert_int_equal(bgp_negotiation_open(&settings).capabilities.role,
		    cases[i].announced ? BGP_ROLE_PEER : BGP_ROLE_NONE);
	}
}

/* No family is kept, nothing restarts, and a NOTIFICATION ends a session for good. */
static void rfc4724_3_graceful_restart_is_announced_without_a_family(void **state)
{
	struct bgp_session_settings settings = settings_of(65001, BGP_REMOTE_AS_NUMBER, 65002);
	struct bgp_capabilities open;

	(void)state;
	settings.restart = (struct bgp_restart_settings){true, 120, 3600};
	open = bgp_negotiation_open(&settings).capabilities;
	assert_true(open.graceful_restart.announced);
	assert_int_equal(open.graceful_restart.time_s, 120);
	assert_false(open.graceful_restart.restarting);
	assert_false(open.graceful_restart.notification);
	assert_true(open.long_lived_restart.announced);
	for (unsigned family = 0; family < IP_FAMILIES; family++) {
		assert_false(open.graceful_restart.families[family]);
		assert_false(open.long_lived_restart.families[family]);
	}
	settings.restart.long_lived_time_s = 0;
	assert_false(bgp_negotiation_open(&settings).capabilities.long_lived_restart.announced);
	settings.restart = (struct bgp_restart_settings){false, 120, 3600};
	open = bgp_negotiation_open(&settings).capabilities;
	assert_false(open.graceful_restart.announced);
	assert_false(open.long_lived_restart.announced);
}

static void rfc9234_4_2_roles_must_correspond(void **state)
{
	static const uint8_t partners[BGP_ROLES] = {0, BGP_ROLE_CUSTOMER,
	    BGP_ROLE_ROUTE_SERVER_CLIENT, BGP_ROLE_ROUTE_SERVER, BGP_ROLE_PROVIDER, BGP_ROLE_PEER};

	(void)state;
	for (unsigned ours = 0; ours < BGP_ROLES; ours++) {
		for (unsigned theirs = 0; theirs <= BGP_ROLES; theirs++) {
			struct bgp_session_settings settings =
			    settings_of(65001, BGP_REMOTE_AS_EXTERNAL, 0);
			struct bgp_open remote = open_of(65002, 9);
			struct bgp_notification notification = {0};
			bool fits = !ours || !theirs || partners[ours] == theirs;

			settings.role = (uint8_t)ours;
			remote.capabilities.role = (uint8_t)theirs;
			assert_int_equal(check(&settings, &remote, &notification), fits);
			assert_int_equal(notification.subcode, fits ? 0 : BGP_OPEN_ROLE_MISMATCH);
		}
	}
}

static void rfc9234_4_2_strict_wants_a_role(void **state)
{
	struct bgp_session_settings settings = settings_of(65001, BGP_REMOTE_AS_EXTERNAL, 0);
	struct bgp_open remote = open_of(65002, 9);
	struct bgp_notification notification = {0};

	(void)state;
	settings.role = BGP_ROLE_PROVIDER;
	settings.strict_role = true;
	assert_false(check(&settings, &remote, &notification));
	assert_int_equal(notification.code, BGP_ERROR_OPEN);
	assert_int_equal(notification.subcode, BGP_OPEN_ROLE_MISMATCH);
	assert_int_equal(notification.data_length, 0);
	remote.capabilities.role = BGP_ROLE_CUSTOMER;
	assert_true(check(&settings, &remote, &notification));
}

static void rfc9234_4_2_several_different_roles_are_refused(void **state)
{
	struct bgp_session_settings settings = settings_of(65001, BGP_REMOTE_AS_EXTERNAL, 0);
	struct bgp_open remote = open_of(65002, 9);
	struct bgp_notification notification = {0};

	(void)state;
	settings.role = BGP_ROLE_PROVIDER;
	remote.capabilities.role = BGP_ROLE_CUSTOMER;
	remote.capabilities.roles_conflict = true;
	assert_false(check(&settings, &remote, &notification));
	assert_int_equal(notification.subcode, BGP_OPEN_ROLE_MISMATCH);
	/* Inside of an AS roles mean nothing. */
	settings.remote_as = BGP_REMOTE_AS_INTERNAL;
	remote.asn = 65001;
	assert_true(check(&settings, &remote, &notification));
}

static void rules_for_updates_follow_the_settings(void **state)
{
	struct bgp_session_settings settings = settings_of(65001, BGP_REMOTE_AS_EXTERNAL, 0);
	struct bgp_update_rules rules;

	(void)state;
	settings.ignored_attributes[1] = 1; /* type 64 */
	rules = bgp_negotiation_rules(&settings, 65002);
	assert_int_equal(rules.first_asn, 0);
	assert_int_equal(rules.ignored[0], 1u << BGP_ATTRIBUTE_AIGP); /* RFC 7311 3.2 */
	assert_int_equal(rules.ignored[1], 1);
	settings.aigp = true;
	settings.enforce_first_as = true;
	rules = bgp_negotiation_rules(&settings, 65002);
	assert_int_equal(rules.ignored[0], 0);
	assert_int_equal(rules.first_asn, 65002);
	/* RFC 4271 5.1.2: inside of an AS nothing is prepended. */
	assert_int_equal(bgp_negotiation_rules(&settings, 65001).first_asn, 0);
}

/* What was left out of our OPEN is not agreed upon, whatever the settings say. */
static void families_are_compared_with_what_was_really_sent(void **state)
{
	struct bgp_session_settings settings = settings_of(65001, BGP_REMOTE_AS_EXTERNAL, 0);
	struct bgp_open local = bgp_negotiation_open(&settings), remote = open_of(65002, 9);
	struct bgp_notification notification = {0};

	(void)state;
	memset(&local.capabilities, 0, sizeof(local.capabilities));
	assert_true(bgp_negotiation_check(&settings, &local, &remote, &notification));
	remote.capabilities.families[IPV4] = false;
	assert_false(bgp_negotiation_check(&settings, &local, &remote, &notification));
	assert_int_equal(notification.subcode, BGP_OPEN_UNSUPPORTED_CAPABILITY);
}

static void rfc8538_4_some_ceases_are_hard(void **state)
{
	static const bool hard[BGP_CEASE_BFD_DOWN + 1] = {false, true, true, true, true};
	struct bgp_codec codec = {.notification_restart = true}, plain = {0};
	struct bgp_notification notification;

	(void)state;
	for (uint8_t subcode = 0; subcode <= BGP_CEASE_BFD_DOWN; subcode++) {
		bgp_notification_set(&notification, BGP_ERROR_CEASE, subcode, NULL, 0);
		assert_int_equal(bgp_negotiation_is_hard(&codec, &notification), hard[subcode]);
		assert_false(bgp_negotiation_is_hard(&plain, &notification));
		/* Errors are none: routes are kept over them. */
		notification.code = BGP_ERROR_UPDATE;
		assert_false(bgp_negotiation_is_hard(&codec, &notification));
	}
}

static void the_as_must_be_the_one_configured(void **state)
{
	static const struct {
		enum bgp_remote_as kind;
		uint32_t remote, asn;
		bool accepted;
	} cases[] = {
	    {BGP_REMOTE_AS_NUMBER, 65002, 65002, true},
	    {BGP_REMOTE_AS_NUMBER, 65002, 65003, false},
	    {BGP_REMOTE_AS_NUMBER, 65002, 65001, false},
	    {BGP_REMOTE_AS_NUMBER, 65001, 65001, true},
	    {BGP_REMOTE_AS_INTERNAL, 0, 65001, true},
	    {BGP_REMOTE_AS_INTERNAL, 0, 65002, false},
	    {BGP_REMOTE_AS_EXTERNAL, 0, 65002, true},
	    {BGP_REMOTE_AS_EXTERNAL, 0, 65001, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bgp_session_settings settings =
		    settings_of(65001, cases[i].kind, cases[i].remote);
		struct bgp_open remote = open_of(cases[i].asn, 9);
		struct bgp_notification notification = {0};

		assert_int_equal(check(&settings, &remote, &notification), cases[i].accepted);
		assert_int_equal(notification.code, cases[i].accepted ? 0 : BGP_ERROR_OPEN);
		assert_int_equal(
		    notification.subcode, cases[i].accepted ? 0 : BGP_OPEN_BAD_PEER_AS);
	}
}

static void rfc6286_2_2_an_internal_peer_has_another_identifier(void **state)
{
	struct bgp_session_settings settings = settings_of(65001, BGP_REMOTE_AS_INTERNAL, 0);
	struct bgp_open remote = open_of(65001, 5);
	struct bgp_notification notification = {0};

	(void)state;
	assert_false(check(&settings, &remote, &notification));
	assert_int_equal(notification.subcode, BGP_OPEN_BAD_IDENTIFIER);
	/* An external one may have the same. */
	settings.remote_as = BGP_REMOTE_AS_EXTERNAL;
	remote = open_of(65002, 5);
	assert_true(check(&settings, &remote, &notification));
}

static void rfc5492_no_common_family_lists_ours(void **state)
{
	struct bgp_session_settings settings = settings_of(65001, BGP_REMOTE_AS_EXTERNAL, 0);
	struct bgp_open remote = open_of(65002, 9);
	struct bgp_notification notification = {0};

	(void)state;
	settings.families[IPV4] = false;
	remote.capabilities.families[IPV6] = false;
	assert_false(check(&settings, &remote, &notification));
	assert_int_equal(notification.code, BGP_ERROR_OPEN);
	assert_int_equal(notification.subcode, BGP_OPEN_UNSUPPORTED_CAPABILITY);
	assert_int_equal(notification.data_length, 6);
	assert_memory_equal(notification.data, "\1\4\0\2\0\1", 6);
	/* One in common is enough. */
	settings.families[IPV4] = true;
	assert_true(check(&settings, &remote, &notification));
}

static void the_smaller_hold_time_counts(void **state)
{
	static const struct {
		uint16_t ours, theirs;
		uint32_t keepalive_ms, hold_result_ms, keepalive_result_ms;
	} cases[] = {
	    {90, 180, 0, 90000, 30000},
	    {90, 30, 0, 30000, 10000},
	    {90, 90, 20000, 90000, 20000},
	    {90, 9, 20000, 9000, 3000},
	    {90, 0, 20000, 0, 0},
	    {0, 90, 0, 0, 0},
	    {3, 3, 0, 3000, 1000},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bgp_session_settings settings =
		    settings_of(65001, BGP_REMOTE_AS_EXTERNAL, 0);
		struct bgp_open local = open_of(65001, 1), remote = open_of(65002, 2);
		uint32_t hold;

		settings.keepalive_time_ms = cases[i].keepalive_ms;
		local.hold_time = cases[i].ours;
		remote.hold_time = cases[i].theirs;
		hold = bgp_negotiation_hold_time(&local, &remote);
		assert_int_equal(hold, cases[i].hold_result_ms);
		assert_int_equal(
		    bgp_negotiation_keepalive_time(&settings, hold), cases[i].keepalive_result_ms);
	}
}

static void both_ends_keep_the_same_connection(void **state)
{
	static const struct {
		uint8_t id_a, id_b;
		uint32_t as_a, as_b;
		bool keeps_a;
	} cases[] = {
	    {1, 2, 65001, 65002, false},
	    {2, 1, 65001, 65002, true},
	    {200, 100, 65001, 65001, true}, /* the octets are unsigned */
	    {7, 7, 65001, 65002, false}, /* RFC 6286 2.3 */
	    {7, 7, 4200000000u, 65002, true},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bgp_open a = open_of(cases[i].as_a, cases[i].id_a);
		struct bgp_open b = open_of(cases[i].as_b, cases[i].id_b);

		assert_int_equal(bgp_negotiation_keeps_ours(&a, &b), cases[i].keeps_a);
		assert_int_equal(bgp_negotiation_keeps_ours(&b, &a), !cases[i].keeps_a);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(our_open_says_what_is_set),
	    cmocka_unit_test(our_open_announces_what_is_set),
	    cmocka_unit_test(rfc9234_4_a_role_is_announced_to_external_neighbours_only),
	    cmocka_unit_test(rfc4724_3_graceful_restart_is_announced_without_a_family),
	    cmocka_unit_test(rfc9234_4_2_roles_must_correspond),
	    cmocka_unit_test(rfc9234_4_2_strict_wants_a_role),
	    cmocka_unit_test(rfc9234_4_2_several_different_roles_are_refused),
	    cmocka_unit_test(rules_for_updates_follow_the_settings),
	    cmocka_unit_test(families_are_compared_with_what_was_really_sent),
	    cmocka_unit_test(rfc8538_4_some_ceases_are_hard),
	    cmocka_unit_test(the_as_must_be_the_one_configured),
	    cmocka_unit_test(rfc6286_2_2_an_internal_peer_has_another_identifier),
	    cmocka_unit_test(rfc5492_no_common_family_lists_ours),
	    cmocka_unit_test(the_smaller_hold_time_counts),
	    cmocka_unit_test(both_ends_keep_the_same_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
