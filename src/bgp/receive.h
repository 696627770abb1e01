/*
 * What a message that came in means to the state machine: an event, with the NOTIFICATION that an
 * error brings.  Nothing here steps the machine.  Used by machine.c only.
 */
#ifndef BGP_RECEIVE_H
#define BGP_RECEIVE_H

#include "base/wire.h"
#include "bgp/machine.h"
#include "bgp/message.h"

/* Left unset but for the first three: the rest is room that they may point to. */
struct bgp_receipt {
	enum bgp_event event; /* 0: none, the message has been dealt with */
	const struct bgp_notification *notification; /* NULL: the event brings none */
	const struct bgp_update *update; /* to be processed; NULL: none */
	struct bgp_update decoded;
	struct bgp_notification error; /* large, so last */
};

/*
 * One message on the machine's connection.  Takes over what an acceptable OPEN negotiates, and
 * tells the session of refreshes and of trouble with an UPDATE.  The receipt may point into the
 * body and into the shared arena.
 */
void bgp_receive(struct bgp_machine *machine, const struct bgp_header *header,
    struct wire_span body, struct bgp_receipt *receipt);

#endif
