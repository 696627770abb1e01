/*
 * What this process uses, from the kernel's view.  Called by show_status.c and metrics.c.
 */
#ifndef CONTROL_PROCESS_H
#define CONTROL_PROCESS_H

#include <stdint.h>

/* Resident memory in bytes; 0 if /proc is not there. */
uint64_t process_resident_bytes(void);
/* User and system time so far. */
double process_cpu_seconds(void);

#endif
