/* Communities: RFC 1997, 4360, 5668, 5701, 8092, 10005; text forms and set operations. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bgp/community.h"
#include "hex.h"

/* Text that parses to these bytes, and is printed for them. */
static const struct form {
	const char *text;
	enum bgp_community_kind kind;
	const char *hex;
} forms[] = {
    {"64512:100", BGP_COMMUNITY_STANDARD, "fc00 0064"},
    {"0:0", BGP_COMMUNITY_STANDARD, "0000 0000"},
    {"65535:1", BGP_COMMUNITY_STANDARD, "ffff 0001 "},
    {"no-export", BGP_COMMUNITY_STANDARD, "ffffff01"},
    {"no-advertise", BGP_COMMUNITY_STANDARD, "ffffff02"},
    {"no-export-subconfed", BGP_COMMUNITY_STANDARD, "ffffff03"},
    {"no-peer", BGP_COMMUNITY_STANDARD, "ffffff04"},
    {"graceful-shutdown", BGP_COMMUNITY_STANDARD, "ffff0000"},
    {"blackhole", BGP_COMMUNITY_STANDARD, "ffff029a"},
    {"large:64512:1:2", BGP_COMMUNITY_LARGE, "0000fc00 00000001 00000002"},
    {"large:4294967295:0:4294967295", BGP_COMMUNITY_LARGE, "ffffffff 00000000 ffffffff"},
    {"rt:64512:1", BGP_COMMUNITY_EXTENDED, "0002 fc00 00000001"},
    {"rt:64512:4294967295", BGP_COMMUNITY_EXTENDED, "0002 fc00 ffffffff"},
    {"soo:64512:7", BGP_COMMUNITY_EXTENDED, "0003 fc00 00000007"},
    {"rt:192.0.2.1:5", BGP_COMMUNITY_EXTENDED, "0102 c0000201 0005"},
    {"rt:4200000000:5", BGP_COMMUNITY_EXTENDED, "0202 fa56ea00 0005"},
    {"soo:70000:5", BGP_COMMUNITY_EXTENDED, "0203 00011170 0005"},
    {"bandwidth:64512:1.25e9", BGP_COMMUNITY_EXTENDED, "4004 fc00 4e9502f9"},
    {"bandwidth:0:0", BGP_COMMUNITY_EXTENDED, "4004 0000 00000000"},
    {"bandwidth:1:1.4013e-45", BGP_COMMUNITY_EXTENDED, "4004 0001 00000001"},
    {"bandwidth:1:100", BGP_COMMUNITY_EXTENDED, "4004 0001 42c80000"},
    {"bandwidth:1:0.1", BGP_COMMUNITY_EXTENDED, "4004 0001 3dcccccd"},
    {"bandwidth:1:1.0000001", BGP_COMMUNITY_EXTENDED, "4004 0001 3f800001"},
    {"transitive-bandwidth:65535:3.4028235e38", BGP_COMMUNITY_EXTENDED, "0004 ffff 7f7fffff"},
    {"ext:0x4004fc007f800000", BGP_COMMUNITY_EXTENDED, "4004 fc00 7f800000"}, /* infinite */
    {"ext:0x4004fc007fc00000", BGP_COMMUNITY_EXTENDED, "4004 fc00 7fc00000"}, /* no number */
    {"ext:0x4004fc00bf800000", BGP_COMMUNITY_EXTENDED, "4004 fc00 bf800000"}, /* -1 */
    {"ext:0x8004fc003f800000", BGP_COMMUNITY_EXTENDED, "8004 fc00 3f800000"}, /* another type */
    {"ext:0x0202000000010005", BGP_COMMUNITY_EXTENDED, "0202 00000001 0005"},
    {"rt:[2001:db8::1]:100", BGP_COMMUNITY_EXTENDED_IPV6, "0002 20010db8 00*11 01 0064"},
    {"soo:[::]:65535", BGP_COMMUNITY_EXTENDED_IPV6, "0003 00*16 ffff"},
    {"rt:[::ffff:192.0.2.1]:1", BGP_COMMUNITY_EXTENDED_IPV6, "0002 00*10 ffff c0000201 0001"},
    {"ext6:0x400220010db80000000000000000000000010064", BGP_COMMUNITY_EXTENDED_IPV6,
	"4002 20010db8 00*11 01 0064"},
    {"ext6:0x000b20010db80000000000000000000000010064", BGP_COMMUNITY_EXTENDED_IPV6,
	"000b 20010db8 00*11 01 0064"},
};

static void parses_and_prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *form = &forms[i];
		bool accept_own = !strcmp(form->text, "65535:1");
		struct bgp_community community;
		struct text text = {0};

		if (!bgp_community_parse(form->text, &community))
			fail_msg("%s is refused", form->text);
		assert_int_equal(community.kind, form->kind);
		hex_assert(form->text,
		    (struct wire_span){community.bytes, bgp_community_size(form->kind)}, form->hex);
		bgp_community_print(form->kind, community.bytes, &text);
		assert_string_equal(text.string, accept_own ? "accept-own" : form->text);
		text_free(&text);
	}
}

static void refuses_other_text(void **state)
{
	static const char *const texts[] = {"", "1", "1:", ":1", "1:2:3", "65536:1", "1:65536",
	    "1:-1", " 1:2", "1:2 ", "1 :2", "NO-EXPORT", "no-exports", "large:1:2", "large:1:2:3:4",
	    "large:4294967296:1:1", "large:", "rt:", "rt:1", "rt:70000:65536", "rt:1:4294967296",
	    "rt:1.2.3:1", "rt:1.2.3.4:65536", "rt:1.2.3.4", "rt:1.2.3.4.5.6.7.8.9:1", "ext:0x",
	    "ext:0x000200000000000", "ext:0x00020000000000011", "ext:0x000200000000000g", "soo:a:b",
	    "rt:2001:db8::1:100", "rt:[2001:db8::1]", "rt:[2001:db8::1]:", "rt:[2001:db8::1]:65536",
	    "rt:[2001:db8::1:1", "rt:[192.0.2.1]:1", "rt:[]:1", "rt:[2001:db8::1]1",
	    "rt:[::1%lo]:1", "rt:[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:1",
	    "ext6:0x00", "ext6:0x000b20010db800000000000000000000000100640",
	    "ext6:0x000b20010db8000000000000000000000001006", "ext:0x000b20010db80000000000000000",
	    "bandwidth:", "bandwidth:1", "bandwidth:1:", "bandwidth:65536:1", "bandwidth:1:-1",
	    "bandwidth:1: 1", "bandwidth:1:1 ", "bandwidth:1:inf", "bandwidth:1:nan",
	    "bandwidth:1:0x1", "bandwidth:1:1e", "bandwidth:1:1e39", "bandwidth:1:1:1",
	    "transitive-bandwidth:1:.5", "bandwidth:1:1.2.3", "99999999999999999999:1"};
	struct bgp_community community;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (bgp_community_parse(texts[i], &community))
			fail_msg("\"%s\" is accepted", texts[i]);
}

static void rfc10005_link_bandwidth_is_the_lowest_that_is_a_number(void **state)
{
	static const struct {
		const char *hex;
		float bandwidth;
	} cases[] = {
	    {"", 0}, {"0002 fc00 42c80000", 0}, /* a route target */
	    {"4002 fc00 42c80000", 0}, {"4004 fc00 42c80000", 100}, {"0004 fc00 42c80000", 100},
	    {"0004 fc00 42c80000 4004 fc00 3f800000", 1},
	    {"4004 0001 3f800000 4004 0002 42c80000", 1},
	    {"4004 0001 3f800000 4004 0002 00000000", 0}, /* 0 is the lowest */
	    {"4004 0001 bf800000 4004 0002 3f800000", 1}, /* -1 says nothing */
	    {"4004 0001 7f800000", 0}, {"4004 0001 ff800000", 0}, {"4004 0001 7fc00000", 0},
	    {"4004 0001 80000000", 0}, {"4004 0001 3f8000", 0}, /* half an item */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_span span = hex_bytes(cases[i].hex);
		const float got = bgp_communities_link_bandwidth(span);

		if (got < cases[i].bandwidth || got > cases[i].bandwidth)
			fail_msg("%s: %g", cases[i].hex, (double)got);
		hex_free(span);
	}
}

static void assert_set(const char *name, struct wire_span got, const char *hex)
{
	hex_assert(name, got, hex);
}

static void adds_once_and_sorted(void **state)
{
	struct arena arena = {0};
	struct wire_span span = {0}, again;
	struct bgp_community one, two, three;

	(void)state;
	assert_true(bgp_community_parse("1:1", &one));
	assert_true(bgp_community_parse("2:2", &two));
	assert_true(bgp_community_parse("3:3", &three));
	assert_false(bgp_communities_contain(span, &one));
	span = bgp_communities_add(&arena, span, &two);
	span = bgp_communities_add(&arena, span, &three);
	span = bgp_communities_add(&arena, span, &one);
	assert_set("sorted", span, "00010001 00020002 00030003");
	again = bgp_communities_add(&arena, span, &two);
	assert_ptr_equal(again.bytes, span.bytes);
	assert_int_equal(again.length, span.length);
	assert_true(bgp_communities_contain(span, &two));
	arena_free(&arena);
}

static void removes_every_copy(void **state)
{
	struct arena arena = {0};
	struct wire_span span = hex_bytes("00020002 00010001 00020002"), left;
	struct bgp_community two, four;

	(void)state;
	assert_true(bgp_community_parse("2:2", &two));
	assert_true(bgp_community_parse("4:4", &four));
	left = bgp_communities_remove(&arena, span, &four);
	assert_ptr_equal(left.bytes, span.bytes);
	left = bgp_communities_remove(&arena, span, &two);
	assert_set("one left", left, "00010001");
	hex_free(span);
	arena_free(&arena);
}

static void matches_whole_items_only(void **state)
{
	/* 0x00010002 occurs in the bytes, but not on the boundary of an item. */
	struct wire_span span = hex_bytes("00000001 00020000");
	struct bgp_community community;

	(void)state;
	assert_true(bgp_community_parse("1:2", &community));
	assert_false(bgp_communities_contain(span, &community));
	hex_free(span);
}

static void sorts_each_kind(void **state)
{
	static const struct {
		enum bgp_community_kind kind;
		const char *hex, *want;
	} cases[] = {
	    {BGP_COMMUNITY_STANDARD, "00000002 00000001 00000002", "00000001 00000002"},
	    {BGP_COMMUNITY_STANDARD, "ffffff01 00000001", "00000001 ffffff01"},
	    {BGP_COMMUNITY_EXTENDED, "02*8 01*8 02*8 00*8", "00*8 01*8 02*8"},
	    {BGP_COMMUNITY_LARGE, "02*12 01*12 01*12", "01*12 02*12"},
	    {BGP_COMMUNITY_EXTENDED_IPV6, "02*20 01*20 02*20", "01*20 02*20"},
	};
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_span span = hex_bytes(cases[i].hex);
		struct wire_span sorted = bgp_communities_sort(&arena, span, cases[i].kind);

		assert_set("sorted", sorted, cases[i].want);
		assert_ptr_equal(
		    bgp_communities_sort(&arena, sorted, cases[i].kind).bytes, sorted.bytes);
		hex_free(span);
	}
	arena_free(&arena);
}

/* Of each kind more than the small-set algorithm takes. */
static void sorts_many_of_each_kind(void **state)
{
	enum { COUNT = 100 };
	struct arena arena = {0};

	(void)state;
	for (unsigned kind = 0; kind < BGP_COMMUNITY_KINDS; kind++) {
		const unsigned size = bgp_community_size(kind);
		uint8_t bytes[COUNT * BGP_COMMUNITY_SIZE_MAX] = {0};
		struct wire_span sorted;

		for (unsigned i = 0; i < COUNT; i++)
			bytes[i * size + size - 1] = (uint8_t)(COUNT - i);
		sorted = bgp_communities_sort(
		    &arena, (struct wire_span){bytes, (size_t)COUNT * size}, kind);
		assert_int_equal(sorted.length, COUNT * size);
		for (unsigned i = 0; i < COUNT; i++)
			assert_int_equal(sorted.bytes[i * size + size - 1], i + 1);
	}
	arena_free(&arena);
}

static void rfc4360_6_non_transitive_ones_stay_inside_of_the_as(void **state)
{
	static const struct {
		enum bgp_community_kind kind;
		const char *hex, *want;
		bool same;
	} cases[] = {
	    {BGP_COMMUNITY_EXTENDED, "", "", true},
	    {BGP_COMMUNITY_EXTENDED, "0002 01*6 8002 02*6", "0002 01*6 8002 02*6", true},
	    {BGP_COMMUNITY_EXTENDED, "4004 01*6", "", false},
	    {BGP_COMMUNITY_EXTENDED, "0002 01*6 4004 02*6 0003 03*6 4302 04*6 0006 05*6",
		"0002 01*6 0003 03*6 0006 05*6", false},
	    {BGP_COMMUNITY_EXTENDED, "4004 02*6 0003 03*6", "0003 03*6", false},
	    {BGP_COMMUNITY_EXTENDED_IPV6, "0002 01*18 4002 02*18", "0002 01*18", false},
	    {BGP_COMMUNITY_STANDARD, "40000001", "40000001", true},
	    {BGP_COMMUNITY_LARGE, "40*12", "40*12", true},
	};
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_span span = hex_bytes(cases[i].hex);
		struct wire_span left =
		    bgp_communities_without_non_transitive(&arena, span, cases[i].kind);

		assert_set(cases[i].hex, left, cases[i].want);
		assert_int_equal(left.bytes == span.bytes, cases[i].same);
		hex_free(span);
	}
	arena_free(&arena);
}

/* More than the small-set algorithm takes: a reversed run with every item twice. */
static void sorts_thousands(void **state)
{
	enum { COUNT = 8000 };
	struct arena arena = {0};
	uint8_t *bytes = memory_allocate(COUNT * 4);
	struct wire_span sorted;

	(void)state;
	for (uint32_t i = 0; i < COUNT; i++)
		wire_store_u32(bytes + (size_t)i * 4, (COUNT - i) / 2);
	sorted = bgp_communities_sort(
	    &arena, (struct wire_span){bytes, COUNT * 4}, BGP_COMMUNITY_STANDARD);
	assert_int_equal(sorted.length, (COUNT / 2 + 1) * 4);
	for (uint32_t i = 0; i <= COUNT / 2; i++)
		assert_int_equal(wire_load_u32(sorted.bytes + (size_t)i * 4), i);
	free(bytes);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parses_and_prints),
	    cmocka_unit_test(refuses_other_text),
	    cmocka_unit_test(rfc10005_link_bandwidth_is_the_lowest_that_is_a_number),
	    cmocka_unit_test(adds_once_and_sorted),
	    cmocka_unit_test(removes_every_copy),
	    cmocka_unit_test(matches_whole_items_only),
	    cmocka_unit_test(sorts_each_kind),
	    cmocka_unit_test(sorts_many_of_each_kind),
	    cmocka_unit_test(rfc4360_6_non_transitive_ones_stay_inside_of_the_as),
	    cmocka_unit_test(sorts_thousands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
