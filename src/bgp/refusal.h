/*
 * What to do when the neighbour refuses our OPEN for a capability or for having capabilities at
 * all: another one without them (RFC 5492 3, RFC 4271 6.2).  A value and pure functions.  Used by
 * machine.c, receive.c and session.c only.
 */
#ifndef BGP_REFUSAL_H
#define BGP_REFUSAL_H

#include <stdbool.h>

#include "base/text.h"
#include "bgp/message.h"
#include "bgp/session.h"

/* Zeroed: nothing was refused. */
struct bgp_refusal {
	bool is_set;
	struct bgp_capabilities left; /* what may still be announced */
};

/*
 * A NOTIFICATION in answer to the OPEN `sent`.  If it is about capabilities, and a session without
 * them would be of use, the refusal is set, and the names of what is left out are appended to
 * `without`.  Otherwise false, and nothing changes.
 */
bool bgp_refusal_learn(struct bgp_refusal *refusal, const struct bgp_session_settings *settings,
    const struct bgp_open *sent, const struct bgp_notification *notification, struct text *without);
/* Takes out of an OPEN what was refused; false if nothing was. */
bool bgp_refusal_apply(const struct bgp_refusal *refusal, struct bgp_open *open);

#endif
