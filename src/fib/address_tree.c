/*
 * A binary tree by bits, with a node only where addresses differ: what lies in a prefix is one
 * subtree, found in as many steps as addresses differ in bits above.  An array in order would be
 * simpler, but each address that a neighbour invents would move all those behind it.
 */
#include "fib/address_tree.h"

#include <stdlib.h>

#include "base/memory.h"

struct address_node {
	unsigned bit; /* in which the two sides differ; unless it has leaves */
	struct address_node *sides[2];
	struct address_leaf *leaves; /* all of one address */
};

static unsigned bit_at(const uint8_t *bytes, unsigned bit)
{
	return bytes[bit / 8] >> (7 - bit % 8) & 1;
}

static struct address_node *make_leaf_node(struct address_leaf *leaf)
{
	struct address_node *node = memory_allocate_zero(1, sizeof(*node));

	leaf->next = NULL;
	node->leaves = leaf;
	return node;
}

/* The only node that may have the address, or one that differs from it later than all others. */
static struct address_node *find_nearest(
    struct address_node *node, const struct ip_address *address)
{
	while (!node->leaves)
		node = node->sides[bit_at(address->bytes, node->bit)];
	return node;
}

static unsigned first_difference(const struct ip_address *a, const struct ip_address *b)
{
	unsigned bit = 0;

	while (bit_at(a->bytes, bit) == bit_at(b->bytes, bit))
		bit++;
	return bit;
}

void address_tree_add(struct address_tree *tree, struct address_leaf *leaf)
{
	const struct ip_address *address = &leaf->address;
	struct address_node **at = &tree->roots[address->family];
	struct address_node *nearest, *fork;
	unsigned side;

	if (!*at) {
		*at = make_leaf_node(leaf);
		return;
	}
	nearest = find_nearest(*at, address);
	if (ip_address_equal(&nearest->leaves->address, address)) {
		leaf->next = nearest->leaves;
		nearest->leaves = leaf;
		return;
	}
	fork = memory_allocate_zero(1, sizeof(*fork));
	fork->bit = first_difference(address, &nearest->leaves->address);
	while (!(*at)->leaves && (*at)->bit < fork->bit)
		at = &(*at)->sides[bit_at(address->bytes, (*at)->bit)];
	side = bit_at(address->bytes, fork->bit);
	fork->sides[side] = make_leaf_node(leaf);
	fork->sides[!side] = *at;
	*at = fork;
}

void address_tree_remove(struct address_tree *tree, struct address_leaf *leaf)
{
	struct address_node **at = &tree->roots[leaf->address.family];
	struct address_node **above = NULL;
	struct address_leaf **link;
	struct address_node *node;
	unsigned side = 0;

	while (!(*at)->leaves) {
		above = at;
		side = bit_at(leaf->address.bytes, (*at)->bit);
		at = &(*at)->sides[side];
	}
	node = *at;
	for (link = &node->leaves; *link != leaf;)
		link = &(*link)->next;
	*link = leaf->next;
	if (node->leaves)
		return;
	if (above) {
		struct address_node *fork = *above;

		*above = fork->sides[!side];
		free(fork);
	} else {
		*at = NULL;
	}
	free(node);
}

static unsigned walk_leaves(
    struct address_leaf *leaf, unsigned most, address_tree_callback *callback, void *arg)
{
	unsigned count = 0;

	while (leaf && count <= most) {
		struct address_leaf *next = leaf->next;

		if (count++ < most)
			callback(arg, leaf);
		leaf = next;
	}
	return count;
}

/* As deep as an address has bits. */
static unsigned walk_below(
    const struct address_node *node, unsigned most, address_tree_callback *callback, void *arg)
{
	unsigned count;

	if (node->leaves)
		return walk_leaves(node->leaves, most, callback, arg);
	count = walk_below(node->sides[0], most, callback, arg);
	if (count <= most)
		count += walk_below(node->sides[1], most - count, callback, arg);
	return count;
}

unsigned address_tree_walk(const struct address_tree *tree, const struct ip_prefix *prefix,
    unsigned most, address_tree_callback *callback, void *arg)
{
	const struct ip_address address = ip_prefix_address(prefix);
	struct address_node *node = tree->roots[prefix->family];

	while (node && !node->leaves && node->bit < prefix->length)
		node = node->sides[bit_at(prefix->bytes, node->bit)];
	if (!node || !ip_prefix_contains(prefix, &find_nearest(node, &address)->leaves->address))
		return 0;
	return walk_below(node, most, callback, arg);
}
