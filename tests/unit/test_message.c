/* Header, OPEN, KEEPALIVE, NOTIFICATION, ROUTE-REFRESH: RFC 4271 4 and 6, 2918, 7313, 8654, 9072. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bgp/message.h"
#include "hex.h"

static void assert_notification(const char *name, const struct bgp_notification *notification,
    uint8_t code, uint8_t subcode, const char *data)
{
	if (notification->code != code || notification->subcode != subcode)
		fail_msg("%s: got %u/%u, want %u/%u", name, notification->code,
		    notification->subcode, code, subcode);
	hex_assert(name, (struct wire_span){notification->data, notification->data_length}, data);
}

/* Headers; code 0 is a good one. */
static const struct header_vector {
	const char *name;
	const char *hex;
	bool extended;
	uint8_t code, subcode;
	const char *data;
} headers[] = {
    {"KEEPALIVE", "ff*16 0013 04", false, 0, 0, ""},
    {"OPEN, shortest", "ff*16 001d 01", false, 0, 0, ""},
    {"UPDATE, shortest", "ff*16 0017 02", false, 0, 0, ""},
    {"UPDATE, longest", "ff*16 1000 02", false, 0, 0, ""},
    {"NOTIFICATION, shortest", "ff*16 0015 03", false, 0, 0, ""},
    {"ROUTE-REFRESH", "ff*16 0017 05", false, 0, 0, ""},
    {"marker, first octet (6.1)", "00 ff*15 0013 04", false, 1, 1, ""},
    {"marker, last octet (6.1)", "ff*15 fe 0013 04", false, 1, 1, ""},
    {"marker goes first (6.1)", "00*16 0000 00", false, 1, 1, ""},
    {"length 18 (6.1)", "ff*16 0012 04", false, 1, 2, "0012"},
    {"length 0", "ff*16 0000 04", false, 1, 2, "0000"},
    {"length 4097 (6.1)", "ff*16 1001 02", false, 1, 2, "1001"},
    {"length 4097, extended (8654)", "ff*16 1001 02", true, 0, 0, ""},
    {"length 65535, extended (8654)", "ff*16 ffff 02", true, 0, 0, ""},
    {"long NOTIFICATION, extended (8654)", "ff*16 ffff 03", true, 0, 0, ""},
    {"long OPEN, extended (8654 3)", "ff*16 1001 01", true, 1, 2, "1001"},
    {"KEEPALIVE of 20 (6.1)", "ff*16 0014 04", false, 1, 2, "0014"},
    {"KEEPALIVE of 20, extended", "ff*16 0014 04", true, 1, 2, "0014"},
    {"OPEN of 28 (6.1)", "ff*16 001c 01", false, 1, 2, "001c"},
    {"UPDATE of 22 (6.1)", "ff*16 0016 02", false, 1, 2, "0016"},
    {"NOTIFICATION of 20 (6.1)", "ff*16 0014 03", false, 1, 2, "0014"},
    {"type 0 (6.1)", "ff*16 0013 00", false, 1, 3, "00"},
    {"type 6 (6.1)", "ff*16 0013 06", false, 1, 3, "06"},
    {"type 255, long", "ff*16 0fff ff", false, 1, 3, "ff"},
    {"type 6, bad length: length goes first", "ff*16 0001 06", false, 1, 2, "0001"},
};

static void checks_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		const struct header_vector *v = &headers[i];
		struct wire_span span = hex_bytes(v->hex);
		struct bgp_notification notification = {0};
		struct bgp_header header;
		bool good;

		assert_int_equal(span.length, BGP_HEADER_LENGTH);
		good = bgp_header_decode(span.bytes, v->extended, &header, &notification);
		if (good != !v->code)
			fail_msg("%s: %s", v->name, good ? "accepted" : "refused");
		assert_notification(v->name, &notification, v->code, v->subcode, v->data);
		hex_free(span);
	}
}

/* OPEN bodies. */
static const struct open_vector {
	const char *name;
	const char *hex;
	uint8_t code, subcode;
	const char *data;
	uint32_t asn; /* of a good one */
} opens[] = {
    {"no parameters", "04 fc00 005a 0a000001 00", 0, 0, "", 64512},
    {"hold time 0", "04 fc00 0000 0a000001 00", 0, 0, "", 64512},
    {"hold time 3", "04 fc00 0003 0a000001 00", 0, 0, "", 64512},
    {"4-octet AS (6793 4.1)", "04 5ba0 005a 0a000001 08 02 06 41 04 fa56ea00", 0, 0, "",
	4200000000u},
    {"two capability parameters (5492 4)",
	"04 5ba0 005a 0a000001 0c 02 06 41 04 00010000 02 02 02 00", 0, 0, "", 65536},
    {"empty capability parameter", "04 fc00 005a 0a000001 02 02 00", 0, 0, "", 64512},
    {"identifier that is no unicast address (6286 2.1)", "04 fc00 005a ffffffff 00", 0, 0, "",
	64512},
    {"extended parameters (9072 2)", "04 fc00 005a 0a000001 ff ff 0005 02 0002 02 00", 0, 0, "",
	64512},
    {"extended parameters, length in front ignored (9072 2)",
	"04 fc00 005a 0a000001 01 ff 0005 02 0002 02 00", 0, 0, "", 64512},
    {"extended parameters, none inside", "04 fc00 005a 0a000001 ff ff 0000", 0, 0, "", 64512},
    {"version 3 (6.2)", "03 fc00 005a 0a000001 00", 2, 1, "0004", 0},
    {"version 5 (6.2)", "05 fc00 005a 0a000001 00", 2, 1, "0004", 0},
    {"version goes first", "00 0000 0001 00000000 ff", 2, 1, "0004", 0},
    {"AS 0 (7607 2)", "04 0000 005a 0a000001 00", 2, 2, "", 0},
    {"4-octet AS 0 (7607 2)", "04 5ba0 005a 0a000001 08 02 06 41 04 00000000", 2, 2, "", 0},
    {"AS 0 beside a good 4-octet AS", "04 0000 005a 0a000001 08 02 06 41 04 0000fc00", 2, 2, "", 0},
    {"identifier 0 (6286 2.2)", "04 fc00 005a 00000000 00", 2, 3, "", 0},
    {"unknown parameter (6.2)", "04 fc00 005a 0a000001 02 07 00", 2, 4, "", 0},
    {"authentication, deprecated (6.2)", "04 fc00 005a 0a000001 03 01 01 00", 2, 4, "", 0},
    {"hold time 1 (6.2)", "04 fc00 0001 0a000001 00", 2, 6, "", 0},
    {"hold time 2 (6.2)", "04 fc00 0002 0a000001 00", 2, 6, "", 0},
    {"parameters longer than the message (6.2)", "04 fc00 005a 0a000001 05 02 02", 2, 0, "", 0},
    {"octets behind the parameters", "04 fc00 005a 0a000001 00 00", 2, 0, "", 0},
    {"parameter over the end (6.2)", "04 fc00 005a 0a000001 04 02 04 02 00", 2, 0, "", 0},
    {"parameter of one octet (6.2)", "04 fc00 005a 0a000001 01 02", 2, 0, "", 0},
    {"capability over the end (6.2)", "04 fc00 005a 0a000001 04 02 02 41 04", 2, 0, "", 0},
    {"extended length does not match (9072)", "04 fc00 005a 0a000001 ff ff 0006 02 0002 02 00", 2,
	0, "", 0},
    {"length 0, but an extended form behind it (9072)",
	"04 fc00 005a 0a000001 00 ff 0005 02 0002 02 00", 2, 0, "", 0},
    {"extended length is cut", "04 fc00 005a 0a000001 ff ff 00", 2, 0, "", 0},
    {"extended parameter over the end", "04 fc00 005a 0a000001 ff ff 0005 02 0003 02 00", 2, 0, "",
	0},
};

static void checks_opens(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
		const struct open_vector *v = &opens[i];
		struct wire_span span = hex_bytes(v->hex);
		struct bgp_notification notification = {0};
		struct bgp_open open;
		bool good = bgp_open_decode(span, &open, &notification);

		if (good != !v->code)
			fail_msg("%s: %s", v->name, good ? "accepted" : "refused");
		assert_notification(v->name, &notification, v->code, v->subcode, v->data);
		if (good)
			assert_int_equal(open.asn, v->asn);
		hex_free(span);
	}
}

/* Any cut of a good OPEN is refused, and nothing is read past its end. */
static void refuses_every_cut_open(void **state)
{
	const char *hex = "04 5ba0 005a 0a000001 0e 02 06 41 04 fa56ea00 02 04 02 00 46 00";
	struct wire_span span = hex_bytes(hex);
	struct bgp_notification notification;
	struct bgp_open open;

	(void)state;
	assert_true(bgp_open_decode(span, &open, &notification));
	for (size_t length = 0; length < span.length; length++) {
		uint8_t *copy = memory_copy(span.bytes, length);

		assert_false(
		    bgp_open_decode((struct wire_span){copy, length}, &open, &notification));
		assert_int_equal(notification.code, BGP_ERROR_OPEN);
		free(copy);
	}
	hex_free(span);
}

static void encodes_opens(void **state)
{
	struct bgp_open sent = {.version = 4,
	    .asn = 4200000000u,
	    .hold_time = 90,
	    .identifier = {10, 0, 0, 1},
	    .capabilities = {
		.families = {true, true}, .any_family = true, .as4 = true, .asn = 4200000000u}};
	struct bgp_open received;
	struct bgp_notification notification;
	uint8_t buffer[256];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	bgp_open_encode(&writer, &sent);
	hex_assert("OPEN (4.2), AS_TRANS (6793 4.2.1)", wire_writer_span(&writer),
	    "ff*16 0031 01 04 5ba0 005a 0a000001 14 02 12 "
	    "01 04 0001 00 01  01 04 0002 00 01  41 04 fa56ea00");
	assert_true(bgp_open_decode(
	    (struct wire_span){buffer + 19, wire_written(&writer) - 19}, &received, &notification));
	assert_memory_equal(&sent, &received, sizeof(sent));
}

static void encodes_an_open_without_capabilities(void **state)
{
	struct bgp_open sent = {.version = 4, .asn = 64512, .hold_time = 0, .identifier = {1}};
	uint8_t buffer[64];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	bgp_open_encode(&writer, &sent);
	hex_assert(
	    "OPEN, bare", wire_writer_span(&writer), "ff*16 001d 01 04 fc00 0000 01000000 00");
}

static void encodes_keepalives(void **state)
{
	uint8_t buffer[32];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	bgp_keepalive_encode(&writer);
	hex_assert("KEEPALIVE (4.4)", wire_writer_span(&writer), "ff*16 0013 04");
}

static void passes_notifications_through(void **state)
{
	uint8_t buffer[64];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));
	struct bgp_notification sent, received;

	(void)state;
	bgp_notification_set(&sent, BGP_ERROR_CEASE, BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, NULL, 0);
	bgp_notification_set_shutdown_text(&sent, "bye");
	bgp_notification_encode(&writer, &sent);
	hex_assert("NOTIFICATION (4.5, 9003)", wire_writer_span(&writer),
	    "ff*16 0019 03 06 02 03 62 79 65");
	assert_true(bgp_notification_decode((struct wire_span){buffer + 19, 6}, &received));
	assert_notification("received", &received, 6, 2, "03 62 79 65");
	assert_false(bgp_notification_decode((struct wire_span){buffer + 19, 1}, &received));
	assert_true(bgp_notification_decode((struct wire_span){buffer + 19, 2}, &received));
	assert_int_equal(received.data_length, 0);
}

static const struct refresh_vector {
	const char *name;
	const char *hex;
	uint8_t code, subcode;
	const char *data;
} refreshes[] = {
    {"request (2918 3)", "0001 00 01", 0, 0, ""},
    {"begin of refresh (7313 3.2)", "0002 01 01", 0, 0, ""},
    {"unknown subtype", "0002 07 01", 0, 0, ""},
    {"request of 3 octets", "0001 00", 1, 2, "0016"},
    {"request of 5 octets", "0001 00 01 00", 1, 2, "0018"},
    {"empty", "", 1, 2, "0013"},
    {"begin of 5 octets (7313 5)", "0001 01 01 00", 7, 1, "ff*16 0018 05 0001 01 01 00"},
    {"unknown subtype of 5 octets is ignored all the same (7313 5)", "0002 07 01 00", 0, 0, ""},
    {"unknown subtype of 3 octets is ignored all the same (7313 5)", "0002 ff", 0, 0, ""},
    {"end of 3 octets (7313 5)", "0001 02", 7, 1, "ff*16 0016 05 0001 02"},
};

static void checks_route_refreshes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refreshes) / sizeof(refreshes[0]); i++) {
		const struct refresh_vector *v = &refreshes[i];
		struct wire_span span = hex_bytes(v->hex);
		struct bgp_notification notification = {0};
		struct bgp_route_refresh refresh;

		assert_int_equal(bgp_route_refresh_decode(span, &refresh, &notification), !v->code);
		assert_notification(v->name, &notification, v->code, v->subcode, v->data);
		hex_free(span);
	}
}

static void encodes_route_refreshes(void **state)
{
	uint8_t buffer[64];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));
	struct bgp_route_refresh refresh;
	struct bgp_notification notification;

	(void)state;
	bgp_route_refresh_encode(&writer, IPV6, BGP_REFRESH_REQUEST);
	hex_assert("ROUTE-REFRESH (2918 3)", wire_writer_span(&writer), "ff*16 0017 05 0002 00 01");
	assert_true(
	    bgp_route_refresh_decode((struct wire_span){buffer + 19, 4}, &refresh, &notification));
	assert_int_equal(bgp_family_from_wire(refresh.afi, refresh.safi), IPV6);
	assert_int_equal(bgp_family_from_wire(1, 1), IPV4);
	assert_int_equal(bgp_family_from_wire(1, 128), IP_FAMILIES);
	assert_int_equal(bgp_family_from_wire(25, 1), IP_FAMILIES);
}

/* A writer that is too short fails and is not written past. */
static void encoders_respect_the_writer(void **state)
{
	struct bgp_open open = {.version = 4, .asn = 1, .capabilities = {.as4 = true}};
	struct bgp_notification notification;

	(void)state;
	bgp_notification_set(&notification, 3, 1, "abcdef", 6);
	for (size_t room = 0; room < 19; room++) {
		uint8_t *buffer = memory_allocate(room ? room : 1);
		struct wire_writer writer = wire_writer_init(buffer, room);

		bgp_open_encode(&writer, &open);
		assert_true(writer.failed);
		writer = wire_writer_init(buffer, room);
		bgp_notification_encode(&writer, &notification);
		assert_true(writer.failed);
		writer = wire_writer_init(buffer, room);
		bgp_keepalive_encode(&writer);
		assert_true(writer.failed);
		writer = wire_writer_init(buffer, room);
		bgp_route_refresh_encode(&writer, IPV4, BGP_REFRESH_REQUEST);
		assert_true(writer.failed);
		writer = wire_writer_init(buffer, room);
		bgp_end_of_rib_encode(&writer, IPV6);
		assert_true(writer.failed);
		free(buffer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(checks_headers),
	    cmocka_unit_test(checks_opens),
	    cmocka_unit_test(refuses_every_cut_open),
	    cmocka_unit_test(encodes_opens),
	    cmocka_unit_test(encodes_an_open_without_capabilities),
	    cmocka_unit_test(encodes_keepalives),
	    cmocka_unit_test(passes_notifications_through),
	    cmocka_unit_test(checks_route_refreshes),
	    cmocka_unit_test(encodes_route_refreshes),
	    cmocka_unit_test(encoders_respect_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
