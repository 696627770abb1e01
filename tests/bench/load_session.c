/*
 * A run of messages is never interrupted: what waits in `control` goes between two runs.  UPDATEs
 * keep a session alive as KEEPALIVEs do (RFC 4271 4.4), so nothing is lost by that.
 */
#include "load_session.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/message.h"
#include "load_fail.h"

void load_session_init(
    struct load_session *session, const struct load_options *options, uint32_t number)
{
	*session = (struct load_session){.options = options, .number = number, .fd = -1};
}

void load_session_free(struct load_session *session)
{
	free(session->partial);
}

_Noreturn void load_session_fail(const struct load_session *session, const char *problem)
{
	struct ip_address address =
	    load_options_address(session->options, session->options->transport, session->number);
	char text[IP_TEXT_MAX];

	load_fail(
	    "session %u (%s): %s", session->number, ip_address_print(&address, text), problem);
}

static struct wire_writer control_writer(struct load_session *session)
{
	return wire_writer_init(
	    session->control + session->control_length, LOAD_CONTROL_MAX - session->control_length);
}

static void put_open(struct load_session *session)
{
	const struct load_options *options = session->options;
	struct ip_address identifier = load_options_address(options, IPV4, session->number);
	struct wire_writer writer = control_writer(session);
	struct bgp_open open = {.version = BGP_VERSION,
	    .asn = load_options_asn(options, session->number),
	    .hold_time = options->hold_time,
	    .capabilities = {.families = {options->families[IPV4], options->families[IPV6]},
		.any_family = true,
		.route_refresh = true,
		.as4 = true,
		.asn = load_options_asn(options, session->number)}};

	memcpy(open.identifier, identifier.bytes, sizeof open.identifier);
	bgp_open_encode(&writer, &open);
	session->control_length += wire_written(&writer);
}

void load_session_begin(struct load_session *session)
{
	session->state = BGP_STATE_OPEN_SENT;
	put_open(session);
}

void load_session_end(struct load_session *session)
{
	session->state = BGP_STATE_IDLE;
	session->control_length = session->control_sent = 0;
	session->run_count = session->run_sent = 0;
	session->partial_length = 0;
}

void load_session_keep_alive(struct load_session *session)
{
	struct wire_writer writer = control_writer(session);

	bgp_keepalive_encode(&writer);
	session->control_length += wire_written(&writer);
}

void load_session_send(struct load_session *session, struct wire_span messages)
{
	if (!messages.length)
		return;
	if (session->run_count == LOAD_RUNS_MAX)
		load_session_fail(session, "asks for its routes more often than it reads them");
	session->runs[session->run_count++] = messages;
}

static bool control_is_next(const struct load_session *session)
{
	return session->control_sent < session->control_length && !session->run_sent;
}

struct wire_span load_session_output(const struct load_session *session)
{
	if (control_is_next(session))
		return (struct wire_span){session->control + session->control_sent,
		    session->control_length - session->control_sent};
	if (!session->run_count)
		return (struct wire_span){NULL, 0};
	return (struct wire_span){session->runs[0].bytes + session->run_sent,
	    session->runs[0].length - session->run_sent};
}

void load_session_wrote(struct load_session *session, size_t length)
{
	if (control_is_next(session)) {
		session->control_sent += length;
		if (session->control_sent == session->control_length)
			session->control_sent = session->control_length = 0;
		return;
	}
	session->run_sent += length;
	if (session->run_sent < session->runs[0].length)
		return;
	session->run_sent = 0;
	session->run_count--;
	memmove(session->runs, session->runs + 1, session->run_count * sizeof *session->runs);
}

static void take_open(struct load_session *session, struct wire_span body)
{
	const struct load_options *options = session->options;
	struct bgp_notification notification;
	struct bgp_open open;

	if (session->state != BGP_STATE_OPEN_SENT || !bgp_open_decode(body, &open, &notification))
		load_session_fail(session, "the daemon sent a malformed OPEN, or a second one");
	if (open.asn != options->asn || !open.capabilities.as4)
		load_session_fail(session, "the daemon has another AS, or no 4-octet AS numbers");
	for (enum ip_family family = IPV4; family < IP_FAMILIES; family++)
		if (options->families[family] && !open.capabilities.families[family])
			load_session_fail(session, "the daemon does not speak the family");
	session->state = BGP_STATE_OPEN_CONFIRM;
	session->hold_time =
	    open.hold_time < options->hold_time ? open.hold_time : options->hold_time;
	load_session_keep_alive(session);
}

/* False for one that asks to come again later (RFC 4486); any other one is the end. */
static bool take_notification(struct load_session *session, struct wire_span body)
{
	struct bgp_notification notification;
	struct text text = {0};

	if (!bgp_notification_decode(body, &notification))
		load_session_fail(session, "the daemon sent a malformed NOTIFICATION");
	if (session->state != BGP_STATE_ESTABLISHED && notification.code == BGP_ERROR_CEASE)
		return false;
	text_append(&text, "NOTIFICATION: ");
	bgp_notification_print(&notification, &text);
	load_session_fail(session, text.string);
}

static void take_refresh(struct load_session *session, struct wire_span body,
    const struct load_handler *handler, void *arg)
{
	struct bgp_notification notification;
	struct bgp_route_refresh refresh;
	enum ip_family family = IP_FAMILIES;

	if (bgp_route_refresh_decode(body, &refresh, &notification))
		family = bgp_family_from_wire(refresh.afi, refresh.safi);
	if (family == IP_FAMILIES || !session->options->families[family])
		load_session_fail(session, "the daemon sent a ROUTE-REFRESH that makes no sense");
	handler->refresh(arg, session, family);
}

static bool take_message(struct load_session *session, const struct bgp_header *header,
    struct wire_span body, const struct load_handler *handler, void *arg)
{
	switch (header->type) {
	case BGP_MESSAGE_OPEN:
		take_open(session, body);
		return true;
	case BGP_MESSAGE_NOTIFICATION:
		return take_notification(session, body);
	case BGP_MESSAGE_KEEPALIVE:
		if (session->state == BGP_STATE_OPEN_SENT)
			load_session_fail(session, "the daemon sent KEEPALIVE before OPEN");
		if (session->state == BGP_STATE_OPEN_CONFIRM) {
			session->state = BGP_STATE_ESTABLISHED;
			handler->established(arg, session);
		}
		return true;
	default:
		break;
	}
	if (session->state != BGP_STATE_ESTABLISHED)
		load_session_fail(session, "the daemon sent routes before KEEPALIVE");
	if (header->type == BGP_MESSAGE_UPDATE)
		handler->update(arg, session, body);
	else
		take_refresh(session, body, handler, arg);
	return true;
}

static void keep_partial(struct load_session *session, const uint8_t *bytes, size_t length)
{
	if (length && !session->partial)
		session->partial = memory_allocate(BGP_MESSAGE_MAX);
	if (length)
		memcpy(session->partial, bytes, length);
	session->partial_length = length;
}

bool load_session_take(struct load_session *session, const uint8_t *bytes, size_t length,
    double now, const struct load_handler *handler, void *arg)
{
	struct bgp_notification notification;
	struct bgp_header header;
	size_t at = 0;

	if (session->state == BGP_STATE_ESTABLISHED && now - session->heard_at > session->silence)
		session->silence = now - session->heard_at;
	session->heard_at = now;
	while (length - at >= BGP_HEADER_LENGTH) {
		if (!bgp_header_decode(bytes + at, false, &header, &notification))
			load_session_fail(session, "the daemon sent a malformed message header");
		if (length - at < header.length)
			break;
		if (!take_message(session, &header,
			(struct wire_span){bytes + at + BGP_HEADER_LENGTH,
			    (size_t)header.length - BGP_HEADER_LENGTH},
			handler, arg))
			return false;
		at += header.length;
	}
	keep_partial(session, bytes + at, length - at);
	return true;
}
