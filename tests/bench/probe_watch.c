/*
 * The question is put as connect() of a UDP socket: that is the lookup which every packet of this
 * node has, and unlike RTM_GETROUTE it does not take the lock under which the daemon's routes are
 * changed.  The source address that the kernel chooses says over which link the packet would go, as
 * each link has an address of its own.  A prefix is lost if there is no route to it, or if it leads
 * over the link after the kernel has said that this one is down.
 *
 * The notification is looked for between the lookups, so both have the same clock.
 */
#include "probe_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "load_clock.h"
#include "load_fail.h"

#define LOOKUPS_AT_ONCE 16
#define QUIET_SECONDS 1.0
#define PORT 9 /* discard; nothing is sent */
#define SOURCE_PORT 4000 /* always the same, so that a prefix keeps its hop of several */
#define RECEIVE_BYTES 32768

static int open_link_socket(void)
{
	const struct sockaddr_nl local = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&local, sizeof local) < 0)
		load_fail("netlink: %s", strerror(errno));
	return fd;
}

static int open_lookup_socket(void)
{
	const struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(SOURCE_PORT)};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&local, sizeof local) < 0)
		load_fail("UDP port %d: %s", SOURCE_PORT, strerror(errno));
	return fd;
}

static struct in_addr address_of(int fd, const char *interface)
{
	struct ifreq request = {0};
	struct sockaddr_in address;

	strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
	if (ioctl(fd, SIOCGIFADDR, &request) < 0)
		load_fail("the address of %s: %s", interface, strerror(errno));
	memcpy(&address, &request.ifr_addr, sizeof address);
	return address.sin_addr;
}

static struct sockaddr_in address_in(const struct ip_prefix *prefix)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};

	memcpy(&address.sin_addr, prefix->bytes, sizeof address.sin_addr);
	return address;
}

void probe_watch_init(struct probe_watch *watch, const struct bench_table *table, uint32_t count,
    const char *interface)
{
	*watch = (struct probe_watch){.count = count < table->id_count ? count : table->id_count,
	    .lookup = open_lookup_socket(),
	    .links = open_link_socket(),
	    .interface = (int)if_nametoindex(interface)};
	watch->local = address_of(watch->lookup, interface);
	watch->prefixes = memory_allocate_zero(watch->count, sizeof *watch->prefixes);
	for (uint32_t i = 0; i < watch->count; i++) {
		const struct ip_prefix prefix =
		    bench_table_prefix(table, bench_share_first(table->id_count, watch->count, i));

		watch->prefixes[i].address = address_in(&prefix);
	}
}

void probe_watch_free(struct probe_watch *watch)
{
	close(watch->lookup);
	close(watch->links);
	free(watch->prefixes);
}

/* The source address of a packet to the prefix; false if there is no route. */
static bool look_up(
    const struct probe_watch *watch, const struct probe_prefix *prefix, struct in_addr *source)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	struct sockaddr_in local = {0};
	socklen_t length = sizeof local;

	/* The address of the last time would be kept. */
	connect(watch->lookup, &nowhere, sizeof nowhere);
	if (connect(watch->lookup, (const struct sockaddr *)&prefix->address,
		sizeof prefix->address) < 0 ||
	    getsockname(watch->lookup, (struct sockaddr *)&local, &length) < 0)
		return false;
	*source = local.sin_addr;
	return true;
}

static void take_notifications(struct probe_watch *watch)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[RECEIVE_BYTES];
	const struct nlmsghdr *message = (struct nlmsghdr *)buffer;
	ssize_t length = recv(watch->links, buffer, sizeof buffer, 0);

	for (; NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
		const struct ifinfomsg *link = NLMSG_DATA(message);

		if (message->nlmsg_type == RTM_NEWLINK && link->ifi_index == watch->interface &&
		    !(link->ifi_flags & IFF_RUNNING) && watch->notified_at == 0)
			watch->notified_at = watch->moved_at = load_clock();
	}
}

static bool is_lost(const struct probe_watch *watch, const struct probe_prefix *prefix)
{
	struct in_addr source;

	if (!look_up(watch, prefix, &source))
		return true;
	return watch->notified_at != 0 && source.s_addr == watch->local.s_addr;
}

static void look_at(struct probe_watch *watch, struct probe_prefix *prefix)
{
	const bool lost = is_lost(watch, prefix);
	const double now = load_clock();

	if (lost == (prefix->lost_since != 0))
		return;
	watch->moved_at = now;
	if (lost) {
		prefix->hit = true;
		prefix->lost_since = now;
		watch->lost++;
		return;
	}
	if (now - prefix->lost_since > watch->gap)
		watch->gap = now - prefix->lost_since;
	prefix->lost_since = 0;
	watch->last = now;
	watch->lost--;
}

uint32_t probe_watch_begin(struct probe_watch *watch)
{
	uint32_t over = 0;

	for (uint32_t i = 0; i < watch->count; i++) {
		struct in_addr source;

		if (!look_up(watch, &watch->prefixes[i], &source))
			load_fail("no route to %s", inet_ntoa(watch->prefixes[i].address.sin_addr));
		over += source.s_addr == watch->local.s_addr;
	}
	return over;
}

static bool is_over(const struct probe_watch *watch)
{
	return watch->notified_at != 0 && !watch->lost &&
	       load_clock() - watch->moved_at > QUIET_SECONDS;
}

void probe_watch_run(struct probe_watch *watch)
{
	while (!is_over(watch)) {
		const double start = load_clock();

		for (uint32_t i = 0; i < watch->count; i++) {
			if (i % LOOKUPS_AT_ONCE == 0)
				take_notifications(watch);
			look_at(watch, &watch->prefixes[i]);
		}
		if (load_clock() - start > watch->round)
			watch->round = load_clock() - start;
	}
}

uint32_t probe_watch_hits(const struct probe_watch *watch)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < watch->count; i++)
		hits += watch->prefixes[i].hit;
	return hits;
}
