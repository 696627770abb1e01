/*
 * kbgpctl fib and nexthops: what this daemon holds in the kernel, and how its next hops resolve.
 * Rows are copied and become JSON piece by piece.  While they are few enough to be read by people
 * they are all copied first and sorted; of more, some are copied at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "control/commands.h"
#include "control/json_value.h"

enum {
	ROWS_PER_STEP = 64,
	SORT_MAX = 10000,
	WALK_PER_STEP = 512 /* ids of the FIB that are passed */
};

/* Rows of one of the two kinds; what they point to is in the arena. */
struct fib_rows {
	const struct fib *fib;
	struct fib_cursor cursor;
	bool is_walked; /* all rows have been copied */
	bool is_long; /* too long to be sorted */
	struct arena arena;
	struct fib_route *routes;
	struct fib_next_hop *next_hops;
	size_t count;
	size_t capacity;
	size_t next;
};

static const char *copy_text(struct arena *arena, const char *text)
{
	const size_t size = text ? strlen(text) + 1 : 0;

	return text ? memcpy(arena_allocate(arena, size), text, size) : NULL;
}

static void free_rows(void *state)
{
	struct fib_rows *rows = state;

	free(rows->routes);
	free(rows->next_hops);
	arena_free(&rows->arena);
	free(rows);
}

/* Routes */

static void add_route(void *arg, const struct fib_route *route)
{
	struct fib_rows *rows = arg;
	const size_t size = route->hop_count * sizeof(*route->hops);
	struct fib_route *row;

	rows->routes =
	    memory_grow(rows->routes, &rows->capacity, rows->count + 1, sizeof(*rows->routes));
	row = &rows->routes[rows->count++];
	*row = *route;
	row->error = copy_text(&rows->arena, route->error);
	row->hops = size ? memcpy(arena_allocate(&rows->arena, size), route->hops, size) : NULL;
}

static int compare_routes(const void *a, const void *b)
{
	const struct fib_route *left = a;
	const struct fib_route *right = b;

	return ip_prefix_compare(&left->prefix, &right->prefix);
}

static json_t *hop_value(const struct fib_route_hop *hop)
{
	json_t *value = json_object();

	json_set(value, "address", json_value_address(&hop->address));
	json_set_text(value, "interface", hop->interface);
	json_set_number(value, "weight", hop->weight);
	return value;
}

/* The id of the kernel's next-hop object, if there is one. */
static json_t *object_value(uint32_t object)
{
	return object ? json_integer(object) : json_null();
}

static json_t *route_value(const struct fib_route *route)
{
	json_t *value = json_object();
	json_t *hops = json_array();

	for (size_t i = 0; i < route->hop_count; i++)
		json_array_append_new(hops, hop_value(&route->hops[i]));
	json_set(value, "prefix", json_value_prefix(&route->prefix));
	json_set_text(value, "type", route->type);
	json_set(value, "nextHops", hops);
	json_set(value, "source", json_value_address(&route->source));
	json_set_number(value, "table", route->table);
	json_set_number(value, "metric", route->metric);
	json_set_bool(value, "backup", route->backup);
	json_set(value, "nextHopObject", object_value(route->object));
	json_set_text(value, "state", fib_state_name(route->state));
	json_set_text(value, "error", route->error);
	return value;
}

/* Copies some more rows. */
static void walk_routes(struct fib_rows *rows)
{
	if (rows->is_long && rows->next == rows->count) {
		rows->next = 0;
		rows->count = 0;
		arena_reset(&rows->arena);
	}
	rows->is_walked = !fib_walk(rows->fib, &rows->cursor, WALK_PER_STEP, add_route, rows);
	if (rows->count > SORT_MAX)
		rows->is_long = true;
	else if (rows->is_walked && !rows->is_long && rows->count)
		qsort(rows->routes, rows->count, sizeof(*rows->routes), compare_routes);
}

static enum answer_step next_fib_routes(void *state, struct text *lines)
{
	struct fib_rows *rows = state;

	if (!rows->is_walked && (!rows->is_long || rows->next == rows->count)) {
		walk_routes(rows);
		return ANSWER_MORE;
	}
	for (int i = 0; i < ROWS_PER_STEP && rows->next < rows->count; i++)
		json_append_line(lines, route_value(&rows->routes[rows->next++]));
	return rows->is_walked && rows->next == rows->count ? ANSWER_END : ANSWER_MORE;
}

static const struct answer_stream route_stream = {.next = next_fib_routes, .free = free_rows};

void show_fib(struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	struct fib_rows *rows = memory_allocate_zero(1, sizeof(*rows));

	(void)arguments;
	rows->fib = speaker_fib(speaker);
	answer_with_stream(answer, "fib", &route_stream, rows);
}

/* Next hops */

static void add_next_hop(void *arg, const struct fib_next_hop *next_hop)
{
	struct fib_rows *rows = arg;
	struct fib_next_hop *row;

	rows->next_hops = memory_grow(
	    rows->next_hops, &rows->capacity, rows->count + 1, sizeof(*rows->next_hops));
	row = &rows->next_hops[rows->count++];
	*row = *next_hop;
	row->reason = copy_text(&rows->arena, next_hop->reason);
}

static int compare_next_hops(const void *a, const void *b)
{
	const struct fib_next_hop *left = a;
	const struct fib_next_hop *right = b;

	return ip_address_compare(&left->address, &right->address);
}

static json_t *next_hop_value(const struct fib_next_hop *next_hop)
{
	json_t *value = json_object();

	json_set(value, "address", json_value_address(&next_hop->address));
	json_set_bool(value, "reachable", next_hop->reachable);
	json_set_bool(value, "onLink", next_hop->on_link);
	json_set(value, "gateway", json_value_address(&next_hop->gateway));
	json_set_text(value, "interface", *next_hop->interface ? next_hop->interface : NULL);
	json_set_number(value, "cost", next_hop->cost);
	json_set(value, "via", next_hop->depth ? json_value_prefix(&next_hop->via) : json_null());
	json_set_number(value, "depth", next_hop->depth);
	json_set_number(value, "attributeSets", next_hop->users);
	json_set(value, "nextHopObject", object_value(next_hop->object));
	json_set_text(value, "reason", next_hop->reason);
	return value;
}

static enum answer_step next_fib_next_hops(void *state, struct text *lines)
{
	struct fib_rows *rows = state;

	for (int i = 0; i < ROWS_PER_STEP; i++) {
		if (rows->next == rows->count)
			return ANSWER_END;
		json_append_line(lines, next_hop_value(&rows->next_hops[rows->next++]));
	}
	return ANSWER_MORE;
}

static const struct answer_stream next_hop_stream = {.next = next_fib_next_hops, .free = free_rows};

void show_next_hops(
    struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	struct fib_rows *rows = memory_allocate_zero(1, sizeof(*rows));

	(void)arguments;
	fib_walk_next_hops(speaker_fib(speaker), add_next_hop, rows);
	if (rows->count && rows->count <= SORT_MAX)
		qsort(rows->next_hops, rows->count, sizeof(*rows->next_hops), compare_next_hops);
	answer_with_stream(answer, "nexthops", &next_hop_stream, rows);
}
