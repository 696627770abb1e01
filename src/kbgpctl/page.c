/*
 * One function per paragraph of a page; a line is a label and a text made of a few keys.
 */
#include "kbgpctl/page.h"

#include <stdlib.h>
#include <string.h>

#include "kbgpctl/format.h"

static const char *const families[] = {"ipv4", "ipv6"};
static const char *const family_labels[] = {"IPv4", "IPv6"};

enum { FAMILIES = 2 };

/* A line with one value of any kind. */
static void print_value(FILE *file, const char *label, const json_t *value)
{
	struct text text = {0};

	format_append(&text, value, ", ");
	format_print_line(file, label, "%s", text.string);
	text_free(&text);
}

/* A label of its own for the first line, none for those that follow. */
static void print_list(FILE *file, const char *label, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		format_print_line(
		    file, i ? "" : label, "%s", json_string_value(json_array_get(list, i)));
}

/* Each line of a text that may have several. */
static void print_lines(FILE *file, const char *label, const char *lines)
{
	while (*lines) {
		const size_t length = strcspn(lines, "\n");

		format_print_line(file, label, "%.*s", (int)length, lines);
		lines += length + (lines[length] == '\n');
		label = "";
	}
}

/* Appends "1 path" or "2 paths"; what else a plural needs is in `plural`. */
static void append_count(
    struct text *text, const json_t *object, const char *key, const char *one, const char *plural)
{
	const long long count = format_number(object, key);

	text_append(
	    text, "%s%lld %s%s", text->length ? ", " : "", count, one, count == 1 ? "" : plural);
}

/* Status */

static void print_status_head(FILE *file, const json_t *status)
{
	const json_t *peers = json_object_get(status, "peers");
	struct text uptime = {0};

	format_append_duration(&uptime, format_number(status, "uptimeSeconds"));
	format_print_line(file, "Node:", "%s", format_string(status, "node"));
	format_print_line(file, "Version:", "kbgpd %s, up %s, %s", format_string(status, "version"),
	    uptime.string,
	    json_is_true(json_object_get(status, "ready")) ? "ready" : "not ready yet");
	format_print_line(file, "AS:", "%lld, router ID %s", format_number(status, "asn"),
	    format_string(status, "routerID"));
	format_print_line(file, "Peers:", "%lld of %lld up", format_number(peers, "up"),
	    format_number(peers, "total"));
	text_free(&uptime);
}

static void print_missing(FILE *file, const json_t *status)
{
	size_t i;
	json_t *text;

	json_array_foreach(json_object_get(status, "missing"), i, text)
	{
		format_print_line(file, i ? "" : "Missing:", "%s", json_string_value(text));
	}
}

/* Nothing of a node that stays. */
static void print_status_leave(FILE *file, const json_t *status)
{
	const json_t *leave = json_object_get(status, "leave");
	struct text text = {0};

	if (!json_is_object(leave) || !strcmp(format_string(leave, "state"), "staying"))
		return;
	text_append(
	    &text, "%s, %s, for ", format_string(leave, "state"), format_string(leave, "reason"));
	format_append_duration(&text, format_number(leave, "sinceSeconds"));
	if (format_number(leave, "remainingSeconds")) {
		text_append(&text, ", next step in ");
		format_append_duration(&text, format_number(leave, "remainingSeconds"));
	}
	format_print_line(file, "Leaving:", "%s", text.string);
	text_free(&text);
}

static void print_status_routes(FILE *file, const json_t *status)
{
	const json_t *routes = json_object_get(status, "routes");

	for (size_t i = 0; i < FAMILIES; i++) {
		const json_t *part = json_object_get(routes, families[i]);
		struct text text = {0};

		append_count(&text, part, "prefixes", "prefix", "es");
		append_count(&text, part, "paths", "path", "s");
		append_count(&text, part, "installed", "in the kernel", "");
		format_print_line(
		    file, i ? "" : "Routes:", "%s: %s", family_labels[i], text.string);
		text_free(&text);
	}
	if (format_number(routes, "failed"))
		format_print_line(file, "", "%lld refused by the kernel: see kbgpctl fib",
		    format_number(routes, "failed"));
}

static void print_status_config(FILE *file, const json_t *status)
{
	const json_t *config = json_object_get(status, "config");
	const bool stale = !strcmp(format_string(config, "state"), "stale");
	struct text text = {0};

	format_print_line(file, "Configuration:", "%s, loaded at %s%s",
	    format_string(config, "file"), format_string(config, "loadedAt"),
	    stale ? ", stale" : "");
	append_count(&text, config, "reloadsGood", "reload", "s");
	append_count(&text, config, "reloadsBad", "refused", "");
	format_print_line(file, "", "%s", text.string);
	text_free(&text);
	if (!format_is_null(config, "errors"))
		print_lines(file, "  refused:", format_string(config, "errors"));
}

static void print_status_api_server(FILE *file, const json_t *api)
{
	struct text text = {0};

	if (!json_is_object(api))
		return;
	if (json_is_true(json_object_get(api, "connected"))) {
		text_append(&text, "connected");
	} else {
		text_append(&text, "not connected, as it was ");
		format_append_duration(&text, format_number(api, "staleSeconds"));
		text_append(&text, " ago");
	}
	format_print_line(file, "", "API server %s: %s", format_string(api, "server"), text.string);
	text_clear(&text);
	append_count(&text, api, "requests", "request", "s");
	append_count(&text, api, "failures", "failed", "");
	append_count(&text, api, "events", "event", "s");
	format_print_line(file, "", "%s", text.string);
	text_free(&text);
	if (!json_is_true(json_object_get(api, "connected")) && !format_is_null(api, "lastError"))
		print_lines(file, "  last error:", format_string(api, "lastError"));
}

static void print_status_cluster(FILE *file, const json_t *status)
{
	const json_t *cluster = json_object_get(status, "cluster");
	struct text text = {0};

	if (!strcmp(format_string(cluster, "source"), "none")) {
		format_print_line(file, "Cluster:", "none");
		return;
	}
	format_print_line(file, "Cluster:", "%s%s%s, %s", format_string(cluster, "source"),
	    format_is_null(cluster, "folder") ? "" : " in ",
	    format_is_null(cluster, "folder") ? "" : format_string(cluster, "folder"),
	    json_is_true(json_object_get(cluster, "synced")) ? "synced" : "not synced");
	append_count(&text, cluster, "nodes", "Node", "s");
	append_count(&text, cluster, "services", "Service", "s");
	append_count(&text, cluster, "endpointSlices", "EndpointSlice", "s");
	append_count(&text, cluster, "servicesAnnounced", "Service", "s");
	format_print_line(file, "", "%s announced here", text.string);
	text_free(&text);
	print_status_api_server(file, json_object_get(cluster, "apiServer"));
	print_list(file, "  problems:", json_object_get(cluster, "problems"));
}

static void print_status_mesh(FILE *file, const json_t *status)
{
	const json_t *mesh = json_object_get(status, "mesh");
	struct text text = {0};

	if (!json_is_object(mesh))
		return;
	append_count(&text, mesh, "nodes", "node", "s");
	append_count(&text, mesh, "reflectors", "reflector", "s");
	format_print_line(file, "Mesh:", "%s; this one %s", text.string,
	    !json_is_true(json_object_get(mesh, "takesPart")) ? "takes no part"
	    : json_is_true(json_object_get(mesh, "reflects")) ? "reflects"
							      : "takes part");
	text_clear(&text);
	append_count(&text, mesh, "leaving", "leaving", "");
	format_print_line(file, "", "%lld of %lld peers up, %s", format_number(mesh, "up"),
	    format_number(mesh, "total"), text.string);
	text_free(&text);
	print_list(file, "  left out:", json_object_get(mesh, "leftOut"));
}

static void print_status_memory(FILE *file, const json_t *status)
{
	static const char *const parts[] = {
	    "prefixes", "paths", "attributes", "changes", "streams", "fib", "cluster", "queues"};
	const json_t *memory = json_object_get(status, "memory");
	struct text resident = {0};
	struct text text = {0};

	format_append_bytes(&resident, format_number(status, "residentBytes"));
	format_print_line(file, "Memory:", "%s resident", resident.string);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		text_append(&text, "%s%s ", i ? ", " : "", parts[i]);
		format_append_bytes(&text, format_number(memory, parts[i]));
	}
	format_print_line(file, "", "%s", text.string);
	text_free(&resident);
	text_free(&text);
}

static double milliseconds(const json_t *object, const char *key)
{
	return (double)format_number(object, key) / 1000.0;
}

static void print_longest_turn(FILE *file, const json_t *status)
{
	const json_t *turn = json_object_get(status, "longestTurn");
	struct text ago = {0};

	if (!json_is_object(turn))
		return;
	format_append_duration(&ago, format_number(turn, "secondsAgo"));
	format_print_line(file, "Longest turn:", "%.1f ms, %.1f ms of them CPU time, %s ago",
	    milliseconds(status, "longestTurnMicroseconds"), milliseconds(turn, "cpuMicroseconds"),
	    ago.string);
	format_print_line(file, "", "longest in it: %s, %.1f ms", format_string(turn, "work"),
	    milliseconds(turn, "workMicroseconds"));
	text_free(&ago);
}

void page_print_status(FILE *file, const json_t *status)
{
	print_status_head(file, status);
	print_missing(file, status);
	print_status_leave(file, status);
	print_status_routes(file, status);
	print_status_config(file, status);
	print_status_cluster(file, status);
	print_status_mesh(file, status);
	print_status_memory(file, status);
	print_longest_turn(file, status);
}

/* One peer */

/* Who and where it is, and what we are to each other. */
static void print_peer_identity(FILE *file, const json_t *peer)
{
	const bool has_mode = !format_is_null(peer, "localASNMode");
	struct text address = {0};

	format_append_peer_address(&address, peer);
	if (!format_is_null(peer, "range"))
		text_append(&address, ", of range %s", format_string(peer, "range"));
	format_print_line(file, "Peer:", "%s", format_string(peer, "name"));
	format_print_line(file, "Address:", "%s", address.string);
	text_free(&address);
	format_print_line(file, "AS:", "%lld, ours %lld%s%s", format_number(peer, "remoteASN"),
	    format_number(peer, "localASN"), has_mode ? ", " : "",
	    has_mode ? format_string(peer, "localASNMode") : "");
	format_print_line(file, "Router ID:", "%s, ours %s", format_string(peer, "remoteRouterID"),
	    format_string(peer, "localRouterID"));
	if (!format_is_null(peer, "role") || !format_is_null(peer, "remoteRole"))
		format_print_line(file, "Role:", "%s, ours %s%s", format_string(peer, "remoteRole"),
		    format_string(peer, "role"),
		    json_is_true(json_object_get(peer, "strictRole")) ? ", strict" : "");
}

static void print_peer_state(FILE *file, const json_t *peer)
{
	struct text since = {0};

	if (!format_is_null(peer, "changedSeconds"))
		format_append_duration(&since, format_number(peer, "changedSeconds"));
	format_print_line(file, "State:", "%s%s%s", format_string(peer, "state"),
	    since.length ? ", last change " : "", since.length ? since.string : "");
	if (since.length)
		text_free(&since);
	if (!format_is_null(peer, "holdReason"))
		format_print_line(file, "Held down:", "%s", format_string(peer, "holdReason"));
}

/* What went wrong last, and why the last connection ended; each only if it says something new. */
static void print_peer_troubles(FILE *file, const json_t *peer)
{
	const char *failure = format_string(json_object_get(peer, "lastFailure"), "reason");
	const char *error = format_string(peer, "lastError");
	const json_t *notification = json_object_get(peer, "lastNotification");
	struct text ago = {0};

	if (strcmp(error, "-") && *error && strcmp(error, format_string(peer, "holdReason")))
		format_print_line(file, "Last error:", "%s", error);
	if (strcmp(failure, "-") && strcmp(failure, error))
		format_print_line(file, "Last failure:", "%s", failure);
	if (!json_is_object(notification) || strstr(failure, format_string(notification, "text")))
		return;
	format_append_duration(&ago, format_number(notification, "secondsAgo"));
	format_print_line(file, "Last NOTIFICATION:", "%s %s ago: %s",
	    format_string(notification, "direction"), ago.string,
	    format_string(notification, "text"));
	text_free(&ago);
}

/* A neighbour in our AS may be any number of hops away. */
static void append_distance(struct text *text, const json_t *peer)
{
	const bool internal = format_number(peer, "remoteASN") == format_number(peer, "localASN");
	const long long security = format_number(peer, "ttlSecurity");
	const long long multihop = format_number(peer, "ebgpMultihop");

	if (security)
		text_append(text, "TTL security, %lld hop%s", security, security == 1 ? "" : "s");
	else if (internal)
		text_append(text, "any distance");
	else
		text_append(text, "%s, TTL %lld", multihop > 1 ? "multihop" : "direct", multihop);
}

static void print_peer_transport(FILE *file, const json_t *peer)
{
	struct text text = {0};

	append_distance(&text, peer);
	if (json_is_true(json_object_get(peer, "password")))
		text_append(&text, ", MD5 password");
	if (json_is_true(json_object_get(peer, "passive")))
		text_append(&text, ", passive");
	if (json_is_false(json_object_get(peer, "connectedCheck")))
		text_append(&text, ", not checked for being connected");
	format_print_line(file, "Transport:", "%s", text.string);
	text_free(&text);
}

static void print_peer_connection(FILE *file, const json_t *peer)
{
	const json_t *connection = json_object_get(peer, "connection");

	if (json_is_object(connection))
		format_print_line(file, "Connection:", "from %s port %lld to %s port %lld",
		    format_string(connection, "localAddress"),
		    format_number(connection, "localPort"),
		    format_string(connection, "remoteAddress"),
		    format_number(connection, "remotePort"));
	else
		format_print_line(file, "Connection:", "none");
}

/* "connect retry 0.3s" */
static void append_timer(
    struct text *text, const json_t *timers, const char *key, const char *label)
{
	text_append(text, "%s%s ", text->length ? ", " : "", label);
	format_append(text, json_object_get(timers, key), "");
	text_append(text, "s");
}

static void print_peer_timers(FILE *file, const json_t *peer)
{
	const json_t *timers = json_object_get(peer, "timers");
	const json_t *delay = json_object_get(timers, "delayOpenTime");
	struct text text = {0};

	append_timer(&text, timers, "holdTime", "hold");
	append_timer(&text, timers, "keepaliveTime", "keepalive");
	append_timer(&text, timers, "configuredHoldTime", "configured hold");
	append_timer(&text, timers, "connectRetryTime", "connect retry");
	if (json_number_value(delay) > 0)
		append_timer(&text, timers, "delayOpenTime", "delay of the OPEN");
	format_print_line(file, "Timers:", "%s", text.string);
	text_free(&text);
}

static const char *add_path_text(const json_t *family)
{
	const bool sends = json_is_true(json_object_get(family, "addPathSend"));
	const bool receives = json_is_true(json_object_get(family, "addPathReceive"));

	if (sends && receives)
		return ", several paths both ways";
	if (sends)
		return ", several paths sent";
	return receives ? ", several paths received" : "";
}

static void print_peer_families(FILE *file, const json_t *peer)
{
	const json_t *all = json_object_get(peer, "families");

	for (size_t i = 0; i < FAMILIES; i++) {
		const json_t *family = json_object_get(all, families[i]);
		const char *use = "not configured";

		if (json_is_true(json_object_get(family, "configured")))
			use = "not negotiated";
		if (json_is_true(json_object_get(family, "negotiated")))
			use = "negotiated";
		format_print_line(file, i ? "" : "Prefixes:",
		    "%s: %lld received, %lld accepted, %lld advertised (%s%s)", family_labels[i],
		    format_number(family, "received"), format_number(family, "accepted"),
		    format_number(family, "advertised"), use, add_path_text(family));
	}
	if (format_number(peer, "maxPrefixes"))
		format_print_line(file, "", "limit %lld per family, warning at %lld%%",
		    format_number(peer, "maxPrefixes"), format_number(peer, "maxPrefixesWarning"));
}

static void print_peer_policy(FILE *file, const json_t *peer)
{
	const json_t *export = json_object_get(peer, "export");

	if (format_is_null(peer, "import"))
		format_print_line(file, "Import:", "by default");
	else
		print_value(file, "Import:", json_object_get(peer, "import"));
	if (json_array_size(export))
		print_value(file, "Export:", export);
	else
		format_print_line(file, "Export:", "by default");
	if (json_is_true(json_object_get(peer, "routeReflectorClient")))
		format_print_line(file, "", "a route reflector client of cluster %s",
		    format_string(peer, "clusterID"));
	if (format_number(peer, "maxASPathLength"))
		format_print_line(
		    file, "", "AS paths of up to %lld", format_number(peer, "maxASPathLength"));
	if (json_is_false(json_object_get(peer, "enforceFirstAS")))
		format_print_line(file, "", "AS paths may begin with any AS");
	if (format_number(peer, "allowOwnASN"))
		format_print_line(file, "", "our own AS up to %lld times in AS paths",
		    format_number(peer, "allowOwnASN"));
	if (json_is_true(json_object_get(peer, "aigp")))
		format_print_line(file, "", "AIGP is exchanged");
	if (json_array_size(json_object_get(peer, "stripAttributes")))
		print_value(file, "  stripped:", json_object_get(peer, "stripAttributes"));
}

static void print_peer_messages(FILE *file, const json_t *peer)
{
	static const char *const kinds[] = {
	    "open", "update", "keepalive", "notification", "routeRefresh", "bytes"};
	static const char *const labels[] = {
	    "OPEN", "UPDATE", "KEEPALIVE", "NOTIFICATION", "ROUTE-REFRESH", "bytes"};
	const json_t *messages = json_object_get(peer, "messages");
	struct text counters = {0};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		format_print_line(file, i ? "" : "Messages:", "%-14s sent %-10lld received %lld",
		    labels[i], format_number(json_object_get(messages, "sent"), kinds[i]),
		    format_number(json_object_get(messages, "received"), kinds[i]));
	append_count(&counters, peer, "flaps", "flap", "s");
	append_count(&counters, peer, "connectionAttempts", "connection attempt", "s");
	format_print_line(file, "Counters:", "%s, %lld bytes queued", counters.string,
	    format_number(peer, "queuedBytes"));
	text_free(&counters);
	if (format_number(peer, "refusedPaths"))
		format_print_line(file, "", "%lld paths over the limit of one prefix refused",
		    format_number(peer, "refusedPaths"));
	format_print_line(file, "",
	    "malformed UPDATEs: %lld treated as withdraw, %lld with attributes discarded",
	    format_number(peer, "treatedAsWithdraw"), format_number(peer, "attributesDiscarded"));
}

void page_print_peer(FILE *file, const json_t *peer)
{
	const json_t *capabilities = json_object_get(peer, "capabilities");

	print_peer_identity(file, peer);
	print_peer_state(file, peer);
	print_peer_troubles(file, peer);
	print_peer_connection(file, peer);
	print_peer_transport(file, peer);
	print_peer_timers(file, peer);
	print_value(file, "Capabilities:", json_object_get(capabilities, "sent"));
	print_value(file, "  theirs:", json_object_get(capabilities, "received"));
	print_peer_families(file, peer);
	print_peer_policy(file, peer);
	print_peer_messages(file, peer);
}

/* One prefix */

static void print_path_attributes(FILE *file, const json_t *path)
{
	static const char *const lists[][2] = {
	    {"communities", "communities"},
	    {"largeCommunities", "large communities"},
	    {"extendedCommunities", "extended communities"},
	    {"clusterList", "cluster list"},
	};
	struct text text = {0};

	text_append(&text, "    next hop ");
	format_append(&text, json_object_get(path, "nextHop"), "");
	text_append(&text, ", AS path ");
	if (json_array_size(json_object_get(path, "asPath")))
		format_append_as_path(&text, json_object_get(path, "asPath"));
	else
		text_append(&text, "empty");
	text_append(&text, ", origin %s\n    local preference ", format_string(path, "origin"));
	format_append(&text, json_object_get(path, "localPref"), "");
	text_append(&text, ", MED ");
	format_append(&text, json_object_get(path, "med"), "");
	if (!format_is_null(path, "originatorID"))
		text_append(&text, ", originator %s", format_string(path, "originatorID"));
	if (!format_is_null(path, "aigp")) {
		text_append(&text, ", AIGP ");
		format_append(&text, json_object_get(path, "aigp"), "");
	}
	if (!format_is_null(path, "otc"))
		text_append(&text, ", only to customers of AS %lld", format_number(path, "otc"));
	if (!format_is_null(path, "kernelMetric"))
		text_append(&text, ", kernel metric %lld", format_number(path, "kernelMetric"));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const json_t *list = json_object_get(path, lists[i][0]);

		if (!json_array_size(list))
			continue;
		text_append(&text, "\n    %s ", lists[i][1]);
		format_append(&text, list, " ");
	}
	format_print_text(file, text.string);
	text_free(&text);
}

/* The first path in the state, or NULL; `count` is how many there are. */
static const json_t *find_path(const json_t *paths, const char *state, size_t *count)
{
	const json_t *found = NULL;

	*count = 0;
	for (size_t i = 0; i < json_array_size(paths); i++) {
		const json_t *path = json_array_get(paths, i);

		if (strcmp(format_string(path, "state"), state))
			continue;
		found = found ? found : path;
		++*count;
	}
	return found;
}

/* Why the best path is best: where the first of the others lost to it. */
static void append_winning_reason(struct text *text, const json_t *paths)
{
	size_t equals, others;
	const json_t *equal = find_path(paths, "multipath", &equals);
	const json_t *other = find_path(paths, "candidate", &others);

	if (equal)
		text_append(text, ": best, used together with %zu as good", equals);
	else if (other)
		text_append(text, ": best, by %s", format_string(other, "reason"));
	else
		text_append(text, ": best, the only usable path");
}

/* "this node (pods, fixed)", "tor-a (ebgp)" */
static void append_source(struct text *text, const json_t *path)
{
	const json_t *advertisements = json_object_get(path, "advertisements");

	if (!format_is_null(path, "peer")) {
		text_append(
		    text, "%s (%s)", format_string(path, "peer"), format_string(path, "source"));
		return;
	}
	text_append(text, "this node");
	if (json_array_size(advertisements)) {
		text_append(text, " (");
		format_append(text, advertisements, ", ");
		text_append(text, ")");
	}
}

static void print_path(FILE *file, const json_t *path, const json_t *paths)
{
	const bool best = json_is_true(json_object_get(path, "best"));
	const char *state = format_string(path, "state");
	const char *mark = !strcmp(state, "multipath") ? "=" : " ";
	struct text from = {0};

	text_append(&from, "%s from ", best ? ">" : mark);
	append_source(&from, path);
	if (!format_is_null(path, "pathID"))
		text_append(&from, " path %lld", format_number(path, "pathID"));
	if (best)
		append_winning_reason(&from, paths);
	else if (!strcmp(state, "multipath"))
		text_append(&from, ": multipath, as good as the best");
	else if (!strcmp(state, "candidate"))
		text_append(&from, ": lost by %s", format_string(path, "reason"));
	else
		text_append(&from, ": %s, %s", state, format_string(path, "reason"));
	format_print_text(file, from.string);
	text_free(&from);
	print_path_attributes(file, path);
}

void page_print_route(FILE *file, const json_t *paths)
{
	const size_t count = json_array_size(paths);

	if (!count) {
		fprintf(file, "No route.\n");
		return;
	}
	fprintf(file, "%s: %zu path%s\n", format_string(json_array_get(paths, 0), "prefix"), count,
	    count == 1 ? "" : "s");
	for (size_t i = 0; i < count; i++)
		print_path(file, json_array_get(paths, i), paths);
}
