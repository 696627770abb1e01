/*
 * A hash table by place, and a list of those that are to be removed.  One whose removal the kernel
 * has been asked for is in the table only, and stays until the answer is there.
 */
#include "fib/leftover.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What identifies a leftover; zeroed before it is filled in, as it is hashed and compared. */
struct leftover_key {
	struct ip_prefix prefix;
	uint8_t protocol;
	uint32_t table;
	uint32_t metric;
};

static struct leftover_key make_key(
    const struct ip_prefix *prefix, uint32_t table, uint32_t metric, uint8_t protocol)
{
	struct leftover_key key;

	memset(&key, 0, sizeof(key));
	key.prefix = *prefix;
	key.protocol = protocol;
	key.table = table;
	key.metric = metric;
	return key;
}

static uint64_t key_hash(const struct leftovers *leftovers, const struct leftover_key *key)
{
	return hash_bytes(key, sizeof(*key), leftovers->seed);
}

static bool key_equal(const void *item, const void *key)
{
	const struct leftover *leftover = item;
	const struct leftover_key *wanted = key;

	return leftover->table == wanted->table && leftover->metric == wanted->metric &&
	       leftover->protocol == wanted->protocol &&
	       ip_prefix_equal(&leftover->prefix, &wanted->prefix);
}

static void unlink_queued(struct leftovers *leftovers, struct leftover *leftover)
{
	leftover->queued = false;
	if (leftover->previous)
		leftover->previous->next = leftover->next;
	else
		leftovers->first = leftover->next;
	if (leftover->next)
		leftover->next->previous = leftover->previous;
	leftover->next = NULL;
	leftover->previous = NULL;
}

struct leftover *leftover_find(const struct leftovers *leftovers, const struct ip_prefix *prefix,
    uint32_t table, uint32_t metric, uint8_t protocol)
{
	const struct leftover_key key = make_key(prefix, table, metric, protocol);

	return hash_table_find(&leftovers->table, key_hash(leftovers, &key), key_equal, &key);
}

struct leftover *leftover_add(struct leftovers *leftovers, const struct ip_prefix *prefix,
    uint32_t table, uint32_t metric, uint8_t protocol)
{
	const struct leftover_key key = make_key(prefix, table, metric, protocol);
	struct leftover *leftover = leftover_find(leftovers, prefix, table, metric, protocol);

	if (leftover)
		return leftover;
	leftover = memory_allocate_zero(1, sizeof(*leftover));
	leftover->prefix = *prefix;
	leftover->table = table;
	leftover->metric = metric;
	leftover->protocol = protocol;
	hash_table_insert(&leftovers->table, key_hash(leftovers, &key), leftover);
	return leftover;
}

void leftover_queue(struct leftovers *leftovers, struct leftover *leftover)
{
	if (leftover->queued || leftover->in_flight)
		return;
	leftover->queued = true;
	leftover->next = leftovers->first;
	if (leftover->next)
		leftover->next->previous = leftover;
	leftovers->first = leftover;
}

struct leftover *leftover_take_queued(struct leftovers *leftovers)
{
	struct leftover *leftover = leftovers->first;

	if (!leftover)
		return NULL;
	unlink_queued(leftovers, leftover);
	leftover->in_flight = true;
	return leftover;
}

struct leftover *leftover_next(const struct leftovers *leftovers, size_t *cursor)
{
	return hash_table_next(&leftovers->table, cursor);
}

void leftover_remove(struct leftovers *leftovers, struct leftover *leftover)
{
	const struct leftover_key key =
	    make_key(&leftover->prefix, leftover->table, leftover->metric, leftover->protocol);

	if (leftover->queued)
		unlink_queued(leftovers, leftover);
	hash_table_remove(&leftovers->table, key_hash(leftovers, &key), leftover);
	free(leftover);
}

void leftovers_free(struct leftovers *leftovers)
{
	struct leftover *leftover;
	size_t cursor = 0;

	while ((leftover = leftover_next(leftovers, &cursor)))
		free(leftover);
	hash_table_free(&leftovers->table);
	leftovers->first = NULL;
}
