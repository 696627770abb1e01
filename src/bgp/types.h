/*
 * The numbers of BGP-4 that more than one room speaks of: message types, attribute types, AFI and
 * SAFI, well-known communities and AS numbers.  Constants only; what is done with them stands in
 * the modules of this room.  Used by policy, rib, config and all above.
 */
#ifndef BGP_TYPES_H
#define BGP_TYPES_H

#include <stdint.h>

#include "base/address.h"

#define BGP_PORT 179
#define BGP_VERSION 4
#define BGP_HEADER_LENGTH 19
#define BGP_MESSAGE_MAX 4096 /* RFC 4271 4.1; 65535 with RFC 8654 */
#define BGP_EXTENDED_MESSAGE_MAX 65535
#define BGP_AS_TRANS 23456 /* RFC 6793 */

/* RFC 4271 4.1, RFC 2918 */
enum bgp_message_type {
	BGP_MESSAGE_OPEN = 1,
	BGP_MESSAGE_UPDATE = 2,
	BGP_MESSAGE_NOTIFICATION = 3,
	BGP_MESSAGE_KEEPALIVE = 4,
	BGP_MESSAGE_ROUTE_REFRESH = 5,
	BGP_MESSAGE_TYPES
};

/* RFC 4760: (AFI, SAFI) of an address family, unicast. */
enum { BGP_AFI_IPV4 = 1, BGP_AFI_IPV6 = 2, BGP_SAFI_UNICAST = 1 };

/* Path attribute type codes; the RFC of each stands in attribute_table.c. */
enum bgp_attribute_type {
	BGP_ATTRIBUTE_ORIGIN = 1,
	BGP_ATTRIBUTE_AS_PATH = 2,
	BGP_ATTRIBUTE_NEXT_HOP = 3,
	BGP_ATTRIBUTE_MED = 4,
	BGP_ATTRIBUTE_LOCAL_PREF = 5,
	BGP_ATTRIBUTE_ATOMIC_AGGREGATE = 6,
	BGP_ATTRIBUTE_AGGREGATOR = 7,
	BGP_ATTRIBUTE_COMMUNITIES = 8,
	BGP_ATTRIBUTE_ORIGINATOR_ID = 9,
	BGP_ATTRIBUTE_CLUSTER_LIST = 10,
	BGP_ATTRIBUTE_MP_REACH_NLRI = 14,
	BGP_ATTRIBUTE_MP_UNREACH_NLRI = 15,
	BGP_ATTRIBUTE_EXTENDED_COMMUNITIES = 16,
	BGP_ATTRIBUTE_AS4_PATH = 17,
	BGP_ATTRIBUTE_AS4_AGGREGATOR = 18,
	BGP_ATTRIBUTE_IPV6_EXTENDED_COMMUNITIES = 25,
	BGP_ATTRIBUTE_AIGP = 26,
	BGP_ATTRIBUTE_LARGE_COMMUNITIES = 32,
	BGP_ATTRIBUTE_OTC = 35
};

/* RFC 7313 3.2: the subtype of a ROUTE-REFRESH. */
enum bgp_refresh { BGP_REFRESH_REQUEST, BGP_REFRESH_BEGIN, BGP_REFRESH_END };

/* RFC 4271 4.3; lower is preferred. */
enum bgp_origin { BGP_ORIGIN_IGP = 0, BGP_ORIGIN_EGP = 1, BGP_ORIGIN_INCOMPLETE = 2 };

/* RFC 4271 4.3 and RFC 5065 */
enum bgp_segment_type {
	BGP_SEGMENT_SET = 1,
	BGP_SEGMENT_SEQUENCE = 2,
	BGP_SEGMENT_CONFED_SEQUENCE = 3,
	BGP_SEGMENT_CONFED_SET = 4
};

/* RFC 1997, 8326, 7999 */
#define BGP_COMMUNITY_GRACEFUL_SHUTDOWN 0xffff0000u
#define BGP_COMMUNITY_BLACKHOLE 0xffff029au
#define BGP_COMMUNITY_NO_EXPORT 0xffffff01u
#define BGP_COMMUNITY_NO_ADVERTISE 0xffffff02u
#define BGP_COMMUNITY_NO_EXPORT_SUBCONFED 0xffffff03u

#define BGP_LOCAL_PREF_DEFAULT 100

/* RFC 4271 8.2.2, in the order in which a session comes up. */
enum bgp_state {
	BGP_STATE_IDLE,
	BGP_STATE_CONNECT,
	BGP_STATE_ACTIVE,
	BGP_STATE_OPEN_SENT,
	BGP_STATE_OPEN_CONFIRM,
	BGP_STATE_ESTABLISHED,
	BGP_STATES
};

#endif
