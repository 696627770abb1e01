/*
 * TCP passwords: each is the first line of a file, or of a value of a Secret.  They fail closed:
 * without the password there is no session.  The files are watched as the configuration is, so that
 * one that is changed, or mounted late, takes effect without a reload; while one cannot be read it
 * is tried again, for what a watch on its folder does not see.
 *
 * A Secret is what the cluster knows of it.  While the API server cannot be reached that is what it
 * was last: sessions stay up.  One that is deleted, or has lost its key, takes them down.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "speaker/private.h"

#define RETRY_MS 5000
/* Each is followed by requests of its own. */
#define SECRETS_MAX 64

/* The first line of what was read, as far as it was. */
static bool take_line(char *content, char *password, const char *where, struct error *error)
{
	content[strcspn(content, "\r\n")] = '\0';
	if (!content[0])
		return error_set(error, "%s: it is empty", where);
	if (strlen(content) > BGP_PASSWORD_MAX)
		return error_set(error, "%s: longer than %d characters", where, BGP_PASSWORD_MAX);
	strcpy(password, content);
	return true;
}

static bool read_file(const char *file, char *password, struct error *error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char content[BGP_PASSWORD_MAX + 3]; /* one more than fits, to see that it does not */
	struct error where;
	ssize_t length;
	bool good;

	error_set(&where, "passwordFile %s", file);
	if (fd < 0)
		return error_set(error, "%s: %s", where.text, strerror(errno));
	length = read(fd, content, sizeof content - 1);
	if (length < 0)
		error_set(error, "%s: %s", where.text, strerror(errno));
	close(fd);
	if (length < 0)
		return false;
	content[length] = '\0';
	good = take_line(content, password, where.text, error);
	explicit_bzero(content, sizeof content);
	return good;
}

static bool take_value(
    const struct k8s_secret_value *value, char *password, const char *where, struct error *error)
{
	char content[K8S_SECRET_VALUE_MAX + 1];
	bool good;

	if (!value)
		return error_set(error, "%s: the Secret has no such key", where);
	if (!value->bytes)
		return error_set(error, "%s: longer than %d characters", where, BGP_PASSWORD_MAX);
	if (strlen(value->bytes) != value->length)
		return error_set(error, "%s: it has a NUL byte", where);
	memcpy(content, value->bytes, value->length + 1);
	good = take_line(content, password, where, error);
	explicit_bzero(content, sizeof content);
	return good;
}

static bool find_secret(const struct speaker *speaker, const struct config_secret_key *wanted,
    char *password, struct error *error)
{
	const char *namespace = speaker_namespace(speaker);
	const struct k8s_object *object = NULL;
	const char *trouble = "";
	struct error where;
	bool known = true;

	if (namespace)
		object = k8s_cluster_find(speaker->cluster, K8S_SECRET, namespace, wanted->name);
	error_set(&where, "passwordSecret %s/%s, key %s", namespace ? namespace : "", wanted->name,
	    wanted->key);
	if (object)
		return take_value(
		    k8s_secret_find(&object->secret, wanted->key), password, where.text, error);
	if (speaker->api_source)
		known = k8s_api_source_knows_secret(speaker->api_source, wanted->name, &trouble);
	if (known)
		return error_set(error, "%s: there is no such Secret", where.text);
	return error_set(
	    error, "%s: not known yet%s%s", where.text, trouble[0] ? ": " : "", trouble);
}

bool speaker_password_find(const struct speaker *speaker, const struct config_peer *entry,
    char *password, struct error *error)
{
	password[0] = '\0';
	if (entry->password_file)
		return read_file(entry->password_file, password, error);
	if (entry->password_secret.name)
		return find_secret(speaker, &entry->password_secret, password, error);
	return true;
}

bool speaker_password_is_awaited(const struct speaker *speaker, const struct config_peer *entry)
{
	const char *trouble;

	return speaker->api_source && entry->password_secret.name &&
	       !k8s_api_source_knows_secret(
		   speaker->api_source, entry->password_secret.name, &trouble) &&
	       !trouble[0];
}

static void read_again(void *arg)
{
	struct speaker *speaker = arg;

	loop_task_schedule(speaker->loop, &speaker->apply_task);
}

static bool is_same(const void *item, const void *key)
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

/* Of the peers' files, or of their Secrets. */
struct names {
	const char **items;
	size_t count;
	struct hash_table known;
};

static void add_name(const struct speaker *speaker, struct names *names, const char *name)
{
	const uint64_t hash = name ? hash_string(name, speaker->options.hash_seed) : 0;

	if (!name || hash_table_find(&names->known, hash, is_same, name))
		return;
	hash_table_insert(&names->known, hash, (void *)name);
	names->items[names->count++] = name;
}

static void free_names(struct names *names)
{
	hash_table_free(&names->known);
	free(names->items);
}

static void follow_secrets(struct speaker *speaker, const struct names *secrets)
{
	const size_t count = secrets->count < SECRETS_MAX ? secrets->count : SECRETS_MAX;

	if (!speaker->api_source)
		return;
	k8s_api_source_follow_secrets(speaker->api_source, secrets->items, count);
	/* It may turn out to be another one, in which no Secret comes to tell of it. */
	if (count && !k8s_api_source_namespace(speaker->api_source))
		speaker_password_retry_later(speaker);
}

void speaker_passwords_watch(
    struct speaker *speaker, const struct config_peer *const *peers, size_t peer_count)
{
	struct names files = {.items = memory_allocate_zero(peer_count + 1, sizeof(char *))};
	struct names secrets = {.items = memory_allocate_zero(peer_count + 1, sizeof(char *))};

	for (size_t i = 0; i < peer_count; i++) {
		add_name(speaker, &files, peers[i]->password_file);
		add_name(speaker, &secrets, peers[i]->password_secret.name);
	}
	if (!speaker->password_watch ||
	    !config_watch_is_on(speaker->password_watch, files.items, files.count))
		watch_files(speaker, files.items, files.count);
	follow_secrets(speaker, &secrets);
	free_names(&files);
	free_names(&secrets);
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
