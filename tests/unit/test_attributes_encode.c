/*
 * Path attributes encoded, for a session and in the canonical form: RFC 4271 5, 6793 4.2.2, 7606 4.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "attribute_vectors.h"

/* What is sent for a decoded field: by codec, and with NEXT_HOP or not. */
static const struct encoding {
	const char *name;
	unsigned from, to;
	bool with_next_hop;
	const char *hex;
	const char *want;
} encodings[] = {
    {"as it came", EXTERNAL, EXTERNAL, true, GOOD, GOOD},
    {"without NEXT_HOP", EXTERNAL, EXTERNAL, false, GOOD, ORIGIN AS_PATH},
    {"ascending types (4271 5)", EXTERNAL, EXTERNAL, true,
	"c0 63 01 07 c0 20 0c 00*12 c0 0b 00 80 04 04 0000000a" NEXT_HOP AS_PATH ORIGIN,
	GOOD "80 04 04 0000000a e0 0b 00 c0 20 0c 00*12 e0 63 01 07"},
    {"all of an internal peer", 0, 0, true,
	GOOD "80 04 04 0000000a" LOCAL_PREF "40 06 00 c0 07 08 0000fc00 c0000202 c0 08 04 fc000001 "
	     "80 09 04 0a000001 80 0a 04 0a000002 c0 10 08 0002fc0000000001 c0 20 0c 01*12",
	GOOD "80 04 04 0000000a" LOCAL_PREF "40 06 00 c0 07 08 0000fc00 c0000202 c0 08 04 fc000001 "
	     "80 09 04 0a000001 80 0a 04 0a000002 c0 10 08 0002fc0000000001 c0 20 0c 01*12"},
    {"AIGP, IPv6 extended communities and OTC", EXTERNAL, EXTERNAL, true,
	GOOD "c0 23 04 0000fc01 80 1a 0e ff 0003 01 000b 01*8 c0 19 28 02*20 01*20",
	GOOD "c0 19 28 02*20 01*20 80 1a 0e ff 0003 01 000b 01*8 c0 23 04 0000fc01"},
    {"AIGP has no Partial bit, OTC keeps it (4271 5)", EXTERNAL, EXTERNAL, true,
	GOOD "a0 1a 0b 01 000b 01*8 e0 23 04 0000fc01",
	GOOD "80 1a 0b 01 000b 01*8 e0 23 04 0000fc01"},
    {"the Partial bit stays (4271 5)", EXTERNAL, EXTERNAL, true, GOOD "e0 08 04 fc000001",
	GOOD "e0 08 04 fc000001"},
    {"communities keep their order", EXTERNAL, EXTERNAL, true, GOOD "c0 08 08 00000002 00000001",
	GOOD "c0 08 08 00000002 00000001"},
    {"extended length where needed, and only there", EXTERNAL, EXTERNAL, true,
	"50 01 0001 00" AS_PATH NEXT_HOP "d0 08 0100 01*256", GOOD "d0 08 0100 01*256"},
    {"255 octets need none", EXTERNAL, EXTERNAL, true, GOOD "d0 20 00fc 01*252",
	GOOD "c0 20 fc 01*252"},
    {"old speaker, nothing wide", EXTERNAL, EXTERNAL | OLD, true, GOOD, GOOD_OLD},
    {"old speaker, wide path (6793 4.2.2)", EXTERNAL, EXTERNAL | OLD, true,
	ORIGIN "40 02 0a 02 02 0000fc00 00011170" NEXT_HOP,
	ORIGIN "40 02 06 02 02 fc00 5ba0" NEXT_HOP "c0 11 0a 02 02 0000fc00 00011170"},
    {"old speaker, wide aggregator (6793 4.2.2)", EXTERNAL, EXTERNAL | OLD, true,
	GOOD "c0 07 08 00011170 c0000202",
	GOOD_OLD "c0 07 06 5ba0 c0000202 c0 12 08 00011170 c0000202"},
    {"old speaker, narrow aggregator", EXTERNAL, EXTERNAL | OLD, true,
	GOOD "c0 07 08 0000fc00 c0000202", GOOD_OLD "c0 07 06 fc00 c0000202"},
    {"from old to new", EXTERNAL | OLD, EXTERNAL, true,
	ORIGIN "40 02 06 02 02 fc00 5ba0" NEXT_HOP "c0 11 06 02 01 00011170",
	ORIGIN "40 02 0a 02 02 0000fc00 00011170" NEXT_HOP},
};

static void encodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		const struct encoding *e = &encodings[i];
		struct wire_span span = hex_bytes(e->hex);
		struct bgp_codec from = codec_of(e->from), to = codec_of(e->to);
		struct bgp_attributes attributes;
		struct bgp_attributes_result result;
		struct arena arena = {0};
		uint8_t buffer[1024];
		struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

		bgp_attributes_decode(span, &from, NULL, true, &arena, &attributes, &result);
		if (result.treatment)
			fail_msg("%s: type %u", e->name, result.error_type);
		bgp_attributes_encode(&writer, &attributes, &to, e->with_next_hop, &arena);
		assert_false(writer.failed);
		hex_assert(e->name, wire_writer_span(&writer), e->want);
		arena_free(&arena);
		hex_free(span);
	}
}

/* Two fields that mean the same are the same bytes, and read back they are the same value. */
static void canonical_form_is_one(void **state)
{
	static const char *const fields[] = {
	    GOOD "c0 08 08 00000001 00000002 c0 10 10 01*8 04*8 c0 19 28 00*20 03*20 "
		 "80 1a 0b 01 000b 00*8 c0 23 04 00000007 c0 63 01 07 c0 64 00",
	    "c0 23 04 00000007 c0 19 3c 03*20 00*20 00*20 80 1a 0b 01 000b 00*8 c0 64 00 "
	    "c0 63 01 07 d0 10 0018 04*8 01*8 04*8 " NEXT_HOP ORIGIN
	    "c0 08 0c 00000002 00000001 00000002" AS_PATH,
	};
	const char *want =
	    ORIGIN AS_PATH "c0 08 08 00000001 00000002 c0 10 10 01*8 04*8 c0 19 28 00*20 03*20 "
			   "80 1a 0b 01 000b 00*8 c0 23 04 00000007 e0 63 01 07 e0 64 00";
	struct bgp_codec codec = codec_of(EXTERNAL);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct wire_span span = hex_bytes(fields[i]);
		struct bgp_attributes attributes, again;
		struct bgp_attributes_result result;
		struct arena arena = {0};
		uint8_t buffer[256], second[256];
		struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));
		struct text after = {0};

		bgp_attributes_decode(span, &codec, NULL, true, &arena, &attributes, &result);
		assert_int_equal(result.treatment, ACCEPT);
		bgp_attributes_encode_canonical(&writer, &attributes, &arena);
		hex_assert("canonical", wire_writer_span(&writer), want);
		memset(&again, 0x5a, sizeof(again));
		bgp_attributes_decode_canonical(wire_writer_span(&writer), &again);
		assert_false(bgp_attributes_has(&again, BGP_ATTRIBUTE_NEXT_HOP));
		describe(&after, &again);
		assert_string_equal(after.string,
		    " origin IGP path 64512 communities 0:1 0:2 ext:0x0101010101010101 "
		    "ext:0x0404040404040404 ext6:0x0000000000000000000000000000000000000000 "
		    "ext6:0x0303030303030303030303030303030303030303 aigp 11 otc 7 "
		    "unknown 99 e0 1 unknown 100 e0 0");
		writer = wire_writer_init(second, sizeof(second));
		bgp_attributes_encode_canonical(&writer, &again, &arena);
		hex_assert("canonical again", wire_writer_span(&writer), want);
		text_free(&after);
		arena_free(&arena);
		hex_free(span);
	}
}

static void a_new_route_has_origin_and_empty_path(void **state)
{
	struct bgp_attributes attributes;
	struct bgp_codec codec = codec_of(0);
	struct arena arena = {0};
	uint8_t buffer[64];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	memset(&attributes, 0xa5, sizeof(attributes));
	bgp_attributes_init(&attributes);
	assert_int_equal(attributes.unknown_count, 0);
	assert_true(ip_address_is_unspecified(&attributes.next_hop.address));
	bgp_attributes_encode(&writer, &attributes, &codec, false, &arena);
	hex_assert("new route", wire_writer_span(&writer), ORIGIN "40 02 00");
	arena_free(&arena);
}

/* A set that a filter has emptied is not sent: zero length would be an error (RFC 7606 4). */
static void leaves_out_an_emptied_set(void **state)
{
	struct bgp_attributes attributes;
	struct bgp_codec codec = codec_of(0);
	struct arena arena = {0};
	uint8_t buffer[64];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	bgp_attributes_init(&attributes);
	bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_COMMUNITIES);
	bgp_attributes_mark(&attributes, BGP_ATTRIBUTE_CLUSTER_LIST);
	bgp_attributes_encode(&writer, &attributes, &codec, false, &arena);
	hex_assert("emptied", wire_writer_span(&writer), ORIGIN "40 02 00");
	arena_free(&arena);
}

/* RFC 6793: what is sent through an old speaker comes back the same. */
static void survives_an_old_speaker(void **state)
{
	static const char *const paths[] = {"02 02 0000fc00 00011170", "02 01 00011170",
	    "02 02 0000fc00 00011170 01 02 00011170 00000001", "01 02 00011170 00011171",
	    "02 03 00005ba0 00005ba0 00011170", "02 01 00000001"};
	struct bgp_codec old = codec_of(EXTERNAL | OLD);

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct wire_span path = hex_bytes(paths[i]);
		struct bgp_attributes sent, received;
		struct bgp_attributes_result result;
		struct arena arena = {0};
		uint8_t buffer[256];
		struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

		bgp_attributes_init(&sent);
		sent.as_path = path;
		sent.next_hop.address = ip_address_from_ipv4(0xc0000201);
		bgp_attributes_encode(&writer, &sent, &old, true, &arena);
		bgp_attributes_decode(
		    wire_writer_span(&writer), &old, NULL, true, &arena, &received, &result);
		assert_int_equal(result.treatment, ACCEPT);
		hex_assert(paths[i], received.as_path, paths[i]);
		arena_free(&arena);
		hex_free(path);
	}
}

static void fails_without_room(void **state)
{
	struct bgp_attributes attributes;
	struct bgp_codec codec = codec_of(0);
	struct arena arena = {0};
	uint8_t buffer[6];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	bgp_attributes_init(&attributes);
	bgp_attributes_encode(&writer, &attributes, &codec, false, &arena);
	assert_true(writer.failed);
	arena_free(&arena);
}

/* A policy may prepend without end, but a value has at most 65535 octets. */
static void refuses_a_value_that_is_too_long(void **state)
{
	struct bgp_attributes attributes;
	struct bgp_codec codec = codec_of(0);
	struct arena arena = {0};
	size_t size = 1 << 20;
	uint8_t *buffer = memory_allocate(size);
	struct wire_writer writer = wire_writer_init(buffer, size);

	(void)state;
	bgp_attributes_init(&attributes);
	attributes.as_path = bgp_as_path_prepend(&arena, attributes.as_path, 1, 20000);
	bgp_attributes_encode(&writer, &attributes, &codec, false, &arena);
	assert_true(writer.failed);
	free(buffer);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(encodes),
	    cmocka_unit_test(canonical_form_is_one),
	    cmocka_unit_test(a_new_route_has_origin_and_empty_path),
	    cmocka_unit_test(leaves_out_an_emptied_set),
	    cmocka_unit_test(survives_an_old_speaker),
	    cmocka_unit_test(fails_without_room),
	    cmocka_unit_test(refuses_a_value_that_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
