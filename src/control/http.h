/*
 * /metrics in the Prometheus text format, /healthz (the loop turns) and /readyz (configuration
 * loaded, cluster synced, kernel known) over libevent's HTTP server.  What is measured is one table
 * in metrics.c.
 */
#ifndef CONTROL_HTTP_H
#define CONTROL_HTTP_H

#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "speaker/speaker.h"

struct control_http;

/* `address` is "" for all, both families where possible.  NULL and the error on failure. */
struct control_http *control_http_new(struct loop *loop, const struct speaker *speaker,
    const char *address, uint16_t port, struct error *error);
void control_http_free(struct control_http *http);

#endif
