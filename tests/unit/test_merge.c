/* What several advertisements for one prefix make together, in any order. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/text.h"
#include "bgp/as_path.h"
#include "bgp/community.h"
#include "speaker/merge.h"

enum { COMMUNITIES_MAX = 4, PARTS_MAX = 3 };

struct part {
	int64_t local_pref; /* -1: none */
	int64_t med;
	uint8_t prepend;
	const char *communities[COMMUNITIES_MAX];
};

struct merge_case {
	struct part parts[PARTS_MAX];
	size_t count;
	const char *expected;
};

static const struct merge_case cases[] = {
    {{{-1, -1, 0, {NULL}}}, 1, "path 0"},
    {{{50, 7, 2, {"1:2"}}}, 1, "pref 50 med 7 path 2 1:2"},
    /* The best of each, whoever has it. */
    {{{200, 30, 2, {"1:2"}}, {300, 20, 3, {"1:1"}}, {100, 40, 1, {"no-export"}}}, 3,
	"pref 300 med 20 path 1 1:1 1:2 no-export"},
    /* What is not said is the default, or the lowest. */
    {{{50, 7, 0, {NULL}}, {-1, -1, 0, {NULL}}}, 2, "path 0"},
    {{{200, 0, 0, {NULL}}, {-1, -1, 0, {NULL}}}, 2, "pref 200 med 0 path 0"},
    {{{100, 9, 0, {NULL}}, {-1, 9, 0, {NULL}}}, 2, "pref 100 med 9 path 0"},
    /* All kinds of communities, each once. */
    {{{-1, -1, 0, {"1:2", "large:1:2:3", "rt:1:2"}},
	 {-1, -1, 0, {"large:1:2:2", "1:2", "rt:[2001:db8::1]:1"}}},
	2, "path 0 1:2 rt:1:2 large:1:2:2 large:1:2:3 rt:[2001:db8::1]:1"},
};

static void fill(const struct part *part, struct bgp_community *communities,
    struct config_advertisement *advertisement)
{
	*advertisement = (struct config_advertisement){
	    .has_local_pref = part->local_pref >= 0,
	    .local_pref = part->local_pref >= 0 ? (uint32_t)part->local_pref : 0,
	    .has_med = part->med >= 0,
	    .med = part->med >= 0 ? (uint32_t)part->med : 0,
	    .as_path_prepend = part->prepend,
	    .communities = communities,
	};
	while (advertisement->community_count < COMMUNITIES_MAX &&
	       part->communities[advertisement->community_count]) {
		const size_t at = advertisement->community_count++;

		assert_true(bgp_community_parse(part->communities[at], &communities[at]));
	}
}

static void print(const struct bgp_attributes *attributes, struct text *text)
{
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_LOCAL_PREF))
		text_append(text, "pref %u ", attributes->local_pref);
	if (bgp_attributes_has(attributes, BGP_ATTRIBUTE_MED))
		text_append(text, "med %u ", attributes->med);
	text_append(text, "path %u", bgp_as_path_length(attributes->as_path));
	for (unsigned kind = 0; kind < BGP_COMMUNITY_KINDS; kind++) {
		const struct wire_span span = attributes->communities[kind];

		for (size_t at = 0; at < span.length; at += bgp_community_size(kind)) {
			text_append(text, " ");
			bgp_community_print(kind, span.bytes + at, text);
		}
	}
}

static void best_of_each_in_any_order(void **state)
{
	static const unsigned char orders[][PARTS_MAX] = {
	    {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct arena arena = {NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bgp_community communities[PARTS_MAX][COMMUNITIES_MAX];
		struct config_advertisement advertisements[PARTS_MAX];

		for (size_t p = 0; p < cases[i].count; p++)
			fill(&cases[i].parts[p], communities[p], &advertisements[p]);
		for (size_t order = 0; order < sizeof(orders) / sizeof(*orders); order++) {
			const struct config_advertisement *parts[PARTS_MAX];
			struct bgp_attributes attributes;
			struct text text = {NULL, 0, 0};
			size_t count = 0;

			for (size_t p = 0; p < PARTS_MAX; p++)
				if (orders[order][p] < cases[i].count)
					parts[count++] = &advertisements[orders[order][p]];
			merge_attributes(&arena, 64512, parts, count, &attributes);
			print(&attributes, &text);
			assert_string_equal(text.string, cases[i].expected);
			text_free(&text);
			arena_reset(&arena);
		}
	}
	arena_free(&arena);
}

static void difference_is_a_conflict(void **state)
{
	const struct config_advertisement plain = {.as_path_prepend = 0};
	const struct config_advertisement same = {.has_local_pref = true,
	    .local_pref = 100,
	    .has_med = true,
	    .med = 0,
	    .community_count = 1};
	const struct config_advertisement other = {.has_local_pref = true, .local_pref = 101};
	const struct config_advertisement far = {.has_med = true, .med = 1, .as_path_prepend = 1};

	(void)state;
	assert_int_equal(merge_conflicts(&plain, &same), 0);
	assert_int_equal(merge_conflicts(&plain, &other), 1 << MERGE_LOCAL_PREF);
	assert_int_equal(merge_conflicts(&far, &same), 1 << MERGE_MED | 1 << MERGE_AS_PATH_PREPEND);
	assert_string_equal(merge_key_name(MERGE_LOCAL_PREF), "localPref");
	assert_string_equal(merge_key_name(MERGE_MED), "med");
	assert_string_equal(merge_key_name(MERGE_AS_PATH_PREPEND), "asPathPrepend");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(best_of_each_in_any_order),
	    cmocka_unit_test(difference_is_a_conflict),
	};

	return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
