/*
 * Streams of update groups on an event loop that gives no time: every turn is one slice of the
 * work, and everything else happens in the middle of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/memory.h"
#include "sessions.h"

enum {
	ROUTES = 640, /* ten slices or so */
	FIRST = 5, /* one that is in the first slice */
	LAST = 630 /* one that is in the last one */
};

static struct loop *loop;

static int set_up_loop(void **state)
{
	int result = set_up(state);
	struct fixture *fixture = *state;

	loop = loop_new();
	loop_set_share(loop, 0);
	update_groups_free(fixture->groups);
	fixture->groups = update_groups_new(fixture->rib, loop);
	return result;
}

static int tear_down_loop(void **state)
{
	int result = tear_down(state);

	loop_free(loop);
	return result;
}

static void turns(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		loop_run_once(loop, 0);
}

/* Until there is nothing more to do. */
static void settle(void)
{
	turns(500);
}

static void forget(struct session *session)
{
	text_clear(&session->said);
	session->announced = session->withdrawn = 0;
}

static struct ip_prefix route_prefix(uint32_t number)
{
	const struct ip_address address = ip_address_from_ipv4(0x14000000 + (number << 8));

	return ip_prefix_from_address(&address, 24);
}

/* One of those of advertise_many(). */
static void withdraw_route(struct fixture *fixture, uint32_t number)
{
	const struct ip_prefix prefix = route_prefix(number);

	assert_true(rib_withdraw(fixture->rib, fixture->local, &prefix, 0));
	rib_tell_listeners(fixture->rib);
}

static void change_route(struct fixture *fixture, uint32_t number, uint32_t med)
{
	const struct ip_prefix prefix = route_prefix(number);
	char text[IP_TEXT_MAX];

	advertise(fixture, NULL, ip_prefix_print(&prefix, text), med);
	rib_tell_listeners(fixture->rib);
}

/* How often the session was told this of the route: "+" and a MED, or "-". */
static unsigned count_said(const struct session *session, char sign, uint32_t number, int med)
{
	const struct ip_prefix prefix = route_prefix(number);
	struct text wanted = {0};
	char text[IP_TEXT_MAX];
	unsigned count = 0;

	text_append(&wanted, "%c%s", sign, ip_prefix_print(&prefix, text));
	if (sign == '+')
		text_append(&wanted, " m%d", med);
	for (const char *at = session->said.length ? session->said.string : "";
	     (at = strstr(at, wanted.string)); at += wanted.length)
		count += at[wanted.length] == ' ' || at[wanted.length] == ';';
	text_free(&wanted);
	return count;
}

static bool ends_with(const struct session *session, const char *end)
{
	size_t length = strlen(end);

	return session->said.length >= length &&
	       strcmp(session->said.string + session->said.length - length, end) == 0;
}

static unsigned count_text(const struct session *session, const char *wanted)
{
	unsigned count = 0;

	for (const char *at = session->said.string; (at = strstr(at, wanted)); at++)
		count++;
	return count;
}

/* A member with a stream of its own that has all routes. */
static struct session *settled_member(struct fixture *fixture, unsigned number)
{
	struct session *session = &fixture->sessions[number];

	join(fixture, number);
	settle();
	assert_true(session->announced >= ROUTES);
	forget(session);
	return session;
}

/* The MED that the session was told last of the route. */
static unsigned long last_said(const struct session *session, uint32_t number)
{
	const struct ip_prefix prefix = route_prefix(number);
	unsigned long med = 0;
	struct text wanted = {0};
	char text[IP_TEXT_MAX];

	text_append(&wanted, "+%s m", ip_prefix_print(&prefix, text));
	for (const char *at = session->said.string; (at = strstr(at, wanted.string)); at++)
		med = strtoul(at + wanted.length, NULL, 10);
	text_free(&wanted);
	return med;
}

static void join_goes_on_turn_by_turn(void **state)
{
	struct fixture *fixture = *state;
	struct session *session = &fixture->sessions[0];
	size_t before = 0;

	advertise_many(fixture, ROUTES, 1);
	join(fixture, 0);
	assert_int_equal(session->announced, 0);
	while (session->announced < ROUTES) {
		loop_run_once(loop, 0);
		assert_in_range(session->announced, before + 1, before + 100);
		assert_int_equal(
		    update_group_advertised(session->member, IPV4), session->announced);
		before = session->announced;
	}
	settle();
	assert_int_equal(session->announced, ROUTES);
	assert_int_equal(count_text(session, "end4"), 1);
	assert_true(ends_with(session, "end4; end6; "));
}

/* Where the scan has been, a change is sent for itself; where it comes to, it finds the change. */
static void changes_on_both_sides_of_the_scan(void **state)
{
	struct fixture *fixture = *state;
	struct session *session = &fixture->sessions[0];

	advertise_many(fixture, ROUTES, 1);
	join(fixture, 0);
	turns(3);
	assert_in_range(session->announced, 10, ROUTES - 20);
	withdraw_route(fixture, FIRST);
	withdraw_route(fixture, LAST);
	change_route(fixture, FIRST + 1, 7);
	change_route(fixture, LAST + 1, 7);
	change_route(fixture, ROUTES, 7);
	settle();
	assert_int_equal(count_said(session, '+', FIRST, 0), 1);
	assert_int_equal(count_said(session, '-', FIRST, 0), 1);
	assert_int_equal(count_said(session, '+', FIRST + 1, 0), 1);
	assert_int_equal(count_said(session, '+', FIRST + 1, 7), 1);
	assert_int_equal(count_said(session, '+', LAST + 1, 7), 1);
	assert_int_equal(count_said(session, '+', ROUTES, 7), 1);
	/* All but the last one, the one that changed twice, and the new one. */
	assert_int_equal(session->announced, ROUTES - 1 + 1 + 1);
	assert_int_equal(session->withdrawn, 1);
	assert_true(ends_with(session, "end4; end6; "));
	assert_int_equal(update_group_advertised(session->member, IPV4), ROUTES - 1);
}

/* Where changes that may be sent are found goes round, and passes over those that may not. */
static void changes_before_and_after_one_that_was_sent(void **state)
{
	struct fixture *fixture = *state;
	struct session *session = &fixture->sessions[0];

	advertise_many(fixture, ROUTES, 1);
	join(fixture, 0);
	turns(2);
	change_route(fixture, FIRST + 1, 7);
	turns(1);
	assert_int_equal(count_said(session, '+', FIRST + 1, 7), 1);
	change_route(fixture, FIRST, 8);
	change_route(fixture, LAST, 8);
	turns(1);
	assert_int_equal(count_said(session, '+', FIRST, 8), 1);
	assert_int_equal(count_said(session, '+', LAST, 8), 0);
	settle();
	assert_int_equal(session->announced, ROUTES + 2);
}

/* What is withdrawn where the scan has not been was advertised before a refresh. */
static void refresh_with_changes_on_both_sides(void **state)
{
	struct fixture *fixture = *state;
	struct session *session;

	advertise_many(fixture, ROUTES, 1);
	session = settled_member(fixture, 0);
	update_group_refresh(session->member, IPV4, true);
	turns(3);
	withdraw_route(fixture, FIRST);
	withdraw_route(fixture, LAST);
	change_route(fixture, LAST + 1, 7);
	settle();
	assert_int_equal(session->announced, ROUTES - 1);
	assert_int_equal(session->withdrawn, 2);
	assert_int_equal(count_said(session, '-', LAST, 0), 1);
	assert_int_equal(count_said(session, '+', LAST + 1, 7), 1);
	assert_int_equal(strncmp(session->said.string, "[4; ", 4), 0);
	assert_int_equal(count_text(session, "]4"), 1);
	assert_true(ends_with(session, "]4; "));
	assert_int_equal(rib_limit(fixture->rib, IPV4), ROUTES + 1);
}

/* What was not sent again yet need not be sent twice; and who asks all the time gets everything. */
static void refresh_in_the_middle_of_a_refresh(void **state)
{
	struct fixture *fixture = *state;
	struct session *session;
	size_t sent;

	advertise_many(fixture, ROUTES, 1);
	session = settled_member(fixture, 0);
	update_group_refresh(session->member, IPV4, false);
	turns(3);
	sent = session->announced;
	assert_in_range(sent, 1, ROUTES / 2);
	update_group_refresh(session->member, IPV4, false);
	settle();
	assert_int_equal(session->announced, sent + ROUTES);
	forget(session);
	for (unsigned i = 0; i < 20; i++) {
		update_group_refresh(session->member, IPV4, false);
		loop_run_once(loop, 0);
	}
	assert_true(count_said(session, '+', LAST, 0) > 0);
}

/* A filter of its own memory, as a configuration has it: this MED for the first `count` routes. */
struct owned_chain {
	struct policy_filter filter;
	const struct policy_filter *filters[1];
};

static void set_owned_filter(
    struct export_key *key, struct owned_chain *chain, uint32_t count, uint32_t med)
{
	struct policy_rule *rule = memory_allocate_zero(1, sizeof(*rule));

	rule->match.prefixes = memory_allocate_zero(count, sizeof(*rule->match.prefixes));
	rule->match.prefix_count = count;
	for (uint32_t i = 0; i < count; i++)
		rule->match.prefixes[i] = (struct policy_prefix_match){route_prefix(i), 24, 24};
	rule->action = POLICY_ACCEPT;
	rule->set.has_med = true;
	rule->set.med = med;
	chain->filter = (struct policy_filter){.rules = rule, .rule_count = 1};
	policy_filter_compile(&chain->filter);
	chain->filters[0] = &chain->filter;
	key->filters = chain->filters;
	key->filter_count = 1;
}

enum { MATCHED = 600 };

/* Two chains of the same routes: what is sent between them differs in the MED of those. */
struct reload {
	struct export_key keys[2];
	struct owned_chain chains[2];
};

static void set_up_reload(struct fixture *fixture, struct reload *reload)
{
	for (unsigned i = 0; i < 2; i++) {
		reload->keys[i] = fixture->key;
		set_owned_filter(&reload->keys[i], &reload->chains[i], MATCHED, 8 + i);
	}
	fixture->key = reload->keys[0];
	advertise_many(fixture, ROUTES, 1);
}

/* The old configuration is gone while what it sent is still compared with the new one. */
static void reload_with_the_old_filter_gone(void **state)
{
	struct fixture *fixture = *state;
	struct reload reload;
	struct session *session;

	set_up_reload(fixture, &reload);
	session = settled_member(fixture, 0);
	update_group_move(session->member, &reload.keys[1]);
	policy_filter_release(&reload.chains[0].filter);
	turns(2);
	assert_in_range(session->announced, 1, MATCHED - 1);
	withdraw_route(fixture, FIRST);
	withdraw_route(fixture, MATCHED - 1);
	change_route(fixture, MATCHED - 2, 7); /* the filter sets another MED */
	change_route(fixture, LAST, 7);
	settle();
	assert_int_equal(session->announced, MATCHED - 1 + 1);
	assert_int_equal(session->withdrawn, 2);
	assert_int_equal(count_said(session, '+', MATCHED - 2, 9), 1);
	assert_int_equal(count_said(session, '+', LAST, 7), 1);
	leave(session);
	policy_filter_release(&reload.chains[1].filter);
}

/* What has been sent under the new key differs from the old one again, the rest does not. */
static void reload_back_in_the_middle(void **state)
{
	struct fixture *fixture = *state;
	struct reload reload;
	struct session *session;
	size_t sent;

	set_up_reload(fixture, &reload);
	session = settled_member(fixture, 0);
	update_group_move(session->member, &reload.keys[1]);
	update_group_move(session->member, &reload.keys[0]);
	settle();
	assert_int_equal(session->announced, 0);
	update_group_move(session->member, &reload.keys[1]);
	turns(2);
	sent = session->announced;
	assert_in_range(sent, 1, MATCHED - 1);
	update_group_move(session->member, &reload.keys[0]);
	settle();
	assert_int_equal(session->announced, 2 * sent);
	assert_int_equal(update_groups_count(fixture->groups), 1);
	for (unsigned i = 0; i < 50; i++) { /* more often than there is room for */
		update_group_move(session->member, &reload.keys[(i + 1) % 2]);
		loop_run_once(loop, 0);
	}
	forget(session);
	update_group_move(session->member, &reload.keys[1]);
	settle();
	update_group_refresh(session->member, IPV4, false);
	forget(session);
	settle();
	assert_int_equal(count_said(session, '+', FIRST, 9), 1);
	leave(session);
	for (unsigned i = 0; i < 2; i++)
		policy_filter_release(&reload.chains[i].filter);
}

/* Moves a member again and again; the old configuration goes at once. */
static void reload_often(struct session *session, struct export_key *key, unsigned reloads)
{
	struct owned_chain chains[16];

	for (unsigned i = 0; i < reloads; i++) {
		set_owned_filter(key, &chains[i], MATCHED, 10 + i);
		update_group_move(session->member, key);
		if (i)
			policy_filter_release(&chains[i - 1].filter);
		loop_run_once(loop, 0);
	}
	settle();
	for (uint32_t i = 0; i < MATCHED; i++)
		assert_int_equal(last_said(session, i), 10 + reloads - 1);
	assert_int_equal(session->withdrawn, 0);
	leave(session);
	policy_filter_release(&chains[reloads - 1].filter);
}

/* Keys change, over and over, faster than the scan goes: what a member has is right in the end. */
static void reloads_faster_than_the_scan(void **state)
{
	struct fixture *fixture = *state;

	advertise_many(fixture, ROUTES, 1);
	for (unsigned reloads = 1; reloads <= 16; reloads += 3) {
		struct export_key key = fixture->key;
		struct session *session = &fixture->sessions[0];

		join(fixture, 0);
		settle();
		forget(session);
		reload_often(session, &key, reloads);
	}
}

static void members_move_in_the_middle_of_a_join(void **state)
{
	struct fixture *fixture = *state;
	struct reload reload;

	set_up_reload(fixture, &reload);
	for (unsigned i = 0; i < 3; i++)
		join(fixture, i);
	turns(2);
	for (unsigned i = 0; i < 2; i++)
		update_group_move(fixture->sessions[i].member, &reload.keys[1]);
	policy_filter_release(&reload.chains[0].filter);
	leave(&fixture->sessions[2]);
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	settle();
	for (unsigned i = 0; i < 2; i++) {
		const struct session *session = &fixture->sessions[i];

		for (uint32_t route = 0; route < MATCHED; route++)
			assert_int_equal(count_said(session, '+', route, 9), 1);
		assert_int_equal(count_said(session, '+', LAST, 0), 1);
		assert_int_equal(count_text(session, "end4"), 1);
		assert_true(ends_with(session, "end4; end6; "));
	}
	for (unsigned i = 0; i < 2; i++)
		leave(&fixture->sessions[i]);
	policy_filter_release(&reload.chains[1].filter);
}

/* Half of them stop reading in the middle: they go on together, from where they are. */
static void members_lag_in_the_middle_of_a_join(void **state)
{
	struct fixture *fixture = *state;

	advertise_many(fixture, ROUTES, 1);
	for (unsigned i = 0; i < 4; i++)
		join(fixture, i);
	turns(2);
	fixture->sessions[1].queued = fixture->sessions[3].queued = 16 << 20;
	settle();
	assert_int_equal(update_groups_stream_count(fixture->groups), 2);
	assert_int_equal(fixture->sessions[0].announced, ROUTES);
	assert_in_range(fixture->sessions[1].announced, 1, ROUTES - 1);
	withdraw_route(fixture, FIRST);
	withdraw_route(fixture, LAST);
	settle();
	fixture->sessions[1].queued = fixture->sessions[3].queued = 0;
	update_group_resume(fixture->sessions[1].member);
	settle();
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	for (unsigned i = 0; i < 4; i++) {
		const struct session *session = &fixture->sessions[i];

		assert_int_equal(session->announced, i % 2 ? ROUTES - 1 : ROUTES);
		assert_int_equal(session->withdrawn, i % 2 ? 1 : 2);
		assert_int_equal(count_text(session, "end4"), 1);
		assert_int_equal(update_group_advertised(session->member, IPV4), ROUTES - 2);
	}
}

/* Nobody waits for a member that has much to be sent. */
static void join_delays_no_change(void **state)
{
	struct fixture *fixture = *state;
	struct session *session;

	advertise_many(fixture, ROUTES, 1);
	session = settled_member(fixture, 0);
	join(fixture, 1);
	turns(1);
	change_route(fixture, LAST, 7);
	turns(3);
	assert_int_equal(count_said(session, '+', LAST, 7), 1);
	assert_in_range(fixture->sessions[1].announced, 1, ROUTES - 1);
	settle();
	assert_int_equal(count_said(&fixture->sessions[1], '+', LAST, 7), 1);
	assert_int_equal(fixture->sessions[1].announced, ROUTES);
}

/* Its stream is due when there is nothing to send any more. */
static void route_that_comes_and_goes_before_its_turn(void **state)
{
	struct fixture *fixture = *state;
	struct session *session;

	advertise_many(fixture, ROUTES, 1);
	session = settled_member(fixture, 0);
	change_route(fixture, ROUTES, 7);
	withdraw_route(fixture, ROUTES);
	settle();
	assert_int_equal(session->announced + session->withdrawn, 0);
	change_route(fixture, ROUTES, 7);
	settle();
	assert_int_equal(session->announced, 1);
}

/* Ids are given back when the last stream has sent that their prefixes are gone, or has gone. */
static void ids_are_held_as_long_as_a_stream_waits(void **state)
{
	struct fixture *fixture = *state;

	advertise_many(fixture, ROUTES, 1);
	settled_member(fixture, 0);
	settled_member(fixture, 1);
	fixture->sessions[1].queued = 16 << 20;
	for (uint32_t i = 0; i < ROUTES; i++)
		withdraw_route(fixture, i);
	settle();
	assert_int_equal(fixture->sessions[0].withdrawn, ROUTES);
	assert_int_equal(fixture->sessions[1].withdrawn, 0);
	assert_int_equal(rib_limit(fixture->rib, IPV4), ROUTES + 1);
	leave(&fixture->sessions[1]);
	settle();
	rib_flush(fixture->rib); /* the table gives up ids in its own time */
	assert_int_equal(rib_limit(fixture->rib, IPV4), 1);
	advertise_many(fixture, ROUTES, 1);
	rib_tell_listeners(fixture->rib);
	settle();
	assert_int_equal(fixture->sessions[0].announced, ROUTES);
}

/* Members with add-path that share a stream and have all routes. */
static void settle_members_with_paths(struct fixture *fixture, unsigned count)
{
	fixture->key.codec.add_path_send[IPV4] = true;
	fixture->key.path_limit = 2;
	advertise_many(fixture, ROUTES, 1);
	for (unsigned i = 0; i < count; i++)
		join(fixture, i);
	settle();
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
	for (unsigned i = 0; i < count; i++)
		forget(&fixture->sessions[i]);
}

static void assert_sent(const struct session *session, size_t announced, size_t withdrawn)
{
	assert_int_equal(session->announced, announced);
	assert_int_equal(session->withdrawn, withdrawn);
	assert_int_equal(update_group_advertised(session->member, IPV4), ROUTES - 1);
}

/* While it is copied what was sent, neither is sent anything; then both are sent what is due. */
static void paths_are_copied_turn_by_turn(void **state)
{
	struct fixture *fixture = *state;

	settle_members_with_paths(fixture, 2);
	update_group_refresh(fixture->sessions[1].member, IPV4, false);
	turns(2);
	withdraw_route(fixture, FIRST);
	change_route(fixture, LAST, 7);
	turns(2);
	for (unsigned i = 0; i < 2; i++) {
		const struct session *session = &fixture->sessions[i];

		assert_int_equal(session->announced + session->withdrawn, 0);
		assert_int_equal(update_group_advertised(session->member, IPV4), ROUTES);
	}
	settle();
	assert_sent(&fixture->sessions[0], 1, 1);
	assert_sent(&fixture->sessions[1], ROUTES - 1, 1);
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
}

/* The one that lags is due nothing any more while it still copies: the other one goes on. */
static void nothing_is_pending_while_paths_are_copied(void **state)
{
	struct fixture *fixture = *state;

	settle_members_with_paths(fixture, 2);
	fixture->sessions[1].queued = 16 << 20;
	change_route(fixture, ROUTES, 7);
	turns(3);
	assert_int_equal(update_groups_stream_count(fixture->groups), 2);
	withdraw_route(fixture, ROUTES);
	settle();
	change_route(fixture, LAST, 9);
	settle();
	assert_int_equal(count_text(&fixture->sessions[0], " m9"), 1);
	fixture->sessions[1].queued = 0;
	update_group_resume(fixture->sessions[1].member);
	settle();
	assert_int_equal(count_text(&fixture->sessions[1], " m9"), 1);
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
}

/* The one that is copied from, the one that copies, and one that copies from that. */
static void members_leave_while_paths_are_copied(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned who = 0; who < 3; who++) {
		struct export_key key = fixture->key;

		settle_members_with_paths(fixture, 3);
		key = fixture->key;
		key.audiences = 1;
		update_group_move(fixture->sessions[1].member, &key);
		update_group_move(fixture->sessions[2].member, &key);
		update_group_refresh(fixture->sessions[2].member, IPV4, false);
		assert_int_equal(update_groups_stream_count(fixture->groups), 3);
		turns(3);
		withdraw_route(fixture, FIRST);
		leave(&fixture->sessions[who]);
		settle();
		for (unsigned i = 0; i < 3; i++)
			if (i != who)
				assert_sent(&fixture->sessions[i], i == 2 ? ROUTES - 1 : 0, 1);
		assert_int_equal(update_groups_stream_count(fixture->groups), who ? 2 : 1);
		for (unsigned i = 0; i < 3; i++)
			leave(&fixture->sessions[i]);
		assert_int_equal(update_groups_count(fixture->groups), 0);
	}
}

/* With add-path, streams that have caught up during a sweep are one when it is over. */
static void streams_become_one_after_a_sweep(void **state)
{
	struct fixture *fixture = *state;

	settle_members_with_paths(fixture, 1);
	rib_set_multipath(fixture->rib, 2);
	join(fixture, 1);
	settle();
	assert_int_equal(fixture->sessions[1].announced, ROUTES);
	assert_int_equal(update_groups_stream_count(fixture->groups), 2);
	rib_flush(fixture->rib);
	settle();
	assert_int_equal(update_groups_stream_count(fixture->groups), 1);
}

/* One of many members of a route reflector: it only counts. */
struct client {
	struct update_group_member *member;
	struct rib_peer *peer;
	size_t *sent; /* buffers to all of them */
};

enum { CLIENTS = 1024, SENT_IN_A_TURN = 4096 };

static void count_sent(void *arg, struct shared_buffer *buffer)
{
	(void)buffer;
	++*((struct client *)arg)->sent;
}

static size_t nothing_queued(void *arg)
{
	(void)arg;
	return 0;
}

static const struct update_group_member_ops client_ops = {
    .send = count_sent, .queued = nothing_queued};

/* A route that is not sent back is a message of its own to all the others. */
static void a_turn_serves_so_many_members(void **state)
{
	struct fixture *fixture = *state;
	struct bgp_attributes attributes = attributes_of(&fixture->arena, "192.0.2.1", path);
	struct client *clients = memory_allocate_zero(CLIENTS, sizeof(*clients));
	char text[IP_TEXT_MAX];
	size_t sent = 0;
	size_t before = 0;

	for (uint32_t i = 0; i < CLIENTS; i++) {
		clients[i].peer = add_peer(fixture->rib, POLICY_SOURCE_IBGP, 100 + i);
		clients[i].sent = &sent;
		clients[i].member = update_group_join(
		    fixture->groups, &fixture->key, clients[i].peer, &client_ops, &clients[i]);
	}
	settle();
	for (uint32_t i = 0; i < CLIENTS; i++) {
		const struct ip_prefix prefix = route_prefix(i);

		announce(fixture->rib, clients[i].peer, ip_prefix_print(&prefix, text), 0,
		    &attributes, 0);
	}
	rib_tell_listeners(fixture->rib);
	sent = 0;
	do {
		before = sent;
		turns(1);
		assert_true(sent - before <= SENT_IN_A_TURN);
	} while (sent > before);
	assert_int_equal(sent, CLIENTS * (CLIENTS - 1));
	for (uint32_t i = 0; i < CLIENTS; i++)
		update_group_leave(clients[i].member);
	free(clients);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up_loop, tear_down_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(join_goes_on_turn_by_turn),
	    TEST(changes_on_both_sides_of_the_scan),
	    TEST(changes_before_and_after_one_that_was_sent),
	    TEST(refresh_with_changes_on_both_sides),
	    TEST(refresh_in_the_middle_of_a_refresh),
	    TEST(reload_with_the_old_filter_gone),
	    TEST(reload_back_in_the_middle),
	    TEST(reloads_faster_than_the_scan),
	    TEST(members_move_in_the_middle_of_a_join),
	    TEST(members_lag_in_the_middle_of_a_join),
	    TEST(join_delays_no_change),
	    TEST(route_that_comes_and_goes_before_its_turn),
	    TEST(ids_are_held_as_long_as_a_stream_waits),
	    TEST(paths_are_copied_turn_by_turn),
	    TEST(nothing_is_pending_while_paths_are_copied),
	    TEST(members_leave_while_paths_are_copied),
	    TEST(streams_become_one_after_a_sweep),
	    TEST(a_turn_serves_so_many_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
