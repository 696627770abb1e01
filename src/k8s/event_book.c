/*
 * The token bucket is a time: that at which, had the bucket been full, its last token would have
 * been used.  Each record that is told moves it on by the interval; it is never further ahead of
 * now than the burst allows, and never behind now.
 *
 * Records are found by a hash table and are in a list in the order in which they were noted last,
 * so the first one gives way to a new one, and the longest known news are told first.
 */
#include "k8s/event_book.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool is_of(const void *item, const void *key)
{
	const struct k8s_event *known = &((const struct k8s_event_record *)item)->event;
	const struct k8s_event *wanted = key;

	return known->kind == wanted->kind && !strcmp(known->reason, wanted->reason) &&
	       !strcmp(known->name, wanted->name) && !strcmp(known->namespace, wanted->namespace);
}

static uint64_t hash_event(const struct k8s_event_book *book, const struct k8s_event *event)
{
	return hash_string(event->reason,
	    hash_string(event->name,
		hash_string(event->namespace, book->hash_seed + (unsigned)event->kind)));
}

static void leave_list(struct k8s_event_book *book, struct k8s_event_record *record)
{
	*(record->previous ? &record->previous->next : &book->first) = record->next;
	*(record->next ? &record->next->previous : &book->last) = record->previous;
}

static void append(struct k8s_event_book *book, struct k8s_event_record *record)
{
	record->next = NULL;
	record->previous = book->last;
	*(book->last ? &book->last->next : &book->first) = record;
	book->last = record;
}

static void free_record(struct k8s_event_book *book, struct k8s_event_record *record)
{
	leave_list(book, record);
	hash_table_remove(&book->records, record->hash, record);
	free((char *)record->event.namespace);
	free((char *)record->event.name);
	free((char *)record->event.reason);
	free((char *)record->event.message);
	free(record);
}

static struct k8s_event_record *add_record(
    struct k8s_event_book *book, const struct k8s_event *event, uint64_t hash)
{
	struct k8s_event_record *record = memory_allocate_zero(1, sizeof(*record));

	if (book->records.count == K8S_EVENT_RECORDS_MAX) {
		book->dropped += book->first->due;
		free_record(book, book->first);
	}
	record->event = *event;
	record->event.namespace = memory_copy_string(event->namespace);
	record->event.name = memory_copy_string(event->name);
	record->event.reason = memory_copy_string(event->reason);
	record->event.message = NULL;
	record->hash = hash;
	hash_table_insert(&book->records, hash, record);
	append(book, record);
	return record;
}

/* What has happened at once on many nodes is not told at once by all of them. */
static uint64_t choose_time(struct k8s_event_book *book, uint64_t now)
{
	book->random += 0x9e3779b97f4a7c15u;
	return now + hash_u64(book->random) % (book->spread_ms + 1ull);
}

void k8s_event_book_note(
    struct k8s_event_book *book, const struct k8s_event *event, uint64_t now, uint64_t time)
{
	const uint64_t hash = hash_event(book, event);
	struct k8s_event_record *record = hash_table_find(&book->records, hash, is_of, event);

	if (record) {
		leave_list(book, record);
		append(book, record);
	} else {
		record = add_record(book, event, hash);
		record->first_at = time;
	}
	free((char *)record->event.message);
	record->event.message = memory_copy_string(event->message);
	record->event.uid = event->uid;
	record->event.warning = event->warning;
	record->last_at = time;
	record->count += record->count < UINT32_MAX;
	if (book->hurries)
		record->due_at = now;
	if (record->due)
		return;
	record->due = true;
	record->noted_at = now;
	if (!book->hurries && record->due_at <= now) /* else it was told a moment ago */
		record->due_at = choose_time(book, now);
}

/* How long until there is a token. */
static uint64_t wait_for_token(const struct k8s_event_book *book, uint64_t now)
{
	const uint64_t allowed = now + (K8S_EVENT_BURST - 1) * (uint64_t)K8S_EVENT_INTERVAL_MS;

	return book->tokens_at > allowed ? book->tokens_at - allowed : 0;
}

static void take_token(struct k8s_event_book *book, uint64_t now)
{
	if (book->tokens_at < now)
		book->tokens_at = now;
	book->tokens_at += K8S_EVENT_INTERVAL_MS;
}

static bool is_stale(const struct k8s_event_record *record, uint64_t now)
{
	const uint64_t since =
	    record->due_at > record->noted_at ? record->due_at : record->noted_at;

	return now > since && now - since >= K8S_EVENT_STALE_MS;
}

const struct k8s_event_record *k8s_event_book_take(struct k8s_event_book *book, uint64_t now)
{
	for (struct k8s_event_record *record = book->first; record; record = record->next) {
		if (!record->due || record->due_at > now)
			continue;
		if (is_stale(record, now)) {
			record->due = false;
			book->dropped++;
			continue;
		}
		if (wait_for_token(book, now))
			return NULL;
		take_token(book, now);
		record->due = false;
		record->due_at = now + K8S_EVENT_AGAIN_MS;
		book->told++;
		return record;
	}
	return NULL;
}

uint64_t k8s_event_book_wait(const struct k8s_event_book *book, uint64_t now)
{
	const uint64_t token = wait_for_token(book, now);
	uint64_t wait = UINT64_MAX;

	for (const struct k8s_event_record *record = book->first; record; record = record->next) {
		const uint64_t left = record->due_at > now ? record->due_at - now : 0;

		if (record->due && left < wait)
			wait = left;
	}
	return wait < token ? token : wait;
}

void k8s_event_book_release(struct k8s_event_book *book)
{
	while (book->first)
		free_record(book, book->first);
	hash_table_free(&book->records);
}
