/* The keys of what both ends announced, from OPENs; and of the rarer path attributes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/attributes_json.h"
#include "control/session_json.h"

/* The value at the key, or at all of them for NULL, on one line. */
static void assert_json(const json_t *object, const char *key, const char *expected)
{
	const json_t *value = key ? json_object_get(object, key) : object;
	char *text;

	if (!value)
		fail_msg("no key %s", key);
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (strcmp(text, expected))
		fail_msg("%s is %s, not %s", key, text, expected);
	free(text);
}

static void what_is_not_known_is_null(void **state)
{
	json_t *object = json_object();

	(void)state;
	session_json_set(object, NULL, NULL, NULL);
	assert_json(object, NULL,
	    "{\"remoteRouterID\":null,\"remoteHoldTime\":null,\"remoteHostName\":null,"
	    "\"remoteDomainName\":null,\"remoteRole\":null,\"gracefulRestart\":null,"
	    "\"longLivedGracefulRestart\":null,\"capabilities\":{\"sent\":[],\"received\":[]},"
	    "\"extendedMessage\":false,\"enhancedRouteRefresh\":false}");
	json_decref(object);
}

static void what_a_neighbour_announces_has_keys(void **state)
{
	static const struct bgp_open local = {.capabilities = {.route_refresh = true}};
	static const struct bgp_open remote = {
	    .hold_time = 180,
	    .identifier = {10, 0, 0, 1},
	    .capabilities =
		{
		    .role = BGP_ROLE_PROVIDER,
		    .host_name = "tor-a",
		    .domain_name = "example.net",
		    .graceful_restart =
			{
			    .announced = true,
			    .restarting = true,
			    .notification = true,
			    .families = {[IPV4] = true},
			    .forwarding = {[IPV4] = true},
			    .time_s = 120,
			},
		    .long_lived_restart =
			{
			    .announced = true,
			    .families = {[IPV6] = true},
			    .time_s = {[IPV6] = 3600},
			},
		},
	};
	static const struct bgp_codec codec = {.extended_message = true};
	json_t *object = json_object();

	(void)state;
	session_json_set(object, &local, &remote, &codec);
	assert_json(object, "remoteRouterID", "\"10.0.0.1\"");
	assert_json(object, "remoteHoldTime", "180");
	assert_json(object, "remoteHostName", "\"tor-a\"");
	assert_json(object, "remoteDomainName", "\"example.net\"");
	assert_json(object, "remoteRole", "\"provider\"");
	assert_json(object, "gracefulRestart",
	    "{\"announced\":true,\"restarting\":true,\"notification\":true,\"timeSeconds\":120,"
	    "\"families\":{\"ipv4\":{\"announced\":true,\"forwarding\":true},"
	    "\"ipv6\":{\"announced\":false,\"forwarding\":false}}}");
	assert_json(object, "longLivedGracefulRestart",
	    "{\"announced\":true,\"families\":{"
	    "\"ipv4\":{\"announced\":false,\"forwarding\":false,\"timeSeconds\":0},"
	    "\"ipv6\":{\"announced\":true,\"forwarding\":false,\"timeSeconds\":3600}}}");
	assert_json(json_object_get(object, "capabilities"), "sent", "[\"route refresh\"]");
	assert_json(object, "extendedMessage", "true");
	assert_json(object, "enhancedRouteRefresh", "false");
	json_decref(object);
}

static void a_neighbour_that_announces_nothing_has_the_same_keys(void **state)
{
	static const struct bgp_open open;
	static const struct bgp_codec codec = {.enhanced_route_refresh = true};
	json_t *object = json_object();

	(void)state;
	session_json_set(object, &open, &open, &codec);
	assert_json(object, "remoteHostName", "null");
	assert_json(object, "remoteRole", "null");
	assert_json(json_object_get(object, "gracefulRestart"), "announced", "false");
	assert_json(json_object_get(object, "longLivedGracefulRestart"), "announced", "false");
	assert_json(object, "enhancedRouteRefresh", "true");
	json_decref(object);
}

static struct wire_span span(const char *bytes, size_t length)
{
	return (struct wire_span){(const uint8_t *)bytes, length};
}

static void aigp_is_the_metric_of_its_first_tlv(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *expected;
	} rows[] = {
	    {"\1\0\13\0\0\0\0\0\0\0\144", 11, "100"},
	    {"\1\0\13\1\0\0\0\0\0\0\1", 11, "72057594037927937"},
	    {"\1\0\13\377\377\377\377\377\377\377\377", 11, "1.8446744073709552e19"},
	    {"\2\0\4x\1\0\13\0\0\0\0\0\0\0\7\1\0\13\0\0\0\0\0\0\0\11", 26, "7"},
	    {"\2\0\4x", 4, "null"},
	    {"\1\0\13\0\0\0\0\0\0\0", 10, "null"},
	    {"\1\0\2", 3, "null"},
	    {"\1\0", 2, "null"},
	    {"", 0, "null"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bgp_attributes attributes = {.aigp = span(rows[i].bytes, rows[i].length)};
		json_t *object = json_object();

		bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_AIGP);
		attributes_json_set(object, &attributes);
		assert_json(object, "aigp", rows[i].expected);
		json_decref(object);
	}
}

static void attributes_that_are_not_there_have_no_key(void **state)
{
	static const struct bgp_attributes none;
	json_t *object = json_object();

	(void)state;
	attributes_json_set(object, &none);
	assert_null(json_object_get(object, "aigp"));
	assert_null(json_object_get(object, "otc"));
	assert_json(object, "extendedCommunities", "[]");
	json_decref(object);
}

static void both_kinds_of_extended_communities_are_in_one_list(void **state)
{
	struct bgp_attributes attributes = {.otc = 4200000000};
	json_t *object = json_object();
	const json_t *list;

	(void)state;
	attributes.communities[BGP_COMMUNITY_EXTENDED] = span("\0\2\375\350\0\0\0\1", 8);
	attributes.communities[BGP_COMMUNITY_EXTENDED_IPV6] =
	    span("\0\2\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\0\7", 20);
	bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_OTC);
	attributes_json_set(object, &attributes);
	list = json_object_get(object, "extendedCommunities");
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_array_get(list, 0)), "rt:65000:1");
	assert_non_null(strstr(json_string_value(json_array_get(list, 1)), "2001:db8::1"));
	assert_json(object, "otc", "4200000000");
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_not_known_is_null),
	    cmocka_unit_test(what_a_neighbour_announces_has_keys),
	    cmocka_unit_test(a_neighbour_that_announces_nothing_has_the_same_keys),
	    cmocka_unit_test(aigp_is_the_metric_of_its_first_tlv),
	    cmocka_unit_test(attributes_that_are_not_there_have_no_key),
	    cmocka_unit_test(both_kinds_of_extended_communities_are_in_one_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
