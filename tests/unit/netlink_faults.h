/*
 * A kernel that refuses what a test wants refused: what is sent to the real one and what it answers
 * goes through here.  A request for a prefix with a fault never comes to the kernel, and is
 * answered with the error; answers and notifications can be lost on the way.  Include it in one
 * file of a test.
 */
#ifndef TESTS_UNIT_NETLINK_FAULTS_H
#define TESTS_UNIT_NETLINK_FAULTS_H

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/address.h"
#include "fib/route_message.h"

enum { ANY_TIMES = -1 };

struct netlink_fault {
	struct ip_prefix prefix;
	uint16_t type; /* RTM_NEWROUTE or RTM_DELROUTE */
	uint32_t table; /* 0: any */
	int error;
	const char *text; /* the extended error text, or NULL */
	int times; /* how often it is still refused */
};

/* A refusal that has not been read yet. */
struct netlink_refusal {
	uint32_t sequence;
	const struct netlink_fault *fault;
};

static struct netlink_faults {
	struct netlink_fault faults[8];
	unsigned count;
	struct netlink_refusal refusals[512];
	unsigned refused; /* of these, not yet read */
	unsigned refusals_ever;
	int requests_fd;
	int events_fd;
	int send_error; /* what the sending of requests fails with, or 0 */
	unsigned answers_to_lose; /* batches whose answers are lost */
	bool answers_swallowed; /* .. and the socket does not say so */
	bool events_lost; /* all that has been notified so far */
	bool events_held; /* nothing that is notified comes for now */
	/* Called before each request is passed on; those before it are done by then. */
	void (*meddle)(const struct nlmsghdr *message);
	unsigned dumps_to_interrupt; /* parts of a dump that say so */
	bool no_objects; /* the kernel knows no next-hop objects */
	/* Called in place of each wait for answers that are swallowed, and for each that was. */
	void (*waits)(void);
	unsigned requests; /* for routes, ever */
	unsigned last_addition; /* the number of the last one that adds or replaces */
	unsigned first_removal; /* that of the first one that removes; 0: none */
} netlink_faults;

static struct netlink_fault *find_fault(const struct nlmsghdr *message)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	struct kernel_route route;

	if (!route_message_parse(message, &route, hops))
		return NULL;
	for (unsigned i = 0; i < netlink_faults.count; i++) {
		struct netlink_fault *fault = &netlink_faults.faults[i];

		if (fault->times && fault->type == message->nlmsg_type &&
		    (!fault->table || fault->table == route.table) &&
		    ip_prefix_equal(&fault->prefix, &route.prefix))
			return fault;
	}
	return NULL;
}

/* The kernel passes over a message of this type, but for its acknowledgement. */
static void refuse_message(struct nlmsghdr *message, struct netlink_fault *fault)
{
	netlink_faults.refusals[netlink_faults.refused++] =
	    (struct netlink_refusal){message->nlmsg_seq, fault};
	netlink_faults.refusals_ever++;
	if (fault->times > 0)
		fault->times--;
	message->nlmsg_type = NLMSG_NOOP;
}

enum { UNKNOWN_TYPE = 1022 }; /* a question */

static bool is_unknown(const struct nlmsghdr *message)
{
	return netlink_faults.no_objects && message->nlmsg_type >= RTM_NEWNEXTHOP &&
	       message->nlmsg_type <= RTM_GETNEXTHOP;
}

static void count_message(const struct nlmsghdr *message)
{
	const unsigned number = netlink_faults.requests + 1;

	if (message->nlmsg_type == RTM_NEWROUTE)
		netlink_faults.last_addition = number;
	else if (message->nlmsg_type != RTM_DELROUTE)
		return;
	else if (!netlink_faults.first_removal)
		netlink_faults.first_removal = number;
	netlink_faults.requests = number;
}

static bool is_netlink(int fd)
{
	int domain = 0;
	socklen_t length = sizeof(domain);

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) && domain == AF_NETLINK;
}

/* RTM_NEW.., RTM_DEL.. and RTM_GET.. take turns. */
static bool is_question(const struct nlmsghdr *message)
{
	return (message->nlmsg_type & 3) == (RTM_GETLINK & 3);
}

static ssize_t really_send(int fd, const void *bytes, size_t length, int flags)
{
	return syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
	_Alignas(struct nlmsghdr) static uint8_t copy[1 << 17];
	struct nlmsghdr *message = (struct nlmsghdr *)copy;
	size_t passed = 0; /* octets that have been passed on */
	size_t at = 0;

	if (!is_netlink(fd) || length > sizeof(copy))
		return really_send(fd, bytes, length, flags);
	memcpy(copy, bytes, length);
	if (is_question(message)) {
		netlink_faults.events_fd = fd;
	} else {
		netlink_faults.requests_fd = fd;
		errno = netlink_faults.send_error;
		if (errno)
			return -1;
	}
	while (at < length) {
		struct netlink_fault *fault;

		message = (struct nlmsghdr *)(copy + at);
		if (netlink_faults.meddle && !is_question(message)) {
			if (at > passed)
				really_send(fd, copy + passed, at - passed, flags);
			passed = at;
			netlink_faults.meddle(message);
		}
		at += NLMSG_ALIGN(message->nlmsg_len);
		fault = find_fault(message);

		count_message(message);
		if (is_unknown(message))
			message->nlmsg_type = UNKNOWN_TYPE;
		if (fault)
			refuse_message(message, fault);
	}
	if (really_send(fd, copy + passed, length - passed, flags) < 0)
		return -1;
	return (ssize_t)length;
}

/* Writes the answer to the first request that was refused; returns its length. */
static ssize_t read_refusal(struct msghdr *header)
{
	const struct netlink_refusal refusal = netlink_faults.refusals[0];
	const char *text = refusal.fault->text;
	const size_t text_size = text ? strlen(text) + 1 : 0;
	struct nlmsghdr *message = header->msg_iov[0].iov_base;
	struct nlmsgerr *error = NLMSG_DATA(message);
	struct nlattr *attribute = (struct nlattr *)(error + 1);

	memset(message, 0, NLMSG_SPACE(sizeof(*error)) + NLA_HDRLEN + NLMSG_ALIGN(text_size));
	*message = (struct nlmsghdr){
	    .nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof(*error)) +
				    (text ? NLA_HDRLEN + NLMSG_ALIGN(text_size) : 0)),
	    .nlmsg_type = NLMSG_ERROR,
	    .nlmsg_flags = (uint16_t)(NLM_F_CAPPED | (text ? NLM_F_ACK_TLVS : 0)),
	    .nlmsg_seq = refusal.sequence,
	};
	error->error = -refusal.fault->error;
	if (text) {
		attribute->nla_type = NLMSGERR_ATTR_MSG;
		attribute->nla_len = (uint16_t)(NLA_HDRLEN + text_size);
		memcpy((uint8_t *)attribute + NLA_HDRLEN, text, text_size);
	}
	netlink_faults.refused--;
	memmove(netlink_faults.refusals, netlink_faults.refusals + 1,
	    netlink_faults.refused * sizeof(refusal));
	((struct sockaddr_nl *)header->msg_name)->nl_pid = 0;
	header->msg_flags = 0;
	return message->nlmsg_len;
}

static ssize_t really_receive(int fd, struct msghdr *header, int flags)
{
	return syscall(SYS_recvmsg, fd, header, flags);
}

/* Reads what there is into nowhere; then fails as a socket does that has lost something. */
static ssize_t lose(int fd, struct msghdr *header, int error)
{
	while (really_receive(fd, header, MSG_DONTWAIT) >= 0)
		continue;
	errno = error;
	return -1;
}

static ssize_t receive_event(int fd, struct msghdr *header, int flags)
{
	const ssize_t length = really_receive(fd, header, flags);
	struct nlmsghdr *message = header->msg_iov[0].iov_base;

	if (length > 0 && message->nlmsg_flags & NLM_F_MULTI && netlink_faults.dumps_to_interrupt) {
		netlink_faults.dumps_to_interrupt--;
		message->nlmsg_flags |= NLM_F_DUMP_INTR;
	}
	return length;
}

ssize_t recvmsg(int fd, struct msghdr *header, int flags)
{
	if (fd == netlink_faults.requests_fd && netlink_faults.answers_to_lose) {
		netlink_faults.answers_to_lose--;
		if (netlink_faults.waits)
			netlink_faults.waits();
		return lose(fd, header, netlink_faults.answers_swallowed ? EAGAIN : ENOBUFS);
	}
	if (fd == netlink_faults.requests_fd && netlink_faults.refused)
		return read_refusal(header);
	if (fd == netlink_faults.events_fd && netlink_faults.events_held) {
		errno = EAGAIN;
		return -1;
	}
	if (fd == netlink_faults.events_fd && netlink_faults.events_lost) {
		netlink_faults.events_lost = false;
		return lose(fd, header, ENOBUFS);
	}
	if (fd == netlink_faults.events_fd)
		return receive_event(fd, header, flags);
	return really_receive(fd, header, flags);
}

int poll(struct pollfd *sockets, nfds_t count, int timeout_ms)
{
	struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};

	if (netlink_faults.answers_to_lose && netlink_faults.waits) {
		netlink_faults.waits();
		return 0;
	}
	return (int)syscall(SYS_ppoll, sockets, count, timeout_ms < 0 ? NULL : &timeout, NULL, 0);
}

static inline void forget_faults(void)
{
	netlink_faults = (struct netlink_faults){.requests_fd = -1, .events_fd = -1};
}

/* From now on requests of this kind for the prefix are refused. */
static inline struct netlink_fault *refuse_requests(
    uint16_t type, const char *prefix, int error, const char *text, int times)
{
	struct netlink_fault *fault = &netlink_faults.faults[netlink_faults.count++];

	*fault = (struct netlink_fault){.type = type, .error = error, .text = text, .times = times};
	if (!ip_prefix_parse(prefix, &fault->prefix, NULL))
		abort();
	return fault;
}

#endif
