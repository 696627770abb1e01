/*
 * A hash table: a node with many pods has a link for each, and all that is asked is one by its
 * index, and now and then one by its name.
 */
#include "fib/kernel_links.h"

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void kernel_links_init(struct kernel_links *links, uint64_t seed)
{
	*links = (struct kernel_links){.seed = seed};
}

void kernel_links_release(struct kernel_links *links)
{
	size_t cursor = 0;
	void *link;

	while ((link = hash_table_next(&links->table, &cursor)))
		free(link);
	hash_table_free(&links->table);
}

bool kernel_link_parse(const struct nlmsghdr *message, struct kernel_link *link)
{
	const struct ifinfomsg *header = nlmsg_data(message);
	struct nlattr *attributes[IFLA_MAX + 1];

	/* Bridges send messages of their own family about ports; the links stay as they are. */
	if (nlmsg_parse((struct nlmsghdr *)message, sizeof(*header), attributes, IFLA_MAX, NULL) <
		0 ||
	    header->ifi_family != AF_UNSPEC || header->ifi_index <= 0)
		return false;
	*link = (struct kernel_link){
	    .index = (uint32_t)header->ifi_index,
	    .enabled = header->ifi_flags & IFF_UP,
	    .up = header->ifi_flags & IFF_UP && header->ifi_flags & IFF_RUNNING,
	};
	if (attributes[IFLA_IFNAME])
		nla_strlcpy(link->name, attributes[IFLA_IFNAME], sizeof(link->name));
	if (attributes[IFLA_GROUP] && nla_len(attributes[IFLA_GROUP]) == (int)sizeof(uint32_t))
		link->group = nla_get_u32(attributes[IFLA_GROUP]);
	return true;
}

static uint64_t link_hash(const struct kernel_links *links, uint32_t index)
{
	return hash_u64(index ^ links->seed);
}

static bool link_equal(const void *item, const void *key)
{
	const struct kernel_link *link = item;

	return link->index == *(const uint32_t *)key;
}

static struct kernel_link *find(const struct kernel_links *links, uint32_t index)
{
	return hash_table_find(&links->table, link_hash(links, index), link_equal, &index);
}

struct kernel_link kernel_links_put(struct kernel_links *links, const struct kernel_link *link)
{
	struct kernel_link *known = find(links, link->index);
	struct kernel_link before = {0};

	if (known) {
		before = *known;
		*known = *link;
	} else {
		hash_table_insert(
		    &links->table, link_hash(links, link->index), memory_copy(link, sizeof(*link)));
	}
	return before;
}

bool kernel_links_remove(struct kernel_links *links, uint32_t index)
{
	struct kernel_link *link = find(links, index);

	if (!link)
		return false;
	hash_table_remove(&links->table, link_hash(links, index), link);
	free(link);
	return true;
}

const struct kernel_link *kernel_links_find(const struct kernel_links *links, uint32_t index)
{
	return find(links, index);
}

const struct kernel_link *kernel_links_find_name(const struct kernel_links *links, const char *name)
{
	const struct kernel_link *link;
	size_t cursor = 0;

	while ((link = hash_table_next(&links->table, &cursor))) {
		if (strcmp(link->name, name) == 0)
			break;
	}
	return link;
}

const struct kernel_link *kernel_links_find_old(
    const struct kernel_links *links, uint32_t generation)
{
	const struct kernel_link *link;
	size_t cursor = 0;

	while ((link = hash_table_next(&links->table, &cursor))) {
		if (link->generation != generation)
			break;
	}
	return link;
}
