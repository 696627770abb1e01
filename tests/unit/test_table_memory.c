/*
 * What the table and the streams take from the system, by their own account: all of it goes back
 * when the routes go, in whatever order, and coming and going makes it no more.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sessions.h"

/* More than one chunk of prefixes. */
enum { MANY = 20000, SETS = 5000 };

static size_t memory_of(const struct fixture *fixture)
{
	const struct rib_memory memory = rib_memory(fixture->rib);

	return memory.prefixes + memory.paths + memory.attributes + memory.changes +
	       update_groups_memory(fixture->groups);
}

/* What is kept on purpose: small arrays. */
enum { KEPT = 16 * 1024 };

static struct ip_prefix prefix_at(enum ip_family family, uint32_t number)
{
	struct ip_address address = ip_address_from_ipv4(0x14000000 + (number << 8));

	if (family == IPV6) {
		address = address_of("2001:db8::");
		wire_store_u32(address.bytes + 4, number);
		return ip_prefix_from_address(&address, 64);
	}
	return ip_prefix_from_address(&address, 24);
}

static void advertise_version(
    struct fixture *fixture, struct rib_peer *peer, enum ip_family family, uint32_t version)
{
	const char *next_hop = family == IPV4 ? "192.0.2.1" : "2001:db8::1";
	const struct attribute_set_extra none = {0};
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct bgp_attributes attributes = attributes_of(&fixture->arena, next_hop, path);

	for (uint32_t i = 0; i <= version % 4; i++)
		add_community(&fixture->arena, &attributes, version * 8 + i);
	for (uint32_t i = family == IPV4 ? 0 : 1; i < MANY; i += 2) {
		struct ip_prefix prefix = prefix_at(family, i);
		struct attribute_set *set;

		set_med(&attributes, version * SETS + i / 4);
		set = attribute_set_intern(store, &attributes, &none);
		assert_true(rib_update(fixture->rib, peer, &prefix, 0, set, 0));
		attribute_set_release(store, set);
	}
	arena_reset(&fixture->arena);
}

/* A set has two prefixes; the sets of one flap are others, and of another size, than of the next. */
static void advertise_flap(struct fixture *fixture, struct rib_peer *peer, uint32_t version)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		advertise_version(fixture, peer, family, version);
}

/* In an order that has nothing to do with that of the announcements. */
static void withdraw_flap(struct fixture *fixture, struct rib_peer *peer, uint32_t version)
{
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t number = (i * 7919 + version) % MANY;
		struct ip_prefix prefix = prefix_at(number % 2 ? IPV6 : IPV4, number);

		assert_true(rib_withdraw(fixture->rib, peer, &prefix, 0));
	}
}

static void emptied_table_gives_all_back(void **state)
{
	struct fixture *fixture = *state;
	size_t before;

	join(fixture, 0);
	run_and_forget(fixture);
	before = memory_of(fixture);
	advertise_flap(fixture, fixture->sessions[5].peer, 0);
	run_and_forget(fixture);
	assert_true(memory_of(fixture) > MANY * sizeof(struct rib_prefix));
	withdraw_flap(fixture, fixture->sessions[5].peer, 0);
	run_and_forget(fixture);
	run_and_forget(fixture);
	assert_int_equal(fixture->sessions[0].withdrawn, MANY);
	assert_int_equal(rib_memory(fixture->rib).paths, 0);
	assert_true(memory_of(fixture) <= before + KEPT);
}

static void further_paths_are_given_back_too(void **state)
{
	struct fixture *fixture = *state;
	size_t before, with_one;

	/* A member that is a source too: whom a prefix was not sent to is noted. */
	join(fixture, 0);
	join(fixture, 1);
	run_and_forget(fixture);
	before = memory_of(fixture);
	advertise_flap(fixture, fixture->sessions[0].peer, 0);
	run_and_forget(fixture);
	with_one = memory_of(fixture);
	advertise_flap(fixture, fixture->sessions[5].peer, 1);
	run_and_forget(fixture);
	assert_true(rib_memory(fixture->rib).paths >= MANY * sizeof(struct rib_path));
	withdraw_flap(fixture, fixture->sessions[5].peer, 1);
	run_and_forget(fixture);
	assert_int_equal(rib_memory(fixture->rib).paths, 0);
	/* Hash tables shrink later than they grow. */
	assert_true(memory_of(fixture) <= with_one + with_one / 4);
	withdraw_flap(fixture, fixture->sessions[0].peer, 2);
	run_and_forget(fixture);
	run_and_forget(fixture);
	assert_true(memory_of(fixture) <= before + KEPT);
}

/* What is still to be withdrawn keeps its id, and what is noted about it. */
static void slow_member_keeps_what_it_needs(void **state)
{
	struct fixture *fixture = *state;
	size_t before;

	join(fixture, 0);
	run_and_forget(fixture);
	before = memory_of(fixture);
	advertise_flap(fixture, fixture->sessions[5].peer, 0);
	run_and_forget(fixture);
	fixture->sessions[0].queued = 1024 * 1024;
	withdraw_flap(fixture, fixture->sessions[5].peer, 0);
	run_and_forget(fixture);
	assert_int_equal(fixture->sessions[0].withdrawn, 0);
	assert_int_equal(rib_memory(fixture->rib).attributes,
	    attribute_store_memory(rib_attribute_store(fixture->rib)));
	assert_int_equal(rib_attribute_store(fixture->rib)->sets.count, 0);
	assert_true(rib_memory(fixture->rib).prefixes >= MANY * sizeof(struct rib_prefix));
	fixture->sessions[0].queued = 0;
	run_and_forget(fixture);
	run_and_forget(fixture);
	assert_int_equal(fixture->sessions[0].withdrawn, MANY);
	assert_true(memory_of(fixture) <= before + KEPT);
}

static void flaps_do_not_grow_it(void **state)
{
	enum { FLAPS = 30, FIRST = 8 };
	struct fixture *fixture = *state;
	size_t before, full = 0;

	join(fixture, 0);
	run_and_forget(fixture);
	before = memory_of(fixture);
	for (uint32_t flap = 0; flap < FLAPS; flap++) {
		size_t now;

		advertise_flap(fixture, fixture->sessions[5].peer, flap);
		run_and_forget(fixture);
		now = memory_of(fixture);
		if (flap < FIRST && now > full)
			full = now;
		assert_true(now <= full);
		withdraw_flap(fixture, fixture->sessions[5].peer, flap);
		run_and_forget(fixture);
		run_and_forget(fixture);
		assert_true(memory_of(fixture) <= before + KEPT);
	}
}

/* A tenth stays at each flap, another one each time, and the rest comes back with other sets. */
static void flaps_of_a_part_do_not_grow_it(void **state)
{
	enum { FLAPS = 30, FIRST = 4 };
	struct fixture *fixture = *state;
	size_t full = 0;

	join(fixture, 0);
	run_and_forget(fixture);
	for (uint32_t flap = 0; flap < FLAPS; flap++) {
		advertise_flap(fixture, fixture->sessions[5].peer, flap);
		run_and_forget(fixture);
		if (flap < FIRST && memory_of(fixture) > full)
			full = memory_of(fixture);
		assert_true(memory_of(fixture) <= full + full / 10);
		for (uint32_t i = 0; i < MANY; i++) {
			struct ip_prefix prefix = prefix_at(i % 2 ? IPV6 : IPV4, i);

			if ((i + flap) % 10)
				rib_withdraw(fixture->rib, fixture->sessions[5].peer, &prefix, 0);
		}
		run_and_forget(fixture);
	}
}

struct ear {
	struct rib_listener listener;
	uint32_t limit;
	unsigned told;
};

static void hear_nothing(void *arg, const struct rib_change *change)
{
	(void)arg;
	(void)change;
}

static void hear_limit(void *arg, enum ip_family family, uint32_t limit)
{
	struct ear *ear = arg;

	if (family == IPV4) {
		ear->limit = limit;
		ear->told++;
	}
}

static void listeners_are_told_of_the_limit_once(void **state)
{
	struct fixture *fixture = *state;
	struct ear ear = {.listener = {.changed = hear_nothing, .shrunk = hear_limit, .arg = &ear}};

	rib_add_listener(fixture->rib, &ear.listener);
	advertise_many(fixture, MANY, 1);
	run(fixture);
	assert_int_equal(ear.told, 0);
	for (uint32_t i = 1; i < MANY; i++) {
		struct ip_prefix prefix = prefix_at(IPV4, i);

		assert_true(rib_withdraw(fixture->rib, fixture->local, &prefix, 0));
	}
	run(fixture);
	run(fixture);
	assert_int_equal(ear.told, 1);
	assert_int_equal(ear.limit, rib_limit(fixture->rib, IPV4));
	assert_true(ear.limit <= MANY / 4);
	rib_remove_listener(fixture->rib, &ear.listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(emptied_table_gives_all_back, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(further_paths_are_given_back_too, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(slow_member_keeps_what_it_needs, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(flaps_do_not_grow_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(flaps_of_a_part_do_not_grow_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		listeners_are_told_of_the_limit_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
