/*
 * The current context of a kubeconfig (clientcmd.config.k8s.io), as kubectl would use it.  What
 * kubectl can do and a daemon should not is refused by name: programs that are run for a token,
 * proxies, passwords, and above all connections without verification.
 */
#include "k8s/access.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "k8s/base64.h"
#include "k8s/yaml_json.h"

struct reader {
	const char *folder;
	struct error *error;
};

/* A key that is not acted on, and what to do instead. */
struct refusal {
	const char *key;
	const char *what_to_do;
};

static const struct refusal cluster_refusals[] = {
    {"proxy-url", "proxies are not supported: name a server that can be reached directly"},
};

static const struct refusal user_refusals[] = {
    {"exec", "programs are not run for credentials: use a token, tokenFile or client certificate"},
    {"auth-provider", "not supported: use a token, tokenFile or client certificate"},
    {"username", "passwords are not supported: use a token, tokenFile or client certificate"},
    {"password", "passwords are not supported: use a token, tokenFile or client certificate"},
    {"as", "impersonation is not supported: use credentials of the user itself"},
};

/* The string, or NULL if there is none or it is empty; false and the error if it is another type. */
static bool get_string(
    struct reader *reader, const json_t *object, const char *key, const char **string)
{
	const json_t *value = json_object_get(object, key);

	*string = NULL;
	if (!value || json_is_null(value))
		return true;
	if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
		return error_set(reader->error, "%s must be a text", key);
	if (json_string_length(value))
		*string = json_string_value(value);
	return true;
}

/* The member `key` of the entry with that name in the list `list`. */
static const json_t *find_entry(
    struct reader *reader, const json_t *root, const char *list, const char *key, const char *name)
{
	const json_t *entries = json_object_get(root, list);
	size_t i;
	json_t *entry;

	json_array_foreach(entries, i, entry)
	{
		const char *found = json_string_value(json_object_get(entry, "name"));
		const json_t *value = json_object_get(entry, key);

		if (!found || strcmp(found, name))
			continue;
		if (json_is_object(value))
			return value;
		error_set(reader->error, "%s: \"%.100s\" has no %s", list, name, key);
		return NULL;
	}
	error_set(reader->error, "%s: there is none with the name \"%.100s\"", list, name);
	return NULL;
}

static bool refuse_any(
    struct reader *reader, const json_t *object, const struct refusal *refusals, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(object, refusals[i].key);

		if (value && !json_is_null(value) &&
		    !(json_is_string(value) && !json_string_length(value)))
			return error_set(
			    reader->error, "%s: %s", refusals[i].key, refusals[i].what_to_do);
	}
	return true;
}

static char *decode_base64(struct reader *reader, const char *key, const char *text)
{
	size_t length;
	char *bytes = k8s_base64_decode(text, &length);

	if (bytes && length && strlen(bytes) == length)
		return bytes;
	free(bytes);
	error_set(reader->error, "%s: is no PEM in base64", key);
	return NULL;
}

static void resolve_path(const struct reader *reader, const char *name, char path[static PATH_MAX])
{
	if (name[0] == '/')
		snprintf(path, PATH_MAX, "%s", name);
	else
		snprintf(path, PATH_MAX, "%s/%s", reader->folder, name);
}

/* KEY-data wins over KEY, as kubectl has it; `*text` is NULL if there is neither. */
static bool read_data_or_file(
    struct reader *reader, const json_t *object, const char *key, char **text)
{
	char data_key[64];
	char path[PATH_MAX];
	const char *data;
	const char *file;

	snprintf(data_key, sizeof(data_key), "%s-data", key);
	*text = NULL;
	if (!get_string(reader, object, data_key, &data) || !get_string(reader, object, key, &file))
		return false;
	if (data) {
		*text = decode_base64(reader, data_key, data);
		return *text != NULL;
	}
	if (!file)
		return true;
	resolve_path(reader, file, path);
	*text = k8s_access_read_file(path, reader->error);
	return *text || error_prepend(reader->error, "%s", key);
}

static bool read_server_name(
    struct reader *reader, struct k8s_access *access, const json_t *cluster)
{
	const char *name;

	if (!get_string(reader, cluster, "tls-server-name", &name))
		return false;
	if (!name)
		return true;
	access->server_name = memory_copy_string(name);
	return k8s_is_host(name) ||
	       error_set(reader->error, "tls-server-name: \"%.100s\" is no name", name);
}

static bool read_cluster(struct reader *reader, struct k8s_access *access, const json_t *cluster)
{
	const char *url;

	if (!refuse_any(reader, cluster, cluster_refusals,
		sizeof(cluster_refusals) / sizeof(cluster_refusals[0])))
		return false;
	if (json_is_true(json_object_get(cluster, "insecure-skip-tls-verify")))
		return error_set(reader->error,
		    "insecure-skip-tls-verify: the server's certificate is always verified: remove "
		    "it and set certificate-authority");
	if (!get_string(reader, cluster, "server", &url))
		return false;
	if (!url)
		return error_set(reader->error, "server is missing");
	if (!k8s_server_parse(url, &access->server, reader->error))
		return error_prepend(reader->error, "server");
	return read_server_name(reader, access, cluster) &&
	       read_data_or_file(reader, cluster, "certificate-authority", &access->authorities);
}

/* As in client-go the file, which can rotate, wins over the text. */
static bool read_token(struct reader *reader, struct k8s_access *access, const json_t *user)
{
	char path[PATH_MAX];
	const char *token;
	const char *file;

	if (!get_string(reader, user, "token", &token) ||
	    !get_string(reader, user, "tokenFile", &file))
		return false;
	if (file) {
		resolve_path(reader, file, path);
		access->token = k8s_access_take_token(
		    k8s_access_read_file(path, reader->error), path, reader->error);
		return access->token || error_prepend(reader->error, "tokenFile");
	}
	if (token)
		access->token =
		    k8s_access_take_token(memory_copy_string(token), "token", reader->error);
	return !token || access->token;
}

static bool read_user(struct reader *reader, struct k8s_access *access, const json_t *user)
{
	if (!refuse_any(
		reader, user, user_refusals, sizeof(user_refusals) / sizeof(user_refusals[0])))
		return false;
	if (!read_data_or_file(reader, user, "client-certificate", &access->certificate) ||
	    !read_data_or_file(reader, user, "client-key", &access->key) ||
	    !read_token(reader, access, user))
		return false;
	if (!access->certificate != !access->key)
		return error_set(reader->error,
		    "client-certificate and client-key must be there both or neither");
	return true;
}

static bool read_context(struct reader *reader, struct k8s_access *access, const json_t *root)
{
	const json_t *context;
	const json_t *cluster;
	const json_t *user;
	const char *current;
	const char *cluster_name;
	const char *user_name;
	const char *namespace;

	if (!get_string(reader, root, "current-context", &current))
		return false;
	if (!current)
		return error_set(reader->error,
		    "current-context is not set: kubectl config use-context NAME sets it");
	context = find_entry(reader, root, "contexts", "context", current);
	if (!context || !get_string(reader, context, "cluster", &cluster_name) ||
	    !get_string(reader, context, "user", &user_name) ||
	    !get_string(reader, context, "namespace", &namespace))
		return false;
	if (!cluster_name || !user_name)
		return error_set(
		    reader->error, "context \"%.100s\": it needs a cluster and a user", current);
	cluster = find_entry(reader, root, "clusters", "cluster", cluster_name);
	if (!cluster)
		return false;
	if (!read_cluster(reader, access, cluster))
		return error_prepend(reader->error, "cluster \"%.100s\"", cluster_name);
	user = find_entry(reader, root, "users", "user", user_name);
	if (!user)
		return false;
	if (!read_user(reader, access, user))
		return error_prepend(reader->error, "user \"%.100s\"", user_name);
	access->namespace = memory_copy_string(namespace ? namespace : "default");
	return true;
}

struct k8s_access *k8s_kubeconfig_decode(
    const char *text, size_t length, const char *folder, struct error *error)
{
	struct reader reader = {folder, error};
	struct yaml_json *yaml = yaml_json_new(text, length);
	struct k8s_access *access = memory_allocate_zero(1, sizeof(*access));
	struct yaml_json_document document;
	size_t line = 0;
	bool good = yaml_json_next(yaml, &document, error, &line);

	if (!good)
		error_prepend(error, "line %zu", line);
	else if (document.end || !json_is_object(document.root))
		good = error_set(error, "is no kubeconfig: it is no mapping");
	good = good && read_context(&reader, access, document.root);
	yaml_json_free(yaml);
	if (good)
		return access;
	k8s_access_free(access);
	return NULL;
}
