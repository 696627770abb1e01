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
#include "config/difference.h"
#include "speaker/private.h"

/* The node's IPv4 InternalIP, else a hash of its name: stable, and not zero. */
static void default_router_id(const struct speaker *speaker, uint8_t router_id[4])
{
	const struct k8s_node *node = speaker_node(speaker);
	uint32_t hash;

	for (size_t i = 0; node && i < node->internal_ip_count; i++) {
		if (node->internal_ips[i].family == IPV4) {
			memcpy(router_id, node->internal_ips[i].bytes, 4);
			return;
		}
	}
	hash = (uint32_t)hash_string(speaker->config->node_name, 0);
	wire_store_u32(router_id, hash ? hash : 1);
}

static void resolve_identity(struct speaker *speaker)
{
	const struct config_router *router = &speaker->config->router;
	const struct config_override *override = NULL;

	for (size_t i = 0; i < router->override_count && !override; i++)
		if (speaker_selects_node(speaker, &router->overrides[i].node_selector))
			override = &router->overrides[i];
	speaker->asn = override && override->has_asn ? override->asn : router->asn;
	if (override && override->has_router_id)
		memcpy(speaker->router_id, override->router_id, 4);
	else if (router->has_router_id)
		memcpy(speaker->router_id, router->router_id, 4);
	else
		default_router_id(speaker, speaker->router_id);
}

static struct speaker_peer *find_by_name(const struct speaker *speaker, const char *name)
{
	for (size_t i = 0; i < speaker->peer_count; i++)
		if (!speaker->peers[i]->dynamic && strcmp(speaker->peers[i]->name, name) == 0)
			return speaker->peers[i];
	return NULL;
}

/* Told once, not with every change of the cluster. */
static void leave_out(struct speaker *speaker, size_t index, const char *why)
{
	if (!speaker->left_out[index])
		log_write(speaker->log, LOG_LEVEL_ERROR, speaker->config->peers[index].name,
		    "left out: %s", why);
	speaker->left_out[index] = true;
}

/* True if whoever connects could be either: what they then have in common is in `what`. */
static bool same_place(const struct config_peer *a, const struct config_peer *b, const char **what)
{
	if (a->has_range || b->has_range) {
		*what = "range";
		return a->has_range && b->has_range && ip_prefix_equal(&a->range, &b->range);
	}
	if (a->interface || b->interface) {
		*what = "interface";
		return a->interface && b->interface && strcmp(a->interface, b->interface) == 0;
	}
	*what = "address";
	return ip_address_equal(&a->address, &b->address);
}

/* The first of these entries that is at the same place, or NULL. */
static const struct config_peer *find_rival(const struct config_peer *const *taken, size_t count,
    const struct config_peer *config, const char **what)
{
	for (size_t i = 0; i < count; i++)
		if (same_place(taken[i], config, what))
			return taken[i];
	return NULL;
}

/*
 * The entries that select this node, in the order of the configuration.  Two at one place cannot be
 * told apart when the neighbour connects: the first one is taken.
 */
static size_t select_entries(struct speaker *speaker, const struct config_peer **taken)
{
	const struct config *config = speaker->config;
	size_t count = 0;

	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *entry = &config->peers[i], *rival;
		const char *what;
		struct error why;

		if (!speaker_selects_node(speaker, &entry->node_selector)) {
			speaker->left_out[i] = false;
			continue;
		}
		rival = find_rival(taken, count, entry, &what);
		if (rival) {
			error_set(&why, "peer %s has the same %s on this node", rival->name, what);
			leave_out(speaker, i, why.text);
			continue;
		}
		speaker->left_out[i] = false;
		taken[count++] = entry;
	}
	return count;
}

/* A peer and what it is to be configured with. */
struct assignment {
	struct speaker_peer *peer;
	const struct config_peer *config;
};

/* Finds or makes the peers that have an entry of their own. */
static size_t assign_configured(struct speaker *speaker, const struct config_peer *const *taken,
    size_t count, struct assignment *assigned)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		struct speaker_peer *peer = find_by_name(speaker, taken[i]->name);

		if (taken[i]->has_range)
			continue;
		if (!peer)
			peer = speaker_peer_new(speaker, taken[i]->name);
		if (!peer) {
			leave_out(speaker, (size_t)(taken[i] - speaker->config->peers),
			    "there are too many peers already");
			continue;
		}
		peer->keep = true;
		assigned[found++] = (struct assignment){peer, taken[i]};
	}
	return found;
}

static bool has_entry_of_its_own(
    const struct config_peer *const *taken, size_t count, const struct ip_address *address)
{
	for (size_t i = 0; i < count; i++)
		if (!taken[i]->has_range && !taken[i]->interface &&
		    ip_address_equal(&taken[i]->address, address))
			return true;
	return false;
}

/* Peers of ranges stay as long as the entry that they came by is still the one for them. */
static size_t assign_dynamic(struct speaker *speaker, const struct config_peer *const *taken,
    size_t count, struct assignment *assigned)
{
	size_t found = 0;

	for (size_t i = 0; i < speaker->peer_count; i++) {
		struct speaker_peer *peer = speaker->peers[i];
		const struct config_peer *entry;

		if (!peer->dynamic)
			continue;
		entry = speaker_range_entry(speaker, &peer->address);
		if (!entry || strcmp(entry->name, peer->config->name) != 0 ||
		    has_entry_of_its_own(taken, count, &peer->address))
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

static void apply_peers(struct speaker *speaker, const struct config *old)
{
	const struct config *config = speaker->config;
	const struct config_peer **taken =
	    memory_allocate_zero(config->peer_count + 1, sizeof(struct config_peer *));
	struct assignment *assigned =
	    memory_allocate_zero(config->peer_count + speaker->peer_count + 1, sizeof *assigned);
	size_t taken_count = select_entries(speaker, taken), count;

	for (size_t i = 0; i < speaker->peer_count; i++)
		speaker->peers[i]->keep = false;
	speaker_passwords_watch(speaker, taken, taken_count);
	speaker_ranges_apply(speaker, taken, taken_count);
	count = assign_configured(speaker, taken, taken_count, assigned);
	count += assign_dynamic(speaker, taken, taken_count, &assigned[count]);
	/* First those that go: a new one may have the address of an old one. */
	replace_peers(speaker, assigned, count);
	for (size_t i = 0; i < count; i++)
		speaker_peer_prepare(assigned[i].peer, assigned[i].config);
	speaker_ranges_open(speaker);
	for (size_t i = 0; i < count; i++)
		speaker_peer_configure(assigned[i].peer, assigned[i].config, old);
	free(assigned);
	free(taken);
}

static void apply_fib(struct speaker *speaker)
{
	const struct config_fib *fib = &speaker->config->fib;
	const struct k8s_node *node = speaker_node(speaker);
	struct fib_settings settings;

	memset(&settings, 0, sizeof settings);
	settings.install = fib->install;
	settings.table = fib->table;
	settings.metric = fib->metric;
	settings.protocol = fib->protocol;
	settings.multipath = fib->multipath;
	settings.withdraw_on_stop = fib->withdraw_on_stop;
	rib_set_multipath(speaker->rib, fib->multipath);
	fib_change(speaker->fib, &settings);
	fib_set_own_prefixes(
	    speaker->fib, node ? node->pod_cidrs : NULL, node ? node->pod_cidr_count : 0);
}

static void cluster_changed(
    void *arg, const struct k8s_object *object, const struct k8s_object *old)
{
	speaker_origin_object_changed(arg, object, old);
}

static void cluster_removed(void *arg, const struct k8s_object *object)
{
	speaker_origin_object_removed(arg, object);
}

static void cluster_synced(void *arg)
{
	struct speaker *speaker = arg;

	loop_task_schedule(speaker->loop, &speaker->apply_task);
}

static void manifests_trouble(void *arg, const char *file, const char *what)
{
	struct speaker *speaker = arg;

	if (!what) {
		log_write(speaker->log, LOG_LEVEL_INFO, file, "understood again");
		return;
	}
	log_write(speaker->log, LOG_LEVEL_WARNING, NULL, "%s", what); /* begins with the file */
	speaker_tell(speaker, SPEAKER_CLUSTER_TROUBLE, file, NULL, what);
}

/* True if the source that runs is the one that is configured. */
static bool source_is_applied(const struct speaker *speaker, const char *folder)
{
	if (!folder)
		return !speaker->manifests && k8s_cluster_is_synced(speaker->cluster);
	return speaker->manifests && strcmp(folder, speaker->manifests_folder) == 0;
}

/* Another folder is another view of the cluster: what is not in it goes. */
static void apply_source(struct speaker *speaker)
{
	const struct config *config = speaker->config;
	const char *folder = config->source == CONFIG_SOURCE_MANIFESTS ? config->manifests : NULL;

	if (source_is_applied(speaker, folder))
		return;
	k8s_cluster_forget_view(speaker->cluster);
	k8s_manifests_free(speaker->manifests);
	free(speaker->manifests_folder);
	speaker->manifests = NULL;
	speaker->manifests_folder = NULL;
	if (folder) {
		speaker->manifests_folder = memory_copy_string(folder);
		speaker->manifests = k8s_manifests_new(
		    speaker->loop, folder, speaker->cluster, manifests_trouble, speaker);
	} else {
		k8s_cluster_begin_view(speaker->cluster);
		k8s_cluster_end_view(speaker->cluster);
	}
}

void speaker_cluster_start(struct speaker *speaker)
{
	static const struct k8s_cluster_ops ops = {
	    cluster_changed, cluster_removed, cluster_synced};

	speaker->cluster = k8s_cluster_new(speaker->options.hash_seed, &ops, speaker);
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
	/* The source may tell of many objects: they find the announcer with its rules. */
	speaker_origin_configure(speaker);
}

void speaker_apply(struct speaker *speaker, const struct config *old)
{
	resolve_identity(speaker);
	if (old != speaker->config)
		apply_config(speaker);
	apply_source(speaker);
	resolve_identity(speaker);
	if (speaker->asn != speaker->origin_asn) /* it is what advertisements prepend */
		speaker_origin_configure(speaker);
	apply_fib(speaker);
	speaker_listeners_apply(speaker);
	apply_peers(speaker, old);
	speaker_look_around(speaker);
	speaker_check_convergence(speaker);
}
