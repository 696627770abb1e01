/*
 * Why the last connection of a session ended, as a value and as text.  Both machines of a session
 * write into the one reason that they share.  Used by machine.c and receive.c only.
 */
#ifndef BGP_REASON_H
#define BGP_REASON_H

#include <stdbool.h>

#include "bgp/machine.h"
#include "bgp/notification.h"

/*
 * A NOTIFICATION that was sent or received.  That one of two connections was too many (RFC 4271
 * 6.8) is no error of the session, so such a Cease leaves the reason alone unless it ends
 * Established.
 */
void bgp_reason_set(
    struct bgp_machine *machine, bool sent, const struct bgp_notification *notification);
/* Anything else: "what: why", or "what" if `why` is NULL. */
void bgp_reason_set_text(struct bgp_machine *machine, const char *what, const char *why);
/*
 * After the NOTIFICATION that refuses an OPEN, which says no more than that the AS or the role is a
 * wrong one: which one it is.
 */
void bgp_reason_explain_open(
    struct bgp_machine *machine, const struct bgp_notification *notification);
/* "...; what why" after a reason that was just set. */
void bgp_reason_append(struct bgp_machine *machine, const char *what, const char *why);

#endif
