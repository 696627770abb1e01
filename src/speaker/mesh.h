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

/* After a change of labels what was stays for so long at most. */
#define MESH_MOVE_MS 60000

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
	uint64_t new_since; /* loop_now() of when it got its peer, until that is complete; else 0 */
	uint64_t leaving_since; /* loop_now() since the peer is wanted no longer; 0: it is */
	bool may_leave; /* and nobody needs it any more */
	uint64_t client_until; /* loop_now() until we reflect for it, though no longer to; or 0 */
	uint64_t reflected_until; /* likewise until it is believed as a reflector; or 0 */
	bool changed; /* in the list of those to be settled */
	struct mesh_node *next_changed;
};

/* Zeroed is an empty one. */
struct mesh {
	struct hash_table nodes; /* by name */
	struct hash_table owners; /* the same ones, by each of their addresses */
	struct mesh_node *changed; /* a list */
	bool renew; /* of those in it the peers are configured even if their entries stay equal */
	const struct mesh_node *own_node; /* of this node, once it had facts; or NULL */
	struct mesh_facts own; /* its facts; zeroed if its Node is not known */
	bool is_here[IP_FAMILIES]; /* the kernel had its address when all were marked last */
	uint64_t unknown_until; /* loop_now() until it knows its cluster, if it reflects; or 0 */
	size_t reflectors; /* Nodes that reflect in our AS */
	size_t skipped; /* Nodes with trouble */
	uint64_t random;
	struct loop_task task;
	struct loop_timer move_timer;
	uint64_t complete_since; /* loop_now() of when the last new peer had told all that it has */
};

/* mesh_nodes.c, for mesh.c */
bool speaker_mesh_is_own(const struct speaker *speaker, const struct mesh_node *node);
/* It is to be settled. */
void speaker_mesh_mark(struct speaker *speaker, struct mesh_node *node);
void speaker_mesh_mark_all(struct speaker *speaker);
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
/* What has been through the cluster of reflectors is refused from now on. */
void speaker_mesh_know_cluster(struct speaker *speaker);
/* What it reflected is not believed any more. */
void speaker_mesh_stop_believing(struct speaker *speaker, struct mesh_node *node);

/* mesh_move.c */
void speaker_mesh_move_start(struct speaker *speaker);
void speaker_mesh_move_stop(struct speaker *speaker);
/* Something is to end by and by. */
void speaker_mesh_look_later(struct speaker *speaker);
/* The Node has got its peer. */
void speaker_mesh_move_begin(struct speaker *speaker, struct mesh_node *node);
/* The peer is wanted no longer: true if it may go now; if not, its Node is marked when it may. */
bool speaker_mesh_move_is_over(struct speaker *speaker, struct mesh_node *node);
/* The peer is wanted (again). */
void speaker_mesh_move_cancel(struct mesh_node *node);
/* Whether the peer is a client of ours now if it is to be one or not: one that was stays so a while. */
bool speaker_mesh_stays_client(struct speaker *speaker, struct mesh_node *node, bool client);

#endif
