/* A list without order: it is empty nearly always, and has a hundred entries at most. */
#include "k8s/problems.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What leads to it, or to the end. */
static struct k8s_problem **find(struct k8s_problems *problems, const char *subject)
{
	struct k8s_problem **place = &problems->first;

	while (*place && strcmp((*place)->subject, subject))
		place = &(*place)->next;
	return place;
}

static void remove_at(struct k8s_problems *problems, struct k8s_problem **place)
{
	struct k8s_problem *problem = *place;

	*place = problem->next;
	problems->count--;
	free(problem->subject);
	free(problem->what);
	free(problem);
}

bool k8s_problems_put(struct k8s_problems *problems, const char *subject, const char *what)
{
	struct k8s_problem **place = find(problems, subject);

	if (!*place) {
		if (problems->count == K8S_PROBLEMS_MAX)
			return false;
		problems->count++;
		*place = memory_allocate_zero(1, sizeof(**place));
		(*place)->subject = memory_copy_string(subject);
	}
	(*place)->view = problems->view;
	if ((*place)->what && !strcmp((*place)->what, what))
		return false;
	free((*place)->what);
	(*place)->what = memory_copy_string(what);
	return true;
}

bool k8s_problems_remove(struct k8s_problems *problems, const char *subject)
{
	struct k8s_problem **place = find(problems, subject);

	if (!*place)
		return false;
	remove_at(problems, place);
	return true;
}

void k8s_problems_begin_view(struct k8s_problems *problems)
{
	problems->view++;
}

void k8s_problems_end_view(struct k8s_problems *problems)
{
	struct k8s_problem **place = &problems->first;

	while (*place) {
		if ((*place)->view != problems->view)
			remove_at(problems, place);
		else
			place = &(*place)->next;
	}
}

void k8s_problems_free(struct k8s_problems *problems)
{
	while (problems->first)
		remove_at(problems, &problems->first);
}
