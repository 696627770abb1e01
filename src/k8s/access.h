/*
 * How this node gets to the API server, and as whom: its addresses, the certificate authorities
 * that vouch for it, and a client certificate or a token.  From the pod's service account or from a
 * kubeconfig.  A value: whatever rotates is read again by loading it again, before each request.
 */
#ifndef K8S_ACCESS_H
#define K8S_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Where the kubelet puts the service account of a pod. */
#define K8S_SERVICE_ACCOUNT_FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"

/* An API server as its URL says. */
struct k8s_server {
	char *host; /* a DNS name or an address, without brackets */
	uint16_t port;
	char *path; /* in front of every path; "" or "/...", without a slash at the end */
};

struct k8s_access {
	struct k8s_server server;
	char *server_name; /* whom its certificate must name; NULL: the host */
	char *authorities; /* PEM; NULL: those that the system trusts */
	char *certificate; /* of the client, PEM, with its chain; NULL: none */
	char *key; /* of the certificate, PEM; NULL exactly if that is */
	char *token; /* bearer token; NULL: none */
	char *namespace; /* "default" if nothing says another */
};

struct k8s_access_settings {
	const char *kubeconfig; /* a file; NULL or "": the pod's service account */
	const char *service_account; /* folder; NULL: the usual one */
	const char *service_host; /* $KUBERNETES_SERVICE_HOST, or NULL */
	const char *service_port; /* $KUBERNETES_SERVICE_PORT, or NULL */
	const char *const *servers; /* URLs to ask in place of the one of the above */
	size_t server_count;
};

/*
 * Reads the files; NULL and the error, which says what is wrong, where, and what to do.  Of several
 * servers `attempt` is the turn of another one.
 */
struct k8s_access *k8s_access_load(
    const struct k8s_access_settings *settings, size_t attempt, struct error *error);
/* From the text of a kubeconfig; relative names of files begin at `folder`. */
struct k8s_access *k8s_kubeconfig_decode(
    const char *text, size_t length, const char *folder, struct error *error);
void k8s_access_free(struct k8s_access *access);
/* True if a connection made for one will do for the other: nothing differs but the token. */
bool k8s_access_same_connection(const struct k8s_access *a, const struct k8s_access *b);
bool k8s_access_equal(const struct k8s_access *a, const struct k8s_access *b);

/* The parts, for who loads one. */

/* A DNS name or an address as far as the characters go. */
bool k8s_is_host(const char *host);
bool k8s_parse_port(const char *text, uint16_t *port);
/* "https://HOST[:PORT][/PATH]"; false and the error for anything else. */
bool k8s_server_parse(const char *url, struct k8s_server *server, struct error *error);
/* The file's text, or NULL and an error that names it. */
char *k8s_access_read_file(const char *path, struct error *error);
/* Makes a token of a file's text (perhaps NULL), which it takes over; NULL and the error. */
char *k8s_access_take_token(char *text, const char *path, struct error *error);

#endif
