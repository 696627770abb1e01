/*
 * A set of addresses that is asked for those inside of a prefix.  The leaves are embedded in what
 * has the addresses; it is not changed while it is in the tree.  Called by next_hop.c.
 */
#ifndef FIB_ADDRESS_TREE_H
#define FIB_ADDRESS_TREE_H

#include "base/address.h"

struct address_leaf {
	struct ip_address address;
	struct address_leaf *next; /* of the same address */
};

/* Zeroed is empty; it has no memory of its own when it is empty again. */
struct address_tree {
	struct address_node *roots[IP_FAMILIES];
};

void address_tree_add(struct address_tree *tree, struct address_leaf *leaf);
void address_tree_remove(struct address_tree *tree, struct address_leaf *leaf);
/*
 * Calls back for each leaf inside of the prefix, for `most` at most, and returns how many there
 * are; `most` + 1: there are more.
 */
typedef void address_tree_callback(void *arg, struct address_leaf *leaf);
unsigned address_tree_walk(const struct address_tree *tree, const struct ip_prefix *prefix,
    unsigned most, address_tree_callback *callback, void *arg);

#endif
