/*
 * One inotify descriptor with a watch on the folder of each file.  Any event starts a short timer;
 * when that fires the files' identities (device, inode, size, time of change) are compared with
 * what they were, so editors' temporary files and unrelated neighbours cost a stat() and nothing
 * more.  The timer is put off while events go on, but not for ever: a folder may be busy.
 *
 * The watches are asked for anew each time, which changes nothing if they are there: so a folder
 * that was replaced is found again, and one that is missing is waited for.
 */
#include "config/watch.h"

#include <errno.h>
#include <libgen.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/memory.h"

#define QUIET_MS 100
#define QUIET_AT_MOST_MS 1000
#define RETRY_MS 1000

struct watched_file {
	char *name;
	char *folder;
	struct file_identity identity;
};

struct config_watch {
	struct watched_file *files;
	size_t count;
	loop_callback *changed;
	void *arg;
	struct loop *loop;
	struct loop_watch watch;
	struct loop_timer timer;
	uint64_t events_since; /* loop_now() of the first event not acted on; 0: none */
	int fd;
};

/* Notes the identities of now; true if one is another than before. */
static bool look(struct config_watch *watch)
{
	bool changed = false;

	for (size_t i = 0; i < watch->count; i++) {
		struct watched_file *file = &watch->files[i];
		struct file_identity now = file_identify(file->name);

		changed |= !file_identity_equal(&now, &file->identity);
		file->identity = now;
	}
	return changed;
}

/* False if a folder is not there. */
static bool watch_folders(const struct config_watch *watch)
{
	bool all = true;

	for (size_t i = 0; i < watch->count; i++)
		all &= inotify_add_watch(watch->fd, watch->files[i].folder,
			   IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
			       IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) >= 0;
	return all;
}

static void folders_are_quiet(void *arg)
{
	struct config_watch *watch = arg;

	watch->events_since = 0;
	/* Before the look: what happens in between is an event, then. */
	if (!watch_folders(watch))
		loop_timer_start(&watch->timer, RETRY_MS);
	if (look(watch))
		watch->changed(watch->arg); /* may free the watch */
}

/* What happened does not matter: the files themselves are looked at. */
static void folder_changed(void *arg)
{
	struct config_watch *watch = arg;
	uint64_t now = loop_now(watch->loop);
	char events[4096] __attribute__((aligned(8)));

	while (read(watch->fd, events, sizeof events) > 0)
		;
	if (!watch->events_since)
		watch->events_since = now;
	if (now - watch->events_since < QUIET_AT_MOST_MS)
		loop_timer_start(&watch->timer, QUIET_MS);
}

static void add_file(struct config_watch *watch, const char *name)
{
	struct watched_file *file = &watch->files[watch->count++];
	char *copy = memory_copy_string(name);

	file->name = memory_copy_string(name);
	file->folder = memory_copy_string(dirname(copy));
	free(copy);
}

struct config_watch *config_watch_new(struct loop *loop, const char *const *files, size_t count,
    loop_callback *changed, void *arg, struct error *error)
{
	struct config_watch *watch;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0) {
		error_set(error, "cannot be watched: %s", strerror(errno));
		return NULL;
	}
	watch = memory_allocate_zero(1, sizeof *watch);
	watch->files = memory_allocate_zero(count + 1, sizeof *watch->files);
	watch->changed = changed;
	watch->arg = arg;
	watch->loop = loop;
	watch->fd = fd;
	for (size_t i = 0; i < count; i++)
		add_file(watch, files[i]);
	loop_timer_init(loop, &watch->timer, folders_are_quiet, watch);
	loop_watch_start(loop, &watch->watch, fd, folder_changed, NULL, watch);
	if (!watch_folders(watch))
		loop_timer_start(&watch->timer, RETRY_MS);
	look(watch);
	return watch;
}

void config_watch_free(struct config_watch *watch)
{
	if (!watch)
		return;
	loop_watch_stop(&watch->watch);
	loop_timer_free(&watch->timer);
	close(watch->fd);
	for (size_t i = 0; i < watch->count; i++) {
		free(watch->files[i].name);
		free(watch->files[i].folder);
	}
	free(watch->files);
	free(watch);
}

bool config_watch_is_on(const struct config_watch *watch, const char *const *files, size_t count)
{
	if (watch->count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(watch->files[i].name, files[i]) != 0)
			return false;
	return true;
}

void config_watch_look(struct config_watch *watch)
{
	look(watch);
}

void config_watch_expect(struct config_watch *watch, const struct file_identity *read)
{
	watch->files[0].identity = *read;
	loop_timer_start(&watch->timer, QUIET_MS);
}
