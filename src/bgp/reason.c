/* The machine notes that its step has a reason, so that only such an end is told as a failure. */
#include "bgp/reason.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

void bgp_reason_set(
    struct bgp_machine *machine, bool sent, const struct bgp_notification *notification)
{
	struct bgp_session_reason *reason = &machine->shared->reason;
	struct text text = {0};

	if (notification->code == BGP_ERROR_CEASE && notification->subcode == BGP_CEASE_COLLISION &&
	    machine->state != BGP_STATE_ESTABLISHED)
		return;
	bgp_notification_print(notification, &text);
	reason->sent = sent;
	reason->received = !sent;
	reason->code = notification->code;
	reason->subcode = notification->subcode;
	error_set(
	    &reason->error, "%s %s", sent ? "sent" : "received", text.string ? text.string : "");
	text_free(&text);
	reason->at = loop_now(machine->shared->loop);
	free(machine->shared->notification);
	machine->shared->notification = memory_copy(reason, sizeof(*reason));
	machine->has_reason = true;
}

void bgp_reason_set_text(struct bgp_machine *machine, const char *what, const char *why)
{
	struct bgp_session_reason *reason = &machine->shared->reason;

	*reason = (struct bgp_session_reason){0};
	error_set(&reason->error, "%s%s%s", what, why ? ": " : "", why ? why : "");
	machine->has_reason = true;
}

void bgp_reason_append(struct bgp_machine *machine, const char *what, const char *why)
{
	struct error *error = &machine->shared->reason.error;
	struct error before = *error;

	error_set(error, "%s; %s %s", before.text, what, why);
}

static const char *role_of(const struct bgp_capabilities *capabilities)
{
	if (capabilities->roles_conflict)
		return "more than one";
	return capabilities->role ? bgp_role_name(capabilities->role) : "none";
}

void bgp_reason_explain_open(
    struct bgp_machine *machine, const struct bgp_notification *notification)
{
	const struct bgp_open *remote = &machine->remote_open;
	char asn[16];

	if (notification->code != BGP_ERROR_OPEN)
		return;
	snprintf(asn, sizeof(asn), "%u", remote->asn);
	if (notification->subcode == BGP_OPEN_BAD_PEER_AS)
		bgp_reason_append(machine, "the neighbour is in AS", asn);
	else if (notification->subcode == BGP_OPEN_ROLE_MISMATCH)
		bgp_reason_append(
		    machine, "the neighbour's role is", role_of(&remote->capabilities));
}
