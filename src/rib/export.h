/*
 * What one kind of neighbour is sent for a prefix: which path, and with which attributes.  The
 * rules of RFC 4271 9.1.3 and 9.2, 4456, 1997, 7311 and 9234, the export filters among them, as
 * pure functions over the table; nothing is stored.  Called by the update groups, which pack the
 * outcome into messages.
 */
#ifndef RIB_EXPORT_H
#define RIB_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "bgp/attributes.h"
#include "bgp/capability.h"
#include "policy/filter.h"
#include "rib/table.h"

enum export_next_hop { EXPORT_NEXT_HOP_DEFAULT, EXPORT_NEXT_HOP_SELF, EXPORT_NEXT_HOP_UNCHANGED };

/*
 * All that outbound bytes depend on: equal keys share an update group.  A comparable value (memset
 * to zero first) but for the filters, which are compared one by one as pointers and borrowed.
 */
struct export_key {
	struct bgp_codec codec;
	bool reflector_client;
	bool aigp; /* RFC 7311 3: AIGP may be sent to them */
	uint8_t role; /* enum bgp_role: ours towards them, RFC 9234 */
	/* RFC 7911: paths of a prefix that are sent, where codec.add_path_send says so; else one. */
	uint8_t path_limit;
	enum export_next_hop next_hop;
	uint32_t local_asn; /* prepended for an external peer */
	uint32_t router_asn; /* our own AS: prepended first if local_asn is another */
	uint32_t cluster_id; /* RFC 4456, host order */
	struct bgp_next_hop self[IP_FAMILIES]; /* our own next hop towards them, per family */
	/*
	 * The segment that we share with an external peer: a next hop on it need not be us (RFC 4271
	 * 5.1.3, third party).  Of length 0: none.
	 */
	struct ip_prefix shared[IP_FAMILIES];
	/*
	 * The neighbour's address, if it might come up as a next hop, which it must not be sent (RFC
	 * 4271 5.1.3): such a neighbour is a group of its own.  Else unspecified.
	 */
	struct ip_address neighbour;
	uint64_t audiences; /* which peer lists of advertisements they are in */
	const struct policy_filter *const *filters;
	size_t filter_count;
	const char *peer_name; /* for filters that match `peers`; such a group has one name */
};

bool export_key_equal(const struct export_key *a, const struct export_key *b);

/* A key that owns its filters' rules and its name; shared by counting references. */
struct export_key_copy {
	struct export_key key;
	size_t references;
	struct policy_filter *shares;
	const struct policy_filter **filters; /* the key's array */
	char *peer_name;
};

/* The caller owns one reference. */
struct export_key_copy *export_key_copy_new(const struct export_key *key);
/* Gives back a reference; the last one frees the copy. */
void export_key_copy_release(struct export_key_copy *copy);

/* False for a path of this node that is meant for others. */
bool export_is_meant_for(const struct export_key *key, const struct rib_path *path);

/* The outcome for one prefix: the attributes depend on nothing else. */
struct export_route {
	const struct rib_path *path;
	const struct policy_rule *rule; /* that accepted it; NULL: by default */
};

/*
 * What was found out about an attribute set of a peer, for the next prefix that has it too: they
 * come in runs.  Zeroed is empty.  For one key, and only while the table does not change.
 */
struct export_cache {
	const struct attribute_set *set;
	uint16_t peer;
	uint8_t family;
	bool forbidden; /* by its communities, or as a route leak */
	bool third_party; /* its next hop is sent as it came */
	struct bgp_attributes attributes;
	struct export_route large; /* the last one of which export_fits_message() was not sure */
	bool large_fits;
};

/*
 * False if the prefix is not sent to peers of this kind, also for want of a next hop that can be
 * sent: no address of ours of that family, one of the other family without RFC 8950, or the
 * neighbour's own.
 */
bool export_select(const struct rib *rib, const struct export_key *key, enum ip_family family,
    const struct rib_prefix *prefix, struct export_cache *cache, struct export_route *route);
/* The same for this path of the prefix, whether it is the best one or not. */
bool export_path(const struct rib *rib, const struct export_key *key, enum ip_family family,
    const struct rib_prefix *prefix, const struct rib_path *path, struct export_cache *cache,
    struct export_route *route);
/*
 * False if a selected route has more attributes as it goes out than a message to these peers holds
 * beside one prefix: it cannot be sent.
 */
bool export_fits_message(const struct rib *rib, const struct export_key *key, enum ip_family family,
    const struct export_route *route, struct export_cache *cache);
/*
 * What AIGP of the route is raised by as it goes out, for the way to the next hop that it came with
 * (RFC 7311 3.4); 0: it has none, or goes out as it is.
 */
uint32_t export_added_cost(const struct rib *rib, const struct export_key *key,
    enum ip_family family, const struct export_route *route);
/*
 * The attributes of a selected route as they go out, next hop included; changed values are in the
 * arena, the others in the path's attribute set.
 */
void export_attributes(const struct rib *rib, const struct export_key *key, enum ip_family family,
    const struct export_route *route, struct arena *arena, struct bgp_attributes *attributes);

#endif
