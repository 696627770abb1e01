/*
 * Tells when files have been changed by whatever means: written in place, replaced by a rename,
 * removed, or swapped as Kubernetes swaps a mounted ConfigMap or Secret (a symbolic link beside
 * them moves).  It looks at their folders, waits until those are quiet for a moment, and calls only
 * if the content of a file may be another one.  Called by the speaker.
 */
#ifndef CONFIG_WATCH_H
#define CONFIG_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/file.h"
#include "base/loop.h"

struct config_watch;

/*
 * The names are copied.  A folder that cannot be watched (it is not there yet) is looked at every
 * second.  NULL and the error if the kernel has no more watches to give.
 */
struct config_watch *config_watch_new(struct loop *loop, const char *const *files, size_t count,
    loop_callback *changed, void *arg, struct error *error);
void config_watch_free(struct config_watch *watch);
/* True if it watches these files, in this order. */
bool config_watch_is_on(const struct config_watch *watch, const char *const *files, size_t count);
/* What is there now is about to be read anyway: no call for it. */
void config_watch_look(struct config_watch *watch);
/* The only file was this when it was read, before it was watched: calls if it is another one now. */
void config_watch_expect(struct config_watch *watch, const struct file_identity *read);

#endif
