/*
 * One running instance of the state machine: its state, its TCP connection and its timers.  It
 * carries out the actions that fsm.c names, turns messages and expired timers into events, and
 * leaves to its session what concerns both connections of a neighbour.  Used by session.c, and by
 * reason.c and receive.c for their part of a machine.
 */
#ifndef BGP_MACHINE_H
#define BGP_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/loop.h"
#include "bgp/connection.h"
#include "bgp/fsm.h"
#include "bgp/message.h"
#include "bgp/refusal.h"
#include "bgp/session.h"
#include "bgp/timers.h"

struct bgp_machine;

/* What the session is asked and told. */
struct bgp_machine_ops {
	/* Around everything that a machine does of its own accord. */
	void (*enter)(void *arg);
	void (*leave)(void *arg);
	/* Is a connection wanted, because none is under way with an OPEN sent? */
	bool (*may_connect)(void *arg);
	/* A good OPEN has come (RFC 4271 6.8); false: the machine lost a collision by it. */
	bool (*open_received)(void *arg, struct bgp_machine *machine);
	/* DampPeerOscillations: the session should rest. */
	void (*damped)(void *arg);
	void (*established)(void *arg, struct bgp_machine *machine);
	/* Established was left; the reason stands in the shared part. */
	void (*released)(void *arg, struct bgp_machine *machine);
	void (*update)(void *arg, const struct bgp_update *update);
	void (*refresh)(void *arg, enum ip_family family, enum bgp_refresh kind);
	void (*drained)(void *arg, const struct bgp_machine *machine);
	void (*trouble)(void *arg, const char *what);
};

/* What the two machines of a session have in common; the session owns it. */
struct bgp_machine_shared {
	struct loop *loop;
	struct bgp_session_settings settings;
	struct bgp_session_counters counters;
	struct bgp_session_reason reason; /* the last one */
	struct bgp_session_reason *notification; /* the last one that was one; NULL: none was */
	struct bgp_refusal refusal; /* of our OPEN, counts for the next one */
	struct bgp_closing_list closing;
	struct arena arena; /* empty between turns */
	uint64_t random; /* for jitter */
	const struct bgp_machine_ops *ops;
	void *arg;
};

struct bgp_machine {
	struct bgp_machine_shared *shared;
	enum bgp_state state;
	bool is_incoming; /* for a connection that the neighbour opened; never connects */
	bool connect_failed; /* at once, while the actions of a step are carried out */
	bool has_reason; /* the step that is carried out, or follows, has set the shared reason */
	uint32_t retry_counter; /* ConnectRetryCounter */
	struct bgp_connection *connection; /* NULL: none */
	bool has_ends; /* the connection is, or was, up between these */
	struct ip_address local;
	struct ip_address remote;
	uint16_t local_port;
	uint16_t remote_port;
	bool is_reduced; /* `local_open` leaves out what the neighbour refused */
	struct bgp_open local_open;
	struct bgp_open remote_open;
	struct bgp_codec codec;
	uint32_t hold_time_ms; /* negotiated, from OpenConfirm on */
	uint32_t keepalive_time_ms; /* likewise */
	struct bgp_timers timers;
	struct loop_timer timer; /* fires when the first of them may have expired */
	/* While a message is processed: */
	uint8_t message_type; /* 0: none */
	const struct bgp_update *update; /* NULL: none that is to be processed */
};

void bgp_machine_init(
    struct bgp_machine *machine, struct bgp_machine_shared *shared, bool is_incoming);
void bgp_machine_free(struct bgp_machine *machine);
/*
 * One event.  `own` is the NOTIFICATION that the event brings, sent in place of the state machine's
 * if one is to be sent; may be NULL.
 */
void bgp_machine_step(
    struct bgp_machine *machine, enum bgp_event event, const struct bgp_notification *own);
/* Takes a connection that the neighbour opened; the machine is in Idle. */
void bgp_machine_accept(struct bgp_machine *machine, int fd);
/* Back to Idle without a word, for what no OPEN was exchanged over. */
void bgp_machine_retire(struct bgp_machine *machine);
/* Queues whole messages, see bgp_session_send(); only in Established. */
void bgp_machine_send(struct bgp_machine *machine, struct shared_buffer *buffer);
void bgp_machine_send_refresh(struct bgp_machine *machine, enum ip_family family);
/* Takes over a changed keepalive time. */
void bgp_machine_apply_timers(struct bgp_machine *machine);
/* RFC 4271 10: a random 75 to 100 per cent of the time. */
uint32_t bgp_machine_jitter(struct bgp_machine_shared *shared, uint32_t time_ms);

#endif
