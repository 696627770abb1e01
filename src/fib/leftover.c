/*
 * A hash table by place, and lists through the leftovers, so that nothing that concerns all of them
 * takes longer than with one: to have all removed is to move a list.  One that is told of goes to
 * the end of its list, so those that the last dump did not tell of are at the front.  One whose
 * removal the kernel has been asked for is in the table only, and stays until the answer is there.
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

/* Lists */

static void unlink_from_list(struct leftover *leftover)
{
	leftover->link.previous->next = leftover->link.next;
	leftover->link.next->previous = leftover->link.previous;
	leftover->link = (struct leftover_link){NULL, NULL};
}

static void append(struct leftovers *leftovers, enum leftover_list list, struct leftover *leftover)
{
	struct leftover_link *head = &leftovers->lists[list];

	leftover->link = (struct leftover_link){head, head->previous};
	head->previous->next = &leftover->link;
	head->previous = &leftover->link;
}

static void move(struct leftovers *leftovers, enum leftover_list list, struct leftover *leftover)
{
	unlink_from_list(leftover);
	append(leftovers, list, leftover);
}

/* Moves all of one list to the end of that of the queued ones. */
static void queue_list(struct leftovers *leftovers, enum leftover_list list)
{
	struct leftover_link *from = &leftovers->lists[list];
	struct leftover_link *to = &leftovers->lists[LEFTOVERS_QUEUED];

	if (from->next == from)
		return;
	from->next->previous = to->previous;
	to->previous->next = from->next;
	from->previous->next = to;
	to->previous = from->previous;
	*from = (struct leftover_link){from, from};
}

struct leftover *leftovers_first(const struct leftovers *leftovers, enum leftover_list list)
{
	const struct leftover_link *head = &leftovers->lists[list];

	/* The link is the first member. */
	return head->next == head ? NULL : (struct leftover *)head->next;
}

/* Life */

void leftovers_init(struct leftovers *leftovers, uint64_t seed)
{
	size_t i;

	*leftovers = (struct leftovers){.seed = seed};
	for (i = 0; i < LEFTOVER_LISTS; i++)
		leftovers->lists[i] =
		    (struct leftover_link){&leftovers->lists[i], &leftovers->lists[i]};
}

void leftovers_free(struct leftovers *leftovers)
{
	struct leftover *leftover;
	size_t cursor = 0;

	while ((leftover = leftover_next(leftovers, &cursor)))
		free(leftover);
	hash_table_free(&leftovers->table);
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
	append(leftovers, LEFTOVERS_KEPT, leftover);
	return leftover;
}

void leftover_confirm(struct leftovers *leftovers, struct leftover *leftover, uint8_t generation)
{
	leftover->generation = generation;
	if (!leftover->in_flight && !leftover->unwanted)
		move(leftovers, LEFTOVERS_KEPT, leftover);
}

void leftover_queue(struct leftovers *leftovers, struct leftover *leftover)
{
	leftover->unwanted = true;
	if (!leftover->in_flight)
		move(leftovers, LEFTOVERS_QUEUED, leftover);
}

void leftovers_queue_all(struct leftovers *leftovers)
{
	queue_list(leftovers, LEFTOVERS_KEPT);
}

struct leftover *leftover_take_queued(struct leftovers *leftovers)
{
	struct leftover *leftover = leftovers_first(leftovers, LEFTOVERS_QUEUED);

	if (!leftover)
		return NULL;
	unlink_from_list(leftover);
	leftover->in_flight = true;
	return leftover;
}

void leftover_refuse(struct leftovers *leftovers, struct leftover *leftover, uint16_t error)
{
	leftover->in_flight = false;
	leftover->unwanted = true;
	leftover->error = error;
	append(leftovers, LEFTOVERS_REFUSED, leftover);
}

void leftovers_retry(struct leftovers *leftovers)
{
	queue_list(leftovers, LEFTOVERS_REFUSED);
}

struct leftover *leftover_next(const struct leftovers *leftovers, size_t *cursor)
{
	return hash_table_next(&leftovers->table, cursor);
}

void leftover_remove(struct leftovers *leftovers, struct leftover *leftover)
{
	const struct leftover_key key =
	    make_key(&leftover->prefix, leftover->table, leftover->metric, leftover->protocol);

	if (!leftover->in_flight)
		unlink_from_list(leftover);
	hash_table_remove(&leftovers->table, key_hash(leftovers, &key), leftover);
	free(leftover);
}
