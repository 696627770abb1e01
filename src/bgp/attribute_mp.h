/*
 * The two attributes that carry prefixes of their own: the check and load functions of their rows
 * in attribute_table.c, see there for the contract.  They are written by update.c.
 */
#ifndef BGP_ATTRIBUTE_MP_H
#define BGP_ATTRIBUTE_MP_H

#include <stdint.h>

#include "base/wire.h"
#include "bgp/attribute_table.h"

uint8_t bgp_attribute_check_mp_reach(
    const struct bgp_attribute_decoder *decoder, struct wire_span value, uint8_t *treatment);
void bgp_attribute_load_mp_reach(struct bgp_attribute_decoder *decoder, struct wire_span value);
uint8_t bgp_attribute_check_mp_unreach(
    const struct bgp_attribute_decoder *decoder, struct wire_span value, uint8_t *treatment);
void bgp_attribute_load_mp_unreach(struct bgp_attribute_decoder *decoder, struct wire_span value);

#endif
