/*
 * Configurations of many peers taken over by a real speaker: the peers call addresses where nobody
 * listens, and nothing is installed.
 */
#define _GNU_SOURCE 1 /* accept4 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "speaker/private.h"
#include "speaker_rig.h"

#define PEERS 2000
#define TURNS_MAX (10 * PEERS)

struct world {
	struct speaker_rig rig;
	struct text text; /* of the configuration */
};

static void begin_configuration(struct world *world)
{
	text_free(&world->text);
	text_append(&world->text, "node: {name: node-a}\n"
				  "router: {asn: 64512, routerID: 10.0.0.1, listen: {port: 0}}\n"
				  "fib: {install: false}\n"
				  "metrics: {listen: \"\"}\n"
				  "peers:\n");
}

static struct ip_address nth_address(unsigned n)
{
	return ip_address_from_ipv4(0x7f010000 + n);
}

/* Peer "p<name>" at the address of this number. */
static void put_peer(struct world *world, unsigned name, unsigned place, const char *more)
{
	struct ip_address address = nth_address(place);
	char text[IP_TEXT_MAX];

	text_append(&world->text,
	    "- {name: p%u, address: %s, asn: internal, port: 1, connectRetryTime: 60000s%s}\n",
	    name, ip_address_print(&address, text), more);
}

static void start_speaker(struct world *world)
{
	speaker_rig_configure(&world->rig, world->text.string);
	speaker_rig_start(&world->rig);
}

static void reload(struct world *world)
{
	speaker_rig_configure(&world->rig, world->text.string);
	speaker_rig_reload(&world->rig);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof *world);

	speaker_rig_open(&world->rig, loop_new());
	begin_configuration(world);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	speaker_rig_close(&world->rig);
	loop_free(world->rig.loop);
	text_free(&world->text);
	free(world);
	return 0;
}

static void run_until_attempts(struct world *world, size_t wanted)
{
	for (unsigned i = 0; i < TURNS_MAX && speaker_rig_count_attempts(&world->rig) < wanted; i++)
		loop_run_once(world->rig.loop, 1);
	assert_int_equal(speaker_rig_count_attempts(&world->rig), wanted);
}

static void thousands_of_peers_are_called_some_in_each_turn(void **state)
{
	struct world *world = *state;
	size_t called = 0;

	for (unsigned i = 0; i < PEERS; i++)
		put_peer(world, i, i, "");
	start_speaker(world);
	loop_set_share(world->rig.loop, 0);
	for (unsigned i = 0; i < TURNS_MAX && called < PEERS; i++) {
		size_t now;

		loop_run_once(world->rig.loop, 1);
		now = speaker_rig_count_attempts(&world->rig);
		assert_in_range(now, called, called + 1);
		called = now;
	}
	assert_int_equal(called, PEERS);
}

/* A connection as a neighbour has opened it: ours, and its. */
static int accept_call(int family, int *caller)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr *address =
	    family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t length = family == AF_INET ? sizeof v4 : sizeof v6;
	int listener = socket(family, SOCK_STREAM, 0), fd;

	*caller = socket(family, SOCK_STREAM, 0);
	assert_return_code(bind(listener, address, length), errno);
	assert_return_code(listen(listener, 1), errno);
	assert_return_code(getsockname(listener, address, &length), errno);
	assert_return_code(connect(*caller, address, length), errno);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_return_code(fd, errno);
	close(listener);
	return fd;
}

static void who_calls_before_its_turn_is_not_refused(void **state)
{
	struct world *world = *state;
	const struct ip_address last = nth_address(PEERS - 1);
	const struct speaker_peer *peer;
	int fd, caller;

	for (unsigned i = 0; i < PEERS; i++)
		put_peer(world, i, i, "");
	start_speaker(world);
	loop_set_share(world->rig.loop, 0);
	run_until_attempts(world, 1);
	fd = accept_call(AF_INET, &caller);
	speaker_take_call(world->rig.speaker, fd, &last, &last, 0);
	peer = speaker_peer_at(world->rig.speaker, PEERS - 1);
	assert_int_equal(bgp_session_state(speaker_peer_session(peer)), BGP_STATE_OPEN_SENT);
	/* Its turn comes, and changes nothing. */
	run_until_attempts(world, PEERS);
	assert_int_equal(bgp_session_state(speaker_peer_session(peer)), BGP_STATE_OPEN_SENT);
	close(caller);
}

static void who_calls_from_a_link_before_its_turn_is_not_refused(void **state)
{
	struct world *world = *state;
	struct ip_address remote;
	const struct speaker_peer *peer;
	int fd, caller;

	for (unsigned i = 0; i < PEERS; i++)
		put_peer(world, i, i, "");
	text_append(&world->text, "- {name: link, interface: lo, asn: internal}\n");
	start_speaker(world);
	loop_set_share(world->rig.loop, 0);
	run_until_attempts(world, 1);
	assert_true(ip_address_parse("fe80::5", &remote));
	fd = accept_call(AF_INET6, &caller);
	speaker_take_call(world->rig.speaker, fd, &remote, &remote, if_nametoindex("lo"));
	peer = speaker_peer_at(world->rig.speaker, PEERS);
	assert_int_equal(bgp_session_state(speaker_peer_session(peer)), BGP_STATE_OPEN_SENT);
	close(caller);
}

static void a_reload_that_changes_nothing_touches_no_peer(void **state)
{
	struct world *world = *state;
	static struct speaker_peer *peers[PEERS];
	static struct bgp_session *sessions[PEERS];

	for (unsigned i = 0; i < PEERS; i++)
		put_peer(world, i, i, "");
	start_speaker(world);
	run_until_attempts(world, PEERS);
	for (size_t i = 0; i < PEERS; i++) {
		peers[i] = world->rig.speaker->peers[i];
		sessions[i] = peers[i]->session;
	}
	reload(world);
	for (unsigned i = 0; i < 10; i++)
		loop_run_once(world->rig.loop, 1);
	for (size_t i = 0; i < PEERS; i++) {
		assert_ptr_equal(world->rig.speaker->peers[i], peers[i]);
		assert_ptr_equal(peers[i]->session, sessions[i]);
		assert_true(peers[i]->config >= world->rig.speaker->config->peers &&
			    peers[i]->config < &world->rig.speaker->config->peers[PEERS]);
		assert_int_equal(peers[i]->holds, 0);
	}
	assert_int_equal(speaker_rig_count_attempts(&world->rig), PEERS);
}

/* Every second one goes, one is new, and two change their places. */
static void peers_that_come_go_and_move_are_found_where_they_are(void **state)
{
	struct world *world = *state;
	struct speaker_peer *first, *second;
	struct ip_address address;

	for (unsigned i = 0; i < PEERS; i++)
		put_peer(world, i, i, "");
	start_speaker(world);
	first = speaker_index_find_name(world->rig.speaker, "p1");
	second = speaker_index_find_name(world->rig.speaker, "p3");
	assert_non_null(first);
	assert_non_null(second);
	begin_configuration(world);
	put_peer(world, 1, 3, "");
	put_peer(world, 3, 1, "");
	for (unsigned i = 5; i < PEERS; i += 2)
		put_peer(world, i, i, "");
	put_peer(world, PEERS, 0, ""); /* at the address of one that goes */
	reload(world);
	assert_int_equal(world->rig.speaker->peer_count, PEERS / 2 + 1);
	assert_ptr_equal(speaker_index_find_name(world->rig.speaker, "p1"), first);
	assert_ptr_equal(speaker_index_find_name(world->rig.speaker, "p3"), second);
	address = nth_address(1);
	assert_ptr_equal(speaker_index_find_address(world->rig.speaker, &address), second);
	address = nth_address(3);
	assert_ptr_equal(speaker_index_find_address(world->rig.speaker, &address), first);
	address = nth_address(0);
	assert_string_equal(
	    speaker_index_find_address(world->rig.speaker, &address)->name, "p2000");
	address = nth_address(2);
	assert_null(speaker_index_find_address(world->rig.speaker, &address));
	assert_null(speaker_index_find_name(world->rig.speaker, "p2"));
	for (unsigned i = 5; i < PEERS; i += 2) {
		address = nth_address(i);
		assert_non_null(speaker_index_find_address(world->rig.speaker, &address));
	}
}

static void all_that_run_are_waited_for(void **state)
{
	static const char *const order[] = {"p1", "p4", "p2"};
	struct world *world = *state;

	for (unsigned i = 0; i < 6; i++)
		put_peer(world, i, i, i == 1 || i == 2 || i == 4 ? "" : ", shutdown: true");
	start_speaker(world);
	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		speaker_check_convergence(world->rig.speaker);
		assert_false(world->rig.speaker->converged);
		speaker_peer_shutdown(speaker_index_find_name(world->rig.speaker, order[i]), NULL);
	}
	speaker_check_convergence(world->rig.speaker);
	assert_true(world->rig.speaker->converged);
}

static void nobody_is_waited_for_beyond_the_restart_time(void **state)
{
	struct world *world = *state;

	text_free(&world->text);
	text_append(&world->text, "router: {asn: 64512, routerID: 10.0.0.1, listen: {port: 0}, "
				  "gracefulRestart: {restartTime: 600s}}\n"
				  "fib: {install: false}\n"
				  "peers:\n");
	put_peer(world, 1, 1, "");
	start_speaker(world);
	clock_ahead_ms += 599000;
	speaker_check_convergence(world->rig.speaker);
	assert_false(world->rig.speaker->converged);
	clock_ahead_ms += 1000;
	for (unsigned i = 0; i < 100 && !world->rig.speaker->converged; i++)
		loop_run_once(world->rig.loop, 0);
	assert_true(world->rig.speaker->converged);
}

#define PREFIXES 500

/* One peer, and an advertisement of many prefixes. */
static void put_advertisement(struct world *world, const char *med, const char *more)
{
	begin_configuration(world);
	put_peer(world, 1, 1, "");
	text_append(&world->text,
	    "advertisements:\n- {name: many, type: Prefix, med: %s, prefixes: [", med);
	for (unsigned i = 0; i < PREFIXES; i++)
		text_append(&world->text, "%s10.%u.%u.0/24", i ? ", " : "", i >> 8, i & 255);
	text_append(&world->text, "]%s}\n", more);
}

/* Prefixes of which the best path has this MED. */
static size_t count_with_med(const struct world *world, uint32_t med)
{
	const struct rib *rib = world->rig.speaker->rib;
	size_t count = 0;

	for (uint32_t id = 1; id < rib_limit(rib, IPV4); id++) {
		const struct rib_prefix *prefix = rib_prefix_at(rib, IPV4, id);

		count += prefix && rib_best_path(prefix)->attributes->med == med;
	}
	return count;
}

static void new_attributes_reach_some_prefixes_in_each_turn(void **state)
{
	struct world *world = *state;

	loop_set_share(world->rig.loop, 0);
	put_advertisement(world, "1", "");
	start_speaker(world);
	assert_int_equal(count_with_med(world, 1), PREFIXES);
	put_advertisement(world, "2", "");
	reload(world);
	assert_int_equal(count_with_med(world, 1), PREFIXES);
	for (unsigned i = 0; i < 100 && !count_with_med(world, 2); i++)
		loop_run_once(world->rig.loop, 0);
	assert_in_range(count_with_med(world, 2), 1, PREFIXES - 1);
	/* Others come before the first have reached all. */
	put_advertisement(world, "3", "");
	reload(world);
	for (unsigned i = 0; i < 4 * PREFIXES && count_with_med(world, 3) < PREFIXES; i++)
		loop_run_once(world->rig.loop, 0);
	assert_int_equal(count_with_med(world, 3), PREFIXES);
	/* Peers look for the routes of their new audience at once. */
	put_advertisement(world, "4", ", peers: [p1]");
	reload(world);
	assert_int_equal(count_with_med(world, 4), PREFIXES);
	/* What goes meanwhile does not come back. */
	put_advertisement(world, "5", ", peers: [p1]");
	reload(world);
	begin_configuration(world);
	put_peer(world, 1, 1, "");
	reload(world);
	assert_int_equal(rib_prefix_count(world->rig.speaker->rib, IPV4), 0);
	for (unsigned i = 0; i < 10; i++)
		loop_run_once(world->rig.loop, 0);
	assert_int_equal(rib_prefix_count(world->rig.speaker->rib, IPV4), 0);
}

#define LISTED 100

/* Peers "p0" to "p99", of which each advertisement goes to two, from the one of this number on. */
static void put_pairs(struct world *world, char name, unsigned first)
{
	begin_configuration(world);
	for (unsigned i = 0; i < LISTED; i++)
		put_peer(world, i, i, ", shutdown: true");
	text_append(&world->text, "advertisements:\n");
	for (unsigned i = first; i + 1 < LISTED; i += 2)
		text_append(&world->text,
		    "- {name: %c%u, type: Prefix, prefixes: [10.0.%u.0/24], peers: [p%u, p%u]}\n",
		    name, i, i, i, i + 1);
}

/* The bits of a peer of put_pairs(). */
static uint64_t bits_of(const struct world *world, unsigned name)
{
	char text[16];

	snprintf(text, sizeof text, "p%u", name);
	return speaker_audiences_of(world->rig.speaker, text);
}

/* The lists of both together tell more peers apart than there are bits. */
static void peers_are_told_apart_once_old_advertisements_are_gone(void **state)
{
	struct world *world = *state;

	put_pairs(world, 'a', 0);
	start_speaker(world);
	for (unsigned i = 0; i < 10; i++)
		loop_run_once(world->rig.loop, 0);
	put_pairs(world, 'b', 1);
	reload(world);
	for (unsigned i = 0; i < 10 * LISTED; i++)
		loop_run_once(world->rig.loop, 0);
	assert_int_equal(world->rig.speaker->origin_count, LISTED / 2 - 1);
	/* Who has none is sent nothing of these advertisements. */
	for (unsigned i = 0; i < LISTED; i++)
		assert_int_not_equal(bits_of(world, i), 0);
	for (unsigned i = 1; i + 1 < LISTED; i += 2)
		assert_true(bits_of(world, i) == bits_of(world, i + 1));
	assert_int_equal(__builtin_popcountll(world->rig.speaker->audiences.all), LISTED / 2);
}

static void peers_are_told_apart_without_time(void **state)
{
	struct world *world = *state;

	loop_set_share(world->rig.loop, 0);
	peers_are_told_apart_once_old_advertisements_are_gone(state);
}

/* Before it is watched. */
static void a_file_that_changes_during_the_start_is_loaded_again(void **state)
{
	struct world *world = *state;
	struct speaker_rig *rig = &world->rig;
	struct text errors = {NULL, 0, 0};
	struct config *config;
	struct error error;

	speaker_rig_configure(rig, world->text.string);
	config = config_load(rig->file, &rig->options.environment, &errors);
	assert_non_null(config);
	put_peer(world, 1, 1, "");
	speaker_rig_configure(rig, world->text.string);
	rig->speaker = speaker_new(&rig->options, config, &error);
	assert_non_null(rig->speaker);
	for (unsigned i = 0; i < 200 && !rig->speaker->peer_count; i++)
		loop_run_once(rig->loop, 10);
	assert_int_equal(rig->speaker->peer_count, 1);
	assert_int_equal(rig->speaker->config_state.reloads_good, 1);
	for (unsigned i = 0; i < 20; i++)
		loop_run_once(rig->loop, 10);
	assert_int_equal(rig->speaker->config_state.reloads_good, 1);
}

static void write_with_override(struct world *world, const char *router, const char *source)
{
	text_free(&world->text);
	text_append(&world->text,
	    "node: {name: node-a}\n"
	    "router: {%s, listen: {port: 0}, nodeOverrides: [{nodeSelector: {matchLabels: "
	    "{rack: r1}}, asn: 64600, routerID: 10.0.0.9}]}\n"
	    "cluster: {source: %s}\n"
	    "fib: {install: false}\n"
	    "metrics: {listen: \"\"}\n",
	    router, source);
}

static void expect_identity(const struct world *world, uint32_t asn, uint32_t router_id)
{
	assert_int_equal(speaker_asn(world->rig.speaker), asn);
	assert_int_equal(speaker_router_id(world->rig.speaker), router_id);
}

/* Its manifest, in `file`, has the label that the override selects. */
static void start_with_node(
    struct world *world, const char *router, char source[static 128], char file[static 128])
{
	snprintf(source, 128, "manifests, manifests: %s", world->rig.manifests);
	snprintf(file, 128, "%s/node.yaml", world->rig.manifests);
	speaker_rig_write_file(
	    file, "{apiVersion: v1, kind: Node, metadata: {name: node-a, labels: {rack: r1}}}");
	write_with_override(world, router, source);
	start_speaker(world);
	expect_identity(world, 64600, 0x0a000009);
}

/* The labels of a Node that is gone are not known any more, so nothing else says who it was. */
static void a_reload_while_the_node_is_gone_changes_no_identity(void **state)
{
	struct world *world = *state;
	char manifests[128], file[128];

	start_with_node(world, "asn: 64512", manifests, file);
	unlink(file);
	for (unsigned i = 0; i < TURNS_MAX && speaker_node(world->rig.speaker); i++)
		loop_run_once(world->rig.loop, 1);
	loop_run_once(world->rig.loop, 1);
	assert_null(speaker_node(world->rig.speaker));
	expect_identity(world, 64600, 0x0a000009);
	reload(world);
	expect_identity(world, 64600, 0x0a000009);
	/* But what is said of a node without labels counts as soon as it is said. */
	write_with_override(world, "asn: 64513, routerID: 10.0.0.8", manifests);
	reload(world);
	expect_identity(world, 64513, 0x0a000008);
}

static void who_leaves_its_cluster_is_who_it_would_be_without(void **state)
{
	struct world *world = *state;
	char manifests[128], file[128];

	start_with_node(world, "asn: 64512, routerID: 10.0.0.8", manifests, file);
	write_with_override(world, "asn: 64512, routerID: 10.0.0.8", "none");
	reload(world);
	expect_identity(world, 64512, 0x0a000008);
	unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		thousands_of_peers_are_called_some_in_each_turn, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		who_calls_before_its_turn_is_not_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		who_calls_from_a_link_before_its_turn_is_not_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_reload_that_changes_nothing_touches_no_peer, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		peers_that_come_go_and_move_are_found_where_they_are, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(all_that_run_are_waited_for, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		nobody_is_waited_for_beyond_the_restart_time, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		new_attributes_reach_some_prefixes_in_each_turn, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_file_that_changes_during_the_start_is_loaded_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		peers_are_told_apart_once_old_advertisements_are_gone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(peers_are_told_apart_without_time, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_reload_while_the_node_is_gone_changes_no_identity, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		who_leaves_its_cluster_is_who_it_would_be_without, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
