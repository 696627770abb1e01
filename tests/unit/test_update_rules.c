/*
 * What a session wants of the UPDATEs it receives beyond what was negotiated: attributes that are
 * passed over, and the AS that a path must begin with (RFC 4271 6.3).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "attribute_vectors.h"

static const struct vector {
	const char *name;
	unsigned options;
	uint8_t ignored; /* a type, 0: none */
	uint32_t first_asn;
	const char *hex;
	uint8_t treatment;
	uint8_t error_type;
	uint8_t subcode;
	const char *want; /* NULL: not looked at */
} vectors[] = {
    /* Attributes that are passed over. */
    {"a known one", EXTERNAL, 8, 0, GOOD "c0 08 04 fc000001", ACCEPT, 0, 0, GOOD_TEXT},
    {"a malformed one", EXTERNAL, 8, 0, GOOD "c0 08 03 fc0000", ACCEPT, 0, 0, GOOD_TEXT},
    {"one with wrong flags", EXTERNAL, 8, 0, GOOD "00 08 04 fc000001", ACCEPT, 0, 0, GOOD_TEXT},
    {"one that is there twice", EXTERNAL, 8, 0, GOOD "c0 08 04 fc000001 c0 08 04 fc000002", ACCEPT,
	0, 0, GOOD_TEXT},
    {"an unknown transitive one", EXTERNAL, 99, 0, GOOD "c0 63 01 07 c0 64 00", ACCEPT, 0, 0,
	GOOD_TEXT " unknown 100 e0 0"},
    {"an unknown well-known one", EXTERNAL, 255, 0, GOOD "40 ff 01 07", ACCEPT, 0, 0, GOOD_TEXT},
    {"AIGP where it is not enabled (7311 3.3)", EXTERNAL, 26, 0, GOOD "80 1a 0b 01 000b 00*8",
	ACCEPT, 0, 0, GOOD_TEXT},
    {"LOCAL_PREF of an internal neighbour", 0, 5, 0, GOOD LOCAL_PREF, ACCEPT, 0, 0, GOOD_TEXT},
    {"one from whom it is not taken", EXTERNAL, 5, 0, GOOD LOCAL_PREF, ACCEPT, 0, 0, GOOD_TEXT},
    {"its declared length still counts", EXTERNAL, 8, 0, GOOD "c0 08 05 fc000001", WITHDRAW, 8, 1,
	NULL},
    {"nothing else is", EXTERNAL, 8, 0, GOOD "c0 10 04 00*4", WITHDRAW, 16, 5, NULL},
    {"it does not make an UPDATE without prefixes one with attributes", EXTERNAL | NO_NLRI, 8, 0,
	"c0 0f 08 0002 01 20 20010db8 c0 08 03 fc0000", WITHDRAW, 15, 4, "unreach ipv6 5"},
    /* What a message cannot be understood without. */
    {"never ORIGIN", EXTERNAL, 1, 0, GOOD, ACCEPT, 0, 0, GOOD_TEXT},
    {"never AS_PATH", EXTERNAL, 2, 0, GOOD, ACCEPT, 0, 0, GOOD_TEXT},
    {"never NEXT_HOP", EXTERNAL, 3, 0, GOOD, ACCEPT, 0, 0, GOOD_TEXT},
    {"never MP_REACH_NLRI", EXTERNAL | NO_NLRI, 14, 0, MP_REACH ORIGIN AS_PATH, ACCEPT, 0, 0,
	"origin IGP path 64512 reach ipv6 5 2001:db8::1"},
    {"never MP_UNREACH_NLRI", EXTERNAL | NO_NLRI, 15, 0, MP_UNREACH, ACCEPT, 0, 0,
	"unreach ipv6 5"},

    /* The first AS. */
    {"the neighbour's (4271 6.3)", EXTERNAL, 0, 64512, GOOD, ACCEPT, 0, 0, GOOD_TEXT},
    {"another one (4271 6.3)", EXTERNAL, 0, 64513, GOOD, WITHDRAW, 2, 11, NULL},
    {"second in the path (4271 6.3)", EXTERNAL, 0, 64513,
	ORIGIN "40 02 0a 02 02 0000fc00 0000fc01" NEXT_HOP, WITHDRAW, 2, 11, NULL},
    {"empty path", EXTERNAL, 0, 64512, ORIGIN "40 02 00" NEXT_HOP, WITHDRAW, 2, 11, NULL},
    {"in a set", EXTERNAL, 0, 64512, ORIGIN "40 02 06 01 01 0000fc00" NEXT_HOP, WITHDRAW, 2, 11,
	NULL},
    {"in MP_REACH_NLRI", EXTERNAL | NO_NLRI, 0, 64513, MP_REACH ORIGIN AS_PATH, WITHDRAW, 2, 11,
	NULL},
    {"of 4 octets behind an old speaker's AS_TRANS", EXTERNAL | OLD, 0, 70000,
	ORIGIN "40 02 06 02 02 5ba0 fc00" NEXT_HOP "c0 11 0a 02 02 00011170 0000fc00", ACCEPT, 0, 0,
	"origin IGP path 70000 64512 via 192.0.2.1"},
    {"nothing is announced", EXTERNAL | NO_NLRI, 0, 64513, AS_PATH, ACCEPT, 0, 0, "path 64512"},
    {"no prefix in MP_REACH_NLRI", EXTERNAL | NO_NLRI, 0, 64513,
	"80 0e 15 0002 01 10 20010db8 00*11 01 00" ORIGIN AS_PATH, ACCEPT, 0, 0,
	"origin IGP path 64512 reach ipv6 0 2001:db8::1"},
    {"only withdrawn", EXTERNAL | NO_NLRI, 0, 64513, MP_UNREACH, ACCEPT, 0, 0, "unreach ipv6 5"},
    {"an AS_PATH that is malformed anyway", EXTERNAL, 0, 64512, ORIGIN "40 02 02 02 00" NEXT_HOP,
	WITHDRAW, 2, 11, NULL},
    {"no AS_PATH", EXTERNAL, 0, 64512, ORIGIN NEXT_HOP, WITHDRAW, 2, 3, NULL},
};

static void check_vector(const struct vector *v, const struct bgp_attributes *attributes,
    const struct bgp_attributes_result *result)
{
	struct text text = {0};

	if (result->treatment != v->treatment || result->error_type != v->error_type ||
	    result->notification.subcode != v->subcode)
		fail_msg("%s: treatment %u type %u error %u/%u", v->name, result->treatment,
		    result->error_type, result->notification.code, result->notification.subcode);
	describe(&text, attributes);
	describe_reach(&text, "reach", &result->mp_reach);
	if (result->mp_reach.present)
		describe_next_hop(&text, &result->mp_next_hop);
	describe_reach(&text, "unreach", &result->mp_unreach);
	if (v->want && strcmp(text.length ? text.string + 1 : "", v->want))
		fail_msg("%s: got \"%s\"", v->name, text.string);
	text_free(&text);
}

static void decodes_by_the_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct wire_span span = hex_bytes(v->hex);
		struct bgp_codec codec = codec_of(v->options);
		struct bgp_update_rules rules = {.first_asn = v->first_asn};
		struct bgp_attributes attributes;
		struct bgp_attributes_result result;
		struct arena arena = {0};

		if (v->ignored)
			rules.ignored[v->ignored / 64] |= (uint64_t)1 << v->ignored % 64;
		bgp_attributes_decode(
		    span, &codec, &rules, !(v->options & NO_NLRI), &arena, &attributes, &result);
		check_vector(v, &attributes, &result);
		arena_free(&arena);
		hex_free(span);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(decodes_by_the_rules)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
