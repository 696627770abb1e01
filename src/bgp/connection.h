/*
 * One TCP connection that carries BGP messages: framing of what comes in, a queue for what goes
 * out, and an end that lets a last NOTIFICATION arrive.  It knows no state machine and decodes
 * nothing but headers.  Used by machine.c and session.c only.
 *
 * A connection may be closed in any of its callbacks.
 */
#ifndef BGP_CONNECTION_H
#define BGP_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/shared_buffer.h"
#include "base/wire.h"
#include "bgp/message.h"

struct bgp_connection;

struct bgp_connection_ops {
	/* The connection that was begun is up. */
	void (*connected)(void *arg);
	/* A whole message; the body is valid during the call. */
	void (*message)(void *arg, const struct bgp_header *header, struct wire_span body);
	/* What came is no message; nothing more is read. */
	void (*bad_header)(void *arg, const struct bgp_notification *notification);
	/* The connection is gone: an errno, or 0 if the neighbour closed it; nothing more is read. */
	void (*failed)(void *arg, int code);
	/* Everything that was queued is with the kernel. */
	void (*drained)(void *arg);
	/* No more messages for now: scratch memory may be given back. */
	void (*idle)(void *arg);
};

/* Connections of one session whose last message is still on its way; zeroed is none. */
struct bgp_closing_list {
	struct bgp_connection *first; /* newest first */
	unsigned count;
};

/* Takes over `fd`, which is non-blocking; `is_up` is false for a connection only begun. */
struct bgp_connection *bgp_connection_new(
    struct loop *loop, int fd, bool is_up, const struct bgp_connection_ops *ops, void *arg);
/* Closes at once and frees; what is queued is lost.  NULL is allowed. */
void bgp_connection_close(struct bgp_connection *connection);
/*
 * Sends `last` after the message that is under way, drops what else is queued, and closes in the
 * background: when the neighbour has closed too, or after two seconds.  No callback comes any more;
 * the connection frees itself and leaves the list.
 */
void bgp_connection_finish(struct bgp_connection *connection, struct shared_buffer *last,
    struct bgp_closing_list *closing);
/* Closes all at once. */
void bgp_closing_list_free(struct bgp_closing_list *closing);

/* Queues whole messages; they leave at the end of this turn of the loop. */
void bgp_connection_send(struct bgp_connection *connection, struct shared_buffer *buffer);
/* The same for one who has more to come: they leave when they are many, or are pushed. */
void bgp_connection_queue(struct bgp_connection *connection, struct shared_buffer *buffer);
/* What is queued leaves at the end of this turn. */
void bgp_connection_push(struct bgp_connection *connection);
/* Bytes queued and not yet taken by the kernel. */
size_t bgp_connection_queued(const struct bgp_connection *connection);
/* Bytes that the queue takes, its share of buffers that are in several. */
size_t bgp_connection_queue_memory(const struct bgp_connection *connection);
/*
 * loop_now() since which the neighbour has acknowledged nothing although something waits for it, in
 * the queue or with the kernel; the present if nothing waits.  Asks the kernel: meant to be called
 * now and then, and as exact as the time between two calls.
 */
uint64_t bgp_connection_progress(struct bgp_connection *connection);
/* loop_now() of the last time that bytes came in: one look at the clock for many messages. */
uint64_t bgp_connection_heard(const struct bgp_connection *connection);
/* RFC 8654: messages up to 65535 octets are taken from now on. */
void bgp_connection_set_extended(struct bgp_connection *connection, bool extended);
int bgp_connection_fd(const struct bgp_connection *connection);

#endif
