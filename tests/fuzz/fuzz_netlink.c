/*
 * Any bytes from netlink into the FIB.  The input is a list of steps: datagrams of any bytes or with
 * the beginnings of a message, answers of every kind and none, losses, the passing of time, what the
 * RIB and the user do meanwhile.  The sockets are those of tests/unit/netlink_peer.h, time is ours.
 *
 * What the FIB asks for must be well-formed and leave routes of others alone: ours by protocol and
 * table, added only where nothing is, replaced never into being.  After the steps the kernel comes
 * to its senses, tells everything and answers everything, and then nothing may be left undone.
 */
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../unit/netlink_peer.h"
#include "base/wire.h"
#include "fib/fib.h"
#include "fib/route_message.h"
#include "rib/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PEERS = 3, STEPS = 200, TURNS = 12, LINK = 2 };

static uint64_t clock_ms;

int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE)
		return (int)syscall(SYS_clock_gettime, clock, time);
	time->tv_sec = (time_t)(clock_ms / 1000);
	time->tv_nsec = (long)(clock_ms % 1000) * 1000000;
	return 0;
}

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* How the kernel answers requests. */
enum manner { DONE, REFUSED, REFUSED_WITH_TEXT, SILENT, LOST, MANNERS };

struct world {
	struct wire_reader steps;
	struct loop *loop;
	struct rib *rib;
	struct rib_peer *peers[PEERS];
	struct fib *fib;
	struct fib_settings settings;
	uint32_t tables[2]; /* now and before */
	uint8_t protocols[2];
	enum manner manner;
	uint8_t error;
	bool dumps_are_told; /* at once and completely */
	struct nlmsghdr dump; /* the last one that was asked for */
	unsigned told_ready;
};

/* The user of the FIB */

static void told_failed(void *arg, const struct ip_prefix *prefix, const char *what)
{
	(void)arg, (void)prefix;
	require(what[0]);
}

static void told_ready(void *arg)
{
	require(!((struct world *)arg)->told_ready++);
}

static void told_nothing(void *arg)
{
	(void)arg;
}

static const struct fib_ops ops = {.failed = told_failed,
    .ready = told_ready,
    .links_changed = told_nothing,
    .view_changed = told_nothing};

/* The kernel, when it means well */

static void tell(const struct nlmsghdr *dump, struct peer_message *message)
{
	peer_header(message)->nlmsg_pid = PEER_PORT + PEER_EVENTS;
	peer_header(message)->nlmsg_seq = dump->nlmsg_seq;
	peer_header(message)->nlmsg_flags |= NLM_F_MULTI;
	peer_deliver(PEER_EVENTS, message->bytes, message->length);
}

static void tell_link(const struct nlmsghdr *dump)
{
	const struct ifinfomsg body = {.ifi_index = LINK, .ifi_flags = IFF_UP | IFF_RUNNING};
	struct peer_message message = peer_message(RTM_NEWLINK, 0, 0, &body, sizeof(body));

	peer_put(&message, IFLA_IFNAME, "eth0", 5);
	tell(dump, &message);
}

static const uint8_t own_addresses[IP_FAMILIES][16] = {
    {192, 0, 2, 7}, {0x20, 0x01, 0x0d, 0xb8, [15] = 7}};

static void tell_address(const struct nlmsghdr *dump, enum ip_family family)
{
	const struct ifaddrmsg body = {.ifa_family = family == IPV4 ? AF_INET : AF_INET6,
	    .ifa_prefixlen = family == IPV4 ? 24 : 64,
	    .ifa_index = LINK};
	struct peer_message message = peer_message(RTM_NEWADDR, 0, 0, &body, sizeof(body));

	peer_put(&message, IFA_ADDRESS, own_addresses[family], family == IPV4 ? 4 : 16);
	tell(dump, &message);
}

static void tell_route(const struct nlmsghdr *dump, enum ip_family family)
{
	struct ip_address address = ip_address_from_bytes(family, own_addresses[family]);
	const struct kernel_hop hop = {.weight = 1, .interface = LINK};
	const struct kernel_route route = {
	    .prefix = ip_prefix_from_address(&address, family == IPV4 ? 24 : 64),
	    .table = RT_TABLE_MAIN,
	    .protocol = RTPROT_KERNEL,
	    .type = RTN_UNICAST,
	    .scope = RT_SCOPE_LINK,
	    .hop_count = 1,
	    .hops = &hop,
	};
	struct route_message built;
	const struct nlmsghdr *header = route_message_add(&built, &route, 0);
	struct peer_message message = {.length = header->nlmsg_len};

	memcpy(message.bytes, header, message.length);
	tell(dump, &message);
}

static void tell_dump(const struct nlmsghdr *dump)
{
	const uint8_t family = *(const uint8_t *)NLMSG_DATA(dump);

	if (dump->nlmsg_type == RTM_GETLINK) {
		tell_link(dump);
	} else if (dump->nlmsg_type == RTM_GETADDR) {
		tell_address(dump, IPV4);
		tell_address(dump, IPV6);
	} else if (dump->nlmsg_type == RTM_GETROUTE) {
		tell_route(dump, family == AF_INET ? IPV4 : IPV6);
	}
	peer_end_dump(dump, 0, 0);
}

/* What is asked of it */

static bool is_place_of_ours(const struct world *world, const struct kernel_route *route)
{
	return (route->protocol == world->protocols[0] || route->protocol == world->protocols[1]) &&
	       (route->table == world->tables[0] || route->table == world->tables[1]);
}

static void check_route_request(const struct world *world, const struct nlmsghdr *message)
{
	const uint16_t flags =
	    message->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL | NLM_F_REPLACE | NLM_F_APPEND);
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	struct kernel_route route;

	require(route_message_parse(message, &route, hops));
	require(is_place_of_ours(world, &route));
	require(!ip_prefix_is_martian(&route.prefix));
	if (message->nlmsg_type == RTM_NEWROUTE)
		require(flags == NLM_F_REPLACE || flags == (NLM_F_CREATE | NLM_F_EXCL));
	else
		require(!flags && message->nlmsg_type == RTM_DELROUTE);
}

static void answer(const struct world *world, const struct nlmsghdr *message)
{
	const bool last = message->nlmsg_flags & NLM_F_ACK;

	if (world->manner == REFUSED || world->manner == REFUSED_WITH_TEXT)
		peer_answer(message, world->error,
		    world->manner == REFUSED_WITH_TEXT ? "The kernel's text" : NULL);
	else if (world->manner == DONE && last)
		peer_answer(message, 0, NULL);
	else if (world->manner == LOST && last)
		peer_deliver_error(PEER_REQUESTS, ENOBUFS);
}

static void asked(void *arg, enum peer_role role, const struct nlmsghdr *message)
{
	struct world *world = arg;

	if (role == PEER_REQUESTS) {
		if (message->nlmsg_type == RTM_NEWROUTE || message->nlmsg_type == RTM_DELROUTE)
			check_route_request(world, message);
		answer(world, message);
		return;
	}
	require(message->nlmsg_flags & NLM_F_DUMP);
	world->dump = *message;
	if (world->dumps_are_told)
		tell_dump(message);
}

static void run(struct world *world)
{
	for (unsigned i = 0; i < TURNS; i++)
		loop_run_once(world->loop, 0);
}

static void pass_time(struct world *world, uint64_t milliseconds)
{
	clock_ms += milliseconds;
	run(world);
}

/* Steps */

/* Any bytes, of either socket. */
static void feed_bytes(struct world *world)
{
	const uint8_t choice = wire_get_u8(&world->steps);
	const struct wire_span bytes = wire_get_span(&world->steps, wire_get_u8(&world->steps));

	peer_deliver_from(choice & 2 ? 99 : 0, choice & 1, bytes.bytes, bytes.length);
}

/* A message with a true length, of the dump that runs or not; the rest is any bytes. */
static void feed_message(struct world *world)
{
	static const uint16_t types[] = {RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR,
	    RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWNEIGH, RTM_DELNEIGH, RTM_NEWRULE, RTM_DELRULE,
	    RTM_NEWNEXTHOP, RTM_DELNEXTHOP, NLMSG_ERROR, NLMSG_DONE};
	const uint8_t type = wire_get_u8(&world->steps);
	const uint8_t flags = wire_get_u8(&world->steps);
	const struct wire_span body = wire_get_span(&world->steps, wire_get_u8(&world->steps));
	struct peer_message message = peer_message(types[type % (sizeof(types) / sizeof(types[0]))],
	    (uint16_t)(flags & 1 ? NLM_F_DUMP_INTR : 0), 0, body.bytes, body.length);

	if (flags & 2)
		peer_header(&message)->nlmsg_flags |= NLM_F_REPLACE;
	if (flags & 4) {
		peer_header(&message)->nlmsg_seq = world->dump.nlmsg_seq;
		peer_header(&message)->nlmsg_pid = PEER_PORT + PEER_EVENTS;
	}
	peer_deliver(PEER_EVENTS, message.bytes, message.length);
}

/* An error to one of the requests that are out, or to none. */
static void feed_answer(struct world *world)
{
	const uint8_t sequence = wire_get_u8(&world->steps);
	const uint8_t flags = wire_get_u8(&world->steps);
	const struct wire_span rest = wire_get_span(&world->steps, wire_get_u8(&world->steps));
	struct peer_message message = peer_message(NLMSG_ERROR,
	    (uint16_t)((flags & 1 ? NLM_F_ACK_TLVS : 0) | (flags & 2 ? NLM_F_CAPPED : 0)), sequence,
	    rest.bytes, rest.length);

	peer_deliver(PEER_REQUESTS, message.bytes, message.length);
}

/* A route that is well-formed, of ours or of others. */
static void feed_route(struct world *world)
{
	static const uint8_t protocols[] = {186, 187, RTPROT_STATIC, RTPROT_KERNEL};
	const uint8_t choice = wire_get_u8(&world->steps);
	const uint8_t more = wire_get_u8(&world->steps);
	const struct ip_address address = ip_address_from_ipv4(0x0a000000u | (more & 15) << 16);
	struct kernel_hop hop = {.gateway = ip_address_from_ipv4(0xc0000200u | more >> 4),
	    .has_gateway = true,
	    .weight = 1,
	    .interface = LINK};
	const struct kernel_route route = {
	    .prefix = ip_prefix_from_address(&address, 16),
	    .table = choice & 16 ? 100 : RT_TABLE_MAIN,
	    .metric = choice & 8 ? 30 : 20,
	    .protocol = protocols[choice & 3],
	    .type = RTN_UNICAST,
	    .hop_count = 1,
	    .hops = &hop,
	};
	struct route_message message;
	struct nlmsghdr *header =
	    route_message_add(&message, &route, choice & 32 ? NLM_F_REPLACE : 0);

	if (choice & 4)
		header->nlmsg_type = RTM_DELROUTE;
	header->nlmsg_seq = choice & 64 ? world->dump.nlmsg_seq : 0;
	header->nlmsg_pid = choice & 64 ? PEER_PORT + PEER_EVENTS : 0;
	peer_deliver(PEER_EVENTS, header, header->nlmsg_len);
}

static void lose(struct world *world)
{
	const uint8_t choice = wire_get_u8(&world->steps);

	if (choice & 2)
		peer_drop_all(choice & 1);
	peer_deliver_error(choice & 1, choice & 4 ? ENOMEM : ENOBUFS);
}

static void tell_or_end_dump(struct world *world)
{
	const uint8_t choice = wire_get_u8(&world->steps);

	world->dumps_are_told = choice & 1;
	if (choice & 2)
		tell_dump(&world->dump);
	else
		peer_end_dump(&world->dump, (uint16_t)(choice & 4 ? NLM_F_DUMP_INTR : 0),
		    choice & 8 ? -EIO : 0);
}

static void change_manner(struct world *world)
{
	static const int send_errors[] = {0, ENOBUFS, EPERM, EMSGSIZE};
	const uint8_t choice = wire_get_u8(&world->steps);

	world->manner = choice % MANNERS;
	world->error = wire_get_u8(&world->steps) % 133 + 1;
	netlink_peer.send_error[PEER_REQUESTS] = send_errors[choice >> 4 & 3];
	netlink_peer.send_error[PEER_EVENTS] = send_errors[choice >> 6];
}

static void advance(struct world *world)
{
	const uint8_t amount = wire_get_u8(&world->steps);

	pass_time(world, amount & 128 ? (amount & 127) * 3000u : amount * 20u);
}

/* A path to one of sixteen prefixes of either family appears or goes. */
static void change_rib(struct world *world)
{
	const uint8_t choice = wire_get_u8(&world->steps);
	const uint8_t next_hop = wire_get_u8(&world->steps);
	const enum ip_family family = choice >> 4 & 1;
	const uint8_t bytes[IP_FAMILIES][16] = {
	    {10, choice & 15}, {0x20, 0x01, 0x0d, 0xb8, 1, choice & 15}};
	const struct ip_address address = ip_address_from_bytes(family, bytes[family]);
	const struct ip_prefix prefix = ip_prefix_from_address(&address, family == IPV4 ? 16 : 48);
	struct rib_peer *peer = world->peers[(choice >> 5 & 3) % PEERS];
	struct attribute_store *store = rib_attribute_store(world->rib);
	struct attribute_set_extra extra = {.kernel_metric = next_hop & 64 ? 30 : 0};
	struct bgp_attributes attributes;
	struct attribute_set *set;

	if (choice & 128) {
		rib_withdraw(world->rib, peer, &prefix, 0);
		return;
	}
	bgp_attributes_init(&attributes);
	attributes.next_hop.address = ip_address_from_bytes(family, own_addresses[family]);
	attributes.next_hop.address.bytes[family == IPV4 ? 3 : 15] = next_hop & 31;
	set = attribute_set_intern(store, &attributes, &extra);
	rib_update(world->rib, peer, &prefix, 0, set, 0);
	attribute_set_release(store, set);
}

static void user_acts(struct world *world)
{
	const uint8_t choice = wire_get_u8(&world->steps);
	struct fib_settings settings = world->settings;

	if (choice & 1)
		fib_converged(world->fib);
	if (choice & 2)
		fib_hear_neighbours(world->fib, choice & 4);
	settings.install = !(choice & 8);
	settings.table = choice & 16 ? 100 : RT_TABLE_MAIN;
	settings.protocol = choice & 32 ? 187 : 186;
	settings.metric = choice & 64 ? 30 : 20;
	settings.withdraw_on_stop = choice & 128;
	world->settings = settings;
	fib_change(world->fib, &settings);
}

static void shown_route(void *arg, const struct fib_route *route)
{
	unsigned *queued = arg;

	*queued += route->state == FIB_QUEUED;
	require(route->state != FIB_FAILED || route->error);
	require(!route->error || route->error[0]);
}

static void shown_next_hop(void *arg, const struct fib_next_hop *next_hop)
{
	(void)arg;
	require(next_hop->reachable || next_hop->reason);
}

/* How many routes are on their way. */
static unsigned look(struct world *world)
{
	const struct ip_address address = ip_address_from_ipv4(0xc0000201);
	struct ip_address own;
	struct fib_cursor cursor = {0};
	unsigned queued = 0;

	while (fib_walk(world->fib, &cursor, 64, shown_route, &queued))
		continue;
	fib_walk_next_hops(world->fib, shown_next_hop, NULL);
	fib_local_address(world->fib, &address, 0, IPV4, &own);
	fib_local_address(world->fib, &address, 0, IPV6, &own);
	fib_neighbour(world->fib, LINK, &own);
	return queued;
}

typedef void step_function(struct world *world);

static void play(struct world *world)
{
	static step_function *const steps[] = {feed_bytes, feed_message, feed_answer, feed_route,
	    lose, tell_or_end_dump, change_manner, advance, change_rib, user_acts};

	for (unsigned i = 0; wire_left(&world->steps) && i < STEPS; i++) {
		const uint8_t step = wire_get_u8(&world->steps);

		steps[(step & 127) % (sizeof(steps) / sizeof(steps[0]))](world);
		/* What comes before the next step is at once there with this one. */
		if (!(step & 128))
			run(world);
		if (i % 8 == 0)
			look(world);
	}
}

/* From now on the kernel does what it should; twenty minutes are enough for everything. */
static void come_to_an_end(struct world *world)
{
	world->manner = DONE;
	world->dumps_are_told = true;
	netlink_peer.send_error[PEER_REQUESTS] = 0;
	netlink_peer.send_error[PEER_EVENTS] = 0;
	for (unsigned minutes = 0; minutes < 20; minutes++)
		pass_time(world, 60000);
	require(world->told_ready);
	require(!look(world));
	require(!fib_counters(world->fib)->failed);
}

static void start(struct world *world)
{
	const struct rib_options options = {.hash_seed = 7, .multipath = 4};
	struct error error;

	world->loop = loop_new();
	world->rib = rib_new(world->loop, &options);
	for (unsigned i = 0; i < PEERS; i++) {
		world->peers[i] = rib_peer_new(world->rib);
		world->peers[i]->source = POLICY_SOURCE_EBGP;
		world->peers[i]->identifier = i + 1;
		world->peers[i]->address = ip_address_from_ipv4(0xc0000201 + i);
	}
	world->settings = (struct fib_settings){.install = true,
	    .table = RT_TABLE_MAIN,
	    .metric = 20,
	    .protocol = 186,
	    .multipath = 4,
	    .next_hop_objects = world->settings.next_hop_objects};
	world->tables[0] = RT_TABLE_MAIN;
	world->tables[1] = 100;
	world->protocols[0] = 186;
	world->protocols[1] = 187;
	peer_start(asked, world);
	world->fib = fib_new(world->loop, world->rib, &world->settings, 7, &ops, world, &error);
	require(world->fib);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *world = calloc(1, sizeof(*world));
	uint8_t first;

	require(world);
	clock_ms = 1000000;
	world->steps = wire_reader_from_span((struct wire_span){data, size});
	first = wire_get_u8(&world->steps);
	world->dumps_are_told = first & 1;
	world->settings.next_hop_objects = first & 2;
	start(world);
	run(world);
	play(world);
	come_to_an_end(world);
	fib_free(world->fib);
	rib_free(world->rib);
	loop_free(world->loop);
	peer_stop();
	free(world);
	return 0;
}
