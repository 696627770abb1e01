/*
 * All metrics as one text in the Prometheus format.  Called by http.c.
 */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include "base/text.h"
#include "speaker/speaker.h"

void metrics_print(const struct speaker *speaker, struct text *text);

#endif
