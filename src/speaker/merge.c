#include "speaker/merge.h"

#include "bgp/as_path.h"
#include "bgp/community.h"

static uint32_t local_pref_of(const struct config_advertisement *part)
{
	return part->has_local_pref ? part->local_pref : BGP_LOCAL_PREF_DEFAULT;
}

static uint32_t med_of(const struct config_advertisement *part)
{
	return part->has_med ? part->med : 0;
}

static uint32_t prepend_of(const struct config_advertisement *part)
{
	return part->as_path_prepend;
}

struct merge_rule {
	const char *name;
	uint32_t (*value)(const struct config_advertisement *part);
};

static const struct merge_rule rules[MERGE_KEYS] = {
    [MERGE_LOCAL_PREF] = {"localPref", local_pref_of},
    [MERGE_MED] = {"med", med_of},
    [MERGE_AS_PATH_PREPEND] = {"asPathPrepend", prepend_of},
};

const char *merge_key_name(enum merge_key key)
{
	return rules[key].name;
}

unsigned merge_conflicts(const struct config_advertisement *a, const struct config_advertisement *b)
{
	unsigned conflicts = 0;

	for (unsigned key = 0; key < MERGE_KEYS; key++)
		if (rules[key].value(a) != rules[key].value(b))
			conflicts |= 1u << key;
	return conflicts;
}

/* An attribute is there if the best value is somebody's own, not a default. */
static void merge_local_pref(const struct config_advertisement *const *parts, size_t count,
    struct bgp_attributes *attributes)
{
	uint32_t highest = local_pref_of(parts[0]);
	bool is_set = false;

	for (size_t i = 1; i < count; i++)
		if (local_pref_of(parts[i]) > highest)
			highest = local_pref_of(parts[i]);
	for (size_t i = 0; i < count; i++)
		is_set |= parts[i]->has_local_pref && parts[i]->local_pref == highest;
	if (!is_set)
		return;
	attributes->local_pref = highest;
	bgp_attributes_mark(attributes, BGP_ATTRIBUTE_LOCAL_PREF);
}

static void merge_med(const struct config_advertisement *const *parts, size_t count,
    struct bgp_attributes *attributes)
{
	uint32_t lowest = med_of(parts[0]);
	bool is_set = false;

	for (size_t i = 1; i < count; i++)
		if (med_of(parts[i]) < lowest)
			lowest = med_of(parts[i]);
	for (size_t i = 0; i < count; i++)
		is_set |= parts[i]->has_med && parts[i]->med == lowest;
	if (!is_set)
		return;
	attributes->med = lowest;
	bgp_attributes_mark(attributes, BGP_ATTRIBUTE_MED);
}

static void add_communities(
    struct arena *arena, const struct config_advertisement *part, struct bgp_attributes *attributes)
{
	for (size_t i = 0; i < part->community_count; i++) {
		const struct bgp_community *community = &part->communities[i];
		const enum bgp_community_kind kind = community->kind;

		bgp_attributes_set_communities(attributes, kind,
		    bgp_communities_add(arena, attributes->communities[kind], community));
	}
}

void merge_attributes(struct arena *arena, uint32_t asn,
    const struct config_advertisement *const *parts, size_t count,
    struct bgp_attributes *attributes)
{
	uint8_t shortest = parts[0]->as_path_prepend;

	bgp_attributes_init(attributes);
	merge_local_pref(parts, count, attributes);
	merge_med(parts, count, attributes);
	for (size_t i = 0; i < count; i++) {
		if (parts[i]->as_path_prepend < shortest)
			shortest = parts[i]->as_path_prepend;
		add_communities(arena, parts[i], attributes);
	}
	if (shortest)
		attributes->as_path =
		    bgp_as_path_prepend(arena, attributes->as_path, asn, shortest);
}
