/*
 * One table says of each option how its argument is read and into which field it goes.
 */
#include "load_options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

#define FIRST_ASN 65001
#define PREFIXES_MAX 4000000
#define SESSIONS_MAX 60000

enum kind { ADDRESS4, ADDRESS6, NUMBER, LARGE, SHORT, SWITCH, FAMILY };

static const struct {
	const char *name;
	enum kind kind;
	size_t offset;
} names[] = {
    {"target", ADDRESS4, offsetof(struct load_options, target[IPV4])},
    {"target6", ADDRESS6, offsetof(struct load_options, target[IPV6])},
    {"local", ADDRESS4, offsetof(struct load_options, local[IPV4])},
    {"local6", ADDRESS6, offsetof(struct load_options, local[IPV6])},
    {"family", FAMILY, 0},
    {"asn", NUMBER, offsetof(struct load_options, asn)},
    {"senders", NUMBER, offsetof(struct load_options, senders)},
    {"receivers", NUMBER, offsetof(struct load_options, receivers)},
    {"prefixes", NUMBER, offsetof(struct load_options, prefixes)},
    {"sets", NUMBER, offsetof(struct load_options, sets)},
    {"seed", LARGE, offsetof(struct load_options, seed)},
    {"hold-time", SHORT, offsetof(struct load_options, hold_time)},
    {"patience", NUMBER, offsetof(struct load_options, patience)},
    {"split", SWITCH, offsetof(struct load_options, split)},
    {"reflect", SWITCH, offsetof(struct load_options, reflect)},
    {"internal", SWITCH, offsetof(struct load_options, internal)},
    {"ranked", SWITCH, offsetof(struct load_options, ranked)},
    {"stride", NUMBER, offsetof(struct load_options, stride)},
};

#define NAMES (sizeof names / sizeof names[0])

static bool read_number(const char *text, uint64_t max, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return !errno && end != text && !*end && *text != '-' && *number <= max;
}

static bool read_address(const char *text, enum ip_family family, struct ip_address *address)
{
	return ip_address_parse(text, address) && address->family == family;
}

static bool read_family(const char *text, struct load_options *options)
{
	options->families[IPV4] = strcmp(text, "6") != 0;
	options->families[IPV6] = strcmp(text, "4") != 0;
	options->transport = options->families[IPV4] ? IPV4 : IPV6;
	return !strcmp(text, "4") || !strcmp(text, "6") || !strcmp(text, "both");
}

static bool read_option(struct load_options *options, size_t name, const char *text)
{
	void *field = (uint8_t *)options + names[name].offset;
	uint64_t number = 0;

	switch (names[name].kind) {
	case ADDRESS4:
		return read_address(text, IPV4, field);
	case ADDRESS6:
		return read_address(text, IPV6, field);
	case FAMILY:
		return read_family(text, options);
	case LARGE:
		return read_number(text, UINT64_MAX, field);
	case NUMBER:
		if (!read_number(text, UINT32_MAX, &number))
			return false;
		*(uint32_t *)field = (uint32_t)number;
		return true;
	case SHORT:
		if (!read_number(text, UINT16_MAX, &number))
			return false;
		*(uint16_t *)field = (uint16_t)number;
		return true;
	case SWITCH:
		*(bool *)field = true;
		return true;
	}
	return false;
}

static bool has_address(const struct load_options *options, enum ip_family family)
{
	return !ip_address_is_unspecified(&options->local[family]) &&
	       !ip_address_is_unspecified(&options->target[family]);
}

/* The IPv4 addresses are the router IDs too; IPv6 routes have IPv6 next hops. */
static bool make_sense(const struct load_options *options)
{
	if (!has_address(options, options->transport) ||
	    ip_address_is_unspecified(&options->local[IPV4]) ||
	    (options->families[IPV6] && ip_address_is_unspecified(&options->local[IPV6])))
		return false;
	if (options->reflect && (options->receivers || options->senders < 2))
		return false;
	/* Who is sent longer paths than were drawn would take them for wrong ones. */
	if (options->ranked && (options->reflect || options->receivers || options->senders > 100))
		return false;
	return options->asn && options->senders && options->senders < SESSIONS_MAX &&
	       options->receivers < SESSIONS_MAX && options->prefixes &&
	       options->prefixes <= PREFIXES_MAX && options->sets &&
	       options->sets <= options->prefixes && options->hold_time != 1 &&
	       options->hold_time != 2;
}

static _Noreturn void print_usage(void)
{
	fputs("usage: load --target A [--target6 A] --asn N --local A [--local6 A]\n"
	      "            --family 4|6|both --senders N --receivers N --prefixes N --sets N\n"
	      "            [--split] [--reflect] [--internal] [--ranked] [--stride N] [--seed N]\n"
	      "            [--hold-time SECONDS] [--patience SECONDS]\n",
	    stderr);
	exit(2);
}

struct load_options load_options_parse(int argc, char **argv)
{
	struct load_options options = {.families = {true, false},
	    .target = {{.family = IPV4}, {.family = IPV6}},
	    .local = {{.family = IPV4}, {.family = IPV6}},
	    .seed = 1,
	    .hold_time = 90,
	    .patience = 600};
	struct option table[NAMES + 1] = {{0}};
	int option;

	for (size_t i = 0; i < NAMES; i++)
		table[i] = (struct option){.name = names[i].name,
		    .has_arg = names[i].kind == SWITCH ? no_argument : required_argument,
		    .val = (int)i};
	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1)
		if (option < 0 || option >= (int)NAMES ||
		    !read_option(&options, (size_t)option, optarg))
			print_usage();
	if (optind != argc || !make_sense(&options))
		print_usage();
	options.split |= options.reflect;
	return options;
}

static struct ip_address add_to_address(struct ip_address address, uint32_t number)
{
	size_t last = address.family == IPV4 ? 0 : 12;

	wire_store_u32(address.bytes + last, wire_load_u32(address.bytes + last) + number);
	return address;
}

struct ip_address load_options_address(
    const struct load_options *options, enum ip_family family, uint32_t number)
{
	return add_to_address(
	    options->local[family], number * (options->stride ? options->stride : 1));
}

struct ip_address load_options_target(const struct load_options *options, uint32_t number)
{
	return add_to_address(options->target[options->transport], number * options->stride);
}

bool load_options_is_sender(const struct load_options *options, uint32_t number)
{
	return number < options->senders;
}

bool load_options_is_receiver(const struct load_options *options, uint32_t number)
{
	return options->reflect || !load_options_is_sender(options, number);
}

bool load_options_is_external(const struct load_options *options, uint32_t number)
{
	return !options->reflect && !(options->internal && load_options_is_sender(options, number));
}

uint32_t load_options_asn(const struct load_options *options, uint32_t number)
{
	return load_options_is_external(options, number) ? FIRST_ASN + number : options->asn;
}
