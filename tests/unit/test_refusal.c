/* What is left of an OPEN that the neighbour refused: RFC 5492 3, RFC 4271 6.2. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "bgp/negotiation.h"
#include "bgp/refusal.h"

struct fixture {
	struct bgp_session_settings settings;
	struct bgp_open sent;
	struct bgp_refusal refusal;
	struct text without;
};

/* AS 65001 with all that can be announced. */
static int set_up(void **state)
{
	static struct fixture fixture;
	struct bgp_session_settings *settings = &fixture.settings;

	memset(&fixture, 0, sizeof(fixture));
	settings->local_asn = 65001;
	settings->remote_as = BGP_REMOTE_AS_EXTERNAL;
	settings->families[IPV4] = settings->families[IPV6] = true;
	settings->add_path[IPV4] = settings->add_path[IPV6] = BGP_ADD_PATH_SEND;
	settings->role = BGP_ROLE_PEER;
	settings->restart = (struct bgp_restart_settings){true, 120, 3600};
	strcpy(settings->host_name, "node-a");
	fixture.sent = bgp_negotiation_open(settings);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	text_free(&((struct fixture *)*state)->without);
	return 0;
}

static bool learn(struct fixture *fixture, uint8_t subcode, const void *data, size_t length)
{
	struct bgp_notification notification;

	bgp_notification_set(&notification, BGP_ERROR_OPEN, subcode, data, length);
	return bgp_refusal_learn(&fixture->refusal, &fixture->settings, &fixture->sent,
	    &notification, &fixture->without);
}

/* The next OPEN of the settings. */
static struct bgp_capabilities next_open(const struct fixture *fixture)
{
	struct bgp_open open = bgp_negotiation_open(&fixture->settings);

	assert_true(bgp_refusal_apply(&fixture->refusal, &open));
	return open.capabilities;
}

static void without_a_refusal_the_open_is_whole(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_open open = bgp_negotiation_open(&fixture->settings);

	assert_false(bgp_refusal_apply(&fixture->refusal, &open));
	assert_memory_equal(&open, &fixture->sent, sizeof(open));
}

static void rfc5492_3_whoever_knows_no_parameter_is_sent_no_capability(void **state)
{
	struct fixture *fixture = *state;
	static const struct bgp_capabilities none;
	struct bgp_capabilities next;

	assert_true(learn(fixture, BGP_OPEN_UNSUPPORTED_PARAMETER, "\2", 1));
	next = next_open(fixture);
	assert_memory_equal(&next, &none, sizeof(next));
	assert_non_null(strstr(fixture->without.string, "multiprotocol ipv4"));
	assert_non_null(strstr(fixture->without.string, "node-a"));
}

static void rfc5492_3_the_capabilities_listed_are_left_out(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_capabilities next;

	/* Enhanced route refresh, IPv6, and one that nobody knows. */
	assert_true(
	    learn(fixture, BGP_OPEN_UNSUPPORTED_CAPABILITY, "\106\0\1\4\0\2\0\1\310\0", 10));
	next = next_open(fixture);
	assert_false(next.enhanced_route_refresh);
	assert_false(next.families[IPV6]);
	assert_int_equal(next.add_path[IPV6], 0);
	assert_true(next.families[IPV4]);
	assert_true(next.any_family);
	assert_true(next.route_refresh);
	assert_true(next.as4);
	assert_int_equal(next.role, BGP_ROLE_PEER);
	assert_int_equal(next.add_path[IPV4], BGP_ADD_PATH_SEND);
	assert_non_null(strstr(fixture->without.string, "multiprotocol ipv6"));
	assert_non_null(strstr(fixture->without.string, "enhanced route refresh"));
	assert_null(strstr(fixture->without.string, "ipv4"));
	assert_null(strstr(fixture->without.string, "role"));
}

static void each_capability_can_be_left_out(void **state)
{
	static const struct {
		const char *data;
		size_t length;
		const char *name;
	} cases[] = {
	    {"\2\0", 2, "route refresh"},
	    {"\5\6\0\1\0\1\0\2", 8, "extended next hop"},
	    {"\6\0", 2, "extended message"},
	    {"\11\1\4", 3, "role"},
	    {"\100\2\0\170", 4, "graceful restart"},
	    {"\101\4\0\0\375\351", 6, "4-octet AS"},
	    {"\105\4\0\1\1\2", 6, "add-path"},
	    {"\107\0", 2, "long-lived graceful restart"},
	    {"\111\10\6node-a\0", 10, "host name"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *fixture;
		struct bgp_capabilities next;
		struct text left = {0};

		set_up(state);
		fixture = *state;
		assert_true(learn(
		    fixture, BGP_OPEN_UNSUPPORTED_CAPABILITY, cases[i].data, cases[i].length));
		assert_non_null(strstr(fixture->without.string, cases[i].name));
		next = next_open(fixture);
		assert_memory_not_equal(&next, &fixture->sent.capabilities, sizeof(next));
		assert_true(next.families[IPV4]);
		bgp_capabilities_print(&next, &left);
		/* "graceful restart" is also the end of a longer name that went with it. */
		if (strcmp(cases[i].name, "add-path") && strcmp(cases[i].name, "route refresh"))
			assert_null(strstr(left.string, cases[i].name));
		text_free(&left);
		tear_down(state);
	}
	set_up(state);
}

static void a_list_of_nothing_means_all(void **state)
{
	struct fixture *fixture = *state;
	static const struct bgp_capabilities none;
	struct bgp_capabilities next;

	assert_true(learn(fixture, BGP_OPEN_UNSUPPORTED_CAPABILITY, NULL, 0));
	next = next_open(fixture);
	assert_memory_equal(&next, &none, sizeof(next));
	/* And so does one that cannot be read. */
	memset(&fixture->refusal, 0, sizeof(fixture->refusal));
	assert_true(learn(fixture, BGP_OPEN_UNSUPPORTED_CAPABILITY, "\101\4\0", 3));
	next = next_open(fixture);
	assert_memory_equal(&next, &none, sizeof(next));
}

static void what_does_not_help_is_not_tried(void **state)
{
	struct fixture *fixture = *state;

	/* Nothing of ours is listed. */
	assert_false(learn(fixture, BGP_OPEN_UNSUPPORTED_CAPABILITY, "\310\0", 2));
	/* It is about something else. */
	assert_false(learn(fixture, BGP_OPEN_BAD_PEER_AS, NULL, 0));
	/* Nothing is left to be left out. */
	memset(&fixture->sent.capabilities, 0, sizeof(fixture->sent.capabilities));
	assert_false(learn(fixture, BGP_OPEN_UNSUPPORTED_PARAMETER, NULL, 0));
	assert_false(fixture->refusal.is_set);
	assert_int_equal(fixture->without.length, 0);
}

static void a_session_without_its_only_family_is_of_no_use(void **state)
{
	struct fixture *fixture = *state;

	fixture->settings.families[IPV4] = false;
	fixture->sent = bgp_negotiation_open(&fixture->settings);
	assert_false(learn(fixture, BGP_OPEN_UNSUPPORTED_PARAMETER, NULL, 0));
	assert_false(learn(fixture, BGP_OPEN_UNSUPPORTED_CAPABILITY, "\1\4\0\2\0\1", 6));
	assert_true(learn(fixture, BGP_OPEN_UNSUPPORTED_CAPABILITY, "\106\0", 2));
}

static void rfc6793_4_2_1_a_large_as_needs_its_capability(void **state)
{
	struct fixture *fixture = *state;

	fixture->settings.local_asn = 4200000000u;
	fixture->sent = bgp_negotiation_open(&fixture->settings);
	assert_false(learn(fixture, BGP_OPEN_UNSUPPORTED_PARAMETER, NULL, 0));
	assert_false(learn(fixture, BGP_OPEN_UNSUPPORTED_CAPABILITY, "\101\4\372\126\352\0", 6));
	assert_true(learn(fixture, BGP_OPEN_UNSUPPORTED_CAPABILITY, "\106\0", 2));
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    test(without_a_refusal_the_open_is_whole),
	    test(rfc5492_3_whoever_knows_no_parameter_is_sent_no_capability),
	    test(rfc5492_3_the_capabilities_listed_are_left_out),
	    test(each_capability_can_be_left_out),
	    test(a_list_of_nothing_means_all),
	    test(what_does_not_help_is_not_tried),
	    test(a_session_without_its_only_family_is_of_no_use),
	    test(rfc6793_4_2_1_a_large_as_needs_its_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
