/*
 * The mesh as its files share it: a record for each Node of the cluster, and the peers made of them.
 * Internal to this room; see mesh_nodes.c and mesh.c.
 */
#ifndef SPEAKER_MESH_H
#define SPEAKER_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/loop.h"
#include "speaker/mesh_facts.h"

struct speaker;
struct speaker_peer;

/* What is known of one Node.  There is one of this node, too; it has no peer. */
struct mesh_node {
	char *name;
	const struct k8s_node *node; /* of the cluster, whose it is; NULL: it is gone */
	struct mesh_facts facts; /* zeroed if it is gone or has a mistake */
	char *mistake; /* in an annotation; NULL: none */
	char *trouble; /* why it is no peer although it should be, as it was told; NULL: it is */
	struct ip_address *addresses; /* all that it has, in the index */
	size_t address_count;
	struct speaker_peer *peer; /* NULL: none */
	struct config_peer *entry; /* of the peer: strings and filters are the template's */
	struct loop_timer start_timer; /* until the peer begins to connect */
	bool changed; /* in the list of those to be settled */
	struct mesh_node *next_changed;
};

/* Zeroed is an empty one. */
struct mesh {
	struct hash_table nodes; /* by name */
	struct hash_table owners; /* the same ones, by each of their addresses */
	struct mesh_node *changed; /* a list */
	struct mesh_facts own; /* of this node; zeroed if its Node is not known */
	size_t reflectors; /* Nodes that reflect in our AS */
	size_t skipped; /* Nodes with trouble */
	bool was_synced; /* the Nodes were known as a whole once: there may be peers */
	uint64_t random;
	struct loop_task task;
};

/* mesh_nodes.c, for mesh.c */
bool speaker_mesh_is_own(const struct speaker *speaker, const struct mesh_node *node);
/* It is to be settled. */
void speaker_mesh_mark(struct speaker *speaker, struct mesh_node *node);
/* So are those that could not be peers for want of what another one had. */
void speaker_mesh_mark_skipped(struct speaker *speaker);
/* The next one to be settled, or NULL. */
struct mesh_node *speaker_mesh_take_changed(struct speaker *speaker);
/* Why it is left out, told when that changes; NULL: it is not. */
void speaker_mesh_tell_trouble(struct speaker *speaker, struct mesh_node *node, const char *why);
/* Records for all Nodes by the configuration in force; all are to be settled. */
void speaker_mesh_update_nodes(struct speaker *speaker);
/* These have no peer any more. */
void speaker_mesh_remove_node(struct speaker *speaker, struct mesh_node *node);
void speaker_mesh_forget_nodes(struct speaker *speaker);

#endif
