/*
 * What is to be told of objects by Kubernetes Events, and when: so that a thousand nodes that see
 * the same change do not all tell of it, at once or again and again.  Of an object and a reason
 * there is one record; what happens meanwhile is counted in it.  Pure: takes events and times, gives
 * records that are due.  Used by the recorder.
 */
#ifndef K8S_EVENT_BOOK_H
#define K8S_EVENT_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "k8s/object.h"

/* Records that are kept, told or not. */
#define K8S_EVENT_RECORDS_MAX 512
/* A node tells so many at once, and then one in so long. */
#define K8S_EVENT_BURST 25
#define K8S_EVENT_INTERVAL_MS 10000
/* A record is told again at most once in this time. */
#define K8S_EVENT_AGAIN_MS 60000
/* What could not be told for so long is no news any more. */
#define K8S_EVENT_STALE_MS 300000

struct k8s_event {
	enum k8s_kind kind; /* Node or Service */
	const char *namespace; /* "" of a Node */
	const char *name;
	struct k8s_uid uid; /* zero: not known */
	bool warning;
	const char *reason; /* "BGPAnnounced" */
	const char *message;
};

struct k8s_event_record {
	struct k8s_event_record *next; /* noted later */
	struct k8s_event_record *previous;
	struct k8s_event event; /* its strings are the record's */
	uint64_t hash;
	uint32_t count; /* how often it has happened */
	uint64_t first_at; /* wall clock, seconds */
	uint64_t last_at;
	bool due; /* there is something to tell */
	uint64_t due_at; /* milliseconds: not before */
	uint64_t noted_at; /* milliseconds: since when it could not be told */
};

/* Zeroed but for the first two is empty. */
struct k8s_event_book {
	uint64_t hash_seed;
	uint32_t spread_ms; /* an event is told after a while that is up to so long, by chance */
	bool hurries; /* what is noted is due at once, whenever it was told before */
	uint64_t random;
	struct hash_table records; /* by object and reason */
	struct k8s_event_record *first; /* in the order in which they were noted last */
	struct k8s_event_record *last;
	uint64_t tokens_at; /* milliseconds: when a full bucket would have been empty */
	uint64_t told;
	uint64_t dropped; /* that were due and will not be told */
};

/* Something has happened at `now` (milliseconds) and `time` (wall clock, seconds). */
void k8s_event_book_note(
    struct k8s_event_book *book, const struct k8s_event *event, uint64_t now, uint64_t time);
/*
 * The next record to tell of, which counts as told by that; NULL: none now.  It is valid until the
 * next call.
 */
const struct k8s_event_record *k8s_event_book_take(struct k8s_event_book *book, uint64_t now);
/* Milliseconds until there may be one; UINT64_MAX: nothing is to be told. */
uint64_t k8s_event_book_wait(const struct k8s_event_book *book, uint64_t now);
void k8s_event_book_release(struct k8s_event_book *book);

#endif
