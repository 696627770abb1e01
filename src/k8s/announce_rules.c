/*
 * The rules as pure functions: objects in, a verdict out.  They are tried in the order of enum
 * k8s_reason, and the first that fails is the verdict, so that what kbgpctl shows is the nearest
 * cause and does not depend on the order of events.
 *
 * Where the rules come from:
 * - Node: Ready must be True, and Unknown (the kubelet has gone silent) is not True.
 *   NetworkUnavailable must not be True; most clusters never set it.  The exclude label counts by
 *   its presence, whatever its value, as in KEP-1143 and in MetalLB.  A node that is about to go is
 *   told by what drains it: kubectl (unschedulable), the cluster autoscaler (its taint, KEP-3836),
 *   whoever deletes the Node, or a taint that evicts pods.  The operator chooses which of all these
 *   count.  Pod CIDRs and fixed prefixes do not depend on any: pods run on such a node, too.
 * - Endpoints: an EndpointSlice is of one family, so each family is judged by its own slices.
 *   Policy Cluster wants one anywhere, policy Local one on this node; what does not say on which
 *   node it is, as in slices written by hand, is on none.  Terminating endpoints that still serve
 *   count, as kube-proxy uses them while none is ready (KEP-1669): with policy Local they drain here,
 *   and with policy Cluster no other node could do better.
 * - Deletion: finalizers may keep a Service for long after it was deleted, while whoever gave it
 *   the address already gives that to another one.
 * - Martians: loopback, link-local, multicast and reserved addresses are never announced, whoever
 *   has written them into a Service or a Node; the configuration refuses them as fixed prefixes.
 * - Traffic policy: externalTrafficPolicy rules load balancer and external IPs, and
 *   internalTrafficPolicy rules cluster IPs.
 * - Aggregates: one that is shorter than the cidr would draw traffic for addresses that the operator
 *   has left out.  One is announced for Services of policy Cluster only, as any node can serve those;
 *   beside it Services of policy Local have host routes, which are longer matches, from the nodes
 *   that can serve them.
 */
#include "k8s/announce.h"

#include <string.h>

#define EXCLUDE_LABEL "node.kubernetes.io/exclude-from-external-load-balancers"

static const struct {
	const char *name;
	const char *text;
} reasons[K8S_REASONS] = {
    [K8S_ANNOUNCED] = {"announced", "announced by this node"},
    [K8S_NODE_NOT_SELECTED] = {"nodeNotSelected",
	"the advertisement's nodeSelector does not match this node"},
    [K8S_NODE_NOT_FOUND] = {"nodeNotFound", "there is no Node object of this node's name"},
    [K8S_STOPPING] = {"stopping", "this daemon is about to end"},
    [K8S_NODE_NOT_READY] = {"nodeNotReady", "this node's condition Ready is not True"},
    [K8S_NODE_NETWORK_UNAVAILABLE] = {"nodeNetworkUnavailable",
	"this node's condition NetworkUnavailable is True"},
    [K8S_NODE_EXCLUDED] = {"nodeExcluded", "this node has the label " EXCLUDE_LABEL},
    [K8S_NODE_UNSCHEDULABLE] = {"nodeUnschedulable", "this node is unschedulable (cordoned)"},
    [K8S_NODE_TO_BE_DELETED] = {"nodeToBeDeleted",
	"this node is being deleted, or the cluster autoscaler is about to delete it"},
    [K8S_NODE_NO_EXECUTE] = {"nodeNoExecute", "this node has a taint with the effect NoExecute"},
    [K8S_SERVICE_DELETED] = {"serviceDeleted", "the Service is being deleted"},
    [K8S_SERVICE_NOT_SELECTED] = {"serviceNotSelected",
	"the advertisement's serviceSelector does not match the Service"},
    [K8S_CLASS_NOT_SELECTED] = {"loadBalancerClassNotSelected",
	"the Service's loadBalancerClass is not the advertisement's"},
    [K8S_MARTIAN] = {"martian",
	"the address is loopback, link-local, multicast or reserved, and never announced"},
    [K8S_NOT_IN_CIDRS] = {"notInCIDRs", "the address is outside of the advertisement's cidrs"},
    [K8S_IP_MODE_PROXY] = {"ipModeProxy",
	"the address belongs to a proxy in front of the cluster (ipMode: Proxy)"},
    [K8S_NO_ENDPOINT] = {"noEndpoints", "no endpoint of the Service is ready"},
    [K8S_NO_LOCAL_ENDPOINT] = {"noLocalEndpoints",
	"the traffic policy is Local and no endpoint on this node is ready"},
    [K8S_NO_ADDRESS] = {"noAddress",
	"the Service has no address of a kind that an advertisement asks for"},
    [K8S_SERVICE_GONE] = {"serviceGone", "the Service was removed"},
};

static const char *const address_kind_names[K8S_ADDRESS_KINDS] = {
    [K8S_ADDRESS_LOAD_BALANCER_IP] = "LoadBalancerIP",
    [K8S_ADDRESS_EXTERNAL_IP] = "ExternalIP",
    [K8S_ADDRESS_CLUSTER_IP] = "ClusterIP",
};

const char *k8s_reason_name(enum k8s_reason reason)
{
	return reason < K8S_REASONS ? reasons[reason].name : "unknown";
}

const char *k8s_reason_text(enum k8s_reason reason)
{
	return reason < K8S_REASONS ? reasons[reason].text : "unknown";
}

const char *k8s_address_kind_name(enum k8s_address_kind kind)
{
	return kind < K8S_ADDRESS_KINDS ? address_kind_names[kind] : "unknown";
}

static bool is_usable(const struct k8s_service *service, const struct k8s_endpoint *endpoint)
{
	if (!endpoint->address_count)
		return false;
	return service->publish_not_ready || endpoint->ready ||
	       (endpoint->serving && endpoint->terminating);
}

struct k8s_endpoint_count k8s_count_endpoints(
    const struct k8s_cluster *cluster, const struct k8s_object *service, const char *node_name)
{
	struct k8s_endpoint_count count = {0};
	const struct k8s_object *object;
	size_t cursor = 0;

	while ((
	    object = k8s_cluster_next_slice(cluster, service->namespace, service->name, &cursor))) {
		const struct k8s_endpoint_slice *slice = &object->endpoint_slice;

		for (size_t i = 0; i < slice->endpoint_count && !slice->fqdn; i++) {
			const struct k8s_endpoint *endpoint = &slice->endpoints[i];

			if (!is_usable(&service->service, endpoint))
				continue;
			count.usable[slice->family] = true;
			if (endpoint->node_name && !strcmp(endpoint->node_name, node_name))
				count.usable_local[slice->family] = true;
		}
	}
	return count;
}

/* Whether the node is in the state that the reason names. */
static bool is_in_state(const struct k8s_node *node, enum k8s_reason reason)
{
	switch (reason) {
	case K8S_STOPPING:
		return true;
	case K8S_NODE_NOT_READY:
		return node->ready != K8S_TRUE;
	case K8S_NODE_NETWORK_UNAVAILABLE:
		return node->network_unavailable == K8S_TRUE;
	case K8S_NODE_EXCLUDED:
		return k8s_labels_get(&node->labels, EXCLUDE_LABEL) != NULL;
	case K8S_NODE_UNSCHEDULABLE:
		return node->unschedulable;
	case K8S_NODE_TO_BE_DELETED:
		return node->to_be_deleted;
	case K8S_NODE_NO_EXECUTE:
		return node->no_execute;
	default:
		return false;
	}
}

enum k8s_reason k8s_judge_node_state(
    const struct k8s_node_rules *rules, const struct k8s_node *node)
{
	if (!node)
		return K8S_NODE_NOT_FOUND;
	for (enum k8s_reason reason = K8S_STOPPING; reason <= K8S_NODE_NO_EXECUTE; reason++) {
		if (rules->withdraws[reason] && is_in_state(node, reason))
			return reason;
	}
	return K8S_ANNOUNCED;
}

bool k8s_reason_is_drain(enum k8s_reason reason)
{
	return reason >= K8S_NODE_UNSCHEDULABLE && reason <= K8S_NODE_NO_EXECUTE;
}

enum k8s_reason k8s_judge_node(const struct k8s_advertisement *advertisement,
    const struct k8s_node_rules *rules, const struct k8s_object *node)
{
	if (!node) {
		/* A fixed prefix for every node needs no Node object. */
		if (advertisement->type == K8S_ADVERTISE_PREFIX &&
		    !advertisement->node_selector.count)
			return K8S_ANNOUNCED;
		return K8S_NODE_NOT_FOUND;
	}
	if (!k8s_selector_matches(&advertisement->node_selector, &node->node.labels))
		return K8S_NODE_NOT_SELECTED;
	if (advertisement->type != K8S_ADVERTISE_SERVICE)
		return K8S_ANNOUNCED;
	return k8s_judge_node_state(rules, &node->node);
}

static bool class_is_selected(
    const struct k8s_advertisement *advertisement, const struct k8s_service *service)
{
	const char *wanted = advertisement->load_balancer_class;
	const char *class = service->load_balancer_class;

	return !strcmp(wanted ? wanted : "", class ? class : "");
}

static bool is_martian(const struct ip_address *address)
{
	const struct ip_prefix host =
	    ip_prefix_from_address(address, ip_family_bits((enum ip_family)address->family));

	return ip_prefix_is_martian(&host);
}

/* The length of the shortest of the cidrs that hold the address; no cidrs: 0; none does: -1. */
static int cidr_length(
    const struct k8s_advertisement *advertisement, const struct ip_address *address)
{
	int shortest = advertisement->cidr_count ? -1 : 0;

	for (size_t i = 0; i < advertisement->cidr_count; i++) {
		const struct ip_prefix *cidr = &advertisement->cidrs[i];

		if (ip_prefix_contains(cidr, address) && (shortest < 0 || cidr->length < shortest))
			shortest = cidr->length;
	}
	return shortest;
}

static enum k8s_traffic_policy policy_of(
    const struct k8s_service *service, enum k8s_address_kind kind)
{
	return kind == K8S_ADDRESS_CLUSTER_IP ? service->internal_policy : service->external_policy;
}

enum k8s_reason k8s_judge_address(const struct k8s_advertisement *advertisement,
    const struct k8s_service *service, enum k8s_address_kind kind, const struct ip_address *address,
    bool proxy, const struct k8s_endpoint_count *endpoints)
{
	if (service->deleting)
		return K8S_SERVICE_DELETED;
	if (!k8s_selector_matches(&advertisement->service_selector, &service->labels))
		return K8S_SERVICE_NOT_SELECTED;
	if (kind == K8S_ADDRESS_LOAD_BALANCER_IP && !class_is_selected(advertisement, service))
		return K8S_CLASS_NOT_SELECTED;
	if (is_martian(address))
		return K8S_MARTIAN;
	if (cidr_length(advertisement, address) < 0)
		return K8S_NOT_IN_CIDRS;
	if (proxy)
		return K8S_IP_MODE_PROXY;
	if (policy_of(service, kind) == K8S_POLICY_LOCAL)
		return endpoints->usable_local[address->family] ? K8S_ANNOUNCED
								: K8S_NO_LOCAL_ENDPOINT;
	return endpoints->usable[address->family] ? K8S_ANNOUNCED : K8S_NO_ENDPOINT;
}

struct ip_prefix k8s_announced_prefix(const struct k8s_advertisement *advertisement,
    const struct k8s_service *service, enum k8s_address_kind kind, const struct ip_address *address)
{
	const unsigned bits = ip_family_bits((enum ip_family)address->family);
	const unsigned wanted = advertisement->aggregation_length[address->family];
	const int cidr = cidr_length(advertisement, address);

	/* An aggregate would draw traffic for neighbours that have no endpoint here. */
	if (policy_of(service, kind) == K8S_POLICY_LOCAL || wanted > bits || cidr < 0)
		return ip_prefix_from_address(address, bits);
	return ip_prefix_from_address(address, wanted > (unsigned)cidr ? wanted : (unsigned)cidr);
}
