/*
 * A combination is the advertisements that ask for a prefix, and the routes that they make of it:
 * one for each of the kinds of peers that are in another part of their lists, with the merge of
 * just those advertisements that go to these peers.  Most prefixes of a node have one of a handful
 * of combinations, so what is merged and interned is merged and interned once for all of them.
 *
 * A route is numbered by the first bit of its audience: another merge for the same peers takes the
 * place of the one before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "speaker/merge.h"
#include "speaker/private.h"

struct combination_key {
	struct origin *const *members;
	size_t count;
};

static uint64_t hash_members(const struct speaker *speaker, const struct combination_key *key)
{
	uint64_t hash = speaker->options.hash_seed;

	for (size_t i = 0; i < key->count; i++)
		hash = hash_u64(hash ^ key->members[i]->id);
	return hash;
}

static bool has_members(const void *item, const void *wanted)
{
	const struct combination *combination = item;
	const struct combination_key *key = wanted;

	return combination->count == key->count && memcmp(combination->members, key->members,
						       key->count * sizeof(struct origin *)) == 0;
}

static bool goes_to(const struct origin *origin, uint64_t audience)
{
	return origin->audience & audience;
}

/* True if each of the advertisements goes to peers of both kinds or of neither. */
static bool treat_alike(const struct combination *combination, uint64_t a, uint64_t b)
{
	for (size_t i = 0; i < combination->count; i++)
		if (goes_to(combination->members[i], a) != goes_to(combination->members[i], b))
			return false;
	return true;
}

/* Those of `bits` that the advertisements treat as they treat the lowest of them. */
static uint64_t audience_like_first(const struct combination *combination, uint64_t bits)
{
	const uint64_t first = bits & -bits;
	uint64_t audience = first;

	for (uint64_t rest = bits & ~first; rest; rest &= rest - 1)
		if (treat_alike(combination, first, rest & -rest))
			audience |= rest & -rest;
	return audience;
}

static bool was_told(struct speaker *speaker, const struct told_conflict *conflict)
{
	for (size_t i = 0; i < speaker->told_conflict_count; i++) {
		struct told_conflict *told = &speaker->told_conflicts[i];

		if (told->a != conflict->a || told->b != conflict->b)
			continue;
		if (told->keys == conflict->keys)
			return true;
		told->keys = conflict->keys;
		return false;
	}
	speaker->told_conflicts =
	    memory_grow(speaker->told_conflicts, &speaker->told_conflict_capacity,
		speaker->told_conflict_count + 1, sizeof *speaker->told_conflicts);
	speaker->told_conflicts[speaker->told_conflict_count++] = *conflict;
	return false;
}

static const struct origin *find_origin(const struct speaker *speaker, uint32_t id)
{
	for (size_t i = 0; i < speaker->origin_count; i++)
		if (speaker->origins[i]->id == id)
			return speaker->origins[i];
	return NULL;
}

void speaker_conflicts_forget(struct speaker *speaker)
{
	size_t kept = 0;

	for (size_t i = 0; i < speaker->told_conflict_count; i++) {
		const struct told_conflict *told = &speaker->told_conflicts[i];
		const struct origin *a = find_origin(speaker, told->a);
		const struct origin *b = find_origin(speaker, told->b);

		if (a && b && merge_conflicts(&a->settings, &b->settings))
			speaker->told_conflicts[kept++] = *told;
	}
	speaker->told_conflict_count = kept;
}

static void tell_conflict(struct speaker *speaker, const struct origin *a, const struct origin *b)
{
	const struct told_conflict conflict = {
	    a->id, b->id, merge_conflicts(&a->settings, &b->settings)};
	struct text keys = {0};

	if (!conflict.keys || was_told(speaker, &conflict))
		return;
	for (unsigned key = 0; key < MERGE_KEYS; key++)
		if (conflict.keys >> key & 1)
			text_append(&keys, "%s%s", keys.length ? ", " : "", merge_key_name(key));
	log_write(speaker->log, LOG_LEVEL_WARNING, b->settings.name,
	    "asks for the same prefix as advertisement %s and differs in %s: one route is sent,"
	    " with the highest localPref, the lowest med and the shortest asPathPrepend",
	    a->settings.name, keys.string);
	text_free(&keys);
}

static void tell_conflicts(
    struct speaker *speaker, const struct combination *combination, uint64_t audience)
{
	for (size_t i = 0; i < combination->count; i++)
		for (size_t j = i + 1; j < combination->count; j++)
			if (goes_to(combination->members[i], audience) &&
			    goes_to(combination->members[j], audience))
				tell_conflict(
				    speaker, combination->members[i], combination->members[j]);
}

/* The merge for this audience; the caller owns the reference.  NULL: there is nothing for it. */
static struct attribute_set *make_attributes(
    struct speaker *speaker, const struct combination *combination, uint64_t audience)
{
	struct attribute_set_extra extra = {
	    .audience = audience == speaker->audiences.all ? 0 : audience};
	const struct config_advertisement **parts =
	    memory_allocate_zero(combination->count, sizeof(struct config_advertisement *));
	struct bgp_attributes attributes;
	struct attribute_set *set = NULL;
	size_t count = 0;

	for (size_t i = 0; i < combination->count; i++) {
		const struct config_advertisement *part = &combination->members[i]->settings;

		if (!goes_to(combination->members[i], audience))
			continue;
		parts[count++] = part;
		extra.graceful_shutdown |= speaker->graceful_shutdown[part->what.type];
	}
	if (count) {
		merge_attributes(&speaker->arena, speaker->asn, parts, count, &attributes);
		set = attribute_set_intern(rib_attribute_store(speaker->rib), &attributes, &extra);
	}
	arena_reset(&speaker->arena);
	free(parts);
	return set;
}

static void make_routes(struct speaker *speaker, struct combination *combination)
{
	uint64_t left = speaker->audiences.all;

	combination->route_count = 0;
	while (left) {
		const uint64_t audience = audience_like_first(combination, left);
		struct attribute_set *set = make_attributes(speaker, combination, audience);

		left &= ~audience;
		if (!set)
			continue;
		combination->routes = memory_grow(combination->routes, &combination->route_capacity,
		    combination->route_count + 1, sizeof *combination->routes);
		combination->routes[combination->route_count++] =
		    (struct origin_route){set, audience, (uint32_t)__builtin_ctzll(audience) + 1};
		tell_conflicts(speaker, combination, audience);
	}
}

static void release_routes(struct speaker *speaker, const struct origin_route *routes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		attribute_set_release(rib_attribute_store(speaker->rib), routes[i].attributes);
}

struct combination *speaker_combination_take(
    struct speaker *speaker, struct origin *const *members, size_t count)
{
	const struct combination_key key = {members, count};
	const uint64_t hash = hash_members(speaker, &key);
	struct combination *combination =
	    hash_table_find(&speaker->combinations, hash, has_members, &key);

	if (combination)
		return combination;
	combination = memory_allocate_zero(1, sizeof *combination);
	combination->hash = hash;
	combination->members = memory_allocate_zero(count, sizeof(struct origin *));
	combination->count = count;
	for (size_t i = 0; i < count; i++) {
		combination->members[i] = members[i];
		members[i]->users++;
	}
	make_routes(speaker, combination);
	hash_table_insert(&speaker->combinations, hash, combination);
	return combination;
}

static void free_combination(struct speaker *speaker, struct combination *combination)
{
	for (size_t i = 0; i < combination->count; i++)
		combination->members[i]->users--;
	release_routes(speaker, combination->routes, combination->route_count);
	free(combination->routes);
	free(combination->members);
	free(combination);
}

void speaker_combination_drop(struct speaker *speaker, struct combination *combination)
{
	if (combination->prefixes)
		return;
	hash_table_remove(&speaker->combinations, combination->hash, combination);
	free_combination(speaker, combination);
}

static bool same_routes(
    const struct combination *combination, const struct origin_route *routes, size_t count)
{
	if (combination->route_count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (combination->routes[i].attributes != routes[i].attributes ||
		    combination->routes[i].path_id != routes[i].path_id)
			return false;
	return true;
}

bool speaker_combination_renew(struct speaker *speaker, struct combination *combination)
{
	struct origin_route *routes = combination->routes;
	const size_t count = combination->route_count;
	bool changed;

	combination->routes = NULL;
	combination->route_capacity = 0;
	make_routes(speaker, combination);
	changed = !same_routes(combination, routes, count);
	release_routes(speaker, routes, count);
	free(routes);
	return changed;
}

void speaker_combinations_free(struct speaker *speaker)
{
	struct combination *combination;

	for (size_t cursor = 0; (combination = hash_table_next(&speaker->combinations, &cursor));)
		free_combination(speaker, combination);
	hash_table_free(&speaker->combinations);
	free(speaker->told_conflicts);
}
