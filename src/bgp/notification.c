/*
 * NOTIFICATION contents: names of codes and subcodes in tables, the shutdown text of RFC 9003, and
 * the text form for logs and kbgpctl.  The data of a NOTIFICATION comes from the network, so
 * whatever is shown of it has control characters escaped and is checked to be UTF-8 first.
 */
#include "bgp/notification.h"

#include <string.h>

enum { SHUTDOWN_TEXT_MAX = 255, PRINTED_DATA_MAX = 32 };

/* Names by subcode; a gap is a number that is not assigned (any more). */
struct code_names {
	const char *name;
	const char *const *subcodes;
	size_t subcode_count;
};

static const char *const header_names[] = {
    [0] = "Unspecific",
    [BGP_HEADER_NOT_SYNCHRONIZED] = "Connection Not Synchronized",
    [BGP_HEADER_BAD_LENGTH] = "Bad Message Length",
    [BGP_HEADER_BAD_TYPE] = "Bad Message Type",
};

static const char *const open_names[] = {
    [0] = "Unspecific",
    [BGP_OPEN_BAD_VERSION] = "Unsupported Version Number",
    [BGP_OPEN_BAD_PEER_AS] = "Bad Peer AS",
    [BGP_OPEN_BAD_IDENTIFIER] = "Bad BGP Identifier",
    [BGP_OPEN_UNSUPPORTED_PARAMETER] = "Unsupported Optional Parameter",
    [BGP_OPEN_BAD_HOLD_TIME] = "Unacceptable Hold Time",
    [BGP_OPEN_UNSUPPORTED_CAPABILITY] = "Unsupported Capability",
    [BGP_OPEN_ROLE_MISMATCH] = "Role Mismatch",
};

static const char *const update_names[] = {
    [0] = "Unspecific",
    [BGP_UPDATE_MALFORMED_ATTRIBUTES] = "Malformed Attribute List",
    [BGP_UPDATE_UNRECOGNIZED_WELL_KNOWN] = "Unrecognized Well-known Attribute",
    [BGP_UPDATE_MISSING_WELL_KNOWN] = "Missing Well-known Attribute",
    [BGP_UPDATE_ATTRIBUTE_FLAGS] = "Attribute Flags Error",
    [BGP_UPDATE_ATTRIBUTE_LENGTH] = "Attribute Length Error",
    [BGP_UPDATE_BAD_ORIGIN] = "Invalid ORIGIN Attribute",
    [BGP_UPDATE_BAD_NEXT_HOP] = "Invalid NEXT_HOP Attribute",
    [BGP_UPDATE_OPTIONAL_ATTRIBUTE] = "Optional Attribute Error",
    [BGP_UPDATE_BAD_NETWORK] = "Invalid Network Field",
    [BGP_UPDATE_MALFORMED_AS_PATH] = "Malformed AS_PATH",
};

static const char *const fsm_names[] = {
    [0] = "Unspecified Error",
    [BGP_FSM_IN_OPEN_SENT] = "Unexpected Message in OpenSent",
    [BGP_FSM_IN_OPEN_CONFIRM] = "Unexpected Message in OpenConfirm",
    [BGP_FSM_IN_ESTABLISHED] = "Unexpected Message in Established",
};

static const char *const cease_names[] = {
    [0] = "Unspecific",
    [BGP_CEASE_MAX_PREFIXES] = "Maximum Number of Prefixes Reached",
    [BGP_CEASE_ADMINISTRATIVE_SHUTDOWN] = "Administrative Shutdown",
    [BGP_CEASE_PEER_DECONFIGURED] = "Peer De-configured",
    [BGP_CEASE_ADMINISTRATIVE_RESET] = "Administrative Reset",
    [BGP_CEASE_CONNECTION_REJECTED] = "Connection Rejected",
    [BGP_CEASE_CONFIGURATION_CHANGE] = "Other Configuration Change",
    [BGP_CEASE_COLLISION] = "Connection Collision Resolution",
    [BGP_CEASE_OUT_OF_RESOURCES] = "Out of Resources",
    [BGP_CEASE_HARD_RESET] = "Hard Reset",
    [BGP_CEASE_BFD_DOWN] = "BFD Down",
};

static const char *const refresh_names[] = {
    [BGP_ROUTE_REFRESH_BAD_LENGTH] = "Invalid Message Length",
};

#define NAMES(array) array, sizeof(array) / sizeof(array[0])

static const struct code_names codes[] = {
    [BGP_ERROR_HEADER] = {"Message Header Error", NAMES(header_names)},
    [BGP_ERROR_OPEN] = {"OPEN Message Error", NAMES(open_names)},
    [BGP_ERROR_UPDATE] = {"UPDATE Message Error", NAMES(update_names)},
    [BGP_ERROR_HOLD_TIMER] = {"Hold Timer Expired", NULL, 0},
    [BGP_ERROR_FSM] = {"Finite State Machine Error", NAMES(fsm_names)},
    [BGP_ERROR_CEASE] = {"Cease", NAMES(cease_names)},
    [BGP_ERROR_ROUTE_REFRESH] = {"ROUTE-REFRESH Message Error", NAMES(refresh_names)},
    [BGP_ERROR_SEND_HOLD_TIMER] = {"Send Hold Timer Expired", NULL, 0},
};

static const struct code_names *find_code(uint8_t code)
{
	if (code >= sizeof(codes) / sizeof(codes[0]) || !codes[code].name)
		return NULL;
	return &codes[code];
}

bool bgp_notification_set(struct bgp_notification *notification, uint8_t code, uint8_t subcode,
    const void *data, size_t length)
{
	if (length > BGP_NOTIFICATION_DATA_MAX)
		length = BGP_NOTIFICATION_DATA_MAX;
	notification->code = code;
	notification->subcode = subcode;
	notification->data_length = (uint16_t)length;
	if (length)
		memcpy(notification->data, data, length);
	return false;
}

const char *bgp_error_code_name(uint8_t code)
{
	const struct code_names *names = find_code(code);

	return names ? names->name : "Unknown Error";
}

const char *bgp_error_subcode_name(uint8_t code, uint8_t subcode)
{
	const struct code_names *names = find_code(code);

	if (!names || subcode >= names->subcode_count || !names->subcodes[subcode])
		return subcode ? "unknown subcode" : "Unspecific";
	return names->subcodes[subcode];
}

static bool utf8_is_valid(const uint8_t *bytes, size_t length)
{
	while (length) {
		uint32_t code;
		size_t size = text_decode_utf8((const char *)bytes, length, &code);

		if (!size)
			return false;
		bytes += size;
		length -= size;
	}
	return true;
}

/* RFC 9003 2: one octet of length, then the text in UTF-8 without a NUL. */
void bgp_notification_set_shutdown_text(struct bgp_notification *notification, const char *text)
{
	size_t length = strlen(text);

	if (length > SHUTDOWN_TEXT_MAX) {
		length = SHUTDOWN_TEXT_MAX;
		while (length && ((uint8_t)text[length] & 0xc0) == 0x80)
			length--; /* not inside of a character */
	}
	notification->data_length = 0;
	if (!length)
		return;
	notification->data[0] = (uint8_t)length;
	memcpy(notification->data + 1, text, length);
	notification->data_length = (uint16_t)(length + 1);
}

void bgp_notification_wrap_hard_reset(struct bgp_notification *notification)
{
	size_t kept = notification->data_length;

	if (kept > BGP_NOTIFICATION_DATA_MAX - 2)
		kept = BGP_NOTIFICATION_DATA_MAX - 2;
	memmove(notification->data + 2, notification->data, kept);
	notification->data[0] = notification->code;
	notification->data[1] = notification->subcode;
	notification->data_length = (uint16_t)(kept + 2);
	notification->code = BGP_ERROR_CEASE;
	notification->subcode = BGP_CEASE_HARD_RESET;
}

/* Appends valid UTF-8 with its control characters escaped. */
static void print_utf8(const uint8_t *bytes, size_t length, struct text *text)
{
	while (length) {
		uint32_t code;
		size_t size = text_decode_utf8((const char *)bytes, length, &code);

		if (text_is_control(code))
			text_append(text, "\\x%02x", (unsigned)code);
		else
			text_append_bytes(text, (const char *)bytes, size);
		bytes += size;
		length -= size;
	}
}

static bool print_shutdown_text(
    uint8_t code, uint8_t subcode, const uint8_t *data, size_t length, struct text *text)
{
	if (code != BGP_ERROR_CEASE || (subcode != BGP_CEASE_ADMINISTRATIVE_SHUTDOWN &&
					   subcode != BGP_CEASE_ADMINISTRATIVE_RESET))
		return false;
	if (!length || data[0] > length - 1 || !utf8_is_valid(data + 1, data[0]))
		return false;
	if (data[0]) {
		text_append(text, ": ");
		print_utf8(data + 1, data[0], text);
	}
	return true;
}

static void print_one(
    uint8_t code, uint8_t subcode, const uint8_t *data, size_t length, struct text *text)
{
	const struct code_names *names = find_code(code);
	size_t shown = length < PRINTED_DATA_MAX ? length : PRINTED_DATA_MAX;

	text_append(text, "%s", bgp_error_code_name(code));
	if (!names)
		text_append(text, " %u", code);
	if (subcode || (names && names->subcode_count))
		text_append(text, "/%s", bgp_error_subcode_name(code, subcode));
	if (subcode && !strcmp(bgp_error_subcode_name(code, subcode), "unknown subcode"))
		text_append(text, " %u", subcode);
	if (!length || print_shutdown_text(code, subcode, data, length, text))
		return;
	text_append(text, ": ");
	for (size_t i = 0; i < shown; i++)
		text_append(text, "%02x", data[i]);
	if (shown < length)
		text_append(text, "...");
}

void bgp_notification_print(const struct bgp_notification *notification, struct text *text)
{
	const uint8_t *data = notification->data;

	/* RFC 8538 3: a hard reset holds the code, subcode and data of the true reason. */
	if (notification->code == BGP_ERROR_CEASE &&
	    notification->subcode == BGP_CEASE_HARD_RESET && notification->data_length >= 2) {
		text_append(text, "Cease/Hard Reset: ");
		print_one(data[0], data[1], data + 2, notification->data_length - 2u, text);
		return;
	}
	print_one(notification->code, notification->subcode, data, notification->data_length, text);
}
