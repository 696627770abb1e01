/*
 * Epochs of a peer's paths: a refresh that begins and ends, sessions that go, and the sweep; and
 * what the sweep does in slices, with a loop whose turns have no time: one step a turn.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "routes.h"

#define FIRST "10.1.0.0/16"
#define SECOND "10.2.0.0/16"
#define THIRD "10.3.0.0/16"

static const uint32_t as_path[] = {65001, 0};

struct fixture {
	struct loop *loop; /* of the tests of slices; else NULL */
	struct rib *rib;
	struct arena arena;
	struct rib_listener ear;
	unsigned heard; /* prefixes that listeners were told of */
	struct rib_peer *a;
	struct rib_peer *b;
	uint32_t refused; /* import policy refuses every so many-th prefix; 0: none */
};

static void hear(void *arg, const struct rib_change *change)
{
	((struct fixture *)arg)->heard += (unsigned)change->count;
}

static int set_up_with(void **state, struct loop *loop)
{
	static struct fixture fixture;

	fixture = (struct fixture){.loop = loop, .rib = rib_new(loop, &(struct rib_options){3, 2})};
	fixture.ear = (struct rib_listener){.changed = hear, .arg = &fixture, .every_path = true};
	rib_add_listener(fixture.rib, &fixture.ear);
	fixture.a = add_peer(fixture.rib, POLICY_SOURCE_EBGP, 1);
	fixture.b = add_peer(fixture.rib, POLICY_SOURCE_EBGP, 2);
	*state = &fixture;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, NULL);
}

static int set_up_slices(void **state)
{
	struct loop *loop = loop_new();

	loop_set_share(loop, 0);
	return set_up_with(state, loop);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	rib_remove_listener(fixture->rib, &fixture->ear);
	rib_free(fixture->rib);
	loop_free(fixture->loop);
	arena_free(&fixture->arena);
	return 0;
}

static void send_with(
    struct fixture *fixture, struct rib_peer *peer, const char *prefix, uint32_t med, uint8_t flags)
{
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", as_path);

	set_med(&attributes, med);
	announce(fixture->rib, peer, prefix, 0, &attributes, flags);
}

static void send(struct fixture *fixture, struct rib_peer *peer, const char *prefix)
{
	send_with(fixture, peer, prefix, 0, 0);
}

static bool withdraw(struct fixture *fixture, struct rib_peer *peer, const char *prefix)
{
	const struct ip_prefix at = prefix_of(prefix);

	return rib_withdraw(fixture->rib, peer, &at, 0);
}

/* The peer of the best path, or NULL. */
static const struct rib_peer *best_peer(const struct fixture *fixture, const char *prefix)
{
	const struct ip_prefix at = prefix_of(prefix);
	const struct rib_prefix *entry = rib_find(fixture->rib, &at, NULL);
	const struct rib_path *best = entry ? rib_best_path(entry) : NULL;

	return best ? rib_peer_at(fixture->rib, best->peer) : NULL;
}

static void assert_counts(
    const struct rib_peer *peer, uint32_t paths, uint32_t accepted, uint32_t stale)
{
	assert_int_equal(peer->paths[IPV4], paths);
	assert_int_equal(peer->accepted_paths[IPV4], accepted);
	assert_int_equal(peer->stale_paths[IPV4], stale);
}

/* Told and swept; so many prefixes were news. */
static void assert_news(struct fixture *fixture, unsigned heard)
{
	rib_flush(fixture->rib);
	assert_int_equal(fixture->heard, heard);
	fixture->heard = 0;
}

static void begin(struct fixture *fixture, struct rib_peer *peer)
{
	rib_begin_refresh(fixture->rib, peer, IPV4);
}

static void end(struct fixture *fixture, struct rib_peer *peer)
{
	rib_end_refresh(fixture->rib, peer, IPV4);
}

static void test_rfc7313_4_what_is_not_sent_again_is_removed_at_the_end(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST);
	send(fixture, fixture->a, SECOND);
	send_with(fixture, fixture->a, THIRD, 0, RIB_PATH_FILTERED);
	assert_news(fixture, 3);
	begin(fixture, fixture->a);
	assert_news(fixture, 0);
	assert_counts(fixture->a, 3, 2, 0);
	assert_ptr_equal(best_peer(fixture, FIRST), fixture->a);
	send(fixture, fixture->a, SECOND);
	assert_counts(fixture->a, 3, 2, 0);
	end(fixture, fixture->a);
	assert_counts(fixture->a, 1, 1, 2);
	assert_news(fixture, 2);
	assert_counts(fixture->a, 1, 1, 0);
	assert_null(best_peer(fixture, FIRST));
	assert_ptr_equal(best_peer(fixture, SECOND), fixture->a);
}

static void what_is_sent_again_costs_nobody_anything(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST);
	assert_news(fixture, 1);
	begin(fixture, fixture->a);
	send(fixture, fixture->a, FIRST);
	end(fixture, fixture->a);
	assert_news(fixture, 0);
	assert_counts(fixture->a, 1, 1, 0);
}

static void changes_during_a_refresh_count_once(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST);
	send(fixture, fixture->a, SECOND);
	begin(fixture, fixture->a);
	send_with(fixture, fixture->a, FIRST, 7, RIB_PATH_FILTERED);
	send(fixture, fixture->a, THIRD);
	assert_counts(fixture->a, 3, 2, 0);
	assert_true(withdraw(fixture, fixture->a, SECOND)); /* stale */
	assert_counts(fixture->a, 2, 1, 0);
	assert_true(withdraw(fixture, fixture->a, THIRD)); /* sent since */
	assert_counts(fixture->a, 1, 0, 0);
	end(fixture, fixture->a);
	assert_counts(fixture->a, 1, 0, 0);
}

static void test_rfc7313_4_end_without_begin_is_ignored(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST);
	end(fixture, fixture->a);
	assert_news(fixture, 1);
	assert_counts(fixture->a, 1, 1, 0);
	begin(fixture, fixture->a);
	send(fixture, fixture->a, FIRST);
	end(fixture, fixture->a);
	end(fixture, fixture->a);
	assert_news(fixture, 0);
	assert_counts(fixture->a, 1, 1, 0);
}

static void begin_within_a_begin_begins_anew(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST);
	send(fixture, fixture->a, SECOND);
	begin(fixture, fixture->a);
	send(fixture, fixture->a, FIRST);
	begin(fixture, fixture->a);
	send(fixture, fixture->a, SECOND);
	assert_counts(fixture->a, 2, 2, 0);
	end(fixture, fixture->a);
	assert_counts(fixture->a, 1, 1, 1);
	rib_flush(fixture->rib);
	assert_null(best_peer(fixture, FIRST));
	assert_ptr_equal(best_peer(fixture, SECOND), fixture->a);
}

static void another_peers_sweep_does_not_take_what_is_stale(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST);
	send(fixture, fixture->b, FIRST);
	send(fixture, fixture->b, SECOND);
	begin(fixture, fixture->a);
	rib_withdraw_peer(fixture->rib, fixture->b, IPV4);
	rib_flush(fixture->rib);
	assert_counts(fixture->a, 1, 1, 0);
	assert_counts(fixture->b, 0, 0, 0);
	assert_ptr_equal(best_peer(fixture, FIRST), fixture->a);
	assert_null(best_peer(fixture, SECOND));
}

static void session_that_ends_takes_the_refresh_with_it(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST);
	send(fixture, fixture->a, SECOND);
	begin(fixture, fixture->a);
	send(fixture, fixture->a, FIRST);
	rib_withdraw_peer(fixture->rib, fixture->a, IPV4);
	assert_counts(fixture->a, 0, 0, 2);
	send(fixture, fixture->a, SECOND); /* it is back before the sweep */
	assert_counts(fixture->a, 1, 1, 1);
	end(fixture, fixture->a); /* of nothing */
	rib_flush(fixture->rib);
	assert_counts(fixture->a, 1, 1, 0);
	assert_null(best_peer(fixture, FIRST));
	/* Also if all had been withdrawn before. */
	begin(fixture, fixture->a);
	withdraw(fixture, fixture->a, SECOND);
	rib_withdraw_peer(fixture->rib, fixture->a, IPV4);
	send(fixture, fixture->a, FIRST);
	end(fixture, fixture->a);
	rib_flush(fixture->rib);
	assert_counts(fixture->a, 1, 1, 0);
}

static void families_are_refreshed_apart(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST);
	send(fixture, fixture->a, "2001:db8::/32");
	begin(fixture, fixture->a);
	end(fixture, fixture->a);
	rib_flush(fixture->rib);
	assert_counts(fixture->a, 0, 0, 0);
	assert_int_equal(fixture->a->paths[IPV6], 1);
}

/* More epochs than 16 bits count, none of which the sweep has come by. */
static void epochs_do_not_come_round_between_sweeps(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST);
	for (unsigned i = 0; i < 70000; i++) {
		rib_withdraw_peer(fixture->rib, fixture->a, IPV4);
		send(fixture, fixture->a, SECOND);
	}
	rib_flush(fixture->rib);
	assert_null(best_peer(fixture, FIRST));
	assert_ptr_equal(best_peer(fixture, SECOND), fixture->a);
	assert_counts(fixture->a, 1, 1, 0);
}

static void refreshes_without_end_do_not_come_round(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST);
	for (unsigned i = 0; i < 70000; i++) {
		begin(fixture, fixture->a);
		send(fixture, fixture->a, SECOND);
	}
	assert_counts(fixture->a, 2, 2, 0);
	end(fixture, fixture->a);
	rib_flush(fixture->rib);
	assert_null(best_peer(fixture, FIRST));
	assert_counts(fixture->a, 1, 1, 0);
}

static void refreshes_between_sweeps_do_not_come_round(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST);
	for (unsigned i = 0; i < 70000; i++) {
		begin(fixture, fixture->a);
		send(fixture, fixture->a, SECOND);
		end(fixture, fixture->a);
	}
	assert_counts(fixture->a, 1, 1, 1);
	rib_flush(fixture->rib);
	assert_null(best_peer(fixture, FIRST));
	assert_counts(fixture->a, 1, 1, 0);
	/* And it goes on. */
	begin(fixture, fixture->a);
	end(fixture, fixture->a);
	rib_flush(fixture->rib);
	assert_counts(fixture->a, 0, 0, 0);
}

/* Slices */

enum { MANY = 2000 }; /* prefixes: more than one step of the sweep passes */

static struct ip_prefix nth_prefix(uint32_t n)
{
	const struct ip_address address = ip_address_from_ipv4(0x0a000000 + (n << 8));

	return ip_prefix_from_address(&address, 24);
}

/* The peer announces all of them, with `med` to tell them from those of another peer. */
static void send_many(struct fixture *fixture, struct rib_peer *peer, uint32_t med)
{
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", as_path);
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct attribute_set_extra extra = {0};
	struct attribute_set *set;

	set_med(&attributes, med);
	set = attribute_set_intern(store, &attributes, &extra);
	for (uint32_t n = 0; n < MANY; n++) {
		const struct ip_prefix prefix = nth_prefix(n);

		rib_update(fixture->rib, peer, &prefix, 0, set, 0);
	}
	attribute_set_release(store, set);
}

static void turns(struct fixture *fixture, unsigned count)
{
	while (count--)
		loop_run_once(fixture->loop, 0);
}

/* Turns until the sweep is round; fails if one turn is enough, or a hundred are not. */
static void sweep_in_slices(struct fixture *fixture)
{
	unsigned count = 0;

	for (; rib_is_sweeping(fixture->rib) && count < 100; count++)
		turns(fixture, 1);
	assert_in_range(count, 2, 99);
	turns(fixture, 1);
}

static bool is_refused(void *arg, const struct rib_peer *peer, const struct ip_prefix *prefix,
    const struct rib_path *path)
{
	const struct fixture *fixture = arg;

	(void)path;
	assert_ptr_equal(peer, fixture->a);
	return fixture->refused && prefix->bytes[2] % fixture->refused == 0;
}

static unsigned count_refused(const struct fixture *fixture, uint32_t every)
{
	unsigned count = 0;

	for (uint32_t n = 0; n < MANY; n++)
		count += nth_prefix(n).bytes[2] % every == 0;
	assert_in_range(count, 1, fixture->a->paths[IPV4] - 1);
	return count;
}

static void peer_goes_in_slices(void **state)
{
	struct fixture *fixture = *state;

	send_many(fixture, fixture->a, 1);
	turns(fixture, 1);
	rib_withdraw_peer(fixture->rib, fixture->a, IPV4);
	turns(fixture, 1);
	assert_in_range(fixture->a->stale_paths[IPV4], 1, MANY - 1);
	sweep_in_slices(fixture);
	assert_counts(fixture->a, 0, 0, 0);
	assert_int_equal(rib_prefix_count(fixture->rib, IPV4), 0);
}

static void refilter_goes_in_slices(void **state)
{
	struct fixture *fixture = *state;
	unsigned refused;

	rib_set_refilter(fixture->rib, is_refused, fixture);
	send_many(fixture, fixture->a, 1);
	send_many(fixture, fixture->b, 2);
	turns(fixture, 1);
	fixture->heard = 0;
	fixture->refused = 3;
	refused = count_refused(fixture, 3);
	rib_refilter_peer(fixture->rib, fixture->a, IPV4);
	turns(fixture, 1);
	assert_in_range(fixture->a->accepted_paths[IPV4], MANY - refused + 1, MANY - 1);
	sweep_in_slices(fixture);
	assert_counts(fixture->a, MANY, MANY - refused, 0);
	assert_counts(fixture->b, MANY, MANY, 0);
	assert_int_equal(fixture->heard, refused);
	/* Later sweeps ask nobody. */
	fixture->refused = 0;
	rib_withdraw_peer(fixture->rib, fixture->b, IPV4);
	sweep_in_slices(fixture);
	assert_counts(fixture->a, MANY, MANY - refused, 0);
}

static void refilter_in_the_middle_of_one_begins_anew(void **state)
{
	struct fixture *fixture = *state;

	rib_set_refilter(fixture->rib, is_refused, fixture);
	send_many(fixture, fixture->a, 1);
	turns(fixture, 1);
	fixture->refused = 3;
	rib_refilter_peer(fixture->rib, fixture->a, IPV4);
	turns(fixture, 3);
	fixture->refused = 5;
	rib_refilter_peer(fixture->rib, fixture->a, IPV4);
	sweep_in_slices(fixture);
	assert_counts(fixture->a, MANY, MANY - count_refused(fixture, 5), 0);
}

/* Nobody is asked about a peer that is gone, nor about the one that has its index then. */
static void refilter_ends_with_its_peer(void **state)
{
	struct fixture *fixture = *state;
	struct rib_peer *a = fixture->a;

	rib_set_refilter(fixture->rib, is_refused, fixture);
	send_many(fixture, a, 1);
	turns(fixture, 1);
	fixture->refused = 1;
	rib_refilter_peer(fixture->rib, a, IPV4);
	turns(fixture, 1);
	rib_peer_free(fixture->rib, a);
	fixture->a = NULL;
	sweep_in_slices(fixture);
	assert_int_equal(rib_path_count(fixture->rib, IPV4), 0);
	fixture->a = add_peer(fixture->rib, POLICY_SOURCE_EBGP, 3);
	send_many(fixture, fixture->a, 1);
	rib_withdraw_peer(fixture->rib, fixture->b, IPV4);
	turns(fixture, 20);
	assert_counts(fixture->a, MANY, MANY, 0);
}

static unsigned count_multipath(const struct fixture *fixture)
{
	unsigned count = 0;

	for (uint32_t n = 0; n < MANY; n++) {
		const struct ip_prefix prefix = nth_prefix(n);
		const struct rib_path *second = rib_path_next(
		    fixture->rib, IPV4, &rib_find(fixture->rib, &prefix, NULL)->first);

		count += (second->flags & RIB_PATH_MULTIPATH) != 0;
	}
	return count;
}

static void multipath_changes_in_slices(void **state)
{
	struct fixture *fixture = *state;

	send_many(fixture, fixture->a, 1);
	send_many(fixture, fixture->b, 1);
	turns(fixture, 1);
	fixture->heard = 0;
	assert_int_equal(count_multipath(fixture), MANY);
	rib_set_multipath(fixture->rib, 1);
	turns(fixture, 2);
	assert_in_range(count_multipath(fixture), 1, MANY - 1);
	sweep_in_slices(fixture);
	assert_int_equal(count_multipath(fixture), 0);
	assert_int_equal(fixture->heard, MANY);
	rib_set_multipath(fixture->rib, 4);
	turns(fixture, 2);
	rib_set_multipath(fixture->rib, 1); /* on second thoughts */
	sweep_in_slices(fixture);
	assert_int_equal(count_multipath(fixture), 0);
}

/* What another router has left behind stays its own until it is swept. */
static void another_router_does_not_wait_for_the_sweep(void **state)
{
	struct fixture *fixture = *state;
	struct rib_peer *a = fixture->a;

	a->owner = fixture;
	send_many(fixture, a, 1);
	turns(fixture, 1);
	assert_ptr_equal(rib_peer_identify(fixture->rib, a, a->source, 77), a);
	rib_withdraw_peer(fixture->rib, a, IPV4);
	assert_ptr_equal(rib_peer_identify(fixture->rib, a, a->source, 77), a);
	fixture->a = rib_peer_identify(fixture->rib, a, a->source, 78);
	assert_ptr_not_equal(fixture->a, a);
	assert_ptr_equal(fixture->a->owner, fixture);
	assert_null(a->owner);
	assert_int_equal(fixture->a->identifier, 78);
	assert_int_equal(a->identifier, 77);
	assert_true(rib_is_sweeping(fixture->rib));
	turns(fixture, 1);
	fixture->heard = 0;
	send_many(fixture, fixture->a, 1); /* as it was, and news all the same */
	sweep_in_slices(fixture);
	assert_counts(fixture->a, MANY, MANY, 0);
	assert_int_equal(rib_path_count(fixture->rib, IPV4), MANY);
	assert_true(fixture->heard >= MANY);
	for (uint32_t n = 0; n < MANY; n++) {
		const struct ip_prefix prefix = nth_prefix(n);

		assert_int_equal(
		    rib_find(fixture->rib, &prefix, NULL)->first.peer, fixture->a->index);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define TEST_SLICES(function) cmocka_unit_test_setup_teardown(function, set_up_slices, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_rfc7313_4_what_is_not_sent_again_is_removed_at_the_end),
	    TEST(what_is_sent_again_costs_nobody_anything),
	    TEST(changes_during_a_refresh_count_once),
	    TEST(test_rfc7313_4_end_without_begin_is_ignored),
	    TEST(begin_within_a_begin_begins_anew),
	    TEST(another_peers_sweep_does_not_take_what_is_stale),
	    TEST(session_that_ends_takes_the_refresh_with_it),
	    TEST(families_are_refreshed_apart),
	    TEST(epochs_do_not_come_round_between_sweeps),
	    TEST(refreshes_without_end_do_not_come_round),
	    TEST(refreshes_between_sweeps_do_not_come_round),
	    TEST_SLICES(peer_goes_in_slices),
	    TEST_SLICES(refilter_goes_in_slices),
	    TEST_SLICES(refilter_in_the_middle_of_one_begins_anew),
	    TEST_SLICES(refilter_ends_with_its_peer),
	    TEST_SLICES(multipath_changes_in_slices),
	    TEST_SLICES(another_router_does_not_wait_for_the_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
