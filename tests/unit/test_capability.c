/*
 * Capabilities: RFC 5492, 4760 8, 2918, 8950, 8654, 6793, 7313, 4724, 8538, 9494, 7911, 9234, and
 * the host name; and what both ends agree on.
 */
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
    {"role provider (9234 4.1)", "09 01 00", "role provider"},
    {"role rs", "09 01 01", "role rs"},
    {"role rs-client", "09 01 02", "role rs-client"},
    {"role customer", "09 01 03", "role customer"},
    {"role peer", "09 01 04", "role peer"},
    {"a role that nobody assigned is not lost (9234 4.2)", "09 01 05", "role unassigned"},
    {"the last of them", "09 01 ff", "role unassigned"},
    {"role of 2 octets is ignored", "09 02 0000 02 00", "route refresh"},
    {"role of no octet is ignored", "09 00 02 00", "route refresh"},
    {"the same role twice (9234 4.2)", "09 01 03 09 01 03", "role customer"},
    {"two roles (9234 4.2)", "09 01 03 09 01 04", "role customer and another"},
    {"the first role again behind another", "09 01 03 09 01 04 09 01 03",
	"role customer and another"},
    {"a role and an unassigned one", "09 01 00 09 01 07", "role provider and another"},
    {"graceful restart (4724 3)", "40 06 0078 0001 01 80",
	"graceful restart 120 s ipv4 forwarding"},
    {"graceful restart, both families", "40 0a 0fff 0002 01 00 0001 01 7f",
	"graceful restart 4095 s ipv4 ipv6"},
    {"graceful restart without families", "40 02 8078", "graceful restart 120 s restarting"},
    {"graceful restart with N (8538 2)", "40 02 4078", "graceful restart 120 s notification"},
    {"graceful restart, reserved bits ignored", "40 02 3001", "graceful restart 1 s"},
    {"graceful restart of a family that is not ours", "40 06 0001 0001 80 80",
	"graceful restart 1 s"},
    {"graceful restart, the last one counts (4724 3)", "40 06 f078 0001 01 80 40 02 0005",
	"graceful restart 5 s"},
    {"graceful restart, bad length", "40 03 007800", ""},
    {"graceful restart, family cut", "40 05 0078 0001 01", ""},
    {"graceful restart, empty", "40 00", ""},
    {"a bad one does not touch the one before", "40 02 0078 40 03 007800",
	"graceful restart 120 s"},
    {"long-lived restart (9494 3.1)", "47 07 0001 01 80 000e10",
	"long-lived graceful restart ipv4 3600 s forwarding"},
    {"long-lived restart, both, largest time", "47 0e 0001 01 00 000001 0002 01 7f ffffff",
	"long-lived graceful restart ipv4 1 s ipv6 16777215 s"},
    {"long-lived restart, the last one counts", "47 07 0001 01 80 000e10 47 07 0002 01 00 000001",
	"long-lived graceful restart ipv6 1 s"},
    {"long-lived restart, bad length", "47 06 0001 01 80 000e", ""},
    {"add-path send and receive (7911 4)", "45 04 0001 01 03", "add-path ipv4 send receive"},
    {"add-path, each a direction", "45 08 0001 01 01 0002 01 02",
	"add-path ipv4 receive ipv6 send"},
    {"add-path of a family that is not ours", "45 08 0001 80 03 0002 01 01",
	"add-path ipv6 receive"},
    {"add-path 0 is ignored (7911 4)", "45 08 0001 01 00 0002 01 03", "add-path ipv6 send receive"},
    {"add-path 4 is ignored (7911 4)", "45 08 0001 01 04 0002 01 03", "add-path ipv6 send receive"},
    {"add-path, bad length", "45 07 0001 01 03 000201 02 00", "route refresh"},
    {"add-path, empty", "45 00 02 00", "route refresh"},
    {"host name", "49 07 05 6e6f64652d 00", "host name node-"},
    {"host and domain", "49 07 02 6e31 03 6c616e", "host name n1 domain lan"},
    {"host name without a domain length", "49 03 02 6e31", ""},
    {"host name over the end", "49 04 05 6e31 00", ""},
    {"domain over the end", "49 04 01 6e 02 6c", ""},
    {"octets behind the domain", "49 05 01 6e 01 6c 00", ""},
    {"empty host name", "49 02 00 00 02 00", "route refresh"},
    {"a domain without a host says nothing", "49 04 01 6e 01 6c 49 03 00 01 6d",
	"host name n domain l"},
    {"host name in UTF-8", "49 05 03 6ec3a9 00", "host name n\xc3\xa9"},
    {"host name in no UTF-8", "49 04 02 6ec3 00", ""},
    {"host name with an escape", "49 04 02 1b5b 00", ""},
    {"host name with a NUL", "49 04 02 6e00 00", ""},
    {"host name with a C1 control", "49 04 02 c285 00", ""},
    {"host name with a comma", "49 05 03 6e2c20 00", ""},
    {"a bad domain alone", "49 05 01 6e 02 0a0a", "host name n"},
    {"host name of 64 octets", "49 42 40 61*64 00",
	"host name aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    {"host name of 65 octets", "49 43 41 61*65 00", ""},
    {"4-octet AS (6793)", "41 04 00010000", "4-octet AS"},
    {"4-octet AS of 2 octets is ignored", "41 02 fc00", ""},
    {"enhanced route refresh (7313)", "46 00", "enhanced route refresh"},
    {"unknown is passed over (5492 3)", "80 03 010203 02 00", "route refresh"},
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

static struct bgp_capabilities all_capabilities(void)
{
	struct bgp_capabilities all;

	memset(&all, 0, sizeof(all));
	all.families[IPV4] = all.families[IPV6] = all.any_family = true;
	all.route_refresh = all.enhanced_route_refresh = true;
	all.extended_message = all.extended_next_hop = true;
	all.as4 = true;
	all.asn = 4200000000u;
	all.role = BGP_ROLE_CUSTOMER;
	all.add_path[IPV4] = BGP_ADD_PATH_SEND;
	all.add_path[IPV6] = BGP_ADD_PATH_SEND | BGP_ADD_PATH_RECEIVE;
	all.graceful_restart.announced = all.graceful_restart.notification = true;
	all.graceful_restart.restarting = true;
	all.graceful_restart.time_s = 4095;
	all.graceful_restart.families[IPV6] = all.graceful_restart.forwarding[IPV6] = true;
	all.long_lived_restart.announced = true;
	all.long_lived_restart.families[IPV4] = all.long_lived_restart.forwarding[IPV4] = true;
	all.long_lived_restart.time_s[IPV4] = 0xffffff;
	strcpy(all.host_name, "node-1");
	strcpy(all.domain_name, "lan");
	return all;
}

static void encodes_what_it_decodes(void **state)
{
	struct bgp_capabilities sent = all_capabilities();
	struct bgp_capabilities received;
	struct bgp_notification notification;
	uint8_t buffer[256];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));
	struct wire_reader reader;

	(void)state;
	memset(&received, 0, sizeof(received));
	bgp_capabilities_encode(&writer, &sent);
	hex_assert("all that are sent", wire_writer_span(&writer),
	    "01 04 0001 00 01  01 04 0002 00 01  02 00  05 06 0001 0001 0002  06 00  09 01 03 "
	    "40 06 cfff 0002 01 80  41 04 fa56ea00  45 08 0001 01 02 0002 01 03  46 00 "
	    "47 07 0001 01 80 ffffff  49 0b 06 6e6f64652d31 03 6c616e");
	reader = wire_reader_from_span(wire_writer_span(&writer));
	assert_true(bgp_capabilities_decode(&reader, &received, &notification));
	assert_memory_equal(&sent, &received, sizeof(sent));
}

/* RFC 4724 3: it sends End-of-RIB, and keeps nothing when it restarts. */
static void graceful_restart_without_families_has_two_octets(void **state)
{
	struct bgp_capabilities sent = {.graceful_restart = {.announced = true, .time_s = 120}};
	uint8_t buffer[64];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	bgp_capabilities_encode(&writer, &sent);
	hex_assert("4724 3", wire_writer_span(&writer), "40 02 0078");
}

static void times_that_do_not_fit_are_the_largest(void **state)
{
	struct bgp_capabilities sent = {.graceful_restart = {.announced = true, .time_s = 0xffff},
	    .long_lived_restart = {.announced = true, .families = {true}, .time_s = {UINT32_MAX}}};
	uint8_t buffer[64];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	bgp_capabilities_encode(&writer, &sent);
	hex_assert(
	    "12 and 24 bits", wire_writer_span(&writer), "40 02 0fff  47 07 0001 01 00 ffffff");
}

static void encoder_respects_the_writer(void **state)
{
	struct bgp_capabilities all = all_capabilities();

	(void)state;
	for (size_t room = 0; room < 75; room++) {
		uint8_t *buffer = memory_allocate(room ? room : 1);
		struct wire_writer writer = wire_writer_init(buffer, room);

		bgp_capabilities_encode(&writer, &all);
		assert_true(writer.failed);
		free(buffer);
	}
}

static void roles_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= BGP_ROLES; i++) {
		enum bgp_role role = BGP_ROLE_NONE;
		bool parsed = bgp_role_parse(bgp_role_name((enum bgp_role)i), &role);

		assert_int_equal(parsed, i != BGP_ROLE_NONE && i != BGP_ROLES);
		assert_int_equal(role, parsed ? i : BGP_ROLE_NONE);
	}
	assert_string_equal(bgp_role_name(BGP_ROLE_ROUTE_SERVER_CLIENT), "rs-client");
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

static void rfc7911_4_directions_must_fit(void **state)
{
	enum { R = BGP_ADD_PATH_RECEIVE, S = BGP_ADD_PATH_SEND };
	static const struct {
		uint8_t local, remote;
		bool send, receive;
	} cases[] = {
	    {0, 0, false, false},
	    {S, R, true, false},
	    {R, S, false, true},
	    {S, S, false, false},
	    {R, R, false, false},
	    {S | R, R, true, false},
	    {S | R, S, false, true},
	    {S | R, S | R, true, true},
	    {S | R, 0, false, false},
	    {0, S | R, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bgp_capabilities local = {
		    .families = {1, 1}, .add_path = {0, cases[i].local}};
		struct bgp_capabilities remote = {
		    .families = {1, 1}, .add_path = {S | R, cases[i].remote}};
		struct bgp_codec codec = bgp_codec_negotiate(&local, &remote, false);

		assert_int_equal(codec.add_path_send[IPV6], cases[i].send);
		assert_int_equal(codec.add_path_receive[IPV6], cases[i].receive);
		assert_false(codec.add_path_send[IPV4] || codec.add_path_receive[IPV4]);
		/* A family that was not agreed upon has no prefixes. */
		remote.families[IPV6] = false;
		codec = bgp_codec_negotiate(&local, &remote, false);
		assert_false(codec.add_path_send[IPV6] || codec.add_path_receive[IPV6]);
	}
}

static void marks_and_hard_resets_need_both_ends(void **state)
{
	struct bgp_capabilities all = all_capabilities();
	struct bgp_capabilities plain = all_capabilities();
	struct bgp_codec codec = bgp_codec_negotiate(&all, &all, true);

	(void)state;
	assert_true(codec.enhanced_route_refresh && codec.notification_restart);
	plain.enhanced_route_refresh = plain.graceful_restart.notification = false;
	codec = bgp_codec_negotiate(&all, &plain, true);
	assert_false(codec.enhanced_route_refresh || codec.notification_restart);
	codec = bgp_codec_negotiate(&plain, &all, true);
	assert_false(codec.enhanced_route_refresh || codec.notification_restart);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes),
	    cmocka_unit_test(a_foreign_family_counts_as_multiprotocol),
	    cmocka_unit_test(encodes_what_it_decodes),
	    cmocka_unit_test(graceful_restart_without_families_has_two_octets),
	    cmocka_unit_test(times_that_do_not_fit_are_the_largest),
	    cmocka_unit_test(encoder_respects_the_writer),
	    cmocka_unit_test(roles_have_names),
	    cmocka_unit_test(negotiates_families),
	    cmocka_unit_test(needs_both_ends),
	    cmocka_unit_test(rfc7911_4_directions_must_fit),
	    cmocka_unit_test(marks_and_hard_resets_need_both_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
