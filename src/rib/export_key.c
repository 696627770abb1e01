/*
 * Keys of export as values: compared, and copied for longer than the configuration lives that they
 * were made of.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "rib/export.h"

bool export_key_equal(const struct export_key *a, const struct export_key *b)
{
	if (memcmp(&a->codec, &b->codec, sizeof(a->codec)) != 0 ||
	    memcmp(a->self, b->self, sizeof(a->self)) != 0 ||
	    memcmp(a->shared, b->shared, sizeof(a->shared)) != 0 || a->aigp != b->aigp ||
	    !ip_address_equal(&a->neighbour, &b->neighbour) || a->role != b->role ||
	    a->path_limit != b->path_limit || a->reflector_client != b->reflector_client ||
	    a->next_hop != b->next_hop || a->local_asn != b->local_asn ||
	    a->router_asn != b->router_asn || a->cluster_id != b->cluster_id ||
	    a->audiences != b->audiences || a->filter_count != b->filter_count ||
	    !a->peer_name != !b->peer_name)
		return false;
	if (a->peer_name && strcmp(a->peer_name, b->peer_name) != 0)
		return false;
	for (size_t i = 0; i < a->filter_count; i++)
		if (a->filters[i] != b->filters[i])
			return false;
	return true;
}

struct export_key_copy *export_key_copy_new(const struct export_key *key)
{
	struct export_key_copy *copy = memory_allocate_zero(1, sizeof(*copy));

	copy->references = 1;
	copy->key = *key;
	if (key->peer_name)
		copy->key.peer_name = copy->peer_name = memory_copy_string(key->peer_name);
	if (!key->filter_count)
		return copy;
	copy->shares = memory_allocate_zero(key->filter_count, sizeof(*copy->shares));
	copy->filters =
	    memory_allocate_zero(key->filter_count, sizeof(const struct policy_filter *));
	for (size_t i = 0; i < key->filter_count; i++) {
		copy->shares[i] = policy_filter_share(key->filters[i]);
		copy->filters[i] = &copy->shares[i];
	}
	copy->key.filters = copy->filters;
	return copy;
}

void export_key_copy_release(struct export_key_copy *copy)
{
	if (--copy->references)
		return;
	for (size_t i = 0; i < copy->key.filter_count; i++)
		policy_filter_unshare(&copy->shares[i]);
	free(copy->shares);
	free(copy->filters);
	free(copy->peer_name);
	free(copy);
}
