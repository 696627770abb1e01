/*
 * The weights of the hops of a route, as the kernel has them: small integers in the ratio of the
 * shares of traffic that the hops are to have.  Pure.  Called by desired.c and hop_set.c.
 */
#ifndef FIB_HOP_WEIGHTS_H
#define FIB_HOP_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#define HOP_WEIGHT_MAX 256

/*
 * The smallest weights in the ratio of the shares, at least one, all finite and more than 0; where
 * it takes more than HOP_WEIGHT_MAX, the nearest ratio that the largest one allows, but at least 1.
 */
void hop_weights(const double *shares, size_t count, uint16_t *weights);

#endif
