/*
 * The commands of kbgpctl, in one table.  Called by control.c with the words of a request.
 */
#ifndef CONTROL_COMMANDS_H
#define CONTROL_COMMANDS_H

#include <stddef.h>

#include "control/answer.h"
#include "control/arguments.h"
#include "speaker/speaker.h"

/* Runs what the words ask for; the answer is filled in, whatever they are. */
void commands_run(
    struct speaker *speaker, const char *const *words, size_t count, struct answer *answer);

/* A command; the arguments fit its synopsis. */
typedef void command_function(
    struct speaker *speaker, const struct arguments *arguments, struct answer *answer);

/* Those that only show. */
command_function show_status;
command_function show_peers;
command_function show_routes;
command_function show_advertisements;
command_function show_fib;
command_function show_next_hops;
command_function watch_events;

#endif
