/*
 * An announcer with its cluster, for tests: objects are put as YAML, and what is told is kept as a
 * set and as text.
 */
#ifndef TESTS_UNIT_ANNOUNCER_FIXTURE_H
#define TESTS_UNIT_ANNOUNCER_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "k8s/announce.h"
#include "k8s/manifests.h"

#define PREFIXES_MAX 256

/* A set of (advertisement, prefix), small and naive. */
struct pairs {
	size_t count;
	struct {
		size_t advertisement;
		struct ip_prefix prefix;
	} items[PREFIXES_MAX];
};

struct fixture {
	struct k8s_cluster *cluster;
	struct k8s_announcer *announcer;
	struct pairs announced; /* as told by the announcer */
	struct text events;
	struct text services; /* what was told of Services */
	bool is_lazy; /* what concerns all Services is left to the test */
	bool broken; /* told something that is no news, or not in order */
};

static inline size_t find_pair(
    const struct pairs *pairs, size_t advertisement, const struct ip_prefix *prefix)
{
	for (size_t i = 0; i < pairs->count; i++) {
		if (pairs->items[i].advertisement == advertisement &&
		    ip_prefix_equal(&pairs->items[i].prefix, prefix))
			return i;
	}
	return SIZE_MAX;
}

static inline void add_pair(
    struct pairs *pairs, size_t advertisement, const struct ip_prefix *prefix)
{
	assert_true(pairs->count < PREFIXES_MAX);
	pairs->items[pairs->count].advertisement = advertisement;
	pairs->items[pairs->count++].prefix = *prefix;
}

static inline bool is_among(const uint32_t *ids, size_t count, size_t id)
{
	for (size_t i = 0; i < count; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

/* Notes who asks for the prefix now; events are the differences. */
static inline void on_prefix_changed(
    void *arg, const struct ip_prefix *prefix, const uint32_t *ids, size_t count)
{
	struct fixture *fixture = arg;
	struct pairs *announced = &fixture->announced;
	const size_t before = fixture->events.length;
	char text[IP_TEXT_MAX];

	ip_prefix_print(prefix, text);
	for (size_t i = 0; i < count; i++) {
		fixture->broken = fixture->broken || (i && ids[i] <= ids[i - 1]);
		if (find_pair(announced, ids[i], prefix) != SIZE_MAX)
			continue;
		add_pair(announced, ids[i], prefix);
		text_append(&fixture->events, "+%u:%s ", ids[i], text);
	}
	for (size_t i = announced->count; i-- > 0;) {
		const size_t id = announced->items[i].advertisement;

		if (!ip_prefix_equal(&announced->items[i].prefix, prefix) ||
		    is_among(ids, count, id))
			continue;
		announced->items[i] = announced->items[--announced->count];
		text_append(&fixture->events, "-%zu:%s ", id, text);
	}
	fixture->broken = fixture->broken || fixture->events.length == before;
}

static inline void on_service_changed(void *arg, const struct k8s_service_change *change)
{
	struct fixture *fixture = arg;
	char text[IP_TEXT_MAX];

	assert_int_equal(change->prefix_count > 0, change->reason == K8S_ANNOUNCED);
	assert_int_equal(!change->service, change->reason == K8S_SERVICE_GONE);
	text_append(&fixture->services, "%s/%s", change->namespace, change->name);
	for (size_t i = 0; i < change->prefix_count; i++)
		text_append(&fixture->services, " %s", ip_prefix_print(&change->prefixes[i], text));
	if (!change->prefix_count)
		text_append(&fixture->services, " %s", k8s_reason_name(change->reason));
	text_append(&fixture->services, ". ");
}

static inline void on_changed(
    void *arg, const struct k8s_object *object, const struct k8s_object *old)
{
	struct fixture *fixture = arg;

	k8s_announcer_object_changed(fixture->announcer, object, old);
	if (!fixture->is_lazy)
		k8s_announcer_finish(fixture->announcer);
}

static inline void on_removed(void *arg, const struct k8s_object *object)
{
	struct fixture *fixture = arg;

	k8s_announcer_object_removed(fixture->announcer, object);
	if (!fixture->is_lazy)
		k8s_announcer_finish(fixture->announcer);
}

static const struct k8s_node_rules node_rules = {{[K8S_NODE_NOT_READY] = true,
    [K8S_NODE_NETWORK_UNAVAILABLE] = true,
    [K8S_NODE_EXCLUDED] = true}};
static const struct k8s_announcer_ops announcer_ops = {
    .prefix_changed = on_prefix_changed, .service_changed = on_service_changed};
static const struct k8s_cluster_ops cluster_ops = {on_changed, on_removed, NULL};

static inline int set_up(void **state)
{
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));

	fixture->cluster = k8s_cluster_new(7, &cluster_ops, fixture);
	fixture->announcer = k8s_announcer_new(fixture->cluster, "me", 7, &announcer_ops, fixture);
	k8s_announcer_set_node_rules(fixture->announcer, &node_rules);
	text_append(&fixture->events, "%s", "");
	text_append(&fixture->services, "%s", "");
	*state = fixture;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;

	k8s_announcer_free(fixture->announcer);
	k8s_cluster_free(fixture->cluster);
	text_free(&fixture->events);
	text_free(&fixture->services);
	free(fixture);
	return 0;
}

static inline void assert_events(struct fixture *fixture, const char *expected)
{
	assert_string_equal(fixture->events.string, expected);
	assert_false(fixture->broken);
	text_clear(&fixture->events);
	text_append(&fixture->events, "%s", "");
}

static inline void assert_services(struct fixture *fixture, const char *expected)
{
	assert_string_equal(fixture->services.string, expected);
	text_clear(&fixture->services);
	text_append(&fixture->services, "%s", "");
}

static inline void put_object(void *arg, struct k8s_object *object)
{
	struct fixture *fixture = arg;

	k8s_cluster_put(fixture->cluster, object);
}

static inline void no_problem(void *arg, const struct k8s_manifest_problem *problem)
{
	(void)arg;
	fail_msg("bad test manifest, line %zu: %s", problem->line, problem->what);
}

/* Puts the objects of one YAML flow text, made with printf. */
__attribute__((format(printf, 2, 3))) static inline void put(
    struct fixture *fixture, const char *format, ...)
{
	struct text text = {NULL, 0, 0};
	va_list arguments;

	va_start(arguments, format);
	text_append_list(&text, format, arguments);
	va_end(arguments);
	k8s_manifest_decode(text.string, text.length, put_object, no_problem, fixture);
	text_free(&text);
}

static inline void put_node(struct fixture *fixture, const char *name, const char *ready)
{
	put(fixture,
	    "{apiVersion: v1, kind: Node, metadata: {name: %s}, spec: {podCIDRs: [10.1.0.0/24]},"
	    " status: {conditions: [{type: Ready, status: \"%s\"}]}}",
	    name, ready);
}

static inline void put_service(
    struct fixture *fixture, const char *name, const char *policy, const char *address)
{
	put(fixture,
	    "{apiVersion: v1, kind: Service, metadata: {name: %s}, spec: {type: LoadBalancer,"
	    " externalTrafficPolicy: %s}, status: {loadBalancer: {ingress: [{ip: \"%s\"}]}}}",
	    name, policy, address);
}

static inline void put_slice(
    struct fixture *fixture, const char *name, const char *service, const char *node, bool ready)
{
	put(fixture,
	    "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata:"
	    " {name: %s, labels: {kubernetes.io/service-name: %s}}, endpoints: [{addresses:"
	    " [10.9.9.9], nodeName: %s, conditions: {ready: %s}}]}",
	    name, service, node, ready ? "true" : "false");
}

/* What `prefixes` announces. */
static struct ip_prefix fixed;

__attribute__((unused)) static const struct k8s_advertisement pods = {
    .type = K8S_ADVERTISE_POD_CIDR};
__attribute__((unused)) static const struct k8s_advertisement balancers = {
    .type = K8S_ADVERTISE_SERVICE,
    .addresses = {[K8S_ADDRESS_LOAD_BALANCER_IP] = true},
    .aggregation_length = {32, 128}};
__attribute__((unused)) static const struct k8s_advertisement aggregates = {
    .type = K8S_ADVERTISE_SERVICE,
    .addresses = {[K8S_ADDRESS_LOAD_BALANCER_IP] = true},
    .aggregation_length = {24, 64}};
__attribute__((unused)) static const struct k8s_advertisement prefixes = {
    .type = K8S_ADVERTISE_PREFIX, .prefixes = &fixed, .prefix_count = 1};

static inline void configure(struct fixture *fixture, const struct k8s_rule *rules, size_t count)
{
	k8s_announcer_configure(fixture->announcer, rules, count);
	if (!fixture->is_lazy)
		k8s_announcer_finish(fixture->announcer);
}

static inline void configure_one(struct fixture *fixture, const struct k8s_advertisement *rule)
{
	configure(fixture, &(struct k8s_rule){rule, 0}, 1);
}

#endif
