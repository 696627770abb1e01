/*
 * Refinement: each list splits the classes that it has a part of.  A name is looked at once for
 * each time it stands in a list.
 */
#include "config/peer_classes.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool member_has_name(const void *item, const void *key)
{
	const struct peer_class_member *member = item;

	return strcmp(member->name, key) == 0;
}

static struct peer_class_member *find_member(const struct peer_classes *classes, const char *name)
{
	return hash_table_find(&classes->by_name, hash_string(name, 0), member_has_name, name);
}

const struct peer_class_member *peer_classes_find(
    const struct peer_classes *classes, const char *name)
{
	return find_member(classes, name);
}

static struct peer_class_member *add_member(struct peer_classes *classes, const char *name)
{
	struct peer_class_member *member = memory_allocate_zero(1, sizeof(*member));

	member->name = memory_copy_string(name);
	member->hash = hash_string(name, 0);
	hash_table_insert(&classes->by_name, member->hash, member);
	classes->members = memory_grow(classes->members, &classes->capacity, classes->count + 1,
	    sizeof(struct peer_class_member *));
	classes->members[classes->count++] = member;
	return member;
}

/* Gives each class a new number as its first member comes; returns how many there are then. */
static unsigned renumber(unsigned *numbers, unsigned class, unsigned next)
{
	if (numbers[class])
		return next;
	numbers[class] = next;
	return next + 1;
}

void peer_classes_add(struct peer_classes *classes, char *const *names, size_t count)
{
	const size_t list = ++classes->list_count;
	unsigned next = classes->class_count ? classes->class_count : 1;
	/* By old class: the one of those of its members that are in this list; 0: none yet. */
	unsigned *split = memory_allocate_zero(next, sizeof(*split));

	for (size_t i = 0; i < count; i++) {
		struct peer_class_member *member;

		if (!names[i])
			continue;
		member = find_member(classes, names[i]);
		if (!member)
			member = add_member(classes, names[i]);
		if (member->list == list)
			continue;
		member->list = list;
		next = renumber(split, member->class, next);
		member->class = split[member->class];
	}
	classes->class_count = next;
	free(split);
}

void peer_classes_number(struct peer_classes *classes)
{
	unsigned *numbers = memory_allocate_zero(classes->class_count + 1, sizeof(*numbers));
	unsigned next = 1;

	for (size_t i = 0; i < classes->count; i++) {
		next = renumber(numbers, classes->members[i]->class, next);
		classes->members[i]->class = numbers[classes->members[i]->class];
	}
	classes->class_count = next;
	free(numbers);
}

void peer_classes_free(struct peer_classes *classes)
{
	for (size_t i = 0; i < classes->count; i++) {
		free(classes->members[i]->name);
		free(classes->members[i]);
	}
	free(classes->members);
	hash_table_free(&classes->by_name);
	memset(classes, 0, sizeof(*classes));
}
