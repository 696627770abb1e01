/*
 * What this node originates.  The announcer says which prefixes each advertisement asks for; here
 * they become local paths.  The path id is the advertisement's, so a prefix that two of them ask
 * for has two paths; their attributes are one interned set per advertisement.
 *
 * Which peers an advertisement goes to is an audience: each distinct list of peers has a bit, the
 * set carries the bits of its list, and an update group has the bits of the lists its peers are in.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/as_path.h"
#include "config/difference.h"
#include "speaker/private.h"

static bool names(char *const *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/* As sets: in which order peers are listed does not matter. */
static bool same_peers(const struct audience *audience, const struct config_advertisement *what)
{
	for (size_t i = 0; i < what->peer_count; i++)
		if (!names(audience->peers, audience->peer_count, what->peers[i]))
			return false;
	for (size_t i = 0; i < audience->peer_count; i++)
		if (!names(what->peers, what->peer_count, audience->peers[i]))
			return false;
	return audience->peer_count > 0;
}

static struct audience *find_audience(
    struct speaker *speaker, const struct config_advertisement *what)
{
	for (size_t i = 0; i < AUDIENCES_MAX; i++)
		if (same_peers(&speaker->audiences[i], what))
			return &speaker->audiences[i];
	return NULL;
}

static void free_audience(struct audience *audience)
{
	for (size_t i = 0; i < audience->peer_count; i++)
		free(audience->peers[i]);
	free(audience->peers);
	memset(audience, 0, sizeof *audience);
}

static struct audience *add_audience(
    struct speaker *speaker, const struct config_advertisement *what)
{
	size_t i = 0;
	struct audience *audience;

	while (i < AUDIENCES_MAX && speaker->audiences[i].peers)
		i++;
	if (i == AUDIENCES_MAX)
		return NULL;
	audience = &speaker->audiences[i];
	audience->peers = memory_allocate_zero(what->peer_count, sizeof(char *));
	audience->peer_count = what->peer_count;
	for (size_t p = 0; p < what->peer_count; p++)
		audience->peers[p] = memory_copy_string(what->peers[p]);
	return audience;
}

/*
 * Frees the bits of lists that are no more.  They may be used again at once: no UPDATE is made
 * before every peer has its new key, and the difference of the keys is what it is sent.
 */
static void drop_audiences(struct speaker *speaker)
{
	const struct config *config = speaker->config;

	for (size_t i = 0; i < AUDIENCES_MAX; i++)
		speaker->audiences[i].keep = false;
	for (size_t i = 0; i < config->advertisement_count; i++) {
		struct audience *audience = find_audience(speaker, &config->advertisements[i]);

		if (audience)
			audience->keep = true;
	}
	for (size_t i = 0; i < AUDIENCES_MAX; i++)
		if (!speaker->audiences[i].keep)
			free_audience(&speaker->audiences[i]);
}

/* The bit of the advertisement's list of peers; 0: everybody. */
static uint64_t audience_of(struct speaker *speaker, const struct config_advertisement *what)
{
	struct audience *audience;

	if (!what->peer_count)
		return 0;
	audience = find_audience(speaker, what);
	if (!audience)
		audience = add_audience(speaker, what);
	if (audience)
		return (uint64_t)1 << (audience - speaker->audiences);
	log_write(speaker->log, LOG_LEVEL_ERROR, what->name,
	    "sent to nobody: there are more than %d different lists of peers", AUDIENCES_MAX);
	return (uint64_t)1 << AUDIENCES_MAX;
}

uint64_t speaker_audiences_of(const struct speaker *speaker, const char *peer)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < AUDIENCES_MAX; i++)
		for (size_t p = 0; p < speaker->audiences[i].peer_count; p++)
			if (strcmp(speaker->audiences[i].peers[p], peer) == 0)
				bits |= (uint64_t)1 << i;
	return bits;
}

static void add_communities(struct speaker *speaker, const struct config_advertisement *what,
    struct bgp_attributes *attributes)
{
	for (size_t i = 0; i < what->community_count; i++) {
		const struct bgp_community *community = &what->communities[i];
		enum bgp_community_kind kind = community->kind;

		bgp_attributes_set_communities(attributes, kind,
		    bgp_communities_add(&speaker->arena, attributes->communities[kind], community));
	}
}

/* The one set of an advertisement; the caller owns the reference. */
static struct attribute_set *make_attributes(
    struct speaker *speaker, const struct config_advertisement *what)
{
	const struct attribute_set_extra extra = {.audience = audience_of(speaker, what),
	    .graceful_shutdown = speaker->graceful_shutdown[what->what.type]};
	struct bgp_attributes attributes;
	struct attribute_set *set;

	bgp_attributes_init(&attributes);
	if (what->has_local_pref) {
		attributes.local_pref = what->local_pref;
		bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_LOCAL_PREF);
	}
	if (what->has_med) {
		attributes.med = what->med;
		bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_MED);
	}
	if (what->as_path_prepend)
		attributes.as_path = bgp_as_path_prepend(
		    &speaker->arena, attributes.as_path, speaker->asn, what->as_path_prepend);
	add_communities(speaker, what, &attributes);
	set = attribute_set_intern(rib_attribute_store(speaker->rib), &attributes, &extra);
	arena_reset(&speaker->arena);
	return set;
}

static void announce(void *arg, size_t advertisement, const struct ip_prefix *prefix)
{
	struct speaker *speaker = arg;
	const struct origin *origin = &speaker->origins[advertisement];

	rib_update(speaker->rib, rib_peer_at(speaker->rib, RIB_PEER_LOCAL), prefix, origin->path_id,
	    origin->attributes, 0);
	speaker_latency_note(speaker);
	speaker_tell(speaker, SPEAKER_ANNOUNCED, origin->name, prefix, NULL);
}

static void withdraw(void *arg, size_t advertisement, const struct ip_prefix *prefix)
{
	struct speaker *speaker = arg;
	const struct origin *origin = &speaker->origins[advertisement];

	rib_withdraw(
	    speaker->rib, rib_peer_at(speaker->rib, RIB_PEER_LOCAL), prefix, origin->path_id);
	speaker_latency_note(speaker);
	speaker_tell(speaker, SPEAKER_WITHDRAWN, origin->name, prefix, NULL);
}

static void free_origins(struct speaker *speaker)
{
	for (size_t i = 0; i < speaker->origin_count; i++) {
		attribute_set_release(
		    rib_attribute_store(speaker->rib), speaker->origins[i].attributes);
		free(speaker->origins[i].name);
	}
	free(speaker->origins);
	speaker->origins = NULL;
	speaker->origin_count = 0;
}

/* From here on the announcer speaks of the new advertisements. */
static void renumbered(void *arg)
{
	struct speaker *speaker = arg;

	free_origins(speaker);
	speaker->origins = speaker->next_origins;
	speaker->origin_count = speaker->next_origin_count;
	speaker->next_origins = NULL;
}

/* Gives the prefixes that an advertisement already has its new attributes. */
static void update_attributes(struct speaker *speaker, const struct origin *origin)
{
	struct rib_peer *local = rib_peer_at(speaker->rib, RIB_PEER_LOCAL);

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		for (uint32_t id = 1; id < rib_limit(speaker->rib, family); id++) {
			const struct rib_prefix *prefix = rib_prefix_at(speaker->rib, family, id);

			if (!prefix)
				continue;
			for (const struct rib_path *path = &prefix->first; path;
			     path = rib_path_next(speaker->rib, family, path)) {
				if (path->peer != RIB_PEER_LOCAL ||
				    path->path_id != origin->path_id)
					continue;
				rib_update(speaker->rib, local, &prefix->prefix, origin->path_id,
				    origin->attributes, 0);
				break;
			}
		}
	}
}

static size_t find_origin(const struct speaker *speaker, const char *name)
{
	for (size_t i = 0; i < speaker->origin_count; i++)
		if (strcmp(speaker->origins[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

/* Builds the new origins; an advertisement of an old name keeps its path id. */
static void make_origins(struct speaker *speaker, size_t *previous, bool *changed)
{
	const struct config *config = speaker->config;

	speaker->next_origin_count = config->advertisement_count;
	speaker->next_origins =
	    memory_allocate_zero(config->advertisement_count + 1, sizeof *speaker->next_origins);
	for (size_t i = 0; i < config->advertisement_count; i++) {
		const struct config_advertisement *what = &config->advertisements[i];
		struct origin *origin = &speaker->next_origins[i];

		previous[i] = find_origin(speaker, what->name);
		origin->name = memory_copy_string(what->name);
		origin->attributes = make_attributes(speaker, what);
		origin->path_id = previous[i] == SIZE_MAX ? ++speaker->next_path_id
							  : speaker->origins[previous[i]].path_id;
		changed[i] = previous[i] != SIZE_MAX &&
			     speaker->origins[previous[i]].attributes != origin->attributes;
		speaker->rules[i] = &what->what;
	}
}

void speaker_origin_configure(struct speaker *speaker)
{
	size_t count = speaker->config->advertisement_count;
	size_t *previous = memory_allocate_zero(count + 1, sizeof *previous);
	bool *changed = memory_allocate_zero(count + 1, sizeof *changed);
	const struct k8s_advertisement **old_rules = speaker->rules;

	drop_audiences(speaker);
	speaker->origin_asn = speaker->asn;
	speaker->rules = memory_allocate_zero(count + 1, sizeof *speaker->rules);
	make_origins(speaker, previous, changed);
	k8s_announcer_configure(speaker->announcer, speaker->rules, previous, count);
	for (size_t i = 0; i < count; i++)
		if (changed[i])
			update_attributes(speaker, &speaker->origins[i]);
	free(old_rules);
	free(previous);
	free(changed);
}

void speaker_origin_start(struct speaker *speaker)
{
	static const struct k8s_announcer_ops ops = {
	    .announce = announce, .withdraw = withdraw, .renumbered = renumbered};

	speaker->announcer = k8s_announcer_new(speaker->cluster, speaker->config->node_name,
	    speaker->options.hash_seed, &ops, speaker);
}

void speaker_origin_stop(struct speaker *speaker)
{
	k8s_announcer_free(speaker->announcer);
	free_origins(speaker);
	free(speaker->rules);
	for (size_t i = 0; i < AUDIENCES_MAX; i++)
		free_audience(&speaker->audiences[i]);
}

void speaker_origin_object_changed(
    struct speaker *speaker, const struct k8s_object *object, const struct k8s_object *old)
{
	speaker->event_at = speaker_microseconds();
	k8s_announcer_object_changed(speaker->announcer, object, old);
	speaker->event_at = 0;
}

void speaker_origin_object_removed(struct speaker *speaker, const struct k8s_object *object)
{
	speaker->event_at = speaker_microseconds();
	k8s_announcer_object_removed(speaker->announcer, object);
	speaker->event_at = 0;
}
