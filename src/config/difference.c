/*
 * What is equal here is left alone by the speaker, so each function compares what decides and
 * nothing else: the names of filters do not.
 */
#include "config/difference.h"

#include <string.h>

bool config_chains_equal(const struct config *a, const size_t *a_indices, size_t a_count,
    const struct config *b, const size_t *b_indices, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (!policy_filter_equal(&a->filters[a_indices[i]], &b->filters[b_indices[i]]))
			return false;
	return true;
}

bool config_can_reload(const struct config *old, const struct config *new, struct error *error)
{
	/* Everything that was learned of the cluster hangs on the node's name. */
	if (strcmp(old->node_name, new->node_name))
		return error_set(error,
		    "node.name: cannot change from \"%s\" to \"%s\" while the daemon "
		    "runs: restart it",
		    old->node_name, new->node_name);
	return true;
}
