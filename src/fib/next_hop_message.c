/*
 *   nlmsghdr | nhmsg | NHA_ID | NHA_GATEWAY | NHA_OIF          a hop
 *   nlmsghdr | nhmsg | NHA_ID | NHA_GROUP (nexthop_grp ..)     a group, of family AF_UNSPEC
 *
 * The family of a hop is the one of its gateway, whatever the routes are that go over it.
 */
#include "fib/next_hop_message.h"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "fib/message_writer.h"

static struct message_writer start_message(struct next_hop_message *message,
    const struct nhmsg *header, uint16_t type, uint16_t flags, uint32_t id)
{
	struct message_writer writer = {message->bytes, sizeof(message->bytes), 0, false};
	struct nlmsghdr *netlink_header = message_writer_reserve(&writer, sizeof(*netlink_header));
	struct nhmsg *at = message_writer_reserve(&writer, sizeof(*at));

	netlink_header->nlmsg_type = type;
	netlink_header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	*at = *header;
	message_writer_put_u32(&writer, NHA_ID, id);
	return writer;
}

static void put_members(struct message_writer *writer, const struct kernel_next_hop *next_hop)
{
	const size_t size = next_hop->member_count * sizeof(struct nexthop_grp);
	struct nexthop_grp *entries = message_writer_put_attribute(writer, NHA_GROUP, size);
	size_t i;

	for (i = 0; entries && i < next_hop->member_count; i++) {
		const struct kernel_group_member *member = &next_hop->members[i];

		entries[i].id = member->id;
		entries[i].weight = (uint8_t)(member->weight ? member->weight - 1 : 0);
	}
}

struct nlmsghdr *next_hop_message_add(
    struct next_hop_message *message, const struct kernel_next_hop *next_hop, uint16_t flags)
{
	const struct kernel_hop *hop = &next_hop->hop;
	const bool group = next_hop->member_count;
	const struct nhmsg header = {
	    .nh_family = group ? AF_UNSPEC : message_socket_family(hop->gateway.family),
	    .nh_protocol = next_hop->protocol,
	    .nh_flags = !group && hop->on_link ? RTNH_F_ONLINK : 0,
	};
	struct message_writer writer =
	    start_message(message, &header, RTM_NEWNEXTHOP, flags, next_hop->id);

	if (group) {
		put_members(&writer, next_hop);
		return message_writer_finish(&writer);
	}
	if (hop->has_gateway)
		message_writer_put_address(
		    &writer, NHA_GATEWAY, hop->gateway.family, hop->gateway.bytes);
	message_writer_put_u32(&writer, NHA_OIF, hop->interface);
	return message_writer_finish(&writer);
}

static struct nlmsghdr *make_bare_message(
    struct next_hop_message *message, uint16_t type, uint32_t id)
{
	const struct nhmsg header = {0};
	const struct message_writer writer = start_message(message, &header, type, 0, id);

	return message_writer_finish(&writer);
}

struct nlmsghdr *next_hop_message_remove(struct next_hop_message *message, uint32_t id)
{
	return make_bare_message(message, RTM_DELNEXTHOP, id);
}

struct nlmsghdr *next_hop_message_get(struct next_hop_message *message, uint32_t id)
{
	return make_bare_message(message, RTM_GETNEXTHOP, id);
}

/* Parsing */

static const struct nla_policy next_hop_policy[NHA_MAX + 1] = {
    [NHA_ID] = {.type = NLA_U32},
    [NHA_OIF] = {.type = NLA_U32},
};

static bool parse_group(const struct nlattr *attribute, struct kernel_next_hop *next_hop,
    struct kernel_group_member members[static KERNEL_HOPS_MAX])
{
	const struct nexthop_grp *entries = nla_data(attribute);
	const size_t count = (size_t)nla_len(attribute) / sizeof(*entries);
	size_t i;

	if (!count || (size_t)nla_len(attribute) % sizeof(*entries))
		return false;
	for (i = 0; i < count && i < KERNEL_HOPS_MAX; i++) {
		/* Newer kernels have the high octet of the weight in the first reserved one. */
		const unsigned weight = entries[i].weight + 256u * entries[i].resvd1 + 1;

		members[i].id = entries[i].id;
		members[i].weight = (uint16_t)(weight <= UINT16_MAX ? weight : UINT16_MAX);
	}
	next_hop->member_count = i;
	next_hop->members = members;
	return true;
}

static bool parse_hop(
    const struct nhmsg *header, struct nlattr *const *attributes, struct kernel_hop *hop)
{
	const struct nlattr *gateway = attributes[NHA_GATEWAY];
	enum ip_family family;

	/* A blackhole has a family but no interface. */
	if (!message_parse_family(header->nh_family, &family))
		return !gateway;
	hop->gateway.family = (uint8_t)family;
	hop->interface = attributes[NHA_OIF] ? nla_get_u32(attributes[NHA_OIF]) : 0;
	hop->on_link = header->nh_flags & RTNH_F_ONLINK;
	hop->has_gateway = gateway;
	if (!gateway)
		return true;
	if (nla_len(gateway) != (int)(ip_family_bits(family) / 8))
		return false;
	hop->gateway = ip_address_from_bytes(family, nla_data(gateway));
	return true;
}

bool next_hop_message_parse(const struct nlmsghdr *message, struct kernel_next_hop *next_hop,
    struct kernel_group_member members[static KERNEL_HOPS_MAX])
{
	struct nlattr *attributes[NHA_MAX + 1];
	const struct nhmsg *header;

	/* libnl takes a message that it does not change as one that it could. */
	if (nlmsg_parse((struct nlmsghdr *)message, sizeof(*header), attributes, NHA_MAX,
		next_hop_policy) < 0 ||
	    !attributes[NHA_ID])
		return false;
	header = nlmsg_data(message);
	*next_hop = (struct kernel_next_hop){
	    .id = nla_get_u32(attributes[NHA_ID]),
	    .protocol = header->nh_protocol,
	    .hop = {.weight = 1},
	};
	if (attributes[NHA_GROUP])
		return parse_group(attributes[NHA_GROUP], next_hop, members);
	return parse_hop(header, attributes, &next_hop->hop);
}
