/*
 * What the configuration of a peer means to its session, key by key, and which changes of it ask
 * the neighbour for its routes again.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "speaker/private.h"

struct rig {
	struct speaker speaker;
	struct config config;
	struct config_peer entry;
	struct speaker_peer peer;
	struct bgp_session_settings settings;
	char node_name[80];
};

static int setup(void **state)
{
	struct rig *rig = memory_allocate_zero(1, sizeof *rig);

	strcpy(rig->node_name, "node-a");
	rig->config.node_name = rig->node_name;
	rig->speaker.config = &rig->config;
	rig->speaker.asn = 65001;
	memcpy(rig->speaker.router_id, "\x0a\x00\x00\x02", 4);
	rig->entry.families[IPV4] = true;
	rig->entry.asn = 65002;
	rig->entry.ebgp_multihop = 1;
	rig->peer.speaker = &rig->speaker;
	rig->peer.config = &rig->entry;
	rig->peer.judged_asn = 65001;
	rig->peer.judged_cluster_id = 0x0a000002;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static const struct bgp_session_settings *fill(struct rig *rig)
{
	struct error error;

	memset(&rig->settings, 0xa5, sizeof rig->settings);
	assert_true(speaker_settings_fill(&rig->peer, &rig->settings, &error));
	return &rig->settings;
}

static void who_we_are(void **state)
{
	struct rig *rig = *state;
	const struct bgp_session_settings *settings = fill(rig);

	assert_int_equal(settings->local_asn, 65001);
	assert_int_equal(settings->remote_asn, 65002);
	assert_memory_equal(settings->identifier, "\x0a\x00\x00\x02", 4);
	assert_string_equal(settings->host_name, "node-a");
	rig->entry.local_asn = 64999;
	assert_int_equal(fill(rig)->local_asn, 64999);
	memset(rig->node_name, 'n', sizeof rig->node_name - 1);
	assert_int_equal(strlen(fill(rig)->host_name), BGP_HOST_NAME_MAX);
}

static void where_the_neighbour_is(void **state)
{
	struct rig *rig = *state;

	assert_true(ip_address_parse("fe80::1", &rig->peer.address));
	rig->peer.scope = 7;
	rig->entry.port = 1179;
	assert_true(ip_address_equal(&fill(rig)->transport.remote, &rig->peer.address));
	assert_int_equal(rig->settings.transport.scope, 7);
	assert_int_equal(rig->settings.transport.port, 1179);
	assert_int_equal(rig->settings.transport.ttl, 1);
	rig->entry.ttl_security = 2;
	assert_int_equal(fill(rig)->transport.ttl, 0);
	assert_int_equal(rig->settings.transport.ttl_security, 2);
	rig->entry.ttl_security = 0;
	rig->entry.remote_as = BGP_REMOTE_AS_INTERNAL;
	assert_int_equal(fill(rig)->transport.ttl, 0);
}

static void times(void **state)
{
	struct rig *rig = *state;

	rig->entry.hold_time_ms = 9000;
	rig->entry.keepalive_time_ms = 2000;
	rig->entry.connect_retry_time_ms = 1000;
	rig->entry.delay_open_time_ms = 500;
	assert_int_equal(fill(rig)->hold_time_ms, 9000);
	assert_int_equal(rig->settings.keepalive_time_ms, 2000);
	assert_int_equal(rig->settings.connect_retry_time_ms, 1000);
	assert_int_equal(rig->settings.delay_open_time_ms, 500);
	assert_int_equal(rig->settings.open_time_ms, 0);
	assert_false(rig->settings.passive);
}

static void a_stranger_is_not_waited_for_long(void **state)
{
	struct rig *rig = *state;

	rig->peer.dynamic = true;
	rig->entry.delay_open_time_ms = 500;
	assert_int_equal(fill(rig)->open_time_ms, 10000);
	assert_int_equal(rig->settings.delay_open_time_ms, 0);
	assert_true(rig->settings.passive);
}

static void what_is_announced(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(fill(rig)->add_path[IPV4], 0);
	rig->entry.role = BGP_ROLE_CUSTOMER;
	rig->entry.strict_role = true;
	rig->entry.add_path_send = 4;
	rig->entry.restart = (struct bgp_restart_settings){true, 120, 3600};
	assert_int_equal(fill(rig)->role, BGP_ROLE_CUSTOMER);
	assert_true(rig->settings.strict_role);
	assert_int_equal(rig->settings.add_path[IPV4], BGP_ADD_PATH_SEND);
	assert_int_equal(rig->settings.add_path[IPV6], 0); /* the family is off */
	assert_true(rig->settings.restart.enabled);
	assert_int_equal(rig->settings.restart.time_s, 120);
	assert_int_equal(rig->settings.restart.long_lived_time_s, 3600);
	rig->entry.add_path_receive = true;
	rig->entry.families[IPV6] = true;
	assert_int_equal(fill(rig)->add_path[IPV6], BGP_ADD_PATH_SEND | BGP_ADD_PATH_RECEIVE);
}

static void what_is_taken_in(void **state)
{
	struct rig *rig = *state;

	assert_false(fill(rig)->enforce_first_as);
	assert_false(rig->settings.aigp);
	rig->entry.enforce_first_as = true;
	rig->entry.strip_attributes[2] = 1;
	assert_true(fill(rig)->enforce_first_as);
	assert_int_equal(rig->settings.ignored_attributes[2], 1);
	rig->entry.has_aigp = rig->entry.aigp = true;
	assert_true(fill(rig)->aigp);
}

static void test_rfc7311_3_aigp_is_for_internal_neighbours_by_default(void **state)
{
	struct rig *rig = *state;

	rig->entry.remote_as = BGP_REMOTE_AS_INTERNAL;
	assert_true(fill(rig)->aigp);
	rig->entry.has_aigp = true;
	assert_false(fill(rig)->aigp);
}

static bool judges_alike(struct rig *rig, const struct config_peer *before)
{
	return speaker_settings_judge_alike(&rig->peer, before, &rig->config);
}

/* Each of these decides about routes that are in the table already. */
static void a_change_of_the_rules_judges_again(void **state)
{
	struct rig *rig = *state;
	struct config_peer changes[8];

	for (size_t i = 0; i < 8; i++)
		changes[i] = rig->entry;
	changes[0].has_import = true;
	changes[1].allow_own_asn = 1;
	changes[2].max_as_path_length = 10;
	changes[3].role = BGP_ROLE_PEER;
	changes[4].local_asn_mode = CONFIG_LOCAL_ASN_REPLACE;
	changes[5].strip_attributes[0] = 1 << 9;
	changes[6].enforce_first_as = true;
	changes[7].has_aigp = changes[7].aigp = true;
	for (size_t i = 0; i < 8; i++)
		if (judges_alike(rig, &changes[i]))
			fail_msg("change %zu was not noticed", i);
	changes[0] = rig->entry;
	changes[0].hold_time_ms = 1;
	changes[0].max_prefixes = 1;
	changes[0].has_aigp = true; /* off, as it is by default */
	assert_true(judges_alike(rig, &changes[0]));
	/* Who this node is may change without its entry: loops are of other numbers then. */
	rig->peer.judged_asn++;
	assert_false(judges_alike(rig, &changes[0]));
	rig->peer.judged_asn--;
	/* What comes from another AS is not asked through which clusters it has been. */
	rig->peer.judged_cluster_id++;
	assert_true(judges_alike(rig, &changes[0]));
	rig->entry.remote_as = BGP_REMOTE_AS_INTERNAL;
	changes[0] = rig->entry;
	assert_false(judges_alike(rig, &changes[0]));
	rig->peer.judged_cluster_id--;
	assert_true(judges_alike(rig, &changes[0]));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(who_we_are),
	    TEST(where_the_neighbour_is),
	    TEST(times),
	    TEST(a_stranger_is_not_waited_for_long),
	    TEST(what_is_announced),
	    TEST(what_is_taken_in),
	    TEST(test_rfc7311_3_aigp_is_for_internal_neighbours_by_default),
	    TEST(a_change_of_the_rules_judges_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
