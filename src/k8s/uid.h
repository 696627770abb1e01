/*
 * The UID of an object: a UUID (RFC 9562), kept as its sixteen bytes.  Who refers to an object that
 * may have been made again under the same name says by it which one is meant.
 */
#ifndef K8S_UID_H
#define K8S_UID_H

#include <stdbool.h>
#include <stdint.h>

#define K8S_UID_TEXT_MAX 37

/* Zero: not known. */
struct k8s_uid {
	uint8_t bytes[16];
};

/* Of NULL, and of what is no UUID in its usual form: zero. */
struct k8s_uid k8s_uid_parse(const char *text);
bool k8s_uid_is_known(const struct k8s_uid *uid);
const char *k8s_uid_print(const struct k8s_uid *uid, char text[static K8S_UID_TEXT_MAX]);

#endif
