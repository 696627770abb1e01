/*
 * The sockets of the load generator: connections from many addresses, reading and writing of
 * whoever is ready, keepalives and hold times.  What it costs depends on what happens and not on
 * the number of sessions, but for one walk over all of them a second.  Called by load_run.c.
 */
#ifndef LOAD_NETWORK_H
#define LOAD_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "load_options.h"
#include "load_session.h"

struct load_network {
	const struct load_options *options;
	const struct load_handler *handler;
	void *arg; /* for the handler */
	struct load_session *sessions; /* by number */
	uint32_t count;
	uint32_t *waiting; /* a ring: numbers of those that are to connect, in order */
	uint32_t waiting_first;
	uint32_t waiting_count;
	uint32_t unanswered; /* sessions that are so */
	double connected_at; /* when the last connection was begun */
	double sweep_at;
	int epoll;
	uint8_t *input; /* of whichever session is read */
};

/* `handler` and `options` must outlive it. */
void load_network_init(struct load_network *network, const struct load_options *options,
    const struct load_handler *handler, void *arg);
void load_network_free(struct load_network *network);

/* Has a session that has none get a connection, in its turn. */
void load_network_connect(struct load_network *network, struct load_session *session);
void load_network_close(struct load_network *network, struct load_session *session);
/* Sends messages, see load_session_send(). */
void load_network_send(
    struct load_network *network, struct load_session *session, struct wire_span messages);
void load_network_stall(struct load_network *network, struct load_session *session, bool stalled);

/* Waits for something to do, at most until then on load_clock(), and does it. */
void load_network_turn(struct load_network *network, double until);
/* Turns until the descriptor can be read; at once for a file. */
void load_network_wait_for(struct load_network *network, int fd);

#endif
