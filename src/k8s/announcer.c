/*
 * The incremental engine.  Its state is, for each Service that has anything announced and for the
 * node itself (pod CIDRs and fixed prefixes), the sorted list of (prefix, advertisement) pairs that
 * it asks for; the book counts them.
 *
 * An event names the lists that it can change: a Service or EndpointSlice its Service's, this
 * node's Node the node's own.  Such a list is judged anew at once and compared with the old one.
 * If the verdict on the node has changed, or the rules have, all Services are due: they are judged
 * one at a time, as the owner has time for them.  Invariant: when nothing is due the lists are what
 * judging everything from scratch would give; the tests compare just that.
 *
 * A prefix that nobody asks for any more is only given up at the end of the event, or when nothing
 * is due any more: one that moves from one Service or advertisement to another is never gone in
 * between.
 */
#include "k8s/announcer.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct pair {
	struct ip_prefix prefix;
	uint32_t advertisement;
};

/* Sorted, no pair twice, once it is kept. */
struct pair_list {
	struct pair *items;
	size_t count;
	size_t capacity;
};

/* A Service with at least one pair. */
struct holder {
	char *namespace;
	char *name;
	uint64_t hash;
	struct pair_list pairs;
};

/* What is wanted for a Service or the node, and how near the rest came to it. */
struct outcome {
	const struct announce_judge *judge;
	struct pair_list want;
	bool is_judged;
	enum k8s_reason nearest; /* of what is not announced */
};

static int compare_pairs(const void *left, const void *right)
{
	const struct pair *a = left;
	const struct pair *b = right;
	const int order = ip_prefix_compare(&a->prefix, &b->prefix);

	if (order)
		return order;
	return (a->advertisement > b->advertisement) - (a->advertisement < b->advertisement);
}

static uint64_t hash_service(
    const struct k8s_announcer *announcer, const struct service_name *service)
{
	return hash_string(service->name, hash_string(service->namespace, announcer->hash_seed));
}

static bool holder_is_service(const void *item, const void *key)
{
	const struct holder *holder = item;
	const struct service_name *wanted = key;

	return !strcmp(holder->name, wanted->name) && !strcmp(holder->namespace, wanted->namespace);
}

static void sort_pairs(struct pair_list *list)
{
	size_t kept = 0;

	if (list->count < 2)
		return;
	qsort(list->items, list->count, sizeof(*list->items), compare_pairs);
	for (size_t i = 1; i < list->count; i++) {
		if (compare_pairs(&list->items[kept], &list->items[i]))
			list->items[++kept] = list->items[i];
	}
	list->count = kept + 1;
}

/* The first pair after this one that has another prefix, or the end. */
static size_t next_prefix(const struct pair_list *list, size_t at)
{
	const struct ip_prefix *prefix = &list->items[at].prefix;

	do
		at++;
	while (at < list->count && ip_prefix_equal(&list->items[at].prefix, prefix));
	return at;
}

static bool have_same_prefixes(const struct pair_list *a, const struct pair_list *b)
{
	size_t i = 0;
	size_t j = 0;

	while (i < a->count && j < b->count) {
		if (!ip_prefix_equal(&a->items[i].prefix, &b->items[j].prefix))
			return false;
		i = next_prefix(a, i);
		j = next_prefix(b, j);
	}
	return i == a->count && j == b->count;
}

/* Replaces the list by the one wanted, sorted too, which is taken over. */
static void replace_pairs(
    struct announce_book *book, struct pair_list *have, struct pair_list *want)
{
	size_t i = 0;
	size_t j = 0;

	while (i < have->count || j < want->count) {
		int order = i == have->count ? 1 : -1;

		if (i < have->count && j < want->count)
			order = compare_pairs(&have->items[i], &want->items[j]);
		if (order < 0)
			announce_book_give_up(
			    book, &have->items[i].prefix, have->items[i].advertisement);
		if (order > 0)
			announce_book_ask(
			    book, &want->items[j].prefix, want->items[j].advertisement);
		i += order <= 0;
		j += order >= 0;
	}
	free(have->items);
	*have = *want;
}

static void collect(void *arg, const struct k8s_verdict *verdict)
{
	struct outcome *outcome = arg;
	struct pair_list *want = &outcome->want;

	if (verdict->reason == K8S_ANNOUNCED) {
		want->items = memory_grow(
		    want->items, &want->capacity, want->count + 1, sizeof(*want->items));
		want->items[want->count++] = (struct pair){
		    verdict->prefix, outcome->judge->rules[verdict->advertisement].id};
	} else if (!outcome->is_judged || verdict->reason > outcome->nearest) {
		outcome->nearest = verdict->reason;
		outcome->is_judged = true;
	}
}

static void run_own(struct k8s_announcer *announcer)
{
	struct outcome outcome = {.judge = &announcer->judge};

	for (size_t i = 0; i < announcer->judge.count; i++)
		announce_judge_own(&announcer->judge, i, collect, &outcome);
	sort_pairs(&outcome.want);
	replace_pairs(&announcer->book, announcer->own, &outcome.want);
}

static void free_holder(struct holder *holder)
{
	free(holder->namespace);
	free(holder->name);
	free(holder->pairs.items);
	free(holder);
}

static struct holder *new_holder(
    struct k8s_announcer *announcer, const struct service_name *service, uint64_t hash)
{
	struct holder *holder = memory_allocate_zero(1, sizeof(*holder));

	holder->namespace = memory_copy_string(service->namespace);
	holder->name = memory_copy_string(service->name);
	holder->hash = hash;
	hash_table_insert(&announcer->holders, hash, holder);
	return holder;
}

/* What all rules want for the Service; NULL: it is gone. */
static struct outcome judge_service(
    const struct announce_judge *judge, const struct k8s_object *service)
{
	struct outcome outcome = {
	    .judge = judge, .nearest = service ? K8S_NO_ADDRESS : K8S_SERVICE_GONE};
	struct k8s_endpoint_count endpoints;

	if (!service)
		return outcome;
	endpoints = k8s_count_endpoints(judge->cluster, service, judge->node_name);
	for (size_t i = 0; i < judge->count; i++)
		announce_judge_service(judge, i, service, &endpoints, collect, &outcome);
	sort_pairs(&outcome.want);
	return outcome;
}

static void tell_service(struct k8s_announcer *announcer, const struct service_name *name,
    const struct k8s_object *service, const struct outcome *outcome)
{
	const struct pair_list *want = &outcome->want;
	struct k8s_service_change change = {
	    .namespace = name->namespace, .name = name->name, .service = service};

	announcer->told = memory_grow(
	    announcer->told, &announcer->told_capacity, want->count, sizeof(*announcer->told));
	for (size_t i = 0; i < want->count; i = next_prefix(want, i))
		announcer->told[change.prefix_count++] = want->items[i].prefix;
	change.prefixes = announcer->told;
	change.reason = change.prefix_count ? K8S_ANNOUNCED : outcome->nearest;
	announcer->ops->service_changed(announcer->arg, &change);
}

static void run_service(struct k8s_announcer *announcer, const struct service_name *name)
{
	const uint64_t hash = hash_service(announcer, name);
	struct holder *holder = hash_table_find(&announcer->holders, hash, holder_is_service, name);
	const struct k8s_object *service =
	    k8s_cluster_find(announcer->judge.cluster, K8S_SERVICE, name->namespace, name->name);
	struct outcome outcome = judge_service(&announcer->judge, service);

	if (!holder && !outcome.want.count)
		return;
	if (!holder)
		holder = new_holder(announcer, name, hash);
	if (announcer->ops->service_changed && !have_same_prefixes(&holder->pairs, &outcome.want))
		tell_service(announcer, name, service, &outcome);
	replace_pairs(&announcer->book, &holder->pairs, &outcome.want);
	if (holder->pairs.count)
		return;
	hash_table_remove(&announcer->holders, hash, holder);
	free_holder(holder);
}

/* All Services there are now are due, those that an earlier event has left due with them. */
static void make_all_due(struct k8s_announcer *announcer)
{
	service_names_fill(&announcer->due, announcer->judge.cluster);
	announcer->next_due = 0;
}

static void run_object(struct k8s_announcer *announcer, const struct k8s_object *object)
{
	const struct announce_judge *judge = &announcer->judge;
	const struct k8s_endpoint_slice *slice = &object->endpoint_slice;

	switch (object->kind) {
	case K8S_NODE:
		if (strcmp(object->name, judge->node_name))
			return;
		if (announce_judge_look_at_node(&announcer->judge))
			make_all_due(announcer);
		run_own(announcer);
		return;
	case K8S_SERVICE:
		run_service(announcer, &(struct service_name){object->namespace, object->name});
		return;
	case K8S_ENDPOINT_SLICE:
		if (slice->service)
			run_service(
			    announcer, &(struct service_name){object->namespace, slice->service});
		return;
	case K8S_SECRET:
	case K8S_KINDS:
		return;
	}
}

static bool is_any_due(const struct k8s_announcer *announcer)
{
	return announcer->next_due < announcer->due.count;
}

/* The end of an event. */
static void tell(struct k8s_announcer *announcer)
{
	announce_book_tell(&announcer->book);
	if (is_any_due(announcer))
		return;
	while (announce_book_tell_leaving(&announcer->book))
		;
}

void k8s_announcer_object_changed(
    struct k8s_announcer *announcer, const struct k8s_object *object, const struct k8s_object *old)
{
	run_object(announcer, object);
	/* A slice that went over to another Service has left the old one. */
	if (old && object->kind == K8S_ENDPOINT_SLICE)
		run_object(announcer, old);
	tell(announcer);
}

void k8s_announcer_object_removed(struct k8s_announcer *announcer, const struct k8s_object *object)
{
	run_object(announcer, object);
	tell(announcer);
}

void k8s_announcer_set_node_rules(
    struct k8s_announcer *announcer, const struct k8s_node_rules *rules)
{
	announcer->judge.node_rules = *rules;
	if (announce_judge_look_at_node(&announcer->judge))
		make_all_due(announcer);
	run_own(announcer);
	tell(announcer);
}

void k8s_announcer_configure(
    struct k8s_announcer *announcer, const struct k8s_rule *rules, size_t count)
{
	announce_judge_configure(&announcer->judge, rules, count);
	make_all_due(announcer);
	run_own(announcer);
	tell(announcer);
}

bool k8s_announcer_is_busy(const struct k8s_announcer *announcer)
{
	return is_any_due(announcer) || announcer->book.leaving_count;
}

bool k8s_announcer_continue(struct k8s_announcer *announcer)
{
	if (is_any_due(announcer)) {
		run_service(announcer, &announcer->due.items[announcer->next_due++]);
		announce_book_tell(&announcer->book);
		return true;
	}
	if (announcer->due.items) {
		service_names_free(&announcer->due);
		announcer->next_due = 0;
	}
	return announce_book_tell_leaving(&announcer->book);
}

void k8s_announcer_finish(struct k8s_announcer *announcer)
{
	while (k8s_announcer_continue(announcer))
		;
}

struct k8s_announcer *k8s_announcer_new(const struct k8s_cluster *cluster, const char *node_name,
    uint64_t hash_seed, const struct k8s_announcer_ops *ops, void *arg)
{
	struct k8s_announcer *announcer = memory_allocate_zero(1, sizeof(*announcer));

	announce_judge_init(&announcer->judge, cluster, node_name);
	announce_book_init(&announcer->book, hash_seed, ops->prefix_changed, arg);
	announcer->own = memory_allocate_zero(1, sizeof(*announcer->own));
	announcer->hash_seed = hash_seed;
	announcer->ops = ops;
	announcer->arg = arg;
	return announcer;
}

void k8s_announcer_free(struct k8s_announcer *announcer)
{
	struct holder *holder;

	if (!announcer)
		return;
	for (size_t cursor = 0; (holder = hash_table_next(&announcer->holders, &cursor));)
		free_holder(holder);
	hash_table_free(&announcer->holders);
	free(announcer->own->items);
	free(announcer->own);
	announce_book_release(&announcer->book);
	announce_judge_release(&announcer->judge);
	service_names_free(&announcer->due);
	free(announcer->told);
	free(announcer);
}

size_t k8s_announcer_service_count(const struct k8s_announcer *announcer)
{
	return announcer->holders.count;
}
