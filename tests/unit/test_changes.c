/* When the id of a prefix is given up: not while somebody needs it, and then once. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "routes.h"

/* More than are given up at a time. */
enum { MANY = 100 };

struct fixture {
	struct rib *rib;
	struct rib_peer *peer;
	struct arena arena;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){.rib = rib_new(NULL, &(struct rib_options){3, 1})};
	fixture.peer = add_peer(fixture.rib, POLICY_SOURCE_EBGP, 1);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	rib_free(fixture->rib);
	arena_free(&fixture->arena);
	return 0;
}

static struct ip_prefix numbered(uint32_t number)
{
	struct ip_address address = ip_address_from_ipv4(0x0a000000 + (number << 8));

	return ip_prefix_from_address(&address, 24);
}

/* The id of prefix `number` after it was announced. */
static uint32_t send(struct fixture *fixture, uint32_t number)
{
	static const uint32_t path[] = {65001, 0};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);
	struct ip_prefix prefix = numbered(number);
	char text[IP_TEXT_MAX];
	uint32_t id;

	announce(fixture->rib, fixture->peer, ip_prefix_print(&prefix, text), 0, &attributes, 0);
	assert_non_null(rib_find(fixture->rib, &prefix, &id));
	return id;
}

static void withdraw(struct fixture *fixture, uint32_t number)
{
	struct ip_prefix prefix = numbered(number);

	assert_true(rib_withdraw(fixture->rib, fixture->peer, &prefix, 0));
}

static void assert_id_is(const struct fixture *fixture, uint32_t id, uint32_t number)
{
	struct ip_prefix prefix = numbered(number);

	assert_true(ip_prefix_equal(rib_held_prefix(fixture->rib, IPV4, id), &prefix));
}

static void id_that_comes_into_use_again_is_not_given_up(void **state)
{
	struct fixture *fixture = *state;
	uint32_t id = send(fixture, 1);

	for (unsigned i = 0; i < 3; i++) {
		rib_hold_prefix(fixture->rib, IPV4, id);
		withdraw(fixture, 1);
		rib_flush(fixture->rib);
		assert_id_is(fixture, id, 1);
		rib_release_prefix(fixture->rib, IPV4, id);
		assert_int_equal(send(fixture, 1), id);
		rib_flush(fixture->rib);
		assert_int_equal(send(fixture, 1), id);
	}
}

static void id_that_is_let_go_of_twice_is_given_up_once(void **state)
{
	struct fixture *fixture = *state;
	uint32_t id = send(fixture, 1);

	rib_hold_prefix(fixture->rib, IPV4, id);
	withdraw(fixture, 1);
	rib_flush(fixture->rib);
	rib_release_prefix(fixture->rib, IPV4, id);
	rib_hold_prefix(fixture->rib, IPV4, id);
	rib_release_prefix(fixture->rib, IPV4, id);
	assert_int_equal(send(fixture, 1), id);
	withdraw(fixture, 1);
	rib_flush(fixture->rib);
	assert_int_equal(rib_limit(fixture->rib, IPV4), 1);
}

static void id_is_not_given_up_before_the_listeners_are_told(void **state)
{
	struct fixture *fixture = *state;
	uint32_t ids[MANY];

	for (uint32_t i = 0; i < MANY; i++)
		ids[i] = send(fixture, i);
	rib_flush(fixture->rib);
	for (uint32_t i = 0; i < MANY; i++) {
		withdraw(fixture, i);
		rib_hold_prefix(fixture->rib, IPV4, ids[i]);
		rib_release_prefix(fixture->rib, IPV4, ids[i]);
	}
	for (uint32_t i = 0; i < MANY; i++)
		assert_id_is(fixture, ids[i], i);
	rib_flush(fixture->rib);
	assert_int_equal(rib_limit(fixture->rib, IPV4), 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(id_that_comes_into_use_again_is_not_given_up),
	    TEST(id_that_is_let_go_of_twice_is_given_up_once),
	    TEST(id_is_not_given_up_before_the_listeners_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
