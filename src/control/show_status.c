/*
 * kbgpctl status: the whole daemon on one page, one function per part of it.
 */
#include <stdlib.h>

#include "control/commands.h"
#include "control/json_value.h"
#include "control/memory_use.h"
#include "control/process.h"

/* Until it is ready. */
static json_t *missing_value(const struct speaker *speaker)
{
	struct error missing[SPEAKER_MISSING_MAX];
	const size_t count = speaker_missing(speaker, missing);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_value_text(missing[i].text));
	return list;
}

static json_t *peers_value(const struct speaker *speaker)
{
	json_t *value = json_object();
	const struct speaker_peer *peer;
	uint64_t total = 0;
	uint64_t up = 0;

	for (; (peer = speaker_peer_at(speaker, total)); total++)
		up += bgp_session_state(speaker_peer_session(peer)) == BGP_STATE_ESTABLISHED;
	json_set_number(value, "up", up);
	json_set_number(value, "total", total);
	return value;
}

static json_t *routes_value(const struct speaker *speaker)
{
	const struct rib *rib = speaker_rib(speaker);
	const struct fib_counters *counters = fib_counters(speaker_fib(speaker));
	json_t *value = json_object();

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		json_t *part = json_object();

		json_set_number(part, "prefixes", rib_prefix_count(rib, family));
		json_set_number(part, "paths", rib_path_count(rib, family));
		json_set_number(part, "installed", counters->routes[family]);
		json_set(value, ip_family_name(family), part);
	}
	json_set_number(value, "failed", counters->failed);
	return value;
}

static json_t *config_value(const struct speaker *speaker)
{
	const struct speaker_config_state *state = speaker_config_state(speaker);
	json_t *value = json_object();

	json_set_text(value, "file", state->file);
	json_set_text(value, "state", state->stale ? "stale" : "loaded");
	json_set_text(value, "errors", state->errors);
	json_set(value, "loadedAt", json_value_time(state->loaded_at));
	json_set_number(value, "reloadsGood", state->reloads_good);
	json_set_number(value, "reloadsBad", state->reloads_bad);
	return value;
}

static const char *source_name(enum config_cluster_source source)
{
	switch (source) {
	case CONFIG_SOURCE_MANIFESTS:
		return "manifests";
	case CONFIG_SOURCE_KUBERNETES:
		return "kubernetes";
	case CONFIG_SOURCE_NONE:
		break;
	}
	return "none";
}

/* What is wrong with files or objects. */
static json_t *problems_value(const struct speaker *speaker)
{
	const struct k8s_manifests *manifests = speaker_manifests(speaker);
	const struct k8s_api_source *api = speaker_api_source(speaker);
	json_t *problems = json_array();
	const char *const *texts;
	const size_t count = manifests ? k8s_manifests_problems(manifests, &texts) : 0;
	const char *text;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(problems, json_value_text(texts[i]));
	for (size_t i = 0; api && (text = k8s_api_source_problem(api, i)); i++)
		json_array_append_new(problems, json_value_text(text));
	return problems;
}

/* Null unless the source is the API server. */
static json_t *api_server_value(const struct speaker *speaker)
{
	const struct k8s_api_source *source = speaker_api_source(speaker);
	const uint64_t now = loop_now(speaker_loop(speaker));
	struct k8s_api_status status;
	json_t *value;

	if (!source)
		return json_null();
	status = k8s_api_source_status(source);
	value = json_object();
	json_set_text(value, "server", status.server);
	json_set_bool(value, "connected", status.connected);
	json_set_number(
	    value, "staleSeconds", status.stale_since ? (now - status.stale_since) / 1000 : 0);
	json_set_text(value, "lastError", status.last_error);
	json_set_text(value, "discoveryVersion", status.discovery_version);
	json_set_number(value, "requests", status.requests);
	json_set_number(value, "failures", status.failures);
	json_set_number(value, "lists", status.lists);
	json_set_number(value, "events", status.events);
	json_set_number(value, "oldEvents", status.old_events);
	json_set_number(value, "bytes", status.bytes);
	return value;
}

/* Null unless there is one. */
static json_t *mesh_value(const struct speaker *speaker)
{
	struct speaker_mesh_status status;
	json_t *left_out = json_array();
	const char *name, *why;
	json_t *value;

	for (size_t cursor = 0; (why = speaker_mesh_left_out(speaker, &cursor, &name));)
		json_array_append_new(left_out, json_sprintf("%s: %s", name, why));
	if (!speaker_mesh_status(speaker, &status)) {
		json_decref(left_out);
		return json_null();
	}
	value = json_object();
	json_set_bool(value, "takesPart", status.takes_part);
	json_set_bool(value, "reflects", status.reflects);
	json_set_number(value, "nodes", status.nodes);
	json_set_number(value, "reflectors", status.reflectors);
	json_set_number(value, "up", status.up);
	json_set_number(value, "total", status.peers);
	json_set_number(value, "leaving", status.leaving);
	json_set(value, "leftOut", left_out);
	return value;
}

static json_t *cluster_value(const struct speaker *speaker)
{
	const struct k8s_cluster *cluster = speaker_cluster(speaker);
	const struct config *config = speaker_config(speaker);
	json_t *value = json_object();

	json_set_text(value, "source", source_name(config->source));
	if (config->source == CONFIG_SOURCE_MANIFESTS)
		json_set_text(value, "folder", config->manifests);
	json_set_bool(value, "synced", k8s_cluster_is_synced(cluster));
	json_set_number(value, "nodes", k8s_cluster_count(cluster, K8S_NODE));
	json_set_number(value, "services", k8s_cluster_count(cluster, K8S_SERVICE));
	json_set_number(value, "endpointSlices", k8s_cluster_count(cluster, K8S_ENDPOINT_SLICE));
	json_set_number(
	    value, "servicesAnnounced", k8s_announcer_service_count(speaker_announcer(speaker)));
	json_set(value, "apiServer", api_server_value(speaker));
	json_set(value, "problems", problems_value(speaker));
	return value;
}

static json_t *leave_value(const struct speaker *speaker)
{
	const struct speaker_leave *leave = speaker_leave_status(speaker);
	const bool stays = leave->state == SPEAKER_STAYS;
	const uint64_t now = loop_now(speaker_loop(speaker));
	json_t *value = json_object();

	json_set_text(value, "state", speaker_leave_state_name(leave->state));
	json_set_text(value, "reason", stays ? NULL : k8s_reason_name(leave->reason));
	json_set_number(value, "sinceSeconds", stays ? 0 : (now - leave->since) / 1000);
	json_set_number(
	    value, "remainingSeconds", leave->until > now ? (leave->until - now + 999) / 1000 : 0);
	return value;
}

static json_t *memory_value(const struct speaker *speaker)
{
	const struct memory_use use = memory_use_of(speaker);
	json_t *value = json_object();

	json_set_number(value, "prefixes", use.prefixes);
	json_set_number(value, "paths", use.paths);
	json_set_number(value, "attributes", use.attributes);
	json_set_number(value, "changes", use.changes);
	json_set_number(value, "streams", use.streams);
	json_set_number(value, "fib", use.fib);
	json_set_number(value, "cluster", use.cluster);
	json_set_number(value, "queues", use.queues);
	return value;
}

/* What it was that others had to wait for; null: nothing has run yet. */
static json_t *turn_value(const struct loop_turn *turn, uint64_t now)
{
	json_t *value;

	if (!turn->work)
		return json_null();
	value = json_object();
	json_set_number(value, "microseconds", turn->duration_us);
	json_set_number(value, "cpuMicroseconds", turn->cpu_us);
	json_set_text(value, "work", turn->work);
	json_set_number(value, "workMicroseconds", turn->work_us);
	json_set_number(value, "secondsAgo", (now - turn->at) / 1000);
	return value;
}

static void set_loop(json_t *value, const struct loop *loop)
{
	const struct loop_statistics *statistics = loop_statistics(loop);
	const uint64_t now = loop_now(loop);

	json_set_number(value, "longestTurnMicroseconds", statistics->longest.duration_us);
	json_set(value, "longestTurn", turn_value(&statistics->longest, now));
	json_set(value, "busiestTurn", turn_value(&statistics->busiest, now));
}

void show_status(struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	struct loop *loop = speaker_loop(speaker);
	const uint64_t age = loop_now(loop) - speaker_started_at(speaker);
	json_t *value = json_object();

	(void)arguments;
	json_set_text(value, "version", PACKAGE_VERSION);
	json_set_text(value, "node", speaker_config(speaker)->node_name);
	json_set_number(value, "asn", speaker_asn(speaker));
	json_set(value, "routerID", json_value_quad_number(speaker_router_id(speaker)));
	json_set_number(value, "uptimeSeconds", age / 1000);
	json_set_bool(value, "started", speaker_is_started(speaker));
	json_set_bool(value, "ready", speaker_is_ready(speaker));
	json_set(value, "missing", missing_value(speaker));
	json_set(value, "peers", peers_value(speaker));
	json_set(value, "routes", routes_value(speaker));
	json_set(value, "config", config_value(speaker));
	json_set(value, "cluster", cluster_value(speaker));
	json_set(value, "mesh", mesh_value(speaker));
	json_set(value, "leave", leave_value(speaker));
	json_set(value, "memory", memory_value(speaker));
	json_set_number(value, "residentBytes", process_resident_bytes());
	set_loop(value, loop);
	answer_with_value(answer, "status", value);
}
