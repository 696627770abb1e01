/*
 * Messages as the kernel sends them, made here and told to a kernel view.
 */
#ifndef TESTS_KERNEL_MESSAGES_H
#define TESTS_KERNEL_MESSAGES_H

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "fib/kernel_view.h"

#define UP (IFF_UP | IFF_RUNNING)

static inline void message_tell(struct kernel_view *view, struct nl_msg *message)
{
	kernel_view_message(view, nlmsg_hdr(message));
	nlmsg_free(message);
}

static inline void message_link(
    struct kernel_view *view, int type, uint32_t index, const char *name, unsigned flags)
{
	const struct ifinfomsg header = {.ifi_index = (int)index, .ifi_flags = flags};
	struct nl_msg *message = nlmsg_alloc_simple(type, 0);

	nlmsg_append(message, (void *)&header, sizeof(header), NLMSG_ALIGNTO);
	nla_put_string(message, IFLA_IFNAME, name);
	message_tell(view, message);
}

static inline void message_link_group(
    struct kernel_view *view, uint32_t index, const char *name, uint32_t group)
{
	const struct ifinfomsg header = {.ifi_index = (int)index, .ifi_flags = UP};
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	nlmsg_append(message, (void *)&header, sizeof(header), NLMSG_ALIGNTO);
	nla_put_string(message, IFLA_IFNAME, name);
	nla_put_u32(message, IFLA_GROUP, group);
	message_tell(view, message);
}

/* `flags` are IFA_F_.. */
static inline void message_address_with(struct kernel_view *view, int type, uint32_t index,
    const char *text, uint8_t length, uint8_t flags)
{
	struct ip_address address;
	struct nl_msg *message = nlmsg_alloc_simple(type, 0);
	struct ifaddrmsg header = {.ifa_index = index, .ifa_prefixlen = length, .ifa_flags = flags};

	assert_true(ip_address_parse(text, &address));
	header.ifa_family = address.family == IPV4 ? AF_INET : AF_INET6;
	nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
	nla_put(message, address.family == IPV4 ? IFA_LOCAL : IFA_ADDRESS,
	    (int)ip_family_bits(address.family) / 8, address.bytes);
	message_tell(view, message);
}

static inline void message_address(
    struct kernel_view *view, int type, uint32_t index, const char *text, uint8_t length)
{
	message_address_with(view, type, index, text, length, 0);
}

struct told_route {
	const char *prefix;
	const char *gateway; /* NULL: connected */
	uint32_t interface;
	uint32_t metric;
	uint32_t table; /* 0: main */
	uint8_t protocol; /* 0: static */
	uint8_t type; /* 0: unicast */
	uint32_t second_interface; /* of another hop, with the same gateway; 0: none */
};

static inline struct told_route told(
    const char *prefix, const char *gateway, uint32_t interface, uint32_t metric)
{
	return (struct told_route){
	    .prefix = prefix, .gateway = gateway, .interface = interface, .metric = metric};
}

static inline void message_route(
    struct kernel_view *view, int type, uint16_t flags, struct told_route what)
{
	struct kernel_hop hops[2] = {{.interface = what.interface, .weight = 1},
	    {.interface = what.second_interface, .weight = 1}};
	struct kernel_route route = {
	    .table = what.table ? what.table : RT_TABLE_MAIN,
	    .metric = what.metric,
	    .protocol = what.protocol ? what.protocol : RTPROT_STATIC,
	    .type = what.type ? what.type : RTN_UNICAST,
	    .scope = what.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
	    .hop_count = (uint8_t)((what.interface != 0) + (what.second_interface != 0)),
	    .hops = hops,
	};
	struct route_message message;
	struct nlmsghdr *header;
	size_t i;

	assert_true(ip_prefix_parse(what.prefix, &route.prefix, NULL));
	for (i = 0; i < 2; i++)
		hops[i].has_gateway =
		    what.gateway && ip_address_parse(what.gateway, &hops[i].gateway);
	header = route_message_add(&message, &route, flags);
	header->nlmsg_type = (uint16_t)type;
	kernel_view_message(view, header);
}

/* A rule of IPv4, unless `to` is a prefix of IPv6. */
struct told_rule {
	uint32_t priority;
	uint8_t action; /* 0: FR_ACT_TO_TBL */
	uint32_t table;
	const char *to; /* NULL: all */
	bool inverted;
	uint32_t mark; /* 0: none */
	uint32_t target; /* of a goto */
	const char *input; /* interface, or NULL */
	bool has_source;
	bool suppresses; /* routes of at most `suppressed_length` bits */
	uint32_t suppressed_length;
	uint16_t other; /* type of an attribute with a number, or 0 */
};

static inline void message_rule(struct kernel_view *view, int type, struct told_rule what)
{
	struct fib_rule_hdr header = {.family = AF_INET,
	    .action = what.action ? what.action : FR_ACT_TO_TBL,
	    .src_len = what.has_source ? 8 : 0,
	    .flags = what.inverted ? FIB_RULE_INVERT : 0};
	struct nl_msg *message = nlmsg_alloc_simple(type, 0);
	struct ip_prefix to = {0};

	if (what.to)
		assert_true(ip_prefix_parse(what.to, &to, NULL));
	header.family = to.family == IPV4 ? AF_INET : AF_INET6;
	header.dst_len = to.length;
	nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
	nla_put_u32(message, FRA_PRIORITY, what.priority);
	nla_put_u32(message, FRA_TABLE, what.table);
	nla_put_u32(
	    message, FRA_SUPPRESS_PREFIXLEN, what.suppresses ? what.suppressed_length : UINT32_MAX);
	if (to.length)
		nla_put(message, FRA_DST, (int)ip_family_bits(to.family) / 8, to.bytes);
	if (what.mark)
		nla_put_u32(message, FRA_FWMARK, what.mark);
	if (what.mark)
		nla_put_u32(message, FRA_FWMASK, UINT32_MAX);
	if (what.target)
		nla_put_u32(message, FRA_GOTO, what.target);
	if (what.input)
		nla_put_string(message, FRA_IIFNAME, what.input);
	if (what.has_source)
		nla_put_u32(message, FRA_SRC, 10);
	if (what.other)
		nla_put_u32(message, what.other, 1);
	message_tell(view, message);
}

/* For struct kernel_view_ops: what a test does not care about. */
static inline void view_ignore(void *arg)
{
	(void)arg;
}

static inline void view_ignore_address(void *arg, const struct ip_address *address)
{
	(void)arg;
	(void)address;
}

static inline void view_ignore_interface(void *arg, uint32_t interface)
{
	(void)arg;
	(void)interface;
}

static inline void view_ignore_route(void *arg, const struct kernel_route *route, bool gone)
{
	(void)arg;
	(void)route;
	(void)gone;
}

#endif
