/*
 * kbgpctl advertisements: a row per address that an advertisement of the configuration is about,
 * announced or not, with the reason.  The verdicts are copied in one walk, as the objects behind
 * them may change before the client has taken the answer; JSON is made of them piece by piece.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "control/commands.h"
#include "control/json_value.h"

enum { ROWS_PER_STEP = 64 };

/* A verdict whose texts are in the arena. */
struct verdict_row {
	struct k8s_verdict verdict;
	const char *advertisement;
	enum k8s_advertisement_type type;
};

struct verdict_walk {
	const struct config *config; /* only during the walk */
	struct arena arena;
	struct verdict_row *rows;
	size_t count;
	size_t capacity;
	size_t next;
};

static const char *copy_text(struct arena *arena, const char *text)
{
	const size_t size = strlen(text) + 1;

	return memcpy(arena_allocate(arena, size), text, size);
}

static void add_verdict(void *arg, const struct k8s_verdict *verdict)
{
	struct verdict_walk *walk = arg;
	const struct config_advertisement *advertisement;
	struct verdict_row *row;

	if (verdict->advertisement >= walk->config->advertisement_count)
		return;
	advertisement = &walk->config->advertisements[verdict->advertisement];
	walk->rows = memory_grow(walk->rows, &walk->capacity, walk->count + 1, sizeof(*walk->rows));
	row = &walk->rows[walk->count++];
	row->verdict = *verdict;
	row->verdict.namespace = copy_text(&walk->arena, verdict->namespace);
	row->verdict.name = copy_text(&walk->arena, verdict->name);
	/* Verdicts come by advertisement, so most rows share the name of the row before. */
	if (row != walk->rows && row[-1].verdict.advertisement == verdict->advertisement)
		row->advertisement = row[-1].advertisement;
	else
		row->advertisement = copy_text(&walk->arena, advertisement->name);
	row->type = advertisement->what.type;
}

static const char *type_name(enum k8s_advertisement_type type)
{
	switch (type) {
	case K8S_ADVERTISE_POD_CIDR:
		return "PodCIDR";
	case K8S_ADVERTISE_SERVICE:
		return "Service";
	case K8S_ADVERTISE_PREFIX:
		break;
	}
	return "Prefix";
}

/* An address is shown without a length, a CIDR with it. */
static json_t *address_value(const struct verdict_row *row)
{
	const struct ip_address address = ip_prefix_address(&row->verdict.address);

	if (row->type == K8S_ADVERTISE_SERVICE)
		return json_value_address(&address);
	return json_value_prefix(&row->verdict.address);
}

static json_t *verdict_value(const struct verdict_row *row)
{
	const struct k8s_verdict *verdict = &row->verdict;
	const bool is_service = row->type == K8S_ADVERTISE_SERVICE;
	json_t *value = json_object();

	json_set_text(value, "advertisement", row->advertisement);
	json_set_text(value, "type", type_name(row->type));
	json_set_text(value, "namespace", is_service ? verdict->namespace : NULL);
	json_set_text(value, "name", *verdict->name ? verdict->name : NULL);
	json_set_text(
	    value, "addressKind", is_service ? k8s_address_kind_name(verdict->kind) : NULL);
	json_set(value, "address", address_value(row));
	json_set(value, "prefix", json_value_prefix(&verdict->prefix));
	json_set_bool(value, "announced", verdict->reason == K8S_ANNOUNCED);
	json_set_text(value, "reason", k8s_reason_name(verdict->reason));
	json_set_text(value, "message", k8s_reason_text(verdict->reason));
	return value;
}

static enum answer_step next_verdicts(void *state, struct text *lines)
{
	struct verdict_walk *walk = state;

	for (int i = 0; i < ROWS_PER_STEP; i++) {
		if (walk->next == walk->count)
			return ANSWER_END;
		json_append_line(lines, verdict_value(&walk->rows[walk->next++]));
	}
	return ANSWER_MORE;
}

static void free_walk(void *state)
{
	struct verdict_walk *walk = state;

	free(walk->rows);
	arena_free(&walk->arena);
	free(walk);
}

static const struct answer_stream verdict_stream = {.next = next_verdicts, .free = free_walk};

void show_advertisements(
    struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	struct verdict_walk *walk = memory_allocate_zero(1, sizeof(*walk));

	(void)arguments;
	walk->config = speaker_config(speaker);
	k8s_announcer_walk(speaker_announcer(speaker), add_verdict, walk);
	walk->config = NULL;
	answer_with_stream(answer, "advertisements", &verdict_stream, walk);
}
