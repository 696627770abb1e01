/*
 * The rules of the configuration put to a Service or to this node: a verdict for each of their
 * addresses.  It knows the advertisements and what each of them makes of this node, and nothing of
 * what has been announced.  Private to the announcer.
 */
#ifndef K8S_ANNOUNCE_JUDGE_H
#define K8S_ANNOUNCE_JUDGE_H

#include "k8s/announce.h"

struct announce_judge {
	const struct k8s_cluster *cluster;
	char *node_name;
	struct k8s_node_rules node_rules;
	struct k8s_rule *rules;
	enum k8s_reason *node_reasons; /* per rule: the verdict on this node */
	size_t count;
};

void announce_judge_init(
    struct announce_judge *judge, const struct k8s_cluster *cluster, const char *node_name);
void announce_judge_release(struct announce_judge *judge);
/* Other rules; the array is copied.  This node is judged by them at once. */
void announce_judge_configure(
    struct announce_judge *judge, const struct k8s_rule *rules, size_t count);
/* This node, or what it is judged by, may be another; true if the verdict on it is, for any rule. */
bool announce_judge_look_at_node(struct announce_judge *judge);
/* The node's own prefixes by one rule: its pod CIDRs, or the fixed ones. */
void announce_judge_own(
    const struct announce_judge *judge, size_t rule, k8s_verdict_callback *callback, void *arg);
/* A Service by one rule.  Headless and ExternalName Services have no addresses. */
void announce_judge_service(const struct announce_judge *judge, size_t rule,
    const struct k8s_object *service, const struct k8s_endpoint_count *endpoints,
    k8s_verdict_callback *callback, void *arg);

#endif
