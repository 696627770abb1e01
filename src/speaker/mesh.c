/*
 * The mesh: a peer for each Node that this node has to have a session with (mesh_nodes.c knows the
 * Nodes, mesh_facts.c the rules).
 *
 * Whether a Node that has changed is, stays or ceases to be a peer is settled in a task, one Node
 * after the other, so that of thousands that come together some are settled in each turn.  Nothing
 * is settled before the cluster is known as a whole: without the reflectors it would look like a
 * full mesh.
 *
 * A peer has a configuration of its own, which is the template of the mesh with what follows from
 * the facts of both ends.  Of two nodes one opens the connection, and not all of its own at once.
 * How one that is wanted no longer goes is told in mesh_move.c.
 */
#include "speaker/mesh.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "speaker/private.h"

/* The connections of a node with so many peers are opened over so much time. */
#define START_MS_PER_NODE 2
#define START_MS_MAX 10000

static void free_peer(struct mesh_node *node)
{
	struct speaker *speaker;

	loop_timer_free(&node->start_timer);
	memset(&node->start_timer, 0, sizeof node->start_timer);
	if (node->peer) {
		speaker = node->peer->speaker;
		speaker_peers_remove(node->peer);
		speaker_peer_free(node->peer, BGP_CEASE_PEER_DECONFIGURED);
		node->peer = NULL;
		speaker_mesh_mark_skipped(speaker);
	}
	free(node->entry);
	node->entry = NULL;
	node->new_since = 0;
	node->client_until = 0;
	speaker_mesh_move_cancel(node);
}

static void remove_peer(struct mesh_node *node, const char *why)
{
	if (!node->peer)
		return;
	log_write(node->peer->speaker->log, LOG_LEVEL_INFO, node->peer->name, "%s", why);
	free_peer(node);
}

static void begin(void *arg)
{
	const struct mesh_node *node = arg;

	speaker_peer_release(node->peer, HOLD_KERNEL);
}

/* Who waits for the other may do so at once. */
static void begin_later(struct mesh_node *node)
{
	struct speaker *speaker = node->peer->speaker;
	struct mesh *mesh = &speaker->mesh;
	uint64_t window = mesh->nodes.count * START_MS_PER_NODE;

	if (!speaker->fib_ready || !(node->peer->holds & HOLD_KERNEL) ||
	    loop_timer_is_running(&node->start_timer))
		return;
	if (window > START_MS_MAX)
		window = START_MS_MAX;
	mesh->random = hash_u64(mesh->random + speaker->options.hash_seed + 1);
	if (node->entry->passive)
		begin(node);
	else
		loop_timer_start(&node->start_timer, mesh->random % (window + 1));
}

/* Our end of the connection, unless the kernel does not know the address: behind a NAT, say. */
static void choose_local_address(
    const struct speaker *speaker, enum ip_family family, struct config_peer *entry)
{
	const struct ip_address *own = &speaker->mesh.own.addresses[family];

	if (fib_is_own_address(speaker->fib, own, 0))
		entry->local_address = *own;
}

/* False and the reason if the Node cannot be a peer. */
static bool fill_entry(
    struct speaker *speaker, struct mesh_node *node, struct config_peer *entry, struct error *why)
{
	const struct mesh_facts *own = &speaker->mesh.own;
	enum ip_family family;

	memcpy(entry, &speaker->config->mesh.peer, sizeof *entry);
	if (!mesh_common_family(own, &node->facts, &family))
		return error_set(why, "it has no InternalIP of a family that this node has one of");
	entry->address = node->facts.addresses[family];
	if (ip_address_equal(&entry->address, &own->addresses[family]))
		return error_set(why, "it has the address of this node");
	entry->asn = node->facts.asn;
	choose_local_address(speaker, family, entry);
	entry->passive = !mesh_opens(speaker->config->node_name, node->name);
	entry->route_reflector_client = speaker_mesh_stays_client(
	    speaker, node, own->reflects && !node->facts.reflects && own->asn == node->facts.asn);
	return true;
}

/* Who called from a range or is leaving gives way; false and the reason if another one is there. */
static bool take_address(struct speaker *speaker, const struct mesh_node *node,
    const struct ip_address *address, struct error *why)
{
	struct speaker_peer *rival;
	char text[IP_TEXT_MAX];

	while ((rival = speaker_index_find_address(speaker, address)) && rival != node->peer) {
		if (rival->dynamic)
			speaker_range_forget(rival);
		else if (rival->mesh && rival->mesh->leaving_since)
			remove_peer(rival->mesh, "another node has its address");
		else
			return error_set(why, "peer %s has the same address, %s", rival->name,
			    ip_address_print(address, text));
	}
	return true;
}

static bool make_peer(struct speaker *speaker, struct mesh_node *node, struct error *why)
{
	struct text name = {0};

	if (node->peer)
		return true;
	text_append(&name, "%s/%s", speaker->config->mesh.peer.name, node->name);
	node->peer = speaker_peer_new(speaker, name.string);
	text_free(&name);
	if (!node->peer)
		return error_set(why, "there are too many peers already");
	node->peer->mesh = node;
	loop_timer_init(speaker->loop, &node->start_timer, begin, node);
	speaker_peers_add(node->peer);
	speaker_mesh_move_begin(speaker, node);
	return true;
}

/* The old entry is compared with the new one, and so lives until then.  Others may want its place. */
static void configure_peer(
    struct mesh_node *node, const struct config_peer *entry, const struct config *old)
{
	struct config_peer *before = node->entry;

	node->entry = memory_copy(entry, sizeof *entry);
	speaker_peer_prepare(node->peer, node->entry);
	speaker_peer_configure(node->peer, node->entry, old);
	if (before && !ip_address_equal(&before->address, &entry->address))
		speaker_mesh_mark_skipped(node->peer->speaker);
	free(before);
	begin_later(node);
}

static bool is_wanted(const struct speaker *speaker, const struct mesh_node *node)
{
	const struct mesh *mesh = &speaker->mesh;

	return node->node && !speaker_mesh_is_own(speaker, node) &&
	       mesh_are_neighbours(&mesh->own, &node->facts, mesh->reflectors);
}

static void settle_peer(struct speaker *speaker, struct mesh_node *node)
{
	struct config_peer entry;
	struct error why;

	if (!fill_entry(speaker, node, &entry, &why) ||
	    !take_address(speaker, node, &entry.address, &why) || !make_peer(speaker, node, &why)) {
		remove_peer(node, "no longer in the mesh");
		speaker_mesh_tell_trouble(speaker, node, why.text);
		return;
	}
	speaker_mesh_tell_trouble(speaker, node, NULL);
	speaker_mesh_move_cancel(node);
	if (speaker->mesh.renew || !node->entry || memcmp(&entry, node->entry, sizeof entry) != 0)
		configure_peer(node, &entry, speaker->config);
}

/* It stays as it is, but for what all have in common. */
static void renew_peer(struct mesh_node *node, const struct config *old)
{
	const struct config_peer before = *node->entry;
	struct config_peer entry;

	memcpy(&entry, &node->peer->speaker->config->mesh.peer, sizeof entry);
	entry.address = before.address;
	entry.asn = before.asn;
	entry.local_address = before.local_address;
	entry.passive = before.passive;
	entry.route_reflector_client = before.route_reflector_client;
	configure_peer(node, &entry, old);
}

/* Makes the peer of the Node what it should be.  The Node may be freed. */
static void settle(struct speaker *speaker, struct mesh_node *node)
{
	if (node->reflected_until || speaker->mesh.unknown_until)
		speaker_mesh_look_later(speaker);
	if (!node->mistake && is_wanted(speaker, node)) {
		settle_peer(speaker, node);
		return;
	}
	speaker_mesh_tell_trouble(speaker, node, node->mistake);
	if (node->node && !node->mistake && !speaker_mesh_move_is_over(speaker, node)) {
		if (speaker->mesh.renew)
			renew_peer(node, speaker->config);
		return;
	}
	remove_peer(node, node->node ? "no longer in the mesh" : "the Node is gone");
	if (!node->node)
		speaker_mesh_remove_node(speaker, node);
}

static void settle_changed(void *arg)
{
	struct speaker *speaker = arg;
	struct mesh_node *node;

	loop_name_work(speaker->loop, "the mesh");
	if (speaker->stopping || !k8s_cluster_is_synced(speaker->cluster))
		return;
	while ((node = speaker_mesh_take_changed(speaker))) {
		settle(speaker, node);
		if (speaker->mesh.changed && loop_should_yield(speaker->loop)) {
			loop_task_schedule(speaker->loop, &speaker->mesh.task);
			return;
		}
	}
	speaker->mesh.renew = false;
	speaker_check_convergence(speaker);
}

/* The configuration */

/* Their peers go with them. */
static void forget_all(struct speaker *speaker)
{
	struct mesh_node *node;

	speaker->mesh.skipped = 0; /* nobody needs to take their places */
	for (size_t cursor = 0; (node = hash_table_next(&speaker->mesh.nodes, &cursor));)
		remove_peer(node, "no longer configured");
	speaker_mesh_forget_nodes(speaker);
}

void speaker_mesh_yield_place(struct speaker *speaker, const struct ip_address *address)
{
	const struct speaker_peer *peer = speaker_index_find_address(speaker, address);

	if (!peer || !peer->mesh)
		return;
	speaker_mesh_mark(speaker, peer->mesh);
	remove_peer(peer->mesh, "gives way to a peer of its own at this address");
}

static void renew_peers(struct speaker *speaker, const struct config *old)
{
	struct mesh_node *node;

	for (size_t cursor = 0; (node = hash_table_next(&speaker->mesh.nodes, &cursor));)
		if (node->peer)
			renew_peer(node, old);
}

/* What the old configuration owns is gone after this; all else has time. */
void speaker_mesh_apply(struct speaker *speaker, const struct config *old)
{
	if (!speaker->config->mesh.enabled) {
		forget_all(speaker);
	} else if (old == speaker->config) {
		speaker->mesh.renew = true;
		speaker_mesh_mark_all(speaker);
	} else {
		speaker_mesh_update_nodes(speaker);
		renew_peers(speaker, old ? old : speaker->config);
	}
}

void speaker_mesh_start(struct speaker *speaker)
{
	loop_task_init(&speaker->mesh.task, settle_changed, speaker);
	speaker_mesh_move_start(speaker);
}

void speaker_mesh_stop(struct speaker *speaker)
{
	struct mesh_node *node;

	for (size_t cursor = 0; (node = hash_table_next(&speaker->mesh.nodes, &cursor));) {
		node->peer = NULL;
		free_peer(node);
	}
	speaker_mesh_forget_nodes(speaker);
	speaker_mesh_move_stop(speaker);
}
