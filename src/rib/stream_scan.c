/*
 * The ranges are few, so they are not sorted: the order is that in which they are looked at.  Keys
 * that change again and again while a scan runs would cut it into ever more ranges; one more than
 * there is room for, and everything is sent instead.
 */
#include "rib/stream_scan.h"

#include <stddef.h>
#include <string.h>

static void add_range(
    struct stream_scan *scan, uint32_t from, uint32_t to, struct export_key_copy *old)
{
	if (from >= to)
		return;
	if (old)
		old->references++;
	scan->ranges[scan->count++] = (struct scan_range){from, to, old, false};
}

static void drop_first(struct stream_scan *scan)
{
	if (scan->ranges[0].old)
		export_key_copy_release(scan->ranges[0].old);
	memmove(&scan->ranges[0], &scan->ranges[1], --scan->count * sizeof(scan->ranges[0]));
}

void stream_scan_release(struct stream_scan *scan)
{
	while (scan->count)
		drop_first(scan);
}

void stream_scan_everything(struct stream_scan *scan)
{
	uint32_t at = scan->count ? scan->ranges[0].from : 1;

	stream_scan_release(scan);
	add_range(scan, at, UINT32_MAX, NULL);
	add_range(scan, 1, at, NULL);
}

/* The range that begins first of those that do not end before `at`, or NULL. */
static const struct scan_range *first_after(const struct stream_scan *scan, uint32_t at)
{
	const struct scan_range *first = NULL;

	for (unsigned i = 0; i < scan->count; i++)
		if (scan->ranges[i].to > at && (!first || scan->ranges[i].from < first->from))
			first = &scan->ranges[i];
	return first;
}

/* The gaps between ranges are what has been looked at, or never had to be. */
void stream_scan_differences(struct stream_scan *scan, struct export_key_copy *old)
{
	struct scan_range gaps[STREAM_SCAN_RANGES_MAX + 1];
	const struct scan_range *range;
	uint32_t at = 1;
	unsigned count = 0;

	while ((range = first_after(scan, at))) {
		if (range->from > at)
			gaps[count++] = (struct scan_range){.from = at, .to = range->from};
		at = range->to;
	}
	if (at < UINT32_MAX)
		gaps[count++] = (struct scan_range){.from = at, .to = UINT32_MAX};
	if (scan->count + count > STREAM_SCAN_RANGES_MAX) {
		stream_scan_everything(scan);
		return;
	}
	for (unsigned i = 0; i < scan->count; i++)
		scan->ranges[i].changed_again = true;
	for (unsigned i = 0; i < count; i++)
		add_range(scan, gaps[i].from, gaps[i].to, old);
}

const struct scan_range *stream_scan_find(const struct stream_scan *scan, uint32_t id)
{
	for (unsigned i = 0; i < scan->count; i++)
		if (id >= scan->ranges[i].from && id < scan->ranges[i].to)
			return &scan->ranges[i];
	return NULL;
}

uint32_t stream_scan_next(struct stream_scan *scan, uint32_t limit, const struct scan_range **range)
{
	struct scan_range *first = &scan->ranges[0];

	while (scan->count && (first->from >= first->to || first->from >= limit))
		drop_first(scan);
	*range = first;
	return scan->count ? first->from++ : UINT32_MAX;
}

void stream_scan_copy(struct stream_scan *to, const struct stream_scan *from)
{
	*to = *from;
	for (unsigned i = 0; i < to->count; i++)
		if (to->ranges[i].old)
			to->ranges[i].old->references++;
}
