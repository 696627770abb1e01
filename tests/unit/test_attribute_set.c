/* Hash-consing of attribute sets, and the tracking of next hops. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "routes.h"

static const struct attribute_set_extra none;
static const uint32_t path[] = {65001, 65002, 0};

struct fixture {
	struct attribute_store store;
	struct arena arena;
	unsigned tracked;
	unsigned untracked;
	const struct rib_next_hop *last;
};

static void count_track(void *arg, struct rib_next_hop *next_hop)
{
	struct fixture *fixture = arg;

	fixture->tracked++;
	fixture->last = next_hop;
}

static void count_untrack(void *arg, struct rib_next_hop *next_hop)
{
	struct fixture *fixture = arg;

	fixture->untracked++;
	assert_int_equal(next_hop->references, 0);
}

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){.tracked = 0};
	attribute_store_init(&fixture.store, 1);
	fixture.store.ops = (struct rib_next_hop_ops){count_track, count_untrack};
	fixture.store.ops_arg = &fixture;
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	int left = (int)(fixture->store.sets.count + fixture->store.next_hops.count) ||
		   fixture->store.bytes;

	attribute_store_release(&fixture->store);
	arena_free(&fixture->arena);
	return left;
}

static void equal_content_is_one_set(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes one = attributes_of(&fixture->arena, "192.0.2.1", path);
	struct bgp_attributes two = attributes_of(&fixture->arena, "192.0.2.1", path);
	struct attribute_set *a, *b;

	/* In another order: communities are a set. */
	add_community(&fixture->arena, &one, 1);
	add_community(&fixture->arena, &one, 2);
	add_community(&fixture->arena, &two, 2);
	add_community(&fixture->arena, &two, 1);
	a = attribute_set_intern(&fixture->store, &one, &none);
	b = attribute_set_intern(&fixture->store, &two, &none);
	assert_ptr_equal(a, b);
	assert_int_equal(a->references, 2);
	assert_int_equal(fixture->store.sets.count, 1);
	attribute_set_release(&fixture->store, a);
	assert_int_equal(fixture->store.sets.count, 1);
	attribute_set_release(&fixture->store, b);
	assert_int_equal(fixture->store.sets.count, 0);
}

static void any_difference_is_another_set(void **state)
{
	struct fixture *fixture = *state;
	struct attribute_set *sets[8];
	const struct attribute_set_extra extras[] = {
	    {.scope = 1}, {.kernel_metric = 1}, {.audience = 1}, {.graceful_shutdown = true}};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);

	sets[0] = attribute_set_intern(&fixture->store, &attributes, &none);
	for (size_t i = 0; i < 4; i++)
		sets[i + 1] = attribute_set_intern(&fixture->store, &attributes, &extras[i]);
	set_med(&attributes, 0); /* absent and 0 decide alike, but are sent differently */
	sets[5] = attribute_set_intern(&fixture->store, &attributes, &none);
	attributes.next_hop.address = address_of("192.0.2.2");
	sets[6] = attribute_set_intern(&fixture->store, &attributes, &none);
	attributes.next_hop.link_local = address_of("fe80::1");
	sets[7] = attribute_set_intern(&fixture->store, &attributes, &none);
	for (size_t i = 0; i < 8; i++)
		for (size_t j = 0; j < i; j++) {
			assert_ptr_not_equal(sets[i], sets[j]);
			assert_true(sets[i]->hash != sets[j]->hash);
		}
	assert_int_equal(sets[2]->kernel_metric, 1);
	assert_int_equal(sets[3]->audience, 1);
	assert_true(sets[4]->graceful_shutdown);
	assert_int_equal(sets[1]->next_hop->scope, 1);
	for (size_t i = 0; i < 8; i++)
		attribute_set_release(&fixture->store, sets[i]);
}

static void numbers_for_the_decision_are_taken_out(void **state)
{
	struct fixture *fixture = *state;
	const uint8_t clusters[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);
	struct attribute_set *bare = attribute_set_intern(&fixture->store, &attributes, &none);
	struct attribute_set *full;

	assert_int_equal(bare->local_pref, 100);
	assert_int_equal(bare->med, 0);
	assert_int_equal(bare->as_path_length, 2);
	assert_int_equal(bare->neighbour_asn, 65001);
	assert_int_equal(bare->origin, BGP_ORIGIN_IGP);
	assert_false(bare->has_originator_id);
	set_local_pref(&attributes, 7);
	set_med(&attributes, 8);
	attributes.origin = BGP_ORIGIN_INCOMPLETE;
	attributes.cluster_list = (struct wire_span){clusters, sizeof(clusters)};
	bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_CLUSTER_LIST);
	wire_store_u32(attributes.originator_id, 0x01020304);
	bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_ORIGINATOR_ID);
	full = attribute_set_intern(&fixture->store, &attributes, &none);
	assert_int_equal(full->local_pref, 7);
	assert_int_equal(full->med, 8);
	assert_int_equal(full->origin, BGP_ORIGIN_INCOMPLETE);
	assert_int_equal(full->cluster_length, 2);
	assert_true(full->has_originator_id);
	assert_int_equal(full->originator_id, 0x01020304);
	attribute_set_release(&fixture->store, bare);
	attribute_set_release(&fixture->store, full);
}

static void view_gives_back_what_was_interned(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "2001:db8::1", path);
	struct bgp_attributes view;
	struct attribute_set *set;

	set_med(&attributes, 9);
	add_community(&fixture->arena, &attributes, 0xfde80001);
	attributes.next_hop.link_local = address_of("fe80::1");
	set = attribute_set_intern(&fixture->store, &attributes, &none);
	attribute_set_view(set, &view);
	assert_int_equal(view.present, attributes.present);
	assert_int_equal(view.med, 9);
	assert_true(wire_span_equal(view.as_path, attributes.as_path));
	assert_true(wire_span_equal(view.communities[BGP_COMMUNITY_STANDARD],
	    attributes.communities[BGP_COMMUNITY_STANDARD]));
	assert_memory_equal(&view.next_hop, &attributes.next_hop, sizeof(view.next_hop));
	attribute_set_release(&fixture->store, set);
}

static void next_hop_is_tracked_from_first_to_last_use(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);
	struct attribute_set *one, *two;

	one = attribute_set_intern(&fixture->store, &attributes, &none);
	assert_int_equal(fixture->tracked, 1);
	assert_ptr_equal(one->next_hop, fixture->last);
	assert_false(one->next_hop->reachable);
	set_med(&attributes, 1);
	two = attribute_set_intern(&fixture->store, &attributes, &none);
	assert_int_equal(fixture->tracked, 1);
	assert_ptr_equal(two->next_hop, one->next_hop);
	attribute_set_release(&fixture->store, one);
	assert_int_equal(fixture->untracked, 0);
	attribute_set_release(&fixture->store, two);
	assert_int_equal(fixture->untracked, 1);
}

static void this_node_as_next_hop_is_not_tracked(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);
	struct attribute_set *set = attribute_set_intern(&fixture->store, &attributes, &none);

	assert_true(set->next_hop->reachable);
	assert_int_equal(set->neighbour_asn, 0);
	attribute_set_release(&fixture->store, set);
	assert_int_equal(fixture->tracked + fixture->untracked, 0);
}

static void link_bandwidth_is_read_from_the_set(void **state)
{
	static const uint8_t bandwidth[] = {0x40, 0x04, 0xfc, 0x00, 0x42, 0xc8, 0x00, 0x00};
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);
	struct attribute_set *without;
	struct attribute_set *with;

	without = attribute_set_intern(&fixture->store, &attributes, &none);
	bgp_attributes_set_communities(
	    &attributes, BGP_COMMUNITY_EXTENDED, (struct wire_span){bandwidth, sizeof(bandwidth)});
	with = attribute_set_intern(&fixture->store, &attributes, &none);
	assert_int_equal(attribute_set_link_bandwidth(without), 0);
	assert_int_equal(attribute_set_link_bandwidth(with), 100);
	attribute_set_release(&fixture->store, without);
	attribute_set_release(&fixture->store, with);
}

static void too_long_a_set_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);
	uint8_t *value = calloc(1, 40000);

	for (uint8_t i = 0; i < 2; i++)
		attributes.unknown[attributes.unknown_count++] = (struct bgp_unknown_attribute){
		    .flags = 0xe0, .type = 200 + i, .value = {value, 40000}};
	assert_null(attribute_set_intern(&fixture->store, &attributes, &none));
	assert_int_equal(fixture->tracked, 0);
	free(value);
}

static void thousands_of_sets_are_told_apart(void **state)
{
	enum { SETS = 5000 };
	struct fixture *fixture = *state;
	struct attribute_set **sets = calloc(SETS, sizeof(struct attribute_set *));
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);

	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < SETS; i++) {
			struct attribute_set *set;

			set_med(&attributes, i);
			set = attribute_set_intern(&fixture->store, &attributes, &none);
			if (round)
				assert_ptr_equal(set, sets[i]);
			assert_int_equal(set->med, i);
			sets[i] = set;
		}
		assert_int_equal(fixture->store.sets.count, SETS);
	}
	for (uint32_t i = 0; i < SETS; i++) {
		attribute_set_release(&fixture->store, sets[i]);
		attribute_set_release(&fixture->store, sets[i]);
	}
	free(sets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(equal_content_is_one_set, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(any_difference_is_another_set, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		numbers_for_the_decision_are_taken_out, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(view_gives_back_what_was_interned, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		next_hop_is_tracked_from_first_to_last_use, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		this_node_as_next_hop_is_not_tracked, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(link_bandwidth_is_read_from_the_set, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(too_long_a_set_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(thousands_of_sets_are_told_apart, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
