/*
 * Observers, who may go while they are told, the histogram of the time to announce, which must
 * count what was sent and nothing else, and the log, which a neighbour must not be able to flood.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "session_rig.h"
#include "speaker/private.h"

struct rig {
	struct speaker speaker;
	struct speaker_observer observers[3];
	int told[3];
	size_t remover; /* which one removes */
	size_t removed; /* and whom */
};

struct watcher {
	struct rig *rig;
	size_t index;
};

static void note_event(void *arg, const struct speaker_event *event)
{
	struct watcher *watcher = arg;
	struct rig *rig = watcher->rig;

	assert_int_equal(event->kind, SPEAKER_PEER_UP);
	rig->told[watcher->index]++;
	if (watcher->index == rig->remover)
		speaker_remove_observer(&rig->speaker, &rig->observers[rig->removed]);
}

static int setup(void **state)
{
	struct rig *rig = memory_allocate_zero(1, sizeof *rig);

	rig->speaker.loop = loop_new();
	speaker_latency_start(&rig->speaker);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	speaker_latency_stop(&rig->speaker);
	loop_free(rig->speaker.loop);
	free(rig);
	return 0;
}

/* Three observers, told in the order 2, 1, 0, of which one removes one; then all are told again. */
static void tell_twice(struct rig *rig, size_t remover, size_t removed)
{
	struct watcher watchers[3];

	rig->remover = remover;
	rig->removed = removed;
	for (size_t i = 0; i < 3; i++) {
		rig->told[i] = 0;
		watchers[i] = (struct watcher){rig, i};
		rig->observers[i] =
		    (struct speaker_observer){.event = note_event, .arg = &watchers[i]};
		speaker_add_observer(&rig->speaker, &rig->observers[i]);
	}
	speaker_tell(&rig->speaker, SPEAKER_PEER_UP, "tor", NULL, NULL);
	rig->remover = SIZE_MAX;
	speaker_tell(&rig->speaker, SPEAKER_PEER_UP, "tor", NULL, NULL);
	for (size_t i = 0; i < 3; i++)
		speaker_remove_observer(&rig->speaker, &rig->observers[i]);
	assert_null(rig->speaker.observers);
}

static void observers_may_go_while_they_are_told(void **state)
{
	static const struct {
		size_t remover, removed;
		int told[3];
	} cases[] = {
	    {SIZE_MAX, 0, {2, 2, 2}}, /* nobody goes */
	    {1, 1, {2, 1, 2}}, /* itself */
	    {1, 0, {0, 2, 2}}, /* the next one: not told any more */
	    {1, 2, {2, 2, 1}}, /* the one before */
	    {0, 0, {1, 2, 2}}, /* the last one itself */
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rig *rig = *state;

		tell_twice(rig, cases[i].remover, cases[i].removed);
		for (size_t n = 0; n < 3; n++)
			assert_int_equal(rig->told[n], cases[i].told[n]);
	}
}

/* A cluster event of so many microseconds ago has changed an announcement. */
static void announce(struct rig *rig, uint64_t age)
{
	rig->speaker.event_at = speaker_microseconds() - age;
	speaker_latency_note(&rig->speaker);
	rig->speaker.event_at = 0;
}

static void assert_counted(const struct rig *rig, uint64_t count)
{
	assert_int_equal(speaker_latency(&rig->speaker)->count, count);
}

static void what_is_queued_and_has_left_is_counted(void **state)
{
	struct rig *rig = *state;
	const struct speaker_latency *latency = speaker_latency(&rig->speaker);

	rig->speaker.member_count = 1;
	announce(rig, 300000);
	announce(rig, 0); /* the oldest one counts */
	speaker_latency_record(&rig->speaker);
	assert_counted(rig, 0); /* something else has left */
	speaker_latency_queued(&rig->speaker);
	speaker_latency_record(&rig->speaker);
	assert_counted(rig, 1);
	assert_int_equal(latency->buckets[8], 1); /* over 100 ms, up to 1 s */
	assert_true(latency->sum >= 0.3);
	speaker_latency_record(&rig->speaker);
	assert_counted(rig, 1);
	announce(rig, 5000000);
	speaker_latency_queued(&rig->speaker);
	speaker_latency_record(&rig->speaker);
	assert_int_equal(latency->buckets[SPEAKER_LATENCY_BUCKETS - 1], 1);
}

static void what_nobody_is_sent_is_not_counted(void **state)
{
	struct rig *rig = *state;

	announce(rig, 0);
	rig->speaker.member_count = 1;
	speaker_latency_queued(&rig->speaker);
	speaker_latency_record(&rig->speaker);
	assert_counted(rig, 0); /* there was no peer at the time */
	announce(rig, 0);
	for (int i = 0; i < 5; i++)
		loop_run_once(rig->speaker.loop, 0);
	speaker_latency_queued(&rig->speaker);
	speaker_latency_record(&rig->speaker);
	assert_counted(rig, 0); /* an export filter kept it: the UPDATE is another one */
	announce(rig, 0);
	speaker_latency_queued(&rig->speaker);
	speaker_latency_forget(&rig->speaker);
	speaker_latency_record(&rig->speaker);
	assert_counted(rig, 0); /* the last peer has gone */
}

static void what_no_cluster_event_has_caused_is_not_counted(void **state)
{
	struct rig *rig = *state;

	rig->speaker.member_count = 1;
	speaker_latency_note(&rig->speaker);
	speaker_latency_queued(&rig->speaker);
	speaker_latency_record(&rig->speaker);
	assert_counted(rig, 0);
}

/* A neighbour with an Established session that takes nothing; its queue is full. */
static void fill_queue(struct side *side, struct raw *raw, struct loop *loop)
{
	struct shared_buffer *buffer;

	side_init(side, loop, 65001, 1, 65002);
	side->settings.passive = true;
	assert_int_not_equal(side_listen(side), 0);
	side_start(side);
	assert_true(raw_connect_with(raw, loop, bgp_listener_port(side->listener), 4096));
	assert_int_equal(raw_next(raw, PATIENCE_MS), BGP_MESSAGE_OPEN);
	raw_send_open(raw, 65002, 9, 90);
	assert_int_equal(raw_next(raw, PATIENCE_MS), BGP_MESSAGE_KEEPALIVE);
	raw_send_keepalive(raw);
	assert_true(wait_until(loop, is_established, side, PATIENCE_MS));
	buffer = update_buffer(256, 65001);
	for (unsigned i = 0; i < 1000; i++)
		bgp_session_send(side->session, buffer);
	shared_buffer_release(buffer);
	bgp_session_push(side->session);
	wait_until(loop, never, NULL, 100);
	assert_int_not_equal(bgp_session_queued(side->session), 0);
}

static bool is_forgotten(void *arg)
{
	return !((const struct speaker *)arg)->pending_at;
}

static void who_takes_nothing_is_not_waited_for_busily(void **state)
{
	struct rig *rig = *state;
	struct loop *loop = rig->speaker.loop;
	struct update_group_member *member = (void *)rig;
	struct side side;
	struct raw *raw = memory_allocate_zero(1, sizeof *raw);
	struct speaker_peer peer = {.speaker = &rig->speaker, .member = member};
	struct speaker_peer *peers[] = {&peer};
	uint64_t turns;

	fill_queue(&side, raw, loop);
	peer.session = side.session;
	rig->speaker.peers = peers;
	rig->speaker.peer_count = 1;
	rig->speaker.member_count = 1;
	announce(rig, 0);
	for (unsigned i = 0; i < 5; i++)
		loop_run_once(loop, 0);
	turns = loop_statistics(loop)->turns;
	assert_true(speaker_is_sending(&rig->speaker));
	wait_until(loop, never, NULL, 200);
	assert_in_range(loop_statistics(loop)->turns - turns, 1, 100);
	assert_int_not_equal(rig->speaker.pending_at, 0);
	/* The neighbour has gone, or has taken all. */
	peer.member = NULL;
	assert_true(wait_until(loop, is_forgotten, &rig->speaker, PATIENCE_MS));
	side_free(&side);
	close(raw->fd);
	free(raw);
	rig->speaker.peer_count = 0;
}

static void count_line(void *arg, enum log_level level, const char *line)
{
	unsigned *lines = arg;

	(void)line;
	lines[level]++;
}

static void a_neighbour_cannot_flood_the_log(void **state)
{
	struct rig *rig = *state;
	unsigned lines[LOG_LEVELS] = {0};
	struct log log = {.level = LOG_LEVEL_DEBUG, .sink = count_line, .sink_arg = lines};
	char name[] = "tor";
	struct speaker_peer peer = {.speaker = &rig->speaker, .name = name};
	char what[32];

	rig->speaker.log = &log;
	speaker_peer_trouble(&peer, "cannot connect");
	speaker_peer_trouble(&peer, "cannot connect");
	assert_int_equal(lines[LOG_LEVEL_INFO], 1);
	assert_int_equal(lines[LOG_LEVEL_DEBUG], 1);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(what, sizeof what, "attribute %u discarded", i);
		speaker_peer_trouble(&peer, what);
	}
	assert_in_range(lines[LOG_LEVEL_INFO], 2, 1000);
	assert_int_equal(lines[LOG_LEVEL_INFO] + lines[LOG_LEVEL_DEBUG], 10002);
	assert_string_equal(peer.last_error.text, what);
}

static void every_event_has_a_name(void **state)
{
	(void)state;
	for (int kind = 0; kind < SPEAKER_EVENTS; kind++)
		assert_string_not_equal(speaker_event_name(kind), "unknown");
	assert_string_equal(speaker_event_name(SPEAKER_EVENTS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(observers_may_go_while_they_are_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_is_queued_and_has_left_is_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_nobody_is_sent_is_not_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_no_cluster_event_has_caused_is_not_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		who_takes_nothing_is_not_waited_for_busily, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_neighbour_cannot_flood_the_log, setup, teardown),
	    cmocka_unit_test(every_event_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
