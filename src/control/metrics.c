/*
 * A metric is a row of the table: name, type, the names of its labels, help, and a function that
 * appends its samples.  Values are read when they are asked for; nothing is counted here.  No label
 * is unbounded: peers, families and fixed words only.
 *
 * The text is specified at prometheus.io, "Exposition formats", version 0.0.4: HELP and TYPE once
 * per metric, then its samples; a backslash, a quote and a newline are escaped in label values.
 */
#include "control/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "bgp/fsm.h"
#include "control/memory_use.h"
#include "control/process.h"

enum {
	LABELS_MAX = 3,
	PEERS_PER_PART = 64 /* whose samples of one metric are appended at once */
};

struct metric_writer {
	const struct speaker *speaker;
	const struct metric *metric;
	struct text *text;
	size_t first_peer; /* of those that this part is about */
};

typedef void metric_function(const struct metric_writer *writer);

struct metric {
	const char *name; /* without "kbgpd_", unless it begins with "process_" */
	const char *type;
	const char *labels[LABELS_MAX + 1];
	const char *help;
	metric_function *print;
};

/* Samples */

static void append_name(const struct metric_writer *writer)
{
	const char *name = writer->metric->name;

	text_append(writer->text, "%s%s", strncmp(name, "process_", 8) ? "kbgpd_" : "", name);
}

static void append_label(struct text *text, const char *name, const char *value, bool first)
{
	text_append(text, "%s%s=\"", first ? "{" : ",", name);
	for (; *value; value++) {
		if (*value == '\n')
			text_append(text, "\\n");
		else if (*value == '\\' || *value == '"')
			text_append(text, "\\%c", *value);
		else
			text_append_bytes(text, value, 1);
	}
	text_append(text, "\"");
}

/* One sample; `values` has one for each label of the metric, or is NULL if it has none. */
static void append_sample(
    const struct metric_writer *writer, const char *const *values, double number)
{
	const char *const *labels = writer->metric->labels;

	append_name(writer);
	for (size_t i = 0; values && labels[i]; i++)
		append_label(writer->text, labels[i], values[i], i == 0);
	text_append(writer->text, "%s %.16g\n", labels[0] ? "}" : "", number);
}

static void append_labelled(const struct metric_writer *writer, const char *value, double number)
{
	append_sample(writer, &value, number);
}

/*
 * The buckets are counts of their own and become cumulative here.  The bounds are in seconds, one
 * less than the buckets.
 */
static void append_buckets(
    const struct metric_writer *writer, const double *bounds, const uint64_t *buckets, size_t count)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++) {
		total += buckets[i];
		append_name(writer);
		if (i + 1 < count)
			text_append(
			    writer->text, "_bucket{le=\"%g\"} %" PRIu64 "\n", bounds[i], total);
		else
			text_append(writer->text, "_bucket{le=\"+Inf\"} %" PRIu64 "\n", total);
	}
	append_name(writer);
	text_append(writer->text, "_count %" PRIu64 "\n", total);
}

/* The daemon */

static void print_build_info(const struct metric_writer *writer)
{
	append_labelled(writer, PACKAGE_VERSION, 1);
}

static void print_uptime(const struct metric_writer *writer)
{
	const uint64_t now = loop_now(speaker_loop(writer->speaker));

	append_sample(writer, NULL, (double)(now - speaker_started_at(writer->speaker)) / 1000.0);
}

static void print_ready(const struct metric_writer *writer)
{
	append_sample(writer, NULL, speaker_is_ready(writer->speaker));
}

static void print_leave_state(const struct metric_writer *writer)
{
	const enum speaker_leave_state now = speaker_leave_status(writer->speaker)->state;

	for (enum speaker_leave_state state = SPEAKER_STAYS; state <= SPEAKER_STOPPING; state++)
		append_labelled(writer, speaker_leave_state_name(state), state == now);
}

static void print_resident_memory(const struct metric_writer *writer)
{
	append_sample(writer, NULL, (double)process_resident_bytes());
}

static void print_memory(const struct metric_writer *writer)
{
	const struct memory_use use = memory_use_of(writer->speaker);

	append_labelled(writer, "prefixes", (double)use.prefixes);
	append_labelled(writer, "paths", (double)use.paths);
	append_labelled(writer, "attributes", (double)use.attributes);
	append_labelled(writer, "changes", (double)use.changes);
	append_labelled(writer, "streams", (double)use.streams);
	append_labelled(writer, "fib", (double)use.fib);
	append_labelled(writer, "cluster", (double)use.cluster);
	append_labelled(writer, "queues", (double)use.queues);
}

static void print_cpu(const struct metric_writer *writer)
{
	append_sample(writer, NULL, process_cpu_seconds());
}

/* The loop keeps no sum, so this histogram has none. */
static void print_loop_turns(const struct metric_writer *writer)
{
	static const double bounds[] = {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1};
	const struct loop_statistics *statistics = loop_statistics(speaker_loop(writer->speaker));

	_Static_assert(
	    sizeof(statistics->buckets) / sizeof(uint64_t) == sizeof(bounds) / sizeof(double) + 1,
	    "one bound per bucket but the last");
	append_buckets(
	    writer, bounds, statistics->buckets, sizeof(statistics->buckets) / sizeof(uint64_t));
}

static void print_longest_turn(const struct metric_writer *writer)
{
	append_sample(writer, NULL,
	    (double)loop_statistics(speaker_loop(writer->speaker))->longest.duration_us / 1e6);
}

static void print_busiest_turn(const struct metric_writer *writer)
{
	append_sample(writer, NULL,
	    (double)loop_statistics(speaker_loop(writer->speaker))->busiest.cpu_us / 1e6);
}

static void append_turn_work(
    const struct metric_writer *writer, const char *which, const struct loop_turn *turn)
{
	const char *const values[] = {which, turn->work};

	if (turn->work)
		append_sample(writer, values, (double)turn->work_us / 1e6);
}

static void print_turn_work(const struct metric_writer *writer)
{
	const struct loop_statistics *statistics = loop_statistics(speaker_loop(writer->speaker));

	append_turn_work(writer, "longest", &statistics->longest);
	append_turn_work(writer, "busiest", &statistics->busiest);
}

/* Peers */

/* The peer of this part after `count` others, or NULL. */
static const struct speaker_peer *next_peer(const struct metric_writer *writer, size_t count)
{
	return count < PEERS_PER_PART ? speaker_peer_at(writer->speaker, writer->first_peer + count)
				      : NULL;
}

typedef double peer_number(const struct speaker_peer *peer);

static void for_each_peer(const struct metric_writer *writer, peer_number *number)
{
	const struct speaker_peer *peer;

	for (size_t i = 0; (peer = next_peer(writer, i)); i++)
		append_labelled(writer, speaker_peer_name(peer), number(peer));
}

static double peer_is_up(const struct speaker_peer *peer)
{
	return bgp_session_state(speaker_peer_session(peer)) == BGP_STATE_ESTABLISHED;
}

static void print_peer_up(const struct metric_writer *writer)
{
	for_each_peer(writer, peer_is_up);
}

static void print_peer_state(const struct metric_writer *writer)
{
	const struct speaker_peer *peer;

	for (size_t i = 0; (peer = next_peer(writer, i)); i++) {
		const enum bgp_state now = bgp_session_state(speaker_peer_session(peer));

		for (enum bgp_state state = 0; state < BGP_STATES; state++) {
			const char *const values[] = {
			    speaker_peer_name(peer), bgp_state_name(state)};

			append_sample(writer, values, state == now);
		}
	}
}

static void print_peer_messages(const struct metric_writer *writer)
{
	static const char *const types[BGP_MESSAGE_TYPES] = {
	    [BGP_MESSAGE_OPEN] = "open",
	    [BGP_MESSAGE_UPDATE] = "update",
	    [BGP_MESSAGE_NOTIFICATION] = "notification",
	    [BGP_MESSAGE_KEEPALIVE] = "keepalive",
	    [BGP_MESSAGE_ROUTE_REFRESH] = "route_refresh",
	};
	const struct speaker_peer *peer;

	for (size_t i = 0; (peer = next_peer(writer, i)); i++) {
		const struct bgp_session_counters *counters =
		    bgp_session_counters(speaker_peer_session(peer));

		for (unsigned n = 0; n < BGP_DIRECTIONS * BGP_MESSAGE_TYPES; n++) {
			const unsigned direction = n / BGP_MESSAGE_TYPES;
			const unsigned type = n % BGP_MESSAGE_TYPES;
			const char *const values[] = {speaker_peer_name(peer),
			    direction == BGP_SENT ? "sent" : "received", types[type]};

			if (type)
				append_sample(
				    writer, values, (double)counters->messages[direction][type]);
		}
	}
}

static void print_peer_bytes(const struct metric_writer *writer)
{
	const struct speaker_peer *peer;

	for (size_t i = 0; (peer = next_peer(writer, i)); i++) {
		const struct bgp_session_counters *counters =
		    bgp_session_counters(speaker_peer_session(peer));
		const char *const sent[] = {speaker_peer_name(peer), "sent"};
		const char *const received[] = {speaker_peer_name(peer), "received"};

		append_sample(writer, sent, (double)counters->bytes[BGP_SENT]);
		append_sample(writer, received, (double)counters->bytes[BGP_RECEIVED]);
	}
}

static void print_peer_prefixes(const struct metric_writer *writer)
{
	static const char *const kinds[] = {"received", "accepted", "advertised"};
	const struct speaker_peer *peer;

	for (size_t i = 0; (peer = next_peer(writer, i)); i++) {
		const struct rib_peer *source = speaker_peer_rib_peer(peer);
		const struct update_group_member *member = speaker_peer_member(peer);

		for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
			const uint32_t numbers[] = {source ? source->paths[family] : 0,
			    source ? source->accepted_paths[family] : 0,
			    member ? update_group_advertised(member, family) : 0};

			for (size_t kind = 0; kind < 3; kind++) {
				const char *const values[] = {
				    speaker_peer_name(peer), ip_family_name(family), kinds[kind]};

				append_sample(writer, values, numbers[kind]);
			}
		}
	}
}

static double peer_prefixes_limit(const struct speaker_peer *peer)
{
	return speaker_peer_config(peer)->max_prefixes;
}

static void print_peer_prefixes_limit(const struct metric_writer *writer)
{
	for_each_peer(writer, peer_prefixes_limit);
}

static double peer_refused_paths(const struct speaker_peer *peer)
{
	const struct rib_peer *source = speaker_peer_rib_peer(peer);

	return source ? (double)source->refused_paths : 0;
}

static void print_peer_refused_paths(const struct metric_writer *writer)
{
	for_each_peer(writer, peer_refused_paths);
}

static void print_peer_uptime(const struct metric_writer *writer)
{
	const uint64_t now = loop_now(speaker_loop(writer->speaker));
	const struct speaker_peer *peer;

	for (size_t i = 0; (peer = next_peer(writer, i)); i++) {
		const uint64_t since = bgp_session_since(speaker_peer_session(peer));
		const bool up = peer_is_up(peer) > 0;

		append_labelled(
		    writer, speaker_peer_name(peer), up ? (double)(now - since) / 1000.0 : 0);
	}
}

static double peer_flaps(const struct speaker_peer *peer)
{
	return (double)bgp_session_counters(speaker_peer_session(peer))->flaps;
}

static void print_peer_flaps(const struct metric_writer *writer)
{
	for_each_peer(writer, peer_flaps);
}

static double peer_attempts(const struct speaker_peer *peer)
{
	return (double)bgp_session_counters(speaker_peer_session(peer))->connection_attempts;
}

static void print_peer_attempts(const struct metric_writer *writer)
{
	for_each_peer(writer, peer_attempts);
}

static double peer_treated_as_withdraw(const struct speaker_peer *peer)
{
	return (double)bgp_session_counters(speaker_peer_session(peer))->treated_as_withdraw;
}

static void print_peer_treated_as_withdraw(const struct metric_writer *writer)
{
	for_each_peer(writer, peer_treated_as_withdraw);
}

static double peer_attributes_discarded(const struct speaker_peer *peer)
{
	return (double)bgp_session_counters(speaker_peer_session(peer))->attributes_discarded;
}

static void print_peer_attributes_discarded(const struct metric_writer *writer)
{
	for_each_peer(writer, peer_attributes_discarded);
}

static double peer_queued(const struct speaker_peer *peer)
{
	return (double)bgp_session_queued(speaker_peer_session(peer));
}

static void print_peer_queued(const struct metric_writer *writer)
{
	for_each_peer(writer, peer_queued);
}

static void print_connections_refused(const struct metric_writer *writer)
{
	const struct speaker_listen_counters *counters = speaker_listen_counters(writer->speaker);

	append_labelled(writer, "unknown", (double)counters->refused_unknown);
	append_labelled(writer, "limit", (double)counters->refused_limit);
}

/* No BFD session exists yet, so there is no sample. */
static void print_bfd_up(const struct metric_writer *writer)
{
	(void)writer;
}

/* RIB and FIB */

static void print_rib_prefixes(const struct metric_writer *writer)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		append_labelled(writer, ip_family_name(family),
		    rib_prefix_count(speaker_rib(writer->speaker), family));
}

static void print_rib_paths(const struct metric_writer *writer)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		append_labelled(writer, ip_family_name(family),
		    rib_path_count(speaker_rib(writer->speaker), family));
}

static const struct attribute_store *attribute_store(const struct metric_writer *writer)
{
	/* The store is only read; its getter has no form for that. */
	return rib_attribute_store((struct rib *)speaker_rib(writer->speaker));
}

static void print_attribute_sets(const struct metric_writer *writer)
{
	append_sample(writer, NULL, (double)attribute_store(writer)->sets.count);
}

static void print_attribute_bytes(const struct metric_writer *writer)
{
	append_sample(writer, NULL, (double)attribute_store(writer)->bytes);
}

static void print_next_hops(const struct metric_writer *writer)
{
	append_sample(writer, NULL, (double)attribute_store(writer)->next_hops.count);
}

static void print_fib_routes(const struct metric_writer *writer)
{
	const struct fib_counters *counters = fib_counters(speaker_fib(writer->speaker));

	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		append_labelled(writer, ip_family_name(family), counters->routes[family]);
}

static void print_fib_backup_routes(const struct metric_writer *writer)
{
	const struct fib_counters *counters = fib_counters(speaker_fib(writer->speaker));

	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		append_labelled(writer, ip_family_name(family), counters->backups[family]);
}

static void print_fib_next_hop_objects(const struct metric_writer *writer)
{
	append_sample(writer, NULL, (double)fib_next_hop_objects(speaker_fib(writer->speaker)));
}

static void print_fib_failed(const struct metric_writer *writer)
{
	append_sample(writer, NULL, fib_counters(speaker_fib(writer->speaker))->failed);
}

static void print_fib_errors(const struct metric_writer *writer)
{
	append_sample(writer, NULL, (double)fib_counters(speaker_fib(writer->speaker))->errors);
}

static void print_fib_requests(const struct metric_writer *writer)
{
	append_sample(writer, NULL, (double)fib_counters(speaker_fib(writer->speaker))->requests);
}

static void print_fib_repaired(const struct metric_writer *writer)
{
	append_sample(writer, NULL, (double)fib_counters(speaker_fib(writer->speaker))->repaired);
}

/* Cluster and configuration */

static void print_services_announced(const struct metric_writer *writer)
{
	append_sample(
	    writer, NULL, (double)k8s_announcer_service_count(speaker_announcer(writer->speaker)));
}

static void print_kubernetes_objects(const struct metric_writer *writer)
{
	for (enum k8s_kind kind = 0; kind < K8S_KINDS; kind++)
		append_labelled(writer, k8s_kind_name(kind),
		    (double)k8s_cluster_count(speaker_cluster(writer->speaker), kind));
}

static void print_kubernetes_events(const struct metric_writer *writer)
{
	for (enum k8s_kind kind = 0; kind < K8S_KINDS; kind++)
		append_labelled(writer, k8s_kind_name(kind),
		    (double)k8s_cluster_events(speaker_cluster(writer->speaker), kind));
}

static void print_kubernetes_up(const struct metric_writer *writer)
{
	const struct k8s_api_source *api = speaker_api_source(writer->speaker);
	const bool connected = !api || k8s_api_source_status(api).connected;

	append_sample(
	    writer, NULL, connected && k8s_cluster_is_synced(speaker_cluster(writer->speaker)));
}

static void print_kubernetes_stale(const struct metric_writer *writer)
{
	const struct k8s_api_source *api = speaker_api_source(writer->speaker);
	const uint64_t now = loop_now(speaker_loop(writer->speaker));
	const uint64_t since = api ? k8s_api_source_status(api).stale_since : 0;

	append_sample(writer, NULL, since ? (double)(now - since) / 1000 : 0);
}

static void print_mesh_nodes(const struct metric_writer *writer)
{
	struct speaker_mesh_status status;

	speaker_mesh_status(writer->speaker, &status);
	append_sample(writer, NULL, (double)status.nodes);
}

static void print_mesh_left_out(const struct metric_writer *writer)
{
	struct speaker_mesh_status status;

	speaker_mesh_status(writer->speaker, &status);
	append_sample(writer, NULL, (double)status.left_out);
}

static void print_kubernetes_problems(const struct metric_writer *writer)
{
	const struct k8s_manifests *manifests = speaker_manifests(writer->speaker);
	const struct k8s_api_source *api = speaker_api_source(writer->speaker);
	const char *const *texts;
	size_t count = 0;

	if (manifests)
		count = k8s_manifests_problems(manifests, &texts);
	if (api)
		count = k8s_api_source_problem_count(api);
	append_sample(writer, NULL, (double)count);
}

static void print_kubernetes_requests(const struct metric_writer *writer)
{
	static const enum k8s_verb verbs[] = {K8S_VERB_LIST, K8S_VERB_WATCH, K8S_VERB_PATCH};
	const struct k8s_api_source *api = speaker_api_source(writer->speaker);

	for (size_t resource = 0; api && resource < K8S_RESOURCES; resource++) {
		for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
			const char *labels[] = {
			    k8s_verb_name(verbs[i]), k8s_resources[resource].name};

			if (k8s_resources[resource].verbs & verbs[i])
				append_sample(writer, labels,
				    (double)k8s_api_source_requests(
					api, (enum k8s_resource_index)resource, verbs[i]));
		}
	}
}

static void print_kubernetes_told(const struct metric_writer *writer)
{
	const struct k8s_event_recorder *events = speaker_event_recorder(writer->speaker);

	append_labelled(writer, "told", events ? (double)k8s_event_recorder_told(events) : 0);
	append_labelled(writer, "dropped", events ? (double)k8s_event_recorder_dropped(events) : 0);
}

static void print_kubernetes_failures(const struct metric_writer *writer)
{
	const struct k8s_api_source *api = speaker_api_source(writer->speaker);

	append_sample(writer, NULL, api ? (double)k8s_api_source_status(api).failures : 0);
}

static void print_config_stale(const struct metric_writer *writer)
{
	append_sample(writer, NULL, speaker_config_state(writer->speaker)->stale);
}

static void print_config_loaded(const struct metric_writer *writer)
{
	append_sample(writer, NULL, (double)speaker_config_state(writer->speaker)->loaded_at);
}

static void print_config_reloads(const struct metric_writer *writer)
{
	const struct speaker_config_state *state = speaker_config_state(writer->speaker);

	append_labelled(writer, "success", (double)state->reloads_good);
	append_labelled(writer, "failure", (double)state->reloads_bad);
}

static void print_announce_seconds(const struct metric_writer *writer)
{
	const struct speaker_latency *latency = speaker_latency(writer->speaker);

	append_buckets(writer, speaker_latency_bounds, latency->buckets, SPEAKER_LATENCY_BUCKETS);
	append_name(writer);
	text_append(writer->text, "_sum %.16g\n", latency->sum);
}

static const struct metric metrics[] = {
    {"build_info", "gauge", {"version"}, "The version that runs, as a label; always 1.",
	print_build_info},
    {"uptime_seconds", "gauge", {0}, "Time since the start.", print_uptime},
    {"ready", "gauge", {0}, "1 once all is known, and what is announced has been sent.",
	print_ready},
    {"leave_state", "gauge", {"state"}, "1 for how far this node has come in leaving.",
	print_leave_state},
    {"process_resident_memory_bytes", "gauge", {0}, "Resident memory.", print_resident_memory},
    {"memory_bytes", "gauge", {"kind"}, "Memory of the tables and of what is to be sent.",
	print_memory},
    {"process_cpu_seconds_total", "counter", {0}, "User and system CPU time.", print_cpu},
    {"loop_turn_seconds", "histogram", {0}, "Turns of the event loop, without the wait.",
	print_loop_turns},
    {"loop_longest_turn_seconds", "gauge", {0}, "The longest turn of the event loop so far.",
	print_longest_turn},
    {"loop_busiest_turn_cpu_seconds", "gauge", {0},
	"CPU time of the turn of the event loop that took most of it.", print_busiest_turn},
    {"loop_turn_work_seconds", "gauge", {"turn", "work"},
	"What ran longest in the longest and in the busiest turn, and how long.", print_turn_work},
    {"peer_up", "gauge", {"peer"}, "1 if the session is Established.", print_peer_up},
    {"peer_state", "gauge", {"peer", "state"}, "1 for the state that the session is in.",
	print_peer_state},
    {"peer_uptime_seconds", "gauge", {"peer"}, "Time in Established; 0 outside of it.",
	print_peer_uptime},
    {"peer_messages_total", "counter", {"peer", "direction", "type"}, "BGP messages.",
	print_peer_messages},
    {"peer_bytes_total", "counter", {"peer", "direction"}, "Bytes of BGP messages.",
	print_peer_bytes},
    {"peer_prefixes", "gauge", {"peer", "family", "kind"},
	"Prefixes received, of these accepted by import policy, and advertised.",
	print_peer_prefixes},
    {"peer_prefixes_limit", "gauge", {"peer"}, "Prefixes of a family that it may send; 0: any.",
	print_peer_prefixes_limit},
    {"peer_refused_paths_total", "counter", {"peer"},
	"Paths refused as there were too many of one prefix.", print_peer_refused_paths},
    {"peer_flaps_total", "counter", {"peer"}, "Times that the session left Established.",
	print_peer_flaps},
    {"peer_connection_attempts_total", "counter", {"peer"}, "Connections that were begun.",
	print_peer_attempts},
    {"peer_treated_as_withdraw_total", "counter", {"peer"},
	"Malformed UPDATEs that were treated as withdraw (RFC 7606).",
	print_peer_treated_as_withdraw},
    {"peer_attributes_discarded_total", "counter", {"peer"},
	"UPDATEs with malformed attributes that were discarded (RFC 7606).",
	print_peer_attributes_discarded},
    {"peer_queued_bytes", "gauge", {"peer"}, "Output that the socket has not taken yet.",
	print_peer_queued},
    {"connections_refused_total", "counter", {"reason"},
	"Connections that were closed before a byte was read.", print_connections_refused},
    {"bfd_up", "gauge", {"peer"}, "1 if the BFD session is up.", print_bfd_up},
    {"rib_prefixes", "gauge", {"family"}, "Prefixes with at least one path.", print_rib_prefixes},
    {"rib_paths", "gauge", {"family"}, "Paths, filtered ones included.", print_rib_paths},
    {"rib_attribute_sets", "gauge", {0}, "Distinct attribute sets.", print_attribute_sets},
    {"rib_attribute_bytes", "gauge", {0}, "Memory of the attribute sets.", print_attribute_bytes},
    {"rib_next_hops", "gauge", {0}, "Next hops that are tracked.", print_next_hops},
    {"fib_routes", "gauge", {"family"}, "Routes of ours in the kernel, without backups.",
	print_fib_routes},
    {"fib_backup_routes", "gauge", {"family"}, "Backup routes of ours in the kernel.",
	print_fib_backup_routes},
    {"fib_next_hop_objects", "gauge", {0}, "Next-hop objects of ours in the kernel.",
	print_fib_next_hop_objects},
    {"fib_routes_failed", "gauge", {0}, "Routes that the kernel refuses now.", print_fib_failed},
    {"fib_errors_total", "counter", {0}, "Requests that the kernel refused.", print_fib_errors},
    {"fib_requests_total", "counter", {0}, "Requests made to the kernel.", print_fib_requests},
    {"fib_repaired_total", "counter", {0}, "Routes of ours put back after a foreign change.",
	print_fib_repaired},
    {"services_announced", "gauge", {0}, "Services with at least one address announced here.",
	print_services_announced},
    {"kubernetes_up", "gauge", {0}, "1 if the view of the cluster is complete, and kept up.",
	print_kubernetes_up},
    {"kubernetes_stale_seconds", "gauge", {0},
	"Time since the API server could not be followed any more; 0 while it can.",
	print_kubernetes_stale},
    {"kubernetes_objects", "gauge", {"kind"}, "Objects known.", print_kubernetes_objects},
    {"kubernetes_events_total", "counter", {"kind"}, "Objects that changed.",
	print_kubernetes_events},
    {"kubernetes_problems", "gauge", {0}, "Files and objects that cannot be understood.",
	print_kubernetes_problems},
    {"kubernetes_requests_total", "counter", {"verb", "resource"},
	"Requests made to the API server.", print_kubernetes_requests},
    {"kubernetes_told_total", "counter", {"result"},
	"Events that Kubernetes was told, or was not, for there were too many.",
	print_kubernetes_told},
    {"kubernetes_request_failures_total", "counter", {0},
	"Requests to the API server that were refused or broken off.", print_kubernetes_failures},
    {"mesh_nodes", "gauge", {0}, "Nodes that take part in the mesh.", print_mesh_nodes},
    {"mesh_left_out", "gauge", {0}, "Nodes that should be peers of the mesh and cannot.",
	print_mesh_left_out},
    {"config_stale", "gauge", {0}, "1 if the last configuration was refused.", print_config_stale},
    {"config_loaded_timestamp_seconds", "gauge", {0},
	"When the configuration in force was loaded, in seconds since 1970.", print_config_loaded},
    {"config_reloads_total", "counter", {"result"}, "Reloads of the configuration.",
	print_config_reloads},
    {"announce_seconds", "histogram", {0},
	"From a change in the cluster to its UPDATE in the kernel's hands.",
	print_announce_seconds},
};

static void print_head(const struct metric_writer *writer)
{
	text_append(writer->text, "# HELP ");
	append_name(writer);
	text_append(writer->text, " %s\n# TYPE ", writer->metric->help);
	append_name(writer);
	text_append(writer->text, " %s\n", writer->metric->type);
}

/* True if there are peers whose samples are still to come. */
static bool has_more_peers(const struct metric_writer *writer)
{
	const char *label = writer->metric->labels[0];

	return label && !strcmp(label, "peer") &&
	       speaker_peer_at(writer->speaker, writer->first_peer + PEERS_PER_PART);
}

bool metrics_print_some(
    const struct speaker *speaker, struct metrics_cursor *cursor, struct text *text)
{
	const struct metric_writer writer = {speaker, &metrics[cursor->metric], text, cursor->peer};

	if (!cursor->peer)
		print_head(&writer);
	writer.metric->print(&writer);
	if (has_more_peers(&writer)) {
		cursor->peer += PEERS_PER_PART;
		return true;
	}
	cursor->peer = 0;
	cursor->metric++;
	return cursor->metric < sizeof(metrics) / sizeof(metrics[0]);
}

void metrics_print(const struct speaker *speaker, struct text *text)
{
	struct metrics_cursor cursor = {0};

	while (metrics_print_some(speaker, &cursor, text))
		;
}
