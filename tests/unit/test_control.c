/*
 * The control socket with a real speaker behind it: two peers that nobody answers for, one of
 * them behind an interface that is not there, two fixed prefixes, nothing installed.
 */
#include <errno.h>
#include <jansson.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "control/control.h"
#include "control/metrics.h"
#include "speaker_rig.h"

static const char configuration[] =
    "node: {name: node-a}\n"
    "router: {asn: 64512, routerID: 10.0.0.1, listen: {port: 0}}\n"
    "cluster: {source: none}\n"
    "peers:\n"
    "- {name: tor-a, address: 127.0.0.9, asn: 65000, shutdown: true, import: [],"
    " role: customer, strictRole: true, localASN: 64999, localASNMode: replace,"
    " maxPrefixes: 10, maxASPathLength: 20, enforceFirstAS: false, connectedCheck: false,"
    " connectRetryTime: 300ms, delayOpenTime: 3s, addPath: {send: 4, receive: true}, stripAttributes: [128, 4]}\n"
    "- {name: leaf, interface: kbgpd-none, asn: external, shutdown: true}\n"
    "advertisements:\n"
    "- {name: fixed, type: Prefix, prefixes: [198.51.100.0/24, 203.0.113.0/24],"
    " communities: [\"64512:100\", \"large:64512:1:2\", no-export], med: 7}\n"
    "fib: {install: false}\n"
    "metrics: {listen: \"\"}\n";

/* Of the same node, with nothing to do. */
static const char plain_configuration[] =
    "node: {name: node-a}\n"
    "router: {asn: 64512, routerID: 10.0.0.1, listen: {port: 0}}\n"
    "cluster: {source: none}\n"
    "fib: {install: false}\n"
    "metrics: {listen: \"\"}\n";

struct world {
	struct speaker_rig rig;
	char path[96]; /* of the socket */
	struct control *control;
};

static bool in_slices; /* the turns of the loop have no time */

static int start(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct error error;

	speaker_rig_open(&world->rig, loop_new());
	snprintf(world->path, sizeof(world->path), "%s/socket", world->rig.folder);
	speaker_rig_configure(&world->rig, configuration);
	speaker_rig_start(&world->rig);
	world->control = control_new(world->rig.loop, world->rig.speaker, world->path, &error);
	if (!world->control)
		fail_msg("%s", error.text);
	for (int i = 0; i < 5; i++)
		loop_run_once(world->rig.loop, 1);
	if (in_slices)
		loop_set_share(world->rig.loop, 0);
	*state = world;
	return 0;
}

static int stop(void **state)
{
	struct world *world = *state;

	control_free(world->control);
	unlink(world->path);
	speaker_rig_close(&world->rig);
	loop_free(world->rig.loop);
	free(world);
	return 0;
}

static int dial(const struct world *world)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, world->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void say(int fd, const char *bytes, size_t length)
{
	assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT), length);
}

/* Runs the loop until the other end closes, or has said `wanted`; what it said. */
static void listen_until(struct world *world, int fd, const char *wanted, struct text *heard)
{
	for (int i = 0; i < 2000; i++) {
		char bytes[4096];
		const ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (!length || (length < 0 && errno == ECONNRESET))
			return;
		if (length > 0)
			text_append_bytes(heard, bytes, (size_t)length);
		if (wanted && heard->length && strstr(heard->string, wanted))
			return;
		loop_run_once(world->rig.loop, 1);
	}
	fail_msg("no end of the answer: %s", heard->length ? heard->string : "");
}

/* The lines of the answer as an array. */
static json_t *ask_raw(struct world *world, const char *request, size_t length)
{
	const int fd = dial(world);
	struct text heard = {0};
	json_t *lines = json_array();

	say(fd, request, length);
	listen_until(world, fd, NULL, &heard);
	close(fd);
	for (char *line = strtok(heard.string, "\n"); line; line = strtok(NULL, "\n")) {
		json_t *value = json_loads(line, 0, NULL);

		assert_non_null(value);
		json_array_append_new(lines, value);
	}
	text_free(&heard);
	return lines;
}

/* `words` are divided by spaces. */
static json_t *ask(struct world *world, const char *words)
{
	struct text request = {0};
	const char *separator = "";
	json_t *lines;
	char *copy = strdup(words);

	text_append(&request, "{\"command\":[");
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
		text_append(&request, "%s\"%s\"", separator, word);
		separator = ",";
	}
	text_append(&request, "]}\n");
	free(copy);
	lines = ask_raw(world, request.string, request.length);
	text_free(&request);
	return lines;
}

static const char *string_at(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void assert_refused(struct world *world, const char *words, bool usage, const char *what)
{
	json_t *lines = ask(world, words);
	const json_t *head = json_array_get(lines, 0);

	assert_int_equal(json_array_size(lines), 1);
	assert_true(json_is_false(json_object_get(head, "ok")));
	assert_int_equal(json_is_true(json_object_get(head, "usage")), usage);
	if (!strstr(string_at(head, "error"), what))
		fail_msg("%s: %s", words, string_at(head, "error"));
	json_decref(lines);
}

static void test_bad_requests_are_told_what_is_wrong(void **state)
{
	struct world *world = *state;

	assert_refused(world, "nothing", true, "unknown command nothing");
	assert_refused(world, "status more", true, "unexpected argument more");
	assert_refused(world, "routes 10.0.0.0/33", true, "neither prefix nor address");
	assert_refused(world, "routes --family ipv5", true, "ipv4 or ipv6");
	assert_refused(
	    world, "routes --peer tor-b", false, "no peer has the name or address tor-b");
	assert_refused(world, "peers tor-b", false, "no peer has the name or address tor-b");
	assert_refused(world, "clear", true, "is missing");
	assert_refused(world, "clear tor-a --soft-in --message x", true, "hard reset only");
	assert_refused(world, "clear tor-a --soft-in", false, "peer tor-a is not Established");
	assert_refused(world, "clear all", false,
	    "peer tor-a is down: shut down by the configuration\n"
	    "peer leaf is down: shut down by the configuration");
	assert_refused(world, "bfd", false, "not supported yet");
}

static void test_what_is_no_request_is_refused(void **state)
{
	static const char *const requests[] = {
	    "\n",
	    "{}\n",
	    "[]\n",
	    "{\"command\":[]}\n",
	    "{\"command\":[1]}\n",
	    "{\"command\":\"status\"}\n",
	    "{\"command\":[\"status\"]\n",
	    "\xff\xfe\n",
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		json_t *lines = ask_raw(*state, requests[i], strlen(requests[i]));

		assert_non_null(
		    strstr(string_at(json_array_get(lines, 0), "error"), "no line of JSON"));
		json_decref(lines);
	}
}

static void test_a_long_request_is_refused(void **state)
{
	char *request = malloc(70000);
	json_t *lines;

	memset(request, 'x', 70000);
	lines = ask_raw(*state, request, 70000);
	assert_non_null(strstr(string_at(json_array_get(lines, 0), "error"), "longer than 65536"));
	json_decref(lines);
	free(request);
}

static void test_a_request_may_come_in_pieces_and_without_its_newline(void **state)
{
	struct world *world = *state;
	struct text heard = {0};
	const int fd = dial(world);

	say(fd, "{\"command\":", 11);
	loop_run_once(world->rig.loop, 1);
	say(fd, "[\"enable\",\"tor-a\"]}", 19);
	loop_run_once(world->rig.loop, 1);
	shutdown(fd, SHUT_WR);
	listen_until(world, fd, NULL, &heard);
	assert_string_equal(heard.string,
	    "{\"ok\":true,\"view\":\"message\",\"result\":{\"message\":\"tor-a: enabled\"}}\n");
	text_free(&heard);
	close(fd);
}

static void test_clients_that_go_early_do_no_harm(void **state)
{
	struct world *world = *state;
	int fd = dial(world);

	close(fd);
	fd = dial(world);
	say(fd, "{\"command\":[\"watch\"]}\n", 22);
	loop_run_once(world->rig.loop, 1);
	close(fd);
	for (int i = 0; i < 5; i++)
		loop_run_once(world->rig.loop, 1);
	json_decref(ask(world, "status"));
}

static void test_status_has_the_keys_of_the_manual(void **state)
{
	json_t *lines = ask(*state, "status");
	const json_t *status = json_object_get(json_array_get(lines, 0), "result");

	assert_string_equal(string_at(status, "node"), "node-a");
	assert_string_equal(string_at(status, "routerID"), "10.0.0.1");
	assert_int_equal(json_integer_value(json_object_get(status, "asn")), 64512);
	assert_string_equal(string_at(json_object_get(status, "config"), "state"), "loaded");
	assert_string_equal(string_at(json_object_get(status, "leave"), "state"), "staying");
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(status, "peers"), "total")), 2);
	json_decref(lines);
}

static void test_peers_are_an_array_with_and_without_a_name(void **state)
{
	static const char *const requests[] = {"peers", "peers tor-a", "peers 127.0.0.9"};

	for (size_t i = 0; i < 3; i++) {
		json_t *lines = ask(*state, requests[i]);
		const json_t *peers = json_object_get(json_array_get(lines, 0), "result");
		const json_t *peer = json_array_get(peers, 0);

		assert_int_equal(json_array_size(peers), i ? 1 : 2);
		assert_string_equal(string_at(peer, "name"), "tor-a");
		assert_string_equal(string_at(peer, "address"), "127.0.0.9");
		assert_int_equal(json_integer_value(json_object_get(peer, "remoteASN")), 65000);
		assert_non_null(json_object_get(json_object_get(peer, "families"), "ipv6"));
		assert_int_equal(json_object_get(peer, "timers") != NULL, i > 0);
		json_decref(lines);
	}
}

static json_t *ask_peer(struct world *world, const char *words)
{
	json_t *lines = ask(world, words);
	json_t *peer =
	    json_incref(json_array_get(json_object_get(json_array_get(lines, 0), "result"), 0));

	assert_non_null(peer);
	json_decref(lines);
	return peer;
}

static void assert_keys(const json_t *object, const char *const (*keys)[2], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(object, keys[i][0]);
		char *text;

		if (!value)
			fail_msg("no key %s", keys[i][0]);
		text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
		if (strcmp(text, keys[i][1]))
			fail_msg("%s is %s, not %s", keys[i][0], text, keys[i][1]);
		free(text);
	}
}

static void test_a_peer_has_the_keys_of_the_manual(void **state)
{
	static const char *const keys[][2] = {
	    {"interface", "null"},
	    {"range", "null"},
	    {"localASN", "64999"},
	    {"localASNMode", "\"replace\""},
	    {"role", "\"customer\""},
	    {"strictRole", "true"},
	    {"remoteRole", "null"},
	    {"clusterID", "\"10.0.0.1\""},
	    {"addPath", "{\"send\":4,\"receive\":true}"},
	    {"connectedCheck", "false"},
	    {"enforceFirstAS", "false"},
	    {"allowOwnASN", "0"},
	    {"maxASPathLength", "20"},
	    {"maxPrefixes", "10"},
	    {"maxPrefixesWarning", "75"},
	    {"aigp", "false"},
	    {"stripAttributes", "[\"MULTI_EXIT_DISC\",\"128\"]"},
	    {"extendedMessage", "false"},
	    {"enhancedRouteRefresh", "false"},
	    {"gracefulRestart", "null"},
	    {"longLivedGracefulRestart", "null"},
	    {"remoteHostName", "null"},
	    {"refusedPaths", "0"},
	    {"lastFailure", "null"},
	    {"lastNotification", "null"},
	    {"timers",
		"{\"holdTime\":0,\"keepaliveTime\":0,\"configuredHoldTime\":90,"
		"\"configuredKeepaliveTime\":null,\"connectRetryTime\":0.3,\"delayOpenTime\":3}"},
	};
	json_t *peer = ask_peer(*state, "peers tor-a");
	const json_t *family = json_object_get(json_object_get(peer, "families"), "ipv4");

	assert_keys(peer, keys, sizeof(keys) / sizeof(keys[0]));
	assert_true(json_is_false(json_object_get(family, "addPathSend")));
	assert_true(json_is_false(json_object_get(family, "addPathReceive")));
	json_decref(peer);
}

static void test_an_unnumbered_peer_has_an_interface_and_no_address_yet(void **state)
{
	static const char *const keys[][2] = {
	    {"name", "\"leaf\""},
	    {"address", "null"},
	    {"interface", "\"kbgpd-none\""},
	    {"range", "null"},
	    {"localASNMode", "null"},
	    {"role", "null"},
	    {"stripAttributes", "[]"},
	};
	json_t *peer = ask_peer(*state, "peers kbgpd-none");

	assert_refused(*state, "peers fe80::1%kbgpd-none", false, "no peer has the name");
	assert_refused(*state, "peers ::", false, "no peer has the name");
	assert_refused(*state, "peers 0.0.0.0", false, "no peer has the name");
	assert_keys(peer, keys, sizeof(keys) / sizeof(keys[0]));
	json_decref(peer);
}

static void test_routes_are_sorted_with_all_their_attributes(void **state)
{
	json_t *lines = ask(*state, "routes");
	const json_t *route = json_array_get(lines, 1);
	char *text;

	/* The head, two routes, the end. */
	assert_int_equal(json_array_size(lines), 4);
	text = json_dumps(route, JSON_COMPACT);
	assert_string_equal(text,
	    "{\"prefix\":\"198.51.100.0/24\",\"family\":\"ipv4\",\"best\":true,"
	    "\"state\":\"best\",\"reason\":\"best\",\"peer\":null,\"source\":\"local\","
	    "\"advertisement\":\"fixed\",\"advertisements\":[\"fixed\"],\"nextHop\":null,\"asPath\":[],\"origin\":\"IGP\",\"localPref\":100,\"med\":7,"
	    "\"communities\":[\"64512:100\",\"no-export\"],\"largeCommunities\":[\"64512:1:2\"],"
	    "\"extendedCommunities\":[]}");
	assert_string_equal(string_at(json_array_get(lines, 2), "prefix"), "203.0.113.0/24");
	assert_true(json_is_true(json_object_get(json_array_get(lines, 3), "end")));
	free(text);
	json_decref(lines);
}

static void test_routes_can_be_narrowed(void **state)
{
	static const struct {
		const char *words;
		size_t routes;
	} cases[] = {
	    {"routes --family ipv4", 2},
	    {"routes --family ipv6", 0},
	    {"routes 198.51.100.0/24", 1},
	    {"routes 198.51.100.7", 1},
	    {"routes 198.51.100.0/25", 0},
	    {"routes 192.0.2.1", 0},
	    {"routes 2001:db8::1", 0},
	    {"routes 198.51.100.7 --family ipv6", 0},
	    {"routes --peer tor-a", 0},
	    {"routes --received=tor-a", 0},
	    {"routes --advertised tor-a", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *lines = ask(*state, cases[i].words);

		if (json_array_size(lines) != cases[i].routes + 2)
			fail_msg("%s: %zu lines", cases[i].words, json_array_size(lines));
		json_decref(lines);
	}
}

static void test_advertisements_say_that_they_are_announced(void **state)
{
	json_t *lines = ask(*state, "advertisements");
	const json_t *row = json_array_get(lines, 1);

	assert_int_equal(json_array_size(lines), 4);
	assert_string_equal(string_at(row, "advertisement"), "fixed");
	assert_string_equal(string_at(row, "type"), "Prefix");
	assert_true(json_is_true(json_object_get(row, "announced")));
	json_decref(lines);
}

static void test_a_watcher_sees_a_refused_reload(void **state)
{
	struct world *world = *state;
	struct text heard = {0};
	const int fd = dial(world);

	say(fd, "{\"command\":[\"watch\"]}\n", 22);
	listen_until(world, fd, "\"stream\":true", &heard);
	speaker_rig_configure(&world->rig, "router: {asn: none}\n");
	assert_refused(world, "reload", false, "kbgpd.yaml:1:");
	listen_until(world, fd, "configRefused", &heard);
	text_free(&heard);
	close(fd);
}

static void reload(struct world *world)
{
	json_t *answer = ask(world, "reload");
	const json_t *head = json_array_get(answer, 0);

	if (!json_is_true(json_object_get(head, "ok")))
		fail_msg("%s", string_at(head, "error"));
	json_decref(answer);
}

/* However many there are in a turn. */
static void test_a_watcher_sees_every_route_that_changes(void **state)
{
	struct world *world = *state;
	struct text config = {0}, heard = {0};
	const int fd = dial(world);

	text_append(&config, "%sadvertisements:\n", plain_configuration);
	text_append(&config, "- {name: many, type: Prefix, prefixes: [");
	for (unsigned i = 0; i < 200; i++)
		text_append(&config, "%s10.99.%u.0/24", i ? ", " : "", i);
	text_append(&config, "]}\n");
	speaker_rig_configure(&world->rig, config.string);
	say(fd, "{\"command\":[\"watch\",\"--routes\"]}\n", 33);
	listen_until(world, fd, "\"stream\":true", &heard);
	reload(world);
	for (unsigned i = 0; i < 200; i++) {
		char prefix[64];

		snprintf(
		    prefix, sizeof(prefix), "\"10.99.%u.0/24\",\"text\":\"originated here\"", i);
		if (!strstr(heard.string, prefix))
			listen_until(world, fd, prefix, &heard);
	}
	text_free(&config);
	text_free(&heard);
	close(fd);
}

enum { MANY_PEERS = 200 };

static void configure_many_peers(struct world *world)
{
	struct text config = {0};

	text_append(&config, "%speers:\n", plain_configuration);
	for (unsigned i = 0; i < MANY_PEERS; i++)
		text_append(&config,
		    "- {name: p%u, address: 10.98.0.%u, asn: 64513, shutdown: true}\n", i, i + 1);
	speaker_rig_configure(&world->rig, config.string);
	reload(world);
	text_free(&config);
}

static void test_all_of_many_peers_are_shown(void **state)
{
	struct world *world = *state;
	json_t *answer, *peers;

	configure_many_peers(world);
	answer = ask(world, "peers");
	assert_int_equal(json_array_size(answer), 1);
	peers = json_object_get(json_array_get(answer, 0), "result");
	assert_int_equal(json_array_size(peers), MANY_PEERS);
	for (unsigned i = 0; i < MANY_PEERS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%u", i);
		assert_string_equal(string_at(json_array_get(peers, i), "name"), name);
	}
	json_decref(answer);
}

static unsigned count_text(const char *in, const char *what)
{
	unsigned count = 0;

	for (; (in = strstr(in, what)); in++)
		count++;
	return count;
}

/* Part by part, and each metric in one piece. */
static void test_metrics_have_all_of_many_peers(void **state)
{
	struct world *world = *state;
	struct metrics_cursor cursor = {0};
	struct text text = {0};
	unsigned parts = 1;

	configure_many_peers(world);
	while (metrics_print_some(world->rig.speaker, &cursor, &text))
		parts++;
	assert_true(parts > count_text(text.string, "# TYPE "));
	assert_int_equal(count_text(text.string, "# TYPE kbgpd_peer_up gauge"), 1);
	assert_int_equal(count_text(text.string, "\nkbgpd_peer_up{"), MANY_PEERS);
	assert_int_equal(count_text(text.string, "\nkbgpd_peer_messages_total{"), MANY_PEERS * 10);
	for (unsigned i = 0; i < MANY_PEERS; i++) {
		char sample[64];

		snprintf(sample, sizeof(sample), "\nkbgpd_peer_up{peer=\"p%u\"} 0", i);
		assert_int_equal(count_text(text.string, sample), 1);
	}
	text_free(&text);
}

static void test_the_socket_is_for_owner_and_group(void **state)
{
	const struct world *world = *state;
	struct stat status;

	assert_int_equal(stat(world->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
}

static void test_a_live_socket_is_not_taken_over_but_a_stale_one_is(void **state)
{
	struct world *world = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct error error;
	int fd;

	assert_null(control_new(world->rig.loop, world->rig.speaker, world->path, &error));
	assert_non_null(strstr(error.text, "another kbgpd"));
	control_free(world->control);
	/* A socket whose owner is dead stays in the file system. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(address.sun_path, world->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	world->control = control_new(world->rig.loop, world->rig.speaker, world->path, &error);
	assert_non_null(world->control);
	json_decref(ask(world, "status"));
}

static void test_metrics_have_every_name_of_the_manual(void **state)
{
	static const char *const names[] = {"kbgpd_build_info{version=",
	    "kbgpd_peer_up{peer=\"tor-a\"} 0", "kbgpd_peer_state{peer=\"tor-a\",state=\"Idle\"}",
	    "kbgpd_peer_messages_total{peer=\"tor-a\",direction=\"sent\",type=\"open\"} 0",
	    "kbgpd_peer_prefixes{peer=\"tor-a\",family=\"ipv6\",kind=\"advertised\"} 0",
	    "kbgpd_peer_prefixes_limit{peer=\"tor-a\"} 10",
	    "kbgpd_peer_prefixes_limit{peer=\"leaf\"} 0",
	    "kbgpd_peer_refused_paths_total{peer=\"tor-a\"} 0",
	    "kbgpd_peer_flaps_total{peer=\"tor-a\"} 0", "kbgpd_rib_prefixes{family=\"ipv4\"} 2",
	    "kbgpd_rib_paths{family=\"ipv4\"} 2", "kbgpd_fib_routes{family=\"ipv4\"} 0",
	    "kbgpd_fib_backup_routes{family=\"ipv4\"} 0", "kbgpd_fib_errors_total 0",
	    "kbgpd_services_announced 0", "kbgpd_config_stale 0",
	    "kbgpd_config_reloads_total{result=\"failure\"} 0",
	    "kbgpd_kubernetes_events_total{kind=\"Service\"} 0", "kbgpd_kubernetes_up ",
	    "kbgpd_kubernetes_stale_seconds ",
	    "kbgpd_connections_refused_total{reason=\"unknown\"} 0",
	    "kbgpd_connections_refused_total{reason=\"limit\"} 0", "# TYPE kbgpd_bfd_up gauge",
	    "kbgpd_announce_seconds_bucket{le=\"+Inf\"}", "kbgpd_announce_seconds_sum",
	    "kbgpd_announce_seconds_count"};
	const struct world *world = *state;
	struct text text = {0};

	metrics_print(world->rig.speaker, &text);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strstr(text.string, names[i]))
			fail_msg("no %s in:\n%s", names[i], text.string);
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_bad_requests_are_told_what_is_wrong, start, stop),
	    cmocka_unit_test_setup_teardown(test_what_is_no_request_is_refused, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_long_request_is_refused, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_request_may_come_in_pieces_and_without_its_newline, start, stop),
	    cmocka_unit_test_setup_teardown(test_clients_that_go_early_do_no_harm, start, stop),
	    cmocka_unit_test_setup_teardown(test_status_has_the_keys_of_the_manual, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_peers_are_an_array_with_and_without_a_name, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_peer_has_the_keys_of_the_manual, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_an_unnumbered_peer_has_an_interface_and_no_address_yet, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_routes_are_sorted_with_all_their_attributes, start, stop),
	    cmocka_unit_test_setup_teardown(test_routes_can_be_narrowed, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_advertisements_say_that_they_are_announced, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_watcher_sees_a_refused_reload, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_watcher_sees_every_route_that_changes, start, stop),
	    cmocka_unit_test_setup_teardown(test_all_of_many_peers_are_shown, start, stop),
	    cmocka_unit_test_setup_teardown(test_metrics_have_all_of_many_peers, start, stop),
	    cmocka_unit_test_setup_teardown(test_the_socket_is_for_owner_and_group, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_live_socket_is_not_taken_over_but_a_stale_one_is, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_metrics_have_every_name_of_the_manual, start, stop),
	};
	int failed = cmocka_run_group_tests_name("turns with time", tests, NULL, NULL);

	in_slices = true;
	return failed + cmocka_run_group_tests_name("turns without time", tests, NULL, NULL);
}
