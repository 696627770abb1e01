/*
 * What both ends of a session announced of themselves, and what came of it, as JSON with the keys
 * of kbgpctl(1).  Called by show_peers.c.
 */
#ifndef CONTROL_SESSION_JSON_H
#define CONTROL_SESSION_JSON_H

#include <jansson.h>

#include "bgp/capability.h"
#include "bgp/message.h"

/*
 * Sets the keys in the object.  All three are of a session in Established, or all are NULL: then
 * what is not known is null, empty or false.
 */
void session_json_set(json_t *object, const struct bgp_open *local, const struct bgp_open *remote,
    const struct bgp_codec *codec);

#endif
