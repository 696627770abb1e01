/* Which peers the lists tell apart. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/text.h"
#include "config/peer_classes.h"

static void add(struct peer_classes *classes, char *const *names)
{
	size_t count = 0;

	while (names[count])
		count++;
	peer_classes_add(classes, names, count);
}

#define ADD(classes, ...) add(classes, (char *const[]){__VA_ARGS__, NULL})

/* "a=1 b=2": the classes of all that were named. */
static void assert_classes(struct peer_classes *classes, const char *expected, unsigned count)
{
	struct text text = {NULL, 0, 0};

	peer_classes_number(classes);
	for (size_t i = 0; i < classes->count; i++)
		text_append(&text, "%s%s=%u", i ? " " : "", classes->members[i]->name,
		    classes->members[i]->class);
	assert_string_equal(text.string ? text.string : "", expected);
	assert_int_equal(classes->class_count, count);
	text_free(&text);
}

static void without_lists_all_are_one(void **state)
{
	struct peer_classes classes = {.count = 0};

	(void)state;
	assert_classes(&classes, "", 1);
	assert_null(peer_classes_find(&classes, "a"));
	peer_classes_free(&classes);
}

static void peers_of_the_same_lists_are_one(void **state)
{
	struct peer_classes classes = {.count = 0};

	(void)state;
	ADD(&classes, "a", "b", "c");
	assert_classes(&classes, "a=1 b=1 c=1", 2);
	ADD(&classes, "c", "b", "a", "c");
	assert_classes(&classes, "a=1 b=1 c=1", 2);
	assert_int_equal(peer_classes_find(&classes, "c")->class, 1);
	assert_null(peer_classes_find(&classes, "d"));
	peer_classes_free(&classes);
}

static void each_list_splits(void **state)
{
	struct peer_classes classes = {.count = 0};

	(void)state;
	ADD(&classes, "a", "b", "c");
	ADD(&classes, "b", "d");
	assert_classes(&classes, "a=1 b=2 c=1 d=3", 4);
	ADD(&classes, "c", "b");
	assert_classes(&classes, "a=1 b=2 c=3 d=4", 5);
	ADD(&classes, "a", "b", "c", "d");
	assert_classes(&classes, "a=1 b=2 c=3 d=4", 5);
	peer_classes_free(&classes);
}

/* Whatever the lists: two peers are of one class if and only if the same lists name them. */
static void random_lists_tell_apart_what_differs(void **state)
{
	enum { PEERS = 12, LISTS = 6 };
	uint32_t random = 7;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct peer_classes classes = {.count = 0};
		char names[PEERS][4];
		unsigned in[PEERS] = {0};

		for (unsigned list = 0; list < LISTS; list++) {
			char *chosen[PEERS];
			size_t count = 0;

			for (unsigned p = 0; p < PEERS; p++) {
				random = random * 1664525 + 1013904223;
				snprintf(names[p], sizeof(names[p]), "p%u", p);
				if (random >> 30)
					continue;
				chosen[count++] = names[p];
				in[p] |= 1u << list;
			}
			peer_classes_add(&classes, chosen, count);
		}
		peer_classes_number(&classes);
		for (unsigned p = 0; p < PEERS; p++)
			for (unsigned q = 0; q < PEERS; q++) {
				const struct peer_class_member *a =
				    peer_classes_find(&classes, names[p]);
				const struct peer_class_member *b =
				    peer_classes_find(&classes, names[q]);

				assert_int_equal(!a, !in[p]);
				if (a && b)
					assert_int_equal(a->class == b->class, in[p] == in[q]);
			}
		peer_classes_free(&classes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_lists_all_are_one),
	    cmocka_unit_test(peers_of_the_same_lists_are_one),
	    cmocka_unit_test(each_list_splits),
	    cmocka_unit_test(random_lists_tell_apart_what_differs),
	};

	return cmocka_run_group_tests_name("peer classes", tests, NULL, NULL);
}
