/* The routing table: paths, the best one, what listeners hear, next hops, peers that go. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <limits.h>
#include <stdio.h>

#include "rib/decision.h"
#include "routes.h"

#define FIRST "10.1.0.0/16"
#define SECOND "10.2.0.0/16"

static const uint32_t short_path[] = {65001, 0};
static const uint32_t long_path[] = {65001, 65002, 0};

struct ear {
	struct rib_listener listener;
	struct rib *rib;
	char heard[2048]; /* prefixes with blanks between */
};

struct fixture {
	struct rib *rib;
	struct arena arena;
	struct ear ear; /* best paths */
	struct ear wide_ear; /* equal-cost sets too */
	struct ear widest_ear; /* every path */
	struct rib_peer *local;
	struct rib_peer *a; /* eBGP, router ID 1 */
	struct rib_peer *b; /* eBGP, router ID 2 */
	bool tracking;
	unsigned tracked;
};

static void hear(void *arg, const struct rib_change *change)
{
	struct ear *ear = arg;
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < change->count; i++) {
		size_t at = strlen(ear->heard);

		snprintf(ear->heard + at, sizeof(ear->heard) - at, "%s%s", at ? " " : "",
		    ip_prefix_print(
			rib_held_prefix(ear->rib, change->family, change->ids[i]), text));
	}
}

static void listen_to(struct ear *ear, struct rib *rib, bool multipath, bool every_path)
{
	*ear = (struct ear){.rib = rib};
	ear->listener = (struct rib_listener){
	    .changed = hear, .arg = ear, .multipath = multipath, .every_path = every_path};
	rib_add_listener(rib, &ear->listener);
}

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){.rib = rib_new(NULL, &(struct rib_options){3, 2})};
	fixture.local = rib_peer_at(fixture.rib, RIB_PEER_LOCAL);
	fixture.a = add_peer(fixture.rib, POLICY_SOURCE_EBGP, 1);
	fixture.b = add_peer(fixture.rib, POLICY_SOURCE_EBGP, 2);
	listen_to(&fixture.ear, fixture.rib, false, false);
	listen_to(&fixture.wide_ear, fixture.rib, true, false);
	listen_to(&fixture.widest_ear, fixture.rib, false, true);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	rib_remove_listener(fixture->rib, &fixture->ear.listener);
	rib_remove_listener(fixture->rib, &fixture->wide_ear.listener);
	rib_remove_listener(fixture->rib, &fixture->widest_ear.listener);
	rib_free(fixture->rib);
	arena_free(&fixture->arena);
	return 0;
}

static void send(struct fixture *fixture, struct rib_peer *peer, const char *prefix,
    const char *next_hop, const uint32_t *path)
{
	struct bgp_attributes attributes = attributes_of(&fixture->arena, next_hop, path);

	announce(fixture->rib, peer, prefix, 0, &attributes, 0);
}

static bool withdraw(struct fixture *fixture, struct rib_peer *peer, const char *prefix)
{
	const struct ip_prefix at = prefix_of(prefix);

	return rib_withdraw(fixture->rib, peer, &at, 0);
}

/* Tells the listeners; what they heard must be this. */
static void assert_heard(struct fixture *fixture, const char *narrow, const char *wide)
{
	rib_flush(fixture->rib);
	assert_string_equal(fixture->ear.heard, narrow);
	assert_string_equal(fixture->wide_ear.heard, wide);
	fixture->ear.heard[0] = fixture->wide_ear.heard[0] = 0;
}

static void assert_heard_by_widest(struct fixture *fixture, const char *wanted)
{
	rib_flush(fixture->rib);
	assert_string_equal(fixture->widest_ear.heard, wanted);
	fixture->widest_ear.heard[0] = 0;
}

static const struct rib_prefix *find(const struct fixture *fixture, const char *prefix)
{
	const struct ip_prefix at = prefix_of(prefix);

	return rib_find(fixture->rib, &at, NULL);
}

/* The peer of the best path, or UINT_MAX. */
static unsigned best_peer(const struct fixture *fixture, const char *prefix)
{
	const struct rib_prefix *entry = find(fixture, prefix);
	const struct rib_path *best = entry ? rib_best_path(entry) : NULL;

	return best ? best->peer : UINT_MAX;
}

static void update_is_heard_once(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	send(fixture, fixture->a, SECOND, "192.0.2.1", short_path);
	send(fixture, fixture->a, FIRST, "192.0.2.1", long_path);
	assert_heard(fixture, FIRST " " SECOND, FIRST " " SECOND);
	assert_heard(fixture, "", "");
	assert_int_equal(rib_prefix_count(fixture->rib, IPV4), 2);
	assert_int_equal(rib_path_count(fixture->rib, IPV4), 2);
	assert_int_equal(fixture->a->paths[IPV4], 2);
	assert_int_equal(fixture->a->accepted_paths[IPV4], 2);
}

static void same_again_is_no_news(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	assert_heard(fixture, FIRST, FIRST);
	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	assert_heard(fixture, "", "");
}

static void there_and_back_tells_nobody(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	assert_heard(fixture, FIRST, FIRST);
	send(fixture, fixture->a, FIRST, "192.0.2.9", long_path);
	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	assert_heard(fixture, "", "");
	withdraw(fixture, fixture->a, FIRST);
	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	assert_heard(fixture, "", "");
	send(fixture, fixture->a, SECOND, "192.0.2.1", short_path);
	withdraw(fixture, fixture->a, SECOND);
	assert_heard(fixture, "", "");
	assert_null(find(fixture, SECOND));
}

static void another_peer_with_the_same_set_is_news(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	assert_heard(fixture, FIRST, FIRST);
	withdraw(fixture, fixture->a, FIRST);
	send(fixture, fixture->b, FIRST, "192.0.2.1", short_path);
	assert_heard(fixture, FIRST, FIRST);
	assert_int_equal(best_peer(fixture, FIRST), fixture->b->index);
}

static void withdrawal_removes_the_path_and_then_the_prefix(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	send(fixture, fixture->b, FIRST, "192.0.2.2", long_path);
	assert_heard(fixture, FIRST, FIRST);
	assert_int_equal(best_peer(fixture, FIRST), fixture->a->index);
	assert_true(withdraw(fixture, fixture->a, FIRST));
	assert_false(withdraw(fixture, fixture->a, FIRST));
	assert_heard(fixture, FIRST, FIRST);
	assert_int_equal(best_peer(fixture, FIRST), fixture->b->index);
	assert_true(withdraw(fixture, fixture->b, FIRST));
	assert_null(find(fixture, FIRST));
	assert_heard(fixture, FIRST, FIRST);
	assert_int_equal(rib_path_count(fixture->rib, IPV4), 0);
	assert_int_equal(rib_prefix_count(fixture->rib, IPV4), 0);
	assert_int_equal(rib_attribute_store(fixture->rib)->sets.count, 0);
	assert_false(withdraw(fixture, fixture->b, "10.99.0.0/16"));
}

static void loser_that_changes_is_no_news(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	assert_heard(fixture, FIRST, FIRST);
	send(fixture, fixture->b, FIRST, "192.0.2.2", long_path);
	assert_heard(fixture, "", "");
	withdraw(fixture, fixture->b, FIRST);
	assert_heard(fixture, "", "");
}

static const struct rib_path *find_sent_under(const struct fixture *fixture, uint16_t send_id)
{
	const struct rib_prefix *entry = find(fixture, FIRST);

	for (const struct rib_path *path = entry ? &entry->first : NULL; path;
	     path = rib_path_next(fixture->rib, IPV4, path))
		if (path->send_id == send_id)
			return path;
	return NULL;
}

static bool withdraw_path(struct fixture *fixture, struct rib_peer *peer, uint32_t path_id)
{
	const struct ip_prefix at = prefix_of(FIRST);

	return rib_withdraw(fixture->rib, peer, &at, path_id);
}

static void path_keeps_the_identifier_it_is_sent_under(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", long_path);

	for (uint32_t path_id = 10; path_id < 13; path_id++)
		announce(fixture->rib, fixture->a, FIRST, path_id, &attributes, 0);
	for (uint16_t i = 1; i <= 3; i++)
		assert_int_equal(find_sent_under(fixture, i)->path_id, 9 + i);
	/* A better one goes to the front, and others move about. */
	send(fixture, fixture->b, FIRST, "192.0.2.2", short_path);
	assert_int_equal(best_peer(fixture, FIRST), fixture->b->index);
	assert_int_equal(find_sent_under(fixture, 4)->peer, fixture->b->index);
	attributes.origin = BGP_ORIGIN_INCOMPLETE;
	announce(fixture->rib, fixture->a, FIRST, 11, &attributes, 0);
	assert_int_equal(find_sent_under(fixture, 2)->path_id, 11);
	/* The lowest that is free. */
	assert_true(withdraw_path(fixture, fixture->b, 0));
	assert_true(withdraw_path(fixture, fixture->a, 11));
	assert_int_equal(find_sent_under(fixture, 1)->path_id, 10);
	assert_int_equal(find_sent_under(fixture, 3)->path_id, 12);
	announce(fixture->rib, fixture->a, FIRST, 99, &attributes, 0);
	assert_int_equal(find_sent_under(fixture, 2)->path_id, 99);
}

static void peer_has_a_limited_number_of_paths_of_a_prefix(void **state)
{
	struct fixture *fixture = *state;
	const struct attribute_set_extra none = {0};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", short_path);
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct attribute_set *set = attribute_set_intern(store, &attributes, &none);
	const struct ip_prefix at = prefix_of(FIRST);
	const uint32_t limit = RIB_PATHS_PER_PEER_MAX;

	for (uint32_t i = 0; i < limit; i++)
		assert_true(rib_update(fixture->rib, fixture->a, &at, i, set, 0));
	assert_false(rib_update(fixture->rib, fixture->a, &at, limit, set, 0));
	assert_int_equal(fixture->a->refused_paths, 1);
	assert_int_equal(fixture->a->paths[IPV4], limit);
	/* It may change those that it has, and others have room. */
	assert_true(rib_update(fixture->rib, fixture->a, &at, limit - 1, set, RIB_PATH_FILTERED));
	assert_true(rib_update(fixture->rib, fixture->b, &at, limit, set, 0));
	assert_int_equal(find_sent_under(fixture, (uint16_t)(limit + 1))->peer, fixture->b->index);
	/* One goes, one may come, and takes its place. */
	assert_true(withdraw_path(fixture, fixture->a, 130));
	assert_true(rib_update(fixture->rib, fixture->a, &at, limit, set, 0));
	assert_int_equal(find_sent_under(fixture, 131)->path_id, limit);
	assert_int_equal(fixture->a->refused_paths, 1);
	attribute_set_release(store, set);
}

/* What a session has left behind, and the sweep not yet taken, takes no room in the next one. */
static void paths_of_an_earlier_session_take_no_room(void **state)
{
	struct fixture *fixture = *state;
	const struct attribute_set_extra none = {0};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", short_path);
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct attribute_set *set = attribute_set_intern(store, &attributes, &none);
	const struct ip_prefix at = prefix_of(FIRST);
	const uint32_t limit = RIB_PATHS_PER_PEER_MAX;

	for (uint32_t i = 0; i < limit; i++)
		assert_true(rib_update(fixture->rib, fixture->a, &at, i, set, 0));
	rib_withdraw_peer(fixture->rib, fixture->a, IPV4);
	assert_true(rib_update(fixture->rib, fixture->a, &at, 0, set, 0)); /* the same again */
	for (uint32_t i = 1; i < limit; i++)
		assert_true(rib_update(fixture->rib, fixture->a, &at, limit + i, set, 0));
	assert_false(rib_update(fixture->rib, fixture->a, &at, 1, set, 0));
	assert_int_equal(fixture->a->refused_paths, 1);
	assert_int_equal(fixture->a->stale_paths[IPV4], 0);
	rib_flush(fixture->rib);
	assert_int_equal(fixture->a->paths[IPV4], limit);
	assert_int_equal(rib_path_count(fixture->rib, IPV4), limit);
	attribute_set_release(store, set);
}

static void any_change_of_any_path_is_news_to_those_who_want_it(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.3", long_path);

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	assert_heard_by_widest(fixture, FIRST);
	send(fixture, fixture->b, FIRST, "192.0.2.2", long_path); /* added */
	assert_heard_by_widest(fixture, FIRST);
	announce(fixture->rib, fixture->b, FIRST, 0, &attributes, 0); /* other attributes */
	assert_heard_by_widest(fixture, FIRST);
	announce(fixture->rib, fixture->b, FIRST, 0, &attributes, 0); /* the same again */
	assert_heard_by_widest(fixture, "");
	announce(fixture->rib, fixture->b, FIRST, 0, &attributes, RIB_PATH_FILTERED);
	assert_heard_by_widest(fixture, FIRST);
	rib_next_hop_resolve(
	    fixture->rib, find(fixture, FIRST)->first.attributes->next_hop, true, 9);
	assert_heard_by_widest(fixture, FIRST);
	withdraw(fixture, fixture->b, FIRST);
	assert_heard_by_widest(fixture, FIRST);
	assert_heard_by_widest(fixture, "");
}

static void paths_of_one_peer_are_told_apart_by_their_id(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);
	const struct ip_prefix at = prefix_of(FIRST);

	announce(fixture->rib, fixture->local, FIRST, 7, &attributes, 0);
	announce(fixture->rib, fixture->local, FIRST, 5, &attributes, 0);
	assert_int_equal(rib_path_count(fixture->rib, IPV4), 2);
	assert_int_equal(find(fixture, FIRST)->first.path_id, 5);
	assert_true(rib_withdraw(fixture->rib, fixture->local, &at, 5));
	assert_int_equal(find(fixture, FIRST)->first.path_id, 7);
}

/* Audiences may differ though the best path does not. */
static void any_change_of_a_local_path_is_news(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);

	announce(fixture->rib, fixture->local, FIRST, 1, &attributes, 0);
	assert_heard(fixture, FIRST, FIRST);
	announce(fixture->rib, fixture->local, FIRST, 2, &attributes, 0);
	assert_heard(fixture, FIRST, FIRST);
}

static void local_route_wins_before_the_as_path(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	send(fixture, fixture->local, FIRST, NULL, long_path);
	assert_int_equal(best_peer(fixture, FIRST), RIB_PEER_LOCAL);
	assert_int_equal(rib_path_next(fixture->rib, IPV4, &find(fixture, FIRST)->first)->lost_at,
	    DECISION_LOCAL_ORIGIN);
}

static void filtered_path_is_kept_but_never_best(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", short_path);

	announce(fixture->rib, fixture->a, FIRST, 0, &attributes, RIB_PATH_FILTERED);
	assert_heard(fixture, "", "");
	assert_int_equal(fixture->a->paths[IPV4], 1);
	assert_int_equal(fixture->a->accepted_paths[IPV4], 0);
	assert_int_equal(best_peer(fixture, FIRST), UINT_MAX);
	assert_int_equal(find(fixture, FIRST)->first.lost_at, DECISION_UNUSABLE);
	send(fixture, fixture->b, FIRST, "192.0.2.2", long_path);
	assert_int_equal(best_peer(fixture, FIRST), fixture->b->index);
	announce(fixture->rib, fixture->a, FIRST, 0, &attributes, 0);
	assert_int_equal(fixture->a->accepted_paths[IPV4], 1);
	assert_int_equal(best_peer(fixture, FIRST), fixture->a->index);
	assert_heard(fixture, FIRST, FIRST);
}

static bool is_first(void *arg, const struct rib_peer *peer, const struct ip_prefix *prefix,
    const struct rib_path *path)
{
	const struct ip_prefix first = prefix_of(FIRST);

	(void)arg;
	(void)peer;
	(void)path;
	return ip_prefix_equal(prefix, &first);
}

static bool is_none(void *arg, const struct rib_peer *peer, const struct ip_prefix *prefix,
    const struct rib_path *path)
{
	(void)arg;
	(void)peer;
	(void)prefix;
	(void)path;
	return false;
}

/* Asks again about all paths of a. */
static void refilter(struct fixture *fixture, rib_refilter *filtered)
{
	rib_set_refilter(fixture->rib, filtered, NULL);
	rib_refilter_peer(fixture->rib, fixture->a, IPV4);
	rib_flush(fixture->rib);
}

static void refilter_changes_what_is_decided_otherwise(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	send(fixture, fixture->b, FIRST, "192.0.2.2", long_path);
	send(fixture, fixture->a, SECOND, "192.0.2.1", short_path);
	assert_heard(fixture, FIRST " " SECOND, FIRST " " SECOND);
	refilter(fixture, is_first);
	assert_int_equal(fixture->a->accepted_paths[IPV4], 1);
	assert_int_equal(best_peer(fixture, FIRST), fixture->b->index);
	assert_heard(fixture, FIRST, FIRST);
	refilter(fixture, is_none);
	assert_heard(fixture, FIRST, FIRST);
	assert_int_equal(fixture->a->accepted_paths[IPV4], 2);
	assert_int_equal(best_peer(fixture, FIRST), fixture->a->index);
}

/* Their original attributes are lost: the speaker asks for a refresh instead. */
static void refilter_leaves_modified_paths_alone(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", short_path);

	announce(fixture->rib, fixture->a, FIRST, 0, &attributes, RIB_PATH_MODIFIED);
	refilter(fixture, is_first);
	assert_int_equal(fixture->a->accepted_paths[IPV4], 1);
}

/* Every path of one prefix from one peer changes at once, and with it their order. */
static void refilter_reaches_each_of_several_paths(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t id = 0; id < 5; id++) {
		struct bgp_attributes attributes =
		    attributes_of(&fixture->arena, "192.0.2.1", short_path);

		set_med(&attributes, 10 - id);
		announce(fixture->rib, fixture->a, FIRST, id, &attributes, 0);
	}
	refilter(fixture, is_first);
	assert_int_equal(fixture->a->accepted_paths[IPV4], 0);
	assert_int_equal(fixture->a->paths[IPV4], 5);
	assert_int_equal(best_peer(fixture, FIRST), UINT_MAX);
}

static void withdrawn_peer_loses_what_it_had(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	send(fixture, fixture->b, FIRST, "192.0.2.2", long_path);
	send(fixture, fixture->a, SECOND, "192.0.2.1", short_path);
	send(fixture, fixture->a, "2001:db8::/32", "192.0.2.1", short_path);
	assert_heard(fixture, FIRST " " SECOND " 2001:db8::/32", FIRST " " SECOND " 2001:db8::/32");
	rib_withdraw_peer(fixture->rib, fixture->a, IPV4);
	assert_int_equal(fixture->a->paths[IPV4], 0);
	assert_int_equal(fixture->a->stale_paths[IPV4], 2);
	assert_heard(fixture, FIRST " " SECOND, FIRST " " SECOND);
	assert_int_equal(fixture->a->stale_paths[IPV4], 0);
	assert_int_equal(best_peer(fixture, FIRST), fixture->b->index);
	assert_null(find(fixture, SECOND));
	assert_non_null(find(fixture, "2001:db8::/32"));
	assert_int_equal(fixture->a->paths[IPV6], 1);
}

/* The session is back before the sweep came by. */
static void what_is_sent_again_survives_the_sweep(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	send(fixture, fixture->a, SECOND, "192.0.2.1", short_path);
	assert_heard(fixture, FIRST " " SECOND, FIRST " " SECOND);
	rib_withdraw_peer(fixture->rib, fixture->a, IPV4);
	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	assert_int_equal(fixture->a->paths[IPV4], 1);
	assert_int_equal(fixture->a->accepted_paths[IPV4], 1);
	assert_int_equal(fixture->a->stale_paths[IPV4], 1);
	assert_heard(fixture, SECOND, SECOND);
	assert_int_equal(best_peer(fixture, FIRST), fixture->a->index);
}

/* 256 times down and up again: an old epoch must not look like the new one. */
static void epochs_do_not_come_round(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	for (unsigned i = 0; i < 256; i++) {
		rib_withdraw_peer(fixture->rib, fixture->a, IPV4);
		send(fixture, fixture->a, SECOND, "192.0.2.1", short_path);
	}
	rib_flush(fixture->rib);
	assert_null(find(fixture, FIRST));
	assert_non_null(find(fixture, SECOND));
}

static void send_numbered(
    struct fixture *fixture, struct rib_peer *peer, uint32_t from, uint32_t to)
{
	const struct attribute_set_extra none = {0};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", short_path);
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct attribute_set *set = attribute_set_intern(store, &attributes, &none);

	for (uint32_t i = from; i < to; i++) {
		struct ip_address address = ip_address_from_ipv4(0x14000000 + (i << 8));
		struct ip_prefix prefix = ip_prefix_from_address(&address, 24);

		rib_update(fixture->rib, peer, &prefix, 0, set, 0);
	}
	attribute_set_release(store, set);
}

/* A sweep in slices misses nothing, though the table grows while it runs. */
static void sweep_is_complete_while_the_table_grows(void **state)
{
	struct loop *loop = loop_new();
	struct rib *rib = rib_new(loop, &(struct rib_options){3, 1});
	struct fixture own = {.rib = rib};

	(void)state;
	loop_set_share(loop, 0);
	own.a = add_peer(rib, POLICY_SOURCE_EBGP, 1);
	own.b = add_peer(rib, POLICY_SOURCE_EBGP, 2);
	send_numbered(&own, own.a, 0, 100000);
	rib_withdraw_peer(rib, own.a, IPV4);
	for (uint32_t turn = 0; turn < 12; turn++) {
		uint32_t from = 200000 + turn * 10000;

		send_numbered(&own, own.b, from, from + 10000);
		loop_run_once(loop, 0);
		if (turn != 2)
			continue;
		/* Where the sweep has been already: another one, from the middle. */
		send_numbered(&own, own.a, 0, 1000);
		rib_withdraw_peer(rib, own.a, IPV4);
		assert_true(own.a->stale_paths[IPV4] > 1000);
	}
	for (unsigned turn = 0; turn < 5000 && rib_is_sweeping(rib); turn++)
		loop_run_once(loop, 0);
	assert_int_equal(own.a->stale_paths[IPV4], 0);
	assert_int_equal(rib_path_count(rib, IPV4), own.b->paths[IPV4]);
	assert_int_equal(own.b->paths[IPV4], 120000);
	rib_free(rib);
	loop_free(loop);
	arena_free(&own.arena);
}

static void freed_peer_is_gone_after_its_paths(void **state)
{
	struct fixture *fixture = *state;
	uint16_t index = fixture->a->index;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	rib_peer_free(fixture->rib, fixture->a);
	assert_non_null(rib_peer_at(fixture->rib, index));
	assert_heard(fixture, "", "");
	assert_null(rib_peer_at(fixture->rib, index));
	assert_null(find(fixture, FIRST));
	assert_int_equal(rib_peer_new(fixture->rib)->index, index);
}

/* Its index says who had the best path until the listeners know that it went. */
static void index_of_a_freed_peer_is_not_used_in_the_same_turn(void **state)
{
	struct fixture *fixture = *state;
	struct rib_peer *other;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	assert_heard(fixture, FIRST, FIRST);
	withdraw(fixture, fixture->a, FIRST);
	rib_peer_free(fixture->rib, fixture->a);
	other = add_peer(fixture->rib, POLICY_SOURCE_IBGP, 9);
	send(fixture, other, FIRST, "192.0.2.1", short_path);
	assert_heard(fixture, FIRST, FIRST);
}

static void note_next_hop(void *arg, struct rib_next_hop *next_hop)
{
	struct fixture *fixture = arg;

	(void)next_hop;
	fixture->tracked++;
}

static struct rib_next_hop *next_hop_of(const struct fixture *fixture, const char *prefix)
{
	return find(fixture, prefix)->first.attributes->next_hop;
}

static void path_is_usable_while_its_next_hop_is_reachable(void **state)
{
	struct fixture *fixture = *state;
	const struct rib_next_hop_ops ops = {note_next_hop, note_next_hop};

	rib_set_next_hop_tracker(fixture->rib, &ops, fixture);
	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	send(fixture, fixture->a, "2001:db8::/32", "192.0.2.1", short_path);
	assert_int_equal(fixture->tracked, 1);
	assert_heard(fixture, "", "");
	rib_next_hop_resolve(fixture->rib, next_hop_of(fixture, FIRST), true, 10);
	assert_heard(fixture, FIRST " 2001:db8::/32", FIRST " 2001:db8::/32");
	rib_next_hop_resolve(fixture->rib, next_hop_of(fixture, FIRST), true, 10);
	assert_heard(fixture, "", "");
	rib_next_hop_resolve(fixture->rib, next_hop_of(fixture, FIRST), false, 0);
	rib_next_hop_resolve(fixture->rib, next_hop_of(fixture, FIRST), true, 10);
	assert_heard(fixture, "", "");
	rib_next_hop_resolve(fixture->rib, next_hop_of(fixture, FIRST), false, 0);
	assert_heard(fixture, FIRST " 2001:db8::/32", FIRST " 2001:db8::/32");
	assert_int_equal(best_peer(fixture, FIRST), UINT_MAX);
	/* A next hop may go while the sweep for it is still to come. */
	rib_next_hop_resolve(fixture->rib, next_hop_of(fixture, FIRST), true, 1);
	withdraw(fixture, fixture->a, FIRST);
	withdraw(fixture, fixture->a, "2001:db8::/32");
	assert_heard(fixture, "", "");
	assert_int_equal(fixture->tracked, 2);
	rib_set_next_hop_tracker(fixture->rib, NULL, NULL);
}

static void nearer_next_hop_wins(void **state)
{
	struct fixture *fixture = *state;
	const struct rib_next_hop_ops ops = {note_next_hop, note_next_hop};

	rib_set_next_hop_tracker(fixture->rib, &ops, fixture);
	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	rib_next_hop_resolve(fixture->rib, next_hop_of(fixture, FIRST), true, 10);
	send(fixture, fixture->b, SECOND, "192.0.2.2", short_path);
	rib_next_hop_resolve(fixture->rib, next_hop_of(fixture, SECOND), true, 5);
	send(fixture, fixture->b, FIRST, "192.0.2.2", short_path);
	rib_flush(fixture->rib);
	assert_int_equal(best_peer(fixture, FIRST), fixture->b->index);
	rib_next_hop_resolve(fixture->rib, next_hop_of(fixture, SECOND), true, 15);
	rib_flush(fixture->rib);
	assert_int_equal(best_peer(fixture, FIRST), fixture->a->index);
	rib_set_next_hop_tracker(fixture->rib, NULL, NULL);
}

static void equal_cost_set_is_news_to_those_who_look_at_it(void **state)
{
	struct fixture *fixture = *state;
	const struct rib_path *second;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	assert_heard(fixture, FIRST, FIRST);
	send(fixture, fixture->b, FIRST, "192.0.2.2", short_path);
	assert_heard(fixture, "", FIRST);
	second = rib_path_next(fixture->rib, IPV4, &find(fixture, FIRST)->first);
	assert_true(second->flags & RIB_PATH_MULTIPATH);
	assert_int_equal(second->lost_at, DECISION_MULTIPATH);
	send(fixture, fixture->b, FIRST, "192.0.2.3", short_path);
	assert_heard(fixture, "", FIRST);
	rib_set_multipath(fixture->rib, 1);
	assert_heard(fixture, "", FIRST);
	assert_false(rib_path_next(fixture->rib, IPV4, &find(fixture, FIRST)->first)->flags &
		     RIB_PATH_MULTIPATH);
}

/* The set and the next hop that come may lie in memory where those lay that went. */
static void another_set_in_the_same_place_is_news(void **state)
{
	struct fixture *fixture = *state;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	for (unsigned i = 0; i < 20; i++) {
		send(fixture, fixture->b, FIRST, i % 2 ? "192.0.2.2" : "192.0.2.3", short_path);
		assert_heard(fixture, i ? "" : FIRST, FIRST);
		withdraw(fixture, fixture->b, FIRST);
	}
}

static void held_id_stays(void **state)
{
	struct fixture *fixture = *state;
	const struct ip_prefix first = prefix_of(FIRST);
	uint32_t id, again;

	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	rib_find(fixture->rib, &first, &id);
	rib_hold_prefix(fixture->rib, IPV4, id);
	withdraw(fixture, fixture->a, FIRST);
	rib_flush(fixture->rib);
	assert_null(rib_prefix_at(fixture->rib, IPV4, id));
	assert_true(ip_prefix_equal(rib_held_prefix(fixture->rib, IPV4, id), &first));
	send(fixture, fixture->a, SECOND, "192.0.2.1", short_path);
	assert_non_null(find(fixture, SECOND));
	send(fixture, fixture->a, FIRST, "192.0.2.1", short_path);
	rib_find(fixture->rib, &first, &again);
	assert_int_equal(again, id);
	withdraw(fixture, fixture->a, FIRST);
	rib_release_prefix(fixture->rib, IPV4, id);
	rib_flush(fixture->rib);
	send(fixture, fixture->a, "10.3.0.0/16", "192.0.2.1", short_path);
	rib_find(fixture->rib, &(struct ip_prefix){{10, 3}, 16, IPV4}, &again);
	assert_int_equal(again, id); /* free, and so used for another */
}

static void longest_match_needs_a_usable_path(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", short_path);
	const struct ip_address inside = address_of("10.1.2.3");
	uint32_t id = 99;

	assert_null(rib_longest_match(fixture->rib, &inside, &id));
	assert_int_equal(id, 0);
	send(fixture, fixture->a, "10.0.0.0/8", "192.0.2.1", short_path);
	announce(fixture->rib, fixture->a, FIRST, 0, &attributes, RIB_PATH_FILTERED);
	assert_int_equal(rib_longest_match(fixture->rib, &inside, NULL)->prefix.length, 8);
	assert_int_equal(rib_covering_prefix(fixture->rib, &inside, 32)->prefix.length, 16);
	assert_int_equal(rib_covering_prefix(fixture->rib, &inside, 15)->prefix.length, 8);
	assert_null(rib_covering_prefix(fixture->rib, &inside, 7));
	announce(fixture->rib, fixture->a, FIRST, 0, &attributes, 0);
	assert_int_equal(rib_longest_match(fixture->rib, &inside, &id)->prefix.length, 16);
}

static void more_paths_than_fit_on_the_stack(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t i = 100; i > 0; i--)
		send(fixture, add_peer(fixture->rib, POLICY_SOURCE_EBGP, 10 + i), FIRST,
		    "192.0.2.1", short_path);
	assert_int_equal(rib_path_count(fixture->rib, IPV4), 100);
	assert_int_equal(
	    rib_peer_at(fixture->rib, (uint16_t)best_peer(fixture, FIRST))->identifier, 11);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(update_is_heard_once),
	    TEST(same_again_is_no_news),
	    TEST(there_and_back_tells_nobody),
	    TEST(another_peer_with_the_same_set_is_news),
	    TEST(withdrawal_removes_the_path_and_then_the_prefix),
	    TEST(loser_that_changes_is_no_news),
	    TEST(any_change_of_any_path_is_news_to_those_who_want_it),
	    TEST(path_keeps_the_identifier_it_is_sent_under),
	    TEST(peer_has_a_limited_number_of_paths_of_a_prefix),
	    TEST(paths_of_an_earlier_session_take_no_room),
	    TEST(paths_of_one_peer_are_told_apart_by_their_id),
	    TEST(any_change_of_a_local_path_is_news),
	    TEST(local_route_wins_before_the_as_path),
	    TEST(filtered_path_is_kept_but_never_best),
	    TEST(refilter_changes_what_is_decided_otherwise),
	    TEST(refilter_leaves_modified_paths_alone),
	    TEST(refilter_reaches_each_of_several_paths),
	    TEST(withdrawn_peer_loses_what_it_had),
	    TEST(what_is_sent_again_survives_the_sweep),
	    TEST(epochs_do_not_come_round),
	    TEST(sweep_is_complete_while_the_table_grows),
	    TEST(freed_peer_is_gone_after_its_paths),
	    TEST(index_of_a_freed_peer_is_not_used_in_the_same_turn),
	    TEST(path_is_usable_while_its_next_hop_is_reachable),
	    TEST(nearer_next_hop_wins),
	    TEST(equal_cost_set_is_news_to_those_who_look_at_it),
	    TEST(another_set_in_the_same_place_is_news),
	    TEST(held_id_stays),
	    TEST(longest_match_needs_a_usable_path),
	    TEST(more_paths_than_fit_on_the_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
