/*
 * When Events are told: spread, counted, limited per object and per node, and not when they are old.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "k8s/event_book.h"

static int start(void **state)
{
	struct k8s_event_book *book = calloc(1, sizeof(*book));

	book->hash_seed = 7;
	*state = book;
	return 0;
}

static int stop(void **state)
{
	k8s_event_book_release(*state);
	free(*state);
	return 0;
}

static void note(struct k8s_event_book *book, const char *name, const char *reason,
    const char *message, uint64_t now)
{
	const struct k8s_event event = {.kind = K8S_SERVICE,
	    .namespace = "shop",
	    .name = name,
	    .reason = reason,
	    .message = message};

	k8s_event_book_note(book, &event, now, now / 1000);
}

static size_t take_all(struct k8s_event_book *book, uint64_t now)
{
	size_t count = 0;

	while (k8s_event_book_take(book, now))
		count++;
	return count;
}

static void test_what_is_noted_is_told_once(void **state)
{
	struct k8s_event_book *book = *state;
	const struct k8s_event_record *record;

	assert_int_equal(k8s_event_book_wait(book, 1000), UINT64_MAX);
	assert_null(k8s_event_book_take(book, 1000));
	note(book, "web", "Up", "it is up", 1000);
	assert_int_equal(k8s_event_book_wait(book, 1000), 0);
	record = k8s_event_book_take(book, 1000);
	assert_non_null(record);
	assert_string_equal(record->event.name, "web");
	assert_string_equal(record->event.message, "it is up");
	assert_int_equal(record->count, 1);
	assert_null(k8s_event_book_take(book, 1000));
	assert_int_equal(k8s_event_book_wait(book, 1000), UINT64_MAX);
}

static void test_the_same_again_is_counted(void **state)
{
	struct k8s_event_book *book = *state;
	const struct k8s_event_record *record;

	note(book, "web", "Up", "first", 1000);
	take_all(book, 1000);
	note(book, "web", "Up", "second", 2000);
	note(book, "web", "Up", "third", 9000);
	/* What has another reason, or happens to another, is another matter. */
	note(book, "web", "Down", "down", 9000);
	note(book, "db", "Up", "up", 9000);
	assert_int_equal(take_all(book, 9000), 2);
	assert_int_equal(k8s_event_book_wait(book, 9000), 1000 + K8S_EVENT_AGAIN_MS - 9000);
	assert_null(k8s_event_book_take(book, 999 + K8S_EVENT_AGAIN_MS));
	record = k8s_event_book_take(book, 1000 + K8S_EVENT_AGAIN_MS);
	assert_non_null(record);
	assert_string_equal(record->event.message, "third");
	assert_int_equal(record->count, 3);
	assert_int_equal(record->first_at, 1);
	assert_int_equal(record->last_at, 9);
}

static void test_nodes_do_not_tell_at_once(void **state)
{
	struct k8s_event_book *book = *state;
	uint64_t least = UINT64_MAX, most = 0;

	book->spread_ms = 10000;
	for (unsigned seed = 0; seed < 100; seed++) {
		char name[16];
		uint64_t wait;

		snprintf(name, sizeof(name), "web-%u", seed);
		note(book, name, "Up", "up", 1000);
		wait = book->last->due_at - 1000;
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	assert_true(most <= 10000);
	assert_true(least < 1000);
	assert_true(most > 9000);
}

static void note_many(struct k8s_event_book *book, unsigned count, uint64_t now)
{
	for (unsigned i = 0; i < count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "web-%u", i);
		note(book, name, "Up", "up", now);
	}
}

static void test_a_node_has_a_burst_and_then_an_interval(void **state)
{
	struct k8s_event_book *book = *state;

	note_many(book, 100, 1000);
	assert_int_equal(take_all(book, 1000), K8S_EVENT_BURST);
	assert_int_equal(k8s_event_book_wait(book, 1000), K8S_EVENT_INTERVAL_MS);
	assert_int_equal(take_all(book, 999 + K8S_EVENT_INTERVAL_MS), 0);
	assert_int_equal(take_all(book, 1000 + K8S_EVENT_INTERVAL_MS), 1);
	assert_int_equal(take_all(book, 1000 + 4 * K8S_EVENT_INTERVAL_MS), 3);
	assert_int_equal(book->told, K8S_EVENT_BURST + 4);
}

static void test_the_bucket_fills_again_and_not_beyond(void **state)
{
	struct k8s_event_book *book = *state;
	const uint64_t later = 1000 + 1000 * (uint64_t)K8S_EVENT_INTERVAL_MS;

	note_many(book, K8S_EVENT_BURST, 1000);
	assert_int_equal(take_all(book, 1000), K8S_EVENT_BURST);
	note_many(book, 100, later);
	assert_int_equal(take_all(book, later), K8S_EVENT_BURST);
}

static void test_old_news_are_none(void **state)
{
	struct k8s_event_book *book = *state;

	note_many(book, 100, 1000);
	take_all(book, 1000);
	assert_int_equal(take_all(book, 1000 + K8S_EVENT_STALE_MS), 0);
	assert_int_equal(book->dropped, 100 - K8S_EVENT_BURST);
	assert_int_equal(k8s_event_book_wait(book, 1000 + K8S_EVENT_STALE_MS), UINT64_MAX);
}

/* The process is about to end: neither the spread nor the last time that it was told counts. */
static void test_who_hurries_waits_for_nothing(void **state)
{
	struct k8s_event_book *book = *state;
	const struct k8s_event_record *record;

	book->spread_ms = 10000;
	note(book, "told", "Leaving", "draining", 1000);
	assert_int_equal(take_all(book, 11000), 1);
	note(book, "waiting", "Leaving", "draining", 11000);
	book->hurries = true;
	note(book, "told", "Leaving", "stopping", 12000);
	note(book, "waiting", "Leaving", "stopping", 12000);
	record = k8s_event_book_take(book, 12000);
	assert_non_null(record);
	assert_string_equal(record->event.message, "stopping");
	assert_int_equal(take_all(book, 12000), 1);
}

static void test_there_is_a_limit_to_what_is_remembered(void **state)
{
	struct k8s_event_book *book = *state;

	note_many(book, K8S_EVENT_RECORDS_MAX + 10, 1000);
	assert_int_equal(book->records.count, K8S_EVENT_RECORDS_MAX);
	assert_int_equal(book->dropped, 10);
	assert_string_equal(book->first->event.name, "web-10");
	/* What was noted again is not the oldest any more. */
	note(book, "web-10", "Up", "up", 2000);
	note(book, "new", "Up", "up", 2000);
	assert_string_equal(book->first->event.name, "web-12");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_what_is_noted_is_told_once, start, stop),
	    cmocka_unit_test_setup_teardown(test_the_same_again_is_counted, start, stop),
	    cmocka_unit_test_setup_teardown(test_nodes_do_not_tell_at_once, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_node_has_a_burst_and_then_an_interval, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_the_bucket_fills_again_and_not_beyond, start, stop),
	    cmocka_unit_test_setup_teardown(test_old_news_are_none, start, stop),
	    cmocka_unit_test_setup_teardown(test_who_hurries_waits_for_nothing, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_there_is_a_limit_to_what_is_remembered, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
