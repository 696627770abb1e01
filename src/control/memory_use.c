/*
 * Sums over what each room says of its own.  The walk over all queues is for an operator who asks,
 * not for every turn.
 */
#include "control/memory_use.h"

static uint64_t queue_memory(const struct speaker *speaker)
{
	const struct speaker_peer *peer;
	uint64_t memory = 0;

	for (size_t i = 0; (peer = speaker_peer_at(speaker, i)); i++)
		memory += bgp_session_queue_memory(speaker_peer_session(peer));
	return memory;
}

struct memory_use memory_use_of(const struct speaker *speaker)
{
	const struct rib_memory table = rib_memory(speaker_rib(speaker));

	return (struct memory_use){.prefixes = table.prefixes,
	    .paths = table.paths,
	    .attributes = table.attributes,
	    .changes = table.changes,
	    .streams = update_groups_memory(speaker_update_groups(speaker)),
	    .fib = fib_memory(speaker_fib(speaker)),
	    .cluster = k8s_cluster_memory(speaker_cluster(speaker)),
	    .queues = queue_memory(speaker)};
}
