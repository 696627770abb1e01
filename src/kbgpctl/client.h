/*
 * A request to the daemon over its socket, and the lines of JSON that it answers.  Called by
 * kbgpctl's main.
 */
#ifndef KBGPCTL_CLIENT_H
#define KBGPCTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

struct client {
	int fd;
	struct text input;
	size_t at; /* of the input: the next line begins */
};

/* Connects and sends {"command": [words]}; false and the error if the daemon is not there. */
bool client_ask(struct client *client, const char *path, const char *const *words, size_t count,
    struct error *error);
/*
 * The next line without its newline, valid until the next call; NULL at the end, or with an error
 * (else `error->text` is empty).
 */
const char *client_read_line(struct client *client, struct error *error);
void client_close(struct client *client);

#endif
