/*
 * Reading is all or nothing: the objects are collected first, and go to the index only when the
 * whole file has been understood.  A file that cannot be read to its end (a syntax error, a file
 * cut short by a full disk) keeps all of its last good objects; a single object that cannot be
 * understood keeps its own last good version, and the rest of the file counts.
 *
 * Files are opened without blocking and only regular ones are read, so a FIFO or a device with a
 * good name cannot stop the daemon.
 */
#include "k8s/manifest_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "k8s/manifests.h"

#define SIZE_LIMIT ((off_t)64 * 1024 * 1024)
#define PROBLEMS_MAX 100

/* What one reading gave. */
struct reading {
	struct manifest_file *file;
	struct manifest_index *index;
	struct k8s_object **objects;
	size_t count;
	size_t capacity;
	bool keep_all; /* something was lost and it is not known what */
	bool broken; /* the whole file */
};

void manifest_problems_add(struct manifest_problems *problems, const char *format, ...)
{
	struct text text = {NULL, 0, 0};
	va_list arguments;

	if (problems->count > PROBLEMS_MAX)
		return;
	va_start(arguments, format);
	if (problems->count == PROBLEMS_MAX)
		text_append(&text, "there are more problems, not shown");
	else
		text_append_list(&text, format, arguments);
	va_end(arguments);
	problems->texts =
	    memory_grow(problems->texts, &problems->capacity, problems->count + 1, sizeof(char *));
	problems->texts[problems->count++] = text.string;
}

bool manifest_problems_have(const struct manifest_problems *problems, const char *text)
{
	for (size_t i = 0; i < problems->count; i++) {
		if (!strcmp(problems->texts[i], text))
			return true;
	}
	return false;
}

void manifest_problems_clear(struct manifest_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		free(problems->texts[i]);
	free(problems->texts);
	*problems = (struct manifest_problems){NULL, 0, 0};
}

bool manifest_file_has_name(const char *name)
{
	static const char *const endings[] = {".yaml", ".yml", ".json"};
	const size_t length = strlen(name);

	if (name[0] == '.' || name[0] == '#')
		return false;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		const size_t ending = strlen(endings[i]);

		if (length > ending && !strcmp(name + length - ending, endings[i]))
			return true;
	}
	return false;
}

struct manifest_file *manifest_file_new(const char *name)
{
	struct manifest_file *file = memory_allocate_zero(1, sizeof(*file));

	file->name = memory_copy_string(name);
	file->source.name = file->name;
	return file;
}

void manifest_file_free(struct manifest_file *file)
{
	manifest_problems_clear(&file->problems);
	manifest_problems_clear(&file->told);
	free(file->name);
	free(file);
}

static void take_object(void *arg, struct k8s_object *object)
{
	struct reading *reading = arg;

	reading->objects = memory_grow(
	    reading->objects, &reading->capacity, reading->count + 1, sizeof(struct k8s_object *));
	reading->objects[reading->count++] = object;
}

static void take_problem(void *arg, const struct k8s_manifest_problem *problem)
{
	struct reading *reading = arg;
	struct manifest_file *file = reading->file;

	if (problem->line)
		manifest_problems_add(
		    &file->problems, "%s:%zu: %s", file->name, problem->line, problem->what);
	else
		manifest_problems_add(&file->problems, "%s: %s", file->name, problem->what);
	if (problem->whole_file)
		reading->broken = true;
	if (problem->name)
		manifest_index_keep(reading->index, &file->source, problem->kind,
		    problem->namespace, problem->name);
	else
		reading->keep_all = true;
}

static void put_object(struct reading *reading, struct k8s_object *object)
{
	struct manifest_file *file = reading->file;
	const enum k8s_kind kind = object->kind;
	struct text name = {NULL, 0, 0};

	text_append(
	    &name, "%s%s%s", object->namespace, object->namespace[0] ? "/" : "", object->name);
	if (!manifest_index_put(reading->index, &file->source, object))
		manifest_problems_add(&file->problems,
		    "%s: %s %s is in this file twice; the first one counts", file->name,
		    k8s_kind_name(kind), name.string);
	text_free(&name);
}

static void finish_reading(struct reading *reading)
{
	for (size_t i = 0; i < reading->count; i++) {
		if (reading->broken)
			k8s_object_free(reading->objects[i]);
		else
			put_object(reading, reading->objects[i]);
	}
	free(reading->objects);
	/* Last, for an object that is both kept and put counts as put. */
	if (reading->keep_all)
		manifest_index_keep_all(&reading->file->source);
}

/* Reads to the end; NULL and errno if that fails. */
static char *read_all(int fd, size_t size, size_t *length)
{
	char *text = memory_allocate(size + 1);

	*length = 0;
	while (*length < size) {
		const ssize_t got = read(fd, text + *length, size - *length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(text);
			return NULL;
		}
		if (!got)
			break;
		*length += (size_t)got;
	}
	return text;
}

static void read_file(struct reading *reading, int fd, const struct stat *status)
{
	struct k8s_manifest_problem problem = {.whole_file = true};
	size_t length;
	char *text;

	if (!S_ISREG(status->st_mode))
		problem.what = "this is no regular file";
	else if (status->st_size > SIZE_LIMIT)
		problem.what = "the file is larger than 64 MiB";
	if (problem.what) {
		take_problem(reading, &problem);
		return;
	}
	text = read_all(fd, (size_t)status->st_size, &length);
	if (!text) {
		problem.what = strerror(errno);
		take_problem(reading, &problem);
		return;
	}
	k8s_manifest_decode(text, length, take_object, take_problem, reading);
	free(text);
}

static bool stamp_equal(const struct manifest_stamp *a, const struct manifest_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}

static void start_reading(struct manifest_file *file)
{
	manifest_problems_clear(&file->problems);
	manifest_index_begin(&file->source);
	file->touched = false;
	file->read_now = true;
}

bool manifest_file_update(struct manifest_file *file, int directory, struct manifest_index *index)
{
	struct reading reading = {.file = file, .index = index};
	struct manifest_stamp stamp;
	struct stat status;
	int fd = openat(directory, file->name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || fstat(fd, &status) < 0) {
		const struct k8s_manifest_problem problem = {
		    .what = strerror(errno), .whole_file = true};
		const bool is_gone = fd < 0 && errno == ENOENT;

		if (fd >= 0)
			close(fd);
		if (is_gone)
			return false;
		start_reading(file);
		take_problem(&reading, &problem);
		finish_reading(&reading);
		file->known = false;
		return true;
	}
	stamp =
	    (struct manifest_stamp){status.st_dev, status.st_ino, status.st_size, status.st_mtim};
	if (!file->known || file->touched || file->source.needs_reading ||
	    !stamp_equal(&stamp, &file->stamp)) {
		start_reading(file);
		read_file(&reading, fd, &status);
		finish_reading(&reading);
		file->stamp = stamp;
		file->known = true;
	}
	close(fd);
	return true;
}
