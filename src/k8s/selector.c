/*
 * Label sets are sorted arrays: a node or a Service has a few dozen labels at most, so a binary
 * search in one block of memory beats a hash table, and two sets compare in one pass.  Selectors
 * keep their requirements in the order of the configuration; all of them must hold.
 *
 * The rules are those of metav1.LabelSelector.  The one that surprises: NotIn also matches when
 * the key is absent.
 */
#include "k8s/selector.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char *const operator_names[K8S_OPERATORS] = {
    [K8S_OPERATOR_IN] = "In",
    [K8S_OPERATOR_NOT_IN] = "NotIn",
    [K8S_OPERATOR_EXISTS] = "Exists",
    [K8S_OPERATOR_DOES_NOT_EXIST] = "DoesNotExist",
};

/* Where the key is, or where it belongs; `*found` says which. */
static size_t find_label(const struct k8s_labels *labels, const char *key, bool *found)
{
	size_t low = 0;
	size_t high = labels->count;

	*found = false;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = strcmp(labels->items[middle].key, key);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void k8s_labels_set(struct k8s_labels *labels, const char *key, const char *value)
{
	char *copy = memory_copy_string(value);
	bool found;
	const size_t at = find_label(labels, key, &found);
	struct k8s_label *label;

	if (found && labels->items) {
		free(labels->items[at].value);
		labels->items[at].value = copy;
		return;
	}
	labels->items = memory_grow(
	    labels->items, &labels->capacity, labels->count + 1, sizeof(*labels->items));
	label = &labels->items[at];
	memmove(label + 1, label, (labels->count - at) * sizeof(*label));
	label->key = memory_copy_string(key);
	label->value = copy;
	labels->count++;
}

const char *k8s_labels_get(const struct k8s_labels *labels, const char *key)
{
	bool found;
	const size_t at = find_label(labels, key, &found);

	return found ? labels->items[at].value : NULL;
}

bool k8s_labels_equal(const struct k8s_labels *a, const struct k8s_labels *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->items[i].key, b->items[i].key) ||
		    strcmp(a->items[i].value, b->items[i].value))
			return false;
	}
	return true;
}

void k8s_labels_free(struct k8s_labels *labels)
{
	for (size_t i = 0; i < labels->count; i++) {
		free(labels->items[i].key);
		free(labels->items[i].value);
	}
	free(labels->items);
	*labels = (struct k8s_labels){NULL, 0, 0};
}

const char *k8s_operator_name(enum k8s_operator relation)
{
	return relation < K8S_OPERATORS ? operator_names[relation] : "unknown";
}

void k8s_selector_add(struct k8s_selector *selector, const char *key, enum k8s_operator relation,
    const char *const *values, size_t value_count)
{
	struct k8s_requirement *item;

	selector->items = memory_grow(
	    selector->items, &selector->capacity, selector->count + 1, sizeof(*selector->items));
	item = &selector->items[selector->count++];
	*item = (struct k8s_requirement){.key = memory_copy_string(key), .relation = relation};
	if (!value_count)
		return;
	item->values = memory_allocate_zero(value_count, sizeof(*item->values));
	for (size_t i = 0; i < value_count; i++)
		item->values[item->value_count++] = memory_copy_string(values[i]);
}

static bool has_value(const struct k8s_requirement *item, const char *value)
{
	for (size_t i = 0; i < item->value_count; i++) {
		if (!strcmp(item->values[i], value))
			return true;
	}
	return false;
}

static bool requirement_holds(const struct k8s_requirement *item, const struct k8s_labels *labels)
{
	const char *value = k8s_labels_get(labels, item->key);

	switch (item->relation) {
	case K8S_OPERATOR_IN:
		return value && has_value(item, value);
	case K8S_OPERATOR_NOT_IN:
		return !value || !has_value(item, value);
	case K8S_OPERATOR_EXISTS:
		return value != NULL;
	case K8S_OPERATOR_DOES_NOT_EXIST:
		return value == NULL;
	case K8S_OPERATORS:
		break;
	}
	return false;
}

bool k8s_selector_matches(const struct k8s_selector *selector, const struct k8s_labels *labels)
{
	for (size_t i = 0; i < selector->count; i++) {
		if (!requirement_holds(&selector->items[i], labels))
			return false;
	}
	return true;
}

static bool requirement_equal(const struct k8s_requirement *a, const struct k8s_requirement *b)
{
	if (a->relation != b->relation || a->value_count != b->value_count ||
	    strcmp(a->key, b->key))
		return false;
	for (size_t i = 0; i < a->value_count; i++) {
		if (strcmp(a->values[i], b->values[i]))
			return false;
	}
	return true;
}

bool k8s_selector_equal(const struct k8s_selector *a, const struct k8s_selector *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!requirement_equal(&a->items[i], &b->items[i]))
			return false;
	}
	return true;
}

void k8s_selector_free(struct k8s_selector *selector)
{
	for (size_t i = 0; i < selector->count; i++) {
		struct k8s_requirement *item = &selector->items[i];

		for (size_t j = 0; j < item->value_count; j++)
			free(item->values[j]);
		free(item->values);
		free(item->key);
	}
	free(selector->items);
	*selector = (struct k8s_selector){NULL, 0, 0};
}
