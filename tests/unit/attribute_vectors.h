/*
 * What the tests of the path attributes share: attributes that many vectors begin with, the codec
 * of a vector, and the text that an attribute set is compared as.
 */
#ifndef TESTS_ATTRIBUTE_VECTORS_H
#define TESTS_ATTRIBUTE_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "bgp/as_path.h"
#include "bgp/attributes.h"
#include "hex.h"

/* ORIGIN IGP, AS_PATH 64512, NEXT_HOP 192.0.2.1. */
#define ORIGIN "40 01 01 00 "
#define AS_PATH "40 02 06 02 01 0000fc00 "
#define AS_PATH_OLD "40 02 04 02 01 fc00 "
#define NEXT_HOP "40 03 04 c0000201 "
#define LOCAL_PREF "40 05 04 00000064 "
#define GOOD ORIGIN AS_PATH NEXT_HOP
#define GOOD_OLD ORIGIN AS_PATH_OLD NEXT_HOP
#define GOOD_TEXT "origin IGP path 64512 via 192.0.2.1"
/* 2001:db8::/32 via 2001:db8::1 */
#define MP_REACH "80 0e 1a 0002 01 10 20010db8 00*11 01 00 20 20010db8 "
#define MP_UNREACH "80 0f 08 0002 01 20 20010db8 "

enum { EXTERNAL = 1, OLD = 2, NO_NLRI = 4, ENHE = 8, NO_IPV6 = 16 };
enum {
	ACCEPT = BGP_TREATMENT_ACCEPT,
	DISCARD = BGP_TREATMENT_DISCARD_ATTRIBUTE,
	WITHDRAW = BGP_TREATMENT_WITHDRAW,
	RESET = BGP_TREATMENT_RESET_SESSION
};

static inline struct bgp_codec codec_of(unsigned options)
{
	return (struct bgp_codec){
	    .families = {true, !(options & NO_IPV6)},
	    .as4 = !(options & OLD),
	    .extended_next_hop = options & ENHE,
	    .external = options & EXTERNAL,
	};
}

static inline void describe_next_hop(struct text *text, const struct bgp_next_hop *next_hop)
{
	char address[IP_TEXT_MAX];

	text_append(text, " %s", ip_address_print(&next_hop->address, address));
	if (!ip_address_is_unspecified(&next_hop->link_local))
		text_append(text, " %s", ip_address_print(&next_hop->link_local, address));
}

static inline void describe_reach(
    struct text *text, const char *name, const struct bgp_reach *reach)
{
	if (reach->present)
		text_append(
		    text, " %s %s %zu", name, ip_family_name(reach->family), reach->nlri.length);
}

static inline void describe_communities(struct text *text, const struct bgp_attributes *attributes)
{
	const char *before = " communities ";

	for (unsigned kind = 0; kind < BGP_COMMUNITY_KINDS; kind++) {
		struct wire_span span = attributes->communities[kind];

		for (size_t at = 0; at < span.length; at += bgp_community_size(kind)) {
			text_append(text, "%s", before);
			bgp_community_print(kind, span.bytes + at, text);
			before = " ";
		}
	}
}

/* All that is present, as text. */
static inline void describe(struct text *text, const struct bgp_attributes *a)
{
	if (bgp_attributes_has(a, BGP_ATTRIBUTE_ORIGIN))
		text_append(text, " origin %s", bgp_origin_name(a->origin));
	if (bgp_attributes_has(a, BGP_ATTRIBUTE_AS_PATH)) {
		text_append(text, " path%s", a->as_path.length ? " " : "");
		bgp_as_path_print(a->as_path, text);
	}
	if (bgp_attributes_has(a, BGP_ATTRIBUTE_NEXT_HOP)) {
		text_append(text, " via");
		describe_next_hop(text, &a->next_hop);
	}
	if (bgp_attributes_has(a, BGP_ATTRIBUTE_MED))
		text_append(text, " med %u", a->med);
	if (bgp_attributes_has(a, BGP_ATTRIBUTE_LOCAL_PREF))
		text_append(text, " pref %u", a->local_pref);
	if (bgp_attributes_has(a, BGP_ATTRIBUTE_ATOMIC_AGGREGATE))
		text_append(text, " atomic");
	if (bgp_attributes_has(a, BGP_ATTRIBUTE_AGGREGATOR))
		text_append(text, " aggregator %u %08x", a->aggregator_asn,
		    wire_load_u32(a->aggregator_address));
	if (bgp_attributes_has(a, BGP_ATTRIBUTE_ORIGINATOR_ID))
		text_append(text, " originator %08x", wire_load_u32(a->originator_id));
	if (bgp_attributes_has(a, BGP_ATTRIBUTE_CLUSTER_LIST))
		text_append(text, " clusters %zu", a->cluster_list.length);
	describe_communities(text, a);
	if (bgp_attributes_has(a, BGP_ATTRIBUTE_AIGP))
		text_append(text, " aigp %zu", a->aigp.length);
	if (bgp_attributes_has(a, BGP_ATTRIBUTE_OTC))
		text_append(text, " otc %u", a->otc);
	for (unsigned i = 0; i < a->unknown_count; i++)
		text_append(text, " unknown %u %02x %zu", a->unknown[i].type, a->unknown[i].flags,
		    a->unknown[i].value.length);
}

#endif
