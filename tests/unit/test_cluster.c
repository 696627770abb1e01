/*
 * The cluster: what the observer is told, when objects can be found, the slices of a Service, and
 * complete views.
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
#include "k8s/cluster.h"

struct fixture {
	struct k8s_cluster *cluster;
	struct text events;
};

/* The event with whether the object can be found during the call. */
static void on_changed(void *arg, const struct k8s_object *object, const struct k8s_object *old)
{
	struct fixture *fixture = arg;
	const bool found = k8s_cluster_find(fixture->cluster, object->kind, object->namespace,
			       object->name) == object;

	text_append(
	    &fixture->events, "%s%s%s ", old ? "change " : "new ", object->name, found ? "" : "!");
	if (old)
		assert_string_equal(old->name, object->name);
}

static void on_removed(void *arg, const struct k8s_object *object)
{
	struct fixture *fixture = arg;
	const bool found = k8s_cluster_find(fixture->cluster, object->kind, object->namespace,
			       object->name) != NULL;

	text_append(&fixture->events, "gone %s%s ", object->name, found ? "!" : "");
}

static void on_synced(void *arg)
{
	struct fixture *fixture = arg;

	text_append(&fixture->events, "synced ");
}

static const struct k8s_cluster_ops ops = {on_changed, on_removed, on_synced};

static int set_up(void **state)
{
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));

	fixture->cluster = k8s_cluster_new(1, &ops, fixture);
	text_append(&fixture->events, "%s", "");
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	k8s_cluster_free(fixture->cluster);
	text_free(&fixture->events);
	free(fixture);
	return 0;
}

static void assert_events(struct fixture *fixture, const char *expected)
{
	assert_string_equal(fixture->events.string, expected);
	text_clear(&fixture->events);
	text_append(&fixture->events, "%s", "");
}

static struct k8s_object *new_object(enum k8s_kind kind, const char *name, const char *label)
{
	struct k8s_object *object = memory_allocate_zero(1, sizeof(*object));

	object->kind = kind;
	object->namespace = memory_copy_string(kind == K8S_NODE ? "" : "default");
	object->name = memory_copy_string(name);
	object->resource_version = memory_copy_string("1");
	if (kind == K8S_SERVICE)
		k8s_labels_set(&object->service.labels, "l", label);
	if (kind == K8S_NODE)
		k8s_labels_set(&object->node.labels, "l", label);
	if (kind == K8S_ENDPOINT_SLICE && label)
		object->endpoint_slice.service = memory_copy_string(label);
	return object;
}

static void observer_is_told_of_real_changes_only(void **state)
{
	struct fixture *fixture = *state;
	struct k8s_object *again = new_object(K8S_SERVICE, "web", "a");

	k8s_cluster_put(fixture->cluster, new_object(K8S_SERVICE, "web", "a"));
	assert_events(fixture, "new web ");
	again->resource_version[0] = '7';
	k8s_cluster_put(fixture->cluster, again);
	assert_events(fixture, "");
	assert_string_equal(
	    k8s_cluster_find(fixture->cluster, K8S_SERVICE, "default", "web")->resource_version,
	    "7");
	k8s_cluster_put(fixture->cluster, new_object(K8S_SERVICE, "web", "b"));
	assert_events(fixture, "change web ");
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "web");
	assert_events(fixture, "gone web ");
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "web");
	assert_events(fixture, "");
	assert_int_equal(k8s_cluster_events(fixture->cluster, K8S_SERVICE), 3);
	assert_int_equal(k8s_cluster_events(fixture->cluster, K8S_NODE), 0);
}

static void kinds_and_namespaces_are_apart(void **state)
{
	struct fixture *fixture = *state;
	struct k8s_object *other = new_object(K8S_SERVICE, "x", "a");

	free(other->namespace);
	other->namespace = memory_copy_string("shop");
	k8s_cluster_put(fixture->cluster, new_object(K8S_SERVICE, "x", "a"));
	k8s_cluster_put(fixture->cluster, other);
	k8s_cluster_put(fixture->cluster, new_object(K8S_NODE, "x", "a"));
	assert_events(fixture, "new x new x new x ");
	assert_int_equal(k8s_cluster_count(fixture->cluster, K8S_SERVICE), 2);
	assert_int_equal(k8s_cluster_count(fixture->cluster, K8S_NODE), 1);
	assert_ptr_equal(k8s_cluster_find(fixture->cluster, K8S_SERVICE, "shop", "x"), other);
	assert_null(k8s_cluster_find(fixture->cluster, K8S_NODE, "shop", "x"));
}

static void memory_is_that_of_the_objects(void **state)
{
	struct fixture *fixture = *state;
	struct k8s_object *labelled = new_object(K8S_SERVICE, "x", "a");
	const size_t none = k8s_cluster_memory(fixture->cluster);
	size_t one;

	k8s_cluster_put(fixture->cluster, new_object(K8S_SERVICE, "x", "a"));
	one = k8s_cluster_memory(fixture->cluster);
	assert_true(one > none + sizeof(struct k8s_object));
	for (char key[] = "key-a"; key[4] < 'z'; key[4]++)
		k8s_labels_set(&labelled->service.labels, key, "a value");
	k8s_cluster_put(fixture->cluster, labelled);
	assert_true(k8s_cluster_memory(fixture->cluster) > one + 25 * 8);
	k8s_cluster_remove(fixture->cluster, K8S_SERVICE, "default", "x");
	assert_true(k8s_cluster_memory(fixture->cluster) < one);
	k8s_cluster_put(fixture->cluster, new_object(K8S_SERVICE, "x", "a"));
	assert_true(k8s_cluster_memory(fixture->cluster) <= one + 64);
}

static size_t count_slices(struct fixture *fixture, const char *service)
{
	size_t cursor = 0;
	size_t count = 0;

	while (k8s_cluster_next_slice(fixture->cluster, "default", service, &cursor))
		count++;
	return count;
}

static void slices_are_found_by_service(void **state)
{
	struct fixture *fixture = *state;

	k8s_cluster_put(fixture->cluster, new_object(K8S_ENDPOINT_SLICE, "s1", "web"));
	k8s_cluster_put(fixture->cluster, new_object(K8S_ENDPOINT_SLICE, "s2", "web"));
	k8s_cluster_put(fixture->cluster, new_object(K8S_ENDPOINT_SLICE, "s3", "db"));
	k8s_cluster_put(fixture->cluster, new_object(K8S_ENDPOINT_SLICE, "s4", NULL));
	assert_int_equal(count_slices(fixture, "web"), 2);
	assert_int_equal(count_slices(fixture, "db"), 1);
	assert_int_equal(count_slices(fixture, "none"), 0);
	/* A slice that goes over to another Service. */
	k8s_cluster_put(fixture->cluster, new_object(K8S_ENDPOINT_SLICE, "s1", "db"));
	assert_int_equal(count_slices(fixture, "web"), 1);
	assert_int_equal(count_slices(fixture, "db"), 2);
	k8s_cluster_remove(fixture->cluster, K8S_ENDPOINT_SLICE, "default", "s3");
	k8s_cluster_remove(fixture->cluster, K8S_ENDPOINT_SLICE, "default", "s1");
	assert_int_equal(count_slices(fixture, "db"), 0);
	assert_int_equal(count_slices(fixture, "web"), 1);
}

static void slices_of_a_service_go_in_any_order(void **state)
{
	static const unsigned order[] = {3, 0, 9, 5, 1, 8, 2, 7, 4, 6};
	struct fixture *fixture = *state;
	char name[8];

	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%u", i);
		k8s_cluster_put(fixture->cluster, new_object(K8S_ENDPOINT_SLICE, name, "web"));
	}
	for (unsigned gone = 1; gone <= 10; gone++) {
		const struct k8s_object *object;
		size_t cursor = 0;

		snprintf(name, sizeof(name), "%u", order[gone - 1]);
		k8s_cluster_remove(fixture->cluster, K8S_ENDPOINT_SLICE, "default", name);
		assert_int_equal(count_slices(fixture, "web"), 10 - gone);
		while ((
		    object = k8s_cluster_next_slice(fixture->cluster, "default", "web", &cursor))) {
			for (unsigned i = 0; i < gone; i++)
				assert_int_not_equal(atoi(object->name), order[i]);
		}
	}
}

static void another_source_is_not_synced_before_its_view(void **state)
{
	struct fixture *fixture = *state;

	k8s_cluster_begin_view(fixture->cluster);
	k8s_cluster_put(fixture->cluster, new_object(K8S_NODE, "a", "1"));
	k8s_cluster_end_view(fixture->cluster);
	k8s_cluster_forget_view(fixture->cluster);
	assert_false(k8s_cluster_is_synced(fixture->cluster));
	assert_non_null(k8s_cluster_find(fixture->cluster, K8S_NODE, "", "a"));
	k8s_cluster_begin_view(fixture->cluster);
	k8s_cluster_end_view(fixture->cluster);
	assert_events(fixture, "new a synced gone a synced ");
	assert_true(k8s_cluster_is_synced(fixture->cluster));
}

static void view_removes_what_was_not_put(void **state)
{
	struct fixture *fixture = *state;

	assert_false(k8s_cluster_is_synced(fixture->cluster));
	k8s_cluster_begin_view(fixture->cluster);
	k8s_cluster_put(fixture->cluster, new_object(K8S_NODE, "a", "1"));
	k8s_cluster_put(fixture->cluster, new_object(K8S_NODE, "b", "1"));
	k8s_cluster_end_view(fixture->cluster);
	assert_events(fixture, "new a new b synced ");
	assert_true(k8s_cluster_is_synced(fixture->cluster));
	k8s_cluster_begin_view(fixture->cluster);
	k8s_cluster_put(fixture->cluster, new_object(K8S_NODE, "b", "1"));
	k8s_cluster_put(fixture->cluster, new_object(K8S_NODE, "c", "1"));
	k8s_cluster_end_view(fixture->cluster);
	assert_events(fixture, "new c gone a synced ");
}

/* Kinds are listed one after the other; the view is complete with the last one. */
static void lists_of_the_kinds_make_a_view(void **state)
{
	struct fixture *fixture = *state;
	struct k8s_cluster *cluster = fixture->cluster;

	k8s_cluster_put(cluster, new_object(K8S_NODE, "n", "a"));
	k8s_cluster_put(cluster, new_object(K8S_SERVICE, "old", "a"));
	k8s_cluster_begin_list(cluster, K8S_SERVICE);
	k8s_cluster_put(cluster, new_object(K8S_SERVICE, "new", "a"));
	assert_events(fixture, "new n new old new new ");
	assert_true(k8s_cluster_end_list(cluster, K8S_SERVICE, 10));
	assert_events(fixture, "gone old ");
	k8s_cluster_begin_list(cluster, K8S_ENDPOINT_SLICE);
	assert_true(k8s_cluster_end_list(cluster, K8S_ENDPOINT_SLICE, 10));
	k8s_cluster_begin_list(cluster, K8S_NODE);
	assert_false(k8s_cluster_is_synced(cluster));
	k8s_cluster_keep(cluster, K8S_NODE, "", "n");
	k8s_cluster_keep(cluster, K8S_NODE, "", "unknown");
	assert_true(k8s_cluster_end_list(cluster, K8S_NODE, 10));
	assert_events(fixture, "synced ");
	assert_true(k8s_cluster_is_synced(cluster));
}

/* What is put between two steps of the removal stays. */
static void a_list_ends_by_and_by(void **state)
{
	struct fixture *fixture = *state;
	struct k8s_cluster *cluster = fixture->cluster;
	static const char *const names[] = {"a", "b", "c", "d", "e"};

	for (size_t i = 0; i < 5; i++)
		k8s_cluster_put(cluster, new_object(K8S_SERVICE, names[i], "x"));
	k8s_cluster_begin_list(cluster, K8S_SERVICE);
	k8s_cluster_put(cluster, new_object(K8S_SERVICE, "b", "x"));
	k8s_cluster_put(cluster, new_object(K8S_SERVICE, "d", "y"));
	text_clear(&fixture->events);
	assert_false(k8s_cluster_end_list(cluster, K8S_SERVICE, 1));
	assert_events(fixture, "gone a ");
	k8s_cluster_put(cluster, new_object(K8S_SERVICE, "c", "x"));
	k8s_cluster_remove(cluster, K8S_SERVICE, "default", "b");
	assert_events(fixture, "gone b ");
	assert_true(k8s_cluster_end_list(cluster, K8S_SERVICE, 1));
	assert_events(fixture, "gone e ");
	assert_int_equal(k8s_cluster_count(cluster, K8S_SERVICE), 2);
}

static void walk_visits_every_object_once(void **state)
{
	struct fixture *fixture = *state;
	unsigned seen[100] = {0};
	const struct k8s_object *object;
	size_t cursor = 0;

	for (unsigned i = 0; i < 100; i++) {
		char name[8];

		snprintf(name, sizeof(name), "%u", i);
		k8s_cluster_put(fixture->cluster, new_object(K8S_NODE, name, "x"));
	}
	while ((object = k8s_cluster_next(fixture->cluster, K8S_NODE, &cursor)))
		seen[atoi(object->name)]++;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(seen[i], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		observer_is_told_of_real_changes_only, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(kinds_and_namespaces_are_apart, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(memory_is_that_of_the_objects, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(slices_are_found_by_service, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(slices_of_a_service_go_in_any_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		another_source_is_not_synced_before_its_view, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(view_removes_what_was_not_put, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(lists_of_the_kinds_make_a_view, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_list_ends_by_and_by, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(walk_visits_every_object_once, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("cluster", tests, NULL, NULL);
}
