/*
 * The capabilities of an OPEN (RFC 5492): what this end can do and what both ends agreed on.  One
 * table in capability.c names, decodes, encodes and prints each; unknown ones are ignored.
 */
#ifndef BGP_CAPABILITY_H
#define BGP_CAPABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/text.h"
#include "base/wire.h"
#include "bgp/notification.h"

/* What we are to the neighbour (RFC 9234 4.1); on the wire one less. */
enum bgp_role {
	BGP_ROLE_NONE,
	BGP_ROLE_PROVIDER,
	BGP_ROLE_ROUTE_SERVER,
	BGP_ROLE_ROUTE_SERVER_CLIENT,
	BGP_ROLE_CUSTOMER,
	BGP_ROLE_PEER,
	BGP_ROLES /* what a neighbour says that has a role which nobody assigned */
};

/* "provider", "rs", "rs-client", "customer", "peer"; "none" and "unassigned" for the others. */
const char *bgp_role_name(enum bgp_role role);
/* One of the five names; false for anything else. */
bool bgp_role_parse(const char *name, enum bgp_role *role);

/* RFC 7911 4, of one family, or'ed. */
enum bgp_add_path { BGP_ADD_PATH_RECEIVE = 1, BGP_ADD_PATH_SEND = 2 };

/* RFC 4724 3, 8538 2.  Without families: sends End-of-RIB, but keeps nothing when it restarts. */
struct bgp_graceful_restart {
	bool announced;
	bool restarting; /* Restart State (R) */
	bool notification; /* N: a NOTIFICATION too leads to a graceful restart, RFC 8538 */
	bool families[IP_FAMILIES];
	bool forwarding[IP_FAMILIES]; /* Forwarding State (F) */
	uint16_t time_s; /* 12 bits */
};

/* RFC 9494 3.1.  Counts only beside graceful restart. */
struct bgp_long_lived_restart {
	bool announced;
	bool families[IP_FAMILIES];
	bool forwarding[IP_FAMILIES]; /* F */
	uint32_t time_s[IP_FAMILIES]; /* 24 bits */
};

#define BGP_HOST_NAME_MAX 64

/* What one end announced, or is to announce.  A comparable value: padding is zero. */
struct bgp_capabilities {
	bool families[IP_FAMILIES]; /* RFC 4760: IPv4 and IPv6 unicast */
	bool any_family; /* any multiprotocol capability at all was there */
	bool route_refresh; /* RFC 2918 */
	bool enhanced_route_refresh; /* RFC 7313 */
	bool extended_message; /* RFC 8654 */
	bool extended_next_hop; /* RFC 8950: IPv4 unicast over IPv6 next hops */
	bool as4; /* RFC 6793 */
	uint32_t asn; /* the 4-octet AS of that capability */
	uint8_t role; /* enum bgp_role, RFC 9234; the first one */
	bool roles_conflict; /* and then another one */
	uint8_t add_path[IP_FAMILIES]; /* enum bgp_add_path, or'ed, RFC 7911 */
	struct bgp_graceful_restart graceful_restart;
	struct bgp_long_lived_restart long_lived_restart;
	/* The FQDN capability; empty: not announced.  Visible UTF-8 without blanks and commas. */
	char host_name[BGP_HOST_NAME_MAX + 1];
	char domain_name[BGP_HOST_NAME_MAX + 1];
};

/*
 * Decodes the value of one Capabilities Optional Parameter into `capabilities` (added to what is
 * there).  Returns false with `notification` set if a capability runs over the end (RFC 5492).
 * A known capability with a wrong length is ignored.
 */
bool bgp_capabilities_decode(struct wire_reader *reader, struct bgp_capabilities *capabilities,
    struct bgp_notification *notification);
/* Writes the capability TLVs, without the optional parameter around them. */
void bgp_capabilities_encode(
    struct wire_writer *writer, const struct bgp_capabilities *capabilities);
/* Appends each by its name and what it says, separated by ", " and without a comma inside. */
void bgp_capabilities_print(const struct bgp_capabilities *capabilities, struct text *text);

/*
 * What a session speaks after both OPENs: how bytes are to be read and written.  Part of the key
 * of an update group, so a comparable value with no padding left unset.
 */
struct bgp_codec {
	bool families[IP_FAMILIES]; /* both ends announced it */
	bool as4; /* AS numbers have 4 octets on the wire */
	/*
	 * Messages of up to 65535 octets may be sent.  To receive them it is enough that we have
	 * announced the capability (RFC 8654 4).
	 */
	bool extended_message;
	bool extended_next_hop; /* IPv4 NLRI may have an IPv6 next hop */
	bool route_refresh;
	bool enhanced_route_refresh; /* RFC 7313: refreshes are marked at both ends */
	bool notification_restart; /* RFC 8538: an end for good is a Hard Reset */
	bool
	    add_path_send[IP_FAMILIES]; /* RFC 7911: prefixes that we send have a Path Identifier */
	bool add_path_receive[IP_FAMILIES]; /* those that we are sent */
	bool external; /* the peer is in another AS */
};

/* RFC 4760 8: without any multiprotocol capability a peer speaks IPv4 unicast only. */
struct bgp_codec bgp_codec_negotiate(
    const struct bgp_capabilities *local, const struct bgp_capabilities *remote, bool external);

#endif
