/* DelayOpen (RFC 4271 8.1.1): whoever is connected waits a while for the neighbour's OPEN. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "machine_rig.h"

static void delay_open_lets_the_neighbour_speak_first(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	rig->side.settings.delay_open_time_ms = 100000;
	side_start(&rig->side);
	assert_true(raw_connect(&rig->raw, rig->side.loop, rig->port));
	assert_false(raw_receive(&rig->raw, 1, 50));
	raw_send_open(&rig->raw, 65002, 9, 90);
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_OPEN);
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
	raw_send_keepalive(&rig->raw);
	assert_true(wait_until(rig->side.loop, is_established, &rig->side, PATIENCE_MS));
	rig_free(rig);
	/* And if it does not, the OPEN leaves in the end. */
	rig = rig_new();
	rig->side.settings.delay_open_time_ms = 200;
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	rig_free(rig);
}

/* RFC 4271 8.2.2, Connect and Active: before our OPEN nothing is answered with a NOTIFICATION. */
static void rfc4271_8_2_2_while_the_open_is_delayed_errors_end_without_a_word(void **state)
{
	static const uint8_t bad_open[10] = {3, 0xfd, 0xea, 0, 90, 10, 0, 0, 9, 0};
	static const uint8_t cease[2] = {6, 4}, version[4] = {2, 1, 0, 4}, refused[2] = {2, 4};
	static const struct {
		uint8_t type, length;
		const void *body;
	} cases[] = {
	    {BGP_MESSAGE_OPEN, 10, bad_open},
	    {BGP_MESSAGE_KEEPALIVE, 0, NULL},
	    {BGP_MESSAGE_KEEPALIVE, 1, cease}, /* a header error */
	    {BGP_MESSAGE_UPDATE, 4, "\0\0\0\0"},
	    {BGP_MESSAGE_ROUTE_REFRESH, 4, "\0\1\0\1"},
	    {BGP_MESSAGE_NOTIFICATION, 2, cease},
	    {BGP_MESSAGE_NOTIFICATION, 4, version},
	    {BGP_MESSAGE_NOTIFICATION, 2, refused},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new();

		rig->side.settings.delay_open_time_ms = 10000;
		side_start(&rig->side);
		assert_true(raw_connect(&rig->raw, rig->side.loop, rig->port));
		assert_false(raw_receive(&rig->raw, 1, 20));
		raw_send_message(&rig->raw, cases[i].type, cases[i].body, cases[i].length);
		assert_true(raw_ends(&rig->raw, PATIENCE_MS));
		assert_true(bgp_session_state(rig->side.session) < BGP_STATE_OPEN_SENT);
		rig_free(rig);
	}
}

/* The same on a connection of ours, in Connect. */
static void delay_open_works_on_our_own_connection(void **state)
{
	struct rig *rig = rig_new();
	uint16_t port;
	int listener = raw_listen(&port);

	(void)state;
	rig->side.settings.passive = false;
	rig->side.settings.transport.port = port;
	rig->side.settings.delay_open_time_ms = 10000;
	side_start(&rig->side);
	raw_init(&rig->raw, rig->side.loop, raw_accept(rig->side.loop, listener, PATIENCE_MS));
	assert_false(raw_receive(&rig->raw, 1, 20));
	assert_int_equal(bgp_session_state(rig->side.session), BGP_STATE_CONNECT);
	raw_send_open(&rig->raw, 65002, 9, 90);
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_OPEN);
	assert_int_equal(raw_next(&rig->raw, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
	raw_send_keepalive(&rig->raw);
	assert_true(wait_until(rig->side.loop, is_established, &rig->side, PATIENCE_MS));
	close(listener);
	rig_free(rig);
}

/* RFC 4271 8.2.2, Connect, event 18: it goes on in Active, and tries again. */
static void a_connection_lost_while_the_open_is_delayed_is_tried_again(void **state)
{
	struct rig *rig = rig_new();
	uint16_t port;
	int listener = raw_listen(&port);

	(void)state;
	rig->side.settings.passive = false;
	rig->side.settings.transport.port = port;
	rig->side.settings.delay_open_time_ms = 10000;
	side_start(&rig->side);
	raw_init(&rig->raw, rig->side.loop, raw_accept(rig->side.loop, listener, PATIENCE_MS));
	wait_until(rig->side.loop, never, NULL, 20);
	close(rig->raw.fd);
	assert_true(wait_until(rig->side.loop, is_active, &rig->side, PATIENCE_MS));
	raw_init(&rig->raw, rig->side.loop, raw_accept(rig->side.loop, listener, PATIENCE_MS));
	assert_true(rig->raw.fd >= 0);
	close(listener);
	rig_free(rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(delay_open_lets_the_neighbour_speak_first),
	    cmocka_unit_test(rfc4271_8_2_2_while_the_open_is_delayed_errors_end_without_a_word),
	    cmocka_unit_test(delay_open_works_on_our_own_connection),
	    cmocka_unit_test(a_connection_lost_while_the_open_is_delayed_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
