/*
 * Plain blocking input and output: one request, then lines until the daemon closes.  Lines are
 * cut from a buffer that is moved down once per read, so an answer of any length is read in the
 * memory of its longest line.
 */
#include "kbgpctl/client.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_SIZE = 65536 };

static bool connect_to(struct client *client, const char *path, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const size_t length = strlen(path);

	if (length >= sizeof(address.sun_path))
		return error_set(error, "%s: a socket's path has at most %zu bytes", path,
		    sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, length + 1);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd >= 0 &&
	    !connect(client->fd, (const struct sockaddr *)&address, sizeof(address)))
		return true;
	return error_set(error,
	    "cannot reach kbgpd at %s: %s; is kbgpd running? -s names another socket", path,
	    strerror(errno));
}

static void append_request(struct text *request, const char *const *words, size_t count)
{
	text_append(request, "{\"command\":[");
	for (size_t i = 0; i < count; i++) {
		text_append(request, "%s", i ? "," : "");
		text_append_json_string(request, words[i]);
	}
	text_append(request, "]}\n");
}

static bool send_all(struct client *client, const struct text *request, struct error *error)
{
	size_t sent = 0;

	while (sent < request->length) {
		const ssize_t length =
		    send(client->fd, request->string + sent, request->length - sent, MSG_NOSIGNAL);

		/* A daemon that refuses may close early; its answer says why. */
		if (length < 0 && errno == EPIPE)
			return true;
		if (length < 0 && errno != EINTR)
			return error_set(error, "cannot send the request: %s", strerror(errno));
		if (length > 0)
			sent += (size_t)length;
	}
	return true;
}

bool client_ask(struct client *client, const char *path, const char *const *words, size_t count,
    struct error *error)
{
	struct text request = {0};
	bool sent;

	*client = (struct client){.fd = -1};
	if (!connect_to(client, path, error))
		return false;
	append_request(&request, words, count);
	sent = send_all(client, &request, error);
	text_free(&request);
	return sent;
}

/* Reads more behind what is there; false at the end or with the error. */
static bool read_more(struct client *client, struct error *error)
{
	char bytes[READ_SIZE];
	ssize_t length;

	do
		length = recv(client->fd, bytes, sizeof(bytes), 0);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return error_set(error, "cannot read the answer: %s", strerror(errno));
	if (!length)
		return false;
	if (client->at && client->input.string) {
		client->input.length -= client->at;
		memmove(
		    client->input.string, client->input.string + client->at, client->input.length);
		client->at = 0;
	}
	text_append_bytes(&client->input, bytes, (size_t)length);
	return true;
}

const char *client_read_line(struct client *client, struct error *error)
{
	size_t searched = 0;

	error->text[0] = '\0';
	for (;;) {
		char *start = client->input.string ? client->input.string + client->at : NULL;
		const size_t left = client->input.length - client->at;
		char *newline = start && left > searched
				    ? memchr(start + searched, '\n', left - searched)
				    : NULL;

		if (newline) {
			*newline = '\0';
			client->at += (size_t)(newline - start) + 1;
			return start;
		}
		searched = left;
		if (!read_more(client, error))
			return NULL;
	}
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	text_free(&client->input);
	client->fd = -1;
}
