/*
 * What a list of EndpointSlices costs on its way from bytes to the cluster, step by step: cut into
 * objects, with and without what is left out, made JSON values, decoded, put.  A row each with the
 * time of the processor; the last one with the memory that the objects have.
 *
 *     bench_kubernetes [SLICES [ENDPOINTS]]        50000 slices with 5 endpoints each
 */
#include <jansson.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "k8s/cluster.h"
#include "k8s/json_cutter.h"

#define PIECE 16384

enum stage { CUT, PARSE, DECODE, PUT, STAGES };

/* As in k8s/reflector.c. */
static const char *const unused[] = {"metadata.managedFields", "metadata.ownerReferences",
    "metadata.uid", "metadata.generateName", "metadata.generation", "metadata.creationTimestamp",
    "metadata.annotations", "ports", "endpoints[].targetRef", "endpoints[].zone", NULL};

struct run {
	enum stage stage;
	struct k8s_cluster *cluster;
	size_t kept; /* bytes of the objects as they were cut out */
};

static void append_endpoint(struct text *text, unsigned slice, unsigned number)
{
	text_append(text,
	    "%s{\"addresses\":[\"10.%u.%u.%u\"],\"conditions\":{\"ready\":true,\"serving\":true,"
	    "\"terminating\":false},\"nodeName\":\"node-%u.example.com\",\"targetRef\":{\"kind\":"
	    "\"Pod\",\"name\":\"web-%u-6c54bd5869-x%u\",\"namespace\":\"shop-%u\",\"uid\":"
	    "\"7e1b4f5c-2f0f-4a52-9d4e-1f3c5f%06u\"},\"zone\":\"zone-a\"}",
	    number ? "," : "", slice >> 8 & 255, slice & 255, number, (slice + number) % 1000,
	    slice, number, slice % 100, slice);
}

static void append_slice(struct text *text, unsigned slice, unsigned endpoints)
{
	text_append(text,
	    "%s{\"metadata\":{\"name\":\"web-%u-abcde\",\"generateName\":\"web-%u-\",\"namespace\":"
	    "\"shop-%u\",\"uid\":\"0c1d2e3f-0000-4000-8000-%012u\",\"resourceVersion\":\"%u\","
	    "\"generation\":7,\"creationTimestamp\":\"2026-01-01T00:00:00Z\",\"labels\":{"
	    "\"endpointslice.kubernetes.io/managed-by\":\"endpointslice-controller.k8s.io\","
	    "\"kubernetes.io/service-name\":\"web-%u\",\"app.kubernetes.io/name\":\"web\"},"
	    "\"annotations\":{\"endpoints.kubernetes.io/last-change-trigger-time\":"
	    "\"2026-01-01T00:00:00Z\"},\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":"
	    "\"Service\",\"name\":\"web-%u\",\"uid\":\"0c1d2e3f-0000-4000-8000-%012u\","
	    "\"controller\":true,\"blockOwnerDeletion\":true}],\"managedFields\":[{\"manager\":"
	    "\"kube-controller-manager\",\"operation\":\"Update\",\"apiVersion\":"
	    "\"discovery.k8s.io/v1\",\"time\":\"2026-01-01T00:00:00Z\",\"fieldsType\":\"FieldsV1\","
	    "\"fieldsV1\":{\"f:addressType\":{},\"f:endpoints\":{},\"f:metadata\":{\"f:annotations\":"
	    "{\".\":{},\"f:endpoints.kubernetes.io/last-change-trigger-time\":{}},"
	    "\"f:generateName\":{},\"f:labels\":{\".\":{},"
	    "\"f:endpointslice.kubernetes.io/managed-by\":{},\"f:kubernetes.io/service-name\":{}},"
	    "\"f:ownerReferences\":{\".\":{},\"k:{\\\"uid\\\":\\\"0c1d2e3f\\\"}\":{}}},"
	    "\"f:ports\":{}}}]},\"addressType\":\"IPv4\",\"endpoints\":[",
	    slice ? "," : "", slice, slice, slice % 100, slice, slice + 1000, slice, slice, slice);
	for (unsigned i = 0; i < endpoints; i++)
		append_endpoint(text, slice, i);
	text_append(text, "],\"ports\":[{\"name\":\"http\",\"port\":8080,\"protocol\":\"TCP\"},"
			  "{\"name\":\"metrics\",\"port\":9090,\"protocol\":\"TCP\"}]}");
}

static bool take_value(void *arg, enum json_cut what, const char *text, size_t length)
{
	struct run *run = arg;
	json_t *value;

	if (what != JSON_ITEM)
		return true;
	run->kept += length;
	if (run->stage == CUT)
		return true;
	value = json_loadb(text, length, 0, NULL);
	if (value && run->stage >= DECODE) {
		struct k8s_object *object = k8s_object_decode(value, K8S_ENDPOINT_SLICE, NULL);

		if (object && run->stage == PUT)
			k8s_cluster_put(run->cluster, object);
		else
			k8s_object_free(object);
	}
	json_decref(value);
	return true;
}

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double read_list(const struct text *list, struct run *run, bool lean)
{
	const struct json_cutter_settings settings = {.cut_items = true,
	    .unused = lean ? unused : NULL,
	    .limit = 1 << 20,
	    .value = take_value,
	    .arg = run};
	struct json_cutter *cutter = json_cutter_new(&settings);
	const double begin = cpu_ms();
	const char *problem;

	run->kept = 0;
	for (size_t at = 0; at < list->length; at += PIECE) {
		const size_t left = list->length - at;

		if (!json_cutter_read(
			cutter, list->string + at, left < PIECE ? left : PIECE, &problem))
			abort();
	}
	json_cutter_free(cutter);
	return cpu_ms() - begin;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"cut", "and parsed", "and decoded", "and put"};
	const unsigned slices = argc > 1 ? (unsigned)atoi(argv[1]) : 50000;
	const unsigned endpoints = argc > 2 ? (unsigned)atoi(argv[2]) : 5;
	struct text list = {NULL, 0, 0};
	struct run run = {.cluster = k8s_cluster_new(1, NULL, NULL)};
	size_t before;

	text_append(&list, "{\"kind\":\"EndpointSliceList\",\"items\":[");
	for (unsigned i = 0; i < slices; i++)
		append_slice(&list, i, endpoints);
	text_append(&list, "]}");
	printf("%u EndpointSlices with %u endpoints each, %.1f MB\n", slices, endpoints,
	    (double)list.length / 1e6);
	before = mallinfo2().uordblks;
	for (int lean = 0; lean < 2; lean++) {
		for (run.stage = CUT; run.stage < (lean ? STAGES : PUT); run.stage++) {
			const double took = read_list(&list, &run, lean);

			printf("%-12s %-18s %8.0f ms CPU  %6.1f MB\n", names[run.stage],
			    lean ? "without the unused" : "whole", took, (double)run.kept / 1e6);
		}
	}
	printf("%zu objects, %.0f bytes each\n", k8s_cluster_count(run.cluster, K8S_ENDPOINT_SLICE),
	    (double)(mallinfo2().uordblks - before) / slices);
	k8s_cluster_free(run.cluster);
	text_free(&list);
	return 0;
}
