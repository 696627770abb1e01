/*
 * What of two configurations differs, where comparing two structs does not say it: chains of
 * filters, and what no reload can change.  Pure; called by the speaker.
 */
#ifndef CONFIG_DIFFERENCE_H
#define CONFIG_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/*
 * True if the chain of filters that `indices` name decides alike in both configurations: same
 * filters by content in the same order.
 */
bool config_chains_equal(const struct config *a, const size_t *a_indices, size_t a_count,
    const struct config *b, const size_t *b_indices, size_t b_count);

/* True if what cannot change while the daemon runs is the same; else the error names the key. */
bool config_can_reload(const struct config *old, const struct config *new, struct error *error);

#endif
