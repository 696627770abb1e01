/*
 * The pod CIDRs of all Nodes, counted: they bound what an internal peer without a filter may send.
 * When they change, what such peers have sent is judged again.
 */
#include "speaker/private.h"

struct pod_cidr {
	struct ip_prefix prefix;
	uint32_t references; /* Nodes with it */
};

void speaker_pod_cidrs_start(struct speaker *speaker)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		prefix_table_init(&speaker->pod_cidrs[family], sizeof(struct pod_cidr),
		    speaker->options.hash_seed);
}

void speaker_pod_cidrs_stop(struct speaker *speaker)
{
	for (enum ip_family family = 0; family < IP_FAMILIES; family++)
		prefix_table_release(&speaker->pod_cidrs[family]);
}

static void add_pod_cidr(struct speaker *speaker, const struct ip_prefix *prefix)
{
	struct prefix_table *table = &speaker->pod_cidrs[prefix->family];
	uint32_t id = prefix_table_add(table, prefix);

	if (id)
		((struct pod_cidr *)prefix_table_item(table, id))->references++;
}

static void remove_pod_cidr(struct speaker *speaker, const struct ip_prefix *prefix)
{
	struct prefix_table *table = &speaker->pod_cidrs[prefix->family];
	uint32_t id = prefix_table_find(table, prefix);

	if (id && !--((struct pod_cidr *)prefix_table_item(table, id))->references)
		prefix_table_remove(table, &id, 1);
}

bool speaker_same_pod_cidrs(const struct k8s_node *a, const struct k8s_node *b)
{
	if (a->pod_cidr_count != b->pod_cidr_count)
		return false;
	for (size_t i = 0; i < a->pod_cidr_count; i++)
		if (!ip_prefix_equal(&a->pod_cidrs[i], &b->pod_cidrs[i]))
			return false;
	return true;
}

void speaker_pod_cidrs_changed(
    struct speaker *speaker, const struct k8s_node *new, const struct k8s_node *old)
{
	if (new &&old && speaker_same_pod_cidrs(new, old))
		return;
	for (size_t i = 0; new &&i < new->pod_cidr_count; i++)
		add_pod_cidr(speaker, &new->pod_cidrs[i]);
	for (size_t i = 0; old && i < old->pod_cidr_count; i++)
		remove_pod_cidr(speaker, &old->pod_cidrs[i]);
	loop_task_schedule(speaker->loop, &speaker->refilter_task);
}

bool speaker_is_pod_prefix(const struct speaker *speaker, const struct ip_prefix *prefix)
{
	const struct prefix_table *table = &speaker->pod_cidrs[prefix->family];
	const struct ip_address address = ip_prefix_address(prefix);

	for (unsigned length = 0; length <= prefix->length; length++) {
		struct ip_prefix outer = ip_prefix_from_address(&address, length);

		if (table->lengths[length] && prefix_table_find(table, &outer))
			return true;
	}
	return false;
}
