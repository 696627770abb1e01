/*
 * A link is an interface with the times at which something is to be sent there next; one timer runs
 * to the earliest of all.  A message that cannot leave, as the interface has no link-local address
 * yet, is tried again a second later.
 *
 * Solicitations are answered by the advertisement to all that is due anyway, only earlier: at most
 * one in three seconds leaves an interface, whatever is asked (RFC 4861 6.2.6).
 */
#include "bgp/discovery.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

#define HOP_LIMIT 255
#define PACKETS_PER_TURN 16
#define PACKET_MAX 2048
#define OPTION_SOURCE_LINK_LAYER 1 /* RFC 4861 4.6.1 */

#define ADVERTISE_MS 10000
#define ADVERTISE_MIN_MS 3000
#define SOLICIT_QUICK 3
#define SOLICIT_QUICK_MS 1000
#define SOLICIT_SLOW_MS 30000
#define RETRY_MS 1000

/* Messages */

void bgp_discovery_encode(struct wire_writer *writer, enum bgp_discovery_kind kind)
{
	wire_put_u8(writer, (uint8_t)kind);
	wire_put_u8(writer, 0); /* code */
	wire_put_u16(writer, 0); /* checksum */
	wire_put_u32(writer, 0); /* advertisement: hop limit, flags and router lifetime */
	if (kind != BGP_DISCOVERY_ADVERTISEMENT)
		return;
	wire_put_u32(writer, 0); /* reachable time: unspecified */
	wire_put_u32(writer, 0); /* retransmission timer: unspecified */
}

/* False if an option is cut or empty; `*link_layer`: the sender's own link-layer address is there. */
static bool check_options(struct wire_reader *reader, bool *link_layer)
{
	*link_layer = false;
	while (wire_left(reader)) {
		uint8_t type = wire_get_u8(reader);
		uint8_t length = wire_get_u8(reader); /* in units of 8 octets */

		if (!length)
			return false;
		wire_get_bytes(reader, length * 8u - 2);
		if (reader->failed)
			return false;
		*link_layer |= type == OPTION_SOURCE_LINK_LAYER;
	}
	return true;
}

bool bgp_discovery_decode(struct wire_span message, const struct ip_address *source,
    unsigned hop_limit, enum bgp_discovery_kind *kind)
{
	struct wire_reader reader = wire_reader_from_span(message);
	uint8_t type = wire_get_u8(&reader);
	uint8_t code = wire_get_u8(&reader);
	bool link_layer;

	wire_get_bytes(&reader, 2 + 4); /* checksum, and what is of no interest here */
	if (type == BGP_DISCOVERY_ADVERTISEMENT)
		wire_get_bytes(&reader, 8);
	else if (type != BGP_DISCOVERY_SOLICITATION)
		return false;
	if (reader.failed || code || hop_limit != HOP_LIMIT || source->family != IPV6 ||
	    !check_options(&reader, &link_layer))
		return false;
	*kind = type;
	if (type == BGP_DISCOVERY_ADVERTISEMENT)
		return ip_address_is_link_local(source);
	/* RFC 4861 6.1.1: who has no address yet does not name one of the link layer. */
	return !link_layer || !ip_address_is_unspecified(source);
}

/* Links */

struct link {
	uint32_t interface;
	uint64_t advertise_at;
	uint64_t advertised_at; /* 0: never */
	uint64_t solicit_at; /* 0: not wanted */
	unsigned solicitations; /* sent since they are wanted */
};

struct bgp_discovery {
	struct loop *loop;
	struct loop_watch watch;
	struct loop_timer timer;
	bgp_discovery_heard *heard;
	void *arg;
	uint64_t random;
	int fd;
	struct link *links;
	size_t link_count;
};

static struct link *find_link(const struct bgp_discovery *discovery, uint32_t interface)
{
	for (size_t i = 0; i < discovery->link_count; i++)
		if (discovery->links[i].interface == interface)
			return &discovery->links[i];
	return NULL;
}

static void start_timer(struct bgp_discovery *discovery)
{
	uint64_t now = loop_now(discovery->loop), first = UINT64_MAX;

	for (size_t i = 0; i < discovery->link_count; i++) {
		const struct link *link = &discovery->links[i];

		if (link->advertise_at < first)
			first = link->advertise_at;
		if (link->solicit_at && link->solicit_at < first)
			first = link->solicit_at;
	}
	if (discovery->link_count)
		loop_timer_start(&discovery->timer, first > now ? first - now : 0);
	else
		loop_timer_stop(&discovery->timer);
}

/* Three quarters of the time to all of it, so that routers do not march in step. */
static uint64_t jitter(struct bgp_discovery *discovery, uint64_t time_ms)
{
	discovery->random ^= discovery->random << 13;
	discovery->random ^= discovery->random >> 7;
	discovery->random ^= discovery->random << 17;
	return time_ms - discovery->random % (time_ms / 4);
}

/* Sending */

/* To all routers, or to all nodes, of the link. */
static void group_of(enum bgp_discovery_kind kind, uint32_t interface, struct sockaddr_in6 *group)
{
	*group = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_scope_id = interface};
	group->sin6_addr.s6_addr[0] = 0xff;
	group->sin6_addr.s6_addr[1] = 0x02;
	group->sin6_addr.s6_addr[15] = kind == BGP_DISCOVERY_SOLICITATION ? 2 : 1;
}

static bool send_message(
    const struct bgp_discovery *discovery, enum bgp_discovery_kind kind, uint32_t interface)
{
	uint8_t bytes[BGP_DISCOVERY_LENGTH_MAX];
	struct wire_writer writer = wire_writer_init(bytes, sizeof(bytes));
	struct sockaddr_in6 group;

	bgp_discovery_encode(&writer, kind);
	group_of(kind, interface, &group);
	return sendto(discovery->fd, bytes, wire_written(&writer), 0,
		   (const struct sockaddr *)&group, sizeof(group)) >= 0;
}

static void advertise(struct bgp_discovery *discovery, struct link *link, uint64_t now)
{
	if (!send_message(discovery, BGP_DISCOVERY_ADVERTISEMENT, link->interface)) {
		link->advertise_at = now + RETRY_MS;
		return;
	}
	link->advertised_at = now;
	link->advertise_at = now + jitter(discovery, ADVERTISE_MS);
}

static void solicit(struct bgp_discovery *discovery, struct link *link, uint64_t now)
{
	if (!send_message(discovery, BGP_DISCOVERY_SOLICITATION, link->interface)) {
		link->solicit_at = now + RETRY_MS;
		return;
	}
	link->solicitations++;
	link->solicit_at =
	    now + (link->solicitations < SOLICIT_QUICK ? SOLICIT_QUICK_MS
						       : jitter(discovery, SOLICIT_SLOW_MS));
}

static void send_due(void *arg)
{
	struct bgp_discovery *discovery = arg;
	uint64_t now = loop_now(discovery->loop);

	for (size_t i = 0; i < discovery->link_count; i++) {
		struct link *link = &discovery->links[i];

		if (link->advertise_at <= now)
			advertise(discovery, link, now);
		if (link->solicit_at && link->solicit_at <= now)
			solicit(discovery, link, now);
	}
	start_timer(discovery);
}

/* Receiving */

static void answer_solicitation(struct bgp_discovery *discovery, struct link *link)
{
	uint64_t now = loop_now(discovery->loop);
	uint64_t at = link->advertised_at ? link->advertised_at + ADVERTISE_MIN_MS : now;

	if (at < now)
		at = now;
	if (at < link->advertise_at)
		link->advertise_at = at;
	start_timer(discovery);
}

/* The hop limit and the interface that the kernel tells beside the message. */
static void read_control(struct msghdr *header, unsigned *hop_limit, uint32_t *interface)
{
	for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item)) {
		struct in6_pktinfo info;
		int limit;

		if (item->cmsg_level != IPPROTO_IPV6)
			continue;
		if (item->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(&limit, CMSG_DATA(item), sizeof(limit));
			*hop_limit = (unsigned)limit;
		} else if (item->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info, CMSG_DATA(item), sizeof(info));
			*interface = info.ipi6_ifindex;
		}
	}
}

static void take_message(struct bgp_discovery *discovery, struct wire_span message,
    const struct ip_address *source, unsigned hop_limit, uint32_t interface)
{
	struct link *link = find_link(discovery, interface);
	enum bgp_discovery_kind kind;

	if (!link || !bgp_discovery_decode(message, source, hop_limit, &kind))
		return;
	if (kind == BGP_DISCOVERY_SOLICITATION)
		answer_solicitation(discovery, link);
	else
		discovery->heard(discovery->arg, interface, source);
}

/* False if there is nothing more to read. */
static bool read_one(struct bgp_discovery *discovery)
{
	uint8_t bytes[PACKET_MAX];
	union {
		struct cmsghdr header; /* for its alignment */
		uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
	} ancillary;
	struct sockaddr_in6 from = {0};
	struct iovec vector = {bytes, sizeof(bytes)};
	struct msghdr header = {.msg_name = &from,
	    .msg_namelen = sizeof(from),
	    .msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = &ancillary,
	    .msg_controllen = sizeof(ancillary)};
	ssize_t length = recvmsg(discovery->fd, &header, MSG_DONTWAIT);
	struct ip_address source;
	unsigned hop_limit = 0;
	uint32_t interface = 0;

	if (length < 0)
		return errno == EINTR;
	read_control(&header, &hop_limit, &interface);
	if (!(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    ip_address_from_sockaddr((const struct sockaddr *)&from, &source, NULL, NULL))
		take_message(discovery, (struct wire_span){bytes, (size_t)length}, &source,
		    hop_limit, interface);
	return true;
}

static void read_some(void *arg)
{
	for (unsigned i = 0; i < PACKETS_PER_TURN && read_one(arg); i++)
		;
}

/* Life */

static bool set_options(int fd)
{
	const struct {
		int level;
		int option;
		int value;
	} options[] = {
	    {IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
	    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1},
	    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOP_LIMIT},
	    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOP_LIMIT},
	    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0},
	};
	struct icmp6_filter filter;
	bool good;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(BGP_DISCOVERY_SOLICITATION, &filter);
	ICMP6_FILTER_SETPASS(BGP_DISCOVERY_ADVERTISEMENT, &filter);
	good = !setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		good = good && !setsockopt(fd, options[i].level, options[i].option,
				   &options[i].value, sizeof(int));
	return good;
}

struct bgp_discovery *bgp_discovery_new(
    struct loop *loop, bgp_discovery_heard *heard, void *arg, struct error *error)
{
	struct bgp_discovery *discovery;
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);

	if (fd < 0 || !set_options(fd)) {
		error_set(error, "cannot open a socket for router discovery: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	discovery = memory_allocate_zero(1, sizeof(*discovery));
	discovery->loop = loop;
	discovery->heard = heard;
	discovery->arg = arg;
	discovery->fd = fd;
	if (getrandom(&discovery->random, sizeof(discovery->random), GRND_NONBLOCK) < 0 ||
	    !discovery->random)
		discovery->random = 0x9e3779b97f4a7c15;
	loop_timer_init(loop, &discovery->timer, send_due, discovery);
	loop_watch_start(loop, &discovery->watch, fd, read_some, NULL, discovery);
	return discovery;
}

void bgp_discovery_free(struct bgp_discovery *discovery)
{
	if (!discovery)
		return;
	loop_watch_stop(&discovery->watch);
	loop_timer_free(&discovery->timer);
	close(discovery->fd);
	free(discovery->links);
	free(discovery);
}

/* A failure is left alone: an interface that is gone has no groups, and hears nothing. */
static void change_membership(const struct bgp_discovery *discovery, int option, uint32_t interface)
{
	static const enum bgp_discovery_kind kinds[] = {
	    BGP_DISCOVERY_SOLICITATION, BGP_DISCOVERY_ADVERTISEMENT};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct sockaddr_in6 group;
		struct ipv6_mreq request;

		group_of(kinds[i], interface, &group);
		request = (struct ipv6_mreq){group.sin6_addr, interface};
		(void)setsockopt(discovery->fd, IPPROTO_IPV6, option, &request, sizeof(request));
	}
}

static bool has_interface(const uint32_t *interfaces, size_t count, uint32_t interface)
{
	for (size_t i = 0; i < count; i++)
		if (interfaces[i] == interface)
			return true;
	return false;
}

void bgp_discovery_set_interfaces(
    struct bgp_discovery *discovery, const uint32_t *interfaces, size_t count)
{
	struct link *links = memory_allocate_zero(count + 1, sizeof(*links));
	size_t i;

	for (i = 0; i < discovery->link_count; i++)
		if (!has_interface(interfaces, count, discovery->links[i].interface))
			change_membership(
			    discovery, IPV6_DROP_MEMBERSHIP, discovery->links[i].interface);
	for (i = 0; i < count; i++) {
		const struct link *had = find_link(discovery, interfaces[i]);

		if (had) {
			links[i] = *had;
			continue;
		}
		links[i] = (struct link){
		    .interface = interfaces[i], .advertise_at = loop_now(discovery->loop)};
		change_membership(discovery, IPV6_ADD_MEMBERSHIP, interfaces[i]);
	}
	free(discovery->links);
	discovery->links = links;
	discovery->link_count = count;
	start_timer(discovery);
}

void bgp_discovery_solicit(struct bgp_discovery *discovery, uint32_t interface, bool solicit)
{
	struct link *link = find_link(discovery, interface);

	if (!link || solicit == (link->solicit_at != 0))
		return;
	link->solicit_at = solicit ? loop_now(discovery->loop) : 0;
	link->solicitations = 0;
	start_timer(discovery);
}
