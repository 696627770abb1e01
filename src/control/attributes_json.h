/*
 * Path attributes as JSON, with the keys of kbgpctl(1).  Called by show_routes.c.
 */
#ifndef CONTROL_ATTRIBUTES_JSON_H
#define CONTROL_ATTRIBUTES_JSON_H

#include <jansson.h>

#include "bgp/attributes.h"

/* Sets the keys of the attributes in the object; localPref and med are null if they are absent. */
void attributes_json_set(json_t *object, const struct bgp_attributes *attributes);

#endif
