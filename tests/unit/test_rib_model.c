/*
 * The RIB against a naive model.  Peers announce and withdraw at random, several paths of a prefix
 * and all of them again in a refresh; next hops flap; sessions, with add-path and without, come,
 * go, fail, lag, ask for a refresh and change their policy; and everything is told, swept and
 * encoded at random moments: by hand, or by a loop in which everybody has to yield at once, so that
 * anything happens between any two slices.  Now and then all comes to rest and is compared.
 *
 * See model_random.h for a longer run, or to see a failure again; MODEL_PROFILE is the only profile
 * that runs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "model_check.h"
#include "model_events.h"

static const struct model_profile profiles[] = {
    {.name = "crowded",
	.peers = PEERS_MAX,
	.prefixes = 40,
	.path_ids = 3,
	.variants = 2,
	.huge = 60,
	.seeds = 2,
	.steps = 200000,
	.steps_to_rest = 600},
    {.name = "sparse",
	.peers = PEERS_MAX,
	.prefixes = 3,
	.path_ids = 1,
	.variants = 2,
	.huge = 20,
	.with_loop = true,
	.seeds = 2,
	.steps = 300000,
	.steps_to_rest = 400},
    {.name = "sliced",
	.peers = PEERS_MAX,
	.prefixes = 60,
	.path_ids = 2,
	.variants = 3,
	.huge = 60,
	.with_loop = true,
	.seeds = 2,
	.steps = 200000,
	.steps_to_rest = 600},
    {.name = "interleaved",
	.peers = 8,
	.prefixes = 1500,
	.path_ids = 1,
	.variants = 200,
	.huge = 200,
	.bulk = 300,
	.with_loop = true,
	.seeds = 2,
	.steps = 80000,
	.steps_to_rest = 2000},
    {.name = "chunks",
	.peers = 6,
	.prefixes = 18000,
	.path_ids = 1,
	.variants = 4000,
	.huge = 40,
	.bulk = 3000,
	.with_loop = true,
	.seeds = 1,
	.steps = 40000,
	.steps_to_rest = 6000},
    {.name = "deep",
	.peers = 4,
	.prefixes = 3,
	.path_ids = 400,
	.variants = 2,
	.huge = 400,
	.with_loop = true,
	.seeds = 1,
	.steps = 40000,
	.steps_to_rest = 8000},
};

/* How often something happens, in a thousand steps, beside single paths. */
static const struct {
	unsigned share;
	void (*step)(struct model *model);
	bool is_bulk; /* only where the profile has such */
} steps[] = {
    {30, step_next_hop, false},
    {15, step_session, false},
    {25, step_member, false},
    {2, step_reload, false},
    {1, step_replace_filter, false},
    {4, step_peer_down, false},
    {1, step_replace_peer, false},
    {4, step_refilter, false},
    {5, step_refresh, false},
    {1, step_multipath, false},
    {30, step_bulk, true},
};

/* The work is driven on. */
static void step_drive(struct model *model)
{
	unsigned choice = pick(model, 20);

	if (choice == 0)
		rib_tell_listeners(model->rib);
	else if (model->loop && choice > 1)
		loop_run_once(model->loop, 0);
	else if (choice < 4)
		rib_flush(model->rib);
	else
		update_groups_run(model->groups);
	free_given_up_filters(model);
}

static void step(struct model *model)
{
	unsigned choice = pick(model, 1000);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (choice < steps[i].share && (!steps[i].is_bulk || model->profile->bulk)) {
			steps[i].step(model);
			return;
		}
		choice -= choice < steps[i].share ? choice : steps[i].share;
	}
	if (pick(model, 10) == 0)
		step_drive(model);
	else if (pick(model, 20000) == 0)
		step_storm(model);
	else
		step_path(model);
}

/* Turns of the loop until nobody has anything to do. */
static void run_loop(struct model *model)
{
	const struct loop_statistics *statistics = loop_statistics(model->loop);
	uint64_t before;
	unsigned turns = 0;

	do {
		before = statistics->turns;
		loop_run_once(model->loop, 0);
		assert_true(turns++ < 1000000);
	} while (statistics->turns != before);
}

/* Everything that is on its way gets there. */
static void settle(struct model *model)
{
	if (model->loop) {
		run_loop(model);
	} else {
		rib_flush(model->rib);
		update_groups_run(model->groups);
	}
}

/* Rest: everything is told, swept, resolved and sent. */
static void come_to_rest(struct model *model)
{
	note_everything(model);
	for (unsigned i = 0; i < NEXT_HOPS; i++)
		if (model->tracked[i])
			resolve(model, i);
	for (unsigned i = 1; i < model->profile->peers; i++) {
		struct model_session *session = &model->sessions[i];

		session->queued = 0;
		if (session->member)
			update_group_resume(session->member);
	}
	settle(model);
	free_given_up_filters(model);
	assert_false(rib_is_sweeping(model->rib));
	for (unsigned i = 1; i < model->profile->peers; i++) {
		struct model_session *session = &model->sessions[i];

		assert_true(!session->member || session->pushed);
		for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
			session->lenient[family] = false;
			assert_true(!session->member || !session->asked[family]);
			assert_true(!session->member || !session->marked[family]);
			if (!model->peers[i].refreshing[family])
				model->peers[i].epochs[family] = 0;
		}
	}
}

/* Everybody goes: nothing may be left. */
static void clean_up(struct model *model)
{
	struct attribute_store *store = rib_attribute_store(model->rib);

	for (unsigned i = 1; i < model->profile->peers; i++) {
		if (model->sessions[i].member)
			leave(model, &model->sessions[i]);
		rib_peer_free(model->rib, model->peers[i].peer);
	}
	for (unsigned i = 0; i < LISTENERS; i++)
		listener_release_all(&model->listeners[i]);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		rib_withdraw_peer(model->rib, model->peers[0].peer, family);
	settle(model);
	/* What listeners were told last they may hold still. */
	for (unsigned i = 0; i < LISTENERS; i++)
		listener_release_all(&model->listeners[i]);
	settle(model);
	assert_int_equal(update_groups_count(model->groups), 0);
	assert_int_equal(store->sets.count, 0);
	assert_int_equal(store->next_hops.count, 0);
	assert_int_equal(store->bytes, 0);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		assert_int_equal(rib_limit(model->rib, family), 1);
		assert_int_equal(rib_prefix_count(model->rib, family), 0);
		assert_int_equal(rib_path_count(model->rib, family), 0);
	}
	for (uint32_t i = 1; i < rib_peer_limit(model->rib); i++)
		assert_null(rib_peer_at(model->rib, (uint16_t)i));
}

static void free_model(struct model *model)
{
	for (unsigned i = 0; i < LISTENERS; i++)
		listener_end(&model->listeners[i]);
	update_groups_free(model->groups);
	rib_free(model->rib);
	loop_free(model->loop);
	give_up_filter(model->filter);
	arena_free(&model->arena);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		free(model->news.prefixes[family]);
		for (unsigned i = 0; i < model->profile->peers; i++) {
			free(model->peers[i].paths[family]);
			free(model->sessions[i].routes[family]);
		}
	}
	free(model);
}

static void begin_peer(struct model *model, unsigned number)
{
	const struct model_profile *profile = model->profile;
	struct model_peer *peer = &model->peers[number];

	peer->peer = number ? rib_peer_new(model->rib) : rib_peer_at(model->rib, RIB_PEER_LOCAL);
	peer->identifier = 100 - number / 2;
	fill_peer(peer->peer, number, peer->identifier);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		peer->paths[family] = memory_allocate_zero(
		    (size_t)profile->prefixes * profile->path_ids, sizeof(struct model_path));
	model->sessions[number] = (struct model_session){
	    .rib = model->rib,
	    .news = &model->news,
	    .failed = session_failed,
	    .failed_arg = model,
	    .prefixes = profile->prefixes,
	    .identifiers = (2 * profile->peers + 1) * profile->path_ids + 1,
	};
}

static struct model *make_model(const struct model_profile *profile, uint64_t seed)
{
	const struct rib_next_hop_ops ops = {track, untrack};
	struct model *model = memory_allocate_zero(1, sizeof(*model));

	model->profile = profile;
	model->random = seed;
	model->multipath = 2;
	model->path_limit = 2;
	model->audiences = 1;
	model->news.now = model->news.everything = 1;
	if (profile->with_loop) {
		model->loop = loop_new();
		loop_set_share(model->loop, 0);
	}
	model->rib = rib_new(model->loop, &(struct rib_options){seed, model->multipath});
	rib_set_refilter(model->rib, is_refused, model);
	rib_set_next_hop_tracker(model->rib, &ops, model);
	for (unsigned i = 0; i < LISTENERS; i++)
		listener_begin(&model->listeners[i], model->rib, i == 1, i == 2);
	model->groups = update_groups_new(model->rib, model->loop);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		model->news.prefixes[family] =
		    memory_allocate_zero(profile->prefixes, sizeof(uint32_t));
	for (unsigned i = 0; i < profile->peers; i++)
		begin_peer(model, i);
	return model;
}

static uint64_t run_model(struct model *model, unsigned step_count)
{
	const unsigned to_rest = model->profile->steps_to_rest;
	uint64_t operations;

	for (model->step = 1; model->step <= step_count; model->step++) {
		step(model);
		if (model->step % 8 == 0)
			check_counters(model);
		if (model->step % to_rest)
			continue;
		come_to_rest(model);
		check_everything(model);
		model->shrinking = pick(model, 3) == 0;
	}
	clean_up(model);
	operations = model->operations;
	free_model(model);
	return operations;
}

/* What runs, for whoever has to see a failure again. */
static struct {
	struct model *model;
	uint64_t seed;
} running;

static int say_where_it_failed(void **state)
{
	(void)state;
	if (running.model)
		print_error("%s, seed %llu, step %u\n", running.model->profile->name,
		    (unsigned long long)running.seed, running.model->step);
	running.model = NULL;
	return 0;
}

static void run_profile(const struct model_profile *profile)
{
	const char *only = getenv("MODEL_PROFILE");
	const unsigned last = model_last_seed(profile->seeds);
	uint64_t operations = 0;

	if (only && strcmp(only, profile->name) != 0)
		return;
	for (unsigned seed = model_first_seed(); seed < last; seed++) {
		running.seed = seed;
		running.model = make_model(profile, seed);
		print_message("%s, seed %u\n", profile->name, seed);
		operations += run_model(running.model, model_steps(profile->steps));
		running.model = NULL;
	}
	print_message("%s: %llu operations\n", profile->name, (unsigned long long)operations);
}

static void sessions_hold_what_a_naive_table_exports(void **state)
{
	(void)state;
	run_profile(&profiles[0]);
}

static void ids_and_next_hops_come_and_go(void **state)
{
	(void)state;
	run_profile(&profiles[1]);
}

static void anything_happens_between_two_slices(void **state)
{
	(void)state;
	run_profile(&profiles[2]);
}

static void long_work_is_interrupted_by_anything(void **state)
{
	(void)state;
	run_profile(&profiles[3]);
}

static void tables_of_many_chunks_grow_and_shrink(void **state)
{
	(void)state;
	run_profile(&profiles[4]);
}

static void prefixes_have_hundreds_of_paths(void **state)
{
	(void)state;
	run_profile(&profiles[5]);
}

#define TEST(function) cmocka_unit_test_teardown(function, say_where_it_failed)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(sessions_hold_what_a_naive_table_exports),
	    TEST(ids_and_next_hops_come_and_go),
	    TEST(anything_happens_between_two_slices),
	    TEST(long_work_is_interrupted_by_anything),
	    TEST(tables_of_many_chunks_grow_and_shrink),
	    TEST(prefixes_have_hundreds_of_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
