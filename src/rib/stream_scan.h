/*
 * Which prefixes a stream still has to look at: those of a table that a new member has not been
 * sent, all of them once more for a refresh, or, when the key of a stream has changed, those that
 * have not been compared yet.  Ranges of prefix ids; a million prefixes that are to be sent are one
 * range, not a million bits.  Only bookkeeping: update_stream.c looks.  Private to the RIB.
 */
#ifndef RIB_STREAM_SCAN_H
#define RIB_STREAM_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "rib/export.h"

/* What keys that change faster than the scan goes may cut it into. */
#define STREAM_SCAN_RANGES_MAX 6

struct scan_range {
	uint32_t from; /* the first id */
	uint32_t to; /* one past the last one; UINT32_MAX: of the table */
	/*
	 * A reference: the key under which was sent what is advertised, and only what goes out
	 * otherwise now is sent.  NULL: everything is.
	 */
	struct export_key_copy *old;
	/*
	 * The key has changed again since.  The one in between may not have said what the way to a
	 * next hop costs (RFC 7311), so that nobody was told when that changed: such routes are sent.
	 */
	bool changed_again;
};

/* Zeroed has nothing to look at.  Ranges share no id; the first one is under way. */
struct stream_scan {
	struct scan_range ranges[STREAM_SCAN_RANGES_MAX];
	unsigned count;
};

/*
 * Everything is to be sent.  A scan that is under way goes on from where it is, and then round: who
 * asks again and again is sent the whole table nevertheless.
 */
void stream_scan_everything(struct stream_scan *scan);
/*
 * What was sent under `old` goes out under another key now.  What is still to be looked at for an
 * earlier reason is looked at for that one.
 */
void stream_scan_differences(struct stream_scan *scan, struct export_key_copy *old);
/* The range that the id is in, or NULL. */
const struct scan_range *stream_scan_find(const struct stream_scan *scan, uint32_t id);
/*
 * The next id to look at, and on; `range` says for what.  UINT32_MAX: there is none below `limit`,
 * one past the largest id of the table, and the scan is over.
 */
uint32_t stream_scan_next(
    struct stream_scan *scan, uint32_t limit, const struct scan_range **range);
void stream_scan_copy(struct stream_scan *to, const struct stream_scan *from);
void stream_scan_release(struct stream_scan *scan);

#endif
