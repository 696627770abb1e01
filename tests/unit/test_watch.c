/*
 * The watch on files, in a folder of its own under /tmp: every way in which a file is changed is
 * told once, and nothing else is told.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "clock.h"
#include "config/watch.h"

/* Longer than the watch waits for quiet, and than it waits at most. */
#define SETTLE_MS 400
#define BUSY_MS 2500

struct rig {
	struct loop *loop;
	char folder[64];
	struct config_watch *watch;
	int calls;
};

static char *path(const struct rig *rig, const char *name)
{
	struct text text = {0};
	char *copy;

	text_append(&text, "%s/%s", rig->folder, name);
	copy = memory_copy_string(text.string);
	text_free(&text);
	return copy;
}

static void write_file(const struct rig *rig, const char *name, const char *content)
{
	char *file = path(rig, name);
	FILE *stream = fopen(file, "w");

	assert_non_null(stream);
	fputs(content, stream);
	fclose(stream);
	free(file);
}

static void rename_file(const struct rig *rig, const char *from, const char *to)
{
	char *old = path(rig, from), *new = path(rig, to);

	assert_int_equal(rename(old, new), 0);
	free(old);
	free(new);
}

static void make_link(const struct rig *rig, const char *target, const char *name)
{
	char *link = path(rig, name);

	assert_int_equal(symlink(target, link), 0);
	free(link);
}

static void make_folder(const struct rig *rig, const char *name)
{
	char *folder = path(rig, name);

	assert_int_equal(mkdir(folder, 0700), 0);
	free(folder);
}

static void note_change(void *arg)
{
	((struct rig *)arg)->calls++;
}

static void run_for(const struct rig *rig, uint64_t time_ms)
{
	uint64_t end = loop_now(rig->loop) + time_ms;

	while (loop_now(rig->loop) < end)
		loop_run_once(rig->loop, 10);
}

static void watch_files(struct rig *rig, const char *const *names, size_t count)
{
	const char **files = memory_allocate_zero(count, sizeof(char *));
	struct error error;

	for (size_t i = 0; i < count; i++)
		files[i] = path(rig, names[i]);
	rig->watch = config_watch_new(rig->loop, files, count, note_change, rig, &error);
	assert_non_null(rig->watch);
	for (size_t i = 0; i < count; i++)
		free((char *)files[i]);
	free(files);
}

static void watch_file(struct rig *rig, const char *name)
{
	watch_files(rig, &name, 1);
}

static int setup(void **state)
{
	struct rig *rig = memory_allocate_zero(1, sizeof *rig);

	strcpy(rig->folder, "/tmp/test_watch.XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	rig->loop = loop_new();
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	struct text command = {0};

	config_watch_free(rig->watch);
	loop_free(rig->loop);
	text_append(&command, "rm -rf '%s'", rig->folder);
	assert_int_equal(system(command.string), 0);
	text_free(&command);
	free(rig);
	return 0;
}

static void written_in_place(void **state)
{
	struct rig *rig = *state;

	write_file(rig, "file", "old");
	watch_file(rig, "file");
	write_file(rig, "file", "newer");
	write_file(rig, "file", "newest");
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 1);
}

static void replaced_by_a_rename(void **state)
{
	struct rig *rig = *state;

	write_file(rig, "file", "old");
	watch_file(rig, "file");
	write_file(rig, ".file.swp", "new");
	rename_file(rig, ".file.swp", "file");
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 1);
}

static void swapped_as_a_config_map(void **state)
{
	struct rig *rig = *state;

	make_folder(rig, "..1");
	make_folder(rig, "..2");
	write_file(rig, "..1/file", "same");
	write_file(rig, "..2/file", "same");
	make_link(rig, "..1", "..data");
	make_link(rig, "..data/file", "file");
	watch_file(rig, "file");
	make_link(rig, "..2", "..data_tmp");
	rename_file(rig, "..data_tmp", "..data");
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 1);
}

static void appears_and_goes(void **state)
{
	struct rig *rig = *state;
	char *file = path(rig, "file");

	watch_file(rig, "file");
	write_file(rig, "file", "new");
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 1);
	assert_int_equal(unlink(file), 0);
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 2);
	free(file);
}

static void neighbours_are_no_news(void **state)
{
	struct rig *rig = *state;

	write_file(rig, "file", "old");
	watch_file(rig, "file");
	write_file(rig, "other", "new");
	rename_file(rig, "other", "another");
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 0);
}

static void what_was_looked_at_is_no_news(void **state)
{
	struct rig *rig = *state;

	write_file(rig, "file", "old");
	watch_file(rig, "file");
	write_file(rig, "file", "newer");
	config_watch_look(rig->watch);
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 0);
	write_file(rig, "file", "newest");
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 1);
}

static void knows_its_files(void **state)
{
	static const char *const names[] = {"a", "b"}, *const swapped[] = {"b", "a"};
	struct rig *rig = *state;
	struct error error;

	rig->watch = config_watch_new(rig->loop, names, 2, note_change, rig, &error);
	assert_true(config_watch_is_on(rig->watch, names, 2));
	assert_false(config_watch_is_on(rig->watch, names, 1));
	assert_false(config_watch_is_on(rig->watch, swapped, 2));
}

static void several_files_in_several_folders(void **state)
{
	static const char *const names[] = {"a/file", "b/file", "a/other"};
	struct rig *rig = *state;

	make_folder(rig, "a");
	make_folder(rig, "b");
	watch_files(rig, names, 3);
	write_file(rig, "b/file", "new");
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 1);
	write_file(rig, "a/other", "new");
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 2);
}

static void folder_that_comes_later(void **state)
{
	struct rig *rig = *state;

	watch_file(rig, "late/file");
	make_folder(rig, "late");
	write_file(rig, "late/file", "new");
	run_for(rig, 1000 + SETTLE_MS);
	assert_int_equal(rig->calls, 1);
	write_file(rig, "late/file", "newer");
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 2);
}

static void folder_that_is_replaced(void **state)
{
	struct rig *rig = *state;

	make_folder(rig, "folder");
	write_file(rig, "folder/file", "old");
	watch_file(rig, "folder/file");
	rename_file(rig, "folder", "was");
	make_folder(rig, "folder");
	write_file(rig, "folder/file", "new");
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 1);
	write_file(rig, "folder/file", "newer");
	run_for(rig, SETTLE_MS);
	assert_int_equal(rig->calls, 2);
}

static void busy_folder_puts_nothing_off_for_ever(void **state)
{
	struct rig *rig = *state;
	uint64_t end;

	write_file(rig, "file", "old");
	watch_file(rig, "file");
	write_file(rig, "file", "newer");
	end = loop_now(rig->loop) + BUSY_MS;
	while (!rig->calls && loop_now(rig->loop) < end) {
		write_file(rig, "neighbour", "noise");
		loop_run_once(rig->loop, 10);
	}
	assert_int_equal(rig->calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(written_in_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(replaced_by_a_rename, setup, teardown),
	    cmocka_unit_test_setup_teardown(swapped_as_a_config_map, setup, teardown),
	    cmocka_unit_test_setup_teardown(appears_and_goes, setup, teardown),
	    cmocka_unit_test_setup_teardown(neighbours_are_no_news, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_was_looked_at_is_no_news, setup, teardown),
	    cmocka_unit_test_setup_teardown(knows_its_files, setup, teardown),
	    cmocka_unit_test_setup_teardown(several_files_in_several_folders, setup, teardown),
	    cmocka_unit_test_setup_teardown(folder_that_comes_later, setup, teardown),
	    cmocka_unit_test_setup_teardown(folder_that_is_replaced, setup, teardown),
	    cmocka_unit_test_setup_teardown(busy_folder_puts_nothing_off_for_ever, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
