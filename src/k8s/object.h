/*
 * The Kubernetes objects that matter to this daemon, with only the fields in use: Node, Service,
 * EndpointSlice and Secret.  Decoded from a JSON value, whether that came from a manifest or from
 * the API server.  A field of the wrong type is an error that names its path; unknown fields are
 * ignored.
 */
#ifndef K8S_OBJECT_H
#define K8S_OBJECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "k8s/secret.h"
#include "k8s/selector.h"
#include "k8s/uid.h"

enum k8s_kind { K8S_NODE, K8S_SERVICE, K8S_ENDPOINT_SLICE, K8S_SECRET, K8S_KINDS };
/* The first ones, of which all objects are listed; Secrets are asked for one by one. */
#define K8S_LISTED_KINDS K8S_SECRET

enum k8s_condition { K8S_UNKNOWN, K8S_FALSE, K8S_TRUE };

struct k8s_node {
	struct k8s_labels labels;
	struct k8s_labels annotations; /* those that begin with "kbgpd.io/" */
	struct ip_prefix *pod_cidrs; /* spec.podCIDRs, or spec.podCIDR */
	size_t pod_cidr_count;
	struct ip_address *internal_ips; /* status.addresses of type InternalIP */
	size_t internal_ip_count;
	bool unschedulable;
	bool to_be_deleted; /* it has a deletionTimestamp, or the cluster autoscaler's taint */
	bool no_execute; /* a taint of that effect that does not come with being not ready */
	enum k8s_condition ready; /* no condition: K8S_UNKNOWN */
	enum k8s_condition network_unavailable; /* likewise */
};

enum k8s_service_type { K8S_CLUSTER_IP, K8S_NODE_PORT, K8S_LOAD_BALANCER, K8S_EXTERNAL_NAME };

enum k8s_traffic_policy { K8S_POLICY_CLUSTER, K8S_POLICY_LOCAL };

/* status.loadBalancer.ingress[] with an address; entries with only a host name are skipped. */
struct k8s_ingress {
	struct ip_address address;
	bool proxy; /* ipMode: Proxy */
};

struct k8s_service {
	struct k8s_labels labels;
	struct k8s_labels annotations;
	enum k8s_service_type type;
	bool headless; /* clusterIP: None */
	enum k8s_traffic_policy external_policy;
	enum k8s_traffic_policy internal_policy;
	char *load_balancer_class; /* NULL: none */
	bool publish_not_ready;
	bool deleting; /* it has a deletionTimestamp */
	struct ip_address *cluster_ips;
	size_t cluster_ip_count;
	struct ip_address *external_ips;
	size_t external_ip_count;
	struct k8s_ingress *ingress;
	size_t ingress_count;
};

/* A missing condition has the default of the EndpointSlice API. */
struct k8s_endpoint {
	char *node_name; /* NULL: not known */
	bool ready; /* nil means true */
	bool serving; /* nil means the value of ready */
	bool terminating; /* nil means false */
	uint32_t address_count;
};

struct k8s_endpoint_slice {
	char *service; /* label kubernetes.io/service-name; NULL: belongs to none */
	enum ip_family family;
	bool fqdn; /* addressType FQDN: never counted */
	struct k8s_endpoint *endpoints;
	size_t endpoint_count;
};

struct k8s_object {
	enum k8s_kind kind;
	char *namespace; /* "" for a Node */
	char *name;
	char *resource_version; /* NULL if absent */
	struct k8s_uid uid; /* of a Node or a Service; zero if absent */
	union {
		struct k8s_node node;
		struct k8s_service service;
		struct k8s_endpoint_slice endpoint_slice;
		struct k8s_secret secret;
	};
};

/* "Node", "Service", "EndpointSlice", "Secret". */
const char *k8s_kind_name(enum k8s_kind kind);
/*
 * The kind of a JSON object by apiVersion and kind: v1 Node, Service and Secret,
 * discovery.k8s.io/v1 and v1beta1 EndpointSlice.  Returns false for any other object.
 */
bool k8s_object_kind(const json_t *value, enum k8s_kind *kind);
/*
 * The name of a JSON object of that kind, even if the object cannot be decoded; the namespace is
 * "" for a Node and "default" if there is none.  Returns false if it has no valid name.
 */
bool k8s_object_identity(
    const json_t *value, enum k8s_kind kind, const char **namespace, const char **name);
/* A new object, or NULL and the error ("Service default/web: spec.externalIPs[0]: ..."). */
struct k8s_object *k8s_object_decode(const json_t *value, enum k8s_kind kind, struct error *error);
/* True if nothing that is kept differs; the resource version does not count. */
bool k8s_object_equal(const struct k8s_object *a, const struct k8s_object *b);
/* Bytes that it takes, with all that it points to. */
size_t k8s_object_memory(const struct k8s_object *object);
void k8s_object_free(struct k8s_object *object);

#endif
