/*
 * The rules are applied in the order of RFC 4271 6.2, so that an OPEN that is wrong in two ways is
 * always refused for the same one.  Extended next hops (RFC 8950) are announced whenever IPv4 is:
 * the capability says what we can take, and what is sent is decided by the next hops themselves.
 */
#include "bgp/negotiation.h"

#include <string.h>

/* Room for the multiprotocol capabilities of all families, 6 octets each. */
#define FAMILIES_LENGTH_MAX (6 * IP_FAMILIES)

static bool is_external(const struct bgp_session_settings *settings)
{
	return settings->remote_as == BGP_REMOTE_AS_EXTERNAL ||
	       (settings->remote_as == BGP_REMOTE_AS_NUMBER &&
		   settings->remote_asn != settings->local_asn);
}

/* What we can do of graceful restart is to wait for a neighbour's End-of-RIB: no family is kept. */
static void announce_restart(
    struct bgp_capabilities *capabilities, const struct bgp_restart_settings *restart)
{
	capabilities->graceful_restart.announced = restart->enabled;
	if (!restart->enabled)
		return;
	capabilities->graceful_restart.time_s = restart->time_s;
	/* RFC 9494 3.1: of no use without the other. */
	capabilities->long_lived_restart.announced = restart->long_lived_time_s > 0;
}

static void announce(
    struct bgp_capabilities *capabilities, const struct bgp_session_settings *settings)
{
	memcpy(capabilities->families, settings->families, sizeof(settings->families));
	capabilities->any_family = settings->families[IPV4] || settings->families[IPV6];
	capabilities->route_refresh = true;
	capabilities->enhanced_route_refresh = true;
	capabilities->extended_message = true;
	capabilities->extended_next_hop = settings->families[IPV4];
	capabilities->as4 = true;
	capabilities->asn = settings->local_asn;
	if (is_external(settings)) /* RFC 9234 4: never inside of an AS */
		capabilities->role = settings->role;
	for (unsigned family = 0; family < IP_FAMILIES; family++)
		if (settings->families[family])
			capabilities->add_path[family] = settings->add_path[family];
	announce_restart(capabilities, &settings->restart);
	memcpy(capabilities->host_name, settings->host_name, sizeof(settings->host_name));
}

struct bgp_open bgp_negotiation_open(const struct bgp_session_settings *settings)
{
	struct bgp_open local;

	memset(&local, 0, sizeof(local));
	local.version = BGP_VERSION;
	local.asn = settings->local_asn;
	local.hold_time = (uint16_t)(settings->hold_time_ms / 1000);
	memcpy(local.identifier, settings->identifier, sizeof(local.identifier));
	announce(&local.capabilities, settings);
	return local;
}

static bool is_expected_as(const struct bgp_session_settings *settings, uint32_t asn)
{
	switch (settings->remote_as) {
	case BGP_REMOTE_AS_INTERNAL:
		return asn == settings->local_asn;
	case BGP_REMOTE_AS_EXTERNAL:
		return asn != settings->local_asn;
	case BGP_REMOTE_AS_NUMBER:
		break;
	}
	return asn == settings->remote_asn;
}

/* RFC 5492 3: the data lists the capabilities that were missed, as they stand in an OPEN. */
static bool refuse_families(
    const struct bgp_session_settings *settings, struct bgp_notification *notification)
{
	struct bgp_capabilities wanted;
	uint8_t data[FAMILIES_LENGTH_MAX];
	struct wire_writer writer = wire_writer_init(data, sizeof(data));

	memset(&wanted, 0, sizeof(wanted));
	memcpy(wanted.families, settings->families, sizeof(wanted.families));
	wanted.any_family = true;
	bgp_capabilities_encode(&writer, &wanted);
	return bgp_notification_set(notification, BGP_ERROR_OPEN, BGP_OPEN_UNSUPPORTED_CAPABILITY,
	    data, wire_written(&writer));
}

/* RFC 9234 4.2 */
static bool is_expected_role(
    const struct bgp_session_settings *settings, const struct bgp_capabilities *remote)
{
	static const uint8_t partners[BGP_ROLES] = {
	    [BGP_ROLE_PROVIDER] = BGP_ROLE_CUSTOMER,
	    [BGP_ROLE_CUSTOMER] = BGP_ROLE_PROVIDER,
	    [BGP_ROLE_ROUTE_SERVER] = BGP_ROLE_ROUTE_SERVER_CLIENT,
	    [BGP_ROLE_ROUTE_SERVER_CLIENT] = BGP_ROLE_ROUTE_SERVER,
	    [BGP_ROLE_PEER] = BGP_ROLE_PEER,
	};

	if (remote->roles_conflict)
		return false;
	if (!settings->role)
		return true;
	if (!remote->role)
		return !settings->strict_role;
	return remote->role == partners[settings->role];
}

bool bgp_negotiation_check(const struct bgp_session_settings *settings,
    const struct bgp_open *local, const struct bgp_open *remote,
    struct bgp_notification *notification)
{
	bool external = remote->asn != settings->local_asn;
	struct bgp_codec codec;

	if (!is_expected_as(settings, remote->asn))
		return bgp_notification_set(
		    notification, BGP_ERROR_OPEN, BGP_OPEN_BAD_PEER_AS, NULL, 0);
	/* RFC 6286 2.2: inside of an AS the identifier is unique, so this is ourselves or a clash. */
	if (!external && !memcmp(remote->identifier, settings->identifier, 4))
		return bgp_notification_set(
		    notification, BGP_ERROR_OPEN, BGP_OPEN_BAD_IDENTIFIER, NULL, 0);
	codec = bgp_codec_negotiate(&local->capabilities, &remote->capabilities, external);
	if (!codec.families[IPV4] && !codec.families[IPV6])
		return refuse_families(settings, notification);
	if (external && !is_expected_role(settings, &remote->capabilities))
		return bgp_notification_set(
		    notification, BGP_ERROR_OPEN, BGP_OPEN_ROLE_MISMATCH, NULL, 0);
	return true;
}

/* RFC 8538 4 leaves Administrative Reset to the user, who asks for one that really resets. */
bool bgp_negotiation_is_hard(
    const struct bgp_codec *codec, const struct bgp_notification *notification)
{
	static const uint16_t hard =
	    1 << BGP_CEASE_MAX_PREFIXES | 1 << BGP_CEASE_ADMINISTRATIVE_SHUTDOWN |
	    1 << BGP_CEASE_PEER_DECONFIGURED | 1 << BGP_CEASE_ADMINISTRATIVE_RESET;

	return codec->notification_restart && notification->code == BGP_ERROR_CEASE &&
	       notification->subcode < 16 && hard >> notification->subcode & 1;
}

struct bgp_update_rules bgp_negotiation_rules(
    const struct bgp_session_settings *settings, uint32_t remote_asn)
{
	struct bgp_update_rules rules;

	memcpy(rules.ignored, settings->ignored_attributes, sizeof(rules.ignored));
	if (!settings->aigp) /* RFC 7311 3.2: as if it were not recognized */
		rules.ignored[BGP_ATTRIBUTE_AIGP / 64] |= UINT64_C(1) << BGP_ATTRIBUTE_AIGP % 64;
	rules.first_asn =
	    settings->enforce_first_as && remote_asn != settings->local_asn ? remote_asn : 0;
	return rules;
}

uint32_t bgp_negotiation_hold_time(const struct bgp_open *local, const struct bgp_open *remote)
{
	uint32_t ours = local->hold_time, theirs = remote->hold_time;

	return (ours < theirs ? ours : theirs) * 1000;
}

uint32_t bgp_negotiation_keepalive_time(
    const struct bgp_session_settings *settings, uint32_t hold_time_ms)
{
	uint32_t third = hold_time_ms / 3, wanted = settings->keepalive_time_ms;

	return wanted && wanted < third ? wanted : third;
}

bool bgp_negotiation_keeps_ours(const struct bgp_open *local, const struct bgp_open *remote)
{
	int order = memcmp(local->identifier, remote->identifier, sizeof(local->identifier));

	return order ? order > 0 : local->asn > remote->asn;
}
