/* Capabilities: RFC 5492, 4760 8, 2918, 8950, 8654, 6793, 7313, 4724; and what both ends agree on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bgp/capability.h"
#include "hex.h"

/* What is decoded, as printed; "!" means that it does not parse. */
static const struct vector {
	const char *name;
	const char *hex;
	const char *want;
} vectors[] = {
    {"none", "", ""},
    {"IPv4 unicast (4760 8)", "01 04 0001 00 01", "multiprotocol ipv4"},
    {"IPv6 unicast, reserved octet ignored", "01 04 0002 ff 01", "multiprotocol ipv6"},
    {"both", "01 04 0002 00 01 01 04 0001 00 01", "multiprotocol ipv4, multiprotocol ipv6"},
    {"VPNv4 only", "01 04 0001 00 80", ""},
    {"route refresh (2918)", "02 00", "route refresh"},
    {"route refresh with a value is ignored", "02 01 00", ""},
    {"twice counts once (5492 4)", "02 00 02 00", "route refresh"},
    {"extended next hop (8950 4)", "05 06 0001 0001 0002", "extended next hop"},
    {"extended next hop, second of two", "05 0c 0001 0080 0002 0001 0001 0002",
	"extended next hop"},
    {"extended next hop for VPN only", "05 06 0001 0080 0002", ""},
    {"extended next hop, odd length", "05 05 0001 0001 00", ""},
    {"extended next hop, empty", "05 00", ""},
    {"extended message (8654)", "06 00", "extended message"},
    {"graceful restart (4724)", "40 06 0078 0001 01 80", "graceful restart"},
    {"graceful restart without families", "40 02 8078", "graceful restart"},
    {"graceful restart, bad length", "40 03 007800", ""},
    {"4-octet AS (6793)", "41 04 00010000", "4-octet AS"},
    {"4-octet AS of 2 octets is ignored", "41 02 fc00", ""},
    {"enhanced route refresh (7313)", "46 00", "enhanced route refresh"},
    {"unknown is passed over (5492 3)", "80 03 010203 02 00", "route refresh"},
    {"add-path is not known yet", "45 04 0001 01 03 02 00", "route refresh"},
    {"multiprotocol of 3 octets is ignored", "01 03 0001 00 02 00", "route refresh"},
    {"multiprotocol of 5 octets is ignored", "01 05 0001000100 02 00", "route refresh"},
    {"value over the end", "41 04 000100", "!"},
    {"code without a length", "02", "!"},
    {"known, then over the end", "02 00 01 04 00", "!"},
};

static void decodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct wire_span span = hex_bytes(vectors[i].hex);
		struct wire_reader reader = wire_reader_from_span(span);
		struct bgp_capabilities capabilities = {0};
		struct bgp_notification notification = {0};
		struct text text = {0};

		if (!bgp_capabilities_decode(&reader, &capabilities, &notification)) {
			assert_int_equal(notification.code, BGP_ERROR_OPEN);
			assert_int_equal(notification.subcode, 0); /* RFC 4271 6.2: Unspecific */
			text_append(&text, "!");
		} else {
			bgp_capabilities_print(&capabilities, &text);
		}
		if (strcmp(text.string ? text.string : "", vectors[i].want))
			fail_msg("%s: got %s", vectors[i].name, text.string);
		text_free(&text);
		hex_free(span);
	}
}

static void a_foreign_family_counts_as_multiprotocol(void **state)
{
	struct wire_span span = hex_bytes("01 04 0001 00 80");
	struct wire_reader reader = wire_reader_from_span(span);
	struct bgp_capabilities capabilities = {0};
	struct bgp_notification notification;

	(void)state;
	assert_true(bgp_capabilities_decode(&reader, &capabilities, &notification));
	assert_true(capabilities.any_family);
	assert_false(capabilities.families[IPV4]);
	hex_free(span);
}

static void encodes_what_it_decodes(void **state)
{
	struct bgp_capabilities sent = {.families = {true, true},
	    .any_family = true,
	    .route_refresh = true,
	    .enhanced_route_refresh = true,
	    .extended_message = true,
	    .extended_next_hop = true,
	    .as4 = true,
	    .asn = 4200000000u};
	struct bgp_capabilities received = {0};
	struct bgp_notification notification;
	uint8_t buffer[256];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));
	struct wire_reader reader;

	(void)state;
	bgp_capabilities_encode(&writer, &sent);
	hex_assert("all that are sent", wire_writer_span(&writer),
	    "01 04 0001 00 01  01 04 0002 00 01  02 00  05 06 0001 0001 0002  06 00 "
	    "41 04 fa56ea00  46 00");
	reader = wire_reader_from_span(wire_writer_span(&writer));
	assert_true(bgp_capabilities_decode(&reader, &received, &notification));
	assert_memory_equal(&sent, &received, sizeof(sent));
}

/* Graceful restart is read and shown, but this speaker does not do it yet. */
static void never_claims_graceful_restart(void **state)
{
	struct bgp_capabilities sent = {.graceful_restart.announced = true};
	uint8_t buffer[64];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	bgp_capabilities_encode(&writer, &sent);
	assert_int_equal(wire_written(&writer), 0);
}

static void negotiates_families(void **state)
{
	static const struct {
		struct bgp_capabilities local, remote;
		bool ipv4, ipv6;
	} cases[] = {
	    {{.families = {1, 1}}, {.families = {1, 1}, .any_family = true}, true, true},
	    {{.families = {1, 1}}, {.families = {0, 1}, .any_family = true}, false, true},
	    {{.families = {1, 0}}, {.families = {0, 1}, .any_family = true}, false, false},
	    /* RFC 4760 8: a peer without any speaks IPv4 unicast. */
	    {{.families = {1, 1}}, {.any_family = false}, true, false},
	    {{.families = {0, 1}}, {.any_family = false}, false, false},
	    /* One that speaks only what we do not know does not speak IPv4. */
	    {{.families = {1, 1}}, {.any_family = true}, false, false},
	    {{.any_family = false}, {.any_family = false}, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bgp_codec codec =
		    bgp_codec_negotiate(&cases[i].local, &cases[i].remote, false);

		assert_int_equal(codec.families[IPV4], cases[i].ipv4);
		assert_int_equal(codec.families[IPV6], cases[i].ipv6);
	}
}

static void needs_both_ends(void **state)
{
	struct bgp_capabilities all = {.families = {true, true},
	    .any_family = true,
	    .route_refresh = true,
	    .extended_message = true,
	    .extended_next_hop = true,
	    .as4 = true,
	    .asn = 1};
	struct bgp_capabilities none = {0};
	struct bgp_codec both = bgp_codec_negotiate(&all, &all, true);
	struct bgp_codec left = bgp_codec_negotiate(&all, &none, false);
	struct bgp_codec right = bgp_codec_negotiate(&none, &all, false);

	(void)state;
	assert_true(both.as4 && both.extended_message && both.extended_next_hop);
	assert_true(both.route_refresh && both.external);
	assert_false(left.as4 || left.extended_message || left.extended_next_hop);
	assert_false(left.route_refresh || left.external);
	assert_memory_equal(&left, &right, sizeof(left));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes),
	    cmocka_unit_test(a_foreign_family_counts_as_multiprotocol),
	    cmocka_unit_test(encodes_what_it_decodes),
	    cmocka_unit_test(never_claims_graceful_restart),
	    cmocka_unit_test(negotiates_families),
	    cmocka_unit_test(needs_both_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
