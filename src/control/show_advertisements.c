/*
 * kbgpctl advertisements: a row per address that an advertisement of the configuration is about,
 * announced or not, with the reason.  They are judged and become JSON piece by piece, as the client
 * takes the answer.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "control/commands.h"
#include "control/json_value.h"
#include "speaker/merge.h"

enum { SERVICES_PER_STEP = 64 };

struct advertisement_walk {
	const struct speaker *speaker;
	struct k8s_verdict_walk *verdicts;
	struct text *lines; /* during a step */
};

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
static json_t *address_value(const struct k8s_verdict *verdict, bool is_service)
{
	const struct ip_address address = ip_prefix_address(&verdict->address);

	return is_service ? json_value_address(&address) : json_value_prefix(&verdict->address);
}

/* With which others the route is merged, and what they are at odds about. */
static void set_merge(json_t *value, const struct speaker *speaker,
    const struct k8s_verdict *verdict, const char *advertisement)
{
	json_t *with = json_array();
	json_t *conflicts = json_array();
	unsigned all = 0;
	unsigned keys;
	const char *name;

	for (size_t i = 0;
	     verdict->reason == K8S_ANNOUNCED && (name = speaker_merged_advertisement(speaker,
						      &verdict->prefix, advertisement, i, &keys));
	     i++) {
		json_array_append_new(with, json_string(name));
		all |= keys;
	}
	for (unsigned key = 0; key < MERGE_KEYS; key++)
		if (all >> key & 1)
			json_array_append_new(conflicts, json_string(merge_key_name(key)));
	json_set(value, "mergedWith", with);
	json_set(value, "conflicts", conflicts);
}

static json_t *verdict_value(const struct speaker *speaker, const struct k8s_verdict *verdict,
    const struct config_advertisement *advertisement)
{
	const bool is_service = advertisement->what.type == K8S_ADVERTISE_SERVICE;
	json_t *value = json_object();

	json_set_text(value, "advertisement", advertisement->name);
	json_set_text(value, "type", type_name(advertisement->what.type));
	json_set_text(value, "namespace", is_service ? verdict->namespace : NULL);
	json_set_text(value, "name", *verdict->name ? verdict->name : NULL);
	json_set_text(
	    value, "addressKind", is_service ? k8s_address_kind_name(verdict->kind) : NULL);
	json_set(value, "address", address_value(verdict, is_service));
	json_set(value, "prefix", json_value_prefix(&verdict->prefix));
	json_set_bool(value, "announced", verdict->reason == K8S_ANNOUNCED);
	json_set_text(value, "reason", k8s_reason_name(verdict->reason));
	json_set_text(value, "message", k8s_reason_text(verdict->reason));
	set_merge(value, speaker, verdict, advertisement->name);
	return value;
}

/* The announcer's advertisements are those of the configuration, in its order. */
static void append_verdict(void *arg, const struct k8s_verdict *verdict)
{
	const struct advertisement_walk *walk = arg;
	const struct config *config = speaker_config(walk->speaker);

	if (verdict->advertisement < config->advertisement_count)
		json_append_line(walk->lines, verdict_value(walk->speaker, verdict,
						  &config->advertisements[verdict->advertisement]));
}

static enum answer_step next_verdicts(void *state, struct text *lines)
{
	struct advertisement_walk *walk = state;

	walk->lines = lines;
	for (int i = 0; i < SERVICES_PER_STEP; i++)
		if (!k8s_verdict_walk_step(walk->verdicts, append_verdict, walk))
			return ANSWER_END;
	return ANSWER_MORE;
}

static void free_walk(void *state)
{
	struct advertisement_walk *walk = state;

	k8s_verdict_walk_free(walk->verdicts);
	free(walk);
}

static const struct answer_stream verdict_stream = {.next = next_verdicts, .free = free_walk};

void show_advertisements(
    struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	struct advertisement_walk *walk = memory_allocate_zero(1, sizeof(*walk));

	(void)arguments;
	walk->speaker = speaker;
	walk->verdicts = k8s_verdict_walk_new(speaker_announcer(speaker));
	answer_with_stream(answer, "advertisements", &verdict_stream, walk);
}
