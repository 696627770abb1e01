/*
 * One BGP session: a neighbour, up to two TCP connections to it (the one we opened and the one it
 * opened, until the collision is resolved), the state machine of each, timers, framing, and an
 * output queue of shared buffers.  It decodes messages and hands UPDATEs up; it knows no table, no
 * policy and no configuration file.  Called by the speaker, which learns of events by the
 * callbacks of `struct bgp_session_ops`.
 *
 * A session lives from bgp_session_new() to bgp_session_free(); it may be freed in none of its own
 * callbacks.  Nothing blocks: reading is cut after a bounded number of bytes per turn.
 */
#ifndef BGP_SESSION_H
#define BGP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/shared_buffer.h"
#include "bgp/capability.h"
#include "bgp/message.h"
#include "bgp/notification.h"
#include "bgp/transport.h"
#include "bgp/types.h"

enum bgp_remote_as { BGP_REMOTE_AS_NUMBER, BGP_REMOTE_AS_INTERNAL, BGP_REMOTE_AS_EXTERNAL };

/* What we announce of graceful restart.  Keeping routes is not done yet, so never any family. */
struct bgp_restart_settings {
	bool enabled;
	uint16_t time_s; /* at most 4095 */
	uint32_t long_lived_time_s; /* RFC 9494, at most 2^24 - 1; 0: not announced */
};

/*
 * All that is set for a session.  A comparable value (memset to zero before it is filled in):
 * two equal ones need no change of a running session.
 */
struct bgp_session_settings {
	struct bgp_transport_options transport;
	uint32_t local_asn; /* as shown to this neighbour */
	uint32_t remote_asn; /* for BGP_REMOTE_AS_NUMBER */
	enum bgp_remote_as remote_as;
	uint8_t identifier[4]; /* the router ID */
	bool families[IP_FAMILIES];
	bool passive;
	uint32_t hold_time_ms; /* whole seconds; 0: no keepalives */
	uint32_t keepalive_time_ms; /* 0: a third of the negotiated hold time */
	uint32_t connect_retry_time_ms;
	uint32_t delay_open_time_ms; /* DelayOpen: wait so long for their OPEN first; 0: do not */
	uint32_t open_time_ms; /* how long their OPEN may take; 0: four minutes (RFC 4271 8.2.2) */
	uint8_t role; /* enum bgp_role, RFC 9234; external neighbours only */
	bool strict_role; /* the neighbour has to announce one too */
	uint8_t add_path[IP_FAMILIES]; /* enum bgp_add_path, or'ed: what we are ready for */
	struct bgp_restart_settings restart;
	char host_name[BGP_HOST_NAME_MAX + 1]; /* as announced; empty: not */
	/* Of UPDATEs that come in; a change takes effect with the next one. */
	bool enforce_first_as; /* RFC 4271 6.3: AS_PATH begins with the external neighbour's AS */
	bool aigp; /* RFC 7311 3: AIGP is exchanged; else it is ignored */
	uint64_t ignored_attributes[4]; /* bit t: type t counts as if it was not there */
};

enum bgp_direction { BGP_RECEIVED, BGP_SENT, BGP_DIRECTIONS };

struct bgp_session_counters {
	uint64_t messages[BGP_DIRECTIONS][BGP_MESSAGE_TYPES]; /* index 0: all together */
	uint64_t bytes[BGP_DIRECTIONS];
	uint64_t flaps; /* times Established was left */
	uint64_t treated_as_withdraw; /* UPDATEs, RFC 7606 */
	uint64_t attributes_discarded; /* UPDATEs, RFC 7606 */
	uint64_t connection_attempts;
};

struct bgp_session;

/* Why a session went down, or why a connection could not be made; shown as the last error. */
struct bgp_session_reason {
	bool sent; /* we sent the notification */
	bool received; /* the neighbour did */
	uint8_t code; /* of the NOTIFICATION; 0: none */
	uint8_t subcode;
	struct error error; /* the whole reason as text */
	uint64_t at; /* loop_now() of a notification; else 0 */
};

/*
 * Called one after the other, never one from within another: stop, reset, start and change that are
 * called from within one of these take effect when it has returned.  All have to be there.
 */
struct bgp_session_ops {
	/* Established, both capabilities known; UPDATEs may be sent from now on. */
	void (*established)(void *arg);
	/* Established was left; the output queue is gone. */
	void (*down)(void *arg, const struct bgp_session_reason *reason);
	/* A well-formed frame, with its verdict; never one of treatment RESET_SESSION. */
	void (*update)(void *arg, const struct bgp_update *update);
	/*
	 * The neighbour asks for our routes of a family again (RFC 2918), or begins or ends to send
	 * its own again (RFC 7313, only if that was agreed upon).
	 */
	void (*refresh)(void *arg, enum ip_family family, enum bgp_refresh kind);
	/* The output queue has run empty. */
	void (*drained)(void *arg);
	/* The state changed, or a connection attempt failed: for logs and watchers only. */
	void (*state_changed)(void *arg, enum bgp_state from, enum bgp_state to);
	/* Something went wrong that did not end an Established session (attempt failed, RFC 7606). */
	void (*trouble)(void *arg, const char *what);
};

/* Copies the settings; does not start. */
struct bgp_session *bgp_session_new(struct loop *loop, const struct bgp_session_settings *settings,
    const struct bgp_session_ops *ops, void *arg);
/*
 * Closes without a NOTIFICATION (stop first) and frees.  A NOTIFICATION that is still on its way
 * may be lost; bgp_session_is_closing() tells, for two seconds at most.
 */
void bgp_session_free(struct bgp_session *session);
/* The last message of a connection that was ended has not arrived for certain yet. */
bool bgp_session_is_closing(const struct bgp_session *session);
/* Leaves Idle: connects, or waits if passive. */
void bgp_session_start(struct bgp_session *session);
/*
 * Goes to Idle and stays; an open connection is sent the Cease `subcode` with the RFC 9003 `text`
 * (may be NULL).
 */
void bgp_session_stop(
    struct bgp_session *session, enum bgp_cease_subcode subcode, const char *text);
/* The same, and starts again. */
void bgp_session_reset(
    struct bgp_session *session, enum bgp_cease_subcode subcode, const char *text);
/*
 * Takes a connection that the neighbour opened; owns `fd`, which is non-blocking, whatever becomes
 * of it.  Refused while stopped and for the first seconds of a rest after an error.
 */
void bgp_session_accept(struct bgp_session *session, int fd);
/*
 * New settings.  Equal ones, pure timer values and what counts for UPDATEs that come in are taken
 * over without a reset; anything that the OPEN or the connection depends on resets the session
 * (Cease, Other Configuration Change).
 */
void bgp_session_change(struct bgp_session *session, const struct bgp_session_settings *settings);

/*
 * Queues whole messages of one type; takes a reference of its own.  Only in Established.  They leave
 * when they are many; the last ones wait for bgp_session_push().
 */
void bgp_session_send(struct bgp_session *session, struct shared_buffer *buffer);
/* Nothing more is to come: what is queued leaves at the end of this turn of the loop. */
void bgp_session_push(struct bgp_session *session);
/* Bytes queued and not yet taken by the kernel. */
size_t bgp_session_queued(const struct bgp_session *session);
/* Bytes that its queue takes, its share of buffers that are in several. */
size_t bgp_session_queue_memory(const struct bgp_session *session);
/* Asks the neighbour for its routes again; false if it cannot (no route refresh capability). */
bool bgp_session_request_refresh(struct bgp_session *session, enum ip_family family);

/* What is known, for rules and for kbgpctl. */
enum bgp_state bgp_session_state(const struct bgp_session *session);
const struct bgp_session_settings *bgp_session_settings(const struct bgp_session *session);
/* Valid in Established. */
const struct bgp_codec *bgp_session_codec(const struct bgp_session *session);
const struct bgp_open *bgp_session_local_open(const struct bgp_session *session);
const struct bgp_open *bgp_session_remote_open(const struct bgp_session *session);
const struct bgp_session_counters *bgp_session_counters(const struct bgp_session *session);
const struct bgp_session_reason *bgp_session_last_reason(const struct bgp_session *session);
/*
 * The last NOTIFICATION that either side has sent, whatever went wrong after it; neither sent nor
 * received: there was none.  Valid until there is another one.
 */
const struct bgp_session_reason *bgp_session_last_notification(const struct bgp_session *session);
/* loop_now() of the last change into or out of Established; 0: never. */
uint64_t bgp_session_since(const struct bgp_session *session);
/* Negotiated values in seconds, 0 outside of OpenConfirm and Established. */
uint32_t bgp_session_hold_time(const struct bgp_session *session);
uint32_t bgp_session_keepalive_time(const struct bgp_session *session);
/* Both addresses of the live connection; false if there is none. */
bool bgp_session_addresses(const struct bgp_session *session, struct ip_address *local,
    uint16_t *local_port, struct ip_address *remote, uint16_t *remote_port);

#endif
