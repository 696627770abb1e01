/*
 * Which prefixes this node should announce, and why or why not: the rules of Kubernetes and of the
 * load balancers built on it, as pure functions over the objects, and the incremental engine that
 * re-runs them only for what an event touches.  It knows no BGP: an announcement is a prefix and
 * the index of the advertisement (a rule of the configuration) that asks for it.
 */
#ifndef K8S_ANNOUNCE_H
#define K8S_ANNOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "k8s/cluster.h"
#include "k8s/object.h"
#include "k8s/selector.h"

enum k8s_advertisement_type { K8S_ADVERTISE_POD_CIDR, K8S_ADVERTISE_SERVICE, K8S_ADVERTISE_PREFIX };

enum k8s_address_kind {
	K8S_ADDRESS_LOAD_BALANCER_IP,
	K8S_ADDRESS_EXTERNAL_IP,
	K8S_ADDRESS_CLUSTER_IP,
	K8S_ADDRESS_KINDS
};

/* The part of a configured advertisement that decides what is announced; owned by the caller. */
struct k8s_advertisement {
	enum k8s_advertisement_type type;
	bool addresses[K8S_ADDRESS_KINDS];
	struct ip_prefix *cidrs; /* only addresses inside; none: no limit */
	size_t cidr_count;
	struct k8s_selector service_selector;
	struct k8s_selector node_selector;
	char *load_balancer_class; /* NULL or "": Services without a class */
	uint8_t aggregation_length[IP_FAMILIES]; /* bits; 32 and 128: host routes */
	struct ip_prefix *prefixes; /* type Prefix */
	size_t prefix_count;
};

/* The verdict on one address (or CIDR), in the order in which the rules are tried. */
enum k8s_reason {
	K8S_ANNOUNCED,
	K8S_NODE_NOT_SELECTED, /* nodeSelector of the advertisement */
	K8S_NODE_NOT_FOUND, /* no Node object of this name */
	K8S_STOPPING, /* this daemon is about to end */
	K8S_NODE_NOT_READY,
	K8S_NODE_NETWORK_UNAVAILABLE,
	K8S_NODE_EXCLUDED, /* exclude-from-external-load-balancers */
	K8S_NODE_UNSCHEDULABLE, /* cordoned; with the two below the node is about to go */
	K8S_NODE_TO_BE_DELETED,
	K8S_NODE_NO_EXECUTE,
	K8S_SERVICE_DELETED, /* it has a deletionTimestamp: only finalizers keep it */
	K8S_SERVICE_NOT_SELECTED,
	K8S_CLASS_NOT_SELECTED,
	K8S_MARTIAN, /* no unicast address that others may be told of */
	K8S_NOT_IN_CIDRS,
	K8S_IP_MODE_PROXY,
	K8S_NO_ENDPOINT, /* policy Cluster: none is usable anywhere */
	K8S_NO_LOCAL_ENDPOINT, /* policy Local: none on this node */
	/* Of a Service as a whole, never of an address. */
	K8S_NO_ADDRESS, /* none of the kinds that an advertisement asks for */
	K8S_SERVICE_GONE, /* the object was removed */
	K8S_REASONS
};

/*
 * What makes this node announce no Services, for all advertisements alike: by reason, of those from
 * K8S_STOPPING to K8S_NODE_NO_EXECUTE.
 */
struct k8s_node_rules {
	bool withdraws[K8S_REASONS];
};

/* "announced", "noLocalEndpoints", ... as kbgpctl shows them. */
const char *k8s_reason_name(enum k8s_reason reason);
/* A sentence for people. */
const char *k8s_reason_text(enum k8s_reason reason);
const char *k8s_address_kind_name(enum k8s_address_kind kind);

/* One row of `kbgpctl advertisements`. */
struct k8s_verdict {
	size_t advertisement; /* index of the rule */
	const char *namespace; /* of the Service; "" for the others */
	const char *name; /* of the Service, or of the Node for a pod CIDR; "" for Prefix */
	enum k8s_address_kind kind; /* of a Service's address */
	struct ip_prefix address; /* the address or CIDR as it is in the object */
	struct ip_prefix prefix; /* what is announced for it (aggregated) */
	enum k8s_reason reason;
};

/* Endpoints of a Service, counted per family as the rules need them. */
struct k8s_endpoint_count {
	bool usable[IP_FAMILIES]; /* any usable endpoint in the cluster */
	bool usable_local[IP_FAMILIES]; /* any on this node */
};

/*
 * Usable is what kube-proxy sends traffic to: ready, or serving and terminating if none is ready
 * (KEP-1669); any at all with publishNotReadyAddresses.
 */
struct k8s_endpoint_count k8s_count_endpoints(
    const struct k8s_cluster *cluster, const struct k8s_object *service, const char *node_name);
/* Why this node announces no Services at all: K8S_ANNOUNCED if it may, `node` NULL: not found. */
enum k8s_reason k8s_judge_node_state(
    const struct k8s_node_rules *rules, const struct k8s_node *node);
/* True if the node works, but is about to go: there is time to send the traffic elsewhere. */
bool k8s_reason_is_drain(enum k8s_reason reason);
/* The verdict on the node itself for one advertisement: K8S_ANNOUNCED if it may announce. */
enum k8s_reason k8s_judge_node(const struct k8s_advertisement *advertisement,
    const struct k8s_node_rules *rules, const struct k8s_object *node);
/* The verdict for one address of a Service, the node having been judged. */
enum k8s_reason k8s_judge_address(const struct k8s_advertisement *advertisement,
    const struct k8s_service *service, enum k8s_address_kind kind, const struct ip_address *address,
    bool proxy, const struct k8s_endpoint_count *endpoints);
/*
 * What is announced for an address of a Service that is inside of the cidrs: its aggregate, or the
 * host route where the traffic policy is Local.  An aggregate is no shorter than the cidr.
 */
struct ip_prefix k8s_announced_prefix(const struct k8s_advertisement *advertisement,
    const struct k8s_service *service, enum k8s_address_kind kind,
    const struct ip_address *address);

struct k8s_announcer;

/* A Service of which other prefixes are announced than before. */
struct k8s_service_change {
	const char *namespace;
	const char *name;
	const struct k8s_object *service; /* NULL: it is gone */
	const struct ip_prefix *prefixes; /* announced for it now, ascending; none: withdrawn */
	size_t prefix_count;
	/* Of nothing announced: what the address that came nearest to it has failed. */
	enum k8s_reason reason;
};

struct k8s_announcer_ops {
	/*
	 * Other advertisements ask for the prefix than before: their numbers, ascending; none: it is
	 * not to be announced any more.  Told at most once per event and prefix.
	 */
	void (*prefix_changed)(void *arg, const struct ip_prefix *prefix,
	    const uint32_t *advertisements, size_t count);
	/*
	 * The prefixes of a Service are others than before: told once for each Service that an event
	 * has touched.  May be NULL.
	 */
	void (*service_changed)(void *arg, const struct k8s_service_change *change);
};

/* An advertisement, borrowed, and its number: the owner's, the same as long as it is configured. */
struct k8s_rule {
	const struct k8s_advertisement *what;
	uint32_t id;
};

/*
 * The engine.  The owner of the cluster forwards its events by the two functions below.  What asks
 * for a prefix is counted, so Services that share an address or an aggregate withdraw it only with
 * the last one.
 */
struct k8s_announcer *k8s_announcer_new(const struct k8s_cluster *cluster, const char *node_name,
    uint64_t hash_seed, const struct k8s_announcer_ops *ops, void *arg);
void k8s_announcer_free(struct k8s_announcer *announcer);
/* Judges this node by these rules from now on; before the first ones its state does not count. */
void k8s_announcer_set_node_rules(
    struct k8s_announcer *announcer, const struct k8s_node_rules *rules);
/*
 * Replaces the rules, whose order is that of the verdicts; the array is copied.  Only the node's own
 * prefixes are judged by them at once, the Services when k8s_announcer_continue() comes to them:
 * until it is done, rules that are gone may still be among those who ask for a prefix.
 */
void k8s_announcer_configure(
    struct k8s_announcer *announcer, const struct k8s_rule *rules, size_t count);
/*
 * Goes on with what concerns all Services, as a change of the rules or of this node does: judges one
 * of them.  False if there is nothing left to do.
 */
bool k8s_announcer_continue(struct k8s_announcer *announcer);
/* True as long as there is something left to do. */
bool k8s_announcer_is_busy(const struct k8s_announcer *announcer);
/* All that is left, at once. */
void k8s_announcer_finish(struct k8s_announcer *announcer);
void k8s_announcer_object_changed(
    struct k8s_announcer *announcer, const struct k8s_object *object, const struct k8s_object *old);
void k8s_announcer_object_removed(struct k8s_announcer *announcer, const struct k8s_object *object);

typedef void k8s_verdict_callback(void *arg, const struct k8s_verdict *verdict);
/*
 * All verdicts, by advertisement and then by object name: computed when asked, at most one Service
 * a step.  Between two steps anything may change: a verdict is of the step that gives it, and
 * Services that are new are not seen.
 */
struct k8s_verdict_walk;
struct k8s_verdict_walk *k8s_verdict_walk_new(const struct k8s_announcer *announcer);
/* False at the end. */
bool k8s_verdict_walk_step(
    struct k8s_verdict_walk *walk, k8s_verdict_callback *callback, void *arg);
void k8s_verdict_walk_free(struct k8s_verdict_walk *walk);
/* All at once. */
void k8s_announcer_walk(
    const struct k8s_announcer *announcer, k8s_verdict_callback *callback, void *arg);
/* How many Services have at least one address announced. */
size_t k8s_announcer_service_count(const struct k8s_announcer *announcer);

#endif
