/*
 * What happens in the model beside paths: next hops flap, sessions come, go, fail, lag, ask for a
 * refresh and are configured anew, neighbours become others or make place for them.
 */
#ifndef TESTS_MODEL_EVENTS_H
#define TESTS_MODEL_EVENTS_H

#include "model_routes.h"

/* Next hops. */

static inline void resolve(struct model *model, unsigned number)
{
	rib_next_hop_resolve(
	    model->rib, model->tracked[number], model->reachable[number], model->cost[number]);
}

static inline void track(void *arg, struct rib_next_hop *next_hop)
{
	struct model *model = arg;
	unsigned number = next_hop_number(next_hop);

	assert_null(model->tracked[number]);
	model->tracked[number] = next_hop;
	if (pick(model, 2)) /* else at the next rest */
		resolve(model, number);
}

static inline void untrack(void *arg, struct rib_next_hop *next_hop)
{
	struct model *model = arg;
	unsigned number = next_hop_number(next_hop);

	assert_ptr_equal(model->tracked[number], next_hop);
	model->tracked[number] = NULL;
}

static inline void step_next_hop(struct model *model)
{
	unsigned number = pick(model, NEXT_HOPS);

	model->reachable[number] = pick(model, 3) > 0;
	model->cost[number] = pick(model, 3);
	if (model->tracked[number])
		resolve(model, number);
	note_everything(model);
}

/* Export filters and keys. */

/* As the configuration makes one, which owns all that is in it. */
static inline void compile_filter(struct model_filter *filter)
{
	struct policy_prefix_match *entries = memory_allocate_zero(IP_FAMILIES, sizeof(*entries));
	struct policy_rule *rule = memory_allocate_zero(1, sizeof(*rule));

	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		entries[family] = (struct policy_prefix_match){
		    .prefix = {.family = (uint8_t)family}, .le = filter->le[family]};
	rule->match.prefixes = entries;
	rule->match.prefix_count = IP_FAMILIES;
	rule->action = filter->action;
	rule->set = filter->set;
	filter->filter = (struct policy_filter){.rules = rule, .rule_count = 1};
	policy_filter_compile(&filter->filter);
	filter->users = 1;
}

static inline struct model_filter *make_filter(struct model *model)
{
	struct model_filter *filter = memory_allocate_zero(1, sizeof(*filter));
	const unsigned what = pick(model, 4);

	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		filter->le[family] = (uint8_t)(20 + pick(model, 110));
	filter->action = pick(model, 8) ? POLICY_ACCEPT : POLICY_REJECT;
	filter->set = (struct policy_set){.has_med = what == 1,
	    .med = 70 + pick(model, 3),
	    .has_next_hop = what == 2,
	    .as_path_prepend = what == 3};
	compile_filter(filter);
	return filter;
}

/* What comes after it must not look at it. */
static inline void free_filter(struct model_filter *filter)
{
	policy_filter_release(&filter->filter);
	memset(filter, 0xa5, sizeof(*filter));
	free(filter);
}

/* Gives one reference back. */
static inline void give_up_filter(struct model_filter *filter)
{
	if (filter && !--filter->users)
		free_filter(filter);
}

/* Gives the session the filter of the configuration; its old one is the caller's to give up. */
static inline struct model_filter *wear_filter(struct model *model, unsigned number)
{
	struct model_filter *old = model->worn[number];

	model->worn[number] = model->filter;
	if (model->filter)
		model->filter->users++;
	return old;
}

static inline void fill_key(struct model *model, unsigned number)
{
	const struct neighbour_kind *kind = &neighbour_kinds[number];
	struct model_session *session = &model->sessions[number];
	struct export_key *key = &session->key;

	memset(key, 0, sizeof(*key));
	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		key->codec.families[family] = session->families >> family & 1;
		key->codec.add_path_send[family] = session->add_path >> family & 1;
	}
	key->codec.as4 = true;
	key->codec.external = kind->source == POLICY_SOURCE_EBGP;
	key->codec.extended_next_hop = key->codec.extended_message = kind->extended;
	key->reflector_client = kind->client;
	key->next_hop = kind->next_hop;
	key->aigp = kind->aigp;
	key->role = kind->role;
	if (kind->third_party)
		key->shared[IPV4] = prefix_of("192.0.2.0/24");
	key->path_limit = model->path_limit;
	key->audiences = model->audiences;
	key->local_asn = key->router_asn = 64512;
	key->cluster_id = 9;
	key->self[IPV4].address = address_of("198.51.100.1");
	key->self[IPV6].address = address_of("2001:db8:ff::1");
	if (model->worn[number]) {
		session->chain[0] = &model->worn[number]->filter;
		key->filters = session->chain;
		key->filter_count = 1;
	}
}

/* Sessions. */

static inline void leave(struct model *model, struct model_session *session)
{
	unsigned number = (unsigned)(session - model->sessions);
	struct model_filter *filter = model->worn[number];

	update_group_leave(session->member);
	session->member = NULL;
	model->worn[number] = NULL;
	/* The run that it leaves in the middle of goes on with its key. */
	if (model->sending)
		model->given_up[model->given_up_count++] = filter;
	else
		give_up_filter(filter);
}

/* In the middle of a send: the session goes, and perhaps another one with it. */
static inline void session_failed(void *arg, struct model_session *session)
{
	struct model *model = arg;
	struct model_session *other = &model->sessions[pick_neighbour(model)];

	model->sending = true;
	leave(model, session);
	if (other->member && pick(model, 2))
		leave(model, other);
	model->sending = false;
}

/* After a run in which sessions failed. */
static inline void free_given_up_filters(struct model *model)
{
	while (model->given_up_count)
		give_up_filter(model->given_up[--model->given_up_count]);
}

static inline void join(struct model *model, unsigned number)
{
	static const struct update_group_member_ops ops = {
	    .send = take_buffer, .push = push, .queued = say_queued};
	struct model_session *session = &model->sessions[number];

	session_begin(session);
	session->of = model->peers[number].peer;
	session->families =
	    pick(model, 6) ? 1u << IPV4 | 1u << IPV6 : 1u << pick(model, IP_FAMILIES);
	session->add_path = pick(model, 4) ? 0 : pick(model, 1u << IP_FAMILIES) & session->families;
	wear_filter(model, number);
	fill_key(model, number);
	session->member =
	    update_group_join(model->groups, &session->key, session->of, &ops, session);
}

static inline void step_session(struct model *model)
{
	unsigned number = pick_neighbour(model);

	if (!model->sessions[number].member)
		join(model, number);
	else if (pick(model, 4) == 0)
		leave(model, &model->sessions[number]);
}

/* Something that happens to a session that is up. */
static inline void step_member(struct model *model)
{
	static const size_t queues[] = {0, 0, 1 << 20, 16 << 20};
	struct model_session *session = &model->sessions[pick_neighbour(model)];
	enum ip_family family = pick(model, IP_FAMILIES);
	unsigned what = pick(model, 64);
	bool marked = pick(model, 2);

	if (!session->member)
		return;
	if (what == 0) {
		session->fails_in = 1 + pick(model, 5);
	} else if (what < 5) {
		if (session->families >> family & 1) {
			session->asked[family] |= marked;
			session->lenient[family] |= !marked;
		}
		update_group_refresh(session->member, family, marked);
	} else {
		session->queued = queues[pick(model, 4)];
		if (!session->queued)
			update_group_resume(session->member);
	}
}

/* All sessions but some get the present configuration. */
static inline void move_sessions(struct model *model)
{
	for (unsigned i = 1; i < model->profile->peers; i++) {
		struct model_session *session = &model->sessions[i];
		struct model_filter *old;

		if (!session->member || pick(model, 6) == 0)
			continue;
		old = wear_filter(model, i);
		fill_key(model, i);
		session->lenient[IPV4] = session->lenient[IPV6] = true;
		update_group_move(session->member, &session->key);
		give_up_filter(old);
	}
}

/* A new configuration; now and then a peer stays with the old one, and moves some time later. */
static inline void step_reload(struct model *model)
{
	struct model_filter *old = model->filter;
	bool differs = pick(model, 3) > 0;

	if (differs) {
		model->filter = pick(model, 5) ? make_filter(model) : NULL;
		model->audiences = 1 + pick(model, 3);
		model->path_limit = (uint8_t)(1 + pick(model, 4));
	}
	move_sessions(model);
	if (differs)
		give_up_filter(old);
	note_everything(model);
}

/* A new configuration with the filter that was: it is at another place only. */
static inline void step_replace_filter(struct model *model)
{
	struct model_filter *old = model->filter, *new;

	if (!old)
		return;
	new = memory_copy(old, sizeof(*old));
	compile_filter(new);
	new->users = old->users;
	update_groups_replace_filter(model->groups, &old->filter, &new->filter);
	for (unsigned i = 1; i < model->profile->peers; i++) {
		if (model->worn[i] != old)
			continue;
		model->worn[i] = new;
		model->sessions[i].chain[0] = &new->filter;
	}
	model->filter = new;
	free_filter(old);
}

/* Neighbours. */

static inline void step_peer_down(struct model *model)
{
	unsigned number = pick_neighbour(model);
	struct model_peer *peer = &model->peers[number];

	if (pick(model, 2)) {
		lose_peer(model, number, pick(model, IP_FAMILIES));
		return;
	}
	if (model->sessions[number].member)
		leave(model, &model->sessions[number]);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		lose_peer(model, number, family);
	/* Back at once, perhaps as another router. */
	if (rib_peer_limit(model->rib) < 2 * model->profile->peers && pick(model, 2))
		peer->identifier = 95 + pick(model, 6);
	peer->peer = rib_peer_identify(
	    model->rib, peer->peer, neighbour_kinds[number].source, peer->identifier);
	note_everything(model);
}

/* One goes for good, and another one comes that has nothing of it but the number. */
static inline void step_replace_peer(struct model *model)
{
	unsigned number = pick_neighbour(model);
	struct model_peer *peer = &model->peers[number];

	if (rib_peer_limit(model->rib) >= 2 * model->profile->peers)
		return;
	if (model->sessions[number].member)
		leave(model, &model->sessions[number]);
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		lose_peer(model, number, family);
	rib_peer_free(model->rib, peer->peer);
	peer->peer = rib_peer_new(model->rib);
	assert_non_null(peer->peer);
	fill_peer(peer->peer, number, peer->identifier);
	peer->epochs[IPV4] = peer->epochs[IPV6] = 0;
	peer->refused = 0;
}

static inline void step_multipath(struct model *model)
{
	model->multipath = 1 + pick(model, 4);
	rib_set_multipath(model->rib, model->multipath);
	note_everything(model);
}

#endif
