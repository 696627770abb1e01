/* UPDATE both ways: RFC 4271 4.3 and 6.3, 4724 2, 4760, 7606 3 to 5, 7911 3, 8654, 8950. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bgp/message.h"
#include "bgp/nlri.h"
#include "hex.h"

/* ORIGIN IGP, AS_PATH 64512, NEXT_HOP 192.0.2.1: 20 octets. */
#define GOOD "40010100 4002 06 0201 0000fc00 4003 04 c0000201 "
#define BARE "40010100 4002 06 0201 0000fc00 " /* 13 octets */
/* 2001:db8::/32 via 2001:db8::1: 29 octets. */
#define MP_REACH "80 0e 1a 0002 01 10 20010db8 00*11 01 00 20 20010db8 "

enum {
	ACCEPT = BGP_TREATMENT_ACCEPT,
	DISCARD = BGP_TREATMENT_DISCARD_ATTRIBUTE,
	WITHDRAW = BGP_TREATMENT_WITHDRAW,
	RESET = BGP_TREATMENT_RESET_SESSION,
	ONLY_IPV6 = 1,
	ONLY_IPV4 = 2,
	PATHS = 4 /* both families are received with Path Identifiers */
};

static const struct vector {
	const char *name;
	unsigned options;
	const char *hex; /* the body */
	uint8_t treatment, error_type, subcode;
	const char *want; /* prefixes by field, and the end of RIB */
} vectors[] = {
    {"announce", 0, "0000 0014" GOOD "18 c00002 08 0a", ACCEPT, 0, 0,
	"announced 192.0.2.0/24 10.0.0.0/8"},
    {"withdraw", 0, "0004 18 c00002 0000", ACCEPT, 0, 0, "withdrawn 192.0.2.0/24"},
    {"both", 0, "0002 08 0a 0014" GOOD "18 c00002", ACCEPT, 0, 0,
	"withdrawn 10.0.0.0/8 announced 192.0.2.0/24"},
    {"IPv6 announced", 0, "0000 002a" MP_REACH BARE, ACCEPT, 0, 0, "mp-reach 2001:db8::/32"},
    {"IPv6 withdrawn", 0, "0000 000b 80 0f 08 0002 01 20 20010db8", ACCEPT, 0, 0,
	"mp-unreach 2001:db8::/32"},
    {"everything at once", 0,
	"0002 08 0a 003c" MP_REACH "80 0f 08 0002 01 20 20010db9 " GOOD "18 c00002", ACCEPT, 0, 0,
	"withdrawn 10.0.0.0/8 announced 192.0.2.0/24 mp-reach 2001:db8::/32 "
	"mp-unreach 2001:db9::/32"},
    {"IPv4 end of RIB (4724 2)", 0, "0000 0000", ACCEPT, 0, 0, "end-of-rib ipv4"},
    {"IPv6 end of RIB (4724 2)", 0, "0000 0006 80 0f 03 0002 01", ACCEPT, 0, 0,
	"mp-unreach end-of-rib ipv6"},
    {"IPv6 end of RIB, extended length", 0, "0000 0007 90 0f 0003 0002 01", ACCEPT, 0, 0,
	"mp-unreach end-of-rib ipv6"},
    {"IPv4 end of RIB in MP_UNREACH_NLRI", 0, "0000 0006 80 0f 03 0001 01", ACCEPT, 0, 0,
	"mp-unreach end-of-rib ipv4"},
    {"end of RIB of a family not negotiated", ONLY_IPV4, "0000 0006 80 0f 03 0002 01", DISCARD, 15,
	9, ""},
    {"IPv4 end of RIB, IPv4 not negotiated", ONLY_IPV6, "0000 0000", ACCEPT, 0, 0, ""},
    {"empty MP_UNREACH_NLRI among others is none", 0, "0000 000a 80 0f 03 0002 01 40010100", ACCEPT,
	0, 0, "mp-unreach"},
    {"empty MP_UNREACH_NLRI with a withdrawn prefix is none", 0, "0002 08 0a 0006 80 0f 03 0002 01",
	ACCEPT, 0, 0, "withdrawn 10.0.0.0/8 mp-unreach"},
    {"attributes only are no end of RIB", 0, "0000 0014" GOOD, ACCEPT, 0, 0, ""},
    {"IPv4 not negotiated: ignored", ONLY_IPV6, "0002 08 0a 0014" GOOD "18 c00002", ACCEPT, 0, 0,
	""},
    {"default route withdrawn", 0, "0001 00 0000", ACCEPT, 0, 0, "withdrawn 0.0.0.0/0"},
    {"announced with Path Identifiers (7911 3)", PATHS,
	"0000 0014" GOOD "00000001 18 c00002 00000002 18 c00002", ACCEPT, 0, 0,
	"announced 1 192.0.2.0/24 2 192.0.2.0/24"},
    {"withdrawn with Path Identifiers (7911 3)", PATHS, "0006 ffffffff 08 0a 0000", ACCEPT, 0, 0,
	"withdrawn 4294967295 10.0.0.0/8"},
    {"IPv6 announced with Path Identifiers (7911 3)", PATHS,
	"0000 002e 80 0e 1e 0002 01 10 20010db8 00*11 01 00 00000007 20 20010db8" BARE, ACCEPT, 0,
	0, "mp-reach 7 2001:db8::/32"},
    {"IPv6 withdrawn with Path Identifiers (7911 3)", PATHS,
	"0000 000f 80 0f 0c 0002 01 00000000 20 20010db8", ACCEPT, 0, 0,
	"mp-unreach 0 2001:db8::/32"},
    {"end of RIB has no Path Identifier", PATHS, "0000 0006 80 0f 03 0002 01", ACCEPT, 0, 0,
	"mp-unreach end-of-rib ipv6"},

    /* RFC 7606: everything of the message is withdrawn. */
    {"bad ORIGIN", 0, "0002 08 0a 0014 40010103 4002 06 0201 0000fc00 4003 04 c0000201 18 c00002",
	WITHDRAW, 1, 6, "withdrawn 10.0.0.0/8 announced 192.0.2.0/24"},
    {"bad ORIGIN with MP_REACH_NLRI", 0, "0000 002a" MP_REACH "40010107 4002 06 0201 0000fc00",
	WITHDRAW, 1, 6, "mp-reach 2001:db8::/32"},
    {"no attributes for NLRI (3 d)", 0, "0000 0000 18 c00002", WITHDRAW, 1, 3,
	"announced 192.0.2.0/24"},
    {"attribute over the end of the field (4)", 0, "0000 0006 40010100 4002 18 c00002", WITHDRAW, 2,
	1, "announced 192.0.2.0/24"},
    {"discarded attribute", 0, "0000 0018" GOOD "40 06 01 00 18 c00002", DISCARD, 6, 5,
	"announced 192.0.2.0/24"},

    /* The session cannot go on. */
    {"withdrawn length over the end (4271 6.3)", 0, "0003 0000", RESET, 0, 1, ""},
    {"attribute length over the end (4271 6.3)", 0, "0000 0001", RESET, 0, 1, ""},
    {"both together over the end (4271 6.3)", 0, "0002 08 0a 0004 400101", RESET, 0, 1, NULL},
    {"both at their largest", 0, "ffff ffff", RESET, 0, 1, ""},
    {"withdrawn prefix of /33 (7606 3 i)", 0, "0006 21 0a000000 00 0000", RESET, 0, 10, NULL},
    {"withdrawn prefix over the end (7606 3 i)", 0, "0002 18 0a 0000", RESET, 0, 10, NULL},
    {"announced prefix of /33 (7606 5.3)", 0, "0000 0014" GOOD "21 c0000201 00", RESET, 0, 10,
	NULL},
    {"announced prefix over the end (7606 5.3)", 0, "0000 0014" GOOD "18 c000", RESET, 0, 10, NULL},
    {"announced without Path Identifiers where they must be", PATHS, "0000 0014" GOOD "18 c00002",
	RESET, 0, 10, NULL},
    {"withdrawn without Path Identifiers where they must be", PATHS, "0004 18 c00002 0000", RESET,
	0, 10, NULL},
    {"half a Path Identifier", PATHS, "0000 0014" GOOD "0000", RESET, 0, 10, NULL},
    {"MP_REACH_NLRI without Path Identifiers where they must be", PATHS, "0000 002a" MP_REACH BARE,
	RESET, 14, 9, NULL},
    {"MP_UNREACH_NLRI with a Path Identifier only", PATHS, "0000 000a 80 0f 07 0002 01 00000001",
	RESET, 15, 9, NULL},
    {"unknown well-known attribute (4271 6.3)", 0, "0000 0017" GOOD "40 63 00 18 c00002", RESET, 99,
	2, NULL},
    {"MP_REACH_NLRI twice (7606 3 g)", 0, "0000 0047" MP_REACH MP_REACH BARE, RESET, 14, 1, NULL},
    {"attribute error without NLRI (7606 5.2)", 0, "0002 08 0a 0004 40010107", RESET, 1, 6, NULL},
    {"the first of two resets", 0, "0000 0017" GOOD "40 63 00 18 c000", RESET, 99, 2, NULL},
};

static void describe_nlri(struct text *text, const char *name, struct wire_span span,
    enum ip_family family, bool add_path)
{
	struct wire_reader reader = wire_reader_from_span(span);
	struct ip_prefix prefix;
	uint32_t path_id;
	char printed[IP_TEXT_MAX];

	text_append(text, " %s", name);
	while (bgp_nlri_next_path(&reader, family, add_path, &prefix, &path_id)) {
		if (add_path)
			text_append(text, " %u", path_id);
		text_append(text, " %s", ip_prefix_print(&prefix, printed));
	}
	assert_false(reader.failed);
}

static void describe(struct text *text, const struct bgp_update *update, bool add_path)
{
	text_append(text, "%s", "");
	if (update->withdrawn.length)
		describe_nlri(text, "withdrawn", update->withdrawn, IPV4, add_path);
	if (update->announced.length)
		describe_nlri(text, "announced", update->announced, IPV4, add_path);
	if (update->mp_reach.present)
		describe_nlri(
		    text, "mp-reach", update->mp_reach.nlri, update->mp_reach.family, add_path);
	if (update->mp_unreach.present)
		describe_nlri(text, "mp-unreach", update->mp_unreach.nlri,
		    update->mp_unreach.family, add_path);
	if (update->end_of_rib)
		text_append(text, " end-of-rib %s", ip_family_name(update->end_of_rib_family));
}

static void check_vector(const struct vector *v, const struct bgp_update *update)
{
	struct text text = {0};

	if (update->treatment != v->treatment || update->error_type != v->error_type ||
	    update->notification.subcode != v->subcode ||
	    update->notification.code != (v->treatment ? BGP_ERROR_UPDATE : 0))
		fail_msg("%s: treatment %u type %u error %u/%u", v->name, update->treatment,
		    update->error_type, update->notification.code, update->notification.subcode);
	if (!v->want)
		return;
	describe(&text, update, v->options & PATHS);
	if (strcmp(*text.string ? text.string + 1 : "", v->want))
		fail_msg("%s: got \"%s\"", v->name, text.string);
	text_free(&text);
}

static void decodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct bgp_codec codec = {
		    .families = {!(v->options & ONLY_IPV6), !(v->options & ONLY_IPV4)},
		    .as4 = true,
		    .add_path_receive = {v->options & PATHS, v->options & PATHS},
		    .external = true};
		struct wire_span body = hex_bytes(v->hex);
		struct bgp_update update;
		struct arena arena = {0};

		memset(&update, 0xa5, sizeof(update));
		bgp_update_decode(body, &codec, NULL, &arena, &update);
		check_vector(v, &update);
		arena_free(&arena);
		hex_free(body);
	}
}

static void every_cut_has_a_verdict(void **state)
{
	struct bgp_codec codec = {.families = {true, true}, .as4 = true, .external = true};
	struct wire_span body =
	    hex_bytes("0002 08 0a 003c" MP_REACH "80 0f 08 0002 01 20 20010db9 " GOOD "18 c00002");

	(void)state;
	for (size_t length = 0; length < body.length; length++) {
		uint8_t *copy = memory_copy(body.bytes, length);
		struct bgp_update update;
		struct arena arena = {0};

		bgp_update_decode((struct wire_span){copy, length}, &codec, NULL, &arena, &update);
		/* Only the cut between the attributes and the NLRI leaves a message. */
		assert_int_equal(
		    update.treatment == BGP_TREATMENT_RESET_SESSION, length != body.length - 4);
		arena_free(&arena);
		free(copy);
	}
	hex_free(body);
}

/* --- The builder --- */

struct build {
	struct bgp_codec codec;
	struct bgp_update_builder builder;
	struct wire_writer writer;
	uint8_t *buffer;
	struct bgp_next_hop next_hop;
};

enum { BUFFER_SIZE = 200000 };

static void build_init(struct build *build, const char *next_hop)
{
	memset(build, 0, sizeof(*build));
	build->codec = (struct bgp_codec){.families = {true, true}, .as4 = true, .external = true};
	build->buffer = memory_allocate(BUFFER_SIZE);
	build->writer = wire_writer_init(build->buffer, BUFFER_SIZE);
	if (next_hop)
		assert_true(ip_address_parse(next_hop, &build->next_hop.address));
}

static bool put(struct build *build, const char *text)
{
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(text, &prefix, NULL));
	return bgp_update_put(&build->builder, &prefix);
}

static void build_free(struct build *build)
{
	free(build->buffer);
}

static void builds_ipv4(void **state)
{
	struct wire_span attributes = hex_bytes(BARE "80 04 04 0000000a");
	struct build build;

	(void)state;
	build_init(&build, "192.0.2.1");
	assert_true(bgp_update_begin_reach(
	    &build.builder, &build.writer, &build.codec, IPV4, attributes, &build.next_hop));
	assert_true(put(&build, "10.0.0.0/8"));
	assert_true(put(&build, "192.0.2.0/25"));
	assert_true(put(&build, "0.0.0.0/0"));
	bgp_update_finish(&build.builder);
	hex_assert("NEXT_HOP stands between AS_PATH and MULTI_EXIT_DISC",
	    wire_writer_span(&build.writer),
	    "ff*16 003a 02 0000 001b" GOOD "80 04 04 0000000a 08 0a 19 c0000200 00");
	build_free(&build);
	hex_free(attributes);
}

static void builds_ipv6(void **state)
{
	struct wire_span attributes = hex_bytes(BARE);
	struct build build;

	(void)state;
	build_init(&build, "2001:db8::1");
	assert_true(bgp_update_begin_reach(
	    &build.builder, &build.writer, &build.codec, IPV6, attributes, &build.next_hop));
	assert_true(put(&build, "2001:db8::/32"));
	assert_true(put(&build, "::/0"));
	bgp_update_finish(&build.builder);
	hex_assert("MP_REACH_NLRI goes first (RFC 7606 5.1)", wire_writer_span(&build.writer),
	    "ff*16 0043 02 0000 002c 90 0e 001b 0002 01 10 20010db8 00*11 01 00 20 20010db8 00 " BARE);
	build_free(&build);
	hex_free(attributes);
}

static void builds_both_next_hops_of_ipv6(void **state)
{
	struct wire_span attributes = hex_bytes(BARE);
	struct build build;

	(void)state;
	build_init(&build, "2001:db8::1");
	assert_true(ip_address_parse("fe80::2", &build.next_hop.link_local));
	assert_true(bgp_update_begin_reach(
	    &build.builder, &build.writer, &build.codec, IPV6, attributes, &build.next_hop));
	assert_true(put(&build, "2001:db8::/32"));
	bgp_update_finish(&build.builder);
	hex_assert("RFC 2545 3", wire_writer_span(&build.writer),
	    "ff*16 0052 02 0000 003b 90 0e 002a 0002 01 20 20010db8 00*11 01 fe80 00*13 02 00 "
	    "20 20010db8" BARE);
	build_free(&build);
	hex_free(attributes);
}

static void builds_ipv4_over_ipv6(void **state)
{
	struct wire_span attributes = hex_bytes(BARE);
	struct build build;

	(void)state;
	build_init(&build, "2001:db8::1");
	assert_true(bgp_update_begin_reach(
	    &build.builder, &build.writer, &build.codec, IPV4, attributes, &build.next_hop));
	assert_true(put(&build, "10.0.0.0/8"));
	bgp_update_finish(&build.builder);
	hex_assert("RFC 8950 3", wire_writer_span(&build.writer),
	    "ff*16 003f 02 0000 0028 90 0e 0017 0001 01 10 20010db8 00*11 01 00 08 0a" BARE);
	build_free(&build);
	hex_free(attributes);
}

static void builds_withdrawals(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, NULL);
	assert_true(bgp_update_begin_unreach(&build.builder, &build.writer, &build.codec, IPV4));
	assert_true(put(&build, "10.0.0.0/8"));
	assert_true(put(&build, "192.0.2.0/24"));
	bgp_update_finish(&build.builder);
	hex_assert(
	    "IPv4", wire_writer_span(&build.writer), "ff*16 001d 02 0006 08 0a 18 c00002 0000");
	build.writer.at = build.writer.start;
	assert_true(bgp_update_begin_unreach(&build.builder, &build.writer, &build.codec, IPV6));
	assert_true(put(&build, "2001:db8::/32"));
	bgp_update_finish(&build.builder);
	hex_assert("IPv6", wire_writer_span(&build.writer),
	    "ff*16 0023 02 0000 000c 90 0f 0008 0002 01 20 20010db8");
	build_free(&build);
}

static bool put_path(struct build *build, uint32_t path_id, const char *text)
{
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(text, &prefix, NULL));
	return bgp_update_put_path(&build->builder, path_id, &prefix);
}

static void rfc7911_3_builds_path_identifiers(void **state)
{
	struct wire_span attributes = hex_bytes(BARE);
	struct build build;

	(void)state;
	build_init(&build, "192.0.2.1");
	assert_true(bgp_update_begin_reach(
	    &build.builder, &build.writer, &build.codec, IPV4, attributes, &build.next_hop));
	assert_true(put_path(&build, 1, "10.0.0.0/8"));
	assert_true(put_path(&build, UINT32_MAX, "10.0.0.0/8"));
	bgp_update_finish(&build.builder);
	hex_assert("announced", wire_writer_span(&build.writer),
	    "ff*16 0037 02 0000 0014" GOOD "00000001 08 0a ffffffff 08 0a");
	build.writer.at = build.writer.start;
	assert_true(bgp_update_begin_unreach(&build.builder, &build.writer, &build.codec, IPV4));
	assert_true(put_path(&build, 2, "0.0.0.0/0"));
	bgp_update_finish(&build.builder);
	hex_assert(
	    "withdrawn", wire_writer_span(&build.writer), "ff*16 001c 02 0005 00000002 00 0000");
	build.writer.at = build.writer.start;
	assert_true(bgp_update_begin_unreach(&build.builder, &build.writer, &build.codec, IPV6));
	assert_true(put_path(&build, 3, "2001:db8::/32"));
	bgp_update_finish(&build.builder);
	hex_assert("IPv6 withdrawn", wire_writer_span(&build.writer),
	    "ff*16 0027 02 0000 0010 90 0f 000c 0002 01 00000003 20 20010db8");
	build_free(&build);
	hex_free(attributes);
}

/* The last octets of a message take a path as a whole or not at all. */
static void a_path_is_not_cut_at_the_limit(void **state)
{
	struct wire_span attributes = hex_bytes(BARE);
	struct build build;

	(void)state;
	for (unsigned left = 0; left <= 12; left++) {
		uint8_t *before;

		build_init(&build, "192.0.2.1");
		assert_true(bgp_update_begin_reach(&build.builder, &build.writer, &build.codec,
		    IPV4, attributes, &build.next_hop));
		build.builder.limit = build.writer.at + left;
		before = build.writer.at;
		assert_int_equal(put_path(&build, 1, "192.0.2.1/32"), left >= 9);
		assert_int_equal(build.writer.at - before, left >= 9 ? 9 : 0);
		build_free(&build);
	}
	hex_free(attributes);
}

static void builds_ends_of_rib(void **state)
{
	uint8_t buffer[64];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	bgp_end_of_rib_encode(&writer, IPV4);
	bgp_end_of_rib_encode(&writer, IPV6);
	hex_assert("RFC 4724 2", wire_writer_span(&writer),
	    "ff*16 0017 02 0000 0000 ff*16 001d 02 0000 0006 80 0f 03 0002 01");
}

static void a_message_without_prefixes_is_taken_back(void **state)
{
	struct wire_span attributes = hex_bytes(BARE);
	struct build build;

	(void)state;
	build_init(&build, "192.0.2.1");
	assert_true(bgp_update_begin_reach(
	    &build.builder, &build.writer, &build.codec, IPV4, attributes, &build.next_hop));
	bgp_update_finish(&build.builder);
	assert_int_equal(wire_written(&build.writer), 0);
	assert_true(bgp_update_begin_unreach(&build.builder, &build.writer, &build.codec, IPV6));
	bgp_update_finish(&build.builder);
	assert_int_equal(wire_written(&build.writer), 0);
	build_free(&build);
	hex_free(attributes);
}

static void attributes_that_leave_no_room_cannot_be_sent(void **state)
{
	struct wire_span attributes = hex_bytes(BARE "d0 08 0fe0 01*4064");
	struct build build;

	(void)state;
	for (unsigned family = 0; family < IP_FAMILIES; family++) {
		build_init(&build, family == IPV4 ? "192.0.2.1" : "2001:db8::1");
		assert_true(bgp_update_begin_reach(&build.builder, &build.writer, &build.codec,
		    family, attributes, &build.next_hop));
		assert_false(put(&build, family == IPV4 ? "10.0.0.0/8" : "2001:db8::/32"));
		bgp_update_finish(&build.builder);
		assert_int_equal(wire_written(&build.writer), 0);
		build.codec.extended_message = true; /* RFC 8654 */
		assert_true(bgp_update_begin_reach(&build.builder, &build.writer, &build.codec,
		    family, attributes, &build.next_hop));
		assert_true(put(&build, family == IPV4 ? "10.0.0.0/8" : "2001:db8::/32"));
		bgp_update_finish(&build.builder);
		assert_true(wire_written(&build.writer) > BGP_MESSAGE_MAX);
		build_free(&build);
	}
	hex_free(attributes);
}

static void needs_room_for_a_whole_message(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, NULL);
	build.writer = wire_writer_init(build.buffer, BGP_MESSAGE_MAX - 1);
	assert_false(bgp_update_begin_unreach(&build.builder, &build.writer, &build.codec, IPV4));
	assert_false(build.writer.failed);
	assert_int_equal(wire_written(&build.writer), 0);
	build.writer = wire_writer_init(build.buffer, BGP_MESSAGE_MAX);
	assert_true(bgp_update_begin_unreach(&build.builder, &build.writer, &build.codec, IPV4));
	build.codec.extended_message = true;
	build.writer = wire_writer_init(build.buffer, BGP_EXTENDED_MESSAGE_MAX - 1);
	assert_false(bgp_update_begin_unreach(&build.builder, &build.writer, &build.codec, IPV4));
	build_free(&build);
}

/* How many prefixes of `length` bits the message took before it was full. */
static unsigned fill(struct build *build, enum ip_family family, unsigned length)
{
	uint8_t bytes[16] = {0x20};
	unsigned count = 0;

	for (;; count++) {
		struct ip_address address;
		struct ip_prefix prefix;

		wire_store_u16(bytes + 2, (uint16_t)count);
		address = ip_address_from_bytes(family, bytes);
		prefix = ip_prefix_from_address(&address, length);
		if (!bgp_update_put(&build->builder, &prefix))
			return count;
	}
}

static unsigned count_nlri(struct wire_span span, enum ip_family family)
{
	struct wire_reader reader = wire_reader_from_span(span);
	struct ip_prefix prefix;
	unsigned count = 0;

	while (bgp_nlri_next(&reader, family, &prefix)) {
		if (!prefix.length)
			continue; /* padding */
		assert_int_equal(wire_load_u16(prefix.bytes + 2), count);
		count++;
	}
	assert_false(reader.failed);
	return count;
}

/* What the message at the start of the buffer holds, in the field where prefixes were put. */
static unsigned count_message(struct build *build, bool withdraw, enum ip_family family)
{
	struct bgp_header header;
	struct bgp_notification notification;
	struct bgp_update update;
	struct arena arena = {0};
	struct wire_span span;
	unsigned count;

	assert_true(bgp_header_decode(
	    build->buffer, build->codec.extended_message, &header, &notification));
	assert_int_equal(header.length, wire_written(&build->writer));
	bgp_update_decode((struct wire_span){build->buffer + 19, header.length - 19u},
	    &build->codec, NULL, &arena, &update);
	assert_int_equal(update.treatment, ACCEPT);
	if (family == IPV4)
		span = withdraw ? update.withdrawn : update.announced;
	else
		span = withdraw ? update.mp_unreach.nlri : update.mp_reach.nlri;
	count = count_nlri(span, family);
	arena_free(&arena);
	return count;
}

/* One message of /32 with `padding` octets of default routes in front. */
static void check_full_message(bool withdraw, enum ip_family family, bool extended,
    unsigned padding, struct wire_span attributes)
{
	const size_t limit = extended ? BGP_EXTENDED_MESSAGE_MAX : BGP_MESSAGE_MAX;
	struct build build;
	unsigned count;

	build_init(&build, family == IPV4 ? "192.0.2.1" : "2001:db8::1");
	build.codec.extended_message = extended;
	build.writer = wire_writer_init(build.buffer, limit);
	assert_true(
	    withdraw ? bgp_update_begin_unreach(&build.builder, &build.writer, &build.codec, family)
		     : bgp_update_begin_reach(&build.builder, &build.writer, &build.codec, family,
			   attributes, &build.next_hop));
	for (unsigned i = 0; i < padding; i++)
		assert_true(put(&build, family == IPV4 ? "0.0.0.0/0" : "::/0"));
	count = fill(&build, family, 32);
	bgp_update_finish(&build.builder);
	assert_false(build.writer.failed);
	assert_true(wire_written(&build.writer) <= limit);
	assert_true(wire_written(&build.writer) + 1 + 4 > limit);
	assert_int_equal(count_message(&build, withdraw, family), count);
	build_free(&build);
}

/*
 * Every kind of message, filled to each of its last octets: it keeps to the limit, could not have
 * taken one more, and decodes to what was put.
 */
static void fills_messages_to_the_limit(void **state)
{
	struct wire_span attributes = hex_bytes(BARE);

	(void)state;
	for (unsigned kind = 0; kind < 8; kind++)
		for (unsigned padding = 0; padding < 5; padding++)
			check_full_message(
			    kind & 4, kind & 1 ? IPV6 : IPV4, kind & 2, padding, attributes);
	hex_free(attributes);
}

/* One builder, one writer, several messages in a row. */
static void writes_messages_one_after_the_other(void **state)
{
	struct wire_span attributes = hex_bytes(BARE);
	struct build build;
	size_t first;

	(void)state;
	build_init(&build, "192.0.2.1");
	assert_true(bgp_update_begin_reach(
	    &build.builder, &build.writer, &build.codec, IPV4, attributes, &build.next_hop));
	assert_true(put(&build, "10.0.0.0/8"));
	bgp_update_finish(&build.builder);
	first = wire_written(&build.writer);
	assert_true(bgp_update_begin_unreach(&build.builder, &build.writer, &build.codec, IPV4));
	assert_true(put(&build, "11.0.0.0/8"));
	bgp_update_finish(&build.builder);
	bgp_end_of_rib_encode(&build.writer, IPV4);
	hex_assert("second and third",
	    (struct wire_span){build.buffer + first, wire_written(&build.writer) - first},
	    "ff*16 0019 02 0002 08 0b 0000 ff*16 0017 02 0000 0000");
	build_free(&build);
	hex_free(attributes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes),
	    cmocka_unit_test(every_cut_has_a_verdict),
	    cmocka_unit_test(builds_ipv4),
	    cmocka_unit_test(builds_ipv6),
	    cmocka_unit_test(builds_both_next_hops_of_ipv6),
	    cmocka_unit_test(builds_ipv4_over_ipv6),
	    cmocka_unit_test(builds_withdrawals),
	    cmocka_unit_test(rfc7911_3_builds_path_identifiers),
	    cmocka_unit_test(a_path_is_not_cut_at_the_limit),
	    cmocka_unit_test(builds_ends_of_rib),
	    cmocka_unit_test(a_message_without_prefixes_is_taken_back),
	    cmocka_unit_test(attributes_that_leave_no_room_cannot_be_sent),
	    cmocka_unit_test(needs_room_for_a_whole_message),
	    cmocka_unit_test(fills_messages_to_the_limit),
	    cmocka_unit_test(writes_messages_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
