/*
 * The Nodes as the mesh sees them: of each there is a record with what it is to the mesh
 * (mesh_facts.h).  A change of a Node changes its record at once, and marks it if it has to be
 * settled whether it is a peer (mesh.c); a change that concerns others too, of this node itself or
 * of whether there are reflectors, marks all.  What changes all the time on a Node, the heartbeats
 * and conditions, marks nothing.
 *
 * Whose routes may come from where is told from the records, too.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "speaker/private.h"

static uint64_t hash_of_name(const struct speaker *speaker, const char *name)
{
	return hash_string(name, speaker->options.hash_seed);
}

static uint64_t hash_of_address(const struct speaker *speaker, const struct ip_address *address)
{
	return hash_bytes(address->bytes, sizeof address->bytes, speaker->options.hash_seed);
}

static bool has_name(const void *item, const void *key)
{
	const struct mesh_node *node = item;

	return strcmp(node->name, key) == 0;
}

static struct mesh_node *find_node(const struct speaker *speaker, const char *name)
{
	return hash_table_find(&speaker->mesh.nodes, hash_of_name(speaker, name), has_name, name);
}

bool speaker_mesh_is_own(const struct speaker *speaker, const struct mesh_node *node)
{
	return strcmp(node->name, speaker->config->node_name) == 0;
}

void speaker_mesh_mark(struct speaker *speaker, struct mesh_node *node)
{
	if (!node->changed) {
		node->changed = true;
		node->next_changed = speaker->mesh.changed;
		speaker->mesh.changed = node;
	}
	loop_task_schedule(speaker->loop, &speaker->mesh.task);
}

/* Whether the kernel has this node's address of the family. */
static bool has_own_address(const struct speaker *speaker, enum ip_family family)
{
	return fib_is_own_address(speaker->fib, &speaker->mesh.own.addresses[family], 0);
}

void speaker_mesh_mark_all(struct speaker *speaker)
{
	struct mesh_node *node;

	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		speaker->mesh.is_here[family] = has_own_address(speaker, family);
	for (size_t cursor = 0; (node = hash_table_next(&speaker->mesh.nodes, &cursor));)
		speaker_mesh_mark(speaker, node);
}

/* One that goes away for a moment ends no session; from one that comes the others are called. */
void speaker_mesh_follow_links(struct speaker *speaker)
{
	bool *is_here = speaker->mesh.is_here;
	bool comes = false;

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		const bool here = has_own_address(speaker, family);

		comes |= here && !is_here[family];
		is_here[family] = here;
	}
	if (comes)
		speaker_mesh_mark_all(speaker);
}

void speaker_mesh_mark_skipped(struct speaker *speaker)
{
	struct mesh_node *node;

	for (size_t cursor = 0;
	     speaker->mesh.skipped && (node = hash_table_next(&speaker->mesh.nodes, &cursor));)
		if (node->trouble)
			speaker_mesh_mark(speaker, node);
}

/* By every address that it has, so that the Node behind a next hop is found. */
static void index_addresses(struct speaker *speaker, struct mesh_node *node, bool add)
{
	struct hash_table *owners = &speaker->mesh.owners;

	for (size_t i = 0; i < node->address_count; i++) {
		uint64_t hash = hash_of_address(speaker, &node->addresses[i]);

		if (add)
			hash_table_insert(owners, hash, node);
		else
			hash_table_remove(owners, hash, node);
	}
}

static void add_address(struct mesh_node *node, const struct ip_address *address)
{
	for (size_t i = 0; i < node->address_count; i++)
		if (ip_address_equal(&node->addresses[i], address))
			return;
	if (!ip_address_is_unspecified(address))
		node->addresses[node->address_count++] = *address;
}

/* What reflectors have sent is judged by them. */
static void collect_addresses(struct speaker *speaker, struct mesh_node *node)
{
	size_t internal = node->node ? node->node->internal_ip_count : 0;
	struct ip_address *before = node->addresses;
	size_t count_before = node->address_count;

	index_addresses(speaker, node, false);
	node->addresses = memory_allocate_zero(internal + IP_FAMILIES, sizeof(struct ip_address));
	node->address_count = 0;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		add_address(node, &node->facts.addresses[family]);
	for (size_t i = 0; i < internal; i++)
		add_address(node, &node->node->internal_ips[i]);
	index_addresses(speaker, node, true);
	if (count_before != node->address_count ||
	    (before && memcmp(before, node->addresses, count_before * sizeof *before)))
		loop_task_schedule(speaker->loop, &speaker->refilter_task);
	free(before);
}

static bool reflects_here(const struct speaker *speaker, const struct mesh_facts *facts)
{
	return facts->reflects && facts->asn == speaker->mesh.own.asn;
}

static void count_reflectors(struct speaker *speaker)
{
	const struct mesh_node *node;

	speaker->mesh.reflectors = 0;
	for (size_t cursor = 0; (node = hash_table_next(&speaker->mesh.nodes, &cursor));)
		speaker->mesh.reflectors += reflects_here(speaker, &node->facts);
}

/* What its peer has sent is judged by what it is, and by its pod CIDRs. */
static void judge_again(struct speaker *speaker, const struct mesh_node *node)
{
	if (!node->peer || node->entry->has_import)
		return;
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		rib_refilter_peer(speaker->rib, node->peer->rib_peer, family);
}

static void own_facts_changed(struct speaker *speaker, struct mesh_node *node)
{
	struct mesh *mesh = &speaker->mesh;

	if (node->facts.reflects != mesh->own.reflects)
		mesh->unknown_until =
		    node->facts.reflects ? loop_now(speaker->loop) + MESH_MOVE_MS : 0;
	mesh->own_node = node;
	mesh->own = node->facts;
	count_reflectors(speaker);
	speaker_mesh_mark_all(speaker);
}

static void facts_changed(
    struct speaker *speaker, struct mesh_node *node, const struct mesh_facts *facts)
{
	struct mesh *mesh = &speaker->mesh;
	bool had_reflectors = mesh->reflectors > 0;

	mesh->reflectors -= reflects_here(speaker, &node->facts);
	mesh->reflectors += reflects_here(speaker, facts);
	if (node->facts.reflects && !facts->reflects)
		node->reflected_until = loop_now(speaker->loop) + MESH_MOVE_MS;
	else if (node->facts.reflects != facts->reflects)
		judge_again(speaker, node);
	node->facts = *facts;
	if (speaker_mesh_is_own(speaker, node))
		own_facts_changed(speaker, node);
	else if (had_reflectors != (mesh->reflectors > 0))
		speaker_mesh_mark_all(speaker);
}

/* Of a Node as it is now; NULL: it is gone. */
static void update_node(
    struct speaker *speaker, struct mesh_node *node, const struct k8s_node *object)
{
	struct mesh_facts facts;
	struct error why;
	bool good;

	memset(&facts, 0, sizeof facts);
	good = !object || mesh_facts_of(speaker->config, object, &facts, &why);
	if (!good)
		memset(&facts, 0, sizeof facts);
	free(node->mistake);
	node->mistake = good ? NULL : memory_copy_string(why.text);
	if (!node->node || !object || !good || node->trouble ||
	    memcmp(&facts, &node->facts, sizeof facts) != 0)
		speaker_mesh_mark(speaker, node);
	node->node = object;
	if (memcmp(&facts, &node->facts, sizeof facts) != 0)
		facts_changed(speaker, node, &facts);
	collect_addresses(speaker, node);
}

static struct mesh_node *add_node(struct speaker *speaker, const char *name)
{
	struct mesh_node *node = memory_allocate_zero(1, sizeof *node);

	node->name = memory_copy_string(name);
	hash_table_insert(&speaker->mesh.nodes, hash_of_name(speaker, name), node);
	return node;
}

void speaker_mesh_node_changed(struct speaker *speaker, const char *name,
    const struct k8s_node *object, const struct k8s_node *old)
{
	struct mesh_node *node = find_node(speaker, name);

	if (!speaker->config->mesh.enabled || (!node && !object))
		return;
	if (!node)
		node = add_node(speaker, name);
	update_node(speaker, node, object);
	/* One that comes back at once may still have its peer. */
	if (object && !(old && speaker_same_pod_cidrs(object, old)))
		judge_again(speaker, node);
}

void speaker_mesh_tell_trouble(struct speaker *speaker, struct mesh_node *node, const char *why)
{
	if (node->trouble && why && strcmp(node->trouble, why) == 0)
		return;
	if (why)
		log_write(
		    speaker->log, LOG_LEVEL_WARNING, node->name, "left out of the mesh: %s", why);
	speaker->mesh.skipped -= node->trouble != NULL;
	speaker->mesh.skipped += why != NULL;
	free(node->trouble);
	node->trouble = why ? memory_copy_string(why) : NULL;
}

struct mesh_node *speaker_mesh_take_changed(struct speaker *speaker)
{
	struct mesh_node *node = speaker->mesh.changed;

	if (node) {
		speaker->mesh.changed = node->next_changed;
		node->changed = false;
	}
	return node;
}

bool speaker_mesh_is_settled(const struct speaker *speaker)
{
	return !speaker->mesh.changed;
}

void speaker_mesh_update_nodes(struct speaker *speaker)
{
	const struct k8s_object *object;

	for (size_t cursor = 0; (object = k8s_cluster_next(speaker->cluster, K8S_NODE, &cursor));) {
		struct mesh_node *node = find_node(speaker, object->name);

		update_node(speaker, node ? node : add_node(speaker, object->name), &object->node);
	}
	speaker_mesh_mark_all(speaker);
}

static void free_node(struct mesh_node *node)
{
	free(node->addresses);
	free(node->mistake);
	free(node->trouble);
	free(node->name);
	free(node);
}

void speaker_mesh_remove_node(struct speaker *speaker, struct mesh_node *node)
{
	if (speaker->mesh.own_node == node)
		speaker->mesh.own_node = NULL;
	hash_table_remove(&speaker->mesh.nodes, hash_of_name(speaker, node->name), node);
	free_node(node);
}

void speaker_mesh_forget_nodes(struct speaker *speaker)
{
	struct mesh *mesh = &speaker->mesh;
	struct mesh_node *node;

	for (size_t cursor = 0; (node = hash_table_next(&mesh->nodes, &cursor));)
		free_node(node);
	hash_table_free(&mesh->nodes);
	hash_table_free(&mesh->owners);
	loop_task_cancel(speaker->loop, &mesh->task);
	mesh->nodes = mesh->owners = (struct hash_table){0};
	mesh->changed = NULL;
	mesh->renew = false;
	mesh->own_node = NULL;
	memset(&mesh->own, 0, sizeof mesh->own);
	mesh->unknown_until = 0;
	mesh->reflectors = 0;
	mesh->skipped = 0;
}

/* Routes */

/* A route as far as it matters whose it is. */
struct claim {
	const struct ip_address *next_hop;
	const struct ip_prefix *prefix;
};

static bool is_owner(const void *item, const void *key)
{
	const struct mesh_node *node = item;
	const struct claim *claim = key;

	for (size_t i = 0; i < node->address_count; i++)
		if (ip_address_equal(&node->addresses[i], claim->next_hop))
			return node->node && mesh_has_pods(node->node, claim->prefix);
	return false;
}

bool speaker_mesh_reflects(const struct mesh_node *node)
{
	return node->facts.reflects || node->reflected_until;
}

/* What all peers are configured with has changed. */
static void renew_all(struct speaker *speaker)
{
	speaker->mesh.renew = true;
	speaker_mesh_mark_all(speaker);
}

void speaker_mesh_know_cluster(struct speaker *speaker)
{
	speaker->mesh.unknown_until = 0;
	/* What it let in so far has to be sent again, now and not with whatever is applied next. */
	renew_all(speaker);
}

void speaker_mesh_stop_believing(struct speaker *speaker, struct mesh_node *node)
{
	node->reflected_until = 0;
	judge_again(speaker, node);
	/* What this node passes on is no longer of the cluster: its peers have to be told so. */
	if (speaker_mesh_is_own(speaker, node))
		renew_all(speaker);
}

bool speaker_mesh_accepts(const struct speaker_peer *peer, const struct ip_prefix *prefix,
    const struct ip_address *next_hop)
{
	const struct speaker *speaker = peer->speaker;
	const struct mesh_node *node = peer->mesh;
	const struct claim claim = {next_hop, prefix};

	if (node->node && mesh_has_pods(node->node, prefix))
		return true;
	return speaker_mesh_reflects(node) &&
	       hash_table_find(
		   &speaker->mesh.owners, hash_of_address(speaker, next_hop), is_owner, &claim);
}

bool speaker_mesh_sends_cluster(const struct speaker *speaker)
{
	return speaker->mesh.own_node && speaker_mesh_reflects(speaker->mesh.own_node);
}

bool speaker_mesh_knows_cluster(const struct speaker *speaker)
{
	return speaker->mesh.own.reflects && !speaker->mesh.unknown_until;
}

void speaker_mesh_next_hops(const struct speaker *speaker, struct bgp_next_hop *self)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		const struct ip_address *own = &speaker->mesh.own.addresses[family];

		if (ip_address_is_unspecified(own) ||
		    ip_address_equal(own, &self[family].address) ||
		    !fib_is_own_address(speaker->fib, own, 0))
			continue;
		memset(&self[family], 0, sizeof self[family]);
		self[family].address = *own;
	}
}
