/*
 * Routes whose next hop is an address of this node, and such addresses that move to another node: a
 * speaker in a network of its own, and a neighbour that says everything once.
 */
#define _GNU_SOURCE 1 /* unshare */

#include <sched.h>

#include "speaker/private.h"
#include "speaker_rig.h"

#define SKIPPED 77
#define TURNS_MAX 500

static const char configuration[] =
    "node: {name: n0}\n"
    "router: {asn: 64512, routerID: 10.0.0.1, listen: {port: 17919}}\n"
    "cluster: {source: none}\n"
    "fib: {install: false}\n"
    "metrics: {listen: \"\"}\n"
    "filters:\n"
    "- name: all\n"
    "  rules:\n"
    "  - {match: {nextHop: [10.0.0.7]}, action: accept, set: {nextHop: 10.0.0.2}}\n"
    "  - {action: accept}\n"
    "peers: [{name: tor, address: 10.0.0.2, asn: 65000, shutdown: true, import: [all]}]\n";

static void run(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

/* The address that moves is 10.0.0.9; without it 10.0.0.0/24 is on the link all the same. */
static int set_up(void **state)
{
	struct speaker_rig *rig = speaker_rig_new();

	run("ip link set lo up && ip link add d0 type veth peer name p0 && ip link set d0 up && "
	    "ip link set p0 up && ip address add 10.0.0.1/24 dev d0 && "
	    "ip address add 10.0.0.7/32 dev d0 && ip address add 10.0.0.9/32 dev d0");
	speaker_rig_configure(rig, configuration);
	speaker_rig_start(rig);
	for (unsigned i = 0; i < TURNS_MAX && !rig->speaker->fib_ready; i++)
		loop_run_once(rig->loop, 10);
	assert_true(rig->speaker->fib_ready);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	speaker_rig_free(*state);
	run("ip link del d0");
	return 0;
}

/* 198.51.100.0/24 over this next hop. */
static void hear_route(const struct speaker_rig *rig, const char *next_hop)
{
	static const uint8_t prefix[] = {24, 198, 51, 100};
	struct bgp_update *update = calloc(1, sizeof *update);

	bgp_attributes_init(&update->attributes);
	assert_true(ip_address_parse(next_hop, &update->attributes.next_hop.address));
	update->announced = (struct wire_span){prefix, sizeof prefix};
	speaker_import_update(speaker_index_find_name(rig->speaker, "tor"), update);
	free(update);
}

static bool is_used(const struct speaker_rig *rig)
{
	struct ip_prefix prefix;
	const struct rib_prefix *found;

	assert_true(ip_prefix_parse("198.51.100.0/24", &prefix, NULL));
	found = rib_find(rig->speaker->rib, &prefix, NULL);
	assert_non_null(found);
	return rib_best_path(found) != NULL;
}

static void run_until_used(const struct speaker_rig *rig, bool used)
{
	for (unsigned i = 0; i < TURNS_MAX && is_used(rig) != used; i++)
		loop_run_once(rig->loop, 10);
	assert_int_equal(is_used(rig), used);
}

static void test_rfc4271_5_1_3_is_used_when_the_address_has_left_this_node(void **state)
{
	struct speaker_rig *rig = *state;

	hear_route(rig, "10.0.0.9");
	assert_false(is_used(rig));
	for (unsigned i = 0; i < 10; i++)
		loop_run_once(rig->loop, 1);
	assert_false(is_used(rig));
	run("ip address del 10.0.0.9/32 dev d0");
	run_until_used(rig, true);
}

static void test_rfc4271_5_1_3_is_not_used_when_the_address_has_come_to_this_node(void **state)
{
	struct speaker_rig *rig = *state;

	hear_route(rig, "10.0.0.8");
	assert_true(is_used(rig));
	run("ip address add 10.0.0.8/32 dev d0");
	run_until_used(rig, false);
	run("ip address del 10.0.0.8/32 dev d0");
	run_until_used(rig, true);
}

static void a_filter_may_give_it_another_next_hop(void **state)
{
	struct speaker_rig *rig = *state;

	hear_route(rig, "10.0.0.7");
	assert_true(is_used(rig));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_rfc4271_5_1_3_is_used_when_the_address_has_left_this_node),
	    TEST(test_rfc4271_5_1_3_is_not_used_when_the_address_has_come_to_this_node),
	    TEST(a_filter_may_give_it_another_next_hop),
	};

	if (unshare(CLONE_NEWNET))
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
