/*
 * The folder: a sorted array of its files, an inotify descriptor, and two timers.
 *
 * An event only notes what happened and starts the quiet timer; the scan that follows lists the
 * folder and reads the files that have changed.  It is the scan that decides, by what is there,
 * so events that are lost, doubled or in a strange order do no harm, and the many ways in which
 * files are replaced (written in place, renamed over, the `..data` link of a ConfigMap swapped)
 * need no cases of their own.  A file that somebody is writing into is left for its close event:
 * half a file can be good YAML with half of the objects.
 *
 * New and changed objects of all files go into the cluster before any is removed, so an object
 * that moves from one file to another never goes away in between.
 *
 * A scan goes on from turn to turn, as many files each as there is time for.  Events wait in the
 * kernel until it is over, as if it had been done at once.  Only the first one is done at once: who
 * makes a source of objects finds in the cluster what there is.
 *
 * The slow timer scans every minute, for what inotify cannot see (links that lead out of the
 * folder, a path that leads to another folder now).  While the folder cannot be read to its end
 * there is a try every second, and nothing is taken away: what was known before stays.
 */
#include "k8s/manifests.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/memory.h"
#include "k8s/manifest_file.h"
#include "k8s/manifest_index.h"

/* A file that was closed or renamed into place is whole; its neighbours may be on their way. */
#define WHOLE_MS 1
/* One that vanished may be back in a moment: no flap for that. */
#define QUIET_MS 20
#define QUIET_AT_MOST_MS 500
#define AUDIT_MS 60000
#define RETRY_MS 1000

#define CONTENT_EVENTS (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB)
#define NAME_EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define FOLDER_EVENTS (IN_DELETE_SELF | IN_MOVE_SELF)

struct k8s_manifests {
	struct loop *loop;
	char *folder;
	struct k8s_cluster *cluster;
	k8s_manifests_trouble *trouble;
	void *arg;
	struct manifest_index *index;
	struct manifest_file **files; /* by name */
	size_t count;
	size_t capacity;
	int inotify; /* -1: there is none */
	int watch; /* descriptor of the folder's watch; -1: none */
	struct loop_watch readable;
	struct loop_timer quiet;
	struct loop_timer audit;
	struct loop_task task; /* goes on with the scan */
	DIR *scanned; /* the folder; NULL: no scan runs */
	size_t next; /* file to look at */
	bool unsettled; /* a file has vanished since the last scan */
	uint64_t changed_since; /* of the first event that no scan has seen; 0: none */
	struct manifest_problems folder_problems;
	const char **texts; /* all problems, for the one who asks */
	size_t text_capacity;
	size_t text_count;
	bool complete; /* the folder has been read once */
};

/* Where the file is, or where it belongs. */
static size_t find_place(const struct k8s_manifests *manifests, const char *name)
{
	size_t low = 0;
	size_t high = manifests->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(manifests->files[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct manifest_file *find_or_add_file(struct k8s_manifests *manifests, const char *name)
{
	const size_t at = find_place(manifests, name);

	if (at < manifests->count && !strcmp(manifests->files[at]->name, name))
		return manifests->files[at];
	manifests->files = memory_grow(manifests->files, &manifests->capacity, manifests->count + 1,
	    sizeof(struct manifest_file *));
	memmove(&manifests->files[at + 1], &manifests->files[at],
	    (manifests->count - at) * sizeof(struct manifest_file *));
	manifests->count++;
	return manifests->files[at] = manifest_file_new(name);
}

/* Tells the problems that are new, and the end of the last one. */
static void tell_problems(struct k8s_manifests *manifests, const char *file,
    struct manifest_problems *now, struct manifest_problems *told)
{
	for (size_t i = 0; i < now->count; i++) {
		if (!manifest_problems_have(told, now->texts[i]) && manifests->trouble)
			manifests->trouble(manifests->arg, file, now->texts[i]);
	}
	if (told->count && !now->count && manifests->trouble)
		manifests->trouble(manifests->arg, file, NULL);
	manifest_problems_clear(told);
	*told = *now;
	*now = (struct manifest_problems){NULL, 0, 0};
}

static void tell_file_problems(struct k8s_manifests *manifests, struct manifest_file *file)
{
	struct manifest_problems now = {NULL, 0, 0};
	struct manifest_duplicate duplicate;
	size_t cursor = 0;

	for (size_t i = 0; i < file->problems.count; i++)
		manifest_problems_add(&now, "%s", file->problems.texts[i]);
	while (manifest_index_next_duplicate(manifests->index, &file->source, &cursor, &duplicate))
		manifest_problems_add(&now, "%s: %s %s%s%s is in %s too; that file comes first",
		    file->name, k8s_kind_name(duplicate.kind), duplicate.namespace,
		    duplicate.namespace[0] ? "/" : "", duplicate.name, duplicate.winner);
	tell_problems(manifests, file->name, &now, &file->told);
}

static void tell_folder_problem(struct k8s_manifests *manifests, const char *what)
{
	struct manifest_problems now = {NULL, 0, 0};

	if (what)
		manifest_problems_add(&now, "%s: %s", manifests->folder, what);
	tell_problems(manifests, manifests->folder, &now, &manifests->folder_problems);
}

static void collect_texts(struct k8s_manifests *manifests, const struct manifest_problems *problems)
{
	if (!problems->count)
		return;
	manifests->texts = memory_grow(manifests->texts, &manifests->text_capacity,
	    manifests->text_count + problems->count, sizeof(char *));
	for (size_t i = 0; i < problems->count; i++)
		manifests->texts[manifests->text_count++] = problems->texts[i];
}

static void collect_all_texts(struct k8s_manifests *manifests)
{
	manifests->text_count = 0;
	collect_texts(manifests, &manifests->folder_problems);
	for (size_t i = 0; i < manifests->count; i++)
		collect_texts(manifests, &manifests->files[i]->told);
}

/* Lists the folder: which files are there.  False, and errno, if that is not known of all. */
static bool list_files(struct k8s_manifests *manifests, DIR *directory)
{
	const struct dirent *entry;

	for (size_t i = 0; i < manifests->count; i++)
		manifests->files[i]->present = false;
	do {
		errno = 0;
		entry = readdir(directory);
		if (entry && manifest_file_has_name(entry->d_name))
			find_or_add_file(manifests, entry->d_name)->present = true;
	} while (entry);
	return !errno;
}

static void update_next_file(struct k8s_manifests *manifests)
{
	struct manifest_file *file = manifests->files[manifests->next++];

	file->read_now = false;
	if (file->present && !file->writing)
		file->present =
		    manifest_file_update(file, dirfd(manifests->scanned), manifests->index);
}

/* Removals come after all changes; then the files that are gone are forgotten. */
static void finish_files(struct k8s_manifests *manifests)
{
	size_t kept = 0;

	for (size_t i = 0; i < manifests->count; i++) {
		struct manifest_file *file = manifests->files[i];

		if (!file->present)
			manifest_index_begin(&file->source);
		if (!file->present || file->read_now)
			manifest_index_finish(manifests->index, &file->source);
	}
	for (size_t i = 0; i < manifests->count; i++) {
		struct manifest_file *file = manifests->files[i];

		if (!file->present)
			manifest_problems_clear(&file->problems);
		tell_file_problems(manifests, file);
		if (file->present)
			manifests->files[kept++] = file;
		else
			manifest_file_free(file);
	}
	manifests->count = kept;
}

/*
 * True if an object of a file is wanted that only another reading can give.  That of one that is
 * being written waits for its end, which is an event.
 */
static bool needs_another_scan(const struct k8s_manifests *manifests)
{
	for (size_t i = 0; i < manifests->count; i++) {
		const struct manifest_file *file = manifests->files[i];

		if (file->source.needs_reading && !file->writing)
			return true;
	}
	return false;
}

/* Scans that events ask for do not put off the one that trusts no event. */
static void start_audit_timer(struct k8s_manifests *manifests)
{
	if (manifests->watch < 0)
		loop_timer_start(&manifests->audit, RETRY_MS);
	else if (!loop_timer_is_running(&manifests->audit))
		loop_timer_start(&manifests->audit, AUDIT_MS);
}

/* Puts the watch on what the path leads to now; before the listing, so that nothing is missed. */
static void watch_folder(struct k8s_manifests *manifests)
{
	const int old = manifests->watch;

	if (manifests->inotify < 0)
		return;
	manifests->watch = inotify_add_watch(manifests->inotify, manifests->folder,
	    CONTENT_EVENTS | NAME_EVENTS | FOLDER_EVENTS | IN_ONLYDIR);
	if (old >= 0 && old != manifests->watch)
		inotify_rm_watch(manifests->inotify, old);
}

static void end_scan(struct k8s_manifests *manifests)
{
	const bool first = !manifests->complete;

	finish_files(manifests);
	manifests->complete = true;
	if (first)
		k8s_cluster_end_view(manifests->cluster);
	closedir(manifests->scanned);
	manifests->scanned = NULL;
	loop_watch_set(&manifests->readable, LOOP_READ);
	tell_folder_problem(manifests,
	    manifests->watch < 0 ? "it cannot be watched; it is read every second" : NULL);
	start_audit_timer(manifests);
	if (needs_another_scan(manifests))
		loop_timer_start(&manifests->quiet, 0);
	collect_all_texts(manifests);
}

static void go_on_scanning(void *arg)
{
	struct k8s_manifests *manifests = arg;

	loop_name_work(manifests->loop, "manifests");
	while (manifests->next < manifests->count) {
		update_next_file(manifests);
		if (manifests->complete && loop_should_yield(manifests->loop)) {
			loop_task_schedule(manifests->loop, &manifests->task);
			return;
		}
	}
	end_scan(manifests);
}

/*
 * What is known stays.  As long as there are events, the next try is no scan that trusts none of
 * them: it would take a file that is being written for a whole one.
 */
static void put_off_scan(struct k8s_manifests *manifests, const char *why)
{
	tell_folder_problem(manifests, why);
	if (manifests->scanned)
		closedir(manifests->scanned);
	manifests->scanned = NULL;
	loop_timer_start(manifests->watch < 0 ? &manifests->audit : &manifests->quiet, RETRY_MS);
	collect_all_texts(manifests);
}

static void scan(struct k8s_manifests *manifests)
{
	if (manifests->scanned)
		return;
	loop_name_work(manifests->loop, "manifests");
	loop_timer_stop(&manifests->quiet);
	manifests->changed_since = 0;
	manifests->unsettled = false;
	watch_folder(manifests);
	manifests->scanned = opendir(manifests->folder);
	if (!manifests->scanned || !list_files(manifests, manifests->scanned)) {
		put_off_scan(manifests, strerror(errno));
		return;
	}
	if (!manifests->complete)
		k8s_cluster_begin_view(manifests->cluster);
	loop_watch_set(&manifests->readable, 0);
	manifests->next = 0;
	go_on_scanning(manifests);
}

static void on_quiet(void *arg)
{
	scan(arg);
}

static void on_audit(void *arg)
{
	struct k8s_manifests *manifests = arg;

	/* A close event may have been lost; nobody writes one manifest for a minute. */
	for (size_t i = 0; i < manifests->count; i++)
		manifests->files[i]->writing = false;
	scan(manifests);
}

static void note_content(struct k8s_manifests *manifests, const struct inotify_event *event)
{
	struct manifest_file *file;

	if (!(event->mask & (IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE)))
		return;
	file = find_or_add_file(manifests, event->name);
	file->writing = (event->mask & IN_MODIFY) != 0;
	file->touched = true;
}

/* Returns true if the event can mean a change of a manifest. */
static bool note_event(struct k8s_manifests *manifests, const struct inotify_event *event)
{
	if (event->mask & IN_Q_OVERFLOW) {
		for (size_t i = 0; i < manifests->count; i++) {
			manifests->files[i]->writing = false;
			manifests->files[i]->touched = true;
		}
		return true;
	}
	if (event->wd != manifests->watch)
		return false;
	if (event->mask & IN_IGNORED)
		manifests->watch = -1;
	if (!event->len)
		return true;
	if (manifest_file_has_name(event->name)) {
		manifests->unsettled |= (event->mask & (IN_DELETE | IN_MOVED_FROM)) != 0;
		note_content(manifests, event);
		return true;
	}
	/* ConfigMap volumes: the link ..data is renamed over; all else that is hidden is noise. */
	return event->name[0] != '.' || event->name[1] == '.';
}

static void start_quiet_timer(struct k8s_manifests *manifests)
{
	const uint64_t now = loop_now(manifests->loop);

	if (!manifests->changed_since)
		manifests->changed_since = now;
	if (now - manifests->changed_since < QUIET_AT_MOST_MS)
		loop_timer_start(&manifests->quiet, manifests->unsettled ? QUIET_MS : WHOLE_MS);
}

static void on_readable(void *arg)
{
	struct k8s_manifests *manifests = arg;
	_Alignas(struct inotify_event) char buffer[16384];
	bool relevant = false;
	ssize_t length;

	while ((length = read(manifests->inotify, buffer, sizeof(buffer))) > 0) {
		for (const char *at = buffer; at < buffer + length;) {
			const struct inotify_event *event = (const void *)at;

			relevant = note_event(manifests, event) || relevant;
			at += sizeof(*event) + event->len;
		}
	}
	if (relevant)
		start_quiet_timer(manifests);
}

struct k8s_manifests *k8s_manifests_new(struct loop *loop, const char *folder,
    struct k8s_cluster *cluster, k8s_manifests_trouble *trouble, void *arg)
{
	struct k8s_manifests *manifests = memory_allocate_zero(1, sizeof(*manifests));
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) < 0)
		seed = loop_now(loop);
	manifests->loop = loop;
	manifests->folder = memory_copy_string(folder);
	manifests->cluster = cluster;
	manifests->trouble = trouble;
	manifests->arg = arg;
	manifests->index = manifest_index_new(cluster, seed);
	manifests->watch = -1;
	manifests->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	loop_timer_init(loop, &manifests->quiet, on_quiet, manifests);
	loop_timer_init(loop, &manifests->audit, on_audit, manifests);
	loop_task_init(&manifests->task, go_on_scanning, manifests);
	if (manifests->inotify >= 0) {
		loop_watch_start(
		    loop, &manifests->readable, manifests->inotify, on_readable, NULL, manifests);
		loop_watch_set(&manifests->readable, LOOP_READ);
	}
	scan(manifests);
	return manifests;
}

void k8s_manifests_free(struct k8s_manifests *manifests)
{
	if (!manifests)
		return;
	loop_timer_free(&manifests->quiet);
	loop_timer_free(&manifests->audit);
	loop_task_cancel(manifests->loop, &manifests->task);
	if (manifests->scanned)
		closedir(manifests->scanned);
	if (manifests->inotify >= 0) {
		loop_watch_stop(&manifests->readable);
		close(manifests->inotify);
	}
	for (size_t i = 0; i < manifests->count; i++) {
		manifest_index_forget(manifests->index, &manifests->files[i]->source);
		manifest_file_free(manifests->files[i]);
	}
	manifest_problems_clear(&manifests->folder_problems);
	manifest_index_free(manifests->index);
	free(manifests->files);
	free(manifests->texts);
	free(manifests->folder);
	free(manifests);
}

size_t k8s_manifests_problems(const struct k8s_manifests *manifests, const char *const **texts)
{
	*texts = manifests->texts;
	return manifests->text_count;
}
