/*
 * Label sets and label selectors as Kubernetes defines them (metav1.LabelSelector: matchLabels and
 * matchExpressions with In, NotIn, Exists, DoesNotExist).  Used by the configuration (selectors
 * as written), by the announce rules and by the speaker (this node's labels).
 */
#ifndef K8S_SELECTOR_H
#define K8S_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

struct k8s_label {
	char *key;
	char *value;
};

/* Sorted by key, no key twice; owns its strings.  Zeroed is empty. */
struct k8s_labels {
	struct k8s_label *items;
	size_t count;
	size_t capacity;
};

/* Sets or replaces one. */
void k8s_labels_set(struct k8s_labels *labels, const char *key, const char *value);
/* The value, or NULL. */
const char *k8s_labels_get(const struct k8s_labels *labels, const char *key);
bool k8s_labels_equal(const struct k8s_labels *a, const struct k8s_labels *b);
void k8s_labels_free(struct k8s_labels *labels);

enum k8s_operator {
	K8S_OPERATOR_IN,
	K8S_OPERATOR_NOT_IN,
	K8S_OPERATOR_EXISTS,
	K8S_OPERATOR_DOES_NOT_EXIST,
	K8S_OPERATORS
};

struct k8s_requirement {
	char *key;
	enum k8s_operator relation;
	char **values;
	size_t value_count;
};

/* All requirements must hold; none: everything matches.  Owns its strings. */
struct k8s_selector {
	struct k8s_requirement *items;
	size_t count;
	size_t capacity;
};

/* "In", "NotIn", "Exists", "DoesNotExist". */
const char *k8s_operator_name(enum k8s_operator relation);
/* Adds one requirement; the strings are copied.  A matchLabels entry is In with one value. */
void k8s_selector_add(struct k8s_selector *selector, const char *key, enum k8s_operator relation,
    const char *const *values, size_t value_count);
bool k8s_selector_matches(const struct k8s_selector *selector, const struct k8s_labels *labels);
bool k8s_selector_equal(const struct k8s_selector *a, const struct k8s_selector *b);
void k8s_selector_free(struct k8s_selector *selector);

#endif
