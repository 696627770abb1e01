/*
 * What neighbours of the model do to paths: announce and withdraw them one by one or many at once,
 * send everything again, lose all of them.  Each step is done to the table and to the model.
 */
#ifndef TESTS_MODEL_ROUTES_H
#define TESTS_MODEL_ROUTES_H

#include "model.h"

enum {
	EPOCHS_SAFE = 30000, /* beyond that a refresh may be refused its epoch (rib/sweep.c) */
	STORM = 65533 /* nearly as many epochs as can be told from each other */
};

static inline void lose_path(
    struct model *model, unsigned peer, enum ip_family family, struct model_path *path)
{
	model->peers[peer].count[family] -= path->kind > 0;
	*path = (struct model_path){0};
}

static inline void withdraw_path(
    struct model *model, unsigned peer, enum ip_family family, unsigned number, unsigned id)
{
	const struct ip_prefix prefix = prefix_at(family, number);
	struct model_path *path = model_path(model, peer, family, number, id);
	bool found = rib_withdraw(model->rib, model->peers[peer].peer, &prefix, id);

	/* One that waits for the sweep may be found too. */
	if (path->kind)
		assert_true(found);
	lose_path(model, peer, family, path);
	note_prefix(model, family, number);
}

/* How many paths the peer has for the prefix. */
static inline unsigned count_paths_of(
    const struct model *model, unsigned peer, enum ip_family family, unsigned number)
{
	unsigned count = 0;

	for (unsigned id = 0; id < model->profile->path_ids; id++)
		count += model_path(model, peer, family, number, id)->kind > 0;
	return count;
}

static inline void announce_path(struct model *model, unsigned peer, enum ip_family family,
    unsigned number, unsigned id, const struct model_path *wanted)
{
	const struct ip_prefix prefix = prefix_at(family, number);
	struct model_path *path = model_path(model, peer, family, number, id);
	struct model_path new = *wanted;
	bool has_room = true;

	new.filtered = peer &&is_refused_with(model->peers[peer].salt[family], &prefix);
	new.reason = new.filtered ? new.reason : 0;
	if (!path->kind && model->profile->path_ids > RIB_PATHS_PER_PEER_MAX)
		has_room = count_paths_of(model, peer, family, number) < RIB_PATHS_PER_PEER_MAX;
	assert_int_equal(
	    put_path(model->rib, model->peers[peer].peer, &model->arena, &prefix, id, &new),
	    has_room);
	note_prefix(model, family, number);
	if (!has_room) {
		model->peers[peer].refused++;
		return;
	}
	model->peers[peer].count[family] += !path->kind;
	*path = new;
}

static inline struct model_path pick_path(struct model *model, unsigned peer)
{
	return (struct model_path){
	    .kind = (uint8_t)(1 + pick(model, KINDS)),
	    .next_hop = (uint8_t)pick(model, NEXT_HOPS),
	    .variant = (uint16_t)pick(model, model->profile->variants),
	    .huge = pick(model, model->profile->huge) == 0,
	    .modified = peer && pick(model, 8) == 0,
	    .reason = (uint8_t)pick(model, REASONS),
	    .audience = (uint8_t)(peer ? 0 : pick(model, 4)),
	};
}

static inline void step_path(struct model *model)
{
	unsigned peer = pick(model, model->profile->peers);
	unsigned number = pick(model, model->profile->prefixes);
	unsigned id = pick(model, model->profile->path_ids);
	enum ip_family family = pick(model, IP_FAMILIES);
	struct model_path *path = model_path(model, peer, family, number, id), wanted = *path;
	unsigned what = model->shrinking && pick(model, 64) ? 0 : pick(model, 4);

	if (what == 0) {
		withdraw_path(model, peer, family, number, id);
		return;
	}
	if (what > 1 || !path->kind)
		wanted = pick_path(model, peer);
	wanted.stale = false; /* else sent again as it is */
	announce_path(model, peer, family, number, id, &wanted);
}

/* A run of prefixes, most of them with the same attributes, as in messages. */
static inline void step_bulk(struct model *model)
{
	unsigned peer = pick(model, model->profile->peers);
	unsigned number = pick(model, model->profile->prefixes);
	unsigned count = 1 + pick(model, model->profile->bulk);
	unsigned id = pick(model, model->profile->path_ids);
	enum ip_family family = pick(model, IP_FAMILIES);
	bool withdraws = model->shrinking ? pick(model, 8) : pick(model, 8) == 0;
	struct model_path wanted = pick_path(model, peer);

	for (; count && number < model->profile->prefixes; count--, number++) {
		if (withdraws) {
			withdraw_path(model, peer, family, number, id);
			continue;
		}
		if (pick(model, 4) == 0)
			wanted = pick_path(model, peer);
		announce_path(model, peer, family, number, id, &wanted);
	}
}

/* The peer has nothing any more in one family. */
static inline void lose_peer(struct model *model, unsigned number, enum ip_family family)
{
	struct model_peer *peer = &model->peers[number];

	rib_withdraw_peer(model->rib, peer->peer, family);
	memset(peer->paths[family], 0,
	    sizeof(*peer->paths[family]) * model->profile->prefixes * model->profile->path_ids);
	peer->count[family] = 0;
	peer->refreshing[family] = false;
	peer->epochs[family]++;
	note_everything(model);
}

/* It goes down and comes back all the time, until the numbers of epochs come round. */
static inline void step_storm(struct model *model)
{
	unsigned peer = pick_neighbour(model), number = pick(model, model->profile->prefixes);
	enum ip_family family = pick(model, IP_FAMILIES);
	unsigned times = pick(model, 2) ? pick(model, 300) : STORM + pick(model, 6);
	struct rib_peer *of = model->peers[peer].peer;
	const struct ip_prefix prefix = prefix_at(family, number);
	const struct model_path path = pick_path(model, peer);

	lose_peer(model, peer, family);
	for (unsigned i = 0; i < times; i++) {
		put_path(
		    model->rib, of, &model->arena, &prefix, i % model->profile->path_ids, &path);
		rib_withdraw_peer(model->rib, of, family);
	}
	model->operations += times;
	model->peers[peer].epochs[family] += times;
	note_everything(model);
}

/* A peer begins to send everything again. */
static inline void begin_refresh(struct model *model, unsigned number, enum ip_family family)
{
	struct model_peer *peer = &model->peers[number];

	if (peer->epochs[family] >= EPOCHS_SAFE)
		return;
	rib_begin_refresh(model->rib, peer->peer, family);
	for (unsigned i = 0; i < model->profile->prefixes * model->profile->path_ids; i++)
		peer->paths[family][i].stale = peer->paths[family][i].kind > 0;
	peer->refreshing[family] = true;
	peer->epochs[family]++;
}

/* It says that it has. */
static inline void end_refresh(struct model *model, unsigned number, enum ip_family family)
{
	struct model_peer *peer = &model->peers[number];

	rib_end_refresh(model->rib, peer->peer, family);
	for (unsigned i = 0; i < model->profile->prefixes * model->profile->path_ids; i++)
		if (peer->refreshing[family] && peer->paths[family][i].stale)
			lose_path(model, number, family, &peer->paths[family][i]);
	peer->refreshing[family] = false;
}

static inline void step_refresh(struct model *model)
{
	unsigned peer = pick_neighbour(model);
	enum ip_family family = pick(model, IP_FAMILIES);

	if (pick(model, 2))
		begin_refresh(model, peer, family);
	else
		end_refresh(model, peer, family);
	note_everything(model);
}

/* What the filters of now say; paths are asked about in slices. */
static inline bool is_refused(void *arg, const struct rib_peer *peer,
    const struct ip_prefix *prefix, const struct rib_path *path)
{
	const struct model *model = arg;

	(void)path;
	for (unsigned i = 0; i < model->profile->peers; i++)
		if (model->peers[i].peer == peer)
			return is_refused_with(model->peers[i].salt[prefix->family], prefix);
	return false;
}

/* A new import filter. */
static inline void step_refilter(struct model *model)
{
	unsigned peer = pick_neighbour(model);
	enum ip_family family = pick(model, IP_FAMILIES);
	struct model_peer *at = &model->peers[peer];

	at->salt[family] = pick(model, 6);
	rib_refilter_peer(model->rib, at->peer, family);
	for (unsigned number = 0; number < model->profile->prefixes; number++) {
		const struct ip_prefix prefix = prefix_at(family, number);

		for (unsigned id = 0; id < model->profile->path_ids; id++) {
			struct model_path *path = model_path(model, peer, family, number, id);

			if (path->kind && !path->modified)
				path->filtered = is_refused_with(at->salt[family], &prefix);
		}
	}
	note_everything(model);
}

#endif
