/*
 * Objects that cannot be understood, by name: each has one text, which goes when the object does or
 * is understood again.  No more than a hundred are kept.
 */
#ifndef K8S_PROBLEMS_H
#define K8S_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define K8S_PROBLEMS_MAX 100

struct k8s_problem {
	struct k8s_problem *next;
	char *subject; /* "Service default/web" */
	char *what;
	uint64_t view;
};

/* Zeroed is empty. */
struct k8s_problems {
	struct k8s_problem *first;
	size_t count;
	uint64_t view;
};

/* True if that is news: a new subject, or another text. */
bool k8s_problems_put(struct k8s_problems *problems, const char *subject, const char *what);
/* True if there was one. */
bool k8s_problems_remove(struct k8s_problems *problems, const char *subject);
/* Between the two every problem that still stands is put; what was not put is removed. */
void k8s_problems_begin_view(struct k8s_problems *problems);
void k8s_problems_end_view(struct k8s_problems *problems);
void k8s_problems_free(struct k8s_problems *problems);

#endif
