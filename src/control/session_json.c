/*
 * One function per capability that says more than that it is there.  The list of all of them is
 * text, for people; what a program may want to know has keys of its own.
 */
#include "control/session_json.h"

#include "control/json_value.h"

static json_t *names_value(const struct bgp_open *open)
{
	struct text names = {0};
	json_t *list;

	if (!open)
		return json_array();
	bgp_capabilities_print(&open->capabilities, &names);
	list = json_value_list(names.length ? names.string : "");
	text_free(&names);
	return list;
}

static void set_capabilities(
    json_t *object, const struct bgp_open *local, const struct bgp_open *remote)
{
	json_t *capabilities = json_object();

	json_set(capabilities, "sent", names_value(local));
	json_set(capabilities, "received", names_value(remote));
	json_set(object, "capabilities", capabilities);
}

/* NULL if it says nothing. */
static const char *host_name(const char *name)
{
	return *name ? name : NULL;
}

/* What both kinds of restart say of a family. */
static json_t *restart_family_value(bool announced, bool forwarding)
{
	json_t *value = json_object();

	json_set_bool(value, "announced", announced);
	json_set_bool(value, "forwarding", forwarding);
	return value;
}

static json_t *restart_value(const struct bgp_graceful_restart *restart)
{
	json_t *value = json_object();
	json_t *families = json_object();

	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		json_set(families, ip_family_name(family),
		    restart_family_value(restart->families[family], restart->forwarding[family]));
	json_set_bool(value, "announced", restart->announced);
	json_set_bool(value, "restarting", restart->restarting);
	json_set_bool(value, "notification", restart->notification);
	json_set_number(value, "timeSeconds", restart->time_s);
	json_set(value, "families", families);
	return value;
}

static json_t *long_lived_value(const struct bgp_long_lived_restart *restart)
{
	json_t *value = json_object();
	json_t *families = json_object();

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		json_t *item =
		    restart_family_value(restart->families[family], restart->forwarding[family]);

		json_set_number(item, "timeSeconds", restart->time_s[family]);
		json_set(families, ip_family_name(family), item);
	}
	json_set_bool(value, "announced", restart->announced);
	json_set(value, "families", families);
	return value;
}

static void set_remote(json_t *object, const struct bgp_open *open)
{
	const struct bgp_capabilities *theirs = &open->capabilities;

	json_set(object, "remoteRouterID", json_value_quad(open->identifier));
	json_set_number(object, "remoteHoldTime", open->hold_time);
	json_set_text(object, "remoteHostName", host_name(theirs->host_name));
	json_set_text(object, "remoteDomainName", host_name(theirs->domain_name));
	json_set_text(object, "remoteRole", theirs->role ? bgp_role_name(theirs->role) : NULL);
	json_set(object, "gracefulRestart", restart_value(&theirs->graceful_restart));
	json_set(object, "longLivedGracefulRestart", long_lived_value(&theirs->long_lived_restart));
}

static void set_remote_unknown(json_t *object)
{
	static const char *const keys[] = {"remoteRouterID", "remoteHoldTime", "remoteHostName",
	    "remoteDomainName", "remoteRole", "gracefulRestart", "longLivedGracefulRestart"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		json_set(object, keys[i], json_null());
}

void session_json_set(json_t *object, const struct bgp_open *local, const struct bgp_open *remote,
    const struct bgp_codec *codec)
{
	if (remote)
		set_remote(object, remote);
	else
		set_remote_unknown(object);
	set_capabilities(object, local, remote);
	json_set_bool(object, "extendedMessage", codec && codec->extended_message);
	json_set_bool(object, "enhancedRouteRefresh", codec && codec->enhanced_route_refresh);
}
