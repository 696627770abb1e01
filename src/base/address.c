/*
 * Addresses and prefixes as plain values of 17 and 18 bytes.  Both families share one struct: IPv4
 * sits in the first four bytes and the rest is zero, so comparing, hashing and masking are the same
 * code for both, and only text and the socket API tell them apart.
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const struct {
	const char *name;
	int socket_family;
	unsigned bits;
} families[IP_FAMILIES] = {
    [IPV4] = {"ipv4", AF_INET, 32},
    [IPV6] = {"ipv6", AF_INET6, 128},
};

static const struct ip_prefix loopback_ranges[] = {
    {{127}, 8, IPV4},
    {{[15] = 1}, 128, IPV6},
};

static const struct ip_prefix multicast_ranges[] = {
    {{224}, 4, IPV4},
    {{0xff}, 8, IPV6},
};

static const struct ip_prefix link_local_ranges[] = {
    {{169, 254}, 16, IPV4},
    {{0xfe, 0x80}, 10, IPV6},
};

/* RFC 6890: never the destination of a forwarded packet, besides the three above. */
static const struct ip_prefix other_martian_ranges[] = {
    {{0}, 8, IPV4}, /* "this network" */
    {{240}, 4, IPV4}, /* reserved, and limited broadcast */
    {{0}, 128, IPV6}, /* unspecified */
    {{[10] = 0xff, [11] = 0xff}, 96, IPV6}, /* IPv4-mapped */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *ip_family_name(enum ip_family family)
{
	return families[family].name;
}

unsigned ip_family_bits(enum ip_family family)
{
	return families[family].bits;
}

/* Clears what follows the first `length` bits; returns true if a bit was set there. */
static bool clear_host_bits(uint8_t bytes[static 16], unsigned length)
{
	bool had_host_bits = false;

	for (unsigned i = length / 8; i < 16; i++) {
		const uint8_t host = i == length / 8 ? (uint8_t)(0xff >> length % 8) : 0xff;

		had_host_bits |= (bytes[i] & host) != 0;
		bytes[i] &= (uint8_t)~host;
	}
	return had_host_bits;
}

static bool first_bits_equal(const uint8_t *a, const uint8_t *b, unsigned length)
{
	const unsigned whole = length / 8;

	if (memcmp(a, b, whole))
		return false;
	return length % 8 == 0 || ((a[whole] ^ b[whole]) >> (8 - length % 8)) == 0;
}

bool ip_address_parse(const char *text, struct ip_address *address)
{
	*address = (struct ip_address){.family = strchr(text, ':') ? IPV6 : IPV4};
	return inet_pton(families[address->family].socket_family, text, address->bytes) == 1;
}

const char *ip_address_print(const struct ip_address *address, char text[static IP_TEXT_MAX])
{
	/* The only errors are a bad family and too little room; neither can be. */
	inet_ntop(families[address->family].socket_family, address->bytes, text, IP_TEXT_MAX);
	return text;
}

struct ip_address ip_address_from_bytes(enum ip_family family, const uint8_t *bytes)
{
	struct ip_address address = {.family = (uint8_t)family};

	memcpy(address.bytes, bytes, families[family].bits / 8);
	return address;
}

struct ip_address ip_address_from_ipv4(uint32_t host_order)
{
	const uint32_t network_order = htonl(host_order);
	struct ip_address address = {.family = IPV4};

	memcpy(address.bytes, &network_order, sizeof(network_order));
	return address;
}

bool ip_address_equal(const struct ip_address *a, const struct ip_address *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int ip_address_compare(const struct ip_address *a, const struct ip_address *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static bool ranges_contain(
    const struct ip_prefix *ranges, size_t count, const struct ip_address *address)
{
	for (size_t i = 0; i < count; i++) {
		if (ip_prefix_contains(&ranges[i], address))
			return true;
	}
	return false;
}

bool ip_address_is_unspecified(const struct ip_address *address)
{
	static const uint8_t zeros[16];

	return !memcmp(address->bytes, zeros, sizeof(zeros));
}

bool ip_address_is_loopback(const struct ip_address *address)
{
	return ranges_contain(loopback_ranges, COUNT(loopback_ranges), address);
}

bool ip_address_is_multicast(const struct ip_address *address)
{
	return ranges_contain(multicast_ranges, COUNT(multicast_ranges), address);
}

bool ip_address_is_link_local(const struct ip_address *address)
{
	return ranges_contain(link_local_ranges, COUNT(link_local_ranges), address);
}

size_t ip_address_to_sockaddr(
    const struct ip_address *address, uint16_t port, uint32_t scope, struct sockaddr_storage *to)
{
	memset(to, 0, sizeof(*to));
	if (address->family == IPV4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

		memcpy(&in.sin_addr, address->bytes, sizeof(in.sin_addr));
		memcpy(to, &in, sizeof(in));
		return sizeof(in);
	}
	struct sockaddr_in6 in6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope};

	memcpy(&in6.sin6_addr, address->bytes, sizeof(in6.sin6_addr));
	memcpy(to, &in6, sizeof(in6));
	return sizeof(in6);
}

bool ip_address_from_sockaddr(
    const struct sockaddr *from, struct ip_address *address, uint16_t *port, uint32_t *scope)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (from->sa_family == AF_INET) {
		memcpy(&in, from, sizeof(in));
		*address = ip_address_from_bytes(IPV4, (const uint8_t *)&in.sin_addr);
		in6.sin6_port = in.sin_port;
	} else if (from->sa_family == AF_INET6) {
		memcpy(&in6, from, sizeof(in6));
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
			*address = ip_address_from_bytes(IPV4, in6.sin6_addr.s6_addr + 12);
		else
			*address = ip_address_from_bytes(IPV6, in6.sin6_addr.s6_addr);
	} else {
		return false;
	}
	if (port)
		*port = ntohs(in6.sin6_port);
	if (scope)
		*scope = in6.sin6_scope_id;
	return true;
}

/* Digits only, no sign, no space, no leading zero; at most `maximum`. */
static bool parse_length(const char *text, unsigned maximum, unsigned *length)
{
	*length = 0;
	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		*length = *length * 10 + (unsigned)(*text - '0');
		if (*length > maximum)
			return false;
	}
	return true;
}

bool ip_prefix_parse(const char *text, struct ip_prefix *prefix, bool *had_host_bits)
{
	const char *slash = strchr(text, '/');
	const size_t address_length = slash ? (size_t)(slash - text) : strlen(text);
	char address_text[IP_TEXT_MAX];
	struct ip_address address;
	unsigned length;
	bool cleared;

	if (address_length >= sizeof(address_text))
		return false;
	memcpy(address_text, text, address_length);
	address_text[address_length] = '\0';
	if (!ip_address_parse(address_text, &address))
		return false;
	length = families[address.family].bits;
	if (slash && !parse_length(slash + 1, length, &length))
		return false;
	*prefix = (struct ip_prefix){.length = (uint8_t)length, .family = address.family};
	memcpy(prefix->bytes, address.bytes, sizeof(prefix->bytes));
	cleared = clear_host_bits(prefix->bytes, length);
	if (had_host_bits)
		*had_host_bits = cleared;
	return true;
}

const char *ip_prefix_print(const struct ip_prefix *prefix, char text[static IP_TEXT_MAX])
{
	size_t length;

	inet_ntop(families[prefix->family].socket_family, prefix->bytes, text, IP_TEXT_MAX);
	length = strlen(text);
	snprintf(text + length, IP_TEXT_MAX - length, "/%u", prefix->length);
	return text;
}

struct ip_prefix ip_prefix_from_address(const struct ip_address *address, unsigned length)
{
	struct ip_prefix prefix = {.length = (uint8_t)length, .family = address->family};

	memcpy(prefix.bytes, address->bytes, sizeof(prefix.bytes));
	clear_host_bits(prefix.bytes, length);
	return prefix;
}

struct ip_address ip_prefix_address(const struct ip_prefix *prefix)
{
	struct ip_address address = {.family = prefix->family};

	memcpy(address.bytes, prefix->bytes, sizeof(address.bytes));
	return address;
}

bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return !memcmp(a, b, sizeof(*a));
}

int ip_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b)
{
	int order;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	order = memcmp(a->bytes, b->bytes, sizeof(a->bytes));
	return order ? order : (int)a->length - (int)b->length;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address)
{
	return prefix->family == address->family &&
	       first_bits_equal(prefix->bytes, address->bytes, prefix->length);
}

bool ip_prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner)
{
	return outer->family == inner->family && outer->length <= inner->length &&
	       first_bits_equal(outer->bytes, inner->bytes, outer->length);
}

static bool ranges_cover(
    const struct ip_prefix *ranges, size_t count, const struct ip_prefix *prefix)
{
	for (size_t i = 0; i < count; i++) {
		if (ip_prefix_covers(&ranges[i], prefix))
			return true;
	}
	return false;
}

bool ip_prefix_is_martian(const struct ip_prefix *prefix)
{
	return ranges_cover(loopback_ranges, COUNT(loopback_ranges), prefix) ||
	       ranges_cover(multicast_ranges, COUNT(multicast_ranges), prefix) ||
	       ranges_cover(link_local_ranges, COUNT(link_local_ranges), prefix) ||
	       ranges_cover(other_martian_ranges, COUNT(other_martian_ranges), prefix);
}
