/* Which of several paths are sent: what export accepts, the best ones first. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "rib/path_selection.h"
#include "routes.h"

#define PREFIX "10.1.0.0/16"

enum { PEERS = 40 };

struct fixture {
	struct rib *rib;
	struct arena arena;
	struct rib_peer *peers[PEERS + 1]; /* the first is this node */
	struct export_key key;
	struct path_selection selection;
};

static const struct policy_rule accept_all = {.action = POLICY_ACCEPT};
static const struct policy_filter filter = {
    .rules = (struct policy_rule *)&accept_all, .rule_count = 1};
static const struct policy_filter *const chain[] = {&filter};

static int set_up(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	fixture.rib = rib_new(NULL, &(struct rib_options){3, 1});
	fixture.peers[0] = rib_peer_at(fixture.rib, RIB_PEER_LOCAL);
	for (uint32_t i = 1; i <= PEERS; i++)
		fixture.peers[i] = add_peer(fixture.rib, POLICY_SOURCE_EBGP, i);
	fixture.key.codec = (struct bgp_codec){.families = {true, true}, .as4 = true};
	fixture.key.codec.add_path_send[IPV4] = true;
	fixture.key.path_limit = 3;
	fixture.key.local_asn = fixture.key.router_asn = 64512;
	fixture.key.self[IPV4].address = address_of("198.51.100.1");
	fixture.key.filters = chain;
	fixture.key.filter_count = 1;
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	path_selection_free(&fixture->selection);
	rib_free(fixture->rib);
	arena_free(&fixture->arena);
	return 0;
}

static void advertise(struct fixture *fixture, unsigned peer, uint32_t asn, uint32_t med)
{
	const uint32_t as_path[] = {asn, 0};
	struct bgp_attributes attributes =
	    attributes_of(&fixture->arena, peer ? "192.0.2.1" : NULL, peer ? as_path : NULL);

	set_med(&attributes, med);
	announce(fixture->rib, fixture->peers[peer], PREFIX, 0, &attributes, 0);
}

/* The peers of the selected paths, in their order. */
static void assert_selected(struct fixture *fixture, const unsigned *peers, size_t count)
{
	const struct ip_prefix at = prefix_of(PREFIX);
	const struct rib_prefix *prefix = rib_find(fixture->rib, &at, NULL);
	struct export_cache cache = {.set = NULL};

	path_selection_fill(&fixture->selection, fixture->rib, &fixture->key, IPV4, prefix, &cache);
	assert_int_equal(fixture->selection.count, count);
	for (size_t i = 0; i < count; i++) {
		const struct export_route *route = &fixture->selection.routes[i];

		assert_int_equal(route->path->peer, fixture->peers[peers[i]]->index);
		assert_ptr_equal(
		    path_selection_find(&fixture->selection, route->path->send_id), route);
	}
}

#define ASSERT_SELECTED(fixture, ...)                             \
	assert_selected(fixture, (const unsigned[]){__VA_ARGS__}, \
	    sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

static void best_ones_are_ranked_by_the_decision_process(void **state)
{
	struct fixture *fixture = *state;

	/* The lower MED wins within an AS, the lower router ID between two. */
	advertise(fixture, 5, 65001, 0);
	advertise(fixture, 4, 65002, 0);
	advertise(fixture, 1, 65001, 9);
	advertise(fixture, 2, 65001, 8);
	advertise(fixture, 3, 65002, 7);
	ASSERT_SELECTED(fixture, 4, 3, 5);
	/* With 5 gone 2 has the lowest MED, and once it is placed 1 has. */
	assert_true(rib_withdraw(
	    fixture->rib, fixture->peers[5], &(struct ip_prefix){{10, 1}, 16, IPV4}, 0));
	ASSERT_SELECTED(fixture, 2, 1, 4);
}

/* They are taken as usable, at these costs and no others; the table is left as it is. */
static void best_of_some_paths_is_that_of_the_lowest_cost(void **state)
{
	struct fixture *fixture = *state;
	const struct ip_prefix at = prefix_of(PREFIX);
	const struct rib_path *paths[2];

	advertise(fixture, 1, 65001, 0);
	advertise(fixture, 2, 65002, 0);
	paths[0] = rib_best_path(rib_find(fixture->rib, &at, NULL));
	paths[1] = rib_path_next(fixture->rib, IPV4, paths[0]);
	assert_int_equal(rib_best_of(fixture->rib, paths, (const uint32_t[]){7, 7}, 2), 0);
	assert_int_equal(rib_best_of(fixture->rib, paths, (const uint32_t[]){7, 6}, 2), 1);
	assert_int_equal(rib_best_of(fixture->rib, paths + 1, (const uint32_t[]){7}, 1), 0);
	assert_ptr_equal(rib_best_path(rib_find(fixture->rib, &at, NULL)), paths[0]);
}

/* What must not travel kept others from being the best one, which is sent all the same. */
static void best_path_of_the_table_comes_first(void **state)
{
	struct fixture *fixture = *state;
	const uint32_t as_path[] = {65001, 0};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", as_path);

	set_med(&attributes, 0);
	add_community(&fixture->arena, &attributes, BGP_COMMUNITY_NO_ADVERTISE);
	announce(fixture->rib, fixture->peers[9], PREFIX, 0, &attributes, 0);
	advertise(fixture, 1, 65001, 5);
	advertise(fixture, 2, 65001, 6);
	advertise(fixture, 3, 65002, 0);
	fixture->key.path_limit = 2;
	ASSERT_SELECTED(fixture, 3, 1);
}

static void limit_of_one_sends_what_others_are_sent(void **state)
{
	struct fixture *fixture = *state;

	advertise(fixture, 2, 65001, 0);
	advertise(fixture, 1, 65002, 0);
	fixture->key.path_limit = 1;
	ASSERT_SELECTED(fixture, 1);
	fixture->key.path_limit = 0;
	ASSERT_SELECTED(fixture, 1);
	/* The best one must not travel: then none does. */
	for (unsigned i = 1; i <= 2; i++) {
		fixture->peers[i]->source = POLICY_SOURCE_IBGP;
		fixture->peers[i]->reflector_client = i == 2;
		advertise(fixture, i, 65001, 1);
	}
	assert_selected(fixture, NULL, 0);
	fixture->key.path_limit = 2;
	ASSERT_SELECTED(fixture, 2);
}

static void paths_of_this_node_have_an_audience(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	const struct ip_prefix at = prefix_of(PREFIX);

	for (uint64_t i = 1; i <= 4; i++) {
		const struct attribute_set_extra extra = {.audience = i};
		struct attribute_set *set = attribute_set_intern(store, &attributes, &extra);

		rib_update(fixture->rib, fixture->peers[0], &at, (uint32_t)i, set, 0);
		attribute_set_release(store, set);
	}
	advertise(fixture, 1, 65001, 0);
	fixture->key.audiences = 4;
	fixture->key.path_limit = 9;
	ASSERT_SELECTED(fixture, 1, 0);
	assert_int_equal(fixture->selection.routes[1].path->path_id, 4);
}

static void filtered_paths_are_not_selected(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", NULL);

	assert_selected(fixture, NULL, 0); /* no such prefix */
	announce(fixture->rib, fixture->peers[1], PREFIX, 0, &attributes, RIB_PATH_FILTERED);
	assert_selected(fixture, NULL, 0);
	advertise(fixture, 2, 65001, 0);
	announce(fixture->rib, fixture->peers[3], PREFIX, 0, &attributes, RIB_PATH_FILTERED);
	ASSERT_SELECTED(fixture, 2);
}

static void more_paths_than_fit_on_the_stack(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = PEERS; i > 0; i--)
		advertise(fixture, i, 65001, 0);
	ASSERT_SELECTED(fixture, 1, 2, 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(best_ones_are_ranked_by_the_decision_process),
	    TEST(best_of_some_paths_is_that_of_the_lowest_cost),
	    TEST(best_path_of_the_table_comes_first),
	    TEST(limit_of_one_sends_what_others_are_sent),
	    TEST(paths_of_this_node_have_an_audience),
	    TEST(filtered_paths_are_not_selected),
	    TEST(more_paths_than_fit_on_the_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
