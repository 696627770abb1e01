/*
 * Whether the attributes of an UPDATE are those that a receiver must be sent for a prefix, by what
 * the RFCs say and without a look at the daemon's own code.  A pure function.
 */
#ifndef LOAD_CHECK_H
#define LOAD_CHECK_H

#include "bench_table.h"
#include "load_options.h"
#include "load_update.h"

/*
 * `number` is that of the prefix within its family, `set` what its sender has announced, in the
 * form that the path names.  NULL, or what is wrong with the attributes.
 */
const char *load_check_attributes(const struct load_options *options,
    const struct load_update *update, enum ip_family family, uint32_t number,
    const struct bench_set *set);

#endif
