/*
 * What the two OPENs of a connection come to: ours as the settings want it, the checks of theirs
 * that need the settings (RFC 4271 6.2, RFC 9234 4.2), the times agreed on, and who wins a
 * collision.  Pure functions.  Used by machine.c, receive.c and session.c only.
 */
#ifndef BGP_NEGOTIATION_H
#define BGP_NEGOTIATION_H

#include <stdbool.h>
#include <stdint.h>

#include "bgp/message.h"
#include "bgp/session.h"

/* The OPEN that we send, with all that we can do. */
struct bgp_open bgp_negotiation_open(const struct bgp_session_settings *settings);
/* Whether theirs is acceptable in answer to `local`; false with the NOTIFICATION to send. */
bool bgp_negotiation_check(const struct bgp_session_settings *settings,
    const struct bgp_open *local, const struct bgp_open *remote,
    struct bgp_notification *notification);
/*
 * Whether the NOTIFICATION, sent in Established, means that nothing of us may be kept, also where
 * both ends keep routes over a NOTIFICATION (RFC 8538 4).
 */
bool bgp_negotiation_is_hard(
    const struct bgp_codec *codec, const struct bgp_notification *notification);
/* How UPDATEs of the neighbour in AS `remote_asn` are to be read. */
struct bgp_update_rules bgp_negotiation_rules(
    const struct bgp_session_settings *settings, uint32_t remote_asn);
/* RFC 4271 4.2: the smaller of both hold times; 0: neither hold timer nor keepalives. */
uint32_t bgp_negotiation_hold_time(const struct bgp_open *local, const struct bgp_open *remote);
/* The configured time, but never more than a third of the hold time (RFC 4271 4.4). */
uint32_t bgp_negotiation_keepalive_time(
    const struct bgp_session_settings *settings, uint32_t hold_time_ms);
/* RFC 4271 6.8, RFC 6286 2.3: true if the connection that we opened is the one to keep. */
bool bgp_negotiation_keeps_ours(const struct bgp_open *local, const struct bgp_open *remote);

#endif
