/*
 * One small function per message, in a table by its type.  A message that its state does not expect
 * is not looked into: the event alone makes it an FSM error (RFC 6608).
 */
#include "bgp/receive.h"

#include <string.h>

#include "bgp/negotiation.h"
#include "bgp/reason.h"

typedef void message_function(
    struct bgp_machine *machine, struct wire_span body, struct bgp_receipt *receipt);

static void negotiate(struct bgp_machine *machine)
{
	const struct bgp_session_settings *settings = &machine->shared->settings;
	const struct bgp_open *local = &machine->local_open, *remote = &machine->remote_open;

	machine->codec = bgp_codec_negotiate(
	    &local->capabilities, &remote->capabilities, local->asn != remote->asn);
	machine->hold_time_ms = bgp_negotiation_hold_time(local, remote);
	machine->keepalive_time_ms =
	    bgp_negotiation_keepalive_time(settings, machine->hold_time_ms);
	bgp_connection_set_extended(machine->connection, machine->codec.extended_message);
}

static void receive_open(
    struct bgp_machine *machine, struct wire_span body, struct bgp_receipt *receipt)
{
	struct bgp_machine_shared *shared = machine->shared;
	struct bgp_open *remote = &machine->remote_open;

	/* Not expected any more: what is in it does not matter. */
	if (machine->state > BGP_STATE_OPEN_SENT) {
		receipt->event = BGP_EVENT_OPEN;
		return;
	}
	memset(remote, 0, sizeof(*remote));
	if (!bgp_open_decode(body, remote, &receipt->error) ||
	    !bgp_negotiation_check(
		&shared->settings, &machine->local_open, remote, &receipt->error)) {
		receipt->event = BGP_EVENT_OPEN_ERROR;
		receipt->notification = &receipt->error;
		return;
	}
	if (!shared->ops->open_received(shared->arg, machine))
		return;
	negotiate(machine);
	receipt->event =
	    machine->timers.delay_open_at ? BGP_EVENT_OPEN_WITH_DELAY_RUNNING : BGP_EVENT_OPEN;
}

/* RFC 7606 2: what was wrong with an UPDATE that did not end the session is told. */
static void note_treatment(struct bgp_machine *machine, const struct bgp_update *update)
{
	struct bgp_machine_shared *shared = machine->shared;
	bool withdraw = update->treatment == BGP_TREATMENT_WITHDRAW;
	struct text text = {0};
	char name[16];

	if (update->treatment == BGP_TREATMENT_ACCEPT)
		return;
	if (withdraw)
		shared->counters.treated_as_withdraw++;
	else
		shared->counters.attributes_discarded++;
	text_append(&text, "%s", withdraw ? "UPDATE treated as withdraw" : "attribute discarded");
	if (update->error_type)
		text_append(&text, " for %s", bgp_attribute_name(update->error_type, name));
	text_append(&text, ": ");
	bgp_notification_print(&update->notification, &text);
	shared->ops->trouble(shared->arg, text.string);
	text_free(&text);
}

static void receive_update(
    struct bgp_machine *machine, struct wire_span body, struct bgp_receipt *receipt)
{
	struct bgp_update_rules rules =
	    bgp_negotiation_rules(&machine->shared->settings, machine->remote_open.asn);
	struct bgp_update *update = &receipt->decoded;

	receipt->event = BGP_EVENT_UPDATE;
	if (machine->state != BGP_STATE_ESTABLISHED)
		return;
	bgp_update_decode(body, &machine->codec, &rules, &machine->shared->arena, update);
	if (update->treatment == BGP_TREATMENT_RESET_SESSION) {
		receipt->event = BGP_EVENT_UPDATE_ERROR;
		receipt->notification = &update->notification;
		return;
	}
	note_treatment(machine, update);
	receipt->update = update;
}

/* Whoever refuses even an OPEN that was reduced is tried with the whole one again. */
static void learn_refusal(struct bgp_machine *machine, const struct bgp_notification *notification)
{
	struct bgp_machine_shared *shared = machine->shared;
	struct text without = {0};

	if (!machine->is_reduced && bgp_refusal_learn(&shared->refusal, &shared->settings,
					&machine->local_open, notification, &without))
		bgp_reason_append(machine, "the next OPEN is without", without.string);
	text_free(&without);
}

static void receive_notification(
    struct bgp_machine *machine, struct wire_span body, struct bgp_receipt *receipt)
{
	struct bgp_notification *notification = &receipt->error;

	bgp_notification_decode(body, notification);
	bgp_reason_set(machine, false, notification);
	if (machine->state == BGP_STATE_OPEN_SENT || machine->state == BGP_STATE_OPEN_CONFIRM)
		learn_refusal(machine, notification);
	receipt->event =
	    notification->code == BGP_ERROR_OPEN && notification->subcode == BGP_OPEN_BAD_VERSION
		? BGP_EVENT_NOTIFICATION_VERSION_ERROR
		: BGP_EVENT_NOTIFICATION;
}

static void receive_keepalive(
    struct bgp_machine *machine, struct wire_span body, struct bgp_receipt *receipt)
{
	(void)machine;
	(void)body;
	receipt->event = BGP_EVENT_KEEPALIVE;
}

/* RFC 7313 5: its own error is only for neighbours that announced the capability. */
static void refuse_refresh(
    const struct bgp_machine *machine, struct wire_span body, struct bgp_receipt *receipt)
{
	uint8_t length[2];

	wire_store_u16(length, (uint16_t)(BGP_HEADER_LENGTH + body.length));
	if (!machine->remote_open.capabilities.enhanced_route_refresh)
		bgp_notification_set(&receipt->error, BGP_ERROR_HEADER, BGP_HEADER_BAD_LENGTH,
		    length, sizeof(length));
	receipt->event = BGP_EVENT_UPDATE_ERROR;
	receipt->notification = &receipt->error;
}

/* RFC 7313 3.2: marks are for those who agreed upon them, 5: what nobody assigned is ignored. */
static bool is_agreed_refresh(const struct bgp_codec *codec, uint8_t subtype)
{
	if (subtype == BGP_REFRESH_BEGIN || subtype == BGP_REFRESH_END)
		return codec->enhanced_route_refresh;
	return subtype == BGP_REFRESH_REQUEST;
}

/*
 * RFC 2918.  The state machine has no event of its own: early, it is an unexpected message.  Nor
 * does it put the Hold Timer off, which is about KEEPALIVE and UPDATE (RFC 4271 4.2).
 */
static void receive_refresh(
    struct bgp_machine *machine, struct wire_span body, struct bgp_receipt *receipt)
{
	struct bgp_machine_shared *shared = machine->shared;
	struct bgp_route_refresh refresh;
	enum ip_family family;

	if (machine->state != BGP_STATE_ESTABLISHED) {
		receipt->event = BGP_EVENT_UPDATE;
		return;
	}
	if (!bgp_route_refresh_decode(body, &refresh, &receipt->error)) {
		refuse_refresh(machine, body, receipt);
		return;
	}
	family = bgp_family_from_wire(refresh.afi, refresh.safi);
	/* RFC 2918 4: a family that was not agreed on is ignored. */
	if (is_agreed_refresh(&machine->codec, refresh.subtype) && family != IP_FAMILIES &&
	    machine->codec.families[family])
		shared->ops->refresh(shared->arg, family, (enum bgp_refresh)refresh.subtype);
}

void bgp_receive(struct bgp_machine *machine, const struct bgp_header *header,
    struct wire_span body, struct bgp_receipt *receipt)
{
	static message_function *const messages[BGP_MESSAGE_TYPES] = {
	    [BGP_MESSAGE_OPEN] = receive_open,
	    [BGP_MESSAGE_UPDATE] = receive_update,
	    [BGP_MESSAGE_NOTIFICATION] = receive_notification,
	    [BGP_MESSAGE_KEEPALIVE] = receive_keepalive,
	    [BGP_MESSAGE_ROUTE_REFRESH] = receive_refresh,
	};

	receipt->event = (enum bgp_event)0;
	receipt->notification = NULL;
	receipt->update = NULL;
	messages[header->type](machine, body, receipt);
}
