/*
 * The state of this node as a ConfigMap of its own, for those who look at a whole cluster with
 * kubectl alone.  It belongs to the Node object and goes with it.
 *
 * A thousand nodes must not load the API server: it is looked at once a minute, at a time that
 * differs from node to node, and written only if a session, what is announced, or whether the node
 * leaves has changed since.  Numbers that change all the time, as that of routes, are as they were
 * when it was written.  Nobody watches it, this daemon included, and nothing waits for it.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/memory.h"
#include "bgp/fsm.h"
#include "speaker/private.h"

#define INTERVAL_MS 60000
/* Peers that are named, those that are down first: in a large mesh they are a thousand. */
#define PEERS_MAX 32
/* An object's name is 253 bytes at most. */
#define NODE_NAME_MAX 247
#define TIME_TEXT_MAX 32

static bool is_up(const struct speaker_peer *peer)
{
	return peer->session && bgp_session_state(peer->session) == BGP_STATE_ESTABLISHED;
}

static const char *print_time(uint64_t seconds, char text[static TIME_TEXT_MAX])
{
	const time_t time = (time_t)seconds;
	struct tm utc;

	gmtime_r(&time, &utc);
	strftime(text, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return text;
}

/* What makes it worth to be written again. */
static void append_key(const struct speaker *speaker, const struct k8s_uid *node, struct text *key)
{
	char uid[K8S_UID_TEXT_MAX];

	/* With the Node that owned it what was written before has gone. */
	text_append(key, "%s %zu %u %u", k8s_uid_print(node, uid),
	    k8s_announcer_service_count(speaker->announcer), speaker->asn, speaker->leave.state);
	for (size_t i = 0; i < speaker->peer_count; i++) {
		const struct speaker_peer *peer = speaker->peers[i];

		text_append(key, " %s %d %llu", peer->name, is_up(peer),
		    (unsigned long long)(peer->session ? bgp_session_since(peer->session) : 0));
	}
}

static json_t *peer_value(const struct speaker *speaker, const struct speaker_peer *peer)
{
	const uint64_t since = peer->session ? bgp_session_since(peer->session) : 0;
	const uint64_t age = since ? (loop_now(speaker->loop) - since) / 1000 : 0;
	json_t *value = json_object();
	char text[TIME_TEXT_MAX];

	json_object_set_new(value, "name", json_string(peer->name));
	json_object_set_new(value, "state",
	    json_string(
		bgp_state_name(peer->session ? bgp_session_state(peer->session) : BGP_STATE_IDLE)));
	if (since)
		json_object_set_new(
		    value, "since", json_string(print_time((uint64_t)time(NULL) - age, text)));
	return value;
}

static void add_peers(const struct speaker *speaker, bool up, json_t *list)
{
	for (size_t i = 0; i < speaker->peer_count && json_array_size(list) < PEERS_MAX; i++) {
		if (is_up(speaker->peers[i]) == up)
			json_array_append_new(list, peer_value(speaker, speaker->peers[i]));
	}
}

static json_t *status_value(const struct speaker *speaker)
{
	const struct fib_counters *installed = fib_counters(speaker->fib);
	json_t *peers = json_array();
	char text[TIME_TEXT_MAX];

	add_peers(speaker, false, peers);
	add_peers(speaker, true, peers);
	return json_pack("{s:s,s:s,s:s,s:I,s:s,s:{s:I,s:I},s:o,s:I,s:{s:I,s:I}}", "version",
	    PACKAGE_VERSION, "node", speaker->config->node_name, "written",
	    print_time((uint64_t)time(NULL), text), "asn", (json_int_t)speaker->asn, "leave",
	    speaker_leave_state_name(speaker->leave.state), "sessions", "up",
	    (json_int_t)speaker->member_count, "total", (json_int_t)speaker->peer_count, "peers",
	    peers, "servicesAnnounced", (json_int_t)k8s_announcer_service_count(speaker->announcer),
	    "routesInstalled", ip_family_name(IPV4), (json_int_t)installed->routes[IPV4],
	    ip_family_name(IPV6), (json_int_t)installed->routes[IPV6]);
}

static json_t *config_map_value(
    const struct speaker *speaker, const char *name, const struct k8s_uid *node)
{
	json_t *status = status_value(speaker);
	char *text = json_dumps(status, JSON_COMPACT);
	char uid[K8S_UID_TEXT_MAX];
	json_t *value = json_pack("{s:s,s:s,s:{s:s,s:{s:s},s:[{s:s,s:s,s:s,s:s}]},s:{s:s*}}",
	    "apiVersion", "v1", "kind", "ConfigMap", "metadata", "name", name, "labels",
	    "app.kubernetes.io/name", "kbgpd", "ownerReferences", "apiVersion", "v1", "kind",
	    "Node", "name", speaker->config->node_name, "uid", k8s_uid_print(node, uid), "data",
	    "status.json", text);

	free(text);
	json_decref(status);
	return value;
}

/* That were to be written and will not be. */
static uint64_t dropped_reports(const struct speaker *speaker)
{
	const struct k8s_api_writer *writer = k8s_api_source_writer(speaker->api_source);

	return k8s_api_writer_counters(writer).dropped[K8S_CONFIG_MAPS];
}

static void write_report(struct speaker *speaker, const struct k8s_uid *node)
{
	struct error name;
	struct k8s_write write = {.resource = K8S_CONFIG_MAPS, .name = name.text};
	json_t *value;
	char *body;

	error_set(&name, "kbgpd-%.*s", NODE_NAME_MAX, speaker->config->node_name);
	value = config_map_value(speaker, name.text, node);
	body = json_dumps(value, JSON_COMPACT);
	write.body = body;
	if (body)
		k8s_api_writer_put(k8s_api_source_writer(speaker->api_source), &write);
	free(body);
	json_decref(value);
}

static uint64_t next_look(struct speaker *speaker)
{
	struct status_report *report = &speaker->status_report;
	const uint64_t interval =
	    speaker->options.status_interval_ms ? speaker->options.status_interval_ms : INTERVAL_MS;

	report->random += 0x9e3779b97f4a7c15u;
	return interval + hash_u64(report->random) % (interval / 4 + 1);
}

static void look(void *arg)
{
	struct speaker *speaker = arg;
	struct status_report *report = &speaker->status_report;
	const struct k8s_object *node =
	    k8s_cluster_find(speaker->cluster, K8S_NODE, "", speaker->config->node_name);
	struct text key = {NULL, 0, 0};

	loop_name_work(speaker->loop, "the node's status");
	loop_timer_start(&report->timer, next_look(speaker));
	/* What no Node owns would stay for ever. */
	if (!node || !k8s_uid_is_known(&node->uid))
		return;
	append_key(speaker, &node->uid, &key);
	if (report->key && strcmp(report->key, key.string) == 0 &&
	    report->dropped == dropped_reports(speaker)) {
		text_free(&key);
		return;
	}
	free(report->key);
	report->key = key.string;
	report->dropped = dropped_reports(speaker);
	write_report(speaker, &node->uid);
}

void speaker_status_report_stop(struct speaker *speaker)
{
	struct status_report *report = &speaker->status_report;

	loop_timer_free(&report->timer);
	free(report->key);
	report->key = NULL;
	report->runs = false;
}

void speaker_status_report_apply(struct speaker *speaker)
{
	struct status_report *report = &speaker->status_report;
	const bool wanted =
	    speaker->api_source && speaker->config->cluster_status == CONFIG_STATUS_CONFIG_MAP;

	if (!wanted)
		speaker_status_report_stop(speaker);
	if (!wanted || report->runs)
		return;
	report->runs = true;
	report->random = hash_string(speaker->config->node_name, speaker->options.hash_seed) +
			 (uint64_t)time(NULL);
	loop_timer_init(speaker->loop, &report->timer, look, speaker);
	/* A thousand nodes may have been started together. */
	loop_timer_start(&report->timer, hash_u64(report->random) % next_look(speaker));
}
