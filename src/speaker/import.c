/*
 * From a decoded UPDATE to the RIB: what is withdrawn is taken out, what is announced is checked
 * against the rules of the protocol (import_rules.c), judged by the import filters prefix by
 * prefix, and put in.  Routes that are refused stay in the table marked as filtered, so that an
 * operator can see them; they are candidates for nothing.
 *
 * A next hop that is this node (RFC 4271 5.1.3) is not refused here, for good, but not reachable
 * (fib/kernel_resolve.c): its address may move to another node, and nobody sends the route again.
 *
 * The attributes of a message are interned once, and once more for each rule that changes them.
 */
#include <stddef.h>
#include <string.h>

#include "bgp/nlri.h"
#include "speaker/import_rules.h"
#include "speaker/private.h"

/* The announced part of one UPDATE on its way in. */
struct import {
	struct speaker_peer *peer;
	struct attribute_set_extra extra;
	enum import_refusal refusal; /* by a rule of the protocol, whatever the filters say */
	struct attribute_set *plain; /* as received; NULL until needed */
	const struct policy_rule *rule; /* whose result `changed` is */
	struct attribute_set *changed;
	struct bgp_attributes attributes; /* large, so last */
};

static bool is_internal(const struct speaker_peer *peer)
{
	return peer->rib_peer->source == POLICY_SOURCE_IBGP;
}

static struct import_rules rules_of(const struct speaker_peer *peer)
{
	const struct config_peer *config = peer->config;
	bool external = !is_internal(peer);

	return (struct import_rules){
	    .external = external,
	    .role = external ? (uint8_t)config->role : BGP_ROLE_NONE,
	    .allow_own_asn = config->allow_own_asn,
	    .prepend_local_asn = config->local_asn_mode == CONFIG_LOCAL_ASN_PREPEND,
	    .router_asn = peer->speaker->asn,
	    .local_asn = peer->settings.local_asn,
	    .remote_asn = speaker_peer_remote_asn(peer),
	    .router_id = speaker_router_id(peer->speaker),
	    .cluster_id = speaker_peer_import_cluster_id(peer),
	    .max_as_path_length = config->max_as_path_length,
	};
}

static struct attribute_set *plain_set(struct import *import)
{
	if (!import->plain)
		import->plain =
		    attribute_set_intern(rib_attribute_store(import->peer->speaker->rib),
			&import->attributes, &import->extra);
	return import->plain;
}

/* The set as the rule changes it; kept for the next prefix with the same verdict. */
static struct attribute_set *changed_set(struct import *import, const struct policy_rule *rule)
{
	struct speaker *speaker = import->peer->speaker;
	struct attribute_store *store = rib_attribute_store(speaker->rib);
	struct attribute_set_extra extra = import->extra;
	struct bgp_attributes attributes;

	if (import->changed && import->rule == rule)
		return import->changed;
	if (import->changed)
		attribute_set_release(store, import->changed);
	bgp_attributes_copy(&attributes, &import->attributes);
	policy_rule_apply(rule, import->peer->settings.local_asn, &speaker->arena, &attributes);
	if (rule->set.has_metric)
		extra.kernel_metric = rule->set.metric;
	import->rule = rule;
	import->changed = attribute_set_intern(store, &attributes, &extra);
	return import->changed;
}

/*
 * What nobody configured: from the mesh the pods of the node that it is, from others nothing from
 * outside (RFC 8212), from inside only the cluster's pods.
 */
static bool default_accepts(const struct speaker_peer *peer, const struct ip_prefix *prefix,
    const struct ip_address *next_hop)
{
	if (peer->mesh)
		return speaker_mesh_accepts(peer, prefix, next_hop);
	return is_internal(peer) && speaker_is_pod_prefix(peer->speaker, prefix);
}

static void import_prefix(struct import *import, const struct ip_prefix *prefix, uint32_t path_id)
{
	struct speaker_peer *peer = import->peer;
	const struct policy_route route = {
	    prefix, &import->attributes, peer->rib_peer->source, peer->config->name};
	const struct policy_rule *rule = NULL;
	enum import_refusal refusal =
	    ip_prefix_is_martian(prefix) ? IMPORT_MARTIAN : import->refusal;
	struct attribute_set *set;
	uint8_t flags = 0;
	bool accepted;

	if (refusal) {
		accepted = false;
	} else if (peer->config->has_import) {
		rule = policy_find_rule(peer->import.filters, peer->import.count, &route);
		accepted = rule && rule->action == POLICY_ACCEPT;
	} else {
		accepted = default_accepts(peer, prefix, &import->attributes.next_hop.address);
	}
	if (accepted && rule && (rule->set.has_metric || policy_rule_changes_attributes(rule))) {
		set = changed_set(import, rule);
		flags |= RIB_PATH_MODIFIED;
	} else {
		set = plain_set(import);
	}
	if (!accepted)
		flags |= RIB_PATH_FILTERED;
	/* Refused for good by the protocol: no later filter may let it through. */
	if (refusal)
		flags |= RIB_PATH_MODIFIED | (uint8_t)(refusal << RIB_PATH_REASON_SHIFT);
	if (set)
		rib_update(peer->speaker->rib, peer->rib_peer, prefix, path_id, set, flags);
	else
		rib_withdraw(peer->speaker->rib, peer->rib_peer, prefix, path_id);
}

/* The link-local address is kept only where it is the one to use. */
static void choose_next_hop(struct import *import, const struct bgp_next_hop *next_hop)
{
	struct bgp_next_hop *chosen = &import->attributes.next_hop;

	*chosen = *next_hop;
	if (ip_address_is_unspecified(&chosen->address))
		chosen->address = chosen->link_local;
	memset(&chosen->link_local, 0, sizeof chosen->link_local);
	if (ip_address_is_link_local(&chosen->address))
		import->extra.scope = import->peer->settings.transport.scope;
}

/*
 * The next prefixes of a message; false at its end.  They are all over the table, so they are
 * fetched together: else the CPU would wait for memory at every one.
 */
static bool next_batch(const struct speaker_peer *peer, struct wire_reader *reader,
    enum ip_family family, struct rib_batch *batch)
{
	bool add_path = bgp_session_codec(peer->session)->add_path_receive[family];

	batch->family = family;
	batch->count = 0;
	while (batch->count < RIB_BATCH_MAX &&
	       bgp_nlri_next_path(reader, family, add_path, &batch->prefixes[batch->count],
		   &batch->path_ids[batch->count]))
		batch->count++;
	rib_prefetch(peer->speaker->rib, batch);
	return batch->count > 0;
}

static void import_batch(struct import *import, const struct rib_batch *batch)
{
	rib_prefetch_paths(import->peer->speaker->rib, batch);
	for (size_t i = 0; i < batch->count; i++)
		import_prefix(import, &batch->prefixes[i], batch->path_ids[i]);
}

static void begin_import(
    struct import *import, struct speaker_peer *peer, const struct bgp_attributes *attributes)
{
	memset(import, 0, offsetof(struct import, attributes));
	import->peer = peer;
	bgp_attributes_copy(&import->attributes, attributes);
}

static void import_announced(struct speaker_peer *peer, const struct bgp_update *update,
    const struct bgp_next_hop *next_hop, struct wire_span nlri, enum ip_family family)
{
	struct attribute_store *store = rib_attribute_store(peer->speaker->rib);
	const struct import_rules rules = rules_of(peer);
	struct wire_reader reader = wire_reader_from_span(nlri);
	struct rib_batch batch;
	struct import import;

	/* First, for it takes a while to come from memory. */
	if (!next_batch(peer, &reader, family, &batch))
		return;
	begin_import(&import, peer, &update->attributes);
	choose_next_hop(&import, next_hop);
	import.refusal = import_rules_judge(&rules, &import.attributes);
	if (!import.refusal)
		import_rules_apply(&rules, &peer->speaker->arena, &import.attributes);
	do
		import_batch(&import, &batch);
	while (next_batch(peer, &reader, family, &batch));
	if (import.plain)
		attribute_set_release(store, import.plain);
	if (import.changed)
		attribute_set_release(store, import.changed);
	arena_reset(&peer->speaker->arena);
}

static void import_withdrawn(
    struct speaker_peer *peer, struct wire_span nlri, enum ip_family family)
{
	struct wire_reader reader = wire_reader_from_span(nlri);
	struct rib_batch batch;

	while (next_batch(peer, &reader, family, &batch)) {
		rib_prefetch_paths(peer->speaker->rib, &batch);
		for (size_t i = 0; i < batch.count; i++)
			rib_withdraw(peer->speaker->rib, peer->rib_peer, &batch.prefixes[i],
			    batch.path_ids[i]);
	}
}

static void stop_over_limit(struct speaker_peer *peer, enum ip_family family)
{
	if (peer->holds & HOLD_MAX_PREFIXES)
		return;
	error_set(&peer->last_error,
	    "sent more than maxPrefixes %u %s prefixes; idle until "
	    "`kbgpctl clear %s`",
	    peer->config->max_prefixes, ip_family_name(family), peer->name);
	log_write(peer->speaker->log, LOG_LEVEL_ERROR, peer->name, "%s", peer->last_error.text);
	speaker_peer_hold(peer, HOLD_MAX_PREFIXES, BGP_CEASE_MAX_PREFIXES, NULL);
}

static void warn_near_limit(struct speaker_peer *peer, enum ip_family family)
{
	const struct config_peer *config = peer->config;
	uint32_t count = peer->rib_peer->paths[family];
	bool near =
	    import_rules_near_limit(count, config->max_prefixes, config->max_prefixes_warning);

	if (near && !peer->near_limit[family]) {
		enum log_level level = speaker_peer_trouble_level(peer);

		error_set(&peer->last_error, "has sent %u %s prefixes, of maxPrefixes %u", count,
		    ip_family_name(family), config->max_prefixes);
		log_write(peer->speaker->log, level == LOG_LEVEL_INFO ? LOG_LEVEL_WARNING : level,
		    peer->name, "%s", peer->last_error.text);
	}
	peer->near_limit[family] = near;
}

void speaker_import_begin(struct speaker_peer *peer)
{
	memset(peer->near_limit, 0, sizeof peer->near_limit);
}

void speaker_import_check_limits(struct speaker_peer *peer)
{
	uint32_t limit = peer->config->max_prefixes;

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		warn_near_limit(peer, family);
		if (limit && peer->rib_peer->paths[family] > limit)
			stop_over_limit(peer, family);
	}
}

static void import_all_announced(struct speaker_peer *peer, const struct bgp_update *update)
{
	import_announced(peer, update, &update->attributes.next_hop, update->announced, IPV4);
	if (update->mp_reach.present)
		import_announced(peer, update, &update->mp_next_hop, update->mp_reach.nlri,
		    update->mp_reach.family);
}

static void withdraw_all_announced(struct speaker_peer *peer, const struct bgp_update *update)
{
	import_withdrawn(peer, update->announced, IPV4);
	if (update->mp_reach.present)
		import_withdrawn(peer, update->mp_reach.nlri, update->mp_reach.family);
}

void speaker_import_update(struct speaker_peer *peer, const struct bgp_update *update)
{
	if (update->end_of_rib) {
		peer->end_of_rib[update->end_of_rib_family] = true;
		speaker_check_convergence(peer->speaker);
		return;
	}
	import_withdrawn(peer, update->withdrawn, IPV4);
	if (update->mp_unreach.present)
		import_withdrawn(peer, update->mp_unreach.nlri, update->mp_unreach.family);
	if (update->treatment == BGP_TREATMENT_WITHDRAW)
		withdraw_all_announced(peer, update);
	else
		import_all_announced(peer, update);
	speaker_import_check_limits(peer);
}

const char *speaker_refusal_of_path(const struct speaker *speaker, const struct rib_path *path)
{
	const struct rib_peer *from = rib_peer_at(speaker->rib, path->peer);
	const struct speaker_peer *peer = from && !from->closing ? from->owner : NULL;
	enum import_refusal refusal = (path->flags & RIB_PATH_REASON) >> RIB_PATH_REASON_SHIFT;

	if (refusal || !peer || !peer->mesh || peer->config->has_import)
		return import_refusal_name(refusal);
	return speaker_mesh_reflects(peer->mesh) ? "not in a pod CIDR of its next hop's node"
						 : "not in a pod CIDR of the peer's node";
}

/* The peer may have been given filters meanwhile: these judge what comes, not what came. */
static bool is_filtered(void *arg, const struct rib_peer *from, const struct ip_prefix *prefix,
    const struct rib_path *path)
{
	const struct speaker_peer *peer = from->owner;

	(void)arg;
	if (peer->config->has_import)
		return path->flags & RIB_PATH_FILTERED;
	return !default_accepts(peer, prefix, &path->attributes->next_hop->key.address);
}

void speaker_import_refilter(struct speaker *speaker)
{
	rib_set_refilter(speaker->rib, is_filtered, speaker);
	for (size_t i = 0; i < speaker->peer_count; i++) {
		struct speaker_peer *peer = speaker->peers[i];

		if (peer->config->has_import ||
		    (peer->mesh ? !speaker_mesh_reflects(peer->mesh) : !is_internal(peer)))
			continue;
		for (enum ip_family family = 0; family < IP_FAMILIES; family++)
			rib_refilter_peer(speaker->rib, peer->rib_peer, family);
	}
}
