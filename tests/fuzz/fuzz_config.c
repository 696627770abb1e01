/*
 * Any bytes as a configuration file: either a configuration, or errors that all name the file and
 * a place in it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_errors(const struct text *errors)
{
	if (!errors->length || errors->string[errors->length - 1] != '\n')
		abort();
	for (const char *line = errors->string; *line; line = strchr(line, '\n') + 1)
		if (strncmp(line, "fuzz.yaml:", 10) != 0)
			abort();
}

static void check_filters(const size_t *filters, size_t count, size_t limit)
{
	for (size_t i = 0; i < count; i++) {
		if (filters[i] >= limit)
			abort();
		for (size_t j = 0; j < i; j++)
			if (filters[i] == filters[j])
				abort();
	}
}

static void check_place(const struct config_peer *peer)
{
	const bool has_address = !ip_address_is_unspecified(&peer->address);

	if (has_address + (peer->interface != NULL) + peer->has_range != 1)
		abort();
	if (peer->has_range && (!peer->passive || !peer->range_limit || peer->delay_open_time_ms))
		abort();
	if (peer->interface && (peer->ttl_security > 1 || peer->ebgp_multihop > 1))
		abort();
}

/* What the speaker relies on. */
static void check_peer(const struct config_peer *peer, size_t filter_count)
{
	check_place(peer);
	if (strchr(peer->name, '/'))
		abort();
	if (peer->strict_role && !peer->role)
		abort();
	if (peer->role > BGP_ROLE_PEER || peer->restart.time_s > 4095)
		abort();
	if (peer->local_asn_mode && !peer->local_asn)
		abort();
	/*
	 * Type 0, ORIGIN, AS_PATH, NEXT_HOP, MP_REACH_NLRI, MP_UNREACH_NLRI and OTC are never
	 * stripped.
	 */
	if (peer->strip_attributes[0] & 0x80000c00f)
		abort();
	check_filters(peer->import, peer->import_count, filter_count);
	check_filters(peer->export, peer->export_count, filter_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct config_environment environment = {.host_name = "host-a"};
	struct text errors = {NULL, 0, 0};
	struct config *config =
	    config_parse((const char *)data, size, "fuzz.yaml", &environment, &errors);

	if (!config)
		check_errors(&errors);
	else if (errors.length || !config->node_name || !config->router.asn)
		abort();
	for (size_t i = 0; config && i < config->peer_count; i++)
		check_peer(&config->peers[i], config->filter_count);
	config_free(config);
	text_free(&errors);
	return 0;
}
