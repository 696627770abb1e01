/* Which timer expires when, with the time as a number. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bgp/timers.h"

static void without_timers_nothing_expires(void **state)
{
	struct bgp_timers timers = {.heard_at = 5, .spoke_at = 7};

	(void)state;
	assert_true(bgp_timers_next(&timers) == UINT64_MAX);
	assert_int_equal(bgp_timers_expire(&timers, UINT64_MAX - 1), 0);
}

static void each_expires_at_its_time_and_once(void **state)
{
	static const struct {
		struct bgp_timers timers;
		uint64_t at;
		enum bgp_event event;
	} cases[] = {
	    {{.hold_ms = 3000, .heard_at = 1000}, 4000, BGP_EVENT_HOLD_EXPIRES},
	    {{.keepalive_ms = 900, .spoke_at = 1000}, 1900, BGP_EVENT_KEEPALIVE_EXPIRES},
	    {{.connect_retry_at = 70}, 70, BGP_EVENT_CONNECT_RETRY_EXPIRES},
	    {{.delay_open_at = 80}, 80, BGP_EVENT_DELAY_OPEN_EXPIRES},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bgp_timers timers = cases[i].timers;

		assert_true(bgp_timers_next(&timers) == cases[i].at);
		assert_int_equal(bgp_timers_expire(&timers, cases[i].at - 1), 0);
		assert_int_equal(bgp_timers_expire(&timers, cases[i].at), cases[i].event);
		assert_int_equal(bgp_timers_expire(&timers, cases[i].at), 0);
		assert_true(bgp_timers_next(&timers) == UINT64_MAX);
	}
}

static void a_message_puts_the_hold_timer_off(void **state)
{
	struct bgp_timers timers = {.hold_ms = 3000, .heard_at = 1000};

	(void)state;
	timers.heard_at = 2500;
	assert_int_equal(bgp_timers_expire(&timers, 4000), 0);
	assert_true(bgp_timers_next(&timers) == 5500);
	assert_int_equal(bgp_timers_expire(&timers, 5500), BGP_EVENT_HOLD_EXPIRES);
}

static void the_hold_timer_comes_before_the_keepalive(void **state)
{
	struct bgp_timers timers = {.hold_ms = 3000, .keepalive_ms = 1000};

	(void)state;
	assert_true(bgp_timers_next(&timers) == 1000);
	assert_int_equal(bgp_timers_expire(&timers, 9000), BGP_EVENT_HOLD_EXPIRES);
	assert_int_equal(bgp_timers_expire(&timers, 9000), BGP_EVENT_KEEPALIVE_EXPIRES);
	assert_int_equal(bgp_timers_expire(&timers, 9000), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_timers_nothing_expires),
	    cmocka_unit_test(each_expires_at_its_time_and_once),
	    cmocka_unit_test(a_message_puts_the_hold_timer_off),
	    cmocka_unit_test(the_hold_timer_comes_before_the_keepalive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
