/*
 * The value itself: its parts from text, comparison and release.  Where the parts come from is in
 * access_load.c and kubeconfig.c.
 */
#include "k8s/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/file.h"
#include "base/memory.h"

/* A bundle of every public authority is a quarter of that. */
#define FILE_SIZE_MAX (1u << 20)
#define DEFAULT_PORT 443

static const char scheme[] = "https://";

bool k8s_is_host(const char *host)
{
	const size_t length = strlen(host);

	/* For OpenSSL a dot in front stands for every name that ends so. */
	return length > 0 && length <= 253 && host[0] != '.' &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:") ==
		   length;
}

bool k8s_parse_port(const char *text, uint16_t *port)
{
	char *end;
	const unsigned long number = strtoul(text, &end, 10);

	*port = (uint16_t)number;
	return text[0] >= '0' && text[0] <= '9' && !*end && number > 0 && number <= UINT16_MAX;
}

/* Splits "HOST", "HOST:PORT" or "[ADDRESS]:PORT". */
static bool parse_authority(char *text, struct k8s_server *server)
{
	char *port = strrchr(text, ':');
	struct ip_address address;

	server->port = DEFAULT_PORT;
	if (text[0] == '[') {
		char *bracket = strchr(text, ']');

		if (!bracket || (bracket[1] && bracket[1] != ':'))
			return false;
		port = bracket[1] ? bracket + 1 : NULL;
		*bracket = '\0';
		text++;
		if (!ip_address_parse(text, &address) || address.family != IPV6)
			return false;
	} else if (port && strchr(text, ':') != port) {
		return false;
	}
	if (port) {
		*port = '\0';
		if (!k8s_parse_port(port + 1, &server->port))
			return false;
	}
	server->host = memory_copy_string(text);
	return k8s_is_host(text);
}

static bool is_path(const char *path)
{
	for (; *path; path++) {
		if (*path <= ' ' || *path > '~' || strchr("?#\\\"", *path))
			return false;
	}
	return true;
}

bool k8s_server_parse(const char *url, struct k8s_server *server, struct error *error)
{
	char *copy;
	char *path;
	bool good;

	*server = (struct k8s_server){NULL, 0, NULL};
	if (strncmp(url, scheme, strlen(scheme)))
		return error_set(error,
		    "\"%.100s\" does not begin with https://: the API server is asked over TLS only",
		    url);
	copy = memory_copy_string(url + strlen(scheme));
	path = copy + strcspn(copy, "/");
	server->path = memory_copy_string(path);
	for (size_t end = strlen(path); end && server->path[end - 1] == '/'; end--)
		server->path[end - 1] = '\0';
	*path = '\0';
	good = is_path(server->path) && parse_authority(copy, server);
	free(copy);
	if (good)
		return true;
	free(server->host);
	free(server->path);
	*server = (struct k8s_server){NULL, 0, NULL};
	return error_set(error,
	    "\"%.100s\" is no URL of an API server: it must be https://HOST[:PORT][/PATH]", url);
}

char *k8s_access_read_file(const char *path, struct error *error)
{
	size_t length;
	char *text = file_read(path, FILE_SIZE_MAX, &length);

	if (!text) {
		error_set(error, "%s: cannot be read: %s", path, strerror(errno));
		return NULL;
	}
	if (strlen(text) == length)
		return text;
	free(text);
	error_set(error, "%s: has a NUL byte, which no PEM file or token has", path);
	return NULL;
}

char *k8s_access_take_token(char *text, const char *path, struct error *error)
{
	size_t length = text ? strlen(text) : 0;

	if (!text)
		return NULL;
	while (length && strchr(" \t\r\n", text[length - 1]))
		text[--length] = '\0';
	for (size_t i = 0; i < length; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			length = 0;
	}
	if (length)
		return text;
	free(text);
	error_set(error, "%s: is no token: one line of visible characters is expected", path);
	return NULL;
}

static void free_secret(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void k8s_access_free(struct k8s_access *access)
{
	if (!access)
		return;
	free(access->server.host);
	free(access->server.path);
	free(access->server_name);
	free(access->authorities);
	free(access->certificate);
	free_secret(access->key);
	free_secret(access->token);
	free(access->namespace);
	free(access);
}

static bool equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool k8s_access_same_connection(const struct k8s_access *a, const struct k8s_access *b)
{
	return equal(a->server.host, b->server.host) && a->server.port == b->server.port &&
	       equal(a->server.path, b->server.path) && equal(a->server_name, b->server_name) &&
	       equal(a->authorities, b->authorities) && equal(a->certificate, b->certificate) &&
	       equal(a->key, b->key);
}

bool k8s_access_equal(const struct k8s_access *a, const struct k8s_access *b)
{
	return k8s_access_same_connection(a, b) && equal(a->token, b->token) &&
	       equal(a->namespace, b->namespace);
}
