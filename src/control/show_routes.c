/*
 * kbgpctl routes: an object per path, in a stream.  The walk is a cursor over prefix ids, which
 * stay valid while prefixes come and go between two turns of the loop.  A table of up to SORT_MAX
 * prefixes, what people look at, is sorted first; a bigger one comes in the order of its ids, as
 * sorting it would hold up the loop.
 *
 * The peer that the user named is looked up anew in each step: a reload may have removed it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "control/attributes_json.h"
#include "control/commands.h"
#include "control/json_value.h"
#include "rib/decision.h"

enum {
	SORT_MAX = 10000,
	PREFIXES_PER_STEP = 32,
	HOLES_PER_STEP = 4096 /* ids without a prefix, or without a path that is wanted */
};

enum route_selection { ROUTES_ALL, ROUTES_OF_PEER, ROUTES_RECEIVED, ROUTES_ADVERTISED };

struct sorted_prefix {
	struct ip_prefix prefix;
	uint32_t id;
};

struct route_walk {
	const struct speaker *speaker;
	enum route_selection selection;
	char *peer; /* name; NULL: any */
	bool show_filtered;
	bool families[IP_FAMILIES];
	enum ip_family family; /* the cursor: */
	uint32_t next; /* an id, or an index of `sorted` */
	bool entered; /* the family was begun */
	struct sorted_prefix *sorted; /* NULL: by id */
	uint32_t sorted_count;
	struct arena arena;
};

/* Paths as JSON */

static const char *path_state(const struct rib_prefix *prefix, const struct rib_path *path)
{
	if (path->flags & RIB_PATH_FILTERED)
		return "filtered";
	if (!(path->flags & RIB_PATH_USABLE))
		return "unreachable";
	if (path == rib_best_path(prefix))
		return "best";
	return path->flags & RIB_PATH_MULTIPATH ? "multipath" : "candidate";
}

static const char *path_reason(
    const struct speaker *speaker, const struct rib_prefix *prefix, const struct rib_path *path)
{
	if (path->flags & RIB_PATH_FILTERED)
		return speaker_refusal_of_path(speaker, path);
	if (!(path->flags & RIB_PATH_USABLE))
		return "next hop unreachable";
	if (path == rib_best_path(prefix))
		return "best";
	return decision_step_name(path->lost_at);
}

static const char *source_name(enum policy_source source)
{
	static const char *const names[POLICY_SOURCES] = {
	    [POLICY_SOURCE_LOCAL] = "local",
	    [POLICY_SOURCE_EBGP] = "ebgp",
	    [POLICY_SOURCE_IBGP] = "ibgp",
	};

	return source < POLICY_SOURCES ? names[source] : "unknown";
}

/* The advertisements that made a path of this node's own: the first one, and all of them. */
static void set_advertisements(json_t *object, const struct speaker *speaker,
    const struct ip_prefix *prefix, const struct rib_path *path)
{
	json_t *all = json_array();
	const char *name;

	for (size_t i = 0; (name = speaker_advertisement_of_path(speaker, prefix, path, i)); i++)
		json_array_append_new(all, json_string(name));
	json_set_text(object, "advertisement", json_string_value(json_array_get(all, 0)));
	json_set(object, "advertisements", all);
}

/* Who it comes from; null for this node itself. */
static void set_origin_of_path(json_t *object, const struct speaker *speaker,
    const struct ip_prefix *prefix, const struct rib_path *path)
{
	const struct rib_peer *source = rib_peer_at(speaker_rib(speaker), path->peer);
	const bool has_owner = source && !source->closing;
	const struct speaker_peer *peer = has_owner ? speaker_peer_of_path(speaker, path) : NULL;

	json_set_text(object, "peer", peer ? speaker_peer_name(peer) : NULL);
	json_set_text(object, "source", source ? source_name(source->source) : NULL);
	if (path->peer == RIB_PEER_LOCAL)
		set_advertisements(object, speaker, prefix, path);
}

/* `path_id` is the Path Identifier as received or as sent; 0: none. */
static json_t *path_value(const struct route_walk *walk, const struct rib_prefix *prefix,
    const struct rib_path *path, uint32_t path_id, const struct bgp_attributes *attributes)
{
	json_t *object = json_object();

	json_set(object, "prefix", json_value_prefix(&prefix->prefix));
	json_set_text(object, "family", ip_family_name(prefix->prefix.family));
	json_set_bool(object, "best", path == rib_best_path(prefix));
	json_set_text(object, "state", path_state(prefix, path));
	json_set_text(object, "reason", path_reason(walk->speaker, prefix, path));
	set_origin_of_path(object, walk->speaker, &prefix->prefix, path);
	if (path_id)
		json_set_number(object, "pathID", path_id);
	attributes_json_set(object, attributes);
	return object;
}

static void append_path(const struct route_walk *walk, const struct rib_prefix *prefix,
    const struct rib_path *path, struct text *lines)
{
	const struct attribute_set *set = path->attributes;
	/* That of our own paths only tells advertisements apart. */
	const uint32_t path_id = path->peer == RIB_PEER_LOCAL ? 0 : path->path_id;
	struct bgp_attributes attributes;
	json_t *object;

	attribute_set_view(set, &attributes);
	attributes.next_hop = set->next_hop->key;
	object = path_value(walk, prefix, path, path_id, &attributes);
	/* What the decision process compares, also where the neighbour sent none. */
	json_set_number(object, "localPref", set->local_pref);
	if (set->kernel_metric)
		json_set_number(object, "kernelMetric", set->kernel_metric);
	if (path->flags & RIB_PATH_MODIFIED)
		json_set_bool(object, "modified", true);
	json_append_line(lines, object);
}

/* Selection; each returns how many lines it appended. */

static unsigned append_paths(const struct route_walk *walk, const struct rib_prefix *prefix,
    const struct rib_peer *source, struct text *lines)
{
	const struct rib *rib = speaker_rib(walk->speaker);
	const enum ip_family family = prefix->prefix.family;
	unsigned count = 0;

	for (const struct rib_path *path = &prefix->first; path;
	     path = rib_path_next(rib, family, path)) {
		if (!path->attributes || (source && path->peer != source->index) ||
		    (path->flags & RIB_PATH_FILTERED && !walk->show_filtered))
			continue;
		append_path(walk, prefix, path, lines);
		count++;
	}
	return count;
}

static unsigned append_advertised(struct route_walk *walk, const struct rib_prefix *prefix,
    uint32_t id, const struct update_group_member *member, struct text *lines)
{
	struct update_group_route route;
	uint32_t cursor = 0;
	unsigned count = 0;

	while (
	    update_group_show(member, prefix->prefix.family, id, &cursor, &walk->arena, &route)) {
		json_append_line(
		    lines, path_value(walk, prefix, route.path, route.path_id, &route.attributes));
		count++;
		arena_reset(&walk->arena);
	}
	return count;
}

static unsigned append_prefix(struct route_walk *walk, const struct rib_prefix *prefix, uint32_t id,
    const struct speaker_peer *peer, struct text *lines)
{
	const struct update_group_member *member;
	const struct rib_peer *source;

	if (walk->selection == ROUTES_ALL)
		return append_paths(walk, prefix, NULL, lines);
	if (walk->selection == ROUTES_ADVERTISED) {
		member = speaker_peer_member(peer);
		return member ? append_advertised(walk, prefix, id, member, lines) : 0;
	}
	source = speaker_peer_rib_peer(peer);
	return source ? append_paths(walk, prefix, source, lines) : 0;
}

/* The cursor */

static int compare_sorted(const void *a, const void *b)
{
	const struct sorted_prefix *left = a;
	const struct sorted_prefix *right = b;

	return ip_prefix_compare(&left->prefix, &right->prefix);
}

/* Begins a family; decides whether it is sorted. */
static void enter_family(struct route_walk *walk)
{
	const struct rib *rib = speaker_rib(walk->speaker);
	const uint32_t limit = rib_limit(rib, walk->family);
	const uint32_t room = rib_prefix_count(rib, walk->family);

	walk->entered = true;
	walk->next = 0;
	walk->sorted_count = 0;
	free(walk->sorted);
	walk->sorted = NULL;
	if (!room || room > SORT_MAX || limit > 8 * SORT_MAX)
		return;
	walk->sorted = memory_allocate(room * sizeof(*walk->sorted));
	for (uint32_t id = 0; id < limit && walk->sorted_count < room; id++) {
		const struct rib_prefix *prefix = rib_prefix_at(rib, walk->family, id);

		if (prefix)
			walk->sorted[walk->sorted_count++] =
			    (struct sorted_prefix){prefix->prefix, id};
	}
	qsort(walk->sorted, walk->sorted_count, sizeof(*walk->sorted), compare_sorted);
}

/* False at the end of the family; `*prefix` is NULL where there is none (any more). */
static bool next_prefix(struct route_walk *walk, const struct rib_prefix **prefix, uint32_t *id)
{
	const struct rib *rib = speaker_rib(walk->speaker);
	const struct sorted_prefix *sorted;

	if (!walk->sorted) {
		if (walk->next >= rib_limit(rib, walk->family))
			return false;
		*id = walk->next++;
		*prefix = rib_prefix_at(rib, walk->family, *id);
		return true;
	}
	if (walk->next >= walk->sorted_count)
		return false;
	sorted = &walk->sorted[walk->next++];
	*id = sorted->id;
	*prefix = *id < rib_limit(rib, walk->family) ? rib_prefix_at(rib, walk->family, *id) : NULL;
	if (*prefix && !ip_prefix_equal(&(*prefix)->prefix, &sorted->prefix))
		*prefix = NULL;
	return true;
}

static enum answer_step next_routes(void *state, struct text *lines)
{
	struct route_walk *walk = state;
	const struct speaker_peer *peer = NULL;
	unsigned appended = 0;

	if (walk->peer && !(peer = speaker_peer_find(walk->speaker, walk->peer)))
		return ANSWER_END;
	while (walk->family < IP_FAMILIES && !walk->families[walk->family])
		walk->family++;
	if (walk->family == IP_FAMILIES)
		return ANSWER_END;
	if (!walk->entered)
		enter_family(walk);
	for (unsigned looked = 0; appended < PREFIXES_PER_STEP && looked < HOLES_PER_STEP;
	     looked += walk->selection == ROUTES_ADVERTISED ? 64 : 1) {
		const struct rib_prefix *prefix;
		uint32_t id;

		if (!next_prefix(walk, &prefix, &id)) {
			walk->family++;
			walk->entered = false;
			break;
		}
		if (prefix)
			appended += append_prefix(walk, prefix, id, peer, lines);
	}
	return ANSWER_MORE;
}

static void free_walk(void *state)
{
	struct route_walk *walk = state;

	free(walk->peer);
	free(walk->sorted);
	arena_free(&walk->arena);
	free(walk);
}

static const struct answer_stream route_stream = {.next = next_routes, .free = free_walk};

/* The command */

/* An address means the most specific prefix that holds it, as where a packet would go. */
static bool select_prefix(struct route_walk *walk, const char *text, struct answer *answer)
{
	const struct rib *rib = speaker_rib(walk->speaker);
	const struct rib_prefix *found;
	struct ip_prefix prefix;
	struct ip_address address;
	uint32_t id = 0;

	if (!ip_prefix_parse(text, &prefix, NULL)) {
		answer_with_usage_error(answer, "routes: %s is neither prefix nor address", text);
		return false;
	}
	if (ip_address_parse(text, &address))
		found = rib_longest_match(rib, &address, &id);
	else
		found = rib_find(rib, &prefix, &id);
	walk->show_filtered = true;
	walk->families[IPV4] = walk->families[IPV4] && prefix.family == IPV4;
	walk->families[IPV6] = walk->families[IPV6] && prefix.family == IPV6;
	/* A walk over a sorted table of one, or of none. */
	walk->family = prefix.family;
	walk->entered = true;
	walk->sorted = memory_allocate(sizeof(*walk->sorted));
	if (found) {
		walk->sorted[0] = (struct sorted_prefix){found->prefix, id};
		walk->sorted_count = 1;
	}
	return true;
}

static bool select_family(struct route_walk *walk, const char *name, struct answer *answer)
{
	bool known = false;

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		walk->families[family] = !name || !strcmp(name, ip_family_name(family));
		known |= walk->families[family];
	}
	if (!known)
		answer_with_usage_error(answer, "routes: --family is ipv4 or ipv6, not %s", name);
	return known;
}

static bool select_peer(
    struct route_walk *walk, const struct arguments *arguments, struct answer *answer)
{
	static const struct {
		const char *option;
		enum route_selection selection;
	} options[] = {
	    {"--peer", ROUTES_OF_PEER},
	    {"--received", ROUTES_RECEIVED},
	    {"--advertised", ROUTES_ADVERTISED},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const char *name = arguments_option(arguments, options[i].option);
		const struct speaker_peer *peer;

		if (!name)
			continue;
		peer = speaker_peer_find(walk->speaker, name);
		if (!peer) {
			answer_with_error(answer, "no peer has the name or address %s", name);
			return false;
		}
		walk->peer = memory_copy_string(speaker_peer_name(peer));
		walk->selection = options[i].selection;
	}
	walk->show_filtered = walk->selection == ROUTES_RECEIVED;
	return true;
}

void show_routes(struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	struct route_walk *walk = memory_allocate_zero(1, sizeof(*walk));
	const char *prefix = arguments->positional;

	walk->speaker = speaker;
	if (!select_peer(walk, arguments, answer) ||
	    !select_family(walk, arguments_option(arguments, "--family"), answer) ||
	    (prefix && !select_prefix(walk, prefix, answer))) {
		free_walk(walk);
		return;
	}
	answer_with_stream(answer, prefix ? "route" : "routes", &route_stream, walk);
}
