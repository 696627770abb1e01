/*
 * Reading the table: what is there, by content, by id, and by longest match.  A prefix without
 * paths, which only waits for the listeners to let go of its id, is found by rib_find_held() only.
 */
#include "rib/table_private.h"

const struct rib_path *rib_best_path(const struct rib_prefix *prefix)
{
	return prefix->first.attributes && prefix->first.flags & RIB_PATH_USABLE ? &prefix->first
										 : NULL;
}

const struct ip_prefix *rib_held_prefix(const struct rib *rib, enum ip_family family, uint32_t id)
{
	return &rib_family_prefix(&rib->families[family], id)->prefix;
}

uint32_t rib_find_held(const struct rib *rib, const struct ip_prefix *prefix)
{
	return prefix_table_find(&rib->families[prefix->family].prefixes, prefix);
}

void rib_prefetch(const struct rib *rib, struct rib_batch *batch)
{
	prefix_table_prefetch(
	    &rib->families[batch->family].prefixes, batch->prefixes, batch->count, batch->hashes);
}

void rib_prefetch_paths(const struct rib *rib, const struct rib_batch *batch)
{
	const struct rib_family *family = &rib->families[batch->family];
	uint32_t ids[RIB_BATCH_MAX];

	for (size_t i = 0; i < batch->count; i++)
		ids[i] = prefix_table_prefetch_item(&family->prefixes, batch->hashes[i]);
	for (size_t i = 0; i < batch->count; i++)
		if (ids[i])
			__builtin_prefetch(rib_family_prefix(family, ids[i])->first.attributes, 1);
}

struct attribute_store *rib_attribute_store(struct rib *rib)
{
	return &rib->store;
}

struct rib_peer *rib_peer_at(const struct rib *rib, uint16_t index)
{
	return index < rib->peer_limit ? rib->peers[index] : NULL;
}

uint32_t rib_peer_limit(const struct rib *rib)
{
	return rib->peer_limit;
}

const struct rib_prefix *rib_find(
    const struct rib *rib, const struct ip_prefix *prefix, uint32_t *id)
{
	uint32_t found = prefix_table_find(&rib->families[prefix->family].prefixes, prefix);
	const struct rib_prefix *entry = rib_prefix_at(rib, prefix->family, found);

	if (id)
		*id = entry ? found : 0;
	return entry;
}

static bool has_best_path(const void *item)
{
	return rib_best_path(item) != NULL;
}

const struct rib_prefix *rib_longest_match(
    const struct rib *rib, const struct ip_address *address, uint32_t *id)
{
	const struct prefix_table *prefixes = &rib->families[address->family].prefixes;
	uint32_t found = prefix_table_longest_match(prefixes, address, has_best_path);

	if (id)
		*id = found;
	return found ? prefix_table_item(prefixes, found) : NULL;
}

const struct rib_prefix *rib_covering_prefix(
    const struct rib *rib, const struct ip_address *address, unsigned longest)
{
	const struct prefix_table *prefixes = &rib->families[address->family].prefixes;

	for (unsigned length = longest + 1; length-- > 0;) {
		struct ip_prefix prefix;
		const struct rib_prefix *found;

		if (!prefixes->lengths[length])
			continue;
		prefix = ip_prefix_from_address(address, length);
		found = rib_find(rib, &prefix, NULL);
		if (found)
			return found;
	}
	return NULL;
}

const struct rib_prefix *rib_prefix_at(const struct rib *rib, enum ip_family family, uint32_t id)
{
	return rib_family_prefix_at(&rib->families[family], id);
}

void rib_prefetch_prefix(const struct rib *rib, enum ip_family family, uint32_t id)
{
	__builtin_prefetch(rib_family_prefix(&rib->families[family], id));
}

uint32_t rib_limit(const struct rib *rib, enum ip_family family)
{
	return slab_limit(&rib->families[family].prefixes.slab);
}

const struct rib_path *rib_path_next(
    const struct rib *rib, enum ip_family family, const struct rib_path *path)
{
	return rib_family_next_path(&rib->families[family], path);
}

uint32_t rib_prefix_count(const struct rib *rib, enum ip_family family)
{
	return rib->families[family].prefix_count;
}

uint32_t rib_path_count(const struct rib *rib, enum ip_family family)
{
	return rib->families[family].path_count;
}
