/*
 * Weights from shares: the ratio in small numbers.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "fib/hop_weights.h"

#define SHARES_MAX 4

struct example {
	size_t count;
	double shares[SHARES_MAX];
	uint16_t weights[SHARES_MAX];
};

static void check(const struct example *example)
{
	uint16_t weights[SHARES_MAX];
	size_t i;

	hop_weights(example->shares, example->count, weights);
	for (i = 0; i < example->count; i++) {
		if (weights[i] != example->weights[i])
			fail_msg("share %g of %g: weight %u, not %u", example->shares[i],
			    example->shares[0], weights[i], example->weights[i]);
	}
}

static void test_weights_are_the_smallest_in_the_ratio(void **state)
{
	static const struct example examples[] = {
	    {1, {42}, {1}},
	    {2, {1.25e9, 1.25e9}, {1, 1}},
	    {2, {1.25e9, 5e9}, {1, 4}},
	    {3, {10, 25, 40}, {2, 5, 8}},
	    {3, {40, 25, 10}, {8, 5, 2}},
	    {4, {3, 3, 3, 3}, {1, 1, 1, 1}},
	    {2, {1, 256}, {1, 256}},
	    {2, {255, 256}, {255, 256}},
	    {2, {3e-45, 1e-45}, {3, 1}},
	    {2, {3e38, 1e38}, {3, 1}},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		check(&examples[i]);
}

/* As the numbers come out of a binary32: 0.1 is not a third of 0.3. */
static void test_shares_need_not_be_exact_multiples(void **state)
{
	static const struct example examples[] = {
	    {2, {0.1F, 0.3F}, {1, 3}},
	    {3, {0.7F, 0.1F, 0.2F}, {7, 1, 2}},
	    {2, {999.9, 1000}, {1, 1}},
	    {2, {1 / 3.0, 1}, {1, 3}},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		check(&examples[i]);
}

static void test_what_does_not_fit_is_scaled_and_never_0(void **state)
{
	static const struct example examples[] = {
	    {2, {1, 257}, {1, 256}},
	    {2, {1, 1e9}, {1, 256}},
	    {2, {1e-45, 3e38}, {1, 256}},
	    {2, {1000, 997}, {256, 255}},
	    {3, {1000, 701, 1}, {256, 179, 1}},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		check(&examples[i]);
}

/* Whatever the shares: in 1 .. HOP_WEIGHT_MAX, and off by at most a part of the largest one. */
static void test_any_shares_give_weights_near_their_ratio(void **state)
{
	uint32_t random = 1;
	size_t round;

	(void)state;
	for (round = 0; round < 100000; round++) {
		double shares[SHARES_MAX];
		uint16_t weights[SHARES_MAX];
		size_t largest = 0;
		size_t i;

		for (i = 0; i < SHARES_MAX; i++) {
			random = random * 1103515245U + 12345U;
			shares[i] = 1 + (double)(random >> 8 & (round % 2 ? 0xffff : 0x1f));
			largest = shares[i] > shares[largest] ? i : largest;
		}
		hop_weights(shares, SHARES_MAX, weights);
		for (i = 0; i < SHARES_MAX; i++) {
			const double wanted = shares[i] / shares[largest];
			const double got = (double)weights[i] / weights[largest];
			const double half_part = 0.5001 / HOP_WEIGHT_MAX;

			assert_in_range(weights[i], 1, HOP_WEIGHT_MAX);
			assert_true(weights[i] == 1 || got - wanted <= half_part);
			assert_true(wanted - got <= half_part);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_weights_are_the_smallest_in_the_ratio),
	    cmocka_unit_test(test_shares_need_not_be_exact_multiples),
	    cmocka_unit_test(test_what_does_not_fit_is_scaled_and_never_0),
	    cmocka_unit_test(test_any_shares_give_weights_near_their_ratio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
