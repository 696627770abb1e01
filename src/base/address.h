/*
 * IP addresses and prefixes of both families, as values.  Unused bytes and host bits are always
 * zero, so equality is memcmp and a hash may run over the whole struct.  Nothing here resolves
 * names or asks the kernel.  Used by every room.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;
struct sockaddr_storage;

/* The two address families, as an index; each has exactly one BGP family, unicast. */
enum ip_family { IPV4, IPV6, IP_FAMILIES };

/* Longest text of an address or a prefix, with its NUL. */
#define IP_TEXT_MAX 64

struct ip_address {
	uint8_t bytes[16]; /* network order; IPv4 in the first four */
	uint8_t family; /* enum ip_family */
};

struct ip_prefix {
	uint8_t bytes[16]; /* network order, host bits zero */
	uint8_t length; /* bits, at most 32 or 128 */
	uint8_t family; /* enum ip_family */
};

/* "ipv4" or "ipv6". */
const char *ip_family_name(enum ip_family family);
/* Bits in an address: 32 or 128. */
unsigned ip_family_bits(enum ip_family family);

/* Numeric text only; returns false for anything else (a zone "%eth0" too). */
bool ip_address_parse(const char *text, struct ip_address *address);
/* Writes at most IP_TEXT_MAX bytes to `text` and returns it. */
const char *ip_address_print(const struct ip_address *address, char text[static IP_TEXT_MAX]);
struct ip_address ip_address_from_bytes(enum ip_family family, const uint8_t *bytes);
struct ip_address ip_address_from_ipv4(uint32_t host_order);
bool ip_address_equal(const struct ip_address *a, const struct ip_address *b);
/* By family, then numerically: less than, equal to or greater than 0. */
int ip_address_compare(const struct ip_address *a, const struct ip_address *b);
bool ip_address_is_unspecified(const struct ip_address *address);
bool ip_address_is_loopback(const struct ip_address *address);
bool ip_address_is_multicast(const struct ip_address *address);
/* fe80::/10 or 169.254.0.0/16. */
bool ip_address_is_link_local(const struct ip_address *address);

/*
 * Conversion with the socket API; an IPv4-mapped IPv6 address becomes IPv4.  `scope` is the
 * interface index of a link-local address or 0.  Returns the length to pass to the kernel.
 */
size_t ip_address_to_sockaddr(
    const struct ip_address *address, uint16_t port, uint32_t scope, struct sockaddr_storage *to);
bool ip_address_from_sockaddr(const struct sockaddr *from, struct ip_address *address,
    uint16_t *port, uint32_t *scope); /* port and scope may be NULL */

/*
 * "address/length"; a bare address is a host prefix.  Returns false for bad text; host bits that
 * are set are cleared, and `*had_host_bits` (may be NULL) says so.
 */
bool ip_prefix_parse(const char *text, struct ip_prefix *prefix, bool *had_host_bits);
const char *ip_prefix_print(const struct ip_prefix *prefix, char text[static IP_TEXT_MAX]);
/* The prefix of `length` bits that holds the address; `length` is at most the family's bits. */
struct ip_prefix ip_prefix_from_address(const struct ip_address *address, unsigned length);
/* The first address of the prefix. */
struct ip_address ip_prefix_address(const struct ip_prefix *prefix);
bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b);
/* By family, address, then length. */
int ip_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address);
/* True if every address of `inner` is in `outer` (equal prefixes too). */
bool ip_prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner);
/*
 * True for what must never be installed or accepted: the unspecified, loopback, link-local and
 * multicast ranges and what lies in them, 0.0.0.0/8 and 240.0.0.0/4.  Default routes are no
 * martians; private and documentation ranges are not either.  IPv4-mapped IPv6 (::ffff:0:0/96) is.
 */
bool ip_prefix_is_martian(const struct ip_prefix *prefix);

#endif
