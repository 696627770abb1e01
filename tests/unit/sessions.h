/*
 * Update groups with sessions that take down what they are sent: a text per session, "+prefix" and
 * "-prefix" with blanks, "#3" for a Path Identifier, "m5" for a MED, "aigp7" for an AIGP metric,
 * "end4" and "end6", "[4" and "]4" for the marks of a refresh, and a ";" after each message.
 */
#ifndef TESTS_SESSIONS_H
#define TESTS_SESSIONS_H

#include <stdio.h>

#include "base/text.h"
#include "receiver.h"
#include "rib/update_group.h"
#include "routes.h"

#define A "10.1.0.0/16"
#define B "10.2.0.0/16"
#define C "10.3.0.0/16"

static const uint32_t path[] = {65001, 0};

struct session {
	struct update_group_member *member;
	struct rib_peer *peer;
	const struct bgp_codec *codec;
	struct text said;
	size_t queued; /* what it says of its queue */
	bool stuck; /* nothing leaves its queue */
	size_t bytes;
	size_t messages;
	size_t buffers;
	size_t announced;
	size_t withdrawn;
	struct session *leave[2]; /* these leave when this session is sent to; NULL: nobody */
};

enum { SESSIONS = 6 };
struct fixture {
	struct rib *rib;
	struct update_groups *groups;
	struct arena arena;
	struct export_key key;
	struct rib_peer *local;
	struct rib_peer *source; /* eBGP, no member */
	struct session sessions[SESSIONS];
};

static inline void say(
    struct session *session, char sign, const struct ip_prefix *prefix, uint32_t path_id)
{
	char text[IP_TEXT_MAX];

	text_append(&session->said, "%c%s ", sign, ip_prefix_print(prefix, text));
	if (path_id)
		text_append(&session->said, "#%u ", path_id);
}

static inline void hear_announced(void *arg, const struct ip_prefix *prefix, uint32_t path_id,
    const struct bgp_attributes *attributes, const struct bgp_next_hop *next_hop)
{
	struct session *session = arg;

	(void)next_hop;
	say(session, '+', prefix, path_id);
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_MED))
		text_append(&session->said, "m%u ", attributes->med);
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_AIGP))
		text_append(&session->said, "aigp%u ",
		    wire_load_u32(attributes->aigp.bytes + attributes->aigp.length - 4));
	session->announced++;
}

static inline void hear_withdrawn(void *arg, const struct ip_prefix *prefix, uint32_t path_id)
{
	struct session *session = arg;

	say(session, '-', prefix, path_id);
	session->withdrawn++;
}

static inline void hear_end_of_rib(void *arg, enum ip_family family)
{
	text_append(&((struct session *)arg)->said, "end%d ", family == IPV4 ? 4 : 6);
}

static inline void hear_mark(void *arg, enum ip_family family, enum bgp_refresh kind)
{
	text_append(&((struct session *)arg)->said, "%s%d ", kind == BGP_REFRESH_BEGIN ? "[" : "]",
	    family == IPV4 ? 4 : 6);
}

static inline void hear_message(void *arg)
{
	struct session *session = arg;

	session->said.string[--session->said.length] = 0;
	text_append(&session->said, "; ");
	session->messages++;
}

static inline void take_buffer(void *arg, struct shared_buffer *buffer)
{
	struct session *session = arg;
	const struct receiver receiver = {session, session->codec, hear_announced, hear_withdrawn,
	    hear_end_of_rib, hear_mark, hear_message};

	assert_non_null(session->member);
	session->bytes += buffer->length;
	session->buffers++;
	if (session->stuck)
		session->queued += buffer->length;
	receive_buffer(&receiver, buffer);
	for (unsigned i = 0; i < 2; i++) {
		struct session *other = session->leave[i];

		if (!other || !other->member)
			continue;
		update_group_leave(other->member);
		other->member = NULL;
	}
}

static inline size_t say_queued(void *arg)
{
	return ((struct session *)arg)->queued;
}

static const struct update_group_member_ops session_ops = {
    .send = take_buffer, .queued = say_queued};

static inline int set_up(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	fixture.rib = rib_new(NULL, &(struct rib_options){3, 1});
	fixture.groups = update_groups_new(fixture.rib, NULL);
	fixture.local = rib_peer_at(fixture.rib, RIB_PEER_LOCAL);
	fixture.source = add_peer(fixture.rib, POLICY_SOURCE_EBGP, 1);
	fixture.key.codec = (struct bgp_codec){.families = {true, true}, .as4 = true};
	fixture.key.local_asn = fixture.key.router_asn = 64512;
	fixture.key.reflector_client = true;
	fixture.key.self[IPV4].address = address_of("198.51.100.1");
	fixture.key.self[IPV6].address = address_of("2001:db8:ff::1");
	for (uint32_t i = 0; i < SESSIONS; i++) {
		fixture.sessions[i].peer = add_peer(fixture.rib, POLICY_SOURCE_IBGP, 2 + i);
		fixture.sessions[i].codec = &fixture.key.codec;
	}
	*state = &fixture;
	return 0;
}

static inline void leave(struct session *session)
{
	if (session->member)
		update_group_leave(session->member);
	session->member = NULL;
	text_clear(&session->said);
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;
	int groups_left;

	for (size_t i = 0; i < SESSIONS; i++) {
		leave(&fixture->sessions[i]);
		text_free(&fixture->sessions[i].said);
	}
	groups_left = (int)update_groups_count(fixture->groups);
	update_groups_free(fixture->groups);
	rib_free(fixture->rib);
	arena_free(&fixture->arena);
	return groups_left;
}

static inline void join(struct fixture *fixture, unsigned number)
{
	struct session *session = &fixture->sessions[number];

	session->member =
	    update_group_join(fixture->groups, &fixture->key, session->peer, &session_ops, session);
}

static inline void run(struct fixture *fixture)
{
	rib_flush(fixture->rib);
	update_groups_run(fixture->groups);
}

/* What the session was sent since it was asked last. */
static inline void assert_said(struct fixture *fixture, unsigned number, const char *wanted)
{
	struct text *said = &fixture->sessions[number].said;

	if (said->length && said->string[said->length - 1] == ' ')
		said->string[--said->length] = 0;
	assert_string_equal(said->length ? said->string : "", wanted);
	text_clear(said);
}

static inline void run_and_forget(struct fixture *fixture)
{
	run(fixture);
	for (size_t i = 0; i < SESSIONS; i++)
		text_clear(&fixture->sessions[i].said);
}

/* From a member (or NULL: this node) with a MED that tells versions apart. */
static inline void advertise(
    struct fixture *fixture, const struct session *from, const char *prefix, uint32_t med)
{
	struct bgp_attributes attributes =
	    attributes_of(&fixture->arena, from ? "192.0.2.1" : NULL, from ? path : NULL);

	set_med(&attributes, med);
	announce(fixture->rib, from ? from->peer : fixture->local, prefix, 0, &attributes, 0);
}

static inline void withdraw(struct fixture *fixture, const struct session *from, const char *prefix)
{
	const struct ip_prefix at = prefix_of(prefix);

	assert_true(rib_withdraw(fixture->rib, from ? from->peer : fixture->local, &at, 0));
}

static inline void advertise_many(struct fixture *fixture, uint32_t count, uint32_t sets)
{
	const struct attribute_set_extra none = {0};
	struct bgp_attributes attributes = attributes_of(&fixture->arena, NULL, NULL);
	struct attribute_store *store = rib_attribute_store(fixture->rib);

	for (uint32_t i = 0; i < count; i++) {
		struct ip_address address = ip_address_from_ipv4(0x14000000 + (i << 8));
		struct ip_prefix prefix = ip_prefix_from_address(&address, 24);
		struct attribute_set *set;

		set_med(&attributes, i % sets);
		set = attribute_set_intern(store, &attributes, &none);
		rib_update(fixture->rib, fixture->local, &prefix, 0, set, 0);
		attribute_set_release(store, set);
	}
}

/* A chain of one filter of one rule. */
struct chain {
	struct policy_prefix_match entry;
	struct policy_rule rule;
	struct policy_filter filter;
	const struct policy_filter *filters[1];
};

/* This prefix, and only this one, is sent with this MED, for as long as the chain lives. */
static inline void set_filter(
    struct export_key *key, struct chain *chain, const char *prefix, uint32_t med)
{
	chain->entry = (struct policy_prefix_match){prefix_of(prefix), 16, 16};
	chain->rule = (struct policy_rule){.match = {.prefixes = &chain->entry, .prefix_count = 1},
	    .action = POLICY_ACCEPT,
	    .set = {.has_med = true, .med = med}};
	chain->filter = (struct policy_filter){.rules = &chain->rule, .rule_count = 1};
	chain->filters[0] = &chain->filter;
	key->filters = chain->filters;
	key->filter_count = 1;
}

#endif
