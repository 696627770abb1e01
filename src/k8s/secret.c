/*
 * A list is enough: a Secret has a few keys, and is looked at when a peer is configured.
 */
#include "k8s/secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void wipe(struct k8s_secret_value *value)
{
	if (value->bytes)
		explicit_bzero(value->bytes, value->length);
	free(value->bytes);
	value->bytes = NULL;
}

const struct k8s_secret_value *k8s_secret_find(const struct k8s_secret *secret, const char *key)
{
	for (size_t i = 0; i < secret->count; i++) {
		if (!strcmp(secret->values[i].key, key))
			return &secret->values[i];
	}
	return NULL;
}

void k8s_secret_put(struct k8s_secret *secret, const char *key, char *bytes, size_t length)
{
	struct k8s_secret_value *value = (struct k8s_secret_value *)k8s_secret_find(secret, key);

	if (!value) {
		secret->values = memory_grow_zero(
		    secret->values, &secret->capacity, secret->count + 1, sizeof(*value));
		value = &secret->values[secret->count++];
		value->key = memory_copy_string(key);
	}
	wipe(value);
	value->bytes = bytes;
	value->length = length;
	if (length > K8S_SECRET_VALUE_MAX)
		wipe(value);
}

static bool value_equal(const struct k8s_secret_value *a, const struct k8s_secret_value *b)
{
	if (a->length != b->length || !a->bytes != !b->bytes)
		return false;
	return !a->bytes || !memcmp(a->bytes, b->bytes, a->length);
}

bool k8s_secret_equal(const struct k8s_secret *a, const struct k8s_secret *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct k8s_secret_value *other = k8s_secret_find(b, a->values[i].key);

		if (!other || !value_equal(&a->values[i], other))
			return false;
	}
	return true;
}

static void wipe_strings(json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (json_is_string(value))
			explicit_bzero((char *)json_string_value(value), json_string_length(value));
	}
}

void k8s_secret_wipe_json(json_t *value)
{
	json_t *object = json_object_get(value, "object");

	if (json_is_object(object))
		value = object;
	wipe_strings(json_object_get(value, "data"));
	wipe_strings(json_object_get(value, "stringData"));
}

void k8s_secret_free(struct k8s_secret *secret)
{
	for (size_t i = 0; i < secret->count; i++) {
		free(secret->values[i].key);
		wipe(&secret->values[i]);
	}
	free(secret->values);
}
