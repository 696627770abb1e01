/*
 * Moves: when labels change, sessions of the mesh go to other nodes, and no route may be missing
 * meanwhile.  So the old ones stay until the new ones have told all that they have, and for some
 * time after that, in which the other nodes come as far, for they hear of the change later or
 * sooner; but not for ever.  Who reflects no longer does so until the end of that time, and is
 * believed like a reflector: those who had sessions with nobody else leave when they have.
 *
 * What has to be done later is found by looking once a second, as long as there is any.
 */
#include "speaker/mesh.h"
#include "speaker/private.h"

#define LOOK_MS 1000
/* They stay at least for so long after the last new one is complete. */
#define SETTLE_MS 10000

static bool is_established(const struct mesh_node *node)
{
	return node->peer && node->peer->member;
}

/* True if the peer is new and has not told all that it has. */
static bool is_awaited(struct mesh *mesh, struct mesh_node *node, uint64_t now)
{
	if (!node->new_since)
		return false;
	if (node->peer && now - node->new_since < MESH_MOVE_MS &&
	    !speaker_peer_is_complete(node->peer))
		return true;
	node->new_since = 0;
	mesh->complete_since = now;
	return false;
}

static bool are_awaited(struct speaker *speaker, uint64_t now)
{
	struct mesh_node *node;
	bool awaited = false;

	for (size_t cursor = 0; (node = hash_table_next(&speaker->mesh.nodes, &cursor));)
		awaited |= is_awaited(&speaker->mesh, node, now);
	return awaited;
}

/* A client of ours knows by itself when it needs us no longer. */
static bool may_leave(
    const struct mesh *mesh, const struct mesh_node *node, bool awaited, uint64_t now)
{
	if (!is_established(node) || now - node->leaving_since >= MESH_MOVE_MS)
		return true;
	return !awaited && !node->entry->route_reflector_client &&
	       now - node->leaving_since >= SETTLE_MS && now - mesh->complete_since >= SETTLE_MS;
}

/* True if there is something left to look at. */
static bool look_at(struct speaker *speaker, struct mesh_node *node, bool awaited, uint64_t now)
{
	if (node->leaving_since && may_leave(&speaker->mesh, node, awaited, now)) {
		node->may_leave = true;
		speaker_mesh_mark(speaker, node);
	}
	if (node->client_until && now >= node->client_until)
		speaker_mesh_mark(speaker, node);
	if (node->reflected_until && now >= node->reflected_until)
		speaker_mesh_stop_believing(speaker, node);
	return (node->leaving_since && !node->may_leave) || node->client_until > now ||
	       node->reflected_until;
}

static void look(void *arg)
{
	struct speaker *speaker = arg;
	uint64_t now = loop_now(speaker->loop);
	bool awaited = are_awaited(speaker, now);
	struct mesh_node *node;
	bool again;

	loop_name_work(speaker->loop, "moves in the mesh");
	if (speaker->mesh.unknown_until && now >= speaker->mesh.unknown_until)
		speaker_mesh_know_cluster(speaker);
	again = speaker->mesh.unknown_until;
	for (size_t cursor = 0; (node = hash_table_next(&speaker->mesh.nodes, &cursor));)
		again |= look_at(speaker, node, awaited, now);
	if (again)
		loop_timer_start(&speaker->mesh.move_timer, LOOK_MS);
}

void speaker_mesh_look_later(struct speaker *speaker)
{
	if (!loop_timer_is_running(&speaker->mesh.move_timer))
		loop_timer_start(&speaker->mesh.move_timer, LOOK_MS);
}

void speaker_mesh_move_begin(struct speaker *speaker, struct mesh_node *node)
{
	node->new_since = loop_now(speaker->loop);
	node->leaving_since = 0;
	node->client_until = 0;
}

bool speaker_mesh_move_is_over(struct speaker *speaker, struct mesh_node *node)
{
	if (!is_established(node) || node->may_leave)
		return true;
	if (!node->leaving_since) {
		node->leaving_since = loop_now(speaker->loop);
		log_write(speaker->log, LOG_LEVEL_INFO, node->peer->name,
		    "no longer to be a peer: goes when the new ones have told all they have");
	}
	speaker_mesh_look_later(speaker);
	return false;
}

void speaker_mesh_move_cancel(struct mesh_node *node)
{
	node->leaving_since = 0;
	node->may_leave = false;
}

bool speaker_mesh_stays_client(struct speaker *speaker, struct mesh_node *node, bool client)
{
	uint64_t now = loop_now(speaker->loop);

	if (client || !is_established(node) || !node->entry->route_reflector_client ||
	    (node->client_until && now >= node->client_until)) {
		node->client_until = 0;
		return client;
	}
	if (!node->client_until)
		node->client_until = now + MESH_MOVE_MS;
	speaker_mesh_look_later(speaker);
	return true;
}

void speaker_mesh_move_start(struct speaker *speaker)
{
	loop_timer_init(speaker->loop, &speaker->mesh.move_timer, look, speaker);
}

void speaker_mesh_move_stop(struct speaker *speaker)
{
	loop_timer_free(&speaker->mesh.move_timer);
}
