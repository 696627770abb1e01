/*
 * The incremental engine.  Its state is a book:
 * - per Service that has anything announced, the sorted list of its (advertisement, prefix) pairs;
 * - one such list for the node itself (pod CIDRs and fixed prefixes);
 * - per pair, how many of these lists hold it.
 *
 * An event names the lists that it can change: a Service or EndpointSlice its Service's, this
 * node's Node the node's own, and all others only if the verdict on the node has changed for some
 * advertisement.  A list is judged anew and compared with the old one.  Invariant: after each
 * event the book is what judging everything from scratch would give; the tests compare just that.
 *
 * Within an event new pairs are announced at once, while a pair that lost its last holder is only
 * withdrawn at the end: a prefix that moves from one Service or advertisement to another is never
 * gone in between.  A reconfiguration builds a second book silently and tells the difference.
 */
#include "k8s/announce.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/memory.h"

struct pair {
	size_t advertisement;
	struct ip_prefix prefix;
};

/* Sorted, no pair twice, once it is in the book. */
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

/* A pair that is announced. */
struct held {
	struct pair pair;
	uint64_t hash;
	size_t references;
	bool dropped; /* is in the list of what may be withdrawn at the end of the event */
};

struct book {
	struct hash_table held;
	struct hash_table holders;
	struct pair_list own;
};

struct k8s_announcer {
	const struct k8s_cluster *cluster;
	char *node_name;
	uint64_t hash_seed;
	const struct k8s_announcer_ops *ops; /* NULL while a book is built silently */
	void *arg;
	const struct k8s_advertisement **advertisements;
	struct k8s_node_rules node_rules;
	enum k8s_reason *node_reasons; /* per advertisement: the verdict on this node */
	size_t count;
	struct book book;
	struct held **dropped;
	size_t dropped_count;
	size_t dropped_capacity;
	struct ip_prefix *told; /* scratch: the prefixes of a Service */
	size_t told_capacity;
};

struct service_key {
	const char *namespace;
	const char *name;
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

static uint64_t hash_pair(const struct k8s_announcer *announcer, const struct pair *pair)
{
	return hash_bytes(&pair->prefix, sizeof(pair->prefix),
	    announcer->hash_seed ^ hash_u64(pair->advertisement));
}

static bool held_is_pair(const void *item, const void *key)
{
	const struct held *held = item;

	return compare_pairs(&held->pair, key) == 0;
}

static struct held *find_held(
    const struct k8s_announcer *announcer, const struct book *book, const struct pair *pair)
{
	return hash_table_find(&book->held, hash_pair(announcer, pair), held_is_pair, pair);
}

static uint64_t hash_service(const struct k8s_announcer *announcer, const struct service_key *key)
{
	return hash_string(key->name, hash_string(key->namespace, announcer->hash_seed));
}

static bool holder_is_service(const void *item, const void *key)
{
	const struct holder *holder = item;
	const struct service_key *wanted = key;

	return !strcmp(holder->name, wanted->name) && !strcmp(holder->namespace, wanted->namespace);
}

static void append_pair(
    struct pair_list *list, size_t advertisement, const struct ip_prefix *prefix)
{
	list->items =
	    memory_grow(list->items, &list->capacity, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = (struct pair){advertisement, *prefix};
}

static void sort_pairs(struct pair_list *list)
{
	size_t kept = 0;

	if (!list->count)
		return;
	qsort(list->items, list->count, sizeof(*list->items), compare_pairs);
	for (size_t i = 1; i < list->count; i++) {
		if (compare_pairs(&list->items[kept], &list->items[i]))
			list->items[++kept] = list->items[i];
	}
	list->count = kept + 1;
}

static void acquire(struct k8s_announcer *announcer, const struct pair *pair)
{
	struct held *held = find_held(announcer, &announcer->book, pair);

	if (held) {
		held->references++;
		return;
	}
	held = memory_allocate_zero(1, sizeof(*held));
	held->pair = *pair;
	held->hash = hash_pair(announcer, pair);
	held->references = 1;
	hash_table_insert(&announcer->book.held, held->hash, held);
	if (announcer->ops)
		announcer->ops->announce(announcer->arg, pair->advertisement, &pair->prefix);
}

static void release(struct k8s_announcer *announcer, const struct pair *pair)
{
	struct held *held = find_held(announcer, &announcer->book, pair);

	if (--held->references || held->dropped)
		return;
	held->dropped = true;
	announcer->dropped = memory_grow(announcer->dropped, &announcer->dropped_capacity,
	    announcer->dropped_count + 1, sizeof(struct held *));
	announcer->dropped[announcer->dropped_count++] = held;
}

/* The end of an event: withdraws what nobody holds any more. */
static void withdraw_dropped(struct k8s_announcer *announcer)
{
	for (size_t i = 0; i < announcer->dropped_count; i++) {
		struct held *held = announcer->dropped[i];

		held->dropped = false;
		if (held->references)
			continue;
		hash_table_remove(&announcer->book.held, held->hash, held);
		announcer->ops->withdraw(
		    announcer->arg, held->pair.advertisement, &held->pair.prefix);
		free(held);
	}
	announcer->dropped_count = 0;
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

/* Replaces the list in the book by the one wanted, sorted too, which is taken over. */
static void replace_pairs(
    struct k8s_announcer *announcer, struct pair_list *have, struct pair_list *want)
{
	size_t i = 0;
	size_t j = 0;

	while (i < have->count || j < want->count) {
		int order = i == have->count ? 1 : -1;

		if (i < have->count && j < want->count)
			order = compare_pairs(&have->items[i], &want->items[j]);
		if (order < 0)
			release(announcer, &have->items[i++]);
		if (order > 0)
			acquire(announcer, &want->items[j++]);
		if (order == 0) {
			i++;
			j++;
		}
	}
	free(have->items);
	*have = *want;
}

/* Calls back with a verdict for each address of one kind. */
static void judge_addresses(const struct k8s_announcer *announcer, struct k8s_verdict *verdict,
    const struct k8s_service *service, const struct k8s_endpoint_count *endpoints,
    k8s_verdict_callback *callback, void *arg)
{
	const size_t i = verdict->advertisement;
	const struct k8s_advertisement *advertisement = announcer->advertisements[i];
	const size_t counts[K8S_ADDRESS_KINDS] = {
	    [K8S_ADDRESS_LOAD_BALANCER_IP] =
		service->type == K8S_LOAD_BALANCER ? service->ingress_count : 0,
	    [K8S_ADDRESS_EXTERNAL_IP] = service->external_ip_count,
	    [K8S_ADDRESS_CLUSTER_IP] = service->cluster_ip_count,
	};

	for (size_t n = 0; n < counts[verdict->kind]; n++) {
		bool proxy = false;
		struct ip_address address;

		if (verdict->kind == K8S_ADDRESS_LOAD_BALANCER_IP) {
			address = service->ingress[n].address;
			proxy = service->ingress[n].proxy;
		} else if (verdict->kind == K8S_ADDRESS_EXTERNAL_IP) {
			address = service->external_ips[n];
		} else {
			address = service->cluster_ips[n];
		}
		verdict->address = ip_prefix_from_address(&address, ip_family_bits(address.family));
		verdict->prefix =
		    k8s_announced_prefix(advertisement, service, verdict->kind, &address);
		verdict->reason = announcer->node_reasons[i];
		if (verdict->reason == K8S_ANNOUNCED)
			verdict->reason = k8s_judge_address(
			    advertisement, service, verdict->kind, &address, proxy, endpoints);
		callback(arg, verdict);
	}
}

/* One Service under one advertisement.  Headless and ExternalName Services have no addresses. */
static void judge_service(const struct k8s_announcer *announcer, size_t i,
    const struct k8s_object *object, const struct k8s_endpoint_count *endpoints,
    k8s_verdict_callback *callback, void *arg)
{
	const struct k8s_advertisement *advertisement = announcer->advertisements[i];
	struct k8s_verdict verdict = {
	    .advertisement = i, .namespace = object->namespace, .name = object->name};

	if (advertisement->type != K8S_ADVERTISE_SERVICE || object->service.headless ||
	    object->service.type == K8S_EXTERNAL_NAME)
		return;
	for (unsigned kind = 0; kind < K8S_ADDRESS_KINDS; kind++) {
		verdict.kind = (enum k8s_address_kind)kind;
		if (advertisement->addresses[kind])
			judge_addresses(
			    announcer, &verdict, &object->service, endpoints, callback, arg);
	}
}

static const struct k8s_object *find_node(const struct k8s_announcer *announcer)
{
	return k8s_cluster_find(announcer->cluster, K8S_NODE, "", announcer->node_name);
}

/* The node's own prefixes under one advertisement: its pod CIDRs, or the fixed ones. */
static void judge_own(
    const struct k8s_announcer *announcer, size_t i, k8s_verdict_callback *callback, void *arg)
{
	const struct k8s_advertisement *advertisement = announcer->advertisements[i];
	const struct k8s_object *node = find_node(announcer);
	const bool is_pod_cidr = advertisement->type == K8S_ADVERTISE_POD_CIDR;
	const struct ip_prefix *prefixes = advertisement->prefixes;
	size_t count = advertisement->prefix_count;
	struct k8s_verdict verdict = {
	    .advertisement = i, .namespace = "", .name = is_pod_cidr ? announcer->node_name : ""};

	if (advertisement->type == K8S_ADVERTISE_SERVICE)
		return;
	if (is_pod_cidr) {
		prefixes = node ? node->node.pod_cidrs : NULL;
		count = node ? node->node.pod_cidr_count : 0;
	}
	for (size_t n = 0; n < count; n++) {
		verdict.address = prefixes[n];
		verdict.prefix = prefixes[n];
		verdict.reason = announcer->node_reasons[i];
		if (verdict.reason == K8S_ANNOUNCED && ip_prefix_is_martian(&prefixes[n]))
			verdict.reason = K8S_MARTIAN;
		callback(arg, &verdict);
	}
}

/* What is wanted for a Service or the node, and how near the rest came to it. */
struct outcome {
	struct pair_list want;
	bool is_judged;
	enum k8s_reason nearest; /* of what is not announced */
};

static void collect(void *arg, const struct k8s_verdict *verdict)
{
	struct outcome *outcome = arg;

	if (verdict->reason == K8S_ANNOUNCED)
		append_pair(&outcome->want, verdict->advertisement, &verdict->prefix);
	else if (!outcome->is_judged || verdict->reason > outcome->nearest)
		outcome->nearest = verdict->reason;
	outcome->is_judged = true;
}

static void run_own(struct k8s_announcer *announcer)
{
	struct outcome outcome = {.nearest = K8S_NO_ADDRESS};

	for (size_t i = 0; i < announcer->count; i++)
		judge_own(announcer, i, collect, &outcome);
	sort_pairs(&outcome.want);
	replace_pairs(announcer, &announcer->book.own, &outcome.want);
}

static void free_holder(struct holder *holder)
{
	free(holder->namespace);
	free(holder->name);
	free(holder->pairs.items);
	free(holder);
}

static struct holder *new_holder(
    struct k8s_announcer *announcer, const struct service_key *key, uint64_t hash)
{
	struct holder *holder = memory_allocate_zero(1, sizeof(*holder));

	holder->namespace = memory_copy_string(key->namespace);
	holder->name = memory_copy_string(key->name);
	holder->hash = hash;
	hash_table_insert(&announcer->book.holders, hash, holder);
	return holder;
}

static struct outcome judge_everywhere(
    const struct k8s_announcer *announcer, const struct k8s_object *service)
{
	struct outcome outcome = {.nearest = service ? K8S_NO_ADDRESS : K8S_SERVICE_GONE};
	struct k8s_endpoint_count endpoints;

	if (!service)
		return outcome;
	endpoints = k8s_count_endpoints(announcer->cluster, service, announcer->node_name);
	for (size_t i = 0; i < announcer->count; i++)
		judge_service(announcer, i, service, &endpoints, collect, &outcome);
	return outcome;
}

static void tell_service(struct k8s_announcer *announcer, const struct service_key *key,
    const struct k8s_object *service, const struct outcome *outcome)
{
	const struct pair_list *want = &outcome->want;
	struct k8s_service_change change = {
	    .namespace = key->namespace, .name = key->name, .service = service};

	announcer->told = memory_grow(
	    announcer->told, &announcer->told_capacity, want->count, sizeof(*announcer->told));
	for (size_t i = 0; i < want->count; i = next_prefix(want, i))
		announcer->told[change.prefix_count++] = want->items[i].prefix;
	change.prefixes = announcer->told;
	change.reason = change.prefix_count ? K8S_ANNOUNCED : outcome->nearest;
	announcer->ops->service_changed(announcer->arg, &change);
}

static void run_service(struct k8s_announcer *announcer, const char *namespace, const char *name)
{
	const struct service_key key = {namespace, name};
	const uint64_t hash = hash_service(announcer, &key);
	struct holder *holder =
	    hash_table_find(&announcer->book.holders, hash, holder_is_service, &key);
	const struct k8s_object *object =
	    k8s_cluster_find(announcer->cluster, K8S_SERVICE, namespace, name);
	struct outcome outcome = judge_everywhere(announcer, object);

	if (!holder && !outcome.want.count)
		return;
	if (!holder)
		holder = new_holder(announcer, &key, hash);
	sort_pairs(&outcome.want);
	if (announcer->ops && announcer->ops->service_changed &&
	    !have_same_prefixes(&holder->pairs, &outcome.want))
		tell_service(announcer, &key, object, &outcome);
	replace_pairs(announcer, &holder->pairs, &outcome.want);
	if (holder->pairs.count)
		return;
	hash_table_remove(&announcer->book.holders, hash, holder);
	free_holder(holder);
}

static void run_all_services(struct k8s_announcer *announcer)
{
	const struct k8s_object *object;
	size_t cursor = 0;

	while ((object = k8s_cluster_next(announcer->cluster, K8S_SERVICE, &cursor)))
		run_service(announcer, object->namespace, object->name);
}

/* Judges the node for each advertisement; true if any verdict is another than before. */
static bool judge_this_node(struct k8s_announcer *announcer)
{
	const struct k8s_object *node = find_node(announcer);
	bool changed = false;

	for (size_t i = 0; i < announcer->count; i++) {
		const enum k8s_reason reason =
		    k8s_judge_node(announcer->advertisements[i], &announcer->node_rules, node);

		changed = changed || reason != announcer->node_reasons[i];
		announcer->node_reasons[i] = reason;
	}
	return changed;
}

static void run_object(struct k8s_announcer *announcer, const struct k8s_object *object)
{
	switch (object->kind) {
	case K8S_NODE:
		if (strcmp(object->name, announcer->node_name))
			return;
		if (judge_this_node(announcer))
			run_all_services(announcer);
		run_own(announcer);
		return;
	case K8S_SERVICE:
		run_service(announcer, object->namespace, object->name);
		return;
	case K8S_ENDPOINT_SLICE:
		if (object->endpoint_slice.service)
			run_service(announcer, object->namespace, object->endpoint_slice.service);
		return;
	case K8S_SECRET:
	case K8S_KINDS:
		return;
	}
}

void k8s_announcer_object_changed(
    struct k8s_announcer *announcer, const struct k8s_object *object, const struct k8s_object *old)
{
	run_object(announcer, object);
	/* A slice that went over to another Service has left the old one. */
	if (old && object->kind == K8S_ENDPOINT_SLICE)
		run_object(announcer, old);
	withdraw_dropped(announcer);
}

void k8s_announcer_object_removed(struct k8s_announcer *announcer, const struct k8s_object *object)
{
	run_object(announcer, object);
	withdraw_dropped(announcer);
}

void k8s_announcer_set_node_rules(
    struct k8s_announcer *announcer, const struct k8s_node_rules *rules)
{
	announcer->node_rules = *rules;
	if (judge_this_node(announcer))
		run_all_services(announcer);
	withdraw_dropped(announcer);
}

static void free_book(struct book *book)
{
	struct holder *holder;
	struct held *held;
	size_t cursor;

	for (cursor = 0; (holder = hash_table_next(&book->holders, &cursor));)
		free_holder(holder);
	for (cursor = 0; (held = hash_table_next(&book->held, &cursor));)
		free(held);
	hash_table_free(&book->holders);
	hash_table_free(&book->held);
	free(book->own.items);
	*book = (struct book){0};
}

struct k8s_announcer *k8s_announcer_new(const struct k8s_cluster *cluster, const char *node_name,
    uint64_t hash_seed, const struct k8s_announcer_ops *ops, void *arg)
{
	struct k8s_announcer *announcer = memory_allocate_zero(1, sizeof(*announcer));

	announcer->cluster = cluster;
	announcer->node_name = memory_copy_string(node_name);
	announcer->hash_seed = hash_seed;
	announcer->ops = ops;
	announcer->arg = arg;
	return announcer;
}

void k8s_announcer_free(struct k8s_announcer *announcer)
{
	if (!announcer)
		return;
	free_book(&announcer->book);
	free(announcer->dropped);
	free(announcer->told);
	free(announcer->advertisements);
	free(announcer->node_reasons);
	free(announcer->node_name);
	free(announcer);
}

static void withdraw_discontinued(
    struct k8s_announcer *announcer, const struct book *old, const size_t *next)
{
	size_t cursor = 0;
	const struct held *held;

	while ((held = hash_table_next(&old->held, &cursor))) {
		struct pair pair = held->pair;

		pair.advertisement = next[pair.advertisement];
		if (pair.advertisement == SIZE_MAX ||
		    !find_held(announcer, &announcer->book, &pair))
			announcer->ops->withdraw(
			    announcer->arg, held->pair.advertisement, &held->pair.prefix);
	}
}

static void announce_added(
    struct k8s_announcer *announcer, const struct book *old, const size_t *previous)
{
	size_t cursor = 0;
	const struct held *held;

	while ((held = hash_table_next(&announcer->book.held, &cursor))) {
		struct pair pair = held->pair;

		pair.advertisement = previous[pair.advertisement];
		if (pair.advertisement == SIZE_MAX || !find_held(announcer, old, &pair))
			announcer->ops->announce(
			    announcer->arg, held->pair.advertisement, &held->pair.prefix);
	}
}

/* For each old advertisement the new one that continues it, or SIZE_MAX. */
static size_t *invert(const size_t *previous, size_t count, size_t old_count)
{
	size_t *next = memory_allocate_zero(old_count + 1, sizeof(*next));

	for (size_t i = 0; i < old_count; i++)
		next[i] = SIZE_MAX;
	for (size_t i = 0; i < count; i++) {
		if (previous[i] < old_count)
			next[previous[i]] = i;
	}
	return next;
}

void k8s_announcer_configure(struct k8s_announcer *announcer,
    const struct k8s_advertisement *const *advertisements, const size_t *previous, size_t count)
{
	const struct k8s_announcer_ops *ops = announcer->ops;
	struct book old = announcer->book;
	size_t *next = invert(previous, count, announcer->count);

	free(announcer->advertisements);
	free(announcer->node_reasons);
	announcer->advertisements =
	    memory_allocate_zero(count + 1, sizeof(*announcer->advertisements));
	announcer->node_reasons = memory_allocate_zero(count + 1, sizeof(*announcer->node_reasons));
	announcer->count = count;
	for (size_t i = 0; i < count; i++)
		announcer->advertisements[i] = advertisements[i];

	announcer->book = (struct book){0};
	announcer->ops = NULL;
	judge_this_node(announcer);
	run_own(announcer);
	run_all_services(announcer);
	announcer->ops = ops;

	withdraw_discontinued(announcer, &old, next);
	if (ops->renumbered)
		ops->renumbered(announcer->arg);
	announce_added(announcer, &old, previous);
	free_book(&old);
	free(next);
}

/* Walks: names of Services, as the objects may be gone when their turn comes. */

struct k8s_verdict_walk {
	const struct k8s_announcer *announcer;
	struct arena arena;
	struct service_key *services; /* sorted */
	size_t count;
	size_t advertisement;
	bool is_past_own; /* this advertisement's own prefixes have been judged */
	size_t next; /* Service to judge for it */
};

static int compare_services(const void *left, const void *right)
{
	const struct service_key *a = left;
	const struct service_key *b = right;
	const int order = strcmp(a->namespace, b->namespace);

	return order ? order : strcmp(a->name, b->name);
}

static const char *copy_name(struct arena *arena, const char *name)
{
	const size_t size = strlen(name) + 1;

	return memcpy(arena_allocate(arena, size), name, size);
}

struct k8s_verdict_walk *k8s_verdict_walk_new(const struct k8s_announcer *announcer)
{
	struct k8s_verdict_walk *walk = memory_allocate_zero(1, sizeof(*walk));
	size_t cursor = 0;

	walk->announcer = announcer;
	walk->count = k8s_cluster_count(announcer->cluster, K8S_SERVICE);
	walk->services = memory_allocate_zero(walk->count + 1, sizeof(*walk->services));
	for (size_t n = 0; n < walk->count; n++) {
		const struct k8s_object *service =
		    k8s_cluster_next(announcer->cluster, K8S_SERVICE, &cursor);

		walk->services[n] =
		    (struct service_key){copy_name(&walk->arena, service->namespace),
			copy_name(&walk->arena, service->name)};
	}
	qsort(walk->services, walk->count, sizeof(*walk->services), compare_services);
	return walk;
}

bool k8s_verdict_walk_step(struct k8s_verdict_walk *walk, k8s_verdict_callback *callback, void *arg)
{
	const struct k8s_announcer *announcer = walk->announcer;
	const struct service_key *key = &walk->services[walk->next];
	const struct k8s_object *service;
	struct k8s_endpoint_count endpoints;

	if (walk->advertisement >= announcer->count)
		return false;
	if (!walk->is_past_own) {
		judge_own(announcer, walk->advertisement, callback, arg);
		walk->is_past_own = true;
	} else if (walk->next < walk->count) {
		walk->next++;
		service =
		    k8s_cluster_find(announcer->cluster, K8S_SERVICE, key->namespace, key->name);
		if (!service)
			return true;
		endpoints = k8s_count_endpoints(announcer->cluster, service, announcer->node_name);
		judge_service(announcer, walk->advertisement, service, &endpoints, callback, arg);
	} else {
		walk->advertisement++;
		walk->is_past_own = false;
		walk->next = 0;
	}
	return true;
}

void k8s_verdict_walk_free(struct k8s_verdict_walk *walk)
{
	arena_free(&walk->arena);
	free(walk->services);
	free(walk);
}

void k8s_announcer_walk(
    const struct k8s_announcer *announcer, k8s_verdict_callback *callback, void *arg)
{
	struct k8s_verdict_walk *walk = k8s_verdict_walk_new(announcer);

	while (k8s_verdict_walk_step(walk, callback, arg))
		;
	k8s_verdict_walk_free(walk);
}

size_t k8s_announcer_service_count(const struct k8s_announcer *announcer)
{
	return announcer->book.holders.count;
}
