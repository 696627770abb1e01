/*
 * A table with a peer of each kind, and what goes out of it for a key: the ground of test_export.c
 * and test_export_rules.c.
 */
#ifndef UNIT_EXPORT_RIG_H
#define UNIT_EXPORT_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/text.h"
#include "rib/export.h"
#include "routes.h"

#define PREFIX "10.1.0.0/16"

static const uint32_t path[] = {65001, 65002, 0};

struct fixture {
	struct rib *rib;
	struct arena arena;
	struct rib_peer *local;
	struct rib_peer *ebgp;
	struct rib_peer *ibgp; /* no client */
	struct rib_peer *client; /* iBGP, of this reflector */
	struct export_key key;
	struct bgp_attributes sent;
};

static inline int set_up(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	fixture.rib = rib_new(NULL, &(struct rib_options){3, 1});
	fixture.local = rib_peer_at(fixture.rib, RIB_PEER_LOCAL);
	fixture.ebgp = add_peer(fixture.rib, POLICY_SOURCE_EBGP, 1);
	fixture.ibgp = add_peer(fixture.rib, POLICY_SOURCE_IBGP, 2);
	fixture.client = add_peer(fixture.rib, POLICY_SOURCE_IBGP, 3);
	fixture.client->reflector_client = true;
	fixture.key.codec = (struct bgp_codec){.families = {true, true}, .as4 = true};
	fixture.key.local_asn = fixture.key.router_asn = 64512;
	fixture.key.cluster_id = 0x0a0a0a0a;
	fixture.key.self[IPV4].address = address_of("198.51.100.1");
	fixture.key.self[IPV6].address = address_of("2001:db8:ff::1");
	*state = &fixture;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;

	rib_free(fixture->rib);
	arena_free(&fixture->arena);
	return 0;
}

/* What goes out for the prefix; false if nothing does. */
static inline bool export_prefix(struct fixture *fixture, const char *text)
{
	const struct ip_prefix at = prefix_of(text);
	const struct rib_prefix *prefix = rib_find(fixture->rib, &at, NULL);
	struct export_cache cache = {.set = NULL};
	struct export_route route;

	if (!export_select(fixture->rib, &fixture->key, at.family, prefix, &cache, &route))
		return false;
	export_attributes(
	    fixture->rib, &fixture->key, at.family, &route, &fixture->arena, &fixture->sent);
	return true;
}

/* Announces it with the path and some of everything, and exports it. */
static inline bool pass_on(struct fixture *fixture, struct rib_peer *from, const char *next_hop)
{
	struct bgp_attributes attributes =
	    attributes_of(&fixture->arena, next_hop, from == fixture->local ? NULL : path);

	set_med(&attributes, 50);
	set_local_pref(&attributes, 200);
	announce(fixture->rib, from, PREFIX, 0, &attributes, 0);
	return export_prefix(fixture, PREFIX);
}

static inline void assert_path(const struct fixture *fixture, const char *wanted)
{
	struct text text = {.string = NULL};

	bgp_as_path_print(fixture->sent.as_path, &text);
	assert_string_equal(text.length ? text.string : "", wanted);
	text_free(&text);
}

static inline void assert_next_hop(const struct fixture *fixture, const char *wanted)
{
	char text[IP_TEXT_MAX];

	assert_string_equal(ip_address_print(&fixture->sent.next_hop.address, text), wanted);
}

static inline bool has(const struct fixture *fixture, unsigned type)
{
	return bgp_attributes_has(&fixture->sent, type);
}

static const struct policy_rule accept_all = {.action = POLICY_ACCEPT};

/* One filter of one rule. */
static inline void set_filter(struct fixture *fixture, const struct policy_rule *rule)
{
	static struct policy_rule copy;
	static struct policy_filter filter;
	static const struct policy_filter *chain[1];

	copy = *rule;
	filter = (struct policy_filter){.rules = &copy, .rule_count = 1};
	chain[0] = &filter;
	fixture->key.filters = chain;
	fixture->key.filter_count = 1;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
