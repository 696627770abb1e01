/*
 * The API server as the source of a real speaker: it is ready once everything was listed, announces
 * what it should, keeps that while the server is gone, and drops it for another source.  Passwords
 * that Secrets have.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "api_rig.h"
#include "own_network.h"
#include "speaker/private.h"
#include "speaker_rig.h"

struct world {
	struct api_rig *api;
	struct speaker_rig rig;
	const char *listen;
};

static void write_configuration(struct world *world, const char *cluster, const char *peers)
{
	struct text text = {NULL, 0, 0};

	text_append(&text,
	    "node: {name: node-a}\n"
	    "router: {asn: 64512, routerID: 10.0.0.1, listen: {%s}}\n"
	    "fib: {install: false}\n"
	    "metrics: {listen: \"\"}\n"
	    "cluster: %s\n"
	    "advertisements: [{name: s, type: Service, addresses: [ClusterIP]}]\n%s",
	    world->listen, cluster, peers);
	speaker_rig_configure(&world->rig, text.string);
	text_free(&text);
}

static void write_kubeconfig(struct world *world, const char *more_of_context)
{
	struct text text = {NULL, 0, 0};

	text_append(&text,
	    "{current-context: c, contexts: [{name: c, context: {cluster: k, user: u%s}}],\n"
	    "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:%u', "
	    "certificate-authority: ca.crt}}],\n"
	    "users: [{name: u, user: {tokenFile: token}}]}\n",
	    more_of_context, world->api->port);
	rig_write_file(world->api, "kubeconfig", text.string);
	text_free(&text);
}

static int start(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->api = rig_new();
	world->api->in_any_order = true;
	world->listen = "port: 0";
	speaker_rig_open(&world->rig, world->api->loop);
	world->rig.options.event_spread_ms = 1;
	world->rig.options.status_interval_ms = 8;
	write_kubeconfig(world, "");
	*state = world;
	return 0;
}

static int stop(void **state)
{
	struct world *world = *state;

	speaker_rig_close(&world->rig);
	rig_free(world->api);
	free(world);
	return 0;
}

#define LIST(kind, items) \
	"{\"kind\":\"" kind "List\",\"metadata\":{\"resourceVersion\":\"3\"},\"items\":[" items "]}"
#define ONLY_OWN "&fieldSelector=metadata.name%3Dnode-a "
#define NODE                                                              \
	"{\"metadata\":{\"name\":\"node-a\"},\"status\":{\"conditions\":" \
	"[{\"type\":\"Ready\",\"status\":\"True\"}]}}"
#define SERVICE "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"clusterIP\":\"10.0.0.1\"}}"
#define SLICE                                                                                     \
	"{\"metadata\":{\"name\":\"web-1\",\"labels\":{\"kubernetes.io/service-name\":\"web\"}}," \
	"\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":[\"10.1.0.1\"]}]}"
#define SCRIPT(nodes)                                                                            \
	{"/api/v1/nodes?timeoutSeconds", nodes, LIST("Node", NODE), RIG_WHOLE, 0, NULL},         \
	    {"/api/v1/nodes?watch=1", nodes, NULL, RIG_STREAM, 0, NULL},                         \
	    {"/services?timeoutSeconds", NULL, LIST("Service", SERVICE), RIG_WHOLE, 0, NULL},    \
	    {"/services?watch=1", NULL, NULL, RIG_STREAM, 0, NULL},                              \
	    {"/apis/discovery.k8s.io HTTP", NULL, "{\"versions\":[{\"version\":\"v1\"}]}",       \
		RIG_WHOLE, 0, NULL},                                                             \
	    {"/endpointslices?timeoutSeconds", NULL, LIST("EndpointSlice", SLICE), RIG_WHOLE, 0, \
		NULL},                                                                           \
	{                                                                                        \
		"/endpointslices?watch=1", NULL, NULL, RIG_STREAM, 0, NULL                       \
	}

static size_t announced(const struct world *world)
{
	return k8s_announcer_service_count(speaker_announcer(world->rig.speaker));
}

static bool is_connected(const struct world *world)
{
	return k8s_api_source_status(speaker_api_source(world->rig.speaker)).connected;
}

static void begin(struct world *world)
{
	char cluster[200];

	snprintf(cluster, sizeof(cluster), "{source: kubernetes, kubeconfig: %s/kubeconfig}",
	    world->api->folder);
	write_configuration(world, cluster, "");
	speaker_rig_start(&world->rig);
}

static void test_ready_when_all_was_listed(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;

	rig_play(world->api, steps, 7);
	begin(world);
	assert_false(speaker_is_ready(world->rig.speaker));
	rig_run_until(world->api, is_connected(world) && speaker_is_ready(world->rig.speaker));
	assert_int_equal(announced(world), 1);
	/* Nothing of that stands in a reload that changes something else. */
	speaker_rig_reload(&world->rig);
	assert_true(is_connected(world));
}

static void test_a_server_that_is_gone_withdraws_nothing(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;

	rig_play(world->api, steps, 7);
	begin(world);
	rig_run_until(world->api, is_connected(world) && speaker_is_ready(world->rig.speaker));
	rig_stop_listening(world->api);
	rig_run_until(world->api, !is_connected(world));
	assert_int_equal(announced(world), 1);
	assert_true(speaker_is_ready(world->rig.speaker));
	assert_non_null(strstr(world->rig.lines.string, "API server: 127.0.0.1:"));
}

static void test_another_source_takes_it_away(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;

	rig_play(world->api, steps, 7);
	begin(world);
	rig_run_until(world->api, is_connected(world));
	write_configuration(world, "{source: none}", "");
	speaker_rig_reload(&world->rig);
	assert_null(speaker_api_source(world->rig.speaker));
	assert_int_equal(announced(world), 0);
}

static void test_all_nodes_for_a_peer_of_the_own_as(void **state)
{
	static const struct rig_step own[] = {SCRIPT(ONLY_OWN)};
	static const struct rig_step all[] = {SCRIPT(NULL)};
	struct world *world = *state;
	char cluster[200];

	rig_play(world->api, own, 7);
	begin(world);
	rig_run_until(world->api, is_connected(world));
	snprintf(cluster, sizeof(cluster), "{source: kubernetes, kubeconfig: %s/kubeconfig}",
	    world->api->folder);
	write_configuration(world, cluster,
	    "peers: [{name: p, address: 127.0.0.9, asn: internal, port: 1, connectRetryTime: 60000s}]\n");
	rig_play(world->api, all, 7);
	speaker_rig_reload(&world->rig);
	rig_run_until(world->api, is_connected(world));
	assert_int_equal(announced(world), 1);
}

static const char *first_missing(const struct world *world)
{
	static struct error missing[SPEAKER_MISSING_MAX];

	return speaker_missing(world->rig.speaker, missing) ? missing[0].text : "";
}

#define FAR "peers: [{name: far, address: 127.0.0.9, asn: 65000, port: 1, ebgpMultihop: 2%s}]\n"

static void begin_with_far_peer(struct world *world, const char *more)
{
	char cluster[200];
	char peers[200];

	snprintf(cluster, sizeof(cluster), "{source: kubernetes, kubeconfig: %s/kubeconfig}",
	    world->api->folder);
	snprintf(peers, sizeof(peers), FAR, more);
	write_configuration(world, cluster, peers);
	speaker_rig_start(&world->rig);
}

static void test_not_ready_before_the_announcements_are_sent(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;

	rig_play(world->api, steps, 7);
	begin_with_far_peer(world, "");
	assert_false(speaker_is_started(world->rig.speaker));
	rig_run_until(world->api, speaker_is_started(world->rig.speaker));
	rig_run_until(world->api, strstr(first_missing(world), "waiting for far ("));
	assert_false(speaker_is_ready(world->rig.speaker));
	world->rig.speaker->peers[0]->sent_all = true;
	rig_run_until(world->api, speaker_is_ready(world->rig.speaker));
	/* What was announced once stays so. */
	world->rig.speaker->peers[0]->sent_all = false;
	rig_stop_listening(world->api);
	rig_run_until(world->api, !is_connected(world));
	assert_string_equal(first_missing(world), "");
}

static void test_who_is_held_down_is_not_waited_for(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;

	rig_play(world->api, steps, 7);
	begin_with_far_peer(world, ", shutdown: true");
	rig_run_until(world->api, speaker_is_ready(world->rig.speaker));
}

static void test_not_ready_before_all_services_are_judged(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;
	unsigned turns = 0;

	rig_play(world->api, steps, 7);
	begin_with_far_peer(world, ", shutdown: true");
	rig_run_until(world->api, speaker_is_ready(world->rig.speaker));
	/* As at the start, with Services of which the rules are judged in later turns of the loop. */
	speaker_readiness_stop(world->rig.speaker);
	world->rig.speaker->readiness.known_at = 0;
	world->rig.speaker->readiness.announced = false;
	k8s_announcer_configure(world->rig.speaker->announcer, NULL, 0);
	assert_true(k8s_announcer_is_busy(world->rig.speaker->announcer));
	speaker_readiness_start(world->rig.speaker);
	rig_run_until(world->api, ++turns > 3);
	assert_true(speaker_is_started(world->rig.speaker));
	assert_string_equal(first_missing(world), "the announcements have not been sent yet");
	speaker_origin_go_on(world->rig.speaker);
	rig_run_until(world->api, speaker_is_ready(world->rig.speaker));
}

static void test_who_does_not_come_up_is_waited_for_as_long_as_a_restart_takes(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;

	rig_play(world->api, steps, 7);
	begin_with_far_peer(world, "");
	rig_run_until(world->api, strstr(first_missing(world), "waiting for far ("));
	world->rig.speaker->config->router.restart.time_s = 0;
	rig_run_until(world->api, speaker_is_ready(world->rig.speaker));
}

static void test_what_is_missing_says_why(void **state)
{
	struct world *world = *state;

	rig_stop_listening(world->api);
	begin_with_far_peer(world, "");
	rig_run_until(
	    world->api, strstr(first_missing(world), "the cluster is not known yet: 127.0.0.1:"));
}

static void test_all_nodes_for_the_mesh(void **state)
{
	static const struct rig_step own[] = {SCRIPT(ONLY_OWN)};
	static const struct rig_step all[] = {SCRIPT(NULL)};
	struct world *world = *state;
	char cluster[200];

	world->listen = "port: 1790, addresses: [127.7.7.7]";
	rig_play(world->api, own, 7);
	begin(world);
	rig_run_until(world->api, is_connected(world));
	assert_non_null(strstr(world->rig.speaker->source, "own nodes"));
	snprintf(cluster, sizeof(cluster), "{source: kubernetes, kubeconfig: %s/kubeconfig}",
	    world->api->folder);
	write_configuration(world, cluster, "mesh: {enabled: true}\n");
	rig_play(world->api, all, 7);
	speaker_rig_reload(&world->rig);
	assert_non_null(strstr(world->rig.speaker->source, "all nodes"));
	rig_run_until(world->api, is_connected(world));
}

/* Passwords of Secrets */

#define SECRETS "/api/v1/namespaces/bgp/secrets?"
#define SECRET(version, values)                                                                \
	"{\"metadata\":{\"namespace\":\"bgp\",\"name\":\"tor\",\"resourceVersion\":\"" version \
	"\"},\"data\":{" values "}}"
#define EVENT(type, version, values) \
	"{\"type\":\"" type "\",\"object\":" SECRET(version, values) "}"
#define WITH_SECRET                                                                        \
	SCRIPT(ONLY_OWN),                                                                  \
	    {SECRETS "timeoutSeconds", "metadata.name%3Dtor ",                             \
		LIST("Secret", SECRET("2", "\"password\":\"b25l\"")), RIG_WHOLE, 0, NULL}, \
	{                                                                                  \
		SECRETS "watch=1", "metadata.name%3Dtor ", NULL, RIG_STREAM, 0, NULL       \
	}

static void begin_with_peers(struct world *world, const char *peers)
{
	char cluster[200];

	snprintf(cluster, sizeof(cluster),
	    "{source: kubernetes, namespace: bgp, kubeconfig: %s/kubeconfig}", world->api->folder);
	write_configuration(world, cluster, peers);
	speaker_rig_start(&world->rig);
}

#define TOR                                                                              \
	"peers:\n- {name: p, address: 127.0.0.9, asn: 65000, port: 1, ebgpMultihop: 2, " \
	"connectRetryTime: 60000s, passwordSecret: {name: tor}}\n"

static const struct speaker_peer *tor(const struct world *world)
{
	return speaker_peer_at(world->rig.speaker, 0);
}

/* What its session would sign with; NULL: it is held down for want of it. */
static const char *password(const struct world *world)
{
	return tor(world)->holds & HOLD_PASSWORD ? NULL : tor(world)->settings.transport.password;
}

static bool has_password(const struct world *world, const char *expected)
{
	return password(world) && !strcmp(password(world), expected);
}

static bool lacks_password(const struct world *world, const char *why)
{
	return !password(world) && strstr(speaker_peer_last_error(tor(world)), why);
}

static void test_a_password_of_a_secret_follows_it(void **state)
{
	static const struct rig_step steps[] = {WITH_SECRET};
	struct world *world = *state;

	rig_play(world->api, steps, 9);
	begin_with_peers(world, TOR);
	assert_true(lacks_password(world, "passwordSecret bgp/tor, key password: not known yet"));
	rig_run_until(world->api, is_connected(world) && has_password(world, "one"));
	rig_run_until(world->api, world->api->streams[8]);
	rig_send_to(world->api, 8, EVENT("MODIFIED", "5", "\"password\":\"dHdvCg==\",\"x\":\"\""));
	rig_run_until(world->api, has_password(world, "two"));
	rig_send_to(world->api, 8, EVENT("MODIFIED", "6", "\"password\":\"\""));
	rig_run_until(world->api, lacks_password(world, "bgp/tor, key password: it is empty"));
	rig_send_to(world->api, 8, EVENT("MODIFIED", "7", "\"other\":\"b25l\""));
	rig_run_until(world->api, lacks_password(world, "the Secret has no such key"));
	rig_send_to(world->api, 8, EVENT("MODIFIED", "8", "\"password\":\"b25lAA==\""));
	rig_run_until(world->api, lacks_password(world, "it has a NUL byte"));
	rig_send_to(world->api, 8, EVENT("MODIFIED", "9", "\"password\":\"b25l\""));
	rig_run_until(world->api, has_password(world, "one"));
	rig_send_to(world->api, 8, EVENT("DELETED", "10", "\"password\":\"b25l\""));
	rig_run_until(world->api, lacks_password(world, "there is no such Secret"));
	assert_null(strstr(world->rig.lines.string, "one"));
	assert_null(strstr(world->rig.lines.string, "b25l"));
}

static void test_a_server_that_is_gone_takes_no_password(void **state)
{
	static const struct rig_step steps[] = {WITH_SECRET};
	struct world *world = *state;

	rig_play(world->api, steps, 9);
	begin_with_peers(world, TOR);
	rig_run_until(world->api, is_connected(world) && has_password(world, "one"));
	rig_stop_listening(world->api);
	rig_run_until(world->api, !is_connected(world));
	speaker_rig_reload(&world->rig);
	assert_true(has_password(world, "one"));
}

/* What the new source is asked for is what an internal peer needs. */
static void reload_with_another_source(struct world *world)
{
	char cluster[200];

	snprintf(cluster, sizeof(cluster), "{source: kubernetes, kubeconfig: %s/kubeconfig}",
	    world->api->folder);
	write_configuration(
	    world, cluster, TOR "- {name: q, address: 127.0.0.8, asn: internal, port: 1}\n");
	speaker_rig_reload(&world->rig);
	assert_non_null(strstr(world->rig.speaker->source, "all nodes"));
}

static void begin_with_namespace_of_context(struct world *world)
{
	char cluster[200];

	write_kubeconfig(world, ", namespace: bgp");
	snprintf(cluster, sizeof(cluster), "{source: kubernetes, kubeconfig: %s/kubeconfig}",
	    world->api->folder);
	write_configuration(world, cluster, TOR);
	speaker_rig_start(&world->rig);
	rig_run_until(world->api, is_connected(world) && has_password(world, "one"));
}

static void test_another_source_takes_no_password_before_it_has_said_so(void **state)
{
	static const struct rig_step steps[] = {WITH_SECRET};
	static const struct rig_step again[] = {
	    SCRIPT(NULL),
	    {SECRETS "timeoutSeconds", "metadata.name%3Dtor ",
		LIST("Secret", SECRET("2", "\"password\":\"dHdv\"")), RIG_WHOLE, 0, NULL},
	    {SECRETS "watch=1", "metadata.name%3Dtor ", NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	rig_play(world->api, steps, 9);
	begin_with_namespace_of_context(world);
	rig_play(world->api, again, 9);
	reload_with_another_source(world);
	assert_true(has_password(world, "one"));
	rig_run_until(world->api, has_password(world, "two"));
}

static void test_a_source_with_another_namespace_takes_the_password(void **state)
{
	static const struct rig_step steps[] = {WITH_SECRET};
	static const struct rig_step again[] = {
	    SCRIPT(NULL),
	    {"/api/v1/namespaces/other/secrets?timeoutSeconds", "metadata.name%3Dtor ",
		LIST("Secret", ""), RIG_WHOLE, 0, NULL},
	    {"/api/v1/namespaces/other/secrets?watch=1", NULL, NULL, RIG_STREAM, 0, NULL},
	};
	struct world *world = *state;

	rig_play(world->api, steps, 9);
	begin_with_namespace_of_context(world);
	write_kubeconfig(world, ", namespace: other");
	rig_play(world->api, again, 9);
	reload_with_another_source(world);
	assert_true(has_password(world, "one"));
	rig_run_until(world->api, lacks_password(world, "other/tor"));
}

static void test_a_range_is_closed_without_its_secret(void **state)
{
	static const struct rig_step steps[] = {WITH_SECRET};
	struct world *world = *state;

	rig_play(world->api, steps, 9);
	world->listen = "port: 1790, addresses: [127.7.7.7]";
	begin_with_peers(world,
	    "peers: [{name: r, range: 127.0.0.0/30, asn: 65000, passwordSecret: {name: tor, "
	    "key: missing}}]\n");
	rig_run_until(
	    world->api, is_connected(world) && strstr(world->rig.lines.string, "no such key"));
	assert_false(world->rig.speaker->ranges[0].open);
}

static void test_a_password_of_a_manifest(void **state)
{
	struct world *world = *state;
	char cluster[200];
	char file[128];

	snprintf(file, sizeof(file), "%s/secret.yaml", world->rig.manifests);
	speaker_rig_write_file(file,
	    "{apiVersion: v1, kind: Secret, metadata: {name: tor, namespace: bgp}, stringData: "
	    "{password: written}}");
	snprintf(cluster, sizeof(cluster), "{source: manifests, namespace: bgp, manifests: %s}",
	    world->rig.manifests);
	write_configuration(world, cluster, TOR);
	speaker_rig_start(&world->rig);
	assert_true(has_password(world, "written"));
	unlink(file);
	rig_run_until(world->api, lacks_password(world, "there is no such Secret"));
}

/* Events */

#define SERVICE_STREAM 3
#define SLICE_STREAM 6
#define UID "123e4567-e89b-12d3-a456-426614174000"
#define NOT_READY                                                                                  \
	"{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"node-a\",\"resourceVersion\"" \
	":\"9\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}}}"
#define READY                                                                                      \
	"{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"node-a\",\"resourceVersion\"" \
	":\"10\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}}"
#define SLICE_EVENT(version, addresses)                                                           \
	"{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"web-1\",\"resourceVersion\"" \
	":\"" version "\",\"labels\":{\"kubernetes.io/service-name\":\"web\"}},"                  \
	"\"addressType\":\"IPv4\",\"endpoints\":[" addresses "]}}"
#define OF_SERVICE "PATCH /api/v1/namespaces/default/events/web."
#define OF_NODE "PATCH /api/v1/namespaces/default/events/node-a."

static uint64_t told(const struct world *world)
{
	return k8s_event_recorder_told(speaker_event_recorder(world->rig.speaker));
}

static void begin_with_events(struct world *world)
{
	begin(world);
	rig_run_until(world->api, is_connected(world) && speaker_is_ready(world->rig.speaker));
	rig_run_until(world->api, world->rig.speaker->cluster_events.open);
	assert_int_equal(announced(world), 1);
	assert_int_equal(told(world), 0);
}

static void test_kubernetes_is_told_of_a_service(void **state)
{
	static const struct rig_step steps[] = {
	    SCRIPT(ONLY_OWN),
	    {OF_SERVICE, "node node-a announces it no more: no endpoint", "{}", RIG_WHOLE, 201,
		NULL},
	    {OF_SERVICE, "node node-a announces 10.0.0.1/32\"", "{}", RIG_WHOLE, 201, NULL},
	};
	struct world *world = *state;

	rig_play(world->api, steps, 9);
	begin_with_events(world);
	rig_send_to(world->api, SLICE_STREAM, SLICE_EVENT("5", ""));
	rig_run_until(world->api, world->api->step == 8);
	rig_send_to(world->api, SLICE_STREAM, SLICE_EVENT("6", "{\"addresses\":[\"10.1.0.1\"]}"));
	rig_run_until(world->api, world->api->step == 9);
	assert_int_equal(told(world), 2);
}

static void test_kubernetes_is_told_of_the_node_in_place_of_its_services(void **state)
{
	static const struct rig_step steps[] = {
	    SCRIPT(ONLY_OWN),
	    {OF_NODE, "this node announces no Services: this node's condition Ready", "{}",
		RIG_WHOLE, 201, NULL},
	    {OF_NODE, "this node announces Services again", "{}", RIG_WHOLE, 201, NULL},
	};
	struct world *world = *state;

	rig_play(world->api, steps, 9);
	begin_with_events(world);
	rig_send_to(world->api, 1, NOT_READY);
	rig_run_until(world->api, world->api->step == 8 && !announced(world));
	rig_send_to(world->api, 1, READY);
	rig_run_until(world->api, world->api->step == 9 && announced(world));
	assert_int_equal(told(world), 2);
}

/* Services that are judged in later turns of the loop than that in which all is known. */
static void test_kubernetes_is_told_nothing_of_the_start(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;
	struct speaker *speaker;

	rig_play(world->api, steps, 7);
	begin_with_events(world);
	speaker = world->rig.speaker;
	speaker->cluster_events.open = false;
	k8s_announcer_configure(speaker->announcer, NULL, 0);
	assert_true(k8s_announcer_is_busy(speaker->announcer));
	speaker_cluster_events_apply(speaker);
	speaker_origin_go_on(speaker);
	rig_run_until(world->api, !announced(world) && speaker->cluster_events.open);
	for (int turn = 0; turn < 50; turn++)
		loop_run_once(world->api->loop, 1);
	assert_int_equal(told(world), 0);
}

static void test_kubernetes_is_told_of_sessions(void **state)
{
	static const struct rig_step steps[] = {
	    SCRIPT(ONLY_OWN),
	    {OF_NODE, "session with tor is down: \\\\x1b", "{}", RIG_WHOLE, 201, NULL},
	    {OF_NODE, "session with tor is up: ipv4", "{}", RIG_WHOLE, 201, NULL},
	};
	struct world *world = *state;

	rig_play(world->api, steps, 9);
	begin_with_events(world);
	speaker_tell(world->rig.speaker, SPEAKER_PEER_DOWN, "tor", NULL, "\x1b[31m");
	speaker_tell(world->rig.speaker, SPEAKER_PEER_UP, "tor", NULL, "ipv4");
	rig_run_until(world->api, world->api->step == 9);
}

/* The configuration that was in force when the first of them was told is gone. */
static void test_kubernetes_is_told_after_a_reload(void **state)
{
	static const struct rig_step steps[] = {
	    SCRIPT(ONLY_OWN),
	    {OF_NODE, "session with tor is down: gone", "{}", RIG_WHOLE, 201, NULL},
	};
	struct world *world = *state;

	rig_play(world->api, steps, 8);
	begin_with_events(world);
	speaker_rig_reload(&world->rig);
	speaker_tell(world->rig.speaker, SPEAKER_PEER_DOWN, "tor", NULL, "gone");
	rig_run_until(world->api, world->api->step == 8);
}

static void test_kubernetes_is_told_nothing_if_that_is_not_wanted(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;
	char cluster[200];

	rig_play(world->api, steps, 7);
	begin_with_events(world);
	snprintf(cluster, sizeof(cluster),
	    "{source: kubernetes, events: false, kubeconfig: %s/kubeconfig}", world->api->folder);
	write_configuration(world, cluster, "");
	speaker_rig_reload(&world->rig);
	assert_null(speaker_event_recorder(world->rig.speaker));
	assert_true(is_connected(world));
	rig_send_to(world->api, SLICE_STREAM, SLICE_EVENT("5", ""));
	rig_run_until(world->api, !announced(world));
}

/* The node's status */

#define STATUS "PATCH /api/v1/namespaces/bgp/configmaps/kbgpd-node-a?"
#define OTHER_UID "123e4567-e89b-12d3-a456-426614174001"
#define OWNER(uid)                                                                                  \
	"\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"node-a\",\"uid\"" \
	":\"" uid "\"}]"
#define NODE_WITH_UID(version, uid)                                                                \
	"{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"node-a\",\"resourceVersion\"" \
	":\"" version "\",\"uid\":\"" uid                                                          \
	"\",\"labels\":{\"a\":\"b\"}},\"status\":{\"conditions\":"                                 \
	"[{\"type\":\"Ready\",\"status\":\"True\"}]}}}"

static void test_the_status_of_the_node_is_written_when_it_changes(void **state)
{
	static const struct rig_step steps[] = {
	    SCRIPT(ONLY_OWN),
	    {STATUS, OWNER(UID), "{}", RIG_WHOLE, 404, NULL},
	    {STATUS, OWNER(UID), "{}", RIG_WHOLE, 201, NULL},
	    {STATUS, "\\\"servicesAnnounced\\\":0", "{}", RIG_WHOLE, 200, NULL},
	    {STATUS, OWNER(OTHER_UID), "{}", RIG_WHOLE, 201, NULL},
	};
	struct world *world = *state;
	const struct k8s_api_writer *writer;
	char cluster[200];

	snprintf(cluster, sizeof(cluster),
	    "{source: kubernetes, events: false, status: configMap, namespace: bgp, "
	    "kubeconfig: %s/kubeconfig}",
	    world->api->folder);
	write_configuration(world, cluster, "");
	rig_play(world->api, steps, 11);
	speaker_rig_start(&world->rig);
	rig_run_until(world->api, is_connected(world));
	writer = k8s_api_source_writer(speaker_api_source(world->rig.speaker));
	/* Without an owner it would stay for ever. */
	for (int turn = 0; turn < 50; turn++)
		loop_run_once(world->api->loop, 1);
	assert_int_equal(world->api->step, 7);
	/* What was refused is not there, and is written again. */
	rig_send_to(world->api, 1, NODE_WITH_UID("9", UID));
	rig_run_until(world->api, world->api->step == 9 && k8s_api_writer_is_idle(writer));
	for (int turn = 0; turn < 50; turn++)
		loop_run_once(world->api->loop, 1);
	assert_int_equal(k8s_api_writer_counters(writer).requests[K8S_CONFIG_MAPS], 2);
	rig_send_to(world->api, SLICE_STREAM, SLICE_EVENT("5", ""));
	rig_run_until(world->api, world->api->step == 10 && k8s_api_writer_is_idle(writer));
	/* With the Node that owned it, it is gone. */
	rig_send_to(world->api, 1, NODE_WITH_UID("11", OTHER_UID));
	rig_run_until(world->api, world->api->step == 11 && k8s_api_writer_is_idle(writer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_ready_when_all_was_listed, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_server_that_is_gone_withdraws_nothing, start, stop),
	    cmocka_unit_test_setup_teardown(test_another_source_takes_it_away, start, stop),
	    cmocka_unit_test_setup_teardown(test_all_nodes_for_a_peer_of_the_own_as, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_not_ready_before_the_announcements_are_sent, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_not_ready_before_all_services_are_judged, start, stop),
	    cmocka_unit_test_setup_teardown(test_who_is_held_down_is_not_waited_for, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_who_does_not_come_up_is_waited_for_as_long_as_a_restart_takes, start, stop),
	    cmocka_unit_test_setup_teardown(test_what_is_missing_says_why, start, stop),
	    cmocka_unit_test_setup_teardown(test_all_nodes_for_the_mesh, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_password_of_a_secret_follows_it, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_server_that_is_gone_takes_no_password, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_another_source_takes_no_password_before_it_has_said_so, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_source_with_another_namespace_takes_the_password, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_range_is_closed_without_its_secret, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_password_of_a_manifest, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_the_status_of_the_node_is_written_when_it_changes, start, stop),
	    cmocka_unit_test_setup_teardown(test_kubernetes_is_told_of_a_service, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_kubernetes_is_told_of_the_node_in_place_of_its_services, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_kubernetes_is_told_nothing_of_the_start, start, stop),
	    cmocka_unit_test_setup_teardown(test_kubernetes_is_told_of_sessions, start, stop),
	    cmocka_unit_test_setup_teardown(test_kubernetes_is_told_after_a_reload, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_kubernetes_is_told_nothing_if_that_is_not_wanted, start, stop),
	};

	if (!own_network())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
