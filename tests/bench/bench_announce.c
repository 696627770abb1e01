/*
 * What the announce rules cost: Services with their endpoints, spread over a thousand nodes, and
 * events on them.  A row each: nanoseconds of the processor per event, or per Service for what
 * concerns all of them.
 *
 *     bench_announce [SERVICES [ENDPOINTS]]        10000 Services with 5 endpoints each
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "k8s/announce.h"

#define NODES 1000

struct bench {
	struct k8s_cluster *cluster;
	struct k8s_announcer *announcer;
	unsigned services;
	unsigned endpoints;
	uint64_t told; /* prefixes */
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static char *print_name(const char *kind, unsigned number)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%u", kind, number);
	return memory_copy_string(name);
}

static struct k8s_object *new_object(enum k8s_kind kind, const char *name, unsigned number)
{
	struct k8s_object *object = memory_allocate_zero(1, sizeof(*object));

	object->kind = kind;
	object->name = print_name(name, number);
	object->namespace =
	    kind == K8S_NODE ? memory_copy_string("") : print_name("shop", number % 100);
	return object;
}

static void put_service(
    struct bench *bench, unsigned number, unsigned address, enum k8s_traffic_policy policy)
{
	struct k8s_object *object = new_object(K8S_SERVICE, "web", number);
	struct k8s_service *service = &object->service;

	k8s_labels_set(&service->labels, "app.kubernetes.io/name", "web");
	service->type = K8S_LOAD_BALANCER;
	service->external_policy = policy;
	service->ingress = memory_allocate_zero(1, sizeof(*service->ingress));
	service->ingress_count = 1;
	service->ingress[0].address = ip_address_from_ipv4(10u << 24 | address);
	k8s_cluster_put(bench->cluster, object);
}

static void put_slice(struct bench *bench, unsigned number, bool ready)
{
	struct k8s_object *object = new_object(K8S_ENDPOINT_SLICE, "web-abcde", number);
	struct k8s_endpoint_slice *slice = &object->endpoint_slice;

	slice->service = print_name("web", number);
	slice->endpoints = memory_allocate_zero(bench->endpoints + 1, sizeof(*slice->endpoints));
	for (unsigned i = 0; i < bench->endpoints; i++)
		slice->endpoints[slice->endpoint_count++] =
		    (struct k8s_endpoint){.node_name = print_name("node", (number + i) % NODES),
			.ready = ready,
			.serving = ready,
			.address_count = 1};
	k8s_cluster_put(bench->cluster, object);
}

static void put_node(struct bench *bench, bool ready)
{
	struct k8s_object *object = new_object(K8S_NODE, "node", 7);

	object->node.ready = ready ? K8S_TRUE : K8S_FALSE;
	k8s_cluster_put(bench->cluster, object);
}

static void on_changed(void *arg, const struct k8s_object *object, const struct k8s_object *old)
{
	const struct bench *bench = arg;

	k8s_announcer_object_changed(bench->announcer, object, old);
}

static void on_prefix_changed(
    void *arg, const struct ip_prefix *prefix, const uint32_t *advertisements, size_t count)
{
	struct bench *bench = arg;

	(void)prefix;
	(void)advertisements;
	(void)count;
	bench->told++;
}

static void print_row(const char *name, double time, uint64_t count, uint64_t told)
{
	printf("%-44s %8.0f ns  %6llu prefixes told\n", name, time / (double)count,
	    (unsigned long long)told);
}

typedef void bench_event(struct bench *bench, unsigned number);

static void change_address(struct bench *bench, unsigned number)
{
	put_service(bench, number, number + bench->services, K8S_POLICY_CLUSTER);
}

static void change_nothing_announced(struct bench *bench, unsigned number)
{
	put_slice(bench, number, true);
}

static void lose_endpoints(struct bench *bench, unsigned number)
{
	put_slice(bench, number, false);
}

static void make_local(struct bench *bench, unsigned number)
{
	put_service(bench, number, number + bench->services, K8S_POLICY_LOCAL);
}

static void run_events(struct bench *bench, const char *name, bench_event *event)
{
	const uint64_t told = bench->told;
	const double begin = now();

	for (unsigned i = 0; i < bench->services; i++)
		event(bench, i);
	print_row(name, now() - begin, bench->services, bench->told - told);
}

/* What concerns all Services: the turn of the event, and the rest of the work, per Service. */
static void run_all(struct bench *bench, const char *name, uint64_t told, double begin)
{
	const double first = now();

	k8s_announcer_finish(bench->announcer);
	print_row(name, now() - first, bench->services, bench->told - told);
	printf(
	    "%-44s %8.0f us in one turn\n", "    before the first of them", (first - begin) / 1e3);
}

static void change_node(struct bench *bench, const char *name, bool ready)
{
	const uint64_t told = bench->told;
	const double begin = now();

	put_node(bench, ready);
	run_all(bench, name, told, begin);
}

static void configure(struct bench *bench, const char *name, const struct k8s_rule *rule)
{
	const uint64_t told = bench->told;
	const double begin = now();

	k8s_announcer_configure(bench->announcer, rule, 1);
	run_all(bench, name, told, begin);
}

int main(int count, char **arguments)
{
	static const struct k8s_announcer_ops ops = {.prefix_changed = on_prefix_changed};
	static const struct k8s_cluster_ops cluster_ops = {.changed = on_changed};
	static const struct k8s_node_rules node_rules = {{[K8S_NODE_NOT_READY] = true}};
	const struct k8s_advertisement what = {.type = K8S_ADVERTISE_SERVICE,
	    .addresses = {[K8S_ADDRESS_LOAD_BALANCER_IP] = true},
	    .aggregation_length = {32, 128}};
	struct bench bench = {.services = count > 1 ? (unsigned)atoi(arguments[1]) : 10000,
	    .endpoints = count > 2 ? (unsigned)atoi(arguments[2]) : 5};

	bench.cluster = k8s_cluster_new(1, &cluster_ops, &bench);
	bench.announcer = k8s_announcer_new(bench.cluster, "node-7", 1, &ops, &bench);
	k8s_announcer_set_node_rules(bench.announcer, &node_rules);
	configure(&bench, "first configuration", &(struct k8s_rule){&what, 1});
	put_node(&bench, true);
	for (unsigned i = 0; i < bench.services; i++)
		put_service(&bench, i, i, K8S_POLICY_CLUSTER);
	run_events(&bench, "first EndpointSlice", change_nothing_announced);
	run_events(&bench, "address changed", change_address);
	run_events(&bench, "no endpoint ready any more", lose_endpoints);
	run_events(&bench, "endpoints ready again", change_nothing_announced);
	run_events(&bench, "policy Local: most have no endpoint here", make_local);
	run_events(&bench, "policy Cluster again", change_address);
	change_node(&bench, "node not ready, per Service", false);
	change_node(&bench, "node ready, per Service", true);
	configure(&bench, "advertisement replaced, per Service", &(struct k8s_rule){&what, 2});
	k8s_announcer_free(bench.announcer);
	k8s_cluster_free(bench.cluster);
	return 0;
}
