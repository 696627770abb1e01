/*
 * Base64 as Kubernetes writes bytes into JSON and YAML (RFC 4648 4): with padding, perhaps broken
 * into lines.  Pure; called by the decoders.
 */
#ifndef K8S_BASE64_H
#define K8S_BASE64_H

#include <stddef.h>

/*
 * The bytes as a new string with a NUL behind them, which `*length` does not count; NULL if this is
 * no base64.  What is freed on the way has been wiped.
 */
char *k8s_base64_decode(const char *text, size_t *length);

#endif
