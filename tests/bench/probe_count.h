/*
 * How many routes the kernel has in this network namespace, asked for in a way that whoever adds
 * some does not notice: no lock of theirs is taken and nothing is sent to anybody.  Called by
 * fib_probe.c.
 */
#ifndef PROBE_COUNT_H
#define PROBE_COUNT_H

#include <stdint.h>

#include "base/address.h"

/* IPv4: of the main table; IPv6: of all tables, those to own addresses included. */
uint32_t probe_count_routes(enum ip_family family);

#endif
