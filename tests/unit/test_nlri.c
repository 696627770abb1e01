/* Prefixes on the wire: RFC 4271 4.3, RFC 4760 5, RFC 7911 3, and the errors of RFC 7606 5.3. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bgp/nlri.h"
#include "hex.h"

/* The prefixes as text with commas; "!" at the end stands for an error. */
static const struct vector {
	const char *name;
	enum ip_family family;
	const char *hex;
	const char *want;
} vectors[] = {
    {"empty field", IPV4, "", ""},
    {"default route", IPV4, "00", "0.0.0.0/0"},
    {"/8", IPV4, "08 0a", "10.0.0.0/8"},
    {"/17 takes 3 octets", IPV4, "11 0a0080", "10.0.128.0/17"},
    {"/24", IPV4, "18 c00002", "192.0.2.0/24"},
    {"/32", IPV4, "20 c0000201", "192.0.2.1/32"},
    {"three in a row", IPV4, "08 0a 18 c00002 00", "10.0.0.0/8,192.0.2.0/24,0.0.0.0/0"},
    {"trailing bits are irrelevant (4271 4.3)", IPV4, "09 0aff", "10.128.0.0/9"},
    {"/33 of IPv4 (7606 5.3)", IPV4, "21 c000020100", "!"},
    {"/255", IPV4, "ff c0000201", "!"},
    {"runs over the end (7606 5.3)", IPV4, "18 c000", "!"},
    {"length only", IPV4, "18", "!"},
    {"good one, then a bad one", IPV4, "08 0a 20 c00002", "10.0.0.0/8,!"},
    {"IPv6 default", IPV6, "00", "::/0"},
    {"IPv6 /32", IPV6, "20 20010db8", "2001:db8::/32"},
    {"IPv6 /64", IPV6, "40 20010db8 00000001", "2001:db8:0:1::/64"},
    {"IPv6 /128", IPV6, "80 20010db8 00*11 01", "2001:db8::1/128"},
    {"IPv6 trailing bits", IPV6, "23 20010db8 ff", "2001:db8:e000::/35"},
    {"IPv6 /129", IPV6, "81 20*17", "!"},
    {"IPv6 /128 cut", IPV6, "80 20*15", "!"},
};

static void decodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *vector = &vectors[i];
		struct wire_span span = hex_bytes(vector->hex);
		struct wire_reader reader = wire_reader_from_span(span);
		struct ip_prefix prefix;
		char got[256] = "", text[IP_TEXT_MAX];

		while (bgp_nlri_next(&reader, vector->family, &prefix)) {
			if (*got)
				strcat(got, ",");
			strcat(got, ip_prefix_print(&prefix, text));
		}
		if (reader.failed)
			strcat(got, *got ? ",!" : "!");
		if (strcmp(got, vector->want))
			fail_msg("%s: got %s, want %s", vector->name, got, vector->want);
		assert_int_equal(
		    bgp_nlri_is_valid(span, vector->family, false), !strchr(vector->want, '!'));
		hex_free(span);
	}
}

/* The same with Path Identifiers. */
static const struct vector paths[] = {
    {"empty field", IPV4, "", ""},
    {"one path (7911 3)", IPV4, "00000007 18 c00002", "7 192.0.2.0/24"},
    {"two paths of a prefix", IPV4, "00000001 08 0a ffffffff 08 0a",
	"1 10.0.0.0/8,4294967295 10.0.0.0/8"},
    {"default route", IPV4, "00000000 00", "0 0.0.0.0/0"},
    {"IPv6", IPV6, "00000001 20 20010db8 00000002 00", "1 2001:db8::/32,2 ::/0"},
    {"identifier only", IPV4, "00000001", "!"},
    {"half an identifier", IPV4, "0000", "!"},
    {"half an identifier behind a path", IPV4, "00000001 08 0a 000000", "1 10.0.0.0/8,!"},
    {"no identifier in front", IPV4, "18 c00002", "!"},
    {"/33 of IPv4 (7606 5.3)", IPV4, "00000001 21 c000020100", "!"},
    {"runs over the end (7606 5.3)", IPV6, "00000001 40 20010db8", "!"},
};

static void rfc7911_3_decodes_path_identifiers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct vector *vector = &paths[i];
		struct wire_span span = hex_bytes(vector->hex);
		struct wire_reader reader = wire_reader_from_span(span);
		struct ip_prefix prefix;
		uint32_t path_id;
		char got[256] = "", text[IP_TEXT_MAX];

		while (bgp_nlri_next_path(&reader, vector->family, true, &prefix, &path_id))
			sprintf(got + strlen(got), "%s%u %s", *got ? "," : "", path_id,
			    ip_prefix_print(&prefix, text));
		if (reader.failed)
			strcat(got, *got ? ",!" : "!");
		if (strcmp(got, vector->want))
			fail_msg("%s: got %s, want %s", vector->name, got, vector->want);
		assert_int_equal(
		    bgp_nlri_is_valid(span, vector->family, true), !strchr(vector->want, '!'));
		hex_free(span);
	}
}

static void without_add_path_every_path_is_0(void **state)
{
	struct wire_span span = hex_bytes("18 c00002");
	struct wire_reader reader = wire_reader_from_span(span);
	struct ip_prefix prefix;
	uint32_t path_id = 9;

	(void)state;
	assert_true(bgp_nlri_next_path(&reader, IPV4, false, &prefix, &path_id));
	assert_int_equal(path_id, 0);
	assert_int_equal(prefix.length, 24);
	assert_false(bgp_nlri_next_path(&reader, IPV4, false, &prefix, &path_id));
	assert_false(reader.failed);
	hex_free(span);
}

static void encodes_what_it_decodes(void **state)
{
	(void)state;
	for (unsigned family = 0; family < IP_FAMILIES; family++) {
		for (unsigned length = 0; length <= ip_family_bits(family); length++) {
			uint8_t all_ones[16], buffer[BGP_NLRI_MAX];
			struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));
			struct wire_reader reader;
			struct ip_address address;
			struct ip_prefix prefix, again;

			memset(all_ones, 0xff, sizeof(all_ones));
			address = ip_address_from_bytes(family, all_ones);
			prefix = ip_prefix_from_address(&address, length);
			bgp_nlri_put(&writer, &prefix);
			assert_false(writer.failed);
			assert_int_equal(wire_written(&writer), bgp_nlri_size(&prefix));
			reader = wire_reader_from_span(wire_writer_span(&writer));
			assert_true(bgp_nlri_next(&reader, family, &again));
			assert_true(ip_prefix_equal(&prefix, &again));
			assert_false(bgp_nlri_next(&reader, family, &again));
			assert_false(reader.failed);
		}
	}
}

static void writes_nothing_without_room(void **state)
{
	uint8_t buffer[3];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));
	struct ip_prefix prefix;

	(void)state;
	assert_true(ip_prefix_parse("192.0.2.0/24", &prefix, NULL));
	bgp_nlri_put(&writer, &prefix);
	assert_true(writer.failed);
	assert_int_equal(wire_written(&writer), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes),
	    cmocka_unit_test(rfc7911_3_decodes_path_identifiers),
	    cmocka_unit_test(without_add_path_every_path_is_0),
	    cmocka_unit_test(encodes_what_it_decodes),
	    cmocka_unit_test(writes_nothing_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
