/*
 * The tree of addresses against a list of them, over random addresses that are near each other.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "fib/address_tree.h"
#include "model_random.h"

enum { LEAVES = 200, ROUNDS = 20000 };

struct item {
	struct address_leaf leaf;
	bool in_tree;
	bool seen;
};

struct model {
	struct address_tree tree;
	struct item items[LEAVES];
	unsigned seen;
};

static void see(void *arg, struct address_leaf *leaf)
{
	struct model *model = arg;
	struct item *item = (struct item *)leaf;

	assert_true(item->in_tree);
	assert_false(item->seen);
	item->seen = true;
	model->seen++;
}

/* Few different bytes, so that many have long beginnings in common or are equal. */
static struct ip_address random_address(uint64_t *random)
{
	const enum ip_family family = random_below(random, 2) ? IPV6 : IPV4;
	uint8_t bytes[16] = {0};

	for (size_t i = 0; i < ip_family_bits(family) / 8; i++)
		bytes[i] = (uint8_t)(random_below(random, 8) ? 0 : 1u << random_below(random, 8));
	return ip_address_from_bytes(family, bytes);
}

static unsigned count_inside(struct model *model, const struct ip_prefix *prefix)
{
	unsigned count = 0;

	for (size_t i = 0; i < LEAVES; i++) {
		model->items[i].seen = false;
		count += model->items[i].in_tree &&
			 ip_prefix_contains(prefix, &model->items[i].leaf.address);
	}
	return count;
}

static void check(struct model *model, uint64_t *random)
{
	const struct ip_address address = random_address(random);
	const struct ip_prefix prefix = ip_prefix_from_address(
	    &address, random_below(random, ip_family_bits(address.family) + 1));
	const unsigned inside = count_inside(model, &prefix);
	const unsigned most = random_below(random, 2) ? LEAVES : random_below(random, 4);
	const unsigned found = address_tree_walk(&model->tree, &prefix, most, see, model);

	assert_int_equal(found, inside <= most ? inside : most + 1);
	assert_int_equal(model->seen, inside <= most ? inside : most);
	model->seen = 0;
}

static void test_finds_what_is_inside_of_a_prefix(void **state)
{
	uint64_t random = 7;
	struct model *model = calloc(1, sizeof(*model));

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct item *item = &model->items[random_below(&random, LEAVES)];

		if (item->in_tree) {
			address_tree_remove(&model->tree, &item->leaf);
		} else {
			item->leaf.address = random_address(&random);
			address_tree_add(&model->tree, &item->leaf);
		}
		item->in_tree = !item->in_tree;
		check(model, &random);
	}
	for (size_t i = 0; i < LEAVES; i++) {
		if (model->items[i].in_tree)
			address_tree_remove(&model->tree, &model->items[i].leaf);
	}
	assert_null(model->tree.roots[IPV4]);
	assert_null(model->tree.roots[IPV6]);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_finds_what_is_inside_of_a_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
