/*
 * One BGP session of the load generator, as far as it needs no socket: OPEN, KEEPALIVE, cutting
 * bytes into messages, and the bytes that wait to be sent.  load_network.c moves the bytes.  What
 * it reads is not trusted; what is wrong ends the program.
 */
#ifndef LOAD_SESSION_H
#define LOAD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/wire.h"
#include "bgp/types.h"
#include "load_options.h"

#define LOAD_CONTROL_MAX 256
#define LOAD_RUNS_MAX 8

struct load_session {
	const struct load_options *options;
	uint32_t number;
	int fd; /* -1: none */
	uint32_t events; /* what the network watches it for */
	enum bgp_state state;
	bool stalled; /* it does not read */
	bool unanswered; /* connected or about to be, and no OPEN has come yet */
	uint16_t hold_time; /* the lower of both OPENs', seconds */
	double connect_at; /* on load_clock(): not before */
	double
	    retry_delay; /* seconds until it is tried again, if the daemon does not want it now */
	double heard_at; /* when something came last */
	double silence; /* the longest time in which nothing came, while Established */
	double keepalive_at; /* when the next one is due */
	uint8_t *partial; /* the beginning of a message, BGP_MESSAGE_MAX; or NULL */
	size_t partial_length;
	uint8_t control[LOAD_CONTROL_MAX]; /* OPEN and KEEPALIVE to send */
	size_t control_length;
	size_t control_sent;
	struct wire_span runs[LOAD_RUNS_MAX]; /* whole messages to send, somebody else's */
	size_t run_count;
	size_t run_sent; /* of the first */
};

/* What a session tells; `arg` is that of the call which led to it. */
struct load_handler {
	void (*established)(void *arg, struct load_session *session);
	void (*update)(void *arg, struct load_session *session, struct wire_span body);
	void (*refresh)(void *arg, struct load_session *session, enum ip_family family);
	/* Everything that was to be sent has gone to the kernel. */
	void (*drained)(void *arg, struct load_session *session);
	/* It has read or written: what it holds or has to send may be another. */
	void (*moved)(void *arg, struct load_session *session);
};

void load_session_init(
    struct load_session *session, const struct load_options *options, uint32_t number);
void load_session_free(struct load_session *session);
/* Ends the program with what is wrong with this session. */
_Noreturn void load_session_fail(const struct load_session *session, const char *problem);

/* There is a connection, or one begins: OPEN is the first to be sent. */
void load_session_begin(struct load_session *session);
/* There is none any more: nothing is left to send or half read. */
void load_session_end(struct load_session *session);
/* Adds a KEEPALIVE to what is to be sent; where something waits, that keeps it alive already. */
void load_session_keep_alive(struct load_session *session);
/* Adds whole messages to what is to be sent; they must stay where they are until then. */
void load_session_send(struct load_session *session, struct wire_span messages);

/* What is to be written next; empty: nothing. */
struct wire_span load_session_output(const struct load_session *session);
/* So much of it has been written. */
void load_session_wrote(struct load_session *session, size_t length);
/*
 * Takes what was read, the partial message in front included, message by message; keeps what is
 * left.  False if the daemon has refused the session for now, and the connection is to be closed.
 */
bool load_session_take(struct load_session *session, const uint8_t *bytes, size_t length,
    double now, const struct load_handler *handler, void *arg);

#endif
