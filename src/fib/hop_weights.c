/*
 * Weights are the shares divided by their greatest common measure, found by Euclid's algorithm: 10
 * and 25 Gbit/s are 2 and 5.  What is less than half of the smallest part that a weight can stand
 * for (the largest share by HOP_WEIGHT_MAX) counts as no remainder, so that shares need not be
 * exact multiples.  Where that adds up, or the measure is too small, the largest share becomes
 * HOP_WEIGHT_MAX and the others what is nearest.
 */
#include "fib/hop_weights.h"

#include <stdbool.h>

/* `a` by `b` is at most HOP_WEIGHT_MAX * 2. */
static double remainder_of(double a, double b)
{
	return a - b * (double)(uint32_t)(a / b);
}

static double common_measure(double a, double b, double tolerance)
{
	while (b > tolerance) {
		const double rest = remainder_of(a, b);

		a = b;
		b = rest;
	}
	return a;
}

static uint16_t round_weight(double weight)
{
	return weight < 1 ? 1 : (uint16_t)(weight + 0.5);
}

/* Writes the shares in measures; false if that is off by more than the tolerance for any. */
static bool measure_shares(
    const double *shares, size_t count, double measure, double tolerance, uint16_t *weights)
{
	bool fit = true;
	size_t i;

	for (i = 0; i < count; i++) {
		double error;

		weights[i] = round_weight(shares[i] / measure);
		error = shares[i] - measure * weights[i];
		fit &= error <= tolerance && -error <= tolerance;
	}
	return fit;
}

void hop_weights(const double *shares, size_t count, uint16_t *weights)
{
	double largest = 0;
	double tolerance;
	double measure;
	size_t i;

	for (i = 0; i < count; i++)
		largest = shares[i] > largest ? shares[i] : largest;
	tolerance = largest / HOP_WEIGHT_MAX / 2;
	measure = largest;
	for (i = 0; i < count; i++)
		measure = common_measure(measure, shares[i], tolerance);
	/* A whole number of measures are the largest share itself. */
	measure = largest / round_weight(largest / measure);
	if (measure * HOP_WEIGHT_MAX < largest ||
	    !measure_shares(shares, count, measure, tolerance, weights))
		measure_shares(shares, count, largest / HOP_WEIGHT_MAX, tolerance, weights);
}
