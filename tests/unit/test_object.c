/*
 * Objects decoded from JSON as the API server and kubectl print it, and every refusal with the
 * path it names.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "k8s/object.h"

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, 0, &error);

	if (!value)
		fail_msg("bad test JSON: %s", error.text);
	return value;
}

static struct k8s_object *decode(const char *text)
{
	json_t *value = parse(text);
	enum k8s_kind kind;
	struct error error;
	struct k8s_object *object;

	assert_true(k8s_object_kind(value, &kind));
	object = k8s_object_decode(value, kind, &error);
	if (!object)
		fail_msg("%s", error.text);
	json_decref(value);
	return object;
}

static void assert_address(const struct ip_address *address, const char *expected)
{
	char text[IP_TEXT_MAX];

	assert_string_equal(ip_address_print(address, text), expected);
}

static void assert_prefix(const struct ip_prefix *prefix, const char *expected)
{
	char text[IP_TEXT_MAX];

	assert_string_equal(ip_prefix_print(prefix, text), expected);
}

static const char node_text[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"node-a\","
    "\"annotations\":{\"node.alpha.kubernetes.io/ttl\":\"0\",\"kbgpd.io/asn\":\"64513\","
    "\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\"},"
    "\"creationTimestamp\":\"2024-01-01T00:00:00Z\",\"labels\":{\"kubernetes.io/os\":\"linux\","
    "\"rack\":\"r1\"},\"resourceVersion\":\"4711\",\"uid\":\"x\"},\"spec\":{\"podCIDR\":"
    "\"10.244.1.0/24\",\"podCIDRs\":[\"10.244.1.0/24\",\"fd00:10:244:1::/64\"],"
    "\"unschedulable\":true,\"taints\":[{\"effect\":\"NoSchedule\",\"key\":\"k\"}]},"
    "\"status\":{\"addresses\":[{\"address\":\"10.0.0.11\",\"type\":\"InternalIP\"},"
    "{\"address\":\"2001:db8::11\",\"type\":\"InternalIP\"},"
    "{\"address\":\"node-a\",\"type\":\"Hostname\"}],\"conditions\":["
    "{\"type\":\"NetworkUnavailable\",\"status\":\"False\"},"
    "{\"type\":\"MemoryPressure\",\"status\":\"False\"},"
    "{\"lastHeartbeatTime\":\"2024-01-01T00:00:00Z\",\"type\":\"Ready\",\"status\":\"True\"}]}}";

static void node_is_decoded(void **state)
{
	struct k8s_object *object = decode(node_text);
	const struct k8s_node *node = &object->node;

	(void)state;
	assert_int_equal(object->kind, K8S_NODE);
	assert_string_equal(object->namespace, "");
	assert_string_equal(object->name, "node-a");
	assert_string_equal(object->resource_version, "4711");
	assert_int_equal(node->pod_cidr_count, 2);
	assert_prefix(&node->pod_cidrs[0], "10.244.1.0/24");
	assert_prefix(&node->pod_cidrs[1], "fd00:10:244:1::/64");
	assert_int_equal(node->internal_ip_count, 2);
	assert_address(&node->internal_ips[0], "10.0.0.11");
	assert_address(&node->internal_ips[1], "2001:db8::11");
	assert_true(node->unschedulable);
	assert_int_equal(node->ready, K8S_TRUE);
	assert_int_equal(node->network_unavailable, K8S_FALSE);
	assert_string_equal(k8s_labels_get(&node->labels, "rack"), "r1");
	/* What others annotate comes and goes; it is no change of the object. */
	assert_int_equal(node->annotations.count, 1);
	assert_string_equal(k8s_labels_get(&node->annotations, "kbgpd.io/asn"), "64513");
	k8s_object_free(object);
}

/* The Node with these taints, or whatever comes before or after them in its spec. */
static void assert_taints(const char *taints, bool to_be_deleted, bool no_execute)
{
	char text[600];
	struct k8s_object *object;

	snprintf(text, sizeof(text),
	    "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n\"},"
	    "\"spec\":{\"taints\":%s}}",
	    taints);
	object = decode(text);
	if (object->node.to_be_deleted != to_be_deleted || object->node.no_execute != no_execute)
		fail_msg("%s", taints);
	k8s_object_free(object);
}

static void taints_are_kept_by_what_they_say(void **state)
{
	(void)state;
	assert_taints("null", false, false);
	assert_taints("[{}]", false, false);
	assert_taints("[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]", false, false);
	assert_taints("[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoExecute\"}]", false, true);
	assert_taints("[{\"effect\":\"NoExecute\"}]", false, true);
	assert_taints("[{\"key\":\"ToBeDeletedByClusterAutoscaler\",\"value\":\"1732180000\","
		      "\"effect\":\"NoSchedule\"}]",
	    true, false);
	assert_taints("[{\"key\":\"node.kubernetes.io/not-ready\",\"effect\":\"NoExecute\"},"
		      "{\"key\":\"node.kubernetes.io/unreachable\",\"effect\":\"NoExecute\"}]",
	    false, false);
	assert_taints("[{\"key\":\"node.kubernetes.io/not-ready\",\"effect\":\"NoExecute\"},"
		      "{\"key\":\"node.kubernetes.io/out-of-service\",\"effect\":\"NoExecute\"}]",
	    false, true);
}

static void a_node_that_is_being_deleted_says_so(void **state)
{
	struct k8s_object *object = decode("{\"apiVersion\":\"v1\",\"kind\":\"Node\","
					   "\"metadata\":{\"name\":\"n\",\"deletionTimestamp\":"
					   "\"2026-11-21T11:00:00Z\"}}");

	(void)state;
	assert_true(object->node.to_be_deleted);
	assert_false(object->node.no_execute);
	k8s_object_free(object);
}

static void node_without_anything_has_unknown_conditions(void **state)
{
	struct k8s_object *object = decode("{\"apiVersion\":\"v1\",\"kind\":\"Node\","
					   "\"metadata\":{\"name\":\"n\"},\"spec\":null,"
					   "\"status\":{\"conditions\":null}}");

	(void)state;
	assert_int_equal(object->node.ready, K8S_UNKNOWN);
	assert_int_equal(object->node.network_unavailable, K8S_UNKNOWN);
	assert_int_equal(object->node.pod_cidr_count, 0);
	assert_null(object->resource_version);
	k8s_object_free(object);
}

static void single_pod_cidr_is_enough(void **state)
{
	struct k8s_object *object =
	    decode("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":"
		   "{\"name\":\"n\"},\"spec\":{\"podCIDR\":\"10.1.0.0/24\"}}");

	(void)state;
	assert_int_equal(object->node.pod_cidr_count, 1);
	assert_prefix(&object->node.pod_cidrs[0], "10.1.0.0/24");
	k8s_object_free(object);
}

static const char service_text[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\",\"namespace\":"
    "\"shop\",\"creationTimestamp\":\"2024-05-02T10:00:00Z\",\"labels\":{\"expose\":\"public\"}},\"spec\":{\"allocateLoadBalancerNodePorts\":true,"
    "\"clusterIP\":\"10.96.0.5\",\"clusterIPs\":[\"10.96.0.5\",\"fd00:96::5\"],\"externalIPs\":"
    "[\"198.51.100.7\"],\"externalTrafficPolicy\":\"Local\",\"internalTrafficPolicy\":\"Cluster\","
    "\"ipFamilies\":[\"IPv4\",\"IPv6\"],\"loadBalancerClass\":\"example.com/bgp\",\"ports\":"
    "[{\"port\":80,\"protocol\":\"TCP\",\"targetPort\":8080}],\"publishNotReadyAddresses\":true,"
    "\"type\":\"LoadBalancer\"},\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.1\","
    "\"ipMode\":\"VIP\"},{\"hostname\":\"lb.example.com\"},{\"ip\":\"2001:db8::1\",\"ipMode\":"
    "\"Proxy\"}]}}}";

static void service_is_decoded(void **state)
{
	struct k8s_object *object = decode(service_text);
	const struct k8s_service *service = &object->service;

	(void)state;
	assert_string_equal(object->namespace, "shop");
	assert_int_equal(service->type, K8S_LOAD_BALANCER);
	assert_int_equal(service->external_policy, K8S_POLICY_LOCAL);
	assert_int_equal(service->internal_policy, K8S_POLICY_CLUSTER);
	assert_string_equal(service->load_balancer_class, "example.com/bgp");
	assert_true(service->publish_not_ready);
	assert_false(service->headless);
	assert_int_equal(service->cluster_ip_count, 2);
	assert_address(&service->cluster_ips[1], "fd00:96::5");
	assert_int_equal(service->external_ip_count, 1);
	assert_address(&service->external_ips[0], "198.51.100.7");
	assert_int_equal(service->ingress_count, 2);
	assert_address(&service->ingress[0].address, "192.0.2.1");
	assert_false(service->ingress[0].proxy);
	assert_address(&service->ingress[1].address, "2001:db8::1");
	assert_true(service->ingress[1].proxy);
	k8s_object_free(object);
}

static void headless_service_has_no_cluster_ip(void **state)
{
	static const char *const specs[] = {
	    "{\"clusterIP\":\"None\"}",
	    "{\"clusterIP\":\"None\",\"clusterIPs\":[\"None\"]}",
	    "{\"clusterIPs\":[\"None\"]}",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char text[300];
		struct k8s_object *object;

		snprintf(text, sizeof(text),
		    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"db\"},"
		    "\"spec\":%s}",
		    specs[i]);
		object = decode(text);
		assert_true(object->service.headless);
		assert_int_equal(object->service.cluster_ip_count, 0);
		assert_string_equal(object->namespace, "default");
		k8s_object_free(object);
	}
}

static void slice_conditions_have_the_defaults_of_the_api(void **state)
{
	struct k8s_object *object = decode(
	    "{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\",\"addressType\":"
	    "\"IPv6\",\"metadata\":{\"name\":\"web-x\",\"namespace\":\"shop\",\"labels\":{"
	    "\"kubernetes.io/service-name\":\"web\"}},\"endpoints\":["
	    "{\"addresses\":[\"fd00::1\"]},"
	    "{\"addresses\":[\"fd00::2\"],\"conditions\":{\"ready\":false},\"nodeName\":\"a\"},"
	    "{\"addresses\":[],\"conditions\":{\"ready\":false,\"serving\":true,"
	    "\"terminating\":true},\"nodeName\":\"b\"},"
	    "{\"addresses\":[\"fd00::4\",\"fd00::5\"],\"conditions\":{\"ready\":null}}],"
	    "\"ports\":[{\"port\":80}]}");
	const struct k8s_endpoint_slice *slice = &object->endpoint_slice;

	(void)state;
	assert_string_equal(slice->service, "web");
	assert_int_equal(slice->family, IPV6);
	assert_false(slice->fqdn);
	assert_int_equal(slice->endpoint_count, 4);
	assert_true(slice->endpoints[0].ready);
	assert_true(slice->endpoints[0].serving);
	assert_false(slice->endpoints[0].terminating);
	assert_null(slice->endpoints[0].node_name);
	assert_false(slice->endpoints[1].ready);
	assert_false(slice->endpoints[1].serving);
	assert_string_equal(slice->endpoints[1].node_name, "a");
	assert_true(slice->endpoints[2].serving);
	assert_true(slice->endpoints[2].terminating);
	assert_int_equal(slice->endpoints[2].address_count, 0);
	assert_true(slice->endpoints[3].ready);
	assert_int_equal(slice->endpoints[3].address_count, 2);
	k8s_object_free(object);
}

static void v1beta1_slice_takes_the_node_from_topology(void **state)
{
	struct k8s_object *object = decode(
	    "{\"apiVersion\":\"discovery.k8s.io/v1beta1\",\"kind\":\"EndpointSlice\","
	    "\"addressType\":\"FQDN\",\"metadata\":{\"name\":\"x\"},\"endpoints\":[{\"addresses\":"
	    "[\"a\"],\"topology\":{\"kubernetes.io/hostname\":\"node-b\"}}]}");

	(void)state;
	assert_string_equal(object->endpoint_slice.endpoints[0].node_name, "node-b");
	assert_null(object->endpoint_slice.service);
	assert_true(object->endpoint_slice.fqdn);
	k8s_object_free(object);
}

static void other_kinds_are_not_ours(void **state)
{
	static const char *const texts[] = {
	    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}",
	    "{\"apiVersion\":\"serving.knative.dev/v1\",\"kind\":\"Service\"}",
	    "{\"apiVersion\":\"v1\",\"kind\":\"EndpointSlice\"}",
	    "{\"kind\":\"Node\"}",
	    "{\"apiVersion\":\"v1\",\"kind\":1}",
	    "[]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *value = parse(texts[i]);
		enum k8s_kind kind;

		if (k8s_object_kind(value, &kind))
			fail_msg("taken: %s", texts[i]);
		json_decref(value);
	}
}

#define META "\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\"}"

static void errors_name_object_and_path(void **state)
{
	static const struct {
		enum k8s_kind kind;
		const char *text;
		const char *error;
	} cases[] = {
	    {K8S_SERVICE, "{" META ",\"spec\":{\"externalIPs\":[\"1.2.3.4\",\"x\"]}}",
		"Service shop/web: spec.externalIPs[1]: \"x\" is no IP address"},
	    {K8S_SERVICE, "{" META ",\"spec\":{\"externalIPs\":\"1.2.3.4\"}}",
		"Service shop/web: spec.externalIPs: expected a list, not a string"},
	    {K8S_SERVICE, "{" META ",\"spec\":{\"type\":\"Loadbalancer\"}}",
		"Service shop/web: spec.type: \"Loadbalancer\" is not known"},
	    {K8S_SERVICE, "{" META ",\"spec\":{\"externalTrafficPolicy\":1}}",
		"Service shop/web: spec.externalTrafficPolicy: expected a string, not a number"},
	    {K8S_SERVICE, "{" META ",\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"y\"}]}}}",
		"Service shop/web: status.loadBalancer.ingress[0].ip: \"y\" is no IP address"},
	    {K8S_SERVICE, "{" META ",\"spec\":{\"publishNotReadyAddresses\":\"yes\"}}",
		"Service shop/web: spec.publishNotReadyAddresses: expected true or false, not a "
		"string"},
	    {K8S_ENDPOINT_SLICE, "{" META ",\"endpoints\":[{},{\"conditions\":{\"ready\":1}}]}",
		"EndpointSlice shop/web: endpoints[1].conditions.ready: expected true or false, "
		"not a number"},
	    {K8S_ENDPOINT_SLICE, "{" META ",\"endpoints\":[7]}",
		"EndpointSlice shop/web: endpoints[0]: expected a mapping, not a number"},
	    {K8S_NODE, "{" META ",\"spec\":{\"podCIDRs\":[\"10.0.0.0\"]}}",
		"Node web: spec.podCIDRs[0]: \"10.0.0.0\" is no CIDR"},
	    {K8S_NODE, "{\"metadata\":{\"name\":\"n\",\"labels\":{\"a\":1}}}",
		"Node n: metadata.labels.a: expected a string, not a number"},
	    {K8S_NODE, "{\"metadata\":{\"labels\":{}}}",
		"Node: metadata.name or metadata.namespace is missing or no name"},
	    {K8S_NODE, "{\"metadata\":{\"name\":\"a\\nb\"}}",
		"Node: metadata.name or metadata.namespace is missing or no name"},
	    {K8S_SERVICE, "{\"metadata\":{\"name\":\"a/b\"}}",
		"Service: metadata.name or metadata.namespace is missing or no name"},
	    {K8S_SERVICE, "[]",
		"Service: metadata.name or metadata.namespace is missing or no name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *value = parse(cases[i].text);
		struct error error;

		assert_null(k8s_object_decode(value, cases[i].kind, &error));
		assert_string_equal(error.text, cases[i].error);
		json_decref(value);
	}
}

/* Replaces the first occurrence and decodes; the result must differ from the original. */
static void assert_differs(const char *text, const char *from, const char *to)
{
	char changed[3000];
	const char *at = strstr(text, from);
	struct k8s_object *a = decode(text);
	struct k8s_object *b;

	assert_non_null(at);
	snprintf(
	    changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	b = decode(changed);
	if (k8s_object_equal(a, b))
		fail_msg("no difference: %s to %s", from, to);
	k8s_object_free(a);
	k8s_object_free(b);
}

static void comparison_sees_each_field_and_not_the_version(void **state)
{
	struct k8s_object *a = decode(node_text);
	struct k8s_object *b = decode(node_text);

	(void)state;
	b->resource_version[0] = '9';
	assert_true(k8s_object_equal(a, b));
	k8s_object_free(a);
	k8s_object_free(b);
	assert_differs(node_text, "\"rack\":\"r1\"", "\"rack\":\"r2\"");
	assert_differs(node_text, "fd00:10:244:1::/64", "fd00:10:244:2::/64");
	assert_differs(node_text, "\"unschedulable\":true", "\"unschedulable\":false");
	assert_differs(node_text, "\"effect\":\"NoSchedule\"", "\"effect\":\"NoExecute\"");
	assert_differs(node_text, "\"key\":\"k\"", "\"key\":\"ToBeDeletedByClusterAutoscaler\"");
	assert_differs(node_text, "creationTimestamp", "deletionTimestamp");
	assert_differs(
	    node_text, "\"Ready\",\"status\":\"True\"", "\"Ready\",\"status\":\"Unknown\"");
	assert_differs(node_text, "10.0.0.11", "10.0.0.12");
	assert_differs(service_text, "\"LoadBalancer\"", "\"NodePort\"");
	assert_differs(service_text, "\"Local\"", "\"Cluster\"");
	assert_differs(service_text, "\"VIP\"", "\"Proxy\"");
	assert_differs(service_text, "192.0.2.1", "192.0.2.2");
	assert_differs(service_text, "example.com/bgp", "");
	assert_differs(service_text, "fd00:96::5", "fd00:96::6");
	assert_differs(service_text, "198.51.100.7", "198.51.100.8");
	assert_differs(service_text, "\"public\"", "\"private\"");
	assert_differs(service_text, "creationTimestamp", "deletionTimestamp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(node_is_decoded),
	    cmocka_unit_test(taints_are_kept_by_what_they_say),
	    cmocka_unit_test(a_node_that_is_being_deleted_says_so),
	    cmocka_unit_test(node_without_anything_has_unknown_conditions),
	    cmocka_unit_test(single_pod_cidr_is_enough),
	    cmocka_unit_test(service_is_decoded),
	    cmocka_unit_test(headless_service_has_no_cluster_ip),
	    cmocka_unit_test(slice_conditions_have_the_defaults_of_the_api),
	    cmocka_unit_test(v1beta1_slice_takes_the_node_from_topology),
	    cmocka_unit_test(other_kinds_are_not_ours),
	    cmocka_unit_test(errors_name_object_and_path),
	    cmocka_unit_test(comparison_sees_each_field_and_not_the_version),
	};

	return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
