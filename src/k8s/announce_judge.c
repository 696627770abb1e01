/* Which addresses there are to judge; the rules themselves are in announce_rules.c. */
#include "k8s/announce_judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void announce_judge_init(
    struct announce_judge *judge, const struct k8s_cluster *cluster, const char *node_name)
{
	*judge =
	    (struct announce_judge){.cluster = cluster, .node_name = memory_copy_string(node_name)};
}

void announce_judge_release(struct announce_judge *judge)
{
	free(judge->node_name);
	free(judge->rules);
	free(judge->node_reasons);
}

static const struct k8s_object *find_node(const struct announce_judge *judge)
{
	return k8s_cluster_find(judge->cluster, K8S_NODE, "", judge->node_name);
}

bool announce_judge_look_at_node(struct announce_judge *judge)
{
	const struct k8s_object *node = find_node(judge);
	bool changed = false;

	for (size_t i = 0; i < judge->count; i++) {
		const enum k8s_reason reason =
		    k8s_judge_node(judge->rules[i].what, &judge->node_rules, node);

		changed = changed || reason != judge->node_reasons[i];
		judge->node_reasons[i] = reason;
	}
	return changed;
}

void announce_judge_configure(
    struct announce_judge *judge, const struct k8s_rule *rules, size_t count)
{
	free(judge->rules);
	free(judge->node_reasons);
	judge->rules = memory_allocate_zero(count + 1, sizeof(*judge->rules));
	judge->node_reasons = memory_allocate_zero(count + 1, sizeof(*judge->node_reasons));
	for (size_t i = 0; i < count; i++)
		judge->rules[i] = rules[i];
	judge->count = count;
	announce_judge_look_at_node(judge);
}

void announce_judge_own(
    const struct announce_judge *judge, size_t rule, k8s_verdict_callback *callback, void *arg)
{
	const struct k8s_advertisement *what = judge->rules[rule].what;
	const struct k8s_object *node = find_node(judge);
	const bool is_pod_cidr = what->type == K8S_ADVERTISE_POD_CIDR;
	const struct ip_prefix *prefixes = what->prefixes;
	size_t count = what->prefix_count;
	struct k8s_verdict verdict = {
	    .advertisement = rule, .namespace = "", .name = is_pod_cidr ? judge->node_name : ""};

	if (what->type == K8S_ADVERTISE_SERVICE)
		return;
	if (is_pod_cidr) {
		prefixes = node ? node->node.pod_cidrs : NULL;
		count = node ? node->node.pod_cidr_count : 0;
	}
	for (size_t n = 0; n < count; n++) {
		verdict.address = prefixes[n];
		verdict.prefix = prefixes[n];
		verdict.reason = judge->node_reasons[rule];
		if (verdict.reason == K8S_ANNOUNCED && ip_prefix_is_martian(&prefixes[n]))
			verdict.reason = K8S_MARTIAN;
		callback(arg, &verdict);
	}
}

/* Calls back with a verdict for each address of one kind. */
static void judge_addresses(const struct announce_judge *judge, struct k8s_verdict *verdict,
    const struct k8s_service *service, const struct k8s_endpoint_count *endpoints,
    k8s_verdict_callback *callback, void *arg)
{
	const struct k8s_advertisement *what = judge->rules[verdict->advertisement].what;
	const size_t counts[K8S_ADDRESS_KINDS] = {
	    [K8S_ADDRESS_LOAD_BALANCER_IP] =
		service->type == K8S_LOAD_BALANCER ? service->ingress_count : 0,
	    [K8S_ADDRESS_EXTERNAL_IP] = service->external_ip_count,
	    [K8S_ADDRESS_CLUSTER_IP] = service->cluster_ip_count,
	};

	for (size_t n = 0; n < counts[verdict->kind]; n++) {
		bool proxy = false;
		struct ip_address address;

		if (verdict->kind == K8S_ADDRESS_LOAD_BALANCER_IP) {
			address = service->ingress[n].address;
			proxy = service->ingress[n].proxy;
		} else if (verdict->kind == K8S_ADDRESS_EXTERNAL_IP) {
			address = service->external_ips[n];
		} else {
			address = service->cluster_ips[n];
		}
		verdict->address = ip_prefix_from_address(&address, ip_family_bits(address.family));
		verdict->prefix = k8s_announced_prefix(what, service, verdict->kind, &address);
		verdict->reason = judge->node_reasons[verdict->advertisement];
		if (verdict->reason == K8S_ANNOUNCED)
			verdict->reason = k8s_judge_address(
			    what, service, verdict->kind, &address, proxy, endpoints);
		callback(arg, verdict);
	}
}

void announce_judge_service(const struct announce_judge *judge, size_t rule,
    const struct k8s_object *service, const struct k8s_endpoint_count *endpoints,
    k8s_verdict_callback *callback, void *arg)
{
	const struct k8s_advertisement *what = judge->rules[rule].what;
	struct k8s_verdict verdict = {
	    .advertisement = rule, .namespace = service->namespace, .name = service->name};

	if (what->type != K8S_ADVERTISE_SERVICE || service->service.headless ||
	    service->service.type == K8S_EXTERNAL_NAME)
		return;
	for (unsigned kind = 0; kind < K8S_ADDRESS_KINDS; kind++) {
		verdict.kind = (enum k8s_address_kind)kind;
		if (what->addresses[kind])
			judge_addresses(
			    judge, &verdict, &service->service, endpoints, callback, arg);
	}
}
