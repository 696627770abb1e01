/*
 * Numbers by chance for the model tests, the same ones for the same seed, and how long they go on:
 * MODEL_SEED is the first seed, MODEL_SEEDS how many there are, MODEL_STEPS the steps of each.
 */
#ifndef TESTS_MODEL_RANDOM_H
#define TESTS_MODEL_RANDOM_H

#include <stdint.h>
#include <stdlib.h>

/* Below the limit. */
static inline uint32_t random_below(uint64_t *state, uint32_t limit)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*state >> 33) % limit);
}

static inline unsigned number_from_environment(const char *name, unsigned other)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 10) : other;
}

static inline unsigned model_first_seed(void)
{
	return number_from_environment("MODEL_SEED", 1);
}

/* One past the last one: a seed that was asked for runs alone. */
static inline unsigned model_last_seed(unsigned seeds)
{
	return model_first_seed() +
	       number_from_environment("MODEL_SEEDS", getenv("MODEL_SEED") ? 1 : seeds);
}

static inline unsigned model_steps(unsigned steps)
{
	return number_from_environment("MODEL_STEPS", steps);
}

#endif
