/*
 * Manifests as text: documents, Lists, JSON and YAML, what scalars become, and what is refused.
 * The result of each decoding is a line of text: objects as "kind ns/name", problems as "(...)".
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "k8s/manifests.h"

struct result {
	struct text text;
	struct k8s_object *last;
	bool whole_file;
};

static void on_object(void *arg, struct k8s_object *object)
{
	struct result *result = arg;

	text_append(&result->text, "%s %s/%s ", k8s_kind_name(object->kind), object->namespace,
	    object->name);
	k8s_object_free(result->last);
	result->last = object;
}

static void on_problem(void *arg, const struct k8s_manifest_problem *problem)
{
	struct result *result = arg;

	text_append(&result->text, "(%zu %s%s%s) ", problem->line,
	    problem->name ? problem->name : "", problem->name ? ": " : "", problem->what);
	result->whole_file = problem->whole_file;
}

static struct result decode(const char *text, size_t length)
{
	struct result result = {0};

	text_append(&result.text, "%s", "");
	k8s_manifest_decode(text, length, on_object, on_problem, &result);
	return result;
}

static void release(struct result *result)
{
	k8s_object_free(result->last);
	text_free(&result->text);
}

static void assert_decodes(const char *text, const char *expected)
{
	struct result result = decode(text, strlen(text));

	assert_string_equal(result.text.string, expected);
	release(&result);
}

static const char kubectl_yaml[] = "apiVersion: v1\n"
				   "items:\n"
				   "- apiVersion: v1\n"
				   "  kind: Service\n"
				   "  metadata:\n"
				   "    annotations:\n"
				   "      kubectl.kubernetes.io/last-applied-configuration: |\n"
				   "        {\"apiVersion\":\"v1\",\"kind\":\"Service\"}\n"
				   "    creationTimestamp: \"2024-05-01T10:00:00Z\"\n"
				   "    labels:\n"
				   "      expose: \"true\"\n"
				   "      number: \"1\"\n"
				   "    managedFields:\n"
				   "    - apiVersion: v1\n"
				   "      fieldsV1:\n"
				   "        f:spec:\n"
				   "          f:ports:\n"
				   "            .: {}\n"
				   "            k:{\"port\":80,\"protocol\":\"TCP\"}:\n"
				   "              .: {}\n"
				   "              f:port: {}\n"
				   "      manager: kubectl\n"
				   "    name: web\n"
				   "    namespace: shop\n"
				   "    resourceVersion: \"1234\"\n"
				   "  spec:\n"
				   "    clusterIP: 10.96.0.5\n"
				   "    clusterIPs:\n"
				   "    - 10.96.0.5\n"
				   "    externalTrafficPolicy: Local\n"
				   "    ports:\n"
				   "    - port: 80\n"
				   "      targetPort: 8080\n"
				   "    type: LoadBalancer\n"
				   "  status:\n"
				   "    loadBalancer:\n"
				   "      ingress:\n"
				   "      - ip: 192.0.2.1\n"
				   "- apiVersion: v1\n"
				   "  kind: Pod\n"
				   "  metadata:\n"
				   "    name: passed-over\n"
				   "kind: List\n"
				   "metadata:\n"
				   "  resourceVersion: \"\"\n";

static void kubectl_list_in_yaml(void **state)
{
	struct result result = decode(kubectl_yaml, strlen(kubectl_yaml));
	const struct k8s_service *service = &result.last->service;

	(void)state;
	assert_string_equal(result.text.string, "Service shop/web ");
	assert_string_equal(k8s_labels_get(&service->labels, "expose"), "true");
	assert_string_equal(result.last->resource_version, "1234");
	assert_int_equal(service->external_policy, K8S_POLICY_LOCAL);
	assert_int_equal(service->ingress_count, 1);
	assert_int_equal(service->annotations.count, 0);
	release(&result);
}

static void kubectl_list_in_json(void **state)
{
	(void)state;
	assert_decodes("{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n        {\n"
		       "            \"apiVersion\": \"v1\",\n            \"kind\": \"Node\",\n"
		       "            \"metadata\": {\n                \"name\": \"a\",\n"
		       "                \"annotations\": {\"x\": \"\\ud83d\\ude00 \\/ \\u003c\"}\n"
		       "            }\n        },\n        {\"apiVersion\": \"v1\", \"kind\":"
		       " \"Service\", \"metadata\": {\"name\": \"s\"}}\n    ],\n"
		       "    \"kind\": \"List\"\n}\n",
	    "Node /a Service default/s ");
}

static void typed_list_gives_its_items_their_kind(void **state)
{
	(void)state;
	assert_decodes(
	    "{\"kind\":\"EndpointSliceList\",\"apiVersion\":\"discovery.k8s.io/v1\","
	    "\"items\":[{\"metadata\":{\"name\":\"x\"}},{\"metadata\":{\"name\":\"y\"}}]}",
	    "EndpointSlice default/x EndpointSlice default/y ");
}

static void several_documents(void **state)
{
	(void)state;
	assert_decodes("# a comment\n---\n---\napiVersion: v1\nkind: Node\nmetadata: {name: a}\n"
		       "---\n{apiVersion: v1, kind: Node, metadata: {name: b}}\n...\n---\n"
		       "apiVersion: apps/v1\nkind: Deployment\n---\n",
	    "Node /a Node /b ");
	assert_decodes("", "");
	assert_decodes("\n\n# nothing\n", "");
	assert_decodes("null\n", "");
}

static void json_and_flow_yaml_need_no_line_breaks(void **state)
{
	(void)state;
	assert_decodes(
	    "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"a\"}}", "Node /a ");
	assert_decodes("{apiVersion: v1, kind: Node, metadata: {name: a}}", "Node /a ");
}

static void bad_object_is_skipped_alone_and_named(void **state)
{
	(void)state;
	assert_decodes("kind: List\nitems:\n"
		       "- {apiVersion: v1, kind: Node, metadata: {name: a}}\n"
		       "- apiVersion: v1\n  kind: Node\n  metadata: {name: b}\n"
		       "  spec: {podCIDR: x}\n"
		       "- 17\n"
		       "- {apiVersion: v1, metadata: {name: c}}\n"
		       "- {apiVersion: v1, kind: Node, metadata: {}}\n"
		       "- {apiVersion: v1, kind: Node, metadata: {name: d}}\n",
	    "Node /a (4 b: Node b: spec.podCIDR: \"x\" is no CIDR) "
	    "(8 this is no Kubernetes object) (9 the object has no kind) "
	    "(10 Node: metadata.name or metadata.namespace is missing or no name) Node /d ");
	assert_decodes("- a\n- b\n", "(1 this is no Kubernetes object) ");
}

/* What a label's value becomes: a string, or the type error that names the other type. */
static void scalars_follow_the_core_schema(void **state)
{
	static const struct {
		const char *yaml;
		const char *becomes; /* the string, or "not ..." */
	} cases[] = {
	    {"\"true\"", "true"},
	    {"'1'", "1"},
	    {"yes", "yes"},
	    {"off", "off"},
	    {"1.2.3", "1.2.3"},
	    {"10.0.0.1", "10.0.0.1"},
	    {"2024-05-01", "2024-05-01"},
	    {"-", "not a list"},
	    {"+", "+"},
	    {".", "."},
	    {".inf", ".inf"},
	    {".nan", ".nan"},
	    {"0x", "0x"},
	    {"0xg", "0xg"},
	    {"0o8", "0o8"},
	    {"1e", "1e"},
	    {"e5", "e5"},
	    {"!!str 1", "1"},
	    {"! 1", "1"},
	    {"|-\n      1", "1"},
	    {"~", ""},
	    {"", ""},
	    {"null", ""},
	    {"1", "not a number"},
	    {"-017", "not a number"},
	    {"0x1F", "not a number"},
	    {"0o17", "not a number"},
	    {"1.5", "not a number"},
	    {".5", "not a number"},
	    {"1e3", "not a number"},
	    {"99999999999999999999", "not a number"},
	    {"true", "not true or false"},
	    {"FALSE", "not true or false"},
	    {"[]", "not a list"},
	    {"{}", "not a mapping"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[200];
		struct result result;

		snprintf(text, sizeof(text),
		    "apiVersion: v1\nkind: Node\nmetadata:\n  name: n\n  labels:\n    k: %s\n",
		    cases[i].yaml);
		result = decode(text, strlen(text));
		if (!strncmp(cases[i].becomes, "not ", 4)) {
			if (!strstr(result.text.string, cases[i].becomes) &&
			    strcmp(cases[i].yaml, "-"))
				fail_msg("%s: %s", cases[i].yaml, result.text.string);
			assert_null(result.last);
		} else {
			assert_non_null(result.last);
			assert_string_equal(
			    k8s_labels_get(&result.last->node.labels, "k"), cases[i].becomes);
		}
		release(&result);
	}
}

static void whole_file_problems_have_a_line(void **state)
{
	static const struct {
		const char *text;
		const char *expected;
	} cases[] = {
	    {"a: b: c\n", "(1 mapping values are not allowed in this context) "},
	    {"kind: Node\nx: [1,\n", "(3 did not find expected node content) "},
	    {"{\"kind\": \"Node\",\n\"x\": }x", NULL},
	    {"kind: Node\nx: &a [1]\ny: *a\n", "(3 aliases are not supported) "},
	    {"kind: Node\nkind: Node\n", "(2 the key is there twice) "},
	    {"? [a]\n: b\n", "(1 a key must be a plain text) "},
	    {"kind: !!binary aGk=\n", "(1 tags are not supported) "},
	    {"\"a\\0b\": 1\n", "(1 the key has a NUL byte) "},
	    {"{\"kind\":\"Node\",\"kind\":\"Node\"}", "(1 the key is there twice) "},
	    {"\x01", NULL},
	    {"a: \"\xff\"\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct result result = decode(cases[i].text, strlen(cases[i].text));

		assert_true(result.whole_file);
		assert_null(result.last);
		if (cases[i].expected)
			assert_string_equal(result.text.string, cases[i].expected);
		release(&result);
	}
}

static void documents_before_a_syntax_error_are_given(void **state)
{
	(void)state;
	assert_decodes("{apiVersion: v1, kind: Node, metadata: {name: a}}\n---\nb: ]\n",
	    "Node /a (3 did not find expected node content) ");
}

static void depth_has_a_limit_in_both_languages(void **state)
{
	char text[20000];
	struct result result;

	(void)state;
	memset(text, '[', sizeof(text));
	result = decode(text, sizeof(text));
	assert_string_equal(result.text.string, "(1 nested deeper than 100 levels) ");
	release(&result);
	memcpy(text, "{\"a\":", 5);
	result = decode(text, sizeof(text));
	assert_string_equal(result.text.string, "(1 nested deeper than 100 levels) ");
	release(&result);
}

/* Too much for the JSON parser goes on to the YAML parser, which counts exactly and refuses. */
static void values_have_a_limit_in_both_languages(void **state)
{
	static const char head[] = "{\"a\":[";
	const size_t size = 8100000;
	char *text = malloc(size);
	struct result result;

	(void)state;
	memcpy(text, head, strlen(head));
	for (size_t i = strlen(head); i < size; i++)
		text[i] = (i - strlen(head)) % 2 ? ',' : '1';
	result = decode(text, size);
	assert_string_equal(result.text.string, "(1 more than 4 million values) ");
	release(&result);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kubectl_list_in_yaml),
	    cmocka_unit_test(kubectl_list_in_json),
	    cmocka_unit_test(typed_list_gives_its_items_their_kind),
	    cmocka_unit_test(several_documents),
	    cmocka_unit_test(json_and_flow_yaml_need_no_line_breaks),
	    cmocka_unit_test(bad_object_is_skipped_alone_and_named),
	    cmocka_unit_test(scalars_follow_the_core_schema),
	    cmocka_unit_test(whole_file_problems_have_a_line),
	    cmocka_unit_test(documents_before_a_syntax_error_are_given),
	    cmocka_unit_test(depth_has_a_limit_in_both_languages),
	    cmocka_unit_test(values_have_a_limit_in_both_languages),
	};

	return cmocka_run_group_tests_name("manifest_decode", tests, NULL, NULL);
}
