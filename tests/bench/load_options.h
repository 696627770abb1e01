/*
 * The command line of the load generator as a value, and what follows from it for each session:
 * addresses and AS numbers.  Pure but for the exit with a usage.
 */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

struct load_options {
	struct ip_address target[IP_FAMILIES]; /* the daemon's */
	struct ip_address local[IP_FAMILIES]; /* of session 0 */
	bool families[IP_FAMILIES];
	enum ip_family transport;
	uint32_t asn; /* the daemon's */
	uint32_t senders;
	uint32_t receivers;
	uint32_t prefixes; /* of each family */
	uint32_t sets;
	uint64_t seed;
	uint16_t hold_time; /* seconds */
	uint32_t patience; /* seconds that a command may take, beyond those that it names */
	bool split;
	bool reflect;
	bool internal;
	bool ranked;
	uint32_t stride; /* between the addresses of two sessions, at both ends; 0: see load.c */
};

/* Ends with the usage and status 2 if they make no sense. */
struct load_options load_options_parse(int argc, char **argv);

/* The address of session `number`, and the one that it connects to. */
struct ip_address load_options_address(
    const struct load_options *options, enum ip_family family, uint32_t number);
struct ip_address load_options_target(const struct load_options *options, uint32_t number);
bool load_options_is_sender(const struct load_options *options, uint32_t number);
bool load_options_is_receiver(const struct load_options *options, uint32_t number);
/* True if session `number` is in another AS than the daemon. */
bool load_options_is_external(const struct load_options *options, uint32_t number);
uint32_t load_options_asn(const struct load_options *options, uint32_t number);

#endif
