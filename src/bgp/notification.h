/*
 * NOTIFICATION contents (RFC 4271 4.5 and 6, 4486, 6608, 7313, 9003, 9687): the codes by name, the
 * value that decoders return when a session must end, and the shutdown text both ways.
 */
#ifndef BGP_NOTIFICATION_H
#define BGP_NOTIFICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum bgp_error_code {
	BGP_ERROR_HEADER = 1,
	BGP_ERROR_OPEN = 2,
	BGP_ERROR_UPDATE = 3,
	BGP_ERROR_HOLD_TIMER = 4,
	BGP_ERROR_FSM = 5,
	BGP_ERROR_CEASE = 6,
	BGP_ERROR_ROUTE_REFRESH = 7,
	BGP_ERROR_SEND_HOLD_TIMER = 8
};

enum bgp_header_subcode {
	BGP_HEADER_NOT_SYNCHRONIZED = 1,
	BGP_HEADER_BAD_LENGTH = 2,
	BGP_HEADER_BAD_TYPE = 3
};

enum bgp_open_subcode {
	BGP_OPEN_BAD_VERSION = 1,
	BGP_OPEN_BAD_PEER_AS = 2,
	BGP_OPEN_BAD_IDENTIFIER = 3,
	BGP_OPEN_UNSUPPORTED_PARAMETER = 4,
	BGP_OPEN_BAD_HOLD_TIME = 6,
	BGP_OPEN_UNSUPPORTED_CAPABILITY = 7,
	BGP_OPEN_ROLE_MISMATCH = 11
};

/* RFC 7313 5 */
enum bgp_route_refresh_subcode { BGP_ROUTE_REFRESH_BAD_LENGTH = 1 };

enum bgp_update_subcode {
	BGP_UPDATE_MALFORMED_ATTRIBUTES = 1,
	BGP_UPDATE_UNRECOGNIZED_WELL_KNOWN = 2,
	BGP_UPDATE_MISSING_WELL_KNOWN = 3,
	BGP_UPDATE_ATTRIBUTE_FLAGS = 4,
	BGP_UPDATE_ATTRIBUTE_LENGTH = 5,
	BGP_UPDATE_BAD_ORIGIN = 6,
	BGP_UPDATE_BAD_NEXT_HOP = 8,
	BGP_UPDATE_OPTIONAL_ATTRIBUTE = 9,
	BGP_UPDATE_BAD_NETWORK = 10,
	BGP_UPDATE_MALFORMED_AS_PATH = 11
};

/* RFC 6608 */
enum bgp_fsm_subcode {
	BGP_FSM_IN_OPEN_SENT = 1,
	BGP_FSM_IN_OPEN_CONFIRM = 2,
	BGP_FSM_IN_ESTABLISHED = 3
};

/* RFC 4486, 8538, 9384 */
enum bgp_cease_subcode {
	BGP_CEASE_MAX_PREFIXES = 1,
	BGP_CEASE_ADMINISTRATIVE_SHUTDOWN = 2,
	BGP_CEASE_PEER_DECONFIGURED = 3,
	BGP_CEASE_ADMINISTRATIVE_RESET = 4,
	BGP_CEASE_CONNECTION_REJECTED = 5,
	BGP_CEASE_CONFIGURATION_CHANGE = 6,
	BGP_CEASE_COLLISION = 7,
	BGP_CEASE_OUT_OF_RESOURCES = 8,
	BGP_CEASE_HARD_RESET = 9,
	BGP_CEASE_BFD_DOWN = 10
};

/* All that fits into a message of 4096 octets (RFC 4271 4.5). */
#define BGP_NOTIFICATION_DATA_MAX 4075

/* One NOTIFICATION; `code` 0 means none.  Data longer than the field is cut. */
struct bgp_notification {
	uint8_t code;
	uint8_t subcode;
	uint16_t data_length;
	uint8_t data[BGP_NOTIFICATION_DATA_MAX];
};

/* Fills it in; `data` may be NULL with length 0.  Returns false, for a decoder to return. */
bool bgp_notification_set(struct bgp_notification *notification, uint8_t code, uint8_t subcode,
    const void *data, size_t length);
/* Names for people; "unknown" forms for numbers that nobody assigned. */
const char *bgp_error_code_name(uint8_t code);
const char *bgp_error_subcode_name(uint8_t code, uint8_t subcode);
/*
 * RFC 9003: puts `text` (cut at 255 octets on a character boundary) into the data of a Cease.
 * An empty text leaves the data empty.
 */
void bgp_notification_set_shutdown_text(struct bgp_notification *notification, const char *text);
/*
 * RFC 8538 3: makes it a Hard Reset whose data is the code, the subcode and the data that it had.
 * For neighbours that would keep our routes otherwise (codec.notification_restart).
 */
void bgp_notification_wrap_hard_reset(struct bgp_notification *notification);
/*
 * "Cease/Administrative Shutdown: text", the shutdown text included if there is valid UTF-8, the
 * data as hex otherwise; behind "Cease/Hard Reset: " what is inside of it.
 */
void bgp_notification_print(const struct bgp_notification *notification, struct text *text);

#endif
