/*
 * A connection to the API server: one request at a time over HTTP/1.1 and TLS, kept open between
 * requests.  Finds the server's addresses without blocking, tries one after the other, and gives
 * the response on in pieces as they arrive.  Knows neither what is asked nor when to ask again.
 */
#ifndef K8S_CONNECTION_H
#define K8S_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "k8s/access.h"
#include "k8s/http_response.h"

struct k8s_connection;

/* What the user of a connection is told; none of them may use or free the connection. */
struct k8s_connection_ops {
	/* The head of the response is there. */
	void (*head)(void *arg, const struct http_head *head);
	/* The next piece of its body; false: the rest is not wanted, and the connection closes. */
	bool (*body)(void *arg, const char *bytes, size_t length);
	/* The last word on a request: the response is complete (NULL), or why it is not. */
	void (*done)(void *arg, const char *failure);
};

struct k8s_request {
	const char *method; /* NULL: GET */
	const char *target; /* path and query, without what the server's URL has in front */
	const char *body; /* NULL: none */
	const char *content_type; /* of the body */
	/* Given up when no byte of the answer's body arrives for so long; 0: no limit. */
	uint32_t silence_ms;
	uint32_t total_ms; /* given up so long after the head in any case; 0: no limit */
};

struct k8s_connection *k8s_connection_new(
    struct loop *loop, const struct k8s_connection_ops *ops, void *arg);
/* `done` is not called. */
void k8s_connection_free(struct k8s_connection *connection);
/*
 * Asks; no other request may be under way.  Takes over the access: if it leads to where the
 * connection is open to, that is used, else a new one is made.
 */
void k8s_connection_request(struct k8s_connection *connection, struct k8s_access *access,
    const struct k8s_request *request);
/* From inside of `body`: the limit of silence for the rest of this answer; 0: none. */
void k8s_connection_limit_silence(struct k8s_connection *connection, uint32_t silence_ms);
/* Closes at once; `done` is not called. */
void k8s_connection_close(struct k8s_connection *connection);
/* What the last request was made with; NULL before the first. */
const struct k8s_access *k8s_connection_access(const struct k8s_connection *connection);
/* "api.example.com:6443 (192.0.2.1)", or "" before the first request. */
const char *k8s_connection_server(const struct k8s_connection *connection);

#endif
