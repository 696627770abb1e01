/*
 * What the model of the RIB knows: what each neighbour has announced last, in an array, and what is
 * configured.  The naive counterpart of a table; no operation is here (model_routes.h: those on
 * paths, model_events.h: on whatever else), nor any comparison (model_check.h).
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <stdio.h>

#include "model_listener.h"
#include "model_random.h"
#include "model_session.h"
#include "naive_export.h"
#include "routes.h"

enum {
	PEERS_MAX = 12, /* the first is this node */
	KINDS = 24, /* of attributes, as far as decisions and export look at them */
	NEXT_HOPS = 48,
	LISTENERS = 3,
	REASONS = 3 /* of rejection */
};

/* How large a model is, and how it is driven. */
struct model_profile {
	const char *name;
	unsigned peers; /* this node included */
	unsigned prefixes; /* per family */
	unsigned path_ids; /* of one peer for one prefix */
	unsigned variants; /* of each kind of attributes */
	/* One path of so many of this node has more attributes than a message holds. */
	unsigned huge;
	unsigned bulk; /* prefixes that one step announces or withdraws, at most; 0: one */
	bool with_loop;
	unsigned seeds;
	unsigned steps; /* per seed */
	unsigned steps_to_rest;
};

/* What one path is made of; kind 0: no path. */
struct model_path {
	uint8_t kind;
	uint8_t next_hop;
	uint8_t audience;
	uint8_t reason;
	uint16_t variant;
	bool huge;
	bool modified;
	bool filtered;
	bool stale; /* not sent again since its peer began a refresh */
};

/* A neighbour, whether its session is up or not. */
struct model_peer {
	struct rib_peer *peer;
	uint32_t identifier;
	struct model_path *paths[IP_FAMILIES]; /* by prefix and Path Identifier */
	uint32_t count[IP_FAMILIES]; /* of its paths */
	bool refreshing[IP_FAMILIES];
	uint32_t epochs[IP_FAMILIES]; /* that may have begun since none was old */
	uint32_t salt[IP_FAMILIES]; /* of its import filter */
	uint32_t refused; /* paths for which there was no room */
};

/* An export filter, which goes with the last session that was configured with it. */
struct model_filter {
	struct policy_filter filter;
	uint8_t le[IP_FAMILIES]; /* the longest prefixes that it matches */
	struct policy_set set;
	enum policy_action action;
	unsigned users; /* the configuration itself is one */
};

struct model {
	const struct model_profile *profile;
	uint64_t random;
	unsigned step;
	uint64_t operations;
	struct loop *loop; /* NULL: driven by hand */
	struct rib *rib;
	struct update_groups *groups;
	struct model_news news;
	struct model_peer peers[PEERS_MAX];
	struct model_session sessions[PEERS_MAX]; /* by number of the peer */
	struct model_filter *worn[PEERS_MAX]; /* each session's filter; NULL: none */
	bool sending; /* a session fails */
	struct model_filter *given_up[4 * PEERS_MAX]; /* since then: freed after the run */
	unsigned given_up_count;
	struct model_listener listeners[LISTENERS];
	struct rib_next_hop *tracked[NEXT_HOPS];
	bool reachable[NEXT_HOPS];
	uint32_t cost[NEXT_HOPS];
	/* What is configured. */
	struct model_filter *filter; /* of new sessions; NULL: none */
	uint64_t audiences;
	uint8_t path_limit;
	uint32_t multipath;
	bool shrinking; /* most is withdrawn until the next rest */
	struct arena arena;
};

static inline uint32_t pick(struct model *model, uint32_t limit)
{
	return random_below(&model->random, limit);
}

/* An operation on one prefix, or one that may concern all. */
static inline void note_prefix(struct model *model, enum ip_family family, unsigned number)
{
	model->operations++;
	model->news.prefixes[family][number] = ++model->news.now;
}

static inline void note_everything(struct model *model)
{
	model->operations++;
	model->news.everything = ++model->news.now;
}

static inline unsigned pick_neighbour(struct model *model)
{
	return 1 + pick(model, model->profile->peers - 1);
}

static inline struct model_path *model_path(
    const struct model *model, unsigned peer, enum ip_family family, unsigned number, unsigned id)
{
	return &model->peers[peer].paths[family][number * model->profile->path_ids + id];
}

/* The number of a peer of the table, whatever index it has there. */
static inline unsigned peer_number(const struct model *model, uint16_t index)
{
	for (unsigned i = 0; i < model->profile->peers; i++)
		if (model->peers[i].peer->index == index)
			return i;
	return model->profile->peers;
}

/* Next hops. */

static inline struct ip_address next_hop_at(unsigned number)
{
	struct ip_address address = address_of(number % 6 == 0 ? "fe80::" : "2001:db8:1::");

	if (number % 2)
		return ip_address_from_ipv4(0xc0000200 + number);
	address.bytes[15] = (uint8_t)number;
	return address;
}

static inline unsigned next_hop_number(const struct rib_next_hop *next_hop)
{
	const struct ip_address *address = &next_hop->key.address;
	const unsigned number = address->bytes[address->family == IPV4 ? 3 : 15];
	const struct ip_address known = next_hop_at(number);

	assert_true(number < NEXT_HOPS && ip_address_equal(&known, address));
	return number;
}

/* Kinds of neighbours.  Those that are alike share an update group. */

static const struct neighbour_kind {
	enum policy_source source;
	bool client;
	bool aigp;
	bool extended; /* next hops and messages */
	bool third_party; /* shares a segment with us */
	enum export_next_hop next_hop;
	uint8_t role;
} neighbour_kinds[PEERS_MAX] = {
    {.source = POLICY_SOURCE_LOCAL},
    {.source = POLICY_SOURCE_EBGP},
    {.source = POLICY_SOURCE_IBGP, .client = true},
    {.source = POLICY_SOURCE_EBGP},
    {.source = POLICY_SOURCE_IBGP, .client = true},
    {.source = POLICY_SOURCE_EBGP},
    {.source = POLICY_SOURCE_IBGP},
    {.source = POLICY_SOURCE_IBGP, .client = true, .aigp = true},
    {.source = POLICY_SOURCE_EBGP, .aigp = true, .extended = true},
    {.source = POLICY_SOURCE_IBGP, .next_hop = EXPORT_NEXT_HOP_SELF, .aigp = true},
    {.source = POLICY_SOURCE_EBGP, .third_party = true, .role = BGP_ROLE_PEER},
    {.source = POLICY_SOURCE_IBGP},
};

static inline void fill_peer(struct rib_peer *peer, unsigned number, uint32_t identifier)
{
	peer->source = neighbour_kinds[number].source;
	peer->reflector_client = neighbour_kinds[number].client;
	peer->identifier = identifier;
	peer->address = ip_address_from_ipv4(0x0a000000 + number);
}

/* Which prefixes an import filter rejects: for one salt, always the same ones. */
static inline bool is_refused_with(uint32_t salt, const struct ip_prefix *prefix)
{
	return (number_of(prefix) + salt) % 6 == 0;
}

/* More communities than a message holds that is not extended. */
static inline struct wire_span many_communities(struct arena *arena)
{
	const size_t length = HUGE_COMMUNITIES * sizeof(uint32_t);
	uint8_t *bytes = arena_allocate(arena, length);

	for (uint32_t i = 0; i < HUGE_COMMUNITIES; i++)
		wire_store_u32(bytes + i * sizeof(uint32_t), 1u << 16 | i);
	return (struct wire_span){bytes, length};
}

/* Attributes that differ in what decisions, reflection, communities and AIGP look at. */
static inline struct bgp_attributes make_attributes(
    struct arena *arena, const struct model_path *path, bool local)
{
	const uint32_t ases[] = {65001 + path->kind % 3, 65010, 65020, 0};
	const uint32_t length = path->kind % 5 == 0 ? 1 : 0;
	static const uint8_t aigp[] = {1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 9};
	static const uint8_t clusters[] = {0, 0, 0, 5, 0, 0, 0, 6};
	struct bgp_attributes attributes = attributes_of(arena, NULL, local ? NULL : &ases[length]);

	if (!local)
		attributes.next_hop.address = next_hop_at(path->next_hop);
	if (path->huge) {
		attributes.communities[BGP_COMMUNITY_STANDARD] = many_communities(arena);
		bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_COMMUNITIES);
	}
	if (path->kind % 2)
		set_med(&attributes, path->kind % 4);
	if (path->kind % 7 == 0)
		set_local_pref(&attributes, 90 + path->kind);
	if (path->kind % 8 == 0) {
		attributes.cluster_list = (struct wire_span){clusters, path->kind % 16 ? 4 : 8};
		bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_CLUSTER_LIST);
		wire_store_u32(attributes.originator_id, 90 + path->kind);
		bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_ORIGINATOR_ID);
	}
	if (path->kind % 11 == 0)
		add_community(arena, &attributes, BGP_COMMUNITY_NO_EXPORT);
	if (path->kind % 13 == 0)
		add_community(arena, &attributes, BGP_COMMUNITY_NO_ADVERTISE);
	if (path->kind % 5 == 0 && !local) {
		attributes.aigp = (struct wire_span){aigp, sizeof(aigp)};
		bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_AIGP);
	}
	if (path->variant)
		add_community(arena, &attributes, 64512u << 16 | path->variant);
	attributes.origin = path->kind % 6 == 0 ? BGP_ORIGIN_INCOMPLETE : BGP_ORIGIN_IGP;
	return attributes;
}

/* Sets the path in the model's table or in another one; true if there was room. */
static inline bool put_path(struct rib *rib, struct rib_peer *peer, struct arena *arena,
    const struct ip_prefix *prefix, uint32_t path_id, const struct model_path *path)
{
	const struct attribute_set_extra extra = {.audience = path->audience};
	struct bgp_attributes attributes =
	    make_attributes(arena, path, peer->source == POLICY_SOURCE_LOCAL);
	struct attribute_store *store = rib_attribute_store(rib);
	struct attribute_set *set = attribute_set_intern(store, &attributes, &extra);
	uint8_t flags = (uint8_t)(path->reason << RIB_PATH_REASON_SHIFT);
	bool done;

	if (path->filtered)
		flags |= RIB_PATH_FILTERED;
	if (path->modified)
		flags |= RIB_PATH_MODIFIED;
	done = rib_update(rib, peer, prefix, path_id, set, flags);
	attribute_set_release(store, set);
	arena_reset(arena);
	return done;
}

#endif
