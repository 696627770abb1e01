/*
 * Communities of four kinds.  On the wire an attribute is an array of items of one size (4, 8, 12
 * or 20 octets), and so it stays: a set of communities is a span, its order is that of memcmp(),
 * which is the numeric order too.  The operations copy only when something changes.  Sets are
 * small (a handful, rarely dozens), so a walk beats any index; only sorting guards against the
 * thousands that one attribute can hold.
 *
 * Text forms: "64512:100"; "large:64512:1:2"; "rt:" and "soo:" with an AS or an IPv4 address in
 * front (RFC 4360, 5668), or with an IPv6 address in brackets (RFC 5701), because it has colons of
 * its own; "bandwidth:" or "transitive-bandwidth:" with an AS and octets per second (RFC 10005);
 * "ext:0x" and 16 digits, or "ext6:0x" and 40, for any other extended one; names for the well-known
 * ones.  What is printed parses back to the same value.
 */
#include "bgp/community.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "bgp/types.h"

enum { SMALL_SET = 32 }; /* items that insertion sort handles best */

/* RFC 4360 3 and 4, RFC 5668 2 */
enum extended_type { EXTENDED_AS2 = 0x00, EXTENDED_IPV4 = 0x01, EXTENDED_AS4 = 0x02 };
enum extended_subtype {
	EXTENDED_ROUTE_TARGET = 0x02,
	EXTENDED_ROUTE_ORIGIN = 0x03,
	EXTENDED_LINK_BANDWIDTH = 0x04 /* RFC 10005 */
};

/* RFC 4360 2, RFC 5701 2: T of the first octet of the type; not to go into another AS. */
enum { EXTENDED_NON_TRANSITIVE = 0x40 };

/* RFC 5701 2: type (1), subtype (1), IPv6 address (16), number (2). */
enum { EXTENDED_IPV6_NUMBER = 18 };

/* RFC 10005: type (1), subtype (1), AS (2), octets per second as an IEEE 754 binary32 (4). */
enum { LINK_BANDWIDTH_ASN = 2, LINK_BANDWIDTH_VALUE = 4 };

static const struct bandwidth_form {
	const char *name;
	uint8_t type;
} bandwidth_forms[] = {
    {"bandwidth:", EXTENDED_AS2 | EXTENDED_NON_TRANSITIVE},
    {"transitive-bandwidth:", EXTENDED_AS2},
};

enum { BANDWIDTH_FORMS = sizeof(bandwidth_forms) / sizeof(bandwidth_forms[0]) };

_Static_assert(sizeof(float) == sizeof(uint32_t), "a float is an IEEE 754 binary32");

static const struct well_known {
	const char *name;
	uint32_t value;
} well_known[] = {
    {"no-export", BGP_COMMUNITY_NO_EXPORT},
    {"no-advertise", BGP_COMMUNITY_NO_ADVERTISE},
    {"no-export-subconfed", BGP_COMMUNITY_NO_EXPORT_SUBCONFED},
    {"no-peer", 0xffffff04u}, /* RFC 3765 */
    {"graceful-shutdown", BGP_COMMUNITY_GRACEFUL_SHUTDOWN},
    {"accept-own", 0xffff0001u}, /* RFC 7611 */
    {"llgr-stale", 0xffff0006u}, /* RFC 9494 */
    {"no-llgr", 0xffff0007u},
    {"blackhole", BGP_COMMUNITY_BLACKHOLE},
};

enum { WELL_KNOWN_COUNT = sizeof(well_known) / sizeof(well_known[0]) };

unsigned bgp_community_size(enum bgp_community_kind kind)
{
	static const uint8_t sizes[BGP_COMMUNITY_KINDS] = {
	    [BGP_COMMUNITY_STANDARD] = 4,
	    [BGP_COMMUNITY_EXTENDED] = 8,
	    [BGP_COMMUNITY_LARGE] = 12,
	    [BGP_COMMUNITY_EXTENDED_IPV6] = 20,
	};

	return sizes[kind];
}

/* Reads decimal digits up to `limit` and moves past them. */
static bool parse_number(const char **text, uint32_t limit, uint32_t *value)
{
	uint64_t sum = 0;
	const char *at = *text;

	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		sum = sum * 10 + (uint64_t)(*at - '0');
		if (sum > limit)
			return false;
	}
	*text = at;
	*value = (uint32_t)sum;
	return true;
}

/* `count` numbers with colons between, and nothing after. */
static bool parse_numbers(const char *text, unsigned count, uint32_t limit, uint32_t *values)
{
	for (unsigned i = 0; i < count; i++) {
		if (i && *text++ != ':')
			return false;
		if (!parse_number(&text, limit, &values[i]))
			return false;
	}
	return !*text;
}

static bool parse_standard(const char *text, struct bgp_community *community)
{
	uint32_t values[2];

	if (!parse_numbers(text, 2, UINT16_MAX, values))
		return false;
	community->kind = BGP_COMMUNITY_STANDARD;
	wire_store_u16(community->bytes, (uint16_t)values[0]);
	wire_store_u16(community->bytes + 2, (uint16_t)values[1]);
	return true;
}

static bool parse_large(const char *text, struct bgp_community *community)
{
	uint32_t values[3];

	if (!parse_numbers(text, 3, UINT32_MAX, values))
		return false;
	community->kind = BGP_COMMUNITY_LARGE;
	for (unsigned i = 0; i < 3; i++)
		wire_store_u32(community->bytes + (size_t)i * 4, values[i]);
	return true;
}

/* All the octets of a community of that kind as hexadecimal digits. */
static bool parse_hex(
    const char *text, enum bgp_community_kind kind, struct bgp_community *community)
{
	const unsigned digits = bgp_community_size(kind) * 2;

	for (unsigned i = 0; i < digits; i++) {
		static const char values[] = "0123456789abcdef";
		char low = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + 32) : text[i];
		const char *value = low ? strchr(values, low) : NULL;

		if (!value)
			return false;
		community->bytes[i / 2] =
		    (uint8_t)(community->bytes[i / 2] << 4 | (value - values));
	}
	community->kind = (uint8_t)kind;
	return !text[digits];
}

/* The text up to `length` as an address of the family. */
static bool parse_address(
    const char *text, size_t length, enum ip_family family, struct ip_address *address)
{
	char copy[IP_TEXT_MAX];

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = 0;
	return ip_address_parse(copy, address) && address->family == family;
}

static bool parse_extended_ipv4(
    const char *text, size_t address_length, uint8_t subtype, struct bgp_community *community)
{
	struct ip_address address;
	uint32_t value;

	if (!parse_address(text, address_length, IPV4, &address))
		return false;
	if (!parse_numbers(text + address_length + 1, 1, UINT16_MAX, &value))
		return false;
	community->kind = BGP_COMMUNITY_EXTENDED;
	community->bytes[0] = EXTENDED_IPV4;
	community->bytes[1] = subtype;
	memcpy(community->bytes + 2, address.bytes, 4);
	wire_store_u16(community->bytes + 6, (uint16_t)value);
	return true;
}

/* "[2001:db8::1]:1" */
static bool parse_extended_ipv6(const char *text, uint8_t subtype, struct bgp_community *community)
{
	const char *end = strchr(text, ']');
	struct ip_address address;
	uint32_t value;

	if (!end || end[1] != ':' ||
	    !parse_address(text + 1, (size_t)(end - text - 1), IPV6, &address) ||
	    !parse_numbers(end + 2, 1, UINT16_MAX, &value))
		return false;
	community->kind = BGP_COMMUNITY_EXTENDED_IPV6;
	community->bytes[1] = subtype;
	memcpy(community->bytes + 2, address.bytes, 16);
	wire_store_u16(community->bytes + EXTENDED_IPV6_NUMBER, (uint16_t)value);
	return true;
}

/*
 * "64512:1", "4200000000:1", "192.0.2.1:1" or "[2001:db8::1]:1"; the form of the left side decides
 * the type.
 */
static bool parse_extended(const char *text, uint8_t subtype, struct bgp_community *community)
{
	const char *colon = strchr(text, ':');
	uint32_t values[2];

	if (!colon)
		return false;
	if (*text == '[')
		return parse_extended_ipv6(text, subtype, community);
	if (memchr(text, '.', (size_t)(colon - text)))
		return parse_extended_ipv4(text, (size_t)(colon - text), subtype, community);
	if (!parse_numbers(text, 2, UINT32_MAX, values))
		return false;
	if (values[0] > UINT16_MAX && values[1] > UINT16_MAX)
		return false;
	community->kind = BGP_COMMUNITY_EXTENDED;
	community->bytes[1] = subtype;
	if (values[0] <= UINT16_MAX) {
		community->bytes[0] = EXTENDED_AS2;
		wire_store_u16(community->bytes + 2, (uint16_t)values[0]);
		wire_store_u32(community->bytes + 4, values[1]);
	} else {
		community->bytes[0] = EXTENDED_AS4;
		wire_store_u32(community->bytes + 2, values[0]);
		wire_store_u16(community->bytes + 6, (uint16_t)values[1]);
	}
	return true;
}

/* A decimal number, perhaps with a fraction and an exponent, and nothing after. */
static bool parse_bandwidth(const char *text, float *value)
{
	char *end;

	/* strtof() would also take blanks, signs, hexadecimal digits and names. */
	if (*text < '0' || *text > '9' || text[strspn(text, "0123456789.e+-")])
		return false;
	*value = strtof(text, &end);
	return !*end && isfinite(*value);
}

/* "64512:1.25e9" */
static bool parse_link_bandwidth(const char *text, uint8_t type, struct bgp_community *community)
{
	uint32_t asn;
	uint32_t bits;
	float value;

	if (!parse_number(&text, UINT16_MAX, &asn) || *text != ':' ||
	    !parse_bandwidth(text + 1, &value))
		return false;
	memcpy(&bits, &value, sizeof(bits));
	community->kind = BGP_COMMUNITY_EXTENDED;
	community->bytes[0] = type;
	community->bytes[1] = EXTENDED_LINK_BANDWIDTH;
	wire_store_u16(community->bytes + LINK_BANDWIDTH_ASN, (uint16_t)asn);
	wire_store_u32(community->bytes + LINK_BANDWIDTH_VALUE, bits);
	return true;
}

/* The text after `prefix`, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) ? NULL : text + length;
}

bool bgp_community_parse(const char *text, struct bgp_community *community)
{
	const char *rest;

	memset(community, 0, sizeof(*community));
	for (unsigned i = 0; i < WELL_KNOWN_COUNT; i++) {
		if (strcmp(text, well_known[i].name))
			continue;
		community->kind = BGP_COMMUNITY_STANDARD;
		wire_store_u32(community->bytes, well_known[i].value);
		return true;
	}
	if ((rest = after(text, "large:")))
		return parse_large(rest, community);
	if ((rest = after(text, "rt:")))
		return parse_extended(rest, EXTENDED_ROUTE_TARGET, community);
	if ((rest = after(text, "soo:")))
		return parse_extended(rest, EXTENDED_ROUTE_ORIGIN, community);
	for (unsigned i = 0; i < BANDWIDTH_FORMS; i++)
		if ((rest = after(text, bandwidth_forms[i].name)))
			return parse_link_bandwidth(rest, bandwidth_forms[i].type, community);
	if ((rest = after(text, "ext:0x")))
		return parse_hex(rest, BGP_COMMUNITY_EXTENDED, community);
	if ((rest = after(text, "ext6:0x")))
		return parse_hex(rest, BGP_COMMUNITY_EXTENDED_IPV6, community);
	return parse_standard(text, community);
}

static void print_standard(const uint8_t *bytes, struct text *text)
{
	uint32_t value = wire_load_u32(bytes);

	for (unsigned i = 0; i < WELL_KNOWN_COUNT; i++) {
		if (value == well_known[i].value) {
			text_append(text, "%s", well_known[i].name);
			return;
		}
	}
	text_append(text, "%u:%u", value >> 16, value & 0xffff);
}

/* The name of its text form if the community is one of link bandwidth, else NULL. */
static const char *link_bandwidth_name(const uint8_t *bytes)
{
	for (unsigned i = 0; i < BANDWIDTH_FORMS; i++)
		if (bytes[0] == bandwidth_forms[i].type && bytes[1] == EXTENDED_LINK_BANDWIDTH)
			return bandwidth_forms[i].name;
	return NULL;
}

/* False if it is none, or not a number that a bandwidth can be. */
static bool load_link_bandwidth(const uint8_t *bytes, float *value)
{
	const uint32_t bits = wire_load_u32(bytes + LINK_BANDWIDTH_VALUE);

	memcpy(value, &bits, sizeof(*value));
	return link_bandwidth_name(bytes) && isfinite(*value) && !signbit(*value);
}

/* As many digits as it takes to read the same number again, and no more. */
static void print_bandwidth(float value, struct text *text)
{
	char number[32];
	char *exponent;

	for (int digits = 6; digits <= 9; digits++) {
		snprintf(number, sizeof(number), "%.*g", digits, (double)value);
		if (strtof(number, NULL) >= value && strtof(number, NULL) <= value)
			break;
	}
	exponent = strchr(number, 'e');
	if (exponent)
		text_append(text, "%.*se%ld", (int)(exponent - number), number,
		    strtol(exponent + 1, NULL, 10));
	else
		text_append(text, "%s", number);
}

static bool print_link_bandwidth(const uint8_t *bytes, struct text *text)
{
	float value;

	if (!load_link_bandwidth(bytes, &value))
		return false;
	text_append(
	    text, "%s%u:", link_bandwidth_name(bytes), wire_load_u16(bytes + LINK_BANDWIDTH_ASN));
	print_bandwidth(value, text);
	return true;
}

static void print_extended(const uint8_t *bytes, struct text *text)
{
	bool target = bytes[1] == EXTENDED_ROUTE_TARGET;
	const char *name = target ? "rt" : "soo";
	bool named = target || bytes[1] == EXTENDED_ROUTE_ORIGIN;

	if (named && bytes[0] == EXTENDED_AS2)
		text_append(
		    text, "%s:%u:%u", name, wire_load_u16(bytes + 2), wire_load_u32(bytes + 4));
	else if (named && bytes[0] == EXTENDED_IPV4)
		text_append(text, "%s:%u.%u.%u.%u:%u", name, bytes[2], bytes[3], bytes[4], bytes[5],
		    wire_load_u16(bytes + 6));
	else if (named && bytes[0] == EXTENDED_AS4 && wire_load_u32(bytes + 2) > UINT16_MAX)
		text_append(
		    text, "%s:%u:%u", name, wire_load_u32(bytes + 2), wire_load_u16(bytes + 6));
	else if (!print_link_bandwidth(bytes, text))
		text_append(text, "ext:0x%08x%08x", wire_load_u32(bytes), wire_load_u32(bytes + 4));
}

static void print_extended_ipv6(const uint8_t *bytes, struct text *text)
{
	struct ip_address address = ip_address_from_bytes(IPV6, bytes + 2);
	bool target = bytes[1] == EXTENDED_ROUTE_TARGET;
	char address_text[IP_TEXT_MAX];

	if (!bytes[0] && (target || bytes[1] == EXTENDED_ROUTE_ORIGIN)) {
		text_append(text, "%s:[%s]:%u", target ? "rt" : "soo",
		    ip_address_print(&address, address_text),
		    wire_load_u16(bytes + EXTENDED_IPV6_NUMBER));
		return;
	}
	text_append(text, "ext6:0x");
	for (unsigned i = 0; i < bgp_community_size(BGP_COMMUNITY_EXTENDED_IPV6); i++)
		text_append(text, "%02x", bytes[i]);
}

static void print_large(const uint8_t *bytes, struct text *text)
{
	text_append(text, "large:%u:%u:%u", wire_load_u32(bytes), wire_load_u32(bytes + 4),
	    wire_load_u32(bytes + 8));
}

void bgp_community_print(enum bgp_community_kind kind, const uint8_t *bytes, struct text *text)
{
	static void (*const print[BGP_COMMUNITY_KINDS])(const uint8_t *, struct text *) = {
	    [BGP_COMMUNITY_STANDARD] = print_standard,
	    [BGP_COMMUNITY_EXTENDED] = print_extended,
	    [BGP_COMMUNITY_LARGE] = print_large,
	    [BGP_COMMUNITY_EXTENDED_IPV6] = print_extended_ipv6,
	};

	print[kind](bytes, text);
}

/* Bytes before the first item that is not less than `item`; `*found` says whether it is equal. */
static size_t find_item(struct wire_span span, const uint8_t *item, unsigned size, bool *found)
{
	size_t at = 0;

	*found = false;
	for (; at + size <= span.length; at += size) {
		int order = memcmp(span.bytes + at, item, size);

		if (order >= 0) {
			*found = !order;
			break;
		}
	}
	return at;
}

bool bgp_communities_contain(struct wire_span span, const struct bgp_community *community)
{
	unsigned size = bgp_community_size(community->kind);

	/* The span may be as received, so unsorted. */
	for (size_t at = 0; at + size <= span.length; at += size)
		if (!memcmp(span.bytes + at, community->bytes, size))
			return true;
	return false;
}

bool bgp_communities_contain_standard(struct wire_span span, uint32_t value)
{
	struct bgp_community community = {.kind = BGP_COMMUNITY_STANDARD};

	wire_store_u32(community.bytes, value);
	return bgp_communities_contain(span, &community);
}

float bgp_communities_link_bandwidth(struct wire_span span)
{
	const unsigned size = bgp_community_size(BGP_COMMUNITY_EXTENDED);
	float lowest = 0;
	bool found = false;
	float value;

	for (size_t at = 0; at + size <= span.length; at += size) {
		if (!load_link_bandwidth(span.bytes + at, &value) || (found && value >= lowest))
			continue;
		lowest = value;
		found = true;
	}
	return lowest;
}

struct wire_span bgp_communities_add(
    struct arena *arena, struct wire_span span, const struct bgp_community *community)
{
	unsigned size = bgp_community_size(community->kind);
	struct wire_span sorted;
	uint8_t *bytes;
	size_t at;
	bool found;

	if (bgp_communities_contain(span, community))
		return span;
	sorted = bgp_communities_sort(arena, span, community->kind);
	at = find_item(sorted, community->bytes, size, &found);
	bytes = arena_allocate(arena, sorted.length + size);
	if (at)
		memcpy(bytes, sorted.bytes, at);
	memcpy(bytes + at, community->bytes, size);
	if (sorted.length > at)
		memcpy(bytes + at + size, sorted.bytes + at, sorted.length - at);
	return (struct wire_span){bytes, sorted.length + size};
}

struct wire_span bgp_communities_remove(
    struct arena *arena, struct wire_span span, const struct bgp_community *community)
{
	unsigned size = bgp_community_size(community->kind);
	struct wire_writer writer;

	if (!bgp_communities_contain(span, community))
		return span;
	writer = wire_writer_init(arena_allocate(arena, span.length), span.length);
	for (size_t at = 0; at + size <= span.length; at += size)
		if (memcmp(span.bytes + at, community->bytes, size))
			wire_put_bytes(&writer, span.bytes + at, size);
	return wire_writer_span(&writer);
}

struct wire_span bgp_communities_without_non_transitive(
    struct arena *arena, struct wire_span span, enum bgp_community_kind kind)
{
	unsigned size = bgp_community_size(kind);
	struct wire_writer writer = {0};

	if (kind != BGP_COMMUNITY_EXTENDED && kind != BGP_COMMUNITY_EXTENDED_IPV6)
		return span;
	for (size_t at = 0; at + size <= span.length; at += size) {
		if (!(span.bytes[at] & EXTENDED_NON_TRANSITIVE)) {
			if (writer.start)
				wire_put_bytes(&writer, span.bytes + at, size);
		} else if (!writer.start) { /* the first one: all before it stay */
			writer = wire_writer_init(arena_allocate(arena, span.length), span.length);
			wire_put_bytes(&writer, span.bytes, at);
		}
	}
	return writer.start ? wire_writer_span(&writer) : span;
}

static int compare_standard(const void *a, const void *b)
{
	return memcmp(a, b, 4);
}

static int compare_extended(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

static int compare_large(const void *a, const void *b)
{
	return memcmp(a, b, 12);
}

static int compare_extended_ipv6(const void *a, const void *b)
{
	return memcmp(a, b, 20);
}

static bool is_sorted(struct wire_span span, unsigned size)
{
	for (size_t at = size; at + size <= span.length; at += size)
		if (memcmp(span.bytes + at - size, span.bytes + at, size) >= 0)
			return false;
	return true;
}

static void sort_small(uint8_t *bytes, size_t length, unsigned size)
{
	for (size_t next = size; next + size <= length; next += size) {
		uint8_t item[BGP_COMMUNITY_SIZE_MAX];
		size_t at = next;

		memcpy(item, bytes + next, size);
		for (; at && memcmp(bytes + at - size, item, size) > 0; at -= size)
			memcpy(bytes + at, bytes + at - size, size);
		memcpy(bytes + at, item, size);
	}
}

struct wire_span bgp_communities_sort(
    struct arena *arena, struct wire_span span, enum bgp_community_kind kind)
{
	static int (*const compare[BGP_COMMUNITY_KINDS])(const void *, const void *) = {
	    [BGP_COMMUNITY_STANDARD] = compare_standard,
	    [BGP_COMMUNITY_EXTENDED] = compare_extended,
	    [BGP_COMMUNITY_LARGE] = compare_large,
	    [BGP_COMMUNITY_EXTENDED_IPV6] = compare_extended_ipv6,
	};
	unsigned size = bgp_community_size(kind);
	size_t kept = size;
	uint8_t *bytes;

	if (is_sorted(span, size))
		return span;
	bytes = arena_allocate(arena, span.length);
	memcpy(bytes, span.bytes, span.length);
	if (span.length <= (size_t)SMALL_SET * size)
		sort_small(bytes, span.length, size);
	else
		qsort(bytes, span.length / size, size, compare[kind]);
	for (size_t at = size; at + size <= span.length; at += size) {
		if (!memcmp(bytes + kept - size, bytes + at, size))
			continue;
		memmove(bytes + kept, bytes + at, size);
		kept += size;
	}
	return (struct wire_span){bytes, kept};
}
