/*
 * What etc/kubernetes deploys: that the files parse and name each other, that the roles grant what
 * the table of src/k8s/api_resources.c uses and nothing else, that the configuration is one, and
 * that the pod fits it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "config/config.h"
#include "k8s/api_resources.h"
#include "k8s/yaml_json.h"

#define FOLDER TOP_FOLDER "/etc/kubernetes/"

/* The files that go to the API server. */
static const char *const files[] = {"base/namespace.yaml", "base/service-account.yaml",
    "base/cluster-role.yaml", "base/role.yaml", "base/bindings.yaml", "base/daemon-set.yaml",
    "status/role.yaml"};

/* A list of the documents of a file. */
static json_t *read_documents(const char *name)
{
	struct yaml_json_document document;
	json_t *list = json_array();
	struct yaml_json *reader;
	struct error error;
	char path[512];
	size_t length;
	size_t line;
	char *text;

	snprintf(path, sizeof(path), FOLDER "%s", name);
	text = file_read(path, 1 << 20, &length);
	if (!text)
		fail_msg("%s cannot be read", path);
	reader = yaml_json_new(text, length);
	do {
		if (!yaml_json_next(reader, &document, &error, &line))
			fail_msg("%s:%zu: %s", path, line, error.text);
		if (!document.end && document.root)
			json_array_append(list, document.root);
	} while (!document.end);
	yaml_json_free(reader);
	free(text);
	return list;
}

static int read_objects(void **state)
{
	json_t *all = json_array();

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		json_t *documents = read_documents(files[i]);

		json_array_extend(all, documents);
		json_decref(documents);
	}
	*state = all;
	return 0;
}

static int free_objects(void **state)
{
	json_decref(*state);
	return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static const char *name_of(const json_t *object)
{
	return text_of(json_object_get(object, "metadata"), "name");
}

static const json_t *find(const json_t *objects, const char *kind, const char *name)
{
	size_t i;
	json_t *object;

	json_array_foreach(objects, i, object)
	{
		if (!strcmp(text_of(object, "kind"), kind) && !strcmp(name_of(object), name))
			return object;
	}
	fail_msg("there is no %s %s", kind, name);
	return NULL;
}

static bool has(const json_t *list, const char *word)
{
	size_t i;
	json_t *value;

	json_array_foreach(list, i, value)
	{
		if (json_is_string(value) && !strcmp(json_string_value(value), word))
			return true;
	}
	return false;
}

/* The files */

/* "base/kustomization.yaml" lists what is beside it, and nothing that is not. */
static void check_folder(const char *name)
{
	char path[512];
	json_t *documents;
	const json_t *list;
	struct dirent *entry;
	DIR *folder;
	size_t i;
	json_t *file;

	snprintf(path, sizeof(path), "%s/kustomization.yaml", name);
	documents = read_documents(path);
	list = json_object_get(json_array_get(documents, 0), "resources");
	json_array_foreach(list, i, file)
	{
		snprintf(path, sizeof(path), FOLDER "%s/%s", name, json_string_value(file));
		assert_int_equal(access(path, R_OK), 0);
	}
	snprintf(path, sizeof(path), FOLDER "%s", name);
	folder = opendir(path);
	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		if (strstr(entry->d_name, ".yaml") && strcmp(entry->d_name, "kustomization.yaml") &&
		    strcmp(entry->d_name, "kbgpd.yaml") && !has(list, entry->d_name))
			fail_msg("%s/%s is in no kustomization", name, entry->d_name);
	}
	closedir(folder);
	json_decref(documents);
}

static void test_kustomizations_list_their_files(void **state)
{
	(void)state;
	check_folder("base");
	check_folder("status");
	check_folder("interface-peers");
	json_decref(read_documents("kustomization.yaml"));
}

static void test_all_is_in_one_namespace(void **state)
{
	size_t i;
	json_t *object;

	find(*state, "Namespace", "kbgpd-system");
	json_array_foreach((json_t *)*state, i, object)
	{
		const char *namespace = text_of(json_object_get(object, "metadata"), "namespace");
		const bool has_none = !strncmp(text_of(object, "kind"), "Cluster", 7) ||
				      !strcmp(text_of(object, "kind"), "Namespace");

		assert_string_equal(namespace, has_none ? "" : "kbgpd-system");
	}
}

/* The roles */

static bool grants(const json_t *rule, const char *group, const char *resource, const char *verb)
{
	return has(json_object_get(rule, "apiGroups"), group) &&
	       has(json_object_get(rule, "resources"), resource) &&
	       has(json_object_get(rule, "verbs"), verb);
}

/* By a Role, or by a ClusterRole. */
static bool is_granted(const json_t *objects, const struct k8s_resource *resource, const char *verb)
{
	const char *kind = resource->own_namespace ? "Role" : "ClusterRole";
	size_t i, j;
	json_t *object, *rule;

	json_array_foreach(objects, i, object)
	{
		if (strcmp(text_of(object, "kind"), kind))
			continue;
		json_array_foreach(json_object_get(object, "rules"), j, rule)
		{
			if (grants(rule, resource->group, resource->name, verb))
				return true;
		}
	}
	return false;
}

static void test_what_is_used_is_granted(void **state)
{
	for (size_t i = 0; i < K8S_RESOURCES; i++) {
		assert_true(k8s_resources[i].verbs);
		for (unsigned verb = 1; verb <= k8s_resources[i].verbs; verb <<= 1) {
			if (!(k8s_resources[i].verbs & verb))
				continue;
			if (!is_granted(*state, &k8s_resources[i], k8s_verb_name(verb)))
				fail_msg("%s %s is not granted", k8s_verb_name(verb),
				    k8s_resources[i].name);
		}
	}
}

static bool is_used(const char *group, const char *name, const char *verb, bool own_namespace)
{
	for (size_t i = 0; i < K8S_RESOURCES; i++) {
		const struct k8s_resource *resource = &k8s_resources[i];

		if (strcmp(resource->group, group) || strcmp(resource->name, name) ||
		    resource->own_namespace != own_namespace)
			continue;
		for (unsigned bit = 1; bit <= resource->verbs; bit <<= 1) {
			if (resource->verbs & bit && !strcmp(k8s_verb_name(bit), verb))
				return true;
		}
	}
	return false;
}

static void check_rule(const json_t *rule, bool own_namespace)
{
	size_t g, r, v;
	json_t *group, *resource, *verb;

	assert_null(json_object_get(rule, "nonResourceURLs"));
	json_array_foreach(json_object_get(rule, "apiGroups"), g, group)
	    json_array_foreach(json_object_get(rule, "resources"), r, resource)
		json_array_foreach(json_object_get(rule, "verbs"), v, verb)
	{
		if (!is_used(json_string_value(group), json_string_value(resource),
			json_string_value(verb), own_namespace))
			fail_msg("%s %s is granted and not used", json_string_value(verb),
			    json_string_value(resource));
		/* All Secrets of a namespace are nobody's business. */
		if (!strcmp(json_string_value(resource), "secrets"))
			assert_true(json_array_size(json_object_get(rule, "resourceNames")) > 0);
	}
}

static void test_what_is_granted_is_used(void **state)
{
	size_t i, j;
	json_t *object, *rule;

	json_array_foreach((json_t *)*state, i, object)
	{
		const char *kind = text_of(object, "kind");

		json_array_foreach(json_object_get(object, "rules"), j, rule)
		    check_rule(rule, !strcmp(kind, "Role"));
	}
}

static void test_the_status_needs_its_component(void **state)
{
	json_t *documents = read_documents("base/role.yaml");

	(void)state;
	assert_false(is_granted(documents, &k8s_resources[K8S_CONFIG_MAPS], "patch"));
	json_decref(documents);
}

/* Each role is bound once, to the account of the pod. */
static void test_roles_are_bound(void **state)
{
	size_t i;
	json_t *object;
	size_t bound = 0, roles = 0;

	find(*state, "ServiceAccount", "kbgpd");
	json_array_foreach((json_t *)*state, i, object)
	{
		const json_t *role = json_object_get(object, "roleRef");
		const json_t *subjects = json_object_get(object, "subjects");

		roles += json_object_get(object, "rules") != NULL;
		if (!role)
			continue;
		bound++;
		find(*state, text_of(role, "kind"), text_of(role, "name"));
		assert_int_equal(json_array_size(subjects), 1);
		assert_string_equal(text_of(json_array_get(subjects, 0), "kind"), "ServiceAccount");
		assert_string_equal(text_of(json_array_get(subjects, 0), "name"), "kbgpd");
		assert_string_equal(
		    text_of(json_array_get(subjects, 0), "namespace"), "kbgpd-system");
	}
	assert_int_equal(bound, roles);
}

/* The pod and its configuration */

static const json_t *pod(const json_t *objects)
{
	const json_t *spec = json_object_get(find(objects, "DaemonSet", "kbgpd"), "spec");

	return json_object_get(json_object_get(spec, "template"), "spec");
}

static const json_t *container(const json_t *objects)
{
	return json_array_get(json_object_get(pod(objects), "containers"), 0);
}

static struct config *load(void)
{
	const struct config_environment environment = {.node_name = "node-a"};
	struct text errors = {NULL, 0, 0};
	struct config *config = config_load(FOLDER "base/kbgpd.yaml", &environment, &errors);

	if (!config)
		fail_msg("%s", errors.string);
	return config;
}

static void test_the_pod_has_two_capabilities(void **state)
{
	const json_t *security = json_object_get(container(*state), "securityContext");
	const json_t *capabilities = json_object_get(security, "capabilities");
	const json_t *add = json_object_get(capabilities, "add");

	assert_true(has(json_object_get(capabilities, "drop"), "ALL"));
	assert_int_equal(json_array_size(add), 2);
	assert_true(has(add, "NET_ADMIN") && has(add, "NET_BIND_SERVICE"));
	assert_null(json_object_get(security, "privileged"));
	assert_true(json_is_false(json_object_get(security, "allowPrivilegeEscalation")));
	assert_true(json_is_true(json_object_get(security, "readOnlyRootFilesystem")));
	assert_string_equal(
	    text_of(json_object_get(security, "seccompProfile"), "type"), "RuntimeDefault");
	assert_true(json_is_true(json_object_get(pod(*state), "hostNetwork")));
	assert_string_equal(text_of(pod(*state), "serviceAccountName"), "kbgpd");
}

static void check_probe(const json_t *objects, const char *name, const char *path)
{
	const json_t *get = json_object_get(json_object_get(container(objects), name), "httpGet");

	assert_string_equal(text_of(get, "path"), path);
	assert_string_equal(text_of(get, "port"), "metrics");
}

static void test_the_probes_are_where_the_configuration_listens(void **state)
{
	const json_t *port = json_array_get(json_object_get(container(*state), "ports"), 0);
	struct config *config = load();

	check_probe(*state, "livenessProbe", "/healthz");
	check_probe(*state, "readinessProbe", "/readyz");
	assert_string_equal(text_of(port, "name"), "metrics");
	assert_int_equal(
	    json_integer_value(json_object_get(port, "containerPort")), config->metrics_port);
	assert_string_equal(config->metrics_address, "");
	config_free(config);
}

static void test_the_configuration_fits_the_pod(void **state)
{
	const json_t *env = json_array_get(json_object_get(container(*state), "env"), 0);
	const json_t *field = json_object_get(json_object_get(env, "valueFrom"), "fieldRef");
	const json_t *grace = json_object_get(pod(*state), "terminationGracePeriodSeconds");
	struct config *config = load();

	assert_string_equal(text_of(env, "name"), "NODE_NAME");
	assert_string_equal(text_of(field, "fieldPath"), "spec.nodeName");
	assert_string_equal(config->node_name, "node-a");
	assert_int_equal(config->source, CONFIG_SOURCE_KUBERNETES);
	assert_string_equal(config->kubeconfig, "");
	assert_true(json_integer_value(grace) * 1000 >= config->router.leave.delay_ms + 5000);
	config_free(config);
}

static void test_the_pod_has_the_configuration_and_a_place_for_the_socket(void **state)
{
	json_t *documents = read_documents("base/kustomization.yaml");
	const json_t *made = json_object_get(json_array_get(documents, 0), "configMapGenerator");
	const json_t *volumes = json_object_get(pod(*state), "volumes");
	const json_t *mounts = json_object_get(container(*state), "volumeMounts");

	assert_true(has(json_object_get(json_array_get(made, 0), "files"), "kbgpd.yaml"));
	assert_string_equal(
	    text_of(json_object_get(json_array_get(volumes, 0), "configMap"), "name"),
	    text_of(json_array_get(made, 0), "name"));
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(text_of(json_array_get(volumes, i), "name"),
		    text_of(json_array_get(mounts, i), "name"));
	assert_string_equal(text_of(json_array_get(mounts, 0), "mountPath"), "/etc/kbgpd");
	assert_string_equal(text_of(json_array_get(mounts, 1), "mountPath"), "/run/kbgpd");
	json_decref(documents);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, read_objects, free_objects)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_kustomizations_list_their_files),
	    TEST(test_all_is_in_one_namespace),
	    TEST(test_what_is_used_is_granted),
	    TEST(test_what_is_granted_is_used),
	    TEST(test_the_status_needs_its_component),
	    TEST(test_roles_are_bound),
	    TEST(test_the_pod_has_two_capabilities),
	    TEST(test_the_probes_are_where_the_configuration_listens),
	    TEST(test_the_configuration_fits_the_pod),
	    TEST(test_the_pod_has_the_configuration_and_a_place_for_the_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
