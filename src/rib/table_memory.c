/*
 * What the table takes, and how the arrays of its listeners follow it down.
 *
 * Listeners index arrays by prefix id.  Ids are given out lowest first, so those of a table that
 * has become small are small numbers before long, and then the end of these arrays is worth having
 * back.  Listeners are told when the limit of ids has fallen to a quarter of what it was: each such
 * call may move an array, and comes at most once for four times as many prefixes that came and
 * went.
 */
#include "rib/table_private.h"

/* Tables of less are not worth the work. */
#define LIMIT_MIN 1024

static uint32_t id_limit(const struct rib_family *family)
{
	return slab_limit(&family->prefixes.slab);
}

bool rib_family_has_shrunk(const struct rib_family *family)
{
	const uint32_t low = family->told_limit / 4;

	/* The limit is above the count, which is asked for with every prefix that goes. */
	return family->told_limit > LIMIT_MIN && family->prefixes.slab.used < low &&
	       id_limit(family) < low;
}

static void tell_limit(struct rib *rib, enum ip_family which)
{
	const uint32_t limit = id_limit(&rib->families[which]);

	rib->families[which].told_limit = limit;
	for (struct rib_listener *listener = rib->listeners; listener; listener = listener->next)
		if (listener->shrunk)
			listener->shrunk(listener->arg, which, limit);
}

void rib_tell_limits(struct rib *rib)
{
	for (enum ip_family which = 0; which < IP_FAMILIES; which++) {
		struct rib_family *family = &rib->families[which];

		if (rib_family_has_shrunk(family))
			tell_limit(rib, which);
		else if (id_limit(family) > family->told_limit)
			family->told_limit = id_limit(family);
	}
}

struct rib_memory rib_memory(const struct rib *rib)
{
	const struct attribute_store *store = &rib->store;
	struct rib_memory memory = {.attributes = attribute_store_memory(store),
	    .changes = rib->batch_capacity * sizeof(*rib->batch)};

	for (enum ip_family which = 0; which < IP_FAMILIES; which++) {
		const struct rib_family *family = &rib->families[which];

		memory.prefixes += prefix_table_memory(&family->prefixes);
		memory.paths += slab_memory(&family->paths);
		memory.changes += family->dirty_capacity * sizeof(*family->dirty) +
				  family->local_change_capacity * sizeof(*family->local_changes);
	}
	return memory;
}
