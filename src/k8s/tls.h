/*
 * TLS to the API server, with OpenSSL: the server's certificate and its name are verified always,
 * and there is no way to ask for less.
 */
#ifndef K8S_TLS_H
#define K8S_TLS_H

#include <openssl/ssl.h>

#include "base/error.h"
#include "k8s/access.h"

/*
 * A new client's side for one connection, the caller's (SSL_free()); NULL and the error if the
 * certificates or the key cannot be used.
 */
SSL *k8s_tls_new(const struct k8s_access *access, struct error *error);
/* Why a handshake or a connection failed, and what to do; `number` is an errno, or 0. */
void k8s_tls_explain(const SSL *tls, unsigned long openssl_error, int number, struct error *error);

#endif
