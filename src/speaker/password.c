/*
 * TCP passwords: each is the first line of a file.  They fail closed: without the password there is
 * no session.  The files are watched as the configuration is, so that one that is changed, or
 * mounted late, takes effect without a reload; while one cannot be read it is tried again, for what
 * a watch on its folder does not see.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "speaker/private.h"

#define RETRY_MS 5000

bool speaker_password_read(const char *file, char *password, struct error *error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char content[BGP_PASSWORD_MAX + 3]; /* one more than fits, to see that it does not */
	ssize_t length;

	if (fd < 0)
		return error_set(error, "passwordFile %s: %s", file, strerror(errno));
	length = read(fd, content, sizeof content - 1);
	if (length < 0)
		error_set(error, "passwordFile %s: %s", file, strerror(errno));
	close(fd);
	if (length < 0)
		return false;
	content[length] = '\0';
	content[strcspn(content, "\r\n")] = '\0';
	if (!content[0])
		return error_set(error, "passwordFile %s: it is empty", file);
	if (strlen(content) > BGP_PASSWORD_MAX)
		return error_set(
		    error, "passwordFile %s: longer than %d characters", file, BGP_PASSWORD_MAX);
	strcpy(password, content);
	return true;
}

static void read_again(void *arg)
{
	struct speaker *speaker = arg;

	loop_task_schedule(speaker->loop, &speaker->apply_task);
}

static bool is_file(const void *item, const void *key)
{
	return strcmp(item, key) == 0;
}

static void watch_files(struct speaker *speaker, const char *const *files, size_t count)
{
	struct error error;

	config_watch_free(speaker->password_watch);
	speaker->password_watch = NULL;
	if (!count)
		return;
	speaker->password_watch =
	    config_watch_new(speaker->loop, files, count, read_again, speaker, &error);
	if (!speaker->password_watch)
		log_write(speaker->log, LOG_LEVEL_WARNING, "password files",
		    "%s; only a reload will read them again", error.text);
}

void speaker_passwords_watch(
    struct speaker *speaker, const struct config_peer *const *peers, size_t peer_count)
{
	const char **files = memory_allocate_zero(peer_count + 1, sizeof(char *));
	struct hash_table known = {0};
	size_t count = 0;

	for (size_t i = 0; i < peer_count; i++) {
		char *file = peers[i]->password_file;
		uint64_t hash = file ? hash_string(file, speaker->options.hash_seed) : 0;

		if (!file || hash_table_find(&known, hash, is_file, file))
			continue;
		hash_table_insert(&known, hash, file);
		files[count++] = file;
	}
	hash_table_free(&known);
	if (!speaker->password_watch || !config_watch_is_on(speaker->password_watch, files, count))
		watch_files(speaker, files, count);
	free(files);
}

void speaker_password_retry_later(struct speaker *speaker)
{
	if (!loop_timer_is_running(&speaker->password_timer))
		loop_timer_start(&speaker->password_timer, RETRY_MS);
}

void speaker_passwords_start(struct speaker *speaker)
{
	loop_timer_init(speaker->loop, &speaker->password_timer, read_again, speaker);
}

void speaker_passwords_stop(struct speaker *speaker)
{
	loop_timer_free(&speaker->password_timer);
	config_watch_free(speaker->password_watch);
	speaker->password_watch = NULL;
}
