/*
 * Finding the router at the other end of a link without configuration, by IPv6 router discovery
 * (RFC 4861): solicitations ask who is there, advertisements say so.  Ours have a router lifetime
 * of 0, so nobody takes this node for his default router; they only say that it is there, for
 * neighbours that learn of us in this way.  One raw ICMPv6 socket serves all interfaces.  It knows
 * no peer and keeps nothing of what it hears.  Called by the speaker.
 */
#ifndef BGP_DISCOVERY_H
#define BGP_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/wire.h"

/* Their ICMPv6 types. */
enum bgp_discovery_kind { BGP_DISCOVERY_SOLICITATION = 133, BGP_DISCOVERY_ADVERTISEMENT = 134 };

/* Octets that the longer of the two takes. */
#define BGP_DISCOVERY_LENGTH_MAX 16

/* Writes the ICMPv6 message; the kernel fills in the checksum. */
void bgp_discovery_encode(struct wire_writer *writer, enum bgp_discovery_kind kind);
/*
 * True if the ICMPv6 message, whose checksum the kernel has checked, is one of the two and valid by
 * RFC 4861 6.1: it came over no router, an advertisement is from a link-local address, and its
 * options are whole.
 */
bool bgp_discovery_decode(struct wire_span message, const struct ip_address *source,
    unsigned hop_limit, enum bgp_discovery_kind *kind);

struct bgp_discovery;

/* A router has said on the interface that this is its link-local address. */
typedef void bgp_discovery_heard(void *arg, uint32_t interface, const struct ip_address *address);

/*
 * Opens the socket, which takes CAP_NET_RAW now and no privilege later.  NULL and the error if the
 * kernel refuses.
 */
struct bgp_discovery *bgp_discovery_new(
    struct loop *loop, bgp_discovery_heard *heard, void *arg, struct error *error);
void bgp_discovery_free(struct bgp_discovery *discovery);
/* Advertises and listens on these interfaces from now on, and on no others. */
void bgp_discovery_set_interfaces(
    struct bgp_discovery *discovery, const uint32_t *interfaces, size_t count);
/* Whether routers are asked for on one of these interfaces: soon some times, then now and then. */
void bgp_discovery_solicit(struct bgp_discovery *discovery, uint32_t interface, bool solicit);

#endif
