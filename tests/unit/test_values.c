/* Text forms of the values in kbgpd.yaml(5). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "config/values.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void durations_have_units(void **state)
{
	static const struct {
		const char *text;
		bool valid;
		uint32_t milliseconds;
	} rows[] = {
	    {"9s", true, 9000},
	    {"300ms", true, 300},
	    {"2m", true, 120000},
	    {"1h", true, 3600000},
	    {"1m30s", true, 90000},
	    {"1h1m1s1ms", true, 3661001},
	    {"0", true, 0},
	    {"0s", true, 0},
	    {"1193h", true, 4294800000u},
	    {"1194h", false, 0},
	    {"4294967295ms", true, 4294967295u},
	    {"4294967296ms", false, 0},
	    {"1193h10000000s", false, 0},
	    {"", false, 0},
	    {"9", false, 0},
	    {"s", false, 0},
	    {"9 s", false, 0},
	    {" 9s", false, 0},
	    {"9s ", false, 0},
	    {"-9s", false, 0},
	    {"+9s", false, 0},
	    {"1.5s", false, 0},
	    {"09s", false, 0},
	    {"9x", false, 0},
	    {"9S", false, 0},
	    {"30s1m", false, 0},
	    {"1s1s", false, 0},
	    {"1ms1s", false, 0},
	    {"1m30", false, 0},
	    {"99999999999999999999s", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t milliseconds = 0;
		bool valid = value_parse_duration(rows[i].text, &milliseconds);

		if (valid != rows[i].valid || (valid && milliseconds != rows[i].milliseconds))
			fail_msg("\"%s\": %d, %u", rows[i].text, valid, milliseconds);
	}
}

static void durations_print_in_their_largest_whole_unit(void **state)
{
	char text[32];

	(void)state;
	assert_string_equal(value_print_duration(0, text), "0s");
	assert_string_equal(value_print_duration(300, text), "300ms");
	assert_string_equal(value_print_duration(1500, text), "1500ms");
	assert_string_equal(value_print_duration(90000, text), "90s");
	assert_string_equal(value_print_duration(7200000, text), "2h");
}

static void numbers_are_decimal_and_bounded(void **state)
{
	static const struct {
		const char *text;
		uint64_t maximum;
		bool valid;
	} rows[] = {
	    {"0", 0, true},
	    {"1", 0, false},
	    {"255", 255, true},
	    {"256", 255, false},
	    {"4294967295", UINT32_MAX, true},
	    {"4294967296", UINT32_MAX, false},
	    {"18446744073709551615", UINT64_MAX, true},
	    {"18446744073709551616", UINT64_MAX, false},
	    {"", 9, false},
	    {"-1", 9, false},
	    {"+1", 9, false},
	    {"01", 9, false},
	    {"0x1", 99, false},
	    {"1e3", 9999, false},
	    {"1_0", 99, false},
	    {"1 ", 9, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t number;

		if (value_parse_number(rows[i].text, rows[i].maximum, &number) != rows[i].valid)
			fail_msg(
			    "\"%s\" up to %llu", rows[i].text, (unsigned long long)rows[i].maximum);
	}
}

static void as_numbers_exclude_zero_and_as_trans(void **state)
{
	struct error error;
	uint32_t asn = 0;

	(void)state;
	assert_true(value_parse_asn("4294967295", &asn, &error));
	assert_int_equal(asn, 4294967295u);
	assert_true(value_parse_asn("1", &asn, &error));
	assert_false(value_parse_asn("4294967296", &asn, &error));
	assert_string_equal(
	    error.text, "must be an AS number from 1 to 4294967295, not \"4294967296\"");
	assert_false(value_parse_asn("0", &asn, &error));
	assert_string_equal(error.text, "must not be 0, which is no AS (RFC 7607)");
	assert_false(value_parse_asn("23456", &asn, &error));
	assert_string_equal(error.text, "must not be 23456, which is AS_TRANS (RFC 6793)");
	assert_false(value_parse_asn("AS1", &asn, &error));
}

static void listen_addresses_have_a_port_and_perhaps_a_host(void **state)
{
	static const struct {
		const char *text;
		const char *host; /* NULL: refused */
		uint16_t port;
	} rows[] = {
	    {":7473", "", 7473},
	    {"127.0.0.1:1", "127.0.0.1", 1},
	    {"[::1]:65535", "::1", 65535},
	    {"[2001:db8::1]:80", "2001:db8::1", 80},
	    {"", NULL, 0},
	    {":", NULL, 0},
	    {"7473", NULL, 0},
	    {":0", NULL, 0},
	    {":65536", NULL, 0},
	    {":x", NULL, 0},
	    {"::1:80", NULL, 0},
	    {"::1", NULL, 0},
	    {"[::1]", NULL, 0},
	    {"[::1]80", NULL, 0},
	    {"[]:80", NULL, 0},
	    {"]:80", NULL, 0},
	    {"[:80", NULL, 0},
	    {"[127.0.0.1]:80", NULL, 0},
	    {"localhost:80", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *host = NULL;
		uint16_t port = 0;
		bool valid = value_parse_listen(rows[i].text, &host, &port);

		if (valid != (rows[i].host != NULL))
			fail_msg("\"%s\"", rows[i].text);
		if (valid) {
			assert_string_equal(host, rows[i].host);
			assert_int_equal(port, rows[i].port);
		} else {
			assert_null(host);
		}
		free(host);
	}
}

static void the_nearest_word_is_offered_only_if_near(void **state)
{
	static const char *const words[] = {"asn", "routerID", "listen", "nodeOverrides"};
	static const struct {
		const char *text;
		const char *nearest;
	} rows[] = {
	    {"routerId", "routerID"},
	    {"router_id", "routerID"},
	    {"ans", "asn"},
	    {"AS", "asn"},
	    {"lisen", "listen"},
	    {"nodeOverride", "nodeOverrides"},
	    {"neighbour", NULL},
	    {"x", NULL},
	    {"a-text-that-is-longer-than-any-key-could-be", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *nearest = schema_nearest(rows[i].text, words, COUNT(words));

		if (!nearest != !rows[i].nearest ||
		    (nearest && strcmp(nearest, rows[i].nearest) != 0))
			fail_msg("\"%s\": %s", rows[i].text, nearest ? nearest : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(durations_have_units),
	    cmocka_unit_test(durations_print_in_their_largest_whole_unit),
	    cmocka_unit_test(numbers_are_decimal_and_bounded),
	    cmocka_unit_test(as_numbers_exclude_zero_and_as_trans),
	    cmocka_unit_test(listen_addresses_have_a_port_and_perhaps_a_host),
	    cmocka_unit_test(the_nearest_word_is_offered_only_if_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
