/*
 * Any bytes as a manifest: decoded, put into a cluster, judged by an announcer under three rules,
 * and walked.  Checked on the way: what is withdrawn was announced, judging all anew gives as much
 * as event by event, and when the objects have gone nothing is left announced.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "k8s/announce.h"
#include "k8s/manifests.h"

struct target {
	struct k8s_cluster *cluster;
	struct k8s_announcer *announcer;
	struct ip_prefix *prefixes; /* announced */
	size_t announced;
	size_t capacity;
};

static void on_prefix_changed(
    void *arg, const struct ip_prefix *prefix, const uint32_t *advertisements, size_t count)
{
	struct target *target = arg;
	size_t at = 0;

	if (prefix->family >= IP_FAMILIES || (count && advertisements[count - 1] > 2))
		abort();
	while (at < target->announced && !ip_prefix_equal(&target->prefixes[at], prefix))
		at++;
	if (at == target->announced) {
		if (!count)
			abort();
		target->prefixes = memory_grow(target->prefixes, &target->capacity,
		    target->announced + 1, sizeof(*target->prefixes));
		target->prefixes[target->announced++] = *prefix;
	} else if (!count) {
		target->prefixes[at] = target->prefixes[--target->announced];
	}
}

static void on_changed(void *arg, const struct k8s_object *object, const struct k8s_object *old)
{
	struct target *target = arg;

	k8s_announcer_object_changed(target->announcer, object, old);
}

static void on_removed(void *arg, const struct k8s_object *object)
{
	struct target *target = arg;

	k8s_announcer_object_removed(target->announcer, object);
}

static void on_object(void *arg, struct k8s_object *object)
{
	struct target *target = arg;

	k8s_cluster_put(target->cluster, object);
}

static void on_problem(void *arg, const struct k8s_manifest_problem *problem)
{
	(void)arg;
	if (!problem->what || !problem->what[0])
		abort();
}

static void on_verdict(void *arg, const struct k8s_verdict *verdict)
{
	size_t *announced = arg;

	*announced += verdict->reason == K8S_ANNOUNCED;
	if (!ip_prefix_covers(&verdict->prefix, &verdict->address))
		abort();
}

static void configure(struct target *target)
{
	static const struct k8s_advertisement pods = {.type = K8S_ADVERTISE_POD_CIDR};
	static const struct k8s_advertisement hosts = {.type = K8S_ADVERTISE_SERVICE,
	    .addresses = {true, true, true},
	    .aggregation_length = {32, 128}};
	static const struct k8s_advertisement aggregates = {.type = K8S_ADVERTISE_SERVICE,
	    .addresses = {true, true, true},
	    .aggregation_length = {24, 64}};
	const struct k8s_rule rules[] = {{&pods, 0}, {&hosts, 1}, {&aggregates, 2}};

	k8s_announcer_configure(target->announcer, rules, 3);
	k8s_announcer_finish(target->announcer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct k8s_cluster_ops cluster_ops = {on_changed, on_removed, NULL};
	static const struct k8s_announcer_ops announcer_ops = {.prefix_changed = on_prefix_changed};
	static const struct k8s_node_rules node_rules = {
	    {[K8S_NODE_NOT_READY] = true, [K8S_NODE_NO_EXECUTE] = true}};
	struct target target = {0};
	size_t announced = 0;
	size_t before;

	target.cluster = k8s_cluster_new(1, &cluster_ops, &target);
	target.announcer = k8s_announcer_new(target.cluster, "node-a", 1, &announcer_ops, &target);
	k8s_announcer_set_node_rules(target.announcer, &node_rules);
	configure(&target);
	k8s_cluster_begin_view(target.cluster);
	k8s_manifest_decode((const char *)data, size, on_object, on_problem, &target);
	k8s_cluster_end_view(target.cluster);
	k8s_announcer_finish(target.announcer);
	k8s_announcer_walk(target.announcer, on_verdict, &announced);
	if (target.announced > announced || (announced && !target.announced))
		abort();
	/* All judged anew is the same as event by event. */
	before = target.announced;
	k8s_announcer_configure(target.announcer, NULL, 0);
	k8s_announcer_finish(target.announcer);
	if (target.announced)
		abort();
	configure(&target);
	if (target.announced != before)
		abort();
	k8s_cluster_begin_view(target.cluster);
	k8s_cluster_end_view(target.cluster);
	k8s_announcer_finish(target.announcer);
	if (target.announced)
		abort();
	free(target.prefixes);
	k8s_announcer_free(target.announcer);
	k8s_cluster_free(target.cluster);
	return 0;
}
