/*
 * Any bytes as a BGP message.  The first octet chooses the codec and the rules of the session, the
 * rest is a message with its header.  Beyond not crashing, an UPDATE that is accepted must survive
 * being encoded: in the canonical form to the same bytes again, and for a session to a set that
 * means the same.  One that is refused has a NOTIFICATION with the data that RFC 4271 6.3 asks for.
 * An OPEN that is accepted must be the same when what it says is encoded and decoded again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "update_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Without these an UPDATE cannot be understood. */
static const uint64_t needed_types =
    1 << BGP_ATTRIBUTE_ORIGIN | 1 << BGP_ATTRIBUTE_AS_PATH | 1 << BGP_ATTRIBUTE_NEXT_HOP |
    1 << BGP_ATTRIBUTE_MP_REACH_NLRI | 1 << BGP_ATTRIBUTE_MP_UNREACH_NLRI;

static struct bgp_codec codec_of(uint8_t bits)
{
	return (struct bgp_codec){
	    .families = {!(bits & 1), !(bits & 2)},
	    .as4 = bits & 4,
	    .extended_message = bits & 8,
	    .extended_next_hop = bits & 16,
	    .external = bits & 32,
	    .add_path_send = {bits & 64, bits & 64},
	    .add_path_receive = {bits & 64, bits & 64},
	};
}

/* Either none, or some attributes passed over, among them those that never are, and a first AS. */
static struct bgp_update_rules rules_of(uint8_t bits)
{
	const uint64_t types = 1ull << BGP_ATTRIBUTE_MED | 1ull << BGP_ATTRIBUTE_COMMUNITIES |
			       1ull << BGP_ATTRIBUTE_AIGP | needed_types;

	if (!(bits & 128))
		return (struct bgp_update_rules){0};
	return (struct bgp_update_rules){.ignored = {types, UINT64_MAX}, .first_asn = 64512};
}

/* RFC 4271 6.3: which errors are sent with data, and of what length. */
static void check_update_error(const struct bgp_notification *notification)
{
	require(notification->code == BGP_ERROR_UPDATE);
	switch (notification->subcode) {
	case BGP_UPDATE_MALFORMED_ATTRIBUTES:
	case BGP_UPDATE_BAD_NETWORK:
	case BGP_UPDATE_MALFORMED_AS_PATH:
		require(!notification->data_length);
		break;
	case BGP_UPDATE_MISSING_WELL_KNOWN:
		require(notification->data_length == 1);
		break;
	default:
		require(notification->subcode <= BGP_UPDATE_OPTIONAL_ATTRIBUTE);
		require(notification->data_length >= 2); /* flags and type */
	}
}

/* What the session does not want is not there. */
static void check_rules(const struct bgp_update *update, const struct bgp_update_rules *rules)
{
	const struct bgp_attributes *attributes = &update->attributes;

	require(!(attributes->present & rules->ignored[0] & ~needed_types));
	for (unsigned i = 0; i < attributes->unknown_count; i++) {
		unsigned type = attributes->unknown[i].type;

		require(!(rules->ignored[type / 64] >> type % 64 & 1));
	}
	if (rules->first_asn && (update->announced.length || update->mp_reach.nlri.length))
		require(bgp_as_path_first(attributes->as_path) == rules->first_asn);
}

static void check_update(
    struct wire_span body, const struct bgp_codec *codec, const struct bgp_update_rules *rules)
{
	struct arena arena = {0};
	struct bgp_update update;

	bgp_update_decode(body, codec, rules, &arena, &update);
	if (update.treatment == BGP_TREATMENT_RESET_SESSION)
		check_update_error(&update.notification);
	else
		check_decoded_update(&update, codec);
	if (update.treatment <= BGP_TREATMENT_DISCARD_ATTRIBUTE)
		check_rules(&update, rules);
	arena_free(&arena);
}

/* A line for people: nothing in it steers a terminal. */
static void check_text(struct text *text)
{
	const char *at = text->string;
	size_t left = text->length;

	while (left) {
		uint32_t code;
		size_t length = text_decode_utf8(at, left, &code);

		require(length && !text_is_control(code));
		at += length;
		left -= length;
	}
	text_free(text);
}

static void check_open(struct wire_span body)
{
	uint8_t buffer[BGP_MESSAGE_MAX];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));
	struct bgp_notification notification;
	struct bgp_open open, again;
	struct text text = {0};

	if (!bgp_open_decode(body, &open, &notification)) {
		require(notification.code == BGP_ERROR_OPEN);
		return;
	}
	bgp_capabilities_print(&open.capabilities, &text);
	check_text(&text);
	bgp_open_encode(&writer, &open);
	require(!writer.failed);
	require(bgp_open_decode((struct wire_span){buffer + BGP_HEADER_LENGTH,
				    wire_written(&writer) - BGP_HEADER_LENGTH},
	    &again, &notification));
	/* That there were families, and roles, which we do not know is not for us to say. */
	open.capabilities.any_family = again.capabilities.any_family;
	open.capabilities.roles_conflict = false;
	require(!memcmp(&open, &again, sizeof(open)));
}

static void check_notification(struct wire_span body)
{
	uint8_t buffer[BGP_MESSAGE_MAX];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));
	struct bgp_notification notification;
	struct text text = {0};

	if (!bgp_notification_decode(body, &notification))
		return;
	bgp_notification_print(&notification, &text);
	check_text(&text);
	bgp_notification_encode(&writer, &notification);
	require(!writer.failed);
	require(!memcmp(
	    buffer + BGP_HEADER_LENGTH, body.bytes, wire_written(&writer) - BGP_HEADER_LENGTH));
	bgp_notification_wrap_hard_reset(&notification);
	bgp_notification_print(&notification, &text);
	check_text(&text);
}

static void check_route_refresh(struct wire_span body)
{
	struct bgp_notification notification;
	struct bgp_route_refresh refresh;

	if (!bgp_route_refresh_decode(body, &refresh, &notification))
		require(notification.code == BGP_ERROR_ROUTE_REFRESH ||
			notification.code == BGP_ERROR_HEADER);
	else
		require(body.length == 4 || refresh.subtype > BGP_REFRESH_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bgp_notification notification;
	struct bgp_update_rules rules;
	struct bgp_header header;
	struct bgp_codec codec;
	struct wire_span body;

	if (size < 1 + BGP_HEADER_LENGTH)
		return 0;
	codec = codec_of(data[0]);
	rules = rules_of(data[0]);
	if (!bgp_header_decode(data + 1, codec.extended_message, &header, &notification)) {
		require(notification.code == BGP_ERROR_HEADER);
		return 0;
	}
	/* The true length counts, so that what is mutated need not agree with the header. */
	body = (struct wire_span){data + 1 + BGP_HEADER_LENGTH, size - 1 - BGP_HEADER_LENGTH};
	if (body.length > BGP_EXTENDED_MESSAGE_MAX - BGP_HEADER_LENGTH)
		return 0;
	if (header.type == BGP_MESSAGE_OPEN)
		check_open(body);
	else if (header.type == BGP_MESSAGE_UPDATE)
		check_update(body, &codec, &rules);
	else if (header.type == BGP_MESSAGE_NOTIFICATION)
		check_notification(body);
	else if (header.type == BGP_MESSAGE_ROUTE_REFRESH)
		check_route_refresh(body);
	return 0;
}
