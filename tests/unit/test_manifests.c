/*
 * The folder with real files and real inotify: every way in which a manifest comes, changes and
 * goes, what the cluster is told, and which problems stand.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "clock.h"
#include "k8s/manifests.h"

#define WAIT_MS 5000

static bool listing_breaks; /* of a folder that is opened: before its end, with EBADF */

/*
 * The real one, but the first manifest has been read already, and after what the kernel gave
 * together with it there is a descriptor that opens files and cannot be read from.
 */
DIR *opendir(const char *path)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int no_reading;

	if (!directory || !listing_breaks)
		return directory;
	while ((entry = readdir(directory)) && entry->d_name[0] == '.')
		continue;
	no_reading = open(path, O_PATH | O_CLOEXEC);
	if (dup3(no_reading, fd, O_CLOEXEC) < 0)
		abort();
	close(no_reading);
	return directory;
}

struct fixture {
	char folder[300];
	struct loop *loop;
	struct k8s_cluster *cluster;
	struct k8s_manifests *manifests;
	struct text events; /* of the cluster */
	struct text trouble; /* "file: what" lines */
};

static void on_changed(void *arg, const struct k8s_object *object, const struct k8s_object *old)
{
	struct fixture *fixture = arg;

	text_append(&fixture->events, "%c%s ", old ? '~' : '+', object->name);
}

static void on_removed(void *arg, const struct k8s_object *object)
{
	struct fixture *fixture = arg;

	text_append(&fixture->events, "-%s ", object->name);
}

static void on_synced(void *arg)
{
	struct fixture *fixture = arg;

	text_append(&fixture->events, "synced ");
}

static void on_trouble(void *arg, const char *file, const char *what)
{
	struct fixture *fixture = arg;

	text_append(&fixture->trouble, "[%s] %s\n", file, what ? what : "good");
}

static const struct k8s_cluster_ops ops = {on_changed, on_removed, on_synced};

static void clear(struct fixture *fixture)
{
	text_clear(&fixture->events);
	text_append(&fixture->events, "%s", "");
	text_clear(&fixture->trouble);
	text_append(&fixture->trouble, "%s", "");
}

static bool in_slices; /* the turns of the loop have no time */

static int set_up(void **state)
{
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));
	const char *base = getenv("TMPDIR");

	snprintf(fixture->folder, sizeof(fixture->folder), "%s/kbgpd-manifests-XXXXXX",
	    base ? base : "/tmp");
	if (!mkdtemp(fixture->folder))
		return -1;
	fixture->loop = loop_new();
	if (in_slices)
		loop_set_share(fixture->loop, 0);
	fixture->cluster = k8s_cluster_new(3, &ops, fixture);
	clear(fixture);
	listing_breaks = false;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char command[400];
	int status;

	k8s_manifests_free(fixture->manifests);
	k8s_cluster_free(fixture->cluster);
	loop_free(fixture->loop);
	text_free(&fixture->events);
	text_free(&fixture->trouble);
	snprintf(command, sizeof(command), "rm -rf '%s'", fixture->folder);
	status = system(command);
	free(fixture);
	return status;
}

static void start(struct fixture *fixture)
{
	fixture->manifests = k8s_manifests_new(
	    fixture->loop, fixture->folder, fixture->cluster, on_trouble, fixture);
}

static const char *path_of(const struct fixture *fixture, const char *name)
{
	static char paths[4][700];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", fixture->folder, name);
	return path;
}

static void write_file(const struct fixture *fixture, const char *name, const char *text)
{
	FILE *file = fopen(path_of(fixture, name), "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void rename_file(const struct fixture *fixture, const char *from, const char *to)
{
	assert_int_equal(rename(path_of(fixture, from), path_of(fixture, to)), 0);
}

static void remove_file(const struct fixture *fixture, const char *name)
{
	assert_int_equal(unlink(path_of(fixture, name)), 0);
}

/* Runs the loop until the text is there, or the time is over. */
static void wait_for(struct fixture *fixture, const struct text *text, const char *expected)
{
	const uint64_t deadline = loop_now(fixture->loop) + WAIT_MS;

	while (strcmp(text->string, expected) && loop_now(fixture->loop) < deadline)
		loop_run_once(fixture->loop, 50);
	assert_string_equal(text->string, expected);
	clear(fixture);
}

/* Runs the loop long enough for a change to be read, if there were one. */
static void settle(struct fixture *fixture)
{
	const uint64_t deadline = loop_now(fixture->loop) + 120;

	while (loop_now(fixture->loop) < deadline)
		loop_run_once(fixture->loop, 20);
}

#define NODE_A "{apiVersion: v1, kind: Node, metadata: {name: a}}\n"
#define NODE_B "{apiVersion: v1, kind: Node, metadata: {name: b}}\n"
#define NODE_C "{apiVersion: v1, kind: Node, metadata: {name: c}}\n"
#define NODE_A_LABEL "{apiVersion: v1, kind: Node, metadata: {name: a, labels: {x: \"1\"}}}\n"
#define NODE_A_BAD "{apiVersion: v1, kind: Node, metadata: {name: a, labels: {x: 1}}}\n"

static void first_reading_is_done_at_once(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "1.yaml", NODE_A);
	write_file(fixture, "2.yml", NODE_B);
	write_file(fixture, "3.json",
	    "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":"
	    "{\"name\":\"c\"}}");
	write_file(fixture, ".hidden.yaml", "[");
	write_file(fixture, "backup.yaml~", "[");
	write_file(fixture, "README", "[");
	start(fixture);
	assert_string_equal(fixture->events.string, "+a +b +c synced ");
	assert_string_equal(fixture->trouble.string, "");
	assert_true(k8s_cluster_is_synced(fixture->cluster));
}

static void files_come_change_and_go(void **state)
{
	struct fixture *fixture = *state;

	start(fixture);
	wait_for(fixture, &fixture->events, "synced ");
	write_file(fixture, "n.yaml", NODE_A);
	wait_for(fixture, &fixture->events, "+a ");
	write_file(fixture, "n.yaml", NODE_A_LABEL "---\n" NODE_B);
	wait_for(fixture, &fixture->events, "~a +b ");
	write_file(fixture, "n.yaml", NODE_B);
	wait_for(fixture, &fixture->events, "-a ");
	remove_file(fixture, "n.yaml");
	wait_for(fixture, &fixture->events, "-b ");
}

static void file_is_replaced_by_rename(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "n.yaml", NODE_A);
	start(fixture);
	clear(fixture);
	write_file(fixture, ".n.yaml.tmp", NODE_A_LABEL);
	settle(fixture);
	assert_string_equal(fixture->events.string, "");
	rename_file(fixture, ".n.yaml.tmp", "n.yaml");
	wait_for(fixture, &fixture->events, "~a ");
	/* A file under another name gives the same object: nothing happens. */
	rename_file(fixture, "n.yaml", "m.yaml");
	settle(fixture);
	assert_string_equal(fixture->events.string, "");
	assert_int_equal(k8s_cluster_count(fixture->cluster, K8S_NODE), 1);
}

static void touched_file_changes_nothing(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "n.yaml", NODE_A);
	start(fixture);
	clear(fixture);
	write_file(fixture, "n.yaml", NODE_A);
	settle(fixture);
	assert_string_equal(fixture->events.string, "");
}

/* Of two nodes in n.yaml the file has only "a" so far, as somebody writes it anew. */
static FILE *start_over_half_a_file(struct fixture *fixture)
{
	FILE *file;

	write_file(fixture, "n.yaml", NODE_A "---\n" NODE_B);
	start(fixture);
	clear(fixture);
	file = fopen(path_of(fixture, "n.yaml"), "w");
	assert_non_null(file);
	fputs(NODE_A, file);
	fflush(file);
	settle(fixture);
	return file;
}

static void file_being_written_is_not_read_by_halves(void **state)
{
	struct fixture *fixture = *state;
	FILE *file = start_over_half_a_file(fixture);

	assert_string_equal(fixture->events.string, "");
	fputs("---\n{apiVersion: v1, kind: Node, metadata: {name: c}}\n", file);
	assert_int_equal(fclose(file), 0);
	wait_for(fixture, &fixture->events, "+c -b ");
}

/* There is nothing to do until it is closed. */
static void file_being_written_is_not_waited_for_busily(void **state)
{
	struct fixture *fixture = *state;
	uint64_t turns;
	FILE *file;

	write_file(fixture, "n.yaml", NODE_A);
	start(fixture);
	clear(fixture);
	file = fopen(path_of(fixture, "n.yaml"), "a");
	assert_non_null(file);
	fputs("---\n", file);
	fflush(file);
	settle(fixture);
	write_file(fixture, "m.yaml", NODE_A_LABEL); /* comes first from now on */
	wait_for(fixture, &fixture->events, "~a ");
	settle(fixture);
	turns = loop_statistics(fixture->loop)->turns;
	for (unsigned i = 0; i < 20; i++)
		loop_run_once(fixture->loop, 5);
	assert_in_range(loop_statistics(fixture->loop)->turns - turns, 0, 2);
	assert_int_equal(fclose(file), 0);
	settle(fixture);
	remove_file(fixture, "m.yaml");
	wait_for(fixture, &fixture->events, "~a ");
}

/* As truncate() of a path does it; meanwhile others come and go. */
static void file_whose_end_nobody_told_is_read_after_a_minute(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "n.yaml", NODE_A "---\n" NODE_B);
	start(fixture);
	clear(fixture);
	assert_int_equal(truncate(path_of(fixture, "n.yaml"), (off_t)strlen(NODE_A)), 0);
	settle(fixture);
	for (unsigned i = 0; i < 5; i++) {
		write_file(fixture, "m.yaml", i % 2 ? "" : "# nothing\n");
		settle(fixture);
		clock_ahead_ms += 20000;
	}
	wait_for(fixture, &fixture->events, "-b ");
}

static void config_map_link_is_swapped(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mkdir(path_of(fixture, "..v1"), 0700), 0);
	assert_int_equal(mkdir(path_of(fixture, "..v2"), 0700), 0);
	write_file(fixture, "..v1/n.yaml", NODE_A);
	write_file(fixture, "..v2/n.yaml", NODE_B);
	assert_int_equal(symlink("..v1", path_of(fixture, "..data")), 0);
	assert_int_equal(symlink("..data/n.yaml", path_of(fixture, "n.yaml")), 0);
	start(fixture);
	wait_for(fixture, &fixture->events, "+a synced ");
	assert_int_equal(symlink("..v2", path_of(fixture, "..data_tmp")), 0);
	rename_file(fixture, "..data_tmp", "..data");
	wait_for(fixture, &fixture->events, "+b -a ");
}

static void missing_folder_is_trouble_until_it_is_there(void **state)
{
	struct fixture *fixture = *state;
	char expected[700];

	assert_int_equal(rmdir(fixture->folder), 0);
	start(fixture);
	assert_false(k8s_cluster_is_synced(fixture->cluster));
	snprintf(expected, sizeof(expected), "[%s] %s: No such file or directory\n",
	    fixture->folder, fixture->folder);
	assert_string_equal(fixture->trouble.string, expected);
	clear(fixture);
	assert_int_equal(mkdir(fixture->folder, 0700), 0);
	write_file(fixture, "n.yaml", NODE_A);
	snprintf(expected, sizeof(expected), "[%s] good\n", fixture->folder);
	wait_for(fixture, &fixture->trouble, expected);
	assert_true(k8s_cluster_is_synced(fixture->cluster));
	assert_int_equal(k8s_cluster_count(fixture->cluster, K8S_NODE), 1);
	write_file(fixture, "m.yaml", NODE_B);
	wait_for(fixture, &fixture->events, "+b ");
}

/* NULL: there is no problem any more. */
static void wait_for_folder(struct fixture *fixture, const char *problem)
{
	char expected[700];

	if (problem)
		snprintf(expected, sizeof(expected), "[%s] %s: %s\n", fixture->folder,
		    fixture->folder, problem);
	else
		snprintf(expected, sizeof(expected), "[%s] good\n", fixture->folder);
	wait_for(fixture, &fixture->trouble, expected);
}

static void listing_that_breaks_off_takes_nothing_away(void **state)
{
	struct fixture *fixture = *state;
	const char *const *texts;

	write_file(fixture, "m.yaml", NODE_B);
	write_file(fixture, "n.yaml", NODE_A);
	start(fixture);
	clear(fixture);
	listing_breaks = true;
	write_file(fixture, "m.yaml", NODE_B "---\n" NODE_C);
	settle(fixture);
	assert_string_equal(fixture->events.string, "");
	wait_for_folder(fixture, "Bad file descriptor");
	assert_int_equal(k8s_manifests_problems(fixture->manifests, &texts), 1);
	/* Each try fails, and nothing is new about that. */
	for (unsigned i = 0; i < 3; i++) {
		clock_ahead_ms += 1000;
		settle(fixture);
	}
	remove_file(fixture, "n.yaml");
	settle(fixture);
	assert_string_equal(fixture->events.string, "");
	assert_string_equal(fixture->trouble.string, "");
	/* What has happened meanwhile is found without another event. */
	listing_breaks = false;
	clock_ahead_ms += 1000;
	wait_for_folder(fixture, NULL);
	assert_null(k8s_cluster_find(fixture->cluster, K8S_NODE, "", "a"));
	assert_non_null(k8s_cluster_find(fixture->cluster, K8S_NODE, "", "b"));
	assert_non_null(k8s_cluster_find(fixture->cluster, K8S_NODE, "", "c"));
	assert_int_equal(k8s_manifests_problems(fixture->manifests, &texts), 0);
}

static void first_listing_that_breaks_off_is_no_view(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "m.yaml", NODE_B);
	write_file(fixture, "n.yaml", NODE_A);
	listing_breaks = true;
	start(fixture);
	assert_false(k8s_cluster_is_synced(fixture->cluster));
	wait_for_folder(fixture, "Bad file descriptor");
	listing_breaks = false;
	clock_ahead_ms += 1000;
	wait_for(fixture, &fixture->events, "+b +a synced ");
}

/* The tries that follow are not the scan that waits for no close event. */
static void listing_that_breaks_off_makes_no_file_whole(void **state)
{
	struct fixture *fixture = *state;
	FILE *file = start_over_half_a_file(fixture);

	listing_breaks = true;
	write_file(fixture, "m.yaml", NODE_C);
	wait_for_folder(fixture, "Bad file descriptor");
	clock_ahead_ms += 1000;
	settle(fixture);
	listing_breaks = false;
	clock_ahead_ms += 1000;
	wait_for_folder(fixture, NULL);
	assert_int_equal(k8s_cluster_count(fixture->cluster, K8S_NODE), 3);
	assert_int_equal(fclose(file), 0);
	wait_for(fixture, &fixture->events, "-b ");
}

static void folder_that_is_replaced_is_watched_again(void **state)
{
	struct fixture *fixture = *state;
	char aside[320];

	write_file(fixture, "n.yaml", NODE_A);
	start(fixture);
	clear(fixture);
	snprintf(aside, sizeof(aside), "%s.old", fixture->folder);
	assert_int_equal(rename(fixture->folder, aside), 0);
	settle(fixture);
	assert_int_equal(k8s_cluster_count(fixture->cluster, K8S_NODE), 1);
	assert_int_equal(mkdir(fixture->folder, 0700), 0);
	write_file(fixture, "n.yaml", NODE_B);
	wait_for(fixture, &fixture->events, "+b -a ");
	write_file(fixture, "n.yaml", NODE_A);
	wait_for(fixture, &fixture->events, "+a -b ");
	snprintf(aside, sizeof(aside), "rm -rf '%.290s.old'", fixture->folder);
	assert_int_equal(system(aside), 0);
}

static void broken_file_keeps_its_objects(void **state)
{
	struct fixture *fixture = *state;
	const char *const *texts;

	write_file(fixture, "m.yaml", NODE_B);
	write_file(fixture, "n.yaml", NODE_A);
	start(fixture);
	clear(fixture);
	write_file(fixture, "n.yaml", NODE_B "---\na: ]\n");
	wait_for(
	    fixture, &fixture->trouble, "[n.yaml] n.yaml:3: did not find expected node content\n");
	assert_int_equal(k8s_cluster_count(fixture->cluster, K8S_NODE), 2);
	assert_int_equal(k8s_manifests_problems(fixture->manifests, &texts), 1);
	assert_string_equal(texts[0], "n.yaml:3: did not find expected node content");
	/* The same problem again is not told again, and all else goes on. */
	write_file(fixture, "n.yaml", "---\n\na: ]\n");
	remove_file(fixture, "m.yaml");
	wait_for(fixture, &fixture->events, "-b ");
	assert_string_equal(fixture->trouble.string, "");
	write_file(fixture, "n.yaml", NODE_A_LABEL);
	wait_for(fixture, &fixture->trouble, "[n.yaml] good\n");
	assert_int_equal(k8s_manifests_problems(fixture->manifests, &texts), 0);
}

static void bad_object_keeps_its_last_good_version(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "n.yaml", NODE_A_LABEL "---\n" NODE_B);
	start(fixture);
	clear(fixture);
	write_file(fixture, "n.yaml",
	    NODE_A_BAD "---\n{apiVersion: v1, kind: Node, metadata: {name: c}}\n");
	wait_for(fixture, &fixture->events, "+c -b ");
	assert_string_equal(
	    k8s_labels_get(
		&k8s_cluster_find(fixture->cluster, K8S_NODE, "", "a")->node.labels, "x"),
	    "1");
	/* Removed from the file it goes, bad or not. */
	write_file(fixture, "n.yaml", NODE_B);
	wait_for(fixture, &fixture->events, "+b -a -c ");
}

static void object_without_a_name_removes_nothing(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "n.yaml", NODE_A);
	start(fixture);
	clear(fixture);
	write_file(fixture, "n.yaml", NODE_B "---\n{apiVersion: v1, kind: Node}\n");
	wait_for(fixture, &fixture->events, "+b ");
	assert_non_null(k8s_cluster_find(fixture->cluster, K8S_NODE, "", "a"));
}

static const char *label_of_a(const struct fixture *fixture)
{
	const struct k8s_object *object = k8s_cluster_find(fixture->cluster, K8S_NODE, "", "a");
	const char *value = object ? k8s_labels_get(&object->node.labels, "x") : "none";

	return value ? value : "unset";
}

static void first_file_in_name_order_wins(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "5.yaml", NODE_A_LABEL);
	write_file(fixture, "9.yaml", NODE_A);
	start(fixture);
	assert_string_equal(fixture->trouble.string,
	    "[9.yaml] 9.yaml: Node a is in 5.yaml too; that file comes first\n");
	assert_string_equal(label_of_a(fixture), "1");
	clear(fixture);
	/* The loser steps in, and the problem is over. */
	remove_file(fixture, "5.yaml");
	wait_for(fixture, &fixture->trouble, "[9.yaml] good\n");
	assert_string_equal(label_of_a(fixture), "unset");
	/* A new file that comes first takes over; when it goes, the other is back as it was. */
	write_file(fixture, "1.yaml", NODE_A_LABEL);
	wait_for(fixture, &fixture->trouble,
	    "[9.yaml] 9.yaml: Node a is in 1.yaml too; that file comes first\n");
	assert_string_equal(label_of_a(fixture), "1");
	settle(fixture);
	remove_file(fixture, "1.yaml");
	wait_for(fixture, &fixture->trouble, "[9.yaml] good\n");
	assert_string_equal(label_of_a(fixture), "unset");
	remove_file(fixture, "9.yaml");
	wait_for(fixture, &fixture->events, "-a ");
}

static void object_twice_in_a_file_counts_once(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "n.yaml", NODE_A_LABEL "---\n" NODE_A);
	start(fixture);
	assert_string_equal(fixture->trouble.string,
	    "[n.yaml] n.yaml: Node a is in this file twice; the first one counts\n");
	assert_string_equal(label_of_a(fixture), "1");
}

static void what_is_no_file_is_trouble(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mkfifo(path_of(fixture, "fifo.yaml"), 0600), 0);
	assert_int_equal(mkdir(path_of(fixture, "folder.yaml"), 0700), 0);
	write_file(fixture, "huge.json", "");
	assert_int_equal(truncate(path_of(fixture, "huge.json"), 65 * 1024 * 1024), 0);
	start(fixture);
	assert_string_equal(fixture->trouble.string,
	    "[fifo.yaml] fifo.yaml: this is no regular file\n"
	    "[folder.yaml] folder.yaml: this is no regular file\n"
	    "[huge.json] huge.json: the file is larger than 64 MiB\n");
	assert_true(k8s_cluster_is_synced(fixture->cluster));
}

static void problems_of_one_file_have_a_limit(void **state)
{
	struct fixture *fixture = *state;
	FILE *file = fopen(path_of(fixture, "n.yaml"), "w");
	const char *const *texts;
	size_t count;

	assert_non_null(file);
	for (unsigned i = 0; i < 300; i++)
		fputs("---\n17\n", file);
	assert_int_equal(fclose(file), 0);
	start(fixture);
	count = k8s_manifests_problems(fixture->manifests, &texts);
	assert_int_equal(count, 101);
	assert_string_equal(texts[0], "n.yaml:2: this is no Kubernetes object");
	assert_string_equal(texts[100], "there are more problems, not shown");
}

/* Many random changes; in the end the cluster is what a new reading of the folder gives. */
static void random_changes_end_as_a_new_reading(void **state)
{
	static const char *const contents[] = {
	    NODE_A, NODE_B, NODE_A_LABEL, NODE_A "---\n" NODE_B, "", NODE_B "---\n" NODE_A_LABEL};
	struct fixture *fixture = *state;
	struct k8s_cluster *other = k8s_cluster_new(5, NULL, NULL);
	struct k8s_manifests *again;
	const struct k8s_object *object;
	unsigned random = 1;
	size_t cursor = 0;

	start(fixture);
	for (unsigned i = 0; i < 300; i++) {
		char name[20];

		random = random * 1103515245 + 12345;
		snprintf(name, sizeof(name), "%u.yaml", random >> 16 & 3);
		if ((random >> 20 & 3) == 0)
			unlink(path_of(fixture, name));
		else
			write_file(fixture, name, contents[(random >> 24) % 6]);
		if ((random >> 28 & 3) == 0)
			loop_run_once(fixture->loop, 25);
	}
	settle(fixture);
	settle(fixture);
	again = k8s_manifests_new(fixture->loop, fixture->folder, other, NULL, NULL);
	assert_int_equal(
	    k8s_cluster_count(fixture->cluster, K8S_NODE), k8s_cluster_count(other, K8S_NODE));
	while ((object = k8s_cluster_next(other, K8S_NODE, &cursor)))
		assert_true(k8s_object_equal(
		    object, k8s_cluster_find(fixture->cluster, K8S_NODE, "", object->name)));
	k8s_manifests_free(again);
	k8s_cluster_free(other);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

enum { FILES = 50 };

/* A node in each of many files, with the label. */
static void write_many_files(const struct fixture *fixture, const char *label)
{
	for (unsigned i = 0; i < FILES; i++) {
		char name[16], text[128];

		snprintf(name, sizeof(name), "n%02u.yaml", i);
		snprintf(text, sizeof(text),
		    "{apiVersion: v1, kind: Node, metadata: {name: n%02u, labels: {x: %s}}}\n", i,
		    label);
		write_file(fixture, name, text);
	}
}

static unsigned count_changes(const struct fixture *fixture)
{
	unsigned count = 0;

	for (size_t i = 0; i < fixture->events.length; i++)
		count += fixture->events.string[i] == '~';
	return count;
}

static void run_until_changes(struct fixture *fixture, unsigned count)
{
	const uint64_t deadline = loop_now(fixture->loop) + WAIT_MS;

	while (count_changes(fixture) < count && loop_now(fixture->loop) < deadline)
		loop_run_once(fixture->loop, 50);
	assert_true(count_changes(fixture) >= count);
}

/* A change in the middle of a scan is found by the next one. */
static void many_files_are_read_in_slices(void **state)
{
	struct fixture *fixture = *state;

	write_many_files(fixture, "a");
	start(fixture);
	clear(fixture);
	write_many_files(fixture, "b");
	run_until_changes(fixture, 1);
	assert_true(!in_slices || count_changes(fixture) < FILES);
	write_file(fixture, "n00.yaml", NODE_A);
	write_file(fixture, "n49.yaml", NODE_B);
	remove_file(fixture, "n01.yaml");
	for (int i = 0; i < 10; i++)
		settle(fixture);
	assert_non_null(strstr(fixture->events.string, "+a "));
	assert_non_null(strstr(fixture->events.string, "+b "));
	assert_non_null(strstr(fixture->events.string, "-n00 "));
	assert_non_null(strstr(fixture->events.string, "-n01 "));
	assert_non_null(strstr(fixture->events.string, "-n49 "));
	assert_non_null(strstr(fixture->events.string, "~n48 "));
	assert_int_equal(k8s_cluster_count(fixture->cluster, K8S_NODE), FILES - 1);
}

static void source_may_go_in_the_middle_of_a_scan(void **state)
{
	struct fixture *fixture = *state;

	write_many_files(fixture, "a");
	start(fixture);
	write_many_files(fixture, "b");
	run_until_changes(fixture, 3);
	k8s_manifests_free(fixture->manifests);
	fixture->manifests = NULL;
	clear(fixture);
	settle(fixture);
	assert_string_equal(fixture->events.string, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(first_reading_is_done_at_once),
	    TEST(files_come_change_and_go),
	    TEST(file_is_replaced_by_rename),
	    TEST(touched_file_changes_nothing),
	    TEST(file_being_written_is_not_read_by_halves),
	    TEST(file_being_written_is_not_waited_for_busily),
	    TEST(file_whose_end_nobody_told_is_read_after_a_minute),
	    TEST(config_map_link_is_swapped),
	    TEST(missing_folder_is_trouble_until_it_is_there),
	    TEST(listing_that_breaks_off_takes_nothing_away),
	    TEST(first_listing_that_breaks_off_is_no_view),
	    TEST(listing_that_breaks_off_makes_no_file_whole),
	    TEST(folder_that_is_replaced_is_watched_again),
	    TEST(broken_file_keeps_its_objects),
	    TEST(bad_object_keeps_its_last_good_version),
	    TEST(object_without_a_name_removes_nothing),
	    TEST(first_file_in_name_order_wins),
	    TEST(object_twice_in_a_file_counts_once),
	    TEST(what_is_no_file_is_trouble),
	    TEST(problems_of_one_file_have_a_limit),
	    TEST(many_files_are_read_in_slices),
	    TEST(source_may_go_in_the_middle_of_a_scan),
	    TEST(random_changes_end_as_a_new_reading),
	};

	int failed = cmocka_run_group_tests_name("turns with time", tests, NULL, NULL);

	in_slices = true;
	return failed + cmocka_run_group_tests_name("turns without time", tests, NULL, NULL);
}
