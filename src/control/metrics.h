/*
 * All metrics as one text in the Prometheus format.  Called by http.c.
 */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include "base/text.h"
#include "speaker/speaker.h"

/* How far the printing has come; zeroed at first. */
struct metrics_cursor {
	size_t metric;
	size_t peer; /* of a metric that has samples of peers */
};

/*
 * Appends the next part, well under a millisecond of work; false at the end.  Each value is of the
 * moment in which it is appended.
 */
bool metrics_print_some(
    const struct speaker *speaker, struct metrics_cursor *cursor, struct text *text);
/* Appends all. */
void metrics_print(const struct speaker *speaker, struct text *text);

#endif
