/*
 * Two sessions against each other over the loopback interface: coming up in every way, UPDATEs and
 * refreshes, a stop with its text, changes with and without a reset, calls from within callbacks.
 */
#define _GNU_SOURCE 1 /* syscall */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "clock.h"
#include "session_rig.h"

struct pair {
	struct loop *loop;
	struct side a; /* AS 65001, 10.0.0.1 */
	struct side b; /* AS 65002, 10.0.0.2 */
};

static bool both_are_established(void *arg)
{
	struct pair *pair = arg;

	return is_established(&pair->a) && is_established(&pair->b);
}

static void pair_init(struct pair *pair)
{
	pair->loop = loop_new();
	side_init(&pair->a, pair->loop, 65001, 1, 65002);
	side_init(&pair->b, pair->loop, 65002, 2, 65001);
}

/* Both listen; B is passive unless `both_call`. */
static void pair_start(struct pair *pair, bool both_call)
{
	pair->a.settings.transport.port = side_listen(&pair->b);
	pair->b.settings.transport.port = side_listen(&pair->a);
	pair->b.settings.passive = !both_call;
	side_start(&pair->b);
	side_start(&pair->a);
}

static void pair_up(struct pair *pair)
{
	pair_init(pair);
	pair_start(pair, false);
	assert_true(wait_until(pair->loop, both_are_established, pair, PATIENCE_MS));
}

static void pair_free(struct pair *pair)
{
	assert_false(pair->a.nested);
	assert_false(pair->b.nested);
	side_free(&pair->a);
	side_free(&pair->b);
	loop_free(pair->loop);
}

static void an_active_and_a_passive_session_establish(void **state)
{
	struct ip_address local, remote;
	uint16_t local_port, remote_port;
	struct pair pair;

	(void)state;
	pair_up(&pair);
	assert_int_equal(pair.a.established, 1);
	assert_int_equal(pair.b.established, 1);
	assert_true(bgp_session_codec(pair.a.session)->as4);
	assert_true(bgp_session_codec(pair.a.session)->external);
	assert_true(bgp_session_codec(pair.a.session)->families[IPV4]);
	assert_true(bgp_session_codec(pair.a.session)->families[IPV6]);
	assert_int_equal(bgp_session_remote_open(pair.a.session)->asn, 65002);
	assert_int_equal(bgp_session_hold_time(pair.a.session), 90);
	assert_int_equal(bgp_session_keepalive_time(pair.b.session), 30);
	assert_true(
	    bgp_session_addresses(pair.a.session, &local, &local_port, &remote, &remote_port));
	assert_int_equal(remote_port, pair.a.settings.transport.port);
	assert_int_equal(bgp_session_counters(pair.a.session)->connection_attempts, 1);
	assert_int_equal(bgp_session_counters(pair.b.session)->connection_attempts, 0);
	pair_free(&pair);
}

static void two_active_sessions_resolve_the_collision(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair);
	pair_start(&pair, true);
	assert_true(wait_until(pair.loop, both_are_established, &pair, PATIENCE_MS));
	/* And it stays at that. */
	wait_until(pair.loop, never, NULL, 100);
	assert_true(both_are_established(&pair));
	assert_int_equal(pair.a.established - pair.a.down, 1);
	pair_free(&pair);
}

static void ipv6_transport_and_an_internal_session(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair);
	pair.a.settings.transport.remote = pair.b.settings.transport.remote = loopback(IPV6);
	pair.a.settings.transport.local = loopback(IPV6);
	pair.b.settings.transport.local = any_address(IPV6);
	pair.b.settings.local_asn = 65001;
	pair.a.settings.remote_as = pair.b.settings.remote_as = BGP_REMOTE_AS_INTERNAL;
	pair.a.settings.transport.ttl_security = pair.b.settings.transport.ttl_security = 1;
	pair_start(&pair, false);
	assert_true(wait_until(pair.loop, both_are_established, &pair, PATIENCE_MS));
	assert_false(bgp_session_codec(pair.a.session)->external);
	pair_free(&pair);
}

static bool has_all_updates(void *arg)
{
	return ((struct side *)arg)->updates == 1000;
}

static bool has_drained(void *arg)
{
	return ((struct side *)arg)->drained > 0;
}

static void updates_are_delivered_and_the_queue_drains(void **state)
{
	struct shared_buffer *buffer = update_buffer(200, 65001);
	struct pair pair;

	(void)state;
	pair_up(&pair);
	wait_until(pair.loop, never, NULL, 20);
	pair.a.drained = 0;
	for (unsigned i = 0; i < 5; i++)
		send_now(pair.a.session, buffer);
	assert_int_equal(bgp_session_queued(pair.a.session), 5 * 200 * 46);
	assert_int_equal(buffer->references, 6);
	assert_true(wait_until(pair.loop, has_all_updates, &pair.b, PATIENCE_MS));
	assert_true(wait_until(pair.loop, has_drained, &pair.a, PATIENCE_MS));
	assert_int_equal(pair.b.nlri_bytes, 1000 * 3);
	assert_int_equal(bgp_session_queued(pair.a.session), 0);
	assert_int_equal(buffer->references, 1);
	assert_int_equal(
	    bgp_session_counters(pair.a.session)->messages[BGP_SENT][BGP_MESSAGE_UPDATE], 1000);
	assert_int_equal(
	    bgp_session_counters(pair.b.session)->messages[BGP_RECEIVED][BGP_MESSAGE_UPDATE], 1000);
	assert_int_equal(bgp_session_counters(pair.a.session)->bytes[BGP_SENT],
	    bgp_session_counters(pair.b.session)->bytes[BGP_RECEIVED]);
	shared_buffer_release(buffer);
	pair_free(&pair);
}

static bool was_refreshed(void *arg)
{
	return ((struct side *)arg)->refreshes > 0;
}

static void a_refresh_reaches_the_other_side(void **state)
{
	struct pair pair;

	(void)state;
	pair_up(&pair);
	assert_true(bgp_session_request_refresh(pair.b.session, IPV6));
	assert_true(wait_until(pair.loop, was_refreshed, &pair.a, PATIENCE_MS));
	assert_int_equal(pair.a.refreshed, IPV6);
	bgp_session_stop(pair.b.session, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, NULL);
	assert_false(bgp_session_request_refresh(pair.b.session, IPV6));
	pair_free(&pair);
}

static bool is_not_closing(void *arg)
{
	return !bgp_session_is_closing(((struct side *)arg)->session);
}

static void a_stop_is_seen_with_its_text(void **state)
{
	struct pair pair;

	(void)state;
	pair_up(&pair);
	bgp_session_stop(pair.a.session, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, "moving to rack 7");
	assert_int_equal(bgp_session_state(pair.a.session), BGP_STATE_IDLE);
	assert_int_equal(pair.a.down, 1);
	assert_true(pair.a.reason.sent);
	assert_true(wait_until(pair.loop, is_down, &pair.b, PATIENCE_MS));
	assert_true(pair.b.reason.received);
	assert_int_equal(pair.b.reason.code, BGP_ERROR_CEASE);
	assert_int_equal(pair.b.reason.subcode, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN);
	assert_non_null(strstr(pair.b.reason.error.text, "moving to rack 7"));
	assert_true(wait_until(pair.loop, is_not_closing, &pair.a, PATIENCE_MS));
	assert_int_equal(bgp_session_counters(pair.a.session)->flaps, 1);
	/* Stopped is stopped. */
	bgp_session_accept(pair.a.session, dup(0));
	assert_int_equal(bgp_session_state(pair.a.session), BGP_STATE_IDLE);
	bgp_session_start(pair.a.session);
	assert_true(wait_until(pair.loop, both_are_established, &pair, PATIENCE_MS));
	pair_free(&pair);
}

static void timers_and_passive_change_without_a_reset(void **state)
{
	struct bgp_session_settings settings;
	struct pair pair;

	(void)state;
	pair_up(&pair);
	bgp_session_change(pair.a.session, &pair.a.settings);
	settings = pair.a.settings;
	settings.hold_time_ms = 30000;
	settings.keepalive_time_ms = 5000;
	settings.connect_retry_time_ms = 1000;
	settings.passive = true;
	bgp_session_change(pair.a.session, &settings);
	wait_until(pair.loop, never, NULL, 50);
	assert_true(both_are_established(&pair));
	assert_int_equal(pair.a.down, 0);
	assert_int_equal(bgp_session_keepalive_time(pair.a.session), 5);
	assert_int_equal(bgp_session_hold_time(pair.a.session), 90);
	pair_free(&pair);
}

static void a_change_of_families_resets(void **state)
{
	struct bgp_session_settings settings;
	struct pair pair;

	(void)state;
	pair_up(&pair);
	settings = pair.a.settings;
	settings.families[IPV6] = false;
	bgp_session_change(pair.a.session, &settings);
	assert_int_equal(pair.a.down, 1);
	assert_true(wait_until(pair.loop, is_down, &pair.b, PATIENCE_MS));
	assert_int_equal(pair.b.reason.code, BGP_ERROR_CEASE);
	assert_int_equal(pair.b.reason.subcode, BGP_CEASE_CONFIGURATION_CHANGE);
	/* Both rest for a second; A finds B resting, and waits for its retry timer. */
	assert_true(wait_until(pair.loop, both_are_established, &pair, PATIENCE_MS));
	assert_false(bgp_session_codec(pair.b.session)->families[IPV6]);
	assert_true(bgp_session_codec(pair.b.session)->families[IPV4]);
	pair_free(&pair);
}

static void a_password_changes_on_a_live_session(void **state)
{
	struct bgp_session_settings settings;
	struct ip_address address = loopback(IPV4);
	struct ip_prefix host = ip_prefix_from_address(&address, 32);
	struct shared_buffer *buffer;
	struct pair pair;
	struct error error;

	(void)state;
	pair_init(&pair);
	strcpy(pair.a.settings.transport.password, "first");
	strcpy(pair.b.settings.transport.password, "first");
	pair.a.settings.transport.port = side_listen(&pair.b);
	pair.b.settings.passive = true;
	assert_true(bgp_listener_set_password(pair.b.listener, &host, "first", &error));
	side_start(&pair.b);
	side_start(&pair.a);
	assert_true(wait_until(pair.loop, both_are_established, &pair, PATIENCE_MS));
	settings = pair.a.settings;
	strcpy(settings.transport.password, "second");
	bgp_session_change(pair.a.session, &settings);
	buffer = update_buffer(200, 65001);
	for (unsigned i = 0; i < 5; i++)
		send_now(pair.a.session, buffer);
	/* Until B has the new one too nothing arrives, and nothing is lost. */
	assert_false(wait_until(pair.loop, has_updates, &pair.b, 50));
	settings = pair.b.settings;
	strcpy(settings.transport.password, "second");
	bgp_session_change(pair.b.session, &settings);
	assert_true(wait_until(pair.loop, has_all_updates, &pair.b, PATIENCE_MS));
	for (unsigned i = 0; i < 5; i++)
		send_now(pair.b.session, buffer);
	assert_true(wait_until(pair.loop, has_all_updates, &pair.a, PATIENCE_MS));
	shared_buffer_release(buffer);
	assert_int_equal(pair.a.down + pair.b.down, 0);
	pair_free(&pair);
}

static void exceed_prefixes(struct side *side)
{
	bgp_session_stop(side->session, BGP_CEASE_MAX_PREFIXES, NULL);
}

static void reset(struct side *side)
{
	bgp_session_reset(side->session, BGP_CEASE_ADMINISTRATIVE_RESET, "again");
}

static void change_families(struct side *side)
{
	side->settings.families[IPV6] = false;
	bgp_session_change(side->session, &side->settings);
}

static void stop_and_start(struct side *side)
{
	bgp_session_stop(side->session, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, NULL);
	bgp_session_start(side->session);
}

static bool has_acted(void *arg)
{
	return !((struct side *)arg)->act;
}

static bool is_up_or_has_acted(void *arg)
{
	struct pair *pair = arg;

	return has_acted(&pair->b) || both_are_established(pair);
}

static bool is_settled(void *arg)
{
	struct pair *pair = arg;

	return has_acted(&pair->b) && both_are_established(pair);
}

/* Time that is not waited for, but passes; the kernel, which moves the octets, may have none. */
static bool pass_until(struct pair *pair, condition *holds, void *arg)
{
	for (unsigned i = 0; i < 200000 && !holds(arg); i++) {
		clock_ahead_ms += 5;
		loop_run_once(pair->loop, 0);
	}
	return holds(arg);
}

/* Whatever is asked for within a callback happens after it, and only then. */
static void every_callback_may_end_the_session(void **state)
{
	static void (*const acts[])(struct side * side) = {
	    exceed_prefixes, reset, change_families, stop_and_start};

	(void)state;
	for (unsigned i = 0; i < SIDE_CALLBACKS * 4; i++) {
		struct shared_buffer *buffer = update_buffer(100, 65001);
		struct pair pair;

		pair_init(&pair);
		pair.b.act_in = (enum side_callback)(i / 4);
		pair.b.act = acts[i % 4];
		pair_start(&pair, false);
		pass_until(&pair, i % 4 ? both_are_established : is_up_or_has_acted, &pair);
		send_now(pair.a.session, buffer);
		bgp_session_request_refresh(pair.a.session, IPV4);
		buffer->bytes[26] = 9; /* an ORIGIN that is trouble */
		send_now(pair.a.session, buffer);
		send_now(pair.b.session, buffer);
		shared_buffer_release(buffer);
		if (pair.b.act_in == SIDE_DOWN) {
			pass_until(&pair, has_updates, &pair.b);
			bgp_session_reset(pair.b.session, BGP_CEASE_ADMINISTRATIVE_RESET, NULL);
		}
		assert_true(pass_until(&pair, has_acted, &pair.b));
		if (i % 4)
			assert_true(pass_until(&pair, is_settled, &pair));
		else
			assert_true(is_idle(&pair.b));
		pair_free(&pair);
	}
}

static void a_stop_from_within_a_callback_ends_the_delivery(void **state)
{
	struct shared_buffer *buffer = update_buffer(100, 65001);
	struct pair pair;

	(void)state;
	pair_up(&pair);
	pair.b.act = exceed_prefixes;
	pair.b.act_in = SIDE_UPDATE;
	send_now(pair.a.session, buffer);
	shared_buffer_release(buffer);
	assert_true(wait_until(pair.loop, is_down, &pair.a, PATIENCE_MS));
	assert_int_equal(pair.b.updates, 1);
	assert_int_equal(pair.b.down, 1);
	assert_int_equal(pair.a.reason.subcode, BGP_CEASE_MAX_PREFIXES);
	assert_int_equal(bgp_session_state(pair.b.session), BGP_STATE_IDLE);
	pair_free(&pair);
}

static void a_reset_from_within_a_callback_comes_back(void **state)
{
	struct shared_buffer *buffer = update_buffer(1, 65001);
	struct pair pair;

	(void)state;
	pair_up(&pair);
	pair.b.act = reset;
	pair.b.act_in = SIDE_UPDATE;
	send_now(pair.a.session, buffer);
	shared_buffer_release(buffer);
	assert_true(wait_until(pair.loop, is_down, &pair.a, PATIENCE_MS));
	assert_non_null(strstr(pair.a.reason.error.text, "again"));
	assert_true(wait_until(pair.loop, both_are_established, &pair, PATIENCE_MS));
	pair_free(&pair);
}

static bool both_have_a_reason(void *arg)
{
	const struct pair *pair = arg;

	return bgp_session_last_reason(pair->a.session)->code &&
	       bgp_session_last_reason(pair->b.session)->code;
}

static void a_wrong_as_is_refused_by_both(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair);
	pair.b.settings.remote_asn = 65009;
	pair_start(&pair, false);
	assert_true(wait_until(pair.loop, both_have_a_reason, &pair, PATIENCE_MS));
	wait_until(pair.loop, never, NULL, 50);
	assert_int_equal(pair.a.established + pair.b.established, 0);
	assert_true(bgp_session_last_reason(pair.b.session)->sent);
	assert_true(bgp_session_last_reason(pair.a.session)->received);
	assert_int_equal(bgp_session_last_reason(pair.a.session)->code, BGP_ERROR_OPEN);
	assert_int_equal(bgp_session_last_reason(pair.a.session)->subcode, BGP_OPEN_BAD_PEER_AS);
	pair_free(&pair);
}

static bool cannot_connect(void *arg)
{
	const struct side *side = arg;

	return strstr(bgp_session_last_reason(side->session)->error.text, "cannot connect");
}

static void a_failed_attempt_does_not_hide_the_notification(void **state)
{
	const struct bgp_session_reason *last;
	struct bgp_session_settings settings;
	struct pair pair;

	(void)state;
	pair_init(&pair);
	pair.b.settings.remote_asn = 65009;
	pair_start(&pair, false);
	last = bgp_session_last_notification(pair.a.session);
	assert_false(last->sent || last->received);
	assert_true(wait_until(pair.loop, both_have_a_reason, &pair, PATIENCE_MS));
	settings = *bgp_session_settings(pair.a.session);
	settings.transport.port = 1; /* nobody is there */
	bgp_session_change(pair.a.session, &settings);
	assert_true(wait_until(pair.loop, cannot_connect, &pair.a, PATIENCE_MS));
	assert_int_equal(bgp_session_last_reason(pair.a.session)->code, 0);
	last = bgp_session_last_notification(pair.a.session);
	assert_true(last->received);
	assert_int_equal(last->code, BGP_ERROR_OPEN);
	assert_int_equal(last->subcode, BGP_OPEN_BAD_PEER_AS);
	assert_non_null(strstr(last->error.text, "received"));
	assert_in_range(last->at, loop_now(pair.loop) - 1500, loop_now(pair.loop));
	pair_free(&pair);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_active_and_a_passive_session_establish),
	    cmocka_unit_test(two_active_sessions_resolve_the_collision),
	    cmocka_unit_test(ipv6_transport_and_an_internal_session),
	    cmocka_unit_test(updates_are_delivered_and_the_queue_drains),
	    cmocka_unit_test(a_refresh_reaches_the_other_side),
	    cmocka_unit_test(a_stop_is_seen_with_its_text),
	    cmocka_unit_test(timers_and_passive_change_without_a_reset),
	    cmocka_unit_test(a_change_of_families_resets),
	    cmocka_unit_test(a_password_changes_on_a_live_session),
	    cmocka_unit_test(every_callback_may_end_the_session),
	    cmocka_unit_test(a_stop_from_within_a_callback_ends_the_delivery),
	    cmocka_unit_test(a_reset_from_within_a_callback_comes_back),
	    cmocka_unit_test(a_wrong_as_is_refused_by_both),
	    cmocka_unit_test(a_failed_attempt_does_not_hide_the_notification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
