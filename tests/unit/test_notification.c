/* NOTIFICATION contents: RFC 4271 4.5, 4486, 6608, 7313, 8538, 9003, 9234, 9384, 9687. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bgp/notification.h"
#include "hex.h"

static const struct printing {
	uint8_t code, subcode;
	const char *data;
	const char *want;
} printings[] = {
    {1, 1, "", "Message Header Error/Connection Not Synchronized"},
    {1, 2, "1001", "Message Header Error/Bad Message Length: 1001"},
    {2, 0, "", "OPEN Message Error/Unspecific"},
    {2, 1, "0004", "OPEN Message Error/Unsupported Version Number: 0004"},
    {2, 5, "", "OPEN Message Error/unknown subcode 5"},
    {2, 2, "", "OPEN Message Error/Bad Peer AS"},
    {2, 3, "", "OPEN Message Error/Bad BGP Identifier"},
    {2, 4, "", "OPEN Message Error/Unsupported Optional Parameter"},
    {2, 6, "", "OPEN Message Error/Unacceptable Hold Time"},
    {2, 11, "", "OPEN Message Error/Role Mismatch"},
    {2, 7, "0104 00010001", "OPEN Message Error/Unsupported Capability: 010400010001"},
    {3, 11, "4002 02", "UPDATE Message Error/Malformed AS_PATH: 400202"},
    {3, 9, "00*40",
	"UPDATE Message Error/Optional Attribute Error: "
	"0000000000000000000000000000000000000000000000000000000000000000..."},
    {4, 0, "", "Hold Timer Expired"},
    {5, 0, "", "Finite State Machine Error/Unspecified Error"},
    {5, 3, "", "Finite State Machine Error/Unexpected Message in Established"},
    {6, 0, "", "Cease/Unspecific"},
    {6, 1, "0001 01 00000064", "Cease/Maximum Number of Prefixes Reached: 00010100000064"},
    {6, 2, "", "Cease/Administrative Shutdown"},
    {6, 2, "00", "Cease/Administrative Shutdown"},
    {6, 2, "03 62 79 65", "Cease/Administrative Shutdown: bye"},
    {6, 4, "03 62 79 65", "Cease/Administrative Reset: bye"},
    {6, 4, "04 c3a4 c3b6", "Cease/Administrative Reset: \xc3\xa4\xc3\xb6"},
    {6, 3, "03 62 79 65", "Cease/Peer De-configured: 03627965"},
    {6, 2, "04 62 79 65", "Cease/Administrative Shutdown: 04627965"},
    {6, 2, "02 c3 28", "Cease/Administrative Shutdown: 02c328"},
    {6, 2, "02 c0 80", "Cease/Administrative Shutdown: 02c080"},
    {6, 2, "03 ed a0 80", "Cease/Administrative Shutdown: 03eda080"},
    {6, 2, "03 61 0a 7f", "Cease/Administrative Shutdown: a\\x0a\\x7f"},
    {6, 2, "04 1b 5b c2 9b", "Cease/Administrative Shutdown: \\x1b[\\x9b"},
    {6, 9, "06 04 03 62 79 65", "Cease/Hard Reset: Cease/Administrative Reset: bye"},
    {6, 9, "06 09 06 09 06 09", "Cease/Hard Reset: Cease/Hard Reset: 06090609"},
    {6, 9, "06", "Cease/Hard Reset: 06"},
    {6, 9, "", "Cease/Hard Reset"},
    {6, 9, "06 02 02 c3 28", "Cease/Hard Reset: Cease/Administrative Shutdown: 02c328"},
    {6, 9, "03 0b 4002", "Cease/Hard Reset: UPDATE Message Error/Malformed AS_PATH: 4002"},
    {6, 10, "", "Cease/BFD Down"},
    {6, 11, "", "Cease/unknown subcode 11"},
    {7, 1, "", "ROUTE-REFRESH Message Error/Invalid Message Length"},
    {8, 0, "", "Send Hold Timer Expired"},
    {0, 0, "", "Unknown Error 0"},
    {77, 3, "", "Unknown Error 77/unknown subcode 3"},
    {255, 255, "ff", "Unknown Error 255/unknown subcode 255: ff"},
};

static void prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(printings) / sizeof(printings[0]); i++) {
		struct wire_span data = hex_bytes(printings[i].data);
		struct bgp_notification notification;
		struct text text = {0};

		assert_false(bgp_notification_set(&notification, printings[i].code,
		    printings[i].subcode, data.bytes, data.length));
		bgp_notification_print(&notification, &text);
		assert_string_equal(text.string, printings[i].want);
		text_free(&text);
		hex_free(data);
	}
}

static void names_every_code(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 256; code++) {
		assert_non_null(bgp_error_code_name((uint8_t)code));
		for (unsigned subcode = 0; subcode < 256; subcode++)
			assert_non_null(bgp_error_subcode_name((uint8_t)code, (uint8_t)subcode));
	}
	assert_string_equal(bgp_error_subcode_name(3, 7), "unknown subcode"); /* deprecated */
	assert_string_equal(bgp_error_subcode_name(2, 11), "Role Mismatch"); /* RFC 9234 */
}

static void cuts_data_to_its_field(void **state)
{
	static uint8_t data[BGP_NOTIFICATION_DATA_MAX + 100];
	struct bgp_notification notification;

	(void)state;
	memset(data, 7, sizeof(data));
	bgp_notification_set(&notification, 3, 9, data, sizeof(data));
	assert_int_equal(notification.data_length, BGP_NOTIFICATION_DATA_MAX);
}

static void puts_shutdown_text(void **state)
{
	struct bgp_notification notification;

	(void)state;
	bgp_notification_set(&notification, 6, 2, NULL, 0);
	bgp_notification_set_shutdown_text(&notification, "bye");
	hex_assert("RFC 9003 2", (struct wire_span){notification.data, notification.data_length},
	    "03 62 79 65");
	bgp_notification_set_shutdown_text(&notification, "");
	assert_int_equal(notification.data_length, 0);
}

/* RFC 9003 2: 255 octets at most, and no half characters. */
static void cuts_shutdown_text_on_a_character(void **state)
{
	struct bgp_notification notification;
	char text[400];

	(void)state;
	bgp_notification_set(&notification, 6, 2, NULL, 0);
	memset(text, 'x', sizeof(text));
	text[399] = 0;
	bgp_notification_set_shutdown_text(&notification, text);
	assert_int_equal(notification.data_length, 256);
	assert_int_equal(notification.data[0], 255);
	memcpy(text + 254, "\xe2\x82\xac", 3);
	bgp_notification_set_shutdown_text(&notification, text);
	assert_int_equal(notification.data[0], 254);
	assert_int_equal(notification.data_length, 255);
	memcpy(text + 252, "\xe2\x82\xac", 3);
	memset(text + 255, 'x', 100);
	bgp_notification_set_shutdown_text(&notification, text);
	assert_int_equal(notification.data[0], 255);
}

static void rfc8538_3_a_hard_reset_holds_the_true_reason(void **state)
{
	struct bgp_notification notification;
	struct text text = {0};

	(void)state;
	bgp_notification_set(&notification, 6, 2, NULL, 0);
	bgp_notification_set_shutdown_text(&notification, "bye");
	bgp_notification_wrap_hard_reset(&notification);
	assert_int_equal(notification.code, BGP_ERROR_CEASE);
	assert_int_equal(notification.subcode, BGP_CEASE_HARD_RESET);
	hex_assert("8538 3", (struct wire_span){notification.data, notification.data_length},
	    "06 02 03 62 79 65");
	bgp_notification_print(&notification, &text);
	assert_string_equal(text.string, "Cease/Hard Reset: Cease/Administrative Shutdown: bye");
	text_free(&text);
}

static void a_hard_reset_of_much_data_is_cut(void **state)
{
	static uint8_t data[BGP_NOTIFICATION_DATA_MAX];
	struct bgp_notification notification;

	(void)state;
	data[0] = 1;
	data[BGP_NOTIFICATION_DATA_MAX - 3] = 2;
	bgp_notification_set(&notification, 3, 9, data, sizeof(data));
	bgp_notification_wrap_hard_reset(&notification);
	assert_int_equal(notification.data_length, BGP_NOTIFICATION_DATA_MAX);
	assert_int_equal(notification.data[1], 9);
	assert_int_equal(notification.data[2], 1);
	assert_int_equal(notification.data[BGP_NOTIFICATION_DATA_MAX - 1], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(prints),
	    cmocka_unit_test(names_every_code),
	    cmocka_unit_test(cuts_data_to_its_field),
	    cmocka_unit_test(puts_shutdown_text),
	    cmocka_unit_test(cuts_shutdown_text_on_a_character),
	    cmocka_unit_test(rfc8538_3_a_hard_reset_holds_the_true_reason),
	    cmocka_unit_test(a_hard_reset_of_much_data_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
