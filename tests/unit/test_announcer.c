/*
 * The incremental engine: what is told, in which order, and that after any events its state is
 * what judging everything from scratch gives.
 */
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

#define RULES_MAX 8
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
	size_t next[RULES_MAX]; /* how `renumbered` changes the indices; SIZE_MAX: gone */
	struct text events;
	struct text services; /* what was told of Services */
	bool broken; /* told twice, or withdrawn without being announced */
};

static size_t find_pair(
    const struct pairs *pairs, size_t advertisement, const struct ip_prefix *prefix)
{
	for (size_t i = 0; i < pairs->count; i++) {
		if (pairs->items[i].advertisement == advertisement &&
		    ip_prefix_equal(&pairs->items[i].prefix, prefix))
			return i;
	}
	return SIZE_MAX;
}

static void add_pair(struct pairs *pairs, size_t advertisement, const struct ip_prefix *prefix)
{
	assert_true(pairs->count < PREFIXES_MAX);
	pairs->items[pairs->count].advertisement = advertisement;
	pairs->items[pairs->count++].prefix = *prefix;
}

static void on_announce(void *arg, size_t advertisement, const struct ip_prefix *prefix)
{
	struct fixture *fixture = arg;
	char text[IP_TEXT_MAX];

	fixture->broken =
	    fixture->broken || find_pair(&fixture->announced, advertisement, prefix) != SIZE_MAX;
	add_pair(&fixture->announced, advertisement, prefix);
	text_append(&fixture->events, "+%zu:%s ", advertisement, ip_prefix_print(prefix, text));
}

static void on_withdraw(void *arg, size_t advertisement, const struct ip_prefix *prefix)
{
	struct fixture *fixture = arg;
	const size_t at = find_pair(&fixture->announced, advertisement, prefix);
	char text[IP_TEXT_MAX];

	if (at == SIZE_MAX)
		fixture->broken = true;
	else
		fixture->announced.items[at] = fixture->announced.items[--fixture->announced.count];
	text_append(&fixture->events, "-%zu:%s ", advertisement, ip_prefix_print(prefix, text));
}

static void on_renumbered(void *arg)
{
	struct fixture *fixture = arg;

	for (size_t i = 0; i < fixture->announced.count; i++) {
		const size_t next = fixture->next[fixture->announced.items[i].advertisement];

		fixture->broken = fixture->broken || next == SIZE_MAX;
		fixture->announced.items[i].advertisement = next;
	}
}

static void on_service_changed(void *arg, const struct k8s_service_change *change)
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

static void on_changed(void *arg, const struct k8s_object *object, const struct k8s_object *old)
{
	struct fixture *fixture = arg;

	k8s_announcer_object_changed(fixture->announcer, object, old);
}

static void on_removed(void *arg, const struct k8s_object *object)
{
	struct fixture *fixture = arg;

	k8s_announcer_object_removed(fixture->announcer, object);
}

static const struct k8s_node_rules node_rules = {{[K8S_NODE_NOT_READY] = true,
    [K8S_NODE_NETWORK_UNAVAILABLE] = true,
    [K8S_NODE_EXCLUDED] = true}};
static const struct k8s_announcer_ops announcer_ops = {.announce = on_announce,
    .withdraw = on_withdraw,
    .renumbered = on_renumbered,
    .service_changed = on_service_changed};
static const struct k8s_cluster_ops cluster_ops = {on_changed, on_removed, NULL};

static int set_up(void **state)
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

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	k8s_announcer_free(fixture->announcer);
	k8s_cluster_free(fixture->cluster);
	text_free(&fixture->events);
	text_free(&fixture->services);
	free(fixture);
	return 0;
}

static void assert_events(struct fixture *fixture, const char *expected)
{
	assert_string_equal(fixture->events.string, expected);
	assert_false(fixture->broken);
	text_clear(&fixture->events);
	text_append(&fixture->events, "%s", "");
}

static void put_object(void *arg, struct k8s_object *object)
{
	struct fixture *fixture = arg;

	k8s_cluster_put(fixture->cluster, object);
}

static void no_problem(void *arg, const struct k8s_manifest_problem *problem)
{
	(void)arg;
	fail_msg("bad test manifest, line %zu: %s", problem->line, problem->what);
}

/* Puts the objects of one YAML flow text, made with printf. */
__attribute__((format(printf, 2, 3))) static void put(
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

static void put_node(struct fixture *fixture, const char *name, const char *ready)
{
	put(fixture,
	    "{apiVersion: v1, kind: Node, metadata: {name: %s}, spec: {podCIDRs: [10.1.0.0/24]},"
	    " status: {conditions: [{type: Ready, status: \"%s\"}]}}",
	    name, ready);
}

static void put_service(
    struct fixture *fixture, const char *name, const char *policy, const char *address)
{
	put(fixture,
	    "{apiVersion: v1, kind: Service, metadata: {name: %s}, spec: {type: LoadBalancer,"
	    " externalTrafficPolicy: %s}, status: {loadBalancer: {ingress: [{ip: \"%s\"}]}}}",
	    name, policy, address);
}

static void put_slice(
    struct fixture *fixture, const char *name, const char *service, const char *node, bool ready)
{
	put(fixture,
	    "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata:"
	    " {name: %s, labels: {kubernetes.io/service-name: %s}}, endpoints: [{addresses:"
	    " [10.9.9.9], nodeName: %s, conditions: {ready: %s}}]}",
	    name, service, node, ready ? "true" : "false");
}

static struct ip_prefix fixed;

static const struct k8s_advertisement pods = {.type = K8S_ADVERTISE_POD_CIDR};
static const struct k8s_advertisement balancers = {.type = K8S_ADVERTISE_SERVICE,
    .addresses = {[K8S_ADDRESS_LOAD_BALANCER_IP] = true},
    .aggregation_length = {32, 128}};
static const struct k8s_advertisement aggregates = {.type = K8S_ADVERTISE_SERVICE,
    .addresses = {[K8S_ADDRESS_LOAD_BALANCER_IP] = true},
    .aggregation_length = {24, 64}};
static const struct k8s_advertisement prefixes = {
    .type = K8S_ADVERTISE_PREFIX, .prefixes = &fixed, .prefix_count = 1};

static void configure_one(struct fixture *fixture, const struct k8s_advertisement *rule)
{
	const size_t previous = SIZE_MAX;

	fixture->next[0] = SIZE_MAX;
	k8s_announcer_configure(fixture->announcer, &rule, &previous, 1);
}

static void pod_cidr_comes_and_goes_with_the_own_node(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &pods);
	put_node(fixture, "other", "True");
	assert_events(fixture, "");
	put_node(fixture, "me", "False");
	assert_events(fixture, "+0:10.1.0.0/24 ");
	put_node(fixture, "me", "True");
	assert_events(fixture, "");
	k8s_cluster_remove(fixture->cluster, K8S_NODE, "", "me");
	assert_events(fixture, "-0:10.1.0.0/24 ");
}

static void note_reason(void *arg, const struct k8s_verdict *verdict)
{
	struct text *reasons = arg;

	text_append(reasons, "%s ", k8s_reason_name(verdict->reason));
}

static void martian_pod_cidr_is_not_announced(void **state)
{
	struct fixture *fixture = *state;
	struct text reasons = {NULL, 0, 0};

	configure_one(fixture, &pods);
	put(fixture, "{apiVersion: v1, kind: Node, metadata: {name: me}, spec: {podCIDRs:"
		     " [224.0.0.0/24, 10.1.0.0/24, \"fe80::/64\"]}}");
	assert_events(fixture, "+0:10.1.0.0/24 ");
	k8s_announcer_walk(fixture->announcer, note_reason, &reasons);
	assert_string_equal(reasons.string, "martian announced martian ");
	text_free(&reasons);
}

static void fixed_prefix_needs_no_node(void **state)
{
	struct fixture *fixture = *state;

	assert_true(ip_prefix_parse("198.51.100.0/24", &fixed, NULL));
	configure_one(fixture, &prefixes);
	assert_events(fixture, "+0:198.51.100.0/24 ");
	put_node(fixture, "me", "True");
	k8s_cluster_remove(fixture->cluster, K8S_NODE, "", "me");
	assert_events(fixture, "");
}

static void service_follows_endpoints_and_node(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_node(fixture, "me", "True");
	put_service(fixture, "web", "Local", "192.0.2.1");
	put_slice(fixture, "web-1", "web", "other", true);
	assert_events(fixture, "");
	put_slice(fixture, "web-2", "web", "me", true);
	assert_events(fixture, "+0:192.0.2.1/32 ");
	assert_int_equal(k8s_announcer_service_count(fixture->announcer), 1);
	put_slice(fixture, "web-2", "web", "me", false);
	assert_events(fixture, "-0:192.0.2.1/32 ");
	assert_int_equal(k8s_announcer_service_count(fixture->announcer), 0);
	put_service(fixture, "web", "Cluster", "192.0.2.1");
	assert_events(fixture, "+0:192.0.2.1/32 ");
	put_node(fixture, "me", "Unknown");
	assert_events(fixture, "-0:192.0.2.1/32 ");
	put_node(fixture, "me", "True");
	put_node(fixture, "other", "False");
	assert_events(fixture, "+0:192.0.2.1/32 ");
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "web");
	assert_events(fixture, "-0:192.0.2.1/32 ");
}

static void other_node_rules_judge_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct k8s_node_rules rules = node_rules;
	struct text reasons = {NULL, 0, 0};

	configure_one(fixture, &balancers);
	put(fixture,
	    "{apiVersion: v1, kind: Node, metadata: {name: me}, spec: {unschedulable: true},"
	    " status: {conditions: [{type: Ready, status: \"True\"}]}}");
	put_service(fixture, "web", "Cluster", "192.0.2.1");
	put_slice(fixture, "web-1", "web", "me", true);
	assert_events(fixture, "+0:192.0.2.1/32 ");
	rules.withdraws[K8S_NODE_UNSCHEDULABLE] = true;
	k8s_announcer_set_node_rules(fixture->announcer, &rules);
	assert_events(fixture, "-0:192.0.2.1/32 ");
	k8s_announcer_walk(fixture->announcer, note_reason, &reasons);
	assert_string_equal(reasons.string, "nodeUnschedulable ");
	k8s_announcer_set_node_rules(fixture->announcer, &rules);
	assert_events(fixture, "");
	k8s_announcer_set_node_rules(fixture->announcer, &node_rules);
	assert_events(fixture, "+0:192.0.2.1/32 ");
	text_free(&reasons);
}

static void changed_address_is_announced_before_the_old_one_goes(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_node(fixture, "me", "True");
	put_service(fixture, "web", "Cluster", "192.0.2.1");
	put_slice(fixture, "web-1", "web", "me", true);
	assert_events(fixture, "+0:192.0.2.1/32 ");
	put_service(fixture, "web", "Cluster", "192.0.2.9");
	assert_events(fixture, "+0:192.0.2.9/32 -0:192.0.2.1/32 ");
	put_service(fixture, "web", "Cluster", "192.0.2.3");
	assert_events(fixture, "+0:192.0.2.3/32 -0:192.0.2.9/32 ");
}

static void shared_address_goes_with_the_last_service(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_node(fixture, "me", "True");
	put_slice(fixture, "a-1", "a", "me", true);
	put_slice(fixture, "b-1", "b", "me", true);
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	put_service(fixture, "b", "Cluster", "192.0.2.1");
	assert_events(fixture, "+0:192.0.2.1/32 ");
	assert_int_equal(k8s_announcer_service_count(fixture->announcer), 2);
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "a");
	assert_events(fixture, "");
	put_slice(fixture, "b-1", "b", "me", false);
	assert_events(fixture, "-0:192.0.2.1/32 ");
}

static void slice_that_changes_its_service_touches_both(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_node(fixture, "me", "True");
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	put_service(fixture, "b", "Cluster", "192.0.2.2");
	put_slice(fixture, "s", "a", "me", true);
	assert_events(fixture, "+0:192.0.2.1/32 ");
	put_slice(fixture, "s", "b", "me", true);
	assert_events(fixture, "+0:192.0.2.2/32 -0:192.0.2.1/32 ");
	/* With one address for both it never goes away. */
	put_service(fixture, "a", "Cluster", "192.0.2.2");
	put_slice(fixture, "s", "a", "me", true);
	assert_events(fixture, "");
}

static void aggregate_is_split_for_policy_local(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &aggregates);
	put_node(fixture, "me", "True");
	put_slice(fixture, "a-1", "a", "me", true);
	put_slice(fixture, "b-1", "b", "me", true);
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	put_service(fixture, "b", "Cluster", "192.0.2.2");
	assert_events(fixture, "+0:192.0.2.0/24 ");
	put_service(fixture, "b", "Local", "192.0.2.2");
	assert_events(fixture, "+0:192.0.2.2/32 ");
	put_service(fixture, "a", "Local", "192.0.2.1");
	assert_events(fixture, "+0:192.0.2.1/32 -0:192.0.2.0/24 ");
}

static void assert_services(struct fixture *fixture, const char *expected)
{
	assert_string_equal(fixture->services.string, expected);
	text_clear(&fixture->services);
	text_append(&fixture->services, "%s", "");
}

static void each_service_is_told_what_is_announced_for_it_and_why_not(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_node(fixture, "me", "True");
	put_service(fixture, "a", "Local", "192.0.2.1");
	assert_services(fixture, "");
	put_slice(fixture, "a-1", "a", "me", true);
	assert_services(fixture, "default/a 192.0.2.1/32. ");
	put_slice(fixture, "b-1", "b", "other", true);
	/* The prefix is announced already, but not for this Service. */
	put_service(fixture, "b", "Cluster", "192.0.2.1");
	assert_services(fixture, "default/b 192.0.2.1/32. ");
	put_service(fixture, "b", "Cluster", "192.0.2.2");
	assert_services(fixture, "default/b 192.0.2.2/32. ");
	put_slice(fixture, "b-2", "b", "me", true);
	assert_services(fixture, "");
	put_slice(fixture, "a-1", "a", "me", false);
	assert_services(fixture, "default/a noLocalEndpoints. ");
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "a");
	assert_services(fixture, "");
	put_node(fixture, "me", "False");
	assert_services(fixture, "default/b nodeNotReady. ");
	put_node(fixture, "me", "True");
	text_clear(&fixture->services);
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "b");
	assert_services(fixture, "default/b serviceGone. ");
}

static void service_without_an_address_is_told_of(void **state)
{
	struct fixture *fixture = *state;

	configure_one(fixture, &balancers);
	put_node(fixture, "me", "True");
	put_slice(fixture, "a-1", "a", "me", true);
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	text_clear(&fixture->services);
	put(fixture, "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type:"
		     " LoadBalancer}}");
	assert_services(fixture, "default/a noAddress. ");
}

static void only_the_right_kinds_of_service_have_addresses(void **state)
{
	const struct k8s_advertisement all = {.type = K8S_ADVERTISE_SERVICE,
	    .addresses = {true, true, true},
	    .aggregation_length = {32, 128}};
	struct fixture *fixture = *state;

	configure_one(fixture, &all);
	put_node(fixture, "me", "True");
	put_slice(fixture, "s-1", "s", "me", true);
	put(fixture, "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: NodePort,"
		     " clusterIP: 10.96.0.1, externalIPs: [192.0.2.7]}, status: {loadBalancer:"
		     " {ingress: [{ip: 192.0.2.8}]}}}");
	assert_events(fixture, "+0:10.96.0.1/32 +0:192.0.2.7/32 ");
	put(fixture,
	    "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: ExternalName,"
	    " externalIPs: [192.0.2.7]}}");
	assert_events(fixture, "-0:10.96.0.1/32 -0:192.0.2.7/32 ");
	put(fixture, "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {clusterIP: None,"
		     " externalIPs: [192.0.2.7]}}");
	assert_events(fixture, "");
}

static void reconfiguration_tells_only_the_difference(void **state)
{
	const struct k8s_advertisement *const first[] = {&pods, &balancers};
	const struct k8s_advertisement *const second[] = {&aggregates, &balancers, &pods};
	const size_t none[] = {SIZE_MAX, SIZE_MAX};
	const size_t moved[] = {SIZE_MAX, SIZE_MAX, 0};
	struct fixture *fixture = *state;

	put_node(fixture, "me", "True");
	put_slice(fixture, "a-1", "a", "me", true);
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	k8s_announcer_configure(fixture->announcer, first, none, 2);
	assert_int_equal(fixture->announced.count, 2);
	text_clear(&fixture->events);
	/* The rule for pods goes on under another index, the other one begins anew. */
	fixture->next[0] = 2;
	fixture->next[1] = SIZE_MAX;
	k8s_announcer_configure(fixture->announcer, second, moved, 3);
	assert_int_equal(fixture->announced.count, 3);
	assert_null(strstr(fixture->events.string, "10.1.0.0"));
	assert_int_equal(strncmp(fixture->events.string, "-1:192.0.2.1/32 ", 16), 0);
	assert_non_null(strstr(fixture->events.string, "+1:192.0.2.1/32 "));
	assert_non_null(strstr(fixture->events.string, "+0:192.0.2.0/24 "));
	text_clear(&fixture->events);
	k8s_announcer_configure(fixture->announcer, NULL, NULL, 0);
	assert_int_equal(fixture->announced.count, 0);
	assert_false(fixture->broken);
}

static void print_verdict(void *arg, const struct k8s_verdict *verdict)
{
	char address[IP_TEXT_MAX];
	char prefix[IP_TEXT_MAX];

	text_append(arg, "%zu %s/%s %s %s %s\n", verdict->advertisement, verdict->namespace,
	    verdict->name, ip_prefix_print(&verdict->address, address),
	    ip_prefix_print(&verdict->prefix, prefix), k8s_reason_name(verdict->reason));
}

static void walk_is_in_order_and_says_why(void **state)
{
	const struct k8s_advertisement *const rules[] = {&aggregates, &pods, &prefixes};
	const size_t none[] = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
	struct fixture *fixture = *state;
	struct text text = {NULL, 0, 0};

	assert_true(ip_prefix_parse("198.51.100.0/24", &fixed, NULL));
	k8s_announcer_configure(fixture->announcer, rules, none, 3);
	put_node(fixture, "me", "True");
	put_service(fixture, "b", "Cluster", "192.0.2.2");
	put_service(fixture, "c", "Local", "192.0.2.3");
	put_service(fixture, "a", "Cluster", "192.0.2.1");
	put_slice(fixture, "a-1", "a", "x", true);
	put_slice(fixture, "c-1", "c", "x", true);
	k8s_announcer_walk(fixture->announcer, print_verdict, &text);
	assert_string_equal(text.string, "0 default/a 192.0.2.1/32 192.0.2.0/24 announced\n"
					 "0 default/b 192.0.2.2/32 192.0.2.0/24 noEndpoints\n"
					 "0 default/c 192.0.2.3/32 192.0.2.3/32 noLocalEndpoints\n"
					 "1 /me 10.1.0.0/24 10.1.0.0/24 announced\n"
					 "2 / 198.51.100.0/24 198.51.100.0/24 announced\n");
	text_clear(&text);
	put_node(fixture, "me", "False");
	k8s_announcer_walk(fixture->announcer, print_verdict, &text);
	assert_int_equal(
	    strncmp(text.string, "0 default/a 192.0.2.1/32 192.0.2.0/24 nodeNotReady\n", 51), 0);
	text_free(&text);
}

/* Between two steps a Service goes, one comes, and the node is another. */
static void walk_goes_on_while_things_change(void **state)
{
	struct fixture *fixture = *state;
	struct k8s_verdict_walk *walk;
	struct text text = {NULL, 0, 0};
	bool more = true;

	configure_one(fixture, &pods);
	walk = k8s_verdict_walk_new(fixture->announcer);
	assert_true(k8s_verdict_walk_step(walk, print_verdict, &text));
	k8s_verdict_walk_free(walk);
	text_clear(&text);
	put_node(fixture, "me", "True");
	for (char name[] = "a"; name[0] <= 'd'; name[0]++)
		put_service(fixture, name, "Cluster", "192.0.2.1");
	configure_one(fixture, &balancers);
	walk = k8s_verdict_walk_new(fixture->announcer);
	while (!text.length && more)
		more = k8s_verdict_walk_step(walk, print_verdict, &text);
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "b");
	put_service(fixture, "e", "Cluster", "192.0.2.5");
	put_service(fixture, "d", "Cluster", "192.0.2.9");
	while (more)
		more = k8s_verdict_walk_step(walk, print_verdict, &text);
	assert_non_null(strstr(text.string, "default/a "));
	assert_null(strstr(text.string, "default/b "));
	assert_non_null(strstr(text.string, "default/c "));
	assert_non_null(strstr(text.string, "default/d 192.0.2.9/32"));
	assert_null(strstr(text.string, "default/e "));
	k8s_verdict_walk_free(walk);
	/* It may be left in the middle, also without any rule. */
	k8s_verdict_walk_free(k8s_verdict_walk_new(fixture->announcer));
	text_free(&text);
}

/* The model: random objects, and everything judged from scratch after each event. */

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static unsigned pick(uint32_t *random, unsigned count)
{
	return next_random(random) % count;
}

static const char *pick_word(uint32_t *random, const char *const *words, unsigned count)
{
	return words[pick(random, count)];
}

static void put_random_service(struct fixture *fixture, uint32_t *random)
{
	static const char *const types[] = {
	    "LoadBalancer", "LoadBalancer", "ClusterIP", "NodePort", "ExternalName"};
	static const char *const policies[] = {"Local", "Cluster"};
	static const char *const classes[] = {"\"\"", "\"\"", "a/b"};
	static const char *const exposes[] = {"public", "private"};
	static const char *const cluster_ips[] = {"None", "10.96.0.1", "10.96.1.1"};
	static const char *const modes[] = {"VIP", "Proxy", "VIP", "VIP"};

	put(fixture,
	    "{apiVersion: v1, kind: Service, metadata: {name: s%u, labels: {expose: %s}}, spec: "
	    "{type: %s, externalTrafficPolicy: %s, internalTrafficPolicy: %s, loadBalancerClass: %s,"
	    " clusterIP: %s, externalIPs: [198.51.100.%u], publishNotReadyAddresses: %s}, status:"
	    " {loadBalancer: {ingress: [{ip: 192.0.2.%u, ipMode: %s}, {ip: \"2001:db8::%u\"}]}}}",
	    pick(random, 6), pick_word(random, exposes, 2), pick_word(random, types, 5),
	    pick_word(random, policies, 2), pick_word(random, policies, 2),
	    pick_word(random, classes, 3), pick_word(random, cluster_ips, 3), pick(random, 4),
	    pick(random, 8) ? "false" : "true", pick(random, 4), pick_word(random, modes, 4),
	    pick(random, 3));
}

static void put_random_slice(struct fixture *fixture, uint32_t *random)
{
	static const char *const types[] = {"IPv4", "IPv4", "IPv6", "FQDN"};
	static const char *const bools[] = {"true", "false", "null"};
	static const char *const nodes[] = {"me", "other", "null"};

	put(fixture,
	    "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: %s, metadata:"
	    " {name: e%u, labels: {kubernetes.io/service-name: s%u}}, endpoints: [{addresses: [a],"
	    " nodeName: %s, conditions: {ready: %s, serving: %s, terminating: %s}}, {addresses:"
	    " [b], nodeName: %s, conditions: {ready: %s}}]}",
	    pick_word(random, types, 4), pick(random, 10), pick(random, 6),
	    pick_word(random, nodes, 3), pick_word(random, bools, 3), pick_word(random, bools, 3),
	    pick_word(random, bools, 3), pick_word(random, nodes, 3), pick_word(random, bools, 3));
}

static void put_random_node(struct fixture *fixture, uint32_t *random)
{
	static const char *const names[] = {"me", "other"};
	static const char *const conditions[] = {"\"True\"", "\"True\"", "\"False\"", "Unknown"};
	static const char *const labels[] = {"rack: r1", "rack: r1", "rack: r2",
	    "node.kubernetes.io/exclude-from-external-load-balancers: \"\""};

	put(fixture,
	    "{apiVersion: v1, kind: Node, metadata: {name: %s, labels: {%s}}, spec: {podCIDRs:"
	    " [10.1.%u.0/24, \"fd00:%u::/64\"]}, status: {conditions: [{type: Ready, status: %s},"
	    " {type: NetworkUnavailable, status: %s}]}}",
	    pick_word(random, names, 2), pick_word(random, labels, 4), pick(random, 3),
	    pick(random, 3), pick_word(random, conditions, 4),
	    pick(random, 6) ? "\"False\"" : "\"True\"");
}

static void random_event(struct fixture *fixture, uint32_t *random)
{
	char name[16];

	switch (pick(random, 10)) {
	case 0:
	case 1:
	case 2:
		put_random_service(fixture, random);
		return;
	case 3:
	case 4:
	case 5:
	case 6:
		put_random_slice(fixture, random);
		return;
	case 7:
		put_random_node(fixture, random);
		return;
	case 8:
		snprintf(name, sizeof(name), "e%u", pick(random, 10));
		k8s_cluster_remove(fixture->cluster, K8S_ENDPOINT_SLICE, "default", name);
		return;
	default:
		if (!pick(random, 6)) {
			k8s_cluster_remove(fixture->cluster, K8S_NODE, "", "me");
			return;
		}
		snprintf(name, sizeof(name), "s%u", pick(random, 6));
		k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", name);
	}
}

static void expect_pair(struct pairs *pairs, size_t i, const struct ip_prefix *prefix)
{
	if (find_pair(pairs, i, prefix) == SIZE_MAX)
		add_pair(pairs, i, prefix);
}

static void expect_service(struct pairs *pairs, size_t i, const struct k8s_advertisement *rule,
    const struct k8s_object *object, const struct k8s_endpoint_count *endpoints)
{
	const struct k8s_service *service = &object->service;

	for (unsigned kind = 0; kind < K8S_ADDRESS_KINDS; kind++) {
		const bool balancer = kind == K8S_ADDRESS_LOAD_BALANCER_IP;
		const size_t count = balancer			       ? service->ingress_count
				     : kind == K8S_ADDRESS_EXTERNAL_IP ? service->external_ip_count
								       : service->cluster_ip_count;

		if (!rule->addresses[kind] || service->headless ||
		    service->type == K8S_EXTERNAL_NAME ||
		    (balancer && service->type != K8S_LOAD_BALANCER))
			continue;
		for (size_t n = 0; n < count; n++) {
			const struct ip_address *address = balancer ? &service->ingress[n].address
							   : kind == K8S_ADDRESS_EXTERNAL_IP
							       ? &service->external_ips[n]
							       : &service->cluster_ips[n];
			const struct ip_prefix prefix = k8s_announced_prefix(
			    rule, service, (enum k8s_address_kind)kind, address);

			if (k8s_judge_address(rule, service, (enum k8s_address_kind)kind, address,
				balancer && service->ingress[n].proxy, endpoints) == K8S_ANNOUNCED)
				expect_pair(pairs, i, &prefix);
		}
	}
}

static void expect_rule(
    struct fixture *fixture, struct pairs *pairs, size_t i, const struct k8s_advertisement *rule)
{
	const struct k8s_object *node = k8s_cluster_find(fixture->cluster, K8S_NODE, "", "me");
	const struct k8s_object *object;
	size_t cursor = 0;

	if (k8s_judge_node(rule, &node_rules, node) != K8S_ANNOUNCED)
		return;
	for (size_t n = 0; rule->type == K8S_ADVERTISE_PREFIX && n < rule->prefix_count; n++)
		expect_pair(pairs, i, &rule->prefixes[n]);
	if (rule->type == K8S_ADVERTISE_POD_CIDR && node) {
		for (size_t n = 0; n < node->node.pod_cidr_count; n++)
			expect_pair(pairs, i, &node->node.pod_cidrs[n]);
	}
	if (rule->type != K8S_ADVERTISE_SERVICE)
		return;
	while ((object = k8s_cluster_next(fixture->cluster, K8S_SERVICE, &cursor))) {
		const struct k8s_endpoint_count endpoints =
		    k8s_count_endpoints(fixture->cluster, object, "me");

		expect_service(pairs, i, rule, object, &endpoints);
	}
}

static void assert_model(struct fixture *fixture, const struct k8s_advertisement *const *rules,
    size_t count, unsigned step)
{
	static struct pairs expected;

	expected.count = 0;
	for (size_t i = 0; i < count; i++)
		expect_rule(fixture, &expected, i, rules[i]);
	if (fixture->broken)
		fail_msg("step %u: told twice or withdrawn without being announced", step);
	if (expected.count != fixture->announced.count)
		fail_msg("step %u: %zu announced, %zu expected", step, fixture->announced.count,
		    expected.count);
	for (size_t i = 0; i < expected.count; i++) {
		if (find_pair(&fixture->announced, expected.items[i].advertisement,
			&expected.items[i].prefix) == SIZE_MAX)
			fail_msg("step %u: a pair is missing", step);
	}
}

#define MODEL_RULES 5

/* Takes a random choice of the rules, in random order, each going on where it was. */
static size_t reconfigure(struct fixture *fixture, uint32_t *random,
    const struct k8s_advertisement *pool, const struct k8s_advertisement **rules, size_t count)
{
	const struct k8s_advertisement *chosen[MODEL_RULES];
	size_t previous[MODEL_RULES];
	size_t chosen_count = 0;
	const unsigned start = pick(random, MODEL_RULES);

	for (unsigned n = 0; n < MODEL_RULES; n++) {
		if (pick(random, 4))
			chosen[chosen_count++] = &pool[(start + n) % MODEL_RULES];
	}
	for (size_t i = 0; i < RULES_MAX; i++)
		fixture->next[i] = SIZE_MAX;
	for (size_t i = 0; i < chosen_count; i++) {
		previous[i] = SIZE_MAX;
		for (size_t old = 0; old < count; old++) {
			if (rules[old] == chosen[i]) {
				previous[i] = old;
				fixture->next[old] = i;
			}
		}
	}
	k8s_announcer_configure(fixture->announcer, chosen, previous, chosen_count);
	memcpy(rules, chosen, chosen_count * sizeof(struct k8s_advertisement *));
	return chosen_count;
}

static void incremental_is_the_same_as_from_scratch(void **state)
{
	static const char *const values[] = {"public", "r1"};
	struct k8s_advertisement pool[MODEL_RULES] = {pods, balancers, aggregates, prefixes,
	    {.type = K8S_ADVERTISE_SERVICE,
		.addresses = {true, true, true},
		.aggregation_length = {30, 127}}};
	const struct k8s_advertisement *rules[MODEL_RULES];
	struct fixture *fixture = *state;
	struct ip_prefix cidr;
	uint32_t random = 20240501;
	size_t most = 0;
	size_t count = 0;

	assert_true(ip_prefix_parse("198.51.100.0/24", &fixed, NULL));
	assert_true(ip_prefix_parse("192.0.2.0/30", &cidr, NULL));
	k8s_selector_add(&pool[1].service_selector, "expose", K8S_OPERATOR_IN, values, 1);
	k8s_selector_add(&pool[2].node_selector, "rack", K8S_OPERATOR_IN, values + 1, 1);
	pool[2].load_balancer_class = memory_copy_string("a/b");
	pool[2].cidrs = &cidr;
	pool[2].cidr_count = 1;
	for (unsigned step = 0; step < 6000; step++) {
		if (step % 100 == 0)
			count = reconfigure(fixture, &random, pool, rules, count);
		else
			random_event(fixture, &random);
		assert_model(fixture, rules, count, step);
		most = fixture->announced.count > most ? fixture->announced.count : most;
		text_clear(&fixture->events);
	}
	assert_true(most > 8);
	k8s_announcer_configure(fixture->announcer, NULL, NULL, 0);
	free(pool[2].load_balancer_class);
	k8s_selector_free(&pool[1].service_selector);
	k8s_selector_free(&pool[2].node_selector);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		pod_cidr_comes_and_goes_with_the_own_node, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(martian_pod_cidr_is_not_announced, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(fixed_prefix_needs_no_node, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(service_follows_endpoints_and_node, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(other_node_rules_judge_at_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		changed_address_is_announced_before_the_old_one_goes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		shared_address_goes_with_the_last_service, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		slice_that_changes_its_service_touches_both, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(aggregate_is_split_for_policy_local, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		each_service_is_told_what_is_announced_for_it_and_why_not, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		service_without_an_address_is_told_of, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		only_the_right_kinds_of_service_have_addresses, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		reconfiguration_tells_only_the_difference, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(walk_is_in_order_and_says_why, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(walk_goes_on_while_things_change, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		incremental_is_the_same_as_from_scratch, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("announcer", tests, NULL, NULL);
}
