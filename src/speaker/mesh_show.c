/*
 * What of the mesh is shown.  Nothing here changes anything.
 */
#include "speaker/private.h"

bool speaker_mesh_status(const struct speaker *speaker, struct speaker_mesh_status *status)
{
	const struct mesh *mesh = &speaker->mesh;
	const struct mesh_node *node;

	*status = (struct speaker_mesh_status){.takes_part = mesh->own.takes_part,
	    .reflects = mesh->own.reflects,
	    .reflectors = mesh->reflectors,
	    .left_out = mesh->skipped};
	for (size_t cursor = 0; (node = hash_table_next(&mesh->nodes, &cursor));) {
		status->nodes += node->facts.takes_part;
		status->peers += node->peer != NULL;
		status->up += node->peer && node->peer->member;
		status->leaving += node->peer && node->leaving_since;
	}
	return speaker->config->mesh.enabled;
}

const char *speaker_mesh_left_out(const struct speaker *speaker, size_t *cursor, const char **name)
{
	const struct mesh_node *node;

	while ((node = hash_table_next(&speaker->mesh.nodes, cursor))) {
		*name = node->name;
		if (node->trouble)
			return node->trouble;
	}
	return NULL;
}
