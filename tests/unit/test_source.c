/*
 * The API server as the source of a real speaker: it is ready once everything was listed, announces
 * what it should, keeps that while the server is gone, and drops it for another source.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "api_rig.h"
#include "speaker/private.h"

struct world {
	struct api_rig *rig;
	struct log log;
	struct text lines; /* of the log */
	struct speaker *speaker;
	char file[96];
};

static void take_line(void *arg, enum log_level level, const char *line)
{
	struct world *world = arg;

	(void)level;
	text_append(&world->lines, "%s\n", line);
}

static void write_configuration(struct world *world, const char *cluster, const char *peers)
{
	struct text text = {NULL, 0, 0};

	text_append(&text,
	    "node: {name: node-a}\n"
	    "router: {asn: 64512, routerID: 10.0.0.1, listen: {port: 0}}\n"
	    "fib: {install: false}\n"
	    "metrics: {listen: \"\"}\n"
	    "cluster: %s\n"
	    "advertisements: [{name: s, type: Service, addresses: [ClusterIP]}]\n%s",
	    cluster, peers);
	rig_write_file(world->rig, "kbgpd.yaml", text.string);
	text_free(&text);
}

static void start_speaker(struct world *world)
{
	struct speaker_options options = {.environment = {.host_name = "host"},
	    .hash_seed = 1,
	    .loop = world->rig->loop,
	    .log = &world->log,
	    .config_file = world->file};
	struct text errors = {NULL, 0, 0};
	struct config *config = config_load(world->file, &options.environment, &errors);
	struct error error;

	if (!config)
		fail_msg("%s", errors.string);
	world->speaker = speaker_new(&options, config, &error);
	if (!world->speaker)
		fail_msg("%s", error.text);
}

static void reload(struct world *world)
{
	struct text errors = {NULL, 0, 0};

	if (!speaker_reload(world->speaker, &errors))
		fail_msg("%s", errors.string);
	text_free(&errors);
}

static void write_kubeconfig(struct world *world)
{
	struct text text = {NULL, 0, 0};

	text_append(&text,
	    "{current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],\n"
	    "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:%u', "
	    "certificate-authority: ca.crt}}],\n"
	    "users: [{name: u, user: {tokenFile: token}}]}\n",
	    world->rig->port);
	rig_write_file(world->rig, "kubeconfig", text.string);
	text_free(&text);
}

static int start(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->rig = rig_new();
	world->rig->in_any_order = true;
	world->log = (struct log){.sink = take_line, .sink_arg = world, .level = LOG_LEVEL_INFO};
	snprintf(world->file, sizeof(world->file), "%s/kbgpd.yaml", world->rig->folder);
	text_append(&world->lines, "%s", "");
	write_kubeconfig(world);
	*state = world;
	return 0;
}

static int stop(void **state)
{
	struct world *world = *state;

	speaker_free(world->speaker);
	unlink(world->file);
	rig_free(world->rig);
	text_free(&world->lines);
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
	return k8s_announcer_service_count(speaker_announcer(world->speaker));
}

static bool is_connected(const struct world *world)
{
	return k8s_api_source_status(speaker_api_source(world->speaker)).connected;
}

static void begin(struct world *world)
{
	char cluster[200];

	snprintf(cluster, sizeof(cluster), "{source: kubernetes, kubeconfig: %s/kubeconfig}",
	    world->rig->folder);
	write_configuration(world, cluster, "");
	start_speaker(world);
}

static void test_ready_when_all_was_listed(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;

	rig_play(world->rig, steps, 7);
	begin(world);
	assert_false(speaker_is_ready(world->speaker));
	rig_run_until(world->rig, is_connected(world) && speaker_is_ready(world->speaker));
	assert_int_equal(announced(world), 1);
	/* Nothing of that stands in a reload that changes something else. */
	reload(world);
	assert_true(is_connected(world));
}

static void test_a_server_that_is_gone_withdraws_nothing(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;

	rig_play(world->rig, steps, 7);
	begin(world);
	rig_run_until(world->rig, is_connected(world));
	rig_stop_listening(world->rig);
	rig_run_until(world->rig, !is_connected(world));
	assert_int_equal(announced(world), 1);
	assert_true(speaker_is_ready(world->speaker));
	assert_non_null(strstr(world->lines.string, "API server: 127.0.0.1:"));
}

static void test_another_source_takes_it_away(void **state)
{
	static const struct rig_step steps[] = {SCRIPT(ONLY_OWN)};
	struct world *world = *state;

	rig_play(world->rig, steps, 7);
	begin(world);
	rig_run_until(world->rig, is_connected(world));
	write_configuration(world, "{source: none}", "");
	reload(world);
	assert_null(speaker_api_source(world->speaker));
	assert_int_equal(announced(world), 0);
}

static void test_all_nodes_for_a_peer_of_the_own_as(void **state)
{
	static const struct rig_step own[] = {SCRIPT(ONLY_OWN)};
	static const struct rig_step all[] = {SCRIPT(NULL)};
	struct world *world = *state;
	char cluster[200];

	rig_play(world->rig, own, 7);
	begin(world);
	rig_run_until(world->rig, is_connected(world));
	snprintf(cluster, sizeof(cluster), "{source: kubernetes, kubeconfig: %s/kubeconfig}",
	    world->rig->folder);
	write_configuration(world, cluster,
	    "peers: [{name: p, address: 127.0.0.9, asn: internal, port: 1, connectRetryTime: 60000s}]\n");
	rig_play(world->rig, all, 7);
	reload(world);
	rig_run_until(world->rig, is_connected(world));
	assert_int_equal(announced(world), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_ready_when_all_was_listed, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_server_that_is_gone_withdraws_nothing, start, stop),
	    cmocka_unit_test_setup_teardown(test_another_source_takes_it_away, start, stop),
	    cmocka_unit_test_setup_teardown(test_all_nodes_for_a_peer_of_the_own_as, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
