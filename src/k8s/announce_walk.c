/* Walks over all verdicts, for people: by name, as the objects may be gone when their turn comes. */
#include <stdlib.h>

#include "base/memory.h"
#include "k8s/announcer.h"
#include "k8s/service_names.h"

struct k8s_verdict_walk {
	const struct announce_judge *judge;
	struct service_names services; /* sorted */
	size_t rule;
	bool is_past_own; /* this rule's own prefixes have been judged */
	size_t next; /* Service to judge by it */
};

struct k8s_verdict_walk *k8s_verdict_walk_new(const struct k8s_announcer *announcer)
{
	struct k8s_verdict_walk *walk = memory_allocate_zero(1, sizeof(*walk));

	walk->judge = &announcer->judge;
	service_names_fill(&walk->services, walk->judge->cluster);
	service_names_sort(&walk->services);
	return walk;
}

static void judge_next_service(
    struct k8s_verdict_walk *walk, k8s_verdict_callback *callback, void *arg)
{
	const struct announce_judge *judge = walk->judge;
	const struct service_name *name = &walk->services.items[walk->next++];
	const struct k8s_object *service =
	    k8s_cluster_find(judge->cluster, K8S_SERVICE, name->namespace, name->name);
	struct k8s_endpoint_count endpoints;

	if (!service)
		return;
	endpoints = k8s_count_endpoints(judge->cluster, service, judge->node_name);
	announce_judge_service(judge, walk->rule, service, &endpoints, callback, arg);
}

bool k8s_verdict_walk_step(struct k8s_verdict_walk *walk, k8s_verdict_callback *callback, void *arg)
{
	if (walk->rule >= walk->judge->count)
		return false;
	if (!walk->is_past_own) {
		announce_judge_own(walk->judge, walk->rule, callback, arg);
		walk->is_past_own = true;
	} else if (walk->next < walk->services.count) {
		judge_next_service(walk, callback, arg);
	} else {
		walk->rule++;
		walk->is_past_own = false;
		walk->next = 0;
	}
	return true;
}

void k8s_verdict_walk_free(struct k8s_verdict_walk *walk)
{
	service_names_free(&walk->services);
	free(walk);
}

void k8s_announcer_walk(
    const struct k8s_announcer *announcer, k8s_verdict_callback *callback, void *arg)
{
	struct k8s_verdict_walk *walk = k8s_verdict_walk_new(announcer);

	while (k8s_verdict_walk_step(walk, callback, arg))
		;
	k8s_verdict_walk_free(walk);
}
