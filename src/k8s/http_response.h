/*
 * An HTTP/1.1 response taken apart as its bytes arrive (RFC 9112): the head as a value, the body in
 * pieces of whatever length the network gives, whether it is counted, chunked or ends with the
 * connection.  Keeps one line at most, never the body.  Pure, and total: any bytes give parts or
 * an error.  Why not libevent's: it waits for whole chunks, and its limit counts all of a watch.
 */
#ifndef K8S_HTTP_RESPONSE_H
#define K8S_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_LINE_MAX 8192
/* All lines of a head, or of a trailer. */
#define HTTP_HEAD_MAX 65536

struct http_head {
	unsigned status;
	bool has_retry_after;
	uint32_t retry_after; /* seconds; only this form of it is read (RFC 9110 10.2.3) */
	bool close; /* the server will close after this response */
};

enum http_part {
	HTTP_MORE, /* all bytes have been taken, and more are needed */
	HTTP_HEAD, /* `head` is complete */
	HTTP_BODY, /* `piece` of `piece_length` is the next of the body */
	HTTP_END, /* the response is complete; what follows is not of it */
	HTTP_BAD /* `problem` says why */
};

enum http_state {
	HTTP_STATUS_LINE,
	HTTP_HEADER,
	HTTP_COUNTED,
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK,
	HTTP_CHUNK_END,
	HTTP_TRAILER,
	HTTP_UNTIL_CLOSE,
	HTTP_COMPLETE,
	HTTP_BROKEN
};

/* Zeroed is before the first byte. */
struct http_response {
	struct http_head head;
	const char *piece; /* in the bytes that were given */
	size_t piece_length;
	const char *problem;
	enum http_state state;
	bool chunked;
	bool has_length;
	uint64_t left; /* of the body or the chunk */
	size_t line_bytes; /* of this head or trailer so far */
	size_t line_length;
	char line[HTTP_LINE_MAX];
};

/* Takes bytes until a part is there; `*used` says how many.  To be called until HTTP_MORE. */
enum http_part http_response_read(
    struct http_response *response, const char *bytes, size_t length, size_t *used);
/* The connection has ended: true if the response is complete with that. */
bool http_response_close(struct http_response *response);
/* True if nothing of it has arrived. */
bool http_response_is_untouched(const struct http_response *response);

#endif
