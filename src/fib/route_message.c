/*
 * The kernel's route messages.  Parsing goes through libnl, which checks every length against
 * the message's.
 *
 *   nlmsghdr | rtmsg | attribute | attribute | ..     each padded to 4 octets
 *
 * One hop is written as RTA_GATEWAY (or RTA_VIA, when the gateway is of the other family) and
 * RTA_OIF; several are one RTA_MULTIPATH that holds an rtnexthop with attributes for each.  In
 * place of all that RTA_NH_ID may name a next-hop object; what the kernel tells has its hops too,
 * unless net.ipv4.nexthop_compat_mode is off.  A route to nowhere (RTN_BLACKHOLE and the like) is
 * built without a hop.
 */
#include "fib/route_message.h"

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "fib/message_writer.h"

/* The kernel gives an IPv6 route without a metric this one; IPv4 has 0. */
#define KERNEL_IPV6_METRIC 1024

/* RTA_VIA: the address family in host order, then the address. */
static void put_via(struct message_writer *writer, const struct ip_address *gateway)
{
	const size_t length = ip_family_bits(gateway->family) / 8;
	const uint16_t family = message_socket_family(gateway->family);
	uint8_t *payload = message_writer_put_attribute(writer, RTA_VIA, sizeof(family) + length);

	if (!payload)
		return;
	memcpy(payload, &family, sizeof(family));
	memcpy(payload + sizeof(family), gateway->bytes, length);
}

static void put_gateway(
    struct message_writer *writer, const struct kernel_hop *hop, enum ip_family family)
{
	if (!hop->has_gateway)
		return;
	if (hop->gateway.family == family)
		message_writer_put_address(writer, RTA_GATEWAY, family, hop->gateway.bytes);
	else
		put_via(writer, &hop->gateway);
}

static void put_multipath(struct message_writer *writer, const struct kernel_route *route)
{
	const size_t start = writer->length;
	size_t i;

	message_writer_put_attribute(writer, RTA_MULTIPATH, 0);
	for (i = 0; i < route->hop_count; i++) {
		const struct kernel_hop *hop = &route->hops[i];
		const size_t hop_start = writer->length;
		struct rtnexthop *next_hop = message_writer_reserve(writer, sizeof(*next_hop));

		put_gateway(writer, hop, route->prefix.family);
		if (writer->failed)
			return;
		next_hop->rtnh_len = (uint16_t)(writer->length - hop_start);
		next_hop->rtnh_flags = hop->on_link ? RTNH_F_ONLINK : 0;
		next_hop->rtnh_hops = (uint8_t)(hop->weight ? hop->weight - 1 : 0);
		next_hop->rtnh_ifindex = (int)hop->interface;
	}
	((struct nlattr *)(writer->bytes + start))->nla_len = (uint16_t)(writer->length - start);
}

/* The message up to its hops; `header` is its rtmsg. */
static struct message_writer start_message(struct route_message *message,
    const struct kernel_route *route, const struct rtmsg *header, uint16_t type, uint16_t flags)
{
	struct message_writer writer = {message->bytes, sizeof(message->bytes), 0, false};
	struct nlmsghdr *netlink_header = message_writer_reserve(&writer, sizeof(*netlink_header));
	struct rtmsg *at = message_writer_reserve(&writer, sizeof(*at));

	netlink_header->nlmsg_type = type;
	netlink_header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	*at = *header;
	at->rtm_family = message_socket_family(route->prefix.family);
	at->rtm_dst_len = route->prefix.length;
	at->rtm_tos = route->tos;
	at->rtm_protocol = route->protocol;
	at->rtm_table = (uint8_t)(route->table < 256 ? route->table : RT_TABLE_UNSPEC);
	if (route->prefix.length)
		message_writer_put_address(
		    &writer, RTA_DST, route->prefix.family, route->prefix.bytes);
	if (route->table >= 256)
		message_writer_put_u32(&writer, RTA_TABLE, route->table);
	if (route->metric)
		message_writer_put_u32(&writer, RTA_PRIORITY, route->metric);
	return writer;
}

struct nlmsghdr *route_message_add(
    struct route_message *message, const struct kernel_route *route, uint16_t flags)
{
	const struct kernel_hop *hop = route->hops;
	const bool single = route->hop_count == 1;
	const struct rtmsg header = {
	    .rtm_type = route->type,
	    .rtm_scope = route->scope,
	    .rtm_flags = single && hop->on_link && !route->object ? RTNH_F_ONLINK : 0,
	};
	struct message_writer writer = start_message(message, route, &header, RTM_NEWROUTE, flags);

	if (route->object) {
		message_writer_put_u32(&writer, RTA_NH_ID, route->object);
	} else if (single) {
		put_gateway(&writer, hop, route->prefix.family);
		message_writer_put_u32(&writer, RTA_OIF, hop->interface);
	} else if (route->hop_count) {
		put_multipath(&writer, route);
	}
	if (!ip_address_is_unspecified(&route->source))
		message_writer_put_address(
		    &writer, RTA_PREFSRC, route->prefix.family, route->source.bytes);
	return message_writer_finish(&writer);
}

struct nlmsghdr *route_message_remove(
    struct route_message *message, const struct kernel_route *route)
{
	/* Type 0 and scope "nowhere" match any, so our route goes whatever was made of it. */
	const struct rtmsg header = {.rtm_type = RTN_UNSPEC, .rtm_scope = RT_SCOPE_NOWHERE};
	const struct message_writer writer =
	    start_message(message, route, &header, RTM_DELROUTE, 0);

	return message_writer_finish(&writer);
}

/* Parsing */

static const struct nla_policy route_policy[RTA_MAX + 1] = {
    [RTA_OIF] = {.type = NLA_U32},
    [RTA_PRIORITY] = {.type = NLA_U32},
    [RTA_TABLE] = {.type = NLA_U32},
    [RTA_NH_ID] = {.type = NLA_U32},
};

static bool parse_via(const struct nlattr *attribute, struct ip_address *gateway)
{
	const uint8_t *payload = nla_data(attribute);
	enum ip_family family;
	uint16_t socket_family;

	if (nla_len(attribute) < (int)sizeof(socket_family))
		return false;
	memcpy(&socket_family, payload, sizeof(socket_family));
	if (!message_parse_family(socket_family, &family) ||
	    nla_len(attribute) != (int)(sizeof(socket_family) + ip_family_bits(family) / 8))
		return false;
	*gateway = ip_address_from_bytes(family, payload + sizeof(socket_family));
	return true;
}

/* An attribute that is an address of the family; without it `*address` stays. */
static bool parse_address(
    const struct nlattr *attribute, enum ip_family family, struct ip_address *address)
{
	if (!attribute)
		return true;
	if (nla_len(attribute) != (int)(ip_family_bits(family) / 8))
		return false;
	*address = ip_address_from_bytes(family, nla_data(attribute));
	return true;
}

/* The gateway of a hop from its attributes; false if it is malformed. */
static bool parse_gateway(
    struct nlattr *const *attributes, enum ip_family family, struct kernel_hop *hop)
{
	hop->has_gateway = attributes[RTA_GATEWAY] || attributes[RTA_VIA];
	if (attributes[RTA_VIA])
		return parse_via(attributes[RTA_VIA], &hop->gateway);
	return parse_address(attributes[RTA_GATEWAY], family, &hop->gateway);
}

static bool parse_multipath(const struct nlattr *attribute, struct kernel_route *route,
    struct kernel_hop hops[static KERNEL_HOPS_MAX])
{
	const uint8_t *at = nla_data(attribute);
	size_t left = (size_t)nla_len(attribute);

	while (left >= sizeof(struct rtnexthop) && route->hop_count < KERNEL_HOPS_MAX) {
		const struct rtnexthop *next_hop = (const struct rtnexthop *)at;
		struct kernel_hop *hop = &hops[route->hop_count++];
		struct nlattr *attributes[RTA_MAX + 1];
		const size_t length = next_hop->rtnh_len;

		if (length < sizeof(*next_hop) || length > left)
			return false;
		*hop = (struct kernel_hop){
		    .interface = (uint32_t)next_hop->rtnh_ifindex,
		    .on_link = next_hop->rtnh_flags & RTNH_F_ONLINK,
		    .weight = (uint16_t)(next_hop->rtnh_hops + 1),
		};
		if (nla_parse(attributes, RTA_MAX, (struct nlattr *)(at + sizeof(*next_hop)),
			(int)(length - sizeof(*next_hop)), route_policy) < 0 ||
		    !parse_gateway(attributes, route->prefix.family, hop))
			return false;
		if (NLMSG_ALIGN(length) >= left)
			break;
		at += NLMSG_ALIGN(length);
		left -= NLMSG_ALIGN(length);
	}
	return true;
}

static bool parse_hops(const struct rtmsg *header, struct nlattr *const *attributes,
    struct kernel_route *route, struct kernel_hop hops[static KERNEL_HOPS_MAX])
{
	route->hops = hops;
	route->hop_count = 0;
	if (attributes[RTA_MULTIPATH])
		return parse_multipath(attributes[RTA_MULTIPATH], route, hops);
	if (!attributes[RTA_OIF])
		return true;
	hops[0] = (struct kernel_hop){
	    .interface = nla_get_u32(attributes[RTA_OIF]),
	    .on_link = header->rtm_flags & RTNH_F_ONLINK,
	    .weight = 1,
	};
	route->hop_count = 1;
	return parse_gateway(attributes, route->prefix.family, &hops[0]);
}

bool route_message_parse(const struct nlmsghdr *message, struct kernel_route *route,
    struct kernel_hop hops[static KERNEL_HOPS_MAX])
{
	struct nlattr *attributes[RTA_MAX + 1];
	struct ip_address destination = {0};
	struct ip_address source = {0};
	const struct rtmsg *header;
	enum ip_family family;

	/* libnl takes a message that it does not change as one that it could. */
	if (nlmsg_parse(
		(struct nlmsghdr *)message, sizeof(*header), attributes, RTA_MAX, route_policy) < 0)
		return false;
	header = nlmsg_data(message);
	if (!message_parse_family(header->rtm_family, &family) ||
	    header->rtm_flags & RTM_F_CLONED || header->rtm_dst_len > ip_family_bits(family) ||
	    header->rtm_src_len)
		return false;
	destination.family = (uint8_t)family;
	if (!parse_address(attributes[RTA_DST], family, &destination) ||
	    !parse_address(attributes[RTA_PREFSRC], family, &source))
		return false;
	*route = (struct kernel_route){
	    .prefix = ip_prefix_from_address(&destination, header->rtm_dst_len),
	    .table = attributes[RTA_TABLE] ? nla_get_u32(attributes[RTA_TABLE]) : header->rtm_table,
	    .metric = attributes[RTA_PRIORITY] ? nla_get_u32(attributes[RTA_PRIORITY]) : 0,
	    .object = attributes[RTA_NH_ID] ? nla_get_u32(attributes[RTA_NH_ID]) : 0,
	    .protocol = header->rtm_protocol,
	    .tos = header->rtm_tos,
	    .type = header->rtm_type,
	    .scope = header->rtm_scope,
	    .source = source,
	};
	if (family == IPV6 && !route->metric)
		route->metric = KERNEL_IPV6_METRIC;
	return parse_hops(header, attributes, route, hops);
}

bool kernel_hop_equal(const struct kernel_hop *a, const struct kernel_hop *b)
{
	return a->interface == b->interface && a->has_gateway == b->has_gateway &&
	       a->on_link == b->on_link && a->weight == b->weight &&
	       (!a->has_gateway || ip_address_equal(&a->gateway, &b->gateway));
}

bool kernel_hops_equal(
    const struct kernel_hop *a, size_t a_count, const struct kernel_hop *b, size_t b_count)
{
	size_t i;
	size_t j;

	if (a_count != b_count)
		return false;
	for (i = 0; i < a_count; i++) {
		for (j = 0; j < b_count && !kernel_hop_equal(&a[i], &b[j]); j++)
			continue;
		if (j == b_count)
			return false;
	}
	return true;
}
