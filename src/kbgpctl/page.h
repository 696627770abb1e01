/*
 * The answers that are a page of text and not a table.  Called by the table of views.
 */
#ifndef KBGPCTL_PAGE_H
#define KBGPCTL_PAGE_H

#include <jansson.h>
#include <stdio.h>

void page_print_status(FILE *file, const json_t *status);
void page_print_peer(FILE *file, const json_t *peer);
/* The paths of one prefix, best first. */
void page_print_route(FILE *file, const json_t *paths);

#endif
