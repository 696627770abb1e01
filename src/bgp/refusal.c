/*
 * Unsupported Optional Parameter says that the neighbour knows no capabilities: all go.
 * Unsupported Capability lists, as they stand in an OPEN, the capabilities that it is about: those
 * go, or all if none is listed.  A list with nothing of ours asks for something that we do not
 * have, so that an OPEN with less is no answer.
 */
#include "bgp/refusal.h"

#include <string.h>

/* Of what the other lists, whatever value it has there. */
static void remove_listed(struct bgp_capabilities *from, const struct bgp_capabilities *listed)
{
	for (unsigned family = 0; family < IP_FAMILIES; family++) {
		from->families[family] &= !listed->families[family];
		if (listed->add_path[family])
			from->add_path[family] = 0;
	}
	from->any_family = from->families[IPV4] || from->families[IPV6];
	from->route_refresh &= !listed->route_refresh;
	from->enhanced_route_refresh &= !listed->enhanced_route_refresh;
	from->extended_message &= !listed->extended_message;
	from->extended_next_hop &= !listed->extended_next_hop;
	from->as4 &= !listed->as4;
	if (!from->as4)
		from->asn = 0;
	if (listed->role)
		from->role = BGP_ROLE_NONE;
	if (listed->graceful_restart.announced)
		memset(&from->graceful_restart, 0, sizeof(from->graceful_restart));
	if (listed->long_lived_restart.announced)
		memset(&from->long_lived_restart, 0, sizeof(from->long_lived_restart));
	if (listed->host_name[0])
		memset(from->host_name, 0, sizeof(from->host_name));
}

/* What makes no sense without that which has gone. */
static void remove_dependent(struct bgp_capabilities *capabilities)
{
	capabilities->extended_next_hop &= capabilities->families[IPV4];
	for (unsigned family = 0; family < IP_FAMILIES; family++)
		if (!capabilities->families[family])
			capabilities->add_path[family] = 0;
	if (!capabilities->graceful_restart.announced)
		memset(
		    &capabilities->long_lived_restart, 0, sizeof(capabilities->long_lived_restart));
}

/* False if the NOTIFICATION is not about capabilities. */
static bool reduce(
    struct bgp_capabilities *capabilities, const struct bgp_notification *notification)
{
	struct wire_reader data = wire_reader_init(notification->data, notification->data_length);
	struct bgp_capabilities listed;
	struct bgp_notification error;

	if (notification->code != BGP_ERROR_OPEN ||
	    (notification->subcode != BGP_OPEN_UNSUPPORTED_PARAMETER &&
		notification->subcode != BGP_OPEN_UNSUPPORTED_CAPABILITY))
		return false;
	memset(&listed, 0, sizeof(listed));
	if (notification->subcode == BGP_OPEN_UNSUPPORTED_PARAMETER || !wire_left(&data) ||
	    !bgp_capabilities_decode(&data, &listed, &error)) {
		memset(capabilities, 0, sizeof(*capabilities));
		return true;
	}
	remove_listed(capabilities, &listed);
	remove_dependent(capabilities);
	return true;
}

/* RFC 4760 8: without a family announced it is IPv4.  RFC 6793: AS_TRANS would not be us. */
static bool is_useful(
    const struct bgp_session_settings *settings, const struct bgp_capabilities *capabilities)
{
	return (capabilities->any_family || settings->families[IPV4]) &&
	       (capabilities->as4 || settings->local_asn <= UINT16_MAX);
}

bool bgp_refusal_learn(struct bgp_refusal *refusal, const struct bgp_session_settings *settings,
    const struct bgp_open *sent, const struct bgp_notification *notification, struct text *without)
{
	struct bgp_capabilities left = sent->capabilities, gone = sent->capabilities;

	if (!reduce(&left, notification) || !memcmp(&left, &gone, sizeof(left)) ||
	    !is_useful(settings, &left))
		return false;
	refusal->is_set = true;
	refusal->left = left;
	remove_listed(&gone, &left);
	bgp_capabilities_print(&gone, without);
	return true;
}

bool bgp_refusal_apply(const struct bgp_refusal *refusal, struct bgp_open *open)
{
	if (refusal->is_set)
		open->capabilities = refusal->left;
	return refusal->is_set;
}
