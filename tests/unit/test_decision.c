/* The decision process: each step by name, independence of order, MED, multipath. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "rib/decision.h"

#define MANY UINT32_MAX

static const struct ip_address low = {{10, 0, 0, 1}, IPV4};
static const struct ip_address high = {{10, 0, 0, 2}, IPV4};

/* Loses to none at any step, and wins against an equal one at no step. */
static struct decision_candidate plain(void)
{
	return (struct decision_candidate){
	    .local_pref = 100,
	    .med = 10,
	    .neighbour_asn = 65001,
	    .next_hop_cost = 5,
	    .identifier = 10,
	    .path_id = 1,
	    .as_path_length = 3,
	    .cluster_length = 1,
	    .peer = 3,
	    .origin = 1,
	    .usable = true,
	    .address = &low,
	};
}

/* What makes one candidate better, or worse, at one step only. */
struct step {
	enum decision_step lost_at; /* of the worse one */
	void (*better)(struct decision_candidate *candidate);
	void (*worse)(struct decision_candidate *candidate);
};

static void unchanged(struct decision_candidate *candidate)
{
	candidate->usable = true;
}

static void unusable(struct decision_candidate *candidate)
{
	candidate->usable = false;
}

static void preferred(struct decision_candidate *candidate)
{
	candidate->local_pref = 101;
}

static void local(struct decision_candidate *candidate)
{
	candidate->local = true;
}

static void short_path(struct decision_candidate *candidate)
{
	candidate->as_path_length = 2;
}

static void bad_origin(struct decision_candidate *candidate)
{
	candidate->origin = 2;
}

static void low_med(struct decision_candidate *candidate)
{
	candidate->med = 0;
}

static void external(struct decision_candidate *candidate)
{
	candidate->external = true;
}

static void near_next_hop(struct decision_candidate *candidate)
{
	candidate->next_hop_cost = 4;
}

static void low_identifier(struct decision_candidate *candidate)
{
	candidate->identifier = 9;
}

static void long_cluster_list(struct decision_candidate *candidate)
{
	candidate->cluster_length = 2;
}

static void high_address(struct decision_candidate *candidate)
{
	candidate->address = &high;
}

static void low_index(struct decision_candidate *candidate)
{
	candidate->peer = 2;
}

static void low_path_id(struct decision_candidate *candidate)
{
	candidate->path_id = 0;
}

static const struct step steps[] = {
    {DECISION_UNUSABLE, unchanged, unusable},
    {DECISION_LOCAL_PREF, preferred, unchanged},
    {DECISION_LOCAL_ORIGIN, local, unchanged},
    {DECISION_AS_PATH_LENGTH, short_path, unchanged},
    {DECISION_ORIGIN, unchanged, bad_origin},
    {DECISION_MED, low_med, unchanged},
    {DECISION_EBGP, external, unchanged},
    {DECISION_NEXT_HOP_COST, near_next_hop, unchanged},
    {DECISION_IDENTIFIER, low_identifier, unchanged},
    {DECISION_CLUSTER_LENGTH, unchanged, long_cluster_list},
    {DECISION_ADDRESS, unchanged, high_address},
    {DECISION_ADDRESS, low_index, unchanged}, /* one link-local address on two links */
    {DECISION_PATH_ID, low_path_id, unchanged},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* The better one stands at `order`. */
static void fill_pair(const struct step *step, unsigned order, struct decision_candidate both[2])
{
	both[0] = both[1] = plain();
	step->better(&both[order]);
	step->worse(&both[!order]);
}

static void each_step_decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < STEPS; i++) {
		for (unsigned order = 0; order < 2; order++) {
			struct decision_candidate both[2];

			fill_pair(&steps[i], order, both);
			if (decision_run(both, 2, 1) != order)
				fail_msg(
				    "%s: the worse one won", decision_step_name(steps[i].lost_at));
			assert_int_equal(both[order].lost_at, DECISION_BEST);
			assert_int_equal(both[!order].lost_at, steps[i].lost_at);
			assert_true(both[order].multipath);
			assert_false(both[!order].multipath);
		}
	}
}

/* Who wins at one step wins, even if the other one is better at every later step. */
static void earlier_step_beats_later_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < STEPS; i++) {
		struct decision_candidate both[2];

		fill_pair(&steps[i], 0, both);
		for (size_t later = i + 1; later < STEPS; later++) {
			steps[later].better(&both[1]);
			if (steps[later].lost_at != steps[i].lost_at)
				steps[later].worse(&both[0]);
		}
		both[1].usable = steps[i].lost_at != DECISION_UNUSABLE;
		if (decision_run(both, 2, 1) != 0)
			fail_msg("%s: a later step won", decision_step_name(steps[i].lost_at));
		assert_int_equal(both[1].lost_at, steps[i].lost_at);
	}
}

/* Runs every permutation of the candidates and compares the outcome with that of the first. */
static void assert_same_in_any_order(
    const struct decision_candidate *candidates, size_t count, uint32_t multipath)
{
	size_t order[8] = {0, 1, 2, 3, 4, 5, 6, 7};
	struct decision_candidate first[8], now[8];
	size_t first_best, turns[8] = {0};

	memcpy(first, candidates, count * sizeof(*candidates));
	first_best = decision_run(first, count, multipath);
	for (size_t i = 1; i < count;) {
		size_t best, swapped, other;

		if (turns[i] >= i) {
			turns[i++] = 0;
			continue;
		}
		other = i % 2 ? turns[i] : 0; /* Heap's algorithm */
		swapped = order[i];
		order[i] = order[other];
		order[other] = swapped;
		turns[i]++;
		i = 1;
		for (size_t j = 0; j < count; j++)
			now[j] = candidates[order[j]];
		best = decision_run(now, count, multipath);
		assert_int_equal(best == SIZE_MAX ? SIZE_MAX : order[best], first_best);
		for (size_t j = 0; j < count; j++) {
			assert_int_equal(now[j].lost_at, first[order[j]].lost_at);
			assert_int_equal(now[j].multipath, first[order[j]].multipath);
		}
	}
}

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

/* Small ranges, so that ties are common at every step. */
static struct decision_candidate random_candidate(uint64_t *seed, uint16_t peer)
{
	return (struct decision_candidate){
	    .local_pref = 100 + next_random(seed) % 8 / 7,
	    .med = next_random(seed) % 3,
	    .neighbour_asn = 65001 + next_random(seed) % 3,
	    .next_hop_cost = next_random(seed) % 4 / 3,
	    .identifier = next_random(seed) % 3,
	    .path_id = peer,
	    .as_path_length = (uint16_t)(next_random(seed) % 6 / 5),
	    .cluster_length = (uint16_t)(next_random(seed) % 2),
	    .peer = peer,
	    .origin = (uint8_t)(next_random(seed) % 6 / 5),
	    .usable = next_random(seed) % 8 > 0,
	    .external = next_random(seed) % 4 > 0,
	    .address = next_random(seed) % 2 ? &low : &high,
	};
}

static void order_of_six_paths_does_not_matter(void **state)
{
	uint64_t seed = 4271;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct decision_candidate candidates[6];

		for (uint16_t i = 0; i < 6; i++)
			candidates[i] = random_candidate(&seed, i);
		assert_same_in_any_order(candidates, 6, round % 4 + 1);
	}
}

/* RFC 4271 9.1.2.2 c: only routes of one neighbouring AS are compared. */
static void med_is_compared_within_one_neighbouring_as(void **state)
{
	struct decision_candidate both[2] = {plain(), plain()};

	(void)state;
	both[0].med = 500;
	both[1].med = 0;
	both[0].identifier = 1;
	both[0].neighbour_asn = 65002;
	assert_int_equal(decision_run(both, 2, 1), 0);
	assert_int_equal(both[1].lost_at, DECISION_IDENTIFIER);
	both[0].neighbour_asn = 65001;
	assert_int_equal(decision_run(both, 2, 1), 1);
	assert_int_equal(both[0].lost_at, DECISION_MED);
}

/* Each is compared with each, which the decision itself cannot afford. */
static bool loses_by_med(const struct decision_candidate *candidates, size_t count, size_t which)
{
	for (size_t i = 0; i < count; i++)
		if (candidates[i].neighbour_asn == candidates[which].neighbour_asn &&
		    candidates[i].med < candidates[which].med)
			return true;
	return false;
}

static void med_of_many_routes_of_many_ases(void **state)
{
	enum { ROUTES = 300 };
	struct decision_candidate candidates[ROUTES];
	uint64_t seed = 8;

	(void)state;
	for (uint32_t ases = 1; ases < 400; ases = ases * 3 + 1) {
		for (uint16_t i = 0; i < ROUTES; i++) {
			candidates[i] = plain();
			candidates[i].peer = i;
			candidates[i].neighbour_asn = 65001 + next_random(&seed) % ases;
			candidates[i].med = next_random(&seed) % 5;
		}
		decision_run(candidates, ROUTES, 1);
		for (size_t i = 0; i < ROUTES; i++)
			assert_int_equal(candidates[i].lost_at == DECISION_MED,
			    loses_by_med(candidates, ROUTES, i));
	}
}

/*
 * A beats B by router ID, B beats C by router ID, C beats A by MED: no order of them, but one
 * winner.  The one with the higher MED is out before router IDs count.
 */
static void med_is_not_transitive(void **state)
{
	struct decision_candidate three[3] = {plain(), plain(), plain()};

	(void)state;
	three[0].identifier = 1;
	three[0].med = 20;
	three[1].identifier = 2;
	three[1].neighbour_asn = 65002;
	three[1].med = 99;
	three[2].identifier = 3;
	three[2].med = 10;
	assert_int_equal(decision_run(three, 3, 1), 1);
	assert_int_equal(three[0].lost_at, DECISION_MED);
	assert_int_equal(three[2].lost_at, DECISION_IDENTIFIER);
	assert_same_in_any_order(three, 3, 1);
}

/* One that lost by MED still keeps those of higher MED out. */
static void med_eliminates_all_but_the_lowest(void **state)
{
	struct decision_candidate three[3] = {plain(), plain(), plain()};

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		three[i].med = i;
		three[i].identifier = 10 - i;
	}
	assert_int_equal(decision_run(three, 3, 3), 0);
	assert_int_equal(three[1].lost_at, DECISION_MED);
	assert_int_equal(three[2].lost_at, DECISION_MED);
	assert_same_in_any_order(three, 3, 3);
}

static void multipath_marks_the_best_of_the_equal_ones(void **state)
{
	struct decision_candidate five[5];

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		five[i] = plain();
		five[i].identifier = 10 - i;
	}
	five[4].next_hop_cost = 6;
	assert_int_equal(decision_run(five, 5, 2), 3);
	assert_true(five[3].multipath);
	assert_true(five[2].multipath);
	assert_false(five[1].multipath);
	assert_false(five[0].multipath);
	assert_false(five[4].multipath);
	assert_int_equal(five[2].lost_at, DECISION_MULTIPATH);
	assert_int_equal(five[1].lost_at, DECISION_IDENTIFIER);
	assert_int_equal(five[4].lost_at, DECISION_NEXT_HOP_COST);
	decision_run(five, 5, MANY);
	assert_true(five[0].multipath && five[1].multipath);
	decision_run(five, 5, 0); /* the best one is always in it */
	assert_true(five[3].multipath);
	assert_false(five[2].multipath);
}

static void nobody_wins_if_none_is_usable(void **state)
{
	struct decision_candidate both[2] = {plain(), plain()};

	(void)state;
	both[0].usable = both[1].usable = false;
	assert_true(decision_run(both, 2, 4) == SIZE_MAX);
	assert_int_equal(both[0].lost_at, DECISION_UNUSABLE);
	assert_false(both[0].multipath || both[1].multipath);
	assert_true(decision_run(NULL, 0, 1) == SIZE_MAX);
}

static void every_step_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (enum decision_step a = 0; a < DECISION_STEPS; a++)
		for (enum decision_step b = 0; b < a; b++)
			assert_string_not_equal(decision_step_name(a), decision_step_name(b));
	assert_string_equal(decision_step_name(DECISION_MED), "MED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_step_decides),
	    cmocka_unit_test(earlier_step_beats_later_ones),
	    cmocka_unit_test(order_of_six_paths_does_not_matter),
	    cmocka_unit_test(med_is_compared_within_one_neighbouring_as),
	    cmocka_unit_test(med_of_many_routes_of_many_ases),
	    cmocka_unit_test(med_is_not_transitive),
	    cmocka_unit_test(med_eliminates_all_but_the_lowest),
	    cmocka_unit_test(multipath_marks_the_best_of_the_equal_ones),
	    cmocka_unit_test(nobody_wins_if_none_is_usable),
	    cmocka_unit_test(every_step_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
