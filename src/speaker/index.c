/*
 * The peers by their name and by the address of their neighbour: a configuration of thousands of
 * peers looks each of them up by its name, and thousands of neighbours call from their addresses.
 *
 * While a configuration is taken over two peers may have the same address for a moment, when one
 * has it already and the other has it still.  Neighbours behind an interface are not found by their
 * address, which says nothing without the link.
 */
#include <string.h>

#include "base/hash.h"
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
	const struct speaker_peer *peer = item;

	return strcmp(peer->name, key) == 0;
}

static bool has_address(const void *item, const void *key)
{
	const struct speaker_peer *peer = item;

	return ip_address_equal(&peer->address, key);
}

static bool is_found_by_address(const struct speaker_peer *peer)
{
	return !peer->scope && !ip_address_is_unspecified(&peer->address);
}

void speaker_index_add(struct speaker_peer *peer)
{
	struct speaker *speaker = peer->speaker;

	hash_table_insert(&speaker->peers_by_name, hash_of_name(speaker, peer->name), peer);
}

void speaker_index_set_address(
    struct speaker_peer *peer, const struct ip_address *address, uint32_t scope)
{
	struct speaker *speaker = peer->speaker;
	struct hash_table *table = &speaker->peers_by_address;

	if (is_found_by_address(peer))
		hash_table_remove(table, hash_of_address(speaker, &peer->address), peer);
	peer->address = *address;
	peer->scope = scope;
	if (is_found_by_address(peer))
		hash_table_insert(table, hash_of_address(speaker, address), peer);
}

void speaker_index_remove(struct speaker_peer *peer)
{
	static const struct ip_address nowhere;
	struct speaker *speaker = peer->speaker;

	speaker_index_set_address(peer, &nowhere, 0);
	hash_table_remove(&speaker->peers_by_name, hash_of_name(speaker, peer->name), peer);
}

void speaker_index_free(struct speaker *speaker)
{
	hash_table_free(&speaker->peers_by_name);
	hash_table_free(&speaker->peers_by_address);
}

struct speaker_peer *speaker_index_find_name(const struct speaker *speaker, const char *name)
{
	return hash_table_find(
	    &speaker->peers_by_name, hash_of_name(speaker, name), has_name, name);
}

struct speaker_peer *speaker_index_find_address(
    const struct speaker *speaker, const struct ip_address *address)
{
	return hash_table_find(
	    &speaker->peers_by_address, hash_of_address(speaker, address), has_address, address);
}
