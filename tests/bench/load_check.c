/*
 * Two roles.  An external receiver gets (RFC 4271 5.1) the path with the daemon's AS in front, a
 * next hop that is the daemon, or the sender itself, as all of them are on one link (5.1.3), and no
 * LOCAL_PREF; a MED is optional to send and then the sender's.  A client of a reflector (RFC 4456
 * 8, 10) gets everything as it was sent, with ORIGINATOR_ID and a CLUSTER_LIST of one.
 *
 * Where several senders announce the same prefix the path of any of them is right: an external one
 * is known by its AS.  The order of communities is free.
 */
#include "load_check.h"

#include <stdlib.h>
#include <string.h>

#include "bgp/types.h"

#define BIT(type) (1u << (type))
#define FLAG_OPTIONAL 0x80
#define FLAG_TRANSITIVE 0x40
#define FLAG_PARTIAL 0x20
/* The sender is one of all. */
#define ANY UINT32_MAX

/* What one receiver is to be sent for one prefix. */
struct expectation {
	const struct load_options *options;
	const struct load_update *update;
	const struct bench_set *set;
	enum ip_family family;
	uint32_t sender; /* whose path it is; or ANY */
};

typedef const char *check(struct expectation *expected);

static struct wire_span value_of(const struct expectation *expected, unsigned type)
{
	static const struct wire_span nothing = {(const uint8_t *)"", 0};

	return load_update_has(expected->update, type) ? expected->update->values[type] : nothing;
}

/* True if it is there, has four octets, and they are this number. */
static bool is_number(const struct expectation *expected, unsigned type, uint32_t number)
{
	struct wire_span value = value_of(expected, type);

	return value.length == 4 && wire_load_u32(value.bytes) == number;
}

static const char *check_types(struct expectation *expected)
{
	static const uint8_t flags[LOAD_TYPES] = {
	    [BGP_ATTRIBUTE_ORIGIN] = FLAG_TRANSITIVE,
	    [BGP_ATTRIBUTE_AS_PATH] = FLAG_TRANSITIVE,
	    [BGP_ATTRIBUTE_NEXT_HOP] = FLAG_TRANSITIVE,
	    [BGP_ATTRIBUTE_MED] = FLAG_OPTIONAL,
	    [BGP_ATTRIBUTE_LOCAL_PREF] = FLAG_TRANSITIVE,
	    [BGP_ATTRIBUTE_COMMUNITIES] = FLAG_OPTIONAL | FLAG_TRANSITIVE,
	    [BGP_ATTRIBUTE_ORIGINATOR_ID] = FLAG_OPTIONAL,
	    [BGP_ATTRIBUTE_CLUSTER_LIST] = FLAG_OPTIONAL,
	    [BGP_ATTRIBUTE_MP_REACH_NLRI] = FLAG_OPTIONAL,
	    [BGP_ATTRIBUTE_MP_UNREACH_NLRI] = FLAG_OPTIONAL,
	};

	for (unsigned type = 0; type < LOAD_TYPES; type++) {
		if (!load_update_has(expected->update, type))
			continue;
		if (!flags[type])
			return "an attribute that nobody sent";
		if ((expected->update->flags[type] &
			(FLAG_OPTIONAL | FLAG_TRANSITIVE | FLAG_PARTIAL)) != flags[type])
			return "wrong flags of an attribute";
	}
	return NULL;
}

static const char *check_origin(struct expectation *expected)
{
	struct wire_span value = value_of(expected, BGP_ATTRIBUTE_ORIGIN);

	return value.length == 1 && value.bytes[0] == expected->set->origin ? NULL
									    : "another ORIGIN";
}

/* The AS numbers of a path of nothing but sequences; returns how many, or `max` + 1. */
static size_t read_path(struct wire_span path, uint32_t *asns, size_t max)
{
	struct wire_reader reader = wire_reader_from_span(path);
	size_t count = 0;

	while (wire_left(&reader)) {
		bool sequence = wire_get_u8(&reader) == BGP_SEGMENT_SEQUENCE;
		unsigned left = wire_get_u8(&reader);

		if (!sequence || !left)
			return max + 1;
		while (left--) {
			if (count == max)
				return max + 1;
			asns[count++] = wire_get_u32(&reader);
		}
	}
	return reader.failed ? max + 1 : count;
}

/* Takes the sender from the path, if its AS stands there. */
static bool is_first_of_sender(struct expectation *expected, uint32_t asn)
{
	const struct load_options *options = expected->options;
	uint32_t sender = asn - load_options_asn(options, 0);

	if (!load_options_is_external(options, 0))
		return asn == expected->set->path[0];
	if (sender >= options->senders || (expected->sender != ANY && expected->sender != sender))
		return false;
	expected->sender = sender;
	return true;
}

static const char *check_path(struct expectation *expected)
{
	const struct bench_set *set = expected->set;
	uint32_t asns[1 + BENCH_PATH_MAX] = {0};
	size_t count = read_path(
	    value_of(expected, BGP_ATTRIBUTE_AS_PATH), asns, sizeof asns / sizeof asns[0]);
	size_t at = 0;

	if (!expected->options->reflect && (!count || asns[at++] != expected->options->asn))
		return "an AS_PATH that does not begin with the daemon's AS";
	if (count != at + set->path_length)
		return "an AS_PATH of another length";
	if (!is_first_of_sender(expected, asns[at]))
		return "an AS_PATH that is no sender's";
	if (memcmp(asns + at + 1, set->path + 1, (set->path_length - 1u) * sizeof *asns) != 0)
		return "another AS_PATH";
	return NULL;
}

static bool is_address(const struct ip_address *address, struct wire_span bytes)
{
	return !memcmp(address->bytes, bytes.bytes, address->family == IPV4 ? 4 : 16);
}

static bool is_sender_address(const struct expectation *expected, struct wire_span bytes)
{
	const struct load_options *options = expected->options;
	uint32_t first = expected->sender == ANY ? 0 : expected->sender;
	uint32_t end = expected->sender == ANY ? options->senders : expected->sender + 1;

	for (uint32_t sender = first; sender < end; sender++) {
		struct ip_address address = load_options_address(options, expected->family, sender);

		if (is_address(&address, bytes))
			return true;
	}
	return false;
}

/* RFC 2545 3: an IPv6 next hop may have a link-local one behind it. */
static const char *check_next_hop(struct expectation *expected)
{
	const struct ip_address *target = &expected->options->target[expected->family];
	struct wire_span bytes = expected->update->next_hop[expected->family];
	bool long_enough =
	    expected->family == IPV4 ? bytes.length == 4 : bytes.length == 16 || bytes.length == 32;

	if (!long_enough)
		return "a next hop of a wrong length";
	if (is_sender_address(expected, bytes))
		return NULL;
	if (expected->options->reflect)
		return "another next hop";
	return ip_address_is_unspecified(target) || is_address(target, bytes) ? NULL
									      : "another next hop";
}

static const char *check_med(struct expectation *expected)
{
	if (!expected->options->reflect && !load_update_has(expected->update, BGP_ATTRIBUTE_MED))
		return NULL;
	return is_number(expected, BGP_ATTRIBUTE_MED, expected->set->med)
		   ? NULL
		   : "another MULTI_EXIT_DISC";
}

static const char *check_local_pref(struct expectation *expected)
{
	if (!expected->options->reflect)
		return load_update_has(expected->update, BGP_ATTRIBUTE_LOCAL_PREF)
			   ? "a LOCAL_PREF to an external neighbour"
			   : NULL;
	return is_number(expected, BGP_ATTRIBUTE_LOCAL_PREF, expected->set->local_pref)
		   ? NULL
		   : "another LOCAL_PREF";
}

static const char *check_communities(struct expectation *expected)
{
	const struct bench_set *set = expected->set;
	struct wire_span value = value_of(expected, BGP_ATTRIBUTE_COMMUNITIES);
	const unsigned count = set->community_count;
	unsigned found = 0;

	if (value.length != 4 * (size_t)count)
		return "not the communities that were sent";
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < count; k++)
			found += wire_load_u32(value.bytes + 4 * k) == set->communities[i];
	return found == count ? NULL : "not the communities that were sent";
}

static const char *check_reflection(struct expectation *expected)
{
	const uint32_t types = BIT(BGP_ATTRIBUTE_ORIGINATOR_ID) | BIT(BGP_ATTRIBUTE_CLUSTER_LIST);
	struct ip_address originator;

	if (!expected->options->reflect)
		return expected->update->present & types
			   ? "attributes of reflection to an external neighbour"
			   : NULL;
	originator = load_options_address(expected->options, IPV4, expected->sender);
	if (!is_number(expected, BGP_ATTRIBUTE_ORIGINATOR_ID, wire_load_u32(originator.bytes)))
		return "another ORIGINATOR_ID";
	return value_of(expected, BGP_ATTRIBUTE_CLUSTER_LIST).length == 4
		   ? NULL
		   : "not a CLUSTER_LIST of one";
}

const char *load_check_attributes(const struct load_options *options,
    const struct load_update *update, enum ip_family family, uint32_t number,
    const struct bench_set *set)
{
	/* The path says whose it is, which the next hop must agree with. */
	static check *const checks[] = {check_types, check_origin, check_path, check_next_hop,
	    check_med, check_local_pref, check_communities, check_reflection};
	struct expectation expected = {.options = options,
	    .update = update,
	    .set = set,
	    .family = family,
	    .sender = options->split ? bench_share_of(options->prefixes, options->senders, number)
		      : options->senders == 1 ? 0
					      : ANY};
	const char *problem = NULL;

	for (size_t i = 0; i < sizeof checks / sizeof checks[0] && !problem; i++)
		problem = checks[i](&expected);
	return problem;
}
