/*
 * A view is a row of the table at the end: titles of the columns are in its begin function, the
 * cells of a row in its row function, in the same order.
 */
#include "kbgpctl/view.h"

#include <string.h>

#include "kbgpctl/format.h"
#include "kbgpctl/page.h"

/* A cell with any value of the row. */
static void add_value(struct text_table *table, const json_t *value)
{
	struct text text = {0};

	format_append(&text, value, ",");
	text_table_add(table, "%s", text.string);
	text_free(&text);
}

static void end_rows(struct view_output *output)
{
	text_table_end(&output->table, "None.");
}

/* Peers */

/* "received/accepted/advertised", or "-" for a family that is not configured. */
static void add_family(struct text_table *table, const json_t *peer, const char *name)
{
	const json_t *family = json_object_get(json_object_get(peer, "families"), name);

	if (json_is_true(json_object_get(family, "configured")))
		text_table_add(table, "%lld/%lld/%lld", format_number(family, "received"),
		    format_number(family, "accepted"), format_number(family, "advertised"));
	else
		text_table_add(table, "-");
}

static void add_since(struct text_table *table, const json_t *peer)
{
	struct text since = {0};

	if (format_is_null(peer, "changedSeconds"))
		text_append(&since, "never");
	else
		format_append_duration(&since, format_number(peer, "changedSeconds"));
	text_table_add(table, "%s", since.string);
	text_free(&since);
}

static void add_peer_address(struct text_table *table, const json_t *peer)
{
	struct text address = {0};

	format_append_peer_address(&address, peer);
	text_table_add(table, "%s", address.string);
	text_free(&address);
}

/* Why it is kept down goes before what went wrong last. */
static const char *peer_trouble(const json_t *peer)
{
	const char *held = json_string_value(json_object_get(peer, "holdReason"));
	const char *error = json_string_value(json_object_get(peer, "lastError"));

	if (held)
		return held;
	return error ? error : "";
}

static void print_peers(struct view_output *output, const json_t *peers)
{
	static const char *const titles[] = {"NAME", "ADDRESS", ">AS", "STATE", ">SINCE",
	    ">IPV4 RCV/ACC/ADV", ">IPV6 RCV/ACC/ADV", "LAST ERROR", NULL};
	struct text_table *table = &output->table;

	text_table_begin(table, output->file, titles);
	for (size_t i = 0; i < json_array_size(peers); i++) {
		const json_t *peer = json_array_get(peers, i);

		text_table_add(table, "%s", format_string(peer, "name"));
		add_peer_address(table, peer);
		text_table_add(table, "%lld", format_number(peer, "remoteASN"));
		text_table_add(table, "%s", format_string(peer, "state"));
		add_since(table, peer);
		add_family(table, peer, "ipv4");
		add_family(table, peer, "ipv6");
		text_table_add(table, "%s", peer_trouble(peer));
	}
	text_table_end(table, "No peers.");
}

static void print_peer_pages(struct view_output *output, const json_t *peers)
{
	for (size_t i = 0; i < json_array_size(peers); i++)
		page_print_peer(output->file, json_array_get(peers, i));
}

/* Routes */

static void begin_routes(struct view_output *output)
{
	static const char *const titles[] = {
	    "PREFIX", "STATE", "NEXT HOP", "FROM", ">PREF", ">MED", "AS PATH", "REASON", NULL};

	text_table_begin(&output->table, output->file, titles);
}

/* The origin stands behind the AS path as its first letter, incomplete as "?". */
static void add_as_path(struct text_table *table, const json_t *route)
{
	const char *origin = format_string(route, "origin");
	const char *letter = "?";
	struct text text = {0};

	if (!strcmp(origin, "IGP"))
		letter = "i";
	else if (!strcmp(origin, "EGP"))
		letter = "e";
	format_append_as_path(&text, json_object_get(route, "asPath"));
	text_append(&text, "%s%s", text.length ? " " : "", letter);
	text_table_add(table, "%s", text.string);
	text_free(&text);
}

/* Why it is not used, where its state does not say so already. */
static void add_reason(struct text_table *table, const json_t *route)
{
	const char *reason = format_string(route, "reason");
	const bool is_said = !strcmp(reason, format_string(route, "state"));

	text_table_add(table, "%s", is_said ? "" : reason);
}

static void add_route(struct view_output *output, const json_t *route)
{
	struct text_table *table = &output->table;

	text_table_add(table, "%s", format_string(route, "prefix"));
	text_table_add(table, "%s", format_string(route, "state"));
	text_table_add(table, "%s", format_string(route, "nextHop"));
	text_table_add(table, "%s",
	    format_is_null(route, "peer") ? "this node" : format_string(route, "peer"));
	add_value(table, json_object_get(route, "localPref"));
	add_value(table, json_object_get(route, "med"));
	add_as_path(table, route);
	add_reason(table, route);
}

static void begin_route(struct view_output *output)
{
	output->rows = json_array();
}

static void hold_path(struct view_output *output, const json_t *path)
{
	json_array_append_new(output->rows, json_deep_copy(path));
}

static void end_route(struct view_output *output)
{
	page_print_route(output->file, output->rows);
	json_decref(output->rows);
	output->rows = NULL;
}

/* Advertisements */

static void begin_advertisements(struct view_output *output)
{
	static const char *const titles[] = {
	    "ADVERTISEMENT", "TYPE", "OBJECT", "ADDRESS", "PREFIX", "ANNOUNCED", "REASON", NULL};

	text_table_begin(&output->table, output->file, titles);
}

/* "merged with a, b; different: localPref, med" */
static void add_merge(struct text_table *table, const json_t *row)
{
	const json_t *with = json_object_get(row, "mergedWith");
	const json_t *conflicts = json_object_get(row, "conflicts");
	struct text text = {0};

	text_append(&text, "%s", "");
	if (json_array_size(with)) {
		text_append(&text, "merged with ");
		format_append(&text, with, ", ");
	}
	if (json_array_size(conflicts)) {
		text_append(&text, "; different: ");
		format_append(&text, conflicts, ", ");
	}
	text_table_add(table, "%s", text.string);
	text_free(&text);
}

static void add_advertisement(struct view_output *output, const json_t *row)
{
	struct text_table *table = &output->table;
	const bool announced = json_is_true(json_object_get(row, "announced"));

	text_table_add(table, "%s", format_string(row, "advertisement"));
	text_table_add(table, "%s", format_string(row, "type"));
	if (format_is_null(row, "namespace"))
		text_table_add(table, "%s", format_string(row, "name"));
	else
		text_table_add(
		    table, "%s/%s", format_string(row, "namespace"), format_string(row, "name"));
	text_table_add(table, "%s", format_string(row, "address"));
	text_table_add(table, "%s", format_string(row, "prefix"));
	text_table_add(table, "%s", announced ? "yes" : "no");
	if (announced)
		add_merge(table, row);
	else
		text_table_add(
		    table, "%s: %s", format_string(row, "reason"), format_string(row, "message"));
}

/* FIB and next hops */

static void begin_fib(struct view_output *output)
{
	static const char *const titles[] = {
	    "PREFIX", "NEXT HOPS", ">OBJECT", ">TABLE", ">METRIC", "ROLE", "STATE", "ERROR", NULL};

	text_table_begin(&output->table, output->file, titles);
}

/* "10.0.0.1 eth0 weight 2, eth1 from 10.0.0.7", or "blackhole" */
static void add_hops(struct text_table *table, const json_t *row)
{
	const json_t *hops = json_object_get(row, "nextHops");
	struct text text = {0};

	if (!json_array_size(hops))
		text_append(
		    &text, "%s", format_is_null(row, "type") ? "-" : format_string(row, "type"));
	for (size_t i = 0; i < json_array_size(hops); i++) {
		const json_t *hop = json_array_get(hops, i);
		const bool on_link = format_is_null(hop, "address");

		text_append(&text, "%s%s%s%s", i ? ", " : "",
		    on_link ? "" : format_string(hop, "address"), on_link ? "" : " ",
		    format_string(hop, "interface"));
		if (format_number(hop, "weight") > 1)
			text_append(&text, " weight %lld", format_number(hop, "weight"));
	}
	if (!format_is_null(row, "source"))
		text_append(&text, " from %s", format_string(row, "source"));
	text_table_add(table, "%s", text.string);
	text_free(&text);
}

/* The id of the next-hop object; a daemon without them does not say. */
static void add_object(struct text_table *table, const json_t *row)
{
	if (json_is_integer(json_object_get(row, "nextHopObject")))
		text_table_add(table, "%lld", format_number(row, "nextHopObject"));
	else
		text_table_add(table, "-");
}

static void add_fib_route(struct view_output *output, const json_t *row)
{
	enum { TABLE_MAIN = 254 };
	struct text_table *table = &output->table;

	text_table_add(table, "%s", format_string(row, "prefix"));
	add_hops(table, row);
	add_object(table, row);
	if (format_number(row, "table") == TABLE_MAIN)
		text_table_add(table, "main");
	else
		text_table_add(table, "%lld", format_number(row, "table"));
	text_table_add(table, "%lld", format_number(row, "metric"));
	text_table_add(
	    table, "%s", json_is_true(json_object_get(row, "backup")) ? "backup" : "primary");
	text_table_add(table, "%s", format_string(row, "state"));
	text_table_add(
	    table, "%s", format_is_null(row, "error") ? "" : format_string(row, "error"));
}

static void begin_next_hops(struct view_output *output)
{
	static const char *const titles[] = {"ADDRESS", "STATE", "VIA", "INTERFACE", "OVER ROUTE",
	    ">COST", ">ATTRIBUTE SETS", ">OBJECT", "REASON", NULL};

	text_table_begin(&output->table, output->file, titles);
}

static void add_next_hop(struct view_output *output, const json_t *row)
{
	struct text_table *table = &output->table;
	const bool reachable = json_is_true(json_object_get(row, "reachable"));
	const bool on_link = json_is_true(json_object_get(row, "onLink"));

	text_table_add(table, "%s", format_string(row, "address"));
	text_table_add(table, "%s", reachable ? "reachable" : "unreachable");
	if (reachable)
		text_table_add(table, "%s", on_link ? "on link" : format_string(row, "gateway"));
	else
		text_table_add(table, "-");
	text_table_add(table, "%s", format_string(row, "interface"));
	text_table_add(table, "%s", format_string(row, "via"));
	text_table_add(table, "%lld", format_number(row, "cost"));
	text_table_add(table, "%lld", format_number(row, "attributeSets"));
	add_object(table, row);
	text_table_add(
	    table, "%s", format_is_null(row, "reason") ? "" : format_string(row, "reason"));
}

/* Others */

static void print_status(struct view_output *output, const json_t *status)
{
	page_print_status(output->file, status);
}

static void print_message(struct view_output *output, const json_t *value)
{
	format_print_text(output->file, format_string(value, "message"));
}

/* "2026-11-20T21:29:16.123Z peerUp tor-a: text" */
static void print_event(struct view_output *output, const json_t *event)
{
	static const char *const keys[] = {"subject", "prefix", "text"};
	struct text text = {0};

	text_append(&text, "%s %s", format_string(event, "time"), format_string(event, "event"));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!format_is_null(event, keys[i]))
			text_append(
			    &text, "%s%s", i == 2 ? ": " : " ", format_string(event, keys[i]));
	if (!format_is_null(event, "count"))
		text_append(&text, " %lld", format_number(event, "count"));
	format_print_text(output->file, text.string);
	text_free(&text);
}

static const struct view views[] = {
    {.name = "status", .value = print_status},
    {.name = "peers", .value = print_peers},
    {.name = "peer", .value = print_peer_pages},
    {.name = "message", .value = print_message},
    {.name = "routes", .begin = begin_routes, .row = add_route, .end = end_rows},
    {.name = "route", .begin = begin_route, .row = hold_path, .end = end_route},
    {.name = "advertisements",
	.begin = begin_advertisements,
	.row = add_advertisement,
	.end = end_rows},
    {.name = "fib", .begin = begin_fib, .row = add_fib_route, .end = end_rows},
    {.name = "nexthops", .begin = begin_next_hops, .row = add_next_hop, .end = end_rows},
    {.name = "watch", .live = true, .row = print_event},
};

const struct view *view_find(const char *name)
{
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		if (!strcmp(name, views[i].name))
			return &views[i];
	return NULL;
}
