/*
 * Making what runs equal to what is configured.  There is one way, for the start, a reload and a
 * change of this node's labels: work out who this node is and which peers it has, then walk over
 * what runs and change only what differs.
 *
 * Order matters: origins and their audiences first, so that the RIB holds what peers shall be sent;
 * then listeners, which the passwords of peers are told to; then the peers.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "config/place.h"
#include "speaker/private.h"

/* Who this node is to its neighbours. */
struct identity {
	uint32_t asn;
	uint8_t router_id[4];
};

/* The node's IPv4 InternalIP, else a hash of its name: stable, and not zero. */
static void default_router_id(
    const struct config *config, const struct k8s_node *node, uint8_t router_id[4])
{
	uint32_t hash;

	for (size_t i = 0; node && i < node->internal_ip_count; i++) {
		if (node->internal_ips[i].family == IPV4) {
			memcpy(router_id, node->internal_ips[i].bytes, 4);
			return;
		}
	}
	hash = (uint32_t)hash_string(config->node_name, 0);
	wire_store_u32(router_id, hash ? hash : 1);
}

/* NULL: there is no Node. */
static struct identity identity_of(const struct config *config, const struct k8s_node *node)
{
	static const struct k8s_labels none;
	const struct config_router *router = &config->router;
	const struct config_override *override = NULL;
	struct error mistake; /* in an annotation: the mesh tells */
	struct identity identity;

	for (size_t i = 0; i < router->override_count && !override; i++)
		if (k8s_selector_matches(
			&router->overrides[i].node_selector, node ? &node->labels : &none))
			override = &router->overrides[i];
	mesh_asn_of(config, node, &identity.asn, &mistake);
	if (override && override->has_router_id)
		memcpy(identity.router_id, override->router_id, 4);
	else if (router->has_router_id)
		memcpy(identity.router_id, router->router_id, 4);
	else
		default_router_id(config, node, identity.router_id);
	return identity;
}

/* True if nothing else is said of a node without a Node. */
static bool says_the_same_without(const struct config *config, const struct config *old)
{
	const struct identity now = identity_of(config, NULL), before = identity_of(old, NULL);

	return now.asn == before.asn &&
	       memcmp(now.router_id, before.router_id, sizeof now.router_id) == 0;
}

/*
 * While its Node is gone it stays who it was: sessions need not end for that.  `old` is NULL if
 * there is nothing that it was, or if it was that in another cluster.
 */
static void resolve_identity(struct speaker *speaker, const struct config *old)
{
	const struct k8s_node *node = speaker_node(speaker);
	struct identity identity;

	if (!node && old && says_the_same_without(speaker->config, old))
		return;
	identity = identity_of(speaker->config, node);
	speaker->asn = identity.asn;
	memcpy(speaker->router_id, identity.router_id, sizeof identity.router_id);
}

/* Told once, not with every change of the cluster. */
static void leave_out(struct speaker *speaker, size_t index, const char *why)
{
	if (!speaker->left_out[index])
		log_write(speaker->log, LOG_LEVEL_ERROR, speaker->config->peers[index].name,
		    "left out: %s", why);
	speaker->left_out[index] = true;
}

/* The entries that this node has. */
struct selection {
	const struct config_peer **entries; /* in the order of the configuration */
	size_t count;
	struct hash_table places; /* of the same entries */
};

static const struct config_peer *find_at_place(
    const struct selection *taken, const struct config_peer *entry)
{
	return hash_table_find(&taken->places, config_place_hash(entry), config_place_equal, entry);
}

/*
 * The entries that select this node.  Two at one place cannot be told apart when the neighbour
 * connects: the first one is taken.
 */
static void select_entries(struct speaker *speaker, struct selection *taken)
{
	struct config *config = speaker->config;

	for (size_t i = 0; i < config->peer_count; i++) {
		struct config_peer *entry = &config->peers[i];
		const struct config_peer *rival;
		struct error why;

		if (!speaker_selects_node(speaker, &entry->node_selector)) {
			speaker->left_out[i] = false;
			continue;
		}
		rival = find_at_place(taken, entry);
		if (rival) {
			error_set(&why, "peer %s has the same %s on this node", rival->name,
			    config_place_key(entry));
			leave_out(speaker, i, why.text);
			continue;
		}
		speaker->left_out[i] = false;
		taken->entries[taken->count++] = entry;
		hash_table_insert(&taken->places, config_place_hash(entry), entry);
	}
}

/* A peer and what it is to be configured with. */
struct assignment {
	struct speaker_peer *peer;
	const struct config_peer *config;
};

/* Finds or makes the peers that have an entry of their own. */
static size_t assign_configured(
    struct speaker *speaker, const struct selection *taken, struct assignment *assigned)
{
	size_t found = 0;

	for (size_t i = 0; i < taken->count; i++) {
		const struct config_peer *entry = taken->entries[i];
		struct speaker_peer *peer;

		if (entry->has_range)
			continue;
		peer = speaker_index_find_name(speaker, entry->name);
		if (!peer)
			peer = speaker_peer_new(speaker, entry->name);
		if (!peer) {
			leave_out(speaker, (size_t)(entry - speaker->config->peers),
			    "there are too many peers already");
			continue;
		}
		peer->keep = true;
		assigned[found++] = (struct assignment){peer, entry};
	}
	return found;
}

/* What these are is up to the mesh. */
static size_t assign_mesh(const struct speaker *speaker, struct assignment *assigned)
{
	size_t found = 0;

	for (size_t i = 0; i < speaker->peer_count; i++) {
		struct speaker_peer *peer = speaker->peers[i];

		if (!peer->mesh)
			continue;
		peer->keep = true;
		assigned[found++] = (struct assignment){peer, peer->config};
	}
	return found;
}

static bool has_entry_of_its_own(const struct selection *taken, const struct ip_address *address)
{
	const struct config_peer entry = {.address = *address};

	return find_at_place(taken, &entry) != NULL;
}

/* Peers of ranges stay as long as the entry that they came by is still the one for them. */
static size_t assign_dynamic(
    struct speaker *speaker, const struct selection *taken, struct assignment *assigned)
{
	size_t found = 0;

	for (size_t i = 0; i < speaker->peer_count; i++) {
		struct speaker_peer *peer = speaker->peers[i];
		const struct config_peer *entry;

		if (!peer->dynamic)
			continue;
		entry = speaker_range_entry(speaker, &peer->address);
		if (!entry || strcmp(entry->name, peer->config->name) != 0 ||
		    has_entry_of_its_own(taken, &peer->address))
			continue;
		peer->keep = true;
		assigned[found++] = (struct assignment){peer, entry};
	}
	return found;
}

/* What runs is what was assigned, in that order; the others go. */
static void replace_peers(struct speaker *speaker, const struct assignment *assigned, size_t count)
{
	struct speaker_peer **had = speaker->peers;
	size_t had_count = speaker->peer_count;

	speaker->peers = NULL;
	speaker->peer_capacity = 0;
	speaker->peers = memory_grow(
	    speaker->peers, &speaker->peer_capacity, count, sizeof(struct speaker_peer *));
	speaker->peer_count = count;
	for (size_t i = 0; i < count; i++)
		speaker->peers[i] = assigned[i].peer;
	for (size_t i = 0; i < had_count; i++) {
		if (had[i]->keep)
			continue;
		log_write(speaker->log, LOG_LEVEL_INFO, had[i]->name, "no longer configured");
		speaker_peer_free(had[i], BGP_CEASE_PEER_DECONFIGURED);
	}
	free(had);
}

/* Of the mesh's peers, too; there is room for one more entry. */
static void watch_passwords(struct speaker *speaker, struct selection *taken)
{
	taken->entries[taken->count] = &speaker->config->mesh.peer;
	speaker_passwords_watch(
	    speaker, taken->entries, taken->count + speaker->config->mesh.enabled);
}

static void configure_peers(struct speaker *speaker, const struct assignment *assigned,
    size_t count, const struct config *old)
{
	for (size_t i = 0; i < count; i++)
		if (!assigned[i].peer->mesh)
			speaker_peer_prepare(assigned[i].peer, assigned[i].config);
	speaker_ranges_open(speaker);
	for (size_t i = 0; i < count; i++)
		if (!assigned[i].peer->mesh)
			speaker_peer_configure(assigned[i].peer, assigned[i].config, old);
}

static void apply_peers(struct speaker *speaker, const struct config *old)
{
	const struct config *config = speaker->config;
	struct selection taken = {
	    .entries = memory_allocate_zero(config->peer_count + 1, sizeof(struct config_peer *))};
	struct assignment *assigned =
	    memory_allocate_zero(config->peer_count + speaker->peer_count + 1, sizeof *assigned);
	size_t count;

	select_entries(speaker, &taken);
	for (size_t i = 0; i < taken.count; i++)
		speaker_mesh_yield_place(speaker, &taken.entries[i]->address);
	for (size_t i = 0; i < speaker->peer_count; i++)
		speaker->peers[i]->keep = false;
	watch_passwords(speaker, &taken);
	speaker_ranges_apply(speaker, taken.entries, taken.count);
	count = assign_configured(speaker, &taken, assigned);
	count += assign_mesh(speaker, &assigned[count]);
	count += assign_dynamic(speaker, &taken, &assigned[count]);
	/* First those that go: a new one may have the address of an old one. */
	replace_peers(speaker, assigned, count);
	configure_peers(speaker, assigned, count, old);
	speaker_mesh_apply(speaker, old);
	speaker_peers_release(speaker);
	free(assigned);
	free(taken.entries);
	hash_table_free(&taken.places);
}

void speaker_fib_settings(const struct config_fib *config, struct fib_settings *settings)
{
	static const enum fib_aggregates aggregates[] = {
	    [CONFIG_AGGREGATES_NONE] = FIB_AGGREGATES_NONE,
	    [CONFIG_AGGREGATES_BLACKHOLE] = FIB_AGGREGATES_BLACKHOLE,
	    [CONFIG_AGGREGATES_UNREACHABLE] = FIB_AGGREGATES_UNREACHABLE,
	};

	memset(settings, 0, sizeof *settings);
	settings->install = config->install;
	settings->table = config->table;
	settings->metric = config->metric;
	settings->protocol = config->protocol;
	settings->multipath = config->multipath;
	settings->backup = config->backup;
	settings->withdraw_on_stop = config->withdraw_on_stop;
	settings->next_hop_objects = config->next_hop_objects;
	settings->aggregates = aggregates[config->aggregates];
	memcpy(settings->sources, config->sources, sizeof settings->sources);
}

static void apply_fib(struct speaker *speaker)
{
	const struct k8s_node *node = speaker_node(speaker);
	struct fib_settings settings;

	speaker_fib_settings(&speaker->config->fib, &settings);
	rib_set_multipath(speaker->rib, settings.multipath);
	fib_change(speaker->fib, &settings);
	fib_set_own_prefixes(
	    speaker->fib, node ? node->pod_cidrs : NULL, node ? node->pod_cidr_count : 0);
}

static void apply_log(struct speaker *speaker)
{
	int level = (int)speaker->config->log_level + speaker->options.verbosity;

	speaker->log->level = level > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : (enum log_level)level;
	speaker->log->format = speaker->config->log_format;
}

/* What a new configuration brings, before anything of it is at work. */
static void apply_config(struct speaker *speaker)
{
	apply_log(speaker);
	free(speaker->left_out);
	speaker->left_out =
	    memory_allocate_zero(speaker->config->peer_count + 1, sizeof *speaker->left_out);
	speaker_leave_configure(speaker);
	/* The source may tell of many objects: they find the announcer with its rules. */
	speaker_origin_configure(speaker);
}

/* Nobody who has to sign is to be let in without it, however long it takes to apply the rest. */
static void tell_passwords(const struct speaker *speaker)
{
	for (size_t i = 0; i < speaker->peer_count; i++)
		speaker_peer_tell_listeners(speaker->peers[i]);
}

/* Ranges, and sessions that wait for a listener to have their password, are applied after it. */
void speaker_listen_again(void *arg)
{
	struct speaker *speaker = arg;

	loop_name_work(speaker->loop, "addresses to listen on");
	if (!speaker_listeners_open(speaker))
		return;
	tell_passwords(speaker);
	loop_task_schedule(speaker->loop, &speaker->apply_task);
}

void speaker_apply(struct speaker *speaker, const struct config *old)
{
	resolve_identity(speaker, old);
	if (old != speaker->config)
		apply_config(speaker);
	resolve_identity(speaker, speaker_apply_source(speaker) ? NULL : old);
	/* It is what advertisements prepend; and peers may wait to be told apart. */
	if (speaker->asn != speaker->origin_asn || speaker->audiences.outdated)
		speaker_origin_configure(speaker);
	speaker_cluster_events_apply(speaker);
	speaker_status_report_apply(speaker);
	apply_fib(speaker);
	if (speaker_listeners_apply(speaker))
		tell_passwords(speaker);
	apply_peers(speaker, old);
	speaker_look_around(speaker);
	speaker_check_convergence(speaker);
}
