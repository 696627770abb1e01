/*
 * An address that lies in a range is another place: it is the more specific of the two.
 */
#include "config/place.h"

#include <string.h>

enum kind { NOWHERE, ADDRESS, INTERFACE, RANGE };

static enum kind kind_of(const struct config_peer *peer)
{
	if (peer->interface)
		return INTERFACE;
	if (peer->has_range)
		return RANGE;
	return ip_address_is_unspecified(&peer->address) ? NOWHERE : ADDRESS;
}

const char *config_place_key(const struct config_peer *peer)
{
	static const char *const keys[] = {NULL, "address", "interface", "range"};

	return keys[kind_of(peer)];
}

uint64_t config_place_hash(const struct config_peer *peer)
{
	enum kind kind = kind_of(peer);

	if (kind == INTERFACE)
		return hash_string(peer->interface, kind);
	if (kind == RANGE)
		return hash_bytes(peer->range.bytes, sizeof(peer->range.bytes), kind);
	return hash_bytes(peer->address.bytes, sizeof(peer->address.bytes), kind);
}

bool config_place_equal(const void *item, const void *key)
{
	const struct config_peer *a = item, *b = key;
	enum kind kind = kind_of(a);

	if (kind != kind_of(b))
		return false;
	switch (kind) {
	case NOWHERE:
		return false;
	case ADDRESS:
		return ip_address_equal(&a->address, &b->address);
	case INTERFACE:
		return strcmp(a->interface, b->interface) == 0;
	case RANGE:
		return ip_prefix_equal(&a->range, &b->range);
	}
	return false;
}
