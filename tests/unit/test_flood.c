/*
 * A neighbour that calls without end: whatever the session is at, it costs a few descriptors and a
 * few kilobytes, and the session that there is goes on.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <malloc.h>

#include "machine_rig.h"

enum {
	CALLS = 1000,
	KEPT = 200, /* that many callers do not hang up */
	DESCRIPTORS = 8, /* what all of them may cost us */
	BYTES = 64 * 1024
};

static unsigned open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static size_t allocated(void)
{
	return mallinfo2().uordblks; /* always 0 under AddressSanitizer */
}

/* Calls and calls; the descriptors and bytes that it costs at most are what is allowed. */
static void flood(struct rig *rig, bool says_open)
{
	static struct raw callers[KEPT];
	unsigned before = open_descriptors(), kept = 0, worst = 0;
	size_t bytes_before = allocated(), bytes = 0;

	for (unsigned i = 0; i < CALLS; i++) {
		struct raw *caller = &callers[i % KEPT];
		unsigned ours;

		if (kept == KEPT)
			close(caller->fd);
		else
			kept++;
		assert_true(raw_connect(caller, rig->side.loop, rig->port));
		if (says_open)
			raw_send_open(caller, 65002, 9, 90);
		loop_run_once(rig->side.loop, 10);
		ours = open_descriptors() - before - kept;
		worst = ours > worst ? ours : worst;
		bytes = allocated() > bytes ? allocated() : bytes;
	}
	assert_true(worst <= DESCRIPTORS);
	assert_true(bytes <= bytes_before + BYTES);
	for (unsigned i = 0; i < KEPT; i++)
		close(callers[i].fd);
}

static void calls_while_established_cost_little_and_change_nothing(void **state)
{
	(void)state;
	for (unsigned says_open = 0; says_open < 2; says_open++) {
		struct rig *rig = rig_new();
		uint8_t update[64];

		rig_reach(rig, BGP_STATE_ESTABLISHED);
		flood(rig, says_open);
		raw_send(&rig->raw, update, write_update(update, 1, 65002));
		assert_true(wait_until(rig->side.loop, has_updates, &rig->side, PATIENCE_MS));
		assert_int_equal(rig->side.down, 0);
		rig_free(rig);
	}
}

static void calls_while_confirming_cost_little_and_change_nothing(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	rig_reach(rig, BGP_STATE_OPEN_CONFIRM);
	flood(rig, false);
	raw_send_keepalive(&rig->raw);
	assert_true(wait_until(rig->side.loop, is_established, &rig->side, PATIENCE_MS));
	rig_free(rig);
}

/* Each call takes the place of the one before. */
static void calls_without_an_open_cost_little(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	rig_reach(rig, BGP_STATE_OPEN_SENT);
	flood(rig, false);
	assert_int_equal(rig->side.troubles, 0);
	close(rig->raw.fd);
	rig_reach(rig, BGP_STATE_ESTABLISHED);
	rig_free(rig);
}

static void calls_in_idle_cost_nothing(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	side_start(&rig->side);
	bgp_session_stop(rig->side.session, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, NULL);
	flood(rig, true);
	assert_true(is_idle(&rig->side));
	assert_false(bgp_session_is_closing(rig->side.session));
	rig_free(rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(calls_while_established_cost_little_and_change_nothing),
	    cmocka_unit_test(calls_while_confirming_cost_little_and_change_nothing),
	    cmocka_unit_test(calls_without_an_open_cost_little),
	    cmocka_unit_test(calls_in_idle_cost_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
