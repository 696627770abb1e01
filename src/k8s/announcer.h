/* The announcer as its files share it: announcer.c changes it, announce_walk.c reads. */
#ifndef K8S_ANNOUNCER_H
#define K8S_ANNOUNCER_H

#include "base/hash.h"
#include "k8s/announce.h"
#include "k8s/announce_book.h"
#include "k8s/announce_judge.h"
#include "k8s/service_names.h"

struct pair_list;

struct k8s_announcer {
	struct announce_judge judge;
	struct announce_book book;
	uint64_t hash_seed;
	const struct k8s_announcer_ops *ops;
	void *arg;
	struct hash_table holders; /* Services with anything announced */
	struct pair_list *own; /* what the node itself asks for */
	struct service_names due; /* Services that are judged anew, and how far that is */
	size_t next_due;
	struct ip_prefix *told; /* scratch: the prefixes of a Service */
	size_t told_capacity;
};

#endif
