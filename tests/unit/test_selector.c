/*
 * Label sets and selectors: every operator against a key that is there, that is there with
 * another value, and that is absent.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "k8s/selector.h"

static void labels_are_kept_sorted_and_replaced(void **state)
{
	struct k8s_labels labels = {0};

	(void)state;
	k8s_labels_set(&labels, "rack", "r1");
	k8s_labels_set(&labels, "arch", "arm64");
	k8s_labels_set(&labels, "zone", "a");
	k8s_labels_set(&labels, "rack", "r2");
	assert_int_equal(labels.count, 3);
	assert_string_equal(labels.items[0].key, "arch");
	assert_string_equal(labels.items[1].key, "rack");
	assert_string_equal(labels.items[2].key, "zone");
	assert_string_equal(k8s_labels_get(&labels, "rack"), "r2");
	assert_null(k8s_labels_get(&labels, "rac"));
	assert_null(k8s_labels_get(&labels, "zz"));
	k8s_labels_free(&labels);
	assert_int_equal(labels.count, 0);
}

static void labels_compare_by_content(void **state)
{
	struct k8s_labels a = {0};
	struct k8s_labels b = {0};

	(void)state;
	assert_true(k8s_labels_equal(&a, &b));
	k8s_labels_set(&a, "x", "1");
	assert_false(k8s_labels_equal(&a, &b));
	k8s_labels_set(&b, "x", "2");
	assert_false(k8s_labels_equal(&a, &b));
	k8s_labels_set(&b, "x", "1");
	assert_true(k8s_labels_equal(&a, &b));
	k8s_labels_free(&a);
	k8s_labels_free(&b);
}

static void each_operator_follows_metav1(void **state)
{
	static const char *const both[] = {"r1", "r2"};
	static const struct {
		const char *key;
		enum k8s_operator relation;
		size_t values;
		bool matches;
	} cases[] = {
	    {"rack", K8S_OPERATOR_IN, 2, true},
	    {"empty", K8S_OPERATOR_IN, 2, false},
	    {"absent", K8S_OPERATOR_IN, 2, false},
	    {"rack", K8S_OPERATOR_NOT_IN, 2, false},
	    {"empty", K8S_OPERATOR_NOT_IN, 2, true},
	    {"absent", K8S_OPERATOR_NOT_IN, 2, true},
	    {"rack", K8S_OPERATOR_EXISTS, 0, true},
	    {"empty", K8S_OPERATOR_EXISTS, 0, true},
	    {"absent", K8S_OPERATOR_EXISTS, 0, false},
	    {"rack", K8S_OPERATOR_DOES_NOT_EXIST, 0, false},
	    {"empty", K8S_OPERATOR_DOES_NOT_EXIST, 0, false},
	    {"absent", K8S_OPERATOR_DOES_NOT_EXIST, 0, true},
	};
	struct k8s_labels labels = {0};

	(void)state;
	k8s_labels_set(&labels, "rack", "r2");
	k8s_labels_set(&labels, "empty", "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct k8s_selector selector = {0};

		k8s_selector_add(&selector, cases[i].key, cases[i].relation, both, cases[i].values);
		if (k8s_selector_matches(&selector, &labels) != cases[i].matches)
			fail_msg("%s %s", cases[i].key, k8s_operator_name(cases[i].relation));
		k8s_selector_free(&selector);
	}
	k8s_labels_free(&labels);
}

static void all_requirements_must_hold_and_none_matches_all(void **state)
{
	static const char *const one[] = {"1"};
	struct k8s_selector selector = {0};
	struct k8s_labels labels = {0};

	(void)state;
	assert_true(k8s_selector_matches(&selector, &labels));
	k8s_labels_set(&labels, "a", "1");
	k8s_selector_add(&selector, "a", K8S_OPERATOR_IN, one, 1);
	assert_true(k8s_selector_matches(&selector, &labels));
	k8s_selector_add(&selector, "b", K8S_OPERATOR_EXISTS, NULL, 0);
	assert_false(k8s_selector_matches(&selector, &labels));
	k8s_labels_set(&labels, "b", "");
	assert_true(k8s_selector_matches(&selector, &labels));
	k8s_selector_free(&selector);
	k8s_labels_free(&labels);
}

static void selectors_compare_by_content(void **state)
{
	static const char *const values[] = {"1", "2"};
	struct k8s_selector a = {0};
	struct k8s_selector b = {0};

	(void)state;
	assert_true(k8s_selector_equal(&a, &b));
	k8s_selector_add(&a, "k", K8S_OPERATOR_IN, values, 2);
	assert_false(k8s_selector_equal(&a, &b));
	k8s_selector_add(&b, "k", K8S_OPERATOR_IN, values, 1);
	assert_false(k8s_selector_equal(&a, &b));
	k8s_selector_free(&b);
	k8s_selector_add(&b, "k", K8S_OPERATOR_NOT_IN, values, 2);
	assert_false(k8s_selector_equal(&a, &b));
	k8s_selector_free(&b);
	k8s_selector_add(&b, "k", K8S_OPERATOR_IN, values, 2);
	assert_true(k8s_selector_equal(&a, &b));
	k8s_selector_free(&a);
	k8s_selector_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(labels_are_kept_sorted_and_replaced),
	    cmocka_unit_test(labels_compare_by_content),
	    cmocka_unit_test(each_operator_follows_metav1),
	    cmocka_unit_test(all_requirements_must_hold_and_none_matches_all),
	    cmocka_unit_test(selectors_compare_by_content),
	};

	return cmocka_run_group_tests_name("selector", tests, NULL, NULL);
}
