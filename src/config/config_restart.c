/*
 * The mapping `gracefulRestart`, of the router and of a peer.  The router's keys have defaults; a
 * peer's override the router's one by one.  stalePathTime has no effect yet: no routes are kept
 * over a restart of the neighbour, so it is only checked.
 */
#include <string.h>

#include "config/sections.h"
#include "config/values.h"

#define RESTART(member) offsetof(struct bgp_restart_settings, member)

/* What fits a duration; RFC 9494 3.1 has room for 16777215 s. */
#define LONG_LIVED_TIME_MAX_MS 4294967000

/* Both go onto the wire in whole seconds; the limit of the type says how wide the member is. */
static bool read_seconds(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	uint32_t milliseconds;

	if (!value_duration.read(schema, key, text, &milliseconds, error))
		return false;
	if (milliseconds % 1000)
		return error_set(error, "must be in whole seconds, not %s", text);
	if (key->type->limit == UINT16_MAX)
		*(uint16_t *)to = (uint16_t)(milliseconds / 1000);
	else
		*(uint32_t *)to = milliseconds / 1000;
	return true;
}

static bool check_duration(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	uint32_t milliseconds;

	(void)to;
	return value_duration.read(schema, key, text, &milliseconds, error);
}

static const struct schema_type seconds_u16 = {.read = read_seconds, .limit = UINT16_MAX};
static const struct schema_type seconds_u32 = {.read = read_seconds, .limit = UINT32_MAX};
static const struct schema_type checked_duration = {.read = check_duration, .limit = UINT32_MAX};

#define KEYS 4

const struct schema_key config_restart_keys[] = {
    {.name = "enabled", .type = &value_boolean, .offset = RESTART(enabled), .fallback = "true"},
    {.name = "restartTime",
	.type = &seconds_u16,
	.offset = RESTART(time_s),
	.maximum = 4095000, /* RFC 4724 3: 12 bits */
	.fallback = "120s"},
    {.name = "stalePathTime", .type = &checked_duration, .fallback = "360s"},
    {.name = "longLivedStaleTime",
	.type = &seconds_u32,
	.offset = RESTART(long_lived_time_s),
	.maximum = LONG_LIVED_TIME_MAX_MS,
	.fallback = "0s"},
    [KEYS] = {.name = NULL},
};

void config_read_restart_override(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	struct schema_key keys[KEYS + 1];

	(void)key;
	memcpy(keys, config_restart_keys, sizeof(keys));
	for (size_t i = 0; i < KEYS; i++)
		keys[i].fallback = NULL;
	schema_read_mapping(schema, node, keys, to);
}
