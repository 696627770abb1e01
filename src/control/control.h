/*
 * The Unix socket that kbgpctl asks.  One request per connection: a line of JSON
 * {"command": [..words..]}; the answer is one or more lines of JSON, as answer.h describes, and the
 * end of the stream; for `watch` a line per event until the client goes.  The commands are one
 * table in commands.c; each builds JSON and shares nothing with the text tables, which are made by
 * kbgpctl from the same JSON.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "base/error.h"
#include "base/loop.h"
#include "speaker/speaker.h"

struct control;

/*
 * Listens on `path` (mode 0660; a stale socket of a dead daemon is replaced, a live one is an
 * error).  NULL and the error on failure.
 */
struct control *control_new(
    struct loop *loop, struct speaker *speaker, const char *path, struct error *error);
/* Before the speaker is freed; drops every client and removes the socket. */
void control_free(struct control *control);

#endif
