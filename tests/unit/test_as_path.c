/* AS paths: RFC 4271 5.1.2 and 9.1.2.2, RFC 5065 5.3, RFC 6793 4.2, RFC 7606 7.2, RFC 7607. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bgp/as_path.h"
#include "bgp/types.h"
#include "hex.h"

/* Builds a path from its printed form: "1 2 {3 4} (5 6) [7]". */
static struct wire_span path_of(struct arena *arena, const char *text, unsigned asn_size)
{
	uint8_t *bytes = arena_allocate(arena, 8192), *count = NULL;
	struct wire_writer writer = wire_writer_init(bytes, 8192);
	uint8_t type = BGP_SEGMENT_SEQUENCE;

	for (; *text; text++) {
		const char *opens = strchr("{([", *text), *closes = strchr("})]", *text);

		if (*text == ' ')
			continue;
		if (opens || closes || *text == '|') {
			type = !opens	      ? BGP_SEGMENT_SEQUENCE
			       : *text == '{' ? BGP_SEGMENT_SET
			       : *text == '(' ? BGP_SEGMENT_CONFED_SEQUENCE
					      : BGP_SEGMENT_CONFED_SET;
			count = NULL;
			continue;
		}
		if (!count) {
			wire_put_u8(&writer, type);
			count = wire_reserve(&writer, 1);
			*count = 0;
		}
		++*count;
		if (asn_size == 4)
			wire_put_u32(&writer, (uint32_t)strtoul(text, (char **)&text, 10));
		else
			wire_put_u16(&writer, (uint16_t)strtoul(text, (char **)&text, 10));
		text--;
	}
	return wire_writer_span(&writer);
}

static void assert_path(const char *name, struct wire_span path, const char *want)
{
	struct text text = {0};

	bgp_as_path_print(path, &text);
	if (strcmp(text.string ? text.string : "", want))
		fail_msg("%s: got %s, want %s", name, text.string ? text.string : "", want);
	text_free(&text);
}

static const struct validity {
	const char *name;
	const char *hex;
	unsigned asn_size;
	unsigned traits;
} validities[] = {
    {"empty is valid", "", 4, 0},
    {"sequence of 2", "02 02 0000fc00 0000fc01", 4, 0},
    {"set", "01 01 00000001", 4, 0},
    {"2-octet sequence", "02 02 fc00 fc01", 2, 0},
    {"two segments", "02 01 00000001 01 02 00000002 00000003", 4, 0},
    {"4-octet AS", "02 01 00010000", 4, BGP_AS_PATH_WIDE},
    {"confederation sequence (5065)", "03 01 00000001", 4, BGP_AS_PATH_CONFEDERATION},
    {"confederation set (5065)", "04 01 00000001", 4, BGP_AS_PATH_CONFEDERATION},
    {"AS 0 (7607)", "02 02 00000001 00000000", 4, BGP_AS_PATH_ZERO},
    {"AS 0 of 2 octets", "02 01 0000", 2, BGP_AS_PATH_ZERO},
    {"unknown segment type 0 (7606 7.2)", "00 01 00000001", 4, BGP_AS_PATH_MALFORMED},
    {"unknown segment type 5 (7606 7.2)", "05 01 00000001", 4, BGP_AS_PATH_MALFORMED},
    {"segment of length zero (7606 7.2)", "02 00", 4, BGP_AS_PATH_MALFORMED},
    {"overrun (7606 7.2)", "02 02 00000001", 4, BGP_AS_PATH_MALFORMED},
    {"underrun: one octet left (7606 7.2)", "02 01 00000001 02", 4, BGP_AS_PATH_MALFORMED},
    {"2-octet path read as 4-octet", "02 01 fc00", 4, BGP_AS_PATH_MALFORMED},
    {"4-octet path read as 2-octet", "02 01 0000fc00", 2, BGP_AS_PATH_MALFORMED | BGP_AS_PATH_ZERO},
};

static void finds_traits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(validities) / sizeof(validities[0]); i++) {
		const struct validity *v = &validities[i];
		struct wire_span span = hex_bytes(v->hex);
		unsigned traits = bgp_as_path_inspect(span, v->asn_size);

		if (traits != v->traits)
			fail_msg("%s: got %x, want %x", v->name, traits, v->traits);
		assert_int_equal(
		    bgp_as_path_is_valid(span, v->asn_size), !(v->traits & BGP_AS_PATH_MALFORMED));
		hex_free(span);
	}
}

static const struct question {
	const char *path;
	unsigned length;
	uint32_t first;
	uint32_t origin;
	unsigned ones; /* occurrences of AS 1 */
} questions[] = {
    {"", 0, 0, 0, 0},
    {"1", 1, 1, 1, 1},
    {"1 2 3", 3, 1, 3, 1},
    {"2 1 1 1", 4, 2, 1, 3},
    {"{1 2}", 1, 0, 0, 1},
    {"3 {1 2 4}", 2, 3, 0, 1},
    {"{3 4} 1", 2, 0, 1, 1},
    {"4200000000 1", 2, 4200000000u, 1, 1},
    {"5 | 6 | 1", 3, 5, 1, 1},
};

static void answers_questions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		const struct question *q = &questions[i];
		struct arena arena = {0};
		struct wire_span path = path_of(&arena, q->path, 4);

		assert_int_equal(bgp_as_path_length(path), q->length);
		assert_int_equal(bgp_as_path_first(path), q->first);
		assert_int_equal(bgp_as_path_origin(path), q->origin);
		assert_int_equal(bgp_as_path_count(path, 1), q->ones);
		arena_free(&arena);
	}
}

static void prints_and_walks(void **state)
{
	static const uint32_t want[] = {1, 2, 3, 4, 5, 6, 7};
	struct arena arena = {0};
	struct wire_span path = path_of(&arena, "1 2 {3 4} 5 {6} 7", 4);
	struct bgp_as_path_walk walk = bgp_as_path_walk_start(path);
	uint32_t asn;

	(void)state;
	assert_path("both segment types", path, "1 2 {3 4} 5 {6} 7");
	for (unsigned i = 0; i < 7; i++) {
		assert_true(bgp_as_path_walk_next(&walk, &asn));
		assert_int_equal(asn, want[i]);
		if (asn == 3)
			assert_int_equal(walk.type, BGP_SEGMENT_SET);
	}
	assert_false(bgp_as_path_walk_next(&walk, &asn));
	assert_false(bgp_as_path_walk_next(&walk, &asn));
	arena_free(&arena);
}

static const struct prepending {
	const char *path;
	unsigned times;
	const char *want;
} prependings[] = {
    {"", 0, ""},
    {"", 1, "9"},
    {"", 3, "9 9 9"},
    {"1 2", 0, "1 2"},
    {"1 2", 2, "9 9 1 2"},
    {"{1 2}", 1, "9 {1 2}"},
    {"1 {2} 3", 1, "9 1 {2} 3"},
};

static void prepends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(prependings) / sizeof(prependings[0]); i++) {
		struct arena arena = {0};
		struct wire_span path = path_of(&arena, prependings[i].path, 4);

		path = bgp_as_path_prepend(&arena, path, 9, prependings[i].times);
		assert_true(bgp_as_path_is_valid(path, 4));
		assert_path(prependings[i].path, path, prependings[i].want);
		arena_free(&arena);
	}
}

/* RFC 4271 5.1.2 b: more than 255 AS numbers go into a new segment in front. */
static void prepends_over_a_full_segment(void **state)
{
	struct arena arena = {0};
	struct wire_span path = bgp_as_path_prepend(&arena, (struct wire_span){0}, 1, 254);

	(void)state;
	assert_int_equal(path.length, 2 + 254 * 4);
	path = bgp_as_path_prepend(&arena, path, 2, 1);
	assert_int_equal(path.length, 2 + 255 * 4);
	path = bgp_as_path_prepend(&arena, path, 3, 1);
	assert_int_equal(path.length, 2 + 4 + 2 + 255 * 4);
	assert_true(bgp_as_path_is_valid(path, 4));
	assert_int_equal(bgp_as_path_length(path), 256);
	assert_int_equal(bgp_as_path_first(path), 3);
	assert_int_equal(bgp_as_path_origin(path), 1);
	path = bgp_as_path_prepend(&arena, path, 4, 1000);
	assert_true(bgp_as_path_is_valid(path, 4));
	assert_int_equal(bgp_as_path_length(path), 1256);
	assert_int_equal(bgp_as_path_count(path, 4), 1000);
	arena_free(&arena);
}

static void narrows_and_widens(void **state)
{
	struct arena arena = {0};
	struct wire_span path = path_of(&arena, "1 65535 {65536 4200000000} 70000", 4);
	bool lossy;
	struct wire_span narrow = bgp_as_path_narrow(&arena, path, &lossy);

	(void)state;
	assert_true(lossy);
	hex_assert(
	    "RFC 6793 4.2.2: AS_TRANS", narrow, "02 02 0001 ffff 01 02 5ba0 5ba0 02 01 5ba0");
	assert_path("widened", bgp_as_path_widen(&arena, narrow), "1 65535 {23456 23456} 23456");
	narrow = bgp_as_path_narrow(&arena, path_of(&arena, "1 {65535}", 4), &lossy);
	assert_false(lossy);
	assert_path("lossless", bgp_as_path_widen(&arena, narrow), "1 {65535}");
	narrow = bgp_as_path_narrow(&arena, (struct wire_span){0}, &lossy);
	assert_false(lossy);
	assert_int_equal(narrow.length, 0);
	arena_free(&arena);
}

static void strips_confederation_segments(void **state)
{
	struct arena arena = {0};
	struct wire_span path = path_of(&arena, "(1 2) 3 [4] {5}", 4);
	struct wire_span plain = path_of(&arena, "3 {5}", 4);

	(void)state;
	assert_path("stripped", bgp_as_path_without_confederation(&arena, path), "3 {5}");
	assert_ptr_equal(bgp_as_path_without_confederation(&arena, plain).bytes, plain.bytes);
	arena_free(&arena);
}

/* RFC 6793 4.2.3 */
static const struct merging {
	const char *name;
	const char *path;
	const char *as4_path;
	const char *want;
} mergings[] = {
    {"same length", "23456 23456", "70000 80000", "70000 80000"},
    {"one old speaker in front", "1 23456 23456", "70000 80000", "1 70000 80000"},
    {"two old speakers in front", "1 2 23456", "70000", "1 2 70000"},
    {"AS4_PATH longer: ignored", "23456", "70000 80000", "23456"},
    {"AS4_PATH longer by a set: ignored", "23456", "70000 {5 6}", "23456"},
    {"set counts one", "1 23456 {23456 23456}", "70000 {80000 90000}", "1 70000 {80000 90000}"},
    {"set taken over as a whole", "{1 2} 23456", "70000", "{1 2} 70000"},
    {"cut inside of a later sequence", "{1 2} 3 23456", "70000", "{1 2} 3 70000"},
    {"AS4_PATH begins with a set", "1 23456", "{70000}", "1 {70000}"},
    {"empty path", "", "", ""},
};

static void merges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mergings) / sizeof(mergings[0]); i++) {
		struct arena arena = {0};
		struct wire_span path = path_of(&arena, mergings[i].path, 2);
		struct wire_span as4_path = path_of(&arena, mergings[i].as4_path, 4);
		struct wire_span merged =
		    bgp_as_path_merge(&arena, bgp_as_path_widen(&arena, path), as4_path);

		assert_true(bgp_as_path_is_valid(merged, 4));
		assert_path(mergings[i].name, merged, mergings[i].want);
		arena_free(&arena);
	}
}

/* Joining the two sequences must not overflow the count of a segment. */
static void merges_long_paths(void **state)
{
	struct arena arena = {0};
	struct wire_span none = {0};
	struct wire_span as4_path = bgp_as_path_prepend(&arena, none, 70000, 250);
	struct wire_span path = bgp_as_path_prepend(&arena, none, 1, 300);
	struct wire_span merged = bgp_as_path_merge(&arena, path, as4_path);

	(void)state;
	assert_true(bgp_as_path_is_valid(merged, 4));
	assert_int_equal(bgp_as_path_length(merged), 300);
	assert_int_equal(bgp_as_path_count(merged, 1), 50);
	assert_int_equal(bgp_as_path_count(merged, 70000), 250);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_traits),
	    cmocka_unit_test(answers_questions),
	    cmocka_unit_test(prints_and_walks),
	    cmocka_unit_test(prepends),
	    cmocka_unit_test(prepends_over_a_full_segment),
	    cmocka_unit_test(narrows_and_widens),
	    cmocka_unit_test(strips_confederation_segments),
	    cmocka_unit_test(merges),
	    cmocka_unit_test(merges_long_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
