/*
 * The values of a Secret: bytes by key.  Only what may be a password is kept: of a longer value it
 * is only known that it is too long.  What is freed is wiped before, and no function here prints a
 * value.  Filled in by the decoder, asked by the speaker.
 */
#ifndef K8S_SECRET_H
#define K8S_SECRET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes of a value that is kept: more than any password that TCP takes. */
#define K8S_SECRET_VALUE_MAX 255
/* Keys of a Secret that are looked at. */
#define K8S_SECRET_VALUES_MAX 1024

struct k8s_secret_value {
	char *key;
	char *bytes; /* with a NUL behind them; NULL: they are too many to be kept */
	size_t length;
};

/* Zeroed is empty. */
struct k8s_secret {
	struct k8s_secret_value *values;
	size_t count;
	size_t capacity;
};

/* Takes over the bytes, in place of those that the key may have had. */
void k8s_secret_put(struct k8s_secret *secret, const char *key, char *bytes, size_t length);
/* NULL: there is no such key. */
const struct k8s_secret_value *k8s_secret_find(const struct k8s_secret *secret, const char *key);
bool k8s_secret_equal(const struct k8s_secret *a, const struct k8s_secret *b);
/* Overwrites the values of a Secret, or of one that is a watch's event, before they are freed. */
void k8s_secret_wipe_json(json_t *value);
void k8s_secret_free(struct k8s_secret *secret);

#endif
